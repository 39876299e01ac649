/* SPDX-License-Identifier: Apache-2.0
 *
 * What people and clocks may decide about operations, for spin: plans over several PoPs, two operators who want the same last
 * spare PoP, approval by another person, holds of two owners on one PoP, leases that run out and are prolonged. It walks the
 * same core/operation.def as operation.pml; tests/model/check compiles it once for each of its worlds, searches every state,
 * and then sees to it that every mutant is caught.
 *
 * Nodes are simple here. A PoP is one node; an order reaches it or not, and its answer or not, but an order that was not
 * carried out when its operation went on never comes: that numbers see to this is what operation.pml shows. So does it show
 * that what is counted must be fresh: here it is the truth. A node may undo by itself while a change is pending. The backend
 * may crash between any two effects and forgets what was not recorded. PoPs may fall ill at any time, and recover.
 */

#ifndef POPS
#define POPS 3
#endif
#ifndef FLOOR                 /* PoPs that must go on announcing */
#define FLOOR 1
#endif
#ifndef BUDGET                /* PoPs that may be held or drained at once */
#define BUDGET 2
#endif
#ifndef PAIRS                 /* 1: an operation may have two PoPs, one after the other */
#define PAIRS 0
#endif
#ifndef APPROVAL              /* 1: another person has to approve */
#define APPROVAL 0
#endif
#ifndef LEASES                /* 1: holds may have a lease, and it may undrain */
#define LEASES 0
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
#ifndef PROLONGS
#define PROLONGS 1
#endif
#ifndef ILLNESSES
#define ILLNESSES 1
#endif
#define OPERATORS 2           /* person 0 and 1; person 2 approves */

/* What is left out in each mutant; M_NONE is the product. */
#define M_NONE              0
#define M_SECOND_ACCOUNT    1   /* an approval by another account of the same person counts */
#define M_OTHER_PLAN        2   /* an approval that names another plan counts */
#define M_RESTART_APPROVES  3   /* what waited for approval at a crash goes on after the restart */
#define M_APPROVAL_JUDGES   4   /* after an approval the gates are not judged again */
#define M_SECOND_UNJUDGED   5   /* before the second PoP the gates are not judged again */
#define M_SECOND_UNLOCKED   6   /* an operation holds the lock of the PoP only that it is working on */
#define M_BUDGET_OF_ONE     7   /* the budget counts an operation's own PoPs only */
#define M_INTENTS_APART     8   /* PoPs of another open operation do not count as down */
#define M_UNDO_ENDS_ALL     9   /* undoing the second PoP ends the hold of the first too */
#define M_UNDO_ANNOUNCES    10  /* undoing a drain announces a PoP that another holds */
#define M_RETURN_ANNOUNCES  11  /* an undrain announces a PoP that another holds */
#define M_RETURN_ENDS_ALL   12  /* an undrain ends the holds of others too */
#define M_LEASE_UNASKED     13  /* a lease undrains that was not asked to */
#define M_LEASE_EARLY       14  /* a lease undrains before it has run out */
#define M_LEASE_ILL         15  /* a lease brings back a PoP that is ill */
#define M_PROLONGED_GOES_ON 16  /* the undrain of a lease goes on when the lease is prolonged */
#define M_NEXT_UNRECORDED   17  /* the second PoP's hold is not written with its intent */
byte mutant;
/* of operation.pml, which table.pml knows */
#define M_UNDO_SAME_NUMBER 201
#define M_APPLY_UNRECORDED 202
#define M_UNDO_UNRECORDED  203
#define M_KEEP_BLINDLY     204
#define M_UNDO_FORGOTTEN   205
#define M_STUCK_ON_TRUST   206
#define M_NO_DEADLINE      207

#include "table.pml"

#define IS_OPEN(s) ((s) >= S_ARMED && !IS_FINAL(s))

/* --- the nodes */
bool gone[POPS];              /* withdrawn */
bool ill[POPS];               /* answers nobody */
#define NONE 0
#define PENDING 1
#define KEPT 2
byte state[POPS];

