#!/bin/bash
# shellcheck disable=SC2016,SC2034 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # W and PODMAN are set by who reads this
# What Podman does as root and as an ordinary user alike, for podman.sh and rootless.sh. PODMAN is the words of its command, with the
# runtime's; PLACE the flags that put containers into a cgroup of ours.
pb=localhost/bb:1

# Limits that this machine grants to every container.
LIMITS=(--ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit "nproc=$(ulimit -Hu):$(ulimit -Hu)")

# Podman 5 warns of version 1 at each call.
export PODMAN_IGNORE_CGROUPSV1_WARNING=1

M() { timeout -k 5 120 "${PODMAN[@]}" "$@"; }
# MR ARGS... IMAGE COMMAND...: a container that is removed at its end.
MR() { M run --rm "${PLACE[@]}" "${LIMITS[@]}" "$@"; }
# begin_one NAME ARGS... IMAGE COMMAND...: a container in the background.
begin_one() {
	local id=$1
	shift
	ok M run -d "${PLACE[@]}" "${LIMITS[@]}" --name "$id" "$@"
}
pid_in() { M inspect -f '{{.State.Pid}}' "$1"; }

shared_run() {
	ok MR $pb echo hello
	is hello
	ok sh -c 'echo in | timeout 60 "$@"' sh "${PODMAN[@]}" run --rm -i "${PLACE[@]}" "${LIMITS[@]}" $pb cat
	is in
	code 7 MR $pb sh -c 'exit 7'
	code 127 MR $pb no-such-program
	has 'executable file not found in $PATH'
	code 126 MR $pb /etc/passwd
	has 'ermission denied'
	code 137 MR --init $pb sh -c 'kill -9 $$'
	ok MR --network none $pb ip -o link
	lacks tap0
	lacks eth0
	ok MR --read-only $pb sh -c 'touch /x 2>&1 || echo refused; touch /tmp/y && echo fine'
	has refused fine
}

# The runtime's own list has the container.
shared_runtime() {
	begin_one cc $pb sleep 1000
	[ "$("${RUNTIME[@]}" list -q)" = "$(M inspect -f '{{.Id}}' cc)" ]
}

shared_terminal() {
	shell_on_terminal "${PODMAN[@]}" run -it --rm "${PLACE[@]}" "${LIMITS[@]}" $pb sh
	begin_one cc $pb sleep 1000
	shell_on_terminal "${PODMAN[@]}" exec -it cc sh
}

shared_exec() {
	begin_one cc -w /data $pb sleep 1000
	ok M exec cc cat file
	is from-the-image
	ok M exec -u user -e B=2 -w /tmp cc sh -c 'id -un; pwd; echo $B $HOME'
	is "$(printf 'user\n/tmp\n2 /home/user')"
	code 5 M exec cc sh -c 'exit 5'
	code 137 M exec cc sh -c 'kill -9 $$'
	code 127 M exec cc nothing-there
	has 'executable file' 'not found'
	code 126 M exec cc /etc/passwd
	ok M exec -d cc sh -c 'echo detached >/tmp/detached'
	until_true prints detached M exec cc cat /tmp/detached
}

shared_lifecycle() {
	begin_one cc $pb sh -c 'trap "echo bye; exit 3" TERM; trap "echo got it" USR1; echo up; while :; do sleep 0.1; done'
	until_true prints up M logs cc
	ok M kill -s USR1 cc
	until_true prints 'got it' M logs cc
	ok M stop cc
	ok M inspect -f '{{.State.Status}} {{.State.ExitCode}}' cc
	is 'exited 3'
	ok M start cc
	ok M restart -t 5 cc
	ok M kill -s KILL cc
	ok M wait cc
	is 137
}

