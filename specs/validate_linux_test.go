package specs

import (
	"fmt"
	"strings"
	"testing"
)

// noUser are the parts of a patch that make the default configuration one
// without a user namespace.
const noUser = `"uidMappings": null, "gidMappings": null`

func TestValidateNamespaces(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"namespaces": [{"type": "mount", "path": "/proc/1/ns/mnt"}, {"type": "uts"}], ` + noUser + `}}`, ``},
		{`{"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "pid"}, {"type": "uts", "path": "/x"}], ` + noUser + `}}`, `linux.namespaces[3].type: uts is given more than once`},
		{`{"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "net"}, {}, {"type": "net"}], ` + noUser + `}}`, `linux.namespaces[2].type: unknown namespace type "net"
			linux.namespaces[3].type: must be set
			linux.namespaces[4].type: unknown namespace type "net"`},
		{`{"linux": {"namespaces": [{"type": "mount"}, {"type": "uts", "path": "proc/1/ns/uts"}, {"type": "pid", "path": "/\u0000"}], ` + noUser + `}}`, `linux.namespaces[1].path: "proc/1/ns/uts" is not an absolute path
			linux.namespaces[2].path: "/\x00" contains a NUL byte`},
	})
}

func TestValidateUserMappings(t *testing.T) {
	many := make([]string, 341)
	for i := range many {
		many[i] = fmt.Sprintf(`{"containerID": %d, "hostID": %d, "size": 1}`, i, i)
	}
	checkRules(t, []rule{
		{`{"linux": {"uidMappings": [{"containerID": 0, "hostID": 0, "size": 4294967295}]}}`, ``},
		{`{"linux": {"uidMappings": [{"containerID": 0, "hostID": 10, "size": 5}, {"containerID": 5, "hostID": 15, "size": 5}, {"containerID": 10, "hostID": 5, "size": 5}]}}`, ``},
		{`{"linux": {"uidMappings": [` + strings.Join(many[:340], ",") + `]}}`, ``},
		{`{"linux": {"uidMappings": [` + strings.Join(many, ",") + `]}}`, `linux.uidMappings: has 341 ranges, at most 340 are possible`},
		{`{"linux": {` + noUser + `}}`, `linux.uidMappings: must be set for a new user namespace
			linux.gidMappings: must be set for a new user namespace`},
		{`{"linux": {"gidMappings": []}}`, `linux.gidMappings: must be set for a new user namespace`},
		{`{"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}]}}`, `linux.uidMappings: needs a user namespace
			linux.gidMappings: needs a user namespace`},
		{`{"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "user", "path": "/n"}]}}`, `warning: linux.uidMappings: has no effect on the user namespace that is joined
			warning: linux.gidMappings: has no effect on the user namespace that is joined`},
		{`{"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "user", "path": "/n"}], ` + noUser + `}}`, ``},
		{`{"linux": {"uidMappings": [{"hostID": 1, "size": 1}, {"containerID": 1, "hostID": 2, "size": 0}]}}`, `linux.uidMappings[1].size: must not be 0`},
		{`{"linux": {"uidMappings": [{"size": 2, "hostID": 4294967294}, {"containerID": 4294967295, "hostID": 1, "size": 1}]}}`, `linux.uidMappings[0]: host ids from 4294967294 run past the greatest possible, 4294967294
			linux.uidMappings[1]: container ids from 4294967295 run past the greatest possible, 4294967294`},
		{`{"linux": {"gidMappings": [{"containerID": 0, "hostID": 10, "size": 5}, {"containerID": 4, "hostID": 14, "size": 1}]}}`, `linux.gidMappings[1]: container ids overlap those of entry 0
			linux.gidMappings[1]: host ids overlap those of entry 0`},
		{`{"linux": {"gidMappings": [{"containerID": 0, "hostID": 10, "size": 1}, {"containerID": 5, "hostID": 9, "size": 3}]}}`, `linux.gidMappings[1]: host ids overlap those of entry 0`},
	})
}

