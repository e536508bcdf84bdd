#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Docker: a daemon of its own, with the runtime under test as default.

D() { timeout -k 5 120 docker -H "unix://$W/d.sock" "$@"; }

docker_up() {
	echo '{"experimental": true}' >"$W/d.json"
	docker_start
	D import --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' - localhost/bb:1 <"$W/rootfs.tar"
}

docker_start() {
	local args=(--data-root "$W/docker" --exec-root "$W/dexec" -p "$W/docker.pid" -H "unix://$W/d.sock" --config-file "$W/d.json"
		--cgroup-parent "$CGPARENT" --exec-opt native.cgroupdriver="$CGMANAGER")
	# runc is built in, under its own name.
	[ "$name" = runc ] || args+=(--add-runtime "$name=$RT" --default-runtime "$name")
	# What the texts of errors are compared with.
	args+=(--add-runtime "peer=$PEER")
	dockerd "${args[@]}" "$@" >"$W/dockerd.log" 2>&1 &
	until_true D version || { tail -n 5 "$W/dockerd.log" && return 1; }
}

docker_clean() {
	local all
	all=$(D ps -aq)
	# shellcheck disable=SC2086
	[ -z "$all" ] || D rm -f $all
}

docker_down() {
	docker_clean
	end_process "$W/docker.pid"
	ip link del docker0 2>/dev/null
	# dockerd closes the way from one container to another for all that come after it.
	iptables -P FORWARD ACCEPT
}

# run is a container that is removed at its end.
R() { D run --rm "$@"; }
bb=localhost/bb:1

# begin NAME ARGS...: a container in the background.
begin() {
	local id=$1
	shift
	ok D run -d --name "$id" "$@"
}

gone() { D rm -f "$@" >/dev/null; }

docker__runtime() {
	ok D info -f '{{.DefaultRuntime}}'
	is "$name"
	begin cc $bb sleep 1000
	# What the runtime keeps, where dockerd tells it to.
	local root=$W/dexec/runtime-$name/moby
	[ -e "$root" ] || root=$W/dexec/runtime-runc/moby
	prints running "$RT" --root "$root" list
	gone cc
}

docker__run_output() {
	ok R $bb echo hello
	is hello
	ok sh -c "echo in | timeout 60 docker -H unix://$W/d.sock run --rm -i $bb cat"
	is in
}

docker__run_exit_codes() {
	code 0 R $bb true
	code 7 R $bb sh -c 'exit 7'
	code 137 R --init $bb sh -c 'kill -9 $$'
	code 143 R --init $bb sh -c 'kill -TERM $$'
}

docker__run_not_found() {
	code 127 R $bb no-such-program
	has 'executable file not found in $PATH' no-such-program
	code 127 R $bb /no/such/program
	has 'no such file or directory'
}

docker__run_not_executable() {
	code 126 R $bb /etc/passwd
	has 'permission denied'
}

docker__detached_logs() {
	begin cc $bb sh -c 'echo one; echo two >&2; sleep 100'
	until_true prints two D logs cc
	ok D logs cc
	has one two
	ok D inspect -f '{{.State.Status}} {{.State.Running}} {{.HostConfig.Runtime}}' cc
	is "running true $name"
	gone cc
}

docker__terminal() {
	shell_on_terminal docker -H "unix://$W/d.sock" run --rm -it $bb sh
	begin cc $bb sleep 1000
	shell_on_terminal docker -H "unix://$W/d.sock" exec -it cc sh
	gone cc
}

docker__attach() {
	begin cc -it $bb sh
	terminal docker -H "unix://$W/d.sock" attach cc
	typed_until '33 77' 'stty size'
	resized 44 88
	typed_until '44 88' 'stty size'
	# The keys that leave the container alone.
	printf '\020\021' >&"$KEYS"
	# Docker 20.10 ends with 1 here.
	terminal_ends 0 || on_screen 'read escape sequence'
	ok D exec cc true
	gone cc
}

