#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What must be refused is refused by dashboard, command line and API alike, in the same words.

One table of situations, each made on real programs: the last PoP, a stale view, too little of the fleet in sight, a second
PoP over budget. All three ways are asked each time. The command ends with 4, the API answers 409 to
whoever confirms all the same, the dashboard says that nobody can confirm, and the name typed there, and Y, do nothing. Then the prompt that is
open while a session of its PoP changes: void, 409, status 8, in the same three ways and at the question of the command.
Whether anything was done is asked of the agents and of the record, never of the screen.

    tests/flows/refusals.py [BUILD]
"""

import json
import os
import re
import secrets
import signal
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import acting  # noqa: E402
import races  # noqa: E402
import stage  # noqa: E402

POPS = 6
OTHERS = ("iad", "sin", "lhr", "nrt", "gru")


class Fleet(acting.Acting):
	def __init__(self, build):
		super().__init__(build, POPS)

	def agent_options(self):
		return super().agent_options() + ["--day", "86400"]

	def amend(self, text):
		text = super().amend(text.replace("min_pops_per_region: 1", "min_pops_per_region: 0"))
		return text.replace("max_drained: 2", "max_drained: 1") + "limits: {drain_gap: 0d}\n"

	def say(self, *lines):
		body = ("\n".join(lines) + "\n").encode()
		with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/control", body, timeout=10) as reply:
			reply.read()

	def truth(self):
		"""What every node does, and the number of its newest order."""
		with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/list", timeout=10) as reply:
			rows = [line.split() for line in reply.read().decode().splitlines()]
		return {row[0]: (row[2], row[row.index("order") + 1]) for row in rows}

	def call(self, method, path, body=None):
		return races.Caller(self.backend.removeprefix("unix:")).call(method, path, body)

	def plan(self, pop, verb="drain"):
		return self.call("POST", "/v1/plans", {"verb": verb, "targets": [pop], "reason": "refusals.py"})

	def confirm(self, plan):
		return self.call("POST", f"/v1/plans/{plan['op']['id']}/confirm",
			{"hash": plan["hash"], "typed": plan["typed"], "key": secrets.token_hex(8)})

	def verdict(self, pop):
		return next(p["verdict"] for p in self.get("pops") if p["pop"] == pop)

	def is_ready(self):
		"""Every PoP announces and is heard, and none is held: a plan finds nothing wrong."""
		pops = self.get("pops") or []
		return bool(pops) and all(set(p["announced"].values()) == {"announced"} and p["qps"] is not None and not p["holds"] and
			p["verdict"] == "ok" for p in pops)

	def carry_out(self, verb, pop):
		status, _, err = self.run(verb, pop, "--yes", "--reason", "refusals.py", "--wait")
		return status == 0 or err


def withdrawn_elsewhere(fleet):
	fleet.say(*(f"withdraw {pop}" for pop in OTHERS))
	return stage.within(15, lambda: all(fleet.is_out(pop) for pop in OTHERS)) is not None


def frozen(*pops):
	def make(fleet):
		fleet.say(*(f"freeze {pop}" for pop in pops))
		return stage.within(20, lambda: all(fleet.verdict(pop) in ("unreachable", "silent", "unknown") for pop in pops)) is not None
	return make


def one_drained(fleet):
	return fleet.carry_out("drain", "iad") is True


def none_drained(fleet):
	return fleet.carry_out("undrain", "iad") is True


REFUSED = (409, "refused", 4)

# what it is called; how it is made; the gate that must speak; a word of its sentence; how that ends; what takes it back
SITUATIONS = (
	("the last PoP", withdrawn_elsewhere, "last pop", r"nobody may withdraw the last one", REFUSED, None),
	("too few would announce", withdrawn_elsewhere, "announce count", r"would be announced by 0 PoPs, min_pops is", REFUSED, None),
	("a stale view of the target", frozen("fra"), "fresh data", r"was last read|last seen longer", REFUSED, None),
	("too little in sight", frozen("iad"), "view quorum", r"5 of 6 PoPs are visible", REFUSED, None),
	("a second PoP over budget", one_drained, "budget", r"2 PoPs would be drained or held .*max_drained is 1", REFUSED, none_drained),
)


class Flow(acting.Flow):
	def __init__(self, checks, fleet):
		super().__init__(checks, fleet)
		self.open(cols=120, rows=50)

	def unchanged(self, title, before):
		now = (self.fleet.truth(), len(self.operations()))
		self.say(now == before, f"{title}: nothing was changed, and nothing begun", f"{before}\n{now}")

	def ask_api(self, title, gate, words, end):
		status, plan = self.fleet.plan("fra")
		gates = json.loads(plan["bytes"])["gates"] if status == 201 else []
		said = [g["text"] for g in gates if g["gate"] == gate and g["level"] == "refuse"]
		self.say(status == 201 and plan["op"]["state"] == "refused" and said and re.search(words, said[0]),
			f"{title}, API: the plan is refused, and {gate} says why", f"{status} {said or plan}")
		if status != 201:
			return
		status, answer = self.fleet.confirm(plan)
		self.say((status, answer["code"], answer["exit"]) == end and len(answer["detail"]) > 20,
			f"{title}, API: and takes no confirmation: {end}, and a sentence", f"{status} {answer}")

	def ask_command(self, title, gate, words, end):
		status, out, err = self.fleet.run("drain", "fra", "--yes", "--reason", "refusals.py", "--wait")
		text = re.sub(r"\s+", " ", out + err)
		self.say(status == end[2] and gate in text and re.search(words, text) and re.match(r"catchment: .{20,}", err),
			f"{title}, command: status {end[2]}, and the sentence", f"{status}\n{out}\n{err}")
		status, out, err = self.fleet.run("drain", "fra", "--yes", "--reason", "refusals.py", "-o", "json")
		try:
			code = json.loads(err)["code"]
		except (ValueError, KeyError):
			code = None
		self.say(status == end[2] and code == end[1] and json.loads(out)["op"]["state"] == "refused",
			f"{title}, command -o json: status {end[2]}, one document, and the error as JSON", f"{status}\n{out[:300]}\n{err}")

	def to_the_plan(self):
		self.terminal.keys(":")
		self.terminal.type("drain fra")
		self.shows("the form is there", "reason", "Enter shows the plan")
		self.terminal.type("refusals.py")

	def ask_dashboard(self, title, gate, words):
		self.to_the_plan()
		self.shows(f"{title}, dashboard: nobody can confirm it", "REFUSED: nobody can confirm this plan")
		text = re.sub(r"\s+", " ", self.terminal.screen())
		self.say(f"refuse {gate}" in text and re.search(words, text), f"{title}, dashboard: {gate} says why", self.terminal.screen())
		self.terminal.keys("f", "r", "a")
		self.terminal.keys("Y")
		self.terminal.keys("Escape")
		self.shows(f"{title}, dashboard: and esc leaves", "Nothing was changed")
		self.terminal.keys("Escape")


def flow_refused(flow):
	fleet = flow.fleet
	for title, make, gate, words, end, unmake in SITUATIONS:
		flow.say(make(fleet), f"{title}: made", "")
		before = (fleet.truth(), len(flow.operations()))
		flow.ask_api(title, gate, words, end)
		flow.ask_command(title, gate, words, end)
		flow.ask_dashboard(title, gate, words)
		flow.unchanged(title, before)
		if unmake:
			flow.say(unmake(fleet), f"{title}: unmade", "")
		fleet.say("normal all")
		flow.say(stage.within(30, fleet.is_ready) is not None, f"{title}: every PoP is ok again", json.dumps(fleet.get("pops"))[:800])


def change_session(flow, title):
	"""A session of the target drops, and the backend has seen it."""
	flow.fleet.say("session-down fra1 transit1_v4")
	took = stage.within(10, lambda: any(s["node"] == "fra1" and s["state"] != "Established" for s in flow.fleet.get("sessions")))
	flow.say(took is not None, f"{title}: a session changes meanwhile", "")


def change_back(flow, title):
	flow.fleet.say("session-up fra1")
	flow.say(stage.within(20, flow.fleet.is_ready) is not None, f"{title}: every PoP is ok again", "")


VOID = r"fleet moved on|session"


def void_api(flow, title):
	status, plan = flow.fleet.plan("fra")
	flow.say(status == 201 and plan["op"]["state"] == "checked", f"{title}: planned", str(plan)[:300])
	change_session(flow, title)
	status, answer = flow.fleet.confirm(plan)
	flow.say(status == 409 and answer["code"] == "conflict" and answer["exit"] == 8 and re.search(VOID, answer["detail"]),
		f"{title}: 409, conflict, and what has changed", f"{status} {answer}")
	status, answer = flow.fleet.confirm(plan)
	flow.say(status == 409 and answer["code"] == "conflict", f"{title}: and stays void", f"{status} {answer}")


def void_command(flow, title):
	status, plan = flow.fleet.plan("fra")
	flow.say(status == 201 and plan["op"]["state"] == "checked", f"{title}: planned", str(plan)[:300])
	change_session(flow, title)
	status, out, err = flow.fleet.run("drain", "fra", "--plan", plan["op"]["id"], "--yes", "--reason", "refusals.py", "--wait")
	flow.say(status == 8 and re.search(VOID, err), f"{title}: status 8, and what has changed", f"{status}\n{out}\n{err}")


def void_question(flow, title):
	"""A person sits before the command's question."""
	flow.terminal.keys("q")
	flow.shows(f"{title}: the shell is there", "ended with 0")
	flow.terminal.type("clear")
	flow.terminal.type(f"{flow.fleet.catchment} drain fra --reason refusals.py; echo ended with $?")
	flow.shows(f"{title}: it asks", "anything else is no:")
	change_session(flow, title)
	flow.terminal.type("fra")
	flow.shows(f"{title}: status 8", "ended with 8")
	flow.say(re.search(VOID, flow.terminal.screen()), f"{title}: and what has changed", flow.terminal.screen())
	flow.terminal.type("clear")
	flow.terminal.type(flow.fleet.catchment)
	flow.shows("the map is there again", "D drain")


