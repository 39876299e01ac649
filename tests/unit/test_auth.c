/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what: every set of roles x every act x every scope x every expiry x every way to be known, judged twice: by
 * the code, and by the rules as they are written down in words (may_in_words below). Then who is who, tokens, and how
 * guessing is slowed.
 */
#include <stdlib.h>

#include "backend/auth.h"
#include "core/token.h"
#include "suite.h"

static const struct wall now = { INT64_C(1795520103000000000) };
static const struct mono start = { INT64_C(1000000000000) };
static const char *const pops_one[] = { "fra" }, *const pops_two[] = { "fra", "ams" };
#define CERT  "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define PRINT "1111111111111111111111111111111111111111111111111111111111111111"

/* --- the matrix ------------------------------------------------------------------------------------------------- */

/* SAFETY model C1 and PRODUCT.md section 1, one sentence a line. */
static bool
may_in_words(enum conf_role role, enum auth_may may)
{
	if (may == AUTH_SEE)
		return true; /* everybody with a role looks */
	switch (role) {
	case CONF_OBSERVER:
		return false; /* an observer looks, and that is all */
	case CONF_OPERATOR:
		return may != AUTH_ADMIN; /* an operator plans, acts, and approves what others do */
	case CONF_APPROVER:
		return may == AUTH_APPROVE; /* an approver allows what others do */
	case CONF_ADMIN:
		return may == AUTH_ADMIN; /* an admin keeps the rules and cannot act on PoPs */
	}
	return false;
}

enum scope { SCOPE_ALL, SCOPE_HERE, SCOPE_ELSEWHERE, SCOPE_COUNT };
enum life { LIFE_NEVER_ENDS, LIFE_GOES_ON, LIFE_ENDS_NOW, LIFE_ENDED, LIFE_COUNT };

static struct conf_access
make_row(enum auth_method method, enum conf_role role, enum scope scope, enum life life)
{
	static const int64_t ends[LIFE_COUNT] = { 0, 1, 0, -3600 };
	struct conf_access row = { .uid = -1, .role = role, .pops = pops_one, .n_pops = scope == SCOPE_ALL ? 0 : 1 };
	if (scope == SCOPE_HERE) {
		row.pops = pops_two;
		row.n_pops = 2;
	}
	if (life != LIFE_NEVER_ENDS)
		row.expires = (struct wall){ now.ns + ends[life] * CLOCK_NS_PER_S };
	row.user = method == AUTH_TOKEN ? NULL : "alice";
	row.uid = method == AUTH_UID ? 1000 : -1;
	row.cert = method == AUTH_CERT ? CERT : NULL;
	row.token = method == AUTH_TOKEN ? "ci" : NULL;
	return row;
}

static char token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE];

/* Known by that method, as the API does it; false: nobody. */
static bool
identify(const struct conf_rules *rules, enum auth_method method, struct account *who)
{
	struct auth_memory *m = auth_memory_new();
	struct err err = ERR_INIT;
	int rc = 0;
	if (method == AUTH_UID)
		auth_by_uid(rules, 1000, 999, now, who);
	else if (method == AUTH_TOKEN)
		rc = auth_by_token(m, rules, token, "192.0.2.7", start, now, who, &err);
	else
		rc = auth_by_cert(m, rules, PRINT, "192.0.2.7", start, now, who, &err);
	auth_memory_free(m);
	return rc == 0;
}

