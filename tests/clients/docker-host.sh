#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Docker: what has to be true on the host too. Read after docker.sh.

# pid_of CONTAINER prints the id of its first process.
pid_of() { D inspect -f '{{.State.Pid}}' "$1"; }

# The texts that Docker shows to its user are runc's, in what they say of the program; minirun's may end with the kernel's reason.
docker__messages() {
	same_message "$bb" no-such-program
	same_message "$bb" /no/such/program
	same_message "$bb" /etc/passwd
	same_message "$bb" /etc
	same_message -w /etc/passwd/x "$bb" true
	same_message --user nobody-of-this-name "$bb" true
	begin cc "$bb" sleep 1000
	begin pp --runtime peer "$bb" sleep 1000
	local want want_code command
	for command in no-such-program /no/such/program /etc/passwd; do
		# 126 or 127, by Docker's version.
		want_code=0 OUT=$(D exec pp "$command" 2>&1) || want_code=$?
		want=$(essence)
		code "$want_code" D exec cc "$command"
		if [ -z "$want" ] || ! as_with "$want"; then echo "not as with runc: $want" && return 1; fi
	done
	gone cc pp
}

# same_message ARGS...: "docker run" fails with the code and the reason that it fails with under runc.
same_message() {
	local got=0 want_code=0 want
	OUT=$(R --runtime peer "$@" 2>&1) || want_code=$?
	want=$(essence)
	OUT=$(R "$@" 2>&1) || got=$?
	printf '+ %s\nrunc (%d): %s\n%s (%d): %s\n' "$*" "$want_code" "$want" "$name" "$got" "$(essence)"
	[ "$got" = "$want_code" ] && as_with "$want"
}

# as_with ESSENCE: what the last message says, with the kernel's reason behind it or what it is of.
as_with() {
	local is
	is=$(essence)
	[[ $is == "$1"* || ${is/: is a directory/} == "$1"* ]]
}

# essence prints the end of the last message: what is wrong with which program.
essence() { sed -nE 's/.*(exec: "|unable to find )/\1/; s/: stat [^ ]*:/:/; s/: unknown.?$//; /^(exec: "|unable)/p' <<<"${OUT//$'\r'/}"; }

docker__pause() {
	begin cc "$bb" sh -c 'while :; do date +%s.%N >/tmp/new && mv /tmp/new /tmp/now; sleep 0.05; done'
	local now before
	now=/proc/$(pid_of cc)/root/tmp/now
	until_true test -s "$now"
	ok D pause cc
	ok D inspect -f '{{.State.Status}}' cc
	is paused
	before=$(cat "$now")
	sleep 0.5
	ok cat "$now"
	is "$before"
	code 1 D exec cc true
	has 'is paused'
	ok D unpause cc
	until_true differs "$before" cat "$now"
	ok D exec cc true
	ok D pause cc
	gone cc
}

docker__update() {
	local pid last=$(($(nproc) - 1))
	begin cc --memory 64m --memory-swap 64m --cpus 1 "$bb" sleep 1000
	pid=$(pid_of cc)
	ok D update --memory 96m --memory-swap 128m --cpus 0.5 --pids-limit 33 --cpuset-cpus $last --cpu-shares 512 cc
	ok limit_of "$pid" memory memory.limit_in_bytes memory.max
	is 100663296
	if v2; then ok limit_of "$pid" memory '' memory.swap.max; else ok limit_of "$pid" memory memory.memsw.limit_in_bytes; fi
	if v2; then is 33554432; else is 134217728; fi
	ok limit_of "$pid" cpu cpu.cfs_quota_us cpu.max
	has 50000
	ok limit_of "$pid" pids pids.max pids.max
	is 33
	ok limit_of "$pid" cpuset cpuset.cpus cpuset.cpus
	is $last
	ok D exec cc grep Cpus_allowed_list /proc/self/status
	is "$(printf 'Cpus_allowed_list:\t%s' $last)"
	ok D inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' cc
	is '100663296 33'
	gone cc
}

