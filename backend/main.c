/* SPDX-License-Identifier: Apache-2.0
 *
 * catchmentd: reads fleet.yaml, builds one struct backend out of the rooms and runs the loop until it is told to stop.
 * Nothing here polls, judges or answers; this file only opens, connects and closes, in an order that can be read. It
 * holds the observe key alone: nothing in this process can change a node.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "backend/acting.h"
#include "backend/actor.h"
#include "backend/api.h"
#include "backend/history.h"
#include "backend/outside.h"
#include "backend/poller.h"
#include "backend/state.h"
#include "backend/store.h"
#include "backend/transport.h"
#include "core/conf.h"
#include "core/environment.h"
#include "core/loop.h"
#include "core/paths.h"
#include "plugins/drivers.h"

#define RESOLVE_MS 5000
#define TICK_MS    1000
#define LISTEN_MAX 8

struct options {
	const char *config;
	char state_dir[PATHS_MAX];
	char socket[PATHS_MAX];
	const char *tcp[LISTEN_MAX]; /* "HOST:PORT", from the command line */
	size_t n_tcp;
	bool check;
	bool is_actor; /* started by a catchmentd, for one operation (backend/actor.h) */
};

struct backend {
	struct options options;
	struct loop *loop;
	struct state *state;
	struct store *store; /* NULL: history is off, said once */
	struct history *history;
	struct transport *transport;
	struct outside *outside;
	struct poller *poller;
	struct acting *acting; /* NULL: nothing can be done here, only seen */
	struct api *api;
	struct loop_timer *tick;
	struct loop_signal *signals[3];
	struct fleet *coming; /* read again, its names are being looked up; NULL: none */
	int lock;
};

static const char help[] =
	"catchmentd polls the nodes of an anycast fleet and serves what it learns to catchment.\n"
	"\n"
	"Usage: catchmentd --config FILE [--state DIR] [--listen unix:PATH|HOST:PORT]... [--check]\n"
	"\n"
	"  -c, --config FILE       the fleet file (fleet.yaml); needed\n"
	"  -s, --state DIR         where history and the last good facts are kept\n"
	"  -l, --listen unix:PATH  socket to serve on\n"
	"  -l, --listen HOST:PORT  serve TLS there too, by `tls` of the fleet file; may be given several times\n"
	"      --check             check the fleet file, print every mistake, and end\n"
	"  -V, --version           print the version\n"
	"  -h, --help              print this\n"
	"\n"
	"SIGHUP reads the fleet file again; a bad one keeps the running one. SIGTERM and ^C end it.\n"
	"Exit status: 0 done, 1 failed, 2 usage or fleet file.\n";

/* Reads the fleet file and prints every mistake; NULL when there was one. Names are not resolved yet. */
static struct fleet *
load_fleet(const char *path, struct err *err)
{
	struct conf_names names;
	struct conf_report mistakes = CONF_REPORT_INIT;
	struct buf text = BUF_INIT(1u << 20);
	driver_list_names(&names);
	struct fleet *f = conf_load(path, &names, &mistakes, err);
	conf_report_write(&mistakes, &text);
	fputs(buf_text(&text), stderr);
	buf_done(&text);
	conf_report_done(&mistakes);
	return f;
}

/* Looks names up; those that do not resolve are told and polled no more than before. Blocks: never on the loop. */
static void
resolve_names(struct fleet *f, const char *path)
{
	struct conf_report notes = CONF_REPORT_INIT;
	struct buf text = BUF_INIT(1u << 20);
	conf_report_begin(&notes, path, slice_of(""));
	conf_resolve(f, RESOLVE_MS, &notes);
	conf_report_end(&notes);
	conf_report_write(&notes, &text);
	fputs(buf_text(&text), stderr);
	buf_done(&text);
	conf_report_done(&notes);
}

static void
resolve_coming(void *arg)
{
	struct backend *b = arg;
	resolve_names(b->coming, b->options.config);
}

