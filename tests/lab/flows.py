#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The console against real daemons that break: what issue 2 promises for the lab.

Starts the lab, runs catchmentd in its ops host, and looks only through `catchment get ... -o json`,
as a script of the operator would. Then each fault of the lab is put in, seen, and taken back:

  - the verdict and a reason that names the trouble arrive in time (blackhole within two polls);
  - while the node is broken its old state is not shown as current: never `ok`, and a wire that
    nobody can read is not `announced`;
  - every look in between also checks all other nodes: their ages stay within the polls;
  - after the repair the PoP is `ok` again, so polling survived it.

Prints a line for each check and at the end `N passed, N failed, N skipped`. Where the lab cannot
run, or there is no build, it prints SKIP with the reason and ends with 77.

    tests/lab/flows.py [--build DIR] [--keep] [FLOW...]
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import topology as topo  # noqa: E402

LAB = os.path.join(HERE, "lab")
POLL_S = 2.0
STALE_S = 3 * POLL_S
# What one look may add to an age: a request on its way, a busy machine, the command itself.
SLACK_S = 1.5
CANNOT = 77


class Checks:
	"""Counts and prints; a check never stops the run, so that one run shows everything."""

	def __init__(self):
		self.passed = self.failed = self.skipped = 0

	def say(self, is_good, what, detail=""):
		if is_good:
			self.passed += 1
		else:
			self.failed += 1
		print(("ok   " if is_good else "FAIL ") + what + (f": {detail}" if detail else ""), flush=True)
		return is_good


class Console:
	"""The product, seen from outside: the daemon in the ops host and the commands of its console."""

	def __init__(self, lab_dir, build):
		self.dir, self.build = lab_dir, build
		self.socket = os.path.join(lab_dir, "api.sock")
		self.daemon = None

	def start(self):
		self.daemon = subprocess.Popen(
			[LAB, "exec", self.dir, "ops", os.path.join(self.build, "catchmentd"),
				"--config", os.path.join(self.dir, "fleet.yaml"),
				"--state", os.path.join(self.dir, "state"), "--listen", "unix:" + self.socket],
			stdin=subprocess.DEVNULL, stdout=open(os.path.join(self.dir, "catchmentd.log"), "a"),
			stderr=subprocess.STDOUT)

	def pid(self):
		"""The daemon itself: `lab exec` becomes nsenter, whose only child it is."""
		with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children", encoding="ascii") as f:
			children = f.read().split()
		return int(children[0]) if children else None

	def stop(self):
		pid = self.pid() if self.daemon and self.daemon.poll() is None else None
		if pid:
			os.kill(pid, signal.SIGTERM)
		try:
			return self.daemon.wait(10)
		except subprocess.TimeoutExpired:
			if pid:
				os.kill(pid, signal.SIGKILL)
			return None

	def run(self, *words):
		return subprocess.run([os.path.join(self.build, "catchment"), "--backend",
			"unix:" + self.socket, *words], capture_output=True, text=True, errors="replace",
			stdin=subprocess.DEVNULL, timeout=20, check=False)

	def get(self, kind):
		"""A list, or None when the command fails or prints something else than one document."""
		done = self.run("get", kind, "-o", "json")
		try:
			value = json.loads(done.stdout) if done.returncode == 0 else None
		except ValueError:
			return None
		return value if isinstance(value, list) else None


class Look:
	"""One look at everything, by name."""

	def __init__(self, console):
		self.at = time.monotonic()
		self.pops = {p["pop"]: p for p in console.get("pops") or []}
		self.nodes = {n["node"]: n for n in console.get("nodes") or []}
		self.took = time.monotonic() - self.at

	def whole(self):
		return len(self.pops) == len(topo.nodes()) and all(h in self.nodes for h in topo.nodes())


LATE_SHARE = 0.05  # of the looks


