/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log on the command line. The backend hands the records out as the lines stand in its ledger, and nothing here
 * believes them: `verify` recomputes the chain itself (core/chain.c), names the first record that is wrong and ends with
 * status 1. With a FILE it does the same without a backend, on an export or on a copy of the ledger. A chain cannot show
 * that its end was cut off, so `--head SEQ:HASH` takes what was noted elsewhere and asks that this very record stands
 * there, and `--heads FILE` all that the backend told the system's log (backend/notary.c): any text, of which the words
 * "audit head SEQ:HASH" are read.
 *
 * `export` writes the lines byte for byte: the hashes are over bytes.
 */
#include "console/cli_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/fetch.h"
#include "console/rows.h"
#include "core/chain.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/text.h"

#define AUDIT_MAX (256u << 20)
#define PAGE      1000
#define OUT_MAX   (256u << 20)

#define HEADS_MAX (64u << 20) /* bytes of a log in which heads stand */
#define HEAD_MARK "audit head "

/* Heads that were kept elsewhere: these very records must be there. */
struct witnesses {
	struct head {
		uint64_t seq;
		char hash[DIGEST_HEX_SIZE];
	} *all;
	size_t n, cap;
	size_t at;                 /* while records go by: the first that was not looked for */
	const struct head *broken; /* the first that is not what stands there */
};

static size_t
count_lines(struct slice text)
{
	struct slice line;
	size_t n = 0;
	while (slice_next_line(&text, &line))
		n++;
	return n;
}

/* All records from `from` on, at most `limit` of them (0: all), page by page; -1 with the reason. */
static int
fetch_records(const struct options *o, uint64_t from, size_t limit, struct buf *out, struct err *err)
{
	size_t done = 0;
	for (;;) {
		struct buf page = BUF_INIT(AUDIT_MAX);
		char path[120];
		size_t want = limit > 0 && limit - done < PAGE ? limit - done : PAGE;
		snprintf(path, sizeof path, "/v1/audit?from=%llu&limit=%zu", (unsigned long long)(from + done), want);
		int rc = fetch(o->place, "GET", path, &page, err);
		size_t n = rc == 0 ? count_lines(buf_slice(&page)) : 0;
		if (rc == 0 && buf_add(out, page.data, page.len) == -1)
			rc = err_set(err, ERR_TOO_LARGE, "the audit log is larger than %u bytes; verify a copy of the file", AUDIT_MAX);
		buf_done(&page);
		done += n;
		if (rc == -1)
			return -1;
		if (n < want || (limit > 0 && done >= limit))
			return 0;
	}
}

static int
take_number(const struct options *o, const char *option, int64_t min, int64_t otherwise, int64_t *out, struct err *err)
{
	const char *value = options_value(o, option);
	*out = otherwise;
	if (value && text_parse_int(slice_of(value), min, INT64_MAX / 2, out) == -1)
		return err_set(err, ERR_USAGE, "--%s %.40s: a number from %lld on is wanted", option, value, (long long)min);
	return 0;
}

/* -- list -- */

/* One record as one row: the members that all kinds have, and what the others say in a few words. */
static void
write_row(const struct json *r, struct json_writer *w)
{
	const struct json *by = json_get(r, "by"), *op = json_get(r, "operation"), *hold = json_get(r, "hold");
	const char *text = json_text(json_get(r, "text"), json_text(json_get(op, "text"), json_text(json_get(hold, "reason"), NULL)));
	json_begin_object(w);
	json_put_int(w, "seq", json_int(json_get(r, "seq"), -1));
	json_put_text(w, "at", json_text(json_get(r, "at"), NULL));
	json_put_text(w, "kind", json_text(json_get(r, "kind"), NULL));
	json_put_text(w, "by", json_text(json_get(by, "account"), json_text(by, NULL)));
	json_put_text(w, "event", json_text(json_get(r, "event"), json_text(json_get(r, "what"), NULL)));
	json_put_text(w, "verb", json_text(json_get(op, "verb"), NULL));
	json_key(w, "targets");
	json_add_value(w, json_get(op, "targets") ? json_get(op, "targets") : json_get(hold, "pop"));
	json_put_text(w, "state", json_text(json_get(op, "state"), NULL));
	json_put_text(w, "op", json_text(json_get(op, "id"), json_text(json_get(hold, "op"), NULL)));
	json_put_text(w, "text", text);
	json_end_object(w);
}

static struct json_doc *
make_rows(struct slice lines)
{
	struct buf text = BUF_INIT(OUT_MAX);
	struct json_writer w = JSON_WRITER(&text);
	struct slice line;
	json_begin_array(&w);
	while (slice_next_line(&lines, &line)) {
		struct json_doc *doc = json_parse(line, NULL);
		if (doc)
			write_row(json_root(doc), &w);
		json_doc_free(doc);
	}
	json_end_array(&w);
	struct json_doc *rows = json_parse(buf_slice(&text), NULL);
	buf_done(&text);
	return rows;
}

