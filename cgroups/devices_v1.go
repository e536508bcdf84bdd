package cgroups

import (
	"fmt"
	"slices"
)

// devicesV1 adds the lines of devices.allow and devices.deny for the policy.
//
// A version 1 cgroup has a default (allow or deny) and exceptions to it; the
// exceptions have no order, and one of them must cover all of a request. So each
// set of devices that rules name becomes an exception with everything that is
// exceptional for it, and a set inside a larger one must be at least as
// exceptional as that: "all of c *:* but not c 1:3" cannot be said, and is an
// error here where the kernel would silently leave a hole.
func (c *compiler) devicesV1(p policy) {
	sets := p.exceptions()
	errs := len(c.errs)
	var lines []Write
	for i, s := range sets {
		if s.bits == 0 {
			continue
		}
		covered := false
		for j, o := range sets {
			covered = covered || i != j && s.bits&^o.bits == 0 && o.contains(s.devices)
		}
		if !covered {
			lines = append(lines, Write{
				Field: prefix + s.by.field(), Controller: "devices", File: fileOf(!p.allow),
				Value: s.String() + " " + s.bits.String(),
			})
		}
	}
	c.holes(p, sets)
	if len(c.errs) > errs {
		return
	}
	field := prefix + "devices"
	if p.index >= 0 {
		field += fmt.Sprintf("[%d]", p.index)
	}
	c.writes = append(c.writes, Write{Field: field, Controller: "devices", File: fileOf(p.allow), Value: "a"})
	c.writes = append(c.writes, lines...)
}

// fileOf returns the file that takes such rules.
func fileOf(allow bool) string {
	if allow {
		return "devices.allow"
	}
	return "devices.deny"
}

// exception is what of the access to a set of devices differs from the policy's
// default, and the last rule that says so.
type exception struct {
	devices
	bits access
	by   rule
}

// exceptions returns the sets of devices that the policy distinguishes: those of
// its rules, with "both types" split, and the intersections of those that
// overlap without one containing the other (c 1:* and c *:3).
func (p policy) exceptions() []exception {
	var sets []exception
	add := func(d devices) {
		if !slices.ContainsFunc(sets, func(e exception) bool { return e.devices == d }) {
			sets = append(sets, p.exception(d))
		}
	}
	for _, r := range p.rules {
		if r.typ != wildcard {
			add(r.devices)
			continue
		}
		add(devices{'b', r.major, r.minor})
		add(devices{'c', r.major, r.minor})
	}
	for i, a := range sets[:len(sets):len(sets)] {
		for _, b := range sets[:i] {
			if x, ok := a.intersect(b.devices); ok && x != a.devices && x != b.devices {
				add(x)
			}
		}
	}
	return sets
}

// exception evaluates the rules for one set.
func (p policy) exception(s devices) exception {
	e := exception{devices: s}
	for _, r := range p.rules {
		switch {
		case !r.contains(s):
		case r.allow == p.allow:
			e.bits &^= r.access
		default:
			e.bits |= r.access
			e.by = r
		}
	}
	return e
}

// holes notes an error for each rule that takes back part of an exception.
func (c *compiler) holes(p policy, sets []exception) {
	seen := map[int]bool{}
	for i, s := range sets {
		for j, o := range sets {
			missing := o.bits &^ s.bits
			if i == j || missing == 0 || !o.contains(s.devices) {
				continue
			}
			r := p.lastAbout(s.devices, missing)
			if seen[r.index] {
				continue
			}
			seen[r.index] = true
			c.fail(r.field(), "cgroup v1 cannot %s %s %s and %s the rest of %s",
				verb(r.allow), s.devices, missing, verb(!r.allow), o.devices)
		}
	}
}

func verb(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}

// lastAbout returns the last rule with the policy's default that decides about
// one of the bits for the set.
func (p policy) lastAbout(s devices, bits access) rule {
	var last rule
	for _, r := range p.rules {
		if r.allow == p.allow && r.contains(s) && r.access&bits != 0 {
			last = r
		}
	}
	return last
}
