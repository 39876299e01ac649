/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_AUTH_H
#define BACKEND_AUTH_H

#include "core/conf.h"

/*
 * Who is asking, and what that account may do: deny by default (SAFETY model C1). Accounts come from `access` of
 * fleet.yaml: a uid over the unix socket, a bearer token or a client certificate over TLS. Roles are a set: an account
 * may be operator and approver (two rows with its name), but an admin as such cannot act on PoPs. Pure but for the memory
 * of failures and of the latest time that was seen: a clock that is set back revives no expired grant. Tokens themselves:
 * core/token.h.
 */

enum auth_may { AUTH_SEE, AUTH_PLAN, AUTH_ACT, AUTH_APPROVE, AUTH_ADMIN, AUTH_MAY_COUNT };
enum auth_method { AUTH_NOBODY, AUTH_UID, AUTH_TOKEN, AUTH_CERT };
const char *auth_method_name(enum auth_method m); /* "uid", "token", "certificate" */

#define AUTH_ROLES_MAX 4
struct account {
	char name[65];            /* "alice"; "uid 1000" for one that is not listed */
	enum auth_method method;
	char peer[64];            /* "uid 1000", "192.0.2.7" */
	unsigned roles;           /* bits 1u << CONF_OBSERVER … */
	struct wall expires;      /* the first of its grants to end; zero: never */
};
/* "operator", or "operator, approver". */
void account_roles_text(const struct account *a, char *out, size_t size);
/* The roles that may: "operator or approver". */
void auth_may_text(enum auth_may may, char *out, size_t size);
/* May it, at all? -1 with a sentence that says what it is and what is needed. */
int auth_check(const struct account *a, enum auth_may may, struct wall now, struct err *err);
/* And on this PoP (scope of `access.pops`)? */
int auth_check_pop(const struct account *a, const struct conf_rules *rules, enum auth_may may, const char *pop, struct wall now,
	struct err *err);

/* Does one person stand behind both names (`person` of their rows)? For approvals, which take a second one. */
bool auth_is_same_person(const struct conf_rules *rules, const char *a, const char *b);

/* Who is behind a unix socket. A uid that no row names is an observer; root and `own_uid` are admins when no row names
 * them. */
void auth_by_uid(const struct conf_rules *rules, int64_t uid, int64_t own_uid, struct wall now, struct account *out);

/* Failures, to slow guessing down: 5 a minute, then a doubling delay up to 15 minutes; counted by source, and by account
 * where a failure names one (a grant that has ended). What is good is never kept waiting for its account's failures. */
struct auth_memory;
struct auth_memory *auth_memory_new(void);
void auth_memory_free(struct auth_memory *m);
/* Who is behind `Authorization: Bearer TOKEN` (constant-time against every hash), or behind a client certificate's
 * SHA-256 fingerprint (64 hexadecimal digits); -1 with a sentence that tells nothing of which part was wrong. */
int auth_by_token(struct auth_memory *m, const struct conf_rules *rules, const char *token, const char *source, struct mono now,
	struct wall wall, struct account *out, struct err *err);
int auth_by_cert(struct auth_memory *m, const struct conf_rules *rules, const char *fingerprint, const char *source,
	struct mono now, struct wall wall, struct account *out, struct err *err);
/* Does a grant that was proven once still stand? For streams, which stay open after their proof. `hash` is what was
 * matched ("sha256:…" of the token or certificate). Counts no failure. */
int auth_again(struct auth_memory *m, const struct conf_rules *rules, enum auth_method method, const char *hash, struct wall wall,
	struct err *err);
/* What counts as one source: an address, for IPv6 its /64. */
void auth_source(const char *peer, char out[64]);
/* When what a row grants was last used: by its token, its certificate, or its uid; zero: never since the start. */
struct wall auth_last_used(const struct auth_memory *m, const struct conf_access *row);
/* A caller on the unix socket (the others are noted as they are recognised). */
void auth_note_uid(struct auth_memory *m, int64_t uid, struct wall wall);

#endif
