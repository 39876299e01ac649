/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS 1.3 for the API, and the only file that knows GnuTLS (3.7). libmicrohttpd could do TLS by itself, but then it would
 * see a request before our own door has judged the head (request.c). So the session ends here: after the handshake its
 * plaintext goes through a socket pair, the other end of which is given to the API like a connection of the unix socket.
 *
 *   handshake  at most HANDSHAKES_MAX at once and SOURCE_MAX a source, each with one deadline; new connections are taken
 *              at a bounded rate, because a handshake costs about a millisecond of the loop that also polls nodes
 *   pump       both ways, one piece on its way each way; a side that does not read stops the other side's reading
 *   closing    the API is done: what it wrote is sent, then close_notify, then we wait a moment for the other side, so
 *              that the end of an answer is not lost to a reset
 *
 * A client certificate is asked for when there is an authority to verify it with, and is needed only by those who have
 * no token. One that does not verify, whatever is wrong with it, ends the handshake: it is never treated as none. No
 * session tickets, no resumption, no early data: each would be a second way to be somebody. With a list of revocations each
 * authority must have one in it, and a list past its next update lets nobody in: what is not known is not good.
 *
 * Credentials of sessions under way outlive a reload; they are freed when no session uses them any more. The certificates
 * that clients have shown do not: each is verified anew by what was loaded, and ends its session when its time is over.
 */
#include "backend/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "backend/auth.h"
#include "core/digest.h"
#include "core/text.h"

#define HANDSHAKE_MS    5000
#define CLOSING_MS      2000
#define SWEEP_MS        250
#define HANDSHAKES_MAX  128
#define SOURCE_MAX      16    /* handshakes at once from one source */
#define WINDOW_MS       100   /* at most ACCEPTS_A_WINDOW new connections in it */
#define ACCEPTS_A_WINDOW 20
#define SHARE           4     /* one source may hold one in so many of all sessions */
#define PIECE_MAX       4096  /* bytes on their way, each way; a thousand observers are to cost little */
#define PIECE_MS        30000 /* for the client to take one piece */
#define STEPS_A_TURN    64    /* pieces pumped before others get their turn */
#define FILE_MAX        (1u << 20)
#define AUTHORITIES_MAX 64
#define CHAIN_MAX       8     /* certificates that a client may show */
#define DEAD_PEER_MS    60000 /* bytes that are not acknowledged for so long */
#define PRIORITY        "SECURE128:-VERS-ALL:+VERS-TLS1.3:%SERVER_PRECEDENCE"

enum stage { STAGE_HANDSHAKE, STAGE_PUMP, STAGE_CLOSING };

/* Bytes on their way: [at, len) of data is still to be written. */
struct pipe {
	char data[PIECE_MAX];
	size_t at, len;
	bool is_over; /* its source has ended */
	bool is_told; /* and its sink knows */
};

struct creds {
	SLIST_ENTRY(creds) next;
	gnutls_certificate_credentials_t certs;
	gnutls_x509_crt_t crt; /* ours, for its names */
	bool wants_client;
	struct wall crl_ends; /* zero: there is no list */
};

struct session {
	LIST_ENTRY(session) all;
	struct tls *tls;
	struct creds *creds;
	gnutls_session_t tls_session;
	int tcp, plain;
	struct loop_io *tcp_io, *plain_io;
	enum stage stage;
	struct mono deadline; /* unset while pumping */
	struct tls_peer peer;
	struct wall client_ends; /* its certificate; zero: it showed none */
	char source[64];
	struct pipe in, out; /* from the client, to the client */
	struct mono out_since; /* when the piece in `out` came */
	bool is_dead;
};
LIST_HEAD(session_list, session);

struct listener {
	struct tls *tls;
	int fd;
	struct loop_io *io;
};

struct tls {
	struct tls_conf conf;
	struct loop *loop;
	gnutls_priority_t priority;
	struct creds *creds; /* for the sessions to come: the first of all_creds */
	SLIST_HEAD(, creds) all_creds;
	struct listener *listeners;
	size_t n_listeners;
	struct session_list sessions;
	struct loop_timer *sweep, *window, *again;
	size_t accepts;
	struct tls_figures figures;
};

