package libcontainer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A supervisor that reads nothing does not hold the caller for longer than its context.
func TestNotifySupervisorFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	out, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(out)
	for err == nil {
		err = unix.Sendto(out, []byte("x"), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: path})
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- tellSupervisor(ctx, path, []byte("READY=1"), 1) }()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still sending")
	}
}

// A program that sends more and more is read from for a while, and not for good.
func TestNotifyFlood(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	n := &NotifyRelay{sock: os.NewFile(uintptr(pair[0]), "notify socket")}
	defer n.Close()
	for _, text := range []string{"STATUS=1", "STATUS=2", "STATUS=3", "READY=1"} {
		if _, err := unix.Write(pair[1], []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if ready, err := n.receive(2); ready != nil || err != nil {
		t.Errorf("after two of four messages: %q, %v", ready, err)
	}
	if ready, err := n.receive(2); string(ready) != "READY=1" || err != nil {
		t.Errorf("after all: %q, %v", ready, err)
	}
}
