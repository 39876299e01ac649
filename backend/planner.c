/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans are made here: what was asked for, read with distrust; the drivers' steps for every node that has to change; the
 * gates' judgement; and what the operator wants to know before typing the PoP's name: which prefixes stay announced by how
 * many, how much load moves and where to, what one more loss would do, how to take it back. The fleet is only read, the
 * clock is given, nothing is sent: the same input gives the same plan, which is how the engine plans again after the
 * confirmation and compares.
 *
 * Targets are a closed list of PoPs that exist. There is no pattern, no "all", and no empty list (SAFETY.md A7, A18).
 *
 * What drivers say of a node is taken as it is: a driver that cannot say how gives a sentence, and the gate "target"
 * refuses with it; nothing here guesses.
 *
 * Called by backend/engine.c and, for planner_node_steps and planner_node_settled, by the actor and the evidence.
 */
#include "backend/planner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/announced.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/load.h"
#include "core/text.h"

#define LEASE_DEFAULT_S (4 * 3600)
#define LEASE_MIN_S     60
#define LEASE_MAX_S     (7 * 86400)
#define WIRE_LINES_MAX  4096 /* of a basis, one a PoP and prefix; above, one a PoP */
#define NAME_DISTANCE   2    /* "did you mean" */

/* --- what is asked for -------------------------------------------------------------------------------------------- */

static int
check_keys(const struct json *body, struct err *err)
{
	static const char *const known[] = { "verb", "targets", "mode", "hold", "reason", "ticket", "kind", "lease", "auto_undrain" };
	struct json_iter it = json_iter_start(body);
	const struct json *value;
	const char *key;
	if (json_kind(body) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, "the body is %s; a plan is asked for with an object", json_kind_name(json_kind(body)));
	while (json_iter_next(&it, &key, &value)) {
		bool is_known = false;
		char shown[64];
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			is_known = is_known || strcmp(known[i], key) == 0;
		text_sanitise_to(slice_of(key), shown, sizeof shown);
		if (!is_known)
			return err_set(err, ERR_USAGE,
				"unknown key `%s`; allowed: verb, targets, mode, hold, reason, ticket, kind, lease, auto_undrain", shown);
	}
	return 0;
}

/* An optional word; `out` is untouched when it is absent. */
static int
read_word(const struct json *body, const char *key, char *out, size_t size, struct err *err)
{
	struct slice s = { NULL, 0 };
	if (json_want_text(body, key, size - 1, &s, err) == -1)
		return -1;
	if (s.data)
		text_sanitise_to(s, out, size);
	return 0;
}

static int
read_verb(const struct json *body, struct plan_request *out, struct err *err)
{
	char verb[32] = "", mode[32] = "withdraw", kind[32] = "maintenance";
	if (read_word(body, "verb", verb, sizeof verb, err) == -1 || read_word(body, "mode", mode, sizeof mode, err) == -1 ||
		read_word(body, "kind", kind, sizeof kind, err) == -1)
		return -1;
	if (op_verb_parse(verb, &out->verb) == -1)
		return err_set(err, ERR_USAGE, "`verb` is \"%s\"; allowed: drain, undrain", verb);
	if (op_mode_parse(mode, &out->mode) == -1)
		return err_set(err, ERR_USAGE, "`mode` is \"%s\"; allowed: withdraw, prefer-away", mode);
	if (hold_kind_parse(kind, &out->kind) == -1)
		return err_set(err, ERR_USAGE, "`kind` is \"%s\"; allowed: maintenance, incident, health, drill, automation", kind);
	return 0;
}

static int
tell_no_pop(const struct fleet *f, const char *name, struct err *err)
{
	const char *near = NULL;
	int best = NAME_DISTANCE + 1;
	for (size_t i = 0; i < f->n_pops; i++) {
		int d = text_distance(name, f->pops[i].name);
		near = d < best ? f->pops[i].name : near;
		best = d < best ? d : best;
	}
	if (near)
		return err_set(err, ERR_USAGE, "there is no PoP \"%s\"; did you mean %s?", name, near);
	return err_set(err, ERR_USAGE, "there is no PoP \"%s\" in the fleet %s", name, f->name);
}

static int
read_targets(const struct json *body, const struct fleet *f, struct plan_request *out, struct err *err)
{
	const struct json *list = json_get(body, "targets");
	if (json_kind(list) != JSON_ARRAY)
		return err_set(err, ERR_USAGE, "`targets` is missing or no list; name the PoPs: [\"fra\"]");
	out->n_targets = json_length(list);
	if (out->n_targets == 0)
		return err_set(err, ERR_USAGE, "`targets` is empty, which is never every PoP; name at least one");
	if (out->n_targets > OP_TARGETS_MAX)
		return err_set(err, ERR_USAGE, "`targets` names %zu PoPs; at most %d in one plan", out->n_targets, OP_TARGETS_MAX);
	for (size_t i = 0; i < out->n_targets; i++) {
		const struct json *v = json_at(list, i);
		char name[2 * FLEET_NAME_MAX];
		text_sanitise_to(json_slice(v), name, sizeof name);
		if (json_kind(v) != JSON_STRING)
			return err_set(err, ERR_USAGE, "`targets` holds what is no name but %s", json_kind_name(json_kind(v)));
		if (json_slice(v).len >= FLEET_NAME_MAX || !text_is_name(name))
			return err_set(err, ERR_USAGE, "`targets` holds \"%s\", which is no name of a PoP; there are no patterns", name);
		if (fleet_find_pop(f, name) == SIZE_MAX)
			return tell_no_pop(f, name, err);
		for (size_t k = 0; k < i; k++)
			if (strcmp(out->targets[k], name) == 0)
				return err_set(err, ERR_USAGE, "`targets` names %s twice", name);
		snprintf(out->targets[i], FLEET_NAME_MAX, "%.*s", FLEET_NAME_MAX - 1, name);
	}
	return 0;
}

