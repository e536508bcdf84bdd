package libcontainer

import (
	"slices"
	"strings"
	"testing"

	"github.com/minirun/minirun/nsenter"
)

// is makes a predicate of an operation's type.
func is[T nsenter.Op](it nsenter.Item) bool {
	_, ok := it.Op.(T)
	return ok
}

func oneOf(preds ...func(nsenter.Item) bool) func(nsenter.Item) bool {
	return func(it nsenter.Item) bool {
		for _, p := range preds {
			if p(it) {
				return true
			}
		}
		return false
	}
}

// orderRules are what the security of a container hangs on. Each says: no "late" comes before any "early".
var orderRules = []struct {
	why         string
	early, late func(nsenter.Item) bool
}{
	{"the state is on disk before anything exists", is[hostRecordState], oneOf(is[hostMakeCgroup], is[hostSpawn], is[hostOpenNamespace])},
	{"the state is on disk before a resctrl group exists", is[hostRecordState], is[hostMakeRdt]},
	{"the process is in its resctrl group before anything of the container runs", is[hostJoinRdt], oneOf(isRuntimeHook, is[nsenter.HookRun], is[nsenter.SyncCreated], is[nsenter.ProcExec])},
	{"namespaces stand before anything is mounted", oneOf(is[nsenter.NsSetns], is[nsenter.ProcFork]), oneOf(is[nsenter.RootOpen], is[nsenter.RootAttach], is[nsenter.MountFs], is[nsenter.MountBind], is[nsenter.MountLegacy])},
	{"a mount with the caller's rights is made before they are given up", is[nsenter.MountMake], oneOf(isUserUnshare, is[nsenter.NsSetns])},
	{"nothing propagates to the host", is[nsenter.MountPropagation], oneOf(is[nsenter.MountFs], is[nsenter.MountBind])},
	{"the process is in its cgroup before its cgroup namespace is made", is[nsenter.CgroupJoin], isCgroupUnshare},
	{"the cgroup belongs to its user before a process is born in it", is[hostDelegateCgroup], is[hostSpawn]},
	{"devices lie on the mounts, not under them", oneOf(is[nsenter.MountFs], is[nsenter.MountBind]), is[nsenter.FsMknod]},
	{"masks cover what mounts brought", oneOf(is[nsenter.MountFs], is[nsenter.MountBind]), oneOf(is[nsenter.MountMask], is[nsenter.MountReadonly])},
	{"the host's tree is gone before the process becomes the container's", oneOf(is[nsenter.RootPivot], is[nsenter.RootChroot]), oneOf(isFinalUser, is[nsenter.ProcLookup], is[nsenter.ProcExec])},
	{"hooks of the runtime's namespace come before the root changes", isRuntimeHook, oneOf(is[nsenter.RootPivot], is[nsenter.RootChroot])},
	{"network devices are there before hooks look for them", is[hostMoveDevice], isRuntimeHook},
	{"the process id is on disk before the init can outlive the runtime", is[hostRecordPid], is[nsenter.SyncCreated]},
	{"what exec and hooks read is on disk before the init can outlive the runtime", is[hostKeepConfig], oneOf(is[hostRecordPid], is[nsenter.SyncCreated], isRuntimeHook)},
	{"groups are set while that is allowed", isFinalGroups, isFinalUser},
	{"the bounding set is cut while CAP_SETPCAP is there", is[nsenter.CapsBounding], isFinalUser},
	{"no right is kept beyond the capabilities asked for", isFinalUser, isFinalCaps},
	{"ambient capabilities need the permitted and inheritable ones", isFinalCaps, is[nsenter.CapsAmbient]},
	{"the program is looked for as the user who runs it", isFinalUser, is[nsenter.ProcLookup]},
	{"no file of the host survives", is[nsenter.ProcClosefds], oneOf(is[nsenter.SyncCreated], is[nsenter.ProcExec])},
	{"a run is no running container before its program is executed", is[nsenter.ProcExec], is[hostRunning]},
	{"start hooks run when the container was started", is[nsenter.SyncCreated], isStartHook},
}

// isRuntimeHook finds the hooks of the runtime's namespace that run at create.
func isRuntimeHook(it nsenter.Item) bool {
	h, ok := it.Op.(hostHook)
	return ok && h.Kind != "poststart"
}

