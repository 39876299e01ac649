#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Proves that the lab is what it says: sessions come up, each client is answered by its near PoP,
# every fault does what its name says and nothing else, heal takes it back, two labs live side by
# side, and down leaves nothing. Flows built on the lab trust these things, so when one of them
# fails and this passes, the product is wrong.
#
# It looks with the daemons' own tools and dig from inside the hosts, never with the lab's status,
# and waits for states with a bound, never for time to pass. Needs root and the packages that
# `lab up` asks for; where the lab cannot run it prints SKIP and the reason and ends with 77.

set -u
here=$(cd "$(dirname "$0")" && pwd)
lab=$here/lab
dir=$(mktemp -d "${TMPDIR:-/tmp}/lab-selftest.XXXXXX")
passed=0
failed=0

# A pipe that nobody writes to: reading from it with a time-out is a pause without a process.
exec {quiet}<> <(:)
pause() { read -r -t 0.1 -u "$quiet" || true; }

finish() {
	"$lab" down "$dir" >/dev/null 2>&1
	"$lab" down "$dir/second" >/dev/null 2>&1
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

say() { # ok|FAIL what
	printf '%s %s\n' "$1" "$2"
	if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# within SECONDS WHAT COMMAND...: passes when the command succeeds in time.
within() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge "$end" ]; then
			say FAIL "$what"
			return 0
		fi
		pause
	done
	say ok "$what"
}

in_host() { local host=$1; shift; "$lab" exec "$dir" "$host" "$@"; }
fault() { "$lab" fault "$dir" "$@" || say FAIL "fault $*"; }
heal() { "$lab" heal "$dir" "$@" || say FAIL "heal $*"; }
not() { ! "$@"; }

# sessions HOST N: exactly N sessions are Established, by the host's own daemon.
sessions() {
	local n
	if in_host "$1" test -S /run/bird/bird.ctl; then
		n=$(in_host "$1" timeout 2 birdc show protocols | grep -c ' BGP .*Established')
	else
		n=$(in_host "$1" timeout 2 vtysh -c 'show bgp summary json' | grep -c '"state":"Established"')
	fi
	[ "$n" = "$2" ]
}

# answered_by CLIENT ADDRESS NAME: dig from the client is answered with that NSID.
answered_by() {
	in_host "$1" dig "@$2" +nsid +tries=1 +timeout=1 example.com SOA | grep -q "NSID: .*(\"$3\")"
}

# sends HOST TRANSIT: the host's Adj-RIB-Out to that transit holds both prefixes.
sends() {
	local v4 v6
	if in_host "$1" test -S /run/bird/bird.ctl; then
		in_host "$1" birdc show route export transit1_v4 | grep -q '^192.0.2.0/24' &&
			in_host "$1" birdc show route export transit1_v6 | grep -q '^2001:db8:53::/48'
		return
	fi
	v4=$(in_host "$1" vtysh -c 'show bgp ipv4 unicast summary json' | grep -o '"10\.1[^"]*"' | tail -n 1)
	v6=$(in_host "$1" vtysh -c 'show bgp ipv6 unicast summary json' | grep -o '"fd00:[^"]*"' | tail -n 1)
	in_host "$1" vtysh -c "show bgp ipv4 unicast neighbors ${v4//\"/} advertised-routes" | grep -q '192.0.2.0/24' &&
		in_host "$1" vtysh -c "show bgp ipv6 unicast neighbors ${v6//\"/} advertised-routes" | grep -q '2001:db8:53::/48'
}

ssh_works() { # ADDRESS
	in_host ops ssh -F none -i "$dir/keys/observe" -o IdentitiesOnly=yes -o BatchMode=yes \
		-o UserKnownHostsFile="$dir/known_hosts" -o StrictHostKeyChecking=yes -o ConnectTimeout=2 \
		"root@$1" true
}

# No sshd listens on the links: a refusal proves that packets go there and back.
refuses_ssh() { # HOST ADDRESS
	in_host "$1" timeout 1 bash -c "exec 3<>/dev/tcp/$2/22" 2>&1 | grep -q 'Connection refused'
}

runs() { in_host "$1" sh -c 'for p in /proc/[0-9]*; do readlink $p/exe; done' | grep -q "/$2\$"; }
as_before() {
	"$lab" status "$dir"
}

# --- up

"$lab" up "$dir" >"$dir/up.log" 2>&1
status=$?
if [ $status = 77 ]; then
	echo "SKIP $(cat "$dir/up.log")"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi
if [ $status != 0 ]; then
	say FAIL "lab up: $(cat "$dir/up.log")"
	echo "$passed passed, $failed failed, 0 skipped"
	exit 1
fi
for pair in t1:6 t2:8 ams1:4 fra1:2 nyc1:2 sin1:2; do
	within 30 "${pair%:*} has ${pair#*:} sessions Established" sessions "${pair%:*}" "${pair#*:}"
