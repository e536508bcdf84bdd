#!/bin/bash
# shellcheck disable=SC2016 # what stands in single quotes is for the shell in the container
# shellcheck disable=SC2154 # name, results and here are set by "inside"
# Buildah as root, with a storage of its own.

B() { timeout -k 5 120 buildah --root "$W/buildah" --runroot "$W/brun" "$@"; }

buildah_up() {
	BC=$(B from scratch)
	B add "$BC" "$W/rootfs.tar" /
	B config --env PATH=/bin:/usr/bin "$BC"
	B commit "$BC" localhost/bb:1
}

buildah_clean() { :; }

buildah_down() {
	B rm -a
	mount | awk -v w="$W/buildah" 'index($3, w) == 1 { print $3 }' | sort -r | xargs -r umount
	return 0
}

BR() { B run --runtime "$RT" "$@"; }

buildah__run() {
	ok BR "$BC" -- echo hello
	has hello
	code 7 BR "$BC" -- sh -c 'exit 7'
	ok BR --user user "$BC" -- id -un
	has user
	ok BR --volume "$W/rootfs/data:/mnt:ro" "$BC" -- cat /mnt/file
	has from-the-image
	code 1 BR "$BC" -- no-such-program
	has 'executable file not found in $PATH'
	ok BR --network none "$BC" -- ip -o link
	lacks eth0
}

buildah__terminal() {
	terminal buildah --root "$W/buildah" --runroot "$W/brun" run -t --runtime "$RT" "$BC" -- sh
	typed_until /dev/pts/0 tty
	# It does not follow changes.
	typed_until '33 77' 'stty size'
	printf 'exit 9\n' >&"$KEYS"
	terminal_ends 9
}

buildah__build() {
	mkdir -p "$W/tmp/bbuild"
	printf '%s\n' 'FROM localhost/bb:1' 'RUN echo built >/built && id -u >>/built' 'USER user' 'RUN id -un >/tmp/who' >"$W/tmp/bbuild/Dockerfile"
	ok env BUILDAH_RUNTIME="$RT" timeout 100 buildah --root "$W/buildah" --runroot "$W/brun" build -t localhost/bbuilt:1 "$W/tmp/bbuild"
	local c
	c=$(B from localhost/bbuilt:1)
	ok BR "$c" -- cat /built /tmp/who
	has built user
	B rm "$c"
	printf '%s\n' 'FROM localhost/bb:1' 'RUN exit 9' >"$W/tmp/bbuild/Dockerfile"
	code 9 env BUILDAH_RUNTIME="$RT" timeout 100 buildah --root "$W/buildah" --runroot "$W/brun" build "$W/tmp/bbuild"
}
