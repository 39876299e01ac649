/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_FLEET_H
#define CORE_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/report.h"

/*
 * The fleet: declared topology (services, PoPs, nodes, vantages, witnesses) and, hung on it, the newest facts and what
 * was concluded from them. Both halves speak it: the backend owns one that only state.c writes; the console holds a copy
 * that it replaces a node at a time. Readers take it const.
 */

struct conf_rules;

#define FLEET_NAME_MAX 33 /* with terminator: [a-z0-9-]{1,32} */
#define FLEET_NO_POP   SIZE_MAX

enum verdict {
#define VERDICT(code, word, letter, text) VERDICT_##code,
#include "core/verdict.def"
#undef VERDICT
	VERDICT_COUNT
};

enum plane_name { PLANE_SESSION, PLANE_WIRE, PLANE_SERVICE, PLANE_COUNT };
enum announced { ANNOUNCED_UNKNOWN, ANNOUNCED_YES, ANNOUNCED_WITHDRAWN, ANNOUNCED_PREFER_AWAY };
enum node_role { NODE_MEMBER, NODE_VANTAGE, NODE_WITNESS };

/* approval: a second person never, when a gate warns, always */
enum approval { APPROVAL_NEVER, APPROVAL_AMBER, APPROVAL_ALWAYS };

/* Limits a change must respect (PRODUCT.md section 3). Percentages are 0..100. */
struct policy {
	int min_pops, min_pops_per_region, max_drained, spare;
	int max_load_pct, quorum_pct;
	int drill_days; /* -1 unset */
	enum approval approval;
};

/* The question that tells whether a service answers. */
struct service_probe {
	char address[46]; /* anycast address to ask; "" = none declared */
	uint16_t port;
	const char *name; /* owner name asked for */
	const char *type; /* "SOA" */
};

struct service {
	char name[FLEET_NAME_MAX];
	struct policy policy;
	size_t n_probes; /* one per address asked */
	struct service_probe *probes;
};

/* One prefix of one service; families are counted apart. */
struct service_prefix {
	struct prefix prefix;
	size_t service; /* index into fleet.services */
};

enum ssh_via { SSH_VIA_AUTO, SSH_VIA_LIBSSH2, SSH_VIA_OPENSSH, SSH_VIA_LOCAL, SSH_VIA_REPLAY };

struct ssh_conf {
	const char *user; /* NULL: the backend's own account name */
	uint16_t port;
	const char *observe_key, *act_key, *known_hosts; /* absolute paths, or NULL */
	enum ssh_via via;
	const char *replay; /* folder of fixtures for SSH_VIA_REPLAY, or NULL */
};

struct driver_conf {
	const char *driver; /* NULL: none */
	const char *url;    /* HTTP drivers: "http://10.0.0.12:8053", no trailing slash */
	const char *socket; /* control socket, or NULL for the daemon's default */
};

/* What a drain acts upon where fleet.yaml says so, in place of what the driver finds. */
struct drain_conf {
	const char *file, *constant; /* BIRD: `define CONSTANT = N;` in a file of its own on the node; NULL: not that way */
	int64_t announce, prefer_away, withdraw; /* N; prefer_away -1: the export filter knows no such value */
	size_t n_disable;
	const char *const *disable;  /* BIRD: protocols to disable */
	size_t n_networks;
	const struct prefix *networks; /* FRR: the service prefixes that this node has `network` statements for */
	const char *route_map;       /* FRR: the route-map that stands behind each of them, or NULL */
};

/* What fleet.yaml says of a node; backend only, strings live as long as the fleet. */
struct node_conf {
	const char *address;  /* as written: literal or name */
	char resolved[46];    /* literal address, filled at load, off the loop; "" if the name did not resolve */
	struct ssh_conf ssh;
	struct driver_conf bgp, dns;
	const char *agent_url; /* a node that speaks our own JSON; or NULL */
	char dns_address[46];  /* its own address that answers DNS; "" = resolved */
	uint16_t dns_port;
	bool ask_own;          /* ask the node's own address from outside too */
	int64_t poll_ms;
	const char *act_token; /* file with the token that the agent's orders carry, absolute; opened by the actor only */
	const struct drain_conf *drain; /* NULL: the driver finds it */
	int line;              /* in fleet.yaml */
};

