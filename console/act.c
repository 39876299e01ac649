/* SPDX-License-Identifier: Apache-2.0
 *
 * The acting prompt. What it guards against, and how:
 *
 * - typed ahead, leaned on, repeated: keys count only when the stage they belong to has been on the screen for a while
 *   (half a second for the prompt, 0.3 s for "now Y"), and a key held down counts once;
 * - pasted: keys inside a bracketed paste never count here; a paste without brackets arrives at once, so its Y comes
 *   before the screen said that Y is awaited;
 * - Enter by habit: it never accepts. In an empty line it means the default, which is No;
 * - the wrong row: everything is bound to the names the prompt shows, never to a row;
 * - an old picture: the prompt dies after a minute, with its plan, when the backend says that the plan has become void,
 *   when the backend is gone, and when the screen no longer holds it. Dying changes nothing;
 * - a lost answer: the confirmation is sent again with the same key, which the backend answers with the same operation.
 *
 * It knows no node and no gate: what it shows are the plan's own bytes (offer.c, plan_page.c), what it sends is their hash.
 */
#include "console/act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/op_page.h"
#include "console/plan_page.h"
#include "core/digest.h"
#include "core/text.h"

#define BODY_MAX 65536

/* What undrain, cancel and the like are called in sentences. */
static const char *const words[] = { "drain", "prefer-away", "hold", "undrain", "extend", "cancel", "accept", "approve" };

void
act_init(struct act *a)
{
	*a = (struct act){ .stage = ACT_CLOSED, .body = BUF_INIT(BODY_MAX) };
}

static void
forget(struct act *a)
{
	offer_free(a->offer);
	a->offer = NULL;
	if (a->page)
		pager_free(a->page);
	a->page = NULL;
}

void
act_done(struct act *a)
{
	forget(a);
	buf_done(&a->body);
}

bool
act_is_open(const struct act *a)
{
	return a->stage != ACT_CLOSED;
}

bool
act_word_of(enum action action, enum act_word *out)
{
	static const struct {
		enum action action;
		enum act_word word;
	} table[] = {
		{ ACTION_DRAIN, ACT_DRAIN },
		{ ACTION_UNDRAIN, ACT_UNDRAIN },
		{ ACTION_PREFER_AWAY, ACT_PREFER_AWAY },
		{ ACTION_HOLD, ACT_HOLD },
		{ ACTION_EXTEND, ACT_EXTEND },
		{ ACTION_CANCEL, ACT_CANCEL },
		{ ACTION_APPROVE, ACT_APPROVE },
		{ ACTION_ACCEPT, ACT_ACCEPT },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (table[i].action != action)
			continue;
		*out = table[i].word;
		return true;
	}
	return false;
}

int
act_check(const struct ui *ui, enum act_word word, struct err *err)
{
	if (ui->is_read_only)
		return err_set(err, ERR_PERMISSION, "This dashboard is read-only: keys that act are off.");
	if (ui->past.ns != 0)
		return err_set(err, ERR_PERMISSION, "This is a picture of the past: keys that act are off.");
	if (ui->link.state != LINK_LIVE)
		return err_set(err, ERR_BACKEND, "The backend is away: keys that act are off.");
	if (ui->why_not[0] && !(word == ACT_APPROVE && ui->is_approver))
		return err_set(err, ERR_PERMISSION, "%.300s", ui->why_not);
	return 0;
}

void
act_title(const struct act *a, char *out, size_t size)
{
	static const char *const titles[] = { "drain", "drain", "drain", "undrain", "extend", "cancel", "accept", "approve" };
	size_t n = (size_t)snprintf(out, size, "%s", titles[a->word]);
	if (a->word == ACT_APPROVE && a->offer)
		n += (size_t)snprintf(out + n, size - n, " %s", op_verb_name(a->offer->plan->verb));
	for (size_t i = 0; i < a->about.n_pops && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", then " : " ", a->about.pops[i]);
}

static void
hint(struct act *a, bool is_bad, const char *text)
{
	snprintf(a->hint, sizeof a->hint, "%s", text);
	a->is_hint_bad = is_bad;
}

static void
enter_stage(struct act *a, enum act_stage stage)
{
	a->stage = stage;
	a->drawn = (struct mono){ 0 };
}

