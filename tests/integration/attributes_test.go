//go:build integration

package integration

import (
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func memoryPolicy(p specs.LinuxMemoryPolicy) mod {
	return func(s *specs.Spec) { s.Linux.MemoryPolicy = &p }
}

// The policy holds for the program and for what exec adds; the kernel names it beside each mapping.
func TestMemoryPolicy(t *testing.T) {
	if !exists("/proc/self/numa_maps") {
		t.Skip("this kernel has no NUMA")
	}
	b := newBox(t)
	const show = "cat /proc/self/numa_maps"
	for mode, want := range map[specs.MemoryPolicyModeType]string{
		"MPOL_BIND": "bind", "MPOL_INTERLEAVE": "interleave", "MPOL_PREFERRED": "prefer", "MPOL_PREFERRED_MANY": "prefer (many)",
	} {
		out := b.container(memoryPolicy(specs.LinuxMemoryPolicy{Mode: mode, Nodes: "0"}), script(show)).run().ok().stdout
		b.contains(string(mode), out, " "+want+":0 ")
	}
	out := b.container(memoryPolicy(specs.LinuxMemoryPolicy{
		Mode: "MPOL_BIND", Nodes: "0", Flags: []specs.MemoryPolicyFlagType{"MPOL_F_STATIC_NODES"},
	}), script(show)).run().ok().stdout
	b.contains("flags", out, " bind=static:0 ")
	for _, mode := range []specs.MemoryPolicyModeType{"MPOL_LOCAL", "MPOL_DEFAULT"} {
		want := map[specs.MemoryPolicyModeType]string{"MPOL_LOCAL": "local", "MPOL_DEFAULT": "default"}[mode]
		out := b.container(memoryPolicy(specs.LinuxMemoryPolicy{Mode: mode}), script(show)).run().ok().stdout
		b.contains(string(mode), out, " "+want+" ")
	}
	c := b.sleeper(memoryPolicy(specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0"}))
	b.contains("exec", c.exec("cat", "/proc/self/numa_maps").ok().stdout, " bind:0 ")
	b.container(memoryPolicy(specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "1023"})).run().
		fails(1, "linux.memoryPolicy: set_mempolicy: invalid argument")
}

// processors runs an exec with an affinity and returns the processors of its program.
func (c *container) processors(a *specs.CPUAffinity) result {
	c.Helper()
	file := c.processFile(specs.Process{
		Args: []string{"sed", "-n", `s/^Cpus_allowed_list:\t//p`, "/proc/self/status"}, Env: []string{"PATH=/bin"}, Cwd: "/", ExecCPUAffinity: a,
	})
	return c.do("exec", "--process", file, c.id)
}

func TestExecCPUAffinity(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("one processor leaves no choice")
	}
	b := newBox(t)
	c := b.sleeper()
	c.processors(&specs.CPUAffinity{Final: "1"}).ok().prints("1\n")
	c.processors(&specs.CPUAffinity{Initial: "1", Final: "0"}).ok().prints("0\n")
	c.processors(&specs.CPUAffinity{Initial: "0", Final: "0-1,5000-5003"}).ok().prints("0-1\n")
	c.processors(&specs.CPUAffinity{Initial: "4000"}).fails(255, "process.execCPUAffinity.initial: sched_setaffinity: invalid argument")
	c.processors(&specs.CPUAffinity{Final: "4000"}).fails(255, "process.execCPUAffinity.final: sched_setaffinity: invalid argument")
	equal(b, "processes", len(psPids(c)), 1)
}

// Where an exec begins is not changed behind its back: what the caller is bound to has no part in it, what initial says has.
func TestExecCPUAffinityInitial(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("one processor leaves no choice")
	}
	b := newBox(t)
	c := b.sleeper()
	all := c.processors(nil).ok().stdout
	one := c.processors(&specs.CPUAffinity{Initial: "1"}).ok().stdout
	if one != "1\n" && one != all { // kernels before 6.2 give a process that is moved all processors of the new cpuset
		b.Errorf("processors %q, want 1 or %q", one, all)
	}
	cmd := c.command("exec", c.id, "sed", "-n", `s/^Cpus_allowed_list:\t//p`, "/proc/self/status")
	cmd.Args = append([]string{"taskset", "-c", "0", underTest()}, cmd.Args[1:]...)
	path, err := lookPath("taskset")
	if err != nil {
		t.Skip("no taskset(1): " + err.Error())
	}
	cmd.Path = path
	b.finish(cmd).ok().prints(all)
}

// The container's first process is not concerned.
func TestExecCPUAffinityOfCreate(t *testing.T) {
	b := newBox(t)
	show := args("sed", "-n", `s/^Cpus_allowed_list:\t//p`, "/proc/self/status")
	want := b.container(show).run().ok().stdout
	b.container(show, func(s *specs.Spec) {
		s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "4000", Final: "0"}
	}).run().ok().prints(want)
}

// A personality is the container's: what exec adds has it too.
func TestPersonality(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} })
	equal(b, "personality of the process", strings.TrimSpace(b.read(procPath(c.pid(), "personality"))), "00000008")
	c.exec("cat", "/proc/self/personality").ok().prints("00000008\n")
	b.container(script("cat /proc/self/personality")).run().ok().prints("00000000\n")
}

// With no more descriptors than the standard ones, the program is found and executed all the same, with its user's home.
func TestRlimitFewFiles(t *testing.T) {
	b := newBox(t)
	for _, soft := range []uint64{0, 3, 4, 63} {
		b.container(script("echo $HOME; ulimit -S -n; ulimit -H -n"), user(1000, 1000), func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: soft, Hard: soft + 1}}
		}).run().ok().prints("/home/user\n" + itoa(int(soft)) + "\n" + itoa(int(soft)+1) + "\n")
	}
}

// Containers of one id under different roots have a session keyring each; what exec adds shares its container's.
func TestKeyrings(t *testing.T) {
	if !exists("/proc/keys") {
		t.Skip("this kernel has no keyrings")
	}
	b := newBox(t)
	c := b.container(noMasks(), sleeping())
	show := "grep -c ' _ses\\." + c.id + "[.:]' /proc/keys" // root sees those of all containers
	c.runDetached().ok()
	c.exec("sh", "-c", show).ok().prints("1\n")
	c.configure(noMasks(), script(show), func(s *specs.Spec) { s.Linux.CgroupsPath += ".other" })
	b.finish(b.command(append([]string{"--root", b.path("other")}, c.verb("run")...)...)).ok().prints("2\n")
}
