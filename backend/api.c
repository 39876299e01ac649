/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP API: the only file that knows libmicrohttpd (0.9.75). A connection comes from the unix socket, or from tls.c
 * as the plaintext end of a TLS session, and passes three stages.
 *
 *   door    accepted by us, peer credentials read, limits checked; its bytes are peeked at until the head of the
 *           request is whole and beyond doubt (request.c). Only then does the library get the descriptor. Whoever is
 *           slow or wrong is answered and closed here, and costs the library nothing.
 *   served  the library reads the request and sends the answer; one request a connection (`Connection: close`), so
 *           nothing passes the door unseen. Body and answer have deadlines of ours: the library's own time-out is
 *           pushed back by every byte.
 *   stream  a held answer, suspended while it has nothing to send, fed from the ring of feed.c.
 *
 * What the library needs and does not say loudly: its epoll descriptor is polled from our loop; a resumed connection
 * does nothing before the next MHD_run, so one follows each batch of resumes and none is made inside a handler; a
 * suspended connection never notices that its client left, hence the heartbeat; and stopping with one suspended aborts
 * the process, hence the order in api_free.
 *
 * Who asks is an account (auth.c), found anew for every connection from the rules of the fleet as they are at that moment:
 * on the unix socket by the peer's uid, which the kernel vouches for; over TLS by the token in the head, or else by the
 * certificate of the handshake. Until then it is a stranger, and strangers have a limit of their own, so that they keep
 * nobody out who is known. A stream outlives its proof: the grant behind it is looked at again every two seconds.
 */
#include "backend/api.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "backend/expiry.h"
#include "backend/feed.h"
#include "backend/routes.h"
#include "backend/routes_act.h"
#include "backend/tls.h"
#include "core/text.h"
#include "core/token.h"

#define HEAD_MS          5000
#define BODY_MS          10000
#define REPLY_MS         30000
#define HEARTBEAT_MS     15000
#define COALESCE_MS      50
#define RECHECK_MS       2000
#define EXPIRY_MS        60000 /* how often it is looked at what is about to end */
#define SEEN_MS          1000
#define SHARED_MS        200   /* how long one encoded snapshot serves all who ask */
#define CONNECTIONS_MAX  4096
#define RESERVED_SHARE   16    /* one slot in so many is kept for those who are more than observers */
#define STRANGERS_SHARE  2     /* one in so many may be held by callers that are not known yet */
#define PIECES_MAX       64    /* reads in which a head may arrive: bounds the work of looking again */
#define ACCEPTS_A_TURN   64
/* Streams are woken in slices with a pause in between, so that no poll waits for longer than a slice takes. */
#define SLICE_US         250
#define SLICE_LATE_US    2000  /* when a round of all streams takes longer than ROUND_MS */
#define SLICE_MAX        64
#define SLICE_PAUSE_MS   1
#define ROUND_MS         250
#define ACCEPT_PAUSE_MS  100   /* after the descriptors ran out */
#define CONNECTION_BYTES (24 * 1024) /* the library's memory for one connection: head and write buffer */

enum conn_stage { CONN_DOOR, CONN_SERVED, CONN_STREAM };
/* By which limit a connection counts: not known yet, may only look, may do more. */
enum standing { STANDING_STRANGER, STANDING_OBSERVER, STANDING_ACTING, STANDING_COUNT };

struct conn {
	LIST_ENTRY(conn) all;
	TAILQ_ENTRY(conn) streams; /* in CONN_STREAM only */
	struct api *api;
	int fd;
	struct account who;
	enum standing standing;
	bool is_tls;
	char peer[64];        /* what it is counted under: "uid 1000", an address */
	char fingerprint[65]; /* of the certificate of its handshake; "" = none */
	char credential[TOKEN_HASH_SIZE]; /* what its account was matched by; "" = its uid */
	enum conn_stage stage;
	struct mono deadline; /* of the present stage; unset for streams */
	unsigned pieces;
	char *method, *path, *query; /* from the door on */
	struct MHD_Connection *mhd;
	struct buf body;
	bool is_suspended;
	bool is_revoked; /* what let it in does so no longer */
	struct feed_cursor cursor;
	struct mono last_read; /* when the library last asked a stream for bytes */
};
LIST_HEAD(conn_list, conn);
TAILQ_HEAD(conn_queue, conn);

/* Connections that one peer holds: a uid, or an address. */
struct peer_count {
	char peer[64];
	size_t n;
};

struct api {
	struct api_conf conf;
	struct loop *loop;
	char *socket_path;
	int listen_fd, door_fd;
	struct loop_io *listen_io, *door_io, *http_io;
	struct loop_timer *http_timer, *sweep_timer, *flush_timer, *seen_timer, *heartbeat_timer, *accept_timer,
		*wake_timer;
	struct MHD_Daemon *http;
	struct feed *feed;
	struct conn_list all;
	struct conn_queue streams;  /* the one woken longest ago first */
	bool is_waking;             /* a round of slices is under way */
	struct mono round_began;
	double wake_us;             /* what a stream took in the last slices */
	struct conn **by_fd;
	size_t by_fd_cap;
	struct peer_count *peers;
	size_t n_peers, peers_cap;
	size_t n_connections, n_standing[STANDING_COUNT], n_streams;
	size_t n_tls_observers;
	size_t connections_max, reserved, tls_max;
	struct tls *tls; /* NULL: the unix socket only */
	struct auth_memory *memory;
	struct loop_timer *recheck_timer, *expiry_timer;
	enum expiry_stage cert_told, crl_told; /* of the files that are loaded now */
	struct wall expiry_looked; /* when grants were looked at last */
	bool is_ending, is_running, is_flush_armed;
	struct mono last_poll;
	struct sittings *sittings;
	struct refusals refusals;
	struct metrics figures; /* only the API's part is kept here */
	struct MHD_Response *shared; /* of the one shared route */
	uint64_t shared_revision;
	struct mono shared_at;
};

static struct mono
now_of(const struct api *a)
{
	return loop_now(a->loop);
}

/* --- connections ---------------------------------------------------------------------------------------------- */

