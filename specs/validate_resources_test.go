package specs

import "testing"

func TestValidateDeviceRules(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"devices": [{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
			{"type": "a", "major": -1, "minor": -1, "access": "r"}, {"type": "b", "access": "mm"}]}}}`, ``},
		{`{"linux": {"resources": {"devices": [{"access": "r"}, {"type": "u", "access": "r"}, {"type": "p", "access": "r"}]}}}`, `linux.resources.devices[1].type: unknown device type "u", must be a, b or c
			linux.resources.devices[2].type: unknown device type "p", must be a, b or c`},
		{`{"linux": {"resources": {"devices": [{}, {"access": "rx"}, {"access": "R"}]}}}`, `linux.resources.devices[0].access: must be set, to some of r, w and m
			linux.resources.devices[1].access: "rx" has other characters than r, w and m
			linux.resources.devices[2].access: "R" has other characters than r, w and m`},
		{`{"linux": {"resources": {"devices": [{"access": "r", "major": -2, "minor": -2}, {"access": "rxw", "major": 4096, "minor": 1048576}]}}}`, `linux.resources.devices[0].major: -2 is out of range, must be 0 to 4095
			linux.resources.devices[0].minor: -2 is out of range, must be 0 to 1048575
			linux.resources.devices[1].major: 4096 is out of range, must be 0 to 4095
			linux.resources.devices[1].minor: 1048576 is out of range, must be 0 to 1048575
			linux.resources.devices[1].access: "rxw" has other characters than r, w and m`},
	})
}

func TestValidateMemory(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"memory": {"limit": -1, "reservation": -1, "swap": -1, "kernelTCP": -1, "swappiness": 100}}}}`, ``},
		{`{"linux": {"resources": {"memory": {"limit": 100, "swap": 100}}}}`, ``},
		{`{"linux": {"resources": {"memory": {"limit": 100, "swap": -1}}}}`, ``},
		{`{"linux": {"resources": {"memory": {"limit": 100, "swap": 0}}}}`, ``},
		{`{"linux": {"resources": {"memory": {"limit": 0, "swap": 5}}}}`, ``},
		{`{"linux": {"resources": {"memory": {"limit": 101, "swap": 100}}}}`, `linux.resources.memory.swap: 100 is less than the limit 101, but counts memory and swap together`},
		{`{"linux": {"resources": {"memory": {"limit": -2, "reservation": -3, "swap": -4, "kernel": -5, "kernelTCP": -6, "swappiness": 101}}}}`, `linux.resources.memory.limit: -2 is out of range, must be -1 (no limit) or greater
			linux.resources.memory.reservation: -3 is out of range, must be -1 (no limit) or greater
			linux.resources.memory.swap: -4 is out of range, must be -1 (no limit) or greater
			linux.resources.memory.kernel: -5 is out of range, must be -1 (no limit) or greater
			linux.resources.memory.kernelTCP: -6 is out of range, must be -1 (no limit) or greater
			linux.resources.memory.swappiness: 101 is out of range, must be 0 to 100
			warning: linux.resources.memory.kernel: is deprecated and may have no effect`},
	})
}

