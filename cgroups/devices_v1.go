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
	sets := p.sets()
	errs := len(c.errs)
	var lines []Write
	for _, s := range sets {
		bits, by := p.exception(s)
		if bits == 0 {
			continue
		}
		covered := false
		for _, o := range sets {
			outer, _ := p.exception(o)
			covered = covered || o != s && o.contains(s) && bits&^outer == 0
		}
		if !covered {
			lines = append(lines, Write{
				Field: prefix + by.field(), Controller: "devices", File: fileOf(!p.allow),
				Value: s.String() + " " + bits.String(),
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

// sets returns the sets of devices that the policy distinguishes: those of its
// rules, with "both types" split, and the intersections of those that overlap
// without one containing the other (c 1:* and c *:3).
func (p policy) sets() []devices {
	var sets []devices
	add := func(d devices) {
		if !slices.Contains(sets, d) {
			sets = append(sets, d)
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
			if x, ok := a.intersect(b); ok && x != a && x != b {
				add(x)
			}
		}
	}
	return sets
}

// exception returns what of the access to the set differs from the default,
// and the last rule that says so.
func (p policy) exception(s devices) (bits access, by rule) {
	for _, r := range p.rules {
		if !r.contains(s) {
			continue
		}
		if r.allow == p.allow {
			bits &^= r.access
		} else {
			bits |= r.access
			by = r
		}
	}
	return bits, by
}

// holes notes an error for each rule that takes back part of an exception.
func (c *compiler) holes(p policy, sets []devices) {
	seen := map[int]bool{}
	for _, s := range sets {
		bits, _ := p.exception(s)
		for _, o := range sets {
			outer, _ := p.exception(o)
			missing := outer &^ bits
			if o == s || !o.contains(s) || missing == 0 {
				continue
			}
			r := p.lastAbout(s, missing)
			if seen[r.index] {
				continue
			}
			seen[r.index] = true
			c.fail(r.field(), "cgroup v1 cannot %s %s %s and %s the rest of %s",
				verb(r.allow), s, missing, verb(!r.allow), o)
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
