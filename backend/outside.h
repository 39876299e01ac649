/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_OUTSIDE_H
#define BACKEND_OUTSIDE_H

#include "backend/state.h"
#include "core/loop.h"

/*
 * The outside probes of the backend itself: each service address is asked as the vantage "local", and each node that
 * serves DNS is asked at its own address, in the pace of its polls. The answers go to the state like any report.
 */
struct outside;

struct outside *outside_new(struct loop *l, struct state *s);
void outside_free(struct outside *o);
/* After the topology was replaced. */
void outside_reload(struct outside *o);
/* Asks everything soon. */
void outside_now(struct outside *o);
/* Asks for these nodes (indices) now. */
void outside_ask(struct outside *o, const size_t *nodes, size_t n);

#endif
