#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Drain and undrain on real routers, with clients asking all the while: what issue 3 promises for the lab.

Starts the lab, its traffic and catchmentd in the ops host, and acts as an operator's script would: `catchment drain` and
`undrain`, and the API where a race or a raw answer matters. Truth is read elsewhere: the clients' own logs (sender.py, who
answered and what was lost), `vtysh` and `birdc` on the transits.

  moves    withdraw and prefer-away on BIRD and FRR: the near client goes to another PoP in both families and comes back,
           without a lost query, and the times are recorded
  liar     a node whose tool claims to have withdrawn ends unconfirmed, never drained, and is undone
  deaf     transits that ignore GRACEFUL_SHUTDOWN are named
  refused  over budget, too few PoPs, the last PoP, a stale view: exit 4 (7 for old data) and a sentence, by command and API
  voided   a session that changes while the prompt is read voids the plan: 409, exit 8
  drift    what is changed by hand on a node shows as drift and is left alone
  killed   kill -9 of the backend, then of the actor, in every state that a drain passes, on BIRD and FRR: no orphan drain,
           no lost record

    tests/lab/acts.py [--build DIR] [--keep] [FLOW...]
"""

import argparse
import datetime
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import flows  # noqa: E402
import topology as topo  # noqa: E402

RATE = 100          # queries a second of each client
FINAL = ("refused", "expired", "cancelled", "done", "undone")
RESTING = FINAL + ("unconfirmed", "stuck")
SANITIZER = re.compile(r".*(?:AddressSanitizer|LeakSanitizer|runtime error|Assertion).*")


class UnixConnection(http.client.HTTPConnection):
	def __init__(self, path):
		super().__init__("localhost", timeout=20)
		self.path = path

	def connect(self):
		self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
		self.sock.settimeout(self.timeout)
		self.sock.connect(self.path)


class Backend(flows.Console):
	"""The product: its daemon in the ops host, its commands and its API."""

	def call(self, method, path, body=None):
		"""(status, object or None). Status 0: nobody answers."""
		connection = UnixConnection(self.socket)
		try:
			connection.request(method, path, json.dumps(body) if body is not None else None,
				{"Content-Type": "application/json"} if body is not None else {})
			reply = connection.getresponse()
			text = reply.read()
			return reply.status, json.loads(text) if text else None
		except (OSError, http.client.HTTPException, ValueError):
			return 0, None
		finally:
			connection.close()

	def api(self, path):
		return self.call("GET", path)[1]

	def command(self, *words, timeout=400):
		return subprocess.run([os.path.join(self.build, "catchment"), "--backend", "unix:" + self.socket, *words],
			capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=timeout, check=False)

	def kill(self):
		os.kill(self.pid(), signal.SIGKILL)
		self.daemon.wait(10)

	def actors(self):
		"""Pids of the actors that run now, seen from here."""
		found = []
		for pid in os.listdir("/proc"):
			if not pid.isdigit():
				continue
			try:
				with open(f"/proc/{pid}/cmdline", "rb") as f:
					words = f.read().split(b"\0")
			except OSError:
				continue
			if b"--actor" in words and os.path.join(self.dir, "fleet.yaml").encode() in words:
				found.append(int(pid))
		return found

	def op(self, ident):
		return self.api(f"/v1/ops/{ident}")

	def plan(self, verb, pop, **more):
		"""(status, {id, state, hash, typed, plan}) or (status, problem)."""
		status, answer = self.call("POST", "/v1/plans", {"verb": verb, "targets": [pop], "reason": "acts.py", **more})
		if status != 201 or not answer:
			return status, answer
		return status, {"id": answer["op"]["id"], "state": answer["op"]["state"], "text": answer["op"]["text"],
			"hash": answer["hash"], "typed": answer["typed"], "plan": json.loads(answer["bytes"])}

	def await_actor(self, plan):
		"""Until the actor has connected to the plan's nodes, or said why not: a person reads the prompt meanwhile."""
		end = time.monotonic() + 15
		while time.monotonic() < end:
			answer = self.api(f"/v1/plans/{plan['id']}")
			if not answer or answer["actor"]["state"] != "connecting":
				return (answer or {}).get("actor")
			time.sleep(0.1)
		return None

	def confirm(self, plan, key=None):
		return self.call("POST", f"/v1/plans/{plan['id']}/confirm",
			{"hash": plan["hash"], "typed": plan["typed"], "key": key or secrets.token_hex(8)})


