/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "core/conf_report.h"
#include "core/fleet.h"

struct json_writer;

/*
 * fleet.yaml, the one file that a person writes (PRODUCT.md section 3): read, checked and made into
 * a fleet.
 */
#define CONF_FILE_MAX     (4u << 20) /* bytes */
#define CONF_NODES_MAX    10000 /* members, vantages and witnesses that the file names, together */
#define CONF_PREFIXES_MAX 4096

/* The drivers that may be named: given by the caller, because core does not know the plugins. */
struct conf_driver {
	const char *name;
	unsigned roles; /* DRIVER_* of core/driver.h */
	bool needs_url; /* asks over HTTP only */
	bool takes_url; /* asks over HTTP when it is given, else runs commands */
};
#define CONF_DRIVERS_MAX 64
struct conf_names {
	size_t n;
	struct conf_driver drivers[CONF_DRIVERS_MAX];
};

enum conf_role { CONF_OBSERVER, CONF_OPERATOR, CONF_APPROVER, CONF_ADMIN };
const char *conf_role_name(enum conf_role role);

/* Who may do what, where: a person by uid or client certificate, or a program by token. */
struct conf_access {
	const char *user;  /* or NULL: a token */
	int64_t uid;       /* -1: a token, or a user without */
	const char *cert;  /* "sha256:…" of the certificate (DER), lower case; or NULL */
	const char *token; /* its name, or NULL */
	const char *hash;  /* "sha256:…" of the token */
	const char *person; /* who stands behind it; NULL: its name says so */
	enum conf_role role;
	size_t n_pops;
	const char *const *pops; /* none: all */
	struct wall expires;     /* zero: never */
};

/* A secret that is rotated across nodes; never its value. */
struct conf_secret {
	const char *name, *kind; /* "cookie", "dns-cookie" */
	size_t n_nodes;
	const char *const *nodes;
	int64_t max_age_s; /* -1 unset */
};

/* How the API is served over TCP; absolute paths. */
struct conf_tls {
	const char *cert, *key; /* NULL: not at all */
	const char *client_ca;  /* NULL: no client certificates, tokens only */
	const char *client_crl; /* NULL: revocations are not looked up */
};

/* What fleet.yaml says beside the topology: fleet.rules. */
struct conf_rules {
	struct conf_tls tls;
	size_t n_access;
	const struct conf_access *access;
	size_t n_secrets;
	const struct conf_secret *secrets;
};

/*
 * Reads a file. NULL when there was any mistake: `mistakes` then holds them all and err says how
 * many (ERR_USAGE), or why the file could not be read at all. With a fleet, `mistakes` may hold
 * notes. Names are not resolved yet. The caller frees the fleet and ends the report. `mistakes` may
 * be NULL.
 */
struct fleet *conf_load(const char *path, const struct conf_names *names,
	struct conf_report *mistakes, struct err *err);
/* Same from memory; `path` names it in messages, relative paths are taken from `folder` (absolute).
 */
struct fleet *conf_read(struct slice text, const char *path, const char *folder,
	const struct conf_names *names, struct conf_report *mistakes, struct err *err);

/*
 * Fills node_conf.resolved of nodes whose address is a name: on several threads, all within
 * deadline_ms. Literal addresses are filled by conf_load. Blocks: call it before the loop runs or
 * through loop_work. A name that does not resolve leaves "" and adds a note (if notes is not NULL).
 * Returns how many did not.
 */
size_t conf_resolve(struct fleet *f, int64_t deadline_ms, struct conf_report *notes);
/* Same with another way to look up: 0 and an address in `out`, or -1 and the reason. Called from
 * several threads; it may outlive the call when the deadline passes. */
typedef int conf_lookup_fn(const char *name, char out[46], char *reason, size_t reason_size);
size_t conf_resolve_by(
	struct fleet *f, conf_lookup_fn *lookup, int64_t deadline_ms, struct conf_report *notes);

/* Whether a reload may replace `old` by `new`: refuses (ERR_REFUSED) a new one that is empty or
 * lost half or more of the nodes, PoPs or prefixes, which is more often an accident than an intent.
 * 0, or -1 with the reason. */
int conf_guard(const struct fleet *old, const struct fleet *new, struct err *err);

/* From the tables that conf_load reads by: the JSON Schema for editors, the reference in Markdown,
 * and the keys as sections of a manual page in scdoc's language. */
void conf_write_schema(struct json_writer *w);
void conf_write_reference(struct buf *out);
void conf_write_manual(struct buf *out);

#endif