/* A text for people: bounded as it came, then made safe; it may grow by that, and is cut at a character. */
static int
read_words(const struct json *body, const char *key, char *out, size_t size, struct err *err)
{
	struct slice s = { NULL, 0 };
	if (json_want_text(body, key, size - 1, &s, err) == -1)
		return -1;
	text_sanitise_to(s.data ? slice_trim(s) : slice_of(""), out, size);
	return 0;
}

/* Does this undrain change a wire? Only where the last hold is released. */
static bool
has_effect(const struct fleet *f, const struct plan_request *r)
{
	for (size_t i = 0; i < r->n_targets; i++)
		if (f->pops[fleet_find_pop(f, r->targets[i])].n_holds < 2)
			return true;
	return false;
}

static int
read_lease(const struct json *body, struct plan_request *out, struct err *err)
{
	char text[32] = "";
	if (read_word(body, "lease", text, sizeof text, err) == -1 ||
		json_want_bool(body, "auto_undrain", &out->is_auto_undrain, err) == -1)
		return -1;
	if (out->verb == OP_UNDRAIN) {
		if (text[0] || out->is_auto_undrain)
			return err_set(err, ERR_USAGE, "`%s` belongs to a drain; an undrain holds nothing",
				text[0] ? "lease" : "auto_undrain");
		return 0;
	}
	out->lease_s = LEASE_DEFAULT_S;
	if (!text[0])
		return 0;
	if (duration_parse(text, &out->lease_s) == -1 || out->lease_s < LEASE_MIN_S || out->lease_s > LEASE_MAX_S)
		return err_set(err, ERR_USAGE, "`lease` is \"%s\"; allowed: a duration from 1m to 7d, such as 4h", text);
	return 0;
}

static int
read_hold(const struct json *body, struct plan_request *out, struct err *err)
{
	char id[2 * OP_ID_SIZE] = "";
	if (read_word(body, "hold", id, sizeof id, err) == -1)
		return -1;
	if (id[0] && out->verb == OP_DRAIN)
		return err_set(err, ERR_USAGE, "`hold` belongs to an undrain; a drain adds a hold of its own");
	if (strlen(id) >= OP_ID_SIZE || strspn(id, "0123456789abcdef") != strlen(id))
		return err_set(err, ERR_USAGE, "`hold` is \"%s\"; allowed: the id of a hold, up to 16 hexadecimal digits", id);
	snprintf(out->hold, sizeof out->hold, "%.*s", OP_ID_SIZE - 1, id);
	return 0;
}

static int
read_request(const struct json *body, const struct fleet *f, struct plan_request *out, struct err *err)
{
	if (check_keys(body, err) == -1 || read_verb(body, out, err) == -1 || read_targets(body, f, out, err) == -1 ||
		read_words(body, "reason", out->reason, sizeof out->reason, err) == -1 ||
		read_words(body, "ticket", out->ticket, sizeof out->ticket, err) == -1 || read_lease(body, out, err) == -1 ||
		read_hold(body, out, err) == -1)
		return -1;
	if (!out->reason[0] && (out->verb == OP_DRAIN || has_effect(f, out)))
		return err_set(err, ERR_USAGE, "`reason` is missing: say why, in a few words that others will read");
	return 0;
}

int
plan_request_read(const struct json *body, const struct fleet *f, struct plan_request *out, struct err *err)
{
	struct err why = ERR_INIT;
	*out = (struct plan_request){ 0 };
	if (read_request(body, f, out, &why) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "%s", why.text);
}

/* --- drivers ------------------------------------------------------------------------------------------------------ */

static const struct verb *
find_verb(const struct node *node, poller_find_fn *find, enum op_verb verb, struct err *err)
{
	const struct driver *d = find(node->bgp_driver);
	if (!d) {
		err_set(err, ERR_UNSUPPORTED, "there is no driver \"%s\"", node->bgp_driver);
		return NULL;
	}
	for (const struct verb *v = d->verbs; v && v->name; v++)
		if (strcmp(v->name, op_verb_name(verb)) == 0)
			return v;
	err_set(err, ERR_UNSUPPORTED, "the driver %s (%s) cannot %s a node yet", d->name, d->title, op_verb_name(verb));
	return NULL;
}

/* Do its facts rule out that the node originates the prefix? Only a daemon that goes on listing what it was told not to
 * announce can say so, when all it lists is known and nobody named other ways to announce. */
