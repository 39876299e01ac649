/* SPDX-License-Identifier: Apache-2.0
 *
 * The poller. Every driver of every node is a lane with a beat of its own, started at a random point of its interval so
 * that a fleet of thousands is a steady stream and not a burst. A lane's due probes that run commands go out as one
 * request (one exec on a kept session); HTTP probes go one by one. The deadline of a request is absolute.
 *
 * Lanes start on beats of BEAT_MS, all lanes of a beat in one turn of the loop: going to sleep and waking up was a third
 * of the CPU of a poll. For the same reason polls that come round start on every second beat only. They wait on a wheel of lists, one list a beat, under one timer, which is armed for the next beat
 * that has a lane.
 *
 * BGP and DNS drivers are lanes apart because a frozen BGP daemon makes its tool hang: the DNS facts of that node must
 * stay fresh meanwhile. After failures that cost time or connections (not "the daemon is not running", which is an
 * answer) the lane waits longer, with full jitter, up to BACKOFF_MAX_MS: a dead half of a fleet is asked less, never more.
 */
#include "backend/poller.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "core/page.h"

#define LANE_PROBES_MAX 12
#define LATE_RING       4096
#define SLOW_EVERY      30
#define DEADLINE_MIN_MS 2000
#define DEADLINE_MAX_MS 10000
#define BACKOFF_MAX_MS  15000
#define NOW_SPREAD_MS   500
#define NOW_EVERY_MS    1000
#define BEAT_MS         50
#define BEAT_NS         (BEAT_MS * CLOCK_NS_PER_MS)
#define SHARED_BEATS    2
#define WHEEL_BEATS     512 /* 25 s a lap; longer polls pass their list more than once */
#define SLEPT_MS        5000 /* so late is no poll by itself: the machine slept, and would ask all at once */

struct poller;

struct slot {
	const struct probe *probe;
	char id[48];
	uint64_t asked_round; /* round in which it was last asked, 0 never */
	bool was_deferred;    /* had nothing to ask yet */
	bool is_known;        /* PACE_ONCE: answered since the last reconnect */
	struct page *page;    /* as it was last read whole; NULL: none, or not worth it */
	struct state_shape shape; /* of the facts that came of it */
};

/* One request under way: which slots its commands belong to. */
struct flight {
	struct lane *lane; /* NULL: the lane is gone, the answer is dropped */
	size_t n;
	struct {
		size_t slot, first, count;
	} parts[LANE_PROBES_MAX];
	struct flight *next;
};

struct lane {
	struct poller *poller;
	size_t node;
	const struct driver *driver;
	size_t n_slots;
	struct slot slots[LANE_PROBES_MAX];
	LIST_ENTRY(lane) waiting; /* on the wheel, or among those that start now */
	int64_t beat;             /* in which it starts; 0: it is on no list */
	struct mono due;
	uint64_t round;
	unsigned failures;   /* in a row, of the kind that backs off */
	size_t under_way;
	bool has_deferred;   /* ask again at once when this round's answers are in */
	bool has_failed_now; /* in this round */
	struct flight *flights;
};

LIST_HEAD(lane_list, lane);

struct poller {
	struct loop *loop;
	struct loop_timer *timer; /* for armed_beat */
	int64_t beat;             /* the newest that was handled */
	int64_t armed_beat;       /* 0: none */
	struct lane_list wheel[WHEEL_BEATS];
	struct state *state;
	struct transport *transport;
	poller_find_fn *find;
	size_t n_lanes;
	struct lane *lanes;
	uint64_t seed;
	struct mono asked_now;
	struct poller_stats stats;
	float late_ms[LATE_RING];
	size_t n_late;
};

/* xorshift64*: spreads timers, decides nothing */
static uint64_t
draw(struct poller *p)
{
	p->seed ^= p->seed >> 12;
	p->seed ^= p->seed << 25;
	p->seed ^= p->seed >> 27;
	return p->seed * UINT64_C(2685821657736338717);
}

static int64_t
draw_ms(struct poller *p, int64_t below)
{
	return below > 0 ? (int64_t)(draw(p) >> 11) % below : 0;
}

static const struct node *
node_of(const struct lane *l)
{
	return &state_fleet(l->poller->state)->nodes[l->node];
}

static void
unarm(struct lane *l)
{
	if (l->beat != 0)
		LIST_REMOVE(l, waiting);
	l->beat = 0;
}

