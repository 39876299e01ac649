/* SPDX-License-Identifier: Apache-2.0
 *
 * Verdicts. Three questions are put to each node's fresh facts: which sessions are up, what is on the wire, does it
 * answer. The verdict is the most severe that the answers support; the reasons say which facts led there, so that
 * `catchment why` and the key `e` have nothing to invent. Anything older than 3 polls does not count, except to say that
 * it is old. What a PoP should announce is the intent that holds and operations gave it (backend/engine.c).
 *
 * Who calls: backend/state.c after every report, and once a second for what only time changes.
 */
#include "backend/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/sight.h"

#define RESTART_NOTICE_S 300 /* a restart is mentioned for so long */
#define CONNECT_DOUBT_S  20  /* a configured session down for longer, with a password: suspect the password */

bool
verdict_plane_is_fresh(const struct node *n, enum plane_name plane, struct mono now)
{
	return node_plane_is_fresh(n, plane, now);
}

static bool
has_bgp(const struct node *n)
{
	return n->bgp_driver[0] != '\0';
}

static bool
is_up(const struct session_fact *s)
{
	return s->state == FSM_ESTABLISHED;
}

static void
judge_wire(const struct fleet *f, const struct node *n, struct mono now, enum announced *announced)
{
	for (size_t i = 0; i < f->n_prefixes; i++)
		announced[i] = node_announced(n, &f->prefixes[i].prefix, now);
}

struct counts {
	size_t up, down, admin_down;
};

static struct counts
count_sessions(const struct node *n)
{
	struct counts c = { 0 };
	for (size_t i = 0; i < n->facts->n_sessions; i++) {
		const struct session_fact *s = &n->facts->sessions[i];
		if (is_up(s))
			c.up++;
		else if (s->admin_state == ADMIN_DOWN)
			c.admin_down++;
		else
			c.down++;
	}
	return c;
}

static const char *
state_word(const struct session_fact *s)
{
	return s->state == FSM_OTHER && s->state_word ? s->state_word : fsm_state_name(s->state);
}

static bool
has_waited(const struct session_fact *s)
{
	return !is_up(s) && s->since_s > CONNECT_DOUBT_S;
}

/* No daemon names differing TCP MD5 passwords: they look like a peer that does not answer (LAB.md). BIRD does not say
 * whether one is set at all. */
static void
add_doubt(const struct session_fact *s, struct buf *out)
{
	bool is_waiting = s->state == FSM_CONNECT || s->state == FSM_ACTIVE || s->state == FSM_IDLE;
	if (s->admin_state == ADMIN_DOWN || !is_waiting || !has_waited(s))
		return;
	if (s->has_password == TRI_YES)
		buf_add_text(out, "; a TCP MD5 password is set and the peer does not answer: check that both ends have the same");
	else if (s->has_password == TRI_UNKNOWN && s->state == FSM_CONNECT && !s->last_error.text && s->last_error.code < 0)
		buf_add_text(out, "; the peer does not answer and gives no reason: a dead path, or TCP MD5 passwords that differ");
}

/* "session transit1_v4 to 10.1.21.1 is Active: received Cease/Administrative Shutdown "text"" */
static void
explain_session(const struct session_fact *s, struct reasons *out)
{
	const struct last_error *e = &s->last_error;
	const char *words = e->code >= 0 ? notification_name(e->code, e->subcode) : NULL;
	words = words ? words : e->text;
	const char *who = e->direction == DIRECTION_RECEIVED ? "received " : e->direction == DIRECTION_SENT ? "sent " : "";
	struct buf b = BUF_INIT(REASON_TEXT - 1);
	buf_printf(&b, "session %s", s->name);
	if (s->peer[0] && strcmp(s->peer, s->name) != 0)
		buf_printf(&b, " to %s", s->peer);
	if (s->admin_state == ADMIN_DOWN)
		buf_printf(&b, " is shut down by its administrator");
	else
		buf_printf(&b, " is %s", state_word(s));
	if (words && s->admin_state != ADMIN_DOWN)
		buf_printf(&b, ": last %s%s", who, words);
	if (e->message)
		buf_printf(&b, " \"%s\"", e->message);
	add_doubt(s, &b);
	reasons_add(out, "%s", buf_text(&b));
	buf_done(&b);
}

