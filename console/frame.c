/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame around the views. First line: which fleet, which environment, how its PoPs are, the
 * clock. Second line: for each service prefix how many PoPs announce it; when the backend is away,
 * the banner that says so takes its place, because those counts would no longer be true; so does the
 * one that says that a picture is of the past. Third
 * line: the views and their keys. Last line: keys, or one sentence.
 *
 * On small screens the frame gives way first: below 12 rows tabs and counts go, below 5 all of it.
 */
#include "console/frame.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console/op_page.h"
#include "core/text.h"

#define FULL_ROWS  12
#define PREFIX_GAP 3
#define CLOCK_COLS 9 /* "12:03:41Z" */

static bool
has_full_frame(int rows)
{
	return rows >= FULL_ROWS;
}

static bool
has_banner(const struct ui *ui)
{
	return ui->link.state == LINK_AWAY || ui->past.ns != 0;
}

struct rect
frame_inner(const struct ui *ui, int cols, int rows)
{
	if (rows < FRAME_ROWS_MIN || cols < FRAME_COLS_MIN)
		return (struct rect){ 0, 0, 0, 0 };
	int top = has_full_frame(rows) ? 3 : has_banner(ui) ? 2 : 1;
	return (struct rect){ 0, top, cols, rows - top - 1 };
}

/* One deviation: "1 blackhole", or "1B" where words do not fit. */
static int
put_deviation(struct canvas *c, int x, enum role role, size_t n, const char *word, char letter,
	bool in_words)
{
	if (n == 0)
		return 0;
	return (in_words ? canvas_printf(c, x, 0, role, "%zu %s", n, word)
			 : canvas_printf(c, x, 0, role, "%zu%c", n, letter)) +
	       (in_words ? 2 : 1);
}

static int
put_deviations(const struct ui_totals *t, struct canvas *c, int x, bool in_words)
{
	int start = x;
	for (int v = 0; v < VERDICT_OK; v++)
		x += put_deviation(c, x, role_of_verdict((enum verdict)v), t->by_verdict[v],
			verdict_name((enum verdict)v), verdict_letter((enum verdict)v), in_words);
	x += put_deviation(c, x, ROLE_WARN, t->outdated, "stale", '~', in_words);
	return x - start;
}

/* What deviates, worst first; returns the columns used. */
static int
draw_deviations(const struct ui_totals *t, struct canvas *c, int x, int right)
{
	struct canvas nowhere = { 0 };
	bool in_words = put_deviations(t, &nowhere, 0, true) <= right - x;
	struct canvas room = canvas_window(c, (struct rect){ x, 0, right - x, 1 });
	return put_deviations(t, &room, 0, in_words);
}

static void
draw_clock(const struct ui *ui, struct canvas *c)
{
	char text[CLOCK_TEXT_MAX];
	if (ui->wall.ns == 0 || c->cols < 40)
		return;
	wall_format(ui->wall, text);
	canvas_text(c, c->cols - CLOCK_COLS - 1, 0, CLOCK_COLS, ROLE_TEXT, text + 11);
}