func TestValidateCgroupsPath(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"cgroupsPath": "/a/b"}}`, ``},
		{`{"linux": {"cgroupsPath": "a..b/..c/d"}}`, ``},
		{`{"linux": {"cgroupsPath": "user.slice:minirun:x"}}`, ``},
		{`{"linux": {"cgroupsPath": "/a/../b"}}`, `linux.cgroupsPath: "/a/../b" has a ".." component`},
		{`{"linux": {"cgroupsPath": ".."}}`, `linux.cgroupsPath: ".." has a ".." component`},
		{`{"linux": {"cgroupsPath": "/a\u0000"}}`, `linux.cgroupsPath: "/a\x00" contains a NUL byte`},
		{`{"linux": {"cgroupsPath": "\na"}}`, `linux.cgroupsPath: "\na" contains a line break`},
		{`{"linux": {"cgroupsPath": "/a\nb"}}`, `linux.cgroupsPath: "/a\nb" contains a line break`},
	})
}

func TestValidateDevices(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"devices": [
			{"path": "/dev/a", "type": "c", "major": 4095, "minor": 1048575, "fileMode": 438, "uid": 0, "gid": 0},
			{"path": "/dev/b", "type": "b", "major": 0, "minor": 0}, {"path": "/dev/c", "type": "u"},
			{"path": "/dev/d", "type": "p", "major": -1, "minor": -1}]}}`, ``},
		{`{"linux": {"devices": [{"path": "/dev/a", "type": "c", "major": 1}, {"path": "/dev/a", "type": "u", "major": 1}]}}`, ``},
		{`{"linux": {"devices": [{"path": "/dev/a", "type": "p"}, {"path": "/dev/a", "type": "p", "major": 1}]}}`, ``},
		{`{"linux": {"devices": [{"path": "/dev/a", "type": "c", "major": 1}, {"path": "/dev/a", "type": "c", "major": 2}, {"path": "/dev/a", "type": "b", "major": 2}]}}`, `linux.devices[1].path: "/dev/a" is a different device in entry 0
			linux.devices[2].path: "/dev/a" is a different device in entry 1`},
		{`{"linux": {"devices": [{"type": "c"}, {"path": "dev/a", "type": "c"}, {"path": "/\u0000", "type": "c"}]}}`, `linux.devices[0].path: must not be empty
			linux.devices[1].path: "dev/a" is not an absolute path
			linux.devices[2].path: "/\x00" contains a NUL byte`},
		{`{"linux": {"devices": [{"path": "/a"}, {"path": "/b", "type": "x"}, {"path": "/c", "type": "a"}]}}`, `linux.devices[0].type: must be set, to b, c, u or p
			linux.devices[1].type: unknown device type "x", must be b, c, u or p
			linux.devices[2].type: unknown device type "a", must be b, c, u or p`},
		{`{"linux": {"devices": [{"path": "/a", "type": "c", "major": -1, "minor": 1048576}, {"path": "/b", "type": "b", "major": 4096, "minor": -1}]}}`, `linux.devices[0].major: -1 is out of range, must be 0 to 4095
			linux.devices[0].minor: 1048576 is out of range, must be 0 to 1048575
			linux.devices[1].major: 4096 is out of range, must be 0 to 4095
			linux.devices[1].minor: -1 is out of range, must be 0 to 1048575`},
		{`{"linux": {"devices": [{"path": "/a", "type": "c", "uid": 4294967295, "gid": 4294967295}]}}`, `linux.devices[0].uid: 4294967295 is not a valid id
			linux.devices[0].gid: 4294967295 is not a valid id`},
	})
}

func TestValidateNetDevices(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"netDevices": {"eth0": {}, "eth1.100": {"name": "container_eth0"}, "a": {"name": "x%d"}, "b": {"name": "x%d"}}}}`, ``},
		{`{"linux": {"netDevices": {"eth0": {}}, "namespaces": [{"type": "mount"}, {"type": "uts"}], ` + noUser + `}}`, `linux.netDevices: needs a network namespace`},
		{`{"linux": {"netDevices": {"eth0": {}}, "namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "network", "path": "/n"}], ` + noUser + `}}`, ``},
		{`{"linux": {"netDevices": {"": {}}}}`, `linux.netDevices[""]: "" is empty`},
		{`{"linux": {"netDevices": {"a23456789012345": {}, "b234567890123456": {}}}}`, `linux.netDevices.b234567890123456: "b234567890123456" is longer than 15 bytes`},
		{`{"linux": {"netDevices": {"..": {}, "a b": {}, "c/d": {}, "e:f": {}}}}`, `linux.netDevices[".."]: ".." is not a name of a network interface
			linux.netDevices["a b"]: "a b" contains a slash, a colon, white space or a NUL byte
			linux.netDevices["c/d"]: "c/d" contains a slash, a colon, white space or a NUL byte
			linux.netDevices["e:f"]: "e:f" contains a slash, a colon, white space or a NUL byte`},
		{`{"linux": {"netDevices": {"a": {"name": "x%dy%d"}, "b": {"name": "x%s"}, "c": {"name": "%d%"}, "d": {"name": "/"}}}}`, `linux.netDevices.a.name: "x%dy%d" may have one %d and no other %
			linux.netDevices.b.name: "x%s" may have one %d and no other %
			linux.netDevices.c.name: "%d%" may have one %d and no other %
			linux.netDevices.d.name: "/" contains a slash, a colon, white space or a NUL byte`},
		{`{"linux": {"netDevices": {"a": {}, "b": {"name": "a"}, "c": {"name": "a"}}}}`, `linux.netDevices.b.name: "a" is also the name of "a" in the container
			linux.netDevices.c.name: "a" is also the name of "b" in the container`},
	})
}

