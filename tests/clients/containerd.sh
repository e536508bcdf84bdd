#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# containerd through its shim for runc: ctr, and the same daemon's socket as Kubernetes' runtime interface (cri.sh).

CTR() { timeout -k 5 120 ctr -a "$W/c.sock" "$@"; }
img=localhost/bb:1

containerd_up() {
	mkdir -p "$W/cni"
	cat >"$W/containerd.toml" <<EOF
version = 2
root = "$W/containerd"
state = "$W/cstate"
[grpc]
address = "$W/c.sock"
[ttrpc]
address = "$W/c.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "$W/copt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$img"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$W/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "$name"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.$name]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.$name.options]
BinaryName = "$RT"
SystemdCgroup = $CGSYSTEMD
EOF
	containerd -c "$W/containerd.toml" >"$W/containerd.log" 2>&1 &
	echo $! >"$W/containerd.pid"
	until_true CTR version
	oci_archive
	CTR images import "$W/bb.oci.tar"
	CTR -n k8s.io images import "$W/bb.oci.tar"
}

# oci_archive packs the root filesystem as an image in the layout that "ctr images import" reads.
oci_archive() {
	local dir=$W/oci layer config manifest
	mkdir -p "$dir/blobs/sha256"
	blob() { # FILE: moves it among the blobs, prints its digest
		local digest
		digest=$(sha256sum "$1" | cut -d' ' -f1)
		mv "$1" "$dir/blobs/sha256/$digest"
		echo "$digest"
	}
	cp "$W/rootfs.tar" "$W/tmp/layer"
	layer=$(blob "$W/tmp/layer")
	printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin:/usr/bin"],"Cmd":["sleep","1000000"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$layer" >"$W/tmp/config"
	config=$(blob "$W/tmp/config")
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%d}]}' \
		"$config" "$(stat -c %s "$dir/blobs/sha256/$config")" "$layer" "$(stat -c %s "$dir/blobs/sha256/$layer")" >"$W/tmp/manifest"
	manifest=$(blob "$W/tmp/manifest")
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"io.containerd.image.name":"%s"}}]}' \
		"$manifest" "$(stat -c %s "$dir/blobs/sha256/$manifest")" "$img" >"$dir/index.json"
	tar -C "$dir" -cf "$W/bb.oci.tar" oci-layout index.json blobs
}

containerd_clean() {
	local task
	for task in $(CTR task ls -q); do CTR task rm -f "$task"; done
	for task in $(CTR container ls -q); do CTR container rm "$task"; done
}

containerd_down() {
	containerd_clean
	end_process "$W/containerd.pid"
}

# C ARGS... ID CMD...: a container that is removed at its end.
C() { CTR run --rm --runc-binary "$RT" "${CGCTR[@]}" "$@"; }
# begin ARGS... ID CMD...: one in the background.
ctr_begin() { ok CTR run -d --runc-binary "$RT" "${CGCTR[@]}" "$@"; }

# end_one ends the task of that name.
end_one() {
	ok CTR task kill -s KILL one
	until_true prints STOPPED CTR task ls
}

containerd__runtime() {
	ctr_begin $img one sleep 1000
	# What the runtime keeps, where the shim tells it to.
	prints running "$RT" --root /run/containerd/runc/default list
	end_one
}

containerd__run() {
	ok C $img one echo hello
	is hello
	code 7 C $img one sh -c 'exit 7'
	code 1 C $img one no-such-program
	has 'executable file not found in $PATH'
	ok C --env A=b --cwd /data $img one sh -c 'echo $A; cat file'
	is "$(printf 'b\nfrom-the-image')"
	ok C --read-only $img one sh -c 'touch /x 2>&1 || true'
	has 'Read-only file system'
	ok C --mount type=bind,src="$W/rootfs/data",dst=/mnt,options=rbind:ro $img one cat /mnt/file
	is from-the-image
	ok C --memory-limit 33554432 --cpus 0.5 $img one true
	ok C --seccomp $img one grep Seccomp: /proc/self/status
	has 2
}

containerd__terminal() {
	shell_on_terminal ctr -a "$W/c.sock" run -t --rm --runc-binary "$RT" --cgroup "/$CGROUP/ctr" $img one sh
	ctr_begin $img one sleep 1000
	shell_on_terminal ctr -a "$W/c.sock" task exec -t --exec-id e1 one sh
	end_one
}

containerd__host_namespaces() {
	ok C --net-host $img one readlink /proc/self/ns/net
	is "$(readlink /proc/self/ns/net)"
	ok C --with-ns "uts:/proc/$$/ns/uts" $img one readlink /proc/self/ns/uts
	is "$(readlink /proc/self/ns/uts)"
	ok C --privileged $img one sh -c 'mount -t tmpfs t /tmp'
}