static void
shut(struct act *a)
{
	forget(a);
	a->stage = ACT_CLOSED;
	a->has_request = a->is_waiting = a->is_looking = false;
	a->number++; /* whatever still comes back is nobody's */
}

void
act_close(struct act *a, const char *why)
{
	if (a->stage == ACT_CLOSED)
		return;
	bool is_sent = a->stage == ACT_SENT;
	a->is_lasting = true;
	snprintf(a->notice, sizeof a->notice, "%s%s", why,
		is_sent ? " Whether it was taken is not known: see 6 ops." : " Nothing was changed.");
	shut(a);
}

/* -- requests -- */

static void
send(struct act *a, const struct ui *ui, const char *method, const char *path)
{
	snprintf(a->method, sizeof a->method, "%s", method);
	snprintf(a->path, sizeof a->path, "%s", path);
	a->number++;
	a->has_request = a->is_waiting = true;
	a->sent = ui->now;
}

bool
act_take_request(struct act *a)
{
	bool has = a->has_request;
	a->has_request = false;
	return has;
}

static void
ask_plan(struct act *a, const struct ui *ui)
{
	buf_clear(&a->body);
	wish_write(&a->wish, &a->body);
	send(a, ui, "POST", "/v1/plans");
	a->began = ui->now;
	enter_stage(a, ACT_ASKED);
}

static void
look_at_plan(struct act *a, const struct ui *ui, const char *id)
{
	char path[96];
	buf_clear(&a->body);
	snprintf(path, sizeof path, "/v1/plans/%s", id);
	send(a, ui, "GET", path);
}

/* The confirmation, or the word about an operation that stands in its place; the same bytes at each attempt. */
static void
send_confirmation(struct act *a, const struct ui *ui)
{
	char path[96];
	buf_clear(&a->body);
	switch (a->word) {
	case ACT_APPROVE:
		offer_write_confirm(a->offer, NULL, NULL, &a->body);
		snprintf(path, sizeof path, "/v1/ops/%s/approve", a->about.op);
		break;
	case ACT_EXTEND:
		wish_write_lease(a->wish.lease_s, &a->body);
		snprintf(path, sizeof path, "/v1/ops/%s/extend", a->about.op);
		break;
	case ACT_CANCEL:
	case ACT_ACCEPT:
		buf_add_text(&a->body, "{}");
		snprintf(path, sizeof path, "/v1/ops/%s/%s", a->about.op, words[a->word]);
		break;
	default:
		offer_write_confirm(a->offer, a->typed, a->key, &a->body);
		snprintf(path, sizeof path, "/v1/plans/%s/confirm", a->offer->op.id);
		break;
	}
	send(a, ui, "POST", path);
}

static void
confirm(struct act *a, const struct ui *ui)
{
	digest_random_hex(a->key, sizeof a->key - 1);
	a->began = ui->now;
	enter_stage(a, ACT_SENT);
	send_confirmation(a, ui);
}

/* -- opening -- */

static bool
op_has_pop(const struct operation *op, const char *pop)
{
	for (size_t i = 0; i < op->n_targets; i++)
		if (strcmp(op->targets[i].pop, pop) == 0)
			return true;
	return false;
}

/* The operation meant: the one named, or the newest of the PoP that is not over. */
static const struct operation *
choose_op(const struct ui *ui, const struct act_about *about)
{
	if (about->op[0])
		return ui_find_op(ui, about->op);
	for (size_t i = ui->n_ops; about->n_pops > 0 && i-- > 0;)
		if (!op_state_is_final(ui->ops[i].state) && ui->ops[i].state != OP_CHECKED && op_has_pop(&ui->ops[i], about->pops[0]))
			return &ui->ops[i];
	return NULL;
}

static const struct pop *
find_pop(const struct ui *ui, const char *name)
{
	size_t i = fleet_find_pop(ui->fleet, name);
	return i == SIZE_MAX ? NULL : &ui->fleet->pops[i];
}

static void
take_op(struct act *a, const struct operation *op)
{
	snprintf(a->about.op, sizeof a->about.op, "%s", op->id);
	a->about.n_pops = op->n_targets;
	for (size_t i = 0; i < op->n_targets; i++)
		snprintf(a->about.pops[i], sizeof a->about.pops[i], "%s", op->targets[i].pop);
}

