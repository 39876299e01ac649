#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the backend, and of the actor, in every state of an operation, on real programs.

The states are read from core/operation.def: one that is new there and has no way of being reached here fails the test.
Every death has a fleet of its own: a catchmentd and four agents over HTTP, several at a time. The state is reached, and
kept where it would be too short to be met, by what the agents do: they answer late, lose an answer, carry an order out
later, cannot undo. Then the process dies, the backend is started again where it was the one, the agents are well again,
and nobody helps until the operation rests. Asserted for each:

  - at the moment of death a node that is off the wire has an open operation or a hold on the disk (no orphan drain)
  - no byte of the ledger that stood there is gone, and the operation is the one that was confirmed
  - done means off the wire under a hold; undone, refused, expired and cancelled mean announced, and no hold; what is left
    for a person (unconfirmed, stuck) is shown as that
  - a person can then bring every PoP back, no actor is left behind, and the chain of records verifies

    tests/flows/deaths.py [BUILD] [--only STATE] [--jobs N]
"""

import argparse
import concurrent.futures
import json
import os
import re
import secrets
import signal
import sys
import threading
import time
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import acting  # noqa: E402
import races  # noqa: E402
import stage  # noqa: E402

POPS = 4
POP, NODE = "fra", "fra1"
REST_S = 150            # the node's own undo waits 45 s, and is read some seconds later
FOR_EVER = 3600
TABLE = os.path.join(HERE, "..", "..", "core", "operation.def")
SANITIZER = re.compile(r".*(?:AddressSanitizer|LeakSanitizer|runtime error|Assertion).*")


def states():
	"""{word: is it final} of the one table."""
	with open(TABLE, encoding="utf-8") as f:
		found = re.findall(r'^OP_STATE\(\w+, "([a-z]+)", (true|false),', f.read(), re.MULTILINE)
	return {word: is_final == "true" for word, is_final in found}


STATES = states()


class Fleet(acting.Acting):
	def __init__(self, build, approval):
		super().__init__(build, POPS)
		self.approval = approval

	def agent_options(self):
		return super().agent_options() + ["--day", "86400"]

	def amend(self, text):
		text = text.replace("poll: 1s", "poll: 500ms").replace("min_pops: 3", "min_pops: 2")
		text = super().amend(text).replace("approval: never", f"approval: {self.approval}")
		return text + "limits: {drain_gap: 0d}\n"

	def control_say(self, line):
		with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/control", (line + "\n").encode(), timeout=10) as reply:
			reply.read()

	def truth(self):
		"""What the node really does, and the number and state of its newest order."""
		with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/list", timeout=10) as reply:
			words = next(line.split() for line in reply.read().decode().splitlines() if line.startswith(NODE + " "))
		return {"wire": words[2], "number": int(words[words.index("order") + 1]), "order": words[-1]}

	def call(self, method, path, body=None):
		"""(status, object); status 0: nobody answers."""
		caller = races.Caller(self.backend.removeprefix("unix:"))
		try:
			return caller.call(method, path, body)
		except (OSError, ValueError):
			return 0, None
		finally:
			caller.connection.close()

	def actors(self):
		found = []
		for pid in filter(str.isdigit, os.listdir("/proc")):
			try:
				with open(f"/proc/{pid}/cmdline", "rb") as f:
					words = f.read().split(b"\0")
			except OSError:
				continue
			if b"--actor" in words and os.path.join(self.folder, "fleet.yaml").encode() in words:
				found.append(int(pid))
		return found

	def ledger(self):
		with open(os.path.join(self.folder, "state", "ledger.jsonl"), "rb") as f:
			return f.read()


def fold(ledger):
	"""Operations and holds as the disk has them: a second reading of the log, by nothing of the backend's."""
	operations, holds = {}, {}
	for line in ledger.split(b"\n"):
		try:
			record = json.loads(line)
		except ValueError:
			continue  # the end that a crash has torn
		if record["kind"] == "operation":
			operations[record["operation"]["id"]] = record["operation"]
		if "hold" in record:
			if record["is_over"]:
				holds.pop(record["hold"]["id"], None)
			else:
				holds[record["hold"]["id"]] = record["hold"]
	return operations, holds


class Failed(Exception):
	pass


