/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_SSE_H
#define CONSOLE_SSE_H

#include "core/buf.h"
#include "core/err.h"

/* Server-Sent Events from bytes as they arrive. Pure. */

#define SSE_EVENT_MAX (16u << 20) /* bytes of one event's data */
#define SSE_NAME_MAX  32
#define SSE_ID_MAX    32

struct sse {
	struct buf line, data;
	char event[SSE_NAME_MAX];
	char id[SSE_ID_MAX]; /* of the last event that had one; goes into Last-Event-ID */
	bool has_data;
};

/* Called for each event; `event` is "message" when it has no name. Inside, the sse may not be fed
 * or freed. */
typedef void sse_fn(void *arg, const char *event, struct slice data);

void sse_init(struct sse *s);
void sse_done(struct sse *s);
/* Forgets what is half read; the id stays. */
void sse_restart(struct sse *s);
/* -1 when an event is larger than the limit: the stream is then to be given up. */
int sse_feed(struct sse *s, struct slice bytes, sse_fn *fn, void *arg, struct err *err);

#endif
