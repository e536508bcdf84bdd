/* System calls without a libc: the numbers and structures are the kernel's own (uapi headers); every call returns a negative
 * errno on failure. The hosted build (sanitizers, fuzzing) puts hosted_syscall in their place. */
#ifndef SYS_H
#define SYS_H

#include <stddef.h>
#include <stdint.h>

#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/statfs.h>
#include <asm/termios.h>
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/uio.h>

#ifdef INIT_HOSTED
long hosted_syscall(long nr, long a, long b, long c, long d, long e, long f);
#define SYS6(nr, a, b, c, d, e, f) hosted_syscall((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#elif defined(__x86_64__)
static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}
#define SYS6(nr, a, b, c, d, e, f) raw_syscall((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#elif defined(__aarch64__)
static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#define SYS6(nr, a, b, c, d, e, f) raw_syscall((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#else
#error "no system call convention for this architecture"
#endif

#define SYS5(nr, a, b, c, d, e) SYS6(nr, a, b, c, d, e, 0)
#define SYS4(nr, a, b, c, d) SYS6(nr, a, b, c, d, 0, 0)
#define SYS3(nr, a, b, c) SYS6(nr, a, b, c, 0, 0, 0)
#define SYS2(nr, a, b) SYS6(nr, a, b, 0, 0, 0, 0)
#define SYS1(nr, a) SYS6(nr, a, 0, 0, 0, 0, 0)
#define SYS0(nr) SYS6(nr, 0, 0, 0, 0, 0, 0)

/* What the uapi headers keep to the kernel or leave to the C library. */
#define S_TYPE(mode) ((mode) & 0170000u)
#define TYPE_DIR 0040000u
#define TYPE_CHR 0020000u
#define TYPE_BLK 0060000u
#define TYPE_REG 0100000u
#define TYPE_FIFO 0010000u
#define TYPE_LNK 0120000u
#define TYPE_SOCK 0140000u
#define ACCESS_X 1
#define SEEK_TO 0
#define SOCK_SOL 1
#define SOCK_RIGHTS 1
#define MSG_NO_SIGNAL 0x4000
#define MSG_CLOEXEC_RIGHTS 0x40000000
#define POLL_IN 1
#define WAIT_PIDFD 3
#define WAIT_EXITED 4
#define CLD_IS_EXITED 1
#define PRIO_PROCESS_SELF 1
#define MAP_ANON_FLAG 0x20
#define MNT_DETACH_FLAG 2
#define SIGNALS 64
#ifndef FCHMODAT2_NR
#define FCHMODAT2_NR 452 /* fchmodat2(2), Linux 6.6, the same number everywhere */
#endif

struct sys_msghdr {
	void *name;
	int namelen;
	struct iovec *iov;
	size_t iovlen;
	void *control;
	size_t controllen;
	unsigned int flags;
};

struct sys_cmsghdr {
	size_t len;
	int level;
	int type;
};

struct sys_pollfd {
	int fd;
	short events;
	short revents;
};

struct sys_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

/* siginfo_t as waitid(2) fills it. */
struct sys_siginfo {
	int signo;
	int err;
	int code;
	int pad;
	int pid;
	unsigned int uid;
	int status;
	int rest[25];
};
_Static_assert(sizeof(struct sys_siginfo) == 128, "siginfo");

struct sys_dirent {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* A filter that the container asks for may deny even this: then a fault ends the process. */
static inline _Noreturn void sys_exit(int status)
{
	SYS1(__NR_exit_group, status);
	__builtin_trap();
}

static inline int sys_close(int fd)
{
	return (int)SYS1(__NR_close, fd);
}

static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return (int)SYS4(__NR_openat2, dir, path, &how, sizeof(how));
}

static inline int sys_openat(int dir, const char *path, int flags, unsigned int mode)
{
	return (int)SYS4(__NR_openat, dir, path, flags | O_CLOEXEC, mode);
}

static inline int sys_statx(int dir, const char *path, int flags, struct statx *st)
{
	return (int)SYS5(__NR_statx, dir, path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID, st);
}

static inline int sys_fstat(int fd, struct statx *st)
{
	return sys_statx(fd, "", AT_EMPTY_PATH, st);
}

static inline int sys_open_tree(int dir, const char *path, unsigned int flags)
{
	return (int)SYS3(__NR_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC);
}

/* Both ends by descriptor: nothing is resolved a second time. */
static inline int sys_move_mount(int from, int to)
{
	return (int)SYS5(__NR_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int sys_mount_setattr(int fd, unsigned int flags, const struct mount_attr *attr)
{
	return (int)SYS5(__NR_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attr, sizeof(*attr));
}

static inline long sys_read(int fd, void *buf, size_t n)
{
	return SYS3(__NR_read, fd, buf, n);
}

static inline long sys_write(int fd, const void *buf, size_t n)
{
	return SYS3(__NR_write, fd, buf, n);
}

static inline int sys_prctl(int option, unsigned long a, unsigned long b)
{
	return (int)SYS5(__NR_prctl, option, a, b, 0, 0);
}

#endif
