/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of acting: what people and scripts send becomes a call of the engine, and what the engine says becomes JSON.
 * Every body is read strictly (unknown keys are mistakes); who asks comes from the connection and never from the body.
 * Refused requests that would have changed something are noted in the ledger.
 */
#include "backend/routes_act.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define OPS_MAX       2000
#define AUDIT_DEFAULT 1000
#define AUDIT_MAX     10000

static struct json_writer
writer(struct api_reply *reply)
{
	return (struct json_writer)JSON_WRITER(&reply->body);
}

static int
need_engine(const struct api_call *call, struct err *err)
{
	if (call->conf->engine)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "this backend has no ledger to record in: it shows the fleet and changes nothing");
}

/* The body as an object with only these keys. */
static struct json_doc *
read_body(const struct api_call *call, const char *const *keys, struct err *err)
{
	struct json_doc *doc = json_parse(call->body, err);
	if (!doc) {
		err->code = ERR_USAGE;
		return NULL;
	}
	struct json_iter it = json_iter_start(json_root(doc));
	const char *key;
	const struct json *value;
	bool is_object = json_kind(json_root(doc)) == JSON_OBJECT;
	if (!is_object)
		(void)err_set(err, ERR_USAGE, "the body is a JSON object");
	while (is_object && json_iter_next(&it, &key, &value)) {
		size_t i = 0;
		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (keys[i])
			continue;
		char shown[64];
		text_sanitise_to(slice_of(key), shown, sizeof shown);
		(void)err_set(err, ERR_USAGE, "the key \"%s\" is not known here", shown);
		is_object = false;
	}
	if (is_object)
		return doc;
	json_doc_free(doc);
	return NULL;
}

static int
need_words(const struct json *o, const char *key, char *out, size_t size, struct err *err)
{
	struct slice s;
	if (json_need_text(o, key, size - 1, &s, err) == -1) {
		err->code = ERR_USAGE;
		return -1;
	}
	slice_copy(s, out, size);
	return 0;
}

/* That a refusal cannot be written is no reason to answer otherwise. */
void
act_note_refusal(const struct api_call *call, const char *what, const struct err *why)
{
	char roles[64], text[480], more[80] = "";
	uint64_t unrecorded;
	enum refusal_kind kind = call->who->roles == 0 ? REFUSAL_STRANGER : REFUSAL_KNOWN;
	bool is_refusal = why->code == ERR_PERMISSION || why->code == ERR_CONFIRM || why->code == ERR_UNKNOWN_CALLER;
	if (!call->conf->ledger || !call->refusals || !is_refusal ||
		!refusals_take(call->refusals, kind, call->now, &unrecorded))
		return;
	account_roles_text(call->who, roles, sizeof roles);
	const struct ledger_actor by = { call->who->name, roles, auth_method_name(call->who->method), call->who->peer };
	if (unrecorded > 0)
		snprintf(more, sizeof more, " (%" PRIu64 " more before it are not recorded)", unrecorded);
	snprintf(text, sizeof text, "%.60s: %.300s%s", what, why->text, more);
	(void)ledger_note(call->conf->ledger, "refused", text, &by, call->wall, NULL);
}

static int
answer_op(const struct operation *op, struct api_reply *reply, int status)
{
	struct json_writer w = writer(reply);
	operation_write_json(op, false, &w);
	reply->status = status;
	return 0;
}

/* --- plans ------------------------------------------------------------------------------------------------------ */

static int
answer_plan(const struct api_call *call, const struct operation *op, struct api_reply *reply, struct err *err)
{
	static const char *const states[] = { "connecting", "refused", "ready" };
	const char *text;
	char typed[OP_TARGETS_MAX * (FLEET_NAME_MAX + 1)];
	struct slice bytes = engine_plan_bytes(call->conf->engine, op->id);
	struct plan *p = plan_read(bytes, err);
	if (!p)
		return err_wrap(err, "plan %s", op->id);
	enum tri actor = engine_actor_state(call->conf->engine, op->id, &text);
	int64_t left_ns = op->created.ns + PLAN_LIFE_MS * CLOCK_NS_PER_MS - call->wall.ns;
	plan_typed_text(p, typed, sizeof typed);
	plan_free(p);
	struct json_writer w = writer(reply);
	json_begin_object(&w);
	json_key(&w, "op");
	operation_write_json(op, false, &w);
	json_key(&w, "bytes");
	json_add_slice(&w, bytes);
	json_put_text(&w, "hash", op->hash);
	json_put_text(&w, "typed", typed);
	json_put_double(&w, "expires_s", left_ns > 0 ? (double)left_ns / 1e9 : 0, 1);
	json_key(&w, "actor");
	json_begin_object(&w);
	json_put_text(&w, "state", states[actor]);
	json_put_text(&w, "text", text);
	json_end_object(&w);
	json_end_object(&w);
	return 0;
}

