/* SPDX-License-Identifier: Apache-2.0
 *
 * The actor: `catchmentd --actor`, a child that the backend starts for one operation (actor_port.c), the only process
 * that opens the act key. Its first order brings the plan; from then on it holds warm connections to the plan's nodes and
 * obeys (actor_work.c) until its standard input closes. Then it stops at once: what was not kept, the nodes undo.
 *
 * It gives up what it does not need before it reads anything: inherited descriptors, core dumps, being traced, new
 * privileges. It reads the fleet file again instead of being told where nodes are, and looks up the names of the plan's
 * nodes only. With a fleet file that is broken or of another fleet it lives on and answers every order with why not: a
 * sentence is worth more than a process that ended.
 *
 * Its memory holds the act key for as long as it lives, and copies of it in libssh2 and OpenSSL; its end wipes them. A
 * master of the system's ssh (via: openssh) is told to exit when the actor ends in order; after kill -9 it lives on for
 * its own short time, in a folder that is this actor's alone.
 */
#include "backend/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/actor_wire.h"
#include "backend/actor_work.h"
#include "backend/transport.h"
#include "core/conf.h"
#include "core/digest.h"
#include "core/paths.h"
#include "plugins/drivers.h"

#define RESOLVE_MS     2000
#define END_S          1 /* from the end of its input to its own */
#define READ_CHUNK     65536
#define READS_PER_TURN 32

struct self {
	struct loop *loop;
	char config[PATHS_MAX];
	char folder[PATHS_MAX + 32]; /* control sockets of the system's ssh; "" none */
	struct loop_io *in_io, *out_io;
	struct buf in, out;
	size_t scanned;
	struct fleet *fleet;
	struct plan *plan;
	char hash[DIGEST_HEX_SIZE]; /* of the plan's bytes; "" before the first order */
	struct transport *transport;
	struct http *http;
	struct crew *crew;   /* NULL: it can do nothing, `why` says why */
	struct err why;
};

/* Gives up what is not needed. Nothing here may fail quietly: an actor that could be traced must not open a key. */
static int
drop_rights(void)
{
	const struct rlimit none = { 0, 0 };
	if (close_range(3, ~0u, 0) == -1 || setrlimit(RLIMIT_CORE, &none) == -1 || prctl(PR_SET_DUMPABLE, 0) == -1 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		fprintf(stderr, "the actor cannot give up its rights: %s\n", strerror(errno));
		return -1;
	}
	umask(077);
	return chdir("/");
}

/* --- what it says --- */

static void
flush(struct self *s)
{
	while (s->out.len > 0) {
		ssize_t n = write(STDOUT_FILENO, s->out.data, s->out.len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			loop_stop(s->loop); /* nobody listens any more */
			return;
		}
		buf_drop_front(&s->out, (size_t)n);
	}
	loop_io_set(s->out_io, s->out.len > 0 ? LOOP_WRITE : 0);
}

static void
on_out(void *arg, unsigned events)
{
	(void)events;
	flush(arg);
}

static void
tell(void *arg, uint64_t id, const struct actor_event *e)
{
	struct self *s = arg;
	struct err err = ERR_INIT;
	if (actor_event_write(id, e, &s->out, &err) == -1) {
		fprintf(stderr, "%s\n", err.text);
		loop_stop(s->loop);
		return;
	}
	flush(s);
}

static void
answer_why_not(struct self *s, const struct actor_order *o)
{
	const struct actor_event e = { .kind = actor_event_of(o->order), .pop = o->pop, .number = o->number, .text = s->why.text };
	tell(s, o->id, &e);
}

/* --- the first order --- */

static int
load_fleet(struct self *s, struct err *err)
{
	struct conf_names names;
	driver_list_names(&names);
	s->fleet = conf_load(s->config, &names, NULL, err);
	return s->fleet ? 0 : err_wrap(err, "the actor reads the fleet file anew");
}

/* Folder of its own for masters of the system's ssh: other actors' and the backend's stay apart. */
static int
make_folder(struct self *s, struct err *err)
{
	if (mkdir(s->folder, 0700) == -1)
		return err_set(err, ERR_FAILED, "%s: %s", s->folder, strerror(errno));
	return 0;
}

static int
prepare(struct self *s, struct slice plan, struct err *err)
{
	const struct transport_limits limits = TRANSPORT_LIMITS_DEFAULT;
	const struct http_options options = { .lanes = 1 };
	digest_hex(plan, s->hash);
	s->plan = plan_read(plan, err);
	if (!s->plan || load_fleet(s, err) == -1 || make_folder(s, err) == -1)
		return -1;
	s->transport = transport_new(s->loop, &limits, s->folder, err);
	s->http = s->transport ? http_new(s->loop, &options, err) : NULL;
	if (!s->http)
		return -1;
	const struct crew_conf conf = { .loop = s->loop, .fleet = s->fleet, .plan = s->plan, .transport = s->transport,
		.http = s->http, .find = driver_find, .told = tell, .arg = s };
	s->crew = crew_new(&conf, err);
	if (!s->crew)
		return -1;
	crew_resolve(s->crew, RESOLVE_MS);
	return 0;
}

