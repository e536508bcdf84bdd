package main

import (
	"encoding/json"
	"testing"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/libcontainer"
)

func ref(n uint64) *uint64 { return &n }

// The names and the nesting are an interface: what is written here is what runc 1.1 prints.
func TestStatsJSONVersion1(t *testing.T) {
	got, err := json.Marshal(newStatsJSON(&libcontainer.Stats{Stats: cgroups.Stats{
		CPU: &cgroups.CPUStats{
			Usage: 100, User: 60, System: 40, PerCPU: []cgroups.CPUTime{{Usage: 30, User: 10, System: 20}, {Usage: 70}},
			Throttling: &cgroups.Throttling{Periods: 3, ThrottledPeriods: 2, ThrottledTime: 1, BurstPeriods: 9},
		},
		CPUSet: &cgroups.CPUSetStats{
			CPUs: []int{0, 1}, Nodes: []int{0}, EffectiveCPUs: []int{1}, Legacy: &cgroups.CPUSetLegacy{SchedLoadBalance: true, SchedRelaxDomainLevel: -1},
		},
		Memory: &cgroups.MemoryStats{
			Usage:    cgroups.Usage{Current: 10, Limit: 20, Peak: ref(15), Failures: ref(2)},
			WithSwap: &cgroups.Usage{Current: 11, Limit: 21}, Swap: &cgroups.Usage{Current: 1, Limit: 1},
			Kernel: &cgroups.Usage{Current: 3, Limit: 4}, KernelTCP: &cgroups.Usage{Limit: 5},
			Cache: 99, Stat: map[string]uint64{"cache": 7, "rss": 3},
		},
		Pids: &cgroups.PidsStats{Usage: cgroups.Usage{Current: 1, Limit: cgroups.Unlimited}},
		IO: &cgroups.IOStats{Devices: []cgroups.IODevice{{
			Major: 8, Minor: 1, Bytes: cgroups.IOCount{Read: 1, Write: 2, Discard: 3, Sync: ref(4), Async: ref(2), Total: 6},
			Legacy: &cgroups.IOLegacy{Sectors: ref(12), Time: ref(13)},
		}}},
		HugePages: map[string]cgroups.HugePageStats{"2MB": {Usage: cgroups.Usage{Current: 1}, Reserved: &cgroups.Usage{Current: 2, Failures: ref(3)}}},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"cpu":{"usage":{"total":100,"percpu":[30,70],"percpu_kernel":[20,0],"percpu_user":[10,0],"kernel":40,"user":60},` +
		`"throttling":{"periods":3,"throttledPeriods":2,"throttledTime":1}},` +
		`"cpuset":{"cpus":[0,1],"cpu_exclusive":0,"mems":[0],"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,` +
		`"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":1,"sched_relax_domain_level":-1},` +
		`"memory":{"cache":7,"usage":{"limit":20,"usage":10,"max":15,"failcnt":2},"swap":{"limit":21,"usage":11,"failcnt":0},` +
		`"kernel":{"limit":4,"usage":3,"failcnt":0},"kernelTCP":{"limit":5,"failcnt":0},"raw":{"cache":7,"rss":3}},` +
		`"pids":{"current":1},` +
		`"blkio":{"ioServiceBytesRecursive":[{"major":8,"minor":1,"op":"Read","value":1},{"major":8,"minor":1,"op":"Write","value":2},` +
		`{"major":8,"minor":1,"op":"Sync","value":4},{"major":8,"minor":1,"op":"Async","value":2},{"major":8,"minor":1,"op":"Discard","value":3},` +
		`{"major":8,"minor":1,"op":"Total","value":6}],"ioServicedRecursive":[{"major":8,"minor":1,"op":"Read"},{"major":8,"minor":1,"op":"Write"}],` +
		`"ioTimeRecursive":[{"major":8,"minor":1,"value":13}],"sectorsRecursive":[{"major":8,"minor":1,"value":12}]},` +
		`"hugetlb":{"2MB":{"usage":2,"failcnt":3}},"intel_rdt":{},"network_interfaces":null}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStatsJSONVersion2(t *testing.T) {
	got, err := json.Marshal(newStatsJSON(&libcontainer.Stats{Stats: cgroups.Stats{
		CPU: &cgroups.CPUStats{Usage: 100, Pressure: &cgroups.Pressure{Some: cgroups.Stall{Avg10: 1.5, Total: 5000}, Full: &cgroups.Stall{Avg300: 2}}},
		Memory: &cgroups.MemoryStats{
			Usage: cgroups.Usage{Current: 10, Limit: cgroups.Unlimited}, Stat: map[string]uint64{"file": 7},
			Events: &cgroups.MemoryEvents{Low: 1, High: 2, Max: 3, OOM: 4, OOMKill: 5, OOMGroupKill: 6},
		},
		Pids: &cgroups.PidsStats{Usage: cgroups.Usage{Current: 1, Limit: 12}},
		IO:   &cgroups.IOStats{Devices: []cgroups.IODevice{{Major: 8, Bytes: cgroups.IOCount{Read: 1, Write: 2, Total: 3}}}},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	const none = `{"limit":0,"failcnt":0}`
	const want = `{"cpu":{"usage":{"total":100,"kernel":0,"user":0},"throttling":{},"psi":{"some":{"avg10":1.5,"avg60":0,"avg300":0,"total":5},` +
		`"full":{"avg10":0,"avg60":0,"avg300":2,"total":0}}},` +
		`"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,` +
		`"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},` +
		`"memory":{"cache":7,"usage":{"limit":18446744073709551615,"usage":10,"failcnt":0},"swap":` + none + `,"kernel":` + none + `,"kernelTCP":` + none +
		`,"raw":{"file":7},"event_count":{"low":1,"high":2,"max":3,"oom":4,"oom_kill":5,"oom_group_kill":6}},"pids":{"current":1,"limit":12},` +
		`"blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":1},{"major":8,"op":"Write","value":2}],` +
		`"ioServicedRecursive":[{"major":8,"op":"Read"},{"major":8,"op":"Write"}]},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Nothing known is not nothing printed.
func TestStatsJSONEmpty(t *testing.T) {
	got, err := json.Marshal(eventLine{"stats", "a", newStatsJSON(&libcontainer.Stats{})})
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Type string
		Data map[string]any
	}
	if err := json.Unmarshal(got, &v); err != nil || v.Type != "stats" || len(v.Data) != 8 {
		t.Errorf("%s: %v", got, err)
	}
	if got, _ = json.Marshal(eventLine{Type: "oom", ID: "a"}); string(got) != `{"type":"oom","id":"a"}` {
		t.Errorf("%s", got)
	}
}

func TestRdtJSON(t *testing.T) {
	n := func(n uint64) *uint64 { return &n }
	for want, s := range map[string]*resctrl.Stats{
		`{}`: nil,
		`{"l3_cache_info":{"cbm_mask":"ff","min_cbm_bits":1,"num_closids":16},"l3_cache_schema_root":"L3:0=ff","l3_cache_schema":"L3:0=f",` +
			`"mem_bw_info":{"bandwidth_gran":5,"delay_linear":1,"min_bandwidth":10,"num_closids":8},"mem_bw_schema_root":"MB:0=100","mem_bw_schema":"MB:0=20",` +
			`"mbm_stats":[{"mbm_total_bytes":2,"mbm_local_bytes":0}],"cmt_stats":[{"llc_occupancy":3}]}`: {
			L3: &resctrl.L3Info{CBMMask: "ff", MinCBMBits: 1, NumCLOSIDs: 16}, MB: &resctrl.MBInfo{MinBandwidth: 10, BandwidthGran: 5, DelayLinear: 1, NumCLOSIDs: 8},
			RootSchemata: []string{"MB:0=100", "L3:0=ff"}, Schemata: []string{"MB:0=20", "L3:0=f"},
			Domains: []resctrl.Domain{{TotalBytes: n(2), Occupancy: n(3)}},
		},
		`{"mem_bw_info":{"min_bandwidth":10},"mbm_stats":[{"mbm_total_bytes":0,"mbm_local_bytes":0},{"mbm_total_bytes":0,"mbm_local_bytes":1}]}`: {
			MB: &resctrl.MBInfo{MinBandwidth: 10}, Schemata: []string{"L3:0=f"}, Domains: []resctrl.Domain{{}, {ID: 1, LocalBytes: n(1)}},
		},
	} {
		got, err := json.Marshal(newRdtJSON(s))
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}