static struct peer_count *
peer_find(const struct api *a, const char *peer)
{
	for (size_t i = 0; i < a->n_peers; i++) {
		if (strcmp(a->peers[i].peer, peer) == 0)
			return &a->peers[i];
	}
	return NULL;
}

static size_t
peer_holds(const struct api *a, const char *peer)
{
	const struct peer_count *count = peer_find(a, peer);
	return count ? count->n : 0;
}

static void
peer_take(struct api *a, const char *peer)
{
	struct peer_count *count = peer_find(a, peer);
	if (!count) {
		a->peers = xgrow(a->peers, &a->peers_cap, a->n_peers + 1, sizeof *a->peers);
		count = &a->peers[a->n_peers++];
		*count = (struct peer_count){ .n = 0 };
		snprintf(count->peer, sizeof count->peer, "%s", peer);
	}
	count->n++;
}

static void
peer_release(struct api *a, const char *peer)
{
	struct peer_count *count = peer_find(a, peer);
	if (count && --count->n == 0)
		*count = a->peers[--a->n_peers];
}

static enum standing
standing_of(const struct account *who)
{
	if (who->roles == 0)
		return STANDING_STRANGER;
	return (who->roles & ~(1u << CONF_OBSERVER)) == 0 ? STANDING_OBSERVER : STANDING_ACTING;
}

static struct conn *
conn_new(struct api *a, int fd, const struct account *who)
{
	struct conn *c = xcalloc(1, sizeof *c);
	c->api = a;
	c->fd = fd;
	c->who = *who;
	c->standing = standing_of(who);
	auth_source(who->peer, c->peer);
	c->body = (struct buf)BUF_INIT(REQUEST_BODY_MAX);
	c->deadline = mono_add_ms(now_of(a), a->conf.head_ms);
	a->by_fd = xgrow(a->by_fd, &a->by_fd_cap, (size_t)fd + 1, sizeof *a->by_fd);
	a->by_fd[fd] = c;
	LIST_INSERT_HEAD(&a->all, c, all);
	peer_take(a, c->peer);
	a->n_connections++;
	a->n_standing[c->standing]++;
	return c;
}

/* Forgets a connection; the descriptor is closed by whoever holds it: us at the door, the library later. */
static void
conn_free(struct conn *c)
{
	struct api *a = c->api;
	if (c->stage == CONN_STREAM) {
		TAILQ_REMOVE(&a->streams, c, streams);
		a->n_streams--;
	}
	LIST_REMOVE(c, all);
	a->by_fd[c->fd] = NULL;
	peer_release(a, c->peer);
	a->n_connections--;
	a->n_standing[c->standing]--;
	a->n_tls_observers -= c->is_tls && c->standing == STANDING_OBSERVER;
	feed_leave(&c->cursor);
	buf_done(&c->body);
	free(c->method);
	free(c->path);
	free(c->query);
	free(c);
}

static void
count_status(struct api *a, int status)
{
	int hundred = status / 100;
	a->figures.requests[hundred >= 1 && hundred <= 5 ? hundred : 0]++;
}

/* --- the library ---------------------------------------------------------------------------------------------- */

/* Lets the library work; never from inside one of its callbacks. */
static void
run_http(struct api *a)
{
	if (a->is_running)
		return;
	a->is_running = true;
	(void)MHD_run(a->http);
	a->is_running = false;
	MHD_UNSIGNED_LONG_LONG wait_ms;
	if (MHD_get_timeout(a->http, &wait_ms) == MHD_YES)
		loop_timer_set(a->http_timer, (int64_t)wait_ms, 0);
	else
		loop_timer_stop(a->http_timer);
}

static void
on_http_ready(void *arg, unsigned events)
{
	(void)events;
	run_http(arg);
}

static void
on_http_timer(void *arg)
{
	run_http(arg);
}

/* The library took or gave up a descriptor. */
static void
on_connection(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct api *a = arg;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		struct conn *c = a->by_fd[info->connect_fd];
		c->mhd = mhd;
		*context = c;
		return;
	}
	if (*context)
		conn_free(*context);
	*context = NULL;
}

/* --- answers -------------------------------------------------------------------------------------------------- */

static void
add_headers(struct MHD_Response *response, const char *type, const char *allow)
{
	(void)MHD_add_response_header(response, "Content-Type", type);
	(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "Connection", "close");
	if (allow && allow[0] != '\0')
		(void)MHD_add_response_header(response, "Allow", allow);
}

static enum MHD_Result
queue_answer(struct conn *c, int status, struct MHD_Response *response)
{
	struct api *a = c->api;
	c->deadline = mono_add_ms(now_of(a), a->conf.reply_ms);
	count_status(a, status);
	return MHD_queue_response(c->mhd, (unsigned)status, response);
}

/* Takes the reply's bytes. */
static struct MHD_Response *
make_response(struct api_reply *reply, const char *allow)
{
	size_t len = reply->body.len;
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback(len, buf_take(&reply->body), free);
	if (response)
		add_headers(response, reply->type, allow);
	return response;
}

