//go:build integration

package library

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

func status(t *testing.T, c *libcontainer.Container) specs.ContainerState {
	t.Helper()
	s, err := c.State(t.Context())
	noError(t, err)
	return s.Status
}

func TestCreateStartWaitDelete(t *testing.T) {
	rt, root := newRuntime(t)
	spec := newSpec("exit 7")
	spec.Annotations = map[string]string{"org.example.key": "value"}
	bundle := newBundle(t, nil)
	c, err := rt.Create(t.Context(), "life", options(bundle, "life", spec))
	noError(t, err)
	s, err := c.State(t.Context())
	noError(t, err)
	want := specs.State{
		Version: spec.Version, ID: "life", Status: specs.StateCreated, Pid: c.Process().Pid(), Bundle: bundle, Annotations: spec.Annotations,
	}
	if !reflect.DeepEqual(s.State, want) {
		t.Errorf("state %+v, want %+v", s.State, want)
	}
	if s.Rootfs != filepath.Join(bundle, "rootfs") || s.OwnerUID != 0 || s.Created.IsZero() {
		t.Errorf("state %+v", s)
	}
	noError(t, c.Start(t.Context()))
	for range 2 { // the status can be asked for again
		if st, err := c.Wait(t.Context()); err != nil || st != (libcontainer.ExitStatus{Code: 7}) {
			t.Errorf("wait: %+v, %v; want code 7", st, err)
		}
	}
	if got := status(t, c); got != specs.StateStopped {
		t.Errorf("status %q after the end", got)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
	if _, err := os.Stat(filepath.Join(root, "life")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state directory after delete: %v", err)
	}
}

func TestRunWithPipesAndFiles(t *testing.T) {
	rt, _ := newRuntime(t)
	in, toStdin, err := os.Pipe()
	noError(t, err)
	fromStdout, out, err := os.Pipe()
	noError(t, err)
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	noError(t, err)
	kept, err := os.CreateTemp(t.TempDir(), "")
	noError(t, err)
	defer closeAll(in, fromStdout, stderr, kept)
	_, err = kept.WriteAt([]byte("preserved"), 0)
	noError(t, err)

	o := options(newBundle(t, nil), "pipes", newSpec("cat; cat <&3; echo complaint >&2"))
	o.Stdio = libcontainer.Stdio{Stdin: in, Stdout: out, Stderr: stderr}
	o.PreserveFiles = []*os.File{kept}
	o.PidFile = filepath.Join(t.TempDir(), "pid")
	c, err := rt.Run(t.Context(), "pipes", o)
	noError(t, err)
	closeAll(out)
	if pid, err := os.ReadFile(o.PidFile); err != nil || string(pid) != strconv.Itoa(c.Process().Pid()) {
		t.Errorf("pid file %q, %v; want %d", pid, err, c.Process().Pid())
	}
	_, err = toStdin.WriteString("through ")
	noError(t, err)
	closeAll(toStdin)
	got, err := io.ReadAll(fromStdout)
	noError(t, err)
	if string(got) != "through preserved" {
		t.Errorf("stdout %q", got)
	}
	if st, err := c.Wait(t.Context()); err != nil || st.ShellCode() != 0 {
		t.Errorf("wait: %+v, %v", st, err)
	}
	if text, err := os.ReadFile(stderr.Name()); err != nil || string(text) != "complaint\n" {
		t.Errorf("stderr %q, %v", text, err)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// A null standard stream is /dev/null: a program that reads it ends, one that writes has no error.
func TestRunWithoutStdio(t *testing.T) {
	rt, _ := newRuntime(t)
	c, err := rt.Run(t.Context(), "null", options(newBundle(t, nil), "null", newSpec("cat && echo x && echo y >&2 && exit 3")))
	noError(t, err)
	if st, err := c.Wait(t.Context()); err != nil || st.Code != 3 {
		t.Errorf("wait: %+v, %v", st, err)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
}

// sleeper is a container that runs until it is killed.
func sleeper(t *testing.T, rt *libcontainer.Runtime, id string) *libcontainer.Container {
	t.Helper()
	c, err := rt.Run(t.Context(), id, options(newBundle(t, nil), id, newSpec("exec sleep 1000")))
	noError(t, err)
	t.Cleanup(func() {
		if err := rt.Remove(context.Background(), id); err != nil {
			t.Error(err)
		}
		if _, err := c.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// execIn runs a script in a container and returns its output and status.
func execIn(t *testing.T, c *libcontainer.Container, script string, env ...string) (string, libcontainer.ExitStatus) {
	spec, err := c.Spec()
	if err != nil {
		t.Error(err)
		return "", libcontainer.ExitStatus{}
	}
	p := spec.Process
	p.Args = []string{"sh", "-c", script}
	p.Env = append(p.Env, env...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Error(err)
		return "", libcontainer.ExitStatus{}
	}
	defer r.Close()
	proc, err := c.Exec(t.Context(), libcontainer.ExecOptions{Process: p, Stdio: libcontainer.Stdio{Stdout: w, Stderr: w}})
	w.Close()
	if err != nil {
		t.Error(err)
		return "", libcontainer.ExitStatus{}
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	st, err := proc.Wait(t.Context())
	if err != nil {
		t.Error(err)
	}
	return string(out), st
}

func TestExec(t *testing.T) {
	rt, _ := newRuntime(t)
	c := sleeper(t, rt, "exec")
	own, err := os.Readlink("/proc/" + strconv.Itoa(c.Process().Pid()) + "/ns/pid")
	noError(t, err)
	out, st := execIn(t, c, "readlink /proc/self/ns/pid; echo $WORD; exit 9", "WORD=heard")
	if want := own + "\nheard\n"; out != want || st.Code != 9 {
		t.Errorf("output %q, status %+v; want %q and 9", out, st, want)
	}
	if _, st := execIn(t, c, "kill -TERM $$"); st.Signal != unix.SIGTERM || st.ShellCode() != 128+15 {
		t.Errorf("status %+v of a program that was killed", st)
	}
}

func TestSignalStateProcessesList(t *testing.T) {
	rt, _ := newRuntime(t)
	if list, err := rt.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("list before anything: %v, %v", list, err)
	}
	b, a := sleeper(t, rt, "b"), sleeper(t, rt, "a")
	list, err := rt.List(t.Context())
	noError(t, err)
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID())
	}
	if !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("list %v", ids)
	}
	pids, err := a.Processes(t.Context())
	noError(t, err)
	if !slices.Equal(pids, []int{a.Process().Pid()}) {
		t.Errorf("processes %v, want %d", pids, a.Process().Pid())
	}
	noError(t, b.Signal(t.Context(), 0))
	noError(t, a.Signal(t.Context(), unix.SIGKILL))
	st, err := a.Wait(t.Context())
	if err != nil || st != (libcontainer.ExitStatus{Signal: unix.SIGKILL}) || st.ShellCode() != 137 {
		t.Errorf("wait %+v, %v", st, err)
	}
	if got := status(t, a); got != specs.StateStopped {
		t.Errorf("status %q of the killed one", got)
	}
	if got := status(t, b); got != specs.StateRunning {
		t.Errorf("status %q of the other", got)
	}
	if err := a.Process().Signal(unix.SIGTERM); !errors.Is(err, libcontainer.ErrNotRunning) {
		t.Errorf("signal to a process that has ended: %v", err)
	}
	noError(t, b.SignalAll(t.Context(), unix.SIGKILL))
	if st, err := b.Wait(t.Context()); err != nil || st.Signal != unix.SIGKILL {
		t.Errorf("wait %+v, %v", st, err)
	}
}

// A second Runtime value stands for another program: it knows only what is on disk.
func TestLoadFromAnotherProgram(t *testing.T) {
	rt, root := newRuntime(t)
	mine := sleeper(t, rt, "shared")
	other := openRuntime(t, libcontainer.Options{Root: root})
	defer other.Close()
	c, err := other.Load(t.Context(), "shared")
	noError(t, err)
	if c.Process() != nil {
		t.Error("the loaded container has a process of this program")
	}
	if _, err := c.Wait(t.Context()); !errors.Is(err, libcontainer.ErrNotChild) {
		t.Errorf("wait: %v", err)
	}
	if got := status(t, c); got != specs.StateRunning {
		t.Errorf("status %q", got)
	}
	if out, _ := execIn(t, c, "echo inside"); out != "inside\n" {
		t.Errorf("exec says %q", out)
	}
	noError(t, c.Signal(t.Context(), unix.SIGTERM)) // process 1 of a pid namespace without a handler: nothing happens
	noError(t, c.Signal(t.Context(), unix.SIGKILL))
	if st, err := mine.Wait(t.Context()); err != nil || st.Signal != unix.SIGKILL {
		t.Errorf("wait %+v, %v", st, err)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
	if _, err := mine.State(t.Context()); !errors.Is(err, libcontainer.ErrNotExist) {
		t.Errorf("state after another program deleted it: %v", err)
	}
}

// Start from another program than the one that created.
func TestStartFromAnotherProgram(t *testing.T) {
	rt, root := newRuntime(t)
	mine, err := rt.Create(t.Context(), "handed", options(newBundle(t, nil), "handed", newSpec("exit 4")))
	noError(t, err)
	other := openRuntime(t, libcontainer.Options{Root: root})
	defer other.Close()
	c, err := other.Load(t.Context(), "handed")
	noError(t, err)
	noError(t, c.Start(t.Context()))
	if st, err := mine.Wait(t.Context()); err != nil || st.Code != 4 {
		t.Errorf("wait %+v, %v", st, err)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
}

func TestSpecInMemory(t *testing.T) {
	rt, _ := newRuntime(t)
	bundle := newBundle(t, nil)
	o := options(bundle, "memory", newSpec("exit 5"))
	before := newSpec("exit 5")
	before.Linux.CgroupsPath = o.Spec.Linux.CgroupsPath
	c, err := rt.Run(t.Context(), "memory", o)
	noError(t, err)
	if !reflect.DeepEqual(o.Spec, before) {
		t.Errorf("the caller's configuration was changed to %+v", o.Spec)
	}
	// What the container was made from does not follow later changes.
	o.Spec.Process.Args = []string{"changed"}
	stored, err := c.Spec()
	noError(t, err)
	if !slices.Equal(stored.Process.Args, before.Process.Args) {
		t.Errorf("stored arguments %q", stored.Process.Args)
	}
	if st, err := c.Wait(t.Context()); err != nil || st.Code != 5 {
		t.Errorf("wait %+v, %v", st, err)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
}

func TestConsole(t *testing.T) {
	rt, _ := newRuntime(t)
	spec := newSpec("tty; read line; echo got $line")
	spec.Process.Terminal = true
	o := options(newBundle(t, nil), "tty", spec)
	var master *os.File
	o.Stdio.Console = func(f *os.File) error {
		master = f
		_, err := f.WriteString("typed\n")
		return err
	}
	c, err := rt.Run(t.Context(), "tty", o)
	noError(t, err)
	out, _ := io.ReadAll(master) // ends with EIO
	master.Close()
	for _, want := range []string{"/dev/", "got typed"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("terminal shows %q, without %q", out, want)
		}
	}
	_, err = c.Wait(t.Context())
	noError(t, err)
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
}

func TestConsoleCallbackFails(t *testing.T) {
	rt, _ := newRuntime(t)
	spec := newSpec("true")
	spec.Process.Terminal = true
	o := options(newBundle(t, nil), "tty", spec)
	refused := errors.New("no room for a terminal")
	o.Stdio.Console = func(f *os.File) error {
		f.Close()
		return refused
	}
	if _, err := rt.Create(t.Context(), "tty", o); !errors.Is(err, refused) {
		t.Errorf("create: %v", err)
	}
}