class Run:
	def __init__(self, backend, checks, args):
		self.backend, self.checks, self.args = backend, checks, args
		self.dir = backend.dir

	def say(self, is_good, what, detail=""):
		return self.checks.say(bool(is_good), what, detail if not isinstance(detail, (dict, list)) else json.dumps(detail)[:600])

	def lab(self, *words):
		status, text = flows.lab(self.dir, *words)
		if status != 0:
			self.say(False, "lab " + " ".join(words[:3]), text)
		return text

	def inside(self, host, script):
		return self.lab("exec", host, "sh", "-c", script)

	def within(self, seconds, check):
		"""Seconds it took until check() is true, or None."""
		start = time.monotonic()
		while True:
			value = check()
			if value:
				return time.monotonic() - start
			if time.monotonic() - start >= seconds:
				return None
			time.sleep(0.1)

	def pop(self, name):
		for pop in self.backend.api("/v1/pops") or []:
			if pop["pop"] == name:
				return pop
		return {"verdict": None, "announced": {}, "holds": []}

	def all_ok(self):
		pops = self.backend.api("/v1/pops") or []
		return len(pops) == len(topo.nodes()) and all(p["verdict"] == "ok" for p in pops)

	def ready(self):
		"""All is well and every rate is known, so that a plan has nothing to complain of."""
		pops = self.backend.api("/v1/pops") or []
		return self.all_ok() and all(p["qps"] is not None for p in pops)

	def rest(self, ident, seconds=240):
		"""Waits until an operation rests; the operation."""
		self.within(seconds, lambda: (self.backend.op(ident) or {}).get("state") in RESTING)
		return self.backend.op(ident) or {}

	def act(self, verb, pop, **more):
		"""Plans and confirms over the API once the actor is ready; the operation's id, or None after saying why not."""
		status, plan = self.backend.plan(verb, pop, **more)
		if status != 201 or not plan:
			self.say(False, f"{verb} {pop}: planned", plan or f"HTTP status {status}")
			return None
		self.backend.await_actor(plan)
		status, answer = self.backend.confirm(plan)
		if status not in (200, 202):
			self.say(False, f"{verb} {pop}: confirmed", answer or f"HTTP status {status}")
			return None
		return plan["id"]


# --- what the clients saw ---------------------------------------------------------------------------------------


def now_text():
	return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def client_log(run, client, since):
	lines = []
	with open(os.path.join(run.dir, f"traffic-{client}.log"), encoding="utf-8") as f:
		for line in f:
			try:
				value = json.loads(line)
			except ValueError:
				continue
			if value["at"] >= since:
				lines.append(value)
	return lines


def moves(run, client, since):
	"""{address: who answered last} of what moved, and how many queries were lost."""
	moved, lost = {}, 0
	for line in client_log(run, client, since):
		if "moved" in line:
			moved[line["moved"]] = line["to"]
		else:
			lost += line["lost"]
	return moved, lost


def serving(run, client):
	"""Who answered the client in its last whole second."""
	for line in reversed(client_log(run, client, "")):
		if "answers" in line:
			return set(line["answers"])
	return set()


def prefer_fra(run, is_near):
	"""Makes fra1 the near node of client1 in place of ams1, or takes that back: so a client follows FRR too."""
	metric = 5 if is_near else next(link["med"] for link in topo.LINKS if link["node"] == "fra1")
	words = "".join(f" -c 'route-map FROM-fra1 permit {n}' -c 'set metric {metric}' -c exit" for n in (10, 20))
	run.inside("t1", f"vtysh -c 'configure terminal'{words} && vtysh -c 'clear bgp * soft in'")
	want = {"fra1"} if is_near else {"ams1"}
	return run.within(15, lambda: serving(run, "client1") == want) is not None


# --- flows --------------------------------------------------------------------------------------------------------


