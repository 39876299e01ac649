/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain HTTP client: GET over TCP to a literal address, on kept connections, for the thousands of pages that a poller
 * reads every few seconds. libcurl does this too, and took 75,000 instructions and four system calls of its own a page
 * where this takes one send and one recv; https, Unix sockets, streams, methods, own headers and names stay with it
 * (core/http.c, which chooses).
 *
 * The rules are those of http.h: one absolute deadline, a ceiling counted here, no redirect, no proxy, no cookie, no
 * decompression, no name looked up; and http_head.c is stricter with what comes than curl is. A connection's watch stays
 * armed for reading from its first answer until it closes, so a poll costs no epoll_ctl, and a server that hangs up or
 * speaks unasked while idle is noticed at once. A kept connection that turns out dead before the answer's first byte is
 * replaced once: asking for a page twice does no harm. An answer that came in one piece is handed out where it was
 * received, without a copy.
 *
 * Callbacks run from the loop only. A refusal (404) with a short body is read to its end, so that its connection can
 * serve the next question.
 */
#include "core/http_plain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

#include "core/http_call.h"
#include "core/http_judge.h"
#include "core/text.h"

#define RECEIVE_MAX    65536
#define DRAIN_MAX      16384 /* of a refusal, for the sake of its connection */
#define REQUEST_MAX    4096  /* a URL of HTTP_URL_MAX, its host again, and what stands around them */
#define IDLE_CALLS_MAX 64
#define IDLE_S         120
#define SWEEP_MS       30000

struct key {
	uint8_t addr[16];
	uint16_t port; /* host order */
	uint16_t family;
};

struct conn;
LIST_HEAD(conn_list, conn);
TAILQ_HEAD(conn_queue, conn);

/* An address and the connections to it that wait for work. */
struct host {
	UT_hash_handle hh;
	struct key key;
	struct conn_list idle;
	size_t n_conns;
};

struct conn {
	LIST_ENTRY(conn) of_host; /* while idle */
	TAILQ_ENTRY(conn) by_age; /* while idle */
	struct host *host;
	struct http_plain *plain;
	struct plain_call *call; /* NULL while idle */
	struct loop_io *io;
	int fd;
	struct mono idle_since;
	bool is_connected, is_idle, has_served; /* has_served: an answer before this one */
};

enum stage { STAGE_HEAD, STAGE_LENGTH, STAGE_CHUNKS, STAGE_CLOSE };

struct plain_call {
	struct http_call base; /* first: what callers hold */
	LIST_ENTRY(plain_call) link;
	struct http_plain *plain;
	struct conn *conn; /* NULL: it failed before there was one */
	struct loop_timer *timer;
	http_done_fn *done;
	void *arg;
	struct key key;
	struct buf url, request, accept; /* kept from call to call */
	size_t sent;
	int64_t allowed_ms;
	size_t body_max;
	enum stage stage;
	bool is_retried, has_heard;
	struct buf in; /* the head, while it comes in pieces */
	size_t in_seen, head_bytes;
	struct http_head head;
	struct http_chunks chunks;
	size_t left; /* STAGE_LENGTH: of the body */
	char type[128];
	struct buf body;
	struct err err; /* the answer is refused, or the call failed */
};
LIST_HEAD(call_list, plain_call);

struct http_plain {
	struct loop *loop;
	struct host *hosts;
	struct conn_queue idle; /* oldest first */
	struct call_list calls, spare;
	size_t n_calls, n_spare;
	struct loop_timer *sweep;
	char *scratch; /* RECEIVE_MAX + 1: what the last recv brought */
};

static void conn_event(void *arg, unsigned events);
static void call_connect(struct plain_call *c);

static void
where_of(const struct plain_call *c, char out[HTTP_WHERE_MAX])
{
	struct http_url url;
	struct err none = ERR_INIT;
	if (http_url_split(buf_text(&c->url), &url, &none) == 0)
		http_judge_where(&url, out);
	else
		snprintf(out, HTTP_WHERE_MAX, "?");
}

/* Connections */

static struct host *
host_find(const struct http_plain *p, const struct key *key)
{
	struct host *h;
	HASH_FIND(hh, p->hosts, key, sizeof *key, h);
	return h;
}

static struct host *
host_get(struct http_plain *p, const struct key *key)
{
	struct host *h = host_find(p, key);
	if (h)
		return h;
	h = xcalloc(1, sizeof *h);
	h->key = *key;
	LIST_INIT(&h->idle);
	HASH_ADD(hh, p->hosts, key, sizeof h->key, h);
	return h;
}

