//go:build integration

package nsenter

import (
	"context"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// started launches a plan whose program exits with status 5.
func started(t *testing.T, ops ...InitOp) *Child {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	ops = append(enter(busyboxRoot(t)), append(ops, ProcExec{Args: []string{"/bin/sh", "-c", "exit 5"}})...)
	c, err := (&Launch{
		Plan: &Plan{Items: plan(ops...)}, Executable: executable(t), Stdio: [3]*os.File{null, null, null}, CloneFlags: isolated,
	}).Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
		c.Release()
	})
	return c
}

// TestCancelAfterFinal ends the context when the program begins: it runs, and is not taken for one that failed.
func TestCancelAfterFinal(t *testing.T) {
	c := started(t, RootPivot{Root: slotRoot}, ProcClosefds{First: 3}, SyncFinal{})
	e, err := c.Next(t.Context())
	if err != nil || e.Kind != EventFinal {
		t.Fatalf("event %+v, error %v, want final", e, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := c.Next(ctx); err != nil || e.Kind != EventDone {
		t.Fatalf("event %+v, error %v, want done", e, err)
	}
	if st, err := c.Wait(); err != nil || st.ExitStatus() != 5 {
		t.Errorf("exit status %d, error %v, want 5", st.ExitStatus(), err)
	}
}

// TestCancelFinalUnread ends the context when the report of the last step is there but has not been read.
func TestCancelFinalUnread(t *testing.T) {
	c := started(t, RootPivot{Root: slotRoot}, ProcClosefds{First: 3}, SyncFinal{})
	if !c.endsWithin(deathWait) {
		t.Fatal("the program does not end")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, want := range []EventKind{EventFinal, EventDone} {
		if e, err := c.Next(ctx); err != nil || e.Kind != want {
			t.Fatalf("event %+v, error %v, want %v", e, err, want)
		}
	}
}

// TestCancelAllUnread ends the context when the program has begun and none of the reports has been read, since the answers were there beforehand.
func TestCancelAllUnread(t *testing.T) {
	c := started(t, SyncWait{Point: 1}, RootPivot{Root: slotRoot}, SyncWait{Point: 2}, ProcClosefds{First: 3}, SyncFinal{})
	for range 2 {
		if err := c.Ack(); err != nil {
			t.Fatal(err)
		}
	}
	if !c.endsWithin(deathWait) {
		t.Fatal("the program does not end")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, want := range []EventKind{EventSync, EventSync, EventFinal, EventDone} {
		if e, err := c.Next(ctx); err != nil || e.Kind != want {
			t.Fatalf("event %+v, error %v, want %v", e, err, want)
		}
	}
	if st, err := c.Wait(); err != nil || st.ExitStatus() != 5 {
		t.Errorf("exit status %d, error %v, want 5", st.ExitStatus(), err)
	}
}

// TestCancelBeforeFailure ends the context when a report is there and behind it that of a failure: the cause is told.
func TestCancelBeforeFailure(t *testing.T) {
	c := started(t, SyncWait{Point: 1}, SyncFinal{})
	cause := errors.New("cancelled by the test")
	if err := unix.Shutdown(int(c.sock.Fd()), unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if !c.endsWithin(deathWait) {
		t.Fatal("the init does not end")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if e, err := c.Next(ctx); !errors.Is(err, cause) {
		t.Errorf("event %+v, error %v, want %v", e, err, cause)
	}
}

// TestCancelBefore ends the context while the init waits for an answer.
func TestCancelBefore(t *testing.T) {
	c := started(t, SyncWait{Point: 1}, SyncFinal{})
	if e, err := c.Next(t.Context()); err != nil || e.Kind != EventSync {
		t.Fatalf("event %+v, error %v, want sync", e, err)
	}
	cause := errors.New("cancelled by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if e, err := c.Next(ctx); !errors.Is(err, cause) {
		t.Errorf("event %+v, error %v, want %v", e, err, cause)
	}
	if err := c.Signal(0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("signal to the init: %v, want %v", err, unix.ESRCH)
	}
}
