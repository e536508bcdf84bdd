package criu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fake starts a shell script in place of CRIU.
func fake(t *testing.T, script string) *Process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "criu")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := Prepare(path)
	p.grace = 50 * time.Millisecond
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// within fails the test when f does not return.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("still waiting")
	}
}

func none(Notification) error { return nil }

// A CRIU that answers nothing and does not end does not hold the caller.
func TestDoesNotEnd(t *testing.T) {
	p := fake(t, "exec sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	within(t, func() {
		if _, err := p.Do(ctx, Dump, &Options{}, none); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if p.cmd.ProcessState == nil {
		t.Error("it was not waited for")
	}
}

func TestCloseOfOneThatDoesNotEnd(t *testing.T) {
	p := fake(t, "exec sleep 1000")
	within(t, func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// When the caller gives up, CRIU has time to put things back.
func TestGivenUpIsNotKilledAtOnce(t *testing.T) {
	back := filepath.Join(t.TempDir(), "back")
	p := fake(t, "dd bs=65536 count=2 <&3 >/dev/null 2>&1; echo >"+back)
	p.grace = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	within(t, func() {
		if _, err := p.Do(ctx, Dump, &Options{}, none); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
	if _, err := os.Stat(back); err != nil {
		t.Error(err)
	}
}