static void
check_cell(enum auth_method method, unsigned roles, enum scope scope, enum life life)
{
	struct conf_access rows[4];
	struct conf_rules rules = { .access = rows };
	struct account who;
	struct err err = ERR_INIT;
	for (int r = CONF_OBSERVER; r <= CONF_ADMIN; r++) {
		if (roles & 1u << r) {
			rows[rules.n_access] = make_row(method, (enum conf_role)r, scope, life);
			rows[rules.n_access++].hash = method == AUTH_TOKEN ? hash : NULL;
		}
	}
	bool is_alive = life == LIFE_NEVER_ENDS || life == LIFE_GOES_ON;
	bool is_known = identify(&rules, method, &who);
	ck_assert_int_eq(is_known, method == AUTH_UID || (is_alive && roles != 0));
	if (!is_known)
		return;
	for (int may = 0; may < AUTH_MAY_COUNT; may++) {
		bool wanted = false;
		for (int r = CONF_OBSERVER; r <= CONF_ADMIN; r++)
			wanted |= (roles & 1u << r) && may_in_words((enum conf_role)r, (enum auth_may)may);
		wanted &= is_alive;
		wanted &= !(may == AUTH_APPROVE && method == AUTH_TOKEN); /* a second person, not a program */
		if (method == AUTH_UID && may == AUTH_SEE)
			wanted = true; /* who may open the socket may look */
		bool wanted_on_pop = wanted && (may == AUTH_SEE || scope != SCOPE_ELSEWHERE);
		ck_assert_msg((auth_check(&who, (enum auth_may)may, now, &err) == 0) == wanted,
			"method %d roles %u life %d may %d", method, roles, life, may);
		ck_assert_msg((auth_check_pop(&who, &rules, (enum auth_may)may, "ams", now, &err) == 0) == wanted_on_pop,
			"method %d roles %u life %d scope %d may %d on ams", method, roles, life, scope, may);
		ck_assert(wanted || (err.code == ERR_PERMISSION && err.text[0] != '\0'));
		/* a grant that ends while it is in use: nothing is allowed a second later */
		struct wall later = { now.ns + CLOCK_NS_PER_S };
		if (life == LIFE_GOES_ON)
			ck_assert_int_eq(auth_check(&who, (enum auth_may)may, later, &err), roles == 0 ? (wanted ? 0 : -1) : -1);
	}
}

START_TEST(test_auth_matrix)
{
	token_make(token, hash);
	for (int method = AUTH_UID; method <= AUTH_CERT; method++)
		for (unsigned roles = 0; roles < 16; roles++)
			for (int scope = 0; scope < SCOPE_COUNT; scope++)
				for (int life = 0; life < LIFE_COUNT; life++)
					check_cell((enum auth_method)method, roles, (enum scope)scope, (enum life)life);
}
END_TEST

START_TEST(test_auth_scopes_of_roles_do_not_mix)
{
	/* operator in fra, approver everywhere: the wider scope of one role widens no other */
	struct conf_access rows[] = {
		{ .user = "alice", .uid = 1000, .role = CONF_OPERATOR, .pops = pops_one, .n_pops = 1 },
		{ .user = "alice", .uid = 1000, .role = CONF_APPROVER },
		{ .user = "alice", .uid = -1, .cert = CERT, .role = CONF_OBSERVER },
	};
	const struct conf_rules rules = { .access = rows, .n_access = 3 };
	struct account who;
	struct err err = ERR_INIT;
	auth_by_uid(&rules, 1000, 0, now, &who);
	ck_assert_int_eq(auth_check_pop(&who, &rules, AUTH_ACT, "fra", now, &err), 0);
	ck_assert_int_eq(auth_check_pop(&who, &rules, AUTH_ACT, "ams", now, &err), -1);
	ck_assert_int_eq(auth_check_pop(&who, &rules, AUTH_APPROVE, "ams", now, &err), 0);
	char text[64];
	account_roles_text(&who, text, sizeof text);
	ck_assert_str_eq(text, "operator, approver");
	/* the same person by certificate has what the certificate's row gives */
	struct auth_memory *m = auth_memory_new();
	ck_assert_int_eq(auth_by_cert(m, &rules, PRINT, "192.0.2.7", start, now, &who, &err), 0);
	ck_assert_str_eq(who.name, "alice");
	ck_assert_int_eq(auth_check(&who, AUTH_ACT, now, &err), -1);
	ck_assert_int_eq(auth_check_pop(&who, &rules, AUTH_ACT, "fra", now, &err), -1);
	auth_memory_free(m);
}
END_TEST