def drain_and_back(run, host, client, mode):
	say, pop, title = run.say, topo.HOSTS[host]["pop"], f"{mode} {topo.HOSTS[host]['bgp']} {host}"
	since = now_text()
	done = run.backend.command("drain", pop, "--reason", "acts.py moves", "--mode", mode, "--yes", "--wait", "-o", "json")
	say(done.returncode == 0, f"{title}: `drain --wait` ends with 0", f"{done.returncode} {done.stderr.strip()[:500]}")
	time.sleep(2.2)  # the sender calls a query lost after a second and writes once a second
	moved, lost = moves(run, client, since)
	say(set(moved) == {topo.SERVICE4, topo.SERVICE6} and host not in moved.values(),
		f"{title}: {client} moved in both families", moved)
	say(lost == 0, f"{title}: no query lost", f"{lost} lost")
	state = run.pop(pop)
	say(state["verdict"] == "drained", f"{title}: shown as drained", f"{state['verdict']} {state['announced']}")
	say(len(state["holds"]) == 1, f"{title}: under one hold", state["holds"])
	ops = [o for o in run.backend.api("/v1/ops") or [] if o["verb"] == "drain" and o["targets"] == [pop]]
	op = ops[-1] if ops else {}
	shift = op.get("shift") or {}
	say(op.get("state") == "done" and shift.get("control_s") is not None and shift.get("lost_probes") is not None,
		f"{title}: times are recorded", f"{op.get('state')} {json.dumps(shift)}")
	since = now_text()
	done = run.backend.command("undrain", pop, "--yes", "--reason", "over", "--wait", "-o", "json")
	say(done.returncode == 0, f"{title}: `undrain --wait` ends with 0", f"{done.returncode} {done.stderr.strip()[:500]}")
	took = run.within(15, lambda: serving(run, client) == {host})
	time.sleep(2.2)
	_, lost = moves(run, client, since)
	say(took is not None, f"{title}: {client} is back", str(serving(run, client)))
	say(lost == 0, f"{title}: nothing lost on the way back", f"{lost} lost")
	took = run.within(20, run.ready)
	say(took is not None, f"{title}: every PoP is ok again", run.backend.api("/v1/pops") if took is None else "")


def flow_moves(run):
	for mode in ("withdraw", "prefer-away"):
		for host, client in (("ams1", "client1"), ("nyc1", "client2")):
			drain_and_back(run, host, client, mode)
	run.say(prefer_fra(run, True), "fra1 becomes the near node of client1")
	for mode in ("withdraw", "prefer-away"):
		drain_and_back(run, "fra1", "client1", mode)
	run.say(prefer_fra(run, False), "ams1 is the near node of client1 again")


def undo(run, ident, pop, title):
	status, answer = run.backend.call("POST", f"/v1/ops/{ident}/cancel", {})
	run.say(status in (200, 202), f"{title}: it can be undone", answer)
	op = run.rest(ident)
	run.say(op.get("state") == "undone", f"{title}: undone", f"{op.get('state')}: {op.get('text')}")
	took = run.within(20, run.ready)
	run.say(took is not None and not run.pop(pop)["holds"], f"{title}: every PoP is ok, no hold is left", run.pop(pop))


def flow_liar(run):
	run.lab("fault", "exporter-lies", "ams1")
	verdicts = set()
	ident = run.act("drain", "ams")
	if ident:
		run.within(240, lambda: verdicts.add(run.pop("ams")["verdict"])
			or (run.backend.op(ident) or {}).get("state") in RESTING)
		op = run.backend.op(ident)
		run.say(op["state"] == "unconfirmed", "liar: ends unconfirmed", f"{op['state']}: {op['text']}")
		run.say("drained" not in verdicts, "liar: never shown as drained", sorted(str(v) for v in verdicts))
		run.say(re.search(r"still|queries|answered|route", op["text"]), "liar: a sentence says what disagrees", op["text"])
		run.say(serving(run, "client1") == {"ams1"}, "liar: the client never left", str(serving(run, "client1")))
	run.lab("heal", "exporter-lies", "ams1")
	if ident:
		undo(run, ident, "ams", "liar")


def flow_deaf(run):
	for transit in ("t1", "t2"):
		run.lab("fault", "gshut-ignored", transit)
	ident = run.act("drain", "ams", mode="prefer-away")
	if ident:
		op = run.rest(ident)
		run.say(op.get("state") == "unconfirmed", "deaf: prefer-away that moves nobody ends unconfirmed",
			f"{op.get('state')}: {op.get('text')}")
		run.say(re.search(r"\bt1\b.*GRACEFUL_SHUTDOWN", op.get("text") or ""), "deaf: the transit is named", op.get("text"))
		run.say(serving(run, "client1") == {"ams1"}, "deaf: and nothing was withdrawn", str(serving(run, "client1")))
	for transit in ("t1", "t2"):
		run.lab("heal", "gshut-ignored", transit)
	if ident:
		undo(run, ident, "ams", "deaf")


