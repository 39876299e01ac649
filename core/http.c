/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client: curl's multi interface on our loop. The only file that includes curl; the backend polls nodes through
 * it, the console reaches the backend through it. A plain GET to a literal address, which is nearly all that a poller
 * does, is handed to http_plain.c; everything else is done here.
 *
 * Why it looks as it does. Calls are spread over several multi handles ("lanes") by host, because curl's connection cache
 * has 97 hash slots and is swept once a second: a few hundred hosts a handle cost half of what thousands do. Easy handles
 * are few and reused; the connections stay in the lane. A socket's watch outlives the request: curl asks for "remove"
 * after each answer and for "read" before the next, and obeying would be two epoll_ctl a poll, so reading stays armed
 * until the socket speaks while idle (the peer hung up) or closes.
 *
 * curl's own timeouts are not used: one loop timer a call is the absolute deadline. All user callbacks run after curl has
 * returned, so they may start and cancel calls. Names never reach curl: the URL's host is a literal, or the caller says
 * where to connect (CURLOPT_CONNECT_TO rather than CURLOPT_RESOLVE, whose entries would outlive the call and be shared
 * by all nodes of that name). A gzip body is refused rather than inflated.
 *
 * Does not do: HTTP/2, redirects, uploads of more than one buffer, retries (but curl's own, once, when a kept connection
 * turns out dead before the first byte; a call that must not be repeated says so).
 */
#include "core/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/http_call.h"
#include "core/http_judge.h"
#include "core/http_plain.h"
#include "core/text.h"

/* CVE-2023-38545 and the header limit of CVE-2023-38039 are fixed in Debian's 7.88.1. */
#define CURL_OLDEST         0x075801
#define LANE_CONNECTIONS    4096
#define LANE_IDLE_CALLS_MAX 64
#define RECEIVE_BUFFER      8192
#define DRAIN_MAX           16384

struct lane;

/* Our watch on one of curl's sockets. */
struct sock {
	struct lane *lane;
	struct loop_io *io;
	int fd;
	unsigned want;  /* what curl asked for: LOOP_*; 0: the connection is idle */
	unsigned armed; /* what the loop watches */
};

struct curl_call {
	struct http_call base; /* first: what callers hold */
	LIST_ENTRY(curl_call) link; /* lane.calls or lane.idle */
	STAILQ_ENTRY(curl_call) ready_link;
	struct lane *lane;
	CURL *easy;
	struct loop_timer *timer;
	http_done_fn *done;
	void *arg;
	void (*chunk)(void *arg, struct slice bytes);
	int64_t quiet_ms;
	struct mono started, heard;
	int64_t allowed_ms;
	struct buf body;
	size_t drained;                /* bytes of an answer that is refused already */
	struct curl_slist *headers;    /* own list, or NULL: the shared one */
	struct curl_slist *connect_to;
	char *accept, *where;          /* where: "10.0.0.12:8053" or a socket's path */
	struct err err;                /* found before curl says how it ended */
	char curl_text[CURL_ERROR_SIZE];
	bool any_status, has_unix, has_method, is_once;
	bool is_added;  /* in the multi handle */
	bool is_ready;  /* on lane.ready: has a piece to hand out */
	bool is_late;   /* started while the client was being closed: ends unheard */
	bool has_header; /* its last line too */
	bool is_judged; /* status and type of the answer were looked at */
};

struct lane {
	struct http *http;
	CURLM *multi;
	struct loop_timer *timer;
	LIST_HEAD(, curl_call) calls;
	LIST_HEAD(, curl_call) idle;
	STAILQ_HEAD(, curl_call) ready;
	size_t n_idle;
};

struct http {
	struct loop *loop;
	struct http_plain *plain; /* takes what it can; the rest is curl's */
	size_t n_lanes, n_calls;
	bool is_closing;
	struct lane *lanes[HTTP_LANES_MAX]; /* made when first used */
	char *ca_file, *cert_file, *key_file, *secret_header;
	bool only_tls13;
	struct curl_slist *headers; /* sent with every call that brings none */
	struct sock **socks;        /* by descriptor */
	size_t socks_cap;
};

/* URLs */

