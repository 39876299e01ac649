/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger over a disk that may fail, and over a real one. What was acknowledged is there after every crash, in order
 * and once; what was not, changes nothing; a failed write ends writing; damage ends it too and viewing goes on; and the
 * lists after a restart are the lists before it.
 */
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory_disk.h"
#include "suite.h"

static const struct wall noon = { INT64_C(1795520103000000000) };
static const struct ledger_actor alice = { "alice", "operator", "uid", "uid 1000" };

static struct wall
at_s(int64_t s)
{
	return (struct wall){ noon.ns + s * CLOCK_NS_PER_S };
}

/* An operation as an engine makes it; the caller ends it. */
static struct operation
make_op(unsigned n, enum op_state state, uint64_t number)
{
	struct operation op = { .verb = OP_DRAIN, .mode = OP_WITHDRAW, .state = state, .n_targets = 1, .created = noon };
	snprintf(op.id, sizeof op.id, "%016x", n);
	snprintf(op.by, sizeof op.by, "alice");
	snprintf(op.reason, sizeof op.reason, "fans, \"both\" \\ of them");
	snprintf(op.kind, sizeof op.kind, "maintenance");
	snprintf(op.key, sizeof op.key, "key-%08x", n);
	struct op_target *t = &op.targets[0];
	snprintf(t->pop, sizeof t->pop, "fra");
	snprintf(t->hold, sizeof t->hold, "%016x", n);
	t->number = number;
	t->qps_before = t->control_s = t->first_elsewhere_s = t->last_here_s = NAN;
	t->lost_probes = -1;
	op.n_steps = 1;
	op.steps = xcalloc(1, sizeof *op.steps);
	snprintf(op.steps[0].node, sizeof op.steps[0].node, "fra1");
	snprintf(op.steps[0].what, sizeof op.steps[0].what, "disable static protocol anycast4");
	op.plan = xstrdup("{\"version\":1,\"targets\":[\"fra\"]}");
	return op;
}

static struct hold
make_hold(unsigned n)
{
	struct hold h = { .kind = HOLD_MAINTENANCE, .created = noon, .expires = at_s(14400), .is_auto_undrain = true };
	snprintf(h.id, sizeof h.id, "%016x", n);
	snprintf(h.op, sizeof h.op, "%016x", n);
	snprintf(h.pop, sizeof h.pop, "fra");
	snprintf(h.owner, sizeof h.owner, "alice");
	snprintf(h.reason, sizeof h.reason, "fans");
	return h;
}

/* Everything that the lists say, as text. */
static char *
tell(const struct ledger *l)
{
	struct buf b = BUF_INIT(64u << 20);
	struct json_writer w = JSON_WRITER(&b);
	struct chain_head head;
	size_t n_ops, n_holds;
	const struct operation *ops = ledger_operations(l, &n_ops);
	const struct hold *holds = ledger_holds(l, &n_holds);
	json_begin_array(&w);
	for (size_t i = 0; i < n_ops; i++)
		operation_write_json(&ops[i], true, &w);
	json_end_array(&w);
	for (size_t i = 0; i < n_holds; i++) {
		const struct hold *h = &holds[i];
		(void)buf_printf(&b, "\n%s %s %s %s %d %s %s %lld %lld %d", h->id, h->op, h->pop, h->owner, h->kind, h->reason,
			h->ticket, (long long)h->created.ns, (long long)h->expires.ns, h->is_auto_undrain);
	}
	ledger_head(l, &head);
	(void)buf_printf(&b, "\n%llu %llu %s %lld", (unsigned long long)ledger_number(l, "fra"),
		(unsigned long long)head.seq, head.hash, (long long)head.at.ns);
	return buf_take(&b);
}

static struct ledger *
open_on(struct memory_disk *d, struct wall now, struct reasons *notes, struct err *err)
{
	struct ledger_disk disk = memory_disk(d);
	struct reasons unheard = { 0 };
	return ledger_open(&disk, now, notes ? notes : &unheard, err);
}

