//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// namespaceFiles maps the spec's names to those of /proc/PID/ns.
func namespaceFiles() map[specs.LinuxNamespaceType]string {
	return map[specs.LinuxNamespaceType]string{
		specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.MountNamespace: "mnt", specs.IPCNamespace: "ipc",
		specs.UTSNamespace: "uts", specs.UserNamespace: "user", specs.CgroupNamespace: "cgroup", specs.TimeNamespace: "time",
	}
}

// namespaceOf returns the link text of a namespace of a process; process is a
// number or "self".
func namespaceOf(b *box, process, name string) string {
	b.Helper()
	link, err := os.Readlink(filepath.Join("/proc", process, "ns", name))
	if err != nil {
		b.Fatal(err)
	}
	return link
}

// Exactly the namespaces of the config are new.
func TestNamespacesNew(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection)).inspect()
	for kind, file := range namespaceFiles() {
		isNew := slices.ContainsFunc(baseSpec().Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == kind })
		if got := v.namespace(file) != namespaceOf(b, "self", file); got != isNew {
			b.Errorf("%s: own namespace %v, want %v", kind, got, isNew)
		}
	}
}

func TestNamespacesAllNew(t *testing.T) {
	b := newBox(t)
	c := b.container()
	mods := []mod{script(inspection), c.userNamespace(100000, 65536)}
	for _, kind := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.CgroupNamespace, specs.TimeNamespace} {
		mods = append(mods, namespace(kind, ""))
	}
	c.configure(mods...)
	v := c.inspect()
	for kind, file := range namespaceFiles() {
		if v.namespace(file) == namespaceOf(b, "self", file) {
			b.Errorf("%s is the host's", kind)
		}
	}
	equal(b, "uid map", strings.Join(strings.Fields(v.get("uid_map")), " "), "0 100000 65536")
	equal(b, "gid map", strings.Join(strings.Fields(v.get("gid_map")), " "), "0 100000 65536")
}

// Each namespace can be one that is there already, named by a path.
func TestNamespacesByPath(t *testing.T) {
	for _, kind := range []specs.LinuxNamespaceType{
		specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace, specs.PIDNamespace, specs.TimeNamespace,
	} {
		t.Run(string(kind), func(t *testing.T) {
			b := newBox(t)
			file := namespaceFiles()[kind]
			holder := b.sleeper(namespace(specs.NetworkNamespace, ""), namespace(specs.CgroupNamespace, ""), func(s *specs.Spec) {
				if kind == specs.TimeNamespace {
					namespace(kind, "")(s)
				}
			})
			path := procPath(holder.pid(), "ns", file)
			c := b.container(script(inspection), namespace(kind, path), noHostname(kind))
			v := c.inspect()
			equal(b, string(kind), v.namespace(file), namespaceOf(b, itoa(holder.pid()), file))
			if kind != specs.MountNamespace && v.namespace("mnt") == namespaceOf(b, itoa(holder.pid()), "mnt") {
				b.Error("the mount namespace is the other container's")
			}
		})
	}
}

// noHostname drops the host name where the UTS namespace is another's.
func noHostname(kind specs.LinuxNamespaceType) mod {
	return func(s *specs.Spec) {
		if kind == specs.UTSNamespace {
			s.Hostname = ""
		}
	}
}

// A process in another container's pid namespace ends with its own exit code,
// is a child of the caller, and is not pid 1.
func TestPidNamespaceByPath(t *testing.T) {
	b := newBox(t)
	holder := b.sleeper()
	path := procPath(holder.pid(), "ns/pid")
	c := b.container(script("[ $$ -gt 1 ] && kill -0 1 && echo joined; exit 5"), namespace(specs.PIDNamespace, path))
	c.run().exits(5).prints("joined\n")
	c.create().ok()
	pid := c.pid()
	equal(b, "parent of the process", parentOf(b, pid), os.Getpid())
	c.start().ok()
	equal(b, "exit code", b.wait(pid), 5)
	c.delete().ok()
	equal(b, "status of the other container", holder.state().Status, "running")
}

