/* hook.run: a program beside the container's, with the state on its standard input. */
#include "init.h"

#define MS_PER_S 1000u
#define NS_PER_MS 1000000
#define FIRST_OTHER_FD 3

struct exec_error {
	int step;
	int err;
};

/* In the child. Every descriptor but 0 to 2 ends at the execve, so the hook inherits nothing of init or container. */
static struct exec_error become(const struct ctx *c, const struct op_hook_run *o, const int fds[2], char **argv, char **env)
{
	int state = fds[0], dir = fds[1];
	long r;

	if (dir >= 0) {
		r = SYS1(__NR_fchdir, dir);
		if (r < 0)
			return (struct exec_error){ STEP_FCHDIR, (int)r };
	}
	if (state >= 0) {
		r = SYS3(__NR_lseek, state, 0, SEEK_TO);
		if (r < 0)
			return (struct exec_error){ STEP_READ, (int)r };
		r = SYS3(__NR_dup3, state, 0, 0);
		if (r < 0)
			return (struct exec_error){ STEP_DUP3, (int)r };
	}
	r = SYS3(__NR_close_range, FIRST_OTHER_FD, ~0U, CLOSE_RANGE_CLOEXEC);
	if (r < 0)
		return (struct exec_error){ STEP_CLOSE_RANGE, (int)r };
	SYS1(__NR_umask, c->umask);
	r = SYS3(__NR_execve, plan_str(c, o->path), argv, env);
	return (struct exec_error){ STEP_EXECVE, (int)r };
}

static void now_ms(uint64_t *ms)
{
	struct __kernel_timespec t = { 0 };

	SYS2(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, &t);
	*ms = (uint64_t)t.tv_sec * MS_PER_S + (uint64_t)t.tv_nsec / NS_PER_MS;
}

/* Waits until fd is readable: 0, or -ETIMEDOUT at the deadline (0: none). */
static long await(int fd, uint64_t deadline)
{
	struct sys_pollfd p = { .fd = fd, .events = POLL_IN };
	struct __kernel_timespec left;
	uint64_t now;
	long r;

	do {
		if (deadline) {
			now_ms(&now);
			if (now >= deadline)
				return -ETIMEDOUT;
			left.tv_sec = (long long)((deadline - now) / MS_PER_S);
			left.tv_nsec = (long long)((deadline - now) % MS_PER_S) * NS_PER_MS;
		}
		r = SYS5(__NR_ppoll, &p, 1, deadline ? &left : NULL, NULL, 0);
	} while (r == -EINTR || r == 0);
	return r < 0 ? r : 0;
}

static int reap(struct ctx *c, int pidfd)
{
	struct sys_siginfo info = { 0 };
	char text[DETAIL];
	const char *end = text + sizeof(text);
	long r;

	do
		r = SYS5(__NR_waitid, WAIT_PIDFD, pidfd, &info, WAIT_EXITED, NULL);
	while (r == -EINTR);
	if (r < 0)
		return fail(c, STEP_WAIT, r);
	if (info.code == CLD_IS_EXITED && info.status == 0)
		return 0;
	c->msg.value = info.status;
	put_num(put_str(text, end, info.code == CLD_IS_EXITED ? "exit status " : "signal "), end, (uint64_t)info.status, 10);
	return fail_text(c, info.code == CLD_IS_EXITED ? STEP_HOOK_EXIT : STEP_HOOK_SIGNAL, -EIO, text);
}

static int supervise(struct ctx *c, const struct op_hook_run *o, int pidfd, int errors)
{
	struct exec_error e;
	uint64_t deadline = 0;
	long r = sys_read(errors, &e, sizeof(e));

	if (r == (long)sizeof(e)) {
		reap(c, pidfd);
		c->msg.value = 0;
		return fail_text(c, (enum pl_step)e.step, e.err, plan_str(c, o->path));
	}
	if (o->timeout_ms) {
		now_ms(&deadline);
		deadline += o->timeout_ms;
	}
	r = await(pidfd, deadline);
	if (r == 0)
		return reap(c, pidfd);
	SYS4(__NR_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	reap(c, pidfd);
	if (r != -ETIMEDOUT)
		return fail(c, STEP_POLL, r);
	c->msg.value = (int64_t)o->timeout_ms;
	return fail_text(c, STEP_HOOK_TIMEOUT, r, "timed out");
}

/* Filters of engines answer ENOSYS to clone3(2), whose flags they cannot see; clone(2) passes. */
static long clone_hook(int *pidfd)
{
	struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD };
	long pid = SYS2(__NR_clone3, &args, sizeof(args));

	if (pid == -ENOSYS || pid == -EPERM)
		pid = SYS5(__NR_clone, CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, NULL);
	return pid;
}

static int spawn(struct ctx *c, const struct op_hook_run *o, char **argv, char **env)
{
	int fds[2] = { o->state == NO_SLOT ? -1 : slot_get(c, o->state), o->dir == NO_SLOT ? -1 : slot_get(c, o->dir) };
	int errors[2], pidfd = -1, r;
	long pid = SYS2(__NR_pipe2, errors, O_CLOEXEC);

	if (pid < 0)
		return fail_text(c, STEP_OPEN, pid, "pipe2");
	pid = clone_hook(&pidfd);
	if (pid == 0) {
		struct exec_error e = become(c, o, fds, argv, env);

		sys_write(errors[1], &e, sizeof(e));
		sys_exit(1);
	}
	sys_close(errors[1]);
	r = pid < 0 ? fail(c, STEP_CLONE3, pid) : supervise(c, o, pidfd, errors[0]);
	sys_close(errors[0]);
	if (pid > 0)
		sys_close(pidfd);
	return r;
}

int op_hook_run(struct ctx *c, const void *rec)
{
	const struct op_hook_run *o = rec;
	char **argv = make_argv(c, plan_str(c, o->path), o->args), **env = make_argv(c, NULL, o->env);

	int r;

	if (argv && env)
		r = spawn(c, o, argv, env);
	else
		r = fail(c, STEP_EXECVE, -ENOMEM);
	free_argv(argv, o->args);
	free_argv(env, o->env);
	return r;
}
