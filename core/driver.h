/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_DRIVER_H
#define CORE_DRIVER_H

#include "core/fleet.h"
#include "core/report.h"

/*
 * The contract of a driver (plugins/): pure functions over bytes. No descriptors, no clock, no logging; it is tested
 * without a network and fuzzed as it stands. A driver says what to ask (an argv or an HTTP path, never a shell string),
 * how to read what came back, and how to change it.
 */

enum pace {
	PACE_FAST,   /* every poll */
	PACE_NORMAL, /* every poll, may be skipped under load */
	PACE_SLOW,   /* every 30th poll */
	PACE_ONCE,   /* at start, after each reconnect and each daemon restart */
};

enum request_kind {
	REQUEST_NONE, /* nothing to ask for now: the facts it rests on are not known yet */
	REQUEST_EXEC,
	REQUEST_HTTP,
};

#define REQUEST_COMMANDS_MAX 32
#define REQUEST_ARGV_MAX     80

struct request_command {
	const char *tag; /* comes back in reply_part.tag; "" if none: a session name, a prefix */
	const char *argv[REQUEST_ARGV_MAX + 1]; /* NULL-terminated */
};

struct request {
	enum request_kind kind;
	struct arena *arena;
	size_t n_commands;
	struct request_command commands[REQUEST_COMMANDS_MAX];
	const char *path; /* HTTP: a whole URL, or appended to the node's: "/json/v1/server" */
};

void request_init(struct request *r);
void request_done(struct request *r);
/* Adds a command to run; arguments are copied, the list ends with NULL. 0, or -1 when there are too many. */
int request_add_command(struct request *r, const char *tag, ...) __attribute__((sentinel));
/* Same from an array of n arguments. */
int request_add_argv(struct request *r, const char *tag, const char *const *argv, size_t n);
void request_set_path(struct request *r, const char *path);

/* What one command printed. */
struct reply_part {
	const char *tag;
	struct slice out, err; /* standard output and standard error, both bounded by the transport */
	int status;            /* exit status 0..255, -1 unknown */
};

/* Complete and verified by its transport: trailer seen, or HTTP body whole. Borrowed; valid inside the callback. */
struct reply {
	size_t n_parts;
	const struct reply_part *parts; /* HTTP: one part, `out` is the body */
	int http_status;                /* 0 for commands */
	const char *content_type;       /* HTTP, or NULL */
};

struct probe {
	const char *name;  /* "protocols": names fixtures too */
	enum pace pace;
	unsigned gives;    /* REPORT_* sections a good reply states */
	/* Fills the request (kind NONE when it cannot ask yet). -1 when the node's configuration does not allow it. */
	int (*ask)(const struct node *node, struct request *out, struct err *err);
	/* Reads a reply into a fresh report. -1 with the reason as code (NOT_RUNNING, DENIED, NOT_INSTALLED, BAD_REPLY …)
	 * and a sentence; the report is then dropped whole: never a partial state. */
	int (*read)(const struct reply *reply, struct report *out, struct err *err);
};

/* What a verb shall make true of a node: these service prefixes in this state on its wire. */
struct target {
	enum announced goal; /* ANNOUNCED_YES, ANNOUNCED_PREFER_AWAY or ANNOUNCED_WITHDRAWN */
	size_t n_prefixes;
	const struct prefix *prefixes;
};

enum step_kind {
	STEP_EXEC, /* argv vectors, run in order on the node; exit status 0 is needed, and is no verdict */
	STEP_FILE, /* replaces a small file that is ours (same owner and mode, written beside and renamed) */
	STEP_HTTP, /* the agent does it: docs/agent.md, POST /v1/act */
};

/* One argument vector, or what stands for it: the actor makes the script, drivers never write shell. */
struct step_argv {
	size_t n;
	const char **argv;
};
struct step_action {
	size_t n_commands;
	struct step_argv *commands; /* STEP_EXEC */
	const char *path, *text;    /* STEP_FILE: what the file shall hold */
	enum announced goal;        /* STEP_HTTP: what the agent shall make true */
};

/* One change of one node. `keep` is what makes a change stay that the daemon itself would undo otherwise (BIRD's
 * `configure confirm`); empty when the node's own timer is ours (act_script.h). */
#define STEP_WHAT_MAX 159
struct step {
	const char *what; /* for people: "disable static protocol anycast4 (192.0.2.0/24)" */
	enum step_kind kind;
	struct step_action apply, undo, keep;
	bool has_undo;       /* false: there is no way back, which the plan says */
	unsigned confirm_s;  /* apply itself arms an undo of the daemon that fires after so many seconds; 0: it does not */
	const char *collateral; /* prefixes, blank-separated, that it also takes away and that are no service prefixes; or NULL */
};

#define STEPS_MAX 64 /* of one node in one phase */
struct steps {
	struct arena *arena;
	size_t n;
	struct step list[STEPS_MAX];
	const char *note; /* what an operator should know of this way: "a restart of bgpd undrains"; or NULL */
};
void steps_init(struct steps *s);
void steps_done(struct steps *s);
/* Appends a zeroed step; NULL when there are too many. */
struct step *steps_add(struct steps *s);
/* Appends one command to an action; arguments are copied, the list ends with NULL. */
void step_add_command(struct steps *s, struct step_action *a, ...) __attribute__((sentinel));

/* How to change a node; planned here, performed by the actor only. */
struct verb {
	const char *name; /* a row of the command table: "drain" */
	/* The steps from what the node's facts say now to the target; none when it is so already. Pure. -1 with a sentence
	 * when this node cannot be brought there, or its facts do not say how (never a guess). A withdrawal has the same
	 * steps, and the same way back to announced, whether the prefixes are announced or preferred away now: it may be
	 * planned as the second phase of a drain before the first was begun. */
	int (*plan)(const struct node *node, const struct target *target, struct steps *out, struct err *err);
	/* True when the facts say that the target holds on the wire of this node; what is not known is not settled. */
	bool (*settled)(const struct report *report, const struct target *target);
};

enum driver_role {
	DRIVER_BGP = 1u << 0,
	DRIVER_DNS = 1u << 1,
	DRIVER_AGENT = 1u << 2,
	DRIVER_VANTAGE = 1u << 3,
};

struct driver {
	const char *name;  /* "bird" */
	const char *title; /* "BIRD Internet Routing Daemon" */
	unsigned roles;    /* DRIVER_* */
	bool needs_url;    /* asks over HTTP only */
	bool takes_url;    /* asks over HTTP when a `url` is given, else runs commands on the node */
	const struct probe *probes; /* ends with a NULL name */
	const struct verb *verbs;   /* ends with a NULL name; or NULL */
	bool keeps_origins; /* origins stay listed when they are disabled: what is not listed is not the node's to announce */
};

#endif