/* The answer of the node's own address asked from outside, or NULL. */
static const struct answer_fact *
own_answer(const struct node *n)
{
	for (size_t i = 0; i < n->facts->n_answers; i++)
		if (!n->facts->answers[i].service)
			return &n->facts->answers[i];
	return NULL;
}

static bool
is_good_rcode(const char *rcode)
{
	return rcode && (strcmp(rcode, "NOERROR") == 0 || strcmp(rcode, "NXDOMAIN") == 0);
}

struct service_view {
	enum tri is_answering;
	bool is_disputed;
};

/* Health by two methods that fail apart: what the node says of itself, and a question from outside. */
static struct service_view
judge_service(const struct node *n, struct mono now, struct reasons *why)
{
	struct service_view v = { TRI_UNKNOWN, false };
	const struct plane *plane = &n->planes[PLANE_SERVICE];
	if (!verdict_plane_is_fresh(n, PLANE_SERVICE, now))
		return v;
	const struct answer_fact *a = own_answer(n);
	enum tri outside = a ? a->is_answered : TRI_UNKNOWN, inside = n->facts->is_healthy;
	if (outside == TRI_YES && !is_good_rcode(a->rcode)) {
		reasons_add(why, "answers %s to the probe", a->rcode ? a->rcode : "nothing readable");
		v.is_disputed = true;
	}
	if (outside == TRI_NO)
		reasons_add(why, "does not answer DNS at %s%s%s", a->target, a->error ? ": " : "", a->error ? a->error : "");
	if (plane->error == ERR_NOT_RUNNING) {
		reasons_add(why, "%s", plane->error_text);
		inside = TRI_NO;
	}
	if (n->facts->is_healthy == TRI_NO && n->facts->health_text)
		reasons_add(why, "says of itself: %s", n->facts->health_text);
	if (outside != TRI_UNKNOWN && inside != TRI_UNKNOWN && outside != inside) {
		reasons_add(why, outside == TRI_YES ? "disputed: it answers from outside, but the node says it is not well"
						    : "disputed: the node says it is well, but it does not answer from outside");
		v.is_disputed = true;
	}
	v.is_answering = outside != TRI_UNKNOWN ? outside : inside;
	/* counters alone show a running daemon, not an answering one: good only while nothing contradicts */
	if (v.is_answering == TRI_UNKNOWN && (n->facts->sections & REPORT_DNS) && plane->error == ERR_OK)
		v.is_answering = TRI_YES;
	return v;
}

/* Does a witness or a vantage still see this node, although we do not? *who names it. */
static bool
is_seen_elsewhere(const struct fleet *f, const struct node *n, struct mono now, char *who, size_t size)
{
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *other = &f->nodes[i];
		if (other->role == NODE_VANTAGE && verdict_plane_is_fresh(other, PLANE_SERVICE, now)) {
			for (size_t j = 0; j < other->facts->n_answers; j++) {
				const struct answer_fact *a = &other->facts->answers[j];
				if (a->service && a->is_answered == TRI_YES && sight_names_node(a->identity, f, n)) {
					snprintf(who, size, "vantage %s still gets answers from it", other->name);
					return true;
				}
			}
		}
		if (other->role != NODE_WITNESS || !verdict_plane_is_fresh(other, PLANE_WIRE, now))
			continue;
		for (size_t j = 0; j < other->facts->n_rib; j++) {
			if (sight_witness_has(f, other, n, &other->facts->rib[j].prefix)) {
				snprintf(who, size, "witness %s still has its routes", other->name);
				return true;
			}
		}
	}
	return false;
}

static void
prefix_list(const struct fleet *f, const enum announced *announced, enum announced wanted, struct buf *out)
{
	for (size_t i = 0; i < f->n_prefixes; i++) {
		char text[PREFIX_TEXT_MAX];
		if (announced[i] != wanted)
			continue;
		prefix_format(&f->prefixes[i].prefix, text);
		buf_printf(out, "%s%s", out->len ? ", " : "", text);
	}
}

static bool
has_any(const struct fleet *f, const enum announced *announced, enum announced wanted)
{
	for (size_t i = 0; i < f->n_prefixes; i++)
		if (announced[i] == wanted)
			return true;
	return false;
}