func isCgroupUnshare(it nsenter.Item) bool {
	u, ok := it.Op.(nsenter.NsUnshare)
	return ok && u.Flags == 0x02000000
}

func isUserUnshare(it nsenter.Item) bool {
	u, ok := it.Op.(nsenter.NsUnshare)
	return ok && u.Flags == 0x10000000
}

func isStartHook(it nsenter.Item) bool {
	return is[nsenter.HookRun](it) && len(it.Because) > 20 && it.Because[:20] == "hooks.startContainer"
}

func isFinalGroups(it nsenter.Item) bool {
	return is[nsenter.CredGroups](it) && it.Because == "process.user.additionalGids"
}

func isFinalUser(it nsenter.Item) bool {
	return is[nsenter.CredUser](it) && it.Because == "process.user"
}

func isFinalCaps(it nsenter.Item) bool {
	return is[nsenter.CapsSet](it) && it.Because == "process.capabilities"
}

func anyInit(it nsenter.Item) bool { return it.Side() == "init" }

func TestOrder(t *testing.T) {
	seen := make([]bool, len(orderRules))
	for _, c := range planCases {
		p := mustCompile(t, c.layout, testSpec(c.change), c.opts)
		for i, r := range orderRules {
			early, late := last(p, r.early), first(p, r.late)
			if early < 0 || late < 0 {
				continue
			}
			seen[i] = true
			if late < early {
				t.Errorf("%s: %s: step %d (%s) comes before step %d (%s)", c.name, r.why, late, p.Items[late], early, p.Items[early])
			}
		}
	}
	for i, r := range orderRules {
		if !seen[i] {
			t.Errorf("no plan has both sides of the rule: %s", r.why)
		}
	}
}

// Nothing privileged follows the last drop of capabilities, and execve is the last of all.
func TestAfterTheDrop(t *testing.T) {
	allowed := oneOf(is[nsenter.CapsAmbient], is[nsenter.ProcNonewprivs], is[nsenter.SyncCreated], is[nsenter.SyncFinal],
		is[nsenter.HookRun], is[nsenter.SeccompLoad], is[nsenter.ProcExec])
	for _, c := range planCases {
		p := mustCompile(t, c.layout, testSpec(c.change), c.opts)
		for _, it := range p.Items[last(p, isFinalCaps)+1:] {
			if it.Side() == "init" && !allowed(it) {
				t.Errorf("%s: %s comes after the capabilities are dropped", c.name, it)
			}
		}
		if n := last(p, anyInit); !is[nsenter.ProcExec](p.Items[n]) {
			t.Errorf("%s: the last step of the init is %s", c.name, p.Items[n])
		}
	}
}

// A filter is loaded with the rights that it needs and no earlier than that allows: last but execve with no_new_privs, right before the last
// capset without.
func TestSeccompPosition(t *testing.T) {
	for _, c := range planCases {
		p := mustCompile(t, c.layout, testSpec(c.change), c.opts)
		at := last(p, is[nsenter.SeccompLoad])
		if at < 0 {
			continue
		}
		next := p.Items[at+1]
		if first(p, is[nsenter.ProcNonewprivs]) >= 0 {
			if !is[nsenter.ProcExec](next) {
				t.Errorf("%s: %s follows the filter", c.name, next)
			}
		} else if !isFinalCaps(next) {
			t.Errorf("%s: %s follows the filter", c.name, next)
		}
	}
}

// On version 2 a container's process is born in its cgroup, limits and all: nobody writes to cgroup.procs, which would wait for a grace period
// and leave a moment without limits.
func TestBornInCgroup(t *testing.T) {
	plans := 0
	for _, c := range planCases {
		if c.layout != "v2" || c.opts.moved {
			continue
		}
		plans++
		p := mustCompile(t, c.layout, testSpec(c.change), c.opts)
		spawn := first(p, is[hostSpawn])
		if spawn < 0 || !p.Items[spawn].Op.(hostSpawn).Cgroup {
			t.Errorf("%s: the process is not cloned into the cgroup", c.name)
		}
		if n := last(p, is[hostLimitCgroup]); n < 0 || n > spawn {
			t.Errorf("%s: the limits come after the process", c.name)
		}
		if n := first(p, oneOf(is[nsenter.CgroupJoin], is[hostOpenCgroup], is[hostOpenUnified])); n >= 0 {
			t.Errorf("%s: %s moves the process", c.name, p.Items[n])
		}
	}
	if plans < 5 {
		t.Errorf("only %d plans", plans)
	}
}

