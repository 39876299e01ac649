/* SPDX-License-Identifier: Apache-2.0
 *
 * The samples stand at 2026-11-23T03:12:41Z, the time of the stage.
 */
#include "tests/unit/samples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "tests/unit/suite.h"

#define NOW "2026-11-23T03:12:41Z"

static struct wall
at(int64_t seconds)
{
	struct wall t;
	ck_assert_int_eq(wall_parse(NOW, &t), 0);
	t.ns += seconds * CLOCK_NS_PER_S;
	return t;
}

static bool
is(const char *name, const char *word)
{
	return strcmp(name, word) == 0;
}

static void
add_command(struct plan *p, struct step_action *a, const char *line)
{
	struct slice rest = slice_of(line), word;
	struct step_argv *argv = arena_alloc(p->arena, sizeof *argv);
	argv->argv = arena_alloc(p->arena, 32 * sizeof *argv->argv);
	while (slice_next_word(&rest, &word))
		argv->argv[argv->n++] = arena_strndup(p->arena, word.data, word.len);
	a->commands = argv;
	a->n_commands = 1;
}

static void
add_step(struct plan *p, size_t target, size_t phase, const char *node, const char *what, const char *apply, const char *undo)
{
	struct plan_step *s = &p->steps[p->n_steps++];
	*s = (struct plan_step){ .target = target, .phase = phase };
	snprintf(s->node, sizeof s->node, "%s", node);
	s->step.what = arena_strdup(p->arena, what);
	s->step.kind = STEP_EXEC;
	s->step.has_undo = undo != NULL;
	s->step.confirm_s = undo ? 45 : 0;
	add_command(p, &s->step.apply, apply);
	if (undo)
		add_command(p, &s->step.undo, undo);
}

static void
add_steps(struct plan *p, size_t target, const char *pop, bool is_drain)
{
	char a[40], b[40];
	snprintf(a, sizeof a, "%s1", pop);
	snprintf(b, sizeof b, "%s2", pop);
	if (p->mode == OP_PREFER_AWAY && is_drain) {
		add_step(p, target, 0, a, "announce with GRACEFUL_SHUTDOWN (192.0.2.0/24, 2001:db8:53::/48)",
			"birdc configure soft /etc/bird/away.conf timeout 45", "birdc configure undo");
		add_step(p, target, 0, b, "prepend 3 times (192.0.2.0/24, 2001:db8:53::/48)", "vtysh -c away", "vtysh -c back");
	}
	size_t last = op_phases(p->verb, p->mode) - 1;
	if (is_drain) {
		add_step(p, target, last, a, "disable static protocols anycast4, anycast6 (192.0.2.0/24, 2001:db8:53::/48)",
			"birdc disable anycast4", "birdc enable anycast4");
		add_step(p, target, last, b, "no network 192.0.2.0/24, 2001:db8:53::/48 in router bgp 64500",
			"vtysh -c conf\\ t -c no\\ network", "vtysh -c conf\\ t -c network");
	} else {
		add_step(p, target, last, a, "enable static protocols anycast4, anycast6 (192.0.2.0/24, 2001:db8:53::/48)",
			"birdc enable anycast4", "birdc disable anycast4");
	}
}

static void
add_prefix(struct plan *p, const char *prefix, size_t now, size_t after, size_t region)
{
	struct plan_prefix *x = &p->prefixes[p->n_prefixes++];
	ck_assert_int_eq(prefix_parse(slice_of(prefix), &x->prefix, NULL), 0);
	snprintf(x->service, sizeof x->service, "ns");
	x->announced = now;
	x->after = after;
	x->min_pops = 2;
	x->region_after = region;
	x->min_region = 1;
}

static void
add_receiver(struct plan *p, const char *pop, double before, double after, double capacity)
{
	struct plan_receiver *r = &p->receivers[p->n_receivers++];
	*r = (struct plan_receiver){ .qps_before = before, .qps_after = after, .capacity_qps = capacity };
	snprintf(r->pop, sizeof r->pop, "%s", pop);
}

