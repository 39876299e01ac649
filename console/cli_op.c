/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on the command line. Following one asks for it again and again (four times a second) and prints what has
 * changed since: states, steps, evidence. It ends when the operation has ended or waits for a person's decision; the
 * exit status says which. ^C ends the following only, and says so, because an operator who presses it at 03:00 must not
 * believe that the drain was stopped. A backend that goes away meanwhile is waited for: it takes up open operations by
 * itself when it is started again.
 *
 * Everything that changes something asks first where there is a person; the default is No. Without a person it needs
 * --yes.
 */
#include "console/cli_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/cli_act.h"
#include "console/fetch.h"
#include "console/offer.h"
#include "console/op_page.h"
#include "console/rows.h"
#include "core/json.h"

#define OUT_MAX       (16u << 20)
#define FOLLOW_MS     250
#define AWAY_MS       60000 /* a backend that is away so long is not waited for any more */
#define BEGUN_MS      30000 /* the gates are judged again within ten seconds */
#define INTERRUPTED   130   /* what a shell makes of ^C */
#define OP_ANSWER_MAX (16u << 20)

int
cli_op_check_id(const char *id, struct err *err)
{
	size_t n = strlen(id);
	if (n != OP_ID_SIZE - 1 || strspn(id, "0123456789abcdef") != n)
		return err_set(err, ERR_USAGE, "\"%.60s\" is no operation: %d hexadecimal digits are wanted; see catchment op list", id,
			OP_ID_SIZE - 1);
	return 0;
}

static int
read_operation(const struct buf *body, struct operation *op, struct err *err)
{
	struct json_doc *doc = json_parse(buf_slice(body), err);
	struct operation fresh = { 0 };
	int rc = doc ? offer_read_operation(json_root(doc), &fresh, err) : -1;
	json_doc_free(doc);
	if (rc == -1) {
		operation_done(&fresh);
		return err_wrap(err, "the backend's answer");
	}
	operation_done(op);
	*op = fresh;
	return 0;
}

int
cli_op_get(const struct options *o, const char *id, struct operation *op, struct err *err)
{
	struct buf body = BUF_INIT(OP_ANSWER_MAX);
	char path[80];
	snprintf(path, sizeof path, "/v1/ops/%.20s", id);
	int rc = fetch(o->place, "GET", path, &body, err);
	if (rc == 0)
		rc = read_operation(&body, op, err);
	buf_done(&body);
	return rc;
}

int
cli_op_post(const struct options *o, const char *id, const char *verb, struct slice body, struct operation *op, struct err *err)
{
	struct buf answer = BUF_INIT(OP_ANSWER_MAX);
	char path[80];
	snprintf(path, sizeof path, "/v1/ops/%.20s/%.16s", id, verb);
	const struct fetch_call call = { .place = o->place, .method = "POST", .path = path, .body = body };
	int rc = fetch_send(&call, &answer, NULL, err);
	if (rc == 0)
		rc = read_operation(&answer, op, err);
	buf_done(&answer);
	return rc;
}

int
cli_op_agree(const struct options *o, const struct cli *cli, const char *question, const char *typed, struct err *err)
{
	char line[600], text[900];
	if (options_value(o, "yes"))
		return 0;
	if (!cli->ask || options_want_json(o))
		return err_set(err, ERR_CONFIRM, "%s: without a terminal this needs --yes", question);
	snprintf(text, sizeof text, "%s\nType %s for yes, anything else is no: ", question, typed);
	if (cli->ask(cli->arg, text, line, sizeof line, err) == -1)
		return -1;
	if (strcmp(line, typed) != 0)
		return err_set(err, ERR_CONFIRM, "not confirmed; nothing was changed");
	return 0;
}

/* -- following -- */

struct follow {
	const struct options *o;
	const struct cli *cli;
	struct operation *op;
	bool is_quiet;
	int64_t away_ms, waited_ms;
};

static void
tell_changes(const struct follow *f, const struct operation *was)
{
	struct buf text = BUF_INIT(OUT_MAX);
	if (!f->is_quiet) {
		op_page_write_changes(was, f->op, clock_wall(), &text);
		cli_emit(f->cli, &text);
	}
	buf_done(&text);
}

static bool
is_reached(const struct operation *op, enum cli_until until)
{
	if (op_state_is_final(op->state) || op->state == OP_UNCONFIRMED || op->state == OP_STUCK)
		return true;
	if (until == CLI_UNTIL_MEASURED)
		return false;
	return op->state == OP_WAITING || op_state_is_open(op->state);
}

