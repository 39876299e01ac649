/* SPDX-License-Identifier: Apache-2.0
 *
 * What the drivers of BIRD and FRR make of replies with several parts, of times, and of tags: cases that one recorded
 * reply does not hold. The texts are cut from recorded ones.
 */
#include <string.h>

#include "plugins/drivers.h"
#include "suite.h"

#define BANNER "BIRD 2.0.12 ready.\nAccess restricted\n"
#define HEADER "Name       Proto      Table      State  Since         Info\n"
#define STATUS_AT(now) BANNER "BIRD 2.0.12\nRouter ID is 10.99.0.11\nCurrent server time is " now "\nDaemon is up and running\n"

static struct report *
read_parts(const char *driver, const char *probe, const struct reply_part *parts, size_t n, struct err *err)
{
	const struct probe *p = driver_find_probe(driver_find(driver), probe);
	const struct reply reply = { .n_parts = n, .parts = parts };
	struct report *r = report_new();
	if (p->read(&reply, r, err) == 0)
		return r;
	report_free(r);
	return NULL;
}

static struct reply_part
part(const char *tag, const char *out, int status)
{
	return (struct reply_part){ .tag = tag, .out = slice_of(out), .err = { "", 0 }, .status = status };
}

struct since_case {
	const char *since, *now;
	int64_t seconds;
};

static const struct since_case since_cases[] = {
	{ "11:35:03.971", "2026-11-23 11:37:07.439", 124 },
	{ "11:35:03", "2026-11-23 11:35:03", 0 },
	{ "23:59:50.000", "2026-11-24 00:00:10.000", 20 },         /* yesterday */
	{ "2026-11-23 11:35:03.971", "2026-11-24 11:35:03", 86400 }, /* timeformat protocol iso long */
	{ "2026-11-23 11:35:03", "2026-11-23 11:35:01", -1 },      /* the node's clock went back */
	{ "2026-11-21", "2026-11-23 12:00:00", 36 * 3600 },        /* not before the end of that day */
	{ "2026-11-23", "2026-11-23 12:00:00", 20 * 3600 },        /* a date is shown from 20 hours on */
	{ "2024-02-28", "2024-03-01 00:00:00", 86400 },            /* leap year */
	{ "2025-12-31", "2026-01-02 00:00:00", 86400 },
	{ "yesterday", "2026-11-23 12:00:00", -1 },
	{ "25:00:00", "2026-11-23 12:00:00", -1 },
	{ "2026-13-01", "2026-11-23 12:00:00", -1 },
	{ "11:35:03.971", "noon", -1 },
};

START_TEST(test_bird_times_become_ages)
{
	const struct since_case *c = &since_cases[_i];
	char table[256], status[256];
	struct err err = ERR_INIT;
	snprintf(table, sizeof table, BANNER HEADER "up1        BGP        ---        up     %s  Established   \n\n", c->since);
	snprintf(status, sizeof status, BANNER "BIRD 2.0.12\nCurrent server time is %s\nDaemon is up and running\n", c->now);
	const struct reply_part parts[] = { part("all", table, 0), part("status", status, 0) };
	struct report *r = read_parts("bird", "protocols", parts, 2, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->n_sessions, 1);
	ck_assert_int_eq(r->sessions[0].since_s, c->seconds);
	report_free(r);
}
END_TEST

