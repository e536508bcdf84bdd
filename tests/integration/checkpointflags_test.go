//go:build integration

package integration

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// A program at a terminal of the host's is a shell job: it goes on at the terminal of whoever restores it.
func TestCheckpointShellJob(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.container(script("i=0; while read line; do i=$((i+1)); echo got $i $line; done"))
	at := func(p *pty, args ...string) int {
		cmd := c.command(args...)
		p.start(cmd)
		return b.waitCommand(cmd)
	}
	first := b.openPty()
	equal(b, "exit code", at(first, c.verb("run", "-d")...), 0)
	c.exists = true
	first.write("one\n")
	first.expect("got 1 one")
	c.checkpoint("--image-path", b.path("refused")).fails(1, "descriptor 0 is /dev/pts/", "--shell-job")
	c.checkpoint("--shell-job").ok()

	back := []string{"restore", "--detach", "--image-path", b.path("images"), "--bundle", c.bundle}
	second := b.openPty()
	equal(b, "exit code", at(second, append(back, c.id)...), 1)
	second.expect("descriptor 0 was a terminal", "--shell-job")
	c.restore("--shell-job").fails(1, "descriptor 0 was a terminal, so standard input must be one")
	b.do("state", c.id).fails(1, "does not exist")
	equal(b, "exit code", at(second, append(back, "--shell-job", c.id)...), 0)
	second.write("two\n")
	second.expect("got 2 two")
	c.deleteForce()
}

