#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Drain and undrain as a person does them: real catchmentd, agents that take orders, a terminal.

The prompt's rules are the business of tests/unit/test_act.c, on a clock of its own; here it is that
the whole program keeps them: a paste, keys typed ahead and Enter confirm nothing, a terminal that
hangs up inside the prompt does nothing, and what is confirmed is done, seen and recorded. Whether
something was done is asked of the backend, never of the screen.

    tests/flows/acting.py [BUILD]
"""

import json
import os
import secrets
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import stage  # noqa: E402

POPS = 16


class Acting(stage.Fleet):
	"""A fleet whose agents take orders from a backend whose account may give them."""

	def agent_options(self):
		token = os.path.join(self.folder, "token")
		with open(token, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
			f.write(secrets.token_hex(24))
		return ["--act-token", token]

	def amend(self, text):
		"""May act; a second person is asked for by nothing; drains may follow each other at once."""
		text = text.replace("spare: 1}", "spare: 1, max_drained: 2, max_load: 99%, approval: never}")
		text += f"\naccess:\n  - {{user: tester, uid: {os.getuid()}, role: operator}}\n"
		return text

	def run(self, *words, person=None):
		done = subprocess.run([*self.catchment.split(), *words], input=person, stdin=None if person else subprocess.DEVNULL,
			capture_output=True, text=True, timeout=120, check=False)
		return done.returncode, done.stdout, done.stderr

	def get(self, kind):
		status, out, _ = self.run("get", kind, "-o", "json")
		return json.loads(out) if status == 0 else None

	def announced(self, pop):
		found = [p for p in self.get("pops") or [] if p["pop"] == pop]
		return found[0]["announced"] if found else None

	def is_whole(self):
		pops = self.get("pops")
		return bool(pops) and all(set(p["announced"].values()) == {"announced"} and p["qps"] is not None for p in pops)

	def is_out(self, pop):
		return set((self.announced(pop) or {"": None}).values()) == {"withdrawn"}

	def is_in(self, pop):
		return set((self.announced(pop) or {"": None}).values()) == {"announced"}


class Flow:
	def __init__(self, checks, fleet):
		self.checks, self.fleet, self.terminal = checks, fleet, None

	def open(self, cols=80, rows=24, options=""):
		self.terminal = stage.Terminal(self.fleet.folder, cols, rows)
		self.terminal.type(f"{self.fleet.catchment}{options} 2>{self.fleet.folder}/errors; echo ended with $?")
		self.shows("the map is there", "D drain" if not options else "? help")

	def shows(self, what, *texts, seconds=15):
		took = self.terminal.shows(*texts, seconds=seconds)
		self.checks.say(took is not None, what, "" if took is not None else "\n" + self.terminal.screen())
		return took is not None

	def say(self, is_good, what, detail):
		self.checks.say(is_good, what, "" if is_good else "\n" + detail)

	def to_the_prompt(self, pop):
		self.terminal.keys(":")
		self.terminal.type(f"drain {pop}")
		self.shows("the form is there", "reason", "Enter shows the plan")
		self.terminal.type("flow test")
		self.shows("the plan is shown, with the counts that are left", f"To drain {pop}, type {pop} and then press Y", "16 -> 15 PoPs")
		self.shows("the actor has connected", "actor ready")

	def operations(self):
		"""Those that were confirmed."""
		return [op for op in self.fleet.get("ops") if op["started"]]


def flow_no_paste(flow):
	"""Enter, bracketed paste and keys all at once: nothing is confirmed."""
	say, terminal, fleet = flow.checks.say, flow.terminal, flow.fleet
	flow.to_the_prompt("fra")
	terminal.tmux("set-buffer", "fra\nY")
	terminal.tmux("paste-buffer", "-p")
	flow.shows("a paste is told that it does not count", "Pasted text does not count")
	terminal.tmux("paste-buffer")
	flow.shows("without brackets its Y comes too soon", "came too soon")
	say(not flow.operations(), "nothing was confirmed by them")
	terminal.keys("C-u")
	terminal.keys("Enter")
	flow.shows("enter in an empty line means no", "No. Nothing was changed")
	say(fleet.is_in("fra") and not flow.operations(), "nothing was changed")


def flow_hang_up(flow):
	"""The terminal goes away while the name stands in the prompt."""
	say, fleet = flow.checks.say, flow.fleet
	flow.to_the_prompt("fra")
	flow.terminal.keys("f", "r", "a")
	flow.shows("it waits for Y", "Press Y now")
	pid = flow.terminal.pane_pid()
	flow.terminal.close()
	say(stage.within(10, lambda: not os.path.exists(f"/proc/{pid}")) is not None, "the terminal hung up inside the prompt")
	say(fleet.is_in("fra") and not flow.operations(), "and nothing was changed")


def flow_drain(flow):
	"""From the key to the measured drain, and back."""
	say, terminal, fleet = flow.checks.say, flow.terminal, flow.fleet
	flow.to_the_prompt("fra")
	terminal.keys("f", "r", "a")
	flow.shows("it waits for Y", "Press Y now")
	# a Y that comes at once is told to come again: it is pressed until it counts
	for _ in range(20):
		terminal.keys("Y")
		if terminal.shows("by            tester: flow test", seconds=0.5) is not None:
			break
	flow.shows("the operation is followed", "drain fra", "by            tester: flow test")
	flow.shows("it is drained when that was measured", "fra: drained, measured", seconds=60)
	say(fleet.is_out("fra"), "every prefix has left the wire of fra")
	holds = fleet.get("holds")
	flow.say(len(holds) == 1 and holds[0]["pop"] == "fra" and holds[0]["owner"] == "tester" and holds[0]["reason"] == "flow test",
		"a hold says who and why", str(holds))
	terminal.keys("2")
	flow.shows("the list says so too", "drained", "tester: flow test")
	terminal.keys("6")
	flow.shows("and the operations", "drained", "flow test")


def flow_commands(flow):
	"""The command line: dry run, refusal, undrain, audit."""
	say, fleet = flow.say, flow.fleet
	status, out, err = fleet.run("drain", "fra", "--dry-run", "--reason", "again")
	say(status == 4 and "REFUSE" in out, "a PoP that is out already is refused, with status 4", f"{status}\n{out}\n{err}")
	status, out, err = fleet.run("drain", "iad")
	say(status == 5 and not out, "without a terminal it needs --yes and --reason: status 5", f"{status}\n{out}\n{err}")
	status, out, err = fleet.run("drain", "nix", "--yes", "--reason", "x")
	say(status == 2 and "nix" in err, "an unknown PoP is a mistake: status 2", f"{status}\n{out}\n{err}")
	status, out, err = fleet.run("--read-only", "drain", "iad", "--yes", "--reason", "x")
	say(status == 9, "--read-only refuses: status 9", f"{status}\n{out}\n{err}")
	status, out, err = fleet.run("undrain", "fra", "--yes", "--reason", "flow is over", "--wait")
	say(status == 0 and "announced again" in out, "undrain --wait ends when it is measured: status 0", f"{status}\n{out}\n{err}")
	say(stage.within(10, lambda: fleet.is_in("fra")) is not None, "fra announces again", "")
	say(fleet.get("holds") == [], "no hold remains", "")
	status, out, err = fleet.run("drain", "iad", "--yes", "--reason", "by script", "--wait", "-o", "json")
	try:
		document = json.loads(out)
	except ValueError:
		document = {}
	say(status in (0, 4) and (document.get("state") == "done" or "bytes" in document),
		"-o json is one document, and says what the status says", f"{status}\n{out}\n{err}")


def flow_audit(flow):
	say, fleet = flow.say, flow.fleet
	status, out, err = fleet.run("audit", "verify")
	say(status == 0 and "every hash is right" in out, "audit verify: the log is whole", f"{status}\n{out}\n{err}")
	status, out, err = fleet.run("audit", "export")
	log = os.path.join(fleet.folder, "audit.jsonl")
	with open(log, "w", encoding="utf-8") as f:
		f.write(out)
	status, out, err = fleet.run("audit", "verify", log)
	say(status == 0, "and so is its export", f"{status}\n{out}\n{err}")
	with open(log, "r+b") as f:
		f.seek(os.path.getsize(log) // 2)
		byte = f.read(1)
		f.seek(-1, os.SEEK_CUR)
		f.write(bytes([byte[0] ^ 1]))
	status, out, err = fleet.run("audit", "verify", log)
	say(status == 1 and "is bad after" in out, "one bit of it turned: status 1, and the record is named", f"{status}\n{out}\n{err}")


def flow_wait(flow):
	"""One that is over says how it ended, with the status of that."""
	operation = flow.operations()[0]["id"]
	status, out, err = flow.fleet.run("op", "wait", operation)
	flow.say(status == 0 and "drained, and measured to be so" in out, "op wait of a drain that is over: status 0", f"{status}\n{out}\n{err}")
	status, out, err = flow.fleet.run("op", "cancel", operation, "--yes")
	flow.say(status == 8, "and it cannot be called off any more: status 8", f"{status}\n{out}\n{err}")


def flow_read_only(flow):
	flow.open(options=" --read-only")
	flow.terminal.keys("2")
	flow.terminal.keys("D")
	flow.shows("a read-only dashboard says so and opens no form", "read-only: keys that act are off")


def main():
	checks = stage.Checks()
	fleet = Acting(stage.find_build(), POPS)
	flow = Flow(checks, fleet)
	try:
		fleet.start()
		flow.say(stage.within(60, fleet.is_whole) is not None, "every PoP announces, at a rate that is known", fleet.log())
		flow.open()
		flow_no_paste(flow)
		flow_hang_up(flow)
		flow.open()
		flow_drain(flow)
		flow_commands(flow)
		flow_audit(flow)
		flow_wait(flow)
		flow_read_only(flow)
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
