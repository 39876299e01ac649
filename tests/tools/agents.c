/* SPDX-License-Identifier: Apache-2.0
 *
 * agents: a simulated fleet that is polled over real HTTP. Every node listens on a loopback address of its own
 * (127.77.0.1, 127.77.0.2 …), so that a backend sees as many hosts as there are nodes, and serves the page of
 * docs/agent.md. Incidents come as lines by POST to /control on 127.0.0.1, or from a script with times.
 *
 * With --act-token they take orders too (POST /v1/act), from whoever shows the token in that file.
 *
 * A server of its own rather than libmicrohttpd, because half of its trade is to misbehave: freeze after the request,
 * drip, refuse, babble. It reads nothing of a request but its path, length and token, takes connections from 127.0.0.0/8 only because it
 * listens nowhere else, and is meant for tests and demonstrations. The model is sim.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop.h"
#include "core/text.h"
#include "sim.h"

#define REQUEST_MAX 16384
#define PAGE_MAX    65536
#define DRIP_MS     1000

struct fleet_server;

/* One listening address, shared by `share` nodes. */
struct host {
	struct fleet_server *server;
	size_t first_node; /* SIZE_MAX: the control port */
	int fd;            /* -1: refuses */
	struct loop_io *io;
};

struct conn {
	struct conn *next, **prev;
	struct host *host;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer; /* while it drips */
	struct buf in, out;
	size_t sent;
	bool is_closing; /* after the answer */
	bool is_frozen;
	bool is_lost; /* its answer never comes, whatever becomes of the node's manners */
};

struct script_line {
	int64_t at_ms;
	const char *command;
};

struct fleet_server {
	struct loop *loop;
	struct sim *sim;
	size_t n_hosts, share;
	struct host *hosts;
	struct host control;
	struct conn *conns;
	uint32_t base; /* host order: host i is base + i/250*256 + i%250 + 1 */
	uint16_t port, control_port;
	int64_t poll_ms;
	const char *act_token; /* file, or NULL: no orders */
	struct buf token;
	struct loop_timer *tick;
	struct buf script_text;
	struct script_line *script;
	size_t n_script, script_at, requests;
	int64_t script_every_ms;
	struct mono script_start;
	struct loop_timer *script_timer;
};

/* Addresses */

static uint32_t
host_address(const struct fleet_server *s, size_t host)
{
	return s->base + (uint32_t)(host / 250 * 256 + host % 250 + 1);
}

static void
write_url(void *arg, size_t node, struct buf *out)
{
	const struct fleet_server *s = arg;
	struct in_addr a = { .s_addr = htonl(host_address(s, node / s->share)) };
	char text[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &a, text, sizeof text);
	buf_printf(out, "http://%s:%u", text, s->port);
	if (s->share > 1)
		buf_printf(out, "/%s", sim_node_name(s->sim, node));
}

static void host_accept(void *arg, unsigned events);

static int
host_listen(struct host *h, uint32_t address, uint16_t port, struct err *err)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address) };
	int yes = 1;
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (h->fd != -1)
		setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (h->fd == -1 || bind(h->fd, (struct sockaddr *)&in, sizeof in) == -1 || listen(h->fd, 64) == -1) {
		char text[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
		err_set(err, ERR_FAILED, "cannot listen on %s:%u: %s", text, port, strerror(errno));
		if (h->fd != -1)
			close(h->fd);
		h->fd = -1;
		return -1;
	}
	h->io = loop_io_add(h->server->loop, h->fd, LOOP_READ, host_accept, h);
	return 0;
}

static void
host_close(struct host *h)
{
	if (h->fd == -1)
		return;
	loop_io_del(h->io);
	close(h->fd);
	h->io = NULL;
	h->fd = -1;
}

/* Connections */

static void
conn_close(struct conn *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	loop_io_del(c->io);
	loop_timer_del(c->timer);
	close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
}

