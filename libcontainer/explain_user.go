package libcontainer

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// hinted adds what a bare errno does not tell to people who met a rule of user namespaces.
func (c *compiler) hinted(op nsenter.Op, ie *nsenter.InitError, err error) error {
	if text := c.hint(op, ie); text != "" {
		return fmt.Errorf("%w (%s)", err, text)
	}
	return err
}

func (c *compiler) hint(op nsenter.Op, ie *nsenter.InitError) string {
	switch o := op.(type) {
	case nsenter.NsUnshare:
		if o.Flags&unix.CLONE_NEWUSER != 0 {
			return hintUnshare(ie.Errno)
		}
	case nsenter.RlimitSet:
		if ie.Errno == unix.EPERM {
			return "only CAP_SYS_RESOURCE raises a hard limit"
		}
	case nsenter.ProcScheduler:
		if ie.Errno == unix.EPERM && c.process != nil && c.process.Scheduler != nil {
			return hintScheduler(c.process.Scheduler.Policy)
		}
	}
	if !c.confined() {
		return ""
	}
	return hintConfined(op, ie)
}

// confined tells whether the container is in another user namespace than the host's first one.
func (c *compiler) confined() bool { return c.ns.own(unix.CLONE_NEWUSER) || c.facts.caller.nested }

func hintScheduler(policy specs.LinuxSchedulerPolicy) string {
	switch policy {
	case specs.SchedFIFO, specs.SchedRR:
		return "it needs CAP_SYS_NICE, and in cgroup version 1 linux.resources.cpu.realtimeRuntime"
	}
	return "it needs CAP_SYS_NICE"
}

func hintUnshare(errno unix.Errno) string {
	switch errno {
	case unix.EPERM:
		return "this host may forbid it to ordinary users: see the sysctls kernel.unprivileged_userns_clone and " +
			"kernel.apparmor_restrict_unprivileged_userns"
	case unix.ENOSPC, unix.EUSERS:
		return "too many user namespaces, or too deep: see the sysctl user.max_user_namespaces"
	}
	return ""
}

func hintConfined(op nsenter.Op, ie *nsenter.InitError) string {
	denied := ie.Errno == unix.EPERM
	switch o := op.(type) {
	case nsenter.MountFs:
		switch {
		case denied && o.Fstype == "proc":
			return "the kernel allows no new proc in a user namespace where a part of the one outside is covered"
		case denied && o.Fstype == "sysfs":
			return "a new sysfs needs a network namespace that belongs to the user namespace, and none outside that is partly covered"
		}
	case nsenter.MountBind, nsenter.MountAttr, nsenter.MountReadonly:
		if denied && ie.Step == nsenter.StepMountSetattr {
			return "what the mount has outside of the user namespace, flags and the mode of access times, cannot be taken away in it"
		}
	case nsenter.FsDevbind:
		if ie.Step == nsenter.StepOpenTree && ie.Errno == unix.ENOENT {
			return "a user namespace can have only those devices that the host has, at the same path"
		}
	case nsenter.NsSetns:
		if denied {
			return "the namespace belongs to a user namespace in which there is no right to join it"
		}
	}
	return ""
}

// hintOOM explains why a score cannot be written.
func hintOOM(err error) error {
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w (only CAP_SYS_RESOURCE lowers it)", err)
	}
	return err
}