static void
draw_header(const struct ui *ui, struct canvas *c)
{
	struct ui_totals t = ui_count(ui);
	int right = c->cols - (c->cols < 40 ? 1 : CLOCK_COLS + 3), x = 1;
	char qps[24];

	canvas_ground(c, (struct rect){ 0, 0, c->cols, 1 }, ROLE_HEADER);
	x += canvas_text(c, x, 0, c->cols / 3, ROLE_STRONG,
		     ui->fleet->name[0] ? ui->fleet->name : "catchment") +
	     1;
	if (ui->fleet->environment[0]) {
		int used = canvas_text(c, x + 1, 0, c->cols / 4, ROLE_TEXT, ui->fleet->environment);
		canvas_ground(c, (struct rect){ x, 0, used + 2, 1 }, ROLE_ENVIRONMENT);
		x += used + 4;
	}
	if (ui->fleet->n_pops > 0) {
		enum role role = t.known < ui->fleet->n_pops ? ROLE_WARN : ROLE_TEXT;
		char text[64];
		snprintf(text, sizeof text, "%zu of %zu known", t.known, ui->fleet->n_pops);
		x += canvas_text(c, x, 0, right - x, role, text) + 2;
		x += draw_deviations(&t, c, x, right - 11);
	}
	if (ui->is_read_only && x + 11 < right)
		x += canvas_text(c, x, 0, 9, ROLE_MUTED, "read-only") + 2;
	else if (ui->has_lapsed && x + 15 < right)
		x += canvas_text(c, x, 0, 13, ROLE_WARN, "rights lapsed") + 2;
	if (ui->fleet->n_pops > 0) {
		char text[64];
		text_number(t.qps, qps, sizeof qps);
		snprintf(text, sizeof text, "%s q/s", qps);
		if (x + text_width(text) <= right)
			canvas_text_right(c, x, 0, right - x, ROLE_TEXT, text);
	}
	draw_clock(ui, c);
}

/* One prefix with its count: "192.0.2.0/24 15/16"; returns the columns used, 0 if it does not fit.
 */
static int
draw_count(const struct ui *ui, size_t prefix, struct canvas *c, int x, int right)
{
	const struct fleet *f = ui->fleet;
	const struct policy *policy = &f->services[f->prefixes[prefix].service].policy;
	struct announce_count n = fleet_count_announced(f, prefix, ui->now);
	char name[PREFIX_TEXT_MAX], count[32], rest[64] = "";
	int start = x;

	prefix_format(&f->prefixes[prefix].prefix, name);
	snprintf(count, sizeof count, "%zu/%zu", n.announced + n.prefer_away, f->n_pops);
	if (n.unknown > 0)
		snprintf(rest, sizeof rest, " +%zu?", n.unknown);
	if (x + text_width(name) + 1 + text_width(count) + text_width(rest) > right)
		return 0;
	bool is_low = (int)(n.announced + n.prefer_away) < policy->min_pops;
	bool is_whole = n.announced == f->n_pops;
	x += canvas_text(c, x, 1, right - x, ROLE_MUTED, name) + 1;
	x += canvas_text(c, x, 1, right - x,
		is_low     ? ROLE_BAD
		: is_whole ? ROLE_STRONG
			   : ROLE_WARN,
		count);
	x += canvas_text(c, x, 1, right - x, ROLE_UNKNOWN, rest);
	return x - start;
}

/* The operation that most needs to be looked at, at the right end: "6 drain fra measuring". Returns the columns it took. */
static int
draw_operation(const struct ui *ui, struct canvas *c)
{
	const struct operation *most = NULL;
	char targets[40], text[120];
	size_t n = 0;
	for (size_t i = ui->n_ops; i-- > 0;) {
		int urgency = op_page_urgency(&ui->ops[i]);
		if (urgency >= 5)
			continue; /* over, or not confirmed */
		n++;
		if (!most || urgency < op_page_urgency(most))
			most = &ui->ops[i];
	}
	if (!most || c->cols < 60)
		return 0;
	op_page_targets(most, targets, sizeof targets);
	snprintf(text, sizeof text, "%s %s ", op_verb_name(most->verb), targets);
	const char *state = op_page_state(most);
	char more[24] = "";
	if (n > 1)
		snprintf(more, sizeof more, " +%zu", n - 1);
	int width = 2 + text_width(text) + text_width(state) + text_width(more);
	if (width > c->cols / 2)
		return 0;
	int x = c->cols - 1 - width;
	canvas_text(c, x, 1, 1, ROLE_KEY, "6");
	x += 2;
	x += canvas_text(c, x, 1, width, ROLE_TEXT, text);
	x += canvas_text(c, x, 1, width, op_page_role(most), state);
	canvas_text(c, x, 1, width, ROLE_MUTED, more);
	return width + 2;
}