docker__exec() {
	begin cc -w /data -e A=image $bb sleep 1000
	ok D exec cc cat file
	is from-the-image
	ok D exec -u user -e B=2 -w /tmp cc sh -c 'id -un; id -G; pwd; echo $A $B $HOME'
	is "$(printf 'user\n1000 2000\n/tmp\nimage 2 /home/user')"
	ok D exec -u 1000:5 cc id
	has uid=1000 gid=5
	code 5 D exec cc sh -c 'exit 5'
	code 137 D exec cc sh -c 'kill -9 $$'
	# Docker 20.10 takes all that cannot be begun for not executable.
	code "$([[ $(D version -f '{{.Server.Version}}') == 20.* ]] && echo 126 || echo 127)" D exec cc nothing-there
	has 'executable file not found in $PATH'
	ok sh -c "echo in | timeout 60 docker -H unix://$W/d.sock exec -i cc cat"
	is in
	ok D exec -d cc sh -c 'echo detached >/tmp/detached'
	until_true prints detached D exec cc cat /tmp/detached
	gone cc
}

docker__exec_privileged() {
	begin cc $bb sleep 1000
	ok D exec --privileged cc true
	gone cc
}

docker__stop_kill_restart() {
	begin cc $bb sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
	until_true prints up D logs cc
	ok D stop cc
	ok D inspect -f '{{.State.Status}} {{.State.ExitCode}}' cc
	is 'exited 3'
	ok D start cc
	ok D restart -t 5 cc
	until_true prints running D inspect -f '{{.State.Status}}' cc
	ok D kill -s KILL cc
	ok D wait cc
	is 137
	gone cc
	# Who does not listen is killed when the time is over.
	begin cc $bb sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done'
	until_true prints up D logs cc
	ok D stop -t 1 cc
	ok D wait cc
	is 137
	gone cc
}

docker__kill_usr1() {
	begin cc $bb sh -c 'trap "echo got it" USR1; echo up; while :; do sleep 0.1; done'
	until_true prints up D logs cc
	ok D kill -s USR1 cc
	until_true prints 'got it' D logs cc
	gone cc
}

docker__restart_policy() {
	begin cc --restart on-failure:2 $bb sh -c 'echo again; exit 1'
	until_true prints 'exited 2' D inspect -f '{{.State.Status}} {{.RestartCount}}' cc
	ok sh -c "docker -H unix://$W/d.sock logs cc | grep -c again"
	is 3
	gone cc
	begin cc --restart always $bb sh -c 'trap "exit 1" TERM; while :; do sleep 0.1; done'
	ok D exec cc kill 1
	until_true restarted
	gone cc
}

restarted() { [ "$(D inspect -f '{{.RestartCount}}' cc)" = 1 ]; }

docker__stats_top() {
	begin cc --memory 64m $bb sh -c 'sleep 100 & sleep 200'
	until_true prints ' 2' D stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' cc
	ok D stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' cc
	has '64MiB' ' 2'
	until_true prints 'sleep 100' D top cc
	ok D top cc
	has 'sleep 100' 'sleep 200'
	ok D top cc -o pid,comm
	has PID COMMAND sleep
	gone cc
}

docker__oom() {
	local since
	since=$(date +%s)
	code 137 D run --name cc --memory 8m --memory-swap 8m $bb sh -c 'exec tail /dev/zero'
	ok D inspect -f '{{.State.OOMKilled}}' cc
	is true
	until_true oom_seen "$since"
	gone cc
}
oom_seen() { prints oom D events --since "$1" --until "$(date +%s)" --filter event=oom --format '{{.Action}}'; }

docker__copy_diff_commit() {
	begin cc $bb sh -c 'echo new >/data/new; rm /data/file; sleep 100'
	until_true D exec cc test -e /data/new
	ok D diff cc
	has 'A /data/new' 'D /data/file'
	echo host >"$W/tmp/host"
	ok D cp "$W/tmp/host" cc:/data/copied
	ok D exec cc cat /data/copied
	is host
	ok D cp cc:/data/new "$W/tmp/fetched"
	[ "$(cat "$W/tmp/fetched")" = new ]
	ok D commit cc localhost/committed:1
	ok R localhost/committed:1 cat /data/copied
	is host
	gone cc
	D rmi localhost/committed:1
}

docker__build_classic() {
	mkdir -p "$W/tmp/build"
	printf '%s\n' "FROM $bb" 'RUN echo built >/built && id -u >>/built' 'USER user' 'RUN id -un >/tmp/who' 'CMD ["cat", "/built", "/tmp/who"]' >"$W/tmp/build/Dockerfile"
	ok env DOCKER_BUILDKIT=0 timeout 100 docker -H "unix://$W/d.sock" build -t localhost/built:1 "$W/tmp/build"
	ok R localhost/built:1
	is "$(printf 'built\n0\nuser')"
	printf '%s\n' "FROM $bb" 'RUN exit 9' >"$W/tmp/build/Dockerfile"
	code 9 env DOCKER_BUILDKIT=0 timeout 100 docker -H "unix://$W/d.sock" build "$W/tmp/build"
}

