package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// allowedSyscalls are the names of the profile: what is left of the x86 tables without those that engines refuse.
//
//go:embed testdata/syscalls.txt
var allowedSyscalls string

// memoryLimit is that of every container but those of the memory search. floor/floor.c sets the same limits.
const memoryLimit = 256 << 20

// container is what differs between the containers of the benchmark.
type container struct {
	args    []string
	cgroup  string
	memory  int64 // bytes
	seccomp bool
}

// writeConfig puts the config.json of c into the bundle directory.
func writeConfig(bundle, rootfs string, c container) error {
	text, err := json.MarshalIndent(config(rootfs, c), "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bundle, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644)
}

// config is a container as containerd and Docker write it by default, with all six namespaces and with limits.
func config(rootfs string, c container) *specs.Spec {
	spec := &specs.Spec{
		Version:  "1.0.2",
		Hostname: "bench",
		Root:     &specs.Root{Path: rootfs},
		Process: &specs.Process{
			Args:            c.args,
			Env:             []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
			Cwd:             "/",
			NoNewPrivileges: true,
			Capabilities:    capabilities(),
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
		},
		Mounts: mounts(),
		Linux: &specs.Linux{
			CgroupsPath: c.cgroup,
			Resources:   resources(c.memory),
			MaskedPaths: []string{
				"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
				"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	for _, kind := range []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace,
		specs.MountNamespace, specs.NetworkNamespace, specs.CgroupNamespace,
	} {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
	}
	if c.seccomp {
		spec.Linux.Seccomp = seccompProfile()
	}
	return spec
}

func capabilities() *specs.LinuxCapabilities {
	kept := []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	}
	return &specs.LinuxCapabilities{Bounding: kept, Effective: kept, Permitted: kept}
}

func mounts() []specs.Mount {
	row := func(target, kind, source, options string) specs.Mount {
		return specs.Mount{Destination: target, Type: kind, Source: source, Options: strings.Split(options, ",")}
	}
	return []specs.Mount{
		row("/proc", "proc", "proc", "nosuid,noexec,nodev"),
		row("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
		row("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
		row("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
		row("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
		row("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
		row("/run", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
	}
}

func resources(memory int64) *specs.LinuxResources {
	var (
		shares, period uint64 = 1024, 100000
		quota, pids    int64  = 100000, 512
	)
	r := &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: &memory},
		CPU:     &specs.LinuxCPU{Shares: &shares, Quota: &quota, Period: &period},
		Pids:    &specs.LinuxPids{Limit: &pids},
		Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
	}
	for _, number := range [][2]int64{{1, 5}, {1, 3}, {1, 9}, {1, 8}, {1, 7}, {5, 0}, {5, 2}, {136, -1}} {
		rule := specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &number[0], Access: "rwm"}
		if number[1] >= 0 {
			rule.Minor = &number[1]
		}
		r.Devices = append(r.Devices, rule)
	}
	return r
}

// seccompProfile has the size and the shape of Docker's: some hundred names, and a few calls by their arguments.
func seccompProfile() *specs.LinuxSeccomp {
	var refused uint = 1
	allow := func(argument *specs.LinuxSeccompArg, names ...string) specs.LinuxSyscall {
		rule := specs.LinuxSyscall{Names: names, Action: specs.ActAllow}
		if argument != nil {
			rule.Args = []specs.LinuxSeccompArg{*argument}
		}
		return rule
	}
	profile := &specs.LinuxSeccomp{
		DefaultAction:   specs.ActErrno,
		DefaultErrnoRet: &refused,
		Architectures:   []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
		Syscalls: []specs.LinuxSyscall{
			allow(nil, strings.Fields(allowedSyscalls)...),
			allow(&specs.LinuxSeccompArg{Index: 0, Value: 40, Op: specs.OpNotEqual}, "socket"),
			allow(&specs.LinuxSeccompArg{Index: 0, Value: 0x7e020000, Op: specs.OpMaskedEqual}, "clone"),
		},
	}
	for _, persona := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} {
		argument := &specs.LinuxSeccompArg{Index: 0, Value: persona, Op: specs.OpEqualTo}
		profile.Syscalls = append(profile.Syscalls, allow(argument, "personality"))
	}
	return profile
}

// makeRoot makes a root filesystem of busybox, statically linked.
func makeRoot(rootfs, busybox string) error {
	text, err := os.ReadFile(busybox)
	if err != nil {
		return fmt.Errorf("busybox: %w", err)
	}
	for _, dir := range []string{"bin", "dev", "etc", "proc", "run", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(rootfs, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(rootfs, "bin/busybox"), text, 0o755); err != nil {
		return err
	}
	for _, applet := range []string{"sh", "sleep", "true"} {
		if err := os.Symlink("busybox", filepath.Join(rootfs, "bin", applet)); err != nil {
			return err
		}
	}
	return nil
}