def is_refused(run, title, pop, words, codes=("refused",), exits=(4,)):
	done = run.backend.command("drain", pop, "--reason", "acts.py refused", "--yes", "--wait")
	run.say(done.returncode in exits, f"{title}: the command ends with {exits[0]}",
		f"{done.returncode} {done.stderr.strip()[-400:]}")
	run.say(re.search(words, done.stdout + done.stderr), f"{title}: the command says why", (done.stdout + done.stderr)[-600:])
	status, plan = run.backend.plan("drain", pop)
	refusals = [f"{g['gate']}: {g['text']}" for g in (plan or {}).get("plan", {}).get("gates", []) if g["level"] == "refuse"]
	run.say(any(re.search(words, r) for r in refusals), f"{title}: a gate says why", refusals or plan)
	if status == 201:
		run.say(plan["state"] == "refused", f"{title}: the plan is refused", plan["state"])
		status, answer = run.backend.confirm(plan)
		run.say(status in (409, 503) and answer and answer.get("code") in codes + ("conflict",), f"{title}: the API takes no confirmation",
			f"{status} {answer}")


def flow_refused(run):
	ident = run.act("drain", "sin")
	op = run.rest(ident) if ident else {}
	run.say(op.get("state") == "done", "refused: a first PoP is drained", f"{op.get('state')}: {op.get('text')}")
	is_refused(run, "over budget", "ams", r"max_drained|budget")
	ident = run.act("undrain", "sin")
	op = run.rest(ident) if ident else {}
	run.say(op.get("state") == "done", "refused: and undrained", f"{op.get('state')}: {op.get('text')}")
	run.within(20, run.ready)

	for host in ("fra1", "nyc1", "sin1"):
		run.lab("fault", "withdrawn", host)
	run.within(10, lambda: all(run.pop(topo.HOSTS[h]["pop"])["verdict"] == "drift" for h in ("fra1", "nyc1", "sin1")))
	is_refused(run, "last PoP", "ams", r"last|min_pops|announce")
	for host in ("fra1", "nyc1", "sin1"):
		run.lab("heal", "withdrawn", host)
	run.within(30, run.ready)

	run.lab("fault", "mgmt-lost", "nyc1")
	run.within(30, lambda: run.pop("nyc")["verdict"] in ("silent", "unreachable"))
	is_refused(run, "stale view", "nyc", r"old|stale|read|seen|polls|reach", codes=("refused", "data_too_old"), exits=(4, 7))
	run.lab("heal", "mgmt-lost", "nyc1")
	took = run.within(40, run.ready)
	run.say(took is not None, "refused: every PoP is ok again", "")


def flow_voided(run):
	status, plan = run.backend.plan("drain", "nyc")
	run.say(status == 201, "voided: planned", plan if status != 201 else "")
	if status != 201:
		return
	run.inside("nyc1", "birdc 'disable \"transit1_v6\"'")
	run.within(10, lambda: any(s["node"] == "nyc1" and s["state"] != "Established"
		for s in run.backend.api("/v1/sessions") or []))
	done = run.backend.command("drain", "nyc", "--plan", plan["id"], "--reason", "acts.py", "--yes", "--wait")
	run.say(done.returncode == 8, "voided: the command ends with 8", f"{done.returncode} {done.stderr.strip()[-300:]}")
	status, answer = run.backend.confirm(plan)
	run.say(status == 409 and (answer or {}).get("code") == "conflict", "voided: the API answers 409", f"{status} {answer}")
	run.say(re.search(r"session|transit1_v6|moved on|changed|expired", json.dumps(answer)), "voided: and says what changed", answer)
	file = run.inside("nyc1", "cat /etc/bird/drain.conf; ls /var/lib/catchment 2>/dev/null; true")
	run.say(file.strip().splitlines()[0] == "define DRAIN = 0;", "voided: nothing was changed", file)
	run.inside("nyc1", "birdc 'enable \"transit1_v6\"'")
	took = run.within(40, run.ready)
	run.say(took is not None, "voided: every PoP is ok again", "")


