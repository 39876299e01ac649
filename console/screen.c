/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys in, picture out. A screen walks along a history of places: a view, and what it is about.
 * Views opened by their key keep their state (cursor, filter, order) for as long as the screen
 * lives; views opened about something live in the history only.
 *
 * Nothing here reaches a node. Keys that act open the acting prompt (act.c), which then has the
 * keyboard to itself; those of a later version say so in one sentence, and so do the views that do
 * not exist yet: a view that shows nothing true is worse than none. Pasted text goes into an open
 * prompt and nowhere else.
 */
#include "console/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/act.h"
#include "console/frame.h"
#include "console/past.h"
#include "console/prompt.h"
#include "console/theme.h"

#define PLACES_MAX 32
#define VIEWS_MAX  16
#define NOTICE_MS  5000
#define ACT_NOTICE_MS 30000 /* what came of an act stays until it was read, or a key is pressed */
#define NOTICE_MAX 512

struct place {
	const struct view_ops *ops;
	void *state; /* owned, unless it is that of a home */
	struct view_target about;
	bool is_home;
};

struct screen {
	struct screen_wishes wishes;
	struct place places[PLACES_MAX];
	int n_places, at;
	void *homes[VIEWS_MAX]; /* by index of the view; NULL until first opened */
	struct act act;
	struct prompt prompt;
	struct prompt_history commands, filters;
	char before[FILTER_TEXT_MAX]; /* the filter before the prompt was opened, for esc */
	struct filter *search;        /* the last thing looked for */
	char notice[NOTICE_MAX];
	struct mono notice_until;
	int cols, rows;
};

static struct place *
here(struct screen *s)
{
	return &s->places[s->at];
}

static void
forget_place(struct place *p)
{
	if (!p->is_home)
		view_close(p->ops, p->state);
}

static int
view_index(const struct view_ops *ops)
{
	for (int i = 0; i < VIEWS_MAX && view_get((size_t)i); i++)
		if (view_get((size_t)i) == ops)
			return i;
	return 0;
}

struct screen *
screen_new(const struct screen_wishes *wishes)
{
	struct screen *s = xcalloc(1, sizeof *s);
	s->wishes = *wishes;
	s->at = -1;
	s->cols = 80;
	s->rows = 24;
	act_init(&s->act);
	return s;
}

void
screen_free(struct screen *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n_places; i++)
		forget_place(&s->places[i]);
	for (int i = 0; i < VIEWS_MAX; i++)
		if (s->homes[i])
			view_close(view_get((size_t)i), s->homes[i]);
	filter_free(s->search);
	act_done(&s->act);
	free(s);
}

const char *
screen_view(const struct screen *s)
{
	return s->at < 0 ? "" : s->places[s->at].ops->name;
}

void
screen_tell(struct screen *s, const struct ui *ui, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->notice, sizeof s->notice, format, args);
	va_end(args);
	s->notice_until = mono_add_ms(ui->now, NOTICE_MS);
}

static void
update_view(struct screen *s, const struct ui *ui)
{
	struct rect inner = frame_inner(ui, s->cols, s->rows);
	struct place *p = here(s);
	view_update(p->ops, p->state, ui, inner.w > 0 ? inner.w : 1, inner.h > 0 ? inner.h : 1);
}

static void
go(struct screen *s, const struct ui *ui, const struct view_ops *ops, const struct view_target *about)
{
	bool is_home = about->kind == TARGET_NONE && ops->kind != VIEW_TEXT;
	if (s->at >= 0 && here(s)->ops == ops && is_home && here(s)->is_home)
		return;
	struct err err = ERR_INIT;
	if (ui->past.ns != 0 && past_check_view(ops->name, &err) == -1) {
		screen_tell(s, ui, "%s.", err.text);
		return;
	}
	while (s->n_places > s->at + 1)
		forget_place(&s->places[--s->n_places]);
	if (s->n_places == PLACES_MAX) {
		forget_place(&s->places[0]);
		memmove(&s->places[0], &s->places[1], (PLACES_MAX - 1) * sizeof s->places[0]);
		s->n_places--;
	}
	void **home = &s->homes[view_index(ops)];
	if (is_home && !*home)
		*home = view_open(ops, ui, about);
	s->places[s->n_places] = (struct place){ .ops = ops,
		.state = is_home ? *home : view_open(ops, ui, about),
		.about = *about,
		.is_home = is_home };
	s->at = s->n_places++;
	update_view(s, ui);
}

