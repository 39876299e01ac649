/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an operation: rules that hold for every row of its table, and its JSON there and back.
 */
#include "suite.h"

#include <math.h>
#include <string.h>

#include "core/operation.h"

static bool
has(const struct op_outcome *o, enum op_effect effect)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->effects[i] == effect)
			return true;
	return false;
}

/* Where an effect stands in a row; n when it does not. */
static size_t
place(const struct op_outcome *o, enum op_effect effect)
{
	size_t i = 0;
	while (i < o->n && o->effects[i] != effect)
		i++;
	return i;
}

START_TEST(test_operation_final_states_end)
{
	struct op_outcome o;
	for (int s = 0; s < OP_STATE_COUNT; s++)
		for (int e = 0; e < OP_EVENT_COUNT; e++)
			ck_assert(!op_state_is_final((enum op_state)s) ||
				operation_step((enum op_state)s, (enum op_event)e, &o) == -1);
}
END_TEST

/* Record first: nothing is sent to a node in a row before its record, and what changes nodes takes a new number. */
START_TEST(test_operation_records_before_effects)
{
	static const enum op_effect sends[] = { OP_DO_APPLY, OP_DO_KEEP, OP_DO_UNDO, OP_DO_INSPECT };
	struct op_outcome o;
	size_t rows = 0;
	for (int s = 0; s < OP_STATE_COUNT; s++) {
		for (int e = 0; e < OP_EVENT_COUNT; e++) {
			if (operation_step((enum op_state)s, (enum op_event)e, &o) == -1)
				continue;
			rows++;
			bool was_recorded = e == OP_EVENT_RECORDED || (s == OP_UNKNOWN && e == OP_EVENT_TIMEOUT);
			for (size_t i = 0; i < 4; i++)
				ck_assert_msg(!has(&o, sends[i]) || was_recorded || place(&o, OP_DO_RECORD) < place(&o, sends[i]),
					"%s, %s", op_state_name((enum op_state)s), op_event_name((enum op_event)e));
			ck_assert(!has(&o, OP_DO_UNDO) || place(&o, OP_DO_NUMBER) < place(&o, OP_DO_RECORD));
			ck_assert(!has(&o, OP_DO_APPLY) || s == OP_ARMED);
		}
	}
	ck_assert_uint_gt(rows, 50);
}
END_TEST

/* Nobody waits for ever: a state that waits for a machine has a way out by time; those for a person have none. */
START_TEST(test_operation_every_wait_ends)
{
	struct op_outcome o;
	for (int s = 0; s < OP_STATE_COUNT; s++) {
		bool is_persons = s == OP_UNCONFIRMED || s == OP_STUCK || s == OP_DRAFT || s == OP_ARMED;
		if (op_state_is_final((enum op_state)s) || is_persons)
			continue;
		ck_assert_msg(operation_step((enum op_state)s, OP_EVENT_TIMEOUT, &o) == 0, "%s", op_state_name((enum op_state)s));
	}
}
END_TEST

