#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2034,SC2154 # name, results, here and CRI are set by "inside"
# Kubernetes' runtime interface (CRI) of containerd, called as the kubelet calls it, by the client in tests/clients/cri.

# shellcheck source=containerd.sh
. "$here/containerd.sh"

K() { timeout -k 5 120 "$CRI" "$W/c.sock" "$@"; }

cri_up() {
	[ -x "$CRI" ] || { echo "$CRI: not built; make test-clients does" && return 1; }
	mkdir -p "$W/cni" "$W/pods"
	cat >"$W/cni/10-pods.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni-mrc", "isGateway": true, "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "$W/ipam", "ranges": [[{"subnet": "10.77.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
	# The cgroups of pods are the kubelet's.
	CGROUPS_KEPT="/$CGROUP/[a-z]*\$"
	containerd_up
	until_true network_ready
}

network_ready() { K Status | jq -e '[.status.conditions[].status] | all'; }

cri_clean() {
	local id
	for id in $(K ListPodSandbox | jq -r '.items[]?.id'); do
		K StopPodSandbox "{\"pod_sandbox_id\": \"$id\"}"
		K RemovePodSandbox "{\"pod_sandbox_id\": \"$id\"}"
	done
}

cri_down() {
	cri_clean
	end_process "$W/containerd.pid"
	ip link del cni-mrc 2>/dev/null
}

# pod NAME [JSON]: runs a pod, whose configuration is that below with the JSON merged into it. It is then in $POD, its file in $PODFILE.
pod() {
	local default
	default=$(jq -n --arg name "$1" --arg logs "$W/pods/$1" --arg cgroup "$(pod_parent "$1")" '{metadata: {name: $name, uid: $name, namespace: "test", attempt: 0},
		hostname: $name, log_directory: $logs, linux: {cgroup_parent: $cgroup, security_context: {namespace_options: {pid: "CONTAINER"}}}}')
	mkdir -p "$W/pods/$1"
	PODFILE=$W/pods/$1.json
	jq -n --argjson a "$default" --argjson b "${2:-"{}"}" '$a * $b' >"$PODFILE"
	ok K RunPodSandbox "{\"config\": $(cat "$PODFILE"), \"runtime_handler\": \"${HANDLER-}\"}"
	POD=$(jq -r .podSandboxId <<<"$OUT")
}

# made NAME COMMAND [JSON]: makes a container of the last pod that runs a shell with the command; it is then in $ID.
made() {
	local default
	default=$(jq -n --arg name "$1" --arg command "$2" --arg image "$img" '{metadata: {name: $name, attempt: 0}, image: {image: $image}, args: ["sh", "-c", $command],
		log_path: "\($name).log", linux: {security_context: {namespace_options: {pid: "CONTAINER"}}}}')
	ok K CreateContainer "$(jq -n --arg pod "$POD" --slurpfile podconfig "$PODFILE" --argjson a "$default" --argjson b "${3:-"{}"}" '{pod_sandbox_id: $pod, config: ($a * $b), sandbox_config: $podconfig[0]}')"
	ID=$(jq -r .containerId <<<"$OUT")
}

# begun is made, and started.
begun() {
	made "$@"
	ok K StartContainer "{\"container_id\": \"$ID\"}"
}

# output NAME COMMAND [JSON]: the container's output, when it has ended.
output() {
	begun "$@"
	until_true ended
	OUT=$(cut -d' ' -f4- "$W/pods/$(jq -r .metadata.name "$PODFILE")/$1.log")
	printf '%s\n' "$OUT"
}

status() { K ContainerStatus "{\"container_id\": \"$ID\"}" | jq -r "$1"; }
ended() { [ "$(status .status.state)" = CONTAINER_EXITED ]; }

# inside COMMAND...: what it prints in the last container, by ExecSync; fails where it does.
inside() {
	local answer
	answer=$(jq -n --arg id "$ID" '{container_id: $id, cmd: $ARGS.positional, timeout: 20}' --args -- "$@")
	answer=$(K ExecSync "$answer")
	OUT=$(jq -r '(.stdout | @base64d) + (.stderr | @base64d)' <<<"$answer")
	printf '+ %s\n%s\n' "$*" "$OUT"
	[ "$(jq .exitCode <<<"$answer")" = 0 ]
}

