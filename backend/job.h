/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_JOB_H
#define BACKEND_JOB_H

#include "backend/transport.h"

/* What the transports that run commands share: a copy of the node's address and keys, and requests in a queue. */

/* What a transport must know of a node; a copy, since a reload frees nodes while requests are under way. */
struct endpoint {
	struct arena *arena;
	const char *node;    /* name */
	const char *address; /* as written */
	const char *resolved; /* literal; "" if the name did not resolve */
	const char *user;    /* NULL: our own account */
	const char *key, *known_hosts, *replay;
	uint16_t port;
	enum ssh_via via;
};
struct endpoint *endpoint_new(const struct node *node);
void endpoint_free(struct endpoint *e);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* "root@fra1 port 2222 (10.0.0.12)", for sentences. */
void endpoint_name(const struct endpoint *e, char *out, size_t size);

/* One request that waits or is under way. */
struct job {
	struct job *next;
	struct request request; /* a copy, with its own arena */
	struct mono deadline;
	transport_done_fn *done;
	void *arg;
};
struct job *job_new(const struct request *request, struct mono deadline, transport_done_fn *done, void *arg);
void job_free(struct job *j);
/* Answers and frees. Exactly one of reply and err is NULL. */
void job_answer(struct job *j, const struct reply *reply, const struct err *err);

struct job_queue {
	struct job *head, *tail;
};
void job_queue_add(struct job_queue *q, struct job *j);
struct job *job_queue_take(struct job_queue *q);
/* Takes the first job whose deadline has passed, or NULL. */
struct job *job_queue_take_late(struct job_queue *q, struct mono now);
/* The earliest deadline; zero when empty. */
struct mono job_queue_deadline(const struct job_queue *q);

/* A nonce for batch_new. */
#define JOB_NONCE_SIZE 33
void job_nonce(char out[JOB_NONCE_SIZE]);

#endif
