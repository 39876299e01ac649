/* SPDX-License-Identifier: Apache-2.0
 *
 * The API over TLS: a backend in this process, and clients on the same loop: GnuTLS ones of which every step is chosen by
 * the test, raw sockets that say what they should not, and libcurl (with OpenSSL) through core/http.c. Certificates are
 * made by the test (certs.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "backend/api.h"
#include "backend/tls.h"
#include "certs.h"
#include "core/conf.h"
#include "core/digest.h"
#include "core/http.h"
#include "core/token.h"
#include "suite.h"
#include "tiny_fleet.h"

#define YEAR (365 * INT64_C(86400))
static const struct cert_wish wishes[] = {
	{ "ca", NULL, CERT_CA, -60, YEAR, NULL, NULL },
	{ "server", "ca", CERT_SERVER, -60, YEAR, "catchment.test", "127.0.0.1" },
	{ "server2", "ca", CERT_SERVER, -60, YEAR, "catchment.test", "127.0.0.1" },
	{ "clients", NULL, CERT_CA, -60, YEAR, NULL, NULL },
	{ "alice", "clients", CERT_CLIENT, -60, YEAR, NULL, NULL },
	{ "stranger", "clients", CERT_CLIENT, -60, YEAR, NULL, NULL },
	{ "expired", "clients", CERT_CLIENT, -7200, -3600, NULL, NULL },
	{ "early", "clients", CERT_CLIENT, 3600, 7200, NULL, NULL },
	{ "wrong-use", "clients", CERT_SERVER, -60, YEAR, NULL, NULL },
	{ "other-ca", "ca", CERT_CLIENT, -60, YEAR, NULL, NULL },
	{ "self", NULL, CERT_CLIENT, -60, YEAR, NULL, NULL },
	{ "ending", "ca", CERT_SERVER, -60, 3 * 86400, "catchment.test", "127.0.0.1" },
};

static char folder[64];
static char token_admin[TOKEN_SIZE], token_observer[TOKEN_SIZE], token_short[TOKEN_SIZE], token_unknown[TOKEN_SIZE];
static char hash_admin[TOKEN_HASH_SIZE], hash_observer[TOKEN_HASH_SIZE], hash_short[TOKEN_HASH_SIZE];
static char cert_hash[4][TOKEN_HASH_SIZE];

struct bench {
	char path[96], cert[128], key[128], ca[128], crl[128];
	struct loop *loop;
	struct state *state;
	struct api *api;
	struct loop_timer *watchdog;
	bool is_late;
	int reloads;
	struct conf_access rows[8];
	struct conf_rules rules;
};

static int
on_reload(void *arg, struct err *err)
{
	(void)err;
	((struct bench *)arg)->reloads++;
	return 0;
}

static void
on_watchdog(void *arg)
{
	((struct bench *)arg)->is_late = true;
}

static void
file_of(const char *name, const char *suffix, char out[128])
{
	snprintf(out, 128, "%s/%s.%s", folder, name, suffix);
}

static void
grant(struct bench *b, const char *token, const char *hash, const char *cert, enum conf_role role, struct wall expires)
{
	b->rows[b->rules.n_access++] = (struct conf_access){ .user = cert ? token : NULL, .uid = -1, .cert = cert,
		.token = cert ? NULL : token, .hash = hash, .role = role, .expires = expires };
}

static void
set_rules(struct bench *b)
{
	static const struct wall never = { 0 };
	file_of("server", "pem", b->cert);
	file_of("server", "key", b->key);
	file_of("clients", "pem", b->ca);
	b->rules = (struct conf_rules){ .access = b->rows, .tls = { .cert = b->cert, .key = b->key, .client_ca = b->ca } };
	grant(b, "keeper", hash_admin, NULL, CONF_ADMIN, never);
	grant(b, "watch", hash_observer, NULL, CONF_OBSERVER, never);
	grant(b, "alice", NULL, cert_hash[0], CONF_ADMIN, never);
	grant(b, "exp", NULL, cert_hash[1], CONF_ADMIN, never);
	grant(b, "use", NULL, cert_hash[2], CONF_ADMIN, never);
	grant(b, "self", NULL, cert_hash[3], CONF_ADMIN, never);
}

static struct fleet *
fleet_with(struct bench *b)
{
	struct fleet *f = tiny_fleet();
	f->rules = &b->rules;
	return f;
}

static void
bench_open(struct bench *b, const struct api_conf *conf)
{
	static const char *const addresses[] = { "127.0.0.1:0" };
	struct err err = ERR_INIT;
	*b = (struct bench){ .is_late = false };
	set_rules(b);
	snprintf(b->path, sizeof b->path, "%s/api.sock", folder);
	b->loop = loop_new(&err);
	b->state = state_new(fleet_with(b));
	struct api_conf full = conf ? *conf : (struct api_conf){ 0 };
	full.socket_path = b->path;
	full.tcp = addresses;
	full.n_tcp = 1;
	full.state = b->state;
	full.reload = on_reload;
	full.recheck_ms = 20;
	full.arg = b;
	b->api = api_new(b->loop, &full, &err);
	ck_assert_msg(b->api != NULL, "%s", err.text);
	b->watchdog = loop_timer_add(b->loop, 60000, 0, on_watchdog, b);
}

static void
bench_close(struct bench *b)
{
	api_free(b->api);
	state_free(b->state);
	loop_timer_del(b->watchdog);
	loop_turn(b->loop, false);
	loop_free(b->loop);
}

#define WAIT_FOR(b, condition) \
	do { \
		while (!(condition)) { \
			ck_assert_msg(!(b)->is_late, "waited in vain for " #condition); \
			loop_turn((b)->loop, true); \
		} \
	} while (0)

/* --- a client of which every step is chosen --------------------------------------------------------------------- */