int
screen_open(struct screen *s, const struct ui *ui, const char *view, const struct view_target *about)
{
	static const struct view_target nothing = { .kind = TARGET_NONE };
	const struct view_ops *ops = view_find(view);
	if (!ops)
		return -1;
	go(s, ui, ops, about ? about : &nothing);
	return 0;
}

static void
step_history(struct screen *s, const struct ui *ui, int by)
{
	int to = s->at + by;
	if (to < 0 || to >= s->n_places)
		return;
	s->at = to;
	update_view(s, ui);
}

/* Esc: first the filter goes, then the place. */
static void
go_back(struct screen *s, const struct ui *ui)
{
	struct place *p = here(s);
	if (view_filter(p->ops, p->state)[0]) {
		view_set_filter(p->ops, p->state, "");
		update_view(s, ui);
		return;
	}
	step_history(s, ui, -1);
}

static void
open_about(struct screen *s, const struct ui *ui, const char *view)
{
	struct place *p = here(s);
	struct view_target t = view_target(p->ops, p->state, ui);
	if (t.kind == TARGET_NONE) {
		screen_tell(s, ui, "There is nothing under the cursor to %s.", view);
		return;
	}
	if ((t.kind == TARGET_OP || t.kind == TARGET_HOLD) && strcmp(view, "raw") != 0)
		view = "op"; /* where all that is known about it stands */
	if (p->ops == view_find(view))
		return;
	screen_open(s, ui, view, &t);
}

static void
open_inside(struct screen *s, const struct ui *ui)
{
	struct place *p = here(s);
	if (p->ops->inside)
		open_about(s, ui, p->ops->inside);
}

static void
search_again(struct screen *s, const struct ui *ui, bool backwards)
{
	struct place *p = here(s);
	if (!s->search)
		screen_tell(s, ui, "Nothing was looked for yet: / starts a search.");
	else if (!view_search(p->ops, p->state, ui, s->search, backwards))
		screen_tell(s, ui, "No match.");
}

static void
remember_search(struct screen *s, const char *text)
{
	if (text[0] == '\0')
		return;
	filter_free(s->search);
	s->search = filter_new(text);
	prompt_history_add(&s->filters, text);
}

static void
say_later(struct screen *s, const struct ui *ui, const char *what)
{
	if (ui->link.state != LINK_LIVE)
		screen_tell(s, ui, "The backend is away: keys that act are off.");
	else
		screen_tell(s, ui, "%s comes with a later version. Nothing was changed.", what);
}

/* -- acting -- */

static void
about_add_pop(struct act_about *about, const char *name)
{
	if (about->n_pops < OP_TARGETS_MAX)
		snprintf(about->pops[about->n_pops++], FLEET_NAME_MAX, "%s", name);
}

static void
about_add_op(struct act_about *about, const struct operation *op)
{
	snprintf(about->op, sizeof about->op, "%s", op->id);
	for (size_t i = 0; i < op->n_targets; i++)
		about_add_pop(about, op->targets[i].pop);
}

/* Whatever the cursor is on, PoPs are what is acted upon: a node means its PoP, and the prompt says so. */
static void
about_add_target(struct act_about *about, const struct ui *ui, const struct view_target *t)
{
	const struct operation *op = t->kind == TARGET_OP ? ui_find_op(ui, t->name) : NULL;
	const struct hold *hold = t->kind == TARGET_HOLD ? ui_find_hold(ui, t->name) : NULL;
	size_t i = t->kind == TARGET_NODE || t->kind == TARGET_SESSION ? fleet_find_node(ui->fleet, t->name) : SIZE_MAX;
	if (t->kind == TARGET_POP)
		about_add_pop(about, t->name);
	else if (i != SIZE_MAX && ui->fleet->nodes[i].pop != FLEET_NO_POP)
		about_add_pop(about, ui->fleet->pops[ui->fleet->nodes[i].pop].name);
	else if (op)
		about_add_op(about, op);
	else if (hold) {
		about_add_pop(about, hold->pop);
		snprintf(about->op, sizeof about->op, "%s", hold->op);
	}
}

