/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol of operations, for spin: operators, the engine that walks core/operation.def, its record on disk, the
 * actors' orders, and the nodes with their operation numbers and dead-men. tests/model/check makes table.pml from the
 * table, compiles this once for each of its worlds, searches every state, and then sees to it that every mutant is caught.
 *
 * One process: each option of the loop is one thing that happens, in any order. What makes it hostile:
 * - An order, once sent, may reach its node at any later time, more than once, or never. Only its answer needs the actor.
 * - A node's dead-man may fire whenever a change is pending. A node may restart and lose it.
 * - The backend may crash between any two effects of a row; what was not recorded is then forgotten. It may never return.
 * - A record may fail; then it is on disk or it is not, and nothing is recorded any more until a restart.
 * - What is counted is what the polls since the confirmation said, each at its own moment.
 * - A node may say that it changed while its wire did not.
 * How often each happens is bounded (ACTS, CANCELS, FAULTS, CRASHES, DISK_FAULTS, HANDS), so that every run ends.
 * What is not here: approvals, leases and operations over several PoPs, which people.pml is about; witnesses, the contents of
 * gates other than lock, announce count and freshness. Time is only order: a deadline passes where an
 * answer cannot come any more, or may just as well not come.
 */

#ifndef POPS
#define POPS 3
#endif
#ifndef NODES                 /* of each PoP */
#define NODES 1
#endif
#ifndef FLOOR                 /* PoPs that must go on announcing */
#define FLOOR 2
#endif
#ifndef ACTS
#define ACTS 3
#endif
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef DISK_FAULTS
#define DISK_FAULTS 0
#endif
#ifndef HANDS                 /* PoPs that a person withdraws by hand */
#define HANDS 0
#endif
#ifndef PREFER                /* 1: drains may go by prefer-away first */
#define PREFER 0
#endif
#ifndef ALONE                 /* 1: one operator at a time */
#define ALONE 0
#endif
#define OPERATORS 2
#define NUMBERS 15
#define ALL_NODES (POPS * NODES)

/* What is left out in each mutant; M_NONE is the product. */
#define M_NONE               0
#define M_NODE_TAKES_ALL     1   /* nodes do not look at operation numbers */
#define M_UNDO_SAME_NUMBER   2   /* an undo goes out with the number of the order before */
#define M_APPLY_UNRECORDED   3   /* the steps are sent before the intent is on disk */
#define M_UNDO_UNRECORDED    4   /* an undo is sent before its record */
#define M_SILENCE_IS_NO      5   /* a node that could not be read counts as one that holds nothing */
#define M_RESTART_FORGETS    6   /* open operations are not taken up again after a restart */
#define M_INTENT_NOT_COUNTED 7   /* open operations do not count as down */
#define M_PLAN_TIME_GATES    8   /* gates are not judged again after the confirmation */
#define M_STALE_VIEW         9   /* they are, but on whatever was polled last */
#define M_HOLD_ENDS_EARLY    10  /* an undrain closes the hold when it begins */
#define M_NO_FENCE           11  /* reading a node does not raise its number */
#define M_NO_DEAD_MAN        12  /* nodes do not undo by themselves */
#define M_KEEP_BLINDLY       13  /* nodes keep before their wire was read */
#define M_TIMER_WITHDRAWS    14  /* a deadline undoes an undrain */
#define M_NO_LOCK            15  /* two operations on one PoP */
#define M_OLD_ANSWER         16  /* an answer to an older order is taken for one to the present */
#define M_RECORD_UNCHECKED   17  /* effects go on after a record that failed */
#define M_UNDO_FORGOTTEN     18  /* an undo whose end is unknown is read like any other order */
#define M_STUCK_ON_TRUST     19  /* a stuck operation is closed on a person's word */
#define M_HOLD_ON_TRUST      20  /* accepting an undrain closes the hold, whatever the nodes did */
#define M_ANY_KEPT           21  /* "kept" of an earlier operation is taken for this one's */
#define M_PHASE_ALONE        22  /* the second phase is read without the first */
#define M_PENDING_FOR_EVER   23  /* no end of waiting for a node's dead-man */
#define M_DEAD_MAN_LIVES     24  /* keeping does not end the dead-man */
#define M_NUMBERS_FROM_ONE   25  /* numbers begin anew after a restart */
#define M_NO_DEADLINE        26  /* no deadline for the answer to an order */
#define M_KEPT_UNDONE        27  /* a dead-man that fired is told as kept */
#define M_HOLD_ON_KEPT       28  /* a node's word ends the hold of an undrain, its wire unread */
byte mutant;

#include "table.pml"

/* What runs between ARMED and its end: such an operation is open, on disk and in memory. */
#define IS_OPEN(s) ((s) >= S_ARMED && !IS_FINAL(s))
#define WAITS(s) ((s) == S_APPLYING || (s) == S_SETTLING || (s) == S_KEEPING || (s) == S_MEASURING || (s) == S_UNDOING || \
	(s) == S_UNKNOWN)

/* --- what a node knows */
#define NONE 0
#define PENDING 1
#define KEPT 2
#define UNDONE 3
#define FAILED 4
#define FULL 2                /* wire: announced */
#define AWAY 1                /* announced, prefer-away */
#define GONE 0                /* withdrawn */
byte number[ALL_NODES];       /* the highest it has seen */
byte applied[ALL_NODES];      /* of the last change */
byte state[ALL_NODES];
byte wire[ALL_NODES];
byte was[ALL_NODES];          /* wire before the last change: what its dead-man restores */
bool dead_man[ALL_NODES];

