/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that ask the backend. Each fetches what it needs, prints it in the format that was asked for, and ends; with
 * --watch it asks again every second and prints the rows that changed, until ^C. What the dashboard shows and what is
 * printed here come from the same encoder in the backend; describe and why draw the dashboard's own pages.
 */
#include "console/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console/cli_act.h"
#include "console/cli_audit.h"
#include "console/cli_op.h"
#include "console/fetch.h"
#include "console/pager.h"
#include "console/rows.h"
#include "core/json.h"
#include "core/text.h"
#include "core/wire.h"

#define OUT_MAX      (256u << 20)
#define PROBE_WAIT_S 6

bool
cli_emit(const struct cli *cli, const struct buf *text)
{
	return text->len == 0 || cli->emit(cli->arg, buf_slice(text));
}

struct json_doc *
cli_fetch_json(const struct options *o, const char *path, struct err *err)
{
	struct buf body = BUF_INIT(FETCH_BODY_MAX);
	struct json_doc *doc = NULL;
	if (fetch(o->place, "GET", path, &body, err) == 0)
		doc = json_parse(buf_slice(&body), err);
	buf_done(&body);
	return doc;
}

static struct fleet *
fetch_fleet(const struct options *o, struct err *err)
{
	struct json_doc *doc = cli_fetch_json(o, "/v1/fleet", err);
	if (!doc)
		return NULL;
	struct fleet *f = wire_read_fleet(json_root(doc), clock_mono(), err);
	json_doc_free(doc);
	return f;
}

void
cli_note(const struct cli *cli, const char *format, ...)
{
	char line[1000];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (cli->note)
		cli->note(cli->arg, line);
}

/* Takes the signals only where they were blocked (cli_hold_signals); elsewhere they end the program as usual. */
bool
cli_pause(const struct cli *cli, int ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
	sigset_t set;
	(void)cli;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return sigtimedwait(&set, NULL, &t) > 0;
}

void
cli_hold_signals(sigset_t *before)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, before);
}

static void
pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

/* -- get -- */

static int
choose_style(const struct options *o, const struct cli *cli, struct rows_style *style, struct err *err)
{
	const char *format = options_value(o, "output");
	*style = (struct rows_style){ ROWS_TABLE, true, cli->is_terminal };
	if (format && rows_parse_format(format, &style->format) == -1)
		return err_set(err, ERR_USAGE, "-o %.40s: one of table, wide, json, jsonl, csv is wanted", format);
	return 0;
}

/* What was printed for an object the last time. */
struct printed {
	char *id, *text;
};

struct watch {
	size_t n, cap;
	struct printed *rows;
};

/* True if the object is new or reads differently than when it was last printed; remembers it. */
static bool
has_changed(struct watch *w, const char *kind, const struct json *object)
{
	struct buf id = BUF_INIT(1024), text = BUF_INIT(8192);
	bool changed = true;
	rows_write_id(kind, object, &id);
	rows_write_text(kind, object, &text);
	size_t i = 0;
	while (i < w->n && strcmp(w->rows[i].id, buf_text(&id)) != 0)
		i++;
	if (i == w->n) {
		w->rows = xgrow(w->rows, &w->cap, w->n + 1, sizeof *w->rows);
		w->rows[w->n++] = (struct printed){ buf_take(&id), buf_take(&text) };
	} else if (strcmp(w->rows[i].text, buf_text(&text)) != 0) {
		free(w->rows[i].text);
		w->rows[i].text = buf_take(&text);
	} else {
		changed = false;
	}
	buf_done(&id);
	buf_done(&text);
	return changed;
}

/* The rows that changed since the last time, as an array of its own. */
static struct json_doc *
only_changed(struct watch *w, const char *kind, const struct json *array)
{
	struct buf text = BUF_INIT(OUT_MAX);
	struct json_writer out = JSON_WRITER(&text);
	json_begin_array(&out);
	for (size_t i = 0; i < json_length(array); i++)
		if (has_changed(w, kind, json_at(array, i)))
			json_add_value(&out, json_at(array, i));
	json_end_array(&out);
	struct json_doc *doc = json_parse(buf_slice(&text), NULL);
	buf_done(&text);
	return doc;
}

