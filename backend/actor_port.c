/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend's side of the actor (actor.h): starts this very program again with --actor, writes orders to its standard
 * input, reads events from its standard output, and tells the engine. Here nothing of the act key is ever opened.
 *
 * What can go wrong is this file's business, and each of it ends the same way: the process is ended and the engine hears
 * ACTOR_LOST, once, and nothing of that actor afterwards. A process that died, one that does not answer an order within
 * the order's own time and a little grace (stuck, or its machine is), one that speaks what is no event, doubles an
 * answer or answers what was not asked. What was under way at a node then is not known, and is said so: LOST is never
 * "failed".
 *
 * Ending an actor is closing its input: it stops within a second, else it is killed. Events never come from inside a
 * call, and an actor is freed from its timer only, so that the engine may end and start actors inside its callback.
 * Standard error of an actor goes to ours, sanitised and bounded. Called by the engine through struct actor_port; the
 * lines are actor_wire.c's.
 */
#include "backend/actor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "backend/actor_wire.h"
#include "core/digest.h"
#include "core/paths.h"
#include "core/text.h"

#define SELF           "/proc/self/exe"
#define ORDERS_MAX     8    /* given and not answered yet, of one actor */
#define PROCESSES_MAX  (2 * ACTORS_MAX) /* with those that are ending */
#define START_MS       5000 /* to start, read the fleet file and look names up */
#define GRACE_MS       1000 /* that an answer may come later than the actor's own deadline */
#define END_MS         2000 /* to end after its input was closed */
#define MUTE_MS        500  /* between the end of its output and its exit */
#define READ_CHUNK     65536
#define READS_PER_TURN 16
#define SAID_MAX       16384 /* bytes of its standard error that are passed on */

struct given {
	uint64_t id; /* 0: free */
	enum act_order order;
	char pop[FLEET_NAME_MAX];
	uint64_t number;
	struct mono deadline;
};

enum actor_life {
	LIFE_RUNNING,
	LIFE_LOST,   /* the engine hears of it from the timer */
	LIFE_ENDING, /* nobody hears of it any more */
};

struct actor {
	LIST_ENTRY(actor) link;
	struct actors *owner;
	char op[OP_ID_SIZE];
	char hash[DIGEST_HEX_SIZE]; /* of its plan */
	enum actor_life life;
	bool has_exited;
	struct loop_child *child;
	int in, out, err; /* -1 closed */
	struct loop_io *in_io, *out_io, *err_io;
	struct loop_timer *timer;
	struct buf orders; /* not written yet */
	struct buf line;   /* of the event that is coming in */
	size_t scanned;
	struct buf words;  /* of standard error, the line that is coming in */
	size_t said;
	struct given given[ORDERS_MAX];
	uint64_t next_id;
	struct mono ready; /* by when it has started */
	char why[ERR_TEXT_MAX]; /* it was lost */
};

struct actors {
	struct loop *loop;
	char *config, *state_dir;
	actor_event_fn *fn;
	void *arg;
	int64_t patience_ms; /* 0: by order */
	LIST_HEAD(, actor) list;
};

/* --- the end of an actor --- */

static void
close_input(struct actor *a)
{
	loop_io_del(a->in_io);
	a->in_io = NULL;
	if (a->in != -1)
		close(a->in);
	a->in = -1;
}

static void
actor_free(struct actor *a)
{
	LIST_REMOVE(a, link);
	close_input(a);
	loop_io_del(a->out_io);
	loop_io_del(a->err_io);
	if (a->out != -1)
		close(a->out);
	if (a->err != -1)
		close(a->err);
	loop_timer_del(a->timer);
	loop_child_del(a->child);
	buf_done(&a->orders);
	buf_done(&a->line);
	buf_done(&a->words);
	free(a);
}

/* From now on nobody hears of it; its process gets a little time to end by itself. */
static void
retire(struct actor *a)
{
	a->life = LIFE_ENDING;
	close_input(a);
	loop_timer_set(a->timer, a->has_exited ? 0 : END_MS, 0);
}

static void __attribute__((format(printf, 2, 3)))
lose(struct actor *a, const char *format, ...)
{
	va_list args;
	if (a->life != LIFE_RUNNING)
		return;
	va_start(args, format);
	vsnprintf(a->why, sizeof a->why, format, args);
	va_end(args);
	a->life = LIFE_LOST;
	if (!a->has_exited)
		loop_child_kill(a->child, SIGKILL);
	close_input(a);
	loop_timer_set(a->timer, 0, 0); /* never from inside a call */
}

