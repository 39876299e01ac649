/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that work without a backend: checking a fleet file, importing an inventory,
 * completion, token, themes, version. They write into a buffer and never to a stream, so that `-o json` is
 * one document and nothing else, and so that tests read what a person would. Findings of `check`
 * are its answer and go to stdout; only a file that cannot be read at all is an error.
 *
 * Called by main for rows of the command table that are LOCAL.
 */
#include "console/cli_local.h"

#include <stdio.h>
#include <string.h>

#include "console/theme.h"
#include "core/import.h"
#include "core/json.h"
#include "core/text.h"
#include "core/token.h"

#define TOKEN_DAYS 90

static void
write_fleet_text(const char *path, const struct fleet *f, struct buf *out)
{
	size_t members = 0;
	for (size_t i = 0; i < f->n_nodes; i++)
		members += f->nodes[i].role == NODE_MEMBER;
	buf_printf(out, "%s: good: %zu service%s, %zu prefix%s, %zu PoP%s, %zu node%s\n", path,
		f->n_services, f->n_services == 1 ? "" : "s", f->n_prefixes,
		f->n_prefixes == 1 ? "" : "es", f->n_pops, f->n_pops == 1 ? "" : "s", members,
		members == 1 ? "" : "s");
}

static void
write_check_text(const struct conf_report *report, const struct fleet *f, struct buf *out)
{
	conf_report_write(report, out);
	if (f)
		write_fleet_text(report->path, f, out);
	else
		buf_printf(out, "%s: %zu mistake%s\n", report->path, report->n_mistakes,
			report->n_mistakes == 1 ? "" : "s");
}

static int
run_check(const struct options *o, const struct conf_names *names, struct buf *out, struct err *err)
{
	struct conf_report report = CONF_REPORT_INIT;
	struct err why = ERR_INIT;
	struct fleet *f = conf_load(o->args[0], names, &report, &why);
	bool is_read = f || report.n_mistakes > 0;
	if (!is_read) {
		*err = why;
	} else if (options_want_json(o)) {
		struct json_writer w = JSON_WRITER(out);
		conf_report_write_json(&report, &w);
		buf_add_char(out, '\n');
	} else {
		write_check_text(&report, f, out);
	}
	int status = f ? 0 : err_code_exit(ERR_USAGE);
	fleet_free(f);
	conf_report_done(&report);
	return status;
}

static int
run_completion(const struct options *o, struct buf *out, struct err *err)
{
	return command_write_completion(o->args[0], out, err) == 0 ? 0 : err_code_exit(err->code);
}

/* A file, or standard input for "-". */
static int
read_input(const char *path, struct buf *out, struct err *err)
{
	char block[65536];
	size_t n;
	if (strcmp(path, "-") != 0)
		return buf_read_file(out, path, err);
	while ((n = fread(block, 1, sizeof block, stdin)) > 0)
		if (buf_add(out, block, n) == -1)
			return err_set(err, ERR_TOO_LARGE,
				"standard input is larger than the %u bytes that are read",
				IMPORT_FILE_MAX);
	return ferror(stdin) ? err_set(err, ERR_FAILED, "standard input cannot be read") : 0;
}

static int
run_import(
	const struct options *o, const struct conf_names *names, struct buf *out, struct err *err)
{
	struct buf text = BUF_INIT(IMPORT_FILE_MAX);
	int rc = read_input(o->args[1], &text, err);
	if (rc == 0)
		rc = import_write(o->args[0], buf_slice(&text), o->args[1], names, out, err);
	buf_done(&text);
	return rc == 0 ? 0 : err_code_exit(err->code);
}

/* Themes of the user's own are found by name when asked for; those that are always there are
 * listed. */
static int
run_themes(const struct options *o, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);
	bool as_json = options_want_json(o);
	const char *name;
	if (as_json)
		json_begin_array(&w);
	for (size_t i = 0; (name = theme_builtin_name(i)) != NULL; i++) {
		struct theme t;
		if (theme_load(&t, name, NULL, NULL) == -1)
			snprintf(t.title, sizeof t.title, "%s", "");
		if (as_json) {
			json_begin_object(&w);
			json_put_text(&w, "name", name);
			json_put_text(&w, "title", t.title);
			json_end_object(&w);
		} else {
			buf_printf(out, "%-16s %s\n", name, t.title);
		}
	}
	if (as_json) {
		json_end_array(&w);
		buf_add_char(out, '\n');
	}
	return 0;
}

