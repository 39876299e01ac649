/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: how `catchment get` prints. A kind is a table of columns: title, where the value lies in the object, how it is
 * written, whether it is only for -o wide. Numbers stand right, verdicts carry their word (a colour only on a terminal),
 * what is unknown is "-", never 0. Remote text was sanitised by the backend and is again here, because a pipe may end in
 * a terminal.
 */
#include "console/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/fleet.h"
#include "core/text.h"

#define COLUMNS_MAX 24
#define CELL_MAX    240

enum shape {
	SHAPE_TEXT,
	SHAPE_NUMBER,    /* 12.3k */
	SHAPE_INT,
	SHAPE_DURATION,  /* seconds that pass by themselves: an age */
	SHAPE_PERIOD,    /* seconds that do not: a lease */
	SHAPE_SECONDS,   /* seconds with their fraction */
	SHAPE_TIME,      /* RFC 3339, to the second */
	SHAPE_VERDICT,
	SHAPE_FIRST,     /* first of an array */
	SHAPE_LIST,      /* all of an array */
	SHAPE_UP_TOTAL,  /* {up, total} */
	SHAPE_ANNOUNCED, /* {prefix: word}: "2/2", or what deviates */
	SHAPE_PLANES,    /* {session: {good}, …}: "+ + -" */
	SHAPE_PAIRS,     /* {key: value, …} */
};

struct column {
	const char *title, *path; /* path: "sessions.up" */
	enum shape shape;
	bool is_wide, is_id;
};

struct kind {
	const char *name;
	const struct column columns[COLUMNS_MAX];
};