static int
url_host(struct slice authority, struct http_url *out, const char *url, struct err *err)
{
	const char *host = authority.data;
	size_t host_len = authority.len;
	struct slice port = { NULL, 0 };
	bool has_port = false;
	if (host_len > 0 && host[0] == '[') {
		const char *end = memchr(host, ']', host_len);
		if (!end || (end + 1 < host + host_len && end[1] != ':'))
			return err_set(err, ERR_USAGE, "'%s': the address in brackets is not closed", url);
		has_port = end + 1 < host + host_len;
		port = (struct slice){ end + 2, has_port ? (size_t)(host + host_len - end - 2) : 0 };
		host++;
		host_len = (size_t)(end - host);
	} else {
		const char *colon = memchr(host, ':', host_len);
		has_port = colon != NULL;
		if (colon) {
			port = (struct slice){ colon + 1, (size_t)(host + host_len - colon - 1) };
			host_len = (size_t)(colon - host);
		}
	}
	if (host_len == 0 || host_len >= sizeof out->host)
		return err_set(err, ERR_USAGE, "'%s': the host must have 1 to %zu bytes, it has %zu", url,
			sizeof out->host - 1, host_len);
	memcpy(out->host, host, host_len);
	out->host[host_len] = '\0';
	int64_t number = out->is_tls ? 443 : 80;
	if (has_port && text_parse_int(port, 1, 65535, &number) == -1)
		return err_set(err, ERR_USAGE, "'%s': the port must lie in 1..65535", url);
	out->port = (uint16_t)number;
	struct in6_addr any;
	bool in_brackets = host != authority.data;
	out->is_literal = inet_pton(in_brackets ? AF_INET6 : AF_INET, out->host, &any) == 1;
	if (in_brackets && !out->is_literal)
		return err_set(err, ERR_USAGE, "'%s': not an IPv6 address in the brackets", url);
	return 0;
}

int
http_url_split(const char *url, struct http_url *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (strlen(url) > HTTP_URL_MAX)
		return err_set(err, ERR_USAGE, "a URL of %zu bytes, at most %d are allowed", strlen(url), HTTP_URL_MAX);
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '#' || *p == '\\')
			return err_set(err, ERR_USAGE, "a URL with byte 0x%02x, which must be written as %%%02X",
				(unsigned char)*p, (unsigned char)*p);
	size_t scheme = 0;
	if (strncmp(url, "http://", 7) == 0)
		scheme = 7;
	else if (strncmp(url, "https://", 8) == 0)
		scheme = 8;
	if (scheme == 0)
		return err_set(err, ERR_USAGE, "'%s': a URL must start with http:// or https://", url);
	out->is_tls = scheme == 8;
	struct slice authority = { url + scheme, strcspn(url + scheme, "/?") };
	if (memchr(authority.data, '@', authority.len))
		return err_set(err, ERR_USAGE, "a URL with a user or password in it: credentials do not belong into URLs");
	return url_host(authority, out, url, err);
}

/* Sockets */

static void lane_act(struct lane *lane, curl_socket_t fd, int bits);

static void
sock_event(void *arg, unsigned events)
{
	struct sock *s = arg;
	if (s->want == 0) {
		/* Idle and readable: the peer hung up. curl finds out when it wants to use it; until then do not spin. */
		s->armed = 0;
		loop_io_set(s->io, 0);
		return;
	}
	int bits = 0;
	if (events & LOOP_READ)
		bits |= CURL_CSELECT_IN;
	if (events & LOOP_WRITE)
		bits |= CURL_CSELECT_OUT;
	lane_act(s->lane, s->fd, bits);
}

static struct sock *
sock_find(struct http *h, int fd)
{
	return (size_t)fd < h->socks_cap ? h->socks[fd] : NULL;
}

static struct sock *
sock_new(struct lane *lane, int fd)
{
	struct http *h = lane->http;
	size_t before = h->socks_cap;
	h->socks = xgrow(h->socks, &h->socks_cap, (size_t)fd + 1, sizeof *h->socks);
	memset(h->socks + before, 0, (h->socks_cap - before) * sizeof *h->socks);
	struct sock *s = xcalloc(1, sizeof *s);
	s->lane = lane;
	s->fd = fd;
	h->socks[fd] = s;
	return s;
}

