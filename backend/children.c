/* SPDX-License-Identifier: Apache-2.0
 *
 * One request at a time per node, each by one child process: the queue, the deadline, the two pipes and the judging. The
 * kinds (transport_openssh.c, transport_local.c) say which argv to run and what a child's own failure means.
 *
 * A request is over when its last trailer was read, or when the child has ended and both pipes are closed, or at its
 * deadline; then the child's process group is killed if it still lives. A node that could not be reached is left alone
 * for a while (backoff.c) and answered with its last error meanwhile.
 */
#include "backend/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "backend/backoff.h"

#define READ_CHUNK     32768
#define READS_PER_TURN 16

struct lane {
	UT_hash_handle hh;
	char name[FLEET_NAME_MAX]; /* of the node: the key */
	struct children *owner;
	struct endpoint *ep, *next_ep;
	struct job_queue jobs;
	struct job *job; /* under way */
	struct batch *batch;
	struct loop_child *child;
	int fds[2]; /* standard output and error of the child, -1 when closed */
	struct loop_io *ios[2];
	struct batch_end end;
	bool has_exited, was_used;
	bool is_forgotten; /* ends when its jobs are done */
	bool is_outdated;  /* what is kept for the node must not serve another job */
	struct backoff backoff;
	struct loop_timer *timer;
};

struct children {
	struct transport base;
	struct transport_ops ops;
	struct loop *loop;
	struct transport_limits limits;
	const struct child_kind *kind;
	char *dir;
	struct lane *lanes; /* by node name */
};

static void
wake(struct lane *n)
{
	loop_timer_set(n->timer, 0, 0);
}

static void
close_stream(struct lane *n, int i)
{
	loop_io_del(n->ios[i]);
	n->ios[i] = NULL;
	if (n->fds[i] != -1)
		close(n->fds[i]);
	n->fds[i] = -1;
}

static void
end_child(struct lane *n)
{
	loop_child_del(n->child);
	n->child = NULL;
	close_stream(n, 0);
	close_stream(n, 1);
}

static void
finish_job(struct lane *n, const struct reply *reply, const struct err *err)
{
	struct job *job = n->job;
	struct batch *batch = n->batch;
	end_child(n);
	n->job = NULL;
	n->batch = NULL;
	wake(n);
	job_answer(job, reply, err);
	batch_free(batch);
}

static void
fail(struct lane *n, const struct err *why, bool is_connecting)
{
	struct err err = *why;
	char where[160];
	endpoint_name(n->ep, where, sizeof where);
	err_wrap(&err, "%s %s", n->owner->kind->name, where);
	if (is_connecting)
		backoff_failed(&n->backoff, &err, loop_now(n->owner->loop), arc4random());
	finish_job(n, NULL, &err);
}

/* The child is done with the request: judges what it printed. */
static void
judge(struct lane *n)
{
	struct reply reply;
	struct err err = ERR_INIT;
	const struct child_kind *kind = n->owner->kind;
	if (!batch_is_over(n->batch) && kind->explain && kind->explain(n->ep, n->batch, &n->end, &err) == -1) {
		fail(n, &err, !batch_has_begun(n->batch));
		return;
	}
	int rc = batch_finish(n->batch, &n->end, &reply, &err);
	backoff_succeeded(&n->backoff);
	if (rc == 0)
		finish_job(n, &reply, NULL);
	else
		fail(n, &err, false);
}

static void
judge_if_done(struct lane *n)
{
	if (batch_is_over(n->batch) || (n->has_exited && n->fds[0] == -1 && n->fds[1] == -1))
		judge(n);
}

/* False when the stream has ended. */
static bool
read_some(struct lane *n, int i)
{
	char chunk[READ_CHUNK];
	for (int k = 0; k < READS_PER_TURN && !batch_is_over(n->batch); k++) {
		ssize_t got = read(n->fds[i], chunk, sizeof chunk);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return errno == EAGAIN;
		if (got == 0)
			return false;
		if (i == 0)
			batch_feed_out(n->batch, chunk, (size_t)got);
		else
			batch_feed_err(n->batch, chunk, (size_t)got);
	}
	return true;
}

static void
on_stream(struct lane *n, int i)
{
	if (!read_some(n, i))
		close_stream(n, i);
	judge_if_done(n);
}

static void
on_out(void *arg, unsigned events)
{
	(void)events;
	on_stream(arg, 0);
}

static void
on_err(void *arg, unsigned events)
{
	(void)events;
	on_stream(arg, 1);
}

static const char *
signal_name(int signum)
{
	const char *name = sigabbrev_np(signum);
	return name ? name : "unknown";
}

static void
on_exit_child(void *arg, int status, int signum)
{
	struct lane *n = arg;
	n->has_exited = true;
	n->end = (struct batch_end){ BATCH_END_EXIT, status, NULL };
	if (signum)
		n->end = (struct batch_end){ BATCH_END_SIGNAL, -1, signal_name(signum) };
	judge_if_done(n);
}

