/* cgroup.join, stdio.own: where the process stands among others, and the pipes it was given. */
#include "init.h"

/* A thread that moves itself, being the only one, does not take the kernel's lock against forks. */
int op_cgroup_join(struct ctx *c, const void *rec)
{
	const struct op_cgroup_join *o = rec;
	long r = sys_write(slot_get(c, o->tasks), "0", 1);

	return r < 0 ? fail(c, STEP_WRITE, r) : 0;
}

/* Pipes only: a file or a terminal of the caller stays the caller's. Where the owner may not be changed the program can still use the
 * descriptor, only not open it by name. */
int op_stdio_own(struct ctx *c, const void *rec)
{
	const struct op_stdio_own *o = rec;
	struct statx st;

	(void)c;
	for (int fd = 0; fd <= 2; fd++)
		if (sys_fstat(fd, &st) == 0 && S_TYPE(st.stx_mode) == TYPE_FIFO && st.stx_uid != (uint32_t)o->uid)
			(void)SYS5(__NR_fchownat, fd, "", (unsigned int)o->uid, (unsigned int)-1, AT_EMPTY_PATH);
	return 0;
}
