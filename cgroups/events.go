package cgroups

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// EventType is a kind of Event.
type EventType string

const (
	// EventOOM is a want of memory that could not be met. In version 2 it means
	// that processes were killed. In version 1 it comes before the kill, also
	// where the OOM killer is disabled and processes wait, and for every cgroup
	// below the one that has the limit.
	EventOOM EventType = "oom"
	// EventMemoryLow is memory reclaimed although below memory.low; version 2.
	EventMemoryLow EventType = "memory-low"
	// EventMemoryHigh is processes throttled for being above memory.high;
	// version 2.
	EventMemoryHigh EventType = "memory-high"
	// EventMemoryMax is a use that was about to go above memory.max, where
	// reclaiming may still have helped; version 2.
	EventMemoryMax EventType = "memory-max"
	// EventPidsMax is a fork that pids.max did not allow, see PidsStats.
	EventPidsMax EventType = "pids-max"
)

// Event is something that happened to the processes of a cgroup.
type Event struct {
	Type EventType
	// Count is how often it happened since the last Event of the type, or since
	// Watch. For EventOOM in version 2 it is the number of killed processes.
	// The kernel may put together what happens within 10 ms.
	Count uint64
}

// lookInterval is how often a Watcher looks at what the kernel does not report
// by itself.
const lookInterval = time.Second

// removalDelay is how long to wait for the notification of a removal.
const removalDelay = 100 * time.Millisecond

// Watcher waits for events of a cgroup. Its methods may not be used
// concurrently. It holds some descriptors and no goroutine.
type Watcher struct {
	cgroup  *Cgroup // the Watcher's own
	poll    *os.File
	raw     syscall.RawConn // of poll, which is an epoll(7) descriptor of all sources
	sources []*source
	state   *source // cgroup.events of version 2
	oom     *source // memory.oom_control of version 1
	eventfd int     // eventfd(2) that oom notifies, or -1
	until   int     // the caller's descriptor, or -1

	populated bool // has had processes
	look      bool // needs to look at intervals
	ended     bool
	pending   []Event
}

// source is an open file with counters.
type source struct {
	fd     int
	types  map[string]EventType // by key
	counts map[string]uint64
}

// Watch begins to watch the cgroup; what happens from now on is told by
// [Watcher.Next]. In version 2 the kernel says when memory.events and pids.events
// change; in version 1 it is asked for notifications of memory.oom_control by
// cgroup.event_control. Where neither works, counters are looked at once a
// second; there, a cgroup that is empty at two looks counts as one that never had
// processes.
//
// until, which may be nil, is a descriptor whose readability ends the watching
// too, for instance a pidfd. It is not closed, and must not be before the
// Watcher is.
//
// A cgroup that does not exist is an error that wraps [unix.ENOENT].
func (c *Cgroup) Watch(until *os.File) (*Watcher, error) {
	w := &Watcher{cgroup: Open(c.record), eventfd: -1, until: -1}
	if err := w.open(until); err != nil {
		w.Close()
		return nil, fmt.Errorf("watch cgroup %s: %w", c.record.name(), err)
	}
	return w, nil
}

func (w *Watcher) open(until *os.File) error {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	// What does not block can wait in the poller of Go's runtime, which takes no
	// thread.
	if err := unix.SetNonblock(ep, true); err != nil {
		unix.Close(ep)
		return fmt.Errorf("epoll descriptor: %w", err)
	}
	w.poll = os.NewFile(uintptr(ep), "epoll")
	if w.raw, err = w.poll.SyscallConn(); err != nil {
		return err
	}
	if until != nil {
		if w.until, err = descriptor(until); err != nil {
			return err
		}
		if err := w.add(w.until, unix.EPOLLIN); err != nil {
			return err
		}
	}
	if err := w.openSources(); err != nil {
		return err
	}
	if len(w.sources) == 0 && w.state == nil {
		// Maybe there are no such files, maybe there is no cgroup.
		return w.exists()
	}
	return nil
}

// name is the cgroup's first directory, for messages.
func (r Record) name() string {
	if len(r.Dirs) == 0 {
		return "(none)"
	}
	return r.Dirs[0].Abs()
}

// exists fails if there is none of the directories; but a cgroup in no hierarchy
// at all can still be watched until something.
func (w *Watcher) exists() error {
	dirs := w.cgroup.record.Dirs
	if len(dirs) == 0 && w.until >= 0 {
		return nil
	}
	for i := range dirs {
		if _, err := w.cgroup.dir(i); !gone(err) {
			return err
		}
	}
	return unix.ENOENT
}