static void
conn_send(struct conn *c)
{
	while (c->sent < c->out.len) {
		size_t n = c->timer ? 1 : c->out.len - c->sent;
		ssize_t done = send(c->fd, buf_text(&c->out) + c->sent, n, MSG_NOSIGNAL);
		if (done == -1 && errno == EAGAIN) {
			loop_io_set(c->io, LOOP_READ | LOOP_WRITE);
			return;
		}
		if (done == -1) {
			conn_close(c);
			return;
		}
		c->sent += (size_t)done;
		if (c->timer)
			return;
	}
	buf_clear(&c->out);
	c->sent = 0;
	if (c->is_closing)
		conn_close(c);
}

static void
conn_drip(void *arg)
{
	struct conn *c = arg;
	if (c->sent < c->out.len)
		conn_send(c);
}

static void
answer(struct conn *c, int status, const char *type, struct slice body)
{
	buf_printf(&c->out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status,
		status == 200 ? "OK" : "Error", type, body.len, c->is_closing ? "Connection: close\r\n" : "");
	buf_add(&c->out, body.data, body.len);
}

static void
answer_text(struct conn *c, int status, const char *text)
{
	answer(c, status, "text/plain; charset=utf-8", slice_of(text));
}

/* The listeners follow the sim: who refuses must not listen. */
static void
follow_manners(struct fleet_server *s)
{
	for (size_t i = 0; i < s->n_hosts; i++) {
		struct host *h = &s->hosts[i];
		bool refuses = sim_node_manner(s->sim, h->first_node) == SIM_REFUSES;
		struct err err = ERR_INIT;
		if (refuses)
			host_close(h);
		else if (h->fd == -1 && host_listen(h, host_address(s, i), s->port, &err) == -1)
			fprintf(stderr, "agents: %s\n", err.text);
	}
	struct conn *next;
	for (struct conn *c = s->conns; c; c = next) {
		next = c->next;
		if (c->host->first_node == SIZE_MAX)
			continue;
		enum sim_manner m = sim_node_manner(s->sim, c->host->first_node);
		/* A frozen connection never comes back to life; its node may. */
		if (m == SIM_REFUSES || (c->is_frozen && !c->is_lost && m != SIM_FREEZES))
			conn_close(c);
	}
}

static int
command(struct fleet_server *s, const char *line, struct buf *reply, struct err *err)
{
	return sim_command(s->sim, line, loop_now(s->loop), reply, err);
}

static void
answer_control(struct conn *c, struct slice method, struct slice path, struct slice body)
{
	struct fleet_server *s = c->host->server;
	struct buf reply = BUF_INIT(1u << 22);
	struct err err = ERR_INIT;
	struct slice line;
	int rc = 0;
	if (slice_equal(path, "/help")) {
		answer_text(c, 200, sim_help());
		return;
	}
	if (slice_equal(path, "/list") || slice_equal(path, "/")) {
		command(s, "list", &reply, &err);
	} else if (!slice_equal(method, "POST") || !slice_equal(path, "/control")) {
		rc = err_set(&err, ERR_NOT_FOUND, "GET /list, GET /help or POST /control");
	} else {
		while (rc == 0 && slice_next_line(&body, &line)) {
			char text[512];
			slice_copy(line, text, sizeof text);
			rc = command(s, text, &reply, &err);
		}
	}
	if (rc == -1)
		buf_printf(&reply, "%s\n", err.text);
	answer_text(c, rc == 0 ? 200 : 400, buf_text(&reply));
	buf_done(&reply);
}

/* "Authorization: Bearer TOKEN" with our token. */
static bool
has_token(const struct fleet_server *s, struct slice head)
{
	static const char name[] = "authorization: bearer ";
	struct slice line;
	while (slice_next_line(&head, &line))
		if (line.len > sizeof name - 1 && strncasecmp(line.data, name, sizeof name - 1) == 0) {
			struct slice value = { line.data + sizeof name - 1, line.len - sizeof name + 1 };
			return slice_equal(slice_trim(value), buf_text(&s->token));
		}
	return false;
}

static void
answer_order(struct conn *c, size_t node, struct slice method, struct slice head, struct slice body)
{
	struct fleet_server *s = c->host->server;
	struct buf said = BUF_INIT(4096);
	struct err err = ERR_INIT;
	bool is_lost = false;
	if (!slice_equal(method, "POST"))
		answer_text(c, 405, "orders come by POST\n");
	else if (s->token.len == 0)
		answer_text(c, 403, "no orders are taken here\n");
	else if (!has_token(s, head))
		answer_text(c, 401, "the token is missing or another one\n");
	else if (sim_take_order(s->sim, node, body, loop_now(s->loop), &said, &is_lost, &err) == -1)
		answer_text(c, 400, err.text);
	else if (is_lost)
		c->is_frozen = c->is_lost = true;
	else
		answer(c, 200, "application/json", buf_slice(&said));
	buf_done(&said);
}