static void
take_coming(void *arg)
{
	struct backend *b = arg;
	struct fleet *f = b->coming;
	b->coming = NULL;
	struct err err = ERR_INIT;
	state_reload(b->state, f, clock_mono(), clock_wall());
	if (api_reload(b->api, &err) == -1)
		state_tell(b->state, "config", VERDICT_DEGRADED, clock_wall(), "%.220s", err.text);
	poller_reload(b->poller);
	outside_reload(b->outside);
	if (b->acting)
		acting_reload(b->acting);
}

/* The file is judged at once; it takes effect when its names are looked up, on a pool thread. */
static int
reload(void *arg, struct err *err)
{
	struct backend *b = arg;
	if (b->coming)
		return err_set(err, ERR_BUSY, "the fleet file is being read already");
	struct fleet *f = load_fleet(b->options.config, err);
	if (f && conf_guard(state_fleet(b->state), f, err) == -1) {
		fleet_free(f);
		f = NULL;
	}
	if (!f) {
		err_wrap(err, "the running fleet is kept");
		state_tell(b->state, "config", VERDICT_DEGRADED, clock_wall(), "%.220s", err->text);
		return -1;
	}
	b->coming = f;
	loop_work(b->loop, resolve_coming, take_coming, b);
	return 0;
}

static void
poll_now(void *arg)
{
	struct backend *b = arg;
	poller_now(b->poller);
	outside_now(b->outside);
}

static void
write_metrics(void *arg, struct buf *out)
{
	struct backend *b = arg;
	poller_metrics(b->poller, out);
	if (b->acting)
		acting_metrics(b->acting, out);
}

static void
on_tick(void *arg)
{
	struct backend *b = arg;
	state_tick(b->state, clock_mono(), clock_wall());
#ifdef HAVE_SYSTEMD
	sd_notify(0, "WATCHDOG=1");
#endif
}

static void
on_stop(void *arg, int signum)
{
	struct backend *b = arg;
	(void)signum;
	loop_stop(b->loop);
}

static void
on_hup(void *arg, int signum)
{
	struct err err = ERR_INIT;
	(void)signum;
	if (reload(arg, &err) == -1)
		fprintf(stderr, "catchmentd: reload: %s\n", err.text);
}

static int
parse_listen(const char *text, struct options *o, struct err *err)
{
	if (strncmp(text, "unix:", 5) == 0) {
		snprintf(o->socket, sizeof o->socket, "%s", text + 5);
		return 0;
	}
	if (o->n_tcp == LISTEN_MAX)
		return err_set(err, ERR_USAGE, "--listen %s: at most %d addresses are served", text, LISTEN_MAX);
	o->tcp[o->n_tcp++] = text;
	return 0;
}

/* 0: go on; 1: done already (help, version); -1: wrong usage. */
static int
parse_options(int argc, char **argv, struct options *o, struct err *err)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "listen", required_argument, NULL, 'l' },
		{ "check", no_argument, NULL, 'k' },
		{ "actor", no_argument, NULL, 'a' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	paths_state(o->state_dir);
	paths_socket(o->socket);
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, ":c:s:l:Vh", table, NULL)) != -1;) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 's':
			snprintf(o->state_dir, sizeof o->state_dir, "%s", optarg);
			break;
		case 'l':
			if (parse_listen(optarg, o, err) == -1)
				return -1;
			break;
		case 'k':
			o->check = true;
			break;
		case 'a':
			o->is_actor = true;
			break;
		case 'V':
			puts("catchmentd " CATCHMENT_VERSION);
			return 1;
		case 'h':
			fputs(help, stdout);
			return 1;
		case ':':
			return err_set(err, ERR_USAGE, "%s needs a value; see catchmentd --help", argv[optind - 1]);
		default:
			return err_set(err, ERR_USAGE, "unknown option %s; see catchmentd --help", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return err_set(err, ERR_USAGE, "unexpected word '%s'; see catchmentd --help", argv[optind]);
	if (!o->config)
		return err_set(err, ERR_USAGE, "--config FILE is needed; see catchmentd --help");
	return 0;
}

