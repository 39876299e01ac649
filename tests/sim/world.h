/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "backend/engine.h"
#include "backend/state.h"

/*
 * A world for one seed: the real engine, gates, planner, ledger and state, and around them a clock, a disk, actors, nodes
 * and people that are made up, and fail in the ways that the seed chooses. One thread, one queue of events in virtual
 * time, one source of chance: the same seed is the same story, byte for byte.
 */

#define POPS_MAX     5
#define NODES_MAX    10
#define PREFIXES_MAX 3  /* two of one service, IPv4 and IPv6; one of another */
#define SERVICES_MAX 2
#define HELPERS_MAX  3  /* two vantages and a witness */
#define STEPS_NODE   12 /* of one node in one order */
#define STEPS_SIM    80
#define ACTORS_SIM   64
#define OPS_SIM      96
#define PEOPLE       6
#define STALE_MS     20000 /* three polls, their own time, and the turn: so long an outage may be unknown to anybody */

/* What the world itself does wrong on purpose, to show that the oracles can fail. */
enum flaw {
	FLAW_NONE,
	FLAW_NODE_TAKES_ALL,   /* nodes take orders whatever their number */
	FLAW_NO_FENCE,         /* reading a node does not raise its number */
	FLAW_DISK_LIES,        /* a sync that returned is lost in a crash */
	FLAW_SILENCE_IS_DONE,  /* actors report silent nodes as done */
	FLAW_NO_DEAD_MAN,      /* nodes do not undo by themselves */
	FLAW_DEAD_MAN_LIVES,   /* nodes undo by themselves what was kept */
	FLAW_OLD_FACTS,        /* polls bring what was true at the beginning */
	FLAW_ACTOR_IMPROVISES, /* the actor applies another plan than the confirmed one */
	FLAW_ACTS_UNASKED,     /* somebody orders a withdrawal without a person */
	FLAW_LEDGER_ROTS,      /* a byte of the ledger changes on disk */
	/* rules of the backend that are left out: its own code, with one answer changed (wraps.c) or one thing not told */
	FLAW_ONE_PERSON,       /* that two accounts are one person's is not known */
	FLAW_NO_APPROVAL,      /* that a policy wants a second person is not known */
	FLAW_SICK_RETURNS,     /* an undrain does not ask whether the nodes are well */
	FLAW_LEASE_UNASKED,    /* every lease undrains, asked to or not */
	FLAW_ONE_HOLD,         /* of several holds on a PoP one is seen */
	FLAW_ONE_PREFIX,       /* the gates count one prefix, whatever else is announced */
	FLAW_NO_REGION,        /* they do not look at regions */
	FLAW_NO_BUDGET,        /* nor at how many PoPs are drained */
	FLAW_NO_AGE,           /* for them facts do not grow old */
	FLAW_ONE_SOURCE,       /* the node's own word is evidence enough */
	FLAW_VERDICTS_STAY,    /* nobody looks at a verdict again when its facts grow old */
	FLAW_COUNT
};
const char *flaw_name(enum flaw f);

struct chance {
	uint64_t s;
};
uint64_t chance_next(struct chance *c);
/* 0 … n-1 */
size_t chance_below(struct chance *c, size_t n);
/* true n times in a thousand */
bool chance_mille(struct chance *c, unsigned n);
int64_t chance_ms(struct chance *c, int64_t from, int64_t to);

/* One service prefix on one node. */
struct sim_wire {
	enum announced is, lie;  /* what it does; what it says when it lies (else UNKNOWN) */
	enum announced before;   /* what its dead-man restores */
	bool is_by_hand;         /* withdrawn by a person, whatever was ordered */
	bool is_kept_away;       /* it was told to stay withdrawn, and nobody told it otherwise */
	int64_t changed, served; /* when it last became another; when clients were last served by it */
};