docker__build_buildkit() {
	mkdir -p "$W/tmp/build"
	printf '%s\n' "FROM $bb" 'RUN echo kit >/built && id -u >>/built' 'CMD ["cat", "/built"]' >"$W/tmp/build/Dockerfile"
	ok env DOCKER_BUILDKIT=1 timeout 100 docker -H "unix://$W/d.sock" build -t localhost/built:2 "$W/tmp/build"
	ok R localhost/built:2
	is "$(printf 'kit\n0')"
}

docker__network_bridge() {
	begin web -p 127.0.0.1:18080:80 $bb sh -c 'mkdir -p /www && echo page >/www/index.html && exec httpd -f -p 80 -h /www'
	until_true prints page timeout 5 curl -s http://127.0.0.1:18080/
	ok D inspect -f '{{.NetworkSettings.IPAddress}}' web
	local ip=$OUT
	ok R $bb timeout 10 wget -q -O - "http://$ip/"
	is page
	ok R --network container:web $bb timeout 10 wget -q -O - http://127.0.0.1/
	is page
	gone web
}

docker__network_modes() {
	ok R --network none $bb ip -o link
	lacks eth0
	ok R --network host $bb ip -o link
	has docker0
	ok D network create mynet
	begin one --network mynet $bb sleep 1000
	ok R --network mynet $bb ping -c 1 -W 5 one
	gone one
	D network rm mynet
	ok R --hostname thehost --add-host peer:10.1.2.3 --dns 10.9.8.7 $bb sh -c 'hostname; cat /etc/hosts /etc/resolv.conf'
	has thehost '10.1.2.3' '10.9.8.7'
}

docker__volumes() {
	ok D volume create vol
	ok R -v vol:/v $bb sh -c 'echo kept >/v/f'
	ok R -v vol:/v:ro $bb cat /v/f
	is kept
	code 1 R -v vol:/v:ro $bb sh -c 'echo x >/v/f'
	has 'Read-only file system'
	D volume rm vol
	ok R -v vol2:/data $bb cat /data/file
	is from-the-image
	D volume rm vol2
	mkdir -p "$W/tmp/bind"
	echo shared >"$W/tmp/bind/f"
	ok R -v "$W/tmp/bind:/b" -v "$W/tmp/bind/f:/single:ro" $bb sh -c 'cat /b/f /single; echo back >/b/back'
	is "$(printf 'shared\nshared')"
	[ "$(cat "$W/tmp/bind/back")" = back ]
	ok R --tmpfs /t:size=64k,mode=1770,noexec $bb sh -c 'grep " /t " /proc/mounts; stat -c %a /t'
	has size=64k noexec 1770
	ok R --mount "type=bind,src=$W/tmp/bind,dst=/b,readonly,bind-propagation=rslave" $bb sh -c 'grep " /b " /proc/self/mountinfo'
	has 'ro,' master:
}

docker__security() {
	ok R --read-only --tmpfs /tmp $bb sh -c 'touch /x 2>&1; touch /tmp/y && echo fine'
	has 'Read-only file system' fine
	ok R --user 1000:1000 $bb sh -c 'id -u; id -g; grep CapEff /proc/self/status'
	has 1000 0000000000000000
	ok R --cap-drop ALL --cap-add NET_RAW $bb grep CapEff /proc/self/status
	has 0000000000002000
	ok R --security-opt no-new-privileges $bb grep NoNewPrivs /proc/self/status
	has 1
	ok R $bb grep Seccomp: /proc/self/status
	has 2
	ok R --security-opt seccomp=unconfined $bb grep Seccomp: /proc/self/status
	has 0
	printf '%s' '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}' >"$W/tmp/seccomp.json"
	code 1 R --security-opt "seccomp=$W/tmp/seccomp.json" $bb mkdir /tmp/d
	has 'Operation not permitted'
	code 1 R $bb mount -t tmpfs t /tmp
	ok R $bb sh -c 'wc -c </proc/keys; ls /sys/firmware'
	is 0
}

docker__privileged() {
	ok R --privileged $bb sh -c 'mount -t tmpfs t /tmp && ls /dev/fuse'
}