/* --- what is under way to the nodes of a PoP: one bit a number */
short withdraws[POPS], prefers[POPS], returns[POPS], undoes[POPS], reads[POPS], keeps[POPS];
/* the order whose answers an actor waits for */
#define O_NONE 0
#define O_WITHDRAW 1
#define O_PREFER 2
#define O_RETURN 3
#define O_UNDO 4
#define O_READ 5
#define O_KEEP 6
byte order[POPS], order_number[POPS];
/* and what each node answered */
#define A_NONE 0
#define A_OK 1
#define A_FAILED 2
#define A_LOST 3
#define A_KEPT 4
#define A_NOT 5
#define A_PENDING 6
#define A_MIXED 7
byte answer[ALL_NODES];

/* --- the disk: newest record of each operator's operation, holds, the highest number of each PoP */
byte d_state[OPERATORS], d_number[OPERATORS], d_applied[OPERATORS];
bool d_phase[OPERATORS], d_kept[OPERATORS];
bool hold[POPS];
byte highest[POPS];

/* --- the engine's memory */
byte op_state[OPERATORS], op_number[OPERATORS], op_applied[OPERATORS], op_base[OPERATORS], op_pop[OPERATORS];
bool op_undrain[OPERATORS], op_prefer[OPERATORS], op_phase[OPERATORS], op_kept[OPERATORS];
bool op_waits[OPERATORS];     /* for answers to its order */
bool op_timer[OPERATORS], op_actor[OPERATORS];
bool op_restarted[OPERATORS]; /* found on disk, not looked at yet */
byte op_fresh[OPERATORS];     /* PoPs polled since the confirmation, a bit each */
byte view[POPS];              /* 1: was seen announced */
bool poisoned;                /* the ledger takes no more records */
bool is_down, is_gone;        /* the backend: crashed; for ever */

bool by_hand[POPS];           /* a person withdrew it: nothing that we did */

/* --- for the promises only */
bool op_seen[OPERATORS];      /* the wire was read as planned since the last apply */
bool op_backs[OPERATORS];     /* it was being undone */
bool op_excused[OPERATORS];   /* a node failed to undo, or did not answer */
bool nobody_left;             /* a node lost its dead-man and not the change: only the backend can help */
byte patience[OPERATORS];     /* deadlines that passed one after another for nothing */

byte acts = ACTS, cancels = CANCELS, faults = FAULTS, crashes = CRASHES, disk_faults = DISK_FAULTS, hands = HANDS;

/* scratch, zero between two things that happen */
byte op, event, next, effect, i, j, k, n, p, kind, before;
int todo;
bool is_bad, is_good;


#define BIT(mask, at) (((mask) >> (at)) & 1)
#define FIRST(p) ((p) * NODES)
#define POP(n) ((n) / NODES)
#if NODES == 1
#define ANNOUNCES(p) (wire[p] != GONE && !by_hand[p])
#define ALL_WIRES(p, w) (wire[p] == (w))
#define ANY_ANSWER(p, a) (answer[p] == (a))
#define ALL_ANSWERS(p, a) (answer[p] == (a))
#define ANY_DEAD_MAN(p) (dead_man[p])
#define IS_KEPT(n) (state[n] == KEPT && applied[n] == op_applied[op])
#define ALL_KEPT(p) IS_KEPT(p)
#define LOWEST(p) (number[p])
#else
#define ANNOUNCES(p) ((wire[2 * (p)] != GONE || wire[2 * (p) + 1] != GONE) && !by_hand[p])
#define ALL_WIRES(p, w) (wire[2 * (p)] == (w) && wire[2 * (p) + 1] == (w))
#define ANY_ANSWER(p, a) (answer[2 * (p)] == (a) || answer[2 * (p) + 1] == (a))
#define ALL_ANSWERS(p, a) (answer[2 * (p)] == (a) && answer[2 * (p) + 1] == (a))
#define ANY_DEAD_MAN(p) (dead_man[2 * (p)] || dead_man[2 * (p) + 1])
#define IS_KEPT(n) (state[n] == KEPT && applied[n] == op_applied[op])
#define ALL_KEPT(p) (IS_KEPT(2 * (p)) && IS_KEPT(2 * (p) + 1))
#define LOWEST(p) (number[2 * (p)] < number[2 * (p) + 1] -> number[2 * (p)] : number[2 * (p) + 1])
#endif

/* Is an operation other than `but` open on the PoP, as the engine knows it? As the disk does? */
#define BUSY(p, but) (((but) != 0 && IS_OPEN(op_state[0]) && op_pop[0] == (p)) || ((but) != 1 && IS_OPEN(op_state[1]) && op_pop[1] == (p)))
#define RECORDED(p, but) (((but) != 0 && IS_OPEN(d_state[0]) && op_pop[0] == (p)) || ((but) != 1 && IS_OPEN(d_state[1]) && op_pop[1] == (p)))
#define NOBODY 9
/* A PoP counts when it was seen announced and nobody holds or changes it. What it really is: */
#define COUNTS(p) (view[p] && (mutant == M_INTENT_NOT_COUNTED -> !hold[p] || BUSY(p, NOBODY) : !hold[p] && !BUSY(p, NOBODY)))
#define TRULY_COUNTS(p) (ANNOUNCES(p) && !hold[p] && !RECORDED(p, NOBODY))
#if POPS == 3
#define UP (ANNOUNCES(0) + ANNOUNCES(1) + ANNOUNCES(2))
#define COUNTED_BUT(p) (((p) != 0 && COUNTS(0)) + ((p) != 1 && COUNTS(1)) + ((p) != 2 && COUNTS(2)))
#define TRULY_UP_BUT(p) (((p) != 0 && TRULY_COUNTS(0)) + ((p) != 1 && TRULY_COUNTS(1)) + ((p) != 2 && TRULY_COUNTS(2)))
#else
#define UP (ANNOUNCES(0))
#define COUNTED_BUT(p) 0
#define TRULY_UP_BUT(p) 0
#endif
#define LOCK_HOLDS(o) (mutant == M_NO_LOCK || !BUSY(op_pop[o], o))
#define FLOOR_HOLDS(o) (op_undrain[o] || mutant == M_PLAN_TIME_GATES || COUNTED_BUT(op_pop[o]) >= FLOOR)
#define GATES_HOLD(o) (LOCK_HOLDS(o) && FLOOR_HOLDS(o) && (mutant == M_NO_LOCK || hold[op_pop[o]] == op_undrain[o]))
#define IS_FRESH(o) ((op_fresh[o] | 1 << op_pop[o]) == (1 << POPS) - 1 || mutant == M_STALE_VIEW)
#define GOAL(o) (op_undrain[o] -> FULL : (op_prefer[o] && !op_phase[o] -> AWAY : GONE))
#define IS_LAST(o) (!op_prefer[o] || op_phase[o])

