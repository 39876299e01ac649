/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that work without a backend: checking a fleet file, importing an inventory,
 * completion, themes, version. They write into a buffer and never to a stream, so that `-o json` is
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