static int
open_wish(struct act *a, const struct ui *ui, struct err *err)
{
	struct hold holds[ACT_FORM_HOLDS];
	size_t n = 0;
	if (a->about.n_pops == 0)
		return err_set(err, ERR_USAGE, "There is no PoP under the cursor to %s.", words[a->word]);
	a->wish = (struct wish){ .verb = a->word == ACT_UNDRAIN ? OP_UNDRAIN : OP_DRAIN, .n_targets = a->about.n_pops };
	for (size_t i = 0; i < a->about.n_pops; i++) {
		const struct pop *p = find_pop(ui, a->about.pops[i]);
		if (!p)
			return err_set(err, ERR_NOT_FOUND, "There is no PoP %s now.", a->about.pops[i]);
		snprintf(a->wish.targets[i], sizeof a->wish.targets[i], "%s", p->name);
		for (size_t k = 0; k < p->n_holds && n < ACT_FORM_HOLDS; k++)
			holds[n++] = p->holds[k];
	}
	if (a->word == ACT_UNDRAIN)
		act_form_undrain(&a->form, holds, n);
	else
		act_form_drain(&a->form, a->word == ACT_PREFER_AWAY ? OP_PREFER_AWAY : OP_WITHDRAW, a->word == ACT_HOLD);
	enter_stage(a, ACT_FORM);
	return 0;
}

/* A lease belongs to a hold, and a hold to the operation that added it. */
static int
open_extend(struct act *a, const struct ui *ui, struct err *err)
{
	const struct operation *op = a->about.op[0] ? ui_find_op(ui, a->about.op) : NULL;
	const struct pop *p = op ? find_pop(ui, op->targets[0].pop) : a->about.n_pops > 0 ? find_pop(ui, a->about.pops[0]) : NULL;
	const struct hold *hold = NULL;
	for (size_t i = 0; p && i < p->n_holds; i++) {
		if (op && strcmp(p->holds[i].op, op->id) != 0)
			continue;
		if (hold)
			return err_set(err, ERR_USAGE, "%s has %zu holds: press E on one of them in :holds.", p->name, p->n_holds);
		hold = &p->holds[i];
	}
	if (!hold || !hold->op[0])
		return err_set(err, ERR_NOT_FOUND, "There is no hold here whose lease could be extended.");
	a->about.n_pops = 1;
	snprintf(a->about.pops[0], sizeof a->about.pops[0], "%s", hold->pop);
	snprintf(a->about.op, sizeof a->about.op, "%s", hold->op);
	snprintf(a->question, sizeof a->question, "Hold %s on %s, by %s: %.150s", hold->id, hold->pop, hold->owner, hold->reason);
	act_form_extend(&a->form);
	enter_stage(a, ACT_FORM);
	return 0;
}

static void
ask_yes(struct act *a, const char *text)
{
	snprintf(a->question, sizeof a->question, "%s", text);
	a->wanted[0] = '\0';
	enter_stage(a, ACT_SHOWN);
}

static int
open_decision(struct act *a, const struct operation *op, struct err *err)
{
	char targets[200], text[400];
	op_page_targets(op, targets, sizeof targets);
	if (op_state_is_final(op->state))
		return err_set(err, ERR_CONFLICT, "Operation %s is over: %s.", op->id, op_page_state(op));
	if (a->word == ACT_ACCEPT && op->state != OP_UNCONFIRMED && op->state != OP_STUCK)
		return err_set(err, ERR_CONFLICT, "Operation %s is %s: only what is unconfirmed or stuck can be accepted.", op->id,
			op_page_state(op));
	if (a->word == ACT_ACCEPT)
		snprintf(text, sizeof text, "Take the %s of %s as done, though not all evidence agrees?",
			op_verb_name(op->verb), targets);
	else if (op_state_is_open(op->state))
		op_page_undo_question(op, "", text, sizeof text);
	else
		snprintf(text, sizeof text, "Call off the %s of %s? Nothing was changed yet.", op_verb_name(op->verb), targets);
	ask_yes(a, text);
	return 0;
}

