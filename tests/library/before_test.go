//go:build integration

package library

import (
	"errors"
	"os"
	"testing"

	"github.com/minirun/minirun/libcontainer"
)

// TestBeforeMaking is that a caller who has the last word gets it before there is anything, and only for what can be made.
func TestBeforeMaking(t *testing.T) {
	rt, root := newRuntime(t)
	called := 0
	no := errors.New("not now")
	o := options(newBundle(t, nil), "before", newSpec("exit 0"))
	o.BeforeMaking = func() error {
		called++
		if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the state directory is there already: %v", err)
		}
		return no
	}
	for name, do := range map[string]func() (*libcontainer.Container, error){
		"create": func() (*libcontainer.Container, error) { return rt.Create(t.Context(), "before", o) },
		"run":    func() (*libcontainer.Container, error) { return rt.Run(t.Context(), "before", o) },
	} {
		called = 0
		if _, err := do(); !errors.Is(err, no) || called != 1 {
			t.Errorf("%s: %v after %d calls, want %v after one", name, err, called, no)
		}
	}
	o.Spec = newSpec("exit 0")
	o.Spec.Process.Cwd = "nowhere"
	called = 0
	if _, err := rt.Run(t.Context(), "before", o); err == nil || errors.Is(err, no) || called != 0 {
		t.Errorf("of a configuration that is wrong: %v after %d calls", err, called)
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state directory was made: %v", err)
	}
	o.Spec, o.BeforeMaking = newSpec("exit 7"), func() error { called++; return nil }
	ctr, err := rt.Run(t.Context(), "before", o)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ctr.Process().Wait(t.Context()); err != nil || s.ShellCode() != 7 || called != 1 {
		t.Errorf("the program ended with %v, %v, after %d calls", s, err, called)
	}
	if err := ctr.Delete(t.Context(), libcontainer.DeleteOptions{Force: true}); err != nil {
		t.Error(err)
	}
}
