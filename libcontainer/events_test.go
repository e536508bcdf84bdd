package libcontainer

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

// eventsOf returns a container whose first process is one that anybody can make. It has no cgroup.
func eventsOf(t *testing.T) (*Container, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	d := newStateDir(t)
	rec := &record{Version: stateVersion, ID: "web", Pid: cmd.Process.Pid}
	var err error
	if rec.StartTime, _, err = startTime(rec.Pid); err != nil {
		t.Fatal(err)
	}
	if err := d.writeRecord(rec); err != nil {
		t.Fatal(err)
	}
	return &Container{id: "web", dir: d}, cmd
}

// receive returns the next event, false at the end.
func receive(t *testing.T, ch <-chan Event) (Event, bool) {
	t.Helper()
	select {
	case e, ok := <-ch:
		return e, ok
	case <-time.After(10 * time.Second):
		t.Fatal("nothing in ten seconds")
		return Event{}, false
	}
}

// noMoreGoroutines fails unless their number comes down again.
func noMoreGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, there were %d", runtime.NumGoroutine(), before)
}

func TestEventsEndWithTheProcess(t *testing.T) {
	c, cmd := eventsOf(t)
	before := runtime.NumGoroutine()
	ch, err := c.Events(context.Background(), EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if e, ok := receive(t, ch); ok {
		t.Errorf("event %+v", e)
	}
	noMoreGoroutines(t, before)
	cmd.Wait()
	if _, err := c.Events(context.Background(), EventOptions{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("afterwards: %v", err)
	}
}

// The context ends the events, whether somebody receives or not.
func TestEventsEndWithTheContext(t *testing.T) {
	c, _ := eventsOf(t)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	ch, err := c.Events(ctx, EventOptions{StatsInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // now it most likely waits for a receiver
	cancel()
	noMoreGoroutines(t, before)
	if e, ok := receive(t, ch); ok {
		t.Errorf("event %+v", e)
	}
}

// Statistics that cannot be read are told, and tried again.
func TestEventsStatsWithoutCgroup(t *testing.T) {
	c, _ := eventsOf(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ch, err := c.Events(ctx, EventOptions{StatsInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e, ok := receive(t, ch)
		if !ok || e.Type != EventStats || e.Stats != nil || e.Err == nil || !strings.Contains(e.Err.Error(), "has no cgroup") {
			t.Errorf("%+v", e)
		}
	}
	if _, err := c.Stats(ctx); err == nil || !strings.Contains(err.Error(), "has no cgroup") {
		t.Errorf("Stats: %v", err)
	}
	rec, err := c.dir.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	rec.Cgroup = &cgroups.Record{Dirs: []cgroups.Dir{{Version: 2, MountPoint: t.TempDir(), Path: "/gone"}}}
	if err := c.dir.writeRecord(rec); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stats(ctx); !errors.Is(err, ErrNotRunning) || !errors.Is(err, unix.ENOENT) {
		t.Errorf("Stats of a cgroup that is gone: %v", err)
	}
	cancel()
	if _, err := c.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stats: %v", err)
	}
}

func TestEventsRefused(t *testing.T) {
	c, _ := eventsOf(t)
	if _, err := c.Events(context.Background(), EventOptions{StatsInterval: -1}); err == nil {
		t.Error("a negative interval is taken")
	}
	// Another process has the number.
	rec, err := c.dir.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	rec.StartTime++
	if err := c.dir.writeRecord(rec); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Events(context.Background(), EventOptions{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("another process: %v", err)
	}
	if err := c.dir.writeRecord(&record{Version: stateVersion, ID: "web"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Events(context.Background(), EventOptions{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no process: %v", err)
	}
}
