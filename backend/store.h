/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_STORE_H
#define BACKEND_STORE_H

#include "core/clock.h"
#include "core/err.h"
#include "core/wire.h"

/*
 * What is remembered on disk (SQLite, WAL, STRICT tables): query-rate and verdict samples rolled up per PoP and node,
 * events, and the last good facts of each node. Holds and operations are in the ledger (backend/ledger.h). Viewing must go on when it fails: every call returns its error and the caller goes on.
 */
struct store;

/* Opens DIR/history.db, making folder and file where they are missing. NULL with the reason when that cannot be. A file
 * that is damaged or no store of ours is moved aside (history.db.damaged-TIME) and a new one begun; the store is then
 * returned and err, which must start as ERR_INIT, says what happened. */
struct store *store_open(const char *dir, struct err *err);
/* Writes what is collected, if it can be, and closes. NULL allowed. */
void store_close(struct store *s);
/* Calls that failed since the start. */
uint64_t store_errors(const struct store *s);

/* Raw samples are collected in memory and written by store_commit in one transaction (about once a second), rolled up to
 * minutes (kept 48 h) and hours (kept for good). `node` "" is the PoP itself; a node's minute is written when it is over, and
 * at the end. What cannot be written stays collected, up
 * to a ceiling beyond which the oldest is dropped. */
void store_add_sample(struct store *s, const char *pop, const char *node, double qps, enum verdict v, struct wall at);
void store_add_event(struct store *s, const struct event *e);
/* The JSON of a node's facts (report_write_json), replacing the older one. */
void store_keep_facts(struct store *s, const char *node, const char *address, struct slice json, struct wall at);
int store_commit(struct store *s, struct wall now, struct err *err);

/* SQLite's log has grown enough to be moved into the file. That waits for the disk, which on a busy machine can take most of
 * a minute, so it is not done by store_commit: the caller brackets store_sync, which may run on another thread, with begin
 * and end. In between commits keep what they have for later, and reads answer ERR_BUSY. */
bool store_wants_sync(const struct store *s);
void store_sync_begin(struct store *s);
void store_sync(struct store *s);
void store_sync_end(struct store *s);

/* Calls fn for each kept facts row. */
int store_each_facts(struct store *s, void (*fn)(void *arg, const char *node, const char *address, struct slice json,
	struct wall at), void *arg, struct err *err);
/* Newest events, oldest first, at most max. Returns how many, -1 on failure. */
int store_read_events(struct store *s, struct event *out, size_t max, struct err *err);
/* Roll-ups of a PoP between two instants: calls fn per step (60 s; 3600 s for spans over
 * 2 days and where minutes are no longer kept). */
struct store_point {
	struct wall at;
	double qps_min, qps_avg, qps_max; /* NAN unknown */
	enum verdict worst;
};
int store_read_history(struct store *s, const char *pop, struct wall from, struct wall to,
	void (*fn)(void *arg, const struct store_point *p), void *arg, struct err *err);

#endif