static void
add_gate(struct plan *p, enum gate gate, enum gate_level level, const char *text)
{
	struct gate_result *g = &p->gates[p->n_gates++];
	*g = (struct gate_result){ .gate = gate, .level = level, .code = level == GATE_REFUSE ? ERR_REFUSED : ERR_OK };
	snprintf(g->text, sizeof g->text, "%s", text);
	if (level > p->worst)
		p->worst = level;
}

static void
add_gates(struct plan *p, const char *name)
{
	bool warns = is(name, "warn") || is(name, "waiting"), refuses = is(name, "refuse") || is(name, "floor");
	add_gate(p, GATE_SCOPE, GATE_PASS, "alice may act on fra");
	add_gate(p, GATE_TARGET, GATE_PASS, "2 nodes with 2 steps, all understood");
	add_gate(p, GATE_LOCK, GATE_PASS, "no other operation is open on fra");
	if (p->verb == OP_UNDRAIN) {
		add_gate(p, GATE_ZONE, GATE_PASS, "example.com has serial 2026112301, as the fleet");
		add_gate(p, GATE_HOLDS, GATE_PASS, "no other hold remains");
		return;
	}
	if (refuses) {
		add_gate(p, GATE_FLOOR, GATE_REFUSE,
			"192.0.2.0/24 would be announced from 1 PoP in eu (lhr is held by bob, ams is stale for 74s), at least 2 are needed");
		add_gate(p, GATE_LAST, GATE_PASS, "13 others go on announcing");
		if (is(name, "refuse")) {
			add_gate(p, GATE_FRESH, GATE_REFUSE, "ams was last polled 74s ago, 6s are allowed");
		}
	} else {
		add_gate(p, GATE_FLOOR, GATE_PASS, "13 PoPs go on announcing 192.0.2.0/24, 2 are needed");
		add_gate(p, GATE_LAST, GATE_PASS, "13 others go on announcing");
		add_gate(p, GATE_FRESH, GATE_PASS, "fra and its receivers were polled within 2s");
	}
	add_gate(p, GATE_QUORUM, GATE_PASS, "15 of 16 PoPs are visible, 90% are needed; vantage local answers");
	if (warns)
		add_gate(p, GATE_CAPACITY, GATE_WARN, "ams would stand at 77% of its capacity, and at 92% after the loss of lhr");
	else
		add_gate(p, GATE_CAPACITY, GATE_PASS, "after it, and the loss of lhr, the fullest PoP stands at 61% of 80%");
	add_gate(p, GATE_BUDGET, GATE_PASS, "no other PoP is drained, 1 may be");
	add_gate(p, GATE_PACE, GATE_PASS, "no drain within the last 5m");
	add_gate(p, GATE_HEALTH, GATE_PASS, "health on the nodes and the outside answers agree");
	add_gate(p, GATE_PATH, GATE_PASS, "10.0.0.11 and 10.0.0.12 lie in no service prefix");
	add_gate(p, GATE_COLLATERAL, GATE_PASS, "nothing but the service prefixes is touched");
	add_gate(p, GATE_ACTOR, GATE_PASS, "still connecting");
}

static const char *
join_reason(struct plan *p, const char *name)
{
	if (!is(name, "long"))
		return arena_strdup(p->arena, "OS upgrade");
	char *text = arena_alloc(p->arena, OP_REASON_SIZE);
	memset(text, 'W', OP_REASON_SIZE - 1);
	return text;
}

static void
add_traffic(struct plan *p, const char *name)
{
	bool is_long = is(name, "long");
	p->qps_moved = is_long ? NAN : 240e3;
	p->share_moved = is_long ? NAN : 0.16;
	add_receiver(p, "ams", 210e3, 330e3, 430e3);
	add_receiver(p, "lhr", 150e3, 230e3, 400e3);
	add_receiver(p, "cdg", 64e3, 104e3, is_long ? NAN : 400e3);
	p->next_loss = arena_strdup(p->arena, "the loss of lhr, the largest then, would leave ams at 92% of its capacity");
	p->undo_text = arena_strdup(p->arena,
		p->verb == OP_DRAIN ? "catchment undrain fra; the nodes announce again within seconds, and undo by themselves after 45s what "
				      "was not kept"
				    : "catchment drain fra");
	p->notes[p->n_notes++] = arena_strdup(p->arena, "fra2 (FRR): a restart of bgpd undrains, the configuration on disk is not changed");
}

