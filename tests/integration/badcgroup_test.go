//go:build integration

package integration

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// versionOf returns the version of the hierarchy that has the controller; 0 if
// none has.
func versionOf(controller string) int {
	for _, h := range hierarchies() {
		if slices.Contains(h.controllers, controller) {
			if h.v2 {
				return 2
			}
			return 1
		}
	}
	return 0
}

// either returns what applies to the version of the controller.
func either(controller, v1, v2 string) string {
	if versionOf(controller) == 2 {
		return v2
	}
	return v1
}

func unified(file, value string) mod {
	return resources(func(r *specs.LinuxResources) { r.Unified = map[string]string{file: value} })
}

func deviceRule(allow bool, kind string, major, minor int64, access string) mod {
	return resources(func(r *specs.LinuxResources) {
		d := specs.LinuxDeviceCgroup{Allow: allow, Type: kind, Access: access}
		if major >= 0 {
			d.Major = &major
		}
		if minor >= 0 {
			d.Minor = &minor
		}
		r.Devices = append(r.Devices, d)
	})
}

// badLimits are resources that the kernel or this host's hierarchies refuse. In
// the texts PATH stands for the container's cgroup.
func badLimits() []badCase {
	cases := []badCase{
		{
			name: "processors that are not there", mods: []mod{cpu(specs.LinuxCPU{Cpus: "900"})},
			want: `linux.resources.cpu.cpus: write 900 to cpuset.cpus of PATH: `,
		},
		{
			name: "quota of less than the kernel has", mods: []mod{cpu(specs.LinuxCPU{Quota: ptr(int64(1000)), Period: ptr(uint64(1000)), Burst: ptr(uint64(1 << 50))})},
			want: "linux.resources.cpu.burst: ",
		},
		{
			name: "swap below memory", mods: []mod{memory(specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(32 << 20))})},
			want: "linux.resources.memory.swap: 33554432 is less than the limit 67108864, but counts memory and swap together",
		},
		{
			name: "unknown size of huge pages",
			mods: []mod{resources(func(r *specs.LinuxResources) {
				r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "3MB", Limit: 5}}
			})},
			want: "linux.resources.hugepageLimits[0]: write 5 to hugetlb.3MB." + either("hugetlb", "limit_in_bytes", "max") +
				" of PATH: no such file or directory (the kernel does not offer this file)",
		},
		{
			name: "size of huge pages that is none",
			mods: []mod{resources(func(r *specs.LinuxResources) {
				r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "../2MB", Limit: 5}}
			})},
			want: `linux.resources.hugepageLimits[0].pageSize: "../2MB" is not a size like "2MB"`,
		},
		{
			name: "no block device",
			mods: []mod{resources(func(r *specs.LinuxResources) {
				r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{Rate: 7}}}
				r.BlockIO.ThrottleReadBpsDevice[0].Major = 4000
			})},
			want: "linux.resources.blockIO.throttleReadBpsDevice[0]: write 4000:0 " + either("io", "7 to blkio.throttle.read_bps_device", "rbps=7 to io.max") +
				" of PATH: no such device (no such block device)",
		},
		{
			name: "name with a slash in unified", mods: []mod{unified("../memory.max", "1")},
			want: `linux.resources.unified["../memory.max"]: is not the name of a file in a cgroup`,
		},
	}
	if versionOf("memory") == 2 {
		cases = append(cases, badUnified()...)
	} else {
		cases = append(cases, badCase{
			name: "unified of a controller of v1", mods: []mod{unified("memory.max", "1")},
			want: `linux.resources.unified["memory.max"]: ` + onHybrid("the cgroup v2 hierarchy of this host does not have the memory controller",
				"needs cgroup v2, which this host does not have"),
		})
	}
	if versionOf("devices") == 1 {
		cases = append(cases, badCase{
			name: "hole in a rule for devices", mods: []mod{deviceRule(true, "c", 1, -1, "rwm"), deviceRule(false, "c", 1, 11, "w")},
			want: "linux.resources.devices[2]: cgroup v1 cannot deny c 1:11 w and allow the rest of c 1:*",
		})
	}
	for _, missing := range []struct {
		controller, field string
		mod               mod
	}{
		{"net_prio", "network.priorities[0]", resources(func(r *specs.LinuxResources) {
			r.Network = &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 1}}}
		})},
		{"rdma", `rdma["mlx5_1"]`, resources(func(r *specs.LinuxResources) {
			r.Rdma = map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: ptr(uint32(3))}}
		})},
	} {
		if versionOf(missing.controller) == 0 {
			cases = append(cases, badCase{
				name: "no controller " + missing.controller, mods: []mod{missing.mod},
				want: "linux.resources." + missing.field + ": no cgroup hierarchy of this host has the " + missing.controller + " controller",
			})
		}
	}
	return cases
}

// badUnified are files that a v2 host does not have.
func badUnified() []badCase {
	return []badCase{
		{
			name: "unknown file in unified", mods: []mod{unified("memory.nope", "7")},
			want: `linux.resources.unified["memory.nope"]: write 7 to memory.nope of PATH: no such file or directory (the kernel does not offer this file)`,
		},
		{
			name: "unknown controller in unified", mods: []mod{unified("nope.max", "7")},
			want: `linux.resources.unified["nope.max"]: the cgroup v2 hierarchy of this host does not have the nope controller`,
		},
		{
			name: "refused value in unified", mods: []mod{unified("pids.max", "many")},
			want: `linux.resources.unified["pids.max"]: write many to pids.max of PATH: invalid argument`,
		},
		{
			name: "freeze in unified", mods: []mod{unified("cgroup.freeze", "1")},
			want: `linux.resources.unified["cgroup.freeze"]: is no limit: it moves, stops or ends processes`,
		},
	}
}

func onHybrid(hybrid, v1 string) string {
	for _, h := range hierarchies() {
		if h.v2 {
			return hybrid
		}
	}
	return v1
}

func TestBadLimits(t *testing.T) {
	for _, tc := range badLimits() {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			b := newBox(t)
			tc.want = strings.ReplaceAll(tc.want, "PATH", cgroupParent()+"/ID")
			runBadCase(b, tc)
		})
	}
}

// Where cgroups are mounted read-only, or the user may not write there, the
// error says which directory could not be made, and nothing is left.
func TestCgroupsNotWritable(t *testing.T) {
	b := newBox(t)
	c := b.container(pids(9))
	var mounts []string
	for _, h := range hierarchies() {
		mounts = append(mounts, h.dir)
	}
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", `runtime=$1 root=$2 bundle=$3 id=$4
		shift 4
		for dir; do mount --bind "$dir" "$dir" && mount -o remount,bind,ro "$dir" || exit 99; done
		exec "$runtime" --root "$root" run --bundle "$bundle" "$id"`, "sh", underTest(), b.state, c.bundle, c.id}, mounts...)...)
	first := hierarchies()[0].dir
	for _, h := range hierarchies() {
		if h.v2 {
			first = h.dir // is made first
		}
	}
	r := b.finish(cmd).exits(1).prints("")
	equal(b, "error", r.errorText(), "linux.cgroupsPath: create cgroup "+first+cgroupParent()+"/"+c.id+
		": read-only file system (the cgroup file system is mounted read-only)\n")
	b.do("state", c.id).fails(1, "does not exist")
}
