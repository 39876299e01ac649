/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: what was decided and done, one chained record after the other, and what all of them together say now. The
 * engine puts a record before it does anything; the API reads operations, holds and records here; at the start the file
 * is verified and folded record by record through the same functions that a put goes through, so that the lists after a
 * restart are the lists before it.
 *
 *   {"seq":…,"at":…,"kind":"operation","v":1,"event":"gates hold","by":{…},"operation":{…},"hold":{…},"is_over":false,…}
 *   {"seq":…,"at":…,"kind":"hold","v":1,"by":{…},"hold":{…},"is_over":true,…}
 *   {"seq":…,"at":…,"kind":"note","v":1,"by":{…},"what":"start","text":"…",…}
 *
 * A plan's bytes stand in the first record of their operation only: they never change, and they are most of its size.
 * A clock that was set back does not go back here: the record keeps the time of the one before and says under "clock"
 * what the clock said. A record that this version does not know makes the ledger read-only: a newer backend wrote it,
 * and what it means for a PoP cannot be guessed.
 *
 * Writing stops for good, until the next start, when an append failed: nobody can know what of it is on disk.
 */
#include "backend/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"

#define FILE_MAX       (1u << 30)
#define RECORD_VERSION 1
#define KEY_LIFE_NS    (24 * 3600 * CLOCK_NS_PER_S)
#define MARK_EVERY     64
#define BACK_TOLD_NS   (1 * CLOCK_NS_PER_S) /* a clock that lies further back is written down */

struct number { /* what is kept of a PoP however long ago its operations were */
	char pop[FLEET_NAME_MAX];
	uint64_t value;
	bool is_drained;     /* its newest operation that ended was a drain, measured */
	struct wall drilled;
};
struct op_name {
	char id[OP_ID_SIZE];
};

struct ledger {
	struct ledger_disk disk;
	struct chain_head head;
	size_t size;       /* bytes of the file that are records of ours */
	/* Where record 1, 1 + MARK_EVERY, 1 + 2 * MARK_EVERY … begin in a sound file, so that a page of it is read alone. */
	size_t *marks;
	size_t n_marks, marks_cap;
	size_t damaged;    /* bytes of a file that was found damaged, told whole so that whoever verifies finds it too; 0: sound */
	struct err fault;  /* code ERR_OK: records may be written */
	/* Operations, oldest first, at [first, first + n): the front moves when the oldest is forgotten. Their ids stand
	 * apart too, because an operation is large and looking one up must not walk through all of them. */
	struct operation *ops;
	struct op_name *ids;
	size_t first, n_ops, n_final, ops_cap, ids_cap;
	struct hold *holds;
	size_t n_holds, holds_cap;
	struct number *numbers;
	size_t n_numbers, numbers_cap;
	struct buf line; /* reused */
};

/* --- what the records say --------------------------------------------------------------------------------------- */

static size_t
find_slot(const struct ledger *l, const char *id)
{
	for (size_t i = l->n_ops; i-- > 0;) {
		if (strcmp(l->ids[l->first + i].id, id) == 0)
			return l->first + i;
	}
	return SIZE_MAX;
}

static struct number *
need_number(struct ledger *l, const char *pop)
{
	for (size_t i = 0; i < l->n_numbers; i++)
		if (strcmp(l->numbers[i].pop, pop) == 0)
			return &l->numbers[i];
	l->numbers = xgrow(l->numbers, &l->numbers_cap, l->n_numbers + 1, sizeof *l->numbers);
	struct number *number = &l->numbers[l->n_numbers++];
	*number = (struct number){ 0 };
	snprintf(number->pop, sizeof number->pop, "%s", pop);
	return number;
}

static bool
is_measured(const struct op_target *t)
{
	for (int c = 0; c < OP_CHECK_COUNT; c++)
		if (t->checks[c].applies && t->checks[c].agrees != TRI_YES)
			return false;
	return t->is_done && t->checks[OP_CHECK_WIRE].applies;
}

