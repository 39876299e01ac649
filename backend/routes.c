/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API answers, as one table at the end of the file: method, path pattern, what the caller must be allowed, the words of
 * /openapi.json, the query keys and the handler. A handler reads the state and writes bytes; it knows no socket, no
 * header and no library, so tests call it as it stands. api.c decides who is asking and moves the bytes.
 *
 * The handlers that plan and act stand in routes_act.c. Lists of things that this version does not make (secrets, plugins)
 * are there and empty, and say so in their summaries.
 */
#include "backend/routes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/openapi.h"
#include "backend/routes_act.h"
#include "core/text.h"

#define POLL_NOW_GAP_MS 1000 /* many observers may press "refresh"; the nodes are asked once a second at most */
#define EVENTS_DEFAULT  500
#define HISTORY_SPAN_S  (400 * INT64_C(86400))
#define NODE_SPARK_MAX  60

static struct json_writer
writer(struct api_reply *reply)
{
	return (struct json_writer)JSON_WRITER(&reply->body);
}

static const struct fleet *
fleet_of(const struct api_call *call)
{
	return state_fleet(call->conf->state);
}

static int
not_found(const char *kind, const char *name, struct err *err)
{
	char shown[REQUEST_PARAM_SIZE];
	text_sanitise_to(slice_of(name), shown, sizeof shown);
	return err_set(err, ERR_NOT_FOUND, "there is no %s \"%s\"", kind, shown);
}

/* --- filters -------------------------------------------------------------------------------------------------- */

struct filter {
	const char *pop, *node, *kind;
	bool has_verdict;
	enum verdict verdict;
};

static int
read_filter(const struct api_call *call, struct filter *f, struct err *err)
{
	*f = (struct filter){
		.pop = request_value(call->query, "pop"),
		.node = request_value(call->query, "node"),
		.kind = request_value(call->query, "kind"),
	};
	const char *word = request_value(call->query, "verdict");
	if (f->pop && fleet_find_pop(fleet_of(call), f->pop) == SIZE_MAX)
		return not_found("PoP", f->pop, err);
	if (f->node && fleet_find_node(fleet_of(call), f->node) == SIZE_MAX)
		return not_found("node", f->node, err);
	if (!word)
		return 0;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (strcmp(verdict_name((enum verdict)v), word) == 0) {
			f->has_verdict = true;
			f->verdict = (enum verdict)v;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, "verdict is one of the words of a PoP's verdict (blackhole … ok)");
}

static const char *
pop_name_of(const struct fleet *f, const struct node *n)
{
	return n->pop == FLEET_NO_POP ? "" : f->pops[n->pop].name;
}

static bool
takes_node(const struct filter *filter, const struct fleet *f, const struct node *n)
{
	if (filter->pop && strcmp(filter->pop, pop_name_of(f, n)) != 0)
		return false;
	if (filter->node && strcmp(filter->node, n->name) != 0)
		return false;
	return !filter->has_verdict || filter->verdict == n->verdict;
}

/* --- the fleet ------------------------------------------------------------------------------------------------ */

static void
write_spark(struct json_writer *w, const char *name, const double *samples, size_t n)
{
	json_key(w, name);
	json_begin_array(w);
	for (size_t i = 0; i < n; i++)
		json_add_double(w, samples[i], 0);
	json_end_array(w);
}

static void
write_sparks(struct json_writer *w, const struct state *s)
{
	const struct fleet *f = state_fleet(s);
	double samples[STATE_SPARK_MAX];
	json_begin_object(w);
	json_key(w, "pops");
	json_begin_object(w);
	for (size_t i = 0; i < f->n_pops; i++)
		write_spark(w, f->pops[i].name, samples, state_pop_spark(s, i, samples, STATE_SPARK_MAX));
	json_end_object(w);
	json_key(w, "nodes");
	json_begin_object(w);
	for (size_t i = 0; i < f->n_nodes; i++)
		write_spark(w, f->nodes[i].name, samples, state_node_spark(s, i, samples, NODE_SPARK_MAX));
	json_end_object(w);
	json_end_object(w);
}

