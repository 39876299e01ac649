/* SPDX-License-Identifier: Apache-2.0
 *
 * Acting from the command line: the same plan, gates and confirmation as in the dashboard, over the same routes.
 *
 *   1. what was asked for becomes a wish; the backend answers with a plan (offer.c checks its bytes and hash);
 *   2. the plan is printed from those bytes, with every gate; --dry-run ends here;
 *   3. a person types what the plan asks for, and the default is No. Without a person, --yes with --reason, or the id of
 *      a plan that was shown before, stands for that. Nothing here can override a gate that refuses;
 *   4. the confirmation carries the hash that was computed here and a random key. When its answer is lost it is sent again
 *      with the same key, which the backend answers with the same operation: it is never applied twice;
 *   5. the operation is followed until it is under way, or with --wait until it is measured.
 *
 * A hold is added by a drain and released by an undrain, so `hold add` and `hold release` are these with other words.
 */
#include "console/cli_act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/cli_op.h"
#include "console/fetch.h"
#include "console/offer.h"
#include "console/plan_page.h"
#include "console/rows.h"
#include "core/digest.h"
#include "core/text.h"
#include "core/wire.h"

#define OUT_MAX      (16u << 20)
#define ANSWER_MAX   (PLAN_BYTES_MAX * 4)
#define KEY_DIGITS   32
#define AGAIN_MS     500
#define AGAIN_TIMES  40
#define READY_MS     6000 /* how long the actor may connect before the plan is shown all the same */
#define READY_STEP   250
#define LEASE_MAX_S  (7 * 86400)
#define WORK_IS_OVER "the work is over" /* the reason of an undrain that was given none */

struct act {
	const struct options *o;
	const struct cli *cli;
	struct err *err;
	struct wish wish;
	struct offer *offer;
	struct buf answer; /* as it came: what -o json prints */
};

/* -- what was asked for -- */

static int
take_text(const struct options *o, const char *option, char *out, size_t size, struct err *err)
{
	const char *value = options_value(o, option);
	out[0] = '\0';
	if (!value)
		return 0;
	if (strlen(value) >= size)
		return err_set(err, ERR_USAGE, "--%s has %zu bytes, at most %zu are possible", option, strlen(value), size - 1);
	if (!text_is_clean(slice_of(value)))
		return err_set(err, ERR_USAGE, "--%s has characters that cannot be shown", option);
	snprintf(out, size, "%s", value);
	return 0;
}

static int
take_lease(const struct options *o, int64_t *out, struct err *err)
{
	const char *value = options_value(o, "lease");
	*out = 0;
	if (!value)
		return 0;
	if (duration_parse(value, out) == -1 || *out < 60 || *out > LEASE_MAX_S)
		return err_set(err, ERR_USAGE, "--lease %.40s: a duration from 1m to 7d is wanted, such as 4h", value);
	return 0;
}

static int
take_targets(struct wish *w, size_t n, char *const *names, struct err *err)
{
	if (n == 0 || n > OP_TARGETS_MAX)
		return err_set(err, ERR_USAGE, "%zu PoPs were named; 1 to %d are possible in one operation", n, OP_TARGETS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!text_is_name(names[i]))
			return err_set(err, ERR_USAGE, "\"%.60s\" is no name of a PoP; see catchment get pops", names[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(names[k], names[i]) == 0)
				return err_set(err, ERR_USAGE, "%s is named twice", names[i]);
		snprintf(w->targets[i], sizeof w->targets[i], "%s", names[i]);
	}
	w->n_targets = n;
	return 0;
}