static struct chain_verdict
verify(const struct memory_disk *d)
{
	struct chain_verdict v;
	chain_verify(buf_slice(&d->bytes), NULL, NULL, &v);
	return v;
}

/* A drain and its undrain as the engine records them, with a note and a hold of a person's own: one put a step. */
#define STORY_STEPS 9
static int
story_step(struct ledger *l, size_t step, struct err *err)
{
	static const enum op_state states[STORY_STEPS] = { OP_ARMED, OP_APPLYING, OP_SETTLING, OP_KEEPING, OP_DONE, OP_ARMED,
		OP_DONE };
	struct operation op = make_op(step < 5 ? 1 : 2, states[step < 7 ? step : 0], step < 5 ? 1 : 2);
	struct hold hold = make_hold(1), own = make_hold(7);
	struct wall now = at_s((int64_t)step);
	int rc;
	if (step == 0)
		rc = ledger_put_both(l, &op, "gates hold", &hold, false, &alice, now, err);
	else if (step == 6)
		rc = ledger_put_both(l, &op, "measured", &hold, true, &alice, now, err);
	else if (step == 7)
		rc = ledger_note(l, "refused", "bob asked for \"fra\"", &alice, now, err);
	else if (step == 8)
		rc = ledger_put_hold(l, &own, false, NULL, now, err);
	else
		rc = ledger_put_both(l, &op, "recorded", NULL, false, &alice, now, err);
	operation_done(&op);
	return rc;
}

static size_t
tell_story(struct ledger *l, struct err *err)
{
	size_t told = 0;
	while (told < STORY_STEPS && story_step(l, told, err) == 0)
		told++;
	return told;
}

START_TEST(test_ledger_is_after_a_restart_what_it_was_before)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	for (size_t steps = 0; steps <= STORY_STEPS; steps++) {
		buf_clear(&d.bytes);
		struct ledger *l = open_on(&d, noon, NULL, &err);
		for (size_t i = 0; i < steps; i++)
			ck_assert_int_eq(story_step(l, i, &err), 0);
		char *before = tell(l);
		ledger_close(l);
		l = open_on(&d, noon, NULL, &err);
		ck_assert_int_eq(err.code, ERR_OK);
		char *after = tell(l);
		ck_assert_str_eq(before, after);
		ck_assert_uint_eq(verify(&d).records, steps);
		ledger_close(l);
		free(before);
		free(after);
	}
	buf_done(&d.bytes);
}
END_TEST

START_TEST(test_ledger_says_what_its_records_say)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	size_t n;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(story_step(l, i, &err), 0);
	ck_assert_ptr_nonnull(ledger_holds(l, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_ptr_nonnull(ledger_find_hold(l, "0000000000000001"));
	ck_assert_uint_eq(ledger_number(l, "fra"), 1);
	ck_assert_uint_eq(ledger_number(l, "ams"), 0);
	for (size_t i = 5; i < STORY_STEPS; i++)
		ck_assert_int_eq(story_step(l, i, &err), 0);
	ck_assert_ptr_null(ledger_find_hold(l, "0000000000000001"));
	ck_assert_ptr_nonnull(ledger_find_hold(l, "0000000000000007"));
	ck_assert_uint_eq(ledger_number(l, "fra"), 2);
	ck_assert_int_eq(ledger_find_operation(l, "0000000000000002")->state, OP_DONE);
	ck_assert_str_eq(ledger_find_operation(l, "0000000000000002")->plan, "{\"version\":1,\"targets\":[\"fra\"]}");
	ck_assert_ptr_null(ledger_find_operation(l, "0000000000000003"));
	ledger_close(l);
	buf_done(&d.bytes);
}
END_TEST

START_TEST(test_ledger_writes_the_plan_once)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(story_step(l, i, &err), 0);
	size_t plans = 0;
	for (const char *p = d.bytes.data; (p = strstr(p, "\"plan\":")); p++)
		plans++;
	ck_assert_uint_eq(plans, 1);
	ledger_close(l);
	buf_done(&d.bytes);
}
END_TEST

