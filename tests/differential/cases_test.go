//go:build integration

package differential

// A testCase is a new cgroup with the first resources, which are then updated
// with the others. DISK stands for the numbers of a block device of the machine.
type testCase struct {
	name  string
	steps []string
}

// one is a case without updates.
func one(name, resources string) testCase { return testCase{name, []string{resources}} }

// steps is a case with updates.
func steps(name string, resources ...string) testCase { return testCase{name, resources} }

const (
	denyAll = `{"allow":false,"access":"rwm"}`
	null    = `{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}`
)

func cases() []testCase {
	return []testCase{
		one("nothing", `{}`),

		one("memory limit", `{"memory":{"limit":33554432}}`),
		one("memory limit none", `{"memory":{"limit":-1}}`),
		one("memory zeros", `{"memory":{"limit":0,"swap":0,"reservation":0}}`),
		one("memory limit below a page", `{"memory":{"limit":100}}`),
		one("swap", `{"memory":{"limit":33554432,"swap":67108864}}`),
		one("swap equal to limit", `{"memory":{"limit":33554432,"swap":33554432}}`),
		one("swap none", `{"memory":{"limit":33554432,"swap":-1}}`),
		one("swap below limit", `{"memory":{"limit":33554432,"swap":16777216}}`),
		one("swap without limit", `{"memory":{"swap":33554432}}`),
		one("swap with limit none", `{"memory":{"limit":-1,"swap":33554432}}`),
		one("reservation", `{"memory":{"limit":33554432,"reservation":16777216}}`),
		one("reservation none", `{"memory":{"reservation":-1}}`),
		one("kernel memory", `{"memory":{"kernel":33554432,"kernelTCP":33554432}}`),
		one("swappiness", `{"memory":{"swappiness":10}}`),
		one("swappiness out of range", `{"memory":{"swappiness":101}}`),
		one("OOM killer off", `{"memory":{"disableOOMKiller":true}}`),
		one("OOM killer on", `{"memory":{"disableOOMKiller":false}}`),
		steps("memory raised", `{"memory":{"limit":33554432,"swap":33554432}}`, `{"memory":{"limit":67108864,"swap":67108864}}`),
		steps("memory lowered", `{"memory":{"limit":67108864,"swap":67108864}}`, `{"memory":{"limit":33554432,"swap":33554432}}`),
		steps("memory lifted", `{"memory":{"limit":33554432,"swap":67108864}}`, `{"memory":{"limit":-1}}`),
		steps("memory and swap lifted", `{"memory":{"limit":33554432,"swap":67108864}}`, `{"memory":{"limit":-1,"swap":-1}}`),
		steps("swap lifted", `{"memory":{"limit":33554432,"swap":67108864}}`, `{"memory":{"limit":33554432,"swap":-1}}`),
		steps("memory raised above memory and swap", `{"memory":{"limit":33554432,"swap":33554432}}`, `{"memory":{"limit":67108864}}`),
		steps("memory checked before update", `{"memory":{"limit":67108864}}`, `{"memory":{"limit":33554432,"checkBeforeUpdate":true}}`),

		one("shares", `{"cpu":{"shares":512}}`),
		one("shares zero", `{"cpu":{"shares":0}}`),
		one("shares too small", `{"cpu":{"shares":1}}`),
		one("shares too large", `{"cpu":{"shares":300000}}`),
		one("shares odd", `{"cpu":{"shares":333}}`),
		one("quota", `{"cpu":{"quota":50000}}`),
		one("quota none", `{"cpu":{"quota":-1}}`),
		one("quota too small", `{"cpu":{"quota":10}}`),
		one("period", `{"cpu":{"period":50000}}`),
		one("quota and period", `{"cpu":{"quota":50000,"period":50000}}`),
		one("quota and period, small", `{"cpu":{"quota":2000,"period":2000}}`),
		one("burst", `{"cpu":{"quota":50000,"burst":20000}}`),
		one("burst zero", `{"cpu":{"burst":0}}`),
		one("burst above quota", `{"cpu":{"quota":50000,"burst":60000}}`),
		one("idle", `{"cpu":{"idle":1}}`),
		one("not idle", `{"cpu":{"idle":0}}`),
		one("idle out of range", `{"cpu":{"idle":2}}`),
		one("idle with shares", `{"cpu":{"shares":512,"idle":1}}`),
		one("realtime", `{"cpu":{"realtimePeriod":1000000,"realtimeRuntime":1000}}`),
		one("cpuset", `{"cpu":{"cpus":"0","mems":"0"}}`),
		one("cpuset without mems", `{"cpu":{"cpus":"0-1"}}`),
		one("cpuset of none", `{"cpu":{"cpus":"4000"}}`),
		steps("quota lifted", `{"cpu":{"quota":50000,"period":100000}}`, `{"cpu":{"quota":-1}}`),
		steps("quota and period shrunk", `{"cpu":{"quota":900000,"period":1000000}}`, `{"cpu":{"quota":9000,"period":10000}}`),
		steps("quota and period grown", `{"cpu":{"quota":9000,"period":10000}}`, `{"cpu":{"quota":900000,"period":1000000}}`),
		steps("quota and burst shrunk", `{"cpu":{"quota":50000,"burst":50000}}`, `{"cpu":{"quota":20000,"burst":10000}}`),
		steps("quota and burst grown", `{"cpu":{"quota":20000,"burst":10000}}`, `{"cpu":{"quota":50000,"burst":50000}}`),
		steps("quota alone changed", `{"cpu":{"quota":50000,"period":50000}}`, `{"cpu":{"quota":20000}}`),
		steps("period alone changed", `{"cpu":{"quota":20000,"period":50000}}`, `{"cpu":{"period":100000}}`),
		steps("idle changed to shares", `{"cpu":{"idle":1}}`, `{"cpu":{"idle":0,"shares":512}}`),
		steps("cpuset changed", `{"cpu":{"cpus":"0"}}`, `{"cpu":{"cpus":"0-1"}}`),

		one("pids", `{"pids":{"limit":7}}`),
		one("pids zero", `{"pids":{"limit":0}}`),
		one("pids none", `{"pids":{"limit":-1}}`),
		one("pids not set", `{"pids":{}}`),
		steps("pids lifted", `{"pids":{"limit":7}}`, `{"pids":{"limit":-1}}`),

		one("weight", `{"blockIO":{"weight":100}}`),
		one("weight least", `{"blockIO":{"weight":10}}`),
		one("weight most", `{"blockIO":{"weight":1000}}`),
		one("weight out of range", `{"blockIO":{"weight":5}}`),
		one("weight of a device", `{"blockIO":{"weightDevice":[{DISK,"weight":500}]}}`),
		one("leaf weight", `{"blockIO":{"leafWeight":100}}`),
		one("throttle", `{"blockIO":{"throttleReadBpsDevice":[{DISK,"rate":1048576}],"throttleWriteBpsDevice":[{DISK,"rate":2097152}],
			"throttleReadIOPSDevice":[{DISK,"rate":100}],"throttleWriteIOPSDevice":[{DISK,"rate":200}]}}`),
		one("throttle of no device", `{"blockIO":{"throttleReadBpsDevice":[{"major":4000,"minor":1,"rate":1048576}]}}`),
		steps("throttle lifted", `{"blockIO":{"throttleReadBpsDevice":[{DISK,"rate":1048576}]}}`, `{"blockIO":{"throttleReadBpsDevice":[{DISK,"rate":0}]}}`),

		one("hugepages", `{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}`),
		one("hugepages none", `{"hugepageLimits":[{"pageSize":"2MB","limit":0}]}`),
		one("hugepages of unknown size", `{"hugepageLimits":[{"pageSize":"3MB","limit":0}]}`),
		one("rdma of no device", `{"rdma":{"mlx5_7":{"hcaHandles":1,"hcaObjects":2}}}`),
		one("network class", `{"network":{"classID":1048577}}`),
		one("network priority", `{"network":{"priorities":[{"name":"lo","priority":3}]}}`),

		one("unified", `{"unified":{"memory.max":"33554432","memory.high":"16777216","pids.max":"9","cpu.weight":"77"}}`),
		one("unified wins", `{"memory":{"limit":67108864},"unified":{"memory.max":"33554432"}}`),
		one("unified of several lines", `{"unified":{"io.max":"DEV rbps=1048576\nDEV wbps=2097152"}}`),
		one("unified core", `{"unified":{"cgroup.max.depth":"3"}}`),
		one("unified with slash", `{"unified":{"../memory.max":"1"}}`),
		one("unified of unknown controller", `{"unified":{"nope.max":"1"}}`),
		one("unified of unknown file", `{"unified":{"memory.nope":"1"}}`),
		one("unified without dot", `{"unified":{"memory":"1"}}`),
		one("unified freeze", `{"unified":{"cgroup.freeze":"1"}}`),

		one("devices none", `{"devices":[`+denyAll+`]}`),
		one("devices some", `{"devices":[`+denyAll+`,`+null+`,{"allow":true,"type":"c","major":1,"minor":5,"access":"r"}]}`),
		one("devices of a kind", `{"devices":[`+denyAll+`,{"allow":true,"type":"c","access":"m"},{"allow":true,"type":"b","access":"m"},{"allow":true,"type":"c","major":1,"access":"r"}]}`),
		one("devices all", `{"devices":[{"allow":true,"access":"rwm"}]}`),
		one("devices all but one", `{"devices":[{"allow":true,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":5,"access":"rwm"}]}`),
		one("devices all but to write one", `{"devices":[{"allow":true,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":5,"access":"w"}]}`),
		one("devices with a hole", `{"devices":[`+denyAll+`,{"allow":true,"type":"c","major":1,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":5,"access":"w"}]}`),
		one("devices repeated", `{"devices":[`+denyAll+`,`+null+`,`+null+`,{"allow":false,"type":"c","major":1,"minor":3,"access":"w"}]}`),
		one("devices of no type", `{"devices":[`+denyAll+`,{"allow":true,"type":"q","access":"rwm"}]}`),
		steps("devices changed", `{"devices":[`+denyAll+`,`+null+`]}`, `{"devices":[`+denyAll+`,{"allow":true,"type":"c","major":1,"minor":5,"access":"r"}]}`),
		steps("devices opened", `{"devices":[`+denyAll+`]}`, `{"devices":[{"allow":true,"access":"rwm"}]}`),
		steps("devices closed", `{"devices":[{"allow":true,"access":"rwm"}]}`, `{"devices":[`+denyAll+`,`+null+`]}`),

		one("all together", `{"memory":{"limit":67108864,"swap":134217728,"reservation":33554432},
			"cpu":{"shares":512,"quota":50000,"period":100000,"cpus":"0","mems":"0"},"pids":{"limit":20},
			"blockIO":{"throttleReadBpsDevice":[{DISK,"rate":1048576}]},"devices":[`+denyAll+`,`+null+`]}`),
	}
}