static void
answer_page(struct conn *c, struct slice method, struct slice path, struct slice head, struct slice body)
{
	struct fleet_server *s = c->host->server;
	size_t node = c->host->first_node;
	if (s->share > 1 && path.len > 1) {
		struct slice name = { path.data + 1, 0 };
		while (name.len < path.len - 1 && name.data[name.len] != '/')
			name.len++;
		size_t found = SIZE_MAX;
		for (size_t i = 0; i < s->share && node + i < sim_count(s->sim); i++)
			if (slice_equal(name, sim_node_name(s->sim, node + i)))
				found = node + i;
		path = (struct slice){ name.data + name.len, path.len - 1 - name.len };
		node = found;
	}
	bool is_order = slice_equal(path, "/v1/act");
	if (node == SIZE_MAX || (!is_order && !slice_equal(path, "/v1/node"))) {
		answer_text(c, 404, "there is only /v1/node and /v1/act\n");
		return;
	}
	s->requests++;
	switch (sim_node_manner(s->sim, node)) {
	case SIM_FREEZES:
		c->is_frozen = true;
		return;
	case SIM_BABBLES:
		answer_text(c, 200, "\033[2J]0;all is well\a");
		return;
	case SIM_DRIPS:
		c->timer = loop_timer_add(s->loop, DRIP_MS, DRIP_MS, conn_drip, c);
		break;
	case SIM_ANSWERS:
	case SIM_REFUSES:
		break;
	}
	if (is_order) {
		answer_order(c, node, method, head, body);
		return;
	}
	struct buf page = BUF_INIT(PAGE_MAX);
	sim_write_page(s->sim, node, loop_now(s->loop), clock_wall(), &page);
	answer(c, 200, "application/json", buf_slice(&page));
	buf_done(&page);
}

/* Length of the body that a header announces. */
static size_t
body_length(struct slice head)
{
	struct slice line;
	while (slice_next_line(&head, &line)) {
		static const char name[] = "content-length:";
		int64_t n;
		if (line.len > sizeof name - 1 && strncasecmp(line.data, name, sizeof name - 1) == 0) {
			struct slice value = { line.data + sizeof name - 1, line.len - sizeof name + 1 };
			if (text_parse_int(slice_trim(value), 0, REQUEST_MAX, &n) == 0)
				return (size_t)n;
		}
	}
	return 0;
}

/* Answers one whole request at the front of the input; false when there is none yet. */
static bool
conn_serve(struct conn *c)
{
	struct slice in = buf_slice(&c->in), rest, line, method, path;
	const char *end = memmem(in.data, in.len, "\r\n\r\n", 4);
	if (!end)
		return false;
	struct slice head = { in.data, (size_t)(end - in.data) };
	size_t head_len = head.len + 4, body_len = body_length(head);
	if (in.len < head_len + body_len)
		return false;
	rest = head;
	slice_next_line(&rest, &line);
	if (!slice_next_word(&line, &method) || !slice_next_word(&line, &path)) {
		c->is_closing = true;
		answer_text(c, 400, "no request\n");
	} else if (c->host->first_node == SIZE_MAX) {
		answer_control(c, method, path, (struct slice){ in.data + head_len, body_len });
	} else {
		answer_page(c, method, path, head, (struct slice){ in.data + head_len, body_len });
	}
	buf_drop_front(&c->in, head_len + body_len);
	return true;
}

static void
conn_event(void *arg, unsigned events)
{
	struct conn *c = arg;
	char data[4096];
	if (events & LOOP_WRITE)
		loop_io_set(c->io, LOOP_READ);
	if (events & LOOP_READ) {
		ssize_t n = recv(c->fd, data, sizeof data, 0);
		if (n == 0 || (n == -1 && errno != EAGAIN) || (n > 0 && buf_add(&c->in, data, (size_t)n) == -1)) {
			conn_close(c);
			return;
		}
	}
	bool is_control = c->host->first_node == SIZE_MAX;
	struct fleet_server *s = c->host->server;
	while (!c->is_frozen && !c->timer && conn_serve(c))
		;
	if (c->out.len > 0)
		conn_send(c); /* may free it */
	if (is_control)
		follow_manners(s);
}