/* Marked PoPs, in the order in which they were marked; else what the cursor is on. -1 when there are too many. */
static int
find_about(struct screen *s, const struct ui *ui, struct act_about *about, struct err *err)
{
	struct place *p = here(s);
	char marks[OP_TARGETS_MAX][TABLE_ID_MAX];
	size_t n = p->ops == view_find("pops") ? view_marks(p->ops, p->state, marks, OP_TARGETS_MAX) : 0;
	*about = (struct act_about){ 0 };
	if (n > OP_TARGETS_MAX)
		return err_set(err, ERR_USAGE, "%zu PoPs are marked; one operation takes at most %d.", n, OP_TARGETS_MAX);
	for (size_t i = 0; i < n; i++)
		about_add_pop(about, marks[i]);
	if (n == 0) {
		struct view_target t = view_target(p->ops, p->state, ui);
		about_add_target(about, ui, &t);
	}
	return 0;
}

/* Takes from the prompt what it wants done: a request to be sent, a sentence, an operation to be shown. */
static void
serve_act(struct screen *s, const struct ui *ui)
{
	struct act *a = &s->act;
	if (act_take_request(a)) {
		if (s->wishes.send)
			s->wishes.send(s->wishes.arg, a->number, a->method, a->path, buf_slice(&a->body));
		else
			act_answer(a, ui, a->number, 0, (struct slice){ "", 0 }, "there is nobody to ask");
	}
	if (a->notice[0]) {
		screen_tell(s, ui, "%s", a->notice);
		if (a->is_lasting)
			s->notice_until = mono_add_ms(ui->now, ACT_NOTICE_MS);
	}
	a->notice[0] = '\0';
	if (a->done_op[0]) {
		struct view_target t = { .kind = TARGET_OP };
		snprintf(t.name, sizeof t.name, "%s", a->done_op);
		a->done_op[0] = '\0';
		screen_open(s, ui, "op", &t);
	}
}

static void
start_act(struct screen *s, const struct ui *ui, enum act_word word, const struct act_about *about)
{
	struct err err = ERR_INIT;
	if (act_open(&s->act, ui, word, about, &err) == -1)
		screen_tell(s, ui, "%s", err.text);
	serve_act(s, ui);
}

static void
act_on_target(struct screen *s, const struct ui *ui, enum act_word word)
{
	struct act_about about;
	struct err err = ERR_INIT;
	if (find_about(s, ui, &about, &err) == -1)
		screen_tell(s, ui, "%s", err.text);
	else
		start_act(s, ui, word, &about);
}

/* ":drain fra ams": the names as typed, closed and checked; nothing stands for all. */
static void
act_on_names(struct screen *s, const struct ui *ui, enum act_word word, const char *names)
{
	struct act_about about = { 0 };
	struct slice rest = slice_of(names), name;
	while (slice_next_word(&rest, &name)) {
		struct view_target t = { .kind = TARGET_POP };
		slice_copy(name, t.name, sizeof t.name);
		if (fleet_find_pop(ui->fleet, t.name) == SIZE_MAX)
			t.kind = ui_find_op(ui, t.name) ? TARGET_OP : ui_find_hold(ui, t.name) ? TARGET_HOLD : TARGET_NONE;
		if (t.kind == TARGET_NONE) {
			screen_tell(s, ui, "There is no PoP \"%.40s\". Nothing was changed.", t.name);
			return;
		}
		if (about.n_pops == OP_TARGETS_MAX) {
			screen_tell(s, ui, "One operation takes at most %d PoPs. Nothing was changed.", OP_TARGETS_MAX);
			return;
		}
		about_add_target(&about, ui, &t);
	}
	start_act(s, ui, word, &about);
}

void
screen_answer(
	struct screen *s, const struct ui *ui, unsigned number, int status, struct slice body, const char *why)
{
	act_answer(&s->act, ui, number, status, body, why);
	serve_act(s, ui);
}

static void
wish_probe(struct screen *s, const struct ui *ui)
{
	if (ui->link.state != LINK_LIVE)
		screen_tell(s, ui, "The backend is away: nothing can be asked now.");
	else if (s->wishes.refresh)
		s->wishes.refresh(s->wishes.arg);
}

static void
wish_copy(struct screen *s, const struct ui *ui)
{
	struct place *p = here(s);
	struct view_target t = view_target(p->ops, p->state, ui);
	if (t.kind == TARGET_NONE || !s->wishes.copy)
		return;
	s->wishes.copy(s->wishes.arg, t.name);
	screen_tell(s, ui, "Copied \"%s\".", t.name);
}

