/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of fleet.yaml: every key that may stand in it, with its type, range, default and one
 * line of help. This is the one list; conf_load reads by it, `catchment check` complains by it,
 * docs/fleet.schema.json, docs/fleet.md and the man page fleet.yaml(5) are printed from it. To add
 * a setting: a member in conf_tables.h, a row here, its use in conf.c, and `UPDATE=1 meson test
 * conf` for the documents.
 */
#include "core/conf_tables.h"

#include "core/conf.h"
#include "core/schema_doc.h"

#define AT(struct_name, member) offsetof(struct struct_name, member)
#define END                                                                                        \
	{                                                                                          \
		.key = NULL                                                                        \
	}
#define DAY_MS 86400e3

const char *const conf_via_words[] = { "auto", "libssh2", "openssh", "local", "replay", NULL };
const char *const conf_secret_words[] = { "dns-cookie", "tsig", "tcp-md5", "tcp-ao", "ssh-user-key",
	"ssh-host-key", "api-token", "tls-certificate", "control-key", NULL };
const char *const conf_type_words[] = { "SOA", "NS", "A", "AAAA", "TXT", "MX", "CNAME", "PTR",
	"SRV", "CAA", "DNSKEY", "DS", NULL };
static const char *const approval_words[] = { "never", "amber", "always", NULL };
static const char *const role_words[] = { "observer", "operator", "approver", "admin", NULL };

static const struct schema_key ssh_keys[] = {
	{ "user", SCHEMA_TEXT, AT(raw_ssh, user), 1, 64,
		.help = "account on the node; the backend's own name if unset" },
	{ "port", SCHEMA_INT, AT(raw_ssh, port), 1, 65535, .otherwise = "22",
		.help = "port of its sshd" },
	{ "observe_key", SCHEMA_PATH, AT(raw_ssh, observe_key),
		.help = "private key that may only look" },
	{ "act_key", SCHEMA_PATH, AT(raw_ssh, act_key),
		.help = "private key that may change things; opened by the actor only" },
	{ "known_hosts", SCHEMA_PATH, AT(raw_ssh, known_hosts),
		.help = "pinned host keys, in OpenSSH's format" },
	{ "via", SCHEMA_WORD, AT(raw_ssh, via), .words = conf_via_words, .otherwise = "auto",
		.help = "auto tries libssh2 and falls back to the system's ssh; local runs "
	                "commands here; replay reads "
			"recorded replies" },
	{ "replay", SCHEMA_PATH, AT(raw_ssh, replay),
		.help = "folder of recorded replies, for via: replay" },
	END,
};
static const struct schema_table ssh_table = { "ssh", sizeof(struct raw_ssh), ssh_keys };

static const struct schema_key bgp_keys[] = {
	{ "driver", SCHEMA_TEXT, AT(raw_daemon, driver), 1, 32,
		.help = "which daemon it is; none for none" },
	{ "url", SCHEMA_URL, AT(raw_daemon, url),
		.help = "where a daemon that is asked over HTTP listens; {address} stands "
			"for the node's address" },
	{ "socket", SCHEMA_TEXT, AT(raw_daemon, socket), 1, 200,
		.help = "its control socket on the node, if not the usual one" },
	END,
};
const struct schema_table conf_bgp_table = { "bgp", sizeof(struct raw_daemon), bgp_keys,
	.short_key = "driver" };

static const struct schema_key dns_keys[] = {
	{ "driver", SCHEMA_TEXT, AT(raw_daemon, driver), 1, 32,
		.help = "which daemon it is; none for none" },
	{ "url", SCHEMA_URL, AT(raw_daemon, url),
		.help = "where a daemon that is asked over HTTP listens; {address} stands "
			"for the node's address" },
	{ "socket", SCHEMA_TEXT, AT(raw_daemon, socket), 1, 200,
		.help = "its control socket on the node, if not the usual one" },
	{ "address", SCHEMA_ADDRESS, AT(raw_daemon, address),
		.help = "the node's own address that answers DNS, if not `address`" },
	{ "port", SCHEMA_INT, AT(raw_daemon, port), 1, 65535, .otherwise = "53",
		.help = "port of that address" },
	END,
};
const struct schema_table conf_dns_table = { "dns", sizeof(struct raw_daemon), dns_keys,
	.short_key = "driver" };

