/* mount.*: every mount is complete (flags, propagation, id mapping) while it is still detached, and appears at its target by one
 * move_mount(2) between two descriptors. */
#include "init.h"

#define NULL_MAJOR 1u
#define NULL_MINOR 3u

int set_attr(struct ctx *c, int fd, uint64_t set, uint64_t clr, uint64_t propagation, int userns, unsigned int flags)
{
	struct mount_attr a = { .attr_set = set, .attr_clr = clr, .propagation = propagation };
	int r;

	if (!set && !clr && !propagation)
		return 0;
	if (set & MOUNT_ATTR_IDMAP) {
		if (userns < 0)
			return fail(c, STEP_MOUNT_SETATTR, userns);
		a.userns_fd = (unsigned int)userns;
	}
	r = sys_mount_setattr(fd, flags, &a);
	return r < 0 ? fail(c, STEP_MOUNT_SETATTR, r) : 0;
}

int set_propagation(struct ctx *c, int fd, uint64_t propagation)
{
	return set_attr(c, fd, 0, 0, propagation & ~(uint64_t)MS_REC, -1, propagation & MS_REC ? AT_RECURSIVE : 0);
}

/* A file on a directory, or the other way round, is EINVAL to move_mount(2); mount(2) had a better word. */
static int kinds_differ(int tree, int target)
{
	struct statx a, b;

	return sys_fstat(tree, &a) == 0 && sys_fstat(target, &b) == 0 &&
	       (S_TYPE(a.stx_mode) == TYPE_DIR) != (S_TYPE(b.stx_mode) == TYPE_DIR);
}

int attach(struct ctx *c, int tree, int target)
{
	int r = sys_move_mount(tree, target);

	if (r == -EINVAL && kinds_differ(tree, target))
		r = -ENOTDIR;
	return r < 0 ? fail(c, STEP_MOVE_MOUNT, r) : 0;
}

int clone_tree(struct ctx *c, int fd, unsigned int flags)
{
	int tree = sys_open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | flags);

	return tree < 0 ? fail(c, STEP_OPEN_TREE, tree) : tree;
}

int is_device(int fd, unsigned int type, unsigned int major, unsigned int minor)
{
	struct statx st;

	return sys_fstat(fd, &st) == 0 && S_TYPE(st.stx_mode) == type && st.stx_rdev_major == major && st.stx_rdev_minor == minor;
}

/* tmpfs takes the permissions of the directory that it covers. */
static int inherit_mode(struct ctx *c, int fs, int covered)
{
	char option[24];
	struct statx st;
	int r = sys_fstat(covered, &st);

	if (r < 0)
		return fail(c, STEP_FSTAT, r);
	put_num(put_str(option, option + sizeof(option), "mode="), option + sizeof(option), st.stx_mode & 07777u, 8);
	return fs_option(c, fs, option);
}

static int configure(struct ctx *c, const struct op_mount_fs *o, int fs, const struct target *t)
{
	uint64_t late = o->flags & PL_MOUNT_COPYUP ? MOUNT_ATTR_RDONLY : 0;
	int r = fs_source(c, fs, plan_str(c, o->source));

	if (r == 0)
		r = fs_options(c, fs, o->options);
	if (r == 0 && o->flags & PL_MOUNT_INHERITMODE && !t->created)
		r = inherit_mode(c, fs, t->fd);
	return r < 0 ? r : fs_finish(c, fs, o->attr & ~late);
}

/* Propagation is set before the mount appears, and again after: below a shared mount the kernel makes it shared. */
static int settle(struct ctx *c, int tree, int target, uint64_t propagation)
{
	int r = set_propagation(c, tree, propagation);

	if (r == 0)
		r = attach(c, tree, target);
	if (r == 0)
		r = set_propagation(c, tree, propagation);
	return r;
}