func TestValidateCPU(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"cpu": {"shares": 2, "quota": -1, "period": 0, "burst": 7, "realtimeRuntime": -1, "realtimePeriod": 1, "cpus": "0-3,7", "mems": "0", "idle": 1}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"quota": 1000, "period": 1000, "burst": 1000}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"quota": 0, "period": 1000000, "realtimeRuntime": 0, "idle": 0}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"quota": 0, "burst": 7}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"realtimeRuntime": 5, "realtimePeriod": 5}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"realtimeRuntime": 5, "realtimePeriod": 0}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"realtimeRuntime": 5}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"realtimePeriod": 5}}}}`, ``},
		{`{"linux": {"resources": {"cpu": {"quota": -2, "period": 999}}}}`, `linux.resources.cpu.quota: -2 is out of range, must be -1 (no limit) or at least 1000 microseconds
			linux.resources.cpu.period: 999 is out of range, must be 1000 to 1000000 microseconds`},
		{`{"linux": {"resources": {"cpu": {"quota": 999, "period": 1000001}}}}`, `linux.resources.cpu.quota: 999 is out of range, must be -1 (no limit) or at least 1000 microseconds
			linux.resources.cpu.period: 1000001 is out of range, must be 1000 to 1000000 microseconds`},
		{`{"linux": {"resources": {"cpu": {"quota": 2000, "burst": 2001}}}}`, `linux.resources.cpu.burst: 2001 is greater than the quota 2000`},
		{`{"linux": {"resources": {"cpu": {"realtimeRuntime": 6, "realtimePeriod": 5}}}}`, `linux.resources.cpu.realtimeRuntime: 6 is greater than realtimePeriod 5`},
		{`{"linux": {"resources": {"cpu": {"realtimeRuntime": -2}}}}`, `linux.resources.cpu.realtimeRuntime: -2 is out of range, must be -1 (no limit) or greater`},
		{`{"linux": {"resources": {"cpu": {"cpus": "0..3", "mems": "x"}}}}`, `linux.resources.cpu.cpus: "0..3" is not a list like "0-3,7": unexpected '.'
			linux.resources.cpu.mems: "x" is not a list like "0-3,7": unexpected 'x'`},
		{`{"linux": {"resources": {"cpu": {"idle": 2}}}}`, `linux.resources.cpu.idle: 2 is out of range, must be 0 or 1`},
		{`{"linux": {"resources": {"cpu": {"idle": -1}}}}`, `linux.resources.cpu.idle: -1 is out of range, must be 0 or 1`},
	})
}

func TestValidatePids(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"pids": {"limit": -1}}}}`, ``},
		{`{"linux": {"resources": {"pids": {"limit": 0}}}}`, ``},
		{`{"linux": {"resources": {"pids": {}}}}`, ``},
		{`{"linux": {"resources": {"pids": {"limit": -2}}}}`, `linux.resources.pids.limit: -2 is out of range, must be -1 (no limit) or greater`},
	})
}

func TestValidateBlockIO(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"blockIO": {"weight": 1000, "leafWeight": 0, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}, {"major": 8, "minor": 16, "leafWeight": 10}],
			"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 0}]}}}}`, ``},
		{`{"linux": {"resources": {"blockIO": {"weight": 1001, "leafWeight": 1002, "weightDevice": [{"major": 8, "minor": 0}, {"major": -1, "minor": -2, "weight": 1003, "leafWeight": 1004}]}}}}`, `linux.resources.blockIO.weight: 1001 is out of range, must be 0 to 1000
			linux.resources.blockIO.leafWeight: 1002 is out of range, must be 0 to 1000
			linux.resources.blockIO.weightDevice[0]: must have weight or leafWeight
			linux.resources.blockIO.weightDevice[1].major: -1 is out of range, must be 0 to 4095
			linux.resources.blockIO.weightDevice[1].minor: -2 is out of range, must be 0 to 1048575
			linux.resources.blockIO.weightDevice[1].weight: 1003 is out of range, must be 0 to 1000
			linux.resources.blockIO.weightDevice[1].leafWeight: 1004 is out of range, must be 0 to 1000`},
		{`{"linux": {"resources": {"blockIO": {"throttleReadBpsDevice": [{"major": -1}], "throttleWriteBpsDevice": [{}, {"minor": -1}],
			"throttleReadIOPSDevice": [{"major": 4096}], "throttleWriteIOPSDevice": [{"minor": 1048576}]}}}}`, `linux.resources.blockIO.throttleReadBpsDevice[0].major: -1 is out of range, must be 0 to 4095
			linux.resources.blockIO.throttleWriteBpsDevice[1].minor: -1 is out of range, must be 0 to 1048575
			linux.resources.blockIO.throttleReadIOPSDevice[0].major: 4096 is out of range, must be 0 to 4095
			linux.resources.blockIO.throttleWriteIOPSDevice[0].minor: 1048576 is out of range, must be 0 to 1048575`},
	})
}

