//go:build integration

package integration

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A supervisor hears what a service manager would.
type supervisor struct {
	*box
	path string
	fd   int
}

func (b *box) supervisor() *supervisor {
	b.Helper()
	s := &supervisor{box: b, path: b.path("supervisor.sock")}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: s.path}); err != nil {
		b.Fatal(err)
	}
	s.fd = fd
	return s
}

// hears returns the next message, and closes a descriptor that came with it.
func (s *supervisor) hears() string {
	s.Helper()
	wait := unix.NsecToTimeval(scaled(commandTimeout).Nanoseconds())
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		s.Fatal(err)
	}
	text, oob := make([]byte, 4096), make([]byte, 256)
	for {
		n, oobn, _, _, err := unix.Recvmsg(s.fd, text, oob, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			s.Fatalf("no message: %v", err)
		}
		messages, _ := unix.ParseSocketControlMessage(oob[:oobn])
		for i := range messages {
			fds, _ := unix.ParseUnixRights(&messages[i])
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
		return string(text[:n])
	}
}

// silent fails the test when there is a message.
func (s *supervisor) silent() {
	s.Helper()
	text := make([]byte, 4096)
	if n, _, err := unix.Recvfrom(s.fd, text, unix.MSG_DONTWAIT); err == nil {
		s.Errorf("unexpected message %q", text[:n])
	}
}

// command calls the runtime under the supervisor.
func (s *supervisor) command(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+s.path)
	return cmd
}

// says sends a message as the container's program would.
func (c *container) says(pid int, text string) {
	c.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.Fatal(err)
	}
	defer unix.Close(fd)
	dir, err := os.Open(procPath(pid, "root/run/notify"))
	if err != nil {
		c.Fatal(err)
	}
	defer dir.Close()
	to := &unix.SockaddrUnix{Name: "/proc/self/fd/" + itoa(int(dir.Fd())) + "/notify.sock"}
	if err := unix.Sendto(fd, []byte(text), 0, to); err != nil {
		c.Fatalf("send %q: %v", text, err)
	}
}

const showNotify = "echo $NOTIFY_SOCKET; stat -c %F $NOTIFY_SOCKET; touch /run/notify/x 2>/dev/null || echo read-only; sleep 1000"

// start tells the supervisor what the container's program says, and who to look after; it does not return before the supervisor has heard it.
func TestNotifyStart(t *testing.T) {
	b := newBox(t)
	s := b.supervisor()
	c := b.container(script(showNotify), user(1000, 1000))
	c.made(s.command(c.detachedCommand(c.verb("create")...))).ok()
	pid := c.pid()
	cmd := s.command(c.command("start", c.id))
	b.start(cmd)
	b.until("the program", func() bool { return strings.Contains(c.output(), "read-only") })
	equal(b, "output", c.output(), "/run/notify/notify.sock\nsocket\nread-only\n")
	s.silent()
	c.says(pid, "STATUS=not yet")
	c.says(pid, "STATUS=now\nREADY=1\nMAINPID=1")
	equal(b, "first message", s.hears(), "READY=1")
	equal(b, "second message", s.hears(), "MAINPID="+itoa(pid))
	time.Sleep(scaled(50 * time.Millisecond)) // for a start that does not wait to end
	if p, ok := readProcess(cmd.Process.Pid); !ok || p.state == 'Z' {
		b.Error("start did not wait for the supervisor")
	}
	equal(b, "third message", s.hears(), "BARRIER=1")
	equal(b, "exit code", b.waitCommand(cmd), 0)
	s.silent()
	// What exec adds is no part of the service.
	c.exec("sh", "-c", "echo $NOTIFY_SOCKET").ok().prints("\n")
}

func TestNotifyRun(t *testing.T) {
	b := newBox(t)
	s := b.supervisor()
	c := b.container(script(showNotify))
	cmd := s.command(c.detachedCommand(c.verb("run", "-d")...))
	b.start(cmd)
	b.until("the program", func() bool { return strings.Contains(c.output(), "read-only") })
	c.exists = true
	pid := c.pid()
	c.says(pid, "READY=1")
	equal(b, "first message", s.hears(), "READY=1")
	equal(b, "second message", s.hears(), "MAINPID="+itoa(pid))
	equal(b, "third message", s.hears(), "BARRIER=1")
	equal(b, "exit code", b.waitCommand(cmd), 0)
}

// In the foreground the runtime is the process to look after.
func TestNotifyForeground(t *testing.T) {
	b := newBox(t)
	s := b.supervisor()
	c := b.container(script("until [ -e /go ]; do sleep 0.01; done; exit 5"))
	cmd := s.command(c.command(c.verb("run")...))
	b.start(cmd)
	b.until("the container", func() bool { return c.do("state", c.id).code == 0 && c.state().Status == "running" })
	c.says(c.pid(), "READY=1")
	equal(b, "first message", s.hears(), "READY=1")
	equal(b, "second message", s.hears(), "MAINPID="+itoa(cmd.Process.Pid))
	equal(b, "third message", s.hears(), "BARRIER=1")
	b.write(c.rootfs()+"/go", "", 0o644)
	equal(b, "exit code", b.waitCommand(cmd), 5)
}

// A program that ends without a word does not keep anybody waiting.
func TestNotifyEnds(t *testing.T) {
	b := newBox(t)
	s := b.supervisor()
	c := b.container(script("exit 3"))
	b.finish(s.command(c.command(c.verb("run")...))).exits(3)
	c.made(s.command(c.detachedCommand(c.verb("run", "-d")...))).ok()
	c.deleteForce()
	c.made(s.command(c.detachedCommand(c.verb("create")...))).ok()
	b.finish(s.command(c.command("start", c.id))).ok()
	s.silent()
}

// Without a supervisor there is no socket, and one that has gone is an error that names it.
func TestNotifyNobody(t *testing.T) {
	b := newBox(t)
	b.container(script("echo $NOTIFY_SOCKET; ls /run")).run().ok().prints("\n")
	c := b.container(sleeping())
	s := &supervisor{box: b, path: b.path("gone.sock")}
	cmd := s.command(c.detachedCommand(c.verb("run", "-d")...))
	errs, err := b.tempFile()
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	cmd.Stderr = errs
	b.start(cmd)
	b.until("the container", func() bool { return c.do("state", c.id).code == 0 && c.state().Status == "running" })
	c.exists = true
	c.says(c.pid(), "READY=1")
	equal(b, "exit code", b.waitCommand(cmd), 1)
	b.contains("stderr", readBack(errs), "gone.sock: no such file or directory")
}

// The directory is reached from a user namespace too, and any user of the container may speak.
func TestNotifyUserNamespace(t *testing.T) {
	b := newBox(t)
	s := b.supervisor()
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), script(showNotify), user(1000, 1000))
	c.made(s.command(c.detachedCommand(c.verb("create")...))).ok()
	pid := c.pid()
	cmd := s.command(c.command("start", c.id))
	b.start(cmd)
	b.until("the program", func() bool { return strings.Contains(c.output(), "read-only") })
	equal(b, "output", c.output(), "/run/notify/notify.sock\nsocket\nread-only\n")
	c.says(pid, "READY=1")
	equal(b, "first message", s.hears(), "READY=1")
	equal(b, "second message", s.hears(), "MAINPID="+itoa(pid))
	equal(b, "third message", s.hears(), "BARRIER=1")
	equal(b, "exit code", b.waitCommand(cmd), 0)
}
