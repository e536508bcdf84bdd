package cgroups

import (
	"errors"
	"fmt"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// prefix begins the path of every field of linux.resources.
const prefix = "linux.resources."

// Compile turns linux.resources into the ordered writes that bring it about on
// the host. It is pure: no file is read, and the same arguments give the same
// writes. A nil resources gives none.
//
// Every field is either written, or satisfied without a write because the
// kernel behaves so anyway, or reported as a Warning where the spec allows it
// to be ignored (kernel memory), or an error: FieldErrors with every field
// that is wrong or that the host's hierarchies cannot express.
//
// Devices starts from "nothing is allowed"; if it is empty, device access is
// not touched.
func Compile(r *specs.LinuxResources, h *Host) ([]Write, []Warning, error) {
	if r == nil {
		return nil, nil, nil
	}
	c := &compiler{host: h}
	if r.Memory != nil {
		c.memory(r.Memory)
	}
	if r.CPU != nil {
		c.cpu(r.CPU)
		c.cpuset(r.CPU)
	}
	if r.Pids != nil {
		c.pids(r.Pids)
	}
	if r.BlockIO != nil {
		c.blockIO(r.BlockIO)
	}
	c.hugepages(r.HugepageLimits)
	if r.Network != nil {
		c.network(r.Network)
	}
	c.rdma(r.Rdma)
	c.unified(r.Unified)
	c.devices(r.Devices)
	if len(c.errs) > 0 {
		return nil, c.warnings, c.errs
	}
	return c.writes, c.warnings, nil
}

// compiler collects the result of one Compile.
type compiler struct {
	host     *Host
	writes   []Write
	warnings []Warning
	errs     FieldErrors
}

// add appends a write for the field of linux.resources.
func (c *compiler) add(field string, w Write) {
	w.Field = prefix + field
	for e := w.Else; e != nil; e = e.Else {
		e.Field, e.Controller = w.Field, w.Controller
	}
	c.writes = append(c.writes, w)
}

// fail notes an error of the field.
func (c *compiler) fail(field, format string, args ...any) {
	c.errs = append(c.errs, &FieldError{Field: prefix + field, Err: fmt.Errorf(format, args...)})
}

// warn notes a warning about the field.
func (c *compiler) warn(field, format string, args ...any) {
	c.warnings = append(c.warnings, Warning{Field: prefix + field, Text: fmt.Sprintf(format, args...)})
}

// version returns 1 or 2 for the hierarchy that has the controller. If there
// is none it notes an error of the field and returns 0.
func (c *compiler) version(field, controller string) int {
	h, ok := c.host.Lookup(controller)
	if !ok {
		c.fail(field, "no cgroup hierarchy of this host has the %s controller", controller)
		return 0
	}
	return h.Version
}

// perVersion is the same setting in the two versions.
type perVersion struct {
	controller string
	v1, v2     Write
}

// put adds the write of the version that has the controller. An empty file name
// means that this version cannot express the field.
func (c *compiler) put(field string, p perVersion) {
	var w Write
	switch c.version(field, p.controller) {
	case 0:
		return
	case 1:
		w = p.v1
	case 2:
		w = p.v2
	}
	if w.File == "" {
		c.inexpressible(field, p.controller)
		return
	}
	w.Controller = p.controller
	c.add(field, w)
}

// errNegative explains a negative number.
var errNegative = errors.New("must not be negative, except -1 for no limit")

// inexpressible notes that the field has no equivalent in the version that has
// the controller.
func (c *compiler) inexpressible(field, controller string) {
	h, _ := c.host.Lookup(controller)
	c.fail(field, "cgroup v%d has no equivalent", h.Version)
}

// limit checks a number that is a limit or -1, and returns it as version 1 and
// version 2 write it. ok is false for an error, which is noted.
func (c *compiler) limit(field string, n int64) (v1, v2 string, ok bool) {
	switch {
	case n < -1:
		c.fail(field, "%d: %w", n, errNegative)
		return "", "", false
	case n == -1:
		return "-1", "max", true
	}
	s := strconv.FormatInt(n, 10)
	return s, s, true
}

// lookup tells whether the host has the controller at all.
func (c *compiler) lookup(controller string) (version int, ok bool) {
	h, ok := c.host.Lookup(controller)
	return h.Version, ok
}
