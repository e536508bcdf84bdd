package cgroups

import (
	"testing"
	"unsafe"
)

// The attributes of bpf(2) lie where linux/bpf.h has them, and behind that of the
// query there is room: Linux 6.17 to 7.1 store revision whatever size was given.
func TestAttributes(t *testing.T) {
	var q bpfQuery
	var l bpfLoad
	var a bpfAttach
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"query.prog_ids", unsafe.Offsetof(q.ids), 16},
		{"query.prog_cnt", unsafe.Offsetof(q.count), 24},
		{"query.prog_attach_flags", unsafe.Offsetof(q.attachFlagsOut), 32},
		{"query.revision", unsafe.Offsetof(q.revision), 56},
		{"load.insns", unsafe.Offsetof(l.insns), 8},
		{"load.license", unsafe.Offsetof(l.license), 16},
		{"load.prog_name", unsafe.Offsetof(l.name), 48},
		{"load.expected_attach_type", unsafe.Offsetof(l.expectedAttachType), 68},
		{"attach.replace_bpf_fd", unsafe.Offsetof(a.replaceFD), 16},
	} {
		if f.got != f.want {
			t.Errorf("%s is at %d, the kernel has it at %d", f.name, f.got, f.want)
		}
	}
	if room := unsafe.Sizeof(q) - unsafe.Offsetof(q.revision); room < 64 {
		t.Errorf("only %d bytes from revision on", room)
	}
}