/* ------------------------------------------------------------------ promises */

/* A PoP that we changed has an open record or a hold (I2); a wait of the engine has a deadline; no wait is endless. */
inline check_promises()
{
	i = 0;
	do
	:: i < ALL_NODES ->
		assert(wire[i] == FULL || hold[POP(i)] || RECORDED(POP(i), NOBODY));
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < OPERATORS ->
		assert(is_down || poisoned || op_restarted[i] || !WAITS(op_state[i]) || op_timer[i]);
		assert(patience[i] < 3);
		i++
	:: else -> break
	od;
	i = 0
}

/* A PoP at rest, with nothing under way, may as well have no history: what comes is measured against `highest`. And what
 * was seen of PoPs is of no use when nobody waits for it. This only keeps the number of states down. */
#define IS_AT_REST(p) (highest[p] > 1 && !BUSY(p, NOBODY) && !RECORDED(p, NOBODY) && !(withdraws[p] | prefers[p] | returns[p] | \
	undoes[p] | reads[p] | keeps[p]))
inline merge_states()
{
	i = 0;
	do
	:: i < ALL_NODES ->
		if
		:: IS_AT_REST(POP(i)) && !ANY_DEAD_MAN(POP(i)) && mutant != M_NODE_TAKES_ALL && mutant != M_ANY_KEPT &&
			mutant != M_NUMBERS_FROM_ONE -> number[i] = 1; applied[i] = 1; state[i] = NONE; answer[i] = A_NONE
		:: else -> skip
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < POPS ->
		if
		:: IS_AT_REST(i) && !ANY_DEAD_MAN(i) && mutant != M_NODE_TAKES_ALL && mutant != M_ANY_KEPT &&
			mutant != M_NUMBERS_FROM_ONE -> highest[i] = 1; order[i] = O_NONE; order_number[i] = 0
		:: else -> skip
		fi;
		if
		:: op_state[0] != S_CONFIRMED && op_state[1] != S_CONFIRMED -> view[i] = 1
		:: else -> skip
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* When nothing can happen any more. */
inline check_end()
{
	i = 0;
	do
	:: i < ALL_NODES ->
		/* a node that nobody looked after went back by itself */
		assert(wire[i] == FULL || state[i] != PENDING || !is_gone || nobody_left);
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < OPERATORS ->
		/* every operation has ended, or waits for a person, or says that nothing can be recorded */
		assert(is_gone || poisoned || !IS_OPEN(op_state[i]) || op_state[i] == S_UNCONFIRMED || op_state[i] == S_STUCK);
		i++
	:: else -> break
	od;
	i = 0
}

/* ------------------------------------------------------------------ nodes */

inline reply(a)
{
	if
	:: answer[n] == A_NONE -> answer[n] = a
	:: else -> skip
	fi
}

/* Orders that no node of the PoP would take any more are forgotten: this only keeps the number of states down. */
inline prune(q)
{
	if
	:: mutant == M_NODE_TAKES_ALL -> skip
	:: else ->
		k = LOWEST(q) + 1;
		withdraws[q] = (withdraws[q] >> k) << k;
		prefers[q] = (prefers[q] >> k) << k;
		returns[q] = (returns[q] >> k) << k;
		undoes[q] = (undoes[q] >> k) << k;
		reads[q] = (reads[q] >> k) << k;
#if NODES == 1
		if
		:: state[q] != PENDING -> keeps[q] = 0
		:: else -> skip
		fi;
#endif
		k = 0
	fi
}

#define TAKES(mask, n) (mutant == M_NODE_TAKES_ALL && (mask) != 0 || ((mask) >> (number[n] + 1)) != 0)

/* Picks one of the orders in `mask` that the node would take, into k. */
inline pick(mask)
{
	if
	:: mutant == M_NODE_TAKES_ALL -> k = 1
	:: else -> k = number[n] + 1
	fi;
	do
	:: BIT(mask, k) -> break
	:: (mask >> (k + 1)) != 0 -> k++
	od
}

inline node_changes(goal)
{
	applied[n] = k;
	is_good = true;
	if
	:: true -> was[n] = (kind == O_RETURN -> FULL : wire[n]); wire[n] = goal
	:: faults > 0 -> faults--; was[n] = (kind == O_RETURN -> FULL : wire[n]) /* says so, and did not */
	:: faults > 0 -> faults--; is_good = false           /* took back what it did, and says so */
	fi;
	if
	:: !is_good -> state[n] = FAILED; dead_man[n] = false
	:: is_good && kind == O_RETURN -> state[n] = KEPT; dead_man[n] = false
	:: is_good && kind != O_RETURN -> state[n] = PENDING; dead_man[n] = (mutant != M_NO_DEAD_MAN)
	fi;
	assert(UP >= FLOOR || kind == O_RETURN)
}

inline excuse()
{
	if
	:: op_pop[0] == p -> op_excused[0] = true; patience[0] = 0
	:: else -> skip
	fi;
	if
	:: op_pop[1] == p -> op_excused[1] = true; patience[1] = 0
	:: else -> skip
	fi
}

inline node_undoes()
{
	dead_man[n] = false;
	if
	:: true -> is_good = true; wire[n] = FULL; state[n] = UNDONE
	:: faults > 0 && wire[n] != FULL -> is_good = false; faults--; state[n] = FAILED; excuse()
	fi
}

/* What a node's state says about operation `op`: its numbers tell whose state it is. */
inline judge()
{
	if
	:: applied[n] <= op_base[op] && mutant != M_ANY_KEPT -> answer[n] = A_NOT
	:: applied[n] > op_base[op] && applied[n] < op_applied[op] && mutant != M_ANY_KEPT ->
		answer[n] = (mutant == M_PHASE_ALONE -> A_NOT : A_MIXED)
	:: else ->
		if
		:: state[n] == KEPT -> answer[n] = A_KEPT
		:: state[n] == PENDING -> answer[n] = A_PENDING
		:: state[n] == FAILED -> answer[n] = A_MIXED
		:: else ->
			answer[n] = (mutant == M_KEPT_UNDONE -> A_KEPT : (op_phase[op] && mutant != M_PHASE_ALONE -> A_MIXED : A_NOT))
		fi
	fi
}

/* The answer to a reading, if it is the one that an operation waits for. */
inline node_is_judged()
{
	if
	:: order[p] == O_READ && order_number[p] == k && answer[n] == A_NONE ->
		op = (op_pop[0] == p && op_number[0] == k && op_waits[0] -> 0 : 1);
		judge();
		op = 0
	:: else -> skip
	fi
}

/* An order that the node takes: one of those under way, whatever was sent after it. */
inline take_order()
{
	if
	:: kind == O_WITHDRAW -> pick(withdraws[p])
	:: kind == O_PREFER -> pick(prefers[p])
	:: kind == O_RETURN -> pick(returns[p])
	:: kind == O_UNDO -> pick(undoes[p])
	:: kind == O_READ -> pick(reads[p])
	:: kind == O_KEEP -> k = applied[n]
	fi;
	if
	:: k > number[n] && !(kind == O_READ && mutant == M_NO_FENCE) -> number[n] = k
	:: else -> skip
	fi;
	if
	:: kind == O_WITHDRAW -> node_changes(GONE)
	:: kind == O_PREFER -> node_changes(AWAY)
	:: kind == O_RETURN -> node_changes(FULL)
	:: kind == O_UNDO -> node_undoes()
	:: kind == O_READ -> node_is_judged()
	:: kind == O_KEEP -> is_good = true; state[n] = KEPT; dead_man[n] = (mutant == M_DEAD_MAN_LIVES)
	fi;
	if
	:: !dead_man[n] -> was[n] = FULL /* it does not matter any more */
	:: else -> skip
	fi;
	if
	:: kind != O_READ && order[p] == kind && order_number[p] == k -> reply((is_good -> A_OK : A_FAILED))
	:: else -> skip
	fi;
	printf("node %d takes order %d number %d: wire %d, state %d\n", n, kind, k, wire[n], state[n]);
	is_good = false
}

/* The present order meets a node that cannot carry it out any more, or has done so already. */
#define IS_IDLE(n) (answer[n] == A_NONE && (order[POP(n)] == O_KEEP && !(applied[n] == order_number[POP(n)] && state[n] == PENDING) || \
	order[POP(n)] != O_NONE && order[POP(n)] != O_KEEP && number[n] >= order_number[POP(n)]))