/* --- the disk: newest record of each operation, holds (a bit for each owner), leases */
byte d_state[OPERATORS];
bool d_second[OPERATORS], d_steps[OPERATORS];
byte hold[POPS];
#define NO_LEASE 0
#define RUNS_ASKED 1          /* it undrains when it is over */
#define RUNS 2
#define OVER_ASKED 3
#define OVER 4
#define OVER_TRIED 5          /* its undrain was tried once */
byte lease[POPS * OPERATORS]; /* of a PoP's hold, by its owner */
#define LEASE(p, w) lease[(p) * OPERATORS + (w)]

/* --- the engine's memory; operation o is planned by person o, or by a lease of hers */
byte op_state[OPERATORS], op_first[OPERATORS], op_last[OPERATORS]; /* its PoPs: the same for one */
bool op_second[OPERATORS];    /* it works on the last */
bool op_undrain[OPERATORS], op_by_lease[OPERATORS];
byte op_leased[OPERATORS];    /* what the lease of a drain will be */
bool op_steps[OPERATORS];     /* something is to be done on the node that it works on */
#define W_NOTHING 0
#define W_OUT 1               /* its order is on its way */
#define W_DONE 2
#define W_LOST 3
byte op_waits[OPERATORS], op_order[OPERATORS];
#define O_CHANGE 1
#define O_KEEP 2
#define O_UNDO 3
#define O_READ 4
byte op_seen[OPERATORS];      /* what a reading found */
bool op_restarted[OPERATORS], op_backs[OPERATORS];
bool is_down;

/* --- for the promises only */
bool op_approved[OPERATORS];  /* another person approved this very plan */
bool op_excused[OPERATORS];

byte acts = ACTS, cancels = CANCELS, faults = FAULTS, crashes = CRASHES, prolongs = PROLONGS, illnesses = ILLNESSES;

/* scratch, zero between two things that happen */
byte op, event, next, effect, i, p;
int todo;

#define BIT(mask, at) (((mask) >> (at)) & 1)
#define NOBODY 9
#define POP_OF(o) (op_second[o] -> op_last[o] : op_first[o])
/* Is the PoP one of an operation's, and not done with? */
#define IS_LEFT(o, p) (op_last[o] == (p) || op_first[o] == (p) && !op_second[o])
#define IS_MEANT(o, p) (op_last[o] == (p) || op_first[o] == (p))
#define BUSY(p, but) (((but) != 0 && IS_OPEN(op_state[0]) && IS_MEANT(0, p)) || ((but) != 1 && IS_OPEN(op_state[1]) && IS_MEANT(1, p)))
/* as the lock of the mutant sees it */
#define LOCKED(p, but) (((but) != 0 && IS_OPEN(op_state[0]) && (mutant == M_SECOND_UNLOCKED -> POP_OF(0) == (p) : IS_MEANT(0, p))) || \
	((but) != 1 && IS_OPEN(op_state[1]) && (mutant == M_SECOND_UNLOCKED -> POP_OF(1) == (p) : IS_MEANT(1, p))))
#define DRAINED_BY(o, p) (IS_OPEN(op_state[o]) && !op_undrain[o] && IS_MEANT(o, p))
#define RECORDED(p) ((IS_OPEN(d_state[0]) && IS_MEANT(0, p)) || (IS_OPEN(d_state[1]) && IS_MEANT(1, p)))