struct plan *
sample_plan(const char *name)
{
	struct plan *p = plan_new();
	snprintf(p->id, sizeof p->id, "%s", SAMPLE_ID);
	snprintf(p->fleet, sizeof p->fleet, "example-dns");
	snprintf(p->environment, sizeof p->environment, "lab");
	p->verb = is(name, "undrain") ? OP_UNDRAIN : OP_DRAIN;
	p->mode = is(name, "prefer") ? OP_PREFER_AWAY : OP_WITHDRAW;
	p->targets[p->n_targets++] = arena_strdup(p->arena, "fra");
	if (is(name, "two"))
		p->targets[p->n_targets++] = arena_strdup(p->arena, "ams");
	p->by = arena_strdup(p->arena, "alice");
	p->reason = join_reason(p, name);
	p->ticket = arena_strdup(p->arena, "CHG-1042");
	p->kind = arena_strdup(p->arena, "maintenance");
	p->lease_s = p->verb == OP_DRAIN ? 4 * 3600 : 0;
	p->created = at(0);
	p->expires = at(120);
	p->prefixes = arena_alloc(p->arena, 4 * sizeof *p->prefixes);
	p->receivers = arena_alloc(p->arena, 8 * sizeof *p->receivers);
	p->gates = arena_alloc(p->arena, GATE_COUNT * sizeof *p->gates);
	p->steps = arena_alloc(p->arena, 16 * sizeof *p->steps);
	p->basis = arena_alloc(p->arena, 8 * sizeof *p->basis);
	bool is_drain = p->verb == OP_DRAIN;
	size_t after = is(name, "refuse") ? 1 : is_drain ? 14 - p->n_targets : 15;
	add_prefix(p, "192.0.2.0/24", 14, after, is(name, "refuse") ? 0 : 3);
	add_prefix(p, "2001:db8:53::/48", 14, after, is(name, "refuse") ? 0 : 3);
	for (size_t i = 0; i < p->n_targets; i++)
		add_steps(p, i, p->targets[i], is_drain);
	add_traffic(p, name);
	add_gates(p, name);
	p->basis[p->n_basis++] = arena_strdup(p->arena, "session fra1 up_1 Established");
	p->basis[p->n_basis++] = arena_strdup(p->arena, "session fra2 up_1 Established");
	return p;
}

static void
start_operation(struct operation *op, enum op_state state)
{
	memset(op, 0, sizeof *op);
	snprintf(op->id, sizeof op->id, "%s", SAMPLE_ID);
	op->verb = OP_DRAIN;
	op->state = state;
	op->n_targets = 1;
	snprintf(op->by, sizeof op->by, "alice");
	snprintf(op->reason, sizeof op->reason, "OS upgrade");
	snprintf(op->ticket, sizeof op->ticket, "CHG-1042");
	snprintf(op->kind, sizeof op->kind, "maintenance");
	op->lease_s = 4 * 3600;
	op->created = at(0);
}

static void
start_target(struct operation *op, size_t i, const char *pop)
{
	struct op_target *t = &op->targets[i];
	*t = (struct op_target){ .qps_before = 240e3, .control_s = NAN, .first_elsewhere_s = NAN, .last_here_s = NAN, .lost_probes = -1 };
	snprintf(t->pop, sizeof t->pop, "%s", pop);
}