static int
spawn(struct lane *n, struct err *err)
{
	struct children *c = n->owner;
	struct arena *a = arena_new();
	char nonce[JOB_NONCE_SIZE];
	const char *argv[CHILDREN_ARGV_MAX + 1];
	int64_t left_ms = mono_ms_since(n->job->deadline, loop_now(c->loop));
	int rc = -1;
	job_nonce(nonce);
	n->batch = batch_new(&n->job->request, &c->limits, nonce, left_ms, err);
	if (!n->batch || c->kind->command(c->dir, n->ep, n->batch, left_ms, a, argv, err) == -1)
		goto out;
	struct loop_child_spec spec = { .argv = argv };
	n->child = loop_child_spawn(c->loop, &spec, NULL, &n->fds[0], &n->fds[1], on_exit_child, n, err);
	if (!n->child)
		goto out;
	n->has_exited = false;
	n->was_used = true;
	n->ios[0] = loop_io_add(c->loop, n->fds[0], LOOP_READ, on_out, n);
	n->ios[1] = loop_io_add(c->loop, n->fds[1], LOOP_READ, on_err, n);
	rc = 0;
out:
	arena_free(a);
	return rc;
}

static void
drop(struct lane *n)
{
	const struct children *c = n->owner;
	if (n->was_used && c->kind->drop)
		c->kind->drop(c->dir, n->ep);
	n->was_used = false;
}

static void
start_job(struct lane *n)
{
	struct err err = ERR_INIT;
	if (n->next_ep) {
		drop(n);
		endpoint_free(n->ep);
		n->ep = n->next_ep;
		n->next_ep = NULL;
		n->is_outdated = false;
		backoff_succeeded(&n->backoff);
	}
	if (!backoff_may_try(&n->backoff, loop_now(n->owner->loop), &err)) {
		finish_job(n, NULL, &err);
		return;
	}
	if (spawn(n, &err) == -1)
		fail(n, &err, false);
}

static void
expire(struct lane *n, struct mono now)
{
	struct err err = ERR_INIT;
	struct job *late;
	if (n->job && !mono_before(now, n->job->deadline)) {
		bool has_begun = n->batch && batch_has_begun(n->batch);
		err_set(&err, ERR_TIMEOUT, "no answer within the deadline (%s)", has_begun ? "command" : "connect");
		fail(n, &err, !has_begun);
	}
	while ((late = job_queue_take_late(&n->jobs, now)) != NULL) {
		err_set(&err, ERR_TIMEOUT, "%s %s: no answer within the deadline (waited for the request before it)",
			n->owner->kind->name, n->ep->address);
		job_answer(late, NULL, &err);
	}
}

static void
lane_free(struct lane *n)
{
	HASH_DEL(n->owner->lanes, n);
	drop(n);
	end_child(n);
	loop_timer_del(n->timer);
	endpoint_free(n->ep);
	endpoint_free(n->next_ep);
	free(n);
}

static void
arm(struct lane *n, struct mono now)
{
	struct mono next = job_queue_deadline(&n->jobs);
	if (n->job && (!mono_is_set(next) || mono_before(n->job->deadline, next)))
		next = n->job->deadline;
	if (mono_is_set(next))
		loop_timer_set(n->timer, mono_ms_since(next, now) + 1, 0);
}

static void
on_timer(void *arg)
{
	struct lane *n = arg;
	struct mono now = loop_now(n->owner->loop);
	expire(n, now);
	while (!n->job && (n->job = job_queue_take(&n->jobs)) != NULL)
		start_job(n);
	if (!n->job && n->is_forgotten) {
		lane_free(n);
		return;
	}
	arm(n, now);
}

static struct lane *
lane_of(struct children *c, const struct node *node)
{
	struct lane *n;
	struct endpoint *ep = endpoint_new(node);
	HASH_FIND_STR(c->lanes, ep->node, n);
	if (!n) {
		n = xcalloc(1, sizeof *n);
		n->owner = c;
		n->ep = ep;
		n->fds[0] = n->fds[1] = -1;
		n->timer = loop_timer_add(c->loop, 0, 0, on_timer, n);
		snprintf(n->name, sizeof n->name, "%s", ep->node);
		HASH_ADD_STR(c->lanes, name, n);
		return n;
	}
	n->is_forgotten = false;
	endpoint_free(n->next_ep);
	n->next_ep = NULL;
	if (endpoint_equal(n->ep, ep) && !n->is_outdated)
		endpoint_free(ep);
	else
		n->next_ep = ep;
	return n;
}

static void
children_submit(struct transport *t, const struct node *node, const struct request *request, struct mono deadline,
	transport_done_fn *done, void *arg)
{
	struct lane *n = lane_of((struct children *)t, node);
	job_queue_add(&n->jobs, job_new(request, deadline, done, arg));
	wake(n);
}

static void
children_forget(struct transport *t, const struct node *node)
{
	struct children *c = (struct children *)t;
	struct lane *n;
	HASH_FIND_STR(c->lanes, node->name, n);
	if (!n)
		return;
	n->is_forgotten = n->is_outdated = true;
	wake(n);
}

static void
children_free(struct transport *t)
{
	struct children *c = (struct children *)t;
	struct lane *n, *next;
	struct job *job;
	const struct err err = { ERR_CONN_LOST, "the transport was closed" };
	HASH_ITER(hh, c->lanes, n, next)
	{
		if (n->job)
			finish_job(n, NULL, &err);
		while ((job = job_queue_take(&n->jobs)) != NULL)
			job_answer(job, NULL, &err);
		lane_free(n);
	}
	free(c->dir);
	free(c);
}

struct transport *
children_new(struct loop *l, const struct transport_limits *limits, const struct child_kind *kind, const char *dir)
{
	struct children *c = xcalloc(1, sizeof *c);
	c->ops = (struct transport_ops){ kind->name, children_submit, children_forget, children_free };
	c->base.ops = &c->ops;
	c->loop = l;
	c->limits = *limits;
	c->kind = kind;
	c->dir = dir ? xstrdup(dir) : NULL;
	return &c->base;
}
