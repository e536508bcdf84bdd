package cgroups

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeWatcher watches ordinary files, which do not announce changes: the test
// does, by calling collect.
func fakeWatcher(t *testing.T, files map[string]string) (*Watcher, func(name, text string)) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		write(name, text)
	}
	w := &Watcher{cgroup: Open(Record{Dirs: []Dir{{Version: 2, MountPoint: dir, Path: "/"}}}), eventfd: -1, until: -1}
	t.Cleanup(func() { w.Close() })
	for name, types := range map[string]map[string]EventType{
		"memory.events": {"low": EventMemoryLow, "high": EventMemoryHigh, "max": EventMemoryMax, "oom_kill": EventOOM},
		"pids.events":   {"max": EventPidsMax},
	} {
		s, err := w.openSource(0, name)
		if err != nil {
			t.Fatal(err)
		}
		if s != nil {
			s.types = types
		}
	}
	s, err := w.openSource(0, "cgroup.events")
	if err != nil {
		t.Fatal(err)
	}
	if s != nil {
		w.state, w.populated = s, s.counts["populated"] == 1
	}
	return w, write
}

// look has the Watcher read, after an announcement of cgroup.events or not.
func look(t *testing.T, w *Watcher, announced bool) []Event {
	t.Helper()
	var ready []int
	if announced {
		ready = []int{w.state.fd}
	}
	if err := w.collect(ready); err != nil {
		t.Fatal(err)
	}
	events := w.pending
	w.pending = nil
	return events
}

func TestWatcherCounts(t *testing.T) {
	w, write := fakeWatcher(t, map[string]string{
		"memory.events": "low 0\nhigh 3\nmax 0\noom 0\noom_kill 2\n", "pids.events": "max 5\n", "cgroup.events": "populated 1\nfrozen 0\n",
	})
	if e := look(t, w, false); len(e) != 0 {
		t.Errorf("what was before: %v", e)
	}
	write("memory.events", "low 1\nhigh 3\nmax 8\noom 9\noom_kill 4\noom_group_kill 1\n")
	same(t, look(t, w, false), []Event{{EventMemoryLow, 1}, {EventMemoryMax, 8}, {EventOOM, 2}})
	if e := look(t, w, false); len(e) != 0 {
		t.Errorf("told twice: %v", e)
	}
	write("pids.events", "max 6\n")
	write("cgroup.events", "populated 0\nfrozen 0\n")
	same(t, look(t, w, true), []Event{{EventPidsMax, 1}}) // and then it has ended
	if !w.ended {
		t.Error("it goes on without processes")
	}
}

func TestWatcherEnd(t *testing.T) {
	for _, tc := range []struct {
		name, before, after string
		announced, ended    bool
	}{
		{"processes as before", "populated 1\nfrozen 0", "populated 1\nfrozen 0", true, false},
		{"frozen", "populated 1\nfrozen 0", "populated 1\nfrozen 1", true, false},
		{"the last process", "populated 1\nfrozen 0", "populated 0\nfrozen 0", true, true},
		{"the last process, not announced yet", "populated 1\nfrozen 0", "populated 0\nfrozen 0", false, true},
		{"never a process", "populated 0\nfrozen 0", "populated 0\nfrozen 0", false, false},
		{"frozen without a process", "populated 0\nfrozen 0", "populated 0\nfrozen 1", true, false},
		{"a process that came and went", "populated 0\nfrozen 0", "populated 0\nfrozen 0", true, true},
		{"a first process", "populated 0\nfrozen 0", "populated 1\nfrozen 0", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, write := fakeWatcher(t, map[string]string{"cgroup.events": tc.before})
			write("cgroup.events", tc.after)
			look(t, w, tc.announced)
			if w.ended != tc.ended {
				t.Errorf("ended: %v", w.ended)
			}
		})
	}
}

func TestWatcherUnreadable(t *testing.T) {
	w, write := fakeWatcher(t, map[string]string{"memory.events": "low 0\n"})
	write("memory.events", "low\n")
	if err := w.collect(nil); err == nil {
		t.Error("a line without a number is taken")
	}
}

// notify adds to the eventfd what the kernel would.
func notify(t *testing.T, fd int, n uint64) {
	t.Helper()
	if _, err := unix.Write(fd, binary.NativeEndian.AppendUint64(nil, n)); err != nil {
		t.Fatal(err)
	}
}

// The removal of a cgroup is a notification too, whenever it comes.
func TestNotificationsAfterRemoval(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after uint64 // come with the first read, and while waiting for the removal's
		want          uint64
	}{
		{"removal alone", 1, 0, 0},
		{"removal alone, late", 0, 1, 0},
		{"one event", 2, 0, 1},
		{"one event, late removal", 1, 1, 1},
		{"nothing", 0, 0, 0},
		{"many events", 9, 0, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
			if err != nil {
				t.Fatal(err)
			}
			w := &Watcher{cgroup: Open(Record{}), eventfd: fd, until: -1}
			defer w.Close()
			notify(t, fd, tc.before)
			fired := w.notifications()
			notify(t, fd, tc.after)
			if got := w.afterRemoval(fired); got != tc.want {
				t.Errorf("%d events, want %d", got, tc.want)
			}
		})
	}
}
