package cgroups

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxPrograms is how many device programs of one cgroup are looked at, which is
// also the kernel's limit (BPF_CGROUP_MAX_PROGS).
const maxPrograms = 64

// The members of union bpf_attr in linux/bpf.h that are used here.
type (
	bpfLoad struct {
		progType, insnCount         uint32
		insns, license              uint64
		logLevel, logSize           uint32
		logBuf                      uint64
		kernVersion, progFlags      uint32
		name                        [16]byte
		ifindex, expectedAttachType uint32
	}
	bpfAttach struct {
		targetFD, progFD, attachType, flags, replaceFD uint32
	}
	bpfQuery struct {
		targetFD, attachType, queryFlags, attachFlags uint32
		ids                                           uint64
		count, _                                      uint32
		attachFlagsOut, linkIDs, linkFlags, revision  uint64
		// Linux 6.17 to 7.1 store revision behind a shorter attribute without
		// asking for its size (fixed by commit 21c4b99b27f3). It is in here, and
		// room is left for what comes to the kernel's mind next.
		_ [64]byte
	}
	bpfID struct {
		id, next, flags uint32
	}
)

// bpf calls bpf(2).
func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		switch errno {
		case 0:
			return int(r), nil
		case unix.EINTR, unix.EAGAIN: // the verifier gives EAGAIN on a signal
		default:
			return -1, errno
		}
	}
}

// loadProgram gives a device program to the kernel and returns its descriptor.
func loadProgram(prog []byte) (int, error) {
	license := []byte("Apache-2.0\x00")
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&prog[0])
	pin.Pin(&license[0])
	a := bpfLoad{
		progType: unix.BPF_PROG_TYPE_CGROUP_DEVICE, insnCount: uint32(len(prog) / insnSize),
		insns:   uint64(uintptr(unsafe.Pointer(&prog[0]))),
		license: uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	copy(a.name[:], "minirun_dev")
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, fmt.Errorf("load: %w", err)
	}
	return fd, nil
}

// attachProgram makes the program the only device program of the version 2
// directory. All programs of a cgroup must agree to an access, so an old one has
// to go, but not before the new one is there.
func (c *Cgroup) attachProgram(i int, prog []byte) error {
	dir, err := c.dir(i)
	if err != nil {
		return err
	}
	fd, err := loadProgram(prog)
	if err != nil {
		return err
	}
	defer unix.Close(fd) // the attachment keeps the program
	var old []int
	if !c.fresh || c.record.Dirs[i].Made == 0 {
		if old, err = programs(dir); err != nil {
			return err
		}
		defer closeAll(old)
	}
	a := bpfAttach{
		targetFD: uint32(dir), progFD: uint32(fd),
		attachType: unix.BPF_CGROUP_DEVICE, flags: unix.BPF_F_ALLOW_MULTI,
	}
	if len(old) == 1 {
		r := a
		r.flags |= unix.BPF_F_REPLACE
		r.replaceFD = uint32(old[0])
		_, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&r), unsafe.Sizeof(r))
		if err == nil || !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
			return err
		}
		// What was attached in another way cannot be replaced.
	}
	if _, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&a), unsafe.Sizeof(a)); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	for _, o := range old {
		if err := detach(dir, o); err != nil {
			return err
		}
	}
	return nil
}

// programs returns descriptors of the device programs that are attached to the
// directory itself.
func programs(dir int) ([]int, error) {
	ids, err := programIDs(dir)
	if err != nil {
		return nil, err
	}
	var fds []int
	for _, id := range ids {
		fd, err := openProgram(id)
		if errors.Is(err, unix.ENOENT) {
			continue // detached meanwhile
		}
		if err != nil {
			closeAll(fds)
			return nil, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// openProgram returns a descriptor of a loaded program.
func openProgram(id uint32) (int, error) {
	a := bpfID{id: id}
	fd, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, fmt.Errorf("open program %d: %w", id, err)
	}
	return fd, nil
}

// detachOthers detaches the device programs of the directory that are not among
// the ids.
func detachOthers(dir int, keep []uint32) error {
	ids, err := programIDs(dir)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.Contains(keep, id) {
			continue
		}
		fd, err := openProgram(id)
		if err == nil {
			err = detach(dir, fd)
			unix.Close(fd)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// detach detaches a device program; one that is not attached is no error.
func detach(dir, fd int) error {
	d := bpfAttach{targetFD: uint32(dir), progFD: uint32(fd), attachType: unix.BPF_CGROUP_DEVICE}
	if _, err := bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&d), unsafe.Sizeof(d)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("detach the old program: %w", err)
	}
	return nil
}

// programIDs returns the ids of the device programs that are attached to the
// directory itself.
func programIDs(dir int) ([]uint32, error) {
	ids := make([]uint32, maxPrograms)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&ids[0])
	q := &bpfQuery{
		targetFD: uint32(dir), attachType: unix.BPF_CGROUP_DEVICE,
		ids: uint64(uintptr(unsafe.Pointer(&ids[0]))), count: maxPrograms,
	}
	if _, err := bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(q), unsafe.Offsetof(q.revision)+unsafe.Sizeof(q.revision)); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return ids[:min(q.count, maxPrograms)], nil
}