static void
arm_timer(struct poller *p, int64_t beat, struct mono now)
{
	int64_t wait_ns = beat * BEAT_NS - now.ns;
	p->armed_beat = beat;
	loop_timer_set(p->timer, wait_ns > 0 ? (wait_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS : 0, 0);
}

/* The first beat from `due` on. */
static void
arm_at(struct lane *l, struct mono due, struct mono now)
{
	struct poller *p = l->poller;
	int64_t beat = (due.ns + BEAT_NS - 1) / BEAT_NS;
	unarm(l);
	l->due = due;
	l->beat = beat > p->beat ? beat : p->beat + 1;
	LIST_INSERT_HEAD(&p->wheel[l->beat % WHEEL_BEATS], l, waiting);
	if (p->armed_beat == 0 || l->beat < p->armed_beat)
		arm_timer(p, l->beat, now);
}

/* Falls due on a beat, so that only what keeps it from starting then counts as late; what is not wanted at once, on one
 * that many share. */
static void
arm(struct lane *l, int64_t delay_ms)
{
	struct mono now = clock_mono();
	int64_t step = delay_ms > 0 ? SHARED_BEATS * BEAT_NS : BEAT_NS;
	int64_t steps = (mono_add_ms(now, delay_ms).ns + step - 1) / step;
	arm_at(l, (struct mono){ steps * step }, now);
}

static bool
backs_off(enum err_code code)
{
	switch (code) {
	case ERR_NOT_RUNNING:
	case ERR_BAD_REPLY:
	case ERR_DENIED:
	case ERR_NOT_INSTALLED:
	case ERR_UNSUPPORTED:
		return false;
	default:
		return true;
	}
}

static int64_t
next_delay(struct lane *l)
{
	int64_t poll_ms = node_of(l)->poll_ms;
	if (l->failures < 2)
		return poll_ms;
	unsigned shift = l->failures - 1 < 6 ? l->failures - 1 : 6;
	int64_t ceiling = poll_ms << shift;
	if (ceiling > BACKOFF_MAX_MS)
		ceiling = BACKOFF_MAX_MS > poll_ms ? BACKOFF_MAX_MS : poll_ms;
	return poll_ms + draw_ms(l->poller, ceiling - poll_ms + 1);
}

static bool
is_due(const struct lane *l, const struct slot *s)
{
	if (s->was_deferred || s->asked_round == 0)
		return true;
	switch (s->probe->pace) {
	case PACE_FAST:
	case PACE_NORMAL:
		return true;
	case PACE_SLOW:
		return l->round - s->asked_round >= SLOW_EVERY;
	case PACE_ONCE:
		return !s->is_known;
	}
	return true;
}

static void
fail(struct lane *l, struct slot *s, const struct err *why)
{
	struct poller *p = l->poller;
	p->stats.failures++;
	s->is_known = false;
	/* due again with the next round: its error stands until it answers, and 30 rounds is long for one bad moment */
	s->asked_round = 0;
	if (backs_off(why->code))
		l->has_failed_now = true;
	state_fail(p->state, l->node, s->id, s->probe->gives, why, loop_now(p->loop), clock_wall());
}

static bool
is_page(const struct reply *reply)
{
	return reply->http_status == 200 && reply->n_parts == 1 && reply->content_type;
}

/* The same page as last time but for its numbers: true if that is how it was taken. */
static bool
take_again(struct lane *l, struct slot *s, const struct reply *reply)
{
	struct poller *p = l->poller;
	union report_number values[PAGE_NUMBERS_MAX];
	return s->page && is_page(reply) && page_again(s->page, reply->parts[0].out, reply->content_type, values) &&
		state_apply_numbers(p->state, l->node, &s->shape, s->page, values, loop_now(p->loop), clock_wall());
}

static void
take(struct lane *l, struct slot *s, const struct reply *reply)
{
	struct poller *p = l->poller;
	struct err err = ERR_INIT;
	if (take_again(l, s, reply)) {
		s->is_known = true;
		return;
	}
	struct report_places places = { 0 };
	struct report *report = report_new();
	report->places = is_page(reply) ? &places : NULL;
	page_free(s->page);
	s->page = NULL;
	if (s->probe->read(reply, report, &err) == -1) {
		report_free(report);
		fail(l, s, &err);
	} else {
		s->is_known = true;
		report->places = NULL;
		if (places.n > 0)
			s->page = page_new(reply->parts[0].out, reply->content_type, report, &places);
		s->shape = state_apply(p->state, l->node, s->id, report, loop_now(p->loop), clock_wall());
	}
	free(places.places);
}

static void start_round(struct lane *l);

/* All answers of a round are in: facts that others waited for are there now, so ask those at once, else wait. */
static void
end_round(struct lane *l)
{
	l->failures = l->has_failed_now ? l->failures + 1 : 0;
	if (l->has_failed_now)
		for (size_t i = 0; i < l->n_slots; i++)
			l->slots[i].is_known = false;
	if (l->has_deferred && !l->has_failed_now && l->round == 1) {
		arm(l, 0);
		return;
	}
	if (l->failures >= 2) {
		arm(l, next_delay(l));
		return;
	}
	/* keep the beat: the next poll is an interval after the last was due, not after it ended */
	struct mono now = clock_mono(), due = mono_add_ms(l->due, node_of(l)->poll_ms);
	if (mono_before(due, now)) {
		l->poller->stats.skipped++;
		due = now;
	}
	arm_at(l, due, now);
}

static void
drop_flight(struct flight *f)
{
	struct lane *l = f->lane;
	if (l) {
		struct flight **at = &l->flights;
		while (*at != f)
			at = &(*at)->next;
		*at = f->next;
		l->under_way--;
		l->poller->stats.under_way--;
	}
	free(f);
}

static void
on_done(void *arg, const struct reply *reply, const struct err *err)
{
	struct flight *f = arg;
	struct lane *l = f->lane;
	if (!l) {
		drop_flight(f);
		return;
	}
	for (size_t i = 0; i < f->n; i++) {
		struct slot *s = &l->slots[f->parts[i].slot];
		if (!reply) {
			/* whose command hung: a frozen daemon freezes its own tool only */
			struct err why = *err;
			if (why.code == ERR_TIMEOUT)
				err_wrap(&why, "%s", l->driver->name);
			fail(l, s, &why);
			continue;
		}
		struct reply part = *reply;
		part.parts = reply->parts + f->parts[i].first;
		part.n_parts = f->parts[i].count;
		take(l, s, &part);
	}
	drop_flight(f);
	if (l->under_way == 0)
		end_round(l);
}

static struct flight *
new_flight(struct lane *l)
{
	struct flight *f = xcalloc(1, sizeof *f);
	f->lane = l;
	f->next = l->flights;
	l->flights = f;
	l->under_way++;
	l->poller->stats.under_way++;
	return f;
}

static void
submit(struct lane *l, struct flight *f, struct request *r)
{
	struct poller *p = l->poller;
	const struct node *n = node_of(l);
	int64_t ms = n->poll_ms < DEADLINE_MIN_MS ? DEADLINE_MIN_MS : n->poll_ms > DEADLINE_MAX_MS ? DEADLINE_MAX_MS : n->poll_ms;
	p->stats.polls++;
	p->transport->ops->submit(p->transport, n, r, mono_add_ms(loop_now(p->loop), ms), on_done, f);
}

/* Adds the commands of one probe to the request under construction; sends that first when they would not fit. */
static void
add_exec(struct lane *l, struct flight **f, struct request *batch, size_t slot, const struct request *r)
{
	if (*f && batch->n_commands + r->n_commands > REQUEST_COMMANDS_MAX) {
		submit(l, *f, batch);
		request_done(batch);
		request_init(batch);
		*f = NULL;
	}
	if (!*f)
		*f = new_flight(l);
	size_t i = (*f)->n++;
	(*f)->parts[i].slot = slot;
	(*f)->parts[i].first = batch->n_commands;
	(*f)->parts[i].count = r->n_commands;
	for (size_t c = 0; c < r->n_commands; c++) {
		const struct request_command *command = &r->commands[c];
		size_t argc = 0;
		while (command->argv[argc])
			argc++;
		request_add_argv(batch, command->tag, command->argv, argc);
	}
}

static void
ask_slot(struct lane *l, size_t i, struct flight **f, struct request *batch)
{
	struct slot *s = &l->slots[i];
	struct request r;
	struct err err = ERR_INIT;
	request_init(&r);
	if (s->probe->ask(node_of(l), &r, &err) == -1) {
		fail(l, s, &err);
	} else if (r.kind == REQUEST_NONE) {
		s->was_deferred = true;
		l->has_deferred = true;
	} else {
		s->was_deferred = false;
		s->asked_round = l->round;
		if (r.kind == REQUEST_EXEC) {
			add_exec(l, f, batch, i, &r);
		} else {
			struct flight *own = new_flight(l);
			own->n = 1;
			own->parts[0].slot = i;
			own->parts[0].first = 0;
			own->parts[0].count = 1;
			submit(l, own, &r);
		}
	}
	request_done(&r);
}

static void
start_round(struct lane *l)
{
	struct request batch;
	struct flight *f = NULL;
	l->round++;
	l->has_deferred = false;
	l->has_failed_now = false;
	request_init(&batch);
	/* held up by one, so that an answer cannot end the round while it is being asked */
	l->under_way++;
	for (size_t i = 0; i < l->n_slots; i++)
		if (is_due(l, &l->slots[i]))
			ask_slot(l, i, &f, &batch);
	if (f)
		submit(l, f, &batch);
	request_done(&batch);
	if (--l->under_way == 0)
		end_round(l);
}

static void
start_lane(struct lane *l)
{
	struct poller *p = l->poller;
	if (l->under_way > 0) {
		p->stats.skipped++;
		return;
	}
	struct mono now = clock_mono();
	if (mono_ms_since(now, l->due) > SLEPT_MS) {
		p->stats.skipped++;
		arm(l, draw_ms(p, node_of(l)->poll_ms));
		return;
	}
	double late = mono_s_since(now, l->due) * 1e3;
	p->late_ms[p->n_late++ % LATE_RING] = (float)(late > 0 ? late : 0);
	start_round(l);
}

/* Takes the lanes of a beat that are due off their list; the others come round again. */
static void
collect(struct poller *p, int64_t slot, int64_t beat, struct lane_list *into)
{
	struct lane *next;
	for (struct lane *l = LIST_FIRST(&p->wheel[slot % WHEEL_BEATS]); l; l = next) {
		next = LIST_NEXT(l, waiting);
		if (l->beat > beat)
			continue;
		LIST_REMOVE(l, waiting);
		LIST_INSERT_HEAD(into, l, waiting);
	}
}

static void
arm_next(struct poller *p, struct mono now)
{
	if (p->n_lanes == 0 || p->armed_beat != 0)
		return;
	for (int64_t beat = p->beat + 1; beat <= p->beat + WHEEL_BEATS; beat++)
		if (!LIST_EMPTY(&p->wheel[beat % WHEEL_BEATS])) {
			arm_timer(p, beat, now);
			return;
		}
}

static void
on_beat(void *arg)
{
	struct poller *p = arg;
	struct mono now = clock_mono();
	/* the loop's clock counts whole milliseconds: it may call a little early */
	int64_t beat = (now.ns + CLOCK_NS_PER_MS) / BEAT_NS, from = p->beat + 1;
	if (beat - from >= WHEEL_BEATS)
		from = beat - WHEEL_BEATS + 1;
	struct lane_list starting = LIST_HEAD_INITIALIZER(starting);
	for (int64_t b = from; b <= beat; b++)
		collect(p, b, beat, &starting);
	if (beat > p->beat)
		p->beat = beat;
	p->armed_beat = 0;
	struct lane *l;
	while ((l = LIST_FIRST(&starting))) {
		unarm(l);
		start_lane(l);
	}
	/* what the starting lanes armed may lie behind others that wait already */
	p->armed_beat = 0;
	arm_next(p, now);
}

static void
add_lane(struct poller *p, size_t node, const char *name)
{
	const struct driver *d = name[0] ? p->find(name) : NULL;
	if (!d)
		return;
	struct lane *l = &p->lanes[p->n_lanes++];
	memset(l, 0, sizeof *l);
	l->poller = p;
	l->node = node;
	l->driver = d;
	for (const struct probe *probe = d->probes; probe->name && l->n_slots < LANE_PROBES_MAX; probe++) {
		struct slot *s = &l->slots[l->n_slots++];
		s->probe = probe;
		snprintf(s->id, sizeof s->id, "%s/%s", d->name, probe->name);
	}
	arm(l, draw_ms(p, node_of(l)->poll_ms));
}

static void
add_lanes(struct poller *p)
{
	const struct fleet *f = state_fleet(p->state);
	p->lanes = xcalloc(2 * f->n_nodes, sizeof *p->lanes);
	p->n_lanes = 0;
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		add_lane(p, i, n->bgp_driver);
		if (strcmp(n->bgp_driver, n->dns_driver) != 0)
			add_lane(p, i, n->dns_driver);
	}
}