static enum MHD_Result
send_reply(struct conn *c, struct api_reply *reply, const char *allow)
{
	struct MHD_Response *response = make_response(reply, allow);
	if (!response)
		return MHD_NO;
	enum MHD_Result rc = queue_answer(c, reply->status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result
send_problem(struct conn *c, const struct err *err, const char *allow)
{
	struct api_reply reply = API_REPLY_INIT;
	api_reply_problem(&reply, err);
	return send_reply(c, &reply, allow);
}

static void
fill_figures(const struct api *a, struct metrics *m)
{
	*m = a->figures;
	m->state = a->conf.state;
	m->store = a->conf.store;
	m->loop = a->loop;
	m->now = now_of(a);
	m->connections = a->n_connections;
	m->streams = a->n_streams;
	struct feed_stats stats = feed_stats(a->feed);
	m->messages_change = stats.changes;
	m->messages_seen = stats.seen;
	m->messages_event = stats.events;
	m->resyncs = stats.resyncs;
	m->has_tls = a->tls != NULL;
	if (!a->tls)
		return;
	m->tls = tls_figures(a->tls);
	m->cert_ends = tls_expires(a->tls);
	m->crl_ends = tls_crl_expires(a->tls);
}

static int
call_route(struct conn *c, const struct route *r, const struct request_params *params, struct api_reply *reply,
	struct err *err)
{
	struct api *a = c->api;
	struct metrics figures;
	fill_figures(a, &figures);
	struct api_call call = {
		.conf = &a->conf,
		.params = params,
		.who = &c->who,
		.body = buf_slice(&c->body),
		.accept = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Accept"),
		.now = now_of(a),
		.wall = clock_wall(),
		.last_poll = &a->last_poll,
		.refusals = &a->refusals,
		.metrics = &figures,
		.memory = a->memory,
		.sittings = a->sittings,
		.sitting = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Catchment-Sitting"),
	};
	return routes_call(r, slice_of(c->query), &call, reply, err);
}

/* Into the ledger, as often as refusals.h allows. */
static void
note_refusal(struct api *a, const struct account *who, const char *what, const struct err *why)
{
	const struct api_call call = {
		.conf = &a->conf,
		.who = who,
		.now = now_of(a),
		.wall = clock_wall(),
		.refusals = &a->refusals,
	};
	act_note_refusal(&call, what, why);
}

static bool
is_shared_fresh(const struct api *a)
{
	return a->shared && a->shared_revision == state_fleet(a->conf.state)->revision &&
		mono_ms_since(now_of(a), a->shared_at) < SHARED_MS;
}

static void
drop_shared(struct api *a)
{
	if (a->shared)
		MHD_destroy_response(a->shared);
	a->shared = NULL;
}

/* After a restart a thousand observers ask for the snapshot at once: it is encoded once and the library counts who
 * still sends from it. */
static enum MHD_Result
answer_shared(struct conn *c, const struct route *r, const struct request_params *params)
{
	struct api *a = c->api;
	if (is_shared_fresh(a))
		return queue_answer(c, 200, a->shared);
	struct api_reply reply = API_REPLY_INIT;
	struct err err = ERR_INIT;
	if (call_route(c, r, params, &reply, &err) == -1) {
		buf_done(&reply.body);
		return send_problem(c, &err, NULL);
	}
	drop_shared(a);
	a->shared = make_response(&reply, NULL);
	a->shared_revision = state_fleet(a->conf.state)->revision;
	a->shared_at = now_of(a);
	return a->shared ? queue_answer(c, 200, a->shared) : MHD_NO;
}

/* --- streams -------------------------------------------------------------------------------------------------- */

/* The library asks for the next bytes of a stream. */
static ssize_t
stream_read(void *arg, uint64_t position, char *out, size_t max)
{
	struct conn *c = arg;
	struct api *a = c->api;
	(void)position;
	if (a->is_ending || c->is_revoked)
		return MHD_CONTENT_READER_END_OF_STREAM;
	c->last_read = now_of(a);
	size_t n = feed_read(a->feed, &c->cursor, out, max, now_of(a));
	if (n > 0)
		return (ssize_t)n;
	c->is_suspended = true;
	MHD_suspend_connection(c->mhd);
	return 0;
}

static void
resume(struct conn *c)
{
	if (!c->is_suspended)
		return;
	c->is_suspended = false;
	MHD_resume_connection(c->mhd);
}

/* As many as can be woken in the time of a slice, by what the last ones took. */
static size_t
slice_size(const struct api *a)
{
	bool is_late = mono_ms_since(now_of(a), a->round_began) > ROUND_MS;
	double n = (is_late ? SLICE_LATE_US : SLICE_US) / (a->wake_us > 1 ? a->wake_us : 1);
	return n < 1 ? 1 : n > SLICE_MAX ? SLICE_MAX : (size_t)n;
}

/* Wakes up to `max` streams that have something to send. True if there may be more. */
static bool
resume_some(struct api *a, size_t max, size_t *n)
{
	struct conn *c, *next, *last = TAILQ_LAST(&a->streams, conn_queue);
	for (c = TAILQ_FIRST(&a->streams); c && *n < max; c = next) {
		next = c == last ? NULL : TAILQ_NEXT(c, streams);
		if (!c->is_suspended || !feed_has_more(a->feed, &c->cursor))
			continue;
		TAILQ_REMOVE(&a->streams, c, streams);
		TAILQ_INSERT_TAIL(&a->streams, c, streams);
		resume(c);
		(*n)++;
	}
	return c != NULL;
}

/* One slice of a round; the timer brings the next. */
static void
wake_slice(void *arg)
{
	struct api *a = arg;
	struct mono start = clock_mono();
	size_t n = 0;
	a->is_waking = resume_some(a, slice_size(a), &n);
	run_http(a);
	if (n > 0)
		a->wake_us += ((double)(clock_mono().ns - start.ns) / 1e3 / (double)n - a->wake_us) / 4;
	if (a->is_waking)
		loop_timer_set(a->wake_timer, SLICE_PAUSE_MS, 0);
}

/* The feed has something new. A round that is under way takes it along. */
static void
wake_streams(struct api *a)
{
	if (a->is_waking)
		return;
	a->round_began = now_of(a);
	wake_slice(a);
}

/* Where a stream shall begin: from= in the query, else the id that a reconnecting reader saw last. */
static int
read_from(struct conn *c, const struct route *r, bool *has_from, uint64_t *from, struct err *err)
{
	struct request_query query;
	if (request_read_query(slice_of(c->query), r->query, &query, err) == -1)
		return -1;
	const char *text = request_value(&query, "from");
	int64_t revision = 0;
	if (text && text_parse_int(slice_of(text), 0, INT64_MAX, &revision) == -1)
		return err_set(err, ERR_USAGE, "from is the revision of a snapshot, a whole number");
	*has_from = text != NULL;
	*from = (uint64_t)revision;
	if (text)
		return 0;
	text = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Last-Event-ID");
	*has_from = text != NULL;
	/* An id that is none of ours: the reader must start from a snapshot, which "from the future" gives it. */
	if (text && text_parse_int(slice_of(text), 0, INT64_MAX, &revision) == -1)
		revision = INT64_MAX;
	*from = (uint64_t)revision;
	return 0;
}

static enum MHD_Result
begin_stream(struct conn *c, const struct route *r)
{
	struct api *a = c->api;
	struct err err = ERR_INIT;
	bool has_from = false;
	uint64_t from = 0;
	if (read_from(c, r, &has_from, &from, &err) == -1)
		return send_problem(c, &err, NULL);
	if (strcmp(c->method, "HEAD") == 0) {
		/* The library would send the last chunk of a body that a HEAD may not have. */
		struct api_reply reply = API_REPLY_INIT;
		reply.type = "text/event-stream";
		return send_reply(c, &reply, NULL);
	}
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_read, c, NULL);
	if (!response)
		return MHD_NO;
	add_headers(response, "text/event-stream", NULL);
	enum MHD_Result rc = queue_answer(c, 200, response);
	MHD_destroy_response(response);
	if (rc != MHD_YES)
		return rc;
	feed_start(a->feed, &c->cursor, has_from, from, now_of(a));
	c->stage = CONN_STREAM;
	c->deadline = (struct mono){ 0 };
	c->last_read = now_of(a);
	TAILQ_INSERT_HEAD(&a->streams, c, streams);
	a->n_streams++;
	return rc;
}

/* --- requests ------------------------------------------------------------------------------------------------- */

static enum MHD_Result
answer(struct conn *c)
{
	struct err err = ERR_INIT;
	struct request_params params;
	char allow[64];
	const struct route *r = routes_find(c->method, c->path, &params, allow, sizeof allow, &err);
	if (!r)
		return send_problem(c, &err, allow);
	if (auth_check(&c->who, r->may, clock_wall(), &err) == -1) {
		note_refusal(c->api, &c->who, r->pattern, &err);
		return send_problem(c, &err, NULL);
	}
	if (r->is_stream)
		return begin_stream(c, r);
	if (r->is_shared && c->query[0] == '\0')
		return answer_shared(c, r, &params);
	struct api_reply reply = API_REPLY_INIT;
	if (call_route(c, r, &params, &reply, &err) == -1) {
		buf_done(&reply.body);
		return send_problem(c, &err, NULL);
	}
	return send_reply(c, &reply, NULL);
}

/* Called by the library for the head, for each piece of the body, and at the end. Its own reading of method and path
 * is not used: the door's is. */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
	const char *data, size_t *size, void **request)
{
	(void)arg, (void)url, (void)method, (void)version;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *c = info ? info->socket_context : NULL;
	if (!c)
		return MHD_NO;
	if (!*request) {
		*request = c;
		return MHD_YES;
	}
	if (*size > 0) {
		/* Content-Length was held against the ceiling at the door. */
		if (buf_add(&c->body, data, *size) == -1)
			return MHD_NO;
		*size = 0;
		return MHD_YES;
	}
	return answer(c);
}