static void
sock_drop(struct http *h, int fd)
{
	struct sock *s = sock_find(h, fd);
	if (!s)
		return;
	loop_io_del(s->io);
	h->socks[fd] = NULL;
	free(s);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	(void)easy;
	(void)socket_arg;
	struct lane *lane = arg;
	struct sock *s = sock_find(lane->http, fd);
	if (!s) {
		if (what == CURL_POLL_REMOVE)
			return 0;
		s = sock_new(lane, fd);
	}
	s->want = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	if (what == CURL_POLL_REMOVE)
		s->want = 0;
	unsigned arm = s->want ? s->want : s->armed & LOOP_READ;
	if (arm == s->armed)
		return 0;
	if (!s->io)
		s->io = loop_io_add(lane->http->loop, fd, arm, sock_event, s);
	else
		loop_io_set(s->io, arm);
	s->armed = arm;
	return 0;
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct lane *lane = arg;
	(void)purpose;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
	/* curl 7.88 closes a socket that never connected without telling on_close; its number may come back here. */
	if (fd != -1)
		sock_drop(lane->http, fd);
	return fd == -1 ? CURL_SOCKET_BAD : fd;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	struct lane *lane = arg;
	sock_drop(lane->http, fd);
	return close(fd);
}

/* Answers */

/* Looks at status, encoding and type of the answer whose header is complete. -1 with call->err set. */
static int
judge_header(struct curl_call *c)
{
	if (c->is_judged)
		return c->err.code == ERR_OK ? 0 : -1;
	c->is_judged = true;
	long status = 0;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	struct curl_header *encoding;
	if (curl_easy_header(c->easy, "Content-Encoding", 0, CURLH_HEADER, -1, &encoding) == CURLHE_OK &&
			strcasecmp(encoding->value, "identity") != 0)
		return err_set(&c->err, ERR_PROTOCOL, "%s sends a compressed body, which was not asked for", c->where);
	struct curl_header *way;
	if (curl_easy_header(c->easy, "Transfer-Encoding", 0, CURLH_HEADER, -1, &way) == CURLHE_OK &&
			strcasecmp(way->value, "chunked") != 0)
		return err_set(&c->err, ERR_PROTOCOL, "%s sends a body that is encoded or compressed for the way, which was not "
			"asked for", c->where);
	struct curl_header *length;
	if (curl_easy_header(c->easy, "Content-Length", 0, CURLH_HEADER, -1, &length) == CURLHE_OK && length->amount > 1)
		return err_set(&c->err, ERR_PROTOCOL, "%s states the length of its answer %zu times", c->where, length->amount);
	if (status != 200) {
		if (!c->any_status)
			return http_judge_status(c->where, (int)status, &c->err);
		c->chunk = NULL;
		return 0;
	}
	const char *type = NULL;
	curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
	return http_judge_type(c->where, type, c->accept, &c->err);
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct curl_call *c = arg;
	size_t len = size * n;
	if (judge_header(c) == -1) {
		/* A short refusal is read to its end, so that the connection can be kept. */
		c->drained += len;
		return c->drained > DRAIN_MAX ? 0 : len;
	}
	if (buf_add(&c->body, data, len) == -1) {
		http_judge_large(c->where, c->body.max, &c->err);
		return 0;
	}
	if (c->chunk && !c->is_ready) {
		c->is_ready = true;
		STAILQ_INSERT_TAIL(&c->lane->ready, c, ready_link);
	}
	return len;
}

/* The empty line after the header. Without it an answer that was cut between two header lines would be a good one with no
 * body: curl 7.88 takes the end of the connection for the end of the header. */
static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct curl_call *c = arg;
	struct slice text = { line, size * n };
	if (slice_starts(text, "HTTP/"))
		c->has_header = false; /* after "100 Continue" another one comes */
	else if (slice_trim(text).len == 0)
		c->has_header = true;
	return text.len;
}

static int
no_connection(const struct curl_call *c, struct err *err)
{
	long cause = 0;
	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &cause);
	return http_judge_connect(c->where, (int)cause, c->curl_text, err);
}

static int
lost_connection(const struct curl_call *c, struct err *err)
{
	curl_off_t got = 0;
	curl_easy_getinfo(c->easy, CURLINFO_SIZE_DOWNLOAD_T, &got);
	return http_judge_lost(c->where, (size_t)got, err);
}

