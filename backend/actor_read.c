/* SPDX-License-Identifier: Apache-2.0
 *
 * One reading of one node by the actor. The poller reads nodes for ever, in paces, and lives with failures; this reads
 * once, everything, now, and an answer that lacks is an error: nobody shall be changed on facts that are not known.
 *
 * What a probe asks depends on what is known: BIRD's exports need the names of sessions, its protocols ask after those
 * that were seen to be disabled. So the probes are asked in rounds, and a probe is asked again when it would now ask
 * something else; with no such probe left the reading is whole. The first round asks by what an earlier reading found, so
 * that a node that has not changed is read in one round; what it then says is taken from the new answers alone. What runs
 * commands goes out as one request a round. Called by actor_work.c with nodes whose key is the act key.
 */
#include "backend/actor_read.h"

#include <stdlib.h>

#define PROBES_MAX 12
#define ROUNDS_MAX 4
#define NEEDED     (REPORT_SESSIONS | REPORT_EXPORTS | REPORT_ORIGINS) /* all that a verb's plan and settled rest on */

struct reading {
	struct loop *loop;
	struct transport *transport;
	struct node *node;
	const struct driver *driver;
	struct mono deadline;
	struct loop_timer *timer; /* the first round, and an error from the start: never from inside the call */
	uint64_t asked[PROBES_MAX]; /* hash of what each probe asked last; 0: nothing yet */
	unsigned round;
	bool is_seeded; /* the first round asks by facts of an earlier reading */
	size_t under_way;
	struct report *facts;
	struct err err; /* the first */
	actor_read_fn *done;
	void *arg;
};

/* One request under way: which probes its parts belong to. */
struct flight {
	struct reading *reading;
	size_t n;
	struct {
		const struct probe *probe;
		size_t first, count;
	} parts[PROBES_MAX];
};

static void
finish(struct reading *r)
{
	struct err err = r->err;
	if (err.code == ERR_OK) {
		struct node *n = r->node;
		report_free(n->facts);
		n->facts = r->facts;
		r->facts = NULL;
		n->seen = loop_now(r->loop);
		for (int p = 0; p < PLANE_COUNT; p++)
			n->planes[p].seen = n->seen;
	}
	actor_read_fn *done = r->done;
	void *arg = r->arg;
	report_free(r->facts);
	loop_timer_del(r->timer);
	free(r);
	done(arg, &err);
}

static void
fail(struct reading *r, const struct probe *probe, const struct err *why)
{
	if (r->err.code != ERR_OK)
		return;
	r->err = *why;
	if (probe)
		err_wrap(&r->err, "reading %s of %s", probe->name, r->driver->name);
}

static void
take(struct reading *r, const struct probe *probe, const struct reply *reply)
{
	struct err err = ERR_INIT;
	struct report *report = report_new();
	if (probe->read(reply, report, &err) == 0)
		report_merge(r->facts, report);
	else if (r->is_seeded && r->round == 1)
		r->asked[probe - r->driver->probes] = 0; /* it asked after what may be gone: once more by what is there */
	else
		fail(r, probe, &err);
	report_free(report);
}

static void start_round(struct reading *r);

static void
on_done(void *arg, const struct reply *reply, const struct err *err)
{
	struct flight *f = arg;
	struct reading *r = f->reading;
	if (!reply)
		fail(r, NULL, err);
	for (size_t i = 0; reply && i < f->n; i++) {
		struct reply part = *reply;
		part.parts = reply->parts + f->parts[i].first;
		part.n_parts = f->parts[i].count;
		take(r, f->parts[i].probe, &part);
	}
	free(f);
	if (--r->under_way == 0)
		start_round(r);
}

static void
submit(struct reading *r, struct flight *f, const struct request *request)
{
	r->under_way++;
	r->transport->ops->submit(r->transport, r->node, request, r->deadline, on_done, f);
}

static struct flight *
new_flight(struct reading *r)
{
	struct flight *f = xcalloc(1, sizeof *f);
	f->reading = r;
	return f;
}

