#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2034,SC2154 # name, results and here are set by "inside"
# Podman as root, with a storage of its own.

# shellcheck source=podman-shared.sh
. "$here/podman-shared.sh"
PODMAN=(podman --root "$W/podman" --runroot "$W/prun" --cgroup-manager "$CGMANAGER" --events-backend file --network-config-dir "$W/pnet" --runtime "$RT")
PLACE=(--cgroup-parent "$CGPARENT")
RUNTIME=("$RT")
SHARED=$W/tmp/shared
# host_id ID: the host's id of a container's.
host_id() { echo "$1"; }

P() { M "$@"; }
PR() { MR "$@"; }
podman_begin() { begin_one "$@"; }

podman_up() {
	# Podman leaves the cgroups of its monitors and of pods.
	CGROUPS_KEPT="/$CGROUP/\\(conmon\\|[0-9a-f]\\{64\\}\\)\$"
	mkdir -p "$W/pnet" "$SHARED"
	M import --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' "$W/rootfs.tar" $pb
}

podman_clean() {
	M pod rm -a -f -t 0
	M rm -a -f -t 0
}

podman_down() {
	podman_clean
	M network prune -f
	M volume prune -f
	ip link del podman0 2>/dev/null
	mount | awk -v w="$W/podman" 'index($3, w) == 1 { print $3 }' | sort -r | xargs -r umount
}

podman__run() { shared_run; }
podman__runtime() { shared_runtime; }
podman__terminal() { shared_terminal; }
podman__exec() { shared_exec; }
podman__lifecycle() { shared_lifecycle; }
podman__copy_commit() { shared_copy_commit; }
podman__volumes() { shared_volumes; }
podman__security() { shared_security; }
podman__network() { shared_network; }
podman__namespace_modes() { shared_namespace_modes; }
podman__pod() { shared_pod; }
podman__play_kube() { shared_play_kube; }
podman__healthcheck() { shared_healthcheck; }
podman__systemd_mode() { shared_systemd_mode; }
podman__build() { shared_build; }
podman__many() { shared_many; }

podman__pause() {
	local now before
	begin_one cc $pb sh -c 'while :; do date +%s.%N >/tmp/new && mv /tmp/new /tmp/now; sleep 0.05; done'
	now=/proc/$(pid_in cc)/root/tmp/now
	until_true test -s "$now"
	ok M pause cc
	ok M inspect -f '{{.State.Status}}' cc
	is paused
	before=$(cat "$now")
	sleep 0.5
	ok cat "$now"
	is "$before"
	code 255 M exec cc true || code 125 M exec cc true
	ok M unpause cc
	until_true differs "$before" cat "$now"
	ok M exec cc true
	ok M pause cc
	ok M rm -f -t 0 cc
}

podman__top_stats_update() {
	begin_one cc --memory 64m $pb sh -c 'sleep 100 & sleep 200'
	until_true prints 'sleep 100' M top cc
	until_true prints 67.11MB M stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' cc
	ok M update --memory 96m --memory-swap 128m --cpus 0.5 cc
	local pid
	pid=$(pid_in cc)
	ok limit_of "$pid" memory memory.limit_in_bytes memory.max
	is 100663296
	ok limit_of "$pid" cpu cpu.cfs_quota_us cpu.max
	has 50000
}

podman__limits_oom() {
	local pid
	begin_one cc --memory 48m --cpus 0.5 --pids-limit 20 --cpuset-cpus 0 $pb sleep 1000
	pid=$(pid_in cc)
	ok limit_of "$pid" memory memory.limit_in_bytes memory.max
	is 50331648
	ok limit_of "$pid" cpu cpu.cfs_quota_us cpu.max
	has 50000
	ok limit_of "$pid" pids pids.max pids.max
	is 20
	ok M exec cc grep Cpus_allowed_list /proc/self/status
	is "$(printf 'Cpus_allowed_list:\t0')"
	code 137 MR --memory 8m --memory-swap 8m $pb sh -c 'exec tail /dev/zero'
	code 2 MR --pids-limit 5 $pb sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait'
	has "can't fork"
}

podman__userns() {
	ok MR --uidmap 0:100000:65536 --gidmap 0:100000:65536 $pb sh -c 'id -u; cat /proc/self/uid_map; touch /root/f'
	has 100000
}

podman__userns_auto() {
	local f
	mkdir -p "$W/etc"
	cp /etc/passwd /etc/group "$W/etc/"
	echo 'containers:x:4713:4713::/:/bin/sh' >>"$W/etc/passwd"
	echo 'containers:5000000:1048576' | tee "$W/etc/subuid" >"$W/etc/subgid"
	for f in passwd group subuid subgid; do
		[ -e "/etc/$f" ] || touch "/etc/$f"
		mount --bind "$W/etc/$f" "/etc/$f"
	done
	ok MR --userns auto:size=4096 $pb sh -c 'cat /proc/self/uid_map; touch /root/f && stat -c %u /root/f'
	has 4096 "$(printf '\n0')"
	begin_one one --userns auto $pb sleep 1000
	begin_one two --userns auto $pb sleep 1000
	ok M exec one cat /proc/self/uid_map
	local first=$OUT owner
	# The host's id of the container's root is within those of the user "containers".
	owner=$(awk '/^Uid/ { print $2 }' "/proc/$(pid_in one)/status")
	((owner >= 5000000 && owner < 6048576))
	ok M exec two cat /proc/self/uid_map
	[ "$OUT" != "$first" ]
	podman_clean
	umount /etc/passwd /etc/group /etc/subuid /etc/subgid
}

podman__restart_policy() {
	begin_one cc --restart on-failure:2 $pb sh -c 'echo again; exit 1'
	until_true prints 'exited 2' M inspect -f '{{.State.Status}} {{.RestartCount}}' cc
	[ "$(M logs cc | grep -c again)" = 3 ]
}

podman__checkpoint() {
	criu check >/dev/null 2>&1 || skip "criu does not work on this kernel"
	local before
	begin_one cc $pb sh -c 'i=0; while :; do i=$((i+1)); echo $i >/tmp/new && mv /tmp/new /tmp/n; sleep 0.1; done'
	until_true test -s "/proc/$(pid_in cc)/root/tmp/n"
	before=$(cat "/proc/$(pid_in cc)/root/tmp/n")
	ok M container checkpoint cc
	ok M inspect -f '{{.State.Status}}' cc
	is exited
	ok M container restore cc
	# It goes on counting where it was.
	until_true counts_from "$before" "/proc/$(pid_in cc)/root/tmp/n"
	ok M container checkpoint --leave-running cc
	ok M inspect -f '{{.State.Status}}' cc
	is running
	# Into a file, and a container of another name out of it.
	before=$(cat "/proc/$(pid_in cc)/root/tmp/n")
	ok M container checkpoint --export "$W/tmp/checkpoint.tar" cc
	ok M rm -f -t 0 cc
	ok M container restore --import "$W/tmp/checkpoint.tar" --name dd
	until_true counts_from "$before" "/proc/$(pid_in dd)/root/tmp/n"
	ok M exec dd true
}