static int
take_options(struct act *a)
{
	const struct options *o = a->o;
	struct wish *w = &a->wish;
	const char *mode = options_value(o, "mode"), *kind = options_value(o, "kind"), *hold = options_value(o, "hold");
	if (take_text(o, "reason", w->reason, sizeof w->reason, a->err) == -1 ||
		take_text(o, "ticket", w->ticket, sizeof w->ticket, a->err) == -1 || take_lease(o, &w->lease_s, a->err) == -1)
		return -1;
	if (mode && op_mode_parse(mode, &w->mode) == -1)
		return err_set(a->err, ERR_USAGE, "--mode %.40s: withdraw or prefer-away is wanted", mode);
	if (kind && hold_kind_parse(kind, &w->kind) == -1)
		return err_set(a->err, ERR_USAGE, "--kind %.40s: maintenance, incident, health, drill or automation is wanted", kind);
	if (hold && cli_op_check_id(hold, NULL) == -1)
		return err_set(a->err, ERR_USAGE, "--hold %.40s: %d hexadecimal digits are wanted; see catchment hold list", hold,
			OP_ID_SIZE - 1);
	if (hold)
		snprintf(w->hold, sizeof w->hold, "%s", hold);
	w->is_auto_undrain = options_value(o, "auto-undrain") != NULL;
	if (w->is_auto_undrain && w->lease_s == 0)
		return err_set(a->err, ERR_USAGE, "--auto-undrain needs --lease: it undrains when the lease runs out");
	return 0;
}

/* -- the plan -- */

/* An answer that holds a plan, a refused one too. Leaves err alone when there is none in it. */
static int
take_offer(struct act *a, const struct wish *asked)
{
	struct err why = ERR_INIT;
	struct json_doc *doc = json_parse(buf_slice(&a->answer), &why);
	offer_free(a->offer);
	a->offer = doc ? offer_read(json_root(doc), asked, &why) : NULL;
	json_doc_free(doc);
	if (a->offer)
		return 0;
	if (a->err->code == ERR_OK)
		*a->err = why;
	return -1;
}

static int
ask_plan(struct act *a)
{
	struct buf body = BUF_INIT(65536);
	wish_write(&a->wish, &body);
	buf_clear(&a->answer);
	const struct fetch_call call = { .place = a->o->place, .method = "POST", .path = "/v1/plans", .body = buf_slice(&body) };
	int rc = fetch_send(&call, &a->answer, NULL, a->err);
	buf_done(&body);
	if (rc == -1 && a->answer.len == 0)
		return -1;
	return take_offer(a, &a->wish) == -1 ? -1 : rc;
}

static int
get_plan(struct act *a, const char *id)
{
	char path[80];
	if (cli_op_check_id(id, a->err) == -1)
		return -1;
	snprintf(path, sizeof path, "/v1/plans/%.20s", id);
	buf_clear(&a->answer);
	if (fetch(a->o->place, "GET", path, &a->answer, a->err) == -1)
		return -1;
	return take_offer(a, NULL);
}

/* That a plan looked up by its id is the one that the command line speaks of. */
static int
check_plan_is_asked(struct act *a)
{
	const struct plan *p = a->offer->plan;
	bool is_same = p->verb == a->wish.verb && p->n_targets == a->wish.n_targets;
	for (size_t i = 0; is_same && i < p->n_targets; i++)
		is_same = strcmp(p->targets[i], a->wish.targets[i]) == 0;
	if (is_same)
		return 0;
	char title[700], clean[800];
	plan_page_title(p, title, sizeof title);
	text_sanitise_to(slice_of(title), clean, sizeof clean);
	return err_set(a->err, ERR_USAGE, "plan %.20s is another one: %.300s; nothing was changed", p->id, clean);
}

/* The actor connects while the plan is read; a plan is worth little before it is known whether it can be carried out. */
static int
wait_for_actor(struct act *a)
{
	int step = a->cli->pause_ms > 0 ? a->cli->pause_ms : READY_STEP;
	for (int waited = 0; a->offer->actor == OFFER_CONNECTING && offer_is_open(a->offer) && waited < READY_MS; waited += READY_STEP) {
		char id[OP_ID_SIZE];
		snprintf(id, sizeof id, "%s", a->offer->op.id);
		cli_pause(a->cli, step);
		if (get_plan(a, id) == -1)
			return -1;
	}
	return 0;
}

