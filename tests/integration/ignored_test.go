//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/minirun/minirun/specs"
)

// What is given and has no effect is said, and a failure is one record with
// what was said before, for exec as for create.
func TestExecSaysWhatItIgnores(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.runDetached().ok()
	file := b.path("process.json")
	process := func(program string) {
		text, err := json.Marshal(&specs.Process{Args: []string{program}, Cwd: "/", Env: []string{"PATH=/bin"}, Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_NOPE"}}})
		if err != nil {
			b.Fatal(err)
		}
		b.write(file, string(text), 0o644)
	}
	process("id")
	r := c.execWith([]string{"--process", file, "--user", "7", "--env", "A=b", "--cap", "CAP_KILL", "--cwd", "/tmp"}).ok()
	b.contains("output", r.stdout, "uid=0")
	for _, flag := range []string{"--user", "--env", "--cap", "--cwd"} {
		b.contains("warnings", r.stderr, "exec: "+flag+" is ignored")
	}
	equal(b, "a warning for what was not given", strings.Contains(r.stderr, "--no-new-privs"), false)
	process("nope")
	log := b.path("log.json")
	b.do("--log", log, "--log-format", "json", "exec", "--process", file, c.id).exits(255)
	records := b.records(log)
	if len(records) != 1 || records[0].Level != "error" {
		b.Errorf("want one record, of the error: %s", b.read(log))
	}
	b.contains("log", b.read(log), "CAP_NOPE", "executable file not found")
	process("true")
	if err := os.Remove(log); err != nil {
		b.Fatal(err)
	}
	b.do("--log", log, "--log-format", "json", "exec", "--process", file, c.id).ok()
	if records := b.records(log); len(records) == 0 || slices.ContainsFunc(records, func(r logRecord) bool { return r.Level != "warning" }) {
		b.Errorf("want warnings: %s", b.read(log))
	}
}

// An ordinary user has no cgroup to be below of, and moves no device of the host.
func TestOrdinaryUserIsTold(t *testing.T) {
	b := newUserBox(t)
	c := b.userContainer(sleeping())
	c.runDetached().ok()
	c.execWith([]string{"--cgroup", "jobs"}, "true").fails(255, `cgroup "jobs": the container has no cgroup of its own`)
	c.delete("--force").ok()
	d := b.userContainer(func(s *specs.Spec) {
		namespace(specs.NetworkNamespace, "")(s)
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"lo": {Name: "host0"}}
		for i, m := range s.Mounts {
			if m.Destination == "/dev/pts" {
				s.Mounts[i].Options = append(slices.Clone(m.Options), "gid=5")
			}
		}
	})
	d.run().fails(1, "linux.netDevices: the caller needs CAP_NET_ADMIN")
	r := b.do("check", "--bundle", d.bundle).exits(2)
	b.contains("check", r.stdout, "error: linux.netDevices: the caller needs CAP_NET_ADMIN", `("gid=5"): left out`)
	equal(b, "two colons for a value", strings.Contains(r.stdout, `:  (`), false)
}

// Without a cgroup by the caller's wish, root's container stays in the caller's, and
// is found by its pid namespace; what needs a cgroup is an error.
func TestCgroupManagerDisabled(t *testing.T) {
	b := newBox(t)
	b.globals = []string{"--cgroup-manager", "disabled"}
	c := b.container(sleeping(), func(s *specs.Spec) { s.Linux.CgroupsPath = "" })
	c.runDetached().ok()
	equal(b, "cgroup of the process", b.read("/proc/"+strconv.Itoa(c.pid())+"/cgroup"), b.read("/proc/self/cgroup"))
	c.exec("true").ok()
	b.globals = nil
	b.contains("ps", b.do("ps", "--format", "json", c.id).ok().stdout, strconv.Itoa(c.pid()))
	b.do("pause", c.id).fails(1, "without a cgroup")
	c.delete("--force").ok()
	b.globals = []string{"--cgroup-manager", "disabled"}
	c.configure(func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + b.name })
	c.run().fails(1, "linux.cgroupsPath: cgroups are disabled")
	c.configure(func(s *specs.Spec) {
		s.Linux.CgroupsPath = ""
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 30))}}
	})
	c.run().fails(1, "linux.resources.memory.limit: cannot be set without a cgroup: cgroups are disabled")
	b.do("check", "--bundle", c.bundle).exits(2)
}