static bool
is_no_origin(const struct node *node, const struct driver *d, const struct prefix *prefix)
{
	if (!d || !d->keeps_origins || !(node->facts->sections & REPORT_ORIGINS) || (node->conf && node->conf->drain))
		return false;
	for (size_t i = 0; i < node->facts->n_origins; i++)
		if (node->facts->origins[i].prefix.family == 0 || prefix_equal(&node->facts->origins[i].prefix, prefix))
			return false;
	return true;
}

/* Has it a session, up or down, that could carry the prefix? Where families are not known it may have. */
static bool
could_carry(const struct node *node, const struct prefix *prefix)
{
	unsigned bit = prefix->family == FAMILY_V4 ? FAMILY_BIT_V4 : FAMILY_BIT_V6;
	for (size_t i = 0; i < node->facts->n_sessions; i++)
		if (node->facts->sessions[i].families == 0 || (node->facts->sessions[i].families & bit))
			return true;
	return node->facts->n_sessions == 0;
}

bool
planner_is_concerned(const struct node *node, poller_find_fn *find, const struct prefix *prefix)
{
	const struct drain_conf *drain = node->conf ? node->conf->drain : NULL;
	enum announced wire = report_announced(node->facts, prefix);
	if (wire == ANNOUNCED_YES || wire == ANNOUNCED_PREFER_AWAY)
		return true;
	if (drain && drain->n_networks > 0) {
		for (size_t i = 0; i < drain->n_networks; i++)
			if (prefix_equal(&drain->networks[i], prefix))
				return true;
		return false;
	}
	return could_carry(node, prefix) && !is_no_origin(node, find(node->bgp_driver), prefix);
}

/* The prefixes that a node shall bring to the goal. Away from clients goes everything; back comes what the node has to do
 * with (one that only ever announced IPv6 is not asked for IPv4), everything where that is not known. */
static struct prefix *
choose_prefixes(const struct node *node, poller_find_fn *find, enum announced goal, size_t *n)
{
	struct prefix *out = xcalloc(node->n_prefixes + 1, sizeof *out);
	*n = 0;
	for (size_t i = 0; i < node->n_prefixes; i++)
		if (goal != ANNOUNCED_YES || planner_is_concerned(node, find, &node->prefixes[i]))
			out[(*n)++] = node->prefixes[i];
	if (*n > 0)
		return out;
	*n = node->n_prefixes;
	if (*n > 0)
		memcpy(out, node->prefixes, *n * sizeof *out);
	return out;
}

/* What is off the wire already is avoided well enough: a drain that began with prefer-away would announce it again. */
static bool
is_gone_already(const struct node *node, poller_find_fn *find, enum op_verb verb, enum announced goal)
{
	return verb == OP_DRAIN && goal == ANNOUNCED_PREFER_AWAY && planner_node_settled(node, find, verb, ANNOUNCED_WITHDRAWN);
}

int
planner_node_steps(const struct node *node, poller_find_fn *find, enum op_verb verb, enum announced goal, struct steps *out,
	struct err *err)
{
	const struct verb *v = find_verb(node, find, verb, err);
	if (!v)
		return -1;
	if (is_gone_already(node, find, verb, goal))
		return 0;
	struct target target = { .goal = goal };
	struct prefix *prefixes = choose_prefixes(node, find, goal, &target.n_prefixes);
	target.prefixes = prefixes;
	int rc = v->plan(node, &target, out, err);
	free(prefixes);
	return rc;
}

bool
planner_node_settled(const struct node *node, poller_find_fn *find, enum op_verb verb, enum announced goal)
{
	const struct verb *v = find_verb(node, find, verb, NULL);
	if (!v)
		return false;
	struct target target = { .goal = goal };
	struct prefix *prefixes = choose_prefixes(node, find, goal, &target.n_prefixes);
	target.prefixes = prefixes;
	bool is_settled = v->settled(node->facts, &target);
	free(prefixes);
	return is_settled || is_gone_already(node, find, verb, goal);
}

/* --- holds -------------------------------------------------------------------------------------------------------- */

static int
tell_which_hold(const struct pop *p, struct err *err)
{
	struct buf list = BUF_INIT(400);
	for (size_t i = 0; i < p->n_holds; i++)
		buf_printf(&list, "%s%s of %s", i ? ", " : "", p->holds[i].id, p->holds[i].owner);
	err_set(err, ERR_USAGE, "%s has %zu holds (%s); say which one to release with `hold`", p->name, p->n_holds, buf_text(&list));
	buf_done(&list);
	return -1;
}

int
planner_find_hold(const struct pop *p, const char *id, const char *by, const struct hold **out, struct err *err)
{
	size_t own = 0;
	*out = NULL;
	for (size_t i = 0; i < p->n_holds; i++) {
		const struct hold *h = &p->holds[i];
		if (id[0] ? strcmp(h->id, id) == 0 : strcmp(h->owner, by) == 0) {
			*out = h;
			own++;
		}
	}
	if (own == 1)
		return 0;
	if (id[0])
		return err_set(err, ERR_NOT_FOUND, "there is no hold %s on %s", id, p->name);
	if (p->n_holds > 1)
		return tell_which_hold(p, err);
	*out = p->n_holds == 1 ? &p->holds[0] : NULL;
	return 0;
}

/* --- a plan in the making ----------------------------------------------------------------------------------------- */