static const struct {
	int64_t uid, own;
	const char *name;
	unsigned roles;
} uids[] = {
	{ 1000, 999, "alice", 1u << CONF_OPERATOR },
	{ 1001, 999, "uid 1001", 1u << CONF_OBSERVER },
	{ 0, 999, "uid 0", 1u << CONF_ADMIN },
	{ 999, 999, "uid 999", 1u << CONF_ADMIN },
	{ 1000, 1000, "alice", 1u << CONF_OPERATOR }, /* named, so no admin by being us */
	{ 1002, 1002, "carol", 1u << CONF_OBSERVER }, /* named by a grant that has ended */
	{ -1, -1, "uid -1", 1u << CONF_ADMIN },
	{ 4294967295, 999, "uid 4294967295", 1u << CONF_OBSERVER },
};

START_TEST(test_auth_knows_uids)
{
	const struct conf_access rows[] = {
		{ .user = "alice", .uid = 1000, .role = CONF_OPERATOR },
		{ .user = "carol", .uid = 1002, .role = CONF_OPERATOR, .expires = { 1 } },
		{ .token = "ci", .uid = -1, .hash = CERT, .role = CONF_ADMIN },
		{ .user = "dave", .uid = -1, .cert = CERT, .role = CONF_ADMIN },
	};
	const struct conf_rules rules = { .access = rows, .n_access = 4 };
	struct account who;
	auth_by_uid(&rules, uids[_i].uid, uids[_i].own, now, &who);
	ck_assert_str_eq(who.name, uids[_i].name);
	ck_assert_uint_eq(who.roles, uids[_i].roles);
	auth_by_uid(NULL, uids[_i].uid, uids[_i].own, now, &who);
	ck_assert_uint_ne(who.roles, 0);
}
END_TEST

/* --- tokens ----------------------------------------------------------------------------------------------------- */

START_TEST(test_token_has_its_form)
{
	char other[TOKEN_SIZE], other_hash[TOKEN_HASH_SIZE], again[TOKEN_HASH_SIZE];
	for (int i = 0; i < 200; i++) {
		token_make(token, hash);
		ck_assert_uint_eq(strlen(token), 53);
		ck_assert(token_is_ours(token));
		token_hash(token, again);
		ck_assert_str_eq(hash, again);
		token_make(other, other_hash);
		ck_assert_str_ne(token, other);
	}
	/* any other character at any place, and it is none of ours any more */
	for (size_t at = 0; at < strlen(token); at++) {
		snprintf(other, sizeof other, "%s", token);
		for (int c = 1; c < 128; c++) {
			other[at] = (char)c;
			ck_assert_int_eq(token_is_ours(other), other[at] == token[at]);
		}
	}
	for (size_t len = 0; len < strlen(token); len++) {
		snprintf(other, sizeof other, "%.*s", (int)len, token);
		ck_assert(!token_is_ours(other));
	}
	snprintf(other, sizeof other, "%s=", token);
	ck_assert(!token_is_ours(other));
}
END_TEST

