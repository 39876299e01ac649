/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/driver.h"
#include "core/gate.h"
#include "core/operation.h"

/*
 * A plan: closed targets, the exact steps of every node with their undo, what the gates said, what will move where. Its
 * canonical bytes are made once, by the backend's planner; the prompt draws those bytes, the hash is over those bytes,
 * and the actor applies what stands in those bytes.
 */

#define PLAN_VERSION   1
#define PLAN_LIFE_MS   120000
#define PLAN_BYTES_MAX (4u << 20)
#define PLAN_NOTES_MAX 16

/* One PoP that will receive what leaves. */
struct plan_receiver {
	char pop[FLEET_NAME_MAX];
	double qps_before, qps_after, capacity_qps; /* NAN unknown */
};

/* One service prefix: how many PoPs announce it now and after. */
struct plan_prefix {
	struct prefix prefix;
	char service[FLEET_NAME_MAX];
	size_t announced, after, min_pops;
	size_t region_after, min_region; /* in the target's region, the least of all targets */
};

struct plan_step {
	char node[FLEET_NAME_MAX];
	size_t target, phase;
	struct step step; /* driver.h: what, apply, undo, keep */
};

struct plan {
	struct arena *arena; /* owns all strings and arrays */
	char id[OP_ID_SIZE];
	char fleet[64], environment[32];
	enum op_verb verb;
	enum op_mode mode;
	size_t n_targets;
	const char *targets[OP_TARGETS_MAX]; /* PoPs, closed list, in the order of work */
	const char *hold;                    /* undrain: the one hold to release, or NULL: the caller's, see planner.h */
	const char *by, *reason, *ticket, *kind;
	int64_t lease_s;
	bool is_auto_undrain;
	struct wall created, expires;
	size_t n_prefixes;
	struct plan_prefix *prefixes;
	double qps_moved;       /* NAN unknown */
	double share_moved;     /* 0..1 of the fleet's rate, NAN unknown */
	size_t n_receivers;
	struct plan_receiver *receivers;
	const char *next_loss;  /* what the loss of the largest remaining PoP would then do, a sentence */
	const char *undo_text;  /* how it is taken back, and how long that takes */
	size_t n_gates;
	struct gate_result *gates;
	enum gate_level worst;
	size_t n_steps;
	struct plan_step *steps;
	size_t n_notes;
	const char *notes[PLAN_NOTES_MAX]; /* what the operator should know: "FRR: a restart of bgpd undrains" */
	size_t n_basis;
	const char **basis; /* what the plan rests on, one fact a line, sorted: "session fra1 transit1_v4 Established" */
};

struct plan *plan_new(void);
void plan_free(struct plan *p);

/* Canonical bytes: JSON with one order of keys and no blanks. The same plan gives the same bytes. */
void plan_write(const struct plan *p, struct buf *out);
/* SHA-256 of the bytes, as hexadecimal digits. */
void plan_hash(struct slice bytes, char out[65]);
/* Reads canonical bytes; bounded, typed; NULL with the reason. */
struct plan *plan_read(struct slice bytes, struct err *err);

/* The first differences between what two plans rest on, as sentences ("session fra1 transit1_v4: was Established, is
 * Active"); 0 when they rest on the same facts. Volatile numbers (rates, ages) are no part of it. */
size_t plan_compare_basis(const struct plan *was, const struct plan *is, struct reasons *out);

/* The gate whose refusal is told first: who may not and what is locked come before all, then data that are too old, since
 * they are why others refuse. NULL when none refuses. */
const struct gate_result *plan_refusal(const struct plan *p);

/* What a person must type to confirm: the names of the PoPs, blank-separated, for a drain; "yes" for an undrain. */
void plan_typed_text(const struct plan *p, char *out, size_t size);

#endif