static void
conn_unidle(struct conn *k)
{
	k->is_idle = false;
	LIST_REMOVE(k, of_host);
	TAILQ_REMOVE(&k->plain->idle, k, by_age);
}

static void
conn_close(struct conn *k)
{
	struct host *h = k->host;
	if (k->is_idle)
		conn_unidle(k);
	loop_io_del(k->io);
	close(k->fd);
	if (--h->n_conns == 0) {
		HASH_DEL(k->plain->hosts, h);
		free(h);
	}
	free(k);
}

static void
conn_to_idle(struct conn *k)
{
	struct http_plain *p = k->plain;
	k->call = NULL;
	k->is_idle = k->has_served = true;
	k->idle_since = loop_now(p->loop);
	if (TAILQ_EMPTY(&p->idle))
		loop_timer_set(p->sweep, SWEEP_MS, SWEEP_MS);
	LIST_INSERT_HEAD(&k->host->idle, k, of_host);
	TAILQ_INSERT_TAIL(&p->idle, k, by_age);
}

/* Nobody polls there any more. */
static void
sweep(void *arg)
{
	struct http_plain *p = arg;
	struct mono now = loop_now(p->loop);
	struct conn *k;
	while ((k = TAILQ_FIRST(&p->idle)) && mono_ms_since(now, k->idle_since) > IDLE_S * 1000)
		conn_close(k);
	if (TAILQ_EMPTY(&p->idle))
		loop_timer_stop(p->sweep);
}

