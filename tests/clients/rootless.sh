#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Podman as an ordinary user, who exists in these namespaces only. On a version 1 host nothing can be limited, paused or measured so. With systemd
# it is in a session of the user, whose manager makes the cgroups.

rb=localhost/bb:1
ruser=mrcrootless
rid=4712

# U COMMAND...: the command as the user.
U() {
	(
		[ -z "$SYSTEMD" ] || echo "$BASHPID" >"$USESSION/cgroup.procs"
		exec setpriv --reuid "$rid" --regid "$rid" --init-groups env -i HOME="$W/uhome" XDG_RUNTIME_DIR="$URUN" PATH="$PATH" USER="$ruser" TERM=xterm \
			${SYSTEMD:+DBUS_SESSION_BUS_ADDRESS="unix:path=$URUN/bus"} timeout -k 5 120 "$@"
	)
}
L() { U podman --cgroup-manager "$CGMANAGER" --events-backend file --runtime "$RT" "$@"; }

rootless_up() {
	URUN=$W/urun
	mkdir -p "$W/uhome/.config/containers" "$W/urun" "$W/etc" "$W/net"
	printf '[storage]\ndriver = "overlay"\n' >"$W/uhome/.config/containers/storage.conf"
	chown -R "$rid:$rid" "$W/uhome" "$W/urun"
	chmod 700 "$W/urun"
	cp /etc/passwd /etc/group "$W/etc/"
	echo "$ruser:*:$rid:$rid::$W/uhome:/bin/sh" >>"$W/etc/passwd"
	echo "$ruser:x:$rid:" >>"$W/etc/group"
	echo "$ruser:3000000:65536" | tee "$W/etc/subuid" >"$W/etc/subgid"
	local f
	for f in passwd group subuid subgid; do
		[ -e "/etc/$f" ] || touch "/etc/$f"
		mount --bind "$W/etc/$f" "/etc/$f"
	done
	# slirp4netns opens it as the user.
	mknod -m 666 "$W/net/tun" c 10 200
	mkdir -p /dev/net
	mount --bind "$W/net" /dev/net
	[ -z "$SYSTEMD" ] || user_session
	# The bind mounts above began with the namespace of this shell; the image goes through a file that the user can read.
	chmod 755 "$W"
	chmod 644 "$W/rootfs.tar"
	L import --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' "$W/rootfs.tar" $rb
}

# user_session begins a session, as a login does, in which the user may use all controllers.
user_session() {
	URUN=/run/user/$rid
	mkdir -p /run/systemd/system/user@.service.d
	printf '[Service]\nDelegate=cpu cpuset io memory pids\n' >/run/systemd/system/user@.service.d/delegate.conf
	systemctl daemon-reload
	systemd-run --quiet --unit mrcsession -p User="$ruser" -p PAMName=login -p Type=exec sleep infinity
	until_true test -S "$URUN/bus"
	until_true user_scope
	USESSION=$(echo "/sys/fs/cgroup/user.slice/user-$rid.slice/session-"*.scope)
}
user_scope() { [ -e "$(echo "/sys/fs/cgroup/user.slice/user-$rid.slice/session-"*.scope)/cgroup.procs" ]; }

rootless_clean() {
	L pod rm -a -f -t 0
	L rm -a -f -t 0
}

rootless_down() {
	local pid
	rootless_clean
	L volume prune -f
	if [ -n "$SYSTEMD" ]; then
		systemctl stop mrcsession "user@$rid" "user-runtime-dir@$rid"
		rm -r /run/systemd/system/user@.service.d
		systemctl daemon-reload
	fi
	# The process that keeps the user namespace, and Podman's programs that wait in it.
	for pid in $(pgrep -u "$rid"); do kill "$pid"; done
	umount /dev/net
	umount /etc/passwd /etc/group /etc/subuid /etc/subgid
	remove_cgroups
}

LR() { L run --rm --ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit "nproc=$(ulimit -Hu):$(ulimit -Hu)" "$@"; }
rootless_begin() {
	local id=$1
	shift
	ok L run -d --ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit "nproc=$(ulimit -Hu):$(ulimit -Hu)" --name "$id" "$@"
}

rootless__runtime() {
	ok L info -f '{{.Host.OCIRuntime.Path}} {{.Host.Security.Rootless}}'
	is "$RT true"
}

rootless__run() {
	ok LR $rb echo hello
	is hello
	ok LR $rb sh -c 'id -u; cat /proc/self/uid_map'
	has 0 "$rid" 3000000
	ok LR --network none $rb ip -o link
	lacks tap0
	ok LR --read-only $rb sh -c 'touch /x 2>&1 || echo refused; touch /tmp/y && echo fine'
	has refused fine
}

rootless__exit_codes() {
	code 7 LR $rb sh -c 'exit 7'
	code 127 LR $rb no-such-program
	has 'executable file not found in $PATH'
	code 126 LR $rb /etc/passwd
	code 137 LR --init $rb sh -c 'kill -9 $$'
}

rootless__terminal() {
	# Podman loses what a program prints just before its end.
	ok U script -qec "podman --cgroup-manager $CGMANAGER --events-backend file --runtime $RT run -it --rm $rb sh -c 'tty; sleep 1'" /dev/null
	has /dev/pts/0
}

rootless__exec() {
	rootless_begin cc -w /data $rb sleep 100
	ok L exec cc cat file
	is from-the-image
	ok L exec -u user -e B=2 -w /tmp cc sh -c 'id -un; pwd; echo $B $HOME'
	is "$(printf 'user\n/tmp\n2 /home/user')"
	code 5 L exec cc sh -c 'exit 5'
	code 127 L exec cc nothing-there
	ok L exec -d cc sh -c 'echo detached >/tmp/detached'
	until_true prints detached L exec cc cat /tmp/detached
}

