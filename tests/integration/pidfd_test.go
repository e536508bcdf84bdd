//go:build integration

package integration

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// receivePidFD takes one pidfd from a listener, and returns the process that it stands for.
func (b *box) receivePidFD(l *net.UnixListener) int {
	b.Helper()
	if err := l.SetDeadline(time.Now().Add(patience())); err != nil {
		b.Fatal(err)
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	data, rights := make([]byte, 4096), make([]byte, 4096)
	_, n, _, _, err := conn.ReadMsgUnix(data, rights)
	if err != nil {
		b.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		b.Fatalf("%d control messages: %v", len(messages), err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		b.Fatalf("descriptors %v: %v", fds, err)
	}
	defer syscall.Close(fds[0])
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fds[0]))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(info)) {
		if pid, ok := strings.CutPrefix(line, "Pid:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(pid))
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("no pidfd: %s", info)
	return 0
}

func (b *box) listenPidFD() (l *net.UnixListener, path string) {
	b.Helper()
	path = b.path("pidfd.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l, path
}

// --pidfd-socket gets a pidfd of the very process: the first one of a container, and that of an exec.
func TestPidFDSocket(t *testing.T) {
	b := newBox(t)
	l, path := b.listenPidFD()
	c := b.container(sleeping())
	c.create("--pidfd-socket", path).ok()
	equal(b, "process of create", b.receivePidFD(l), c.pid())
	c.start().ok()

	file := b.path("exec.pid")
	c.execWith([]string{"--detach", "--pidfd-socket", path, "--pid-file", file}, "sleep", "1000").ok()
	equal(b, "process of exec", strconv.Itoa(b.receivePidFD(l)), b.read(file))

	other := b.container(sleeping())
	other.runDetached("--pidfd-socket", path).ok()
	equal(b, "process of run", b.receivePidFD(l), other.pid())
}

// A socket that is not there ends the create, and nothing is left.
func TestPidFDSocketMissing(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.create("--pidfd-socket", b.path("none")).fails(1, "connect "+b.path("none"), "no such file or directory")
	b.checkLeaks()
}
