package hostcheck

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

// cgroup looks at the place of the container's cgroup and for the files of its limits.
func (c *checker) cgroup() {
	if r := c.linux.Resources; r != nil && r.CPU != nil {
		c.online("linux.resources.cpu.cpus", r.CPU.Cpus, "/sys/devices/system/cpu/online", "CPU")
		c.online("linux.resources.cpu.mems", r.CPU.Mems, "/sys/devices/system/node/online", "memory node")
	}
	if c.Cgroup == nil {
		return
	}
	if c.linux.CgroupsPath != "" {
		c.taken()
	}
	for i := range c.Writes {
		c.limitFile(&c.Writes[i])
	}
	c.realtime()
}

// realtime tells of a real-time policy in a version 1 cgroup that has no running time for it: a new one has none of its own.
func (c *checker) realtime() {
	p := c.Spec.Process
	if p == nil || p.Scheduler == nil || p.Scheduler.Policy != specs.SchedFIFO && p.Scheduler.Policy != specs.SchedRR {
		return
	}
	if r := c.linux.Resources; r != nil && r.CPU != nil && r.CPU.RealtimeRuntime != nil && *r.CPU.RealtimeRuntime != 0 {
		return
	}
	d, ok := c.Cgroup.Dir("cpu")
	if !ok || d.Version != 1 {
		return
	}
	const file = "cpu.rt_runtime_us"
	have, err := os.ReadFile(path.Join(d.Abs(), file))
	if exists(path.Join(d.MountPoint, file)) && (err != nil || strings.TrimSpace(string(have)) == "0") {
		c.fail("process.scheduler.policy", string(p.Scheduler.Policy), "the cgroup has no real-time running time: it needs linux.resources.cpu.realtimeRuntime")
	}
}

// taken tells of a cgroup that another has already.
func (c *checker) taken() {
	for _, d := range c.Cgroup.Dirs {
		procs, err := os.ReadFile(path.Join(d.Abs(), "cgroup.procs"))
		if err == nil && len(procs) > 0 {
			c.fail("linux.cgroupsPath", c.linux.CgroupsPath, "there are processes in %s already", d.Abs())
			return
		}
	}
}

// limitFile tells of a limit for which the kernel has no file. Not every directory has all files: where none is found to look at, nothing is known.
func (c *checker) limitFile(w *cgroups.Write) {
	d, ok := c.Cgroup.Dir(w.Controller)
	if !ok || w.Program != nil {
		return
	}
	sample := c.sample(d, w.Controller)
	if sample == "" {
		return
	}
	last := w
	for e := w; e != nil; e = e.Else {
		if exists(path.Join(sample, e.File)) || d.NoPrefix {
			return
		}
		last = e
	}
	if last.OnMissing == cgroups.Fail {
		c.fail(w.Field, "", "this kernel has no %s", last.File)
	}
}

// sample returns a cgroup that has all files of a controller, but not the top one: the nearest above the container's, or any at the top.
func (c *checker) sample(d cgroups.Dir, controller string) string {
	fit := func(dir string) bool {
		if d.Version == 1 {
			return exists(dir + "/cgroup.procs")
		}
		text, err := os.ReadFile(dir + "/cgroup.controllers")
		return err == nil && (controller == "cgroup" || slices.Contains(strings.Fields(string(text)), controller))
	}
	for p := path.Clean("/" + d.Path); p != "/"; p = path.Dir(p) {
		if dir := path.Join(d.MountPoint, p); fit(dir) {
			return dir
		}
	}
	entries, _ := os.ReadDir(d.MountPoint)
	for _, e := range entries {
		if dir := path.Join(d.MountPoint, e.Name()); e.IsDir() && fit(dir) {
			return dir
		}
	}
	return ""
}

// online tells of processors or memory nodes that the machine does not have.
func (c *checker) online(field, list, file, what string) {
	have := numbers(c.read(file))
	if len(have) == 0 {
		return
	}
	for n := range numbers(list) {
		if !have[n] {
			c.fail(field, list, "this machine has the %ss %s only", what, c.read(file))
			return
		}
	}
}

// maxNumber bounds what a list can make this program remember.
const maxNumber = 1 << 16

// numbers reads a list such as "0-3,7"; nil for what is none.
func numbers(list string) map[int]bool {
	found := map[int]bool{}
	for part := range strings.SplitSeq(list, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(strings.TrimSpace(from))
		b := a
		if ranged && err == nil {
			b, err = strconv.Atoi(strings.TrimSpace(to))
		}
		if err != nil || a < 0 || b > maxNumber {
			return nil
		}
		for n := a; n <= b; n++ {
			found[n] = true
		}
	}
	return found
}