static int
get_fleet(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	struct json_writer w = writer(reply);
	wire_write_fleet(&w, fleet_of(call), call->now);
	/* The snapshot is one closed object of core/wire.c; the sparks are ours and go in before its last brace. */
	if (reply->body.len < 2 || reply->body.data[reply->body.len - 1] != '}')
		return err_set(err, ERR_FAILED, "the snapshot could not be encoded");
	reply->body.data[--reply->body.len] = '\0';
	(void)buf_add_text(&reply->body, ",\"sparks\":");
	struct json_writer sparks = writer(reply);
	write_sparks(&sparks, call->conf->state);
	return buf_add_char(&reply->body, '}');
}

static int
get_pops(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	struct filter filter;
	if (read_filter(call, &filter, err) == -1)
		return -1;
	const struct fleet *f = fleet_of(call);
	const char *region = request_value(call->query, "region");
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	for (size_t i = 0; i < f->n_pops; i++) {
		const struct pop *p = &f->pops[i];
		if ((filter.has_verdict && p->verdict != filter.verdict) || (region && strcmp(region, p->region) != 0))
			continue;
		wire_write_pop(&w, f, p, call->now);
	}
	json_end_array(&w);
	return 0;
}

static int
get_pop(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct fleet *f = fleet_of(call);
	size_t i = fleet_find_pop(f, call->params->value[0]);
	if (i == SIZE_MAX)
		return not_found("PoP", call->params->value[0], err);
	struct json_writer w = writer(reply);
	wire_write_pop(&w, f, &f->pops[i], call->now);
	return 0;
}

static int
get_nodes(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	struct filter filter;
	if (read_filter(call, &filter, err) == -1)
		return -1;
	const struct fleet *f = fleet_of(call);
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	for (size_t i = 0; i < f->n_nodes; i++) {
		if (takes_node(&filter, f, &f->nodes[i]))
			wire_write_node_brief(&w, f, &f->nodes[i], call->now);
	}
	json_end_array(&w);
	return 0;
}

static int
get_node(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct fleet *f = fleet_of(call);
	size_t i = fleet_find_node(f, call->params->value[0]);
	if (i == SIZE_MAX)
		return not_found("node", call->params->value[0], err);
	struct json_writer w = writer(reply);
	wire_write_node(&w, f, &f->nodes[i], call->now);
	return 0;
}

static int
get_sessions(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	struct filter filter;
	if (read_filter(call, &filter, err) == -1)
		return -1;
	const struct fleet *f = fleet_of(call);
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	for (size_t i = 0; i < f->n_nodes; i++) {
		if (takes_node(&filter, f, &f->nodes[i]))
			wire_write_node_sessions(&w, f, &f->nodes[i], call->now);
	}
	json_end_array(&w);
	return 0;
}

static int
get_node_sessions(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct fleet *f = fleet_of(call);
	size_t i = fleet_find_node(f, call->params->value[0]);
	if (i == SIZE_MAX)
		return not_found("node", call->params->value[0], err);
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	wire_write_node_sessions(&w, f, &f->nodes[i], call->now);
	json_end_array(&w);
	return 0;
}

static int
get_prefixes(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct fleet *f = fleet_of(call);
	const char *service = request_value(call->query, "service");
	size_t only = service ? fleet_find_service(f, service) : SIZE_MAX;
	if (service && only == SIZE_MAX)
		return not_found("service", service, err);
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	for (size_t i = 0; i < f->n_prefixes; i++) {
		if (only == SIZE_MAX || f->prefixes[i].service == only)
			wire_write_prefix(&w, f, i, call->now);
	}
	json_end_array(&w);
	return 0;
}

/* "192.0.2.0%2F24" is one segment, "192.0.2.0/24" two: both are taken. */
static int
get_prefix(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	char text[2 * REQUEST_PARAM_SIZE + 2];
	snprintf(text, sizeof text, "%s%s%s", call->params->value[0], call->params->n == 2 ? "/" : "",
		call->params->n == 2 ? call->params->value[1] : "");
	struct prefix wanted;
	if (prefix_parse(slice_of(text), &wanted, err) == -1)
		return -1;
	const struct fleet *f = fleet_of(call);
	for (size_t i = 0; i < f->n_prefixes; i++) {
		if (!prefix_equal(&f->prefixes[i].prefix, &wanted))
			continue;
		struct json_writer w = writer(reply);
		wire_write_prefix(&w, f, i, call->now);
		return 0;
	}
	return not_found("service prefix", text, err);
}

