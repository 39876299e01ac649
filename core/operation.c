/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations as data: the words of their states, the step function (which only walks the table of operation.def), and
 * the JSON in which ledger, API and console exchange them. The keys of PRODUCT.md section 6 (`get ops`) stand first.
 *
 * What is read back may come from a damaged file or another program: every text is bounded, every word must be known,
 * every count has a ceiling; one mistake refuses the whole.
 */
#include "core/operation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define NUMBER_MAX (INT64_C(1) << 52)
#define PLAN_MAX   (4u << 20) /* PLAN_BYTES_MAX of core/plan.h, which includes this header's */

struct state_row {
	const char *word, *text;
	bool is_final;
};

static const struct state_row states[OP_STATE_COUNT] = {
#define OP_STATE(code, word, is_final, text) [OP_##code] = { word, text, is_final },
#include "core/operation.def"
};

static const char *const events[OP_EVENT_COUNT] = {
#define OP_EVENT(code, word, text) [OP_EVENT_##code] = word,
#include "core/operation.def"
};

static const char *const effects[OP_EFFECT_COUNT] = {
#define OP_EFFECT(code, text) [OP_DO_##code] = #code,
#include "core/operation.def"
};

/* The list of effects of a row ends with the count, which is no effect. */
struct row {
	enum op_state state;
	enum op_event event;
	enum op_state next;
	enum op_effect effects[OP_EFFECTS_MAX + 1];
};

#define CHECK   OP_DO_CHECK
#define NUMBER  OP_DO_NUMBER
#define RECORD  OP_DO_RECORD
#define APPLY   OP_DO_APPLY
#define KEEP    OP_DO_KEEP
#define UNDO    OP_DO_UNDO
#define INSPECT OP_DO_INSPECT
#define POLL    OP_DO_POLL
#define TIMER   OP_DO_TIMER
#define END     OP_DO_END
#define TELL    OP_DO_TELL
static const struct row rows[] = {
#define OP_ROW(state, event, next, ...) { OP_##state, OP_EVENT_##event, OP_##next, { __VA_ARGS__, OP_EFFECT_COUNT } },
#include "core/operation.def"
};
#undef CHECK
#undef NUMBER
#undef RECORD
#undef APPLY
#undef KEEP
#undef UNDO
#undef INSPECT
#undef POLL
#undef TIMER
#undef END
#undef TELL

static const char *const verb_words[] = { "drain", "undrain" };
static const char *const mode_words[] = { "withdraw", "prefer-away" };
static const char *const step_words[STEP_STATE_COUNT] = { "pending", "sent", "applied", "kept", "failed", "undone", "unknown" };
static const char *const check_words[OP_CHECK_COUNT] = { "wire", "witness", "rate", "answer" };
static const char *const tri_words[] = { "unknown", "no", "yes" };

const char *
op_state_name(enum op_state s)
{
	return states[s].word;
}

const char *
op_state_text(enum op_state s)
{
	return states[s].text;
}

bool
op_state_is_final(enum op_state s)
{
	return states[s].is_final;
}

bool
op_state_is_open(enum op_state s)
{
	switch (s) {
	case OP_ARMED:
	case OP_APPLYING:
	case OP_SETTLING:
	case OP_KEEPING:
	case OP_MEASURING:
	case OP_UNCONFIRMED:
	case OP_UNDOING:
	case OP_STUCK:
	case OP_UNKNOWN:
		return true;
	default:
		return false;
	}
}

enum op_state
op_state_parse(const char *word)
{
	for (int i = 0; i < OP_STATE_COUNT; i++)
		if (strcmp(states[i].word, word) == 0)
			return (enum op_state)i;
	return OP_STATE_COUNT;
}

const char *
op_event_name(enum op_event e)
{
	return events[e];
}

const char *
op_effect_name(enum op_effect e)
{
	return effects[e];
}

int
operation_step(enum op_state state, enum op_event event, struct op_outcome *out)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].state != state || rows[i].event != event)
			continue;
		*out = (struct op_outcome){ .next = rows[i].next };
		while (out->n < OP_EFFECTS_MAX && rows[i].effects[out->n] != OP_EFFECT_COUNT) {
			out->effects[out->n] = rows[i].effects[out->n];
			out->n++;
		}
		return 0;
	}
	return -1;
}

const char *
op_verb_name(enum op_verb v)
{
	return verb_words[v];
}