inline node_answers_idly()
{
	k = order_number[p];
	if
	:: order[p] == O_KEEP -> answer[n] = (applied[n] == k && state[n] == KEPT -> A_OK : A_FAILED)
	:: order[p] == O_UNDO -> answer[n] = (number[n] == k && state[n] == UNDONE -> A_OK : A_FAILED)
	:: order[p] == O_READ && number[n] == k -> node_is_judged()
	:: order[p] == O_READ && number[n] > k -> answer[n] = A_LOST
	:: else -> answer[n] = (applied[n] == k && (state[n] == PENDING || state[n] == KEPT) -> A_OK : A_FAILED)
	fi
}

/* ------------------------------------------------------------------ engine */

inline forget_operation(o)
{
	op_state[o] = 0; op_number[o] = 0; op_applied[o] = 0; op_phase[o] = 0; op_kept[o] = 0; op_waits[o] = 0; op_timer[o] = 0;
	op_actor[o] = 0; op_restarted[o] = 0; op_fresh[o] = 0; op_seen[o] = 0; op_backs[o] = 0; op_excused[o] = 0; patience[o] = 0;
	if
	:: !IS_OPEN(d_state[o]) ->
		op_base[o] = 0; op_undrain[o] = 0; op_prefer[o] = 0; op_pop[o] = 0;
		d_state[o] = 0; d_number[o] = 0; d_applied[o] = 0; d_phase[o] = 0; d_kept[o] = 0
	:: else -> skip
	fi
}

