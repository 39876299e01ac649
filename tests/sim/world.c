/* SPDX-License-Identifier: Apache-2.0
 *
 * The world of a seed: virtual time, the queue of events, the disk, the fleet that is declared, and the life of the
 * backend in it. The backend's own code (engine, gates, planner, evidence, ledger, state) runs as it is; what it reaches
 * out to ends here.
 *
 * A crash is played without a longjmp: from the moment it falls the world is deaf to the backend (nothing is written,
 * sent or told), and when the call has returned everything in memory is thrown away. Whatever the backend believed in
 * between, nobody heard it. The disk then holds what was synced, and of the rest a beginning of any length.
 */
#include "tests/sim/world.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/announced.h"

#define MS         CLOCK_NS_PER_MS
#define POLL_MS    5000
#define DISK_MAX   (64u << 20)
#define WALL_START INT64_C(1795440903)

static const char *const flaw_names[FLAW_COUNT] = { "none", "node-takes-all", "no-fence", "disk-lies", "silence-is-done",
	"no-dead-man", "dead-man-lives", "old-facts", "actor-improvises", "acts-unasked", "ledger-rots", "one-person", "no-approval", "sick-returns", "lease-unasked", "one-hold", "one-prefix", "no-region",
	"no-budget", "no-age", "one-source", "verdicts-stay" };
static const char *const pop_names[POPS_MAX] = { "ams", "fra", "nyc", "sin", "gru" };
static const char *const region_names[] = { "east", "west", "south" };
const char *const prefix_texts[PREFIXES_MAX] = { "192.0.2.0/24", "2001:db8:53::/48", "198.51.100.0/24" };

const char *
flaw_name(enum flaw f)
{
	return flaw_names[f];
}

const char *
pop_name(size_t pop)
{
	return pop_names[pop];
}

size_t
pop_of_name(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_pops; i++)
		if (strcmp(pop_names[i], name) == 0)
			return i;
	return SIZE_MAX;
}

size_t
node_of_name(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_nodes; i++)
		if (strncmp(pop_names[w->nodes[i].pop], name, 3) == 0 && name[3] == (char)('1' + i % w->per_pop))
			return i;
	return SIZE_MAX;
}

const char *
node_name(const struct world *w, size_t node, char out[8])
{
	snprintf(out, 8, "%s%zu", pop_names[w->nodes[node].pop], node % w->per_pop + 1);
	return out;
}

size_t
service_of(size_t prefix)
{
	return prefix == 2;
}

size_t
helpers(const struct world *w)
{
	return w->n_vantages + w->n_witnesses;
}

enum announced
wire_is(const struct sim_node *n, size_t prefix)
{
	const struct sim_wire *wire = &n->wires[prefix];
	return n->is_dead || wire->is_by_hand ? ANNOUNCED_WITHDRAWN : wire->is;
}

bool
node_serves(const struct sim_node *n, size_t prefix)
{
	return !n->is_hole && wire_is(n, prefix) != ANNOUNCED_WITHDRAWN;
}

void
note_service(const struct world *w, struct sim_node *n)
{
	for (size_t k = 0; k < w->n_prefixes; k++)
		if (node_serves(n, k))
			n->wires[k].served = w->now;
	if (n->is_hole)
		n->hole_over = w->now;
}

bool
pop_is_up(const struct world *w, size_t pop, size_t prefix)
{
	for (size_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i].pop == pop && node_serves(&w->nodes[i], prefix))
			return true;
	return false;
}

bool
pop_was_hole(const struct world *w, size_t pop)
{
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct sim_node *n = &w->nodes[i];
		bool is_over = n->hole_over == 0 || w->now - n->hole_over > STALE_MS * MS;
		if (n->pop == pop && !n->is_hole && is_over)
			return false;
	}
	return true;
}

/* --- chance: splitmix64 ----------------------------------------------------------------------------------------- */

