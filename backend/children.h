/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_CHILDREN_H
#define BACKEND_CHILDREN_H

#include "backend/batch.h"
#include "backend/job.h"

/* A transport that runs a request's script by a child process of ours: what the openssh and local transports share. */
#define CHILDREN_ARGV_MAX 80

struct child_kind {
	const char *name; /* "local" */
	/* Fills argv (NULL-terminated, at most CHILDREN_ARGV_MAX; strings from the arena) for one request. */
	int (*command)(const char *dir, const struct endpoint *ep, const struct batch *b, int64_t left_ms, struct arena *a,
		const char **argv, struct err *err);
	/* The child ended before the last trailer: sets err from what it printed and returns -1, or returns 0 to leave it to
	 * the batch. NULL: always left to the batch. */
	int (*explain)(const struct endpoint *ep, const struct batch *b, const struct batch_end *end, struct err *err);
	/* A node's session is to end: its configuration changed, or all ends. Must not block for long. NULL: nothing to do. */
	void (*drop)(const char *dir, const struct endpoint *ep);
};

/* `dir` may be NULL; it is copied. */
struct transport *children_new(struct loop *l, const struct transport_limits *limits, const struct child_kind *kind, const char *dir);

#endif
