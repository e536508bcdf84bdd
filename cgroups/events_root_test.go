//go:build integration

package cgroups

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hog needs more memory than the limits of these tests.
const hog = "head -c 67108864 /dev/zero | tail -c 67108864 >/dev/null"

// watch collects events until the cgroup has ended.
func watch(t *testing.T, w *Watcher) map[EventType]uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found := map[EventType]uint64{}
	for {
		e, err := w.Next(ctx)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("after %v: %v", found, err)
		}
		if e.Count == 0 {
			t.Errorf("event of nothing: %+v", e)
		}
		found[e.Type] += e.Count
	}
}

func newWatcher(t *testing.T, c *Cgroup, until *os.File) *Watcher {
	t.Helper()
	w, err := c.Watch(until)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestWatchOOM(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/oom"), compile(t, h, `{"memory": {"limit": 16777216, "swap": 16777216}}`))
		w := newWatcher(t, c, nil)
		cmd, _ := spawn(t, c, hog+"; true")
		found := watch(t, w)
		cmd.Wait()
		if found[EventOOM] == 0 {
			t.Errorf("no %s among %v", EventOOM, found)
		}
		s, err := c.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if s.Memory == nil || s.Memory.OOMKills == nil || *s.Memory.OOMKills == 0 {
			t.Errorf("no kills in the statistics: %+v", s.Memory)
		}
		if kills, err := c.OOMKills(); err != nil || kills == 0 {
			t.Errorf("OOMKills: %d, %v", kills, err)
		}
	}, "memory")
}

// What was notified before the removal is not lost with it.
func TestWatchOOMThenRemoval(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/oom"), compile(t, h, `{"memory": {"limit": 16777216, "swap": 16777216}}`))
		if d, _ := c.record.Dir("memory"); d.Version == 2 {
			t.Skip("the counters of version 2 are gone with the cgroup")
		}
		w := newWatcher(t, c, nil)
		cmd, _ := spawn(t, c, "exec "+hog)
		cmd.Wait()
		ctx := context.Background()
		if err := errors.Join(c.Kill(ctx), c.Destroy(ctx)); err != nil {
			t.Fatal(err)
		}
		if found := watch(t, w); found[EventOOM] == 0 {
			t.Errorf("events: %v", found)
		}
	}, "memory")
}

func TestWatchPids(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/pids"), compile(t, h, `{"pids": {"limit": 3}}`))
		w := newWatcher(t, c, nil)
		cmd, _ := spawn(t, c, "for i in 1 2 3 4 5; do sleep 1000 >/dev/null 2>&1 & done")
		cmd.Wait()
		s, err := c.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if s.Pids == nil || s.Pids.Limit != 3 || s.Pids.Current == 0 {
			t.Fatalf("%+v", s.Pids)
		}
		if s.Pids.Failures == nil {
			t.Skip("this kernel has no pids.events here")
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if e, err := w.Next(ctx); err != nil || e.Type != EventPidsMax || e.Count == 0 {
			t.Errorf("%+v, %v, although %d are counted", e, err, *s.Pids.Failures)
		}
	}, "pids")
}

// A cgroup that never had processes ends by being removed.
func TestWatchRemoval(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/removed"), nil)
		w := newWatcher(t, c, nil)
		if err := c.Destroy(context.Background()); err != nil {
			t.Fatal(err)
		}
		if found := watch(t, w); len(found) != 0 {
			t.Errorf("events: %v", found)
		}
	})
}

// The last process's end is the cgroup's.
func TestWatchLastProcess(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/ends"), nil)
		spawn(t, c, "exec sleep 1000")
		w := newWatcher(t, c, nil)
		if err := c.Kill(context.Background()); err != nil {
			t.Fatal(err)
		}
		if found := watch(t, w); len(found) != 0 {
			t.Errorf("events: %v", found)
		}
	})
}

// Version 2 also shows the end of what nobody has seen begin.
func TestWatchShortLife(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/short"), nil)
		if _, ok := c.record.Unified(); !ok {
			t.Skip("version 1 announces nothing")
		}
		w := newWatcher(t, c, nil)
		run(t, c, "true")
		if found := watch(t, w); len(found) != 0 {
			t.Errorf("events: %v", found)
		}
	})
}

func TestWatchUntil(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/until"), nil)
		spawn(t, c, "exec sleep 1000")
		outside := exec.Command("sleep", "1000")
		if err := outside.Start(); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdOpen(outside.Process.Pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		pidfd := os.NewFile(uintptr(fd), "pidfd")
		defer pidfd.Close()
		w := newWatcher(t, c, pidfd)
		outside.Process.Kill()
		outside.Wait()
		if found := watch(t, w); len(found) != 0 {
			t.Errorf("events: %v", found)
		}
		if len(processes(t, c)) == 0 {
			t.Error("the cgroup has ended by itself")
		}
	})
}

// The context ends the waiting and not the watching, and nothing runs on.
func TestWatchContext(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/context"), nil)
		spawn(t, c, "exec sleep 1000")
		before := runtime.NumGoroutine()
		w := newWatcher(t, c, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		why := errors.New("enough")
		ctx, stop := context.WithCancelCause(context.Background())
		time.AfterFunc(10*time.Millisecond, func() { stop(why) })
		if _, err := w.Next(ctx); !errors.Is(err, why) {
			t.Errorf("cancelled: %v", err)
		}
		if _, err := w.Next(ctx); !errors.Is(err, why) {
			t.Errorf("cancelled before: %v", err)
		}
		if err := c.Kill(context.Background()); err != nil {
			t.Fatal(err)
		}
		if found := watch(t, w); len(found) != 0 {
			t.Errorf("events: %v", found)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := w.Next(context.Background()); !errors.Is(err, io.EOF) {
			t.Errorf("after Close: %v", err)
		}
		eventually(t, "no goroutine left", func() bool { return runtime.NumGoroutine() <= before })
	})
}

func TestWatchMissing(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := Open(place(t, h, top(t)+"/missing"))
		defer c.Close()
		if _, err := c.Watch(nil); !errors.Is(err, unix.ENOENT) {
			t.Errorf("Watch: %v", err)
		}
		if _, err := c.Stats(); !errors.Is(err, unix.ENOENT) {
			t.Errorf("Stats: %v", err)
		}
	})
}