/* Raises the verdict if the new one is more severe (a smaller number). */
static void
raise(struct node_judgement *j, enum verdict v)
{
	if (v < j->verdict)
		j->verdict = v;
}

/* `format` takes the prefixes and the "is" or "are" that goes with them. */
static void
add_prefix_reason(const struct fleet *f, const enum announced *announced, enum announced wanted, const char *format,
	struct reasons *out)
{
	struct buf list = BUF_INIT(120);
	prefix_list(f, announced, wanted, &list);
	reasons_add(out, format, buf_text(&list), strchr(buf_text(&list), ',') ? "are" : "is");
	buf_done(&list);
}

static void
judge_out_of_sight(const struct fleet *f, const struct node *n, struct mono now, struct node_judgement *j)
{
	char who[REASON_TEXT];
	bool was_asked = n->error[0] != '\0';
	j->verdict = was_asked ? VERDICT_UNREACHABLE : VERDICT_UNKNOWN;
	if (was_asked)
		reasons_add(&j->reasons, "%s", n->error);
	else
		reasons_add(&j->reasons, "not polled yet");
	if (n->is_restored)
		reasons_add(&j->reasons, "its facts are from before the backend was restarted");
	else if (mono_is_set(n->seen))
		reasons_add(&j->reasons, "all its facts are older than 3 polls");
	if (was_asked && is_seen_elsewhere(f, n, now, who, sizeof who)) {
		j->verdict = VERDICT_SILENT;
		reasons_add(&j->reasons, "%s", who);
	}
}

static void
judge_sessions(const struct node *n, struct mono now, struct node_judgement *j)
{
	const struct plane *plane = &n->planes[PLANE_SESSION];
	if (!has_bgp(n))
		return;
	if (plane->error != ERR_OK) {
		reasons_add(&j->reasons, "%s", plane->error_text);
		raise(j, VERDICT_DEGRADED);
	}
	if (!verdict_plane_is_fresh(n, PLANE_SESSION, now)) {
		reasons_add(&j->reasons, "the state of its BGP sessions is not known");
		raise(j, VERDICT_UNKNOWN);
		return;
	}
	struct counts c = count_sessions(n);
	j->planes[PLANE_SESSION] = c.down == 0 && c.up > 0 ? TRI_YES : TRI_NO;
	if (c.up == 0) {
		reasons_add(&j->reasons, n->facts->n_sessions ? "no BGP session is up: it announces nothing"
							      : "no BGP session is configured");
		raise(j, VERDICT_DEGRADED);
	}
	if (c.down > 0 || c.admin_down > 0)
		raise(j, VERDICT_DEGRADED);
	for (size_t i = 0; i < n->facts->n_sessions; i++)
		if (!is_up(&n->facts->sessions[i]))
			explain_session(&n->facts->sessions[i], &j->reasons);
}

/* What holds and operations want of the PoP that the node stands in. */
static enum announced
intent_of(const struct fleet *f, const struct node *n)
{
	return n->pop == FLEET_NO_POP ? ANNOUNCED_YES : f->pops[n->pop].intent;
}

static enum drain_phase
phase_of(const struct fleet *f, const struct node *n)
{
	return n->pop == FLEET_NO_POP ? DRAIN_NONE : f->pops[n->pop].phase;
}

static bool
is_held(const struct fleet *f, const struct node *n)
{
	return phase_of(f, n) != DRAIN_NONE || intent_of(f, n) != ANNOUNCED_YES;
}

static bool
is_off_the_wire(const struct fleet *f, const enum announced *announced)
{
	return !has_any(f, announced, ANNOUNCED_YES) && !has_any(f, announced, ANNOUNCED_PREFER_AWAY) &&
		!has_any(f, announced, ANNOUNCED_UNKNOWN);
}

static void
add_holds(const struct fleet *f, const struct node *n, struct reasons *out)
{
	static const char *const words[DRAIN_PHASE_COUNT] = { "held", "being drained", "drained", "drained, UNCONFIRMED,",
		"being undrained, held" };
	const struct pop *p = &f->pops[n->pop];
	for (size_t i = 0; i < p->n_holds; i++) {
		const struct hold *h = &p->holds[i];
		reasons_add(out, "%s by %s: %s%s%s%s", i == 0 ? words[p->phase] : "held too", h->owner, h->reason,
			h->ticket[0] ? " (" : "", h->ticket, h->ticket[0] ? ")" : "");
	}
}

