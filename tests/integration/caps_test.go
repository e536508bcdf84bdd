//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// capabilityNames lists the capabilities in the order of their numbers
// (capabilities(7), linux/capability.h).
func capabilityNames() []string {
	return strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID
		CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW
		CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT
		CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE
		CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM
		CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE`)
}

// capabilityMask returns the set as /proc/PID/status shows it.
func capabilityMask(names ...string) string {
	var mask uint64
	for _, name := range names {
		mask |= 1 << slices.Index(capabilityNames(), name)
	}
	return fmt.Sprintf("%016x", mask)
}

func capabilities(sets specs.LinuxCapabilities) mod {
	return func(s *specs.Spec) { s.Process.Capabilities = &sets }
}

func TestCapabilitiesOfRoot(t *testing.T) {
	b := newBox(t)
	all := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_BIND_SERVICE"}
	v := b.container(script(inspection), capabilities(specs.LinuxCapabilities{
		Bounding: all, Effective: all[:3], Permitted: all[:3], Inheritable: all[:2], Ambient: all[:1],
	})).inspect()
	v.is("CapBnd", capabilityMask(all...))
	v.is("CapInh", capabilityMask(all[:2]...))
	v.is("CapAmb", capabilityMask(all[:1]...))
	// execve by root gives the bounding and the inheritable set (capabilities(7)).
	v.is("CapPrm", capabilityMask(all...))
	v.is("CapEff", capabilityMask(all...))
}

func TestCapabilitiesOfUser(t *testing.T) {
	b := newBox(t)
	all := []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"}
	v := b.container(script(inspection), user(1000, 1000), capabilities(specs.LinuxCapabilities{
		Bounding: all, Effective: all, Permitted: all, Inheritable: all[:2], Ambient: all[:2],
	})).inspect()
	v.is("CapBnd", capabilityMask(all...))
	v.is("CapInh", capabilityMask(all[:2]...))
	v.is("CapAmb", capabilityMask(all[:2]...))
	v.is("CapPrm", capabilityMask(all[:2]...))
	v.is("CapEff", capabilityMask(all[:2]...))
}

// Sets that are not there are empty; in particular the bounding set.
func TestCapabilitiesUnset(t *testing.T) {
	for name, m := range map[string]mod{
		"empty":  capabilities(specs.LinuxCapabilities{}),
		"absent": func(s *specs.Spec) { s.Process.Capabilities = nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			v := b.container(script(inspection), m).inspect()
			for _, set := range []string{"CapBnd", "CapInh", "CapAmb", "CapPrm", "CapEff"} {
				v.is(set, "0000000000000000")
			}
		})
	}
}

// The spec asks for a warning, not an error, about a name nobody knows, and
// about one that cannot be granted.
func TestCapabilityUnknown(t *testing.T) {
	b := newBox(t)
	log := b.path("log")
	caps := []string{"CAP_KILL", "CAP_NO_SUCH"}
	c := b.container(script(inspection), capabilities(specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}))
	r := b.do(append([]string{"--log", log, "--log-format", "json"}, c.verb("run")...)...).ok()
	b.parseView(r.stdout).is("CapBnd", capabilityMask("CAP_KILL"))
	warned := false
	for _, record := range b.records(log) {
		warned = warned || record.Level == "warning" &&
			strings.Contains(record.Msg, `process.capabilities.bounding[1]: unknown capability "CAP_NO_SUCH"`)
	}
	if !warned {
		b.Errorf("no warning in %s", b.read(log))
	}
}

// Capabilities that the runtime itself lacks are left out with a warning.
func TestCapabilityNotAvailable(t *testing.T) {
	b := newBox(t)
	own := b.parseOwnBounding()
	caps := capabilityNames()
	c := b.container(script(inspection), capabilities(specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}))
	b.parseView(c.run().ok().stdout).is("CapBnd", own)
}

// parseOwnBounding returns the bounding set of the test process.
func (b *box) parseOwnBounding() string {
	b.Helper()
	v := view{b: b, sections: map[string]string{"status": b.read("/proc/self/status")}}
	return v.status("CapBnd")
}
