/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CHAIN_H
#define CORE_CHAIN_H

#include "core/clock.h"
#include "core/json.h"

/*
 * A chained log: one JSON object a line, each with its number, its time, the hash of the line before and its own hash.
 *   {"seq":1,"at":"2026-11-23T11:35:03.000Z","kind":"operation","by":{…},…,"prev":"<64 hex>","hash":"<64 hex>"}
 * `hash` is the SHA-256 of the line's bytes up to `,"hash":` (so of all that stands before it, prev included); `prev` of
 * the first line is 64 zeros. Pure: the backend's ledger writes it, `catchment audit verify` reads it by itself.
 */

#define CHAIN_LINE_MAX (8u << 20)

struct chain_head {
	uint64_t seq;   /* of the last record; 0: empty */
	char hash[65];  /* of the last record; zeros when empty */
	struct wall at;
};
#define CHAIN_HEAD_INIT { .seq = 0, .hash = "0000000000000000000000000000000000000000000000000000000000000000", .at = { 0 } }

/* Appends one line with its newline for the next record. `body` is the JSON of further members, without braces
 * ("\"kind\":\"note\",\"text\":…"). The head moves on only when the caller says so (chain_advance). */
void chain_write(const struct chain_head *head, struct wall at, struct slice body, struct buf *out, struct chain_head *next);

enum chain_fault {
	CHAIN_GOOD,
	CHAIN_TORN,   /* the last line has no newline, or is cut: what a crash leaves */
	CHAIN_BROKEN, /* anything else: edited, missing, inserted, out of order, time going backwards by more than a minute */
};
struct chain_verdict {
	enum chain_fault fault;
	uint64_t seq;     /* number of the first bad record (as it should be) */
	size_t line;      /* its line in the file, from 1 */
	size_t good_size; /* bytes up to the end of the last good record */
	size_t records;   /* good ones */
	struct chain_head head; /* of the last good one */
	char text[240];   /* one sentence */
};
/* Verifies a whole file. fn (may be NULL) is called with every good record: its line, and the parsed object. */
void chain_verify(struct slice file, void (*fn)(void *arg, struct slice line, const struct json *record), void *arg,
	struct chain_verdict *out);

#endif
