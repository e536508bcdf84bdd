package systemd

import (
	"fmt"
	"math"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Property is one property of a unit, as the bus interface of systemd has them:
// org.freedesktop.systemd1(5) and systemd.resource-control(5), where names end
// with USec rather than Sec and times are in microseconds.
type Property struct {
	Name string
	// Value is a string, bool, uint64, []byte, []uint32, []DeviceAllow or a
	// dbus.Variant.
	Value any
}

// DeviceAllow is one entry of the property with this name: a path below /dev or a
// group such as char-136, and letters out of "rwm".
type DeviceAllow struct{ Path, Access string }

// infinity is systemd's number for no limit.
const infinity = math.MaxUint64

// String returns the property as one stable line for people, for instance
// "MemoryMax=1048576".
func (p Property) String() string {
	var v string
	switch x := p.Value.(type) {
	case uint64:
		v = fmt.Sprint(x)
		if x == infinity {
			v = "infinity"
		}
	case []byte:
		v = fmt.Sprintf("0x%x", x)
	case []DeviceAllow:
		list := make([]string, len(x))
		for i, d := range x {
			list[i] = d.Path + " " + d.Access
		}
		v = "[" + strings.Join(list, ", ") + "]"
	case dbus.Variant:
		v = x.String()
	default:
		v = fmt.Sprint(x)
	}
	return p.Name + "=" + v
}

// wire is a property in the signature that systemd's methods take, (sv).
type wire struct {
	Name  string
	Value dbus.Variant
}

func toWire(props []Property) []wire {
	w := make([]wire, len(props))
	for i, p := range props {
		v, ok := p.Value.(dbus.Variant)
		if !ok {
			v = dbus.MakeVariant(p.Value)
		}
		w[i] = wire{p.Name, v}
	}
	return w
}

// put appends a property, or replaces the one with its name: the last word
// counts.
func put(props []Property, p Property) []Property {
	for i := range props {
		if props[i].Name == p.Name {
			props[i] = p
			return props
		}
	}
	return append(props, p)
}