static void
write_offer(const struct plan *p, const struct operation *op, const char *actor, const char *actor_text, struct buf *out)
{
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	char typed[OP_TARGETS_MAX * FLEET_NAME_MAX];
	struct json_writer w = JSON_WRITER(out);
	plan_write(p, &bytes);
	plan_typed_text(p, typed, sizeof typed);
	json_begin_object(&w);
	json_key(&w, "op");
	operation_write_json(op, false, &w);
	json_put_text(&w, "bytes", buf_text(&bytes));
	json_put_text(&w, "hash", op->hash);
	json_put_text(&w, "typed", typed);
	json_put_double(&w, "expires_s", 120, 1);
	json_key(&w, "actor");
	json_begin_object(&w);
	json_put_text(&w, "state", actor);
	json_put_text(&w, "text", actor_text);
	json_end_object(&w);
	json_end_object(&w);
	buf_done(&bytes);
}

void
sample_offer(const char *name, struct buf *out)
{
	struct plan *p = sample_plan(name);
	struct operation op;
	struct buf bytes = BUF_INIT(PLAN_BYTES_MAX);
	enum op_state state = is(name, "refuse") || is(name, "floor") ? OP_REFUSED : is(name, "waiting") ? OP_WAITING : OP_CHECKED;
	const char *actor = is(name, "cannot") ? "refused" : is(name, "connecting") ? "connecting" : "ready";
	const char *text = is(name, "cannot")       ? "fra2: the act key was refused"
	                   : is(name, "connecting") ? "fra1 is reached, fra2 not yet"
	                                            : "fra1 and fra2 are reached and can be changed";
	start_operation(&op, state);
	op.verb = p->verb;
	op.mode = p->mode;
	op.n_targets = p->n_targets;
	op.needs_approval = p->worst == GATE_WARN;
	op.code = state == OP_REFUSED ? ERR_REFUSED : ERR_OK;
	for (size_t i = 0; i < p->n_targets; i++)
		start_target(&op, i, p->targets[i]);
	if (state == OP_REFUSED)
		snprintf(op.text, sizeof op.text, "announce count refuses, and 1 other gate");
	plan_write(p, &bytes);
	digest_hex(buf_slice(&bytes), op.hash);
	write_offer(p, &op, actor, text, out);
	buf_done(&bytes);
	plan_free(p);
}

/* --- operations ------------------------------------------------------------------------------------------------- */

const char *const sample_operations[] = { "applying", "measuring", "drained", "accepted", "unconfirmed", "stuck", "undoing", "undone",
	"waiting", "refused", "unknown", "two", "partly", "half", "prefer", NULL };

static void
set_check(struct op_target *t, enum op_check c, enum tri agrees, const char *text)
{
	t->checks[c].applies = true;
	t->checks[c].agrees = agrees;
	snprintf(t->checks[c].text, sizeof t->checks[c].text, "%s", text);
}

static void
set_checks(struct op_target *t, enum tri rate, enum tri answer)
{
	set_check(t, OP_CHECK_WIRE, TRI_YES, "fra1 and fra2 have no service prefix in any Adj-RIB-Out of 4 Established sessions");
	set_check(t, OP_CHECK_WITNESS, TRI_YES, "t1 has no path from fra1 or fra2 for 192.0.2.0/24 and 2001:db8:53::/48");
	set_check(t, OP_CHECK_RATE, rate,
		rate == TRI_YES ? "240k q/s became 1.2k q/s, 5% of it is the limit" : "198k q/s are left of 240k q/s, 5% of it is the limit");
	set_check(t, OP_CHECK_ANSWER, answer, answer == TRI_YES ? "home is answered by ams1" : answer == TRI_NO ? "home is still answered by fra2" : "home was not asked since");
}

static void
add_op_steps(struct operation *op, enum step_state state)
{
	static const char *const what[] = { "disable static protocols anycast4, anycast6 (192.0.2.0/24, 2001:db8:53::/48)",
		"no network 192.0.2.0/24, 2001:db8:53::/48 in router bgp 64500" };
	op->n_steps = 2 * op->n_targets;
	op->steps = xcalloc(op->n_steps, sizeof *op->steps);
	for (size_t i = 0; i < op->n_steps; i++) {
		struct op_step *s = &op->steps[i];
		s->target = i / 2;
		s->state = s->target > op->target ? STEP_PENDING : state;
		snprintf(s->node, sizeof s->node, "%s%zu", op->targets[s->target].pop, i % 2 + 1);
		snprintf(s->what, sizeof s->what, "%s", what[i % 2]);
		if (s->state == STEP_APPLIED || s->state == STEP_KEPT)
			snprintf(s->evidence, sizeof s->evidence, "%s", i % 2 ? "[OK] no route is left" : "anycast4: disabled");
		if (s->state == STEP_FAILED)
			snprintf(s->evidence, sizeof s->evidence, "BIRD: 8007 Access denied");
	}
}

