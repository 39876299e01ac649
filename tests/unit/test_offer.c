/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever a backend, or somebody in its place, sends as a plan or an operation: what is shown is the plan of that hash,
 * and what is drawn holds nothing that a terminal would obey.
 */
#include <locale.h>
#include <string.h>

#include "console/offer.h"
#include "console/op_page.h"
#include "console/plan_page.h"
#include "core/digest.h"
#include "core/text.h"
#include "tests/unit/samples.h"
#include "tests/unit/suite.h"

#define HOSTILE "\\u001b]0;owned\\u0007\\u001b[2J\\u202egnp\\u200b\\u009b31m\\r\\nOK"

static struct offer *
read_offer(struct slice body, struct err *err)
{
	struct json_doc *doc = json_parse(body, err);
	struct offer *o = doc ? offer_read(json_root(doc), NULL, err) : NULL;
	json_doc_free(doc);
	return o;
}

START_TEST(test_offer_reads_what_the_backend_writes)
{
	static const char *const names[] = { "pass", "warn", "refuse", "two", "prefer", "undrain", "long", "cannot", "connecting", "waiting" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct buf body = BUF_INIT(1u << 22);
		struct err err = ERR_INIT;
		sample_offer(names[i], &body);
		struct offer *o = read_offer(buf_slice(&body), &err);
		ck_assert_msg(o != NULL, "%s: %s", names[i], err.text);
		ck_assert_str_eq(o->hash, o->op.hash);
		offer_free(o);
		buf_done(&body);
	}
}
END_TEST

/* One bit anywhere: refused, or a plan whose bytes still have the hash they came with. */
START_TEST(test_offer_believes_no_changed_byte)
{
	struct buf body = BUF_INIT(1u << 22);
	size_t refused = 0;
	sample_offer("warn", &body);
	for (size_t i = 0; i < body.len; i++) {
		struct err err = ERR_INIT;
		char hash[DIGEST_HEX_SIZE];
		body.data[i] ^= 1;
		struct offer *o = read_offer(buf_slice(&body), &err);
		body.data[i] ^= 1;
		if (!o) {
			ck_assert_msg(err.text[0] != '\0', "byte %zu is refused without a word", i);
			refused++;
			continue;
		}
		digest_hex((struct slice){ o->bytes, o->n_bytes }, hash);
		ck_assert_str_eq(hash, o->hash);
		ck_assert_str_eq(o->plan->targets[0], "fra");
		offer_free(o);
	}
	ck_assert_uint_gt(refused, body.len / 2);
	buf_done(&body);
}
END_TEST

START_TEST(test_offer_believes_no_part)
{
	struct buf body = BUF_INIT(1u << 22);
	sample_offer("pass", &body);
	for (size_t n = 0; n < body.len; n++) {
		struct err err = ERR_INIT;
		ck_assert_ptr_null(read_offer((struct slice){ body.data, n }, &err));
	}
	buf_done(&body);
}
END_TEST

static void
check_clean(const struct pager *page)
{
	struct buf text = BUF_INIT(1u << 22);
	struct slice rest, line;
	pager_write(page, &text);
	rest = buf_slice(&text);
	while (slice_next_line(&rest, &line))
		ck_assert_msg(text_is_clean(line), "%.*s", (int)line.len, line.data);
	buf_done(&text);
}

/* Puts the hostile text in the place of a member's value, wherever that member stands. */
static void
poison(const struct buf *from, const char *key, struct buf *out)
{
	char mark[64];
	const char *at = buf_text(from), *hit;
	snprintf(mark, sizeof mark, "\"%s\":\"", key);
	while ((hit = strstr(at, mark))) {
		hit += strlen(mark);
		buf_add(out, at, (size_t)(hit - at));
		buf_add_text(out, HOSTILE);
		at = strchr(hit, '"');
	}
	buf_add_text(out, at);
}

START_TEST(test_operation_of_hostile_texts_is_shown_harmless)
{
	static const char *const keys[] = { "id", "by", "reason", "ticket", "kind", "text", "approver", "plan_hash", "node", "what",
		"evidence", "pop", "hold" };
	static const struct view_target nothing = { .kind = TARGET_NONE };
	struct buf plain = BUF_INIT(1u << 20);
	struct json_writer w = JSON_WRITER(&plain);
	struct operation op;
	size_t shown = 0;
	sample_operation("unconfirmed", &op);
	operation_write_json(&op, false, &w);
	operation_done(&op);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct buf bad = BUF_INIT(1u << 20), lines = BUF_INIT(1u << 20);
		struct err err = ERR_INIT;
		poison(&plain, keys[i], &bad);
		struct json_doc *doc = json_parse(buf_slice(&bad), &err);
		ck_assert_msg(doc != NULL, "%s: %s", keys[i], err.text);
		op = (struct operation){ 0 };
		if (offer_read_operation(json_root(doc), &op, &err) == 0) {
			struct pager *page = pager_new(&nothing);
			pager_begin(page, 80, 24);
			op_page_write(page, &op, OP_PAGE_SHELL, (struct wall){ 1 });
			pager_end(page);
			check_clean(page);
			pager_free(page);
			op_page_write_changes(NULL, &op, (struct wall){ 1 }, &lines);
			op_page_write_end(&op, &lines);
			for (size_t k = 0; k < lines.len; k++)
				ck_assert_msg(lines.data[k] == '\n' || ((unsigned char)lines.data[k] >= 0x20 && lines.data[k] != 0x7f), "%s",
					keys[i]);
			shown++;
		}
		operation_done(&op);
		json_doc_free(doc);
		buf_done(&bad);
		buf_done(&lines);
	}
	ck_assert_uint_gt(shown, 5);
	buf_done(&plain);
}
END_TEST

