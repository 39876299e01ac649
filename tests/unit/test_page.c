/* SPDX-License-Identifier: Apache-2.0
 *
 * A page taken again by its numbers must come to what reading it whole comes to: the same report after any change of any
 * byte, and the same fleet, events and revisions after any history of a node. Both are compared here as JSON.
 */
#include "core/page.h"

#include <math.h>

#include "backend/state.h"
#include "core/json.h"
#include "plugins/drivers.h"
#include "suite.h"

#define TYPE "application/json"

static int
read_page(struct slice page, struct report *r, struct err *err)
{
	struct reply_part part = { .tag = "", .out = page, .err = { "", 0 }, .status = 0 };
	struct reply reply = { .n_parts = 1, .parts = &part, .http_status = 200, .content_type = TYPE };
	return driver_find_probe(driver_find("agent"), "node")->read(&reply, r, err);
}

/* Reads a page whole and remembers it. */
static struct page *
remember(struct slice text, struct report **r)
{
	struct report_places places = { 0 };
	struct err err = ERR_INIT;
	*r = report_new();
	(*r)->places = &places;
	ck_assert_msg(read_page(text, *r, &err) == 0, "%s", err.text);
	(*r)->places = NULL;
	struct page *p = page_new(text, TYPE, *r, &places);
	free(places.places);
	return p;
}

static char *
json_of(const struct report *r)
{
	struct buf out = BUF_INIT(1u << 20);
	struct json_writer w = JSON_WRITER(&out);
	report_write_json(r, &w);
	return buf_take(&out);
}

static struct buf
fixture(const char *name)
{
	struct buf text = BUF_INIT(1u << 20);
	struct err err = ERR_INIT;
	char path[200];
	snprintf(path, sizeof path, "tests/fixtures/agent/%s--v1-node.json", name);
	ck_assert_msg(buf_read_file(&text, source_path(path), &err) == 0, "%s", err.text);
	return text;
}

/* If the page is taken again, reading it must succeed and give the same report. True if it was taken. */
static bool
agrees(const struct page *p, struct slice was, struct slice now)
{
	union report_number values[PAGE_NUMBERS_MAX];
	if (!page_again(p, now, TYPE, values))
		return false;
	struct report *old = report_new(), *new = report_new();
	struct err err = ERR_INIT;
	size_t n;
	ck_assert_int_eq(read_page(was, old, &err), 0);
	const struct report_place *places = page_places(p, &n);
	uint64_t print = report_fingerprint(old);
	bool is_news = report_put_numbers(old, places, n, values);
	ck_assert_msg(read_page(now, new, &err) == 0, "taken, but: %s", err.text);
	char *a = json_of(old), *b = json_of(new);
	ck_assert_str_eq(a, b);
	ck_assert(is_news == (report_fingerprint(new) != print));
	free(a);
	free(b);
	report_free(old);
	report_free(new);
	return true;
}

static const char *const fixtures[] = { "serving", "daemon-dead", "sessions-down", "prefer-away", "restarted" };

START_TEST(test_any_byte_changed)
{
	struct buf text = fixture(fixtures[_i]);
	struct report *r;
	struct page *p = remember(buf_slice(&text), &r);
	ck_assert_ptr_nonnull(p);
	ck_assert(agrees(p, buf_slice(&text), buf_slice(&text)));
	char *copy = xmalloc(text.len);
	size_t taken = 0;
	static const char bytes[] = "0159-+.eE \",:x{}";
	for (size_t at = 0; at < text.len; at++) {
		memcpy(copy, text.data, text.len);
		for (size_t b = 0; b < sizeof bytes; b++) { /* the NUL too */
			copy[at] = bytes[b];
			taken += bytes[b] != text.data[at] && agrees(p, buf_slice(&text), (struct slice){ copy, text.len });
		}
	}
	ck_assert_uint_gt(taken, 100); /* digits */
	for (size_t len = 0; len < text.len; len++)
		ck_assert(!agrees(p, buf_slice(&text), (struct slice){ text.data, len }));
	free(copy);
	page_free(p);
	report_free(r);
	buf_done(&text);
}
END_TEST

