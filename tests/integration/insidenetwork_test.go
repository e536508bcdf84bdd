//go:build integration

package integration

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inNetwork calls f on a thread that has entered a network namespace, and that ends with its goroutine. It is never the first thread,
// whose namespaces are what other tests find in /proc/self.
func inNetwork(file string, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err := inNetwork(file, f) // while this goroutine holds the first thread, another one gets another
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err := enterNetwork(file)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// enterNetwork puts the calling thread into a network namespace.
func enterNetwork(file string) error {
	ns, err := os.Open(file)
	if err != nil {
		return err
	}
	defer ns.Close()
	return os.NewSyscallError("setns", unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET))
}
