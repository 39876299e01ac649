/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests on their way: deep copies with a deadline in a queue per node, and the copy of what a transport must know of
 * the node. A reload may free the fleet's nodes at any time, so nothing here borrows from them. The ssh, openssh, local
 * and replay transports are built on it; it does no I/O.
 */
#include "backend/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
copy(struct arena *a, const char *text)
{
	return text ? arena_strdup(a, text) : NULL;
}

struct endpoint *
endpoint_new(const struct node *node)
{
	const struct node_conf *conf = node->conf;
	struct endpoint *e = xcalloc(1, sizeof *e);
	e->arena = arena_new();
	e->node = copy(e->arena, node->name);
	e->address = copy(e->arena, conf->address ? conf->address : conf->resolved);
	e->resolved = copy(e->arena, conf->resolved);
	e->user = copy(e->arena, conf->ssh.user);
	e->key = copy(e->arena, conf->ssh.observe_key);
	e->known_hosts = copy(e->arena, conf->ssh.known_hosts);
	e->replay = copy(e->arena, conf->ssh.replay);
	e->port = conf->ssh.port ? conf->ssh.port : 22;
	e->via = conf->ssh.via;
	return e;
}

void
endpoint_free(struct endpoint *e)
{
	if (!e)
		return;
	arena_free(e->arena);
	free(e);
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool
endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return same(a->node, b->node) && same(a->address, b->address) && same(a->resolved, b->resolved) && same(a->user, b->user) &&
		same(a->key, b->key) && same(a->known_hosts, b->known_hosts) && same(a->replay, b->replay) && a->port == b->port &&
		a->via == b->via;
}

void
endpoint_name(const struct endpoint *e, char *out, size_t size)
{
	bool is_literal = strcmp(e->address, e->resolved) == 0 || e->resolved[0] == '\0';
	int n = snprintf(out, size, "%s%s%s", e->user ? e->user : "", e->user ? "@" : "", e->address);
	if (e->port != 22 && n >= 0 && (size_t)n < size)
		n += snprintf(out + n, size - (size_t)n, " port %u", e->port);
	if (!is_literal && n >= 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, " (%s)", e->resolved);
}

struct job *
job_new(const struct request *request, struct mono deadline, transport_done_fn *done, void *arg)
{
	struct job *j = xmalloc(sizeof *j); /* large, and mostly never touched: not zeroed */
	j->next = NULL;
	j->deadline = deadline;
	j->done = done;
	j->arg = arg;
	request_init(&j->request);
	for (size_t i = 0; i < request->n_commands; i++) {
		const struct request_command *c = &request->commands[i];
		size_t n = 0;
		while (n < REQUEST_ARGV_MAX && c->argv[n])
			n++;
		request_add_argv(&j->request, c->tag ? c->tag : "", c->argv, n);
	}
	if (request->path)
		request_set_path(&j->request, request->path);
	j->request.kind = request->kind;
	return j;
}

void
job_free(struct job *j)
{
	if (!j)
		return;
	request_done(&j->request);
	free(j);
}

void
job_answer(struct job *j, const struct reply *reply, const struct err *err)
{
	static const struct err none = ERR_INIT;
	j->done(j->arg, reply, err ? err : &none);
	job_free(j);
}

void
job_queue_add(struct job_queue *q, struct job *j)
{
	j->next = NULL;
	if (q->tail)
		q->tail->next = j;
	else
		q->head = j;
	q->tail = j;
}

struct job *
job_queue_take(struct job_queue *q)
{
	struct job *j = q->head;
	if (!j)
		return NULL;
	q->head = j->next;
	if (!q->head)
		q->tail = NULL;
	j->next = NULL;
	return j;
}

struct job *
job_queue_take_late(struct job_queue *q, struct mono now)
{
	struct job *before = NULL;
	for (struct job *j = q->head; j; before = j, j = j->next) {
		if (mono_before(now, j->deadline))
			continue;
		if (before)
			before->next = j->next;
		else
			q->head = j->next;
		if (q->tail == j)
			q->tail = before;
		j->next = NULL;
		return j;
	}
	return NULL;
}

struct mono
job_queue_deadline(const struct job_queue *q)
{
	struct mono first = { 0 };
	for (const struct job *j = q->head; j; j = j->next)
		if (!mono_is_set(first) || mono_before(j->deadline, first))
			first = j->deadline;
	return first;
}

void
job_nonce(char out[JOB_NONCE_SIZE])
{
	for (int i = 0; i < 4; i++)
		snprintf(out + 8 * i, 9, "%08x", arc4random());
}
