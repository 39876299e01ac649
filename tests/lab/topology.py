# SPDX-License-Identifier: Apache-2.0
"""What the lab is made of: hosts, links, addresses, and the text of every file in it.

Four PoPs with one node each announce 192.0.2.0/24 and 2001:db8:53::/48 from AS 64500 to two
transits, which peer with each other. A client sits behind each transit and an ops host on a
management network of its own:

    client1 -- t1 (FRR, AS 65001) ------- t2 (BIRD, AS 65002) -- client2
               |          |               |        |        |
             fra1        ams1 -----------'        nyc1     sin1
             frr+nsd     bird+knot                bird+bind frr+knot

t1 prefers ams1 over fra1; t2 prefers nyc1 over sin1 over ams1; both prefer their own customers
over the other transit. So every client has one near PoP and a known order of fall-backs.

This file only makes text and knows no process: `lab` writes the files and starts things. Every
function is pure, which lets `lab` write one file again with another password to inject a fault.
"""

ANYCAST4 = "192.0.2.0/24"
ANYCAST6 = "2001:db8:53::/48"
SERVICE4 = "192.0.2.53"
SERVICE6 = "2001:db8:53::53"
AS_ANYCAST = 64500
ZONE = "example.com"
SERIAL = 2026110101
MGMT = "10.0.0"
OPS = MGMT + ".254"

# bgp and dns name the daemons; mgmt is the last octet on the management network.
HOSTS = {
	"t1": {"role": "transit", "bgp": "frr", "mgmt": 1, "asn": 65001},
	"t2": {"role": "transit", "bgp": "bird", "mgmt": 2, "asn": 65002},
	"ams1": {"role": "node", "pop": "ams", "region": "eu", "bgp": "bird", "dns": "knot", "mgmt": 11},
	"fra1": {"role": "node", "pop": "fra", "region": "eu", "bgp": "frr", "dns": "nsd", "mgmt": 21},
	"nyc1": {"role": "node", "pop": "nyc", "region": "na", "bgp": "bird", "dns": "bind", "mgmt": 31},
	"sin1": {"role": "node", "pop": "sin", "region": "ap", "bgp": "frr", "dns": "knot", "mgmt": 41},
	"client1": {"role": "client", "mgmt": 101, "transit": "t1"},
	"client2": {"role": "client", "mgmt": 102, "transit": "t2"},
	"ops": {"role": "ops", "mgmt": 254},
}

# Each link is a /30 and a /64 numbered by `net`; the transit has the lower address. `med` is the
# metric the transit gives to what it hears there: it counts after the length of the AS path, so a
# node that prepends loses its clients, as it would where no local preference is set.
CUSTOMER_PREF = 200
LINKS = [
	{"transit": "t1", "node": "ams1", "net": 1, "med": 10},
	{"transit": "t1", "node": "fra1", "net": 3, "med": 20},
	{"transit": "t2", "node": "nyc1", "net": 4, "med": 10},
	{"transit": "t2", "node": "sin1", "net": 5, "med": 20},
	{"transit": "t2", "node": "ams1", "net": 2, "med": 30},
]
PEERING = 10
CLIENT_NETS = {
	"client1": ("198.51.100", "fd00:c1:"),
	"client2": ("203.0.113", "fd00:c2:"),
}
# Which PoP's node each client reaches while nothing is broken.
NEAR = {"client1": "ams1", "client2": "nyc1"}

# Another person than root, to approve what root plans.
APPROVER_UID = 65534

DAEMON_OF = {
	"bird": "bird", "frr": "bgpd",
	"knot": "knotd", "nsd": "nsd", "bind": "named",
}


def nodes():
	return [h for h, spec in HOSTS.items() if spec["role"] == "node"]


def mgmt_address(host):
	return f"{MGMT}.{HOSTS[host]['mgmt']}"


def has_sshd(host):
	return host != "ops"


def links_of(host):
	return [link for link in LINKS if host in (link["transit"], link["node"])]


def transit_side(net):
	return f"10.1.{net}.1", f"fd00:1:{net}::1"


def node_side(net):
	return f"10.1.{net}.2", f"fd00:1:{net}::2"


def md5(link):
	return f"lab-{link['node']}-{link['transit']}"


def sessions_of(host):
	"""How many BGP sessions the host has when all is well: each link carries both families."""
	if "bgp" not in HOSTS[host]:
		return 0
	peering = 1 if HOSTS[host]["role"] == "transit" else 0
	return 2 * (len(links_of(host)) + peering)


