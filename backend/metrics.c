/* SPDX-License-Identifier: Apache-2.0
 *
 * /metrics. Each figure is written by one short function a family, in the text format of Prometheus 0.0.4; OpenMetrics
 * is made from that text, because the two differ only in the head lines of counters and in the end mark, and one writer
 * cannot disagree with itself. What is not known is left out: an absent sample is honest, a zero is not.
 *
 * Verdicts are a state set: one sample a verdict, of which exactly one is 1, so that an alert names the word. Names of
 * PoPs, nodes and prefixes come from fleet.yaml; no remote text is ever a label. Called by routes.c and by tests; the
 * poller adds its own families with the same two helpers.
 */
#include "backend/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void
metrics_family(struct buf *out, const char *name, const char *type, const char *help)
{
	(void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A fleet of a thousand nodes has twenty thousand samples, and the loop does nothing else meanwhile: printf took 6,000
 * instructions for each, 40 ms a page. */
static void
add_label_value(struct buf *out, const char *text)
{
	for (;;) {
		size_t plain = 0; /* strcspn builds a table first, for names of eight bytes */
		while (text[plain] && text[plain] != '\\' && text[plain] != '"' && text[plain] != '\n')
			plain++;
		(void)buf_add(out, text, plain);
		text += plain;
		if (!*text)
			return;
		if (*text != '\n')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, *text == '\n' ? ' ' : *text);
		text++;
	}
}

/* Digits of n in front of `end`, at least `least` of them; returns where they begin. */
static char *
put_digits(char *end, uint64_t n, int least)
{
	do {
		*--end = (char)('0' + n % 10);
		n /= 10;
		least--;
	} while (n > 0 || least > 0);
	return end;
}

/* To the microsecond is what clocks and rates have; smaller and larger numbers are printf's. */
static void
add_value(struct buf *out, double value)
{
	double size = fabs(value);
	if (isinf(value)) {
		(void)buf_add_text(out, value > 0 ? " +Inf\n" : " -Inf\n");
		return;
	}
	if ((size >= 1e9 && size != floor(size)) || size >= 1e15 || (size > 0 && size < 1e-3)) {
		(void)buf_printf(out, " %.9g\n", value);
		return;
	}
	char text[48], *end = text + sizeof text, *p = end;
	uint64_t whole = (uint64_t)size, millionth = (uint64_t)llround((size - floor(size)) * 1e6);
	if (millionth == 1000000) {
		whole++;
		millionth = 0;
	}
	*--p = '\n';
	if (millionth > 0) {
		int places = 6;
		for (; millionth % 10 == 0; millionth /= 10)
			places--;
		p = put_digits(p, millionth, places);
		*--p = '.';
	}
	p = put_digits(p, whole, 1);
	if (value < 0)
		*--p = '-';
	*--p = ' ';
	(void)buf_add(out, p, (size_t)(end - p));
}

void
metrics_sample(struct buf *out, const char *name, double value, ...)
{
	if (isnan(value))
		return;
	(void)buf_add_text(out, name);
	va_list labels;
	va_start(labels, value);
	bool is_first = true;
	for (const char *key = va_arg(labels, const char *); key; key = va_arg(labels, const char *)) {
		const char *text = va_arg(labels, const char *);
		(void)buf_add_char(out, is_first ? '{' : ',');
		(void)buf_add_text(out, key);
		(void)buf_add(out, "=\"", 2);
		add_label_value(out, text);
		(void)buf_add_char(out, '"');
		is_first = false;
	}
	va_end(labels);
	if (!is_first)
		(void)buf_add_char(out, '}');
	add_value(out, value);
}

/* --- the fleet ------------------------------------------------------------------------------------------------ */

static double
known(int64_t value)
{
	return value < 0 ? NAN : (double)value;
}

static const char *
pop_of(const struct fleet *f, const struct node *n)
{
	return n->pop == FLEET_NO_POP ? "" : f->pops[n->pop].name;
}

static void
write_pop_verdicts(const struct fleet *f, struct buf *out)
{
	metrics_family(out, "catchment_pop_verdict", "gauge", "Verdict of a PoP: 1 for the one that holds.");
	for (size_t i = 0; i < f->n_pops; i++) {
		for (int v = 0; v < VERDICT_COUNT; v++) {
			metrics_sample(out, "catchment_pop_verdict", f->pops[i].verdict == (enum verdict)v, "pop",
				f->pops[i].name, "verdict", verdict_name((enum verdict)v), NULL);
		}
	}
}

static void
write_node_verdicts(const struct fleet *f, struct buf *out)
{
	metrics_family(out, "catchment_node_verdict", "gauge", "Verdict of a node: 1 for the one that holds.");
	for (size_t i = 0; i < f->n_nodes; i++) {
		for (int v = 0; v < VERDICT_COUNT; v++) {
			metrics_sample(out, "catchment_node_verdict", f->nodes[i].verdict == (enum verdict)v, "pop",
				pop_of(f, &f->nodes[i]), "node", f->nodes[i].name, "verdict",
				verdict_name((enum verdict)v), NULL);
		}
	}
}

/* One gauge with a sample a PoP. */
static void
write_pop_gauge(const struct fleet *f, struct buf *out, const char *name, const char *help,
	double (*value)(const struct pop *, struct mono), struct mono now)
{
	metrics_family(out, name, "gauge", help);
	for (size_t i = 0; i < f->n_pops; i++)
		metrics_sample(out, name, value(&f->pops[i], now), "pop", f->pops[i].name, NULL);
}

static double
pop_qps(const struct pop *p, struct mono now)
{
	(void)now;
	return p->qps;
}

static double
pop_capacity(const struct pop *p, struct mono now)
{
	(void)now;
	return p->capacity_qps;
}

static double
pop_age(const struct pop *p, struct mono now)
{
	double age = pop_age_s(p, now);
	return age < 0 ? NAN : age;
}

static double
pop_sessions_up(const struct pop *p, struct mono now)
{
	(void)now;
	return (double)p->sessions_up;
}

static double
pop_sessions(const struct pop *p, struct mono now)
{
	(void)now;
	return (double)p->sessions_total;
}

static void
write_node_gauge(const struct fleet *f, struct buf *out, const char *name, const char *type, const char *help,
	double (*value)(const struct node *, struct mono), struct mono now)
{
	metrics_family(out, name, type, help);
	for (size_t i = 0; i < f->n_nodes; i++) {
		metrics_sample(out, name, value(&f->nodes[i], now), "pop", pop_of(f, &f->nodes[i]), "node",
			f->nodes[i].name, NULL);
	}
}

static double
node_qps(const struct node *n, struct mono now)
{
	(void)now;
	return n->qps;
}

static double
node_queries(const struct node *n, struct mono now)
{
	(void)now;
	return (n->facts->sections & REPORT_DNS) ? known(n->facts->dns.queries) : NAN;
}

static double
node_age(const struct node *n, struct mono now)
{
	double age = node_age_s(n, now);
	return age < 0 ? NAN : age;
}

static double
node_fresh(const struct node *n, struct mono now)
{
	return !node_is_stale(n, now);
}

static void
write_planes(const struct fleet *f, struct mono now, struct buf *out)
{
	metrics_family(out, "catchment_node_plane_good", "gauge",
		"Whether a plane of a node is good: 1 yes, 0 no, absent when not known.");
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		for (int p = 0; p < PLANE_COUNT; p++) {
			enum tri good = n->planes[p].is_good;
			metrics_sample(out, "catchment_node_plane_good", good == TRI_UNKNOWN ? NAN : good == TRI_YES, "pop",
				pop_of(f, n), "node", n->name, "plane", plane_name((enum plane_name)p), NULL);
		}
	}
	metrics_family(out, "catchment_node_plane_age_seconds", "gauge", "Age of the newest fact of a plane of a node.");
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		for (int p = 0; p < PLANE_COUNT; p++) {
			struct mono seen = n->planes[p].seen;
			metrics_sample(out, "catchment_node_plane_age_seconds",
				mono_is_set(seen) ? mono_s_since(now, seen) : NAN, "pop", pop_of(f, n), "node", n->name,
				"plane", plane_name((enum plane_name)p), NULL);
		}
	}
}