static int mount_new(struct ctx *c, const struct op_mount_fs *o, const struct target *t)
{
	const char *type = plan_str(c, o->fstype);
	int fs = (int)SYS2(__NR_fsopen, type, FSOPEN_CLOEXEC);
	int tree, r = 0;

	if (fs < 0)
		return fail_text(c, STEP_FSOPEN, fs, type);
	tree = configure(c, o, fs, t);
	sys_close(fs);
	if (tree < 0)
		return tree;
	if (o->flags & PL_MOUNT_COPYUP) {
		if (!t->created)
			r = copy_up(c, t->fd, tree);
		if (r == 0)
			r = set_attr(c, tree, o->attr & MOUNT_ATTR_RDONLY, 0, 0, -1, 0);
	}
	if (r == 0)
		r = settle(c, tree, t->fd, o->propagation);
	sys_close(tree);
	return r;
}

static enum want wanted(uint64_t flags)
{
	switch (flags & PL_MOUNT_MKAUTO) {
	case PL_MOUNT_MKDIR:
		return WANT_DIR;
	case PL_MOUNT_MKFILE:
		return WANT_FILE;
	default:
		return WANT_NOTHING;
	}
}

static int skip_missing(const struct ctx *c, int r, uint64_t flags)
{
	return r == -ENOENT && c->msg.step == STEP_OPENAT2 && flags & PL_MOUNT_OPTIONAL ? 0 : r;
}

int op_mount_fs(struct ctx *c, const void *rec)
{
	const struct op_mount_fs *o = rec;
	struct target t;
	int root;
	int r = root_get(c, o->root, &root);

	if (r < 0)
		return r;
	r = resolve_mountpoint(c, root, plan_str(c, o->path), o->flags, wanted(o->flags), &t);
	root_put(o->root, root);
	if (r < 0)
		return skip_missing(c, r, o->flags);
	r = mount_new(c, o, &t);
	sys_close(t.fd);
	return r;
}

/* The source as a detached tree that belongs to the caller. */
static int bind_source(struct ctx *c, const struct op_mount_bind *o)
{
	const char *path = plan_str(c, o->source);
	unsigned int flags = o->flags & PL_MOUNT_RECURSIVE ? AT_RECURSIVE : 0;
	int fd;

	if (o->from != NO_SLOT) {
		if (o->flags & PL_MOUNT_TREE)
			fd = (int)SYS3(__NR_fcntl, slot_get(c, o->from), F_DUPFD_CLOEXEC, 0);
		else
			return clone_tree(c, slot_get(c, o->from), flags);
		return fd < 0 ? fail(c, STEP_FCNTL, fd) : fd;
	}
	if (o->flags & (PL_MOUNT_SRCNOFOLLOW | PL_MOUNT_COPYLINK))
		flags |= AT_SYMLINK_NOFOLLOW;
	fd = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | flags);
	return fd < 0 ? fail_text(c, STEP_OPEN_TREE, fd, path) : fd;
}

static int bind_want(struct ctx *c, const struct op_mount_bind *o, int tree, enum want *want)
{
	struct statx st;
	int r;

	*want = wanted(o->flags);
	if ((o->flags & PL_MOUNT_MKAUTO) != PL_MOUNT_MKAUTO)
		return 0;
	r = sys_fstat(tree, &st);
	if (r < 0)
		return fail(c, STEP_FSTAT, r);
	*want = S_TYPE(st.stx_mode) == TYPE_DIR ? WANT_DIR : WANT_FILE;
	return 0;
}

static int bind_attr(struct ctx *c, const struct op_mount_bind *o, int tree)
{
	int userns = o->userns == NO_SLOT ? -EINVAL : slot_get(c, o->userns);
	int r = set_attr(c, tree, o->rec_set, o->rec_clr, 0, userns, AT_RECURSIVE);

	return r < 0 ? r : set_attr(c, tree, o->attr_set, o->attr_clr, 0, userns, 0);
}

/* What mount.fs does for a tmpfs between making and mounting it, for one that mount.make has made. */
static int furnish(struct ctx *c, const struct op_mount_bind *o, int tree, const struct target *t)
{
	struct statx st;
	int fd, r = 0;

	if (o->flags & PL_MOUNT_INHERITMODE && !t->created) {
		fd = sys_openat(tree, ".", O_RDONLY | O_DIRECTORY, 0);
		r = fd < 0 ? fd : sys_fstat(t->fd, &st);
		if (r == 0)
			r = (int)SYS2(__NR_fchmod, fd, st.stx_mode & 07777u);
		if (fd >= 0)
			sys_close(fd);
		if (r < 0)
			return fail(c, STEP_FCHMOD, r);
	}
	return o->flags & PL_MOUNT_COPYUP && !t->created ? copy_up(c, t->fd, tree) : 0;
}

