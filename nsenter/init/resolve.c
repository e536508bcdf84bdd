/* Paths in the container's root. The root filesystem is hostile: every path is resolved once, by the kernel, below the root's
 * descriptor and without magic links, and what comes out is a descriptor that is used from then on. */
#include "init.h"

#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define RETRIES 64

/* A path under work: text with room, because links are put into it. */
struct walk {
	struct ctx *c;
	int root;
	int links;
	uint64_t how; /* RESOLVE_* */
	char path[MAX_PATH];
	char link[MAX_PATH];
};

int root_get(struct ctx *c, uint64_t slot, int *fd)
{
	if (slot == NO_SLOT)
		*fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	else
		*fd = slot_get(c, slot);
	return *fd < 0 ? fail(c, STEP_OPEN, *fd) : 0;
}

void root_put(uint64_t slot, int fd)
{
	if (slot == NO_SLOT)
		sys_close(fd);
}

/* openat2(2) answers EAGAIN when a rename elsewhere raced with a "..": asked again, some times. */
int open_retry(int dir, const char *path, uint64_t flags, uint64_t how)
{
	int fd = -EAGAIN;

	for (int i = 0; i < RETRIES && fd == -EAGAIN; i++)
		fd = sys_openat2(dir, path, flags, how);
	return fd;
}

static int open_prefix(struct walk *w, size_t len)
{
	char kept = w->path[len];
	int fd;

	w->path[len] = 0;
	fd = open_retry(w->root, len ? w->path : "/", O_PATH, w->how);
	w->path[len] = kept;
	return fd;
}

/* Start of the component that ends at end, past the slashes before it. */
static size_t component(const char *path, size_t end)
{
	while (end > 0 && path[end - 1] != '/')
		end--;
	return end;
}

static size_t trim(const char *path, size_t end)
{
	while (end > 0 && path[end - 1] == '/')
		end--;
	return end;
}

/* A component cannot be made because it is there, as a dangling link: its target takes its place in the path. */
static int splice(struct walk *w, int dir, const char *name, size_t start, size_t end)
{
	long n = SYS4(__NR_readlinkat, dir, name, w->link, sizeof(w->link) - 1);
	size_t rest = str_len(w->path + end);
	size_t keep = start;

	if (n == -EINVAL)
		return fail(w->c, STEP_OPENAT2, -ENOTDIR);
	if (n < 0)
		return fail(w->c, STEP_READLINKAT, n);
	if (++w->links > MAX_LINKS || w->how & RESOLVE_NO_SYMLINKS)
		return fail(w->c, STEP_OPENAT2, -ELOOP);
	if (w->link[0] == '/')
		keep = 0;
	if (keep + (size_t)n + rest + 1 > sizeof(w->path) || (size_t)n == sizeof(w->link) - 1)
		return fail(w->c, STEP_OPENAT2, -ENAMETOOLONG);
	memmove(w->path + keep + n, w->path + end, rest + 1);
	memcpy(w->path + keep, w->link, (size_t)n);
	return 1;
}

