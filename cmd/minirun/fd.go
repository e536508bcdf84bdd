package main

import "golang.org/x/sys/unix"

// isOpen tells whether the caller handed a descriptor over. One that this process opened itself, the Go runtime's own among them, is
// close-on-exec, which none that came through an execve can be: handed on, it would be a way out of the container.
func isOpen(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}