static void
host_accept(void *arg, unsigned events)
{
	struct host *h = arg;
	(void)events;
	for (;;) {
		int fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			return;
		int yes = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		struct fleet_server *s = h->server;
		struct conn *c = xcalloc(1, sizeof *c);
		c->host = h;
		c->fd = fd;
		c->in = (struct buf)BUF_INIT(REQUEST_MAX);
		c->out = (struct buf)BUF_INIT(1u << 23);
		c->next = s->conns;
		c->prev = &s->conns;
		if (c->next)
			c->next->prev = &c->next;
		s->conns = c;
		c->io = loop_io_add(s->loop, fd, LOOP_READ, conn_event, c);
	}
}

/* The script: "SECONDS COMMAND" a line, in order of time */

static int
script_load(struct fleet_server *s, const char *path, struct err *err)
{
	s->script_text = (struct buf)BUF_INIT(1u << 20);
	if (buf_read_file(&s->script_text, path, err) == -1)
		return -1;
	size_t cap = 0, number = 0;
	char *save = NULL;
	for (char *p = strtok_r(s->script_text.data, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		struct slice rest = slice_of(p), word;
		int64_t at;
		number++;
		if (!slice_next_word(&rest, &word) || word.data[0] == '#')
			continue;
		if (text_parse_int(word, 0, 1000000, &at) == -1)
			return err_set(err, ERR_USAGE, "%s: line %zu: '%.*s' is no number of seconds", path, number, (int)word.len,
				word.data);
		if (s->n_script > 0 && at * 1000 < s->script[s->n_script - 1].at_ms)
			return err_set(err, ERR_USAGE, "%s: line %zu: times must rise", path, number);
		s->script = xgrow(s->script, &cap, s->n_script + 1, sizeof *s->script);
		s->script[s->n_script++] = (struct script_line){ at * 1000, word.data + word.len };
	}
	return 0;
}

static void
script_arm(struct fleet_server *s)
{
	if (s->script_at == s->n_script) {
		if (s->script_every_ms == 0)
			return;
		s->script_at = 0;
		s->script_start = mono_add_ms(s->script_start, s->script_every_ms);
	}
	int64_t due = s->script[s->script_at].at_ms - mono_ms_since(loop_now(s->loop), s->script_start);
	loop_timer_set(s->script_timer, due < 0 ? 0 : due, 0);
}

static void
script_run(void *arg)
{
	struct fleet_server *s = arg;
	struct buf reply = BUF_INIT(1u << 22);
	struct err err = ERR_INIT;
	if (command(s, s->script[s->script_at].command, &reply, &err) == -1)
		fprintf(stderr, "agents: script:%s: %s\n", s->script[s->script_at].command, err.text);
	buf_done(&reply);
	s->script_at++;
	follow_manners(s);
	script_arm(s);
}

/* Running */

static void
tick(void *arg)
{
	struct fleet_server *s = arg;
	sim_tick(s->sim, loop_now(s->loop));
}

static void
stop(void *arg, int signum)
{
	(void)signum;
	loop_stop(arg);
}

static int
serve(struct fleet_server *s, struct err *err)
{
	size_t nodes = sim_count(s->sim);
	s->n_hosts = (nodes + s->share - 1) / s->share;
	s->hosts = xcalloc(s->n_hosts, sizeof *s->hosts);
	for (size_t i = 0; i < s->n_hosts; i++)
		s->hosts[i] = (struct host){ .server = s, .first_node = i * s->share, .fd = -1 };
	s->control = (struct host){ .server = s, .first_node = SIZE_MAX, .fd = -1 };
	int rc = s->control_port ? host_listen(&s->control, INADDR_LOOPBACK, s->control_port, err) : 0;
	for (size_t i = 0; rc == 0 && i < s->n_hosts; i++)
		rc = host_listen(&s->hosts[i], host_address(s, i), s->port, err);
	if (rc == 0) {
		struct loop_signal *term = loop_signal_add(s->loop, SIGTERM, stop, s->loop);
		struct loop_signal *intr = loop_signal_add(s->loop, SIGINT, stop, s->loop);
		struct loop_timer *t = loop_timer_add(s->loop, 1000, 1000, tick, s);
		s->script_timer = loop_timer_add(s->loop, 0, 0, script_run, s);
		loop_timer_stop(s->script_timer);
		s->script_start = loop_now(s->loop);
		if (s->n_script > 0)
			script_arm(s);
		fprintf(stderr, "agents: %zu nodes on %zu addresses\n", nodes, s->n_hosts);
		loop_run(s->loop);
		fprintf(stderr, "agents: %zu pages served\n", s->requests);
		loop_timer_del(s->script_timer);
		loop_timer_del(t);
		loop_signal_del(term);
		loop_signal_del(intr);
	}
	while (s->conns)
		conn_close(s->conns);
	for (size_t i = 0; i < s->n_hosts; i++)
		host_close(&s->hosts[i]);
	host_close(&s->control);
	return rc;
}

static int
usage(FILE *to, int status)
{
	fprintf(to,
		"usage: agents [OPTION]...\n"
		"Serves a simulated fleet of agent nodes (docs/agent.md) over HTTP on loopback addresses.\n\n"
		"  --pops N             PoPs, at real places (16)\n"
		"  --nodes-per-pop N    (1)\n"
		"  --day SECONDS        length of a day (300)\n"
		"  --seed N             other PoP sizes (1)\n"
		"  --address A          nodes listen on A+1, A+2, ... (127.77.0.0)\n"
		"  --port N             on this port (9101)\n"
		"  --share N            nodes to an address, told apart by path (1); for fleets beyond the descriptor limit\n"
		"  --control PORT       where incidents are taken on 127.0.0.1 (9100), 0: nowhere\n"
		"  --script FILE        incidents as lines 'SECONDS COMMAND' after the start\n"
		"  --script-every S     the script starts again every S seconds\n"
		"  --act-token FILE     take orders that carry the token in this file\n"
		"  --poll DURATION      poll written into the fleet file (2s)\n"
		"  --fleet FILE         write a fleet.yaml for these nodes first; '-': print it and end\n"
		"  --help\n\n"
		"Incidents: curl -d 'dead fra1' http://127.0.0.1:9100/control    also GET /list, GET /help\n%s", sim_help());
	return status;
}

static void
raise_descriptor_limit(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

struct options {
	struct sim_options sim;
	const char *fleet, *script;
};

static int
number(const char *text, const char *what, int64_t min, int64_t max, int64_t *out)
{
	if (text_parse_int(slice_of(text), min, max, out) == 0)
		return 0;
	fprintf(stderr, "agents: %s must lie in %lld..%lld, not '%s'\n", what, (long long)min, (long long)max, text);
	return -1;
}

static int
parse(int argc, char **argv, struct options *o, struct fleet_server *s)
{
	static const struct option names[] = {
		{ "pops", 1, NULL, 'p' }, { "nodes-per-pop", 1, NULL, 'n' }, { "day", 1, NULL, 'd' }, { "seed", 1, NULL, 's' },
		{ "address", 1, NULL, 'a' }, { "port", 1, NULL, 'P' }, { "share", 1, NULL, 'S' }, { "control", 1, NULL, 'c' },
		{ "script", 1, NULL, 'x' }, { "script-every", 1, NULL, 'e' }, { "poll", 1, NULL, 'i' },
		{ "act-token", 1, NULL, 't' }, { "fleet", 1, NULL, 'f' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;
	int64_t n = 0;
	struct in_addr base;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'p' && number(optarg, "--pops", 1, SIM_POPS_MAX, &n) == 0)
			o->sim.pops = (size_t)n;
		else if (c == 'n' && number(optarg, "--nodes-per-pop", 1, 64, &n) == 0)
			o->sim.nodes_per_pop = (size_t)n;
		else if (c == 'd' && number(optarg, "--day", 10, 86400, &n) == 0)
			o->sim.day_s = (double)n;
		else if (c == 's' && number(optarg, "--seed", 0, INT32_MAX, &n) == 0)
			o->sim.seed = (uint32_t)n;
		else if (c == 'P' && number(optarg, "--port", 1, 65535, &n) == 0)
			s->port = (uint16_t)n;
		else if (c == 'S' && number(optarg, "--share", 1, 1000, &n) == 0)
			s->share = (size_t)n;
		else if (c == 'c' && number(optarg, "--control", 0, 65535, &n) == 0)
			s->control_port = (uint16_t)n;
		else if (c == 'e' && number(optarg, "--script-every", 1, 86400, &n) == 0)
			s->script_every_ms = n * 1000;
		else if (c == 'i' && duration_parse(optarg, &n) == 0 && n > 0)
			s->poll_ms = n * 1000;
		else if (c == 'a' && inet_pton(AF_INET, optarg, &base) == 1 && ntohl(base.s_addr) >> 24 == 127)
			s->base = ntohl(base.s_addr) & ~UINT32_C(0xff);
		else if (c == 't')
			s->act_token = optarg;
		else if (c == 'x')
			o->script = optarg;
		else if (c == 'f')
			o->fleet = optarg;
		else
			return c == 'h' ? 1 : -1;
	}
	if (optind == argc && o->sim.pops * o->sim.nodes_per_pop <= SIM_NODES_MAX)
		return 0;
	fprintf(stderr, "agents: at most %d nodes, and no arguments but options\n", SIM_NODES_MAX);
	return -1;
}

/* 0, 1 when that was all that was asked for, -1 */
static int
write_fleet(struct fleet_server *s, const char *path, struct err *err)
{
	struct buf text = BUF_INIT(16u << 20);
	sim_write_fleet(s->sim, write_url, s, s->poll_ms, s->act_token, &text);
	bool is_all = strcmp(path, "-") == 0;
	FILE *f = is_all ? stdout : fopen(path, "w");
	int rc = f ? 0 : -1;
	if (f && (fputs(buf_text(&text), f) == EOF || fflush(f) == EOF))
		rc = -1;
	if (rc == -1)
		err_set(err, ERR_FAILED, "%s: %s", path, strerror(errno));
	if (f && !is_all)
		fclose(f);
	buf_done(&text);
	return rc == -1 ? -1 : is_all;
}

static int
read_token(struct fleet_server *s, struct err *err)
{
	if (buf_read_file(&s->token, s->act_token, err) == -1)
		return -1;
	while (s->token.len > 0 && strchr("\r\n", s->token.data[s->token.len - 1]))
		s->token.data[--s->token.len] = '\0';
	return s->token.len > 0 ? 0 : err_set(err, ERR_USAGE, "%s: is empty, a token is wanted", s->act_token);
}

int
main(int argc, char **argv)
{
	struct options o = { .sim = SIM_OPTIONS_DEFAULT };
	struct fleet_server s = {
		.base = UINT32_C(0x7f4d0000), .port = 9101, .control_port = 9100, .share = 1, .poll_ms = 2000,
		.script_text = BUF_INIT(0), .token = BUF_INIT(512),
	};
	struct err err = ERR_INIT;
	int rc = parse(argc, argv, &o, &s);
	if (rc != 0)
		return usage(rc == 1 ? stdout : stderr, rc == 1 ? 0 : 2);
	raise_descriptor_limit();
	signal(SIGPIPE, SIG_IGN);
	s.loop = loop_new(&err);
	s.sim = s.loop ? sim_new(&o.sim, loop_now(s.loop)) : NULL;
	rc = s.loop ? 0 : -1;
	if (rc == 0 && s.act_token)
		rc = read_token(&s, &err);
	if (rc == 0 && o.fleet)
		rc = write_fleet(&s, o.fleet, &err);
	if (rc == 0 && o.script)
		rc = script_load(&s, o.script, &err);
	if (rc == 0)
		rc = serve(&s, &err);
	if (rc == -1)
		fprintf(stderr, "agents: %s\n", err.text);
	sim_free(s.sim);
	loop_free(s.loop);
	buf_done(&s.script_text);
	buf_done(&s.token);
	free(s.script);
	free(s.hosts);
	return rc == -1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
