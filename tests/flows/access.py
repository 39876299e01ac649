#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what from elsewhere: real catchmentd and catchment over TLS, with real certificates.

Tokens and client certificates that are good, and those that are not; what a reload takes away; the
dashboard over TLS; observers that take all the room they may while an operator drains; rights that
lapse where nobody sits. The certificates are openssl's (certs.py), the connections OpenSSL's and
Python's, the backend's side is GnuTLS.

    tests/flows/access.py [BUILD]
"""

import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import acting  # noqa: E402
import certs  # noqa: E402
import stage  # noqa: E402

POPS = 16
FILES = 256      # descriptors that catchmentd may have: 32 TLS sessions, two of them kept for who acts
OBSERVERS = 30
SANITIZERS = "AddressSanitizer|LeakSanitizer|runtime error:"


class Access(acting.Acting):
	"""The acting fleet, served over TLS too."""

	def __init__(self, build, pops):
		super().__init__(build, pops)
		self.certs = certs.Certs(os.path.join(self.folder, "tls"))
		self.certs.make("server", "server-ca", "server")
		self.certs.make("server-ended", "server-ca", "server", -30, -1)
		for name in ("alice", "carol"):
			self.certs.make(name, "clients", "client")
		self.certs.make("late", "clients", "client", -30, -1)
		self.certs.make("stranger", "clients", "client")
		self.certs.revoke("carol", "clients")
		self.certs.give_list("clients")
		self.hashes = {name: self.make_token(name) for name in ("ops", "watch", "gone")}
		self.server = "server"
		self.gone, self.idle = [], "15m"
		self.base = None
		with socket.socket() as s:
			s.bind(("127.0.0.1", 0))
			self.port = s.getsockname()[1]
		self.url = f"https://127.0.0.1:{self.port}"

	def make_token(self, name):
		done = subprocess.run([os.path.join(self.build, "catchment"), "token", name, "--role", "observer"], capture_output=True,
			text=True, timeout=30, check=True)
		token = re.search(r"cmt_[A-Za-z0-9_-]{49}", done.stdout + done.stderr).group(0)
		with open(self.token_file(name), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
			f.write(token + "\n")
		return re.search(r"sha256:[0-9a-f]{64}", done.stdout + done.stderr).group(0)

	def token_file(self, name):
		return os.path.join(self.folder, name + ".token")

	def token(self, name):
		with open(self.token_file(name), encoding="ascii") as f:
			return f.read().strip()

	def amend(self, text):
		self.base = text.replace("spare: 1}", "spare: 1, max_drained: 2, max_load: 99%, approval: never}")
		return self.whole()

	def whole(self):
		def row(words):
			return "  - {" + words + "}\n"
		text = self.base + f"\nlimits: {{act_idle: {self.idle}}}\naccess:\n"
		text += row(f"user: tester, uid: {os.getuid()}, role: operator") + row(f"user: tester, uid: {os.getuid()}, role: admin")
		text += row(f"token: ops, hash: \"{self.hashes['ops']}\", role: operator, pops: [fra, ams]")
		text += row(f"token: watch, hash: \"{self.hashes['watch']}\", role: observer")
		text += row(f"token: gone, hash: \"{self.hashes['gone']}\", role: observer") if "gone" not in self.gone else ""
		for name in ("alice", "carol", "late"):
			text += row(f"user: {name}, cert: \"{self.certs.fingerprint(name)}\", role: operator, pops: [fra]")
		path = self.certs.path
		return text + (f"tls: {{cert: {path(self.server, 'pem')}, key: {path(self.server, 'key')}, "
			f"client_ca: {path('clients', 'pem')}, client_crl: {path('clients', 'crl')}}}\n")

	def reload(self):
		"""The file as it shall be now; until the backend says that it has it."""
		with open(os.path.join(self.folder, "fleet.yaml"), "w", encoding="utf-8") as f:
			f.write(self.whole())
		status, out, err = self.run("reload")
		return status == 0 or print(out, err)

	def start_daemon(self):
		def few_files():
			stage.die_with_parent()
			resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
		with open(os.path.join(self.folder, "catchmentd.log"), "ab") as log:
			self.daemon = subprocess.Popen([os.path.join(self.build, "catchmentd"), "--config",
				os.path.join(self.folder, "fleet.yaml"), "--state", os.path.join(self.folder, "state"), "--listen", self.backend,
				"--listen", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
				preexec_fn=few_files)

	def options(self, token=None, cert=None, ca="server-ca"):
		words = ["--backend", self.url, "--ca", self.certs.path(ca, "pem")]
		words += ["--token-file", self.token_file(token)] if token else []
		words += ["--cert", self.certs.path(cert, "pem"), "--key", self.certs.path(cert, "key")] if cert else []
		return words

	def far(self, *words, **who):
		"""A command over TLS: its status, what it printed, its error."""
		done = subprocess.run([os.path.join(self.build, "catchment"), *self.options(**who), *words], stdin=subprocess.DEVNULL,
			capture_output=True, text=True, timeout=120, check=False)
		return done.returncode, done.stdout, done.stderr

	def connect(self, source="127.0.0.1", cert=None, version=None):
		context = ssl.create_default_context(cafile=self.certs.path("server-ca", "pem"))
		if cert:
			context.load_cert_chain(self.certs.path(cert, "pem"), self.certs.path(cert, "key"))
		if version:
			context.minimum_version = context.maximum_version = version
		plain = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))
		return context.wrap_socket(plain, server_hostname="127.0.0.1")

	def ask(self, target, token=None, source="127.0.0.1", cert=None, hold=False):
		"""A request by hand. The head of the answer and what came with it; with hold the connection too."""
		connection = self.connect(source, cert)
		line = f"Authorization: Bearer {token}\r\n" if token else ""
		connection.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{line}\r\n".encode())
		if hold:
			return connection, connection.recv(4096).decode(errors="replace")
		answer = b""
		while True:
			piece = connection.recv(65536)
			if not piece:
				break
			answer += piece
		connection.close()
		return answer.decode(errors="replace")

	def ends_within(self, connection, seconds):
		"""How long until the other side ends a stream; None if it does not."""
		start = time.monotonic()
		connection.settimeout(seconds)
		try:
			while connection.recv(65536):
				pass
		except (TimeoutError, socket.timeout):
			return None
		except OSError:
			pass # an end without good-bye is an end
		return time.monotonic() - start


def status_line(answer):
	return answer.split("\r\n", 1)[0]


def flow_who(flow):
	"""Each way to be known, and each way not to be."""
	fleet, say = flow.fleet, flow.say
	cases = [
		("a token", {"token": "watch"}, 0, ""),
		("a client certificate", {"cert": "alice"}, 0, ""),
		("neither", {}, 9, "who is asking"),
		("a certificate that no row names", {"cert": "stranger"}, 9, "not accepted"),
		("a certificate that was revoked", {"cert": "carol"}, None, ""),
		("a certificate that has ended", {"cert": "late"}, None, ""),
		("a token, and another authority for the backend's certificate", {"token": "watch", "ca": "clients"}, None, "certificate"),
	]
	for title, who, status, words in cases:
		is_status, out, err = fleet.far("get", "pops", **who)
		if status == 0:
			say(is_status == 0 and "fra" in out, f"{title}: the PoPs are shown", f"{is_status}\n{out}\n{err}")
		else:
			good = (is_status == status if status is not None else is_status not in (0, 2)) and words in err and not out
			say(good, f"{title}: refused", f"{is_status}\n{out}\n{err}")
	status, _, err = fleet.far("drain", "fra", "--yes", "--reason", "x", token="watch")
	say(status == 9 and "operator" in err, "an observer's drain: status 9", f"{status}\n{err}")
	status, _, err = fleet.far("--read-only", "drain", "fra", "--yes", "--reason", "x", token="ops")
	say(status == 9, "--read-only of an operator: status 9", f"{status}\n{err}")
	status, out, err = fleet.far("drain", "nrt", "--dry-run", "--reason", "x", token="ops")
	say(status != 0 and "outside the scope" in out + err, "an operator outside the scope of the token", f"{status}\n{out}\n{err}")
	_, out, err = fleet.run("audit", "list")
	say("refused" in out and "watch" in out, "the refusals stand in the audit log", f"{out}\n{err}")
	say("the client certificate does not verify" in out, "and so do certificates that do not verify", f"{out}\n{err}")


def flow_versions(flow):
	fleet = flow.fleet
	with fleet.connect(version=ssl.TLSVersion.TLSv1_3) as connection:
		flow.say(connection.version() == "TLSv1.3", "TLS 1.3 is spoken", str(connection.version()))
	try:
		fleet.connect(version=ssl.TLSVersion.TLSv1_2).close()
		flow.say(False, "TLS 1.2 is refused", "the handshake succeeded")
	except (ssl.SSLError, ConnectionError) as error:
		flow.say("alert" in str(error).lower(), "TLS 1.2 is refused, with an alert", str(error))


def flow_metrics(flow):
	answer = flow.fleet.ask("/metrics", flow.fleet.token("watch"))
	text = answer.split("\r\n\r\n", 1)[-1]
	# an answer of unknown length comes in chunks; this one says its length
	flow.say("chunked" not in answer.split("\r\n\r\n", 1)[0], "/metrics says its length", answer[:400])
	for words in ("catchment_tls_certificate_expiry_timestamp_seconds ", "catchment_tls_crl_expiry_timestamp_seconds ",
		'catchment_tls_handshakes_total{result="done"}', 'catchment_tls_handshakes_total{result="bad_certificate"}'):
		flow.say("\n" + words in text, f"/metrics has {words.strip()}", text[-800:])
	refused = re.search(r'handshakes_total\{result="bad_certificate"\} (\d+)', text)
	flow.say(refused and int(refused.group(1)) >= 2, "and counted the certificates that were refused", str(refused))
	done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False)
	flow.say(done.returncode == 0 and not done.stdout and not done.stderr, "promtool finds nothing to say", done.stdout + done.stderr)


def flow_crowd(flow):
	"""Observers take all that they may; the operator drains and is seen to, and undrains by certificate."""
	fleet, say = flow.fleet, flow.say
	held, refused = [], ""
	for i in range(OBSERVERS + 4):
		try:
			connection, answer = fleet.ask("/v1/stream", fleet.token("watch"), source=f"127.0.9.{1 + i}", hold=True)
		except OSError as error:
			refused = str(error)
			break
		if " 200 " not in status_line(answer):
			refused = answer
			break
		held.append(connection)
	say(len(held) == OBSERVERS and "observers over TLS" in refused, f"{OBSERVERS} observers are let in, the next is told why not",
		f"{len(held)}\n{refused}")
	status, out, err = fleet.far("drain", "fra", "--yes", "--reason", "crowded", token="ops")
	say(status == 5 and "a person has to approve: not every gate is green" in out + err,
		"the operator's script plans and confirms all the same; for two amber gates a person is asked: status 5", f"{status}\n{out}\n{err}")
	waiting = [op["id"] for op in fleet.get("ops") if op["state"] == "waiting"]
	say(len(waiting) == 1, "its operation waits", str(fleet.get("ops")))
	status, out, err = fleet.far("op", "approve", *waiting, "--yes", token="ops")
	say(status == 9, "it cannot approve itself: status 9", f"{status}\n{out}\n{err}")
	status, out, err = fleet.far("op", "approve", *waiting, "--yes", cert="alice")
	say(status == 0, "alice approves, by her certificate", f"{status}\n{out}\n{err}")
	status, out, err = fleet.far("op", "wait", *waiting, token="ops")
	say(status == 0, "and it is followed to its measured end", f"{status}\n{out}\n{err}")
	say(stage.within(15, lambda: fleet.is_out("fra")) is not None, "fra is withdrawn", "")
	for connection in held:
		connection.close()
	status, out, err = fleet.far("undrain", "fra", "--yes", "--reason", "crowd is gone", "--wait", cert="alice")
	say(status == 0 and stage.within(15, lambda: fleet.is_in("fra")) is not None, "and is back, by alice's certificate",
		f"{status}\n{out}\n{err}")
	_, out, _ = fleet.run("audit", "list")
	say("ops" in out and "alice" in out, "both stand in the audit log by name", out)


def flow_dashboard(flow):
	"""Over TLS: the map, a change that arrives by the stream, and the end of the token."""
	fleet = flow.fleet
	flow.terminal = stage.Terminal(fleet.folder, 100, 30)
	words = " ".join(fleet.options(token="gone"))
	flow.terminal.type(f"{fleet.build}/catchment {words} 2>{fleet.folder}/errors; echo ended with $?")
	flow.shows("the dashboard is there over TLS", "16 of 16 known")
	flow.terminal.keys("D")
	flow.shows("and says that an observer may not act", "an operator may")
	flow.terminal.keys("0")
	flow.shows("the timeline is there", "KIND", "WHAT")
	stream, _ = fleet.ask("/v1/stream", fleet.token("gone"), hold=True)
	other, _ = fleet.ask("/v1/stream", fleet.token("watch"), hold=True)
	fleet.gone.append("gone")
	flow.say(fleet.reload(), "the token's row is taken out of the file", "")
	took = fleet.ends_within(stream, 5)
	flow.say(took is not None, "its stream ends within 5 s", "it goes on")
	other.settimeout(3)
	try:
		goes_on = len(other.recv(65536)) > 0
	except (TimeoutError, socket.timeout):
		goes_on = True
	flow.say(goes_on, "another's goes on", "it ended")
	flow.shows("the dashboard says that it is not let in any more", "BACKEND AWAY")
	other.close()
	flow.terminal.close()


def flow_used(flow):
	"""Which grant nobody uses."""
	status, out, err = flow.fleet.run("get", "access", "-o", "json")
	rows = json.loads(out) if status == 0 else []
	used = {row["name"]: row["last_used"] for row in rows}
	flow.say(used.get("watch") and used.get("alice") and "late" in used and not used["late"],
		"an admin sees which grants were used, and which were not", f"{status}\n{out}\n{err}")
	flow.say("sha256:" in out and not any(flow.fleet.hashes[name] in out for name in flow.fleet.hashes),
		"tokens are told apart by a few digits of their hash", out)
	status, out, err = flow.fleet.far("get", "access", token="ops")
	flow.say(status == 9 and not out, "an operator does not: status 9", f"{status}\n{out}\n{err}")


def flow_revoke(flow):
	"""A certificate is revoked while its owner looks on."""
	fleet = flow.fleet
	stream, answer = fleet.ask("/v1/stream", cert="alice", hold=True)
	flow.say(" 200 " in status_line(answer), "alice follows the stream by her certificate", answer)
	fleet.certs.revoke("alice", "clients")
	fleet.certs.give_list("clients")
	flow.say(fleet.reload(), "she is in a new list of revocations", "")
	flow.say(fleet.ends_within(stream, 5) is not None, "her stream ends within 5 s", "it goes on")
	status, out, err = fleet.far("get", "pops", cert="alice")
	flow.say(status != 0 and not out, "and she is not let in again", f"{status}\n{out}\n{err}")
	status, _, err = fleet.far("get", "pops", token="watch")
	flow.say(status == 0, "the others are", f"{status}\n{err}")


def flow_renew(flow):
	"""The backend's own certificate ends, and is renewed, without a restart."""
	fleet = flow.fleet
	pid = fleet.daemon.pid
	fleet.server = "server-ended"
	flow.say(fleet.reload(), "the backend's certificate is one that has ended", "")
	flow.say(stage.within(10, lambda: fleet.far("get", "pops", token="watch")[0] != 0) is not None, "catchment does not take it", "")
	status, _, err = fleet.far("get", "pops", token="watch")
	flow.say(status not in (0, 2) and "expired" in err, "and says that it has expired", f"{status}\n{err}")
	_, out, _ = fleet.run("get", "events")
	flow.say("the TLS certificate of the API ended at" in out, "the timeline says so too", out[-1500:])
	fleet.server = "server"
	flow.say(fleet.reload(), "a good one is put in its place", "")
	flow.say(stage.within(10, lambda: fleet.far("get", "pops", token="watch")[0] == 0) is not None, "and is taken", "")
	flow.say(fleet.daemon.poll() is None and fleet.daemon.pid == pid, "by the same process", "")