static socklen_t
address_of(const struct key *key, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (key->family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(key->port);
		memcpy(&in->sin_addr, key->addr, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(key->port);
	memcpy(&in6->sin6_addr, key->addr, 16);
	return sizeof *in6;
}

/* Calls */

static struct plain_call *
call_new(struct http_plain *p)
{
	struct plain_call *c = LIST_FIRST(&p->spare);
	LIST_REMOVE(c, link);
	p->n_spare--;
	LIST_INSERT_HEAD(&p->calls, c, link);
	p->n_calls++;
	return c;
}

static void
call_destroy(struct plain_call *c)
{
	loop_timer_del(c->timer);
	buf_done(&c->url);
	buf_done(&c->request);
	buf_done(&c->accept);
	buf_done(&c->in);
	buf_done(&c->body);
	free(c);
}

/* Takes a call off its connection, which is kept or closed. */
static void
call_detach(struct plain_call *c, bool may_keep)
{
	loop_timer_stop(c->timer);
	struct conn *k = c->conn;
	c->conn = NULL;
	if (!k)
		return;
	/* a server that answers before it has read the question is not waited for */
	if (may_keep && c->sent == c->request.len)
		conn_to_idle(k);
	else
		conn_close(k);
}

/* After its owner was told. */
static void
call_release(struct plain_call *c)
{
	struct http_plain *p = c->plain;
	LIST_REMOVE(c, link);
	p->n_calls--;
	buf_done(&c->body);
	buf_done(&c->in);
	if (p->n_spare >= IDLE_CALLS_MAX) {
		call_destroy(c);
		return;
	}
	LIST_INSERT_HEAD(&p->spare, c, link);
	p->n_spare++;
}

static void
call_fail(struct plain_call *c)
{
	struct err err = c->err;
	call_detach(c, false);
	c->done(c->arg, NULL, &err);
	call_release(c);
}

static void
call_succeed(struct plain_call *c, struct slice body, bool may_keep)
{
	struct err err = c->err;
	struct http_reply reply = {
		.status = c->head.status,
		.content_type = c->head.type.data ? c->type : NULL,
		.body = body,
	};
	call_detach(c, may_keep);
	c->done(c->arg, err.code == ERR_OK ? &reply : NULL, &err);
	call_release(c);
}

/* An error found while the caller is still in http_start, or a deadline. */
static void
call_expired(void *arg)
{
	struct plain_call *c = arg;
	if (c->err.code == ERR_OK) {
		char where[HTTP_WHERE_MAX];
		where_of(c, where);
		http_judge_late(where, c->conn && c->conn->is_connected, c->stage == STAGE_HEAD ? NULL : &c->body.len,
			c->allowed_ms, &c->err);
	}
	call_fail(c);
}

static void
call_cancel(struct http_call *base)
{
	struct plain_call *c = (struct plain_call *)base;
	call_detach(c, false);
	call_release(c);
}

static void
add_spare_call(struct http_plain *p)
{
	struct plain_call *c = xcalloc(1, sizeof *c);
	c->base.cancel = call_cancel;
	c->plain = p;
	c->url = (struct buf)BUF_INIT(HTTP_URL_MAX);
	c->request = (struct buf)BUF_INIT(REQUEST_MAX);
	c->accept = (struct buf)BUF_INIT(REQUEST_MAX);
	c->timer = loop_timer_add(p->loop, 0, 0, call_expired, c);
	loop_timer_stop(c->timer);
	LIST_INSERT_HEAD(&p->spare, c, link);
	p->n_spare++;
}

/* The connection is gone or never was. True if the call goes on with another one. */
static bool
call_retries(struct plain_call *c)
{
	struct conn *k = c->conn;
	if (!k->has_served || c->has_heard || c->is_retried)
		return false;
	c->is_retried = true;
	c->conn = NULL;
	conn_close(k);
	call_connect(c);
	return true;
}

/* From the loop only. */
static void
call_lost(struct plain_call *c)
{
	if (call_retries(c))
		return;
	char where[HTTP_WHERE_MAX];
	where_of(c, where);
	if (c->err.code == ERR_OK)
		http_judge_lost(where, c->body.len, &c->err);
	call_fail(c);
}

/* Sends what is left of the request. False if the connection is gone. */
static bool
call_send(struct plain_call *c)
{
	struct conn *k = c->conn;
	while (c->sent < c->request.len) {
		ssize_t n = send(k->fd, c->request.data + c->sent, c->request.len - c->sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			loop_io_set(k->io, LOOP_READ | LOOP_WRITE);
			return true;
		}
		if (n == -1)
			return false;
		c->sent += (size_t)n;
	}
	return true;
}

static void
call_unconnected(struct plain_call *c, int cause)
{
	char where[HTTP_WHERE_MAX];
	where_of(c, where);
	http_judge_connect(where, cause, "unknown", &c->err);
}

/* Opens a connection of its own for a call; what goes wrong is told by its timer. */
static void
call_connect(struct plain_call *c)
{
	struct http_plain *p = c->plain;
	struct sockaddr_storage to;
	socklen_t len = address_of(&c->key, &to);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || (connect(fd, (struct sockaddr *)&to, len) == -1 && errno != EINPROGRESS)) {
		call_unconnected(c, errno);
		if (fd != -1)
			close(fd);
		loop_timer_set(c->timer, 0, 0);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	struct conn *k = xcalloc(1, sizeof *k);
	k->plain = p;
	k->host = host_get(p, &c->key);
	k->host->n_conns++;
	k->fd = fd;
	k->call = c;
	k->io = loop_io_add(p->loop, fd, LOOP_WRITE, conn_event, k);
	c->conn = k;
	c->sent = 0;
}

/* Answers */

static void
call_refuse(struct plain_call *c, const struct err *why)
{
	char where[HTTP_WHERE_MAX];
	where_of(c, where);
	if (c->err.code == ERR_OK && why->code == ERR_TOO_LARGE && c->stage != STAGE_HEAD)
		http_judge_large(where, c->body_max, &c->err);
	else if (c->err.code == ERR_OK)
		err_set(&c->err, why->code, "%s %s", where, why->text);
	call_fail(c);
}

/* The head is whole: is this an answer we want? If not, err is set, and a little of its body is read away. */
static void
judge_head(struct plain_call *c)
{
	if (c->head.type.data) {
		slice_copy(c->head.type, c->type, sizeof c->type);
		if (c->head.type.len >= sizeof c->type)
			c->type[sizeof c->type - 1] = '\0';
	}
	if (c->head.status == 200 && c->accept.len == 0)
		return;
	char where[HTTP_WHERE_MAX];
	where_of(c, where);
	if (c->head.status != 200)
		http_judge_status(where, c->head.status, &c->err);
	else
		http_judge_type(where, c->head.type.data ? c->type : NULL, buf_text(&c->accept), &c->err);
}

/* True if the answer's body need not or may not be read; the call is over then. */
static bool
ends_with_head(struct plain_call *c)
{
	bool is_refused = c->err.code != ERR_OK;
	bool is_endless = !c->head.is_chunked && c->head.length < 0;
	size_t limit = is_refused ? DRAIN_MAX : c->body_max;
	bool is_large = c->head.length > 0 && (uint64_t)c->head.length > limit;
	if (!is_large && !(is_refused && is_endless))
		return false;
	struct err why = ERR_INIT;
	err_set(&why, ERR_TOO_LARGE, "sends too much");
	c->stage = STAGE_LENGTH;
	call_refuse(c, &why);
	return true;
}

/* Body bytes that cannot be handed out where they lie, in any portions. */
static void
read_body(struct plain_call *c, struct slice got)
{
	struct err why = ERR_INIT;
	int rc = 0;
	if (c->stage == STAGE_CHUNKS) {
		rc = http_chunks_read(&c->chunks, &got, &c->body, &why);
	} else if (c->stage == STAGE_LENGTH) {
		size_t n = got.len < c->left ? got.len : c->left;
		(void)buf_add(&c->body, got.data, n); /* its ceiling was held against the stated length */
		c->left -= n;
		got.data += n;
		got.len -= n;
		rc = c->left == 0;
	} else if (buf_add(&c->body, got.data, got.len) == -1) {
		rc = err_set(&why, ERR_TOO_LARGE, "sends too much");
	}
	if (rc == -1)
		call_refuse(c, &why);
	else if (rc == 1)
		call_succeed(c, buf_slice(&c->body), c->head.may_keep && got.len == 0);
}

/* What follows the head, as far as it is there. */
static void
begin_body(struct plain_call *c, struct slice rest)
{
	judge_head(c);
	if (ends_with_head(c))
		return;
	if (c->head.length >= 0 && rest.len >= (size_t)c->head.length) {
		struct slice body = { rest.data, (size_t)c->head.length };
		call_succeed(c, body, c->head.may_keep && rest.len == body.len);
		return;
	}
	c->body = (struct buf)BUF_INIT(c->err.code != ERR_OK ? DRAIN_MAX : c->body_max);
	c->stage = c->head.is_chunked ? STAGE_CHUNKS : c->head.length >= 0 ? STAGE_LENGTH : STAGE_CLOSE;
	c->left = c->head.length >= 0 ? (size_t)c->head.length : 0;
	if (rest.len > 0)
		read_body(c, rest);
}

/* Looks for the head in what came; 1xx answers before it are passed over, but counted. */
static void
read_head(struct plain_call *c, struct slice got)
{
	struct err why = ERR_INIT;
	bool is_kept = c->in.len > 0;
	if (is_kept) {
		(void)buf_add(&c->in, got.data, got.len);
		got = buf_slice(&c->in);
	}
	for (;;) {
		ssize_t n = http_head_read(got, &c->in_seen, &c->head, &why);
		if (n > 0 && c->head_bytes + (size_t)n > HTTP_HEAD_MAX)
			n = err_set(&why, ERR_TOO_LARGE, "sends headers of more than %d bytes", HTTP_HEAD_MAX);
		if (n == -1) {
			call_refuse(c, &why);
			return;
		}
		if (n == 0)
			break;
		c->in_seen = 0;
		c->head_bytes += (size_t)n;
		got.data += n;
		got.len -= (size_t)n;
		if (c->head.status >= 200 || c->head.status == 101) {
			begin_body(c, got);
			return;
		}
	}
	if (is_kept)
		buf_drop_front(&c->in, c->in.len - got.len);
	else
		(void)buf_add(&c->in, got.data, got.len);
}

static void
conn_read(struct conn *k)
{
	struct http_plain *p = k->plain;
	struct plain_call *c = k->call;
	ssize_t n = recv(k->fd, p->scratch, RECEIVE_MAX, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!c) {
		conn_close(k); /* it hung up, or speaks unasked */
		return;
	}
	if (n <= 0) {
		if (n == 0 && c->stage == STAGE_CLOSE)
			call_succeed(c, buf_slice(&c->body), false);
		else
			call_lost(c);
		return;
	}
	c->has_heard = true;
	p->scratch[n] = '\0';
	struct slice got = { p->scratch, (size_t)n };
	if (c->stage == STAGE_HEAD)
		read_head(c, got);
	else
		read_body(c, got);
}

static void
conn_connected(struct conn *k)
{
	struct plain_call *c = k->call;
	int cause = 0;
	socklen_t len = sizeof cause;
	getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &cause, &len);
	if (cause != 0) {
		call_unconnected(c, cause);
		call_fail(c);
		return;
	}
	k->is_connected = true;
	loop_io_set(k->io, LOOP_READ);
	if (!call_send(c))
		call_lost(c);
}

static void
conn_event(void *arg, unsigned events)
{
	struct conn *k = arg;
	if (k->call && !k->is_connected) {
		conn_connected(k);
		return;
	}
	if (k->call && events & LOOP_WRITE && k->call->sent < k->call->request.len) {
		loop_io_set(k->io, LOOP_READ);
		if (!call_send(k->call)) {
			call_lost(k->call);
			return;
		}
	}
	if (events & LOOP_READ)
		conn_read(k);
}

/* Starting */

static bool
key_of(const struct http_request *r, const struct http_url *url, struct key *out)
{
	const char *address = r->address ? r->address : url->is_literal ? url->host : "";
	*out = (struct key){ .port = url->port };
	out->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	return inet_pton(out->family, address, out->addr) == 1;
}

static bool
fits(const struct http_request *r, const struct http_url *url, struct key *key)
{
	return !url->is_tls && !r->unix_path && !r->method && !r->chunk && !r->any_status && r->n_headers == 0 &&
		(!r->accept || strlen(r->accept) < 128) && key_of(r, url, key);
}

static void
write_request(struct plain_call *c, const struct http_request *r)
{
	struct buf *out = &c->request;
	const char *authority = r->url + sizeof "http://" - 1;
	size_t len = strcspn(authority, "/?");
	const char *path = authority + len;
	buf_clear(out);
	buf_add_text(out, *path == '/' ? "GET " : "GET /");
	buf_add_text(out, path);
	buf_add_text(out, " HTTP/1.1\r\nHost: ");
	buf_add(out, authority, len);
	buf_add_text(out, "\r\nAccept: ");
	buf_add_text(out, r->accept ? r->accept : "*/*");
	buf_add_text(out, "\r\n\r\n");
}

static void
call_begin(struct plain_call *c, const struct http_request *r, const struct key *key)
{
	buf_clear(&c->url);
	buf_add_text(&c->url, r->url);
	buf_clear(&c->accept);
	if (r->accept)
		buf_add_text(&c->accept, r->accept);
	c->key = *key;
	c->conn = NULL;
	c->sent = 0;
	c->body_max = r->body_max ? r->body_max : HTTP_BODY_MAX;
	c->stage = STAGE_HEAD;
	c->is_retried = c->has_heard = false;
	c->in = (struct buf)BUF_INIT(HTTP_HEAD_MAX + RECEIVE_MAX);
	c->in_seen = c->head_bytes = 0;
	c->chunks = (struct http_chunks){ 0 };
	c->body = (struct buf)BUF_INIT(0);
	err_clear(&c->err);
	write_request(c, r);
}

struct http_call *
http_plain_start(struct http_plain *p, const struct http_request *r, const struct http_url *url, http_done_fn *done,
	void *arg)
{
	struct key key;
	if (!fits(r, url, &key))
		return NULL;
	if (LIST_EMPTY(&p->spare))
		add_spare_call(p);
	struct plain_call *c = call_new(p);
	call_begin(c, r, &key);
	c->done = done;
	c->arg = arg;
	c->allowed_ms = mono_ms_since(r->deadline, loop_now(p->loop));
	if (c->allowed_ms < 0)
		c->allowed_ms = 0;
	loop_timer_set(c->timer, c->allowed_ms, 0);
	struct host *h = host_find(p, &c->key);
	struct conn *k = h ? LIST_FIRST(&h->idle) : NULL;
	if (!k) {
		call_connect(c);
		return &c->base;
	}
	conn_unidle(k);
	k->call = c;
	c->conn = k;
	if (!call_send(c))
		(void)call_retries(c); /* it has served and is silent: never refused */
	return &c->base;
}

size_t
http_plain_calls(const struct http_plain *p)
{
	return p->n_calls;
}

struct http_plain *
http_plain_new(struct loop *l)
{
	struct http_plain *p = xcalloc(1, sizeof *p);
	p->loop = l;
	TAILQ_INIT(&p->idle);
	LIST_INIT(&p->calls);
	LIST_INIT(&p->spare);
	p->scratch = xmalloc(RECEIVE_MAX + 1);
	p->sweep = loop_timer_add(l, SWEEP_MS, SWEEP_MS, sweep, p);
	loop_timer_stop(p->sweep);
	return p;
}

void
http_plain_free(struct http_plain *p)
{
	struct plain_call *c;
	while ((c = LIST_FIRST(&p->calls))) {
		char where[HTTP_WHERE_MAX];
		where_of(c, where);
		err_clear(&c->err);
		err_set(&c->err, ERR_CONN_LOST, "%s: the client is being closed", where);
		call_fail(c);
	}
	while ((c = LIST_FIRST(&p->spare))) {
		LIST_REMOVE(c, link);
		call_destroy(c);
	}
	struct conn *k;
	while ((k = TAILQ_FIRST(&p->idle)))
		conn_close(k);
	loop_timer_del(p->sweep);
	free(p->scratch);
	free(p);
}
