#!/bin/bash
# shellcheck disable=SC2034,SC2154 # name, results and CGROUP are set by "inside"
# What containers and engines may leave behind. The suite "leaks" leaves one of each kind, and sees that it is found.

# left_of_containers lists what only containers have, also while their engine runs: shims, monitors and zombies, cgroups below the engine's
# own, network namespaces, devices that lead into them, and what the runtime keeps about them. CGROUPS_KEPT is a pattern of the cgroups that the
# engine itself makes beside those of containers, and leaves.
left_of_containers() {
	# Those of the lists' own programs, which the shell has not looked after yet, do not count.
	ps -e -o stat=,comm= | awk '$1 ~ /^Z/ && $2 !~ /^(bash|sort|diff|sed|m?awk|grep|find|ps|ip)$/ { print "zombie " $2 } $2 ~ /^(containerd-shim|conmon)/ { print "process " $2 }'
	find /sys/fs/cgroup -mindepth 2 -type d -path "*/$CGROUP*/*" 2>/dev/null | grep -v -e "${CGROUPS_KEPT:-^$}" -e '\.slice$' | sed 's/^/cgroup /'
	find /run/netns "$W"/urun/netns -mindepth 1 2>/dev/null | sed 's/^/netns /'
	ip -o link | sed -n 's/^[0-9]*: \(veth[^:@]*\).*/device \1/p'
	# The names of containers; what all of them share begins with another sign.
	find /run/runc /run/containerd/runc/* "$W"/urun/runc "$W"/dexec/runtime-*/* -mindepth 1 -maxdepth 1 -name '[A-Za-z0-9]*' 2>/dev/null | sed 's/^/state /'
	return 0
}

# left_behind lists in addition the processes, mounts and cgroups that an engine could leave.
left_behind() {
	left_of_containers
	alien_processes | sed 's/^/process /'
	alien_units | sed 's/^/unit /'
	awk -v w="$W/" 'index($5, w) == 1 && $5 !~ "/netns/default$" || $5 ~ "^/run/(netns|docker|containerd|containers|minirun|runc)/" { print "mount " $5 }' /proc/self/mountinfo
	return 0
}

# check_left CHECK LIST BEFORE: the command's list has, after some seconds at most, nothing that it had not before.
check_left() {
	local check=$1 list=$2 before=$3 now end=$((SECONDS + ${PATIENCE:-$((10 * SLOW))}))
	while :; do
		now=$(diff <(sort <<<"$before") <("$list" | sort) | sed -n 's/^> //p')
		if [ -z "$now" ] || ((SECONDS >= end)); then break; fi
		sleep 0.1
	done
	echo "$now" >"$W/left"
	if [ -z "$now" ]; then result "$check" ok 0 "$W/left"; else result "$check" fail 0 "$W/left"; fi
}

# The suite: each check leaves something, sees that it is found as it would be after the last check of a suite, and takes it away.
leaks_up() { :; }
leaks_clean() { :; }
leaks_down() { :; }

# found LINE LIST: the list's check fails, by this line, as soon as what is left is there.
found() { until_true shown "$1" "$2"; }
shown() {
	OUT=$(
		results=/dev/null PATIENCE=1
		check_left found "$2" "$LEFT"
	)
	has fail "$1"
}

leaks__process() {
	LEFT=$(left_behind)
	sleep 1000 &
	found 'process sleep' left_behind
	kill $!
}

leaks__zombie() {
	LEFT=$(left_of_containers)
	# The sleeping process does not wait for its child.
	sh -c 'sleep 0 & exec sleep 1000' &
	found 'zombie sleep' left_of_containers
	kill $!
}

leaks__shim() {
	LEFT=$(left_of_containers)
	cp "$(command -v sleep)" "$W/tmp/containerd-shim-left"
	"$W/tmp/containerd-shim-left" 1000 &
	found 'process containerd-shim' left_of_containers
	kill $!
}

leaks__mount() {
	LEFT=$(left_behind)
	mkdir -p "$W/tmp/left"
	mount -t tmpfs tmpfs "$W/tmp/left"
	found "mount $W/tmp/left" left_behind
	umount "$W/tmp/left"
}

leaks__cgroup() {
	local dir
	LEFT=$(left_of_containers)
	for dir in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup/unified; do
		[ -e "$dir/cgroup.procs" ] || continue
		mkdir -p "$dir/$CGROUP/left"
		found "cgroup $dir/$CGROUP/left" left_of_containers
		rmdir "$dir/$CGROUP/left" "$dir/$CGROUP"
	done
}

leaks__network() {
	LEFT=$(left_of_containers)
	ip netns add left
	ip link add vethleft type veth peer name inner netns left
	found 'netns /run/netns/left' left_of_containers
	found 'device vethleft' left_of_containers
	ip netns del left
	until_true gone_device vethleft
}
gone_device() { ! ip link show "$1"; }

leaks__state() {
	LEFT=$(left_of_containers)
	mkdir -p /run/runc/left /run/containerd/runc/default/left "$W/dexec/runtime-$name/moby/left"
	found 'state /run/runc/left' left_of_containers
	found 'state /run/containerd/runc/default/left' left_of_containers
	found "state $W/dexec/runtime-$name/moby/left" left_of_containers
	rm -r /run/runc /run/containerd "$W/dexec"
}