def void_dashboard(flow, title):
	flow.to_the_plan()
	flow.shows(f"{title}: the prompt is open", "To drain fra, type fra and then press Y", "actor ready")
	change_session(flow, title)
	flow.terminal.keys("f", "r", "a")
	flow.shows(f"{title}: it waits for Y", "Press Y now")
	# a Y that comes at once is told to come again
	for _ in range(20):
		flow.terminal.keys("Y")
		if flow.terminal.shows("the fleet moved on", seconds=0.5) is not None:
			break
	flow.shows(f"{title}: it says that it is void", "the fleet moved on")
	flow.terminal.keys("Escape")


def flow_void(flow):
	before = (flow.fleet.truth(), len(flow.operations()))
	for title, way in (("void, API", void_api), ("void, command", void_command), ("void, question", void_question),
			("void, dashboard", void_dashboard)):
		way(flow, title)
		change_back(flow, title)
	flow.unchanged("void", before)


def main():
	checks = stage.Checks()
	fleet = Fleet(stage.find_build())
	try:
		fleet.start()
		if not checks.say(stage.within(60, fleet.is_ready) is not None, "every PoP announces and is ok", fleet.log()):
			return checks.end()
		flow = Flow(checks, fleet)
		flow_refused(flow)
		flow_void(flow)
		status, out, err = fleet.run("audit", "verify")
		flow.say(status == 0, "audit verify: the log is whole", f"{status}\n{out}\n{err}")
		flow.terminal.close()
		status = fleet.end()
		flow.say(status == 0, "catchmentd ends in order", f"{status}\n{fleet.log()}")
	finally:
		stage.close_terminal(fleet.folder)
		fleet.end()
		fleet.remove()
	return checks.end()


if __name__ == "__main__":
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
	sys.exit(main())
