/* tmpcopyup: the content of the covered directory goes into the new tmpfs. The source is part of the hostile root filesystem, so
 * everything is opened relative to its directory's descriptor, without following links and without leaving the mount. */
#include "init.h"

#define MAX_DEPTH 64
#define ENTRIES 2048
#define CHUNK (1u << 30)
#define INSIDE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int oops(struct ctx *c, long err, const char *name)
{
	return fail_text(c, STEP_COPY_UP, err, name);
}

static long copy_owner(int to, const struct statx *st)
{
	return SYS5(__NR_fchownat, to, "", st->stx_uid, st->stx_gid, AT_EMPTY_PATH);
}

/* Owner and permissions of an open file; the owner first, because a change of it clears set-id bits. */
static long copy_meta(int to, const struct statx *st)
{
	long r = copy_owner(to, st);

	return r < 0 ? r : SYS2(__NR_fchmod, to, st->stx_mode & 07777u);
}

static long copy_data(int from, int to)
{
	long n;

	do
		n = SYS4(__NR_sendfile, to, from, NULL, CHUNK);
	while (n > 0 || n == -EINTR);
	return n;
}

/* What was a regular file is opened without blocking and looked at again: it may have become something else. */
static long copy_file(int from, int to, const char *name)
{
	int in = sys_openat2(from, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, INSIDE), out;
	struct statx st;
	long r;

	if (in < 0)
		return in;
	r = sys_fstat(in, &st);
	if (r == 0 && S_TYPE(st.stx_mode) != TYPE_REG)
		r = -ESTALE;
	if (r == 0) {
		out = sys_openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
		r = out < 0 ? out : copy_data(in, out);
		if (r == 0)
			r = copy_meta(out, &st);
		if (out >= 0)
			sys_close(out);
	}
	sys_close(in);
	return r;
}

static long copy_link(int from, int to, const char *name, const struct statx *st)
{
	char target[MAX_PATH];
	long n = SYS4(__NR_readlinkat, from, name, target, sizeof(target) - 1);

	if (n < 0)
		return n;
	target[n] = 0;
	n = SYS3(__NR_symlinkat, target, to, name);
	return n < 0 ? n : SYS5(__NR_fchownat, to, name, st->stx_uid, st->stx_gid, AT_SYMLINK_NOFOLLOW);
}

/* Devices, fifos and sockets. In a user namespace devices cannot be made: left out. */
static long copy_node(int to, const char *name, const struct statx *st)
{
	uint64_t dev = (st->stx_rdev_minor & 0xff) | (uint64_t)st->stx_rdev_major << 8 | (uint64_t)(st->stx_rdev_minor & ~0xffu) << 12;
	long r = SYS4(__NR_mknodat, to, name, st->stx_mode, dev);

	if (r == -EPERM)
		return 0;
	return r < 0 ? r : SYS5(__NR_fchownat, to, name, st->stx_uid, st->stx_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_dir(struct ctx *c, int from, int to, int depth);

static int copy_subdir(struct ctx *c, int from, int to, const char *name, int depth)
{
	int in = sys_openat2(from, name, O_RDONLY | O_DIRECTORY, INSIDE), out;
	int r = in;

	if (in < 0)
		return oops(c, in, name);
	r = (int)SYS3(__NR_mkdirat, to, name, 0700);
	out = r < 0 ? r : sys_openat2(to, name, O_RDONLY | O_DIRECTORY, INSIDE);
	if (out < 0) {
		r = oops(c, out, name);
	} else {
		r = copy_dir(c, in, out, depth);
		sys_close(out);
	}
	sys_close(in);
	return r;
}

static int copy_entry(struct ctx *c, int from, int to, const char *name, int depth)
{
	struct statx st;
	long r;

	if (str_equal(name, ".") || str_equal(name, ".."))
		return 0;
	r = sys_statx(from, name, AT_SYMLINK_NOFOLLOW, &st);
	if (r < 0)
		return oops(c, r, name);
	if (S_TYPE(st.stx_mode) == TYPE_DIR)
		return copy_subdir(c, from, to, name, depth + 1);
	if (S_TYPE(st.stx_mode) == TYPE_REG)
		r = copy_file(from, to, name);
	else if (S_TYPE(st.stx_mode) == TYPE_LNK)
		r = copy_link(from, to, name, &st);
	else
		r = copy_node(to, name, &st);
	return r < 0 ? oops(c, r, name) : 0;
}

/* from is open for reading; to too, so that its mode can be set. The mode of the tmpfs itself is settled: by its option, or by the
 * covered directory where it has none. */
static int copy_dir(struct ctx *c, int from, int to, int depth)
{
	_Alignas(8) char buf[ENTRIES];
	struct statx st;
	long n = 0;
	int r = 0;

	if (depth > MAX_DEPTH)
		return oops(c, -ELOOP, "too deep");
	while (r == 0 && (n = SYS3(__NR_getdents64, from, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n && r == 0;) {
			const struct sys_dirent *e = (const void *)(buf + at);

			r = copy_entry(c, from, to, e->name, depth);
			at += e->reclen;
		}
	if (r == 0 && n == 0 && (n = sys_fstat(from, &st)) == 0)
		n = depth == 0 ? copy_owner(to, &st) : copy_meta(to, &st);
	if (r == 0 && n < 0)
		r = oops(c, n, "directory");
	return r;
}

/* from: the covered directory, O_PATH; to: the detached mount. */
int copy_up(struct ctx *c, int from, int to)
{
	int in = sys_openat(from, ".", O_RDONLY | O_DIRECTORY, 0), out;
	int r;

	if (in < 0)
		return oops(c, in, "directory");
	out = sys_openat(to, ".", O_RDONLY | O_DIRECTORY, 0);
	r = out < 0 ? oops(c, out, "tmpfs") : copy_dir(c, in, out, 0);
	if (out >= 0)
		sys_close(out);
	sys_close(in);
	return r;
}