struct client {
	struct bench *bench;
	int fd;
	struct loop_io *io;
	gnutls_certificate_credentials_t creds;
	gnutls_session_t tls;
	bool is_shaken, is_over; /* handshake done; the other side is gone, or refused */
	int said;                /* the error that ended it */
	struct buf in;
};

static void
client_step(struct client *c)
{
	char bytes[4096];
	if (c->is_over)
		return;
	if (!c->is_shaken) {
		c->said = gnutls_handshake(c->tls);
		c->is_shaken = c->said == 0;
		c->is_over = c->said < 0 && gnutls_error_is_fatal(c->said);
		return;
	}
	for (;;) {
		ssize_t n = gnutls_record_recv(c->tls, bytes, sizeof bytes);
		if (n > 0) {
			ck_assert_int_eq(buf_add(&c->in, bytes, (size_t)n), 0);
			continue;
		}
		c->said = (int)n;
		c->is_over = n == 0 || gnutls_error_is_fatal((int)n);
		return;
	}
}

static void
on_client(void *arg, unsigned events)
{
	(void)events;
	struct client *c = arg;
	client_step(c);
	if (c->is_over)
		loop_io_set(c->io, 0);
}

static int
connect_from(struct bench *b, const char *from)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)api_port(b->api, 0)) };
	struct sockaddr_in own = { .sin_family = AF_INET };
	ck_assert_int_eq(inet_pton(AF_INET, "127.0.0.1", &at.sin_addr), 1);
	ck_assert_int_eq(inet_pton(AF_INET, from, &own.sin_addr), 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

/* cert: name of a certificate to show, or NULL. */
static void
client_open_from(struct client *c, struct bench *b, const char *cert, const char *priority, const char *from)
{
	char path[128], key[128];
	*c = (struct client){ .bench = b, .in = BUF_INIT(64u << 20) };
	ck_assert_int_eq(gnutls_certificate_allocate_credentials(&c->creds), 0);
	file_of("ca", "pem", path);
	ck_assert_int_eq(gnutls_certificate_set_x509_trust_file(c->creds, path, GNUTLS_X509_FMT_PEM), 1);
	if (cert) {
		file_of(cert, "pem", path);
		file_of(cert, "key", key);
		ck_assert_int_ge(gnutls_certificate_set_x509_key_file(c->creds, path, key, GNUTLS_X509_FMT_PEM), 0);
	}
	/* shown even when the server does not name its issuer: what a liar would do */
	ck_assert_int_eq(gnutls_init(&c->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_NO_SIGNAL), 0);
	ck_assert_int_eq(gnutls_priority_set_direct(c->tls, priority, NULL), 0);
	ck_assert_int_eq(gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, c->creds), 0);
	gnutls_session_set_verify_cert(c->tls, "catchment.test", 0);
	c->fd = connect_from(b, from);
	gnutls_transport_set_int(c->tls, c->fd);
	c->io = loop_io_add(b->loop, c->fd, LOOP_READ, on_client, c);
	client_step(c);
}

static void
client_open(struct client *c, struct bench *b, const char *cert)
{
	client_open_from(c, b, cert, "NORMAL", "127.0.0.1");
	WAIT_FOR(b, c->is_shaken || c->is_over);
}

static void
client_say(struct client *c, const char *text)
{
	size_t len = strlen(text);
	while (len > 0 && !c->is_over) {
		ssize_t n = gnutls_record_send(c->tls, text, len);
		if (n < 0 && gnutls_error_is_fatal((int)n))
			return;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else {
			loop_turn(c->bench->loop, true);
		}
	}
}

static void
client_close(struct client *c)
{
	loop_io_del(c->io);
	gnutls_deinit(c->tls);
	gnutls_certificate_free_credentials(c->creds);
	close(c->fd);
	buf_done(&c->in);
}