/* Makes one component below dir: 0 with its descriptor, 1 when the path has changed and must be walked again. */
static int make(struct walk *w, int dir, size_t start, size_t end, enum want want, unsigned int mode, int *out)
{
	char name[256];
	size_t n = end - start;
	long r;

	if (n >= sizeof(name))
		return fail(w->c, STEP_OPENAT2, -ENAMETOOLONG);
	memcpy(name, w->path + start, n);
	name[n] = 0;
	if (want == WANT_DIR)
		r = SYS3(__NR_mkdirat, dir, name, mode);
	else
		r = SYS4(__NR_mknodat, dir, name, TYPE_REG | mode, 0);
	if (r < 0 && r != -EEXIST)
		return fail_text(w->c, want == WANT_DIR ? STEP_MKDIRAT : STEP_MKNODAT, r, w->path);
	/* Without O_NOFOLLOW: together with O_PATH that would open a link itself. */
	*out = open_retry(dir, name, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (*out >= 0)
		return 0;
	if (r == -EEXIST && *out == -ELOOP)
		return splice(w, dir, name, start, end);
	return fail_text(w->c, STEP_OPENAT2, *out, w->path);
}

/* Makes what is missing from the component after from on: 1 when a link has changed the path. */
static int make_from(struct walk *w, int dir, size_t from, enum want want, unsigned int mode, int *out)
{
	size_t all = trim(w->path, str_len(w->path)), end = from;

	while (end < all) {
		size_t start = end;
		int r, next;

		while (w->path[start] == '/')
			start++;
		for (end = start; w->path[end] && w->path[end] != '/';)
			end++;
		if (end == all)
			r = make(w, dir, start, end, want, mode, &next);
		else
			r = make(w, dir, start, end, WANT_DIR, 0755, &next);
		sys_close(dir);
		if (r)
			return r;
		dir = next;
	}
	*out = dir;
	return 0;
}

/* One round: the longest prefix that exists, then what is missing below it. */
static int walk_once(struct walk *w, enum want want, unsigned int mode, int *out)
{
	size_t end = trim(w->path, str_len(w->path));
	int dir = -ENOENT;

	while (end > 0 && dir == -ENOENT) {
		end = trim(w->path, component(w->path, end));
		dir = open_prefix(w, end);
	}
	if (dir < 0)
		return fail_text(w->c, STEP_OPENAT2, dir, w->path);
	return make_from(w, dir, end, want, mode, out);
}

static int create(struct ctx *c, int root, const char *path, uint64_t how, enum want want, unsigned int mode, int *out)
{
	struct walk w;
	size_t n = str_len(path);
	int r = 1;

	if (n >= sizeof(w.path))
		return fail(c, STEP_OPENAT2, -ENAMETOOLONG);
	w.c = c;
	w.root = root;
	w.how = IN_ROOT | how;
	w.links = 0;
	memcpy(w.path, path, n + 1);
	while (r > 0) {
		r = walk_once(&w, want, mode, out);
		if (r <= 0)
			break;
		*out = open_prefix(&w, str_len(w.path)); /* the link may lead to something after all */
		if (*out != -ENOENT)
			return *out < 0 ? fail_text(c, STEP_OPENAT2, *out, w.path) : 0;
	}
	return r;
}

/* Resolves path below root to an O_PATH descriptor. how adds RESOLVE_* bits. Missing components are made when want asks for it:
 * directories 0755, the last one as wanted with mode. A failure on the path itself names it in the detail. */
int resolve(struct ctx *c, int root, const char *path, uint64_t how, enum want want, unsigned int mode, struct target *out)
{
	out->created = 0;
	out->fd = open_retry(root, *path ? path : "/", O_PATH, IN_ROOT | how);
	if (out->fd >= 0)
		return 0;
	if (out->fd != -ENOENT || want == WANT_NOTHING)
		return fail_text(c, STEP_OPENAT2, out->fd, path);
	out->created = 1;
	return create(c, root, path, how, want, mode, &out->fd);
}

/* Resolves the directory that path's last component lies in, made when missing, and copies that component. */
int resolve_parent(struct ctx *c, int root, const char *path, char name[256], int *parent)
{
	char dir[MAX_PATH];
	struct target t;
	size_t end = trim(path, str_len(path)), start = component(path, end), n = end - start;
	int r;

	if (n == 0 || n > 255 || start >= sizeof(dir) || (path[start] == '.' && (n == 1 || (n == 2 && path[start + 1] == '.'))))
		return fail_text(c, STEP_OPENAT2, n > 255 || start >= sizeof(dir) ? -ENAMETOOLONG : -EINVAL, path);
	memcpy(name, path + start, n);
	name[n] = 0;
	memcpy(dir, path, start);
	dir[start] = 0;
	r = resolve(c, root, dir, 0, WANT_DIR, 0755, &t);
	*parent = t.fd;
	return r;
}

static int same_place(int a, int b)
{
	struct statx x, y;

	return sys_fstat(a, &x) == 0 && sys_fstat(b, &y) == 0 && x.stx_mnt_id == y.stx_mnt_id && x.stx_ino == y.stx_ino;
}

/* Tells whether fd is the container's root itself. A link of the image may lead there, and nothing that is mounted on it shows: a
 * lookup begins below what lies on the root. */
int is_root(struct ctx *c, uint64_t slot, int fd)
{
	int root, same;

	if (root_get(c, slot, &root) < 0)
		return 0;
	same = same_place(fd, root);
	root_put(slot, root);
	return same;
}

/* A place to mount on: as resolve, and refused on the root itself, and inside a procfs unless flags have MOUNT_INPROC, because
 * what lies there is believed by the kernel's other users (labels, sysctls, mappings). */
int resolve_mountpoint(struct ctx *c, int root, const char *path, uint64_t flags, enum want want, struct target *out)
{
	uint64_t how = flags & PL_MOUNT_NOFOLLOW ? RESOLVE_NO_SYMLINKS : 0;
	struct statfs fs;
	long r = 0;

	out->created = 0;
	out->fd = -ENOENT;
	if (flags & PL_MOUNT_ONLINK)
		out->fd = open_retry(root, path, O_PATH | O_NOFOLLOW, IN_ROOT);
	if (out->fd == -ENOENT)
		r = resolve(c, root, path, how, want, want == WANT_FILE ? 0644 : 0755, out);
	else if (out->fd < 0)
		r = fail_text(c, STEP_OPENAT2, out->fd, path);
	if (r < 0)
		return (int)r;
	if (same_place(out->fd, root)) {
		sys_close(out->fd);
		return fail(c, STEP_MOVE_MOUNT, -EBUSY);
	}
	if (flags & PL_MOUNT_INPROC)
		return 0;
	r = SYS2(__NR_fstatfs, out->fd, &fs);
	if (r < 0)
		r = fail(c, STEP_FSTATFS, r);
	else if (fs.f_type == PROC_SUPER_MAGIC)
		r = fail_text(c, STEP_INSIDE_PROCFS, -EPERM, path);
	if (r < 0)
		sys_close(out->fd);
	return (int)r;
}
