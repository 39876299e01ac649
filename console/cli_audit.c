/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log on the command line. The backend hands the records out as the lines stand in its ledger, and nothing here
 * believes them: `verify` recomputes the chain itself (core/chain.c), names the first record that is wrong and ends with
 * status 1. With a FILE it does the same without a backend, on an export or on a copy of the ledger. A chain cannot show
 * that its end was cut off, so `--head SEQ:HASH` takes what was noted elsewhere and asks that this very record stands
 * there.
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

/* A head that a witness kept: this record must be there. */
struct witness {
	uint64_t seq; /* 0: none was given */
	char hash[DIGEST_HEX_SIZE];
	bool is_seen, is_same;
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

static int
take_witness(const struct options *o, struct witness *out, struct err *err)
{
	const char *value = options_value(o, "head");
	*out = (struct witness){ 0 };
	if (!value)
		return 0;
	const char *colon = strchr(value, ':');
	int64_t seq = 0;
	if (!colon || text_parse_int((struct slice){ value, (size_t)(colon - value) }, 1, INT64_MAX / 2, &seq) == -1 ||
		!digest_is_hex(colon + 1))
		return err_set(err, ERR_USAGE, "--head %.80s: SEQ:HASH is wanted, as `catchment audit verify` prints it", value);
	out->seq = (uint64_t)seq;
	snprintf(out->hash, sizeof out->hash, "%s", colon + 1);
	return 0;
}

static void
on_record(void *arg, struct slice line, const struct json *record)
{
	struct witness *w = arg;
	(void)line;
	if (w->seq == 0 || json_int(json_get(record, "seq"), -1) != (int64_t)w->seq)
		return;
	w->is_seen = true;
	w->is_same = digest_equal(json_text(json_get(record, "hash"), ""), w->hash);
}

/* What the witness adds to the verdict. */
static void
judge_witness(const struct witness *w, struct chain_verdict *v)
{
	if (w->seq == 0 || v->fault != CHAIN_GOOD || (w->is_seen && w->is_same))
		return;
	v->fault = CHAIN_BROKEN;
	v->seq = w->seq;
	if (w->is_seen)
		snprintf(v->text, sizeof v->text, "record %llu is not the one the witness saw: the log was written anew",
			(unsigned long long)w->seq);
	else
		snprintf(v->text, sizeof v->text, "record %llu, which the witness saw, is missing: the log ends at %llu, it was cut",
			(unsigned long long)w->seq, (unsigned long long)v->head.seq);
}

static void
write_verdict(const struct options *o, const struct chain_verdict *v, const char *source, struct buf *out)
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
		buf_printf(out, "%s: %zu records, every hash is right\nhead %llu:%s %s\n", source, v->records,
			(unsigned long long)v->head.seq, v->head.hash, at);
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
	struct witness witness;
	text_sanitise(slice_of(file ? file : "the backend's audit log"), &source);
	int rc = take_witness(o, &witness, err);
	if (rc == 0)
		rc = file ? buf_read_file(&lines, file, err) : fetch_records(o, 1, 0, &lines, err);
	if (rc == 0) {
		chain_verify(buf_slice(&lines), on_record, &witness, &verdict);
		judge_witness(&witness, &verdict);
		write_verdict(o, &verdict, buf_text(&source), &out);
		cli_emit(cli, &out);
	}
	buf_done(&lines);
	buf_done(&out);
	buf_done(&source);
	if (rc == -1)
		return err_code_exit(err->code);
	return verdict.fault == CHAIN_GOOD ? 0 : err_code_exit(ERR_FAILED);
}

static int
run_export(const struct options *o, const struct cli *cli, struct err *err)
{
	struct buf lines = BUF_INIT(AUDIT_MAX);
	int64_t from, limit;
	if (take_number(o, "from", 1, 1, &from, err) == 0 && take_number(o, "limit", 1, 0, &limit, err) == 0 &&
		fetch_records(o, (uint64_t)from, (size_t)limit, &lines, err) == 0)
		cli_emit(cli, &lines);
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
