package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

func mustCreate(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestParseSignal(t *testing.T) {
	for s, want := range map[string]unix.Signal{
		"9": 9, "0": 0, "64": 64, "KILL": 9, "SIGKILL": 9, "sigkill": 9, "Term": 15, "HUP": 1, "SIGWINCH": 28,
		"RTMIN": 34, "SIGRTMIN+3": 37, "rtmax": 64, "SIGRTMAX-14": 50, "RTMIN+30": 64, "RTMAX-30": 34,
	} {
		if got, err := parseSignal(s); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1", "65", "99999999999999999999", "SIG", "KIL", "SIGSIGKILL", "9 ", "0x9", "RTMIN-1", "RTMAX+1", "RTMIN+31", "RTMAX-31", "RTMIN+x", "RTMIN5", "RTMIN+", "RTMIN+-1"} {
		if got, err := parseSignal(s); err == nil {
			t.Errorf("%q: %d and no error", s, got)
		}
	}
}

// userOf parses the flags of exec for a process with user 7:8.
func userOf(t *testing.T, args ...string) (specs.User, error) {
	t.Helper()
	var c execFlags
	f := newFlags("exec")
	c.register(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	p := &specs.Process{User: specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9}}}
	err := c.setUser(p)
	return p.User, err
}

// TestUser: what is given is what the program gets, or an error; never another id (CVE-2026-30892 was "1" taken as root).
func TestUser(t *testing.T) {
	for s, want := range map[string][2]uint32{
		"1": {1, 8}, "0": {0, 8}, "0:0": {0, 0}, "1:2": {1, 2}, "1000": {1000, 8}, "10:0": {10, 0}, "4294967294:4294967294": {1<<32 - 2, 1<<32 - 2},
	} {
		got, err := userOf(t, "--user", s)
		if err != nil || got.UID != want[0] || got.GID != want[1] || !slices.Equal(got.AdditionalGids, []uint32{9}) {
			t.Errorf("%q: %+v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", ":", "1:", ":1", "root", "root:root", "1:root", "-1", "1:-1", "4294967295", "1:4294967295", "4294967296", "1:4294967296",
		"18446744073709551617", "0x1", "1e3", "1 ", " 1", "+1", "1_0", "1:2:3", "1.0", "1\n",
	} {
		if got, err := userOf(t, "--user", s); err == nil {
			t.Errorf("%q: %+v and no error", s, got)
		}
	}
	if got, err := userOf(t); err != nil || got.UID != 7 || got.GID != 8 {
		t.Errorf("without the flag: %+v, %v", got, err)
	}
}

func TestAdditionalGids(t *testing.T) {
	got, err := userOf(t, "-g", "5", "--additional-gids", "6")
	if err != nil || !slices.Equal(got.AdditionalGids, []uint32{9, 5, 6}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, s := range []string{"", "-1", "wheel", "4294967295", "4294967296"} {
		if got, err := userOf(t, "-g", s); err == nil {
			t.Errorf("%q: %+v and no error", s, got)
		}
	}
}

// TestAddCaps: exec must not give inheritable capabilities (CVE-2022-29162), nor ambient ones that were not inheritable before.
func TestAddCaps(t *testing.T) {
	c := execFlags{caps: list{"net_admin", "CAP_KILL", "cap_chown", "CAP_KILL"}}
	p := &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Inheritable: []string{"CAP_KILL"}}}
	c.addCaps(p)
	all := []string{"CAP_KILL", "CAP_CHOWN", "CAP_NET_ADMIN"}
	for name, got := range map[string][]string{
		"bounding": p.Capabilities.Bounding, "effective": p.Capabilities.Effective, "permitted": p.Capabilities.Permitted,
	} {
		if len(got) != len(all) || !slices.Contains(got, all[0]) || !slices.Contains(got, all[1]) || !slices.Contains(got, all[2]) {
			t.Errorf("%s: %q, want each of %q once", name, got, all)
		}
	}
	if !slices.Equal(p.Capabilities.Inheritable, []string{"CAP_KILL"}) || !slices.Equal(p.Capabilities.Ambient, []string{"CAP_KILL"}) {
		t.Errorf("inheritable %q, ambient %q", p.Capabilities.Inheritable, p.Capabilities.Ambient)
	}
	p = &specs.Process{}
	c.addCaps(p)
	if len(p.Capabilities.Inheritable) != 0 || len(p.Capabilities.Ambient) != 0 || len(p.Capabilities.Bounding) != 3 {
		t.Errorf("from nothing: %+v", p.Capabilities)
	}
	p = &specs.Process{}
	(&execFlags{}).addCaps(p)
	if p.Capabilities != nil {
		t.Errorf("without the flag: %+v", p.Capabilities)
	}
}

func TestRowsOf(t *testing.T) {
	const out = "UID        PID  PPID CMD\nroot         1     0 init\nroot        12     1 sh 12\nroot       123     1 12\nroot\n"
	got, err := rowsOf(out, []int{12, 4})
	if want := "UID        PID  PPID CMD\nroot        12     1 sh 12\n"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if got, err := rowsOf(out, nil); err != nil || got != "UID        PID  PPID CMD\n" {
		t.Errorf("without processes: %q, %v", got, err)
	}
	for _, bad := range []string{"", "UID CMD\nroot 12\n", "XPID\n"} {
		if got, err := rowsOf(bad, []int{12}); err == nil {
			t.Errorf("%q: %q and no error", bad, got)
		}
	}
}

func someStates() []stateJSON {
	created := time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC)
	return []stateJSON{
		newStateJSON(libcontainer.State{
			State:  specs.State{Version: "1.0.2", ID: "web", Status: specs.StateRunning, Pid: 12, Bundle: "/srv/web", Annotations: map[string]string{"a": "b"}},
			Rootfs: "/srv/web/rootfs", Created: created,
		}, "root"),
		newStateJSON(libcontainer.State{
			State: specs.State{Version: "1.0.2", ID: "a-container-with-a-long-name", Status: specs.StateStopped, Bundle: "/b"}, Rootfs: "/b/r", Created: created,
		}, "#1000"),
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := table(&b, someStates()); err != nil {
		t.Fatal(err)
	}
	const want = `ID                             PID         STATUS      BUNDLE      CREATED                         OWNER
web                            12          running     /srv/web    2024-05-06T07:08:09.00000001Z   root
a-container-with-a-long-name   0           stopped     /b          2024-05-06T07:08:09.00000001Z   #1000
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// TestStateJSON holds the names that engines decode.
func TestStateJSON(t *testing.T) {
	text, err := json.Marshal(someStates())
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"ociVersion":"1.0.2","id":"web","pid":12,"status":"running","bundle":"/srv/web","rootfs":"/srv/web/rootfs",` +
		`"created":"2024-05-06T07:08:09.00000001Z","annotations":{"a":"b"},"owner":"root"},` +
		`{"ociVersion":"1.0.2","id":"a-container-with-a-long-name","pid":0,"status":"stopped","bundle":"/b","rootfs":"/b/r",` +
		`"created":"2024-05-06T07:08:09.00000001Z","owner":"#1000"}]`
	if string(text) != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
}

func TestListOfNothing(t *testing.T) {
	root := t.TempDir()
	for args, want := range map[string]string{
		"list --format json": "[]\n", "list -f json": "[]\n", "list -q": "",
		"list": "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n",
	} {
		if got := call(t, append([]string{"--root", root}, strings.Fields(args)...)...); got.stdout != want || got.status != 0 {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if got := call(t, "--root", filepath.Join(root, "none"), "list"); got.status != 1 || !strings.HasPrefix(got.stderr, "--root: ") {
		t.Errorf("list of a root that is not there: %+v", got)
	}
}

func TestDeleteForceOfNothing(t *testing.T) {
	if got := call(t, "--root", t.TempDir(), "delete", "--force", "none"); got != (outcome{}) {
		t.Errorf("%+v", got)
	}
}

func TestSpecAndPlan(t *testing.T) {
	bundle := t.TempDir()
	if got := call(t, "spec", "--bundle", bundle); got != (outcome{}) {
		t.Fatalf("spec: %+v", got)
	}
	again := call(t, "spec", "-b", bundle)
	if again.status != 1 || again.stderr != "file "+filepath.Join(bundle, "config.json")+" exists. Remove it first\n" {
		t.Errorf("spec over a file: %+v", again)
	}
	root := filepath.Join(bundle, "state")
	text := call(t, "--root", root, "plan", "--bundle", bundle)
	if text.status != 0 || !strings.Contains(text.stdout, "spawn") {
		t.Fatalf("plan: %+v", text)
	}
	got := call(t, "--root", root, "plan", "--bundle", bundle, "--format", "json", "web")
	var steps []map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &steps); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if n := strings.Count(text.stdout, "\n") - 1; len(steps) != n {
		t.Errorf("%d steps in JSON, %d rows of text", len(steps), n)
	}
	for i, s := range steps {
		side, op, because := s["side"], s["op"], s["because"]
		delete(s, "arguments")
		if s["index"] != float64(i) || side != "host" && side != "init" || op == "" || because == "" || len(s) != 4 {
			t.Errorf("step %d: %v", i, s)
		}
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("plan made the root directory")
	}
}

func TestFeatures(t *testing.T) {
	got := call(t, "features")
	var f specs.Features
	if err := json.Unmarshal([]byte(got.stdout), &f); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	want := libcontainer.Features()
	want.Annotations = f.Annotations
	if text, err := json.MarshalIndent(want, "", "  "); err != nil || string(text)+"\n" != got.stdout {
		t.Errorf("got %s\nwant %s (%v)", got.stdout, text, err)
	}
	if f.Annotations["org.opencontainers.runc.version"] == "" {
		t.Errorf("annotations %v", f.Annotations)
	}
	canCheckpoint := slices.ContainsFunc(commands(), func(c command) bool { return c.name == "checkpoint" })
	if (f.Annotations["org.opencontainers.runc.checkpoint.enabled"] == "true") != canCheckpoint {
		t.Errorf("checkpoint is there: %v, annotations %v", canCheckpoint, f.Annotations)
	}
	for name, value := range f.Annotations { // parsers of engines have stumbled over a line break
		if strings.ContainsAny(value, "\n\r") {
			t.Errorf("%s is %q", name, value)
		}
	}
}
