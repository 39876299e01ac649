/* SPDX-License-Identifier: Apache-2.0
 *
 * Gates: what must hold before a PoP may be changed, each one function and one row, each with a sentence that an operator
 * can act upon: the value that was found and the limit. They look at a const fleet and a few lists, know no clock and no
 * disk, and are run three times for one change: when planning, after the confirmation on re-read nodes, and between steps.
 *
 * One rule of counting serves them all (gate_pop_counts): a PoP counts for a prefix only when one of its nodes was heard
 * lately, has the prefix on its wire, and answers, and when nobody holds the PoP or is changing it. What is not known is
 * down. A hold or an operation of others is down already, whatever its PoP's wire still says (SAFETY.md I1); only the
 * operation that is being judged does not stand in its own way.
 *
 * What is refused here is refused for everybody: no role and no flag passes a gate. Nothing in here has a notion of "all
 * PoPs": an empty list of targets is refused before anything else is looked at.
 *
 * Called by backend/planner.c.
 */
#include "core/gate.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/load.h"
#include "core/text.h"

#define CHANGING_MAX        2 /* PoPs at a time, in the whole fleet */
#define CHANGING_REGION_MAX 1
#define NAMES_MAX           5 /* that a sentence lists */
#define HOUR_S              3600
#define SIGNED_SOON_S       86400 /* a zone that is kept signed has days left */

struct gate_row {
	const char *name, *text;
	bool judges[2]; /* by enum op_verb */
};

#define DRAIN   { true, false }
#define UNDRAIN { false, true }
#define BOTH    { true, true }
static const struct gate_row rows[GATE_COUNT] = {
#define GATE(code, name, verbs, text) [GATE_##code] = { name, text, verbs },
#include "core/gates.def"
#undef GATE
};
#undef DRAIN
#undef UNDRAIN
#undef BOTH

static const char *const level_words[] = { "pass", "warn", "refuse" };

const char *
gate_name(enum gate g)
{
	return rows[g].name;
}

const char *
gate_text(enum gate g)
{
	return rows[g].text;
}

const char *
gate_level_name(enum gate_level l)
{
	return level_words[l];
}

int
gate_parse(const char *name, enum gate *out)
{
	for (int i = 0; i < GATE_COUNT; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		*out = (enum gate)i;
		return 0;
	}
	return -1;
}

int
gate_level_parse(const char *name, enum gate_level *out)
{
	for (int i = GATE_PASS; i <= GATE_REFUSE; i++) {
		if (strcmp(level_words[i], name) != 0)
			continue;
		*out = (enum gate_level)i;
		return 0;
	}
	return -1;
}

bool
gate_judges(enum gate g, enum op_verb verb)
{
	return rows[g].judges[verb];
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static void say(struct gate_result *r, enum gate_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
say(struct gate_result *r, enum gate_level level, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	r->level = level;
	r->code = level == GATE_REFUSE ? ERR_REFUSED : ERR_OK;
	text_sanitise_to(slice_of(text), r->text, sizeof r->text);
}

/* A list of names for a sentence: the first few, and how many more. */
struct names {
	size_t n;
	char text[NAMES_MAX * (FLEET_NAME_MAX + 2) + 32];
};

static void
names_add(struct names *l, const char *name)
{
	size_t len = strlen(l->text);
	if (l->n++ < NAMES_MAX)
		snprintf(l->text + len, sizeof l->text - len, "%s%s", len ? ", " : "", name);
}

/* "fra, lon and 3 more" */
static const char *
names_text(struct names *l)
{
	size_t len = strlen(l->text);
	if (l->n > NAMES_MAX && !strstr(l->text, " more"))
		snprintf(l->text + len, sizeof l->text - len, " and %zu more", l->n - NAMES_MAX);
	return l->text;
}

static const char *
plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* "45s", "5m", "12m30": what stands in sentences. */
static const char *
span_text(double seconds, char out[16])
{
	int64_t s = (int64_t)seconds;
	if (s >= 60 && s < 3600 && s % 60 == 0)
		snprintf(out, 16, "%dm", (int)(s / 60));
	else
		duration_format(s, out, 16);
	return out;
}

static const char *
age_text(struct mono now, struct mono seen, char out[16])
{
	return span_text(mono_s_since(now, seen), out);
}

static const struct pop *
target_pop(const struct gate_input *in, size_t i)
{
	return &in->fleet->pops[in->targets[i]];
}

static const char *
target_names(const struct gate_input *in, struct names *l)
{
	*l = (struct names){ 0 };
	for (size_t i = 0; i < in->n_targets; i++)
		names_add(l, target_pop(in, i)->name);
	return names_text(l);
}

/* --- what is fresh, and who counts -------------------------------------------------------------------------------- */

bool
gate_is_fresh(const struct gate_input *in, const struct node *n, enum plane_name plane)
{
	return node_plane_is_fresh(n, plane, in->now) && mono_ms_since(in->now, n->planes[plane].seen) <= GATE_FRESH_MAX_MS;
}

bool
gate_node_answers(const struct gate_input *in, const struct node *n)
{
	return gate_is_fresh(in, n, PLANE_SERVICE) && n->planes[PLANE_SERVICE].is_good == TRI_YES;
}

/* What a node has on its wire, as far as that is fresh enough for a change. */
static enum announced
wire_of(const struct gate_input *in, const struct node *n, size_t prefix)
{
	if (!gate_is_fresh(in, n, PLANE_WIRE) || !gate_is_fresh(in, n, PLANE_SESSION))
		return ANNOUNCED_UNKNOWN;
	return node_announced(n, &in->fleet->prefixes[prefix].prefix, in->now);
}

static bool
is_target(const struct gate_input *in, size_t pop)
{
	for (size_t i = 0; i < in->n_targets; i++)
		if (in->targets[i] == pop)
			return true;
	return false;
}

static bool
is_own(const struct gate_input *in, const char *op)
{
	return in->own_op && op && strcmp(in->own_op, op) == 0;
}

/* The first hold that stands against a PoP; on a target, the hold of the very operation does not. */
static const struct hold *
hold_against(const struct gate_input *in, size_t pop)
{
	const struct pop *p = &in->fleet->pops[pop];
	for (size_t i = 0; i < p->n_holds; i++)
		if (!is_target(in, pop) || !is_own(in, p->holds[i].op))
			return &p->holds[i];
	return NULL;
}

static const struct gate_op *
op_against(const struct gate_input *in, size_t pop)
{
	for (size_t i = 0; i < in->n_ops; i++) {
		const struct gate_op *op = &in->ops[i];
		if (op->is_open && strcmp(op->pop, in->fleet->pops[pop].name) == 0 && !(is_target(in, pop) && is_own(in, op->id)))
			return op;
	}
	return NULL;
}

/* Down by intent, whatever the wire says. */
static bool
is_taken(const struct gate_input *in, size_t pop)
{
	if (hold_against(in, pop) || op_against(in, pop))
		return true;
	return !is_target(in, pop) && in->fleet->pops[pop].intent != ANNOUNCED_YES;
}

bool
gate_pop_counts(const struct gate_input *in, size_t pop, size_t prefix)
{
	const struct pop *p = &in->fleet->pops[pop];
	bool is_up = false;
	if (is_taken(in, pop))
		return false;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[p->nodes[i]];
		bool answers = gate_node_answers(in, n);
		if ((answers && is_up) || wire_of(in, n, prefix) != ANNOUNCED_YES)
			continue;
		if (answers)
			is_up = true;
		else if (n->planes[PLANE_SERVICE].is_good == TRI_NO)
			return false; /* one that attracts clients and does not answer spoils the PoP */
	}
	return is_up;
}

static enum announced
pop_wire(const struct gate_input *in, size_t pop, size_t prefix)
{
	const struct pop *p = &in->fleet->pops[pop];
	enum announced all = p->n_nodes ? ANNOUNCED_WITHDRAWN : ANNOUNCED_UNKNOWN;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[p->nodes[i]];
		enum announced a = n->bgp_driver[0] ? wire_of(in, n, prefix) : ANNOUNCED_WITHDRAWN;
		if (a == ANNOUNCED_YES)
			return a;
		if (a == ANNOUNCED_UNKNOWN || all == ANNOUNCED_WITHDRAWN)
			all = a;
	}
	return all;
}