int
act_open(struct act *a, const struct ui *ui, enum act_word word, const struct act_about *about, struct err *err)
{
	unsigned number = a->number;
	struct buf body = a->body;
	if (act_check(ui, word, err) == -1)
		return -1;
	forget(a);
	buf_clear(&body);
	*a = (struct act){ .stage = ACT_CLOSED, .word = word, .about = *about, .number = number + 1, .body = body };
	if (word == ACT_DRAIN || word == ACT_PREFER_AWAY || word == ACT_HOLD || word == ACT_UNDRAIN)
		return open_wish(a, ui, err);
	if (word == ACT_EXTEND)
		return open_extend(a, ui, err);
	const struct operation *op = choose_op(ui, about);
	if (!op)
		return err_set(err, ERR_NOT_FOUND, "There is no operation here to %s.", words[word]);
	take_op(a, op);
	if (word == ACT_APPROVE && (op->state == OP_UNCONFIRMED || op->state == OP_STUCK))
		a->word = ACT_ACCEPT; /* A takes what waits for a person's word, whichever word that is */
	if (a->word != ACT_APPROVE)
		return open_decision(a, op, err);
	if (op->state != OP_WAITING)
		return err_set(err, ERR_CONFLICT, "Operation %s does not wait for an approval: it is %s.", op->id, op_page_state(op));
	a->began = ui->now;
	look_at_plan(a, ui, op->id);
	enter_stage(a, ACT_ASKED);
	return 0;
}

/* -- answers -- */

static void
read_problem(const struct json *o, int status, struct err *err)
{
	char text[ERR_TEXT_MAX];
	const char *code = json_text(json_get(o, "code"), NULL);
	const char *detail = json_text(json_get(o, "detail"), json_text(json_get(o, "title"), NULL));
	if (detail)
		text_sanitise_to(slice_of(detail), text, sizeof text);
	else
		snprintf(text, sizeof text, "the backend answered with status %d", status);
	err_set(err, code ? err_code_parse(code) : ERR_FAILED, "%s", text);
}

static void
show_offer(struct act *a, const struct ui *ui, struct offer *offer)
{
	bool is_first = a->stage == ACT_ASKED;
	bool can = offer_is_open(offer) && offer->plan->worst != GATE_REFUSE && offer->actor != OFFER_CANNOT;
	offer_free(a->offer);
	a->offer = offer;
	a->expires = mono_add_ms(ui->now, (int64_t)(offer->expires_s * 1000));
	a->is_waiting = a->is_looking = false;
	if (is_first) {
		snprintf(a->wanted, sizeof a->wanted, "%s", offer->typed);
		a->page_cols = 0;
		if (a->word == ACT_APPROVE)
			snprintf(a->question, sizeof a->question, "asked for by %s", offer->op.by);
	}
	if (!can)
		enter_stage(a, ACT_OVER);
	else if (is_first)
		enter_stage(a, ACT_SHOWN);
}

/* The sentence that closes a prompt, with a full stop. */
static void
close_because(struct act *a, const char *what, const char *why)
{
	char text[ERR_TEXT_MAX + 100];
	size_t n = (size_t)snprintf(text, sizeof text, "%s%s", what, why);
	if (n > 0 && n < sizeof text - 1 && text[n - 1] != '.')
		snprintf(text + n, sizeof text - n, ".");
	act_close(a, text);
}

static void
take_plan(struct act *a, const struct ui *ui, int status, const struct json *root)
{
	struct err why = ERR_INIT;
	bool has_plan = json_get(root, "bytes") != NULL;
	const struct wish *asked = a->word == ACT_APPROVE ? NULL : &a->wish;
	struct offer *offer = has_plan ? offer_read(root, asked, &why) : NULL;
	if (offer && a->offer && strcmp(offer->hash, a->offer->hash) != 0) {
		offer_free(offer);
		act_close(a, "The plan has changed under the prompt.");
		return;
	}
	if (offer) {
		show_offer(a, ui, offer);
		return;
	}
	if (!has_plan)
		read_problem(root, status, &why);
	close_because(a, "No plan: ", why.text);
}

