package libcontainer

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
)

// startOn starts the init on a list of processors, by binding this thread to them for the time of the clone. Whoever uses the library keeps
// its threads as they were.
func startOn(cpus string, l *nsenter.Launch) (*nsenter.Child, error) {
	if cpus == "" {
		return l.Start()
	}
	runtime.LockOSThread()
	old := make([]byte, cpuMask)
	n, err := affinityCall(unix.SYS_SCHED_GETAFFINITY, old)
	if err == nil {
		_, err = affinityCall(unix.SYS_SCHED_SETAFFINITY, numberMask(cpus))
	}
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("process.execCPUAffinity.initial: %w", err)
	}
	child, err := l.Start()
	if _, aerr := affinityCall(unix.SYS_SCHED_SETAFFINITY, old[:n]); aerr != nil {
		return child, err // the thread stays locked, and ends with the goroutine
	}
	runtime.UnlockOSThread()
	return child, err
}

// affinityCall is sched_setaffinity(2) or sched_getaffinity(2) of this thread, with a mask of any length; it returns the length in use.
func affinityCall(nr uintptr, mask []byte) (int, error) {
	n, _, errno := unix.RawSyscall(nr, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask[0])))
	if errno != 0 {
		name := "sched_setaffinity"
		if nr == unix.SYS_SCHED_GETAFFINITY {
			name = "sched_getaffinity"
		}
		return 0, fmt.Errorf("%s: %w", name, errno)
	}
	return int(n), nil
}

// run opens the container's cgroup, or that of its first process where the container has given its controllers to cgroups below, so that no
// process may be in its own any more.
func (o hostOpenUnified) run(_ context.Context, r *runner) error {
	cg := r.cgroup
	dir, _, err := cg.FD()
	if err != nil {
		return err
	}
	control := make([]byte, 512)
	fd, err := unix.Openat(dir, "cgroup.subtree_control", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open cgroup.subtree_control: %w", err)
	}
	n, err := unix.Read(fd, control)
	unix.Close(fd)
	if err != nil {
		return fmt.Errorf("read cgroup.subtree_control: %w", err)
	}
	if len(bytes.TrimSpace(control[:n])) > 0 {
		if other, err := r.cgroupOfInit(); err == nil {
			defer other.Close()
			cg = other
		}
	}
	if dir, _, err = cg.FD(); err != nil {
		return err
	}
	fd, err = unix.Openat(dir, "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open cgroup.procs: %w", err)
	}
	r.slots[o.Slot] = os.NewFile(uintptr(fd), "cgroup.procs")
	return nil
}
