# SPDX-License-Identifier: Apache-2.0
"""The drain of one PoP of many nodes, from the confirmation to the last route withdrawn.

Half of the nodes are reached over a real sshd and run a real BIRD, which has a session in each family
to one router of a transit; half are agents over HTTP. The transit logs each route that it loses, in
microseconds: the first and the last of those lines are the first and the last withdrawal, ours and
theirs. NSD is a script that shows recorded pages.

Theirs is given the commands that our plan holds: the text of the file, `birdc configure check` and
`birdc configure timeout`, and an order for each agent by `curl --parallel` at the same time.

    clush            a new ssh a node, fan-out 64: what a person at a shell has
    clush, kept      the same over masters that are open already (ControlPersist)
    clush, read      kept, and before it another clush that reads each node as our actor does, since a
                     drain of ours changes no node that it has not read just before
    ansible          `-m raw`, no facts, 64 forks, masters as they come by default: new in each run

Ours does more than any of them: it reads the nodes twice (the backend for its gates, the actor for
its steps), writes its intent to disk, and each node takes a lock, compares and syncs a number and
sets an undo loose before it does anything.

All nodes share this machine's cores, which a fleet does not: what nodes do weighs far more here than
between an operator and real nodes. So CPU is told apart: the operator's side, and the nodes'
(sshd, BIRD, agents and all they start, in a control group of their own).
"""

import datetime
import http.client
import json
import math
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import time
import urllib.request

from stand import Missing, cpu_s, free_port, need, run_for_cpu, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ADDRESSES_A_SSHD = 13
TRANSIT = {4: "127.81.9.1", 6: "127.81.9.2"}  # a session in each family, both over IPv4
WITHDRAWN = re.compile(r"^(\S+ \S+) <TRACE> (\w+)\.ipv[46] > removed ", re.MULTILINE)

BIRD = """log "{folder}/nodes/{a}/log" all;
router id {a};
include "{folder}/nodes/{a}/drain.conf";
protocol device {{}}
protocol static anycast4 {{ ipv4; route 192.0.2.0/24 blackhole; }}
protocol static anycast6 {{ ipv6; route 2001:db8:53::/48 blackhole; }}
filter wanted {{ if DRAIN = 3 then reject; if source = RTS_STATIC then accept; reject; }}
"""

SESSION = """protocol bgp {name}_v{family} {{
  local {local} port {port} as {asn};
  neighbor {peer} port {port} as {peer_asn};
  strict bind yes;
  multihop;
  hold time 90;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  {more}
}}
"""

TRANSIT_BIRD = """log "{folder}/transit.log" {{ trace, warning, error }};
timeformat log iso long us;
router id {address};
protocol device {{}}
protocol static hops {{ ipv6; route fd00::/64 unreachable; }}
"""

NSD = """#!/bin/sh
for word; do :; done
exec cat "{folder}/pages/serving--$word.txt"
"""

ZONES = """zone:\texample.com
\tstate: ok
\tserved-serial: "2026112301 since 2026-11-23T11:35:00"
\tcommit-serial: "2026112301 since 2026-11-23T11:35:00"
"""

SSHD = """Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
LogLevel ERROR
MaxStartups 200
MaxSessions 20
SetEnv PATH={folder}/bin:/usr/sbin:/usr/bin:/bin HOME={folder}/home CATCHMENT_STATE={folder}/state
"""

SSH = """Host *
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  BatchMode yes
  LogLevel ERROR
"""


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def call(backend, method, path, body=None):
    c = Unix(backend.socket)
    c.request(method, path, json.dumps(body) if body is not None else None,
              {"Content-Type": "application/json"} if body is not None else {})
    reply = c.getresponse()
    text = reply.read()
    c.close()
    return reply.status, json.loads(text)


def make_pages(stand):
    for name in ("bin", "home", "state", "nodes", "pages"):
        os.mkdir(stand.path(name))
    source = f"{TOP}/tests/fixtures/nsd"
    for name in os.listdir(source):
        if name.startswith("serving--") and name.endswith(".txt"):
            shutil.copy(f"{source}/{name}", stand.path(f"pages/{name}"))
    # the zone that the agents serve, or the undrain is refused
    stand.write("pages/serving--zonestatus.txt", ZONES, 0o644)
    stand.write("bin/nsd-control", NSD.format(folder=stand.folder), 0o755)