const char *
op_mode_name(enum op_mode m)
{
	return mode_words[m];
}

const char *
step_state_name(enum step_state s)
{
	return step_words[s];
}

const char *
op_check_name(enum op_check c)
{
	return check_words[c];
}

/* Index of a word, or -1. */
static int
index_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

int
op_verb_parse(const char *word, enum op_verb *out)
{
	int i = index_of(word, verb_words, 2);
	if (i == -1)
		return -1;
	*out = (enum op_verb)i;
	return 0;
}

int
op_mode_parse(const char *word, enum op_mode *out)
{
	int i = index_of(word, mode_words, 2);
	if (i == -1)
		return -1;
	*out = (enum op_mode)i;
	return 0;
}

size_t
op_phases(enum op_verb verb, enum op_mode mode)
{
	return verb == OP_DRAIN && mode == OP_PREFER_AWAY ? 2 : 1;
}

enum announced
op_phase_goal(enum op_verb verb, enum op_mode mode, size_t phase)
{
	if (verb == OP_UNDRAIN)
		return ANNOUNCED_YES;
	return mode == OP_PREFER_AWAY && phase == 0 ? ANNOUNCED_PREFER_AWAY : ANNOUNCED_WITHDRAWN;
}

/* "ams (hold 0a…), lon (hold 1b…) and 2 more" of the targets from..to; `holds`: with the hold that each is under. */
static void
list_targets(const struct operation *op, size_t from, size_t to, size_t most, bool holds, struct buf *out)
{
	for (size_t i = from; i < to && i < from + most; i++) {
		const char *hold = op->targets[i].hold;
		const char *between = i == from ? "" : i + 1 == to ? " and " : ", ";
		buf_printf(out, "%s%s", between, op->targets[i].pop);
		if (holds && hold[0])
			buf_printf(out, " (hold %s)", hold);
	}
	if (to - from > most)
		buf_printf(out, " and %zu more", to - from - most);
}

void
operation_tell_rest(const struct operation *op, size_t most, struct buf *out)
{
	size_t done = op->target, next = op->target + 1;
	bool is_drain = op->verb == OP_DRAIN;
	if (done > 0) {
		list_targets(op, 0, done, most, is_drain, out);
		buf_printf(out, " stay%s %s: `catchment %s", done == 1 ? "s" : "", is_drain ? "drained" : "announced",
			is_drain ? "undrain" : "drain");
		for (size_t i = 0; i < done && i < most; i++)
			buf_printf(out, " %s", op->targets[i].pop);
		if (is_drain && done == 1 && op->targets[0].hold[0])
			buf_printf(out, " --hold %s", op->targets[0].hold);
		buf_printf(out, "%s` takes %s back", done > most ? " ..." : "", done == 1 ? "it" : "them");
	}
	if (next < op->n_targets) {
		buf_add_text(out, done > 0 ? "; " : "");
		list_targets(op, next, op->n_targets, most, false, out);
		buf_printf(out, " %s not begun", next + 1 == op->n_targets ? "was" : "were");
	}
}

void
operation_done(struct operation *op)
{
	free(op->steps);
	free(op->plan);
	memset(op, 0, sizeof *op);
}

void
operation_copy(struct operation *to, const struct operation *from)
{
	struct op_step *steps = from->n_steps ? xcalloc(from->n_steps, sizeof *steps) : NULL;
	char *plan = from->plan ? xstrdup(from->plan) : NULL;
	if (steps)
		memcpy(steps, from->steps, from->n_steps * sizeof *steps);
	free(to->steps);
	free(to->plan);
	*to = *from;
	to->steps = steps;
	to->plan = plan;
}

/* --- to JSON ---------------------------------------------------------------------------------------------------- */

static void
put_optional(struct json_writer *w, const char *key, const char *text)
{
	json_put_text(w, key, text[0] ? text : NULL);
}

static void
put_steps(struct json_writer *w, const struct operation *op)
{
	json_key(w, "steps");
	json_begin_array(w);
	for (size_t i = 0; i < op->n_steps; i++) {
		const struct op_step *s = &op->steps[i];
		json_begin_object(w);
		json_put_text(w, "node", s->node);
		json_put_text(w, "what", s->what);
		json_put_text(w, "state", step_state_name(s->state));
		put_optional(w, "evidence", s->evidence);
		json_put_int(w, "target", (int64_t)s->target);
		json_put_int(w, "phase", (int64_t)s->phase);
		json_end_object(w);
	}
	json_end_array(w);
}

