/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

struct json;
struct json_writer;

/*
 * Neutral facts that a driver may state about one node, from one probe. A fact that is not known is said to be unknown
 * (TRI_UNKNOWN, -1, NULL), never 0. All strings are sanitised UTF-8 owned by the report's arena.
 */

enum tri { TRI_UNKNOWN, TRI_NO, TRI_YES };
enum family { FAMILY_V4 = 4, FAMILY_V6 = 6 };
#define FAMILY_BIT_V4 1u
#define FAMILY_BIT_V6 2u

/* RFC 4271 section 8.2.2; only Established counts as up. OTHER is a word that this version does not know. */
enum fsm_state {
	FSM_UNKNOWN,
	FSM_IDLE,
	FSM_CONNECT,
	FSM_ACTIVE,
	FSM_OPENSENT,
	FSM_OPENCONFIRM,
	FSM_ESTABLISHED,
	FSM_OTHER,
};
enum admin_state { ADMIN_UNKNOWN, ADMIN_UP, ADMIN_DOWN };
enum direction { DIRECTION_NONE, DIRECTION_SENT, DIRECTION_RECEIVED, DIRECTION_LOCAL };

struct prefix {
	uint8_t family; /* 4 or 6; 0 is no prefix */
	uint8_t len;
	uint8_t addr[16]; /* network order, host bits zero */
};
#define PREFIX_TEXT_MAX 50
/* Reads "192.0.2.0/24" or "2001:db8::/32"; host bits must be zero. 0, or -1 with the reason. */
int prefix_parse(struct slice text, struct prefix *out, struct err *err);
void prefix_format(const struct prefix *p, char out[PREFIX_TEXT_MAX]);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
/* True if `inner` is `outer` or lies inside it. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);

/* Why a session last went down. With its age; never the present cause of an Established session. */
struct last_error {
	const char *text;         /* the daemon's own words, or NULL: none known */
	int code, subcode;        /* NOTIFICATION code and subcode (RFC 4271 6, 4486), -1 unknown */
	const char *message;      /* RFC 9003 text, or NULL */
	enum direction direction; /* who said it */
	int64_t age_s;            /* -1 unknown */
};

struct session_fact {
	const char *name;        /* as the daemon names it: BIRD protocol, FRR neighbour address */
	const char *peer;        /* address as text */
	const char *description; /* or NULL */
	int64_t peer_asn, local_asn;           /* -1 unknown */
	unsigned families;                     /* FAMILY_BIT_*; 0 unknown */
	enum fsm_state state;
	const char *state_word;                /* the daemon's word when state is FSM_OTHER, else NULL */
	enum admin_state admin_state;
	int64_t since_s;                       /* seconds in this state, -1 unknown */
	int64_t received, accepted, advertised; /* prefixes, both families together; -1 unknown */
	int hold_s;                            /* negotiated hold time, -1 unknown */
	enum tri bfd_up;                       /* UNKNOWN also when BFD is not in use */
	enum tri has_password;                 /* TCP MD5 configured (RFC 2385) */
	struct last_error last_error;
};

struct route_fact {
	struct prefix prefix;
	enum tri is_gshut;       /* carries GRACEFUL_SHUTDOWN 65535:0 (RFC 8326) */
	int prepends;            /* own AS added in excess, -1 unknown */
	const char *communities; /* "65535:0 64500:1", or NULL */
};

/* The Adj-RIB-Out of one session in one family (RFC 8671): what we say on the wire. */
struct export_fact {
	const char *session; /* session_fact.name */
	enum family family;
	bool is_known;       /* false: could not be read; routes is then empty and means nothing */
	size_t n_routes;
	struct route_fact *routes;
};

/* What puts a prefix into the daemon's table: the thing that a drain acts upon. */
struct origin_fact {
	struct prefix prefix;
	const char *by; /* BIRD protocol name, "network" in FRR */
	bool is_enabled;
};

/* What a witness (router, route server, collector) knows of a prefix. */
struct rib_fact {
	struct prefix prefix;
	size_t paths;      /* usable paths */
	const char *peers; /* where they come from, blank-separated; NULL when none */
	const char *best;  /* which of them it uses; NULL unknown or none */
};

struct rcode_fact {
	const char *name; /* "NOERROR" */
	int64_t count;    /* since the daemon's start */
};

struct zone_fact {
	const char *name;
	int64_t serial; /* -1 unknown */
	const char *state; /* the daemon's word, or NULL */
};

/* Counters since the daemon's start; a falling one or a smaller uptime means a restart. */
struct dns_fact {
	int64_t queries;    /* -1 unknown */
	int64_t uptime_s;   /* -1 unknown */
	double qps;         /* only if the node itself states a rate; else NAN */
	double latency_s;   /* NAN unknown */
	size_t n_rcodes;
	struct rcode_fact *rcodes;
	size_t n_zones;
	struct zone_fact *zones;
};

/* One question asked from outside and what came back. */
struct answer_fact {
	const char *vantage;  /* "local" or the vantage's name */
	const char *target;   /* address asked */
	const char *service;  /* name of the service, or NULL when a node's own address was asked */
	enum tri is_answered; /* UNKNOWN: the vantage could not ask */
	const char *rcode;    /* "NOERROR", or NULL */
	int64_t rtt_us;       /* -1 unknown */
	const char *identity; /* NSID (RFC 5001) as text, or NULL */
	int64_t serial;       /* of the SOA in the answer, -1 unknown */
	int64_t signed_until; /* end of that SOA's signatures, in seconds since 1970; -1: none came with it, or none were asked for */
	const char *error;    /* why not, or NULL */
};

