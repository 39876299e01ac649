/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asking, and what that account may do. Two small tables decide: which roles may do what (below), and the rows of
 * `access` in fleet.yaml, which give a role to somebody, somewhere, until some time. What no row grants is refused.
 *
 *                 look   plan   act   approve   administer
 *   observer       x
 *   operator       x      x      x       x
 *   approver       x                     x
 *   admin          x                                x
 *
 * Planning is for operators too, although it changes nothing: it starts an actor, which holds the act key, and a plan
 * that is refused leaves a record. Approving is a second person's word, so no token gives it, and the engine sees to it
 * that nobody approves what is his own. An admin keeps the file that gives the rights; acting is not among his.
 *
 * A stranger on the unix socket is an observer, because whoever may open that socket was let into its folder; a
 * stranger on TLS is nobody. Guessing over the network is slowed by source, so that one guesser keeps no other source out;
 * an IPv6 source is its /64. A grant that has ended names its account, and is slowed by that too, from wherever it comes;
 * what the account has that is good is let in all the same. The answer to a wrong token says nothing about why it is wrong and compares with every
 * hash of the file in constant time. Called by the API at every request, and for open streams every few seconds.
 */
#include "backend/auth.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/token.h"

#define SOURCES_MAX   1024
#define WINDOW_MS     60000 /* so long failures are counted together */
#define FAILURES_FREE 5     /* in it; then each one more doubles the wait */
#define WAIT_MIN_MS   1000
#define WAIT_MAX_MS   900000

#define BIT(role) (1u << (role))

static const unsigned may_roles[AUTH_MAY_COUNT] = {
	[AUTH_SEE] = BIT(CONF_OBSERVER) | BIT(CONF_OPERATOR) | BIT(CONF_APPROVER) | BIT(CONF_ADMIN),
	[AUTH_PLAN] = BIT(CONF_OPERATOR),
	[AUTH_ACT] = BIT(CONF_OPERATOR),
	[AUTH_APPROVE] = BIT(CONF_OPERATOR) | BIT(CONF_APPROVER),
	[AUTH_ADMIN] = BIT(CONF_ADMIN),
};
static const char *const may_texts[AUTH_MAY_COUNT] = {
	[AUTH_SEE] = "looking",
	[AUTH_PLAN] = "planning a change",
	[AUTH_ACT] = "changing a PoP",
	[AUTH_APPROVE] = "approving",
	[AUTH_ADMIN] = "administration",
};

struct source {
	char name[64];
	unsigned failures;    /* in the window */
	struct mono window;   /* its start */
	struct mono until;    /* nothing is heard before */
	int64_t wait_ms;
	struct mono last;
};

struct use {
	char key[TOKEN_HASH_SIZE]; /* what it was recognised by: "sha256:…", "uid 1000" */
	struct wall at;
};

struct auth_memory {
	struct source sources[SOURCES_MAX];
	size_t n_sources;
	struct use *uses;
	size_t n_uses, uses_cap;
	struct wall latest;
};

/* --- words ------------------------------------------------------------------------------------------------------ */

const char *
auth_method_name(enum auth_method m)
{
	static const char *const names[] = { "nobody", "uid", "token", "certificate" };
	return names[m];
}

static void
roles_text(unsigned roles, const char *between, char *out, size_t size)
{
	size_t len = 0;
	out[0] = '\0';
	for (int r = CONF_OBSERVER; r <= CONF_ADMIN; r++) {
		if ((roles & BIT(r)) == 0 || len + 1 >= size)
			continue;
		int n = snprintf(out + len, size - len, "%s%s", len > 0 ? between : "", conf_role_name((enum conf_role)r));
		len += n > 0 ? (size_t)n : 0;
	}
}

void
account_roles_text(const struct account *a, char *out, size_t size)
{
	roles_text(a->roles, ", ", out, size);
}

void
auth_may_text(enum auth_may may, char *out, size_t size)
{
	roles_text(may_roles[may], " or ", out, size);
}

/* --- may it? ---------------------------------------------------------------------------------------------------- */

static bool
is_over(struct wall expires, struct wall now)
{
	return expires.ns != 0 && now.ns >= expires.ns;
}

