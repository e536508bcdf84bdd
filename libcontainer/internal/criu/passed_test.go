package criu

import (
	"testing"

	"golang.org/x/sys/unix"
)

// More descriptors than were asked for are an error, and do not stay open.
func TestPassedFiles(t *testing.T) {
	if f, err := passedFile(nil); f != nil || err != nil {
		t.Errorf("none: %v, %v", f, err)
	}
	for n := 1; n <= 2; n++ {
		var fds []int
		var files [2]unix.Stat_t
		for i := range n {
			fd, err := unix.MemfdCreate("passed", unix.MFD_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.Fstat(fd, &files[i]); err != nil {
				t.Fatal(err)
			}
			fds = append(fds, fd)
		}
		f, err := passedFile(unix.UnixRights(fds...))
		if n == 1 {
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			continue
		}
		if err == nil || err.Error() != "criu: 2 descriptors passed, expected one" {
			t.Errorf("error %v", err)
		}
		for i, fd := range fds {
			var now unix.Stat_t
			if err := unix.Fstat(fd, &now); err == nil && now.Dev == files[i].Dev && now.Ino == files[i].Ino {
				t.Errorf("descriptor %d is still open", fd)
			}
		}
	}
}