/* What the record of an operation says of one of its PoPs. */
static void
note_target(struct ledger *l, const struct operation *op, const struct op_target *t)
{
	struct number *n = need_number(l, t->pop);
	n->value = t->number > n->value ? t->number : n->value;
	if (op->state != OP_DONE || !t->is_done)
		return;
	if (op->verb == OP_UNDRAIN && n->is_drained && is_measured(t))
		n->drilled = op->ended;
	n->is_drained = op->verb == OP_DRAIN ? is_measured(t) : n->is_drained && !t->checks[OP_CHECK_WIRE].applies;
}

/* Record `seq` begins at `offset`. */
static void
mark(struct ledger *l, uint64_t seq, size_t offset)
{
	if ((seq - 1) % MARK_EVERY != 0)
		return;
	l->marks = xgrow(l->marks, &l->marks_cap, l->n_marks + 1, sizeof *l->marks);
	l->marks[l->n_marks++] = offset;
}

static size_t
add_slot(struct ledger *l)
{
	size_t end = l->first + l->n_ops;
	if (end == l->ops_cap && l->first > l->n_ops) {
		memcpy(l->ops, l->ops + l->first, l->n_ops * sizeof *l->ops);
		memcpy(l->ids, l->ids + l->first, l->n_ops * sizeof *l->ids);
		l->first = 0;
		end = l->n_ops;
	}
	l->ops = xgrow(l->ops, &l->ops_cap, end + 1, sizeof *l->ops);
	l->ids = xgrow(l->ids, &l->ids_cap, end + 1, sizeof *l->ids);
	l->n_ops++;
	return end;
}

/* A retry of a confirm must find its answer for a day, however much else was done since. */
static bool
is_key_alive(const struct operation *op, struct wall now)
{
	return op->key[0] != '\0' && now.ns - op->created.ns < KEY_LIFE_NS;
}

/* Forgets the oldest final operation; those before it that are not final, few if any, move up by one. */
static void
forget_oldest(struct ledger *l, struct wall now)
{
	size_t i = l->first, end = l->first + l->n_ops;
	while (i < end && (!op_state_is_final(l->ops[i].state) || is_key_alive(&l->ops[i], now)))
		i++;
	if (i == end)
		return;
	operation_done(&l->ops[i]);
	memmove(l->ops + l->first + 1, l->ops + l->first, (i - l->first) * sizeof *l->ops);
	memmove(l->ids + l->first + 1, l->ids + l->first, (i - l->first) * sizeof *l->ids);
	l->first++;
	l->n_ops--;
	l->n_final--;
}

/* Takes the operation. */
static void
take_operation(struct ledger *l, struct operation *op, struct wall now)
{
	for (size_t i = 0; i < op->n_targets; i++)
		note_target(l, op, &op->targets[i]);
	size_t slot = find_slot(l, op->id);
	if (slot == SIZE_MAX) {
		slot = add_slot(l);
		snprintf(l->ids[slot].id, sizeof l->ids[slot].id, "%s", op->id);
	} else {
		if (!op->plan) {
			op->plan = l->ops[slot].plan;
			l->ops[slot].plan = NULL;
		}
		l->n_final -= op_state_is_final(l->ops[slot].state);
		operation_done(&l->ops[slot]);
	}
	l->ops[slot] = *op;
	l->n_final += op_state_is_final(op->state);
	if (l->n_final > LEDGER_KEEP)
		forget_oldest(l, now);
}

static size_t
find_hold(const struct ledger *l, const char *id)
{
	for (size_t i = 0; i < l->n_holds; i++) {
		if (strcmp(l->holds[i].id, id) == 0)
			return i;
	}
	return SIZE_MAX;
}

static void
take_hold(struct ledger *l, const struct hold *h, bool is_over)
{
	size_t i = find_hold(l, h->id);
	if (is_over) {
		if (i == SIZE_MAX)
			return;
		memmove(l->holds + i, l->holds + i + 1, (--l->n_holds - i) * sizeof *l->holds);
		return;
	}
	if (i == SIZE_MAX) {
		l->holds = xgrow(l->holds, &l->holds_cap, l->n_holds + 1, sizeof *l->holds);
		i = l->n_holds++;
	}
	l->holds[i] = *h;
}

