package metrics

import (
	"context"
	"os"

	v1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	v2 "github.com/containerd/cgroups/v3/cgroup2/stats"
	"google.golang.org/protobuf/proto"

	"github.com/minirun/minirun/cgroups"
)

// Watcher waits for out-of-memory events. Its methods may not be used
// concurrently.
type Watcher struct {
	cgroup  *cgroups.Cgroup
	watcher *cgroups.Watcher
}

// Watch begins to watch a cgroup, which may end before until, a pidfd for
// instance, is readable; until may be nil. Errors are those of
// [cgroups.Cgroup.Watch].
func Watch(c *cgroups.Cgroup, until *os.File) (*Watcher, error) {
	w, err := c.Watch(until)
	if err != nil {
		return nil, err
	}
	return &Watcher{cgroups.Open(c.Record()), w}, nil
}

// Next waits for the next out-of-memory event and returns the counters: a
// *stats.MemoryEvents of cgroup2 where memory is controlled by version 2, else a
// *stats.MemoryOomControl of cgroup1, which may not count the kill yet. If the
// cgroup was removed in the meantime, there is only the number of new events.
// Errors are those of [cgroups.Watcher.Next], io.EOF among them.
func (w *Watcher) Next(ctx context.Context) (proto.Message, error) {
	for {
		e, err := w.watcher.Next(ctx)
		if err != nil {
			return nil, err
		}
		if e.Type == cgroups.EventOOM {
			return w.counters(e), nil
		}
	}
}

func (w *Watcher) counters(e cgroups.Event) proto.Message {
	var memory *cgroups.MemoryStats
	if s, err := w.cgroup.Stats(); err == nil {
		memory = s.Memory
	}
	if d, ok := w.cgroup.Record().Dir("memory"); ok && d.Version == 1 {
		if m := oomControl(memory); m != nil {
			return m
		}
		return &v1.MemoryOomControl{OomKill: e.Count}
	}
	if m := memoryEvents(memory); m != nil {
		return m
	}
	return &v2.MemoryEvents{Oom: e.Count, OomKill: e.Count}
}

// Close ends the watching.
func (w *Watcher) Close() error {
	err := w.watcher.Close()
	if e := w.cgroup.Close(); err == nil {
		err = e
	}
	return err
}
