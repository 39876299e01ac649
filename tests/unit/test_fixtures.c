/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture runner: every recorded reply under tests/fixtures is given to the probe that map.txt names and the report
 * (or the refusal) compared with the JSON beside it; then the same replies are cut and changed byte by byte, since a node
 * may send anything. A new fixture or a new daemon needs files and rows, no code. UPDATE=1 writes the expected results.
 *
 * It also holds what all drivers promise: probes only read, arguments survive a shell, and nothing that reached a report
 * can harm a terminal.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"
#include "core/text.h"
#include "plugins/drivers.h"
#include "suite.h"

#define FIXTURES       "tests/fixtures"
#define FILE_MAX       (1u << 20)
#define ROWS_MAX       256
#define FIXTURES_MAX   2048
#define VARIANTS_MAX   600 /* truncations, and as many changes, of one file */
#define FAILURES_SHOWN 20

struct row {
	char pattern[128]; /* "bird/STATE--show-status*" */
	char driver[32], probe[32], tag[160];
};

struct fixture {
	char name[200]; /* "bird/established--show-status.txt" */
	const struct row *row;
	const struct driver *driver;
	const struct probe *probe;
	int status;
	struct buf out, err;
};

static struct row rows[ROWS_MAX];
static size_t n_rows;
static struct fixture fixtures[FIXTURES_MAX];
static size_t n_fixtures;
static size_t n_failed;

