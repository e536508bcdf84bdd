//go:build integration

package nsenter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// gate is a created container's pair of fifos.
type gate struct{ start, result, reports *os.File }

func newGate(t *testing.T) gate {
	t.Helper()
	dir := t.TempDir()
	open := func(name string, flags int) *os.File {
		p := filepath.Join(dir, name)
		if err := unix.Mkfifo(p, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
			t.Fatal(err)
		}
		fd, err := unix.Open(p, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), name)
		t.Cleanup(func() { f.Close() })
		return f
	}
	g := gate{start: open("start", unix.O_RDWR)}
	g.reports = open("result", unix.O_RDONLY|unix.O_NONBLOCK)
	g.result = open("result", unix.O_WRONLY)
	if err := unix.SetNonblock(int(g.reports.Fd()), false); err != nil {
		t.Fatal(err)
	}
	return g
}

// created launches a plan up to sync.created and gives the init's own copies of the fifos up.
func (g gate) created(t *testing.T, items []Item) *Child {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c, err := (&Launch{
		Plan: &Plan{Items: items}, Executable: executable(t), Stdio: [3]*os.File{null, null, null},
		CloneFlags: isolated, Slots: map[Slot]*os.File{slotExtra: g.start, slotExtra + 1: g.result},
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := c.Next(ctx)
	if err != nil || e.Kind != EventCreated {
		t.Fatalf("event %+v, error %v, want created", e, err)
	}
	g.result.Close()
	return c
}

func (g gate) go1(t *testing.T) error {
	t.Helper()
	if _, err := g.start.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return ReadResult(ctx, g.reports)
}

func createdPlan(root string, program string) []Item {
	return concat(enter(root), []InitOp{
		MountFs{Root: slotRoot, Path: "/proc", Fstype: "proc", Source: "proc", Flags: FlagMountMkdir},
		FsMknod{Root: slotRoot, Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3},
		RootPivot{Root: slotRoot},
		MountMask{Root: NoSlot, Path: "/proc/version", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: NoSlot, Path: "/proc/tty", Null: slotNull, Empty: slotEmpty},
		ProcHome{Uid: 0},
		ProcClosefds{First: 3},
		SyncCreated{Start: slotExtra, Result: slotExtra + 1},
		SyncFinal{},
		ProcExec{Args: []string{program, "-c", "exit 5"}},
	})
}

// TestCreatedWaits follows a container over the gap between create and start.
func TestCreatedWaits(t *testing.T) {
	g := newGate(t)
	c := g.created(t, createdPlan(busyboxRoot(t), "/bin/sh"))
	if c.endsWithin(10 * time.Millisecond) {
		t.Fatal("it did not wait")
	}
	if err := g.go1(t); err != nil {
		t.Fatal(err)
	}
	st, err := c.Wait()
	if err != nil || st.ExitStatus() != 5 {
		t.Errorf("exit status %d, error %v, want 5", st.ExitStatus(), err)
	}
}

// TestCreatedReportsToFifo wants a failure after the start to come by the result fifo.
func TestCreatedReportsToFifo(t *testing.T) {
	g := newGate(t)
	items := createdPlan(busyboxRoot(t), "/bin/missing")
	g.created(t, items)
	var e *InitError
	if err := g.go1(t); !errors.As(err, &e) || e.Step != StepExecve || e.Errno != unix.ENOENT || e.Index != len(items)-1 {
		t.Errorf("got %v, want execve of the last item: no such file or directory", err)
	}
}

// TestCreatedHasName wants ps(1) to show what waits there.
func TestCreatedHasName(t *testing.T) {
	c := newGate(t).created(t, createdPlan(busyboxRoot(t), "/bin/sh"))
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.Pid()))
	if err != nil || string(b) != "minirun:init\n" {
		t.Errorf("name %q, error %v", b, err)
	}
}

// TestCreatedIsSmall holds the waiting init to its memory budget, and to the few descriptors that it needs.
func TestCreatedIsSmall(t *testing.T) {
	c := newGate(t).created(t, createdPlan(busyboxRoot(t), "/bin/sh"))
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", c.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(b, []byte("\nPss:"))
	if !ok {
		t.Fatalf("no Pss in %s", b)
	}
	pss, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", b)
	if pss > 120 {
		t.Errorf("%d KiB, the budget is 120", pss)
	}
	// The socket goes right after its last message.
	var fds []os.DirEntry
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if fds, err = os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid())); err != nil {
			t.Fatal(err)
		}
		if len(fds) == 5 {
			return
		}
	}
	t.Errorf("%d descriptors are open, want standard streams and two fifos: %v", len(fds), fds)
}