static const struct schema_key link_keys[] = {
	{ "poll", SCHEMA_DURATION, AT(raw_link, poll_ms), 100, 3600e3, .otherwise = "2s",
		.help = "how often a node is asked" },
	{ "ssh", SCHEMA_OBJECT, AT(raw_link, ssh), .table = &ssh_table,
		.help = "how it is reached over SSH" },
	END,
};
const struct schema_table conf_link_table = { "link", sizeof(struct raw_link), link_keys };

static const struct schema_key settings_keys[] = {
	{ "bgp", SCHEMA_OBJECT, AT(raw_settings, bgp), .table = &conf_bgp_table,
		.help = "the BGP daemon" },
	{ "dns", SCHEMA_OBJECT, AT(raw_settings, dns), .table = &conf_dns_table,
		.help = "the DNS daemon" },
	{ "capacity_qps", SCHEMA_NUMBER, AT(raw_settings, capacity_qps), 1, 1e12,
		.help = "queries a second that one node can answer" },
	{ "act_token", SCHEMA_PATH, AT(raw_settings, act_token),
		.help = "file with the token that orders to an agent carry (docs/agent.md); opened by "
	                "the actor only" },
	{ "ask_own", SCHEMA_BOOL, AT(raw_settings, ask_own),
		.help = "ask the node's own address from outside too; true where a DNS daemon or "
	                "its address is given" },
	END,
};
const struct schema_table conf_settings_table = { "defaults", sizeof(struct raw_settings),
	settings_keys, .base = &conf_link_table, .base_offset = AT(raw_settings, link) };

static const struct schema_key no_keys[] = { END };
static const struct schema_table defaults_table = { "defaults", sizeof(struct raw_defaults),
	no_keys, .base = &conf_settings_table, .base_offset = AT(raw_defaults, settings) };

static const struct schema_key drain_keys[] = {
	{ "disable", SCHEMA_SYMBOLS, AT(raw_drain, disable),
		.help = "BIRD: the protocols to disable; else the static ones that originate the "
	                "service prefixes" },
	{ "file", SCHEMA_TEXT, AT(raw_drain, file), 2, 200,
		.help = "BIRD: a file of its own on the node that holds `define CONSTANT = N;` and "
	                "nothing else, included by bird.conf; a drain writes it and configures" },
	{ "constant", SCHEMA_SYMBOL, AT(raw_drain, constant),
		.help = "BIRD: the name that the file defines and the export filter reads" },
	{ "announce", SCHEMA_INT, AT(raw_drain, announce), 0, 4294967295.0, .otherwise = "0",
		.help = "BIRD: its value while announcing" },
	{ "prefer_away", SCHEMA_INT, AT(raw_drain, prefer_away), 0, 4294967295.0,
		.help = "BIRD: its value for less attractive routes; without it there is no "
	                "prefer-away" },
	{ "withdraw", SCHEMA_INT, AT(raw_drain, withdraw), 0, 4294967295.0,
		.help = "BIRD: its value for no routes" },
	{ "networks", SCHEMA_PREFIXES, AT(raw_drain, networks),
		.help = "FRR: the service prefixes that this node originates; all of them if unset" },
	{ "route_map", SCHEMA_SYMBOL, AT(raw_drain, route_map),
		.help = "FRR: the route-map of their `network` statements, which an undrain must "
	                "know" },
	END,
};
const struct schema_table conf_drain_table = { "drain", sizeof(struct raw_drain), drain_keys };

static const struct schema_key node_keys[] = {
	{ "address", SCHEMA_HOST, AT(raw_node, address),
		.help = "its management address or name; names are looked up at load" },
	{ "agent", SCHEMA_URL, AT(raw_node, agent),
		.help = "URL of a node that speaks our own JSON (docs/agent.md)" },
	{ "drain", SCHEMA_OBJECT, AT(raw_node, drain), .table = &conf_drain_table,
		.help = "what a drain acts upon, in place of what the driver finds by itself" },
	END,
};
const struct schema_table conf_node_table = { "node", sizeof(struct raw_node), node_keys,
	.base = &conf_settings_table, .base_offset = AT(raw_node, settings) };

