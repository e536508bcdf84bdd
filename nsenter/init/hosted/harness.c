/* An input is 8 bytes that seed the kernel's answers (the lowest bit: repair the header first, so that mutations get past it) and
 * a plan. The plan is checked, and when it is accepted, carried out.
 *
 * As a program: `harness run FILE...` does this for each file, `harness dump FILE` prints a plan as the decoder sees it, one
 * operation a line, for comparison with the encoder. */
#include "hosted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long calls;
static int verbose;
static int replay; /* inputs are from a corpus that may be older than the table: they get this one's hash */

void record_call(long nr)
{
	calls++;
	if (verbose)
		dprintf(2, "syscall %ld\n", nr);
}

static void repair(uint8_t *p, size_t size)
{
	struct plan_header *h = (void *)p;

	if (size < sizeof(*h))
		return;
	h->magic = PLAN_MAGIC;
	h->size = (uint32_t)size;
	memcpy(h->table, build_id.table, sizeof(h->table));
	h->sync = 3;
	h->exe = 4;
	if (h->nslots > MAX_SLOTS)
		h->nslots %= MAX_SLOTS;
	size -= sizeof(*h);
	if ((h->nslots + 1) / 2 * 8 > size)
		return;
	size -= (h->nslots + 1) / 2 * 8;
	if (h->records <= size)
		h->pool = (uint32_t)(size - h->records);
}

static void carry_out(struct plan *p, uint64_t seed)
{
	struct ctx *c = calloc(1, sizeof(*c));
	jump out;

	if (!c)
		abort();
	c->plan = *p;
	c->in = c->out = 3;
	kernel_reset(seed, &out);
	if (_setjmp(&out) == 0) {
		int r = prepare(c);

		if (r == 0)
			r = run_plan(c);
		if (r < 0)
			report_error(c, r);
	}
	kernel_cleanup();
	free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t seed;
	struct plan p;
	const char *why;
	uint32_t index;
	uint8_t *plan;

	if (size < sizeof(seed))
		return 0;
	memcpy(&seed, data, sizeof(seed));
	size -= sizeof(seed);
	plan = malloc(size ? size : 1); /* of the exact size, and aligned as a mapping is */
	if (!plan)
		abort();
	memcpy(plan, data + sizeof(seed), size);
	if (seed & 1)
		repair(plan, size);
	else if (replay && size >= sizeof(struct plan_header))
		memcpy(((struct plan_header *)(void *)plan)->table, build_id.table, sizeof(build_id.table));
	if (plan_check(plan, size, &p, &why, &index) == 0)
		carry_out(&p, seed);
	free(plan);
	return 0;
}

#ifndef FUZZ

static void dump_bytes(const uint8_t *p, uint32_t n)
{
	printf("\"");
	while (n--)
		printf("%02x", *p++);
	printf("\"");
}

static void dump_field(const struct plan *p, enum pl_kind kind, uint64_t v)
{
	struct pl_ref r = { .off = (uint32_t)v, .len = (uint32_t)(v >> 32) };
	const struct pl_ref *refs = (const void *)(p->pool + r.off);
	const uint32_t *numbers = (const void *)(p->pool + r.off);

	switch (kind) {
	case KIND_U32:
	case KIND_U64:
	case KIND_SLOT:
		printf(" %llu", (unsigned long long)v);
		return;
	case KIND_STR:
	case KIND_BLOB:
		printf(" ");
		dump_bytes(p->pool + r.off, r.len);
		return;
	case KIND_STRS:
		printf(" [");
		for (uint32_t i = 0; i < r.len; i++)
			dump_bytes(p->pool + refs[i].off, refs[i].len);
		printf("]");
		return;
	case KIND_U32S:
		printf(" [");
		for (uint32_t i = 0; i < r.len; i++)
			printf("%u,", numbers[i]);
		printf("]");
		return;
	}
	abort();
}

static int dump(const uint8_t *data, size_t size)
{
	struct plan p;
	const char *why;
	uint32_t index;
	const uint8_t *at;

	if (plan_check(data, size, &p, &why, &index) < 0) {
		dprintf(2, "operation %u: %s\n", index, why);
		return 1;
	}
	at = p.records;
	for (uint32_t n = 0; n < p.head->nops; n++) {
		const struct pl_op *op = (const void *)at;

		printf("%u %u %u", op->index, op->code, op->flags);
		for (unsigned int i = 0; i < plan_fields(op->code); i++)
			dump_field(&p, plan_kind(op->code, i), plan_field(op, i));
		printf("\n");
		at += op->size;
	}
	return 0;
}

static uint8_t *slurp(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	uint8_t *b = malloc(PLAN_MAX);
	long n = -1;

	*size = 0;
	while (fd >= 0 && b && (n = read(fd, b + *size, PLAN_MAX - *size)) > 0)
		*size += (size_t)n;
	if (n < 0) {
		dprintf(2, "%s: cannot be read\n", path);
		exit(2);
	}
	close(fd);
	return realloc(b, *size ? *size : 1);
}

int main(int argc, char **argv)
{
	int r = 0;

	if (argc < 3)
		return 2;
	verbose = getenv("HARNESS_VERBOSE") != NULL;
	replay = 1;
	for (int i = 2; i < argc; i++) {
		size_t size;
		uint8_t *b = slurp(argv[i], &size);

		if (str_equal(argv[1], "dump"))
			r |= dump(b, size);
		else
			LLVMFuzzerTestOneInput(b, size);
		free(b);
	}
	if (str_equal(argv[1], "run")) {
		printf("%d inputs, %lu system calls\n", argc - 2, calls);
		r |= calls == 0; /* nothing was carried out: the inputs are of another table, and must be made anew (make fuzz) */
	}
	return r;
}

#endif