int
auth_check(const struct account *a, enum auth_may may, struct wall now, struct err *err)
{
	char has[64], needed[64], until[CLOCK_TEXT_MAX];
	unsigned roles = may_roles[may];
	if (is_over(a->expires, now)) {
		wall_format(a->expires, until);
		return err_set(err, ERR_PERMISSION, "the grant of %s ended at %s", a->name, until);
	}
	if (may == AUTH_APPROVE && a->method == AUTH_TOKEN)
		return err_set(err, ERR_PERMISSION, "approving needs a person; %s is a token", a->name);
	if ((a->roles & roles) != 0)
		return 0;
	roles_text(roles, " or ", needed, sizeof needed);
	roles_text(a->roles, ", ", has, sizeof has);
	return err_set(err, ERR_PERMISSION, "%s needs the role %s; %s is %s", may_texts[may], needed, a->name,
		has[0] ? has : "nobody here");
}

/* Does the row speak of this account, known in this way? */
static bool
is_row_of(const struct conf_access *row, const struct account *a)
{
	switch (a->method) {
	case AUTH_UID:
		return row->user && row->uid >= 0 && strcmp(row->user, a->name) == 0;
	case AUTH_CERT:
		return row->user && row->cert && strcmp(row->user, a->name) == 0;
	case AUTH_TOKEN:
		return row->token && strcmp(row->token, a->name) == 0;
	case AUTH_NOBODY:
		/* the backend itself, in the name of whoever asked for it (a lease that undrains) */
		return (row->user && strcmp(row->user, a->name) == 0) || (row->token && strcmp(row->token, a->name) == 0);
	}
	return false;
}

static bool
has_pop(const struct conf_access *row, const char *pop)
{
	for (size_t i = 0; i < row->n_pops; i++) {
		if (strcmp(row->pops[i], pop) == 0)
			return true;
	}
	return row->n_pops == 0;
}

int
auth_check_pop(const struct account *a, const struct conf_rules *rules, enum auth_may may, const char *pop, struct wall now,
	struct err *err)
{
	if (auth_check(a, may, now, err) == -1)
		return -1;
	if (may == AUTH_SEE)
		return 0;
	unsigned roles = may_roles[may] & a->roles;
	for (size_t i = 0; rules && i < rules->n_access; i++) {
		const struct conf_access *row = &rules->access[i];
		if ((BIT(row->role) & roles) != 0 && is_row_of(row, a) && !is_over(row->expires, now) && has_pop(row, pop))
			return 0;
	}
	return err_set(err, ERR_PERMISSION, "%s is outside the scope of %s: %s needs a row of `access` that has this PoP", pop,
		a->name, may_texts[may]);
}

/* The person behind a name: as its rows say, else the name itself. */
static const char *
person_of(const struct conf_rules *rules, const char *name)
{
	for (size_t i = 0; rules && i < rules->n_access; i++) {
		const struct conf_access *row = &rules->access[i];
		if (row->person && strcmp(row->user ? row->user : row->token, name) == 0)
			return row->person;
	}
	return name;
}

bool
auth_is_same_person(const struct conf_rules *rules, const char *a, const char *b)
{
	return strcmp(a, b) == 0 || strcmp(person_of(rules, a), person_of(rules, b)) == 0;
}

/* --- who is it? ------------------------------------------------------------------------------------------------- */

/* One more row that grants this account something. */
static void
take_row(struct account *out, const struct conf_access *row, struct wall now)
{
	if (is_over(row->expires, now))
		return;
	out->roles |= BIT(row->role);
	if (row->expires.ns != 0 && (out->expires.ns == 0 || row->expires.ns < out->expires.ns))
		out->expires = row->expires;
}

