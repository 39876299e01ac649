/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_FEED_H
#define BACKEND_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/state.h"

/*
 * What the streams carry: one ring of Server-Sent Events that is encoded once for all readers, and a cursor per reader.
 * No sockets and no clock of its own: api.c asks it to flush and moves the bytes.
 *
 * Events: `change` (wire_write_change), `seen` (wire_write_seen), `event` (wire_write_event), `op` (an operation whole,
 * as in GET /v1/ops), `resync`
 * ({"revision": N}: fetch a new snapshot). The `id:` of each is the revision up to which its reader has seen every
 * change; it may be behind the `revision` in the data of a change, so resume from the id.
 */
struct feed;

#define FEED_ENTRIES_MAX 4096
#define FEED_BYTES_MAX   (8u << 20)
/* A message says ages as of its encoding; a reader this far behind is sent to a fresh snapshot instead. */
#define FEED_LAG_MS      5000
/* A reader that resumes gets at most so many nodes anew; beyond, a snapshot is cheaper. */
#define FEED_RESUME_MAX  256

/* Watches the state, which must outlive the feed. */
struct feed *feed_new(struct state *s);
void feed_free(struct feed *f);

/* Nodes changed, or events came, since the last feed_flush_changes: a flush is due. */
bool feed_is_due(const struct feed *f);
/* Called (from inside a state_* call) when feed_is_due becomes true; may only arm a timer. */
void feed_on_due(struct feed *f, void (*fn)(void *arg), void *arg);

/* Each appends what there is to the ring; true when something was appended. With no readers nothing is encoded but
 * timeline events: who comes later gets the present state anyway. */
bool feed_flush_changes(struct feed *f, bool has_readers, struct mono now);
bool feed_flush_seen(struct feed *f, bool has_readers, struct mono now);
bool feed_heartbeat(struct feed *f, struct mono now);

/* Operations: told by id, encoded once at the next flush by `write`, which says false for one that is gone. A reader
 * that resumes reads GET /v1/ops again. */
void feed_set_operations(struct feed *f, bool (*write)(void *arg, const char *id, struct json_writer *w), void *arg);
void feed_tell_operation(struct feed *f, const char *id);

/* One reader's place. Zero-initialise, then feed_start; feed_leave frees what it holds. */
struct feed_cursor {
	uint64_t seq;    /* next entry to read */
	struct buf own;  /* bytes for this reader alone: the start, a resync, the rest of a cut entry */
	size_t own_read;
	size_t resyncs;  /* how many it was sent */
};
/* Starts at the present, or resumes after revision `from` when has_from is set: with the changed nodes anew, or with a
 * resync if that cannot be said. */
void feed_start(struct feed *f, struct feed_cursor *c, bool has_from, uint64_t from, struct mono now);
/* Copies what is next for this reader, at most max bytes; 0 when it has everything. */
size_t feed_read(struct feed *f, struct feed_cursor *c, char *out, size_t max, struct mono now);
/* True if feed_read would give something. */
bool feed_has_more(const struct feed *f, const struct feed_cursor *c);
void feed_leave(struct feed_cursor *c);

struct feed_stats {
	uint64_t changes, seen, events, resyncs; /* messages encoded; resyncs: readers sent to a snapshot */
	size_t entries, bytes;                   /* in the ring now */
};
struct feed_stats feed_stats(const struct feed *f);

#endif
