/* ns.*, proc.*, uts.*, rlimit.set: the process itself, up to the program's execve. */
#include "init.h"

int op_ns_unshare(struct ctx *c, const void *rec)
{
	const struct op_ns_unshare *o = rec;
	long r = SYS1(__NR_unshare, o->flags);

	return r < 0 ? fail(c, STEP_UNSHARE, r) : 0;
}

int op_ns_setns(struct ctx *c, const void *rec)
{
	const struct op_ns_setns *o = rec;
	long r = SYS2(__NR_setns, slot_get(c, o->ns), o->flags);

	return r < 0 ? fail(c, STEP_SETNS, r) : 0;
}

/* A file of this process in the procfs that is mounted at /proc, verified. Only for use before the container's root is entered. */
static int own_proc_file(struct ctx *c, const char *path, int flags)
{
	int fd = sys_openat(AT_FDCWD, path, flags, 0);
	struct statfs fs;

	if (fd < 0)
		return fail_text(c, STEP_OPEN, fd, path);
	if (SYS2(__NR_fstatfs, fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)
		return fd;
	sys_close(fd);
	return fail_text(c, STEP_VERIFY_PROCFS, -EXDEV, path);
}

/* The file belongs to the host's root while the process is not dumpable, so inside a user namespace it must be for a moment. */
static int write_offsets(struct ctx *c, const char *offsets, size_t n)
{
	int dumpable = sys_prctl(PR_GET_DUMPABLE, 0, 0);
	long r = sys_prctl(PR_SET_DUMPABLE, 1, 0);
	int fd;

	if (r < 0)
		return fail(c, STEP_PRCTL, r);
	fd = own_proc_file(c, "/proc/self/timens_offsets", O_WRONLY);
	sys_prctl(PR_SET_DUMPABLE, dumpable > 0, 0);
	if (fd < 0)
		return fd;
	r = sys_write(fd, offsets, n);
	sys_close(fd);
	return r == (long)n ? 0 : fail(c, STEP_TIMENS_OFFSETS, r);
}

/* unshare(2) of a time namespace holds for children only. setns(2) takes the process itself in, which spares a fork (and process 1
 * of a pid namespace could not fork with CLONE_PARENT). */
int op_ns_timens(struct ctx *c, const void *rec)
{
	const struct op_ns_timens *o = rec;
	int fd;
	long r = o->offsets.len ? write_offsets(c, plan_str(c, o->offsets), o->offsets.len) : 0;

	if (r < 0)
		return (int)r;
	fd = sys_openat(AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY, 0);
	if (fd < 0)
		return fail(c, STEP_OPEN, fd);
	r = SYS2(__NR_setns, fd, CLONE_NEWTIME);
	sys_close(fd);
	return r < 0 ? fail(c, STEP_SETNS, r) : 0;
}

/* In the child: its own reports must come after the one that tells of it. An end without a word means that the parent died. */
static int wait_told(struct ctx *c, const int told[2])
{
	char ok;
	long r;

	sys_close(told[1]);
	do
		r = sys_read(told[0], &ok, 1);
	while (r == -EINTR);
	sys_close(told[0]);
	if (r == 0)
		sys_exit(1);
	return r < 0 ? fail(c, STEP_READ, r) : 0;
}

/* The child is a sibling, a child of the caller; it goes on with the plan, and this process ends. */
int op_proc_fork(struct ctx *c, const void *rec)
{
	const struct op_proc_fork *o = rec;
	int pidfd = -1, told[2];
	struct clone_args args = { .flags = o->flags | CLONE_PARENT | CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd };
	long pid = SYS2(__NR_pipe2, told, O_CLOEXEC);
	int r;

	if (pid < 0)
		return fail_text(c, STEP_CLONE3, pid, "pipe2");
	pid = SYS2(__NR_clone3, &args, sizeof(args));
	if (pid < 0)
		return fail(c, STEP_CLONE3, pid);
	if (pid == 0)
		return wait_told(c, told);
	r = report_fd(c, MSG_CHILD, pid, pidfd);
	if (r < 0)
		report_error(c, r);
	sys_write(told[1], "", 1);
	sys_exit(0);
}

int op_proc_dumpable(struct ctx *c, const void *rec)
{
	const struct op_proc_dumpable *o = rec;
	long r = sys_prctl(PR_SET_DUMPABLE, o->value, 0);

	return r < 0 ? fail(c, STEP_PRCTL, r) : 0;
}

int op_proc_setsid(struct ctx *c, const void *rec)
{
	long r = SYS0(__NR_setsid);

	(void)rec;
	return r < 0 ? fail(c, STEP_SETSID, r) : 0;
}

/* The keyring's owner is root, so the container's user needs the right to search it. */
#define KEYRING_PERMISSIONS 0x3f1b0000

int op_proc_keyring(struct ctx *c, const void *rec)
{
	const struct op_proc_keyring *o = rec;
	long id = SYS2(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, plan_str(c, o->name));

	if (id >= 0)
		id = SYS3(__NR_keyctl, KEYCTL_SETPERM, id, KEYRING_PERMISSIONS);
	return id < 0 ? fail(c, STEP_KEYCTL, id) : 0;
}

/* Until here the init works with umask 0, so that modes are what the plan says. */
int op_proc_umask(struct ctx *c, const void *rec)
{
	const struct op_proc_umask *o = rec;

	c->umask = (unsigned int)o->mask;
	c->umask_done = 1;
	SYS1(__NR_umask, c->umask);
	return 0;
}

/* A directory outside the root shows as "(unreachable)..." or not at all: a leaked descriptor led there. */
static int check_cwd(struct ctx *c)
{
	char cwd[MAX_PATH];
	long r = SYS2(__NR_getcwd, cwd, sizeof(cwd));

	if (r < 0)
		return fail(c, STEP_GETCWD, r);
	return r < 2 || cwd[0] != '/' ? fail(c, STEP_GETCWD, -ENOENT) : 0;
}

static int make_cwd(struct ctx *c, const char *path)
{
	struct target t;
	int root;
	int r = root_get(c, NO_SLOT, &root);

	if (r < 0)
		return r;
	r = resolve(c, root, path, 0, WANT_DIR, 0755, &t);
	root_put(NO_SLOT, root);
	if (r == 0)
		sys_close(t.fd);
	return r;
}

int op_proc_chdir(struct ctx *c, const void *rec)
{
	const struct op_proc_chdir *o = rec;
	const char *path = plan_str(c, o->path);
	long r = SYS1(__NR_chdir, path);

	if (r == -ENOENT && o->flags & PL_CHDIR_MKDIR) {
		r = make_cwd(c, path);
		if (r < 0)
			return (int)r;
		r = SYS1(__NR_chdir, path);
	}
	if (r == -EACCES && o->flags & PL_CHDIR_RETRY && c->cwd_done)
		return 0;
	r = r < 0 ? fail(c, STEP_CHDIR, r) : check_cwd(c);
	c->cwd_done = r == 0;
	return (int)r;
}

int op_proc_personality(struct ctx *c, const void *rec)
{
	const struct op_proc_personality *o = rec;
	long r = SYS1(__NR_personality, o->value);

	return r < 0 ? fail(c, STEP_PERSONALITY, r) : 0;
}

int op_proc_nonewprivs(struct ctx *c, const void *rec)
{
	long r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);

	(void)rec;
	return r < 0 ? fail(c, STEP_PRCTL, r) : 0;
}