/* Puts curl's result into words. 0 if the transfer was complete. */
static int
judge_code(struct curl_call *c, CURLcode code, struct err *err)
{
	char clean[CURL_ERROR_SIZE];
	text_sanitise_to(slice_of(c->curl_text[0] ? c->curl_text : curl_easy_strerror(code)), clean, sizeof clean);
	switch (code) {
	case CURLE_OK:
		return c->has_header ? 0 : lost_connection(c, err);
	case CURLE_COULDNT_CONNECT:
		return no_connection(c, err);
	case CURLE_FILESIZE_EXCEEDED:
		return http_judge_large(c->where, c->body.max, err);
	case CURLE_OUT_OF_MEMORY: /* also said when one header line exceeds curl's 100 KiB */
		return err_set(err, ERR_TOO_LARGE, "the header of the answer of %s is too large: %s", c->where, clean);
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, ERR_TIMEOUT, "%s: %s", c->where, clean);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return lost_connection(c, err);
	case CURLE_RECV_ERROR:
		/* curl 7.88 says this for a reset, for broken chunks and for headers over 300 KiB alike. */
		if (strstr(clean, "Too large response headers"))
			return err_set(err, ERR_TOO_LARGE, "the header of the answer of %s is too large: %s", c->where, clean);
		if (strstr(clean, "chunk"))
			return err_set(err, ERR_PROTOCOL, "%s does not speak HTTP: %s", c->where, clean);
		return lost_connection(c, err);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, ERR_HOST_KEY, "%s shows a certificate that is not trusted: %s", c->where, clean);
	default:
		return err_set(err, ERR_PROTOCOL, "%s does not speak HTTP as expected: %s", c->where, clean);
	}
}

/* Calls: one easy handle each, reused */

static void
easy_prepare(struct curl_call *c)
{
	const struct http *h = c->lane->http;
	CURL *e = c->easy;
	curl_easy_setopt(e, CURLOPT_PRIVATE, c);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->curl_text);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, c->lane);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, c->lane);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, NULL);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_NONE);
	curl_easy_setopt(e, CURLOPT_PROXYAUTH, (long)CURLAUTH_NONE);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, 0L);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)(h->only_tls13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers);
	if (h->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
	if (h->cert_file)
		curl_easy_setopt(e, CURLOPT_SSLCERT, h->cert_file);
	if (h->key_file)
		curl_easy_setopt(e, CURLOPT_SSLKEY, h->key_file);
}

static void call_expired(void *arg);
static void call_cancel(struct http_call *base);

static struct curl_call *
call_new(struct lane *lane)
{
	struct curl_call *c = LIST_FIRST(&lane->idle);
	if (c) {
		LIST_REMOVE(c, link);
		lane->n_idle--;
		loop_timer_set(c->timer, 0, 0);
	} else {
		c = xcalloc(1, sizeof *c);
		c->base.cancel = call_cancel;
		c->lane = lane;
		c->easy = curl_easy_init();
		if (!c->easy)
			abort();
		c->timer = loop_timer_add(lane->http->loop, 0, 0, call_expired, c);
		easy_prepare(c);
	}
	LIST_INSERT_HEAD(&lane->calls, c, link);
	lane->http->n_calls++;
	return c;
}

static void
call_destroy(struct curl_call *c)
{
	loop_timer_del(c->timer);
	curl_easy_cleanup(c->easy);
	free(c);
}

/* Takes a call out of everything but lane.calls; user callbacks may follow. */
static void
call_detach(struct curl_call *c)
{
	loop_timer_stop(c->timer);
	if (c->is_added)
		curl_multi_remove_handle(c->lane->multi, c->easy);
	c->is_added = false;
	if (c->is_ready)
		STAILQ_REMOVE(&c->lane->ready, c, curl_call, ready_link);
	c->is_ready = false;
}

