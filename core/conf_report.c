/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of what is wrong with a file, in the form compilers made familiar: FILE:LINE:COL, a
 * sentence, the line and a caret, so that editors and scripts find the place by themselves.
 * Mistakes come in any order (syntax first, then each table, then what only shows when all is read)
 * and leave sorted by place. Source lines pass the sanitiser, because the file may hold anything;
 * they are cut to a window around the caret, because one flow mapping may be a screen long.
 *
 * Filled by schema.c and conf.c; written by `catchment check`, by catchmentd at start and into the
 * log on a bad reload.
 */
#include "core/conf_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/text.h"

#define WINDOW_CHARACTERS 140 /* of the source line shown */
#define WINDOW_BEFORE     60  /* of them before the caret when the line is cut */
#define SENTENCE_MAX      600

void
conf_report_done(struct conf_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->findings[i].text);
		free(r->findings[i].source);
	}
	free(r->findings);
	free(r->lines);
	free(r->path);
	*r = (struct conf_report)CONF_REPORT_INIT;
}

void
conf_report_begin(struct conf_report *r, const char *path, struct slice text)
{
	conf_report_done(r);
	r->path = xstrdup(path);
	r->text = text;
	size_t cap = 0;
	for (size_t at = 0; at < text.len;) {
		r->lines = xgrow(r->lines, &cap, r->n_lines + 1, sizeof *r->lines);
		r->lines[r->n_lines++] = at;
		const char *end = memchr(text.data + at, '\n', text.len - at);
		at = end ? (size_t)(end - text.data) + 1 : text.len;
	}
}

static struct slice
source_line(const struct conf_report *r, int line)
{
	if (line < 1 || (size_t)line > r->n_lines)
		return (struct slice){ "", 0 };
	size_t from = r->lines[line - 1];
	size_t to = (size_t)line < r->n_lines ? r->lines[line] : r->text.len;
	while (to > from && (r->text.data[to - 1] == '\n' || r->text.data[to - 1] == '\r'))
		to--;
	return (struct slice){ r->text.data + from, to - from };
}

/* Cuts one character off the front; a broken byte counts as one. */
static struct slice
next_character(struct slice *rest)
{
	uint32_t c;
	size_t n = text_decode(*rest, &c);
	struct slice one = { rest->data, n > 0 ? n : 1 };
	rest->data += one.len;
	rest->len -= one.len;
	return one;
}

/* The line as it may be shown, and the column of the caret below it. */
static char *
show_line(struct slice line, int column, int *caret)
{
	struct buf out = BUF_INIT(WINDOW_CHARACTERS * 12);
	size_t at = column > 0 ? (size_t)column - 1 : 0;
	size_t from = at > WINDOW_CHARACTERS - 20 ? at - WINDOW_BEFORE : 0;
	size_t i = 0;
	*caret = 0;
	if (from > 0)
		buf_add_text(&out, "...");
	for (; line.len > 0 && i < from + WINDOW_CHARACTERS; i++) {
		struct slice one = next_character(&line);
		if (i < from)
			continue;
		if (i == at)
			*caret = text_width(buf_text(&out));
		if (*one.data == '\t')
			buf_add_char(&out, ' ');
		else
			text_sanitise(one, &out);
	}
	if (i <= at)
		*caret = text_width(buf_text(&out));
	if (line.len > 0)
		buf_add_text(&out, "...");
	return buf_take(&out);
}

/* A setting that ten thousand nodes inherit is wrong in one place. */
static bool
is_known(const struct conf_report *r, int line, int column, const char *text)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->findings[i].line == line && r->findings[i].column == column &&
			strcmp(r->findings[i].text, text) == 0)
			return true;
	return false;
}

void
conf_report_add(struct conf_report *r, enum finding_kind kind, int line, int column,
	const char *format, ...)
{
	char text[SENTENCE_MAX], clean[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	text_sanitise_to(slice_of(text), clean, sizeof clean);

	if (is_known(r, line, column, clean))
		return;
	if (kind == FINDING_MISTAKE)
		r->n_mistakes++;
	else
		r->n_notes++;
	if (r->n == CONF_FINDINGS_MAX)
		return;
	r->findings = xgrow(r->findings, &r->cap, r->n + 1, sizeof *r->findings);
	struct finding *f = &r->findings[r->n++];
	*f = (struct finding){
		.kind = kind, .line = line, .column = column, .text = xstrdup(clean)
	};
	struct slice source = source_line(r, line);
	if (source.len > 0)
		f->source = show_line(source, column, &f->caret);
}

static int
compare_places(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	if (x->line != y->line)
		return x->line - y->line;
	if (x->column != y->column)
		return x->column - y->column;
	return strcmp(x->text, y->text);
}

void
conf_report_end(struct conf_report *r)
{
	if (r->n > 1)
		qsort(r->findings, r->n, sizeof *r->findings, compare_places);
	free(r->lines);
	r->lines = NULL;
	r->n_lines = 0;
	r->text = (struct slice){ NULL, 0 };
}

void
conf_report_write(const struct conf_report *r, struct buf *out)
{
	char path[512];
	text_sanitise_to(slice_of(r->path ? r->path : ""), path, sizeof path);
	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->findings[i];
		buf_add_text(out, path);
		if (f->line > 0)
			buf_printf(out, ":%d:%d", f->line, f->column);
		buf_printf(out, ": %s%s\n", f->kind == FINDING_NOTE ? "note: " : "", f->text);
		if (f->source)
			buf_printf(out, "    %s\n    %*s^\n", f->source, f->caret, "");
	}
	if (r->n_mistakes + r->n_notes > r->n)
		buf_printf(out, "%s: and %zu more\n", path, r->n_mistakes + r->n_notes - r->n);
}

void
conf_report_write_json(const struct conf_report *r, struct json_writer *w)
{
	json_begin_object(w);
	json_put_text(w, "file", r->path);
	json_put_int(w, "mistakes", (int64_t)r->n_mistakes);
	json_put_int(w, "notes", (int64_t)r->n_notes);
	json_key(w, "findings");
	json_begin_array(w);
	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->findings[i];
		json_begin_object(w);
		json_put_text(w, "kind", f->kind == FINDING_NOTE ? "note" : "mistake");
		if (f->line > 0) {
			json_put_int(w, "line", f->line);
			json_put_int(w, "column", f->column);
		} else {
			json_put_null(w, "line");
			json_put_null(w, "column");
		}
		json_put_text(w, "text", f->text);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}