/* What only memory knew is gone; the operation itself stands in its record. */
inline crash()
{
	printf("the backend crashes\n");
	crashes--;
	is_down = true; poisoned = false;
	i = 0;
	do
	:: i < OPERATORS ->
		op_waits[i] = 0; op_timer[i] = 0; op_actor[i] = 0; op_fresh[i] = 0; op_restarted[i] = 0; patience[i] = 0;
		op_seen[i] = false;
		op_state[i] = d_state[i]; op_number[i] = d_number[i]; op_applied[i] = d_applied[i]; op_phase[i] = d_phase[i];
		op_kept[i] = d_kept[i];
		if
		:: IS_OPEN(d_state[i]) -> op_restarted[i] = WAITS(d_state[i]) || d_state[i] == S_ARMED
		:: else -> forget_operation(i)
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < POPS -> view[i] = 1; order[i] = O_NONE; order_number[i] = 0; i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < ALL_NODES -> answer[i] = A_NONE; i++
	:: else -> break
	od;
	i = 0
}

inline write_record()
{
	if
	:: next == S_UNDOING -> op_backs[op] = true
	:: else -> skip
	fi;
	d_state[op] = next; d_number[op] = op_number[op]; d_applied[op] = op_applied[op]; d_phase[op] = op_phase[op];
	d_kept[op] = op_kept[op];
	if
	:: op_number[op] > highest[p] -> highest[p] = op_number[op]
	:: else -> skip
	fi;
	if
	:: next == S_ARMED && !op_undrain[op] -> hold[p] = true
	:: next == S_ARMED && op_undrain[op] && mutant == M_HOLD_ENDS_EARLY -> hold[p] = false
	:: next == S_UNDONE && !op_undrain[op] -> hold[p] = false
	:: next == S_DONE && op_undrain[op] && (ALL_WIRES(p, FULL) || mutant == M_HOLD_ON_TRUST ||
		mutant == M_HOLD_ON_KEPT && op_kept[op]) -> hold[p] = false
	:: else -> skip
	fi
}

/* is_bad: it failed, and the effects after it are not performed. */
inline record()
{
	is_bad = false;
	if
	:: poisoned -> printf("no record: poisoned\n"); is_bad = true
	:: !poisoned -> write_record(); op_state[op] = next
	:: !poisoned && disk_faults > 0 -> disk_faults--; poisoned = true; is_bad = true; printf("record fails, but is there\n"); write_record()
	:: !poisoned && disk_faults > 0 -> disk_faults--; poisoned = true; is_bad = true
	fi;
	if
	:: is_bad && mutant == M_RECORD_UNCHECKED -> is_bad = false; op_state[op] = next
	:: else -> skip
	fi;
	if
	:: !is_bad && next == S_UNDONE && !op_undrain[op] -> assert(ALL_WIRES(p, FULL)) /* announced again, for good */
	:: !is_bad && next == S_DONE && op_undrain[op] && event == E_MEASURED -> assert(ALL_WIRES(p, FULL))
	:: !is_bad && next == S_DONE && !op_undrain[op] ->
		assert(!op_backs[op]);
		assert(event != E_MEASURED || ALL_WIRES(p, GONE) && !ANY_DEAD_MAN(p))
	:: !is_bad && next == S_STUCK -> assert(op_excused[op])
	:: !is_bad && next == S_ARMED && !op_undrain[op] -> assert(TRULY_UP_BUT(p) >= FLOOR) /* I1, with open intents as down */
	:: else -> skip
	fi
}

inline send(kind, mask)
{
	assert(op_number[op] <= highest[p] && IS_OPEN(d_state[op])); /* I7: nothing without a record */
	assert(op_number[op] <= NUMBERS);
	order[p] = kind; order_number[p] = op_number[op]; op_waits[op] = true;
	i = FIRST(p);
	do
	:: i < FIRST(p) + NODES ->
		if
		:: mutant != M_OLD_ANSWER -> answer[i] = A_NONE
		:: else -> skip
		fi;
		if
		:: !op_actor[op] -> answer[i] = A_LOST /* nobody there to send it */
		:: else -> skip
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	if
	:: op_actor[op] -> mask = mask | (1 << op_number[op])
	:: else -> skip
	fi
}

inline send_keep()
{
	assert(op_seen[op]); /* its wire was read after the apply */
	j = op_number[op]; op_number[op] = op_applied[op];
	send(O_KEEP, keeps[p]);
	op_number[op] = j; j = 0
}

inline perform()
{
	if
	:: effect == F_RECORD ->
		record();
		if
		:: is_bad -> /* nothing was decided; it waits for a restart, which reads the disk anew */
			op_number[op] = before; op_actor[op] = false; todo = 0;
			if
			:: before != 0 -> order[p] = O_NONE; order_number[p] = 0
			:: else -> skip
			fi
		:: else -> skip
		fi
	:: effect == F_NUMBER ->
		if
		:: next == S_ARMED && !op_phase[op] -> op_base[op] = highest[p]
		:: else -> skip
		fi;
		op_number[op] = (mutant == M_NUMBERS_FROM_ONE && CRASHES > crashes -> 1 : highest[p] + 1);
		if
		:: next == S_ARMED -> op_applied[op] = op_number[op]
		:: else -> skip
		fi
	:: effect == F_APPLY ->
		if
		:: op_undrain[op] -> send(O_RETURN, returns[p])
		:: !op_undrain[op] && GOAL(op) == AWAY -> send(O_PREFER, prefers[p])
		:: !op_undrain[op] && GOAL(op) == GONE -> send(O_WITHDRAW, withdraws[p])
		fi;
		op_seen[op] = false
	:: effect == F_KEEP -> send_keep()
	:: effect == F_UNDO ->
		assert(!op_undrain[op]); /* no timer and no failure withdraws */
		send(O_UNDO, undoes[p])
	:: effect == F_INSPECT -> send(O_READ, reads[p])
	:: effect == F_CHECK -> op_actor[op] = true
	:: effect == F_END ->
		op_actor[op] = false; op_waits[op] = false;
		if
		:: op_number[op] != 0 -> order[p] = O_NONE; order_number[p] = 0
		:: else -> skip
		fi
	:: effect == F_TIMER -> op_timer[op] = true
	:: effect == F_POLL && next == S_CONFIRMED -> op_fresh[op] = 0
	:: else -> skip
	fi
}