void
gate_why_not(const struct gate_input *in, size_t pop, size_t prefix, char *why, size_t size)
{
	const struct pop *p = &in->fleet->pops[pop];
	const struct hold *hold = hold_against(in, pop);
	const struct gate_op *op = op_against(in, pop);
	enum announced wire = pop_wire(in, pop, prefix);
	char age[16];
	if (hold)
		snprintf(why, size, "held by %s", hold->owner);
	else if (op)
		snprintf(why, size, "%s %s is open", op_verb_name(op->verb), op->id);
	else if (is_taken(in, pop))
		snprintf(why, size, "being changed");
	else if (!mono_is_set(p->seen))
		snprintf(why, size, "never heard");
	else if (wire == ANNOUNCED_UNKNOWN && pop_is_stale(in->fleet, p, in->now))
		snprintf(why, size, "not heard for %s", age_text(in->now, p->seen, age));
	else if (wire == ANNOUNCED_UNKNOWN)
		snprintf(why, size, "its wire is not known");
	else if (wire == ANNOUNCED_YES)
		snprintf(why, size, "%s", p->verdict == VERDICT_BLACKHOLE ? "announces and does not answer" : "not known to answer");
	else
		snprintf(why, size, "%s", announced_name(wire));
}

bool
gate_prefix_is_touched(const struct gate_input *in, size_t prefix)
{
	for (size_t i = 0; i < in->n_targets; i++)
		if (pop_wire(in, in->targets[i], prefix) != ANNOUNCED_WITHDRAWN || in->verb == OP_UNDRAIN)
			return true;
	return false;
}

struct gate_count
gate_count_up(const struct gate_input *in, size_t prefix, const char *region, bool without_targets)
{
	struct gate_count c = { 0 };
	for (size_t i = 0; i < in->fleet->n_pops; i++) {
		if ((without_targets && is_target(in, i)) || !gate_pop_counts(in, i, prefix))
			continue;
		c.up++;
		if (region && strcmp(in->fleet->pops[i].region, region) == 0)
			c.up_region++;
	}
	return c;
}

static const struct policy *
policy_of(const struct gate_input *in, size_t prefix)
{
	return &in->fleet->services[in->fleet->prefixes[prefix].service].policy;
}

/* The strictest policy of all services that are touched; of all of them when none is (nothing is announced). */
static struct policy
strictest(const struct gate_input *in)
{
	struct policy p = { .max_drained = INT32_MAX, .max_load_pct = 100, .drill_days = -1 };
	bool is_any = false;
	for (size_t k = 0; k < in->fleet->n_prefixes; k++)
		is_any = is_any || gate_prefix_is_touched(in, k);
	for (size_t k = 0; k < in->fleet->n_prefixes; k++) {
		const struct policy *s = policy_of(in, k);
		if (is_any && !gate_prefix_is_touched(in, k))
			continue;
		p.max_drained = s->max_drained < p.max_drained ? s->max_drained : p.max_drained;
		p.max_load_pct = s->max_load_pct < p.max_load_pct ? s->max_load_pct : p.max_load_pct;
		p.quorum_pct = s->quorum_pct > p.quorum_pct ? s->quorum_pct : p.quorum_pct;
		p.spare = s->spare > p.spare ? s->spare : p.spare;
		if (s->drill_days > 0 && (p.drill_days < 0 || s->drill_days < p.drill_days))
			p.drill_days = s->drill_days;
	}
	return p;
}

/* --- scope, target, lock ------------------------------------------------------------------------------------------ */

static void
judge_scope(const struct gate_input *in, struct gate_result *r)
{
	if (in->scope && in->scope->may_act) {
		say(r, GATE_PASS, "%s may act here", in->scope->who ? in->scope->who : "the caller");
		return;
	}
	if (!in->scope)
		say(r, GATE_REFUSE, "nobody has asked for this");
	else
		say(r, GATE_REFUSE, "%s", in->scope->why_not ? in->scope->why_not : "this account may not act on these PoPs");
	r->code = ERR_PERMISSION;
}

/* -1 with the sentence when the list of targets is none. */
static int
check_list(const struct gate_input *in, struct gate_result *r)
{
	if (in->n_targets == 0) {
		say(r, GATE_REFUSE, "no PoP is named, and no PoP is never every PoP");
		return -1;
	}
	if (in->n_targets > OP_TARGETS_MAX) {
		say(r, GATE_REFUSE, "%zu PoPs are named, at most %d in one plan", in->n_targets, OP_TARGETS_MAX);
		return -1;
	}
	for (size_t i = 0; i < in->n_targets; i++) {
		if (in->targets[i] >= in->fleet->n_pops) {
			say(r, GATE_REFUSE, "target %zu is no PoP of this fleet", i + 1);
			return -1;
		}
		for (size_t k = 0; k < i; k++)
			if (in->targets[k] == in->targets[i]) {
				say(r, GATE_REFUSE, "%s is named twice", target_pop(in, i)->name);
				return -1;
			}
	}
	return 0;
}

/* The first node of the targets whose wire is not known, as a sentence. */
static bool
find_unknown_wire(const struct gate_input *in, char *text, size_t size)
{
	for (size_t t = 0; t < in->n_targets; t++)
		for (size_t i = 0; i < target_pop(in, t)->n_nodes; i++)
			for (size_t k = 0; k < in->fleet->n_prefixes; k++) {
				const struct node *n = &in->fleet->nodes[target_pop(in, t)->nodes[i]];
				char prefix[PREFIX_TEXT_MAX];
				if (!n->bgp_driver[0] || wire_of(in, n, k) != ANNOUNCED_UNKNOWN)
					continue;
				prefix_format(&in->fleet->prefixes[k].prefix, prefix);
				snprintf(text, size, "whether %s announces %s is not known", n->name, prefix);
				return true;
			}
	return false;
}

static bool
speaks_bgp(const struct gate_input *in, const struct pop *p)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (in->fleet->nodes[p->nodes[i]].bgp_driver[0])
			return true;
	return false;
}

