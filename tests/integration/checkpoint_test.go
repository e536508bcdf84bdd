//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/minirun/minirun/specs"
)

// needCRIU skips the test where no criu works on this kernel, or not with the
// features.
func (b *box) needCRIU(features ...string) {
	b.Helper()
	args := []string{"check"}
	for _, f := range features {
		args = append(args, "--feature", f)
	}
	cmd := exec.Command("criu", args...)
	if cmd.Err != nil {
		b.Skip(cmd.Err)
	}
	if r := b.finish(cmd); r.code != 0 {
		b.Skipf("criu %s fails on this kernel: %s", strings.Join(args, " "), strings.TrimSpace(r.stdout+r.stderr))
	}
}

// counting is a program that writes a rising number to /tmp/n, on a tmpfs, so
// that a second start would be seen.
func counting() mod {
	return func(s *specs.Spec) {
		script("i=0; while :; do i=$((i+1)); echo $i >/tmp/n; sleep 0.05; done")(s)
		mount("/tmp", "tmpfs", "tmpfs", "nosuid")(s)
	}
}

// count is the number that the program has got to.
func (c *container) count() int {
	c.Helper()
	n, _ := strconv.Atoi(strings.TrimSpace(c.exec("cat", "/tmp/n").stdout))
	return n
}

// countsOn waits until the program has gone on from a number.
func (c *container) countsOn(from int) {
	c.Helper()
	c.until("the program goes on", func() bool { return c.count() > from })
}

func TestCheckpointRestore(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(counting(), mount("/data", "bind", b.path("data"), "bind", "ro"), func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(77))}}
	})
	b.mkdir(b.path("data"))
	b.write(b.path("data", "file"), "content", 0o644)
	c.runDetached().ok()
	c.countsOn(3)
	mounts := c.mountTable()
	images := b.path("images")
	b.do("checkpoint", "--image-path", images, c.id).ok()
	b.do("state", c.id).fails(1, "does not exist")

	pidFile := b.path("pid")
	c.made(c.detachedCommand("restore", "--detach", "--image-path", images, "--bundle", c.bundle, "--pid-file", pidFile, c.id)).ok()
	equal(b, "status", c.state().Status, "running")
	equal(b, "pid file", b.read(pidFile), strconv.Itoa(c.pid()))
	n := c.count()
	if n < 4 {
		t.Errorf("the program has started anew: %d", n)
	}
	c.countsOn(n)
	equal(b, "mounts", strings.Join(c.mountTable(), "\n"), strings.Join(mounts, "\n"))
	equal(b, "bind", c.exec("cat", "/data/file").ok().stdout, "content")
	c.exec("sh", "-c", "echo x >/data/file").exits(1)
	equal(b, "pids limit", c.knob("pids", "pids.max", "pids.max"), "77")
	if !slices.Contains(strings.Fields(c.knob("pids", "cgroup.procs", "cgroup.procs")), strconv.Itoa(c.pid())) {
		t.Error("the restored process is not in the container's cgroup")
	}
	c.kill("KILL").ok()
	c.waitStatus("stopped")
	c.delete().ok()
}

// mountTable lists the container's mounts: place, kind, rights.
func (c *container) mountTable() []string {
	var list []string
	for line := range strings.Lines(c.read(procPath(c.pid(), "mountinfo"))) {
		before, after, _ := strings.Cut(line, " - ")
		f, kind := strings.Fields(before), strings.Fields(after)[0]
		list = append(list, f[4]+" "+kind+" "+f[5])
	}
	slices.Sort(list)
	return list
}

// The devices of a network namespace are not saved; loopback is made again.
func TestCheckpointNetwork(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(counting(), namespace(specs.NetworkNamespace, ""))
	c.runDetached().ok()
	b.do("checkpoint", "--network-lock", networkLock(), "--image-path", b.path("images"), c.id).ok()
	c.made(c.detachedCommand("restore", "--detach", "--network-lock", networkLock(), "--image-path", b.path("images"), "--bundle", c.bundle, c.id)).ok()
	b.contains("devices", c.exec("cat", "/sys/class/net/lo/flags").ok().stdout, "0x9") // IFF_UP and IFF_LOOPBACK
	c.deleteForce()
}

