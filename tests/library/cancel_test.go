//go:build integration

package library

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// TestCancelAtEveryStep ends the context right before each step of the plan in turn. The call may still succeed near its end; otherwise it
// must say why it failed and leave nothing.
func TestCancelAtEveryStep(t *testing.T) {
	for _, run := range []bool{false, true} {
		name := map[bool]string{false: "create", true: "run"}[run]
		t.Run(name, func(t *testing.T) {
			_, root := newRuntime(t)
			spec := newSpec("exit 0")
			// The init becomes another process on the way.
			spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
			bundle := newBundle(t, nil)
			cancelled := 0
			for at := 0; ; at++ {
				failed, reached := cancelAt(t, root, options(bundle, "cancel", spec), run, at)
				if !reached {
					break
				}
				if failed {
					cancelled++
				}
			}
			if cancelled < 10 {
				t.Errorf("%d steps were cut off, the test expects most of them to be", cancelled)
			}
		})
	}
}

func cancelAt(t *testing.T, root string, o libcontainer.CreateOptions, run bool, at int) (failed, reached bool) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the caller has lost interest")
	step := 0
	rt := openRuntime(t, libcontainer.Options{Root: root, Debug: func(string) {
		if step == at {
			reached = true
			cancel(stop)
		}
		step++
	}})
	defer rt.Close()
	o.PidFile = filepath.Join(t.TempDir(), "pid")
	do := rt.Create
	if run {
		do = rt.Run
	}
	c, err := do(ctx, "cancel", o)
	if err == nil {
		noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{Force: true}))
		return false, reached
	}
	if !errors.Is(err, stop) && !errors.Is(err, context.Canceled) {
		t.Errorf("step %d: error %v, want the context's", at, err)
	}
	if _, err := os.Stat(o.PidFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("step %d: pid file: %v", at, err)
	}
	checkNothingLeft(t, root)
	if n := usage().children; n != 0 {
		t.Errorf("step %d: %d children", at, n)
	}
	return true, reached
}

// TestCancelExec does the same with an exec: the container must not mind.
func TestCancelExec(t *testing.T) {
	rt, root := newRuntime(t)
	c := sleeper(t, rt, "exec")
	for at := 0; ; at++ {
		ctx, cancel := context.WithCancel(t.Context())
		reached, step := false, 0
		other := openRuntime(t, libcontainer.Options{Root: root, Debug: func(string) {
			if step == at {
				reached = true
				cancel()
			}
			step++
		}})
		loaded, err := other.Load(t.Context(), "exec")
		noError(t, err)
		p, err := loaded.Exec(ctx, libcontainer.ExecOptions{Process: newSpec("true").Process})
		if err == nil {
			_, err = p.Wait(t.Context())
			noError(t, err)
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("step %d: %v", at, err)
		}
		noError(t, other.Close())
		cancel()
		if !reached {
			break
		}
	}
	if pids, err := c.Processes(t.Context()); err != nil || len(pids) != 1 {
		t.Errorf("processes %v, %v; want the first one only", pids, err)
	}
}
