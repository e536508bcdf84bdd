package nsenter

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrUnsupported is returned where no init was built for the architecture.
var ErrUnsupported = errors.New("no init for this architecture (amd64 and arm64 only)")

// OpenExecutable returns a descriptor of a private, unwritable copy of the init program for Launch.Executable. It is a sealed
// memfd, or, where the kernel forbids executable memfds (vm.memfd_noexec=2), a file without a name in dir, which then must be on
// a filesystem without noexec.
func OpenExecutable(dir string) (*os.File, error) {
	if len(initELF) == 0 {
		return nil, ErrUnsupported
	}
	f, err := sealedMemfd("minirun-init", initELF, unix.MFD_EXEC)
	if err == nil {
		return f, nil
	}
	f, ferr := unnamedFile(dir, initELF)
	if ferr != nil {
		return nil, fmt.Errorf("copy of init: %w", errors.Join(err, ferr))
	}
	return f, nil
}

// sealedMemfd holds content that nobody can change any more, whoever gets at the descriptor.
func sealedMemfd(name string, content []byte, flags int) (*os.File, error) {
	base := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	if flags == 0 {
		flags = unix.MFD_NOEXEC_SEAL
	}
	fd, err := unix.MemfdCreate(name, base|flags)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there are no exec flags
		fd, err = unix.MemfdCreate(name, base)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := fill(f, content); err != nil {
		f.Close()
		return nil, err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("seal %s: %w", name, err)
	}
	return f, nil
}

func fill(f *os.File, content []byte) error {
	for len(content) > 0 {
		n, err := unix.Write(int(f.Fd()), content)
		if err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return fmt.Errorf("write %s: %w", f.Name(), err)
		}
		content = content[n:]
	}
	return nil
}

// unnamedFile is read-only for its holder, and no name leads to it: a process in the container that finds it through
// /proc/PID/exe could still open it for writing only while nobody executes it, and it is never executed by another container.
func unnamedFile(dir string, content []byte) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0o500)
	if err != nil {
		return nil, &os.PathError{Op: "open O_TMPFILE in", Path: dir, Err: err}
	}
	w := os.NewFile(uintptr(fd), dir)
	defer w.Close()
	if err := fill(w, content); err != nil {
		return nil, err
	}
	if err := unix.Fchmod(fd, 0o500); err != nil {
		return nil, fmt.Errorf("fchmod: %w", err)
	}
	ro, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reopen copy of init read-only: %w", err)
	}
	return os.NewFile(uintptr(ro), "minirun-init"), nil
}
