//go:build integration

package integration

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// commandTimeout is how long one call of the runtime may take before it counts
// as hanging.
const commandTimeout = 30 * time.Second

// A result is what one call of the runtime gave.
type result struct {
	b              *box
	args           []string
	stdout, stderr string
	code           int // 128+n when signal n ended the runtime
}

// command prepares a call of the runtime with the test's --root.
func (b *box) command(args ...string) *exec.Cmd {
	cmd := exec.Command(underTest(), slices.Concat([]string{"--root", b.state}, b.globals, args)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", b.marker()}
	cmd.Dir = b.dir
	if b.as != nil {
		b.as.call(cmd)
	}
	return cmd
}

// do calls the runtime and waits for it. Output goes through files, so that a
// detached container, which keeps them open, does not hold the call up.
func (b *box) do(args ...string) result {
	b.Helper()
	return b.finish(b.command(args...))
}

// finish runs a prepared call. Streams the caller has set are left alone.
func (b *box) finish(cmd *exec.Cmd) result {
	b.Helper()
	out, err := b.tempFile()
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	errs, err := b.tempFile()
	if err != nil {
		b.Fatal(err)
	}
	defer errs.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = errs
	}
	b.start(cmd)
	code := b.waitCommand(cmd)
	return result{b: b, args: cmd.Args[1:], stdout: readBack(out), stderr: readBack(errs), code: code}
}