static int
run_version(const struct options *o, struct buf *out)
{
	if (options_want_json(o)) {
		struct json_writer w = JSON_WRITER(out);
		json_begin_object(&w);
		json_put_text(&w, "version", CATCHMENT_VERSION);
		json_end_object(&w);
		buf_add_char(out, '\n');
	} else {
		buf_printf(out, "catchment %s\n", CATCHMENT_VERSION);
	}
	return 0;
}

/* "fra,ams" as a list in fleet.yaml. */
static int
write_pops(const char *pops, struct buf *out, struct err *err)
{
	char name[FLEET_NAME_MAX];
	buf_add_text(out, ", pops: [");
	for (const char *p = pops, *separator = ""; *p; separator = ", ") {
		size_t len = strcspn(p, ",");
		slice_copy((struct slice){ p, len }, name, sizeof name);
		if (len >= sizeof name || !text_is_name(name))
			return err_set(err, ERR_USAGE, "--pops \"%.100s\": allowed are names of PoPs, joined by commas", pops);
		buf_printf(out, "%s%s", separator, name);
		p += len + (p[len] == ',');
	}
	return buf_add_text(out, "]");
}

/* When it ends: as given, or in ninety days. */
static int
token_end(const char *given, char out[CLOCK_TEXT_MAX], struct err *err)
{
	struct wall end = { clock_wall().ns + TOKEN_DAYS * 86400 * CLOCK_NS_PER_S };
	if (!given) {
		wall_format(end, out);
		out[strlen("2027-01-01")] = '\0';
		return 0;
	}
	char whole[CLOCK_TEXT_MAX];
	snprintf(whole, sizeof whole, "%.20sT00:00:00Z", given);
	if (wall_parse(whole, &end) == -1 && wall_parse(given, &end) == -1)
		return err_set(err, ERR_USAGE, "--expires \"%.60s\": allowed is a day (2027-01-01) or an RFC 3339 time", given);
	if (end.ns <= clock_wall().ns)
		return err_set(err, ERR_USAGE, "--expires %.60s lies in the past", given);
	snprintf(out, CLOCK_TEXT_MAX, "%.39s", given);
	return 0;
}

/* The one time that a token is seen: afterwards only its hash is kept, by whoever takes the line over. */
static int
run_token(const struct options *o, struct buf *out, struct err *err)
{
	char token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE], end[CLOCK_TEXT_MAX];
	const char *role = options_value(o, "role"), *pops = options_value(o, "pops");
	struct buf line = BUF_INIT(4096);
	int rc = -1;
	if (!text_is_name(o->args[0])) {
		err_set(err, ERR_USAGE, "\"%.60s\": a token's name has 1 to 32 of a-z, 0-9 and dashes, with no dash at either end",
			o->args[0]);
		goto out;
	}
	if (token_end(options_value(o, "expires"), end, err) == -1)
		goto out;
	token_make(token, hash);
	buf_printf(&line, "{token: %s, hash: \"%s\", role: %s", o->args[0], hash, role ? role : "observer");
	if (pops && write_pops(pops, &line, err) == -1)
		goto out;
	buf_printf(&line, ", expires: %s}", end);
	if (options_want_json(o)) {
		struct json_writer w = JSON_WRITER(out);
		json_begin_object(&w);
		json_put_text(&w, "token", token);
		json_put_text(&w, "access", buf_text(&line));
		json_end_object(&w);
		buf_add_char(out, '\n');
	} else {
		buf_printf(out,
			"%s\n\nThis is the token, shown this once. Under `access` of fleet.yaml it is granted by\n\n  - %s\n\n"
			"and by `catchment reload`. Keep it in a file of mode 0600 for --token-file.\n",
			token, buf_text(&line));
	}
	rc = 0;
out:
	explicit_bzero(token, sizeof token);
	buf_done(&line);
	return rc == 0 ? 0 : err_code_exit(err->code);
}

int
cli_local_run(
	const struct options *o, const struct conf_names *names, struct buf *out, struct err *err)
{
	switch (o->command) {
	case COMMAND_CHECK:
		return run_check(o, names, out, err);
	case COMMAND_IMPORT:
		return run_import(o, names, out, err);
	case COMMAND_COMPLETION:
		return run_completion(o, out, err);
	case COMMAND_TOKEN:
		return run_token(o, out, err);
	case COMMAND_THEMES:
		return run_themes(o, out);
	case COMMAND_VERSION:
		return run_version(o, out);
	default:
		err_set(err, ERR_UNSUPPORTED, "`catchment %s` is not available in this version",
			command_get(o->command)->name);
		return err_code_exit(err->code);
	}
}