START_TEST(test_ledger_cuts_a_torn_end_at_every_byte)
{
	struct memory_disk d = MEMORY_DISK_INIT, cut = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	ck_assert_uint_eq(tell_story(l, &err), STORY_STEPS);
	ledger_close(l);
	size_t last = d.bytes.len - 1;
	while (d.bytes.data[last - 1] != '\n')
		last--;
	for (size_t len = last; len <= d.bytes.len; len++) {
		struct reasons notes = { 0 };
		buf_clear(&cut.bytes);
		ck_assert_int_eq(buf_add(&cut.bytes, d.bytes.data, len), 0);
		l = open_on(&cut, at_s(60), &notes, &err);
		ck_assert_int_eq(err.code, ERR_OK);
		ck_assert_uint_eq(notes.n, len != last && len != d.bytes.len);
		ck_assert_uint_eq(cut.bytes.len, len == d.bytes.len ? len : last);
		ck_assert_int_eq(ledger_note(l, "start", "again", NULL, at_s(60), &err), 0);
		ck_assert_int_eq(verify(&cut).fault, CHAIN_GOOD);
		ledger_close(l);
	}
	buf_done(&d.bytes);
	buf_done(&cut.bytes);
}
END_TEST

START_TEST(test_ledger_is_read_only_after_any_flipped_bit)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	ck_assert_uint_eq(tell_story(l, &err), STORY_STEPS);
	ledger_close(l);
	size_t len = d.bytes.len;
	for (size_t at = 0; at < len; at += 7) {
		d.bytes.data[at] ^= (char)(1u << (at % 8));
		l = open_on(&d, noon, NULL, &err);
		ck_assert_msg(err.code == ERR_FAILED, "byte %zu", at);
		ck_assert_ptr_nonnull(strstr(err.text, "record"));
		ck_assert_int_eq(ledger_check(l, &err), -1);
		ck_assert_int_eq(ledger_note(l, "start", "x", NULL, noon, &err), -1);
		ck_assert_uint_eq(d.bytes.len, len);
		ledger_close(l);
		d.bytes.data[at] ^= (char)(1u << (at % 8));
	}
	buf_done(&d.bytes);
}
END_TEST

START_TEST(test_ledger_damaged_still_shows_what_stands_before)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	ck_assert_uint_eq(tell_story(l, &err), STORY_STEPS);
	ledger_close(l);
	d.bytes.data[d.bytes.len - 100] ^= 1; /* in the last record: the hold of a person's own */
	l = open_on(&d, noon, NULL, &err);
	ck_assert_int_eq(err.code, ERR_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "record 9"));
	ck_assert_int_eq(ledger_find_operation(l, "0000000000000001")->state, OP_DONE);
	ck_assert_uint_eq(ledger_number(l, "fra"), 2);
	ledger_close(l);
	buf_done(&d.bytes);
}
END_TEST

struct heard {
	size_t n;
	struct buf text;
};

static void
hear(void *arg, struct slice line)
{
	struct heard *h = arg;
	h->n++;
	(void)buf_add(&h->text, line.data, line.len);
	(void)buf_add_char(&h->text, '\n');
}

/* Whoever verifies by way of the backend finds the damage too: what is wrong is told like the rest. */
START_TEST(test_ledger_damaged_is_told_whole)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	ck_assert_uint_eq(tell_story(l, &err), STORY_STEPS);
	ledger_close(l);
	char *third = d.bytes.data;
	for (int i = 0; i < 2; i++)
		third = strchr(third, '\n') + 1;
	third[20] ^= 1;
	l = open_on(&d, noon, NULL, &err);
	ck_assert_int_eq(err.code, ERR_FAILED);
	struct heard all = { .text = BUF_INIT(1u << 24) };
	err_clear(&err);
	ck_assert_int_eq(ledger_each(l, 1, 1000, hear, &all, &err), STORY_STEPS);
	struct chain_verdict v;
	chain_verify(buf_slice(&all.text), NULL, NULL, &v);
	ck_assert_int_eq(v.fault, CHAIN_BROKEN);
	ck_assert_ptr_nonnull(strstr(v.text, "record 3"));
	ledger_close(l);
	buf_done(&all.text);
	buf_done(&d.bytes);
}
END_TEST