void
auth_by_uid(const struct conf_rules *rules, int64_t uid, int64_t own_uid, struct wall now, struct account *out)
{
	bool is_named = false;
	*out = (struct account){ .method = AUTH_UID };
	snprintf(out->peer, sizeof out->peer, "uid %" PRId64, uid);
	snprintf(out->name, sizeof out->name, "%s", out->peer);
	for (size_t i = 0; rules && i < rules->n_access; i++) {
		const struct conf_access *row = &rules->access[i];
		if (!row->user || row->uid != uid || uid < 0)
			continue;
		is_named = true;
		snprintf(out->name, sizeof out->name, "%s", row->user);
		take_row(out, row, now);
	}
	if (!is_named && (uid == 0 || uid == own_uid))
		out->roles = BIT(CONF_ADMIN);
	if (out->roles == 0)
		out->roles = BIT(CONF_OBSERVER);
}

struct auth_memory *
auth_memory_new(void)
{
	return xcalloc(1, sizeof(struct auth_memory));
}

void
auth_memory_free(struct auth_memory *m)
{
	if (!m)
		return;
	free(m->uses);
	free(m);
}

/* An IPv6 host has 2^64 addresses to guess from: it counts as one source. */
void
auth_source(const char *peer, char out[64])
{
	struct in6_addr a;
	snprintf(out, 64, "%s", peer);
	if (inet_pton(AF_INET6, peer, &a) != 1 || IN6_IS_ADDR_V4MAPPED(&a))
		return;
	memset(a.s6_addr + 8, 0, 8);
	(void)inet_ntop(AF_INET6, &a, out, 64);
}

static struct source *
find_source(struct auth_memory *m, const char *name)
{
	for (size_t i = 0; i < m->n_sources; i++) {
		if (strcmp(m->sources[i].name, name) == 0)
			return &m->sources[i];
	}
	return NULL;
}

/* A new source; when all places are taken, that of the one whose last failure is longest ago. */
static struct source *
add_source(struct auth_memory *m, const char *name, struct mono now)
{
	struct source *s = &m->sources[0];
	if (m->n_sources < SOURCES_MAX)
		s = &m->sources[m->n_sources++];
	else
		for (size_t i = 1; i < SOURCES_MAX; i++) {
			if (mono_before(m->sources[i].last, s->last))
				s = &m->sources[i];
		}
	*s = (struct source){ .window = now };
	snprintf(s->name, sizeof s->name, "%s", name);
	return s;
}

static void
note_failure(struct auth_memory *m, const char *name, struct mono now)
{
	struct source *s = find_source(m, name);
	if (!s)
		s = add_source(m, name, now);
	if (mono_ms_since(now, s->last) > WAIT_MAX_MS)
		s->wait_ms = 0;
	if (s->wait_ms == 0 && mono_ms_since(now, s->window) > WINDOW_MS) {
		s->window = now;
		s->failures = 0;
	}
	s->last = now;
	if (++s->failures < FAILURES_FREE)
		return;
	s->wait_ms = s->wait_ms == 0 ? WAIT_MIN_MS : s->wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : s->wait_ms * 2;
	s->until = mono_add_ms(now, s->wait_ms);
}

static void
forget_failures(struct auth_memory *m, const char *name)
{
	struct source *s = find_source(m, name);
	if (s)
		*s = m->sources[--m->n_sources];
}

static int
check_waits(struct auth_memory *m, const char *name, const char *source, struct mono now, struct err *err)
{
	const struct source *s = find_source(m, name);
	if (!s || !mono_before(now, s->until))
		return 0;
	return err_set(err, ERR_BUSY, "too many failures from %s: nothing is heard from there for another %" PRId64 " s", source,
		mono_ms_since(s->until, now) / 1000 + 1);
}

/* There are as many keys as rows were ever loaded, and uids that opened the socket. */
static void
note_use(struct auth_memory *m, const char *key, struct wall at)
{
	for (size_t i = 0; i < m->n_uses; i++) {
		if (strcmp(m->uses[i].key, key) == 0) {
			m->uses[i].at = at;
			return;
		}
	}
	m->uses = xgrow(m->uses, &m->uses_cap, m->n_uses + 1, sizeof *m->uses);
	struct use *use = &m->uses[m->n_uses++];
	snprintf(use->key, sizeof use->key, "%s", key);
	use->at = at;
}

void
auth_note_uid(struct auth_memory *m, int64_t uid, struct wall wall)
{
	char key[TOKEN_HASH_SIZE];
	snprintf(key, sizeof key, "uid %" PRId64, uid);
	note_use(m, key, wall);
}

