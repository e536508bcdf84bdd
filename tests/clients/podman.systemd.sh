#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Podman as root where systemd makes the cgroups, on version 2 alone, with AppArmor.

podman__apparmor() {
	ok PR "$pb" cat /proc/self/attr/current
	has containers-default '(enforce)'
	ok PR --security-opt apparmor=unconfined "$pb" cat /proc/self/attr/current
	is unconfined
	printf '%s\n' 'profile mrc-podman flags=(attach_disconnected,mediate_deleted) {' 'network,' 'capability,' 'file,' 'signal,' 'deny /data/** w,' '}' >"$W/tmp/profile"
	ok apparmor_parser -Kr "$W/tmp/profile"
	podman_begin cc --security-opt apparmor=mrc-podman "$pb" sleep 1000
	ok P exec cc cat /proc/self/attr/current
	is 'mrc-podman (enforce)'
	code 1 P exec cc touch /data/new
}

podman__scope() {
	podman_begin cc --memory 64m --memory-swap 96m --cpus 0.5 --pids-limit 20 --cpuset-cpus 0 "$pb" sleep 1000
	ok P inspect -f '{{.Id}} {{.State.Pid}} {{.State.ConmonPid}}' cc
	local id pid conmon
	read -r id pid conmon <<<"$OUT"
	local scope=libpod-$id.scope
	ok cat "/proc/$pid/cgroup"
	has "0::/$CGPARENT/$scope"
	ok cat "/proc/$conmon/cgroup"
	has "libpod-conmon-$id.scope"
	ok systemctl show -p MemoryMax -p MemorySwapMax -p TasksMax -p CPUQuotaPerSecUSec -p AllowedCPUs -p Slice "$scope"
	has MemoryMax=67108864 MemorySwapMax=33554432 TasksMax=20 CPUQuotaPerSecUSec=500ms AllowedCPUs=0 "Slice=$CGPARENT"
	ok P update --memory 96m --memory-swap 128m --cpus 0.25 cc
	systemctl daemon-reload
	ok systemctl show -p MemoryMax -p CPUQuotaPerSecUSec "$scope"
	has MemoryMax=100663296 CPUQuotaPerSecUSec=250ms
	ok P exec cc cat /sys/fs/cgroup/memory.max
	is 100663296
	ok P rm -f -t 0 cc
	until_true no_unit "$scope"
}
no_unit() { [ "$(systemctl show -P LoadState "$1")" = not-found ]; }

podman__io_limits() {
	local disk device pid
	disk=$(awk '$2 == "/" { print $1 }' /proc/mounts)
	device=$(lsblk -ndo MAJ:MIN "$disk" | tr -d ' ')
	podman_begin cc --device-read-bps "$disk:2mb" --device-write-bps "$disk:1mb" --device-read-iops "$disk:500" --device-write-iops "$disk:400" "$pb" sleep 1000
	ok P inspect -f '{{.State.Pid}}' cc
	pid=$OUT
	ok cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup" | sed 's|/container$||')/io.max"
	is "$device rbps=2097152 wbps=1048576 riops=500 wiops=400"
}

# A pod has a slice of its own.
podman__pod_slice() {
	ok P pod create --name pod --cgroup-parent "$CGPARENT"
	ok P run -d --pod pod "${LIMITS[@]}" --name first "$pb" sleep 1000
	ok P inspect -f '{{.State.Pid}}' first
	ok cat "/proc/$OUT/cgroup"
	has "0::/$CGPARENT/${CGPARENT%.slice}-libpod_pod_" .slice/libpod-
	ok P pod rm -f -t 0 pod
}

# A health check of which systemd is the clock.
podman__health_timer() {
	local driver
	# The timer calls Podman without any of our flags.
	driver=$(P info -f '{{.Store.GraphDriverName}}')
	mkdir -p /etc/containers
	printf '[storage]\ndriver = "%s"\ngraphroot = "%s"\nrunroot = "%s"\n' "$driver" "$W/podman" "$W/prun" >/etc/containers/storage.conf
	printf '[engine]\nruntime = "%s"\ncgroup_manager = "%s"\nevents_logger = "file"\n' "$RT" "$CGMANAGER" >/etc/containers/containers.conf
	podman_begin cc --health-cmd 'test -e /tmp/well' --health-interval 2s --health-retries 1 "$pb" sleep 1000
	ok P inspect -f '{{.Id}}' cc
	ok systemctl is-active "$OUT.timer"
	until_true prints unhealthy P inspect -f '{{.State.Health.Status}}' cc
	ok P exec cc touch /tmp/well
	until_true well cc
	rm /etc/containers/storage.conf /etc/containers/containers.conf
}
well() { [ "$(P inspect -f '{{.State.Health.Status}}' "$1")" = healthy ]; }