cri__runtime() {
	ok K Version
	has containerd
	ok K Status '{"verbose": true}'
	has "$RT"
}

cri__pod_life() {
	pod life
	ok K PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\"}"
	has SANDBOX_READY 10.77.
	begun one 'sleep 1000'
	ok K ListContainers '{"filter": {"state": {"state": "CONTAINER_RUNNING"}}}'
	has "$ID"
	ok K StopContainer "{\"container_id\": \"$ID\", \"timeout\": 1}"
	until_true ended
	is_status Error 137
	ok K RemoveContainer "{\"container_id\": \"$ID\"}"
	ok K StopPodSandbox "{\"pod_sandbox_id\": \"$POD\"}"
	ok K PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\"}"
	has SANDBOX_NOTREADY
	ok K RemovePodSandbox "{\"pod_sandbox_id\": \"$POD\"}"
	ok K ListPodSandbox
	lacks "$POD"
}

cri__stop_gracefully() {
	pod graceful
	begun one 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
	until_true grep -q up "$W/pods/graceful/one.log"
	ok K StopContainer "{\"container_id\": \"$ID\", \"timeout\": 30}"
	[ "$(status .status.exitCode)" = 3 ]
}

cri__exit_codes() {
	pod codes
	begun seven 'exit 7'
	until_true ended
	is_status Error 7
	begun zero 'true'
	until_true ended
	is_status Completed 0
	made missing '' '{"command": ["/no/such/program"]}'
	code 1 K StartContainer "{\"container_id\": \"$ID\"}"
	has 'no such file or directory'
	is_status StartError 128
}

# is_status REASON CODE: how the last container ended.
is_status() {
	OUT=$(status '"\(.status.reason) \(.status.exitCode)"')
	is "$1 $2"
}

cri__logs() {
	pod logs
	begun one 'echo to-out; echo to-err >&2; while :; do echo again; sleep 0.1; done'
	until_true grep -q 'stderr F to-err' "$W/pods/logs/one.log"
	grep -q 'stdout F to-out' "$W/pods/logs/one.log"
	mv "$W/pods/logs/one.log" "$W/pods/logs/one.log.1"
	ok K ReopenContainerLog "{\"container_id\": \"$ID\"}"
	until_true grep -q again "$W/pods/logs/one.log"
}

cri__shared_namespaces() {
	pod shared
	begun first 'httpd -p 8080 -h /data; sleep 1000'
	inside sh -c 'cd /proc/self/ns && ls -l net ipc uts | cut -d">" -f2; hostname'
	has shared
	local first=$OUT space
	inside readlink /proc/self/ns/pid
	local own=$OUT
	begun second 'sleep 1000'
	inside sh -c 'cd /proc/self/ns && ls -l net ipc uts | cut -d">" -f2; hostname'
	is "$first"
	inside readlink /proc/self/ns/pid
	[ "$OUT" != "$own" ]
	for space in net ipc uts; do [[ $first != *"$(readlink /proc/self/ns/$space)"* ]]; done
	inside timeout 10 wget -q -O - http://127.0.0.1:8080/file
	is from-the-image
}

cri__shared_processes() {
	pod procs '{"linux": {"security_context": {"namespace_options": {"pid": "POD"}}}}'
	local options='{"linux": {"security_context": {"namespace_options": {"pid": "POD"}}}}'
	begun first 'sleep 1234' "$options"
	local target=$ID
	begun second 'sleep 1000' "$options"
	inside ps
	has 'sleep 1234' 'sleep 1000000'
	begun third 'ps; sleep 1000' "$(jq -n --arg id "$target" '{linux: {security_context: {namespace_options: {pid: "TARGET", target_id: $id}}}}')"
	inside ps
	has 'sleep 1234'
}

cri__host_namespaces() {
	local options='{"linux": {"security_context": {"namespace_options": {"network": "NODE", "pid": "NODE", "ipc": "NODE"}}}}'
	pod node "$(jq '. * {hostname: ""}' <<<"$options")"
	begun one 'sleep 1000' "$options"
	local space
	for space in net pid ipc uts; do
		inside readlink "/proc/self/ns/$space"
		is "$(readlink "/proc/self/ns/$space")"
	done
	inside ps
	has containerd
}

