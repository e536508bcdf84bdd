//go:build integration

package integration

import (
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Every action does in the kernel what it is called after, whenever the filter is loaded.
func TestSeccompActions(t *testing.T) {
	b := newBox(t)
	const try = "mkdir /tmp/d 2>&1; echo $?"
	for _, c := range []struct {
		action specs.LinuxSeccompAction
		errno  *uint
		want   string
	}{
		{specs.ActAllow, nil, "0\n"},
		{specs.ActLog, nil, "0\n"},
		{specs.ActErrno, nil, "mkdir: can't create directory '/tmp/d': Operation not permitted\n1\n"},
		{specs.ActErrno, ptr(uint(28)), "mkdir: can't create directory '/tmp/d': No space left on device\n1\n"},
		{specs.ActErrno, ptr(uint(0)), "0\n"}, // not done, and told as done
		{specs.ActTrace, nil, "mkdir: can't create directory '/tmp/d': Function not implemented\n1\n"}, // nobody traces
		{specs.ActTrace, ptr(uint(7)), "mkdir: can't create directory '/tmp/d': Function not implemented\n1\n"},
		{specs.ActTrap, nil, "159\n"}, // 128 + SIGSYS, whoever is killed
		{specs.ActKill, nil, "159\n"},
		{specs.ActKillThread, nil, "159\n"},
		{specs.ActKillProcess, nil, "159\n"},
	} {
		for _, extra := range []mod{func(*specs.Spec) {}, noNewPrivileges()} {
			other := specs.ActAllow
			if c.action == specs.ActAllow {
				other = specs.ActLog // an action of its own, so that the rule is not left out
			}
			r := b.container(seccompAction(c.action, c.errno, "mkdir", "mkdirat"), func(s *specs.Spec) {
				s.Linux.Seccomp.DefaultAction = other
			}, extra, script(try)).run().ok()
			out := strings.ReplaceAll(r.stdout, "Bad system call\n", "")
			if out != c.want {
				b.Errorf("%s %v: %q, want %q", c.action, c.errno, out, c.want)
			}
		}
	}
}

// What no rule allows has the default's errno; what is newer than every name of the profile does not exist.
func TestSeccompDefaults(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the calls are those of busybox on amd64")
	}
	b := newBox(t)
	profile := dockerProfile(b)
	for errno, want := range map[uint]string{0: "", 13: "Permission denied", 38: "Function not implemented"} {
		c := b.container(profile, script("unshare -U true 2>&1; true"), func(s *specs.Spec) {
			copied := *s.Linux.Seccomp
			copied.DefaultErrnoRet = ptr(errno)
			s.Linux.Seccomp = &copied
		})
		if out := c.run().ok().stdout; want != "" && !strings.Contains(out, want) || want == "" && out != "" {
			b.Errorf("defaultErrnoRet %d: %q, want %q", errno, out, want)
		}
	}
}

// Each flag and all together are taken by the kernel; the one for agents is left out, with a warning, where there is none.
func TestSeccompFlags(t *testing.T) {
	b := newBox(t)
	all := []specs.LinuxSeccompFlag{
		"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	}
	sets := [][]specs.LinuxSeccompFlag{{}, all, all[:1], all[1:2], all[2:3], all[3:]}
	for _, flags := range sets {
		r := b.container(seccompErrno("mkdir", "mkdirat"), func(s *specs.Spec) { s.Linux.Seccomp.Flags = flags },
			script("mkdir /tmp/d 2>/dev/null || echo refused")).run().ok().prints("refused\n")
		ignored := len(flags) > 0 && flags[len(flags)-1] == all[3]
		if warned := strings.Contains(r.stderr, "is ignored because nothing has the action SCMP_ACT_NOTIFY"); warned != ignored {
			b.Errorf("%v: stderr %q", flags, r.stderr)
		}
	}
	b.container(seccompErrno("mkdir"), func(s *specs.Spec) { s.Linux.Seccomp.Flags = []specs.LinuxSeccompFlag{"X"} }).
		run().fails(1, `linux.seccomp.flags[0]: unknown flag "X"`)
}

// With an agent the flags go together too.
func TestSeccompAgentFlags(t *testing.T) {
	b := newBox(t)
	socket := b.listenConsole()
	c := b.container(notifying(socket.path), script("mkdir /tmp/x; echo $?"), func(s *specs.Spec) {
		s.Linux.Seccomp.Flags = []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}
	})
	states := socket.agent(39)
	b.contains("stderr", c.run().ok().prints("1\n").stderr, "Directory not empty")
	if _, ok := <-states; !ok {
		t.Error("the agent got nothing")
	}
}

// Conditions of several kinds on one system call, which only together say what is meant: signals up to 9 and 15, to others than process 1.
func TestSeccompMixedConditions(t *testing.T) {
	b := newBox(t)
	rule := func(action specs.LinuxSeccompAction, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: []string{"kill"}, Action: action, ErrnoRet: map[bool]*uint{true: ptr(uint(95))}[action == specs.ActErrno], Args: args}
	}
	c := b.container(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
			rule(specs.ActErrno, specs.LinuxSeccompArg{Index: 1, Value: 10, Op: specs.OpGreaterEqual}, specs.LinuxSeccompArg{Index: 0, Value: 1, Op: specs.OpNotEqual}),
			rule(specs.ActErrno, specs.LinuxSeccompArg{Index: 1, Value: 2, Op: specs.OpLessThan}, specs.LinuxSeccompArg{Index: 0, Value: 1, Op: specs.OpNotEqual}),
			rule(specs.ActErrno, specs.LinuxSeccompArg{Index: 1, Value: 5, ValueTwo: 5, Op: specs.OpMaskedEqual}),
		}}
	}, script(`trap '' 1 3 10 12
sleep 1000 & p=$!
for s in 1 3 5 7 10 12; do kill -$s $p 2>/dev/null && echo $s to another; kill -$s 1 2>/dev/null && echo $s to 1; done; kill -9 $p`))
	c.run().ok().prints("1 to 1\n3 to another\n3 to 1\n10 to 1\n12 to 1\n")
}

// Calls of 32-bit programs are filtered where the profile has their architecture, and kill where it has not.
func TestSeccompArchitectures(t *testing.T) {
	b := newBox(t)
	for _, archs := range [][]specs.Arch{nil, {specs.ArchX86_64, specs.ArchX86, specs.ArchX32}, {specs.ArchARM, specs.ArchAARCH64}} {
		b.container(seccompErrno("mkdir", "mkdirat"), func(s *specs.Spec) { s.Linux.Seccomp.Architectures = archs },
			script("mkdir /tmp/d 2>/dev/null || echo refused")).run().ok().prints("refused\n")
	}
	b.container(seccompErrno("mkdir"), func(s *specs.Spec) { s.Linux.Seccomp.Architectures = []specs.Arch{"SCMP_ARCH_S390X"} }).
		run().fails(1, "linux.seccomp.architectures[0]: SCMP_ARCH_S390X has another byte order than this machine")
}