static const struct kind kinds[] = {
	{ "pops",
		{
			{ "POP", "pop", SHAPE_TEXT, false, true },
			{ "NAME", "name", SHAPE_TEXT, true, false },
			{ "REGION", "region", SHAPE_TEXT, false, false },
			{ "VERDICT", "verdict", SHAPE_VERDICT, false, false },
			{ "ANNOUNCED", "announced", SHAPE_ANNOUNCED, false, false },
			{ "SESSIONS", "sessions", SHAPE_UP_TOTAL, false, false },
			{ "QPS", "qps", SHAPE_NUMBER, false, false },
			{ "CAPACITY", "capacity_qps", SHAPE_NUMBER, true, false },
			{ "AGE", "age_s", SHAPE_DURATION, false, false },
			{ "NODES", "nodes", SHAPE_LIST, true, false },
			{ "REASON", "reasons", SHAPE_FIRST, false, false },
		} },
	{ "nodes",
		{
			{ "NODE", "node", SHAPE_TEXT, false, true },
			{ "POP", "pop", SHAPE_TEXT, false, false },
			{ "ROLE", "role", SHAPE_TEXT, true, false },
			{ "VERDICT", "verdict", SHAPE_VERDICT, false, false },
			{ "SES WIRE SVC", "planes", SHAPE_PLANES, false, false },
			{ "BGP", "drivers.bgp", SHAPE_TEXT, false, false },
			{ "DNS", "drivers.dns", SHAPE_TEXT, false, false },
			{ "QPS", "qps", SHAPE_NUMBER, false, false },
			{ "IDENTITY", "identity", SHAPE_TEXT, true, false },
			{ "VERSIONS", "versions", SHAPE_PAIRS, true, false },
			{ "AGE", "age_s", SHAPE_DURATION, false, false },
			{ "REASON", "reasons", SHAPE_FIRST, false, false },
			{ "ERROR", "error", SHAPE_TEXT, true, false },
		} },
	{ "sessions",
		{
			{ "NODE", "node", SHAPE_TEXT, false, true },
			{ "NAME", "name", SHAPE_TEXT, false, true },
			{ "PEER", "peer", SHAPE_TEXT, false, true },
			{ "AS", "peer_asn", SHAPE_INT, false, false },
			{ "FAMILY", "family", SHAPE_TEXT, false, false },
			{ "STATE", "state", SHAPE_TEXT, false, false },
			{ "ADMIN", "admin_state", SHAPE_TEXT, false, false },
			{ "SINCE", "since_s", SHAPE_DURATION, false, false },
			{ "RCVD", "received", SHAPE_INT, false, false },
			{ "SENT", "advertised", SHAPE_INT, false, false },
			{ "HOLD", "hold_s", SHAPE_INT, true, false },
			{ "LAST ERROR", "last_error", SHAPE_TEXT, false, false },
		} },
	{ "prefixes",
		{
			{ "PREFIX", "prefix", SHAPE_TEXT, false, true },
			{ "SERVICE", "service", SHAPE_TEXT, false, false },
			{ "FAMILY", "family", SHAPE_TEXT, true, false },
			{ "ANNOUNCED", "announced", SHAPE_INT, false, false },
			{ "PREFER-AWAY", "prefer_away", SHAPE_INT, false, false },
			{ "WITHDRAWN", "withdrawn", SHAPE_INT, false, false },
			{ "UNKNOWN", "unknown", SHAPE_INT, false, false },
			{ "MIN", "min_pops", SHAPE_INT, false, false },
			{ "WITNESSES", "witnesses", SHAPE_PAIRS, true, false },
		} },
	{ "services",
		{
			{ "SERVICE", "service", SHAPE_TEXT, false, true },
			{ "PREFIXES", "prefixes", SHAPE_LIST, false, false },
			{ "MIN POPS", "policy.min_pops", SHAPE_INT, false, false },
			{ "SPARE", "policy.spare", SHAPE_INT, false, false },
			{ "APPROVAL", "policy.approval", SHAPE_TEXT, false, false },
		} },
	{ "ops",
		{
			{ "ID", "id", SHAPE_TEXT, false, true },
			{ "VERB", "verb", SHAPE_TEXT, false, false },
			{ "TARGETS", "targets", SHAPE_LIST, false, false },
			{ "STATE", "state", SHAPE_TEXT, false, false },
			{ "BY", "by", SHAPE_TEXT, false, false },
			{ "APPROVER", "approver", SHAPE_TEXT, true, false },
			{ "MODE", "mode", SHAPE_TEXT, true, false },
			{ "LEASE", "lease_s", SHAPE_PERIOD, false, false },
			{ "CREATED", "created", SHAPE_TIME, false, false },
			{ "ENDED", "ended", SHAPE_TIME, true, false },
			{ "OFF WIRE", "shift.control_s", SHAPE_SECONDS, true, false },
			{ "ELSEWHERE", "shift.first_elsewhere_s", SHAPE_SECONDS, true, false },
			{ "LAST HERE", "shift.last_here_s", SHAPE_SECONDS, true, false },
			{ "LOST", "shift.lost_probes", SHAPE_INT, true, false },
			{ "PLAN", "plan_hash", SHAPE_TEXT, true, false },
			{ "TICKET", "ticket", SHAPE_TEXT, true, false },
			{ "REASON", "reason", SHAPE_TEXT, false, false },
			{ "TEXT", "text", SHAPE_TEXT, true, false },
		} },
	{ "holds",
		{
			{ "ID", "id", SHAPE_TEXT, false, true },
			{ "POP", "pop", SHAPE_TEXT, false, false },
			{ "KIND", "kind", SHAPE_TEXT, false, false },
			{ "OWNER", "owner", SHAPE_TEXT, false, false },
			{ "CREATED", "created", SHAPE_TIME, false, false },
			{ "EXPIRES", "expires", SHAPE_TIME, false, false },
			{ "UNDRAINS", "auto_undrain", SHAPE_TEXT, true, false },
			{ "TICKET", "ticket", SHAPE_TEXT, false, false },
			{ "OPERATION", "op", SHAPE_TEXT, true, false },
			{ "REASON", "reason", SHAPE_TEXT, false, false },
		} },
	{ "audit",
		{
			{ "SEQ", "seq", SHAPE_INT, false, true },
			{ "TIME", "at", SHAPE_TIME, false, false },
			{ "KIND", "kind", SHAPE_TEXT, false, false },
			{ "BY", "by", SHAPE_TEXT, false, false },
			{ "EVENT", "event", SHAPE_TEXT, false, false },
			{ "VERB", "verb", SHAPE_TEXT, false, false },
			{ "TARGETS", "targets", SHAPE_LIST, false, false },
			{ "STATE", "state", SHAPE_TEXT, false, false },
			{ "OPERATION", "op", SHAPE_TEXT, false, false },
			{ "TEXT", "text", SHAPE_TEXT, false, false },
		} },
	{ "access",
		{
			{ "NAME", "name", SHAPE_TEXT, false, true },
			{ "KNOWN BY", "known_by", SHAPE_TEXT, false, true },
			{ "ROLE", "role", SHAPE_TEXT, false, false },
			{ "POPS", "pops", SHAPE_LIST, false, false },
			{ "PERSON", "person", SHAPE_TEXT, true, false },
			{ "EXPIRES", "expires", SHAPE_TIME, false, false },
			{ "LAST USED", "last_used", SHAPE_TIME, false, false },
		} },
	{ "events",
		{
			{ "TIME", "at", SHAPE_TEXT, false, true },
			{ "ID", "id", SHAPE_INT, true, true },
			{ "KIND", "kind", SHAPE_TEXT, false, false },
			{ "SEVERITY", "severity", SHAPE_VERDICT, false, false },
			{ "POP", "pop", SHAPE_TEXT, false, false },
			{ "TEXT", "text", SHAPE_TEXT, false, false },
		} },
};