/* --- reading a record ------------------------------------------------------------------------------------------- */

static int
read_word(const struct json *o, const char *key, char *out, size_t size, struct err *err)
{
	struct slice s = { "", 0 };
	if (json_want_text(o, key, size - 1, &s, err) == -1)
		return -1;
	slice_copy(s, out, size);
	return text_is_clean(s) ? 0 : err_set(err, ERR_BAD_REPLY, "%s has characters that may not stand there", key);
}

static int
read_time(const struct json *o, const char *key, struct wall *out, struct err *err)
{
	char text[CLOCK_TEXT_MAX] = "";
	*out = (struct wall){ 0 };
	if (read_word(o, key, text, sizeof text, err) == -1)
		return -1;
	if (text[0] != '\0' && wall_parse(text, out) == -1)
		return err_set(err, ERR_BAD_REPLY, "%s is no time", key);
	return 0;
}

static int
read_hold(const struct json *o, struct hold *h, struct err *err)
{
	char kind[16] = "";
	*h = (struct hold){ 0 };
	if (read_word(o, "id", h->id, sizeof h->id, err) == -1 || read_word(o, "op", h->op, sizeof h->op, err) == -1 ||
		read_word(o, "pop", h->pop, sizeof h->pop, err) == -1 ||
		read_word(o, "owner", h->owner, sizeof h->owner, err) == -1 ||
		read_word(o, "kind", kind, sizeof kind, err) == -1 ||
		read_word(o, "reason", h->reason, sizeof h->reason, err) == -1 ||
		read_word(o, "ticket", h->ticket, sizeof h->ticket, err) == -1 ||
		read_time(o, "created", &h->created, err) == -1 || read_time(o, "expires", &h->expires, err) == -1 ||
		json_want_bool(o, "is_auto_undrain", &h->is_auto_undrain, err) == -1)
		return -1;
	if (h->id[0] == '\0' || !text_is_name(h->pop) || hold_kind_parse(kind, &h->kind) == -1)
		return err_set(err, ERR_BAD_REPLY, "a hold has an id, a PoP and a kind");
	return 0;
}

static int
fold_operation(struct ledger *l, const struct json *record, struct wall at, struct err *err)
{
	const struct json *object = NULL;
	struct operation op;
	if (json_want_object(record, "operation", &object, err) == -1)
		return -1;
	if (!object)
		return err_set(err, ERR_BAD_REPLY, "there is no operation in it");
	if (operation_read_json(object, &op, err) == -1)
		return -1;
	take_operation(l, &op, at);
	return 0;
}

static int
fold_hold(struct ledger *l, const struct json *record, struct err *err)
{
	const struct json *object = NULL;
	struct hold hold;
	bool is_over = false;
	if (json_want_object(record, "hold", &object, err) == -1 || json_want_bool(record, "is_over", &is_over, err) == -1)
		return -1;
	if (!object)
		return 0;
	if (read_hold(object, &hold, err) == -1)
		return -1;
	take_hold(l, &hold, is_over);
	return 0;
}