// descriptor is File.Fd, which makes the file block.
func descriptor(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd, err
}

func (w *Watcher) openSources() error {
	r := w.cgroup.record
	memory := r.index("memory")
	if memory >= 0 && r.Dirs[memory].Version == 1 {
		if err := w.openOOMControl(memory); err != nil {
			return err
		}
	} else if err := w.openCounters(memory, "memory.events", map[string]EventType{
		"low": EventMemoryLow, "high": EventMemoryHigh, "max": EventMemoryMax, "oom_kill": EventOOM,
	}); err != nil {
		return err
	}
	if err := w.openCounters(r.index("pids"), "pids.events", map[string]EventType{"max": EventPidsMax}); err != nil {
		return err
	}
	return w.openState()
}

// openCounters watches a file that announces its changes.
func (w *Watcher) openCounters(dir int, name string, types map[string]EventType) error {
	s, err := w.openSource(dir, name)
	if s == nil || err != nil {
		return err
	}
	s.types = types
	return w.add(s.fd, unix.EPOLLPRI)
}

// openSource opens a file and reads it for the first time; nil if there is none.
func (w *Watcher) openSource(dir int, name string) (*source, error) {
	if dir < 0 {
		return nil, nil
	}
	fd, err := w.cgroup.dir(dir)
	if err == nil {
		fd, err = openAt(fd, w.cgroup.record.Dirs[dir].fileName(name), unix.O_RDONLY)
	}
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	s := &source{fd: fd}
	w.sources = append(w.sources, s)
	if s.counts, err = s.read(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return s, nil
}

// openOOMControl asks version 1 for notifications, see "memory.oom_control" in the
// kernel's cgroup-v1/memory.rst. The count of kills does not announce itself: it
// is what is looked at where notifications are refused, as kernels for real
// time do.
func (w *Watcher) openOOMControl(dir int) error {
	s, err := w.openSource(dir, "memory.oom_control")
	if s == nil || err != nil {
		return err
	}
	w.eventfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	err = writeAt(w.cgroup.fds[dir], "cgroup.event_control", fmt.Sprintf("%d %d", w.eventfd, s.fd))
	if err == nil {
		w.oom = s
		return w.add(w.eventfd, unix.EPOLLIN)
	}
	unix.Close(w.eventfd)
	w.eventfd, w.look = -1, true
	s.types = map[string]EventType{"oom_kill": EventOOM}
	return nil
}

// openState watches whether there are processes, which only version 2 announces.
func (w *Watcher) openState() error {
	s, err := w.openSource(w.cgroup.record.unified(), "cgroup.events")
	if err != nil {
		return err
	}
	if s == nil {
		w.look = true
		_, err := w.empty(false)
		return err
	}
	w.state, w.populated = s, s.counts["populated"] == 1
	return w.add(s.fd, unix.EPOLLPRI)
}

func (w *Watcher) add(fd int, events uint32) error {
	ep, err := descriptor(w.poll)
	if err == nil {
		err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	}
	if err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// read reads the counters from the beginning, which also makes the kernel
// announce the next change.
func (s *source) read() (map[string]uint64, error) {
	buf := make([]byte, 4096)
	n := 0
	err := again(func() (err error) {
		n, err = unix.Pread(s.fd, buf, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return parsePairs(string(buf[:n]))
}

// Next waits for the next event. io.EOF means that the cgroup has ended: its
// last process has, or it was removed, or until is readable. All events before
// that have been returned, unless the cgroup was removed before they could be
// read, which takes its counters away. It also returns when ctx ends, with the context's error.
//
// After an error other than ctx's there is nothing but Close.
func (w *Watcher) Next(ctx context.Context) (Event, error) {
	poll := w.poll
	if poll == nil {
		return Event{}, io.EOF // closed
	}
	stop := context.AfterFunc(ctx, func() { poll.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if len(w.pending) > 0 {
			e := w.pending[0]
			w.pending = w.pending[1:]
			return e, nil
		}
		if w.ended {
			return Event{}, io.EOF
		}
		if err := ctx.Err(); err != nil {
			return Event{}, context.Cause(ctx)
		}
		ready, err := w.wait(ctx)
		if err != nil {
			return Event{}, fmt.Errorf("wait for events of a cgroup: %w", err)
		}
		if err := w.collect(ready); err != nil {
			return Event{}, fmt.Errorf("read events of a cgroup: %w", err)
		}
	}
}

// wait returns the descriptors that have something to say; none when it is time
// to look, or when ctx ends.
func (w *Watcher) wait(ctx context.Context) ([]int, error) {
	var deadline time.Time
	if w.look || !w.populated {
		deadline = time.Now().Add(lookInterval)
	}
	if err := w.poll.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // the deadline of AfterFunc may just have been overwritten
		return nil, nil
	}
	var ready []int
	var failed error
	err := w.raw.Read(func(fd uintptr) bool {
		events := make([]unix.EpollEvent, 8)
		n := 0
		failed = again(func() (err error) {
			n, err = unix.EpollWait(int(fd), events, 0)
			return err
		})
		for _, e := range events[:max(n, 0)] {
			ready = append(ready, int(e.Fd))
		}
		return failed != nil || n > 0
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return ready, errors.Join(err, failed)
}

// collect reads what has changed. The end is looked at before the counters and
// told after them, since the kernel counts before it kills.
func (w *Watcher) collect(ready []int) error {
	ended := w.until >= 0 && slices.Contains(ready, w.until)
	empty, err := w.empty(w.state != nil && slices.Contains(ready, w.state.fd))
	if err != nil {
		return err
	}
	ended = ended || empty
	fired := w.notifications()
	for _, s := range w.sources {
		now, err := s.read()
		if err != nil && !gone(err) {
			return err
		}
		if err == nil {
			w.compare(s, now)
			continue
		}
		ended = true
		if s == w.oom {
			fired = w.afterRemoval(fired)
		}
	}
	if fired > 0 {
		w.pending = append(w.pending, Event{EventOOM, fired})
	}
	w.ended = ended
	return nil
}

// empty tells whether there were processes and are none any more. announced means
// that cgroup.events has changed: if it says what it said before, there were
// processes in the meantime.
func (w *Watcher) empty(announced bool) (bool, error) {
	populated := false
	if w.state != nil {
		now, err := w.state.read()
		if err != nil {
			return gone(err), ignoreGone(err)
		}
		populated = now["populated"] == 1
		w.populated = w.populated || announced && now["frozen"] == w.state.counts["frozen"]
		w.state.counts = now
	} else if len(w.cgroup.record.Dirs) > 0 {
		pids, err := w.cgroup.Processes()
		if err != nil {
			return gone(err), ignoreGone(err)
		}
		populated = len(pids) > 0
	}
	w.populated = w.populated || populated
	return w.populated && !populated, nil
}

func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

// compare makes events of counters that have risen, in the order of the types'
// names.
func (w *Watcher) compare(s *source, now map[string]uint64) {
	for _, key := range []string{"low", "high", "max", "oom_kill"} {
		t, ok := s.types[key]
		if ok && now[key] > s.counts[key] {
			w.pending = append(w.pending, Event{t, now[key] - s.counts[key]})
		}
	}
	s.counts = now
}

// notifications takes what the eventfd has counted since the last time.
func (w *Watcher) notifications() uint64 {
	if w.eventfd < 0 {
		return 0
	}
	var b [8]byte
	err := again(func() error {
		_, err := unix.Read(w.eventfd, b[:])
		return err
	})
	if err != nil { // EAGAIN: nothing
		return 0
	}
	return binary.NativeEndian.Uint64(b[:])
}

// afterRemoval corrects the count of notifications of a cgroup that has been
// removed: the kernel sends one more for the removal itself, some time after the
// files are gone.
func (w *Watcher) afterRemoval(fired uint64) uint64 {
	if fired < 2 {
		p := []unix.PollFd{{Fd: int32(w.eventfd), Events: unix.POLLIN}}
		_ = again(func() error {
			_, err := unix.Poll(p, int(removalDelay/time.Millisecond))
			return err
		})
		fired += w.notifications()
	}
	return max(fired, 1) - 1
}

// Close ends the watching.
func (w *Watcher) Close() error {
	for _, s := range w.sources {
		unix.Close(s.fd)
	}
	if w.eventfd >= 0 {
		unix.Close(w.eventfd)
	}
	w.sources, w.state, w.oom, w.eventfd, w.ended = nil, nil, nil, -1, true
	err := w.cgroup.Close()
	if w.poll != nil {
		err = errors.Join(err, w.poll.Close())
		w.poll = nil
	}
	return err
}
