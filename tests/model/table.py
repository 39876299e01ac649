#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints core/operation.def as Promela, so that the model in this folder walks the table that operation_step walks.

States, events and effects become numbers, the rows one inline `look_up` that sets `next` and `todo` (the effects, four
bits each, the first lowest). Rows that a mutant changes are printed a second time, behind a test of `mutant`: what they
change stands below, as a function over one row. A row that is spelt in a way this cannot read is an error, not a gap.

    table.py OPERATION.DEF >table.pml
"""
import re
import sys

EFFECTS_MAX = 7 # of four bits, in an int whose sign stays free


def parse(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    states = [(m[0], m[1] == "true") for m in re.findall(r'^OP_STATE\((\w+), "[^"]*", (true|false), "[^"]*"\)$', text, re.M)]
    events = re.findall(r'^OP_EVENT\((\w+), "[^"]*", "[^"]*"\)$', text, re.M)
    effects = re.findall(r'^OP_EFFECT\((\w+), "[^"]*"\)$', text, re.M)
    rows = [(m[0], m[1], m[2], m[3].split(", ")) for m in
            re.findall(r"^OP_ROW\((\w+), (\w+), (\w+), ([\w, ]+)\)$", text, re.M)]
    if len(states) + len(events) + len(effects) + len(rows) != len(re.findall(r"^OP_\w+\(", text, re.M)):
        sys.exit("table.py: a line of the table is spelt in a way that is not understood")
    names = [s for s, _ in states]
    for state, event, after, todo in rows:
        if state not in names or after not in names or event not in events or not set(todo) <= set(effects):
            sys.exit("table.py: row (%s, %s) names what is not declared" % (state, event))
        if len(todo) > EFFECTS_MAX:
            sys.exit("table.py: row (%s, %s) has more than %d effects" % (state, event, EFFECTS_MAX))
    return states, events, effects, rows


def undo_same_number(state, event, after, todo):
    if "UNDO" in todo:
        return after, [e for e in todo if e != "NUMBER"]


def apply_unrecorded(state, event, after, todo):
    if (state, event) == ("CONFIRMED", "GATES_HOLD"):
        return after, ["NUMBER", "APPLY", "RECORD"]
    if (state, event) == ("ARMED", "RECORDED"):
        return after, [e for e in todo if e != "APPLY"]


def undo_unrecorded(state, event, after, todo):
    if "UNDO" in todo and "RECORD" in todo:
        return after, [e for e in todo if e != "RECORD"] + ["RECORD"]


def keep_blindly(state, event, after, todo):
    if (state, event) == ("APPLYING", "APPLIED"):
        return "KEEPING", ["RECORD", "KEEP", "TIMER"]


def undo_forgotten(state, event, after, todo):
    if state == "UNDOING" and event in ("ACTOR_LOST", "TIMEOUT", "RESTARTED"):
        return "UNKNOWN", ["NUMBER", "RECORD", "END", "CHECK", "INSPECT", "TIMER"]


def stuck_taken_on_trust(state, event, after, todo):
    if (state, event) == ("STUCK", "ACCEPT"):
        return "UNDONE", ["RECORD", "TELL"]


def no_deadline(state, event, after, todo):
    if (state, event) == ("ARMED", "RECORDED"):
        return after, [e for e in todo if e != "TIMER"]


# the names are those of the mutants in operation.pml
MUTANTS = {
    "M_UNDO_SAME_NUMBER": undo_same_number,
    "M_APPLY_UNRECORDED": apply_unrecorded,
    "M_UNDO_UNRECORDED": undo_unrecorded,
    "M_KEEP_BLINDLY": keep_blindly,
    "M_UNDO_FORGOTTEN": undo_forgotten,
    "M_STUCK_ON_TRUST": stuck_taken_on_trust,
    "M_NO_DEADLINE": no_deadline,
}


def pack(todo, effects):
    return sum((effects.index(e) + 1) << 4 * i for i, e in enumerate(todo))


def write(states, events, effects, rows):
    print("/* Made from core/operation.def by table.py. */")
    for i, (name, _) in enumerate(states, 1):
        print("#define S_%s %d" % (name, i))
    for i, name in enumerate(events, 1):
        print("#define E_%s %d" % (name, i))
    for i, name in enumerate(effects, 1):
        print("#define F_%s %d" % (name, i))
    print("#define IS_FINAL(s) (%s)" % " || ".join("(s) == S_%s" % s for s, final in states if final))
    print("inline look_up(s, e)\n{\n\tif")
    for state, event, after, todo in rows:
        here = "s == S_%s && e == E_%s" % (state, event)
        for mutant, change in MUTANTS.items():
            changed = change(state, event, after, todo)
            if changed and changed != (after, todo):
                print("\t:: %s && mutant == %s -> next = S_%s; todo = %d" % (here, mutant, changed[0], pack(changed[1], effects)))
                here += " && mutant != " + mutant
        print("\t:: %s -> next = S_%s; todo = %d /* row %s %s */" % (here, after, pack(todo, effects), state, event))
    print("\t:: else -> next = 0; todo = 0\n\tfi\n}")


def main():
    with open(sys.argv[1], encoding="utf-8") as table:
        write(*parse(table.read()))


if __name__ == "__main__":
    main()