static bool
print_rows(const struct cli *cli, const char *kind, const struct json *array, const struct filter *filter,
	const struct rows_style *style)
{
	struct buf out = BUF_INIT(OUT_MAX);
	rows_write(kind, array, filter, style, &out);
	bool goes_on = cli_emit(cli, &out);
	buf_done(&out);
	return goes_on;
}

/* Until nobody reads or the backend is gone for good: one that restarts is waited for. */
static int
watch_rows(const struct options *o, const struct cli *cli, const char *kind, const struct filter *filter, struct rows_style style,
	struct err *err)
{
	struct watch w = { 0 };
	char path[64];
	bool goes_on = true;
	if (style.format == ROWS_JSON)
		style.format = ROWS_JSONL;
	snprintf(path, sizeof path, "/v1/%s", kind);
	while (goes_on) {
		struct err why = ERR_INIT;
		struct json_doc *doc = cli_fetch_json(o, path, &why);
		if (doc) {
			struct json_doc *changed = only_changed(&w, kind, json_root(doc));
			if (changed && json_length(json_root(changed)) > 0) {
				goes_on = print_rows(cli, kind, json_root(changed), filter, &style);
				style.has_head = false;
			}
			json_doc_free(changed);
			json_doc_free(doc);
		} else if (why.code != ERR_BACKEND || w.n == 0) {
			*err = why;
			break;
		}
		if (goes_on)
			pause_ms(1000);
	}
	for (size_t i = 0; i < w.n; i++) {
		free(w.rows[i].id);
		free(w.rows[i].text);
	}
	free(w.rows);
	return err_code_exit(err->code);
}

static int
run_get(const struct options *o, const struct cli *cli, struct err *err)
{
	struct rows_style style;
	char path[64];
	if (choose_style(o, cli, &style, err) == -1)
		return err_code_exit(err->code);
	struct filter *filter = o->n_args > 1 ? filter_new(o->args[1]) : NULL;
	if (options_value(o, "watch")) {
		int status = watch_rows(o, cli, o->args[0], filter, style, err);
		filter_free(filter);
		return status;
	}
	snprintf(path, sizeof path, "/v1/%s", o->args[0]);
	struct json_doc *doc = cli_fetch_json(o, path, err);
	if (doc)
		print_rows(cli, o->args[0], json_root(doc), filter, &style);
	json_doc_free(doc);
	filter_free(filter);
	return err_code_exit(err->code);
}

/* -- probe -- */

static bool
has_answered(const struct node *n, struct mono since)
{
	return mono_before(since, n->planes[PLANE_SERVICE].seen) || n->error[0] != '\0';
}

static bool
all_have_answered(const struct fleet *f, struct mono since)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].role == NODE_VANTAGE && !has_answered(&f->nodes[i], since))
			return false;
	return true;
}

static void
write_answer(struct json_writer *w, const struct node *n, const struct answer_fact *a)
{
	json_begin_object(w);
	json_put_text(w, "vantage", n->name);
	json_put_text(w, "target", a ? a->target : NULL);
	json_put_text(w, "answered", tri_name(a ? a->is_answered : TRI_UNKNOWN));
	json_put_text(w, "rcode", a ? a->rcode : NULL);
	json_put_text(w, "identity", a ? a->identity : NULL);
	json_put_double(w, "rtt_ms", a && a->rtt_us >= 0 ? (double)a->rtt_us / 1e3 : NAN, 3);
	json_put_known(w, "serial", a ? a->serial : -1);
	json_put_known(w, "signed_until", a ? a->signed_until : -1);
	json_put_text(w, "error", a && a->error ? a->error : !a && n->error[0] ? n->error : NULL);
	json_end_object(w);
}

static struct json_doc *
collect_answers(const struct fleet *f, const char *service)
{
	struct buf text = BUF_INIT(1u << 20);
	struct json_writer w = JSON_WRITER(&text);
	json_begin_array(&w);
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct node *n = &f->nodes[i];
		size_t written = 0;
		for (size_t k = 0; n->role == NODE_VANTAGE && k < n->facts->n_answers; k++) {
			const struct answer_fact *a = &n->facts->answers[k];
			if (a->service && strcmp(a->service, service) == 0) {
				write_answer(&w, n, a);
				written++;
			}
		}
		if (n->role == NODE_VANTAGE && written == 0)
			write_answer(&w, n, NULL);
	}
	json_end_array(&w);
	struct json_doc *doc = json_parse(buf_slice(&text), NULL);
	buf_done(&text);
	return doc;
}