START_TEST(test_bird_error_is_as_old_as_the_state_it_caused)
{
	struct err err = ERR_INIT;
	const struct reply_part parts[] = {
		part("all", BANNER HEADER
			"p1         BGP        ---        start  11:37:00.000  Active        Received: Administrative shutdown\n\n"
			"p2         BGP        ---        start  11:37:00.000  Connect       Socket: Connection refused\n\n"
			"p3         BGP        ---        start  11:37:00.000  Idle          BGP Error: Hold timer expired\n\n", 0),
		part("status", STATUS_AT("2026-11-23 11:37:07.000"), 0),
	};
	struct report *r = read_parts("bird", "protocols", parts, 2, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_int_eq(r->sessions[0].last_error.age_s, 7);
	ck_assert_int_eq(r->sessions[1].last_error.age_s, -1); /* tried again since */
	ck_assert_str_eq(r->sessions[1].last_error.text, "Connection refused");
	ck_assert_int_eq(r->sessions[2].last_error.direction, DIRECTION_SENT);
	ck_assert_int_eq(r->sessions[2].last_error.code, 4);
	report_free(r);
}
END_TEST

START_TEST(test_bird_disabled_static_is_read_by_name)
{
	struct err err = ERR_INIT;
	const struct reply_part parts[] = {
		part("all", BANNER HEADER
			"anycast4   Static     master4    down   13:43:57.864  \n\n"
			"any-cast6  Static     master6    up     13:25:17.728  \n\n"
			"gone       Static     master6    down   13:25:17.728  \n\n", 0),
		part("static", BANNER "2001:db8:53::/48\tblackhole\n", 0),
		part("static anycast4", BANNER "192.0.2.0/24\tblackhole\n198.51.100.0/24\tblackhole\n", 0),
		part("static lost", BANNER "syntax error, unexpected CF_SYM_UNDEFINED, expecting END or CF_SYM_KNOWN\n", 1),
	};
	struct report *r = read_parts("bird", "protocols", parts, 4, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->n_origins, 4);
	ck_assert_str_eq(r->origins[0].by, "anycast4");
	ck_assert(!r->origins[0].is_enabled && r->origins[0].prefix.len == 24 && r->origins[1].prefix.len == 24);
	ck_assert(r->origins[2].is_enabled && r->origins[2].prefix.family == FAMILY_V6);
	ck_assert_str_eq(r->origins[3].by, "gone");
	ck_assert_uint_eq(r->origins[3].prefix.family, 0);
	report_free(r);
}
END_TEST

/* Should the blocks of show static not fit the table, no prefix may be given to the wrong protocol. */
START_TEST(test_bird_static_blocks_that_do_not_fit_are_dropped)
{
	struct err err = ERR_INIT;
	const struct reply_part parts[] = {
		part("all", BANNER HEADER
			"a          Static     master4    up     13:43:57.864  \n  Channel ipv4\n    State:          UP\n\n"
			"b          Static     master6    up     13:25:17.728  \n  Channel ipv6\n    State:          UP\n\n", 0),
		part("static", BANNER "2001:db8:53::/48\tblackhole\n\n192.0.2.0/24\tblackhole\n", 0),
	};
	struct report *r = read_parts("bird", "protocols", parts, 2, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->n_origins, 2);
	ck_assert_uint_eq(r->origins[0].prefix.family, 0);
	ck_assert_uint_eq(r->origins[1].prefix.family, 0);
	report_free(r);
}
END_TEST

START_TEST(test_bird_table_cut_after_a_row_is_refused)
{
	struct err err = ERR_INIT;
	const struct reply_part cut = part("all", BANNER HEADER
		"device1    Device     ---        up     11:34:59.988  \n\n"
		"p1         BGP        ---        up     11:35:03.971  Established   \n", 0);
	ck_assert_ptr_null(read_parts("bird", "protocols", &cut, 1, &err));
	ck_assert_int_eq(err.code, ERR_BAD_REPLY);
}
END_TEST

START_TEST(test_bird_same_protocol_twice_is_refused)
{
	struct err err = ERR_INIT;
	const struct reply_part twice = part("all", BANNER HEADER
		"p1         BGP        ---        up     11:35:03.971  Established   \n\n"
		"p1         BGP        ---        down   11:35:03.971  \n\n", 0);
	ck_assert_ptr_null(read_parts("bird", "protocols", &twice, 1, &err));
	ck_assert_int_eq(err.code, ERR_BAD_REPLY);
}
END_TEST

START_TEST(test_bird_unknown_state_keeps_its_word)
{
	struct err err = ERR_INIT;
	const struct reply_part odd = part("all", BANNER HEADER
		"p1         BGP        ---        start  11:35:03.971  Close         \n"
		"  BGP state:          Close\n    Neighbor address: 10.1.21.1\n\n", 0);
	struct report *r = read_parts("bird", "protocols", &odd, 1, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_int_eq(r->sessions[0].state, FSM_OTHER);
	ck_assert_str_eq(r->sessions[0].state_word, "Close");
	report_free(r);
}
END_TEST

START_TEST(test_bird_clock_comes_from_date)
{
	struct err err = ERR_INIT;
	struct reply_part parts[] = {
		part("status", STATUS_AT("2026-11-23 12:37:07.000"), 0), /* local time, an hour ahead */
		part("clock", "1795433827\n", 0),
	};
	struct report *r = read_parts("bird", "status", parts, 2, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->sections, REPORT_VERSIONS | REPORT_CLOCK);
	ck_assert_int_eq(r->clock_s, 1795433827);
	report_free(r);
	parts[1] = part("clock", "", 127);
	r = read_parts("bird", "status", parts, 2, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->sections, REPORT_VERSIONS);
	report_free(r);
}
END_TEST

START_TEST(test_bird_session_that_left_hides_no_other)
{
	struct err err = ERR_INIT;
	const struct reply_part parts[] = {
		part("gone 4", BANNER "syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TABLE\n", 1),
		part("down 4", BANNER "No valid tables\n", 1),
		part("p1 46", BANNER "Table master4:\n192.0.2.0/24         blackhole [anycast4 11:34:59.988] * (200)\n"
			"\tType: static univ\n\tBGP.as_path: 64500 64500\n", 0),
	};
	struct report *r = read_parts("bird", "exports", parts, 3, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->n_exports, 4);
	ck_assert(!r->exports[0].is_known);
	ck_assert(r->exports[1].is_known && r->exports[1].n_routes == 0);
	ck_assert(r->exports[2].is_known && r->exports[2].n_routes == 1);
	ck_assert_int_eq(r->exports[2].routes[0].prepends, 2);
	ck_assert_int_eq(r->exports[2].routes[0].is_gshut, TRI_NO);
	ck_assert(r->exports[3].is_known && r->exports[3].family == FAMILY_V6 && r->exports[3].n_routes == 0);
	report_free(r);
}
END_TEST

START_TEST(test_bird_status_of_a_dead_command_is_believed)
{
	struct err err = ERR_INIT;
	struct reply_part p = part("p1 4", BANNER "Table master4:\n192.0.2.0/24         blackhole [a 11:34:59.988] * (200)\n", 1);
	ck_assert_ptr_null(read_parts("bird", "exports", &p, 1, &err));
	ck_assert_int_eq(err.code, ERR_BAD_REPLY);
	p.status = 137;
	ck_assert_ptr_null(read_parts("bird", "exports", &p, 1, &err));
	ck_assert_int_eq(err.code, ERR_KILLED);
}
END_TEST

#define ADVERTISED(prefix) "{\"localAS\":64500,\"advertisedRoutes\":{\"" prefix "\":{\"path\":\"64500 64500\",\"locPrf\":0}}}\n"
#define NO_ROUTES "{\"advertisedRoutes\":{},\"totalPrefixCounter\":0}\n"
#define NO_NEIGHBOR "{\"warning\":\"No such neighbor in this view/vrf\"}\n"

START_TEST(test_frr_replies_belong_to_the_questions_in_order)
{
	struct err err = ERR_INIT;
	const struct reply_part p = part("10.1.23.1/4 10.1.23.1/6 10.9.9.9/4", ADVERTISED("192.0.2.0/24") NO_ROUTES NO_NEIGHBOR, 0);
	struct report *r = read_parts("frr", "exports", &p, 1, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->n_exports, 3);
	ck_assert_int_eq(r->exports[0].routes[0].is_gshut, TRI_YES);
	ck_assert_int_eq(r->exports[0].routes[0].prepends, 2);
	ck_assert(r->exports[1].family == FAMILY_V6 && r->exports[1].is_known && r->exports[1].n_routes == 0);
	ck_assert_str_eq(r->exports[2].session, "10.9.9.9");
	ck_assert(!r->exports[2].is_known);
	report_free(r);
}
END_TEST

struct refused_case {
	const char *probe, *tag, *out;
};

static const struct refused_case refused_cases[] = {
	{ "exports", "10.1.23.1/4 10.1.23.1/6", NO_ROUTES },
	{ "exports", "10.1.23.1/4", NO_ROUTES NO_ROUTES },
	{ "exports", "10.1.23.1/6", ADVERTISED("192.0.2.0/24") },
	{ "exports", "10.1.23.1/4", ADVERTISED("192.0.2.1/24") },
	{ "exports", "10.1.23.1/4", NO_ROUTES "% Unknown command" },
	{ "networks", "192.0.2.0/24 198.51.100.0/24", "{}\n" },
	{ "networks", "192.0.2.0/24", "{\"prefix\":\"198.51.100.0/24\",\"paths\":[]}\n" },
	{ "routes", "192.0.2.0/24", "{}\n{}\n" },
	{ "neighbors", "", "[]\n" },
	{ "neighbors", "", "{\"10.1.23.1\":{\"bgpState\":\"Idle\"},\"10.1.23.1\":{\"bgpState\":\"Established\"}}\n" },
};

START_TEST(test_frr_replies_that_do_not_fit_are_refused)
{
	const struct refused_case *c = &refused_cases[_i];
	struct err err = ERR_INIT;
	const struct reply_part p = part(c->tag, c->out, 0);
	struct report *r = read_parts("frr", c->probe, &p, 1, &err);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(err.code, ERR_BAD_REPLY);
}
END_TEST

START_TEST(test_frr_witness_knows_what_it_lost)
{
	struct err err = ERR_INIT;
	const struct reply_part p = part("198.51.100.0/24 192.0.2.0/24",
		"{}\n{\"prefix\":\"192.0.2.0/24\",\"paths\":[{\"valid\":true,\"peer\":{\"peerId\":\"10.1.23.2\"}},"
		"{\"valid\":true,\"peer\":{\"peerId\":\"10.1.24.2\"}},{\"valid\":false,\"peer\":{\"peerId\":\"10.1.25.2\"}}]}\n", 0);
	struct report *r = read_parts("frr", "routes", &p, 1, &err);
	ck_assert_msg(r != NULL, "%s", err.text);
	ck_assert_uint_eq(r->n_rib, 2);
	ck_assert_uint_eq(r->rib[0].paths, 0);
	ck_assert_uint_eq(r->rib[1].paths, 2);
	ck_assert_str_eq(r->rib[1].peers, "10.1.23.2 10.1.24.2");
	report_free(r);
}
END_TEST

static int
count_commands(const char *driver, const char *probe, const struct node *node, char *words, size_t size)
{
	struct request request;
	struct err err = ERR_INIT;
	request_init(&request);
	ck_assert_int_eq(driver_find_probe(driver_find(driver), probe)->ask(node, &request, &err), 0);
	int n = (int)request.n_commands;
	words[0] = '\0';
	for (size_t i = 0; i < request.n_commands; i++)
		for (size_t j = 0; request.commands[i].argv[j]; j++) {
			strncat(words, request.commands[i].argv[j], size - strlen(words) - 2);
			strncat(words, "|", size - strlen(words) - 1);
		}
	request_done(&request);
	return n;
}

START_TEST(test_exports_ask_for_service_prefixes_of_large_sessions)
{
	struct prefix prefixes[2];
	struct err err = ERR_INIT;
	char words[2048];
	prefix_parse(slice_of("192.0.2.0/24"), &prefixes[0], &err);
	prefix_parse(slice_of("2001:db8:53::/48"), &prefixes[1], &err);
	struct node node = { .role = NODE_MEMBER, .facts = report_new(), .prefixes = prefixes, .n_prefixes = 2 };
	ck_assert_int_eq(count_commands("bird", "exports", &node, words, sizeof words), 0);
	struct session_fact *s = report_add_session(node.facts);
	s->name = "my-peer";
	s->families = FAMILY_BIT_V4 | FAMILY_BIT_V6;
	s->advertised = 900000;
	ck_assert_int_eq(count_commands("bird", "exports", &node, words, sizeof words), 2);
	ck_assert_str_eq(words, "birdc|-r|show route all export 'my-peer' where net ~ [ 192.0.2.0/24 ]|"
		"birdc|-r|show route all export 'my-peer' where net ~ [ 2001:db8:53::/48 ]|");
	s->advertised = 2;
	ck_assert_int_eq(count_commands("bird", "exports", &node, words, sizeof words), 1);
	ck_assert_str_eq(words, "birdc|-r|show route all export 'my-peer'|");
	node.role = NODE_WITNESS;
	ck_assert_int_eq(count_commands("bird", "exports", &node, words, sizeof words), 0);
	ck_assert_int_eq(count_commands("bird", "routes", &node, words, sizeof words), 2);
	ck_assert_int_eq(count_commands("frr", "routes", &node, words, sizeof words), 1);
	ck_assert_str_eq(words, "vtysh|-c|show bgp ipv4 unicast 192.0.2.0/24 json|-c|show bgp ipv6 unicast 2001:db8:53::/48 json|");
	report_free(node.facts);
}
END_TEST

START_TEST(test_many_neighbours_share_few_runs)
{
	struct node node = { .role = NODE_MEMBER, .facts = report_new() };
	char words[16384];
	for (int i = 0; i < 100; i++) {
		struct session_fact *s = report_add_session(node.facts);
		char name[32];
		snprintf(name, sizeof name, "10.0.0.%d", i);
		s->name = arena_strdup(node.facts->arena, name);
		s->families = FAMILY_BIT_V4;
		s->advertised = 1;
	}
	ck_assert_int_eq(count_commands("frr", "exports", &node, words, sizeof words), 4);
	report_free(node.facts);
}
END_TEST

#define LOOP(list) (sizeof list / sizeof list[0])

int
main(void)
{
	Suite *suite = suite_create("drivers");
	TCase *c = tcase_create("drivers");
	tcase_add_loop_test(c, test_bird_times_become_ages, 0, LOOP(since_cases));
	tcase_add_test(c, test_bird_error_is_as_old_as_the_state_it_caused);
	tcase_add_test(c, test_bird_disabled_static_is_read_by_name);
	tcase_add_test(c, test_bird_static_blocks_that_do_not_fit_are_dropped);
	tcase_add_test(c, test_bird_table_cut_after_a_row_is_refused);
	tcase_add_test(c, test_bird_same_protocol_twice_is_refused);
	tcase_add_test(c, test_bird_unknown_state_keeps_its_word);
	tcase_add_test(c, test_bird_clock_comes_from_date);
	tcase_add_test(c, test_bird_session_that_left_hides_no_other);
	tcase_add_test(c, test_bird_status_of_a_dead_command_is_believed);
	tcase_add_test(c, test_frr_replies_belong_to_the_questions_in_order);
	tcase_add_loop_test(c, test_frr_replies_that_do_not_fit_are_refused, 0, LOOP(refused_cases));
	tcase_add_test(c, test_frr_witness_knows_what_it_lost);
	tcase_add_test(c, test_exports_ask_for_service_prefixes_of_large_sessions);
	tcase_add_test(c, test_many_neighbours_share_few_runs);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
