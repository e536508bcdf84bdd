//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// hookKinds lists the kinds in the order in which they run.
func hookKinds() []string {
	return []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
}

func hookList(h *specs.Hooks, kind string) *[]specs.Hook {
	switch kind {
	case "prestart":
		return &h.Prestart //nolint:staticcheck // deprecated, and still used by engines
	case "createRuntime":
		return &h.CreateRuntime
	case "createContainer":
		return &h.CreateContainer
	case "startContainer":
		return &h.StartContainer
	case "poststart":
		return &h.Poststart
	case "poststop":
		return &h.Poststop
	}
	panic("unknown kind of hook: " + kind)
}

// hook adds a hook of a kind.
func hook(kind string, h specs.Hook) mod {
	return func(s *specs.Spec) {
		if s.Hooks == nil {
			s.Hooks = &specs.Hooks{}
		}
		list := hookList(s.Hooks, kind)
		*list = append(*list, h)
	}
}

// recorder returns a mod that adds one hook of every kind; each appends its
// kind to the file "log" in the root and keeps the state it got in "state.KIND".
func (c *container) recorder() mod {
	c.Helper()
	const text = "#!/bin/sh\necho \"$2\" >>\"$1/log\"\ncat >\"$1/state.$2\"\n(pwd; env) >\"$1/env.$2\"\n" +
		"echo \"$0|$1|$2|$3\" >\"$1/args.$2\"\n"
	host := c.path("recorder")
	c.write(host, text, 0o755)
	c.write(filepath.Join(c.rootfs(), "recorder"), text, 0o755)
	return func(s *specs.Spec) {
		for _, kind := range hookKinds() {
			path, dir := host, c.rootfs()
			if kind == "startContainer" {
				path, dir = "/recorder", "/"
			}
			hook(kind, specs.Hook{
				Path: path, Args: []string{"recorder", dir, kind, "last arg"},
				Env: []string{"PATH=/usr/bin:/bin", "HOOK=" + kind, c.marker()},
			})(s)
		}
	}
}

func TestHooks(t *testing.T) {
	b := newBox(t)
	c := b.container()
	annotate := func(s *specs.Spec) { s.Annotations = map[string]string{"k": "v"} }
	c.configure(c.recorder(), annotate, env("OF_CONTAINER=1"), script("echo process >>/log; exec sleep 1000"))
	log := filepath.Join(c.rootfs(), "log")

	c.create().ok()
	pid := c.pid()
	equal(b, "hooks of create", b.read(log), "prestart\ncreateRuntime\ncreateContainer\n")
	c.start().ok()
	b.until("the process", func() bool { return strings.Contains(b.read(log), "process\n") })
	got := strings.Split(b.read(log), "\n")
	equal(b, "hook of start", got[3], "startContainer")
	b.contains("log after start", b.read(log), "poststart\n")
	c.kill("KILL").ok()
	b.wait(pid)
	c.waitStatus("stopped")
	if strings.Contains(b.read(log), "poststop") {
		b.Error("poststop ran before delete")
	}
	c.delete().ok()
	b.contains("log after delete", b.read(log), "\npoststop\n")

	status := map[string]string{
		"prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
		"startContainer": "created", "poststart": "running", "poststop": "stopped",
	}
	for _, kind := range hookKinds() {
		checkHookState(c, kind, status[kind], pid)
		checkHookEnvironment(c, kind)
	}
}

func checkHookState(c *container, kind, status string, pid int) {
	c.Helper()
	var s specs.State
	if err := json.Unmarshal([]byte(c.read(filepath.Join(c.rootfs(), "state."+kind))), &s); err != nil {
		c.Errorf("%s: %v", kind, err)
	}
	equal(c.box, kind+": id", s.ID, c.id)
	equal(c.box, kind+": status", string(s.Status), status)
	equal(c.box, kind+": bundle", s.Bundle, c.bundle)
	equal(c.box, kind+": annotation", s.Annotations["k"], "v")
	if kind == "prestart" || kind == "createRuntime" || kind == "poststart" {
		equal(c.box, kind+": pid", s.Pid, pid)
	}
}

