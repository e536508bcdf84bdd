#!/bin/bash
# A terminal of its own for a command that wants one, with keys that are typed and a size that changes.

# talk COMMAND...: runs it in the background, without a terminal.
talk() {
	open_keys
	"$@" <&"$KEYS" >"$W/tmp/screen" 2>&1 &
	TERMINAL=$!
}

# hang_up ends the command.
hang_up() {
	kill "$TERMINAL" 2>/dev/null || true
	wait "$TERMINAL" || true
	exec {KEYS}>&-
}

open_keys() {
	rm -f "$W"/tmp/{keys,tty,screen}
	mkfifo "$W/tmp/keys"
	# Open in both directions, it has no end.
	exec {KEYS}<>"$W/tmp/keys"
}

# terminal COMMAND...: runs it in the background in a terminal of 33 rows and 77 columns. What it prints is in $W/tmp/screen.
terminal() {
	open_keys
	script -qfec "stty rows 33 cols 77; tty >$W/tmp/tty; exec ${*@Q}" "$W/tmp/screen" <&"$KEYS" >/dev/null 2>&1 &
	TERMINAL=$!
}

# typed_until TEXT LINE: types the line until the text is on the screen.
typed_until() {
	local _
	for _ in $(seq $((60 * SLOW))); do
		printf '%s\n' "$2" >&"$KEYS"
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			if on_screen "$1"; then return; fi
			sleep 0.1
		done
	done
	cat "$W/tmp/screen"
	echo "never on the screen: $1"
	return 1
}

on_screen() { grep -qF -- "$1" "$W/tmp/screen"; }

# resized ROWS COLUMNS: gives the terminal another size.
resized() { stty -F "$(cat "$W/tmp/tty")" rows "$1" cols "$2"; }

# terminal_ends CODE: the command ends with the code.
terminal_ends() {
	local got=0
	wait "$TERMINAL" || got=$?
	exec {KEYS}>&-
	cat "$W/tmp/screen"
	[ "$got" = "$1" ] || { echo "exit code $got, want $1" && return 1; }
}

# shell_on_terminal COMMAND...: the command is a shell in a container with a terminal, which has its size from the beginning and follows it.
shell_on_terminal() {
	terminal "$@"
	typed_until /dev/pts/0 tty
	typed_until '33 77' 'stty size'
	resized 44 88
	typed_until '44 88' 'stty size'
	# Not what was typed, but what the shell makes of it.
	# shellcheck disable=SC2016 # the shell in the container does it
	typed_until 'is 6*7=42' 'echo "is 6*7=$((6*7))"'
	printf 'exit 9\n' >&"$KEYS"
	terminal_ends 9
}
