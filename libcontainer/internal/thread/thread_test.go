package thread_test

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/thread"
)

// TestMain keeps the first thread free for any goroutine, which with one processor gets it soon.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}

func TestNeverTheFirstThread(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		var tid int
		thread.Aside(func() { tid = unix.Gettid() })
		if tid == unix.Getpid() {
			t.Fatal("the function was run on the first thread, which does not end")
		}
		seen[tid] = true
	}
	if len(seen) < 2 {
		t.Errorf("200 functions were run on the thread %v, which must end with the first of them", seen)
	}
}