class Run:
	def __init__(self, console, checks):
		self.console, self.checks = console, checks
		self.broken = set()     # nodes with a fault in force, or just healed
		self.worst_age = {}     # node -> oldest age seen while it was not broken
		self.misjudged = {}     # node -> what was said of it while it was not broken
		self.late = {}          # node -> looks at which it was true that a tool had missed its deadline
		self.bad_looks = 0
		self.looks = 0

	def look(self):
		look = Look(self.console)
		self.looks += 1
		if not look.whole():
			self.bad_looks += 1
			return look
		for host in topo.nodes():
			if host in self.broken:
				continue
			age = look.nodes[host]["age_s"]
			age = float("inf") if age is None else age
			self.worst_age[host] = max(self.worst_age.get(host, 0.0), age)
			if is_late(look, host):
				self.late[host] = self.late.get(host, 0) + 1
			elif not is_ok(look, host):
				self.misjudged.setdefault(host, describe(look, host))
		return look

	def within(self, seconds, check):
		"""Look until check(look) is true; (seconds it took or None, last look)."""
		start = time.monotonic()
		while True:
			look = self.look()
			if look.whole() and check(look):
				return time.monotonic() - start, look
			if time.monotonic() - start >= seconds:
				return None, look
			time.sleep(0.2)

	def throughout(self, seconds, check):
		"""Look until the time is over or check(look) is false; None, or the look that failed it."""
		start = time.monotonic()
		while time.monotonic() - start < seconds:
			look = self.look()
			if look.whole() and not check(look):
				return look
			time.sleep(0.2)
		return None


def lab(lab_dir, *words):
	done = subprocess.run([LAB, words[0], lab_dir, *words[1:]], capture_output=True, text=True,
		errors="replace", stdin=subprocess.DEVNULL, check=False)
	return done.returncode, (done.stdout + done.stderr).strip()


def pop_of(host):
	return topo.HOSTS[host]["pop"]


def reasons_of(look, host):
	return " | ".join(look.nodes[host].get("reasons") or []) or "no reason"


def describe(look, host):
	if not look.whole():
		return "no answer from the console"
	node, pop = look.nodes[host], look.pops[pop_of(host)]
	return (f"{host} is {node['verdict']} ({reasons_of(look, host)}), PoP {pop['verdict']},"
		f" age {node['age_s']}, announced {json.dumps(pop['announced'])}")


def is_ok(look, host):
	pop = look.pops[pop_of(host)]
	return look.nodes[host]["verdict"] == "ok" and pop["verdict"] == "ok"


# A node of the lab that has no core of its own may miss a deadline, and it is right to say so then.
LATE = re.compile(r"no answer within the deadline|did not end within|is not known|DNS daemon was restarted")


def is_late(look, host):
	node = look.nodes[host]
	reasons = node.get("reasons") or []
	return (node["verdict"] == "degraded" and any("deadline" in r or "did not end" in r for r in reasons)
		and all(LATE.search(r) for r in reasons))


def announced(look, host):
	return set(look.pops[pop_of(host)]["announced"].values())


# name: verdicts that are right, words of which the reasons must hold one, what `announced` must be
# once the verdict is there, and seconds allowed. The times: a poll that hangs is given up after its
# deadline, the hold time is 9 s, and what is older than three polls is stale.
EXPECT = {
	"dns-killed": (("blackhole",), r"answer", {"announced"}, 2 * POLL_S + SLACK_S),
	"bgp-frozen": (("degraded", "unknown", "drift"), r"\b(bird|frr): .*(no answer|did not end)",
		{"unknown"}, STALE_S + 9 + 2 * POLL_S),
	"link-cut": (("drift", "degraded"), r"session|announce|withdraw", {"withdrawn"},
		9 + 2 * POLL_S + SLACK_S),
	"md5-wrong": (("drift", "degraded"), r"session|announce|withdraw|password", {"withdrawn"},
		9 + 2 * POLL_S + SLACK_S),
	"mgmt-lost": (("silent", "unreachable"), r"reach|poll|answer|time", {"unknown"},
		STALE_S + 9 + 2 * POLL_S),
	"withdrawn": (("drift",), r"announce|withdraw|wire", {"withdrawn"}, 2 * POLL_S + SLACK_S),
	"sshd-frozen": (("silent", "unreachable", "degraded", "unknown"), r"ssh|reach|answer|time|old",
		{"unknown"}, STALE_S + 9 + 2 * POLL_S),
}
FLOWS = [
	("dns-killed", "nyc1"), ("dns-killed", "fra1"), ("dns-killed", "ams1"),
	("bgp-frozen", "ams1"), ("bgp-frozen", "sin1"),
	("link-cut", "fra1"), ("link-cut", "ams1"),
	("md5-wrong", "nyc1"), ("md5-wrong", "fra1"),
	("mgmt-lost", "sin1"), ("mgmt-lost", "nyc1"),
	("withdrawn", "ams1"), ("withdrawn", "sin1"),
	("sshd-frozen", "fra1"),
	("dns-restarted", "ams1"), ("dns-restarted", "fra1"), ("dns-restarted", "nyc1"),
]


