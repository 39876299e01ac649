#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the fleets that the screen tests draw: tests/screens/fleets/NAME.json, as GET /v1/fleet would give them, with
an extra key "events". Run by hand when a fleet should change; the files are committed."""
import json
import pathlib
import re

HERE = pathlib.Path(__file__).parent
PREFIXES = ["192.0.2.0/24", "2001:db8:53::/48"]
POLICY = dict(min_pops=2, min_pops_per_region=0, max_drained=1, spare=1, max_load_pct=80,
              quorum_pct=90, drill_days=None, approval="amber")


def places():
    text = (HERE / "../../core/geo_places.inc").read_text()
    rows = re.findall(r'\{ "(\w+)", "\w+", "(\w+)", ([-\d.]+), ([-\d.]+), "([^"]*)" \}', text)
    return {r[0].lower(): (r[1], float(r[2]), float(r[3]), r[4]) for r in rows}


PLACES = places()


def session(peer, asn, state="Established", admin="up", since=86400 * 3, error=None, name=None, v6=False):
    up = state == "Established"
    return dict(name=name or f"up_{peer.split('.')[-1].replace(':', '')}", peer=peer, description=None,
                peer_asn=asn, local_asn=64500, families=["ipv6" if v6 else "ipv4"], state=state,
                admin_state=admin, since_s=since, received=1 if up else None, accepted=1 if up else None,
                advertised=1 if up else None, hold_s=90 if up else None, bfd_up="unknown",
                has_password="yes", last_error=error)


def node(name, pop, verdict="ok", reasons=(), qps=40000.0, capacity=200000, age=0.4, sessions=None,
         planes=None, bgp="bird", dns="knot", error=None, code=None, restored=False, exports=None,
         answers=None, full=True, identity=None):
    good = planes or {"session": "yes", "wire": "yes", "service": "yes"}
    if sessions is None:
        sessions = [session("10.0.0.1", 64501), session("2001:db8:ff::1", 64501, v6=True, name="up6_1")]
    facts = dict(sections=[])
    if full:
        if exports is None:
            exports = [dict(session=s["name"], family=s["families"][0], known=True,
                            routes=[dict(prefix=PREFIXES[s["families"][0] == "ipv6"], gshut="no",
                                         prepends=0, communities=None)])
                       for s in sessions if s["state"] == "Established"]
        if answers is None:
            answers = [dict(vantage="local", target="192.0.2.53", service="ns", answered="yes",
                            rcode="NOERROR", rtt_us=1900, identity=identity or name, serial=2026112301,
                            error=None)]
        facts = dict(
            sections=["sessions", "exports", "origins", "dns", "answers", "versions", "identity"],
            sessions=sessions, exports=exports,
            origins=[dict(prefix=PREFIXES[0], by="anycast4", enabled=True),
                     dict(prefix=PREFIXES[1], by="anycast6", enabled=True)],
            dns=dict(queries=123456789, uptime_s=86400 * 9, qps=None, latency_s=None,
                     rcodes={"NOERROR": 910000, "NXDOMAIN": 80000, "SERVFAIL": 300}),
            answers=answers, versions={bgp: "2.0.12", dns: "3.2.6"}, identity=identity or name)
    return dict(node=name, pop=pop, verdict=verdict, reasons=list(reasons),
                planes={k: dict(good=v, age_s=None if age is None else age, error=code if v != "yes" else None,
                                error_text=error if v != "yes" else None) for k, v in good.items()},
                drivers=dict(bgp=bgp, dns=dns), versions={}, qps=qps, rcodes={},
                identity=identity or name, age_s=age, error=error, error_code=code, role="member",
                capacity_qps=capacity, poll_ms=2000, restored=restored, facts=facts)


def pop(code, nodes, verdict=None, reasons=(), announced=None, title=None, region=None, at=None, age=None):
    r, lat, lon, city = PLACES.get(code, ("eu", None, None, code))
    if at is not None:
        lat, lon = at
    order = ["blackhole", "silent", "drift", "unreachable", "degraded", "draining", "drained", "unknown", "ok"]
    worst = min((n["verdict"] for n in nodes), key=order.index) if nodes else "unknown"
    sess = [s for n in nodes for s in n["facts"].get("sessions", [])]
    known = [n["qps"] for n in nodes if n["qps"] is not None]
    caps = [n["capacity_qps"] for n in nodes if n["capacity_qps"] is not None]
    ages = [n["age_s"] for n in nodes]
    return dict(pop=code, name=title or city, region=region or r, lat=lat, lon=lon, verdict=verdict or worst,
                reasons=list(reasons) or [r for n in nodes for r in n["reasons"]][:5],
                announced=announced or {p: "announced" for p in PREFIXES},
                sessions=dict(up=sum(s["state"] == "Established" for s in sess), total=len(sess)),
                qps=sum(known) if known else None, capacity_qps=sum(caps) if caps else None, rcodes={},
                age_s=age if age is not None else (None if not ages or None in ages else max(ages)),
                holds=[], nodes=[n["node"] for n in nodes])


def event(i, at, kind, severity, pop_, node_, text):
    return dict(id=i, at=at, kind=kind, severity=severity, pop=pop_, node=node_, text=text)


def fleet(name, pops, environment="lab", events=(), prefixes=PREFIXES, fleet_name="example-dns"):
    doc = dict(version=1, fleet=fleet_name, environment=environment, revision=1,
               services=[dict(service="ns", prefixes=prefixes, policy=POLICY, probes=[])] if prefixes else [],
               prefixes=[dict(prefix=p, service="ns") for p in prefixes],
               pops=[p for p, _ in pops], nodes=[n for _, ns in pops for n in ns], events=list(events))
    path = HERE / "fleets" / f"{name}.json"
    text = json.dumps(doc, ensure_ascii=False, separators=(",", ":"))
    # a line for each PoP and node, so that a change shows as one
    text = text.replace('},{"pop":', '},\n{"pop":').replace('},{"node":', '},\n{"node":')
    path.write_text(text + "\n")


QPS = dict(ams=210e3, arn=31e3, bom=88e3, cdg=64e3, dxb=22e3, fra=240e3, gru=71e3, hkg=45e3, iad=180e3, jnb=19e3,
           lax=97e3, lhr=150e3, nrt=120e3, sin=93e3, syd=38e3, yyz=27e3)


def sixteen():
    """A fleet of sixteen with the faults one meets: a daemon dead behind its route, a frozen node, sessions down."""
    pops = []
    for code, qps in QPS.items():
        half = round(qps / 2, 1)
        nodes = [node(f"{code}1", code, qps=half), node(f"{code}2", code, qps=half, bgp="frr", dns="nsd")]
        extra = {}
        if code == "fra":
            text = "192.0.2.0/24 is announced to 1 session, and 192.0.2.53 does not answer from local"
            for n in nodes:
                n.update(node(n["node"], code, "blackhole", [text], qps=0.0, code="not_running",
                              error="knotd is not running", planes=dict(session="yes", wire="yes", service="no"),
                              answers=[dict(vantage="local", target="192.0.2.53", service="ns", answered="no",
                                            rcode=None, rtt_us=None, identity=None, serial=None,
                                            error="no answer within 2 s")]))
        if code == "gru":
            nodes[1].update(node("gru2", code, "degraded", ["1 of 2 BGP sessions is down: 10.0.0.1 is Active"],
                                 qps=half, sessions=[
                session("10.0.0.1", 64501, "Active", since=340, error=dict(
                    text="Received: Administrative shutdown", code=6, subcode=2,
                    message="maintenance until 04:00", direction="received", age_s=340)),
                session("2001:db8:ff::1", 64501, v6=True, name="up6_1")],
                planes=dict(session="no", wire="yes", service="yes")))
        if code == "jnb":
            for n in nodes:
                n.update(node(n["node"], code, "unreachable", ["no poll has answered for 74s: no answer within 2 s"],
                              qps=None, age=74.0, code="timeout", error="ssh to 10.0.7.11: no answer within 2 s",
                              planes=dict(session="unknown", wire="unknown", service="unknown")))
        if code == "yyz":
            for n in nodes:
                n.update(node(n["node"], code, "drained", ["withdrawn by alice: OS upgrade, CHG-1042"], qps=0.0,
                              exports=[], planes=dict(session="yes", wire="yes", service="yes")))
            extra["announced"] = {p: "withdrawn" for p in PREFIXES}
        if code == "syd":
            extra["announced"] = {PREFIXES[0]: "announced", PREFIXES[1]: "withdrawn"}
            nodes[0].update(node("syd1", code, "drift", ["2001:db8:53::/48 is not on the wire, and no hold forbids it"],
                                 qps=half))
        pops.append((pop(code, nodes, **extra), nodes))
    events = [
        event(1, "2026-11-22T22:01:07Z", "config", "ok", None, None, "fleet.yaml read: 16 PoPs, 32 nodes"),
        event(2, "2026-11-23T03:04:58Z", "session", "degraded", "gru", "gru2", "10.0.0.1 went from Established to Active: Administrative shutdown"),
        event(3, "2026-11-23T03:07:20Z", "wire", "drift", "syd", "syd1", "2001:db8:53::/48 left the wire"),
        event(4, "2026-11-23T03:11:27Z", "probe", "unreachable", "jnb", "jnb1", "no poll answers: no answer within 2 s"),
        event(5, "2026-11-23T03:12:30Z", "verdict", "blackhole", "fra", "fra1", "ok became blackhole: 192.0.2.0/24 is announced and does not answer"),
        event(6, "2026-11-23T03:12:31Z", "verdict", "ok", "lhr", "lhr1", "degraded became ok"),
    ]
    fleet("sixteen", pops, events=events)


def hold(code, owner, reason, expires, ticket=None, kind="maintenance", op="0f3a9c5522e1b7d4"):
    return dict(id="aa00bb11cc22dd33", pop=code, owner=owner, kind=kind, reason=reason, ticket=ticket,
                created="2026-11-23T03:11:41Z", expires=expires, auto_undrain=False, op=op)


def draining():
    """fra is on its way out, yyz is out with a lease that ends soon, hkg has outlived its lease; the rest is well."""
    pops = []
    for code, qps in QPS.items():
        half = round(qps / 2, 1)
        nodes = [node(f"{code}1", code, qps=half), node(f"{code}2", code, qps=half, bgp="frr", dns="nsd")]
        extra, more = {}, {}
        if code in ("fra", "yyz", "hkg"):
            verdict = "draining" if code == "fra" else "drained"
            for n in nodes:
                n.update(node(n["node"], code, verdict, [f"{verdict} by alice: OS upgrade"],
                              qps=21000.0 if code == "fra" else 0.0, exports=[]))
            extra["announced"] = {p: "withdrawn" for p in PREFIXES}
            more = dict(intent="withdrawn", phase=verdict, holds=[
                hold(code, "alice", "OS upgrade", "2026-11-23T07:11:41Z", "CHG-1042") if code == "fra" else
                hold(code, "bob", "fibre cut", "2026-11-23T03:24:41Z", kind="incident", op="1111111111111111") if code == "yyz"
                else hold(code, "carol", "rack move", "2026-11-23T03:00:00Z", op=None)])
        p = pop(code, nodes, **extra)
        p.update(more)
        pops.append((p, nodes))
    fleet("draining", pops, events=[
        event(1, "2026-11-23T03:11:41Z", "operation", "draining", "fra", None, "alice drains fra: OS upgrade (CHG-1042)")])


def many():
    codes = [c for c in PLACES if len(c) == 3][::15][:300]
    pops = []
    for i, code in enumerate(codes):
        verdict = {17: "blackhole", 91: "silent", 140: "drift", 200: "degraded", 201: "degraded"}.get(i, "ok")
        reasons = [] if verdict == "ok" else [f"made {verdict} for the test"]
        nodes = [node(f"{code}1", code, verdict, reasons, qps=1000.0 + 37 * (i % 90), full=False)]
        pops.append((pop(code, nodes), nodes))
    fleet("many", pops, environment="production")


def main():
    (HERE / "fleets").mkdir(exist_ok=True)
    fleet("empty", [], prefixes=[], fleet_name="")
    nodes = [node("fra1", "fra")]
    fleet("one", [(pop("fra", nodes), nodes)], events=[
        event(1, "2026-11-23T03:12:30Z", "config", "ok", None, None, "fleet.yaml read: 1 PoP, 1 node")])
    sixteen()
    draining()
    many()
    stale = []
    for i, code in enumerate(QPS):
        nodes = [node(f"{code}1", code, qps=QPS[code], age=31.0 + 7 * i, restored=i == 3)]
        if i == 5:
            nodes[0]["age_s"] = None
        stale.append((pop(code, nodes), nodes))
    fleet("stale", stale)
    wide = []
    for code, title, why in (("hnd", "東京", "データベースが応答しません"), ("icn", "서울", "응답 없음"),
                             ("gru", "São Paulo", "cafe\u0301 e\u0301te\u0301 naïve"),
                             ("ath", "Αθήνα", "δεν απαντά"), ("svo", "Москва", "не отвечает")):
        nodes = [node(f"{code}1", code, "degraded", [why], error=why, code="failed", identity=title)]
        wide.append((pop(code, nodes, title=title, region="as"), nodes))
    fleet("wide", wide, fleet_name="例え-dns", environment="実験")
    evil = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u200b\r\nOK " + "A" * 300
    nodes = [node("fra1", "fra", "blackhole", [evil], error=evil, code="failed", identity=evil,
                  sessions=[session("10.0.0.1\x1b[31m", 64501, "Weird\x1b[1m", name="up\x1b]52;c;AAAA\x07",
                                    error=dict(text=evil, code=6, subcode=2, message="\x9b31m",
                                               direction="received", age_s=5))])]
    bad = pop("fra", nodes, title=evil, region="eu")
    fleet("hostile", [(bad, nodes)], fleet_name=evil[:60], environment="\x1b[5mlab", events=[
        event(1, "2026-11-23T03:12:30Z", "verdict\x1b", "blackhole", "fra", "fra1", evil)])


main()