static void
open_filter(struct screen *s)
{
	struct place *p = here(s);
	const char *now = view_filter(p->ops, p->state);
	snprintf(s->before, sizeof s->before, "%s", now);
	prompt_open(&s->prompt, '/', now, &s->filters);
}

/* Keys that move a replay, and those that ask nodes, which it refuses. */
static bool
walk(struct screen *s, const struct ui *ui, enum action a)
{
	char told[NOTICE_MAX];
	if (!s->wishes.walk || !s->wishes.walk(s->wishes.arg, a, told, sizeof told))
		return false;
	if (told[0])
		screen_tell(s, ui, "%s", told);
	return true;
}

/* What the frame does with a key that the view had no use for. */
static void
frame_action(struct screen *s, const struct ui *ui, enum action a)
{
	enum act_word word;
	if (walk(s, ui, a))
		return;
	if (act_word_of(a, &word)) {
		act_on_target(s, ui, word);
		return;
	}
	switch (a) {
	case ACTION_ENTER:
		open_inside(s, ui);
		return;
	case ACTION_BACK:
		go_back(s, ui);
		return;
	case ACTION_HISTORY_BACK:
	case ACTION_HISTORY_FORWARD:
		step_history(s, ui, a == ACTION_HISTORY_BACK ? -1 : 1);
		return;
	case ACTION_FILTER:
		open_filter(s);
		return;
	case ACTION_NEXT:
	case ACTION_PREVIOUS:
		search_again(s, ui, a == ACTION_PREVIOUS);
		return;
	case ACTION_DESCRIBE:
	case ACTION_WHY:
	case ACTION_RAW:
		open_about(s, ui, action_get(a)->name);
		return;
	case ACTION_COPY:
		wish_copy(s, ui);
		return;
	case ACTION_PROBE:
		wish_probe(s, ui);
		return;
	case ACTION_REFRESH:
	case ACTION_REDRAW:
		if (s->wishes.refetch)
			s->wishes.refetch(s->wishes.arg);
		return;
	case ACTION_EARLIER:
	case ACTION_LATER_ON:
	case ACTION_MUCH_EARLIER:
	case ACTION_MUCH_LATER:
	case ACTION_PLAY:
		screen_tell(s, ui, "This is now; catchment replay TIME walks through the past.");
		return;
	case ACTION_COMMAND:
		prompt_open(&s->prompt, ':', "", &s->commands);
		return;
	case ACTION_HELP:
		if (strcmp(screen_view(s), "help") != 0)
			screen_open(s, ui, "help", NULL);
		return;
	case ACTION_QUIT:
		if (s->wishes.quit)
			s->wishes.quit(s->wishes.arg);
		return;
	default:
		if (a != ACTION_NONE && action_group(a) == ACTION_LATER)
			say_later(s, ui, action_get(a)->help);
		else if (a != ACTION_NONE && action_get(a)->keys[0] == '\0')
			screen_tell(s, ui, "That is a command of the shell: catchment %s.", action_get(a)->name);
		return;
	}
}

/* Keys 0..9 are views; some are still to come. */
static bool
digit_key(struct screen *s, const struct ui *ui, const struct key *k)
{
	static const char *const later[] = { "Catchments", "Secrets", "Dependencies" };
	if (k->mods || k->code < '0' || k->code > '9')
		return false;
	const struct view_ops *ops = view_find_key((char)k->code);
	if (ops)
		screen_open(s, ui, ops->name, NULL);
	else
		screen_tell(s, ui, "%s (key %c) come with a later version.", later[k->code - '7'],
			(char)k->code);
	return true;
}

/* The words of a command line: the verb, and the rest of the line. */
static void
split_line(const char *line, char verb[64], const char **rest)
{
	size_t n = strcspn(line, " ");
	slice_copy((struct slice){ line, n < 63 ? n : 63 }, verb, 64);
	*rest = line + n + strspn(line + n, " ");
}

static void
command_theme(struct screen *s, const struct ui *ui, const char *name)
{
	struct err err = ERR_INIT;
	if (!s->wishes.set_theme)
		return;
	if (s->wishes.set_theme(s->wishes.arg, name, &err) == -1)
		screen_tell(s, ui, "%s.", err.text);
	else
		screen_tell(s, ui, "Theme %s.%s%s", name, err.text[0] ? " " : "", err.text);
}

