/* New filesystems by fsopen(2), and those that only mount(2) can make. Both end as a mount that is attached nowhere yet. */
#include "init.h"

/* The filesystem context says in words what was wrong; the last error wins. */
static int context_error(struct ctx *c, int fs, enum pl_step step, long err, const char *option)
{
	char text[DETAIL];
	long n;

	set_detail(c, option);
	while ((n = sys_read(fs, text, sizeof(text) - 1)) > 0) {
		text[n] = 0;
		if (text[n - 1] == '\n')
			text[n - 1] = 0;
		if (n > 2 && text[0] == 'e')
			set_detail(c, text + 2);
	}
	return fail(c, step, err);
}

int fs_option(struct ctx *c, int fs, const char *option)
{
	char key[256];
	size_t n = 0;
	long r;

	while (option[n] && option[n] != '=')
		n++;
	if (n >= sizeof(key))
		return fail_text(c, STEP_FSCONFIG, -EINVAL, option);
	memcpy(key, option, n);
	key[n] = 0;
	if (option[n])
		r = SYS5(__NR_fsconfig, fs, FSCONFIG_SET_STRING, key, option + n + 1, 0);
	else
		r = SYS5(__NR_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
	return r < 0 ? context_error(c, fs, STEP_FSCONFIG, r, option) : 0;
}

int fs_source(struct ctx *c, int fs, const char *source)
{
	long r = 0;

	if (*source)
		r = SYS5(__NR_fsconfig, fs, FSCONFIG_SET_STRING, "source", source, 0);
	return r < 0 ? context_error(c, fs, STEP_FSCONFIG, r, source) : 0;
}

int fs_options(struct ctx *c, int fs, struct pl_ref options)
{
	int r = 0;

	for (uint32_t i = 0; i < options.len && r == 0; i++)
		r = fs_option(c, fs, plan_item(c, options, i));
	return r;
}

int fs_finish(struct ctx *c, int fs, uint64_t attr)
{
	long r = SYS5(__NR_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (r < 0)
		return context_error(c, fs, STEP_FSCONFIG, r, "");
	r = SYS3(__NR_fsmount, fs, FSMOUNT_CLOEXEC, attr);
	return r < 0 ? context_error(c, fs, STEP_FSMOUNT, r, "") : (int)r;
}

/* A detached mount of a filesystem without options. */
int new_mount(struct ctx *c, const char *type, uint64_t attr)
{
	int fs = (int)SYS2(__NR_fsopen, type, FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return fail_text(c, STEP_FSOPEN, fs, type);
	r = fs_finish(c, fs, attr);
	sys_close(fs);
	return r;
}

/* The id mapping and whatever else a mount gets after it was made. */
static int keep(struct ctx *c, uint64_t slot, int tree, uint64_t attr, uint64_t userns)
{
	uint64_t clr = attr & MOUNT_ATTR__ATIME ? MOUNT_ATTR__ATIME : 0;
	int r;

	if (userns != NO_SLOT)
		attr |= MOUNT_ATTR_IDMAP;
	r = set_attr(c, tree, attr, clr, 0, userns == NO_SLOT ? -1 : slot_get(c, userns), 0);
	if (r < 0)
		sys_close(tree);
	else
		slot_put(c, slot, tree);
	return r;
}

int op_mount_make(struct ctx *c, const void *rec)
{
	const struct op_mount_make *o = rec;
	const char *type = plan_str(c, o->fstype);
	int fs = (int)SYS2(__NR_fsopen, type, FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return fail_text(c, STEP_FSOPEN, fs, type);
	r = fs_source(c, fs, plan_str(c, o->source));
	if (r == 0)
		r = fs_options(c, fs, o->options);
	if (r == 0)
		r = fs_finish(c, fs, o->attr);
	sys_close(fs);
	return r < 0 ? r : keep(c, o->tree, r, 0, o->userns);
}

/* mount(2) on a directory of room, and a clone of what is there then. The working directory names the target, so no path is
 * resolved but one component of a filesystem that nobody else has. */
static int mount_in(struct ctx *c, const struct op_mount_legacy *o, int room)
{
	long r = SYS3(__NR_mkdirat, room, "m", 0700);
	int at, top, tree;

	if (r < 0)
		return fail(c, STEP_MKDIRAT, r);
	at = sys_openat(room, "m", O_PATH | O_DIRECTORY, 0);
	if (at < 0)
		return fail(c, STEP_OPEN, at);
	r = SYS1(__NR_fchdir, at);
	sys_close(at);
	if (r < 0)
		return fail(c, STEP_FCHDIR, r);
	r = SYS5(__NR_mount, plan_str(c, o->source), ".", plan_str(c, o->fstype), o->flags, plan_str(c, o->data));
	if (r < 0)
		return fail_text(c, STEP_MOUNT, r, plan_str(c, o->fstype));
	top = sys_openat(room, "m", O_PATH | O_DIRECTORY, 0);
	if (top < 0)
		return fail(c, STEP_OPEN, top);
	tree = clone_tree(c, top, 0);
	sys_close(top);
	return tree;
}

/* room stands on top of / while it is needed: the process's own lookups begin below it, and no other mount is in the way. */
static int in_room(struct ctx *c, const struct op_mount_legacy *o, int room)
{
	int top = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0), tree;
	long r = top < 0 ? fail(c, STEP_OPEN, top) : attach(c, room, top);

	if (top >= 0)
		sys_close(top);
	if (r < 0)
		return (int)r;
	tree = mount_in(c, o, room);
	r = SYS1(__NR_fchdir, room);
	if (r == 0)
		r = SYS2(__NR_umount2, ".", MNT_DETACH_FLAG);
	if (r == 0 || tree < 0)
		return tree;
	sys_close(tree);
	return fail(c, STEP_UMOUNT2, r);
}

int op_mount_legacy(struct ctx *c, const void *rec)
{
	const struct op_mount_legacy *o = rec;
	int cwd = sys_openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
	int room, tree;
	long r;

	if (cwd < 0)
		return fail(c, STEP_OPEN, cwd);
	room = new_mount(c, "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	tree = room < 0 ? room : in_room(c, o, room);
	if (room >= 0)
		sys_close(room);
	r = SYS1(__NR_fchdir, cwd);
	sys_close(cwd);
	if (tree >= 0 && r < 0) {
		sys_close(tree);
		tree = fail(c, STEP_FCHDIR, r);
	}
	return tree < 0 ? tree : keep(c, o->tree, tree, o->attr, o->userns);
}

int op_mount_reconfigure(struct ctx *c, const void *rec)
{
	const struct op_mount_reconfigure *o = rec;
	int fd, fs;
	long r = resolve_existing(c, o->root, plan_str(c, o->path), 0, &fd);

	if (r)
		return (int)r;
	fs = (int)SYS3(__NR_fspick, fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
	sys_close(fd);
	if (fs < 0)
		return fail(c, STEP_FSPICK, fs);
	r = fs_options(c, fs, o->options);
	if (r == 0) {
		r = SYS5(__NR_fsconfig, fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
		if (r < 0)
			r = context_error(c, fs, STEP_FSCONFIG, r, "");
	}
	sys_close(fs);
	return (int)r;
}
