package resctrl

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

const wide = "    L3:0=0fff;1=0fff\n    MB:0= 100;1= 100\n"

// fake is a resctrl file system of ordinary files. What is written to schemata takes the place of the lines of the same resource, as in the
// kernel; a line with "bad" in it is refused.
type fake struct {
	FS
	t   *testing.T
	log []string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t}
	f.FS = FS{Dir: t.TempDir(), put: f.write, Rmdir: func(dir string) error {
		f.log = append(f.log, "rmdir "+f.rel(dir))
		if _, err := os.Stat(dir); err != nil {
			return unix.ENOENT
		}
		return os.RemoveAll(dir)
	}}
	f.Mkdir = func(dir string) error {
		f.log = append(f.log, "mkdir "+f.rel(dir))
		if strings.Contains(dir, "toomany") {
			f.file("info/last_cmd_status", "Out of CLOSIDs\n")
			return unix.ENOSPC
		}
		if err := unix.Mkdir(dir, 0o755); err != nil {
			return err
		}
		f.populate(f.rel(dir))
		return nil
	}
	f.file("info/last_cmd_status", "ok\n")
	f.file("info/MB/bandwidth_gran", "10\n")
	f.populate(".")
	return f
}

func (f *fake) rel(path string) string {
	r, err := filepath.Rel(f.Dir, path)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fake) file(name, text string) {
	path := filepath.Join(f.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) read(name string) string {
	text, err := os.ReadFile(filepath.Join(f.Dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *fake) populate(dir string) {
	f.file(dir+"/tasks", "")
	if filepath.Base(filepath.Dir(dir)) == "mon_groups" {
		return
	}
	f.file(dir+"/schemata", wide)
	if err := os.Mkdir(filepath.Join(f.Dir, dir, "mon_groups"), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) write(path, text string) error {
	name := f.rel(path)
	f.log = append(f.log, name+" "+strings.TrimSpace(text))
	if strings.Contains(text, "bad") {
		f.file("info/last_cmd_status", "Unknown schema name\n")
		return unix.EINVAL
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if filepath.Base(path) == "schemata" {
		resource, _, _ := strings.Cut(text, ":")
		var kept string
		for l := range strings.Lines(string(old)) {
			if !strings.HasPrefix(strings.TrimSpace(l), resource+":") {
				kept += l
			}
		}
		old = []byte(kept)
	}
	return os.WriteFile(path, append(old, text...), 0o644)
}

func (f *fake) took(want ...string) {
	f.t.Helper()
	if got := strings.Join(f.log, "\n"); got != strings.Join(want, "\n") {
		f.t.Errorf("done:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	f.log = nil
}

func parse(t *testing.T, text string) *specs.LinuxIntelRdt {
	t.Helper()
	cfg := &specs.LinuxIntelRdt{}
	if err := json.Unmarshal([]byte(text), cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(root+"/proc/self", 0o755); err != nil {
		t.Fatal(err)
	}
	const other = "24 1 0:20 / /proc rw - proc proc rw\n"
	for _, c := range []struct{ table, want string }{
		{other, ""},
		{other + "30 24 0:25 / /sys/fs/resctrl rw,nosuid shared:9 - resctrl resctrl rw\n", "/sys/fs/resctrl"},
		{other + "30 24 0:25 /group /run/one rw - resctrl resctrl rw\n31 24 0:25 / /run/a\\040b rw - resctrl none rw,cdp\n", "/run/a b"},
	} {
		if err := os.WriteFile(root+"/proc/self/mountinfo", []byte(c.table), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Find(root)
		switch {
		case c.want == "" && !errors.Is(err, ErrNotMounted):
			t.Errorf("%q: %v, %v", c.table, f, err)
		case c.want != "" && (err != nil || f.Dir != root+c.want):
			t.Errorf("%q: %v, %v", c.table, f, err)
		}
	}
}

// A group of the container's own is made, limited, joined and removed with its monitoring group.
func TestOwnGroup(t *testing.T) {
	f := newFake(t)
	cfg := parse(t, `{"schemata":["L3:1=f"],"memBwSchema":"MB:0=20","l3CacheSchema":"L3:0=ff","enableMonitoring":true}`)
	placed := f.Place(cfg, "web")
	if placed != (Group{Name: "web", Own: true, Monitor: "web", Pending: true}) {
		t.Errorf("placed %+v", placed)
	}
	g, _, err := f.Make(cfg, placed)
	if err != nil || g != (Group{Name: "web", Own: true, Monitor: "web"}) {
		t.Fatalf("made %+v, %v", g, err)
	}
	f.took("mkdir web", "web/schemata L3:0=ff", "web/schemata MB:0=20", "web/schemata L3:1=f", "mkdir web/mon_groups/web")
	if err := f.Join(g, 12); err != nil {
		t.Fatal(err)
	}
	f.took("web/tasks 12", "web/mon_groups/web/tasks 12")
	if err := f.Remove(g); err != nil {
		t.Fatal(err)
	}
	f.took("rmdir web/mon_groups/web", "rmdir web")
	if err := f.Remove(g); err != nil {
		t.Errorf("removed again: %v", err)
	}
}

// The rules of the specification for closID, and what is left of what fails.
func TestMake(t *testing.T) {
	for _, c := range []struct {
		name, cfg, group string // group is what is there before: its schemata
		done, want       string
	}{
		{"neither", `{}`, "", "mkdir web", "own"},
		{"closID without schemata", `{"closID":"gold"}`, wide, "", "not own"},
		{"closID that is missing", `{"closID":"gold"}`, "", "", "linux.intelRdt.closID: the resctrl group DIR/gold has to exist, since there are no schemata to make it with: no such file or directory"},
		{"closID with schemata", `{"closID":"gold","l3CacheSchema":"L3:0=f"}`, "", "mkdir gold\ngold/schemata L3:0=f", "not own"},
		{"closID that fits", `{"closID":"gold","l3CacheSchema":"L3:1=FFF","memBwSchema":"MB:0=100"}`, wide, "mkdir gold", "not own"},
		{"bandwidth in steps", `{"closID":"gold","memBwSchema":"MB:0=91"}`, wide, "mkdir gold", "not own"},
		{
			"closID that differs", `{"closID":"gold","l3CacheSchema":"L3:0=fff","memBwSchema":"MB:0=50"}`, wide, "mkdir gold",
			`linux.intelRdt.memBwSchema: the resctrl group DIR/gold exists and has other schemata: "L3:0=0fff;1=0fff MB:0= 100;1= 100", not "MB:0=50"`,
		},
		{"a free line that differs", `{"closID":"gold","schemata":["L3:0=fff","L2:0=f"]}`, wide, "mkdir gold", `linux.intelRdt.schemata[1]: the resctrl group DIR/gold exists and has other schemata`},
		{"a free line that wins", `{"closID":"gold","l3CacheSchema":"L3:0=f","schemata":["L3:0=fff"]}`, wide, "mkdir gold", "not own"},
		{"a line that is none", `{"closID":"gold","schemata":["L3"]}`, wide, "mkdir gold", `linux.intelRdt.schemata[0]: "L3" is no line of schemata`},
		{"the default group", `{"closID":"/","enableMonitoring":true}`, "", "mkdir mon_groups/web", "not own"},
		{"the default group differs", `{"closID":"/","l3CacheSchema":"L3:0=1"}`, "", "", `linux.intelRdt.l3CacheSchema: the resctrl group DIR exists and has other schemata`},
		{
			"refused by the kernel", `{"memBwSchema":"MB:0=20","schemata":["bad:0=1"],"enableMonitoring":true}`, "",
			"mkdir web\nweb/schemata MB:0=20\nweb/schemata bad:0=1\nrmdir web",
			"linux.intelRdt.schemata[0]: write bad:0=1 to schemata of DIR/web: invalid argument (Unknown schema name)",
		},
		{"no more groups", `{"closID":"toomany","l3CacheSchema":"L3:0=f"}`, "", "mkdir toomany", "linux.intelRdt: make the resctrl group DIR/toomany: no space left on device (Out of CLOSIDs)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			cfg := parse(t, c.cfg)
			if c.group != "" {
				if err := f.Mkdir(filepath.Join(f.Dir, "gold")); err != nil {
					t.Fatal(err)
				}
				f.log = nil
			}
			g, undo, err := f.Make(cfg, f.Place(cfg, "web"))
			got := map[bool]string{true: "own", false: "not own"}[g.Own]
			if err != nil {
				got = strings.ReplaceAll(err.Error(), f.Dir, "DIR")
				var fe *cgroups.FieldError
				if !errors.As(err, &fe) {
					t.Errorf("%T is no *FieldError", err)
				}
			}
			if got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			f.took(strings.Split(c.done, "\n")...)
			if err != nil {
				return
			}
			if err := f.Remove(g); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(f.Dir, "gold")); strings.Contains(c.cfg, "gold") && err != nil {
				t.Error("a group with a closID was removed")
			}
			f.log = nil
			if err := undo(); err != nil {
				t.Error(err)
			}
			_, err = os.Stat(filepath.Join(f.Dir, "gold"))
			if strings.Contains(c.done, "mkdir gold\n") && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after undo: %v", err)
			}
		})
	}
}

// A monitoring group that is there already is an error, and so is a kernel without monitoring; the group goes again.
func TestMonitoringFails(t *testing.T) {
	f := newFake(t)
	cfg := parse(t, `{"closID":"/","enableMonitoring":true}`)
	if _, _, err := f.Make(cfg, f.Place(cfg, "web")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Make(cfg, f.Place(cfg, "web")); !errors.Is(err, unix.EEXIST) || !strings.HasPrefix(err.Error(), "linux.intelRdt.enableMonitoring: make the resctrl group") {
		t.Errorf("error: %v", err)
	}
	f.log = nil
	cfg.ClosID = ""
	if err := os.RemoveAll(filepath.Join(f.Dir, "mon_groups")); err != nil {
		t.Fatal(err)
	}
	mkdir := f.Mkdir
	f.Mkdir = func(dir string) error {
		if strings.Contains(dir, "mon_groups") {
			return unix.ENOENT
		}
		return mkdir(dir)
	}
	if _, _, err := f.Make(cfg, f.Place(cfg, "web")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("error: %v", err)
	}
	f.took("mkdir web", "rmdir web")
}

// What is there before Make is not in a record of before Make, and is not removed by it.
func TestLook(t *testing.T) {
	f := newFake(t)
	cfg := parse(t, `{"enableMonitoring":true}`)
	g := f.Place(cfg, "web")
	if got, err := f.Look(g); err != nil || got != g {
		t.Errorf("nothing there: %+v, %v, want %+v", got, err, g)
	}
	f.populate("web")
	got, err := f.Look(g)
	if want := (Group{Name: "web", Monitor: "web", Pending: true}); err != nil || got != want {
		t.Errorf("with a group: %+v, %v, want %+v", got, err, want)
	}
	f.populate("web/mon_groups/web")
	got, err = f.Look(g)
	if want := (Group{Name: "web", Pending: true}); err != nil || got != want {
		t.Errorf("with both: %+v, %v, want %+v", got, err, want)
	}
	if err := f.Remove(got); err != nil {
		t.Fatal(err)
	}
	f.took()
	f.file("plain", "")
	if _, err := f.Look(f.Place(parse(t, `{"closID":"plain","enableMonitoring":true}`), "web")); err == nil {
		t.Error("a group that is no directory has no error")
	}
}

// A record from before Make cleans up what has no process.
func TestRemovePending(t *testing.T) {
	f := newFake(t)
	cfg := parse(t, `{"enableMonitoring":true}`)
	g := f.Place(cfg, "web")
	if err := f.Remove(g); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	if _, _, err := f.Make(cfg, g); err != nil {
		t.Fatal(err)
	}
	f.file("web/tasks", "77\n")
	f.log = nil
	if err := f.Remove(g); err != nil {
		t.Fatal(err)
	}
	f.took("rmdir web/mon_groups/web")
	f.file("web/tasks", "")
	if err := f.Remove(g); err != nil {
		t.Fatal(err)
	}
	f.took("rmdir web/mon_groups/web", "rmdir web")
}

func TestUpdate(t *testing.T) {
	f := newFake(t)
	cfg := parse(t, `{"l3CacheSchema":"L3:0=ff;1=ff"}`)
	g, _, err := f.Make(cfg, f.Place(cfg, "web"))
	if err != nil {
		t.Fatal(err)
	}
	before := f.read("web/schemata")
	undo, err := f.Update(g, parse(t, `{"l3CacheSchema":"L3:0=1;1=1","memBwSchema":"MB:0=10;1=10"}`))
	if err != nil || f.read("web/schemata") != "L3:0=1;1=1\nMB:0=10;1=10\n" {
		t.Fatalf("%q, %v", f.read("web/schemata"), err)
	}
	if err := undo(); err != nil || strings.Join(strings.Fields(f.read("web/schemata")), "") != strings.Join(strings.Fields(before), "") {
		t.Errorf("undone: %q, %v; want %q", f.read("web/schemata"), err, before)
	}
	_, err = f.Update(g, parse(t, `{"memBwSchema":"MB:0=10;1=10","schemata":["bad"]}`))
	if err == nil || !strings.HasPrefix(err.Error(), "linux.intelRdt.schemata[0]: write bad to schemata") {
		t.Errorf("error: %v", err)
	}
	if strings.Join(strings.Fields(f.read("web/schemata")), "") != strings.Join(strings.Fields(before), "") {
		t.Errorf("after a failure: %q, want %q", f.read("web/schemata"), before)
	}
	if _, err := f.Update(Group{}, cfg); err == nil {
		t.Error("the default group was changed")
	}
}

// The real system calls, as far as ordinary files go.
func TestPlainFiles(t *testing.T) {
	f := &FS{Dir: t.TempDir()}
	cfg := parse(t, `{}`)
	g, undo, err := f.Make(cfg, f.Place(cfg, "web"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Join(g, 5); !errors.Is(err, unix.ENOENT) { // never created
		t.Errorf("join: %v", err)
	}
	path := filepath.Join(f.Dir, "web", "tasks")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Join(g, 5); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "5\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := undo(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}
