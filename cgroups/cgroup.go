package cgroups

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// procs is the file that lists and takes processes.
const procs = "cgroup.procs"

// tasks is the version 1 file that takes single threads.
const tasks = "tasks"

// Cgroup is a cgroup in every hierarchy of a host. Its methods may not be used
// concurrently. Close it when done; that does not destroy it.
type Cgroup struct {
	record Record
	// fds are the open directories by the index of record.Dirs; -1 is not open.
	fds []int
	// fresh is true while Create writes into directories that it made, which
	// therefore have no device program yet.
	fresh bool
	// given is the version 2 parent's cgroup.subtree_control as Create read it.
	given string
	// rules are the device rules that are in force as far as Update was told.
	rules []Write
	// manager has the record's unit, if there is one.
	manager Manager
	// inside is the process that the unit was made with, which Complete expects.
	inside int
}

// Open returns the cgroup of a record that Create or Place made, maybe in
// another process. It does not touch the file system: directories that do not
// exist (any more) count as empty and destroyed.
func Open(r Record) *Cgroup {
	return &Cgroup{record: r.clone(), fds: slices.Repeat([]int{-1}, len(r.Dirs))}
}

// Record returns where the cgroup is and what of it was made.
func (c *Cgroup) Record() Record { return c.record.clone() }

// Close closes the descriptors that the Cgroup holds. It may be used again
// afterwards.
func (c *Cgroup) Close() error {
	var err error
	for i, fd := range c.fds {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
			c.fds[i] = -1
		}
	}
	if c.manager != nil {
		err = errors.Join(err, c.manager.Close())
	}
	return err
}

// dir returns the descriptor of a directory, which it opens at the first use.
func (c *Cgroup) dir(i int) (int, error) {
	if c.fds[i] < 0 {
		fd, err := openDir(c.record.Dirs[i].Abs())
		if err != nil {
			return -1, err
		}
		c.fds[i] = fd
	}
	return c.fds[i], nil
}

// FD returns a descriptor of the version 2 directory for clone3(2) with
// CLONE_INTO_CGROUP, and false if there is no version 2 hierarchy. It belongs to
// the Cgroup and is valid until Close. A process cloned into it still has to join
// version 1 by AttachV1 on a hybrid host.
func (c *Cgroup) FD() (int, bool, error) {
	i := c.record.unified()
	if i < 0 {
		return -1, false, nil
	}
	fd, err := c.dir(i)
	if err != nil {
		return -1, false, fmt.Errorf("open cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	return fd, true, nil
}

// Attach moves a process with all its threads into the cgroup, in every
// hierarchy. pid is in the caller's pid namespace; 0 is the caller.
func (c *Cgroup) Attach(pid int) error { return c.attach(pid, true) }

// AttachV1 moves a process into the cgroup in the version 1 hierarchies only,
// for one that was cloned into FD. It does nothing on a Unified host.
func (c *Cgroup) AttachV1(pid int) error { return c.attach(pid, false) }

// JoinFiles opens, for each version 1 hierarchy, the file by which a
// single-threaded process puts itself into the cgroup: it writes "0" to each of
// them once. It is nil on a Unified host. The caller closes the files.
//
// This is much cheaper than AttachV1, because a thread that moves itself does
// not need the kernel's lock against forks and exits (since Linux 5.5, commit
// 9a3284fad42f), the first taking of which costs an RCU grace period of several
// milliseconds. The rights are those of the caller who opened the files. A
// cgroup namespace must be made after it.
func (c *Cgroup) JoinFiles() ([]*os.File, error) {
	var files []*os.File
	for i, d := range c.record.Dirs {
		if d.Version != 1 {
			continue
		}
		fd, err := c.openIn(i, tasks, unix.O_WRONLY)
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, fmt.Errorf("open %s of cgroup %s: %w", tasks, d.Abs(), err)
		}
		files = append(files, os.NewFile(uintptr(fd), d.Abs()+"/"+tasks))
	}
	return files, nil
}

// openIn opens a file of a directory, whether the directory itself is open or
// not.
func (c *Cgroup) openIn(i int, name string, flags int) (int, error) {
	if c.fds[i] >= 0 {
		return openAt(c.fds[i], name, flags)
	}
	return openAt(unix.AT_FDCWD, c.record.Dirs[i].Abs()+"/"+name, flags)
}

// attach joins one hierarchy after the other. Doing it concurrently gains
// nothing: what costs time is the first write, which waits for an RCU grace
// period under a lock that the others need too.
func (c *Cgroup) attach(pid int, unified bool) error {
	value := fmt.Sprint(pid)
	for i, d := range c.record.Dirs {
		if d.Version == 2 && !unified {
			continue
		}
		fd, err := c.openIn(i, procs, unix.O_WRONLY)
		if err == nil {
			err = writeFD(fd, value)
			unix.Close(fd)
		}
		if err != nil {
			return fmt.Errorf("attach process %d to cgroup %s: %w", pid, d.Abs(),
				&WriteError{Value: value, File: procs, Path: d.Path, Hint: hint(procs, err), Err: err})
		}
	}
	return nil
}

// Processes returns the ids, in the caller's pid namespace and ascending, of
// the processes in the cgroup and in all cgroups below it.
func (c *Cgroup) Processes() ([]int, error) {
	i := c.primary()
	if i < 0 {
		return nil, nil
	}
	return c.processes(i)
}

// primary is the index of the directory that tells what the cgroup's processes
// are: that of the freezer, which nothing but a container runtime uses, or else
// version 2, or else the first.
func (c *Cgroup) primary() int {
	if i := c.freezer(); i >= 0 {
		return i
	}
	if len(c.record.Dirs) > 0 {
		return 0
	}
	return -1
}

// processes lists the processes of one directory and all below.
func (c *Cgroup) processes(i int) ([]int, error) {
	fd, err := c.dir(i)
	if gone(err) {
		return nil, nil
	}
	var pids []int
	if err == nil {
		pids, err = listProcesses(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("list processes of cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// listProcesses lists the processes of an open directory and all below. What
// is removed meanwhile is empty.
func listProcesses(dir int) ([]int, error) {
	text, err := readAt(dir, procs)
	// The members of a threaded subtree are listed by its root only, see "Threads"
	// in the kernel's cgroup-v2.rst.
	if err != nil && !gone(err) && !errors.Is(err, unix.EOPNOTSUPP) {
		return nil, err
	}
	pids := parsePids(text)
	names, err := children(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		fd, err := openAt(dir, n, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		more, err := listProcesses(fd)
		unix.Close(fd)
		if err != nil {
			return nil, err
		}
		pids = append(pids, more...)
	}
	return pids, nil
}
