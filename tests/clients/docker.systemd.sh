#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Docker where systemd makes the cgroups, on version 2 alone, with AppArmor.

# own_profile loads a profile of AppArmor, which forbids to write below /data.
own_profile() {
	printf '%s\n' 'profile mrc-own flags=(attach_disconnected,mediate_deleted) {' 'network,' 'capability,' 'file,' 'mount,' 'umount,' 'signal,' 'ptrace,' \
		'deny /data/** w,' '}' >"$W/tmp/profile"
	ok apparmor_parser -Kr "$W/tmp/profile"
}

# property UNIT NAME: what systemd has for a property.
property() { systemctl show -P "$2" "$1"; }

docker__apparmor() {
	ok D info -f '{{.SecurityOptions}}'
	has name=apparmor
	ok R "$bb" cat /proc/self/attr/current
	is 'docker-default (enforce)'
	code 1 R "$bb" sh -c 'echo x >/proc/sysrq-trigger'
	ok R --security-opt apparmor=unconfined "$bb" cat /proc/self/attr/current
	is unconfined
	ok R --privileged "$bb" cat /proc/self/attr/current
	is unconfined
	own_profile
	code 1 R --security-opt apparmor=mrc-own "$bb" sh -c 'cat /proc/self/attr/current; echo x >/data/file'
	has 'mrc-own (enforce)' 'Permission denied'
	begin cc --security-opt apparmor=mrc-own "$bb" sleep 1000
	ok D exec cc cat /proc/self/attr/current
	is 'mrc-own (enforce)'
	code 1 D exec cc touch /data/new
	ok D exec --privileged cc cat /proc/self/attr/current
	gone cc
	code 126 R --security-opt apparmor=mrc-none "$bb" true || code 127 R --security-opt apparmor=mrc-none "$bb" true
	has apparmor
}

# The container's cgroup is a scope of systemd's, whose properties are the limits.
docker__scope() {
	begin cc --memory 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --pids-limit 20 --cpuset-cpus 0 --cpu-shares 512 "$bb" sleep 1000
	ok D inspect -f '{{.Id}} {{.State.Pid}}' cc
	local id=${OUT% *} pid=${OUT#* }
	local scope=docker-$id.scope
	ok cat "/proc/$pid/cgroup"
	is "0::/$CGPARENT/$scope"
	ok property "$scope" ActiveState
	is active
	ok systemctl show -p MemoryMax -p MemorySwapMax -p MemoryLow -p TasksMax -p CPUQuotaPerSecUSec -p AllowedCPUs -p Slice "$scope"
	has MemoryMax=67108864 MemorySwapMax=33554432 MemoryLow=33554432 TasksMax=20 CPUQuotaPerSecUSec=500ms AllowedCPUs=0 "Slice=$CGPARENT"
	ok D update --memory 96m --memory-swap 128m --cpus 0.25 --pids-limit 33 cc
	ok systemctl show -p MemoryMax -p TasksMax -p CPUQuotaPerSecUSec "$scope"
	has MemoryMax=100663296 TasksMax=33 CPUQuotaPerSecUSec=250ms
	# A reload writes what systemd knows once more, and ends nothing.
	systemctl daemon-reload
	ok cat "/sys/fs/cgroup/$CGPARENT/$scope"/{memory.max,memory.swap.max,pids.max,cpu.max}
	is "$(printf '100663296\n33554432\n33\n25000 100000')"
	ok D exec cc cat /proc/self/cgroup /sys/fs/cgroup/memory.max
	is "$(printf '0::/\n100663296')"
	gone cc
	until_true property_is "$scope" LoadState not-found
}
property_is() { [ "$(property "$1" "$2")" = "$3" ]; }

docker__io_limits() {
	local disk pid device
	disk=$(awk '$2 == "/" { print $1 }' /proc/mounts)
	device=$(lsblk -ndo MAJ:MIN "$disk" | tr -d ' ')
	begin cc --device-read-bps "$disk:2mb" --device-write-bps "$disk:1mb" --device-read-iops "$disk:500" --device-write-iops "$disk:400" "$bb" sleep 1000
	ok D inspect -f '{{.State.Pid}}' cc
	pid=$OUT
	ok cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/io.max"
	is "$device rbps=2097152 wbps=1048576 riops=500 wiops=400"
	gone cc
	begin cc --blkio-weight 300 "$bb" sleep 1000
	gone cc
}

# A slice of the administrator's limits the containers in it together.
docker__slice() {
	local slice=${CGPARENT%.slice}-small.slice
	printf '[Slice]\nMemoryMax=16M\nMemorySwapMax=0\n' >"/run/systemd/system/$slice"
	systemctl daemon-reload
	ok R --cgroup-parent "$slice" "$bb" true
	code 137 D run --name cc --cgroup-parent "$slice" "$bb" sh -c 'exec tail /dev/zero'
	gone cc
	ok property "$slice" MemoryMax
	is 16777216
	systemctl stop "$slice"
	rm "/run/systemd/system/$slice"
	systemctl daemon-reload
}

# A container that a unit of systemd runs, as administrators have it.
docker__unit() {
	printf '%s\n' '[Service]' Restart=on-failure RestartSec=1 "Environment=PATH=$PATH" \
		"ExecStart=$(command -v docker) -H unix://$W/d.sock run --rm --name cc $bb sh -c \"trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done\"" \
		"ExecStop=$(command -v docker) -H unix://$W/d.sock stop cc" >/run/systemd/system/mrcdocker.service
	systemctl daemon-reload
	ok systemctl start mrcdocker
	until_true prints up D logs cc
	# By SIGKILL: the unit fails, and is started again.
	ok D kill cc
	until_true prints 1 property mrcdocker NRestarts
	until_true prints up D logs cc
	ok systemctl stop mrcdocker
	ok D ps -aq
	is ''
	ok property mrcdocker Result
	is success
	rm /run/systemd/system/mrcdocker.service
	systemctl daemon-reload
}

# dockerd's own restart does not end the containers of its scopes, nor does that of systemd.
docker__daemon_reexec() {
	begin cc --memory 64m "$bb" sleep 1000
	ok D inspect -f '{{.Id}}' cc
	local scope=docker-$OUT.scope
	systemctl daemon-reexec
	until_true systemctl is-system-running --wait
	ok D exec cc true
	ok property "$scope" MemoryMax
	is 67108864
	ok D update --memory 80m --memory-swap 80m cc
	ok property "$scope" MemoryMax
	is 83886080
	ok D pause cc
	ok D unpause cc
	gone cc
}
