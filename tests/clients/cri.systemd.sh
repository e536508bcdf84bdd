#!/bin/bash
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Kubernetes' runtime interface where systemd makes the cgroups, on version 2 alone, with AppArmor.

cri__apparmor_profiles() {
	printf '%s\n' 'profile mrc-cri flags=(attach_disconnected,mediate_deleted) {' 'file,' 'capability,' 'signal,' 'deny /data/** w,' '}' >"$W/tmp/profile"
	ok apparmor_parser -Kr "$W/tmp/profile"
	pod profiles
	begun local 'sleep 1000' '{"linux": {"security_context": {"apparmor": {"profile_type": "Localhost", "localhost_ref": "localhost/mrc-cri"}}}}'
	inside cat /proc/self/attr/current
	is 'mrc-cri (enforce)'
	inside sh -c 'echo x 2>&1 >/data/file || true'
	has 'Permission denied'
	begun deprecated 'sleep 1000' '{"linux": {"security_context": {"apparmor_profile": "localhost/mrc-cri"}}}'
	inside cat /proc/self/attr/current
	is 'mrc-cri (enforce)'
	output free 'cat /proc/self/attr/current' '{"linux": {"security_context": {"apparmor": {"profile_type": "Unconfined"}}}}'
	is unconfined
	output missing 'cat /proc/self/attr/current'
	is 'cri-containerd.apparmor.d (enforce)'
}

# The kubelet makes the slice of a pod, with limits of its own; containers are scopes in it.
cri__slices() {
	local slice=$CGROUP-slices.slice pid
	printf '[Slice]\nMemoryMax=64M\nTasksMax=50\n' >"/run/systemd/system/$slice"
	systemctl daemon-reload
	ok systemctl start "$slice"
	pod slices
	begun one 'sleep 1000' '{"linux": {"resources": {"memory_limit_in_bytes": 33554432, "cpu_period": 100000, "cpu_quota": 50000}}}'
	pid=$(K ContainerStatus "{\"container_id\": \"$ID\", \"verbose\": true}" | jq -r '.info.info | fromjson | .pid')
	ok cat "/proc/$pid/cgroup"
	is "0::/$CGROUP.slice/$slice/cri-containerd-$ID.scope"
	ok systemctl show -p MemoryMax -p CPUQuotaPerSecUSec "cri-containerd-$ID.scope"
	has MemoryMax=33554432 CPUQuotaPerSecUSec=500ms
	ok K UpdateContainerResources "{\"container_id\": \"$ID\", \"linux\": {\"memory_limit_in_bytes\": 50331648, \"cpu_quota\": 25000, \"cpu_period\": 100000}}"
	ok systemctl show -p MemoryMax -p CPUQuotaPerSecUSec "cri-containerd-$ID.scope"
	has MemoryMax=50331648 CPUQuotaPerSecUSec=250ms
	ok K PodSandboxStats "{\"pod_sandbox_id\": \"$POD\"}"
	has workingSetBytes
	cri_clean
	ok systemctl show -P MemoryMax "$slice"
	is 67108864
	systemctl stop "$slice"
	rm "/run/systemd/system/$slice"
	systemctl daemon-reload
}

# What version 2 alone has: memory.high and others come as they are written.
cri__unified() {
	pod unified
	output one 'cat /sys/fs/cgroup/memory.high /sys/fs/cgroup/memory.low' '{"linux": {"resources": {"unified": {"memory.high": "50331648", "memory.low": "16777216"}}}}'
	is "$(printf '50331648\n16777216')"
}
