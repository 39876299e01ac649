#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Races of two operators for the last spare PoP, on a real catchmentd over its unix socket.

Four PoPs of which three must announce: one may leave, and two people want one each at the same moment. Each is a process
of its own, two accounts where the test may change its uid (root), and both plan at one barrier and confirm at the next.
Both must be told that their plan is good, exactly one may win, and the other is told why not, in a sentence. That nobody
else was touched is asked of the agents, which did or did not withdraw, and at the end of the audit log.

Three kinds take turns: for two PoPs, for the same PoP, and for two PoPs without waiting until the actors are ready. The
winner is taken back by `cancel`, in every 25th race it is measured to its end and undrained by a plan of its own.

    tests/flows/races.py [BUILD] [--races N] [--seconds S]      without --races: as many as fit into S
"""

import argparse
import http.client
import itertools
import json
import multiprocessing
import os
import re
import secrets
import signal
import socket
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import acting  # noqa: E402
import stage  # noqa: E402

POPS = 4
OTHER_UID = 65534
FULL_EVERY = 25
FINAL = ("refused", "expired", "cancelled", "done", "undone")
LATEST_S = 20           # a race that takes longer has failed
AT_LEAST = 20           # races, or the test says nothing


class UnixConnection(http.client.HTTPConnection):
	def __init__(self, path):
		super().__init__("localhost", timeout=LATEST_S)
		self.path = path

	def connect(self):
		self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
		self.sock.settimeout(self.timeout)
		self.sock.connect(self.path)


class Caller:
	"""One kept connection to the backend."""

	def __init__(self, path):
		self.connection = UnixConnection(path)

	def call(self, method, path, body=None):
		"""(status, object)"""
		self.connection.request(method, path, None if body is None else json.dumps(body),
			{} if body is None else {"Content-Type": "application/json"})
		reply = self.connection.getresponse()
		return reply.status, json.loads(reply.read() or b"null")

	def get(self, path):
		status, answer = self.call("GET", path)
		return answer if status == 200 else None


class Operator:
	"""A person: a process with an account and a connection of its own, that acts when both are at the barrier."""

	def __init__(self, path, uid, barrier):
		self.pipe, theirs = multiprocessing.Pipe()
		self.process = multiprocessing.Process(target=self.serve, args=(path, uid, barrier, theirs), daemon=True)
		self.process.start()
		theirs.close()

	@staticmethod
	def serve(path, uid, barrier, pipe):
		stage.die_with_parent()
		if uid != os.getuid():
			os.setgroups([])
			os.setresuid(uid, uid, uid)
		caller = Caller(path)
		while True:
			try:
				request = pipe.recv()
			except EOFError:
				return
			barrier.wait()
			try:
				pipe.send(caller.call(*request))
			except (OSError, http.client.HTTPException, ValueError) as error:
				pipe.send((0, {"detail": str(error)}))


def together(operators, requests):
	"""Both send at once; both answers."""
	for operator, request in zip(operators, requests):
		operator.pipe.send(request)
	return [operator.pipe.recv() for operator in operators]


class Arena(acting.Acting):
	"""Polled ten times a second, so that a race does not wait for facts; nothing that a race is about is loosened."""

	def agent_options(self):
		return super().agent_options() + ["--day", "86400"]  # no evening peak on which all depends

	def amend(self, text):
		text = text.replace("poll: 1s", "poll: 100ms")
		text = text.replace("spare: 1}", "spare: 0, max_drained: 3, max_load: 100%, approval: never}")
		# announce count alone must decide: the region's own limit would hide it
		text = text.replace("min_pops_per_region: 1", "min_pops_per_region: 0")
		# and so must capacity, judged by rates that are measured over a tenth of a second
		text = re.sub(r"capacity_qps: \d+", "capacity_qps: 2000000", text)
		rows = "".join(f"  - {{user: {name}, uid: {uid}, role: operator}}\n" for name, uid in self.people())
		return text + f"\nlimits: {{drain_gap: 0d, drains_per_hour: 1000}}\naccess:\n{rows}"

	def people(self):
		own = [("ann", os.getuid())]
		return own + ([("ben", OTHER_UID)] if os.getuid() == 0 else [])

	def uids(self):
		return [uid for _, uid in itertools.islice(itertools.cycle(self.people()), 2)]

	def socket(self):
		return self.backend.removeprefix("unix:")

	def truth(self):
		"""{node: does it announce}, by the agents' own word."""
		with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/list", timeout=10) as reply:
			lines = reply.read().decode().splitlines()
		return {line.split()[0]: line.split()[2] == "announces" for line in lines}