static void
drop_lanes(struct poller *p)
{
	for (size_t i = 0; i < p->n_lanes; i++) {
		struct lane *l = &p->lanes[i];
		unarm(l);
		for (size_t k = 0; k < l->n_slots; k++)
			page_free(l->slots[k].page);
		for (struct flight *f = l->flights; f; f = f->next)
			f->lane = NULL;
		p->stats.under_way -= l->under_way;
	}
	free(p->lanes);
	p->lanes = NULL;
	p->n_lanes = 0;
}

struct poller *
poller_new(struct loop *loop, struct state *s, struct transport *t, poller_find_fn *find, uint64_t seed)
{
	struct poller *p = xcalloc(1, sizeof *p);
	p->loop = loop;
	p->state = s;
	p->transport = t;
	p->find = find;
	p->seed = seed ? seed : 1;
	p->timer = loop_timer_add(loop, 0, 0, on_beat, p);
	loop_timer_stop(p->timer);
	p->beat = clock_mono().ns / BEAT_NS;
	add_lanes(p);
	return p;
}

void
poller_free(struct poller *p)
{
	if (!p)
		return;
	drop_lanes(p);
	loop_timer_del(p->timer);
	free(p);
}

void
poller_reload(struct poller *p)
{
	drop_lanes(p);
	add_lanes(p);
}