/* --- credentials ------------------------------------------------------------------------------------------------ */

static void
creds_free(struct creds *c)
{
	if (!c)
		return;
	if (c->certs)
		gnutls_certificate_free_credentials(c->certs);
	if (c->crt)
		gnutls_x509_crt_deinit(c->crt);
	free(c);
}

/* The key belongs to us or root, and only our account (and perhaps a group of its choice) reads it. */
static int
check_key(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st) == -1)
		return err_set(err, ERR_USAGE, "the TLS key %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "the TLS key %s is no plain file", path);
	if ((st.st_mode & 027) != 0)
		return err_set(err, ERR_USAGE, "the TLS key %s has mode %04o, allowed is 0640 or less: others must not read it",
			path, (unsigned)st.st_mode & 07777);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, ERR_USAGE, "the TLS key %s belongs to uid %u, not to us or root", path, (unsigned)st.st_uid);
	return 0;
}

static gnutls_datum_t
datum(const struct buf *b)
{
	return (gnutls_datum_t){ (unsigned char *)b->data, (unsigned)b->len };
}

static bool
is_past(struct wall end)
{
	return end.ns != 0 && clock_wall().ns >= end.ns;
}

/* Is what the client showed good for being a client, by these authorities and what they have revoked? When there is nothing
 * that it showed, it is. */
static bool
is_good_client(const struct creds *c, gnutls_session_t s, struct wall *ends)
{
	char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st data = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)purpose };
	gnutls_x509_crt_t chain[CHAIN_MAX] = { NULL };
	gnutls_x509_trust_list_t authorities = NULL;
	unsigned status = 0, n = 0, i = 0;
	const gnutls_datum_t *shown = gnutls_certificate_get_peers(s, &n);
	bool is_good = false;
	if (!shown || n == 0)
		return true;
	if (!c->wants_client || n > CHAIN_MAX || is_past(c->crl_ends))
		return false;
	gnutls_certificate_get_trust_list(c->certs, &authorities);
	for (; i < n; i++) {
		if (gnutls_x509_crt_init(&chain[i]) < 0)
			abort();
		if (gnutls_x509_crt_import(chain[i], &shown[i], GNUTLS_X509_FMT_DER) < 0)
			goto out;
	}
	is_good = gnutls_x509_trust_list_verify_crt2(authorities, chain, n, &data, 1, 0, &status, NULL) >= 0 && status == 0;
	time_t end = gnutls_x509_crt_get_expiration_time(chain[0]);
	*ends = (struct wall){ end > 0 ? (int64_t)end * CLOCK_NS_PER_S : 0 };
out:
	for (i = 0; i < CHAIN_MAX && chain[i]; i++)
		gnutls_x509_crt_deinit(chain[i]);
	return is_good;
}