/* Takes `op` through the row for `event`, effect by effect; may crash before each of them. */
inline step()
{
	look_up(op_state[op], event);
	printf("operation %d, PoP %d: state %d, event %d, to state %d, number %d\n", op, op_pop[op], op_state[op], event, next, op_number[op]);
	assert(next != 0);
	before = op_number[op];
	p = op_pop[op];
	op_timer[op] = false; op_waits[op] = false; op_restarted[op] = false;
	if
	:: event != E_TIMEOUT && event != E_SEEN_PENDING && event != E_SEEN_NOTHING -> patience[op] = 0
	:: else -> skip
	fi;
	if
	:: event == E_WIRE_SETTLED -> op_seen[op] = true
	:: event == E_KEPT || event == E_SEEN_KEPT ->
		assert(ALL_KEPT(p)); /* by this operation, and for good */
		op_kept[op] = true
	:: event == E_NEXT -> op_phase[op] = 1; op_kept[op] = false
	:: event == E_ACCEPT -> op_backs[op] = false
	:: else -> skip
	fi;
	is_bad = false;
	k = todo & 15;
	/* without a record the state changes at once; with one, when it is on disk */
	if
	:: (k == F_RECORD || (todo >> 4 & 15) == F_RECORD || (todo >> 8 & 15) == F_RECORD || (todo >> 12 & 15) == F_RECORD) -> skip
	:: else -> op_state[op] = next
	fi;
	k = 0;
	do
	:: todo != 0 -> effect = todo & 15; todo = todo >> 4; perform()
	:: todo != 0 && crashes > 0 -> crash(); todo = 0; next = 0
	:: else -> break
	od;
	effect = 0; before = 0
}

/* What a person or a deadline does to an undrain never withdraws. */
#define OR_GIVE_UP(o, e) (op_undrain[o] && mutant != M_TIMER_WITHDRAWS -> E_GIVE_UP : e)
#define RUNS(o) (!is_down && !op_restarted[0] && !op_restarted[1])
#define AT(o, s) (RUNS(o) && op_state[o] == s)
#define GOT(o) (op_waits[o] && !ANY_ANSWER(op_pop[o], A_NONE))
#define IS_LOST(o) (ANY_ANSWER(op_pop[o], A_LOST) || !op_actor[o])
/* PoPs are alike, and so are operators: the first drain is by the first, of the first; the third PoP comes after the second. */
#define MAY_CHOOSE(o, p) (op_state[o] == 0 && d_state[o] == 0 && acts > 0 && !poisoned && (acts < ACTS && !ALONE || (o) == 0 && (p) == 0) && \
	((p) < 2 || highest[1] > 0 || op_state[1 - (o)] != 0 && op_pop[1 - (o)] == 1 || by_hand[1]))
/* At planning anything may be asked for: what counts is judged after the confirmation. */
#define MAY_PLAN(o, p) (!BUSY(p, NOBODY) && (mutant != M_PLAN_TIME_GATES || hold[p] || TRULY_UP_BUT(p) >= FLOOR))

#define IT(o, e) op = o; event = e; goto happens

#define PLAN(o, p) \
	:: RUNS(o) && MAY_CHOOSE(o, p) && MAY_PLAN(o, p) -> atomic { acts--; op_pop[o] = p; op_undrain[o] = hold[p]; \
		op_state[o] = S_DRAFT; \
		if :: true -> skip :: PREFER && !hold[p] -> op_prefer[o] = 1 fi; IT(o, E_PLANNED) }

