/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_LEDGER_H
#define BACKEND_LEDGER_H

#include "core/chain.h"
#include "core/operation.h"

/*
 * The ledger: one append-only file of chained records (core/chain.h) that is both the write-ahead log of acting and the
 * audit log. Nothing is done before its record is on disk (fsync returned 0), and what stands in the file is the whole
 * truth about operations, holds and numbers: at the start it is folded into the lists below. One log, so that intent and
 * audit cannot disagree.
 *
 * After a write or sync that failed the ledger is poisoned: it takes no more records, and acting is refused, until the
 * backend is started again and the file read anew (a failed fsync may have lost pages: never retry and assume). A record
 * torn at the end of the file is cut off and said; damage in the middle opens the ledger read-only. Viewing goes on.
 */
struct ledger;

/* The disk as the ledger needs it; the real one is ledger_disk_open, the simulator brings its own. */
struct ledger_disk {
	/* Appends all the bytes and syncs them; -1 with the reason: what is on disk is then not known. */
	int (*append)(void *arg, struct slice bytes, struct err *err);
	/* Reads the whole file into out (ceiling given by the caller's buf). */
	int (*read)(void *arg, struct buf *out, struct err *err);
	/* Cuts the file to `size` bytes and syncs: only for a torn tail, before anything else. */
	int (*cut)(void *arg, size_t size, struct err *err);
	/* Is the file still the one we opened, and as long as what we wrote? -1 when it was moved, cut or written by others. */
	int (*check)(void *arg, struct err *err);
	void (*close)(void *arg);
	void *arg;
	/* Reads up to `size` bytes from `offset` on into out. May be NULL: the whole file is read then. */
	int (*read_part)(void *arg, size_t offset, size_t size, struct buf *out, struct err *err);
};
/* DIR/ledger.jsonl, made 0600 with its folder synced where it is missing; opened O_APPEND|O_NOFOLLOW, ours alone. */
int ledger_disk_open(const char *dir, struct ledger_disk *out, struct err *err);

/* Reads and verifies everything, folds it. Takes the disk. `notes` gets sentences worth telling (a torn tail was cut).
 * Never NULL: a file that is damaged gives a ledger that is read-only, with the reason in `err`. */
struct ledger *ledger_open(const struct ledger_disk *disk, struct wall now, struct reasons *notes, struct err *err);
void ledger_close(struct ledger *l);

/* 0 when records can be written, else -1 with the sentence why acting is refused. */
int ledger_check(const struct ledger *l, struct err *err);

/* Who caused a record. */
struct ledger_actor {
	const char *account, *role, *method, *peer; /* "alice", "operator", "uid", "uid 1000" */
};

/* Each appends one record and syncs it; only then do the lists below change. -1: nothing changed. */
/* An operation and a hold in ONE record, so that a crash cannot fall between (a drain's intent, an undrain's end).
 * hold may be NULL. */
int ledger_put_both(struct ledger *l, const struct operation *op, const char *event, const struct hold *h, bool hold_is_over,
	const struct ledger_actor *by, struct wall now, struct err *err);
/* Adds or replaces a hold (same id); with is_over the hold is gone. */
int ledger_put_hold(struct ledger *l, const struct hold *h, bool is_over, const struct ledger_actor *by, struct wall now,
	struct err *err);
/* Something worth recording that changes no list: a refused request, a start, a clock that jumped. */
int ledger_note(struct ledger *l, const char *kind, const char *text, const struct ledger_actor *by, struct wall now,
	struct err *err);
/* What the records say now. Borrowed until the next put. Operations: all that are not final, and the newest
 * LEDGER_KEEP of those that are, oldest first. */
#define LEDGER_KEEP 1000
const struct operation *ledger_operations(const struct ledger *l, size_t *n);
const struct operation *ledger_find_operation(const struct ledger *l, const char *id);
/* By idempotency key of an account, kept 24 h. */
const struct operation *ledger_find_key(const struct ledger *l, const char *account, const char *key, struct wall now);
const struct hold *ledger_holds(const struct ledger *l, size_t *n);
const struct hold *ledger_find_hold(const struct ledger *l, const char *id);
/* The highest number ever written for a PoP; 0: none. */
uint64_t ledger_number(const struct ledger *l, const char *pop);
/* When the newest drill of a PoP ended: a drain and the undrain after it, both done and measured to be so (accepted by a
 * person is not measured). Zero: none is on record. */
struct wall ledger_drilled(const struct ledger *l, const char *pop);

/* Head of the chain: what a witness outside may keep. */
void ledger_head(const struct ledger *l, struct chain_head *out);
/* Calls fn with each record's line (without its newline) from seq `from` on, oldest first, at most max; returns how
 * many, -1 when the file cannot be read. Of a file that was found damaged at the start every line, also those that are
 * wrong: to leave them out would make the rest look whole. */
int ledger_each(const struct ledger *l, uint64_t from, size_t max, void (*fn)(void *arg, struct slice line), void *arg,
	struct err *err);

#endif
