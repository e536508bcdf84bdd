//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Descriptors that the runtime opened itself, such as those of the host's cgroup that the Go runtime keeps, are not handed over for
// want of those that the caller should have opened.
func TestPreserveFdsOfTheRuntime(t *testing.T) {
	b := newBox(t)
	c := b.container(script(showFds))
	c.run("--preserve-fds", "1").fails(1, "descriptor 3 is not open")
	b.do(append([]string{"--log", b.path("log")}, c.verb("run", "--preserve-fds", "1")...)...).fails(1, "descriptor 3 is not open")
}

// A container that is refused for its cgroup does not take the one that is there with it.
func TestCgroupOfAnother(t *testing.T) {
	b := newBox(t)
	first := b.container(sleeping())
	first.runDetached().ok()
	var path string
	first.configure(sleeping(), func(s *specs.Spec) { path = s.Linux.CgroupsPath })
	for _, p := range []string{path, filepath.Dir(path)} {
		second := b.container(func(s *specs.Spec) { s.Linux.CgroupsPath = p })
		second.run().fails(1, "linux.cgroupsPath", "the cgroup is in use")
		b.do("delete", "--force", second.id).ok()
		first.waitStatus("running")
	}
}

// Hooks inside the container count: when one fails, the poststop hooks follow.
func TestHookFailsInsidePoststop(t *testing.T) {
	for _, kind := range []string{"createContainer", "startContainer"} {
		t.Run(kind, func(t *testing.T) {
			b := newBox(t)
			failing := []specs.Hook{{Path: "/bin/false"}}
			c := b.container(func(s *specs.Spec) {
				s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >" + b.path("stopped")}}}}
				if kind == "createContainer" {
					s.Hooks.CreateContainer = failing
				} else {
					s.Hooks.StartContainer = failing
				}
			})
			c.run().fails(1, "hooks."+kind+"[0]")
			b.contains("state of the poststop hook", b.read(b.path("stopped")), `"stopped"`, c.id)
		})
	}
}

// A filter of an engine that knows no clone3 does not stop the hooks that run under it.
func TestHookUnderFilterWithoutClone3(t *testing.T) {
	b := newBox(t)
	errno := uint(38)
	c := b.container(args("cat", "/made"), func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &errno},
		}}
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo hook >/made"}}}}
	})
	c.run().ok().prints("hook\n")
}

// A directory that nobody in the container can enter is an error, not another directory.
func TestCwdOutOfReach(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), args("pwd"), func(s *specs.Spec) { s.Process.Cwd = "/secret" })
	b.mkdir(filepath.Join(c.rootfs(), "secret"))
	b.chown(filepath.Join(c.rootfs(), "secret"), 0, 0, 0o700)
	c.run().fails(1, "process.cwd", "/secret", "permission denied")
}

// The rights of the program decide where it can be found, not those that its user has without them.
func TestProgramFoundByCapability(t *testing.T) {
	b := newBox(t)
	c := b.container(args("/hidden/busybox", "echo", "found"), func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1000}
		s.Process.Cwd = "/hidden"
	})
	hidden := filepath.Join(c.rootfs(), "hidden")
	b.write(filepath.Join(hidden, "busybox"), b.read(busybox), 0o755)
	b.chown(hidden, 0, 0, 0o700)
	c.run().ok().prints("found\n")
	c.configure(args("/hidden/busybox"), func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1000}
		s.Process.Capabilities = nil
	})
	c.run().fails(1, "/hidden/busybox", "permission denied")
	c.configure(args("/bin/busybox/below"))
	c.run().fails(1, "/bin/busybox/below", "not a directory")
}

// Processors that the caller is bound to do not bind the container.
func TestCallerAffinity(t *testing.T) {
	b := newBox(t)
	c := b.container(script("grep Cpus_allowed: /proc/self/status"))
	free := c.run().ok().stdout
	cmd := c.command(c.verb("run")...)
	cmd.Args = append([]string{"taskset", "1"}, cmd.Args...)
	var err error
	if cmd.Path, err = exec.LookPath("taskset"); err != nil {
		b.Fatal(err)
	}
	b.finish(cmd).ok().prints(free)
}

// Of several HOMEs the last one counts, and an empty one is none.
func TestHomeEmptyLast(t *testing.T) {
	b := newBox(t)
	c := b.container(args("env"), env("HOME=/a", "HOME="))
	b.contains("environment", c.run().ok().stdout, "HOME=/root\n")
}

// What a runtime that was killed before there was a process has left can be deleted, and cannot be started.
func TestDeleteHalfMade(t *testing.T) {
	b := newBox(t)
	c := b.container(func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "kill -9 $PPID; true"}}}}
	})
	if r := c.create(); r.code != 137 {
		b.Fatalf("create: exit code %d, stderr: %s", r.code, r.stderr)
	}
	c.exists = true
	c.waitStatus("stopped")
	c.start().fails(1, "stopped")
	c.delete().ok()
}