containerd__user_namespace() {
	ctr_begin --uidmap 0:100000:65536 --gidmap 0:100000:65536 $img one sleep 1000
	ok awk '/^Uid/ { print $2 }' "/proc/$(task_pid)/status"
	is 100000
	ok CTR task exec --exec-id e1 --user 1000 one id -u
	is 1000
	end_one
	CTR task rm one
	CTR container rm one
	ok C --uidmap 0:100000:65536 --gidmap 0:100000:65536 --remap-labels $img one cat /proc/self/uid_map ||
		ok C --uidmap 0:100000:65536 --gidmap 0:100000:65536 $img one cat /proc/self/uid_map
	has 100000
}

containerd__task_exec() {
	ctr_begin $img one sleep 1000
	ok CTR task exec --exec-id e1 one echo inside
	is inside
	code 5 CTR task exec --exec-id e2 one sh -c 'exit 5'
	ok CTR task exec --exec-id e3 --user 1000 --cwd /data one sh -c 'id -u; pwd'
	is "$(printf '1000\n/data')"
	ok CTR task ls
	has RUNNING
	ok CTR task ps one
	has PID
	end_one
}

containerd__task_kill() {
	ctr_begin $img one sh -c 'trap "echo got it >/tmp/got" USR1; trap "exit 3" TERM; sleep 1234 & echo >/tmp/up; while :; do sleep 0.1; done'
	local root
	root=/proc/$(task_pid)/root
	until_true test -e "$root/tmp/up"
	ok CTR task kill -s USR1 one
	until_true test -s "$root/tmp/got"
	ok CTR task kill -s KILL --all one
	until_true prints STOPPED CTR task ls
	until_true no_process 'sleep 1234'
	# A signal for who is dead already is an error, and no more.
	code 1 CTR task kill one
	has 'process already finished'
}

no_process() { ! pgrep -xf "$1"; }

# task_pid prints the id of the first process of the task "one".
task_pid() { CTR task ls | awk '$1 == "one" { print $2 }'; }

containerd__task_pause() {
	local now before
	ctr_begin $img one sh -c 'while :; do date +%s.%N >/tmp/new && mv /tmp/new /tmp/now; sleep 0.05; done'
	now=/proc/$(task_pid)/root/tmp/now
	until_true test -s "$now"
	ok CTR task pause one
	ok CTR task ls
	has PAUSED
	before=$(cat "$now")
	sleep 0.5
	ok cat "$now"
	is "$before"
	ok CTR task resume one
	ok CTR task ls
	has RUNNING
	until_true differs "$before" cat "$now"
	end_one
}

containerd__task_metrics() {
	ctr_begin --memory-limit 33554432 $img one sh -c 'sleep 1000 & exec sleep 1000'
	until_true counted_two
	ok CTR task metrics --format json one
	# Version 1 has the limit below usage, version 2 beside it.
	ok jq -e '(.memory.usage_limit // .memory.usage.limit) == 33554432 and (.memory.usage | (.usage? // .)) > 0' <<<"$OUT"
	end_one
}
counted_two() { [ "$(CTR task metrics --format json one | jq .pids.current)" = 2 ]; }

containerd__oom_event() {
	timeout 60 ctr -a "$W/c.sock" events >"$W/events" 2>&1 &
	# It listens from some moment on.
	until_true listening
	# Something has to stay: systemd removes an empty cgroup before the shim has looked.
	code 5 C --memory-limit 8388608 $img one sh -c 'tail /dev/zero; sleep 5; exit 5'
	until_true grep -q /tasks/oom "$W/events"
	kill %1
}
listening() { CTR container create $img seen && CTR container rm seen && grep -q /containers/create "$W/events"; }

containerd__many() {
	local i pids=()
	for i in $(seq 20); do
		CTR run --rm --runc-binary "$RT" $img "many$i" echo "out$i" >"$W/tmp/many$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq 20); do [ "$(cat "$W/tmp/many$i")" = "out$i" ]; done
}

containerd__checkpoint() {
	criu check >/dev/null 2>&1 || skip "criu does not work on this kernel: $(criu check 2>&1 | tail -1)"
	ctr_begin $img one sh -c 'i=0; while :; do i=$((i+1)); echo $i >/tmp/new && mv /tmp/new /tmp/n; sleep 0.1; done'
	local n before
	n=/proc/$(task_pid)/root/tmp/n
	until_true test -s "$n"
	before=$(cat "$n")
	ok CTR container checkpoint --task one localhost/checkpoint:1
	ok CTR task kill -s KILL one
	until_true CTR task rm one
	ok CTR container rm one
	ok CTR container restore --live two localhost/checkpoint:1
	ok CTR task ls
	has RUNNING
	# It goes on counting where it was, and does not begin anew.
	n=/proc/$(CTR task ls | awk '$1 == "two" { print $2 }')/root/tmp/n
	until_true counts_from "$before" "$n"
	ok CTR task kill -s KILL two
}
