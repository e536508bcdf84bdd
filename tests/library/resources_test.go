//go:build integration

package library

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// knob reads a file of a container's cgroup, by its name in version 1 or 2.
func knob(t *testing.T, id, controller, v1, v2 string) string {
	t.Helper()
	for _, path := range []string{
		filepath.Join("/sys/fs/cgroup", controller, cgroupParent(), id, v1),
		filepath.Join("/sys/fs/cgroup", cgroupParent(), id, v2),
	} {
		if text, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatalf("neither %s nor %s of %s", v1, v2, id)
	return ""
}

func TestUpdate(t *testing.T) {
	rt, root := newRuntime(t)
	c := sleeper(t, rt, "update")
	limit, shares := int64(50), uint64(2048)
	noError(t, c.Update(t.Context(), libcontainer.UpdateOptions{Resources: &specs.LinuxResources{
		Pids: &specs.LinuxPids{Limit: &limit}, CPU: &specs.LinuxCPU{Shares: &shares},
	}}))
	if got := knob(t, "update", "pids", "pids.max", "pids.max"); got != "50" {
		t.Errorf("pids.max %s", got)
	}
	// Another program starts from what is in force.
	other := openRuntime(t, libcontainer.Options{Root: root})
	defer other.Close()
	d, err := other.Load(t.Context(), "update")
	noError(t, err)
	spec, err := d.Spec()
	noError(t, err)
	if r := spec.Linux.Resources; r.Pids == nil || *r.Pids.Limit != 50 || *r.CPU.Shares != 2048 || len(r.Devices) == 0 {
		t.Errorf("in force: %+v", r)
	}
	if s, err := d.State(t.Context()); err != nil || s.Resources == nil || *s.Resources.Pids.Limit != 50 {
		t.Errorf("state %+v, %v", s, err)
	}
	limit = 40
	err = d.Update(t.Context(), libcontainer.UpdateOptions{Resources: &specs.LinuxResources{
		Pids: &specs.LinuxPids{Limit: &limit}, CPU: &specs.LinuxCPU{Cpus: "4000"},
	}})
	var field *cgroups.FieldError
	var write *cgroups.WriteError
	if !errors.As(err, &field) || field.Field != "linux.resources.cpu.cpus" || !errors.As(err, &write) || write.Value != "4000" || write.File != "cpuset.cpus" {
		t.Errorf("error: %v", err)
	}
	if got := knob(t, "update", "pids", "pids.max", "pids.max"); got != "50" {
		t.Errorf("pids.max after a failure %s", got)
	}
	noError(t, d.Update(t.Context(), libcontainer.UpdateOptions{}))
	err = d.Update(t.Context(), libcontainer.UpdateOptions{IntelRdt: &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f"}})
	if err == nil || !strings.HasPrefix(err.Error(), "linux.intelRdt: the container was made without it") {
		t.Errorf("error: %v", err)
	}
	noError(t, c.Signal(t.Context(), unix.SIGKILL))
	if _, err := c.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := d.Update(t.Context(), libcontainer.UpdateOptions{}); !errors.Is(err, libcontainer.ErrNotRunning) {
		t.Errorf("update of a stopped container: %v", err)
	}
}

func TestPauseResume(t *testing.T) {
	rt, _ := newRuntime(t)
	c := sleeper(t, rt, "pause")
	if err := c.Resume(t.Context()); !errors.Is(err, libcontainer.ErrNotPaused) {
		t.Errorf("resume of a running container: %v", err)
	}
	noError(t, c.Pause(t.Context()))
	if got := status(t, c); got != "paused" {
		t.Errorf("status %q", got)
	}
	if err := c.Pause(t.Context()); !errors.Is(err, libcontainer.ErrPaused) {
		t.Errorf("pause of a paused container: %v", err)
	}
	if _, err := c.Exec(t.Context(), libcontainer.ExecOptions{Process: &specs.Process{Args: []string{"true"}, Cwd: "/"}}); !errors.Is(err, libcontainer.ErrPaused) {
		t.Errorf("exec in a paused container: %v", err)
	}
	noError(t, c.Resume(t.Context()))
	if got := status(t, c); got != specs.StateRunning {
		t.Errorf("status %q", got)
	}
	noError(t, c.Pause(t.Context()))
	noError(t, c.Signal(t.Context(), unix.SIGKILL)) // and it ends
	if st, err := c.Wait(t.Context()); err != nil || st.Signal != unix.SIGKILL {
		t.Errorf("wait: %+v, %v", st, err)
	}
	if err := c.Pause(t.Context()); !errors.Is(err, libcontainer.ErrNotRunning) {
		t.Errorf("pause of a stopped container: %v", err)
	}
}

// fakeResctrl is a directory in which groups are born with their files.
func fakeResctrl(t *testing.T) *resctrl.FS {
	t.Helper()
	fs := &resctrl.FS{Dir: t.TempDir(), Rmdir: os.RemoveAll}
	populate := func(dir string) error {
		var err error
		for _, name := range []string{"tasks", "schemata"} {
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		}
		return errors.Join(err, os.Mkdir(filepath.Join(dir, "mon_groups"), 0o700))
	}
	fs.Mkdir = func(dir string) error {
		if err := unix.Mkdir(dir, 0o700); err != nil {
			return err
		}
		return populate(dir)
	}
	noError(t, populate(fs.Dir))
	return fs
}

func TestIntelRdt(t *testing.T) {
	fs := fakeResctrl(t)
	root := filepath.Join(t.TempDir(), "state")
	rt := openRuntime(t, libcontainer.Options{Root: root, Resctrl: fs})
	defer rt.Close()
	defer checkNothingLeft(t, root)
	spec := newSpec("exec sleep 1000")
	spec.Linux.IntelRdt = &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=ff", EnableMonitoring: true}
	c, err := rt.Run(t.Context(), "rdt", options(newBundle(t, nil), "rdt", spec))
	noError(t, err)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(fs.Dir, name))
		noError(t, err)
		return strings.TrimSpace(string(text))
	}
	pid := strconv.Itoa(c.Process().Pid())
	if a, b, s := read("rdt/tasks"), read("rdt/mon_groups/rdt/tasks"), read("rdt/schemata"); a != pid || b != pid || s != "L3:0=ff" {
		t.Errorf("tasks %q and %q, schemata %q; the process is %s", a, b, s, pid)
	}
	p, err := c.Exec(t.Context(), libcontainer.ExecOptions{Process: &specs.Process{Args: []string{"/bin/sleep", "1000"}, Cwd: "/"}})
	noError(t, err)
	if got := read("rdt/tasks"); got != fmt.Sprint(p.Pid()) { // in the place of the first
		t.Errorf("tasks %q, the exec is %d", got, p.Pid())
	}
	noError(t, c.Update(t.Context(), libcontainer.UpdateOptions{IntelRdt: &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f0"}}))
	now, err := c.Spec()
	noError(t, err)
	if s := read("rdt/schemata"); s != "L3:0=f0" || now.Linux.IntelRdt.L3CacheSchema != s || !now.Linux.IntelRdt.EnableMonitoring {
		t.Errorf("schemata %q, configuration %+v", s, now.Linux.IntelRdt)
	}
	noError(t, p.Signal(unix.SIGKILL))
	if _, err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{Force: true}))
	if _, err := os.Stat(filepath.Join(fs.Dir, "rdt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group after delete: %v", err)
	}
}

// A create that fails later takes its group with it, and one that the group does not fit leaves it as it is.
func TestIntelRdtUndone(t *testing.T) {
	fs := fakeResctrl(t)
	root := filepath.Join(t.TempDir(), "state")
	rt := openRuntime(t, libcontainer.Options{Root: root, Resctrl: fs})
	defer rt.Close()
	defer checkNothingLeft(t, root)
	spec := newSpec("true")
	spec.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "gold", L3CacheSchema: "L3:0=ff"}
	spec.Process.Args = []string{"/no/such/program"}
	if _, err := rt.Run(t.Context(), "undone", options(newBundle(t, nil), "undone", spec)); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(filepath.Join(fs.Dir, "gold")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group: %v", err)
	}
	noError(t, fs.Mkdir(filepath.Join(fs.Dir, "gold")))
	if _, err := rt.Run(t.Context(), "undone", options(newBundle(t, nil), "undone", spec)); err == nil || !strings.HasPrefix(err.Error(), "linux.intelRdt.l3CacheSchema: the resctrl group") {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(filepath.Join(fs.Dir, "gold")); err != nil {
		t.Errorf("the group: %v", err)
	}
}
