//go:build integration

package library

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// patience bounds how long a condition that must come true is waited for. Emulated machines are slow.
const patience = time.Minute

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "library tests: root is needed")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// cgroupParent is the cgroup that holds those of all containers.
func cgroupParent() string { return "/minirun-library-" + strconv.Itoa(os.Getpid()) }

// newRuntime makes a Runtime with a root directory of its own, and checks when the test ends that nothing is left: no state, no
// cgroup, no process, no mount, and in this program no descriptor and no goroutine.
func newRuntime(t *testing.T) (*libcontainer.Runtime, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "state")
	before := usage()
	rt := openRuntime(t, libcontainer.Options{Root: root})
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		checkNothingLeft(t, root)
		checkUsage(t, before)
	})
	return rt, root
}

func openRuntime(t *testing.T, o libcontainer.Options) *libcontainer.Runtime {
	t.Helper()
	if o.Warn == nil {
		o.Warn = func(text string) { t.Log("warning:", text) }
	}
	rt, err := libcontainer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// checkNothingLeft looks for what containers of a root directory could leave on the host.
func checkNothingLeft(t *testing.T, root string) {
	t.Helper()
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "@") { // a cache
			t.Errorf("left behind: %s", filepath.Join(root, e.Name()))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), " "+filepath.Dir(root)+"/") {
		t.Errorf("left behind: a mount below %s", filepath.Dir(root))
	}
	for _, dir := range cgroupDirs() {
		t.Errorf("left behind: cgroup %s", dir)
	}
}

// cgroupDirs lists the containers' cgroups, and removes their parent when it is empty.
func cgroupDirs() []string {
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		parents, _ := filepath.Glob(pattern + cgroupParent())
		for _, p := range parents {
			below, _ := filepath.Glob(p + "/*/cgroup.procs")
			found = append(found, below...)
			_ = os.Remove(p)
		}
	}
	return found
}

// used is what a program could lose to the library.
type used struct{ files, goroutines, children int }

func usage() used {
	files, _ := os.ReadDir("/proc/self/fd")
	children := 0
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		children += len(strings.Fields(string(text)))
	}
	return used{len(files), runtime.NumGoroutine(), children}
}

// checkUsage waits for this program to use no more than before: goroutines need a moment to end.
func checkUsage(t *testing.T, before used) {
	t.Helper()
	var now used
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		now = usage()
		if now.files <= before.files && now.goroutines <= before.goroutines && now.children <= before.children {
			return
		}
	}
	t.Errorf("the program used %+v before and uses %+v now: %v", before, now, openFiles())
}

func openFiles() []string {
	var list []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		target, _ := os.Readlink("/proc/self/fd/" + e.Name())
		list = append(list, e.Name()+" "+target)
	}
	return list
}

// newSpec is a container that runs a shell script.
func newSpec(script string) *specs.Spec {
	s := specs.Default()
	s.Process.Terminal = false
	s.Process.Args = []string{"sh", "-c", script}
	s.Process.Env = []string{"PATH=/bin"}
	s.Root = &specs.Root{Path: "rootfs", Readonly: true}
	s.Linux.CgroupsPath = ""
	return s
}

// newBundle writes a bundle with a root filesystem of busybox.
func newBundle(t *testing.T, s *specs.Spec) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "rootfs", "bin")
	for _, name := range []string{bin, filepath.Join(dir, "rootfs", "proc"), filepath.Join(dir, "rootfs", "dev"), filepath.Join(dir, "rootfs", "sys")} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatalf("busybox-static is needed: %v", err)
	}
	if err := os.WriteFile(filepath.Join(bin, "busybox"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "cat", "echo", "sleep", "true", "tty", "id", "env", "kill", "readlink"} {
		if err := os.Symlink("busybox", filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	if s != nil {
		writeConfig(t, dir, s)
	}
	return dir
}

func writeConfig(t *testing.T, bundle string, s *specs.Spec) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, specs.ConfigName), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// options are those of a container with a cgroup that checkNothingLeft finds.
func options(bundle, id string, s *specs.Spec) libcontainer.CreateOptions {
	s.Linux.CgroupsPath = cgroupParent() + "/" + id
	return libcontainer.CreateOptions{Bundle: bundle, Spec: s}
}

// noError ends the test for an error.
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// command runs a program of the host.
func command(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, stderr.String())
	}
	return string(out)
}