# --- addresses, as input of `ip -batch` ---------------------------------------------------------


def ip_batch(host):
	spec = HOSTS[host]
	lines = ["link set lo up"]

	def address(dev, v4, v6=None):
		lines.append(f"addr add {v4} dev {dev}")
		if v6:
			lines.append(f"addr add {v6} dev {dev} nodad")
		lines.append(f"link set {dev} up")

	if spec["role"] == "ops":
		lines.append("link add name mgmt type bridge")
		for other in HOSTS:
			if other != "ops":
				lines.append(f"link set m-{other} master mgmt")
				lines.append(f"link set m-{other} up")
		address("mgmt", f"{OPS}/24")
		return "\n".join(lines) + "\n"

	address("mgmt0", f"{mgmt_address(host)}/24")
	if spec["role"] == "node":
		lines.append(f"addr add {SERVICE4}/32 dev lo")
		lines.append(f"addr add {SERVICE6}/128 dev lo nodad")
		for link in links_of(host):
			v4, v6 = node_side(link["net"])
			address(link["transit"], v4 + "/30", v6 + "/64")
	elif spec["role"] == "transit":
		for link in links_of(host):
			v4, v6 = transit_side(link["net"])
			address(link["node"], v4 + "/30", v6 + "/64")
		side = transit_side if host == "t1" else node_side
		v4, v6 = side(PEERING)
		address("t2" if host == "t1" else "t1", v4 + "/30", v6 + "/64")
		for client, (net4, net6) in CLIENT_NETS.items():
			if HOSTS[client]["transit"] == host:
				address(client, net4 + ".1/24", net6 + ":1/64")
	else:
		net4, net6 = CLIENT_NETS[host]
		address(spec["transit"], net4 + ".10/24", net6 + ":10/64")
		lines.append(f"route add default via {net4}.1")
		lines.append(f"route add ::/0 via {net6}:1")
	return "\n".join(lines) + "\n"


# --- routing daemons ----------------------------------------------------------------------------

BIRD_TIMERS = """\
	hold time 9;
	keepalive time 3;
	connect delay time 1;
	connect retry time 2;
	error wait time 1, 4;
"""


def bird_session(name, local, remote, family, import_, export, password=None):
	local_address, local_as = local
	remote_address, remote_as = remote
	secret = f'\tpassword "{password}";\n' if password else ""
	return (
		f"protocol bgp {name} {{\n"
		f"\tlocal {local_address} as {local_as};\n"
		f"\tneighbor {remote_address} as {remote_as};\n"
		f"{secret}{BIRD_TIMERS}"
		f"\t{family} {{\n"
		f"\t\timport {import_};\n"
		f"\t\texport {export};\n"
		"\t};\n}\n"
	)


def bird_head(host):
	return (
		'log "/var/log/bird.log" all;\n'
		f"router id {mgmt_address(host)};\n"
		"protocol device { }\n"
		"protocol kernel kernel4 { ipv4 { import none; export where source = RTS_BGP; }; }\n"
		"protocol kernel kernel6 { ipv6 { import none; export where source = RTS_BGP; }; }\n"
	)


def bird_node(host):
	"""DRAIN 0 announces, 1 adds GRACEFUL_SHUTDOWN, 2 prepends, 3 announces nothing."""
	text = bird_head(host) + (
		'include "/etc/bird/drain.conf";\n'
		f"protocol static anycast4 {{ ipv4; route {ANYCAST4} blackhole; }}\n"
		f"protocol static anycast6 {{ ipv6; route {ANYCAST6} blackhole; }}\n"
		"filter to_transit {\n"
		"\tif source != RTS_STATIC then reject;\n"
		"\tif DRAIN = 3 then reject;\n"
		"\tif DRAIN = 2 then {\n"
		f"\t\tbgp_path.prepend({AS_ANYCAST});\n"
		f"\t\tbgp_path.prepend({AS_ANYCAST});\n"
		f"\t\tbgp_path.prepend({AS_ANYCAST});\n"
		"\t}\n"
		"\tif DRAIN = 1 then bgp_community.add((65535,0));\n"
		"\taccept;\n"
		"}\n"
	)
	order = sorted(links_of(host), key=lambda link: link["transit"])
	for number, link in enumerate(order, 1):
		far = transit_side(link["net"])
		near = node_side(link["net"])
		asn = HOSTS[link["transit"]]["asn"]
		for i, (family, default) in enumerate((("ipv4", "0.0.0.0/0"), ("ipv6", "::/0"))):
			text += bird_session(
				f"transit{number}_v{family[3]}", (near[i], AS_ANYCAST), (far[i], asn), family,
				f"where net = {default}", "filter to_transit", md5(link))
	return text