func TestValidatePropagation(t *testing.T) {
	rules := []rule{
		{`{"linux": {"rootfsPropagation": "rprivate "}}`, `linux.rootfsPropagation: unknown propagation "rprivate ", must be shared, slave, private or unbindable`},
		{`{"linux": {"rootfsPropagation": "bind"}}`, `linux.rootfsPropagation: unknown propagation "bind", must be shared, slave, private or unbindable`},
	}
	for _, mode := range []string{"", "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"} {
		rules = append(rules, rule{`{"linux": {"rootfsPropagation": "` + mode + `"}}`, ""})
	}
	checkRules(t, rules)
}

func TestValidateMaskedAndReadonlyPaths(t *testing.T) {
	const bare = `"namespaces": [{"type": "uts"}], ` + noUser
	checkRules(t, []rule{
		{`{"linux": {"maskedPaths": ["/a"], "readonlyPaths": ["/b", "/a"]}}`, ``},
		{`{"linux": {"maskedPaths": ["/a", "b"], "readonlyPaths": ["", "/\u0000"]}}`, `linux.maskedPaths[1]: "b" is not an absolute path
			linux.readonlyPaths[0]: must not be empty
			linux.readonlyPaths[1]: "/\x00" contains a NUL byte`},
		{`{"root": {"readonly": false}, "linux": {"maskedPaths": ["/a"], "readonlyPaths": ["/b"], ` + bare + `}}`, `linux.maskedPaths: needs a mount namespace
			linux.readonlyPaths: needs a mount namespace`},
		{`{"root": {"readonly": false}, "linux": {"maskedPaths": [], "readonlyPaths": null, ` + bare + `}}`, ``},
		{`{"linux": {"mountLabel": "a:b:c:d"}}`, ``},
		{`{"linux": {"mountLabel": "\u0000"}}`, `linux.mountLabel: "\x00" contains a NUL byte`},
	})
}

