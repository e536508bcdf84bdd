package hostcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

// machine is a directory that stands for the host, with the files of a kernel that has everything.
func machine(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	list := append([]string{
		"proc/sys/kernel/osrelease=6.1.0-test", "proc/filesystems=nodev\tproc\nnodev\ttmpfs\nnodev\tdevpts\nnodev\tmqueue\nnodev\tsysfs\n\text4\n",
		"proc/sys/fs/nr_open=1048576", "proc/sys/kernel/seccomp/actions_avail=kill_process kill_thread trap errno user_notif trace log allow",
		"proc/self/oom_score_adj=0", "proc/sys/kernel/shmmax=1", "sys/devices/system/cpu/online=0-3", "sys/devices/system/node/online=0",
		"lib/modules/6.1.0-test/modules.dep=kernel/fs/overlayfs/overlay.ko.xz:", "lib/modules/6.1.0-test/modules.alias=alias fs-xfs xfs",
		"proc/self/net/dev=Inter-|   Receive\n face |bytes\n    lo:       0\n  mrt0: 7\n",
	}, files...)
	for _, k := range kinds {
		list = append(list, "proc/self/ns/"+k.file+"=")
	}
	for _, f := range list {
		name, text, _ := strings.Cut(f, "=")
		write(t, filepath.Join(dir, name), text, 0o644)
	}
	return dir
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// bundle is a directory with a root filesystem that has /bin/sh, for the user root.
func bundle(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rootfs/bin/sh"), "#!", 0o755)
	write(t, filepath.Join(dir, "rootfs/bin/data"), "", 0o644)
	write(t, filepath.Join(dir, "rootfs/etc/passwd"), "root:x:0:0::/root:/bin/sh\n", 0o644)
	for link, target := range map[string]string{"rootfs/bin/link": "sh", "rootfs/bin/away": "/usr/lib/away", "outside": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const allCapabilities = 1<<41 - 1

// check returns the findings, one a line, errors and then warnings.
func check(t *testing.T, in *Input) string {
	t.Helper()
	r := Check(in)
	var lines []string
	for _, e := range r.Errors {
		lines = append(lines, e.Error())
	}
	for _, w := range r.Warnings {
		if w.Severity != specs.Warning {
			t.Errorf("%v has the severity of an error", w)
		}
		lines = append(lines, "warning: "+w.Error())
	}
	return strings.Join(lines, "\n")
}

func hook(path string) []specs.Hook { return []specs.Hook{{Path: path}} }

// TestFindings: one change to a good configuration, and exactly what is said of it.
func TestFindings(t *testing.T) {
	const missing = "/no/such/file"
	tmp := t.TempDir()
	write(t, filepath.Join(tmp, "plain"), "", 0o644)
	adj := -5
	for _, c := range []struct {
		name   string
		change func(*Input)
		want   string
	}{
		{"nothing", func(*Input) {}, ""},
		{"no process", func(in *Input) { in.Spec.Process = nil }, ""},
		{"no linux", func(in *Input) { in.Spec.Linux = nil }, ""},
		{"old kernel", func(in *Input) { write(t, in.Host+"/proc/sys/kernel/osrelease", "5.10.7", 0o644) }, `kernel ("5.10.7"): too old, Linux 5.12 or newer is needed`},
		{"root", func(in *Input) { in.Spec.Root.Path = "nope" }, `root.path ("nope"): no such file or directory`},
		{"root is a file", func(in *Input) { in.Spec.Root.Path = "rootfs/bin/sh" }, `root.path ("rootfs/bin/sh"): not a directory`},
		{"root outside", func(in *Input) { in.Spec.Root.Path = "outside"; in.Bundle = strings.TrimSuffix(in.Bundle, "/") }, `root.path ("outside"): leads out of the bundle BUNDLE`},
		{"source", func(in *Input) { mount(in, "/x", "", missing, "rbind") }, `mounts[LAST].source ("/no/such/file"): no such file or directory`},
		{"relative source", func(in *Input) { mount(in, "/x", "", "nope", "bind") }, `mounts[LAST].source ("nope"): no such file or directory`},
		{"dangling source", func(in *Input) { mount(in, "/x", "", "rootfs/bin/away", "bind") }, `mounts[LAST].source ("rootfs/bin/away"): no such file or directory`},
		{"dangling source itself", func(in *Input) { mount(in, "/x", "", "rootfs/bin/away", "bind", "src-nofollow") }, ""},
		{"source of another process", func(in *Input) { mount(in, "/x", "", "/proc/self/nope", "bind") }, ""},
		{"filesystem", func(in *Input) { mount(in, "/x", "nopefs", "none") }, `mounts[LAST].type ("nopefs"): this kernel has no such filesystem`},
		{"module", func(in *Input) { mount(in, "/x", "overlay", "none") }, ""},
		{"alias of a module", func(in *Input) { mount(in, "/x", "xfs", "none") }, ""},
		{"remount", func(in *Input) { mount(in, "/x", "nopefs", missing, "remount") }, ""},
		{"joined mount namespace", func(in *Input) {
			in.Spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace, Path: "/proc/self/ns/mnt"}}
			in.Spec.Root.Path = "nope"
			mount(in, "/x", "", missing, "bind")
		}, ""},
		{"hooks", func(in *Input) {
			in.Spec.Hooks = &specs.Hooks{
				Prestart: hook(missing), CreateRuntime: hook(tmp), CreateContainer: hook(tmp + "/plain"), Poststart: hook(missing), Poststop: hook("/bin/sh"),
				StartContainer: hook("/bin/nope"),
			}
		}, `hooks.prestart[0].path ("/no/such/file"): no such file or directory
hooks.createRuntime[0].path ("TMP"): is a directory
hooks.createContainer[0].path ("TMP/plain"): permission denied: it is not executable
hooks.poststart[0].path ("/no/such/file"): no such file or directory
hooks.startContainer[0].path ("/bin/nope"): no such file or directory in the root filesystem`},
		{"program", func(in *Input) { in.Spec.Process.Args = []string{"nope"} }, `process.args[0] ("nope"): executable file not found in $PATH`},
		{"program by path", func(in *Input) { in.Spec.Process.Args = []string{"/bin/nope"} }, `process.args[0] ("/bin/nope"): no such file or directory`},
		{"program by relative path", func(in *Input) { in.Spec.Process.Args, in.Spec.Process.Cwd = []string{"./sh"}, "/bin" }, ""},
		{"program by link", func(in *Input) { in.Spec.Process.Args = []string{"link"} }, ""},
		{"program by dangling link", func(in *Input) { in.Spec.Process.Args = []string{"away"} }, `process.args[0] ("away"): executable file not found in $PATH`},
		{"program perhaps below a mount", func(in *Input) { in.Spec.Process.Args = []string{"away"}; mount(in, "/usr", "tmpfs", "x") }, ""},
		{"program below a mount", func(in *Input) { in.Spec.Process.Args = []string{"nope"}; mount(in, "/bin", "tmpfs", "x") }, ""},
		{"program without rights", func(in *Input) { in.Spec.Process.Args = []string{"data"} }, `process.args[0] ("data"): /bin/data: permission denied: it is not executable`},
		{"program is a directory", func(in *Input) { in.Spec.Process.Args = []string{"/bin"} }, `process.args[0] ("/bin"): is a directory`},
		{"cwd", func(in *Input) { in.Spec.Process.Cwd = "/bin/sh" }, `process.cwd ("/bin/sh"): not a directory`},
		{"cwd below a file", func(in *Input) { in.Spec.Process.Cwd = "/bin/sh/x" }, `process.cwd ("/bin/sh/x"): not a directory`},
		{"cwd to be made", func(in *Input) { in.Spec.Process.Cwd = "/srv/new" }, ""},
		{"user", func(in *Input) { in.Spec.Process.User.UID = 7 }, `warning: process.user.uid: 7 is not in /etc/passwd, so that HOME will be "/"`},
		{"user with HOME", func(in *Input) {
			in.Spec.Process.User.UID = 7
			in.Spec.Process.Env = append(in.Spec.Process.Env, "HOME=/x")
		}, ""},
		{"namespace kind", func(in *Input) { os.Remove(in.Host + "/proc/self/ns/uts") }, `linux.namespaces[0].type ("uts"): this kernel has no such namespaces`},
		{"namespaces forbidden", func(in *Input) { write(t, in.Host+"/proc/sys/user/max_uts_namespaces", "0", 0o644) }, `linux.namespaces[0].type ("uts"): none may be made, as /proc/sys/user/max_uts_namespaces is 0`},
		{"namespace path", func(in *Input) { in.Spec.Linux.Namespaces[0].Path = missing }, `linux.namespaces[0].path ("/no/such/file"): no such file or directory`},
		{"namespace of another kind", func(in *Input) { in.Spec.Linux.Namespaces[0].Path = "/proc/self/ns/ipc" }, `linux.namespaces[0].path ("/proc/self/ns/ipc"): is not a uts namespace`},
		{"namespace that is none", func(in *Input) { in.Spec.Linux.Namespaces[0].Path = tmp + "/plain" }, `linux.namespaces[0].path ("TMP/plain"): is not a uts namespace`},
		{"namespace of the host that would change", func(in *Input) {
			in.Spec.Linux.Namespaces[0].Path = "/proc/self/ns/uts"
			in.Spec.Hostname = ""
			in.Spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel/domainname": "x"}
			write(t, in.Host+"/proc/sys/kernel/domainname", "", 0o644)
			write(t, in.Host+"/proc/sys/net/ipv4/ip_forward", "", 0o644)
		}, `linux.namespaces[0].path ("/proc/self/ns/uts"): is the uts namespace of the host, which linux.sysctl["kernel/domainname"] would change`},
		{"namespace", func(in *Input) { in.Spec.Linux.Namespaces[0].Path = "/proc/self/ns/uts"; in.Spec.Hostname = "" }, ""},
		{
			"namespace of the host with a hostname", func(in *Input) { in.Spec.Linux.Namespaces[0].Path = "/proc/self/ns/uts" },
			`linux.namespaces[0].path ("/proc/self/ns/uts"): is the uts namespace of the host, which hostname would change`,
		},
		{"no rights", func(in *Input) { in.Capabilities = 0 }, "linux.namespaces: without a user namespace the caller needs CAP_SYS_ADMIN"},
		{"rlimit", func(in *Input) {
			in.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 1048577}, {Type: "RLIMIT_NOPE", Hard: 1 << 63}}
		}, "process.rlimits[0].hard: 1048577 is more than /proc/sys/fs/nr_open allows, 1048576"},
		{"rights of the process", func(in *Input) {
			in.Capabilities = 1 << 21
			in.Spec.Process.OOMScoreAdj = &adj
			in.Spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Nice: 19} // nobody has more
			in.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "c"}, {Path: "/dev/y", Type: "p"}}
		}, `process.oomScoreAdj ("-5"): is less than the caller's own, 0, which needs CAP_SYS_RESOURCE
process.scheduler.policy ("SCHED_DEADLINE"): needs CAP_SYS_NICE
linux.devices[0]: to make a device node, the caller needs CAP_MKNOD`},
		{"apparmor", func(in *Input) {
			write(t, in.Host+"/sys/kernel/security/apparmor/profiles", "docker-default (enforce)\nother (complain)\n", 0o644)
			in.Spec.Process.ApparmorProfile = "docker"
		}, `process.apparmorProfile ("docker"): is not loaded`},
		{"apparmor loaded", func(in *Input) {
			write(t, in.Host+"/sys/kernel/security/apparmor/profiles", "docker-default (enforce)\nother (complain)\n", 0o644)
			in.Spec.Process.ApparmorProfile = "other"
		}, ""},
		{"devices of the host", func(in *Input) {
			in.Spec.Linux.Namespaces = append(in.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			in.Spec.Linux.Devices = []specs.LinuxDevice{
				{Path: "/dev/null", Type: "c", Major: 1, Minor: 3},
				{Path: "/dev/null", Type: "c", Major: 1, Minor: 4},
				{Path: "/dev/null", Type: "b", Major: 1, Minor: 3},
				{Path: "/dev/nope", Type: "b"},
			}
		}, `linux.devices[1].path ("/dev/null"): is another device on the host, and in a user namespace devices are those of the host
linux.devices[2].path ("/dev/null"): is another device on the host, and in a user namespace devices are those of the host
linux.devices[3].path ("/dev/nope"): no such file or directory; in a user namespace devices are those of the host`},
		{"network devices", func(in *Input) {
			in.Spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{"lo": {}, "mrt0": {}, "eth7": {}}
		}, `linux.netDevices.eth7: the host has no such network device
linux.netDevices.lo: each network namespace has a loopback device of its own, which cannot be moved`},
		{"long strings", func(in *Input) {
			long := strings.Repeat("x", 32*os.Getpagesize()-1)
			in.Spec.Process.Args = []string{"sh", long, long + "x"}
			in.Spec.Process.Env = []string{"A=" + long[2:], "A=" + long}
		}, fmt.Sprintf("process.args[2]: %[1]d bytes long, execve(2) takes %[2]d at most\nprocess.env[1]: %[3]d bytes long, execve(2) takes %[2]d at most",
			32*os.Getpagesize(), 32*os.Getpagesize()-1, 32*os.Getpagesize()+1)},
		{"processes", func(in *Input) {
			in.Spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: new(int64(4194304))}}
		}, ""},
		{"too many processes", func(in *Input) {
			in.Spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: new(int64(4194305))}}
		}, `linux.resources.pids.limit ("4194305"): above 4194304, the most that Linux takes`},
		{"block devices", func(in *Input) {
			write(t, in.Host+"/sys/dev/block/8:0/size", "", 0o644)
			write(t, in.Host+"/sys/dev/block/8:1/partition", "1", 0o644)
			at := func(minor int64) (d specs.LinuxThrottleDevice) { d.Major, d.Minor = 8, minor; return d }
			w := specs.LinuxWeightDevice{Weight: new(uint16(10))}
			w.Major, w.Minor = 8, 1
			in.Spec.Linux.Resources = &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
				WeightDevice: []specs.LinuxWeightDevice{w}, ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{at(0)},
				ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{at(0), at(7)},
			}}
		}, `linux.resources.blockIO.weightDevice[0] ("8:1"): a partition: the kernel limits whole disks only
linux.resources.blockIO.throttleWriteIOPSDevice[1] ("8:7"): this machine has no such block device`},
		{"block devices without sysfs", func(in *Input) {
			var d specs.LinuxThrottleDevice
			in.Spec.Linux.Resources = &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{d}}}
		}, ""},
		{"device of a filesystem", func(in *Input) {
			mount(in, "/x", "ext4", missing)
			mount(in, "/x", "tmpfs", missing)
			mount(in, "/x", "ext4", "LABEL=x")
		}, `mounts[LAST].source ("/no/such/file"): no such file or directory`},
		{"overlay", func(in *Input) {
			mount(in, "/x", "overlay", "none", "lowerdir="+tmp+"::/nope:rel", "upperdir=/up", "workdir="+in.Bundle+"/rootfs/later", `lowerdir+=/a\,b`, "volatile")
		}, `mounts[LAST].options[0] ("/nope"): no such file or directory
mounts[LAST].options[1] ("/up"): no such file or directory`},
		{"sysctl", func(in *Input) {
			in.Spec.Linux.Sysctl = map[string]string{"kernel.shmmax": "1", "kernel.shmnope": "1", "net.ipv4.conf.eth0.mtu": "1", "kernel.anope": "1"}
		}, "linux.sysctl[\"kernel.anope\"]: this kernel has no such parameter\nlinux.sysctl[\"kernel.shmnope\"]: this kernel has no such parameter"},
		{"seccomp", func(in *Input) {
			write(t, in.Host+"/proc/sys/kernel/seccomp/actions_avail", "kill_thread trap errno trace allow", 0o644)
			in.SeccompFlags = []string{"SECCOMP_FILTER_FLAG_LOG"}
			in.Spec.Linux.Seccomp = &specs.LinuxSeccomp{
				DefaultAction: specs.ActLog, ListenerPath: tmp + "/plain",
				Flags:    []specs.LinuxSeccompFlag{specs.SeccompFlagLog, specs.SeccompFlagSpecAllow, "NOPE"},
				Syscalls: []specs.LinuxSyscall{{Action: specs.ActKill}, {Action: specs.ActNotify}, {Action: specs.ActKillProcess}, {Action: "NOPE"}},
			}
		}, `linux.seccomp.defaultAction ("SCMP_ACT_LOG"): this kernel has no such action
linux.seccomp.syscalls[1].action ("SCMP_ACT_NOTIFY"): this kernel has no such action
linux.seccomp.syscalls[2].action ("SCMP_ACT_KILL_PROCESS"): this kernel has no such action
linux.seccomp.flags[1] ("SECCOMP_FILTER_FLAG_SPEC_ALLOW"): this kernel does not take it
linux.seccomp.listenerPath ("TMP/plain"): is not a socket`},
		{"real time without running time", func(in *Input) {
			write(t, in.Host+"/cgroup/cpu.rt_runtime_us", "950000\n", 0o644)
			write(t, in.Host+"/cgroup/none/cpu.rt_runtime_us", "0\n", 0o644)
			in.Spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Priority: 1}
			in.Cgroup = &cgroups.Record{Dirs: []cgroups.Dir{{Version: 1, Controllers: []string{"cpu"}, MountPoint: in.Host + "/cgroup", Path: "/none"}}}
		}, `process.scheduler.policy ("SCHED_RR"): the cgroup has no real-time running time: it needs linux.resources.cpu.realtimeRuntime`},
		{"real time with running time", func(in *Input) {
			write(t, in.Host+"/cgroup/cpu.rt_runtime_us", "950000\n", 0o644)
			write(t, in.Host+"/cgroup/some/cpu.rt_runtime_us", "1000\n", 0o644)
			in.Spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Priority: 1}
			in.Cgroup = &cgroups.Record{Dirs: []cgroups.Dir{{Version: 1, Controllers: []string{"cpu"}, MountPoint: in.Host + "/cgroup", Path: "/some"}}}
		}, ""},
		{"real time on a kernel that does not count it", func(in *Input) {
			write(t, in.Host+"/cgroup/tasks", "", 0o644)
			in.Spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 1}
			in.Cgroup = &cgroups.Record{Dirs: []cgroups.Dir{{Version: 1, Controllers: []string{"cpu"}, MountPoint: in.Host + "/cgroup", Path: "/new"}}}
		}, ""},
		{"processors", func(in *Input) {
			in.Spec.Linux.Resources = &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "1,3-4", Mems: "0"}}
		}, `linux.resources.cpu.cpus ("1,3-4"): this machine has the CPUs 0-3 only`},
		{"cgroup", func(in *Input) {
			tree := in.Host + "/cgroup"
			write(t, tree+"/taken/cgroup.procs", "7\n", 0o644)
			write(t, tree+"/taken/cgroup.controllers", "memory pids\n", 0o644)
			write(t, tree+"/taken/memory.max", "", 0o644)
			in.Spec.Linux.CgroupsPath = "/taken/web"
			in.Cgroup = &cgroups.Record{Dirs: []cgroups.Dir{{Version: 2, Controllers: []string{"memory", "pids", "io"}, MountPoint: tree, Path: "/taken/web"}}}
			in.Writes = []cgroups.Write{
				{Field: "linux.resources.memory.limit", Controller: "memory", File: "memory.max"},
				{Field: "linux.resources.memory.swap", Controller: "memory", File: "memory.swap.max"},
				{Field: "linux.resources.hugepageLimits[0]", Controller: "memory", File: "memory.nope", OnMissing: cgroups.Skip},
				{Field: "linux.resources.pids.limit", Controller: "memory", File: "nope", Else: &cgroups.Write{File: "memory.max"}},
				{Field: "linux.resources.blockIO.weight", Controller: "io", File: "io.weight"},
			}
		}, "linux.resources.memory.swap: this kernel has no memory.swap.max"},
		{"cgroup of others", func(in *Input) {
			tree := in.Host + "/cgroup"
			write(t, tree+"/taken/cgroup.procs", "7\n", 0o644)
			in.Spec.Linux.CgroupsPath = "/taken"
			in.Cgroup = &cgroups.Record{Dirs: []cgroups.Dir{{Version: 1, Controllers: []string{"pids"}, MountPoint: tree, Path: "/taken"}}}
		}, `linux.cgroupsPath ("/taken"): there are processes in HOST/cgroup/taken already`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			spec := specs.Default()
			spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}}
			in := &Input{Spec: spec, Bundle: bundle(t), Capabilities: allCapabilities, Host: machine(t)}
			c.change(in)
			want := strings.NewReplacer("BUNDLE", in.Bundle, "TMP", tmp, "HOST", in.Host).Replace(c.want)
			want = strings.ReplaceAll(want, "LAST", "7")
			if got := check(t, in); got != want {
				t.Errorf("found:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func mount(in *Input, destination, fstype, source string, options ...string) {
	in.Spec.Mounts = append(in.Spec.Mounts, specs.Mount{Destination: destination, Type: fstype, Source: source, Options: options})
}

func TestNumbers(t *testing.T) {
	for list, want := range map[string]int{"": 0, "0": 1, "0-3,7": 5, " 1 - 2 ": 2, "x": 0, "3-": 0, "-1": 0, "0-99999999": 0} {
		if got := len(numbers(list)); got != want {
			t.Errorf("%q: %d numbers, want %d", list, got, want)
		}
	}
}