/* Nothing is left to change on any wire: what is then left to do? */
static void
judge_no_steps(const struct gate_input *in, struct gate_result *r)
{
	struct names l;
	if (!in->is_planning) {
		say(r, GATE_PASS, "nothing is left to change on the nodes of %s", target_names(in, &l));
		return;
	}
	for (size_t i = 0; i < in->n_targets; i++) {
		const struct pop *p = target_pop(in, i);
		const struct hold *own = NULL;
		for (size_t k = 0; k < p->n_holds; k++)
			if (in->scope && in->scope->who && strcmp(p->holds[k].owner, in->scope->who) == 0)
				own = &p->holds[k];
		if (in->verb == OP_DRAIN && own) {
			say(r, GATE_REFUSE, "%s is off the wire and you hold it already (hold %s: %s); extend that", p->name, own->id,
				own->reason);
			return;
		}
		if (in->verb == OP_UNDRAIN && p->n_holds == 0) {
			say(r, GATE_REFUSE, "%s is announced and nobody holds it: there is nothing to undrain", p->name);
			return;
		}
	}
	if (in->verb == OP_DRAIN)
		say(r, GATE_PASS, "%s is off the wire already: a hold is added and nothing is sent to the nodes", target_names(in, &l));
	else if (in->hold_pop_count > 0)
		say(r, GATE_PASS, "a hold on %s is released and nothing is sent to the nodes", target_names(in, &l));
	else
		say(r, GATE_PASS, "%s is announced already: only the hold is released", target_names(in, &l));
}

/* The first step of its node: a node has several, and comes back in each phase. */
static bool
is_first_step(const struct gate_input *in, size_t step)
{
	for (size_t i = 0; i < step; i++)
		if (strcmp(in->steps[i].node, in->steps[step].node) == 0)
			return false;
	return true;
}

static void
judge_target(const struct gate_input *in, struct gate_result *r)
{
	struct names l, nodes = { 0 };
	char text[OP_TEXT_SIZE];
	if (check_list(in, r) == -1)
		return;
	for (size_t i = 0; i < in->n_targets; i++)
		if (!speaks_bgp(in, target_pop(in, i))) {
			say(r, GATE_REFUSE, "no node of %s has a BGP daemon that we know", target_pop(in, i)->name);
			return;
		}
	for (size_t i = 0; i < in->n_steps; i++)
		if (!in->steps[i].is_understood) {
			say(r, GATE_REFUSE, "%s: %s", in->steps[i].node, in->steps[i].text ? in->steps[i].text : "its driver cannot do this");
			return;
		}
	if (in->hold_pop_count == 0 && find_unknown_wire(in, text, sizeof text)) {
		say(r, GATE_REFUSE, "%s", text);
		return;
	}
	if (in->n_steps == 0) {
		judge_no_steps(in, r);
		return;
	}
	for (size_t i = 0; i < in->n_steps; i++)
		if (is_first_step(in, i))
			names_add(&nodes, in->steps[i].node);
	say(r, GATE_PASS, "%zu step%s on %zu node%s of %s", in->n_steps, plural(in->n_steps), nodes.n, plural(nodes.n),
		target_names(in, &l));
}

static void
judge_lock(const struct gate_input *in, struct gate_result *r)
{
	struct names l;
	for (size_t i = 0; i < in->n_targets; i++) {
		const struct gate_op *op = op_against(in, in->targets[i]);
		char age[16];
		if (!op)
			continue;
		span_text(op->age_s, age);
		say(r, GATE_REFUSE, "%s %s is open on %s since %s; one operation a PoP at a time", op_verb_name(op->verb), op->id, op->pop,
			age);
		r->code = ERR_CONFLICT;
		return;
	}
	say(r, GATE_PASS, "no other operation is open on %s", target_names(in, &l));
}

/* --- announce count ----------------------------------------------------------------------------------------------- */

/* "; not counted: ams (held by bob), lon (withdrawn)" */
static void
tell_not_counted(const struct gate_input *in, size_t prefix, const char *region, char *out, size_t size)
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < in->fleet->n_pops && n < 3; i++) {
		const struct pop *p = &in->fleet->pops[i];
		size_t len = strlen(out);
		char why[80];
		if (is_target(in, i) || gate_pop_counts(in, i, prefix) || (region && strcmp(p->region, region) != 0))
			continue;
		gate_why_not(in, i, prefix, why, sizeof why);
		snprintf(out + len, size - len, "%s%s (%s)", n++ ? ", " : "; not counted: ", p->name, why);
	}
}

static const char *
names_counted(const struct gate_input *in, size_t prefix, const char *region, struct names *l)
{
	*l = (struct names){ 0 };
	for (size_t i = 0; i < in->fleet->n_pops; i++)
		if (!is_target(in, i) && gate_pop_counts(in, i, prefix) &&
			(!region || strcmp(in->fleet->pops[i].region, region) == 0))
			names_add(l, in->fleet->pops[i].name);
	return names_text(l);
}

/* A target that announces and is known not to answer serves nobody: taking it away takes nothing away. */
static bool
targets_are_dead(const struct gate_input *in)
{
	for (size_t t = 0; t < in->n_targets; t++)
		for (size_t i = 0; i < target_pop(in, t)->n_nodes; i++) {
			const struct node *n = &in->fleet->nodes[target_pop(in, t)->nodes[i]];
			if (n->verdict != VERDICT_BLACKHOLE || !gate_is_fresh(in, n, PLANE_SERVICE))
				return false;
		}
	return true;
}

/* One prefix against one limit; true when it is under it. `region` NULL: the fleet. */
static bool
is_under(const struct gate_input *in, size_t prefix, const char *region, struct gate_result *r)
{
	const struct policy *p = policy_of(in, prefix);
	struct gate_count c = gate_count_up(in, prefix, region, true);
	size_t up = region ? c.up_region : c.up, least = (size_t)(region ? p->min_pops_per_region : p->min_pops);
	size_t spare = region ? 0 : (size_t)p->spare;
	enum gate_level level = targets_are_dead(in) ? GATE_WARN : GATE_REFUSE;
	char text[PREFIX_TEXT_MAX], others[200];
	struct names l;
	if (up >= least + spare)
		return false;
	prefix_format(&in->fleet->prefixes[prefix].prefix, text);
	tell_not_counted(in, prefix, region, others, sizeof others);
	const char *names = names_counted(in, prefix, region, &l);
	struct buf b = BUF_INIT(1000);
	buf_printf(&b, "%s would be announced by %zu PoP%s", text, up, plural(up));
	if (region)
		buf_printf(&b, " in region %s", region[0] ? region : "(none)");
	if (up > 0)
		buf_printf(&b, " (%s)", names);
	buf_printf(&b, ", %s is %zu", region ? "min_pops_per_region" : "min_pops", least);
	if (up >= least)
		buf_printf(&b, " and spare %zu: %zu are needed", spare, least + spare);
	buf_add_text(&b, others);
	if (level == GATE_WARN)
		buf_add_text(&b, "; the target does not answer, so this changes nothing for it");
	say(r, level, "%s", buf_text(&b));
	buf_done(&b);
	return true;
}

static void
judge_floor(const struct gate_input *in, struct gate_result *r)
{
	size_t least = SIZE_MAX, which = 0;
	for (size_t k = 0; k < in->fleet->n_prefixes; k++) {
		if (!gate_prefix_is_touched(in, k))
			continue;
		if (is_under(in, k, NULL, r))
			return;
		for (size_t i = 0; i < in->n_targets; i++)
			if (is_under(in, k, target_pop(in, i)->region, r))
				return;
		size_t up = gate_count_up(in, k, NULL, true).up;
		which = up < least ? k : which;
		least = up < least ? up : least;
	}
	if (least == SIZE_MAX) {
		say(r, GATE_PASS, "no prefix leaves a wire");
		return;
	}
	const struct policy *p = policy_of(in, which);
	say(r, GATE_PASS, "every prefix stays announced by %zu PoP%s or more, min_pops is %d and spare %d", least, plural(least),
		p->min_pops, p->spare);
}

