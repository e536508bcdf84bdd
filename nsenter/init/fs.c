/* fs.*: directories, links and device nodes in the container's root. */
#include "init.h"

/* dev_t as mknod(2) takes it: 12 bits major, 20 bits minor. */
static uint64_t device_number(uint64_t major, uint64_t minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~UINT64_C(0xff)) << 12;
}

int op_fs_mkdir(struct ctx *c, const void *rec)
{
	const struct op_fs_mkdir *o = rec;
	struct target t;
	int root;
	int r = root_get(c, o->root, &root);

	if (r < 0)
		return r;
	r = resolve(c, root, plan_str(c, o->path), 0, WANT_DIR, (unsigned int)o->mode, &t);
	if (r == 0)
		sys_close(t.fd);
	root_put(o->root, root);
	return r;
}

static int open_parent(struct ctx *c, uint64_t slot, const char *path, char name[256], int *parent)
{
	int root;
	int r = root_get(c, slot, &root);

	if (r < 0)
		return r;
	r = resolve_parent(c, root, path, name, parent);
	root_put(slot, root);
	return r;
}

int op_fs_symlink(struct ctx *c, const void *rec)
{
	const struct op_fs_symlink *o = rec;
	const char *target = plan_str(c, o->target);
	char name[256];
	int parent;
	long r = open_parent(c, o->root, plan_str(c, o->path), name, &parent);

	if (r < 0)
		return (int)r;
	r = SYS3(__NR_symlinkat, target, parent, name);
	if (r == -EEXIST && o->flags & PL_FS_REPLACE) {
		r = SYS3(__NR_unlinkat, parent, name, 0);
		if (r < 0)
			r = fail(c, STEP_UNLINKAT, r);
		else
			r = SYS3(__NR_symlinkat, target, parent, name);
	} else if (r == -EEXIST && o->flags & PL_FS_EXISTOK) {
		r = 0;
	}
	sys_close(parent);
	if (r < 0 && c->msg.step != STEP_UNLINKAT)
		return fail(c, STEP_SYMLINKAT, r);
	return (int)r;
}

/* Owner and permissions, by descriptor. The mode is already right but where a default ACL meddled: then fchmodat2(2) is needed. */
static int set_owner(struct ctx *c, const struct op_fs_mknod *o, int fd)
{
	struct statx st;
	long r = SYS5(__NR_fchownat, fd, "", (unsigned int)o->uid, (unsigned int)o->gid, AT_EMPTY_PATH);

	if (r < 0)
		return fail(c, STEP_FCHOWNAT, r);
	r = sys_fstat(fd, &st);
	if (r == 0 && (st.stx_mode & 07777u) != (o->mode & 07777u))
		r = SYS4(FCHMODAT2_NR, fd, "", o->mode & 07777u, AT_EMPTY_PATH);
	return r < 0 ? fail(c, STEP_FCHMOD, r) : 0;
}

static int matches(const struct op_fs_mknod *o, int fd)
{
	unsigned int type = S_TYPE((unsigned int)o->mode);
	struct statx st;

	if (type == TYPE_CHR || type == TYPE_BLK)
		return is_device(fd, type, (unsigned int)o->major, (unsigned int)o->minor);
	return sys_fstat(fd, &st) == 0 && S_TYPE(st.stx_mode) == type;
}

static int make_node(struct ctx *c, const struct op_fs_mknod *o, int parent, const char *name)
{
	long r = SYS4(__NR_mknodat, parent, name, o->mode, device_number(o->major, o->minor));
	int fd, existed = r == -EEXIST;

	if (existed && o->flags & PL_FS_REPLACE) {
		r = SYS3(__NR_unlinkat, parent, name, 0);
		if (r < 0)
			return fail(c, STEP_UNLINKAT, r);
		r = SYS4(__NR_mknodat, parent, name, o->mode, device_number(o->major, o->minor));
		existed = 0;
	}
	if (r < 0 && !(existed && o->flags & PL_FS_EXISTOK))
		return fail(c, STEP_MKNODAT, r);
	fd = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fail(c, STEP_OPEN, fd);
	if (!matches(o, fd))
		r = fail(c, STEP_VERIFY_DEVICE, -EEXIST);
	else
		r = existed ? 0 : set_owner(c, o, fd);
	sys_close(fd);
	return (int)r;
}

int op_fs_mknod(struct ctx *c, const void *rec)
{
	const struct op_fs_mknod *o = rec;
	char name[256];
	int parent;
	int r = open_parent(c, o->root, plan_str(c, o->path), name, &parent);

	if (r < 0)
		return r;
	r = make_node(c, o, parent, name);
	sys_close(parent);
	return r;
}

/* The tree's own root is what gets mounted, so that is what is verified, not the path again. */
static int device_tree(struct ctx *c, const struct op_fs_devbind *o)
{
	const char *source = plan_str(c, o->source);
	int tree = sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE);

	if (tree < 0)
		return fail_text(c, STEP_OPEN_TREE, tree, source);
	if (is_device(tree, S_TYPE((unsigned int)o->mode), (unsigned int)o->major, (unsigned int)o->minor))
		return tree;
	sys_close(tree);
	return fail_text(c, STEP_VERIFY_DEVICE, -ENODEV, source);
}

int op_fs_devbind(struct ctx *c, const void *rec)
{
	const struct op_fs_devbind *o = rec;
	int root, tree = device_tree(c, o);
	struct target t;
	int r;

	if (tree < 0)
		return tree;
	r = root_get(c, o->root, &root);
	if (r == 0) {
		r = resolve_mountpoint(c, root, plan_str(c, o->path), 0, WANT_FILE, &t);
		root_put(o->root, root);
		if (r == 0) {
			r = attach(c, tree, t.fd);
			sys_close(t.fd);
		}
	}
	sys_close(tree);
	return r;
}