/* Asks the backend to ask now, and waits until every vantage has answered since, or PROBE_WAIT_S. */
static struct fleet *
probe_now(const struct options *o, const char *service, struct err *err)
{
	struct buf dropped = BUF_INIT(1u << 16);
	char path[64];
	struct fleet *f = fetch_fleet(o, err);
	if (f && fleet_find_service(f, service) == SIZE_MAX)
		err_set(err, ERR_NOT_FOUND, "no service is named %.40s; see catchment get services", service);
	else if (f && (size_t)snprintf(path, sizeof path, "/v1/probe/%s", service) < sizeof path)
		fetch(o->place, "POST", path, &dropped, err);
	buf_done(&dropped);
	struct mono since = clock_mono();
	for (int i = 0; f && err->code == ERR_OK && i < PROBE_WAIT_S * 5 && !all_have_answered(f, since); i++) {
		fleet_free(f);
		pause_ms(200);
		f = fetch_fleet(o, err);
	}
	if (err->code == ERR_OK)
		return f;
	fleet_free(f);
	return NULL;
}

static int
run_probe(const struct options *o, const struct cli *cli, struct err *err)
{
	struct rows_style style;
	if (choose_style(o, cli, &style, err) == -1)
		return err_code_exit(err->code);
	struct fleet *f = probe_now(o, o->args[0], err);
	if (!f)
		return err_code_exit(err->code);
	struct json_doc *doc = collect_answers(f, o->args[0]);
	print_rows(cli, "answers", json_root(doc), NULL, &style);
	bool is_answered = false;
	for (size_t i = 0; i < json_length(json_root(doc)); i++)
		is_answered |= strcmp(json_text(json_get(json_at(json_root(doc), i), "answered"), ""), "yes") == 0;
	json_doc_free(doc);
	fleet_free(f);
	return is_answered ? 0 : err_code_exit(ERR_FAILED);
}

/* -- describe, why -- */

static bool
is_known(const struct fleet *f, const struct view_target *about)
{
	const struct node *node;
	switch (about->kind) {
	case TARGET_POP:
		return fleet_find_pop(f, about->name) != SIZE_MAX;
	case TARGET_NODE:
		return fleet_find_node(f, about->name) != SIZE_MAX;
	case TARGET_SERVICE:
		return fleet_find_service(f, about->name) != SIZE_MAX;
	case TARGET_PREFIX:
		return view_find_prefix(f, about) != SIZE_MAX;
	case TARGET_SESSION:
		return view_find_session(f, about, &node) != NULL;
	default:
		return false;
	}
}

/* Draws one of the dashboard's pages about a target as plain text. */
static void
print_page(const struct cli *cli, const char *view, const struct fleet *f, const struct view_target *about)
{
	const struct view_ops *ops = view_find(view);
	struct keymap keys;
	struct buf out = BUF_INIT(1u << 22);
	keymap_init(&keys);
	const struct ui ui = {
		.fleet = f,
		.now = clock_mono(),
		.wall = clock_wall(),
		.link = { .state = LINK_LIVE },
		.charset = CHARSET_UNICODE,
		.keys = &keys,
		.theme = "mono",
	};
	int columns = cli->columns >= 40 ? cli->columns : 100;
	void *page = view_open(ops, &ui, about);
	view_update(ops, page, &ui, columns, 1);
	pager_write(page, &out);
	view_close(ops, page);
	cli_emit(cli, &out);
	buf_done(&out);
}

/* The API's own object: what `y` shows. */
static int
print_object(const struct options *o, const struct cli *cli, const char *kind, const char *name, struct err *err)
{
	struct buf body = BUF_INIT(FETCH_BODY_MAX);
	char path[200];
	snprintf(path, sizeof path, "/v1/%s/%s", kind, name);
	if (fetch(o->place, "GET", path, &body, err) == 0) {
		if (body.len == 0 || body.data[body.len - 1] != '\n')
			buf_add_char(&body, '\n');
		cli_emit(cli, &body);
	}
	buf_done(&body);
	return err_code_exit(err->code);
}

