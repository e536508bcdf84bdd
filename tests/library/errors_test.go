//go:build integration

package library

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// wantError checks an error, and that it tells the operation and the container.
func wantError(t *testing.T, err, want error, op, id string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", op, err, want)
		return
	}
	var ce *libcontainer.ContainerError
	if !errors.As(err, &ce) || ce.Op != op || ce.ID != id {
		t.Errorf("%s: error %#v, want a ContainerError of %s %s", op, err, op, id)
	}
}

func TestErrorsOfMissingAndExisting(t *testing.T) {
	rt, _ := newRuntime(t)
	bundle := newBundle(t, nil)
	_, err := rt.Load(t.Context(), "none")
	wantError(t, err, libcontainer.ErrNotExist, "load", "none")
	_, err = rt.Load(t.Context(), "../etc")
	wantError(t, err, libcontainer.ErrInvalidID, "load", "../etc")
	_, err = rt.Create(t.Context(), "a/b", options(bundle, "x", newSpec("true")))
	wantError(t, err, libcontainer.ErrInvalidID, "create", "a/b")
	wantError(t, rt.Remove(t.Context(), ".."), libcontainer.ErrInvalidID, "delete", "..")
	noError(t, rt.Remove(t.Context(), "none"))

	c := sleeper(t, rt, "one")
	_, err = rt.Create(t.Context(), "one", options(bundle, "one", newSpec("true")))
	wantError(t, err, libcontainer.ErrExist, "create", "one")
	_, err = rt.Run(t.Context(), "one", options(bundle, "one", newSpec("true")))
	wantError(t, err, libcontainer.ErrExist, "run", "one")
	if got := status(t, c); got != specs.StateRunning {
		t.Errorf("the existing container is %q after another was refused", got)
	}
	_, err = rt.Create(t.Context(), "two", libcontainer.CreateOptions{Bundle: bundle})
	wantError(t, err, fs.ErrNotExist, "create", "two") // config.json
	_, err = rt.Create(t.Context(), "two", libcontainer.CreateOptions{Bundle: bundle + "/none"})
	wantError(t, err, fs.ErrNotExist, "create", "two")
}

func TestErrorsOfStates(t *testing.T) {
	rt, _ := newRuntime(t)
	c := sleeper(t, rt, "one")
	ctx := t.Context()
	wantError(t, c.Start(ctx), libcontainer.ErrRunning, "start", "one")
	wantError(t, c.Delete(ctx, libcontainer.DeleteOptions{}), libcontainer.ErrRunning, "delete", "one")
	noError(t, c.Signal(ctx, unix.SIGKILL))
	_, err := c.Wait(ctx)
	noError(t, err)
	wantError(t, c.Start(ctx), libcontainer.ErrStopped, "start", "one")
	wantError(t, c.Signal(ctx, unix.SIGTERM), libcontainer.ErrNotRunning, "kill", "one")
	noError(t, c.SignalAll(ctx, unix.SIGTERM))
	_, err = c.Exec(ctx, libcontainer.ExecOptions{Process: newSpec("true").Process})
	wantError(t, err, libcontainer.ErrNotRunning, "exec", "one")
	if pids, err := c.Processes(ctx); err != nil || len(pids) != 0 {
		t.Errorf("processes of a stopped container: %v, %v", pids, err)
	}
	noError(t, c.Delete(ctx, libcontainer.DeleteOptions{}))
	wantError(t, c.Delete(ctx, libcontainer.DeleteOptions{}), libcontainer.ErrNotExist, "delete", "one")
	noError(t, c.Delete(ctx, libcontainer.DeleteOptions{Force: true}))
	wantError(t, c.Start(ctx), libcontainer.ErrNotExist, "start", "one")
	wantError(t, c.Signal(ctx, 0), libcontainer.ErrNotExist, "kill", "one")
	_, err = c.State(ctx)
	wantError(t, err, libcontainer.ErrNotExist, "state", "one")
	_, err = c.Processes(ctx)
	wantError(t, err, libcontainer.ErrNotExist, "ps", "one")
}

// An error of the program is one of Run, and of Start after Create; nothing stays of the first.
func TestErrorsOfThePrograms(t *testing.T) {
	rt, _ := newRuntime(t)
	bundle := newBundle(t, nil)
	spec := newSpec("")
	spec.Process.Args = []string{"no-such-program"}
	_, err := rt.Run(t.Context(), "prog", options(bundle, "prog", spec))
	wantError(t, err, unix.ENOENT, "run", "prog")
	_, err = rt.Create(t.Context(), "prog", options(bundle, "prog", spec))
	wantError(t, err, unix.ENOENT, "create", "prog")

	c := sleeper(t, rt, "exec")
	p := newSpec("").Process
	p.Args = spec.Process.Args
	_, err = c.Exec(t.Context(), libcontainer.ExecOptions{Process: p})
	wantError(t, err, unix.ENOENT, "exec", "exec")
	if _, err := c.Exec(t.Context(), libcontainer.ExecOptions{}); err == nil {
		t.Error("exec without a process has no error")
	}
}

// Everything that is wrong comes at once, each with its field.
func TestErrorsOfTheConfiguration(t *testing.T) {
	rt, _ := newRuntime(t)
	spec := newSpec("true")
	spec.Process.Cwd = "relative"
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "unknown"})
	_, err := rt.Create(t.Context(), "bad", options(newBundle(t, nil), "bad", spec))
	if n := len(specs.FieldErrors(err)); n != 2 {
		t.Errorf("%d errors of fields in %v, want 2", n, err)
	}
}