__attribute__((format(printf, 2, 3))) static void
report_failure(const struct fixture *f, const char *format, ...)
{
	va_list args;
	if (n_failed++ >= FAILURES_SHOWN)
		return;
	fprintf(stderr, "%s: ", f->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void
load(struct buf *b, const char *name)
{
	struct err err = ERR_INIT;
	char path[300];
	snprintf(path, sizeof path, FIXTURES "/%s", name);
	if (buf_read_file(b, source_path(path), &err) == -1)
		ck_abort_msg("%s", err.text);
}

/* ---- which files there are, and who reads them ---- */

static void
load_rows(void)
{
	struct buf text = BUF_INIT(FILE_MAX);
	load(&text, "map.txt");
	struct slice rest = buf_slice(&text), line, word;
	while (slice_next_line(&rest, &line)) {
		if (line.len == 0 || line.data[0] == '#')
			continue;
		ck_assert_uint_lt(n_rows, ROWS_MAX);
		struct row *r = &rows[n_rows++];
		ck_assert(slice_next_word(&line, &word));
		slice_copy(word, r->pattern, sizeof r->pattern);
		ck_assert_msg(slice_next_word(&line, &word), "%s: no probe", r->pattern);
		const char *slash = memchr(word.data, '/', word.len);
		ck_assert_msg(slash != NULL, "%s: DRIVER/PROBE is wanted", r->pattern);
		slice_copy((struct slice){ word.data, (size_t)(slash - word.data) }, r->driver, sizeof r->driver);
		slice_copy((struct slice){ slash + 1, (size_t)(word.data + word.len - slash - 1) }, r->probe, sizeof r->probe);
		slice_copy(slice_trim(line), r->tag, sizeof r->tag);
	}
	buf_done(&text);
}

static const struct row *
find_row(const char *stem)
{
	for (size_t i = 0; i < n_rows; i++)
		if (fnmatch(rows[i].pattern, stem, FNM_PATHNAME) == 0)
			return &rows[i];
	return NULL;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n > m && strcmp(text + n - m, end) == 0;
}

static bool
exists(const char *name)
{
	char path[300];
	snprintf(path, sizeof path, FIXTURES "/%s", name);
	return access(source_path(path), R_OK) == 0;
}

static void
add_fixture(const char *folder, const char *file)
{
	char stem[200], errors[220];
	ck_assert_uint_lt(n_fixtures, FIXTURES_MAX);
	struct fixture *f = &fixtures[n_fixtures++];
	snprintf(f->name, sizeof f->name, "%s/%s", folder, file);
	snprintf(stem, sizeof stem, "%s", f->name);
	*strrchr(stem, '.') = '\0';
	f->row = find_row(stem);
	ck_assert_msg(f->row != NULL, "%s: no row in map.txt fits", f->name);
	f->driver = driver_find(f->row->driver);
	ck_assert_msg(f->driver != NULL, "%s: there is no driver %s", f->name, f->row->driver);
	f->probe = driver_find_probe(f->driver, f->row->probe);
	ck_assert_msg(f->probe != NULL, "%s: there is no probe %s/%s", f->name, f->row->driver, f->row->probe);
	f->out = (struct buf)BUF_INIT(FILE_MAX);
	f->err = (struct buf)BUF_INIT(FILE_MAX);
	load(&f->out, f->name);
	snprintf(errors, sizeof errors, "%s.stderr", stem);
	if (exists(errors))
		load(&f->err, errors);
}

static void
load_folder(const char *folder)
{
	char path[300];
	struct dirent **entries;
	snprintf(path, sizeof path, FIXTURES "/%s", folder);
	int n = scandir(source_path(path), &entries, NULL, alphasort);
	ck_assert_msg(n >= 0, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		if ((ends_with(name, ".txt") || ends_with(name, ".json")) && !ends_with(name, ".expect.json"))
			add_fixture(folder, name);
		free(entries[i]);
	}
	free(entries);
}

static void
load_statuses(void)
{
	struct buf text = BUF_INIT(FILE_MAX);
	load(&text, "status.txt");
	struct slice rest = buf_slice(&text), line, word;
	while (slice_next_line(&rest, &line)) {
		int64_t status;
		if (line.len == 0 || line.data[0] == '#' || !slice_next_word(&line, &word))
			continue;
		ck_assert_int_eq(text_parse_int(slice_trim(line), 0, 255, &status), 0);
		for (size_t i = 0; i < n_fixtures; i++)
			if (slice_equal(word, fixtures[i].name))
				fixtures[i].status = (int)status;
	}
	buf_done(&text);
}

/* Every folder that a row names is walked whole. */
static void
load_all(void)
{
	load_rows();
	for (size_t i = 0; i < n_rows; i++) {
		char folder[64];
		slice_copy(slice_of(rows[i].pattern), folder, sizeof folder);
		*strchrnul(folder, '/') = '\0';
		bool is_known = false;
		for (size_t j = 0; j < n_fixtures; j++)
			is_known = is_known || strncmp(fixtures[j].name, rows[i].pattern, strlen(folder) + 1) == 0;
		if (!is_known)
			load_folder(folder);
	}
	load_statuses();
}

static void
free_all(void)
{
	for (size_t i = 0; i < n_fixtures; i++) {
		buf_done(&fixtures[i].out);
		buf_done(&fixtures[i].err);
	}
}

/* ---- reading ---- */

static int
read_part(const struct fixture *f, struct slice out, struct slice errors, int status, struct report *r, struct err *err)
{
	const struct reply_part part = { .tag = f->row->tag, .out = out, .err = errors, .status = status };
	struct reply reply = { .n_parts = 1, .parts = &part };
	if (f->driver->needs_url) {
		reply.http_status = 200;
		reply.content_type = ends_with(f->name, ".json") ? "application/json" : "text/plain";
	}
	return f->probe->read(&reply, r, err);
}

static void
put_result(struct buf *out, const struct fixture *f, int rc, const struct report *r, const struct err *err)
{
	struct json_writer w = JSON_WRITER(out);
	char probe[70];
	w.pretty = true;
	snprintf(probe, sizeof probe, "%s/%s", f->row->driver, f->row->probe);
	json_begin_object(&w);
	json_put_text(&w, "probe", probe);
	if (f->row->tag[0])
		json_put_text(&w, "tag", f->row->tag);
	json_key(&w, rc == 0 ? "ok" : "error");
	if (rc == 0) {
		report_write_json(r, &w);
	} else {
		json_begin_object(&w);
		json_put_text(&w, "code", err_code_name(err->code));
		json_put_text(&w, "text", err->text);
		json_end_object(&w);
	}
	json_end_object(&w);
	buf_add_char(out, '\n');
}

static void
write_expected(const char *path, const struct buf *result)
{
	FILE *to = fopen(path, "w");
	ck_assert_msg(to != NULL, "%s: %s", path, strerror(errno));
	fwrite(result->data, 1, result->len, to);
	ck_assert_int_eq(fclose(to), 0);
}

static void
check_expected(const struct fixture *f)
{
	struct buf result = BUF_INIT(FILE_MAX), expected = BUF_INIT(FILE_MAX);
	struct report *r = report_new();
	struct err err = ERR_INIT;
	char name[300], path[400];
	int rc = read_part(f, buf_slice(&f->out), buf_slice(&f->err), -1, r, &err);
	put_result(&result, f, rc, r, &err);
	snprintf(name, sizeof name, "%s.expect.json", f->name);
	snprintf(path, sizeof path, FIXTURES "/%s", name);
	if (getenv("UPDATE"))
		write_expected(source_path(path), &result);
	if (exists(name))
		load(&expected, name);
	if (expected.len != result.len || memcmp(buf_text(&expected), buf_text(&result), result.len) != 0)
		report_failure(f, "expected\n%s\nread\n%s", buf_text(&expected), buf_text(&result));
	report_free(r);
	buf_done(&result);
	buf_done(&expected);
}

START_TEST(test_every_fixture_reads_as_expected)
{
	ck_assert_uint_gt(n_fixtures, 250);
	n_failed = 0;
	for (size_t i = 0; i < n_fixtures; i++)
		check_expected(&fixtures[i]);
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

/* The transport tells the exit status, a capture in a file does not: both must come to the same verdict. So must a capture
 * that holds both streams in one. */
START_TEST(test_verdict_needs_no_exit_status)
{
	n_failed = 0;
	for (size_t i = 0; i < n_fixtures; i++) {
		const struct fixture *f = &fixtures[i];
		struct report *r[3] = { report_new(), report_new(), report_new() };
		struct err err[3] = { ERR_INIT, ERR_INIT, ERR_INIT };
		struct buf both = BUF_INIT(2 * FILE_MAX);
		buf_add(&both, buf_text(&f->err), f->err.len);
		buf_add(&both, buf_text(&f->out), f->out.len);
		read_part(f, buf_slice(&f->out), buf_slice(&f->err), -1, r[0], &err[0]);
		read_part(f, buf_slice(&f->out), buf_slice(&f->err), f->status, r[1], &err[1]);
		if (err[0].code != err[1].code)
			report_failure(f, "with status %d: %s; without: %s", f->status, err[1].text, err[0].text);
		if (err[0].code != ERR_OK)
			read_part(f, buf_slice(&both), (struct slice){ "", 0 }, -1, r[2], &err[2]);
		if (err[0].code != ERR_OK && err[0].code != err[2].code)
			report_failure(f, "both streams in one: %s; apart: %s", err[2].text, err[0].text);
		for (int j = 0; j < 3; j++)
			report_free(r[j]);
		buf_done(&both);
	}
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(test_expected_results_hold_no_secret)
{
	static const char *const secrets[] = { "c2VjcmV0", "bmV3LXNlY3JldA", "wrong-secret", "lab-md5", NULL };
	n_failed = 0;
	for (size_t i = 0; i < n_fixtures; i++) {
		char name[300];
		struct buf text = BUF_INIT(FILE_MAX);
		snprintf(name, sizeof name, "%s.expect.json", fixtures[i].name);
		load(&text, name);
		for (size_t j = 0; secrets[j]; j++)
			if (slice_contains(buf_slice(&text), secrets[j]))
				report_failure(&fixtures[i], "the expected result holds a key");
		buf_done(&text);
	}
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

/* ---- hostile variants ---- */

static bool
is_clean(const char *text)
{
	return !text || text_is_clean(slice_of(text));
}

static bool
sessions_are_clean(const struct report *r)
{
	for (size_t i = 0; i < r->n_sessions; i++) {
		const struct session_fact *s = &r->sessions[i];
		if (!s->name || !s->peer || !is_clean(s->name) || !is_clean(s->peer) || !is_clean(s->description) ||
			!is_clean(s->state_word) || !is_clean(s->last_error.text) || !is_clean(s->last_error.message))
			return false;
	}
	for (size_t i = 0; i < r->n_exports; i++) {
		if (!r->exports[i].session || !is_clean(r->exports[i].session))
			return false;
		for (size_t j = 0; j < r->exports[i].n_routes; j++)
			if (!is_clean(r->exports[i].routes[j].communities))
				return false;
	}
	return true;
}

static bool
lists_are_clean(const struct report *r)
{
	for (size_t i = 0; i < r->n_origins; i++)
		if (!r->origins[i].by || !is_clean(r->origins[i].by))
			return false;
	for (size_t i = 0; i < r->n_rib; i++)
		if (!is_clean(r->rib[i].peers))
			return false;
	for (size_t i = 0; i < r->dns.n_rcodes; i++)
		if (!r->dns.rcodes[i].name || !is_clean(r->dns.rcodes[i].name))
			return false;
	for (size_t i = 0; i < r->dns.n_zones; i++)
		if (!r->dns.zones[i].name || !is_clean(r->dns.zones[i].name) || !is_clean(r->dns.zones[i].state))
			return false;
	for (size_t i = 0; i < r->n_versions; i++)
		if (!is_clean(r->versions[i].what) || !is_clean(r->versions[i].version))
			return false;
	for (size_t i = 0; i < r->n_answers; i++) {
		const struct answer_fact *a = &r->answers[i];
		if (!is_clean(a->vantage) || !is_clean(a->target) || !is_clean(a->service) || !is_clean(a->rcode) ||
			!is_clean(a->identity) || !is_clean(a->error))
			return false;
	}
	return is_clean(r->health_text) && is_clean(r->identity);
}

/* A report states something, of those sections that the probe announces; a refusal has a code and a sentence. */
static void
check_variant(const struct fixture *f, const char *what, size_t at, int rc, const struct report *r, const struct err *err)
{
	if (rc == -1 && (err->code == ERR_OK || err->text[0] == '\0'))
		report_failure(f, "%s at %zu: refused without a reason", what, at);
	if (rc == -1 && !is_clean(err->text))
		report_failure(f, "%s at %zu: the reason is not clean", what, at);
	if (rc == 0 && (r->sections == 0 || (r->sections & ~f->probe->gives)))
		report_failure(f, "%s at %zu: sections %#x, the probe gives %#x", what, at, r->sections, f->probe->gives);
	if (rc == 0 && !(sessions_are_clean(r) && lists_are_clean(r)))
		report_failure(f, "%s at %zu: a string of the report is not clean", what, at);
}

static bool
same(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

/* What a cut reply says of a session is what the whole one says. */
static bool
is_same_session(const struct session_fact *a, const struct session_fact *b)
{
	return same(a->name, b->name) && same(a->peer, b->peer) && same(a->description, b->description) &&
		a->peer_asn == b->peer_asn && a->local_asn == b->local_asn && a->families == b->families &&
		a->state == b->state && a->admin_state == b->admin_state && a->received == b->received &&
		a->accepted == b->accepted && a->advertised == b->advertised && a->hold_s == b->hold_s &&
		same(a->last_error.text, b->last_error.text) && same(a->last_error.message, b->last_error.message) &&
		a->last_error.code == b->last_error.code && a->last_error.direction == b->last_error.direction;
}

static void
check_not_partial(const struct fixture *f, size_t at, const struct report *cut, const struct report *whole)
{
	if (cut->n_sessions > whole->n_sessions)
		report_failure(f, "cut at %zu: more sessions than in the whole", at);
	for (size_t i = 0; i < cut->n_sessions && i < whole->n_sessions; i++)
		if (!is_same_session(&cut->sessions[i], &whole->sessions[i]))
			report_failure(f, "cut at %zu: session %s is shown in part", at, cut->sessions[i].name);
}

/* Reads a copy in memory of exactly this length, so that the sanitizer sees any step beyond it. */
static void
try_variant(const struct fixture *f, const char *what, size_t at, const char *data, size_t len, const struct report *whole)
{
	struct report *r = report_new();
	struct err err = ERR_INIT;
	char *copy = xmalloc(len);
	memcpy(copy, data, len);
	int rc = read_part(f, (struct slice){ copy, len }, buf_slice(&f->err), -1, r, &err);
	check_variant(f, what, at, rc, r, &err);
	if (rc == 0 && whole)
		check_not_partial(f, at, r, whole);
	report_free(r);
	free(copy);
}

/* All positions of a short text; a fixed stride, odd so that it meets all columns, through a long one. */
static size_t
stride_of(size_t len)
{
	return len <= VARIANTS_MAX ? 1 : (len / VARIANTS_MAX) | 1;
}

START_TEST(test_no_truncation_shows_part_of_the_truth)
{
	n_failed = 0;
	for (size_t i = 0; i < n_fixtures; i++) {
		const struct fixture *f = &fixtures[i];
		struct report *whole = report_new();
		struct err err = ERR_INIT;
		int rc = read_part(f, buf_slice(&f->out), buf_slice(&f->err), -1, whole, &err);
		size_t step = stride_of(f->out.len);
		for (size_t at = 0; at < f->out.len; at += step)
			try_variant(f, "cut", at, f->out.data, at, rc == 0 ? whole : NULL);
		/* the ends of lines are where a cut is hardest to see */
		size_t n = 0, line_step = 1 + f->out.len / (40 * VARIANTS_MAX);
		for (size_t at = 0; at < f->out.len; at++)
			if (f->out.data[at] == '\n' && n++ % line_step == 0)
				try_variant(f, "cut", at + 1, f->out.data, at + 1, rc == 0 ? whole : NULL);
		report_free(whole);
	}
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(test_no_changed_byte_harms)
{
	static const char bytes[] = { '\n', '\x1b', '\0', '\xff', '"', '9', ' ', '\t', '-', '{', '\x80', '[', '\r' };
	n_failed = 0;
	for (size_t i = 0; i < n_fixtures; i++) {
		struct fixture *f = &fixtures[i];
		size_t step = stride_of(f->out.len), k = i;
		for (size_t at = 0; at < f->out.len; at += step, k++) {
			char old = f->out.data[at];
			f->out.data[at] = bytes[k % sizeof bytes];
			try_variant(f, "changed", at, f->out.data, f->out.len, NULL);
			f->out.data[at] = old;
		}
	}
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(test_no_reply_at_all_is_refused)
{
	const struct driver *d;
	for (size_t i = 0; (d = driver_at(i)) != NULL; i++)
		for (const struct probe *p = d->probes; p->name; p++) {
			struct report *r = report_new();
			struct err err = ERR_INIT;
			const struct reply reply = { .n_parts = 0, .parts = NULL, .http_status = d->needs_url ? 200 : 0 };
			int rc = p->read(&reply, r, &err);
			ck_assert_msg(rc == -1 && err.code != ERR_OK, "%s/%s takes nothing for an answer", d->name, p->name);
			report_free(r);
		}
}
END_TEST

/* ---- asking ---- */

/* What a probe may run: the tool and how each of its questions begins. NULL as question: the words of the rest are free,
 * because the tool can only read. */
struct allowed {
	const char *tool, *question;
};

static const struct allowed allowed[] = {
	{ "birdc", "show protocols all" },
	{ "birdc", "show static" },
	{ "birdc", "show status" },
	{ "birdc", "show route all " },
	{ "vtysh", "show bgp " },
	{ "vtysh", "show version" },
	{ "vtysh", "show running-config bgpd | include ^router bgp |^ bgp graceful-shutdown$|^ +network |^end$" },
	{ "knotc", "stats" },
	{ "knotc", "status" },
	{ "knotc", "version" },
	{ "knotc", "zone-status" },
	{ "nsd-control", "stats_noreset" },
	{ "nsd-control", "status" },
	{ "nsd-control", "zonestatus" },
	{ "curl", "http://127.0.0.1:8053/json/v1/" },
	{ "date", NULL },
	{ "dig", NULL },
	{ "kdig", NULL },
};

/* Options that take a value, which is a path, a name or a limit and no question. */
static const char *const valued_options[] = { "-s", "--vty_socket", "--noproxy", "-m", "--max-filesize", NULL };

/* The one script that a probe may run: dig or kdig, with its own arguments. */
static const char dig_script[] = "if command -v dig >/dev/null 2>&1; then exec dig \"$@\"; fi; exec kdig \"$@\"";

static bool
is_allowed_question(const char *tool, const char *word)
{
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		if (strcmp(allowed[i].tool, tool) == 0 &&
			(!allowed[i].question || strncmp(word, allowed[i].question, strlen(allowed[i].question)) == 0))
			return true;
	return false;
}

static bool
is_valued_option(const char *tool, const char *word)
{
	/* vtysh -c COMMAND is a question; nsd-control -c FILE is not */
	if (strcmp(word, "-c") == 0)
		return strcmp(tool, "nsd-control") == 0;
	for (size_t i = 0; valued_options[i]; i++)
		if (strcmp(valued_options[i], word) == 0)
			return true;
	return false;
}

static void
check_command(const char *driver, const struct request_command *c)
{
	const char *tool = c->argv[0];
	bool has_question = false;
	if (strcmp(tool, "sh") == 0) {
		ck_assert_str_eq(c->argv[1], "-c");
		ck_assert_str_eq(c->argv[2], dig_script);
		ck_assert_str_eq(c->argv[3], "dig");
		return;
	}
	for (size_t i = 1; c->argv[i]; i++) {
		if (is_valued_option(tool, c->argv[i])) {
			i++;
			ck_assert_msg(c->argv[i] != NULL, "%s: %s ends with an option", driver, tool);
			continue;
		}
		if (c->argv[i][0] == '-')
			continue;
		has_question = true;
		ck_assert_msg(is_allowed_question(tool, c->argv[i]), "%s: %s may not be asked '%s'", driver, tool, c->argv[i]);
	}
	ck_assert_msg(has_question || is_allowed_question(tool, ""), "%s: %s is asked nothing", driver, tool);
	if (strcmp(tool, "birdc") == 0)
		ck_assert_msg(strcmp(c->argv[1], "-r") == 0, "birdc is not restricted");
}

/* A node whose facts came from a hostile daemon. */
struct sample {
	struct node node;
	struct node_conf conf;
	struct prefix prefixes[3];
};

static void
add_session(struct report *r, const char *name, enum fsm_state state, int64_t advertised, unsigned families)
{
	struct session_fact *s = report_add_session(r);
	s->name = arena_strdup(r->arena, name);
	s->state = state;
	s->advertised = advertised;
	s->families = families;
	r->sections |= REPORT_SESSIONS;
}

static void
add_origin(struct report *r, const char *by)
{
	struct origin_fact *o = report_add_origin(r);
	o->by = arena_strdup(r->arena, by);
	r->sections |= REPORT_ORIGINS;
}

static void
sample_init(struct sample *s, enum node_role role, bool has_socket)
{
	static const char *const prefixes[] = { "192.0.2.0/24", "2001:db8:53::/48", "198.51.100.0/24" };
	memset(s, 0, sizeof *s);
	s->node.role = role;
	s->node.pop = FLEET_NO_POP;
	s->node.facts = report_new();
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(prefix_parse(slice_of(prefixes[i]), &s->prefixes[i], NULL), 0);
	s->node.prefixes = s->prefixes;
	s->node.n_prefixes = 3;
	if (has_socket) {
		s->node.conf = &s->conf;
		s->conf.bgp.socket = "/run/with blank/$(id)'.ctl";
		s->conf.dns.socket = "/run/with blank/`id`\".sock";
	}
	add_origin(s->node.facts, "anycast4");
	add_origin(s->node.facts, "any-cast6");
	add_origin(s->node.facts, "x'; configure undo");
	add_session(s->node.facts, "transit1_v4", FSM_ESTABLISHED, 1, FAMILY_BIT_V4);
	add_session(s->node.facts, "my-peer", FSM_ACTIVE, 0, FAMILY_BIT_V4 | FAMILY_BIT_V6);
	add_session(s->node.facts, "10.1.23.1", FSM_ESTABLISHED, 2000, FAMILY_BIT_V4 | FAMILY_BIT_V6);
	add_session(s->node.facts, "fd00:1:23::1", FSM_ESTABLISHED, -1, 0);
	add_session(s->node.facts, "x'; configure undo", FSM_ESTABLISHED, 1, FAMILY_BIT_V4);
	add_session(s->node.facts, "a\" -c \"configure terminal", FSM_ESTABLISHED, 1, FAMILY_BIT_V4);
	add_session(s->node.facts, "$(reboot)", FSM_ESTABLISHED, 1, FAMILY_BIT_V4);
	add_session(s->node.facts, "", FSM_ESTABLISHED, 1, FAMILY_BIT_V4);
	for (int i = 0; i < 60; i++) {
		char name[32];
		snprintf(name, sizeof name, "10.9.9.%d", i);
		add_session(s->node.facts, name, FSM_ESTABLISHED, 1, FAMILY_BIT_V4);
	}
}

typedef void request_fn(void *arg, const char *driver, const struct probe *probe, const struct request *request);

/* Asks every probe of every driver on behalf of every kind of node. */
static void
each_request(request_fn *fn, void *arg)
{
	static const enum node_role roles[] = { NODE_MEMBER, NODE_WITNESS, NODE_VANTAGE };
	const struct driver *d;
	for (size_t i = 0; i < 2 * sizeof roles / sizeof roles[0]; i++) {
		struct sample s;
		sample_init(&s, roles[i / 2], i % 2 == 1);
		for (size_t j = 0; (d = driver_at(j)) != NULL; j++)
			for (const struct probe *p = d->probes; p->name; p++) {
				struct request request;
				struct err err = ERR_INIT;
				request_init(&request);
				if (p->ask(&s.node, &request, &err) == 0)
					fn(arg, d->name, p, &request);
				else
					ck_assert_msg(err.code != ERR_OK, "%s/%s does not say why not", d->name, p->name);
				request_done(&request);
			}
		report_free(s.node.facts);
	}
}

static void
check_request(void *arg, const char *driver, const struct probe *probe, const struct request *request)
{
	size_t *n = arg;
	ck_assert_msg(probe->gives != 0, "%s/%s gives nothing", driver, probe->name);
	if (request->kind == REQUEST_HTTP)
		ck_assert_msg(request->path && (request->path[0] == '/' || strncmp(request->path, "http://", 7) == 0),
			"%s/%s: no path", driver, probe->name);
	for (size_t i = 0; i < request->n_commands; i++)
		check_command(driver, &request->commands[i]);
	*n += request->n_commands;
}

START_TEST(test_probes_only_read)
{
	size_t n = 0;
	each_request(check_request, &n);
	ck_assert_uint_gt(n, 50);
}
END_TEST

static void
find_hostile_name(void *arg, const char *driver, const struct probe *probe, const struct request *request)
{
	(void)arg;
	for (size_t i = 0; i < request->n_commands; i++)
		for (size_t j = 1; request->commands[i].argv[j]; j++) {
			const char *word = request->commands[i].argv[j];
			ck_assert_msg(!strstr(word, "configure") && !strstr(word, "reboot"), "%s/%s passes on '%s'", driver,
				probe->name, word);
		}
}

START_TEST(test_names_of_sessions_cannot_smuggle_commands)
{
	each_request(find_hostile_name, NULL);
}
END_TEST

/* All commands as one script: each prints its own arguments, separated by unit separators. */
struct shell {
	struct buf script, expected;
};

static void
add_to_script(void *arg, const char *driver, const struct probe *probe, const struct request *request)
{
	struct shell *sh = arg;
	(void)driver;
	(void)probe;
	for (size_t i = 0; i < request->n_commands; i++) {
		buf_add_text(&sh->script, "printf '%s\\037'");
		for (size_t j = 0; request->commands[i].argv[j]; j++) {
			buf_add_char(&sh->script, ' ');
			text_shell_quote(request->commands[i].argv[j], &sh->script);
			buf_printf(&sh->expected, "%s\037", request->commands[i].argv[j]);
		}
		buf_add_char(&sh->script, '\n');
	}
}

START_TEST(test_arguments_survive_a_shell)
{
	struct shell sh = { BUF_INIT(1u << 20), BUF_INIT(1u << 20) };
	struct buf printed = BUF_INIT(1u << 20);
	char path[] = "/tmp/catchment-argv-XXXXXX", command[64], block[4096];
	each_request(add_to_script, &sh);
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, buf_text(&sh.script), sh.script.len), (ssize_t)sh.script.len);
	close(fd);
	snprintf(command, sizeof command, "/bin/sh %s", path);
	FILE *from = popen(command, "r");
	ck_assert_ptr_nonnull(from);
	size_t n;
	while ((n = fread(block, 1, sizeof block, from)) > 0)
		buf_add(&printed, block, n);
	ck_assert_int_eq(pclose(from), 0);
	unlink(path);
	ck_assert_uint_gt(printed.len, 1000);
	ck_assert_str_eq(buf_text(&printed), buf_text(&sh.expected));
	buf_done(&sh.script);
	buf_done(&sh.expected);
	buf_done(&printed);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fixtures");
	TCase *replies = tcase_create("replies");
	TCase *requests = tcase_create("requests");
	tcase_set_timeout(replies, 100);
	tcase_add_unchecked_fixture(replies, load_all, free_all);
	tcase_add_test(replies, test_every_fixture_reads_as_expected);
	tcase_add_test(replies, test_verdict_needs_no_exit_status);
	tcase_add_test(replies, test_expected_results_hold_no_secret);
	tcase_add_test(replies, test_no_truncation_shows_part_of_the_truth);
	tcase_add_test(replies, test_no_changed_byte_harms);
	tcase_add_test(replies, test_no_reply_at_all_is_refused);
	tcase_add_test(requests, test_probes_only_read);
	tcase_add_test(requests, test_names_of_sessions_cannot_smuggle_commands);
	tcase_add_test(requests, test_arguments_survive_a_shell);
	suite_add_tcase(suite, replies);
	suite_add_tcase(suite, requests);
	return suite_run(suite);
}