/* -o json gives the records themselves, as one document. */
static void
write_records(struct slice lines, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);
	struct slice line;
	json_begin_array(&w);
	while (slice_next_line(&lines, &line)) {
		struct json_doc *doc = json_parse(line, NULL);
		if (doc)
			json_add_raw(&w, line);
		json_doc_free(doc);
	}
	json_end_array(&w);
	buf_add_char(out, '\n');
}

static int
run_list(const struct options *o, const struct cli *cli, struct err *err)
{
	struct buf lines = BUF_INIT(AUDIT_MAX), out = BUF_INIT(OUT_MAX);
	struct rows_style style = { ROWS_TABLE, true, cli->is_terminal };
	int64_t from, limit;
	if (take_number(o, "from", 1, 1, &from, err) == 0 && take_number(o, "limit", 1, 0, &limit, err) == 0 &&
		fetch_records(o, (uint64_t)from, (size_t)limit, &lines, err) == 0) {
		if (options_want_json(o)) {
			write_records(buf_slice(&lines), &out);
		} else {
			struct json_doc *rows = make_rows(buf_slice(&lines));
			rows_write("audit", json_root(rows), NULL, &style, &out);
			json_doc_free(rows);
		}
		cli_emit(cli, &out);
	}
	buf_done(&lines);
	buf_done(&out);
	return err_code_exit(err->code);
}

/* -- verify -- */

/* "12:5f0c…", at the start of the text. */
static int
read_head(struct slice text, struct head *out)
{
	const char *colon = memchr(text.data, ':', text.len);
	size_t digits = colon ? (size_t)(colon - text.data) : 0;
	int64_t seq = 0;
	if (!colon || text.len - digits - 1 < DIGEST_HEX_SIZE - 1 ||
		text_parse_int((struct slice){ text.data, digits }, 1, INT64_MAX / 2, &seq) == -1)
		return -1;
	out->seq = (uint64_t)seq;
	slice_copy((struct slice){ colon + 1, DIGEST_HEX_SIZE - 1 }, out->hash, sizeof out->hash);
	return digest_is_hex(out->hash) ? 0 : -1;
}

static void
add_head(struct witnesses *w, const struct head *head)
{
	w->all = xgrow(w->all, &w->cap, w->n + 1, sizeof *w->all);
	w->all[w->n++] = *head;
}

