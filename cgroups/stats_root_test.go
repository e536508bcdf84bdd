//go:build integration

package cgroups

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// number is what the kernel says in a file of the cgroup.
func number(t *testing.T, d Dir, name string) uint64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Abs(), name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Processes that do something are counted, by what every kernel has.
func TestStatsOfProcesses(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		limits := map[string]string{"memory": `"memory": {"limit": 67108864}`, "pids": `"pids": {"limit": 50}`, "cpu": `"cpu": {"quota": 20000, "period": 100000}`}
		var asked []string
		for c, text := range limits {
			if _, ok := h.Lookup(c); ok {
				asked = append(asked, text)
			}
		}
		c := create(t, record(t, h, "/stats"), compile(t, h, "{"+strings.Join(asked, ",")+"}"))
		spawn(t, c, `x=$(head -c 500000 /dev/zero | tr '\0' x); while :; do :; done`)
		_, quota := h.Lookup("cpu")
		_, memory := h.Lookup("memory")
		var s *Stats
		eventually(t, "work counted", func() bool {
			s = stats(t, c)
			return s.CPU != nil && s.CPU.Usage > 0 && (!memory || s.Memory != nil && s.Memory.Usage.Current > 0) &&
				(!quota || s.CPU.Throttling != nil && s.CPU.Throttling.Periods > 0)
		})
		if d, ok := h.Lookup("cpuacct"); ok && d.Version == 1 {
			var sum uint64
			for _, p := range s.CPU.PerCPU {
				sum += p.Usage
			}
			if sum == 0 || sum > 2*s.CPU.Usage {
				t.Errorf("per processor: %+v of %d", s.CPU.PerCPU, s.CPU.Usage)
			}
		}
		if m := s.Memory; memory && (m.Usage.Limit != 67108864 || len(m.Stat) == 0 || m.Events == nil && m.OOM == nil) {
			t.Errorf("memory: %+v", m)
		}
		if p := s.Pids; p != nil && (p.Current == 0 || p.Limit != 50) {
			t.Errorf("pids: %+v", p)
		}
		if _, ok := c.record.Dir("pids"); ok && s.Pids == nil {
			t.Error("no pids")
		}
		if d, ok := c.record.Dir("cpuset"); ok && (s.CPUSet == nil || len(s.CPUSet.EffectiveCPUs) == 0) {
			t.Errorf("cpuset of %s: %+v", d.Abs(), s.CPUSet)
		}
		if d, ok := c.record.Unified(); ok {
			if _, err := os.ReadFile(filepath.Join(d.Abs(), "cpu.pressure")); err == nil && s.CPU.Pressure == nil {
				t.Error("no pressure")
			}
		}
		if d, ok := c.record.Dir("hugetlb"); ok {
			for size, p := range s.HugePages {
				if d.Version == 2 && p.Usage.Current != number(t, d, "hugetlb."+size+".current") {
					t.Errorf("hugetlb %s: %+v", size, p)
				}
			}
			files, _ := filepath.Glob(d.Abs() + "/hugetlb.*.current")
			if len(files) > 0 && len(s.HugePages) == 0 { // Create enables the controller where it is needed
				t.Error("no huge pages")
			}
		}
	})
}