static void
take_operation(struct act *a, int status, const struct json *root)
{
	struct operation op = { 0 };
	struct err why = ERR_INIT;
	if (status < 200 || status > 299) {
		read_problem(root, status, &why);
		a->stage = ACT_SHOWN; /* the backend answered, so it is known that nothing was taken */
		close_because(a, "Refused: ", why.text);
		return;
	}
	if (offer_read_operation(root, &op, &why) == 0) {
		snprintf(a->done_op, sizeof a->done_op, "%s", op.id);
		if (op.state == OP_WAITING)
			snprintf(a->notice, sizeof a->notice, "It waits for another person: A on their console, within ten minutes.");
		else if (a->word == ACT_EXTEND)
			snprintf(a->notice, sizeof a->notice, "The lease on %s was extended.", a->about.pops[0]);
		else
			snprintf(a->notice, sizeof a->notice, "Taken.%s", op_state_is_final(op.state) ? "" : " X calls it off, or undoes it.");
		a->is_lasting = op.state == OP_WAITING;
	} else {
		snprintf(a->notice, sizeof a->notice, "It was taken, but its answer could not be read: %.200s", why.text);
		snprintf(a->done_op, sizeof a->done_op, "%s", a->offer ? a->offer->op.id : a->about.op);
	}
	operation_done(&op);
	shut(a);
}

void
act_answer(struct act *a, const struct ui *ui, unsigned number, int status, struct slice body, const char *why)
{
	struct err err = ERR_INIT;
	if (number != a->number || !a->is_waiting)
		return;
	a->is_waiting = false;
	if (status == 0) {
		a->is_looking = false;
		if (a->stage == ACT_ASKED)
			close_because(a, "No plan: ", why ? why : "the backend did not answer");
		return; /* a confirmation is sent again by act_tick; a look at the actor as well */
	}
	struct json_doc *doc = json_parse(body, &err);
	const struct json *root = doc ? json_root(doc) : NULL;
	if (a->stage == ACT_SENT)
		take_operation(a, status, root);
	else
		take_plan(a, ui, status, root);
	json_doc_free(doc);
}

/* -- time -- */

/* What became of the plan meanwhile, as the stream tells it. */
static bool
is_void(struct act *a, const struct ui *ui)
{
	const char *id = a->offer ? a->offer->op.id : a->about.op;
	const struct operation *op = ui_find_op(ui, id);
	if (!op || a->stage == ACT_SENT || a->stage == ACT_OVER)
		return false;
	bool is_awaited = a->offer ? op->state == (a->word == ACT_APPROVE ? OP_WAITING : OP_CHECKED) || op->state == OP_DRAFT
	                           : !op_state_is_final(op->state);
	if (is_awaited || a->word == ACT_EXTEND)
		return false;
	close_because(a, a->offer ? "The plan is void: " : "It is over: ", op->text[0] ? op->text : op_state_text(op->state));
	return true;
}

static void
tick_sent(struct act *a, const struct ui *ui)
{
	if (mono_ms_since(ui->now, a->began) > ACT_GIVE_UP_MS)
		act_close(a, "The backend does not answer.");
	else if (!a->is_waiting && mono_ms_since(ui->now, a->sent) >= ACT_AGAIN_MS)
		send_confirmation(a, ui);
}

static void
tick_shown(struct act *a, const struct ui *ui)
{
	if (mono_is_set(a->opened) && mono_ms_since(ui->now, a->opened) >= ACT_LIFE_MS) {
		act_close(a, "The prompt has stood for a minute and is closed.");
	} else if (a->offer && a->word != ACT_APPROVE && !mono_before(ui->now, a->expires)) {
		act_close(a, "The plan is too old by now.");
	} else if (a->offer && a->offer->actor == OFFER_CONNECTING && !a->is_waiting &&
		   mono_ms_since(ui->now, a->sent) >= ACT_LOOK_MS) {
		char id[OP_ID_SIZE];
		snprintf(id, sizeof id, "%s", a->offer->op.id);
		look_at_plan(a, ui, id);
		a->is_looking = true;
	} else if (a->is_waiting && mono_ms_since(ui->now, a->sent) > ACT_ANSWER_MS) {
		a->is_waiting = false;
	}
}

static void
write_page(struct act *a, const struct ui *ui, int cols, int rows)
{
	static const struct view_target nothing = { .kind = TARGET_NONE };
	const struct operation *op = ui_find_op(ui, a->about.op);
	if (!a->offer && !op)
		return;
	if (!a->page)
		a->page = pager_new(&nothing);
	else if (a->offer && a->page_cols == cols * CANVAS_MAX + rows)
		return; /* the bytes do not change, so neither does the page */
	a->page_cols = cols * CANVAS_MAX + rows;
	pager_begin(a->page, cols, rows);
	if (a->offer)
		plan_page_write(a->page, a->offer->plan, a->offer->hash);
	else
		op_page_write(a->page, op, OP_PAGE_DASHBOARD, ui->wall);
	pager_end(a->page);
}

