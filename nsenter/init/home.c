/* proc.home: the home directory of a user id as the container's /etc/passwd has it. The file belongs to the image, so it is opened
 * without blocking, only when it is a regular file, and read up to a bound. */
#include "init.h"

#define BYTES_MAX (4u << 20)
#define FIELD_UID 2
#define FIELD_HOME 5

struct line {
	int field;
	int digits; /* of the user id; -1: it is no number */
	uint64_t uid;
	size_t n;
	char home[HOME_MAX];
};

static void begin(struct line *l)
{
	l->field = 0;
	l->digits = 0;
	l->uid = 0;
	l->n = 0;
}

static void take(struct line *l, char ch)
{
	if (ch == ':') {
		l->field++;
	} else if (l->field == FIELD_UID) {
		if (ch < '0' || ch > '9' || l->digits < 0 || l->digits > 10) {
			l->digits = -1;
			return;
		}
		l->uid = l->uid * 10 + (uint64_t)(ch - '0');
		l->digits++;
	} else if (l->field == FIELD_HOME && l->n < sizeof(l->home)) {
		l->home[l->n++] = ch;
	}
}

/* At the end of a line: whether it is the one; a home that is not absolute, or too long, is none. */
static int matches(const struct line *l, uint64_t uid)
{
	return l->digits > 0 && l->uid == uid && l->field >= FIELD_HOME && l->n > 0 && l->n < sizeof(l->home) && l->home[0] == '/';
}

static int search(int fd, uint64_t uid, struct line *l)
{
	char buf[1024];
	long n;

	begin(l);
	for (size_t all = 0; all < BYTES_MAX && (n = sys_read(fd, buf, sizeof(buf))) > 0; all += (size_t)n) {
		for (long i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				take(l, buf[i]);
				continue;
			}
			if (matches(l, uid))
				return 1;
			begin(l);
		}
	}
	return matches(l, uid);
}

static int open_passwd(void)
{
	int fd = open_retry(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, RESOLVE_NO_MAGICLINKS);
	struct statx st;

	if (fd < 0 || (sys_fstat(fd, &st) == 0 && S_TYPE(st.stx_mode) == TYPE_REG))
		return fd;
	sys_close(fd);
	return -EINVAL;
}

int op_proc_home(struct ctx *c, const void *rec)
{
	const struct op_proc_home *o = rec;
	char *end = c->home + sizeof(c->home), *at;
	struct line l;
	int fd;

	if (o->skip)
		return 0;
	at = put_str(c->home, end, "HOME=");
	fd = open_passwd();
	if (fd >= 0 && search(fd, o->uid, &l)) {
		l.home[l.n] = 0;
		put_str(at, end, l.home);
	} else {
		put_str(at, end, "/");
	}
	if (fd >= 0)
		sys_close(fd);
	return 0;
}
