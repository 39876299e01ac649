/* SPDX-License-Identifier: Apache-2.0
 *
 * The state: every fact enters the backend here and nowhere else. A report is merged into its node's facts, a rate is
 * made of two counters, node and PoP are judged again, and watchers (API, history) are told whether anything an operator
 * would call a change came of it. What only grows older is told as "seen", which costs observers a few bytes.
 *
 * A counter that falls, or an uptime that does, is a restart: no rate for that interval, and an event. Failures are facts
 * too: the old facts stay and grow stale, the error stands beside them with its own words.
 */
#include "backend/state.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/verdict.h"
#include "core/text.h"

#define SKEW_NOTICE_S  30 /* a reply may take some seconds, and a clock without NTP drifts slower */
#define PROBES_MAX   16
#define RATE_SHORTEST_S 0.05
#define RATE_NEWS    0.05 /* share by which a rate must move to be a change */
#define WATCHERS_MAX 4

#define SESSION_SECTIONS REPORT_SESSIONS
#define WIRE_SECTIONS    (REPORT_EXPORTS | REPORT_RIB)
#define SERVICE_SECTIONS (REPORT_DNS | REPORT_ANSWERS | REPORT_HEALTH)

struct probe_error {
	char probe[32];
	unsigned gives;
	enum err_code code;
	char text[REASON_TEXT];
};

struct spark {
	double values[STATE_SPARK_MAX];
	size_t next, n;
};

/* What the state keeps of a node beside the fleet. */
struct node_extra {
	int64_t queries;       /* counter at the last sample, -1 none */
	int64_t uptime_s;
	struct mono sampled;
	bool has_gap;          /* a sample failed since: no rate over the gap, but a fallen counter still tells a restart */
	uint64_t fingerprint;
	double told_qps;       /* the rate that the last change told; NAN none */
	unsigned freshness; /* a bit a plane, as of the last judgement */
	uint64_t ages;      /* verdict_ages as of the last judgement */
	uint32_t applied;   /* reports so far */
	uint32_t stamps[REPORT_SECTION_COUNT]; /* which of them each section of the facts is from */
	size_t n_errors;
	struct probe_error errors[PROBES_MAX];
	struct spark spark;
};

struct pop_extra {
	struct spark spark;
	struct mono sampled;
};

struct state {
	struct fleet *fleet;
	struct node_extra *nodes;
	struct pop_extra *pops;
	struct event events[STATE_EVENTS_MAX];
	size_t n_events;
	uint64_t next_event;
	struct state_watcher watchers[WATCHERS_MAX];
	size_t n_watchers;
	bool has_ticked;
	struct mono ticked;
};

static void
spark_add(struct spark *s, double value)
{
	s->values[s->next] = value;
	s->next = (s->next + 1) % STATE_SPARK_MAX;
	if (s->n < STATE_SPARK_MAX)
		s->n++;
}

static size_t
spark_read(const struct spark *s, double *out, size_t max)
{
	size_t n = s->n < max ? s->n : max;
	for (size_t i = 0; i < n; i++)
		out[i] = s->values[(s->next + STATE_SPARK_MAX - n + i) % STATE_SPARK_MAX];
	return n;
}

static void
prepare_extras(struct state *s)
{
	s->nodes = xcalloc(s->fleet->n_nodes, sizeof *s->nodes);
	s->pops = xcalloc(s->fleet->n_pops, sizeof *s->pops);
	for (size_t i = 0; i < s->fleet->n_nodes; i++)
		s->nodes[i] = (struct node_extra){ .queries = -1, .uptime_s = -1, .told_qps = NAN };
}

struct state *
state_new(struct fleet *f)
{
	struct state *s = xcalloc(1, sizeof *s);
	s->fleet = f;
	s->next_event = 1;
	prepare_extras(s);
	return s;
}

void
state_free(struct state *s)
{
	if (!s)
		return;
	fleet_free(s->fleet);
	free(s->nodes);
	free(s->pops);
	free(s);
}

const struct fleet *
state_fleet(const struct state *s)
{
	return s->fleet;
}

void
state_watch(struct state *s, const struct state_watcher *w)
{
	if (s->n_watchers == WATCHERS_MAX)
		abort(); /* a fixed set of rooms watches */
	s->watchers[s->n_watchers++] = *w;
}