void
poller_now(struct poller *p)
{
	struct mono now = clock_mono();
	if (mono_is_set(p->asked_now) && mono_ms_since(now, p->asked_now) < NOW_EVERY_MS)
		return;
	p->asked_now = now;
	for (size_t i = 0; i < p->n_lanes; i++)
		if (p->lanes[i].under_way == 0)
			arm(&p->lanes[i], draw_ms(p, NOW_SPREAD_MS));
}

static bool
tells_wire(const struct lane *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		if (l->slots[i].probe->gives & (REPORT_SESSIONS | REPORT_EXPORTS | REPORT_ORIGINS))
			return true;
	return false;
}

void
poller_ask(struct poller *p, const size_t *nodes, size_t n, enum poller_what what)
{
	struct mono now = clock_mono();
	for (size_t i = 0; i < p->n_lanes; i++) {
		struct lane *l = &p->lanes[i];
		bool is_meant = false;
		for (size_t k = 0; k < n && !is_meant; k++)
			is_meant = nodes[k] == l->node;
		if (what == POLLER_WIRE && node_of(l)->role == NODE_MEMBER && !tells_wire(l))
			continue;
		/* somebody waits: in the beat that has begun, if no lane has started in it, which is at once */
		if (is_meant && l->under_way == 0)
			arm_at(l, (struct mono){ now.ns / BEAT_NS * BEAT_NS }, now);
	}
}