static int bind_onto(struct ctx *c, const struct op_mount_bind *o, int root, int tree)
{
	struct target t;
	enum want want;
	int r = bind_want(c, o, tree, &want);

	if (r < 0)
		return r;
	r = resolve_mountpoint(c, root, plan_str(c, o->path), o->flags, want, &t);
	if (r < 0)
		return skip_missing(c, r, o->flags);
	r = furnish(c, o, tree, &t);
	if (r == 0)
		r = bind_attr(c, o, tree);
	if (r == 0)
		r = settle(c, tree, t.fd, o->propagation);
	sys_close(t.fd);
	return r;
}

static int is_link(int fd)
{
	struct statx st;

	return sys_fstat(fd, &st) == 0 && S_TYPE(st.stx_mode) == TYPE_LNK;
}

/* The source is a link: one with the same text is made at the target. The same one may be there already. */
static int copy_link(struct ctx *c, const char *path, int root, int tree)
{
	char text[MAX_PATH], have[MAX_PATH], name[256];
	long n = SYS4(__NR_readlinkat, tree, "", text, sizeof(text) - 1), m, r;
	int parent;

	if (n < 0)
		return fail(c, STEP_READLINKAT, n);
	text[n] = 0;
	r = resolve_parent(c, root, path, name, &parent);
	if (r < 0)
		return (int)r;
	r = SYS3(__NR_symlinkat, text, parent, name);
	if (r == -EEXIST) {
		m = SYS4(__NR_readlinkat, parent, name, have, sizeof(have) - 1);
		if (m == n && memcmp(have, text, (size_t)n) == 0)
			r = 0;
	}
	sys_close(parent);
	return r < 0 ? fail_text(c, STEP_SYMLINKAT, r, path) : 0;
}

int op_mount_bind(struct ctx *c, const void *rec)
{
	const struct op_mount_bind *o = rec;
	int root, tree;
	int r = root_get(c, o->root, &root);

	if (r < 0)
		return r;
	tree = bind_source(c, o);
	r = tree;
	if (tree >= 0) {
		if (o->flags & PL_MOUNT_COPYLINK && is_link(tree))
			r = copy_link(c, plan_str(c, o->path), root, tree);
		else
			r = bind_onto(c, o, root, tree);
		sys_close(tree);
	}
	root_put(o->root, root);
	return r;
}

/* Resolves something that exists; 1 with nothing open when it does not and optional is set. Below a file there is nothing either. */
int resolve_existing(struct ctx *c, uint64_t slot, const char *path, int optional, int *fd)
{
	struct target t;
	int root;
	int r = root_get(c, slot, &root);

	if (r < 0)
		return r;
	r = resolve(c, root, path, 0, WANT_NOTHING, 0, &t);
	root_put(slot, root);
	*fd = t.fd;
	return (r == -ENOENT || r == -ENOTDIR) && optional ? 1 : r;
}

int op_mount_propagation(struct ctx *c, const void *rec)
{
	const struct op_mount_propagation *o = rec;
	int fd;
	int r = resolve_existing(c, o->root, plan_str(c, o->path), 0, &fd);

	if (r)
		return r;
	r = set_propagation(c, fd, o->flags);
	sys_close(fd);
	return r;
}

int op_mount_attr(struct ctx *c, const void *rec)
{
	const struct op_mount_attr *o = rec;
	unsigned int flags = o->flags & PL_MOUNT_RECURSIVE ? AT_RECURSIVE : 0;
	int fd;
	int r = resolve_existing(c, o->root, plan_str(c, o->path), !!(o->flags & PL_MOUNT_OPTIONAL), &fd);

	if (r)
		return r < 0 ? r : 0;
	r = set_attr(c, fd, o->attr_set, o->attr_clr, 0, -1, flags);
	sys_close(fd);
	return r;
}

