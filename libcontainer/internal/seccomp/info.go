package seccomp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Information says what profiles can contain, for the features document (features-linux.md, "Seccomp").
type Information struct {
	// Enabled is false in a build without seccomp support; the lists are empty then.
	Enabled bool
	// LibraryVersion is the version of libseccomp, for example "2.5.4".
	LibraryVersion string
	// Actions, Operators, Archs and KnownFlags are the names that Compile takes.
	Actions, Operators, Archs, KnownFlags []string
	// SupportedFlags are those of KnownFlags that the running kernel takes.
	SupportedFlags []string
}

// Info returns what this build and, for the supported flags, this kernel can do.
func Info() Information {
	if !supported {
		return Information{}
	}
	info := Information{Enabled: true, LibraryVersion: libraryVersion()}
	for _, a := range actions {
		info.Actions = append(info.Actions, string(a.name))
	}
	for _, o := range operators {
		info.Operators = append(info.Operators, string(o))
	}
	for i := range architectures {
		if sameByteOrder(&architectures[i]) && libraryKnows(&architectures[i]) {
			info.Archs = append(info.Archs, string(architectures[i].name))
		}
	}
	for _, f := range flags {
		info.KnownFlags = append(info.KnownFlags, string(f.name))
		if kernelTakes(f.bit) {
			info.SupportedFlags = append(info.SupportedFlags, string(f.name))
		}
	}
	return info
}

// auditLE is set in the AUDIT_ARCH_* values of architectures that are little-endian (__AUDIT_ARCH_LE).
const auditLE = 0x40000000

// sameByteOrder says whether filters of this machine can be for an architecture: one filter has one byte order.
func sameByteOrder(a *architecture) bool {
	little := binary.NativeEndian.Uint16([]byte{1, 0}) == 1
	return a.audit&auditLE != 0 == little
}

// kernelTakes says whether seccomp(2) knows a flag. The call has no filter and so changes nothing: it fails with EFAULT after the
// flags were found good, and with EINVAL for unknown ones.
func kernelTakes(bit uint64) bool {
	if bit == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV {
		bit |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER // refused without
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(bit), 0)
	return errno == unix.EFAULT
}