def session(name, family, local, peer, port, is_node, more):
    asn, peer_asn = (64500, 64496) if is_node else (64496, 64500)
    return SESSION.format(name=name, family=family, local=local, peer=peer, port=port, asn=asn, peer_asn=peer_asn, more=more)


def start_birds(stand, addresses):
    """A BIRD for each address and the transit's, which has a session with each in both families."""
    port, bird = free_port(), need("bird")
    transit = TRANSIT_BIRD.format(folder=stand.folder, address=TRANSIT[4])
    for i, a in enumerate(addresses):
        os.makedirs(stand.path(f"nodes/{a}"))
        stand.write(f"nodes/{a}/drain.conf", "define DRAIN = 0;\n", 0o644)
        text = BIRD.format(folder=stand.folder, a=a)
        for family, local in ((4, a), (6, a.replace("127.81.0.", "127.81.1."))):
            hop = f" next hop address fd00::{i + 1:x};" if family == 6 else ""
            text += session("transit", family, local, TRANSIT[family], port, True,
                            f"ipv{family} {{ import none;{hop} export filter wanted; }};")
            transit += session(f"s{i}", family, TRANSIT[family], local, port, False,
                               f"passive; debug {{ routes }}; ipv{family} {{ import all; export none; }};")
        conf = stand.write(f"nodes/{a}/bird.conf", text, 0o644)
        stand.start([bird, "-f", "-c", conf, "-s", stand.path(f"nodes/{a}/ctl"), "-P", stand.path(f"nodes/{a}/pid")], f"bird{i}")
    stand.start([bird, "-f", "-c", stand.write("transit.conf", transit, 0o644), "-s", stand.path("transit.ctl"),
                 "-P", stand.path("transit.pid")], "transit")
    wait_until(lambda: announced(stand) == 2 * len(addresses), "every session announces")