/* One look. 0; 1 when the backend is away and is waited for; -1 when it is over. */
static int
look(struct follow *f, struct err *err)
{
	struct operation was = { 0 };
	struct err why = ERR_INIT;
	operation_copy(&was, f->op);
	int rc = cli_op_get(f->o, f->op->id, f->op, &why);
	if (rc == 0) {
		f->away_ms = 0;
		tell_changes(f, &was);
	} else if (why.code == ERR_BACKEND && f->away_ms < AWAY_MS) {
		if (f->away_ms == 0)
			cli_note(f->cli, "the backend is away; an operation under way goes on when it is back. Waiting for it.");
		rc = 1;
	} else if (why.code == ERR_BACKEND) {
		rc = err_set(err, ERR_BACKEND, "the backend has been away for %d s: what became of operation %s is not known. Look again with: "
			"catchment op wait %s", AWAY_MS / 1000, f->op->id, f->op->id);
	} else {
		*err = why;
	}
	operation_done(&was);
	return rc;
}

static int
say_goes_on(const struct follow *f)
{
	const char *id = f->op->id;
	char targets[300];
	op_page_targets(f->op, targets, sizeof targets);
	cli_note(f->cli, "\nThe %s of %s (operation %s, %s) goes on in the backend, without this terminal.\n"
		"See it: catchment op show %s   Follow it: catchment op wait %s   Call it off: catchment op cancel %s",
		op_verb_name(f->op->verb), targets, id, op_page_state(f->op), id, id, id);
	return INTERRUPTED;
}

static int
print_end(const struct follow *f, enum cli_until until, struct err *err)
{
	struct buf text = BUF_INIT(OUT_MAX);
	enum err_code code = offer_outcome(f->op);
	if (f->is_quiet) {
		struct json_writer w = JSON_WRITER(&text);
		operation_write_json(f->op, false, &w);
		buf_add_char(&text, '\n');
	} else if (until == CLI_UNTIL_MEASURED || op_state_is_final(f->op->state) || f->op->state == OP_UNCONFIRMED ||
		   f->op->state == OP_STUCK) {
		op_page_write_end(f->op, &text);
	} else if (f->op->state == OP_WAITING) {
		buf_printf(&text, "operation %s waits for another person: catchment op approve %s\n", f->op->id, f->op->id);
	} else {
		buf_printf(&text, "operation %s is %s; follow it with: catchment op wait %s\n", f->op->id, op_page_state(f->op), f->op->id);
	}
	cli_emit(f->cli, &text);
	buf_done(&text);
	if (f->op->state == OP_REFUSED || f->op->state == OP_EXPIRED)
		err_set(err, code, "%s", f->op->text[0] ? f->op->text : op_state_text(f->op->state));
	return err_code_exit(code);
}

