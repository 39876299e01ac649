/* SPDX-License-Identifier: Apache-2.0
 *
 * How the acting prompt looks. It has the view's place to itself, so that nothing else moves while it is read: the plan
 * above, scrolling; a rule; and three lines that never scroll: whether the nodes can be reached and how long the prompt
 * lives, what to type, and what was typed. Red is kept for what refuses. Words carry everything, so it reads the same in
 * mono.
 */
#include <stdio.h>
#include <string.h>

#include "console/act.h"
#include "console/op_page.h"
#include "core/text.h"

#define FOOT_ROWS 5
#define LABEL_COL 14
#define FORM_COLS 78

static void
draw_field(const struct act_form *f, size_t i, struct canvas *c, int y, int *cursor_x)
{
	enum act_field field = f->fields[i];
	bool is_here = f->at == i;
	char text[PROMPT_TEXT_MAX];
	canvas_text(c, 2, y, LABEL_COL, is_here ? ROLE_STRONG : ROLE_MUTED, act_form_label(field));
	if (is_here)
		canvas_ground(c, (struct rect){ LABEL_COL + 1, y, c->cols - LABEL_COL - 3, 1 }, ROLE_SELECTED);
	if (act_form_is_typed(field)) {
		int x = prompt_draw(&f->text[field], c, LABEL_COL + 1, y, c->cols - LABEL_COL - 3);
		if (is_here)
			*cursor_x = x;
		return;
	}
	act_form_value(f, field, text, sizeof text);
	int used = canvas_text(c, LABEL_COL + 2, y, c->cols - LABEL_COL - 5, ROLE_TEXT, text);
	if (is_here)
		canvas_text(c, LABEL_COL + 4 + used, y, c->cols - LABEL_COL - 6 - used, ROLE_KEY, "space changes");
}

static void
draw_form(const struct act *a, struct canvas *c, int *cursor_x, int *cursor_y)
{
	char title[300];
	int w = c->cols < FORM_COLS ? c->cols : FORM_COLS, h = (int)a->form.n_fields + 6;
	struct rect box = { (c->cols - w) / 2, 0, w, h < c->rows ? h : c->rows };
	canvas_fill(c, box, ROLE_NONE);
	act_title(a, title, sizeof title);
	canvas_box(c, box, ROLE_STRONG, title);
	struct canvas in = canvas_window(c, (struct rect){ box.x + 1, box.y + 2, w - 2, box.h - 3 });
	for (size_t i = 0; i < a->form.n_fields; i++) {
		int x = -1;
		draw_field(&a->form, i, &in, (int)i, &x);
		if (x >= 0) {
			*cursor_x = box.x + 1 + x;
			*cursor_y = box.y + 2 + (int)i;
		}
	}
	int y = (int)a->form.n_fields + 1;
	if (a->form.hint[0])
		canvas_text(&in, 2, y, in.cols - 4, ROLE_WARN, a->form.hint);
	else if (a->word == ACT_EXTEND)
		canvas_text(&in, 2, y, in.cols - 4, ROLE_MUTED, "Enter asks once more, tab moves, esc leaves.");
	else
		canvas_text(&in, 2, y, in.cols - 4, ROLE_MUTED, "Enter shows the plan, tab moves, esc leaves.");
}

static void
draw_asked(const struct act *a, const struct ui *ui, struct canvas *c)
{
	char title[300];
	act_title(a, title, sizeof title);
	canvas_printf(c, 2, 1, ROLE_STRONG, "%s", title);
	canvas_text(c, 2, 3, c->cols - 4, ROLE_TEXT,
		mono_ms_since(ui->now, a->began) < 3000 ? "The plan is being made."
							: "The plan is being made; this takes longer than usual.");
	canvas_text(c, 2, 4, c->cols - 4, ROLE_MUTED, "Nothing was changed. Esc leaves.");
}

const char *
act_foot(const struct act *a)
{
	switch (a->stage) {
	case ACT_SHOWN:
	case ACT_ARMED:
		return "Nothing is changed before Y is pressed. Arrows and pgdn scroll.";
	case ACT_SENT:
		return "Confirmed. Esc does not call it back; X does, once it is under way.";
	default:
		return "Nothing was changed.";
	}
}

/* First line of the foot: can it be done, which plan, how long the prompt lives. */
static void
draw_state(const struct act *a, const struct ui *ui, struct canvas *c, int y)
{
	char right[80] = "";
	int64_t left = ACT_LIFE_MS - (mono_is_set(a->opened) ? mono_ms_since(ui->now, a->opened) : 0);
	if (a->offer && a->word != ACT_APPROVE && mono_ms_since(a->expires, ui->now) < left)
		left = mono_ms_since(a->expires, ui->now);
	if (a->stage == ACT_SHOWN || a->stage == ACT_ARMED)
		snprintf(right, sizeof right, "%s%.8s%sclosed in %lld s", a->offer ? "plan " : "", a->offer ? a->offer->hash : "",
			a->offer ? ", " : "", (long long)(left > 0 ? (left + 999) / 1000 : 0));
	else if (a->offer)
		snprintf(right, sizeof right, "plan %.8s", a->offer->hash);
	int room = c->cols - 4 - text_width(right);
	canvas_text_right(c, c->cols - 2 - text_width(right), y, text_width(right), ROLE_MUTED, right);
	if (!a->offer || (a->stage == ACT_OVER && a->offer->actor != OFFER_CANNOT))
		return;
	static const enum role roles[] = { ROLE_UNKNOWN, ROLE_OK, ROLE_BAD };
	static const char *const words[] = { "actor connecting", "actor ready", "actor CANNOT ACT" };
	int x = 1 + canvas_text(c, 1, y, room, roles[a->offer->actor], words[a->offer->actor]);
	if (a->offer->actor_text[0] && x + 3 < room) {
		x += canvas_text(c, x, y, room - x, ROLE_MUTED, ": ");
		canvas_text(c, x, y, room - x, ROLE_MUTED, a->offer->actor_text);
	}
}