/* 0, or why path cannot be executed. */
static long executable(const char *path)
{
	int fd = sys_openat(AT_FDCWD, path, O_PATH, 0);
	struct statx st;
	long r;

	if (fd < 0)
		return fd;
	r = sys_fstat(fd, &st);
	if (r == 0 && S_TYPE(st.stx_mode) == TYPE_DIR)
		r = -EISDIR;
	else if (r == 0 && S_TYPE(st.stx_mode) != TYPE_REG)
		r = -EACCES;
	if (r == 0)
		r = SYS4(__NR_faccessat2, fd, "", ACCESS_X, AT_EACCESS | AT_EMPTY_PATH);
	sys_close(fd);
	return r;
}

/* A refusal says more than an absence, and a missing permission more than a directory of that name. */
static int weight(long err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return 1;
	case -EISDIR:
		return 2;
	case -EACCES:
	case -EPERM:
		return 4;
	default:
		return 3;
	}
}

int op_proc_lookup(struct ctx *c, const void *rec)
{
	const struct op_proc_lookup *o = rec;
	long worst = -ENOENT;

	set_detail(c, plan_str(c, o->name));
	for (uint32_t i = 0; i < o->candidates.len; i++) {
		const char *path = plan_item(c, o->candidates, i);
		long r = executable(path);

		if (r == 0) {
			c->program = path;
			return 0;
		}
		if (weight(r) > weight(worst) || str_equal(path, plan_str(c, o->name))) {
			worst = r;
			set_detail(c, path);
		}
	}
	return fail(c, STEP_LOOKUP, worst);
}