static int
run_page(const struct options *o, const struct cli *cli, const char *view, const struct view_target *about, const char *kind,
	struct err *err)
{
	if (options_want_json(o))
		return print_object(o, cli, kind, about->name, err);
	struct fleet *f = fetch_fleet(o, err);
	if (f && is_known(f, about))
		print_page(cli, view, f, about);
	else if (f)
		err_set(err, ERR_NOT_FOUND, "nothing is named %.60s; see catchment get %s", about->name, kind);
	fleet_free(f);
	return err_code_exit(err->code);
}

/* NODE/SESSION is one and has a page; any other word, and -o json, lists the rows that have it. */
static int
describe_sessions(const struct options *o, const struct cli *cli, struct err *err)
{
	struct view_target about;
	struct fleet *f = fetch_fleet(o, err);
	if (!f)
		return err_code_exit(err->code);
	if (!options_want_json(o) && strchr(o->args[1], '/') && view_find_target(f, o->args[1], &about) &&
		about.kind == TARGET_SESSION) {
		print_page(cli, "describe", f, &about);
		fleet_free(f);
		return 0;
	}
	fleet_free(f);
	struct rows_style style = { options_want_json(o) ? ROWS_JSON : ROWS_WIDE, true, cli->is_terminal };
	struct filter *filter = filter_new(o->args[1]);
	struct json_doc *doc = cli_fetch_json(o, "/v1/sessions", err);
	if (doc)
		print_rows(cli, "sessions", json_root(doc), filter, &style);
	json_doc_free(doc);
	filter_free(filter);
	return err_code_exit(err->code);
}

static int
run_describe(const struct options *o, const struct cli *cli, struct err *err)
{
	static const struct {
		const char *word, *kind;
		enum target_kind target;
	} words[] = {
		{ "pop", "pops", TARGET_POP },
		{ "node", "nodes", TARGET_NODE },
		{ "prefix", "prefixes", TARGET_PREFIX },
		{ "service", "services", TARGET_SERVICE },
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(words[i].word, o->args[0]) != 0)
			continue;
		struct view_target about = { .kind = words[i].target };
		snprintf(about.name, sizeof about.name, "%s", o->args[1]);
		return run_page(o, cli, "describe", &about, words[i].kind, err);
	}
	return describe_sessions(o, cli, err);
}

/* A PoP of that name, or else what the dashboard's `:why NAME` would find. */
static int
run_why(const struct options *o, const struct cli *cli, struct err *err)
{
	struct view_target about;
	struct fleet *f = fetch_fleet(o, err);
	if (!f)
		return err_code_exit(err->code);
	if (!view_find_target(f, o->args[0], &about)) {
		about = (struct view_target){ .kind = TARGET_NODE };
		snprintf(about.name, sizeof about.name, "%s", o->args[0]);
	}
	fleet_free(f);
	const char *kind = about.kind == TARGET_POP       ? "pops"
	                   : about.kind == TARGET_SERVICE ? "services"
	                   : about.kind == TARGET_PREFIX  ? "prefixes"
	                                                  : "nodes";
	return run_page(o, cli, "why", &about, kind, err);
}

static int
run_reload(const struct options *o, const struct cli *cli, struct err *err)
{
	struct buf body = BUF_INIT(1u << 16);
	if (fetch(o->place, "POST", "/v1/reload", &body, err) == 0) {
		struct buf text = BUF_INIT(64);
		buf_add_text(&text, "the fleet file was read again\n");
		cli_emit(cli, &text);
		buf_done(&text);
	}
	buf_done(&body);
	return err_code_exit(err->code);
}

int
cli_run(const struct options *o, const struct cli *cli, struct err *err)
{
	switch (o->command) {
	case COMMAND_GET:
		return run_get(o, cli, err);
	case COMMAND_DESCRIBE:
		return run_describe(o, cli, err);
	case COMMAND_WHY:
		return run_why(o, cli, err);
	case COMMAND_PROBE:
		return run_probe(o, cli, err);
	case COMMAND_RELOAD:
		return run_reload(o, cli, err);
	case COMMAND_DRAIN:
	case COMMAND_UNDRAIN:
	case COMMAND_HOLD:
		return cli_act_run(o, cli, err);
	case COMMAND_OP:
		return cli_op_run(o, cli, err);
	case COMMAND_AUDIT:
		return cli_audit_run(o, cli, err);
	default:
		err_set(err, ERR_UNSUPPORTED, "`%s` is not part of this version", command_get(o->command)->name);
		return err_code_exit(err->code);
	}
}