docker__ulimit_sysctl_device() {
	ok R --ulimit nofile=100:200 --ulimit core=0 $bb sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'
	is "$(printf '100\n200\n0')"
	ok R --sysctl net.ipv4.ip_forward=1 --sysctl kernel.shm_rmid_forced=1 $bb sysctl -n net.ipv4.ip_forward kernel.shm_rmid_forced
	is "$(printf '1\n1')"
	ok R --device /dev/fuse:/dev/myfuse:r $bb sh -c 'ls -l /dev/myfuse; head -c 0 /dev/myfuse && echo opened'
	has '10, 229' opened
	code 1 R --device /dev/fuse:/dev/myfuse:r $bb sh -c ': >>/dev/myfuse'
	has 'Operation not permitted'
	code 1 R --cap-add MKNOD $bb sh -c 'mknod /dev/mine c 10 229 && head -c 0 /dev/mine'
	has 'Operation not permitted'
	ok R --shm-size 2m $bb sh -c 'df -k /dev/shm | tail -1'
	has 2048
	ok R --init $bb sh -c 'cat /proc/1/comm'
	has init
}

docker__healthcheck() {
	begin cc --health-cmd 'test -e /tmp/well' --health-interval 200ms --health-retries 2 $bb sleep 1000
	until_true prints unhealthy D inspect -f '{{.State.Health.Status}}' cc
	ok D exec cc touch /tmp/well
	until_true healthy cc
	gone cc
}
healthy() { [ "$(D inspect -f '{{.State.Health.Status}}' "$1")" = healthy ]; }

docker__many() {
	# An emulated processor would be at it for a quarter of an hour.
	local i n=$((SLOW > 1 ? 10 : 50))
	for i in $(seq $n); do
		D run -d --name "many$i" $bb sh -c "echo $i; sleep 300" >"$W/tmp/many$i" 2>&1 &
	done
	wait
	ok sh -c "docker -H unix://$W/d.sock ps -q | wc -l"
	is $n
	for i in $(seq $n); do until_true prints "$i" D logs "many$i"; done
	# shellcheck disable=SC2046
	ok D rm -f $(seq -f 'many%g' $n)
}

docker__live_restore() {
	local pid
	end_process "$W/docker.pid"
	docker_start --live-restore
	begin cc $bb sh -c 'while :; do date +%s.%N >/tmp/now; sleep 0.1; done'
	begin dd $bb sh -c 'while ! [ -e /tmp/end ]; do sleep 0.1; done; exit 5'
	ok D inspect -f '{{.State.Pid}}' dd
	local ends=$OUT
	ok D inspect -f '{{.State.Pid}}' cc
	pid=$OUT
	kill -9 "$(cat "$W/docker.pid")"
	rm -f "$W/docker.pid"
	until_true not_answered
	# One ends while nobody looks, the other goes on.
	touch "/proc/$ends/root/tmp/end"
	local before
	before=$(cat "/proc/$pid/root/tmp/now")
	until_true differs "$before" cat "/proc/$pid/root/tmp/now"
	docker_start --live-restore
	ok D wait dd
	# Docker 28 does not know it any more.
	[ "$OUT" = 5 ] || [[ $OUT = 255 && $(D version -f '{{.Server.Version}}') != 20.* ]]
	ok D inspect -f '{{.State.Pid}}' cc
	is "$pid"
	ok D exec cc true
	ok D stop -t 1 cc
	gone cc dd
	end_process "$W/docker.pid"
	docker_start
}
not_answered() { ! D version; }

docker__restart_of_daemon() {
	begin cc --restart always $bb sleep 1000
	begin dd $bb sleep 1000
	begin ee --restart unless-stopped $bb sleep 1000
	begin ff --restart unless-stopped $bb sleep 1000
	ok D stop -t 0 ff
	end_process "$W/docker.pid"
	docker_start
	until_true prints running D inspect -f '{{.State.Status}}' ee
	ok D inspect -f '{{.State.Status}}' ff
	is exited
	until_true prints running D inspect -f '{{.State.Status}}' cc
	ok D exec cc true
	ok D inspect -f '{{.State.Status}}' dd
	is exited
	ok D start dd
	ok D exec dd true
	gone cc dd ee ff
}

# compose is docker-compose with a project of two services.
compose() { timeout -k 5 120 docker-compose -H "unix://$W/d.sock" -p mrc -f "$W/tmp/compose.yaml" "$@"; }