func TestValidateIntelRdt(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"intelRdt": {}}}`, ``},
		{`{"linux": {"intelRdt": {"closID": "/", "enableMonitoring": true}}}`, ``},
		{`{"linux": {"intelRdt": {"closID": "a.b", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "schemata": ["L3:0=f", "MB:0=20"]}}}`, ``},
		{`{"linux": {"intelRdt": {"closID": ".."}}}`, `linux.intelRdt.closID: ".." is not a directory name, nor "/"`},
		{`{"linux": {"intelRdt": {"closID": "a/b"}}}`, `linux.intelRdt.closID: "a/b" is not a directory name, nor "/"`},
		{`{"linux": {"intelRdt": {"closID": "a\u0000"}}}`, `linux.intelRdt.closID: "a\x00" is not a directory name, nor "/"`},
		{`{"linux": {"intelRdt": {"l3CacheSchema": "L3:0=f\nL3:1=f"}}}`, `warning: linux.intelRdt.l3CacheSchema: "L3:0=f\nL3:1=f" should be one line that starts with "L3:"`},
		{`{"linux": {"intelRdt": {"l3CacheSchema": "L3CODE:0=f"}}}`, `warning: linux.intelRdt.l3CacheSchema: "L3CODE:0=f" should be one line that starts with "L3:"`},
		{`{"linux": {"intelRdt": {"l3CacheSchema": "L3:\u0000", "memBwSchema": "MB:\u0000"}}}`, `linux.intelRdt.l3CacheSchema: "L3:\x00" contains a NUL byte
			linux.intelRdt.memBwSchema: "MB:\x00" contains a NUL byte`},
		{`{"linux": {"intelRdt": {"memBwSchema": "MB:0=20\nL3:0=f"}}}`, `linux.intelRdt.memBwSchema: "MB:0=20\nL3:0=f" is not one line that starts with "MB:"`},
		{`{"linux": {"intelRdt": {"memBwSchema": "L3:0=f"}}}`, `linux.intelRdt.memBwSchema: "L3:0=f" is not one line that starts with "MB:"`},
		{`{"linux": {"intelRdt": {"schemata": ["L3:0=f", "a\nb", "\n", "\u0000"]}}}`, `linux.intelRdt.schemata[1]: "a\nb" contains a line break
			linux.intelRdt.schemata[2]: "\n" contains a line break
			linux.intelRdt.schemata[3]: "\x00" contains a NUL byte`},
	})
}

func TestValidateMemoryPolicy(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_DEFAULT"}}}`, ``},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_LOCAL", "nodes": ""}}}`, ``},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_PREFERRED"}}}`, ``},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_PREFERRED", "nodes": "1", "flags": ["MPOL_F_STATIC_NODES"]}}}`, ``},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES"]}}}`, ``},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_PREFERRED_MANY", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]}}}`, ``},
		{`{"linux": {"memoryPolicy": {}}}`, `linux.memoryPolicy.mode: must be set`},
		{`{"linux": {"memoryPolicy": {"mode": "BIND"}}}`, `linux.memoryPolicy.mode: unknown mode "BIND"`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_DEFAULT", "nodes": "0"}}}`, `linux.memoryPolicy.nodes: must not be set for MPOL_DEFAULT`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_LOCAL", "nodes": "0"}}}`, `linux.memoryPolicy.nodes: must not be set for MPOL_LOCAL`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_BIND"}}}`, `linux.memoryPolicy.nodes: must be set for MPOL_BIND`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_WEIGHTED_INTERLEAVE"}}}`, `linux.memoryPolicy.nodes: must be set for MPOL_WEIGHTED_INTERLEAVE`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_INTERLEAVE", "nodes": "all"}}}`, `linux.memoryPolicy.nodes: "all" is not a list like "0-3,7": unexpected 'a'`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["STATIC", "MPOL_F_NUMA_BALANCING"]}}}`, `linux.memoryPolicy.flags[0]: unknown flag "STATIC"
			linux.memoryPolicy.flags[1]: MPOL_F_NUMA_BALANCING must not be set for MPOL_INTERLEAVE`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]}}}`, `linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_PREFERRED", "flags": ["MPOL_F_STATIC_NODES"]}}}`, `linux.memoryPolicy.flags: must not be set for MPOL_PREFERRED without nodes`},
		{`{"linux": {"memoryPolicy": {"mode": "MPOL_LOCAL", "flags": ["MPOL_F_RELATIVE_NODES"]}}}`, `linux.memoryPolicy.flags: must not be set for MPOL_LOCAL without nodes`},
	})
}

func TestValidatePersonality(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"personality": {"domain": "LINUX"}}}`, ``},
		{`{"linux": {"personality": {"domain": "LINUX32", "flags": []}}}`, ``},
		{`{"linux": {"personality": {}}}`, `linux.personality.domain: must be set, to LINUX or LINUX32`},
		{`{"linux": {"personality": {"domain": "PER_LINUX"}}}`, `linux.personality.domain: unknown domain "PER_LINUX", must be LINUX or LINUX32`},
		{`{"linux": {"personality": {"domain": "LINUX", "flags": ["X"]}}}`, `linux.personality.flags: must not be set, no flag is defined`},
	})
}

func TestValidateTimeOffsets(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 999999999}, "boottime": {}}}}`, ``},
		{`{"linux": {"timeOffsets": {}, "namespaces": [{"type": "mount"}, {"type": "uts"}], ` + noUser + `}}`, ``},
		{`{"linux": {"timeOffsets": {"boottime": {}}, "namespaces": [{"type": "mount"}, {"type": "uts"}], ` + noUser + `}}`, `linux.timeOffsets: needs a time namespace`},
		{`{"linux": {"timeOffsets": {"boottime": {}}, "namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "time", "path": "/n"}], ` + noUser + `}}`, `linux.timeOffsets: must not be set for a time namespace that is joined`},
		{`{"linux": {"timeOffsets": {"realtime": {}, "boottime": {"nanosecs": 1000000000}}}}`, `linux.timeOffsets.boottime.nanosecs: 1000000000 is out of range, must be 0 to 999999999
			linux.timeOffsets.realtime: unknown clock "realtime", must be monotonic or boottime`},
	})
}

