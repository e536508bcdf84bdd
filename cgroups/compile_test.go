package cgroups

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The hosts of the tests: version 1 with everything, version 2 with everything,
// a hybrid one as systemd 240 made it, and one with next to nothing.
func hostV1() *Host {
	var h []Hierarchy
	for _, c := range []string{
		"cpu,cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls,net_prio", "rdma",
	} {
		h = append(h, Hierarchy{Version: 1, MountPoint: "/sys/fs/cgroup/" + c, Root: "/", Controllers: strings.Split(c, ","), Own: "/user"})
	}
	h = append(h, Hierarchy{Version: 1, MountPoint: "/sys/fs/cgroup/systemd", Root: "/", Name: "systemd", Own: "/user/session"})
	return NewHost(h...)
}

func hostV2() *Host {
	return NewHost(Hierarchy{
		Version: 2, MountPoint: "/sys/fs/cgroup", Root: "/", Own: "/user/session",
		Controllers: []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"},
	})
}

func hostHybrid() *Host {
	h := hostV1().Hierarchies()
	h = slices.DeleteFunc(h, func(x Hierarchy) bool { return slices.Contains(x.Controllers, "hugetlb") })
	return NewHost(append(h, Hierarchy{
		Version: 2, MountPoint: "/sys/fs/cgroup/unified", Root: "/", Own: "/user/session", Controllers: []string{"hugetlb"},
	})...)
}

func hostBare() *Host {
	return NewHost(Hierarchy{Version: 1, MountPoint: "/sys/fs/cgroup/freezer", Root: "/", Controllers: []string{"freezer"}, Own: "/"})
}

// outcome is everything that Compile says, one thing a line.
func outcome(t *testing.T, resources string, h *Host) []string {
	t.Helper()
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(resources), &r); err != nil {
		t.Fatalf("%s: %v", resources, err)
	}
	writes, warnings, err := Compile(&r, h)
	var out []string
	for _, w := range warnings {
		out = append(out, "warning: "+w.String())
	}
	if err != nil {
		if len(writes) != 0 {
			t.Errorf("writes beside an error: %v", writes)
		}
		var list FieldErrors
		if !errors.As(err, &list) {
			t.Fatalf("error %v is no FieldErrors", err)
		}
		for _, e := range list {
			out = append(out, "error: "+e.Error())
		}
		return out
	}
	for _, w := range writes {
		if !strings.HasPrefix(w.Field, "linux.resources.") {
			t.Errorf("write %s has the field %q", w, w.Field)
		}
		if _, ok := h.Lookup(w.Controller); !ok && w.Controller != core {
			t.Errorf("write %s is for a controller that the host does not have", w)
		}
		out = append(out, w.String())
	}
	return out
}

