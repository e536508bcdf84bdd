package specs

import (
	"strconv"
	"strings"
)

// invalidID is the user or group id that system calls take as "unchanged"; no
// process can have it (setresuid(2)).
const invalidID = 1<<32 - 1

func (c *checker) process(at *place, p *Process) {
	c.console(at, p)
	c.user(at, &p.User)
	args := field(at, "args")
	if len(p.Args) == 0 {
		c.fail(args, "must have at least one entry")
	}
	// An empty program name is a failed look-up like that of any other name
	// that does not exist, and is told as such when the process is made.
	for i, arg := range p.Args {
		c.text(entry(&args, i), arg)
	}
	c.env(at, p.Env)
	c.absolute(field(at, "cwd"), p.Cwd)
	if p.Capabilities != nil {
		caps := field(at, "capabilities")
		c.capabilities(&caps, p.Capabilities)
	}
	c.rlimits(at, p.Rlimits)
	c.text(field(at, "apparmorProfile"), p.ApparmorProfile)
	c.text(field(at, "selinuxLabel"), p.SelinuxLabel)
	if adj := p.OOMScoreAdj; adj != nil && (*adj < -1000 || *adj > 1000) {
		c.fail(field(at, "oomScoreAdj"), "%d is out of range, must be -1000 to 1000", *adj)
	}
	if p.Scheduler != nil {
		sched := field(at, "scheduler")
		c.scheduler(&sched, p.Scheduler)
	}
	if p.IOPriority != nil {
		io := field(at, "ioPriority")
		c.ioPriority(&io, p.IOPriority)
	}
	if p.ExecCPUAffinity != nil {
		cpus := field(at, "execCPUAffinity")
		c.list(field(&cpus, "initial"), p.ExecCPUAffinity.Initial)
		c.list(field(&cpus, "final"), p.ExecCPUAffinity.Final)
	}
	if p.CommandLine != "" {
		c.warn(field(at, "commandLine"), "is ignored on Linux")
	}
}

// console checks the size of the terminal, which must fit the 16 bits that
// struct winsize of ioctl_tty(2) has.
func (c *checker) console(at *place, p *Process) {
	if p.ConsoleSize == nil {
		return
	}
	size := field(at, "consoleSize")
	if !p.Terminal {
		c.warn(size, "is ignored without terminal")
		return
	}
	const most = 1<<16 - 1
	if h := p.ConsoleSize.Height; h > most {
		c.fail(field(&size, "height"), "%d is out of range, must be 0 to %d", h, most)
	}
	if w := p.ConsoleSize.Width; w > most {
		c.fail(field(&size, "width"), "%d is out of range, must be 0 to %d", w, most)
	}
}

func (c *checker) user(at *place, u *User) {
	user := field(at, "user")
	if u.UID == invalidID {
		c.fail(field(&user, "uid"), "%d is not a valid id", u.UID)
	}
	if u.GID == invalidID {
		c.fail(field(&user, "gid"), "%d is not a valid id", u.GID)
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		c.fail(field(&user, "umask"), "%d is out of range, must be 0 to %d (octal 777)", *u.Umask, 0o777)
	}
	gids := field(&user, "additionalGids")
	for i, gid := range u.AdditionalGids {
		if gid == invalidID {
			c.fail(entry(&gids, i), "%d is not a valid id", gid)
		}
	}
}

// mappedUser checks that the ids of the container's process exist in the user
// namespace that is made for it.
func (c *checker) mappedUser(at *place, u *User, linux *Linux) {
	if !c.ns.created(UserNamespace) || len(linux.UIDMappings) == 0 || len(linux.GIDMappings) == 0 {
		return
	}
	user := field(at, "user")
	if !isMapped(linux.UIDMappings, u.UID) {
		c.fail(field(&user, "uid"), "%d is not mapped by linux.uidMappings", u.UID)
	}
	if !isMapped(linux.GIDMappings, u.GID) {
		c.fail(field(&user, "gid"), "%d is not mapped by linux.gidMappings", u.GID)
	}
	gids := field(&user, "additionalGids")
	for i, gid := range u.AdditionalGids {
		if !isMapped(linux.GIDMappings, gid) {
			c.fail(entry(&gids, i), "%d is not mapped by linux.gidMappings", gid)
		}
	}
}

