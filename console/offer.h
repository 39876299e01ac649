/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_OFFER_H
#define CONSOLE_OFFER_H

#include "core/operation.h"
#include "core/plan.h"

/*
 * What a person asks for, and the plan that the backend offers for it (POST /v1/plans, GET /v1/plans/ID). An offer is
 * believed only when the bytes have the hash that came with them, are a plan, and are the plan of what was asked for:
 * the prompt then draws those bytes, and the hash that is confirmed was computed here. Pure.
 */

/* The body of POST /v1/plans. */
struct wish {
	enum op_verb verb;
	enum op_mode mode;
	size_t n_targets;
	char targets[OP_TARGETS_MAX][FLEET_NAME_MAX];
	char hold[OP_ID_SIZE]; /* undrain: only this one; "" */
	char reason[OP_REASON_SIZE], ticket[OP_TICKET_SIZE];
	enum hold_kind kind;
	int64_t lease_s; /* 0: what the backend takes when it is not told, 4 h */
	bool is_auto_undrain;
};
void wish_write(const struct wish *w, struct buf *out);
/* {"lease":"14400s"}: the body of POST /v1/ops/ID/extend. */
void wish_write_lease(int64_t lease_s, struct buf *out);

/* Could the child that would act do it? */
enum offer_actor { OFFER_CONNECTING, OFFER_READY, OFFER_CANNOT };

struct offer {
	struct operation op; /* texts cleaned for a screen */
	struct plan *plan;   /* read from the bytes; owned */
	char *bytes;         /* canonical, owned */
	size_t n_bytes;
	char hash[65];       /* computed here */
	char typed[OP_TARGETS_MAX * FLEET_NAME_MAX]; /* what a person must type */
	double expires_s;    /* seconds it had left when it was answered; 0 when it is over */
	enum offer_actor actor;
	char actor_text[OP_TEXT_SIZE];
};
/* Reads an answer; `asked` may be NULL (another's plan, looked up by its id). NULL with the reason. */
struct offer *offer_read(const struct json *object, const struct wish *asked, struct err *err);
void offer_free(struct offer *o);
/* True while it can be confirmed: not refused, expired or called off. */
bool offer_is_open(const struct offer *o);

/* An operation from the backend, with every text in it fit for a screen. */
int offer_read_operation(const struct json *object, struct operation *op, struct err *err);

/* Body of the confirmation, and of an approval. */
void offer_write_confirm(const struct offer *o, const char *typed, const char *key, struct buf *out);

/* The code of an operation that ended, for exit status and words: ERR_OK done; what refused it; CONFLICT expired;
 * FAILED undone or called off; PARTLY unconfirmed or stuck; CONFIRM while it waits for a second person. */
enum err_code offer_outcome(const struct operation *op);

#endif
