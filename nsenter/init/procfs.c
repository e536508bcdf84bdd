/* procfs.open, sysctl.write, proc.attr: writing to the kernel through a procfs that the container cannot have touched. */
#include "init.h"

#define PROC_ROOT_INODE 1

/* Below a procfs: no link, no ".." out, no other mount on top of the file. */
#define PROC_RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

static int is_procfs(int fd)
{
	struct statfs fs;

	return SYS2(__NR_fstatfs, fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Where a new procfs is refused (in a user namespace, when the visible one has mounts on it), the one at /proc will do, if it is a
 * procfs from its root on; PROC_RESOLVE keeps off the mounts on it. */
static int visible_procfs(void)
{
	int fd = sys_openat2(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	struct statx st;

	if (fd < 0 || (is_procfs(fd) && sys_fstat(fd, &st) == 0 && st.stx_ino == PROC_ROOT_INODE))
		return fd;
	sys_close(fd);
	return -EXDEV;
}

int op_procfs_open(struct ctx *c, const void *rec)
{
	const struct op_procfs_open *o = rec;
	int fd = new_mount(c, "proc", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	int r = fd;

	if (fd < 0)
		fd = visible_procfs();
	if (fd < 0)
		return r; /* why a new one was refused */
	slot_put(c, o->proc, fd);
	return 0;
}

/* Opens the file below a directory of proc, which is opened first so that ".." cannot lead elsewhere in the procfs. */
static int open_file(int proc, const char *dir, const char *path)
{
	int base = open_retry(proc, dir, O_PATH | O_DIRECTORY, PROC_RESOLVE), fd;

	if (base < 0)
		return base;
	fd = open_retry(base, path, O_WRONLY, PROC_RESOLVE);
	sys_close(base);
	return fd;
}

/* One write, as the kernel's files want it. */
static int write_file(struct ctx *c, int proc, const char *dir, const char *path, struct pl_ref value)
{
	int fd = open_file(proc, dir, path);
	long r;

	if (fd < 0)
		return fail_text(c, STEP_OPENAT2, fd, path);
	if (!is_procfs(fd)) {
		sys_close(fd);
		return fail_text(c, STEP_VERIFY_PROCFS, -EXDEV, path);
	}
	r = sys_write(fd, plan_str(c, value), value.len);
	sys_close(fd);
	return r == (long)value.len ? 0 : fail_text(c, STEP_WRITE, r, path);
}

int op_sysctl_write(struct ctx *c, const void *rec)
{
	const struct op_sysctl_write *o = rec;

	return write_file(c, slot_get(c, o->proc), "sys", plan_str(c, o->path), o->value);
}

/* The directory of this process is named by the link "self", read and not followed: its text is right for whatever pid namespace
 * the procfs belongs to. */
int op_proc_attr(struct ctx *c, const void *rec)
{
	const struct op_proc_attr *o = rec;
	int proc = slot_get(c, o->proc);
	char self[32];
	long n = SYS4(__NR_readlinkat, proc, "self", self, sizeof(self) - 1);

	if (n < 0)
		return fail_text(c, STEP_READLINKAT, n, "self");
	self[n] = 0;
	return write_file(c, proc, self, plan_str(c, o->path), o->value);
}
