/* A kernel that is not there: every system call of the init lands here, is written down, has its memory touched as a real one
 * would (so that the sanitizers see wild pointers), and gets an answer from a generator that the input seeds. */
#include "hosted.h"

#define MAP_BAD ((void *)-1)

enum { BUDGET = 20000, MAPS = 64 };

static struct {
	uint64_t state;
	unsigned int calls;
	int next_fd;
	int maps;
	void *map[MAPS];
	size_t len[MAPS];
	jump *out;
} k;

void kernel_reset(uint64_t seed, jump *out)
{
	k.state = seed | 1;
	k.calls = 0;
	k.next_fd = 10;
	k.maps = 0;
	k.out = out;
}

void kernel_cleanup(void)
{
	while (k.maps > 0) {
		k.maps--;
		munmap(k.map[k.maps], k.len[k.maps]);
	}
}

static uint64_t random64(void)
{
	k.state ^= k.state << 13;
	k.state ^= k.state >> 7;
	k.state ^= k.state << 17;
	return k.state;
}

static void fill(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((unsigned char *)p)[i] = (unsigned char)random64();
}

static volatile size_t touched;

static void touch(const void *p, size_t n)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		touched += b[i];
}

static void touch_str(long p)
{
	if (p)
		touched += str_len((const char *)p);
}

static void touch_list(char *const *v)
{
	for (; v && *v; v++)
		touched += str_len(*v);
}

/* Plausible file types and the odd garbage. */
static long do_statx(struct statx *st)
{
	static const uint16_t modes[] = { TYPE_DIR | 0755, TYPE_REG | 0644, TYPE_CHR | 0666, TYPE_LNK | 0777, TYPE_FIFO | 0600, TYPE_SOCK | 0700 };

	memset(st, 0, sizeof(*st));
	st->stx_mode = modes[random64() % 6];
	st->stx_rdev_major = (uint32_t)(random64() % 2);
	st->stx_rdev_minor = (uint32_t)(random64() % 4);
	st->stx_ino = random64() % 3;
	st->stx_attributes = random64() % 2 ? STATX_ATTR_MOUNT_ROOT : 0;
	return 0;
}

static long do_statfs(struct statfs *fs)
{
	static const long types[] = { PROC_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, TMPFS_MAGIC };

	memset(fs, 0, sizeof(*fs));
	fs->f_type = types[random64() % 3];
	return 0;
}

static long do_read(void *buf, size_t n)
{
	static const struct pl_ack go = { .kind = ACK_GO };

	n = n > 64 ? random64() % (n + 1) : n;
	if (n == sizeof(go) && random64() % 4) {
		memcpy(buf, &go, sizeof(go));
		return (long)n;
	}
	fill(buf, n);
	return random64() % 4 ? (long)n : 0;
}

static long do_readlink(char *buf, size_t n)
{
	static const char *const targets[] = { "a", "../x/y", "/proc/self", "/", "b//c/", "." };
	const char *t = targets[random64() % 6];
	size_t len = str_len(t);

	if (random64() % 16 == 0)
		len = n;
	for (size_t i = 0; i < len && i < n; i++)
		buf[i] = i < str_len(t) ? t[i] : 'q';
	return (long)(len < n ? len : n);
}

static long do_getdents(char *buf, size_t n)
{
	unsigned int entries = (unsigned int)(random64() % 3);
	size_t at = 0;

	for (unsigned int i = 0; i < entries; i++) {
		struct sys_dirent *e = (void *)(buf + at);

		if (at + 32 > n)
			break;
		e->reclen = 32;
		put_str(e->name, e->name + 8, random64() % 8 ? "name" : "..");
		at += 32;
	}
	return (long)at;
}

static long do_recvmsg(struct sys_msghdr *m)
{
	struct pl_ack ack = { .kind = random64() % 8 ? ACK_GO : ACK_ABORT, .count = (uint32_t)(random64() % 3) };
	struct sys_cmsghdr *h = m->control;
	int *fds = (int *)(h + 1);

	memcpy(m->iov->iov_base, &ack, sizeof(ack));
	if (!ack.count) {
		m->controllen = 0;
		return sizeof(ack);
	}
	h->len = sizeof(*h) + ack.count * sizeof(int);
	h->level = SOCK_SOL;
	h->type = SOCK_RIGHTS;
	for (uint32_t i = 0; i < ack.count; i++)
		fds[i] = k.next_fd++;
	m->controllen = h->len;
	return sizeof(ack);
}

static long do_mmap(size_t n, long prot, long flags)
{
	void *p = MAP_BAD;

	if (k.maps < MAPS)
		p = mmap(NULL, n, (int)prot, (int)flags, -1, 0);
	if (p == MAP_BAD)
		return -ENOMEM;
	k.map[k.maps] = p;
	k.len[k.maps++] = n;
	return (long)p;
}

static long do_munmap(void *p, size_t n)
{
	for (int i = 0; i < k.maps; i++) {
		if (k.map[i] != p || k.len[i] != n)
			continue;
		k.maps--;
		k.map[i] = k.map[k.maps];
		k.len[i] = k.len[k.maps];
		return munmap(p, n);
	}
	abort();
}