static void
command_view(struct screen *s, const struct ui *ui, const char *view, const char *name)
{
	struct view_target about;
	const struct view_ops *ops = view_find(view);
	if (name[0] && !view_find_target(ui->fleet, name, &about))
		screen_tell(s, ui, "There is no PoP, node, session, service or prefix \"%.40s\".", name);
	else if (name[0] && ops->kind != VIEW_TEXT && about.kind != TARGET_POP && about.kind != TARGET_NODE)
		screen_tell(s, ui, "%s can be narrowed to a PoP or a node; %.40s is neither.", view, name);
	else if (name[0])
		screen_open(s, ui, view, &about);
	else if (ops->kind == VIEW_TEXT && ops != view_find("help"))
		open_about(s, ui, view);
	else
		screen_open(s, ui, view, NULL);
}

static void
run_line(struct screen *s, const struct ui *ui, const char *line)
{
	char verb[64];
	const char *rest;
	line += strspn(line, " ");
	split_line(line, verb, &rest);
	prompt_history_add(&s->commands, line);
	enum action a = action_find(verb);
	enum act_word word;
	if (verb[0] == '\0')
		return;
	if (act_word_of(a, &word) && rest[0]) {
		act_on_names(s, ui, word, rest);
		return;
	}
	if (strcmp(verb, "theme") == 0)
		command_theme(s, ui, rest);
	else if (strcmp(verb, "q") == 0)
		frame_action(s, ui, ACTION_QUIT);
	else if (view_find(verb))
		command_view(s, ui, verb, rest);
	else if (a != ACTION_NONE && !view_command(here(s)->ops, here(s)->state, ui, a))
		frame_action(s, ui, a);
	else if (a == ACTION_NONE)
		screen_tell(s, ui,
			"\"%.40s\" is no command and no view: tab completes, ? lists them.", verb);
}

/* The i-th of all words that a command line may start with. */
static const char *
first_word(size_t i)
{
	size_t n = 0;
	while (view_get(n))
		n++;
	if (i < n)
		return view_get(i)->name;
	i -= n;
	if (i == 0)
		return "theme";
	return i < ACTION_COUNT - 1 ? action_get((enum action)i)->name : NULL;
}

/* The i-th of all words that may follow. */
static const char *
second_word(const struct ui *ui, const char *verb, size_t i)
{
	const struct view_ops *ops = view_find(verb);
	if (strcmp(verb, "theme") == 0)
		return theme_builtin_name(i);
	if (!ops || ops == view_find("help"))
		return NULL;
	if (i < ui->fleet->n_pops)
		return ui->fleet->pops[i].name;
	i -= ui->fleet->n_pops;
	if (i < ui->fleet->n_nodes)
		return ui->fleet->nodes[i].name;
	i -= ui->fleet->n_nodes;
	return ops->kind == VIEW_TEXT && i < ui->fleet->n_services ? ui->fleet->services[i].name : NULL;
}

static bool
complete(const void *arg, const char *text, size_t i, char out[PROMPT_TEXT_MAX])
{
	const struct ui *ui = arg;
	char verb[64];
	const char *rest, *word;
	bool has_verb = strchr(text, ' ') != NULL;
	size_t hits = 0;
	split_line(text, verb, &rest);
	for (size_t k = 0;; k++) {
		word = has_verb ? second_word(ui, verb, k) : first_word(k);
		if (!word)
			return false;
		const char *stem = has_verb ? rest : verb;
		if (strncmp(word, stem, strlen(stem)) != 0 ||
			(has_verb ? false : action_find(word) && view_find(word) && k >= VIEWS_MAX))
			continue;
		if (hits++ == i)
			break;
	}
	if (has_verb)
		snprintf(out, PROMPT_TEXT_MAX, "%s %s", verb, word);
	else
		snprintf(out, PROMPT_TEXT_MAX, "%s", word);
	return true;
}

/* `/`: a list is filtered while one types; a text is searched when the line is done. */
static void
filter_key(struct screen *s, const struct ui *ui, enum prompt_result r)
{
	struct place *p = here(s);
	if (r == PROMPT_NOTHING)
		return;
	if (r == PROMPT_CANCELLED)
		view_set_filter(p->ops, p->state, s->before);
	else
		view_set_filter(p->ops, p->state, s->prompt.text);
	update_view(s, ui);
	if (r != PROMPT_DONE)
		return;
	remember_search(s, s->prompt.text);
	if (p->ops->kind == VIEW_TEXT)
		search_again(s, ui, false);
}