int
cli_op_follow(const struct options *o, const struct cli *cli, enum cli_until until, struct operation *op, struct err *err)
{
	struct follow f = { .o = o, .cli = cli, .op = op, .is_quiet = options_want_json(o) };
	int step = cli->pause_ms > 0 ? cli->pause_ms : FOLLOW_MS, status = -1;
	sigset_t before;
	cli_hold_signals(&before);
	tell_changes(&f, NULL);
	while (status == -1 && !is_reached(op, until)) {
		if (cli_pause(cli, step)) {
			status = say_goes_on(&f);
			break;
		}
		int rc = look(&f, err);
		f.waited_ms += step;
		f.away_ms += rc == 1 ? step : 0;
		if (rc == -1)
			status = err_code_exit(err->code);
		else if (until == CLI_UNTIL_BEGUN && f.waited_ms > BEGUN_MS)
			break;
	}
	if (status == -1)
		status = print_end(&f, until, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

/* -- the command -- */

static int
print_list(const struct options *o, const struct cli *cli, struct err *err)
{
	struct rows_style style = { ROWS_TABLE, true, cli->is_terminal };
	struct buf out = BUF_INIT(OUT_MAX);
	if (options_want_json(o))
		style.format = ROWS_JSON;
	struct json_doc *doc = cli_fetch_json(o, "/v1/ops", err);
	if (doc)
		rows_write("ops", json_root(doc), NULL, &style, &out);
	cli_emit(cli, &out);
	json_doc_free(doc);
	buf_done(&out);
	return err_code_exit(err->code);
}

static void
print_operation(const struct options *o, const struct cli *cli, const struct operation *op)
{
	static const struct view_target nothing = { .kind = TARGET_NONE };
	struct buf out = BUF_INIT(OUT_MAX);
	if (options_want_json(o)) {
		struct json_writer w = JSON_WRITER(&out);
		operation_write_json(op, false, &w);
		buf_add_char(&out, '\n');
	} else {
		struct pager *page = pager_new(&nothing);
		pager_begin(page, cli->columns >= 40 ? cli->columns : 100, 1);
		op_page_write(page, op, OP_PAGE_SHELL, clock_wall());
		pager_end(page);
		pager_write(page, &out);
		pager_free(page);
	}
	cli_emit(cli, &out);
	buf_done(&out);
}

static int
run_show(const struct options *o, const struct cli *cli, const char *id, struct err *err)
{
	struct operation op = { 0 };
	if (cli_op_get(o, id, &op, err) == 0)
		print_operation(o, cli, &op);
	operation_done(&op);
	return err_code_exit(err->code);
}

static int
run_wait(const struct options *o, const struct cli *cli, const char *id, struct err *err)
{
	struct operation op = { 0 };
	int status = cli_op_get(o, id, &op, err) == 0 ? cli_op_follow(o, cli, CLI_UNTIL_MEASURED, &op, err) : err_code_exit(err->code);
	operation_done(&op);
	return status;
}

/* What cancelling does depends on how far it has come. */
static void
cancel_question(const struct operation *op, char *out, size_t size)
{
	char targets[300], about[80];
	op_page_targets(op, targets, sizeof targets);
	snprintf(about, sizeof about, " (operation %s, %s)", op->id, op_page_state(op));
	if (op_state_is_open(op->state))
		op_page_undo_question(op, about, out, size);
	else
		snprintf(out, size, "Call off the %s of %s%s? Nothing was changed yet.", op_verb_name(op->verb), targets, about);
}

static void
accept_question(const struct operation *op, char *out, size_t size)
{
	char targets[300];
	op_page_targets(op, targets, sizeof targets);
	snprintf(out, size, "Take the %s of %s as done (operation %s), though not everything that was measured agrees?",
		op_verb_name(op->verb), targets, op->id);
}

static int
run_decision(const struct options *o, const struct cli *cli, const char *id, bool is_cancel, struct err *err)
{
	struct operation op = { 0 };
	char question[600];
	int status = -1;
	if (cli_op_get(o, id, &op, err) == -1)
		goto out;
	(is_cancel ? cancel_question : accept_question)(&op, question, sizeof question);
	if (op_state_is_final(op.state)) {
		err_set(err, ERR_CONFLICT, "operation %s is over already: %s", op.id, op_page_state(&op));
		goto out;
	}
	if (cli_op_agree(o, cli, question, "yes", err) == -1 ||
		cli_op_post(o, id, is_cancel ? "cancel" : "accept", slice_of("{}"), &op, err) == -1)
		goto out;
	if (options_value(o, "wait")) {
		status = cli_op_follow(o, cli, CLI_UNTIL_MEASURED, &op, err);
		/* it was asked to be undone, so undone is what was wanted */
		if (is_cancel && (op.state == OP_UNDONE || op.state == OP_CANCELLED))
			status = 0;
	} else {
		print_operation(o, cli, &op);
		status = 0;
	}
out:
	operation_done(&op);
	return err->code == ERR_OK ? status : err_code_exit(err->code);
}

int
cli_op_run(const struct options *o, const struct cli *cli, struct err *err)
{
	const char *what = o->args[0], *id = o->n_args > 1 ? o->args[1] : NULL;
	if (strcmp(what, "list") == 0)
		return print_list(o, cli, err);
	if (!id) {
		err_set(err, ERR_USAGE, "`catchment op %s` needs the operation's id; see catchment op list", what);
		return err_code_exit(err->code);
	}
	if (cli_op_check_id(id, err) == -1)
		return err_code_exit(err->code);
	bool changes = strcmp(what, "show") != 0 && strcmp(what, "wait") != 0;
	if (changes && o->is_read_only) {
		err_set(err, ERR_PERMISSION, "`catchment op %s` changes things, which --read-only refuses", what);
		return err_code_exit(err->code);
	}
	if (strcmp(what, "show") == 0)
		return run_show(o, cli, id, err);
	if (strcmp(what, "wait") == 0)
		return run_wait(o, cli, id, err);
	if (strcmp(what, "approve") == 0)
		return cli_act_approve(o, cli, id, err);
	return run_decision(o, cli, id, strcmp(what, "cancel") == 0, err);
}