/* One record into the lists; -1 when this version does not know what it means. */
static int
fold(struct ledger *l, const struct json *record, struct wall at, struct err *err)
{
	int64_t version = 0;
	const char *kind = json_text(json_get(record, "kind"), "");
	if (json_need_int(record, "v", 1, INT64_MAX, &version, err) == -1)
		return -1;
	if (version > RECORD_VERSION) {
		return err_set(err, ERR_UNSUPPORTED, "it has version %" PRId64 " and this catchmentd knows %d", version,
			RECORD_VERSION);
	}
	if (strcmp(kind, "note") == 0)
		return 0;
	if (strcmp(kind, "hold") == 0)
		return fold_hold(l, record, err);
	if (strcmp(kind, "operation") != 0)
		return err_set(err, ERR_UNSUPPORTED, "this catchmentd does not know its kind");
	return fold_operation(l, record, at, err) == -1 ? -1 : fold_hold(l, record, err);
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

struct opening {
	struct ledger *l;
	const char *file; /* its first byte */
	uint64_t seq;
};

static void
on_record(void *arg, struct slice line, const struct json *record)
{
	struct opening *o = arg;
	struct wall at = { 0 };
	struct err err = ERR_INIT;
	o->seq++;
	mark(o->l, o->seq, (size_t)(line.data - o->file));
	(void)wall_parse(json_text(json_get(record, "at"), ""), &at);
	if (fold(o->l, record, at, &err) == -1 && o->l->fault.code == ERR_OK)
		(void)err_set(&o->l->fault, ERR_FAILED, "the ledger is read-only: record %" PRIu64 " cannot be read: %.300s",
			o->seq, err.text);
}

static void
read_all(struct ledger *l, struct wall now, struct reasons *notes)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct opening opening = { .l = l };
	struct chain_verdict v;
	struct err err = ERR_INIT;
	char at[CLOCK_TEXT_MAX];
	if (l->disk.read(l->disk.arg, &file, &err) == -1) {
		(void)err_set(&l->fault, err.code, "the ledger is closed: %.400s", err.text);
		goto out;
	}
	opening.file = file.data;
	chain_verify(buf_slice(&file), on_record, &opening, &v);
	l->head = v.head;
	l->size = v.good_size;
	l->damaged = v.fault == CHAIN_BROKEN ? file.len : 0;
	if (v.fault == CHAIN_BROKEN)
		(void)err_set(&l->fault, ERR_FAILED, "the ledger is damaged and read-only: %s", v.text);
	if (v.fault != CHAIN_TORN)
		goto out;
	if (l->disk.cut(l->disk.arg, v.good_size, &err) == -1)
		(void)err_set(&l->fault, ERR_FAILED, "the torn end of the ledger stays: %.400s", err.text);
	else
		reasons_add(notes, "the last record of the ledger was torn by a crash: %zu bytes after record %zu were cut off",
			file.len - v.good_size, v.records);
out:
	buf_done(&file);
	if (l->fault.code == ERR_OK && l->head.at.ns > now.ns + BACK_TOLD_NS) {
		wall_format(l->head.at, at);
		reasons_add(notes, "the clock is behind the last record of the ledger, which is of %s", at);
	}
}

struct ledger *
ledger_open(const struct ledger_disk *disk, struct wall now, struct reasons *notes, struct err *err)
{
	struct ledger *l = xcalloc(1, sizeof *l);
	l->disk = *disk;
	l->head = (struct chain_head)CHAIN_HEAD_INIT;
	l->line = (struct buf)BUF_INIT(2 * CHAIN_LINE_MAX);
	read_all(l, now, notes);
	if (err)
		*err = l->fault;
	return l;
}

void
ledger_close(struct ledger *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_ops; i++)
		operation_done(&l->ops[l->first + i]);
	l->disk.close(l->disk.arg);
	buf_done(&l->line);
	free(l->ops);
	free(l->ids);
	free(l->holds);
	free(l->numbers);
	free(l->marks);
	free(l);
}

int
ledger_check(const struct ledger *l, struct err *err)
{
	if (l->fault.code != ERR_OK)
		return err_set(err, l->fault.code, "%s", l->fault.text);
	return l->disk.check(l->disk.arg, err);
}

/* --- writing a record ------------------------------------------------------------------------------------------- */

static void
put_actor(struct json_writer *w, const struct ledger_actor *by)
{
	json_key(w, "by");
	if (!by) {
		json_add_null(w);
		return;
	}
	json_begin_object(w);
	json_put_text(w, "account", by->account);
	json_put_text(w, "role", by->role);
	json_put_text(w, "method", by->method);
	json_put_text(w, "peer", by->peer);
	json_end_object(w);
}