class Race:
	def __init__(self, fleet, checks, operators):
		self.fleet, self.checks, self.operators = fleet, checks, operators
		self.caller = Caller(fleet.socket())
		self.failures, self.run, self.times = 0, 0, []
		self.kinds = {"two PoPs": 0, "one PoP": 0, "without waiting": 0}
		self.why, self.won = {}, {}
		self.pairs = None

	def fail(self, text):
		self.failures += 1
		self.checks.say(False, f"race {self.run + 1}", text)
		return False

	def op(self, ident):
		return self.caller.get(f"/v1/ops/{ident}") or {}

	def until(self, is_so, seconds=LATEST_S):
		end = time.monotonic() + seconds
		while time.monotonic() < end:
			if is_so():
				return True
			time.sleep(0.003)
		return False

	def is_whole(self):
		pops = self.caller.get("/v1/pops") or []
		return len(pops) == POPS and all(set(p["announced"].values()) == {"announced"} and not p["holds"] and p["qps"] is not None
			and p["verdict"] == "ok" for p in pops)

	def plan_both(self, targets):
		"""Two plans that are good at the same moment; facts are awaited, not gates talked out of."""
		end = time.monotonic() + LATEST_S
		while True:
			answers = together(self.operators, [("POST", "/v1/plans",
				{"verb": "drain", "targets": [t], "reason": "race for the last spare PoP"}) for t in targets])
			if all(status == 201 and answer["op"]["state"] == "checked" for status, answer in answers):
				return [answer for _, answer in answers]
			for operator, (status, answer) in zip(self.operators, answers):
				if status == 201 and answer["op"]["state"] == "checked":
					operator.pipe.send(("POST", f"/v1/ops/{answer['op']['id']}/cancel", {}))
				else:
					operator.pipe.send(("GET", "/healthz"))
			for operator in self.operators:
				operator.pipe.recv()
			if time.monotonic() > end:
				break
			self.until(self.is_whole, 1)
		self.fail(f"two plans at once: {[(s, a.get('detail') or a['op']['text']) for s, a in answers]}")
		return None

	def judge_loser(self, status, answer, op):
		"""Refused at once or after the nodes were read again, by a gate (exit 4) or a conflict (exit 8), in a sentence."""
		is_at_once = status in (409, 422)
		text = (answer.get("detail") if is_at_once else op["text"]) or ""
		gate = text.split(":")[0]
		self.why[gate] = self.why.get(gate, 0) + 1
		if is_at_once and answer.get("code") not in ("refused", "conflict"):
			return False
		return op["state"] in ("refused", "expired") and len(text) > 20 and gate in ("announce count", "budget", "lock", "target")

	def take_back(self, op, winner, is_full):
		if not is_full:
			self.caller.call("POST", f"/v1/ops/{op['id']}/cancel", {})
			return self.until(lambda: self.op(op["id"]).get("state") == "undone")
		if not self.until(lambda: self.op(op["id"]).get("state") == "done", 150):
			return self.fail(f"the winner was not measured: {self.op(op['id'])}")
		status, plan = winner.call("POST", "/v1/plans", {"verb": "undrain", "targets": op["targets"], "reason": "the race is over"})
		if status == 201:
			status, plan = winner.call("POST", f"/v1/plans/{plan['op']['id']}/confirm",
				{"hash": plan["hash"], "typed": plan["typed"], "key": secrets.token_hex(8)})
		return status == 202 and self.until(lambda: self.op(plan["id"]).get("state") == "done", 60)

	def one(self, kind):
		a, b = next(self.pairs)
		plans = self.plan_both((a, a) if kind == "one PoP" else (a, b))
		if not plans:
			return False
		ids = [p["op"]["id"] for p in plans]
		if kind != "without waiting" and not self.until(lambda: all(
				self.caller.get(f"/v1/plans/{i}")["actor"]["state"] != "connecting" for i in ids)):
			return self.fail("the actors do not come")
		answers = together(self.operators, [("POST", f"/v1/plans/{p['op']['id']}/confirm",
			{"hash": p["hash"], "typed": p["typed"], "key": secrets.token_hex(8)}) for p in plans])
		ops = []

		def is_decided():
			ops[:] = [self.op(i) for i in ids]
			# one has won when its nodes took the steps, the other has lost when it is over
			return sum(o.get("state") in ("keeping", "measuring", "done") for o in ops) == 1 and \
				sum(o.get("state") in FINAL and not o["started"] for o in ops) == 1

		if not self.until(is_decided):
			return self.fail(f"not one winner and one loser: {[(s, x.get('detail'), o.get('state'), o.get('text')) for (s, x), o in zip(answers, ops)]}")
		loser = 0 if ops[0]["state"] in FINAL and not ops[0]["started"] else 1
		winner = ops[1 - loser]
		self.won[winner["by"]] = self.won.get(winner["by"], 0) + 1
		if not self.judge_loser(*answers[loser], ops[loser]):
			return self.fail(f"the loser is told {answers[loser]}, then {ops[loser]['state']}: {ops[loser]['text']}")
		truth = self.fleet.truth()
		gone = [node[:-1] for node, announces in truth.items() if not announces]
		if gone != winner["targets"]:
			return self.fail(f"{winner['targets']} won and {gone} left the wire")
		is_full = self.run % FULL_EVERY == FULL_EVERY - 1
		if not self.take_back(winner, Caller(self.fleet.socket()), is_full):
			return self.fail(f"the winner does not come back: {self.op(winner['id'])}")
		if not self.until(self.is_whole):
			return self.fail("not every PoP announces again")
		self.kinds[kind] += 1
		return True

	def all(self, races, seconds):
		names = [p["pop"] for p in self.caller.get("/v1/pops")]
		self.pairs = itertools.cycle(itertools.permutations(names, 2))
		kinds = itertools.cycle(self.kinds)
		start = time.monotonic()
		while self.failures == 0 and (self.run < races if races else time.monotonic() - start < seconds):
			began = time.monotonic()
			self.one(next(kinds))
			self.run += 1
			self.times.append(time.monotonic() - began)
		return time.monotonic() - start


