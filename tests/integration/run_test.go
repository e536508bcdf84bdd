//go:build integration

package integration

import (
	"io"
	"os"
	"strings"
	"testing"
)

func TestRunExitCode(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		code         int
	}{
		{"zero", "exit 0", 0},
		{"seven", "exit 7", 7},
		{"255", "exit 255", 255},
		{"child killed by TERM", "sh -c 'kill -TERM $$'; exit $?", 128 + 15},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newBox(t).container(script(tc.script)).run().exits(tc.code).prints("")
		})
	}
}

// The process itself is killed: run ends with 128 and the signal's number.
func TestRunExitCodeOfSignal(t *testing.T) {
	for name, code := range map[string]int{"KILL": 137, "TERM": 143, "SEGV": 139} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			// Without a pid namespace no signal is ignored by default.
			c := b.container(args("sh", "-c", "kill -"+name+" $$"), noNamespace("pid"))
			c.run().exits(code)
		})
	}
}

func TestRunStreams(t *testing.T) {
	b := newBox(t)
	c := b.container(script("cat; echo problem >&2"))
	cmd := c.command(c.verb("run")...)
	cmd.Stdin = strings.NewReader("typed\n")
	r := b.finish(cmd).ok().prints("typed\n")
	equal(b, "stderr", r.stderr, "problem\n")
}

// Output must arrive while the container runs, and the container must see the
// end of its input.
func TestRunStreamsFlow(t *testing.T) {
	b := newBox(t)
	c := b.container(script("while read line; do echo got $line; done; echo end; exit 3"))
	cmd := c.command(c.verb("run")...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.start(cmd)
	buf := make([]byte, 64)
	for _, word := range []string{"one", "two"} {
		io.WriteString(in, word+"\n")
		n, err := io.ReadFull(out, buf[:len("got "+word+"\n")])
		if err != nil || string(buf[:n]) != "got "+word+"\n" {
			t.Fatalf("read %q: %v", buf[:n], err)
		}
	}
	in.Close()
	rest, _ := io.ReadAll(out)
	equal(b, "rest of the output", string(rest), "end\n")
	equal(b, "exit code", b.waitCommand(cmd), 3)
}

// A large output passes whole.
func TestRunLargeOutput(t *testing.T) {
	b := newBox(t)
	r := b.container(script("dd if=/dev/zero bs=65536 count=64 2>/dev/null | tr '\\0' x")).run().ok()
	equal(b, "bytes of output", len(r.stdout), 64*65536)
	equal(b, "bytes that are x", strings.Count(r.stdout, "x"), 64*65536)
}

// The reader of a pipe goes away: the container is the one to notice.
func TestRunClosedOutput(t *testing.T) {
	b := newBox(t)
	c := b.container(script("trap '' PIPE; echo one; sleep 0.1; while echo more 2>/dev/null; do :; done; exit 5"))
	cmd := c.command(c.verb("run")...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	b.start(cmd)
	w.Close()
	io.ReadFull(r, make([]byte, 4))
	r.Close()
	equal(b, "exit code", b.waitCommand(cmd), 5)
}

// A signal sent to a foreground run reaches the container's process.
func TestRunForwardsSignals(t *testing.T) {
	b := newBox(t)
	c := b.container(script("trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done"))
	cmd := c.command(c.verb("run")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.start(cmd)
	io.ReadFull(out, make([]byte, len("ready\n")))
	cmd.Process.Signal(sigTerm)
	rest, _ := io.ReadAll(out)
	equal(b, "rest of the output", string(rest), "caught\n")
	equal(b, "exit code", b.waitCommand(cmd), 9)
}

// The bundle is the working directory unless --bundle names another.
func TestRunInBundleDirectory(t *testing.T) {
	b := newBox(t)
	c := b.container(args("echo", "here"))
	cmd := c.command("run", c.id)
	cmd.Dir = c.bundle
	b.finish(cmd).ok().prints("here\n")
}

// A relative --bundle is resolved from where the caller stands.
func TestRunRelativePaths(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	cmd := c.command("run", "-d", "--bundle", c.id, "--pid-file", "pid", c.id)
	c.made(cmd).ok()
	s := c.state()
	equal(b, "bundle", s.Bundle, c.bundle)
	equal(b, "rootfs", s.Rootfs, c.rootfs())
	equal(b, "pid file next to the caller", b.read(b.path("pid")), itoa(*s.PID))
}

// With --keep the container stays, stopped, until it is deleted.
func TestRunKeep(t *testing.T) {
	b := newBox(t)
	c := b.container(script("exit 4"))
	c.run("--keep").exits(4)
	c.exists = true
	s := c.state()
	equal(b, "status", s.Status, "stopped")
	equal(b, "pid", *s.PID, 0)
	c.delete().ok()
}

// Processes that the container's process leaves behind end with a foreground
// run, also when they share the host's pid namespace.
func TestRunEndsWithItsProcess(t *testing.T) {
	b := newBox(t)
	c := b.container(script("sleep 1000 >/dev/null 2>&1 & echo started"), noNamespace("pid"))
	c.run().ok().prints("started\n")
}