shared_copy_commit() {
	begin_one cc $pb sh -c 'echo new >/data/new; rm /data/file; sleep 100'
	until_true M exec cc test -e /data/new
	ok M diff cc
	has 'A /data/new' 'D /data/file'
	echo host >"$SHARED/host"
	ok M cp "$SHARED/host" cc:/data/copied
	ok M exec cc cat /data/copied
	is host
	ok M cp cc:/data/new "$SHARED/fetched"
	[ "$(cat "$SHARED/fetched")" = new ]
	ok M commit cc localhost/committed:1
	ok MR localhost/committed:1 cat /data/copied
	is host
	M rm -f -t 0 cc
	M rmi -f localhost/committed:1
}

shared_volumes() {
	ok MR -v vol:/v $pb sh -c 'echo kept >/v/f'
	ok MR -v vol:/v:ro $pb cat /v/f
	is kept
	code 1 MR -v vol:/v:ro $pb sh -c 'echo x >/v/f'
	has 'Read-only file system'
	ok MR -v "$SHARED:/b:rslave" --tmpfs /t:size=64k $pb sh -c 'touch /b/root; chown 1000 /b/root; grep " /t " /proc/mounts; grep " /b " /proc/self/mountinfo'
	has size=64k master:
	[ "$(stat -c %u "$SHARED/root")" = "$(host_id 1000)" ]
	ok MR -v "$W/rootfs/data:/mnt:ro" $pb cat /mnt/file
	is from-the-image
	ok M volume rm vol
}

shared_security() {
	ok MR --user 1000:1000 $pb sh -c 'id -u; grep CapEff /proc/self/status'
	has 1000 0000000000000000
	ok MR --cap-drop ALL --cap-add NET_RAW $pb grep CapEff /proc/self/status
	has 0000000000002000
	ok MR --security-opt no-new-privileges $pb grep NoNewPrivs /proc/self/status
	is "$(printf 'NoNewPrivs:\t1')"
	ok MR $pb grep Seccomp: /proc/self/status
	is "$(printf 'Seccomp:\t2')"
	printf '%s' '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}' >"$SHARED/seccomp.json"
	code 1 MR --security-opt "seccomp=$SHARED/seccomp.json" $pb mkdir /tmp/d
	has 'Operation not permitted'
	ok MR --privileged $pb mount -t tmpfs t /tmp
	ok MR --device /dev/fuse:/dev/myfuse $pb ls -l /dev/myfuse
	has '10, 229'
	ok MR --sysctl net.ipv4.ip_forward=1 $pb sysctl -n net.ipv4.ip_forward
	is 1
	ok MR --ulimit core=0 $pb sh -c 'ulimit -c'
	is 0
}

shared_network() {
	begin_one web -p 127.0.0.1:18081:80 $pb sh -c 'mkdir -p /www && echo page >/www/index.html && exec httpd -f -p 80 -h /www'
	until_true prints page timeout 5 curl -s http://127.0.0.1:18081/
	ok MR --network container:web $pb timeout 10 wget -q -O - http://127.0.0.1/
	is page
	ok MR --network host $pb readlink /proc/self/ns/net
	is "$(readlink /proc/self/ns/net)"
}

shared_namespace_modes() {
	local pid space
	begin_one cc --ipc shareable $pb sleep 1000
	pid=$(pid_in cc)
	ok MR --ipc container:cc --pid container:cc --uts container:cc $pb sh -c 'cd /proc/self/ns; for n in ipc pid uts; do readlink $n; done; ps'
	for space in ipc pid uts; do has "$(readlink "/proc/$pid/ns/$space")"; done
	has 'sleep 100'
	kill -0 "$pid"
	ok MR --pid host --uts host $pb sh -c 'cd /proc/self/ns; for n in pid uts; do readlink $n; done'
	is "$(cd /proc/self/ns && readlink pid uts)"
}