int
rows_parse_format(const char *word, enum rows_format *out)
{
	static const char *const words[] = { "table", "wide", "json", "jsonl", "csv" };
	for (int i = 0; i < 5; i++) {
		if (strcmp(words[i], word) != 0)
			continue;
		*out = (enum rows_format)i;
		return 0;
	}
	return -1;
}

static const struct kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static const struct json *
look_up(const struct json *o, const char *path)
{
	char part[64];
	const char *dot;
	while ((dot = strchr(path, '.'))) {
		snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
		o = json_get(o, part);
		path = dot + 1;
	}
	return json_get(o, path);
}

/* Any single value as plain text. */
static void
write_value(const struct json *v, struct buf *out)
{
	switch (json_kind(v)) {
	case JSON_STRING:
		text_sanitise(json_slice(v), out);
		break;
	case JSON_INT:
		buf_printf(out, "%lld", (long long)json_int(v, 0));
		break;
	case JSON_DOUBLE:
		buf_printf(out, "%.1f", json_double(v, 0));
		break;
	case JSON_BOOL:
		buf_add_text(out, json_boolean(v, false) ? "yes" : "no");
		break;
	case JSON_ARRAY:
		for (size_t i = 0; i < json_length(v); i++) {
			buf_add_text(out, i ? "," : "");
			write_value(json_at(v, i), out);
		}
		break;
	case JSON_NULL:
	case JSON_OBJECT:
		break;
	}
}

static void
write_pairs(const struct json *o, struct buf *out)
{
	struct json_iter it = json_iter_start(o);
	const char *key;
	const struct json *value;
	size_t start = out->len;
	while (json_iter_next(&it, &key, &value)) {
		buf_add_text(out, out->len > start ? " " : "");
		text_sanitise(slice_of(key), out);
		buf_add_char(out, '=');
		write_value(value, out);
	}
}

/* "2/2" when all prefixes are on the wire, else how many are what: "1/2 withdrawn". */
static void
write_announced(const struct json *o, struct buf *out)
{
	struct json_iter it = json_iter_start(o);
	const char *key, *odd = NULL;
	const struct json *value;
	size_t n = 0, yes = 0;
	while (json_iter_next(&it, &key, &value)) {
		const char *word = json_text(value, "unknown");
		n++;
		if (strcmp(word, "announced") == 0)
			yes++;
		else if (!odd || strcmp(word, "unknown") != 0)
			odd = word;
	}
	buf_printf(out, "%zu/%zu", yes, n);
	if (odd) {
		buf_add_char(out, ' ');
		text_sanitise(slice_of(odd), out);
	}
}

static void
write_planes(const struct json *o, struct buf *out)
{
	for (int p = 0; p < PLANE_COUNT; p++) {
		const char *good = json_text(json_get(json_get(o, plane_name((enum plane_name)p)), "good"), "unknown");
		buf_printf(out, "%s%s", p ? " " : "", good);
	}
}

/* "2026-11-23T11:35:03Z": a thousandth of a second is for the record, not for the eye. */
static void
write_time(const struct json *v, struct buf *out)
{
	char text[CLOCK_TEXT_MAX];
	struct wall at;
	if (wall_parse(json_text(v, ""), &at) == 0) {
		wall_format(at, text);
		buf_add_text(out, text);
	} else {
		write_value(v, out);
	}
}