cri__exec_sync() {
	pod sync
	begun one 'sleep 1000' '{"envs": [{"key": "A", "value": "Yg=="}], "working_dir": "/data"}'
	inside sh -c 'echo $A; pwd; cat file'
	is "$(printf 'b\n/data\nfrom-the-image')"
	ok K ExecSync "{\"container_id\": \"$ID\", \"cmd\": [\"sh\", \"-c\", \"echo bad >&2; exit 5\"]}"
	has '"exitCode": 5' "$(printf 'bad\n' | base64)"
	code 1 K ExecSync "{\"container_id\": \"$ID\", \"cmd\": [\"sleep\", \"777\"], \"timeout\": 1}"
	has DeadlineExceeded
	until_true not_inside 'sleep 777'
	code 1 K ExecSync "{\"container_id\": \"$ID\", \"cmd\": [\"no-such-program\"]}"
	has 'executable file not found in $PATH'
}

# not_inside TEXT: no process of the last container has the text in its command line.
not_inside() { inside ps && ! grep -q "$1" <<<"$OUT"; }

cri__exec_stream() {
	pod stream
	begun one 'sleep 1000'
	code 5 K stream Exec "{\"container_id\": \"$ID\", \"cmd\": [\"sh\", \"-c\", \"echo streamed; exit 5\"], \"stdout\": true, \"stderr\": true}"
	has streamed
	OUT=$(K stream Exec "{\"container_id\": \"$ID\", \"cmd\": [\"head\", \"-n\", \"1\"], \"stdin\": true, \"stdout\": true, \"stderr\": true}" <<<line)
	is line
	# Its size is that of the client's, which comes after it.
	ok env CRI_RESIZE=77x33 timeout 60 "$CRI" "$W/c.sock" stream Exec "{\"container_id\": \"$ID\", \"cmd\": [\"sh\", \"-c\",
		\"tty; until [ \\\"\$(stty size)\\\" = \\\"33 77\\\" ]; do sleep 0.1; done; stty size\"], \"tty\": true, \"stdin\": true, \"stdout\": true}"
	has /dev/pts/0 '33 77'
}

cri__attach() {
	pod attach
	begun one 'while read line; do echo "got $line"; done' '{"stdin": true, "stdin_once": true}'
	talk timeout 60 "$CRI" "$W/c.sock" stream Attach "{\"container_id\": \"$ID\", \"stdin\": true, \"stdout\": true, \"stderr\": true}"
	typed_until 'got words' words
	hang_up
	# What it read from was for one client.
	until_true ended
	begun two 'exec sh' '{"stdin": true, "tty": true}'
	talk env CRI_RESIZE=88x44 timeout 60 "$CRI" "$W/c.sock" stream Attach "{\"container_id\": \"$ID\", \"stdin\": true, \"stdout\": true, \"tty\": true}"
	typed_until /dev/pts/0 tty
	typed_until '44 88' 'stty size'
	hang_up
}

cri__port_forward() {
	pod forward
	begun one 'exec httpd -f -p 8080 -h /data'
	until_true inside timeout 5 wget -q -O - http://127.0.0.1:8080/file
	OUT=$(printf 'GET /file HTTP/1.0\r\n\r\n' | timeout 60 "$CRI" "$W/c.sock" stream PortForward "{\"pod_sandbox_id\": \"$POD\", \"port\": [8080]}")
	has from-the-image
}

cri__network() {
	pod netone
	begun one 'exec httpd -f -p 8080 -h /data'
	ok K PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\"}"
	local ip
	ip=$(jq -r .status.network.ip <<<"$OUT")
	pod nettwo '{"dns_config": {"servers": ["10.9.8.7"], "searches": ["test.local"]}}'
	begun two 'sleep 1000'
	inside timeout 10 wget -q -O - "http://$ip:8080/file"
	is from-the-image
	inside cat /etc/resolv.conf
	has 10.9.8.7 test.local
}

