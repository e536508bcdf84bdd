package cgroups

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The texts are as Linux 6.18 prints them.
var (
	filesCPUV1 = map[string]string{
		"cpu/cpu.stat": "nr_periods 7\nnr_throttled 3\nthrottled_time 5000001\nnr_bursts 2\nburst_time 11\n",
	}
	filesAcct = map[string]string{
		"acct/cpuacct.usage": "12972125\n", "acct/cpuacct.stat": "user 4\nsystem 2\n", "acct/cpuacct.usage_percpu": "1571730 11400395 \n",
		"acct/cpuacct.usage_all": "cpu user system\n0 5 6\n1 7 8\n",
	}
	filesCPUV2 = map[string]string{
		"v2/cpu.stat":     "usage_usec 100\nuser_usec 60\nsystem_usec 40\nnice_usec 0\nnr_periods 4\nnr_throttled 1\nthrottled_usec 20\nnr_bursts 1\nburst_usec 3\n",
		"v2/cpu.pressure": "some avg10=1.50 avg60=0.25 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.10 total=5\n",
	}
	filesMemoryV2 = map[string]string{
		"v2/memory.current": "1000\n", "v2/memory.max": "4096\n", "v2/memory.peak": "2000\n", "v2/memory.low": "0\n", "v2/memory.high": "max\n",
		"v2/memory.swap.current": "24\n", "v2/memory.swap.max": "1024\n", "v2/memory.swap.events": "high 0\nmax 9\nfail 0\n",
		"v2/memory.stat":      "anon 700\nfile 200\nkernel 100\npgfault 12\n",
		"v2/memory.events":    "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n",
		"v2/memory.numa_stat": "anon N0=700 N1=0\nfile N0=150 N1=50\n",
	}
	filesMemoryV1 = map[string]string{
		"memory/memory.usage_in_bytes": "1000\n", "memory/memory.limit_in_bytes": "4096\n", "memory/memory.max_usage_in_bytes": "2000\n",
		"memory/memory.failcnt": "6\n", "memory/memory.memsw.usage_in_bytes": "1500\n", "memory/memory.memsw.limit_in_bytes": "6144\n",
		"memory/memory.kmem.usage_in_bytes": "300\n", "memory/memory.kmem.limit_in_bytes": "9223372036854771712\n",
		"memory/memory.stat":        "cache 10\ntotal_cache 20\ntotal_swap 500\n",
		"memory/memory.oom_control": "oom_kill_disable 1\nunder_oom 0\noom_kill 8\n",
		"memory/memory.numa_stat":   "total=2 N0=2\nhierarchical_total=3 N0=3\n",
	}
)

