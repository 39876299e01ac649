# SPDX-License-Identifier: Apache-2.0
"""Nodes that mean harm, for tests/flows/hostile.py: servers on ports of loopback, each doing one bad thing.

They run in a thread of their own beside the test, so that a node that floods or drips does not hold
up who looks on. What a villain does is a coroutine over one connection; how often it was connected
to and asked is counted, because a dead node must be asked less and a trap not at all.
"""

import asyncio
import json
import socket
import threading

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LOCALHOST = "127.0.0.1"
DRIP_S = 0.25
DRAIN_BYTES = 65536

# The parameter is in no sequence of ours: where it stands behind a real ESC, it came from a node.
MARK = "\x1b[77777m"
EVIL = {
	"osc 52": "\x1b]52;c;QUJD\x07",
	"osc 8": "\x1b]8;;http://192.0.2.1/\x1b\\here",
	"title report": "\x1b]0;title\x07\x1b[21t",
	"dcs": "\x1bP$q\"p\x1b\\",
	"c1": "\x9b31m\x9d0;t\x9c\x90q\x9c",
	"overwrite": "good\r\t\b\b\b\b\x7fbad\x0b\x0c",
	"bidi": "\u202eevil\u2066\u2067\u200e\u061c",
	"invisible": "a\u200bb\u2060c\ufeffd\u00ade\U000e0041\u3164",
	"lines": "a\u2028b\u2029c\nd",
	"marks": "a" + "\u0301" * 64,
}


def evil(n):
	"""One of the evil texts, in turn, with the mark in front."""
	return MARK + list(EVIL.values())[n % len(EVIL)]


def good_page():
	return {
		"agent": 1,
		"sections": ["sessions", "exports", "dns", "versions", "health", "identity"],
		"sessions": [{"name": "t1", "peer": "10.1.1.1", "families": ["ipv4"], "state": "Established",
			"admin_state": "up", "since_s": 3600}],
		"exports": [{"session": "t1", "family": "ipv4", "known": True,
			"routes": [{"prefix": "192.0.2.0/24", "gshut": "no", "prepends": 0}]}],
		"dns": {"queries": 1000, "uptime_s": 5000},
		"versions": {"bird": "2.0.12"},
		"healthy": "yes",
		"identity": "good",
	}


def evil_page():
	"""A page that is well-formed and says nothing wrong, with evil in every text a node may write."""
	page = good_page()
	page["sections"] += ["zones", "answers", "origins", "rib"]
	page["sessions"] = []
	for n in range(len(EVIL)):
		page["sessions"].append({"name": f"s{n}" + evil(n), "peer": "10.1.1.1" + evil(n + 1),
			"description": evil(n), "state": "Idle" + evil(n + 2), "admin_state": "up",
			"families": ["ipv4"],
			"last_error": {"text": evil(n), "code": 6, "subcode": 2, "message": evil(n + 3),
				"direction": "received", "age_s": 1}})
	page["exports"][0]["session"] = "s0" + evil(0)
	page["exports"][0]["routes"][0]["communities"] = evil(1)
	page["dns"]["rcodes"] = {"NOERROR": 1, "X" + evil(2): 2}
	page["zones"] = [{"name": "z" + evil(n), "serial": 1, "state": evil(n + 1)} for n in range(len(EVIL))]
	page["answers"] = [{"vantage": "v" + evil(3), "target": "t" + evil(4), "answered": "no", "rcode": evil(5),
		"identity": evil(6), "error": evil(7)}]
	page["origins"] = [{"prefix": "192.0.2.0/24", "by": "static" + evil(8), "enabled": True}]
	page["rib"] = [{"prefix": "192.0.2.0/24", "paths": 1, "peers": evil(9)}]
	page["versions"] = {f"v{n}" + evil(n): evil(n + 1) for n in range(len(EVIL))}
	page["health_text"] = evil(4)
	page["identity"] = evil(0)
	return page


def changed(key, text):
	"""The good page with the first value of a key replaced by raw bytes."""
	page = json.dumps(good_page()).encode()
	at = page.index(b'"' + key.encode() + b'": ') + len(key) + 4
	end = at
	while page[end:end + 1] not in (b",", b"}"):
		end += 1
	return page[:at] + text + page[end:]


class Villain:
	"""One listener; what it does is in `script`, a coroutine function over (reader, writer, villain)."""

	def __init__(self, script):
		self.script = script
		self.connections = self.asked = 0
		self.heard = b""
		self.server = self.port = None

	async def open(self):
		self.server = await asyncio.start_server(self.meet, LOCALHOST, 0, limit=1 << 20)
		self.port = self.server.sockets[0].getsockname()[1]

	async def meet(self, reader, writer):
		self.connections += 1
		try:
			await self.script(reader, writer, self)
		except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
			pass
		writer.transport.abort()

	async def request(self, reader):
		head = await reader.readuntil(b"\r\n\r\n")
		self.asked += 1
		self.heard = (self.heard + head)[-DRAIN_BYTES:]


class Dead:
	"""A port that refuses, or one that takes no connection because its queue is full."""

	def __init__(self, is_black_hole):
		self.is_black_hole = is_black_hole
		self.sockets = []
		self.connections = self.asked = 0
		self.port = None

	async def open(self):
		s = socket.socket()
		s.bind((LOCALHOST, 0))
		self.sockets.append(s)
		self.port = s.getsockname()[1]
		if not self.is_black_hole:
			return
		s.listen(0)
		for _ in range(3):
			fill = socket.socket()
			fill.setblocking(False)
			fill.connect_ex((LOCALHOST, self.port))
			self.sockets.append(fill)


def page(body, head=JSON_HEAD):
	"""Answers every request of a connection with the same body."""
	body = body if isinstance(body, bytes) else json.dumps(body).encode()

	async def script(reader, writer, villain):
		while True:
			await villain.request(reader)
			writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
			await writer.drain()
	return script


def raw(answer):
	"""Answers with these bytes and ends the connection."""
	async def script(reader, writer, villain):
		await villain.request(reader)
		writer.write(answer)
		await writer.drain()
		writer.close()
		await writer.wait_closed()
	return script


def endless(head, piece):
	async def script(reader, writer, villain):
		await villain.request(reader)
		writer.write(head)
		while True:
			writer.write(piece * (DRAIN_BYTES // len(piece) + 1))
			await writer.drain()
	return script


def drip(head, piece):
	"""One byte at a time, for ever."""
	async def script(reader, writer, villain):
		await villain.request(reader)
		writer.write(head)
		while True:
			writer.write(piece)
			await writer.drain()
			await asyncio.sleep(DRIP_S)
	return script


async def mute(reader, writer, villain):
	"""Takes the connection and the request, and says nothing."""
	villain.asked += 1
	while await reader.read(DRAIN_BYTES):
		pass


async def reset(reader, writer, villain):
	await villain.request(reader)
	writer.transport.abort()


def speaks_first(text):
	"""An SSH port that says this and then nothing."""
	async def script(reader, writer, villain):
		writer.write(text)
		await writer.drain()
		villain.heard = (villain.heard + await reader.read(DRAIN_BYTES))[-DRAIN_BYTES:]
		while await reader.read(DRAIN_BYTES):
			pass
	return script


class Gang:
	"""The villains' thread; `add` opens one, by name."""

	def __init__(self):
		self.loop = asyncio.new_event_loop()
		self.members = {}
		self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
		self.thread.start()

	def add(self, name, villain):
		asyncio.run_coroutine_threadsafe(villain.open(), self.loop).result(10)
		self.members[name] = villain
		return villain

	def __getitem__(self, name):
		return self.members[name]