cri__stats() {
	pod stats
	begun one 'while :; do :; done'
	until_true counted
	ok K ListContainerStats
	has "$ID"
	ok K PodSandboxStats "{\"pod_sandbox_id\": \"$POD\"}"
	has usageCoreNanoSeconds workingSetBytes
}
counted() {
	K ContainerStats "{\"container_id\": \"$ID\"}" |
		jq -e '(.stats.cpu.usageCoreNanoSeconds.value | tonumber) > 0 and (.stats.memory.workingSetBytes.value | tonumber) > 0 and (.stats.writableLayer.inodesUsed.value | tonumber) > 0'
}

cri__security_user() {
	pod users
	output ids 'id -u; id -g; id -G; grep CapEff /proc/self/status' '{"linux": {"security_context": {"run_as_user": {"value": 1000}, "run_as_group": {"value": 7}, "supplemental_groups": [55]}}}'
	has "$(printf '1000\n7\n7 ')" 55 0000000000000000
	output byname 'id -un' '{"linux": {"security_context": {"run_as_username": "user"}}}'
	is user
}

cri__security_filesystem() {
	pod files
	output readonly 'touch /x 2>&1' '{"linux": {"security_context": {"readonly_rootfs": true}}}'
	has 'Read-only file system'
	output masked 'cat /proc/version; touch /proc/sys/kernel/hostname 2>&1' '{"linux": {"security_context": {"masked_paths": ["/proc/version"], "readonly_paths": ["/proc/sys"]}}}'
	has 'Read-only file system'
	lacks Linux
}

cri__security_capabilities() {
	pod caps
	output few 'grep CapEff /proc/self/status' '{"linux": {"security_context": {"capabilities": {"drop_capabilities": ["ALL"], "add_capabilities": ["NET_RAW"]}}}}'
	has 0000000000002000
	output none 'grep NoNewPrivs /proc/self/status' '{"linux": {"security_context": {"no_new_privs": true}}}'
	has 1
}

cri__privileged() {
	pod privileged '{"linux": {"security_context": {"privileged": true}}}'
	output one 'mount -t tmpfs t /tmp && grep Seccomp: /proc/self/status && ls /dev/fuse' '{"linux": {"security_context": {"privileged": true}}}'
	has /dev/fuse
	lacks 'Seccomp:	2'
}

cri__seccomp() {
	pod seccomp
	output default 'grep Seccomp: /proc/self/status' '{"linux": {"security_context": {"seccomp": {"profile_type": "RuntimeDefault"}}}}'
	has 2
	output unconfined 'grep Seccomp: /proc/self/status' '{"linux": {"security_context": {"seccomp": {"profile_type": "Unconfined"}}}}'
	has 0
	printf '%s' '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}' >"$W/tmp/seccomp.json"
	output local 'mkdir /tmp/d 2>&1' "{\"linux\": {\"security_context\": {\"seccomp\": {\"profile_type\": \"Localhost\", \"localhost_ref\": \"$W/tmp/seccomp.json\"}}}}"
	has 'Operation not permitted'
}

cri__apparmor() {
	[ -e /sys/module/apparmor ] || skip "no AppArmor in this kernel"
	pod apparmor
	output one 'cat /proc/self/attr/current' '{"linux": {"security_context": {"apparmor": {"profile_type": "RuntimeDefault"}}}}'
	has 'cri-containerd.apparmor.d (enforce)'
}

# limit_files prints what the kernel has of a container's memory and of its processor time.
limit_files='cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max 2>/dev/null || true'

cri__resources() {
	pod resources
	begun one 'sleep 1000' '{"linux": {"resources": {"memory_limit_in_bytes": 67108864, "cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "oom_score_adj": 900}}}'
	inside sh -c "$limit_files; cat /proc/1/oom_score_adj"
	has 67108864 50000 900
	ok K UpdateContainerResources "{\"container_id\": \"$ID\", \"linux\": {\"memory_limit_in_bytes\": 100663296, \"cpu_quota\": 25000, \"cpu_period\": 100000}}"
	inside sh -c "$limit_files"
	has 100663296 25000
	inside true
}

cri__oom() {
	pod oom
	begun one 'exec tail /dev/zero' '{"linux": {"resources": {"memory_limit_in_bytes": 8388608, "memory_swap_limit_in_bytes": 8388608}}}'
	until_true ended
	until_true prints 'OOMKilled 137' status '"\(.status.reason) \(.status.exitCode)"'
}

