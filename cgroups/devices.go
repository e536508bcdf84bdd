package cgroups

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// access is a set of the things that can be done with a device, with the
// kernel's bits (BPF_DEVCG_ACC_*).
type access uint8

const (
	accMknod access = 1 << iota
	accRead
	accWrite

	accAll = accMknod | accRead | accWrite
)

// String returns the letters in the kernel's order, for instance "rw".
func (a access) String() string {
	var s string
	for _, x := range []struct {
		bit    access
		letter string
	}{{accRead, "r"}, {accWrite, "w"}, {accMknod, "m"}} {
		if a&x.bit != 0 {
			s += x.letter
		}
	}
	return s
}

// wildcard stands for all major or minor numbers, and for both types.
const wildcard = -1

// devices is a set of devices: a type and numbers, each of which may be
// wildcard.
type devices struct {
	typ          int // 'b', 'c' or wildcard
	major, minor int64
}

// contains tells whether every device of o is in d.
func (d devices) contains(o devices) bool {
	return (d.typ == wildcard || d.typ == o.typ) &&
		(d.major == wildcard || d.major == o.major) &&
		(d.minor == wildcard || d.minor == o.minor)
}

// intersect returns the devices that are in both, and false if none are.
func (d devices) intersect(o devices) (devices, bool) {
	major, ok1 := both(d.major, o.major)
	minor, ok2 := both(d.minor, o.minor)
	typ, ok3 := both(d.typ, o.typ)
	return devices{typ, major, minor}, ok1 && ok2 && ok3
}

// both returns the value that is a and b at once, and false if there is none.
func both[T int | int64](a, b T) (T, bool) {
	switch {
	case a == b || b == wildcard:
		return a, true
	case a == wildcard:
		return b, true
	}
	return 0, false
}

// String returns the set as version 1 writes it, for instance "c 136:*".
func (d devices) String() string {
	n := func(i int64) string {
		if i == wildcard {
			return "*"
		}
		return strconv.FormatInt(i, 10)
	}
	t := "a"
	if d.typ != wildcard {
		t = string(rune(d.typ))
	}
	return t + " " + n(d.major) + ":" + n(d.minor)
}

// rule is a checked rule of linux.resources.devices.
type rule struct {
	devices
	access access
	allow  bool
	index  int // in linux.resources.devices
}

// policy is a list of rules in the form that both versions are made from: what
// happens to a device that no rule names, then the rules. The last rule that
// names a device and a kind of access decides about this kind.
type policy struct {
	allow bool
	// index is the rule that set allow, or -1 for the start.
	index int
	rules []rule
}

// parseRules checks the rules and makes a policy of them.
func (c *compiler) parseRules(list []specs.LinuxDeviceCgroup) policy {
	p := policy{index: -1}
	for i, d := range list {
		r, err := parseRule(d)
		if err != nil {
			c.fail(fmt.Sprintf("devices[%d]%s", i, err.field), "%w", err.err)
			continue
		}
		r.index = i
		if r.access == accAll && r.devices == (devices{wildcard, wildcard, wildcard}) {
			p = policy{allow: r.allow, index: i}
			continue
		}
		// A rule that a later one covers has no effect.
		p.rules = slices.DeleteFunc(p.rules, func(o rule) bool {
			return r.contains(o.devices) && o.access&^r.access == 0
		})
		p.rules = append(p.rules, r)
	}
	return p
}

// ruleError is what is wrong with a member of a rule.
type ruleError struct {
	field string
	err   error
}

var errNoAccess = errors.New(`is missing, and what the rule means without it is not defined; "rwm" is everything`)

// parseRule checks one rule. Type and numbers that are not there mean all, by
// the spec; -1 means the same, as some engines write it.
func parseRule(d specs.LinuxDeviceCgroup) (rule, *ruleError) {
	r := rule{allow: d.Allow}
	switch d.Type {
	case "", "a":
		r.typ = wildcard
	case "b", "c":
		r.typ = int(d.Type[0])
	default:
		return r, &ruleError{".type", fmt.Errorf("%q is none of a, b, c", d.Type)}
	}
	for _, n := range []struct {
		field string
		from  *int64
		to    *int64
	}{{".major", d.Major, &r.major}, {".minor", d.Minor, &r.minor}} {
		*n.to = wildcard
		if n.from != nil {
			*n.to = *n.from
		}
		if *n.to < wildcard || *n.to > math.MaxUint32 {
			return r, &ruleError{n.field, fmt.Errorf("%d is no device number", *n.to)}
		}
	}
	if d.Access == "" {
		return r, &ruleError{".access", errNoAccess}
	}
	for _, l := range d.Access {
		switch l {
		case 'r':
			r.access |= accRead
		case 'w':
			r.access |= accWrite
		case 'm':
			r.access |= accMknod
		default:
			return r, &ruleError{".access", fmt.Errorf("%q has a letter other than r, w, m", d.Access)}
		}
	}
	return r, nil
}

// devices compiles linux.resources.devices.
func (c *compiler) devices(list []specs.LinuxDeviceCgroup) {
	if len(list) == 0 {
		return
	}
	errs := len(c.errs)
	p := c.parseRules(list)
	if len(c.errs) > errs {
		return
	}
	first := len(c.writes)
	switch c.version("devices", "devices") {
	case 1:
		c.devicesV1(p)
	case 2:
		c.add("devices", Write{Controller: "devices", File: "bpf", Program: p.program()})
	}
	if len(c.writes) > first {
		c.writes[first].Devices = list
	}
}

// DefaultDeviceRules returns the device rules that every container gets after
// those of its configuration: creating (not opening) any device node, and the
// use of null, zero, full, random, urandom, tty, console, ptmx, pseudo
// terminals and net/tun.
func DefaultDeviceRules() []specs.LinuxDeviceCgroup {
	rules := []specs.LinuxDeviceCgroup{
		{Allow: true, Type: "c", Access: "m"},
		{Allow: true, Type: "b", Access: "m"},
	}
	for _, n := range [][2]int64{
		{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, // null zero full random urandom
		{5, 0}, {5, 1}, {5, 2}, {136, wildcard}, // tty console ptmx pts/*
		{10, 200}, // net/tun
	} {
		r := specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &n[0], Access: "rwm"}
		if n[1] != wildcard {
			r.Minor = &n[1]
		}
		rules = append(rules, r)
	}
	return rules
}

// field is the path of the rule, below linux.resources.
func (r rule) field() string { return fmt.Sprintf("devices[%d]", r.index) }
