package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/rootfs"
	"github.com/minirun/minirun/specs"
)

// Plan is what is done to make a container, as one ordered list: steps of the host side and operations of the init. Its items print
// themselves; see nsenter.Item.
type Plan = nsenter.Plan

// hostFacts are what compiling must know of the machine. They are gathered once, before; compiling itself asks nothing.
type hostFacts struct {
	caps     uint64 // capabilities that the caller can grant, as a bit set
	cgroups  *cgroups.Host
	seccomp  func(s *specs.LinuxSeccomp, warn func(string)) (*seccompProgram, error)
	apparmor bool // the kernel has AppArmor and it is on
	selinux  bool
	systemd  *systemdFacts // nil: cgroups are made one by one

	caller caller
	// rootless: what only root may do and nothing asks for is left out.
	rootless bool
	// joined looks at a user namespace to be joined.
	joined func(path string) (joinedUser, error)
	// noCgroup is why the caller may not make a cgroup there; asked only when rootless.
	noCgroup func(cgroups.Dir) error
	// disabled: the caller wants no cgroup at all.
	disabled bool
	resctrl  func() (*resctrl.FS, error)
}

// planOptions are what a plan depends on beside the configuration.
type planOptions struct {
	id           string
	bundle       string // absolute
	root         string // of the state
	run          bool   // no waiting for start
	noPivot      bool
	noNewKeyring bool
	preserve     int    // number of preserved descriptors
	notify       string // directory of the socket for sd_notify(3), empty for none
	pidFile      string
	pidFDSocket  string
	moved        bool          // the init enters the version 2 cgroup by itself, instead of being born there: see runner.diedAtBirth
	attach       *cgroups.Unit // exec: of a user's manager
	ids          userMaps      // exec: of the user namespace that the container is in
}

// compiler turns a configuration into a plan. It is used once, for one create or one exec. It touches nothing but its own fields.
type compiler struct {
	spec    *specs.Spec
	process *specs.Process
	facts   *hostFacts
	opts    planOptions
	plan    *nsenter.Plan
	warn    func(string)

	slots  nsenter.Slot // next free slot
	ns     namespaces
	ids    userMaps // of the user namespace that the program will be in; empty: all ids
	root   *rootfs.Rootfs
	cgroup cgroupPlan
	rdt    *resctrl.Group // nil without linux.intelRdt
	filter *seccompProgram
	caps   capabilities

	tty         nsenter.Slot
	procfs      nsenter.Slot
	createState nsenter.Slot // state for createContainer hooks
	startState  nsenter.Slot // state for startContainer hooks
	startSlot   nsenter.Slot
	resultSlot  nsenter.Slot
	containerFD nsenter.Slot // exec: pidfd of the container's init
	tasks       nsenter.Slot // exec: first of the files of version 1 cgroups
	unified     nsenter.Slot // of an init that is not born in its version 2 cgroup: cgroup.procs
	exec        *execTarget  // nil for a create
	ahead       bool         // the host side has answered at pointCgroup already
	readyAhead  bool         // and at pointReady
	netAside    bool         // the host side makes the network namespace
	errs        []error
}

// compileCreate makes the plan of a create or a run. The configuration need not be a valid one: then the error is as complete as the parts that are
// independent of each other allow.
func compileCreate(spec *specs.Spec, facts *hostFacts, o planOptions, warn func(string)) (*compiler, error) {
	c := newCompiler(spec, spec.Process, facts, o, warn)
	c.compileAll()
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	c.planCreate()
	return c, errors.Join(c.errs...)
}

// compileAll compiles the parts, each in any case: what is wrong in one says nothing about the others.
func (c *compiler) compileAll() {
	c.compileNamespaces()
	c.compileCgroup()
	c.compileRdt()
	if c.ns.own(unix.CLONE_NEWNS) {
		c.compileRoot()
	}
	c.compileProcess()
}

func newCompiler(spec *specs.Spec, p *specs.Process, facts *hostFacts, o planOptions, warn func(string)) *compiler {
	if o.notify != "" {
		spec = withNotify(spec, o.notify)
		p = spec.Process
	}
	return &compiler{
		spec: spec, process: p, facts: facts, opts: o, warn: warn,
		plan: &nsenter.Plan{Items: make([]nsenter.Item, 0, 160)}, // what most plans have
		tty:  nsenter.NoSlot, procfs: nsenter.NoSlot, createState: nsenter.NoSlot, startState: nsenter.NoSlot,
		startSlot: nsenter.NoSlot, resultSlot: nsenter.NoSlot, containerFD: nsenter.NoSlot,
		unified: nsenter.NoSlot,
	}
}

func (c *compiler) fail(field string, format string, args ...any) {
	c.errs = append(c.errs, fieldError(field, fmt.Errorf(format, args...)))
}

// slot returns a slot of its own for a descriptor.
func (c *compiler) slot() nsenter.Slot {
	c.slots++
	return c.slots - 1
}

// slotRange returns the first of n consecutive slots.
func (c *compiler) slotRange(n int) nsenter.Slot {
	first := c.slots
	c.slots += nsenter.Slot(n)
	return first
}

func (c *compiler) linux() *specs.Linux {
	if c.spec.Linux == nil {
		return &specs.Linux{}
	}
	return c.spec.Linux
}

// seccompProgram is a compiled linux.seccomp.
type seccompProgram struct {
	filter   []byte
	flags    uint64
	listener bool
}

// rootPath is the root filesystem's path on the host, as state and hooks show it.
func rootPath(bundle string, spec *specs.Spec) string {
	if spec.Root == nil {
		return bundle
	}
	if filepath.IsAbs(spec.Root.Path) {
		return filepath.Clean(spec.Root.Path)
	}
	return filepath.Join(bundle, spec.Root.Path)
}

// absoluteBundle returns the bundle's absolute path, and refuses what is no directory.
func absoluteBundle(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("bundle %s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(abs, &st); err != nil {
		return "", &os.PathError{Op: "bundle", Path: abs, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return "", &os.PathError{Op: "bundle", Path: abs, Err: unix.ENOTDIR}
	}
	return abs, nil
}
