/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "core/operation.h"

/*
 * Gates: pure checks of fresh state, each with a name and a sentence (SAFETY model B2). A drain needs every one of them
 * to pass or to warn; what is not known refuses. They run when planning, again after the confirmation on re-read state,
 * and again between phases and PoPs. No I/O, no clock.
 */

enum gate {
#define GATE(code, name, verbs, text) GATE_##code,
#include "core/gates.def"
#undef GATE
	GATE_COUNT
};

enum gate_level { GATE_PASS, GATE_WARN, GATE_REFUSE };
const char *gate_name(enum gate g);
const char *gate_text(enum gate g);
const char *gate_level_name(enum gate_level l); /* "pass", "warn", "refuse" */
int gate_parse(const char *name, enum gate *out);
int gate_level_parse(const char *name, enum gate_level *out);
/* True when the gate judges this verb. */
bool gate_judges(enum gate g, enum op_verb verb);

struct gate_result {
	enum gate gate;
	enum gate_level level;
	enum err_code code;  /* of a refusal: REFUSED, CONFLICT (lock), PERMISSION (scope) or STALE (fresh data, quorum); else OK */
	char text[OP_TEXT_SIZE]; /* a sentence with the value and the limit */
};

/* What is known beside the fleet. */
struct gate_op {             /* an operation that is open, or was begun within the last hour */
	const char *id;
	const char *pop;
	enum op_verb verb;
	bool is_open;
	double age_s;        /* since it was begun */
};
struct gate_scope {
	const char *who;
	bool may_act;            /* operator, and these PoPs are in scope */
	const char *why_not;     /* a sentence, when not */
};
struct gate_plan_step {      /* what the steps touch */
	const char *node;
	bool is_understood;      /* false: the driver could not say how; `text` says why */
	const char *text;
	size_t n_other;          /* prefixes that are no service prefixes and would be withdrawn too */
	const char *other;       /* the first of them, as text */
};

struct gate_input {
	const struct fleet *fleet; /* with holds and intents on its PoPs */
	enum op_verb verb;
	enum op_mode mode;
	size_t n_targets;
	const size_t *targets;   /* indices into fleet.pops; those not done yet */
	const char *own_op;      /* this operation's id: its own intent does not count against it */
	size_t n_ops;
	const struct gate_op *ops;
	const struct gate_scope *scope;
	size_t n_steps;
	const struct gate_plan_step *steps;
	const double *peak_qps;  /* per PoP: the higher of now and the same hour last week; NAN unknown; NULL: only now */
	const double *drill_age_s; /* per PoP: since it was last drained and came back, both measured; NAN never; NULL: not known */
	enum tri actor;          /* could it act? UNKNOWN: still connecting, which passes only while planning */
	const char *actor_text;
	bool is_planning;        /* false: after the confirmation, where everything must be known */
	int64_t hold_pop_count;  /* undrain: other holds that remain on the targets */
	const char *held_by;     /* their owners, "bob, carol"; NULL when there are none */
	struct mono now;
	struct wall wall;        /* for what ends by the calendar: signatures */
};

/* Judges all gates of the verb into out (room for GATE_COUNT); returns how many. *worst is the worst level. */
size_t gate_judge(const struct gate_input *in, struct gate_result *out, enum gate_level *worst);

/* Counts for one prefix, as a change must see them: a PoP counts as announcing only when that is known, fresh, answering,
 * and neither held nor under an open operation (unknown counts as down). */
struct gate_count {
	size_t up;      /* PoPs that count */
	size_t up_region; /* of those, in the region given */
};
struct gate_count gate_count_up(const struct gate_input *in, size_t prefix, const char *region, bool without_targets);
/* Does this PoP count? And in a few words why it does not: "held by bob". */
bool gate_pop_counts(const struct gate_input *in, size_t pop, size_t prefix);
void gate_why_not(const struct gate_input *in, size_t pop, size_t prefix, char *why, size_t size);
/* True when a target may have this prefix on its wire: a drain then takes it away. */
bool gate_prefix_is_touched(const struct gate_input *in, size_t prefix);
/* Are facts of this plane as young as a change needs them: three polls, 30 s at most? */
bool gate_is_fresh(const struct gate_input *in, const struct node *n, enum plane_name plane);
/* Known, fresh, and answering by every method that says something. */
bool gate_node_answers(const struct gate_input *in, const struct node *n);
#define GATE_FRESH_MAX_MS 30000

#endif
