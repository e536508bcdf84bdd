//go:build cgo && !noseccomp

package seccomp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Each action arrives in the filter as a rule's and as the default, with its number.
func TestActions(t *testing.T) {
	for _, a := range actions {
		for _, data := range []*uint{nil, number(0), number(7), number(4094), number(65535)} {
			if data != nil && *data > a.data || data != nil && a.data == 0 {
				continue
			}
			other := specs.ActAllow
			if a.name == specs.ActAllow {
				other = specs.ActErrno
			}
			rule := &specs.LinuxSeccomp{
				DefaultAction: other,
				Syscalls:      []specs.LinuxSyscall{{Names: []string{"getpid", "mkdir"}, Action: a.name, ErrnoRet: data}},
			}
			prog, p := mustCompile(t, rule)
			compare(t, rule, prog)
			if p.Listener != (a.name == specs.ActNotify) {
				t.Errorf("%s: listener %t", a.name, p.Listener)
			}
			def := &specs.LinuxSeccomp{
				DefaultAction: a.name, DefaultErrnoRet: data,
				Syscalls: []specs.LinuxSyscall{{Names: []string{"getpid", "mkdir"}, Action: other}},
			}
			prog, _ = mustCompile(t, def)
			compare(t, def, prog)
		}
	}
}

// Profiles put together at random do what they say: every operator, alternatives, several architectures, few rules and many.
func TestRandomProfiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := profileOf(t, "docker").Syscalls[0].Names
	for n := range 60 {
		profile := randomProfile(r, names)
		prog, _ := mustCompile(t, profile)
		compare(t, profile, prog)
		if t.Failed() {
			t.Fatalf("profile %d: %+v", n, profile)
		}
	}
}

// randomProfile makes a profile in which rules of one system call do not contradict each other: what happens then is libseccomp's choice.
func randomProfile(r *rand.Rand, names []string) *specs.LinuxSeccomp {
	pick := func(list []specs.LinuxSeccompAction) specs.LinuxSeccompAction { return list[r.IntN(len(list))] }
	all := []specs.LinuxSeccompAction{
		specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess, specs.ActLog, specs.ActNotify, specs.ActTrace, specs.ActTrap,
	}
	profile := &specs.LinuxSeccomp{DefaultAction: pick(all)}
	if r.IntN(2) == 0 {
		profile.Architectures = []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}[r.IntN(3):]
	}
	shuffled := append([]string(nil), names...)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for range 1 + r.IntN(8) {
		count := 1 + r.IntN(12)
		call := specs.LinuxSyscall{Names: shuffled[:count], Action: pick(all)}
		shuffled = shuffled[count:]
		if call.Action == specs.ActErrno && r.IntN(2) == 0 {
			call.ErrnoRet = number(uint(r.IntN(4095)))
		}
		if r.IntN(2) == 0 && plain(call.Names) {
			call.Args = randomArgs(r)
		}
		profile.Syscalls = append(profile.Syscalls, call)
	}
	return profile
}

// plain says that none of the names is one that 32-bit x86 has inside socketcall(2) or ipc(2), where arguments cannot be compared.
func plain(names []string) bool {
	for _, name := range names {
		if _, ok := x86Direct[name]; ok || name == "accept" || name == "send" || name == "recv" || name == "semop" || name == "semtimedop" {
			return false
		}
	}
	return true
}

func randomArgs(r *rand.Rand) []specs.LinuxSeccompArg {
	var args []specs.LinuxSeccompArg
	if r.IntN(4) == 0 { // alternatives
		for range 2 + r.IntN(3) {
			args = append(args, randomArg(r, uint(1+r.IntN(2))))
		}
		return args
	}
	for _, index := range r.Perm(maxArgs)[:1+r.IntN(3)] {
		args = append(args, randomArg(r, uint(index)))
	}
	return args
}

