/* root.*: opening the root filesystem and moving into it. */
#include "init.h"

/* The directory, by name: below base when there is one, where neither a link nor ".." may lead out. */
static int open_root(struct ctx *c, const struct op_root_open *o)
{
	const char *path = plan_str(c, o->path), *base = plan_str(c, o->base);
	int dir, fd;

	if (!*base) {
		fd = open_retry(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
		return fd < 0 ? fail_text(c, STEP_OPENAT2, fd, path) : fd;
	}
	dir = sys_openat(AT_FDCWD, base, O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return fail_text(c, STEP_OPEN, dir, base);
	fd = open_retry(dir, path, O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	sys_close(dir);
	return fd < 0 ? fail_text(c, STEP_OPENAT2, fd, path) : fd;
}

/* pivot_root(2) refuses a root whose parent mount is shared, and a move onto a shared mount would show on the host. The mount
 * that fd lies on is found by going up to the directory that is the mount's root. */
static int make_private(struct ctx *c, int fd)
{
	int at = (int)SYS3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, 0);
	struct statx st;
	int r = 0, up;

	for (unsigned int depth = 0; at >= 0 && depth < MAX_PATH; depth++) {
		r = sys_fstat(at, &st);
		if (r < 0 || st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			break;
		up = sys_openat(at, "..", O_PATH | O_DIRECTORY, 0);
		sys_close(at);
		at = up;
	}
	if (at < 0 || r < 0)
		r = fail(c, STEP_OPEN, at < 0 ? at : r);
	else
		r = set_propagation(c, at, MS_PRIVATE);
	if (at >= 0)
		sys_close(at);
	return r;
}

/* Makes the root a mount of its own: a clone, moved onto the very directory. */
static int mount_root(struct ctx *c, const struct op_root_open *o, int fd)
{
	int tree = clone_tree(c, fd, o->flags & PL_ROOT_NORECURSE ? 0 : AT_RECURSIVE);
	int r = 0;

	if (tree < 0)
		return tree;
	if (o->flags & PL_ROOT_PRIVATEPARENT)
		r = make_private(c, fd);
	if (r == 0)
		r = attach(c, tree, fd);
	if (r < 0)
		sys_close(tree);
	return r < 0 ? r : tree;
}

int op_root_open(struct ctx *c, const void *rec)
{
	const struct op_root_open *o = rec;
	int fd = open_root(c, o), tree;

	if (fd < 0)
		return fd;
	if (o->flags & PL_ROOT_PLAIN) {
		slot_put(c, o->root, fd);
		return 0;
	}
	tree = mount_root(c, o, fd);
	sys_close(fd);
	if (tree < 0)
		return tree;
	slot_put(c, o->root, tree);
	return 0;
}

/* A root whose place in this mount namespace has no path for this process. */
int op_root_attach(struct ctx *c, const void *rec)
{
	const struct op_root_attach *o = rec;
	int tree = slot_get(c, o->root), top;
	int r = set_propagation(c, tree, o->propagation);

	if (r < 0)
		return r;
	top = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (top < 0)
		return fail(c, STEP_OPEN, top);
	r = attach(c, tree, top);
	sys_close(top);
	return r;
}

/* The old root ends on top of the new one, is made a slave so that its end does not reach the host, and goes. */
static int drop_old_root(struct ctx *c, int old)
{
	long r = set_propagation(c, old, MS_SLAVE | MS_REC);

	if (r < 0)
		return (int)r;
	r = SYS2(__NR_umount2, ".", MNT_DETACH_FLAG);
	if (r < 0)
		return fail(c, STEP_UMOUNT2, r);
	r = SYS1(__NR_chdir, "/");
	return r < 0 ? fail(c, STEP_CHDIR, r) : 0;
}

static int pivot(struct ctx *c, int root)
{
	long r = SYS2(__NR_pivot_root, ".", ".");

	if (r != -EINVAL)
		return r < 0 ? fail(c, STEP_PIVOT_ROOT, r) : 0;
	/* One reason for EINVAL is a shared new root, as it comes from a shared source. */
	if (set_propagation(c, root, MS_SLAVE) < 0)
		return fail(c, STEP_PIVOT_ROOT, r);
	r = SYS2(__NR_pivot_root, ".", ".");
	return r < 0 ? fail(c, STEP_PIVOT_ROOT, r) : 0;
}

int op_root_pivot(struct ctx *c, const void *rec)
{
	const struct op_root_pivot *o = rec;
	int root = slot_get(c, o->root), old;
	long r = SYS1(__NR_fchdir, root);

	if (r < 0)
		return fail(c, STEP_FCHDIR, r);
	old = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (old < 0)
		return fail(c, STEP_OPEN, old);
	r = pivot(c, root);
	if (r == 0)
		r = drop_old_root(c, old);
	sys_close(old);
	return (int)r;
}

int op_root_chroot(struct ctx *c, const void *rec)
{
	const struct op_root_chroot *o = rec;
	int root = slot_get(c, o->root), old;
	long r = SYS1(__NR_fchdir, root);

	if (r < 0)
		return fail(c, STEP_FCHDIR, r);
	if (!(o->flags & PL_ROOT_PLAIN)) {
		old = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
		r = old < 0 ? old : sys_move_mount(root, old);
		if (old >= 0)
			sys_close(old);
		if (r < 0)
			return fail(c, STEP_MOVE_MOUNT, r);
	}
	r = SYS1(__NR_chroot, ".");
	if (r < 0)
		return fail(c, STEP_CHROOT, r);
	r = SYS1(__NR_chdir, "/");
	return r < 0 ? fail(c, STEP_CHDIR, r) : 0;
}
