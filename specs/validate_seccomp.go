package specs

import "slices"

// The greatest values that a filter can return with an action: the kernel caps
// an errno at MAX_ERRNO, and the data of an action has 16 bits (seccomp(2)).
const (
	maxErrno     = 4095
	maxTraceData = 1<<16 - 1
)

// noListener says why write(2) cannot be left to an agent: the process would wait for one that does not have its listener yet.
const noListener = "the process could not tell the runtime that there is a listener"

func (c *checker) seccomp(at *place, s *LinuxSeccomp) {
	c.seccompAction(at, "defaultAction", s.DefaultAction, "defaultErrnoRet", s.DefaultErrnoRet)
	archs := field(at, "architectures")
	for i, a := range s.Architectures {
		if !isSeccompArch(a) {
			c.fail(entry(&archs, i), "unknown architecture %s", quote(string(a)))
		}
	}
	flags := field(at, "flags")
	for i, f := range s.Flags {
		if !isSeccompFlag(f) {
			c.fail(entry(&flags, i), "unknown flag %s", quote(string(f)))
		}
	}
	notify := s.DefaultAction == ActNotify
	write := !notify
	syscalls := field(at, "syscalls")
	for i := range s.Syscalls {
		here := entry(&syscalls, i)
		c.seccompRule(&here, &s.Syscalls[i])
		notify = notify || s.Syscalls[i].Action == ActNotify
		write = write || len(s.Syscalls[i].Args) == 0 && slices.Contains(s.Syscalls[i].Names, "write")
	}
	if !write {
		c.fail(field(at, "defaultAction"), "must not be %s without a rule for write: "+noListener, ActNotify)
	}
	switch path := field(at, "listenerPath"); {
	case notify && s.ListenerPath == "":
		c.fail(path, "must be set for %s", ActNotify)
	case !notify && s.ListenerPath != "":
		c.warn(path, "is ignored because nothing has the action %s", ActNotify)
	}
	c.text(field(at, "listenerPath"), s.ListenerPath)
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		c.fail(field(at, "listenerMetadata"), "must not be set without listenerPath")
	}
}

func (c *checker) seccompRule(at *place, s *LinuxSyscall) {
	names := field(at, "names")
	if len(s.Names) == 0 {
		c.fail(names, "must have at least one entry")
	}
	for i, name := range s.Names {
		if name == "" {
			c.fail(entry(&names, i), "must not be empty")
		} else {
			c.text(entry(&names, i), name)
		}
	}
	c.seccompAction(at, "action", s.Action, "errnoRet", s.ErrnoRet)
	if i := slices.Index(s.Names, "write"); i >= 0 && s.Action == ActNotify {
		c.fail(entry(&names, i), "must not be write for %s: "+noListener, ActNotify)
	}
	args := field(at, "args")
	for i := range s.Args {
		a := &s.Args[i]
		here := entry(&args, i)
		if a.Index > 5 {
			c.fail(field(&here, "index"), "%d is out of range, must be 0 to 5", a.Index)
		}
		switch {
		case a.Op == "":
			c.fail(field(&here, "op"), "must be set")
		case !isSeccompOperator(a.Op):
			c.fail(field(&here, "op"), "unknown operator %s", quote(string(a.Op)))
		case a.ValueTwo != 0 && a.Op != OpMaskedEqual:
			c.warn(field(&here, "valueTwo"), "is ignored because op is not %s", OpMaskedEqual)
		}
	}
}

// seccompAction checks an action and the number that goes with it.
func (c *checker) seccompAction(at *place, name string, a LinuxSeccompAction, retName string, ret *uint) {
	switch {
	case a == "":
		c.fail(field(at, name), "must be set")
		return
	case !isSeccompAction(a):
		c.fail(field(at, name), "unknown action %s", quote(string(a)))
		return
	case ret == nil:
		return
	}
	here := field(at, retName)
	switch most := uint(maxErrno); a {
	case ActTrace:
		most = maxTraceData
		fallthrough
	case ActErrno:
		if *ret > most {
			c.fail(here, "%d is out of range, must be 0 to %d for %s", *ret, most, a)
		}
	default:
		c.fail(here, "must not be set for %s", a)
	}
}
