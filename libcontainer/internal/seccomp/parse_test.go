package seccomp

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func number(n uint) *uint { return &n }

// Each thing that is wrong is named by its path, all at once.
func TestParseErrors(t *testing.T) {
	call := func(c specs.LinuxSyscall) *specs.LinuxSeccomp {
		good := specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow}
		return &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{good, c}}
	}
	arg := func(a specs.LinuxSeccompArg) *specs.LinuxSeccomp {
		return call(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{a}})
	}
	for _, test := range []struct {
		profile *specs.LinuxSeccomp
		want    string
	}{
		{nil, "linux.seccomp: there is no profile"},
		{&specs.LinuxSeccomp{}, "linux.seccomp.defaultAction: must be set"},
		{&specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_DENY"}, `linux.seccomp.defaultAction: unknown action "SCMP_ACT_DENY"`},
		{
			&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, DefaultErrnoRet: number(1)},
			"linux.seccomp.defaultErrnoRet: must not be set for SCMP_ACT_ALLOW",
		},
		{
			&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: number(4095)},
			"linux.seccomp.defaultErrnoRet: 4095 is out of range, must be 0 to 4094 for SCMP_ACT_ERRNO",
		},
		{
			&specs.LinuxSeccomp{DefaultAction: specs.ActTrace, DefaultErrnoRet: number(65536)},
			"linux.seccomp.defaultErrnoRet: 65536 is out of range, must be 0 to 65535 for SCMP_ACT_TRACE",
		},
		{
			&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86, "SCMP_ARCH_Z80"}},
			`linux.seccomp.architectures[1]: unknown architecture "SCMP_ARCH_Z80"`,
		},
		{
			&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{flagTSync, "FAST"}},
			`linux.seccomp.flags[1]: unknown flag "FAST"`,
		},
		{call(specs.LinuxSyscall{Names: []string{"read"}}), "linux.seccomp.syscalls[1].action: must be set"},
		{call(specs.LinuxSyscall{Names: []string{"read"}, Action: "allow"}), `linux.seccomp.syscalls[1].action: unknown action "allow"`},
		{
			call(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActKill, ErrnoRet: number(0)}),
			"linux.seccomp.syscalls[1].errnoRet: must not be set for SCMP_ACT_KILL",
		},
		{call(specs.LinuxSyscall{Action: specs.ActAllow}), "linux.seccomp.syscalls[1].names: must have at least one entry"},
		{
			call(specs.LinuxSyscall{Names: []string{"read", ""}, Action: specs.ActAllow}),
			"linux.seccomp.syscalls[1].names[1]: must not be empty",
		},
		{
			arg(specs.LinuxSeccompArg{Index: 6, Op: specs.OpEqualTo}),
			"linux.seccomp.syscalls[1].args[0].index: 6 is out of range, must be 0 to 5",
		},
		{arg(specs.LinuxSeccompArg{}), "linux.seccomp.syscalls[1].args[0].op: must be set"},
		{arg(specs.LinuxSeccompArg{Op: "=="}), `linux.seccomp.syscalls[1].args[0].op: unknown operator "=="`},
		{
			&specs.LinuxSeccomp{DefaultAction: "x", Flags: []specs.LinuxSeccompFlag{"y"}},
			"linux.seccomp.defaultAction: unknown action \"x\"\nlinux.seccomp.flags[0]: unknown flag \"y\"",
		},
	} {
		_, _, err := parse(test.profile)
		if err == nil {
			t.Errorf("accepted, want %q", test.want)
		} else if err.Error() != test.want {
			t.Errorf("got  %q\nwant %q", err, test.want)
		}
	}
}

// A list of flags is taken as it is, none at all means the default.
func TestFlags(t *testing.T) {
	const (
		tsync    = unix.SECCOMP_FILTER_FLAG_TSYNC
		log      = unix.SECCOMP_FILTER_FLAG_LOG
		spec     = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		listener = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		esrch    = unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
		killable = unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	)
	type list = []specs.LinuxSeccompFlag
	all := list{flagTSync, specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagWaitKillableRecv}
	for _, test := range []struct {
		flags  list
		notify bool
		want   uint64
		warned string
	}{
		{nil, false, spec, ""},
		{list{}, false, 0, ""},
		{list{flagTSync}, false, tsync, ""},
		{list{specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagLog}, false, log, ""},
		{all, true, tsync | log | spec | killable | listener | esrch, ""},
		{
			all, false, tsync | log | spec,
			"linux.seccomp.flags[3]: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is ignored because nothing has the action SCMP_ACT_NOTIFY",
		},
		{nil, true, spec | listener, ""},
	} {
		profile := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: test.flags}
		if test.notify {
			profile.Syscalls = []specs.LinuxSyscall{{Names: []string{"mknod"}, Action: specs.ActNotify}}
		}
		pol, warnings, err := parse(profile)
		if err != nil {
			t.Fatal(err)
		}
		if pol.flags != test.want || pol.listener != test.notify {
			t.Errorf("%v: flags %#x, listener %t; want %#x, %t", test.flags, pol.flags, pol.listener, test.want, test.notify)
		}
		var texts []string
		for _, w := range warnings {
			texts = append(texts, w.String())
		}
		if got := strings.Join(texts, "\n"); got != test.warned {
			t.Errorf("%v: warnings %q, want %q", test.flags, got, test.warned)
		}
	}
}

// The default action can be for the agent too.
func TestNotifyAsDefault(t *testing.T) {
	pol, _, err := parse(&specs.LinuxSeccomp{DefaultAction: specs.ActNotify})
	if err != nil {
		t.Fatal(err)
	}
	if !pol.listener || pol.refuses() {
		t.Errorf("listener %t, refuses %t", pol.listener, pol.refuses())
	}
}