int op_proc_closefds(struct ctx *c, const void *rec)
{
	const struct op_proc_closefds *o = rec;
	long r = SYS3(__NR_close_range, o->first, ~0U, CLOSE_RANGE_CLOEXEC);

	return r < 0 ? fail(c, STEP_CLOSE_RANGE, r) : 0;
}

/* The strings of list as a NULL-terminated array on pages of its own, with room for one more; first, when not NULL, stands in for an
 * empty list. */
char **make_argv(const struct ctx *c, const char *first, struct pl_ref list)
{
	long p = SYS6(__NR_mmap, NULL, ((size_t)list.len + 2) * sizeof(char *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON_FLAG, -1, 0);
	char **v = (char **)p;

	if (p < 0 && p > -4096)
		return NULL;
	for (uint32_t i = 0; i < list.len; i++)
		v[i] = (char *)(uintptr_t)plan_item(c, list, i);
	if (!list.len && first)
		v[0] = (char *)(uintptr_t)first;
	return v;
}

void free_argv(char **v, struct pl_ref list)
{
	if (v)
		SYS2(__NR_munmap, v, ((size_t)list.len + 2) * sizeof(char *));
}

int op_proc_exec(struct ctx *c, const void *rec)
{
	const struct op_proc_exec *o = rec;
	const char *path = c->program;
	long r;

	if (!o->args.len)
		return fail(c, STEP_EXECVE, -EINVAL);
	if (!path)
		path = c->argv[0];
	if (c->home[0])
		c->env[o->env.len] = c->home;
	if (!c->umask_done)
		SYS1(__NR_umask, c->umask);
	r = SYS3(__NR_execve, path, c->argv, c->env);
	return fail_text(c, STEP_EXECVE, r, path);
}

int op_proc_execaffinity(struct ctx *c, const void *rec)
{
	const struct op_proc_execaffinity *o = rec;
	long r = SYS3(__NR_sched_setaffinity, 0, o->mask.len, plan_blob(c, o->mask));

	return r < 0 ? fail(c, STEP_SCHED_SETAFFINITY, r) : 0;
}

/* The kernel reads as many bytes as the structure's first word says. */
int op_proc_scheduler(struct ctx *c, const void *rec)
{
	const struct op_proc_scheduler *o = rec;
	const uint32_t *attr = plan_blob(c, o->attr);
	long r = -EINVAL;

	if (o->attr.len >= sizeof(*attr) && *attr <= o->attr.len)
		r = SYS3(__NR_sched_setattr, 0, attr, 0);
	return r < 0 ? fail(c, STEP_SCHED_SETATTR, r) : 0;
}

int op_proc_ioprio(struct ctx *c, const void *rec)
{
	const struct op_proc_ioprio *o = rec;
	long r = SYS3(__NR_ioprio_set, PRIO_PROCESS_SELF, 0, o->value);

	return r < 0 ? fail(c, STEP_IOPRIO_SET, r) : 0;
}

#define WORD_BITS 64u

/* The kernel takes one bit less than it is told of. */
int op_proc_mempolicy(struct ctx *c, const void *rec)
{
	const struct op_proc_mempolicy *o = rec;
	unsigned long bits = o->nodes.len / (WORD_BITS / 8) * WORD_BITS;
	long r = SYS3(__NR_set_mempolicy, o->mode, bits ? plan_blob(c, o->nodes) : NULL, bits ? bits + 1 : 0);

	return r < 0 ? fail(c, STEP_SET_MEMPOLICY, r) : 0;
}

int op_uts_hostname(struct ctx *c, const void *rec)
{
	const struct op_uts_hostname *o = rec;
	long r = SYS2(__NR_sethostname, plan_str(c, o->name), o->name.len);

	return r < 0 ? fail(c, STEP_SETHOSTNAME, r) : 0;
}

int op_uts_domainname(struct ctx *c, const void *rec)
{
	const struct op_uts_domainname *o = rec;
	long r = SYS2(__NR_setdomainname, plan_str(c, o->name), o->name.len);

	return r < 0 ? fail(c, STEP_SETDOMAINNAME, r) : 0;
}

int op_rlimit_set(struct ctx *c, const void *rec)
{
	const struct op_rlimit_set *o = rec;
	struct rlimit64 lim = { .rlim_cur = o->soft, .rlim_max = o->hard };
	long r = SYS4(__NR_prlimit64, 0, o->resource, &lim, NULL);

	return r < 0 ? fail(c, STEP_PRLIMIT, r) : 0;
}