static void
put_actor(struct pager *p, const struct offer *o)
{
	static const char *const words[] = { "still connecting", "ready", "CANNOT ACT" };
	pager_label(p, "actor");
	pager_text(p, ROLE_TEXT, words[o->actor]);
	if (o->actor_text[0]) {
		pager_text(p, ROLE_TEXT, ": ");
		pager_wrap(p, ROLE_TEXT, o->actor_text);
	}
	pager_label(p, "plan");
	pager_printf(p, ROLE_TEXT, "%s", o->op.id);
	if (o->expires_s > 0 && offer_is_open(o))
		pager_printf(p, ROLE_TEXT, "  valid for %.0f s", o->expires_s);
	if (o->op.needs_approval)
		pager_text(p, ROLE_WARN, "  needs another person to approve");
}

/* -o json prints the answer as it came; in text the plan is drawn from its bytes. */
static void
print_plan(const struct act *a)
{
	static const struct view_target nothing = { .kind = TARGET_NONE };
	struct buf out = BUF_INIT(OUT_MAX);
	struct pager *page = pager_new(&nothing);
	pager_begin(page, a->cli->columns >= 40 ? a->cli->columns : 100, 1);
	plan_page_write_scroll(page, a->offer->plan, a->offer->hash);
	put_actor(page, a->offer);
	pager_end(page);
	pager_write(page, &out);
	cli_emit(a->cli, &out);
	pager_free(page);
	buf_done(&out);
}

static void
print_answer(const struct act *a)
{
	struct buf out = BUF_INIT(ANSWER_MAX + 2);
	buf_add(&out, a->answer.data, a->answer.len);
	if (out.len == 0 || out.data[out.len - 1] != '\n')
		buf_add_char(&out, '\n');
	cli_emit(a->cli, &out);
	buf_done(&out);
}

/* The sentence of the gate that refuses, with the count of the others. */
static int
refuse(struct act *a)
{
	const struct plan *p = a->offer->plan;
	enum err_code code = offer_outcome(&a->offer->op);
	size_t n[3];
	plan_page_count(p, n);
	if (a->err->code != ERR_OK)
		return -1;
	const struct gate_result *g = plan_refusal(p);
	if (g) {
		char text[OP_TEXT_SIZE * 2];
		text_sanitise_to(slice_of(g->text), text, sizeof text);
		if (code == ERR_OK || a->offer->op.code == ERR_OK)
			code = g->code == ERR_OK ? ERR_REFUSED : g->code;
		return err_set(a->err, code, "%s: %s%s", gate_name(g->gate), text, n[GATE_REFUSE] > 1 ? " (and others, above)" : "");
	}
	return err_set(a->err, code == ERR_OK ? ERR_REFUSED : code, "%s",
		a->offer->actor == OFFER_CANNOT && a->offer->actor_text[0] ? a->offer->actor_text
		: a->offer->op.text[0]                                      ? a->offer->op.text
		                                                            : op_state_text(a->offer->op.state));
}

static bool
is_refused(const struct offer *o)
{
	return !offer_is_open(o) || o->plan->worst == GATE_REFUSE || o->actor == OFFER_CANNOT;
}

/* -- confirming -- */

/* May it be confirmed without asking anybody? */
static int
check_unattended(const struct act *a)
{
	const struct options *o = a->o;
	if (options_value(o, "plan"))
		return 0;
	if (options_value(o, "yes") && a->wish.reason[0])
		return 0;
	return err_set(a->err, ERR_CONFIRM, "without a terminal `catchment %s` needs --yes and --reason TEXT, or --plan ID of a plan that "
		"was shown; nothing was changed", command_get(o->command)->name);
}

static bool
has_person(const struct act *a)
{
	return a->cli->ask && !options_want_json(a->o) && !options_value(a->o, "yes");
}

