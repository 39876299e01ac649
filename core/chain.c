/* SPDX-License-Identifier: Apache-2.0
 *
 * The chained log: how a record is written, and how a file of them is judged. Pure; the bytes come from the backend's
 * ledger, from `catchment audit verify` on a copy, or from a test that damages them.
 *
 * A line is laid out so that it can be checked without reading its JSON: number and time stand first, the two hashes
 * last, each at a fixed place. The hash is over bytes, not over values, so nothing that was changed in a line can hide
 * behind another way to write the same value. Only when the bytes are right are they read as JSON.
 *
 * What a crash leaves and what a hand leaves are told apart, because the first is cut off and the second stops acting.
 * A crash leaves the last line without its newline, or with a stretch that was never written (zeros). A last line that is
 * whole and then goes on with something else, and anything wrong in a line that has its newline, was not left by a crash.
 *
 * What no chain can show by itself is a file cut cleanly after a record, or written anew from the first record on: that
 * takes a witness who keeps the head (chain_head) elsewhere.
 */
#include "core/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/digest.h"

#define HEX          (DIGEST_HEX_SIZE - 1)
#define AT_LEN       24                      /* "2026-11-23T11:35:03.000Z" */
#define BACK_MAX     (60 * CLOCK_NS_PER_S)   /* how far a record may lie before the one it follows */
#define NEVER_MIN    16                      /* zeros in a row: a stretch of the file that never reached the disk */

static const char prev_mark[] = ",\"prev\":\"", hash_mark[] = "\",\"hash\":\"", end_mark[] = "\"}";
#define PREV_LEN (sizeof prev_mark - 1)
#define HASH_LEN (sizeof hash_mark - 1)
#define END_LEN  (sizeof end_mark - 1)
/* from `,"prev"` to the end of the line */
#define TAIL_LEN (PREV_LEN + HEX + HASH_LEN + HEX + END_LEN)

void
chain_write(const struct chain_head *head, struct wall at, struct slice body, struct buf *out, struct chain_head *next)
{
	char time[CLOCK_TEXT_MAX];
	size_t start = out->len;
	*next = (struct chain_head){ .seq = head->seq + 1, .at = at };
	wall_format_ms(at, time);
	(void)buf_printf(out, "{\"seq\":%" PRIu64 ",\"at\":\"%s\",", next->seq, time);
	(void)buf_add(out, body.data, body.len);
	(void)buf_printf(out, "%s%s\"", prev_mark, head->hash);
	digest_hex((struct slice){ out->data + start, out->len - start }, next->hash);
	(void)buf_printf(out, "%s%s%s\n", hash_mark + 1, next->hash, end_mark);
}

/* --- reading one line ------------------------------------------------------------------------------------------- */

struct parts {
	uint64_t seq;
	struct wall at;
	struct slice prev, hash, hashed;
};

static bool
is_at(struct slice line, size_t offset, const char *text, size_t len)
{
	return offset <= line.len && len <= line.len - offset && memcmp(line.data + offset, text, len) == 0;
}

