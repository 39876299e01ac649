/* SPDX-License-Identifier: Apache-2.0
 *
 * The chained log against damage: every bit of a small file flipped, the file cut at every byte, zeros where bytes never
 * reached the disk, lines deleted, doubled, swapped, inserted, taken from another file, written anew, and a clock that
 * goes back. Each is found, and the first bad record is named by its number.
 */
#include "core/chain.h"
#include "suite.h"

#define RECORDS 6
static struct buf file = BUF_INIT(1u << 20);
static size_t starts[RECORDS + 1]; /* of each line, and the end */
static const struct wall noon = { INT64_C(1795520103000000000) };

static void
build(struct buf *out, size_t at[RECORDS + 1], const char *word)
{
	struct chain_head head = CHAIN_HEAD_INIT, next;
	char body[128];
	buf_clear(out);
	for (size_t i = 0; i < RECORDS; i++) {
		at[i] = out->len;
		snprintf(body, sizeof body, "\"kind\":\"note\",\"v\":1,\"text\":\"%s *J %zu\"", word, i);
		chain_write(&head, (struct wall){ noon.ns + (int64_t)i * CLOCK_NS_PER_S }, slice_of(body), out, &next);
		head = next;
	}
	at[RECORDS] = out->len;
}

static void
setup(void)
{
	build(&file, starts, "a");
}

static void
teardown(void)
{
	buf_done(&file);
}

static struct chain_verdict
verify(struct slice bytes)
{
	struct chain_verdict v;
	chain_verify(bytes, NULL, NULL, &v);
	return v;
}

static uint64_t
record_at(size_t offset)
{
	uint64_t seq = 1;
	while (offset >= starts[seq])
		seq++;
	return seq;
}

static struct slice
line_of(const struct buf *b, const size_t at[RECORDS + 1], size_t i)
{
	return (struct slice){ b->data + at[i], at[i + 1] - at[i] };
}

START_TEST(test_chain_verifies_what_it_wrote)
{
	struct chain_verdict v = verify(buf_slice(&file));
	ck_assert_int_eq(v.fault, CHAIN_GOOD);
	ck_assert_uint_eq(v.records, RECORDS);
	ck_assert_uint_eq(v.head.seq, RECORDS);
	ck_assert_uint_eq(v.good_size, file.len);
	ck_assert_int_eq(v.head.at.ns, noon.ns + (RECORDS - 1) * CLOCK_NS_PER_S);
	v = verify((struct slice){ "", 0 });
	ck_assert_int_eq(v.fault, CHAIN_GOOD);
	ck_assert_uint_eq(v.records, 0);
	ck_assert_uint_eq(v.head.seq, 0);
}
END_TEST

START_TEST(test_chain_names_the_record_of_every_flipped_bit)
{
	for (size_t bit = 0; bit < file.len * 8; bit++) {
		file.data[bit / 8] ^= (char)(1u << (bit % 8));
		struct chain_verdict v = verify(buf_slice(&file));
		file.data[bit / 8] ^= (char)(1u << (bit % 8));
		ck_assert_msg(v.fault == CHAIN_BROKEN, "bit %zu of byte %zu: fault %d", bit % 8, bit / 8, v.fault);
		ck_assert_msg(v.seq == record_at(bit / 8), "bit %zu of byte %zu: %s", bit % 8, bit / 8, v.text);
		ck_assert_uint_eq(v.good_size, starts[v.seq - 1]);
		ck_assert_uint_eq(v.records, v.seq - 1);
	}
}
END_TEST

START_TEST(test_chain_tells_a_torn_end_at_every_byte)
{
	for (size_t len = 0; len <= file.len; len++) {
		struct chain_verdict v = verify((struct slice){ file.data, len });
		size_t whole = 0;
		while (whole < RECORDS && starts[whole + 1] <= len)
			whole++;
		ck_assert_int_eq(v.fault, starts[whole] == len ? CHAIN_GOOD : CHAIN_TORN);
		ck_assert_uint_eq(v.records, whole);
		ck_assert_uint_eq(v.good_size, starts[whole]);
	}
}
END_TEST

START_TEST(test_chain_tells_bytes_that_never_reached_the_disk)
{
	struct buf copy = BUF_INIT(1u << 20);
	for (size_t from = starts[RECORDS - 1]; from + 16 < file.len; from++) {
		buf_clear(&copy);
		ck_assert_int_eq(buf_add(&copy, file.data, file.len), 0);
		memset(copy.data + from, 0, copy.len - from); /* the length reached the disk, the rest of the line not */
		ck_assert_int_eq(verify(buf_slice(&copy)).fault, CHAIN_TORN);
		ck_assert_uint_eq(verify(buf_slice(&copy)).good_size, starts[RECORDS - 1]);
		memcpy(copy.data, file.data, file.len);
		memset(copy.data + from, 0, 16); /* a block in the middle of it not */
		ck_assert_int_eq(verify(buf_slice(&copy)).fault, CHAIN_TORN);
	}
	memcpy(copy.data, file.data, file.len);
	memset(copy.data + starts[2] + 20, 0, 16); /* in an older record that is no crash */
	ck_assert_int_eq(verify(buf_slice(&copy)).fault, CHAIN_BROKEN);
	ck_assert_uint_eq(verify(buf_slice(&copy)).seq, 3);
	buf_done(&copy);
}
END_TEST

