//go:build integration

package integration

import (
	"os"
	"strings"
	"testing"
)

// showFds prints the shell's open descriptors, one a line.
const showFds = "ls /proc/$$/fd; true"

// Only the three standard descriptors are open in the container, whatever the
// caller left open.
func TestFdsAreClosed(t *testing.T) {
	b := newBox(t)
	c := b.container(script(showFds))
	cmd := c.command(c.verb("run")...)
	for range 5 {
		cmd.ExtraFiles = append(cmd.ExtraFiles, b.openFile("/etc/passwd"))
	}
	b.finish(cmd).ok().prints("0\n1\n2\n")
	c.configure(sleeping())
	c.runDetached().ok()
	cmd = c.command("exec", c.id, "sh", "-c", showFds)
	cmd.ExtraFiles = append(cmd.ExtraFiles, b.openFile("/etc/passwd"))
	b.finish(cmd).ok().prints("0\n1\n2\n")
}

func (b *box) openFile(path string) *os.File {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return f
}

func TestPreserveFds(t *testing.T) {
	b := newBox(t)
	b.write(b.path("data"), "first\n", 0o644)
	b.write(b.path("more"), "second\n", 0o644)
	c := b.container(script(showFds + "; cat <&3; cat <&4"))
	preserve := func(args ...string) result {
		cmd := c.command(args...)
		cmd.ExtraFiles = []*os.File{b.openFile(b.path("data")), b.openFile(b.path("more")), b.openFile("/etc/passwd")}
		return b.finish(cmd)
	}
	preserve(c.verb("run", "--preserve-fds", "2")...).ok().prints("0\n1\n2\n3\n4\nfirst\nsecond\n")
	c.configure(sleeping())
	c.runDetached().ok()
	preserve("exec", "--preserve-fds", "2", c.id, "sh", "-c", showFds+"; cat <&4").ok().prints("0\n1\n2\n3\n4\nsecond\n")
}

// A container that was created keeps preserved descriptors until start.
func TestPreserveFdsCreate(t *testing.T) {
	b := newBox(t)
	b.write(b.path("data"), "kept\n", 0o644)
	c := b.container(script("cat <&3"))
	cmd := c.detachedCommand(c.verb("create", "--preserve-fds=1")...)
	cmd.ExtraFiles = []*os.File{b.openFile(b.path("data"))}
	c.made(cmd).ok()
	pid := c.pid()
	c.start().ok()
	b.wait(pid)
	equal(b, "output", c.output(), "kept\n")
}

func TestPreserveFdsNotOpen(t *testing.T) {
	b := newBox(t)
	b.container().run("--preserve-fds", "7").fails(1, "preserve")
}

// Socket activation: descriptors of a service manager are passed on, with the
// process number the container sees.
func TestListenFds(t *testing.T) {
	b := newBox(t)
	b.write(b.path("data"), "activated\n", 0o644)
	c := b.container(script("echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; cat <&3; " + showFds))
	cmd := c.command(c.verb("run")...)
	cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=one exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{b.openFile(b.path("data")), b.openFile("/etc/passwd")}
	b.finish(cmd).ok().prints("1 1 one\nactivated\n0\n1\n2\n3\n")
}

// Descriptors meant for another process are not passed on.
func TestListenFdsOfAnother(t *testing.T) {
	b := newBox(t)
	c := b.container(script(showFds + "; env"))
	cmd := c.command(c.verb("run")...)
	cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_PID=1")
	cmd.ExtraFiles = []*os.File{b.openFile("/etc/passwd")}
	out := b.finish(cmd).ok().stdout
	if !strings.HasPrefix(out, "0\n1\n2\n") || strings.Contains(out, "LISTEN") {
		b.Errorf("output: %s", out)
	}
}