static int
ask_person(const struct act *a)
{
	char question[1200], line[OP_TARGETS_MAX * FLEET_NAME_MAX], title[700];
	const struct offer *o = a->offer;
	plan_page_title(o->plan, title, sizeof title);
	snprintf(question, sizeof question, "%sType %s to %s; anything else is no: ",
		o->op.needs_approval ? "Another person must approve it after you.\n" : "", o->typed, title);
	if (a->cli->ask(a->cli->arg, question, line, sizeof line, a->err) == -1)
		return -1;
	if (strcmp(line, o->typed) != 0)
		return err_set(a->err, ERR_CONFIRM, "not confirmed; nothing was changed");
	return 0;
}

/* A reason is asked for where there is somebody to ask. */
static int
ask_reason(struct act *a)
{
	bool is_drain = a->wish.verb == OP_DRAIN;
	if (a->wish.reason[0] || options_value(a->o, "plan"))
		return 0;
	if (!is_drain)
		snprintf(a->wish.reason, sizeof a->wish.reason, "%s", WORK_IS_OVER);
	else if (!has_person(a))
		return err_set(a->err, ERR_USAGE, "a drain needs --reason TEXT: it is shown on every console");
	else if (a->cli->ask(a->cli->arg, "Reason (shown on every console): ", a->wish.reason, sizeof a->wish.reason, a->err) == -1)
		return -1;
	return a->wish.reason[0] ? 0 : err_set(a->err, ERR_CONFIRM, "a drain needs a reason; nothing was changed");
}

static int
send_confirm(struct act *a, struct operation *op)
{
	struct buf body = BUF_INIT(4096), answer = BUF_INIT(ANSWER_MAX);
	char key[KEY_DIGITS + 1], path[80];
	int rc = -1;
	digest_random_hex(key, KEY_DIGITS);
	offer_write_confirm(a->offer, a->offer->typed, key, &body);
	snprintf(path, sizeof path, "/v1/plans/%s/confirm", a->offer->op.id);
	const struct fetch_call call = { .place = a->o->place, .method = "POST", .path = path, .body = buf_slice(&body) };
	for (int i = 0; i < AGAIN_TIMES; i++) {
		err_clear(a->err);
		buf_clear(&answer);
		rc = fetch_send(&call, &answer, NULL, a->err);
		if (rc == 0 || a->err->code != ERR_BACKEND)
			break;
		if (i == 0)
			cli_note(a->cli, "no answer to the confirmation; asking again with the same key, which cannot act twice");
		if (cli_pause(a->cli, a->cli->pause_ms > 0 ? a->cli->pause_ms : AGAIN_MS))
			break;
	}
	if (rc == -1 && a->err->code == ERR_BACKEND) {
		err_set(a->err, ERR_BACKEND, "the backend does not answer: it is not known whether it took the confirmation. When it is back, "
			"look with: catchment op show %s", a->offer->op.id);
	} else if (rc == 0) {
		struct json_doc *doc = json_parse(buf_slice(&answer), a->err);
		rc = doc ? offer_read_operation(json_root(doc), op, a->err) : -1;
		json_doc_free(doc);
		if (rc == -1)
			err_wrap(a->err, "it was confirmed, and its answer could not be read (catchment op show %s)", a->offer->op.id);
	}
	buf_done(&answer);
	buf_done(&body);
	return rc;
}

