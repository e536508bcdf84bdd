//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// debianRoot returns a Debian root filesystem that all tests of this run share.
var debianRoot = sync.OnceValues(func() (string, error) {
	tarball, err := debianTarball()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(baseDir(), "debian")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if out, err := output(exec.Command("tar", "-C", dir, "--numeric-owner", "-xf", tarball)); err != nil {
		return "", fmt.Errorf("extract %s: %w\n%s", tarball, err, out)
	}
	return dir, nil
})

// debianTarball returns the tarball of a minimal Debian root filesystem.
var debianTarball = sync.OnceValues(func() (string, error) {
	if tarball := os.Getenv("MINIRUN_DEBIAN_ROOT"); tarball != "" {
		return tarball, nil
	}
	return cachedDebianRoot()
})

// cacheDir is where what takes long to make is kept for later runs.
func cacheDir() string {
	if cache := os.Getenv("MINIRUN_CACHE"); cache != "" {
		return cache
	}
	return filepath.Join("..", "..", ".cache")
}

// cachedDebianRoot returns a tarball of a minimal Debian, made on first use.
func cachedDebianRoot() (string, error) {
	cache := cacheDir()
	tarball := filepath.Join(cache, "debian-root.tar")
	if exists(tarball) {
		return tarball, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir := filepath.Join(baseDir(), "debootstrap")
	release, err := output(exec.Command("sh", "-c", `. /etc/os-release; echo "$VERSION_CODENAME"`))
	if err != nil {
		return "", err
	}
	command := []string{"--mount", "debootstrap", "--variant=minbase", strings.TrimSpace(release), dir}
	mirrors, _ := output(exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"))
	if mirror, _, found := strings.Cut(mirrors, "\n"); found {
		command = append(command, mirror)
	}
	if out, err := output(exec.Command("unshare", command...)); err != nil {
		return "", fmt.Errorf("debootstrap (install the package, or set MINIRUN_DEBIAN_ROOT): %w\n%s", err, out)
	}
	partial := fmt.Sprintf("%s.%d", tarball, os.Getpid())
	if out, err := output(exec.Command("tar", "-C", dir, "--numeric-owner", "--one-file-system", "-cf", partial, ".")); err != nil {
		return "", fmt.Errorf("pack the Debian root: %w\n%s", err, out)
	}
	return tarball, os.Rename(partial, tarball)
}

// debian returns a container with the Debian root.
func (b *box) debian(mods ...mod) *container {
	b.Helper()
	root, err := debianRoot()
	if err != nil {
		b.Fatal(err)
	}
	c := b.containerIn("")
	c.bundle = b.path(c.id)
	c.configure(append([]mod{rootPath(root), func(s *specs.Spec) {
		s.Process.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	}}, mods...)...)
	return c
}

func bash(script string) mod { return args("bash", "-euc", script) }

func TestDebianScript(t *testing.T) {
	b := newBox(t)
	c := b.debian(bash(`
		# pipes and descriptors
		seq 1 1000 | sort -rn | head -1
		diff <(echo same) <(echo same) && echo "process substitution"
		mkfifo /dev/shm/fifo; echo through >/dev/shm/fifo & read line </dev/shm/fifo; echo "$line the fifo"
		exec 5</dev/zero; head -c 4 <&5 | wc -c
		# devices
		echo lost >/dev/null; head -c 16 /dev/urandom | wc -c; echo x 2>/dev/null >/dev/full || echo "device full"
		echo to stderr >/dev/stderr; (echo "to fd" >/dev/fd/1) | cat
		# proc and sys
		[ "$(cut -d' ' -f1 /proc/self/stat)" -gt 1 ]; tr '\0' '\n' </proc/1/cmdline | head -1
		[ -d /sys/class/net ] && echo sysfs; cat /proc/sys/kernel/hostname
		(echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null || echo "sysctl refused"
		# signals
		trap 'echo "got USR1"' USR1; kill -USR1 $$; sleep 0.1 & wait $! && echo waited
		(trap 'exit 42' TERM; : >/dev/shm/set; while :; do sleep 0.05; done) & until [ -e /dev/shm/set ]; do sleep 0.05; done; kill $!; wait $! || echo "code $?"
		# time and locale
		date -d @0 -u +%F; printf '%s\n' "ä" | wc -m
	`), namespace(specs.NetworkNamespace, ""))
	r := c.run().ok()
	r.prints(`1000
process substitution
through the fifo
4
16
device full
to fd
bash
sysfs
inside
sysctl refused
got USR1
waited
code 42
1970-01-01
2
`)
	equal(b, "stderr", r.stderr, "to stderr\n")
}

func TestDebianUsers(t *testing.T) {
	b := newBox(t)
	c := b.debian(bash(`
		useradd --create-home --uid 4321 --shell /bin/bash tester
		su tester -c 'id -un; echo ~; umask; touch ~/made; cd; ! touch /root/made 2>/dev/null && echo refused'
		stat -c '%U %G' /home/tester/made
		setpriv --reuid 4321 --regid 4321 --clear-groups cat /proc/self/status | grep ^Uid
		userdel --remove tester 2>/dev/null; getent passwd tester || echo gone
	`))
	c.run().ok().prints("tester\n/home/tester\n0022\nrefused\ntester tester\nUid:\t4321\t4321\t4321\t4321\ngone\n")
}

// dpkg is as demanding a program as any: it unpacks, changes owners, syncs,
// and runs scripts of packages in a chroot-like environment.
func TestDebianDpkg(t *testing.T) {
	b := newBox(t)
	c := b.debian(bash(`
		dpkg -l bash | tail -1 | cut -c1-2
		dpkg --audit
		mkdir -p /tmp/p/DEBIAN /tmp/p/opt/hello
		printf 'Package: hello-test\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: test\n' >/tmp/p/DEBIAN/control
		printf '#!/bin/sh\necho "postinst $1 as $(id -un)"\n' >/tmp/p/DEBIAN/postinst; chmod 755 /tmp/p/DEBIAN/postinst
		echo hello >/tmp/p/opt/hello/file
		dpkg-deb --root-owner-group --build /tmp/p /tmp/p.deb >/dev/null
		dpkg -i /tmp/p.deb >/tmp/log 2>&1; grep postinst /tmp/log
		cat /opt/hello/file; dpkg -S /opt/hello/file
		dpkg -P hello-test >/dev/null 2>&1; [ ! -e /opt/hello ] && echo purged
		rm -r /tmp/p /tmp/p.deb /tmp/log
		apt-cache policy bash | head -2 | tail -1 | grep -c Installed
	`), env("DEBIAN_FRONTEND=noninteractive"))
	c.run().ok().prints("ii\npostinst configure as root\nhello\nhello-test: /opt/hello/file\npurged\n1\n")
}

// A shell as pid 1 reaps what its descendants leave behind.
func TestDebianDaemonsAreReapedByThePayload(t *testing.T) {
	b := newBox(t)
	c := b.debian(bash(`
		for i in 1 2 3 4 5; do (setsid sleep 0.2 >/dev/null 2>&1 </dev/null &); done
		sleep 1; (exit 0) & wait
		for f in /proc/[0-9]*/stat; do read -r pid name state rest <$f && [ "$state" = Z ] && echo "zombie $pid $name"; done
		echo "$$"
	`))
	c.run().ok().prints("1\n")
}

// A payload that does not reap keeps its zombies: the runtime puts nobody
// between the two.
func TestDebianPid1IsThePayload(t *testing.T) {
	b := newBox(t)
	c := b.debian(args("perl", "-e", `exit 0 if fork; # pid 1 is the parent
		`), namespace(specs.CgroupNamespace, ""))
	c.run().ok()
	c.configure(rootPath(mustDebianRoot(b)), func(s *specs.Spec) { s.Process.Env = []string{"PATH=/usr/bin:/bin"} },
		args("perl", "-e", `$|=1; unless (fork) { fork and exit 0; sleep 1; exit 0 } print "$$\n"; sleep 1000`))
	c.runDetached().ok()
	pid := c.pid()
	b.until("two zombies of pid 1", func() bool { return len(zombiesOf(pid)) == 2 })
	equal(b, "output", c.output(), "1\n")
	c.kill("KILL").ok()
	equal(b, "exit code", b.wait(pid), 137)
}

func mustDebianRoot(b *box) string {
	b.Helper()
	root, err := debianRoot()
	if err != nil {
		b.Fatal(err)
	}
	return root
}

func zombiesOf(parent int) []int {
	var found []int
	for _, p := range processes() {
		if p.ppid == parent && p.state == 'Z' {
			found = append(found, p.pid)
		}
	}
	return found
}

// Services that put themselves into the background live as long as pid 1.
func TestDebianDaemon(t *testing.T) {
	b := newBox(t)
	c := b.debian(args("bash", "-c", `
		(setsid bash -c 'trap "echo stopped >/dev/shm/log; exit" TERM; echo $BASHPID >/dev/shm/pid; while :; do sleep 0.05; done' >/dev/null 2>&1 </dev/null &)
		while :; do sleep 0.05; done`))
	c.runDetached().ok()
	b.until("the daemon", func() bool { return c.exec("test", "-s", "/dev/shm/pid").code == 0 })
	c.exec("bash", "-c", `kill "$(cat /dev/shm/pid)"; until [ -s /dev/shm/log ]; do sleep 0.05; done; cat /dev/shm/log`).ok().prints("stopped\n")
	equal(b, "status", c.state().Status, "running")
}

// bash on a real terminal: prompt, size, job control, Ctrl-C, exit code.
func TestDebianInteractive(t *testing.T) {
	b := newBox(t)
	p := b.openPty()
	p.setSize(40, 120)
	c := b.debian(terminal(0, 0), args("bash", "--norc", "-i"), env("TERM=xterm", "PS1=ready> "))
	cmd := c.command(c.verb("run")...)
	p.start(cmd)
	p.expect("ready> ")
	if text := p.seen.String() + p.passed; strings.Contains(text, "job control") || strings.Contains(text, "ioctl") {
		b.Errorf("bash complains: %q", text)
	}
	p.write("tty; stty size; ps_of=$$; echo pid $ps_of\n")
	p.expect("/dev/pts/0\r\n", "40 120\r\n", "pid 1\r\n")
	p.write("bash -c 'echo started; exec sleep 1000'\n")
	p.expect("started\r\n")
	p.write("\x1a") // Ctrl-Z
	p.expect("Stopped", "ready> ")
	p.write("kill -KILL %1; wait; echo over-$((1+1))\n")
	p.expect("over-2\r\n", "ready> ")
	p.write("bash -c 'echo started; exec sleep 1000'\n")
	p.expect("started\r\n")
	p.write("\x03") // Ctrl-C
	p.expect("ready> ")
	p.write("exit 17\n")
	equal(b, "exit code", b.waitCommand(cmd), 17)
}

// Perl makes the system calls that a shell cannot: what an ordinary container
// may not do stays refused.
func TestDebianRefusedCalls(t *testing.T) {
	b := newBox(t)
	c := b.debian(args("perl", "-e", `
		sub try { my ($name, $result) = @_; print $result == -1 ? "$name refused\n" : "$name allowed\n" }
		my ($none, $mnt, $type, $null, $root, $times, $attr, $empty) =
			("none", "/mnt", "tmpfs", "/dev/null", "/", pack("qq", 1, 1), "\0" x 128, "");
		try("mount", syscall(165, $none, $mnt, $type, 0, 0));
		try("setns", syscall(308, 0, 0));
		try("reboot", syscall(169, 0xfee1dead, 672274793, 0, 0));
		try("settimeofday", syscall(164, $times, 0));
		try("swapon", syscall(167, $null, 0));
		try("init_module", syscall(175, $empty, 0, $empty));
		try("bpf", syscall(321, 5, $attr, 128));
		try("chroot", syscall(161, $root));`))
	c.run().ok().prints("mount refused\nsetns refused\nreboot refused\nsettimeofday refused\nswapon refused\ninit_module refused\nbpf refused\nchroot allowed\n")
}

// A large tree of processes and files: everything is gone with pid 1.
func TestDebianManyProcesses(t *testing.T) {
	b := newBox(t)
	c := b.debian(bash(`for i in $(seq 1 60); do (sleep 1000 & sleep 1000) & done; sleep 0.2; echo started`))
	r := c.run().ok()
	if !bytes.Equal([]byte(r.stdout), []byte("started\n")) {
		b.Errorf("output %q", r.stdout)
	}
}
