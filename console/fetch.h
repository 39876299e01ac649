/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_FETCH_H
#define CONSOLE_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct place;

#define FETCH_BODY_MAX (256u << 20) /* a snapshot of 10,000 nodes has about 40 MB */

/*
 * One question to the backend, waited for: what commands need; the dashboard has client.h. The answer is appended to `out`. 0, or -1: ERR_BACKEND when
 * nobody serves there, else the code and the sentence of the backend's problem+json (RFC 9457).
 */
int fetch(const struct place *place, const char *method, const char *path, struct buf *out, struct err *err);

/* The same with a body, for requests that change something. */
struct fetch_call {
	const struct place *place;
	const char *method, *path;
	struct slice body;   /* JSON; empty: none */
	int64_t deadline_ms; /* 0: 10 s */
};
/* What the backend answered is appended to `out` also when it refused (problem+json): it may hold the plan that was
 * refused. *lost (may be NULL) is set when it is not known whether the backend took the request: nothing came back. */
int fetch_send(const struct fetch_call *call, struct buf *out, bool *lost, struct err *err);

#endif
