// Package thread runs functions on threads that end afterwards.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Aside runs f on a thread of its own and waits for it. The thread ends with f, so f may leave it in other namespaces, for which nobody else
// uses it then. It is never the process's first thread: that one never ends, and is what /proc/self shows.
func Aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			Aside(f) // while this goroutine holds the first thread, another one gets another
			runtime.UnlockOSThread()
			return
		}
		f() // and never unlocked: the thread ends with the goroutine
	}()
	<-done
}