func randomArg(r *rand.Rand, index uint) specs.LinuxSeccompArg {
	values := []uint64{0, 1, 2, 7, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x1234567890, 1 << 63, ^uint64(0)}
	a := specs.LinuxSeccompArg{Index: index, Op: operators[r.IntN(len(operators))], Value: values[r.IntN(len(values))]}
	if a.Op == specs.OpMaskedEqual {
		a.ValueTwo = values[r.IntN(len(values))] & a.Value
	}
	return a
}

// Rules of one system call with conditions of several kinds and with several actions: the first one that fits decides. libseccomp 2.5.4, asked about
// them, makes filters that miss some.
func TestMixedConditions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	all := []specs.LinuxSeccompAction{specs.ActAllow, specs.ActLog, specs.ActTrap}
	for n := range 150 {
		profile := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}[r.IntN(3):]}
		for range 2 + r.IntN(3) {
			call := specs.LinuxSyscall{Names: []string{"prctl", "setpriority"}, Action: all[r.IntN(len(all))]}
			for _, index := range r.Perm(3)[:1+r.IntN(2)] {
				call.Args = append(call.Args, randomArg(r, uint(index)))
			}
			profile.Syscalls = append(profile.Syscalls, call)
		}
		prog, _ := mustCompile(t, profile)
		ref := newReference(t, profile)
		for _, d := range []*callData{
			{nr: 157, arch: unix.AUDIT_ARCH_X86_64},
			{nr: x32Bit | 157, arch: unix.AUDIT_ARCH_X86_64},
			{nr: 172, arch: unix.AUDIT_ARCH_I386},
			{nr: 141, arch: unix.AUDIT_ARCH_X86_64},
			{nr: 97, arch: unix.AUDIT_ARCH_I386},
		} {
			for range 2000 {
				for i := range 3 {
					a := randomArg(r, 0)
					d.args[i] = a.Value + uint64(r.IntN(3)) - 1
				}
				if got, want := mustRun(t, prog, d), ref.eval(t, d); got != want {
					t.Fatalf("profile %d: %+v: arch %#x nr %#x args %#x: got %#x, want %#x", n, profile, d.arch, d.nr, d.args, got, want)
				}
			}
		}
	}
}

// Two conditions on one argument are alternatives, and make the others of the rule alternatives.
func TestSameArgumentTwice(t *testing.T) {
	profile := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{
		Names: []string{"personality"}, Action: specs.ActAllow,
		Args: []specs.LinuxSeccompArg{
			{Index: 0, Value: 8, Op: specs.OpEqualTo},
			{Index: 0, Value: 9, Op: specs.OpEqualTo},
			{Index: 1, Value: 3, Op: specs.OpEqualTo},
		},
	}}}
	prog, _ := mustCompile(t, profile)
	counts := compare(t, profile, prog)
	if counts[unix.SECCOMP_RET_ALLOW] == 0 {
		t.Error("nothing was allowed")
	}
}

// A profile without architectures, or without the machine's own, has it nevertheless.
func TestNativeArchitectureAlwaysThere(t *testing.T) {
	audit := findArch(nativeArch(t)).audit
	for _, archs := range [][]specs.Arch{nil, {nativeArch(t), nativeArch(t)}, {specs.ArchX86}, {specs.ArchX32}, {specs.ArchARM}} {
		profile := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: archs, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"read"}, Action: specs.ActTrap},
		}}
		prog, _ := mustCompile(t, profile)
		compare(t, profile, prog)
		if got := mustRun(t, prog, &callData{nr: unix.SYS_READ, arch: audit}); got != unix.SECCOMP_RET_TRAP {
			t.Errorf("%v: read has the action %#x", archs, got)
		}
	}
}

// A default that allows, or that someone else judges, stays for unknown numbers.
func TestUnknownNumbersKeepOtherDefaults(t *testing.T) {
	audit := findArch(nativeArch(t)).audit
	for _, a := range []specs.LinuxSeccompAction{specs.ActAllow, specs.ActLog, specs.ActTrace, specs.ActNotify} {
		prog, _ := mustCompile(t, &specs.LinuxSeccomp{
			DefaultAction: a, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActTrap}},
		})
		if got, want := mustRun(t, prog, &callData{nr: 9999, arch: audit}), retOf(t, a, nil); got != want {
			t.Errorf("%s: got %#x, want %#x", a, got, want)
		}
	}
}

