#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2034,SC2154 # name, results and here are set by "inside"
# Podman as an ordinary user, who exists in these namespaces only. On a version 1 host nothing can be limited, paused or measured so. With systemd
# it is in a session of the user, whose manager makes the cgroups.

# shellcheck source=podman-shared.sh
. "$here/podman-shared.sh"
ruser=mrcrootless
rb=$pb
rid=4712

# U COMMAND...: the command as the user.
U() { timeout -k 5 120 "${USER_WORDS[@]}" "$@"; }
L() { M "$@"; }
LR() { MR "$@"; }
rootless_begin() { begin_one "$@"; }
PLACE=()
SHARED=$W/uhome/shared
# host_id ID: the host's id of a container's.
host_id() { echo $((3000000 + $1 - 1)); }

# user_words makes the words before a command of the user's. With systemd it is in the user's session.
user_words() {
	USER_WORDS=()
	# shellcheck disable=SC2016 # for the inner shell
	[ -z "$SYSTEMD" ] || USER_WORDS+=(sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$USESSION")
	USER_WORDS+=(setpriv --reuid "$rid" --regid "$rid" --init-groups env -i HOME="$W/uhome" XDG_RUNTIME_DIR="$URUN" PATH="$PATH" USER="$ruser" TERM=xterm
		PODMAN_IGNORE_CGROUPSV1_WARNING=1)
	[ -z "$SYSTEMD" ] || USER_WORDS+=(DBUS_SESSION_BUS_ADDRESS="unix:path=$URUN/bus")
	PODMAN=("${USER_WORDS[@]}" podman --cgroup-manager "$CGMANAGER" --events-backend file --runtime "$RT")
	# The user's own list of containers, as root can read it.
	RUNTIME=("$RT" --root "$URUN/runc")
}

rootless_up() {
	URUN=$W/urun
	mkdir -p "$W/uhome/.config/containers" "$W/urun" "$W/etc" "$W/net"
	printf '[storage]\ndriver = "overlay"\n' >"$W/uhome/.config/containers/storage.conf"
	mkdir -p "$SHARED"
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
	if [ -n "$SYSTEMD" ]; then user_session || return; fi
	user_words
	# The bind mounts above began with the namespace of this shell; the image goes through a file that the user can read.
	chmod 755 "$W"
	chmod 644 "$W/rootfs.tar"
	M import --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' "$W/rootfs.tar" $pb
}

# user_session begins a session, as a login does, in which the user may use all controllers.
user_session() {
	local unit
	URUN=/run/user/$rid
	mkdir -p /run/systemd/system/user@.service.d
	printf '[Service]\nDelegate=cpu cpuset io memory pids\nTimeoutStartSec=infinity\n' >/run/systemd/system/user@.service.d/delegate.conf
	systemctl daemon-reload
	# What Debian starts for every user at its login, each a start of Podman.
	mkdir -p /run/systemd/user
	for unit in podman.service podman-restart.service podman-auto-update.service; do ln -sf /dev/null "/run/systemd/user/$unit"; done
	# Who logs in waits for the manager, with a time limit: so it is there before.
	systemctl start "user@$rid"
	printf '%s required %s\n' auth pam_permit.so account pam_permit.so session pam_systemd.so >/etc/pam.d/mrcsession
	# Not of Type=exec: the process of PAM keeps the descriptor open by whose end systemd sees the execve.
	systemd-run --unit mrcsession -p User="$ruser" -p PAMName=mrcsession sleep infinity
	if ! until_true user_scope; then
		systemctl --no-pager status mrcsession "user@$rid"
		return 1
	fi
	USESSION=$(echo "/sys/fs/cgroup/user.slice/user-$rid.slice/session-"*.scope)
}
user_scope() {
	[ -S "$URUN/bus" ] && systemctl is-active mrcsession && [ -e "$(echo "/sys/fs/cgroup/user.slice/user-$rid.slice/session-"*.scope)/cgroup.procs" ]
}

rootless_clean() {
	M pod rm -a -f -t 0
	M rm -a -f -t 0
}

rootless_down() {
	local pid
	rootless_clean
	M volume prune -f
	if [ -n "$SYSTEMD" ]; then
		systemctl stop mrcsession "user@$rid" "user-runtime-dir@$rid"
		rm -r /run/systemd/system/user@.service.d
		systemctl daemon-reload
	fi
	# The process that keeps the user namespace, and Podman's programs that wait in it.
	for pid in $(pgrep -u "$rid"); do kill "$pid"; done
	umount /dev/net
	umount /etc/passwd /etc/group /etc/subuid /etc/subgid
}

rootless__runtime() {
	shared_runtime
	ok M info -f '{{.Host.OCIRuntime.Path}} {{.Host.Security.Rootless}}'
	is "$RT true"
}

rootless__run() {
	shared_run
	ok MR $pb sh -c 'id -u; cat /proc/self/uid_map'
	has 0 "$rid" 3000000
}

rootless__terminal() { shared_terminal; }
rootless__exec() { shared_exec; }
rootless__lifecycle() { shared_lifecycle; }
rootless__copy_commit() { shared_copy_commit; }
rootless__volumes() { shared_volumes; }
rootless__security() { shared_security; }
rootless__network() { shared_network; }
rootless__namespace_modes() { shared_namespace_modes; }
rootless__pod() { shared_pod; }
rootless__play_kube() { shared_play_kube; }
rootless__healthcheck() { shared_healthcheck; }
rootless__systemd_mode() { shared_systemd_mode; }
rootless__build() { shared_build; }
rootless__many() { shared_many; }

rootless__keep_id() {
	mkdir -p "$W/uhome/mine"
	chown "$rid:$rid" "$W/uhome/mine"
	ok MR --userns keep-id -v "$W/uhome/mine:/m" $pb sh -c 'id -u; touch /m/f; stat -c %u /m/f'
	is "$(printf '%s\n%s' "$rid" "$rid")"
	[ "$(stat -c %u "$W/uhome/mine/f")" = "$rid" ]
	ok MR --userns nomap $pb id -u
	is 0
}

rootless__buildah() {
	local c
	c=$(U buildah from $pb)
	ok U buildah run --runtime "$RT" "$c" -- sh -c 'id -u; echo kept >/kept'
	has 0
	ok U buildah run --runtime "$RT" --user user "$c" -- sh -c 'id -un; cat /kept'
	has user kept
	code 7 U buildah run --runtime "$RT" "$c" -- sh -c 'exit 7'
	ok U buildah commit "$c" localhost/lcommitted:1
	ok U buildah rm "$c"
	ok MR localhost/lcommitted:1 cat /kept
	is kept
}

# The file of deploy/, where a user puts it.
rootless__drop_in() {
	local dir=$W/uhome/.config/containers/containers.conf.d
	mkdir -p "$dir"
	sed "s|/usr/local/bin/minirun|$RT|" "$here/../../deploy/podman/10-minirun.conf" >"$dir/10-minirun.conf"
	ok U podman --cgroup-manager "$CGMANAGER" --events-backend file info -f '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
	is "minirun $RT"
	ok U podman --cgroup-manager "$CGMANAGER" --events-backend file run --rm $pb echo hello
	is hello
	rm -r "$dir"
}