static int
confirm_and_follow(struct act *a)
{
	enum cli_until until = options_value(a->o, "wait") ? CLI_UNTIL_MEASURED : CLI_UNTIL_BEGUN;
	struct operation op = { 0 };
	sigset_t before;
	int status = -1;
	if ((has_person(a) ? ask_person(a) : check_unattended(a)) == -1)
		return err_code_exit(a->err->code);
	cli_hold_signals(&before); /* once it is sent, ^C ends the looking on only */
	if (send_confirm(a, &op) == 0)
		status = cli_op_follow(a->o, a->cli, until, &op, a->err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	operation_done(&op);
	return a->err->code == ERR_OK ? status : err_code_exit(a->err->code);
}

/* From the wish to the exit status. */
static int
carry_out(struct act *a)
{
	const char *plan = options_value(a->o, "plan");
	bool is_dry = options_value(a->o, "dry-run") != NULL, as_json = options_want_json(a->o);
	int rc;
	if ((!is_dry && !has_person(a) && check_unattended(a) == -1) || ask_reason(a) == -1)
		return err_code_exit(a->err->code);
	rc = plan ? get_plan(a, plan) : ask_plan(a);
	if (rc == 0)
		rc = wait_for_actor(a);
	if (rc == 0 && plan)
		rc = check_plan_is_asked(a);
	if (!a->offer)
		return err_code_exit(a->err->code);
	bool is_over = rc == -1 || is_refused(a->offer);
	if (as_json && (is_dry || is_over))
		print_answer(a);
	else if (!as_json && (is_dry || is_over || !plan || has_person(a)))
		print_plan(a);
	if (is_over)
		refuse(a);
	return is_over ? err_code_exit(a->err->code) : is_dry ? 0 : confirm_and_follow(a);
}

/* -- holds -- */

static struct json_doc *
fetch_holds(const struct act *a)
{
	return cli_fetch_json(a->o, "/v1/holds", a->err);
}

static int
list_holds(const struct act *a, const char *pop)
{
	struct rows_style style = { ROWS_TABLE, true, a->cli->is_terminal };
	struct buf out = BUF_INIT(OUT_MAX);
	if (options_want_json(a->o))
		style.format = ROWS_JSON;
	struct filter *filter = pop ? filter_new(pop) : NULL;
	struct json_doc *doc = fetch_holds(a);
	if (doc)
		rows_write("holds", json_root(doc), filter, &style, &out);
	cli_emit(a->cli, &out);
	json_doc_free(doc);
	filter_free(filter);
	buf_done(&out);
	return err_code_exit(a->err->code);
}

/* The hold that is meant: by its id, or the only one of a PoP. */
static int
find_hold(const struct act *a, const char *name, struct hold *out)
{
	struct json_doc *doc = fetch_holds(a);
	size_t hits = 0;
	if (!doc)
		return -1;
	for (size_t i = 0; i < json_length(json_root(doc)); i++) {
		struct hold h = { 0 };
		if (wire_read_hold(json_at(json_root(doc), i), &h, NULL) == -1 || (strcmp(h.id, name) != 0 && strcmp(h.pop, name) != 0))
			continue;
		*out = h;
		hits++;
	}
	json_doc_free(doc);
	if (hits == 0)
		return err_set(a->err, ERR_NOT_FOUND, "no hold and no PoP with a hold is named %.40s; see catchment hold list", name);
	if (hits > 1)
		return err_set(a->err, ERR_USAGE, "%.40s has %zu holds: name one by its id; see catchment hold list", name, hits);
	return 0;
}

static int
extend_hold(struct act *a, const char *name)
{
	struct hold h;
	struct operation op = { 0 };
	struct buf body = BUF_INIT(100), out = BUF_INIT(1000);
	char question[500], lease[24];
	if (a->wish.lease_s == 0) {
		err_set(a->err, ERR_USAGE, "`catchment hold extend` needs --lease DURATION, counted from now");
	} else if (find_hold(a, name, &h) == 0 && cli_op_check_id(h.op, a->err) == 0) {
		duration_format(a->wish.lease_s, lease, sizeof lease);
		snprintf(question, sizeof question, "Let hold %s on %s (%s: %.150s) last %s from now?", h.id, h.pop, h.owner, h.reason, lease);
		wish_write_lease(a->wish.lease_s, &body);
		if (cli_op_agree(a->o, a->cli, question, "yes", a->err) == 0 &&
			cli_op_post(a->o, h.op, "extend", buf_slice(&body), &op, a->err) == 0) {
			struct json_writer j = JSON_WRITER(&out);
			if (options_want_json(a->o))
				operation_write_json(&op, false, &j);
			else
				buf_printf(&out, "hold %s on %s now lasts %s from now", h.id, h.pop, lease);
			buf_add_char(&out, '\n');
			cli_emit(a->cli, &out);
		}
	}
	operation_done(&op);
	buf_done(&body);
	buf_done(&out);
	return err_code_exit(a->err->code);
}

static int
release_hold(struct act *a, const char *name)
{
	struct hold h;
	if (find_hold(a, name, &h) == -1)
		return err_code_exit(a->err->code);
	a->wish.verb = OP_UNDRAIN;
	a->wish.n_targets = 1;
	snprintf(a->wish.targets[0], sizeof a->wish.targets[0], "%s", h.pop);
	snprintf(a->wish.hold, sizeof a->wish.hold, "%s", h.id);
	return carry_out(a);
}

static int
run_hold(struct act *a)
{
	const struct options *o = a->o;
	const char *what = o->args[0], *name = o->n_args > 1 ? o->args[1] : NULL;
	if (strcmp(what, "list") == 0)
		return list_holds(a, name);
	if (!name)
		err_set(a->err, ERR_USAGE, "`catchment hold %s` needs a PoP or the hold's id; see catchment hold list", what);
	else if (o->is_read_only)
		err_set(a->err, ERR_PERMISSION, "`catchment hold %s` changes things, which --read-only refuses", what);
	else if (strcmp(what, "extend") == 0)
		return extend_hold(a, name);
	else if (strcmp(what, "release") == 0)
		return release_hold(a, name);
	else if (take_targets(&a->wish, 1, o->args + 1, a->err) == 0)
		return carry_out(a);
	return err_code_exit(a->err->code);
}

int
cli_act_run(const struct options *o, const struct cli *cli, struct err *err)
{
	struct act a = { .o = o, .cli = cli, .err = err, .answer = BUF_INIT(ANSWER_MAX) };
	int status = 0;
	a.wish.verb = o->command == COMMAND_UNDRAIN ? OP_UNDRAIN : OP_DRAIN;
	if (take_options(&a) == -1 || (o->command != COMMAND_HOLD && take_targets(&a.wish, o->n_args, o->args, err) == -1))
		status = err_code_exit(err->code);
	else
		status = o->command == COMMAND_HOLD ? run_hold(&a) : carry_out(&a);
	offer_free(a.offer);
	buf_done(&a.answer);
	return status;
}

int
cli_act_approve(const struct options *o, const struct cli *cli, const char *id, struct err *err)
{
	struct act a = { .o = o, .cli = cli, .err = err, .answer = BUF_INIT(ANSWER_MAX) };
	struct operation op = { 0 };
	struct buf body = BUF_INIT(1000);
	char question[1200], title[700];
	int status = -1;
	if (get_plan(&a, id) == -1)
		goto out;
	if (a.offer->op.state != OP_WAITING) {
		err_set(err, ERR_CONFLICT, "operation %s does not wait for an approval: it is %s", id, op_state_name(a.offer->op.state));
		goto out;
	}
	if (!options_want_json(o))
		print_plan(&a);
	plan_page_title(a.offer->plan, title, sizeof title);
	snprintf(question, sizeof question, "Approve what %s asked for: %s?", a.offer->op.by, title);
	offer_write_confirm(a.offer, NULL, NULL, &body);
	if (cli_op_agree(o, cli, question, a.offer->typed, err) == 0 && cli_op_post(o, id, "approve", buf_slice(&body), &op, err) == 0)
		status = cli_op_follow(o, cli, options_value(o, "wait") ? CLI_UNTIL_MEASURED : CLI_UNTIL_BEGUN, &op, err);
out:
	operation_done(&op);
	buf_done(&body);
	offer_free(a.offer);
	buf_done(&a.answer);
	return err->code == ERR_OK ? status : err_code_exit(err->code);
}
