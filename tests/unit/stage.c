/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage: everything around a screen that is not the screen, held still. Time starts at
 * 2026-11-23T03:12:41Z and moves only when the script says so; query rates have a made-up past that
 * is the same each time.
 */
#include "tests/unit/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tests/unit/samples.h"
#include "tests/unit/suite.h"

#define START_MONO_NS (INT64_C(1000000) * CLOCK_NS_PER_S)
#define START_WALL    "2026-11-23T03:12:41Z"
#define FLEET_MAX     (8u << 20)

static void
wish(struct stage *s, const char *word)
{
	size_t n = strlen(s->wished);
	snprintf(s->wished + n, sizeof s->wished - n, "%s%s", n ? " " : "", word);
}

static void
on_quit(void *arg)
{
	struct stage *s = arg;
	s->has_quit = true;
	wish(s, "quit");
}

static void
on_refresh(void *arg)
{
	wish(arg, "refresh");
}

static void
on_refetch(void *arg)
{
	wish(arg, "refetch");
}

static int
on_theme(void *arg, const char *name, struct err *err)
{
	if (strcmp(name, "dark") != 0 && strcmp(name, "light") != 0)
		return err_set(err, ERR_NOT_FOUND, "there is no theme \"%s\"", name);
	wish(arg, name);
	return 0;
}

static void
on_copy(void *arg, const char *text)
{
	wish(arg, text);
}

static void
on_send(void *arg, unsigned number, const char *method, const char *path, struct slice body)
{
	struct stage *s = arg;
	s->number = number;
	s->n_sent++;
	snprintf(s->method, sizeof s->method, "%s", method);
	snprintf(s->path, sizeof s->path, "%s", path);
	slice_copy(body, s->body, sizeof s->body);
}

static struct spark
past(double qps, size_t seed)
{
	struct spark s = { .n = isnan(qps) ? 0 : SPARK_SAMPLES };
	for (size_t i = 0; i < s.n; i++)
		s.samples[i] = qps * (0.75 + 0.25 * sin((double)(i + 5 * seed) / 4));
	return s;
}

static void
make_past(struct stage *s)
{
	s->pop_sparks = xcalloc(s->fleet->n_pops + 1, sizeof *s->pop_sparks);
	s->node_sparks = xcalloc(s->fleet->n_nodes + 1, sizeof *s->node_sparks);
	for (size_t i = 0; i < s->fleet->n_pops; i++)
		s->pop_sparks[i] = past(s->fleet->pops[i].qps, i);
	for (size_t i = 0; i < s->fleet->n_nodes; i++)
		s->node_sparks[i] = past(s->fleet->nodes[i].qps, i);
	s->ui.pop_sparks = s->pop_sparks;
	s->ui.node_sparks = s->node_sparks;
}

static void
unload(struct stage *s)
{
	fleet_free(s->fleet);
	free(s->pop_sparks);
	free(s->node_sparks);
}

void
stage_load(struct stage *s, const char *fleet_file)
{
	struct buf text = BUF_INIT(FLEET_MAX);
	struct err err = ERR_INIT;
	unload(s);
	if (buf_read_file(&text, fleet_file, &err) == -1)
		ck_abort_msg("%s", err.text);
	struct json_doc *doc = json_parse(buf_slice(&text), &err);
	s->fleet = doc ? wire_read_fleet(json_root(doc), s->ui.now, &err) : NULL;
	if (!s->fleet)
		ck_abort_msg("%s: %s", fleet_file, err.text);
	const struct json *events = json_get(json_root(doc), "events");
	s->ui.n_events = 0;
	for (size_t i = 0; i < json_length(events) && i < sizeof s->events / sizeof *s->events; i++)
		if (wire_read_event(json_at(events, i), &s->events[s->ui.n_events], &err) == 0)
			s->ui.n_events++;
	json_doc_free(doc);
	buf_done(&text);
	s->ui.fleet = s->fleet;
	s->ui.events = s->events;
	make_past(s);
}

void
stage_open(struct stage *s, const char *fleet_file, int cols, int rows)
{
	struct screen_wishes wishes = { on_quit, on_refresh, on_refetch, on_theme, on_copy, s, NULL, on_send };
	memset(s, 0, sizeof *s);
	s->ui.now.ns = START_MONO_NS;
	ck_assert_int_eq(wall_parse(START_WALL, &s->ui.wall), 0);
	s->ui.link.state = LINK_LIVE;
	s->ui.link.heard = s->ui.now;
	snprintf(s->ui.link.where, sizeof s->ui.link.where, "unix:/run/catchment/api.sock");
	s->ui.theme = "dark";
	keymap_init(&s->keys);
	s->ui.keys = &s->keys;
	s->cols = cols;
	s->rows = rows;
	stage_load(s, fleet_file);
	s->screen = screen_new(&wishes);
	screen_update(s->screen, &s->ui, cols, rows);
}