uint64_t
chance_next(struct chance *c)
{
	uint64_t z = c->s += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

size_t
chance_below(struct chance *c, size_t n)
{
	return (size_t)(chance_next(c) % n);
}

bool
chance_mille(struct chance *c, unsigned n)
{
	return n > 0 && chance_below(c, 1000) < n;
}

int64_t
chance_ms(struct chance *c, int64_t from, int64_t to)
{
	return from + (int64_t)(chance_next(c) % (uint64_t)(to - from + 1));
}

/* --- trace ------------------------------------------------------------------------------------------------------ */

void
say(struct world *w, const char *format, ...)
{
	char line[400];
	va_list args;
	int n = snprintf(line, sizeof line, "%9.3f ", (double)w->now / 1e9);
	va_start(args, format);
	vsnprintf(line + n, sizeof line - (size_t)n, format, args);
	va_end(args);
	for (const char *p = line; *p; p++)
		w->hash = (w->hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	if (w->is_traced)
		puts(line);
}

void
broken(struct world *w, const char *which, const char *format, ...)
{
	va_list args;
	int n;
	if (w->broken[0])
		return;
	n = snprintf(w->broken, sizeof w->broken, "%s at %.3f s: ", which, (double)w->now / 1e9);
	va_start(args, format);
	vsnprintf(w->broken + n, sizeof w->broken - (size_t)n, format, args);
	va_end(args);
	say(w, "BROKEN %s", w->broken);
}

/* --- events: a binary heap by time, then by age ----------------------------------------------------------------- */

static bool
is_sooner(const struct sim_event *a, const struct sim_event *b)
{
	return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

static struct sim_event *
add_event(struct world *w, int64_t at, enum event_kind kind, size_t a)
{
	struct sim_event e = { .at = at, .seq = ++w->seq, .kind = kind, .a = a };
	w->events = xgrow(w->events, &w->cap_events, w->n_events + 1, sizeof *w->events);
	size_t i = w->n_events++;
	while (i > 0 && is_sooner(&e, &w->events[(i - 1) / 2])) {
		w->events[i] = w->events[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->events[i] = e;
	return &w->events[i];
}

/* Borrowed until the next event is added; the caller fills in what the kind needs. */
struct sim_event *
world_after(struct world *w, int64_t ms, enum event_kind kind, size_t a)
{
	return add_event(w, w->now + ms * MS, kind, a);
}

static struct sim_event
take_event(struct world *w)
{
	struct sim_event first = w->events[0], last = w->events[--w->n_events];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= w->n_events)
			break;
		if (child + 1 < w->n_events && is_sooner(&w->events[child + 1], &w->events[child]))
			child++;
		if (is_sooner(&last, &w->events[child]))
			break;
		w->events[i] = w->events[child];
		i = child;
	}
	if (w->n_events > 0)
		w->events[i] = last;
	return first;
}

/* --- the disk --------------------------------------------------------------------------------------------------- */

/* A crash may fall before and after whatever the backend does to the world. */
bool
world_crashes_here(struct world *w)
{
	if (!w->is_crashing && chance_mille(&w->chance, w->rates.crash)) {
		say(w, "the backend is about to crash");
		w->is_crashing = true;
	}
	return w->is_crashing;
}

static void
write_some(struct world *w, struct slice bytes)
{
	(void)buf_add(&w->disk, bytes.data, chance_below(&w->chance, bytes.len + 1));
}

static int
disk_append(void *arg, struct slice bytes, struct err *err)
{
	struct world *w = arg;
	if (w->is_crashing)
		return err_set(err, ERR_FAILED, "crashed");
	if (world_crashes_here(w)) {
		write_some(w, bytes);
		return err_set(err, ERR_FAILED, "crashed");
	}
	if (chance_mille(&w->chance, w->rates.disk_fails)) {
		say(w, "the disk fails");
		write_some(w, bytes);
		return err_set(err, ERR_FAILED, "Input/output error");
	}
	if (buf_add(&w->disk, bytes.data, bytes.len) == -1)
		return err_set(err, ERR_FAILED, "No space left on device");
	if (w->flaw != FLAW_DISK_LIES || !chance_mille(&w->chance, 300))
		w->synced = w->disk.len;
	w->promised = w->disk.len;
	(void)world_crashes_here(w);
	return 0;
}

static int
disk_read(void *arg, struct buf *out, struct err *err)
{
	struct world *w = arg;
	if (buf_add(out, w->disk.data, w->disk.len) == -1)
		return err_set(err, ERR_TOO_LARGE, "the ledger is too large");
	return 0;
}

static int
disk_cut(void *arg, size_t size, struct err *err)
{
	struct world *w = arg;
	(void)err;
	say(w, "the ledger is cut from %zu to %zu bytes", w->disk.len, size);
	if (size < w->promised)
		broken(w, "I7", "the ledger was cut to %zu bytes, and %zu had been synced", size, w->promised);
	w->disk.len = w->synced = size;
	return 0;
}

static int
disk_check(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	return 0;
}

static void
disk_close(void *arg)
{
	(void)arg;
}

/* What a crash leaves: all that was synced, and some beginning of what was not. */
static void
disk_loses_tail(struct world *w, bool is_power_cut)
{
	size_t tail = w->disk.len - w->synced;
	if (tail > 0 && is_power_cut)
		w->disk.len = w->synced + chance_below(&w->chance, tail + 1);
	if (w->flaw == FLAW_LEDGER_ROTS && w->disk.len > 40 && w->n_crashes % 2 == 0)
		w->disk.data[chance_below(&w->chance, w->disk.len)] ^= 4;
	w->synced = w->disk.len;
}

/* --- the fleet -------------------------------------------------------------------------------------------------- */

#define ROWS_MAX (2 * PEOPLE)

/* A row for each role of each account; who stands behind it is the name of the person's first account. */
static const struct conf_rules *
declare_access(const struct world *w, struct arena *a)
{
	struct conf_rules *rules = arena_alloc(a, sizeof *rules);
	struct conf_access *rows = arena_alloc(a, ROWS_MAX * sizeof *rows);
	*rules = (struct conf_rules){ .access = rows };
	for (size_t i = 0; i < PEOPLE; i++)
		for (int role = CONF_OBSERVER; role <= CONF_ADMIN; role++)
			if (people[i].roles & 1u << role)
				rows[rules->n_access++] = (struct conf_access){ .user = people[i].name, .uid = 1000 + (int64_t)i,
					.role = (enum conf_role)role,
					.person = w->flaw == FLAW_ONE_PERSON ? NULL : people[people[i].human].name };
	return rules;
}

/* Members first, then vantages, then witnesses. */
static void
declare_node(const struct world *w, struct fleet *f, size_t i)
{
	static const char *const helper_names[] = { "local", "home", "rs1" };
	struct node *n = &f->nodes[i];
	struct node_conf *c = arena_alloc(f->arena, sizeof *c);
	size_t helper = i - w->n_nodes;
	snprintf(c->resolved, sizeof c->resolved, "10.0.0.%zu", i + 1);
	c->address = c->resolved;
	n->conf = c;
	n->poll_ms = POLL_MS;
	n->capacity_qps = i < w->n_nodes ? 100000 : NAN;
	n->pop = i < w->n_nodes ? w->nodes[i].pop : FLEET_NO_POP;
	n->role = i < w->n_nodes ? NODE_MEMBER : helper < w->n_vantages ? NODE_VANTAGE : NODE_WITNESS;
	if (n->role == NODE_MEMBER)
		(void)node_name(w, i, n->name);
	else
		snprintf(n->name, sizeof n->name, "%s", helper_names[n->role == NODE_WITNESS ? 2 : helper]);
	if (n->role != NODE_VANTAGE)
		strcpy(n->bgp_driver, "test");
	if (n->role == NODE_MEMBER)
		strcpy(n->dns_driver, "test");
}

static void
declare_service(const struct world *w, struct fleet *f, size_t i)
{
	struct service *s = &f->services[i];
	strcpy(s->name, i == 0 ? "ns" : "web");
	s->policy = w->policies[i];
	if (w->flaw == FLAW_NO_APPROVAL)
		s->policy.approval = APPROVAL_NEVER;
	s->n_probes = 1;
	s->probes = arena_alloc(f->arena, sizeof *s->probes);
	strcpy(s->probes->address, i == 0 ? "192.0.2.53" : "198.51.100.53");
	s->probes->port = 53;
	s->probes->name = "example.com";
	s->probes->type = "SOA";
}

static struct fleet *
declare_fleet(const struct world *w)
{
	struct fleet *f = fleet_new();
	snprintf(f->name, sizeof f->name, "sim");
	snprintf(f->environment, sizeof f->environment, "lab");
	f->rules = declare_access(w, f->arena);
	f->n_services = w->n_services;
	f->services = arena_alloc(f->arena, f->n_services * sizeof *f->services);
	for (size_t i = 0; i < f->n_services; i++)
		declare_service(w, f, i);
	f->n_prefixes = w->n_prefixes;
	f->prefixes = arena_alloc(f->arena, f->n_prefixes * sizeof *f->prefixes);
	for (size_t k = 0; k < f->n_prefixes; k++) {
		(void)prefix_parse(slice_of(prefix_texts[k]), &f->prefixes[k].prefix, NULL);
		f->prefixes[k].service = service_of(k);
	}
	f->n_pops = w->n_pops;
	f->pops = arena_alloc(f->arena, f->n_pops * sizeof *f->pops);
	for (size_t i = 0; i < f->n_pops; i++) {
		snprintf(f->pops[i].name, sizeof f->pops[i].name, "%s", pop_names[i]);
		snprintf(f->pops[i].region, sizeof f->pops[i].region, "%s", region_names[w->regions[i]]);
	}
	f->n_nodes = w->n_nodes + helpers(w);
	f->nodes = arena_alloc(f->arena, f->n_nodes * sizeof *f->nodes);
	for (size_t i = 0; i < f->n_nodes; i++)
		declare_node(w, f, i);
	fleet_link(f);
	return f;
}

/* --- a driver whose steps are words: one a prefix ----------------------------------------------------------------- */

static bool
is_as_wanted(enum announced is, enum announced goal)
{
	/* what is off the wire is avoided well enough */
	return is == goal || (goal == ANNOUNCED_PREFER_AWAY && is == ANNOUNCED_WITHDRAWN);
}

static int
test_plan(const struct node *n, const struct target *t, struct steps *out, struct err *err)
{
	for (size_t i = 0; i < t->n_prefixes; i++) {
		enum announced is = report_announced(n->facts, &t->prefixes[i]);
		char prefix[PREFIX_TEXT_MAX];
		prefix_format(&t->prefixes[i], prefix);
		if (is == ANNOUNCED_UNKNOWN)
			return err_set(err, ERR_STALE, "whether %s announces %s is not known", n->name, prefix);
		if (is_as_wanted(is, t->goal))
			continue;
		struct step *s = steps_add(out);
		if (!s)
			return err_set(err, ERR_TOO_LARGE, "too many steps");
		s->kind = STEP_EXEC;
		s->what = arena_printf(out->arena, "make %s %s", prefix, announced_name(t->goal));
		s->has_undo = true;
		step_add_command(out, &s->apply, "set", prefix, announced_name(t->goal), NULL);
		step_add_command(out, &s->undo, "set", prefix, announced_name(is), NULL);
	}
	return 0;
}

static bool
test_settled(const struct report *r, const struct target *t)
{
	for (size_t i = 0; i < t->n_prefixes; i++)
		if (!is_as_wanted(report_announced(r, &t->prefixes[i]), t->goal))
			return false;
	return true;
}

static const struct verb test_verbs[] = {
	{ "drain", test_plan, test_settled },
	{ "undrain", test_plan, test_settled },
	{ NULL, NULL, NULL },
};
static const struct probe test_probes[] = { { .name = NULL } };
static const struct driver test_driver = { .name = "test", .roles = DRIVER_BGP | DRIVER_DNS, .probes = test_probes,
	.verbs = test_verbs, .keeps_origins = true };

static const struct driver *
find_driver(const char *name)
{
	return strcmp(name, "test") == 0 ? &test_driver : NULL;
}

/* --- what the engine is given ----------------------------------------------------------------------------------- */

static struct mono
env_now(void *arg)
{
	return (struct mono){ ((struct world *)arg)->now };
}

static struct wall
env_wall(void *arg)
{
	const struct world *w = arg;
	return (struct wall){ WALL_START * CLOCK_NS_PER_S + w->now + w->wall_ahead };
}

static const struct fleet *
env_fleet(void *arg)
{
	return state_fleet(((struct world *)arg)->state);
}

static void
env_poll(void *arg, const size_t *nodes, size_t n, enum poller_what what)
{
	struct world *w = arg;
	(void)what; /* nodes here have one page, as agents do */
	for (size_t i = 0; i < n && !w->is_crashing; i++) {
		if (w->polls[nodes[i]])
			continue;
		w->polls[nodes[i]] = w->now;
		world_after(w, chance_ms(&w->chance, 30, 900), EV_POLL, nodes[i]);
	}
}

static void
env_set_holds(void *arg, size_t pop, const struct hold *holds, size_t n, enum announced intent, enum drain_phase phase)
{
	struct world *w = arg;
	size_t told = w->flaw == FLAW_ONE_HOLD && n > 1 ? 1 : n;
	state_set_holds(w->state, pop, holds, told, intent, phase, env_now(w), env_wall(w));
}

static void
env_told(void *arg, const struct operation *op)
{
	struct world *w = arg;
	if (!w->is_crashing)
		oracle_told(w, op);
}

static void
env_tell(void *arg, const char *kind, enum verdict severity, const char *pop, const char *text)
{
	struct world *w = arg;
	(void)severity;
	/* what it says of operations the story tells anyway */
	if (!w->is_crashing && strcmp(kind, "operation") != 0)
		say(w, "timeline %s %s: %s", kind, pop, text);
}

/* --- the backend's life ----------------------------------------------------------------------------------------- */

static void
backend_start(struct world *w)
{
	struct err err = ERR_INIT;
	struct reasons notes = { 0 };
	const struct ledger_disk disk = { disk_append, disk_read, disk_cut, disk_check, disk_close, w };
	w->is_up = true;
	w->is_crashing = false;
	oracle_disk(w);
	w->state = state_new(declare_fleet(w));
	w->ledger = ledger_open(&disk, env_wall(w), &notes, &err);
	say(w, "the backend starts%s%s", err.text[0] ? ": " : "", err.text);
	if (err.code != ERR_OK)
		broken(w, "audit", "the ledger does not open: %s", err.text);
	const struct engine_env env = {
		.arg = w,
		.now = env_now,
		.wall = env_wall,
		.fleet = env_fleet,
		.poll = env_poll,
		.set_holds = env_set_holds,
		.told = env_told,
		.tell = env_tell,
		.find = find_driver,
		.actors = actors_port(w),
		.times = ENGINE_TIMES_DEFAULT,
	};
	w->engine = engine_new(&env, w->ledger);
	for (size_t i = 0; i < w->n_ops && !w->is_crashing; i++) {
		const struct operation *op = engine_find(w->engine, w->ops[i].id);
		w->ops[i].state = op ? op->state : OP_STATE_COUNT;
	}
	for (size_t i = 0; i < w->n_nodes + helpers(w); i++) {
		w->polls[i] = w->now;
		world_after(w, chance_ms(&w->chance, 10, 400), EV_POLL, i);
	}
	world_wake(w);
}

static void
backend_stop(struct world *w)
{
	if (!w->is_up)
		return;
	w->is_crashing = true; /* nothing that it does on its way out is heard */
	engine_free(w->engine);
	ledger_close(w->ledger);
	state_free(w->state);
	w->engine = NULL;
	w->ledger = NULL;
	w->state = NULL;
	w->is_up = w->is_crashing = false;
	w->turn_at = 0;
	memset(w->polls, 0, sizeof w->polls);
	actors_forget(w);
}

static void
backend_crash(struct world *w)
{
	w->n_crashes++;
	say(w, "the backend crashes");
	backend_stop(w);
	disk_loses_tail(w, chance_below(&w->chance, 2));
	/* an operation whose last word nobody heard begins anew where the disk says */
	for (size_t i = 0; i < w->n_ops; i++)
		w->ops[i].state = OP_STATE_COUNT;
	if (w->is_forsaken)
		return;
	world_after(w, w->is_healed ? 1000 : chance_ms(&w->chance, 200, 40000), EV_RESTART, 0);
}

/* Like the backend's own loop: a turn soon after facts, or when a deadline falls. */
static void
queue_turn(struct world *w, int64_t at)
{
	if (w->turn_at && w->turn_at <= at)
		return;
	w->turn_at = at;
	(void)add_event(w, at, EV_TURN, 0);
}

void
world_wake(struct world *w)
{
	queue_turn(w, w->now);
}

static void
turn(struct world *w, int64_t at)
{
	if (!w->is_up || w->turn_at != at)
		return; /* another one was queued since */
	w->turn_at = 0;
	engine_turn(w->engine);
	if (w->is_crashing)
		return;
	struct mono next = engine_next(w->engine);
	int64_t latest = w->now + 10000 * MS;
	bool is_due = mono_is_set(next) && next.ns <= w->now;
	w->n_late = is_due ? w->n_late + 1 : 0;
	if (w->n_late > 3)
		broken(w, "turns", "turn after turn leaves a deadline behind: the backend would spin");
	queue_turn(w, is_due ? w->now + MS : mono_is_set(next) && next.ns < latest ? next.ns + MS : latest);
}

static void
poll(struct world *w, size_t i)
{
	const struct sim_node *n = i < w->n_nodes ? &w->nodes[i] : NULL;
	if (!w->is_up || !w->polls[i])
		return;
	int64_t away_until = n ? n->away_until : w->helper_away[i - w->n_nodes];
	bool is_lost = (n && n->is_dead) || away_until > w->now || chance_mille(&w->chance, w->rates.poll_lost);
	struct report *r = is_lost ? NULL : node_says(w, i);
	struct sim_event *e = world_after(w, is_lost ? 3000 : chance_mille(&w->chance, w->rates.poll_late) ?
		chance_ms(&w->chance, 100, 3000) : 0, EV_FACTS, i);
	e->report = r;
	e->b = w->n_crashes;
}

static void
facts(struct world *w, struct sim_event *e)
{
	struct report *r = e->report;
	e->report = NULL;
	if (!w->is_up || e->b != w->n_crashes) {
		report_free(r);
		return;
	}
	w->polls[e->a] = 0;
	bool is_vantage = e->a >= w->n_nodes && e->a < w->n_nodes + w->n_vantages;
	const char *probe = is_vantage ? "outside/service" : "test/all";
	if (r) {
		state_apply(w->state, e->a, probe, r, env_now(w), env_wall(w));
	} else {
		struct err err = { .code = ERR_TIMEOUT, .text = "no answer within 3 s" };
		state_fail(w->state, e->a, probe, ~0u, &err, env_now(w), env_wall(w));
	}
	if (mono_is_set(engine_next(w->engine)))
		world_wake(w);
}

/* The poller's own rounds: every node is asked again when its last facts are as old as a poll. */
static void
poll_rounds(struct world *w)
{
	for (size_t i = 0; w->is_up && i < w->n_nodes + helpers(w); i++) {
		const struct node *n = &state_fleet(w->state)->nodes[i];
		if (w->polls[i] || (mono_is_set(n->seen) && w->now - n->seen.ns < (POLL_MS - 500) * MS))
			continue;
		w->polls[i] = w->now;
		world_after(w, chance_ms(&w->chance, 10, 300), EV_POLL, i);
	}
	if (!w->is_up)
		return;
	if (w->flaw != FLAW_VERDICTS_STAY)
		state_tick(w->state, env_now(w), env_wall(w));
	oracle_ages(w);
}

/* From here on nothing fails any more, and nobody asks for anything new. */
static void
heal(struct world *w)
{
	struct err err = ERR_INIT;
	say(w, "no more faults");
	w->is_healed = true;
	w->rates = (struct rates){ 0 };
	for (size_t i = 0; i < w->n_nodes; i++) {
		struct sim_node *n = &w->nodes[i];
		note_service(w, n);
		for (size_t k = 0; k < w->n_prefixes; k++) {
			struct sim_wire *wire = &n->wires[k];
			wire->changed = n->is_dead || wire->is_by_hand ? w->now : wire->changed;
			wire->is_by_hand = false;
			wire->lie = ANNOUNCED_UNKNOWN;
		}
		memset(w->helper_away, 0, sizeof w->helper_away);
		n->is_dead = n->is_hole = n->lies_well = n->lies_rate = false;
		n->away_until = 0;
	}
	/* somebody starts it again: because it does not act any more, or because it died */
	if (w->is_up && engine_check(w->engine, &err) == -1)
		backend_crash(w);
}

static void
happen(struct world *w, struct sim_event *e)
{
	switch (e->kind) {
	case EV_POLL:
		poll(w, e->a);
		break;
	case EV_FACTS:
		facts(w, e);
		break;
	case EV_TURN:
		turn(w, e->at);
		break;
	case EV_PERSON:
		if (!w->is_healed) {
			if (w->is_up)
				people_act(w);
			world_after(w, chance_ms(&w->chance, 500, 12000), EV_PERSON, 0);
		}
		break;
	case EV_NODE_FAULT:
		poll_rounds(w);
		if (!w->is_healed)
			node_trouble(w);
		world_after(w, 1000, EV_NODE_FAULT, 0);
		break;
	case EV_RESTART:
		if (!w->is_up)
			backend_start(w);
		break;
	case EV_CRASH:
		w->is_crashing = w->is_up;
		break;
	case EV_HEAL:
		heal(w);
		break;
	default:
		node_event(w, e);
		break;
	}
	free(e->order);
	if (w->is_up && w->is_crashing)
		backend_crash(w);
}

/* --- a story ---------------------------------------------------------------------------------------------------- */

/* Each kind of fault is in some seeds and not in others, rare in some and frequent in others. */
static unsigned
rate(struct world *w, unsigned most)
{
	return chance_below(&w->chance, 3) == 0 ? (unsigned)chance_below(&w->chance, most + 1) : 0;
}

/* Which PoPs there are, where, and what they announce: not every prefix from everywhere. */
static void
make_fleet(struct world *w)
{
	struct chance *c = &w->chance;
	w->n_pops = 3 + chance_below(c, 3);
	w->per_pop = 1 + chance_below(c, 2);
	w->n_nodes = w->n_pops * w->per_pop;
	w->n_vantages = 1 + chance_below(c, 2);
	w->n_witnesses = chance_below(c, 2);
	w->n_prefixes = 1 + chance_below(c, PREFIXES_MAX);
	w->n_services = service_of(w->n_prefixes - 1) + 1;
	for (size_t p = 0; p < w->n_pops; p++) {
		size_t first = chance_below(c, w->n_prefixes);
		w->regions[p] = chance_below(c, 3);
		w->is_witnessed[p] = w->n_witnesses && chance_below(c, 4);
		for (size_t k = 0; k < w->n_prefixes; k++)
			w->carries[p][k] = k == first || chance_below(c, 5);
	}
	for (size_t i = 0; i < w->n_nodes; i++) {
		struct sim_node *n = &w->nodes[i];
		n->pop = i / w->per_pop;
		for (size_t k = 0; k < PREFIXES_MAX; k++) {
			enum announced is = w->carries[n->pop][k] ? ANNOUNCED_YES : ANNOUNCED_WITHDRAWN;
			n->wires[k] = (struct sim_wire){ .is = is, .before = is };
		}
	}
}

static struct policy
make_policy(struct world *w, enum approval approval)
{
	struct chance *c = &w->chance;
	return (struct policy){ .min_pops = 1 + (int)chance_below(c, 2), .min_pops_per_region = chance_below(c, 4) == 0,
		.max_drained = 1 + (int)chance_below(c, 3), .spare = chance_below(c, 4) == 0, .max_load_pct = 80,
		.quorum_pct = chance_below(c, 2) ? 60 : 90, .drill_days = -1, .approval = approval };
}

static void
make_rates(struct world *w)
{
	w->all_rates = (struct rates){ .order_lost = rate(w, 150), .order_late = rate(w, 150), .order_twice = rate(w, 200),
		.reply_lost = rate(w, 150), .step_fails = rate(w, 150), .says_not_does = rate(w, 100), .actor_dies = rate(w, 200),
		.crash = rate(w, 40), .disk_fails = rate(w, 60), .poll_lost = rate(w, 100), .poll_late = rate(w, 300),
		.hole = rate(w, 60), .by_hand = rate(w, 20) };
	w->rates = w->all_rates;
}

/* The first lines of a story: the fleet, its policies, and what goes wrong in it how often. */
static void
tell_world(struct world *w)
{
	const struct rates *r = &w->rates;
	for (size_t p = 0; p < w->n_pops; p++)
		say(w, "PoP %s in %s, %zu node%s%s:%s%s%s%s%s%s", pop_names[p], region_names[w->regions[p]], w->per_pop,
			w->per_pop == 1 ? "" : "s", w->is_witnessed[p] ? ", seen by the witness" : "", w->carries[p][0] ? " " : "",
			w->carries[p][0] ? prefix_texts[0] : "", w->carries[p][1] ? " " : "", w->carries[p][1] ? prefix_texts[1] : "",
			w->carries[p][2] ? " " : "", w->carries[p][2] ? prefix_texts[2] : "");
	for (size_t i = 0; i < w->n_services; i++) {
		const struct policy *p = &w->policies[i];
		say(w, "service %s: min_pops %d, a region %d, spare %d, max_drained %d, quorum %d %%, approval %s", i ? "web" : "ns", p->min_pops,
			p->min_pops_per_region, p->spare, p->max_drained, p->quorum_pct,
			p->approval == APPROVAL_NEVER ? "never" : p->approval == APPROVAL_AMBER ? "amber" : "always");
	}
	say(w, "in a thousand: orders lost %u late %u twice %u, answers lost %u, steps fail %u, says and does not %u, actors die %u", r->order_lost,
		r->order_late, r->order_twice, r->reply_lost, r->step_fails, r->says_not_does, r->actor_dies);
	say(w, "in a thousand: crashes %u, disk %u, polls lost %u late %u, holes %u, by hand %u%s", r->crash, r->disk_fails, r->poll_lost,
		r->poll_late, r->hole, r->by_hand, w->is_forsaken ? "; the backend will not come back" : "");
}

struct world *
world_new(uint64_t seed, enum flaw flaw, bool is_traced)
{
	struct world *w = xcalloc(1, sizeof *w);
	*w = (struct world){ .seed = seed, .flaw = flaw, .is_traced = is_traced, .hash = UINT64_C(0xcbf29ce484222325),
		.chance = { seed * UINT64_C(0x2545f4914f6cdd1d) + 1 }, .now = INT64_C(1000) * CLOCK_NS_PER_S, .disk = BUF_INIT(DISK_MAX) };
	struct chance *c = &w->chance;
	make_fleet(w);
	size_t approval = chance_below(c, 8);
	for (size_t i = 0; i < SERVICES_MAX; i++)
		w->policies[i] = make_policy(w, approval < 2 ? APPROVAL_ALWAYS : approval < 3 ? APPROVAL_AMBER : APPROVAL_NEVER);
	make_rates(w);
	w->heal_at = w->now + chance_ms(c, 40000, 150000) * MS;
	w->is_forsaken = chance_below(c, 10) == 0;
	tell_world(w);
	world_after(w, 0, EV_RESTART, 0);
	world_after(w, 500, EV_NODE_FAULT, 0);
	world_after(w, 2000, EV_PERSON, 0);
	world_after(w, (w->heal_at - w->now) / MS, EV_HEAL, 0);
	if (w->is_forsaken)
		world_after(w, chance_ms(c, 3000, (w->heal_at - w->now) / MS), EV_CRASH, 0);
	return w;
}

void
world_free(struct world *w)
{
	if (!w)
		return;
	backend_stop(w);
	while (w->n_events > 0) {
		struct sim_event e = take_event(w);
		report_free(e.report);
		free(e.order);
	}
	free(w->events);
	buf_done(&w->disk);
	free(w);
}

static bool
is_settled(const struct world *w)
{
	size_t n;
	if (!w->is_up)
		return false;
	const struct operation *list[OPS_SIM * 2];
	n = engine_operations(w->engine, list, OPS_SIM * 2);
	for (size_t i = 0; i < n; i++) {
		enum op_state s = list[i]->state;
		if ((op_state_is_open(s) && s != OP_UNCONFIRMED && s != OP_STUCK) || s == OP_CONFIRMED)
			return false;
	}
	return true;
}

static void
live_until(struct world *w, int64_t until, bool (*is_enough)(const struct world *w))
{
	while (w->n_events > 0 && w->events[0].at <= until && !w->broken[0] && !(is_enough && w->is_healed && is_enough(w))) {
		struct sim_event e = take_event(w);
		if (e.at > w->now)
			w->now = e.at;
		w->n_steps++;
		happen(w, &e);
		oracle_look(w);
	}
}

#define LIVENESS_MS 600000
#define ALONE_MS    240000 /* the latest order that is still under way, and its dead-man */

int
world_run(struct world *w)
{
	int64_t limit = w->heal_at + LIVENESS_MS * MS;
	if (w->is_forsaken) {
		/* the backend never comes back: nodes are alone, and go back by themselves */
		live_until(w, w->heal_at + ALONE_MS * MS, NULL);
	} else {
		live_until(w, limit, is_settled);
		if (!w->broken[0] && !is_settled(w))
			broken(w, "liveness", "an operation has not ended, and waits for nobody, 10 minutes after the last fault");
		for (int round = 0; round < 12 && !w->broken[0] && w->seed % 4 == 0; round++) {
			if (people_tidy_up(w) == 0)
				break;
			live_until(w, w->now + 20000 * MS, NULL);
			live_until(w, w->now + LIVENESS_MS * MS, is_settled);
			if (round == 11)
				broken(w, "liveness", "a PoP cannot be brought back");
		}
	}
	if (!w->broken[0])
		oracle_end(w);
	return w->broken[0] ? -1 : 0;
}