cri__mounts() {
	pod mounts
	mkdir -p "$W/tmp/mounts/sub"
	echo of-the-host >"$W/tmp/mounts/f"
	begun one 'sleep 1000' "{\"mounts\": [
		{\"host_path\": \"$W/tmp/mounts\", \"container_path\": \"/ro\", \"readonly\": true},
		{\"host_path\": \"$W/tmp/mounts/f\", \"container_path\": \"/single\"},
		{\"host_path\": \"$W/tmp/mounts\", \"container_path\": \"/slave\", \"propagation\": \"PROPAGATION_HOST_TO_CONTAINER\"}]}"
	inside cat /ro/f /single
	is "$(printf 'of-the-host\nof-the-host')"
	inside sh -c 'touch /ro/x 2>&1 || true'
	has 'Read-only file system'
	mount -t tmpfs tmpfs "$W/tmp/mounts/sub"
	echo later >"$W/tmp/mounts/sub/f"
	inside cat /slave/sub/f
	is later
	inside ls /ro/sub
	is ''
	umount "$W/tmp/mounts/sub"
}

cri__mount_to_host() {
	pod shares
	mkdir -p "$W/tmp/shares/sub"
	begun one 'mount -t tmpfs tmpfs /s/sub && echo inner >/s/sub/f; sleep 1000' "{\"mounts\": [{\"host_path\": \"$W/tmp/shares\", \"container_path\": \"/s\", \"propagation\": \"PROPAGATION_BIDIRECTIONAL\"}],
		\"linux\": {\"security_context\": {\"privileged\": false, \"apparmor\": {\"profile_type\": \"Unconfined\"}, \"capabilities\": {\"add_capabilities\": [\"SYS_ADMIN\"]}}}}"
	until_true test -e "$W/tmp/shares/sub/f"
	umount "$W/tmp/shares/sub"
}

cri__devices_sysctls() {
	pod devices '{"linux": {"sysctls": {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"}}}'
	output one 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced; head -c 0 /dev/myfuse && echo opened; mknod /dev/mine c 10 229 && head -c 0 /dev/mine 2>&1' \
		'{"devices": [{"container_path": "/dev/myfuse", "host_path": "/dev/fuse", "permissions": "r"}]}'
	has "$(printf '1\n1\nopened')"
}

cri__runtime_class() {
	HANDLER=$name pod class
	begun one 'sleep 1000'
	inside true
	code 1 K RunPodSandbox "{\"config\": $(jq '.metadata.uid = "other"' "$PODFILE"), \"runtime_handler\": \"unknown\"}"
	has 'no runtime for "unknown"'
}

cri__restart_of_containerd() {
	pod restart
	begun one 'sleep 1000'
	end_process "$W/containerd.pid"
	containerd -c "$W/containerd.toml" >>"$W/containerd.log" 2>&1 &
	echo $! >"$W/containerd.pid"
	until_true network_ready
	[ "$(status .status.state)" = CONTAINER_RUNNING ]
	inside echo still
	is still
	ok K StopContainer "{\"container_id\": \"$ID\", \"timeout\": 0}"
	until_true ended
}

cri__user_namespace() {
	local options='{"linux": {"security_context": {"namespace_options": {"userns_options": {"mode": "POD",
		"uids": [{"host_id": 200000, "container_id": 0, "length": 65536}], "gids": [{"host_id": 200000, "container_id": 0, "length": 65536}]}}}}}'
	pod mapped "$options"
	output one 'cat /proc/self/uid_map' "$options"
	# containerd 1 drops what it does not know.
	if [[ $(containerd --version) == *' 1.'* && $OUT == *4294967295* ]]; then skip "containerd 1 has no user namespaces for pods"; fi
	has 200000
}

cri__many() {
	local i
	pod many
	for i in $(seq 15); do begun "many$i" 'sleep 1000'; done
	ok K ListContainers '{"filter": {"state": {"state": "CONTAINER_RUNNING"}}}'
	[ "$(jq '.containers | length' <<<"$OUT")" = 15 ]
}
