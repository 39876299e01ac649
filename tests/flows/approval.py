#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two people, each with an account and a terminal of their own: what policy wants a second person for waits for one.

Ann is an operator by her uid on the unix socket, Bea an approver by a client certificate over TLS 1.3; both certificates and
the authority are made here, for this run. The amber check is made where the fleet file's default asks for it (`approval:
amber`) and no other place. Ann confirms and cannot approve what is her own; a token cannot approve; another hash does not
count; Bea approves the same hash, once at the command's question and once with `A` on her dashboard, and only then does a
node move. Nobody's approval: called off by Ann. That it expires after ten minutes is tests/unit/test_engine.c's, on a clock
of its own.

    tests/flows/approval.py [BUILD]
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import acting  # noqa: E402
import certs  # noqa: E402
import refusals  # noqa: E402
import stage  # noqa: E402


class Fleet(refusals.Fleet):
	"""Reached by the unix socket, and by TLS for those who come with a certificate or a token."""

	def __init__(self, build):
		super().__init__(build)
		self.certs = certs.Certs(os.path.join(self.folder, "tls"))
		self.certs.make("server", "server-ca", "server")
		self.certs.make("bea", "clients", "client")
		with socket.socket() as s:
			s.bind(("127.0.0.1", 0))
			self.port = s.getsockname()[1]
		done = subprocess.run([f"{build}/catchment", "token", "script", "--role", "operator"], capture_output=True, text=True, check=True, timeout=20)
		self.token_row = next(line for line in done.stdout.splitlines() if "token: script" in line)
		with open(os.path.join(self.folder, "script-token"), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
			f.write(done.stdout.splitlines()[0])
		tls = f"{build}/catchment --backend https://127.0.0.1:{self.port} --ca {self.certs.path('server-ca', 'pem')}"
		self.bea = f"{tls} --cert {self.certs.path('bea', 'pem')} --key {self.certs.path('bea', 'key')}"
		self.script = f"{tls} --token-file {self.folder}/script-token"

	def amend(self, text):
		text = super().amend(text).replace("approval: never", "approval: amber").replace("user: tester", "user: ann")
		text = text.replace("limits:", (
			f"  - {{user: bea, cert: \"{self.certs.fingerprint('bea')}\", role: approver}}\n"
			f"{self.token_row}\n"
			"limits:"), 1)
		return text + "tls: {cert: tls/server.pem, key: tls/server.key, client_ca: tls/clients.pem}\n"

	def daemon_options(self):
		return ["--listen", f"127.0.0.1:{self.port}"]

	def run_as(self, who, *words):
		done = subprocess.run([*who.split(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
		return done.returncode, done.stdout, done.stderr

	def op(self, ident):
		return self.call("GET", f"/v1/ops/{ident}")[1]


class Person:
	"""A terminal of one's own, beside the other's."""

	def __init__(self, fleet, name):
		self.folder = os.path.join(fleet.folder, name)
		os.mkdir(self.folder)
		self.terminal = stage.Terminal(self.folder, 120, 50)

	def close(self):
		stage.close_terminal(self.folder)


def answers(person, text):
	"""As somebody who has read the question: what comes with it does not count."""
	time.sleep(1)
	person.terminal.type(text)


class Flow(acting.Flow):
	def __init__(self, checks, fleet):
		super().__init__(checks, fleet)
		self.ann, self.bea = Person(fleet, "ann"), Person(fleet, "bea")

	def sees(self, person, what, *texts, seconds=20):
		took = person.terminal.shows(*texts, seconds=seconds)
		self.checks.say(took is not None, what, "" if took is not None else "\n" + person.terminal.screen())
		return took is not None

	def waiting(self):
		found = [op for op in self.fleet.get("ops") if op["state"] == "waiting"]
		return found[0]["id"] if found else None

	def is_still(self, title):
		"""Nothing has moved, and nothing was begun."""
		op = self.fleet.op(self.waiting()) if self.waiting() else None
		self.say(op and op["started"] is None and set(self.fleet.truth().values()) == self.still, f"{title}: nothing moves yet",
			f"{op} {self.fleet.truth()}")


def ask_for_it(flow, pop):
	"""Ann, at her command's question."""
	flow.still = set(flow.fleet.truth().values())
	flow.ann.terminal.type("clear")
	flow.ann.terminal.type(f"{flow.fleet.catchment} drain {pop} --reason 'card replaced' --wait; echo ended with $?")
	flow.sees(flow.ann, f"{pop}: Ann is told that another person is needed", "Another person must approve it after you.")
	answers(flow.ann, pop)
	flow.sees(flow.ann, f"{pop}: it waits for another person", "waiting")
	flow.say(stage.within(10, flow.waiting) is not None, f"{pop}: so says the backend", str(flow.fleet.get("ops")))
	flow.is_still(f"{pop}, confirmed")
	return flow.waiting() or "0000000000000000"


def not_by(flow, title, who, ident, words):
	status, out, err = flow.fleet.run_as(who, "op", "approve", ident, "--yes")
	flow.say(status == 9 and words in err, f"{title}: status 9, and a sentence", f"{status}\n{out}\n{err}")
	flow.is_still(title)


def refused_to_others(flow, ident):
	fleet = flow.fleet
	not_by(flow, "Ann cannot approve her own", fleet.catchment, ident, "another person has to approve")
	not_by(flow, "a token cannot approve", fleet.script, ident, "approving needs a person")
	status, answer = fleet.call("POST", f"/v1/ops/{ident}/approve", {"hash": "0" * 64})
	flow.say(status == 403, "nor does Ann by the API: 403", f"{status} {answer}")
	done = subprocess.run(["curl", "-sS", "--cacert", "server-ca.pem", "--cert", "bea.pem", "--key", "bea.key", "-H", "Content-Type: application/json",
		"-d", json.dumps({"hash": "0" * 64}), f"https://127.0.0.1:{fleet.port}/v1/ops/{ident}/approve"],
		cwd=fleet.certs.folder, capture_output=True, text=True, timeout=20, check=False) if shutil.which("curl") else None
	if done:
		answer = json.loads(done.stdout)
		flow.say(answer["status"] == 409 and answer["code"] == "conflict", "Bea's word for another hash does not count: 409", done.stdout)
	status, _, err = fleet.run_as(fleet.bea, "drain", "fra", "--yes", "--reason", "mine")
	flow.say(status == 9, "an approver cannot drain by herself: status 9", f"{status} {err}")
	flow.is_still("after all that")


def approved_by_command(flow):
	ident = ask_for_it(flow, "fra")
	refused_to_others(flow, ident)
	plan = flow.fleet.call("GET", f"/v1/plans/{ident}")[1]
	flow.bea.terminal.type(f"{flow.fleet.bea} op approve {ident} --wait; echo ended with $?")
	flow.sees(flow.bea, "Bea sees the plan that Ann asked for, by its hash", "Approve what ann asked for: drain fra?", plan["hash"][:8])
	flow.is_still("before Bea has answered")
	answers(flow.bea, "fra")
	flow.sees(flow.bea, "Bea's terminal follows it to its end: status 0", "ended with 0", seconds=60)
	flow.sees(flow.ann, "and so does Ann's, which had waited: status 0", "ended with 0", seconds=60)
	op = flow.fleet.op(ident)
	flow.say(op["state"] == "done" and op["by"] == "ann" and op["approver"] == "bea" and op["plan_hash"] == plan["hash"],
		"the record has both names, and the hash that both saw", str(op)[:600])
	flow.say(flow.fleet.is_out("fra"), "fra is off the wire", "")


def approved_by_dashboard(flow):
	"""An undrain with an amber check, and `A`."""
	flow.still = set(flow.fleet.truth().values())
	flow.ann.terminal.type("clear")
	flow.ann.terminal.type(f"{flow.fleet.catchment} undrain fra --wait; echo ended with $?")
	flow.sees(flow.ann, "undrain: Ann is asked", "anything else is no:")
	answers(flow.ann, "yes")
	flow.say(stage.within(10, flow.waiting) is not None, "undrain: it waits for another person too", str(flow.fleet.get("ops"))[-600:])
	flow.is_still("undrain")
	flow.bea.terminal.type("clear")
	flow.bea.terminal.type(flow.fleet.bea)
	flow.sees(flow.bea, "Bea's dashboard is there", "? help")
	flow.bea.terminal.keys("6")
	flow.sees(flow.bea, "and shows what waits", "waiting")
	flow.bea.terminal.keys("A")
	flow.sees(flow.bea, "A shows the plan", "To approve undrain fra, type yes and then press Y")
	time.sleep(1)
	flow.bea.terminal.keys("y", "e", "s")
	flow.sees(flow.bea, "it waits for Y", "Press Y now")
	for _ in range(20):
		flow.bea.terminal.keys("Y")
		if flow.bea.terminal.shows("approved by bea", seconds=0.5) is not None:
			break
	flow.sees(flow.ann, "Ann's terminal sees it done: status 0", "ended with 0", seconds=60)
	flow.say(stage.within(10, lambda: flow.fleet.is_in("fra")) is not None, "fra announces again", "")


def called_off(flow):
	ident = ask_for_it(flow, "iad")
	status, out, err = flow.fleet.run("op", "cancel", ident, "--yes")
	flow.say(status == 0, "what nobody approves Ann calls off", f"{status}\n{out}\n{err}")
	stage.within(20, lambda: re.search(r"^ended with", flow.ann.terminal.screen(), re.MULTILINE))
	flow.say(re.search(r"^ended with [1-9]", flow.ann.terminal.screen(), re.MULTILINE), "her terminal ends, and not with 0",
		flow.ann.terminal.screen())
	status, _, err = flow.fleet.run_as(flow.fleet.bea, "op", "approve", ident, "--yes")
	flow.say(status == 8, "and Bea comes too late: status 8", f"{status} {err}")
	flow.say(flow.fleet.is_in("iad"), "iad never left", "")


def main():
	checks = stage.Checks()
	try:
		fleet = Fleet(stage.find_build())
	except certs.Missing:
		stage.skip("there is no openssl to make certificates with")
	flow = None
	try:
		fleet.start()
		if not checks.say(stage.within(60, fleet.is_ready) is not None, "every PoP announces and is ok", fleet.log()):
			return checks.end()
		flow = Flow(checks, fleet)
		approved_by_command(flow)
		approved_by_dashboard(flow)
		called_off(flow)
		status, out, err = fleet.run("audit", "verify")
		flow.say(status == 0, "audit verify: the log is whole", f"{status}\n{out}\n{err}")
		for person in (flow.ann, flow.bea):
			person.close()
		status = fleet.end()
		flow.say(status == 0, "catchmentd ends in order", f"{status}\n{fleet.log()}")
	finally:
		for person in (flow.ann, flow.bea) if flow else ():
			person.close()
		fleet.end()
		fleet.remove()
	return checks.end()


if __name__ == "__main__":
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
	sys.exit(main())
