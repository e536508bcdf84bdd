#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Podman as root, with a storage of its own.

P() {
	timeout -k 5 120 podman --root "$W/podman" --runroot "$W/prun" --cgroup-manager "$CGMANAGER" --events-backend file \
		--network-config-dir "$W/pnet" --runtime "$RT" "$@"
}
# One line of limits that this machine grants to every container.
LIMITS=(--ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit "nproc=$(ulimit -Hu):$(ulimit -Hu)")
pb=localhost/bb:1

podman_up() {
	mkdir -p "$W/pnet"
	P import --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' "$W/rootfs.tar" $pb
}

podman_clean() {
	P pod rm -a -f -t 0
	P rm -a -f -t 0
}

podman_down() {
	podman_clean
	P network prune -f
	P volume prune -f
	ip link del podman0 2>/dev/null
	mount | awk -v w="$W/podman" 'index($3, w) == 1 { print $3 }' | sort -r | xargs -r umount
	remove_cgroups
}

PR() { P run --rm --cgroup-parent "$CGPARENT" "${LIMITS[@]}" "$@"; }
podman_begin() {
	local id=$1
	shift
	ok P run -d --cgroup-parent "$CGPARENT" "${LIMITS[@]}" --name "$id" "$@"
}

podman__run() {
	ok PR $pb echo hello
	is hello
	code 7 PR $pb sh -c 'exit 7'
	code 127 PR $pb no-such-program
	has 'executable file not found in $PATH'
	code 126 PR $pb /etc/passwd
	code 137 PR --init $pb sh -c 'kill -9 $$'
}

podman__terminal() {
	# Podman loses what a program prints just before its end.
	ok script -qec "podman --root $W/podman --runroot $W/prun --cgroup-manager $CGMANAGER --events-backend file --network-config-dir $W/pnet --runtime $RT run -it --rm --cgroup-parent $CGPARENT ${LIMITS[*]} $pb sh -c 'tty; sleep 1'" /dev/null
	has /dev/pts/0
}

podman__exec() {
	podman_begin cc -w /data $pb sleep 100
	ok P exec cc cat file
	is from-the-image
	ok P exec -u user -e B=2 -w /tmp cc sh -c 'id -un; pwd; echo $B $HOME'
	is "$(printf 'user\n/tmp\n2 /home/user')"
	code 5 P exec cc sh -c 'exit 5'
	code 127 P exec cc nothing-there
	ok P exec -d cc sh -c 'echo detached >/tmp/detached'
	until_true prints detached P exec cc cat /tmp/detached
}

podman__lifecycle() {
	podman_begin cc $pb sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
	until_true prints up P logs cc
	ok P stop cc
	ok P inspect -f '{{.State.Status}} {{.State.ExitCode}}' cc
	is 'exited 3'
	ok P start cc
	ok P restart -t 5 cc
	ok P kill -s KILL cc
	ok P wait cc
	is 137
}

podman__pause() {
	podman_begin cc $pb sleep 100
	ok P pause cc
	ok P inspect -f '{{.State.Status}}' cc
	is paused
	code 255 P exec cc true || code 125 P exec cc true
	ok P unpause cc
	ok P exec cc true
	ok P pause cc
	ok P rm -f -t 0 cc
}

podman__top_stats_update() {
	podman_begin cc --memory 64m $pb sh -c 'sleep 100 & sleep 200'
	ok P top cc
	has sleep
	ok P stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' cc
	has 67.11MB
	ok P update --memory 96m --memory-swap 128m cc
	ok P exec cc sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true'
	has 100663296
}

podman__limits_oom() {
	ok PR --memory 48m --cpus 0.5 --pids-limit 20 $pb sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max pids/pids.max pids.max 2>/dev/null || true'
	has 50331648 20
	code 137 PR --memory 8m --memory-swap 8m $pb sh -c 'exec tail /dev/zero'
}

podman__volumes() {
	ok PR -v pvol:/v $pb sh -c 'echo kept >/v/f'
	ok PR -v pvol:/v:ro $pb cat /v/f
	is kept
	code 1 PR -v pvol:/v:ro $pb sh -c 'echo x >/v/f'
	mkdir -p "$W/tmp/pbind"
	ok PR -v "$W/tmp/pbind:/b:rslave" --tmpfs /t:size=64k $pb sh -c 'touch /b/f; grep " /t " /proc/mounts'
	has size=64k
	ok PR --read-only $pb sh -c 'touch /x 2>&1 || echo refused; touch /tmp/y && echo fine'
	has refused fine
	P volume rm -f pvol
}

podman__security() {
	ok PR --user 1000:1000 $pb sh -c 'id -u; grep CapEff /proc/self/status'
	has 1000 0000000000000000
	ok PR --cap-drop ALL --cap-add NET_RAW $pb grep CapEff /proc/self/status
	has 0000000000002000
	ok PR --security-opt no-new-privileges $pb grep NoNewPrivs /proc/self/status
	has 1
	ok PR $pb grep Seccomp: /proc/self/status
	has 2
	ok PR --privileged $pb mount -t tmpfs t /tmp
	ok PR --device /dev/fuse:/dev/myfuse $pb ls -l /dev/myfuse
	has '10, 229'
	ok PR --sysctl net.ipv4.ip_forward=1 $pb sysctl -n net.ipv4.ip_forward
	is 1
}