/* A plan of texts that a terminal would obey is no plan: its bytes are refused when they are read. */
START_TEST(test_plan_of_hostile_texts_is_no_plan)
{
	struct buf body = BUF_INIT(1u << 22), bytes = BUF_INIT(1u << 22);
	struct err err = ERR_INIT;
	struct plan *p = sample_plan("pass");
	p->reason = "\x1b]0;owned\x07";
	plan_write(p, &bytes);
	ck_assert_ptr_null(plan_read(buf_slice(&bytes), &err));
	plan_free(p);
	buf_done(&body);
	buf_done(&bytes);
}
END_TEST

/* Fifty nodes with the same step are one line of a plan, and every node is named on it. */
START_TEST(test_plan_page_groups_equal_steps)
{
	static const struct view_target nothing = { .kind = TARGET_NONE };
	struct plan *p = sample_plan("undrain");
	struct plan_step first = p->steps[0];
	struct buf text = BUF_INIT(1u << 20);
	p->steps = arena_alloc(p->arena, 50 * sizeof *p->steps);
	p->n_steps = 50;
	for (size_t i = 0; i < 50; i++) {
		p->steps[i] = first;
		snprintf(p->steps[i].node, sizeof p->steps[i].node, "fra%zu", i + 1);
	}
	struct pager *page = pager_new(&nothing);
	pager_begin(page, 80, 24);
	plan_page_write(page, p, "00");
	pager_end(page);
	pager_write(page, &text);
	ck_assert_ptr_nonnull(strstr(buf_text(&text), "50 nodes: fra1 fra2"));
	ck_assert_ptr_nonnull(strstr(buf_text(&text), "fra50"));
	const char *once = strstr(buf_text(&text), "enable static protocols");
	ck_assert_ptr_nonnull(once);
	ck_assert_ptr_null(strstr(once + 1, "enable static protocols"));
	pager_free(page);
	buf_done(&text);
	plan_free(p);
}
END_TEST

/* What --wait prints: nothing twice, and every change once. */
START_TEST(test_op_lines_tell_each_change_once)
{
	struct operation was, is;
	struct buf text = BUF_INIT(1u << 20);
	sample_operation("applying", &was);
	sample_operation("measuring", &is);
	op_page_write_changes(&was, &is, (struct wall){ 1 }, &text);
	ck_assert_ptr_nonnull(strstr(buf_text(&text), "measuring"));
	ck_assert_ptr_nonnull(strstr(buf_text(&text), "kept       fra1: disable"));
	ck_assert_ptr_nonnull(strstr(buf_text(&text), "rate       fra not yet"));
	buf_clear(&text);
	op_page_write_changes(&is, &is, (struct wall){ 1 }, &text);
	ck_assert_uint_eq(text.len, 0);
	operation_done(&was);
	operation_done(&is);
	buf_done(&text);
}
END_TEST

/* "drained" is said of what was measured, and of nothing else. */
START_TEST(test_op_says_drained_only_when_measured)
{
	for (size_t i = 0; sample_operations[i]; i++) {
		struct operation op;
		struct buf text = BUF_INIT(1u << 20);
		bool is_drained = strcmp(sample_operations[i], "drained") == 0;
		sample_operation(sample_operations[i], &op);
		op_page_write_end(&op, &text);
		bool says = strstr(buf_text(&text), "drained, and measured") != NULL || strcmp(op_page_state(&op), "drained") == 0;
		ck_assert_msg(says == is_drained, "%s: %s %s", sample_operations[i], op_page_state(&op), buf_text(&text));
		operation_done(&op);
		buf_done(&text);
	}
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("offer");
	TCase *tc = tcase_create("offer");
	tcase_add_test(tc, test_offer_reads_what_the_backend_writes);
	tcase_add_test(tc, test_offer_believes_no_changed_byte);
	tcase_add_test(tc, test_offer_believes_no_part);
	tcase_add_test(tc, test_operation_of_hostile_texts_is_shown_harmless);
	tcase_add_test(tc, test_plan_of_hostile_texts_is_no_plan);
	tcase_add_test(tc, test_plan_page_groups_equal_steps);
	tcase_add_test(tc, test_op_lines_tell_each_change_once);
	tcase_add_test(tc, test_op_says_drained_only_when_measured);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
