package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const eperm = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)

// Numbers above the profile's last one get ENOSYS where the filter had the default action, by the rules of each architecture.
func TestUnknownNumbers(t *testing.T) {
	seen := func(name specs.Arch, nrs ...uint32) lastCall {
		l := lastCall{arch: findArch(name)}
		for _, nr := range nrs {
			l.saw(nr)
		}
		return l
	}
	amd64, x32 := seen(specs.ArchX86_64, 5, 300, 7), seen(specs.ArchX32, x32Bit|512, x32Bit|7)
	for _, test := range []struct {
		name string
		last []lastCall
		arch uint32
		want map[uint32]uint32 // number: action
	}{
		{
			"one architecture",
			[]lastCall{amd64},
			unix.AUDIT_ARCH_X86_64,
			map[uint32]uint32{0: eperm, 300: eperm, 301: retENOSYS, x32Bit - 1: retENOSYS, x32Bit: eperm, x32Bit | 301: eperm, 0xffffffff: eperm},
		},
		{
			"another architecture",
			[]lastCall{amd64},
			unix.AUDIT_ARCH_I386,
			map[uint32]uint32{0: eperm, 301: eperm, 0xffffffff: eperm},
		},
		{
			"amd64 and x32",
			[]lastCall{amd64, x32},
			unix.AUDIT_ARCH_X86_64,
			map[uint32]uint32{300: eperm, 301: retENOSYS, 513: retENOSYS, x32Bit | 301: eperm, x32Bit | 512: eperm, x32Bit | 513: retENOSYS},
		},
		{
			"x32 alone",
			[]lastCall{x32},
			unix.AUDIT_ARCH_X86_64,
			map[uint32]uint32{300: eperm, 301: eperm, x32Bit | 512: eperm, x32Bit | 513: retENOSYS},
		},
		{
			"two with values of their own",
			[]lastCall{amd64, seen(specs.ArchX86, 400)},
			unix.AUDIT_ARCH_I386,
			map[uint32]uint32{301: eperm, 400: eperm, 401: retENOSYS, 0xffffffff: retENOSYS},
		},
		{
			"private calls of arm",
			[]lastCall{seen(specs.ArchARM, 400, armPrivate+5)},
			unix.AUDIT_ARCH_ARM,
			map[uint32]uint32{400: eperm, 401: retENOSYS, armPrivate - 1: retENOSYS, armPrivate: eperm, armPrivate + 6: eperm},
		},
		{
			"call 0 of s390x",
			[]lastCall{seen(specs.ArchS390X, 400)},
			unix.AUDIT_ARCH_S390X,
			map[uint32]uint32{0: retENOSYS, 1: eperm, 400: eperm, 401: retENOSYS},
		},
		{
			"base of mips",
			[]lastCall{seen(specs.ArchMIPSEL64, 5100)},
			unix.AUDIT_ARCH_MIPSEL64,
			map[uint32]uint32{0: eperm, 5100: eperm, 5101: retENOSYS},
		},
		{
			"nothing named",
			[]lastCall{seen(specs.ArchX86)},
			unix.AUDIT_ARCH_I386,
			map[uint32]uint32{0: eperm, 1000: eperm},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			filter := []insn{
				{opLoad, 0, 0, offNr},
				{opJeq, 0, 1, 999},
				{opRet, 0, 0, unix.SECCOMP_RET_ALLOW},
				{opRet, 0, 0, eperm},
			}
			prog := refuseUnknown(filter, eperm, test.last)
			for nr, want := range test.want {
				if got := mustRun(t, prog, &callData{nr: nr, arch: test.arch}); got != want {
					t.Errorf("nr %#x: got %#x, want %#x", nr, got, want)
				}
			}
			if got := mustRun(t, prog, &callData{nr: 999, arch: test.arch}); got != unix.SECCOMP_RET_ALLOW {
				t.Errorf("an allowed call above the last one: got %#x", got)
			}
		})
	}
}

// A profile whose default is ENOSYS needs nothing more.
func TestUnknownNumbersAreENOSYSAlready(t *testing.T) {
	l := lastCall{arch: findArch(specs.ArchX86_64)}
	l.saw(1)
	filter := []insn{{opRet, 0, 0, retENOSYS}}
	if prog := refuseUnknown(filter, retENOSYS, []lastCall{l}); len(prog) != 1 {
		t.Errorf("%d instructions instead of 1", len(prog))
	}
}