done
for client in client1:ams1 client2:nyc1; do
	for address in 192.0.2.53 2001:db8:53::53; do
		within 5 "${client%:*} asking $address is answered by ${client#*:}" \
			answered_by "${client%:*}" "$address" "${client#*:}"
	done
done
for node in ams1:11 fra1:21 nyc1:31 sin1:41; do
	within 5 "${node%:*} answers on its management address" answered_by ops "10.0.0.${node#*:}" "${node%:*}"
	within 5 "${node%:*} sends both prefixes" sends "${node%:*}"
done
for address in 10.0.0.1 10.0.0.2 10.0.0.11 10.0.0.21 10.0.0.31 10.0.0.41 10.0.0.101 10.0.0.102; do
	within 5 "ssh with the observe key and a pinned host key reaches $address" ssh_works "$address"
done
within 5 "birdc works on ams1" in_host ams1 birdc show status
within 5 "vtysh works on fra1" in_host fra1 vtysh -c 'show version'
within 5 "knotc works on sin1" in_host sin1 sh -c 'knotc stats | grep mod-stats'
within 5 "nsd-control works on fra1" in_host fra1 nsd-control status
within 5 "rndc works on nyc1" in_host nyc1 rndc status
within 5 "named's statistics are reached from ops" in_host ops bash -c \
	'exec 3<>/dev/tcp/10.0.0.31/8053; printf "GET /json/v1/status HTTP/1.0\r\n\r\n" >&3; grep -q boot-time <&3'
within 5 "the anycast address is not reached from ops" not answered_by ops 192.0.2.53 ams1

# --- two labs at once

mkdir "$dir/second"
if "$lab" up "$dir/second" >"$dir/second.log" 2>&1; then
	say ok "a second lab comes up beside the first"
	"$lab" down "$dir/second" >/dev/null
	within 5 "the first does not notice" as_before
else
	say FAIL "a second lab comes up beside the first: $(cat "$dir/second.log")"
fi

# --- faults

fault dns-killed fra1
within 3 "dns-killed: nsd is gone from fra1" not runs fra1 nsd
within 3 "dns-killed: fra1 has its sessions" sessions fra1 2
within 3 "dns-killed: fra1 still sends both prefixes" sends fra1
within 3 "dns-killed: fra1 does not answer" not answered_by ops 10.0.0.21 fra1
heal dns-killed fra1
within 10 "dns-killed: healed" answered_by ops 10.0.0.21 fra1

boot=$(in_host nyc1 rndc status | grep 'boot time')
fault dns-restarted nyc1
within 10 "dns-restarted: nyc1 answers" answered_by ops 10.0.0.31 nyc1
within 3 "dns-restarted: nyc1 has its sessions" sessions nyc1 2
same_boot() { [ "$(in_host nyc1 rndc status | grep 'boot time')" = "$boot" ]; }
within 3 "dns-restarted: named has booted anew" not same_boot
heal dns-restarted nyc1

fault bgp-frozen ams1
within 15 "bgp-frozen: t1 drops the sessions of ams1 at hold time" sessions t1 4
within 3 "bgp-frozen: birdc on ams1 gets no answer" not in_host ams1 timeout 1 birdc show status
within 3 "bgp-frozen: ams1 still answers DNS" answered_by ops 10.0.0.11 ams1
within 5 "bgp-frozen: client1 moves to fra1" answered_by client1 192.0.2.53 fra1
heal bgp-frozen ams1
within 30 "bgp-frozen: healed" answered_by client1 192.0.2.53 ams1

fault bgp-frozen sin1
within 15 "bgp-frozen: t2 drops the sessions of sin1 at hold time" sessions t2 6
within 3 "bgp-frozen: vtysh on sin1 gets no answer" not in_host sin1 timeout 1 vtysh -c 'show bgp summary'
heal bgp-frozen sin1
within 30 "bgp-frozen: healed on sin1" sessions sin1 2

fault link-cut fra1
within 15 "link-cut: fra1 has no session" sessions fra1 0
within 3 "link-cut: fra1 still answers on its management address" answered_by ops 10.0.0.21 fra1
heal link-cut fra1
within 30 "link-cut: healed" sessions fra1 2

for node in ams1:4 fra1:2; do
	fault md5-wrong "${node%:*}"
	within 15 "md5-wrong: ${node%:*} has no session" sessions "${node%:*}" 0
	within 3 "md5-wrong: its transit is there all the same" refuses_ssh "${node%:*}" \
		"$([ "${node%:*}" = ams1 ] && echo 10.1.1.1 || echo 10.1.3.1)"
	heal md5-wrong "${node%:*}"
	within 30 "md5-wrong: healed on ${node%:*}" sessions "${node%:*}" "${node#*:}"
done

fault mgmt-lost sin1
within 5 "mgmt-lost: ssh does not reach sin1" not ssh_works 10.0.0.41
within 3 "mgmt-lost: sin1 has its sessions" sessions sin1 2
within 3 "mgmt-lost: t2 hears from sin1 as before" sessions t2 8
heal mgmt-lost sin1
within 10 "mgmt-lost: healed" ssh_works 10.0.0.41

