/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring behind the streams: what is sent once, in which order, to whom a fresh snapshot is advised, and that ages in
 * what is sent are never younger than the truth.
 */
#include "suite.h"

#include <string.h>

#include "backend/feed.h"
#include "core/json.h"
#include "tiny_fleet.h"

static const struct mono start = { INT64_C(1000) * CLOCK_NS_PER_S };
static const struct wall noon = { INT64_C(1700049600) * CLOCK_NS_PER_S };

static struct mono
after_ms(int64_t ms)
{
	return mono_add_ms(start, ms);
}

struct reader {
	struct feed_cursor cursor;
	struct buf text;
};

static void
read_all(struct feed *f, struct reader *r, size_t step, struct mono now)
{
	char bytes[65536];
	ck_assert_uint_le(step, sizeof bytes);
	for (size_t n = feed_read(f, &r->cursor, bytes, step, now); n > 0; n = feed_read(f, &r->cursor, bytes, step, now))
		ck_assert_int_eq(buf_add(&r->text, bytes, n), 0);
	ck_assert(!feed_has_more(f, &r->cursor));
}

static void
join(struct feed *f, struct reader *r, struct mono now)
{
	r->text = (struct buf)BUF_INIT(64u << 20);
	feed_start(f, &r->cursor, false, 0, now);
	read_all(f, r, 4096, now);
	buf_clear(&r->text);
}

static void
leave(struct reader *r)
{
	feed_leave(&r->cursor);
	buf_done(&r->text);
}