struct making {
	const struct planner_input *in;
	struct plan *plan;
	struct gate_input gates;
	size_t targets[OP_TARGETS_MAX];             /* not done yet, from in->first_target on */
	const struct hold *released[OP_TARGETS_MAX]; /* of those, or NULL */
	struct gate_plan_step *touched;             /* one a step, or one a node that is not understood */
	size_t n_touched, touched_size, steps_size;
};

static const struct pop *
target_pop(const struct making *m, size_t i)
{
	return &m->in->fleet->pops[m->targets[i]];
}

static const char *
keep(struct making *m, const char *text)
{
	return text ? arena_strdup(m->plan->arena, text) : NULL;
}

static void add_note(struct making *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
add_note(struct making *m, const char *format, ...)
{
	char text[600], clean[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	text_sanitise_to(slice_of(text), clean, sizeof clean);
	for (size_t i = 0; i < m->plan->n_notes; i++)
		if (strcmp(m->plan->notes[i], clean) == 0)
			return;
	if (m->plan->n_notes < PLAN_NOTES_MAX)
		m->plan->notes[m->plan->n_notes++] = keep(m, clean);
}

static int
read_target_list(struct making *m, struct err *err)
{
	const struct plan_request *r = m->in->request;
	struct plan *p = m->plan;
	if (r->n_targets == 0 || r->n_targets > OP_TARGETS_MAX)
		return err_set(err, ERR_USAGE, "a plan has 1 to %d PoPs, not %zu", OP_TARGETS_MAX, r->n_targets);
	for (size_t i = 0; i < r->n_targets; i++) {
		size_t pop = fleet_find_pop(m->in->fleet, r->targets[i]);
		if (pop == SIZE_MAX)
			return err_set(err, ERR_NOT_FOUND, "there is no PoP \"%s\" in the fleet %s any more", r->targets[i],
				m->in->fleet->name);
		p->targets[p->n_targets++] = keep(m, r->targets[i]);
		if (i >= m->in->first_target)
			m->targets[m->gates.n_targets++] = pop;
	}
	return 0;
}

/* Which holds go, and which remain: a PoP comes back only when none remains. */
static int
read_holds(struct making *m, struct err *err)
{
	struct buf owners = BUF_INIT(180);
	size_t stay = 0;
	int rc = -1;
	for (size_t i = 0; i < m->gates.n_targets && m->in->request->verb == OP_UNDRAIN; i++) {
		const struct pop *p = target_pop(m, i);
		if (planner_find_hold(p, m->in->request->hold, m->in->by, &m->released[i], err) == -1) {
			if (m->in->is_planning)
				goto out;
			m->released[i] = NULL; /* planning again after it was released */
		}
		size_t others = 0;
		for (size_t k = 0; k < p->n_holds; k++) {
			if (&p->holds[k] == m->released[i])
				continue;
			buf_printf(&owners, "%s%s", owners.len ? ", " : "", p->holds[k].owner);
			others++;
		}
		m->gates.hold_pop_count += (int64_t)others;
		stay += others > 0;
	}
	if (stay > 0 && stay < m->gates.n_targets) {
		err_set(err, ERR_USAGE, "holds of %s keep some of these PoPs withdrawn while others would return; plan them apart",
			buf_text(&owners));
		goto out;
	}
	m->gates.held_by = owners.len ? keep(m, buf_text(&owners)) : NULL;
	rc = 0;
out:
	buf_done(&owners);
	return rc;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static void
copy_action(struct making *m, const struct step_action *from, struct step_action *to)
{
	struct arena *a = m->plan->arena;
	*to = (struct step_action){ .n_commands = from->n_commands, .path = keep(m, from->path), .text = keep(m, from->text),
		.goal = from->goal };
	to->commands = arena_alloc(a, (from->n_commands + 1) * sizeof *to->commands);
	for (size_t i = 0; i < from->n_commands; i++) {
		const struct step_argv *argv = &from->commands[i];
		const char **copy = arena_alloc(a, (argv->n + 1) * sizeof *copy);
		for (size_t k = 0; k < argv->n; k++)
			copy[k] = keep(m, argv->argv[k]);
		to->commands[i] = (struct step_argv){ argv->n, copy };
	}
}

static struct gate_plan_step *
add_touched(struct making *m, const struct node *node)
{
	m->touched = xgrow(m->touched, &m->touched_size, m->n_touched + 1, sizeof *m->touched);
	struct gate_plan_step *t = &m->touched[m->n_touched++];
	*t = (struct gate_plan_step){ .node = node->name, .is_understood = true };
	return t;
}

static size_t
count_words(const char *text)
{
	struct slice rest = slice_of(text ? text : ""), word;
	size_t n = 0;
	while (slice_next_word(&rest, &word))
		n++;
	return n;
}

static int
add_step(struct making *m, const struct node *node, size_t target, size_t phase, const struct step *from, struct err *err)
{
	struct plan *p = m->plan;
	char what[STEP_WHAT_MAX + 1];
	if (p->n_steps == OP_STEPS_MAX)
		return err_set(err, ERR_TOO_LARGE, "the plan has more than %d steps; name fewer PoPs", OP_STEPS_MAX);
	if (p->n_steps == m->steps_size) {
		struct plan_step *grown = arena_alloc(p->arena, (m->steps_size = m->steps_size * 2 + 16) * sizeof *grown);
		if (p->n_steps > 0)
			memcpy(grown, p->steps, p->n_steps * sizeof *grown);
		p->steps = grown;
	}
	struct plan_step *s = &p->steps[p->n_steps++];
	struct gate_plan_step *t = add_touched(m, node);
	text_sanitise_to(slice_of(from->what ? from->what : ""), what, sizeof what);
	*s = (struct plan_step){ .target = target, .phase = phase, .step = *from };
	snprintf(s->node, sizeof s->node, "%s", node->name);
	s->step.what = keep(m, what);
	s->step.collateral = keep(m, from->collateral);
	copy_action(m, &from->apply, &s->step.apply);
	copy_action(m, &from->undo, &s->step.undo);
	copy_action(m, &from->keep, &s->step.keep);
	t->n_other = count_words(from->collateral);
	t->other = s->step.collateral;
	if (!from->has_undo)
		add_note(m, "%s: there is no way back from \"%s\"", node->name, what);
	return 0;
}

/* What the node's facts will be once its prefixes are less attractive: the steps of the phase after that one, and their
 * way back, start from there. */
static struct report *
facts_when_away(const struct node *node)
{
	struct report *facts = report_new();
	report_merge(facts, node->facts);
	for (size_t i = 0; i < facts->n_exports; i++)
		for (size_t k = 0; k < facts->exports[i].n_routes; k++)
			for (size_t p = 0; p < node->n_prefixes; p++)
				if (prefix_equal(&facts->exports[i].routes[k].prefix, &node->prefixes[p]))
					facts->exports[i].routes[k].is_gshut = TRI_YES;
	return facts;
}

/* is_later: the phase follows one that is not done yet. */
static int
add_node(struct making *m, const struct node *node, size_t target, size_t phase, bool is_later, struct err *err)
{
	const struct plan_request *r = m->in->request;
	struct steps steps;
	struct err why = ERR_INIT;
	struct node then = *node;
	struct report *facts = is_later ? facts_when_away(node) : NULL;
	int rc = 0;
	if (facts)
		then.facts = facts;
	steps_init(&steps);
	if (planner_node_steps(&then, m->in->find, r->verb, op_phase_goal(r->verb, r->mode, phase), &steps, &why) == -1) {
		struct gate_plan_step *t = add_touched(m, node);
		t->is_understood = false;
		t->text = keep(m, why.text);
		goto out;
	}
	if (steps.note && steps.n > 0)
		add_note(m, "%s", steps.note);
	for (size_t i = 0; i < steps.n && rc == 0; i++)
		rc = add_step(m, node, target, phase, &steps.list[i], err);
out:
	steps_done(&steps);
	report_free(facts);
	return rc;
}

/* PoP by PoP, and in each phase by phase over all its nodes: the order in which the engine works. */
static int
add_steps(struct making *m, struct err *err)
{
	const struct plan_request *r = m->in->request;
	if (m->gates.hold_pop_count > 0)
		return 0; /* other holds remain: the wire stays as it is */
	for (size_t i = 0; i < m->gates.n_targets; i++)
		for (size_t phase = i == 0 ? m->in->first_phase : 0; phase < op_phases(r->verb, r->mode); phase++)
			for (size_t k = 0; k < target_pop(m, i)->n_nodes; k++) {
				const struct node *node = &m->in->fleet->nodes[target_pop(m, i)->nodes[k]];
				bool is_later = phase > (i == 0 ? m->in->first_phase : 0);
				if (node->bgp_driver[0] && add_node(m, node, m->in->first_target + i, phase, is_later, err) == -1)
					return -1;
			}
	return 0;
}

/* --- what will happen --------------------------------------------------------------------------------------------- */

/* Will this PoP announce the prefix when it returns? */
static bool
returns_with(const struct making *m, const struct pop *p, size_t prefix)
{
	if (m->gates.verb != OP_UNDRAIN || m->gates.hold_pop_count > 0)
		return false;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &m->in->fleet->nodes[p->nodes[i]];
		if (n->bgp_driver[0] && planner_is_concerned(n, m->in->find, &m->in->fleet->prefixes[prefix].prefix))
			return true;
	}
	return false;
}

static void
fill_prefix(const struct making *m, size_t prefix, struct plan_prefix *out)
{
	const struct fleet *f = m->in->fleet;
	const struct gate_input *g = &m->gates;
	const struct policy *policy = &f->services[f->prefixes[prefix].service].policy;
	*out = (struct plan_prefix){ .prefix = f->prefixes[prefix].prefix, .min_pops = (size_t)policy->min_pops,
		.min_region = (size_t)policy->min_pops_per_region, .region_after = SIZE_MAX };
	snprintf(out->service, sizeof out->service, "%s", f->services[f->prefixes[prefix].service].name);
	out->announced = gate_count_up(g, prefix, NULL, false).up;
	out->after = gate_count_up(g, prefix, NULL, true).up;
	for (size_t i = 0; i < g->n_targets; i++) {
		const char *region = target_pop(m, i)->region;
		size_t up = gate_count_up(g, prefix, region, true).up_region;
		for (size_t k = 0; k < g->n_targets; k++)
			up += strcmp(target_pop(m, k)->region, region) == 0 && returns_with(m, target_pop(m, k), prefix);
		out->after += returns_with(m, target_pop(m, i), prefix);
		out->region_after = up < out->region_after ? up : out->region_after;
	}
}

static void
fill_prefixes(struct making *m)
{
	struct plan *p = m->plan;
	p->prefixes = arena_alloc(p->arena, (m->in->fleet->n_prefixes + 1) * sizeof *p->prefixes);
	for (size_t k = 0; k < m->in->fleet->n_prefixes && m->gates.n_targets > 0; k++)
		if (gate_prefix_is_touched(&m->gates, k))
			fill_prefix(m, k, &p->prefixes[p->n_prefixes++]);
}

/* "after that, the loss of nyc too would leave 3 PoPs and 71 % of their capacity in use" */
static void
tell_next_loss(struct making *m, const struct load *l)
{
	const struct fleet *f = m->in->fleet;
	char rate[16];
	size_t largest = l->largest;
	for (size_t i = 0; i < l->n && l->largest == SIZE_MAX; i++)
		if (!isnan(l->shares[i].after) && (largest == SIZE_MAX || l->shares[i].after > l->shares[largest].after))
			largest = i;
	if (l->n == 0) {
		m->plan->next_loss = keep(m, "no other PoP would be left");
		return;
	}
	if (largest == SIZE_MAX) {
		m->plan->next_loss = arena_printf(m->plan->arena,
			"after that, %zu PoP%s would be left if one more failed; rates and capacities are not known", l->n - 1,
			l->n == 2 ? "" : "s");
		return;
	}
	const struct load_share *s = &l->shares[largest];
	double rest = l->capacity - s->capacity;
	text_number(s->after, rate, sizeof rate);
	if (l->n == 1)
		m->plan->next_loss = arena_printf(m->plan->arena, "after that, the loss of %s (%s queries/s) would leave no PoP at all",
			f->pops[s->pop].name, rate);
	else if (l->largest != SIZE_MAX && rest > 0 && !isnan(l->total))
		m->plan->next_loss = arena_printf(m->plan->arena,
			"after that, the loss of %s (%s queries/s) would leave %zu PoP%s and %.0f %% of their capacity in use",
			f->pops[s->pop].name, rate, l->n - 1, l->n == 2 ? "" : "s", 100 * l->total / rest);
	else
		m->plan->next_loss = arena_printf(m->plan->arena,
			"after that, the loss of %s (%s queries/s) would leave %zu PoP%s; what they can carry is not known",
			f->pops[s->pop].name, rate, l->n - 1, l->n == 2 ? "" : "s");
}

static struct plan_receiver *
add_receiver(struct making *m, size_t pop)
{
	struct plan_receiver *r = &m->plan->receivers[m->plan->n_receivers++];
	*r = (struct plan_receiver){ .qps_before = NAN, .qps_after = NAN, .capacity_qps = NAN };
	snprintf(r->pop, sizeof r->pop, "%s", m->in->fleet->pops[pop].name);
	return r;
}

/* NAN when either is not known; a part that was assumed is no more than the whole. */
static double
share_of(double part, double whole)
{
	return isnan(part) || !(whole > 0) ? NAN : fmin(part / whole, 1);
}

static void
fill_drain_load(struct making *m)
{
	struct plan *p = m->plan;
	struct load l;
	load_read(&m->gates, false, &l);
	for (size_t i = 0; i < l.n; i++) {
		const struct load_share *s = &l.shares[i];
		if (!s->is_receiver)
			continue;
		struct plan_receiver *r = add_receiver(m, s->pop);
		r->qps_before = s->before;
		r->qps_after = s->after;
		r->capacity_qps = s->capacity;
	}
	p->qps_moved = l.moved;
	p->share_moved = share_of(l.moved, l.fleet);
	tell_next_loss(m, &l);
	load_done(&l);
}

/* What comes back to the targets; the others give it. */
static void
fill_undrain_load(struct making *m)
{
	struct plan *p = m->plan;
	struct load l;
	p->qps_moved = p->share_moved = 0;
	if (m->gates.hold_pop_count > 0)
		return;
	load_read(&m->gates, false, &l);
	for (size_t i = 0; i < m->gates.n_targets; i++) {
		struct plan_receiver *r = add_receiver(m, m->targets[i]);
		r->qps_before = load_rate(&m->gates, m->targets[i], false);
		r->qps_after = load_expect(&m->gates, m->targets[i], true);
		r->capacity_qps = load_capacity(&m->gates, m->targets[i]);
		p->qps_moved += r->qps_after;
	}
	p->share_moved = share_of(p->qps_moved, l.fleet);
	load_done(&l);
}

static size_t
count_nodes(const struct plan *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n_steps; i++) {
		bool is_first = true;
		for (size_t k = 0; k < i && is_first; k++)
			is_first = strcmp(p->steps[k].node, p->steps[i].node) != 0;
		n += is_first;
	}
	return n;
}

static void
tell_undo(struct making *m)
{
	struct plan *p = m->plan;
	const char *other = p->verb == OP_DRAIN ? "undrain" : "drain";
	char names[OP_TARGETS_MAX * FLEET_NAME_MAX];
	size_t nodes = count_nodes(p);
	names[0] = '\0';
	for (size_t i = 0; i < p->n_targets; i++)
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "", p->targets[i]);
	if (p->n_steps == 0)
		p->undo_text = arena_printf(p->arena, "`catchment %s %s`; nothing is sent to the nodes now", other, names);
	else if (p->verb == OP_DRAIN)
		p->undo_text = arena_printf(p->arena,
			"`catchment undrain %s` takes the steps on %zu node%s back; until they are kept, each node takes them back by itself",
			names, nodes, nodes == 1 ? "" : "s");
	else
		p->undo_text = arena_printf(p->arena, "`catchment drain %s` withdraws %zu node%s again; a node that returns does not leave by itself",
			names, nodes, nodes == 1 ? "" : "s");
}