// An init that is not born in its cgroup enters it first of all: what it forks or mounts later is of that cgroup, and limits are there before.
func TestMovedFirst(t *testing.T) {
	plans := 0
	for _, c := range planCases {
		if !c.opts.moved {
			continue
		}
		plans++
		p := mustCompile(t, c.layout, testSpec(c.change), c.opts)
		spawn := first(p, is[hostSpawn])
		if p.Items[spawn].Op.(hostSpawn).Cgroup {
			t.Errorf("%s: the process is cloned into the cgroup", c.name)
		}
		if n := first(p, is[hostOpenUnified]); n < 0 || n > spawn {
			t.Errorf("%s: the file for the cgroup is opened at step %d, the process stands at %d", c.name, n, spawn)
		}
		if join, begin := first(p, is[nsenter.CgroupJoin]), first(p, anyInit); join < 0 || join != begin {
			t.Errorf("%s: the init joins its cgroup at step %d, and begins at %d", c.name, join, begin)
		}
	}
	if plans == 0 {
		t.Error("no plans")
	}
}

// The host side may answer before it is asked. So that each question gets its own answer, and the descriptors that it expects, both must be in one
// order, and no answer be missing. What the host side learns from a question it cannot have known before.
func TestAnswers(t *testing.T) {
	ahead := 0
	for _, c := range planCases {
		p := mustCompile(t, c.layout, testSpec(c.change), c.opts)
		var questions, answers []bool // with descriptors?
		files := false
		for _, it := range p.Items {
			switch op := it.Op.(type) {
			case nsenter.SyncWait:
				questions = append(questions, op.Into != nsenter.NoSlot)
			case nsenter.SyncSend, nsenter.ConsoleOpen:
				questions = append(questions, false)
				if len(answers) >= len(questions) {
					t.Errorf("%s: %s is answered before it was asked", c.name, it)
				}
			case nsenter.SeccompLoad:
				if reports(op) {
					questions = append(questions, false)
				}
			case hostOpenCgroup:
				files = op.First == nsenter.NoSlot
			case hostHookState, hostHandNetwork:
				files = true
			case hostHook, hostMoveDevice, hostIDMap:
				if op, ok := op.(hostHook); len(answers) >= len(questions) && !(ok && op.Kind == "poststart") {
					t.Errorf("%s: %s does not wait for the init", c.name, it)
				}
			case hostAck:
				answers = append(answers, files)
				files = false
				if len(answers) > len(questions) {
					ahead++
				}
			}
		}
		if !slices.Equal(questions, answers) {
			t.Errorf("%s: questions %v, answers %v", c.name, questions, answers)
		}
	}
	if ahead == 0 {
		t.Error("no plan has an answer before its question")
	}
}

func first(p *nsenter.Plan, is func(nsenter.Item) bool) int {
	for i, it := range p.Items {
		if is(it) {
			return i
		}
	}
	return -1
}

func last(p *nsenter.Plan, is func(nsenter.Item) bool) int {
	for i := len(p.Items) - 1; i >= 0; i-- {
		if is(p.Items[i]) {
			return i
		}
	}
	return -1
}

// systemd moves the process that it is told of. What that has forked before stays outside, and a cgroup namespace has the wrong root.
func TestUnitBeforeFork(t *testing.T) {
	entered := func(it nsenter.Item) bool {
		w, ok := it.Op.(nsenter.SyncWait)
		return ok && w.Point == pointCgroup
	}
	for _, c := range planCases {
		if !strings.HasSuffix(c.layout, " systemd") {
			continue
		}
		p := mustCompile(t, c.layout, testSpec(c.change), c.opts)
		start, wait := last(p, is[hostStartUnit]), first(p, entered)
		if start < 0 || wait < start {
			t.Errorf("%s: unit.start is step %d, the init waits for it at %d", c.name, start, wait)
		}
		for _, late := range []int{first(p, is[nsenter.ProcFork]), first(p, isCgroupUnshare)} {
			if late >= 0 && late < wait {
				t.Errorf("%s: step %d (%s) comes before the process is in its cgroup (%d)", c.name, late, p.Items[late], wait)
			}
		}
	}
}