static int
get_services(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)err;
	struct json_writer w = writer(reply);
	wire_write_services(&w, fleet_of(call), call->now);
	return 0;
}

static int
get_service(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct fleet *f = fleet_of(call);
	size_t i = fleet_find_service(f, call->params->value[0]);
	if (i == SIZE_MAX)
		return not_found("service", call->params->value[0], err);
	struct json_writer w = writer(reply);
	wire_write_service(&w, f, &f->services[i], call->now);
	return 0;
}

/* --- events and history --------------------------------------------------------------------------------------- */

static int
read_number(const char *text, const char *what, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	if (text_parse_int(slice_of(text), min, max, out) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "%s is a number from %" PRId64 " to %" PRId64, what, min, max);
}

static bool
takes_event(const struct filter *filter, const struct event *e)
{
	return !(filter->pop && strcmp(filter->pop, e->pop) != 0) && !(filter->node && strcmp(filter->node, e->node) != 0) &&
		!(filter->kind && strcmp(filter->kind, e->kind) != 0) &&
		!(filter->has_verdict && filter->verdict != e->severity);
}

static int
get_events(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	struct filter filter;
	if (read_filter(call, &filter, err) == -1)
		return -1;
	const char *after_text = request_value(call->query, "after"), *limit_text = request_value(call->query, "limit");
	int64_t after = 0, limit = EVENTS_DEFAULT;
	if (after_text && read_number(after_text, "after", 0, INT64_MAX, &after, err) == -1)
		return -1;
	if (limit_text && read_number(limit_text, "limit", 1, STATE_EVENTS_MAX, &limit, err) == -1)
		return -1;
	size_t n;
	const struct event *events = state_events(call->conf->state, &n);
	/* The newest `limit` that fit, oldest first. */
	size_t first = n;
	for (int64_t found = 0; first > 0 && found < limit; first--)
		found += events[first - 1].id > (uint64_t)after && takes_event(&filter, &events[first - 1]);
	struct json_writer w = writer(reply);
	json_begin_array(&w);
	for (size_t i = first; i < n; i++) {
		if (events[i].id > (uint64_t)after && takes_event(&filter, &events[i]))
			wire_write_event(&w, &events[i]);
	}
	json_end_array(&w);
	return 0;
}

static int
get_event(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	int64_t id;
	if (read_number(call->params->value[0], "the id of an event", 0, INT64_MAX, &id, err) == -1)
		return -1;
	size_t n;
	const struct event *events = state_events(call->conf->state, &n);
	for (size_t i = 0; i < n; i++) {
		if (events[i].id != (uint64_t)id)
			continue;
		struct json_writer w = writer(reply);
		wire_write_event(&w, &events[i]);
		return 0;
	}
	return not_found("event", call->params->value[0], err);
}

static int
read_time(const struct api_call *call, const char *key, struct wall *out, struct err *err)
{
	const char *text = request_value(call->query, key);
	if (text && wall_parse(text, out) == -1)
		return err_set(err, ERR_USAGE, "%s is a time such as 2026-11-23T11:35:03Z", key);
	return 0;
}

static void
put_point(struct json_writer *w, const struct store_point *p)
{
	json_put_time(w, "at", p->at);
	json_put_double(w, "qps_min", p->qps_min, 1);
	json_put_double(w, "qps_avg", p->qps_avg, 1);
	json_put_double(w, "qps_max", p->qps_max, 1);
	json_put_text(w, "verdict", verdict_name(p->worst));
}

static void
on_point(void *arg, const struct store_point *p)
{
	struct json_writer *w = arg;
	json_begin_object(w);
	put_point(w, p);
	json_end_object(w);
}

static int
write_span(const struct api_call *call, const char *pop, struct wall from, struct wall to, struct json_writer *w,
	struct err *err)
{
	json_begin_object(w);
	json_put_text(w, "pop", pop);
	json_put_time(w, "from", from);
	json_put_time(w, "to", to);
	json_key(w, "points");
	json_begin_array(w);
	if (store_read_history(call->conf->store, pop, from, to, on_point, w, err) == -1)
		return -1;
	json_end_array(w);
	json_end_object(w);
	return 0;
}