#define OPERATION(o) \
	:: AT(o, S_CHECKED) -> atomic { IT(o, E_CONFIRM) } \
	:: AT(o, S_CONFIRMED) && IS_FRESH(o) && GATES_HOLD(o) -> atomic { IT(o, E_GATES_HOLD) } \
	:: AT(o, S_CONFIRMED) && IS_FRESH(o) && !GATES_HOLD(o) -> atomic { IT(o, E_GATE_REFUSED) } \
	:: !is_down && op_restarted[o] && op_state[o] != 0 -> atomic { IT(o, E_RESTARTED) } \
	:: AT(o, S_APPLYING) && GOT(o) && ALL_ANSWERS(op_pop[o], A_OK) -> atomic { IT(o, E_APPLIED) } \
	:: AT(o, S_APPLYING) && GOT(o) && ANY_ANSWER(op_pop[o], A_FAILED) && !ANY_ANSWER(op_pop[o], A_LOST) -> \
		atomic { IT(o, OR_GIVE_UP(o, E_APPLY_FAILED)) } \
	:: AT(o, S_APPLYING) && GOT(o) && ANY_ANSWER(op_pop[o], A_LOST) && !op_undrain[o] -> atomic { IT(o, E_APPLY_FAILED) } \
	:: AT(o, S_SETTLING) && ALL_WIRES(op_pop[o], GOAL(o)) -> atomic { IT(o, E_WIRE_SETTLED) } \
	:: AT(o, S_SETTLING) -> atomic { IT(o, OR_GIVE_UP(o, E_TIMEOUT)) } \
	:: AT(o, S_SETTLING) -> atomic { IT(o, OR_GIVE_UP(o, E_GATE_REFUSED)) } \
	:: AT(o, S_KEEPING) && GOT(o) && ALL_ANSWERS(op_pop[o], A_OK) -> atomic { IT(o, E_KEPT) } \
	:: AT(o, S_KEEPING) && GOT(o) && ANY_ANSWER(op_pop[o], A_FAILED) && !ANY_ANSWER(op_pop[o], A_LOST) -> \
		atomic { IT(o, OR_GIVE_UP(o, E_KEEP_FAILED)) } \
	:: AT(o, S_KEEPING) && GOT(o) && ANY_ANSWER(op_pop[o], A_LOST) && !op_undrain[o] -> atomic { IT(o, E_KEEP_FAILED) } \
	:: AT(o, S_MEASURING) && IS_LAST(o) && ALL_WIRES(op_pop[o], GOAL(o)) -> atomic { IT(o, E_MEASURED) } \
	:: AT(o, S_MEASURING) && !IS_LAST(o) && ALL_WIRES(op_pop[o], GOAL(o)) && TRULY_UP_BUT(op_pop[o]) >= FLOOR -> atomic { IT(o, E_NEXT) } \
	:: AT(o, S_MEASURING) -> atomic { IT(o, E_TIMEOUT) } \
	:: AT(o, S_MEASURING) -> atomic { IT(o, E_GATE_REFUSED) } \
	:: AT(o, S_UNCONFIRMED) && IS_LAST(o) && op_kept[o] && ALL_WIRES(op_pop[o], GOAL(o)) -> atomic { IT(o, E_MEASURED) } \
	:: AT(o, S_UNDOING) && GOT(o) && ALL_ANSWERS(op_pop[o], A_OK) -> atomic { IT(o, E_UNDO_DONE) } \
	:: AT(o, S_UNDOING) && GOT(o) && ANY_ANSWER(op_pop[o], A_FAILED) -> atomic { IT(o, E_UNDO_FAILED) } \
	:: AT(o, S_UNKNOWN) && GOT(o) && ANY_ANSWER(op_pop[o], A_LOST) && mutant != M_SILENCE_IS_NO -> atomic { IT(o, E_SEEN_NOTHING) } \
	:: AT(o, S_UNKNOWN) && GOT(o) && ANY_ANSWER(op_pop[o], A_LOST) && mutant == M_SILENCE_IS_NO -> atomic { IT(o, E_SEEN_NOT) } \
	:: AT(o, S_UNKNOWN) && GOT(o) && ALL_ANSWERS(op_pop[o], A_KEPT) -> atomic { IT(o, E_SEEN_KEPT) } \
	:: AT(o, S_UNKNOWN) && GOT(o) && ALL_ANSWERS(op_pop[o], A_NOT) -> atomic { IT(o, E_SEEN_NOT) } \
	:: AT(o, S_UNKNOWN) && GOT(o) && !ANY_ANSWER(op_pop[o], A_LOST) && ANY_ANSWER(op_pop[o], A_PENDING) && \
		(ANY_DEAD_MAN(op_pop[o]) || mutant == M_PENDING_FOR_EVER) -> atomic { IT(o, E_SEEN_PENDING) } \
	:: AT(o, S_UNKNOWN) && GOT(o) && !ANY_ANSWER(op_pop[o], A_LOST) && (IS_MIXED(op_pop[o]) || IS_AT_ODDS(o)) -> atomic { IT(o, OR_GIVE_UP(o, E_SEEN_MIXED)) } \
	:: RUNS(o) && (AT(o, S_APPLYING) || AT(o, S_KEEPING) || AT(o, S_UNDOING) || AT(o, S_UNKNOWN)) && op_timer[o] && \
		(op_waits[o] && IS_LOST(o) || !op_waits[o] && !(AT(o, S_UNKNOWN) && ANY_DEAD_MAN(op_pop[o]))) -> \
		atomic { patience[o]++; IT(o, E_TIMEOUT) } \
	:: faults > 0 && RUNS(o) && op_actor[o] && (AT(o, S_APPLYING) || AT(o, S_SETTLING) || AT(o, S_KEEPING) || AT(o, S_UNDOING) || \
		AT(o, S_UNKNOWN)) -> atomic { faults--; op_actor[o] = false; order[op_pop[o]] = O_NONE; order_number[op_pop[o]] = 0; \
		op_excused[o] = true; IT(o, E_ACTOR_LOST) } \
	:: faults > 0 && AT(o, S_MEASURING) && op_actor[o] -> atomic { faults--; op_actor[o] = false; IT(o, E_ACTOR_LOST) } \
	:: cancels > 0 && RUNS(o) && !poisoned && !op_undrain[o] && (AT(o, S_APPLYING) || AT(o, S_SETTLING) || AT(o, S_KEEPING) || \
		AT(o, S_MEASURING) || AT(o, S_UNCONFIRMED) || AT(o, S_STUCK) || AT(o, S_UNKNOWN)) -> atomic { cancels--; IT(o, E_CANCEL) } \
	:: cancels > 0 && !poisoned && (AT(o, S_UNCONFIRMED) || AT(o, S_STUCK)) -> atomic { cancels--; IT(o, E_ACCEPT) }

/* The nodes' words and their wires do not tell the same: the engine may go by either. */
#define IS_AT_ODDS(o) (ALL_ANSWERS(op_pop[o], A_KEPT) && !ALL_WIRES(op_pop[o], GOAL(o)) || \
	ALL_ANSWERS(op_pop[o], A_NOT) && !ALL_WIRES(op_pop[o], FULL))

/* "Pending" with no dead-man left is an overdue one: confirm_s has passed and nothing happened. */
#define IS_MIXED(p) (!ALL_ANSWERS(p, A_KEPT) && !ALL_ANSWERS(p, A_NOT) && \
	(!ANY_ANSWER(p, A_PENDING) || !ANY_DEAD_MAN(p) && mutant != M_PENDING_FOR_EVER))

