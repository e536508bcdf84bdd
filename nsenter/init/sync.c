/* sync.*: the points where init and host side meet. */
#include "init.h"

int op_sync_wait(struct ctx *c, const void *rec)
{
	const struct op_sync_wait *o = rec;
	int r = report(c, MSG_SYNC, (int64_t)o->point, STEP_NONE);

	return r < 0 ? r : wait_ack_fds(c, o->into);
}

int op_sync_send(struct ctx *c, const void *rec)
{
	const struct op_sync_send *o = rec;
	int r = report_fd(c, MSG_SYNC, (int64_t)o->point, slot_get(c, o->fd));

	return r < 0 ? r : wait_ack(c);
}

/* The creating command may go away now. What starts the container comes by the fifo, whose own descriptor is open for writing too, so
 * that read(2) waits however many writers come and go. */
int op_sync_created(struct ctx *c, const void *rec)
{
	const struct op_sync_created *o = rec;
	int start = slot_take(c, o->start), result = slot_take(c, o->result), sock = c->out;
	char go;
	long r;

	if (start < 0 || result < 0)
		return fail(c, STEP_READ, -EBADF);
	r = report(c, MSG_CREATED, 0, STEP_NONE);
	if (r < 0)
		return (int)r;
	c->in = start;
	c->out = result;
	if (!c->filtered)
		sys_close(sock);
	do
		r = sys_read(start, &go, 1);
	while (r == -EINTR);
	return r == 1 ? 0 : fail(c, STEP_READ, r);
}

int op_sync_final(struct ctx *c, const void *rec)
{
	(void)rec;
	return report(c, MSG_FINAL, 0, STEP_NONE);
}

/* Under the new filter only read(2) and write(2) are used: the host side fetches the listener by pidfd_getfd(2). */
int op_seccomp_load(struct ctx *c, const void *rec)
{
	const struct op_seccomp_load *o = rec;
	struct sock_fprog prog = {
		.len = (unsigned short)(o->filter.len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(uintptr_t)plan_blob(c, o->filter),
	};
	long fd;
	int r;

	if (o->filter.len % sizeof(struct sock_filter) || o->filter.len / sizeof(struct sock_filter) > 0xffff)
		return fail(c, STEP_SECCOMP, -EINVAL);
	fd = SYS3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, o->flags, &prog);
	if (fd < 0)
		return fail(c, STEP_SECCOMP, fd);
	c->filtered = 1;
	if (!(o->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return 0;
	r = report(c, MSG_SYNC, (int64_t)o->point, (uint32_t)fd);
	return r < 0 ? r : wait_ack(c);
}