func check(t *testing.T, got []string, want string) {
	t.Helper()
	var lines []string
	for l := range strings.Lines(want) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	if !slices.Equal(got, lines) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// A row is what becomes of some linux.resources on the two versions.
type row struct{ name, in, v1, v2 string }

// rows has every field of linux.resources; TestEveryField sees to it. What
// devices mean is tested more closely in devices_test.go.
func rows() []row {
	return []row{
		{"nothing", `{}`, ``, ``},
		{
			"memory limit", `{"memory":{"limit":1048576}}`,
			`memory/memory.limit_in_bytes = 1048576, retried`,
			`memory/memory.max = 1048576`,
		},
		{
			"memory limit none", `{"memory":{"limit":-1}}`,
			`memory/memory.memsw.limit_in_bytes = -1, if there
			 memory/memory.limit_in_bytes = -1, retried`,
			`memory/memory.swap.max = max, if there
			 memory/memory.max = max`,
		},
		{
			"memory limit bad", `{"memory":{"limit":-2}}`,
			`error: linux.resources.memory.limit: -2: must not be negative, except -1 for no limit`,
			`error: linux.resources.memory.limit: -2: must not be negative, except -1 for no limit`,
		},
		{
			"memory zeros", `{"memory":{"limit":0,"swap":0,"reservation":0}}`,
			`warning: linux.resources.memory.limit: 0 is taken as not set
			 warning: linux.resources.memory.swap: 0 is taken as not set
			 warning: linux.resources.memory.reservation: 0 is taken as not set`,
			`warning: linux.resources.memory.limit: 0 is taken as not set
			 warning: linux.resources.memory.swap: 0 is taken as not set
			 warning: linux.resources.memory.reservation: 0 is taken as not set`,
		},
		{
			"swap", `{"memory":{"limit":100,"swap":300}}`,
			`memory/memory.limit_in_bytes = 100, retried
			 memory/memory.memsw.limit_in_bytes = 300, retried`,
			`memory/memory.max = 100
			 memory/memory.swap.max = 200`,
		},
		{
			"swap equal to limit", `{"memory":{"limit":100,"swap":100}}`,
			`memory/memory.limit_in_bytes = 100, retried
			 memory/memory.memsw.limit_in_bytes = 100, retried`,
			`memory/memory.max = 100
			 memory/memory.swap.max = 0, if there`,
		},
		{
			"swap none", `{"memory":{"limit":100,"swap":-1}}`,
			`memory/memory.limit_in_bytes = 100, retried
			 memory/memory.memsw.limit_in_bytes = -1, if there, retried`,
			`memory/memory.max = 100
			 memory/memory.swap.max = max, if there`,
		},
		{
			"swap below limit", `{"memory":{"limit":100,"swap":99}}`,
			`error: linux.resources.memory.swap: 99 is less than linux.resources.memory.limit (100), which it includes`,
			`error: linux.resources.memory.swap: 99 is less than linux.resources.memory.limit (100), which it includes`,
		},
		{
			"swap without limit", `{"memory":{"swap":99}}`,
			`memory/memory.memsw.limit_in_bytes = 99, retried`,
			`error: linux.resources.memory.swap: 99: cgroup v2 needs linux.resources.memory.limit beside it`,
		},
		{
			"swap with no limit", `{"memory":{"limit":-1,"swap":99}}`,
			`error: linux.resources.memory.swap: 99: memory and swap together cannot be limited while linux.resources.memory.limit is -1`,
			`error: linux.resources.memory.swap: 99: memory and swap together cannot be limited while linux.resources.memory.limit is -1`,
		},
		{
			"reservation", `{"memory":{"reservation":50}}`,
			`memory/memory.soft_limit_in_bytes = 50`, `memory/memory.low = 50`,
		},
		{
			"reservation none", `{"memory":{"reservation":-1}}`,
			`memory/memory.soft_limit_in_bytes = -1`, `memory/memory.low = max`,
		},
		{
			"kernel memory", `{"memory":{"kernel":5,"kernelTCP":6}}`,
			`warning: linux.resources.memory.kernel: ignored: the kernel has no separate limit for kernel memory any more
			 warning: linux.resources.memory.kernelTCP: ignored: limits for kernel memory are not recommended by the runtime spec`,
			`warning: linux.resources.memory.kernel: ignored: the kernel has no separate limit for kernel memory any more
			 warning: linux.resources.memory.kernelTCP: ignored: limits for kernel memory are not recommended by the runtime spec`,
		},
		{
			"swappiness", `{"memory":{"swappiness":0}}`,
			`memory/memory.swappiness = 0`,
			`error: linux.resources.memory.swappiness: cgroup v2 has no equivalent`,
		},
		{
			"swappiness bad", `{"memory":{"swappiness":101}}`,
			`error: linux.resources.memory.swappiness: 101 is not between 0 and 100`,
			`error: linux.resources.memory.swappiness: 101 is not between 0 and 100`,
		},
		{
			"oom killer off", `{"memory":{"disableOOMKiller":true}}`,
			`memory/memory.oom_control = 1`,
			`error: linux.resources.memory.disableOOMKiller: cgroup v2 has no equivalent`,
		},
		{"oom killer on", `{"memory":{"disableOOMKiller":false}}`, `memory/memory.oom_control = 0`, ``},
		{"hierarchy", `{"memory":{"useHierarchy":true}}`, ``, ``},
		{
			"no hierarchy", `{"memory":{"useHierarchy":false}}`,
			`error: linux.resources.memory.useHierarchy: false: the kernel always accounts hierarchically`,
			`error: linux.resources.memory.useHierarchy: false: the kernel always accounts hierarchically`,
		},
		{
			"check", `{"memory":{"limit":100,"checkBeforeUpdate":true}}`,
			`memory/memory.limit_in_bytes = 100, retried`,
			`memory/memory.max = 100, if above memory.current`,
		},
		{"shares", `{"cpu":{"shares":1024}}`, `cpu/cpu.shares = 1024, retried`, `cpu/cpu.weight = 100, retried`},
		{"shares unset", `{"cpu":{"shares":0}}`, ``, ``},
		{
			"shares small", `{"cpu":{"shares":1}}`,
			`warning: linux.resources.cpu.shares: 1 is out of the kernel's range, 2 is used
			 cpu/cpu.shares = 2, retried`,
			`warning: linux.resources.cpu.shares: 1 is out of the kernel's range, 2 is used
			 cpu/cpu.weight = 1, retried`,
		},
		{
			"shares large", `{"cpu":{"shares":262145}}`,
			`warning: linux.resources.cpu.shares: 262145 is out of the kernel's range, 262144 is used
			 cpu/cpu.shares = 262144, retried`,
			`warning: linux.resources.cpu.shares: 262145 is out of the kernel's range, 262144 is used
			 cpu/cpu.weight = 10000, retried`,
		},
		{
			"quota and period", `{"cpu":{"quota":50000,"period":100000}}`,
			`cpu/cpu.cfs_period_us = 100000, retried
			 cpu/cpu.cfs_quota_us = 50000, retried`,
			`cpu/cpu.max = 50000 100000, retried`,
		},
		{"quota", `{"cpu":{"quota":50000}}`, `cpu/cpu.cfs_quota_us = 50000, retried`, `cpu/cpu.max = 50000, retried`},
		{"no quota", `{"cpu":{"quota":-1}}`, `cpu/cpu.cfs_quota_us = -1, retried`, `cpu/cpu.max = max, retried`},
		{
			"no quota and period", `{"cpu":{"quota":-1,"period":20000}}`,
			`cpu/cpu.cfs_period_us = 20000, retried
			 cpu/cpu.cfs_quota_us = -1, retried`,
			`cpu/cpu.max = max 20000, retried`,
		},
		{"period", `{"cpu":{"period":20000}}`, `cpu/cpu.cfs_period_us = 20000, retried`, `cpu/cpu.max = max 20000, first word kept, retried`},
		{"quota and period unset", `{"cpu":{"quota":0,"period":0}}`, ``, ``},
		{
			"burst", `{"cpu":{"quota":50000,"burst":50000}}`,
			`cpu/cpu.cfs_quota_us = 50000, retried
			 cpu/cpu.cfs_burst_us = 50000, retried`,
			`cpu/cpu.max = 50000, retried
			 cpu/cpu.max.burst = 50000, retried`,
		},
		{
			"no burst", `{"cpu":{"burst":0}}`,
			`cpu/cpu.cfs_burst_us = 0, if there, retried`, `cpu/cpu.max.burst = 0, if there, retried`,
		},
		{
			"burst bad", `{"cpu":{"quota":50000,"burst":50001}}`,
			`error: linux.resources.cpu.burst: 50001 is more than linux.resources.cpu.quota (50000)`,
			`error: linux.resources.cpu.burst: 50001 is more than linux.resources.cpu.quota (50000)`,
		},
		{
			"idle", `{"cpu":{"shares":512,"idle":1}}`,
			`warning: linux.resources.cpu.shares: 512 has no effect while linux.resources.cpu.idle is 1
			 cpu/cpu.idle = 1`,
			`warning: linux.resources.cpu.shares: 512 has no effect while linux.resources.cpu.idle is 1
			 cpu/cpu.idle = 1`,
		},
		{"not idle", `{"cpu":{"idle":0}}`, `cpu/cpu.idle = 0, if there`, `cpu/cpu.idle = 0, if there`},
		{
			"idle bad", `{"cpu":{"idle":2}}`,
			`error: linux.resources.cpu.idle: 2 is neither 0 nor 1`, `error: linux.resources.cpu.idle: 2 is neither 0 nor 1`,
		},
		{
			"realtime", `{"cpu":{"realtimeRuntime":950000,"realtimePeriod":1000000}}`,
			`cpu/cpu.rt_period_us = 1000000, retried
			 cpu/cpu.rt_runtime_us = 950000, retried`,
			`error: linux.resources.cpu.realtimePeriod: cgroup v2 has no equivalent
			 error: linux.resources.cpu.realtimeRuntime: cgroup v2 has no equivalent`,
		},
		{
			"cpuset", `{"cpu":{"cpus":"0-1,3","mems":"0"}}`,
			`cpuset/cpuset.cpus = 0-1,3
			 cpuset/cpuset.mems = 0`,
			`cpuset/cpuset.cpus = 0-1,3
			 cpuset/cpuset.mems = 0`,
		},
		{
			"cpuset bad", `{"cpu":{"cpus":"all"}}`,
			`error: linux.resources.cpu.cpus: "all" is not a list of numbers and ranges such as 0-3,7`,
			`error: linux.resources.cpu.cpus: "all" is not a list of numbers and ranges such as 0-3,7`,
		},
		{"pids", `{"pids":{"limit":10}}`, `pids/pids.max = 10`, `pids/pids.max = 10`},
		{"pids unset", `{"pids":{}}`, ``, ``},
		{"pids zero", `{"pids":{"limit":0}}`, `pids/pids.max = 0`, `pids/pids.max = 0`},
		{"pids none", `{"pids":{"limit":-1}}`, `pids/pids.max = max`, `pids/pids.max = max`},
		{
			"pids bad", `{"pids":{"limit":-5}}`,
			`error: linux.resources.pids.limit: -5: must not be negative, except -1 for no limit`,
			`error: linux.resources.pids.limit: -5: must not be negative, except -1 for no limit`,
		},
		{
			"weight", `{"blockIO":{"weight":10}}`,
			`blkio/blkio.bfq.weight = 10, else blkio/blkio.weight = 10`,
			`io/io.bfq.weight = 10, else io/io.weight = 1`,
		},
		{
			"weight 100", `{"blockIO":{"weight":100}}`,
			`blkio/blkio.bfq.weight = 100, else blkio/blkio.weight = 100`,
			`io/io.bfq.weight = 100, else io/io.weight = 910`,
		},
		{
			"weight 1000", `{"blockIO":{"weight":1000}}`,
			`blkio/blkio.bfq.weight = 1000, else blkio/blkio.weight = 1000`,
			`io/io.bfq.weight = 1000, else io/io.weight = 10000`,
		},
		{
			"weight bad", `{"blockIO":{"weight":1001}}`,
			`error: linux.resources.blockIO.weight: 1001 is not between 10 and 1000`,
			`error: linux.resources.blockIO.weight: 1001 is not between 10 and 1000`,
		},
		{"weights unset", `{"blockIO":{"weight":0,"leafWeight":0}}`, ``, ``},
		{
			"leaf weight", `{"blockIO":{"leafWeight":20}}`,
			`blkio/blkio.leaf_weight = 20`,
			`error: linux.resources.blockIO.leafWeight: cgroup v2 has no equivalent`,
		},
		{
			"weight of a device", `{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":500,"leafWeight":0},{"major":8,"minor":16}]}}`,
			`error: linux.resources.blockIO.weightDevice[1]: has neither weight nor leafWeight`,
			`error: linux.resources.blockIO.weightDevice[1]: has neither weight nor leafWeight`,
		},
		{
			"weight of a device 500", `{"blockIO":{"weightDevice":[{"major":8,"minor":16,"weight":500}]}}`,
			`blkio/blkio.bfq.weight_device = 8:16 500, else blkio/blkio.weight_device = 8:16 500`,
			`io/io.bfq.weight = 8:16 500, else io/io.weight = 8:16 4950`,
		},
		{
			"leaf weight of a device", `{"blockIO":{"weightDevice":[{"major":8,"minor":0,"leafWeight":300}]}}`,
			`blkio/blkio.leaf_weight_device = 8:0 300`,
			`error: linux.resources.blockIO.weightDevice[0].leafWeight: cgroup v2 has no equivalent`,
		},
		{
			"throttle", `{"blockIO":{
				"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600},{"major":8,"minor":1,"rate":0}],
				"throttleWriteBpsDevice":[{"major":8,"minor":2,"rate":601}],
				"throttleReadIOPSDevice":[{"major":8,"minor":3,"rate":602}],
				"throttleWriteIOPSDevice":[{"major":8,"minor":4,"rate":603}]}}`,
			`blkio/blkio.throttle.read_bps_device = 8:0 600
			 blkio/blkio.throttle.read_bps_device = 8:1 0
			 blkio/blkio.throttle.write_bps_device = 8:2 601
			 blkio/blkio.throttle.read_iops_device = 8:3 602
			 blkio/blkio.throttle.write_iops_device = 8:4 603`,
			`io/io.max = 8:0 rbps=600
			 io/io.max = 8:1 rbps=max
			 io/io.max = 8:2 wbps=601
			 io/io.max = 8:3 riops=602
			 io/io.max = 8:4 wiops=603`,
		},
		{
			"throttle bad", `{"blockIO":{"throttleReadBpsDevice":[{"major":-1,"minor":0,"rate":600}]}}`,
			`error: linux.resources.blockIO.throttleReadBpsDevice[0]: -1:0 is no device number`,
			`error: linux.resources.blockIO.throttleReadBpsDevice[0]: -1:0 is no device number`,
		},
		{
			"hugepages", `{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}`,
			`hugetlb/hugetlb.2MB.limit_in_bytes = 4194304
			 hugetlb/hugetlb.2MB.rsvd.limit_in_bytes = 4194304, if there`,
			`hugetlb/hugetlb.2MB.max = 4194304
			 hugetlb/hugetlb.2MB.rsvd.max = 4194304, if there`,
		},
		{
			"hugepages bad", `{"hugepageLimits":[{"pageSize":"2M","limit":1},{"pageSize":"../2MB","limit":1},{"pageSize":"MB","limit":1}]}`,
			`error: linux.resources.hugepageLimits[0].pageSize: "2M" is not a size such as 64KB, 2MB or 1GB
			 error: linux.resources.hugepageLimits[1].pageSize: "../2MB" is not a size such as 64KB, 2MB or 1GB
			 error: linux.resources.hugepageLimits[2].pageSize: "MB" is not a size such as 64KB, 2MB or 1GB`,
			`error: linux.resources.hugepageLimits[0].pageSize: "2M" is not a size such as 64KB, 2MB or 1GB
			 error: linux.resources.hugepageLimits[1].pageSize: "../2MB" is not a size such as 64KB, 2MB or 1GB
			 error: linux.resources.hugepageLimits[2].pageSize: "MB" is not a size such as 64KB, 2MB or 1GB`,
		},
		{
			"network", `{"network":{"classID":1048577,"priorities":[{"name":"eth0","priority":500}]}}`,
			`net_cls/net_cls.classid = 1048577
			 net_prio/net_prio.ifpriomap = eth0 500`,
			`error: linux.resources.network.classID: no cgroup hierarchy of this host has the net_cls controller
			 error: linux.resources.network.priorities[0]: no cgroup hierarchy of this host has the net_prio controller`,
		},
		{"network class 0", `{"network":{"classID":0}}`, `net_cls/net_cls.classid = 0`, ``},
		{
			"network bad", `{"network":{"priorities":[{"name":"a b","priority":1}]}}`,
			`error: linux.resources.network.priorities[0].name: "a b" is no name of a network interface`,
			`error: linux.resources.network.priorities[0].name: "a b" is no name of a network interface`,
		},
		{
			"rdma", `{"rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":10000},"mlx4_0":{"hcaObjects":1000}}}`,
			`rdma/rdma.max = mlx4_0 hca_object=1000
			 rdma/rdma.max = mlx5_1 hca_handle=3 hca_object=10000`,
			`rdma/rdma.max = mlx4_0 hca_object=1000
			 rdma/rdma.max = mlx5_1 hca_handle=3 hca_object=10000`,
		},
		{
			"rdma bad", `{"rdma":{"a b":{"hcaHandles":3},"mlx4_0":{}}}`,
			`error: linux.resources.rdma["a b"]: "a b" is no name of an RDMA device
			 error: linux.resources.rdma["mlx4_0"]: has neither hcaHandles nor hcaObjects`,
			`error: linux.resources.rdma["a b"]: "a b" is no name of an RDMA device
			 error: linux.resources.rdma["mlx4_0"]: has neither hcaHandles nor hcaObjects`,
		},
		{
			"unified", `{"memory":{"limit":5},"unified":{"memory.max":"7","io.max":"8:0 rbps=1\n8:16 wbps=2\n","cgroup.max.depth":"3"}}`,
			`error: linux.resources.unified["cgroup.max.depth"]: needs cgroup v2, which this host does not have
			 error: linux.resources.unified["io.max"]: needs cgroup v2, which this host does not have
			 error: linux.resources.unified["memory.max"]: needs cgroup v2, which this host does not have`,
			`memory/memory.max = 5
			 cgroup/cgroup.max.depth = 3
			 io/io.max = 8:0 rbps=1
			 io/io.max = 8:16 wbps=2
			 memory/memory.max = 7`,
		},
		{
			"unified bad", `{"unified":{"foo.max":"1","memory/x":"1","../x.y":"1","memory":"1","cgroup.freeze":"1"}}`,
			`error: linux.resources.unified["../x.y"]: needs cgroup v2, which this host does not have
			 error: linux.resources.unified["cgroup.freeze"]: needs cgroup v2, which this host does not have
			 error: linux.resources.unified["foo.max"]: needs cgroup v2, which this host does not have
			 error: linux.resources.unified["memory"]: needs cgroup v2, which this host does not have
			 error: linux.resources.unified["memory/x"]: needs cgroup v2, which this host does not have`,
			`error: linux.resources.unified["../x.y"]: is no name of a cgroup file
			 error: linux.resources.unified["cgroup.freeze"]: is no limit: it moves, stops or ends processes
			 error: linux.resources.unified["foo.max"]: the cgroup v2 hierarchy of this host does not have the foo controller
			 error: linux.resources.unified["memory"]: is no name of a cgroup file
			 error: linux.resources.unified["memory/x"]: is no name of a cgroup file`,
		},
		{
			"devices", `{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rw"}]}`,
			`devices/devices.deny = a
			 devices/devices.allow = c 1:3 rw`,
			`devices/bpf = 15 instructions`,
		},
	}
}

func TestCompile(t *testing.T) {
	for _, c := range rows() {
		t.Run(c.name, func(t *testing.T) {
			t.Run("v1", func(t *testing.T) { check(t, outcome(t, c.in, hostV1()), c.v1) })
			t.Run("v2", func(t *testing.T) { check(t, outcome(t, c.in, hostV2()), c.v2) })
		})
	}
}

// On a hybrid host each controller is taken where it is.
func TestCompileHybrid(t *testing.T) {
	in := `{"memory":{"limit":5},"hugepageLimits":[{"pageSize":"1GB","limit":0}],"unified":{"hugetlb.2MB.max":"0"}}`
	check(t, outcome(t, in, hostHybrid()), `
		memory/memory.limit_in_bytes = 5, retried
		hugetlb/hugetlb.1GB.max = 0
		hugetlb/hugetlb.1GB.rsvd.max = 0, if there
		hugetlb/hugetlb.2MB.max = 0`)
	check(t, outcome(t, `{"unified":{"memory.max":"5"}}`, hostHybrid()),
		`error: linux.resources.unified["memory.max"]: the cgroup v2 hierarchy of this host does not have the memory controller`)
}

// A controller that is missing is an error of each field that needs it, and of
// none that asks for what happens anyway.
func TestCompileMissingController(t *testing.T) {
	check(t, outcome(t, `{"memory":{"limit":5},"cpu":{"shares":5,"cpus":"0"},"pids":{"limit":1},
		"blockIO":{"weight":10},"hugepageLimits":[{"pageSize":"2MB","limit":1}],"devices":[{"allow":false,"access":"rwm"}]}`, hostBare()), `
		error: linux.resources.memory.limit: no cgroup hierarchy of this host has the memory controller
		error: linux.resources.cpu.shares: no cgroup hierarchy of this host has the cpu controller
		error: linux.resources.cpu.cpus: no cgroup hierarchy of this host has the cpuset controller
		error: linux.resources.pids.limit: no cgroup hierarchy of this host has the pids controller
		error: linux.resources.blockIO.weight: no cgroup hierarchy of this host has the blkio controller
		error: linux.resources.hugepageLimits[0]: no cgroup hierarchy of this host has the hugetlb controller
		error: linux.resources.devices: no cgroup hierarchy of this host has the devices controller`)
	check(t, outcome(t, `{"memory":{"disableOOMKiller":false,"useHierarchy":true},"cpu":{"shares":0,"idle":0},
		"pids":{"limit":-1},"blockIO":{"weight":0},"network":{"classID":0}}`, hostBare()), ``)
}

// Compile gives the same for the same, and nothing for nothing.
func TestCompilePure(t *testing.T) {
	in := `{"unified":{"memory.max":"7","io.max":"x","pids.max":"1","cpu.max":"1"},"rdma":{"a":{"hcaObjects":1},"b":{"hcaObjects":1}}}`
	first := outcome(t, in, hostV2())
	for range 20 {
		if again := outcome(t, in, hostV2()); !slices.Equal(first, again) {
			t.Fatalf("first %q, then %q", first, again)
		}
	}
	if w, warn, err := Compile(nil, hostV2()); w != nil || warn != nil || err != nil {
		t.Errorf("nil resources: %v, %v, %v", w, warn, err)
	}
}

// The three points that fix the curve, and that it rises.
func TestWeightOfShares(t *testing.T) {
	for shares, want := range map[uint64]uint64{2: 1, 1024: 100, 262144: 10000} {
		if got := weightOfShares(shares); got != want {
			t.Errorf("%d shares: weight %d, want %d", shares, got, want)
		}
	}
	last := uint64(0)
	for s := uint64(2); s <= 262144; s++ {
		w := weightOfShares(s)
		if w < last || w < 1 || w > 10000 {
			t.Fatalf("%d shares: weight %d after %d", s, w, last)
		}
		last = w
	}
}

// BenchmarkCompile compiles the rules that every container has.
func BenchmarkCompile(b *testing.B) {
	for _, h := range []*Host{hostV1(), hostV2()} {
		b.Run(h.Mode().String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Compile(&specs.LinuxResources{Devices: DefaultDeviceRules()}, h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