/* Records of a chain in order that this version must not act upon. */
static const char *const strangers[] = {
	"\"kind\":\"note\",\"v\":2,\"what\":\"x\"", "\"kind\":\"rotation\",\"v\":1", "\"v\":1", "\"kind\":\"note\"",
	"\"kind\":\"note\",\"v\":\"1\"", "\"kind\":\"operation\",\"v\":1,\"operation\":{\"id\":\"0\"}",
	"\"kind\":\"operation\",\"v\":1", "\"kind\":\"hold\",\"v\":1,\"hold\":{\"id\":\"1\",\"pop\":\"../x\",\"kind\":\"drill\"}",
	"\"kind\":\"hold\",\"v\":1,\"hold\":{\"id\":\"1\",\"pop\":\"fra\",\"kind\":\"forever\"}",
	"\"kind\":\"hold\",\"v\":1,\"hold\":{\"id\":\"1\",\"pop\":\"fra\",\"kind\":\"drill\",\"expires\":\"soon\"}",
	"\"kind\":\"hold\",\"v\":1,\"hold\":{\"id\":\"1\",\"pop\":\"fra\",\"kind\":\"drill\",\"owner\":\"\\u001b[2J\"}",
};

START_TEST(test_ledger_does_not_act_upon_what_it_does_not_know)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct chain_head head = CHAIN_HEAD_INIT, next;
	struct err err = ERR_INIT;
	chain_write(&head, noon, slice_of(strangers[_i]), &d.bytes, &next);
	ck_assert_int_eq(verify(&d).fault, CHAIN_GOOD);
	struct ledger *l = open_on(&d, noon, NULL, &err);
	ck_assert_int_eq(err.code, ERR_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "record 1"));
	ck_assert_int_eq(ledger_note(l, "start", "x", NULL, noon, &err), -1);
	ledger_close(l);
	buf_done(&d.bytes);
}
END_TEST

START_TEST(test_ledger_goes_on_when_the_clock_is_set_back)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct reasons notes = { 0 };
	struct ledger *l = open_on(&d, noon, NULL, &err);
	ck_assert_int_eq(ledger_note(l, "start", "now", NULL, noon, &err), 0);
	ck_assert_int_eq(ledger_note(l, "start", "an hour ago", NULL, at_s(-3600), &err), 0);
	ck_assert_int_eq(ledger_note(l, "start", "years ago", NULL, at_s(-315360000), &err), 0);
	ck_assert_ptr_nonnull(strstr(buf_text(&d.bytes), "\"text\":\"an hour ago\",\"clock\":\"2026-"));
	ledger_close(l);
	ck_assert_int_eq(verify(&d).fault, CHAIN_GOOD);
	l = open_on(&d, at_s(-60), &notes, &err);
	ck_assert_int_eq(err.code, ERR_OK);
	ck_assert_uint_eq(notes.n, 1);
	ledger_close(l);
	buf_done(&d.bytes);
}
END_TEST

/* The call that fails, for all calls of the story; and how much of the failing append stays on the disk. */
static size_t
fail_and_restart(size_t fail_at, size_t kept, bool stays_broken)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	d.fail_at = fail_at;
	d.kept = kept;
	d.stays_broken = stays_broken;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	bool is_closed = err.code != ERR_OK;
	size_t told = tell_story(l, &err);
	size_t calls = d.calls;
	char *before = tell(l);
	if (told < STORY_STEPS && !is_closed && d.calls % 2 == 1) {
		/* it was an append: no more records, whatever the disk says now; a failed check may be tried again */
		ck_assert_int_eq(ledger_check(l, &err), -1);
		ck_assert_int_eq(story_step(l, told, &err), -1);
	}
	ledger_close(l);
	d.fail_at = 0;
	l = open_on(&d, noon, NULL, &err);
	ck_assert_int_eq(err.code, ERR_OK);
	struct chain_verdict v = verify(&d);
	ck_assert_int_eq(v.fault, CHAIN_GOOD);
	/* all that was acknowledged, and at most the one that was not */
	ck_assert(v.records == told || (v.records == told + 1 && kept == SIZE_MAX));
	if (v.records == told) {
		char *after = tell(l);
		ck_assert_str_eq(before, after);
		free(after);
	}
	ledger_close(l);
	free(before);
	buf_done(&d.bytes);
	return fail_at > calls ? 0 : calls;
}

