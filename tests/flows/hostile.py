#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile nodes, a hostile environment and hostile terminals, against the whole program.

A real catchmentd polls nodes that this test plays (villains.py): each does one of the things of
docs/hostile.md. For every one of them it must say in one sentence what happened, keep asking the
good nodes on time, and let no byte of theirs steer a terminal: the bytes of the dashboard are read
from a pseudo-terminal of our own and looked at one by one.

    tests/flows/hostile.py [BUILD]
"""

import fcntl
import gzip
import http.client
import json
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import stage  # noqa: E402
import villains  # noqa: E402
from villains import Dead, Gang, Villain, JSON_HEAD, changed, drip, endless, page, raw  # noqa: E402

POLL_S = 1
STALE_S = 3 * POLL_S
GOOD = ("good1", "good2")
BANNER = "BACKEND AWAY"
SANITIZERS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion")

# name: what the node does, and what its sentence must say. None: its page is taken.
ZEROS = gzip.compress(bytes(64 << 20), 9)
HTTP_NODES = {
	"evil-text": (lambda: Villain(page(villains.evil_page())), None),
	"raw-escape": (lambda: Villain(page(changed("identity", b'"\x1b]52;c;x\x07"'))),
		"control byte inside a string"),
	"evil-type": (lambda: Villain(page(b"{}", b"HTTP/1.1 200 OK\r\nContent-Type: \x1b]52;c;x\x07\xff\r\n")),
		r"of type \\u\{1b\}\]52"),
	"evil-key": (lambda: Villain(page(changed("healthy", b'"\\u001b[77777m"'))), "healthy"),
	"depth-bomb": (lambda: Villain(page(b"[" * 100000)), "nested deeper than 16"),
	"nul-escaped": (lambda: Villain(page(changed("identity", b'"drained\\u0000x"'))), "agent: JSON: "),
	"nul-raw": (lambda: Villain(page(changed("identity", b'"drained\x00x"'))), "agent: JSON: "),
	"bad-utf8": (lambda: Villain(page(changed("identity", b'"\xff\xfe"'))), "UTF-8"),
	"surrogate": (lambda: Villain(page(changed("identity", b'"\\ud800"'))), "agent: JSON: "),
	"twice": (lambda: Villain(page(changed("healthy", b'"yes", "healthy": "no"'))), "twice"),
	"nan": (lambda: Villain(page(changed("since_s", b"NaN"))), "agent: JSON: "),
	"minus-one": (lambda: Villain(page(changed("queries", b"-1"))), "-1 is outside"),
	"huge": (lambda: Villain(page(changed("queries", b"1e30"))), "queries"),
	"octal": (lambda: Villain(page(changed("queries", b"007"))), "agent: JSON: "),
	"empty": (lambda: Villain(page(b"")), "empty"),
	"drip": (lambda: Villain(drip(JSON_HEAD + b"Content-Length: 100000\r\n\r\n", b"1")),
		"did not finish its answer within"),
	"endless": (lambda: Villain(endless(JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n")),
		"larger than 1048576 bytes"),
	"gzip-bomb": (lambda: Villain(page(ZEROS, JSON_HEAD + b"Content-Encoding: gzip\r\n")), "compressed"),
	"mute": (lambda: Villain(villains.mute), "did not answer within"),
	"reset": (lambda: Villain(villains.reset), "ended the connection"),
	"cut": (lambda: Villain(raw(JSON_HEAD + b"Content-Length: 100\r\n\r\n{\"agent\"")),
		"in the middle of the answer, after 8 bytes"),
	"garbage": (lambda: Villain(raw(b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\xff\x1b[77777m")), "does not speak HTTP"),
	"refused": (lambda: Dead(False), "refuses the connection"),
	"black-hole": (lambda: Dead(True), "no connection to"),
}
SSH_NODES = {
	"ssh-mute": (lambda: Villain(villains.speaks_first(b"")), "no SSH banner came"),
	"ssh-long": (lambda: Villain(villains.speaks_first(b"x" * (1 << 20))), "banner is longer"),
	"ssh-evil": (lambda: Villain(villains.speaks_first(b"\x1b]52;c;x\x07\x1b[77777m\r\n")),
		r"not SSH: it answered \"\\u\{1b\}\]52"),
	"ssh-refused": (lambda: Dead(False), "refused"),
	"ssh-black-hole": (lambda: Dead(True), r"\(connect\)"),
}

# --- bytes that may reach a terminal

# What ncurses and term.c write: CSI with numbers, charsets, keypad, cursor saving, reverse index. No OSC, no DCS.
OURS = re.compile(r"\x1b\[[0-9;:?>]*[A-Za-z@`]|\x1b[()][0AB]|\x1b[=>78MDEHc]")
MARKED = re.compile(r"[\x1b\x9b]\[?[0-9;]*77777")
FORBIDDEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
CONTROL = {"pty": "\r\n\b\x0e\x0f", "text": "\n", "ansi": "\n", "csv": "\r\n"}


def strays(data, kind):
	"""What is in these bytes that may not be, as text; "" for nothing."""
	try:
		text = data.decode()
	except UnicodeDecodeError as e:
		return f"not UTF-8: {e}"
	if MARKED.search(text):
		return "a node's own escape sequence"
	if kind in ("pty", "ansi"):
		text = OURS.sub("", text)
	marks = 0
	for i, c in enumerate(text):
		category = unicodedata.category(c)
		marks = marks + 1 if category in ("Mn", "Me", "Mc") else 0
		if (category in FORBIDDEN and c not in CONTROL[kind]) or marks > 2:
			return f"U+{ord(c):04X} in {text[max(0, i - 20):i + 20]!r}"
	return ""


# --- the programs

class Backend:
	"""A catchmentd on a fleet of villains, in an environment that means no good either."""

	def __init__(self, build):
		self.build = build
		self.folder = tempfile.mkdtemp(prefix="hostile.", dir="/tmp")
		self.socket = os.path.join(self.folder, "api.sock")
		self.catchment = [os.path.join(build, "catchment"), "--backend", "unix:" + self.socket]
		self.gang = Gang()
		self.trap = self.gang.add("trap", Villain(page(villains.good_page())))
		self.key_log = os.path.join(self.folder, "keys.log")
		self.suppressions = os.path.join(self.folder, "suppressions")
		with open(self.suppressions, "w", encoding="ascii") as f:
			f.write("leak:new_prescr\n")  # ncurses 6.4 when it does not know a terminal
		self.terminfo = os.path.join(self.folder, "terminfo")
		os.makedirs(os.path.join(self.terminfo, "x"))
		with open(os.path.join(self.terminfo, "x", "xterm-256color"), "wb") as f:
			f.write(b"\x1a\x01" + bytes(range(256)) * 8)
		self.environment = self.hostile_environment()
		self.daemon = None
		self.worst_good_age = 0

	def hostile_environment(self):
		trap = f"http://{villains.LOCALHOST}:{self.trap.port}"
		with open(os.path.join(self.folder, ".curlrc"), "w", encoding="ascii") as f:
			f.write(f'proxy = "{trap}"\ninsecure\nlocation\n')
		environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
		for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
			environment[name] = trap
		# the sanitizer's quarantine would hide what is really kept
		options = environment.get("ASAN_OPTIONS", "")
		environment.update(SSLKEYLOGFILE=self.key_log, CURL_HOME=self.folder, HOME=self.folder,
			no_proxy="", NO_PROXY="", LC_ALL="C.UTF-8", ASAN_OPTIONS=options + ":quarantine_size_mb=4",
			LSAN_OPTIONS="print_suppressions=0:suppressions=" + self.suppressions)
		return environment

	def start(self, nodes, log="catchmentd.log"):
		"""nodes: text of the pops of fleet.yaml."""
		self.log_path = os.path.join(self.folder, log)
		with open(os.path.join(self.folder, "fleet.yaml"), "w", encoding="ascii") as f:
			f.write("fleet: hostile\nenvironment: test\nservices:\n  ns:\n    prefixes: [192.0.2.0/24]\n"
				"    policy: {min_pops: 1, spare: 0}\n"
				f"defaults:\n  poll: {POLL_S}s\n"
				"  ssh: {user: nobody, observe_key: key, known_hosts: known_hosts}\n"
				"pops:\n" + nodes)
		with open(self.log_path, "ab") as log_file:
			self.daemon = subprocess.Popen([os.path.join(self.build, "catchmentd"), "--config",
				os.path.join(self.folder, "fleet.yaml"), "--state", os.path.join(self.folder, "state"),
				"--listen", "unix:" + self.socket], stdin=subprocess.DEVNULL, stdout=log_file,
				stderr=log_file, env=self.environment, start_new_session=True,
				preexec_fn=stage.die_with_parent)

	def nodes(self):
		"""The nodes by name, {} while the API does not answer; notes how old the good ones are."""
		connection = http.client.HTTPConnection("localhost", timeout=5)
		connection.sock = socket.socket(socket.AF_UNIX)
		connection.sock.settimeout(5)
		try:
			connection.sock.connect(self.socket)
			connection.request("GET", "/v1/nodes")
			answer = connection.getresponse()
			rows = json.loads(answer.read()) if answer.status == 200 else []
		except (OSError, ValueError, http.client.HTTPException):
			return {}
		finally:
			connection.close()
		by_name = {row["node"]: row for row in rows}
		for name, row in by_name.items():
			if name.startswith("good") and row["age_s"] is not None:
				self.worst_good_age = max(self.worst_good_age, row["age_s"])
		return by_name

	def run(self, *words):
		"""(exit status, stdout, stderr) of catchment."""
		done = subprocess.run([*self.catchment, *words], stdin=subprocess.DEVNULL, capture_output=True,
			env=self.environment, timeout=30, check=False)
		return done.returncode, done.stdout, done.stderr

	def log(self):
		with open(self.log_path, "rb") as f:
			return f.read()

	def descriptors(self):
		return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

	def resident_kib(self):
		with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as f:
			return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


class Console:
	"""The dashboard on a pseudo-terminal; all it ever wrote is kept."""

	def __init__(self, backend, cols, rows, **environment):
		self.master, slave = pty.openpty()
		self.bytes = b""
		self.resize(cols, rows)
		env = {**backend.environment, "TERM": "xterm-256color", **environment}
		self.errors = os.path.join(backend.folder, "console.errors")
		with open(self.errors, "wb") as f:
			self.process = subprocess.Popen(["setsid", "-c", *backend.catchment], stdin=slave, stdout=slave,
				stderr=f, env=env, preexec_fn=stage.die_with_parent)
		os.close(slave)
		os.set_blocking(self.master, False)

	def resize(self, cols, rows):
		fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

	def pump(self):
		"""Reads what there is; False when the other end is gone."""
		while select.select([self.master], [], [], 0)[0]:
			try:
				data = os.read(self.master, 65536)
			except OSError:
				return False
			if not data:
				return False
			self.bytes += data
		return True

	def press(self, keys):
		os.write(self.master, keys.encode())

	def text_since(self, mark):
		return OURS.sub("", self.bytes[mark:].decode(errors="replace"))

	def shows(self, text, keys="", seconds=10):
		"""Presses keys until the text is in what was written since; seconds it took, or None. The terminal
		is not emulated, so a text of which a part stood there before is only found after a ^L."""
		mark = len(self.bytes)
		self.press(keys)
		def is_there():
			self.pump()
			return text in self.text_since(mark)
		took = stage.within(1, is_there)
		if took is None:
			self.press("\x0c")
			took = stage.within(seconds, is_there)
		return took

	def end(self):
		"""Exit status of the process; None if it had to be killed."""
		def is_over():
			self.pump()
			return self.process.poll() is not None
		if stage.within(10, is_over) is None:
			self.process.kill()
			self.process.wait()
			return None
		return self.process.returncode

	def close(self):
		os.close(self.master)

	def report(self):
		with open(self.errors, encoding="utf-8", errors="replace") as f:
			return f.read()


# --- the flows

def fleet_text(backend):
	"""Opens every villain of the tables; the pops for fleet.yaml."""
	lines = ["  fra:", "    nodes:"]
	for name in GOOD:
		port = backend.gang.add(name, Villain(page(villains.good_page()))).port
		lines.append(f'      {name}: {{agent: "http://127.0.0.1:{port}"}}')
	lines += ["  bad:", "    at: [50.1, 8.7]", "    nodes:"]
	rows = dict(HTTP_NODES)
	rows["redirect"] = (lambda: Villain(raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/v1/node\r\n"
		b"Content-Length: 0\r\n\r\n" % backend.trap.port)), "redirects: status 302")
	for name, (make, _) in rows.items():
		port = backend.gang.add(name, make()).port
		lines.append(f'      {name}: {{agent: "http://127.0.0.1:{port}"}}')
	for name, (make, _) in SSH_NODES.items():
		port = backend.gang.add(name, make()).port
		lines.append(f"      {name}: {{address: 127.0.0.1, bgp: bird, ask_own: false, ssh: {{port: {port}}}}}")
	wanted = {name: says for name, (_, says) in {**rows, **SSH_NODES}.items()}
	return "\n".join(lines) + "\n", wanted


def flow_nodes(checks, backend):
	"""Every hostile node gets its sentence, on the API and on the command line."""
	text, wanted = fleet_text(backend)
	backend.start(text)

	def says_so(row, says):
		if row is None:
			return False
		return row["error"] is None and row["age_s"] is not None if says is None \
			else re.search(says, row["error"] or "") is not None

	def all_told():
		rows = backend.nodes()
		return all(says_so(rows.get(name), says) for name, says in wanted.items())
	took = stage.within(20, all_told)
	status, out, _ = backend.run("get", "nodes", "-o", "json")
	rows = {row["node"]: row for row in json.loads(out)} if status == 0 else {}
	for name, says in wanted.items():
		error = (rows.get(name) or {}).get("error")
		checks.say(says_so(rows.get(name), says), f"{name}: {error or 'its page is taken'}",
			"" if says_so(rows.get(name), says) else f"'{says}' was expected")
	checks.say(took is not None, "all of it is told within some polls", f"{took:.1f} s" if took else "never")
	for name in GOOD:
		checks.say((rows.get(name) or {}).get("error", "?") is None, f"{name}: no error")


def texts_of(value):
	"""All strings in a JSON value."""
	if isinstance(value, str):
		return [value]
	if isinstance(value, dict):
		value = list(value) + list(value.values())
	return [text for item in value for text in texts_of(item)] if isinstance(value, list) else []


def flow_command_line(checks, backend):
	"""No byte of a node steers the terminal of a command, and all of it can be seen."""
	for words in (("get", "nodes", "-o", "json"), ("get", "nodes"), ("get", "nodes", "-o", "wide"),
			("get", "nodes", "-o", "csv"), ("get", "sessions"), ("get", "sessions", "-o", "jsonl"),
			("get", "events"), ("get", "pops", "-o", "wide"), ("describe", "node", "evil-text"),
			("why", "evil-text"), ("why", "bad"), ("snapshot", "sessions", "--size", "200x60"),
			("snapshot", "nodes", "--size", "200x60", "--format", "svg")):
		status, out, errors = backend.run(*words)
		stray = strays(out + errors, "csv" if "csv" in words else "text")
		is_good = status == 0 and out and not stray
		checks.say(is_good, " ".join(words) + ": clean text",
			"" if is_good else f"{stray} status {status} {errors[:200]!r}")
	status, out, _ = backend.run("snapshot", "sessions", "--size", "200x60", "--format", "ansi")
	checks.say(status == 0 and not strays(out, "ansi"), "snapshot --format ansi: only our own colours",
		strays(out, "ansi"))
	_, out, _ = backend.run("get", "sessions", "-o", "json")
	text = "\n".join(texts_of(json.loads(out))).encode()
	checks.say(not strays(text, "text"), "JSON, decoded: still clean", strays(text, "text"))
	for what in ("\\u{1b}]52", "\\u{9b}31m", "\\u{d}\\u{9}", "\\u{202e}", "\\u{200b}", "\\u{2028}", "\\u{301}"):
		checks.say(what.encode() in text, f"{what} can be seen")
	status, out, errors = backend.run("describe", "node", "no\x1b[77777msuch")
	checks.say(status != 0 and not strays(out + errors, "text"), "an error quotes an argument cleanly",
		strays(out + errors, "text"))
	checks.say(not strays(backend.log(), "text"), "the daemon's log is clean", strays(backend.log(), "text"))


def flow_environment(checks, backend):
	"""What stood in the environment, and where a node sent us, was never used."""
	trap = backend.trap
	checks.say(trap.connections == 0, "neither the redirect nor a proxy of the environment was followed",
		f"{trap.connections} connections: {trap.heard[:200]!r}")
	checks.say(backend.gang["redirect"].asked > 0, "the node that redirects was asked")
	checks.say(not os.path.exists(backend.key_log), "no keys were logged")


def flow_terminal(checks, backend):
	"""The dashboard, through all views and sizes, in front of evil texts."""
	say = checks.say
	console = Console(backend, 160, 45)
	say(console.shows("hostile") is not None, "dashboard: it starts", console.report()[:300])
	for key, word in (("1", "bad"), ("2", "bad"), ("4", "\\u{1b}"), ("5", "192.0.2.0/24"), ("0", "bad"),
			("3", "evil-text")):
		say(console.shows(word, key) is not None, f"dashboard: view {key} shows {word}")
	say(console.shows("evil-text", "/evil-text\r") is not None, "dashboard: the evil node is found")
	for key in ("d", "e", "y"):
		say(console.shows("\\u{1b}", key) is not None, f"dashboard: {key} of the evil node")
		console.press("\x1b")
		console.shows("evil-text")
	stray = strays(console.bytes, "pty")
	say(not stray, f"dashboard: {len(console.bytes)} bytes, none of them a node's", stray)

	sizes = [(1, 1), (300, 100), (2, 1), (80, 24), (1, 50), (300, 1), (19, 5), (160, 45), (40, 10), (120, 3)]
	mark = len(console.bytes)
	for i in range(120):
		console.resize(*sizes[i % len(sizes)])
		if i % 7 == 0:
			console.press("123450dey:/?"[i // 7 % 12] + "\x1b")
		console.pump()
	console.resize(80, 24)
	say(console.process.poll() is None, "size storm: it lives")
	say(console.shows("hostile", "2") is not None, "size storm: it draws again afterwards")
	say(not strays(console.bytes[mark:], "pty"), "size storm: clean bytes", strays(console.bytes[mark:], "pty"))
	console.press("q")
	status = console.end()
	say(status == 0, "size storm: q ends it with status 0", f"{status} {console.report()[:500]}")
	say(not SANITIZERS.search(console.report()), "size storm: no sanitizer report", console.report()[:500])
	console.close()


def flow_hang_up(checks, backend):
	"""The terminal goes away, in a view and inside a prompt."""
	for what, keys in (("in a view", "2"), ("in the command line", ":dra"), ("in an acting key", "2D")):
		console = Console(backend, 80, 24)
		console.shows("hostile")
		console.press(keys)
		console.pump()
		console.close()
		took = stage.within(10, lambda: console.process.poll() is not None)
		report = console.report()
		checks.say(took is not None and not SANITIZERS.search(report), f"hang-up {what}: it ends", report[:500])
		if took is None:
			console.process.kill()
			console.process.wait()


# TERM, locale, and whether it is drawn on; if not, a sentence says why.
TERMINALS = (
	("dumb", "C.UTF-8", False), ("no-such-terminal", "C.UTF-8", False), ("vt100", "C", True),
	("linux", "C", True), ("linux", "C.UTF-8", True), ("xterm", "C.UTF-8", True), ("xterm-256color", "C", True),
	("screen", "C.UTF-8", True), ("ansi", "C", True), ("vt220", "C.UTF-8", True), ("xterm-mono", "C.UTF-8", True),
)


def flow_terminals(checks, backend):
	"""What the verdicts are can be read as words, on whatever it is shown."""
	for term, locale, is_drawn in TERMINALS:
		console = Console(backend, 80, 24, TERM=term, LC_ALL=locale)
		title = f"TERM={term} LC_ALL={locale}"
		if not is_drawn:
			status, report = console.end(), console.report()
			is_good = status == 2 and report.count("\n") == 1 and term in report
			checks.say(is_good, f"{title}: {report.strip()}", "" if is_good else f"status {status}")
			console.close()
			continue
		is_shown = console.shows("degraded", "2") is not None
		is_plain = locale != "C" or all(b < 0x80 for b in console.bytes)
		console.press("q")
		status, report = console.end(), console.report()
		is_good = is_shown and is_plain and status == 0 and not SANITIZERS.search(report)
		checks.say(is_good, f"{title}: a verdict can be read, q ends it",
			"" if is_good else f"shown {is_shown}, ASCII {is_plain}, status {status} {report[:300]}")
		console.close()


def flow_terminfo(checks, backend):
	"""A description of the terminal that is rubbish: drawn with the right one, or a sentence."""
	console = Console(backend, 80, 24, TERMINFO=backend.terminfo)
	stage.within(5, lambda: not console.pump() or console.process.poll() is not None or len(console.bytes) > 0)
	if console.process.poll() is None:
		console.press("q")
	status, report = console.end(), console.report()
	checks.say(status in (0, 2) and not SANITIZERS.search(report), "TERMINFO with rubbish in it does no harm",
		f"status {status} {report[:300]}")
	console.close()


def flow_backend_dies(checks, backend):
	console = Console(backend, 80, 24)
	console.shows("hostile")
	backend.daemon.kill()
	backend.daemon.wait()
	mark = len(console.bytes)

	def has_banner():
		console.pump()
		return BANNER in console.text_since(mark)
	took = stage.within(8, has_banner)
	checks.say(took is not None and took <= 3, "backend killed: the banner appears within 3 s",
		f"{took:.2f} s" if took else "never")
	console.press("q")
	checks.say(console.end() == 0, "backend killed: q still works", console.report()[:300])
	console.close()


MANY = 300


def flow_many(checks, backend):
	"""Half of a fleet dead in different ways: it is asked less, the rest as before, and nothing piles up."""
	say = checks.say
	kinds = (lambda: Villain(villains.mute), lambda: Dead(False), lambda: Dead(True),
		lambda: Villain(villains.reset))
	lines, live, mute = ["  fra:", "    nodes:"], [], []
	for i in range(MANY):
		is_good = i % 2 == 0
		villain = Villain(page(villains.good_page())) if is_good else kinds[i // 2 % len(kinds)]()
		backend.gang.add(f"many{i}", villain)
		if is_good:
			live.append(villain)
		elif i // 2 % len(kinds) in (0, 3):
			mute.append(villain)
		name = f"good{i}" if is_good else f"dead{i}"
		lines.append(f'      {name}: {{agent: "http://127.0.0.1:{villain.port}"}}')
	backend.worst_good_age = 0
	backend.start("\n".join(lines) + "\n", "many.log")
	has_begun = stage.within(20, lambda: all(v.asked >= 3 for v in live) and all(v.asked >= 2 for v in mute))
	say(has_begun is not None, f"{MANY} nodes, half of them dead: all are asked",
		f"{has_begun:.1f} s" if has_begun else f"{min(v.asked for v in live + mute)} times")
	descriptors, memory = backend.descriptors(), backend.resident_kib()
	live_before, mute_before = [v.asked for v in live], [v.asked for v in mute]

	def polled(villains_, before):
		return sum(v.asked - b for v, b in zip(villains_, before)) / len(before)

	def long_enough():
		backend.nodes()
		return polled(live, live_before) >= 12
	took = stage.within(40, long_enough)
	say(took is not None, "the live half is polled on",
		f"{took:.1f} s for 12 polls" if took else f"{polled(live, live_before)}")
	ratio = polled(mute, mute_before) / max(polled(live, live_before), 1)
	say(ratio <= 0.5, "the dead half is asked less than half as often", f"{ratio:.2f}")
	say(backend.worst_good_age <= STALE_S, "no live node grew stale", f"oldest {backend.worst_good_age:.1f} s")
	more = backend.descriptors()
	say(more <= MANY + 64, "descriptors are bounded", f"{descriptors}, then {more}")
	grown = backend.resident_kib() - memory
	say(grown <= 16384, "memory is bounded", f"{memory} KiB, {grown:+d} KiB in {took or 0:.0f} s")
	rows = backend.nodes()
	say(all(rows[n]["error"] for n in rows if n.startswith("dead")), "each dead node has its sentence")


def end_daemon(checks, backend, title):
	status = stage.end(backend.daemon)
	log = backend.log().decode(errors="replace")
	checks.say(status == 0 and not SANITIZERS.search(log), f"{title}: catchmentd ends with status 0 and no report",
		f"status {status} {log[-800:]}" if status or SANITIZERS.search(log) else "")


def flow_looking_glass(checks):
	"""What the other flows look through sees every evil text raw, and none once it is escaped."""
	texts = [villains.evil(n) for n in range(len(villains.EVIL))] + list(villains.EVIL.values())
	seen = all(strays(text.encode(), kind) for text in texts for kind in CONTROL)
	calm = not strays("\\u{1b}]52 zu\u0308rich \u6771".encode(), "text") and \
		not strays(b"\x1b[1;31mok\x1b[m\r\n", "pty")
	checks.say(seen and calm, "raw evil is seen, escaped evil is not")


def main():
	build = stage.find_build()
	if not shutil.which("setsid"):
		stage.skip("there is no setsid (util-linux)")
	checks = stage.Checks()
	backend = Backend(build)
	with open(os.path.join(backend.folder, "known_hosts"), "w", encoding="ascii"):
		pass
	subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(backend.folder, "key")],
		check=True)
	try:
		flow_looking_glass(checks)
		flow_nodes(checks, backend)
		flow_command_line(checks, backend)
		flow_terminal(checks, backend)
		flow_hang_up(checks, backend)
		flow_terminals(checks, backend)
		flow_terminfo(checks, backend)
		flow_environment(checks, backend)
		checks.say(0 < backend.worst_good_age <= STALE_S, "the good nodes never grew stale",
			f"oldest {backend.worst_good_age:.1f} s")
		end_daemon(checks, backend, "hostile nodes")
		flow_many(checks, backend)
		flow_backend_dies(checks, backend)
	finally:
		if backend.daemon and backend.daemon.poll() is None:
			backend.daemon.kill()
			backend.daemon.wait()
		shutil.rmtree(backend.folder, ignore_errors=True)
	sys.exit(checks.end())


if __name__ == "__main__":
	main()
