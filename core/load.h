/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_LOAD_H
#define CORE_LOAD_H

#include "core/gate.h"

/*
 * Where the load of a drained PoP goes: a model, used by the gate "capacity" and shown with the plan. All of it lands on
 * the PoPs that remain in its region, in proportion to their capacity; where none remains there, on the whole fleet.
 * Nobody knows a catchment before it has moved, so this is the case to be prepared for, not a forecast. Pure.
 */

struct load_share {
	size_t pop;
	double before, after; /* queries a second, NAN unknown */
	double capacity;      /* of its nodes that answer, NAN unknown */
	bool is_receiver;
};

struct load {
	bool is_declared;     /* any node of the fleet states a capacity */
	size_t n;             /* PoPs that remain and count */
	struct load_share *shares; /* owned */
	double moved;         /* what leaves the targets, NAN unknown */
	bool is_assumed;      /* a target is dead: its whole capacity is taken for its rate */
	double fleet;         /* what the whole fleet has now, NAN when nothing is known */
	double total;         /* what the rest would have, NAN unknown */
	double capacity;      /* of the rest; what is not declared counts as none */
	size_t largest;       /* of shares, by capacity; SIZE_MAX: none */
	size_t unknown;       /* a PoP whose rate is not known; SIZE_MAX: none */
};

/* The rates now, or (with_peak) the higher of now and the peak given. */
void load_read(const struct gate_input *in, bool with_peak, struct load *out);
void load_done(struct load *l);

/* What a returning PoP is expected to draw: its part by capacity of its region's load (of the fleet's where it is alone),
 * and with_peak at least its peak. NAN unknown. */
double load_expect(const struct gate_input *in, size_t pop, bool with_peak);
/* Capacity of a PoP's nodes that answer, NAN unknown. */
double load_capacity(const struct gate_input *in, size_t pop);
/* Rate of a PoP, NAN unknown. */
double load_rate(const struct gate_input *in, size_t pop, bool with_peak);

#endif
