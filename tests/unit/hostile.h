/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_HOSTILE_H
#define TESTS_UNIT_HOSTILE_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/loop.h"

/*
 * A server for tests that does what it is told rather than what is right: raw bytes on a loopback or Unix socket, served
 * from the test's own loop. What it sends after a request is a row of a table.
 */
enum hostile_end { HOSTILE_HOLD, HOSTILE_CLOSE, HOSTILE_RESET, HOSTILE_KEEP };

struct hostile_script {
	const char *head;   /* sent first */
	size_t head_len;    /* 0: strlen */
	const char *piece;  /* then this, `times` times */
	size_t piece_len;   /* 0: strlen */
	size_t times;
	int64_t every_ms;   /* between pieces; 0: as fast as they are taken */
	enum hostile_end end; /* HOLD: never again a word. KEEP: serve the next request of the connection */
	bool at_once;       /* speaks before it was asked */
};

struct hostile {
	struct loop *loop;
	int fd;
	struct loop_io *io;
	uint16_t port;
	const struct hostile_script *script;
	struct buf asked; /* all requests so far */
	size_t accepted, open, answered;
	struct hostile_conn *conns;
};

struct hostile_conn {
	struct hostile_conn *next;
	struct hostile *server;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	size_t asked_len; /* bytes of the request under way */
	size_t sent;      /* bytes of the script, head and pieces */
	bool is_sending;
};

static void hostile_conn_event(void *arg, unsigned events);

static inline void
hostile_conn_close(struct hostile_conn *c, bool reset)
{
	struct hostile_conn **p = &c->server->conns;
	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	loop_io_del(c->io);
	loop_timer_del(c->timer);
	if (reset) {
		struct linger none = { .l_onoff = 1 };
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	}
	close(c->fd);
	c->server->open--;
	free(c);
}

/* The bytes of the script at an offset. */
static inline struct slice
hostile_bytes(const struct hostile_script *s, size_t at, bool *is_piece)
{
	size_t head = !s->head ? 0 : s->head_len ? s->head_len : strlen(s->head);
	size_t piece = !s->piece ? 0 : s->piece_len ? s->piece_len : strlen(s->piece);
	*is_piece = at >= head;
	if (at < head)
		return (struct slice){ s->head + at, head - at };
	size_t in = at - head;
	if (piece == 0 || in / piece >= s->times)
		return (struct slice){ NULL, 0 };
	return (struct slice){ s->piece + in % piece, piece - in % piece };
}

static inline void
hostile_send(void *arg)
{
	struct hostile_conn *c = arg;
	const struct hostile_script *s = c->server->script;
	for (;;) {
		bool is_piece;
		struct slice b = hostile_bytes(s, c->sent, &is_piece);
		if (b.len == 0)
			break;
		ssize_t n = send(c->fd, b.data, b.len, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN) {
			loop_io_set(c->io, LOOP_READ | LOOP_WRITE);
			return;
		}
		if (n == -1) {
			hostile_conn_close(c, false);
			return;
		}
		c->sent += (size_t)n;
		if (is_piece && s->every_ms > 0) {
			loop_timer_set(c->timer, s->every_ms, 0);
			return;
		}
	}
	c->is_sending = false;
	c->sent = c->asked_len = 0;
	c->server->answered++;
	loop_io_set(c->io, LOOP_READ);
	if (s->end == HOSTILE_CLOSE || s->end == HOSTILE_RESET)
		hostile_conn_close(c, s->end == HOSTILE_RESET);
}

static inline void
hostile_conn_event(void *arg, unsigned events)
{
	struct hostile_conn *c = arg;
	char data[4096];
	if (events & LOOP_READ) {
		ssize_t n = recv(c->fd, data, sizeof data, 0);
		if (n == 0 || (n == -1 && errno != EAGAIN)) {
			hostile_conn_close(c, false);
			return;
		}
		if (n > 0) {
			buf_add(&c->server->asked, data, (size_t)n);
			c->asked_len += (size_t)n;
			if (!c->is_sending && slice_contains(buf_slice(&c->server->asked), "\r\n\r\n")) {
				c->is_sending = true;
				hostile_send(c);
				return;
			}
		}
	}
	if (c->is_sending && events & LOOP_WRITE) {
		loop_io_set(c->io, LOOP_READ);
		hostile_send(c);
	}
}

static inline void
hostile_accept(void *arg, unsigned events)
{
	struct hostile *s = arg;
	(void)events;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return;
	struct hostile_conn *c = xcalloc(1, sizeof *c);
	c->server = s;
	c->fd = fd;
	c->next = s->conns;
	s->conns = c;
	s->accepted++;
	s->open++;
	c->io = loop_io_add(s->loop, fd, LOOP_READ, hostile_conn_event, c);
	c->timer = loop_timer_add(s->loop, 0, 0, hostile_send, c);
	loop_timer_stop(c->timer);
	if (s->script->at_once) {
		c->is_sending = true;
		hostile_send(c);
	}
}

/* On 127.0.0.1, or on a Unix socket if path is given. */
static inline void
hostile_open(struct hostile *s, struct loop *l, const char *path, const struct hostile_script *script)
{
	memset(s, 0, sizeof *s);
	s->loop = l;
	s->script = script;
	s->asked = (struct buf)BUF_INIT(1u << 20);
	s->fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	if (path)
		snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
	const void *name = path ? (const void *)&un : (const void *)&in;
	ck_assert_int_eq(bind(s->fd, name, path ? sizeof un : sizeof in), 0);
	ck_assert_int_eq(listen(s->fd, 128), 0);
	socklen_t len = sizeof in;
	if (!path) {
		getsockname(s->fd, (struct sockaddr *)&in, &len);
		s->port = ntohs(in.sin_port);
	}
	s->io = loop_io_add(l, s->fd, LOOP_READ, hostile_accept, s);
}

static inline void
hostile_close(struct hostile *s)
{
	while (s->conns)
		hostile_conn_close(s->conns, false);
	loop_io_del(s->io);
	close(s->fd);
	buf_done(&s->asked);
}

#endif