/* What is asked of the person. */
static void
draw_question(const struct act *a, struct canvas *c, int y)
{
	char title[300], text[700];
	enum role role = ROLE_STRONG;
	act_title(a, title, sizeof title);
	if (a->stage == ACT_OVER) {
		role = ROLE_BAD;
		snprintf(text, sizeof text, "REFUSED: nobody can confirm this plan. Esc or enter leaves.");
	} else if (a->stage == ACT_SENT) {
		snprintf(text, sizeof text, "Sent. Waiting for the backend's word.");
	} else if (a->wanted[0] == '\0') {
		snprintf(text, sizeof text, "%s", a->question);
	} else if (a->stage == ACT_ARMED) {
		snprintf(text, sizeof text, "Press Y now: %s. Anything else does nothing, esc leaves.", title);
	} else {
		snprintf(text, sizeof text, "To %s, type %s and then press Y. Esc or enter: no.", title, a->wanted);
	}
	canvas_text(c, 1, y, c->cols - 2, role, text);
}

static void
draw_typed(const struct act *a, struct canvas *c, int y, int *cursor_x)
{
	size_t n = strlen(a->typed);
	bool is_right = strncmp(a->typed, a->wanted, n) == 0;
	canvas_text(c, 1, y, 2, ROLE_KEY, ">");
	int x = 3 + canvas_text(c, 3, y, c->cols / 2, is_right ? ROLE_STRONG : ROLE_WARN, a->typed);
	*cursor_x = x;
	if (!is_right)
		canvas_printf(c, x + 2, y, ROLE_WARN, "that is not %.40s", a->wanted);
	else if (a->stage == ACT_ARMED)
		canvas_text(c, x + 2, y, c->cols - x - 3, ROLE_KEY, "Y");
}

static void
draw_foot(const struct act *a, const struct ui *ui, struct canvas *c, int *cursor_x, int *cursor_y)
{
	int top = c->rows - FOOT_ROWS, x = -1;
	canvas_fill(c, (struct rect){ 0, top, c->cols, FOOT_ROWS }, ROLE_NONE);
	canvas_rule(c, 0, top, c->cols, a->stage == ACT_OVER ? ROLE_BAD : ROLE_STRONG);
	draw_state(a, ui, c, top + 1);
	draw_question(a, c, top + 2);
	if (a->wanted[0] && (a->stage == ACT_SHOWN || a->stage == ACT_ARMED))
		draw_typed(a, c, top + 3, &x);
	else if (a->stage == ACT_SHOWN)
		canvas_text(c, 1, top + 3, c->cols - 2, ROLE_TEXT, "Y does it. Esc, N or enter: no.");
	if (a->hint[0])
		canvas_text(c, 1, top + 4, c->cols - 2, a->is_hint_bad ? ROLE_WARN : ROLE_MUTED, a->hint);
	else if (a->offer && a->offer->op.needs_approval && a->word != ACT_APPROVE)
		canvas_text(c, 1, top + 4, c->cols - 2, ROLE_WARN, "After you another person must approve it.");
	if (x >= 0) {
		*cursor_x = x;
		*cursor_y = top + 3;
	}
}

void
act_draw(const struct act *a, const struct ui *ui, struct canvas *c, int *cursor_x, int *cursor_y)
{
	char text[64];
	*cursor_x = *cursor_y = -1;
	if (a->stage == ACT_FORM) {
		draw_form(a, c, cursor_x, cursor_y);
		return;
	}
	canvas_fill(c, (struct rect){ 0, 0, c->cols, c->rows }, ROLE_NONE);
	if (a->stage == ACT_ASKED || c->rows <= FOOT_ROWS) {
		draw_asked(a, ui, c);
		return;
	}
	struct canvas page = canvas_window(c, (struct rect){ 0, 0, c->cols, c->rows - FOOT_ROWS });
	if (a->page) {
		pager_draw(a->page, &page);
	}
	draw_foot(a, ui, c, cursor_x, cursor_y);
	if (a->page)
		pager_status(a->page, text, sizeof text);
	if (a->page && text[0])
		canvas_printf(c, c->cols - text_width(text) - 10, c->rows - FOOT_ROWS, ROLE_KEY, " pgdn %s ", text);
}