/* Forgets what the call was about and keeps its handle for the next, or not. */
static void
call_release(struct curl_call *c)
{
	struct lane *lane = c->lane;
	LIST_REMOVE(c, link);
	lane->http->n_calls--;
	if (c->headers)
		curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, lane->http->headers);
	if (c->connect_to)
		curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, NULL);
	if (c->has_unix)
		curl_easy_setopt(c->easy, CURLOPT_UNIX_SOCKET_PATH, NULL);
	if (c->is_once) {
		curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 0L);
		curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, 0L);
	}
	if (c->has_method) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, NULL);
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, NULL);
		curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
	}
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->connect_to);
	free(c->accept);
	free(c->where);
	buf_done(&c->body);
	if (lane->n_idle >= LANE_IDLE_CALLS_MAX) {
		call_destroy(c);
		return;
	}
	struct curl_call blank = { .base = c->base, .lane = lane, .easy = c->easy, .timer = c->timer };
	*c = blank;
	LIST_INSERT_HEAD(&lane->idle, c, link);
	lane->n_idle++;
}

static void
call_done(struct curl_call *c, const struct http_reply *reply, const struct err *err)
{
	c->done(c->arg, reply, err);
	call_release(c);
}

static void
call_fail(struct curl_call *c, const struct err *err)
{
	call_detach(c);
	call_done(c, NULL, err);
}

static void
call_finish(struct curl_call *c, CURLcode code)
{
	struct err err = ERR_INIT;
	loop_timer_stop(c->timer);
	if (c->err.code == ERR_OK && judge_code(c, code, &err) == 0)
		judge_header(c); /* an answer without a body was not looked at yet */
	if (c->err.code != ERR_OK)
		err = c->err;
	struct http_reply reply = { .body = buf_slice(&c->body) };
	if (err.code == ERR_OK) {
		long status = 0;
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &reply.content_type);
		reply.status = (int)status;
	}
	call_detach(c);
	call_done(c, err.code == ERR_OK ? &reply : NULL, &err);
}

/* The deadline of a call passed, or it was wrong from the start. */
static void
call_expired(void *arg)
{
	struct curl_call *c = arg;
	if (c->err.code != ERR_OK) {
		struct err err = c->err;
		call_fail(c, &err);
		return;
	}
	struct err err = ERR_INIT;
	curl_off_t connect_us = 0;
	curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	if (c->chunk && mono_is_set(c->heard))
		err_set(&err, ERR_TIMEOUT, "%s was silent for %.1f s, its heartbeat is overdue", c->where,
			(double)c->allowed_ms / 1000);
	else
		http_judge_late(c->where, connect_us > 0, c->is_judged ? &c->body.len : NULL, c->allowed_ms, &err);
	call_fail(c, &err);
}

/* Lanes */

static void
lane_hand_out(struct lane *lane)
{
	for (;;) {
		struct curl_call *c = STAILQ_FIRST(&lane->ready);
		if (!c)
			return;
		STAILQ_REMOVE_HEAD(&lane->ready, ready_link);
		c->is_ready = false;
		struct buf piece = c->body;
		c->body = (struct buf)BUF_INIT(piece.max);
		c->heard = loop_now(lane->http->loop);
		c->allowed_ms = c->quiet_ms;
		loop_timer_set(c->timer, c->quiet_ms, 0);
		c->chunk(c->arg, buf_slice(&piece)); /* may cancel the call: do not touch it any more */
		buf_done(&piece);
	}
}

/* After each entry into curl: hands out pieces and ends what is finished. */
static void
lane_settle(struct lane *lane)
{
	lane_hand_out(lane);
	int left;
	CURLMsg *m;
	while ((m = curl_multi_info_read(lane->multi, &left))) {
		struct curl_call *c = NULL;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		call_finish(c, m->data.result);
	}
}

static void
lane_act(struct lane *lane, curl_socket_t fd, int bits)
{
	int running;
	curl_multi_socket_action(lane->multi, fd, bits, &running);
	lane_settle(lane);
}

static void
lane_timer(void *arg)
{
	lane_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	struct lane *lane = arg;
	if (ms < 0)
		loop_timer_stop(lane->timer);
	else
		loop_timer_set(lane->timer, ms, 0);
	return 0;
}

static struct lane *
lane_new(struct http *h)
{
	struct lane *lane = xcalloc(1, sizeof *lane);
	lane->http = h;
	LIST_INIT(&lane->calls);
	LIST_INIT(&lane->idle);
	STAILQ_INIT(&lane->ready);
	lane->timer = loop_timer_add(h->loop, 0, 0, lane_timer, lane);
	loop_timer_stop(lane->timer);
	lane->multi = curl_multi_init();
	if (!lane->multi)
		abort();
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	/* The default keeps four times the calls under way: next to nothing for a poller that is rarely busy. */
	curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)LANE_CONNECTIONS);
	return lane;
}

