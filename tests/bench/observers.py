# SPDX-License-Identifier: Apache-2.0
"""Observers: COUNT readers of /v1/stream on a unix socket. usage: observers.py SOCKET COUNT. Prints
a line when all are there, and once a second how many bytes they have read; ends when told to."""

import asyncio
import resource
import sys

ASK = b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"


class Observer(asyncio.Protocol):
    there = 0
    read = 0

    def __init__(self):
        self.has_head = False

    def connection_made(self, transport):
        transport.write(ASK)

    def data_received(self, data):
        if not self.has_head:
            self.has_head = True
            if b" 200 " not in data.split(b"\r\n")[0]:
                sys.exit(f"refused: {data[:200]!r}")
            Observer.there += 1
        Observer.read += len(data)

    def connection_lost(self, _):
        Observer.there -= 1


async def main():
    path, count = sys.argv[1], int(sys.argv[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.create_unix_connection(Observer, path)
    while Observer.there < count:
        await asyncio.sleep(0.05)
    print(f"{count} observers", flush=True)
    while True:
        await asyncio.sleep(1)
        print(f"{Observer.there} observers have read {Observer.read} bytes", flush=True)


asyncio.run(main())
