package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

// Types of Event besides those of package cgroups, of which [cgroups.EventOOM] is the most asked for.
const (
	// EventStats is statistics, at intervals.
	EventStats cgroups.EventType = "stats"
	// EventFailed is an error that ends the events.
	EventFailed cgroups.EventType = "failed"
)

// Event is something that happened to a container.
type Event struct {
	Type cgroups.EventType
	// Count is how often it happened since the last event of the type, see [cgroups.Event]; 0 for EventStats and EventFailed.
	Count uint64
	// Stats is set for EventStats, unless Err is.
	Stats *Stats
	// Err is why statistics could not be read this time, or why the events end.
	Err error
}

// EventOptions are the options of [Container.Events].
type EventOptions struct {
	// StatsInterval is the time between two EventStats; 0 means none. The first comes after the first interval.
	StatsInterval time.Duration
}

// Events tells what happens to a container from now on. The channel is closed when the container's first process has ended, after what
// happened before, and when ctx ends. Who stops receiving must end ctx, or a goroutine stays. Events that are not received in time are put
// together, not lost: Count says how many.
//
// ErrNotRunning: there is no process.
func (c *Container) Events(ctx context.Context, o EventOptions) (<-chan Event, error) {
	rec, err := c.reload()
	if err == nil && o.StatsInterval < 0 {
		err = fmt.Errorf("interval of statistics %v: it must not be negative", o.StatsInterval)
	}
	var s *eventStream
	if err == nil {
		s, err = rec.events()
	}
	if err != nil {
		return nil, &ContainerError{"events", c.id, err}
	}
	s.c, s.interval = c, o.StatsInterval
	go s.run(ctx)
	return s.out, nil
}

// eventStream is one call of Events.
type eventStream struct {
	c        *Container
	rec      *record
	pidfd    *os.File
	watcher  *cgroups.Watcher
	interval time.Duration
	out      chan Event
}

func (r *record) events() (*eventStream, error) {
	pidfd, err := r.pidfd()
	if err != nil {
		return nil, err
	}
	cg := r.openCgroup()
	defer cg.Close()
	w, err := cg.Watch(pidfd)
	if err != nil {
		pidfd.Close()
		return nil, err
	}
	return &eventStream{rec: r, pidfd: pidfd, watcher: w, out: make(chan Event)}, nil
}

// pidfd returns a descriptor of the live init process, never of another one that got its number.
func (r *record) pidfd() (*os.File, error) {
	if r.Pid == 0 {
		return nil, ErrNotRunning
	}
	fd, err := unix.PidfdOpen(r.Pid, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("pidfd_open of process %d: %w", r.Pid, err)
	}
	if alive, err := r.alive(); !alive {
		unix.Close(fd)
		return nil, errors.Join(ErrNotRunning, err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

func (s *eventStream) run(ctx context.Context) {
	defer close(s.out)
	defer s.pidfd.Close()
	defer s.watcher.Close()
	due := time.Now().Add(s.interval)
	for {
		e, err := s.next(ctx, due)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return
		case err != nil:
			s.send(ctx, Event{Type: EventFailed, Err: err})
			return
		}
		if e.Type == EventStats {
			due = time.Now().Add(s.interval)
		}
		if !s.send(ctx, e) {
			return
		}
	}
}

// next waits for what happens, or until statistics are due.
func (s *eventStream) next(ctx context.Context, due time.Time) (Event, error) {
	wait := ctx
	if s.interval > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithDeadline(ctx, due)
		defer cancel()
	}
	e, err := s.watcher.Next(wait)
	if err == nil {
		return Event{Type: e.Type, Count: e.Count}, nil
	}
	if ctx.Err() != nil || wait.Err() == nil || errors.Is(err, io.EOF) {
		return Event{}, err
	}
	stats, err := s.c.stats(s.rec)
	if err != nil {
		return Event{Type: EventStats, Err: err}, nil
	}
	return Event{Type: EventStats, Stats: &stats}, nil
}

func (s *eventStream) send(ctx context.Context, e Event) bool {
	select {
	case s.out <- e:
		return true
	case <-ctx.Done():
		return false
	}
}