// The state of a container that a newer version has made is not thrown away.
func TestDeleteForceOfNewerState(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.runDetached().ok()
	path := filepath.Join(b.state, c.id, "minirun.json")
	text := b.read(path)
	b.write(path, `{"version": 1000}`, 0o600)
	b.do("delete", "--force", c.id).fails(1, "version 1000")
	b.write(path, text, 0o600)
	c.waitStatus("running")
}

// A state file that cannot be read is not thrown away either: what it said would run on without an owner.
func TestDeleteForceOfBrokenState(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.runDetached().ok()
	path := filepath.Join(b.state, c.id, "minirun.json")
	text := b.read(path)
	for _, broken := range []string{"", text[:len(text)/2], "\x00\x00\x00", `{"version": "one"}`} {
		b.write(path, broken, 0o600)
		b.do("delete", "--force", c.id).fails(1, path, "remove its cgroup")
		b.do("state", c.id).fails(1, path)
	}
	b.write(path, text, 0o600)
	c.waitStatus("running")
}

// A container of another runtime in the same root directory is none of this one's.
func TestDeleteForceOfForeignState(t *testing.T) {
	b := newBox(t)
	path := filepath.Join(b.state, "foreign", "state.json")
	b.write(path, "{}", 0o600)
	b.do("delete", "--force", "foreign").ok()
	b.do("delete", "foreign").fails(1, "does not exist")
	equal(b, "its state", b.read(path), "{}")
	b.remove(filepath.Dir(path))
}

// A runtime that was killed before it had made the cgroup has left a record of a place that may be another's: nothing there is killed.
func TestDeleteForceBeforeCgroup(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.runDetached().ok()
	var record map[string]any
	if err := json.Unmarshal([]byte(b.read(filepath.Join(b.state, c.id, "minirun.json"))), &record); err != nil {
		b.Fatal(err)
	}
	for _, d := range record["cgroup"].(map[string]any)["dirs"].([]any) {
		d.(map[string]any)["made"] = -1
	}
	record["pid"], record["id"] = 0, c.id+"-killed"
	text, err := json.Marshal(record)
	if err != nil {
		b.Fatal(err)
	}
	b.write(filepath.Join(b.state, c.id+"-killed", "minirun.json"), string(text), 0o600)
	r := b.do("delete", "--force", c.id+"-killed").ok()
	b.contains("warning", r.stderr, "in use", strconv.Itoa(c.pid()))
	c.waitStatus("running")
}

// A namespace of the host that is given by its path is not changed.
func TestOwnNamespaceByPath(t *testing.T) {
	b := newBox(t)
	uts := b.container(namespace(specs.UTSNamespace, "/proc/self/ns/uts"), func(s *specs.Spec) { s.Hostname = "not-" + b.name })
	uts.run().fails(1, "linux.namespaces", "hostname would change")
	net := b.container(namespace(specs.NetworkNamespace, "/proc/self/ns/net"), func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{"net.ipv4.ping_group_range": "0 0"}
	})
	net.run().fails(1, "linux.namespaces", `linux.sysctl["net.ipv4.ping_group_range"] would change`)
	for kind, path := range map[specs.LinuxNamespaceType]string{specs.UTSNamespace: "/proc/self/ns/uts", specs.IPCNamespace: "/proc/self/ns/ipc"} {
		names := map[specs.LinuxNamespaceType]string{specs.UTSNamespace: "kernel.domainname", specs.IPCNamespace: "fs.mqueue.msg_max"}
		file := "/proc/sys/" + strings.ReplaceAll(names[kind], ".", "/")
		before := b.read(file)
		c := b.container(namespace(kind, path), func(s *specs.Spec) {
			s.Hostname = ""
			s.Linux.Sysctl = map[string]string{names[kind]: "11"}
		})
		c.run().fails(1, "linux.namespaces", ".path", "would change")
		b.do("check", "--bundle", c.bundle).exits(2)
		equal(b, names[kind]+" of the host", b.read(file), before)
	}
}

// A created container that is frozen is an error of start, which does not wait for it.
func TestStartFrozen(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.create().ok()
	c.freeze(true)
	c.waitStatus("paused")
	c.start().fails(1, "paused")
	c.freeze(false)
	c.start().ok()
}

// freeze stops all processes of the container, or lets them go on.
func (c *container) freeze(frozen bool) {
	c.Helper()
	controller, file, values := "freezer", "freezer.state", map[bool]string{true: "FROZEN", false: "THAWED"}
	if pureV2() {
		controller, file, values = "pids", "cgroup.freeze", map[bool]string{true: "1", false: "0"}
	}
	if err := os.WriteFile(filepath.Join(c.cgroupDir(controller), file), []byte(values[frozen]), 0o644); err != nil {
		c.Fatal(err)
	}
}