static const struct schema_key pop_keys[] = {
	{ "at", SCHEMA_POSITION, AT(raw_pop, at),
		.help = "position; known already where the name is an IATA code" },
	{ "place", SCHEMA_TEXT, AT(raw_pop, place), 1, 8,
		.help = "IATA code of the place, where the PoP's name is none" },
	{ "city", SCHEMA_TEXT, AT(raw_pop, city), 1, 47, .help = "what people call the place" },
	{ "region", SCHEMA_NAME, AT(raw_pop, region),
		.help = "PoPs are counted by it; the continent (eu, na, as ...) if unset" },
	{ "nodes", SCHEMA_MAP, AT(raw_pop, nodes), .max = CONF_NODES_MAX, .table = &conf_node_table,
		.is_required = true, .help = "its hosts, by name" },
	END,
};
const struct schema_table conf_pop_table = { "PoP", sizeof(struct raw_pop), pop_keys,
	.base = &conf_settings_table, .base_offset = AT(raw_pop, settings) };

static const struct schema_key vantage_keys[] = {
	{ "address", SCHEMA_HOST, AT(raw_vantage, address), .is_required = true,
		.help = "its management address or name" },
	END,
};
static const struct schema_table vantage_table = { "vantage", sizeof(struct raw_vantage),
	vantage_keys, .base = &conf_link_table, .base_offset = AT(raw_vantage, link) };

static const struct schema_key witness_keys[] = {
	{ "address", SCHEMA_HOST, AT(raw_witness, address), .is_required = true,
		.help = "its management address or name" },
	{ "bgp", SCHEMA_OBJECT, AT(raw_witness, bgp), .table = &conf_bgp_table, .is_required = true,
		.help = "its BGP daemon" },
	END,
};
static const struct schema_table witness_table = { "witness", sizeof(struct raw_witness),
	witness_keys, .base = &conf_link_table, .base_offset = AT(raw_witness, link) };

static const struct schema_key policy_keys[] = {
	{ "min_pops", SCHEMA_INT, AT(raw_policy, min_pops), 0, 10000, .otherwise = "2",
		.help = "PoPs that must go on announcing each prefix" },
	{ "min_pops_per_region", SCHEMA_INT, AT(raw_policy, min_pops_per_region), 0, 10000,
		.otherwise = "0", .help = "the same, counted in each region" },
	{ "max_load", SCHEMA_PERCENT, AT(raw_policy, max_load), 1, 100, .otherwise = "80%",
		.help = "share of the capacity that the remaining PoPs may come to carry" },
	{ "max_drained", SCHEMA_INT, AT(raw_policy, max_drained), 0, 10000, .otherwise = "1",
		.help = "PoPs under hold at the same time" },
	{ "spare", SCHEMA_INT, AT(raw_policy, spare), 0, 10000, .otherwise = "1",
		.help = "PoPs that may still fail after a change without breaking the rest; 0 for "
	                "small fleets" },
	{ "quorum", SCHEMA_PERCENT, AT(raw_policy, quorum), 1, 100, .otherwise = "90%",
		.help = "share of the PoPs that must be visible for a change" },
	{ "drill_days", SCHEMA_INT, AT(raw_policy, drill_days), 1, 3650,
		.help = "days within which a PoP was drained and brought back, both measured; else a gate warns" },
	{ "approval", SCHEMA_WORD, AT(raw_policy, approval), .words = approval_words,
		.otherwise = "amber",
		.help = "when a second person must agree; amber: when a gate warns" },
	END,
};
static const struct schema_table policy_table = { "policy", sizeof(struct raw_policy),
	policy_keys };