static void
tell_lost(struct actor *a)
{
	struct actors *all = a->owner;
	char op[OP_ID_SIZE], why[ERR_TEXT_MAX];
	snprintf(op, sizeof op, "%s", a->op);
	snprintf(why, sizeof why, "%s", a->why);
	const struct actor_event e = { .kind = ACTOR_LOST, .pop = "", .text = why };
	retire(a);
	all->fn(all->arg, op, &e);
}

/* --- deadlines --- */

static void
arm(struct actor *a)
{
	struct mono first = { 0 };
	for (size_t i = 0; i < ORDERS_MAX; i++)
		if (a->given[i].id && (!mono_is_set(first) || mono_before(a->given[i].deadline, first)))
			first = a->given[i].deadline;
	if (a->out == -1) {
		loop_timer_set(a->timer, MUTE_MS, 0);
		return;
	}
	if (!mono_is_set(first)) {
		loop_timer_stop(a->timer);
		return;
	}
	int64_t ms = mono_ms_since(first, loop_now(a->owner->loop));
	loop_timer_set(a->timer, ms > 0 ? ms : 0, 0);
}

static void
find_stuck(struct actor *a)
{
	struct mono now = loop_now(a->owner->loop);
	if (a->out == -1) {
		lose(a, "the actor closed its output");
		return;
	}
	for (size_t i = 0; i < ORDERS_MAX; i++) {
		const struct given *g = &a->given[i];
		if (!g->id || mono_before(now, g->deadline))
			continue;
		lose(a, "the actor did not answer the order to %s %s in time and was killed", actor_order_name(g->order), g->pop);
		return;
	}
	arm(a);
}

static void
on_timer(void *arg)
{
	struct actor *a = arg;
	if (a->life == LIFE_LOST)
		tell_lost(a);
	else if (a->life == LIFE_ENDING)
		actor_free(a); /* with its process, if that still runs */
	else
		find_stuck(a);
}

/* --- events --- */

static struct given *
find_given(struct actor *a, uint64_t id)
{
	for (size_t i = 0; i < ORDERS_MAX; i++)
		if (a->given[i].id == id)
			return &a->given[i];
	return NULL;
}

/* True when every node says so too: the word of the actor alone is not enough. */
static bool
is_all_done(const struct actor_event *e)
{
	for (size_t i = 0; i < e->n_nodes; i++)
		if (e->nodes[i].code != ERR_OK || e->nodes[i].is_unknown)
			return false;
	return e->is_ok && e->n_nodes > 0;
}

static void
take_event(struct actor *a, struct slice line)
{
	struct actors *all = a->owner;
	struct err err = ERR_INIT;
	struct actor_event e;
	uint64_t id = 0;
	struct arena *arena = arena_new();
	char op[OP_ID_SIZE];
	if (actor_event_read(line, arena, &id, &e, &err) == -1) {
		lose(a, "the actor said what is no event: %s", err.text);
		goto out;
	}
	struct given *g = id ? find_given(a, id) : NULL;
	if (!g || e.kind != actor_event_of(g->order) || strcmp(e.pop, g->pop) != 0 || e.number != g->number) {
		lose(a, "the actor answered what it was not asked");
		goto out;
	}
	e.is_ok = is_all_done(&e);
	g->id = 0;
	arm(a);
	snprintf(op, sizeof op, "%s", a->op);
	all->fn(all->arg, op, &e);
out:
	arena_free(arena);
}

static void
take_lines(struct actor *a)
{
	char *end;
	while (a->life == LIFE_RUNNING &&
		(end = memchr(buf_text(&a->line) + a->scanned, '\n', a->line.len - a->scanned)) != NULL) {
		size_t len = (size_t)(end - a->line.data);
		take_event(a, (struct slice){ a->line.data, len });
		buf_drop_front(&a->line, len + 1);
		a->scanned = 0;
	}
	a->scanned = a->line.len;
	if (a->line.truncated)
		lose(a, "the actor said a line of more than %u bytes", ACTOR_LINE_MAX);
}