for node in nyc1 sin1; do
	fault withdrawn $node
	within 5 "withdrawn: $node sends nothing" not sends $node
	within 3 "withdrawn: $node has its sessions" sessions $node 2
	heal withdrawn $node
	within 10 "withdrawn: healed on $node" sends $node
done
within 10 "withdrawn: client2 is back at nyc1" answered_by client2 192.0.2.53 nyc1

fault sshd-frozen nyc1
within 5 "sshd-frozen: ssh gets no further on nyc1" not ssh_works 10.0.0.31
within 3 "sshd-frozen: nyc1 answers DNS" answered_by ops 10.0.0.31 nyc1
heal sshd-frozen nyc1
within 10 "sshd-frozen: healed" ssh_works 10.0.0.31

within 15 "after all faults the lab is as before" as_before

# --- drains by the recipes that operators use

drain_bird() { # HOST LEVEL
	in_host "$1" sh -c "echo 'define DRAIN = $2;' >/etc/bird/drain.conf && birdc configure" >/dev/null
}
for level in 1 2 3; do
	drain_bird ams1 $level
	within 5 "drain: DRAIN = $level on ams1 moves client1 to fra1" answered_by client1 192.0.2.53 fra1
	within 3 "drain: ams1 keeps its sessions" sessions ams1 4
	drain_bird ams1 0
	within 10 "drain: back from $level" answered_by client1 192.0.2.53 ams1
done
drain_bird nyc1 3
within 5 "drain: client2 falls back to sin1" answered_by client2 192.0.2.53 sin1
in_host sin1 vtysh -c 'configure terminal' -c 'router bgp 64500' -c 'bgp graceful-shutdown'
within 5 "drain: graceful-shutdown on sin1 moves client2 on to ams1" answered_by client2 192.0.2.53 ams1
in_host sin1 vtysh -c 'configure terminal' -c 'router bgp 64500' -c 'no bgp graceful-shutdown'
drain_bird nyc1 0
within 10 "drain: client2 is back at nyc1" answered_by client2 192.0.2.53 nyc1

for transit in t1 t2; do fault gshut-ignored $transit; done
drain_bird ams1 1
within 5 "gshut-ignored: ams1 is told to be less attractive" in_host ams1 sh -c \
	'birdc show route export transit1_v4 all | grep -q "65535,0"'
stays() { for _ in 1 2 3 4 5; do answered_by client1 192.0.2.53 ams1 || return 1; done; }
within 3 "gshut-ignored: client1 stays at ams1 all the same" stays
for transit in t1 t2; do heal gshut-ignored $transit; done
within 5 "gshut-ignored: healed, client1 moves to fra1" answered_by client1 192.0.2.53 fra1
drain_bird ams1 0
within 10 "gshut-ignored: client1 is back at ams1" answered_by client1 192.0.2.53 ams1

fault exporter-lies ams1
drain_bird ams1 3
within 3 "exporter-lies: birdc on ams1 shows nothing exported" not sends ams1
within 3 "exporter-lies: client1 stays at ams1" stays
in_host ams1 sh -c "echo 'define DRAIN = 0;' >/etc/bird/drain.conf"
heal exporter-lies ams1
within 3 "exporter-lies: healed" sends ams1

# --- traffic

"$lab" traffic "$dir" start 50
within 3 "traffic: a sender runs on client1" runs client1 'python3[.0-9]*'
within 5 "traffic: client1 logs answers of ams1" grep -q '"answers": {"ams1": ' "$dir/traffic-client1.log"
fault withdrawn ams1
within 5 "traffic: the move to fra1 is logged" grep -q '"from": "ams1", "to": "fra1"' "$dir/traffic-client1.log"
heal withdrawn ams1
"$lab" traffic "$dir" stop
within 3 "traffic: stops" not runs client1 'python3[.0-9]*'

# --- down

held=$(grep -o '"[a-z]*:\[[0-9]*\]"' "$dir/state.json" | tr -d '"' | sort -u)
"$lab" down "$dir" >/dev/null || say FAIL "lab down"
none_held() {
	! for p in /proc/[0-9]*; do
		readlink "$p"/ns/net "$p"/ns/mnt "$p"/ns/pid "$p"/ns/uts
	done 2>/dev/null | grep -qxF "$held"
}
veth_left() { ip -o link show type veth | grep -E ': (m-|mgmt0|client|ams1|fra1|nyc1|sin1|t1|t2)'; }
[ -n "$held" ] || say FAIL "state.json names the lab's namespaces"
within 5 "down: no process is left in any namespace of the lab" none_held
within 5 "down: no mount of the lab is left" not grep -q "$dir" /proc/self/mountinfo
within 5 "down: no link of the lab is left" not veth_left
within 5 "down: a second down has nothing to do" "$lab" down "$dir"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