def flow_drift(run):
	"""Both ways: withdrawn by hand without a hold, and announced by hand under one."""
	run.lab("fault", "withdrawn", "sin1")
	took = run.within(10, lambda: run.pop("sin")["verdict"] == "drift")
	run.say(took is not None, "drift: withdrawn by hand shows as drift", run.pop("sin")["verdict"])
	wrong = run.within(8, lambda: run.pop("sin")["verdict"] != "drift")
	run.say(wrong is None, "drift: and is not corrected", run.pop("sin"))
	run.lab("heal", "withdrawn", "sin1")
	run.within(20, run.ready)
	ident = run.act("drain", "nyc")
	op = run.rest(ident) if ident else {}
	run.say(op.get("state") == "done", "drift: nyc is drained", f"{op.get('state')}: {op.get('text')}")
	run.inside("nyc1", "echo 'define DRAIN = 0;' >/etc/bird/drain.conf && birdc configure")
	took = run.within(10, lambda: run.pop("nyc")["verdict"] == "drift")
	run.say(took is not None, "drift: announced by hand under a hold shows as drift", run.pop("nyc")["verdict"])
	wrong = run.within(8, lambda: run.pop("nyc")["verdict"] != "drift")
	run.say(wrong is None and serving(run, "client2") == {"nyc1"}, "drift: and is not corrected", run.pop("nyc"))
	ident = run.act("undrain", "nyc")
	op = run.rest(ident) if ident else {}
	run.say(op.get("state") == "done", "drift: undrain takes the hold away", f"{op.get('state')}: {op.get('text')}")
	run.within(20, run.ready)


def settle_after_kill(run, ident, pop, title):
	"""Whatever the kill left must come to rest, and wire, hold and record must agree."""
	op = run.rest(ident, 240)
	run.say(op.get("id") == ident, f"{title}: its record is there", op or "no such operation")
	if op.get("state") in ("stuck", "unconfirmed"):
		undo(run, ident, pop, title)
		return
	run.say(op.get("state") in FINAL, f"{title}: it came to rest", f"{op.get('state')}: {op.get('text')}")

	def agrees():
		state = run.pop(pop)
		words = set(state["announced"].values())
		if state["holds"]:
			return op.get("state") == "done" and words == {"withdrawn"}
		return op.get("state") != "done" and words == {"announced"}

	took = run.within(60, agrees)
	state = run.pop(pop)
	run.say(took is not None, f"{title}: {op.get('state')}, wire and holds agree", f"{state['announced']} {state['holds']}")
	if state["holds"]:
		back = run.act("undrain", pop)
		op = run.rest(back) if back else {}
		run.say(op.get("state") == "done", f"{title}: undrained", f"{op.get('state')}: {op.get('text')}")
	run.within(30, run.ready)


def start_again(run):
	run.backend.start()
	run.within(40, lambda: all(p["qps"] is not None and p["verdict"] != "unknown" for p in run.backend.api("/v1/pops") or [{"qps": None}]))


# What a drain passes that nobody approves and nothing disturbs, and its way back.
PASSED = ("confirmed", "armed", "applying", "settling", "keeping", "measuring", "undoing")
# tests/flows/deaths.py dies in these as well: they need no daemon that routes.
ELSEWHERE = {"draft", "checked", "waiting", "unconfirmed", "stuck", "unknown"}
TRIES = 4               # some states last a tenth of a second


def open_states():
	with open(os.path.join(HERE, "..", "..", "core", "operation.def"), encoding="utf-8") as f:
		return re.findall(r'^OP_STATE\(\w+, "([a-z]+)", false,', f.read(), re.MULTILINE)


def last_record(run, ident):
	"""The state of an operation on the disk; None: no record."""
	state = None
	with open(os.path.join(run.dir, "state", "ledger.jsonl"), "rb") as f:
		for line in f.read().split(b"\n"):
			if ident.encode() in line and b'"kind":"operation"' in line:
				state = json.loads(line)["operation"]["state"]
	return state


def signal_all(pids, number):
	for pid in pids:
		try:
			os.kill(pid, number)
		except ProcessLookupError:
			pass


def meet(run, ident, state):
	"""True when the operation is in that state now; False when it was missed."""
	past = PASSED[PASSED.index(state) + 1:] + RESTING
	end = time.monotonic() + 20
	while time.monotonic() < end:
		now = (run.backend.op(ident) or {}).get("state")
		if now == state or now in past:
			return now == state
	return False


def reach(run, plan, state):
	"""Confirms, and comes back in that state; None, or why not."""
	actors = run.backend.actors()
	if state == "armed":
		signal_all(actors, signal.SIGSTOP)  # the intent is on the disk, and nothing is sent
	status, answer = run.backend.confirm(plan)
	if status not in (200, 202):
		return f"not confirmed: {status} {answer}"
	if state == "armed":
		took = run.within(20, lambda: last_record(run, plan["id"]) == "armed")
		return None if took is not None else "the intent is not on disk"
	if state == "undoing":
		run.within(20, lambda: (run.backend.op(plan["id"]) or {}).get("state") in ("settling", "keeping", "measuring"))
		run.backend.call("POST", f"/v1/ops/{plan['id']}/cancel", {})
	return None if meet(run, plan["id"], state) else "missed"


