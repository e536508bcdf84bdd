#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Podman as an ordinary user in a session: the user's systemd makes the cgroups, with limits that hold.

# at COMMAND...: systemctl of the user.
at() { U systemctl --user "$@"; }

rootless__scope() {
	rootless_begin cc --memory 64m --memory-swap 96m --cpus 0.5 --pids-limit 20 --cpuset-cpus 0 "$rb" sleep 1000
	ok L inspect -f '{{.Id}} {{.State.Pid}}' cc
	local id=${OUT% *} pid=${OUT#* }
	ok cat "/proc/$pid/cgroup"
	has "0::/user.slice/user-$rid.slice/user@$rid.service/user.slice/libpod-$id.scope"
	ok at show -p MemoryMax -p MemorySwapMax -p TasksMax -p CPUQuotaPerSecUSec -p AllowedCPUs "libpod-$id.scope"
	has MemoryMax=67108864 MemorySwapMax=33554432 TasksMax=20 CPUQuotaPerSecUSec=500ms AllowedCPUs=0
	ok L exec cc sh -c 'cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max cpuset.cpus'
	is "$(printf '67108864\n33554432\n20\n50000 100000\n0')"
	ok L update --memory 96m --memory-swap 128m cc
	ok at daemon-reload
	ok L exec cc cat /sys/fs/cgroup/memory.max
	is 100663296
}

rootless__limits() {
	code 137 LR --memory 8m --memory-swap 8m "$rb" sh -c 'exec tail /dev/zero'
	code 2 LR --pids-limit 5 "$rb" sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait'
	has "can't fork"
}

rootless__pause() {
	rootless_begin cc "$rb" sleep 1000
	ok L pause cc
	ok L inspect -f '{{.State.Status}}' cc
	is paused
	ok L unpause cc
	ok L exec cc true
	ok L pause cc
	ok L rm -f -t 0 cc
}

rootless__top_stats() {
	rootless_begin cc --memory 64m "$rb" sh -c 'sleep 1000 & sleep 2000'
	until_true prints 'sleep 1000' L top cc
	ok L top cc
	has 'sleep 1000' 'sleep 2000'
	ok L stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' cc
	has 67.11MB
}

rootless__io_limits() {
	local disk device pid
	disk=$(awk '$2 == "/" { print $1 }' /proc/mounts)
	device=$(lsblk -ndo MAJ:MIN "$disk" | tr -d ' ')
	rootless_begin cc --device-write-bps "$disk:1mb" "$rb" sleep 1000
	ok L inspect -f '{{.State.Pid}}' cc
	pid=$OUT
	ok cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup" | sed 's|/container$||')/io.max"
	is "$device rbps=max wbps=1048576 riops=max wiops=max"
}

# A unit of the user's, as "podman generate systemd" writes it.
rootless__unit() {
	local dir=$W/uhome/.config/systemd/user
	ok L create --name cc "$rb" sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'
	ok L generate systemd --new --name --restart-policy always --restart-sec 1 cc
	mkdir -p "$dir"
	printf '%s\n' "$OUT" >"$dir/mrcrootless.service"
	ok L rm cc
	ok at daemon-reload
	ok at start mrcrootless
	until_true prints up L logs cc
	ok L kill cc
	until_true prints 1 at show -P NRestarts mrcrootless
	until_true prints up L logs cc
	ok at stop mrcrootless
	ok L ps -aq
	is ''
	rm -r "$dir"
	ok at daemon-reload
}