void
state_unwatch(struct state *s, const void *arg)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_watchers; i++)
		if (s->watchers[i].arg != arg)
			s->watchers[n++] = s->watchers[i];
	s->n_watchers = n;
}

static bool judge(struct state *s, size_t index, struct mono now, struct wall wall);
static void publish(struct state *s, size_t index, bool has_changed);

void
state_set_holds(struct state *s, size_t pop, const struct hold *holds, size_t n, enum announced intent,
	enum drain_phase phase, struct mono now, struct wall wall)
{
	const struct pop *p = &s->fleet->pops[pop];
	fleet_set_holds(s->fleet, pop, holds, n, intent, phase);
	for (size_t i = 0; i < p->n_nodes; i++)
		(void)judge(s, p->nodes[i], now, wall);
	/* a hold is news of the PoP, which travels with its nodes */
	for (size_t i = 0; i < p->n_nodes; i++)
		publish(s, p->nodes[i], true);
}

const struct event *
state_events(const struct state *s, size_t *n)
{
	*n = s->n_events;
	return s->events;
}

void
state_restore_events(struct state *s, const struct event *events, size_t n)
{
	if (s->n_events > 0)
		return;
	size_t kept = n < STATE_EVENTS_MAX / 2 ? n : STATE_EVENTS_MAX / 2;
	if (kept > 0)
		memcpy(s->events, events + (n - kept), kept * sizeof *events);
	s->n_events = kept;
	/* stored numbers of one life rise, but a clock or a hand may have mixed lives */
	for (size_t i = 0; i < kept; i++)
		if (s->events[i].id >= s->next_event)
			s->next_event = s->events[i].id + 1;
}

static struct event *
new_event(struct state *s, const char *kind, enum verdict severity, struct wall wall)
{
	if (s->n_events == STATE_EVENTS_MAX) {
		size_t drop = STATE_EVENTS_MAX / 4;
		memmove(s->events, s->events + drop, (STATE_EVENTS_MAX - drop) * sizeof s->events[0]);
		s->n_events -= drop;
	}
	struct event *e = &s->events[s->n_events++];
	memset(e, 0, sizeof *e);
	e->id = s->next_event++;
	e->at = wall;
	e->severity = severity;
	snprintf(e->kind, sizeof e->kind, "%s", kind);
	return e;
}

static void
publish_event(struct state *s, const struct event *e)
{
	for (size_t i = 0; i < s->n_watchers; i++)
		if (s->watchers[i].event)
			s->watchers[i].event(s->watchers[i].arg, e);
}

void
state_tell(struct state *s, const char *kind, enum verdict severity, struct wall wall, const char *format, ...)
{
	struct event *e = new_event(s, kind, severity, wall);
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	publish_event(s, e);
}

void
state_tell_pop(struct state *s, const char *kind, enum verdict severity, const char *pop, struct wall wall, const char *format, ...)
{
	struct event *e = new_event(s, kind, severity, wall);
	snprintf(e->pop, sizeof e->pop, "%s", pop);
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	publish_event(s, e);
}