def count_armed(fleet):
	"""How often an intent to drain was written, by the audit log."""
	_, out, _ = fleet.run("audit", "export")
	records = [json.loads(line) for line in out.splitlines()]
	return sum(r.get("kind") == "operation" and r["event"] == "gates hold" and r["operation"]["verb"] == "drain" for r in records)


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
	parser.add_argument("build", nargs="?")
	parser.add_argument("--races", type=int, default=0, help="so many, however long they take")
	parser.add_argument("--seconds", type=int, default=60, help="without --races: begin new ones for so long")
	args = parser.parse_args()
	checks = stage.Checks()
	fleet = Arena(stage.find_build(args.build), POPS)
	os.chmod(fleet.folder, 0o750)  # the second account is of our group
	try:
		fleet.start()
		checks.say(stage.within(60, fleet.is_whole) is not None, "every PoP announces, at a rate that is known")
		barrier = multiprocessing.Barrier(2)
		operators = [Operator(fleet.socket(), uid, barrier) for uid in fleet.uids()]
		race = Race(fleet, checks, operators)
		race.until(race.is_whole)
		took = race.all(args.races, args.seconds)
		people = "two accounts" if len(set(fleet.uids())) == 2 else "one account"
		times = sorted(race.times)
		checks.say(race.failures == 0 and race.run >= min(AT_LEAST, args.races or AT_LEAST),
			f"{race.run} races of two operators ({people}) for the last spare PoP, each with one winner",
			f"{took:.0f} s, {times[len(times) // 2] * 1000:.0f} ms each; {race.kinds}; won: {race.won}; what refused the other: {race.why}")
		armed = count_armed(fleet)
		checks.say(armed == race.run, "the audit log has one intent a race", f"{armed} intents, {race.run} races")
		status, out, err = fleet.run("audit", "verify")
		checks.say(status == 0, "audit verify: the log is whole", (out + err).strip())
		status = fleet.end()
		checks.say(status == 0, "catchmentd ends in order", f"{status}\n{fleet.log()[-2000:]}" if status else "")
	finally:
		fleet.end()
		fleet.remove()
	return checks.end()


if __name__ == "__main__":
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
	sys.exit(main())