static void
put_shift(struct json_writer *w, const struct op_target *t)
{
	json_key(w, "shift");
	json_begin_object(w);
	json_put_double(w, "control_s", t->control_s, 3);
	json_put_double(w, "first_elsewhere_s", t->first_elsewhere_s, 3);
	json_put_double(w, "last_here_s", t->last_here_s, 3);
	json_put_known(w, "lost_probes", t->lost_probes);
	json_end_object(w);
}

static void
put_progress(struct json_writer *w, const struct operation *op)
{
	json_key(w, "progress");
	json_begin_array(w);
	for (size_t i = 0; i < op->n_targets; i++) {
		const struct op_target *t = &op->targets[i];
		json_begin_object(w);
		json_put_text(w, "pop", t->pop);
		json_put_int(w, "number", (int64_t)t->number);
		json_put_int(w, "apply_number", (int64_t)t->apply_number);
		put_optional(w, "hold", t->hold);
		json_put_double(w, "qps_before", t->qps_before, 1);
		json_put_bool(w, "done", t->is_done);
		json_key(w, "evidence");
		json_begin_object(w);
		for (int c = 0; c < OP_CHECK_COUNT; c++) {
			json_key(w, check_words[c]);
			json_begin_object(w);
			json_put_bool(w, "applies", t->checks[c].applies);
			json_put_text(w, "agrees", tri_words[t->checks[c].agrees]);
			put_optional(w, "text", t->checks[c].text);
			json_end_object(w);
		}
		json_end_object(w);
		put_shift(w, t);
		json_end_object(w);
	}
	json_end_array(w);
}

void
operation_write_json(const struct operation *op, bool with_plan, struct json_writer *w)
{
	json_begin_object(w);
	json_put_text(w, "id", op->id);
	json_put_text(w, "verb", op_verb_name(op->verb));
	json_key(w, "targets");
	json_begin_array(w);
	for (size_t i = 0; i < op->n_targets; i++)
		json_add_text(w, op->targets[i].pop);
	json_end_array(w);
	json_put_text(w, "state", op_state_name(op->state));
	put_optional(w, "plan_hash", op->hash);
	json_put_text(w, "by", op->by);
	json_put_text(w, "reason", op->reason);
	put_optional(w, "ticket", op->ticket);
	json_put_known(w, "lease_s", op->lease_s > 0 ? op->lease_s : -1);
	json_put_time_ms(w, "started", op->started);
	json_put_time_ms(w, "ended", op->ended);
	json_put_int(w, "tries", op->tries);
	json_put_time_ms(w, "next_try", op->next_try);
	put_steps(w, op);
	static const struct op_target none = { .control_s = NAN, .first_elsewhere_s = NAN, .last_here_s = NAN, .lost_probes = -1 };
	put_shift(w, op->n_targets ? &op->targets[op->target] : &none);
	json_put_text(w, "mode", op_mode_name(op->mode));
	json_put_time_ms(w, "created", op->created);
	put_optional(w, "approver", op->approver);
	json_put_bool(w, "needs_approval", op->needs_approval);
	json_put_bool(w, "undoing", op->is_undoing);
	json_put_bool(w, "auto_undrain", op->is_auto_undrain);
	json_put_text(w, "kind", op->kind);
	json_put_text(w, "text", op->text);
	json_put_text(w, "code", op->code == ERR_OK ? NULL : err_code_name(op->code));
	json_put_int(w, "phase", (int64_t)op->phase);
	json_put_int(w, "target", (int64_t)op->target);
	put_progress(w, op);
	put_optional(w, "key", op->key);
	put_optional(w, "body_hash", op->body_hash);
	if (with_plan)
		json_put_text(w, "plan", op->plan);
	json_end_object(w);
}

/* --- from JSON -------------------------------------------------------------------------------------------------- */

static int
read_text(const struct json *o, const char *key, char *out, size_t size, struct err *err)
{
	struct slice s = { NULL, 0 };
	out[0] = '\0';
	if (json_want_text(o, key, size - 1, &s, err) == -1)
		return -1;
	slice_copy(s, out, size);
	return 0;
}