def flow_fault(run, name, host):
	verdicts, words, wire, seconds = EXPECT[name]
	say, title = run.checks.say, f"{name} {host}"
	run.broken.add(host)
	status, text = lab(run.console.dir, "fault", name, host)
	if status != 0:
		say(False, f"{title}: put in", text)
		return

	slander = []

	def judged(look):
		if name != "dns-killed" and look.nodes[host]["verdict"] == "blackhole":
			slander.append(describe(look, host))
		return (look.nodes[host]["verdict"] in verdicts
			and look.pops[pop_of(host)]["verdict"] in verdicts)

	took, look = run.within(seconds, judged)
	say(took is not None, f"{title}: verdict {' or '.join(verdicts)} within {seconds:g} s",
		f"{look.nodes[host]['verdict']} after {took:.1f} s" if took is not None
		else describe(look, host))
	# At the very moment of the fault the wire may be read before the sessions: one poll puts it right.
	took, look = run.within(2 * POLL_S, lambda l: judged(l)
		and re.search(words, reasons_of(l, host), re.IGNORECASE))
	say(took is not None, f"{title}: the reason names it",
		reasons_of(look, host) if look.whole() else "no look")
	took, look = run.within(seconds, lambda l: announced(l, host) == wire)
	say(took is not None, f"{title}: announced becomes {' or '.join(sorted(wire))}",
		"" if took is not None else describe(look, host))
	wrong = run.throughout(2 * POLL_S, lambda l: judged(l) and announced(l, host) == wire)
	say(wrong is None, f"{title}: it stays so for two polls", describe(wrong, host) if wrong else "")
	if name != "dns-killed":
		say(not slander, f"{title}: it is never called a blackhole", slander[0] if slander else "")

	status, text = lab(run.console.dir, "heal", name, host)
	say(status == 0, f"{title}: taken back", text)
	took, look = run.within(60, lambda l: all(is_ok(l, h) for h in topo.nodes()))
	say(took is not None, f"{title}: every PoP is ok again",
		f"after {took:.1f} s" if took is not None else describe(look, host))
	run.broken.discard(host)


def flow_restart(run, host):
	"""A restart shows as a restart, never as a rate below zero or a spike, and ends as ok."""
	say, title = run.checks.say, f"dns-restarted {host}"
	events = {json.dumps(e, sort_keys=True) for e in run.console.get("events") or []}
	rates = []
	run.broken.add(host)
	lab(run.console.dir, "fault", "dns-restarted", host)

	def note(look):
		rates.append(look.nodes[host]["qps"])
		return is_ok(look, host)

	wrong = run.throughout(2 * POLL_S + SLACK_S, lambda l: note(l) or True)
	took, look = run.within(4 * POLL_S, note)
	say(wrong is None and took is not None, f"{title}: ok within {6 * POLL_S:g} s",
		"" if took is not None else describe(look, host))
	known = [r for r in rates if r is not None]
	say(all(0 <= r < 500 for r in known), f"{title}: no rate below zero, no spike",
		f"{min(known):.1f}..{max(known):.1f} q/s" if known else "no rate known")
	new = [e for e in run.console.get("events") or []
		if json.dumps(e, sort_keys=True) not in events]
	said = [e for e in new if e.get("node") == host
		and re.search(r"restart|start", json.dumps(e), re.IGNORECASE)]
	say(bool(said), f"{title}: an event says so", said[-1].get("text", "") if said else
		f"{len(new)} other new events")
	lab(run.console.dir, "heal", "dns-restarted", host)
	run.within(6 * POLL_S, lambda l: all(is_ok(l, h) for h in topo.nodes()))
	run.broken.discard(host)