def bird_transit(host, wrong=(), honours_gshut=True):
	"""`wrong` names nodes for which this side uses a password the node does not know."""
	asn = HOSTS[host]["asn"]
	gshut = "\tif (65535,0) ~ bgp_community then bgp_local_pref = 0;\n" if honours_gshut else ""
	text = bird_head(host) + (
		"protocol static default4 { ipv4; route 0.0.0.0/0 blackhole; }\n"
		"protocol static default6 { ipv6; route ::/0 blackhole; }\n"
		"protocol direct clients { ipv4; ipv6; interface \"client*\"; }\n"
		"function from_node(int rank)\n{\n"
		f"\tif net !~ [ {ANYCAST4} ] then reject;\n"
		f"\tbgp_local_pref = {CUSTOMER_PREF};\n"
		"\tbgp_med = rank;\n"
		f"{gshut}"
		"\taccept;\n}\n"
		"function from_node6(int rank)\n{\n"
		f"\tif net !~ [ {ANYCAST6} ] then reject;\n"
		f"\tbgp_local_pref = {CUSTOMER_PREF};\n"
		"\tbgp_med = rank;\n"
		f"{gshut}"
		"\taccept;\n}\n"
	)
	for link in links_of(host):
		password = md5(link) + ("-wrong" if link["node"] in wrong else "")
		near = transit_side(link["net"])
		far = node_side(link["net"])
		for i, family in enumerate(("ipv4", "ipv6")):
			pick = "from_node" if i == 0 else "from_node6"
			text += bird_session(
				f"{link['node']}_v{family[3]}", (near[i], asn), (far[i], AS_ANYCAST), family,
				f"filter {{ {pick}({link['med']}); }}",
				f'where proto = "default{family[3]}"', password)
	near, far = node_side(PEERING), transit_side(PEERING)
	for i, family in enumerate(("ipv4", "ipv6")):
		text += bird_session(
			f"t1_v{family[3]}", (near[i], asn), (far[i], HOSTS["t1"]["asn"]), family,
			"all", "where source = RTS_DEVICE || source = RTS_BGP")
	return text


FRR_HEAD = """\
frr version 8.4
frr defaults traditional
hostname {host}
log file /var/log/frr/frr.log informational
service integrated-vtysh-config
!
"""


def frr_neighbor(address, asn, description, password=None):
	lines = [
		f" neighbor {address} remote-as {asn}",
		f" neighbor {address} description {description}",
		f" neighbor {address} timers 3 9",
		f" neighbor {address} timers connect 1",
		f" neighbor {address} advertisement-interval 0",
	]
	if password:
		lines.append(f" neighbor {address} password {password}")
	return lines


LIAR = """\
#!/bin/sh
# birdc of a node that lies: says that it was configured and does nothing, and shows no route exported once it
# was told to withdraw.
case "$*" in
*configure*)
	echo "BIRD 2.0.12 ready."
	echo "Reading configuration from /etc/bird/bird.conf"
	echo "Reconfigured"
	exit 0 ;;
*export*)
	if grep -q '= *3' /etc/bird/drain.conf; then echo "BIRD 2.0.12 ready."; exit 0; fi ;;
esac
exec /run/birdc.real "$@"
"""


def frr_node(host):
	sessions, families = [], {"ipv4": [], "ipv6": []}
	for link in links_of(host):
		asn = HOSTS[link["transit"]]["asn"]
		for i, family in enumerate(families):
			address = transit_side(link["net"])[i]
			sessions += frr_neighbor(address, asn, link["transit"], md5(link))
			families[family] += [
				f"  neighbor {address} activate",
				f"  neighbor {address} route-map TRANSIT-IN in",
				f"  neighbor {address} route-map TRANSIT-OUT out",
			]
	lines = [
		f"router bgp {AS_ANYCAST}",
		f" bgp router-id {mgmt_address(host)}",
		" bgp log-neighbor-changes",
		" no bgp default ipv4-unicast",
		" no bgp network import-check",
		*sessions,
		" address-family ipv4 unicast",
		f"  network {ANYCAST4}",
		*families["ipv4"],
		" exit-address-family",
		" address-family ipv6 unicast",
		f"  network {ANYCAST6}",
		*families["ipv6"],
		" exit-address-family",
		"!",
		f"ip prefix-list ANYCAST seq 5 permit {ANYCAST4}",
		"ip prefix-list DEFAULT seq 5 permit 0.0.0.0/0",
		f"ipv6 prefix-list ANYCAST6 seq 5 permit {ANYCAST6}",
		"ipv6 prefix-list DEFAULT6 seq 5 permit ::/0",
		"route-map TRANSIT-OUT permit 10",
		" match ip address prefix-list ANYCAST",
		"route-map TRANSIT-OUT permit 20",
		" match ipv6 address prefix-list ANYCAST6",
		"route-map TRANSIT-IN permit 10",
		" match ip address prefix-list DEFAULT",
		"route-map TRANSIT-IN permit 20",
		" match ipv6 address prefix-list DEFAULT6",
		"!",
	]
	return FRR_HEAD.format(host=host) + "\n".join(lines) + "\n"