void
act_tick(struct act *a, const struct ui *ui, int cols, int rows)
{
	if (a->stage == ACT_CLOSED)
		return;
	if (ui->link.state != LINK_LIVE && a->stage != ACT_SENT) {
		act_close(a, "The backend is away, so the prompt is closed.");
		return;
	}
	if (cols < ACT_COLS_MIN || rows < ACT_ROWS_MIN) {
		act_close(a, "The screen is too small for the prompt, so it is closed.");
		return;
	}
	if (is_void(a, ui))
		return;
	if (a->stage == ACT_SENT)
		tick_sent(a, ui);
	else if (a->stage == ACT_ASKED && mono_ms_since(ui->now, a->began) > ACT_ANSWER_MS)
		act_close(a, "No plan came within 20 s.");
	else if (a->stage == ACT_SHOWN || a->stage == ACT_ARMED)
		tick_shown(a, ui);
	if (a->stage == ACT_CLOSED)
		return;
	write_page(a, ui, cols, rows > 5 ? rows - 5 : 1);
	if (!mono_is_set(a->drawn))
		a->drawn = ui->now;
	if (a->stage == ACT_SHOWN && !mono_is_set(a->opened))
		a->opened = ui->now;
}

/* -- keys -- */

static bool
is_repeated(struct act *a, const struct ui *ui, const struct key *k)
{
	bool is_same = a->last_code == k->code && mono_is_set(a->last_key) && mono_ms_since(ui->now, a->last_key) < ACT_REPEAT_MS;
	a->last_code = k->code;
	a->last_key = ui->now;
	return is_same;
}

static bool
scroll_key(struct act *a, const struct key *k)
{
	static const struct {
		uint32_t code;
		unsigned mods;
		enum action action;
	} table[] = {
		{ KEYS_DOWN, 0, ACTION_DOWN },
		{ KEYS_UP, 0, ACTION_UP },
		{ KEYS_PGDN, 0, ACTION_PAGE_DOWN },
		{ KEYS_PGUP, 0, ACTION_PAGE_UP },
		{ KEYS_HOME, 0, ACTION_TOP },
		{ KEYS_END, 0, ACTION_BOTTOM },
		{ KEYS_LEFT, 0, ACTION_LEFT },
		{ KEYS_RIGHT, 0, ACTION_RIGHT },
		{ 'f', KEYS_CTRL, ACTION_PAGE_DOWN },
		{ 'b', KEYS_CTRL, ACTION_PAGE_UP },
	};
	for (size_t i = 0; a->page && i < sizeof table / sizeof *table; i++)
		if (table[i].code == k->code && table[i].mods == (k->mods & (KEYS_CTRL | KEYS_ALT)))
			return pager_command(a->page, table[i].action);
	return false;
}

static void
set_typed(struct act *a, size_t n)
{
	a->n_typed = n;
	a->typed[n] = '\0';
	bool is_complete = strcmp(a->typed, a->wanted) == 0;
	if (is_complete != (a->stage == ACT_ARMED))
		enter_stage(a, is_complete ? ACT_ARMED : ACT_SHOWN);
}

static bool
is_name_key(uint32_t code)
{
	return (code >= 'a' && code <= 'z') || (code >= '0' && code <= '9') || code == '-' || code == ' ';
}

static void
yes_key(struct act *a, const struct ui *ui)
{
	if (a->wanted[0] == '\0' || (a->stage == ACT_ARMED && mono_is_set(a->drawn) &&
						mono_ms_since(ui->now, a->drawn) >= ACT_ARM_MS))
		confirm(a, ui);
	else if (a->stage == ACT_ARMED)
		hint(a, true, "That Y came too soon to be meant: press it again.");
	else
		hint(a, true, "Y counts once the name stands there.");
}

/* Enter never accepts. */
static void
enter_key(struct act *a)
{
	if (a->n_typed == 0)
		act_close(a, "No.");
	else
		hint(a, true, a->stage == ACT_ARMED ? "Enter does not accept: Y does, esc leaves." : "Enter does not accept. Esc leaves.");
}