static void
prompt_input(struct screen *s, const struct ui *ui, const struct key *k)
{
	bool is_filter = s->prompt.sign == '/';
	enum prompt_result r = prompt_key(&s->prompt, k, is_filter ? NULL : complete, ui);
	if (is_filter)
		filter_key(s, ui, r);
	else if (r == PROMPT_DONE)
		run_line(s, ui, s->prompt.text);
}

static void
mouse_key(struct screen *s, const struct ui *ui, const struct key *k)
{
	struct rect inner = frame_inner(ui, s->cols, s->rows);
	const struct view_ops *tab = frame_tab(k->x, k->y, s->cols, s->rows);
	struct place *p = here(s);
	if (k->mouse == MOUSE_PRESS && tab && p->is_home) {
		screen_open(s, ui, tab->name, NULL);
		return;
	}
	struct key local = *k;
	local.x -= inner.x;
	local.y -= inner.y;
	if (local.x < 0 || local.y < 0 || local.x >= inner.w || local.y >= inner.h)
		return;
	view_click(p->ops, p->state, ui, &local);
}

void
screen_key(struct screen *s, const struct ui *ui, const struct key *k)
{
	if (s->at < 0)
		return;
	update_view(s, ui); /* the fleet may be another one since it was drawn */
	if (act_is_open(&s->act)) {
		act_key(&s->act, ui, k);
		serve_act(s, ui);
	} else if (k->code == KEYS_MOUSE) {
		if (!s->prompt.is_open)
			mouse_key(s, ui, k);
	} else if (s->prompt.is_open) {
		prompt_input(s, ui, k);
	} else if (!k->is_pasted && !digit_key(s, ui, k)) {
		enum action a = keymap_find(ui->keys, k);
		s->notice[0] = '\0';
		if (a != ACTION_NONE && !view_command(here(s)->ops, here(s)->state, ui, a))
			frame_action(s, ui, a);
		if (act_is_open(&s->act))
			act_opened_by(&s->act, ui, k);
	}
	update_view(s, ui);
}

void
screen_update(struct screen *s, const struct ui *ui, int cols, int rows)
{
	s->cols = cols;
	s->rows = rows;
	if (s->at < 0)
		screen_open(s, ui, "map", NULL);
	update_view(s, ui);
	struct rect inner = frame_inner(ui, cols, rows);
	act_tick(&s->act, ui, inner.w, inner.h);
	serve_act(s, ui);
}

void
screen_draw(
	const struct screen *s, const struct ui *ui, struct canvas *c, int *cursor_x, int *cursor_y)
{
	const struct place *p = &s->places[s->at];
	struct rect inner = frame_inner(ui, c->cols, c->rows);
	char status[200], modal[300] = "";
	view_status(p->ops, p->state, ui, status, sizeof status);
	bool is_acting = act_is_open(&s->act);
	if (is_acting)
		act_title(&s->act, modal, sizeof modal);
	struct frame f = {
		.modal = is_acting ? modal : NULL,
		.modal_foot = is_acting ? act_foot(&s->act) : "",
		.view = p->ops,
		.about = &p->about,
		.status = status,
		.notice = s->notice[0] && mono_before(ui->now, s->notice_until) ? s->notice : NULL,
	};
	canvas_clear(c);
	*cursor_x = *cursor_y = -1;
	if (inner.w > 0 && inner.h > 0) {
		struct canvas window = canvas_window(c, inner);
		if (is_acting)
			act_draw(&s->act, ui, &window, cursor_x, cursor_y);
		else
			view_draw(p->ops, p->state, ui, &window);
		if (ui->link.state == LINK_AWAY)
			canvas_dim(&window, (struct rect){ 0, 0, window.cols, window.rows });
	}
	frame_draw(&f, ui, c);
	if (is_acting && *cursor_y >= 0) {
		*cursor_x += inner.x;
		*cursor_y += inner.y;
	}
	if (s->prompt.is_open && c->rows >= FRAME_ROWS_MIN && c->cols >= FRAME_COLS_MIN) {
		struct rect line = { 0, c->rows - 1, c->cols, 1 };
		canvas_fill(c, line, ROLE_PROMPT);
		*cursor_x = prompt_draw(&s->prompt, c, 0, c->rows - 1, c->cols);
		*cursor_y = c->rows - 1;
	}
}
