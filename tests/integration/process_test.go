//go:build integration

package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// user sets the ids of the process.
func user(uid, gid uint32, groups ...uint32) mod {
	return func(s *specs.Spec) {
		s.Process.User = specs.User{UID: uid, GID: gid, AdditionalGids: groups}
	}
}

func cwd(dir string) mod { return func(s *specs.Spec) { s.Process.Cwd = dir } }

func TestUser(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection), user(1000, 1001, 5, 10)).inspect()
	v.is("Uid", "1000 1000 1000 1000")
	v.is("Gid", "1001 1001 1001 1001")
	v.is("Groups", "5 10")
	// Without ambient capabilities an ordinary user has none after execve.
	v.is("CapEff", "0000000000000000")
	v.is("CapPrm", "0000000000000000")
}

// A user without additional groups keeps none of the caller's.
func TestUserGroupsAreCleared(t *testing.T) {
	b := newBox(t)
	c := b.container(script(inspection), user(0, 0))
	cmd := c.command(c.verb("run")...)
	cmd.SysProcAttr = credential(0, 0, 3, 4)
	c.parseView(b.finish(cmd).ok().stdout).is("Groups", "")
}

// The largest id that is one, and ids without a name.
func TestUserWithoutName(t *testing.T) {
	b := newBox(t)
	b.container(script("id -u; id -g; echo $HOME"), user(4294967294, 12345)).run().ok().prints("4294967294\n12345\n/\n")
}

func TestUmask(t *testing.T) {
	b := newBox(t)
	b.container(script("umask")).run().ok().prints("0022\n")
	b.container(script("umask"), func(s *specs.Spec) { s.Process.User.Umask = ptr(uint32(0o077)) }).run().ok().prints("0077\n")
	b.container(script("umask"), func(s *specs.Spec) { s.Process.User.Umask = ptr(uint32(0)) }).run().ok().prints("0000\n")
}

func TestCwd(t *testing.T) {
	b := newBox(t)
	b.container(args("pwd"), cwd("/tmp")).run().ok().prints("/tmp\n")
	c := b.container(script("pwd; stat -c '%a %u' . .."), cwd("/made/by/runtime"))
	c.run().ok().prints("/made/by/runtime\n755 0\n755 0\n")
}

// A working directory that only the process's user may enter.
func TestCwdOfUser(t *testing.T) {
	b := newBox(t)
	c := b.container(args("pwd"), cwd("/home/user/private"), user(1000, 1000))
	private := filepath.Join(c.rootfs(), "home/user/private")
	b.mkdir(private)
	b.chown(private, 1000, 1000, 0o700)
	c.run().ok().prints("/home/user/private\n")
}

func TestEnvironment(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection), env("A=1 2", "EMPTY=", "D=first", "D=last", "UTF=\u00e4\u4e16", "HOME=/given")).inspect()
	got := v.lines("environ")
	for _, want := range []string{"PATH=/bin", "TERM=xterm", "A=1 2", "EMPTY=", "D=last", "UTF=\u00e4\u4e16", "HOME=/given"} {
		if !slices.Contains(got, want) {
			b.Errorf("%q is not in %q", want, got)
		}
	}
	if slices.Contains(got, "D=first") {
		b.Errorf("both values of D in %q", got)
	}
	equal(b, "variables", len(got), 7)
}

// Nothing of the runtime's own environment reaches the process.
func TestEnvironmentIsNotInherited(t *testing.T) {
	b := newBox(t)
	c := b.container(script(inspection))
	cmd := c.command(c.verb("run")...)
	cmd.Env = append(cmd.Env, "SECRET=1", "_LIBCONTAINER_X=1", "GODEBUG=x=1")
	v := b.parseView(b.finish(cmd).ok().stdout)
	got := v.lines("environ")
	slices.Sort(got)
	equal(b, "environment", strings.Join(got, " "), "HOME=/root PATH=/bin TERM=xterm")
}

func TestHome(t *testing.T) {
	b := newBox(t)
	b.container(script("echo $HOME"), user(1000, 1000)).run().ok().prints("/home/user\n")
	b.container(script("echo $HOME"), user(777, 777)).run().ok().prints("/\n")
	b.container(script("echo $HOME"), env("HOME=/x"), user(1000, 1000)).run().ok().prints("/x\n")
	c := b.container(script("echo $HOME"), user(1000, 1000))
	b.remove(filepath.Join(c.rootfs(), "etc/passwd"))
	c.run().ok().prints("/\n")
}

// The command is looked up in the PATH of the process, in the container.
func TestCommandLookup(t *testing.T) {
	b := newBox(t)
	c := b.container(args("tool", "x"), func(s *specs.Spec) { s.Process.Env = []string{"PATH=/missing:/opt/a:/opt/b:/bin"} })
	b.write(filepath.Join(c.rootfs(), "opt/a/tool"), "not executable", 0o644)
	b.write(filepath.Join(c.rootfs(), "opt/b/tool"), "#!/bin/sh\necho tool $0 $1\n", 0o755)
	c.run().ok().prints("tool /opt/b/tool x\n")
	c.configure(args("./tool", "y"), cwd("/opt/b"))
	c.run().ok().prints("tool ./tool y\n")
}

