/* The in-container init: maps a plan, checks it, carries it out in order. It decides nothing by itself; what fails is reported as
 * (operation, step, errno) and ends it. */
#include "init.h"

#define ENTRY(code, name, n, ...) [code] = op_##name,
static handler *const handlers[OP_END] = { PL_OPS(ENTRY) };
#undef ENTRY

/* Performs the operations; returns when one without OP_TRY fails, with the error in c->msg, or after the last one. */
int run_plan(struct ctx *c)
{
	const uint8_t *at = c->plan.records;
	int failed = 0;

	for (uint32_t n = 0; n < c->plan.head->nops; n++) {
		const struct pl_op *op = (const void *)at;
		int r = 0;

		c->msg.index = op->index;
		if (!(op->flags & PL_OP_ELSE) || failed) {
			c->msg.step = STEP_NONE;
			c->msg.value = 0;
			c->msg.detail[0] = 0;
			r = handlers[op->code](c, op);
		}
		if (r < 0 && !(op->flags & PL_OP_TRY))
			return r;
		failed = r < 0;
		slots_release(c, op, n);
		at += op->size;
	}
	return 0;
}

#ifndef INIT_HOSTED

static int parse_fd(const char *s)
{
	int n = 0;

	if (!s || !*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > 1 << 20)
			return -1;
		n = n * 10 + (*s - '0');
	}
	return n;
}

/* Ignored signals survive an execve, and a mask does too: whatever the caller had, the container starts clean. */
static void reset_signals(void)
{
	struct sys_sigaction dfl = { 0 };
	unsigned long none = 0;

	for (int sig = 1; sig <= SIGNALS; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			SYS4(__NR_rt_sigaction, sig, &dfl, NULL, sizeof(dfl.mask));
	SYS4(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

static _Noreturn void refuse(struct ctx *c, int sync, uint32_t index, long err, const char *why)
{
	c->out = sync;
	c->msg.index = index;
	report_error(c, fail_text(c, STEP_PLAN, err, why));
}

static const void *map_plan(int fd, size_t *size)
{
	struct statx st;
	long p;

	if (sys_fstat(fd, &st) < 0 || st.stx_size < sizeof(struct plan_header) || st.stx_size > PLAN_MAX)
		sys_exit(1);
	*size = st.stx_size;
	p = SYS6(__NR_mmap, NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p < 0 && p > -4096)
		sys_exit(1);
	return (const void *)p;
}

/* The plan, the socket and the slots become close-on-exec; what lies above the last of them is nobody's, and is closed. */
static void tidy_fds(struct ctx *c, int plan)
{
	int top = plan > c->in ? plan : c->in;

	if (c->plan.head->exe > top)
		top = c->plan.head->exe;
	for (uint32_t i = 0; i < c->plan.head->nslots; i++) {
		if (c->plan.slots[i] < 0)
			continue;
		if (c->plan.slots[i] > top)
			top = c->plan.slots[i];
		SYS3(__NR_fcntl, c->plan.slots[i], F_SETFD, FD_CLOEXEC);
	}
	SYS3(__NR_fcntl, c->in, F_SETFD, FD_CLOEXEC);
	SYS3(__NR_close_range, top + 1, ~0U, 0);
	if (c->plan.head->exe >= 0)
		sys_close(c->plan.head->exe);
	sys_close(plan);
}

_Noreturn void init_main(const long *stack);

/* stack: argc, argv, NULL, environment, as the kernel leaves it at the entry point. */
_Noreturn void init_main(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);
	struct ctx c; /* not cleared as a whole: its slots are 32 KiB that most plans never touch */
	const struct plan_header *head;
	const char *why;
	uint32_t index;
	size_t size;
	int fd, r;

	sys_prctl(PR_SET_DUMPABLE, 0, 0);
	/* Else ps(1) shows the number of the descriptor that this was executed from. */
	sys_prctl(PR_SET_NAME, (unsigned long)"minirun:init", 0);
	fd = stack[0] == 2 ? parse_fd(argv[1]) : -1;
	head = map_plan(fd, &size);
	memset(&c.msg, 0, sizeof(c.msg));
	if (plan_check(head, size, &c.plan, &why, &index) < 0)
		refuse(&c, head->magic == PLAN_MAGIC ? head->sync : -1, index, -EINVAL, why);
	if ((SYS2(__NR_fcntl, fd, F_GET_SEALS) & PLAN_SEALS) != PLAN_SEALS)
		refuse(&c, head->sync, UINT32_MAX, -EPERM, "the plan is not sealed");
	c.in = c.out = head->sync;
	c.program = NULL;
	c.argv = c.env = NULL;
	c.filtered = c.umask_done = c.cwd_done = 0;
	c.home[0] = 0;
	c.umask = (unsigned int)SYS1(__NR_umask, 0);
	tidy_fds(&c, fd);
	reset_signals();
	r = prepare(&c);
	if (r == 0)
		r = run_plan(&c);
	if (r < 0)
		report_error(&c, r);
	sys_exit(0);
}

#endif