def frr_transit(host):
	sessions, families, maps = [], {"ipv4": [], "ipv6": []}, []
	for link in links_of(host):
		for i, family in enumerate(families):
			address = node_side(link["net"])[i]
			sessions += frr_neighbor(
				address, AS_ANYCAST, link["node"], md5(link))
			families[family] += [
				f"  neighbor {address} activate",
				f"  neighbor {address} default-originate",
				f"  neighbor {address} route-map FROM-{link['node']} in",
				f"  neighbor {address} route-map NOTHING out",
			]
		maps += [
			f"route-map FROM-{link['node']} permit 5",
			" match community GSHUT",
			" set local-preference 0",
			f"route-map FROM-{link['node']} permit 10",
			" match ip address prefix-list ANYCAST",
			f" set local-preference {CUSTOMER_PREF}",
			f" set metric {link['med']}",
			f"route-map FROM-{link['node']} permit 20",
			" match ipv6 address prefix-list ANYCAST6",
			f" set local-preference {CUSTOMER_PREF}",
			f" set metric {link['med']}",
		]
	for i, family in enumerate(families):
		address = node_side(PEERING)[i]
		sessions += frr_neighbor(address, HOSTS["t2"]["asn"], "t2")
		families[family] += [
			f"  neighbor {address} activate",
			f"  neighbor {address} route-map ALL in",
			f"  neighbor {address} route-map ALL out",
		]
	lines = [
		f"router bgp {HOSTS[host]['asn']}",
		f" bgp router-id {mgmt_address(host)}",
		" bgp log-neighbor-changes",
		" no bgp default ipv4-unicast",
		*sessions,
		" address-family ipv4 unicast",
		f"  network {CLIENT_NETS['client1'][0]}.0/24",
		*families["ipv4"],
		" exit-address-family",
		" address-family ipv6 unicast",
		f"  network {CLIENT_NETS['client1'][1]}:/64",
		*families["ipv6"],
		" exit-address-family",
		"!",
		"bgp community-list standard GSHUT seq 5 permit graceful-shutdown",
		f"ip prefix-list ANYCAST seq 5 permit {ANYCAST4}",
		f"ipv6 prefix-list ANYCAST6 seq 5 permit {ANYCAST6}",
		*maps,
		"route-map NOTHING deny 10",
		"route-map ALL permit 10",
		"!",
	]
	return FRR_HEAD.format(host=host) + "\n".join(lines) + "\n"


# --- name servers -------------------------------------------------------------------------------


def zone_text():
	return (
		f"$ORIGIN {ZONE}.\n$TTL 300\n"
		f"@ SOA ns.{ZONE}. hostmaster.{ZONE}. {SERIAL} 3600 600 86400 300\n"
		"@ NS ns\n@ TXT \"catchment lab\"\n@ A 192.0.2.80\n"
		f"ns A {SERVICE4}\nns AAAA {SERVICE6}\nwww CNAME @\n"
	)


def listen_addresses(host):
	return [SERVICE4, mgmt_address(host), "127.0.0.1", SERVICE6, "::1"]


def knot_conf(host):
	listen = ", ".join(f"{a}@53" for a in listen_addresses(host))
	return f"""\
server:
    rundir: "/run/knot"
    user: knot:knot
    listen: [ {listen} ]
    identity: {host}
    nsid: {host}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: /var/log/knot.log
    any: info
database:
    storage: "/var/lib/knot"
    journal-db-max-size: 16M
mod-stats:
  - id: all
    request-protocol: on
    server-operation: on
    response-code: on
    query-type: on
template:
  - id: default
    storage: "/var/lib/knot"
    global-module: mod-stats/all
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {ZONE}
    file: "{ZONE}.zone"
"""


