# SPDX-License-Identifier: Apache-2.0
"""What the demo's fleet is: PoPs, real nodes, transits, their addresses, and every file they read.

Only data and text: nothing is started here. A world lives in one folder and in one /24 of
127.0.0.0/8 picked at random, so that ports can be fixed and two demos do not meet:

	.111 .112   real nodes: sshd, BIRD, Knot         .131 .132 their ends of the IPv6 sessions
	.201 .202   transits: sshd, BIRD                 .221 .222 their ends of the IPv6 sessions
	.253        the anycast service, as the clients see it
	.1 ...      the agents, on another port

Each family has its session, both over IPv4: without privilege there is no second IPv6 address on
loopback. Next hops of IPv6 routes are made up and never used, for no packet follows these routes;
who gets the clients' questions is decided by demo/clients, from what the transits have.
"""

import os
import string

ANYCAST4 = "192.0.2.0/24"
ANYCAST6 = "2001:db8:53::/48"
ZONE = "example.com"
AS_FLEET = 64500
SSH_PORT, DNS_PORT, BGP_PORT, AGENT_PORT = 10022, 10053, 10179, 9101

# Real nodes: PoP, last byte of the address.
REAL = {"arn1": ("arn", 111), "akl1": ("akl", 112)}
# Transits: AS number, last byte of the address.
TRANSITS = {"t1": (64496, 201), "t2": (64497, 202)}
# The simulated fleet (tests/tools/sim.c): it has the places in an order of its own.
SIMULATED_POPS, NODES_PER_POP = 14, 2
# Where the clients of the real nodes live: longitude, queries a second at their busiest hour.
CLIENTS = {"arn1": (17.9, 400), "akl1": (174.8, 300)}
# A day of the demo, in seconds: traffic follows the sun once round in that time.
DAY_S = 240.0


class World:
	"""Names and places of one demo: its folder, its net ("127.83.12"), its agents (name: URL)."""

	def __init__(self, folder, net, agents):
		self.folder, self.net, self.agents = folder, net, agents

	def path(self, *parts):
		return os.path.join(self.folder, *parts)

	def address(self, host, family=4):
		last = REAL[host][1] if host in REAL else TRANSITS[host][1]
		return f"{self.net}.{last + (20 if family == 6 else 0)}"

	def service(self):
		return f"{self.net}.253"

	def bird_socket(self, host):
		return self.path(host, "bird.ctl")

	def knot_folder(self, host):
		return self.path(host, "knot")

	def api(self):
		return "unix:" + self.path("api.sock")


def hosts():
	return list(REAL) + list(TRANSITS)


# --- BIRD -----------------------------------------------------------------------------------------

BGP_COMMON = """\
	strict bind yes;
	multihop;
	hold time 9;
	keepalive time 3;
	connect delay time 1;
	connect retry time 2;
	error wait time 1, 4;
"""


def bgp_session(world, host, peer, family):
	"""One end of a session, "t1_v4" on arn1 and "arn1_v4" on t1."""
	asn, peer_asn = (AS_FLEET, TRANSITS[peer][0]) if host in REAL else (TRANSITS[host][0], AS_FLEET)
	channel, side = "import all; export none;", ""
	if host in REAL:
		# Who tries to connect soon forgets with what words the other end shut the session.
		side = "\tpassive;\n"
		hop = f" next hop address fd00::{REAL[host][1]};" if family == 6 else ""
		channel = f'import none;{hop} export where proto = "anycast{family}";'
	return f"""\
protocol bgp {peer}_v{family} {{
	description "{peer}";
	local {world.address(host, family)} port {BGP_PORT} as {asn};
	neighbor {world.address(peer, family)} port {BGP_PORT} as {peer_asn};
{BGP_COMMON}{side}	ipv{family} {{ {channel} }};
}}
"""


def bird_conf(world, host):
	text = f"router id {world.address(host)};\nprotocol device {{}}\n"
	if host in REAL:
		text += f"protocol static anycast4 {{ ipv4; route {ANYCAST4} blackhole; }}\n"
		text += f"protocol static anycast6 {{ ipv6; route {ANYCAST6} blackhole; }}\n"
	else:
		text += "protocol static hops { ipv6; route fd00::/64 unreachable; }\n"
	peers = TRANSITS if host in REAL else REAL
	return text + "".join(bgp_session(world, host, peer, family)
		for peer in peers for family in (4, 6))


# --- Knot -----------------------------------------------------------------------------------------


def knot_conf(world, host):
	folder = world.knot_folder(host)
	return f"""\
server:
    rundir: "{folder}"
    listen: {world.address(host)}@{DNS_PORT}
    nsid: "{host}"
    identity: "{host}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "{folder}"
mod-stats:
  - id: default
    request-protocol: on
    server-operation: on
    response-code: on
template:
  - id: default
    storage: "{folder}"
    global-module: mod-stats/default
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {ZONE}
    file: "{folder}/zone"
"""


def zone_text():
	return f"""\
$ORIGIN {ZONE}.
$TTL 300
@    IN SOA ns.{ZONE}. hostmaster.{ZONE}. 2026112301 3600 600 604800 300
     IN NS  ns.{ZONE}.
ns   IN A   192.0.2.53
     IN AAAA 2001:db8:53::53
www  IN A   192.0.2.80
"""


# --- sshd -----------------------------------------------------------------------------------------


def sshd_conf(world, host, use_pam):
	"""For one account and one key; it may run commands and nothing else. The person's own shell
	start-up files are kept out: they may be slow or talk."""
	return f"""\
Port {SSH_PORT}
ListenAddress {world.address(host)}
HostKey {world.path(host, "host_key")}
AuthorizedKeysFile {world.path("keys", "authorized")}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM {"yes" if use_pam else "no"}
StrictModes no
DisableForwarding yes
PermitTTY no
PermitUserRC no
SetEnv HOME={world.path("home")} CATCHMENT_STATE={world.path(host, "state")}
PrintMotd no
UseDNS no
PidFile none
LogLevel ERROR
MaxStartups 100:30:200
"""


# --- fleet.yaml -----------------------------------------------------------------------------------


def fleet_yaml(world, template, user, uid):
	"""The template's $names: NET, USER, UID, REAL_arn1 (what a real node says), AGENT_fra1, BIRD_t1."""
	names = {"NET": world.net, "USER": user, "UID": uid, "SSH_PORT": SSH_PORT, "DNS_PORT": DNS_PORT,
		"SERVICE": world.service()}
	for host in REAL:
		names["REAL_" + host] = (f"address: {world.address(host)}, "
			f'bgp: {{driver: bird, socket: "{world.bird_socket(host)}"}}, '
			f'dns: {{driver: knot, socket: "{world.knot_folder(host)}/knot.sock", port: {DNS_PORT}}}')
	for host in TRANSITS:
		names["BIRD_" + host] = (f"address: {world.address(host)}, "
			f'bgp: {{driver: bird, socket: "{world.bird_socket(host)}"}}')
	for name, url in world.agents.items():
		names["AGENT_" + name] = f'agent: "{url}"'
	return string.Template(template).substitute(names)