static void
write_cell(const struct json *v, enum shape shape, struct buf *out)
{
	char text[32];
	switch (shape) {
	case SHAPE_NUMBER:
		text_number(json_double(v, NAN), text, sizeof text);
		buf_add_text(out, text);
		break;
	case SHAPE_TIME:
		write_time(v, out);
		break;
	case SHAPE_SECONDS:
		if (json_kind(v) != JSON_NULL)
			buf_printf(out, "%.2f", json_double(v, 0));
		break;
	case SHAPE_PERIOD:
	case SHAPE_DURATION:
		duration_format((int64_t)json_double(v, -1), text, sizeof text);
		buf_add_text(out, text);
		break;
	case SHAPE_FIRST:
		write_value(json_at(v, 0), out);
		break;
	case SHAPE_UP_TOTAL:
		buf_printf(out, "%lld/%lld", (long long)json_int(json_get(v, "up"), 0), (long long)json_int(json_get(v, "total"), 0));
		break;
	case SHAPE_ANNOUNCED:
		write_announced(v, out);
		break;
	case SHAPE_PLANES:
		write_planes(v, out);
		break;
	case SHAPE_PAIRS:
		write_pairs(v, out);
		break;
	case SHAPE_TEXT:
	case SHAPE_INT:
	case SHAPE_VERDICT:
	case SHAPE_LIST:
		write_value(v, out);
		break;
	}
	if (out->len == 0)
		buf_add_char(out, '-');
}

static bool
is_right(enum shape shape)
{
	return shape == SHAPE_NUMBER || shape == SHAPE_INT || shape == SHAPE_DURATION || shape == SHAPE_PERIOD || shape == SHAPE_SECONDS ||
	       shape == SHAPE_UP_TOTAL;
}

/* Columns of a kind that the format shows; an unknown kind has one a key of its first object. */
static size_t
choose_columns(const char *name, const struct json *array, bool is_wide, struct column *out)
{
	const struct kind *kind = find_kind(name);
	size_t n = 0;
	if (kind) {
		for (size_t i = 0; i < COLUMNS_MAX && kind->columns[i].title; i++)
			if (is_wide || !kind->columns[i].is_wide)
				out[n++] = kind->columns[i];
		return n;
	}
	struct json_iter it = json_iter_start(json_at(array, 0));
	const char *key;
	const struct json *value;
	while (json_iter_next(&it, &key, &value) && n < COLUMNS_MAX) {
		out[n] = (struct column){ key, key, SHAPE_TEXT, false, n == 0 };
		n++;
	}
	return n;
}

void
rows_write_text(const char *name, const struct json *object, struct buf *out)
{
	struct column columns[COLUMNS_MAX];
	size_t n = choose_columns(name, NULL, true, columns);
	for (size_t i = 0; i < n; i++) {
		struct buf cell = BUF_INIT(CELL_MAX);
		if (columns[i].shape == SHAPE_DURATION)
			continue; /* ages pass by themselves */
		write_cell(look_up(object, columns[i].path), columns[i].shape, &cell);
		buf_printf(out, "%s%s", i ? "  " : "", buf_text(&cell));
		buf_done(&cell);
	}
}

void
rows_write_id(const char *name, const struct json *object, struct buf *out)
{
	struct column columns[COLUMNS_MAX];
	size_t n = choose_columns(name, NULL, true, columns);
	for (size_t i = 0; i < n; i++) {
		if (!columns[i].is_id)
			continue;
		write_value(look_up(object, columns[i].path), out);
		buf_add_char(out, ' ');
	}
}

static bool
is_kept(const char *kind, const struct json *object, const struct filter *filter)
{
	if (!filter)
		return true;
	struct buf text = BUF_INIT(4096);
	rows_write_text(kind, object, &text);
	bool keep = filter_match(filter, buf_text(&text));
	buf_done(&text);
	return keep;
}

static const char *
colour_of(const char *verdict)
{
	switch (verdict_parse(verdict)) {
	case VERDICT_OK:
		return "";
	case VERDICT_BLACKHOLE:
	case VERDICT_SILENT:
	case VERDICT_UNREACHABLE:
		return "\033[1;31m";
	case VERDICT_DRIFT:
	case VERDICT_DEGRADED:
		return "\033[33m";
	case VERDICT_DRAINING:
	case VERDICT_DRAINED:
		return "\033[34m";
	default:
		return "\033[2m";
	}
}

static void
pad(struct buf *out, int cells)
{
	while (cells-- > 0)
		buf_add_char(out, ' ');
}

static void
write_line(const struct column *columns, const int *widths, size_t n, const struct json *o, bool has_colour, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		struct buf cell = BUF_INIT(CELL_MAX);
		if (o)
			write_cell(look_up(o, columns[i].path), columns[i].shape, &cell);
		else
			buf_add_text(&cell, columns[i].title);
		int room = widths[i] - text_width(buf_text(&cell));
		const char *colour = has_colour && o && columns[i].shape == SHAPE_VERDICT ? colour_of(buf_text(&cell)) : "";
		buf_add_text(out, i ? "  " : "");
		if (is_right(columns[i].shape))
			pad(out, room);
		buf_printf(out, "%s%s%s", colour, buf_text(&cell), colour[0] ? "\033[0m" : "");
		if (!is_right(columns[i].shape) && i + 1 < n)
			pad(out, room);
		buf_done(&cell);
	}
	buf_add_char(out, '\n');
}