static void
keep_point(void *arg, const struct store_point *p)
{
	*(struct store_point *)arg = *p;
}

/* What was known of every PoP at one instant: the newest point of the three minutes before it, else of the hour. */
static int
write_instant(const struct api_call *call, const char *only, struct wall at, struct json_writer *w, struct err *err)
{
	static const int64_t spans_s[] = { 180, 3 * 86400 };
	const struct fleet *f = fleet_of(call);
	json_begin_object(w);
	json_put_time(w, "at", at);
	json_key(w, "pops");
	json_begin_array(w);
	for (size_t i = 0; i < f->n_pops; i++) {
		if (only && strcmp(only, f->pops[i].name) != 0)
			continue;
		struct store_point point = { .qps_min = NAN, .qps_avg = NAN, .qps_max = NAN, .worst = VERDICT_UNKNOWN };
		for (size_t k = 0; k < 2 && point.at.ns == 0; k++) {
			struct wall from = { at.ns - spans_s[k] * CLOCK_NS_PER_S };
			if (store_read_history(call->conf->store, f->pops[i].name, from, at, keep_point, &point, err) == -1)
				return -1;
			/* Hours are kept for good, but the one that matters is the one that contains the instant. */
			if (k == 1 && at.ns - point.at.ns >= 3600 * CLOCK_NS_PER_S)
				point = (struct store_point){ .qps_min = NAN, .qps_avg = NAN, .qps_max = NAN,
					.worst = VERDICT_UNKNOWN };
		}
		json_begin_object(w);
		json_put_text(w, "pop", f->pops[i].name);
		if (point.at.ns != 0)
			put_point(w, &point);
		else
			json_put_null(w, "at");
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
	return 0;
}

static int
get_history(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	if (!call->conf->store)
		return err_set(err, ERR_UNSUPPORTED, "this backend keeps no history: it was started without a state folder");
	const char *pop = request_value(call->query, "pop");
	if (pop && fleet_find_pop(fleet_of(call), pop) == SIZE_MAX)
		return not_found("PoP", pop, err);
	struct wall at = call->wall, to = call->wall, from = { 0 };
	if (read_time(call, "at", &at, err) == -1 || read_time(call, "to", &to, err) == -1)
		return -1;
	from.ns = to.ns - 3600 * CLOCK_NS_PER_S;
	if (read_time(call, "from", &from, err) == -1)
		return -1;
	struct json_writer w = writer(reply);
	if (request_value(call->query, "at"))
		return write_instant(call, pop, at, &w, err);
	if (!pop)
		return err_set(err, ERR_USAGE, "history needs pop=NAME with from= and to=, or at=TIME");
	if (from.ns > to.ns || to.ns - from.ns > HISTORY_SPAN_S * CLOCK_NS_PER_S)
		return err_set(err, ERR_USAGE, "from lies before to, and at most 400 days before it");
	return write_span(call, pop, from, to, &w, err);
}

/* --- what this version has none of ----------------------------------------------------------------------------- */

static int
get_nothing(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)call;
	(void)err;
	return buf_add_text(&reply->body, "[]");
}

static int
get_no_such(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)reply;
	return not_found("such thing in this version:", call->params->value[0], err);
}

/* --- the backend itself --------------------------------------------------------------------------------------- */

static int
want_no_body(const struct api_call *call, struct err *err)
{
	struct slice body = slice_trim(call->body);
	if (body.len == 0 || slice_equal(body, "{}"))
		return 0;
	return err_set(err, ERR_USAGE, "this takes no body");
}

static int
ask_polls(const struct api_call *call, struct api_reply *reply)
{
	bool is_asked = call->conf->poll_now &&
		(!mono_is_set(*call->last_poll) || mono_ms_since(call->now, *call->last_poll) >= POLL_NOW_GAP_MS);
	if (is_asked) {
		*call->last_poll = call->now;
		call->conf->poll_now(call->conf->arg);
	}
	struct json_writer w = writer(reply);
	json_begin_object(&w);
	json_put_bool(&w, "asked", is_asked);
	json_end_object(&w);
	reply->status = 202;
	return 0;
}

