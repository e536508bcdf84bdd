/* Reports to the host side and its answers. A message without a descriptor is one write(2) and an answer one read(2), so that
 * they pass under any seccomp filter that lets the program itself live. */
#include "init.h"

union rights {
	struct sys_cmsghdr head;
	char bytes[sizeof(struct sys_cmsghdr) + 8 * sizeof(long) * 32];
};

int fail(struct ctx *c, enum pl_step step, long err)
{
	c->msg.step = step;
	return err < 0 ? (int)err : -EIO;
}

void set_detail(struct ctx *c, const char *text)
{
	put_str(c->msg.detail, c->msg.detail + DETAIL, text);
}

int fail_text(struct ctx *c, enum pl_step step, long err, const char *text)
{
	set_detail(c, text);
	return fail(c, step, err);
}

static long write_msg(struct ctx *c)
{
	long r;

	do
		r = sys_write(c->out, &c->msg, sizeof(c->msg));
	while (r == -EINTR);
	return r;
}

/* Ends the process; who hears it does not matter any more. */
_Noreturn void report_error(struct ctx *c, int err)
{
	c->msg.kind = MSG_ERROR;
	c->msg.err = c->msg.step == STEP_HOOK_EXIT || c->msg.step == STEP_HOOK_SIGNAL ? 0 : -err;
	write_msg(c);
	sys_exit(1);
}

int report(struct ctx *c, enum msg_kind kind, int64_t value, uint32_t step)
{
	long r;

	c->msg.kind = kind;
	c->msg.err = 0;
	c->msg.step = step;
	c->msg.value = value;
	c->msg.detail[0] = 0;
	r = write_msg(c);
	return r == (long)sizeof(c->msg) ? 0 : fail(c, STEP_WRITE, r);
}

int report_fd(struct ctx *c, enum msg_kind kind, int64_t value, int fd)
{
	struct iovec iov = { .iov_base = &c->msg, .iov_len = sizeof(c->msg) };
	union rights r = { .head = { .len = sizeof(struct sys_cmsghdr) + sizeof(int), .level = SOCK_SOL, .type = SOCK_RIGHTS } };
	struct sys_msghdr m = { .iov = &iov, .iovlen = 1, .control = &r, .controllen = sizeof(struct sys_cmsghdr) + sizeof(long) };
	long n;

	c->msg.kind = kind;
	c->msg.err = 0;
	c->msg.step = STEP_NONE;
	c->msg.value = value;
	c->msg.detail[0] = 0;
	memcpy(r.bytes + sizeof(struct sys_cmsghdr), &fd, sizeof(fd));
	do
		n = SYS3(__NR_sendmsg, c->out, &m, MSG_NO_SIGNAL);
	while (n == -EINTR);
	return n == (long)sizeof(c->msg) ? 0 : fail(c, STEP_SENDMSG, n);
}

/* Anything but GO ends the process in silence: the host side has given up, or is dead. */
static void check_ack(const struct pl_ack *ack, long n)
{
	if (n != (long)sizeof(*ack) || ack->kind != ACK_GO)
		sys_exit(1);
}

int wait_ack(struct ctx *c)
{
	struct pl_ack ack;
	long n;

	do
		n = sys_read(c->in, &ack, sizeof(ack));
	while (n == -EINTR);
	if (n < 0)
		return fail(c, STEP_READ, n);
	check_ack(&ack, n);
	return 0;
}

static int keep_rights(struct ctx *c, const union rights *r, size_t len, uint32_t count, uint64_t into)
{
	size_t n = 0;

	if (len >= sizeof(struct sys_cmsghdr) && r->head.level == SOCK_SOL && r->head.type == SOCK_RIGHTS)
		n = (r->head.len - sizeof(struct sys_cmsghdr)) / sizeof(int);
	if (n != count || into + n > c->plan.head->nslots)
		return fail_text(c, STEP_RECVMSG, -EPROTO, "wrong number of descriptors");
	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, r->bytes + sizeof(struct sys_cmsghdr) + i * sizeof(int), sizeof(fd));
		slot_put(c, into + i, fd);
	}
	return 0;
}

int wait_ack_fds(struct ctx *c, uint64_t into)
{
	struct pl_ack ack;
	union rights r;
	struct iovec iov = { .iov_base = &ack, .iov_len = sizeof(ack) };
	struct sys_msghdr m = { .iov = &iov, .iovlen = 1, .control = &r, .controllen = sizeof(r) };
	long n;

	if (into == NO_SLOT)
		return wait_ack(c);
	memset(&r.head, 0, sizeof(r.head));
	do
		n = SYS3(__NR_recvmsg, c->in, &m, MSG_CLOEXEC_RIGHTS);
	while (n == -EINTR);
	if (n < 0)
		return fail(c, STEP_RECVMSG, n);
	check_ack(&ack, n);
	return keep_rights(c, &r, m.controllen, ack.count, into);
}
