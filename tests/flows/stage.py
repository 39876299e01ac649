# SPDX-License-Identifier: Apache-2.0
"""What whole-program flows stand on: checks that count, a terminal, a backend with a fleet to poll.

Nothing here waits for time to pass: `within` looks again and again, a bounded number of times, and
says how long it took. The terminal is a tmux server of its own with an empty configuration, ended
with the test; the fleet is build/tests/agents on a /24 of loopback picked at random.
"""

import ctypes
import glob
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CANNOT = 77
LOOK_S = 0.05


class Checks:
	def __init__(self):
		self.passed = self.failed = self.skipped = 0

	def say(self, is_good, what, detail=""):
		if is_good:
			self.passed += 1
		else:
			self.failed += 1
		print(("ok   " if is_good else "FAIL ") + what + (f": {detail}" if detail else ""), flush=True)
		return is_good

	def skip(self, what, reason):
		self.skipped += 1
		print(f"SKIP {what}: {reason}", flush=True)

	def end(self):
		print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
		return 1 if self.failed else 0


def skip(reason):
	print(f"SKIP {reason}")
	print("0 passed, 0 failed, 1 skipped")
	sys.exit(CANNOT)


def within(seconds, is_so):
	"""Seconds until is_so() was true, or None."""
	start = time.monotonic()
	while not is_so():
		if time.monotonic() - start > seconds:
			return None
		time.sleep(LOOK_S)
	return time.monotonic() - start


libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent():
	libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def started(argv, log):
	with open(log, "ab") as f:
		return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f,
			start_new_session=True, preexec_fn=die_with_parent)


def end(process):
	"""Exit status; None if it had to be killed."""
	if process.poll() is None:
		process.terminate()
	try:
		return process.wait(10)
	except subprocess.TimeoutExpired:
		process.kill()
		process.wait()
		return None


terminals = itertools.count()


class Terminal:
	"""A tmux pane with a shell in it; the folder's earlier one ends."""

	def __init__(self, folder, cols, rows):
		# a name of its own: a server that is told to end still takes, and then drops, what comes to its socket
		self.socket = os.path.join(folder, f"tmux.{next(terminals)}")
		close_terminal(folder)
		environment = {k: v for k, v in os.environ.items() if k not in ("TMUX", "TMUX_PANE", "NO_COLOR")}
		environment.update(LC_ALL="C.UTF-8", PS1="$ ", ENV="", SHELL="/bin/sh", TERM="xterm-256color")
		self.tmux("new-session", "-d", "-x", str(cols), "-y", str(rows), "exec sh", env=environment)
		self.tmux("set-option", "-g", "default-terminal", "tmux-256color")
		self.tmux("set-option", "-g", "window-size", "manual")
		self.tmux("set-option", "-g", "status", "off")

	def tmux(self, *words, env=None):
		done = subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *words], env=env,
			stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=10,
			check=False)
		return done.stdout

	def resize(self, cols, rows):
		self.tmux("resize-window", "-x", str(cols), "-y", str(rows))

	def keys(self, *keys):
		self.tmux("send-keys", *keys)

	def type(self, text):
		self.tmux("send-keys", "-l", text)
		self.tmux("send-keys", "Enter")

	def lines(self):
		return self.tmux("capture-pane", "-p").split("\n")[:-1]

	def screen(self):
		return "\n".join(self.lines())

	def shows(self, *texts, seconds=10):
		"""Until all texts are on the screen; seconds it took or None."""
		def all_there():
			screen = self.screen()
			return all(text in screen for text in texts)
		return within(seconds, all_there)

	def modes(self):
		"""What a program may leave behind in a terminal."""
		return self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"
			" #{keypad_cursor_flag} #{keypad_flag} #{wrap_flag} #{insert_flag}").strip()

	def pane_pid(self):
		return int(self.tmux("display-message", "-p", "#{pane_pid}"))

	def close(self):
		self.tmux("kill-server")


def close_terminal(folder):
	"""Ends the tmux servers that Terminals of this folder may have left."""
	for path in glob.glob(os.path.join(glob.escape(folder), "tmux.*")):
		subprocess.run(["tmux", "-S", path, "kill-server"], stdin=subprocess.DEVNULL,
			stderr=subprocess.DEVNULL, timeout=10, check=False)


class Fleet:
	"""Agents and the catchmentd that polls them."""

	def __init__(self, build, pops):
		self.build = build
		self.folder = tempfile.mkdtemp(prefix="flow.", dir="/tmp")
		self.pops = pops
		self.daemon = self.agents = None
		self.backend = "unix:" + os.path.join(self.folder, "api.sock")
		self.catchment = os.path.join(build, "catchment") + " --backend " + self.backend

	def start(self):
		net = f"127.{random.randint(16, 250)}.{random.randint(1, 250)}.0"
		with socket.socket() as s:
			s.bind(("127.0.0.1", 0))
			self.control = s.getsockname()[1]
		fleet = os.path.join(self.folder, "fleet.yaml")
		self.agents = started([os.path.join(self.build, "tests", "agents"), "--pops", str(self.pops),
			"--address", net, "--control", str(self.control), "--poll", "1s", "--fleet", fleet, *self.agent_options()],
			os.path.join(self.folder, "agents.log"))
		within(10, lambda: os.path.exists(fleet) and os.path.getsize(fleet) > 0)
		with open(fleet, encoding="utf-8") as f:
			text = self.amend(f.read())
		with open(fleet, "w", encoding="utf-8") as f:
			f.write(text)
		self.start_daemon()

	def agent_options(self):
		"""More options for the agents; for flows that need some."""
		return []

	def daemon_options(self):
		"""More options for catchmentd."""
		return []

	def amend(self, text):
		"""The fleet file as the daemon shall have it."""
		return text

	def start_daemon(self):
		self.daemon = started([os.path.join(self.build, "catchmentd"), "--config",
			os.path.join(self.folder, "fleet.yaml"), "--state", os.path.join(self.folder, "state"),
			"--listen", self.backend, *self.daemon_options()], os.path.join(self.folder, "catchmentd.log"))

	def kill_daemon(self):
		self.daemon.kill()
		self.daemon.wait()

	def log(self):
		with open(os.path.join(self.folder, "catchmentd.log"), encoding="utf-8", errors="replace") as f:
			return f.read()

	def end(self):
		status = end(self.daemon) if self.daemon else 0
		if self.agents:
			end(self.agents)
		return status

	def remove(self):
		shutil.rmtree(self.folder, ignore_errors=True)


def find_build(given=None):
	"""The build folder: the one given, else the first argument, else build/ of this checkout. Skips when there is none."""
	here = os.path.dirname(os.path.realpath(__file__))
	first = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None
	build = os.path.realpath(given or first or os.path.join(here, "..", "..", "build"))
	for program in ("catchmentd", "catchment", "tests/agents"):
		if not os.access(os.path.join(build, program), os.X_OK):
			skip(f"there is no {program} in {build}")
	return build