START_TEST(test_ledger_keeps_its_word_when_call_n_fails)
{
	static const size_t kept[] = { 0, 1, 30, 200, SIZE_MAX };
	size_t n = 1;
	for (bool is_more = true; is_more; n++) {
		is_more = false;
		for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
			is_more |= fail_and_restart(n, kept[k], false) != 0;
			is_more |= fail_and_restart(n, kept[k], true) != 0;
		}
	}
	ck_assert_uint_gt(n, 2 * STORY_STEPS);
}
END_TEST

START_TEST(test_ledger_stays_closed_when_it_cannot_be_read_or_cut)
{
	struct err err = ERR_INIT;
	for (size_t n = 1; n <= 2; n++) {
		struct memory_disk d = MEMORY_DISK_INIT;
		struct ledger *l = open_on(&d, noon, NULL, &err);
		ck_assert_uint_eq(tell_story(l, &err), STORY_STEPS);
		ledger_close(l);
		d.bytes.len -= 10; /* torn */
		size_t len = d.bytes.len;
		d.calls = 0;
		d.fail_at = n; /* the read, the cut */
		l = open_on(&d, noon, NULL, &err);
		ck_assert_int_eq(err.code, ERR_FAILED);
		ck_assert_int_eq(ledger_note(l, "start", "x", NULL, noon, &err), -1);
		ck_assert_uint_eq(d.bytes.len, len);
		ledger_close(l);
		buf_done(&d.bytes);
	}
}
END_TEST

START_TEST(test_ledger_finds_a_key_for_a_day_and_forgets_old_operations)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	size_t n;
	for (unsigned i = 0; i < LEDGER_KEEP + 30; i++) {
		struct operation op = make_op(i, i == 3 || i == 700 ? OP_STUCK : OP_DONE, i + 1);
		op.created = at_s(i < 10 ? -90000 : 0); /* the first ten are older than a day */
		ck_assert_int_eq(ledger_put_both(l, &op, "x", NULL, false, &alice, noon, &err), 0);
		operation_done(&op);
	}
	const struct operation *ops = ledger_operations(l, &n);
	ck_assert_uint_eq(n, LEDGER_KEEP + 30 - 9); /* nine old ones went; twenty others have keys of today */
	ck_assert_str_eq(ops[0].id, "0000000000000003");
	ck_assert_ptr_null(ledger_find_key(l, "alice", "key-00000004", noon));
	ck_assert_ptr_null(ledger_find_key(l, "alice", "key-00000003", noon));
	ck_assert_ptr_null(ledger_find_key(l, "bob", "key-0000000a", noon));
	ck_assert_ptr_null(ledger_find_key(l, "alice", "", noon));
	ck_assert_str_eq(ledger_find_key(l, "alice", "key-0000000a", noon)->id, "000000000000000a");
	ck_assert_ptr_nonnull(ledger_find_key(l, "alice", "key-0000000a", at_s(86399)));
	ck_assert_ptr_null(ledger_find_key(l, "alice", "key-0000000a", at_s(86400)));
	ck_assert_uint_eq(ledger_number(l, "fra"), LEDGER_KEEP + 30);
	for (unsigned i = 0; i < 3 * LEDGER_KEEP; i++) {
		struct operation op = make_op(1u << 20 | i, OP_DONE, 1);
		op.created = at_s(200000);
		op.key[0] = '\0';
		ck_assert_int_eq(ledger_put_both(l, &op, "x", NULL, false, &alice, at_s(200000), &err), 0);
		operation_done(&op);
	}
	ops = ledger_operations(l, &n);
	for (size_t i = 1; i + 1 < n; i++)
		ck_assert_str_lt(ops[i].id, ops[i + 1].id);
	ck_assert_int_eq(ledger_find_operation(l, "00000000000002bc")->state, OP_STUCK);
	ck_assert_uint_eq(ledger_number(l, "fra"), LEDGER_KEEP + 30);
	char *before = tell(l);
	ledger_close(l);
	l = open_on(&d, at_s(200000), NULL, &err);
	char *after = tell(l);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	ledger_close(l);
	buf_done(&d.bytes);
}
END_TEST

