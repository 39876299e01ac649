/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SAMPLES_H
#define TESTS_UNIT_SAMPLES_H

#include "core/operation.h"
#include "core/plan.h"

/*
 * Plans and operations for tests of the console: written by the same code that the backend writes them with, so that
 * what a test shows is what could come over the wire. Names of plans: pass, warn, refuse, two, prefer, undrain, long,
 * cannot (the actor), connecting, waiting. Fleet: tests/screens/fleets/sixteen.json.
 */
struct plan *sample_plan(const char *name);
/* The body of POST /v1/plans for it: {op, bytes, hash, typed, expires_s, actor}. */
void sample_offer(const char *name, struct buf *out);

/* A drain of fra that has come so far: "applying", "measuring", "drained", "accepted", "unconfirmed", "stuck", "undoing",
 * "waiting", "refused", "unknown", "two" (the second of two PoPs under way). */
void sample_operation(const char *name, struct operation *out);
extern const char *const sample_operations[]; /* their names, ends with NULL */

#define SAMPLE_ID "0f3a9c5522e1b7d4"

#endif
