//go:build integration

package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Sizes in percent are of the machine's memory, with and without suffixes they
// are bytes.
func TestTmpfsSizes(t *testing.T) {
	b := newBox(t)
	v := b.container(mount("/half", "tmpfs", "tmpfs", "size=50%"), mount("/tenth", "tmpfs", "tmpfs", "size=10%,nr_inodes=1k,mode=0711"),
		mount("/k", "tmpfs", "tmpfs", "size=8192"), script(inspection)).inspect()
	size := func(point string) int {
		for _, o := range v.mount(point).super {
			if k, ok := strings.CutPrefix(o, "size="); ok {
				n := 0
				for _, c := range strings.TrimSuffix(k, "k") {
					n = n*10 + int(c-'0')
				}
				return n
			}
		}
		return 0
	}
	half, tenth := size("/half"), size("/tenth")
	if half == 0 || half/5 < tenth-8 || half/5 > tenth+8 {
		b.Errorf("half is %dk, a tenth %dk", half, tenth)
	}
	equal(b, "size of /k", size("/k"), 8)
	hasAll(b, "options of /tenth", v.mount("/tenth").super, "nr_inodes=1024", "mode=711")
}

// What is copied into a tmpfs keeps its permissions, whatever the caller's and
// the container's umask.
func TestTmpCopyUpUmask(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/srv", "tmpfs", "tmpfs", "tmpcopyup"), script("stat -c '%n %a' /srv /srv/open /srv/open/file"),
		func(s *specs.Spec) { s.Process.User.Umask = ptr(uint32(0o077)) })
	b.write(filepath.Join(c.rootfs(), "srv/open/file"), "", 0o666)
	b.chown(filepath.Join(c.rootfs(), "srv/open/file"), 0, 0, 0o666)
	b.chown(filepath.Join(c.rootfs(), "srv/open"), 0, 0, 0o777)
	b.chown(filepath.Join(c.rootfs(), "srv"), 0, 0, 0o775)
	cmd := b.command("run", "-b", c.bundle, c.id)
	cmd.Args = append([]string{"sh", "-c", `umask 077; exec "$0" "$@"`, underTest()}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	b.finish(cmd).ok().prints("/srv 775\n/srv/open 777\n/srv/open/file 666\n")
}

// The mode option is the tmpfs's own, also where something is copied into it;
// without one it takes the covered directory's, and the kernel's default where
// there was none.
func TestTmpCopyUpMode(t *testing.T) {
	b := newBox(t)
	var mods []mod
	for _, dir := range []string{"/old", "/new"} {
		mods = append(mods, mount(dir+"/mode", "tmpfs", "tmpfs", "tmpcopyup", "mode=1770"), mount(dir+"/none", "tmpfs", "tmpfs", "tmpcopyup"))
	}
	c := b.container(append(mods, script("stat -c '%n %a' /old/* /new/*; ls /old/mode"))...)
	for _, name := range []string{"mode", "none"} {
		b.write(filepath.Join(c.rootfs(), "old", name, "file"), "", 0o644)
		b.chown(filepath.Join(c.rootfs(), "old", name), 0, 0, 0o711)
	}
	c.run().ok().prints("/old/mode 1770\n/old/none 711\n/new/mode 1770\n/new/none 1777\nfile\n")
}

// The same for containers with a user namespace, whose tmpfs is made before
// it is mounted when its ids are mapped.
func TestTmpCopyUpModeIdmapped(t *testing.T) {
	b := newBox(t)
	b.needsKernel(6, 3, "tmpfs with id mappings")
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), script("stat -c '%n %a' /new"),
		mount("/new", "tmpfs", "tmpfs", "idmap", "tmpcopyup", "mode=1770"))
	c.run().ok().prints("/new 1770\n")
}