static void
judge_last(const struct gate_input *in, struct gate_result *r)
{
	struct names l;
	for (size_t k = 0; k < in->fleet->n_prefixes; k++) {
		char text[PREFIX_TEXT_MAX];
		if (!gate_prefix_is_touched(in, k) || gate_count_up(in, k, NULL, true).up > 0)
			continue;
		prefix_format(&in->fleet->prefixes[k].prefix, text);
		say(r, GATE_REFUSE, "no PoP but %s is known to announce %s and answer: nobody may withdraw the last one",
			target_names(in, &l), text);
		return;
	}
	say(r, GATE_PASS, "%s is not the last PoP of any prefix", target_names(in, &l));
}

/* --- sight -------------------------------------------------------------------------------------------------------- */

/* The planes that a change of this node rests on. */
static bool
is_target_fresh(const struct gate_input *in, const struct node *n)
{
	if (n->bgp_driver[0] && (!gate_is_fresh(in, n, PLANE_SESSION) || !gate_is_fresh(in, n, PLANE_WIRE)))
		return false;
	if (in->verb == OP_UNDRAIN || !n->bgp_driver[0])
		return gate_is_fresh(in, n, PLANE_SERVICE);
	return true;
}

static struct mono
oldest_plane(const struct node *n)
{
	struct mono session = n->planes[PLANE_SESSION].seen, wire = n->planes[PLANE_WIRE].seen;
	struct mono old = mono_before(session, wire) ? session : wire;
	return n->bgp_driver[0] ? old : n->planes[PLANE_SERVICE].seen;
}

static void
tell_stale(const struct gate_input *in, const struct node *n, struct gate_result *r)
{
	int64_t limit_ms = 3 * n->poll_ms < GATE_FRESH_MAX_MS ? 3 * n->poll_ms : GATE_FRESH_MAX_MS;
	struct mono seen = oldest_plane(n);
	char age[16], limit[16];
	span_text((double)((limit_ms + 999) / 1000), limit);
	if (n->is_restored)
		say(r, GATE_REFUSE, "what is known of %s is from before the backend was restarted", n->name);
	else if (!mono_is_set(seen))
		say(r, GATE_REFUSE, "%s was never heard", n->name);
	else if (mono_ms_since(in->now, seen) <= limit_ms)
		say(r, GATE_REFUSE, "whether %s answers was last seen longer than %s ago", n->name, limit);
	else
		say(r, GATE_REFUSE, "%s was last read %s ago, the limit is %s (three polls, 30s at most)", n->name,
			age_text(in->now, seen, age), limit);
}

static bool
is_visible(const struct gate_input *in, size_t pop)
{
	const struct pop *p = &in->fleet->pops[pop];
	for (size_t i = 0; i < p->n_nodes; i++)
		for (int k = 0; k < PLANE_COUNT; k++)
			if (gate_is_fresh(in, &in->fleet->nodes[p->nodes[i]], (enum plane_name)k))
				return true;
	return false;
}

/* PoPs of the targets' regions that should take over and were not heard. */
static void
collect_silent(const struct gate_input *in, struct names *l)
{
	for (size_t i = 0; i < in->fleet->n_pops; i++) {
		bool is_near = false;
		for (size_t t = 0; t < in->n_targets; t++)
			is_near = is_near || strcmp(in->fleet->pops[i].region, target_pop(in, t)->region) == 0;
		if (is_near && !is_target(in, i) && !is_taken(in, i) && !is_visible(in, i))
			names_add(l, in->fleet->pops[i].name);
	}
}

static void
judge_fresh(const struct gate_input *in, struct gate_result *r)
{
	struct names silent = { 0 }, l;
	size_t nodes = 0;
	for (size_t t = 0; t < in->n_targets; t++)
		for (size_t i = 0; i < target_pop(in, t)->n_nodes; i++, nodes++) {
			const struct node *n = &in->fleet->nodes[target_pop(in, t)->nodes[i]];
			if (is_target_fresh(in, n))
				continue;
			tell_stale(in, n, r);
			return;
		}
	if (in->verb == OP_DRAIN)
		collect_silent(in, &silent);
	if (silent.n > 0)
		say(r, GATE_WARN, "%s, which would have to take over, %s not heard lately and count%s as down", names_text(&silent),
			silent.n == 1 ? "was" : "were", silent.n == 1 ? "s" : "");
	else
		say(r, GATE_PASS, "%zu of %zu node%s of %s %s read within three polls", nodes, nodes, plural(nodes), target_names(in, &l),
			nodes == 1 ? "was" : "were");
}

/* Does a vantage get answers from any service that is touched? *has_probe: is there anything to ask at all? */
static bool
is_answered_outside(const struct gate_input *in, bool *has_probe, struct names *who)
{
	const struct fleet *f = in->fleet;
	for (size_t i = 0; i < f->n_services; i++)
		*has_probe = *has_probe || f->services[i].n_probes > 0;
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		bool answers = false;
		if (n->role != NODE_VANTAGE || !gate_is_fresh(in, n, PLANE_SERVICE))
			continue;
		for (size_t k = 0; k < n->facts->n_answers; k++)
			answers = answers || (n->facts->answers[k].service && n->facts->answers[k].is_answered == TRI_YES);
		if (answers)
			names_add(who, n->name);
	}
	return who->n > 0;
}

static void
judge_quorum(const struct gate_input *in, struct gate_result *r)
{
	struct policy p = strictest(in);
	struct names dark = { 0 }, who = { 0 };
	size_t seen = 0, total = 0;
	bool has_probe = false;
	for (size_t i = 0; i < in->fleet->n_pops; i++) {
		/* a PoP that is held may well be switched off: it is neither seen nor missed */
		if (!is_target(in, i) && hold_against(in, i) && !is_visible(in, i))
			continue;
		total++;
		if (is_visible(in, i))
			seen++;
		else
			names_add(&dark, in->fleet->pops[i].name);
	}
	if (seen * 100 < total * (size_t)p.quorum_pct) {
		say(r, GATE_REFUSE, "%zu of %zu PoPs are visible (%zu %%), quorum is %d %%; not visible: %s", seen, total,
			total ? seen * 100 / total : 0, p.quorum_pct, names_text(&dark));
		return;
	}
	if (is_answered_outside(in, &has_probe, &who))
		say(r, GATE_PASS, "%zu of %zu PoPs are visible, quorum is %d %%; answered from outside: %s", seen, total, p.quorum_pct,
			names_text(&who));
	else if (has_probe && in->verb == OP_DRAIN && targets_are_dead(in))
		/* vantages that land in the hole are the reason to close it */
		say(r, GATE_WARN, "no vantage gets an answer from the service, as when all of them reach %s, which does not answer",
			target_names(in, &who));
	else if (has_probe)
		say(r, GATE_REFUSE, "no vantage, not even local, gets an answer from the service: what clients see is not known");
	else
		say(r, GATE_WARN, "%zu of %zu PoPs are visible, but no service has a probe: what clients see is not known", seen, total);
}

/* --- capacity ----------------------------------------------------------------------------------------------------- */

static double
percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : INFINITY;
}

