/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_OPERATION_H
#define CORE_OPERATION_H

#include "core/buf.h"
#include "core/fleet.h"
#include "core/json.h"

/*
 * An operation: a plan that was confirmed, on its way through states (core/operation.def), and the pure function that
 * takes it there. The backend's engine owns operations and performs the effects; the ledger keeps every record; API and
 * console read the same JSON. Nothing here does I/O or reads a clock.
 */

enum op_state {
#define OP_STATE(code, word, is_final, text) OP_##code,
#include "core/operation.def"
	OP_STATE_COUNT
};

enum op_event {
#define OP_EVENT(code, word, text) OP_EVENT_##code,
#include "core/operation.def"
	OP_EVENT_COUNT
};

enum op_effect {
#define OP_EFFECT(code, text) OP_DO_##code,
#include "core/operation.def"
	OP_EFFECT_COUNT
};

const char *op_state_name(enum op_state s);
const char *op_state_text(enum op_state s);
bool op_state_is_final(enum op_state s);
/* OP_STATE_COUNT for an unknown word. */
enum op_state op_state_parse(const char *word);
const char *op_event_name(enum op_event e);
const char *op_effect_name(enum op_effect e);
/* True from the moment that the intent is on disk until it is known what came of it: such an operation counts its PoPs
 * as down (a drain), and nobody else may change them. */
bool op_state_is_open(enum op_state s);

#define OP_EFFECTS_MAX 8
struct op_outcome {
	enum op_state next;
	size_t n;
	enum op_effect effects[OP_EFFECTS_MAX]; /* to be performed in this order */
};
/* Looks the row up. 0, or -1 when the event means nothing in that state: it is then ignored, whoever sent it. */
int operation_step(enum op_state state, enum op_event event, struct op_outcome *out);

enum op_verb { OP_DRAIN, OP_UNDRAIN };
enum op_mode { OP_WITHDRAW, OP_PREFER_AWAY }; /* prefer-away: less attractive first, withdrawn when the rate has fallen */
const char *op_verb_name(enum op_verb v); /* "drain", "undrain": rows of the command table */
const char *op_mode_name(enum op_mode m); /* "withdraw", "prefer-away" */
int op_verb_parse(const char *word, enum op_verb *out);
int op_mode_parse(const char *word, enum op_mode *out);

/* How many phases a plan has, and what each wants on the wire of its PoPs (ANNOUNCED_YES, _PREFER_AWAY, _WITHDRAWN). */
size_t op_phases(enum op_verb verb, enum op_mode mode);
enum announced op_phase_goal(enum op_verb verb, enum op_mode mode, size_t phase);

enum step_state {
	STEP_PENDING,
	STEP_SENT,    /* told to the actor; what came of it is not known yet */
	STEP_APPLIED, /* the node said so */
	STEP_KEPT,    /* and cancelled its own undo */
	STEP_FAILED,
	STEP_UNDONE,
	STEP_UNKNOWN, /* lost */
	STEP_STATE_COUNT
};
const char *step_state_name(enum step_state s);

#define OP_ID_SIZE      17  /* 16 hexadecimal digits */
#define OP_TEXT_SIZE    240
#define OP_REASON_SIZE  201
#define OP_TICKET_SIZE  65
#define OP_NAME_SIZE    65  /* of an account */
#define OP_TARGETS_MAX  16
#define OP_STEPS_MAX    2048

/* One step of one node: what is done there in one phase. The commands stand in the plan. */
struct op_step {
	char node[FLEET_NAME_MAX];
	size_t target, phase;
	char what[160]; /* "disable static protocol anycast4 (192.0.2.0/24)" */
	enum step_state state;
	char evidence[200]; /* what the node said, sanitised; "" = nothing yet */
};

/* The four ways in which a drain (or its end) is seen; every one that applies must say yes. */
enum op_check { OP_CHECK_WIRE, OP_CHECK_WITNESS, OP_CHECK_RATE, OP_CHECK_ANSWER, OP_CHECK_COUNT };
const char *op_check_name(enum op_check c); /* "wire", "witness", "rate", "answer" */
struct op_evidence {
	bool applies;   /* false: there is nobody to ask, which is said and does not count against */
	enum tri agrees;
	char text[OP_TEXT_SIZE]; /* "t1 has no path from fra1 for 192.0.2.0/24" */
};

struct op_target {
	char pop[FLEET_NAME_MAX];
	uint64_t number;     /* newest operation number that was written for this PoP; 0: none yet */
	uint64_t apply_number; /* the number that its last apply carried; 0: none was sent */
	char hold[OP_ID_SIZE]; /* the hold it adds (drain) or releases (undrain) */
	double qps_before;   /* NAN unknown */
	struct op_evidence checks[OP_CHECK_COUNT];
	/* seconds from apply, NAN: not seen */
	double control_s;         /* the last prefix left (or entered) the node's wire */
	double first_elsewhere_s; /* first outside answer from another PoP (undrain: from this one) */
	double last_here_s;       /* last outside answer from this PoP (undrain: from another) */
	int64_t lost_probes;      /* outside questions without an answer since, -1 unknown */
	bool is_done;
};

struct operation {
	char id[OP_ID_SIZE]; /* of the plan and of the operation: one thing */
	enum op_verb verb;
	enum op_mode mode;
	enum op_state state;
	size_t n_targets, target; /* target: the one being worked on */
	struct op_target targets[OP_TARGETS_MAX];
	size_t phase;
	size_t n_steps;
	struct op_step *steps; /* owned */
	char *plan;            /* canonical bytes (core/plan.h), owned; NULL in a brief copy */
	char hash[65];
	char by[OP_NAME_SIZE], approver[OP_NAME_SIZE]; /* accounts; approver "" = none */
	char reason[OP_REASON_SIZE], ticket[OP_TICKET_SIZE], kind[16]; /* kind of the hold */
	int64_t lease_s;       /* 0: none */
	bool is_auto_undrain;
	bool needs_approval;
	bool is_undoing;       /* on its way back, also while UNKNOWN */
	char key[65], body_hash[65]; /* idempotency key of the confirm and the hash of its body; "" = not confirmed */
	struct wall created, started, ended; /* zero: not yet */
	unsigned tries;        /* undoing or reading nodes anew that did not answer, so often */
	struct wall next_try;  /* when they are asked again; zero: they are being asked, or need not be */
	enum err_code code;      /* why it ended badly: REFUSED, CONFLICT, STALE …; ERR_OK otherwise */
	char text[OP_TEXT_SIZE]; /* one sentence about the present state */
};

/* What is so of the PoPs beside the one it is at: those it has finished stay as they were brought, under their holds, and
 * those behind it were not begun. One sentence that names `most` of them at most and says how they are brought back; ""
 * with one PoP, or when there is nothing to say. */
void operation_tell_rest(const struct operation *op, size_t most, struct buf *out);

void operation_done(struct operation *op);
void operation_copy(struct operation *to, const struct operation *from);

/* `get ops` of PRODUCT.md section 6 and more; with_plan adds the plan's bytes as a string, for the ledger. */
void operation_write_json(const struct operation *op, bool with_plan, struct json_writer *w);
/* Reads what operation_write_json wrote; everything bounded and checked. */
int operation_read_json(const struct json *object, struct operation *op, struct err *err);

#endif
