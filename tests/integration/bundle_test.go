//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A mod changes a config before it is written.
type mod func(*specs.Spec)

// busybox is the static busybox that the roots are made of.
const busybox = "/bin/busybox"

// applets lists the commands of busybox.
var applets = sync.OnceValues(func() ([]string, error) {
	out, err := output(exec.Command(busybox, "--list"))
	return strings.Fields(out), err
})

// busyboxCopy is a copy of busybox next to the test directories, for the roots
// to hard-link.
var busyboxCopy = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(busybox)
	if err != nil {
		return "", err
	}
	path := filepath.Join(baseDir(), "busybox")
	return path, os.WriteFile(path, text, 0o755)
})

// makeBusyboxRoot makes a root filesystem of busybox, /etc/passwd, /etc/group
// and empty directories.
func makeBusyboxRoot(b *box, dir string) {
	b.Helper()
	names, err := applets()
	if err != nil {
		b.Fatalf("busybox-static is needed: %v", err)
	}
	copied, err := busyboxCopy()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"bin", "dev", "etc", "home/user", "proc", "root", "run", "sys", "tmp", "var/tmp"} {
		b.mkdir(filepath.Join(dir, name))
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Link(copied, filepath.Join(bin, "busybox")); err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		if err := os.Symlink("busybox", filepath.Join(bin, name)); err != nil && !os.IsExist(err) {
			b.Fatal(err)
		}
	}
	b.write(filepath.Join(dir, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n", 0o644)
	b.write(filepath.Join(dir, "etc/group"), "root:x:0:\nuser:x:1000:\n", 0o644)
	if err := os.Chmod(filepath.Join(dir, "tmp"), os.ModeSticky|0o777); err != nil {
		b.Fatal(err)
	}
}

// configure writes the container's config.json: the base config, changed by
// the mods.
func (c *container) configure(mods ...mod) {
	c.Helper()
	spec := baseSpec()
	spec.Linux.CgroupsPath = cgroupParent() + "/" + c.id
	for _, m := range mods {
		m(spec)
	}
	c.writeConfig(spec)
}

// writeConfig writes the container's config.json.
func (c *container) writeConfig(spec *specs.Spec) {
	c.Helper()
	text, err := json.MarshalIndent(spec, "", "\t")
	if err != nil {
		c.Fatal(err)
	}
	c.write(filepath.Join(c.bundle, "config.json"), string(text), 0o644)
}

// defaultCapabilities are the capabilities an engine usually gives.
func defaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	}
}

// baseSpec is an ordinary container: own namespaces but for the network, the
// usual mounts, masked paths and capabilities. It runs `true`.
func baseSpec() *specs.Spec {
	caps := defaultCapabilities()
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: []string{"true"},
			Env:  []string{"PATH=/bin", "TERM=xterm"},
			Cwd:  "/",
			Capabilities: &specs.LinuxCapabilities{
				Bounding: caps, Effective: caps, Permitted: caps,
			},
		},
		Hostname: "inside",
		Mounts:   baseMounts(),
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
			},
			Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug",
				"/proc/scsi", "/sys/firmware",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

func baseMounts() []specs.Mount {
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
	}
}

// args sets the command.
func args(command ...string) mod {
	return func(s *specs.Spec) { s.Process.Args = command }
}

// script sets a shell script as the command.
func script(text string) mod { return args("sh", "-c", text) }

// sleeping makes the container sleep until it is killed.
func sleeping() mod { return args("sleep", "1000") }

// env adds environment variables.
func env(variables ...string) mod {
	return func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, variables...) }
}

// mount adds a mount.
func mount(destination, kind, source string, options ...string) mod {
	return func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: destination, Type: kind, Source: source, Options: options})
	}
}

// noMount drops the mount on a destination.
func noMount(destination string) mod {
	return func(s *specs.Spec) {
		var kept []specs.Mount
		for _, m := range s.Mounts {
			if m.Destination != destination {
				kept = append(kept, m)
			}
		}
		s.Mounts = kept
	}
}

// namespace adds a namespace, or gives the one that is there a path.
func namespace(kind specs.LinuxNamespaceType, path string) mod {
	return func(s *specs.Spec) {
		noNamespace(kind)(s)
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
	}
}

// noNamespace drops a namespace, so that the container shares the host's.
func noNamespace(kind specs.LinuxNamespaceType) mod {
	return func(s *specs.Spec) {
		var kept []specs.LinuxNamespace
		for _, ns := range s.Linux.Namespaces {
			if ns.Type != kind {
				kept = append(kept, ns)
			}
		}
		s.Linux.Namespaces = kept
	}
}

// noMasks drops the masked and read-only paths.
func noMasks() mod {
	return func(s *specs.Spec) { s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil }
}

// userNamespace maps the container's ids 0..size-1 to host ids from first on,
// and makes the root filesystem theirs.
func (c *container) userNamespace(first, size uint32) mod {
	return func(s *specs.Spec) {
		ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: first, Size: size}}
		s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
		namespace(specs.UserNamespace, "")(s)
		err := filepath.WalkDir(c.rootfs(), func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, int(first), int(first))
		})
		if err != nil {
			c.Fatal(err)
		}
	}
}

func ptr[V any](v V) *V { return &v }
