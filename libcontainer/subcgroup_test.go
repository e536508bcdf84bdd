package libcontainer

import (
	"strings"
	"testing"

	"github.com/minirun/minirun/cgroups"
)

func TestSubCgroups(t *testing.T) {
	own := cgroups.Record{Dirs: []cgroups.Dir{
		{Version: 1, Controllers: []string{"cpu", "cpuacct"}, MountPoint: "/c/cpu", Path: "/web", Made: 1},
		{Version: 1, Name: "systemd", MountPoint: "/c/systemd", Path: "/web", Made: 1},
		{Version: 2, Controllers: []string{"hugetlb"}, MountPoint: "/c/unified", Path: "/web", Made: 1},
	}}
	for _, c := range []struct {
		entries []string
		want    string // the paths, or the error
	}{
		{nil, "/web /web /web"},
		{[]string{"jobs"}, "/web/jobs /web/jobs /web/jobs"},
		{[]string{"/jobs/a/"}, "/web/jobs/a /web/jobs/a /web/jobs/a"},
		{[]string{"/"}, "/web /web /web"},
		{[]string{"a/../b"}, "/web/b /web/b /web/b"},
		{[]string{"../web2"}, `cgroup "../web2": it is not below the container's`},
		{[]string{"a/../../b"}, `cgroup "a/../../b": it is not below the container's`},
		{[]string{"cpu:/../web2"}, `cgroup "cpu:/../web2": it is not below the container's`},
		{[]string{"cpu:fast"}, "/web/fast /web /web"},
		{[]string{"jobs", "cpuacct,hugetlb:x"}, "/web/x /web/jobs /web/x"},
		{[]string{"name=systemd:s"}, "/web /web/s /web"},
		{[]string{"nope:x"}, `cgroup "nope:x": this host has no hierarchy with the controller "nope"`},
	} {
		rec, err := subCgroups(&own, c.entries)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			var paths []string
			for _, d := range rec.Dirs {
				paths = append(paths, d.Path)
				if d.Made != 0 {
					t.Errorf("%q: counts as made by the exec: %+v", c.entries, d)
				}
			}
			got = strings.Join(paths, " ")
		}
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.entries, got, c.want)
		}
	}
	for _, none := range []*cgroups.Record{nil, {}} {
		if rec, err := subCgroups(none, nil); rec != none || err != nil {
			t.Errorf("no cgroup, and none asked for: %v, %v", rec, err)
		}
		if _, err := subCgroups(none, []string{"jobs"}); err == nil || err.Error() != `cgroup "jobs": the container has no cgroup of its own` {
			t.Errorf("no cgroup: %v", err)
		}
	}
}