/* Does a PoP count for operation o? */
#define COUNTS(p, o) (!gone[p] && !ill[p] && hold[p] == 0 && !IS_LEFT(o, p) && (mutant == M_INTENTS_APART || !BUSY(p, o)))
#define TRULY_COUNTS(p, o) (!gone[p] && !ill[p] && hold[p] == 0 && !IS_LEFT(o, p) && !BUSY(p, o))
#define TAKEN(p, o) (IS_LEFT(o, p) || mutant != M_BUDGET_OF_ONE && (hold[p] != 0 || DRAINED_BY(1 - (o), p)))
#define TRULY_TAKEN(p, o) (IS_LEFT(o, p) || hold[p] != 0 || DRAINED_BY(1 - (o), p))
#if POPS == 3
#define LEFT_UP(o) (COUNTS(0, o) + COUNTS(1, o) + COUNTS(2, o))
#define TRULY_LEFT(o) (TRULY_COUNTS(0, o) + TRULY_COUNTS(1, o) + TRULY_COUNTS(2, o))
#define ALL_TAKEN(o) (TAKEN(0, o) + TAKEN(1, o) + TAKEN(2, o))
#define TRULY_ALL_TAKEN(o) (TRULY_TAKEN(0, o) + TRULY_TAKEN(1, o) + TRULY_TAKEN(2, o))
#define GONE_NOW (gone[0] + gone[1] + gone[2])
#else
#define LEFT_UP(o) (COUNTS(0, o) + COUNTS(1, o))
#define TRULY_LEFT(o) (TRULY_COUNTS(0, o) + TRULY_COUNTS(1, o))
#define ALL_TAKEN(o) (TAKEN(0, o) + TAKEN(1, o))
#define TRULY_ALL_TAKEN(o) (TRULY_TAKEN(0, o) + TRULY_TAKEN(1, o))
#define GONE_NOW (gone[0] + gone[1])
#endif
/* Holds of others than o's on the PoP it works on. */
#define OTHERS(o, p) (hold[p] & ~(1 << (o)))
#define LOCK_HOLDS(o) (!LOCKED(op_first[o], o) && !LOCKED(op_last[o], o))
#define DRAIN_HOLDS(o) (LEFT_UP(o) >= FLOOR && ALL_TAKEN(o) <= BUDGET && !BIT(hold[POP_OF(o)], o))
#define UNDRAIN_HOLDS(o) (BIT(hold[op_first[o]], o) && (!ill[op_first[o]] || OTHERS(o, op_first[o]) != 0 || op_by_lease[o] && mutant == M_LEASE_ILL))
#define GATES_HOLD(o) (LOCK_HOLDS(o) && (op_undrain[o] -> UNDRAIN_HOLDS(o) : DRAIN_HOLDS(o)))

/* ------------------------------------------------------------------ promises */

inline check_promises()
{
	/* we never take so many that the floor cannot be held (I1) */
	assert(GONE_NOW <= POPS - FLOOR);
	i = 0;
	do
	:: i < POPS ->
		assert(!gone[i] || hold[i] != 0 || RECORDED(i)); /* I2 */
		/* one operation a PoP, also on those that it has not come to or is done with (I4) */
		assert(!(IS_OPEN(op_state[0]) && IS_MEANT(0, i) && IS_OPEN(op_state[1]) && IS_MEANT(1, i)));
		i++
	:: else -> break
	od;
	i = 0
}

/* The intent of `op` is written: everything that may be asked of it. */
inline check_intent()
{
	assert(!APPROVAL || op_approved[op]);
	if
	:: !op_undrain[op] ->
		assert(TRULY_LEFT(op) >= FLOOR); /* I1, with open intents as down */
		assert(TRULY_ALL_TAKEN(op) <= BUDGET)
	:: op_undrain[op] && op_by_lease[op] ->
		assert(LEASE(p, op) == OVER_TRIED); /* asked to, over, and not prolonged since */
		assert(!ill[p] || OTHERS(op, p) != 0)
	:: else -> skip
	fi
}

/* ------------------------------------------------------------------ engine */

inline forget_operation(o)
{
	op_state[o] = 0; op_first[o] = 0; op_last[o] = 0; op_second[o] = 0; op_undrain[o] = 0; op_by_lease[o] = 0; op_leased[o] = 0;
	op_steps[o] = 0; op_waits[o] = 0; op_order[o] = 0; op_seen[o] = 0; op_restarted[o] = 0; op_backs[o] = 0; op_approved[o] = 0;
	op_excused[o] = 0; d_state[o] = 0; d_second[o] = 0; d_steps[o] = 0
}