static void
draw_counts(const struct ui *ui, struct canvas *c)
{
	const struct fleet *f = ui->fleet;
	int x = 1, right = c->cols - 1 - draw_operation(ui, c);
	for (size_t i = 0; i < f->n_prefixes; i++) {
		char more[32];
		bool is_new_service =
			i == 0 || f->prefixes[i].service != f->prefixes[i - 1].service;
		snprintf(more, sizeof more, "+%zu more: 5", f->n_prefixes - i);
		int reserve = i + 1 < f->n_prefixes ? text_width(more) + 1 : 0;
		const char *service = f->services[f->prefixes[i].service].name;
		int label = is_new_service ? text_width(service) + 1 : 0;
		int used = draw_count(ui, i, c, x + label, right - reserve);
		if (used == 0) {
			canvas_text(c, x, 1, right - x, ROLE_MUTED, more);
			return;
		}
		if (label > 0)
			canvas_text(c, x, 1, label - 1, ROLE_TEXT, service);
		x += label + used + PREFIX_GAP;
	}
}

/* The backend is away: what is below is a picture of the past. */
static void
draw_banner(const struct ui *ui, struct canvas *c)
{
	const struct link *l = &ui->link;
	char text[512], heard[32] = "", retry[48] = "";
	struct rect line = { 0, 1, c->cols, 1 };
	if (mono_is_set(l->heard)) {
		char age[24];
		duration_format((int64_t)mono_s_since(ui->now, l->heard), age, sizeof age);
		snprintf(heard, sizeof heard, " for %s, all this is old", age);
	}
	if (mono_is_set(l->retry) && mono_before(ui->now, l->retry)) {
		char wait[24];
		duration_format(mono_ms_since(l->retry, ui->now) / 1000 + 1, wait, sizeof wait);
		snprintf(retry, sizeof retry, ", next try in %s", wait);
	}
	snprintf(text, sizeof text, "BACKEND AWAY%s: %s%s", heard, l->problem, retry);
	canvas_fill(c, line, ROLE_BANNER);
	canvas_text(c, 1, 1, c->cols - 2, ROLE_TEXT, text);
}

/* Nobody may take what was for what is. */
static void
draw_past(const struct ui *ui, struct canvas *c)
{
	char at[CLOCK_TEXT_MAX], text[160];
	struct rect line = { 0, 1, c->cols, 1 };
	wall_format(ui->past, at);
	snprintf(text, sizeof text, "PAST %s: verdicts and rates of that %s, the rest unknown", at,
		ui->is_past_hourly ? "hour" : "minute");
	canvas_fill(c, line, ROLE_BANNER);
	canvas_text(c, 1, 1, c->cols - 2, ROLE_TEXT, text);
}

/* Walks the tabs: calls back with each view's start and width. */
static int
tab_width(const struct view_ops *v)
{
	return 2 + text_width(v->name);
}

const struct view_ops *
frame_tab(int x, int y, int cols, int rows)
{
	int at = 1;
	const struct view_ops *v;
	if (y != 2 || !has_full_frame(rows))
		return NULL;
	for (size_t i = 0; (v = view_get(i)) && at < cols; i++) {
		if (!v->key)
			continue;
		if (x >= at && x < at + tab_width(v))
			return v;
		at += tab_width(v) + 2;
	}
	return NULL;
}

static void
draw_tabs(const struct frame *f, struct canvas *c)
{
	int x = 1, room = c->cols - 2 - text_width(f->status);
	const struct view_ops *v;
	for (size_t i = 0; (v = view_get(i)); i++) {
		if (!v->key || x + tab_width(v) > room)
			continue;
		canvas_put(c, x, 2, ROLE_KEY, (uint32_t)v->key);
		canvas_text(c, x + 2, 2, room - x, v == f->view ? ROLE_TAB : ROLE_MUTED, v->name);
		x += tab_width(v) + 2;
	}
}