// A lock on a file is held again by the restored program; without the flag it is forgotten.
func TestCheckpointFileLocks(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.counts()
	lock := filepath.Join(c.rootfs(), "lock")
	// A program of the container's opens the file by its own mounts, and hands it on to one that the first process then adopts.
	file, err := os.OpenFile(procPath(c.pid(), "root/lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	cmd := c.command("exec", "--preserve-fds", "1", c.id, "sh", "-c", "(while :; do sleep 0.1; done) </dev/null >/dev/null 2>&1 &")
	cmd.ExtraFiles = []*os.File{file}
	b.finish(cmd).ok()
	file.Close()
	equal(b, "locked", locked(b, lock), true)
	c.checkpoint("--image-path", b.path("refused")).fails(1, "criu", "--file-locks")
	equal(b, "locked", locked(b, lock), true)
	c.checkpoint("--file-locks").ok()
	equal(b, "locked", locked(b, lock), false)
	c.restore("--file-locks").ok()
	equal(b, "locked", locked(b, lock), true)
	c.deleteForce()
	c.restore().ok()
	equal(b, "locked", locked(b, lock), false)
	c.deleteForce()
}

// locked tells whether somebody holds a lock of flock(2).
func locked(b *box, path string) bool {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err != nil && err != unix.EWOULDBLOCK {
		b.Fatal(err)
	}
	return err != nil
}

// A socket whose other end is outside is connected again, by the path that it was connected by.
func TestCheckpointExternalSocket(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	dir := b.path("outside")
	b.mkdir(dir)
	path := filepath.Join(dir, "socket")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file := datagramSocket(b)
	if err := unix.Connect(int(file.Fd()), &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	c := b.container(mount(dir, "bind", dir, "bind"), script("i=0; while :; do i=$((i+1)); (echo $i >&3); until [ -e /next$i ]; do sleep 0.05; done; done"))
	cmd := c.detachedCommand(c.verb("run", "--detach", "--preserve-fds", "1")...)
	cmd.ExtraFiles = []*os.File{file}
	c.made(cmd).ok()
	file.Close()
	hears := func(want string) {
		t.Helper()
		if err := listener.SetReadDeadline(time.Now().Add(scaled(commandTimeout))); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 100)
		n, err := listener.Read(text)
		if err != nil || string(text[:n]) != want {
			t.Errorf("heard %q, %v, want %q", text[:n], err, want)
		}
	}
	hears("1\n")
	c.checkpoint("--image-path", b.path("refused")).fails(1, "criu", "--ext-unix-sk")
	c.checkpoint("--ext-unix-sk").ok()
	c.restore("--ext-unix-sk").ok()
	b.write(filepath.Join(c.rootfs(), "next1"), "", 0o644)
	hears("2\n")
	c.deleteForce()
}

func datagramSocket(b *box) *os.File {
	b.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "socket")
}

// A connection that the program has not accepted yet is left out on demand; its socket listens on.
func TestCheckpointSkipInFlight(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	file := holdNetwork(b)
	var listener net.Listener
	err := inNetwork(file, func() (err error) {
		var config net.ListenConfig
		config.SetMultipathTCP(false) // CRIU does not know it
		listener, err = config.Listen(t.Context(), "tcp4", "127.0.0.1:7003")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listener.(*net.TCPListener).File()
	listener.Close()
	if err != nil {
		t.Fatal(err)
	}
	c := b.container(counting(), namespace(specs.NetworkNamespace, file))
	cmd := c.detachedCommand(c.verb("run", "--detach", "--preserve-fds", "1")...)
	cmd.ExtraFiles = []*os.File{socket}
	c.made(cmd).ok()
	socket.Close()
	connect := func() net.Conn {
		t.Helper()
		var conn net.Conn
		err := inNetwork(file, func() (err error) {
			conn, err = net.Dial("tcp4", "127.0.0.1:7003")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		return conn
	}
	early := connect()
	c.countsOn(1)
	c.checkpoint("--image-path", b.path("refused")).fails(1, "criu", "In-flight connection")
	c.checkpoint("--tcp-skip-in-flight").ok()
	c.restore().ok()
	connect()
	if _, err := early.Write([]byte("x")); err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Fatal(err)
	}
	if err := early.SetReadDeadline(time.Now().Add(scaled(commandTimeout))); err != nil {
		t.Fatal(err)
	}
	if n, err := early.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the connection that was left out: %d bytes, %v", n, err)
	}
	c.countsOn(c.count())
	c.deleteForce()
}

// Memory that was restored is removed from the images on demand.
func TestRestoreAutoDedup(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	c := b.counts()
	c.checkpoint().ok()
	whole := blocks(b, b.path("images"))
	c.restore().ok()
	equal(b, "blocks after a restore", blocks(b, b.path("images")), whole)
	c.deleteForce()
	c.restore("--auto-dedup").ok()
	if now := blocks(b, b.path("images")); now >= whole/2 {
		t.Errorf("%d of %d blocks of memory are left in the images", now, whole)
	}
	c.countsOn(c.count())
	c.deleteForce()
}

// What a later dump has is removed from the earlier ones on demand.
func TestCheckpointAutoDedup(t *testing.T) {
	b := newBox(t)
	b.needCRIU("mem_dirty_track")
	c := b.counts()
	c.checkpoint("--pre-dump", "--image-path", b.path("first")).ok()
	whole := blocks(b, b.path("first"))
	c.countsOn(c.count())
	c.checkpoint("--leave-running", "--parent-path", "../first", "--image-path", b.path("second")).ok()
	equal(b, "blocks of the parent", blocks(b, b.path("first")), whole)
	c.countsOn(c.count())
	c.checkpoint("--auto-dedup", "--parent-path", "../first", "--image-path", b.path("third")).ok()
	if now := blocks(b, b.path("first")); now >= whole {
		t.Errorf("%d of %d blocks of memory are left in the parent", now, whole)
	}
	c.restore("--image-path", b.path("third")).ok()
	c.countsOn(c.count())
	c.deleteForce()
}

// blocks is how much of the disk the memory in a checkpoint takes, in units of 512 bytes.
func blocks(b *box, dir string) int64 {
	b.Helper()
	var sum int64
	pages, _ := filepath.Glob(filepath.Join(dir, "pages-*.img"))
	for _, p := range pages {
		var st unix.Stat_t
		if err := unix.Stat(p, &st); err != nil {
			b.Fatal(err)
		}
		sum += st.Blocks
	}
	return sum
}

// The restored program is confined by another profile than the one that was saved; without AppArmor there is nobody to confine it.
func TestRestoreLSMProfile(t *testing.T) {
	b := newSerialBox(t)
	b.needCRIU()
	if enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled"); !strings.HasPrefix(string(enabled), "Y") {
		c := b.counts()
		c.checkpoint().ok()
		c.restore("--lsm-profile", "apparmor:minirun-test").fails(1, "criu", "apparmor LSM specified but apparmor not supported by kernel")
		b.do("state", c.id).fails(1, "does not exist")
		return
	}
	b.loadProfile()
	b.loadProfileAs("minirun-next")
	c := b.counts(apparmor("minirun-test"))
	label := func() string { return strings.TrimSpace(b.read(procPath(c.pid(), "attr/current"))) }
	c.checkpoint().ok()
	c.restore().ok()
	equal(b, "label", label(), "minirun-test (enforce)")
	c.deleteForce()
	c.restore("--lsm-profile", "apparmor:minirun-next").ok()
	equal(b, "label", label(), "minirun-next (enforce)")
	c.countsOn(c.count())
	c.deleteForce()
}
