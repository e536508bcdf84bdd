/* console.*: the container's terminal. Nothing is opened by a name that the image could have made. */
#include "init.h"

struct winsize_k {
	unsigned short rows, cols, xpixel, ypixel;
};

/* Opens the multiplexer: its directory must be the root of a devpts, where only the kernel makes files; nothing may be mounted on
 * it. So a link, a fifo or another device in its place is never opened. */
static int open_ptmx(struct ctx *c, int root, const char *path)
{
	char name[256];
	struct statfs fs;
	int dir, fd;
	int r = resolve_parent(c, root, path, name, &dir);

	if (r < 0)
		return r;
	r = (int)SYS2(__NR_fstatfs, dir, &fs);
	if (r < 0 || fs.f_type != DEVPTS_SUPER_MAGIC) {
		sys_close(dir);
		return fail_text(c, r < 0 ? STEP_FSTATFS : STEP_VERIFY_DEVICE, r < 0 ? r : -ENODEV, path);
	}
	fd = open_retry(dir, name, O_RDWR | O_NOCTTY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	sys_close(dir);
	return fd < 0 ? fail_text(c, STEP_OPENAT2, fd, path) : fd;
}

static int open_peer(struct ctx *c, const struct op_console_open *o, int master)
{
	struct winsize_k size = { .rows = (unsigned short)o->rows, .cols = (unsigned short)o->cols };
	int unlock = 0, tty;
	long r = SYS3(__NR_ioctl, master, TIOCSPTLCK, &unlock);

	if (r < 0)
		return fail_text(c, STEP_IOCTL, r, "TIOCSPTLCK");
	tty = (int)SYS3(__NR_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return fail_text(c, STEP_IOCTL, tty, "TIOCGPTPEER");
	r = size.rows || size.cols ? SYS3(__NR_ioctl, tty, TIOCSWINSZ, &size) : 0;
	if (r < 0)
		r = fail_text(c, STEP_IOCTL, r, "TIOCSWINSZ");
	else if ((r = SYS5(__NR_fchownat, tty, "", (unsigned int)o->uid, (unsigned int)o->gid, AT_EMPTY_PATH)) < 0)
		r = fail(c, STEP_FCHOWNAT, r);
	if (r < 0)
		sys_close(tty);
	return r < 0 ? (int)r : tty;
}

/* The terminal itself is cloned, by descriptor; the target's path must be free of links. */
static int bind_tty(struct ctx *c, int root, const char *path, int tty)
{
	struct target t;
	int tree, r;

	if (!*path)
		return 0;
	r = resolve_mountpoint(c, root, path, PL_MOUNT_NOFOLLOW, WANT_FILE, &t);
	if (r < 0)
		return r;
	tree = clone_tree(c, tty, 0);
	r = tree < 0 ? tree : attach(c, tree, t.fd);
	if (tree >= 0)
		sys_close(tree);
	sys_close(t.fd);
	return r;
}

static int hand_over(struct ctx *c, const struct op_console_open *o, int root, int master)
{
	int tty = open_peer(c, o, master), r;

	if (tty < 0)
		return tty;
	r = bind_tty(c, root, plan_str(c, o->target), tty);
	if (r == 0)
		r = report_fd(c, MSG_SYNC, (int64_t)o->point, master);
	if (r == 0)
		r = wait_ack(c);
	if (r < 0)
		sys_close(tty);
	else
		slot_put(c, o->tty, tty);
	return r;
}

int op_console_open(struct ctx *c, const void *rec)
{
	const struct op_console_open *o = rec;
	int root, master;
	int r = root_get(c, o->root, &root);

	if (r < 0)
		return r;
	master = open_ptmx(c, root, plan_str(c, o->ptmx));
	r = master;
	if (master >= 0) {
		r = hand_over(c, o, root, master);
		sys_close(master);
	}
	root_put(o->root, root);
	return r;
}

int op_console_attach(struct ctx *c, const void *rec)
{
	const struct op_console_attach *o = rec;
	int tty = slot_get(c, o->tty);
	long r = SYS3(__NR_ioctl, tty, TIOCSCTTY, 0);

	if (r < 0)
		return fail_text(c, STEP_IOCTL, r, "TIOCSCTTY");
	for (int fd = 0; fd < 3; fd++) {
		r = SYS3(__NR_dup3, tty, fd, 0);
		if (r < 0)
			return fail(c, STEP_DUP3, r);
	}
	return 0;
}