static void
tell_node(struct state *s, const struct node *n, const char *kind, enum verdict severity, struct wall wall, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

static void
tell_node(struct state *s, const struct node *n, const char *kind, enum verdict severity, struct wall wall, const char *format, ...)
{
	struct event *e = new_event(s, kind, severity, wall);
	snprintf(e->node, sizeof e->node, "%s", n->name);
	if (n->pop != FLEET_NO_POP)
		snprintf(e->pop, sizeof e->pop, "%s", s->fleet->pops[n->pop].name);
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	publish_event(s, e);
}

/* -- sessions: what went up or down between two reports -- */

static const struct session_fact *
find_session(const struct report *r, const char *name)
{
	for (size_t i = 0; i < r->n_sessions; i++)
		if (strcmp(r->sessions[i].name, name) == 0)
			return &r->sessions[i];
	return NULL;
}

static void
tell_sessions(struct state *s, const struct node *n, const struct report *report, struct wall wall)
{
	if (!(report->sections & REPORT_SESSIONS) || !(n->facts->sections & REPORT_SESSIONS) || n->is_restored)
		return;
	for (size_t i = 0; i < report->n_sessions; i++) {
		const struct session_fact *now = &report->sessions[i], *was = find_session(n->facts, now->name);
		if (!was) {
			tell_node(s, n, "session", VERDICT_OK, wall, "%s: new session %s", n->name, now->name);
			continue;
		}
		bool is_up = now->state == FSM_ESTABLISHED, was_up = was->state == FSM_ESTABLISHED;
		if (is_up == was_up)
			continue;
		const char *why = now->last_error.message ? now->last_error.message : now->last_error.text;
		if (is_up)
			tell_node(s, n, "session", VERDICT_OK, wall, "%s: session %s came up", n->name, now->name);
		else
			tell_node(s, n, "session", VERDICT_DEGRADED, wall, "%s: session %s went down (%s)%s%s", n->name, now->name,
				now->state_word ? now->state_word : fsm_state_name(now->state), why ? ": " : "", why ? why : "");
	}
	for (size_t i = 0; i < n->facts->n_sessions; i++)
		if (!find_session(report, n->facts->sessions[i].name))
			tell_node(s, n, "session", VERDICT_DEGRADED, wall, "%s: session %s is no longer configured", n->name,
				n->facts->sessions[i].name);
}

/* -- rates -- */

static void
sample_rate(struct state *s, struct node *n, struct node_extra *x, const struct dns_fact *d, struct mono now, struct wall wall)
{
	bool is_restart = (x->queries >= 0 && d->queries >= 0 && d->queries < x->queries) ||
		(x->uptime_s >= 0 && d->uptime_s >= 0 && d->uptime_s < x->uptime_s);
	double elapsed = mono_is_set(x->sampled) ? mono_s_since(now, x->sampled) : 0;
	/* A poll that somebody asked for may follow another at once. No rate comes of so short a time, and the last is no
	 * older for it: a change under way would else be refused for a rate that is not known. */
	bool is_too_soon = mono_is_set(x->sampled) && !x->has_gap && elapsed < RATE_SHORTEST_S;
	if (isnan(d->qps) && !is_restart && is_too_soon && x->queries >= 0 && d->queries >= 0)
		return;
	if (!isnan(d->qps))
		n->qps = d->qps;
	else if (is_restart || x->has_gap || x->queries < 0 || d->queries < 0 || elapsed < RATE_SHORTEST_S)
		n->qps = NAN;
	else
		n->qps = (double)(d->queries - x->queries) / elapsed;
	if (is_restart)
		tell_node(s, n, "restart", VERDICT_DEGRADED, wall, "%s: its DNS daemon was restarted: no rate for this interval", n->name);
	x->queries = d->queries;
	x->uptime_s = d->uptime_s;
	x->sampled = now;
	x->has_gap = false;
	spark_add(&x->spark, n->qps);
}

/* -- planes -- */

static enum plane_name
plane_of_sections(unsigned gives)
{
	if (gives & SESSION_SECTIONS)
		return PLANE_SESSION;
	if (gives & (WIRE_SECTIONS | REPORT_ORIGINS))
		return PLANE_WIRE;
	return PLANE_SERVICE;
}

static bool
feeds(unsigned gives, enum plane_name p)
{
	static const unsigned sections[PLANE_COUNT] = { SESSION_SECTIONS, WIRE_SECTIONS, SERVICE_SECTIONS };
	return (gives & sections[p]) || (plane_of_sections(gives) == p && !(gives & (SESSION_SECTIONS | WIRE_SECTIONS | SERVICE_SECTIONS)));
}

/* A plane shows the first error among the probes that feed it; the node shows the first of all. */
static void
refresh_errors(struct node *n, const struct node_extra *x)
{
	for (int p = 0; p < PLANE_COUNT; p++) {
		n->planes[p].error = ERR_OK;
		n->planes[p].error_text[0] = '\0';
		for (size_t i = 0; i < x->n_errors; i++) {
			if (!feeds(x->errors[i].gives, (enum plane_name)p))
				continue;
			n->planes[p].error = x->errors[i].code;
			snprintf(n->planes[p].error_text, sizeof n->planes[p].error_text, "%s", x->errors[i].text);
			break;
		}
	}
	n->error[0] = '\0';
	n->error_code = ERR_OK;
	if (x->n_errors > 0) {
		snprintf(n->error, sizeof n->error, "%s", x->errors[0].text);
		n->error_code = x->errors[0].code;
	}
}

static void
forget_error(struct node_extra *x, const char *probe)
{
	for (size_t i = 0; i < x->n_errors; i++) {
		if (strcmp(x->errors[i].probe, probe) != 0)
			continue;
		memmove(&x->errors[i], &x->errors[i + 1], (x->n_errors - i - 1) * sizeof x->errors[0]);
		x->n_errors--;
		return;
	}
}

static void
keep_error(struct node_extra *x, const char *probe, unsigned gives, const struct err *why)
{
	forget_error(x, probe);
	if (x->n_errors == PROBES_MAX)
		x->n_errors--;
	struct probe_error *e = &x->errors[x->n_errors++];
	snprintf(e->probe, sizeof e->probe, "%s", probe);
	e->gives = gives;
	e->code = why->code == ERR_OK ? ERR_FAILED : why->code;
	text_sanitise_to(slice_of(why->text), e->text, sizeof e->text);
}

/* -- judging -- */

static uint64_t
mix(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return h;
}

/* The rate that observers were told last stands until the rate has left its neighbourhood: rounding alone would not do,
 * a rate that trembles about a boundary would be news with each poll. */
static double
steady(double told, double qps)
{
	if (isnan(told) || isnan(qps) || fabs(qps - told) > told * RATE_NEWS)
		return qps;
	return told;
}

static uint64_t
fingerprint(const struct node *n, double told)
{
	uint64_t h = report_fingerprint(n->facts);
	double qps = isnan(told) ? -1 : told;
	h = mix(h, &qps, sizeof qps);
	h = mix(h, &n->verdict, sizeof n->verdict);
	for (size_t i = 0; i < n->reasons.n; i++)
		h = mix(h, n->reasons.text[i], strlen(n->reasons.text[i]));
	for (int p = 0; p < PLANE_COUNT; p++) {
		h = mix(h, &n->planes[p].is_good, sizeof n->planes[p].is_good);
		h = mix(h, n->planes[p].error_text, strlen(n->planes[p].error_text));
	}
	return mix(h, n->error, strlen(n->error));
}

static void
tell_pop(struct state *s, const struct pop *p, enum verdict was, const enum announced *announced, struct wall wall)
{
	if (was != p->verdict) {
		struct event *e = new_event(s, "verdict", p->verdict, wall);
		snprintf(e->pop, sizeof e->pop, "%s", p->name);
		snprintf(e->text, sizeof e->text, "%s: %s, was %s%s%s", p->name, verdict_name(p->verdict), verdict_name(was),
			p->reasons.n ? ": " : "", p->reasons.n ? p->reasons.text[0] : "");
		publish_event(s, e);
	}
	for (size_t i = 0; i < s->fleet->n_prefixes; i++) {
		char prefix[PREFIX_TEXT_MAX];
		if (p->announced[i] == announced[i] || p->announced[i] == ANNOUNCED_UNKNOWN || announced[i] == ANNOUNCED_UNKNOWN)
			continue;
		prefix_format(&s->fleet->prefixes[i].prefix, prefix);
		struct event *e = new_event(s, "wire", p->announced[i] == ANNOUNCED_YES ? VERDICT_OK : VERDICT_DRIFT, wall);
		snprintf(e->pop, sizeof e->pop, "%s", p->name);
		snprintf(e->text, sizeof e->text, "%s: %s is now %s", p->name, prefix, announced_name(p->announced[i]));
		publish_event(s, e);
	}
}

static void
judge_pop(struct state *s, size_t index, struct mono now, struct wall wall)
{
	struct pop *p = &s->fleet->pops[index];
	size_t n = s->fleet->n_prefixes;
	enum announced was_announced[n + 1];
	enum verdict was = p->verdict;
	struct pop_judgement j;
	memcpy(was_announced, p->announced, n * sizeof was_announced[0]);
	verdict_pop(s->fleet, p, now, p->announced, &j);
	p->verdict = j.verdict;
	p->reasons = j.reasons;
	p->qps = j.qps;
	p->capacity_qps = j.capacity_qps;
	p->sessions_up = j.sessions_up;
	p->sessions_total = j.sessions_total;
	fleet_refresh_pop_seen(s->fleet, index);
	tell_pop(s, p, was, was_announced, wall);
}

/* Bits of the planes that are fresh: all that mere time can change in a judgement of facts. */
static unsigned
freshness(const struct node *n, struct mono now)
{
	unsigned bits = 0;
	for (int p = 0; p < PLANE_COUNT; p++)
		if (verdict_plane_is_fresh(n, (enum plane_name)p, now))
			bits |= 1u << p;
	return bits;
}

/* Judges a node and its PoP again. True when that changed what an operator sees. */
static bool
judge(struct state *s, size_t index, struct mono now, struct wall wall)
{
	struct node *n = &s->fleet->nodes[index];
	enum announced announced[s->fleet->n_prefixes + 1];
	struct node_judgement j;
	verdict_node(s->fleet, n, now, announced, &j);
	s->nodes[index].freshness = freshness(n, now);
	s->nodes[index].ages = verdict_ages(n);
	n->verdict = j.verdict;
	n->reasons = j.reasons;
	for (int p = 0; p < PLANE_COUNT; p++)
		n->planes[p].is_good = j.planes[p];
	if (n->pop != FLEET_NO_POP)
		judge_pop(s, n->pop, now, wall);
	struct node_extra *x = &s->nodes[index];
	double told = steady(x->told_qps, n->qps);
	uint64_t print = fingerprint(n, told);
	bool has_changed = print != x->fingerprint;
	/* what a change tells is the rate of now */
	x->told_qps = has_changed ? n->qps : told;
	x->fingerprint = has_changed ? fingerprint(n, n->qps) : print;
	if (has_changed)
		n->changed = now;
	return has_changed;
}

static void
publish(struct state *s, size_t index, bool has_changed)
{
	if (has_changed)
		s->fleet->revision++;
	for (size_t i = 0; i < s->n_watchers; i++) {
		const struct state_watcher *w = &s->watchers[i];
		if (has_changed && w->node_changed)
			w->node_changed(w->arg, index);
		else if (!has_changed && w->node_seen)
			w->node_seen(w->arg, index);
	}
}

/* The new facts: the report itself when it states all there is, else a fresh merge, so that arenas never pile up. */
static void
take_report(struct node *n, struct report *report)
{
	unsigned kept = n->facts->sections & ~report->sections;
	if (n->facts->sections & report->sections & REPORT_VERSIONS && n->bgp_driver[0] && strcmp(n->bgp_driver, n->dns_driver) != 0)
		kept |= REPORT_VERSIONS;
	if (kept == 0) {
		report_free(n->facts);
		n->facts = report;
		return;
	}
	struct report *facts = report_new();
	unsigned all = n->facts->sections;
	n->facts->sections = kept;
	report_merge(facts, n->facts);
	n->facts->sections = all;
	report_merge(facts, report);
	report_free(n->facts);
	report_free(report);
	n->facts = facts;
}

/* Ages never depend on it, but signatures, leases and logs of the node do. */
static void
compare_clocks(struct state *s, struct node *n, int64_t clock_s, struct wall wall)
{
	if (clock_s <= 0)
		return;
	int64_t skew_s = clock_s - wall.ns / CLOCK_NS_PER_S;
	bool is_wrong = skew_s >= SKEW_NOTICE_S || skew_s <= -SKEW_NOTICE_S, was_wrong = n->skew_s != 0;
	n->skew_s = is_wrong ? skew_s : 0;
	if (is_wrong == was_wrong)
		return;
	char text[32];
	duration_format(skew_s < 0 ? -skew_s : skew_s, text, sizeof text);
	if (is_wrong)
		tell_node(s, n, "clock", VERDICT_DEGRADED, wall, "%s: its clock is %s %s ours", n->name, text,
			skew_s < 0 ? "behind" : "ahead of");
	else
		tell_node(s, n, "clock", VERDICT_OK, wall, "%s: its clock agrees with ours again", n->name);
}

static void
mark_seen(struct node *n, unsigned sections, struct mono now)
{
	static const unsigned plane_sections[PLANE_COUNT] = { SESSION_SECTIONS, WIRE_SECTIONS, SERVICE_SECTIONS };
	n->seen = now;
	for (int p = 0; p < PLANE_COUNT; p++)
		if (sections & plane_sections[p])
			n->planes[p].seen = now;
}

struct state_shape
state_apply(struct state *s, size_t index, const char *probe_id, struct report *report, struct mono now, struct wall wall)
{
	struct node *n = &s->fleet->nodes[index];
	struct node_extra *x = &s->nodes[index];
	unsigned sections = report->sections;
	tell_sessions(s, n, report, wall);
	if (sections & REPORT_DNS)
		sample_rate(s, n, x, &report->dns, now, wall);
	if (sections & REPORT_CLOCK)
		compare_clocks(s, n, report->clock_s, wall);
	if (n->is_restored) {
		/* facts of another life serve until the first new one; then nothing of them may pass for fresh */
		report_free(n->facts);
		n->facts = report_new();
		memset(n->planes, 0, sizeof n->planes);
		n->is_restored = false;
	}
	if ((sections & REPORT_CAPACITY) && isnan(n->capacity_qps))
		n->capacity_qps = report->capacity_qps;
	take_report(n, report);
	x->applied++;
	for (size_t i = 0; i < REPORT_SECTION_COUNT; i++)
		if (sections & 1u << i)
			x->stamps[i] = x->applied;
	forget_error(x, probe_id);
	refresh_errors(n, x);
	mark_seen(n, sections, now);
	publish(s, index, judge(s, index, now, wall));
	return (struct state_shape){ sections, x->applied };
}

static bool
has_shape(const struct node_extra *x, const struct state_shape *shape)
{
	for (size_t i = 0; i < REPORT_SECTION_COUNT; i++)
		if (shape->sections & 1u << i && x->stamps[i] != shape->stamp)
			return false;
	return shape->sections != 0;
}

/* What a report would change in a judgement that differs from the last one in quiet numbers only: nothing, unless one of
 * those crossed a line. */
static bool
is_judged_alike(const struct node *n, const struct node_extra *x, struct mono now)
{
	double told = steady(x->told_qps, n->qps);
	bool is_told = told == x->told_qps || (isnan(told) && isnan(x->told_qps));
	return is_told && freshness(n, now) == x->freshness && verdict_ages(n) == x->ages;
}

static int
sign(int64_t n)
{
	return (n > 0) - (n < 0);
}

bool
state_apply_numbers(struct state *s, size_t index, const struct state_shape *shape, const struct page *page,
	const union report_number *values, struct mono now, struct wall wall)
{
	struct node *n = &s->fleet->nodes[index];
	struct node_extra *x = &s->nodes[index];
	if (!has_shape(x, shape) || n->is_restored || x->n_errors > 0)
		return false;
	size_t n_places;
	const struct report_place *places = page_places(page, &n_places);
	int was_skewed = sign(n->skew_s);
	bool is_news = report_put_numbers(n->facts, places, n_places, values);
	if (shape->sections & REPORT_DNS)
		sample_rate(s, n, x, &n->facts->dns, now, wall);
	if (shape->sections & REPORT_CLOCK)
		compare_clocks(s, n, n->facts->clock_s, wall);
	mark_seen(n, shape->sections, now);
	if (is_news || was_skewed != sign(n->skew_s) || !is_judged_alike(n, x, now)) {
		publish(s, index, judge(s, index, now, wall));
		return true;
	}
	if (n->pop != FLEET_NO_POP) {
		struct pop *p = &s->fleet->pops[n->pop];
		p->qps = verdict_pop_qps(s->fleet, p, now);
		fleet_refresh_pop_seen(s->fleet, n->pop);
	}
	publish(s, index, false);
	return true;
}

void
state_fail(struct state *s, size_t index, const char *probe_id, unsigned gives, const struct err *why, struct mono now,
	struct wall wall)
{
	struct node *n = &s->fleet->nodes[index];
	struct node_extra *x = &s->nodes[index];
	keep_error(x, probe_id, gives, why);
	refresh_errors(n, x);
	/* "not running" and "refused" are facts about the daemon: they are as fresh as an answer */
	if (why->code == ERR_NOT_RUNNING) {
		enum plane_name p = plane_of_sections(gives);
		n->seen = now;
		n->is_restored = false;
		if (p == PLANE_SERVICE)
			n->planes[p].seen = now;
	}
	if (gives & REPORT_DNS) {
		n->qps = NAN;
		x->has_gap = true;
	}
	publish(s, index, judge(s, index, now, wall));
}

static void
sample_pop(struct state *s, size_t i, struct mono now)
{
	struct pop_extra *x = &s->pops[i];
	if (mono_is_set(x->sampled) && mono_ms_since(now, x->sampled) < 1900)
		return;
	x->sampled = now;
	spark_add(&x->spark, s->fleet->pops[i].qps);
}

/* The clock went forward much further than a tick: we slept, not the fleet. */
static void
notice_gap(struct state *s, struct mono now, struct wall wall)
{
	if (s->has_ticked && mono_ms_since(now, s->ticked) > 15000)
		state_tell(s, "backend", VERDICT_UNKNOWN, wall, "the backend did not run for %d s: all facts are that much older",
			(int)(mono_ms_since(now, s->ticked) / 1000));
	s->has_ticked = true;
	s->ticked = now;
}

/* Of a node out of sight the verdict hangs on what others see of it, so that one is judged anew each time. */
static bool
may_have_aged(const struct state *s, size_t index, struct mono now)
{
	unsigned bits = freshness(&s->fleet->nodes[index], now);
	return bits == 0 || bits != s->nodes[index].freshness;
}

void
state_tick(struct state *s, struct mono now, struct wall wall)
{
	notice_gap(s, now, wall);
	for (size_t i = 0; i < s->fleet->n_nodes; i++)
		if (may_have_aged(s, i, now) && judge(s, i, now, wall))
			publish(s, i, true);
	for (size_t i = 0; i < s->fleet->n_pops; i++)
		sample_pop(s, i, now);
}

void
state_restore(struct state *s, size_t index, struct report *facts, double age_s, struct mono now)
{
	struct node *n = &s->fleet->nodes[index];
	struct mono seen = { now.ns - (int64_t)(age_s * 1e9) };
	if (mono_is_set(n->seen)) {
		report_free(facts);
		return;
	}
	report_free(n->facts);
	n->facts = facts;
	n->is_restored = true;
	n->seen = seen;
	for (int p = 0; p < PLANE_COUNT; p++)
		n->planes[p].seen = seen;
}

/* Carries what is known of a node over to the new topology, if it is the same node at the same address. */
static void
carry_over(struct state *s, struct fleet *old, struct node_extra *old_extras, size_t index)
{
	struct node *n = &s->fleet->nodes[index];
	size_t i = fleet_find_node(old, n->name);
	if (i == SIZE_MAX)
		return;
	struct node *o = &old->nodes[i];
	if (o->role != n->role || !o->conf || !n->conf || strcmp(o->conf->resolved, n->conf->resolved) != 0 ||
		strcmp(o->bgp_driver, n->bgp_driver) != 0 || strcmp(o->dns_driver, n->dns_driver) != 0)
		return;
	struct report *facts = n->facts;
	n->facts = o->facts;
	o->facts = facts;
	memcpy(n->planes, o->planes, sizeof n->planes);
	n->verdict = o->verdict;
	n->qps = o->qps;
	n->seen = o->seen;
	n->is_restored = o->is_restored;
	memcpy(n->error, o->error, sizeof n->error);
	n->error_code = o->error_code;
	s->nodes[index] = old_extras[i];
}

void
state_reload(struct state *s, struct fleet *f, struct mono now, struct wall wall)
{
	struct fleet *old = s->fleet;
	struct node_extra *old_nodes = s->nodes;
	struct pop_extra *old_pops = s->pops;
	s->fleet = f;
	f->revision = old->revision + 1;
	prepare_extras(s);
	for (size_t i = 0; i < f->n_nodes; i++)
		carry_over(s, old, old_nodes, i);
	for (size_t i = 0; i < f->n_pops; i++) {
		size_t o = fleet_find_pop(old, f->pops[i].name);
		if (o == SIZE_MAX)
			continue;
		s->pops[i] = old_pops[o];
		f->pops[i].verdict = old->pops[o].verdict;
	}
	for (size_t i = 0; i < f->n_nodes; i++)
		judge(s, i, now, wall);
	free(old_nodes);
	free(old_pops);
	fleet_free(old);
	for (size_t i = 0; i < s->n_watchers; i++)
		if (s->watchers[i].reloaded)
			s->watchers[i].reloaded(s->watchers[i].arg);
	state_tell(s, "config", VERDICT_OK, wall, "fleet file taken: %zu PoPs, %zu nodes, %zu prefixes", f->n_pops, f->n_nodes,
		f->n_prefixes);
}

size_t
state_node_spark(const struct state *s, size_t node, double *out, size_t max)
{
	return spark_read(&s->nodes[node].spark, out, max);
}

size_t
state_pop_spark(const struct state *s, size_t pop, double *out, size_t max)
{
	return spark_read(&s->pops[pop].spark, out, max);
}
