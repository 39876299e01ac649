/* SPDX-License-Identifier: Apache-2.0
 *
 * History: between the state, which knows the present, and the store, which remembers. Once a second a tick collects
 * what is due and commits it. Samples are spread over the interval by the node's place, so that a fleet of thousands
 * costs every second the same and never one second all. Facts are kept when they changed, at most once a minute a node
 * and a bounded number a tick, and all of them at the end, so that after a restart the screen shows what was
 * last known, dim, with its age, instead of nothing.
 *
 * A store that fails is told once (and once when it works again): the disk being full for an hour is one line in the
 * timeline. Nothing here stops polling or showing. Made by main after the state and before the poller.
 */
#include "backend/history.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS      1000
#define SAMPLE_MS    10000
#define KEEP_MS      60000
#define KEEP_QUIET   10 /* facts that do not change are kept too, so many times more seldom: they were seen again */
#define KEEP_A_TICK  64
#define EVENTS_MAX   500 /* of before a restart */
#define FACTS_MAX    (1u << 20) /* JSON of one node's facts; larger ones are not kept */
#define FACTS_OLD_S  (7 * 86400) /* older facts say nothing that an operator should see */

struct keep_mark {
	bool is_dirty;
	struct mono kept; /* unset: not since the start */
};

struct history {
	struct history_conf conf;
	struct loop_timer *timer;
	size_t n_nodes;
	struct keep_mark *marks;
	size_t keep_next;    /* node at which the next tick goes on */
	struct mono sampled; /* how far sampling has come */
	bool has_failed;     /* the store's last commit failed, and was told */
	bool is_syncing;     /* a pool thread moves the store's log */
};

static const struct fleet *
fleet_of(const struct history *h)
{
	return state_fleet(h->conf.state);
}

/* --- what the state tells us ---------------------------------------------------------------------------------- */

static void
on_node_changed(void *arg, size_t node)
{
	struct history *h = arg;
	if (node < h->n_nodes)
		h->marks[node].is_dirty = true;
}

static void
on_event(void *arg, const struct event *e)
{
	struct history *h = arg;
	store_add_event(h->conf.store, e);
}

static void
on_reloaded(void *arg)
{
	struct history *h = arg;
	free(h->marks);
	h->n_nodes = fleet_of(h)->n_nodes;
	h->marks = xcalloc(h->n_nodes + 1, sizeof *h->marks);
	h->keep_next = 0;
	for (size_t i = 0; i < h->n_nodes; i++)
		h->marks[i].is_dirty = true;
}

/* --- facts ---------------------------------------------------------------------------------------------------- */

/* Restored facts are the store's own; a node never reached has none. */
static bool
has_own_facts(const struct node *n)
{
	return n->facts->sections != 0 && !n->is_restored && mono_is_set(n->seen);
}

static const char *
address_of(const struct node *n)
{
	return n->conf && n->conf->address ? n->conf->address : "";
}

static void
keep(struct history *h, size_t i, struct mono now, struct wall wall)
{
	const struct node *n = &fleet_of(h)->nodes[i];
	h->marks[i].is_dirty = false;
	if (!has_own_facts(n))
		return;
	struct buf json = BUF_INIT(FACTS_MAX);
	struct json_writer w = JSON_WRITER(&json);
	report_write_json(n->facts, &w);
	/* Their age goes on from when they were seen, not from when they were written. */
	struct wall seen = { wall.ns - (now.ns - n->seen.ns) };
	if (!json.truncated)
		store_keep_facts(h->conf.store, n->name, address_of(n), buf_slice(&json), seen);
	h->marks[i].kept = now;
	buf_done(&json);
}

static void
keep_due(struct history *h, struct mono now, struct wall wall)
{
	size_t kept = 0;
	for (size_t k = 0; k < h->n_nodes && kept < KEEP_A_TICK; k++) {
		size_t i = h->keep_next++ % h->n_nodes;
		const struct keep_mark *mark = &h->marks[i];
		int64_t since_ms = mono_is_set(mark->kept) ? mono_ms_since(now, mark->kept) : INT64_MAX;
		if (since_ms < h->conf.keep_ms || (!mark->is_dirty && since_ms < KEEP_QUIET * h->conf.keep_ms))
			continue;
		keep(h, i, now, wall);
		kept++;
	}
}

struct restoring {
	struct history *h;
	struct mono now;
	struct wall wall;
};

static void
on_facts(void *arg, const char *node, const char *address, struct slice json, struct wall at)
{
	struct restoring *r = arg;
	const struct fleet *f = fleet_of(r->h);
	size_t i = fleet_find_node(f, node);
	double age_s = (double)(r->wall.ns - at.ns) / 1e9;
	/* Another address is another machine. A time in the future is a clock that was set back: age unknown. */
	if (i == SIZE_MAX || strcmp(address_of(&f->nodes[i]), address) != 0 || age_s < 0 || age_s > FACTS_OLD_S)
		return;
	struct json_doc *doc = json_parse(json, NULL);
	struct report *facts = report_new();
	if (doc && report_read_json(json_root(doc), facts, NULL) == 0)
		state_restore(r->h->conf.state, i, facts, age_s, r->now);
	else
		report_free(facts);
	json_doc_free(doc);
}