int op_mount_readonly(struct ctx *c, const void *rec)
{
	const struct op_mount_readonly *o = rec;
	int fd, tree;
	int r = resolve_existing(c, o->root, plan_str(c, o->path), 1, &fd);

	if (r)
		return r < 0 ? r : 0;
	if (is_root(c, o->root, fd)) {
		r = set_attr(c, fd, MOUNT_ATTR_RDONLY, 0, 0, -1, AT_RECURSIVE);
		sys_close(fd);
		return r;
	}
	tree = clone_tree(c, fd, AT_RECURSIVE);
	r = tree;
	if (tree >= 0) {
		r = set_attr(c, tree, MOUNT_ATTR_RDONLY, 0, 0, -1, AT_RECURSIVE);
		if (r == 0)
			r = attach(c, tree, fd);
		sys_close(tree);
	}
	sys_close(fd);
	return r;
}

/* A detached, read-only clone of /dev/null. The container's own is taken when it is the null device and no link leads there; else
 * the one that the process sees at /dev/null, which before root.pivot is the host's. The clone is read-only so that nobody can
 * change the inode's owner or mode through it; writing to the device is not affected. */
static int null_tree(struct ctx *c, uint64_t slot)
{
	int root, fd, tree;
	int r = root_get(c, slot, &root);

	if (r < 0)
		return r;
	fd = open_retry(root, "dev/null", O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	root_put(slot, root);
	if (fd < 0 || !is_device(fd, TYPE_CHR, NULL_MAJOR, NULL_MINOR)) {
		if (fd >= 0)
			sys_close(fd);
		fd = open_retry(AT_FDCWD, "/dev/null", O_PATH, RESOLVE_NO_SYMLINKS);
	}
	if (fd < 0)
		return fail_text(c, STEP_OPENAT2, fd, "/dev/null");
	tree = clone_tree(c, fd, 0);
	sys_close(fd);
	if (tree < 0)
		return tree;
	if (is_device(tree, TYPE_CHR, NULL_MAJOR, NULL_MINOR))
		r = set_attr(c, tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, MS_PRIVATE, -1, 0);
	else
		r = fail_text(c, STEP_VERIFY_DEVICE, -ENODEV, "/dev/null");
	if (r < 0)
		sys_close(tree);
	return r < 0 ? r : tree;
}

/* A detached, read-only, empty tmpfs that costs next to nothing. */
static int empty_tree(struct ctx *c)
{
	uint64_t attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	int fs = (int)SYS2(__NR_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return fail(c, STEP_FSOPEN, fs);
	r = fs_source(c, fs, "tmpfs");
	if (r == 0)
		r = fs_option(c, fs, "mode=0555");
	if (r == 0)
		r = fs_option(c, fs, "size=4k");
	if (r == 0)
		r = fs_finish(c, fs, attr);
	sys_close(fs);
	return r;
}

/* The first mask of a kind is made and mounted, the next ones are clones of that mount (a detached one cannot be cloned before
 * Linux 6.15). */
int op_mount_mask(struct ctx *c, const void *rec)
{
	const struct op_mount_mask *o = rec;
	uint64_t slot;
	struct statx st;
	int fd, tree, first;
	int r = resolve_existing(c, o->root, plan_str(c, o->path), 1, &fd);

	if (r)
		return r < 0 ? r : 0;
	r = sys_fstat(fd, &st);
	if (r < 0 || is_root(c, o->root, fd)) {
		sys_close(fd);
		return r < 0 ? fail(c, STEP_FSTAT, r) : fail(c, STEP_MOVE_MOUNT, -EBUSY);
	}
	slot = S_TYPE(st.stx_mode) == TYPE_DIR ? o->empty : o->null;
	first = slot_get(c, slot) < 0;
	if (!first)
		tree = clone_tree(c, slot_get(c, slot), 0);
	else
		tree = slot == o->empty && S_TYPE(st.stx_mode) == TYPE_DIR ? empty_tree(c) : null_tree(c, o->root);
	r = tree < 0 ? tree : attach(c, tree, fd);
	if (r == 0 && first)
		slot_put(c, slot, tree);
	else if (tree >= 0)
		sys_close(tree);
	sys_close(fd);
	return r;
}
