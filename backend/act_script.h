/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ACT_SCRIPT_H
#define BACKEND_ACT_SCRIPT_H

#include "core/driver.h"
#include "core/plan.h"

/*
 * What runs on a node when it is changed over SSH: one shell script that keeps the node's operation number, refuses
 * older ones, applies the steps in order, undoes what it did when one fails, and leaves behind a detached process that
 * undoes them after confirm_s unless told to keep (commit-confirm by the node itself). Pure: text in, text out. The only
 * place where words of a plan become shell; every one of them is quoted.
 *
 * On the node, in the folder `state` (default $CATCHMENT_STATE of the account's environment when that is an absolute path,
 * else /var/lib/catchment for root and ~/.local/state/catchment for others), the file
 * FLEET-NODE.op holds `NUMBER APPLIED STATE`: the highest number ever seen, the number that was last applied, and
 * none|pending|kept|undone|failed. It is changed under a lock (a symbolic link, made in one step), so that a late copy of
 * an order cannot run beside a newer one.
 *
 * An order that fails leaves `undone` when what it did was taken back, `failed` when not even that could be done. An undo
 * does not change APPLIED: what it took back is what was applied.
 */

enum act_order {
	ACT_CHECK,   /* changes nothing: folder and tools are there, undo text is valid (`configure check` where there is one) */
	ACT_APPLY,   /* needs number > NUMBER; equal and applied already: answers what is there, and does nothing */
	ACT_KEEP,    /* needs number == APPLIED and state pending */
	ACT_UNDO,    /* needs number > NUMBER */
	ACT_INSPECT, /* reads, and raises NUMBER to number, so that older orders that are still on their way are refused */
	ACT_ORDER_COUNT
};
const char *act_order_name(enum act_order o);

struct act_job {
	enum act_order order;
	const char *fleet, *node, *state_dir; /* state_dir NULL: the default */
	uint64_t number;
	unsigned confirm_s;   /* ACT_APPLY: 0 = no undo by itself (an undrain) */
	size_t n_steps;
	const struct step *const *steps; /* of this node and phase, in order */
};

/* Writes the script for `/bin/sh -c`. -1 when it would be longer than the transport takes. */
int act_script_write(const struct act_job *job, struct buf *out, struct err *err);

/* What the node answered. */
enum act_state { ACT_NONE, ACT_PENDING, ACT_KEPT, ACT_UNDONE, ACT_FAILED };
struct act_answer {
	bool is_done;        /* the order was carried out (or had been, by the very same number) */
	bool is_superseded;  /* the node has seen a higher number */
	uint64_t number, applied; /* as they stand on the node now */
	enum act_state state;
	char text[200];      /* what the daemon said, or why not; sanitised */
};
/* Words of both answers, the script's and the agent's. -1 for one that does not exist. */
int act_state_parse(struct slice word, enum act_state *out);
int act_result_parse(struct slice word, struct act_answer *answer); /* done, superseded, failed: sets the two truths */

/* Reads the script's standard output; -1 when it is not what the script prints. */
int act_script_read(struct slice out, struct act_answer *answer, struct err *err);

/* The same orders for an agent over HTTP: the body of POST /v1/act and its answer (docs/agent.md). */
void act_body_write(const struct act_job *job, const struct plan *plan, struct json_writer *w);
int act_body_read(const struct json *object, struct act_answer *answer, struct err *err);

#endif