struct sim_node {
	size_t pop;
	struct sim_wire wires[PREFIXES_MAX]; /* of those that its PoP carries; others stay withdrawn */
	uint64_t number, applied;
	enum act_state state;
	bool has_dead_man;
	unsigned dead_man;        /* which of its dead-men is meant: older ones that wake find another number */
	bool is_dead;             /* answers nobody, and its routes are gone */
	bool is_hole, lies_well;  /* announces and answers no client; and says that it is well */
	int64_t ill_since;        /* since when it is a hole or dead, when it is */
	bool lies_rate;           /* says that nobody asks, while it lies about its wire */
	int64_t hole_over;        /* when it last was one */
	int64_t away_until;       /* cannot be reached by us before */
	bool is_abandoned;        /* lost its dead-man with the change: only the backend can help */
};

struct sim_step {
	size_t node, target, phase, prefix;
	enum announced apply, undo;
};

struct sim_order {
	char op[OP_ID_SIZE];
	enum act_order order;
	size_t node, phase;
	uint64_t number;
	unsigned confirm_s;
	size_t n_steps;
	struct sim_step steps[STEPS_NODE]; /* of this node, in the order of work */
	unsigned actor;           /* whose order; its answers go nowhere when it has ended */
};

struct sim_actor {
	char op[OP_ID_SIZE];
	unsigned serial;          /* 0: free */
	size_t n_steps;
	struct sim_step steps[STEPS_SIM];
	/* the order under way */
	bool is_busy;
	enum act_order order;
	uint64_t number;
	char pop[FLEET_NAME_MAX];
	size_t n_nodes;
	size_t nodes[NODES_MAX];
	bool has_answered[NODES_MAX];
	struct actor_node_result results[NODES_MAX];
};

/* What people and oracles remember of an operation. */
struct sim_op {
	char id[OP_ID_SIZE], hash[65];
	enum op_verb verb;
	enum op_state state;
	size_t by;
	bool is_confirmed, is_accepted, was_undoing;
	bool is_amber, is_approved; /* a gate of its plan warns; another person approved it */
	bool is_auto_undrain;     /* its hold was asked to end with its lease */
	char key[24];
};

/* An account of the made-up world. */
struct person {
	const char *name;
	unsigned roles; /* bits 1u << CONF_OPERATOR … */
	size_t human;   /* who it is: two accounts may be one person's */
};

enum event_kind {
	EV_POLL, EV_FACTS, EV_TURN, EV_CHECKED, EV_DELIVER, EV_REPLY, EV_ORDER_OVER, EV_ACTOR_DIES, EV_DEAD_MAN, EV_PERSON, EV_NODE_FAULT,
	EV_RESTART, EV_CRASH, EV_HEAL
};
struct sim_event {
	int64_t at;    /* ns */
	uint64_t seq;
	enum event_kind kind;
	size_t a;
	uint64_t b;
	struct sim_order *order;
	struct act_answer answer;
	enum err_code code;
	struct report *report;
};

/* How often things go wrong in this seed, in a thousand; 0 while it is healed. */
struct rates {
	unsigned order_lost, order_late, order_twice, reply_lost, step_fails, says_not_does, actor_dies, crash, disk_fails, poll_lost,
		poll_late, hole, by_hand;
};

struct world {
	uint64_t seed;
	enum flaw flaw;
	bool is_traced;
	uint64_t hash;            /* of the trace */
	struct chance chance;
	int64_t now, heal_at, end_at; /* ns */
	int64_t wall_ahead;       /* ns that the wall clock is ahead */
	struct rates rates, all_rates;
	bool is_healed, is_forsaken; /* faults are over; the backend never comes back */
	/* the fleet as declared */
	size_t n_pops, n_nodes, n_vantages, n_witnesses, per_pop, n_prefixes, n_services;
	bool carries[POPS_MAX][PREFIXES_MAX]; /* which PoP announces which prefix, as a rule */
	size_t regions[POPS_MAX];
	bool is_witnessed[POPS_MAX];          /* its nodes have a session with the witness */
	bool is_empty_hole[POPS_MAX];         /* it was drained as one that served nobody */
	struct policy policies[SERVICES_MAX];
	struct sim_node nodes[NODES_MAX];
	int64_t helper_away[HELPERS_MAX];       /* a vantage or a witness cannot be reached before */
	int64_t polls[NODES_MAX + HELPERS_MAX]; /* when the poll under way was asked for; 0: none */
	/* events */
	size_t n_events, cap_events;
	struct sim_event *events;
	uint64_t seq;
	/* the disk */
	struct buf disk;
	size_t synced, promised;  /* bytes safe; bytes of which the ledger was told that they are */
	/* the backend */
	bool is_up, is_crashing;
	struct state *state;
	struct ledger *ledger;
	struct engine *engine;
	int64_t turn_at;          /* when the next turn is queued; 0: none */
	unsigned n_late;          /* turns in a row that left a deadline behind */
	unsigned serial;
	struct sim_actor actors[ACTORS_SIM];
	size_t n_ops;
	struct sim_op ops[OPS_SIM];
	uint64_t top[POPS_MAX];   /* highest number that was ever sent to a PoP */
	/* what the story was about */
	size_t n_sent, n_done, n_undone, n_crashes, n_refused, n_steps, n_approved, n_by_lease, n_released, n_holes;
	/* what went wrong: the first broken promise */
	char broken[512];
};

