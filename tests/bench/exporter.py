# SPDX-License-Identifier: Apache-2.0
"""Targets for Prometheus that tell what our agents tell: one address each, the same facts as
metrics. usage: exporter.py PAGE.json PORT COUNT; addresses from 127.78.0.1 on. Its own cost is not
what is measured."""

import asyncio
import json
import resource
import sys


def text_of(page):
    out = []

    def add(name, value, **labels):
        if value is not None:
            inside = ",".join(f'{k}="{v}"' for k, v in labels.items() if v is not None)
            out.append(f"{name}{{{inside}}} {value}")

    for s in page["sessions"]:
        who = {"session": s["name"], "peer": s["peer"]}
        add("bgp_session_info", 1, description=s["description"], peer_asn=s["peer_asn"],
            local_asn=s["local_asn"], family=s["families"][0], **who)
        add("bgp_session_up", int(s["state"] == "Established"), state=s["state"], **who)
        add("bgp_session_admin_up", int(s["admin_state"] == "up"), **who)
        for key in ("since_s", "received", "accepted", "advertised", "hold_s"):
            add(f"bgp_session_{key}", s[key], **who)
    for e in page["exports"]:
        for r in e["routes"]:
            add("bgp_export", 1, session=e["session"], family=e["family"], prefix=r["prefix"],
                gshut=r["gshut"], communities=r["communities"])
            add("bgp_export_prepends", r["prepends"], session=e["session"], prefix=r["prefix"])
    dns = page["dns"]
    for key in ("queries", "uptime_s", "latency_s"):
        add(f"dns_{key}", dns[key])
    for rcode, count in dns["rcodes"].items():
        add("dns_responses", count, rcode=rcode)
    for z in page["zones"]:
        add("dns_zone_serial", z["serial"], zone=z["name"])
    for what, version in page["versions"].items():
        add("version_info", 1, what=what, version=version)
    add("node_healthy", int(page["healthy"] == "yes"), text=page["health_text"])
    add("node_info", 1, identity=page["identity"])
    add("node_capacity_qps", page["capacity_qps"])
    add("node_clock_s", page["clock_s"])
    return "\n".join(out) + "\n"


class Target(asyncio.Protocol):
    answer = b""

    def __init__(self):
        self.rest = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.rest += data
        while b"\r\n\r\n" in self.rest:
            self.rest = self.rest.split(b"\r\n\r\n", 1)[1]
            self.transport.write(self.answer)


async def main():
    page, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with open(page) as f:
        body = text_of(json.load(f)).encode()
    Target.answer = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body)) + body
    hosts = [f"127.78.{i // 250}.{i % 250 + 1}" for i in range(count)]
    server = await asyncio.get_running_loop().create_server(Target, hosts, port, backlog=16)
    print(f"{count} targets of {len(body)} bytes", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