/* Is this the operation that is being planned? */
static bool
is_own(const struct making *m, const char *op)
{
	return (m->in->id && strcmp(op, m->in->id) == 0) || (m->in->own_op && strcmp(op, m->in->own_op) == 0);
}

static void
tell_holds(struct making *m)
{
	for (size_t i = 0; i < m->gates.n_targets; i++) {
		const struct pop *p = target_pop(m, i);
		const struct hold *h = m->released[i];
		if (h)
			add_note(m, "releases hold %s of %s%s on %s: %s", h->id, h->owner,
				strcmp(h->owner, m->in->by) == 0 ? "" : ", not yours,", p->name, h->reason);
		for (size_t k = 0; k < p->n_holds && m->in->request->verb == OP_DRAIN; k++)
			if (!is_own(m, p->holds[k].op))
				add_note(m, "%s is held by %s already: %s", p->name, p->holds[k].owner, p->holds[k].reason);
	}
}

/* --- what it rests on --------------------------------------------------------------------------------------------- */

struct lines {
	struct making *m;
	size_t size;
};

static void add_line(struct lines *l, const char *value, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The value is the last word of a line: blanks in it become underscores. */
static void
add_line(struct lines *l, const char *value, const char *format, ...)
{
	struct plan *p = l->m->plan;
	char text[700], clean[800], word[120];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(word, sizeof word, "%s", value[0] ? value : "-");
	for (char *c = word; *c; c++)
		*c = *c == ' ' ? '_' : *c;
	snprintf(text + strlen(text), sizeof text - strlen(text), " %s", word);
	text_sanitise_to(slice_of(text), clean, sizeof clean);
	if (p->n_basis == l->size) {
		const char **grown = arena_alloc(p->arena, (l->size = l->size * 2 + 64) * sizeof *grown);
		if (p->n_basis > 0)
			memcpy(grown, p->basis, p->n_basis * sizeof *grown);
		p->basis = grown;
	}
	p->basis[p->n_basis++] = keep(l->m, clean);
}

/* What every session carries before it is drained: after the undrain these must have it again. */
static void
add_carrier_lines(struct lines *l, const struct node *n)
{
	for (size_t i = 0; i < n->facts->n_sessions; i++)
		for (size_t k = 0; k < n->n_prefixes; k++) {
			bool carries;
			char prefix[PREFIX_TEXT_MAX];
			enum announced a = report_session_says(n->facts, &n->facts->sessions[i], &n->prefixes[k], &carries);
			if (a != ANNOUNCED_YES && a != ANNOUNCED_PREFER_AWAY)
				continue;
			prefix_format(&n->prefixes[k], prefix);
			add_line(l, announced_name(a), "%s %s %s %s", PLANNER_CARRIES, n->name, prefix, n->facts->sessions[i].name);
		}
}

static void
add_node_lines(struct lines *l, const struct node *n)
{
	add_line(l, verdict_name(n->verdict), "node %s", n->name);
	for (size_t i = 0; i < n->facts->n_sessions; i++) {
		const struct session_fact *s = &n->facts->sessions[i];
		const char *state = s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state);
		add_line(l, state, "session %s %s", n->name, s->name);
	}
	if (l->m->gates.verb == OP_DRAIN)
		add_carrier_lines(l, n);
	for (size_t i = 0; i < n->facts->n_origins; i++) {
		const struct origin_fact *o = &n->facts->origins[i];
		char prefix[PREFIX_TEXT_MAX];
		prefix_format(&o->prefix, prefix);
		add_line(l, o->is_enabled ? "enabled" : "disabled", "origin %s %s %s", n->name, o->prefix.family ? prefix : "-",
			o->by ? o->by : "-");
	}
}