/* What is not known; true when that ends the judgement. */
static bool
is_load_unknown(const struct gate_input *in, const struct load *l, struct gate_result *r)
{
	struct names names;
	double receivers = 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->shares[i].is_receiver && !isnan(l->shares[i].capacity))
			receivers += l->shares[i].capacity;
	if (!l->is_declared)
		say(r, GATE_WARN, "capacity is not declared: no node has capacity_qps, so what the rest can carry is not known");
	else if (l->n == 0)
		say(r, GATE_REFUSE, "no PoP remains that could carry the load of %s", target_names(in, &names));
	else if (isnan(l->moved))
		say(r, GATE_REFUSE, "the rate of %s is not known, so what the others would have to carry is not either",
			target_names(in, &names));
	else if (l->unknown != SIZE_MAX)
		say(r, GATE_REFUSE, "the rate of %s is not known, so what it can still take is not either", in->fleet->pops[l->unknown].name);
	else if (receivers <= 0)
		say(r, GATE_REFUSE, "none of the PoPs that would take over declares its capacity_qps");
	else
		return false;
	return true;
}

static bool
is_overloaded(const struct gate_input *in, const struct load *l, int max_pct, struct gate_result *r)
{
	const struct load_share *worst = NULL;
	for (size_t i = 0; i < l->n; i++) {
		const struct load_share *s = &l->shares[i];
		if (!s->is_receiver || isnan(s->capacity) || percent(s->after, s->capacity) <= max_pct)
			continue;
		if (!worst || percent(s->after, s->capacity) > percent(worst->after, worst->capacity))
			worst = s;
	}
	if (!worst)
		return false;
	char after[16], capacity[16];
	text_number(worst->after, after, sizeof after);
	text_number(worst->capacity, capacity, sizeof capacity);
	say(r, GATE_REFUSE, "%s would carry %s of %s queries/s (%.0f %%), max_load is %d %%", in->fleet->pops[worst->pop].name, after,
		capacity, percent(worst->after, worst->capacity), max_pct);
	return true;
}

/* The load as it would be after the drain, and after the loss of the largest PoP on top. */
static void
judge_loss(const struct gate_input *in, const struct load *l, const struct policy *p, struct gate_result *r)
{
	const struct load_share *largest = &l->shares[l->largest];
	const char *name = in->fleet->pops[largest->pop].name;
	double rest = l->capacity - largest->capacity;
	char load[16], capacity[16];
	text_number(l->total, load, sizeof load);
	text_number(rest, capacity, sizeof capacity);
	if (percent(l->total, rest) <= p->max_load_pct)
		say(r, GATE_PASS, "the rest would carry %.0f %% of its capacity, %.0f %% after the loss of %s too; max_load is %d %%",
			percent(l->total, l->capacity), percent(l->total, rest), name, p->max_load_pct);
	else if (rest <= 0)
		say(r, p->spare > 0 ? GATE_REFUSE : GATE_WARN, "after the loss of %s too nothing would be left to carry %s queries/s", name,
			load);
	else
		say(r, p->spare > 0 ? GATE_REFUSE : GATE_WARN,
			"after the loss of %s too, the largest that remains, %s queries/s would meet a capacity of %s (%.0f %%), max_load is "
			"%d %%",
			name, load, capacity, percent(l->total, rest), p->max_load_pct);
}

static void
judge_return(const struct gate_input *in, struct gate_result *r)
{
	struct policy p = strictest(in);
	for (size_t i = 0; i < in->n_targets; i++) {
		double share = load_expect(in, in->targets[i], true), capacity = load_capacity(in, in->targets[i]);
		const char *name = target_pop(in, i)->name;
		char expected[16], most[16];
		if (in->hold_pop_count > 0) {
			say(r, GATE_PASS, "%s draws no load while it stays withdrawn", name);
			return;
		}
		if (isnan(share) || isnan(capacity)) {
			say(r, GATE_PASS, "what %s will draw cannot be told: rates or capacities are not known", name);
			return;
		}
		text_number(share, expected, sizeof expected);
		text_number(capacity, most, sizeof most);
		bool fits = percent(share, capacity) <= p.max_load_pct;
		say(r, fits ? GATE_PASS : GATE_WARN, "%s is expected to draw %s of %s queries/s (%.0f %%), max_load is %d %%", name, expected,
			most, percent(share, capacity), p.max_load_pct);
		if (!fits)
			return;
	}
}

/* Leaving a dead PoP announced helps nobody, and what its clients will ask of the others is a guess. */
static void
soften(const struct gate_input *in, struct gate_result *r)
{
	struct names l;
	char text[OP_TEXT_SIZE];
	snprintf(text, sizeof text, "%s", r->text);
	say(r, GATE_WARN, "%s does not answer; if its clients bring its whole capacity: %s", target_names(in, &l), text);
}

static void
judge_capacity(const struct gate_input *in, struct gate_result *r)
{
	struct policy p = strictest(in);
	struct names names;
	struct load l;
	if (in->verb == OP_UNDRAIN) {
		judge_return(in, r);
		return;
	}
	load_read(in, true, &l);
	if (l.moved <= 0 && l.n > 0)
		say(r, GATE_PASS, "%s has no load that would move", target_names(in, &names));
	else if (!is_load_unknown(in, &l, r) && !is_overloaded(in, &l, p.max_load_pct, r))
		judge_loss(in, &l, &p, r);
	if (l.is_assumed && l.n > 0 && r->level == GATE_REFUSE)
		soften(in, r);
	load_done(&l);
}

/* --- budget and pace ---------------------------------------------------------------------------------------------- */

/* Another PoP that is drained, or about to be. */
static bool
is_drained_by_others(const struct gate_input *in, size_t pop)
{
	const struct gate_op *op = op_against(in, pop);
	return !is_target(in, pop) && (hold_against(in, pop) || (op && op->verb == OP_DRAIN));
}

/* A PoP of the targets' regions that another operation is changing. */
static const struct gate_op *
change_nearby(const struct gate_input *in)
{
	for (size_t i = 0; i < in->fleet->n_pops; i++) {
		const struct gate_op *op = op_against(in, i);
		for (size_t t = 0; op && t < in->n_targets; t++)
			if (!is_target(in, i) && !is_own(in, op->id) &&
				strcmp(in->fleet->pops[i].region, target_pop(in, t)->region) == 0)
				return op;
	}
	return NULL;
}

static void
judge_budget(const struct gate_input *in, struct gate_result *r)
{
	struct policy p = strictest(in);
	struct names drained = { 0 }, changing = { 0 };
	for (size_t i = 0; i < in->fleet->n_pops; i++) {
		const struct gate_op *op = op_against(in, i);
		if (is_target(in, i) || is_drained_by_others(in, i))
			names_add(&drained, in->fleet->pops[i].name);
		if (op && !is_target(in, i) && !is_own(in, op->id))
			names_add(&changing, in->fleet->pops[i].name);
	}
	const struct gate_op *near = change_nearby(in);
	if (drained.n > (size_t)p.max_drained)
		say(r, GATE_REFUSE, "%zu PoPs would be drained or held (%s), max_drained is %d", drained.n, names_text(&drained),
			p.max_drained);
	else if (near)
		say(r, GATE_REFUSE, "%s %s is changing %s in the same region; at most %d PoP a region at a time", op_verb_name(near->verb),
			near->id, near->pop, CHANGING_REGION_MAX);
	else if (changing.n + 1 > CHANGING_MAX)
		say(r, GATE_REFUSE, "%zu PoPs are being changed already (%s), at most %d at a time", changing.n, names_text(&changing),
			CHANGING_MAX);
	else
		say(r, GATE_PASS, "%zu PoP%s would be drained or held, max_drained is %d", drained.n, plural(drained.n), p.max_drained);
}