/* --- the door ------------------------------------------------------------------------------------------------- */

/* Answers without the library, as far as one write goes, and drains what came, so that the close is no reset. */
static void
turn_away(struct api *a, int fd, const struct err *err)
{
	struct api_reply reply = API_REPLY_INIT;
	api_reply_problem(&reply, err);
	struct buf head = BUF_INIT(REQUEST_HEAD_MAX);
	(void)buf_printf(&head,
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
		"%sConnection: close\r\n\r\n",
		reply.status, MHD_get_reason_phrase_for((unsigned)reply.status), reply.type, reply.body.len,
		reply.status == 401 ? "WWW-Authenticate: Bearer\r\n" : "");
	(void)buf_add(&head, reply.body.data, reply.body.len);
	(void)send(fd, head.data, head.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	char waste[4096];
	for (int i = 0; i < 32 && recv(fd, waste, sizeof waste, MSG_DONTWAIT) > 0; i++)
		continue;
	count_status(a, reply.status);
	a->figures.turned_away++;
	buf_done(&head);
	buf_done(&reply.body);
}

static void
close_at_door(struct conn *c, const struct err *err)
{
	int fd = c->fd;
	if (err)
		turn_away(c->api, fd, err);
	else
		c->api->figures.turned_away++;
	(void)epoll_ctl(c->api->door_fd, EPOLL_CTL_DEL, fd, NULL);
	conn_free(c);
	(void)close(fd);
}

/* What of so many is kept for those who are more than observers: one at least. */
static size_t
share_of(size_t all)
{
	return (all + RESERVED_SHARE - 1) / RESERVED_SHARE;
}

/* Why a connection of this standing may not come in; 0 when it may. */
static int
check_limits(const struct api *a, enum standing standing, struct err *err)
{
	size_t observers = a->connections_max - a->reserved, strangers = a->connections_max / STRANGERS_SHARE;
	if (standing == STANDING_OBSERVER && a->n_standing[STANDING_OBSERVER] >= observers)
		return err_set(err, ERR_BUSY, "all %zu connections for observers are taken", observers);
	if (standing == STANDING_STRANGER && a->n_standing[STANDING_STRANGER] >= strangers)
		return err_set(err, ERR_BUSY, "all %zu connections for callers not known yet are taken", strangers);
	return 0;
}

/* There may be fewer sessions over TLS than connections: observers leave some of them to others too. */
static int
check_tls_limit(const struct api *a, enum standing standing, struct err *err)
{
	size_t observers = a->tls_max - share_of(a->tls_max);
	if (standing != STANDING_OBSERVER || a->n_tls_observers < observers)
		return 0;
	return err_set(err, ERR_BUSY, "all %zu connections for observers over TLS are taken", observers);
}

/* The same for a connection that is new, and for what its peer holds already. */
static int
check_new(const struct api *a, const struct account *who, struct err *err)
{
	char peer[64];
	if (a->n_connections >= a->connections_max)
		return err_set(err, ERR_BUSY, "all %zu connections are taken", a->connections_max);
	if (check_limits(a, standing_of(who), err) == -1)
		return -1;
	size_t share = a->connections_max - a->connections_max / 4;
	auth_source(who->peer, peer);
	if (peer_holds(a, peer) >= share)
		return err_set(err, ERR_BUSY, "one account may hold %zu connections", share);
	return 0;
}

static const struct conf_rules *
rules_of(const struct api *a)
{
	return state_fleet(a->conf.state)->rules;
}

static int
find_caller(struct conn *c, const struct request_line *line, struct account *who, struct err *err)
{
	struct api *a = c->api;
	char token[REQUEST_TOKEN_MAX + 1];
	int rc;
	if (line->token.len > 0) {
		slice_copy(line->token, token, sizeof token);
		rc = auth_by_token(a->memory, rules_of(a), token, c->who.peer, now_of(a), clock_wall(), who, err);
		token_hash(token, c->credential);
		explicit_bzero(token, sizeof token);
		return rc;
	}
	if (c->fingerprint[0] == '\0')
		return err_set(err, ERR_UNKNOWN_CALLER,
			"who is asking? A client certificate or the header Authorization: Bearer TOKEN tells");
	snprintf(c->credential, sizeof c->credential, "sha256:%s", c->fingerprint);
	return auth_by_cert(a->memory, rules_of(a), c->fingerprint, c->who.peer, now_of(a), clock_wall(), who, err);
}

/* A caller over TLS is known by what stands in the head, at the earliest. */
static int
identify(struct conn *c, const struct request_line *line, struct err *err)
{
	struct api *a = c->api;
	struct account who;
	if (!c->is_tls)
		return 0;
	if (!tls_is_our_name(a->tls, line->host))
		return err_set(err, ERR_PERMISSION, "the Host of a request is a name of the backend's certificate");
	if (find_caller(c, line, &who, err) == -1) {
		/* somebody who shows nothing at all is no news, and costs no record */
		if (line->token.len > 0 || c->fingerprint[0] != '\0')
			note_refusal(a, &c->who, "who is it", err);
		return -1;
	}
	if (check_limits(a, standing_of(&who), err) == -1 || check_tls_limit(a, standing_of(&who), err) == -1)
		return -1;
	a->n_standing[c->standing]--;
	c->who = who;
	c->standing = standing_of(&who);
	a->n_standing[c->standing]++;
	a->n_tls_observers += c->standing == STANDING_OBSERVER;
	return 0;
}

/* The head is good: the library reads it again from the socket and goes on from there. */
static void
hand_over(struct conn *c, const struct request_line *line)
{
	struct api *a = c->api;
	int fd = c->fd;
	(void)epoll_ctl(a->door_fd, EPOLL_CTL_DEL, fd, NULL);
	c->method = xstrndup(line->method.data, line->method.len);
	c->path = xstrndup(line->path.data, line->path.len);
	c->query = xstrndup(line->query.data, line->query.len);
	c->stage = CONN_SERVED;
	c->deadline = mono_add_ms(now_of(a), a->conf.body_ms);
	const struct sockaddr peer = { .sa_family = AF_UNIX };
	/* It owns the descriptor from here on, and has closed it if it says no. */
	if (MHD_add_connection(a->http, fd, &peer, sizeof peer) != MHD_YES && a->by_fd[fd] == c)
		conn_free(c);
}

static void
look_at(struct conn *c, bool is_gone)
{
	char bytes[REQUEST_HEAD_MAX];
	ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_at_door(c, NULL);
		return;
	}
	struct err err = ERR_INIT;
	struct request_line line;
	switch (request_judge((struct slice){ bytes, (size_t)n }, c->is_tls ? REQUEST_TLS : REQUEST_UNIX, &line, &err)) {
	case REQUEST_GOOD:
		if (identify(c, &line, &err) == -1)
			close_at_door(c, &err);
		else
			hand_over(c, &line);
		explicit_bzero(bytes, (size_t)n);
		return;
	case REQUEST_BAD:
		close_at_door(c, &err);
		return;
	case REQUEST_MORE:
		break;
	}
	if (is_gone) {
		close_at_door(c, NULL);
	} else if (++c->pieces > PIECES_MAX) {
		(void)err_set(&err, ERR_USAGE, "the head of a request comes in at most %d pieces", PIECES_MAX);
		close_at_door(c, &err);
	}
}