static int
status_of(const struct client *c)
{
	int status = 0;
	return sscanf(buf_text(&c->in), "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

static bool
has(const struct client *c, const char *text)
{
	return slice_contains(buf_slice(&c->in), text);
}

/* One request over a session of its own; the answer's status, 0 for none. */
static int
ask(struct bench *b, const char *cert, const char *text, struct client *c)
{
	client_open(c, b, cert);
	if (!c->is_over)
		client_say(c, text);
	WAIT_FOR(b, c->is_over);
	return status_of(c);
}

static int
ask_with(struct bench *b, const char *token, const char *line, const char *host)
{
	struct client c;
	char text[512];
	snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", line, host, token);
	int status = ask(b, NULL, text, &c);
	client_close(&c);
	return status;
}

#define HOST "catchment.test"

/* --- who is who ------------------------------------------------------------------------------------------------- */

START_TEST(test_tls_knows_tokens)
{
	struct bench b;
	struct client c;
	bench_open(&b, NULL);
	ck_assert_int_eq(ask_with(&b, token_observer, "GET /v1/pops", HOST), 200);
	ck_assert_int_eq(ask_with(&b, token_observer, "POST /v1/reload", HOST), 403);
	ck_assert_int_eq(b.reloads, 0);
	ck_assert_int_eq(ask_with(&b, token_admin, "POST /v1/reload", HOST), 200);
	ck_assert_int_eq(b.reloads, 1);
	char text[512];
	snprintf(text, sizeof text, "GET /v1/pops HTTP/1.1\r\nHost: " HOST "\r\nAuthorization: Bearer %s\r\n\r\n", token_unknown);
	ck_assert_int_eq(ask(&b, NULL, text, &c), 401);
	ck_assert(has(&c, "WWW-Authenticate: Bearer"));
	ck_assert(has(&c, "not_authenticated"));
	ck_assert(!has(&c, token_unknown));
	client_close(&c);
	WAIT_FOR(&b, api_connections(b.api) == 0);
	bench_close(&b);
}
END_TEST

/* What stands in a head, and what is answered. %s is a good token. */
static const struct {
	const char *head;
	int status;
} heads[] = {
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\n\r\n", 401 },
	{ "GET /healthz HTTP/1.1\r\nHost: catchment.test\r\n\r\n", 401 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nAuthorization: Bearer %s\r\n\r\n", 200 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test:8443\r\nauthorization: bearer   %s \r\n\r\n", 200 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: CATCHMENT.test\r\nAuthorization: Bearer %s\r\n\r\n", 200 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer %s\r\n\r\n", 200 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test.evil.example\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: 127.0.0.2\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: [::1\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.1\r\nHost:\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nOrigin: https://evil.example\r\nAuthorization: Bearer %s\r\n\r\n", 403 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nAuthorization: Basic %s\r\n\r\n", 401 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nAuthorization: %s\r\n\r\n", 401 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nAuthorization: Bearer\r\n\r\n", 401 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nAuthorization: Bearer %s x\r\n\r\n", 401 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nAuthorization: Bearer x\r\nAuthorization: Bearer %s\r\n\r\n", 400 },
	{ "GET /v1/pops?access_token=%s HTTP/1.1\r\nHost: catchment.test\r\n\r\n", 400 },
	{ "GET /v1/pops/%s HTTP/1.1\r\nHost: catchment.test\r\n\r\n", 400 },
	{ "GET /v1/pops HTTP/1.1\r\nHost: catchment.test\r\nX-Token: %s\r\n\r\n", 401 },
	{ "POST /v1/plans HTTP/1.1\r\nHost: catchment.test\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer %s\r\n\r\n", 400 },
};

START_TEST(test_tls_judges_heads)
{
	struct bench b;
	struct client c;
	char text[1024];
	bench_open(&b, NULL);
	snprintf(text, sizeof text, heads[_i].head, token_observer);
	int status = ask(&b, NULL, text, &c);
	ck_assert_msg(status == heads[_i].status, "%s\n%s", text, buf_text(&c.in));
	/* the same through a dribble of single bytes, each a record of its own */
	client_close(&c);
	client_open(&c, &b, NULL);
	size_t one = strlen(text) < 60 ? strlen(text) : 60;
	for (size_t i = 0; i < one; i++)
		client_say(&c, (char[]){ text[i], '\0' });
	client_say(&c, text + one);
	WAIT_FOR(&b, c.is_over);
	ck_assert_int_eq(status_of(&c), heads[_i].status);
	client_close(&c);
	bench_close(&b);
}
END_TEST

START_TEST(test_unix_socket_takes_no_token)
{
	struct bench b;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[512], answer[1024] = "";
	bench_open(&b, NULL);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", b.path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	snprintf(text, sizeof text, "GET /v1/pops HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token_admin);
	ck_assert_int_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	WAIT_FOR(&b, recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT) > 0);
	ck_assert_msg(strncmp(answer, "HTTP/1.1 400", 12) == 0, "%s", answer);
	close(fd);
	bench_close(&b);
}
END_TEST

static const struct {
	const char *cert;
	bool is_shaken; /* the handshake stands on the server's side too */
	int status;
} certs[] = {
	{ "alice", true, 200 },      { "stranger", true, 401 },   { NULL, true, 401 },        { "expired", false, 0 },
	{ "early", false, 0 },       { "wrong-use", false, 0 },   { "other-ca", false, 0 },   { "self", false, 0 },
};

START_TEST(test_tls_knows_certificates)
{
	struct bench b;
	struct client c;
	bench_open(&b, NULL);
	int status = ask(&b, certs[_i].cert, "POST /v1/reload HTTP/1.1\r\nHost: " HOST "\r\n\r\n", &c);
	ck_assert_msg(status == certs[_i].status, "%s: %d, %s: %s", certs[_i].cert ? certs[_i].cert : "none", status,
		gnutls_strerror(c.said), buf_text(&c.in));
	ck_assert_int_eq(b.reloads, certs[_i].status == 200);
	if (!certs[_i].is_shaken)
		ck_assert_int_eq(c.said, GNUTLS_E_FATAL_ALERT_RECEIVED);
	client_close(&c);
	WAIT_FOR(&b, api_connections(b.api) == 0);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_without_authority_asks_for_no_certificate)
{
	struct bench b;
	struct client c;
	struct err err = ERR_INIT;
	bench_open(&b, NULL);
	b.rules.tls.client_ca = NULL;
	ck_assert_int_eq(api_reload(b.api, &err), 0);
	ck_assert_int_eq(ask(&b, "alice", "POST /v1/reload HTTP/1.1\r\nHost: " HOST "\r\n\r\n", &c), 401);
	client_close(&c);
	ck_assert_int_eq(ask_with(&b, token_admin, "POST /v1/reload", HOST), 200);
	bench_close(&b);
}
END_TEST

static const struct {
	const char *priority;
	bool is_good;
} priorities[] = {
	{ "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
	{ "NORMAL:-VERS-ALL:+VERS-TLS1.2", false },
	{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0", false },
	{ "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305", true },
};

START_TEST(test_tls_speaks_1_3_only)
{
	struct bench b;
	struct client c;
	bench_open(&b, NULL);
	client_open_from(&c, &b, NULL, priorities[_i].priority, "127.0.0.1");
	WAIT_FOR(&b, c.is_shaken || c.is_over);
	ck_assert_int_eq(c.is_shaken, priorities[_i].is_good);
	client_close(&c);
	bench_close(&b);
}
END_TEST

/* --- streams ---------------------------------------------------------------------------------------------------- */

static void
open_stream(struct bench *b, struct client *c, const char *cert, const char *token)
{
	char text[512], line[256] = "";
	if (token)
		snprintf(line, sizeof line, "Authorization: Bearer %s\r\n", token);
	snprintf(text, sizeof text, "GET /v1/stream HTTP/1.1\r\nHost: " HOST "\r\n%s\r\n", line);
	client_open(c, b, cert);
	client_say(c, text);
	WAIT_FOR(b, has(c, "retry: ") || c->is_over);
	ck_assert_int_eq(status_of(c), 200);
	ck_assert_uint_ge(api_streams(b->api), 1);
}

START_TEST(test_tls_ends_the_streams_of_a_revoked_grant)
{
	struct bench b;
	struct client by_token, by_cert, other;
	bench_open(&b, NULL);
	open_stream(&b, &by_token, NULL, token_observer);
	open_stream(&b, &by_cert, "alice", NULL);
	open_stream(&b, &other, NULL, token_admin);
	/* a file without those two; the third stays */
	struct conf_rules fewer = b.rules;
	fewer.n_access = 1;
	struct fleet *f = tiny_fleet();
	f->rules = &fewer;
	state_reload(b.state, f, clock_mono(), clock_wall());
	WAIT_FOR(&b, by_token.is_over && by_cert.is_over && api_streams(b.api) == 1);
	ck_assert(!other.is_over);
	ck_assert_int_eq(ask_with(&b, token_observer, "GET /v1/pops", HOST), 401);
	client_close(&by_token);
	client_close(&by_cert);
	client_close(&other);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_ends_the_streams_of_a_grant_that_ends)
{
	struct bench b;
	struct client c;
	bench_open(&b, NULL);
	grant(&b, "short", hash_short, NULL, CONF_OBSERVER, (struct wall){ clock_wall().ns + 500 * CLOCK_NS_PER_MS });
	open_stream(&b, &c, NULL, token_short);
	WAIT_FOR(&b, c.is_over && api_streams(b.api) == 0);
	client_close(&c);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_notices_a_client_that_is_gone)
{
	struct bench b;
	struct client c;
	bench_open(&b, &(struct api_conf){ .heartbeat_ms = 20 });
	open_stream(&b, &c, NULL, token_observer);
	client_close(&c);
	WAIT_FOR(&b, api_connections(b.api) == 0);
	bench_close(&b);
}
END_TEST

/* --- bytes ------------------------------------------------------------------------------------------------------ */

START_TEST(test_tls_carries_large_answers_whole)
{
	struct bench b;
	struct client c;
	char text[512];
	bench_open(&b, NULL);
	state_reload(b.state, tiny_fleet_wide(2000), clock_mono(), clock_wall());
	struct fleet *f = tiny_fleet_wide(2000);
	f->rules = &b.rules;
	state_reload(b.state, f, clock_mono(), clock_wall());
	snprintf(text, sizeof text, "GET /v1/fleet HTTP/1.1\r\nHost: " HOST "\r\nAuthorization: Bearer %s\r\n\r\n", token_observer);
	ck_assert_int_eq(ask(&b, NULL, text, &c), 200);
	ck_assert_int_eq(c.said, 0); /* ended by close_notify, not by a cut */
	const char *body = strstr(buf_text(&c.in), "\r\n\r\n"), *length = strstr(buf_text(&c.in), "Content-Length: ");
	ck_assert(body && length);
	ck_assert_uint_gt(c.in.len, 500000);
	ck_assert_uint_eq(strlen(body + 4), strtoul(length + 16, NULL, 10));
	client_close(&c);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_slow_handshakes_are_ended)
{
	struct bench b;
	char waste[256];
	bench_open(&b, &(struct api_conf){ .handshake_ms = 50, .head_ms = 50 });
	int silent = connect_from(&b, "127.0.0.1"), half = connect_from(&b, "127.0.0.1");
	ck_assert_int_eq(send(half, "\x16\x03\x01", 3, MSG_NOSIGNAL), 3);
	WAIT_FOR(&b, recv(silent, waste, sizeof waste, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
	for (bool is_over = false; !is_over;) {
		ssize_t n = recv(half, waste, sizeof waste, MSG_DONTWAIT);
		is_over = n == 0 || (n == -1 && errno == ECONNRESET);
		ck_assert(!b.is_late);
		loop_turn(b.loop, true);
	}
	/* and one that shakes hands and then says nothing */
	struct client c;
	client_open(&c, &b, NULL);
	WAIT_FOR(&b, c.is_over);
	client_close(&c);
	close(silent);
	close(half);
	bench_close(&b);
}
END_TEST

static const char *const nonsense[] = {
	"GET /v1/pops HTTP/1.1\r\nHost: localhost\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01\xff\xff",
	"\x15\x03\x03\x01\x02\x02\x28", "\x80\x2e\x01\x01\x02",
};

START_TEST(test_tls_ends_what_is_no_tls)
{
	struct bench b;
	char waste[256];
	bench_open(&b, &(struct api_conf){ .handshake_ms = 200 });
	int fd = connect_from(&b, "127.0.0.1");
	ck_assert_int_gt(send(fd, nonsense[_i], strlen(nonsense[_i]), MSG_NOSIGNAL), 0);
	for (bool is_over = false; !is_over;) {
		ssize_t n = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
		is_over = n == 0 || (n == -1 && errno == ECONNRESET);
		ck_assert(n <= 0 || memcmp(waste, "HTTP", 4) != 0);
		ck_assert(!b.is_late);
		if (!is_over)
			loop_turn(b.loop, true);
	}
	close(fd);
	ck_assert_int_eq(ask_with(&b, token_observer, "GET /v1/pops", HOST), 200);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_limits_the_handshakes_of_one_source)
{
	struct bench b;
	int fds[24];
	size_t closed = 0;
	char waste[16];
	bench_open(&b, NULL);
	for (size_t i = 0; i < 24; i++)
		fds[i] = connect_from(&b, "127.0.0.1");
	while (closed < 8) {
		closed = 0;
		for (size_t i = 0; i < 24; i++)
			closed += recv(fds[i], waste, sizeof waste, MSG_DONTWAIT | MSG_PEEK) == 0 || errno == ECONNRESET;
		ck_assert(!b.is_late);
		loop_turn(b.loop, true);
	}
	/* another source is still served */
	struct client c;
	client_open_from(&c, &b, NULL, "NORMAL", "127.0.0.3");
	WAIT_FOR(&b, c.is_shaken || c.is_over);
	ck_assert(c.is_shaken);
	client_close(&c);
	for (size_t i = 0; i < 24; i++)
		close(fds[i]);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_slows_guessing)
{
	struct bench b;
	struct client c;
	char text[512];
	bench_open(&b, NULL);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(ask_with(&b, token_unknown, "GET /v1/pops", HOST), 401);
	ck_assert_int_eq(ask_with(&b, token_admin, "GET /v1/pops", HOST), 429);
	snprintf(text, sizeof text, "GET /v1/pops HTTP/1.1\r\nHost: " HOST "\r\nAuthorization: Bearer %s\r\n\r\n", token_admin);
	client_open_from(&c, &b, NULL, "NORMAL", "127.0.0.3");
	WAIT_FOR(&b, c.is_shaken || c.is_over);
	client_say(&c, text);
	WAIT_FOR(&b, c.is_over);
	ck_assert_int_eq(status_of(&c), 200);
	client_close(&c);
	bench_close(&b);
}
END_TEST

/* --- files ------------------------------------------------------------------------------------------------------ */

START_TEST(test_tls_takes_a_new_certificate_and_keeps_the_old_when_it_is_bad)
{
	struct bench b;
	struct client before, after;
	struct err err = ERR_INIT;
	char shown[2][65];
	unsigned n;
	bench_open(&b, NULL);
	open_stream(&b, &before, NULL, token_observer);
	file_of("server2", "pem", b.cert);
	ck_assert_int_eq(api_reload(b.api, &err), -1); /* its key is still the first one's */
	ck_assert_int_eq(ask_with(&b, token_observer, "GET /v1/pops", HOST), 200);
	file_of("server2", "key", b.key);
	ck_assert_int_eq(api_reload(b.api, &err), 0);
	client_open(&after, &b, NULL);
	const gnutls_datum_t *der = gnutls_certificate_get_peers(after.tls, &n);
	digest_hex((struct slice){ (const char *)der->data, der->size }, shown[0]);
	certs_fingerprint(folder, "server2", shown[1]);
	ck_assert_str_eq(shown[0], shown[1]);
	ck_assert(!before.is_over);
	client_close(&before);
	client_close(&after);
	bench_close(&b);
}
END_TEST

/* --- revocations ------------------------------------------------------------------------------------------------ */

static void
use_list(struct bench *b, const char *name)
{
	file_of(name, "crl", b->crl);
	b->rules.tls.client_crl = b->crl;
}

static int
ask_by(struct bench *b, const char *cert)
{
	struct client c;
	int status = ask(b, cert, "GET /v1/pops HTTP/1.1\r\nHost: " HOST "\r\n\r\n", &c);
	client_close(&c);
	return status;
}

static bool
is_told(const struct bench *b, const char *text)
{
	size_t n;
	const struct event *events = state_events(b->state, &n);
	for (size_t i = 0; i < n; i++)
		if (strstr(events[i].text, text))
			return true;
	return false;
}

START_TEST(test_tls_refuses_what_was_revoked)
{
	struct bench b;
	struct client by_cert, by_token;
	struct err err = ERR_INIT;
	bench_open(&b, NULL);
	certs_revoke(folder, "other", "clients", "stranger", -60, 86400 * 7);
	certs_revoke(folder, "alice", "clients", "alice", -60, 86400 * 7);
	use_list(&b, "other");
	ck_assert_msg(api_reload(b.api, &err) == 0, "%s", err.text);
	ck_assert_int_eq(ask_by(&b, "alice"), 200);
	ck_assert_int_eq(ask_by(&b, "stranger"), 0);
	/* a new list, while alice looks on: her stream ends, at once and not only for new sessions */
	open_stream(&b, &by_cert, "alice", NULL);
	open_stream(&b, &by_token, NULL, token_observer);
	use_list(&b, "alice");
	ck_assert_int_eq(api_reload(b.api, &err), 0);
	WAIT_FOR(&b, by_cert.is_over);
	ck_assert(!by_token.is_over);
	ck_assert_int_eq(ask_by(&b, "alice"), 0);
	ck_assert_int_eq(ask_by(&b, "stranger"), 401); /* this list does not have it, `access` neither */
	ck_assert_int_eq(ask_with(&b, token_observer, "GET /v1/pops", HOST), 200);
	client_close(&by_cert);
	client_close(&by_token);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_trusts_no_list_that_is_past)
{
	struct bench b;
	struct err err = ERR_INIT;
	bench_open(&b, NULL);
	certs_revoke(folder, "past", "clients", NULL, -7200, -3600);
	use_list(&b, "past");
	ck_assert_msg(api_reload(b.api, &err) == 0, "%s", err.text);
	ck_assert_int_eq(ask_by(&b, "alice"), 0);
	ck_assert_int_eq(ask_with(&b, token_observer, "GET /v1/pops", HOST), 200);
	ck_assert(is_told(&b, "no client certificate is taken any more"));
	/* a list that cannot be used keeps what was loaded before */
	use_list(&b, "nowhere");
	ck_assert_int_eq(api_reload(b.api, &err), -1);
	ck_assert_int_eq(ask_by(&b, "alice"), 0);
	bench_close(&b);
}
END_TEST

START_TEST(test_tls_warns_before_its_certificate_ends)
{
	struct bench b;
	struct client c;
	struct err err = ERR_INIT;
	char text[512];
	bench_open(&b, NULL);
	WAIT_FOR(&b, api_connections(b.api) == 0);
	ck_assert(!is_told(&b, "the TLS certificate"));
	file_of("ending", "pem", b.cert);
	file_of("ending", "key", b.key);
	ck_assert_int_eq(api_reload(b.api, &err), 0);
	ck_assert(is_told(&b, "the TLS certificate of the API ends in 2 days, at "));
	snprintf(text, sizeof text, "GET /metrics HTTP/1.1\r\nHost: " HOST "\r\nAuthorization: Bearer %s\r\n\r\n", token_observer);
	ck_assert_int_eq(ask(&b, NULL, text, &c), 200);
	const char *line = strstr(buf_text(&c.in), "\ncatchment_tls_certificate_expiry_timestamp_seconds ");
	ck_assert_ptr_nonnull(line);
	double ends = strtod(strchr(line + 1, ' '), NULL), wanted = (double)clock_wall().ns / 1e9 + 3 * 86400;
	ck_assert_msg(ends > wanted - 600 && ends < wanted + 600, "%f, not %f", ends, wanted);
	ck_assert(has(&c, "\ncatchment_tls_handshakes_total{result=\"done\"} 1\n"));
	ck_assert(has(&c, "\ncatchment_tls_handshakes_total{result=\"bad_certificate\"} 0\n"));
	ck_assert(!has(&c, "catchment_tls_crl_expiry"));
	client_close(&c);
	ck_assert_int_eq(ask_by(&b, "expired"), 0);
	ck_assert_int_eq(ask(&b, NULL, text, &c), 200);
	ck_assert(has(&c, "\ncatchment_tls_handshakes_total{result=\"bad_certificate\"} 1\n"));
	client_close(&c);
	bench_close(&b);
}
END_TEST

/* --- reserved places -------------------------------------------------------------------------------------------- */

static void
open_from(struct bench *b, struct client *c, const char *token, const char *from)
{
	char text[512];
	client_open_from(c, b, NULL, "NORMAL", from);
	WAIT_FOR(b, c->is_shaken || c->is_over);
	snprintf(text, sizeof text, "GET /v1/stream HTTP/1.1\r\nHost: " HOST "\r\nAuthorization: Bearer %s\r\n\r\n", token);
	client_say(c, text);
	WAIT_FOR(b, has(c, "retry: ") || c->is_over);
}

/* Observers from everywhere take all that they may: who acts still comes in, over the same TLS. */
START_TEST(test_tls_keeps_a_place_for_who_acts)
{
	struct bench b;
	struct client held[16];
	char from[32];
	size_t n = 0;
	bench_open(&b, &(struct api_conf){ .connections_max = 16 });
	for (; n < 16; n++) {
		snprintf(from, sizeof from, "127.0.1.%zu", 1 + n);
		open_from(&b, &held[n], token_observer, from);
		if (status_of(&held[n]) != 200)
			break;
	}
	ck_assert_uint_eq(n, 15);
	ck_assert_int_eq(status_of(&held[n]), 429);
	ck_assert(has(&held[n], "observers"));
	client_close(&held[n]);
	WAIT_FOR(&b, api_connections(b.api) == 15);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ask_with(&b, token_admin, "POST /v1/reload", HOST), 200);
	ck_assert_int_eq(b.reloads, 3);
	ck_assert_uint_eq(api_streams(b.api), 15);
	while (n-- > 0)
		client_close(&held[n]);
	bench_close(&b);
}
END_TEST

/* What may be wrong with the files and addresses. */
static const struct {
	const char *cert, *key, *ca, *address, *says;
	mode_t mode; /* of the key */
	const char *crl;
} faults[] = {
	{ "server.pem", "server.key", "clients.pem", "127.0.0.1:0", NULL, 0600, "clients.crl" },
	{ "server.pem", "server.key", "clients.pem", "127.0.0.1:0", "not signed by an authority", 0600, "ca.crl" },
	{ "server.pem", "server.key", "both.pem", "127.0.0.1:0", "no list of the authority", 0600, "clients.crl" },
	{ "server.pem", "server.key", "both.pem", "127.0.0.1:0", NULL, 0600, "both.crl" },
	{ "server.pem", "server.key", "clients.pem", "127.0.0.1:0", "clients.pem", 0600, "clients.pem" },
	{ "server.pem", "server.key", "clients.pem", "127.0.0.1:0", "nowhere.crl", 0600, "nowhere.crl" },
	{ "server.pem", "server.key", "clients.pem", "127.0.0.1:0", NULL, 0600 },
	{ "server.pem", "server.key", NULL, "127.0.0.1:0", NULL, 0640 },
	{ "server.pem", "server.key", NULL, "[::ffff:127.0.0.1]:0x", "HOST:PORT", 0600 },
	{ "server.pem", "server.key", NULL, "127.0.0.1:0", "mode 0644", 0644 },
	{ "server.pem", "server.key", NULL, "127.0.0.1:0", "mode 0660", 0660 },
	{ "server.pem", "alice.key", NULL, "127.0.0.1:0", "server.pem", 0600 },
	{ "nowhere.pem", "server.key", NULL, "127.0.0.1:0", "nowhere.pem", 0600 },
	{ "server.pem", "nowhere.key", NULL, "127.0.0.1:0", "nowhere.key", 0600 },
	{ "server.key", "server.key", NULL, "127.0.0.1:0", "server.key", 0600 },
	{ "server.pem", "server.key", "nowhere.pem", "127.0.0.1:0", "nowhere.pem", 0600 },
	{ "server.pem", "server.key", "server.key", "127.0.0.1:0", "authority", 0600 },
	{ NULL, NULL, NULL, "127.0.0.1:0", "needs `tls", 0600 },
	{ "server.pem", "server.key", NULL, "127.0.0.1", "HOST:PORT", 0600 },
	{ "server.pem", "server.key", NULL, ":8443", "HOST:PORT", 0600 },
	{ "server.pem", "server.key", NULL, "127.0.0.1:65536", "HOST:PORT", 0600 },
	{ "server.pem", "server.key", NULL, "::1:8443", "HOST:PORT", 0600 },
	{ "server.pem", "server.key", NULL, "192.0.2.1:8443", "192.0.2.1", 0600 },
};

START_TEST(test_tls_says_what_is_wrong_with_its_files)
{
	struct bench b = { .is_late = false };
	struct err err = ERR_INIT;
	char cert[128] = "", key[128] = "", ca[128] = "", crl[128] = "", path[96];
	snprintf(cert, sizeof cert, "%s/%s", folder, faults[_i].cert);
	snprintf(key, sizeof key, "%s/%s", folder, faults[_i].key);
	snprintf(ca, sizeof ca, "%s/%s", folder, faults[_i].ca);
	snprintf(crl, sizeof crl, "%s/%s", folder, faults[_i].crl);
	snprintf(path, sizeof path, "%s/api.sock", folder);
	if (faults[_i].mode != 0600)
		ck_assert_int_eq(chmod(key, faults[_i].mode), 0);
	b.rules.tls = (struct conf_tls){ faults[_i].cert ? cert : NULL, faults[_i].key ? key : NULL,
		faults[_i].ca ? ca : NULL, faults[_i].crl ? crl : NULL };
	b.loop = loop_new(&err);
	b.state = state_new(fleet_with(&b));
	const char *const addresses[] = { faults[_i].address };
	const struct api_conf conf = { .socket_path = path, .tcp = addresses, .n_tcp = 1, .state = b.state };
	b.api = api_new(b.loop, &conf, &err);
	ck_assert_msg((b.api != NULL) == (faults[_i].says == NULL), "%s", err.text);
	if (faults[_i].says)
		ck_assert_msg(strstr(err.text, faults[_i].says) != NULL, "%s", err.text);
	if (faults[_i].mode != 0600)
		ck_assert_int_eq(chmod(key, 0600), 0);
	api_free(b.api);
	state_free(b.state);
	loop_turn(b.loop, false);
	loop_free(b.loop);
}
END_TEST

/* --- libcurl ---------------------------------------------------------------------------------------------------- */

struct heard {
	bool is_done;
	int status;
	enum err_code code;
	char text[ERR_TEXT_MAX];
};

static void
on_done(void *arg, const struct http_reply *reply, const struct err *err)
{
	struct heard *h = arg;
	h->is_done = true;
	h->status = reply ? reply->status : 0;
	h->code = err->code;
	snprintf(h->text, sizeof h->text, "%s", err->text);
}

static const struct {
	const char *ca, *cert, *host;
	bool has_token;
	int status; /* 0: none, and code says why */
	enum err_code code;
} curls[] = {
	{ "ca.pem", NULL, "catchment.test", true, 200, ERR_OK },
	{ "ca.pem", NULL, "127.0.0.1", true, 200, ERR_OK },
	{ "ca.pem", NULL, "catchment.test", false, 401, ERR_OK },
	{ "ca.pem", "alice", "catchment.test", false, 200, ERR_OK },
	{ "ca.pem", "stranger", "catchment.test", false, 401, ERR_OK },
	{ "clients.pem", NULL, "catchment.test", true, 0, ERR_HOST_KEY },
	{ NULL, NULL, "catchment.test", true, 0, ERR_HOST_KEY },
	{ "ca.pem", NULL, "other.test", true, 0, ERR_HOST_KEY },
};

START_TEST(test_tls_serves_libcurl)
{
	struct bench b;
	struct err err = ERR_INIT;
	struct heard heard = { .is_done = false };
	char ca[128], cert[128], key[128], url[256], token[128];
	bench_open(&b, NULL);
	snprintf(ca, sizeof ca, "%s/%s", folder, curls[_i].ca);
	file_of(curls[_i].cert ? curls[_i].cert : "", "pem", cert);
	file_of(curls[_i].cert ? curls[_i].cert : "", "key", key);
	const struct http_options options = {
		.ca_file = curls[_i].ca ? ca : NULL,
		.cert_file = curls[_i].cert ? cert : NULL,
		.key_file = curls[_i].cert ? key : NULL,
		.secret_header = curls[_i].has_token ? token : NULL,
		.only_tls13 = true,
	};
	snprintf(token, sizeof token, "Authorization: Bearer %s", token_observer);
	struct http *http = http_new(b.loop, &options, &err);
	snprintf(url, sizeof url, "https://%s:%u/v1/pops", curls[_i].host, api_port(b.api, 0));
	const struct http_request request = {
		.url = url,
		.address = "127.0.0.1",
		.any_status = true,
		.deadline = mono_add_ms(clock_mono(), 20000),
	};
	(void)http_start(http, &request, on_done, &heard);
	WAIT_FOR(&b, heard.is_done);
	ck_assert_msg(heard.status == curls[_i].status && heard.code == curls[_i].code, "%d, %d: %s", heard.status, heard.code,
		heard.text);
	http_free(http);
	bench_close(&b);
}
END_TEST

static void
join(const char *a, const char *b, const char *out)
{
	char command[512];
	snprintf(command, sizeof command, "cd '%s' && cat %s %s >%s", folder, a, b, out);
	ck_assert_int_eq(system(command), 0);
}

static void
setup(void)
{
	static const char *const named[] = { "alice", "expired", "wrong-use", "self" };
	char print[65], unused[TOKEN_HASH_SIZE];
	snprintf(folder, sizeof folder, "/tmp/catchment-tls-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		certs_make(folder, &wishes[i]);
	for (size_t i = 0; i < 4; i++) {
		certs_fingerprint(folder, named[i], print);
		snprintf(cert_hash[i], sizeof cert_hash[i], "sha256:%s", print);
	}
	certs_revoke(folder, "clients", "clients", "stranger", -60, YEAR);
	certs_revoke(folder, "ca", "ca", NULL, -60, YEAR);
	join("clients.pem", "ca.pem", "both.pem");
	join("clients.crl", "ca.crl", "both.crl");
	token_make(token_admin, hash_admin);
	token_make(token_observer, hash_observer);
	token_make(token_short, hash_short);
	token_make(token_unknown, unused);
}

static void
teardown(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

int
main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tests = tcase_create("tls");
	tcase_set_timeout(tests, 120);
	tcase_add_unchecked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_tls_knows_tokens);
	tcase_add_loop_test(tests, test_tls_judges_heads, 0, sizeof heads / sizeof *heads);
	tcase_add_test(tests, test_unix_socket_takes_no_token);
	tcase_add_loop_test(tests, test_tls_knows_certificates, 0, sizeof certs / sizeof *certs);
	tcase_add_test(tests, test_tls_without_authority_asks_for_no_certificate);
	tcase_add_loop_test(tests, test_tls_speaks_1_3_only, 0, sizeof priorities / sizeof *priorities);
	tcase_add_test(tests, test_tls_ends_the_streams_of_a_revoked_grant);
	tcase_add_test(tests, test_tls_ends_the_streams_of_a_grant_that_ends);
	tcase_add_test(tests, test_tls_notices_a_client_that_is_gone);
	tcase_add_test(tests, test_tls_carries_large_answers_whole);
	tcase_add_test(tests, test_tls_slow_handshakes_are_ended);
	tcase_add_loop_test(tests, test_tls_ends_what_is_no_tls, 0, sizeof nonsense / sizeof *nonsense);
	tcase_add_test(tests, test_tls_limits_the_handshakes_of_one_source);
	tcase_add_test(tests, test_tls_slows_guessing);
	tcase_add_test(tests, test_tls_takes_a_new_certificate_and_keeps_the_old_when_it_is_bad);
	tcase_add_loop_test(tests, test_tls_says_what_is_wrong_with_its_files, 0, sizeof faults / sizeof *faults);
	tcase_add_test(tests, test_tls_refuses_what_was_revoked);
	tcase_add_test(tests, test_tls_trusts_no_list_that_is_past);
	tcase_add_test(tests, test_tls_warns_before_its_certificate_ends);
	tcase_add_test(tests, test_tls_keeps_a_place_for_who_acts);
	tcase_add_loop_test(tests, test_tls_serves_libcurl, 0, sizeof curls / sizeof *curls);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