/* Takes all rows that hold this hash; every row is compared, whatever came of those before. */
static void
match_rows(const struct conf_rules *rules, enum auth_method method, const char *hash, struct wall now, struct account *out)
{
	for (size_t i = 0; rules && i < rules->n_access; i++) {
		const struct conf_access *row = &rules->access[i];
		const char *kept = method == AUTH_TOKEN ? row->hash : row->cert;
		const char *name = method == AUTH_TOKEN ? row->token : row->user;
		if (!kept || !name || !digest_equal(kept, hash))
			continue;
		snprintf(out->name, sizeof out->name, "%s", name); /* also of a grant that has ended: its failures are counted */
		take_row(out, row, now);
	}
}

static int
find_account(struct auth_memory *m, const struct conf_rules *rules, enum auth_method method, const char *hash,
	const char *source, struct mono now, struct wall wall, struct account *out, struct err *err)
{
	char from[64], account[64];
	*out = (struct account){ .method = method };
	snprintf(out->peer, sizeof out->peer, "%s", source);
	auth_source(source, from);
	if (check_waits(m, from, source, now, err) == -1)
		return -1;
	/* a grant that was seen to end has ended, whatever the clock says now */
	if (wall.ns > m->latest.ns)
		m->latest = wall;
	if (hash)
		match_rows(rules, method, hash, m->latest, out);
	if (out->roles == 0) {
		int rc = 0;
		if (out->name[0] != '\0') {
			/* from however many sources it is tried; no source has such a name */
			snprintf(account, sizeof account, "account %.50s", out->name);
			rc = check_waits(m, account, source, now, err);
			if (rc == 0)
				note_failure(m, account, now);
		}
		note_failure(m, from, now);
		*out = (struct account){ .method = AUTH_NOBODY };
		return rc == -1 ? -1 : err_set(err, ERR_UNKNOWN_CALLER, "the %s is not accepted", auth_method_name(method));
	}
	forget_failures(m, from);
	note_use(m, hash, wall);
	return 0;
}

int
auth_by_token(struct auth_memory *m, const struct conf_rules *rules, const char *token, const char *source, struct mono now,
	struct wall wall, struct account *out, struct err *err)
{
	char hash[TOKEN_HASH_SIZE];
	bool is_ours = token_is_ours(token);
	token_hash(is_ours ? token : "", hash);
	return find_account(m, rules, AUTH_TOKEN, is_ours ? hash : NULL, source, now, wall, out, err);
}

int
auth_by_cert(struct auth_memory *m, const struct conf_rules *rules, const char *fingerprint, const char *source,
	struct mono now, struct wall wall, struct account *out, struct err *err)
{
	char hash[TOKEN_HASH_SIZE];
	bool is_good = digest_is_hex(fingerprint);
	snprintf(hash, sizeof hash, "sha256:%.64s", fingerprint);
	return find_account(m, rules, AUTH_CERT, is_good ? hash : NULL, source, now, wall, out, err);
}

int
auth_again(struct auth_memory *m, const struct conf_rules *rules, enum auth_method method, const char *hash, struct wall wall,
	struct err *err)
{
	struct account who = { .method = method };
	if (wall.ns > m->latest.ns)
		m->latest = wall;
	match_rows(rules, method, hash, m->latest, &who);
	return who.roles != 0 ? 0 : err_set(err, ERR_UNKNOWN_CALLER, "the %s is accepted no longer", auth_method_name(method));
}

struct wall
auth_last_used(const struct auth_memory *m, const struct conf_access *row)
{
	struct wall last = { 0 };
	char uid[TOKEN_HASH_SIZE];
	snprintf(uid, sizeof uid, "uid %" PRId64, row->uid);
	for (size_t i = 0; i < m->n_uses; i++) {
		const struct use *use = &m->uses[i];
		bool is_its = (row->hash && strcmp(use->key, row->hash) == 0) || (row->cert && strcmp(use->key, row->cert) == 0) ||
			(row->uid >= 0 && strcmp(use->key, uid) == 0);
		if (is_its && use->at.ns > last.ns)
			last = use->at;
	}
	return last;
}
