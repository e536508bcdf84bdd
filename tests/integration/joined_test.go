//go:build integration

package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// holderKinds are the namespaces that a container can share with another one and still have its own root.
func holderKinds() []specs.LinuxNamespaceType {
	return []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace, specs.TimeNamespace,
	}
}

// All namespaces of another container at once, whatever the order of the list.
func TestNamespacesJoinAll(t *testing.T) {
	b := newBox(t)
	holder := b.sleeper(namespace(specs.NetworkNamespace, ""), namespace(specs.CgroupNamespace, ""), namespace(specs.TimeNamespace, ""))
	for _, reverse := range []bool{false, true} {
		kinds := holderKinds()
		if reverse {
			slices.Reverse(kinds)
		}
		v := b.container(script(inspection), func(s *specs.Spec) {
			s.Hostname = ""
			s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
			for _, kind := range kinds {
				namespace(kind, procPath(holder.pid(), "ns", namespaceFiles()[kind]))(s)
			}
			if reverse {
				slices.Reverse(s.Linux.Namespaces)
			}
		}).inspect()
		for _, kind := range kinds {
			equal(b, string(kind), v.namespace(namespaceFiles()[kind]), namespaceOf(b, itoa(holder.pid()), namespaceFiles()[kind]))
		}
		equal(b, "host name", v.get("hostname"), "inside")
	}
}

// The same with a user namespace that owns them, in any place of the list.
func TestNamespacesJoinAllWithUser(t *testing.T) {
	b := newBox(t)
	holder := b.container()
	holder.configure(sleeping(), holder.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), namespace(specs.TimeNamespace, ""))
	holder.runDetached().ok()
	kinds := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.TimeNamespace}
	for at := range len(kinds) + 1 {
		list := slices.Insert(slices.Clone(kinds), at, specs.UserNamespace)
		c := b.container()
		c.configure(c.userNamespace(100000, 65536), script(inspection), func(s *specs.Spec) { // its files belong to the mapped root
			s.Hostname = ""
			s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
			s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
			for _, kind := range list {
				namespace(kind, procPath(holder.pid(), "ns", namespaceFiles()[kind]))(s)
			}
		})
		v := c.inspect()
		for _, kind := range list {
			equal(b, string(kind), v.namespace(namespaceFiles()[kind]), namespaceOf(b, itoa(holder.pid()), namespaceFiles()[kind]))
		}
	}
}

// A joined time namespace keeps its clocks, and exec sees the same.
func TestTimeNamespaceJoined(t *testing.T) {
	b := newBox(t)
	holder := b.sleeper(namespace(specs.TimeNamespace, ""), func(s *specs.Spec) {
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 604800}}
	})
	c := b.sleeper(namespace(specs.TimeNamespace, procPath(holder.pid(), "ns/time")))
	checkOffsets(b, c.exec("cat", "/proc/self/timens_offsets").ok().stdout, "0", "604800")
	c = b.container(namespace(specs.TimeNamespace, procPath(holder.pid(), "ns/time")), func(s *specs.Spec) {
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}}
	})
	c.run().fails(1, "linux.timeOffsets: must not be set for a time namespace that is joined")
}

// A time namespace without offsets, as Docker gives every container, beside every other kind.
func TestTimeNamespaceEverywhere(t *testing.T) {
	b := newBox(t)
	for _, kind := range holderKinds()[:5] {
		c := b.container(script("exit 4"), namespace(specs.TimeNamespace, ""), namespace(kind, ""))
		c.run().exits(4)
		c.create().ok()
		pid := c.pid()
		c.exec("true").ok()
		c.start().ok()
		equal(b, "exit code", b.wait(pid), 4)
		c.delete().ok()
	}
}

// Scheduling of what exec adds is that of its own document, and of the configuration where it has none.
func TestExecScheduling(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(func(s *specs.Spec) {
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 3}
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
		s.Process.OOMScoreAdj = ptr(321)
	})
	const show = "cut -d ' ' -f 19,41 /proc/self/stat; ionice; cat /proc/self/oom_score_adj"
	equal(b, "nice and policy", strings.Join([]string{statField(b, c.pid(), 19), statField(b, c.pid(), 41)}, " "), "3 3")
	c.exec("sh", "-c", show).ok().prints("3 3\nbest-effort: prio 6\n321\n")
	file := b.processFile(specs.Process{
		Args: []string{"sh", "-c", show}, Env: []string{"PATH=/bin"}, Cwd: "/",
		Scheduler:  &specs.Scheduler{Policy: specs.SchedIdle},
		IOPriority: &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE},
	})
	out := c.do("exec", "--process", file, c.id).ok().stdout
	b.contains("exec --process", out, " 5\nidle")
}

// statField is a field of proc_pid_stat(5), counted from 1; the name must be plain.
func statField(b *box, pid, n int) string {
	b.Helper()
	return strings.Fields(b.read(procPath(pid, "stat")))[n-1]
}

// The program is looked for with the rights of its user, without capabilities here: root's own directory is out of reach, the user's own is not.
func TestLookupAsUser(t *testing.T) {
	b := newBox(t)
	c := b.container(args("tool"), func(s *specs.Spec) { s.Process.Env = []string{"PATH=/private/root:/private/user:/bin"} })
	for dir, uid := range map[string]int{"root": 0, "user": 1000} {
		b.write(c.rootfs()+"/private/"+dir+"/tool", "#!/bin/sh\necho "+dir+"\n", 0o755)
		b.chown(c.rootfs()+"/private/"+dir, uid, uid, 0o700)
	}
	c.run().ok().prints("root\n")
	with := func(u mod) *container {
		c.configure(args("tool"), u, capabilities(specs.LinuxCapabilities{}), func(s *specs.Spec) { s.Process.Env = []string{"PATH=/private/root:/private/user:/bin"} })
		return c
	}
	with(user(1000, 1000)).run().ok().prints("user\n")
	with(user(1001, 1001)).run().fails(1, `exec: "tool":`, "permission denied")
	with(user(1001, 1001, 1000)).run().fails(1, `exec: "tool":`, "permission denied")
	b.chown(c.rootfs()+"/private/user", 1000, 1000, 0o750)
	with(user(1001, 1001, 1000)).run().ok().prints("user\n") // by an additional group
}