static void
prompt_key_pressed(struct act *a, const struct ui *ui, const struct key *k)
{
	if (k->code == 'Y' && k->mods == 0) {
		yes_key(a, ui);
	} else if (k->code == 'N' && k->mods == 0) {
		act_close(a, "No.");
	} else if (k->code == KEYS_ENTER || (k->code == 'j' && k->mods == KEYS_CTRL)) {
		enter_key(a);
	} else if (k->code == KEYS_BACKSPACE) {
		if (a->n_typed > 0)
			set_typed(a, a->n_typed - 1);
	} else if (k->code == 'u' && k->mods == KEYS_CTRL) {
		set_typed(a, 0);
	} else if (k->mods == 0 && is_name_key(k->code)) {
		if (a->wanted[0] && a->n_typed + 1 < sizeof a->typed) {
			a->typed[a->n_typed] = (char)k->code;
			set_typed(a, a->n_typed + 1);
		}
	} else {
		hint(a, false, "Y confirms, esc leaves.");
	}
}

static void
shown_key(struct act *a, const struct ui *ui, const struct key *k)
{
	bool is_held = is_repeated(a, ui, k);
	if (k->is_pasted) {
		hint(a, true, "Pasted text does not count here: type it.");
		return;
	}
	if (k->code == KEYS_ESC || (k->code == 'g' && k->mods == KEYS_CTRL)) {
		act_close(a, "No.");
		return;
	}
	if (scroll_key(a, k))
		return;
	if (a->stage == ACT_OVER) {
		if (k->code == KEYS_ENTER || (k->code == 'N' && k->mods == 0))
			act_close(a, "No.");
		else
			hint(a, false, "Nothing can be confirmed here: esc leaves.");
		return;
	}
	if (!mono_is_set(a->opened) || mono_ms_since(ui->now, a->opened) < ACT_QUIET_MS) {
		hint(a, false, "Keys typed before the prompt could be read do not count.");
		return;
	}
	if (is_held)
		return;
	a->hint[0] = '\0';
	prompt_key_pressed(a, ui, k);
}

static void
form_key(struct act *a, const struct ui *ui, const struct key *k)
{
	if (a->opening != 0 && k->code == a->opening && mono_ms_since(ui->now, a->last_key) < ACT_LEAN_MS) {
		a->last_key = ui->now;
		return;
	}
	a->opening = 0;
	switch (act_form_key(&a->form, k)) {
	case ACT_FORM_STAYS:
		return;
	case ACT_FORM_LEAVES:
		act_close(a, "No.");
		return;
	case ACT_FORM_PLANS:
		break;
	}
	if (act_form_read(&a->form, &a->wish) == -1)
		return;
	if (a->word != ACT_EXTEND) {
		ask_plan(a, ui);
	} else if (a->wish.lease_s == 0) {
		snprintf(a->form.hint, sizeof a->form.hint, "A lease is a duration from 1m to 7d, such as 4h.");
	} else {
		char lease[24], text[500];
		duration_format(a->wish.lease_s, lease, sizeof lease);
		snprintf(text, sizeof text, "%.300s. Let it last %s from now?", a->question, lease);
		ask_yes(a, text);
	}
}

void
act_opened_by(struct act *a, const struct ui *ui, const struct key *k)
{
	a->opening = a->last_code = k->code;
	a->last_key = ui->now;
}

void
act_key(struct act *a, const struct ui *ui, const struct key *k)
{
	if (k->code == KEYS_MOUSE) {
		bool is_wheel = k->mouse == MOUSE_WHEEL_DOWN || k->mouse == MOUSE_WHEEL_UP;
		if (a->page && is_wheel)
			pager_scroll(a->page, k->mouse == MOUSE_WHEEL_DOWN ? 3 : -3);
		return;
	}
	switch (a->stage) {
	case ACT_CLOSED:
		return;
	case ACT_FORM:
		form_key(a, ui, k);
		return;
	case ACT_ASKED:
		if (k->code == KEYS_ESC && !k->is_pasted)
			act_close(a, "No.");
		return;
	case ACT_SENT:
		return; /* it is on its way, and no key calls it back: X does, when it has come */
	case ACT_SHOWN:
	case ACT_ARMED:
	case ACT_OVER:
		shown_key(a, ui, k);
		return;
	}
}
