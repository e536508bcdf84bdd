//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// terminal gives the process a terminal of a size; 0 leaves the size open.
func terminal(rows, columns uint) mod {
	return func(s *specs.Spec) {
		s.Process.Terminal = true
		if rows != 0 {
			s.Process.ConsoleSize = &specs.Box{Height: rows, Width: columns}
		}
	}
}

func TestConsoleSocket(t *testing.T) {
	b := newBox(t)
	c := b.container(terminal(33, 77), script(`tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all
		stat -c '%a %t:%T' /dev/console; ls -1 /dev/pts; read line; echo "got $line"; exit 21`))
	socket := b.listenConsole()
	c.create("--console-socket", socket.path).ok().prints("")
	p, name := socket.receive()
	if !strings.HasPrefix(name, "/dev/p") || len(name) > 100 {
		b.Errorf("name sent with the terminal: %q", name)
	}
	equal(b, "size", p.size(), "33x77")
	pid := c.pid()
	c.start().ok()
	p.expect("/dev/pts/0\r\n", "33 77\r\n", "all\r\n", "\r\n", "0\r\nptmx\r\n")
	p.write("typed\n")
	p.expect("typed\r\n", "got typed\r\n")
	equal(b, "exit code", b.wait(pid), 21)
}

// The terminal is the controlling one: Ctrl-C reaches the foreground group.
func TestConsoleSocketControls(t *testing.T) {
	b := newBox(t)
	c := b.container(terminal(0, 0), script(`trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done`))
	socket := b.listenConsole()
	c.runDetached("--console-socket", socket.path).ok()
	p, _ := socket.receive()
	pid := c.pid()
	p.expect("ready\r\n")
	p.write("\x03")
	p.expect("interrupted\r\n")
	equal(b, "exit code", b.wait(pid), 5)
}

// /dev/console is the terminal, owned by the process's user.
func TestConsoleDevice(t *testing.T) {
	b := newBox(t)
	c := b.container(terminal(0, 0), user(1000, 1000), script(`echo via console >/dev/console; stat -c '%u %F' /dev/pts/0; echo end`))
	socket := b.listenConsole()
	c.runDetached("--console-socket", socket.path).ok()
	p, _ := socket.receive()
	p.expect("via console\r\n", "1000 character special file\r\n", "end\r\n")
}

// consoleSize counts only with a terminal.
func TestConsoleSizeWithoutTerminal(t *testing.T) {
	b := newBox(t)
	c := b.container(script("test -t 0 || echo none"), func(s *specs.Spec) {
		s.Process.ConsoleSize = &specs.Box{Height: 1, Width: 1}
	})
	c.run().ok().prints("none\n")
}

func TestInteractiveRun(t *testing.T) {
	b := newBox(t)
	p := b.openPty()
	p.setSize(41, 83)
	before := p.modes()
	c := b.container(terminal(0, 0), script(`tty; stty size; echo ready; read line; echo "got $line"; exit 23`))
	cmd := c.command(c.verb("run")...)
	p.start(cmd)
	p.expect("/dev/pts/0\r\n", "41 83\r\n", "ready\r\n")
	raw := p.modes()
	if raw.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		b.Errorf("the terminal is not in raw mode: lflag %#o", raw.Lflag)
	}
	p.write("typed\n")
	p.expect("typed\r\n", "got typed\r\n")
	equal(b, "exit code", b.waitCommand(cmd), 23)
	equal(b, "terminal settings", p.modes(), before)
}

func TestInteractiveResize(t *testing.T) {
	b := newBox(t)
	p := b.openPty()
	p.setSize(20, 40)
	c := b.container(terminal(0, 0), script(`echo ready; while read line; do stty size; done`))
	cmd := c.command(c.verb("run")...)
	p.start(cmd)
	p.expect("ready\r\n")
	p.setSize(50, 100)
	b.until("new size", func() bool {
		p.write("\n")
		return p.sees("50 100\r\n", scaled(200*time.Millisecond))
	})
	p.write("\x04") // end of input
	equal(b, "exit code", b.waitCommand(cmd), 0)
}

func TestInteractiveCtrlC(t *testing.T) {
	b := newBox(t)
	p := b.openPty()
	before := p.modes()
	c := b.container(terminal(0, 0), script(`sh -c 'echo ready; sleep 1000'; echo "code $?"; exit 6`))
	cmd := c.command(c.verb("run")...)
	p.start(cmd)
	p.expect("ready\r\n")
	p.write("\x03")
	equal(b, "exit code", b.waitCommand(cmd), 130)
	equal(b, "terminal settings", p.modes(), before)
}