START_TEST(test_any_byte_inserted)
{
	struct buf text = fixture("serving");
	struct report *r;
	struct page *p = remember(buf_slice(&text), &r);
	char *copy = xmalloc(text.len + 1);
	size_t taken = 0;
	static const char bytes[] = "07-. e,";
	for (size_t at = 0; at <= text.len; at++) {
		memcpy(copy, text.data, at);
		memcpy(copy + at + 1, text.data + at, text.len - at);
		for (size_t b = 0; b < sizeof bytes - 1; b++) {
			copy[at] = bytes[b];
			taken += agrees(p, buf_slice(&text), (struct slice){ copy, text.len + 1 });
		}
	}
	ck_assert_uint_gt(taken, 20);
	free(copy);
	page_free(p);
	report_free(r);
	buf_done(&text);
}
END_TEST

/* What stands where a number of the page stood, and whether it is taken as a number. */
static const struct {
	const char *was, *now;
	bool is_taken;
} numbers[] = {
	{ "\"clock_s\":1", "\"clock_s\":0", true },
	{ "\"clock_s\":1", "\"clock_s\":123456", true },
	{ "\"clock_s\":123456", "\"clock_s\":1", true },
	{ "\"clock_s\":1", "\"clock_s\":1099511627776", true },
	{ "\"clock_s\":1", "\"clock_s\":1099511627777", false }, /* out of range */
	{ "\"clock_s\":1", "\"clock_s\":01", false },
	{ "\"clock_s\":1", "\"clock_s\":-1", false },
	{ "\"clock_s\":1", "\"clock_s\":+1", false },
	{ "\"clock_s\":1", "\"clock_s\":1.0", false },
	{ "\"clock_s\":1", "\"clock_s\":1e3", false },
	{ "\"clock_s\":1", "\"clock_s\":null", false },
	{ "\"clock_s\":1", "\"clock_s\": 1", false },
	{ "\"clock_s\":1", "\"clock_s\":\"1\"", false },
	{ "\"clock_s\":1", "\"clock_s\":9223372036854775808", false },
	{ "\"clock_s\":1", "\"clock_s\":18446744073709551617", false }, /* 1 when it wraps */
	{ "\"clock_s\":1,\"new\":7", "\"clock_s\":2,\"new\":7", true },
	{ "\"clock_s\":1,\"new\":7", "\"clock_s\":1,\"new\":8", false }, /* no place: not ours to judge */
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0.5}", "\"clock_s\":1,\"dns\":{\"latency_s\":0.25}", true },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0.5}", "\"clock_s\":1,\"dns\":{\"latency_s\":3}", true },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":3}", "\"clock_s\":1,\"dns\":{\"latency_s\":3600.0}", true },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":3}", "\"clock_s\":1,\"dns\":{\"latency_s\":3600.5}", false },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0.5}", "\"clock_s\":1,\"dns\":{\"latency_s\":.5}", false },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0.5}", "\"clock_s\":1,\"dns\":{\"latency_s\":5.}", false },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0.5}", "\"clock_s\":1,\"dns\":{\"latency_s\":00.5}", false },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0.5}", "\"clock_s\":1,\"dns\":{\"latency_s\":5e-1}", false },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0.0e2}", "\"clock_s\":1,\"dns\":{\"latency_s\":1.0e2}", false },
	{ "\"clock_s\":1,\"dns\":{\"latency_s\":0e2}", "\"clock_s\":1,\"dns\":{\"latency_s\":1e2}", false },
	{ "\"clock_s\":1,\"dns\":{\"queries\":1,\"rcodes\":{\"A\":1}}", "\"clock_s\":1,\"dns\":{\"queries\":2,\"rcodes\":{\"A\":3}}",
		true },
	{ "\"clock_s\":1,\"dns\":{\"queries\":1,\"rcodes\":{\"A\":1}}", "\"clock_s\":1,\"dns\":{\"queries\":2,\"rcodes\":{\"B\":3}}",
		false },
};

static struct buf
page_with(const char *member)
{
	struct buf text = BUF_INIT(4096);
	buf_printf(&text, "{\"agent\":1,\"sections\":[\"clock\"],%s}", member);
	return text;
}

START_TEST(test_numbers)
{
	struct buf was = page_with(numbers[_i].was), now = page_with(numbers[_i].now);
	struct report *r;
	struct page *p = remember(buf_slice(&was), &r);
	ck_assert_ptr_nonnull(p);
	ck_assert_msg(agrees(p, buf_slice(&was), buf_slice(&now)) == numbers[_i].is_taken, "%s", numbers[_i].now);
	page_free(p);
	report_free(r);
	buf_done(&was);
	buf_done(&now);
}
END_TEST

