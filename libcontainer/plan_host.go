package libcontainer

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

func (c *compiler) recordState() {
	c.startSlot, c.resultSlot = nsenter.NoSlot, nsenter.NoSlot
	if !c.opts.run {
		c.startSlot, c.resultSlot = c.slot(), c.slot()
	}
	c.add("id", hostRecordState{Start: c.startSlot, Result: c.resultSlot})
}

// answerAhead has the host side do what depends on nothing that the init does, while that is busy, and leave the answers in the socket: the init
// does not wait at all, and the host side not for the init. The answers have to come in the order of the questions, so there must be no earlier one.
func (c *compiler) answerAhead() {
	if !c.mayAnswerAhead() {
		return
	}
	c.ahead = true
	if c.cgroup.joined() > 0 {
		c.items([]nsenter.Item{c.openTasks(), step("linux.cgroupsPath", hostAck{})})
	}
	c.keepConfig()
	h := c.hooks()
	//nolint:staticcheck // deprecated, but still in use
	hooks := len(h.Prestart) + len(h.CreateRuntime) + len(h.CreateContainer) + len(h.StartContainer)
	if hooks > 0 || c.ns.own(unix.CLONE_NEWUSER) || c.rdt != nil || len(c.linux().NetDevices) > 0 || c.opts.pidFDSocket != "" {
		return
	}
	c.readyAhead = true
	c.items(append(c.readySteps(), step("ready", hostAck{})))
}

// mayAnswerAhead tells whether there is no question but those that can be answered beforehand.
func (c *compiler) mayAnswerAhead() bool {
	return c.cgroup.record.Unit == nil && !c.ns.fork && c.ns.made&unix.CLONE_NEWUSER == 0 && !c.ordinaryUser()
}

// ready is where everything stands but the change of the root. The host side has the last word before the container is on its own: limits that
// need its rights, the hooks of the runtime's namespace, the state with the process id.
func (c *compiler) ready() {
	if c.readyAhead {
		c.answered("ready", pointReady, nsenter.NoSlot)
		return
	}
	steps := c.readySteps()
	if len(steps) == 0 {
		return
	}
	into := min(c.createState, c.startState)
	if into == nsenter.NoSlot {
		into = max(c.createState, c.startState)
	}
	c.sync("ready", pointReady, into, steps...)
}

func (c *compiler) readySteps() []nsenter.Item {
	steps := append(c.hostRlimits(), c.joinRdt()...)
	if c.exec == nil {
		h := c.hooks()
		steps = append(steps, c.moveDevices()...)
		steps = append(steps, hookSteps("prestart", h.Prestart)...) //nolint:staticcheck // deprecated, but still in use
		steps = append(steps, hookSteps("createRuntime", h.CreateRuntime)...)
		steps = append(steps, step("id", hostRecordPid{}))
		steps = append(steps, c.hookStates(h)...)
	}
	if c.opts.pidFile != "" || c.opts.pidFDSocket != "" {
		steps = append(steps, step("caller", hostAnnounce{PidFile: c.opts.pidFile, PidFDSocket: c.opts.pidFDSocket}))
	}
	return steps
}

// hookStates are the documents for hooks that run inside, one for each status that they see. They come into consecutive slots.
func (c *compiler) hookStates(h *specs.Hooks) []nsenter.Item {
	var steps []nsenter.Item
	if len(h.CreateContainer) > 0 {
		c.createState = c.slot()
		steps = append(steps, step("hooks.createContainer", hostHookState{specs.StateCreating}))
	}
	if len(h.StartContainer) > 0 {
		c.startState = c.slot()
		steps = append(steps, step("hooks.startContainer", hostHookState{specs.StateCreated}))
	}
	return steps
}

func (c *compiler) hooks() *specs.Hooks {
	if c.spec.Hooks == nil {
		return &specs.Hooks{}
	}
	return c.spec.Hooks
}

func hookSteps(kind string, hooks []specs.Hook) []nsenter.Item {
	steps := make([]nsenter.Item, 0, len(hooks))
	for i, h := range hooks {
		steps = append(steps, step(fmt.Sprintf("hooks.%s[%d]", kind, i), hostHook{Kind: kind, Hook: h}))
	}
	return steps
}

// containerHooks run in the container's namespaces, but find their programs in the host's tree: before the root changes. They work in
// the container's root, where other runtimes have them too.
func (c *compiler) containerHooks() {
	for i, h := range c.hooks().CreateContainer {
		c.add(fmt.Sprintf("hooks.createContainer[%d]", i), initHook(h, c.createState, c.root.Root))
	}
}

// startHooks run as part of start, as the process that becomes the program.
func (c *compiler) startHooks(gate) {
	if c.exec != nil {
		return
	}
	for i, h := range c.hooks().StartContainer {
		c.add(fmt.Sprintf("hooks.startContainer[%d]", i), initHook(h, c.startState, nsenter.NoSlot))
	}
}

func initHook(h specs.Hook, state, dir nsenter.Slot) nsenter.HookRun {
	op := nsenter.HookRun{Path: h.Path, Args: h.Args, Env: h.Env, State: state, Dir: dir}
	if h.Timeout != nil {
		op.TimeoutMs = uint64(hookTimeout(*h.Timeout) / time.Millisecond)
	}
	return op
}

// started are the hooks after the program has been executed, when that is part of this plan.
func (c *compiler) started(g gate) {
	if g == gateStart || c.exec != nil {
		return
	}
	c.add("id", hostRunning{})
	c.items(hookSteps("poststart", c.hooks().Poststart))
}

func (c *compiler) hostNames() {
	if c.spec.Hostname != "" {
		c.add("hostname", nsenter.UtsHostname{Name: c.spec.Hostname})
	}
	if c.spec.Domainname != "" {
		c.add("domainname", nsenter.UtsDomainname{Name: c.spec.Domainname})
	}
}

func (c *compiler) sysctls() {
	sysctl := c.linux().Sysctl
	keys := make([]string, 0, len(sysctl))
	for k := range sysctl {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		path, _ := specs.SysctlPath(k) // validation has refused what is no name
		c.openProcfs()
		c.add(fmt.Sprintf("linux.sysctl[%q]", k), nsenter.SysctlWrite{Proc: c.procfs, Path: path, Value: sysctl[k]})
	}
}

// openProcfs gets a procfs that nothing in the container's tree can stand in for.
func (c *compiler) openProcfs() {
	if c.procfs == nsenter.NoSlot {
		c.procfs = c.slot()
		c.add("procfs", nsenter.ProcfsOpen{Proc: c.procfs})
	}
}