int
act_post_plan(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	struct plan_request request;
	if (need_engine(call, err) == -1)
		return -1;
	struct json_doc *doc = json_parse(call->body, err);
	if (!doc) {
		err->code = ERR_USAGE;
		return -1;
	}
	int rc = plan_request_read(json_root(doc), state_fleet(call->conf->state), &request, err);
	json_doc_free(doc);
	if (rc == -1)
		return -1;
	const struct operation *op = engine_plan(call->conf->engine, &request, call->who, err);
	if (!op) {
		act_note_refusal(call, "plan", err);
		return -1;
	}
	reply->status = 201;
	return answer_plan(call, op, reply, err);
}

static const struct operation *
find_op(const struct api_call *call, struct err *err)
{
	const char *id = call->params->value[0];
	const struct operation *op = call->conf->engine ? engine_find(call->conf->engine, id) : NULL;
	char shown[REQUEST_PARAM_SIZE];
	text_sanitise_to(slice_of(id), shown, sizeof shown);
	if (!op)
		(void)err_set(err, ERR_NOT_FOUND, "there is no plan or operation \"%s\"", shown);
	return op;
}

int
act_get_plan(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct operation *op = find_op(call, err);
	return op ? answer_plan(call, op, reply, err) : -1;
}

int
act_confirm(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	static const char *const keys[] = { "hash", "typed", "key", NULL };
	char hash[80], typed[OP_TARGETS_MAX * (FLEET_NAME_MAX + 1)], key[80];
	struct json_doc *doc = need_engine(call, err) == 0 ? read_body(call, keys, err) : NULL;
	if (!doc)
		return -1;
	const struct json *o = json_root(doc);
	int rc = need_words(o, "hash", hash, sizeof hash, err) == -1 || need_words(o, "typed", typed, sizeof typed, err) == -1 ||
		need_words(o, "key", key, sizeof key, err) == -1 ? -1 : 0;
	json_doc_free(doc);
	if (rc == -1)
		return -1;
	const struct engine_confirm confirm = { hash, typed, key };
	const struct operation *op = engine_confirm(call->conf->engine, call->params->value[0], &confirm, call->who, err);
	if (!op) {
		act_note_refusal(call, "confirm", err);
		return -1;
	}
	return answer_op(op, reply, 202);
}

/* --- operations ------------------------------------------------------------------------------------------------- */

int
act_get_ops(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)err;
	struct json_writer w = writer(reply);
	const char *pop = request_value(call->query, "pop"), *state = request_value(call->query, "state");
	const struct operation **ops = calloc(OPS_MAX, sizeof *ops);
	size_t n = call->conf->engine && ops ? engine_operations(call->conf->engine, ops, OPS_MAX) : 0;
	json_begin_array(&w);
	for (size_t i = 0; i < n; i++) {
		bool is_wanted = !state || strcmp(state, op_state_name(ops[i]->state)) == 0;
		bool has_pop = !pop;
		for (size_t t = 0; t < ops[i]->n_targets && !has_pop; t++)
			has_pop = strcmp(ops[i]->targets[t].pop, pop) == 0;
		if (is_wanted && has_pop)
			operation_write_json(ops[i], false, &w);
	}
	json_end_array(&w);
	free(ops);
	return 0;
}

int
act_get_op(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct operation *op = find_op(call, err);
	return op ? answer_op(op, reply, 200) : -1;
}

int
act_approve(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	static const char *const keys[] = { "hash", NULL };
	char hash[80];
	struct json_doc *doc = need_engine(call, err) == 0 ? read_body(call, keys, err) : NULL;
	if (!doc)
		return -1;
	int rc = need_words(json_root(doc), "hash", hash, sizeof hash, err);
	json_doc_free(doc);
	const struct operation *op = rc == 0 ? engine_approve(call->conf->engine, call->params->value[0], hash, call->who, err) : NULL;
	if (!op) {
		act_note_refusal(call, "approve", err);
		return -1;
	}
	return answer_op(op, reply, 202);
}

typedef const struct operation *engine_act(struct engine *e, const char *id, const struct account *who, struct err *err);

/* Takes no body, or an empty object. */
static int
act_plainly(const struct api_call *call, const char *what, engine_act *act, struct api_reply *reply, struct err *err)
{
	struct slice body = slice_trim(call->body);
	if (need_engine(call, err) == -1)
		return -1;
	if (body.len != 0 && !slice_equal(body, "{}"))
		return err_set(err, ERR_USAGE, "this takes no body");
	const struct operation *op = act(call->conf->engine, call->params->value[0], call->who, err);
	if (!op) {
		act_note_refusal(call, what, err);
		return -1;
	}
	return answer_op(op, reply, 202);
}

int
act_cancel(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	return act_plainly(call, "cancel", engine_cancel, reply, err);
}

