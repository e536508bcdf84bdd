package libcontainer

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// capabilities are the five sets of capabilities(7) as bit sets.
type capabilities struct{ bounding, effective, permitted, inheritable, ambient uint64 }

// compileProcess decides what of process does not become an operation directly.
func (c *compiler) compileProcess() {
	if c.process == nil {
		c.fail("process", "it is needed to make a container")
		return
	}
	c.compileCapabilities()
	if s := c.linux().Seccomp; s != nil {
		p, err := c.facts.seccomp(s, c.warn)
		if err != nil {
			c.errs = append(c.errs, err)
			return
		}
		c.filter = p
	}
	if c.process.ApparmorProfile != "" && !c.facts.apparmor {
		c.fail("process.apparmorProfile", "AppArmor is not enabled on this host")
	}
	if c.process.SelinuxLabel != "" && !c.facts.selinux {
		c.fail("process.selinuxLabel", "SELinux is not enabled on this host")
	}
}

// compileCapabilities keeps of each set what can be had. The specification wants a warning and no failure for what cannot.
func (c *compiler) compileCapabilities() {
	s := c.process.Capabilities
	if s == nil {
		return
	}
	can := c.facts.caps
	if c.ns.own(unix.CLONE_NEWUSER) {
		can = ^uint64(0) // a new namespace's first process has them all
	}
	c.caps.bounding = c.capSet("bounding", s.Bounding, can)
	c.caps.permitted = c.capSet("permitted", s.Permitted, can)
	c.caps.inheritable = c.capSet("inheritable", s.Inheritable, can)
	// Of what these two need of the other sets, validation has warned.
	c.caps.effective = c.capSet("effective", s.Effective, can) & c.caps.permitted
	c.caps.ambient = c.capSet("ambient", s.Ambient, can) & c.caps.permitted & c.caps.inheritable
}

func (c *compiler) capSet(name string, list []string, can uint64) uint64 {
	var set uint64
	var lost []string
	for _, n := range list {
		number, ok := specs.CapabilityNumber(n)
		if !ok {
			continue // validation has warned
		}
		if bit := uint64(1) << number; can&bit != 0 {
			set |= bit
		} else {
			lost = append(lost, n)
		}
	}
	if lost != nil {
		c.warn(fmt.Sprintf("process.capabilities.%s: %s cannot be granted: the runtime lacks it", name, strings.Join(lost, ", ")))
	}
	return set
}

func (c *compiler) boundingSet() {
	c.add("process.capabilities.bounding", nsenter.CapsBounding{Set: c.caps.bounding})
}

// apparmorExec asks for a profile at the next execve, aa_change_onexec(3).
const apparmorExec = "exec "

func (c *compiler) securityLabels() {
	p := c.process
	if p.ApparmorProfile == "" && p.SelinuxLabel == "" {
		return
	}
	c.openProcfs()
	if p.ApparmorProfile != "" {
		c.add("process.apparmorProfile", nsenter.ProcAttr{Proc: c.procfs, Path: "attr/apparmor/exec", Value: apparmorExec + p.ApparmorProfile})
	}
	if p.SelinuxLabel != "" {
		c.add("process.selinuxLabel", nsenter.ProcAttr{Proc: c.procfs, Path: "attr/exec", Value: p.SelinuxLabel})
	}
}

// reach puts the program's own rights into effect for a user who is not root: the change of the user has taken them away, but they decide
// which directories and programs the user gets at.
func (c *compiler) reach() {
	if c.process.User.UID != 0 && c.caps.effective != 0 {
		c.add("process.capabilities.effective", c.rights())
	}
}

// rights are the program's capabilities, and CAP_SYS_ADMIN as long as a filter has to be loaded with it.
func (c *compiler) rights() nsenter.CapsSet {
	set := nsenter.CapsSet{Effective: c.caps.effective, Permitted: c.caps.permitted, Inheritable: c.caps.inheritable}
	if c.filter != nil && !c.process.NoNewPrivileges {
		set.Effective |= 1 << unix.CAP_SYS_ADMIN
		set.Permitted |= 1 << unix.CAP_SYS_ADMIN
	}
	return set
}

// dropPrivileges sets the capabilities that the program gets. Loading a filter without no_new_privs needs CAP_SYS_ADMIN, so that comes right
// before the last capset: what the filter must let pass is then only capset, prctl, read, write and execve.
func (c *compiler) dropPrivileges() {
	final := nsenter.CapsSet{Effective: c.caps.effective, Permitted: c.caps.permitted, Inheritable: c.caps.inheritable}
	if c.filter != nil && !c.process.NoNewPrivileges {
		c.add("linux.seccomp", c.rights())
		c.loadFilter()
	}
	c.add("process.capabilities", final)
	if c.caps.ambient != 0 {
		c.add("process.capabilities.ambient", nsenter.CapsAmbient{Set: c.caps.ambient})
	}
	if c.process.NoNewPrivileges {
		c.add("process.noNewPrivileges", nsenter.ProcNonewprivs{})
		if c.filter != nil && c.filter.listener {
			c.loadFilter()
		}
	}
}

// lastFilter loads the filter as late as possible: with no_new_privs no right is needed for it. A listener has to be handed over while the
// host side is there, before the process waits to be started.
func (c *compiler) lastFilter() {
	if c.filter != nil && c.process.NoNewPrivileges && !c.filter.listener {
		c.loadFilter()
	}
}

func (c *compiler) loadFilter() {
	c.add("linux.seccomp", nsenter.SeccompLoad{Filter: c.filter.filter, Flags: c.filter.flags, Point: pointSeccomp})
	if c.filter.listener {
		s := c.linux().Seccomp
		c.add("linux.seccomp.listenerPath", hostDeliverListener{Path: s.ListenerPath, Metadata: s.ListenerMetadata}, hostAck{})
	}
}
