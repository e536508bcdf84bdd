//go:build integration

package nsenter

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// outcome is what became of one launched plan.
type outcome struct {
	err    *InitError // a reported failure
	status unix.WaitStatus
	stdout string
	points []int64
}

// launch is one run of a plan in a test.
type launch struct {
	items  []Item
	clone  uintptr
	slots  map[Slot]*os.File
	stdin  *os.File
	keep   []*os.File
	onSync func(t *testing.T, c *Child, e Event) []*os.File
}

func executable(t *testing.T) *os.File {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test needs root")
	}
	exe, err := OpenExecutable(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exe.Close() })
	return exe
}

// run starts the init with the plan, answers every synchronisation point and waits for the end.
func (l launch) run(t *testing.T) outcome {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := l.stdin
	if in == nil {
		if in, err = os.Open(os.DevNull); err != nil {
			t.Fatal(err)
		}
		defer in.Close()
	}
	c, err := (&Launch{
		Plan: &Plan{Items: l.items}, Executable: executable(t), Stdio: [3]*os.File{in, w, w},
		CloneFlags: l.clone, Slots: l.slots, Preserve: l.keep,
	}).Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var out outcome
	l.follow(t, c, &out)
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	out.stdout = string(b)
	if out.status, err = c.Wait(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (l launch) follow(t *testing.T, c *Child, out *outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		e, err := c.Next(ctx)
		if errors.As(err, &out.err) {
			return
		}
		var death *DeathError
		if errors.As(err, &death) {
			return // the end of a plan without proc.exec
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == EventDone {
			return
		}
		if e.Kind != EventSync {
			continue
		}
		out.points = append(out.points, e.Point)
		var files []*os.File
		if l.onSync != nil {
			files = l.onSync(t, c, e)
		}
		if err := c.Ack(files...); err != nil {
			t.Fatal(err)
		}
		closeAll(files)
		closeAll(e.Files)
	}
}

// plan makes items, without reasons.
func plan(ops ...InitOp) []Item {
	var items []Item
	for _, op := range ops {
		items = append(items, Item{Op: op})
	}
	return items
}

// busyboxRoot makes a root filesystem with a static busybox and the usual directories.
func busyboxRoot(t *testing.T) string {
	t.Helper()
	box, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("this test needs busybox-static: ", err)
	}
	root := t.TempDir()
	for _, d := range []string{"bin", "proc", "dev", "sys", "tmp", "etc"} {
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(box)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), b, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"sh", "cat", "ls", "id", "stat", "mount"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", n)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	slotRoot Slot = iota
	slotNull
	slotEmpty
	slotProc
	slotExtra
)

const isolated = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET

// enter is the beginning of most plans: a private tree and the root as a mount of its own.
func enter(root string) []InitOp {
	return []InitOp{
		MountPropagation{Root: NoSlot, Path: "/", Flags: unix.MS_REC | unix.MS_PRIVATE},
		RootOpen{Path: root, Root: slotRoot},
	}
}

// shell is the end of most plans.
func shell(script string) []InitOp {
	args := []string{"/bin/sh", "-c", script}
	return []InitOp{
		RootPivot{Root: slotRoot},
		ProcChdir{Path: "/"},
		ProcLookup{Name: args[0], Candidates: args[:1]},
		ProcClosefds{First: 3},
		SyncFinal{},
		ProcExec{Args: args, Env: []string{"PATH=/bin"}},
	}
}

func concat(parts ...[]InitOp) []Item {
	var all []InitOp
	for _, p := range parts {
		all = append(all, p...)
	}
	return plan(all...)
}