// A user namespace that maps one id has no group 5 for terminals: the option
// is left out, with a warning.
func TestDevptsGroupUnmapped(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 1), namespace(specs.NetworkNamespace, ""), script(inspection))
	r := c.run().ok()
	b.contains("warnings", r.stderr, "mounts[2].options[5]", "gid=5", "no mapping")
	m := b.parseView(r.stdout).mount("/dev/pts")
	hasAll(b, "options of /dev/pts", m.super, "rw", "mode=620", "ptmxmode=666")
	if slices.ContainsFunc(m.super, func(o string) bool { return strings.HasPrefix(o, "gid=") }) {
		b.Errorf("options of /dev/pts: %v", m.super)
	}
}

// Terminals of two containers, and of the host, are separate.
func TestDevptsOwnInstance(t *testing.T) {
	b := newBox(t)
	b.container(noMount("/dev/pts"), mount("/dev/pts", "devpts", "devpts", "ptmxmode=0600"), script("ls /dev/pts; stat -c %a /dev/pts/ptmx; readlink /dev/ptmx")).
		run().ok().prints("ptmx\n600\npts/ptmx\n")
}

// The host's sysfs, proc and mqueue take the place of new ones that a user
// namespace may not make because their namespaces are the host's.
func TestHostFilesystemsInUserNamespace(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), noNamespace(specs.IPCNamespace), noNamespace(specs.PIDNamespace),
		script(inspection+"mkdir /sys/x 2>/dev/null || echo refused >&2; ls -d /sys/kernel /proc/1 >&2"))
	kinds := map[string]string{"/sys": "sysfs", "/proc": "proc", "/dev/mqueue": "mqueue"}
	if !strings.Contains(b.read("/proc/self/mountinfo"), " /dev/mqueue ") { // then there is none to take
		c.run().fails(1, "mounts[4] /dev/mqueue", "no such file or directory")
		delete(kinds, "/dev/mqueue")
		c.configure(c.userNamespace(100000, 65536), noNamespace(specs.IPCNamespace), noNamespace(specs.PIDNamespace), noMount("/dev/mqueue"),
			script(inspection+"mkdir /sys/x 2>/dev/null || echo refused >&2; ls -d /sys/kernel /proc/1 >&2"))
	}
	r := c.run().ok()
	equal(b, "what it could see", r.stderr, "refused\n/proc/1\n/sys/kernel\n")
	v := b.parseView(r.stdout)
	for point, fstype := range kinds {
		equal(b, point, v.mount(point).fstype, fstype)
		hasAll(b, point, v.mount(point).options, "nosuid", "nodev", "noexec")
	}
	hasAll(b, "/sys", v.mount("/sys").options, "ro")
	for _, m := range mountTable(v.sections["mountinfo"]) {
		if strings.HasPrefix(m.point, "/sys/") && !slices.Contains(m.options, "ro") {
			b.Errorf("%s is writable: %v", m.point, m.options)
		}
	}
}

// proc and sysfs are mounted on directories, not on files or links.
func TestProcOnFile(t *testing.T) {
	b := newBox(t)
	for _, name := range []string{"proc", "sys"} {
		c := b.container()
		b.remove(filepath.Join(c.rootfs(), name))
		b.write(filepath.Join(c.rootfs(), name), "", 0o644)
		c.run().fails(1, "mounts[", "/"+name, "not a directory")
	}
}

// Labels without SELinux are an error of the field or of the option.
func TestLabelsWithoutSELinux(t *testing.T) {
	if exists("/sys/fs/selinux/enforce") {
		t.Skip("SELinux is enabled here")
	}
	b := newBox(t)
	b.container(func(s *specs.Spec) { s.Linux.MountLabel = "system_u:object_r:container_file_t:s0:c1,c2" }).run().fails(1, "linux.mountLabel", "SELinux is not enabled")
	b.container(mount("/m", "tmpfs", "tmpfs", `context="system_u:object_r:tmp_t:s0:c1,c2"`)).run().fails(1, "mounts[6] /m", "context")
}
