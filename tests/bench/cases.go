package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// round does a case once.
type round func() (cost, error)

// benchCase is a thing that is timed, again and again. prepare makes what the rounds share and returns the round and what
// undoes the preparation.
type benchCase struct {
	name    string
	about   string
	prepare func(t *target) (again round, undo func(), err error)
}

func cases() []benchCase {
	return []benchCase{
		{"run", "run of /bin/true, made, run and removed in one call", prepareRun(false)},
		{"lifecycle", "create, start, kill, wait for the end, delete of a sleeping container", prepareLifecycle},
		{"exec", "exec of /bin/true in a running container", prepareExec},
		{"seccomp", "run of /bin/true with a seccomp profile of Docker's size", prepareRun(true)},
	}
}

func prepareRun(seccomp bool) func(*target) (round, func(), error) {
	return func(t *target) (round, func(), error) {
		const id = "bench-run"
		bundle, err := t.bundle(id, container{args: []string{"/bin/true"}, seccomp: seccomp})
		if err != nil {
			return nil, nil, err
		}
		argv := t.argv("run", "--bundle", bundle, id)
		return func() (cost, error) {
			took, err := t.io.call(argv...)
			if err != nil {
				t.remove(id)
			}
			return took, err
		}, func() {}, nil
	}
}

func prepareLifecycle(t *target) (round, func(), error) {
	const id = "bench-lifecycle"
	bundle, err := t.bundle(id, container{args: []string{"/bin/sleep", "1000"}})
	if err != nil {
		return nil, nil, err
	}
	return func() (cost, error) {
		took, err := t.lifecycle(id, bundle)
		if err != nil {
			t.remove(id)
		}
		return took, err
	}, func() {}, nil
}

func (t *target) lifecycle(id, bundle string) (cost, error) {
	start := time.Now()
	pid, total, err := t.create(id, bundle)
	if err != nil {
		return cost{}, err
	}
	for _, args := range [][]string{{"start", id}, {"kill", id, "KILL"}, {"delete", id}} {
		if args[0] == "delete" {
			if _, err := waitFor(pid, nil); err != nil {
				return cost{}, err
			}
		}
		took, err := t.io.call(t.argv(args...)...)
		if err != nil {
			return cost{}, err
		}
		total.cpu += took.cpu
	}
	total.wall = time.Since(start)
	return total, nil
}

func prepareExec(t *target) (round, func(), error) {
	const id = "bench-exec"
	if _, err := t.sleeping(id); err != nil {
		return nil, nil, err
	}
	argv := t.argv("exec", id, "/bin/true")
	return func() (cost, error) { return t.io.call(argv...) }, func() { t.remove(id) }, nil
}

// sleeping makes and starts a container that stays, and returns the pid of its init.
func (t *target) sleeping(id string) (int, error) {
	bundle, err := t.bundle(id, container{args: []string{"/bin/sleep", "1000"}})
	if err != nil {
		return 0, err
	}
	pid, _, err := t.create(id, bundle)
	if err == nil {
		_, err = t.io.call(t.argv("start", id)...)
	}
	if err != nil {
		t.remove(id)
		return 0, err
	}
	return pid, nil
}

// floor is the C program that does the kernel's part only. It has no lifecycle of several calls, and no seccomp.
type floor struct {
	path   string
	state  string
	rootfs string
	io     *streams
}

// prepare returns the round of the case, or nil where the floor does not do it. host is any runtime: the exec case needs a container
// to join, and undo removes it.
func (f *floor) prepare(name string, host *target) (round, func(), error) {
	cgroup := filepath.Join(cgroupParent, "floor", "bench-floor")
	switch name {
	case "run":
		argv := []string{f.path, "run", f.rootfs, cgroup, filepath.Join(f.state, "floor"), "/bin/true"}
		return func() (cost, error) { return f.io.call(argv...) }, func() {}, nil
	case "exec":
		const id = "bench-floor"
		pid, err := host.sleeping(id)
		if err != nil {
			return nil, nil, fmt.Errorf("floor: %w", err)
		}
		argv := []string{f.path, "exec", strconv.Itoa(pid), host.cgroup(id), "/bin/true"}
		return func() (cost, error) { return f.io.call(argv...) }, func() { host.remove(id) }, nil
	}
	return nil, nil, nil
}