void
stage_close(struct stage *s)
{
	screen_free(s->screen);
	for (size_t i = 0; i < s->ui.n_ops; i++)
		operation_done(&s->ops[i]);
	canvas_done(&s->canvas);
	unload(s);
}

void
stage_key(struct stage *s, const char *name)
{
	struct key k;
	ck_assert_msg(keys_parse(slice_of(name), &k) == 0, "\"%s\" names no key", name);
	screen_key(s->screen, &s->ui, &k);
}

static void
type(struct stage *s, struct slice text)
{
	uint32_t point;
	while (text.len > 0) {
		size_t n = text_decode(text, &point);
		ck_assert_uint_gt(n, 0);
		struct key k = { .code = point };
		screen_key(s->screen, &s->ui, &k);
		text.data += n;
		text.len -= n;
	}
}

static void
wait_s(struct stage *s, double seconds)
{
	s->ui.now.ns += (int64_t)(seconds * 1e9);
	s->ui.wall.ns += (int64_t)(seconds * 1e9);
}

static void
go_away(struct stage *s, struct slice why)
{
	s->ui.link.state = LINK_AWAY;
	slice_copy(why, s->ui.link.problem, sizeof s->ui.link.problem);
	s->ui.link.retry = mono_add_ms(s->ui.now, 4000);
}

static void
click(struct stage *s, const char *text, enum mouse_event event)
{
	struct key k = { .code = KEYS_MOUSE, .mouse = event };
	ck_assert_int_eq(sscanf(text, "%d %d", &k.x, &k.y), 2);
	screen_key(s->screen, &s->ui, &k);
}

static void
answer(struct stage *s, int status, const struct buf *body, const char *why)
{
	screen_answer(s->screen, &s->ui, s->number, status, buf_slice(body), why);
	screen_update(s->screen, &s->ui, s->cols, s->rows);
}

static void
answer_problem(struct stage *s, const char *rest)
{
	struct buf body = BUF_INIT(4096);
	struct json_writer w = JSON_WRITER(&body);
	char code[40];
	const char *blank = strchr(rest, ' ');
	ck_assert_ptr_nonnull(blank);
	slice_copy((struct slice){ rest, (size_t)(blank - rest) }, code, sizeof code);
	json_begin_object(&w);
	json_put_text(&w, "code", code);
	json_put_text(&w, "detail", blank + 1);
	json_end_object(&w);
	answer(s, err_code_http(err_code_parse(code)), &body, NULL);
	buf_done(&body);
}

static void
answer_operation(struct stage *s, const char *name)
{
	struct buf body = BUF_INIT(1u << 20);
	struct json_writer w = JSON_WRITER(&body);
	struct operation op;
	sample_operation(name, &op);
	operation_write_json(&op, false, &w);
	answer(s, 202, &body, NULL);
	operation_done(&op);
	buf_done(&body);
}

static void
answer_plan(struct stage *s, const char *name)
{
	struct buf body = BUF_INIT(1u << 22);
	sample_offer(name, &body);
	answer(s, 201, &body, NULL);
	buf_done(&body);
}

/* What the stream says of an operation: in its place, or as the newest. Samples but the first get an id of their own. */
static void
tell_operation(struct stage *s, const char *name, bool is_another)
{
	struct operation op;
	size_t i = 0;
	sample_operation(name, &op);
	if (is_another)
		snprintf(op.id, sizeof op.id, "%016zx", s->ui.n_ops + 1);
	while (i < s->ui.n_ops && strcmp(s->ops[i].id, op.id) != 0)
		i++;
	ck_assert_uint_lt(i, sizeof s->ops / sizeof *s->ops);
	if (i < s->ui.n_ops)
		operation_done(&s->ops[i]);
	else
		s->ui.n_ops++;
	s->ops[i] = op;
	s->ui.ops = s->ops;
	screen_update(s->screen, &s->ui, s->cols, s->rows);
}

static void
set_past(struct stage *s, const char *rest)
{
	char name[64];
	double qps = NAN;
	ck_assert_int_ge(sscanf(rest, "%63s %lf", name, &qps), 1);
	for (size_t i = 0; i < s->fleet->n_pops; i++) {
		if (strcmp(name, "all") != 0 && strcmp(name, s->fleet->pops[i].name) != 0)
			continue;
		for (size_t k = 0; k < s->pop_sparks[i].n; k++)
			s->pop_sparks[i].samples[k] = isnan(qps) ? s->fleet->pops[i].qps : qps;
	}
}