static enum announced
seen_wire(const struct making *m, const struct pop *p, size_t prefix)
{
	return pop_is_stale(m->in->fleet, p, m->in->now) ? ANNOUNCED_UNKNOWN : p->announced[prefix];
}

static void
add_wire_lines(struct lines *l)
{
	const struct fleet *f = l->m->in->fleet;
	bool is_short = f->n_pops * f->n_prefixes > WIRE_LINES_MAX;
	for (size_t i = 0; i < f->n_pops; i++) {
		const struct pop *p = &f->pops[i];
		struct buf all = BUF_INIT(f->n_prefixes + 1);
		for (size_t k = 0; k < f->n_prefixes; k++) {
			enum announced a = seen_wire(l->m, p, k);
			char prefix[PREFIX_TEXT_MAX];
			prefix_format(&f->prefixes[k].prefix, prefix);
			if (is_short)
				buf_add_char(&all, (char)('0' + a));
			else
				add_line(l, announced_name(a), "wire %s %s", p->name, prefix);
		}
		char digest[DIGEST_HEX_SIZE];
		digest_hex(buf_slice(&all), digest);
		digest[16] = '\0';
		if (is_short)
			add_line(l, digest, "wire %s %zu prefixes", p->name, f->n_prefixes);
		buf_done(&all);
	}
}