// isMapped reports whether a mapping has the container's id.
func isMapped(mappings []LinuxIDMapping, id uint32) bool {
	for _, m := range mappings {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return true
		}
	}
	return false
}

// capabilities checks the five sets. The specification wants no failure from a
// capability that does not exist or cannot be granted, so all is warnings. The
// dependencies between the sets are those of capset(2) and of
// PR_CAP_AMBIENT_RAISE, see capabilities(7).
func (c *checker) capabilities(at *place, caps *LinuxCapabilities) {
	bounding := c.capabilitySet(at, "bounding", caps.Bounding)
	permitted := c.capabilitySet(at, "permitted", caps.Permitted)
	effective := c.capabilitySet(at, "effective", caps.Effective)
	inheritable := c.capabilitySet(at, "inheritable", caps.Inheritable)
	ambient := c.capabilitySet(at, "ambient", caps.Ambient)

	c.subset(at, "effective", caps.Effective, effective&^permitted, "permitted")
	c.subset(at, "inheritable", caps.Inheritable, inheritable&^bounding, "bounding")
	c.subset(at, "ambient", caps.Ambient, ambient&^permitted, "permitted")
	c.subset(at, "ambient", caps.Ambient, ambient&permitted&^inheritable, "inheritable")
}

// capabilitySet warns of unknown names and returns the known ones as bits.
func (c *checker) capabilitySet(at *place, name string, set []string) uint64 {
	list := field(at, name)
	var bits uint64
	for i, s := range set {
		n, ok := CapabilityNumber(s)
		if !ok {
			c.warn(entry(&list, i), "unknown capability %s", quote(s))
			continue
		}
		bits |= 1 << n
	}
	return bits
}

// subset warns of those entries of a set that are in extra, because they are
// missing in the set called needs.
func (c *checker) subset(at *place, name string, set []string, extra uint64, needs string) {
	if extra == 0 {
		return
	}
	var names []string
	for _, s := range set {
		if n, ok := CapabilityNumber(s); ok && extra&(1<<n) != 0 {
			names = append(names, s)
			extra &^= 1 << n
		}
	}
	c.warn(field(at, name), "%s cannot be granted because of not being in %s", strings.Join(names, ", "), needs)
}

func (c *checker) rlimits(at *place, limits []POSIXRlimit) {
	list := field(at, "rlimits")
	var seen uint64
	for i := range limits {
		l := &limits[i]
		at := entry(&list, i)
		n, ok := RlimitNumber(l.Type)
		switch {
		case !ok:
			c.fail(field(&at, "type"), "unknown limit %s", quote(l.Type))
		case seen&(1<<n) != 0:
			c.fail(field(&at, "type"), "%s is given more than once", l.Type)
		}
		if ok {
			seen |= 1 << n
		}
		if l.Soft > l.Hard {
			c.fail(field(&at, "soft"), "%d is greater than the hard limit %d", l.Soft, l.Hard)
		}
	}
}

// scheduler checks a policy against the rules of sched_setattr(2).
func (c *checker) scheduler(at *place, s *Scheduler) {
	realtime, deadline, fair := false, false, false
	switch s.Policy {
	case SchedOther, SchedBatch, SchedIdle:
		fair = true
	case SchedFIFO, SchedRR:
		realtime = true
	case SchedDeadline:
		deadline = true
	case SchedISO:
		c.fail(field(at, "policy"), "%q is implemented by no kernel", s.Policy)
		return
	case "":
		c.fail(field(at, "policy"), "must be set")
		return
	default:
		c.fail(field(at, "policy"), "unknown policy %s", quote(string(s.Policy)))
		return
	}
	switch nice := field(at, "nice"); {
	case s.Nice != 0 && !fair:
		c.fail(nice, "must not be set for %s", s.Policy)
	case s.Nice < -20 || s.Nice > 19:
		c.fail(nice, "%d is out of range, must be -20 to 19", s.Nice)
	}
	switch priority := field(at, "priority"); {
	case s.Priority != 0 && !realtime:
		c.fail(priority, "must not be set for %s", s.Policy)
	case realtime && (s.Priority < 1 || s.Priority > 99):
		c.fail(priority, "%d is out of range, must be 1 to 99 for %s", s.Priority, s.Policy)
	}
	flags := field(at, "flags")
	for i, f := range s.Flags {
		if !isSchedulerFlag(f) {
			c.fail(entry(&flags, i), "unknown flag %s", quote(string(f)))
		}
	}
	c.deadline(at, s, deadline)
}

