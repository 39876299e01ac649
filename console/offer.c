/* SPDX-License-Identifier: Apache-2.0
 *
 * Wishes and offers. The backend is the only one who plans, but this side does not take its word for what it shows: the
 * SHA-256 of the bytes is computed here, the plan is read from those bytes by core/plan.c, and its verb, mode, targets,
 * hold and lease must be the ones that were asked for. Whatever does not fit is no offer: nothing of it is drawn, and there
 * is nothing that could be confirmed. Command line and dashboard both come through here.
 */
#include "console/offer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/text.h"

/* Durations travel as operators write them. */
static void
put_lease(struct json_writer *j, int64_t lease_s)
{
	char text[32];
	snprintf(text, sizeof text, "%llds", (long long)lease_s);
	json_put_text(j, "lease", text);
}

void
wish_write_lease(int64_t lease_s, struct buf *out)
{
	struct json_writer j = JSON_WRITER(out);
	json_begin_object(&j);
	put_lease(&j, lease_s);
	json_end_object(&j);
}

void
wish_write(const struct wish *w, struct buf *out)
{
	struct json_writer j = JSON_WRITER(out);
	json_begin_object(&j);
	json_put_text(&j, "verb", op_verb_name(w->verb));
	json_key(&j, "targets");
	json_begin_array(&j);
	for (size_t i = 0; i < w->n_targets; i++)
		json_add_text(&j, w->targets[i]);
	json_end_array(&j);
	if (w->verb == OP_DRAIN) {
		json_put_text(&j, "mode", op_mode_name(w->mode));
		json_put_text(&j, "kind", hold_kind_name(w->kind));
	}
	if (w->hold[0])
		json_put_text(&j, "hold", w->hold);
	if (w->reason[0])
		json_put_text(&j, "reason", w->reason);
	if (w->ticket[0])
		json_put_text(&j, "ticket", w->ticket);
	if (w->lease_s > 0)
		put_lease(&j, w->lease_s);
	if (w->is_auto_undrain)
		json_put_bool(&j, "auto_undrain", true);
	json_end_object(&j);
}

/* In place: what the sanitiser makes of it may be longer, and is then cut. */
static void
clean(char *text, size_t size)
{
	char copy[OP_TEXT_SIZE + OP_REASON_SIZE];
	if (text_is_clean(slice_of(text)))
		return;
	snprintf(copy, sizeof copy, "%s", text);
	text_sanitise_to(slice_of(copy), text, size);
}

int
offer_read_operation(const struct json *object, struct operation *op, struct err *err)
{
	if (operation_read_json(object, op, err) == -1)
		return -1;
	clean(op->id, sizeof op->id);
	clean(op->by, sizeof op->by);
	clean(op->approver, sizeof op->approver);
	clean(op->reason, sizeof op->reason);
	clean(op->ticket, sizeof op->ticket);
	clean(op->kind, sizeof op->kind);
	clean(op->hash, sizeof op->hash);
	clean(op->text, sizeof op->text);
	for (size_t i = 0; i < op->n_targets; i++) {
		clean(op->targets[i].pop, sizeof op->targets[i].pop);
		clean(op->targets[i].hold, sizeof op->targets[i].hold);
		for (int c = 0; c < OP_CHECK_COUNT; c++)
			clean(op->targets[i].checks[c].text, sizeof op->targets[i].checks[c].text);
	}
	for (size_t i = 0; i < op->n_steps; i++) {
		clean(op->steps[i].node, sizeof op->steps[i].node);
		clean(op->steps[i].what, sizeof op->steps[i].what);
		clean(op->steps[i].evidence, sizeof op->steps[i].evidence);
	}
	return 0;
}

static int
check_asked(const struct plan *p, const struct wish *asked, struct err *err)
{
	bool is_same = p->verb == asked->verb && p->n_targets == asked->n_targets;
	for (size_t i = 0; is_same && i < asked->n_targets; i++)
		is_same = strcmp(p->targets[i], asked->targets[i]) == 0;
	if (!is_same)
		return err_set(err, ERR_BAD_REPLY, "the backend planned something else than was asked for; nothing was changed");
	bool is_lease_same = asked->lease_s == 0 || p->lease_s == asked->lease_s;
	if (asked->verb == OP_DRAIN && (p->mode != asked->mode || !is_lease_same || p->is_auto_undrain != asked->is_auto_undrain))
		return err_set(err, ERR_BAD_REPLY,
			"the backend planned another mode or lease than was asked for; nothing was changed");
	return 0;
}

