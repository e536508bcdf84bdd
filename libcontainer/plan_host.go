package libcontainer

import (
	"fmt"
	"slices"
	"strings"

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
	h := c.hooks()
	var ops []nsenter.Op
	ops = append(ops, c.hostRlimits()...)
	if c.exec == nil {
		ops = append(ops, hookOps("prestart", h.Prestart)...) //nolint:staticcheck // deprecated, but still in use
		ops = append(ops, hookOps("createRuntime", h.CreateRuntime)...)
		ops = append(ops, hostRecordPid{})
	}
	ops = append(ops, hostAnnounce{PidFile: c.opts.pidFile, PidFDSocket: c.opts.pidFDSocket})
	into := nsenter.NoSlot
	if c.exec == nil && len(h.CreateContainer)+len(h.StartContainer) > 0 {
		c.hookState = c.slot()
		c.slot()
		into = c.hookState
		ops = append(ops, hostHookStates{})
	}
	c.sync("ready", pointReady, into, ops...)
}

func (c *compiler) hooks() *specs.Hooks {
	if c.spec.Hooks == nil {
		return &specs.Hooks{}
	}
	return c.spec.Hooks
}

func hookOps(kind string, hooks []specs.Hook) []nsenter.Op {
	ops := make([]nsenter.Op, 0, len(hooks))
	for i, h := range hooks {
		ops = append(ops, hostHook{Kind: kind, Index: i, Hook: h})
	}
	return ops
}

// containerHooks run in the container's namespaces, but find their programs in the host's tree: before the root changes.
func (c *compiler) containerHooks() {
	for i, h := range c.hooks().CreateContainer {
		c.add(fmt.Sprintf("hooks.createContainer[%d]", i), initHook(h, c.hookState))
	}
}

// startHooks run as part of start, as the process that becomes the program.
func (c *compiler) startHooks(gate) {
	if c.exec != nil {
		return
	}
	for i, h := range c.hooks().StartContainer {
		c.add(fmt.Sprintf("hooks.startContainer[%d]", i), initHook(h, c.hookState+1))
	}
}

func initHook(h specs.Hook, state nsenter.Slot) nsenter.HookRun {
	op := nsenter.HookRun{Path: h.Path, Args: h.Args, Env: h.Env, State: state}
	if h.Timeout != nil {
		op.TimeoutMs = uint64(*h.Timeout) * 1000
	}
	return op
}

// started are the hooks after the program has been executed, when that is part of this plan.
func (c *compiler) started(g gate) {
	if g == gateStart || c.exec != nil {
		return
	}
	for i, h := range c.hooks().Poststart {
		c.add(fmt.Sprintf("hooks.poststart[%d]", i), hostHook{Kind: "poststart", Index: i, Hook: h})
	}
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
		c.openProcfs()
		c.add(fmt.Sprintf("linux.sysctl[%q]", k), nsenter.SysctlWrite{Proc: c.procfs, Path: sysctlPath(k), Value: sysctl[k]})
	}
}

// sysctlPath turns a key into the path below /proc/sys, sysctl.d(5): the first separator, a dot or a slash, decides.
func sysctlPath(key string) string {
	if i := strings.IndexAny(key, "./"); i < 0 || key[i] == '/' {
		return key
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// openProcfs gets a procfs that nothing in the container's tree can stand in for.
func (c *compiler) openProcfs() {
	if c.procfs == nsenter.NoSlot {
		c.procfs = c.slot()
		c.add("procfs", nsenter.ProcfsOpen{Proc: c.procfs})
	}
}
