#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo without a terminal: it ends by itself with status 0, shows its PoPs and its incidents,
and leaves nothing behind. And stopped half-way, by a signal or by a reader that goes away, it
leaves nothing either. Two of them run side by side here. In a terminal it opens the dashboard, and
leaving that, or hanging up, ends everything.

A demo's processes carry its folder's name, in their arguments or in what they have open, so that
left-over ones are found by looking through /proc.

    tests/flows/demo.py [BUILD]
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import stage  # noqa: E402

DEMO = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "demo", "demo")
POPS = "arn akl fra lhr ams iad ord sjc gru jnb dxb bom sin hkg nrt syd".split()
# What issue 2 allows, and what a machine busy with other tests adds.
LONGEST_S = 150


class Place:
	"""Where a demo makes its folder, so that what is its own can be told from another demo's."""

	def __init__(self):
		self.path = tempfile.mkdtemp(prefix="d.", dir="/tmp")

	def processes(self):
		"""Those that name this place."""
		found = []
		for pid in (p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()):
			try:
				with open(f"/proc/{pid}/cmdline", "rb") as f:
					words = f.read()
				files = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
			except OSError:
				continue
			if self.path.encode() in words or any(self.path in name for name in files):
				found.append((int(pid), words.replace(b"\0", b" ").decode(errors="replace")[:120]))
		return found

	def is_up(self):
		"""Everything was started: catchmentd serves."""
		for folder in os.listdir(self.path):
			if os.path.exists(os.path.join(self.path, folder, "api.sock")):
				return True
		return False

	def is_left_clean(self, checks, title):
		gone = stage.within(5, lambda: not self.processes())
		checks.say(gone is not None, f"{title}: no process is left",
			"" if gone is not None else "; ".join(f"{pid} {words}" for pid, words in self.processes()))
		# After a hang-up nobody waits for the demo itself, which removes its folder last.
		stage.within(5, lambda: not os.listdir(self.path))
		left = os.listdir(self.path)
		checks.say(not left, f"{title}: no file is left", " ".join(left))
		if not left:
			os.rmdir(self.path)


class Demo:
	"""The demo without a terminal."""

	def __init__(self, build):
		self.place = Place()
		self.process = subprocess.Popen([DEMO, "--build", build], stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
			env=dict(os.environ, TMPDIR=self.place.path), preexec_fn=stage.die_with_parent)

	def finish(self, seconds):
		"""(status, stdout, stderr); status None if it had to be killed."""
		try:
			out, err = self.process.communicate(timeout=seconds)
			return self.process.returncode, out, err
		except subprocess.TimeoutExpired:
			self.process.kill()
			out, err = self.process.communicate()
			return None, out, err


def frames(text):
	"""Title and text of each frame."""
	parts = re.split(r"^--- (.*)$", text, flags=re.MULTILINE)
	return list(zip(parts[1::2], parts[2::2]))


def flow_frames(checks, build, other):
	demo = Demo(build)
	status, out, err = demo.finish(LONGEST_S)
	checks.say(status == 0, "frames: ends by itself with status 0",
		"" if status == 0 else f"{status}: {err.strip()[-1500:]}")
	shown = frames(out)
	checks.say(len(shown) >= 5, "frames: several moments are shown", f"{len(shown)}")
	first = "".join(text for title, text in shown if "all is well:" in title)
	missing = [pop for pop in POPS if not re.search(rf"\b{pop}\b", first)]
	checks.say(not missing, "frames: every PoP is there", " ".join(missing))
	checks.say("blackhole" not in first, "frames: before the incident nothing is a blackhole")
	during = [text for title, text in shown if "snapshot map" in title and "arn1 lost" in title]
	checks.say(any("blackhole" in text and re.search(r"\barn\b", text) for text in during),
		"frames: the map of the incident draws the blackhole at arn", "" if during else "no such frame")
	why = "".join(text for title, text in shown if "why arn" in title)
	checks.say("192.0.2.0/24" in why and "answer" in why, "frames: why arn gives the evidence")
	checks.say(any("unreachable" in text or "silent" in text for title, text in shown if "frozen" in title),
		"frames: the frozen PoP is shown")
	demo.place.is_left_clean(checks, "frames")
	other.append(True)


def flow_stopped(checks, build, number, title):
	demo = Demo(build)
	up = stage.within(60, lambda: demo.place.is_up() or demo.process.poll() is not None)
	checks.say(up is not None and demo.process.poll() is None, f"{title}: it came up")
	checks.say(len(demo.place.processes()) > 10, f"{title}: daemons run", f"{len(demo.place.processes())} processes")
	demo.process.send_signal(number)
	status, _, err = demo.finish(20)
	checks.say(status == 128 + number, f"{title}: ends with status {128 + number}", f"{status}: {err.strip()[-500:]}")
	demo.place.is_left_clean(checks, title)


def flow_killed(checks, build):
	"""Nobody can clean up after SIGKILL, but the processes must go."""
	demo = Demo(build)
	stage.within(60, lambda: demo.place.is_up() or demo.process.poll() is not None)
	demo.process.kill()
	demo.finish(20)
	gone = stage.within(10, lambda: not demo.place.processes())
	checks.say(gone is not None, "SIGKILL: the kernel ends its daemons",
		"" if gone is not None else "; ".join(f"{pid} {words}" for pid, words in demo.place.processes()))
	subprocess.run(["rm", "-rf", demo.place.path], check=False)


def flow_terminal(checks, build, title, key):
	"""In a terminal it opens the dashboard on its fleet; leaving that ends everything."""
	place = Place()
	folder = tempfile.mkdtemp(prefix="flow.", dir="/tmp")
	terminal = stage.Terminal(folder, 100, 30)
	try:
		terminal.type(f"TMPDIR={place.path} {DEMO} --build {build}; echo ended with $?")
		took = terminal.shows("example-dns", f"{len(POPS)} of {len(POPS)} known", "arn", seconds=60)
		checks.say(took is not None, f"{title}: the dashboard shows every PoP",
			f"after {took:.1f} s" if took is not None else "\n" + terminal.screen())
		if key:
			terminal.keys(key)
			took = terminal.shows("ended with 0", seconds=10)
			checks.say(took is not None, f"{title}: the shell is back, status 0",
				f"after {took:.1f} s" if took is not None else "\n" + terminal.screen())
		else:
			terminal.close()
		place.is_left_clean(checks, title)
	finally:
		stage.close_terminal(folder)
		subprocess.run(["rm", "-rf", folder], check=False)


def main():
	build = stage.find_build()
	checks = stage.Checks()
	signal.signal(signal.SIGTERM, lambda n, _frame: sys.exit(128 + n))
	done = []
	beside = threading.Thread(target=flow_frames, args=(checks, build, done), daemon=True)
	beside.start()
	for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
		flow_stopped(checks, build, number, f"beside another demo, {number.name}")
	flow_killed(checks, build)
	beside.join()
	flow_terminal(checks, build, "terminal, q", "q")
	flow_terminal(checks, build, "terminal, ^C", "C-c")
	flow_terminal(checks, build, "terminal, hang-up", None)
	checks.say(bool(done), "frames: looked at to the end")
	return checks.end()


if __name__ == "__main__":
	sys.exit(main())