// A shell in the container has job control.
func TestInteractiveJobControl(t *testing.T) {
	b := newBox(t)
	p := b.openPty()
	c := b.container(terminal(0, 0), args("sh", "-i"), env("PS1=prompt: "))
	cmd := c.command(c.verb("run")...)
	p.start(cmd)
	p.expect("prompt: ")
	if strings.Contains(p.seen.String(), "job control") {
		b.Errorf("the shell complains: %q", p.seen.String())
	}
	p.write("sh -c 'echo started; exec cat'\n")
	p.expect("started\r\n")
	p.write("line\n")
	p.expect("line\r\nline\r\n")
	p.write("\x1a") // Ctrl-Z
	p.expect("Stopped", "prompt: ")
	p.write("fg\n")
	p.expect("exec cat", "\r\n") // the whole line, or what is typed is shown amid it
	p.write("again\n")
	p.expect("again\r\nagain\r\n") // cat has the terminal
	p.write("\x03")
	p.expect("prompt: ")
	p.write("exit 11\n")
	equal(b, "exit code", b.waitCommand(cmd), 11)
}

// The runtime killed by a signal it forwards leaves the terminal as it was.
func TestInteractiveTermRestoresModes(t *testing.T) {
	b := newBox(t)
	p := b.openPty()
	before := p.modes()
	c := b.container(terminal(0, 0), script(`trap 'exit 14' TERM; echo ready; while :; do sleep 0.1; done`))
	cmd := c.command(c.verb("run")...)
	p.start(cmd)
	p.expect("ready\r\n")
	cmd.Process.Signal(sigTerm)
	equal(b, "exit code", b.waitCommand(cmd), 14)
	equal(b, "terminal settings", p.modes(), before)
}

// A terminal of the caller is no terminal of the container unless asked for.
func TestRunWithoutTerminalOnTty(t *testing.T) {
	b := newBox(t)
	p := b.openPty()
	before := p.modes()
	c := b.container(script("cat >/dev/null; echo done"))
	cmd := c.command(c.verb("run")...)
	p.start(cmd)
	p.write("\x04")
	p.expect("done")
	equal(b, "exit code", b.waitCommand(cmd), 0)
	equal(b, "terminal settings", p.modes(), before)
}

func TestExecTerminal(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	p := b.openPty()
	p.setSize(31, 61)
	before := p.modes()
	cmd := c.command("exec", "-t", c.id, "sh", "-c", `tty; stty size; read line; echo "got $line"; exit 24`)
	p.start(cmd)
	p.expect("/dev/pts/0\r\n", "31 61\r\n")
	p.write("typed\n")
	p.expect("got typed\r\n")
	equal(b, "exit code", b.waitCommand(cmd), 24)
	equal(b, "terminal settings", p.modes(), before)
}

func TestExecTerminalCtrlC(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	p := b.openPty()
	cmd := c.command("exec", "--tty", c.id, "sh", "-c", "trap 'exit 9' INT; echo ready; while :; do sleep 0.1; done")
	p.start(cmd)
	p.expect("ready\r\n")
	p.write("\x03")
	equal(b, "exit code", b.waitCommand(cmd), 9)
}

func TestExecConsoleSocket(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	socket := b.listenConsole()
	file := b.path("pid")
	process := b.processFile(specs.Process{
		Terminal: true, ConsoleSize: &specs.Box{Height: 12, Width: 34}, Cwd: "/", Env: []string{"PATH=/bin"},
		Args: []string{"sh", "-c", "tty; stty size; read x; exit 15"},
	})
	b.do("exec", "-d", "--pid-file", file, "--console-socket", socket.path, "--process", process, c.id).ok()
	p, _ := socket.receive()
	p.expect("/dev/pts/0\r\n", "12 34\r\n")
	pid := atoi(b, b.read(file))
	p.write("\n")
	equal(b, "exit code", b.wait(pid), 15)
}

// exec has no terminal unless asked for, whatever config.json says.
func TestExecWithoutTerminal(t *testing.T) {
	b := newBox(t)
	c := b.container(terminal(0, 0), sleeping())
	socket := b.listenConsole()
	c.runDetached("--console-socket", socket.path).ok()
	socket.receive()
	c.exec("sh", "-c", "test -t 1 || echo none").ok().prints("none\n")
}