static void
on_door_ready(void *arg, unsigned events)
{
	(void)events;
	struct api *a = arg;
	struct epoll_event ready[ACCEPTS_A_TURN];
	int n = epoll_wait(a->door_fd, ready, ACCEPTS_A_TURN, 0);
	for (int i = 0; i < n; i++)
		look_at(ready[i].data.ptr, (ready[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
	if (n > 0)
		run_http(a);
}

/* Takes the descriptor; NULL when it was turned away. */
static struct conn *
let_in(struct api *a, int fd, const struct account *who)
{
	struct err err = ERR_INIT;
	if (check_new(a, who, &err) == -1) {
		turn_away(a, fd, &err);
		(void)close(fd);
		return NULL;
	}
	struct conn *c = conn_new(a, fd, who);
	/* Edge-triggered: bytes that lie there and were looked at do not wake us again. */
	struct epoll_event watch = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c };
	if (epoll_ctl(a->door_fd, EPOLL_CTL_ADD, fd, &watch) == 0)
		return c;
	conn_free(c);
	(void)close(fd);
	return NULL;
}

static void
admit(struct api *a, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	struct account who;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1) {
		(void)close(fd);
		return;
	}
	auth_by_uid(rules_of(a), (int64_t)peer.uid, (int64_t)geteuid(), clock_wall(), &who);
	auth_note_uid(a->memory, (int64_t)peer.uid, clock_wall());
	(void)let_in(a, fd, &who);
}

/* From tls.c: a session whose handshake is done. */
static void
admit_tls(void *arg, int fd, const struct tls_peer *peer)
{
	struct api *a = arg;
	struct account who = { .method = AUTH_NOBODY };
	snprintf(who.peer, sizeof who.peer, "%s", peer->address);
	struct conn *c = let_in(a, fd, &who);
	if (!c)
		return;
	c->is_tls = true;
	snprintf(c->fingerprint, sizeof c->fingerprint, "%s", peer->fingerprint);
}

/* From tls.c: a certificate that does not verify stands in the audit log like any other refusal. */
static void
note_bad_certificate(void *arg, const struct tls_peer *peer)
{
	struct account who = { .method = AUTH_CERT };
	struct err err = ERR_INIT;
	snprintf(who.peer, sizeof who.peer, "%s", peer->address);
	(void)err_set(&err, ERR_UNKNOWN_CALLER, "the client certificate does not verify");
	note_refusal(arg, &who, "handshake", &err);
}

static void
on_accept_timer(void *arg)
{
	struct api *a = arg;
	loop_io_set(a->listen_io, LOOP_READ);
}

static void
on_listen_ready(void *arg, unsigned events)
{
	(void)events;
	struct api *a = arg;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(a->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(a, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			/* The waiting client would wake us at once, again and again: look the other way for a moment. */
			loop_io_set(a->listen_io, 0);
			loop_timer_set(a->accept_timer, ACCEPT_PAUSE_MS, 0);
		}
		return;
	}
}

/* --- time ----------------------------------------------------------------------------------------------------- */

static void
on_sweep(void *arg)
{
	struct api *a = arg;
	struct mono now = now_of(a);
	bool is_cut = false;
	for (struct conn *c = LIST_FIRST(&a->all), *next; c; c = next) {
		next = LIST_NEXT(c, all);
		bool is_over = mono_is_set(c->deadline) && mono_before(c->deadline, now);
		/* A stream that is not suspended waits for its reader: after two heartbeats the reader is given up. */
		bool is_stuck = c->stage == CONN_STREAM && !c->is_suspended &&
			mono_ms_since(now, c->last_read) > 2 * a->conf.heartbeat_ms;
		if (!is_over && !is_stuck)
			continue;
		if (c->stage == CONN_DOOR) {
			close_at_door(c, NULL);
			continue;
		}
		/* The library notices the end of the socket and lets go of it. */
		(void)shutdown(c->fd, SHUT_RDWR);
		c->deadline = (struct mono){ 0 };
		a->figures.turned_away++;
		is_cut = true;
	}
	if (is_cut)
		run_http(a);
}

static bool
is_granted(const struct conn *c)
{
	struct wall wall = clock_wall();
	if (auth_check(&c->who, AUTH_SEE, wall, NULL) == -1)
		return false;
	return !c->is_tls ||
		auth_again(c->api->memory, rules_of(c->api), c->who.method, c->credential, wall, NULL) == 0;
}

/* A token that was taken out of the file, or has ended, ends the streams that it opened. */
static void
on_recheck(void *arg)
{
	struct api *a = arg;
	struct conn *c;
	bool is_cut = false;
	TAILQ_FOREACH(c, &a->streams, streams) {
		if (c->is_revoked || is_granted(c))
			continue;
		c->is_revoked = true;
		(void)shutdown(c->fd, SHUT_RDWR);
		resume(c); /* a suspended one would not notice */
		a->figures.turned_away++;
		is_cut = true;
	}
	if (is_cut)
		run_http(a);
}

static void
on_due(void *arg)
{
	struct api *a = arg;
	if (a->is_flush_armed)
		return;
	a->is_flush_armed = true;
	loop_timer_set(a->flush_timer, a->conf.coalesce_ms, 0);
}

static void
on_flush(void *arg)
{
	struct api *a = arg;
	a->is_flush_armed = false;
	if (feed_flush_changes(a->feed, a->n_streams > 0, now_of(a)))
		wake_streams(a);
}

static void
on_seen(void *arg)
{
	struct api *a = arg;
	if (feed_flush_seen(a->feed, a->n_streams > 0, now_of(a)))
		wake_streams(a);
}

static void
on_heartbeat(void *arg)
{
	struct api *a = arg;
	if (a->n_streams > 0 && feed_heartbeat(a->feed, now_of(a)))
		wake_streams(a);
}

/* --- the socket ----------------------------------------------------------------------------------------------- */

/* Who can reach the socket is decided by its folder: 0750 at most, and nobody else's. */
static int
check_folder(const char *path, struct err *err)
{
	char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	int rc = -1;
	struct stat st;
	if (slash)
		slash[slash == folder ? 1 : 0] = '\0';
	const char *name = slash ? folder : ".";
	if (stat(name, &st) == -1)
		(void)err_set(err, ERR_USAGE, "the folder %s of the API socket: %s", name, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		(void)err_set(err, ERR_USAGE, "%s is no folder, so no socket can stand in it", name);
	else if ((st.st_mode & 027) != 0)
		(void)err_set(err, ERR_USAGE, "the folder %s of the API socket has mode %04o, allowed is 0750 or less", name,
			(unsigned)st.st_mode & 07777);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		(void)err_set(err, ERR_USAGE, "the folder %s of the API socket belongs to uid %u, not to us or root", name,
			(unsigned)st.st_uid);
	else
		rc = 0;
	free(folder);
	return rc;
}

/* Removes a socket that a backend left behind when it was killed; one that answers is another backend's. */
static int
remove_stale(const struct sockaddr_un *address, struct err *err)
{
	struct stat st;
	if (lstat(address->sun_path, &st) == -1) {
		return errno == ENOENT ? 0 : err_set(err, ERR_USAGE, "%s: %s", address->sun_path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_USAGE, "%s exists and is no socket: it is left alone", address->sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return err_set(err, ERR_FAILED, "no socket: %s", strerror(errno));
	int rc = connect(fd, (const struct sockaddr *)address, sizeof *address);
	int reason = errno;
	(void)close(fd);
	/* EAGAIN: its queue is full, so somebody listens. */
	if (rc == 0 || reason == EAGAIN)
		return err_set(err, ERR_CONFLICT, "another backend answers on %s", address->sun_path);
	if (reason != ECONNREFUSED)
		return err_set(err, ERR_USAGE, "%s: %s", address->sun_path, strerror(reason));
	if (unlink(address->sun_path) == -1)
		return err_set(err, ERR_USAGE, "%s cannot be removed: %s", address->sun_path, strerror(errno));
	return 0;
}

static int
open_socket(struct api *a, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(a->socket_path);
	if (len == 0 || len >= sizeof address.sun_path) {
		return err_set(err, ERR_USAGE, "the path of a unix socket has 1 to %zu bytes, this one has %zu",
			sizeof address.sun_path - 1, len);
	}
	memcpy(address.sun_path, a->socket_path, len + 1);
	if (check_folder(a->socket_path, err) == -1 || remove_stale(&address, err) == -1)
		return -1;
	a->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->listen_fd == -1)
		return err_set(err, ERR_FAILED, "no socket: %s", strerror(errno));
	if (bind(a->listen_fd, (const struct sockaddr *)&address, sizeof address) == -1) {
		(void)close(a->listen_fd);
		a->listen_fd = -1;
		return err_set(err, ERR_USAGE, "%s: %s", a->socket_path, strerror(errno));
	}
	/* Nobody can connect before listen, so the mode is right from the first moment on. */
	if (chmod(a->socket_path, 0660) == -1 || listen(a->listen_fd, 512) == -1)
		return err_set(err, ERR_FAILED, "%s: %s", a->socket_path, strerror(errno));
	return 0;
}

static int
open_http(struct api *a, struct err *err)
{
	a->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
		on_request, a, MHD_OPTION_NOTIFY_CONNECTION, on_connection, a, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)a->connections_max + 16, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!a->http)
		return err_set(err, ERR_FAILED, "the HTTP library does not start: %s", strerror(errno));
	a->door_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->door_fd == -1)
		return err_set(err, ERR_FAILED, "no epoll descriptor: %s", strerror(errno));
	return 0;
}