docker__compose() {
	cat >"$W/tmp/compose.yaml" <<EOF
version: "2.4"
services:
  web:
    image: $bb
    command: [sh, -c, "echo web is up; exec httpd -f -p 80 -h /data"]
    volumes: ["kept:/kept"]
    mem_limit: 64m
    cap_drop: [NET_RAW]
    healthcheck: {test: [CMD, test, -e, /data/file], interval: 200ms}
  asks:
    image: $bb
    command: [sh, -c, "timeout 10 wget -q -O - http://web/file; exec sleep 1000"]
    read_only: true
    tmpfs: [/tmp]
    depends_on: {web: {condition: service_healthy}}
volumes: {kept: {}}
EOF
	ok compose up -d
	ok compose ps
	has Up
	until_true prints from-the-image compose logs asks
	ok compose exec -T web sh -c 'touch /kept/f && cat /data/file'
	has from-the-image
	ok compose up -d --scale asks=3
	ok compose exec -T --index=3 asks true
	code 4 compose run --rm --no-deps -T asks sh -c 'exit 4'
	ok compose restart -t 0 asks
	ok compose pause web
	ok compose unpause web
	ok compose down -v -t 0
	ok D ps -aq
	is ''
}

docker__swarm() {
	ok D swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377
	echo of-the-swarm | D secret create word -
	ok D service create --no-resolve-image --detach --name served --endpoint-mode dnsrr --stop-grace-period 1s --secret word \
		--limit-memory 64m --publish mode=host,published=18090,target=80 --update-delay 0s \
		$bb sh -c 'mkdir -p /www && cp /run/secrets/word /www/index.html && exec httpd -f -p 80 -h /www'
	until_true prints of-the-swarm timeout 5 curl -s http://127.0.0.1:18090/
	ok D service update --detach --env-add A=b served
	until_true swarm_updated
	ok D service scale --detach served=0
	until_true none_running
	ok D service create --no-resolve-image --detach --name three --replicas 3 $bb sleep 1000
	until_true prints '3/3' D service ls
	ok D service rm served three
	ok D swarm leave --force
	until_true swarm_gone
	ip link del docker_gwbridge 2>/dev/null || true
}
swarm_updated() { D exec "$(D ps -q | head -n 1)" sh -c '[ "$A" = b ]'; }
none_running() { [ -z "$(D ps -q)" ]; }
swarm_gone() { [ -z "$(D ps -aq)" ]; }

docker__userns_remap() {
	printf '%s\n' 'mrcuser:1000000:65536' >"$W/subid"
	cp /etc/passwd "$W/passwd"
	cp /etc/group "$W/group"
	echo 'mrcuser:x:4711:4711::/:/bin/sh' >>"$W/passwd"
	echo 'mrcuser:x:4711:' >>"$W/group"
	local f
	for f in passwd group; do mount --bind "$W/$f" "/etc/$f"; done
	for f in subuid subgid; do [ -e "/etc/$f" ] || touch "/etc/$f" && mount --bind "$W/subid" "/etc/$f"; done
	end_process "$W/docker.pid"
	docker_start --userns-remap mrcuser
	D import --change 'ENV PATH=/bin:/usr/bin' - $bb <"$W/rootfs.tar"
	ok R $bb cat /proc/self/uid_map
	has 1000000 65536
	ok R -v vol:/v $bb sh -c 'touch /v/f && stat -c %u /v/f && ping -c 1 127.0.0.1'
	has 0
	begin cc $bb sleep 1000
	ok D exec cc id -u
	is 0
	ok D exec -u user cc id -u
	is 1000
	ok D inspect -f '{{.State.Pid}}' cc
	ok awk '/^Uid/ { print $2 }' "/proc/$OUT/status"
	is 1000000
	ok R --userns host $bb awk '{ print $3 }' /proc/self/uid_map
	is 4294967295
	gone cc
	end_process "$W/docker.pid"
	docker_start
	umount /etc/passwd /etc/group /etc/subuid /etc/subgid
}

docker__checkpoint() {
	criu check >/dev/null 2>&1 || skip "criu does not work on this kernel"
	begin cc --security-opt seccomp=unconfined $bb sh -c 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done'
	until_true prints 5 D logs cc
	ok D checkpoint create cc one
	ok D inspect -f '{{.State.Status}}' cc
	is exited
	# Refused ("already exists") until containerd has collected the copy that it made in between.
	until_true D start --checkpoint one cc
	ok D inspect -f '{{.State.Status}}' cc
	is running
	until_true prints 20 D logs cc
	ok sh -c "docker -H unix://$W/d.sock logs cc | grep -cx 1"
	is 1
	gone cc
}