// A hook gets its own arguments and environment, nothing of the container's or
// of the runtime's.
func checkHookEnvironment(c *container, kind string) {
	c.Helper()
	text := c.read(filepath.Join(c.rootfs(), "env."+kind))
	c.contains(kind+": environment", text, "HOOK="+kind+"\n")
	for _, leaked := range []string{"OF_CONTAINER", "HOME=/root", "TERM="} {
		if strings.Contains(text, leaked) {
			c.Errorf("%s: environment has %s:\n%s", kind, leaked, text)
		}
	}
	args := c.read(filepath.Join(c.rootfs(), "args."+kind))
	c.contains(kind+": arguments", args, "|"+kind+"|last arg\n")
}

// createContainer hooks run in the container's namespaces, where the mounts
// are there already, before the root is switched.
func TestHookCreateContainerNamespaces(t *testing.T) {
	b := newBox(t)
	c := b.container()
	path := b.path("hook")
	b.write(path, "#!/bin/sh\nfor n in mnt uts; do readlink /proc/self/ns/$n; done >"+c.rootfs()+"/hook.ns\n", 0o755)
	c.configure(hook("createContainer", specs.Hook{Path: path}), script("for n in mnt uts; do readlink /proc/self/ns/$n; done"))
	out := c.run().ok().stdout
	equal(b, "namespaces of the hook", b.read(filepath.Join(c.rootfs(), "hook.ns")), out)
}

// Hooks of the runtime work in the bundle, those of the container in its root, wherever the caller is.
func TestHookDirectory(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.recorder(), cwd("/tmp"))
	c.run().ok()
	for _, kind := range hookKinds() {
		want := c.bundle
		switch kind {
		case "createContainer":
			want = c.rootfs()
		case "startContainer":
			want = "/tmp"
		}
		dir, _, _ := strings.Cut(b.read(filepath.Join(c.rootfs(), "env."+kind)), "\n")
		equal(b, "directory of "+kind, dir, want)
	}
}

// A timeout that no clock can hold is a long one.
func TestHookHugeTimeout(t *testing.T) {
	b := newBox(t)
	c := b.container()
	path := b.path("hook")
	b.write(path, "#!/bin/sh\nexit 0\n", 0o755)
	b.write(filepath.Join(c.rootfs(), "hook"), "#!/bin/sh\nexit 0\n", 0o755)
	var mods []mod
	for _, kind := range hookKinds() {
		h := specs.Hook{Path: path, Timeout: ptr(math.MaxInt)}
		if kind == "startContainer" {
			h.Path = "/hook"
		}
		mods = append(mods, hook(kind, h))
	}
	c.configure(mods...)
	c.run().ok()
}

// prestart and createRuntime hooks run in the caller's namespaces.
func TestHookCreateRuntimeNamespaces(t *testing.T) {
	for _, kind := range []string{"prestart", "createRuntime", "poststart", "poststop"} {
		t.Run(kind, func(t *testing.T) {
			b := newBox(t)
			c := b.container()
			path := b.path("hook")
			b.write(path, "#!/bin/sh\nreadlink /proc/self/ns/mnt /proc/self/ns/pid >"+b.path("ns")+"\n", 0o755)
			c.configure(hook(kind, specs.Hook{Path: path}))
			c.run().ok()
			equal(b, "namespaces of the hook", b.read(b.path("ns")), namespaceOf(b, "self", "mnt")+"\n"+namespaceOf(b, "self", "pid")+"\n")
		})
	}
}

// A failing hook of create makes create fail and leaves nothing.
func TestHookFailsCreate(t *testing.T) {
	for _, kind := range []string{"prestart", "createRuntime", "createContainer"} {
		t.Run(kind, func(t *testing.T) {
			b := newBox(t)
			c := b.container()
			failing := b.path("fail")
			b.write(failing, "#!/bin/sh\necho broken hook >&2\nexit 3\n", 0o755)
			c.configure(hook(kind, specs.Hook{Path: failing}), script("echo started"))
			c.create().fails(1, "hooks."+kind+"[0]", "exit status 3", "broken hook")
			c.run().fails(1, "hooks."+kind+"[0]").prints("")
			b.do("state", c.id).fails(1, "does not exist")
			b.checkLeaks()
		})
	}
}