def nsd_conf(host):
	listen = "".join(f"    ip-address: {a}\n" for a in listen_addresses(host))
	return f"""\
server:
{listen}    username: nsd
    zonesdir: "/var/lib/nsd"
    database: ""
    zonelistfile: "/var/lib/nsd/zone.list"
    xfrdfile: "/var/lib/nsd/xfrd.state"
    logfile: "/var/log/nsd.log"
    pidfile: "/run/nsd/nsd.pid"
    server-count: 1
    hide-version: no
    identity: "{host}"
    nsid: "ascii_{host}"
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: yes
    control-interface: /run/nsd/nsd.ctl
zone:
    name: {ZONE}
    zonefile: "{ZONE}.zone"
"""


def bind_conf(host):
	v4 = "; ".join(a for a in listen_addresses(host) if ":" not in a)
	v6 = "; ".join(a for a in listen_addresses(host) if ":" in a)
	return f"""\
options {{
	directory "/var/cache/bind";
	pid-file "/run/named/named.pid";
	session-keyfile "/run/named/session.key";
	listen-on {{ {v4}; }};
	listen-on-v6 {{ {v6}; }};
	server-id "{host}";
	recursion no;
	dnssec-validation no;
	allow-query {{ any; }};
	notify no;
}};
logging {{
	channel file {{ file "/var/log/named.log" size 1m; print-time yes; severity info; }};
	category default {{ file; }};
}};
statistics-channels {{
	inet {mgmt_address(host)} port 8053 allow {{ {MGMT}.0/24; }};
	inet 127.0.0.1 port 8053 allow {{ 127.0.0.1; }};
}};
zone "{ZONE}" {{ type primary; file "/etc/bind/{ZONE}.zone"; }};
"""


# --- sshd ---------------------------------------------------------------------------------------


def sshd_conf(host):
	return f"""\
Port 22
ListenAddress {mgmt_address(host)}
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile /etc/ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PidFile /run/sshd.pid
MaxStartups 100:30:200
"""


# --- one host: its private files, and how its daemons are started -------------------------------


def private_folders(host):
	"""(path, owner, mode) of every folder the host has to itself, mounted over the machine's."""
	spec = HOSTS[host]
	folders = [("/run", "root", 0o755), ("/var/log", "root", 0o1777)]
	if has_sshd(host):
		# All of /var/lib, because /var/lib/catchment, where a node keeps its operation numbers, need not
		# exist on the machine, and a mount needs a place.
		folders += [("/etc/ssh", "root", 0o755), ("/var/lib", "root", 0o755)]
	folders += {
		"bird": [("/etc/bird", "bird", 0o750)],
		"frr": [("/etc/frr", "frr", 0o750), ("/var/tmp", "root", 0o1777)],
	}.get(spec.get("bgp"), [])
	folders += {
		"knot": [("/etc/knot", "knot", 0o750), ("/var/lib/knot", "knot", 0o770)],
		"nsd": [("/etc/nsd", "nsd", 0o755), ("/var/lib/nsd", "nsd", 0o755)],
		"bind": [("/etc/bind", "bind", 0o755), ("/var/cache/bind", "bind", 0o775)],
	}.get(spec.get("dns"), [])
	return folders


def run_folders(host):
	"""(path, owner) of folders systemd would make for the daemons."""
	spec = HOSTS[host]
	folders = {"bird": [("/run/bird", "bird")],
		"frr": [("/run/frr", "frr"), ("/var/log/frr", "frr")]}.get(spec.get("bgp"), [])
	folders = folders + {"knot": [("/run/knot", "knot")], "nsd": [("/run/nsd", "nsd")],
		"bind": [("/run/named", "bind")]}.get(spec.get("dns"), [])
	return folders + ([("/run/sshd", "root"), ("/run/root", "root")] if has_sshd(host) else [])