static int
post_refresh(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	if (want_no_body(call, err) == -1)
		return -1;
	return ask_polls(call, reply);
}

static int
post_probe(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const char *name = call->params->value[0];
	if (fleet_find_service(fleet_of(call), name) == SIZE_MAX)
		return not_found("service", name, err);
	if (want_no_body(call, err) == -1)
		return -1;
	return ask_polls(call, reply);
}

static int
post_reload(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	if (want_no_body(call, err) == -1)
		return -1;
	if (!call->conf->reload)
		return err_set(err, ERR_UNSUPPORTED, "this backend was started without a file to reload");
	if (call->conf->reload(call->conf->arg, err) == -1)
		return -1;
	struct json_writer w = writer(reply);
	json_begin_object(&w);
	json_put_bool(&w, "reloaded", true);
	json_put_int(&w, "revision", (int64_t)fleet_of(call)->revision);
	json_end_object(&w);
	return 0;
}

/* Prometheus says what it takes in Accept; a person says it in the query. */
static bool
wants_openmetrics(const struct api_call *call)
{
	const char *format = request_value(call->query, "format");
	if (format)
		return strcmp(format, "openmetrics") == 0;
	return call->accept && strstr(call->accept, "application/openmetrics-text") != NULL;
}

static int
get_metrics(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)err;
	reply->type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(call->metrics, &reply->body);
	if (call->conf->metrics)
		call->conf->metrics(call->conf->arg, &reply->body);
	if (!wants_openmetrics(call))
		return 0;
	struct buf open = BUF_INIT(API_REPLY_MAX);
	metrics_to_openmetrics(buf_slice(&reply->body), &open);
	buf_done(&reply->body);
	reply->body = open;
	reply->type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	return 0;
}

static void
write_status(struct api_reply *reply, const char *status)
{
	struct json_writer w = writer(reply);
	json_begin_object(&w);
	json_put_text(&w, "status", status);
	json_put_text(&w, "version", CATCHMENT_VERSION);
	json_end_object(&w);
}

static int
get_healthz(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)call;
	(void)err;
	write_status(reply, "alive");
	return 0;
}

/* Ready: every member was asked once, and the answer or the failure is known. Whether the fleet is well is no matter. */
static int
get_readyz(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	const struct fleet *f = fleet_of(call);
	size_t members = 0, known = 0;
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		if (n->role != NODE_MEMBER)
			continue;
		members++;
		known += (mono_is_set(n->seen) && !n->is_restored) || n->error[0] != '\0';
	}
	if (known < members)
		return err_set(err, ERR_STALE, "%zu of %zu nodes have answered or failed so far", known, members);
	write_status(reply, "ready");
	return 0;
}

static int
get_openapi(const struct api_call *call, struct api_reply *reply, struct err *err)
{
	(void)call;
	(void)err;
	size_t n;
	const struct route *table = routes_table(&n);
	struct json_writer w = writer(reply);
	openapi_write(table, n, &w);
	return 0;
}

/* --- the table ------------------------------------------------------------------------------------------------ */

static const char *const query_pops[] = { "verdict", "region", NULL };
static const char *const query_nodes[] = { "pop", "verdict", NULL };
static const char *const query_sessions[] = { "pop", "node", NULL };
static const char *const query_prefixes[] = { "service", NULL };
static const char *const query_events[] = { "pop", "node", "kind", "verdict", "after", "limit", NULL };
static const char *const query_history[] = { "pop", "at", "from", "to", NULL };
static const char *const query_ops[] = { "pop", "state", NULL };
static const char *const query_holds[] = { "pop", NULL };
static const char *const query_audit[] = { "from", "limit", NULL };
static const char *const query_stream[] = { "from", NULL };
static const char *const query_metrics[] = { "format", NULL };

#define READ(path, words, schema_name, keys, fn) \
	{ .method = "GET", .pattern = path, .may = AUTH_SEE, .summary = words, .schema = schema_name, .query = keys, \
		.handler = fn }
#define ACT(needed, path, words, schema_name, fn) \
	{ .method = "POST", .pattern = path, .may = needed, .summary = words, .schema = schema_name, .handler = fn }