def flow_lapse(flow):
	"""A dashboard where nobody sits."""
	fleet = flow.fleet
	fleet.idle = "6s"
	flow.say(fleet.reload(), "rights to act lapse after six seconds now", "")
	flow.open(cols=100, rows=30)
	flow.terminal.keys(":")
	flow.terminal.type("drain iad")
	flow.shows("while keys are pressed it acts: the form is there", "Enter shows the plan")
	flow.terminal.keys("Escape")
	flow.shows("then nobody is there: it says so in its first line", "rights lapsed", seconds=20)
	for _ in range(3):
		flow.terminal.keys("j")
	flow.terminal.keys("D")
	flow.shows("keys do not bring them back, and D says what does", "start catchment again to act")
	flow.terminal.keys("2")
	flow.shows("the screen goes on", "VERDICT", "rights lapsed")
	flow.terminal.keys("q")
	flow.shows("it is left", "ended with 0")
	flow.terminal.type(f"clear; {fleet.catchment} 2>{fleet.folder}/errors; echo ended with $?")
	flow.shows("and started again", "D drain")
	flow.terminal.keys(":")
	flow.terminal.type("drain iad")
	flow.shows("it acts", "Enter shows the plan")
	flow.terminal.close()


def main():
	checks = stage.Checks()
	build = stage.find_build()
	try:
		fleet = Access(build, POPS)
	except certs.Missing:
		stage.skip("there is no openssl")
	flow = acting.Flow(checks, fleet)
	try:
		fleet.start()
		flow.say(stage.within(60, fleet.is_whole) is not None, "every PoP announces, at a rate that is known", fleet.log())
		flow_who(flow)
		flow_versions(flow)
		flow_metrics(flow)
		flow_crowd(flow)
		flow_dashboard(flow)
		flow_used(flow)
		flow_revoke(flow)
		flow_renew(flow)
		flow_lapse(flow)
		status = fleet.end()
		flow.say(status == 0 and not re.search(SANITIZERS, fleet.log()), "catchmentd ends in order", f"{status}\n{fleet.log()}")
	finally:
		stage.close_terminal(fleet.folder)
		fleet.end()
		fleet.remove()
	return checks.end()


if __name__ == "__main__":
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
	sys.exit(main())
