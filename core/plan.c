/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans as bytes. What a person is shown, what is hashed and what is applied are the same bytes (SAFETY.md I3), so there is
 * one way to write a plan: JSON, keys in the order of this file, no blanks, numbers with a fixed count of decimals. Reading
 * is done by somebody else, the actor or a console, who trusts nothing: bytes are bounded, every key is typed and ranged,
 * every text that people see is clean, and at last the plan is written again and must give the very bytes that were read.
 * So there are no two spellings of one plan, no unknown key and nothing that was read over.
 *
 * What a plan rests on (basis) is a list of sorted lines whose last word is the value and the rest the fact. Two plans of
 * different moments are compared by it: rates and ages differ always, sessions should not.
 *
 * Called by backend/planner.c, the engine, the actor and the prompt.
 */
#include "core/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/text.h"

#define TEXT_MAX      4096
#define ARG_MAX_LEN   8192
#define FILE_TEXT_MAX (256u << 10)
#define COMMANDS_MAX  64
#define PREFIXES_MAX  4096
#define RECEIVERS_MAX 10000
#define BASIS_MAX     65536
#define RATE_MAX      1e15
#define LEASE_MAX_S   (7 * 86400)

static const char *const step_kind_words[] = { "exec", "file", "http" };

struct plan *
plan_new(void)
{
	struct plan *p = xcalloc(1, sizeof *p);
	p->arena = arena_new();
	p->qps_moved = p->share_moved = NAN;
	return p;
}

void
plan_free(struct plan *p)
{
	if (!p)
		return;
	arena_free(p->arena);
	free(p);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void
put_texts(struct json_writer *w, const char *key, const char *const *texts, size_t n)
{
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < n; i++)
		json_add_text(w, texts[i]);
	json_end_array(w);
}

static void
put_prefixes(struct json_writer *w, const struct plan *p)
{
	json_key(w, "prefixes");
	json_begin_array(w);
	for (size_t i = 0; i < p->n_prefixes; i++) {
		const struct plan_prefix *x = &p->prefixes[i];
		char text[PREFIX_TEXT_MAX];
		prefix_format(&x->prefix, text);
		json_begin_object(w);
		json_put_text(w, "prefix", text);
		json_put_text(w, "service", x->service);
		json_put_int(w, "announced", (int64_t)x->announced);
		json_put_int(w, "after", (int64_t)x->after);
		json_put_int(w, "min_pops", (int64_t)x->min_pops);
		json_put_int(w, "region_after", (int64_t)x->region_after);
		json_put_int(w, "min_region", (int64_t)x->min_region);
		json_end_object(w);
	}
	json_end_array(w);
}

static void
put_receivers(struct json_writer *w, const struct plan *p)
{
	json_key(w, "receivers");
	json_begin_array(w);
	for (size_t i = 0; i < p->n_receivers; i++) {
		const struct plan_receiver *x = &p->receivers[i];
		json_begin_object(w);
		json_put_text(w, "pop", x->pop);
		json_put_double(w, "qps_before", x->qps_before, 1);
		json_put_double(w, "qps_after", x->qps_after, 1);
		json_put_double(w, "capacity_qps", x->capacity_qps, 1);
		json_end_object(w);
	}
	json_end_array(w);
}

static void
put_gates(struct json_writer *w, const struct plan *p)
{
	json_key(w, "gates");
	json_begin_array(w);
	for (size_t i = 0; i < p->n_gates; i++) {
		const struct gate_result *g = &p->gates[i];
		json_begin_object(w);
		json_put_text(w, "gate", gate_name(g->gate));
		json_put_text(w, "level", gate_level_name(g->level));
		json_put_text(w, "code", err_code_name(g->code));
		json_put_text(w, "text", g->text);
		json_end_object(w);
	}
	json_end_array(w);
}

static void
put_action(struct json_writer *w, const char *key, const struct step_action *a)
{
	json_key(w, key);
	json_begin_object(w);
	json_key(w, "commands");
	json_begin_array(w);
	for (size_t i = 0; i < a->n_commands; i++) {
		json_begin_array(w);
		for (size_t k = 0; k < a->commands[i].n; k++)
			json_add_text(w, a->commands[i].argv[k]);
		json_end_array(w);
	}
	json_end_array(w);
	json_put_text(w, "path", a->path);
	json_put_text(w, "text", a->text);
	json_put_text(w, "goal", announced_name(a->goal));
	json_end_object(w);
}

