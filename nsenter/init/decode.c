/* Checks a plan in one pass, before anything is performed. Whatever plan_check accepts can be carried out without another look
 * at bounds: the plan comes from a trusted parent, but a bug there must not become a wild pointer here. */
#include "init.h"

#ifndef PL_SOURCE_HASH
#define PL_SOURCE_HASH 0
#endif

const struct build_id build_id = {
	.magic = "minirun-init-id",
	.source = { PL_SOURCE_HASH },
	.table = { PL_TABLE_HASH },
};

struct shape {
	uint8_t fields;
	uint8_t kinds[PL_MAX_FIELDS];
};

#define SHAPE(code, name, n, ...) [code] = { n, { __VA_ARGS__ } },
static const struct shape shapes[OP_END] = { PL_OPS(SHAPE) };
#undef SHAPE

unsigned int plan_fields(uint16_t code)
{
	return shapes[code].fields;
}

enum pl_kind plan_kind(uint16_t code, unsigned int i)
{
	return (enum pl_kind)shapes[code].kinds[i];
}

uint64_t plan_field(const struct pl_op *op, unsigned int i)
{
	return ((const uint64_t *)(op + 1))[i];
}

struct checker {
	const struct plan_header *head;
	const uint8_t *pool;
};

static struct pl_ref as_ref(uint64_t field)
{
	return (struct pl_ref){ .off = (uint32_t)field, .len = (uint32_t)(field >> 32) };
}

static int in_pool(const struct checker *k, struct pl_ref r, unsigned int each)
{
	return (uint64_t)r.off + (uint64_t)r.len * each <= k->head->pool;
}

static const char *check_str(const struct checker *k, struct pl_ref r)
{
	if (!in_pool(k, r, 1) || (uint64_t)r.off + r.len >= k->head->pool)
		return "string out of bounds";
	for (uint32_t i = 0; i < r.len; i++)
		if (!k->pool[r.off + i])
			return "string with a NUL";
	return k->pool[r.off + r.len] ? "string without a NUL at its end" : NULL;
}

static const char *check_list(const struct checker *k, struct pl_ref r, unsigned int each)
{
	if (r.off % 8 || !in_pool(k, r, each))
		return "list out of bounds";
	return NULL;
}

static const char *check_strs(const struct checker *k, struct pl_ref r)
{
	const char *why = check_list(k, r, sizeof(struct pl_ref));

	if (why)
		return why;
	for (uint32_t i = 0; i < r.len && !why; i++)
		why = check_str(k, ((const struct pl_ref *)(const void *)(k->pool + r.off))[i]);
	return why;
}

static const char *check_field(const struct checker *k, enum pl_kind kind, uint64_t v)
{
	switch (kind) {
	case KIND_U32:
		return v >> 32 ? "number of more than 32 bits" : NULL;
	case KIND_SLOT:
		return v != NO_SLOT && v >= k->head->nslots ? "slot out of range" : NULL;
	case KIND_STR:
		return check_str(k, as_ref(v));
	case KIND_STRS:
		return check_strs(k, as_ref(v));
	case KIND_U32S:
		return check_list(k, as_ref(v), 4);
	case KIND_BLOB:
		return check_list(k, as_ref(v), 1);
	case KIND_U64:
		return NULL;
	}
	return "field of unknown kind";
}

static const char *check_record(const struct checker *k, const struct pl_op *op, uint64_t left, unsigned int before)
{
	const char *why = NULL;

	if (left < sizeof(*op) || op->code == 0 || op->code >= OP_END)
		return "unknown operation";
	if (op->size > left || op->size != sizeof(*op) + 8 * plan_fields(op->code))
		return "record of a wrong size";
	if (op->zero || op->flags & ~(PL_OP_TRY | PL_OP_ELSE))
		return "reserved bits are set";
	if (op->flags & PL_OP_ELSE && !(before & PL_OP_TRY))
		return "OP_ELSE without OP_TRY before it";
	for (unsigned int i = 0; i < plan_fields(op->code) && !why; i++)
		why = check_field(k, plan_kind(op->code, i), plan_field(op, i));
	return why;
}

static const char *check_header(const void *data, size_t size)
{
	const struct plan_header *h = data;

	if (size < sizeof(*h) || size > PLAN_MAX || h->magic != PLAN_MAGIC || h->size != size)
		return "not a plan";
	if (memcmp(h->table, build_id.table, sizeof(h->table)))
		return "plan of another operation table";
	if (h->nslots > MAX_SLOTS || h->records % 8)
		return "wrong sizes";
	if (sizeof(*h) + (h->nslots * 4 + 7) / 8 * 8 + (uint64_t)h->records + h->pool != size)
		return "sizes do not add up";
	if (h->sync < 3 || h->exe < -1 || (h->exe >= 0 && h->exe < 3))
		return "wrong descriptors";
	return NULL;
}

static const char *check_slots(const struct plan_header *h, const int32_t *slots)
{
	for (uint32_t i = 0; i < h->nslots; i++)
		if (slots[i] < -1)
			return "wrong descriptors";
	return h->nslots % 2 && slots[h->nslots] ? "reserved bits are set" : NULL;
}

int plan_check(const void *data, size_t size, struct plan *out, const char **why, uint32_t *index)
{
	struct checker k = { .head = data };
	unsigned int before = 0;
	uint64_t at = 0;

	*index = UINT32_MAX;
	*why = check_header(data, size);
	if (*why)
		return -1;
	out->head = data;
	out->slots = (const int32_t *)(out->head + 1);
	out->records = (const uint8_t *)(out->slots + (out->head->nslots + 1) / 2 * 2);
	out->pool = out->records + out->head->records;
	k.pool = out->pool;
	*why = check_slots(out->head, out->slots);
	for (uint32_t i = 0; i < out->head->nops && !*why; i++) {
		const struct pl_op *op = (const void *)(out->records + at);

		*why = check_record(&k, op, out->head->records - at, before);
		if (*why) {
			*index = out->head->records - at >= sizeof(*op) ? op->index : i;
			return -1;
		}
		before = op->flags;
		at += op->size;
	}
	if (!*why && at != out->head->records)
		*why = "bytes after the last record";
	return *why ? -1 : 0;
}