struct version_fact {
	const char *what; /* "bird" */
	const char *version;
};

enum report_section {
	REPORT_SESSIONS = 1u << 0,
	REPORT_EXPORTS = 1u << 1,
	REPORT_ORIGINS = 1u << 2,
	REPORT_RIB = 1u << 3,
	REPORT_DNS = 1u << 4,
	REPORT_ZONES = 1u << 5, /* dns.zones only */
	REPORT_ANSWERS = 1u << 6,
	REPORT_VERSIONS = 1u << 7,
	REPORT_HEALTH = 1u << 8, /* on-node health */
	REPORT_IDENTITY = 1u << 9,
	REPORT_CAPACITY = 1u << 10,
	REPORT_CLOCK = 1u << 11,
	REPORT_SECTION_COUNT = 12,
};

/*
 * A number that may be another in the next page of the same shape, and where in the page it stands. Only such numbers
 * have places: all else in a page is its shape.
 */
enum report_list { REPORT_LIST_SELF, REPORT_LIST_SESSIONS, REPORT_LIST_RCODES, REPORT_LIST_ZONES, REPORT_LIST_ANSWERS };
struct report_place {
	uint32_t at;     /* in the page */
	uint16_t item;   /* of the list */
	uint16_t offset; /* in that item's struct, or in struct report */
	uint8_t list;    /* enum report_list */
	bool is_real;    /* a double, else an int64_t */
	bool is_quiet;   /* report_fingerprint does not look at it */
	int64_t max;     /* 0..max is allowed */
};
struct report_places {
	size_t n, cap;
	struct report_place *places;
};
union report_number {
	int64_t integer;
	double real;
};

struct report {
	struct arena *arena;
	struct report_places *places; /* report_read_json notes places here; NULL: nowhere; the caller's, for the time of reading */
	unsigned sections; /* REPORT_* that this report states; an empty list in a stated section is a fact */
	size_t n_sessions;
	struct session_fact *sessions;
	size_t n_exports;
	struct export_fact *exports;
	size_t n_origins;
	struct origin_fact *origins;
	size_t n_rib;
	struct rib_fact *rib;
	struct dns_fact dns;
	size_t n_answers;
	struct answer_fact *answers;
	size_t n_versions;
	struct version_fact *versions;
	enum tri is_healthy;
	const char *health_text; /* or NULL */
	const char *identity;    /* or NULL */
	double capacity_qps;     /* NAN unknown */
	int64_t clock_s;         /* the node's clock, seconds since 1970, 0 unknown */
	size_t extras;           /* fields not known to this version: counted, never an error */
};

#define REPORT_SESSIONS_MAX 512
#define REPORT_ROUTES_MAX   4096 /* per session and family; more are counted in `advertised`, not listed */
#define REPORT_STRINGS_MAX  255  /* bytes of any remote string kept */

struct report *report_new(void);
void report_free(struct report *r);

/* Sanitises remote text into the report, clipped to REPORT_STRINGS_MAX bytes. NULL for an empty slice. */
const char *report_text(struct report *r, struct slice remote);
/* Append one, zeroed and set to "unknown" throughout; NULL when the limit is reached. */
struct session_fact *report_add_session(struct report *r);
struct export_fact *report_add_export(struct report *r, const char *session, enum family family);
struct route_fact *report_add_route(struct report *r, struct export_fact *e);
struct origin_fact *report_add_origin(struct report *r);
struct rib_fact *report_add_rib(struct report *r);
struct rcode_fact *report_add_rcode(struct report *r);
struct zone_fact *report_add_zone(struct report *r);
struct answer_fact *report_add_answer(struct report *r);
struct version_fact *report_add_version(struct report *r, const char *what, struct slice version);

/* Copies the sections that `from` states into `into`, replacing those there. */
void report_merge(struct report *into, const struct report *from);

/* A hash over what an operator would call a change: states, prefixes, answers, versions; not counters, not ages. */
uint64_t report_fingerprint(const struct report *r);

const char *fsm_state_name(enum fsm_state s); /* "Established" */
enum fsm_state fsm_state_parse(struct slice word); /* case-insensitive; FSM_OTHER for an unknown word */
const char *admin_state_name(enum admin_state s); /* "up", "down", "unknown" */
const char *tri_name(enum tri t); /* "yes", "no", "unknown" */
/* Words for a NOTIFICATION (RFC 4271 6.1, 4486, 6608, 9384): "Cease/Administrative Shutdown"; NULL when unknown. */
const char *notification_name(int code, int subcode);

/* Number and its neighbours of a place in a report of that shape; NULL if the report has no such item. */
void *report_number_at(const struct report *r, const struct report_place *place);
/* Puts new numbers into a report of the shape that the places were noted from. True if report_fingerprint may differ now. */
bool report_put_numbers(struct report *r, const struct report_place *places, size_t n, const union report_number *values);

/* To JSON (one object, stable key order, unknown numbers null) and back. */
void report_write_json(const struct report *r, struct json_writer *w);
int report_read_json(const struct json *object, struct report *r, struct err *err);

#endif
