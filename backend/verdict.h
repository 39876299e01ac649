/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_VERDICT_H
#define BACKEND_VERDICT_H

#include "core/fleet.h"

/*
 * Verdicts: pure judgement of fresh facts, one per node and per PoP, most severe first, each with its reasons in plain
 * sentences (PRODUCT.md section 1). Old facts never judge: what is older than 3 polls is unknown, and unknown is never
 * good. No I/O, no clock.
 */

struct node_judgement {
	enum verdict verdict;
	struct reasons reasons;
	enum tri planes[PLANE_COUNT];
	enum tri is_answering; /* does its DNS answer, by all fresh evidence */
};

/* Judges a node. `announced` has room for fleet->n_prefixes entries and gets what this node says on the wire. */
void verdict_node(const struct fleet *f, const struct node *n, struct mono now, enum announced *announced,
	struct node_judgement *out);

struct pop_judgement {
	enum verdict verdict;
	struct reasons reasons;
	double qps, capacity_qps;
	size_t sessions_up, sessions_total;
};

/* Judges a PoP from its nodes, which carry their verdicts already. Fills announced[] (room for fleet->n_prefixes). */
void verdict_pop(const struct fleet *f, const struct pop *p, struct mono now, enum announced *announced,
	struct pop_judgement *out);

/* What verdict_pop says of the rate: the sum over nodes whose facts are fresh, NAN for none. */
double verdict_pop_qps(const struct fleet *f, const struct pop *p, struct mono now);

/* What a judgement reads of numbers that grow by themselves (ages, uptimes), as a mark: while it, the freshness of the
 * planes, and all other facts stay the same, verdict_node would say the same again. */
uint64_t verdict_ages(const struct node *n);

/* True when facts of this plane are younger than 3 polls. */
bool verdict_plane_is_fresh(const struct node *n, enum plane_name plane, struct mono now);

#endif