def files(host):
	"""(path, text, owner, mode) of every configuration file of the host."""
	spec = HOSTS[host]
	out = []
	if has_sshd(host):
		out.append(("/etc/ssh/sshd_config", sshd_conf(host), "root", 0o644))
	bgp, dns = spec.get("bgp"), spec.get("dns")
	if bgp == "bird":
		text = bird_node(host) if spec["role"] == "node" else bird_transit(host)
		out.append(("/etc/bird/bird.conf", text, "bird", 0o640))
		if spec["role"] == "node":
			out.append(("/etc/bird/drain.conf", "define DRAIN = 0;\n", "bird", 0o640))
	if bgp == "frr":
		text = frr_node(host) if spec["role"] == "node" else frr_transit(host)
		out.append(("/etc/frr/frr.conf", text, "frr", 0o640))
		out.append(("/etc/frr/vtysh.conf", "service integrated-vtysh-config\n", "frr", 0o640))
	if dns == "knot":
		out.append(("/etc/knot/knot.conf", knot_conf(host), "knot", 0o640))
		out.append((f"/var/lib/knot/{ZONE}.zone", zone_text(), "knot", 0o640))
	if dns == "nsd":
		out.append(("/etc/nsd/nsd.conf", nsd_conf(host), "nsd", 0o640))
		out.append((f"/var/lib/nsd/{ZONE}.zone", zone_text(), "nsd", 0o640))
	if dns == "bind":
		out.append(("/etc/bind/named.conf", bind_conf(host), "bind", 0o640))
		out.append((f"/etc/bind/{ZONE}.zone", zone_text(), "bind", 0o640))
	return out


START = {
	"bird": "bird -u bird -g bird",
	# bgpd connects to zebra by itself and later if it must; vtysh -b wants both running.
	"frr": "/usr/lib/frr/zebra -d -A 127.0.0.1 && /usr/lib/frr/bgpd -d -A 127.0.0.1 && vtysh -b",
	"knot": "knotd -d",
	"nsd": "nsd",
	"bind": "[ -f /etc/bind/rndc.key ] || rndc-confgen -a -u bind; named-checkconf; named -u bind -n 1",
	"sshd": "/usr/sbin/sshd",
}


def start_commands(host):
	spec = HOSTS[host]
	kinds = [spec[k] for k in ("dns", "bgp") if k in spec]
	return [START[k] for k in kinds + (["sshd"] if has_sshd(host) else [])]


def daemons(host):
	"""Process names that must be there while nothing is broken."""
	spec = HOSTS[host]
	names = [DAEMON_OF[spec[k]] for k in ("bgp", "dns") if k in spec]
	if spec.get("bgp") == "frr":
		names.insert(0, "zebra")
	return names + (["sshd"] if has_sshd(host) else [])


# --- the fleet file -----------------------------------------------------------------------------


def fleet_yaml():
	lines = [
		"# Written by tests/lab/lab up: the lab as catchmentd in the ops host sees it.",
		"fleet: lab",
		"environment: lab",
		"services:",
		"  ns:",
		f"    prefixes: [{ANYCAST4}, \"{ANYCAST6}\"]",
		f"    probe: {{dns: {SERVICE4}, name: {ZONE}, type: SOA}}",
		"    policy: {min_pops: 2, spare: 1}",
		# Flows drain one PoP after another.
		"limits: {drain_gap: 0s, drains_per_hour: 1000}",
		"access:",
		"  - {user: root, uid: 0, role: operator}",
		f"  - {{user: mary, uid: {APPROVER_UID}, role: approver}}",
		"defaults:",
		"  poll: 2s",
		"  ssh: {user: root, observe_key: keys/observe, act_key: keys/act, known_hosts: known_hosts}",
		"pops:",
	]
	for host in nodes():
		spec = HOSTS[host]
		address = mgmt_address(host)
		dns = spec["dns"]
		drain = ""
		if spec["bgp"] == "bird":
			drain = (", drain: {file: /etc/bird/drain.conf, constant: DRAIN, announce: 0, prefer_away: 1,"
				" withdraw: 3}")
		if dns == "bind":
			dns = f'{{driver: bind, url: "http://{address}:8053"}}'
		lines += [
			f"  {spec['pop']}:",
			f"    region: {spec['region']}",
			"    nodes:",
			f"      {host}: {{address: {address}, bgp: {spec['bgp']}, dns: {dns}, capacity_qps: 1000"
			f"{drain}}}",
		]
	lines.append("vantages:")
	for host, spec in HOSTS.items():
		if spec["role"] == "client":
			lines.append(f"  {host}: {{address: {mgmt_address(host)}}}")
	lines.append("witnesses:")
	for host, spec in HOSTS.items():
		if spec["role"] == "transit":
			lines.append(f"  {host}: {{address: {mgmt_address(host)}, bgp: {spec['bgp']}}}")
	return "\n".join(lines) + "\n"
