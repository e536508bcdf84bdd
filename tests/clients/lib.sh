#!/bin/bash
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# What the suites of tests/clients share. A suite is a file NAME.sh with the functions NAME_up, NAME_down
# and NAME_clean (after each check) and a function for each
# check, whose name begins with "NAME__". A check runs in a shell with -e.

# make_rootfs makes the root filesystem of all images: a static busybox, a user and what the checks look for.
make_rootfs() {
	local root=$W/rootfs
	mkdir -p "$root"/{bin,etc,tmp,proc,sys,dev,run,root,home/user,data}
	chmod 1777 "$root/tmp"
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
	done
	printf '%s\n' root:x:0:0:root:/root:/bin/sh user:x:1000:1000:user:/home/user:/bin/sh >"$root/etc/passwd"
	printf '%s\n' root:x:0: user:x:1000: extra:x:2000:user >"$root/etc/group"
	chown 1000:1000 "$root/home/user"
	echo from-the-image >"$root/data/file"
	tar -C "$root" -cf "$W/rootfs.tar" .
}

# run_suite starts an engine, runs its checks (or those whose name begins with a prefix), ends the engine, and looks for what is left.
run_suite() {
	local suite=$1 only=$2 check before running checks=()
	for check in $(checks_of "$suite" "$only"); do
		if chosen "$suite:${check#*__}"; then checks+=("$check"); else result "$suite:${check#*__}" left 0; fi
	done
	((${#checks[@]})) || return 0
	# shellcheck disable=SC2034 # for left_of_containers
	CGROUPS_KEPT=''
	before=$(left_behind)
	if ! "${suite}_up" >"$W/$suite.log" 2>&1; then
		result "$suite:up" fail 0 "$W/$suite.log"
		"${suite}_down" >>"$W/$suite.log" 2>&1
		remove_cgroups
		return
	fi
	running=$(left_of_containers)
	for check in "${checks[@]}"; do
		run_check "$suite" "$check"
	done
	check_left "$suite:no_container_left" left_of_containers "$running"
	"${suite}_down" >>"$W/$suite.log" 2>&1
	check_left "$suite:nothing_left" left_behind "$before"
	remove_cgroups
}

# files_of SUITE prints the files that it is made of, in their order.
files_of() {
	ls "$here/$1.sh" "$here/$1"-*.sh 2>/dev/null
	[ -z "$SYSTEMD" ] || ls "$here/$1.systemd.sh" 2>/dev/null
	return 0
}

# checks_of SUITE PREFIXES lists the functions that are checks whose name begins with one of the prefixes (comma between), and on a machine with
# systemd those that need it.
checks_of() {
	# shellcheck disable=SC2046 # one word for each file
	sed -nE "s/^($1__(${2//,/|})[a-z0-9_]*)\(\) \{.*/\1/p" $(files_of "$1")
}

# chosen CHECK: it is in the list of those to run, where there is one.
chosen() { [ -z "${CHOSEN:-}" ] || grep -qx "$1" "$CHOSEN"; }

run_check() {
	local suite=$1 check=$2 start=$SECONDS code
	local log=$W/$check.log
	(
		set -e
		"$check"
	) >"$log" 2>&1 </dev/null
	code=$?
	case $code in
	0) code=ok ;;
	77) code=skip ;;
	*) code=fail ;;
	esac
	"${suite}_clean" >>"$log.clean" 2>&1
	result "$suite:${check#*__}" $code $((SECONDS - start)) "$log"
}

# result prints a line, and what the check printed when it failed.
result() {
	printf '%-8s %-5s %-50s %3d s\n' "$name" "$2" "$1" "$3"
	echo "$name $1 $2 $3" >>"$results"
	[ "$2" = ok ] || [ "$2" = left ] || tail -n 15 "$4" | cut -c1-300 | sed 's/^/    | /'
}

# code N COMMAND...: the command ends with code N; what it prints is in $OUT.
code() {
	local want=$1 got=0
	shift
	OUT=$("$@" 2>&1) || got=$?
	printf '+ %s\n%s\n' "$*" "$OUT"
	[ "$got" = "$want" ] || { echo "exit code $got, want $want" && return 1; }
}

ok() { code 0 "$@"; }

# has TEXT...: the last command printed each text.
has() {
	local text
	for text in "$@"; do
		[[ $OUT == *"$text"* ]] || { echo "not printed: $text" && return 1; }
	done
}

lacks() {
	[[ $OUT != *"$1"* ]] || { echo "printed: $1" && return 1; }
}

# is TEXT: the last command printed just this.
is() {
	[ "$OUT" = "$1" ] || { echo "printed: $OUT, want: $1" && return 1; }
}

# until_true COMMAND...: the command succeeds within some seconds.
until_true() {
	local end=$((SECONDS + 30 * SLOW))
	while ((SECONDS < end)); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	echo "never true: $*"
	return 1
}

# prints TEXT COMMAND...: the command prints the text.
prints() {
	local text=$1
	shift
	[[ $("$@" 2>&1) == *"$text"* ]]
}

# differs TEXT COMMAND...: the command prints something, and not the text.
differs() {
	local text=$1 now
	shift
	now=$("$@") && [ -n "$now" ] && [ "$now" != "$text" ]
}

# counts_from NUMBER FILE: the number in the file is larger.
counts_from() { [ "$(cat "$2")" -gt "$1" ]; }

skip() {
	echo "skipped: $*"
	exit 77
}

# v2 tells whether the host has cgroup v2 only.
v2() { [ -e /sys/fs/cgroup/cgroup.controllers ]; }

# limit_of PID CONTROLLER FILE1 FILE2: what the host's file for the process holds, by the name that version 1 or 2 has for it.
limit_of() {
	if v2; then
		cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup" | sed 's|/container$||')/$4"
	else
		cat "/sys/fs/cgroup/$2$(awk -F: -v want="$2" '{ n = split($2, all, ","); for (i = 1; i <= n; i++) if (all[i] == want) print $3 }' "/proc/$1/cgroup")/$3"
	fi
}

# end_process PIDFILE: ends a daemon of ours, and waits for its end.
end_process() {
	local pid
	pid=$(cat "$1" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null || return 0
	for _ in $(seq $((150 * SLOW))); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -9 "$pid"
}
