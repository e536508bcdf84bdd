/* What the parts of the init share: the context, reports, descriptors of the plan and of the container's root.
 *
 * A handler returns 0, or a negative errno after it has noted the step with fail(). There is no heap and no global state. */
#ifndef INIT_H
#define INIT_H

#include "ops_gen.h"
#include "sys.h"

#define PLAN_MAGIC 0x314c504du /* "MPL1" */
#define PLAN_MAX (32u << 20)
#define PLAN_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define MAX_SLOTS 4096u
#define NO_SLOT UINT64_MAX
#define MAX_LINKS 40 /* as the kernel follows, MAXSYMLINKS */
#define MAX_PATH 4096u
#define DETAIL 144
#define HOME_MAX 512u

/* The start of a plan; the slots' i32 numbers, the records and the pool follow. */
struct plan_header {
	uint32_t magic;
	uint32_t size;
	uint8_t table[32];
	uint32_t nops;
	uint32_t nslots;
	uint32_t records;
	uint32_t pool;
	int32_t sync;
	int32_t exe;
};
_Static_assert(sizeof(struct plan_header) == 64, "plan_header");

/* A validated plan: where its parts are. */
struct plan {
	const struct plan_header *head;
	const int32_t *slots;
	const uint8_t *records;
	const uint8_t *pool;
};

enum msg_kind { MSG_SYNC = 1, MSG_CHILD, MSG_ERROR, MSG_CREATED, MSG_FINAL };
enum ack_kind { ACK_GO = 1, ACK_ABORT };

/* What goes to the host side. */
struct pl_msg {
	uint32_t kind;
	uint32_t index; /* of the operation in the whole plan */
	uint32_t step;
	int32_t err; /* errno, or 0 */
	int64_t value;
	char detail[DETAIL];
};
_Static_assert(sizeof(struct pl_msg) == 168, "pl_msg");

/* What comes back. */
struct pl_ack {
	uint32_t kind;
	uint32_t count; /* of descriptors that come with it */
};

struct slot {
	int fd;        /* -1: empty */
	uint32_t last; /* number of the record that uses it last: closed after that one */
};

struct ctx {
	struct plan plan;
	int in;              /* acknowledgements: the socket, after sync.created the start fifo */
	int out;             /* reports: the socket, after sync.created the result fifo */
	int filtered;        /* a seccomp filter is loaded: system calls that are not needed are left out */
	int umask_done;      /* proc.umask was there */
	int cwd_done;        /* a proc.chdir has succeeded */
	unsigned int umask;  /* the caller's: what hooks get before proc.umask; the init itself works with 0 until then */
	const char *program; /* what proc.lookup found */
	char **argv;         /* of proc.exec, made at the start: under a filter not even mmap(2) is sure to pass */
	char **env;
	char home[HOME_MAX + 8]; /* HOME=..., what proc.home found; empty: none */
	struct pl_msg msg;   /* index is always that of the current operation */
	struct slot slots[MAX_SLOTS];
};

/* Identity of this build, readable from the ELF file. */
struct build_id {
	char magic[16];
	uint8_t source[32];
	uint8_t table[32];
};
extern const struct build_id build_id;

/* string.c */
size_t str_len(const char *s);
int str_equal(const char *a, const char *b);
char *put_str(char *at, const char *end, const char *s);
char *put_num(char *at, const char *end, uint64_t v, unsigned int base);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memmove(void *to, const void *from, size_t n);

/* decode.c: checks every byte that is used later; returns 0, or -1 with the reason and the operation. */
int plan_check(const void *data, size_t size, struct plan *out, const char **why, uint32_t *index);
uint64_t plan_field(const struct pl_op *op, unsigned int i);
unsigned int plan_fields(uint16_t code);
enum pl_kind plan_kind(uint16_t code, unsigned int i);

static inline const char *plan_str(const struct ctx *c, struct pl_ref r)
{
	return (const char *)c->plan.pool + r.off;
}

static inline const void *plan_blob(const struct ctx *c, struct pl_ref r)
{
	return c->plan.pool + r.off;
}

static inline const char *plan_item(const struct ctx *c, struct pl_ref list, uint32_t i)
{
	return plan_str(c, ((const struct pl_ref *)plan_blob(c, list))[i]);
}

/* report.c */
int fail(struct ctx *c, enum pl_step step, long err);
int fail_text(struct ctx *c, enum pl_step step, long err, const char *text);
void set_detail(struct ctx *c, const char *text);
_Noreturn void report_error(struct ctx *c, int err);
int report(struct ctx *c, enum msg_kind kind, int64_t value, uint32_t step);
int report_fd(struct ctx *c, enum msg_kind kind, int64_t value, int fd);
int wait_ack(struct ctx *c);
int wait_ack_fds(struct ctx *c, uint64_t into);

/* slots.c */
int prepare(struct ctx *c);
int slot_get(struct ctx *c, uint64_t slot);
void slot_put(struct ctx *c, uint64_t slot, int fd);
int slot_take(struct ctx *c, uint64_t slot);
void slots_release(struct ctx *c, const struct pl_op *op, uint32_t record);

/* resolve.c */
enum want { WANT_NOTHING, WANT_DIR, WANT_FILE };
struct target {
	int fd;      /* O_PATH */
	int created; /* the last component was missing */
};
int root_get(struct ctx *c, uint64_t slot, int *fd);
void root_put(uint64_t slot, int fd);
int open_retry(int dir, const char *path, uint64_t flags, uint64_t resolve);
int resolve(struct ctx *c, int root, const char *path, uint64_t how, enum want want, unsigned int mode, struct target *out);
int resolve_parent(struct ctx *c, int root, const char *path, char name[256], int *parent);
int is_root(struct ctx *c, uint64_t slot, int fd);
int resolve_mountpoint(struct ctx *c, int root, const char *path, uint64_t flags, enum want want, struct target *out);

/* mount.c: helpers of several operations */
int set_attr(struct ctx *c, int fd, uint64_t set, uint64_t clr, uint64_t propagation, int userns, unsigned int flags);
int set_propagation(struct ctx *c, int fd, uint64_t propagation);
int resolve_existing(struct ctx *c, uint64_t slot, const char *path, int optional, int *fd);
int attach(struct ctx *c, int tree, int target);
int clone_tree(struct ctx *c, int fd, unsigned int flags);
int is_device(int fd, unsigned int type, unsigned int major, unsigned int minor);

/* newfs.c: a filesystem context, step by step; new_mount is all of them without options */
int fs_source(struct ctx *c, int fs, const char *source);
int fs_option(struct ctx *c, int fs, const char *option);
int fs_options(struct ctx *c, int fs, struct pl_ref options);
int fs_finish(struct ctx *c, int fs, uint64_t attr);
int new_mount(struct ctx *c, const char *type, uint64_t attr);

/* copyup.c */
int copy_up(struct ctx *c, int from, int to);

/* proc.c */
char **make_argv(const struct ctx *c, const char *first, struct pl_ref list);
void free_argv(char **v, struct pl_ref list);

/* main.c */
int run_plan(struct ctx *c);

typedef int handler(struct ctx *c, const void *rec);
#define DECLARE(code, name, n, ...) handler op_##name;
PL_OPS(DECLARE)
#undef DECLARE

#endif