struct plane {
	enum tri is_good;     /* UNKNOWN until a probe of this plane succeeded */
	struct mono seen;     /* when its newest fact arrived; zero = never */
	enum err_code error;  /* of the last attempt; ERR_OK if it succeeded */
	char error_text[160]; /* sanitised */
};

#define REASONS_MAX 5
#define REASON_TEXT 200
struct reasons {
	size_t n;
	char text[REASONS_MAX][REASON_TEXT]; /* sentences, most important first */
};
/* Appends a sentence (dropped when full). */
void reasons_add(struct reasons *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct node {
	char name[FLEET_NAME_MAX];
	size_t pop; /* index into fleet.pops, FLEET_NO_POP for vantages and witnesses */
	enum node_role role;
	const struct node_conf *conf; /* NULL in the console */
	char bgp_driver[16], dns_driver[16]; /* "" = none */
	int64_t poll_ms;
	const struct prefix *prefixes; /* service prefixes it may announce; borrowed from the fleet */
	size_t n_prefixes;
	const struct fleet *fleet;
	double capacity_qps; /* NAN unknown */

	struct report *facts; /* merged newest facts; never NULL */
	struct plane planes[PLANE_COUNT];
	enum verdict verdict;
	struct reasons reasons;
	double qps;       /* NAN unknown */
	int64_t skew_s;   /* backend: how far its clock is ahead of ours, when that is worth telling; else 0 */
	struct mono seen; /* newest fact of any plane */
	bool is_restored; /* facts come from before a restart: always stale */
	char error[REASON_TEXT]; /* sentence of the newest failure; "" = none */
	enum err_code error_code;
	struct mono changed; /* when anything but ages last changed */
};

/* What forbids a PoP to announce: who, why, until when (PRODUCT.md section 1). */
enum hold_kind { HOLD_MAINTENANCE, HOLD_INCIDENT, HOLD_HEALTH, HOLD_DRILL, HOLD_AUTOMATION, HOLD_KIND_COUNT };
const char *hold_kind_name(enum hold_kind k); /* "maintenance" */
int hold_kind_parse(const char *word, enum hold_kind *out);
struct hold {
	char id[17];         /* hexadecimal digits */
	char op[17];         /* the operation that added it */
	char pop[FLEET_NAME_MAX];
	char owner[65];      /* account */
	enum hold_kind kind;
	char reason[201], ticket[65]; /* sanitised; ticket "" = none */
	struct wall created, expires; /* expires zero: no lease */
	bool is_auto_undrain;
};

/* Where a PoP stands between announced and drained. */
enum drain_phase { DRAIN_NONE, DRAIN_GOING, DRAIN_PROVEN, DRAIN_UNPROVEN, DRAIN_RETURNING, DRAIN_PHASE_COUNT };
const char *drain_phase_name(enum drain_phase p); /* "none", "draining", "drained", "unconfirmed", "undraining" */

struct pop {
	char name[FLEET_NAME_MAX];
	char title[48];  /* city, or the name */
	char region[FLEET_NAME_MAX];
	double lat, lon; /* degrees; NAN: not on the map */
	size_t n_nodes;
	size_t *nodes; /* indices into fleet.nodes */
	enum announced *announced; /* per fleet.prefixes index */
	enum verdict verdict;
	struct reasons reasons;
	double qps, capacity_qps; /* sums over known nodes; NAN unknown */
	size_t sessions_up, sessions_total;
	size_t n_holds;
	struct hold *holds;        /* owned; set by fleet_set_holds */
	enum announced intent;     /* what policy and holds want; ANNOUNCED_UNKNOWN: an operation is between two goals */
	enum drain_phase phase;
	struct mono seen; /* oldest of its nodes' newest facts; zero when one was never seen */
};

/* How fast PoPs may be drained in the whole fleet, how long a dashboard may act, what scripts may (`limits` of fleet.yaml). */
struct limits {
	int64_t drain_gap_s;    /* between the beginnings of two drains; sooner warns */
	int64_t drains_per_hour; /* more refuse */
	int64_t act_idle_s;      /* without a key, after which a dashboard only looks */
	int64_t act_life_s;      /* after it was started, after which it does so too */
	bool no_scripts;         /* whatever a token confirms waits for a person */
};
#define LIMITS_DEFAULT { .drain_gap_s = 300, .drains_per_hour = 12, .act_idle_s = 900, .act_life_s = 28800 }

struct fleet {
	char name[64], environment[32];
	uint64_t revision; /* rises by one with every change */
	struct arena *arena; /* owns strings and arrays of the topology */
	size_t n_services;
	struct service *services;
	size_t n_prefixes;
	struct service_prefix *prefixes;
	struct prefix *plain_prefixes; /* same order, for drivers */
	size_t n_pops;
	struct pop *pops;
	size_t n_nodes;
	struct node *nodes; /* members first, then vantages, then witnesses */
	struct limits limits; /* LIMITS_DEFAULT in the console */
	const struct conf_rules *rules; /* access and secrets (core/conf.h); NULL in the console */
	struct mono seen;   /* console: when the backend was last heard */
};

struct fleet *fleet_new(void);
void fleet_free(struct fleet *f);
/* After topology arrays are set: links nodes and PoPs, allocates facts and announced[]. */
void fleet_link(struct fleet *f);
/* Index by name, or SIZE_MAX. */
size_t fleet_find_pop(const struct fleet *f, const char *name);
size_t fleet_find_node(const struct fleet *f, const char *name);
size_t fleet_find_service(const struct fleet *f, const char *name);

/* Replaces the holds of a PoP (copied), its intent and its phase. */
void fleet_set_holds(struct fleet *f, size_t pop, const struct hold *holds, size_t n, enum announced intent,
	enum drain_phase phase);

/* Age of the newest fact in seconds, or -1 if there is none. */
double node_age_s(const struct node *n, struct mono now);
double pop_age_s(const struct pop *p, struct mono now);
/* True when the newest fact is older than 3 polls (PRODUCT.md section 1), or there is none. */
bool node_is_stale(const struct node *n, struct mono now);
bool pop_is_stale(const struct fleet *f, const struct pop *p, struct mono now);

/* True when facts of this plane are younger than 3 polls. */
bool node_plane_is_fresh(const struct node *n, enum plane_name plane, struct mono now);
/* What one node says on the wire of one prefix: in the Adj-RIB-Out of an Established session, or not. Unknown when the
 * facts are old, or an Established session's Adj-RIB-Out was not read. */
enum announced node_announced(const struct node *n, const struct prefix *prefix, struct mono now);

/* Sets a PoP's `seen` to the oldest of its nodes' newest facts. */
void fleet_refresh_pop_seen(struct fleet *f, size_t pop);

/* How many PoPs announce a prefix, with what is not known. Stale PoPs count as unknown, never as announced. */
struct announce_count {
	size_t announced, prefer_away, withdrawn, unknown;
};
struct announce_count fleet_count_announced(const struct fleet *f, size_t prefix, struct mono now);

const char *verdict_name(enum verdict v);
char verdict_letter(enum verdict v);
const char *verdict_text(enum verdict v);
enum verdict verdict_parse(const char *word); /* VERDICT_UNKNOWN for an unknown word */
const char *announced_name(enum announced a); /* "announced", "withdrawn", "prefer-away", "unknown" */
enum announced announced_parse(const char *word);
const char *plane_name(enum plane_name p); /* "session", "wire", "service" */

#endif
