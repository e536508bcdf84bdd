#!/bin/bash
# shellcheck disable=SC2034,SC2154 # used by the suites; name, W and CGROUP are set by "inside"
# Where the checks run: on the host, in namespaces, with cgroups by path; or, with SYSTEMD set (tests/clients/run -s), on a machine that is there
# for them alone, with systemd as process 1, which makes the cgroups.

CGMANAGER=cgroupfs CGPARENT=/$CGROUP CGCTR=(--cgroup "/$CGROUP/ctr") CGSYSTEMD=false
if [ -n "${SYSTEMD:-}" ]; then
	CGMANAGER=systemd CGPARENT=$CGROUP.slice CGCTR=(--runc-systemd-cgroup --cgroup "$CGROUP.slice:ctr:one") CGSYSTEMD=true
fi

# pod_parent NAME: the cgroup of a Kubernetes pod, as the kubelet names it.
pod_parent() {
	if [ -n "${SYSTEMD:-}" ]; then echo "/$CGROUP.slice/$CGROUP-$1.slice"; else echo "/$CGROUP/$1"; fi
}

# remove_cgroups removes the cgroups that an engine made for itself, which have no processes any more.
remove_cgroups() {
	local unit
	if [ -n "${SYSTEMD:-}" ]; then
		# Only what is empty, so that nothing that was left behind is hidden.
		for unit in $(systemctl list-units --plain --no-legend --type slice "$CGROUP*" | awk '{ print $1 }' | sort -r); do
			grep -qs 'populated 1' "/sys/fs/cgroup$(systemctl show -P ControlGroup "$unit")/cgroup.events" || systemctl stop "$unit"
		done
	fi
	find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" -exec rmdir {} + 2>/dev/null
	return 0
}

# alien_processes lists the processes that are neither the checks' nor, on a machine with systemd, the kernel's or systemd's.
alien_processes() {
	local all=(-e)
	[ -z "${SYSTEMD:-}" ] || all=(--ppid 2 -p 2 --deselect)
	# shellcheck disable=SC2009 # every process but these is wanted
	ps "${all[@]}" -o comm= | grep -Ev '^(ps|grep|bash|tini|sort|sed|awk|mawk|gawk|diff|find|ip|ls)$' | grep -Ev "${SYSTEMD:+^(\(udev-worker\)|systemd-[a-z]*|systemctl|agetty|sleep|dbus-daemon)$|}^$"
}

# alien_units lists the units of containers, and all that failed.
alien_units() {
	[ -n "${SYSTEMD:-}" ] || return 0
	systemctl list-units --all --plain --no-legend 'docker-*' 'libpod-*' 'ctr-*' 'cri-containerd-*' 'minirun-*' 'mrc*.service' | awk '{ print $1, $3 }'
	systemctl list-units --plain --no-legend --state failed | awk '{ print $1, $3 }'
}

# give_time makes the program "timeout" count slower, for where everything takes SLOW times as long.
give_time() {
	((SLOW > 1)) || return 0
	cat >"$W/bin/timeout" <<EOF
#!/bin/sh
[ "\$1" != -k ] || shift 2
time=\$1
shift
exec /usr/bin/timeout -k 60 \$((time * $SLOW)) "\$@"
EOF
	chmod 755 "$W/bin/timeout"
}