static size_t
count(const struct reader *r, const char *what)
{
	size_t n = 0;
	for (const char *p = strstr(buf_text(&r->text), what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

/* Each block is a comment, or fields with data that is JSON; ids never fall. */
static void
check_blocks(const struct reader *r)
{
	unsigned long long last = 0, id;
	const char *p = buf_text(&r->text);
	while (*p) {
		const char *end = strstr(p, "\n\n");
		ck_assert_msg(end != NULL, "an event is cut: %s", p);
		struct slice block = { p, (size_t)(end - p) }, line;
		p = end + 2;
		while (slice_next_line(&block, &line)) {
			if (slice_starts(line, "id: ")) {
				ck_assert_int_eq(sscanf(line.data, "id: %llu", &id), 1);
				ck_assert_msg(id >= last, "id %llu after %llu", id, last);
				last = id;
			} else if (slice_starts(line, "data: ")) {
				struct json_doc *doc = json_parse((struct slice){ line.data + 6, line.len - 6 }, NULL);
				ck_assert_msg(doc != NULL, "%.*s", (int)line.len, line.data);
				json_doc_free(doc);
			} else {
				ck_assert(slice_starts(line, "event: ") || slice_starts(line, "retry: ") || slice_starts(line, ": hb"));
			}
		}
	}
}

static void
poll_node(struct state *s, size_t node, int64_t queries, struct mono now)
{
	state_apply(s, node, "test/all", tiny_report(queries), now, noon);
}

START_TEST(test_a_node_that_changes_often_is_sent_once)
{
	struct state *s = state_new(tiny_fleet());
	struct feed *f = feed_new(s);
	struct reader r;
	join(f, &r, start);
	for (int64_t i = 1; i < 10; i++)
		poll_node(s, 0, 1000 * i * i, after_ms(1000 * i));
	poll_node(s, 2, 5, after_ms(9500));
	ck_assert(feed_is_due(f));
	ck_assert(feed_flush_changes(f, true, after_ms(10000)));
	ck_assert(!feed_is_due(f));
	read_all(f, &r, 4096, after_ms(10000));
	ck_assert_uint_eq(count(&r, "event: change\n"), 2);
	check_blocks(&r);
	unsigned long long last;
	const char *end = strstr(buf_text(&r.text), "\"node\":\"ams1\"");
	ck_assert_ptr_nonnull(end);
	/* the last id is the present revision: nothing is missing behind it */
	for (const char *p = strstr(buf_text(&r.text), "id: "); p; p = strstr(p + 1, "id: "))
		ck_assert_int_eq(sscanf(p, "id: %llu", &last), 1);
	ck_assert_uint_eq(last, state_fleet(s)->revision);
	leave(&r);
	feed_free(f);
	state_free(s);
}
END_TEST

START_TEST(test_entries_are_whole_whatever_the_buffer)
{
	static const size_t steps[] = { 1, 7, 100, 4096 };
	struct state *s = state_new(tiny_fleet());
	struct feed *f = feed_new(s);
	struct reader r[4];
	for (size_t i = 0; i < 4; i++)
		join(f, &r[i], start);
	poll_node(s, 0, 1, start);
	poll_node(s, 1, 1, start);
	(void)feed_flush_changes(f, true, start);
	(void)feed_heartbeat(f, start);
	for (size_t i = 0; i < 4; i++) {
		read_all(f, &r[i], steps[i], start);
		ck_assert(slice_equal(buf_slice(&r[i].text), buf_text(&r[0].text)));
		check_blocks(&r[i]);
	}
	for (size_t i = 0; i < 4; i++)
		leave(&r[i]);
	feed_free(f);
	state_free(s);
}
END_TEST

START_TEST(test_a_reader_that_falls_off_gets_one_resync)
{
	struct state *s = state_new(tiny_fleet());
	struct feed *f = feed_new(s);
	struct reader slow, cut;
	join(f, &slow, start);
	join(f, &cut, start);
	poll_node(s, 0, 1, start);
	(void)feed_flush_changes(f, true, start);
	/* one reader stops in the middle of an entry */
	char bytes[100];
	ck_assert_uint_eq(feed_read(f, &cut.cursor, bytes, sizeof bytes, start), sizeof bytes);
	(void)buf_add(&cut.text, bytes, sizeof bytes);
	for (int i = 0; i < FEED_ENTRIES_MAX + 10; i++)
		(void)feed_heartbeat(f, start);
	read_all(f, &slow, 4096, start);
	read_all(f, &cut, 4096, start);
	ck_assert_uint_eq(count(&slow, "event: resync\n"), 1);
	ck_assert_uint_eq(count(&slow, ": hb"), 0);
	ck_assert_uint_eq(count(&cut, "event: resync\n"), 1);
	ck_assert_uint_eq(count(&cut, "event: change\n"), 1);
	check_blocks(&slow);
	check_blocks(&cut);
	ck_assert_uint_eq(feed_stats(f).entries, FEED_ENTRIES_MAX);
	ck_assert_uint_eq(feed_stats(f).resyncs, 2);
	leave(&slow);
	leave(&cut);
	feed_free(f);
	state_free(s);
}
END_TEST

START_TEST(test_late_messages_are_not_delivered)
{
	struct state *s = state_new(tiny_fleet());
	struct feed *f = feed_new(s);
	struct reader r;
	join(f, &r, start);
	poll_node(s, 0, 1, start);
	(void)feed_flush_changes(f, true, start);
	read_all(f, &r, 4096, after_ms(FEED_LAG_MS + 1)); /* it says "seen 0 s ago", and that was long ago */
	ck_assert_uint_eq(count(&r, "event: change\n"), 0);
	ck_assert_uint_eq(count(&r, "event: resync\n"), 1);
	leave(&r);
	feed_free(f);
	state_free(s);
}
END_TEST

/* The age of the session plane that the seen message says. */
static double
age_said(const struct reader *r, const char *node)
{
	char key[64];
	double age = -1;
	snprintf(key, sizeof key, "\"%s\":", node);
	const char *seen = strstr(buf_text(&r->text), "\"seen\":{");
	ck_assert_ptr_nonnull(seen);
	const char *p = strstr(seen, key);
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(sscanf(p + strlen(key), "[%lf", &age), 1);
	return age;
}

START_TEST(test_resume_gives_what_changed_with_true_ages)
{
	struct state *s = state_new(tiny_fleet());
	struct feed *f = feed_new(s);
	poll_node(s, 0, 1, start);
	uint64_t from = state_fleet(s)->revision;
	poll_node(s, 2, 1, after_ms(100));
	(void)feed_flush_changes(f, false, after_ms(150));
	struct reader r = { .text = BUF_INIT(1 << 20) };
	feed_start(f, &r.cursor, true, from, after_ms(60100));
	read_all(f, &r, 4096, after_ms(60100));
	ck_assert_uint_eq(count(&r, "event: change\n"), 1);
	ck_assert_uint_eq(count(&r, "\"node\":\"ams1\""), 1);
	ck_assert_uint_eq(count(&r, "event: resync\n"), 0);
	ck_assert_double_eq_tol(age_said(&r, "ams1"), 60, 0.2);
	ck_assert_double_eq_tol(age_said(&r, "fra1"), 60.1, 0.2);
	check_blocks(&r);
	leave(&r);
	/* a revision that is still to come, and one of before the topology */
	static const int64_t strange[] = { 1, INT64_MAX };
	for (size_t i = 0; i < 2; i++) {
		r = (struct reader){ .text = BUF_INIT(1 << 20) };
		feed_start(f, &r.cursor, true, state_fleet(s)->revision + (uint64_t)strange[i], start);
		read_all(f, &r, 4096, start);
		ck_assert_uint_eq(count(&r, "event: resync\n"), 1);
		leave(&r);
	}
	feed_free(f);
	state_free(s);
}
END_TEST

START_TEST(test_a_new_topology_resyncs_everyone_once)
{
	struct state *s = state_new(tiny_fleet());
	struct feed *f = feed_new(s);
	struct reader r;
	join(f, &r, start);
	uint64_t before = state_fleet(s)->revision;
	poll_node(s, 0, 1, start);
	state_reload(s, tiny_fleet_wide(9), start, noon);
	poll_node(s, 8, 1, start);
	(void)feed_flush_changes(f, true, start);
	read_all(f, &r, 4096, start);
	ck_assert_uint_eq(count(&r, "event: resync\n"), 1);
	ck_assert_uint_eq(count(&r, "\"node\":\"fra1\""), 0);
	check_blocks(&r);
	leave(&r);
	r = (struct reader){ .text = BUF_INIT(1 << 20) };
	feed_start(f, &r.cursor, true, before, start);
	read_all(f, &r, 4096, start);
	ck_assert_uint_eq(count(&r, "event: resync\n"), 1);
	leave(&r);
	feed_free(f);
	state_free(s);
}
END_TEST

START_TEST(test_resume_after_too_much_is_a_resync)
{
	struct state *s = state_new(tiny_fleet_wide(FEED_RESUME_MAX + 1));
	struct feed *f = feed_new(s);
	uint64_t from = state_fleet(s)->revision;
	for (size_t i = 0; i <= FEED_RESUME_MAX; i++)
		poll_node(s, i, 1, start);
	(void)feed_flush_changes(f, true, start);
	struct reader r = { .text = BUF_INIT(4 << 20) };
	feed_start(f, &r.cursor, true, from, start);
	read_all(f, &r, 4096, start);
	ck_assert_uint_eq(count(&r, "event: resync\n"), 1);
	ck_assert_uint_eq(count(&r, "event: change\n"), 0);
	leave(&r);
	feed_start(f, &r.cursor, true, from + 1, start);
	read_all(f, &r, 4096, start);
	ck_assert_uint_eq(count(&r, "event: change\n"), FEED_RESUME_MAX);
	leave(&r);
	feed_free(f);
	state_free(s);
}
END_TEST

START_TEST(test_nobody_listening_costs_no_encoding)
{
	struct state *s = state_new(tiny_fleet());
	struct feed *f = feed_new(s);
	poll_node(s, 0, 1, start);
	ck_assert(feed_flush_changes(f, false, start));
	ck_assert_uint_eq(feed_stats(f).changes, 0);
	ck_assert(!feed_flush_seen(f, false, start));
	feed_free(f);
	state_free(s);
}
END_TEST

static Suite *
feed_suite(void)
{
	Suite *suite = suite_create("feed");
	TCase *tcase = tcase_create("feed");
	tcase_add_test(tcase, test_a_node_that_changes_often_is_sent_once);
	tcase_add_test(tcase, test_entries_are_whole_whatever_the_buffer);
	tcase_add_test(tcase, test_a_reader_that_falls_off_gets_one_resync);
	tcase_add_test(tcase, test_late_messages_are_not_delivered);
	tcase_add_test(tcase, test_resume_gives_what_changed_with_true_ages);
	tcase_add_test(tcase, test_a_new_topology_resyncs_everyone_once);
	tcase_add_test(tcase, test_resume_after_too_much_is_a_resync);
	tcase_add_test(tcase, test_nobody_listening_costs_no_encoding);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return suite_run(feed_suite());
}