def one_kill(run, whom, state, pop):
	title = f"killed: {pop}, {whom}, {state}"
	for _ in range(TRIES):
		status, plan = run.backend.plan("drain", pop)
		if status != 201:
			return run.say(False, f"{title}: planned", plan)
		run.backend.await_actor(plan)
		why = reach(run, plan, state)
		late = run.backend.actors()
		if why is None and whom == "backend":
			run.backend.kill()
			on_disk = last_record(run, plan["id"])
			run.say(on_disk is not None and on_disk not in FINAL, f"{title}: the record is on disk, and open", on_disk)
			start_again(run)
		elif why is None:
			signal_all(late, signal.SIGKILL)
		signal_all(late, signal.SIGCONT)
		settle_after_kill(run, plan["id"], pop, title)
		if why != "missed":
			return run.say(why is None, f"{title}: was met", why or "")
	return run.say(False, f"{title}: was met", f"missed {TRIES} times")


def flow_killed(run):
	unknown = [s for s in open_states() if s not in PASSED and s not in ELSEWHERE]
	run.say(not unknown and set(PASSED) <= set(open_states()), "killed: every state of core/operation.def is met here or elsewhere", unknown)
	for i, state in enumerate(PASSED):
		# each state on both daemons, each daemon under both deaths
		one_kill(run, "backend", state, ("nyc", "fra")[i % 2])
		one_kill(run, "actor", state, ("fra", "nyc")[i % 2])
	done = run.backend.command("audit", "verify")
	run.say(done.returncode == 0, "killed: the audit log verifies", (done.stdout + done.stderr).strip()[-300:])
	run.say(not run.backend.actors(), "killed: no actor is left", str(run.backend.actors()))


FLOWS = {"moves": flow_moves, "refused": flow_refused, "voided": flow_voided, "drift": flow_drift, "killed": flow_killed,
	"liar": flow_liar, "deaf": flow_deaf}


def end(run):
	status = run.backend.stop()
	run.say(status == 0, "catchmentd ends cleanly on SIGTERM", f"status {status}")
	with open(os.path.join(run.dir, "catchmentd.log"), encoding="utf-8", errors="replace") as f:
		trouble = SANITIZER.findall(f.read())
	run.say(not trouble, "no sanitizer report in its log, nor of its actors", trouble[0][:300] if trouble else "")


def parse():
	parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
	parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build"),
		help="folder of catchmentd and catchment, default build/ of this checkout")
	parser.add_argument("--keep", action="store_true", help="keep the lab's folder and its logs")
	parser.add_argument("flow", nargs="*", choices=[[], *FLOWS], help="only these")
	return parser.parse_args()


def main():
	args = parse()
	signal.signal(signal.SIGTERM, lambda n, _frame: sys.exit(128 + n))
	if os.geteuid() != 0:
		flows.skip("the lab needs root: it makes network namespaces and mounts")
	build = os.path.realpath(args.build)
	for program in ("catchmentd", "catchment"):
		if not os.access(os.path.join(build, program), os.X_OK):
			flows.skip(f"there is no {program} in {build}")
	lab_dir = tempfile.mkdtemp(prefix="lab-acts.")
	checks = flows.Checks()
	backend = Backend(lab_dir, build)
	run = Run(backend, checks, args)
	try:
		status, text = flows.lab(lab_dir, "up")
		if status == flows.CANNOT:
			flows.skip(text)
		if not run.say(status == 0, "the lab comes up", text if status else ""):
			return 1
		flows.lab(lab_dir, "traffic", "start", str(RATE))
		backend.start()
		took = run.within(60, run.ready)
		if run.say(took is not None, "every PoP becomes ok", "" if took is not None else backend.api("/v1/pops")):
			for name, flow in FLOWS.items():
				if not args.flow or name in args.flow:
					flow(run)
		end(run)
	finally:
		if backend.daemon and backend.daemon.poll() is None:
			backend.stop()
		flows.lab(lab_dir, "down")
		if args.keep:
			print(f"kept: {lab_dir}")
		else:
			subprocess.run(["rm", "-rf", lab_dir], check=False)
	print(f"{checks.passed} passed, {checks.failed} failed, {checks.skipped} skipped")
	return 1 if checks.failed else 0


if __name__ == "__main__":
	sys.exit(main())