int
act_accept(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	return act_plainly(call, "accept", engine_accept, reply, err);
}

int
act_extend(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	static const char *const keys[] = { "lease", NULL };
	char lease[32];
	int64_t seconds = 0;
	struct json_doc *doc = need_engine(call, err) == 0 ? read_body(call, keys, err) : NULL;
	if (!doc)
		return -1;
	int rc = need_words(json_root(doc), "lease", lease, sizeof lease, err);
	json_doc_free(doc);
	if (rc == 0 && duration_parse(lease, &seconds) == -1)
		rc = err_set(err, ERR_USAGE, "lease is a duration such as 4h, counted from now");
	const struct operation *op = rc == 0 ? engine_extend(call->conf->engine, call->params->value[0], seconds, call->who, err) : NULL;
	if (!op) {
		act_note_refusal(call, "extend", err);
		return -1;
	}
	return answer_op(op, reply, 200);
}

/* --- holds and the ledger --------------------------------------------------------------------------------------- */

int
act_get_holds(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)err;
	size_t n = 0;
	const char *pop = request_value(call->query, "pop");
	const struct hold *holds = call->conf->engine ? engine_holds(call->conf->engine, &n) : NULL;
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	for (size_t i = 0; i < n; i++)
		if (!pop || strcmp(pop, holds[i].pop) == 0)
			wire_write_hold(&w, &holds[i]);
	json_end_array(&w);
	return 0;
}

int
act_get_hold(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	size_t n = 0;
	const struct hold *holds = call->conf->engine ? engine_holds(call->conf->engine, &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(holds[i].id, call->params->value[0]) != 0)
			continue;
		struct json_writer w = writer(reply);
		wire_write_hold(&w, &holds[i]);
		return 0;
	}
	char shown[REQUEST_PARAM_SIZE];
	text_sanitise_to(slice_of(call->params->value[0]), shown, sizeof shown);
	return err_set(err, ERR_NOT_FOUND, "there is no hold \"%s\"", shown);
}

static void
add_line(void *arg, struct slice line)
{
	struct buf *out = arg;
	(void)buf_add(out, line.data, line.len);
	(void)buf_add_char(out, '\n');
}

static int
read_count(const struct api_call *call, const char *key, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	const char *text = request_value(call->query, key);
	if (!text || text_parse_int(slice_of(text), min, max, out) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "%s is a number from %" PRId64 " to %" PRId64, key, min, max);
}

/* The lines as they stand, so that the asker can verify the chain without trusting us. */
int
act_get_audit(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	int64_t from = 1, limit = AUDIT_DEFAULT;
	reply->type = "application/jsonl";
	if (read_count(call, "from", 1, INT64_MAX, &from, err) == -1 || read_count(call, "limit", 1, AUDIT_MAX, &limit, err) == -1)
		return -1;
	if (!call->conf->ledger)
		return 0;
	return ledger_each(call->conf->ledger, (uint64_t)from, (size_t)limit, add_line, &reply->body, err) == -1 ? -1 : 0;
}

/* --- who is it, and does it sit there ---------------------------------------------------------------------------- */

static struct sitting_times
times_of(const struct api_call *call)
{
	const struct limits *limits = &state_fleet(call->conf->state)->limits;
	return (struct sitting_times){ limits->act_idle_s * 1000, limits->act_life_s * 1000 };
}

static const char only_looks[] = "This caller said that it only looks (--read-only): nothing is changed for it.";

int
act_check_sitting(const struct api_call *call, struct err *err)
{
	const struct sitting_times times = times_of(call);
	int64_t left_ms;
	char text[160];
	if (!call->sitting || !call->sittings)
		return 0;
	if (strcmp(call->sitting, SITTING_READ_ONLY) == 0)
		return err_set(err, ERR_PERMISSION, "%s", only_looks);
	enum sitting_state state = sitting_look(call->sittings, call->sitting, call->who, &times, call->now, true, &left_ms);
	if (state == SITTING_GOOD)
		return 0;
	sitting_text(state, &times, text, sizeof text);
	return err_set(err, ERR_PERMISSION, "%s", text);
}

static void
write_may(const struct api_call *call, bool has_lapsed, struct json_writer *w)
{
	static const struct {
		const char *key;
		enum auth_may may;
	} mays[] = { { "plan", AUTH_PLAN }, { "act", AUTH_ACT }, { "approve", AUTH_APPROVE }, { "admin", AUTH_ADMIN } };
	json_key(w, "may");
	json_begin_object(w);
	for (size_t i = 0; i < sizeof mays / sizeof *mays; i++)
		json_put_bool(w, mays[i].key, !has_lapsed && auth_check(call->who, mays[i].may, call->wall, NULL) == 0);
	json_end_object(w);
}

