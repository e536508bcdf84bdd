package libcontainer

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
)

// explain words a failure of the init: the field that asked for the operation, the object, the step, the errno. It is the only
// place that does. Other errors are returned as they are.
func (c *compiler) explain(err error) error {
	var ie *nsenter.InitError
	if !errors.As(err, &ie) || ie.Index < 0 || ie.Index >= len(c.plan.Items) {
		return err
	}
	it := c.plan.Items[ie.Index]
	if op, ok := it.Op.(nsenter.ProcLookup); ok {
		return explainLookup(op, ie)
	}
	if op, ok := it.Op.(nsenter.ProcExec); ok {
		return fmt.Errorf("exec: %q: %w", op.Args[0], explainErrno(ie))
	}
	if op, ok := it.Op.(nsenter.HookRun); ok {
		return fieldError(it.Because, fmt.Errorf("hook %s: %w", op.Path, explainHook(ie)))
	}
	if op, ok := it.Op.(nsenter.RootOpen); ok && op.Base != "" && ie.Errno == unix.EXDEV {
		return fmt.Errorf("%s %s: it leads out of the bundle %s: %w", it.Because, op.Path, op.Base, ie.Errno)
	}
	object := objectOf(c.attaches(it.Op))
	if object != "" {
		object = " " + object
	}
	err = fmt.Errorf("%s%s: %s: %w", it.Because, object, explainStep(it.Op, ie), explainErrno(ie))
	return c.hinted(it.Op, ie, err)
}

// errno is an errno with what the kernel said beside it.
func explainErrno(ie *nsenter.InitError) error {
	if ie.Errno == 0 {
		return errors.New(strings.TrimSpace(ie.Detail))
	}
	return ie.Errno
}

// explainLookup uses the words that engines search for to tell "not found" (127) from "not executable" (126).
func explainLookup(op nsenter.ProcLookup, ie *nsenter.InitError) error {
	switch {
	case ie.Errno == unix.ENOENT && !strings.Contains(op.Name, "/"):
		return fmt.Errorf("exec: %q: executable file not found in $PATH: %w", op.Name, ie.Errno)
	case ie.Errno == unix.EISDIR:
		// What execve(2) would have answered, which is the word that old engines know.
		return fmt.Errorf("exec: %q: %w: %w", op.Name, ie.Errno, unix.EACCES)
	case ie.Detail != "" && ie.Errno != 0 && ie.Detail != op.Name:
		return fmt.Errorf("exec: %q: stat %s: %w", op.Name, ie.Detail, ie.Errno)
	}
	return fmt.Errorf("exec: %q: %w", op.Name, explainErrno(ie))
}

func explainHook(ie *nsenter.InitError) error {
	switch ie.Step {
	case nsenter.StepHookExit:
		return fmt.Errorf("exit status %d", ie.Value)
	case nsenter.StepHookSignal:
		return fmt.Errorf("killed by %s", unix.SignalName(unix.Signal(ie.Value)))
	case nsenter.StepHookTimeout:
		return errors.New("no end after the timeout")
	}
	return fmt.Errorf("%s: %w", ie.Step, explainErrno(ie))
}

// explainStep names the system call, with the kernel's own words where it gave some.
func explainStep(op nsenter.Op, ie *nsenter.InitError) string {
	s := ie.Step.String()
	switch {
	case ie.Step == nsenter.StepInsideProcfs:
		s = "the target is inside a procfs"
	case ie.Step == nsenter.StepMoveMount && ie.Errno == unix.EBUSY:
		s = "the target is the root of the container"
	}
	fstype := ""
	switch o := op.(type) {
	case nsenter.ProcAttr:
		if strings.HasPrefix(o.Value, apparmorExec) && ie.Step == nsenter.StepWrite && ie.Errno == unix.ENOENT {
			return "the profile is not loaded"
		}
	case nsenter.MountFs:
		fstype = o.Fstype
	case nsenter.MountMake:
		fstype = o.Fstype
	case nsenter.MountLegacy:
		fstype = o.Fstype
	}
	switch ie.Step {
	case nsenter.StepFsopen, nsenter.StepFsconfig, nsenter.StepFsmount, nsenter.StepMount:
		if fstype != "" {
			s += " " + fstype
		}
	case nsenter.StepMountSetattr:
		if fstype != "" && ie.Errno == unix.EINVAL {
			s += " (this kernel has no id mappings for " + fstype + ")"
		}
	}
	if fstype != "" && ie.Detail == fstype {
		if ie.Errno == unix.ENODEV {
			s += " (this kernel has no such filesystem)"
		}
		return s
	}
	if ie.Detail != "" && ie.Detail != objectOf(op) && ie.Errno != 0 {
		s += " (" + ie.Detail + ")"
	}
	return s
}

// attaches returns the operation that mounts what op makes; op itself when it makes nothing for another one.
func (c *compiler) attaches(op nsenter.Op) nsenter.Op {
	tree := nsenter.NoSlot
	switch o := op.(type) {
	case nsenter.MountMake:
		tree = o.Tree
	case nsenter.MountLegacy:
		tree = o.Tree
	default:
		return op
	}
	for _, it := range c.plan.Items {
		if b, ok := it.Op.(nsenter.MountBind); ok && b.From == tree {
			return b
		}
	}
	return op
}

// objectOf is what the operation was about, as the configuration calls it.
func objectOf(op nsenter.Op) string {
	switch o := op.(type) {
	case nsenter.MountFs:
		return o.Path
	case nsenter.MountBind:
		if o.Source != "" {
			return o.Source + " on " + o.Path
		}
		return o.Path
	case nsenter.MountAttr:
		return o.Path
	case nsenter.MountReconfigure:
		return o.Path
	case nsenter.MountMask:
		return o.Path
	case nsenter.MountReadonly:
		return o.Path
	case nsenter.RootOpen:
		return o.Path
	case nsenter.FsMknod:
		return o.Path
	case nsenter.FsDevbind:
		return o.Path
	case nsenter.FsMkdir:
		return o.Path
	case nsenter.FsSymlink:
		return o.Path
	case nsenter.ProcChdir:
		return o.Path
	case nsenter.SysctlWrite:
		return o.Value
	case nsenter.NsTimens:
		return strings.ReplaceAll(strings.TrimSpace(o.Offsets), "\n", ", ")
	case nsenter.RlimitSet:
		return fmt.Sprintf("soft %d hard %d", o.Soft, o.Hard)
	case nsenter.ProcAttr:
		return strings.TrimPrefix(o.Value, apparmorExec)
	case nsenter.UtsHostname:
		return o.Name
	case nsenter.UtsDomainname:
		return o.Name
	}
	return ""
}