func parentOf(b *box, pid int) int {
	b.Helper()
	p, ok := readProcess(pid)
	if !ok {
		b.Fatalf("process %d is gone", pid)
	}
	return p.ppid
}

// A network namespace made by an engine: a bind mount of the namespace.
func TestNetworkNamespaceByBindMount(t *testing.T) {
	b := newBox(t)
	file := b.path("netns")
	b.write(file, "", 0o644)
	b.hostCommand("unshare", "--net="+file, "true")
	defer b.hostCommand("umount", file)
	c := b.container(script("readlink /proc/self/ns/net; cat /proc/net/dev | grep -c :"), namespace(specs.NetworkNamespace, file))
	out := c.run().ok().stdout
	lines := strings.Split(out, "\n")
	if lines[0] == namespaceOf(b, "self", "net") || lines[0] == "" {
		b.Errorf("network namespace %q", lines[0])
	}
}

// A mount namespace that is there already: the root is found in it.
func TestMountNamespaceByPath(t *testing.T) {
	b := newBox(t)
	cmd := b.holder("--mount", "--propagation=private")
	c := b.container(script(inspection), namespace(specs.MountNamespace, procPath(cmd, "ns/mnt")))
	v := c.inspect()
	equal(b, "mount namespace", v.namespace("mnt"), namespaceOf(b, itoa(cmd), "mnt"))
	equal(b, "host name", v.get("hostname"), "inside")
}

// holder starts a process in new namespaces, as unshare(1) makes them, and
// returns its pid.
func (b *box) holder(flags ...string) int {
	b.Helper()
	cmd := b.command()
	path, err := lookPath("unshare")
	if err != nil {
		b.Fatal(err)
	}
	ready := b.path("holder ready")
	cmd.Path = path
	cmd.Args = append(append([]string{"unshare"}, flags...), "sh", "-c", `touch "$0"; exec sleep 1000`, ready)
	b.start(cmd)
	b.until("namespaces", func() bool { return exists(ready) })
	return cmd.Process.Pid
}

// A user namespace that is there already is joined with its mappings.
func TestUserNamespaceByPath(t *testing.T) {
	b := newBox(t)
	first := b.container()
	first.configure(sleeping(), first.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""))
	first.runDetached().ok()
	c := b.container()
	c.configure(script(inspection), c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, procPath(first.pid(), "ns/net")),
		namespace(specs.UserNamespace, procPath(first.pid(), "ns/user")), func(s *specs.Spec) {
			s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
		})
	v := c.inspect()
	equal(b, "user namespace", v.namespace("user"), namespaceOf(b, itoa(first.pid()), "user"))
	equal(b, "uid map", strings.Join(strings.Fields(v.get("uid_map")), " "), "0 100000 65536")
	v.is("Uid", "0 0 0 0")
}

// Root of a user namespace: files it makes belong to the mapped id, and it has
// its capabilities only inside.
func TestUserNamespace(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""),
		script("touch /made; chown 5:6 /made; id -u; cat /proc/self/uid_map /proc/self/setgroups; stat -c %u:%g /bin /made /dev/null /dev/shm; hostname x 2>/dev/null || echo no"))
	out := c.run().ok().stdout
	b.contains("output", out, "0\n", "allow\n", "0:0\n5:6\n", "\nno\n")
	uid, gid := owner(b, filepath.Join(c.rootfs(), "made"))
	equal(b, "host's uid of the file", uid, 100005)
	equal(b, "host's gid of the file", gid, 100006)
}

