#!/bin/bash
# shellcheck disable=SC2034,SC2154 # name, results and here are set by "inside"
# The files of deploy/, each read by its engine, with the path of the runtime under test in the place of /usr/local/bin/minirun.

# shellcheck source=cri.sh
. "$here/cri.sh"
# shellcheck source=docker.sh
. "$here/docker.sh"
# shellcheck source=podman.sh
. "$here/podman.sh"

deploy=$here/../../deploy

# ready FILE: prints it with the runtime's path.
ready() { sed "s|/usr/local/bin/minirun|$RT|" "$deploy/$1"; }
# bare prints standard input without comments and empty lines.
bare() { grep -Ev '^ *(#|$)'; }

deploy_up() {
	CGROUPS_KEPT="/$CGROUP/\\(conmon\\|[a-z]*\\)\$"
	mkdir -p "$W/tmp"
}
deploy_clean() { :; }
deploy_down() { :; }

deploy__docker() {
	echo '{}' >"$W/d.json"
	dockerd --data-root "$W/docker" --exec-root "$W/dexec" -p "$W/docker.pid" -H "unix://$W/d.sock" --config-file "$W/d.json" \
		--cgroup-parent "$CGPARENT" --exec-opt native.cgroupdriver="$CGMANAGER" >"$W/dockerd.log" 2>&1 &
	trap 'set +e; docker_down' EXIT
	until_true D version
	D import --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' - "$bb" <"$W/rootfs.tar"
	ready docker/daemon.json >"$W/d.json"
	kill -HUP "$(cat "$W/docker.pid")"
	until_true prints minirun D info -f '{{.DefaultRuntime}}'
	ok R "$bb" echo hello
	is hello
	begin cc --runtime minirun "$bb" sleep 1000
	ok D inspect -f '{{.HostConfig.Runtime}}' cc
	is minirun
}

deploy__containerd_version_2() {
	# What belongs to this place is a file of its own, which containerd merges.
	cat >"$W/place.toml" <<EOF
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
EOF
	runs_with containerd/config-v2.toml
}

# The tables of version 2 have other names here. containerd 1 does not read it: there the files are compared.
deploy__containerd_version_3() {
	ok diff <(bare <"$deploy/containerd/config-v2.toml" | sed -e 's/^version = 2/version = 3/' -e 's/io\.containerd\.grpc\.v1\.cri/io.containerd.cri.v1.runtime/') \
		<(bare <"$deploy/containerd/config-v3.toml")
	[[ $(containerd --version) != *' 1.'* ]] || return 0
	cat >"$W/place.toml" <<EOF
version = 3
root = "$W/containerd"
state = "$W/cstate"
[grpc]
address = "$W/c.sock"
[ttrpc]
address = "$W/c.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "$W/copt"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "$img"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
EOF
	runs_with containerd/config-v3.toml
}

# runs_with FILE: containerd runs pods with the file, by their class and by default.
runs_with() {
	mkdir -p "$W/cni" "$W/pods"
	trap 'set +e; cri_down' EXIT
	{
		bare <"$W/place.toml"
		ready "$1" | bare | grep -v '^version'
	} >"$W/containerd.toml"
	ok containerd -c "$W/containerd.toml" config dump
	OUT=$(tr -d "'\"" <<<"$OUT")
	has 'default_runtime_name = minirun' "BinaryName = $RT"
	containerd -c "$W/containerd.toml" >"$W/containerd.log" 2>&1 &
	echo $! >"$W/containerd.pid"
	until_true CTR version
	oci_archive
	CTR -n k8s.io images import "$W/bb.oci.tar"
	local options='{"linux": {"security_context": {"namespace_options": {"network": "NODE"}}}}'
	HANDLER=$(sed -n 's/^handler: //p' "$deploy/kubernetes/runtimeclass.yaml")
	pod class "$(jq '. * {hostname: ""}' <<<"$options")"
	begun one 'sleep 1000' "$options"
	inside echo hello
	is hello
	ok K PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\", \"verbose\": true}"
	has "$RT"
	HANDLER=
	pod default "$(jq '. * {hostname: ""}' <<<"$options")"
	ok K PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\", \"verbose\": true}"
	has "$RT"
	# What the runtime keeps has both pods and the container.
	[ "$("$RT" --root /run/containerd/runc/k8s.io list -q | wc -l)" = 3 ]
}

# No CRI-O in Debian either: that it is TOML, containerd can say.
deploy__crio() {
	ready cri-o/10-minirun.conf >"$W/tmp/crio.toml"
	ok containerd -c "$W/tmp/crio.toml" config dump
	code 1 containerd -c <(cat "$W/tmp/crio.toml" - <<<'broken =') config dump
	ok grep -F "runtime_path = \"$RT\"" "$W/tmp/crio.toml"
}

deploy__podman() {
	cp -a /etc/containers "$W/tmp/containers"
	mkdir -p "$W/tmp/containers/containers.conf.d" "$W/pnet"
	ready podman/10-minirun.conf >"$W/tmp/containers/containers.conf.d/10-minirun.conf"
	mount --bind "$W/tmp/containers" /etc/containers
	trap 'set +e; podman_down; umount /etc/containers' EXIT
	local podman=(timeout -k 5 120 podman --root "$W/podman" --runroot "$W/prun" --cgroup-manager "$CGMANAGER" --events-backend file --network-config-dir "$W/pnet")
	ok "${podman[@]}" info -f '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
	is "minirun $RT"
	"${podman[@]}" import --change 'ENV PATH=/bin:/usr/bin' "$W/rootfs.tar" "$pb"
	ok "${podman[@]}" run --rm --cgroup-parent "$CGPARENT" "${LIMITS[@]}" "$pb" echo hello
	is hello
	# The reason alone, as the runtime tells it in JSON.
	code 127 "${podman[@]}" run --rm --cgroup-parent "$CGPARENT" "${LIMITS[@]}" "$pb" no-such-program
	lacks '"level"'
	printf '%s\n' "FROM $pb" 'RUN echo built >/built' >"$W/tmp/Dockerfile"
	ok timeout 100 buildah --root "$W/podman" --runroot "$W/prun" build -f "$W/tmp/Dockerfile" "$W/tmp/containers"
}