static void
judge_pace(const struct gate_input *in, struct gate_result *r)
{
	const struct limits *limits = &in->fleet->limits;
	const struct gate_op *newest = NULL;
	size_t n = 0;
	char age[16], gap[16];
	for (size_t i = 0; i < in->n_ops; i++) {
		const struct gate_op *op = &in->ops[i];
		if (op->verb != OP_DRAIN || is_own(in, op->id) || op->age_s > HOUR_S)
			continue;
		n++;
		if (!newest || op->age_s < newest->age_s)
			newest = op;
	}
	if ((int64_t)(n + in->n_targets) > limits->drains_per_hour) {
		say(r, GATE_REFUSE, "%zu PoP%s drained within the hour, drains_per_hour is %lld", n, n == 1 ? " was" : "s were",
			(long long)limits->drains_per_hour);
		return;
	}
	span_text((double)limits->drain_gap_s, gap);
	if (newest && newest->age_s < (double)limits->drain_gap_s) {
		span_text(newest->age_s, age);
		say(r, GATE_WARN, "the drain of %s began %s ago, drain_gap is %s", newest->pop, age, gap);
		return;
	}
	say(r, GATE_PASS, "no drain began within %s, and %zu within the hour (at most %lld)", gap, n,
		(long long)limits->drains_per_hour);
}

/* --- drill -------------------------------------------------------------------------------------------------------- */

#define DAY_S 86400.0

/* A way out that nobody has walked lately is no way out to rely upon: not refused, but looked at by two. */
static void
judge_drill(const struct gate_input *in, struct gate_result *r)
{
	struct policy p = strictest(in);
	struct names never = { 0 }, old = { 0 }, l;
	double oldest = 0;
	if (p.drill_days <= 0) {
		say(r, GATE_PASS, "drill_days is not set: no drill is asked for");
		return;
	}
	for (size_t t = 0; t < in->n_targets; t++) {
		double age_s = in->drill_age_s ? in->drill_age_s[in->targets[t]] : NAN;
		if (isnan(age_s))
			names_add(&never, target_pop(in, t)->name);
		else if (age_s > p.drill_days * DAY_S)
			names_add(&old, target_pop(in, t)->name);
		oldest = age_s > oldest ? age_s : oldest;
	}
	if (never.n > 0)
		say(r, GATE_WARN, "that %s was ever drained and brought back, both measured, is not on record; drill_days is %d",
			names_text(&never), p.drill_days);
	else if (old.n > 0)
		say(r, GATE_WARN, "%s %s last drained and brought back, both measured, %.0f days ago; drill_days is %d", names_text(&old),
			old.n == 1 ? "was" : "were", floor(oldest / DAY_S), p.drill_days);
	else
		say(r, GATE_PASS, "%s %s drained and brought back, both measured, %.0f days ago; drill_days is %d", target_names(in, &l),
			in->n_targets == 1 ? "was" : "were", floor(oldest / DAY_S), p.drill_days);
}

/* --- health ------------------------------------------------------------------------------------------------------- */

struct health {
	enum tri inside, outside;
	bool is_asked; /* is there a second method at all? */
};

/* What the node says of itself, and what its own address answers when asked from elsewhere. */
static struct health
health_of(const struct gate_input *in, const struct node *n)
{
	struct health h = { TRI_UNKNOWN, TRI_UNKNOWN, n->conf && n->conf->ask_own };
	bool is_fresh = gate_is_fresh(in, n, PLANE_SERVICE);
	for (size_t i = 0; i < n->facts->n_answers; i++) {
		const struct answer_fact *a = &n->facts->answers[i];
		if (a->service)
			continue;
		h.is_asked = true;
		bool is_good = a->rcode && (strcmp(a->rcode, "NOERROR") == 0 || strcmp(a->rcode, "NXDOMAIN") == 0);
		if (is_fresh)
			h.outside = a->is_answered == TRI_YES && !is_good ? TRI_NO : a->is_answered;
	}
	if (!is_fresh)
		return h;
	if (n->planes[PLANE_SERVICE].error == ERR_NOT_RUNNING)
		h.inside = TRI_NO;
	else if (n->facts->is_healthy != TRI_UNKNOWN)
		h.inside = n->facts->is_healthy;
	else if ((n->facts->sections & REPORT_DNS) && n->planes[PLANE_SERVICE].error == ERR_OK)
		h.inside = TRI_YES; /* its daemon counts queries: it runs */
	return h;
}

/* One node of the PoP announces, and is well by both methods. *is_asked: somebody asks it from outside at all. */
static bool
is_proven(const struct gate_input *in, size_t pop, size_t prefix, bool *is_asked)
{
	const struct pop *p = &in->fleet->pops[pop];
	*is_asked = false;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[p->nodes[i]];
		struct health h = health_of(in, n);
		*is_asked = *is_asked || h.is_asked;
		if (h.inside == TRI_YES && h.outside == TRI_YES && wire_of(in, n, prefix) == ANNOUNCED_YES)
			return true;
	}
	return false;
}

/* Drain: enough of those that count must be well by two methods, so that one method's mistake is not everybody's. */
static void
judge_rest(const struct gate_input *in, struct gate_result *r)
{
	size_t least = SIZE_MAX;
	for (size_t k = 0; k < in->fleet->n_prefixes; k++) {
		const struct policy *p = policy_of(in, k);
		size_t need = p->min_pops > 0 ? (size_t)p->min_pops : 1, proven = 0;
		struct names half = { 0 };
		bool is_any_asked = false;
		if (!gate_prefix_is_touched(in, k))
			continue;
		for (size_t i = 0; i < in->fleet->n_pops; i++) {
			bool is_asked;
			if (is_target(in, i) || !gate_pop_counts(in, i, k))
				continue;
			if (is_proven(in, i, k, &is_asked)) {
				proven++;
				continue;
			}
			is_any_asked = is_any_asked || is_asked;
			names_add(&half, in->fleet->pops[i].name);
		}
		if (proven < need && half.n > 0) {
			say(r, is_any_asked ? GATE_REFUSE : GATE_WARN,
				"%zu of the PoPs that remain %s well by both methods, min_pops is %d; by one only: %s%s", proven,
				proven == 1 ? "is" : "are", p->min_pops, names_text(&half),
				is_any_asked ? "" : " (nothing asks them from outside: dns address or ask_own)");
			return;
		}
		least = proven < least ? proven : least;
	}
	if (least == SIZE_MAX)
		say(r, GATE_PASS, "no prefix leaves a wire");
	else
		say(r, GATE_PASS, "%zu of the PoPs that remain %s well by their own word and by an answer from outside", least,
			least == 1 ? "is" : "are");
}

