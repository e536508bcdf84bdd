/* Numbered descriptors. A slot's descriptor is closed right after the last operation that names it, so that nothing of the host
 * stays open past its use. */
#include "init.h"

/* Returns the descriptor or -EBADF, which the system call that gets it then reports. */
int slot_get(struct ctx *c, uint64_t slot)
{
	return slot < c->plan.head->nslots && c->slots[slot].fd >= 0 ? c->slots[slot].fd : -EBADF;
}

void slot_put(struct ctx *c, uint64_t slot, int fd)
{
	if (slot >= c->plan.head->nslots) {
		sys_close(fd);
		return;
	}
	if (c->slots[slot].fd >= 0)
		sys_close(c->slots[slot].fd);
	c->slots[slot].fd = fd;
}

/* The descriptor goes to the caller, who closes it. */
int slot_take(struct ctx *c, uint64_t slot)
{
	int fd = slot_get(c, slot);

	if (fd >= 0)
		c->slots[slot].fd = -1;
	return fd;
}

static int prepare_exec(struct ctx *c, const struct op_proc_exec *o)
{
	c->msg.index = o->op.index;
	c->argv = make_argv(c, NULL, o->args);
	c->env = make_argv(c, NULL, o->env);
	return c->argv && c->env ? 0 : fail(c, STEP_EXECVE, -ENOMEM);
}

/* Fills the slots, notes which operation uses each of them last, and makes what proc.exec needs. */
int prepare(struct ctx *c)
{
	const uint8_t *at = c->plan.records;
	int r = 0;

	for (uint32_t i = 0; i < c->plan.head->nslots; i++)
		c->slots[i] = (struct slot){ .fd = c->plan.slots[i], .last = UINT32_MAX };
	for (uint32_t n = 0; n < c->plan.head->nops && r == 0; n++) {
		const struct pl_op *op = (const void *)at;

		for (unsigned int i = 0; i < plan_fields(op->code); i++)
			if (plan_kind(op->code, i) == KIND_SLOT && plan_field(op, i) != NO_SLOT)
				c->slots[plan_field(op, i)].last = n;
		if (op->code == OP_PROC_EXEC && !c->argv)
			r = prepare_exec(c, (const void *)op);
		at += op->size;
	}
	return r;
}

void slots_release(struct ctx *c, const struct pl_op *op, uint32_t record)
{
	for (unsigned int i = 0; i < plan_fields(op->code) && !c->filtered; i++) {
		uint64_t slot = plan_field(op, i);
		int fd;

		if (plan_kind(op->code, i) != KIND_SLOT || slot == NO_SLOT || c->slots[slot].last != record)
			continue;
		fd = slot_take(c, slot);
		if (fd >= 0)
			sys_close(fd);
	}
}
