/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_ACT_FORM_H
#define CONSOLE_ACT_FORM_H

#include "console/offer.h"
#include "console/prompt.h"

/*
 * The small form before a plan: why, which ticket, for how long, in which way. Nothing is changed by it: Enter asks the
 * backend for a plan, which is shown before anything else happens. Text may be pasted here.
 */
enum act_field {
	ACT_FIELD_REASON,
	ACT_FIELD_TICKET,
	ACT_FIELD_LEASE,
	ACT_FIELD_END,  /* what happens when the lease runs out */
	ACT_FIELD_MODE,
	ACT_FIELD_KIND,
	ACT_FIELD_HOLD, /* undrain: which hold */
	ACT_FIELD_COUNT
};

#define ACT_FORM_HOLDS 16

struct act_form {
	enum act_field fields[ACT_FIELD_COUNT]; /* in the order shown */
	size_t n_fields, at;
	struct prompt text[ACT_FIELD_COUNT]; /* of those that are typed */
	size_t choice[ACT_FIELD_COUNT];      /* of those that are chosen */
	struct hold holds[ACT_FORM_HOLDS];   /* to choose from; choice 0 leaves it to the backend */
	size_t n_holds;
	bool needs_reason;
	char hint[160]; /* what is wrong with what was entered; "" */
};

enum act_form_result { ACT_FORM_STAYS, ACT_FORM_PLANS, ACT_FORM_LEAVES };

/* A drain, with mode and kind as they are preset; the hold's kind first where a hold is what is wanted. */
void act_form_drain(struct act_form *f, enum op_mode mode, bool is_hold);
/* An undrain of PoPs that have these holds. */
void act_form_undrain(struct act_form *f, const struct hold *holds, size_t n);
/* A new lease. */
void act_form_extend(struct act_form *f);
enum act_form_result act_form_key(struct act_form *f, const struct key *k);
/* Reads the fields into a wish; -1 with what is wrong in the hint. */
int act_form_read(struct act_form *f, struct wish *w);

const char *act_form_label(enum act_field f);
/* The value of a chosen field; of a typed one its text. */
void act_form_value(const struct act_form *f, enum act_field field, char *out, size_t size);
bool act_form_is_typed(enum act_field f);

#endif