// Unknown names are reported and change nothing else.
func TestUnknownNames(t *testing.T) {
	profile := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"read"}, Action: specs.ActAllow},
		{Names: []string{"write", "frobnicate", "close"}, Action: specs.ActAllow},
	}}
	p, warnings, err := Compile(profile, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !warnings[0].Routine || warnings[0].Field != "linux.seccomp.syscalls[1].names[1]" ||
		!strings.Contains(warnings[0].Text, `"frobnicate"`) {
		t.Errorf("warnings: %v", warnings)
	}
	compare(t, profile, mustDecode(t, p.Filter))
}

// What libseccomp refuses is named by the field.
func TestCompileErrors(t *testing.T) {
	for _, test := range []struct {
		profile *specs.LinuxSeccomp
		want    string
	}{
		{
			&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{nativeArch(t), specs.ArchS390X}},
			"linux.seccomp.architectures[1]: SCMP_ARCH_S390X has another byte order than this machine",
		},
		{
			&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchSH}},
			"linux.seccomp.architectures[0]: this build of minirun with libseccomp " + libraryVersion() + " does not know SCMP_ARCH_SH",
		},
		{
			&specs.LinuxSeccomp{DefaultAction: "x"}, `linux.seccomp.defaultAction: unknown action "x"`,
		},
		{nil, "linux.seccomp: there is no profile"},
	} {
		dir := t.TempDir()
		p, _, err := Compile(test.profile, dir)
		if err == nil {
			t.Errorf("accepted with %d instructions, want %q", p.Instructions(), test.want)
		} else if err.Error() != test.want {
			t.Errorf("got  %q\nwant %q", err, test.want)
		}
	}
}

// The kernel takes 4096 instructions.
func TestFilterTooLong(t *testing.T) {
	call := specs.LinuxSyscall{Names: []string{"ioctl"}, Action: specs.ActErrno}
	profile := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	for n := range 4500 {
		call.Args = []specs.LinuxSeccompArg{{Index: 1, Op: specs.OpEqualTo, Value: uint64(n) << 20}}
		profile.Syscalls = append(profile.Syscalls, call)
	}
	_, _, err := Compile(profile, "")
	if err == nil || !strings.HasSuffix(err.Error(), "instructions, the kernel takes at most 4096") {
		t.Errorf("got %v", err)
	}
}

// Nothing in the lists is unknown to Compile.
func TestInfo(t *testing.T) {
	info := Info()
	if !info.Enabled || info.LibraryVersion == "" {
		t.Fatalf("%+v", info)
	}
	for _, name := range info.Actions {
		profile := &specs.LinuxSeccomp{DefaultAction: specs.LinuxSeccompAction(name)}
		if _, _, err := Compile(profile, ""); err != nil {
			t.Error(err)
		}
	}
	for _, name := range info.Operators {
		profile := small(0)
		profile.Syscalls[0].Args = []specs.LinuxSeccompArg{{Op: specs.LinuxSeccompOperator(name)}}
		if _, _, err := Compile(profile, ""); err != nil {
			t.Error(err)
		}
	}
	for _, name := range info.Archs {
		profile := small(0)
		profile.Architectures = []specs.Arch{specs.Arch(name)}
		if _, _, err := Compile(profile, ""); err != nil {
			t.Error(err)
		}
	}
	for _, name := range info.KnownFlags {
		profile := small(0)
		profile.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlag(name)}
		if _, _, err := Compile(profile, ""); err != nil {
			t.Error(err)
		}
	}
	// The oldest kernel that minirun works on has the first three.
	supported := fmt.Sprint(info.SupportedFlags)
	for _, name := range []string{"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"} {
		if !strings.Contains(supported, name) {
			t.Errorf("%s is not supported by this kernel: %s", name, supported)
		}
	}
	if kernelTakes(1 << 31) {
		t.Error("the kernel is said to take a flag that does not exist")
	}
}
