/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_EVIDENCE_H
#define BACKEND_EVIDENCE_H

#include "backend/planner.h"

/*
 * What is measured after a change (SAFETY model B7, PRODUCT.md section 1): the node's own wire, the view of neighbours
 * and transits, the query rate, the answers from outside. Each may agree, disagree or not be known; a change is proven
 * when every one that applies agrees. Facts from before the change say nothing. Pure.
 */

/* Which sessions carried which prefixes before the PoP was drained, as the drain's plan recorded it. */
#define EVIDENCE_SESSION_MAX 128
struct evidence_baseline {
	size_t n;
	struct evidence_carrier {
		char node[FLEET_NAME_MAX], session[EVIDENCE_SESSION_MAX];
		struct prefix prefix;
	} *carriers; /* owned */
};
/* Adds what a drain's plan recorded of the nodes of a PoP. */
void evidence_baseline_add(struct evidence_baseline *b, const struct fleet *f, size_t pop, const struct plan *drain);
void evidence_baseline_done(struct evidence_baseline *b);

struct evidence_input {
	const struct fleet *fleet;
	size_t pop;
	enum op_verb verb;
	enum announced goal;   /* of the phase */
	bool is_release_only;  /* an undrain that leaves other holds: nothing on the wire changes */
	struct mono since;     /* when the steps were sent */
	double qps_before;     /* NAN unknown */
	const struct evidence_baseline *baseline; /* of an undrain; NULL or empty: not known */
	poller_find_fn *find;
	struct mono now;
};
/* Was this plane of a node read after `since`, in this life of the backend? */
bool evidence_is_newer(const struct node *n, enum plane_name plane, struct mono since);
void evidence_read(const struct evidence_input *in, struct op_evidence out[OP_CHECK_COUNT]);
/* True when every check that applies agrees. *missing gets the text of the first that does not (or is not known). */
bool evidence_is_whole(const struct op_evidence checks[OP_CHECK_COUNT], const char **missing);

/* The rate under which a PoP counts as left: 5 % of what it had, but at least 5 queries a second (our own probes). */
double evidence_rate_limit(double qps_before);

/* Follows the answers from outside: when the first came from elsewhere, when the last came from here, how many were
 * lost. Keep one per target, zeroed; `was_here` is learnt by evidence_watch_start before the change. */
#define EVIDENCE_VANTAGES 64
struct evidence_watch {
	size_t n;
	struct {
		size_t node;       /* the vantage */
		bool was_here;     /* its answers came from this PoP before */
		struct mono heard; /* newest fact already counted */
	} vantages[EVIDENCE_VANTAGES];
};
void evidence_watch_start(struct evidence_watch *w, const struct fleet *f, size_t pop, enum op_verb verb);
/* Counts what is new into the target's shift times. */
void evidence_watch_turn(struct evidence_watch *w, const struct evidence_input *in, struct op_target *t);

#endif
