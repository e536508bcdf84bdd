package rootfs

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Compile turns the file system part of spec into operations. alloc hands out descriptor slots that nothing else uses.
//
// The error, if any, is of type Problems and holds everything that is wrong at once. A container without a mount namespace of its own
// gets its root by chroot(2) and nothing else: mounts, devices, masks and the like are then errors that name the field.
func Compile(spec *specs.Spec, f Facts, alloc func() nsenter.Slot) (*Rootfs, error) {
	c := &compiler{spec: spec, facts: &f, alloc: alloc, linux: spec.Linux}
	if c.linux == nil {
		c.linux = &specs.Linux{}
	}
	c.out = &Rootfs{Root: nsenter.NoSlot, FirstCgroup: -1, Console: Console{Ptmx: "/dev/pts/ptmx", Target: "/dev/console"}}
	if !f.MountNS {
		c.withoutMountNS()
	} else {
		c.out.Root = alloc()
		c.prepare()
		c.mounts()
		c.devices()
		c.pivot()
		c.finish()
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c.out, nil
}

// compiler is the state of one Compile.
type compiler struct {
	spec     *specs.Spec
	linux    *specs.Linux // never nil
	facts    *Facts
	alloc    func() nsenter.Slot
	out      *Rootfs
	problems Problems
	prop     uint64         // linux.rootfsPropagation as MS_*, 0 when unset
	readonly []nsenter.Item // mounts that become read-only in Finish
	targets  []string       // destinations of mounts, clean, in order
	devBind  bool           // the mount on /dev is a bind
	masks    maskSlots
}

func (c *compiler) problem(field, value, text string) {
	c.problems = append(c.problems, Problem{Path: field, Value: value, Text: text})
}

func (c *compiler) warn(field, value, text string) {
	c.out.Warnings = append(c.out.Warnings, Problem{Path: field, Value: value, Text: text})
}

func add(list *[]nsenter.Item, because string, op nsenter.InitOp) {
	*list = append(*list, nsenter.Item{Op: op, Because: because})
}

// index returns field[i].
func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

func quote(s string) string { return strconv.Quote(s) }

// confined reports whether the container is in a user namespace other than the host's first one, its own or the caller's.
func (c *compiler) confined() bool { return c.facts.UserNS || c.facts.Nested }

// within reports whether the clean absolute path p is dir or below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}

// mounted reports whether some mount of the configuration has exactly this destination.
func (c *compiler) mounted(p string) bool { return slices.Contains(c.targets, p) }

// absolute checks a path that must be absolute, and returns it clean; "" after a problem.
func (c *compiler) absolute(field, p string) string {
	switch {
	case p == "":
		c.problem(field, "", "is empty")
	case !path.IsAbs(p):
		c.problem(field, p, "must be an absolute path")
	default:
		return path.Clean(p)
	}
	return ""
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