static long do_clone(const struct clone_args *a)
{
	touch(a, sizeof(*a));
	if (random64() % 4 == 0)
		return 0;
	if (a->pidfd)
		*(int *)(uintptr_t)a->pidfd = k.next_fd++;
	return 4711;
}

static long do_waitid(struct sys_siginfo *s)
{
	memset(s, 0, sizeof(*s));
	s->code = random64() % 4 ? CLD_IS_EXITED : 2;
	s->status = (int)(random64() % 2 * 9);
	return 0;
}

static long do_write(const void *p, size_t n)
{
	touch(p, n);
	return random64() % 16 ? (long)n : 1;
}

/* Calls that fill memory. */
static long answer_filling(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case __NR_statx:
		touch_str(b);
		return do_statx((void *)e);
	case __NR_fstatfs:
		return do_statfs((void *)b);
	case __NR_read:
		return do_read((void *)b, (size_t)c);
	case __NR_readlinkat:
		touch_str(b);
		return do_readlink((void *)c, (size_t)d);
	case __NR_getdents64:
		return do_getdents((void *)b, (size_t)c);
	case __NR_recvmsg:
		return do_recvmsg((void *)b);
	case __NR_waitid:
		return do_waitid((void *)c);
	case __NR_getcwd:
		put_str((char *)a, (char *)a + b, random64() % 4 ? "/cwd" : "(unreachable)/x");
		return (long)str_len((char *)a) + 1;
	case __NR_pipe2:
		((int *)a)[0] = k.next_fd++;
		((int *)a)[1] = k.next_fd++;
		return 0;
	case __NR_clock_gettime:
		fill((void *)b, sizeof(struct __kernel_timespec));
		((struct __kernel_timespec *)b)->tv_sec &= 0xffff;
		((struct __kernel_timespec *)b)->tv_nsec &= 0xfffff;
		return 0;
	default:
		return 0;
	}
}

/* Calls that take bytes. */
static long answer_taking(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case __NR_write:
		return do_write((const void *)b, (size_t)c);
	case __NR_sendmsg:
		touch(((struct sys_msghdr *)b)->control, ((struct sys_msghdr *)b)->controllen);
		return (long)((struct sys_msghdr *)b)->iov->iov_len;
	case __NR_seccomp:
		touch(((struct sock_fprog *)c)->filter, ((struct sock_fprog *)c)->len * sizeof(struct sock_filter));
		return k.next_fd++;
	case __NR_setgroups:
		touch((const void *)b, (size_t)a * sizeof(uint32_t));
		return 0;
	case __NR_sched_setaffinity:
		touch((const void *)c, (size_t)b);
		return 0;
	case __NR_sched_setattr:
		touch((const void *)b, *(const uint32_t *)b);
		return 0;
	case __NR_sethostname:
	case __NR_setdomainname:
		touch((const void *)a, (size_t)b);
		return 0;
	case __NR_mount_setattr:
		touch((const void *)d, (size_t)e);
		return 0;
	default:
		return answer_filling(nr, a, b, c, d, e);
	}
}

/* Calls that take strings. */
static long answer_strings(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case __NR_chdir:
	case __NR_fsopen:
		touch_str(a);
		return k.next_fd++;
	case __NR_openat:
	case __NR_openat2:
	case __NR_open_tree:
	case __NR_mkdirat:
	case __NR_mknodat:
	case __NR_unlinkat:
	case __NR_fchownat:
		touch_str(b);
		return k.next_fd++;
	case __NR_fspick:
		touch_str(b);
		return k.next_fd++;
	case __NR_mount:
		touch_str(a);
		touch_str(b);
		touch_str(c);
		touch_str(e);
		return 0;
	case __NR_keyctl:
		if (a == KEYCTL_JOIN_SESSION_KEYRING)
			touch_str(b);
		return k.next_fd++;
	case __NR_symlinkat:
		touch_str(a);
		touch_str(c);
		return 0;
	case __NR_fsconfig:
		touch_str(c);
		touch_str(d);
		return 0;
	default:
		return answer_taking(nr, a, b, c, d, e);
	}
}

/* Processes, memory, waiting; the rest by what it takes. */
static long answer(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case __NR_mmap:
		return do_mmap((size_t)b, c, d);
	case __NR_munmap:
		return do_munmap((void *)a, (size_t)b);
	case __NR_clone3:
		return do_clone((void *)a);
	case __NR_execve:
		touch_str(a);
		touch_list((char *const *)b);
		touch_list((char *const *)c);
		longjmp(k.out, 1);
	case __NR_ppoll:
	case __NR_sendfile:
		return (long)(random64() % 2);
	case __NR_fsmount:
	case __NR_fcntl:
	case __NR_ioctl:
		return k.next_fd++;
	default:
		return answer_strings(nr, a, b, c, d, e);
	}
}

long hosted_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	static const int errors[] = { EPERM, ENOENT, EACCES, EEXIST, EINVAL, ELOOP, EAGAIN, EINTR, ENOTDIR, ENOENT, EEXIST, ENODEV };

	(void)f;
	record_call(nr);
	if (nr == __NR_exit_group || ++k.calls > BUDGET)
		longjmp(k.out, 1);
	if (nr != __NR_munmap && random64() % 8 == 0)
		return -errors[random64() % (sizeof(errors) / sizeof(errors[0]))];
	return answer(nr, a, b, c, d, e);
}