/* The wire against holds: on the way both ends are right, once it has settled only what was asked for. */
static void
judge_held(const struct fleet *f, const struct node *n, const enum announced *announced, struct node_judgement *j)
{
	enum drain_phase phase = phase_of(f, n);
	enum announced intent = intent_of(f, n);
	bool has_settled = phase == DRAIN_PROVEN || phase == DRAIN_UNPROVEN || phase == DRAIN_NONE;
	bool is_withdrawal = intent == ANNOUNCED_WITHDRAWN;
	if (has_settled && intent != ANNOUNCED_YES && has_any(f, announced, ANNOUNCED_YES)) {
		add_prefix_reason(f, announced, ANNOUNCED_YES, "%s %s announced although a hold forbids it", &j->reasons);
		raise(j, VERDICT_DRIFT);
	}
	if (has_settled && is_withdrawal && has_any(f, announced, ANNOUNCED_PREFER_AWAY)) {
		add_prefix_reason(f, announced, ANNOUNCED_PREFER_AWAY, "%s %s still announced, to be avoided, although a hold forbids it",
			&j->reasons);
		raise(j, VERDICT_DRIFT);
	}
	raise(j, phase == DRAIN_PROVEN ? VERDICT_DRAINED : VERDICT_DRAINING);
	add_holds(f, n, &j->reasons);
}

/* People have a drained rack open: what is down there is worth a sentence, but the PoP is what the hold says it is. */
static void
calm_held(const struct fleet *f, const struct node *n, const enum announced *announced, struct node_judgement *j)
{
	if (is_held(f, n) && j->verdict == VERDICT_DEGRADED && is_off_the_wire(f, announced))
		j->verdict = phase_of(f, n) == DRAIN_PROVEN ? VERDICT_DRAINED : VERDICT_DRAINING;
}

static void
judge_intent(const struct fleet *f, const struct node *n, const enum announced *announced, struct mono now,
	struct node_judgement *j)
{
	if (!has_bgp(n) || f->n_prefixes == 0)
		return;
	if (!verdict_plane_is_fresh(n, PLANE_WIRE, now)) {
		const struct plane *plane = &n->planes[PLANE_WIRE];
		if (plane->error != ERR_OK && plane->error != n->planes[PLANE_SESSION].error)
			reasons_add(&j->reasons, "%s", plane->error_text);
		reasons_add(&j->reasons, "what it announces is not known");
		raise(j, VERDICT_UNKNOWN);
		return;
	}
	bool is_whole = !has_any(f, announced, ANNOUNCED_WITHDRAWN) && !has_any(f, announced, ANNOUNCED_UNKNOWN) &&
		!has_any(f, announced, ANNOUNCED_PREFER_AWAY);
	j->planes[PLANE_WIRE] = is_whole ? TRI_YES : has_any(f, announced, ANNOUNCED_UNKNOWN) ? TRI_UNKNOWN : TRI_NO;
	if (has_any(f, announced, ANNOUNCED_UNKNOWN)) {
		raise(j, VERDICT_UNKNOWN);
		add_prefix_reason(f, announced, ANNOUNCED_UNKNOWN, "whether %s %s on the wire could not be read", &j->reasons);
	}
	if (is_held(f, n)) {
		if (intent_of(f, n) == ANNOUNCED_WITHDRAWN && !has_any(f, announced, ANNOUNCED_UNKNOWN))
			j->planes[PLANE_WIRE] = is_off_the_wire(f, announced) ? TRI_YES : TRI_NO;
		judge_held(f, n, announced, j);
		return;
	}
	/* with every session down the withdrawal has its cause already */
	if (count_sessions(n).up == 0)
		return;
	if (has_any(f, announced, ANNOUNCED_WITHDRAWN)) {
		add_prefix_reason(f, announced, ANNOUNCED_WITHDRAWN, "%s %s not on the wire and no hold asks for that", &j->reasons);
		raise(j, VERDICT_DRIFT);
	}
	if (has_any(f, announced, ANNOUNCED_PREFER_AWAY)) {
		add_prefix_reason(f, announced, ANNOUNCED_PREFER_AWAY,
			"%s %s announced to be avoided (GRACEFUL_SHUTDOWN or prepends) and no hold asks for that", &j->reasons);
		raise(j, VERDICT_DRIFT);
	}
}