static bool
direct_act(struct stage *s, const char *word, const char *rest)
{
	struct buf none = BUF_INIT(1);
	if (strcmp(word, "plan") == 0)
		answer_plan(s, rest);
	else if (strcmp(word, "op") == 0)
		answer_operation(s, rest);
	else if (strcmp(word, "problem") == 0)
		answer_problem(s, rest);
	else if (strcmp(word, "lost") == 0)
		answer(s, 0, &none, rest);
	else if (strcmp(word, "told") == 0)
		tell_operation(s, rest, false);
	else if (strcmp(word, "another") == 0)
		tell_operation(s, rest, true);
	else if (strcmp(word, "read-only") == 0)
		s->ui.is_read_only = true;
	else if (strcmp(word, "may-not") == 0)
		snprintf(s->ui.why_not, sizeof s->ui.why_not, "%s", rest);
	else
		return false;
	return true;
}

static void
paste(struct stage *s, const char *text)
{
	for (; *text; text++) {
		struct key k = { .code = (unsigned char)*text, .is_pasted = true };
		screen_key(s->screen, &s->ui, &k);
	}
}

/* A person's pace: a frame between any two keys. */
static void
type_slowly(struct stage *s, const char *text)
{
	for (; *text; text++) {
		wait_s(s, 0.2);
		screen_update(s->screen, &s->ui, s->cols, s->rows);
		struct key k = { .code = (unsigned char)*text };
		screen_key(s->screen, &s->ui, &k);
	}
	screen_update(s->screen, &s->ui, s->cols, s->rows);
	wait_s(s, 1);
	screen_update(s->screen, &s->ui, s->cols, s->rows);
}

static void
direct(struct stage *s, const char *word, const char *rest)
{
	char path[256];
	if (direct_act(s, word, rest))
		return;
	if (strcmp(word, "slow") == 0) {
		type_slowly(s, rest);
	} else if (strcmp(word, "before") == 0) {
		set_past(s, rest);
	} else if (strcmp(word, "paste") == 0) {
		paste(s, rest);
	} else if (strcmp(word, "text") == 0) {
		type(s, slice_of(rest));
	} else if (strcmp(word, "size") == 0) {
		ck_assert_int_eq(sscanf(rest, "%dx%d", &s->cols, &s->rows), 2);
		screen_update(s->screen, &s->ui, s->cols, s->rows);
	} else if (strcmp(word, "wait") == 0) {
		wait_s(s, strtod(rest, NULL));
		screen_update(s->screen, &s->ui, s->cols, s->rows);
	} else if (strcmp(word, "away") == 0) {
		go_away(s, slice_of(rest));
	} else if (strcmp(word, "live") == 0) {
		s->ui.link.state = LINK_LIVE;
	} else if (strcmp(word, "view") == 0) {
		ck_assert_int_eq(screen_open(s->screen, &s->ui, rest, NULL), 0);
	} else if (strcmp(word, "click") == 0) {
		click(s, rest, MOUSE_PRESS);
	} else if (strcmp(word, "wheel-down") == 0) {
		click(s, rest, MOUSE_WHEEL_DOWN);
	} else if (strcmp(word, "wheel-up") == 0) {
		click(s, rest, MOUSE_WHEEL_UP);
	} else if (strcmp(word, "fleet") == 0) {
		snprintf(path, sizeof path, "tests/screens/fleets/%s.json", rest);
		stage_load(s, source_path(path));
	} else {
		ck_abort_msg("a script cannot say \"%s\"", word);
	}
}

static void
play_line(struct stage *s, struct slice line)
{
	char text[512];
	struct slice word;
	slice_copy(line, text, sizeof text);
	char *colon = strstr(text, ":");
	if (colon && colon > text && (colon[1] == ' ' || colon[1] == '\0') &&
		strcspn(text, " ") > (size_t)(colon - text)) {
		*colon = '\0';
		direct(s, text, colon + 1 + strspn(colon + 1, " "));
		return;
	}
	while (slice_next_word(&line, &word)) {
		slice_copy(word, text, sizeof text);
		stage_key(s, text);
		/* as in life, a frame is drawn between two keys now and then */
		screen_update(s->screen, &s->ui, s->cols, s->rows);
	}
}

void
stage_play(struct stage *s, const char *script)
{
	struct slice rest = slice_of(script), line;
	while (slice_next_line(&rest, &line)) {
		line = slice_trim(line);
		if (line.len > 0 && line.data[0] != '#')
			play_line(s, line);
	}
}

void
stage_draw(struct stage *s)
{
	canvas_done(&s->canvas);
	canvas_init(&s->canvas, s->cols, s->rows);
	screen_update(s->screen, &s->ui, s->cols, s->rows);
	screen_draw(s->screen, &s->ui, &s->canvas, &s->cursor_x, &s->cursor_y);
}