static void
add_intent_lines(struct lines *l)
{
	const struct fleet *f = l->m->in->fleet;
	for (size_t i = 0; i < f->n_pops; i++)
		for (size_t k = 0; k < f->pops[i].n_holds; k++)
			if (!is_own(l->m, f->pops[i].holds[k].op))
				add_line(l, f->pops[i].holds[k].owner, "hold %s %s", f->pops[i].name, f->pops[i].holds[k].id);
	for (size_t i = 0; i < l->m->in->n_ops; i++) {
		const struct gate_op *op = &l->m->in->ops[i];
		if (op->is_open && !is_own(l->m, op->id))
			add_line(l, op_verb_name(op->verb), "operation %s %s", op->pop, op->id);
	}
}

/* What exactly is done on a node, as a hash: steps that differ are another plan. */
static void
add_step_lines(struct lines *l)
{
	const struct plan *p = l->m->plan;
	for (size_t i = 0; i < p->n_steps; i++) {
		struct plan one = { .n_steps = 1, .steps = &p->steps[i] };
		struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
		char digest[DIGEST_HEX_SIZE];
		plan_write(&one, &bytes);
		digest_hex(buf_slice(&bytes), digest);
		digest[16] = '\0';
		add_line(l, digest, "step %s %zu %zu %s", p->steps[i].node, p->steps[i].phase, i, p->steps[i].step.what);
		buf_done(&bytes);
	}
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
fill_basis(struct making *m)
{
	struct lines l = { .m = m };
	struct plan *p = m->plan;
	add_line(&l, p->environment, "environment");
	for (size_t i = 0; i < m->gates.n_targets; i++)
		for (size_t k = 0; k < target_pop(m, i)->n_nodes; k++)
			add_node_lines(&l, &m->in->fleet->nodes[target_pop(m, i)->nodes[k]]);
	add_wire_lines(&l);
	add_intent_lines(&l);
	add_step_lines(&l);
	for (size_t i = 0; i < p->n_gates; i++)
		add_line(&l, gate_level_name(p->gates[i].level), "gate %s", gate_name(p->gates[i].gate));
	qsort(p->basis, p->n_basis, sizeof *p->basis, compare_lines);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void
fill_head(struct making *m)
{
	const struct planner_input *in = m->in;
	const struct plan_request *r = in->request;
	struct plan *p = m->plan;
	snprintf(p->id, sizeof p->id, "%s", in->id ? in->id : "");
	snprintf(p->fleet, sizeof p->fleet, "%s", in->fleet->name);
	snprintf(p->environment, sizeof p->environment, "%s", in->fleet->environment);
	p->verb = r->verb;
	p->mode = r->mode;
	p->by = keep(m, in->by);
	p->reason = keep(m, r->reason);
	p->ticket = keep(m, r->ticket);
	p->kind = keep(m, hold_kind_name(r->kind));
	p->lease_s = r->lease_s;
	p->is_auto_undrain = r->is_auto_undrain;
	p->created = (struct wall){ in->wall.ns - in->wall.ns % CLOCK_NS_PER_MS };
	p->expires = (struct wall){ p->created.ns + PLAN_LIFE_MS * CLOCK_NS_PER_MS };
	m->gates = (struct gate_input){ .fleet = in->fleet, .verb = r->verb, .mode = r->mode, .targets = m->targets,
		.own_op = in->own_op, .n_ops = in->n_ops, .ops = in->ops, .scope = in->scope, .peak_qps = in->peak_qps,
		.drill_age_s = in->drill_age_s,
		.actor = in->actor, .actor_text = in->actor_text, .is_planning = in->is_planning, .now = in->now, .wall = in->wall };
}

static void
judge(struct making *m)
{
	struct plan *p = m->plan;
	m->gates.n_steps = m->n_touched;
	m->gates.steps = m->touched;
	p->gates = arena_alloc(p->arena, GATE_COUNT * sizeof *p->gates);
	p->n_gates = gate_judge(&m->gates, p->gates, &p->worst);
}

struct plan *
planner_make(const struct planner_input *in, struct err *err)
{
	struct making m = { .in = in, .plan = plan_new() };
	fill_head(&m);
	if (read_target_list(&m, err) == -1 || read_holds(&m, err) == -1 || add_steps(&m, err) == -1) {
		plan_free(m.plan);
		m.plan = NULL;
		goto out;
	}
	if (in->request->hold[0] || (m.plan->n_targets == 1 && m.released[0]))
		m.plan->hold = keep(&m, m.released[0] ? m.released[0]->id : in->request->hold);
	judge(&m);
	fill_prefixes(&m);
	m.plan->receivers = arena_alloc(m.plan->arena, (in->fleet->n_pops + 1) * sizeof *m.plan->receivers);
	if (in->request->verb == OP_DRAIN)
		fill_drain_load(&m);
	else
		fill_undrain_load(&m);
	tell_undo(&m);
	tell_holds(&m);
	fill_basis(&m);
out:
	free(m.touched);
	return m.plan;
}