static struct tls_files
files_of(const struct api *a)
{
	const struct conf_rules *rules = rules_of(a);
	if (!rules)
		return (struct tls_files){ 0 };
	return (struct tls_files){ .cert = rules->tls.cert, .key = rules->tls.key, .client_ca = rules->tls.client_ca,
		.client_crl = rules->tls.client_crl };
}

static int
open_tls(struct api *a, struct err *err)
{
	const struct tls_conf conf = {
		.addresses = a->conf.tcp,
		.n_addresses = a->conf.n_tcp,
		.files = files_of(a),
		.sessions_max = a->tls_max,
		.handshake_ms = a->conf.handshake_ms,
		.take = admit_tls,
		.refused = note_bad_certificate,
		.arg = a,
	};
	if (conf.n_addresses == 0)
		return 0;
	if (!conf.files.cert)
		return err_set(err, ERR_USAGE, "--listen %s needs `tls: {cert: FILE, key: FILE}` in the fleet file",
			conf.addresses[0]);
	a->tls = tls_new(a->loop, &conf, err);
	return a->tls ? 0 : -1;
}

/* --- what is about to end --------------------------------------------------------------------------------------- */

static void
tell_expiry(struct api *a, const char *what, struct wall ends, struct wall now)
{
	char text[200];
	expiry_text(what, ends, now, text, sizeof text);
	if (text[0])
		state_tell(a->conf.state, "access", VERDICT_DEGRADED, now, "%s", text);
}