/* Adds a probe's commands to the request under construction; sends that first when they would not fit. */
static void
add_exec(struct reading *r, struct flight **f, struct request *batch, const struct probe *probe, const struct request *own)
{
	if (*f && batch->n_commands + own->n_commands > REQUEST_COMMANDS_MAX) {
		submit(r, *f, batch);
		request_done(batch);
		request_init(batch);
		*f = NULL;
	}
	if (!*f)
		*f = new_flight(r);
	size_t i = (*f)->n++;
	(*f)->parts[i].probe = probe;
	(*f)->parts[i].first = batch->n_commands;
	(*f)->parts[i].count = own->n_commands;
	for (size_t c = 0; c < own->n_commands; c++) {
		size_t argc = 0;
		while (own->commands[c].argv[argc])
			argc++;
		request_add_argv(batch, own->commands[c].tag, own->commands[c].argv, argc);
	}
}

/* FNV-1a over everything that a request says; never 0. */
static uint64_t
hash_request(const struct request *q)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	const char *path[] = { q->path ? q->path : "", NULL };
	for (size_t c = 0; c <= q->n_commands; c++) {
		const char *const *words = c < q->n_commands ? q->commands[c].argv : path;
		for (; *words; words++)
			for (const char *p = *words;; p++) {
				h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
				if (!*p)
					break;
			}
	}
	return h ? h : 1;
}

static void
send_probe(struct reading *r, const struct probe *probe, const struct request *own, struct flight **f, struct request *batch)
{
	if (own->kind == REQUEST_EXEC) {
		add_exec(r, f, batch, probe, own);
		return;
	}
	struct flight *page = new_flight(r);
	page->n = 1;
	page->parts[0].probe = probe;
	page->parts[0].count = 1;
	submit(r, page, own);
}

static void
ask(struct reading *r, size_t i, struct flight **f, struct request *batch)
{
	const struct probe *probe = &r->driver->probes[i];
	struct request own;
	struct err err = ERR_INIT;
	request_init(&own);
	if (probe->ask(r->node, &own, &err) == -1)
		fail(r, probe, &err);
	uint64_t hash = own.kind == REQUEST_NONE ? 0 : hash_request(&own);
	if (err.code == ERR_OK && hash != 0 && hash != r->asked[i]) {
		r->asked[i] = hash;
		send_probe(r, probe, &own, f, batch);
	}
	request_done(&own);
}

/* Asks what can be asked now; with nothing left to ask, or an error, it is over. */
static void
start_round(struct reading *r)
{
	struct request batch;
	struct flight *f = NULL;
	request_init(&batch);
	if (r->err.code == ERR_OK && r->round++ < ROUNDS_MAX) {
		/* probes ask by what the node's facts say: for the time of asking, after the first round, these are the new ones */
		struct report *old = r->node->facts;
		if (r->round > 1 || !r->is_seeded)
			r->node->facts = r->facts;
		for (size_t i = 0; i < PROBES_MAX && r->driver->probes[i].name; i++)
			if (r->driver->probes[i].gives & NEEDED)
				ask(r, i, &f, &batch);
		r->node->facts = old;
	}
	if (f)
		submit(r, f, &batch);
	request_done(&batch);
	if (r->under_way == 0)
		finish(r);
}

static void
on_timer(void *arg)
{
	struct reading *r = arg;
	if (r->driver && r->driver->probes)
		start_round(r);
	else
		finish(r);
}

void
actor_read(struct loop *l, struct transport *t, poller_find_fn *find, struct node *node, struct mono deadline, actor_read_fn *done,
	void *arg)
{
	struct reading *r = xcalloc(1, sizeof *r);
	r->loop = l;
	r->transport = t;
	r->node = node;
	r->deadline = deadline;
	r->done = done;
	r->arg = arg;
	r->facts = report_new();
	r->is_seeded = node->facts && node->facts->sections != 0;
	r->driver = node->bgp_driver[0] ? find(node->bgp_driver) : NULL;
	if (!r->driver)
		err_set(&r->err, ERR_UNSUPPORTED, "%s has no BGP driver, so nobody can say what it announces", node->name);
	r->timer = loop_timer_add(l, 0, 0, on_timer, r);
}
