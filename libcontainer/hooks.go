package libcontainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"

	"github.com/minirun/minirun/specs"
)

// maxHookOutput bounds what of a hook's standard error goes into an error, in bytes.
const maxHookOutput = 4096

// statusOfHook is what a hook reads as the container's status, by kind (config.md, hooks).
func statusOfHook(kind string) specs.ContainerState {
	switch kind {
	case "poststart":
		return specs.StateRunning
	case "poststop":
		return specs.StateStopped
	default:
		return specs.StateCreating
	}
}

func (o hostHook) run(ctx context.Context, r *runner) error {
	r.hooks = true
	return runHook(ctx, o.Kind, o.Hook, r.rec, r.rec.pidFor(o.Kind, r.child.Pid()))
}

func (r *record) pidFor(kind string, pid int) int {
	if kind == "poststop" {
		return 0
	}
	return pid
}

// maxHookTimeout stands for all longer ones: a time.Duration cannot be much longer, and nobody will see the end of either.
const maxHookTimeout = 100 * 365 * 24 * time.Hour

func hookTimeout(seconds int) time.Duration {
	return time.Duration(min(seconds, int(maxHookTimeout/time.Second))) * time.Second
}

// runHook runs one hook in the caller's namespaces. It gets the state on its standard input and exactly the environment that the
// configuration gives it: nothing of the container's, nothing of the caller's.
func runHook(ctx context.Context, kind string, h specs.Hook, rec *record, pid int) error {
	state, err := jsonFile(rec.state(statusOfHook(kind), pid))
	if err != nil {
		return err
	}
	defer state.Close()
	if h.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, hookTimeout(*h.Timeout), fmt.Errorf("no end after the timeout of %ds", *h.Timeout))
		defer cancel()
	}
	var stderr tail
	cmd := exec.CommandContext(ctx, h.Path)
	if len(h.Args) > 0 {
		cmd.Args = h.Args
	}
	cmd.Env = append([]string{}, h.Env...) // not nil: that would be the caller's own
	cmd.Dir = rec.Bundle
	cmd.Stdin, cmd.Stderr = state, &stderr
	cmd.WaitDelay = time.Second // for a grandchild that keeps the pipe open
	err = cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		var never *fs.PathError
		if errors.As(err, &never) {
			err = fmt.Errorf("execve: %w", never.Err) // its path is the hook's
		}
	}
	if s := strings.Join(strings.Fields(stderr.String()), " "); s != "" {
		return fmt.Errorf("hook %s: %w: %s", h.Path, err, s)
	}
	return fmt.Errorf("hook %s: %w", h.Path, err)
}

// tail keeps the last bytes that are written to it.
type tail struct{ b bytes.Buffer }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	if extra := t.b.Len() - maxHookOutput; extra > 0 {
		t.b.Next(extra)
	}
	return len(p), nil
}

// String returns what is kept.
func (t *tail) String() string { return t.b.String() }

// runHooks runs all hooks of one kind in order, up to the first that fails.
func runHooks(ctx context.Context, kind string, hooks []specs.Hook, rec *record) error {
	for i, h := range hooks {
		if err := runHook(ctx, kind, h, rec, rec.pidFor(kind, rec.Pid)); err != nil {
			return fieldError(fmt.Sprintf("hooks.%s[%d]", kind, i), err)
		}
	}
	return nil
}

// poststop runs all poststop hooks. A failure is a warning and the next ones run all the same (runtime.md, lifecycle).
func (rt *Runtime) poststop(ctx context.Context, spec *specs.Spec, rec *record) {
	if spec == nil || spec.Hooks == nil {
		return
	}
	for i, h := range spec.Hooks.Poststop {
		if err := runHook(ctx, "poststop", h, rec, 0); err != nil {
			rt.warn(fmt.Sprintf("hooks.poststop[%d]: %v", i, err))
		}
	}
}