/* A word of a list; absent is an error. */
static int
read_word(const struct json *o, const char *key, const char *const *words, size_t n, int *out, struct err *err)
{
	char word[32];
	if (read_text(o, key, word, sizeof word, err) == -1)
		return -1;
	*out = index_of(word, words, n);
	return *out == -1 ? err_set(err, ERR_BAD_REPLY, "%s: '%s' is not known here", key, word) : 0;
}

static int
read_time(const struct json *o, const char *key, struct wall *out, struct err *err)
{
	char text[CLOCK_TEXT_MAX];
	*out = (struct wall){ 0 };
	if (read_text(o, key, text, sizeof text, err) == -1)
		return -1;
	if (text[0] && wall_parse(text, out) == -1)
		return err_set(err, ERR_BAD_REPLY, "%s: '%s' is no time", key, text);
	return 0;
}

static int
read_steps(const struct json *o, struct operation *op, struct err *err)
{
	const struct json *list;
	if (json_need_array(o, "steps", OP_STEPS_MAX, &list, err) == -1)
		return -1;
	size_t n = json_length(list);
	op->steps = n ? xcalloc(n, sizeof *op->steps) : NULL;
	op->n_steps = n;
	for (size_t i = 0; i < n; i++) {
		const struct json *item = json_at(list, i);
		struct op_step *s = &op->steps[i];
		int64_t target = 0, phase = 0;
		int state;
		if (read_text(item, "node", s->node, sizeof s->node, err) == -1 ||
			read_text(item, "what", s->what, sizeof s->what, err) == -1 ||
			read_text(item, "evidence", s->evidence, sizeof s->evidence, err) == -1 ||
			read_word(item, "state", step_words, STEP_STATE_COUNT, &state, err) == -1 ||
			json_need_int(item, "target", 0, (int64_t)op->n_targets - 1, &target, err) == -1 ||
			json_need_int(item, "phase", 0, 1, &phase, err) == -1)
			return err_wrap(err, "steps[%zu]", i);
		s->state = (enum step_state)state;
		s->target = (size_t)target;
		s->phase = (size_t)phase;
	}
	return 0;
}

static int
read_checks(const struct json *progress, struct op_target *t, struct err *err)
{
	const struct json *all = json_get(progress, "evidence");
	for (int c = 0; c < OP_CHECK_COUNT; c++) {
		const struct json *o = json_get(all, check_words[c]);
		int agrees;
		if (json_kind(o) != JSON_OBJECT)
			return err_set(err, ERR_BAD_REPLY, "evidence: %s is missing", check_words[c]);
		if (json_want_bool(o, "applies", &t->checks[c].applies, err) == -1 ||
			read_word(o, "agrees", tri_words, 3, &agrees, err) == -1 ||
			read_text(o, "text", t->checks[c].text, sizeof t->checks[c].text, err) == -1)
			return err_wrap(err, "evidence.%s", check_words[c]);
		t->checks[c].agrees = (enum tri)agrees;
	}
	return 0;
}

static int
read_progress(const struct json *item, struct op_target *t, struct err *err)
{
	int64_t number = 0, applied = 0;
	t->qps_before = t->control_s = t->first_elsewhere_s = t->last_here_s = NAN;
	t->lost_probes = -1;
	const struct json *shift = json_get(item, "shift");
	if (read_text(item, "pop", t->pop, sizeof t->pop, err) == -1 ||
		read_text(item, "hold", t->hold, sizeof t->hold, err) == -1 ||
		json_need_int(item, "number", 0, NUMBER_MAX, &number, err) == -1 ||
		json_need_int(item, "apply_number", 0, number, &applied, err) == -1 ||
		json_want_double(item, "qps_before", 0, 1e12, &t->qps_before, err) == -1 ||
		json_want_bool(item, "done", &t->is_done, err) == -1 || read_checks(item, t, err) == -1 ||
		json_want_double(shift, "control_s", -1e9, 1e9, &t->control_s, err) == -1 ||
		json_want_double(shift, "first_elsewhere_s", -1e9, 1e9, &t->first_elsewhere_s, err) == -1 ||
		json_want_double(shift, "last_here_s", -1e9, 1e9, &t->last_here_s, err) == -1 ||
		json_want_int(shift, "lost_probes", 0, INT32_MAX, &t->lost_probes, err) == -1)
		return -1;
	t->number = (uint64_t)number;
	t->apply_number = (uint64_t)applied;
	return t->pop[0] ? 0 : err_set(err, ERR_BAD_REPLY, "pop: is missing");
}