static void
put_steps(struct json_writer *w, const struct plan *p)
{
	json_key(w, "steps");
	json_begin_array(w);
	for (size_t i = 0; i < p->n_steps; i++) {
		const struct plan_step *s = &p->steps[i];
		json_begin_object(w);
		json_put_text(w, "node", s->node);
		json_put_int(w, "target", (int64_t)s->target);
		json_put_int(w, "phase", (int64_t)s->phase);
		json_put_text(w, "what", s->step.what);
		json_put_text(w, "kind", step_kind_words[s->step.kind]);
		put_action(w, "apply", &s->step.apply);
		put_action(w, "undo", &s->step.undo);
		put_action(w, "keep", &s->step.keep);
		json_put_bool(w, "has_undo", s->step.has_undo);
		json_put_int(w, "confirm_s", s->step.confirm_s);
		json_put_text(w, "collateral", s->step.collateral);
		json_end_object(w);
	}
	json_end_array(w);
}

void
plan_write(const struct plan *p, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);
	json_begin_object(&w);
	json_put_int(&w, "version", PLAN_VERSION);
	json_put_text(&w, "id", p->id);
	json_put_text(&w, "fleet", p->fleet);
	json_put_text(&w, "environment", p->environment);
	json_put_text(&w, "verb", op_verb_name(p->verb));
	json_put_text(&w, "mode", op_mode_name(p->mode));
	put_texts(&w, "targets", p->targets, p->n_targets);
	json_put_text(&w, "hold", p->hold);
	json_put_text(&w, "by", p->by);
	json_put_text(&w, "reason", p->reason);
	json_put_text(&w, "ticket", p->ticket);
	json_put_text(&w, "kind", p->kind);
	json_put_int(&w, "lease_s", p->lease_s);
	json_put_bool(&w, "auto_undrain", p->is_auto_undrain);
	json_put_time_ms(&w, "created", p->created);
	json_put_time_ms(&w, "expires", p->expires);
	put_prefixes(&w, p);
	json_put_double(&w, "qps_moved", p->qps_moved, 1);
	json_put_double(&w, "share_moved", p->share_moved, 4);
	put_receivers(&w, p);
	json_put_text(&w, "next_loss", p->next_loss);
	json_put_text(&w, "undo", p->undo_text);
	put_gates(&w, p);
	json_put_text(&w, "worst", gate_level_name(p->worst));
	put_steps(&w, p);
	put_texts(&w, "notes", p->notes, p->n_notes);
	put_texts(&w, "basis", p->basis, p->n_basis);
	json_end_object(&w);
}

