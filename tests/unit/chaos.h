/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CHAOS_H
#define TESTS_UNIT_CHAOS_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/loop.h"

/*
 * A bad path between us and a server of 127.0.0.1: a proxy on the test's own loop that hands on what the client says and
 * harms what the server says, at a byte of its choice. It carries one connection at a time, at most CHAOS_BYTES_MAX of it.
 */
enum chaos_fault {
	CHAOS_NONE,
	CHAOS_CUT,     /* both ends are closed before byte `at` */
	CHAOS_STALL,   /* byte `at` and all after it never arrive, the connection stays: half-open TCP, a link that is gone */
	CHAOS_CORRUPT, /* byte `at` arrives with its bits turned */
	CHAOS_LARGE,   /* what comes in pieces larger than `at` never arrives: a path with a smaller MTU that nobody tells */
	CHAOS_DRIBBLE, /* one byte every `at` ms */
};

#define CHAOS_BYTES_MAX (1u << 20)

struct chaos {
	struct loop *loop;
	enum chaos_fault fault;
	size_t at;
	uint16_t port, server_port;
	int listener, client, server;
	struct loop_io *listener_io, *client_io, *server_io;
	struct loop_timer *timer;
	struct buf waiting;  /* of a dribble */
	size_t passed;       /* bytes that came from the server */
	bool has_struck;     /* the fault did its work */
};

static inline void
chaos_hang_up(struct chaos *c)
{
	loop_io_del(c->client_io);
	loop_io_del(c->server_io);
	c->client_io = c->server_io = NULL;
	if (c->client != -1)
		close(c->client);
	if (c->server != -1)
		close(c->server);
	c->client = c->server = -1;
	buf_clear(&c->waiting);
}

static inline void
chaos_send(int fd, const char *data, size_t len)
{
	/* small against any socket buffer, so it is taken whole or the other end is gone, which the next read finds out */
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
	(void)n;
}

static inline void
chaos_dribble(void *arg)
{
	struct chaos *c = arg;
	if (c->client == -1 || c->waiting.len == 0)
		return;
	chaos_send(c->client, c->waiting.data, 1);
	buf_drop_front(&c->waiting, 1);
	c->has_struck = true;
}

/* What of `len` bytes arrives; harms them on the way. */
static inline size_t
chaos_harm(struct chaos *c, char *data, size_t len)
{
	size_t from = c->passed;
	bool is_here = c->at >= from && c->at < from + len;
	c->passed += len;
	switch (c->fault) {
	case CHAOS_CUT:
	case CHAOS_STALL:
		c->has_struck = c->has_struck || is_here;
		return c->at <= from ? 0 : c->at < from + len ? c->at - from : len;
	case CHAOS_CORRUPT:
		if (is_here)
			data[c->at - from] ^= (char)0xff;
		c->has_struck = c->has_struck || is_here;
		return len;
	case CHAOS_LARGE:
		c->has_struck = c->has_struck || len > c->at;
		return c->has_struck ? 0 : len;
	case CHAOS_DRIBBLE:
		buf_add(&c->waiting, data, len);
		return 0;
	case CHAOS_NONE:
		break;
	}
	return len;
}

static inline void
chaos_from_server(void *arg, unsigned events)
{
	struct chaos *c = arg;
	char data[4096];
	(void)events;
	ssize_t n = recv(c->server, data, sizeof data, 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (c->fault == CHAOS_STALL || c->fault == CHAOS_LARGE)
			loop_io_set(c->server_io, 0); /* nor does its farewell arrive */
		else
			chaos_hang_up(c);
		return;
	}
	size_t arrives = chaos_harm(c, data, (size_t)n);
	if (arrives > 0)
		chaos_send(c->client, data, arrives);
	if (c->fault == CHAOS_CUT && c->has_struck)
		chaos_hang_up(c);
}

static inline void
chaos_from_client(void *arg, unsigned events)
{
	struct chaos *c = arg;
	char data[4096];
	(void)events;
	ssize_t n = recv(c->client, data, sizeof data, 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0)
		chaos_hang_up(c);
	else
		chaos_send(c->server, data, (size_t)n);
}

static inline void
chaos_accept(void *arg, unsigned events)
{
	struct chaos *c = arg;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(c->server_port) };
	(void)events;
	int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return;
	chaos_hang_up(c);
	c->client = fd;
	c->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->passed = 0;
	/* over loopback, to a listener: done at once */
	ck_assert_int_eq(connect(c->server, (struct sockaddr *)&in, sizeof in), 0);
	c->client_io = loop_io_add(c->loop, c->client, LOOP_READ, chaos_from_client, c);
	c->server_io = loop_io_add(c->loop, c->server, LOOP_READ, chaos_from_server, c);
}

static inline void
chaos_open(struct chaos *c, struct loop *l, uint16_t server_port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	memset(c, 0, sizeof *c);
	c->loop = l;
	c->server_port = server_port;
	c->client = c->server = -1;
	c->waiting = (struct buf)BUF_INIT(CHAOS_BYTES_MAX);
	c->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(c->listener, (struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(listen(c->listener, 16), 0);
	getsockname(c->listener, (struct sockaddr *)&in, &len);
	c->port = ntohs(in.sin_port);
	c->listener_io = loop_io_add(l, c->listener, LOOP_READ, chaos_accept, c);
	c->timer = loop_timer_add(l, 0, 0, chaos_dribble, c);
	loop_timer_stop(c->timer);
}

/* What the next connection will meet. */
static inline void
chaos_set(struct chaos *c, enum chaos_fault fault, size_t at)
{
	chaos_hang_up(c);
	c->fault = fault;
	c->at = at;
	c->has_struck = false;
	if (fault == CHAOS_DRIBBLE)
		loop_timer_set(c->timer, (int64_t)at, (int64_t)at);
	else
		loop_timer_stop(c->timer);
}

static inline void
chaos_close(struct chaos *c)
{
	chaos_hang_up(c);
	loop_io_del(c->listener_io);
	loop_timer_del(c->timer);
	close(c->listener);
	buf_done(&c->waiting);
}

#endif