struct world *world_new(uint64_t seed, enum flaw flaw, bool is_traced);
void world_free(struct world *w);
/* Lives the story to its end; 0, or -1 with w->broken. */
int world_run(struct world *w);

/* A line of the trace; also what the hash of a seed is made of. */
void say(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The promise `which` (I1 … I10, liveness) is broken; only the first counts. */
void broken(struct world *w, const char *which, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct sim_event *world_after(struct world *w, int64_t ms, enum event_kind kind, size_t a);
bool world_crashes_here(struct world *w);
void world_wake(struct world *w); /* facts came in */
const char *pop_name(size_t pop);
size_t pop_of_name(const struct world *w, const char *name);
size_t node_of_name(const struct world *w, const char *name);
const char *node_name(const struct world *w, size_t node, char out[8]);
extern const char *const prefix_texts[PREFIXES_MAX];
size_t service_of(size_t prefix);
size_t helpers(const struct world *w); /* vantages and witnesses */
/* What others see of it: nothing when a person withdrew it. */
enum announced wire_is(const struct sim_node *n, size_t prefix);
bool node_serves(const struct sim_node *n, size_t prefix);
/* Does the PoP truly announce the prefix, and answer? */
bool pop_is_up(const struct world *w, size_t pop, size_t prefix);
/* Truly so, or so until shortly: nobody can know yet. */
bool pop_was_hole(const struct world *w, size_t pop);
/* Who answers a vantage that asks for the prefix; SIZE_MAX: nobody. */
size_t nearest(const struct world *w, size_t vantage, size_t prefix);
/* To be called before anything of a node changes that clients feel. */
void note_service(const struct world *w, struct sim_node *n);

/* nodes.c: what nodes and actors do */
struct report *node_says(const struct world *w, size_t i);
void node_event(struct world *w, struct sim_event *e);
void node_trouble(struct world *w);
void actors_forget(struct world *w);
struct actor_port actors_port(struct world *w);

/* people.c */
extern const struct person people[PEOPLE];
struct account person_account(size_t who);
size_t person_find(const char *name);
void people_act(struct world *w);
/* Settles by hand what waits for a person, and brings every PoP back: 0 when there is nothing left to do. */
int people_tidy_up(struct world *w);

/* wraps.c: whose story is being told, for calls of the backend that are listened to and that a flaw changes */
void wraps_set(struct world *w);

/* oracle.c: called after every event, and where the name says */
void oracle_look(struct world *w);
void oracle_told(struct world *w, const struct operation *op);
void oracle_order(struct world *w, const struct sim_actor *a, enum act_order order, const char *pop, size_t phase, uint64_t number);
void oracle_plan(struct world *w, const char *op, struct slice plan);
void oracle_disk(struct world *w);
/* The gates have judged this. */
void oracle_gates(struct world *w, const struct gate_input *in, const struct gate_result *results, size_t n);
/* Once a second, when the state has looked at its ages. */
void oracle_ages(struct world *w);
void oracle_end(struct world *w);
struct sim_op *op_find(struct world *w, const char *id);

#endif
