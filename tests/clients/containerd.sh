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
	remove_cgroups
}

# C ARGS... ID CMD...: a container that is removed at its end.
C() { CTR run --rm --runc-binary "$RT" "${CGCTR[@]}" "$@"; }
# begin ARGS... ID CMD...: one in the background.
ctr_begin() { ok CTR run -d --runc-binary "$RT" "${CGCTR[@]}" "$@"; }

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
	ok script -qec "stty rows 33 cols 77; ctr -a $W/c.sock run -t --rm --runc-binary $RT $img one sh -c 'tty; sleep 1; stty size'" /dev/null
	has /dev/pts/0 '33 77'
}

containerd__host_namespaces() {
	ok C --net-host $img one readlink /proc/self/ns/net
	is "$(readlink /proc/self/ns/net)"
	ok C --with-ns "uts:/proc/$$/ns/uts" $img one readlink /proc/self/ns/uts
	is "$(readlink /proc/self/ns/uts)"
	ok C --privileged $img one sh -c 'mount -t tmpfs t /tmp'
}

containerd__user_namespace() {
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
	ok CTR task kill -s KILL one
	until_true prints STOPPED CTR task ls
}

containerd__task_pause() {
	ctr_begin $img one sleep 1000
	ok CTR task pause one
	ok CTR task ls
	has PAUSED
	ok CTR task resume one
	ok CTR task ls
	has RUNNING
	ok CTR task kill -s KILL -a one
}

containerd__task_metrics() {
	ctr_begin $img one sleep 1000
	ok CTR task metrics --format json one
	has usage pids
	ok CTR task kill -s KILL one
}

containerd__oom_event() {
	timeout 60 ctr -a "$W/c.sock" events >"$W/events" 2>&1 &
	code 137 C --memory-limit 8388608 $img one sh -c 'exec tail /dev/zero'
	until_true grep -q /tasks/oom "$W/events"
	kill %1
}

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
	ctr_begin $img one sh -c 'i=0; while :; do i=$((i+1)); echo $i >/tmp/n; sleep 0.1; done'
	until_true CTR task exec --exec-id e1 one test -s /tmp/n
	ok CTR container checkpoint --task one localhost/checkpoint:1
	ok CTR task kill -s KILL one
	until_true CTR task rm one
	ok CTR container rm one
	ok CTR container restore --live two localhost/checkpoint:1
	ok CTR task ls
	has RUNNING
	ok CTR task kill -s KILL two
}