static const struct schema_key probe_keys[] = {
	{ "dns", SCHEMA_ADDRESSES, AT(raw_probe, dns), .is_required = true,
		.help = "anycast addresses of the service to ask" },
	{ "port", SCHEMA_INT, AT(raw_probe, port), 1, 65535, .otherwise = "53",
		.help = "port to ask" },
	{ "name", SCHEMA_DOMAIN, AT(raw_probe, name), .is_required = true,
		.help = "owner name to ask for" },
	{ "type", SCHEMA_WORD, AT(raw_probe, type), .words = conf_type_words, .otherwise = "SOA",
		.help = "record type to ask for" },
	END,
};
static const struct schema_table probe_table = { "probe", sizeof(struct raw_probe), probe_keys };

static const struct schema_key service_keys[] = {
	{ "prefixes", SCHEMA_PREFIXES, AT(raw_service, prefixes), .is_required = true,
		.help = "the anycast prefixes; families are counted apart" },
	{ "probe", SCHEMA_OBJECT, AT(raw_service, probe), .table = &probe_table,
		.help = "the question that tells whether it answers" },
	{ "policy", SCHEMA_OBJECT, AT(raw_service, policy), .table = &policy_table,
		.help = "limits that a change must respect" },
	END,
};
static const struct schema_table service_table = { "service", sizeof(struct raw_service),
	service_keys };

static const struct schema_key secret_keys[] = {
	{ "kind", SCHEMA_WORD, AT(raw_secret, kind), .words = conf_secret_words,
		.is_required = true, .help = "what it is, hence how it is rolled" },
	{ "nodes", SCHEMA_NAMES, AT(raw_secret, nodes), .is_required = true,
		.help = "the nodes that share it" },
	{ "max_age", SCHEMA_DURATION, AT(raw_secret, max_age_ms), 60e3, 3650 * DAY_MS,
		.help = "a warning is given when it is older" },
	END,
};
static const struct schema_table secret_table = { "secret", sizeof(struct raw_secret),
	secret_keys };

static const struct schema_key access_keys[] = {
	{ "user", SCHEMA_TEXT, AT(raw_access, user), 1, 64,
		.help = "a person; needs uid or cert" },
	{ "uid", SCHEMA_INT, AT(raw_access, uid), 0, 4294967294.0,
		.help = "the person's user id on the backend's machine" },
	{ "cert", SCHEMA_HASH, AT(raw_access, cert),
		.help = "SHA-256 of the person's client certificate: openssl x509 -in FILE "
			"-outform DER | sha256sum" },
	{ "token", SCHEMA_NAME, AT(raw_access, token), .help = "a program; needs hash" },
	{ "person", SCHEMA_TEXT, AT(raw_access, person), 1, 64,
		.help = "who stands behind it, where one person has two accounts or a token: nobody "
			"approves what is his own; the user's or token's name if unset" },
	{ "hash", SCHEMA_HASH, AT(raw_access, hash),
		.help = "SHA-256 of the token; `catchment token NAME` makes both" },
	{ "role", SCHEMA_WORD, AT(raw_access, role), .words = role_words, .is_required = true,
		.help = "observer looks; operator acts within pops; approver allows others' acts; "
	                "admin keeps users and policy" },
	{ "pops", SCHEMA_NAMES, AT(raw_access, pops), .help = "where; all if unset" },
	{ "expires", SCHEMA_TIME, AT(raw_access, expires), .help = "from when on it is void" },
	END,
};
const struct schema_table conf_access_table = { "access entry", sizeof(struct raw_access),
	access_keys };

static const struct schema_key limits_keys[] = {
	{ "drain_gap", SCHEMA_DURATION, AT(raw_limits, drain_gap_ms), 0, DAY_MS,
		.otherwise = "5m", .help = "between the beginnings of two drains; a sooner one warns" },
	{ "drains_per_hour", SCHEMA_INT, AT(raw_limits, drains_per_hour), 1, 1000,
		.otherwise = "12", .help = "PoPs drained within an hour; more are refused" },
	{ "act_idle", SCHEMA_DURATION, AT(raw_limits, act_idle_ms), 4e3, DAY_MS, .otherwise = "15m",
		.help = "without a key, after which a dashboard only looks" },
	{ "act_life", SCHEMA_DURATION, AT(raw_limits, act_life_ms), 60e3, 7 * DAY_MS, .otherwise = "8h",
		.help = "after its start, after which a dashboard only looks" },
	{ "scripts", SCHEMA_BOOL, AT(raw_limits, scripts), .otherwise = "true",
		.help = "tokens may confirm their own plans, within narrow bounds; false: a person approves each" },
	END,
};
static const struct schema_table limits_table = { "limits", sizeof(struct raw_limits),
	limits_keys };