static void
write_table(const char *kind, const struct json *array, const struct filter *filter, const struct rows_style *style,
	struct buf *out)
{
	struct column columns[COLUMNS_MAX];
	int widths[COLUMNS_MAX];
	size_t n = choose_columns(kind, array, style->format == ROWS_WIDE, columns);
	for (size_t i = 0; i < n; i++)
		widths[i] = text_width(columns[i].title);
	for (size_t r = 0; r < json_length(array); r++) {
		if (!is_kept(kind, json_at(array, r), filter))
			continue;
		for (size_t i = 0; i < n; i++) {
			struct buf cell = BUF_INIT(CELL_MAX);
			write_cell(look_up(json_at(array, r), columns[i].path), columns[i].shape, &cell);
			int w = text_width(buf_text(&cell));
			widths[i] = w > widths[i] ? w : widths[i];
			buf_done(&cell);
		}
	}
	if (style->has_head && n > 0)
		write_line(columns, widths, n, NULL, false, out);
	for (size_t r = 0; r < json_length(array); r++)
		if (is_kept(kind, json_at(array, r), filter))
			write_line(columns, widths, n, json_at(array, r), style->has_colour, out);
}

/* RFC 4180 */
static void
write_csv_cell(const char *text, struct buf *out)
{
	/* a formula in a spreadsheet is remote code */
	bool is_formula = text[0] == '=' || text[0] == '+' || text[0] == '@';
	if (!is_formula && !strpbrk(text, ",\"\r\n")) {
		buf_add_text(out, text);
		return;
	}
	buf_add_text(out, is_formula ? "\"'" : "\"");
	for (const char *p = text; *p; p++)
		buf_printf(out, *p == '"' ? "\"\"" : "%c", *p);
	buf_add_char(out, '"');
}

static bool
is_raw_in_csv(enum shape shape)
{
	return shape == SHAPE_NUMBER || shape == SHAPE_DURATION || shape == SHAPE_PERIOD || shape == SHAPE_TIME;
}

static void
write_csv(const char *kind, const struct json *array, const struct filter *filter, bool has_head, struct buf *out)
{
	struct column columns[COLUMNS_MAX];
	size_t n = choose_columns(kind, array, true, columns);
	for (size_t i = 0; i < n && has_head; i++)
		buf_printf(out, "%s%s", columns[i].path, i + 1 < n ? "," : "\r\n");
	for (size_t r = 0; r < json_length(array); r++) {
		if (!is_kept(kind, json_at(array, r), filter))
			continue;
		for (size_t i = 0; i < n; i++) {
			struct buf cell = BUF_INIT(4096);
			const struct json *v = look_up(json_at(array, r), columns[i].path);
			/* raw numbers for machines; what is unknown stays empty */
			if (is_raw_in_csv(columns[i].shape))
				write_value(v, &cell);
			else if (json_kind(v) != JSON_NULL)
				write_cell(v, columns[i].shape, &cell);
			write_csv_cell(buf_text(&cell), out);
			buf_add_text(out, i + 1 < n ? "," : "\r\n");
			buf_done(&cell);
		}
	}
}

static void
write_json(const char *kind, const struct json *array, const struct filter *filter, bool is_lines, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);
	if (!is_lines)
		json_begin_array(&w);
	for (size_t r = 0; r < json_length(array); r++) {
		if (!is_kept(kind, json_at(array, r), filter))
			continue;
		if (is_lines)
			w = (struct json_writer)JSON_WRITER(out);
		json_add_value(&w, json_at(array, r));
		if (is_lines)
			buf_add_char(out, '\n');
	}
	if (!is_lines) {
		json_end_array(&w);
		buf_add_char(out, '\n');
	}
}

void
rows_write(const char *kind, const struct json *array, const struct filter *filter, const struct rows_style *style, struct buf *out)
{
	switch (style->format) {
	case ROWS_TABLE:
	case ROWS_WIDE:
		write_table(kind, array, filter, style, out);
		break;
	case ROWS_JSON:
	case ROWS_JSONL:
		write_json(kind, array, filter, style->format == ROWS_JSONL, out);
		break;
	case ROWS_CSV:
		write_csv(kind, array, filter, style->has_head, out);
		break;
	}
}
