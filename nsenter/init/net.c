/* net.loopback: the one interface that every network namespace has. */
#include "init.h"

/* struct ifreq of netdevice(7), whose uapi header does not go together with the C library's. */
struct if_request {
	char name[16];
	union {
		short flags;
		char size[24];
	};
};
_Static_assert(sizeof(struct if_request) == 40, "struct ifreq");

#define IF_UP 1
#define GET_FLAGS 0x8913ul
#define SET_FLAGS 0x8914ul
#define FAMILY_UNIX 1ul
#define TYPE_DATAGRAM_CLOEXEC (2ul | 02000000ul)

/* Any socket will do for these requests; AF_UNIX is in every kernel. */
int op_net_loopback(struct ctx *c, const void *rec)
{
	struct if_request req = { .name = "lo" };
	long sock = SYS3(__NR_socket, FAMILY_UNIX, TYPE_DATAGRAM_CLOEXEC, 0), r;

	(void)rec;
	if (sock < 0)
		return fail(c, STEP_SOCKET, sock);
	r = SYS3(__NR_ioctl, sock, GET_FLAGS, &req);
	req.flags = (short)(req.flags | IF_UP);
	if (r == 0)
		r = SYS3(__NR_ioctl, sock, SET_FLAGS, &req);
	sys_close((int)sock);
	return r < 0 ? fail(c, STEP_IOCTL, r) : 0;
}