/* "{"seq":7," from the front; the number of digits is its own end. */
static bool
read_seq(struct slice line, uint64_t *seq, size_t *used)
{
	static const char mark[] = "{\"seq\":";
	size_t i = sizeof mark - 1;
	uint64_t n = 0;
	if (!is_at(line, 0, mark, i) || i == line.len || line.data[i] < '1' || line.data[i] > '9')
		return false;
	for (; i < line.len && line.data[i] >= '0' && line.data[i] <= '9'; i++) {
		if (n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(line.data[i] - '0');
	}
	*seq = n;
	*used = i;
	return true;
}

static bool
read_at(struct slice line, size_t *used, struct wall *at)
{
	static const char mark[] = ",\"at\":\"";
	char text[AT_LEN + 1];
	if (!is_at(line, *used, mark, sizeof mark - 1))
		return false;
	*used += sizeof mark - 1;
	if (line.len - *used < AT_LEN + 2)
		return false;
	slice_copy((struct slice){ line.data + *used, AT_LEN }, text, sizeof text);
	*used += AT_LEN;
	return wall_parse(text, at) == 0 && is_at(line, *used, "\",", 2);
}

/* Takes a line apart at its fixed places; what stands between them is not looked at. */
static bool
take_apart(struct slice line, struct parts *p)
{
	size_t used = 0;
	*p = (struct parts){ 0 };
	if (!read_seq(line, &p->seq, &used) || !read_at(line, &used, &p->at) || line.len - used < TAIL_LEN + 1)
		return false;
	size_t tail = line.len - TAIL_LEN;
	size_t prev = tail + PREV_LEN, hash = prev + HEX + HASH_LEN;
	if (!is_at(line, tail, prev_mark, PREV_LEN) || !is_at(line, prev + HEX, hash_mark, HASH_LEN) ||
		!is_at(line, hash + HEX, end_mark, END_LEN))
		return false;
	p->prev = (struct slice){ line.data + prev, HEX };
	p->hash = (struct slice){ line.data + hash, HEX };
	p->hashed = (struct slice){ line.data, prev + HEX + 1 };
	return true;
}

/* --- judging ---------------------------------------------------------------------------------------------------- */

static void
fault(struct chain_verdict *v, enum chain_fault what, const char *why)
{
	v->fault = what;
	snprintf(v->text, sizeof v->text, "record %" PRIu64 " (line %zu) %s", v->seq, v->line, why);
}

/* Is this line the record that follows the head? */
static bool
judge(struct slice line, struct chain_verdict *v, struct parts *p)
{
	char hash[DIGEST_HEX_SIZE], why[120];
	if (line.len > CHAIN_LINE_MAX) {
		fault(v, CHAIN_BROKEN, "is longer than any record");
		return false;
	}
	if (!take_apart(line, p)) {
		fault(v, CHAIN_BROKEN, "is no whole record: it was changed");
		return false;
	}
	digest_hex(p->hashed, hash);
	if (memcmp(hash, p->hash.data, HEX) != 0) {
		fault(v, CHAIN_BROKEN, "was changed: its hash is not that of its bytes");
		return false;
	}
	if (p->seq != v->seq) {
		snprintf(why, sizeof why, "is missing or out of place: number %" PRIu64 " stands there", p->seq);
		fault(v, CHAIN_BROKEN, why);
		return false;
	}
	if (memcmp(p->prev.data, v->head.hash, HEX) != 0) {
		fault(v, CHAIN_BROKEN, "does not belong to the record before it");
		return false;
	}
	if (p->at.ns < v->head.at.ns - BACK_MAX) {
		fault(v, CHAIN_BROKEN, "goes back in time against the record before it");
		return false;
	}
	return true;
}

static void
take(struct slice line, const struct parts *p, struct chain_verdict *v)
{
	v->head.seq = p->seq;
	v->head.at = p->at;
	memcpy(v->head.hash, p->hash.data, HEX);
	v->records++;
	v->good_size += line.len + 1;
	v->seq++;
	v->line++;
}

static bool
has_hole(struct slice s)
{
	size_t run = 0;
	for (size_t i = 0; i < s.len; i++) {
		run = s.data[i] == '\0' ? run + 1 : 0;
		if (run == NEVER_MIN)
			return true;
	}
	return false;
}

/* What stands after the last newline: cut by a crash, unless a whole record stands there and then something else. */
static void
judge_rest(struct slice rest, struct chain_verdict *v)
{
	struct parts p;
	size_t zeros = 0;
	while (zeros < rest.len && rest.data[rest.len - 1 - zeros] == '\0')
		zeros++;
	struct slice line = { rest.data, rest.len - zeros };
	for (size_t cut = 1; cut <= 4 && cut < line.len; cut++) {
		if (zeros == 0 && take_apart((struct slice){ line.data, line.len - cut }, &p)) {
			fault(v, CHAIN_BROKEN, "has something else where its line should end");
			return;
		}
	}
	fault(v, CHAIN_TORN, "was not written to its end");
}

void
chain_verify(struct slice file, void (*fn)(void *arg, struct slice line, const struct json *record), void *arg,
	struct chain_verdict *out)
{
	*out = (struct chain_verdict){ .fault = CHAIN_GOOD, .seq = 1, .line = 1, .head = CHAIN_HEAD_INIT };
	while (out->good_size < file.len) {
		struct slice rest = { file.data + out->good_size, file.len - out->good_size };
		const char *end = memchr(rest.data, '\n', rest.len);
		if (!end) {
			judge_rest(rest, out);
			return;
		}
		struct slice line = { rest.data, (size_t)(end - rest.data) };
		struct parts p;
		if (!judge(line, out, &p)) {
			if (line.len + 1 == rest.len && has_hole(line))
				fault(out, CHAIN_TORN, "did not reach the disk whole");
			return;
		}
		struct json_doc *doc = json_parse(line, NULL);
		if (!doc || json_kind(json_root(doc)) != JSON_OBJECT) {
			json_doc_free(doc);
			fault(out, CHAIN_BROKEN, "is no JSON object, although its hash is right");
			return;
		}
		take(line, &p, out);
		if (fn)
			fn(arg, line, json_root(doc));
		json_doc_free(doc);
	}
	snprintf(out->text, sizeof out->text, "%zu records, in order and unchanged", out->records);
}