static enum op_state
state_of(const char *name)
{
	if (is(name, "drained") || is(name, "accepted"))
		return OP_DONE;
	if (is(name, "two") || is(name, "prefer"))
		return OP_MEASURING;
	if (is(name, "partly") || is(name, "half"))
		return is(name, "partly") ? OP_UNDONE : OP_DONE;
	return op_state_parse(name);
}

static void
set_shift(struct op_target *t)
{
	t->control_s = 0.412;
	t->first_elsewhere_s = 1.28;
	t->last_here_s = 0.95;
	t->lost_probes = 0;
}

void
sample_operation(const char *name, struct operation *op)
{
	enum op_state state = state_of(name);
	start_operation(op, state);
	memset(op->hash, 'a', 64);
	start_target(op, 0, "fra");
	if (is(name, "prefer"))
		op->mode = OP_PREFER_AWAY;
	if (is(name, "two") || is(name, "partly") || is(name, "half")) {
		op->n_targets = 2;
		start_target(op, 1, "ams");
		op->target = is(name, "half") ? 0 : 1;
		op->targets[0].is_done = op->target == 1;
	}
	op->created = at(-95);
	bool is_begun = state != OP_WAITING && state != OP_REFUSED;
	if (is_begun)
		op->started = at(-60);
	if (op_state_is_final(state))
		op->ended = at(-12);
	snprintf(op->targets[0].hold, sizeof op->targets[0].hold, "aa00bb11cc22dd33");
	op->targets[0].number = 7;
	add_op_steps(op, !is_begun                ? STEP_PENDING
			 : state == OP_APPLYING  ? STEP_SENT
			 : state == OP_UNDOING || state == OP_UNDONE ? STEP_UNDONE
			 : state == OP_STUCK     ? STEP_FAILED
			 : state == OP_UNKNOWN   ? STEP_UNKNOWN
			                         : STEP_KEPT);
	if (state == OP_DONE || state == OP_UNCONFIRMED || state == OP_MEASURING) {
		bool is_whole = is(name, "drained") || is(name, "two");
		set_checks(&op->targets[0], is_whole ? TRI_YES : TRI_NO, is_whole ? TRI_YES : state == OP_MEASURING ? TRI_UNKNOWN : TRI_NO);
		set_shift(&op->targets[0]);
	}
	if (state == OP_MEASURING)
		op->targets[0].first_elsewhere_s = NAN;
	op->targets[0].is_done = op->targets[0].is_done || state == OP_DONE;
	if (state == OP_UNDOING) {
		op->tries = 2;
		op->next_try = at(67);
	}
	op->needs_approval = state == OP_WAITING;
	op->code = state == OP_REFUSED ? ERR_REFUSED : state == OP_STUCK ? ERR_FAILED : ERR_OK;
	static const struct {
		const char *name, *text;
	} texts[] = {
		{ "unconfirmed", "rate and answer do not agree after 120s: 198k q/s are left" },
		{ "stuck", "fra2 could not undo: BIRD: 8007 Access denied" },
		{ "unknown", "the actor was lost; fra1 and fra2 are being read" },
		{ "refused", "fresh data: ams was last polled 74s ago, 6s are allowed" },
		{ "partly", "fra (hold aa00bb11cc22dd33) stays drained: `catchment undrain fra --hold aa00bb11cc22dd33` takes it back; "
			"ams1: BIRD: 8007 Access denied" },
		{ "waiting", "capacity warns, so policy of ns asks for a second person" },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (is(name, texts[i].name))
			snprintf(op->text, sizeof op->text, "%s", texts[i].text);
}