/* That the plan belongs to the operation it came with. */
static int
check_belongs(const struct offer *o, struct err *err)
{
	bool is_same = strcmp(o->plan->id, o->op.id) == 0 && o->plan->verb == o->op.verb && o->plan->n_targets == o->op.n_targets;
	for (size_t i = 0; is_same && i < o->plan->n_targets; i++)
		is_same = strcmp(o->plan->targets[i], o->op.targets[i].pop) == 0;
	return is_same ? 0 : err_set(err, ERR_BAD_REPLY, "the plan's bytes belong to another operation than the one they came with");
}

static int
read_bytes(const struct json *object, struct offer *o, struct err *err)
{
	struct slice bytes, hash;
	if (json_need_text(object, "bytes", PLAN_BYTES_MAX, &bytes, err) == -1 ||
		json_need_text(object, "hash", 64, &hash, err) == -1)
		return -1;
	o->bytes = xstrndup(bytes.data, bytes.len);
	o->n_bytes = bytes.len;
	digest_hex(bytes, o->hash);
	char given[65];
	slice_copy(hash, given, sizeof given);
	if (!digest_equal(given, o->hash) || (o->op.hash[0] && !digest_equal(o->op.hash, o->hash)))
		return err_set(err, ERR_BAD_REPLY,
			"the plan's bytes have the hash %.8s, and the backend says %.8s: not shown, nothing was changed", o->hash,
			digest_is_hex(given) ? given : "something else");
	o->plan = plan_read(bytes, err);
	return o->plan ? 0 : err_wrap(err, "the plan");
}

static int
read_actor(const struct json *object, struct offer *o, struct err *err)
{
	const struct json *actor = NULL;
	struct slice state = slice_of("connecting"), text = slice_of("");
	if (json_want_object(object, "actor", &actor, err) == -1 || json_want_text(actor, "state", 20, &state, err) == -1 ||
		json_want_text(actor, "text", 4096, &text, err) == -1)
		return err_wrap(err, "actor");
	o->actor = slice_equal(state, "ready")        ? OFFER_READY
	           : slice_equal(state, "connecting") ? OFFER_CONNECTING
	                                              : OFFER_CANNOT;
	text_sanitise_to(text, o->actor_text, sizeof o->actor_text);
	return 0;
}

struct offer *
offer_read(const struct json *object, const struct wish *asked, struct err *err)
{
	struct offer *o = xcalloc(1, sizeof *o);
	const struct json *op = json_get(object, "op");
	char typed[sizeof o->typed];
	struct slice wanted = { NULL, 0 };
	if (offer_read_operation(op, &o->op, err) == -1 || read_bytes(object, o, err) == -1 || check_belongs(o, err) == -1 ||
		(asked && check_asked(o->plan, asked, err) == -1) ||
		json_want_double(object, "expires_s", -1e9, 86400, &o->expires_s, err) == -1 ||
		json_want_text(object, "typed", sizeof typed - 1, &wanted, err) == -1 || read_actor(object, o, err) == -1)
		goto refuse;
	plan_typed_text(o->plan, o->typed, sizeof o->typed);
	slice_copy(wanted, typed, sizeof typed);
	if (wanted.data && strcmp(typed, o->typed) != 0) {
		err_set(err, ERR_BAD_REPLY, "the backend wants something else typed than the plan's bytes say; nothing was changed");
		goto refuse;
	}
	return o;
refuse:
	offer_free(o);
	return NULL;
}

void
offer_free(struct offer *o)
{
	if (!o)
		return;
	operation_done(&o->op);
	plan_free(o->plan);
	free(o->bytes);
	free(o);
}

bool
offer_is_open(const struct offer *o)
{
	return o->op.state == OP_CHECKED || o->op.state == OP_DRAFT || o->op.state == OP_WAITING;
}

void
offer_write_confirm(const struct offer *o, const char *typed, const char *key, struct buf *out)
{
	struct json_writer j = JSON_WRITER(out);
	json_begin_object(&j);
	json_put_text(&j, "hash", o->hash);
	if (typed)
		json_put_text(&j, "typed", typed);
	if (key)
		json_put_text(&j, "key", key);
	json_end_object(&j);
}

enum err_code
offer_outcome(const struct operation *op)
{
	switch (op->state) {
	case OP_REFUSED:
		return op->code == ERR_OK ? ERR_REFUSED : op->code;
	case OP_EXPIRED:
		return op->code == ERR_OK ? ERR_CONFLICT : op->code;
	case OP_CANCELLED:
		return ERR_FAILED;
	case OP_UNDONE:
		return op->target > 0 ? ERR_PARTLY : ERR_FAILED; /* the PoPs before it stay as they were brought */
	case OP_UNCONFIRMED:
	case OP_STUCK:
		return ERR_PARTLY;
	case OP_WAITING:
		return ERR_CONFIRM;
	default:
		return ERR_OK;
	}
}
