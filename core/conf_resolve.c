/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking up the names of nodes, once, at load: nothing on the loop ever asks a resolver, because
 * the resolver may be what is down (PRODUCT.md section 9, point 18). getaddrinfo cannot be stopped,
 * so the threads that call it are detached and share a job that the last one to leave frees; when
 * the deadline passes, the caller takes what is there and goes. A name that did not resolve is a
 * note: its node is then unreachable, and everything else works.
 */
#include "core/conf.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 8

struct question {
	char *name;
	char address[46];
	char reason[128];
	bool is_done;
};

/* Shared by the caller and the threads; freed by whoever leaves last. */
struct job {
	pthread_mutex_t lock;
	pthread_cond_t is_finished;
	conf_lookup_fn *lookup;
	size_t n, next, done, users;
	struct question *questions;
};

static int
look_up(const char *name, char out[46], char *reason, size_t reason_size)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG
	};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(name, NULL, &hints, &list);
	if (rc != 0) {
		snprintf(reason, reason_size, "%s", gai_strerror(rc));
		return -1;
	}
	rc = getnameinfo(list->ai_addr, list->ai_addrlen, out, 46, NULL, 0, NI_NUMERICHOST);
	if (rc != 0)
		snprintf(reason, reason_size, "%s", gai_strerror(rc));
	freeaddrinfo(list);
	return rc == 0 ? 0 : -1;
}

/* Called with the lock held; releases it. */
static void
leave(struct job *job)
{
	bool is_last = --job->users == 0;
	pthread_mutex_unlock(&job->lock);
	if (!is_last)
		return;
	for (size_t i = 0; i < job->n; i++)
		free(job->questions[i].name);
	free(job->questions);
	pthread_cond_destroy(&job->is_finished);
	pthread_mutex_destroy(&job->lock);
	free(job);
}

static void *
work(void *arg)
{
	struct job *job = arg;
	pthread_mutex_lock(&job->lock);
	while (job->next < job->n) {
		struct question *q = &job->questions[job->next++];
		char address[46] = "", reason[128] = "";
		pthread_mutex_unlock(&job->lock);
		int rc = job->lookup(q->name, address, reason, sizeof reason);
		pthread_mutex_lock(&job->lock);
		if (rc == 0)
			memcpy(q->address, address, sizeof q->address);
		else
			memcpy(q->reason, reason, sizeof q->reason);
		q->is_done = true;
		if (++job->done == job->n)
			pthread_cond_signal(&job->is_finished);
	}
	leave(job);
	return NULL;
}

static bool
is_open(const struct node *n)
{
	return n->conf && n->conf->address && !n->conf->resolved[0];
}

static struct job *
make_job(const struct fleet *f, conf_lookup_fn *lookup)
{
	struct job *job = xcalloc(1, sizeof *job);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&job->lock, NULL);
	pthread_cond_init(&job->is_finished, &attr);
	pthread_condattr_destroy(&attr);
	job->lookup = lookup;
	job->users = 1;
	job->questions = xcalloc(f->n_nodes + 1, sizeof *job->questions);
	for (size_t i = 0; i < f->n_nodes; i++)
		if (is_open(&f->nodes[i]))
			job->questions[job->n++].name = xstrdup(f->nodes[i].conf->address);
	return job;
}

/* With every signal blocked, so that none is delivered to a thread that does not expect it. Called
 * with the lock held. */
static void
start_threads(struct job *job)
{
	sigset_t all, before;
	pthread_attr_t attr;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (size_t i = 0; i < THREADS && i < job->n; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &attr, work, job) == 0)
			job->users++;
	}
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
wait_until(struct job *job, int64_t deadline_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += deadline_ms / 1000;
	until.tv_nsec += deadline_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	int rc = 0;
	while (job->done < job->n && job->users > 1 && rc == 0)
		rc = pthread_cond_timedwait(&job->is_finished, &job->lock, &until);
}

/* The loader made the configuration of nodes and this completes it; all others hold it const. */
static void
take_answer(const struct node *n, const struct question *q)
{
	struct node_conf *conf = (struct node_conf *)(uintptr_t)n->conf;
	memcpy(conf->resolved, q->address, sizeof conf->resolved);
}

static void
tell_unresolved(const struct node *n, const struct question *q, int64_t deadline_ms,
	struct conf_report *notes)
{
	if (!notes)
		return;
	if (q->is_done)
		conf_report_add(notes, FINDING_NOTE, n->conf->line, 1,
			"the address \"%s\" of %s could not be looked up: %s", n->conf->address,
			n->name, q->reason);
	else
		conf_report_add(notes, FINDING_NOTE, n->conf->line, 1,
			"the address \"%s\" of %s was not looked up within "
			"%lld ms",
			n->conf->address, n->name, (long long)deadline_ms);
}

size_t
conf_resolve_by(
	struct fleet *f, conf_lookup_fn *lookup, int64_t deadline_ms, struct conf_report *notes)
{
	struct job *job = make_job(f, lookup);
	size_t next = 0, n_missing = 0;
	pthread_mutex_lock(&job->lock);
	if (job->n > 0) {
		start_threads(job);
		wait_until(job, deadline_ms);
	}
	for (size_t i = 0; i < f->n_nodes; i++) {
		if (!is_open(&f->nodes[i]))
			continue;
		const struct question *q = &job->questions[next++];
		if (q->address[0]) {
			take_answer(&f->nodes[i], q);
			continue;
		}
		n_missing++;
		tell_unresolved(&f->nodes[i], q, deadline_ms, notes);
	}
	job->next = job->n; /* what has not begun need not */
	leave(job);
	return n_missing;
}

size_t
conf_resolve(struct fleet *f, int64_t deadline_ms, struct conf_report *notes)
{
	return conf_resolve_by(f, look_up, deadline_ms, notes);
}
