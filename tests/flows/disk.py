#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The disk is full, or the log on it was changed: viewing goes on, acting is refused, in a sentence.

Full is made in two ways: a limit on the size of files, which needs no rights (the kernel also sends a signal that kills
whoever has not said otherwise), and, as root, a file system of a few MiB that is filled to its last block. Each way is
met with a plan that waits for its confirmation, and with an operation whose nodes have taken the steps and are not told to
keep them: those undo by themselves. With room again, catchmentd is started anew and acts. Then one byte of the log is
flipped under a stopped backend: `audit verify` names the record.

    tests/flows/disk.py [BUILD]
"""

import concurrent.futures
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import refusals  # noqa: E402
import stage  # noqa: E402

ROOM = 4 << 20          # bytes of the small file system
UNDONE_S = 75           # nodes undo after 45 s


class Failed(Exception):
	pass


class Limited(refusals.Fleet):
	"""No file may grow further than the ledger has grown."""

	title = "a limit on the size of files"
	words = r"File too large"

	def fill(self):
		size = os.path.getsize(self.ledger_path())
		resource.prlimit(self.daemon.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))

	def make_room(self):
		"""The next process has the limit of its parent: none."""

	def ledger_path(self):
		return os.path.join(self.folder, "state", "ledger.jsonl")


class Small(refusals.Fleet):
	"""The state folder is a file system of its own, in a mount namespace that a keeper holds."""

	title = "a file system that is full"
	words = r"No space left on device"
	keeper = None

	def start_daemon(self):
		state = os.path.join(self.folder, "state")
		if not self.keeper:
			os.makedirs(state, exist_ok=True)
			self.keeper = stage.started(["unshare", "--mount", "--propagation", "private", "sh", "-c",
				f"mount -t tmpfs -o size={ROOM},mode=0750 tmpfs {state} && touch {state}/here && exec sleep 3600"],
				os.path.join(self.folder, "keeper.log"))
			stage.within(10, lambda: os.path.exists(self.inside("here")))
		self.daemon = stage.started(["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", os.path.join(self.build, "catchmentd"),
			"--config", os.path.join(self.folder, "fleet.yaml"), "--state", state, "--listen", self.backend],
			os.path.join(self.folder, "catchmentd.log"))

	def inside(self, name):
		return f"/proc/{self.keeper.pid}/root{self.folder}/state/{name}"

	def fill(self):
		with open(self.inside("filler"), "wb", buffering=0) as f:
			try:
				while True:
					f.write(bytes(4096))
			except OSError:
				pass

	def make_room(self):
		os.unlink(self.inside("filler"))

	def end(self):
		status = super().end()
		if self.keeper:
			stage.end(self.keeper)
		return status


class Story:
	def __init__(self, build, kind):
		self.fleet = kind(build)

	def need(self, is_good, what, detail=""):
		if not is_good:
			raise Failed(f"{what}: {detail}")

	def until(self, what, is_so, seconds=30):
		self.need(stage.within(seconds, is_so) is not None, f"waited {seconds} s in vain until {what}",
			f"{self.fleet.call('GET', '/v1/ops')[1]} {self.fleet.truth()}")

	def refused(self, what, is_right, detail):
		self.need(is_right and re.search(r"ledger", detail) and re.search(self.fleet.words, detail), what, detail)

	def start_again(self):
		fleet = self.fleet
		fleet.kill_daemon()
		fleet.make_room()
		fleet.start_daemon()
		self.until("all is seen again", fleet.is_seen)

	def views(self):
		"""What shows goes on showing, with facts that are of now."""
		fleet = self.fleet
		polls = fleet.polls()
		self.until("polls go on", lambda: fleet.polls() > polls + 20)
		pops = fleet.get("pops")
		self.need(pops and all(p["age_s"] is not None and p["age_s"] < 5 and p["qps"] is not None for p in pops), "facts are fresh", pops)
		for words in (("get", "nodes"), ("get", "events"), ("get", "ops"), ("get", "holds"), ("snapshot", "map"), ("why", "fra"), ("audit", "list")):
			status, _, err = fleet.run(*words)
			self.need(status == 0, f"catchment {' '.join(words)}: status 0", f"{status} {err}")

	def dashboard(self):
		terminal = stage.Terminal(self.fleet.folder, 120, 40)
		terminal.type(self.fleet.catchment)
		self.need(terminal.shows("? help") is not None, "the dashboard opens", terminal.screen())
		terminal.keys("2")
		terminal.keys("D")
		self.need(terminal.shows("ledger") is not None, "D says why nothing can be done", terminal.screen())
		terminal.close()

	def plan_waits(self):
		"""A plan was shown; the disk is full when it is confirmed."""
		fleet = self.fleet
		status, plan = fleet.plan("iad")
		self.need(status == 201 and plan["op"]["state"] == "checked", "planned", plan)
		self.until("the actor is ready", lambda: fleet.call("GET", f"/v1/plans/{plan['op']['id']}")[1]["actor"]["state"] == "ready")
		truth = fleet.truth()
		fleet.fill()
		status, answer = fleet.confirm(plan)
		self.refused("the confirmation is refused", status == 500 and answer["code"] == "failed" and answer["exit"] == 1, json.dumps(answer))
		status, answer = fleet.plan("fra")
		self.refused("no plan is made", status == 500 and answer["exit"] == 1, json.dumps(answer))
		status, _, err = fleet.run("drain", "fra", "--yes", "--reason", "x")
		self.refused("the command ends with 1, and a sentence", status == 1, err)
		me = fleet.call("GET", "/v1/whoami")[1]
		self.refused("consoles are told that nothing can be done", me["acting"] is False, me["why_not"])
		self.views()
		self.dashboard()
		self.need(fleet.truth() == truth, "nothing was changed", fleet.truth())
		self.start_again()
		status, _, err = fleet.run("drain", "iad", "--yes", "--reason", "room again", "--wait")
		self.need(status == 0, "with room it acts again", f"{status} {err}")

	def under_way(self):
		"""The nodes have taken the steps and were not told to keep them; no record goes to disk any more."""
		fleet = self.fleet
		status, plan = fleet.plan("fra")
		self.need(status == 201 and plan["op"]["state"] == "checked", "planned", plan)
		ident = plan["op"]["id"]
		fleet.say("act-late fra1 2")
		self.until("the actor is ready", lambda: fleet.call("GET", f"/v1/plans/{ident}")[1]["actor"]["state"] == "ready")
		status, answer = fleet.confirm(plan)
		self.need(status == 202, "confirmed", answer)
		state = lambda: fleet.call("GET", f"/v1/ops/{ident}")[1]["state"]  # noqa: E731
		self.until("it is settling", lambda: state() == "settling")
		fleet.fill()
		self.until("the wire is empty", lambda: fleet.truth()["fra1"][0] == "withdrawn")
		self.until("the operation says why it cannot go on", lambda: "ledger" in fleet.call("GET", f"/v1/ops/{ident}")[1]["text"])
		self.views()
		self.need(state() != "done", "it is not said to be done", state())
		# the last block of the ledger may have had room for the record of keeping: it is kept then, under its hold
		is_kept = state() == "keeping"
		if is_kept and isinstance(fleet, Limited):
			raise Failed("it was kept, though its record was not on disk")
		if not is_kept:
			self.until("the node has gone back by itself", lambda: fleet.truth()["fra1"][0] == "announces", UNDONE_S)
		self.start_again()
		self.until("the nodes were read", lambda: state() == ("done" if is_kept else "undone"), 60)
		self.need(bool(fleet.get("holds")) == is_kept == (fleet.truth()["fra1"][0] == "withdrawn"), "wire and hold agree", fleet.get("holds"))

	def flipped(self):
		"""One bit of one record, under a backend that stands still."""
		fleet = self.fleet
		status, _, err = fleet.run("drain", "fra", "--yes", "--reason", "to have records", "--wait")
		self.need(status == 0, "drained", err)
		stage.end(fleet.daemon)
		with open(fleet.ledger_path(), "r+b") as f:
			lines = f.read().splitlines(keepends=True)
			self.need(len(lines) > 4, "there are records", len(lines))
			at = sum(map(len, lines[:2])) + len(lines[2]) // 2
			f.seek(at)
			byte = f.read(1)
			f.seek(at)
			f.write(bytes([byte[0] ^ 1]))
		fleet.start_daemon()
		self.until("all is seen again", fleet.is_seen)
		status, out, err = fleet.run("audit", "verify")
		self.need(status == 1 and re.search(r"record 3\b", out + err), "audit verify: status 1, and record 3 is named", f"{status} {out} {err}")
		status, _, err = fleet.run("drain", "iad", "--yes", "--reason", "x")
		self.need(status == 1 and "record 3" in err, "acting is refused, and names it too", f"{status} {err}")
		self.views()

	def tell(self, what):
		fleet = self.fleet
		try:
			fleet.start()
			self.until("every PoP announces and is ok", fleet.is_ready, 60)
			getattr(self, what)()
			if what != "flipped":
				status, out, err = fleet.run("audit", "verify")
				self.need(status == 0, "audit verify: the log is whole", f"{status} {out} {err}")
			status = fleet.end()
			self.need(status == 0, "catchmentd ends in order", status)
			return True, ""
		except (Failed, OSError, ValueError) as error:
			return False, f"{error}\n{fleet.log()[-1500:]}"
		finally:
			stage.close_terminal(fleet.folder)
			fleet.end()
			fleet.remove()


def seen(self):
	pops = self.get("pops") or []
	return bool(pops) and all(p["qps"] is not None and p["verdict"] != "unknown" for p in pops)


def polls(self):
	"""How many polls were answered since the start."""
	connection = refusals.races.UnixConnection(self.backend.removeprefix("unix:"))
	connection.request("GET", "/metrics")
	text = connection.getresponse().read().decode()
	connection.close()
	return float(re.search(r"^catchment_polls_total (\S+)", text, re.MULTILINE).group(1))


refusals.Fleet.is_seen = seen
refusals.Fleet.polls = polls

STORIES = (("plan_waits", "a plan that waits for its confirmation"), ("under_way", "an operation under way"))


def may_mount():
	return subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], capture_output=True, check=False).returncode == 0


def main():
	checks = stage.Checks()
	build = stage.find_build()
	kinds = [Limited] + ([Small] if may_mount() else [])
	todo = [(kind, what, f"{kind.title}, {title}") for what, title in reversed(STORIES) for kind in kinds]
	if Small not in kinds:
		checks.skip(Small.title, "mounting one in a namespace of its own needs root, and a root that is a mount point")
	todo.append((Limited, "flipped", "one byte of the log was flipped"))
	lock = threading.Lock()

	def one(case):
		kind, what, title = case
		is_good, text = Story(build, kind).tell(what)
		with lock:
			checks.say(is_good, title + ": viewing goes on, acting is refused", text)

	with concurrent.futures.ThreadPoolExecutor(len(todo)) as pool:
		list(pool.map(one, todo))
	return checks.end()


if __name__ == "__main__":
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
	sys.exit(main())