/* Each warning once, for each file that was loaded. */
static void
look_at_expiry_of_files(struct api *a, struct wall now)
{
	struct wall cert = tls_expires(a->tls), crl = tls_crl_expires(a->tls);
	enum expiry_stage stage = expiry_stage(cert, now);
	if (stage > a->cert_told)
		tell_expiry(a, "the TLS certificate of the API", cert, now);
	a->cert_told = stage;
	stage = expiry_stage(crl, now);
	/* such a list lives for days by design: the last day is what counts */
	if (stage > a->crl_told && stage == EXPIRY_DAY)
		tell_expiry(a, "the list of revoked client certificates", crl, now);
	if (stage > a->crl_told && stage == EXPIRY_OVER)
		tell_expiry(a, "no client certificate is taken any more: their list of revocations", crl, now);
	a->crl_told = stage;
}

/* Grants have no place to remember what was told: what counts is whether a stage began since the last look. What ended
 * before the first look is old news. */
static void
look_at_expiry_of_grants(struct api *a, struct wall now)
{
	const struct conf_rules *rules = rules_of(a);
	for (size_t i = 0; rules && i < rules->n_access; i++) {
		const struct conf_access *row = &rules->access[i];
		char what[160];
		enum expiry_stage was = expiry_stage(row->expires, a->expiry_looked), is = expiry_stage(row->expires, now);
		bool is_first = a->expiry_looked.ns == 0;
		if (is <= was || (is_first && is == EXPIRY_OVER))
			continue;
		snprintf(what, sizeof what, "the grant of %s (%s)", row->user ? row->user : row->token, conf_role_name(row->role));
		tell_expiry(a, what, row->expires, now);
	}
	a->expiry_looked = now;
}

static void
on_expiry(void *arg)
{
	struct api *a = arg;
	struct wall now = clock_wall();
	if (a->tls)
		look_at_expiry_of_files(a, now);
	look_at_expiry_of_grants(a, now);
}

int
api_reload(struct api *a, struct err *err)
{
	const struct tls_files files = files_of(a);
	if (!a->tls)
		return 0;
	if (!files.cert)
		return err_set(err, ERR_USAGE, "the fleet file has no `tls` any more: the certificate that was read before is kept");
	if (tls_reload(a->tls, &files, err) == -1)
		return -1;
	a->cert_told = a->crl_told = EXPIRY_FAR;
	on_expiry(a);
	return 0;
}

unsigned
api_port(const struct api *a, size_t i)
{
	return a->tls ? tls_port(a->tls, i) : 0;
}

/* --- begin and end -------------------------------------------------------------------------------------------- */