/* Called by the library during the handshake. */
static int
verify_client(gnutls_session_t tls_session)
{
	struct session *s = gnutls_session_get_ptr(tls_session);
	return is_good_client(s->creds, tls_session, &s->client_ends) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static int
load_own(struct creds *c, const struct tls_files *files, struct err *err)
{
	struct buf cert = BUF_INIT(FILE_MAX), key = BUF_INIT(FILE_MAX);
	int rc = -1, said;
	if (check_key(files->key, err) == -1 || buf_read_file(&cert, files->cert, err) == -1 ||
		buf_read_file(&key, files->key, err) == -1)
		goto out;
	gnutls_datum_t cert_bytes = datum(&cert), key_bytes = datum(&key);
	said = gnutls_certificate_set_x509_key_mem(c->certs, &cert_bytes, &key_bytes, GNUTLS_X509_FMT_PEM);
	if (said < 0) {
		(void)err_set(err, ERR_USAGE, "the TLS certificate %s with the key %s: %s", files->cert, files->key,
			gnutls_strerror(said));
		goto out;
	}
	said = gnutls_x509_crt_import(c->crt, &cert_bytes, GNUTLS_X509_FMT_PEM);
	if (said < 0) {
		(void)err_set(err, ERR_USAGE, "the TLS certificate %s: %s", files->cert, gnutls_strerror(said));
		goto out;
	}
	rc = 0;
out:
	if (key.data)
		explicit_bzero(key.data, key.size);
	buf_done(&key);
	buf_done(&cert);
	return rc;
}

static int
load_authority(struct creds *c, const char *path, struct err *err)
{
	struct buf ca = BUF_INIT(FILE_MAX);
	int rc = 0;
	if (buf_read_file(&ca, path, err) == -1) {
		buf_done(&ca);
		return -1;
	}
	gnutls_datum_t bytes = datum(&ca);
	int n = gnutls_certificate_set_x509_trust_mem(c->certs, &bytes, GNUTLS_X509_FMT_PEM);
	if (n <= 0)
		rc = err_set(err, ERR_USAGE, "the authority for client certificates %s: %s", path,
			n < 0 ? gnutls_strerror(n) : "holds no certificate");
	gnutls_certificate_set_verify_function(c->certs, verify_client);
	c->wants_client = true;
	buf_done(&ca);
	return rc;
}

/* Each authority has a list, each list is signed by one, and the first to end is remembered. */
static int
check_revocations(struct creds *c, const gnutls_x509_crt_t *cas, unsigned n_cas, const gnutls_x509_crl_t *lists, unsigned n_lists,
	const char *path, struct err *err)
{
	for (unsigned i = 0; i < n_lists; i++) {
		unsigned status = 0;
		int said = gnutls_x509_crl_verify(lists[i], cas, (int)n_cas, 0, &status);
		/* one that is too old still says what was revoked; that nobody gets in by it is is_good_client's business */
		if (said < 0 || (status & ~(unsigned)GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED & ~(unsigned)GNUTLS_CERT_INVALID) != 0)
			return err_set(err, ERR_USAGE, "list %u of the revocations %s is not signed by an authority of `client_ca`", i + 1, path);
		time_t end = gnutls_x509_crl_get_next_update(lists[i]);
		if (end <= 0)
			return err_set(err, ERR_USAGE, "list %u of the revocations %s does not say when the next one comes", i + 1, path);
		struct wall ends = { (int64_t)end * CLOCK_NS_PER_S };
		if (c->crl_ends.ns == 0 || ends.ns < c->crl_ends.ns)
			c->crl_ends = ends;
	}
	for (unsigned k = 0; k < n_cas; k++) {
		char name[128] = "?";
		size_t size = sizeof name;
		unsigned i = 0;
		while (i < n_lists && gnutls_x509_crl_check_issuer(lists[i], cas[k]) == 0)
			i++;
		if (i < n_lists)
			continue;
		(void)gnutls_x509_crt_get_dn(cas[k], name, &size);
		return err_set(err, ERR_USAGE, "the revocations %s have no list of the authority %.120s", path, name);
	}
	return 0;
}

static int
load_revocations(struct creds *c, const struct tls_files *files, struct err *err)
{
	struct buf ca = BUF_INIT(FILE_MAX), crl = BUF_INIT(16 * FILE_MAX);
	gnutls_x509_crt_t *cas = NULL;
	gnutls_x509_crl_t *lists = NULL;
	unsigned n_cas = 0, n_lists = 0;
	int rc = -1, said;
	if (buf_read_file(&ca, files->client_ca, err) == -1 || buf_read_file(&crl, files->client_crl, err) == -1)
		goto out;
	gnutls_datum_t ca_bytes = datum(&ca), crl_bytes = datum(&crl);
	said = gnutls_x509_crt_list_import2(&cas, &n_cas, &ca_bytes, GNUTLS_X509_FMT_PEM, 0);
	if (said < 0 || n_cas > AUTHORITIES_MAX) {
		(void)err_set(err, ERR_USAGE, "the authority for client certificates %s: %s", files->client_ca,
			said < 0 ? gnutls_strerror(said) : "at most 64 are allowed");
		goto out;
	}
	said = gnutls_x509_crl_list_import2(&lists, &n_lists, &crl_bytes, GNUTLS_X509_FMT_PEM, 0);
	if (said < 0) {
		(void)err_set(err, ERR_USAGE, "the revocations %s: %s", files->client_crl, gnutls_strerror(said));
		goto out;
	}
	if (check_revocations(c, cas, n_cas, lists, n_lists, files->client_crl, err) == -1)
		goto out;
	said = gnutls_certificate_set_x509_crl_mem(c->certs, &crl_bytes, GNUTLS_X509_FMT_PEM);
	rc = said >= 0 ? 0 : err_set(err, ERR_USAGE, "the revocations %s: %s", files->client_crl, gnutls_strerror(said));
out:
	for (unsigned i = 0; i < n_lists; i++)
		gnutls_x509_crl_deinit(lists[i]);
	for (unsigned i = 0; i < n_cas; i++)
		gnutls_x509_crt_deinit(cas[i]);
	gnutls_free(lists);
	gnutls_free(cas);
	buf_done(&crl);
	buf_done(&ca);
	return rc;
}

static struct creds *
creds_load(const struct tls_files *files, struct err *err)
{
	struct creds *c = xcalloc(1, sizeof *c);
	if (gnutls_certificate_allocate_credentials(&c->certs) < 0 || gnutls_x509_crt_init(&c->crt) < 0)
		abort(); /* out of memory, as everywhere */
	if (load_own(c, files, err) == -1 || (files->client_ca && load_authority(c, files->client_ca, err) == -1) ||
		(files->client_ca && files->client_crl && load_revocations(c, files, err) == -1)) {
		creds_free(c);
		return NULL;
	}
	return c;
}

/* Frees what no session uses and no session will. */
static void
creds_sweep(struct tls *t)
{
	struct creds *c, *next;
	for (c = SLIST_FIRST(&t->all_creds); c; c = next) {
		const struct session *s;
		bool is_used = c == t->creds;
		next = SLIST_NEXT(c, next);
		LIST_FOREACH(s, &t->sessions, all)
			is_used |= s->creds == c;
		if (is_used)
			continue;
		SLIST_REMOVE(&t->all_creds, c, creds, next);
		creds_free(c);
	}
}

/* --- sessions --------------------------------------------------------------------------------------------------- */

static struct mono
now_of(const struct tls *t)
{
	return loop_now(t->loop);
}

static void
session_free(struct session *s)
{
	struct tls *t = s->tls;
	LIST_REMOVE(s, all);
	t->figures.sessions--;
	t->figures.handshakes -= s->stage == STAGE_HANDSHAKE;
	loop_io_del(s->tcp_io);
	loop_io_del(s->plain_io);
	if (s->tls_session)
		gnutls_deinit(s->tls_session);
	if (s->tcp != -1)
		(void)close(s->tcp);
	if (s->plain != -1)
		(void)close(s->plain);
	explicit_bzero(&s->in, sizeof s->in);
	free(s);
}

/* Certificates that do not stand by what was loaded end their sessions, streams and all. */
static void
recheck_clients(struct tls *t)
{
	for (struct session *s = LIST_FIRST(&t->sessions), *next; s; s = next) {
		next = LIST_NEXT(s, all);
		if (s->stage == STAGE_PUMP && !is_good_client(t->creds, s->tls_session, &s->client_ends))
			session_free(s);
	}
}

int
tls_reload(struct tls *t, const struct tls_files *files, struct err *err)
{
	struct creds *c = creds_load(files, err);
	if (!c)
		return -1;
	SLIST_INSERT_HEAD(&t->all_creds, c, next);
	t->creds = c;
	recheck_clients(t);
	creds_sweep(t);
	return 0;
}

/* Has one source more than its share of the handshakes, or of all? */
static bool
is_greedy(const struct tls *t, const char *source)
{
	const struct session *s;
	size_t handshakes = 0, all = 0;
	LIST_FOREACH(s, &t->sessions, all) {
		if (strcmp(s->source, source) != 0)
			continue;
		all++;
		handshakes += s->stage == STAGE_HANDSHAKE;
	}
	return handshakes >= SOURCE_MAX || all > t->conf.sessions_max / SHARE;
}

/* What the library waits for on the TCP side. */
static unsigned
wanted(const struct session *s)
{
	return gnutls_record_get_direction(s->tls_session) == 1 ? LOOP_WRITE : LOOP_READ;
}

static bool
is_waiting(int said)
{
	return said == GNUTLS_E_AGAIN || said == GNUTLS_E_INTERRUPTED;
}

/* --- the pump --------------------------------------------------------------------------------------------------- */

/* From the client: one piece at most. True when something moved. */
static bool
read_client(struct session *s)
{
	struct pipe *p = &s->in;
	if (p->len > 0 || p->is_over)
		return false;
	ssize_t n = gnutls_record_recv(s->tls_session, p->data, sizeof p->data);
	if (n > 0) {
		p->at = 0;
		p->len = (size_t)n;
		return true;
	}
	if (is_waiting((int)n))
		return false;
	if (n == 0) {
		p->is_over = true;
		return true;
	}
	s->is_dead = gnutls_error_is_fatal((int)n) != 0;
	return false;
}

static bool
write_plain(struct session *s)
{
	struct pipe *p = &s->in;
	if (p->len == 0) {
		if (!p->is_over || p->is_told)
			return false;
		(void)shutdown(s->plain, SHUT_WR);
		p->is_told = true;
		return true;
	}
	ssize_t n = send(s->plain, p->data + p->at, p->len - p->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1) {
		if (errno != EAGAIN && errno != EINTR) {
			/* the API has closed its end and wants nothing more; what it wrote before is still to be sent */
			p->len = 0;
			p->is_over = true;
			p->is_told = true;
		}
		return false;
	}
	p->at += (size_t)n;
	if (p->at == p->len)
		p->len = 0;
	return true;
}

static bool
read_plain(struct session *s)
{
	struct pipe *p = &s->out;
	if (p->len > 0 || p->is_over)
		return false;
	ssize_t n = recv(s->plain, p->data, sizeof p->data, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	p->at = 0;
	p->len = n > 0 ? (size_t)n : 0;
	p->is_over = n <= 0;
	s->out_since = now_of(s->tls);
	if (p->is_over)
		s->deadline = mono_add_ms(now_of(s->tls), CLOSING_MS);
	return true;
}

static bool
write_client(struct session *s)
{
	struct pipe *p = &s->out;
	if (p->len == 0)
		return false;
	/* after "again" the library wants the same call: the same bytes from the same place */
	ssize_t n = gnutls_record_send(s->tls_session, p->data + p->at, p->len - p->at);
	if (n < 0) {
		s->is_dead = !is_waiting((int)n);
		return false;
	}
	p->at += (size_t)n;
	if (p->at == p->len)
		p->len = 0;
	return true;
}

/* The API is done and all is sent: say so, then wait for the other side's end. */
static void
begin_closing(struct session *s)
{
	int said = gnutls_bye(s->tls_session, GNUTLS_SHUT_WR);
	if (is_waiting(said))
		return;
	s->stage = STAGE_CLOSING;
	s->is_dead = said != 0 || shutdown(s->tcp, SHUT_WR) == -1;
}

static void
arm_pump(struct session *s)
{
	unsigned tcp = 0, plain = 0;
	if (s->in.len == 0 && !s->in.is_over)
		tcp |= LOOP_READ;
	if (s->out.len > 0 || s->out.is_over)
		tcp |= LOOP_WRITE;
	if (s->in.len > 0)
		plain |= LOOP_WRITE;
	if (s->out.len == 0 && !s->out.is_over)
		plain |= LOOP_READ;
	loop_io_set(s->tcp_io, tcp);
	loop_io_set(s->plain_io, plain);
}

static void
pump(struct session *s)
{
	bool is_moving = true;
	int steps = 0;
	for (; is_moving && !s->is_dead && steps < STEPS_A_TURN; steps++) {
		is_moving = read_client(s);
		is_moving |= write_plain(s);
		is_moving |= read_plain(s);
		is_moving |= write_client(s);
	}
	if (!s->is_dead && s->out.is_over && s->out.len == 0)
		begin_closing(s);
	if (s->is_dead) {
		session_free(s);
		return;
	}
	if (s->stage == STAGE_CLOSING) {
		loop_io_set(s->plain_io, 0);
		loop_io_set(s->tcp_io, LOOP_READ);
		return;
	}
	arm_pump(s);
	/* bytes that the library holds already wake nobody */
	if (s->in.len == 0 && gnutls_record_check_pending(s->tls_session) > 0)
		loop_timer_set(s->tls->again, 0, 0);
}

static void
on_again(void *arg)
{
	struct tls *t = arg;
	for (struct session *s = LIST_FIRST(&t->sessions), *next; s; s = next) {
		next = LIST_NEXT(s, all);
		if (s->stage == STAGE_PUMP && gnutls_record_check_pending(s->tls_session) > 0)
			pump(s);
	}
}

static void
on_plain(void *arg, unsigned events)
{
	(void)events;
	pump(arg);
}

/* --- handshakes ------------------------------------------------------------------------------------------------- */

static void
read_fingerprint(struct session *s)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(s->tls_session, &n);
	if (chain && n > 0)
		digest_hex((struct slice){ (const char *)chain[0].data, chain[0].size }, s->peer.fingerprint);
}

static int
begin_pump(struct session *s)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1)
		return -1;
	read_fingerprint(s);
	s->stage = STAGE_PUMP;
	s->tls->figures.handshakes--;
	s->deadline = (struct mono){ 0 };
	s->plain = pair[0];
	s->plain_io = loop_io_add(s->tls->loop, s->plain, LOOP_READ, on_plain, s);
	s->tls->conf.take(s->tls->conf.arg, pair[1], &s->peer);
	return 0;
}

