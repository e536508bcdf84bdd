package hostcheck

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// The oldest kernel that has all that every container needs: mount_setattr(2) came with Linux 5.12.
const minMajor, minMinor = 5, 12

func (c *checker) kernel() {
	text := c.read("/proc/sys/kernel/osrelease")
	var major, minor int
	if n, _ := fmt.Sscanf(text, "%d.%d", &major, &minor); n == 2 && (major < minMajor || major == minMajor && minor < minMinor) {
		c.fail("kernel", text, "too old, Linux %d.%d or newer is needed", minMajor, minMinor)
	}
}

// read returns the text of one of the machine's files without white space around it, "" where it cannot be read.
func (c *checker) read(p string) string {
	b, err := os.ReadFile(c.host(p))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// kind is a kind of namespace with the names that the kernel gives it.
type kind struct {
	kind          specs.LinuxNamespaceType
	file, maximum string
	flag          int
}

var kinds = []kind{
	{specs.PIDNamespace, "pid", "max_pid_namespaces", unix.CLONE_NEWPID},
	{specs.NetworkNamespace, "net", "max_net_namespaces", unix.CLONE_NEWNET},
	{specs.MountNamespace, "mnt", "max_mnt_namespaces", unix.CLONE_NEWNS},
	{specs.IPCNamespace, "ipc", "max_ipc_namespaces", unix.CLONE_NEWIPC},
	{specs.UTSNamespace, "uts", "max_uts_namespaces", unix.CLONE_NEWUTS},
	{specs.UserNamespace, "user", "max_user_namespaces", unix.CLONE_NEWUSER},
	{specs.CgroupNamespace, "cgroup", "max_cgroup_namespaces", unix.CLONE_NEWCGROUP},
	{specs.TimeNamespace, "time", "max_time_namespaces", unix.CLONE_NEWTIME},
}

func (c *checker) namespaces() {
	for i, ns := range c.linux.Namespaces {
		at := slices.IndexFunc(kinds, func(k kind) bool { return k.kind == ns.Type })
		if at < 0 {
			continue
		}
		field, k := index("linux.namespaces", i), kinds[at]
		switch {
		case !exists(c.host("/proc/self/ns/" + k.file)):
			c.fail(field+".type", string(ns.Type), "this kernel has no such namespaces")
		case ns.Path != "":
			c.joined(field+".path", ns, k.flag)
		case c.read("/proc/sys/user/"+k.maximum) == "0":
			c.fail(field+".type", string(ns.Type), "none may be made, as /proc/sys/user/%s is 0", k.maximum)
		}
	}
}

// joined looks at the file of a namespace.
func (c *checker) joined(field string, ns specs.LinuxNamespace, flag int) {
	fd, err := unix.Open(ns.Path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		c.failErrno(field, ns.Path, err)
		return
	}
	defer unix.Close(fd)
	if got, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err != nil || got != flag {
		c.fail(field, ns.Path, "is not a %s namespace", ns.Type)
		return
	}
	if change := Changes(c.Spec, ns.Type); change != "" {
		if own, err := Own(fd, ns.Type); err == nil && own {
			c.fail(field, ns.Path, "is the %s namespace of the host, which %s would change", ns.Type, change)
		}
	}
}

// rights are what the caller must be allowed to.
func (c *checker) rights() {
	_, userns := c.has(specs.UserNamespace)
	if !c.can(unix.CAP_SYS_ADMIN) && !userns {
		c.fail("linux.namespaces", "", "without a user namespace the caller needs CAP_SYS_ADMIN")
	}
	p := c.Spec.Process
	if p == nil {
		return
	}
	c.rlimits(p)
	if adj := p.OOMScoreAdj; adj != nil && !c.can(unix.CAP_SYS_RESOURCE) {
		if own, err := strconv.Atoi(c.read("/proc/self/oom_score_adj")); err == nil && *adj < own {
			c.fail("process.oomScoreAdj", strconv.Itoa(*adj), "is less than the caller's own, %d, which needs CAP_SYS_RESOURCE", own)
		}
	}
	nice := c.can(unix.CAP_SYS_NICE)
	if s := p.Scheduler; s != nil && !nice {
		if s.Policy == specs.SchedDeadline || (s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR) && limit(unix.RLIMIT_RTPRIO) == 0 {
			c.fail("process.scheduler.policy", string(s.Policy), "needs CAP_SYS_NICE")
		}
		if least := leastNice(); int(s.Nice) < least {
			c.fail("process.scheduler.nice", strconv.Itoa(int(s.Nice)), "less than %d needs CAP_SYS_NICE", least)
		}
	}
	if io := p.IOPriority; io != nil && io.Class == specs.IOPrioClassRT && !nice && !c.can(unix.CAP_SYS_ADMIN) {
		c.fail("process.ioPriority.class", string(io.Class), "needs CAP_SYS_NICE")
	}
	if name := p.ApparmorProfile; name != "" && name != "unconfined" && !strings.Contains(name, "//&") {
		if loaded := c.read("/sys/kernel/security/apparmor/profiles"); loaded != "" && !strings.Contains("\n"+loaded, "\n"+name+" (") {
			c.fail("process.apparmorProfile", name, "is not loaded")
		}
	}
}

// leastNice is the least value that the caller may have without CAP_SYS_NICE: its own, or what RLIMIT_NICE allows (see getrlimit(2)).
func leastNice() int {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the value, as the kernel returns it
	if err != nil {
		return -20
	}
	return min(20-own, 20-int(min(limit(unix.RLIMIT_NICE), 40)))
}

// limit returns the caller's hard limit.
func limit(resource int) uint64 {
	var l unix.Rlimit
	if err := unix.Prlimit(0, resource, nil, &l); err != nil {
		return unix.RLIM_INFINITY
	}
	return l.Max
}

func (c *checker) rlimits(p *specs.Process) {
	for i, l := range p.Rlimits {
		n, ok := specs.RlimitNumber(l.Type)
		if !ok {
			continue
		}
		field := index("process.rlimits", i) + ".hard"
		most, err := strconv.ParseUint(c.read("/proc/sys/fs/nr_open"), 10, 64)
		switch own := limit(n); {
		case n == unix.RLIMIT_NOFILE && err == nil && l.Hard > most:
			c.fail(field, "", "%d is more than /proc/sys/fs/nr_open allows, %d", l.Hard, most)
		case l.Hard > own && !c.can(unix.CAP_SYS_RESOURCE):
			c.fail(field, "", "%d is more than the caller's own limit, %d, which needs CAP_SYS_RESOURCE", l.Hard, own)
		}
	}
}

// sysctls looks for the files. Names of network interfaces are not known before there are any.
func (c *checker) sysctls() {
	for _, name := range slices.Sorted(maps.Keys(c.linux.Sysctl)) {
		p, ok := specs.SysctlPath(name)
		if !ok || strings.HasPrefix(p, "net/") && (strings.Contains(p, "/conf/") || strings.Contains(p, "/neigh/")) {
			continue
		}
		if !exists(c.host("/proc/sys/" + p)) {
			c.fail(specs.Member("linux.sysctl", name), "", "this kernel has no such parameter")
		}
	}
}

// actionWord is the word for an action in /proc/sys/kernel/seccomp/actions_avail, see seccomp(2); "" for an unknown one.
func actionWord(a specs.LinuxSeccompAction) string {
	switch a {
	case specs.ActKill:
		return "kill_thread"
	case specs.ActNotify:
		return "user_notif"
	}
	if slices.Contains(specs.SeccompActions(), a) {
		return strings.ToLower(strings.TrimPrefix(string(a), "SCMP_ACT_"))
	}
	return ""
}

func (c *checker) seccomp() {
	s := c.linux.Seccomp
	if s == nil {
		return
	}
	available := strings.Fields(c.read("/proc/sys/kernel/seccomp/actions_avail"))
	action := func(field string, a specs.LinuxSeccompAction) {
		if word := actionWord(a); word != "" && len(available) > 0 && !slices.Contains(available, word) {
			c.fail(field, string(a), "this kernel has no such action")
		}
	}
	action("linux.seccomp.defaultAction", s.DefaultAction)
	for i := range s.Syscalls {
		action(index("linux.seccomp.syscalls", i)+".action", s.Syscalls[i].Action)
	}
	for i, f := range s.Flags {
		if c.SeccompFlags != nil && slices.Contains(specs.SeccompFlags(), f) && !slices.Contains(c.SeccompFlags, string(f)) {
			c.fail(index("linux.seccomp.flags", i), string(f), "this kernel does not take it")
		}
	}
	if s.ListenerPath != "" {
		var st unix.Stat_t
		switch err := unix.Stat(s.ListenerPath, &st); {
		case err != nil:
			c.failErrno("linux.seccomp.listenerPath", s.ListenerPath, err)
		case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
			c.fail("linux.seccomp.listenerPath", s.ListenerPath, "is not a socket")
		}
	}
}