docker__limits() {
	local pid
	begin cc --memory 48m --cpus 0.5 --pids-limit 20 --cpuset-cpus 0 "$bb" sleep 1000
	pid=$(pid_of cc)
	ok limit_of "$pid" memory memory.limit_in_bytes memory.max
	is 50331648
	ok limit_of "$pid" cpu cpu.cfs_quota_us cpu.max
	has 50000
	ok limit_of "$pid" pids pids.max pids.max
	is 20
	ok D exec cc grep Cpus_allowed_list /proc/self/status
	is "$(printf 'Cpus_allowed_list:\t0')"
	gone cc
}

docker__limits_enforced() {
	code 2 R --pids-limit 5 "$bb" sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait'
	has "can't fork"
	begin cc --cpus 0.1 "$bb" sh -c 'while :; do :; done'
	until_true throttled "$(pid_of cc)"
	gone cc
}
throttled() { limit_of "$1" cpu cpu.stat cpu.stat | grep -q '^nr_throttled [1-9]'; }

docker__volume_propagation() {
	local dir=$W/tmp/prop
	mkdir -p "$dir/sub" "$dir/back"
	begin slave -v "$dir:/p:rslave" "$bb" sleep 1000
	begin private -v "$dir:/p:rprivate" "$bb" sleep 1000
	begin shared --cap-add SYS_ADMIN --security-opt apparmor=unconfined -v "$dir:/p:rshared" "$bb" sleep 1000
	mount -t tmpfs tmpfs "$dir/sub"
	echo seen >"$dir/sub/f"
	ok D exec slave cat /p/sub/f
	is seen
	ok D exec shared cat /p/sub/f
	is seen
	code 1 D exec private cat /p/sub/f
	ok D exec shared mount -t tmpfs inner /p/back
	ok grep "$dir/back " /proc/self/mountinfo
	ok D exec slave grep ' /p/back ' /proc/self/mountinfo
	code 1 D exec private grep ' /p/back ' /proc/self/mountinfo
	ok D exec shared umount /p/back
	code 1 grep "$dir/back " /proc/self/mountinfo
	umount "$dir/sub"
	code 1 D exec slave cat /p/sub/f
	gone slave private shared
}

docker__namespace_modes() {
	local pid space
	begin cc --ipc shareable "$bb" sleep 1000
	pid=$(pid_of cc)
	ok R --ipc container:cc --pid container:cc --network container:cc "$bb" sh -c 'cd /proc/self/ns; for n in ipc pid net; do readlink $n; done; ps'
	for space in ipc pid net; do has "$(readlink "/proc/$pid/ns/$space")"; done
	has 'sleep 100'
	# A process of another container's pid namespace ends with its own container alone.
	kill -0 "$pid"
	ok R --pid host --uts host --ipc host --network host "$bb" sh -c 'cd /proc/self/ns; for n in pid uts ipc net; do readlink $n; done'
	is "$(cd /proc/self/ns && readlink pid uts ipc net)"
	ok R --uts host "$bb" hostname
	is "$(hostname)"
	ok R "$bb" sh -c 'cd /proc/self/ns; for n in pid uts ipc net mnt; do readlink $n; done'
	for space in pid uts ipc net mnt; do lacks "$(readlink "/proc/self/ns/$space")"; done
	ok R --ipc none "$bb" sh -c 'grep -c " /dev/shm " /proc/mounts || true'
	is 0
	ok R --cgroupns private "$bb" cat /proc/self/cgroup
	lacks "$CGROUP"
	gone cc
}

docker__apparmor() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip "no AppArmor in this kernel"
	ok R "$bb" cat /proc/self/attr/current
	is 'docker-default (enforce)'
	ok R --security-opt apparmor=unconfined "$bb" cat /proc/self/attr/current
	is unconfined
}

docker__time_namespace() {
	begin cc "$bb" sleep 100
	local own
	own=$(readlink "/proc/$(pid_of cc)/ns/time")
	[ "$own" != "$(readlink /proc/self/ns/time)" ] || skip "this Docker gives containers no time namespace"
	ok D exec cc readlink /proc/self/ns/time
	is "$own"
	gone cc
}