func TestCheckpointLeaveRunning(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(counting())
	b.do(c.verb("run", "--detach")...).ok() // into files of the call's own
	c.countsOn(3)
	pid := c.pid()
	b.do("checkpoint", "--leave-running", "--image-path", b.path("images"), "--work-path", b.path("work"), c.id).ok()
	equal(b, "pid", c.pid(), pid)
	c.countsOn(c.count())
	if !exists(b.path("work", "dump.log")) || exists(b.path("images", "dump.log")) {
		t.Error("the log is not in the work path")
	}
	c.deleteForce()

	// In the foreground: the end of the program is that of the command.
	out, err := b.tempFile()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := b.command("restore", "--image-path", b.path("images"), "--bundle", c.bundle, c.id)
	cmd.Stdout, cmd.Stderr = out, out
	b.start(cmd)
	c.until("restored", func() bool { return b.do("state", c.id).code == 0 && c.state().Status == "running" })
	c.countsOn(c.count())
	c.kill("KILL").ok()
	equal(b, "exit code", b.waitCommand(cmd), 137)
	b.do("state", c.id).fails(1, "does not exist")
}

// A paused container can be written too; it comes back running.
func TestCheckpointPaused(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(counting())
	c.runDetached().ok()
	c.countsOn(3)
	b.do("pause", c.id).ok()
	b.do("checkpoint", "--image-path", b.path("images"), c.id).ok()
	c.made(c.detachedCommand("restore", "--detach", "--image-path", b.path("images"), "--bundle", c.bundle, c.id)).ok()
	equal(b, "status", c.state().Status, "running")
	c.countsOn(c.count())
	c.deleteForce()
}

// A file that a stream went to must be the same again: criu goes by its size.
func TestCheckpointStreamToFile(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(script("echo before; touch /tmp/n; sleep 1000"), mount("/tmp", "tmpfs", "tmpfs", "nosuid"))
	c.runDetached().ok()
	c.until("the first line", func() bool { return c.output() == "before\n" })
	b.do("checkpoint", "--image-path", b.path("images"), c.id).ok()
	b.do("restore", "--detach", "--image-path", b.path("images"), "--bundle", c.bundle, c.id).
		fails(1, "descriptor 1: it was a regular file of 7 bytes when the checkpoint was made, and must be that again")
	b.do("state", c.id).fails(1, "does not exist")
	c.made(c.detachedCommand("restore", "--detach", "--image-path", b.path("images"), "--bundle", c.bundle, c.id)).ok()
	c.deleteForce()
}

func TestCheckpointTerminal(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(func(s *specs.Spec) { s.Process.Terminal = true },
		script("while read line; do echo got $line; done"))
	socket := b.listenConsole()
	b.do(c.verb("run", "--detach", "--console-socket", socket.path)...).ok()
	p, _ := socket.receive()
	p.write("one\n")
	p.expect("got one")
	b.do("checkpoint", "--image-path", b.path("images"), c.id).ok()
	socket = b.listenConsole()
	b.do("restore", "--detach", "--console-socket", socket.path, "--image-path", b.path("images"), "--bundle", c.bundle, c.id).ok()
	p, _ = socket.receive()
	p.write("two\n")
	p.expect("got two")
	c.deleteForce()
}