# What "podman generate systemd" writes runs as a service: conmon is its main process, and a killed container is started again.
podman__unit() {
	ok P create --name cc --cgroup-parent "$CGPARENT" "${LIMITS[@]}" "$pb" sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'
	ok P generate systemd --new --name --restart-policy always --restart-sec 1 cc
	printf '%s\n' "$OUT" >/run/systemd/system/mrcpodman.service
	ok P rm cc
	systemctl daemon-reload
	ok systemctl start mrcpodman
	until_true prints up P logs cc
	ok P inspect -f '{{.State.ConmonPid}}' cc
	is "$(systemctl show -P MainPID mrcpodman)"
	ok P kill cc
	until_true prints 1 systemctl show -P NRestarts mrcpodman
	until_true prints up P logs cc
	ok systemctl stop mrcpodman
	ok P ps -aq
	is ''
	rm /run/systemd/system/mrcpodman.service
	systemctl daemon-reload
	systemctl reset-failed mrcpodman 2>/dev/null || true
}

# system_root makes a root filesystem with systemd in $SYSROOT: this machine's own, below what a container writes.
system_root() {
	SYSROOT=$W/sysroot/merged
	mkdir -p "$W"/sysroot/{lower,upper,work,merged}
	mount --bind / "$W/sysroot/lower"
	mount -t overlay -o "lowerdir=$W/sysroot/lower,upperdir=$W/sysroot/upper,workdir=$W/sysroot/work" overlay "$SYSROOT"
	ln -sf /dev/null "$SYSROOT/etc/systemd/system/systemd-udevd.service"
}
system_root_away() {
	umount "$SYSROOT" "$W/sysroot/lower"
	rm -r "$W/sysroot"
}

# systemd is process 1 of a container, in a cgroup that is its own; it says itself when it is ready, and stops by its own signal.
podman__systemd_container() {
	system_root
	ok P run -d --cgroup-parent "$CGPARENT" "${LIMITS[@]}" --name cc --systemd always --memory 512m --rootfs "$SYSROOT" /lib/systemd/systemd
	until_true booted
	ok P exec cc systemctl show -p Version -p Virtualization
	has Virtualization=podman
	# It makes cgroups of its own, with limits.
	ok P exec cc systemd-run --wait -p MemoryMax=20M -p TasksMax=10 --pipe sh -c 'cat /proc/self/cgroup; cat "/sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup)"/memory.max'
	has system.slice/run- 20971520
	ok P exec cc systemctl is-active systemd-journald
	ok P stop -t $((30 * SLOW)) cc
	ok P inspect -f '{{.State.ExitCode}}' cc
	has 0
	P rm -f cc
	system_root_away
}
booted() { [[ $(P exec cc systemctl is-system-running) =~ running|degraded ]]; }

# The service is ready when what runs in the container has said so, through the socket that the runtime hands on.
podman__notify_container() {
	system_root
	cat >/run/systemd/system/mrcnotify.service <<EOF
[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=$((60 * SLOW))
TimeoutStopSec=$((60 * SLOW))
Environment=PATH=$PATH
ExecStart=podman --root $W/podman --runroot $W/prun --cgroup-manager $CGMANAGER --events-backend file --network-config-dir $W/pnet --runtime $RT \
	run --cgroups=split --sdnotify container -d --replace --name cc --systemd always --rootfs $SYSROOT /lib/systemd/systemd
ExecStop=podman --root $W/podman --runroot $W/prun stop -t $((30 * SLOW)) cc
Delegate=yes
EOF
	systemctl daemon-reload
	ok systemctl start mrcnotify
	ok P exec cc systemctl is-system-running --wait || has degraded
	ok P inspect -f '{{.State.Pid}}' cc
	ok cat "/proc/$OUT/cgroup"
	has system.slice/mrcnotify.service/
	ok systemctl stop mrcnotify
	rm /run/systemd/system/mrcnotify.service
	systemctl daemon-reload
	systemctl reset-failed mrcnotify 2>/dev/null || true
	P rm -f -t 0 cc
	system_root_away
}