#define NODE(x) \
	:: TAKES(withdraws[POP(x)], x) -> atomic { n = x; kind = O_WITHDRAW; goto changes } \
	:: TAKES(prefers[POP(x)], x) -> atomic { n = x; kind = O_PREFER; goto changes } \
	:: TAKES(returns[POP(x)], x) -> atomic { n = x; kind = O_RETURN; goto changes } \
	:: TAKES(undoes[POP(x)], x) -> atomic { n = x; kind = O_UNDO; goto changes } \
	:: TAKES(reads[POP(x)], x) && !(mutant == M_NO_FENCE && answer[x] != A_NONE) -> atomic { n = x; kind = O_READ; goto changes } \
	:: BIT(keeps[POP(x)], applied[x]) && state[x] == PENDING -> atomic { n = x; kind = O_KEEP; goto changes } \
	:: IS_IDLE(x) -> atomic { n = x; goto answers } \
	:: faults > 0 && order[POP(x)] != O_NONE && answer[x] == A_NONE -> atomic { n = x; goto loses } \
	:: dead_man[x] -> atomic { n = x; goto undoes_itself } \
	:: faults > 0 && dead_man[x] -> atomic { n = x; goto restarts }

/* Only polls that a confirmed operation waits for; what was seen before is older, and not to be relied upon. */
#define LACKS(o, p) (op_state[o] == S_CONFIRMED && op_pop[o] != (p) && !BIT(op_fresh[o], p))
#define POLL(p) \
	:: RUNS(0) && (LACKS(0, p) || LACKS(1, p)) -> atomic { view[p] = ANNOUNCES(p); \
		if :: LACKS(0, p) -> op_fresh[0] = op_fresh[0] | (1 << p) :: else -> skip fi; \
		if :: LACKS(1, p) -> op_fresh[1] = op_fresh[1] | (1 << p) :: else -> skip fi }

/* Nobody can help it when a person withdraws between re-read and apply; before the confirmation the re-read must see it. */
#define IN_WINDOW(o) (op_state[o] != 0 && op_state[o] != S_CHECKED)
#define HAND(p) \
	:: hands > 0 && !by_hand[p] && ANNOUNCES(p) && UP > FLOOR && !IN_WINDOW(0) && !IN_WINDOW(1) -> atomic { hands--; by_hand[p] = true }

active proctype world()
{
	atomic {
		c_code { now.mutant = getenv("MUTANT") ? (unsigned char)atoi(getenv("MUTANT")) : 0; };
		do
		:: i < ALL_NODES -> wire[i] = FULL; was[i] = FULL; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < POPS -> view[i] = 1; i++
		:: else -> break
		od;
		i = 0
	}
again:
	do
	PLAN(0, 0)
	PLAN(1, 0)
	OPERATION(0)
	OPERATION(1)
	NODE(0)
	POLL(0)
	HAND(0)
#if ALL_NODES > 1
	NODE(1)
#endif
#if ALL_NODES > 2
	NODE(2)
#endif
#if POPS > 1
	PLAN(0, 1)
	PLAN(1, 1)
	PLAN(0, 2)
	PLAN(1, 2)
	POLL(1)
	POLL(2)
	HAND(1)
	HAND(2)
#endif
	:: crashes > 0 && !is_down -> atomic { goto crashes_now }
	:: is_down && !is_gone -> atomic { is_down = false;
		if
		:: mutant == M_RESTART_FORGETS -> op_state[0] = 0; op_state[1] = 0; op_restarted[0] = 0; op_restarted[1] = 0
		:: else -> skip
		fi }
	:: is_down && !is_gone -> is_gone = true
	:: else -> goto ends
	od;

	/* The engine takes `op` through the row for `event`. ARMED goes on at once: with its record, or without. */
happens:
	atomic {
		step();
		if
		:: next == S_ARMED && !is_bad -> event = E_RECORDED; goto happens
		:: next == S_ARMED && is_bad -> op_state[op] = S_ARMED; event = (op_phase[op] -> E_GIVE_UP : E_RECORD_FAILED); goto happens
		:: else -> skip
		fi;
		if
		:: !is_down && IS_FINAL(op_state[op]) -> forget_operation(op)
		:: else -> skip
		fi;
		op = 0; event = 0; next = 0; is_bad = false;
		goto checks
	}
	/* Node `n` takes an order of `kind`. */
changes:
	atomic { p = POP(n); take_order(); goto node_checks }
	/* The order that is waited for meets a node that cannot carry it out any more, or did already. */
answers:
	atomic { printf("node %d answers that it cannot, or did\n", n); p = POP(n); node_answers_idly(); goto node_checks }
	/* The order or its answer is lost for those who wait; the order itself may still come. */
loses:
	atomic { printf("node %d: lost order or answer\n", n); p = POP(n); faults--; answer[n] = A_LOST; excuse(); goto node_checks }
undoes_itself:
	atomic {
		p = POP(n);
		printf("node %d undoes by itself\n", n);
		assert(RECORDED(p, NOBODY)); /* what was kept stays, whoever is gone */
		wire[n] = was[n]; was[n] = FULL; state[n] = UNDONE; dead_man[n] = false;
		goto node_checks
	}
	/* The dead-man is lost; the daemon comes back with its saved configuration, or with the present one. */
restarts:
	atomic {
		printf("node %d restarts\n", n);
		p = POP(n); faults--; dead_man[n] = false; was[n] = FULL;
		if
		:: true -> wire[n] = FULL
		:: true -> nobody_left = true
		fi;
		goto node_checks
	}
crashes_now:
	atomic { crash(); goto checks }
node_checks:
	atomic { prune(p); n = 0; k = 0; kind = 0; goto checks }
checks:
	atomic {
		p = 0;
		check_promises();
		merge_states();
		goto again
	}
ends:
	atomic { check_end() }
}
