#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboard as a person has it: in a terminal, on a catchmentd that polls a fleet.

Draws nothing itself and knows little of the layout: it presses keys in tmux and reads the screen.
What each view looks like is the business of tests/screens; here it is that the whole program starts
at both sizes, follows keys and resizes, says so when its backend dies, comes back by itself, and
leaves the terminal as it was, however it ends.

    tests/flows/dashboard.py [BUILD]
"""

import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import stage  # noqa: E402

FLEET = "simulated"
POPS = 6
# View: its key, and words that only this view has on the screen.
VIEWS = [
	("pops", "2", ("POP", "VERDICT", "WHY", "LOAD")),
	("nodes", "3", ("NODE", "WIRE", "DNS", "fra1")),
	("sessions", "4", ("PEER", "STATE", "Established")),
	("prefixes", "5", ("192.0.2.0/24", "2001:db8:53::/48", "announced")),
	("timeline", "0", ("TIME", "KIND", "WHAT")),
	("map", "1", ("fra", "zoom")),
]
BANNER = "BACKEND AWAY"
SANITIZERS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion")


class Flow:
	def __init__(self, checks, fleet):
		self.checks, self.fleet = checks, fleet
		self.terminal = None
		self.before = None

	def open(self, cols, rows):
		"""A shell with a line of its own on the screen, and the dashboard started from it."""
		self.terminal = stage.Terminal(self.fleet.folder, cols, rows)
		self.terminal.type("stty -a >before; echo here-was-the-shell")
		self.terminal.shows("\nhere-was-the-shell")
		self.before = self.terminal.modes()
		self.terminal.type(f"cd {self.fleet.folder}; stty -a >before; {self.fleet.catchment} 2>errors;"
			" echo ended with $?; stty -a >after")
		return self.terminal

	def shows(self, what, *texts, seconds=10):
		took = self.terminal.shows(*texts, seconds=seconds)
		self.checks.say(took is not None, what, "" if took is not None else "\n" + self.terminal.screen())
		return took

	def is_restored(self, title):
		"""After the dashboard ended: screen, modes and line discipline are what they were."""
		say, terminal = self.checks.say, self.terminal
		after = os.path.join(self.fleet.folder, "after")
		if stage.within(5, lambda: os.path.exists(after) and os.path.getsize(after) > 0) is None:
			say(False, f"{title}: the shell has the terminal again")
			self.terminal.close()
			return
		say(terminal.modes() == self.before, f"{title}: the terminal's modes are as before",
			f"{self.before} and {terminal.modes()}")
		say("here-was-the-shell" in terminal.screen(), f"{title}: the shell's screen is back")
		with open(os.path.join(self.fleet.folder, "before"), encoding="ascii") as f, \
				open(after, encoding="ascii") as g:
			say(f.read() == g.read(), f"{title}: stty says what it said")
		with open(os.path.join(self.fleet.folder, "errors"), encoding="utf-8", errors="replace") as f:
			text = f.read()
			say(not SANITIZERS.search(text), f"{title}: no sanitizer report", text[:300])
		os.unlink(after)
		self.terminal.close()

	def ended_with(self, title, seconds=5):
		"""The exit status that the shell printed, or None."""
		stage.within(seconds, lambda: re.search(r"^ended with \d+", self.terminal.screen(), re.MULTILINE))
		found = re.search(r"^ended with (\d+)", self.terminal.screen(), re.MULTILINE)
		self.checks.say(found is not None, f"{title}: it ends", "" if found else "\n" + self.terminal.screen())
		return int(found.group(1)) if found else None


def fills(lines, cols, rows):
	"""Drawn for this size: the clock at the right end of the first line, the keys in the last."""
	if len(lines) != rows or "help" not in lines[-1]:
		return False
	first = lines[0].rstrip()
	return re.search(r"\d\d:\d\d:\d\dZ$", first) is not None and cols - 2 <= len(first) <= cols


def flow_views(flow):
	"""80x24: every view by its key, then a resize to 160x45 and back, then q."""
	say = flow.checks.say
	terminal = flow.open(80, 24)
	flow.shows("80x24: the fleet and its PoPs are there", FLEET, f"{POPS} of {POPS} known", "fra")
	for name, key, words in VIEWS:
		terminal.keys(key)
		flow.shows(f"80x24: {key} shows {name}", *words)
	for cols, rows in ((160, 45), (80, 24)):
		terminal.resize(cols, rows)
		took = stage.within(5, lambda: fills(terminal.lines(), cols, rows))
		say(took is not None, f"a resize to {cols}x{rows} is followed",
			"" if took is not None else "\n" + terminal.screen())
	terminal.keys("?")
	flow.shows("? shows help", "Moving")
	# Escape and a letter at once would be Alt and the letter.
	terminal.keys("Escape")
	flow.shows("Escape goes back", "2 pops")
	terminal.keys("q")
	status = flow.ended_with("q")
	say(status == 0, "q: exit status 0", str(status))
	flow.is_restored("q")


def flow_large(flow):
	"""160x45 from the start."""
	terminal = flow.open(160, 45)
	flow.shows("160x45: the fleet and its PoPs are there", FLEET, f"{POPS} of {POPS} known", "fra")
	took = stage.within(5, lambda: fills(terminal.lines(), 160, 45))
	flow.checks.say(took is not None, "160x45: it uses the whole screen",
		"" if took is not None else "\n" + terminal.screen())
	terminal.keys("C-c")
	flow.ended_with("^C")
	flow.is_restored("^C")


def flow_backend(flow):
	"""The backend dies and comes back; then it ends while the dashboard watches, and q still works."""
	say = flow.checks.say
	terminal = flow.open(80, 24)
	flow.shows("before: all is known", f"{POPS} of {POPS} known")
	flow.fleet.kill_daemon()
	took = flow.shows("backend killed: the banner appears", BANNER, seconds=10)
	say(took is not None and took <= 3, "backend killed: within 3 s", f"{took:.2f} s" if took else "never")
	flow.fleet.start_daemon()
	took = stage.within(30, lambda: BANNER not in terminal.screen()
		and f"{POPS} of {POPS} known" in terminal.screen())
	say(took is not None, "backend back: the banner goes and all is known again",
		f"after {took:.1f} s" if took is not None else "\n" + terminal.screen())
	os.kill(flow.fleet.daemon.pid, signal.SIGSTOP)
	took = flow.shows("backend frozen: the banner appears", BANNER, seconds=10)
	say(took is not None and took <= 3.5, "backend frozen: within 3 s and a look", f"{took:.2f} s" if took else "never")
	os.kill(flow.fleet.daemon.pid, signal.SIGCONT)
	flow.fleet.kill_daemon()
	flow.shows("backend killed again: the banner is there", BANNER)
	terminal.keys("q")
	status = flow.ended_with("q without a backend")
	say(status == 0, "q without a backend: exit status 0", str(status))
	flow.is_restored("q without a backend")
	flow.fleet.start_daemon()


def flow_hangup(flow):
	"""The terminal goes away: the program must go too."""
	terminal = flow.open(80, 24)
	flow.shows("before the hang-up: it runs", FLEET)
	shell = terminal.pane_pid()
	children = f"/proc/{shell}/task/{shell}/children"
	with open(children, encoding="ascii") as f:
		pids = [int(pid) for pid in f.read().split()]
	terminal.close()
	gone = stage.within(5, lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
	flow.checks.say(bool(pids) and gone is not None, "the terminal hangs up: the dashboard ends",
		f"after {gone:.1f} s" if gone is not None else f"{pids} still there")


def main():
	build = stage.find_build()
	signal.signal(signal.SIGTERM, lambda n, _frame: sys.exit(128 + n))
	checks = stage.Checks()
	fleet = stage.Fleet(build, POPS)
	try:
		fleet.start()
		for flow in (flow_views, flow_large, flow_backend, flow_hangup):
			flow(Flow(checks, fleet))
		status = fleet.end()
		checks.say(status == 0, "catchmentd ends cleanly on SIGTERM", f"status {status}")
		trouble = SANITIZERS.search(fleet.log())
		checks.say(not trouble, "no sanitizer report in its log", fleet.log()[-1500:] if trouble else "")
	finally:
		fleet.end()
		# A flow that failed half-way has left its terminal.
		stage.close_terminal(fleet.folder)
		fleet.remove()
	return checks.end()


if __name__ == "__main__":
	sys.exit(main())
