package nsenter

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Launch says how one init process is started. The zero value of every field but Plan, Executable and Stdio is usable.
type Launch struct {
	Plan *Plan
	// Executable is what OpenExecutable returned; it may serve any number of launches.
	Executable *os.File
	// Stdio are descriptors 0 to 2 of the process.
	Stdio [3]*os.File
	// Preserve are descriptors 3 and up of the process that the plan executes.
	Preserve []*os.File
	// Slots are the descriptors that operations refer to. They stay open in the caller.
	Slots map[Slot]*os.File
	// CloneFlags are CLONE_NEW* bits for the clone itself: mount, pid, network, ipc and uts namespaces. A user namespace, a cgroup
	// namespace and a time namespace are made by the init (ns.unshare), since they need the host side in between.
	CloneFlags uintptr
	// With UseCgroup the process is born in the version 2 cgroup whose directory CgroupFD is (CLONE_INTO_CGROUP).
	UseCgroup bool
	CgroupFD  int
}

// descriptors of the child, in the order of os.ProcAttr.Files
type layout struct {
	files  []uintptr
	header header
	planFD int
}

// Start starts the init with the plan and returns as soon as it runs. It may be called from any goroutine, any number of times at
// once. The caller must go on with Child.Next until it reports the end, and must Wait for or Release the child.
func (l *Launch) Start() (*Child, error) {
	host, peer, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer peer.Close()
	lay := l.layout(peer)
	encoded, err := l.Plan.encode(lay.header)
	if err != nil {
		host.Close()
		return nil, err
	}
	plan, err := sealedMemfd("minirun-plan", encoded, 0)
	if err != nil {
		host.Close()
		return nil, err
	}
	defer plan.Close()
	lay.files[lay.planFD] = plan.Fd()
	c, err := l.spawn(lay, host)
	runtime.KeepAlive(l)
	if err != nil {
		host.Close()
		return nil, err
	}
	return c, nil
}

func (l *Launch) layout(peer *os.File) layout {
	var lay layout
	add := func(f *os.File) int {
		fd := ^uintptr(0)
		if f != nil {
			fd = f.Fd()
		}
		lay.files = append(lay.files, fd)
		return len(lay.files) - 1
	}
	for _, f := range l.Stdio {
		add(f)
	}
	for _, f := range l.Preserve {
		add(f)
	}
	lay.header.syncFD = int32(add(peer))
	lay.header.exeFD = int32(add(l.Executable))
	lay.planFD = add(nil)
	n := l.Plan.slots()
	for s := range l.Slots {
		n = max(n, int(s)+1)
	}
	lay.header.slots = make([]int32, n)
	for i := range lay.header.slots {
		lay.header.slots[i] = -1
		if f := l.Slots[Slot(i)]; f != nil {
			lay.header.slots[i] = int32(add(f))
		}
	}
	return lay
}

// slots returns how many slots the init's operations name.
func (p *Plan) slots() int {
	n := 0
	for _, it := range p.Items {
		if _, ok := it.Op.(InitOp); !ok {
			continue
		}
		for _, f := range it.Op.Fields() {
			if s, ok := f.Value.(Slot); ok {
				n = max(n, int(s)+1)
			}
		}
	}
	return n
}

// forks returns how often the init becomes another process.
func (p *Plan) forks() int {
	n := 0
	for _, it := range p.Items {
		if _, ok := it.Op.(ProcFork); ok {
			n++
		}
	}
	return n
}

func (l *Launch) spawn(lay layout, host *os.File) (*Child, error) {
	pidfd := -1
	sys := &syscall.SysProcAttr{
		Cloneflags: l.CloneFlags, PidFD: &pidfd, UseCgroupFD: l.UseCgroup, CgroupFD: l.CgroupFD,
	}
	// The executable is among the passed files, so its number is right after the descriptors were put in their places.
	exe := "/proc/self/fd/" + strconv.Itoa(int(lay.header.exeFD))
	pid, err := syscall.ForkExec(exe, []string{"minirun-init", strconv.Itoa(lay.planFD)}, &syscall.ProcAttr{
		Env: []string{}, Files: lay.files, Sys: sys,
	})
	if err != nil {
		return nil, fmt.Errorf("start init: %w", err)
	}
	if pidfd < 0 {
		return nil, errors.Join(errors.New("start init: no pidfd from clone"), reapByPid(pid))
	}
	return &Child{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), sock: host, forks: l.Plan.forks()}, nil
}

func reapByPid(pid int) error {
	_ = unix.Kill(pid, unix.SIGKILL)
	_, err := unix.Wait4(pid, nil, 0, nil)
	return err
}

func socketPair() (host, peer *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "init socket"), os.NewFile(uintptr(fds[1]), "init socket (peer)"), nil
}