static int
answer_whoami(const struct api_call *call, const char *sitting, bool is_active, struct api_reply *reply)
{
	const struct sitting_times times = times_of(call);
	char roles[64], lapsed[160] = "";
	int64_t left_ms = 0;
	enum sitting_state state = SITTING_NONE;
	if (sitting && call->sittings)
		state = sitting_look(call->sittings, sitting, call->who, &times, call->now, is_active, &left_ms);
	bool has_lapsed = state == SITTING_IDLE || state == SITTING_OVER;
	if (has_lapsed)
		sitting_text(state, &times, lapsed, sizeof lapsed);
	if (sitting && strcmp(sitting, SITTING_READ_ONLY) == 0) {
		has_lapsed = true;
		snprintf(lapsed, sizeof lapsed, "%s", only_looks);
	}
	account_roles_text(call->who, roles, sizeof roles);
	struct json_writer w = writer(reply);
	json_begin_object(&w);
	json_put_text(&w, "account", call->who->name);
	json_put_text(&w, "roles", roles);
	json_put_text(&w, "method", auth_method_name(call->who->method));
	write_may(call, has_lapsed, &w);
	struct err why = ERR_INIT;
	bool can_act = call->conf->engine && engine_check(call->conf->engine, &why) == 0;
	json_put_bool(&w, "acting", can_act);
	json_put_text(&w, "why_not", can_act ? NULL : call->conf->engine ? why.text : "this backend has no ledger to record in");
	json_put_text(&w, "sitting", state == SITTING_NONE ? NULL : sitting);
	json_put_double(&w, "lapses_s", state == SITTING_GOOD ? (double)left_ms / 1000 : NAN, 3);
	json_put_text(&w, "lapsed", has_lapsed ? lapsed : NULL);
	json_end_object(&w);
	return 0;
}

/* Who the backend takes the asker for: consoles hide what would be refused. */
int
act_get_whoami(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)err;
	return answer_whoami(call, call->sitting, false, reply);
}

int
act_post_sitting(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	char id[SITTING_ID_SIZE];
	if (slice_trim(call->body).len != 0)
		return err_set(err, ERR_USAGE, "this takes no body");
	if ((call->who->roles & ~(1u << CONF_OBSERVER)) == 0)
		return err_set(err, ERR_PERMISSION, "%s is an observer: there is no right that could lapse", call->who->name);
	if (!call->sittings)
		return err_set(err, ERR_UNSUPPORTED, "this backend keeps no sittings");
	sitting_begin(call->sittings, call->who, call->now, id);
	reply->status = 201;
	return answer_whoami(call, id, false, reply);
}

int
act_post_here(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct sitting_times times = times_of(call);
	const char *id = call->params->value[0];
	int64_t left_ms;
	if (slice_trim(call->body).len != 0)
		return err_set(err, ERR_USAGE, "this takes no body");
	if (!call->sittings || sitting_look(call->sittings, id, call->who, &times, call->now, false, &left_ms) == SITTING_NONE)
		return err_set(err, ERR_NOT_FOUND, "there is no such sitting of %s", call->who->name);
	return answer_whoami(call, id, true, reply);
}

static void
put_wall(struct json_writer *w, const char *key, struct wall t)
{
	char text[CLOCK_TEXT_MAX];
	wall_format(t, text);
	json_put_text(w, key, t.ns == 0 ? NULL : text);
}

/* Of what it is known by, enough to tell two tokens of one name apart. */
static void
put_known_by(struct json_writer *w, const struct conf_access *row)
{
	const char *hash = row->hash ? row->hash : row->cert;
	char text[80];
	if (hash)
		snprintf(text, sizeof text, "%s %.15s", row->hash ? "token" : "certificate", hash);
	else
		snprintf(text, sizeof text, "uid %" PRId64, row->uid);
	json_put_text(w, "known_by", text);
}

/* The rows of `access`, and when each was used last: what nobody uses is to be taken out. */
int
act_get_access(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct conf_rules *rules = state_fleet(call->conf->state)->rules;
	(void)err;
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	for (size_t i = 0; rules && i < rules->n_access; i++) {
		const struct conf_access *row = &rules->access[i];
		json_begin_object(&w);
		json_put_text(&w, "name", row->user ? row->user : row->token);
		put_known_by(&w, row);
		json_put_text(&w, "role", conf_role_name(row->role));
		json_key(&w, "pops");
		json_begin_array(&w);
		for (size_t k = 0; k < row->n_pops; k++)
			json_add_text(&w, row->pops[k]);
		json_end_array(&w);
		json_put_text(&w, "person", row->person);
		put_wall(&w, "expires", row->expires);
		put_wall(&w, "last_used", call->memory ? auth_last_used(call->memory, row) : (struct wall){ 0 });
		json_end_object(&w);
	}
	json_end_array(&w);
	return 0;
}