/* Decimals are the very doubles that the parser makes of them, whatever their length. */
START_TEST(test_decimals)
{
	struct buf was = page_with("\"clock_s\":1,\"dns\":{\"latency_s\":0.5}");
	struct report *r;
	struct page *p = remember(buf_slice(&was), &r);
	uint64_t seed = 1;
	for (int i = 0; i < 4000; i++) {
		char member[128];
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		int places = 1 + i % 20;
		snprintf(member, sizeof member, "\"clock_s\":1,\"dns\":{\"latency_s\":%d.%.*s}", (int)(seed >> 60) * 200, places,
			"90071992547409931357");
		char *digit = strchr(strstr(member, "latency_s"), '.') + 1;
		for (int k = 0; k < places; k++)
			digit[k] = (char)('0' + (seed >> (3 * k % 50)) % 10);
		struct buf now = page_with(member);
		ck_assert_msg(agrees(p, buf_slice(&was), buf_slice(&now)), "%s", member);
		buf_done(&now);
	}
	page_free(p);
	report_free(r);
	buf_done(&was);
}
END_TEST

START_TEST(test_what_is_not_remembered)
{
	struct report *r;
	struct buf text = page_with("\"clock_s\":1");
	struct page *p = remember(buf_slice(&text), &r);
	union report_number values[PAGE_NUMBERS_MAX];
	ck_assert(page_again(p, buf_slice(&text), TYPE, values));
	ck_assert(!page_again(p, buf_slice(&text), "text/html", values));
	ck_assert(!page_again(p, buf_slice(&text), NULL, values));
	/* a place that says another number than the report holds was noted in another text */
	struct report_place wrong = { .at = 10, .list = REPORT_LIST_SELF, .offset = offsetof(struct report, clock_s), .max = 9 };
	r->clock_s = 7;
	struct report_places places = { .n = 1, .places = &wrong };
	struct page *none = page_new(buf_slice(&text), TYPE, r, &places);
	size_t n;
	page_places(none, &n);
	ck_assert_uint_eq(n, 0);
	places.n = 0;
	ck_assert_ptr_null(page_new(buf_slice(&text), TYPE, r, &places));
	page_free(none);
	page_free(p);
	report_free(r);
	buf_done(&text);
}
END_TEST

/* Histories: two states hear the same answers, one reads each whole, the other as the poller does. */

struct world {
	struct state *state;
	struct page *page;
	struct state_shape shape;
	size_t n_changed, n_seen, n_again;
};

static void
on_changed(void *arg, size_t node)
{
	(void)node;
	((struct world *)arg)->n_changed++;
}

static void
on_seen(void *arg, size_t node)
{
	(void)node;
	((struct world *)arg)->n_seen++;
}

static struct fleet *
make_fleet(void)
{
	struct fleet *f = fleet_new();
	f->n_services = 1;
	f->services = arena_alloc(f->arena, sizeof *f->services);
	strcpy(f->services[0].name, "ns");
	f->services[0].policy.drill_days = -1;
	f->n_prefixes = 1;
	f->prefixes = arena_alloc(f->arena, sizeof *f->prefixes);
	ck_assert_int_eq(prefix_parse(slice_of("192.0.2.0/24"), &f->prefixes[0].prefix, NULL), 0);
	f->n_pops = 1;
	f->pops = arena_alloc(f->arena, sizeof *f->pops);
	strcpy(f->pops[0].name, "fra");
	f->n_nodes = 2;
	f->nodes = arena_alloc(f->arena, 2 * sizeof *f->nodes);
	for (size_t i = 0; i < 2; i++) {
		snprintf(f->nodes[i].name, sizeof f->nodes[i].name, "fra%zu", i + 1);
		strcpy(f->nodes[i].bgp_driver, "agent");
		strcpy(f->nodes[i].dns_driver, "agent");
		f->nodes[i].poll_ms = 2000;
		f->nodes[i].capacity_qps = NAN;
		f->nodes[i].conf = arena_alloc(f->arena, sizeof *f->nodes[i].conf);
	}
	fleet_link(f);
	return f;
}