/* Every page of it is what the file says, before and after a restart, and costs no more than itself and what is around it. */
START_TEST(test_ledger_pages_are_read_alone)
{
	enum { RECORDS = 700 };
	static const uint64_t froms[] = { 0, 1, 2, 63, 64, 65, 66, 128, 129, 400, 640, 641, 698, 700, 701, UINT64_MAX };
	static const size_t counts[] = { 0, 1, 2, 63, 64, 65, 200, 10000 };
	static const struct ledger_actor by = { "alice", "operator", "uid", "uid 1000" };
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	char text[80];
	for (int i = 0; i < RECORDS; i++) {
		snprintf(text, sizeof text, "note %d %.*s", i, i % 37, "....................................");
		ck_assert_int_eq(ledger_note(l, "test", text, &by, noon, &err), 0);
		if (i == RECORDS / 2) {
			ledger_close(l);
			l = open_on(&d, noon, NULL, &err);
		}
	}
	for (size_t i = 0; i < sizeof froms / sizeof *froms; i++)
		for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
			struct heard page = { .text = BUF_INIT(1u << 24) };
			struct buf wanted = BUF_INIT(1u << 24);
			struct slice rest = buf_slice(&d.bytes), line;
			size_t n = 0;
			for (uint64_t seq = 1; slice_next_line(&rest, &line); seq++) {
				if (seq < froms[i] || n == counts[k])
					continue;
				(void)buf_add(&wanted, line.data, line.len);
				(void)buf_add_char(&wanted, '\n');
				n++;
			}
			d.told = 0;
			ck_assert_int_eq(ledger_each(l, froms[i], counts[k], hear, &page, &err), (int)n);
			ck_assert_str_eq(buf_text(&page.text), buf_text(&wanted));
			ck_assert_uint_le(d.told, wanted.len + (size_t)3 * 64 * 500);
			buf_done(&page.text);
			buf_done(&wanted);
		}
	ledger_close(l);
	buf_done(&d.bytes);
}
END_TEST

START_TEST(test_ledger_tells_its_records)
{
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	ck_assert_uint_eq(tell_story(l, &err), STORY_STEPS);
	struct heard all = { .text = BUF_INIT(1u << 24) }, some = { .text = BUF_INIT(1u << 24) };
	ck_assert_int_eq(ledger_each(l, 0, 1000, hear, &all, &err), STORY_STEPS);
	ck_assert_uint_eq(all.n, STORY_STEPS);
	ck_assert_str_eq(buf_text(&all.text), buf_text(&d.bytes));
	ck_assert_int_eq(ledger_each(l, 4, 2, hear, &some, &err), 2);
	ck_assert_ptr_eq(strstr(buf_text(&some.text), "{\"seq\":4,"), buf_text(&some.text));
	ck_assert_int_eq(ledger_each(l, STORY_STEPS + 1, 2, hear, &some, &err), 0);
	/* what somebody else put behind it is not ours to tell */
	ck_assert_int_eq(buf_add_text(&d.bytes, "{\"seq\":10,\"forged\":true}\n"), 0);
	ck_assert_int_eq(ledger_each(l, 0, 1000, hear, &some, &err), STORY_STEPS);
	ledger_close(l);
	buf_done(&all.text);
	buf_done(&some.text);
	buf_done(&d.bytes);
}
END_TEST