class Death:
	"""One case: a state, who dies in it, and what comes of it."""

	def __init__(self, build, state, whom, verb):
		self.state, self.whom, self.verb = state, whom, verb
		self.title = f"{verb}, {state}, {whom} killed"
		self.fleet = Fleet(build, "always" if state == "waiting" else "never")
		self.id = self.hash = None

	# --- little helps ---

	def until(self, what, is_so, seconds=30):
		if stage.within(seconds, is_so) is None:
			raise Failed(f"waited {seconds} s in vain until {what}; the operation: {self.op()}; the node: {self.fleet.truth()}")

	def op(self):
		status, answer = self.fleet.call("GET", f"/v1/ops/{self.id}")
		return answer if status == 200 else {}

	def now(self):
		return self.op().get("state")

	def await_state(self, state, seconds=30):
		self.until(f"it is {state}", lambda: self.now() == state, seconds)

	def plan(self, verb="drain", **more):
		status, answer = self.fleet.call("POST", "/v1/plans", {"verb": verb, "targets": [POP], "reason": "deaths.py", **more})
		if status != 201 or answer["op"]["state"] != "checked":
			raise Failed(f"planning: {status} {answer if status != 201 else answer['op']['text']}")
		self.id, self.hash = answer["op"]["id"], answer["hash"]
		self.typed = answer["typed"]
		self.until("the actor is ready", lambda: (self.fleet.call("GET", f"/v1/plans/{self.id}")[1] or
			{"actor": {"state": ""}})["actor"]["state"] == "ready")

	def confirm(self):
		status, answer = self.fleet.call("POST", f"/v1/plans/{self.id}/confirm",
			{"hash": self.hash, "typed": self.typed, "key": secrets.token_hex(8)})
		if status != 202:
			raise Failed(f"confirming: {status} {answer}")

	def carry_out(self, verb):
		self.plan(verb)
		self.confirm()
		self.await_state("done", 60)

	# --- how each state is reached, and kept ---

	def reach_draft(self):
		"""A plan is a draft within one turn of the backend's loop: it dies with the request on its way."""
		caller = races.Caller(self.fleet.backend.removeprefix("unix:"))
		caller.connection.request("POST", "/v1/plans", json.dumps({"verb": self.verb, "targets": [POP], "reason": "deaths.py"}),
			{"Content-Type": "application/json"})

	def reach_checked(self):
		self.plan(self.verb)

	def reach_waiting(self):
		self.plan(self.verb)
		self.confirm()
		self.await_state("waiting")

	def reach_confirmed(self):
		self.plan(self.verb)
		self.fleet.control_say(f"freeze {NODE}")
		self.confirm()
		self.await_state("confirmed")

	def reach_armed(self):
		"""The intent is on the disk, and the actor, stopped, has sent nothing."""
		self.plan(self.verb)
		for pid in self.fleet.actors():
			os.kill(pid, signal.SIGSTOP)
		before = self.fleet.truth()
		self.confirm()
		self.until("the intent is on disk", lambda: fold(self.fleet.ledger())[0].get(self.id, {}).get("state") == "armed")
		if self.fleet.truth() != before:
			raise Failed("the node was told something by a stopped actor")

	def reach_applying(self):
		self.plan(self.verb)
		self.fleet.control_say(f"lose-replies {NODE}")
		number = self.fleet.truth()["number"]
		self.confirm()
		self.until("the node took the order", lambda: self.fleet.truth()["number"] > number)
		self.await_state("applying")

	def reach_settling(self):
		self.plan(self.verb)
		self.fleet.control_say(f"act-late {NODE} {FOR_EVER}")
		self.confirm()
		self.await_state("settling")

	def reach_keeping(self):
		self.plan(self.verb)
		self.fleet.control_say(f"act-late {NODE} 2")
		self.confirm()
		self.await_state("settling")
		self.fleet.control_say(f"lose-replies {NODE}")
		self.await_state("keeping")

	def reach_measuring(self):
		"""Lasts as long as the rate takes to fall, a second or more."""
		self.plan(self.verb)
		self.confirm()
		self.await_state("measuring")

	def reach_unconfirmed(self):
		"""An undrain that does not come is given up after 12 s, and left as it is."""
		self.plan(self.verb)
		self.fleet.control_say(f"act-late {NODE} {FOR_EVER}")
		self.confirm()
		self.await_state("unconfirmed")

	def cancel(self):
		status, answer = self.fleet.call("POST", f"/v1/ops/{self.id}/cancel", {})
		if status != 202:
			raise Failed(f"cancelling: {status} {answer}")

	def reach_undoing(self):
		self.reach_settling()
		self.fleet.control_say(f"lose-replies {NODE}")
		self.cancel()
		self.await_state("undoing")

	def reach_stuck(self):
		self.reach_settling()
		self.fleet.control_say(f"undo-fails {NODE}")
		self.cancel()
		self.await_state("stuck")

	def reach_unknown(self):
		self.reach_applying()
		for pid in self.fleet.actors():
			os.kill(pid, signal.SIGKILL)
		self.await_state("unknown")

	# --- the death, and after ---

	def check_disk(self):
		"""What the disk says while nobody lives who could know better."""
		operations, holds = fold(self.fleet.ledger())
		truth = self.fleet.truth()
		is_owned = any(h["pop"] == POP for h in holds.values()) or any(POP in o["targets"] and not STATES[o["state"]] for o in operations.values())
		if truth["wire"] != "announces" and not is_owned:
			raise Failed(f"an orphan: {NODE} is {truth['wire']}, and neither operation nor hold is on disk")

	def die(self):
		if self.whom == "backend":
			self.fleet.kill_daemon()
			self.check_disk()
		else:
			pids = self.fleet.actors()
			if not pids:
				raise Failed("there is no actor to kill")
			for pid in pids:
				os.kill(pid, signal.SIGKILL)

	def heal(self):
		for line in ("act-right", "answer"):
			self.fleet.control_say(f"{line} {NODE}")

	def rest(self):
		"""Until the operation needs nobody, or a person. Returns its state, None where it is gone."""
		resting = [s for s in STATES if STATES[s]] + ["unconfirmed", "stuck", "checked", "waiting"]
		is_there = lambda: self.fleet.call("GET", "/v1/ops")[0] == 200  # noqa: E731
		self.until("the backend answers", is_there, 20)
		if self.id is None or (self.whom == "backend" and self.id not in fold(self.before)[0]):
			return None
		self.until("the operation rests", lambda: self.now() in resting, REST_S)
		return self.now()

	def check_end(self, state):
		status, holds = self.fleet.call("GET", "/v1/holds")
		truth = self.fleet.truth()
		text = f"{state}; the node {truth}; holds {[h['reason'] for h in holds]}; {self.op().get('text')}"
		is_drained = truth["wire"] != "announces"
		if state in ("unconfirmed", "stuck"):
			is_right = self.op()["text"] != ""
		elif state == "done":
			is_right = is_drained == bool(holds) and is_drained == (self.verb == "drain")
		elif self.verb == "undrain":
			is_right = is_drained == bool(holds) and is_drained
		else:
			is_right = not is_drained and not holds
		if status != 200 or not is_right:
			raise Failed(f"wire, hold and record do not agree: {text}")
		if state is not None and self.op().get("plan_hash") != self.hash:
			raise Failed(f"the record is another one: {self.op()}")
		return text

	def check_ledger(self):
		now = self.fleet.ledger()
		kept = self.before[:self.before.rfind(b"\n") + 1]
		if not now.startswith(kept):
			raise Failed("records that stood in the ledger are gone")
		status, out, err = self.fleet.run("audit", "verify")
		if status != 0:
			raise Failed(f"audit verify: {status} {out}{err}")

	def person(self):
		"""Brings the PoP back by what a person has: cancel, accept, undrain."""
		for op in self.fleet.call("GET", "/v1/ops")[1]:
			if op["state"] in ("unconfirmed", "stuck"):
				verb = "cancel" if op["verb"] == "drain" else "accept"
				self.fleet.call("POST", f"/v1/ops/{op['id']}/{verb}", {})
			elif op["state"] in ("checked", "waiting"):
				self.fleet.call("POST", f"/v1/ops/{op['id']}/cancel", {})
			elif not STATES[op["state"]]:
				return
		if self.fleet.call("GET", "/v1/holds")[1]:
			status, answer = self.fleet.call("POST", "/v1/plans", {"verb": "undrain", "targets": [POP], "reason": "over"})
			if status == 201 and answer["op"]["state"] == "checked":
				self.fleet.call("POST", f"/v1/plans/{answer['op']['id']}/confirm",
					{"hash": answer["hash"], "typed": answer["typed"], "key": secrets.token_hex(8)})

	def is_back(self):
		status, holds = self.fleet.call("GET", "/v1/holds")
		status2, ops = self.fleet.call("GET", "/v1/ops")
		return status == status2 == 200 and not holds and self.fleet.truth()["wire"] == "announces" and \
			all(STATES[op["state"]] for op in ops) and not self.fleet.actors()

	def bring_back(self):
		end = time.monotonic() + 90
		while not self.is_back():
			if time.monotonic() > end:
				raise Failed(f"a person cannot bring {POP} back: {self.fleet.truth()} {self.fleet.call('GET', '/v1/holds')[1]} "
					f"{[(o['state'], o['text']) for o in self.fleet.call('GET', '/v1/ops')[1]]} {self.fleet.actors()}")
			self.person()
			stage.within(2, self.is_back)

	def live(self):
		fleet = self.fleet
		fleet.start()
		self.until("every PoP announces", fleet.is_whole, 60)
		if self.verb == "undrain":
			self.carry_out("drain")
		getattr(self, "reach_" + self.state)()
		self.die()
		self.before = fleet.ledger()
		late = fleet.actors()
		self.heal()
		if self.whom == "backend":
			fleet.start_daemon()
			self.until("the backend answers", lambda: fleet.call("GET", "/v1/ops")[0] == 200, 20)
		for pid in late:
			wake(pid)  # the one that was stopped finds a backend gone, or a number that is too old
		text = self.check_end(self.rest())
		if self.verb == "undrain":
			fleet.control_say(f"announce {NODE}")
		self.bring_back()
		self.check_ledger()
		trouble = SANITIZER.findall(fleet.log())
		if trouble:
			raise Failed(trouble[0])
		return text

	def run(self):
		start = time.monotonic()
		try:
			return True, f"{self.live()} ({time.monotonic() - start:.0f} s)"
		except Failed as error:
			return False, f"{error}\n{self.fleet.log()[-1500:]}"
		finally:
			self.fleet.end()
			self.fleet.remove()