/* Which lines of two files, "a" and "b", in which order; the first bad record. */
static const struct {
	const char *lines;
	uint64_t bad;
} orders[] = {
	{ "a0a1a2a3a5", 5 }, { "a1a2a3a4a5", 1 }, { "a0a2", 2 }, { "a0a1a1a2", 3 }, { "a0a0", 2 }, { "a0a2a1a3", 2 },
	{ "a5a4a3a2a1a0", 1 }, { "a0a1b2a3", 3 }, { "a0b1b2b3", 2 }, { "a0a1a2b2a3", 4 }, { "b0a1", 2 },
	{ "a0a1a2a3a4a5a0", 7 }, { "a0a1a2a3a4a5b5", 7 },
};

START_TEST(test_chain_finds_lines_out_of_place)
{
	struct buf other = BUF_INIT(1u << 20), made = BUF_INIT(1u << 20);
	size_t others[RECORDS + 1];
	build(&other, others, "b");
	for (const char *p = orders[_i].lines; *p; p += 2) {
		size_t i = (size_t)(p[1] - '0');
		struct slice line = p[0] == 'a' ? line_of(&file, starts, i) : line_of(&other, others, i);
		ck_assert_int_eq(buf_add(&made, line.data, line.len), 0);
	}
	struct chain_verdict v = verify(buf_slice(&made));
	ck_assert_int_eq(v.fault, CHAIN_BROKEN);
	ck_assert_msg(v.seq == orders[_i].bad, "%s: %s", orders[_i].lines, v.text);
	buf_done(&other);
	buf_done(&made);
}
END_TEST

START_TEST(test_chain_finds_a_record_written_anew)
{
	struct chain_head head = CHAIN_HEAD_INIT, next;
	struct buf made = BUF_INIT(1u << 20);
	chain_write(&head, noon, slice_of("\"kind\":\"note\",\"v\":1,\"text\":\"never said\""), &made, &next);
	struct slice rest = { file.data + starts[1], file.len - starts[1] };
	ck_assert_int_eq(buf_add(&made, rest.data, rest.len), 0);
	struct chain_verdict v = verify(buf_slice(&made));
	ck_assert_int_eq(v.fault, CHAIN_BROKEN);
	ck_assert_uint_eq(v.seq, 2);
	buf_done(&made);
}
END_TEST

static const struct {
	int64_t step_ms;
	enum chain_fault fault;
} steps[] = {
	{ 0, CHAIN_GOOD }, { -1, CHAIN_GOOD }, { -60000, CHAIN_GOOD }, { -60001, CHAIN_BROKEN }, { -3600000, CHAIN_BROKEN },
	{ INT64_C(315360000000), CHAIN_GOOD },
};

START_TEST(test_chain_finds_a_clock_that_goes_back)
{
	struct chain_head head = CHAIN_HEAD_INIT, next;
	struct buf made = BUF_INIT(1u << 20);
	chain_write(&head, noon, slice_of("\"v\":1"), &made, &next);
	head = next;
	chain_write(&head, (struct wall){ noon.ns + steps[_i].step_ms * CLOCK_NS_PER_MS }, slice_of("\"v\":1"), &made, &next);
	struct chain_verdict v = verify(buf_slice(&made));
	ck_assert_int_eq(v.fault, steps[_i].fault);
	if (v.fault == CHAIN_BROKEN)
		ck_assert_uint_eq(v.seq, 2);
	buf_done(&made);
}
END_TEST

/* Bodies that a chain may be right about and that are no record all the same. */
static const char *const bodies[] = { "\"v\":1,\"v\":2", "\"v\":", "nonsense", "\"a\":\"\\ud800\"", "\"a\":NaN", "\"a\":[" };

START_TEST(test_chain_refuses_what_is_no_json)
{
	struct chain_head head = CHAIN_HEAD_INIT, next;
	struct buf made = BUF_INIT(1u << 20);
	chain_write(&head, noon, slice_of(bodies[_i]), &made, &next);
	struct chain_verdict v = verify(buf_slice(&made));
	ck_assert_int_eq(v.fault, CHAIN_BROKEN);
	ck_assert_uint_eq(v.seq, 1);
	buf_done(&made);
}
END_TEST

static void
count(void *arg, struct slice line, const struct json *record)
{
	size_t *n = arg;
	ck_assert_int_eq(line.data[line.len - 1], '}');
	ck_assert_int_eq(json_int(json_get(record, "seq"), 0), (int64_t)++*n);
}

START_TEST(test_chain_tells_each_good_record_once_and_no_bad_one)
{
	struct chain_verdict v;
	size_t n = 0;
	file.data[starts[3] + 40] ^= 1;
	chain_verify(buf_slice(&file), count, &n, &v);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(v.records, 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("chain");
	TCase *tests = tcase_create("chain");
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_chain_verifies_what_it_wrote);
	tcase_add_test(tests, test_chain_names_the_record_of_every_flipped_bit);
	tcase_add_test(tests, test_chain_tells_a_torn_end_at_every_byte);
	tcase_add_test(tests, test_chain_tells_bytes_that_never_reached_the_disk);
	tcase_add_loop_test(tests, test_chain_finds_lines_out_of_place, 0, sizeof orders / sizeof *orders);
	tcase_add_test(tests, test_chain_finds_a_record_written_anew);
	tcase_add_loop_test(tests, test_chain_finds_a_clock_that_goes_back, 0, sizeof steps / sizeof *steps);
	tcase_add_loop_test(tests, test_chain_refuses_what_is_no_json, 0, sizeof bodies / sizeof *bodies);
	tcase_add_test(tests, test_chain_tells_each_good_record_once_and_no_bad_one);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
