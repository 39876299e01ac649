/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_STATE_H
#define BACKEND_STATE_H

#include "core/page.h"
#include "core/wire.h"

/*
 * The state: the only writer of the backend's fleet. It takes reports and failures of probes, hangs them on the nodes,
 * asks for verdicts, raises the revision and tells watchers which node changed. Owns the fleet, the ring of recent
 * events and the in-memory ring of query rates for sparklines.
 */
struct state;

#define STATE_EVENTS_MAX 2000
#define STATE_SPARK_MAX  120 /* samples kept per node and per PoP */

/* Takes the fleet. */
struct state *state_new(struct fleet *f);
void state_free(struct state *s);
const struct fleet *state_fleet(const struct state *s);

/* Replaces the declared topology; facts of nodes that keep their name and address are carried over. Takes `f`. */
void state_reload(struct state *s, struct fleet *f, struct mono now, struct wall wall);

/* Which report some facts of a node are from, so that another page of the same shape may go on from it. */
struct state_shape {
	unsigned sections;
	uint32_t stamp;
};

/* A probe of node i answered. `probe_id` is unique per node ("bird/protocols"); the report is taken. */
struct state_shape state_apply(struct state *s, size_t node, const char *probe_id, struct report *report, struct mono now, struct wall wall);
/* A probe answered with the page it gave last but for these numbers (core/page.h); `shape` is what applying that page's
 * report returned. True if they were taken; false when the facts of the node are not of that report any more, or something
 * stands that only a whole report can clear: then nothing was done, and the answer is to be read and applied as one. */
bool state_apply_numbers(struct state *s, size_t node, const struct state_shape *shape, const struct page *page,
	const union report_number *values, struct mono now, struct wall wall);
/* A probe of node i failed; planes it feeds (`gives`, REPORT_* bits) keep their old facts, which grow stale. */
void state_fail(struct state *s, size_t node, const char *probe_id, unsigned gives, const struct err *why, struct mono now,
	struct wall wall);
/* Re-judges what only time has changed (stale); call about once a second. */
void state_tick(struct state *s, struct mono now, struct wall wall);

/* What holds and operations want of a PoP now; judged again and told as a change of its nodes. */
void state_set_holds(struct state *s, size_t pop, const struct hold *holds, size_t n, enum announced intent,
	enum drain_phase phase, struct mono now, struct wall wall);

/* Facts kept from before a restart: drawn as stale until polled. `age_s` at the time of loading. */
void state_restore(struct state *s, size_t node, struct report *facts, double age_s, struct mono now);

/* Events of before a restart, oldest first, told to nobody; numbers go on after them. Call it before anything happens. */
void state_restore_events(struct state *s, const struct event *events, size_t n);

/* Appends an event of the backend itself. */
void state_tell(struct state *s, const char *kind, enum verdict severity, struct wall wall, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* The same about a PoP. */
void state_tell_pop(struct state *s, const char *kind, enum verdict severity, const char *pop, struct wall wall, const char *format,
	...) __attribute__((format(printf, 6, 7)));

/* Newest last; *n is set. Borrowed until the next change. */
const struct event *state_events(const struct state *s, size_t *n);
/* Query-rate samples, oldest first, NAN for "no rate"; returns how many were written (<= max). */
size_t state_node_spark(const struct state *s, size_t node, double *out, size_t max);
size_t state_pop_spark(const struct state *s, size_t pop, double *out, size_t max);

/* Told after each change, from inside state_* calls; may not call back into the state. Any member may be NULL. */
struct state_watcher {
	void (*node_changed)(void *arg, size_t node); /* facts or verdict changed, revision was raised */
	void (*node_seen)(void *arg, size_t node);    /* polled, nothing new but its age */
	void (*event)(void *arg, const struct event *e);
	void (*reloaded)(void *arg);                  /* topology replaced: indices are void */
	void *arg;
};
void state_watch(struct state *s, const struct state_watcher *w);
/* Forgets the watchers with this arg; a watcher that is freed before the state must. */
void state_unwatch(struct state *s, const void *arg);

#endif