// Several ranges, a user other than root, and additional groups.
func TestUserNamespaceRanges(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 1000), namespace(specs.NetworkNamespace, ""), user(1000, 1001, 2000), func(s *specs.Spec) {
		s.Linux.UIDMappings = append(s.Linux.UIDMappings, specs.LinuxIDMapping{ContainerID: 1000, HostID: 300000, Size: 10})
		s.Linux.GIDMappings = append(s.Linux.GIDMappings,
			specs.LinuxIDMapping{ContainerID: 1000, HostID: 400000, Size: 10}, specs.LinuxIDMapping{ContainerID: 2000, HostID: 500000, Size: 1})
	}, script(inspection))
	v := c.inspect()
	v.is("Uid", "1000 1000 1000 1000")
	v.is("Gid", "1001 1001 1001 1001")
	v.is("Groups", "2000")
	equal(b, "ranges of the uid map", len(v.lines("uid_map")), 2)
	equal(b, "ranges of the gid map", len(v.lines("gid_map")), 3)
}

// An id that is not mapped is an error that names it.
func TestUserNamespaceUnmappedID(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 1000), namespace(specs.NetworkNamespace, ""), user(5000, 0))
	c.run().fails(1, "process.user.uid", "5000")
}

// exec joins the user namespace as its root.
func TestUserNamespaceExec(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), sleeping())
	c.runDetached().ok()
	v := b.parseView(c.exec("sh", "-c", inspection).ok().stdout)
	v.is("Uid", "0 0 0 0")
	equal(b, "user namespace", v.namespace("user"), namespaceOf(b, itoa(c.pid()), "user"))
	c.execWith([]string{"-u", "7:8"}, "id", "-u").ok().prints("7\n")
}

// Mounts and sources only the host's root may read still work.
func TestUserNamespaceMounts(t *testing.T) {
	b := newBox(t)
	b.write(b.path("private/data/f"), "private\n", 0o644)
	b.chown(b.path("private"), 0, 0, 0o700)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), mount("/data", "bind", b.path("private/data"), "rbind"),
		mount("/t", "tmpfs", "tmpfs", "mode=1777"), script("cat /data/f; echo x >/t/f && stat -c '%u' /t/f; echo x 2>/dev/null >/data/f || echo refused"))
	c.run().ok().prints("private\n0\nrefused\n")
}

// A time namespace has no offsets unless given.
func TestTimeNamespace(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection+"cat /proc/self/timens_offsets"), namespace(specs.TimeNamespace, "")).run().ok()
	checkOffsets(b, v.stdout, "0", "0")
	offsets := func(s *specs.Spec) {
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: 172800, Nanosecs: 5}, "boottime": {Secs: 604800}}
	}
	c := b.container(script("cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime"), namespace(specs.TimeNamespace, ""), offsets)
	out := c.run().ok().stdout
	checkOffsets(b, out, "172800", "604800")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if uptime := atoi(b, lines[len(lines)-1]); uptime < 604800 {
		b.Errorf("uptime in the container is %d s", uptime)
	}
	c.configure(sleeping(), namespace(specs.TimeNamespace, ""), offsets)
	c.runDetached().ok()
	checkOffsets(b, c.exec("cat", "/proc/self/timens_offsets").ok().stdout, "172800", "604800")
}

func checkOffsets(b *box, text, monotonic, boottime string) {
	b.Helper()
	for clock, want := range map[string]string{"monotonic": monotonic, "boottime": boottime} {
		found := false
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == clock {
				found = true
				equal(b, clock+" offset", fields[1], want)
			}
		}
		if !found {
			b.Errorf("no offset of %s in %s", clock, text)
		}
	}
}

// A path of the wrong type of namespace, or of none, is an error that names
// the field.
func TestNamespacePathErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		path string
		want string
	}{
		{"missing", "/proc/self/ns/nope", "no such file or directory"},
		{"wrong type", "/proc/self/ns/uts", "network"},
		{"regular file", "/etc/passwd", "network"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBox(t)
			b.container(namespace(specs.NetworkNamespace, tc.path)).run().fails(1, "linux.namespaces[", tc.path, tc.want)
			b.checkLeaks()
		})
	}
}
