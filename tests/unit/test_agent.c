/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's page: the worked example of docs/agent.md is read as it stands there, then broken in every way a foreign
 * program may break it. A page is taken whole or refused whole, with the field named.
 */
#include <math.h>

#include "core/json.h"
#include "core/text.h"
#include "plugins/drivers.h"
#include "suite.h"

static struct buf example = BUF_INIT(65536);

/* The first ```json block of docs/agent.md; a missing one fails every test. */
static void
load_example(void)
{
	struct buf text = BUF_INIT(1u << 20);
	struct err err = ERR_INIT;
	if (buf_read_file(&text, source_path("docs/agent.md"), &err) == -1)
		fprintf(stderr, "%s\n", err.text);
	static const char fence[] = "```json\n";
	const char *start = strstr(buf_text(&text), fence);
	const char *end = start ? strstr(start + strlen(fence), "```") : NULL;
	if (end)
		buf_add(&example, start + strlen(fence), (size_t)(end - start) - strlen(fence));
	buf_done(&text);
}

static int
read_page(struct slice page, const char *type, struct report *r, struct err *err)
{
	struct reply_part part = { .tag = "", .out = page, .err = { "", 0 }, .status = 0 };
	struct reply reply = { .n_parts = 1, .parts = &part, .http_status = 200, .content_type = type };
	const struct probe *probe = driver_find_probe(driver_find("agent"), "node");
	return probe->read(&reply, r, err);
}

