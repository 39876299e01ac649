/* SPDX-License-Identifier: Apache-2.0
 *
 * The thin shell around the engine: it opens the ledger, wakes the engine when facts came in or a deadline fell, and
 * carries what the engine says to state, poller and streams. Nothing here decides.
 *
 * Turns are collected: a hundred reports in one turn of the loop wake the engine once. While nothing is open it is not
 * woken by facts at all, only once in ten seconds for leases.
 */
#include "backend/acting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/metrics.h"
#include "backend/notary.h"
#include "backend/poller.h"
#include "core/digest.h"
#include "plugins/drivers.h"

#define IDLE_MS  10000
#define PEAK_S   (7 * INT64_C(86400))

struct acting {
	struct acting_conf conf;
	struct ledger *ledger;
	struct notary *notary;
	struct actors *actors;
	struct engine *engine;
	struct loop_timer *timer;
	bool is_due;
};

static void
wake(struct acting *a)
{
	if (a->is_due)
		return;
	a->is_due = true;
	loop_timer_set(a->timer, 0, 0);
}

static void
on_timer(void *arg)
{
	struct acting *a = arg;
	a->is_due = false;
	engine_turn(a->engine);
	struct mono next = engine_next(a->engine);
	int64_t wait_ms = mono_is_set(next) ? mono_ms_since(next, clock_mono()) + 1 : IDLE_MS;
	if (!a->is_due)
		loop_timer_set(a->timer, wait_ms < 1 ? 1 : wait_ms < IDLE_MS ? wait_ms : IDLE_MS, 0);
}

static void
on_facts(void *arg, size_t node)
{
	struct acting *a = arg;
	(void)node;
	if (mono_is_set(engine_next(a->engine)))
		wake(a);
}

static struct mono
now_mono(void *arg)
{
	(void)arg;
	return clock_mono();
}

static struct wall
now_wall(void *arg)
{
	(void)arg;
	return clock_wall();
}

static const struct fleet *
the_fleet(void *arg)
{
	struct acting *a = arg;
	return state_fleet(a->conf.state);
}

static void
ask_nodes(void *arg, const size_t *nodes, size_t n, enum poller_what what)
{
	struct acting *a = arg;
	poller_ask(a->conf.poller, nodes, n, what);
	outside_ask(a->conf.outside, nodes, n);
}

static void
set_holds(void *arg, size_t pop, const struct hold *holds, size_t n, enum announced intent, enum drain_phase phase)
{
	struct acting *a = arg;
	state_set_holds(a->conf.state, pop, holds, n, intent, phase, clock_mono(), clock_wall());
}

static void
told(void *arg, const struct operation *op)
{
	struct acting *a = arg;
	if (a->conf.told)
		a->conf.told(a->conf.arg, op->id);
	if (a->engine)
		wake(a);
}

static void
tell(void *arg, const char *kind, enum verdict severity, const char *pop, const char *text)
{
	struct acting *a = arg;
	state_tell_pop(a->conf.state, kind, severity, pop, clock_wall(), "%.230s", text);
}

static void
take_peak(void *arg, const struct store_point *p)
{
	double *peak = arg;
	if (!isnan(p->qps_max) && (isnan(*peak) || p->qps_max > *peak))
		*peak = p->qps_max;
}

/* The highest rate within the hour around this time of last week. */
static double
peak_qps(void *arg, size_t pop)
{
	struct acting *a = arg;
	double peak = NAN;
	struct wall now = clock_wall();
	struct wall from = { now.ns - (PEAK_S + 1800) * CLOCK_NS_PER_S }, to = { now.ns - (PEAK_S - 1800) * CLOCK_NS_PER_S };
	if (a->conf.store)
		(void)store_read_history(a->conf.store, state_fleet(a->conf.state)->pops[pop].name, from, to, take_peak, &peak, NULL);
	return peak;
}

static void
on_actor(void *arg, const char *op, const struct actor_event *event)
{
	struct acting *a = arg;
	engine_actor_event(a->engine, op, event);
	wake(a);
}

static uint32_t
any_number(void *arg)
{
	(void)arg;
	return digest_random();
}

static int
open_ledger(struct acting *a, struct err *err)
{
	struct ledger_disk disk;
	struct reasons notes = { 0 };
	struct err damage = ERR_INIT;
	if (ledger_disk_open(a->conf.state_dir, &disk, err) == -1)
		return -1;
	a->ledger = ledger_open(&disk, clock_wall(), &notes, &damage);
	for (size_t i = 0; i < notes.n; i++) {
		fprintf(stderr, "catchmentd: ledger: %s\n", notes.text[i]);
		state_tell(a->conf.state, "ledger", VERDICT_DEGRADED, clock_wall(), "%s", notes.text[i]);
	}
	if (damage.code != ERR_OK) {
		fprintf(stderr, "catchmentd: ledger: %s\n", damage.text);
		state_tell(a->conf.state, "ledger", VERDICT_DRIFT, clock_wall(), "acting is refused: %.200s", damage.text);
	}
	return 0;
}

struct acting *
acting_new(const struct acting_conf *conf, struct err *err)
{
	struct acting *a = xcalloc(1, sizeof *a);
	a->conf = *conf;
	if (open_ledger(a, err) == -1) {
		free(a);
		return NULL;
	}
	struct engine_env env = {
		.arg = a,
		.now = now_mono,
		.wall = now_wall,
		.fleet = the_fleet,
		.poll = ask_nodes,
		.set_holds = set_holds,
		.told = told,
		.tell = tell,
		.peak_qps = peak_qps,
		.random = any_number,
		.find = driver_find,
		.times = ENGINE_TIMES_DEFAULT,
	};
	a->timer = loop_timer_add(conf->loop, 0, 0, on_timer, a);
	a->actors = actors_new(conf->loop, conf->config, conf->state_dir, on_actor, a, &env.actors);
	a->engine = engine_new(&env, a->ledger);
	a->notary = notary_new(conf->loop, a->ledger, NULL);
	const struct state_watcher watcher = { .node_changed = on_facts, .node_seen = on_facts, .arg = a };
	state_watch(conf->state, &watcher);
	return a;
}

void
acting_free(struct acting *a)
{
	if (!a)
		return;
	state_unwatch(a->conf.state, a);
	engine_free(a->engine);
	actors_free(a->actors);
	loop_timer_del(a->timer);
	notary_free(a->notary);
	ledger_close(a->ledger);
	free(a);
}

void
acting_reload(struct acting *a)
{
	engine_reload(a->engine);
	wake(a);
}

void
acting_metrics(const struct acting *a, struct buf *out)
{
	struct notary_figures figures = notary_figures(a->notary);
	metrics_family(out, "catchment_audit_heads_total", "counter", "Heads of the audit log told to the system's log.");
	metrics_sample(out, "catchment_audit_heads_total", (double)figures.told, "result", "told", NULL);
	metrics_sample(out, "catchment_audit_heads_total", (double)figures.lost, "result", "lost", NULL);
}

struct engine *
acting_engine(const struct acting *a)
{
	return a->engine;
}

struct ledger *
acting_ledger(const struct acting *a)
{
	return a->ledger;
}
