#!/bin/bash
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# containerd where systemd makes the cgroups, on version 2 alone, with AppArmor.

containerd__apparmor() {
	ok C --apparmor-default-profile mrc-default "$img" one cat /proc/self/attr/current
	is 'mrc-default (enforce)'
	printf '%s\n' 'profile mrc-ctr flags=(attach_disconnected,mediate_deleted) {' 'file,' 'capability,' 'signal,' 'deny /data/** w,' '}' >"$W/tmp/profile"
	ok apparmor_parser -Kr "$W/tmp/profile"
	code 1 C --apparmor-profile mrc-ctr "$img" one sh -c 'cat /proc/self/attr/current; echo x >/data/file'
	has 'mrc-ctr (enforce)' 'Permission denied'
	ctr_begin --apparmor-profile mrc-ctr "$img" one sleep 1000
	ok CTR task exec --exec-id e1 one cat /proc/self/attr/current
	is 'mrc-ctr (enforce)'
	ok CTR task kill -s KILL one
}

containerd__scope() {
	ctr_begin --memory-limit 33554432 --cpus 0.5 "$img" one sleep 1000
	local pid
	pid=$(CTR task ls | awk '$1 == "one" { print $2 }')
	ok cat "/proc/$pid/cgroup"
	is "0::/$CGPARENT/ctr-one.scope"
	ok systemctl show -p MemoryMax -p CPUQuotaPerSecUSec -p Description ctr-one.scope
	has MemoryMax=33554432 CPUQuotaPerSecUSec=500ms
	ok CTR task metrics --format json one
	has usage pids
	ok CTR task kill -s KILL one
}

# A path of cgroupfs beside systemd, as ctr has it by default.
containerd__path_beside_systemd() {
	local pid
	ok CTR run -d --runc-binary "$RT" --cgroup "/$CGROUP/path" --memory-limit 33554432 "$img" one sleep 1000
	pid=$(CTR task ls | awk '$1 == "one" { print $2 }')
	ok cat "/proc/$pid/cgroup"
	is "0::/$CGROUP/path"
	ok limit_of "$pid" memory '' memory.max
	is 33554432
	ok CTR task kill -s KILL one
}