/* Undrain: every node that comes back must be well by both. */
static void
judge_health(const struct gate_input *in, struct gate_result *r)
{
	struct names lone = { 0 }, l;
	if (in->verb == OP_DRAIN) {
		judge_rest(in, r);
		return;
	}
	for (size_t t = 0; t < in->n_targets; t++)
		for (size_t i = 0; i < target_pop(in, t)->n_nodes; i++) {
			const struct node *n = &in->fleet->nodes[target_pop(in, t)->nodes[i]];
			struct health h = health_of(in, n);
			bool is_alone = !h.is_asked && h.inside == TRI_YES;
			if (in->hold_pop_count > 0 || (h.inside == TRI_YES && h.outside == TRI_YES))
				continue;
			if (is_alone) {
				names_add(&lone, n->name);
				continue;
			}
			say(r, GATE_REFUSE, "%s is not well by both methods: its own word is %s, an answer from outside %s", n->name,
				tri_name(h.inside), h.is_asked ? tri_name(h.outside) : "is not asked for");
			return;
		}
	if (in->hold_pop_count > 0)
		say(r, GATE_PASS, "%s stays withdrawn", target_names(in, &l));
	else if (lone.n > 0)
		say(r, GATE_WARN, "%s: well by its own word only, nothing asks from outside (dns address or ask_own)", names_text(&lone));
	else
		say(r, GATE_PASS, "every node of %s is well by its own word and by an answer from outside", target_names(in, &l));
}

/* --- path, collateral, zone, holds, actor ------------------------------------------------------------------------- */

static int
read_address(const char *text, struct prefix *out)
{
	*out = (struct prefix){ 0 };
	if (inet_pton(AF_INET, text, out->addr) == 1) {
		out->family = FAMILY_V4;
		out->len = 32;
		return 0;
	}
	if (inet_pton(AF_INET6, text, out->addr) != 1)
		return -1;
	out->family = FAMILY_V6;
	out->len = 128;
	return 0;
}

/* The literal host of a URL: "http://[::1]:80/x" gives "::1". */
static void
host_of(const char *url, char *out, size_t size)
{
	const char *p = strstr(url, "://"), *end;
	p = p ? p + 3 : url;
	if (*p == '[') {
		p++;
		end = strchr(p, ']');
	} else {
		end = p + strcspn(p, ":/");
	}
	slice_copy((struct slice){ p, end ? (size_t)(end - p) : 0 }, out, size);
}

/* True when the way to the node is good; else says why not. */
static bool
is_path_clear(const struct gate_input *in, const struct node *n, struct gate_result *r)
{
	char address[64] = "", prefix[PREFIX_TEXT_MAX];
	struct prefix host;
	if (!n->conf) {
		say(r, GATE_REFUSE, "how %s is reached is not known", n->name);
		return false;
	}
	if (n->conf->ssh.via == SSH_VIA_LOCAL || n->conf->ssh.via == SSH_VIA_REPLAY)
		return true;
	if (n->conf->agent_url)
		host_of(n->conf->agent_url, address, sizeof address);
	if (!n->conf->agent_url || (read_address(address, &host) == -1 && n->conf->resolved[0]))
		snprintf(address, sizeof address, "%s", n->conf->resolved);
	if (read_address(address, &host) == -1) {
		say(r, GATE_REFUSE, "the management address of %s is not known: its name did not resolve at load", n->name);
		return false;
	}
	for (size_t k = 0; k < in->fleet->n_prefixes; k++) {
		if (!prefix_covers(&in->fleet->prefixes[k].prefix, &host))
			continue;
		prefix_format(&in->fleet->prefixes[k].prefix, prefix);
		say(r, GATE_REFUSE, "%s is reached at %s, inside the service prefix %s: the way to undo would go with it", n->name, address,
			prefix);
		return false;
	}
	return true;
}

static void
judge_path(const struct gate_input *in, struct gate_result *r)
{
	struct names l;
	for (size_t t = 0; t < in->n_targets; t++)
		for (size_t i = 0; i < target_pop(in, t)->n_nodes; i++)
			if (!is_path_clear(in, &in->fleet->nodes[target_pop(in, t)->nodes[i]], r))
				return;
	say(r, GATE_PASS, "no node of %s is reached through a service prefix", target_names(in, &l));
}

static void
judge_collateral(const struct gate_input *in, struct gate_result *r)
{
	for (size_t i = 0; i < in->n_steps; i++) {
		const struct gate_plan_step *s = &in->steps[i];
		if (s->n_other == 0)
			continue;
		say(r, GATE_REFUSE, "on %s it would withdraw %zu other prefix%s too: %s", s->node, s->n_other, s->n_other == 1 ? "" : "es",
			s->other ? s->other : "not named");
		return;
	}
	say(r, GATE_PASS, "nothing but service prefixes is withdrawn");
}

/* RFC 1982: is `a` newer than `b`? */
static bool
is_newer_serial(int64_t a, int64_t b)
{
	return a != b && (uint32_t)((uint32_t)a - (uint32_t)b) < UINT32_C(0x80000000);
}

/* Knot ends names of zones with a dot, NSD and BIND do not; letters have no case (RFC 4343). */
static bool
is_same_zone(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	la -= la > 1 && a[la - 1] == '.';
	lb -= lb > 1 && b[lb - 1] == '.';
	return la == lb && strncasecmp(a, b, la) == 0;
}

/* What came back from the node's own address, or NULL. */
static const struct answer_fact *
own_answer(const struct node *n)
{
	for (size_t i = 0; i < n->facts->n_answers; i++)
		if (!n->facts->answers[i].service)
			return &n->facts->answers[i];
	return NULL;
}

static int64_t
answered_serial(const struct node *n)
{
	const struct answer_fact *a = own_answer(n);
	return a ? a->serial : -1;
}

/* Is this the zone that the services' probes ask for? Then an answer from outside says its serial too. */
static bool
is_probed(const struct fleet *f, const char *zone)
{
	for (size_t i = 0; i < f->n_services; i++)
		for (size_t k = 0; k < f->services[i].n_probes; k++)
			if (f->services[i].probes[k].name && is_same_zone(f->services[i].probes[k].name, zone))
				return true;
	return false;
}

/* The serial of a zone on a node; name NULL: that of the answer of its own address. -1 unknown, -2 no such zone. Nodes
 * mostly list their zones in one order: `at` is where to look first. */
static int64_t
serial_of(const struct gate_input *in, const struct node *n, const char *zone, size_t at)
{
	const struct dns_fact *dns = &n->facts->dns;
	if (!gate_is_fresh(in, n, PLANE_SERVICE))
		return -1;
	if (!zone)
		return answered_serial(n);
	for (size_t i = 0; i < dns->n_zones; i++) {
		const struct zone_fact *z = &dns->zones[(at + i) % dns->n_zones];
		/* NSD as a primary lists its zones without a serial */
		if (is_same_zone(z->name, zone))
			return z->serial == -1 && is_probed(in->fleet, zone) ? answered_serial(n) : z->serial;
	}
	return dns->n_zones > 0 ? -2 : -1;
}

/* The newest serial among nodes that answer elsewhere, -1 when none is known. */
static int64_t
newest_serial(const struct gate_input *in, const char *zone, size_t at, const struct node **where)
{
	int64_t newest = -1;
	for (size_t i = 0; i < in->fleet->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[i];
		if (n->role != NODE_MEMBER || n->pop == FLEET_NO_POP || is_target(in, n->pop) || !gate_node_answers(in, n))
			continue;
		int64_t serial = serial_of(in, n, zone, at);
		if (serial < 0 || (newest >= 0 && !is_newer_serial(serial, newest)))
			continue;
		newest = serial;
		*where = n;
	}
	return newest;
}

