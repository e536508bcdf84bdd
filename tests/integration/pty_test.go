//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A pty is the user's side of a terminal: what is written is typed, what is
// read was shown.
type pty struct {
	b      *box
	master *os.File
	slave  *os.File // nil for a terminal of a container
	seen   strings.Builder
	passed string // what the last successful sees went past
}

// openPty makes a terminal.
func (b *box) openPty() *pty {
	b.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		b.Fatalf("open /dev/ptmx: %v", err)
	}
	p := b.newPty(fd)
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		b.Fatalf("unlock the terminal: %v", err)
	}
	slave, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		b.Fatalf("number of the terminal: %v", err)
	}
	name := fmt.Sprintf("/dev/pts/%d", slave)
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	p.slave = f
	return p
}

// newPty takes over a terminal's master.
func (b *box) newPty(fd int) *pty {
	b.Helper()
	if err := unix.SetNonblock(fd, true); err != nil { // for deadlines
		b.Fatal(err)
	}
	p := &pty{b: b, master: os.NewFile(uintptr(fd), "master")}
	b.Cleanup(func() { p.master.Close() })
	return p
}

// start runs a command with the terminal as its controlling one.
func (p *pty) start(cmd *exec.Cmd) {
	p.b.Helper()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p.b.start(cmd)
}

// write types.
func (p *pty) write(text string) {
	p.b.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.b.Fatalf("write to the terminal: %v", err)
	}
}

// expect reads until all parts were seen in this order, and forgets what came
// before them.
func (p *pty) expect(parts ...string) {
	p.b.Helper()
	for _, part := range parts {
		if !p.sees(part, patience()) {
			p.b.Fatalf("%q never seen on the terminal, but:\n%s", part, p.seen.String())
		}
	}
}

// sees reads until the text is there, for at most a while.
func (p *pty) sees(text string, limit time.Duration) bool {
	p.b.Helper()
	if err := p.master.SetReadDeadline(time.Now().Add(limit)); err != nil {
		p.b.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		all := p.seen.String()
		if at := strings.Index(all, text); at >= 0 {
			p.seen.Reset()
			p.passed = all[:at+len(text)]
			p.seen.WriteString(all[at+len(text):])
			return true
		}
		n, err := p.master.Read(buf)
		p.seen.Write(buf[:n])
		if n == 0 && err != nil {
			return false
		}
	}
}

func (p *pty) setSize(rows, columns uint16) {
	p.b.Helper()
	err := unix.IoctlSetWinsize(int(p.fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	if err != nil {
		p.b.Fatalf("set the size of the terminal: %v", err)
	}
}

func (p *pty) size() string {
	p.b.Helper()
	size, err := unix.IoctlGetWinsize(int(p.fd()), unix.TIOCGWINSZ)
	if err != nil {
		p.b.Fatalf("size of the terminal: %v", err)
	}
	return fmt.Sprintf("%dx%d", size.Row, size.Col)
}

// fd returns the master's descriptor and keeps the file non-blocking, which
// File.Fd would undo.
func (p *pty) fd() uintptr {
	p.b.Helper()
	conn, err := p.master.SyscallConn()
	if err != nil {
		p.b.Fatal(err)
	}
	var fd uintptr
	if err := conn.Control(func(raw uintptr) { fd = raw }); err != nil {
		p.b.Fatal(err)
	}
	return fd
}

// modes returns the terminal's settings.
func (p *pty) modes() unix.Termios {
	p.b.Helper()
	t, err := unix.IoctlGetTermios(int(p.fd()), unix.TCGETS)
	if err != nil {
		p.b.Fatalf("settings of the terminal: %v", err)
	}
	return *t
}

// A consoleSocket is the socket on which a caller waits for a container's
// terminal.
type consoleSocket struct {
	b    *box
	path string
	fd   int
}

func (b *box) listenConsole() *consoleSocket {
	b.Helper()
	path := b.path("console.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	os.Remove(path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		b.Fatalf("bind %s: %v", path, err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		b.Fatal(err)
	}
	return &consoleSocket{b: b, path: path, fd: fd}
}

// receive takes the terminal: one connection, one message with the terminal's
// name and exactly one descriptor.
func (s *consoleSocket) receive() (*pty, string) {
	s.b.Helper()
	poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, int(scaled(10*time.Second).Milliseconds())); n != 1 {
		s.b.Fatalf("nobody connects to the console socket: %v", err)
	}
	conn, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
	if err != nil {
		s.b.Fatal(err)
	}
	defer unix.Close(conn)
	payload, oob := make([]byte, 4096), make([]byte, 256)
	n, oobn, _, _, err := unix.Recvmsg(conn, payload, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		s.b.Fatalf("receive the terminal: %v", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		s.b.Fatalf("control messages: %v, %v", messages, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		s.b.Fatalf("descriptors: %v, %v", fds, err)
	}
	if more, _ := unix.Read(conn, make([]byte, 1)); more != 0 {
		s.b.Errorf("more than one message on the console socket")
	}
	return s.b.newPty(fds[0]), string(payload[:n])
}

// record reads into text until the end was seen.
func (p *pty) record(text *strings.Builder, end string) {
	p.b.Helper()
	if !p.sees(end, scaled(20*time.Second)) {
		p.b.Fatalf("%q never seen on the terminal, but:\n%s", end, p.seen.String())
	}
	text.WriteString(p.passed)
}
