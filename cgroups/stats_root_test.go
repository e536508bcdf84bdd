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
		_, out := spawn(t, c, "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo done; exec sleep 1000")
		eventually(t, "work done", func() bool { return out.String() == "done\n" })
		s := stats(t, c)
		if s.CPU == nil || s.CPU.Usage == 0 {
			t.Errorf("cpu: %+v", s.CPU)
		}
		if d, ok := h.Lookup("cpuacct"); ok && d.Version == 1 {
			var sum uint64
			for _, p := range s.CPU.PerCPU {
				sum += p.Usage
			}
			if sum == 0 || sum > 2*s.CPU.Usage {
				t.Errorf("per processor: %+v of %d", s.CPU.PerCPU, s.CPU.Usage)
			}
		}
		if _, ok := h.Lookup("cpu"); ok && (s.CPU.Throttling == nil || s.CPU.Throttling.Periods == 0) {
			t.Errorf("throttling: %+v", s.CPU.Throttling)
		}
		if _, ok := h.Lookup("memory"); ok {
			if m := s.Memory; m == nil || m.Usage.Current == 0 || m.Usage.Limit != 67108864 || len(m.Stat) == 0 || m.Events == nil && m.OOM == nil {
				t.Errorf("memory: %+v", s.Memory)
			}
		}
		if d, ok := c.record.Dir("pids"); ok {
			if p := s.Pids; p == nil || p.Current != number(t, d, "pids.current") || p.Limit != 50 {
				t.Errorf("pids: %+v", s.Pids)
			}
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