/* In place of tabs, for a view opened about something: "describe fra1". */
static void
draw_crumb(const struct frame *f, const struct ui *ui, struct canvas *c)
{
	char back[KEYS_NAME_MAX];
	int x = 1;
	keymap_format(ui->keys, ACTION_BACK, back);
	x += canvas_text(c, x, 2, c->cols - x, ROLE_KEY, back) + 1;
	x += canvas_text(c, x, 2, c->cols - x, ROLE_MUTED, "back") + 3;
	x += canvas_text(c, x, 2, c->cols - x, ROLE_TAB, f->view->name) + 1;
	if (f->about->kind != TARGET_NONE)
		x += canvas_text(c, x, 2, c->cols - x - text_width(f->status) - 2, ROLE_STRONG,
			     f->about->name) +
		     1;
	if (f->about->kind == TARGET_SESSION)
		canvas_text(c, x, 2, c->cols - x - text_width(f->status) - 2, ROLE_STRONG,
			f->about->peer);
}

/* In place of tabs, while a prompt has the keyboard to itself. */
static void
draw_modal(const struct frame *f, struct canvas *c)
{
	int x = 1;
	x += canvas_text(c, x, 2, c->cols - x, ROLE_KEY, "esc") + 1;
	x += canvas_text(c, x, 2, c->cols - x, ROLE_MUTED, "no, leave") + 3;
	canvas_text(c, x, 2, c->cols - x - 1, ROLE_TAB, f->modal);
}

static int
draw_hint(const struct ui *ui, enum action a, const char *word, struct canvas *c, int x)
{
	char key[KEYS_NAME_MAX];
	int y = c->rows - 1;
	keymap_format(ui->keys, a, key);
	int width = text_width(key) + 1 + text_width(word);
	if (key[0] == '\0' || x + width >= c->cols)
		return 0;
	int used = canvas_text(c, x, y, c->cols - x, ROLE_KEY, key) + 1;
	canvas_text(c, x + used, y, c->cols - x - used, ROLE_MUTED, word);
	return width + 2;
}

struct hint {
	enum action action;
	const char *word;
	enum { ANYWHERE, LISTS, MAP, POPS, OPS, PAST } where; /* POPS: acting on PoPs; OPS: on operations; PAST: in a replay */
};

static bool
is_hinted(const struct frame *f, const struct ui *ui, const struct hint *h)
{
	bool is_needed = h->action == ACTION_HELP || h->action == ACTION_QUIT || h->action == ACTION_COMMAND;
	bool is_of_ops = f->view == &view_ops || f->view == &view_op || f->view == &view_holds;
	bool may_act = !ui->is_read_only && !ui->why_not[0] && ui->past.ns == 0 && ui->link.state == LINK_LIVE;
	if (h->where == PAST)
		return ui->past.ns != 0;
	if (h->where == OPS)
		return is_of_ops && may_act && (f->view != &view_holds || h->action == ACTION_EXTEND);
	if (f->view->kind == VIEW_TEXT)
		return is_needed;
	switch (h->where) {
	case LISTS:
		return f->view->kind == VIEW_LIST;
	case MAP:
		return f->view->kind == VIEW_OWN;
	case POPS:
		return may_act && (!is_of_ops || f->view == &view_holds);
	default:
		return true;
	}
}

static void
draw_keys(const struct frame *f, const struct ui *ui, struct canvas *c)
{
	static const struct hint hints[] = {
		{ ACTION_EARLIER, "earlier", PAST },
		{ ACTION_LATER_ON, "later", PAST },
		{ ACTION_PLAY, "play", PAST },
		{ ACTION_HELP, "help", ANYWHERE },
		{ ACTION_QUIT, "quit", ANYWHERE },
		{ ACTION_ENTER, "open", ANYWHERE },
		{ ACTION_DESCRIBE, "describe", ANYWHERE },
		{ ACTION_WHY, "why", ANYWHERE },
		{ ACTION_DRAIN, "drain", POPS },
		{ ACTION_UNDRAIN, "undrain", POPS },
		{ ACTION_CANCEL, "cancel", OPS },
		{ ACTION_APPROVE, "approve", OPS },
		{ ACTION_EXTEND, "extend", OPS },
		{ ACTION_FILTER, "filter", LISTS },
		{ ACTION_SORT, "sort", LISTS },
		{ ACTION_FAULTS, "faults", ANYWHERE },
		{ ACTION_ZOOM_IN, "zoom", MAP },
		{ ACTION_REGION, "region", MAP },
		{ ACTION_WIDE, "wide", LISTS },
		{ ACTION_PROBE, "probe now", ANYWHERE },
		{ ACTION_COMMAND, "command", ANYWHERE },
	};
	int x = 1;
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		if (is_hinted(f, ui, &hints[i]))
			x += draw_hint(ui, hints[i].action, hints[i].word, c, x);
}