void
plan_hash(struct slice bytes, char out[65])
{
	digest_hex(bytes, out);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int
bad(struct err *err, const char *key, const char *why)
{
	return err_set(err, ERR_BAD_REPLY, "plan: `%s` %s", key, why);
}

/* A text for people; NULL where it is null. */
static int
read_text(struct plan *p, const struct json *o, const char *key, size_t max, const char **out, struct err *err)
{
	struct slice s = { NULL, 0 };
	*out = NULL;
	if (json_want_text(o, key, max, &s, err) == -1)
		return -1;
	if (!s.data)
		return 0;
	if (!text_is_clean(s))
		return bad(err, key, "holds what a terminal may not see");
	*out = arena_strndup(p->arena, s.data, s.len);
	return 0;
}

static int
need_text(struct plan *p, const struct json *o, const char *key, size_t max, const char **out, struct err *err)
{
	if (read_text(p, o, key, max, out, err) == -1)
		return -1;
	return *out ? 0 : bad(err, key, "is missing");
}

static int
read_array_text(struct plan *p, const struct json *o, const char *key, char *out, size_t size, struct err *err)
{
	const char *text;
	if (need_text(p, o, key, size - 1, &text, err) == -1)
		return -1;
	snprintf(out, size, "%s", text);
	return 0;
}

static int
need_name(struct plan *p, const struct json *o, const char *key, char out[FLEET_NAME_MAX], struct err *err)
{
	if (read_array_text(p, o, key, out, FLEET_NAME_MAX, err) == -1)
		return -1;
	return text_is_name(out) ? 0 : bad(err, key, "is no name");
}

static int
need_size(const struct json *o, const char *key, int64_t max, size_t *out, struct err *err)
{
	int64_t value;
	if (json_need_int(o, key, 0, max, &value, err) == -1)
		return -1;
	*out = (size_t)value;
	return 0;
}

static int
need_time(const struct json *o, const char *key, struct wall *out, struct err *err)
{
	char text[CLOCK_TEXT_MAX];
	struct slice s = { NULL, 0 };
	if (json_need_text(o, key, sizeof text - 1, &s, err) == -1)
		return -1;
	slice_copy(s, text, sizeof text);
	return wall_parse(text, out) == 0 ? 0 : bad(err, key, "is no time");
}

static int
read_rate(const struct json *o, const char *key, double *out, struct err *err)
{
	*out = NAN;
	return json_want_double(o, key, 0, RATE_MAX, out, err);
}

/* A list of clean texts. */
static int
read_texts(struct plan *p, const struct json *o, const char *key, size_t max, size_t *n, const char ***out, struct err *err)
{
	const struct json *list;
	if (json_need_array(o, key, max, &list, err) == -1)
		return -1;
	*n = json_length(list);
	*out = arena_alloc(p->arena, (*n + 1) * sizeof **out);
	for (size_t i = 0; i < *n; i++) {
		const struct json *v = json_at(list, i);
		struct slice s = json_slice(v);
		if (json_kind(v) != JSON_STRING || s.len > TEXT_MAX || !text_is_clean(s))
			return bad(err, key, "holds what is no clean text");
		(*out)[i] = arena_strndup(p->arena, s.data, s.len);
	}
	return 0;
}

static int
read_prefixes(struct plan *p, const struct json *o, struct err *err)
{
	const struct json *list;
	if (json_need_array(o, "prefixes", PREFIXES_MAX, &list, err) == -1)
		return -1;
	p->n_prefixes = json_length(list);
	p->prefixes = arena_alloc(p->arena, (p->n_prefixes + 1) * sizeof *p->prefixes);
	for (size_t i = 0; i < p->n_prefixes; i++) {
		struct plan_prefix *x = &p->prefixes[i];
		const struct json *item = json_at(list, i);
		struct slice text = { NULL, 0 };
		if (json_need_text(item, "prefix", PREFIX_TEXT_MAX, &text, err) == -1 || prefix_parse(text, &x->prefix, err) == -1 ||
			need_name(p, item, "service", x->service, err) == -1 ||
			need_size(item, "announced", INT32_MAX, &x->announced, err) == -1 ||
			need_size(item, "after", INT32_MAX, &x->after, err) == -1 ||
			need_size(item, "min_pops", INT32_MAX, &x->min_pops, err) == -1 ||
			need_size(item, "region_after", INT32_MAX, &x->region_after, err) == -1 ||
			need_size(item, "min_region", INT32_MAX, &x->min_region, err) == -1)
			return err_wrap(err, "prefixes[%zu]", i);
	}
	return 0;
}

static int
read_receivers(struct plan *p, const struct json *o, struct err *err)
{
	const struct json *list;
	if (json_need_array(o, "receivers", RECEIVERS_MAX, &list, err) == -1)
		return -1;
	p->n_receivers = json_length(list);
	p->receivers = arena_alloc(p->arena, (p->n_receivers + 1) * sizeof *p->receivers);
	for (size_t i = 0; i < p->n_receivers; i++) {
		struct plan_receiver *x = &p->receivers[i];
		const struct json *item = json_at(list, i);
		if (need_name(p, item, "pop", x->pop, err) == -1 || read_rate(item, "qps_before", &x->qps_before, err) == -1 ||
			read_rate(item, "qps_after", &x->qps_after, err) == -1 ||
			read_rate(item, "capacity_qps", &x->capacity_qps, err) == -1)
			return err_wrap(err, "receivers[%zu]", i);
	}
	return 0;
}

static int
read_gates(struct plan *p, const struct json *o, struct err *err)
{
	const struct json *list;
	if (json_need_array(o, "gates", GATE_COUNT, &list, err) == -1)
		return -1;
	p->n_gates = json_length(list);
	p->gates = arena_alloc(p->arena, (p->n_gates + 1) * sizeof *p->gates);
	for (size_t i = 0; i < p->n_gates; i++) {
		struct gate_result *g = &p->gates[i];
		const struct json *item = json_at(list, i);
		const char *gate, *level, *code;
		if (need_text(p, item, "gate", 40, &gate, err) == -1 || need_text(p, item, "level", 40, &level, err) == -1 ||
			need_text(p, item, "code", 40, &code, err) == -1 ||
			read_array_text(p, item, "text", g->text, sizeof g->text, err) == -1)
			return err_wrap(err, "gates[%zu]", i);
		if (gate_parse(gate, &g->gate) == -1 || gate_level_parse(level, &g->level) == -1)
			return bad(err, "gates", "has a word that is not known");
		g->code = err_code_parse(code);
	}
	return 0;
}

static int
read_argv(struct plan *p, const struct json *list, struct step_argv *out, struct err *err)
{
	out->n = json_length(list);
	if (json_kind(list) != JSON_ARRAY || out->n == 0 || out->n > REQUEST_ARGV_MAX)
		return bad(err, "commands", "holds what is no list of arguments");
	out->argv = arena_alloc(p->arena, (out->n + 1) * sizeof *out->argv);
	for (size_t i = 0; i < out->n; i++) {
		struct slice s = json_slice(json_at(list, i));
		if (json_kind(json_at(list, i)) != JSON_STRING || s.len > ARG_MAX_LEN)
			return bad(err, "commands", "has an argument that is no text or too long");
		out->argv[i] = arena_strndup(p->arena, s.data, s.len);
	}
	return 0;
}

static int
read_action(struct plan *p, const struct json *step, const char *key, struct step_action *a, struct err *err)
{
	const struct json *o, *list;
	const char *goal;
	struct slice text = { NULL, 0 };
	if (json_want_object(step, key, &o, err) == -1)
		return -1;
	if (json_kind(json_get(step, key)) != JSON_OBJECT)
		return bad(err, key, "is missing");
	if (json_need_array(o, "commands", COMMANDS_MAX, &list, err) == -1 || read_text(p, o, "path", TEXT_MAX, &a->path, err) == -1 ||
		json_want_text(o, "text", FILE_TEXT_MAX, &text, err) == -1 || need_text(p, o, "goal", 20, &goal, err) == -1)
		return err_wrap(err, "%s", key);
	a->text = text.data ? arena_strndup(p->arena, text.data, text.len) : NULL;
	a->goal = announced_parse(goal);
	a->n_commands = json_length(list);
	a->commands = arena_alloc(p->arena, (a->n_commands + 1) * sizeof *a->commands);
	for (size_t i = 0; i < a->n_commands; i++)
		if (read_argv(p, json_at(list, i), &a->commands[i], err) == -1)
			return err_wrap(err, "%s", key);
	return 0;
}

static int
read_step_kind(struct plan *p, const struct json *o, enum step_kind *out, struct err *err)
{
	const char *word;
	if (need_text(p, o, "kind", 10, &word, err) == -1)
		return -1;
	for (int i = STEP_EXEC; i <= STEP_HTTP; i++) {
		if (strcmp(step_kind_words[i], word) != 0)
			continue;
		*out = (enum step_kind)i;
		return 0;
	}
	return bad(err, "kind", "is not known");
}

static int
read_step(struct plan *p, const struct json *o, struct plan_step *s, struct err *err)
{
	size_t confirm;
	if (need_name(p, o, "node", s->node, err) == -1 ||
		need_size(o, "target", (int64_t)p->n_targets - 1, &s->target, err) == -1 ||
		need_size(o, "phase", (int64_t)op_phases(p->verb, p->mode) - 1, &s->phase, err) == -1 ||
		need_text(p, o, "what", STEP_WHAT_MAX, &s->step.what, err) == -1 || read_step_kind(p, o, &s->step.kind, err) == -1 ||
		read_action(p, o, "apply", &s->step.apply, err) == -1 || read_action(p, o, "undo", &s->step.undo, err) == -1 ||
		read_action(p, o, "keep", &s->step.keep, err) == -1 || json_want_bool(o, "has_undo", &s->step.has_undo, err) == -1 ||
		need_size(o, "confirm_s", 3600, &confirm, err) == -1 ||
		read_text(p, o, "collateral", TEXT_MAX, &s->step.collateral, err) == -1)
		return -1;
	s->step.confirm_s = (unsigned)confirm;
	return 0;
}

static int
read_steps(struct plan *p, const struct json *o, struct err *err)
{
	const struct json *list;
	if (json_need_array(o, "steps", OP_STEPS_MAX, &list, err) == -1)
		return -1;
	p->n_steps = json_length(list);
	p->steps = arena_alloc(p->arena, (p->n_steps + 1) * sizeof *p->steps);
	for (size_t i = 0; i < p->n_steps; i++)
		if (read_step(p, json_at(list, i), &p->steps[i], err) == -1)
			return err_wrap(err, "steps[%zu]", i);
	return 0;
}

static int
read_targets(struct plan *p, const struct json *o, struct err *err)
{
	const char **list;
	if (read_texts(p, o, "targets", OP_TARGETS_MAX, &p->n_targets, &list, err) == -1)
		return -1;
	if (p->n_targets == 0)
		return bad(err, "targets", "is empty, which is never every PoP");
	for (size_t i = 0; i < p->n_targets; i++) {
		if (!text_is_name(list[i]))
			return bad(err, "targets", "holds what is no name of a PoP");
		for (size_t k = 0; k < i; k++)
			if (strcmp(list[i], list[k]) == 0)
				return bad(err, "targets", "names a PoP twice");
		p->targets[i] = list[i];
	}
	return 0;
}

static int
read_head(struct plan *p, const struct json *o, struct err *err)
{
	const char *verb, *mode;
	int64_t version;
	if (json_need_int(o, "version", PLAN_VERSION, PLAN_VERSION, &version, err) == -1 ||
		read_array_text(p, o, "id", p->id, sizeof p->id, err) == -1 ||
		read_array_text(p, o, "fleet", p->fleet, sizeof p->fleet, err) == -1 ||
		read_array_text(p, o, "environment", p->environment, sizeof p->environment, err) == -1 ||
		need_text(p, o, "verb", 20, &verb, err) == -1 || need_text(p, o, "mode", 20, &mode, err) == -1 ||
		read_targets(p, o, err) == -1 || read_text(p, o, "hold", OP_ID_SIZE - 1, &p->hold, err) == -1 ||
		need_text(p, o, "by", OP_NAME_SIZE - 1, &p->by, err) == -1 ||
		need_text(p, o, "reason", OP_REASON_SIZE - 1, &p->reason, err) == -1 ||
		need_text(p, o, "ticket", OP_TICKET_SIZE - 1, &p->ticket, err) == -1 ||
		need_text(p, o, "kind", 15, &p->kind, err) == -1 ||
		json_need_int(o, "lease_s", 0, LEASE_MAX_S, &p->lease_s, err) == -1 ||
		json_want_bool(o, "auto_undrain", &p->is_auto_undrain, err) == -1 ||
		need_time(o, "created", &p->created, err) == -1 || need_time(o, "expires", &p->expires, err) == -1)
		return -1;
	if (op_verb_parse(verb, &p->verb) == -1)
		return bad(err, "verb", "is neither drain nor undrain");
	return op_mode_parse(mode, &p->mode) == -1 ? bad(err, "mode", "is neither withdraw nor prefer-away") : 0;
}

static int
read_rest(struct plan *p, const struct json *o, struct err *err)
{
	const char *worst;
	const char **notes;
	if (read_prefixes(p, o, err) == -1 || read_rate(o, "qps_moved", &p->qps_moved, err) == -1 ||
		read_rate(o, "share_moved", &p->share_moved, err) == -1 || read_receivers(p, o, err) == -1 ||
		read_text(p, o, "next_loss", TEXT_MAX, &p->next_loss, err) == -1 ||
		read_text(p, o, "undo", TEXT_MAX, &p->undo_text, err) == -1 || read_gates(p, o, err) == -1 ||
		need_text(p, o, "worst", 20, &worst, err) == -1 || read_steps(p, o, err) == -1 ||
		read_texts(p, o, "notes", PLAN_NOTES_MAX, &p->n_notes, &notes, err) == -1 ||
		read_texts(p, o, "basis", BASIS_MAX, &p->n_basis, &p->basis, err) == -1)
		return -1;
	for (size_t i = 0; i < p->n_notes; i++)
		p->notes[i] = notes[i];
	return gate_level_parse(worst, &p->worst) == -1 ? bad(err, "worst", "is not known") : 0;
}

/* The bytes must be the ones that this plan is written as, or it says something that was not read. */
static int
check_canonical(const struct plan *p, struct slice bytes, struct err *err)
{
	struct buf again = BUF_INIT(PLAN_BYTES_MAX);
	plan_write(p, &again);
	bool is_same = again.len == bytes.len && memcmp(again.data, bytes.data, bytes.len) == 0;
	buf_done(&again);
	return is_same ? 0 : err_set(err, ERR_BAD_REPLY, "plan: the bytes are not those that this plan is written as");
}

struct plan *
plan_read(struct slice bytes, struct err *err)
{
	struct plan *p = NULL;
	if (bytes.len > PLAN_BYTES_MAX) {
		err_set(err, ERR_TOO_LARGE, "plan: %zu bytes, at most %u are read", bytes.len, PLAN_BYTES_MAX);
		return NULL;
	}
	struct json_doc *doc = json_parse(bytes, err);
	if (!doc)
		return NULL;
	p = plan_new();
	if (read_head(p, json_root(doc), err) == -1 || read_rest(p, json_root(doc), err) == -1 ||
		check_canonical(p, bytes, err) == -1) {
		plan_free(p);
		p = NULL;
	}
	json_doc_free(doc);
	return p;
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

/* One line of a basis: "session fra1 transit1_v4 Established". */
struct fact {
	struct slice key, value;
};

static int
compare_slices(struct slice a, struct slice b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_facts(const void *a, const void *b)
{
	const struct fact *x = a, *y = b;
	int order = compare_slices(x->key, y->key);
	return order ? order : compare_slices(x->value, y->value);
}

static struct fact *
sort_facts(const struct plan *p)
{
	struct fact *facts = xcalloc(p->n_basis + 1, sizeof *facts);
	for (size_t i = 0; i < p->n_basis; i++) {
		const char *line = p->basis[i], *last = strrchr(line, ' ');
		facts[i].key = last ? (struct slice){ line, (size_t)(last - line) } : slice_of(line);
		facts[i].value = slice_of(last ? last + 1 : "");
	}
	qsort(facts, p->n_basis, sizeof *facts, compare_facts);
	return facts;
}

static int
level_of(struct slice word)
{
	enum gate_level level;
	char text[16];
	slice_copy(word, text, sizeof text);
	return gate_level_parse(text, &level) == 0 ? (int)level : -1;
}

/* A gate that judges milder than it did voids nothing. */
static bool
is_milder(const struct fact *was, const struct fact *is)
{
	int before = level_of(was->value), after = level_of(is->value);
	return slice_starts(is->key, "gate ") && before >= 0 && after >= 0 && after <= before;
}

static void
tell(struct reasons *out, const struct fact *was, const struct fact *is)
{
	const struct fact *f = was ? was : is;
	int key = (int)(f->key.len < 100 ? f->key.len : 100);
	if (was && is)
		reasons_add(out, "%.*s: was %.*s, is %.*s", key, f->key.data, (int)(was->value.len < 40 ? was->value.len : 40),
			was->value.data, (int)(is->value.len < 40 ? is->value.len : 40), is->value.data);
	else
		reasons_add(out, "%.*s: %s %.*s%s", key, f->key.data, was ? "was" : "is new,", (int)(f->value.len < 40 ? f->value.len : 40),
			f->value.data, was ? ", is gone" : "");
}

size_t
plan_compare_basis(const struct plan *was, const struct plan *is, struct reasons *out)
{
	struct fact *a = sort_facts(was), *b = sort_facts(is);
	size_t n = 0, i = 0, k = 0;
	*out = (struct reasons){ 0 };
	while (i < was->n_basis || k < is->n_basis) {
		int order = i == was->n_basis ? 1 : k == is->n_basis ? -1 : compare_slices(a[i].key, b[k].key);
		const struct fact *x = order <= 0 ? &a[i++] : NULL, *y = order >= 0 ? &b[k++] : NULL;
		if (x && y && (compare_slices(x->value, y->value) == 0 || is_milder(x, y)))
			continue;
		tell(out, x, y);
		n++;
	}
	free(a);
	free(b);
	return n;
}

const struct gate_result *
plan_refusal(const struct plan *p)
{
	const struct gate_result *first = NULL;
	for (size_t i = 0; i < p->n_gates; i++) {
		const struct gate_result *g = &p->gates[i];
		if (g->level != GATE_REFUSE)
			continue;
		if (g->code == ERR_PERMISSION || g->code == ERR_CONFLICT)
			return g;
		if (!first || g->gate == GATE_FRESH)
			first = g;
	}
	return first;
}

void
plan_typed_text(const struct plan *p, char *out, size_t size)
{
	out[0] = '\0';
	if (p->verb == OP_UNDRAIN) {
		snprintf(out, size, "yes");
		return;
	}
	for (size_t i = 0; i < p->n_targets; i++) {
		size_t len = strlen(out);
		snprintf(out + len, size - len, "%s%s", i ? " " : "", p->targets[i]);
	}
}