def announced(stand):
    """Routes that the transit has."""
    done = subprocess.run([need("birdc"), "-s", stand.path("transit.ctl"), "show route count"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    return sum(int(n) for n in re.findall(r"^(\d+) of \d+ routes", done.stdout, re.MULTILINE)) - 1 if done.returncode == 0 else 0


def withdrawals(stand, since):
    """When each session lost its route, after the place `since` of the transit's log."""
    with open(stand.path("transit.log"), encoding="ascii", errors="replace") as f:
        f.seek(since)
        found = {m[2]: datetime.datetime.fromisoformat(m[1]).timestamp() for m in WITHDRAWN.finditer(f.read())}
    return sorted(found.values())


def reset(stand, addresses):
    """Everything announces again: not measured."""
    for a in addresses:
        ctl = ["birdc", "-s", stand.path(f"nodes/{a}/ctl")]
        stand.write(f"nodes/{a}/drain.conf", "define DRAIN = 0;\n", 0o644)
        for words in (["configure", "confirm"], ["configure"]):
            subprocess.run(ctl + words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    wait_until(lambda: announced(stand) == 2 * len(addresses), "every session announces again")


def start_nodes(stand, n):
    """sshds and BIRDs of n addresses; [(address, port)] and the ssh configuration."""
    make_pages(stand)
    for name in ("host", "user"):
        run_for_cpu([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", stand.path(name)])
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    with open(stand.path("host.pub"), encoding="ascii") as f:
        key = " ".join(f.read().split()[:2])
    nodes, known, config = [], "", SSH.format(folder=stand.folder)
    addresses = [f"127.81.0.{i + 1}" for i in range(n)]
    for first in range(0, n, ADDRESSES_A_SSHD):
        port, mine = free_port(), addresses[first:first + ADDRESSES_A_SSHD]
        conf = stand.write(f"sshd_config{first}", SSHD.format(port=port, folder=stand.folder)
                           + "".join(f"ListenAddress {a}\n" for a in mine))
        stand.start([need("sshd"), "-D", "-e", "-f", conf], f"sshd{first}")
        nodes += [(a, port) for a in mine]
        known += "".join(f"[{a}]:{port} {key}\n" for a in mine)
        config += f"Host {' '.join(mine)}\n  Port {port}\n"
    stand.write("known_hosts", known)
    config = stand.write("ssh_config", config)
    start_birds(stand, addresses)

    def answers():
        done = [subprocess.run([need("ssh"), "-F", config, a, "true"], stdin=subprocess.DEVNULL,
                               capture_output=True, check=False).returncode for a, _ in nodes[::ADDRESSES_A_SSHD]]
        return not any(done)

    wait_until(answers, "every sshd answers")
    return nodes, config


def fleet_text(stand, nodes, agents, user):
    def agent(url):
        return f'{{agent: "{url}", capacity_qps: 1000000000}}'

    def node(a, p):
        return (f"{{address: {a}, bgp: {{driver: bird, socket: {stand.folder}/nodes/{a}/ctl}}, dns: nsd, ask_own: false,"
                f" ssh: {{port: {p}}}, capacity_qps: 1000000000,"
                f" drain: {{file: {stand.folder}/nodes/{a}/drain.conf, constant: DRAIN, announce: 0, withdraw: 3}}}}")

    big = [f"      s{i}: {node(a, p)}" for i, (a, p) in enumerate(nodes)]
    big += [f"      {name}: {agent(url)}" for name, url in agents[:-2]]
    (rest1, url1), (rest2, url2) = agents[-2:]
    return f"""fleet: bench
environment: lab
services:
  ns:
    prefixes: [192.0.2.0/24, "2001:db8:53::/48"]
    policy: {{min_pops: 1, spare: 0, max_load: 100%, approval: never}}
limits: {{drain_gap: 0s, drains_per_hour: 1000}}
access:
  - {{user: bench, uid: {os.getuid()}, role: operator}}
defaults:
  poll: 10s
  act_token: token
  ssh: {{user: {user}, observe_key: user, act_key: user, known_hosts: known_hosts}}
pops:
  fra:
    nodes:
{chr(10).join(big)}
  ams:
    nodes:
      {rest1}: {agent(url1)}
  nyc:
    nodes:
      {rest2}: {agent(url2)}
"""


def planned(backend, verb):
    """A plan that no gate refuses; rates must be known first, which takes two polls."""
    plan = {}
    for _ in range(20):
        status, plan = call(backend, "POST", "/v1/plans", {"verb": verb, "targets": ["fra"], "reason": "bench"})
        if status == 201 and plan["op"]["state"] == "checked":
            return plan
        time.sleep(1)
    gates = json.loads(plan["bytes"])["gates"] if "bytes" in plan else []
    errors = {n["error"]["text"] if isinstance(n["error"], dict) else n["error"] for n in json.loads(backend.ask("/v1/nodes")) if n["error"]}
    raise RuntimeError(f"{verb}: " + ("; ".join(g["text"] for g in gates if g["level"] == "refuse") or str(plan)[:400])
                       + f"; nodes: {sorted(errors)[:2]}")


def cpu_with_children(pid):
    """CPU seconds of a process and of its children that have ended, as actors do."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return sum(int(x) for x in fields[11:15]) / os.sysconf("SC_CLK_TCK")


class Group:
    """A control group of the nodes, which counts their CPU; None in seconds where there can be none."""

    def __init__(self):
        self.path = self.counter = None
        for top, counter in (("/sys/fs/cgroup/cpuacct", "cpuacct.usage"), ("/sys/fs/cgroup", "cpu.stat")):
            path = f"{top}/catchment-bench-{os.getpid()}"
            try:
                os.mkdir(path)
            except OSError:
                continue
            if os.path.exists(f"{path}/{counter}") and os.path.exists(f"{path}/cgroup.procs"):
                self.path, self.counter = path, f"{path}/{counter}"
                return
            os.rmdir(path)

    def add(self, pid):
        if self.path:
            with open(f"{self.path}/cgroup.procs", "w", encoding="ascii") as f:
                f.write(str(pid))

    def cpu_s(self):
        if not self.counter:
            return math.nan
        with open(self.counter, encoding="ascii") as f:
            text = f.read()
        return int(text) / 1e9 if text.strip().isdigit() else int(text.split()[1]) / 1e6

    def end(self):
        def is_empty():
            with open(f"{self.path}/cgroup.procs", encoding="ascii") as f:
                return not f.read().strip()

        if self.path:
            wait_until(is_empty, "the nodes have ended")
            os.rmdir(self.path)


class Shot:
    """One drain: seconds after its start, and CPU seconds of both sides until the last withdrawal was seen; what
    was spent before the start (ours: planning, connecting and reading while a person reads the prompt)."""

    def __init__(self, start, order, routes, operator, nodes, before=(0.0, 0.0)):
        self.order = order - start
        self.first, self.last = routes[0] - start, routes[-1] - start
        self.operator, self.nodes = operator, nodes
        self.operator_before, self.nodes_before = before


def first_step(stand, nodes):
    """When the first node had its file replaced, which is the first that is done on any."""
    return min(os.stat(stand.path(f"nodes/{a}/drain.conf")).st_mtime for a, _ in nodes)


def log_size(stand):
    return os.stat(stand.path("transit.log")).st_size


def wait_for_routes(stand, n, since, has_failed):
    """Looks at the log as seldom as serves, for looking takes CPU of those that are measured."""
    end, turn = time.monotonic() + 60, 0
    while len(withdrawals(stand, since)) < n:
        turn += 1
        failure = has_failed() if turn % 20 == 0 else None
        if failure or time.monotonic() > end:
            raise RuntimeError(failure or f"{len(withdrawals(stand, since))} of {n} routes were withdrawn in a minute")
        time.sleep(0.02)


class Voided(RuntimeError):
    """The plan ended before anything was changed: a late poll moved what it rests on, as on a busy machine."""


FAILED = ("refused", "undone", "undoing", "expired", "stuck", "cancelled")


def state_of(backend, ident):
    return call(backend, "GET", f"/v1/ops/{ident}")[1]


def ended_badly(backend, ident):
    op = state_of(backend, ident)
    if op["state"] in ("refused", "expired"):
        raise Voided(f"the drain is {op['state']}: {op['text']}")
    return f"the drain is {op['state']}: {op['text']}" if op["state"] in FAILED else None


def confirm(backend, verb, ready=lambda: None):
    """Plans, waits as long as a person reads, confirms: when it was confirmed, and the operation."""
    for _ in range(5):  # a busy machine makes a poll late, which voids a plan
        plan = planned(backend, verb)
        ident = plan["op"]["id"]
        wait_until(lambda: call(backend, "GET", f"/v1/plans/{ident}")[1]["actor"]["state"] != "connecting", "the actor has connected")
        ready()
        start = time.time()
        status, answer = call(backend, "POST", f"/v1/plans/{ident}/confirm",
                              {"hash": plan["hash"], "typed": plan["typed"], "key": secrets.token_hex(8)})
        if status in (200, 202):
            return start, ident
    raise RuntimeError(f"the confirmation: {answer}")


def ours_cpu_s(backend):
    """Of the backend and of the actors under it, alive or ended."""
    return cpu_with_children(backend.process.pid) + sum(cpu_s(int(pid)) for pid in children(backend.process.pid))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


def ours(stand, backend, nodes, agents, group):
    for _ in range(4):
        try:
            return ours_once(stand, backend, nodes, agents, group)
        except Voided as why:
            last = why
    raise last


def ours_once(stand, backend, nodes, agents, group):
    """Until the last withdrawal; then it is measured, and everything goes back by undrain."""
    since, n = log_size(stand), 2 * len(nodes)
    marks = [(ours_cpu_s(backend), group.cpu_s())]
    start, ident = confirm(backend, "drain", lambda: marks.append((ours_cpu_s(backend), group.cpu_s())))
    wait_for_routes(stand, n, since, lambda: ended_badly(backend, ident))
    marks.append((ours_cpu_s(backend), group.cpu_s()))
    order = first_step(stand, nodes)
    need_agents(agents, "withdrawn")
    wait_until(lambda: state_of(backend, ident)["state"] in ("done", "unconfirmed"), "the drain was measured")
    (operator0, nodes0), *_, (operator1, nodes1), (operator2, nodes2) = marks
    shot = Shot(start, order, withdrawals(stand, since), operator2 - operator1, nodes2 - nodes1, (operator1 - operator0, nodes1 - nodes0))
    back(backend)
    wait_until(lambda: announced(stand) == n, "every session announces again")
    return shot


def back(backend):
    def undrained():
        _, ident = confirm(backend, "undrain")
        wait_until(lambda: state_of(backend, ident)["state"] in ("done", "unconfirmed", *FAILED), "the undrain ended")
        return state_of(backend, ident)["state"] == "done"

    wait_until(undrained, "the PoP announces again")


# The plan's own steps, as a person would write them for all nodes at once; the folder is where this node's files stand.
HERE_IS = "set -- $SSH_CONNECTION; cd {folder}/nodes/$3 && "
THEIRS = (HERE_IS + "echo 'define DRAIN = 3;' >drain.conf && birdc -s ctl configure check && birdc -s ctl configure timeout 90")
# What our actor asks of a node before it changes it.
READS = HERE_IS + " && ".join(f"birdc -r -s ctl {words}" for words in
                              ("show protocols all", "show static", "show status", "show route all export transit_v4",
                               "show route all export transit_v6"))


def write_orders(stand, agents, number, goal):
    """A configuration of curl that sends each agent its order, as ours are (docs/agent.md)."""
    with open(stand.path("token"), encoding="ascii") as f:
        token = f.read().strip()
    parts = []
    for name, url in agents:
        order = json.dumps({"act": 1, "order": "apply", "fleet": "bench", "node": name, "number": number, "goal": goal,
                            "undo_goal": "announced", "confirm_s": 0 if goal == "announced" else 90, "plan": "0" * 64,
                            "prefixes": ["192.0.2.0/24", "2001:db8:53::/48"]})
        parts.append("url = " + json.dumps(url + "/v1/act") + "\nheader = " + json.dumps(f"Authorization: Bearer {token}")
                     + '\nheader = "Content-Type: application/json"\noutput = "/dev/null"\ndata = ' + json.dumps(order) + "\n")
    return stand.write("orders", "next\n".join(parts))


def need_agents(agents, state):
    """Every agent says so on its page."""
    for name, url in agents:
        with urllib.request.urlopen(url + "/v1/node", timeout=30) as f:
            page = f.read().decode()
        is_there = "192.0.2.0/24" in json.dumps(json.loads(page).get("exports", []))
        if is_there != (state == "announced"):
            raise RuntimeError(f"{name} is not {state}")


def curl(stand, agents, number, goal):
    return [need("curl"), "-s", "--parallel", "--parallel-immediate", "--parallel-max", "64", "-K", write_orders(stand, agents, number, goal)]


def theirs(stand, runs, nodes, agents, group, number):
    """`runs` one after the other, and curl for the agents at the same time."""
    reset(stand, [a for a, _ in nodes])
    subprocess.run(curl(stand, agents, number, "announced"), stdin=subprocess.DEVNULL, capture_output=True, check=True)
    need_agents(agents, "announced")
    orders = curl(stand, agents, number + 1, "withdrawn")
    since, n, others, before = log_size(stand), 2 * len(nodes), group.cpu_s(), os.times()
    start = time.time()
    with subprocess.Popen(orders, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as side:
        for argv, env in runs:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
                                  env={**os.environ, **env})
            if done.returncode != 0:
                raise RuntimeError(f"{argv[0]}: {done.returncode} {done.stdout[-200:]} {done.stderr[-200:]}")
        if side.wait(60) != 0:
            raise RuntimeError(f"curl: {side.returncode}")
    after = os.times()
    wait_for_routes(stand, n, since, lambda: None)
    need_agents(agents, "withdrawn")
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return Shot(start, first_step(stand, nodes), withdrawals(stand, since), spent, group.cpu_s() - others)


def clush_runs(stand, config, nodes, texts):
    return [([need("clush"), "-S", "-q", "-f", "64", "-w", ",".join(a for a, _ in nodes), "-o", f"-F {config}",
              text.format(folder=stand.folder)], {}) for text in texts]


def kept_config(stand, config):
    with open(config, encoding="ascii") as f:
        return stand.write("kept_config", "Host *\n  ControlMaster auto\n  ControlPersist 600\n"
                           f"  ControlPath {stand.folder}/cm-%h\n" + f.read())


def end_masters(stand, config, nodes):
    for a, _ in nodes:
        subprocess.run(["ssh", "-F", config, "-O", "exit", a], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def ansible_runs(stand, config, nodes):
    program = need("ansible")
    inventory = stand.write("inventory", "".join(a + "\n" for a, _ in nodes))
    masters = stand.path("ansible-masters")
    shutil.rmtree(masters, ignore_errors=True)  # each run opens its own
    env = {"ANSIBLE_SSH_ARGS": f"-F {config} -o ControlMaster=auto -o ControlPersist=2s", "ANSIBLE_SSH_CONTROL_PATH_DIR": masters,
           "ANSIBLE_LOCAL_TEMP": stand.path("ansible-tmp"), "ANSIBLE_HOME": stand.path("ansible-home"), "ANSIBLE_NOCOLOR": "1"}
    return [([program, "all", "-i", inventory, "-f", "64", "-m", "raw", "-a", THEIRS.format(folder=stand.folder)], env)]


def start_agents(stand, name, n):
    port = free_port()
    if not os.path.exists(stand.path("token")):
        stand.write("token", secrets.token_hex(16) + "\n")
    fleet = stand.path(name + ".yaml")
    process = stand.start([f"{stand.build}/tests/agents", "--pops", str(n), "--day", "86400", "--control", "0", "--address",
                           "127.82.0.0", "--port", str(port), "--act-token", stand.path("token"), "--fleet", fleet],
                          "agents-" + name)
    log = "agents-" + name
    wait_until(lambda: "addresses" in stand.log(log) or process.poll() is not None, "the agents listen")
    if process.poll() is not None:
        raise RuntimeError("agents: " + stand.log(log))
    with open(fleet, encoding="utf-8") as f:
        return re.findall(r'^ +([a-z0-9-]+): {agent: "([^"]+)"', f.read(), re.MULTILINE)


def end_undoers(stand):
    """What nodes set loose to undo by themselves waits longer than the benchmark lasts."""
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if b"catchment-undo" in words and any(w.startswith(stand.folder.encode()) for w in words):
            os.kill(int(pid), signal.SIGKILL)


def median(shots):
    """A Shot whose numbers are the medians of all."""
    middle = Shot.__new__(Shot)
    for name in ("order", "first", "last", "operator", "nodes", "operator_before", "nodes_before"):
        setattr(middle, name, statistics.median(getattr(s, name) for s in shots))
    return middle


def ways_of(stand, config, kept, nodes):
    """{name: what makes its runs}"""
    return {
        "clush": lambda: clush_runs(stand, config, nodes, [THEIRS]),
        "clush, kept": lambda: clush_runs(stand, kept, nodes, [THEIRS]),
        "clush, read": lambda: clush_runs(stand, kept, nodes, [READS, THEIRS]),
        "ansible": lambda: ansible_runs(stand, config, nodes),
    }


def paused(backend, run):
    """Runs while the backend polls nothing and holds the nodes' time for nobody."""
    backend.process.send_signal(signal.SIGSTOP)
    try:
        return run()
    finally:
        backend.process.send_signal(signal.SIGCONT)


def rounds_of(stand, backend, config, nodes, agents, group, rounds):
    """All of them in turn, round by round, so that whatever else the machine does meets them alike."""
    mine, others = agents
    kept, found, number = kept_config(stand, config), {}, 0
    ways = ways_of(stand, config, kept, nodes)
    subprocess.run(clush_runs(stand, kept, nodes, ["true"])[0][0], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    try:
        for _ in range(rounds):
            found.setdefault("ours", []).append(ours(stand, backend, nodes, mine, group))
            end_undoers(stand)
            for name, runs in ways.items():
                try:
                    runs()
                except Missing as why:
                    found[name] = str(why)
                    continue
                number += 2
                found.setdefault(name, []).append(
                    paused(backend, lambda: theirs(stand, runs(), nodes, others, group, number)))  # pylint: disable=cell-var-from-loop
            reset(stand, [a for a, _ in nodes])
    finally:
        end_masters(stand, kept, nodes)
    return {name: shots if isinstance(shots, str) else median(shots) for name, shots in found.items()}


def measure(stand, backend_of, n_ssh, n_agents, rounds):
    """{name: medians as a Shot, or why there are none}; "ours" is one of them."""
    import pwd
    for program in ("bird", "birdc", "curl", "clush"):
        need(program)
    group, backend = Group(), None
    try:
        plain = stand.start
        stand.start = lambda argv, name, **more: joined(group, plain(argv, name, **more))
        nodes, config = start_nodes(stand, n_ssh)
        # agents for each side, since those that have seen a number of ours refuse lower ones, and so the other way
        agents, others = start_agents(stand, "a", n_agents + 2), start_agents(stand, "b", n_agents)
        user = pwd.getpwuid(os.getuid()).pw_name
        backend = backend_of(stand.write("drain.yaml", fleet_text(stand, nodes, agents, user), 0o644))
        wait_until(lambda: all(p["verdict"] in ("ok", "degraded") and p["qps"] is not None
                               for p in json.loads(backend.ask("/v1/pops"))), "every PoP was read")
        return rounds_of(stand, backend, config, nodes, (agents[:-2], others), group, rounds)
    finally:
        if backend:
            backend.end()  # its sessions keep processes of the nodes
        end_undoers(stand)
        while stand.processes:
            stand.end(stand.processes[-1])
        group.end()


def joined(group, process):
    group.add(process.pid)
    return process


__all__ = ["measure", "Missing"]
