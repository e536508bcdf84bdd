package netdev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// attribute is a struct rtattr of rtnetlink(7) with its value.
type attribute struct {
	kind  uint16
	value []byte
}

func uint32Attribute(kind uint16, v uint32) attribute {
	return attribute{kind, binary.NativeEndian.AppendUint32(nil, v)}
}

// align is the step of attributes and messages, RTA_ALIGNTO and NLMSG_ALIGNTO.
const align = 4

func aligned(n int) int { return (n + align - 1) &^ (align - 1) }

func appendAttribute(b []byte, a attribute) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(a.value)))
	b = binary.NativeEndian.AppendUint16(b, a.kind)
	b = append(b, a.value...)
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

// attributes reads what follows the header of a message.
func attributes(b []byte) ([]attribute, error) {
	var list []attribute
	for len(b) >= unix.SizeofRtAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return nil, errors.New("netlink: attribute of an impossible length")
		}
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		list = append(list, attribute{kind, b[unix.SizeofRtAttr:n]})
		b = b[min(aligned(n), len(b)):]
	}
	return list, nil
}

// message is what the kernel sends: its type and what follows the header.
type message struct {
	kind, flags uint16
	seq         uint32
	body        []byte
}

// messages takes a datagram apart.
func messages(b []byte) ([]message, error) {
	var list []message
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return nil, errors.New("netlink: message of an impossible length")
		}
		list = append(list, message{
			kind: binary.NativeEndian.Uint16(b[4:]), flags: binary.NativeEndian.Uint16(b[6:]), seq: binary.NativeEndian.Uint32(b[8:]),
			body: b[unix.SizeofNlMsghdr:n],
		})
		b = b[min(aligned(n), len(b)):]
	}
	return list, nil
}

// errno is the result in an NLMSG_ERROR, nil for an acknowledgement.
func (m message) errno() error {
	if len(m.body) < 4 {
		return errors.New("netlink: short error message")
	}
	if code := int32(binary.NativeEndian.Uint32(m.body)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// link is a device in its namespace.
type link struct {
	index int32
	name  string
}

// linkHeader is struct ifinfomsg.
func linkHeader(index int32, flags, change uint32) []byte {
	b := make([]byte, 4, unix.SizeofIfInfomsg)
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	b = binary.NativeEndian.AppendUint32(b, flags)
	return binary.NativeEndian.AppendUint32(b, change)
}

func parseLink(m message) (link, error) {
	if m.kind != unix.RTM_NEWLINK || len(m.body) < unix.SizeofIfInfomsg {
		return link{}, fmt.Errorf("netlink: message %d instead of a device", m.kind)
	}
	list, err := attributes(m.body[unix.SizeofIfInfomsg:])
	if err != nil {
		return link{}, err
	}
	l := link{index: int32(binary.NativeEndian.Uint32(m.body[4:]))}
	for _, a := range list {
		if a.kind == unix.IFLA_IFNAME {
			l.name = string(bytes.TrimRight(a.value, "\x00"))
		}
	}
	return l, nil
}

// address is one of a device: struct ifaddrmsg and its attributes.
type address struct {
	family, prefix, scope uint8
	flags                 uint32
	index                 int32
	attributes            []attribute
}

// ifaProto is IFA_PROTO of linux/if_addr.h (Linux 5.18).
const ifaProto = 11

// keptAttributes are what makes an address; the others are states and counters of the kernel's.
var keptAttributes = []uint16{unix.IFA_ADDRESS, unix.IFA_LOCAL, unix.IFA_LABEL, unix.IFA_BROADCAST, unix.IFA_RT_PRIORITY, ifaProto}

// keptFlags are those that somebody has set, IFA_F_* of linux/if_addr.h.
const keptFlags = unix.IFA_F_NODAD | unix.IFA_F_OPTIMISTIC | unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE |
	unix.IFA_F_MCAUTOJOIN

func parseAddress(m message) (address, error) {
	if m.kind != unix.RTM_NEWADDR || len(m.body) < unix.SizeofIfAddrmsg {
		return address{}, fmt.Errorf("netlink: message %d instead of an address", m.kind)
	}
	a := address{
		family: m.body[0], prefix: m.body[1], flags: uint32(m.body[2]), scope: m.body[3],
		index: int32(binary.NativeEndian.Uint32(m.body[4:])),
	}
	list, err := attributes(m.body[unix.SizeofIfAddrmsg:])
	if err != nil {
		return address{}, err
	}
	for _, attr := range list {
		switch {
		case attr.kind == unix.IFA_FLAGS && len(attr.value) == 4:
			a.flags = binary.NativeEndian.Uint32(attr.value) // the header has room for eight of them only
		case slices.Contains(keptAttributes, attr.kind):
			a.attributes = append(a.attributes, attr)
		}
	}
	return a, nil
}

// permanent tells whether the specification wants the address kept: given for good, and valid beyond this machine and its links.
func (a address) permanent() bool {
	return a.flags&unix.IFA_F_PERMANENT != 0 && a.scope == unix.RT_SCOPE_UNIVERSE
}

// movedTo is the address for the device behind. A label that begins with the device's name goes with the name.
func (a address) movedTo(l link, old string) address {
	a.index = l.index
	a.attributes = slices.Clone(a.attributes)
	for i, attr := range a.attributes {
		if attr.kind != unix.IFA_LABEL {
			continue
		}
		label := string(bytes.TrimRight(attr.value, "\x00"))
		if rest, ok := strings.CutPrefix(label, old); ok && (rest == "" || rest[0] == ':') {
			label = l.name + rest
		}
		if len(label) >= unix.IFNAMSIZ { // the longer name leaves no room for it
			label = l.name
		}
		a.attributes[i].value = append([]byte(label), 0)
	}
	return a
}

func (a address) header() []byte {
	return binary.NativeEndian.AppendUint32([]byte{a.family, a.prefix, uint8(a.flags & keptFlags), a.scope}, uint32(a.index))
}

// String returns the address in the usual form, without the shortening of zeros.
func (a address) String() string {
	for _, kind := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS} {
		for _, attr := range a.attributes {
			if attr.kind != kind {
				continue
			}
			var parts []string
			if len(attr.value) == 4 {
				for _, b := range attr.value {
					parts = append(parts, strconv.Itoa(int(b)))
				}
				return fmt.Sprintf("%s/%d", strings.Join(parts, "."), a.prefix)
			}
			for i := 0; i+1 < len(attr.value); i += 2 {
				parts = append(parts, strconv.FormatUint(uint64(binary.BigEndian.Uint16(attr.value[i:])), 16))
			}
			return fmt.Sprintf("%s/%d", strings.Join(parts, ":"), a.prefix)
		}
	}
	return fmt.Sprintf("of the family %d", a.family)
}
