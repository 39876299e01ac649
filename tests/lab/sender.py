# SPDX-License-Identifier: Apache-2.0
"""A steady stream of DNS queries that writes down who answered.

Run by `lab traffic` inside a client. Sends RATE queries a second in turn to the addresses given,
each with the EDNS option NSID, and once a second writes one JSON line to the log:

    {"at": "2026-11-23T13:30:01Z", "sent": 20, "lost": 0, "answers": {"ams1": 20}}

A query is lost when no answer came within a second of sending it; answers without NSID count under
"?". When an address is answered by another server than before, a line with "moved" says so at once:

    {"at": "...", "moved": "192.0.2.53", "from": "ams1", "to": "fra1"}

One socket a family, one process, one select: at 20 queries a second it costs next to nothing.
"""

import argparse
import datetime
import json
import select
import socket
import struct
import time

LOST_AFTER_S = 1.0
NSID = 3
OPT = 41


def query(number, name):
	labels = b"".join(bytes([len(p)]) + p.encode("ascii") for p in name.split(".")) + b"\0"
	opt = b"\0" + struct.pack("!HHIHHH", OPT, 1232, 0, 4, NSID, 0)
	return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 1) + labels + struct.pack("!HH", 6, 1) + opt


def skip_name(data, at):
	while data[at]:
		if data[at] & 0xC0:
			return at + 2
		at += 1 + data[at]
	return at + 1


def identity(data):
	"""The NSID of an answer, "?" without one. Raises IndexError or struct.error on nonsense."""
	counts = struct.unpack_from("!HHHH", data, 4)
	at = 12
	for _ in range(counts[0]):
		at = skip_name(data, at) + 4
	for _ in range(sum(counts[1:])):
		at = skip_name(data, at)
		kind, _, _, length = struct.unpack_from("!HHIH", data, at)
		at += 10
		end = at + length
		while kind == OPT and at + 4 <= end:
			code, size = struct.unpack_from("!HH", data, at)
			if code == NSID:
				return data[at + 4:at + 4 + size].decode("ascii", "replace")
			at += 4 + size
		at = end
	return "?"


def now_text():
	return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Sender:
	def __init__(self, args, log):
		self.args, self.log = args, log
		self.sockets = {
			family: socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
			for family in (socket.AF_INET, socket.AF_INET6)}
		self.waiting = {}   # query id -> (sent at, address)
		self.last = {}      # address -> who answered last
		self.number = 0
		self.clear()

	def clear(self):
		self.sent = self.lost = 0
		self.answers = {}

	def write(self, line):
		self.log.write(json.dumps({"at": now_text(), **line}) + "\n")
		self.log.flush()

	def send(self):
		address = self.args.address[self.number % len(self.args.address)]
		self.number += 1
		family = socket.AF_INET6 if ":" in address else socket.AF_INET
		number = self.number & 0xFFFF
		self.waiting[number] = (time.monotonic(), address)
		self.sent += 1
		try:
			self.sockets[family].sendto(query(number, self.args.name), (address, 53))
		except OSError:
			pass  # no route, or an earlier port unreachable: it will count as lost

	def receive(self, sock):
		try:
			data = sock.recv(4096)
			who = identity(data)
			_, address = self.waiting.pop(struct.unpack_from("!H", data)[0])
		except (OSError, IndexError, struct.error, KeyError):
			return  # not an answer to anything still waited for
		self.answers[who] = self.answers.get(who, 0) + 1
		before = self.last.get(address)
		self.last[address] = who
		if before not in (None, who):
			self.write({"moved": address, "from": before, "to": who})

	def forget(self, now):
		old = [n for n, (at, _) in self.waiting.items() if now - at > LOST_AFTER_S]
		for number in old:
			del self.waiting[number]
		self.lost += len(old)

	def run(self):
		step = 1.0 / self.args.rate
		next_send = time.monotonic()
		next_report = next_send + 1.0
		while True:
			now = time.monotonic()
			if now >= next_send:
				self.send()
				next_send = max(next_send + step, now - 1.0)
			if now >= next_report:
				self.forget(now)
				self.write({"sent": self.sent, "lost": self.lost, "answers": self.answers})
				self.clear()
				next_report += 1.0
			wait = max(0.0, min(next_send, next_report) - time.monotonic())
			for sock in select.select(list(self.sockets.values()), [], [], wait)[0]:
				self.receive(sock)


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("--rate", type=int, required=True)
	parser.add_argument("--name", required=True)
	parser.add_argument("--log", required=True)
	parser.add_argument("address", nargs="+")
	args = parser.parse_args()
	with open(args.log, "a", encoding="utf-8") as log:
		Sender(args, log).run()


if __name__ == "__main__":
	main()