shared_pod() {
	ok M pod create --name pod "${PLACE[@]}" --share net,ipc,uts
	ok M run -d --pod pod "${LIMITS[@]}" --name first $pb sh -c 'mkdir -p /www && echo pod >/www/index.html && exec httpd -f -p 8080 -h /www'
	until_true M exec first timeout 5 wget -q -O - http://127.0.0.1:8080/
	ok M run --rm --pod pod "${LIMITS[@]}" $pb sh -c 'timeout 10 wget -q -O - http://127.0.0.1:8080/; cd /proc/self/ns; for n in net ipc uts; do readlink $n; done'
	has pod
	local space
	for space in net ipc uts; do has "$(readlink "/proc/$(pid_in first)/ns/$space")"; done
	ok M pod stop -t 1 pod
	ok M pod start pod
	until_true M exec first true
	ok M pod rm -f -t 0 pod
}

shared_play_kube() {
	cat >"$SHARED/pod.yaml" <<EOF
apiVersion: v1
kind: Pod
metadata:
  name: kubepod
spec:
  containers:
  - name: main
    image: $pb
    env: [{name: PATH, value: "/bin:/usr/bin"}]
    command: ["/bin/sh", "-c", "echo from-kube; exec sleep 100"]
  - name: side
    image: $pb
    env: [{name: PATH, value: "/bin:/usr/bin"}]
    command: ["/bin/sh", "-c", "exec httpd -f -p 8080 -h /data"]
    volumeMounts: [{name: dir, mountPath: /kept}]
  volumes: [{name: dir, emptyDir: {}}]
EOF
	ok M play kube "$SHARED/pod.yaml"
	until_true prints from-kube M logs kubepod-main
	until_true prints from-the-image M exec kubepod-main timeout 5 wget -q -O - http://127.0.0.1:8080/file
	ok M exec kubepod-side touch /kept/f
	ok M play kube --down "$SHARED/pod.yaml"
	ok M ps -aq
	is ''
}

# The timers of health checks are systemd's; what they run is this.
shared_healthcheck() {
	begin_one cc --health-cmd 'test -e /tmp/well' --health-interval disable --health-retries 1 $pb sleep 1000
	code 1 M healthcheck run cc
	ok M inspect -f '{{.State.Health.Status}}' cc
	is unhealthy
	ok M exec cc touch /tmp/well
	ok M healthcheck run cc
	ok M inspect -f '{{.State.Health.Status}}' cc
	is healthy
}

shared_systemd_mode() {
	begin_one cc --systemd always $pb sh -c 'trap "echo halted; exit 0" 37; echo up; while :; do sleep 0.1; done'
	ok M exec cc sh -c 'mount | grep -E " on (/run|/run/lock|/tmp|/var/log/journal) "; echo "container is $container"; tr "\0" "\n" </proc/1/environ | grep ^container='
	has 'on /run ' 'on /run/lock ' 'on /tmp ' container=
	until_true prints up M logs cc
	# SIGRTMIN+3, systemd's own signal for an orderly end.
	ok M stop -t 20 cc
	ok M logs cc
	has halted
	ok M inspect -f '{{.State.ExitCode}}' cc
	is 0
}

shared_build() {
	mkdir -p "$SHARED/build"
	printf '%s\n' "FROM $pb" 'RUN echo built >/built && id -u >>/built' 'USER user' 'RUN id -un >/tmp/who' 'CMD ["cat", "/built", "/tmp/who"]' >"$SHARED/build/Dockerfile"
	ok M build "${LIMITS[@]}" -t localhost/built:1 "$SHARED/build"
	ok MR localhost/built:1
	is "$(printf 'built\n0\nuser')"
	printf '%s\n' "FROM $pb" 'RUN exit 9' >"$SHARED/build/Dockerfile"
	code 9 M build "${LIMITS[@]}" "$SHARED/build"
}

shared_many() {
	local i pids=()
	for i in $(seq 10); do
		MR $pb echo "out$i" >"$W/tmp/many$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq 10); do [ "$(cat "$W/tmp/many$i")" = "out$i" ]; done
}