static void
write_prefixes(const struct fleet *f, struct mono now, struct buf *out)
{
	const char *name = "catchment_prefix_pops";
	metrics_family(out, name, "gauge", "PoPs by what they say of a service prefix on the wire.");
	for (size_t i = 0; i < f->n_prefixes; i++) {
		char prefix[PREFIX_TEXT_MAX];
		prefix_format(&f->prefixes[i].prefix, prefix);
		const char *family = f->prefixes[i].prefix.family == FAMILY_V6 ? "ipv6" : "ipv4";
		struct announce_count count = fleet_count_announced(f, i, now);
		const struct {
			enum announced state;
			size_t n;
		} rows[] = {
			{ ANNOUNCED_YES, count.announced },
			{ ANNOUNCED_PREFER_AWAY, count.prefer_away },
			{ ANNOUNCED_WITHDRAWN, count.withdrawn },
			{ ANNOUNCED_UNKNOWN, count.unknown },
		};
		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
			metrics_sample(out, name, (double)rows[k].n, "prefix", prefix, "family", family, "state",
				announced_name(rows[k].state), NULL);
		}
	}
}

static void
write_fleet(const struct fleet *f, struct mono now, struct buf *out)
{
	metrics_family(out, "catchment_fleet_revision", "gauge", "Rises by one with every change of the fleet.");
	metrics_sample(out, "catchment_fleet_revision", (double)f->revision, NULL);
	write_pop_verdicts(f, out);
	write_pop_gauge(f, out, "catchment_pop_queries_per_second", "Query rate of a PoP.", pop_qps, now);
	write_pop_gauge(f, out, "catchment_pop_capacity_queries_per_second", "Query rate that a PoP can bear.",
		pop_capacity, now);
	write_pop_gauge(f, out, "catchment_pop_age_seconds", "Age of the oldest of the newest facts of a PoP's nodes.",
		pop_age, now);
	write_pop_gauge(f, out, "catchment_pop_sessions_established", "BGP sessions of a PoP that are Established.",
		pop_sessions_up, now);
	write_pop_gauge(f, out, "catchment_pop_sessions", "BGP sessions of a PoP.", pop_sessions, now);
	write_node_verdicts(f, out);
	write_node_gauge(f, out, "catchment_node_queries_per_second", "gauge", "Query rate of a node.", node_qps, now);
	write_node_gauge(f, out, "catchment_node_queries_total", "counter",
		"Queries that a node's DNS daemon has counted since its start.", node_queries, now);
	write_node_gauge(f, out, "catchment_node_age_seconds", "gauge", "Age of the newest fact of a node.", node_age, now);
	write_node_gauge(f, out, "catchment_node_fresh", "gauge", "1 when the newest fact is younger than 3 polls.",
		node_fresh, now);
	write_planes(f, now, out);
	write_prefixes(f, now, out);
}

