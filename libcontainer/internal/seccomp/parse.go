package seccomp

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// policy is a checked profile, in the terms of the kernel.
type policy struct {
	defaultRet uint32 // SECCOMP_RET_* with its data
	archs      []*architecture
	rules      []rule
	flags      uint64
	listener   bool
}

// rule is an entry of syscalls.
type rule struct {
	field string // path of the entry
	names []string
	ret   uint32
	// redundant says that the rule has the default action. libseccomp refuses such rules; the names still count as known.
	redundant bool
	conds     []condition
}

// condition compares an argument.
type condition struct {
	index    uint
	op       specs.LinuxSeccompOperator
	value    uint64
	valueTwo uint64
}

// alternatives says that one of the conditions is enough, which is what two on the same argument mean.
func (r *rule) alternatives() bool {
	var seen [maxArgs]bool
	for _, c := range r.conds {
		if seen[c.index] {
			return true
		}
		seen[c.index] = true
	}
	return false
}

// maxArgs is the number of arguments of a system call.
const maxArgs = 6

// defaultData goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE without an errnoRet (config-linux.md, "Seccomp").
const defaultData = uint(unix.EPERM)

// parser collects what is wrong.
type parser struct {
	errs     []error
	warnings []Warning
}

func (p *parser) fail(field, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s: "+format, append([]any{field}, args...)...))
}

func (p *parser) warn(field, format string, args ...any) {
	p.warnings = append(p.warnings, Warning{Field: field, Text: fmt.Sprintf(format, args...)})
}

// parse checks a profile.
func parse(profile *specs.LinuxSeccomp) (*policy, []Warning, error) {
	if profile == nil {
		return nil, nil, errors.New("linux.seccomp: there is no profile")
	}
	p := &parser{}
	pol := &policy{
		defaultRet: p.action("linux.seccomp", "defaultAction", profile.DefaultAction, "defaultErrnoRet", profile.DefaultErrnoRet),
		archs:      p.architectures(profile.Architectures),
		rules:      make([]rule, 0, len(profile.Syscalls)),
	}
	pol.listener = pol.defaultRet == unix.SECCOMP_RET_USER_NOTIF
	for i := range profile.Syscalls {
		r := p.rule(fmt.Sprintf("linux.seccomp.syscalls[%d]", i), &profile.Syscalls[i])
		r.redundant = r.ret == pol.defaultRet
		pol.listener = pol.listener || r.ret == unix.SECCOMP_RET_USER_NOTIF
		pol.rules = append(pol.rules, r)
	}
	pol.flags = p.flags(profile.Flags, pol.listener)
	if len(p.errs) > 0 {
		return nil, nil, errors.Join(p.errs...)
	}
	return pol, p.warnings, nil
}

// refuses says whether the default action keeps the system call from happening without asking anyone. A tracer and an agent
// judge unknown system calls themselves.
func (p *policy) refuses() bool {
	switch p.defaultRet & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ERRNO, unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_TRAP:
		return true
	}
	return false
}

// action returns the value for seccomp(2) of an action and the number that goes with it.
func (p *parser) action(at, field string, name specs.LinuxSeccompAction, dataField string, data *uint) uint32 {
	a := findAction(name)
	switch {
	case name == "":
		p.fail(at+"."+field, "must be set")
		return 0
	case a == nil:
		p.fail(at+"."+field, "unknown action %q", name)
		return 0
	case a.data == 0 && data != nil:
		p.fail(at+"."+dataField, "must not be set for %s", name)
		return 0
	case a.data == 0:
		return a.ret
	case data == nil:
		return a.ret | uint32(defaultData)
	case *data > a.data:
		p.fail(at+"."+dataField, "%d is out of range, must be 0 to %d for %s", *data, a.data, name)
		return 0
	}
	return a.ret | uint32(*data)
}

func findAction(name specs.LinuxSeccompAction) *action {
	for i := range actions {
		if actions[i].name == name {
			return &actions[i]
		}
	}
	return nil
}

func (p *parser) architectures(names []specs.Arch) []*architecture {
	var archs []*architecture
	for i, name := range names {
		a := findArch(name)
		if a == nil {
			p.fail(fmt.Sprintf("linux.seccomp.architectures[%d]", i), "unknown architecture %q", name)
		}
		archs = append(archs, a)
	}
	return archs
}

func (p *parser) rule(at string, call *specs.LinuxSyscall) rule {
	r := rule{field: at, names: call.Names, ret: p.action(at, "action", call.Action, "errnoRet", call.ErrnoRet)}
	if len(call.Names) == 0 {
		p.fail(at+".names", "must have at least one entry")
	}
	for i, name := range call.Names {
		if name == "" {
			p.fail(fmt.Sprintf("%s.names[%d]", at, i), "must not be empty")
		}
	}
	for i := range call.Args {
		a := &call.Args[i]
		here := fmt.Sprintf("%s.args[%d]", at, i)
		if a.Index >= maxArgs {
			p.fail(here+".index", "%d is out of range, must be 0 to %d", a.Index, maxArgs-1)
			continue
		}
		switch {
		case a.Op == "":
			p.fail(here+".op", "must be set")
		case !isOperator(a.Op):
			p.fail(here+".op", "unknown operator %q", a.Op)
		}
		r.conds = append(r.conds, condition{index: a.Index, op: a.Op, value: a.Value, valueTwo: a.ValueTwo})
	}
	return r
}

func isOperator(op specs.LinuxSeccompOperator) bool {
	for _, o := range operators {
		if o == op {
			return true
		}
	}
	return false
}

// flags returns the flags for seccomp(2). A list that is there is taken as it is, also an empty one. Without a list, speculative
// store bypass stays as the process has it: the mitigation that a filter otherwise switches on costs far more than it brings
// (the kernel itself no longer does so by default since 5.16), and other runtimes do the same.
func (p *parser) flags(names []specs.LinuxSeccompFlag, listener bool) uint64 {
	var bits uint64
	if names == nil {
		bits = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	}
	for i, name := range names {
		at := fmt.Sprintf("linux.seccomp.flags[%d]", i)
		bit := flagBit(name)
		switch {
		case bit == 0:
			p.fail(at, "unknown flag %q", name)
		case bit == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !listener:
			// seccomp(2) would fail with EINVAL.
			p.warn(at, "%s is ignored because nothing has the action %s", name, specs.ActNotify)
			bit = 0
		}
		bits |= bit
	}
	if listener {
		bits |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		if bits&unix.SECCOMP_FILTER_FLAG_TSYNC != 0 {
			// Both want the return value of seccomp(2), and go together only so since Linux 5.7.
			bits |= unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
		}
	}
	return bits
}

// flagBit returns the bit of a flag, 0 for an unknown one.
func flagBit(name specs.LinuxSeccompFlag) uint64 {
	for _, f := range flags {
		if f.name == name {
			return f.bit
		}
	}
	return 0
}