START_TEST(test_ledger_opens_many_records)
{
	enum { MANY = 20000 };
	struct memory_disk d = MEMORY_DISK_INIT;
	struct err err = ERR_INIT;
	struct ledger *l = open_on(&d, noon, NULL, &err);
	for (unsigned i = 0; i < MANY; i++) {
		struct operation op = make_op(i / 8, i % 8 == 7 ? OP_DONE : OP_SETTLING, i / 8 + 1);
		ck_assert_int_eq(ledger_put_both(l, &op, "x", NULL, false, &alice, at_s(i), &err), 0);
		operation_done(&op);
	}
	char *before = tell(l);
	ledger_close(l);
	l = open_on(&d, at_s(MANY), NULL, &err);
	char *after = tell(l);
	ck_assert_str_eq(before, after);
	ck_assert_uint_eq(ledger_number(l, "fra"), MANY / 8);
	ledger_close(l);
	free(before);
	free(after);
	buf_done(&d.bytes);
}
END_TEST

/* --- a real disk ------------------------------------------------------------------------------------------------ */

static char folder[64], file[128];

static void
make_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/catchment-ledger-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/ledger.jsonl", folder);
}

static void
remove_folder(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static struct ledger *
open_here(struct err *err)
{
	struct ledger_disk disk;
	struct reasons notes = { 0 };
	ck_assert_msg(ledger_disk_open(folder, &disk, err) == 0, "%s", err->text);
	return ledger_open(&disk, noon, &notes, err);
}

START_TEST(test_disk_keeps_records_for_its_owner_alone)
{
	struct err err = ERR_INIT;
	struct stat st;
	struct ledger *l = open_here(&err);
	ck_assert_uint_eq(tell_story(l, &err), STORY_STEPS);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	struct ledger_disk second;
	ck_assert_int_eq(ledger_disk_open(folder, &second, &err), -1);
	ck_assert_int_eq(err.code, ERR_CONFLICT);
	char *before = tell(l);
	ledger_close(l);
	l = open_here(&err);
	char *after = tell(l);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	ledger_close(l);
}
END_TEST

/* What somebody does to the file while it is open, as a shell command in its folder. */
static const struct {
	const char *command, *says;
} meddlings[] = {
	{ "mv ledger.jsonl old", "moved or deleted" },
	{ "rm ledger.jsonl", "moved or deleted" },
	{ "cp ledger.jsonl n && mv n ledger.jsonl", "replaced" },
	{ "mv ledger.jsonl old && ln -s old ledger.jsonl", "replaced" },
	{ "truncate -s -1 ledger.jsonl", "cut" },
	{ "echo >> ledger.jsonl", "wrote to" },
};

START_TEST(test_disk_notices_meddling_before_the_next_record)
{
	struct err err = ERR_INIT;
	char command[256];
	struct ledger *l = open_here(&err);
	ck_assert_int_eq(ledger_note(l, "start", "x", NULL, noon, &err), 0);
	ck_assert_int_eq(ledger_check(l, &err), 0);
	snprintf(command, sizeof command, "cd '%s' && %s", folder, meddlings[_i].command);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(ledger_check(l, &err), -1);
	ck_assert_msg(strstr(err.text, meddlings[_i].says) != NULL, "%s", err.text);
	ck_assert_int_eq(ledger_note(l, "start", "y", NULL, noon, &err), -1);
	ledger_close(l);
}
END_TEST

/* What may stand in the way when it is opened. */
static const struct {
	const char *command, *says;
} obstacles[] = {
	{ "touch x && ln -s x ledger.jsonl", "symbolic link" },
	{ "ln -s nowhere ledger.jsonl", "symbolic link" },
	{ "touch ledger.jsonl && chmod 644 ledger.jsonl", "mode 0644" },
	{ "touch ledger.jsonl && chmod 620 ledger.jsonl", "mode 0620" },
	{ "touch ledger.jsonl && chmod 600 ledger.jsonl && ln ledger.jsonl other", "2 names" },
	{ "mkdir ledger.jsonl", "Is a directory" },
	{ "mkfifo -m 600 ledger.jsonl", "no plain file" },
};

START_TEST(test_disk_refuses_a_file_that_is_not_ours_alone)
{
	struct err err = ERR_INIT;
	struct ledger_disk disk;
	char command[256];
	snprintf(command, sizeof command, "cd '%s' && %s", folder, obstacles[_i].command);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(ledger_disk_open(folder, &disk, &err), -1);
	ck_assert_msg(strstr(err.text, obstacles[_i].says) != NULL, "%s", err.text);
}
END_TEST

/* A limit on the size of files stands for a disk without room: the same short write, then the same refusal. */
START_TEST(test_disk_full_ends_writing_and_not_reading)
{
	struct err err = ERR_INIT;
	struct rlimit was, now;
	struct stat st;
	size_t n;
	struct ledger *l = open_here(&err);
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(story_step(l, i, &err), 0);
	char *before = tell(l);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	now = (struct rlimit){ .rlim_cur = (rlim_t)st.st_size + 50, .rlim_max = was.rlim_max };
	ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &now), 0);
	int rc = story_step(l, 5, &err);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	ck_assert_int_eq(rc, -1);
	ck_assert_ptr_nonnull(strstr(err.text, "until catchmentd is started again"));
	ck_assert_int_eq(story_step(l, 5, &err), -1); /* there is room again, and nobody knows what was written */
	ck_assert_ptr_nonnull(ledger_operations(l, &n));
	ck_assert_uint_eq(n, 1);
	ledger_close(l);
	l = open_here(&err);
	ck_assert_int_eq(err.code, ERR_OK);
	char *after = tell(l);
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(story_step(l, 5, &err), 0);
	ledger_close(l);
	free(before);
	free(after);
}
END_TEST

