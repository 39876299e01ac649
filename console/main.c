/* SPDX-License-Identifier: Apache-2.0
 *
 * catchment: finds out what was asked for and hands over. Without a command it is the dashboard; a command either needs
 * no backend (cli_local.c) or asks it over the HTTP API. Here are the only exits, the only writes to stdout and stderr
 * of plain commands, and the list of variables that must not steer a tool people use during an outage. From the plugins
 * it takes the names of drivers, which `check` needs, and nothing else.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "console/app.h"
#include "console/ask.h"
#include "console/cli.h"
#include "console/cli_local.h"
#include "console/cli_snapshot.h"
#include "console/options.h"
#include "console/place.h"
#include "console/snapshot.h"
#include "core/environment.h"
#include "plugins/drivers.h"

/* What a full disk or a closed pipe swallows was not done. */
static int
print(const struct buf *out, int status)
{
	size_t written = fwrite(buf_text(out), 1, out->len, stdout);
	if (written == out->len && fflush(stdout) == 0 && !out->truncated)
		return status;
	fprintf(stderr, "catchment: standard output could not be written: %s\n", strerror(errno));
	return err_code_exit(ERR_FAILED);
}

static int
fail(const struct err *err, bool as_json)
{
	struct buf text = BUF_INIT(8192);
	options_write_error(err, as_json, &text);
	fputs(buf_text(&text), stderr);
	buf_done(&text);
	return err_code_exit(err->code);
}

static int
run_local(const struct options *o, struct err *err)
{
	struct buf out = BUF_INIT(CLI_LOCAL_OUTPUT_MAX);
	struct conf_names names;
	driver_list_names(&names);
	int status = cli_local_run(o, &names, &out, err);
	status = print(&out, status);
	buf_done(&out);
	return err->code == ERR_OK ? status : fail(err, options_want_json(o));
}

static int
print_help(const struct options *o)
{
	struct buf out = BUF_INIT(1u << 20);
	if (o->wants_help)
		command_write_help(o->command, &out);
	else
		buf_printf(&out, "catchment %s\n", CATCHMENT_VERSION);
	int status = print(&out, 0);
	buf_done(&out);
	return status;
}

static int
run_dashboard(const struct options *o, struct err *err)
{
	struct app_conf conf = { .place = o->place, .theme = o->theme, .is_read_only = o->is_read_only };
	if (app_run(&conf, err) == -1)
		return fail(err, false);
	return 0;
}

static int
run_replay(const struct options *o, struct err *err)
{
	struct app_conf conf = { .theme = o->theme, .replay = cli_replay_load(o, err) };
	int rc = conf.replay ? app_run(&conf, err) : -1;
	replay_free(conf.replay);
	return rc == 0 ? 0 : fail(err, options_want_json(o));
}

static int
run_snapshot(const struct options *o, struct err *err)
{
	struct buf out = BUF_INIT(SNAPSHOT_MAX);
	int rc = cli_snapshot_run(o, &out, err);
	int status = rc == 0 ? print(&out, 0) : fail(err, options_want_json(o));
	buf_done(&out);
	return status;
}

static bool
emit(void *arg, struct slice text)
{
	(void)arg;
	return fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
}

static void
note(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

static struct mono
now(void *arg)
{
	(void)arg;
	return clock_mono();
}

static int
ask(void *arg, const char *question, char *line, size_t size, struct err *err)
{
	const struct ask_at at = { .in = STDIN_FILENO, .out = STDOUT_FILENO, .now = now };
	(void)arg;
	return ask_person(&at, question, line, size, err);
}

/* Colours only where a person reads and did not forbid them (no-color.org). */
static int
run_remote(const struct options *o, struct err *err)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size = { 0 };
	bool is_terminal = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
	const struct cli cli = {
		.emit = emit,
		.note = note,
		.ask = ask_is_possible(STDIN_FILENO, STDOUT_FILENO) ? ask : NULL,
		.is_terminal = is_terminal && !(no_colour && no_colour[0]) && term && strcmp(term, "dumb") != 0,
		.columns = is_terminal ? size.ws_col : 0,
	};
	int status = cli_run(o, &cli, err);
	return err->code == ERR_OK ? status : fail(err, options_want_json(o));
}

/* What asks the backend. The token's file may be named by the environment, so that it need not stand in scripts. */
static int
run_there(struct options *o, struct err *err)
{
	struct place place;
	const char *file = getenv("CATCHMENT_TOKEN_FILE");
	int status;
	if (!o->wish.token_file && file && file[0] != '\0')
		o->wish.token_file = file;
	if (place_open(&place, &o->wish, err) == -1)
		return fail(err, options_want_json(o));
	o->place = &place;
	if (o->command == COMMAND_NONE)
		status = run_dashboard(o, err);
	else if (o->command == COMMAND_REPLAY)
		status = run_replay(o, err);
	else if (o->command == COMMAND_SNAPSHOT)
		status = run_snapshot(o, err);
	else
		status = run_remote(o, err);
	place_done(&place);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct err err = ERR_INIT;
	setlocale(LC_ALL, "");
	environment_clean();
	if (options_parse(&o, argc, argv, &err) == -1)
		return fail(&err, options_line_wants_json(argc, argv));
	if (o.wants_help || o.wants_version)
		return print_help(&o);
	if (command_get(o.command)->place == COMMAND_LOCAL)
		return run_local(&o, &err);
	return run_there(&o, &err);
}