START_TEST(test_auth_takes_two_tokens_of_one_name)
{
	char old[TOKEN_SIZE], old_hash[TOKEN_HASH_SIZE];
	token_make(token, hash);
	token_make(old, old_hash);
	const struct conf_access rows[] = {
		{ .token = "ci", .uid = -1, .hash = old_hash, .role = CONF_OBSERVER },
		{ .token = "ci", .uid = -1, .hash = hash, .role = CONF_OPERATOR },
	};
	struct conf_rules rules = { .access = rows, .n_access = 2 };
	struct auth_memory *m = auth_memory_new();
	struct account who;
	struct err err = ERR_INIT;
	ck_assert_int_eq(auth_by_token(m, &rules, old, "a", start, now, &who, &err), 0);
	ck_assert_uint_eq(who.roles, 1u << CONF_OBSERVER);
	ck_assert_int_eq(auth_by_token(m, &rules, token, "a", start, now, &who, &err), 0);
	ck_assert_uint_eq(who.roles, 1u << CONF_OPERATOR);
	ck_assert_int_eq(auth_last_used(m, &rows[0]).ns, now.ns);
	ck_assert_int_eq(auth_last_used(m, &rows[1]).ns, now.ns);
	/* each token is known by itself, so that the one that is not used any more is found */
	struct wall later = { now.ns + CLOCK_NS_PER_S };
	ck_assert_int_eq(auth_by_token(m, &rules, token, "a", start, later, &who, &err), 0);
	ck_assert_int_eq(auth_last_used(m, &rows[0]).ns, now.ns);
	ck_assert_int_eq(auth_last_used(m, &rows[1]).ns, later.ns);
	const struct conf_access other = { .user = "bob", .uid = 1001, .role = CONF_OPERATOR };
	ck_assert_int_eq(auth_last_used(m, &other).ns, 0);
	auth_note_uid(m, 1001, now);
	ck_assert_int_eq(auth_last_used(m, &other).ns, now.ns);
	rules.n_access = 1; /* the new one is taken out of the file */
	ck_assert_int_eq(auth_by_token(m, &rules, token, "a", start, now, &who, &err), -1);
	ck_assert_int_eq(err.code, ERR_UNKNOWN_CALLER);
	ck_assert_int_eq(who.method, AUTH_NOBODY);
	ck_assert_uint_eq(who.roles, 0);
	/* a hash is no token, nor is a certificate's */
	ck_assert_int_eq(auth_by_token(m, &rules, old_hash, "a", start, now, &who, &err), -1);
	ck_assert_int_eq(auth_by_cert(m, &rules, old_hash + 7, "a", start, now, &who, &err), -1);
	auth_memory_free(m);
}
END_TEST

START_TEST(test_auth_expiry_survives_a_clock_set_back)
{
	token_make(token, hash);
	const struct conf_access row = { .token = "ci", .uid = -1, .hash = hash, .role = CONF_OPERATOR, .expires = now };
	const struct conf_rules rules = { .access = &row, .n_access = 1 };
	struct auth_memory *m = auth_memory_new();
	struct account who;
	struct err err = ERR_INIT;
	struct wall before = { now.ns - 3600 * CLOCK_NS_PER_S };
	ck_assert_int_eq(auth_by_token(m, &rules, token, "a", start, before, &who, &err), 0);
	ck_assert_int_eq(auth_by_token(m, &rules, token, "a", start, now, &who, &err), -1);
	ck_assert_int_eq(auth_by_token(m, &rules, token, "a", start, before, &who, &err), -1);
	auth_memory_free(m);
}
END_TEST

START_TEST(test_auth_knows_one_person_behind_two_accounts)
{
	static const struct {
		const char *a, *b;
		bool is_same;
	} pairs[] = {
		{ "alice", "alice", true },    { "alice", "bob", false },        { "alice", "root-alice", true },
		{ "alice", "ci", true },       { "root-alice", "ci", true },     { "bob", "ci", false },
		{ "alice", "nobody", false },  { "nobody", "nobody", true },     { "bob", "al", true },
		{ "al", "alice", false },
	};
	const struct conf_access rows[] = {
		{ .user = "alice", .uid = 1000, .role = CONF_OPERATOR },
		{ .user = "root-alice", .uid = 1001, .role = CONF_APPROVER, .person = "alice" },
		{ .user = "bob", .uid = 1002, .role = CONF_APPROVER, .person = "al" },
		{ .token = "ci", .uid = -1, .hash = CERT, .role = CONF_OPERATOR, .person = "alice" },
	};
	const struct conf_rules rules = { .access = rows, .n_access = 4 };
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		ck_assert_int_eq(auth_is_same_person(&rules, pairs[i].a, pairs[i].b), pairs[i].is_same);
		ck_assert_int_eq(auth_is_same_person(&rules, pairs[i].b, pairs[i].a), pairs[i].is_same);
	}
	ck_assert(auth_is_same_person(NULL, "alice", "alice") && !auth_is_same_person(NULL, "alice", "root-alice"));
}
END_TEST

/* --- guessing --------------------------------------------------------------------------------------------------- */