// A failing startContainer or poststart hook makes start fail and stops the
// container.
func TestHookFailsStart(t *testing.T) {
	for _, kind := range []string{"startContainer", "poststart"} {
		t.Run(kind, func(t *testing.T) {
			b := newBox(t)
			c := b.container()
			path := filepath.Join(c.rootfs(), "fail")
			b.write(path, "#!/bin/sh\nexit 4\n", 0o755)
			if kind == "startContainer" {
				path = "/fail"
			}
			c.configure(hook(kind, specs.Hook{Path: path}), sleeping())
			c.create().ok()
			pid := c.pid()
			c.start().fails(1, "hooks."+kind+"[0]", "exit status 4")
			if code := b.wait(pid); code == 0 {
				b.Error("the container's process ended as if all were well")
			}
			c.deleteForce()
			b.checkLeaks()
			// A run is both: what it made is gone again.
			c.run().fails(1, "hooks."+kind+"[0]", "exit status 4")
			b.do("state", c.id).fails(1, "does not exist")
		})
	}
}

// After a failure of any hook of create or start, those of poststop run once.
func TestHookPoststopAfterFailure(t *testing.T) {
	for _, kind := range hookKinds()[:5] {
		t.Run(kind, func(t *testing.T) {
			b := newBox(t)
			c := b.container()
			failing, last := b.path("fail"), b.path("last")
			b.write(failing, "#!/bin/sh\nexit 4\n", 0o755)
			b.write(c.rootfs()+"/fail", "#!/bin/sh\nexit 4\n", 0o755)
			b.write(last, "#!/bin/sh\necho ran >>"+b.path("log")+"\n", 0o755)
			if kind == "startContainer" {
				failing = "/fail"
			}
			c.configure(hook(kind, specs.Hook{Path: failing}), hook("poststop", specs.Hook{Path: last}), sleeping())
			c.run().fails(1, "hooks."+kind+"[0]")
			equal(b, "log", b.read(b.path("log")), "ran\n")
		})
	}
}

// A failing poststop hook is a warning; the container is deleted and the other
// hooks run.
func TestHookFailsPoststop(t *testing.T) {
	b := newBox(t)
	c := b.container()
	failing, next := b.path("fail"), b.path("next")
	b.write(failing, "#!/bin/sh\nexit 4\n", 0o755)
	b.write(next, "#!/bin/sh\ntouch "+b.path("ran")+"\n", 0o755)
	c.configure(hook("poststop", specs.Hook{Path: failing}), hook("poststop", specs.Hook{Path: next}))
	c.create().ok()
	log := b.path("log")
	b.do("--log", log, "--log-format", "json", "delete", c.id).ok()
	c.exists = false
	if !exists(b.path("ran")) {
		b.Error("the hook after the failing one did not run")
	}
	text := b.read(log)
	b.contains("log", text, `"level":"warning"`, "hooks.poststop[0]")
	b.checkLeaks()
}

func TestHookTimeout(t *testing.T) {
	b := newBox(t)
	c := b.container()
	slow := b.path("slow")
	b.write(slow, "#!/bin/sh\nexec sleep 1000\n", 0o755)
	c.configure(hook("createRuntime", specs.Hook{Path: slow, Timeout: ptr(1), Env: []string{"PATH=/usr/bin:/bin", b.marker()}}))
	c.create().fails(1, "hooks.createRuntime[0]", "timeout of 1")
	b.checkLeaks()
}

func TestHookMissing(t *testing.T) {
	b := newBox(t)
	c := b.container(hook("createRuntime", specs.Hook{Path: "/no/such/hook"}))
	c.create().fails(1, "hooks.createRuntime[0]", "/no/such/hook", "no such file or directory")
}

// A hook that does not read its input, with a state larger than a pipe holds.
func TestHookIgnoresInput(t *testing.T) {
	b := newBox(t)
	c := b.container()
	path := b.path("hook")
	b.write(path, "#!/bin/sh\nexit 0\n", 0o755)
	big := func(s *specs.Spec) { s.Annotations = map[string]string{"big": strings.Repeat("x", 200_000)} }
	c.configure(hook("createRuntime", specs.Hook{Path: path}), hook("poststop", specs.Hook{Path: path}), big)
	c.run().ok()
}

// Many hooks of one kind run in their order, and the first failure ends it.
func TestHookOrder(t *testing.T) {
	b := newBox(t)
	c := b.container()
	path := b.path("hook")
	b.write(path, "#!/bin/sh\necho $1 >>"+b.path("log")+"\n[ $1 != 3 ]\n", 0o755)
	var mods []mod
	for i := range 5 {
		mods = append(mods, hook("createRuntime", specs.Hook{Path: path, Args: []string{"hook", fmt.Sprint(i)}}))
	}
	c.configure(mods...)
	c.create().fails(1, "hooks.createRuntime[3]")
	equal(b, "hooks that ran", b.read(b.path("log")), "0\n1\n2\n3\n")
}