inline crash()
{
	crashes--;
	is_down = true;
	i = 0;
	do
	:: i < OPERATORS ->
		op_waits[i] = 0; op_order[i] = 0; op_seen[i] = 0; op_restarted[i] = 0;
		op_state[i] = d_state[i]; op_second[i] = d_second[i]; op_steps[i] = d_steps[i];
		if
		:: d_state[i] == 0 || IS_FINAL(d_state[i]) -> forget_operation(i)
		:: else -> op_restarted[i] = d_state[i] != S_UNCONFIRMED && d_state[i] != S_STUCK
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline record()
{
	d_state[op] = next; d_second[op] = op_second[op]; d_steps[op] = op_steps[op]; op_state[op] = next;
	if
	:: next == S_ARMED -> check_intent()
	:: else -> skip
	fi;
	if
	:: next == S_UNDOING -> op_backs[op] = true
	:: next == S_ARMED && !op_undrain[op] && !(mutant == M_NEXT_UNRECORDED && op_second[op]) ->
		hold[p] = hold[p] | (1 << op);
		LEASE(p, op) = op_leased[op]
	:: next == S_UNDONE && !op_undrain[op] ->
		assert(!op_steps[op] || !gone[p]);
		hold[p] = hold[p] & ~(1 << op); LEASE(p, op) = NO_LEASE;
		if
		:: mutant == M_UNDO_ENDS_ALL -> hold[op_first[op]] = hold[op_first[op]] & ~(1 << op); LEASE(op_first[op], op) = NO_LEASE
		:: else -> skip
		fi
	:: next == S_DONE && op_undrain[op] && (!op_steps[op] || !gone[p]) ->
		/* only its own; where others hold the PoP too nothing was done on the node */
		hold[p] = (mutant == M_RETURN_ENDS_ALL -> 0 : hold[p] & ~(1 << op)); LEASE(p, op) = NO_LEASE
	:: else -> skip
	fi
}

inline send(order)
{
	op_order[op] = order; op_seen[op] = NONE;
	/* with nothing to be done on the node the engine answers in its place */
	op_waits[op] = (op_steps[op] -> W_OUT : W_DONE);
	assert(IS_OPEN(d_state[op])) /* I7 */
}

inline perform()
{
	if
	:: effect == F_RECORD -> record()
	:: effect == F_APPLY -> send(O_CHANGE)
	:: effect == F_KEEP ->
		if
		:: !op_undrain[op] -> send(O_KEEP)
		:: else -> op_waits[op] = W_DONE
		fi
	:: effect == F_UNDO -> assert(!op_undrain[op]); send(O_UNDO)
	:: effect == F_INSPECT -> send(O_READ)
	:: else -> skip
	fi
}

/* Takes `op` through the row for `event`, effect by effect; may crash before each of them. */
inline step()
{
	look_up(op_state[op], event);
	printf("operation %d, PoP %d: state %d, event %d, to state %d\n", op, POP_OF(op), op_state[op], event, next);
	assert(next != 0);
	op_waits[op] = 0; op_order[op] = 0; op_restarted[op] = false;
	if
	:: event == E_NEXT -> op_second[op] = true
	:: else -> skip
	fi;
	p = POP_OF(op);
	if
	:: next == S_ARMED -> op_steps[op] = (op_undrain[op] -> gone[p] && (OTHERS(op, p) == 0 || mutant == M_RETURN_ANNOUNCES) :
		!gone[p] || mutant == M_UNDO_ANNOUNCES)
	:: else -> skip
	fi;
	if
	:: (todo & 15) == F_RECORD || (todo >> 4 & 15) == F_RECORD || (todo >> 8 & 15) == F_RECORD || (todo >> 12 & 15) == F_RECORD -> skip
	:: else -> op_state[op] = next
	fi;
	do
	:: todo != 0 -> effect = todo & 15; todo = todo >> 4; perform()
	:: todo != 0 && crashes > 0 -> crash(); todo = 0; next = 0
	:: else -> break
	od;
	effect = 0
}

#define AT(o, s) (!is_down && !op_restarted[0] && !op_restarted[1] && op_state[o] == s)
#define WAITED(o) (op_waits[o] == W_DONE)
#define IS_SETTLED(o) (!op_steps[o] || gone[POP_OF(o)] != op_undrain[o])
#define IS_LAST(o) (op_second[o] || op_first[o] == op_last[o])
#define OR_GIVE_UP(o, e) (op_undrain[o] -> E_GIVE_UP : e)
#define IT(o, e) op = o; event = e; goto happens

/* Whoever asks first has the first PoP: they are alike. */
#define MAY_PLAN(o, p) (!is_down && acts > 0 && op_state[o] == 0 && (acts < ACTS || (o) == 0 && (p) == 0))
#define PLAN(o, p, q) \
	:: MAY_PLAN(o, p) && !BIT(hold[p], o) && !BIT(hold[q], o) -> atomic { acts--; op_first[o] = p; op_last[o] = q; op_undrain[o] = 0; \
		if :: true -> skip :: LEASES -> op_leased[o] = RUNS_ASKED :: LEASES -> op_leased[o] = RUNS fi; \
		op_state[o] = S_DRAFT; IT(o, E_PLANNED) }
#define RETURN(o, p) \
	:: MAY_PLAN(o, p) && BIT(hold[p], o) -> atomic { acts--; op_first[o] = p; op_last[o] = p; op_undrain[o] = 1; \
		op_state[o] = S_DRAFT; IT(o, E_PLANNED) }
/* The lease of person o's hold on the PoP. */
#define IS_DUE(o, p) (LEASE(p, o) == OVER_ASKED || mutant == M_LEASE_UNASKED && LEASE(p, o) == OVER || mutant == M_LEASE_EARLY && LEASE(p, o) == RUNS_ASKED)
#define CLOCK(o, p) \
	:: LEASE(p, o) == RUNS_ASKED -> LEASE(p, o) = OVER_ASKED \
	:: LEASE(p, o) == RUNS -> LEASE(p, o) = OVER \
	:: !is_down && op_state[o] == 0 && IS_DUE(o, p) && !BUSY(p, NOBODY) -> atomic { op_first[o] = p; op_last[o] = p; op_undrain[o] = 1; \
		op_by_lease[o] = 1; if :: LEASE(p, o) == OVER_ASKED -> LEASE(p, o) = OVER_TRIED :: else -> skip fi; \
		op_state[o] = S_DRAFT; IT(o, E_PLANNED) } \
	:: !is_down && prolongs > 0 && (LEASE(p, o) == OVER_ASKED || LEASE(p, o) == OVER_TRIED) && !BUSY(p, NOBODY) -> atomic { prolongs--; \
		LEASE(p, o) = RUNS_ASKED; printf("the lease of %d on PoP %d is prolonged\n", o, p); \
		if :: mutant != M_PROLONGED_GOES_ON && op_by_lease[o] && op_first[o] == p && (op_state[o] == S_CHECKED || op_state[o] == S_WAITING || \
			op_state[o] == S_CONFIRMED) -> IT(o, E_CANCEL) :: else -> goto checks fi }

#define OPERATION(o) \
	:: AT(o, S_CHECKED) && !APPROVAL -> atomic { IT(o, E_CONFIRM) } \
	:: AT(o, S_CHECKED) && APPROVAL -> atomic { IT(o, E_NEED_APPROVAL) } \
	:: AT(o, S_CHECKED) && !GATES_HOLD(o) -> atomic { IT(o, E_GATE_REFUSED) } \
	:: AT(o, S_CHECKED) -> atomic { IT(o, E_TIMEOUT) } \
	:: AT(o, S_WAITING) -> atomic { op_approved[o] = true; IT(o, E_APPROVE) } /* by person 2, or the other operator */ \
	:: AT(o, S_WAITING) && mutant == M_SECOND_ACCOUNT -> atomic { IT(o, E_APPROVE) } \
	:: AT(o, S_WAITING) && mutant == M_OTHER_PLAN && op_state[1 - (o)] == S_WAITING -> atomic { op_approved[1 - (o)] = true; IT(o, E_APPROVE) } \
	:: AT(o, S_WAITING) -> atomic { IT(o, E_TIMEOUT) } \
	:: AT(o, S_WAITING) -> atomic { IT(o, E_MOVED_ON) } \
	:: AT(o, S_CONFIRMED) && (GATES_HOLD(o) || mutant == M_APPROVAL_JUDGES) -> atomic { IT(o, E_GATES_HOLD) } \
	:: AT(o, S_CONFIRMED) && !GATES_HOLD(o) && mutant != M_APPROVAL_JUDGES -> atomic { IT(o, E_GATE_REFUSED) } \
	:: AT(o, S_CONFIRMED) -> atomic { IT(o, E_MOVED_ON) } \
	:: faults > 0 && AT(o, S_CONFIRMED) -> atomic { faults--; IT(o, E_TIMEOUT) } \
	:: faults > 0 && AT(o, S_CONFIRMED) -> atomic { faults--; IT(o, E_ACTOR_LOST) } \
	:: !is_down && op_restarted[o] && mutant == M_RESTART_APPROVES && op_state[o] == S_WAITING -> atomic { op_restarted[o] = false; IT(o, E_APPROVE) } \
	:: !is_down && op_restarted[o] && !(mutant == M_RESTART_APPROVES && op_state[o] == S_WAITING) -> atomic { IT(o, E_RESTARTED) } \
	:: AT(o, S_APPLYING) && WAITED(o) -> atomic { IT(o, E_APPLIED) } \
	:: AT(o, S_APPLYING) && op_waits[o] == W_LOST && !op_undrain[o] -> atomic { IT(o, E_APPLY_FAILED) } \
	:: AT(o, S_SETTLING) && IS_SETTLED(o) -> atomic { IT(o, E_WIRE_SETTLED) } \
	:: AT(o, S_SETTLING) && !IS_SETTLED(o) -> atomic { IT(o, OR_GIVE_UP(o, E_TIMEOUT)) } \
	:: AT(o, S_SETTLING) && !op_undrain[o] && TRULY_LEFT(o) < FLOOR -> atomic { IT(o, E_GATE_REFUSED) } \
	:: AT(o, S_KEEPING) && WAITED(o) && (!op_steps[o] || op_undrain[o] || state[POP_OF(o)] == KEPT) -> atomic { IT(o, E_KEPT) } \
	:: AT(o, S_KEEPING) && WAITED(o) && op_steps[o] && !op_undrain[o] && state[POP_OF(o)] != KEPT -> atomic { IT(o, E_KEEP_FAILED) } \
	:: AT(o, S_MEASURING) && IS_SETTLED(o) && IS_LAST(o) -> atomic { IT(o, E_MEASURED) } \
	:: AT(o, S_MEASURING) && IS_SETTLED(o) && !IS_LAST(o) -> atomic { goto_second(o) } \
	:: AT(o, S_MEASURING) -> atomic { IT(o, E_TIMEOUT) } \
	:: AT(o, S_UNCONFIRMED) && IS_SETTLED(o) && IS_LAST(o) -> atomic { IT(o, E_MEASURED) } \
	:: AT(o, S_UNDOING) && WAITED(o) -> atomic { IT(o, E_UNDO_DONE) } \
	:: AT(o, S_UNDOING) && op_waits[o] == W_LOST -> atomic { op_excused[o] = true; IT(o, E_UNDO_FAILED) } \
	:: AT(o, S_UNKNOWN) && WAITED(o) && (!op_steps[o] && !op_undrain[o] && !op_backs[o] || op_seen[o] == KEPT && IS_SETTLED(o) && !op_backs[o]) -> \
		atomic { IT(o, E_SEEN_KEPT) } \
	:: AT(o, S_UNKNOWN) && WAITED(o) && (!op_steps[o] && (op_undrain[o] || op_backs[o]) || op_steps[o] && op_seen[o] == NONE && (op_undrain[o] || !gone[POP_OF(o)])) -> \
		atomic { IT(o, E_SEEN_NOT) } \
	:: AT(o, S_UNKNOWN) && WAITED(o) && op_steps[o] && (op_seen[o] == KEPT && (!IS_SETTLED(o) || op_backs[o]) || op_seen[o] == PENDING || \
		op_seen[o] == NONE && !op_undrain[o] && gone[POP_OF(o)]) -> atomic { IT(o, OR_GIVE_UP(o, E_SEEN_MIXED)) } \
	:: (AT(o, S_APPLYING) || AT(o, S_KEEPING) || AT(o, S_UNDOING) || AT(o, S_UNKNOWN)) && op_waits[o] == W_LOST -> atomic { IT(o, E_TIMEOUT) } \
	:: faults > 0 && (AT(o, S_APPLYING) || AT(o, S_SETTLING) || AT(o, S_KEEPING)) -> atomic { faults--; IT(o, E_ACTOR_LOST) } \
	:: cancels > 0 && (AT(o, S_CHECKED) || AT(o, S_WAITING) || AT(o, S_CONFIRMED) || !op_undrain[o] && (AT(o, S_APPLYING) || AT(o, S_SETTLING) || \
		AT(o, S_KEEPING) || AT(o, S_MEASURING) || AT(o, S_UNCONFIRMED) || AT(o, S_STUCK) || AT(o, S_UNKNOWN))) -> atomic { cancels--; IT(o, E_CANCEL) } \
	:: cancels > 0 && (AT(o, S_UNCONFIRMED) || AT(o, S_STUCK)) -> atomic { cancels--; op_backs[o] = false; IT(o, E_ACCEPT) }

/* The first PoP is done: the second is begun when its gates hold now. The engine judges what is left. */
#define goto_second(o) \
	op_second[o] = true; \
	if \
	:: GATES_HOLD(o) || mutant == M_SECOND_UNJUDGED -> op_second[o] = false; IT(o, E_NEXT) \
	:: else -> op_second[o] = false; IT(o, E_GATE_REFUSED) \
	fi

/* The order of operation o reaches its node, and its answer comes back or not; or neither. */
#define ORDER(o) \
	:: op_waits[o] == W_OUT -> atomic { op = o; goto delivers } \
	:: op_waits[o] == W_OUT && faults > 0 -> atomic { faults--; printf("order %d of operation %d is lost\n", op_order[o], o); op_waits[o] = W_LOST } \
	:: op_waits[o] == W_OUT && faults > 0 -> atomic { faults--; op = o; goto delivers_unheard }

#define POP(p) \
	:: state[p] == PENDING -> atomic { printf("node %d undoes by itself\n", p); assert(RECORDED(p)); gone[p] = false; state[p] = NONE; goto checks } \
	:: illnesses > 0 && !ill[p] -> atomic { illnesses--; ill[p] = true } \
	:: ill[p] -> ill[p] = false

inline carry_out()
{
	p = POP_OF(op);
	printf("node %d takes order %d of operation %d: gone %d, state %d\n", p, op_order[op], op, gone[p], state[p]);
	if
	:: op_order[op] == O_CHANGE && !op_undrain[op] -> state[p] = PENDING; gone[p] = true
	:: op_order[op] == O_CHANGE && op_undrain[op] -> assert(OTHERS(op, p) == 0); state[p] = KEPT; gone[p] = false
	:: op_order[op] == O_KEEP && state[p] == PENDING -> state[p] = KEPT
	:: op_order[op] == O_UNDO -> assert(OTHERS(op, p) == 0); state[p] = NONE; gone[p] = false
	:: op_order[op] == O_READ -> op_seen[op] = state[p]
	:: else -> skip
	fi
}

active proctype world()
{
	atomic { c_code { now.mutant = getenv("MUTANT") ? (unsigned char)atoi(getenv("MUTANT")) : 0; } }
again:
	do
	PLAN(0, 0, 0)
	PLAN(0, 1, 1)
	PLAN(1, 0, 0)
	PLAN(1, 1, 1)
	RETURN(0, 0)
	RETURN(0, 1)
	RETURN(1, 0)
	RETURN(1, 1)
	OPERATION(0)
	OPERATION(1)
	ORDER(0)
	ORDER(1)
	POP(0)
	POP(1)
#if LEASES
	CLOCK(0, 0)
	CLOCK(0, 1)
	CLOCK(1, 0)
	CLOCK(1, 1)
#endif
#if POPS > 2
	PLAN(0, 2, 2)
	PLAN(1, 2, 2)
	RETURN(0, 2)
	RETURN(1, 2)
	POP(2)
#if LEASES
	CLOCK(0, 2)
	CLOCK(1, 2)
#endif
#endif
#if PAIRS
	PLAN(0, 0, 1)
	PLAN(1, 0, 1)
	PLAN(1, 1, 0)
#if POPS > 2
	PLAN(1, 1, 2)
	PLAN(1, 2, 1)
#endif
#endif
	:: crashes > 0 && !is_down -> atomic { goto crashes_now }
	:: is_down -> is_down = false
	:: else -> goto ends
	od;

	/* The engine takes `op` through the row for `event`. ARMED goes on at once. */
happens:
	atomic {
		step();
		if
		:: next == S_ARMED -> event = E_RECORDED; goto happens
		:: else -> skip
		fi;
		if
		:: !is_down && IS_FINAL(op_state[op]) -> forget_operation(op)
		:: else -> skip
		fi;
		op = 0; event = 0; next = 0;
		goto checks
	}
delivers:
	atomic { carry_out(); op_waits[op] = W_DONE; op = 0; goto checks }
delivers_unheard:
	atomic { carry_out(); op_waits[op] = W_LOST; op_seen[op] = NONE; op = 0; goto checks }
crashes_now:
	atomic { printf("the backend crashes\n"); crash(); goto checks }
checks:
	atomic { p = 0; check_promises(); goto again }
ends:
	atomic {
		i = 0;
		do
		:: i < OPERATORS -> assert(op_state[i] == 0 || op_state[i] == S_UNCONFIRMED || op_state[i] == S_STUCK); i++
		:: else -> break
		od
	}
}
