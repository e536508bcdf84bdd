package metrics

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	v2 "github.com/containerd/cgroups/v3/cgroup2/stats"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/minirun/minirun/cgroups"
)

func ref(n uint64) *uint64 { return &n }

func same(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestV1(t *testing.T) {
	same(t, V1(&cgroups.Stats{
		CPU: &cgroups.CPUStats{
			Usage: 100, User: 60, System: 40, PerCPU: []cgroups.CPUTime{{Usage: 30}, {Usage: 70}},
			Throttling: &cgroups.Throttling{Periods: 3, ThrottledPeriods: 2, ThrottledTime: 1},
		},
		Memory: &cgroups.MemoryStats{
			Usage: cgroups.Usage{Current: 10, Limit: 20, Peak: ref(15), Failures: ref(2)}, WithSwap: &cgroups.Usage{Current: 11, Limit: 21},
			Stat: map[string]uint64{"cache": 7, "total_rss": 3}, OOM: &cgroups.OOMControl{Under: true}, OOMKills: ref(4),
		},
		Pids: &cgroups.PidsStats{Usage: cgroups.Usage{Current: 1, Limit: cgroups.Unlimited}},
		IO: &cgroups.IOStats{Devices: []cgroups.IODevice{{
			Major: 8, Minor: 1, Bytes: cgroups.IOCount{Read: 1, Write: 2, Sync: ref(3), Async: ref(0), Total: 3},
			Legacy: &cgroups.IOLegacy{Sectors: ref(12)},
		}}},
		HugePages: map[string]cgroups.HugePageStats{"2MB": {Usage: cgroups.Usage{Current: 1, Limit: 9, Peak: ref(5), Failures: ref(3)}}, "1GB": {}},
		RDMA:      map[string]cgroups.RDMAStats{"mlx": {Handles: cgroups.Usage{Current: 1, Limit: 2}, Objects: cgroups.Usage{Limit: cgroups.Unlimited}}},
	}), &v1.Metrics{
		CPU: &v1.CPUStat{
			Usage:      &v1.CPUUsage{Total: 100, Kernel: 40, User: 60, PerCPU: []uint64{30, 70}},
			Throttling: &v1.Throttle{Periods: 3, ThrottledPeriods: 2, ThrottledTime: 1},
		},
		Memory: &v1.MemoryStat{
			Usage: &v1.MemoryEntry{Limit: 20, Usage: 10, Max: 15, Failcnt: 2}, Swap: &v1.MemoryEntry{Limit: 21, Usage: 11},
			Kernel: &v1.MemoryEntry{}, KernelTCP: &v1.MemoryEntry{}, Cache: 7, TotalRSS: 3,
		},
		MemoryOomControl: &v1.MemoryOomControl{UnderOom: 1, OomKill: 4},
		Pids:             &v1.PidsStat{Current: 1},
		Blkio: &v1.BlkIOStat{
			IoServiceBytesRecursive: []*v1.BlkIOEntry{
				{Op: "Read", Major: 8, Minor: 1, Value: 1},
				{Op: "Write", Major: 8, Minor: 1, Value: 2},
				{Op: "Sync", Major: 8, Minor: 1, Value: 3},
				{Op: "Async", Major: 8, Minor: 1},
				{Op: "Discard", Major: 8, Minor: 1},
				{Op: "Total", Major: 8, Minor: 1, Value: 3},
			},
			IoServicedRecursive: []*v1.BlkIOEntry{
				{Op: "Read", Major: 8, Minor: 1},
				{Op: "Write", Major: 8, Minor: 1},
				{Op: "Discard", Major: 8, Minor: 1},
				{Op: "Total", Major: 8, Minor: 1},
			},
			SectorsRecursive: []*v1.BlkIOEntry{{Major: 8, Minor: 1, Value: 12}},
		},
		Hugetlb: []*v1.HugetlbStat{{Pagesize: "1GB"}, {Pagesize: "2MB", Usage: 1, Max: 5, Failcnt: 3}},
		Rdma: &v1.RdmaStat{
			Current: []*v1.RdmaEntry{{Device: "mlx", HcaHandles: 1}}, Limit: []*v1.RdmaEntry{{Device: "mlx", HcaHandles: 2, HcaObjects: 1<<32 - 1}},
		},
	})
}

func TestV2(t *testing.T) {
	same(t, V2(&cgroups.Stats{
		CPU: &cgroups.CPUStats{
			Usage: 100000, User: 60000, System: 40000, Throttling: &cgroups.Throttling{Periods: 3, ThrottledPeriods: 2, ThrottledTime: 9000, BurstPeriods: 5, BurstTime: 6000},
			Pressure: &cgroups.Pressure{Some: cgroups.Stall{Avg10: 1.5, Total: 3000}},
		},
		Memory: &cgroups.MemoryStats{
			Usage: cgroups.Usage{Current: 10, Limit: cgroups.Unlimited, Peak: ref(15)}, Swap: &cgroups.Usage{Current: 1, Limit: 2},
			Stat:     map[string]uint64{"file": 7, "workingset_refault_anon": 1, "workingset_refault_file": 2},
			Events:   &cgroups.MemoryEvents{Low: 1, High: 2, Max: 3, OOM: 4, OOMKill: 5, OOMGroupKill: 6},
			Pressure: &cgroups.Pressure{Full: &cgroups.Stall{Avg300: 2}},
		},
		Pids:      &cgroups.PidsStats{Usage: cgroups.Usage{Current: 1, Limit: 9}},
		IO:        &cgroups.IOStats{Devices: []cgroups.IODevice{{Major: 8, Bytes: cgroups.IOCount{Read: 1, Write: 2}, Operations: cgroups.IOCount{Read: 3, Write: 4}}}},
		HugePages: map[string]cgroups.HugePageStats{"2MB": {Usage: cgroups.Usage{Current: 1, Limit: 9, Failures: ref(3)}}},
		RDMA:      map[string]cgroups.RDMAStats{"mlx": {Handles: cgroups.Usage{Current: 1, Limit: 2}}},
	}), &v2.Metrics{
		CPU: &v2.CPUStat{
			UsageUsec: 100, UserUsec: 60, SystemUsec: 40, NrPeriods: 3, NrThrottled: 2, ThrottledUsec: 9, NrBursts: 5, BurstUsec: 6,
			PSI: &v2.PSIStats{Some: &v2.PSIData{Avg10: 1.5, Total: 3}},
		},
		Memory: &v2.MemoryStat{
			Usage: 10, UsageLimit: cgroups.Unlimited, MaxUsage: 15, SwapUsage: 1, SwapLimit: 2, File: 7, WorkingsetRefault: 3,
			PSI: &v2.PSIStats{Some: &v2.PSIData{}, Full: &v2.PSIData{Avg300: 2}},
		},
		MemoryEvents: &v2.MemoryEvents{Low: 1, High: 2, Max: 3, Oom: 4, OomKill: 5, OomGroupKill: 6},
		Pids:         &v2.PidsStat{Current: 1, Limit: 9},
		Io:           &v2.IOStat{Usage: []*v2.IOEntry{{Major: 8, Rbytes: 1, Wbytes: 2, Rios: 3, Wios: 4}}},
		Hugetlb:      []*v2.HugeTlbStat{{Pagesize: "2MB", Current: 1, Max: 9, Failcnt: 3}},
		Rdma:         &v2.RdmaStat{Current: []*v2.RdmaEntry{{Device: "mlx", HcaHandles: 1}}, Limit: []*v2.RdmaEntry{{Device: "mlx", HcaHandles: 2}}},
	})
}

// Nothing known is an empty message.
func TestNothing(t *testing.T) {
	same(t, V2(&cgroups.Stats{}), &v2.Metrics{})
	same(t, V1(&cgroups.Stats{}), &v1.Metrics{CPU: &v1.CPUStat{Usage: &v1.CPUUsage{}, Throttling: &v1.Throttle{}}})
}

// The message is chosen by where the cgroup is.
func TestCollect(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pids.current"), []byte("3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	collect := func(version int, path string) (proto.Message, error) {
		c := cgroups.Open(cgroups.Record{Dirs: []cgroups.Dir{{Version: version, MountPoint: path, Path: "/", Controllers: []string{"pids"}}}})
		defer c.Close()
		return Collect(c)
	}
	m, err := collect(1, dir)
	if one, ok := m.(*v1.Metrics); err != nil || !ok || one.Pids.Current != 3 {
		t.Errorf("version 1: %v, %v", m, err)
	}
	m, err = collect(2, dir)
	if two, ok := m.(*v2.Metrics); err != nil || !ok || two.Pids.Current != 3 {
		t.Errorf("version 2: %v, %v", m, err)
	}
	if _, err = collect(2, dir+"/missing"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("missing cgroup: %v", err)
	}
	none := cgroups.Open(cgroups.Record{})
	defer none.Close()
	if _, err := Watch(none, nil); !errors.Is(err, unix.ENOENT) {
		t.Errorf("watch nothing: %v", err)
	}
}

// The command must not pay for what it does not use, at start and in size.
func TestCommandDoesNotLinkIt(t *testing.T) {
	deps := func(pkg string) string {
		out, err := exec.CommandContext(context.Background(), "go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, pkg := range []string{"../../cmd/minirun", "../../libcontainer", ".."} {
		list := deps(pkg)
		for _, module := range []string{"github.com/containerd/", "google.golang.org/protobuf", "github.com/cilium/ebpf"} {
			if strings.Contains(list, module) {
				t.Errorf("%s links %s", pkg, module)
			}
		}
	}
	// Nor is more than the messages linked here.
	for line := range strings.Lines(deps(".")) {
		if strings.HasPrefix(line, "github.com/containerd/") && !strings.HasSuffix(line, "/stats\n") {
			t.Errorf("unexpected dependency %s", line)
		}
	}
}