static void
judge_answers(const struct fleet *f, const struct node *n, const enum announced *announced, struct mono now,
	struct node_judgement *j)
{
	struct reasons why = { 0 };
	struct service_view v = judge_service(n, now, &why);
	bool is_on_wire = has_any(f, announced, ANNOUNCED_YES) || has_any(f, announced, ANNOUNCED_PREFER_AWAY);
	j->is_answering = v.is_answering;
	j->planes[PLANE_SERVICE] = v.is_disputed ? TRI_NO : v.is_answering;
	if (v.is_answering == TRI_NO && is_on_wire) {
		raise(j, VERDICT_BLACKHOLE);
		struct buf list = BUF_INIT(120);
		prefix_list(f, announced, ANNOUNCED_YES, &list);
		if (list.len == 0)
			prefix_list(f, announced, ANNOUNCED_PREFER_AWAY, &list);
		reasons_add(&j->reasons, "announces %s and does not answer", buf_text(&list));
		buf_done(&list);
	} else if (v.is_answering == TRI_NO || v.is_disputed) {
		raise(j, VERDICT_DEGRADED);
	} else if (v.is_answering == TRI_UNKNOWN) {
		raise(j, VERDICT_UNKNOWN);
		reasons_add(&j->reasons, "whether it answers is not known");
	}
	for (size_t i = 0; i < why.n; i++)
		reasons_add(&j->reasons, "%s", why.text[i]);
	const struct plane *plane = &n->planes[PLANE_SERVICE];
	if (plane->error != ERR_OK && plane->error != ERR_NOT_RUNNING) {
		reasons_add(&j->reasons, "%s", plane->error_text);
		raise(j, VERDICT_DEGRADED);
	}
}

static bool
is_newly_started(const struct node *n)
{
	return n->facts->dns.uptime_s >= 0 && n->facts->dns.uptime_s < RESTART_NOTICE_S;
}

/* Worth knowing, never the first thing to say. */
static void
note_restart(const struct node *n, struct node_judgement *j)
{
	if (n->planes[PLANE_SERVICE].error == ERR_OK && is_newly_started(n))
		reasons_add(&j->reasons, "its DNS daemon was restarted less than %d minutes ago", RESTART_NOTICE_S / 60);
}

/* Not how far: that would be news with every poll. */
static void
note_clock(const struct node *n, struct node_judgement *j)
{
	if (n->skew_s != 0)
		reasons_add(&j->reasons, "its clock is %s ours: its own times cannot be trusted",
			n->skew_s < 0 ? "behind" : "ahead of");
}

/* A vantage or a witness: it only has to be readable. */
static void
judge_helper(const struct node *n, struct mono now, struct node_judgement *j)
{
	enum plane_name plane = n->role == NODE_VANTAGE ? PLANE_SERVICE : PLANE_WIRE;
	const struct plane *p = &n->planes[plane];
	if (!verdict_plane_is_fresh(n, plane, now)) {
		j->verdict = n->error[0] ? VERDICT_UNREACHABLE : VERDICT_UNKNOWN;
		reasons_add(&j->reasons, "%s", n->error[0] ? n->error : "not asked yet");
		return;
	}
	j->planes[plane] = p->error == ERR_OK ? TRI_YES : TRI_NO;
	if (p->error != ERR_OK) {
		j->verdict = VERDICT_DEGRADED;
		reasons_add(&j->reasons, "%s", p->error_text);
	}
}

uint64_t
verdict_ages(const struct node *n)
{
	uint64_t mark = is_newly_started(n);
	for (size_t i = 0; i < n->facts->n_sessions; i++)
		mark = mark * 3 + has_waited(&n->facts->sessions[i]);
	return mark;
}