static void
set_defaults(struct api *a)
{
	struct {
		int64_t *value, otherwise;
	} intervals[] = {
		{ &a->conf.head_ms, HEAD_MS },
		{ &a->conf.body_ms, BODY_MS },
		{ &a->conf.reply_ms, REPLY_MS },
		{ &a->conf.heartbeat_ms, HEARTBEAT_MS },
		{ &a->conf.coalesce_ms, COALESCE_MS },
		{ &a->conf.recheck_ms, RECHECK_MS },
	};
	for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
		if (*intervals[i].value <= 0)
			*intervals[i].value = intervals[i].otherwise;
	}
	struct rlimit files = { .rlim_cur = 1024 };
	size_t max = CONNECTIONS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < max)
		max = files.rlim_cur / 2;
	if (a->conf.connections_max > 0)
		max = a->conf.connections_max;
	a->connections_max = max;
	a->reserved = share_of(max);
	/* a session over TLS costs three descriptors */
	a->tls_max = files.rlim_cur / 8 < max ? files.rlim_cur / 8 : max;
}

static int64_t
sweep_ms(const struct api *a)
{
	int64_t least = a->conf.head_ms < a->conf.body_ms ? a->conf.head_ms : a->conf.body_ms;
	if (a->conf.heartbeat_ms < least)
		least = a->conf.heartbeat_ms;
	return least / 5 < 10 ? 10 : least / 5 > 1000 ? 1000 : least / 5;
}

static void
arm(struct api *a)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(a->http, MHD_DAEMON_INFO_EPOLL_FD);
	a->http_io = loop_io_add(a->loop, info->epoll_fd, LOOP_READ, on_http_ready, a);
	a->door_io = loop_io_add(a->loop, a->door_fd, LOOP_READ, on_door_ready, a);
	a->listen_io = loop_io_add(a->loop, a->listen_fd, LOOP_READ, on_listen_ready, a);
	a->http_timer = loop_timer_add(a->loop, 0, 0, on_http_timer, a);
	a->flush_timer = loop_timer_add(a->loop, a->conf.coalesce_ms, 0, on_flush, a);
	a->accept_timer = loop_timer_add(a->loop, ACCEPT_PAUSE_MS, 0, on_accept_timer, a);
	loop_timer_stop(a->flush_timer);
	loop_timer_stop(a->accept_timer);
	a->wake_timer = loop_timer_add(a->loop, 0, 0, wake_slice, a);
	loop_timer_stop(a->wake_timer);
	a->sweep_timer = loop_timer_add(a->loop, sweep_ms(a), sweep_ms(a), on_sweep, a);
	a->recheck_timer = loop_timer_add(a->loop, a->conf.recheck_ms, a->conf.recheck_ms, on_recheck, a);
	a->expiry_timer = loop_timer_add(a->loop, 0, EXPIRY_MS, on_expiry, a);
	a->seen_timer = loop_timer_add(a->loop, SEEN_MS, SEEN_MS, on_seen, a);
	a->heartbeat_timer = loop_timer_add(a->loop, a->conf.heartbeat_ms, a->conf.heartbeat_ms, on_heartbeat, a);
}

static bool
write_operation(void *arg, const char *id, struct json_writer *w)
{
	const struct api *a = arg;
	const struct operation *op = a->conf.engine ? engine_find(a->conf.engine, id) : NULL;
	if (op)
		operation_write_json(op, false, w);
	return op != NULL;
}

void
api_tell_operation(struct api *a, const char *id)
{
	feed_tell_operation(a->feed, id);
}

struct api *
api_new(struct loop *l, const struct api_conf *conf, struct err *err)
{
	struct api *a = xcalloc(1, sizeof *a);
	a->conf = *conf;
	a->loop = l;
	a->socket_path = xstrdup(conf->socket_path);
	a->listen_fd = -1;
	a->door_fd = -1;
	LIST_INIT(&a->all);
	TAILQ_INIT(&a->streams);
	set_defaults(a);
	a->memory = auth_memory_new();
	a->sittings = sittings_new();
	if (open_http(a, err) == -1 || open_socket(a, err) == -1 || open_tls(a, err) == -1) {
		err_wrap(err, "the API");
		api_free(a);
		return NULL;
	}
	a->feed = feed_new(conf->state);
	feed_on_due(a->feed, on_due, a);
	feed_set_operations(a->feed, write_operation, a);
	arm(a);
	return a;
}

static void
disarm(struct api *a)
{
	loop_io_del(a->listen_io);
	loop_io_del(a->door_io);
	loop_io_del(a->http_io);
	loop_timer_del(a->http_timer);
	loop_timer_del(a->sweep_timer);
	loop_timer_del(a->recheck_timer);
	loop_timer_del(a->expiry_timer);
	loop_timer_del(a->flush_timer);
	loop_timer_del(a->seen_timer);
	loop_timer_del(a->heartbeat_timer);
	loop_timer_del(a->accept_timer);
	loop_timer_del(a->wake_timer);
}

/* Ends what is open: streams by their last chunk, answers if their readers take them now, the rest by force. */
static void
end_connections(struct api *a)
{
	struct conn *c, *next;
	for (c = LIST_FIRST(&a->all); c; c = next) {
		next = LIST_NEXT(c, all);
		if (c->stage == CONN_DOOR)
			close_at_door(c, NULL);
	}
	a->is_ending = true;
	TAILQ_FOREACH(c, &a->streams, streams)
		resume(c);
	for (int i = 0; i < 16 && !LIST_EMPTY(&a->all); i++)
		(void)MHD_run(a->http);
	LIST_FOREACH(c, &a->all, all)
		(void)shutdown(c->fd, SHUT_RDWR);
	for (int i = 0; i < 16 && !LIST_EMPTY(&a->all); i++)
		(void)MHD_run(a->http);
}

void
api_free(struct api *a)
{
	if (!a)
		return;
	disarm(a);
	if (a->http) {
		end_connections(a);
		drop_shared(a);
		MHD_stop_daemon(a->http);
	}
	tls_free(a->tls);
	auth_memory_free(a->memory);
	sittings_free(a->sittings);
	if (a->listen_fd != -1) {
		(void)unlink(a->socket_path);
		(void)close(a->listen_fd);
	}
	if (a->door_fd != -1)
		(void)close(a->door_fd);
	feed_free(a->feed);
	free(a->by_fd);
	free(a->peers);
	free(a->socket_path);
	free(a);
}

size_t
api_streams(const struct api *a)
{
	return a->n_streams;
}

size_t
api_connections(const struct api *a)
{
	return a->n_connections;
}