/* --- the backend itself --------------------------------------------------------------------------------------- */

static void
write_one(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	metrics_family(out, name, type, help);
	metrics_sample(out, name, value, NULL);
}

static void
write_api(const struct metrics *m, struct buf *out)
{
	write_one(out, "catchment_api_connections", "gauge", "Open connections to the API.", (double)m->connections);
	write_one(out, "catchment_api_streams", "gauge", "Open streams.", (double)m->streams);
	metrics_family(out, "catchment_api_requests_total", "counter", "Requests answered, by class of status.");
	static const char *const classes[] = { NULL, "1xx", "2xx", "3xx", "4xx", "5xx" };
	for (size_t i = 2; i < sizeof classes / sizeof *classes; i++)
		metrics_sample(out, "catchment_api_requests_total", (double)m->requests[i], "result", classes[i], NULL);
	write_one(out, "catchment_api_turned_away_total", "counter",
		"Connections ended at the door or by a deadline: limits, broken heads, slowness.", (double)m->turned_away);
	metrics_family(out, "catchment_stream_messages_total", "counter", "Messages encoded for all streams, by kind.");
	metrics_sample(out, "catchment_stream_messages_total", (double)m->messages_change, "kind", "change", NULL);
	metrics_sample(out, "catchment_stream_messages_total", (double)m->messages_seen, "kind", "seen", NULL);
	metrics_sample(out, "catchment_stream_messages_total", (double)m->messages_event, "kind", "event", NULL);
	write_one(out, "catchment_stream_resyncs_total", "counter", "Readers of streams that were sent to a fresh snapshot.",
		(double)m->resyncs);
}