/* Reads what is there. False when the stream has ended. */
static bool
read_stream(int fd, struct buf *into)
{
	char chunk[READ_CHUNK];
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t got = read(fd, chunk, sizeof chunk);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return errno == EAGAIN;
		if (got == 0)
			return false;
		buf_add(into, chunk, (size_t)got);
		if (into->truncated)
			return true;
	}
	return true;
}

static void
close_output(struct actor *a)
{
	loop_io_del(a->out_io);
	a->out_io = NULL;
	close(a->out);
	a->out = -1;
}

static void
read_events(struct actor *a)
{
	if (a->out == -1)
		return;
	bool is_open = read_stream(a->out, &a->line);
	take_lines(a);
	if (!is_open)
		close_output(a);
}

static void
on_out(void *arg, unsigned events)
{
	struct actor *a = arg;
	(void)events;
	if (a->life == LIFE_RUNNING) {
		read_events(a);
		if (a->out == -1 && a->life == LIFE_RUNNING)
			arm(a); /* its exit, which says more, comes soon */
		return;
	}
	close_output(a);
}

static void
say_line(struct actor *a, struct slice line)
{
	char clean[300];
	if (line.len == 0 || a->said >= SAID_MAX)
		return;
	a->said += line.len;
	text_sanitise_to(line, clean, sizeof clean);
	fprintf(stderr, "catchmentd: actor of %s: %s\n", a->op, clean);
}

static void
on_err(void *arg, unsigned events)
{
	struct actor *a = arg;
	struct slice rest, line;
	(void)events;
	bool is_open = read_stream(a->err, &a->words);
	while (memchr(buf_text(&a->words), '\n', a->words.len) || a->words.truncated || (!is_open && a->words.len > 0)) {
		rest = buf_slice(&a->words);
		slice_next_line(&rest, &line);
		say_line(a, line);
		buf_drop_front(&a->words, a->words.len - rest.len);
		a->words.truncated = false;
	}
	if (is_open)
		return;
	loop_io_del(a->err_io);
	a->err_io = NULL;
	close(a->err);
	a->err = -1;
}

static void
on_exit_child(void *arg, int status, int signum)
{
	struct actor *a = arg;
	char folder[PATHS_MAX + 32];
	a->has_exited = true;
	actor_folder_name(a->owner->state_dir, loop_child_pid(a->child), folder, sizeof folder);
	actor_folder_remove(folder); /* one that was killed left it */
	if (a->life == LIFE_RUNNING) {
		read_events(a); /* what it said before it ended still counts */
		if (signum)
			lose(a, "the actor was ended by signal %d", signum);
		else
			lose(a, "the actor ended by itself (exit status %d)", status);
		return;
	}
	if (a->life == LIFE_ENDING)
		loop_timer_set(a->timer, 0, 0);
}

/* --- orders --- */

static void
write_orders(struct actor *a)
{
	while (a->orders.len > 0) {
		ssize_t n = write(a->in, a->orders.data, a->orders.len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			lose(a, "the actor takes no orders: %s", strerror(errno));
			return;
		}
		buf_drop_front(&a->orders, (size_t)n);
	}
	loop_io_set(a->in_io, a->orders.len > 0 ? LOOP_WRITE : 0);
}

static void
on_in(void *arg, unsigned events)
{
	struct actor *a = arg;
	(void)events;
	if (a->life == LIFE_RUNNING)
		write_orders(a);
}

static struct mono
deadline_of(const struct actor *a, enum act_order order)
{
	struct mono from = clock_mono();
	if (a->owner->patience_ms > 0)
		return mono_add_ms(from, a->owner->patience_ms);
	if (mono_before(from, a->ready))
		from = a->ready;
	return mono_add_ms(from, actor_order_ms(order) + GRACE_MS);
}

static void
give(struct actor *a, struct actor_order *o)
{
	struct err err = ERR_INIT;
	struct given *g = find_given(a, 0);
	if (!g) {
		lose(a, "the actor still owes %d answers", ORDERS_MAX);
		return;
	}
	o->id = ++a->next_id;
	if (actor_order_write(o, &a->orders, &err) == -1) {
		lose(a, "%s", err.text);
		return;
	}
	*g = (struct given){ .id = o->id, .order = o->order, .number = o->number, .deadline = deadline_of(a, o->order) };
	snprintf(g->pop, sizeof g->pop, "%s", o->pop);
	arm(a);
	loop_io_set(a->in_io, LOOP_WRITE);
}

