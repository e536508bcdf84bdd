//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/minirun/minirun/specs"
)

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
	c.checkpoint().ok()
	b.do("state", c.id).fails(1, "does not exist")

	pidFile := b.path("pid")
	c.restore("--pid-file", pidFile).ok()
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
	c.checkpoint("--network-lock", networkLock()).ok()
	c.restore("--network-lock", networkLock()).ok()
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
	c.checkpoint("--leave-running", "--work-path", b.path("work")).ok()
	equal(b, "pid", c.pid(), pid)
	c.countsOn(c.count())
	if !exists(b.path("work", "dump.log")) || exists(b.path("images", "dump.log")) {
		t.Error("the log is not in the work path")
	}
	c.deleteForce()

	// In the foreground: the end of the program is that of the command.
	cmd, _ := c.restoreForeground("")
	c.countsOn(c.count())
	c.kill("KILL").ok()
	equal(b, "exit code", b.waitCommand(cmd), 137)
	b.do("state", c.id).fails(1, "does not exist")
}

// A paused container can be written too; it comes back running.
func TestCheckpointPaused(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.counts()
	b.do("pause", c.id).ok()
	c.checkpoint().ok()
	c.restore().ok()
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
	c.checkpoint().ok()
	b.do("restore", "--detach", "--image-path", b.path("images"), "--bundle", c.bundle, c.id).
		fails(1, "descriptor 1: it was a regular file of 7 bytes when the checkpoint was made, and must be that again")
	b.do("state", c.id).fails(1, "does not exist")
	c.restore().ok()
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
	c.checkpoint().ok()
	socket = b.listenConsole()
	c.restore("--console-socket", socket.path).ok()
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
	c.checkpoint().ok()
	if r, w, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd = c.restoreCommand()
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
	c.checkpoint().fails(1, "container is created")
	c.start().ok()
	c.checkpoint("--manage-cgroups-mode", "sloppy").fails(1, `manage cgroups mode "sloppy": it must be soft, full, strict or ignore`)
	c.checkpoint("--empty-ns", "pid").fails(1, `empty namespace "pid": only network can be left empty`)
	c.checkpoint("--parent-path", "/abs").fails(1, "parent path /abs: it must be relative to the image path")
	c.checkpoint("--parent-path", "gone").fails(1, "parent path", "no such file or directory")
	c.checkpoint("--page-server", "nowhere").fails(1, `page server "nowhere": it must be ADDRESS:PORT`)
	c.checkpoint("--status-fd", "99").fails(1, "--status-fd: descriptor 99 is not open")
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
	c := b.counts()
	b.write(b.path("file"), "", 0o600)
	c.checkpoint("--image-path", b.path("file")).fails(1, "image path", "not a directory")
	equal(b, "status", c.state().Status, "running")
	c.countsOn(c.count())
	c.deleteForce()
}

// The images may come from anywhere; where mounts lead is the configuration's to say (the advisories of 2026 on names of external mounts).
func TestRestoreDistrustsNames(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	b.mkdir(b.path("data"))
	c := b.counts(mount("/data", "bind", b.path("data"), "bind"))
	images := b.path("images")
	c.checkpoint().ok()
	saved := b.read(filepath.Join(images, "minirun.json"))
	index := strconv.Itoa(len(baseSpec().Mounts) + 1) // after the tmpfs of counting
	for _, try := range []struct{ from, to, says string }{
		{`"destination":"/data"`, `"destination":"/etc"`, `checkpoint: mount "mounts.` + index + `" at "/data": not in the configuration`},
		{`"mounts.` + index + `"`, `"device./etc"`, `checkpoint: mount "device./etc" at "/data": not in the configuration`},
		{`"path":"/data"`, `"path":"/../data"`, `checkpoint: mount point "/../data": not a clean absolute path`},
		{`{"key":"file`, `{"key":"root`, `is no descriptor`},
	} {
		if !strings.Contains(saved, try.from) {
			t.Fatalf("%s not in %s", try.from, saved)
		}
		b.write(filepath.Join(images, "minirun.json"), strings.Replace(saved, try.from, try.to, 1), 0o600)
		c.restore().fails(1, try.says)
	}
	b.write(filepath.Join(images, "minirun.json"), saved, 0o600)

	// A link where CRIU would mount: it follows links.
	b.mkdir(b.path("outside"))
	b.remove(filepath.Join(c.rootfs(), "data"))
	b.symlink(b.path("outside"), filepath.Join(c.rootfs(), "data"))
	c.restore().fails(1, "checkpoint: mount point /data: data is a symbolic link below")

	// Without the mount point it is made again.
	b.remove(filepath.Join(c.rootfs(), "data"))
	c.restore().ok()
	c.countsOn(c.count())
	c.deleteForce()
}

// An engine may restore with a configuration that it has made again, with the mounts in another order.
func TestRestoreReorderedMounts(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	for _, dir := range []string{"one", "two"} {
		b.mkdir(b.path(dir))
		b.write(b.path(dir+"/file"), dir+"\n", 0o644)
	}
	one, two := mount("/one", "bind", b.path("one"), "bind"), mount("/two", "bind", b.path("two"), "bind")
	c := b.counts(one, two)
	c.checkpoint().ok()
	c.configure(counting(), two, one)
	c.restore().ok()
	c.exec("cat", "/one/file", "/two/file").ok().prints("one\ntwo\n")
	c.countsOn(c.count())
	c.deleteForce()
}

// A bracket ends a name for CRIU: such a mount point is refused, and never read as another.
func TestCheckpointBracketInMountPoint(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	b.mkdir(b.path("data"))
	c := b.counts(mount("/data]:/etc", "bind", b.path("data"), "bind"))
	c.checkpoint().fails(1, `mount "/data]:/etc": CRIU takes a "]" in a name for its end`)
	c.countsOn(c.count())
	c.deleteForce()
}

// A hook that fails ends the restore, with everything that was there already.
func TestRestoreHookFails(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.counts()
	c.checkpoint().ok()
	c.configure(counting(), func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo no >&2; exit 3"}}}}
	})
	pidFile := b.path("pid")
	c.restore("--pid-file", pidFile).fails(1, "hooks.createRuntime[0]", "exit status 3", "no")
	b.do("state", c.id).fails(1, "does not exist")
	if exists(pidFile) {
		t.Error("the pid file is there")
	}
}