/* Ends all calls of a lane; what their owners start anew in reply ends too, without a word. */
static void
lane_end_calls(struct lane *lane)
{
	struct curl_call *c;
	while ((c = LIST_FIRST(&lane->calls))) {
		struct err err = ERR_INIT;
		err_set(&err, ERR_CONN_LOST, "%s: the client is being closed", c->where);
		if (c->is_late)
			call_cancel(&c->base);
		else
			call_fail(c, &err);
	}
}

static void
lane_free(struct lane *lane)
{
	struct curl_call *c;
	while ((c = LIST_FIRST(&lane->idle))) {
		LIST_REMOVE(c, link);
		call_destroy(c);
	}
	curl_multi_cleanup(lane->multi);
	loop_timer_del(lane->timer);
	free(lane);
}

/* The lane of a host, so that its kept connection is found again. */
static struct lane *
lane_for(struct http *h, const char *where)
{
	uint32_t hash = 2166136261u;
	for (const char *p = where; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	size_t i = hash % h->n_lanes;
	if (!h->lanes[i])
		h->lanes[i] = lane_new(h);
	return h->lanes[i];
}

/* Starting */

static bool
header_is_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int
call_headers(struct curl_call *c, const struct http_request *r, bool is_tls)
{
	bool has_body = r->method && r->body.len > 0;
	const char *secret = is_tls ? c->lane->http->secret_header : NULL;
	if (r->n_headers == 0 && !r->accept && !has_body && !secret)
		return 0;
	char line[512];
	c->headers = curl_slist_append(NULL, "Expect:");
	if (r->accept) {
		snprintf(line, sizeof line, "Accept: %s", r->accept);
		c->headers = curl_slist_append(c->headers, line);
	}
	if (has_body) {
		snprintf(line, sizeof line, "Content-Type: %s", r->body_type ? r->body_type : "application/json");
		c->headers = curl_slist_append(c->headers, line);
	}
	if (secret)
		c->headers = curl_slist_append(c->headers, secret);
	for (size_t i = 0; i < r->n_headers; i++) {
		if (!header_is_clean(r->headers[i]))
			return err_set(&c->err, ERR_USAGE, "header %zu of a request has a control character", i + 1);
		c->headers = curl_slist_append(c->headers, r->headers[i]);
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	return 0;
}

/* Says where to connect; curl itself never looks a name up. */
static int
call_destination(struct curl_call *c, const struct http_request *r, const struct http_url *url)
{
	if (r->unix_path) {
		c->has_unix = true;
		curl_easy_setopt(c->easy, CURLOPT_UNIX_SOCKET_PATH, r->unix_path);
		return 0;
	}
	if (!r->address && url->is_literal)
		return 0;
	struct in6_addr any;
	if (!r->address)
		return err_set(&c->err, ERR_NO_ROUTE, "the name %s was not resolved to an address", url->host);
	bool is_v6 = inet_pton(AF_INET6, r->address, &any) == 1;
	if (!is_v6 && inet_pton(AF_INET, r->address, &any) != 1)
		return err_set(&c->err, ERR_USAGE, "'%s' is not an IPv4 or IPv6 address", r->address);
	char line[64];
	snprintf(line, sizeof line, is_v6 ? "::[%s]:" : "::%s:", r->address);
	c->connect_to = curl_slist_append(NULL, line);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
	return 0;
}

static void
call_method(struct curl_call *c, const struct http_request *r)
{
	if (!r->method)
		return;
	c->has_method = true;
	if (r->body.len > 0 || strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, r->body.len > 0 ? r->body.data : "");
	}
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static struct http_call *
curl_start(struct http *h, const struct http_request *r, const struct http_url *url, const struct err *why, http_done_fn *done,
	void *arg)
{
	char where[HTTP_WHERE_MAX];
	if (!url)
		snprintf(where, sizeof where, "(bad URL)");
	else if (r->unix_path)
		snprintf(where, sizeof where, "%s", r->unix_path);
	else
		http_judge_where(url, where);

	struct curl_call *c = call_new(lane_for(h, where));
	c->done = done;
	c->arg = arg;
	c->chunk = r->chunk;
	c->quiet_ms = r->quiet_ms;
	c->any_status = r->any_status;
	c->is_late = h->is_closing;
	c->where = xstrdup(where);
	c->accept = r->accept ? xstrdup(r->accept) : NULL;
	c->body = (struct buf)BUF_INIT(r->body_max ? r->body_max : HTTP_BODY_MAX);
	c->started = loop_now(h->loop);
	c->allowed_ms = mono_ms_since(r->deadline, c->started);
	if (c->allowed_ms < 0)
		c->allowed_ms = 0;
	c->err = *why;
	if (!url || call_destination(c, r, url) == -1 || call_headers(c, r, url->is_tls) == -1) {
		loop_timer_set(c->timer, 0, 0);
		return &c->base;
	}
	call_method(c, r);
	c->is_once = r->is_once;
	if (c->is_once) {
		curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, 1L);
	}
	curl_easy_setopt(c->easy, CURLOPT_URL, r->url);
	curl_easy_setopt(c->easy, CURLOPT_MAXFILESIZE_LARGE, r->chunk ? (curl_off_t)0 : (curl_off_t)c->body.max);
	loop_timer_set(c->timer, c->allowed_ms, 0);
	c->is_added = true;
	curl_multi_add_handle(c->lane->multi, c->easy);
	return &c->base;
}

struct http_call *
http_start(struct http *h, const struct http_request *r, http_done_fn *done, void *arg)
{
	struct err err = ERR_INIT;
	struct http_url url;
	const struct http_url *split = r->split;
	if (!split && http_url_split(r->url, &url, &err) == 0)
		split = &url;
	struct http_call *plain = split && !h->is_closing ? http_plain_start(h->plain, r, split, done, arg) : NULL;
	return plain ? plain : curl_start(h, r, split, &err, done, arg);
}

static void
call_cancel(struct http_call *base)
{
	struct curl_call *c = (struct curl_call *)base;
	call_detach(c);
	call_release(c);
}

void
http_cancel(struct http_call *c)
{
	c->cancel(c);
}

size_t
http_calls(const struct http *h)
{
	return h->n_calls + http_plain_calls(h->plain);
}

struct http *
http_new(struct loop *l, const struct http_options *options, struct err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(err, ERR_FAILED, "libcurl could not be started");
		return NULL;
	}
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
	if (v->version_num < CURL_OLDEST) {
		err_set(err, ERR_UNSUPPORTED, "libcurl %s is too old, 7.88.1 or later is needed", v->version);
		curl_global_cleanup();
		return NULL;
	}
	struct http *h = xcalloc(1, sizeof *h);
	h->loop = l;
	h->n_lanes = options && options->lanes ? options->lanes : 1;
	if (h->n_lanes > HTTP_LANES_MAX)
		h->n_lanes = HTTP_LANES_MAX;
	h->ca_file = options && options->ca_file ? xstrdup(options->ca_file) : NULL;
	h->cert_file = options && options->cert_file ? xstrdup(options->cert_file) : NULL;
	h->key_file = options && options->key_file ? xstrdup(options->key_file) : NULL;
	h->secret_header = options && options->secret_header ? xstrdup(options->secret_header) : NULL;
	h->only_tls13 = options && options->only_tls13;
	h->headers = curl_slist_append(NULL, "Expect:");
	h->plain = http_plain_new(l);
	return h;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	h->is_closing = true;
	http_plain_free(h->plain); /* what is started from there is late, and curl's */
	while (h->n_calls > 0)
		for (size_t i = 0; i < h->n_lanes; i++)
			if (h->lanes[i])
				lane_end_calls(h->lanes[i]);
	for (size_t i = 0; i < h->n_lanes; i++)
		if (h->lanes[i])
			lane_free(h->lanes[i]);
	curl_slist_free_all(h->headers);
	for (size_t i = 0; i < h->socks_cap; i++)
		sock_drop(h, (int)i);
	free(h->socks);
	free(h->ca_file);
	free(h->cert_file);
	free(h->key_file);
	if (h->secret_header)
		explicit_bzero(h->secret_header, strlen(h->secret_header));
	free(h->secret_header);
	free(h);
	curl_global_cleanup();
}