podman__network() {
	podman_begin web -p 127.0.0.1:18081:80 $pb sh -c 'mkdir -p /www && echo page >/www/index.html && exec httpd -f -p 80 -h /www'
	until_true prints page timeout 5 curl -s http://127.0.0.1:18081/
	ok PR --network container:web $pb timeout 10 wget -q -O - http://127.0.0.1/
	is page
	ok PR --network host $pb readlink /proc/self/ns/net
	is "$(readlink /proc/self/ns/net)"
	ok PR --network none $pb ip -o link
	lacks eth0
}

podman__pod() {
	ok P pod create --name pod --cgroup-parent "$CGPARENT" --share net,ipc,uts
	ok P run -d --pod pod "${LIMITS[@]}" --name first $pb sh -c 'mkdir -p /www && echo pod >/www/index.html && exec httpd -f -p 8080 -h /www'
	ok P run --rm --pod pod "${LIMITS[@]}" $pb sh -c 'sleep 1; timeout 10 wget -q -O - http://127.0.0.1:8080/'
	is pod
	ok P pod stop -t 1 pod
	ok P pod start pod
	ok P pod rm -f -t 0 pod
}

podman__play_kube() {
	cat >"$W/tmp/pod.yaml" <<EOF
apiVersion: v1
kind: Pod
metadata:
  name: kubepod
spec:
  containers:
  - name: main
    image: $pb
    env: [{name: PATH, value: "/bin:/usr/bin"}]
    command: ["/bin/sh", "-c", "echo from-kube; sleep 100"]
EOF
	ok P play kube "$W/tmp/pod.yaml"
	until_true prints from-kube P logs kubepod-main
	ok P play kube --down "$W/tmp/pod.yaml"
}

podman__healthcheck() {
	podman_begin cc --health-cmd 'test -e /tmp/well' --health-interval disable $pb sleep 100
	code 1 P healthcheck run cc
	ok P exec cc touch /tmp/well
	ok P healthcheck run cc
}

podman__userns() {
	ok PR --uidmap 0:100000:65536 --gidmap 0:100000:65536 $pb sh -c 'id -u; cat /proc/self/uid_map; touch /root/f'
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
	ok PR --userns auto:size=4096 $pb sh -c 'cat /proc/self/uid_map; touch /root/f && stat -c %u /root/f'
	has 4096 "$(printf '\n0')"
	podman_begin one --userns auto $pb sleep 100
	podman_begin two --userns auto $pb sleep 100
	ok P exec one cat /proc/self/uid_map
	local first=$OUT
	ok P exec two cat /proc/self/uid_map
	[ "$OUT" != "$first" ]
	podman_clean
	umount /etc/passwd /etc/group /etc/subuid /etc/subgid
}

podman__systemd_mode() {
	podman_begin cc --systemd always $pb sh -c 'trap "exit 0" RTMIN+3 TERM; while :; do sleep 0.1; done'
	ok P exec cc sh -c 'echo $container; mount | grep -E " on (/run|/run/lock|/tmp|/sys/fs/cgroup)"; mkdir -p /sys/fs/cgroup/systemd/sub /sys/fs/cgroup/sub 2>/dev/null; ls -d /sys/fs/cgroup/systemd/sub /sys/fs/cgroup/sub 2>/dev/null || true'
	has 'on /run ' 'on /run/lock '
}

podman__restart_policy() {
	podman_begin cc --restart on-failure:2 $pb sh -c 'echo again; exit 1'
	until_true prints 'exited 2' P inspect -f '{{.State.Status}} {{.RestartCount}}' cc
	ok sh -c "podman --root $W/podman --runroot $W/prun --cgroup-manager $CGMANAGER --events-backend file logs cc | grep -c again"
	is 3
}

podman__build() {
	mkdir -p "$W/tmp/pbuild"
	printf '%s\n' "FROM $pb" 'RUN echo built >/built && id -u >>/built' 'CMD ["cat", "/built"]' >"$W/tmp/pbuild/Dockerfile"
	ok P build "${LIMITS[@]}" -t localhost/pbuilt:1 "$W/tmp/pbuild"
	ok PR localhost/pbuilt:1
	is "$(printf 'built\n0')"
}

podman__many() {
	local i pids=()
	for i in $(seq 10); do
		P run --rm --cgroup-parent "$CGPARENT" "${LIMITS[@]}" $pb echo "out$i" >"$W/tmp/pmany$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq 10); do [ "$(cat "$W/tmp/pmany$i")" = "out$i" ]; done
}

podman__checkpoint() {
	criu check >/dev/null 2>&1 || skip "criu does not work on this kernel"
	podman_begin cc $pb sh -c 'i=0; while :; do i=$((i+1)); echo $i >/tmp/n; sleep 0.1; done'
	ok P container checkpoint cc
	ok P container restore cc
	ok P exec cc cat /tmp/n
}