START_TEST(test_auth_slows_guessing_and_keeps_others_in)
{
	char guess[TOKEN_SIZE], unused[TOKEN_HASH_SIZE];
	token_make(token, hash);
	const struct conf_access row = { .token = "ci", .uid = -1, .hash = hash, .role = CONF_OPERATOR };
	const struct conf_rules rules = { .access = &row, .n_access = 1 };
	struct auth_memory *m = auth_memory_new();
	struct account who;
	struct err err = ERR_INIT;
	struct mono t = start;
	size_t heard = 0;
	/* a day of guessing once a second: the waits double up to a quarter of an hour */
	for (int s = 0; s < 86400; s++, t = mono_add_ms(t, 1000)) {
		if (s % 100 == 0)
			token_make(guess, unused);
		ck_assert_int_eq(auth_by_token(m, &rules, guess, "192.0.2.66", t, now, &who, &err), -1);
		heard += err.code == ERR_UNKNOWN_CALLER;
		ck_assert(err.code == ERR_UNKNOWN_CALLER || err.code == ERR_BUSY);
		ck_assert_ptr_null(strstr(err.text, guess));
	}
	ck_assert_uint_lt(heard, 120);
	/* the right token from there waits too; from elsewhere it does not */
	ck_assert_int_eq(auth_by_token(m, &rules, token, "192.0.2.66", t, now, &who, &err), -1);
	ck_assert_int_eq(err.code, ERR_BUSY);
	ck_assert_int_eq(auth_by_token(m, &rules, token, "192.0.2.7", t, now, &who, &err), 0);
	t = mono_add_ms(t, 901000);
	ck_assert_int_eq(auth_by_token(m, &rules, token, "192.0.2.66", t, now, &who, &err), 0);
	/* and after that the slate is clean */
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(auth_by_token(m, &rules, "nonsense", "192.0.2.66", t, now, &who, &err), -1);
	ck_assert_int_eq(auth_by_token(m, &rules, token, "192.0.2.66", t, now, &who, &err), 0);
	auth_memory_free(m);
}
END_TEST

START_TEST(test_auth_forgives_rare_mistakes)
{
	const struct conf_rules rules = { 0 };
	struct auth_memory *m = auth_memory_new();
	struct account who;
	struct err err = ERR_INIT;
	struct mono t = start;
	for (int i = 0; i < 100; i++, t = mono_add_ms(t, 20000)) {
		ck_assert_int_eq(auth_by_token(m, &rules, "x", "192.0.2.66", t, now, &who, &err), -1);
		ck_assert_int_eq(err.code, ERR_UNKNOWN_CALLER); /* three a minute */
	}
	auth_memory_free(m);
}
END_TEST

/* A grant that has ended, tried from a hundred places: slowed by its account, which is let in all the same by what is good. */
START_TEST(test_auth_slows_an_account_from_everywhere)
{
	char old[TOKEN_SIZE], old_hash[TOKEN_HASH_SIZE], source[64];
	token_make(token, hash);
	token_make(old, old_hash);
	const struct conf_access rows[] = {
		{ .token = "ci", .uid = -1, .hash = old_hash, .role = CONF_OPERATOR, .expires = { 1 } },
		{ .token = "ci", .uid = -1, .hash = hash, .role = CONF_OPERATOR },
	};
	const struct conf_rules rules = { .access = rows, .n_access = 2 };
	struct auth_memory *m = auth_memory_new();
	struct account who;
	struct err err = ERR_INIT;
	size_t heard = 0;
	for (int i = 0; i < 100; i++) {
		snprintf(source, sizeof source, "192.0.2.%d", i);
		ck_assert_int_eq(auth_by_token(m, &rules, old, source, mono_add_ms(start, i * 100), now, &who, &err), -1);
		heard += err.code == ERR_UNKNOWN_CALLER;
		ck_assert_int_eq(who.method, AUTH_NOBODY);
		ck_assert_ptr_null(strstr(err.text, "ci"));
	}
	ck_assert_uint_ge(heard, 5);
	ck_assert_uint_le(heard, 9); /* waits of 1, 2, 4 s within the ten */
	ck_assert_int_eq(auth_by_token(m, &rules, token, "198.51.100.1", mono_add_ms(start, 10000), now, &who, &err), 0);
	ck_assert_str_eq(who.name, "ci");
	auth_memory_free(m);
}
END_TEST