// deadline checks the three times that SCHED_DEADLINE needs and the other
// policies do not have: runtime <= deadline <= period, see sched(7).
func (c *checker) deadline(at *place, s *Scheduler, wanted bool) {
	if !wanted {
		for _, f := range [...]struct {
			name  string
			value uint64
		}{{"runtime", s.Runtime}, {"deadline", s.Deadline}, {"period", s.Period}} {
			if f.value != 0 {
				c.fail(field(at, f.name), "must not be set for %s", s.Policy)
			}
		}
		return
	}
	switch {
	case s.Runtime == 0:
		c.fail(field(at, "runtime"), "must be set for %s", s.Policy)
	case s.Deadline == 0:
		c.fail(field(at, "deadline"), "must be set for %s", s.Policy)
	case s.Runtime > s.Deadline:
		c.fail(field(at, "runtime"), "%d is greater than the deadline %d", s.Runtime, s.Deadline)
	case s.Period != 0 && s.Deadline > s.Period:
		c.fail(field(at, "deadline"), "%d is greater than the period %d", s.Deadline, s.Period)
	}
}

func (c *checker) ioPriority(at *place, p *LinuxIOPriority) {
	switch p.Class {
	case IOPrioClassRT, IOPrioClassBE, IOPrioClassIdle:
	case "":
		c.fail(field(at, "class"), "must be set")
	default:
		c.fail(field(at, "class"), "unknown class %s", quote(string(p.Class)))
	}
	if p.Priority < 0 || p.Priority > 7 {
		c.fail(field(at, "priority"), "%d is out of range, must be 0 to 7", p.Priority)
	}
}

// list checks a list of CPUs or memory nodes, for example "0-3,7". An empty
// one stands for "not set".
func (c *checker) list(at place, s string) {
	if s == "" {
		return
	}
	if problem := listProblem(s); problem != "" {
		c.fail(at, "%s is not a list like \"0-3,7\": %s", quote(s), problem)
	}
}

// listProblem says what is wrong with a list of numbers and ranges. Spaces
// around the numbers are borne, as the kernel bears them in cpuset files.
func listProblem(s string) string {
	for i := 0; ; i++ {
		first, next, problem := listNumber(s, i)
		if problem != "" {
			return problem
		}
		i = next
		if i < len(s) && s[i] == '-' {
			last, next, problem := listNumber(s, i+1)
			if problem != "" {
				return problem
			}
			if last < first {
				return "the range " + strconv.Itoa(first) + "-" + strconv.Itoa(last) + " runs backwards"
			}
			i = next
		}
		if i == len(s) {
			return ""
		}
		if s[i] != ',' {
			return "unexpected " + byteName(s, i)
		}
	}
}

// listNumber reads a number of a list at offset i, and returns it with the
// offset of what follows.
func listNumber(s string, i int) (n, next int, problem string) {
	const most = 1 << 20 // far above any NR_CPUS, and no risk of overflow
	for i < len(s) && s[i] == ' ' {
		i++
	}
	start := i
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if n = n*10 + int(s[i]-'0'); n > most {
			return 0, i, "a number is greater than " + strconv.Itoa(most)
		}
	}
	if i == start {
		if i == len(s) {
			return 0, i, "a number is missing at the end"
		}
		return 0, i, "unexpected " + byteName(s, i)
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return n, i, ""
}