// The restored program writes to the restorer's standard output.
func TestCheckpointStreams(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(script("i=0; while :; do i=$((i+1)); echo number $i; sleep 0.05; done"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := b.command(c.verb("run", "--detach")...)
	cmd.Stdout = w
	b.start(cmd)
	equal(b, "exit code", b.waitCommand(cmd), 0)
	w.Close()
	b.do("checkpoint", "--image-path", b.path("images"), c.id).ok()
	if r, w, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd = b.command("restore", "--detach", "--image-path", b.path("images"), "--bundle", c.bundle, c.id)
	cmd.Stdout = w
	b.start(cmd)
	equal(b, "exit code", b.waitCommand(cmd), 0)
	w.Close()
	text := make([]byte, 100)
	n, err := r.Read(text)
	if err != nil || !strings.HasPrefix(string(text[:n]), "number ") {
		t.Errorf("read %q, %v", text[:n], err)
	}
	c.deleteForce()
}

// Errors say what is wrong, and leave the container as it was.
func TestCheckpointBadInput(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(counting())
	images := b.path("images")
	b.do("checkpoint", "--image-path", images, "nobody").fails(1, "does not exist")
	c.create().ok()
	b.do("checkpoint", "--image-path", images, c.id).fails(1, "container is created")
	c.start().ok()
	b.do("checkpoint", "--image-path", images, "--manage-cgroups-mode", "sloppy", c.id).fails(1, `manage cgroups mode "sloppy": it must be soft, full, strict or ignore`)
	b.do("checkpoint", "--image-path", images, "--empty-ns", "pid", c.id).fails(1, `empty namespace "pid": only network can be left empty`)
	b.do("checkpoint", "--image-path", images, "--parent-path", "/abs", c.id).fails(1, "parent path /abs: it must be relative to the image path")
	b.do("checkpoint", "--image-path", images, "--parent-path", "gone", c.id).fails(1, "parent path", "no such file or directory")
	b.do("checkpoint", "--image-path", images, "--page-server", "nowhere", c.id).fails(1, `page server "nowhere": it must be ADDRESS:PORT`)
	b.do("checkpoint", "--image-path", images, "--status-fd", "99", c.id).fails(1, "--status-fd: descriptor 99 is not open")
	b.do("restore", "--image-path", images, "--bundle", c.bundle, "other").fails(1, "image path", "no such file or directory")
	c.countsOn(c.count())
	if exists(images) {
		t.Error("an image path was made for nothing")
	}
	c.deleteForce()
}

// What cannot be saved is an error of criu's words, and the container goes on.
func TestCheckpointFails(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(counting())
	c.runDetached().ok()
	c.countsOn(1)
	b.write(b.path("file"), "", 0o600)
	b.do("checkpoint", "--image-path", b.path("file"), c.id).fails(1, "image path", "not a directory")
	equal(b, "status", c.state().Status, "running")
	c.countsOn(c.count())
	c.deleteForce()
}

// The images may come from anywhere; where mounts lead is the configuration's to say (the advisories of 2026 on names of external mounts).
func TestRestoreDistrustsNames(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	b.mkdir(b.path("data"))
	c := b.container(counting(), mount("/data", "bind", b.path("data"), "bind"))
	c.runDetached().ok()
	c.countsOn(1)
	images := b.path("images")
	b.do("checkpoint", "--image-path", images, c.id).ok()
	saved := b.read(filepath.Join(images, "minirun.json"))
	index := strconv.Itoa(len(baseSpec().Mounts) + 1) // after the tmpfs of counting
	for _, try := range []struct{ from, to, says string }{
		{`"mounts.` + index + `"`, `"mounts.99"`, `checkpoint: mount "mounts.99" at "/data": not in the configuration`},
		{`"mounts.` + index + `"`, `"device./etc"`, `checkpoint: mount "device./etc" at "/data": not in the configuration`},
		{`"mounts.` + index + `"`, `"mounts.0"`, `checkpoint: mount "mounts.0" at "/data": not in the configuration`},
		{`"path":"/data"`, `"path":"/../data"`, `checkpoint: mount point "/../data": not a clean absolute path`},
		{`{"key":"file`, `{"key":"root`, `is no descriptor`},
	} {
		if !strings.Contains(saved, try.from) {
			t.Fatalf("%s not in %s", try.from, saved)
		}
		b.write(filepath.Join(images, "minirun.json"), strings.Replace(saved, try.from, try.to, 1), 0o600)
		b.do("restore", "--detach", "--image-path", images, "--bundle", c.bundle, c.id).fails(1, try.says)
	}
	b.write(filepath.Join(images, "minirun.json"), saved, 0o600)

	// A link where CRIU would mount: it follows links.
	b.mkdir(b.path("outside"))
	b.remove(filepath.Join(c.rootfs(), "data"))
	b.symlink(b.path("outside"), filepath.Join(c.rootfs(), "data"))
	b.do("restore", "--detach", "--image-path", images, "--bundle", c.bundle, c.id).fails(1, "checkpoint: mount point /data: data is a symbolic link below")

	// Without the mount point it is made again.
	b.remove(filepath.Join(c.rootfs(), "data"))
	c.made(c.detachedCommand("restore", "--detach", "--image-path", images, "--bundle", c.bundle, c.id)).ok()
	c.countsOn(c.count())
	c.deleteForce()
}

// A bracket ends a name for CRIU: such a mount point is refused, and never read as another.
func TestCheckpointBracketInMountPoint(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	b.mkdir(b.path("data"))
	c := b.container(counting(), mount("/data]:/etc", "bind", b.path("data"), "bind"))
	c.runDetached().ok()
	c.countsOn(1)
	b.do("checkpoint", "--image-path", b.path("images"), c.id).fails(1, `mount "/data]:/etc": CRIU takes a "]" in a name for its end`)
	c.countsOn(c.count())
	c.deleteForce()
}

// A hook that fails ends the restore, with everything that was there already.
func TestRestoreHookFails(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(counting())
	c.runDetached().ok()
	c.countsOn(1)
	b.do("checkpoint", "--image-path", b.path("images"), c.id).ok()
	c.configure(counting(), func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo no >&2; exit 3"}}}}
	})
	pidFile := b.path("pid")
	c.finish(c.detachedCommand("restore", "--detach", "--pid-file", pidFile, "--image-path", b.path("images"), "--bundle", c.bundle, c.id)).
		fails(1, "hooks.createRuntime[0]", "exit status 3", "no")
	b.do("state", c.id).fails(1, "does not exist")
	if exists(pidFile) {
		t.Error("the pid file is there")
	}
}