// tempFile opens a file that is gone once it is closed.
func (b *box) tempFile() (*os.File, error) {
	f, err := os.CreateTemp(b.dir, "stream")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

func readBack(f *os.File) string {
	text := make([]byte, 0, 512)
	buf := make([]byte, 4096)
	for off := int64(0); ; {
		n, err := f.ReadAt(buf, off)
		text, off = append(text, buf[:n]...), off+int64(n)
		if err != nil {
			return string(text)
		}
	}
}

// waitCommand waits for a started call and returns its exit code. A call that
// hangs is killed and fails the test.
func (b *box) waitCommand(cmd *exec.Cmd) int {
	b.Helper()
	timer := time.AfterFunc(scaled(commandTimeout), func() { cmd.Process.Kill() })
	err := orphans().wait(cmd)
	if !timer.Stop() {
		b.Errorf("%q: no end after %v", cmd.Args, scaled(commandTimeout))
		return -1
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.Errorf("%q: %v", cmd.Args, err)
		return -1
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// ok stops the test unless the call succeeded; it returns the result.
func (r result) ok() result {
	r.b.Helper()
	if r.code != 0 {
		r.b.Fatalf("%q: exit code %d\nstdout: %s\nstderr: %s", r.args, r.code, r.stdout, r.stderr)
	}
	return r
}

// exits fails the test unless the call ended with the exit code.
func (r result) exits(code int) result {
	r.b.Helper()
	if r.code != code {
		r.b.Errorf("%q: exit code %d, want %d\nstdout: %s\nstderr: %s", r.args, r.code, code, r.stdout, r.stderr)
	}
	return r
}

// fails fails the test unless the call ended with the exit code and an error
// text that has all parts in it.
func (r result) fails(code int, parts ...string) result {
	r.b.Helper()
	r.exits(code)
	text := r.errorText()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			r.b.Errorf("%q: %q not found in stderr: %s", r.args, part, text)
		}
	}
	return r
}

// errorText is the standard error of the call without the quoting that log
// records add.
func (r result) errorText() string { return strings.ReplaceAll(r.stderr, `\"`, `"`) }

// prints fails the test unless the call wrote exactly this to stdout.
func (r result) prints(want string) result {
	r.b.Helper()
	if r.stdout != want {
		r.b.Errorf("%q: stdout is %q, want %q\nstderr: %s", r.args, r.stdout, want, r.stderr)
	}
	return r
}

// A container is an id and the bundle it is made of.
type container struct {
	*box
	id     string
	bundle string
	exists bool // made, and not deleted
	out    *os.File
}

// container makes a bundle, with the busybox root, and names a container of it.
func (b *box) container(mods ...mod) *container {
	b.Helper()
	c := b.containerIn("")
	c.bundle = b.path(c.id)
	makeBusyboxRoot(b, c.rootfs())
	c.configure(mods...)
	return c
}

// containerIn names a container of a bundle that is there.
func (b *box) containerIn(bundle string) *container {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	c := &container{box: b, id: b.name + "." + strconv.Itoa(b.next), bundle: bundle}
	b.containers = append(b.containers, c)
	return c
}

func (c *container) rootfs() string { return filepath.Join(c.bundle, "rootfs") }

// run runs the container in the foreground.
func (c *container) run(flags ...string) result {
	c.Helper()
	return c.do(c.verb("run", flags...)...)
}

func (c *container) verb(name string, flags ...string) []string {
	return append(append([]string{name, "--bundle", c.bundle}, flags...), c.id)
}

// create creates the container; its output is kept for output.
func (c *container) create(flags ...string) result {
	c.Helper()
	return c.made(c.detachedCommand(c.verb("create", flags...)...))
}

// runDetached runs the container with -d; its output is kept for output.
func (c *container) runDetached(flags ...string) result {
	c.Helper()
	return c.made(c.detachedCommand(c.verb("run", append([]string{"-d"}, flags...)...)...))
}

func (c *container) detachedCommand(args ...string) *exec.Cmd {
	c.Helper()
	cmd := c.command(args...)
	if c.out == nil {
		out, err := c.tempFile()
		if err != nil {
			c.Fatal(err)
		}
		c.Cleanup(func() { out.Close() })
		c.out = out
	}
	cmd.Stdout = c.out
	return cmd
}

// made runs a call that makes the container.
func (c *container) made(cmd *exec.Cmd) result {
	c.Helper()
	r := c.finish(cmd)
	if r.code == 0 {
		c.exists = true
	}
	return r
}

// output returns what the detached container wrote to stdout so far.
func (c *container) output() string { return readBack(c.out) }

func (c *container) start() result {
	c.Helper()
	return c.do("start", c.id)
}

func (c *container) kill(args ...string) result {
	c.Helper()
	return c.do(append([]string{"kill", c.id}, args...)...)
}

func (c *container) delete(flags ...string) result {
	c.Helper()
	r := c.do(append(append([]string{"delete"}, flags...), c.id)...)
	if r.code == 0 {
		c.exists = false
	}
	return r
}

// deleteForce ends and deletes the container.
func (c *container) deleteForce() {
	c.Helper()
	if r := c.delete("--force"); r.code != 0 {
		c.Errorf("delete --force %s: exit code %d: %s", c.id, r.code, r.stderr)
	}
}

// exec runs a command in the container.
func (c *container) exec(args ...string) result {
	c.Helper()
	return c.do(append([]string{"exec", c.id}, args...)...)
}

// execWith runs a command in the container with flags of exec.
func (c *container) execWith(flags []string, args ...string) result {
	c.Helper()
	return c.do(append(append(append([]string{"exec"}, flags...), c.id), args...)...)
}

// A stateReport is the JSON that `state` prints.
type stateReport struct {
	OCIVersion  string            `json:"ociVersion"`
	ID          string            `json:"id"`
	PID         *int              `json:"pid"`
	Status      string            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     time.Time         `json:"created"`
	Owner       *string           `json:"owner"`
	Annotations map[string]string `json:"annotations"`
}

// state asks for the state of the container.
func (c *container) state() stateReport {
	c.Helper()
	var s stateReport
	r := c.do("state", c.id).ok()
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		c.Fatalf("state %s: %v in %s", c.id, err, r.stdout)
	}
	if s.PID == nil {
		c.Fatalf("state %s: no pid in %s", c.id, r.stdout)
	}
	return s
}

// pid returns the container's process as the host sees it, 0 when stopped.
func (c *container) pid() int {
	c.Helper()
	return *c.state().PID
}

// until waits for a condition; it fails the test when it never holds.
func (b *box) until(what string, holds func() bool) {
	b.Helper()
	for deadline := time.Now().Add(patience()); !holds(); time.Sleep(scaled(5 * time.Millisecond)) {
		if time.Now().After(deadline) {
			b.Fatalf("never seen: %s", what)
		}
	}
}

// waitStatus waits for the container to have a status.
func (c *container) waitStatus(status string) {
	c.Helper()
	c.until(c.id+" is "+status, func() bool {
		return c.state().Status == status
	})
}