func TestRlimits(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection), func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{
			{Type: "RLIMIT_NOFILE", Soft: 512, Hard: 1024},
			{Type: "RLIMIT_NPROC", Soft: 100, Hard: 200},
			{Type: "RLIMIT_CORE", Soft: 0, Hard: 4096},
			{Type: "RLIMIT_STACK", Soft: 1 << 20, Hard: 8 << 20},
			{Type: "RLIMIT_CPU", Soft: 3600, Hard: 7200},
			{Type: "RLIMIT_FSIZE", Soft: 1 << 30, Hard: 1 << 31},
			{Type: "RLIMIT_MSGQUEUE", Soft: 4096, Hard: 8192},
			{Type: "RLIMIT_SIGPENDING", Soft: 10, Hard: 20},
		}
	}).inspect()
	for row, want := range map[string]string{
		"Max open files": "512 1024", "Max processes": "100 200", "Max core file size": "0 4096",
		"Max stack size": "1048576 8388608", "Max cpu time": "3600 7200", "Max file size": "1073741824 2147483648",
		"Max msgqueue size": "4096 8192", "Max pending signals": "10 20",
	} {
		equal(b, row, v.limit(row), want)
	}
}

// Limits not named are those of the caller, also the one that Go raises for
// its own process.
func TestRlimitsAreInherited(t *testing.T) {
	b := newBox(t)
	c := b.container(script(inspection))
	cmd := c.command(c.verb("run")...)
	cmd.Args = append([]string{"sh", "-c", `ulimit -S -n 600; ulimit -S -c 0; exec "$0" "$@"`}, cmd.Args...)
	cmd.Args[3] = underTest()
	cmd.Path = "/bin/sh"
	v := b.parseView(b.finish(cmd).ok().stdout)
	soft, _, _ := strings.Cut(v.limit("Max open files"), " ")
	equal(b, "soft limit of open files", soft, "600")
}

func TestNoNewPrivileges(t *testing.T) {
	b := newBox(t)
	b.container(script(inspection)).inspect().is("NoNewPrivs", "0")
	b.container(script(inspection), noNewPrivileges()).inspect().is("NoNewPrivs", "1")
}

func TestOOMScoreAdj(t *testing.T) {
	b := newBox(t)
	host := strings.TrimSpace(b.read("/proc/self/oom_score_adj"))
	equal(b, "unset", b.container(script(inspection)).inspect().get("oom_score_adj"), host)
	v := b.container(script(inspection), func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(567) }).inspect()
	equal(b, "567", v.get("oom_score_adj"), "567")
	if host == "0" {
		v = b.container(script(inspection), func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(0) }).inspect()
		equal(b, "0", v.get("oom_score_adj"), "0")
	}
}

func TestHostAndDomainName(t *testing.T) {
	b := newBox(t)
	c := b.container(script("hostname; cat /proc/sys/kernel/domainname"), func(s *specs.Spec) {
		s.Hostname, s.Domainname = "box.example", "example.org"
	})
	c.run().ok().prints("box.example\nexample.org\n")
	host := b.read("/proc/sys/kernel/hostname")
	if host == "box.example\n" {
		b.Error("the host's name was changed")
	}
}

func TestSysctl(t *testing.T) {
	b := newBox(t)
	host := b.read("/proc/sys/kernel/shm_rmid_forced")
	c := b.container(namespace(specs.NetworkNamespace, ""), func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{
			"kernel.shm_rmid_forced":       "1",
			"fs.mqueue.msg_max":            "7",
			"net.ipv4.ip_forward":          "1",
			"net/ipv4/ip_local_port_range": "2000\t3000",
		}
	}, script("cd /proc/sys && cat kernel/shm_rmid_forced fs/mqueue/msg_max net/ipv4/ip_forward net/ipv4/ip_local_port_range"))
	c.run().ok().prints("1\n7\n1\n2000\t3000\n")
	equal(b, "the host's value", b.read("/proc/sys/kernel/shm_rmid_forced"), host)
}

// A user namespace without a pid namespace can have no procfs of its own: it is written to the one in the container, before /proc/sys is
// read-only there.
func TestSysctlWithHostsProcesses(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), noNamespace(specs.PIDNamespace), noMount("/dev/mqueue"),
		func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} },
		script("cat /proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv4/ip_forward || cat /proc/sys/net/ipv4/ip_forward"))
	r := c.run().ok()
	equal(b, "output", r.stdout, "1\n1\n")
	b.contains("error", r.stderr, "Read-only file system")
}

// A sysctl of a namespace that the container does not own is refused.
func TestSysctlOfHostIsRefused(t *testing.T) {
	for _, key := range []string{"kernel.hostname_x", "kernel.core_pattern", "net.ipv4.ip_forward", "vm.swappiness", "kernel/../vm/swappiness"} {
		t.Run(strings.ReplaceAll(key, "/", "_"), func(t *testing.T) {
			c := newBox(t).container(func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{key: "1"} })
			c.run().fails(1, key)
		})
	}
}

func credential(uid, gid uint32, groups ...uint32) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}}
}