static void
world_open(struct world *w)
{
	*w = (struct world){ .state = state_new(make_fleet()) };
	const struct state_watcher watcher = { .node_changed = on_changed, .node_seen = on_seen, .arg = w };
	state_watch(w->state, &watcher);
}

static void
world_close(struct world *w)
{
	state_free(w->state);
	page_free(w->page);
}

static void
hear(struct world *w, struct slice text, bool whole, struct mono now, struct wall wall)
{
	union report_number values[PAGE_NUMBERS_MAX];
	if (!whole && w->page && page_again(w->page, text, TYPE, values) &&
		state_apply_numbers(w->state, 0, &w->shape, w->page, values, now, wall)) {
		w->n_again++;
		return;
	}
	struct report *r;
	page_free(w->page);
	w->page = remember(text, &r);
	w->shape = state_apply(w->state, 0, "agent/node", r, now, wall);
}

/* What an observer can know. */
static char *
world_text(const struct world *w, struct mono now)
{
	struct buf out = BUF_INIT(1u << 22);
	struct json_writer j = JSON_WRITER(&out);
	wire_write_fleet(&j, state_fleet(w->state), now);
	size_t n;
	const struct event *events = state_events(w->state, &n);
	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "\n%s %s", events[i].kind, events[i].text);
	buf_printf(&out, "\nchanged %zu seen %zu", w->n_changed, w->n_seen);
	return buf_take(&out);
}

struct node_sim {
	int64_t queries, uptime_s, since_s, received, serial, clock_s;
	double latency_s;
	bool is_up;
};

static struct buf
page_of(const struct node_sim *s)
{
	struct buf b = BUF_INIT(8192);
	buf_printf(&b,
		"{\"agent\":1,\"sections\":[\"sessions\",\"exports\",\"dns\",\"zones\",\"health\",\"clock\"],\"sessions\":["
		"{\"name\":\"a\",\"peer\":\"10.0.0.1\",\"state\":\"%s\",\"since_s\":%lld,\"received\":%lld,\"advertised\":1,"
		"\"last_error\":null}],\"exports\":[{\"session\":\"a\",\"family\":\"ipv4\",\"known\":true,\"routes\":[%s]}],",
		s->is_up ? "Established" : "Connect", (long long)s->since_s, (long long)s->received,
		s->is_up ? "{\"prefix\":\"192.0.2.0/24\"}" : "");
	buf_printf(&b,
		"\"dns\":{\"queries\":%lld,\"uptime_s\":%lld,\"latency_s\":%.4f,\"rcodes\":{\"NOERROR\":%lld}},"
		"\"zones\":[{\"name\":\"example.com\",\"serial\":%lld}],\"healthy\":\"yes\",\"clock_s\":%lld}",
		(long long)s->queries, (long long)s->uptime_s, s->latency_s, (long long)s->queries, (long long)s->serial,
		(long long)s->clock_s);
	return b;
}

static unsigned
draw(uint64_t *seed, unsigned below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*seed >> 33) % below;
}

/* One of the things that happen to a node between two polls. */
static void
happen(struct node_sim *s, uint64_t *seed)
{
	switch (draw(seed, 14)) {
	case 0:
		s->is_up = !s->is_up;
		s->since_s = 0;
		return;
	case 1:
		s->uptime_s = 0;
		s->queries = draw(seed, 1000);
		return;
	case 2:
		s->uptime_s += 290;
		return;
	case 3:
		s->received = draw(seed, 5);
		return;
	case 4:
		s->serial++;
		return;
	case 5:
		s->clock_s += draw(seed, 2) ? 100 : -100;
		return;
	case 6:
		s->queries += 100000;
		return;
	case 7:
		s->since_s = draw(seed, 40);
		return;
	default:
		return;
	}
}

static void
both_fail(struct world *w, struct mono now, struct wall wall)
{
	struct err why = ERR_INIT;
	err_set(&why, ERR_TIMEOUT, "it did not answer");
	for (int i = 0; i < 2; i++)
		state_fail(w[i].state, 0, "agent/node", REPORT_SESSIONS | REPORT_EXPORTS | REPORT_DNS, &why, now, wall);
}

