//go:build integration

package library

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// hungry is a container that needs more memory than it may have, and is killed. cgroup v1 counts all in swap, so there is none.
func hungry() *specs.Spec {
	spec := newSpec("exec dd if=/dev/zero of=/dev/null bs=64M count=1")
	limit := int64(16 << 20)
	spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
	return spec
}

// gather receives events until the channel is closed.
func gather(t *testing.T, ch <-chan libcontainer.Event) []libcontainer.Event {
	t.Helper()
	var all []libcontainer.Event
	for late := time.After(patience); ; {
		select {
		case e, ok := <-ch:
			if !ok {
				return all
			}
			all = append(all, e)
		case <-late:
			t.Fatalf("the events do not end; so far %+v", all)
		}
	}
}

// That a container was killed for want of memory is told as it happens, and can still be seen afterwards.
func TestEventsAndStatsOfOOM(t *testing.T) {
	rt, _ := newRuntime(t)
	c, err := rt.Create(t.Context(), "hungry", options(newBundle(t, nil), "hungry", hungry()))
	noError(t, err)
	events, err := c.Events(t.Context(), libcontainer.EventOptions{})
	noError(t, err)
	noError(t, c.Start(t.Context()))
	st, err := c.Wait(t.Context())
	noError(t, err)
	if st.Signal != unix.SIGKILL {
		t.Errorf("the container ended by itself: %+v", st)
	}
	count := map[cgroups.EventType]uint64{}
	for _, e := range gather(t, events) {
		noError(t, e.Err)
		count[e.Type] += e.Count
	}
	if count[cgroups.EventOOM] == 0 {
		t.Errorf("events %v", count)
	}
	s, err := c.Stats(t.Context())
	noError(t, err)
	if s.Memory == nil || s.Memory.OOMKills == nil || *s.Memory.OOMKills != 1 {
		t.Errorf("memory: %+v", s.Memory)
	}
	if s.CPU == nil || s.CPU.Usage == 0 || time.Since(s.Time) > time.Hour || time.Since(s.Time) < 0 {
		t.Errorf("at %v: %+v", s.Time, s.CPU)
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
	if _, err := c.Stats(t.Context()); !errors.Is(err, libcontainer.ErrNotExist) {
		t.Errorf("Stats after Delete: %v", err)
	}
}

// Many listeners of one container, some of which stop early, do not disturb each other; newRuntime sees that nothing of them is left.
func TestEventsManyListeners(t *testing.T) {
	rt, _ := newRuntime(t)
	c, err := rt.Run(t.Context(), "listened", options(newBundle(t, nil), "listened", newSpec("exec sleep 1000")))
	noError(t, err)
	var rest []<-chan libcontainer.Event
	for i := range 40 {
		ctx, cancel := context.WithCancel(t.Context())
		ch, err := c.Events(ctx, libcontainer.EventOptions{StatsInterval: 10 * time.Millisecond})
		noError(t, err)
		if e := <-ch; e.Type != libcontainer.EventStats || e.Err != nil || e.Stats.Pids == nil || e.Stats.Pids.Current != 1 {
			t.Errorf("event %+v", e)
		}
		if i%2 == 0 {
			cancel()
			continue
		}
		defer cancel()
		rest = append(rest, ch)
	}
	noError(t, c.Signal(t.Context(), unix.SIGKILL))
	for _, ch := range rest {
		for _, e := range gather(t, ch) {
			if e.Type != libcontainer.EventStats {
				t.Errorf("event %+v", e)
			}
		}
	}
	_, err = c.Wait(t.Context())
	noError(t, err)
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{}))
}

// The monitoring group of linux.intelRdt is the one that is read.
func TestStatsOfIntelRdt(t *testing.T) {
	fs := fakeResctrl(t)
	root := filepath.Join(t.TempDir(), "state")
	rt := openRuntime(t, libcontainer.Options{Root: root, Resctrl: fs})
	defer rt.Close()
	defer checkNothingLeft(t, root)
	spec := newSpec("exec sleep 1000")
	spec.Linux.IntelRdt = &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=ff", EnableMonitoring: true}
	c, err := rt.Run(t.Context(), "counted", options(newBundle(t, nil), "counted", spec))
	noError(t, err)
	monitor := filepath.Join(fs.Dir, "counted/mon_groups/counted/mon_data/mon_L3_00")
	noError(t, os.MkdirAll(monitor, 0o700))
	noError(t, os.WriteFile(filepath.Join(monitor, "llc_occupancy"), []byte("12345\n"), 0o600))
	s, err := c.Stats(t.Context())
	noError(t, err)
	if r := s.IntelRdt; r == nil || !slices.Equal(r.Schemata, []string{"L3:0=ff"}) || len(r.Domains) != 1 || r.Domains[0].Occupancy == nil || *r.Domains[0].Occupancy != 12345 {
		t.Errorf("%+v", r)
	}
	if s.CPU == nil {
		t.Error("nothing of the cgroup")
	}
	noError(t, c.Delete(t.Context(), libcontainer.DeleteOptions{Force: true}))
}