func TestValidateHugepages(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"hugepageLimits": [{"pageSize": "64KB", "limit": 0}, {"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 2}]}}}`, ``},
		{`{"linux": {"resources": {"hugepageLimits": [{"limit": 1}, {"pageSize": "2M"}, {"pageSize": "02MB"}, {"pageSize": "2mB"}, {"pageSize": "MB"}, {"pageSize": "2 MB"}, {"pageSize": "../2MB"}]}}}`, `linux.resources.hugepageLimits[0].pageSize: "" is not a size like "2MB"
			linux.resources.hugepageLimits[1].pageSize: "2M" is not a size like "2MB"
			linux.resources.hugepageLimits[2].pageSize: "02MB" is not a size like "2MB"
			linux.resources.hugepageLimits[3].pageSize: "2mB" is not a size like "2MB"
			linux.resources.hugepageLimits[4].pageSize: "MB" is not a size like "2MB"
			linux.resources.hugepageLimits[5].pageSize: "2 MB" is not a size like "2MB"
			linux.resources.hugepageLimits[6].pageSize: "../2MB" is not a size like "2MB"`},
		{`{"linux": {"resources": {"hugepageLimits": [{"pageSize": "2MB"}, {"pageSize": "1GB"}, {"pageSize": "2MB"}]}}}`, `linux.resources.hugepageLimits[2].pageSize: "2MB" is given in entry 0 already`},
	})
}

func TestValidateNetworkAndRdma(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"network": {"classID": 4294967295, "priorities": [{"name": "eth0", "priority": 1}]}, "rdma": {"mlx5_1": {"hcaHandles": 0}, "b": {"hcaObjects": 1}}}}}`, ``},
		{`{"linux": {"resources": {"network": {"priorities": [{"name": ""}, {"name": "a b"}]}}}}`, `linux.resources.network.priorities[0].name: "" is empty
			linux.resources.network.priorities[1].name: "a b" contains a slash, a colon, white space or a NUL byte`},
		{`{"linux": {"resources": {"rdma": {"": {"hcaHandles": 1}, "a b": {"hcaObjects": 1}, "c": {}}}}}`, `linux.resources.rdma[""]: is not the name of a device
			linux.resources.rdma["a b"]: is not the name of a device
			linux.resources.rdma.c: must have hcaHandles or hcaObjects`},
	})
}

func TestValidateUnified(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"resources": {"unified": {"memory.high": "max", "io.max": "8:0 rbps=1\n8:16 rbps=2", "made.up": ""}}}}`, ``},
		{`{"linux": {"resources": {"unified": {"": "1", "..": "1", "../memory.max": "1", "a\nb": "1", "c\u0000": "1", "d": "\u0000"}}}}`, `linux.resources.unified[""]: is not the name of a file in a cgroup
			linux.resources.unified[".."]: is not the name of a file in a cgroup
			linux.resources.unified["../memory.max"]: is not the name of a file in a cgroup
			linux.resources.unified["a\nb"]: is not the name of a file in a cgroup
			linux.resources.unified["c\x00"]: is not the name of a file in a cgroup
			linux.resources.unified.d: "\x00" contains a NUL byte`},
	})
}

func TestValidateResourcesAlone(t *testing.T) {
	limit := int64(-7)
	r := &LinuxResources{}
	if got := lines(ValidateResources(r)); got != "" {
		t.Errorf("empty resources: %s", got)
	}
	r.Pids = &LinuxPids{Limit: &limit}
	if got, want := lines(ValidateResources(r)), "linux.resources.pids.limit: -7 is out of range, must be -1 (no limit) or greater"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