static void
restore_events(struct history *h, struct wall wall)
{
	struct event *events = xcalloc(EVENTS_MAX, sizeof *events);
	struct err err = ERR_INIT;
	int n = store_read_events(h->conf.store, events, EVENTS_MAX, &err);
	if (n > 0)
		state_restore_events(h->conf.state, events, (size_t)n);
	else if (n == -1)
		state_tell(h->conf.state, "backend", VERDICT_DEGRADED, wall, "old events cannot be read: %s", err.text);
	free(events);
}

/* --- the tick ------------------------------------------------------------------------------------------------- */

static void
sample_node(struct history *h, const struct node *n, struct wall wall)
{
	if (n->role != NODE_MEMBER || n->pop == FLEET_NO_POP)
		return;
	store_add_sample(h->conf.store, fleet_of(h)->pops[n->pop].name, n->name, n->qps, n->verdict, wall);
}

static void
sample_pop(struct history *h, const struct pop *p, struct wall wall)
{
	store_add_sample(h->conf.store, p->name, "", p->qps, p->verdict, wall);
}

/* The share of `n` things whose turn lies in (from, to], where a whole round takes `round_ms`. */
struct turn {
	size_t first, count;
};

static struct turn
turn_of(size_t n, int64_t from_ms, int64_t to_ms, int64_t round_ms)
{
	if (to_ms - from_ms >= round_ms)
		return (struct turn){ 0, n };
	size_t first = (size_t)(from_ms % round_ms * (int64_t)n / round_ms);
	size_t last = (size_t)(to_ms % round_ms * (int64_t)n / round_ms);
	return (struct turn){ first, last >= first ? last - first : n - first + last };
}

static void
sample_due(struct history *h, struct mono now, struct wall wall)
{
	const struct fleet *f = fleet_of(h);
	int64_t to_ms = now.ns / CLOCK_NS_PER_MS, from_ms = h->sampled.ns / CLOCK_NS_PER_MS;
	h->sampled = now;
	struct turn nodes = turn_of(f->n_nodes, from_ms, to_ms, h->conf.sample_ms);
	for (size_t k = 0; k < nodes.count; k++)
		sample_node(h, &f->nodes[(nodes.first + k) % f->n_nodes], wall);
	struct turn pops = turn_of(f->n_pops, from_ms, to_ms, h->conf.sample_ms);
	for (size_t k = 0; k < pops.count; k++)
		sample_pop(h, &f->pops[(pops.first + k) % f->n_pops], wall);
}

static void
commit(struct history *h, struct wall wall)
{
	struct err err = ERR_INIT;
	bool is_well = store_commit(h->conf.store, wall, &err) == 0;
	if (is_well && h->has_failed)
		state_tell(h->conf.state, "backend", VERDICT_OK, wall, "history is written again");
	else if (!is_well && !h->has_failed)
		state_tell(h->conf.state, "backend", VERDICT_DEGRADED, wall, "history is not written: %s", err.text);
	h->has_failed = !is_well;
}

static void
sync_work(void *arg)
{
	struct history *h = arg;
	store_sync(h->conf.store);
}

static void
sync_done(void *arg)
{
	struct history *h = arg;
	h->is_syncing = false;
	store_sync_end(h->conf.store);
}

/* What waits for the disk does so on a thread of the pool: the loop must go on polling. */
static void
sync_when_due(struct history *h)
{
	if (h->is_syncing || !store_wants_sync(h->conf.store))
		return;
	h->is_syncing = true;
	store_sync_begin(h->conf.store);
	if (h->conf.loop) {
		loop_work(h->conf.loop, sync_work, sync_done, h);
		return;
	}
	sync_work(h);
	sync_done(h);
}

void
history_tick(struct history *h, struct mono now, struct wall wall)
{
	sample_due(h, now, wall);
	keep_due(h, now, wall);
	commit(h, wall);
	sync_when_due(h);
}

static void
on_timer(void *arg)
{
	struct history *h = arg;
	history_tick(h, loop_now(h->conf.loop), clock_wall());
}

struct history *
history_new(const struct history_conf *conf, struct mono now, struct wall wall)
{
	struct history *h = xcalloc(1, sizeof *h);
	h->conf = *conf;
	if (h->conf.sample_ms <= 0)
		h->conf.sample_ms = SAMPLE_MS;
	if (h->conf.keep_ms <= 0)
		h->conf.keep_ms = KEEP_MS;
	h->sampled = now;
	on_reloaded(h);
	restore_events(h, wall);
	struct restoring r = { h, now, wall };
	struct err err = ERR_INIT;
	if (store_each_facts(conf->store, on_facts, &r, &err) == -1)
		state_tell(conf->state, "backend", VERDICT_DEGRADED, wall, "the last known facts cannot be read: %s", err.text);
	const struct state_watcher watcher = {
		.node_changed = on_node_changed,
		.event = on_event,
		.reloaded = on_reloaded,
		.arg = h,
	};
	state_watch(conf->state, &watcher);
	if (conf->loop)
		h->timer = loop_timer_add(conf->loop, TICK_MS, TICK_MS, on_timer, h);
	return h;
}

void
history_free(struct history *h, struct mono now, struct wall wall)
{
	if (!h)
		return;
	state_unwatch(h->conf.state, h);
	loop_timer_del(h->timer);
	while (h->is_syncing && loop_turn(h->conf.loop, true))
		; /* the pool thread still has the store */
	for (size_t i = 0; i < h->n_nodes; i++)
		keep(h, i, now, wall);
	(void)store_commit(h->conf.store, wall, NULL);
	free(h->marks);
	free(h);
}