/* Whatever is wrong with it, the answer is the same, to the byte. */
START_TEST(test_auth_says_no_in_one_way)
{
	char other[TOKEN_SIZE], other_hash[TOKEN_HASH_SIZE], ended[TOKEN_SIZE], ended_hash[TOKEN_HASH_SIZE], near[TOKEN_SIZE];
	token_make(token, hash);
	token_make(other, other_hash);
	token_make(ended, ended_hash);
	snprintf(near, sizeof near, "%s", token);
	near[20] = near[20] == 'A' ? 'B' : 'A';
	const struct conf_access rows[] = {
		{ .token = "ci", .uid = -1, .hash = hash, .role = CONF_OPERATOR },
		{ .token = "old", .uid = -1, .hash = ended_hash, .role = CONF_OPERATOR, .expires = { 1 } },
		{ .user = "alice", .uid = -1, .cert = other_hash, .role = CONF_OPERATOR },
	};
	const struct conf_rules rules = { .access = rows, .n_access = 3 };
	const char *const wrong[] = { other, ended, near, "", "x", hash, ended_hash, "cmt_" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct auth_memory *m = auth_memory_new();
		struct account who;
		struct err err = ERR_INIT;
		ck_assert_int_eq(auth_by_token(m, &rules, wrong[i], "a", start, now, &who, &err), -1);
		ck_assert_int_eq(err.code, ERR_UNKNOWN_CALLER);
		ck_assert_str_eq(err.text, "the token is not accepted");
		ck_assert_str_eq(who.name, "");
		auth_memory_free(m);
	}
}
END_TEST

START_TEST(test_auth_counts_a_network_of_ipv6_as_one_source)
{
	const struct conf_rules rules = { 0 };
	struct auth_memory *m = auth_memory_new();
	struct account who;
	struct err err = ERR_INIT;
	char source[64];
	for (int i = 0; i < 5; i++) {
		snprintf(source, sizeof source, "2001:db8:1:2::%x", i + 1);
		ck_assert_int_eq(auth_by_token(m, &rules, "x", source, start, now, &who, &err), -1);
	}
	ck_assert_int_eq(auth_by_token(m, &rules, "x", "2001:db8:1:2:ffff::1", start, now, &who, &err), -1);
	ck_assert_int_eq(err.code, ERR_BUSY);
	ck_assert_int_eq(auth_by_token(m, &rules, "x", "2001:db8:1:3::1", start, now, &who, &err), -1);
	ck_assert_int_eq(err.code, ERR_UNKNOWN_CALLER);
	/* more sources than are remembered: no crash, and the newest is still counted */
	for (int i = 0; i < 3000; i++) {
		snprintf(source, sizeof source, "10.%d.%d.1", i / 256, i % 256);
		(void)auth_by_token(m, &rules, "x", source, mono_add_ms(start, i), now, &who, &err);
	}
	for (int i = 0; i < 6; i++)
		(void)auth_by_token(m, &rules, "x", "198.51.100.1", mono_add_ms(start, 4000), now, &who, &err);
	ck_assert_int_eq(err.code, ERR_BUSY);
	auth_memory_free(m);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth");
	TCase *tests = tcase_create("auth");
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_auth_matrix);
	tcase_add_test(tests, test_auth_scopes_of_roles_do_not_mix);
	tcase_add_loop_test(tests, test_auth_knows_uids, 0, sizeof uids / sizeof *uids);
	tcase_add_test(tests, test_token_has_its_form);
	tcase_add_test(tests, test_auth_takes_two_tokens_of_one_name);
	tcase_add_test(tests, test_auth_expiry_survives_a_clock_set_back);
	tcase_add_test(tests, test_auth_slows_guessing_and_keeps_others_in);
	tcase_add_test(tests, test_auth_forgives_rare_mistakes);
	tcase_add_test(tests, test_auth_knows_one_person_behind_two_accounts);
	tcase_add_test(tests, test_auth_slows_an_account_from_everywhere);
	tcase_add_test(tests, test_auth_says_no_in_one_way);
	tcase_add_test(tests, test_auth_counts_a_network_of_ipv6_as_one_source);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
