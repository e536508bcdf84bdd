package libcontainer

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/minirun/minirun/cgroups"
)

func plainRecord() record {
	return record{
		Version: stateVersion, ID: "web", OCIVersion: "1.2.0", Bundle: "/srv/web", Rootfs: "/srv/web/rootfs", OwnerUID: 1000,
		Created: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC), Pid: 4711, StartTime: 99887766, Namespaces: 0x6c020000,
		Cgroup: &cgroups.Record{Dirs: []cgroups.Dir{
			{Version: 1, Controllers: []string{"cpu", "cpuacct"}, MountPoint: "/sys/fs/cgroup/cpu,cpuacct", Path: "/a/b", Made: 2},
			{Version: 1, Name: "systemd", NoPrefix: true, MountPoint: "/sys/fs/cgroup/systemd", Path: "/", Made: cgroups.Pending},
			{Version: 2, Controllers: []string{"memory"}, MountPoint: "/sys/fs/cgroup", Path: "/a/b"},
		}},
		Annotations: map[string]string{"k": "v", "empty": ""},
		NoPivot:     true, NoNewKeyring: true, Preserve: 3, Notify: true, Moved: true, Poststop: true, NoPoststart: true,
	}
}

// The usual records are read without encoding/json, and all by either.
func TestRecordDecodePlain(t *testing.T) {
	quoted := plainRecord()
	quoted.Bundle = `/srv/"web"`
	unit := plainRecord()
	unit.Cgroup.Unit = &cgroups.Unit{Name: "web.scope"}
	for name, c := range map[string]struct {
		r     record
		plain bool
	}{
		"plain": {plainRecord(), true},
		"empty": {record{}, true},
		// Escapes and systemd's units are left to encoding/json.
		"quoted": {quoted, false},
		"unit":   {unit, false},
	} {
		b := c.r.encode()
		var got record
		if plain := got.decodePlain(b); plain != c.plain {
			t.Errorf("%s: read without encoding/json: %v, want %v\n%s", name, plain, c.plain, b)
		} else if plain && !reflect.DeepEqual(got, c.r) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.r)
		}
	}
}

// FuzzRecordDecodePlain: whatever the text, decodePlain refuses it or finds in it what encoding/json finds.
func FuzzRecordDecodePlain(f *testing.F) {
	r := plainRecord()
	f.Add(r.encode())
	for _, s := range []string{
		"", "{", "{}", `{"version":1}`, `{"pid":1,"pid":2}`, `{"cgroup":{"dirs":[{"version":1},]}}`, `{"id":"a\u0062"}`,
		`{"startTime":18446744073709551615}`, `{"version":01}`, `{"created":"0001-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, want record
		if !got.decodePlain(b) {
			return
		}
		if err := json.Unmarshal(b, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, encoding/json %+v, %v", b, got, want, err)
		}
	})
}
