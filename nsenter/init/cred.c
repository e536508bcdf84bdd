/* cred.*, caps.*: who the program is and what it may do. */
#include "init.h"

#define CAPS 64u

int op_cred_groups(struct ctx *c, const void *rec)
{
	const struct op_cred_groups *o = rec;
	long r = SYS2(__NR_setgroups, o->gids.len, plan_blob(c, o->gids));

	return r < 0 ? fail(c, STEP_SETGROUPS, r) : 0;
}

int op_cred_user(struct ctx *c, const void *rec)
{
	const struct op_cred_user *o = rec;
	unsigned int uid = (unsigned int)o->uid, gid = (unsigned int)o->gid;
	int keep = !!(o->flags & PL_CRED_KEEPCAPS);
	long r = keep ? sys_prctl(PR_SET_KEEPCAPS, 1, 0) : 0;

	if (r < 0)
		return fail(c, STEP_PRCTL, r);
	r = SYS3(__NR_setresgid, gid, gid, gid);
	if (r < 0)
		return fail(c, STEP_SETRESGID, r);
	r = SYS3(__NR_setresuid, uid, uid, uid);
	if (r < 0)
		return fail(c, STEP_SETRESUID, r);
	/* A change of the user makes the process dumpable where fs.suid_dumpable is 1. */
	r = sys_prctl(PR_SET_DUMPABLE, 0, 0);
	if (r == 0 && keep)
		r = sys_prctl(PR_SET_KEEPCAPS, 0, 0);
	return r < 0 ? fail(c, STEP_PRCTL, r) : 0;
}

/* EPERM only matters for a capability that is still there. */
int op_caps_bounding(struct ctx *c, const void *rec)
{
	const struct op_caps_bounding *o = rec;

	for (unsigned int cap = 0; cap < CAPS; cap++) {
		int r;

		if (o->set >> cap & 1)
			continue;
		r = sys_prctl(PR_CAPBSET_DROP, cap, 0);
		if (r == -EINVAL)
			break;
		if (r < 0 && sys_prctl(PR_CAPBSET_READ, cap, 0) != 0)
			return fail(c, STEP_PRCTL, r);
	}
	return 0;
}

int op_caps_set(struct ctx *c, const void *rec)
{
	const struct op_caps_set *o = rec;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
	struct __user_cap_data_struct data[2];
	long r;

	for (unsigned int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(o->effective >> 32 * i);
		data[i].permitted = (uint32_t)(o->permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(o->inheritable >> 32 * i);
	}
	r = SYS2(__NR_capset, &head, data);
	return r < 0 ? fail(c, STEP_CAPSET, r) : 0;
}

int op_caps_ambient(struct ctx *c, const void *rec)
{
	const struct op_caps_ambient *o = rec;
	long r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);

	for (unsigned int cap = 0; cap < CAPS && r == 0; cap++)
		if (o->set >> cap & 1)
			r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap);
	return r < 0 ? fail(c, STEP_PRCTL, r) : 0;
}
