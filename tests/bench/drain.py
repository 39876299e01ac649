# SPDX-License-Identifier: Apache-2.0
"""The drain of one PoP of many nodes, from the confirmation to the last route withdrawn.

Half of the nodes are reached over a real sshd, half are agents over HTTP. BIRD is a script on each
SSH node that shows recorded pages and takes over its drain.conf when it is told to configure; the
time stamp of what it took over is when that node withdrew. Theirs: `clush` with its usual fan-out of
64 and a new ssh a node, running the very commands that the plan holds, and `curl --parallel` for the
agents at the same time. Both start from warm page caches, on the same sshds, one after the other.

All nodes share this machine's cores, which a fleet does not: what nodes do weighs far more here than
between an operator and real nodes, for both.
"""

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import time

from stand import Missing, free_port, need, run_for_cpu, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ADDRESSES_A_SSHD = 13
NOBODY = 65534

BIRDC = """#!/bin/sh
set -- $SSH_CONNECTION -- "$@"
node={folder}/nodes/$3
while [ "$1" != -- ]; do shift; done; shift
[ "$1" = -r ] && shift
read -r _ _ _ value <$node/running
state=announced; [ "$value" = "3;" ] && state=filtered
case "$*" in
"configure check"|"configure confirm") echo ok;;
configure*) cat $node/drain.conf >$node/running; echo Reconfigured;;
*) set -f; set -- $*; IFS=-; exec cat "{folder}/pages/plan-$state--$*.txt";;
esac
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
SetEnv PATH={folder}/bin:/usr/bin:/bin HOME={folder}/home
ForceCommand exec {drop}sh -c "$SSH_ORIGINAL_COMMAND"
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
    os.mkdir(stand.path("pages"))
    for folder, prefix in (("bird", "plan-"), ("nsd", "serving--")):
        source = f"{TOP}/tests/fixtures/{folder}"
        for name in os.listdir(source):
            if name.startswith(prefix) and name.endswith(".txt"):
                shutil.copy(f"{source}/{name}", stand.path(f"pages/{name}"))
    # the zone that the agents serve, or the undrain is refused
    stand.write("pages/serving--zonestatus.txt", ZONES, 0o644)
    for name in ("bin", "home", "nodes"):
        os.mkdir(stand.path(name))
    stand.write("bin/birdc", BIRDC.format(folder=stand.folder), 0o755)
    stand.write("bin/nsd-control", NSD.format(folder=stand.folder), 0o755)


def own(path):
    if os.getuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def reset(stand, addresses):
    for a in addresses:
        folder = stand.path(f"nodes/{a}")
        os.makedirs(folder, exist_ok=True)
        own(folder)
        for name in ("drain.conf", "running"):
            own(stand.write(f"nodes/{a}/{name}", "define DRAIN = 0;\n", 0o644))


def start_nodes(stand, n):
    """sshds that serve n addresses; [(address, port)] and the ssh configuration."""
    os.chmod(stand.folder, 0o755)  # nodes run as nobody where we are root: their numbers then stand in HOME
    make_pages(stand)
    own(stand.path("home"))
    for name in ("host", "user"):
        run_for_cpu([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", stand.path(name)])
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    with open(stand.path("host.pub"), encoding="ascii") as f:
        key = " ".join(f.read().split()[:2])
    drop = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups " if os.getuid() == 0 else ""
    nodes, known, config = [], "", SSH.format(folder=stand.folder)
    addresses = [f"127.81.0.{i + 1}" for i in range(n)]
    for first in range(0, n, ADDRESSES_A_SSHD):
        port, mine = free_port(), addresses[first:first + ADDRESSES_A_SSHD]
        conf = stand.write(f"sshd_config{first}", SSHD.format(port=port, folder=stand.folder, drop=drop)
                           + "".join(f"ListenAddress {a}\n" for a in mine))
        stand.start([need("sshd"), "-D", "-e", "-f", conf], f"sshd{first}")
        nodes += [(a, port) for a in mine]
        known += "".join(f"[{a}]:{port} {key}\n" for a in mine)
        config += f"Host {' '.join(mine)}\n  Port {port}\n"
    stand.write("known_hosts", known)
    config = stand.write("ssh_config", config)
    reset(stand, addresses)

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
        return (f"{{address: {a}, bgp: bird, dns: nsd, ask_own: false, ssh: {{port: {p}}}, capacity_qps: 1000000000,"
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


def last_change(stand, nodes):
    """When the last SSH node took a withdrawal over, or None while one has not."""
    stamps = []
    for a, _ in nodes:
        path = stand.path(f"nodes/{a}/running")
        with open(path, encoding="ascii") as f:
            if "3" not in f.read():
                return None
        stamps.append(os.stat(path).st_mtime)
    return max(stamps)


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


def ours(stand, backend, nodes):
    """Seconds from the confirmation to the last withdrawal, and CPU of ours until the drain is done, its plan and its
    actor included; then everything goes back by undrain."""
    spent = cpu_with_children(backend.process.pid)
    for _ in range(5):  # a busy machine makes a poll late, which voids a plan
        plan = planned(backend, "drain")
        ident = plan["op"]["id"]
        wait_until(lambda: call(backend, "GET", f"/v1/plans/{ident}")[1]["actor"]["state"] != "connecting", "the actor has connected")
        start = time.time()
        status, answer = call(backend, "POST", f"/v1/plans/{ident}/confirm",
                              {"hash": plan["hash"], "typed": plan["typed"], "key": secrets.token_hex(8)})
        if status in (200, 202):
            break
    else:
        raise RuntimeError(f"the confirmation: {answer}")
    wait_until(lambda: last_change(stand, nodes) or call(backend, "GET", f"/v1/ops/{ident}")[1]["state"] in ("refused", "undone", "expired"),
               "the nodes withdrew")
    end = last_change(stand, nodes)
    if end is None:
        raise RuntimeError("the drain: " + call(backend, "GET", f"/v1/ops/{ident}")[1]["text"])
    wait_until(lambda: call(backend, "GET", f"/v1/ops/{ident}")[1]["state"] in ("done", "unconfirmed"), "the drain was measured")
    spent = cpu_with_children(backend.process.pid) - spent
    back(backend)
    return end - start, spent


def back(backend):
    def undrained():
        plan = planned(backend, "undrain")
        ident = plan["op"]["id"]
        wait_until(lambda: call(backend, "GET", f"/v1/plans/{ident}")[1]["actor"]["state"] != "connecting", "the actor has connected")
        status, _ = call(backend, "POST", f"/v1/plans/{ident}/confirm",
                         {"hash": plan["hash"], "typed": plan["typed"], "key": secrets.token_hex(8)})
        if status not in (200, 202):
            return False
        wait_until(lambda: call(backend, "GET", f"/v1/ops/{ident}")[1]["state"] in
                   ("done", "unconfirmed", "refused", "expired", "undone"), "the undrain ended")
        return call(backend, "GET", f"/v1/ops/{ident}")[1]["state"] == "done"

    wait_until(undrained, "the PoP announces again")


# The plan's own steps, as a person would write them for all nodes at once.
THEIRS = ("f={folder}/nodes/${{SSH_CONNECTION#* * }}; f=${{f% *}}/drain.conf; echo 'define DRAIN = 3;' >$f"
          " && birdc configure check && birdc configure timeout 90")


def theirs(stand, config, nodes, agents):
    """Seconds of clush for the SSH nodes and curl for the agents, started together, and their CPU."""
    reset(stand, [a for a, _ in nodes])
    order = json.dumps({"act": 1, "order": "check", "fleet": "bench", "node": "any", "number": 0, "goal": None,
                        "undo_goal": None, "confirm_s": 0, "plan": "0" * 64, "prefixes": []})
    with open(stand.path("token"), encoding="ascii") as f:
        token = f.read().strip()
    before, start = os.times(), time.time()
    side = subprocess.Popen([need("curl"), "-s", "--parallel", "--parallel-max", "64", "-o", "/dev/null",
                             "-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json", "-d", order,
                             *[url + "/v1/act" for _, url in agents]], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = subprocess.run([need("clush"), "-q", "-f", "64", "-w", ",".join(a for a, _ in nodes), "-o", f"-F {config}",
                           THEIRS.format(folder=stand.folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, check=False)
    side.wait(60)
    after = os.times()
    end = last_change(stand, nodes)
    if done.returncode != 0 or end is None:
        raise RuntimeError(f"clush: {done.returncode} {done.stdout[-200:]} {done.stderr[-200:]}")
    return end - start, (after.children_user - before.children_user + after.children_system - before.children_system)


def start_agents(stand, n):
    port = free_port()
    stand.write("token", secrets.token_hex(16) + "\n")
    process = stand.start([f"{stand.build}/tests/agents", "--pops", str(n), "--day", "86400", "--control", "0", "--address",
                           "127.82.0.0", "--port", str(port), "--act-token", stand.path("token"), "--fleet", stand.path("a.yaml")],
                          "agents")
    wait_until(lambda: "addresses" in stand.log("agents") or process.poll() is not None, "the agents listen")
    if process.poll() is not None:
        raise RuntimeError("agents: " + stand.log("agents"))
    with open(stand.path("a.yaml"), encoding="utf-8") as f:
        return re.findall(r'^ +([a-z0-9-]+): {agent: "([^"]+)"', f.read(), re.MULTILINE)


def end_undoers(stand):
    """What nodes set loose to undo by themselves waits longer than the benchmark lasts."""
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if b"catchment-undo" in words and any(w.startswith(stand.path("home").encode()) for w in words):
            os.kill(int(pid), signal.SIGKILL)


def measure(stand, backend_of, n_ssh, n_agents, rounds):
    """Medians of ours and of clush's: ((seconds, CPU seconds), (seconds, CPU seconds))."""
    import pwd
    need("clush")
    need("curl")
    need("setpriv")
    nodes, config = start_nodes(stand, n_ssh)
    agents = start_agents(stand, n_agents + 2)
    user = pwd.getpwuid(os.getuid()).pw_name
    backend = backend_of(stand.write("drain.yaml", fleet_text(stand, nodes, agents, user), 0o644))
    wait_until(lambda: all(p["verdict"] in ("ok", "degraded") and p["qps"] is not None
                           for p in json.loads(backend.ask("/v1/pops"))), "every PoP was read")
    try:
        mine = [ours(stand, backend, nodes) for _ in range(rounds)]
        backend.end()
    finally:
        end_undoers(stand)
    other = [theirs(stand, config, nodes, agents[:-2]) for _ in range(rounds)]
    return tuple(tuple(statistics.median(column) for column in zip(*side)) for side in (mine, other))


__all__ = ["measure", "Missing"]