static const struct route table_rows[] = {
	{ .method = "GET", .pattern = "/v1/fleet", .is_shared = true, .schema = "Fleet", .handler = get_fleet,
		.summary = "The whole snapshot, with its revision and query-rate samples" },
	READ("/v1/pops", "All PoPs", "Pop[]", query_pops, get_pops),
	READ("/v1/pops/{pop}", "One PoP", "Pop", NULL, get_pop),
	READ("/v1/nodes", "All nodes", "Node[]", query_nodes, get_nodes),
	READ("/v1/nodes/{node}", "One node", "Node", NULL, get_node),
	READ("/v1/sessions", "All BGP sessions", "Session[]", query_sessions, get_sessions),
	READ("/v1/sessions/{node}", "The BGP sessions of one node", "Session[]", NULL, get_node_sessions),
	READ("/v1/prefixes", "All service prefixes, with announce counts", "Prefix[]", query_prefixes, get_prefixes),
	READ("/v1/prefixes/{prefix}", "One service prefix; its slash escaped as %2F", "Prefix", NULL, get_prefix),
	READ("/v1/prefixes/{address}/{length}", "One service prefix, written plainly", "Prefix", NULL, get_prefix),
	READ("/v1/services", "All services", "Service[]", NULL, get_services),
	READ("/v1/services/{service}", "One service", "Service", NULL, get_service),
	READ("/v1/events", "The newest events, oldest first", "Event[]", query_events, get_events),
	READ("/v1/events/{id}", "One event", "Event", NULL, get_event),
	READ("/v1/history", "Roll-ups of query rate and verdict of a PoP over a span, or of all PoPs at an instant",
		"History", query_history, get_history),
	READ("/v1/secrets", "Secrets; empty: this version manages none", "Nothing[]", NULL, get_nothing),
	READ("/v1/secrets/{name}", "One secret; there are none in this version", "Nothing", NULL, get_no_such),
	READ("/v1/ops", "Plans and operations, oldest first", "Operation[]", query_ops, act_get_ops),
	READ("/v1/ops/{id}", "One plan or operation", "Operation", NULL, act_get_op),
	READ("/v1/holds", "What forbids PoPs to announce", "Hold[]", query_holds, act_get_holds),
	READ("/v1/holds/{id}", "One hold", "Hold", NULL, act_get_hold),
	READ("/v1/whoami", "Who the asker is taken for, and what that account may do", "Whoami", NULL, act_get_whoami),
	{ .method = "GET", .pattern = "/v1/access", .may = AUTH_ADMIN, .schema = "Grant[]", .handler = act_get_access,
		.summary = "The rows of `access`, and when each was used last" },
	ACT(AUTH_SEE, "/v1/sittings", "Begins a sitting: named in the header Catchment-Sitting, it bounds how long its acts are taken",
		"Whoami", act_post_sitting),
	ACT(AUTH_SEE, "/v1/sittings/{id}/here", "Somebody pressed a key there: the sitting goes on, if it has not lapsed", "Whoami",
		act_post_here),
	READ("/v1/plugins", "Plugins; empty: this version runs none", "Nothing[]", NULL, get_nothing),
	READ("/v1/plugins/{name}", "One plugin; there are none in this version", "Nothing", NULL, get_no_such),
	READ("/v1/audit", "Records of the ledger as they stand, one JSON object a line, chained by hash", NULL, query_audit,
		act_get_audit),
	{ .method = "GET", .pattern = "/v1/stream", .is_stream = true, .query = query_stream,
		.summary = "Server-Sent Events: change, seen, event, resync; resumes from Last-Event-ID or from=" },
	{ .method = "POST", .pattern = "/v1/refresh", .schema = "Asked", .handler = post_refresh,
		.summary = "Asks for polls now instead of at the next interval; at most once a second" },
	{ .method = "POST", .pattern = "/v1/probe/{service}", .schema = "Asked", .handler = post_probe,
		.summary = "Asks a service's address now, from everywhere; at most once a second" },
	{ .method = "POST", .pattern = "/v1/reload", .may = AUTH_ADMIN, .schema = "Reloaded", .handler = post_reload,
		.summary = "Reads the fleet file again; a bad one keeps the running one" },
	ACT(AUTH_PLAN, "/v1/plans", "Makes a plan: {verb, targets, mode, hold, reason, ticket, kind, lease, auto_undrain}", "Plan",
		act_post_plan),
	READ("/v1/plans/{id}", "A plan with the bytes that a prompt draws", "Plan", NULL, act_get_plan),
	ACT(AUTH_ACT, "/v1/plans/{id}/confirm", "Confirms a plan: {hash, typed, key}", "Operation", act_confirm),
	ACT(AUTH_APPROVE, "/v1/ops/{id}/approve", "Approves what another person confirmed: {hash}", "Operation", act_approve),
	ACT(AUTH_ACT, "/v1/ops/{id}/cancel", "Calls off, or undoes a drain", "Operation", act_cancel),
	ACT(AUTH_ACT, "/v1/ops/{id}/accept", "Takes an unconfirmed operation as done", "Operation", act_accept),
	ACT(AUTH_ACT, "/v1/ops/{id}/extend", "Prolongs the lease of its hold: {lease}", "Operation", act_extend),
	READ("/metrics", "Figures for Prometheus; format=openmetrics gives OpenMetrics 1.0", NULL, query_metrics, get_metrics),
	READ("/healthz", "Is the backend alive?", "Status", NULL, get_healthz),
	READ("/readyz", "Has every node been asked since the start?", "Status", NULL, get_readyz),
	READ("/openapi.json", "This description", "OpenApi", NULL, get_openapi),
};

