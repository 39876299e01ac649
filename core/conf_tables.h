/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONF_TABLES_H
#define CORE_CONF_TABLES_H

#include "core/schema.h"

/*
 * What the tables of fleet.yaml fill in: the file as it was written, before inheritance and before
 * names became indices. Private to conf.c and its tables.
 */
struct raw_ssh {
	struct schema_mark mark;
	const char *user, *observe_key, *act_key, *known_hosts, *replay;
	int64_t port, via;
};

/* A BGP or DNS daemon of a node. */
struct raw_daemon {
	struct schema_mark mark;
	const char *driver, *url, *socket, *address;
	int64_t port;
};

/* How a host is reached: for nodes, vantages and witnesses alike. */
struct raw_link {
	struct schema_mark mark;
	int64_t poll_ms;
	struct raw_ssh ssh;
};

/* What may stand under `defaults`, on a PoP or on a node; the nearest wins. */
struct raw_settings {
	struct schema_mark mark;
	struct raw_daemon bgp, dns;
	double capacity_qps;
	int64_t ask_own;
	const char *act_token;
	struct raw_link link;
};

struct raw_defaults {
	struct schema_mark mark;
	struct raw_settings settings;
};

/* What a drain acts upon. */
struct raw_drain {
	struct schema_mark mark;
	const char *file, *constant, *route_map;
	int64_t announce, prefer_away, withdraw;
	struct schema_list disable, networks;
};

struct raw_node {
	struct schema_mark mark;
	const char *address, *agent;
	struct raw_drain drain;
	struct raw_settings settings;
};

struct raw_vantage {
	struct schema_mark mark;
	const char *address;
	struct raw_link link;
};

struct raw_witness {
	struct schema_mark mark;
	const char *address;
	struct raw_daemon bgp;
	struct raw_link link;
};

struct raw_pop {
	struct schema_mark mark;
	double at[2];
	const char *place, *city, *region;
	struct schema_list nodes;
	struct raw_settings settings;
};

struct raw_policy {
	struct schema_mark mark;
	int64_t min_pops, min_pops_per_region, max_load, max_drained, spare, quorum, drill_days,
		approval;
};

struct raw_probe {
	struct schema_mark mark;
	struct schema_list dns;
	int64_t port, type;
	const char *name;
};

struct raw_service {
	struct schema_mark mark;
	struct schema_list prefixes;
	struct raw_probe probe;
	struct raw_policy policy;
};

struct raw_secret {
	struct schema_mark mark;
	int64_t kind, max_age_ms;
	struct schema_list nodes;
};

struct raw_access {
	struct schema_mark mark;
	const char *user, *token, *hash, *cert, *person;
	int64_t uid, role;
	struct schema_list pops;
	struct wall expires;
};

struct raw_limits {
	struct schema_mark mark;
	int64_t drain_gap_ms, drains_per_hour, act_idle_ms, act_life_ms, scripts;
};

struct raw_tls {
	struct schema_mark mark;
	const char *cert, *key, *client_ca, *client_crl;
};

struct raw_file {
	struct schema_mark mark;
	const char *fleet, *environment;
	struct schema_list services, pops, vantages, witnesses, secrets, access;
	struct raw_defaults defaults;
	struct raw_limits limits;
	struct raw_tls tls;
};

extern const struct schema_table conf_file_table, conf_settings_table, conf_link_table,
	conf_pop_table, conf_node_table, conf_access_table, conf_bgp_table, conf_dns_table,
	conf_drain_table;
extern const char *const conf_via_words[], *const conf_secret_words[], *const conf_type_words[];

#endif