func TestValidateSysctl(t *testing.T) {
	const bare = `"namespaces": [{"type": "mount"}, {"type": "uts"}], ` + noUser
	checkRules(t, []rule{
		{`{"linux": {"sysctl": {"kernel.msgmax": "1", "kernel/shmmax": "1", "fs.mqueue.msg_max": "2", "net.core.somaxconn": "3",
			"net/ipv4/conf/eth0.1/forwarding": "1", "net.ipv4.conf.eth0/2.forwarding": "1", "kernel.domainname": "d", "user.max_user_namespaces": "0"}}}`, ``},
		{`{"linux": {"sysctl": {"kernel.msgmax": "1", "fs.mqueue.msg_max": "2", "net.core.somaxconn": "3", "user.max_user_namespaces": "0"}, ` + bare + `}}`, `linux.sysctl["fs.mqueue.msg_max"]: needs a namespace of type ipc
			linux.sysctl["kernel.msgmax"]: needs a namespace of type ipc
			linux.sysctl["net.core.somaxconn"]: needs a namespace of type network
			linux.sysctl["user.max_user_namespaces"]: needs a namespace of type user`},
		{`{"hostname": null, "linux": {"sysctl": {"kernel.domainname": "x"}, "namespaces": [{"type": "mount"}], ` + noUser + `}}`, `linux.sysctl["kernel.domainname"]: needs a namespace of type uts`},
		{`{"linux": {"sysctl": {"net.core.somaxconn": "3"}, "namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "network", "path": "/n"}], ` + noUser + `}}`, ``},
		{`{"linux": {"sysctl": {"vm.swappiness": "1", "kernel.core_pattern": "|x", "kernel/msgmax2": "1", "network.x": "1", "fs.mqueue": "1"}}}`, `linux.sysctl["fs.mqueue"]: is not a parameter of a namespace, it would change the host
			linux.sysctl["kernel.core_pattern"]: is not a parameter of a namespace, it would change the host
			linux.sysctl["kernel/msgmax2"]: is not a parameter of a namespace, it would change the host
			linux.sysctl["network.x"]: is not a parameter of a namespace, it would change the host
			linux.sysctl["vm.swappiness"]: is not a parameter of a namespace, it would change the host`},
		{`{"linux": {"sysctl": {"": "1", "net": "1", "net..core": "1", "net/../kernel/core_pattern": "1", "net.//.x": "1", "/net/core/x": "1", "net.core.\u0000": "1", "net.": "1"}}}`, `linux.sysctl[""]: is not the name of a kernel parameter
			linux.sysctl["/net/core/x"]: is not the name of a kernel parameter
			linux.sysctl.net: is not the name of a kernel parameter
			linux.sysctl["net."]: is not the name of a kernel parameter
			linux.sysctl["net..core"]: is not the name of a kernel parameter
			linux.sysctl["net.//.x"]: is not the name of a kernel parameter
			linux.sysctl["net.core.\x00"]: is not the name of a kernel parameter
			linux.sysctl["net/../kernel/core_pattern"]: is not the name of a kernel parameter`},
		{`{"linux": {"sysctl": {"net.core.somaxconn": "1", "net/core/somaxconn": "2"}}}`, `linux.sysctl["net/core/somaxconn"]: is the same kernel parameter as "net.core.somaxconn"`},
		{`{"linux": {"sysctl": {"kernel.hostname": "x"}}}`, `linux.sysctl["kernel.hostname"]: must not be set, use hostname`},
		{`{"domainname": "d", "linux": {"sysctl": {"kernel.domainname": "d"}}}`, `linux.sysctl["kernel.domainname"]: must not be set along with domainname`},
		{`{"linux": {"sysctl": {"net.core.a": "1\u0000", "net.core.b": "1\t2"}}}`, `linux.sysctl["net.core.a"]: "1\x00" contains a NUL byte`},
		{`{"linux": {"sysctl": {"net.core.a": ""}}}`, `warning: linux.sysctl["net.core.a"]: is empty, which changes nothing`},
	})
}

func TestSysctlPath(t *testing.T) {
	for name, want := range map[string]string{
		"net.core.somaxconn":         "net/core/somaxconn",
		"net/core/somaxconn":         "net/core/somaxconn",
		"net.ipv4.conf.eth0/1.mtu":   "net/ipv4/conf/eth0.1/mtu",
		"net/ipv4/conf/eth0.1/mtu":   "net/ipv4/conf/eth0.1/mtu",
		"net.ipv4.conf.a/../b.mtu":   "", // the dots separate, with nothing between them
		"net.ipv4.conf./.mtu":        "",
		"net.ipv4.conf.//.mtu":       "",
		"net/./core":                 "",
		".net/core":                  "",
		"\x00/core":                  "",
		"net/core/":                  "",
		"/proc/sys/net/core":         "",
		"kernel":                     "",
		"":                           "",
		"kernel.domainname\x00.evil": "",
	} {
		got, ok := SysctlPath(name)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %t, want %q", name, got, ok, want)
		}
	}
}