rootless__lifecycle() {
	rootless_begin cc $rb sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
	until_true prints up L logs cc
	ok L stop cc
	ok L inspect -f '{{.State.Status}} {{.State.ExitCode}}' cc
	is 'exited 3'
	ok L start cc
	ok L restart -t 5 cc
	ok L kill -s KILL cc
	ok L wait cc
	is 137
	ok L cp cc:/data/file "$W/uhome/copied"
	[ "$(cat "$W/uhome/copied")" = from-the-image ]
}

rootless__volumes() {
	ok LR -v lvol:/v $rb sh -c 'echo kept >/v/f'
	ok LR -v lvol:/v:ro $rb cat /v/f
	is kept
	code 1 LR -v lvol:/v:ro $rb sh -c 'echo x >/v/f'
	mkdir -p "$W/uhome/bind"
	chown "$rid:$rid" "$W/uhome/bind"
	ok LR -v "$W/uhome/bind:/b:rslave" --tmpfs /t:size=64k $rb sh -c 'touch /b/root; chown 1000 /b/root; grep " /t " /proc/mounts'
	has size=64k
	[ "$(stat -c %u "$W/uhome/bind/root")" = 3000999 ]
	ok LR -v "$W/rootfs/data:/mnt:ro" $rb cat /mnt/file
	is from-the-image
	ok L volume rm lvol
}

rootless__keep_id() {
	mkdir -p "$W/uhome/mine"
	chown "$rid:$rid" "$W/uhome/mine"
	ok LR --userns keep-id -v "$W/uhome/mine:/m" $rb sh -c 'id -u; touch /m/f; stat -c %u /m/f'
	is "$(printf '%s\n%s' "$rid" "$rid")"
	[ "$(stat -c %u "$W/uhome/mine/f")" = "$rid" ]
	ok LR --userns nomap $rb id -u
	is 0
}

rootless__security() {
	ok LR --user 1000:1000 $rb sh -c 'id -u; grep CapEff /proc/self/status'
	has 1000 0000000000000000
	ok LR --cap-drop ALL --cap-add NET_RAW $rb grep CapEff /proc/self/status
	has 0000000000002000
	ok LR --security-opt no-new-privileges $rb grep NoNewPrivs /proc/self/status
	has 1
	ok LR $rb grep Seccomp: /proc/self/status
	has 2
	ok LR --privileged $rb mount -t tmpfs t /tmp
	ok LR --sysctl net.ipv4.ip_forward=1 $rb sysctl -n net.ipv4.ip_forward
	is 1
	ok LR --device /dev/fuse $rb ls -l /dev/fuse
	has '10, 229'
}

rootless__network() {
	rootless_begin web -p 127.0.0.1:18082:80 $rb sh -c 'mkdir -p /www && echo page >/www/index.html && exec httpd -f -p 80 -h /www'
	until_true prints page timeout 5 curl -s http://127.0.0.1:18082/
	ok LR --network container:web $rb timeout 10 wget -q -O - http://127.0.0.1/
	is page
	ok LR --network host $rb readlink /proc/self/ns/net
	is "$(readlink /proc/self/ns/net)"
}

rootless__pod() {
	ok L pod create --name pod --share net,ipc,uts
	ok L run -d --pod pod --name first $rb sh -c 'mkdir -p /www && echo pod >/www/index.html && exec httpd -f -p 8080 -h /www'
	ok L run --rm --pod pod $rb sh -c 'sleep 1; timeout 10 wget -q -O - http://127.0.0.1:8080/'
	is pod
	ok L pod stop -t 1 pod
	ok L pod start pod
	ok L pod rm -f -t 0 pod
}

rootless__build() {
	mkdir -p "$W/uhome/build"
	printf '%s\n' "FROM $rb" 'RUN echo built >/built && id -u >>/built' 'USER user' 'RUN id -un >/tmp/who' 'CMD ["cat", "/built", "/tmp/who"]' >"$W/uhome/build/Dockerfile"
	ok L build -t localhost/lbuilt:1 "$W/uhome/build"
	ok LR localhost/lbuilt:1
	is "$(printf 'built\n0\nuser')"
	printf '%s\n' "FROM $rb" 'RUN exit 9' >"$W/uhome/build/Dockerfile"
	code 9 L build "$W/uhome/build"
}

rootless__buildah() {
	local c
	c=$(U buildah from $rb)
	ok U buildah run --runtime "$RT" "$c" -- sh -c 'id -u; echo kept >/kept'
	has 0
	ok U buildah run --runtime "$RT" --user user "$c" -- sh -c 'id -un; cat /kept'
	has user kept
	code 7 U buildah run --runtime "$RT" "$c" -- sh -c 'exit 7'
	ok U buildah commit "$c" localhost/lcommitted:1
	ok U buildah rm "$c"
	ok LR localhost/lcommitted:1 cat /kept
	is kept
}

# The file of deploy/, where a user puts it.
rootless__drop_in() {
	local dir=$W/uhome/.config/containers/containers.conf.d
	mkdir -p "$dir"
	sed "s|/usr/local/bin/minirun|$RT|" "$here/../../deploy/podman/10-minirun.conf" >"$dir/10-minirun.conf"
	ok U podman --cgroup-manager "$CGMANAGER" --events-backend file info -f '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
	is "minirun $RT"
	ok U podman --cgroup-manager "$CGMANAGER" --events-backend file run --rm $rb echo hello
	is hello
	rm -r "$dir"
}

rootless__many() {
	local i pids=()
	for i in $(seq 10); do
		LR $rb echo "out$i" >"$W/tmp/lmany$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq 10); do [ "$(cat "$W/tmp/lmany$i")" = "out$i" ]; done
}