static int
compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return x < y ? -1 : x > y;
}

void
poller_read_stats(const struct poller *p, struct poller_stats *out)
{
	*out = p->stats;
	size_t n = p->n_late < LATE_RING ? p->n_late : LATE_RING;
	out->late_p50_ms = out->late_p99_ms = NAN;
	if (n == 0)
		return;
	float *sorted = xmalloc(n * sizeof *sorted);
	memcpy(sorted, p->late_ms, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare_floats);
	out->late_p50_ms = sorted[n / 2];
	out->late_p99_ms = sorted[n * 99 / 100];
	free(sorted);
}

void
poller_metrics(const struct poller *p, struct buf *out)
{
	struct poller_stats s;
	poller_read_stats(p, &s);
	buf_add_text(out, "# HELP catchment_polls_total Requests sent to nodes.\n# TYPE catchment_polls_total counter\n");
	buf_printf(out, "catchment_polls_total %llu\n", (unsigned long long)s.polls);
	buf_add_text(out, "# HELP catchment_poll_failures_total Probes that failed.\n# TYPE catchment_poll_failures_total counter\n");
	buf_printf(out, "catchment_poll_failures_total %llu\n", (unsigned long long)s.failures);
	buf_add_text(out, "# HELP catchment_polls_skipped_total Polls that came late because the one before had not ended.\n"
			  "# TYPE catchment_polls_skipped_total counter\n");
	buf_printf(out, "catchment_polls_skipped_total %llu\n", (unsigned long long)s.skipped);
	buf_add_text(out, "# HELP catchment_polls_under_way Requests not answered yet.\n# TYPE catchment_polls_under_way gauge\n");
	buf_printf(out, "catchment_polls_under_way %zu\n", s.under_way);
	if (isnan(s.late_p50_ms))
		return;
	buf_add_text(out, "# HELP catchment_poll_lateness_seconds How late polls start.\n"
			  "# TYPE catchment_poll_lateness_seconds gauge\n");
	buf_printf(out, "catchment_poll_lateness_seconds{percentile=\"50\"} %.6f\n", s.late_p50_ms / 1e3);
	buf_printf(out, "catchment_poll_lateness_seconds{percentile=\"99\"} %.6f\n", s.late_p99_ms / 1e3);
}