static void
put_hold(struct json_writer *w, const struct hold *h, bool is_over)
{
	json_key(w, "hold");
	json_begin_object(w);
	json_put_text(w, "id", h->id);
	json_put_text(w, "op", h->op);
	json_put_text(w, "pop", h->pop);
	json_put_text(w, "owner", h->owner);
	json_put_text(w, "kind", hold_kind_name(h->kind));
	json_put_text(w, "reason", h->reason);
	json_put_text(w, "ticket", h->ticket);
	json_put_time_ms(w, "created", h->created);
	json_put_time_ms(w, "expires", h->expires);
	json_put_bool(w, "is_auto_undrain", h->is_auto_undrain);
	json_end_object(w);
	json_put_bool(w, "is_over", is_over);
}

static void
begin_record(struct json_writer *w, const char *kind, const struct ledger_actor *by)
{
	json_begin_object(w);
	json_put_text(w, "kind", kind);
	json_put_int(w, "v", RECORD_VERSION);
	put_actor(w, by);
}

/* Chains what `body` says as an object, appends and syncs it. */
static int
append(struct ledger *l, struct buf *body, struct wall now, struct err *err)
{
	struct chain_head next;
	struct err why = ERR_INIT;
	struct wall at = now.ns < l->head.at.ns ? l->head.at : now;
	if (ledger_check(l, err) == -1)
		return -1;
	if (body->truncated || body->len < 2 || body->len > CHAIN_LINE_MAX - 512)
		return err_set(err, ERR_TOO_LARGE, "a record of the ledger has at most %u bytes", CHAIN_LINE_MAX - 512);
	buf_clear(&l->line);
	chain_write(&l->head, at, (struct slice){ body->data + 1, body->len - 2 }, &l->line, &next);
	if (l->disk.append(l->disk.arg, buf_slice(&l->line), &why) == -1) {
		(void)err_set(&l->fault, ERR_FAILED,
			"the ledger takes no more records until catchmentd is started again: %.380s", why.text);
		return err_set(err, ERR_FAILED, "%s", l->fault.text);
	}
	l->head = next;
	mark(l, next.seq, l->size);
	l->size += l->line.len;
	return 0;
}

static void
end_record(const struct ledger *l, struct json_writer *w, struct wall now)
{
	if (now.ns < l->head.at.ns - BACK_TOLD_NS)
		json_put_time_ms(w, "clock", now);
	json_end_object(w);
}

int
ledger_put_both(struct ledger *l, const struct operation *op, const char *event, const struct hold *h, bool hold_is_over,
	const struct ledger_actor *by, struct wall now, struct err *err)
{
	struct buf body = BUF_INIT(CHAIN_LINE_MAX);
	struct json_writer w = JSON_WRITER(&body);
	struct operation copy = { 0 };
	size_t slot = find_slot(l, op->id);
	bool has_plan = slot != SIZE_MAX && l->ops[slot].plan;
	begin_record(&w, "operation", by);
	json_put_text(&w, "event", event);
	json_key(&w, "operation");
	operation_write_json(op, !has_plan, &w);
	if (h)
		put_hold(&w, h, hold_is_over);
	end_record(l, &w, now);
	int rc = append(l, &body, now, err);
	buf_done(&body);
	if (rc == -1)
		return -1;
	operation_copy(&copy, op);
	if (has_plan) {
		/* what was written first is what counts */
		free(copy.plan);
		copy.plan = NULL;
	}
	take_operation(l, &copy, now);
	if (h)
		take_hold(l, h, hold_is_over);
	return 0;
}

int
ledger_put_hold(struct ledger *l, const struct hold *h, bool is_over, const struct ledger_actor *by, struct wall now,
	struct err *err)
{
	struct buf body = BUF_INIT(CHAIN_LINE_MAX);
	struct json_writer w = JSON_WRITER(&body);
	begin_record(&w, "hold", by);
	put_hold(&w, h, is_over);
	end_record(l, &w, now);
	int rc = append(l, &body, now, err);
	buf_done(&body);
	if (rc == 0)
		take_hold(l, h, is_over);
	return rc;
}