/* Thousands of sessions need descriptors; take what the hard limit allows. No core dumps: they may hold keys. */
static void
set_limits(void)
{
	struct rlimit files, none = { 0, 0 };
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &none);
}

/* One backend a state folder: two would poll twice and write over each other. */
static int
lock_state(struct backend *b, struct err *err)
{
	char path[PATHS_MAX + 8];
	if (paths_make_folder(b->options.state_dir, 0750, err) == -1)
		return -1;
	snprintf(path, sizeof path, "%s/lock", b->options.state_dir);
	b->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (b->lock == -1)
		return err_set(err, ERR_FAILED, "%s: %s", path, strerror(errno));
	if (flock(b->lock, LOCK_EX | LOCK_NB) == -1)
		return err_set(err, ERR_CONFLICT, "another catchmentd runs on %s; give each its own --state",
			b->options.state_dir);
	return 0;
}

/* The socket's folder is ours to make; what stands there already keeps its rights. */
static int
make_socket_folder(const char *socket, struct err *err)
{
	char folder[PATHS_MAX];
	snprintf(folder, sizeof folder, "%s", socket);
	char *slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return paths_make_folder(folder, 0750, err);
}

/* History is worth having and not worth dying for. */
static void
open_history(struct backend *b)
{
	struct err err = ERR_INIT;
	b->store = store_open(b->options.state_dir, &err);
	if (!b->store) {
		fprintf(stderr, "catchmentd: no history: %s\n", err.text);
		state_tell(b->state, "backend", VERDICT_DEGRADED, clock_wall(), "no history: %.200s", err.text);
		return;
	}
	if (err.code != ERR_OK) {
		/* a damaged file was moved aside: worth a line, not a stop */
		fprintf(stderr, "catchmentd: %s\n", err.text);
		state_tell(b->state, "backend", VERDICT_DEGRADED, clock_wall(), "%.220s", err.text);
	}
	const struct history_conf conf = { .loop = b->loop, .state = b->state, .store = b->store };
	b->history = history_new(&conf, clock_mono(), clock_wall());
}

static void
on_operation(void *arg, const char *op)
{
	struct backend *b = arg;
	if (b->api)
		api_tell_operation(b->api, op);
}

/* Without a ledger nothing is done, and everything is shown. */
static void
open_acting(struct backend *b)
{
	struct err err = ERR_INIT;
	const struct acting_conf conf = {
		.loop = b->loop,
		.state = b->state,
		.store = b->store,
		.poller = b->poller,
		.outside = b->outside,
		.config = b->options.config,
		.state_dir = b->options.state_dir,
		.told = on_operation,
		.arg = b,
	};
	b->acting = acting_new(&conf, &err);
	if (b->acting)
		return;
	fprintf(stderr, "catchmentd: acting is refused: %s\n", err.text);
	state_tell(b->state, "ledger", VERDICT_DEGRADED, clock_wall(), "acting is refused: %.200s", err.text);
}

