# shellcheck shell=bash
# What the scripts of this folder share: places, messages, host tools, Debian archives.

vm_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repo_dir=$(cd -- "$vm_dir/../.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that read this file
cache_dir=${MINIRUN_CACHE:-$repo_dir/.cache}/vm

say() { printf 'vm: %s\n' "$*" >&2; }

die() {
	say "$@"
	exit 125
}

# need_tools installs the host programs that are missing (Debian, as root), or names them.
need_tools() {
	local pair missing=()
	for pair in qemu-system-x86_64:qemu-system-x86 debootstrap:debootstrap mke2fs:e2fsprogs \
		/bin/busybox:busybox-static depmod:kmod cpio:cpio zstd:zstd lz4:lz4 xz:xz-utils; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
	done
	((${#missing[@]})) || return 0
	((EUID == 0)) || die "missing programs: as root, apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	{
		apt-get -o DPkg::Lock::Timeout=300 -qq update &&
			DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y \
				--no-install-recommends install "${missing[@]}"
	} >&2 </dev/null || die "cannot install ${missing[*]}"
}

host_suite() (
	. /etc/os-release
	[[ ${ID:-} == debian && -n ${VERSION_CODENAME:-} ]] || die "the host must be a Debian release"
	printf '%s\n' "$VERSION_CODENAME"
)

# archive_of RELEASE prints the address that the machine's apt uses for RELEASE ("bookworm", "bookworm-security").
archive_of() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		awk -v release="$1" '$1 == release { print $2; exit }'
}

# sources_for SUITE prints sources.list lines for SUITE with its security updates; a suite whose name
# ends in -backports comes with the one it belongs to.
sources_for() {
	local host main security base=${1%-backports}
	host=$(host_suite)
	main=$(archive_of "$host")
	if [[ -z $main ]]; then
		((EUID == 0)) || die "apt has no package lists: as root, apt-get update"
		apt-get -o DPkg::Lock::Timeout=300 -qq update >&2 || die "apt-get update failed"
		main=$(archive_of "$host")
	fi
	[[ -n $main ]] || die "apt has no source for $host"
	security=$(archive_of "$host-security")
	printf 'deb %s %s main\n' "$main" "$base"
	[[ -z $security ]] || printf 'deb %s %s-security main\n' "$security" "$base"
	[[ $base == "$1" ]] || printf 'deb %s %s main\n' "$main" "$1"
}

# hash_of FILE... prints a short hash of the contents.
hash_of() { cat -- "$@" | sha256sum | cut -c1-12; }