START_TEST(test_example_of_the_documentation)
{
	struct report *r = report_new();
	struct err err = ERR_INIT;
	ck_assert_msg(read_page(buf_slice(&example), "application/json", r, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(r->sections, REPORT_SESSIONS | REPORT_EXPORTS | REPORT_DNS | REPORT_ZONES | REPORT_VERSIONS |
		REPORT_HEALTH | REPORT_IDENTITY | REPORT_CAPACITY | REPORT_CLOCK);
	ck_assert_uint_eq(r->n_sessions, 2);
	ck_assert_int_eq(r->sessions[0].state, FSM_ESTABLISHED);
	ck_assert_int_eq(r->sessions[0].last_error.subcode, 2);
	ck_assert_int_eq(r->sessions[0].last_error.direction, DIRECTION_RECEIVED);
	ck_assert_int_eq(r->sessions[1].received, -1);
	ck_assert_int_eq(r->sessions[1].bfd_up, TRI_UNKNOWN);
	ck_assert_uint_eq(r->n_exports, 2);
	ck_assert(r->exports[1].is_known);
	ck_assert_int_eq(r->exports[1].routes[0].is_gshut, TRI_YES);
	ck_assert_int_eq(r->dns.queries, 123456789);
	ck_assert(isnan(r->dns.qps));
	ck_assert_uint_eq(r->dns.n_rcodes, 3);
	ck_assert_int_eq(r->is_healthy, TRI_YES);
	ck_assert_str_eq(r->identity, "fra1.dns.example.net");
	ck_assert_uint_eq(r->extras, 0);
	report_free(r);
}
END_TEST

/* Replaces the first `from` in the example by `to`; what then happens. */
struct change {
	const char *from, *to;
	enum err_code code;
	const char *says;
};

static const struct change changes[] = {
	{ "\"agent\": 1", "\"agent\": 2", ERR_UNSUPPORTED, "version 2" },
	{ "\"agent\": 1", "\"agent\": \"1\"", ERR_BAD_REPLY, "agent" },
	{ "\"agent\": 1", "\"agend\": 1", ERR_BAD_REPLY, "agent" },
	{ "\"Established\"", "7", ERR_BAD_REPLY, "sessions[0]: state" },
	{ "\"Established\"", "null", ERR_BAD_REPLY, "sessions[0]: state" },
	{ "\"Established\"", "\"Wobbling\"", ERR_OK, NULL },
	{ "\"name\": \"transit1_v4\"", "\"name\": \"\"", ERR_BAD_REPLY, "name" },
	{ "\"name\": \"transit1_v4\"", "\"named\": \"x\"", ERR_BAD_REPLY, "name: is missing" },
	{ "\"name\": \"transit1_v4\"", "\"name\": \"a\\u0000b\"", ERR_BAD_REPLY, NULL },
	{ "\"name\": \"transit1_v4\"", "\"name\": \"a\", \"name\": \"b\"", ERR_BAD_REPLY, NULL },
	{ "\"admin_state\": \"up\"", "\"admin_state\": \"UP\"", ERR_BAD_REPLY, "admin_state: 'UP'" },
	{ "\"admin_state\": \"up\"", "\"admin_state\": \"\\u001b[2J\"", ERR_BAD_REPLY, "admin_state" },
	{ "[\"ipv4\"]", "[\"ipv5\"]", ERR_BAD_REPLY, "families" },
	{ "\"since_s\": 86400", "\"since_s\": -1", ERR_BAD_REPLY, "since_s" },
	{ "\"since_s\": 86400", "\"since_s\": 1e30", ERR_BAD_REPLY, "since_s" },
	{ "\"since_s\": 86400", "\"since_s\": \"86400\"", ERR_BAD_REPLY, "since_s" },
	{ "\"since_s\": 86400", "\"since_s\": 007", ERR_BAD_REPLY, NULL },
	{ "\"since_s\": 86400", "\"since_s\": NaN", ERR_BAD_REPLY, NULL },
	{ "\"code\": 6", "\"code\": 256", ERR_BAD_REPLY, "code" },
	{ "\"direction\": \"received\"", "\"direction\": \"upwards\"", ERR_BAD_REPLY, "direction" },
	{ "\"family\": \"ipv4\"", "\"family\": \"inet\"", ERR_BAD_REPLY, "exports[0]: family" },
	{ "\"known\": true", "\"known\": 1", ERR_BAD_REPLY, "exports[0]: known" },
	{ "\"known\": true,", "", ERR_BAD_REPLY, "known: is missing" },
	{ "\"192.0.2.0/24\"", "\"192.0.2.1/24\"", ERR_BAD_REPLY, "host bits" },
	{ "\"192.0.2.0/24\"", "\"192.0.2.0/33\"", ERR_BAD_REPLY, "0..32" },
	{ "\"192.0.2.0/24\"", "\"192.0.2.0\"", ERR_BAD_REPLY, "prefix" },
	{ "\"gshut\": \"no\"", "\"gshut\": false", ERR_BAD_REPLY, "gshut" },
	{ "\"queries\": 123456789", "\"queries\": -5", ERR_BAD_REPLY, "queries" },
	{ "\"queries\": 123456789", "\"queries\": 1.5", ERR_BAD_REPLY, "queries" },
	{ "\"NOERROR\": 120000000", "\"NOERROR\": \"many\"", ERR_BAD_REPLY, "rcodes" },
	{ "\"latency_s\": 0.00012", "\"latency_s\": -0.1", ERR_BAD_REPLY, "latency_s" },
	{ "\"bird\": \"2.0.12\"", "\"bird\": 2", ERR_BAD_REPLY, "version" },
	{ "\"healthy\": \"yes\"", "\"healthy\": true", ERR_BAD_REPLY, "healthy" },
	{ "\"healthy\": \"yes\",", "", ERR_BAD_REPLY, "healthy: is missing" },
	{ "\"sessions\": [", "\"sessions_\": [", ERR_BAD_REPLY, "sessions: is missing" },
	{ "\"sections\": [\"sessions\"", "\"sections\": [7", ERR_BAD_REPLY, "sections[0]" },
	{ "\"serial\": 2026112301", "\"serial\": 4294967296", ERR_BAD_REPLY, "serial" },
	{ "\"identity\": \"fra1.dns.example.net\"", "\"identity\": null", ERR_OK, NULL },
};

START_TEST(test_one_mistake_refuses_the_page)
{
	const struct change *c = &changes[_i];
	const char *text = buf_text(&example), *at = strstr(text, c->from);
	ck_assert_msg(at != NULL, "'%s' does not stand in the example", c->from);
	struct buf page = BUF_INIT(65536);
	buf_add(&page, text, (size_t)(at - text));
	buf_add_text(&page, c->to);
	buf_add_text(&page, at + strlen(c->from));
	struct report *r = report_new();
	struct err err = ERR_INIT;
	int rc = read_page(buf_slice(&page), "application/json", r, &err);
	ck_assert_msg((rc == 0) == (c->code == ERR_OK), "'%s' for '%s': %s", c->to, c->from, rc == 0 ? "taken" : err.text);
	if (rc == -1) {
		ck_assert_msg(err.code == c->code || (c->code == ERR_BAD_REPLY && err.code == ERR_USAGE),
			"'%s': %s (%s)", c->to, err_code_name(err.code), err.text);
		if (c->says)
			ck_assert_msg(strstr(err.text, c->says) != NULL, "'%s' does not say '%s'", err.text, c->says);
		ck_assert_ptr_null(strchr(err.text, '\033'));
	}
	report_free(r);
	buf_done(&page);
}
END_TEST

/* The end of the JSON value at `p`; the example has no bracket inside a string. */
static const char *
value_end(const char *p)
{
	int depth = 0;
	if (*p == '"')
		return strchr(p + 1, '"') + 1;
	for (;; p++) {
		if (depth == 0 && (*p == ',' || *p == '}' || *p == ']' || *p == '\n'))
			return p;
		depth += (*p == '[' || *p == '{') - (*p == ']' || *p == '}');
		if (depth == 0 && (*p == ']' || *p == '}'))
			return p + 1;
	}
}

/* What a value may be replaced by. The kind is the first letter of what JSON calls it, '!' for no JSON at all. */
static const struct {
	const char *text;
	char kind;
} wrongs[] = {
	{ "NaN", '!' }, { "-Infinity", '!' }, { "007", '!' }, { "1e999", '!' }, { "99999999999999999999", '!' }, { "'x'", '!' },
	{ "tru", '!' }, { "\"a\\u0000b\"", '!' }, { "\"\\ud800\"", '!' }, { "\"\xff\"", '!' }, { "\"\033[2J\"", '!' }, { "", '!' },
	{ "-1", 'n' }, { "1e30", 'n' }, { "\"\\u001b]52;c;x\\u0007\"", 's' }, { "null", '0' }, { "true", 'b' }, { "[]", 'a' },
	{ "{}", 'o' }, { "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", '!' },
};

static char
kind_of(char first)
{
	switch (first) {
	case '"':
		return 's';
	case '[':
		return 'a';
	case '{':
		return 'o';
	case 't':
	case 'f':
		return 'b';
	case 'n':
		return '0';
	default:
		return 'n';
	}
}

static void
check_wrong(const char *from, const char *end, size_t i)
{
	const char *text = buf_text(&example);
	struct buf page = BUF_INIT(65536);
	struct report *r = report_new();
	struct err err = ERR_INIT;
	buf_add(&page, text, (size_t)(from - text));
	buf_add_text(&page, wrongs[i].text);
	buf_add_text(&page, end);
	int rc = read_page(buf_slice(&page), "application/json", r, &err);
	char was = kind_of(*from), is = wrongs[i].kind;
	bool is_other_kind = was != '0' && is != '0' && was != is;
	bool is_number = was == 'n' && is == 'n';
	if (is == '!' || is_other_kind || is_number)
		ck_assert_msg(rc == -1, "%s was taken for %.30s", wrongs[i].text, from);
	if (rc == -1) {
		ck_assert_msg(err.text[0] != '\0', "no sentence for %s in place of %.30s", wrongs[i].text, from);
		ck_assert_msg(text_is_clean(slice_of(err.text)), "'%s'", err.text);
	}
	report_free(r);
	buf_done(&page);
}

/* Every value of the example replaced by every wrong one: some hundreds of pages, each refused with a sentence. */
START_TEST(test_every_value_and_every_wrong_one)
{
	size_t values = 0;
	for (const char *p = buf_text(&example); (p = strstr(p, "\": ")) != NULL;) {
		p += 3;
		const char *end = value_end(p);
		for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
			check_wrong(p, end, i);
		values++;
	}
	ck_assert_uint_ge(values, 60);
}
END_TEST

/* Every key of the example a second time, with the same value. */
START_TEST(test_every_key_twice_is_refused)
{
	const char *text = buf_text(&example);
	for (const char *p = text; (p = strstr(p, "\": ")) != NULL; p++) {
		const char *key = p;
		while (key[-1] != '"')
			key--;
		const char *end = value_end(p + 3);
		struct buf page = BUF_INIT(65536);
		struct report *r = report_new();
		struct err err = ERR_INIT;
		buf_add(&page, text, (size_t)(end - text));
		buf_printf(&page, ", \"%.*s", (int)(end - key), key);
		buf_add_text(&page, end);
		ck_assert_msg(read_page(buf_slice(&page), "application/json", r, &err) == -1, "twice: %.20s", key);
		ck_assert_msg(strstr(err.text, "twice") != NULL, "%s", err.text);
		report_free(r);
		buf_done(&page);
	}
}
END_TEST

START_TEST(test_truncation_at_every_byte_is_refused)
{
	size_t len = buf_slice(&example).len;
	while (len > 0 && buf_text(&example)[len - 1] == '\n')
		len--;
	for (size_t n = 0; n < len; n++) {
		struct report *r = report_new();
		struct err err = ERR_INIT;
		ck_assert_msg(read_page((struct slice){ buf_text(&example), n }, "application/json", r, &err) == -1,
			"the first %zu bytes were taken", n);
		report_free(r);
	}
}
END_TEST

START_TEST(test_other_types_are_refused)
{
	struct report *r = report_new();
	struct err err = ERR_INIT;
	ck_assert_int_eq(read_page(slice_of("<html>log in</html>"), "text/html", r, &err), -1);
	ck_assert_int_eq(err.code, ERR_PROTOCOL);
	ck_assert_int_eq(read_page(slice_of("[]"), "application/json", r, &err), -1);
	ck_assert_int_eq(read_page(slice_of("{}"), "application/json", r, &err), -1);
	ck_assert_int_eq(read_page(slice_of("{\"agent\":1,\"sections\":[]}"), "application/json", r, &err), -1);
	ck_assert_int_eq(read_page(slice_of("curl: (7) Failed to connect to 127.0.0.1 port 9101 after 0 ms: Couldn't connect"),
		NULL, r, &err), -1);
	ck_assert_int_eq(err.code, ERR_NOT_RUNNING);
	report_free(r);
}
END_TEST

START_TEST(test_unknown_fields_and_sections_are_counted)
{
	struct report *r = report_new();
	struct err err = ERR_INIT;
	ck_assert_msg(read_page(slice_of("{\"agent\":1,\"colour\":\"red\",\"sections\":[\"sessions\",\"moods\"],"
		"\"sessions\":[{\"name\":\"a\",\"peer\":\"b\",\"state\":\"Idle\",\"mood\":1}]}"), "application/json", r, &err) == 0,
		"%s", err.text);
	ck_assert_uint_eq(r->extras, 3);
	ck_assert_uint_eq(r->sections, REPORT_SESSIONS);
	report_free(r);
}
END_TEST

/* Every member of the example, at whatever depth, has its place in the schema. */
static void
in_schema(const struct json *schema, const struct json *type, const struct json *value)
{
	const struct json *ref = json_get(type, "$ref"), *any = json_get(type, "anyOf");
	if (ref)
		type = json_get(json_get(schema, "$defs"), json_text(ref, "") + strlen("#/$defs/"));
	if (any) {
		in_schema(schema, json_at(any, 0), value);
		return;
	}
	ck_assert_ptr_nonnull(type);
	for (size_t i = 0; i < json_length(value) && json_kind(value) == JSON_ARRAY; i++)
		in_schema(schema, json_get(type, "items"), json_at(value, i));
	if (json_kind(value) != JSON_OBJECT || json_get(type, "additionalProperties"))
		return;
	struct json_iter it = json_iter_start(value);
	const char *key;
	const struct json *member;
	while (json_iter_next(&it, &key, &member)) {
		const struct json *property = json_get(json_get(type, "properties"), key);
		ck_assert_msg(property != NULL, "the schema does not know '%s'", key);
		in_schema(schema, property, member);
	}
}

START_TEST(test_schema_knows_every_field_of_the_example)
{
	struct buf text = BUF_INIT(1u << 20);
	struct err err = ERR_INIT;
	ck_assert_msg(buf_read_file(&text, source_path("docs/agent.schema.json"), &err) == 0, "%s", err.text);
	struct json_doc *schema = json_parse(buf_slice(&text), &err);
	ck_assert_msg(schema != NULL, "%s", err.text);
	struct json_doc *page = json_parse(buf_slice(&example), &err);
	ck_assert_msg(page != NULL, "%s", err.text);
	in_schema(json_root(schema), json_root(schema), json_root(page));
	json_doc_free(page);
	json_doc_free(schema);
	buf_done(&text);
}
END_TEST

START_TEST(test_asks_its_page)
{
	struct node_conf conf = { .agent_url = "http://127.0.0.1:9101" };
	struct node node = { .name = "fra1", .conf = &conf };
	struct request r;
	struct err err = ERR_INIT;
	const struct probe *probe = driver_find_probe(driver_find("agent"), "node");
	request_init(&r);
	ck_assert_int_eq(probe->ask(&node, &r, &err), 0);
	ck_assert_int_eq(r.kind, REQUEST_HTTP);
	ck_assert_str_eq(r.path, "http://127.0.0.1:9101/v1/node");
	request_done(&r);
	conf.agent_url = NULL;
	request_init(&r);
	ck_assert_int_eq(probe->ask(&node, &r, &err), -1);
	ck_assert_int_eq(err.code, ERR_USAGE);
	request_done(&r);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent");
	TCase *c = tcase_create("page");
	load_example();
	tcase_set_timeout(c, 60);
	tcase_add_test(c, test_example_of_the_documentation);
	tcase_add_loop_test(c, test_one_mistake_refuses_the_page, 0, sizeof changes / sizeof changes[0]);
	tcase_add_test(c, test_every_value_and_every_wrong_one);
	tcase_add_test(c, test_every_key_twice_is_refused);
	tcase_add_test(c, test_truncation_at_every_byte_is_refused);
	tcase_add_test(c, test_other_types_are_refused);
	tcase_add_test(c, test_unknown_fields_and_sections_are_counted);
	tcase_add_test(c, test_schema_knows_every_field_of_the_example);
	tcase_add_test(c, test_asks_its_page);
	suite_add_tcase(suite, c);
	int rc = suite_run(suite);
	buf_done(&example);
	return rc;
}
