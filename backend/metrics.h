/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_METRICS_H
#define BACKEND_METRICS_H

#include <stdint.h>

#include "backend/state.h"
#include "backend/store.h"
#include "backend/tls.h"
#include "core/loop.h"

/*
 * /metrics: the text format of Prometheus (0.0.4), and OpenMetrics 1.0 made from it for scrapers that ask for it. Base
 * units; labels are pop, node, plane, prefix, family, verdict, state, result: bounded by fleet.yaml and by our own
 * lists, never remote text.
 */

/* What the metrics of the backend itself are made of. Any pointer may be NULL. */
struct metrics {
	const struct state *state;
	const struct loop *loop;
	const struct store *store;
	struct mono now;
	/* the API */
	size_t connections, streams;
	uint64_t requests[6]; /* by hundreds of the status: requests[2] is 2xx */
	uint64_t turned_away; /* connections refused at the door: limits, broken heads, deadlines */
	uint64_t messages_change, messages_seen, messages_event, resyncs;
	bool has_tls; /* served over TLS too: */
	struct tls_figures tls;
	struct wall cert_ends, crl_ends; /* zero: there is none */
};

/* Head lines of one family: "# HELP name help" and "# TYPE name type". */
void metrics_family(struct buf *out, const char *name, const char *type, const char *help);
/* One sample: name, labels as pairs "key", "value", …, NULL; NAN is left out. */
void metrics_sample(struct buf *out, const char *name, double value, ...) __attribute__((sentinel));

void metrics_write(const struct metrics *m, struct buf *out);
/* Turns the classic text into OpenMetrics: counters lose _total in their head lines, "# EOF" ends it. */
void metrics_to_openmetrics(struct slice classic, struct buf *out);

#endif
