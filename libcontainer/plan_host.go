package libcontainer

import (
	"fmt"
	"slices"
	"time"

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

// ready is where everything stands but the change of the root. The host side has the last word before the container is on its own: limits that
// need its rights, the hooks of the runtime's namespace, the state with the process id.
func (c *compiler) ready() {
	steps := append(c.hostRlimits(), c.joinRdt()...)
	into := nsenter.NoSlot
	if c.exec == nil {
		h := c.hooks()
		steps = append(steps, c.moveDevices()...)
		steps = append(steps, hookSteps("prestart", h.Prestart)...) //nolint:staticcheck // deprecated, but still in use
		steps = append(steps, hookSteps("createRuntime", h.CreateRuntime)...)
		steps = append(steps, step("id", hostRecordPid{}))
		steps = append(steps, c.hookStates(h)...)
		into = min(c.createState, c.startState)
		if into == nsenter.NoSlot {
			into = max(c.createState, c.startState)
		}
	}
	steps = append(steps, step("caller", hostAnnounce{PidFile: c.opts.pidFile, PidFDSocket: c.opts.pidFDSocket}))
	c.sync("ready", pointReady, into, steps...)
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
	c.items(hookSteps("poststart", c.hooks().Poststart))
}

func (c *compiler) kernelParameters() {
	if c.spec.Hostname != "" {
		c.add("hostname", nsenter.UtsHostname{Name: c.spec.Hostname})
	}
	if c.spec.Domainname != "" {
		c.add("domainname", nsenter.UtsDomainname{Name: c.spec.Domainname})
	}
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