static void
write_tls(const struct metrics *m, struct buf *out)
{
	const struct {
		const char *result;
		uint64_t n;
	} results[] = {
		{ "done", m->tls.done }, { "bad_certificate", m->tls.bad_certificate }, { "failed", m->tls.failed },
		{ "timed_out", m->tls.timed_out }, { "turned_away", m->tls.turned_away },
	};
	write_one(out, "catchment_tls_sessions", "gauge", "Open TLS sessions, handshakes among them.", (double)m->tls.sessions);
	metrics_family(out, "catchment_tls_handshakes_total", "counter", "TLS handshakes that came to an end, by result.");
	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		metrics_sample(out, "catchment_tls_handshakes_total", (double)results[i].n, "result", results[i].result, NULL);
	write_one(out, "catchment_tls_certificate_expiry_timestamp_seconds", "gauge", "When the certificate of the API ends.",
		(double)m->cert_ends.ns / 1e9);
	if (m->crl_ends.ns != 0)
		write_one(out, "catchment_tls_crl_expiry_timestamp_seconds", "gauge",
			"When the first list of revoked client certificates ends; none is taken after it.", (double)m->crl_ends.ns / 1e9);
}

/* Resident bytes from /proc/self/statm, "size resident shared …" in pages; NAN when it cannot be read. */
static double
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size, resident;
	double bytes = NAN;
	if (file && fscanf(file, "%lu %lu", &size, &resident) == 2)
		bytes = (double)resident * (double)sysconf(_SC_PAGESIZE);
	if (file)
		(void)fclose(file);
	return bytes;
}

static double
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return NAN;
	/* ".", ".." and the descriptor of the reading itself do not count */
	double n = -3;
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void
write_process(struct buf *out)
{
	struct timespec cpu;
	struct rlimit files;
	write_one(out, "process_cpu_seconds_total", "counter", "CPU time spent.",
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0 ? (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9 : NAN);
	write_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
	write_one(out, "process_open_fds", "gauge", "Open descriptors.", open_descriptors());
	write_one(out, "process_max_fds", "gauge", "Descriptors that may be open.",
		getrlimit(RLIMIT_NOFILE, &files) == 0 ? (double)files.rlim_cur : NAN);
}

void
metrics_write(const struct metrics *m, struct buf *out)
{
	metrics_family(out, "catchment_build_info", "gauge", "Always 1; the version is in the label.");
	metrics_sample(out, "catchment_build_info", 1, "version", CATCHMENT_VERSION, NULL);
	if (m->state)
		write_fleet(state_fleet(m->state), m->now, out);
	write_api(m, out);
	if (m->has_tls)
		write_tls(m, out);
	if (m->loop) {
		write_one(out, "catchment_loop_slowest_callback_seconds", "gauge", "Longest callback of the event loop so far.",
			loop_slowest_ms(m->loop) / 1000);
		write_one(out, "catchment_loop_slow_callbacks_total", "counter", "Callbacks that took over 20 ms.",
			(double)loop_slow_count(m->loop));
	}
	if (m->store)
		write_one(out, "catchment_store_errors_total", "counter", "Failed reads and writes of the store.",
			(double)store_errors(m->store));
	write_process(out);
}

/* --- OpenMetrics ---------------------------------------------------------------------------------------------- */

/* "# HELP x_total …" and "# TYPE x_total counter" name the family, which in OpenMetrics has no _total. */
static void
add_head_line(struct slice line, struct buf *out)
{
	struct slice rest = line, hash, keyword, name;
	if (!slice_next_word(&rest, &hash) || !slice_next_word(&rest, &keyword) || !slice_next_word(&rest, &name))
		return;
	if (name.len > 6 && memcmp(name.data + name.len - 6, "_total", 6) == 0)
		name.len -= 6;
	(void)buf_printf(out, "# %.*s %.*s", (int)keyword.len, keyword.data, (int)name.len, name.data);
	(void)buf_add(out, rest.data, rest.len);
	(void)buf_add_char(out, '\n');
}

void
metrics_to_openmetrics(struct slice classic, struct buf *out)
{
	struct slice line;
	while (slice_next_line(&classic, &line)) {
		if (line.len == 0)
			continue;
		if (line.data[0] == '#') {
			add_head_line(line, out);
			continue;
		}
		(void)buf_add(out, line.data, line.len);
		(void)buf_add_char(out, '\n');
	}
	(void)buf_add_text(out, "# EOF\n");
}