static struct actor *
find_running(struct actors *all, const char *op)
{
	struct actor *a;
	LIST_FOREACH(a, &all->list, link)
		if (a->life != LIFE_ENDING && strcmp(a->op, op) == 0)
			return a;
	return NULL;
}

static void
port_end(void *arg, const char *op)
{
	struct actor *a = find_running(arg, op);
	if (a)
		retire(a);
}

static int
check_room(const struct actors *all, struct err *err)
{
	const struct actor *a;
	size_t n_running = 0, n = 0;
	LIST_FOREACH(a, &all->list, link) {
		n++;
		n_running += a->life != LIFE_ENDING;
	}
	if (n_running < ACTORS_MAX && n < PROCESSES_MAX)
		return 0;
	return err_set(err, ERR_BUSY, "%zu actors run already, %d at most; wait for an operation or a plan to end", n, ACTORS_MAX);
}

static int
spawn(struct actor *a, struct err *err)
{
	struct actors *all = a->owner;
	const char *const argv[] = { SELF, "--actor", "--config", all->config, "--state", all->state_dir, NULL };
	const struct loop_child_spec spec = { .argv = argv, .want_stdin = true };
	a->child = loop_child_spawn(all->loop, &spec, &a->in, &a->out, &a->err, on_exit_child, a, err);
	if (!a->child)
		return err_wrap(err, "the actor could not be started");
	a->in_io = loop_io_add(all->loop, a->in, 0, on_in, a);
	a->out_io = loop_io_add(all->loop, a->out, LOOP_READ, on_out, a);
	a->err_io = loop_io_add(all->loop, a->err, LOOP_READ, on_err, a);
	return 0;
}

static int
port_start(void *arg, const char *op, struct slice plan, struct err *err)
{
	struct actors *all = arg;
	port_end(all, op);
	if (check_room(all, err) == -1)
		return -1;
	struct actor *a = xcalloc(1, sizeof *a);
	a->owner = all;
	a->ready = mono_add_ms(clock_mono(), START_MS);
	a->in = a->out = a->err = -1;
	a->orders = (struct buf)BUF_INIT(2 * ACTOR_LINE_MAX);
	a->line = (struct buf)BUF_INIT(ACTOR_LINE_MAX);
	a->words = (struct buf)BUF_INIT(4096);
	a->timer = loop_timer_add(all->loop, 0, 0, on_timer, a);
	loop_timer_stop(a->timer);
	snprintf(a->op, sizeof a->op, "%s", op);
	digest_hex(plan, a->hash);
	LIST_INSERT_HEAD(&all->list, a, link);
	if (spawn(a, err) == -1) {
		actor_free(a);
		return -1;
	}
	struct actor_order check = { .order = ACT_CHECK, .plan = plan };
	snprintf(check.op, sizeof check.op, "%s", op);
	give(a, &check);
	return 0;
}

static void
port_order(void *arg, const char *op, enum act_order order, const char *pop, size_t phase, uint64_t number, unsigned confirm_s)
{
	struct actor *a = find_running(arg, op);
	if (!a || a->life != LIFE_RUNNING)
		return; /* the engine hears, or has heard, that it is lost */
	struct actor_order o = { .order = order, .phase = phase, .number = number, .confirm_s = confirm_s };
	snprintf(o.pop, sizeof o.pop, "%s", pop);
	memcpy(o.hash, a->hash, sizeof o.hash);
	give(a, &o);
}

struct actors *
actors_new(struct loop *l, const char *config, const char *state_dir, actor_event_fn *fn, void *arg, struct actor_port *port)
{
	struct actors *all = xcalloc(1, sizeof *all);
	all->loop = l;
	all->config = xstrdup(config);
	all->state_dir = xstrdup(state_dir);
	all->fn = fn;
	all->arg = arg;
	LIST_INIT(&all->list);
	*port = (struct actor_port){ .start = port_start, .order = port_order, .end = port_end, .arg = all };
	return all;
}

void
actors_set_patience(struct actors *all, int64_t ms)
{
	all->patience_ms = ms;
}

void
actors_free(struct actors *all)
{
	struct actor *a;
	if (!all)
		return;
	while ((a = LIST_FIRST(&all->list)) != NULL) {
		loop_child_leave(a->child); /* it ends by itself when its input closes */
		a->child = NULL;
		actor_free(a);
	}
	free(all->config);
	free(all->state_dir);
	free(all);
}