/* In two lines when one does not hold it: what was not done stands at its end. */
static void
draw_notice(const char *notice, struct canvas *c, int y)
{
	char first[512];
	size_t cut = strlen(notice);
	if (text_width(notice) > c->cols - 2 && c->rows >= FULL_ROWS) {
		text_clip(notice, c->cols - 2, NULL, first, sizeof first);
		cut = strlen(first);
		while (cut > 0 && notice[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = strlen(first);
		first[cut] = '\0';
		canvas_fill(c, (struct rect){ 0, y - 1, c->cols, 1 }, ROLE_FOOTER);
		canvas_text(c, 1, y - 1, c->cols - 2, ROLE_NOTICE, first);
		notice += cut + (notice[cut] == ' ');
	}
	canvas_text(c, 1, y, c->cols - 2, ROLE_NOTICE, notice);
}

static void
draw_footer(const struct frame *f, const struct ui *ui, struct canvas *c)
{
	int y = c->rows - 1;
	canvas_ground(c, (struct rect){ 0, y, c->cols, 1 }, ROLE_FOOTER);
	if (f->notice)
		draw_notice(f->notice, c, y);
	else if (f->modal)
		canvas_text(c, 1, y, c->cols - 2, ROLE_MUTED, f->modal_foot);
	else
		draw_keys(f, ui, c);
}

/* A screen too small for views still says whether all is well. */
static void
draw_tiny(const struct ui *ui, struct canvas *c)
{
	struct ui_totals t = ui_count(ui);
	char text[80];
	size_t n = ui->fleet->n_pops;
	if (ui->link.state == LINK_AWAY)
		snprintf(text, sizeof text, "backend away");
	else
		snprintf(text, sizeof text, "%zu/%zu %s", t.by_verdict[VERDICT_OK], n,
			ui->past.ns ? "were ok" : "ok");
	enum role role =
		t.by_verdict[VERDICT_OK] == n && ui->link.state != LINK_AWAY ? ROLE_TEXT : ROLE_BAD;
	canvas_text(c, 0, 0, c->cols, role, text);
	snprintf(text, sizeof text, "%dx%d is too small", c->cols, c->rows);
	canvas_text(c, 0, 1, c->cols, ROLE_MUTED, text);
}

void
frame_draw(const struct frame *f, const struct ui *ui, struct canvas *c)
{
	if (c->rows < FRAME_ROWS_MIN || c->cols < FRAME_COLS_MIN) {
		draw_tiny(ui, c);
		return;
	}
	draw_header(ui, c);
	if (ui->past.ns != 0)
		draw_past(ui, c);
	else if (has_banner(ui))
		draw_banner(ui, c);
	else if (has_full_frame(c->rows))
		draw_counts(ui, c);
	if (has_full_frame(c->rows)) {
		if (f->modal)
			draw_modal(f, c);
		else if (f->view->key && f->about->kind == TARGET_NONE)
			draw_tabs(f, c);
		else
			draw_crumb(f, ui, c);
		if (!f->modal)
			canvas_text_right(c, c->cols / 2, 2, c->cols - c->cols / 2 - 1, ROLE_MUTED, f->status);
	}
	draw_footer(f, ui, c);
}