static void
handshake(struct session *s)
{
	int said;
	do
		said = gnutls_handshake(s->tls_session);
	while (said == GNUTLS_E_INTERRUPTED || said == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (said == GNUTLS_E_AGAIN) {
		loop_io_set(s->tcp_io, wanted(s));
		return;
	}
	if (said == 0 && begin_pump(s) == 0) {
		s->tls->figures.done++;
		pump(s);
		return;
	}
	if (said == GNUTLS_E_CERTIFICATE_ERROR && s->tls->conf.refused)
		s->tls->conf.refused(s->tls->conf.arg, &s->peer);
	s->tls->figures.bad_certificate += said == GNUTLS_E_CERTIFICATE_ERROR;
	s->tls->figures.failed += said != GNUTLS_E_CERTIFICATE_ERROR;
	if (said < 0)
		(void)gnutls_alert_send_appropriate(s->tls_session, said);
	session_free(s);
}

/* Reads to the end what still comes, and throws it away. */
static void
drain_tcp(struct session *s)
{
	char waste[4096];
	ssize_t n = 1;
	for (int i = 0; i < STEPS_A_TURN && n > 0; i++)
		n = recv(s->tcp, waste, sizeof waste, MSG_DONTWAIT);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		session_free(s);
}

static void
on_tcp(void *arg, unsigned events)
{
	struct session *s = arg;
	(void)events;
	switch (s->stage) {
	case STAGE_HANDSHAKE:
		handshake(s);
		break;
	case STAGE_PUMP:
		pump(s);
		break;
	case STAGE_CLOSING:
		drain_tcp(s);
		break;
	}
}

/* Deadlines of handshakes, of closing, of certificates, and of clients that read too slowly. */
static void
on_sweep(void *arg)
{
	struct tls *t = arg;
	struct mono now = now_of(t);
	for (struct session *s = LIST_FIRST(&t->sessions), *next; s; s = next) {
		next = LIST_NEXT(s, all);
		bool is_slow = s->out.len > 0 && mono_ms_since(now, s->out_since) > PIECE_MS;
		bool is_late = mono_is_set(s->deadline) && !mono_before(now, s->deadline);
		if (!is_slow && !is_late && !is_past(s->client_ends))
			continue;
		t->figures.timed_out += s->stage == STAGE_HANDSHAKE;
		session_free(s);
	}
	creds_sweep(t);
}

/* --- new connections -------------------------------------------------------------------------------------------- */

static void
address_text(const struct sockaddr_storage *from, socklen_t len, char out[64])
{
	if (getnameinfo((const struct sockaddr *)from, len, out, 64, NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(out, 64, "?");
}

static void
set_options(int fd)
{
	const int yes = 1;
	const unsigned dead_ms = DEAD_PEER_MS;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

static void
admit(struct tls *t, int fd, const struct sockaddr_storage *from, socklen_t len)
{
	char address[64], source[64];
	address_text(from, len, address);
	auth_source(address, source);
	if (t->figures.sessions >= t->conf.sessions_max || t->figures.handshakes >= HANDSHAKES_MAX ||
		is_greedy(t, source)) {
		t->figures.turned_away++;
		(void)close(fd);
		return;
	}
	set_options(fd);
	struct session *s = xcalloc(1, sizeof *s);
	s->tls = t;
	s->creds = t->creds;
	s->tcp = fd;
	s->plain = -1;
	snprintf(s->peer.address, sizeof s->peer.address, "%s", address);
	snprintf(s->source, sizeof s->source, "%s", source);
	s->deadline = mono_add_ms(now_of(t), t->conf.handshake_ms);
	LIST_INSERT_HEAD(&t->sessions, s, all);
	t->figures.sessions++;
	t->figures.handshakes++;
	t->figures.accepted++;
	if (gnutls_init(&s->tls_session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL) < 0 ||
		gnutls_priority_set(s->tls_session, t->priority) < 0 ||
		gnutls_credentials_set(s->tls_session, GNUTLS_CRD_CERTIFICATE, t->creds->certs) < 0)
		abort();
	gnutls_certificate_server_set_request(s->tls_session,
		t->creds->wants_client ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
	gnutls_handshake_set_timeout(s->tls_session, GNUTLS_INDEFINITE_TIMEOUT); /* the deadline is ours */
	gnutls_session_set_ptr(s->tls_session, s);
	gnutls_transport_set_int(s->tls_session, fd);
	s->tcp_io = loop_io_add(t->loop, fd, LOOP_READ, on_tcp, s);
}

static void
listen_all(struct tls *t, unsigned events)
{
	for (size_t i = 0; i < t->n_listeners; i++)
		loop_io_set(t->listeners[i].io, events);
}

static void
on_window(void *arg)
{
	struct tls *t = arg;
	t->accepts = 0;
	listen_all(t, LOOP_READ);
}

static void
on_listen(void *arg, unsigned events)
{
	const struct listener *listener = arg;
	struct tls *t = listener->tls;
	(void)events;
	while (t->accepts < ACCEPTS_A_WINDOW) {
		struct sockaddr_storage from;
		socklen_t len = sizeof from;
		int fd = accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
			break;
		if (t->accepts++ == 0)
			loop_timer_set(t->window, WINDOW_MS, 0);
		if (fd == -1) {
			t->accepts = ACCEPTS_A_WINDOW; /* no descriptors: look the other way for a moment */
			break;
		}
		admit(t, fd, &from, len);
	}
	if (t->accepts >= ACCEPTS_A_WINDOW)
		listen_all(t, 0);
}

/* --- listening -------------------------------------------------------------------------------------------------- */

/* "HOST:PORT", "[HOST]:PORT"; both parts are copied out. */
static int
split_address(const char *text, char host[256], char port[8], struct err *err)
{
	const char *colon = strrchr(text, ':');
	int64_t number = 0;
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool has_brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (!colon || len == 0 || len >= 256 || (!has_brackets && memchr(text, ':', len)) ||
		text_parse_int(slice_of(colon + 1), 0, 65535, &number) == -1)
		return err_set(err, ERR_USAGE, "--listen %.200s: HOST:PORT is allowed, an IPv6 address in brackets", text);
	slice_copy((struct slice){ text + has_brackets, len - 2 * has_brackets }, host, 256);
	snprintf(port, 8, "%u", (unsigned)number);
	return 0;
}

static int
listen_at(struct tls *t, const char *address, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	struct listener *listener = &t->listeners[t->n_listeners];
	const int yes = 1;
	char host[256], port[8];
	if (split_address(address, host, port, err) == -1)
		return -1;
	int said = getaddrinfo(host, port, &hints, &found);
	if (said != 0)
		return err_set(err, ERR_USAGE, "--listen %s: %s", address, gai_strerror(said));
	*listener = (struct listener){ .tls = t };
	listener->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd != -1) {
		t->n_listeners++;
		(void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		if (found->ai_family == AF_INET6)
			(void)setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
	}
	int rc = 0;
	if (listener->fd == -1 || bind(listener->fd, found->ai_addr, found->ai_addrlen) == -1 || listen(listener->fd, 128) == -1)
		rc = err_set(err, ERR_USAGE, "--listen %s: %s", address, strerror(errno));
	else
		listener->io = loop_io_add(t->loop, listener->fd, LOOP_READ, on_listen, listener);
	freeaddrinfo(found);
	return rc;
}

static int
open_all(struct tls *t, struct err *err)
{
	int said = gnutls_priority_init(&t->priority, PRIORITY, NULL);
	if (said < 0)
		return err_set(err, ERR_FAILED, "TLS cannot be set up: %s", gnutls_strerror(said));
	if (tls_reload(t, &t->conf.files, err) == -1)
		return -1;
	for (size_t i = 0; i < t->conf.n_addresses; i++) {
		if (listen_at(t, t->conf.addresses[i], err) == -1)
			return -1;
	}
	return 0;
}

struct tls *
tls_new(struct loop *l, const struct tls_conf *conf, struct err *err)
{
	struct tls *t = xcalloc(1, sizeof *t);
	t->conf = *conf;
	t->loop = l;
	if (t->conf.handshake_ms <= 0)
		t->conf.handshake_ms = HANDSHAKE_MS;
	LIST_INIT(&t->sessions);
	SLIST_INIT(&t->all_creds);
	t->listeners = xcalloc(conf->n_addresses + 1, sizeof *t->listeners);
	t->sweep = loop_timer_add(l, SWEEP_MS, SWEEP_MS, on_sweep, t);
	t->window = loop_timer_add(l, WINDOW_MS, 0, on_window, t);
	t->again = loop_timer_add(l, 0, 0, on_again, t);
	if (open_all(t, err) == -1) {
		tls_free(t);
		return NULL;
	}
	t->conf.addresses = NULL; /* the caller's, and not used again */
	t->conf.files = (struct tls_files){ 0 };
	return t;
}

void
tls_free(struct tls *t)
{
	if (!t)
		return;
	for (struct session *s = LIST_FIRST(&t->sessions), *next; s; s = next) {
		next = LIST_NEXT(s, all);
		if (s->stage == STAGE_PUMP)
			pump(s);
	}
	while (!LIST_EMPTY(&t->sessions))
		session_free(LIST_FIRST(&t->sessions));
	for (size_t i = 0; i < t->n_listeners; i++) {
		loop_io_del(t->listeners[i].io);
		(void)close(t->listeners[i].fd);
	}
	loop_timer_del(t->sweep);
	loop_timer_del(t->window);
	loop_timer_del(t->again);
	t->creds = NULL;
	creds_sweep(t);
	if (t->priority)
		gnutls_priority_deinit(t->priority);
	free(t->listeners);
	free(t);
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

bool
tls_is_our_name(const struct tls *t, struct slice host)
{
	char name[256];
	size_t len = host.len;
	if (len == 0 || len >= sizeof name)
		return false;
	if (host.data[0] == '[') {
		const char *end = memchr(host.data, ']', len);
		if (!end)
			return false;
		host = (struct slice){ host.data + 1, (size_t)(end - host.data) - 1 };
	} else {
		const char *colon = memchr(host.data, ':', len);
		host.len = colon ? (size_t)(colon - host.data) : len;
	}
	if (memchr(host.data, '\0', host.len) || host.len == 0)
		return false;
	slice_copy(host, name, sizeof name);
	return gnutls_x509_crt_check_hostname(t->creds->crt, name) != 0;
}

struct wall
tls_expires(const struct tls *t)
{
	time_t end = gnutls_x509_crt_get_expiration_time(t->creds->crt);
	return (struct wall){ end > 0 ? (int64_t)end * CLOCK_NS_PER_S : 0 };
}

struct wall
tls_crl_expires(const struct tls *t)
{
	return t->creds->crl_ends;
}

unsigned
tls_port(const struct tls *t, size_t i)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	if (i >= t->n_listeners || getsockname(t->listeners[i].fd, (struct sockaddr *)&at, &len) == -1)
		return 0;
	return ntohs(at.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&at)->sin6_port :
						((const struct sockaddr_in *)&at)->sin_port);
}

struct tls_figures
tls_figures(const struct tls *t)
{
	return t->figures;
}