/* --- what it is told --- */

static void
obey(struct self *s, const struct actor_order *o)
{
	bool is_first = s->hash[0] == '\0';
	if (is_first != (o->order == ACT_CHECK)) {
		fputs(is_first ? "the first order brought no plan\n" : "a second plan came\n", stderr);
		loop_stop(s->loop);
		return;
	}
	if (is_first && prepare(s, o->plan, &s->why) == -1)
		s->why.code = s->why.code == ERR_OK ? ERR_FAILED : s->why.code;
	if (!is_first && s->why.code == ERR_OK && !digest_equal(o->hash, s->hash)) {
		fputs("an order names another plan\n", stderr);
		loop_stop(s->loop);
		return;
	}
	if (s->why.code != ERR_OK)
		answer_why_not(s, o);
	else
		crew_order(s->crew, o);
}

static void
take_line(struct self *s, struct slice line)
{
	struct actor_order o;
	struct json_doc *doc = NULL;
	struct err err = ERR_INIT;
	if (actor_order_read(line, &o, &doc, &err) == 0) {
		obey(s, &o);
	} else {
		fprintf(stderr, "what came is no order: %s\n", err.text);
		loop_stop(s->loop);
	}
	json_doc_free(doc);
}

static void
take_lines(struct self *s)
{
	char *end;
	while ((end = memchr(buf_text(&s->in) + s->scanned, '\n', s->in.len - s->scanned)) != NULL) {
		size_t len = (size_t)(end - s->in.data);
		take_line(s, (struct slice){ s->in.data, len });
		buf_drop_front(&s->in, len + 1);
		s->scanned = 0;
	}
	s->scanned = s->in.len;
	if (s->in.truncated)
		loop_stop(s->loop);
}

/* End of input, or an error on it: the backend is gone, or has ended this operation. */
static void
on_in(void *arg, unsigned events)
{
	struct self *s = arg;
	char chunk[READ_CHUNK];
	(void)events;
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			alarm(END_S);
			loop_stop(s->loop);
			return;
		}
		buf_add(&s->in, chunk, (size_t)n);
		take_lines(s);
	}
}

/* --- the whole --- */

static void
end(struct self *s)
{
	crew_stop(s->crew);
	loop_turn(s->loop, false); /* what was to begin ends */
	if (s->transport)
		s->transport->ops->free(s->transport);
	http_free(s->http);
	crew_free(s->crew);
	plan_free(s->plan);
	fleet_free(s->fleet);
	loop_io_del(s->in_io);
	loop_io_del(s->out_io);
	loop_free(s->loop);
	buf_done(&s->in);
	buf_done(&s->out);
	actor_folder_remove(s->folder);
#ifdef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 1); /* the leak checker of test builds traces its own process; nothing secret is left */
#endif
}

/* Relative to where the backend was started, before we leave that place. */
static int
absolute(const char *path, char *out, size_t size)
{
	char here[PATHS_MAX];
	if (path[0] == '/')
		snprintf(out, size, "%s", path);
	else if (getcwd(here, sizeof here))
		snprintf(out, size, "%s/%s", here, path);
	else
		return -1;
	return 0;
}

/* Orders come through a pipe and answers go through one: nobody starts an actor by hand. */
static bool
is_pipe(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static int
start(struct self *s, const char *config, const char *state_dir)
{
	struct err err = ERR_INIT;
	char state[PATHS_MAX];
	if (!is_pipe(STDIN_FILENO) || !is_pipe(STDOUT_FILENO)) {
		fputs("catchmentd: --actor is for catchmentd itself\n", stderr);
		return -1;
	}
	if (absolute(config, s->config, sizeof s->config) == -1 || absolute(state_dir, state, sizeof state) == -1) {
		perror("the folder it was started in");
		return -1;
	}
	actor_folder_name(state, getpid(), s->folder, sizeof s->folder);
	if (drop_rights() == -1)
		return -1;
	s->loop = loop_new(&err);
	if (!s->loop) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
	s->in_io = loop_io_add(s->loop, STDIN_FILENO, LOOP_READ, on_in, s);
	s->out_io = loop_io_add(s->loop, STDOUT_FILENO, 0, on_out, s);
	return 0;
}

int
actor_main(const char *config, const char *state_dir)
{
	struct self s = { .in = BUF_INIT(ACTOR_LINE_MAX), .out = BUF_INIT(2 * ACTOR_LINE_MAX) };
	signal(SIGPIPE, SIG_IGN);
	if (start(&s, config, state_dir) == -1)
		return 1;
	loop_run(s.loop);
	end(&s);
	return 0;
}
