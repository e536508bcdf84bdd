package netdev

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMessages: what a length claims is never believed beyond the end.
func TestMessages(t *testing.T) {
	header := func(length uint32) []byte {
		b := binary.NativeEndian.AppendUint32(nil, length)
		b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_ERROR)
		b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_DUMP_INTR)
		b = binary.NativeEndian.AppendUint32(b, 7)
		return binary.NativeEndian.AppendUint32(b, 0)
	}
	failure := int32(-int(unix.ENODEV))
	good := append(header(20), binary.NativeEndian.AppendUint32(nil, uint32(failure))...)
	list, err := messages(append(bytes.Clone(good), good...))
	if err != nil || len(list) != 2 || list[1].seq != 7 || list[1].flags != unix.NLM_F_DUMP_INTR || list[1].errno() != unix.ENODEV {
		t.Errorf("%+v, %v", list, err)
	}
	for _, bad := range [][]byte{header(21), header(15), header(0), header(1 << 31)} {
		if list, err := messages(bad); err == nil {
			t.Errorf("%x gives %+v", bad, list)
		}
	}
	if err := (message{body: []byte{0}}).errno(); err == nil {
		t.Error("a short error is none")
	}
}

func TestAttributes(t *testing.T) {
	b := appendAttribute(nil, attribute{unix.IFLA_IFNAME, []byte("eth0\x00")})
	b = appendAttribute(b, uint32Attribute(unix.IFLA_NET_NS_FD, 9))
	if len(b) != 20 {
		t.Errorf("%d bytes", len(b))
	}
	list, err := attributes(b)
	if err != nil || len(list) != 2 || string(list[0].value) != "eth0\x00" || list[1].kind != unix.IFLA_NET_NS_FD {
		t.Errorf("%+v, %v", list, err)
	}
	for _, n := range []uint16{0, 3, 9, 0xffff} {
		bad := binary.NativeEndian.AppendUint16(nil, n)
		if list, err := attributes(append(bad, 1, 0, 0, 0, 0, 0)); err == nil {
			t.Errorf("length %d gives %+v", n, list)
		}
	}
}

// TestLabel: the label of an address goes with the name of its device, as far as there is room.
func TestLabel(t *testing.T) {
	for _, c := range []struct{ label, name, want string }{
		{"eth0", "net1", "net1"},
		{"eth0:alias", "net1", "net1:alias"},
		{"eth00", "net1", "eth00"},
		{"other", "net1", "other"},
		{"eth0:alias", "a_long_name_14", "a_long_name_14"},
	} {
		a := address{attributes: []attribute{{unix.IFA_LABEL, append([]byte(c.label), 0)}}}
		got := a.movedTo(link{index: 5, name: c.name}, "eth0")
		if string(got.attributes[0].value) != c.want+"\x00" || got.index != 5 {
			t.Errorf("%s on %s: %q, want %q", c.label, c.name, got.attributes[0].value, c.want)
		}
		if string(a.attributes[0].value) != c.label+"\x00" {
			t.Errorf("the address itself was changed to %q", a.attributes[0].value)
		}
	}
}

func TestAddress(t *testing.T) {
	body := []byte{unix.AF_INET, 24, unix.IFA_F_PERMANENT, unix.RT_SCOPE_UNIVERSE}
	body = binary.NativeEndian.AppendUint32(body, 3)
	body = appendAttribute(body, attribute{unix.IFA_LOCAL, []byte{10, 1, 2, 3}})
	body = appendAttribute(body, attribute{unix.IFA_CACHEINFO, make([]byte, 16)})
	body = appendAttribute(body, uint32Attribute(unix.IFA_FLAGS, unix.IFA_F_PERMANENT|unix.IFA_F_NOPREFIXROUTE))
	a, err := parseAddress(message{kind: unix.RTM_NEWADDR, body: body})
	if err != nil || !a.permanent() || a.index != 3 || len(a.attributes) != 1 || a.flags&keptFlags != unix.IFA_F_NOPREFIXROUTE {
		t.Errorf("%+v, %v", a, err)
	}
	if got := a.String(); got != "10.1.2.3/24" {
		t.Error(got)
	}
	v6 := address{family: unix.AF_INET6, prefix: 64, attributes: []attribute{{unix.IFA_ADDRESS, append([]byte{0x20, 1}, make([]byte, 14)...)}}}
	if got := v6.String(); got != "2001:0:0:0:0:0:0:0/64" {
		t.Error(got)
	}
	for _, a := range []address{{flags: unix.IFA_F_PERMANENT, scope: unix.RT_SCOPE_LINK}, {scope: unix.RT_SCOPE_UNIVERSE}} {
		if a.permanent() {
			t.Errorf("%+v is taken along", a)
		}
	}
}