static int
compare_heads(const void *a, const void *b)
{
	const struct head *x = a, *y = b;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int
take_log(struct witnesses *w, const char *path, struct err *err)
{
	struct buf text = BUF_INIT(HEADS_MAX);
	struct slice rest, line;
	size_t before = w->n;
	int rc = buf_read_file(&text, path, err);
	rest = buf_slice(&text);
	while (rc == 0 && slice_next_line(&rest, &line)) {
		struct head head;
		const char *mark = memmem(line.data, line.len, HEAD_MARK, sizeof HEAD_MARK - 1);
		if (!mark)
			continue;
		mark += sizeof HEAD_MARK - 1;
		if (read_head((struct slice){ mark, line.len - (size_t)(mark - line.data) }, &head) == 0)
			add_head(w, &head);
	}
	if (rc == 0 && w->n == before)
		rc = err_set(err, ERR_USAGE, "--heads %.200s: there is no \"" HEAD_MARK "SEQ:HASH\" in it", path);
	buf_done(&text);
	return rc;
}

static int
take_witnesses(const struct options *o, struct witnesses *out, struct err *err)
{
	const char *one = options_value(o, "head"), *log = options_value(o, "heads");
	struct head head;
	*out = (struct witnesses){ 0 };
	if (one && (read_head(slice_of(one), &head) == -1 || strlen(strchr(one, ':') + 1) != DIGEST_HEX_SIZE - 1))
		return err_set(err, ERR_USAGE, "--head %.80s: SEQ:HASH is wanted, as `catchment audit verify` prints it", one);
	if (one)
		add_head(out, &head);
	if (log && take_log(out, log, err) == -1)
		return -1;
	if (out->n > 0)
		qsort(out->all, out->n, sizeof *out->all, compare_heads);
	return 0;
}

/* Records come in the order of their numbers, and so do the heads. */
static void
on_record(void *arg, struct slice line, const struct json *record)
{
	struct witnesses *w = arg;
	uint64_t seq = (uint64_t)json_int(json_get(record, "seq"), 0);
	(void)line;
	for (; w->at < w->n && w->all[w->at].seq <= seq; w->at++)
		if (!w->broken && !digest_equal(json_text(json_get(record, "hash"), ""), w->all[w->at].hash))
			w->broken = &w->all[w->at];
}

/* What the witnesses add to the verdict. */
static void
judge_witnesses(const struct witnesses *w, struct chain_verdict *v)
{
	const struct head *first = w->broken ? w->broken : w->at < w->n ? &w->all[w->at] : NULL;
	if (!first || v->fault != CHAIN_GOOD)
		return;
	v->fault = CHAIN_BROKEN;
	v->seq = first->seq;
	if (w->broken)
		snprintf(v->text, sizeof v->text, "record %llu is not the one the witness saw: the log was written anew",
			(unsigned long long)first->seq);
	else
		snprintf(v->text, sizeof v->text, "record %llu, which the witness saw, is missing: the log ends at %llu, it was cut",
			(unsigned long long)first->seq, (unsigned long long)v->head.seq);
}

static void
write_verdict(const struct options *o, const struct chain_verdict *v, const char *source, size_t heads,
	struct buf *out)
{
	static const char *const words[] = { "good", "torn", "broken" };
	char at[CLOCK_TEXT_MAX] = "";
	if (v->head.at.ns != 0)
		wall_format(v->head.at, at);
	if (options_want_json(o)) {
		struct json_writer w = JSON_WRITER(out);
		json_begin_object(&w);
		json_put_bool(&w, "good", v->fault == CHAIN_GOOD);
		json_put_text(&w, "fault", words[v->fault]);
		json_put_text(&w, "source", source);
		json_put_int(&w, "records", (int64_t)v->records);
		json_put_int(&w, "heads", (int64_t)heads);
		json_put_known(&w, "bad_seq", v->fault == CHAIN_GOOD ? -1 : (int64_t)v->seq);
		json_put_known(&w, "bad_line", v->fault == CHAIN_GOOD || v->line == 0 ? -1 : (int64_t)v->line);
		json_put_text(&w, "text", v->text[0] ? v->text : NULL);
		json_key(&w, "head");
		json_begin_object(&w);
		json_put_int(&w, "seq", (int64_t)v->head.seq);
		json_put_text(&w, "hash", v->head.hash);
		json_put_text(&w, "at", at[0] ? at : NULL);
		json_end_object(&w);
		json_end_object(&w);
		buf_add_char(out, '\n');
	} else if (v->fault == CHAIN_GOOD) {
		buf_printf(out, "%s: %zu records, every hash is right", source, v->records);
		if (heads > 0)
			buf_printf(out, "; %zu head%s noted elsewhere stand%s in it", heads, heads == 1 ? "" : "s", heads == 1 ? "s" : "");
		buf_printf(out, "\nhead %llu:%s %s\n", (unsigned long long)v->head.seq, v->head.hash, at);
	} else {
		buf_printf(out, "%s: record %llu is bad after %zu good ones: ", source, (unsigned long long)v->seq, v->records);
		text_sanitise(slice_of(v->text), out);
		buf_add_char(out, '\n');
	}
}

static int
run_verify(const struct options *o, const struct cli *cli, struct err *err)
{
	const char *file = o->n_args > 1 ? o->args[1] : NULL;
	struct buf lines = BUF_INIT(AUDIT_MAX), out = BUF_INIT(8192), source = BUF_INIT(300);
	struct chain_verdict verdict = { .fault = CHAIN_GOOD };
	struct witnesses witnesses;
	text_sanitise(slice_of(file ? file : "the backend's audit log"), &source);
	int rc = take_witnesses(o, &witnesses, err);
	if (rc == 0)
		rc = file ? buf_read_file(&lines, file, err) : fetch_records(o, 1, 0, &lines, err);
	if (rc == 0) {
		chain_verify(buf_slice(&lines), on_record, &witnesses, &verdict);
		judge_witnesses(&witnesses, &verdict);
		write_verdict(o, &verdict, buf_text(&source), witnesses.n, &out);
		cli_emit(cli, &out);
	}
	buf_done(&lines);
	buf_done(&out);
	buf_done(&source);
	free(witnesses.all);
	if (rc == -1)
		return err_code_exit(err->code);
	return verdict.fault == CHAIN_GOOD ? 0 : err_code_exit(ERR_FAILED);
}

/* The lines as they stand are for files; a damaged log may hold anything, and a terminal obeys it. */
static void
clean_lines(struct buf *lines)
{
	struct buf out = BUF_INIT(4 * AUDIT_MAX);
	struct slice rest = buf_slice(lines), line;
	while (slice_next_line(&rest, &line)) {
		text_sanitise(line, &out);
		buf_add_char(&out, '\n');
	}
	buf_done(lines);
	*lines = out;
}

static int
run_export(const struct options *o, const struct cli *cli, struct err *err)
{
	struct buf lines = BUF_INIT(AUDIT_MAX);
	int64_t from, limit;
	if (take_number(o, "from", 1, 1, &from, err) == 0 && take_number(o, "limit", 1, 0, &limit, err) == 0 &&
		fetch_records(o, (uint64_t)from, (size_t)limit, &lines, err) == 0) {
		if (cli->is_terminal)
			clean_lines(&lines);
		cli_emit(cli, &lines);
	}
	buf_done(&lines);
	return err_code_exit(err->code);
}

int
cli_audit_run(const struct options *o, const struct cli *cli, struct err *err)
{
	const char *what = o->args[0];
	if (strcmp(what, "verify") == 0)
		return run_verify(o, cli, err);
	if (o->n_args > 1) {
		err_set(err, ERR_USAGE, "`catchment audit %s` takes no \"%.60s\"", what, o->args[1]);
		return err_code_exit(err->code);
	}
	return strcmp(what, "list") == 0 ? run_list(o, cli, err) : run_export(o, cli, err);
}