/* One zone of one returning node. True when it is as new as the fleet's; *known counts what could be compared. */
static bool
is_zone_current(const struct gate_input *in, const struct node *n, const char *zone, size_t at, size_t *known,
	struct gate_result *r)
{
	const struct node *where = NULL;
	int64_t newest = newest_serial(in, zone, at, &where), own = serial_of(in, n, zone, at);
	const char *name = zone ? zone : "the probed zone";
	if (newest < 0)
		return true;
	if (own == -1 && !zone)
		return true; /* nothing asks it from outside: the gate "two methods" says so */
	if (own == -2)
		say(r, GATE_REFUSE, "%s does not have the zone %s, which %s serves", n->name, name, where->name);
	else if (own < 0)
		say(r, GATE_REFUSE, "the serial of %s on %s is not known, the fleet's newest is %lld (%s)", name, n->name,
			(long long)newest, where->name);
	else if (is_newer_serial(newest, own))
		say(r, GATE_REFUSE, "%s serves %s with serial %lld, the fleet's newest is %lld (%s)", n->name, name, (long long)own,
			(long long)newest, where->name);
	else {
		(*known)++;
		return true;
	}
	return false;
}

static bool
are_zones_current(const struct gate_input *in, const struct node *n, size_t *known, struct gate_result *r)
{
	if (!is_zone_current(in, n, NULL, 0, known, r))
		return false;
	/* zones that the fleet serves, whether this node names them or not */
	for (size_t i = 0; i < in->fleet->n_nodes && n->dns_driver[0]; i++) {
		const struct node *other = &in->fleet->nodes[i];
		if (other->role != NODE_MEMBER || is_target(in, other->pop) || !gate_node_answers(in, other))
			continue;
		for (size_t z = 0; z < other->facts->dns.n_zones; z++)
			if ((n->facts->sections & REPORT_ZONES || n->facts->dns.n_zones > 0) &&
				!is_zone_current(in, n, other->facts->dns.zones[z].name, z, known, r))
				return false;
		if (other->facts->dns.n_zones > 0)
			break; /* one that serves is the measure of which zones there are */
	}
	return true;
}

/* A node elsewhere that answers the same question with a signature, or NULL. */
static const struct node *
who_signs(const struct gate_input *in)
{
	for (size_t i = 0; i < in->fleet->n_nodes; i++) {
		const struct node *n = &in->fleet->nodes[i];
		const struct answer_fact *a = own_answer(n);
		if (n->role == NODE_MEMBER && n->pop != FLEET_NO_POP && !is_target(in, n->pop) && gate_node_answers(in, n) && a &&
			a->signed_until >= 0)
			return n;
	}
	return NULL;
}

/* The signature that a returning node gives with the probed zone's SOA. False: it must not come back. *soon: the fewest
 * seconds that one still holds. */
static bool
is_signed_well(const struct gate_input *in, const struct node *n, int64_t *soon, struct gate_result *r)
{
	const struct answer_fact *a = own_answer(n);
	const struct node *signer = who_signs(in);
	char span[16];
	if (!a || a->is_answered != TRI_YES || !gate_is_fresh(in, n, PLANE_SERVICE))
		return true; /* that it does not answer is another gate's word */
	if (a->signed_until < 0 && signer)
		say(r, GATE_REFUSE, "%s answers without a signature, %s signs the same zone", n->name, signer->name);
	if (a->signed_until < 0)
		return !signer;
	int64_t left = a->signed_until - in->wall.ns / CLOCK_NS_PER_S;
	if (left <= 0) {
		say(r, GATE_REFUSE, "the signature of the zone that %s serves ended %s ago: resolvers that validate take none of it", n->name,
			span_text((double)-left, span));
		return false;
	}
	*soon = *soon < left ? *soon : left;
	return true;
}

static void
judge_zone(const struct gate_input *in, struct gate_result *r)
{
	struct names l;
	size_t known = 0;
	int64_t soon = INT64_MAX;
	char span[16];
	if (in->hold_pop_count > 0) {
		say(r, GATE_PASS, "%s stays withdrawn", target_names(in, &l));
		return;
	}
	for (size_t t = 0; t < in->n_targets; t++)
		for (size_t i = 0; i < target_pop(in, t)->n_nodes; i++)
			if (!are_zones_current(in, &in->fleet->nodes[target_pop(in, t)->nodes[i]], &known, r) ||
				!is_signed_well(in, &in->fleet->nodes[target_pop(in, t)->nodes[i]], &soon, r))
				return;
	if (soon < SIGNED_SOON_S)
		say(r, GATE_WARN, "the signature of the zone that %s serves ends in %s", target_names(in, &l), span_text((double)soon, span));
	else if (known > 0 && soon != INT64_MAX)
		say(r, GATE_PASS, "%s serves every zone with the fleet's newest serial, signed", target_names(in, &l));
	else if (known > 0)
		say(r, GATE_PASS, "%s serves every zone with the fleet's newest serial", target_names(in, &l));
	else
		say(r, GATE_WARN, "no serial is known to compare: whether %s serves the current zone is not judged", target_names(in, &l));
}

static void
judge_holds(const struct gate_input *in, struct gate_result *r)
{
	struct names l;
	if (in->hold_pop_count > 0)
		say(r, GATE_PASS, "%s stays withdrawn: hold of %s remains", target_names(in, &l), in->held_by ? in->held_by : "another");
	else
		say(r, GATE_PASS, "no other hold remains on %s", target_names(in, &l));
}

static void
judge_actor(const struct gate_input *in, struct gate_result *r)
{
	if (in->n_steps == 0)
		say(r, GATE_PASS, "nothing is sent to the nodes");
	else if (in->actor == TRI_YES)
		say(r, GATE_PASS, "every node was reached with the act key");
	else if (in->actor == TRI_UNKNOWN && in->is_planning)
		say(r, GATE_PASS, "still connecting; it must have connected when the plan is confirmed");
	else
		say(r, GATE_REFUSE, "%s", in->actor_text && in->actor_text[0] ? in->actor_text : "the actor has not connected to the nodes");
}

typedef void judge_fn(const struct gate_input *in, struct gate_result *r);
static judge_fn *const judges[GATE_COUNT] = {
	[GATE_SCOPE] = judge_scope,
	[GATE_TARGET] = judge_target,
	[GATE_LOCK] = judge_lock,
	[GATE_FLOOR] = judge_floor,
	[GATE_LAST] = judge_last,
	[GATE_FRESH] = judge_fresh,
	[GATE_QUORUM] = judge_quorum,
	[GATE_CAPACITY] = judge_capacity,
	[GATE_BUDGET] = judge_budget,
	[GATE_PACE] = judge_pace,
	[GATE_DRILL] = judge_drill,
	[GATE_HEALTH] = judge_health,
	[GATE_PATH] = judge_path,
	[GATE_COLLATERAL] = judge_collateral,
	[GATE_ZONE] = judge_zone,
	[GATE_HOLDS] = judge_holds,
	[GATE_ACTOR] = judge_actor,
};

size_t
gate_judge(const struct gate_input *in, struct gate_result *out, enum gate_level *worst)
{
	struct gate_result none = { 0 };
	bool has_targets = check_list(in, &none) == 0;
	size_t n = 0;
	*worst = GATE_PASS;
	for (int g = 0; g < GATE_COUNT; g++) {
		/* without targets there is nothing that the others could look at */
		if (!gate_judges((enum gate)g, in->verb) || (!has_targets && g != GATE_SCOPE && g != GATE_TARGET))
			continue;
		struct gate_result *r = &out[n++];
		*r = (struct gate_result){ .gate = (enum gate)g, .level = GATE_REFUSE, .code = ERR_REFUSED };
		judges[g](in, r);
		if (r->level > *worst)
			*worst = r->level;
	}
	return n;
}