int
ledger_note(struct ledger *l, const char *kind, const char *text, const struct ledger_actor *by, struct wall now,
	struct err *err)
{
	struct buf body = BUF_INIT(CHAIN_LINE_MAX);
	struct json_writer w = JSON_WRITER(&body);
	begin_record(&w, "note", by);
	json_put_text(&w, "what", kind);
	json_put_text(&w, "text", text);
	end_record(l, &w, now);
	int rc = append(l, &body, now, err);
	buf_done(&body);
	return rc;
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

const struct operation *
ledger_operations(const struct ledger *l, size_t *n)
{
	*n = l->n_ops;
	return l->n_ops ? l->ops + l->first : NULL;
}

const struct operation *
ledger_find_operation(const struct ledger *l, const char *id)
{
	size_t slot = find_slot(l, id);
	return slot == SIZE_MAX ? NULL : &l->ops[slot];
}

const struct operation *
ledger_find_key(const struct ledger *l, const char *account, const char *key, struct wall now)
{
	if (key[0] == '\0')
		return NULL;
	for (size_t i = l->n_ops; i-- > 0;) {
		const struct operation *op = &l->ops[l->first + i];
		if (strcmp(op->key, key) == 0 && strcmp(op->by, account) == 0 && is_key_alive(op, now))
			return op;
	}
	return NULL;
}

const struct hold *
ledger_holds(const struct ledger *l, size_t *n)
{
	*n = l->n_holds;
	return l->holds;
}

const struct hold *
ledger_find_hold(const struct ledger *l, const char *id)
{
	size_t i = find_hold(l, id);
	return i == SIZE_MAX ? NULL : &l->holds[i];
}

uint64_t
ledger_number(const struct ledger *l, const char *pop)
{
	for (size_t i = 0; i < l->n_numbers; i++) {
		if (strcmp(l->numbers[i].pop, pop) == 0)
			return l->numbers[i].value;
	}
	return 0;
}

struct wall
ledger_drilled(const struct ledger *l, const char *pop)
{
	for (size_t i = 0; i < l->n_numbers; i++)
		if (strcmp(l->numbers[i].pop, pop) == 0)
			return l->numbers[i].drilled;
	return (struct wall){ 0 };
}

void
ledger_head(const struct ledger *l, struct chain_head *out)
{
	*out = l->head;
}

/* The part of the file in which records from..from + max - 1 stand, and with which record it begins. */
static void
find_part(const struct ledger *l, uint64_t from, size_t max, uint64_t *first, size_t *offset, size_t *size)
{
	size_t mark = (size_t)((from - 1) / MARK_EVERY), end;
	*first = 1;
	*offset = 0;
	*size = l->damaged ? l->damaged : l->size;
	if (l->damaged || mark >= l->n_marks)
		return;
	*first = 1 + (uint64_t)mark * MARK_EVERY;
	*offset = l->marks[mark];
	end = mark + max / MARK_EVERY + 2;
	*size = (end < l->n_marks ? l->marks[end] : l->size) - *offset;
}

int
ledger_each(const struct ledger *l, uint64_t from, size_t max, void (*fn)(void *arg, struct slice line), void *arg,
	struct err *err)
{
	struct buf part = BUF_INIT(FILE_MAX);
	/* What stands behind our last record is none of ours: a write that failed, or somebody else's. */
	uint64_t last = l->damaged ? UINT64_MAX : l->head.seq, seq;
	size_t told = 0, offset, size;
	if (from == 0)
		from = 1;
	if (from > last)
		return 0;
	find_part(l, from, max, &seq, &offset, &size);
	int rc = l->disk.read_part ? l->disk.read_part(l->disk.arg, offset, size, &part, err) : l->disk.read(l->disk.arg, &part, err);
	if (rc == -1) {
		buf_done(&part);
		return -1;
	}
	size_t skip = l->disk.read_part ? 0 : offset < part.len ? offset : part.len;
	struct slice rest = { part.data + skip, part.len - skip < size ? part.len - skip : size }, line;
	for (; told < max && told < INT32_MAX && seq <= last && slice_next_line(&rest, &line); seq++) {
		if (seq < from)
			continue;
		fn(arg, line);
		told++;
	}
	buf_done(&part);
	return (int)told;
}
