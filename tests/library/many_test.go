//go:build integration

package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// TestManyAtOnce makes 50 containers in 8 goroutines, and checks that none gets another's output, status or files.
func TestManyAtOnce(t *testing.T) {
	rt, _ := newRuntime(t)
	bundle := newBundle(t, nil)
	jobs := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range jobs {
				if err := oneOfMany(t.Context(), rt, bundle, n); err != nil {
					t.Errorf("container %d: %v", n, err)
				}
			}
		})
	}
	for n := range 50 {
		jobs <- n
	}
	close(jobs)
	all.Wait()
}

func oneOfMany(ctx context.Context, rt *libcontainer.Runtime, bundle string, n int) (err error) {
	id := fmt.Sprintf("many%d", n)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	// Standard streams are 0 to 2, the shell opens none, and the directory is open for ls only.
	o := options(bundle, id, newSpec(fmt.Sprintf("echo /proc/self/fd/*; exit %d", n)))
	o.Stdio.Stdout = w
	c, err := rt.Create(ctx, id, o)
	w.Close()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Delete(ctx, libcontainer.DeleteOptions{Force: true})) }()
	if err := c.Start(ctx); err != nil {
		return err
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if want := "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n"; string(out) != want {
		return fmt.Errorf("output %q, want %q", out, want)
	}
	st, err := c.Wait(ctx)
	if err == nil && st.Code != n {
		return fmt.Errorf("status %+v, want %d", st, n)
	}
	return err
}

// TestOneHandleManyGoroutines calls everything on one handle at once: one Start wins, and no call hangs or gets a nonsensical answer.
func TestOneHandleManyGoroutines(t *testing.T) {
	rt, _ := newRuntime(t)
	c, err := rt.Create(t.Context(), "handle", options(newBundle(t, nil), "handle", newSpec("exec sleep 1000")))
	noError(t, err)
	var all sync.WaitGroup
	var started atomic.Int32
	for range 8 {
		all.Go(func() {
			switch err := c.Start(t.Context()); {
			case err == nil:
				started.Add(1)
			case !errors.Is(err, libcontainer.ErrRunning):
				t.Errorf("start: %v", err)
			}
		})
		all.Go(func() {
			if s, err := c.State(t.Context()); err != nil || s.Status != specs.StateCreated && s.Status != specs.StateRunning {
				t.Errorf("state: %v, %v", s.Status, err)
			}
			if err := c.Signal(t.Context(), 0); err != nil {
				t.Errorf("signal: %v", err)
			}
			if err := c.Process().Signal(0); err != nil {
				t.Errorf("signal: %v", err)
			}
			if _, err := c.Spec(); err != nil {
				t.Errorf("spec: %v", err)
			}
		})
	}
	all.Wait()
	if n := started.Load(); n != 1 {
		t.Errorf("%d of 8 starts had no error", n)
	}
	var execs, waits sync.WaitGroup
	for range 8 {
		execs.Go(func() {
			if out, st := execIn(t, c, "echo $$; exit 3"); st.Code != 3 || out == "" {
				t.Errorf("exec: %q, %+v", out, st)
			}
		})
		waits.Go(func() {
			if st, err := c.Wait(t.Context()); err != nil || st.Signal != unix.SIGKILL {
				t.Errorf("wait: %+v, %v", st, err)
			}
		})
	}
	execs.Wait()
	for range 8 { // beside Wait, which sees the end at the first of them
		waits.Go(func() {
			if err := c.Process().Signal(unix.SIGKILL); err != nil && !errors.Is(err, libcontainer.ErrNotRunning) {
				t.Errorf("signal: %v", err)
			}
		})
	}
	waits.Wait()
	var deleted atomic.Int32
	for range 8 {
		all.Go(func() {
			switch err := c.Delete(t.Context(), libcontainer.DeleteOptions{}); {
			case err == nil:
				deleted.Add(1)
			case !errors.Is(err, libcontainer.ErrNotExist):
				t.Errorf("delete: %v", err)
			}
		})
	}
	all.Wait()
	if n := deleted.Load(); n != 1 {
		t.Errorf("%d of 8 deletes had no error", n)
	}
}

// TestSameIDManyGoroutines lets goroutines fight for one id: one makes it, the others are told so.
func TestSameIDManyGoroutines(t *testing.T) {
	rt, _ := newRuntime(t)
	bundle := newBundle(t, nil)
	var all sync.WaitGroup
	var made atomic.Int32
	var winner atomic.Pointer[libcontainer.Container]
	for range 8 {
		all.Go(func() {
			c, err := rt.Create(t.Context(), "same", options(bundle, "same", newSpec("true")))
			switch {
			case err == nil:
				made.Add(1)
				winner.Store(c)
			case !errors.Is(err, libcontainer.ErrExist):
				t.Errorf("create: %v", err)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("%d of 8 creates had no error", n)
	}
	if c := winner.Load(); c != nil {
		noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
	}
}

// TestDeleteReaps makes and deletes without any Wait: no zombie may stay, and Wait must know the end all the same.
func TestDeleteReaps(t *testing.T) {
	rt, _ := newRuntime(t)
	bundle := newBundle(t, nil)
	for _, force := range []bool{false, true} {
		c, err := rt.Create(t.Context(), "zombie", options(bundle, "zombie", newSpec("true")))
		noError(t, err)
		noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{Force: force}))
		if n := usage().children; n != 0 {
			t.Errorf("%d children after delete", n)
		}
		if st, err := c.Wait(t.Context()); err != nil || st.Signal != unix.SIGKILL {
			t.Errorf("wait after delete: %+v, %v", st, err)
		}
	}
}

// TestOwnReaper has a program that reaps every child that it finds, as process 1 of a pod does. Wait must not hang, and must not
// invent a status.
func TestOwnReaper(t *testing.T) {
	rt, _ := newRuntime(t)
	before := usage()
	stop := make(chan struct{})
	var reaper sync.WaitGroup
	reaper.Go(func() {
		for {
			for {
				if pid, _ := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 {
					break
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond): // greedy: mostly faster than the library
			}
		}
	})
	bundle := newBundle(t, nil)
	for n := range 20 {
		spec := newSpec("exit 6")
		if n%2 == 1 { // processes that come and go while the container is made
			spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		}
		c, err := rt.Run(t.Context(), "stolen", options(bundle, "stolen", spec))
		noError(t, err)
		st, err := c.Wait(t.Context())
		if !errors.Is(err, libcontainer.ErrStatusTaken) && (err != nil || st.Code != 6) {
			t.Errorf("wait: %+v, %v; want status 6 or ErrStatusTaken", st, err)
		}
		if got := status(t, c); got != specs.StateStopped {
			t.Errorf("status %q", got)
		}
		noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
	}
	close(stop)
	reaper.Wait()
	if now := usage(); now.children > before.children {
		t.Errorf("%d children are left", now.children)
	}
}

// TestWaitWithContext gives up waiting and waits again.
func TestWaitWithContext(t *testing.T) {
	rt, _ := newRuntime(t)
	c := sleeper(t, rt, "wait")
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := c.Wait(ctx); !errors.Is(err, enough) {
		t.Errorf("wait with an ended context: %v", err)
	}
	noError(t, c.Signal(t.Context(), unix.SIGKILL))
	if st, err := c.Wait(t.Context()); err != nil || st.Signal != unix.SIGKILL {
		t.Errorf("wait: %+v, %v", st, err)
	}
}