static const struct schema_key tls_keys[] = {
	{ "cert", SCHEMA_PATH, AT(raw_tls, cert), .is_required = true,
		.help = "the backend's certificate with its chain, PEM; a request's Host must be "
			"one of its names" },
	{ "key", SCHEMA_PATH, AT(raw_tls, key), .is_required = true,
		.help = "its private key, PEM; readable by the backend's account alone" },
	{ "client_ca", SCHEMA_PATH, AT(raw_tls, client_ca),
		.help = "authority that signs the client certificates of `access`, PEM; without "
			"it tokens only" },
	{ "client_crl", SCHEMA_PATH, AT(raw_tls, client_crl),
		.help = "what these authorities have revoked, PEM, one list of each; when a list is "
			"past its next update, no client certificate is taken" },
	END,
};
static const struct schema_table tls_table = { "tls", sizeof(struct raw_tls), tls_keys };

static const struct schema_key file_keys[] = {
	{ "fleet", SCHEMA_TEXT, AT(raw_file, fleet), 1, 63, .is_required = true,
		.help = "name of the fleet" },
	{ "environment", SCHEMA_TEXT, AT(raw_file, environment), 1, 31,
		.help = "shown on every screen and bound into every plan" },
	{ "services", SCHEMA_MAP, AT(raw_file, services), .max = 256, .table = &service_table,
		.is_required = true, .help = "the anycast services, by name" },
	{ "defaults", SCHEMA_OBJECT, AT(raw_file, defaults), .table = &defaults_table,
		.help = "settings for all nodes; each may stand on a PoP or a node as well, the "
	                "nearest wins" },
	{ "pops", SCHEMA_MAP, AT(raw_file, pops), .max = CONF_NODES_MAX, .table = &conf_pop_table,
		.is_required = true, .help = "the locations, by name" },
	{ "vantages", SCHEMA_MAP, AT(raw_file, vantages), .max = 256, .table = &vantage_table,
		.help = "places that ask the services from outside, with dig or kdig; `local` is "
	                "always one" },
	{ "witnesses", SCHEMA_MAP, AT(raw_file, witnesses), .max = 256, .table = &witness_table,
		.help = "routers, route servers and collectors that we may read" },
	{ "limits", SCHEMA_OBJECT, AT(raw_file, limits), .table = &limits_table,
		.help = "how fast PoPs may be drained in the whole fleet, how long a dashboard may act, what scripts may" },
	{ "secrets", SCHEMA_MAP, AT(raw_file, secrets), .max = 256, .table = &secret_table,
		.help = "what is rotated; never the values themselves" },
	{ "access", SCHEMA_LIST, AT(raw_file, access), .max = 1000, .table = &conf_access_table,
		.help = "who may do what, where" },
	{ "tls", SCHEMA_OBJECT, AT(raw_file, tls), .table = &tls_table,
		.help = "how the API is served over TCP (catchmentd --listen HOST:PORT)" },
	END,
};
const struct schema_table conf_file_table = { "fleet.yaml", sizeof(struct raw_file), file_keys };

void
conf_write_schema(struct json_writer *w)
{
	schema_doc_write_json(&conf_file_table, "fleet.schema.json", "fleet.yaml of Catchment", w);
}

void
conf_write_reference(struct buf *out)
{
	schema_doc_write_markdown(&conf_file_table, out);
}

void
conf_write_manual(struct buf *out)
{
	schema_doc_write_scdoc(&conf_file_table, out);
}