def flow_start(run):
	"""What must be true before anything is broken; without it no other flow means anything."""
	say = run.checks.say
	done = run.console.run("check", os.path.join(run.console.dir, "fleet.yaml"))
	say(done.returncode == 0, "the lab's fleet.yaml passes catchment check",
		(done.stdout + done.stderr).strip()[:300])
	took, look = run.within(40, lambda l: all(is_ok(l, h) for h in topo.nodes()))
	if not say(took is not None, "every PoP becomes ok",
			f"after {took:.1f} s" if took is not None else
			"; ".join(describe(look, h) for h in topo.nodes())):
		return False
	run.worst_age.clear()
	run.misjudged.clear()
	run.late.clear()
	run.looks = run.bad_looks = 0
	for host in topo.nodes():
		node, pop = look.nodes[host], look.pops[pop_of(host)]
		want = topo.sessions_of(host)
		say(pop["sessions"] == {"up": want, "total": want}, f"{host}: {want} sessions up",
			json.dumps(pop["sessions"]))
		say(announced(look, host) == {"announced"} and len(pop["announced"]) == 2,
			f"{host}: both prefixes announced", json.dumps(pop["announced"]))
		say(node["identity"] == host, f"{host}: identity by NSID", str(node["identity"]))
		say(all(v for v in node["versions"].values()) and len(node["versions"]) >= 1,
			f"{host}: versions known", json.dumps(node["versions"]))
	took, look = run.within(20, lambda l: (l.pops["ams"]["qps"] or 0) > 30
		and (l.pops["nyc"]["qps"] or 0) > 30)
	say(took is not None, "query rates of ams and nyc show the clients' 40 queries a second",
		", ".join(f"{p} {v['qps']}" for p, v in look.pops.items()))
	sessions = run.console.get("sessions") or []
	said = {(s["node"], s["state"]) for s in sessions}
	say(all((h, "Established") in said for h in topo.nodes()), "get sessions lists every node",
		f"{len(sessions)} rows")
	return True


def flow_end(run):
	say = run.checks.say
	for host, age in sorted(run.worst_age.items()):
		say(age <= STALE_S, f"{host}: never older than three polls while others were broken",
			f"{age:.1f} s at worst")
		say(host not in run.misjudged, f"{host}: always ok while only others were broken",
			run.misjudged.get(host, ""))
		late = run.late.get(host, 0)
		say(late <= LATE_SHARE * run.looks, f"{host}: a missed deadline is an exception",
			f"at {late} of {run.looks} looks")
	say(run.bad_looks == 0, "the console answered every look", f"{run.looks} looks,"
		f" {run.bad_looks} without an answer")
	say(run.console.daemon.poll() is None, "catchmentd survived it all")
	status = run.console.stop()
	say(status == 0, "catchmentd ends cleanly on SIGTERM", f"status {status}")
	log = open(os.path.join(run.console.dir, "catchmentd.log"), encoding="utf-8", errors="replace").read()
	trouble = re.findall(r".*(?:AddressSanitizer|LeakSanitizer|runtime error|Assertion).*", log)
	say(not trouble, "no sanitizer report in its log", trouble[0][:200] if trouble else "")


def skip(reason):
	print(f"SKIP {reason}")
	print("0 passed, 0 failed, 1 skipped")
	sys.exit(CANNOT)


def parse():
	parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
	parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build"),
		help="folder of catchmentd and catchment, default build/ of this checkout")
	parser.add_argument("--keep", action="store_true", help="keep the lab's folder and its logs")
	parser.add_argument("flow", nargs="*", help="only faults whose name or host is given")
	return parser.parse_args()


def main():
	args = parse()
	signal.signal(signal.SIGTERM, lambda n, _frame: sys.exit(128 + n))
	if os.geteuid() != 0:
		skip("the lab needs root: it makes network namespaces and mounts")
	build = os.path.realpath(args.build)
	for program in ("catchmentd", "catchment"):
		if not os.access(os.path.join(build, program), os.X_OK):
			skip(f"there is no {program} in {build}")
	lab_dir = tempfile.mkdtemp(prefix="lab-flows.")
	checks = Checks()
	console = Console(lab_dir, build)
	try:
		status, text = lab(lab_dir, "up")
		if status == CANNOT:
			skip(text)
		if status != 0:
			checks.say(False, "the lab comes up", text)
			return 1
		lab(lab_dir, "traffic", "start", "40")
		console.start()
		run = Run(console, checks)
		if flow_start(run):
			for name, host in FLOWS:
				if args.flow and name not in args.flow and host not in args.flow:
					continue
				if name == "dns-restarted":
					flow_restart(run, host)
				else:
					flow_fault(run, name, host)
			flow_end(run)
	finally:
		if console.daemon and console.daemon.poll() is None:
			console.stop()
		status, text = lab(lab_dir, "down")
		if status != 0:
			checks.say(False, "the lab goes down", text)
		if args.keep:
			print(f"kept: {lab_dir}")
		else:
			subprocess.run(["rm", "-rf", lab_dir], check=False)
	print(f"{checks.passed} passed, {checks.failed} failed, {checks.skipped} skipped")
	return 1 if checks.failed else 0


if __name__ == "__main__":
	sys.exit(main())