static int
read_targets(const struct json *o, struct operation *op, struct err *err)
{
	const struct json *list;
	int64_t target = 0, phase = 0;
	if (json_need_array(o, "progress", OP_TARGETS_MAX, &list, err) == -1)
		return -1;
	op->n_targets = json_length(list);
	if (op->n_targets == 0)
		return err_set(err, ERR_BAD_REPLY, "progress: an operation has at least one PoP");
	for (size_t i = 0; i < op->n_targets; i++)
		if (read_progress(json_at(list, i), &op->targets[i], err) == -1)
			return err_wrap(err, "progress[%zu]", i);
	if (json_need_int(o, "target", 0, (int64_t)op->n_targets - 1, &target, err) == -1 ||
		json_need_int(o, "phase", 0, 1, &phase, err) == -1)
		return -1;
	op->target = (size_t)target;
	op->phase = (size_t)phase;
	return 0;
}

static int
read_words(const struct json *o, struct operation *op, struct err *err)
{
	char state[32], code[32];
	int verb, mode;
	if (read_word(o, "verb", verb_words, 2, &verb, err) == -1 || read_word(o, "mode", mode_words, 2, &mode, err) == -1 ||
		read_text(o, "state", state, sizeof state, err) == -1 || read_text(o, "code", code, sizeof code, err) == -1)
		return -1;
	op->verb = (enum op_verb)verb;
	op->mode = (enum op_mode)mode;
	op->state = op_state_parse(state);
	op->code = code[0] ? err_code_parse(code) : ERR_OK;
	return op->state == OP_STATE_COUNT ? err_set(err, ERR_BAD_REPLY, "state: '%s' is not known here", state) : 0;
}

static int
read_plan(const struct json *o, struct operation *op, struct err *err)
{
	struct slice plan = { NULL, 0 };
	if (json_want_text(o, "plan", PLAN_MAX, &plan, err) == -1)
		return -1;
	op->plan = plan.data ? xstrndup(plan.data, plan.len) : NULL;
	return 0;
}

static int
read_operation(const struct json *o, struct operation *op, struct err *err)
{
	int64_t tries = 0;
	if (json_kind(o) != JSON_OBJECT)
		return err_set(err, ERR_BAD_REPLY, "an operation is an object");
	if (read_text(o, "id", op->id, sizeof op->id, err) == -1 || read_words(o, op, err) == -1 ||
		read_targets(o, op, err) == -1 || read_steps(o, op, err) == -1 ||
		read_text(o, "plan_hash", op->hash, sizeof op->hash, err) == -1 ||
		read_text(o, "by", op->by, sizeof op->by, err) == -1 ||
		read_text(o, "approver", op->approver, sizeof op->approver, err) == -1 ||
		read_text(o, "reason", op->reason, sizeof op->reason, err) == -1 ||
		read_text(o, "ticket", op->ticket, sizeof op->ticket, err) == -1 ||
		read_text(o, "kind", op->kind, sizeof op->kind, err) == -1 ||
		read_text(o, "key", op->key, sizeof op->key, err) == -1 ||
		read_text(o, "body_hash", op->body_hash, sizeof op->body_hash, err) == -1 ||
		read_text(o, "text", op->text, sizeof op->text, err) == -1 ||
		json_want_int(o, "lease_s", 0, 10 * 366 * 86400, &op->lease_s, err) == -1 ||
		json_want_bool(o, "undoing", &op->is_undoing, err) == -1 ||
		json_want_bool(o, "auto_undrain", &op->is_auto_undrain, err) == -1 ||
		json_want_bool(o, "needs_approval", &op->needs_approval, err) == -1 ||
		read_time(o, "created", &op->created, err) == -1 || read_time(o, "started", &op->started, err) == -1 ||
		read_time(o, "ended", &op->ended, err) == -1 || read_time(o, "next_try", &op->next_try, err) == -1 ||
		json_want_int(o, "tries", 0, UINT16_MAX, &tries, err) == -1)
		return -1;
	op->tries = (unsigned)tries;
	if (op->id[0] == '\0')
		return err_set(err, ERR_BAD_REPLY, "id: is missing");
	return read_plan(o, op, err);
}

int
operation_read_json(const struct json *object, struct operation *op, struct err *err)
{
	memset(op, 0, sizeof *op);
	if (read_operation(object, op, err) == 0)
		return 0;
	operation_done(op);
	return -1;
}