/* Another vantage's answers about the node join its facts, or take those of the page over. */
static void
both_answered(struct world *w, enum tri answered, struct mono now, struct wall wall)
{
	for (int i = 0; i < 2; i++) {
		struct report *r = report_new();
		r->sections = REPORT_ANSWERS;
		struct answer_fact *a = report_add_answer(r);
		a->vantage = "local";
		a->target = "10.0.0.11";
		a->is_answered = answered;
		a->rcode = "NOERROR";
		state_apply(w[i].state, 0, "outside/local", r, now, wall);
	}
}

START_TEST(test_histories)
{
	struct world w[2];
	uint64_t seed = 77 + (uint64_t)_i;
	struct node_sim s = { .queries = 1000, .uptime_s = 10, .since_s = 5, .received = 2, .serial = 1, .clock_s = 1760000000,
		.latency_s = 0.001, .is_up = true };
	int64_t ms = 1000000;
	world_open(&w[0]);
	world_open(&w[1]);
	for (int step = 0; step < 400; step++) {
		int64_t passed = draw(&seed, 20) == 0 ? 9000 : 2000;
		ms += passed;
		struct mono now = { ms * CLOCK_NS_PER_MS };
		struct wall wall = { INT64_C(1760000000) * CLOCK_NS_PER_S + now.ns };
		if (step == 0)
			s.clock_s += ms / 1000;
		s.uptime_s += passed / 1000;
		s.since_s += passed / 1000;
		s.clock_s += passed / 1000;
		s.queries += 200 + draw(&seed, 4);
		s.latency_s = 0.0001 * draw(&seed, 30);
		happen(&s, &seed);
		unsigned what = draw(&seed, 25);
		if (what == 0)
			both_fail(w, now, wall);
		else if (what == 1)
			both_answered(w, draw(&seed, 3) ? TRI_YES : TRI_NO, now, wall);
		for (int i = 0; i < 2; i++) {
			state_tick(w[i].state, now, wall);
			struct buf page = page_of(&s);
			if (what != 2)
				hear(&w[i], buf_slice(&page), i == 0, now, wall);
			buf_done(&page);
		}
		char *a = world_text(&w[0], now), *b = world_text(&w[1], now);
		size_t same = 0;
		while (a[same] && a[same] == b[same])
			same++;
		ck_assert_msg(strcmp(a, b) == 0, "step %d: %.80s -- %.80s", step, a + same, b + same);
		free(a);
		free(b);
	}
	ck_assert_uint_gt(w[1].n_again, 150);
	ck_assert_uint_eq(w[0].n_again, 0);
	world_close(&w[0]);
	world_close(&w[1]);
}
END_TEST

START_TEST(test_shape_of_others_is_left_alone)
{
	struct world w;
	struct mono now = { 1000 * CLOCK_NS_PER_S };
	struct wall wall = { INT64_C(1760000000) * CLOCK_NS_PER_S };
	struct node_sim s = { .queries = 1000, .uptime_s = 10, .since_s = 5, .serial = 1, .clock_s = 1760000000, .is_up = true };
	union report_number values[PAGE_NUMBERS_MAX];
	world_open(&w);
	struct buf page = page_of(&s);
	hear(&w, buf_slice(&page), false, now, wall);
	ck_assert(page_again(w.page, buf_slice(&page), TYPE, values));
	ck_assert(state_apply_numbers(w.state, 0, &w.shape, w.page, values, now, wall));
	/* another node's facts are not of this page */
	ck_assert(!state_apply_numbers(w.state, 1, &w.shape, w.page, values, now, wall));
	/* another probe states one of the page's sections: the numbers have no place any more */
	struct report *r = report_new();
	r->sections = REPORT_DNS;
	state_apply(w.state, 0, "knot/stats", r, now, wall);
	ck_assert(!state_apply_numbers(w.state, 0, &w.shape, w.page, values, now, wall));
	buf_done(&page);
	world_close(&w);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("page");
	TCase *c = tcase_create("pages");
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, test_any_byte_changed, 0, sizeof fixtures / sizeof fixtures[0]);
	tcase_add_test(c, test_any_byte_inserted);
	tcase_add_loop_test(c, test_numbers, 0, sizeof numbers / sizeof numbers[0]);
	tcase_add_test(c, test_decimals);
	tcase_add_test(c, test_what_is_not_remembered);
	tcase_add_loop_test(c, test_histories, 0, 8);
	tcase_add_test(c, test_shape_of_others_is_left_alone);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