START_TEST(test_operation_tells_the_rest)
{
	struct operation op = { .verb = OP_DRAIN, .n_targets = 1 };
	struct buf b = BUF_INIT(4096);
	for (size_t i = 0; i < OP_TARGETS_MAX; i++) {
		snprintf(op.targets[i].pop, sizeof op.targets[i].pop, "p%zu", i);
		snprintf(op.targets[i].hold, sizeof op.targets[i].hold, "h%zu", i);
	}
	operation_tell_rest(&op, 3, &b);
	ck_assert_uint_eq(b.len, 0);
	static const struct {
		enum op_verb verb;
		size_t n, target, most;
		const char *text;
	} cases[] = {
		{ OP_DRAIN, 2, 0, 3, "p1 was not begun" },
		{ OP_DRAIN, 2, 1, 3, "p0 (hold h0) stays drained: `catchment undrain p0 --hold h0` takes it back" },
		{ OP_DRAIN, 4, 2, 3,
			"p0 (hold h0) and p1 (hold h1) stay drained: `catchment undrain p0 p1` takes them back; p3 was not begun" },
		{ OP_DRAIN, 16, 9, 2,
			"p0 (hold h0), p1 (hold h1) and 7 more stay drained: `catchment undrain p0 p1 ...` takes them back; "
			"p10, p11 and 4 more were not begun" },
		{ OP_UNDRAIN, 3, 1, 3, "p0 stays announced: `catchment drain p0` takes it back; p2 was not begun" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		op.verb = cases[i].verb;
		op.n_targets = cases[i].n;
		op.target = cases[i].target;
		buf_clear(&b);
		operation_tell_rest(&op, cases[i].most, &b);
		ck_assert_str_eq(buf_text(&b), cases[i].text);
	}
	buf_done(&b);
}
END_TEST

START_TEST(test_operation_json_there_and_back)
{
	struct operation op = { .verb = OP_DRAIN, .mode = OP_PREFER_AWAY, .state = OP_UNCONFIRMED, .n_targets = 2, .target = 1, .phase = 1,
		.lease_s = 14400, .is_auto_undrain = true, .code = ERR_CONFLICT };
	struct err err = ERR_INIT;
	strcpy(op.id, "0123456789abcdef");
	strcpy(op.by, "alice");
	strcpy(op.reason, "line card \"swap\" – row 3");
	strcpy(op.text, "t1 still has its path");
	for (size_t i = 0; i < 2; i++) {
		struct op_target *t = &op.targets[i];
		snprintf(t->pop, sizeof t->pop, "pop%zu", i);
		t->number = 17 + i;
		t->apply_number = 16;
		t->qps_before = i ? NAN : 1200.5;
		t->control_s = t->first_elsewhere_s = t->last_here_s = NAN;
		t->lost_probes = -1;
		t->checks[OP_CHECK_WIRE] = (struct op_evidence){ .applies = true, .agrees = TRI_YES, .text = "empty" };
	}
	op.targets[0].control_s = 0.125;
	op.n_steps = 1;
	op.steps = xcalloc(1, sizeof *op.steps);
	strcpy(op.steps[0].node, "fra1");
	op.steps[0].state = STEP_KEPT;
	op.plan = xstrdup("{\"a\":1}");
	op.created = (struct wall){ INT64_C(1795440903123) * CLOCK_NS_PER_MS };
	op.next_try = (struct wall){ INT64_C(1795440943123) * CLOCK_NS_PER_MS };
	op.tries = 3;
	struct buf first = BUF_INIT(1u << 20), second = BUF_INIT(1u << 20);
	struct json_writer w = JSON_WRITER(&first), w2 = JSON_WRITER(&second);
	operation_write_json(&op, true, &w);
	struct json_doc *doc = json_parse(buf_slice(&first), &err);
	ck_assert_ptr_nonnull(doc);
	struct operation back;
	ck_assert_msg(operation_read_json(json_root(doc), &back, &err) == 0, "%s", err.text);
	operation_write_json(&back, true, &w2);
	ck_assert_str_eq(buf_text(&first), buf_text(&second));
	json_doc_free(doc);
	operation_done(&op);
	operation_done(&back);
	buf_done(&first);
	buf_done(&second);
}
END_TEST

/* Cut anywhere or changed anywhere: read whole or refused, never a crash (the sanitizers look on). */
START_TEST(test_operation_json_is_hostile)
{
	struct operation op = { .verb = OP_UNDRAIN, .state = OP_DONE, .n_targets = 1 };
	strcpy(op.id, "0123456789abcdef");
	strcpy(op.targets[0].pop, "fra");
	struct buf text = BUF_INIT(1u << 16);
	struct json_writer w = JSON_WRITER(&text);
	operation_write_json(&op, true, &w);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.data[i];
		for (int c = 0; c < 3; c++) {
			text.data[i] = "9\"]"[c];
			struct err err = ERR_INIT;
			struct json_doc *doc = json_parse(buf_slice(&text), &err);
			struct operation back;
			if (doc && operation_read_json(json_root(doc), &back, &err) == 0)
				operation_done(&back);
			json_doc_free(doc);
		}
		text.data[i] = was;
	}
	buf_done(&text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("operation");
	TCase *tc = tcase_create("operation");
	tcase_add_test(tc, test_operation_final_states_end);
	tcase_add_test(tc, test_operation_records_before_effects);
	tcase_add_test(tc, test_operation_every_wait_ends);
	tcase_add_test(tc, test_operation_tells_the_rest);
	tcase_add_test(tc, test_operation_json_there_and_back);
	tcase_add_test(tc, test_operation_json_is_hostile);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