// statsHost makes directories with the files and returns a cgroup in the
// hierarchies that are named.
func statsHost(t *testing.T, hierarchies []Hierarchy, files ...map[string]string) *Cgroup {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{}
	for _, f := range files {
		maps.Copy(all, f)
	}
	var r Record
	for _, h := range hierarchies {
		h.MountPoint = filepath.Join(root, h.MountPoint)
		r.Dirs = append(r.Dirs, h.dir("/a", 0))
		if err := os.MkdirAll(filepath.Join(h.MountPoint, "a"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range all {
		dir, file := filepath.Split(name)
		if err := os.WriteFile(filepath.Join(root, dir, "a", file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := Open(r)
	t.Cleanup(func() { c.Close() })
	return c
}

func stats(t *testing.T, c *Cgroup) *Stats {
	t.Helper()
	s, err := c.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// same compares through JSON, where pointers show what they point to.
func same(t *testing.T, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(want, "", " ")
	t.Errorf("got %s\nwant %s", g, w)
}

func ref(n uint64) *uint64 { return &n }

var (
	v1 = func(dir string, controllers ...string) Hierarchy {
		return Hierarchy{Version: 1, MountPoint: dir, Controllers: controllers}
	}
	v2 = func(controllers ...string) Hierarchy {
		return Hierarchy{Version: 2, MountPoint: "v2", Controllers: controllers}
	}
)

func TestStatsCPU(t *testing.T) {
	pressure := &Pressure{Stall{1.5, .25, 0, 1234000}, &Stall{0, 0, .1, 5000}}
	perCPU := []CPUTime{{1571730, 5, 6}, {11400395, 7, 8}}
	throttledV1 := &Throttling{7, 3, 5000001, 2, 11}
	for _, tc := range []struct {
		name        string
		hierarchies []Hierarchy
		files       []map[string]string
		want        *CPUStats
	}{
		{"v1", []Hierarchy{v1("cpu", "cpu"), v1("acct", "cpuacct")}, []map[string]string{filesCPUV1, filesAcct}, &CPUStats{
			Usage: 12972125, User: 40000000, System: 20000000, PerCPU: perCPU, Throttling: throttledV1,
		}},
		{"v1 without usage_all", []Hierarchy{v1("acct", "cpuacct")}, []map[string]string{{
			"acct/cpuacct.usage": "5", "acct/cpuacct.stat": "user 4\nsystem 2\n", "acct/cpuacct.usage_percpu": "2 3",
		}}, &CPUStats{Usage: 5, User: 40000000, System: 20000000, PerCPU: []CPUTime{{Usage: 2}, {Usage: 3}}}},
		{"v2", []Hierarchy{v2("cpu")}, []map[string]string{filesCPUV2}, &CPUStats{
			Usage: 100000, User: 60000, System: 40000, Throttling: &Throttling{4, 1, 20000, 1, 3000}, Pressure: pressure,
		}},
		{"v2 without the controller", []Hierarchy{v2()}, []map[string]string{{"v2/cpu.stat": "usage_usec 1\nuser_usec 1\nsystem_usec 0"}}, &CPUStats{
			Usage: 1000, User: 1000,
		}},
		{"hybrid", []Hierarchy{v1("cpu", "cpu"), v1("acct", "cpuacct"), v2()}, []map[string]string{filesCPUV1, filesAcct, filesCPUV2}, &CPUStats{
			Usage: 12972125, User: 40000000, System: 20000000, PerCPU: perCPU, Throttling: throttledV1, Pressure: pressure,
		}},
		{"cpuacct nowhere", []Hierarchy{v1("cpu", "cpu"), v2()}, []map[string]string{filesCPUV1, filesCPUV2}, &CPUStats{
			Usage: 100000, User: 60000, System: 40000, Throttling: throttledV1, Pressure: pressure,
		}},
		{"none", []Hierarchy{v1("memory", "memory")}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { same(t, stats(t, statsHost(t, tc.hierarchies, tc.files...)).CPU, tc.want) })
	}
}

func TestStatsMemoryV2(t *testing.T) {
	events := &MemoryEvents{1, 2, 3, 4, 5, 6}
	same(t, stats(t, statsHost(t, []Hierarchy{v2("memory")}, filesMemoryV2)).Memory, &MemoryStats{
		Usage:    Usage{Current: 1000, Limit: 4096, Peak: ref(2000), Failures: ref(3)},
		WithSwap: &Usage{Current: 1024, Limit: 5120},
		Swap:     &Usage{Current: 24, Limit: 1024, Failures: ref(9)},
		Kernel:   &Usage{Current: 100, Limit: Unlimited},
		Cache:    200, Low: ref(0), High: ref(Unlimited), Events: events, OOMKills: ref(5),
		Stat: map[string]uint64{"anon": 700, "file": 200, "kernel": 100, "pgfault": 12},
		NUMA: map[string]map[int]uint64{"anon": {0: 700, 1: 0}, "file": {0: 150, 1: 50}},
	})
	// The least that a kernel has: no swap, no peak, no limit.
	s := stats(t, statsHost(t, []Hierarchy{v2()}, map[string]string{"v2/memory.current": "7", "v2/memory.max": "max"})).Memory
	same(t, s, &MemoryStats{Usage: Usage{Current: 7, Limit: Unlimited}})
	if s.Usage.Limited() {
		t.Error("max counts as a limit")
	}
}

func TestStatsMemoryV1(t *testing.T) {
	page := uint64(os.Getpagesize())
	s := stats(t, statsHost(t, []Hierarchy{v1("memory", "memory")}, filesMemoryV1)).Memory
	same(t, s, &MemoryStats{
		Usage:    Usage{Current: 1000, Limit: 4096, Peak: ref(2000), Failures: ref(6)},
		WithSwap: &Usage{Current: 1500, Limit: 6144},
		Swap:     &Usage{Current: 500, Limit: 2048},
		Kernel:   &Usage{Current: 300, Limit: 9223372036854771712},
		Cache:    20, OOMKills: ref(8), OOM: &OOMControl{Disabled: true},
		Stat: map[string]uint64{"cache": 10, "total_cache": 20, "total_swap": 500},
		NUMA: map[string]map[int]uint64{"total": {0: 2 * page}, "hierarchical_total": {0: 3 * page}},
	})
	if s.Kernel.Limited() || !s.Usage.Limited() {
		t.Error("what is a limit and what is none is mixed up")
	}
}

func TestStatsIOV1(t *testing.T) {
	h := []Hierarchy{v1("blkio", "blkio")}
	throttle := map[string]string{
		"blkio/blkio.throttle.io_service_bytes_recursive": "8:16 Read 10\n8:16 Write 20\n8:16 Sync 25\n8:16 Async 5\n8:16 Discard 3\n8:16 Total 33\n8:0 Total 1\nTotal 34\n",
		"blkio/blkio.throttle.io_serviced_recursive":      "8:16 Read 1\n8:16 Write 2\n8:16 Total 3\nTotal 3\n",
	}
	same(t, stats(t, statsHost(t, h, throttle)).IO, &IOStats{Devices: []IODevice{
		{Major: 8, Bytes: IOCount{Total: 1}},
		{
			Major: 8, Minor: 16, Bytes: IOCount{Read: 10, Write: 20, Discard: 3, Sync: ref(25), Async: ref(5), Total: 33},
			Operations: IOCount{Read: 1, Write: 2, Total: 3},
		},
	}})
	// A scheduler that counts is asked first, one that does not is left out.
	bfq := map[string]string{
		"blkio/blkio.bfq.io_service_bytes_recursive": "8:0 Read 5\n8:0 Total 5\nTotal 5\n",
		"blkio/blkio.bfq.io_serviced_recursive":      "Total 0\n",
		"blkio/blkio.bfq.io_wait_time_recursive":     "8:0 Read 70\n8:0 Total 70\nTotal 70\n",
		"blkio/blkio.time_recursive":                 "8:0 90\n",
	}
	same(t, stats(t, statsHost(t, h, throttle, bfq)).IO, &IOStats{Devices: []IODevice{
		{
			Major: 8, Bytes: IOCount{Read: 5, Total: 5},
			Legacy: &IOLegacy{WaitTime: &IOCount{Read: 70, Total: 70}, Time: ref(90)},
		},
		{Major: 8, Minor: 16, Operations: IOCount{Read: 1, Write: 2, Total: 3}},
	}})
}

func TestStatsIOV2(t *testing.T) {
	got := stats(t, statsHost(t, []Hierarchy{v2("io")}, map[string]string{
		"v2/io.stat":     "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=1 some=x\n254:0 \n7:0 rbytes=9 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
		"v2/io.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	})).IO
	same(t, got, &IOStats{Pressure: &Pressure{}, Devices: []IODevice{
		{Major: 7, Bytes: IOCount{Read: 9, Total: 9}, Operations: IOCount{Read: 1, Total: 1}},
		{
			Major: 8, Minor: 16, Bytes: IOCount{Read: 1, Write: 2, Discard: 5, Total: 8},
			Operations: IOCount{Read: 3, Write: 4, Discard: 6, Total: 13},
		},
	}})
}

func TestStatsRest(t *testing.T) {
	onV2 := statsHost(t, []Hierarchy{v2("pids", "cpuset", "hugetlb", "rdma", "misc")}, map[string]string{
		"v2/pids.current": "3", "v2/pids.max": "max", "v2/pids.peak": "5", "v2/pids.events": "max 2\n",
		"v2/cpuset.cpus": "", "v2/cpuset.cpus.effective": "0-2,5", "v2/cpuset.mems": "", "v2/cpuset.mems.effective": "0",
		"v2/hugetlb.2MB.current": "10", "v2/hugetlb.2MB.max": "20", "v2/hugetlb.2MB.events": "max 1\n",
		"v2/hugetlb.2MB.rsvd.current": "30", "v2/hugetlb.2MB.rsvd.max": "max", "v2/hugetlb.1GB.current": "0", "v2/hugetlb.1GB.max": "max",
		"v2/rdma.current": "mlx4_0 hca_handle=1 hca_object=2\nocrdma1 hca_handle=0 hca_object=0\n", "v2/rdma.max": "mlx4_0 hca_handle=3 hca_object=max\n",
		"v2/misc.current": "res_a 3\nres_b 0\n", "v2/misc.max": "res_a max\nres_b 4\n", "v2/misc.peak": "res_a 7\n", "v2/misc.events": "res_b.max 6\n",
	})
	same(t, stats(t, onV2), &Stats{
		Pids:   &PidsStats{Usage{3, Unlimited, ref(5), ref(2)}},
		CPUSet: &CPUSetStats{EffectiveCPUs: []int{0, 1, 2, 5}, EffectiveNodes: []int{0}},
		HugePages: map[string]HugePageStats{
			"2MB": {Usage{10, 20, nil, ref(1)}, &Usage{30, Unlimited, nil, nil}}, "1GB": {Usage: Usage{Limit: Unlimited}},
		},
		RDMA: map[string]RDMAStats{
			"mlx4_0":  {Usage{Current: 1, Limit: 3}, Usage{Current: 2, Limit: Unlimited}},
			"ocrdma1": {Usage{Limit: Unlimited}, Usage{Limit: Unlimited}},
		},
		Misc: map[string]MiscStats{"res_a": {Usage{3, Unlimited, ref(7), nil}}, "res_b": {Usage{0, 4, nil, ref(6)}}},
	})
	onV1 := statsHost(t, []Hierarchy{v1("cpuset", "cpuset"), v1("huge", "hugetlb")}, map[string]string{
		"cpuset/cpuset.cpus": "1", "cpuset/cpuset.mems": "0-1", "cpuset/cpuset.effective_cpus": "1", "cpuset/cpuset.effective_mems": "0",
		"cpuset/cpuset.cpu_exclusive": "1", "cpuset/cpuset.sched_load_balance": "1", "cpuset/cpuset.memory_pressure": "12",
		"cpuset/cpuset.sched_relax_domain_level": "-1", "cpuset/cpuset.mem_hardwall": "0",
		"huge/hugetlb.2MB.usage_in_bytes": "1", "huge/hugetlb.2MB.limit_in_bytes": "2", "huge/hugetlb.2MB.max_usage_in_bytes": "3", "huge/hugetlb.2MB.failcnt": "4",
	})
	same(t, stats(t, onV1), &Stats{
		CPUSet: &CPUSetStats{[]int{1}, []int{0, 1}, []int{1}, []int{0}, &CPUSetLegacy{
			CPUExclusive: true, SchedLoadBalance: true, MemoryPressure: 12, SchedRelaxDomainLevel: -1,
		}},
		HugePages: map[string]HugePageStats{"2MB": {Usage: Usage{1, 2, ref(3), ref(4)}}},
	})
}

// A hierarchy mounted with noprefix has other names.
func TestStatsNoPrefix(t *testing.T) {
	h := v1("cpuset", "cpuset")
	h.NoPrefix = true
	s := stats(t, statsHost(t, []Hierarchy{h}, map[string]string{"cpuset/cpus": "3", "cpuset/mems": "0"}))
	if s.CPUSet == nil {
		t.Fatal("nothing found")
	}
	same(t, s.CPUSet.CPUs, []int{3})
}

// What cannot be understood is an error that names the file, not a zero.
func TestStatsErrors(t *testing.T) {
	for name, text := range map[string]string{
		"memory.current": "many", "cpu.stat": "usage_usec", "memory.numa_stat": "anon 0=1", "pids.events": "max x",
		"cpu.pressure": "some avg10=a", "rdma.current": "dev 5", "cpuset.cpus": "0-x",
	} {
		files := map[string]string{"v2/memory.current": "1", "v2/pids.current": "1", "v2/cpu.stat": "usage_usec 1\n", "v2/" + name: text}
		_, err := statsHost(t, []Hierarchy{v2()}, files).Stats()
		if err == nil || !strings.Contains(err.Error(), "read "+name+" of ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(Record{Dirs: []Dir{{Version: 2, MountPoint: t.TempDir(), Path: "/x"}}}).Stats(); !errors.Is(err, unix.ENOENT) {
		t.Errorf("missing cgroup: %v", err)
	}
	if _, err := Open(Record{}).Stats(); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no cgroup: %v", err)
	}
}

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "18446744073709551615": Unlimited, "max": Unlimited, "-5": 0} {
		if got, err := parseNumber(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-", "-x", "1 2"} {
		if got, err := parseNumber(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