void
verdict_node(const struct fleet *f, const struct node *n, struct mono now, enum announced *announced, struct node_judgement *out)
{
	*out = (struct node_judgement){ .verdict = VERDICT_OK };
	judge_wire(f, n, now, announced);
	if (n->role != NODE_MEMBER) {
		judge_helper(n, now, out);
		return;
	}
	bool is_any_fresh = false;
	for (int i = 0; i < PLANE_COUNT; i++)
		is_any_fresh = is_any_fresh || verdict_plane_is_fresh(n, (enum plane_name)i, now);
	if (!is_any_fresh) {
		judge_out_of_sight(f, n, now, out);
		return;
	}
	judge_answers(f, n, announced, now, out);
	judge_intent(f, n, announced, now, out);
	judge_sessions(n, now, out);
	calm_held(f, n, announced, out);
	note_restart(n, out);
	note_clock(n, out);
}

/* -- PoPs -- */

static enum announced
combine(enum announced a, enum announced b)
{
	static const int rank[] = {
		[ANNOUNCED_WITHDRAWN] = 0, [ANNOUNCED_UNKNOWN] = 1, [ANNOUNCED_PREFER_AWAY] = 2, [ANNOUNCED_YES] = 3,
	};
	return rank[b] > rank[a] ? b : a;
}

static void
add_node_reasons(const struct fleet *f, const struct pop *p, enum verdict v, struct reasons *out)
{
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &f->nodes[p->nodes[i]];
		if (n->verdict != v)
			continue;
		for (size_t k = 0; k < n->reasons.n; k++) {
			if (p->n_nodes == 1)
				reasons_add(out, "%s", n->reasons.text[k]);
			else
				reasons_add(out, "%s: %.*s", n->name, REASON_TEXT - FLEET_NAME_MAX - 3, n->reasons.text[k]);
		}
	}
}

/* One node of several out of sight leaves the PoP working in part; all of them, and the PoP is what they are. */
static enum verdict
combine_verdicts(const size_t count[VERDICT_COUNT], size_t nodes)
{
	if (nodes == 0)
		return VERDICT_UNKNOWN;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (count[v] == 0)
			continue;
		if (v == VERDICT_UNREACHABLE && count[v] < nodes)
			return VERDICT_DEGRADED;
		return (enum verdict)v;
	}
	return VERDICT_UNKNOWN;
}

static double
add_known(double sum, double value)
{
	if (isnan(value))
		return sum;
	return isnan(sum) ? value : sum + value;
}

double
verdict_pop_qps(const struct fleet *f, const struct pop *p, struct mono now)
{
	double qps = NAN;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &f->nodes[p->nodes[i]];
		if (verdict_plane_is_fresh(n, PLANE_SERVICE, now))
			qps = add_known(qps, n->qps);
	}
	return qps;
}

void
verdict_pop(const struct fleet *f, const struct pop *p, struct mono now, enum announced *announced, struct pop_judgement *out)
{
	size_t count[VERDICT_COUNT] = { 0 };
	*out = (struct pop_judgement){ .qps = verdict_pop_qps(f, p, now), .capacity_qps = NAN };
	for (size_t i = 0; i < f->n_prefixes; i++)
		announced[i] = p->n_nodes ? ANNOUNCED_WITHDRAWN : ANNOUNCED_UNKNOWN;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct node *n = &f->nodes[p->nodes[i]];
		enum announced mine[f->n_prefixes + 1];
		judge_wire(f, n, now, mine);
		for (size_t k = 0; k < f->n_prefixes && has_bgp(n); k++)
			announced[k] = combine(announced[k], mine[k]);
		count[n->verdict]++;
		out->capacity_qps = add_known(out->capacity_qps, n->capacity_qps);
		struct counts c = count_sessions(n);
		if (verdict_plane_is_fresh(n, PLANE_SESSION, now))
			out->sessions_up += c.up;
		out->sessions_total += n->facts->n_sessions;
	}
	out->verdict = combine_verdicts(count, p->n_nodes);
	if (out->verdict == VERDICT_DEGRADED && count[VERDICT_UNREACHABLE] > 0) {
		reasons_add(&out->reasons, "%zu of %zu nodes unreachable", count[VERDICT_UNREACHABLE], p->n_nodes);
		add_node_reasons(f, p, VERDICT_UNREACHABLE, &out->reasons);
	}
	add_node_reasons(f, p, out->verdict, &out->reasons);
}