static int
open_backend(struct backend *b, struct fleet *f, struct err *err)
{
	const struct transport_limits limits = TRANSPORT_LIMITS_DEFAULT;
	/* Revisions of one life never meet those of the one before, so a console that reconnects is not told "nothing new". */
	f->revision = (uint64_t)(clock_wall().ns / CLOCK_NS_PER_MS);
	b->state = state_new(f);
	if (lock_state(b, err) == -1 || make_socket_folder(b->options.socket, err) == -1)
		return -1;
	b->loop = loop_new(err);
	if (!b->loop)
		return -1;
	open_history(b);
	b->transport = transport_new(b->loop, &limits, b->options.state_dir, err);
	if (!b->transport)
		return -1;
	b->outside = outside_new(b->loop, b->state);
	uint64_t seed;
	randombytes_buf(&seed, sizeof seed);
	b->poller = poller_new(b->loop, b->state, b->transport, driver_find, seed);
	open_acting(b);
	const struct api_conf api = {
		.socket_path = b->options.socket,
		.tcp = b->options.tcp,
		.n_tcp = b->options.n_tcp,
		.state = b->state,
		.store = b->store,
		.engine = b->acting ? acting_engine(b->acting) : NULL,
		.ledger = b->acting ? acting_ledger(b->acting) : NULL,
		.poll_now = poll_now,
		.metrics = write_metrics,
		.reload = reload,
		.arg = b,
	};
	b->api = api_new(b->loop, &api, err);
	if (!b->api)
		return -1;
	b->tick = loop_timer_add(b->loop, TICK_MS, TICK_MS, on_tick, b);
	b->signals[0] = loop_signal_add(b->loop, SIGTERM, on_stop, b);
	b->signals[1] = loop_signal_add(b->loop, SIGINT, on_stop, b);
	b->signals[2] = loop_signal_add(b->loop, SIGHUP, on_hup, b);
	return 0;
}

static void
close_backend(struct backend *b)
{
	for (size_t i = 0; i < 3; i++)
		loop_signal_del(b->signals[i]);
	/* an impatient second signal must not cost the last write of the history */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	loop_timer_del(b->tick);
	api_free(b->api);
	b->api = NULL;
	acting_free(b->acting);
	poller_free(b->poller);
	outside_free(b->outside);
	if (b->transport)
		b->transport->ops->free(b->transport);
	history_free(b->history, clock_mono(), clock_wall());
	store_close(b->store);
	state_free(b->state);
	loop_free(b->loop);
	if (b->lock != -1)
		close(b->lock);
}

static int
serve(struct options *o, struct fleet *f)
{
	struct backend *b = xcalloc(1, sizeof *b);
	struct err err = ERR_INIT;
	int status = 0;
	b->options = *o;
	b->lock = -1;
	if (open_backend(b, f, &err) == 0) {
		fprintf(stderr, "catchmentd: %s: %zu PoPs, %zu nodes, serving on unix:%s\n", f->name, f->n_pops, f->n_nodes,
			b->options.socket);
		for (size_t i = 0; i < b->options.n_tcp; i++)
			fprintf(stderr, "catchmentd: serving TLS on %s (port %u)\n", b->options.tcp[i], api_port(b->api, i));
#ifdef HAVE_SYSTEMD
		sd_notify(0, "READY=1");
#endif
		loop_run(b->loop);
		while (b->coming && loop_turn(b->loop, true))
			; /* the pool thread still looks at it */
	} else {
		fprintf(stderr, "catchmentd: %s\n", err.text);
		status = err_code_exit(err.code);
	}
	close_backend(b);
	free(b);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	struct err err = ERR_INIT;
	setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a write that fails, as on a full disk */
	umask(027);
	int go = parse_options(argc, argv, &o, &err);
	if (go == 1)
		return 0;
	if (go == -1) {
		fprintf(stderr, "catchmentd: %s\n", err.text);
		return err_code_exit(err.code);
	}
	environment_clean();
	set_limits();
	if (sodium_init() == -1) {
		fputs("catchmentd: libsodium does not start: no random numbers\n", stderr);
		return 1;
	}
	if (o.is_actor)
		return actor_main(o.config, o.state_dir);
	struct fleet *f = load_fleet(o.config, &err);
	if (!f) {
		fprintf(stderr, "catchmentd: %s\n", err.text);
		return err_code_exit(ERR_USAGE);
	}
	resolve_names(f, o.config);
	if (o.check) {
		printf("%s: %zu PoPs, %zu nodes, %zu prefixes: no mistakes\n", o.config, f->n_pops, f->n_nodes, f->n_prefixes);
		fleet_free(f);
		return 0;
	}
	return serve(&o, f);
}