def wake(pid):
	try:
		os.kill(pid, signal.SIGCONT)
	except ProcessLookupError:
		pass


# No actor runs in these: there is none yet, or it was ended with the state before.
WITHOUT_ACTOR = {"draft", "unconfirmed", "stuck"}
# What an undrain passes in one turn, because nodes keep it at once; and what it does not have.
NOT_UNDRAINED = {"draft", "checked", "waiting", "keeping", "measuring", "undoing", "stuck"}
# Their drains wait until the node has undone by itself: they begin first.
SLOW = {"applying", "settling", "unknown"}
# A drain gets here after two minutes of measuring; the undrain's way is shorter, and the state is the same.
NOT_DRAINED = {"unconfirmed"}


def cases(build, only):
	for state, is_final in STATES.items():
		if is_final or (only and state != only):
			continue
		for verb in ("drain", "undrain"):
			if state in (NOT_UNDRAINED if verb == "undrain" else NOT_DRAINED):
				continue
			for whom in ("backend", "actor"):
				if whom == "backend" or state not in WITHOUT_ACTOR:
					yield Death(build, state, whom, verb)


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
	parser.add_argument("build", nargs="?")
	parser.add_argument("--only", choices=[s for s in STATES if not STATES[s]], help="one state")
	parser.add_argument("--jobs", type=int, default=12, help="fleets at a time")
	args = parser.parse_args()
	checks = stage.Checks()
	build = stage.find_build(args.build)
	unknown = [s for s, is_final in STATES.items() if not is_final and not hasattr(Death, "reach_" + s)]
	checks.say(STATES and not unknown, f"each of {len(STATES)} states of core/operation.def is final or is reached here",
		" ".join(unknown))
	lock = threading.Lock()

	def one(case):
		is_good, text = case.run()
		with lock:
			checks.say(is_good, case.title, text)

	with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
		list(pool.map(one, sorted(cases(build, args.only), key=lambda case: case.state not in SLOW)))
	return checks.end()


if __name__ == "__main__":
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
	sys.exit(main())