static void
add_disk_tests(Suite *suite)
{
	TCase *tests = tcase_create("disk");
	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_add_test(tests, test_disk_keeps_records_for_its_owner_alone);
	tcase_add_loop_test(tests, test_disk_notices_meddling_before_the_next_record, 0, sizeof meddlings / sizeof *meddlings);
	tcase_add_loop_test(tests, test_disk_refuses_a_file_that_is_not_ours_alone, 0, sizeof obstacles / sizeof *obstacles);
	tcase_add_test(tests, test_disk_full_ends_writing_and_not_reading);
	suite_add_tcase(suite, tests);
}

int
main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *tests = tcase_create("ledger");
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_ledger_pages_are_read_alone);
	tcase_add_test(tests, test_ledger_is_after_a_restart_what_it_was_before);
	tcase_add_test(tests, test_ledger_says_what_its_records_say);
	tcase_add_test(tests, test_ledger_writes_the_plan_once);
	tcase_add_test(tests, test_ledger_cuts_a_torn_end_at_every_byte);
	tcase_add_test(tests, test_ledger_is_read_only_after_any_flipped_bit);
	tcase_add_test(tests, test_ledger_damaged_still_shows_what_stands_before);
	tcase_add_test(tests, test_ledger_damaged_is_told_whole);
	tcase_add_loop_test(tests, test_ledger_does_not_act_upon_what_it_does_not_know, 0,
		sizeof strangers / sizeof *strangers);
	tcase_add_test(tests, test_ledger_goes_on_when_the_clock_is_set_back);
	tcase_add_test(tests, test_ledger_keeps_its_word_when_call_n_fails);
	tcase_add_test(tests, test_ledger_stays_closed_when_it_cannot_be_read_or_cut);
	tcase_add_test(tests, test_ledger_finds_a_key_for_a_day_and_forgets_old_operations);
	tcase_add_test(tests, test_ledger_tells_its_records);
	tcase_add_test(tests, test_ledger_opens_many_records);
	suite_add_tcase(suite, tests);
	add_disk_tests(suite);
	return suite_run(suite);
}