const struct route *
routes_table(size_t *n)
{
	*n = sizeof table_rows / sizeof *table_rows;
	return table_rows;
}

static void
add_allowed(char *allow, size_t size, const char *method)
{
	size_t len = strlen(allow);
	if (strstr(allow, method) == NULL && len + strlen(method) + 3 < size)
		snprintf(allow + len, size - len, "%s%s", len > 0 ? ", " : "", method);
}

const struct route *
routes_find(const char *method, const char *path, struct request_params *params, char *allow, size_t allow_size,
	struct err *err)
{
	/* HEAD is GET without the body; the library leaves it out. */
	const char *as = strcmp(method, "HEAD") == 0 ? "GET" : method;
	allow[0] = '\0';
	for (size_t i = 0; i < sizeof table_rows / sizeof *table_rows; i++) {
		const struct route *r = &table_rows[i];
		if (!request_match(r->pattern, path, params))
			continue;
		if (strcmp(r->method, as) == 0)
			return r;
		add_allowed(allow, allow_size, r->method);
		if (strcmp(r->method, "GET") == 0)
			add_allowed(allow, allow_size, "HEAD");
	}
	if (allow[0] != '\0')
		(void)err_set(err, ERR_METHOD, "this path takes %s", allow);
	else
		(void)err_set(err, ERR_NOT_FOUND, "there is no such path; /openapi.json lists all");
	return NULL;
}

int
routes_call(const struct route *r, struct slice query, struct api_call *call, struct api_reply *reply, struct err *err)
{
	if (auth_check(call->who, r->may, call->wall, err) == -1) {
		act_note_refusal(call, r->pattern, err);
		return -1;
	}
	if (r->may != AUTH_SEE && act_check_sitting(call, err) == -1) {
		act_note_refusal(call, r->pattern, err);
		return -1;
	}
	struct request_query read;
	if (request_read_query(query, r->query, &read, err) == -1)
		return -1;
	call->query = &read;
	int rc = r->handler(call, reply, err);
	call->query = NULL;
	if (rc == 0 && reply->body.truncated)
		return err_set(err, ERR_TOO_LARGE, "the answer has more than %u bytes", API_REPLY_MAX);
	return rc;
}

void
api_reply_problem(struct api_reply *reply, const struct err *err)
{
	buf_clear(&reply->body);
	reply->status = err_code_http(err->code);
	reply->type = "application/problem+json";
	struct json_writer w = writer(reply);
	char type[64];
	snprintf(type, sizeof type, "urn:catchment:problem:%s", err_code_name(err->code));
	json_begin_object(&w);
	json_put_text(&w, "type", type);
	json_put_text(&w, "title", err_code_text(err->code));
	json_put_int(&w, "status", reply->status);
	json_put_text(&w, "detail", err->text);
	json_put_text(&w, "code", err_code_name(err->code));
	json_put_int(&w, "exit", err_code_exit(err->code));
	json_end_object(&w);
}
