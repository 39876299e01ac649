/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_STORE_H
#define BACKEND_STORE_H

#include "core/clock.h"
#include "core/err.h"
#include "core/wire.h"

/*
 * What is remembered on disk (SQLite, WAL, STRICT tables): query-rate and verdict samples rolled up per PoP and node,
 * events, and the last good facts of each node. Holds, operation numbers and budgets will live behind this interface too
 * (ARCHITECTURE.md section 10). Viewing must go on when it fails: every call returns its error and the caller goes on.
 */
struct store;

struct store *store_open(const char *dir, struct err *err);
void store_close(struct store *s);

/* Raw samples are collected in memory and written by store_commit in one transaction (about once a second). */
void store_add_sample(struct store *s, const char *pop, const char *node, double qps, enum verdict v, struct wall at);
void store_add_event(struct store *s, const struct event *e);
/* The JSON of a node's facts (report_write_json), replacing the older one. */
void store_keep_facts(struct store *s, const char *node, const char *address, struct slice json, struct wall at);
int store_commit(struct store *s, struct wall now, struct err *err);

/* Calls fn for each kept facts row. */
int store_each_facts(struct store *s, void (*fn)(void *arg, const char *node, const char *address, struct slice json,
	struct wall at), void *arg, struct err *err);
/* Newest events, oldest first, at most max. Returns how many, -1 on failure. */
int store_read_events(struct store *s, struct event *out, size_t max, struct err *err);
/* Roll-ups of a PoP between two instants: calls fn per step (60 s, or 3600 s for spans over 2 days). */
struct store_point {
	struct wall at;
	double qps_min, qps_avg, qps_max; /* NAN unknown */
	enum verdict worst;
};
int store_read_history(struct store *s, const char *pop, struct wall from, struct wall to,
	void (*fn)(void *arg, const struct store_point *p), void *arg, struct err *err);

#endif
