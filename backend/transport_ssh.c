/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands on nodes over kept SSH sessions: libssh2 without blocking, on our loop. The only file that includes libssh2.
 * A session costs a node and us 30 times a poll, so it is kept and reused; one exec carries a whole request (batch.c).
 *
 * A lane is one node: its session, the job under way, the jobs that wait, its back-off. Its state machine is stepped
 * whenever its socket or its timer fires:
 *
 *	IDLE -> WAITING (for one of the handshake slots) -> CONNECTING -> HANDSHAKE -> AUTH -> READY
 *	READY -> OPENING -> STARTING -> READING -> (ENDING ->) CLOSING -> READY
 *
 * libssh2's rules: after EAGAIN the same call again, and one call at a time a session. A job is answered when its last
 * trailer is there, before the channel is closed; without trailers the channel's end is awaited, because only then the
 * signal that killed the command is known. When a deadline passes the socket is shut first and then the session freed
 * through callbacks that fail at once (left alone libssh2 1.10 waits in read, close and free, each for its own time).
 *
 * The host key is compared with the pins before any authentication; the algorithm lists are short and ours. A slot is
 * given back after PATIENCE_MS by a node that says nothing at all: dead nodes must not hold up the others.
 * What it does not do: agents and passphrases (libssh2's agent calls block), RSA keys, certificates, jump hosts: those
 * are transport_openssh.c's, to which transport.c turns on ERR_KEX.
 */
#include "backend/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "backend/backoff.h"
#include "backend/batch.h"
#include "backend/job.h"
#include "backend/key_file.h"
#include "backend/known_hosts.h"
#include "backend/ssh_tap.h"
#include "core/text.h"

#define PATIENCE_MS       300   /* a node that has said nothing for so long gives its slot back */
#define SILENT_MAX        512   /* such nodes at once */
#define CLOSE_MS          2000  /* for a channel to close after its job was answered */
#define KEEPALIVE_MS      30000 /* idle sessions */
#define USER_TIMEOUT_MS   20000 /* unacknowledged bytes: the kernel gives the connection up */
#define READ_CHUNK        32768
#define READS_PER_STEP    16    /* then other nodes have their turn */

enum lane_state {
	LANE_IDLE,
	LANE_WAITING,
	LANE_CONNECTING,
	LANE_HANDSHAKE,
	LANE_AUTH,
	LANE_READY,
	LANE_OPENING,
	LANE_STARTING,
	LANE_READING,
	LANE_ENDING,
	LANE_CLOSING,
};

/* Words for "no answer within the deadline (...)". */
static const char *const phases[] = {
	[LANE_IDLE] = "queue",
	[LANE_WAITING] = "queue for a handshake",
	[LANE_CONNECTING] = "connect",
	[LANE_HANDSHAKE] = "key exchange",
	[LANE_AUTH] = "authentication",
	[LANE_READY] = "queue",
	[LANE_OPENING] = "command",
	[LANE_STARTING] = "command",
	[LANE_READING] = "command",
	[LANE_ENDING] = "command",
	[LANE_CLOSING] = "queue",
};

enum ssh_step {
	STEP_WAIT, /* for the socket or the timer */
	STEP_ON,   /* the state changed: step again */
};

enum slot { SLOT_NONE, SLOT_HELD, SLOT_SILENT };

struct lane {
	UT_hash_handle hh;
	char name[FLEET_NAME_MAX]; /* of the node: the key */
	struct ssh *ssh;
	struct endpoint *ep, *next_ep; /* next_ep: configuration that takes effect with the next job */
	struct backoff backoff;
	struct job_queue jobs;
	struct job *job; /* under way */
	struct batch *batch;
	enum lane_state state;
	enum slot slot;
	bool is_fresh;     /* the session was made for this job */
	bool is_cut;       /* libssh2 must not touch the socket any more */
	bool is_forgotten; /* ends when its jobs are done */
	bool is_outdated;  /* the session must not serve another job */
	bool wants_turn;   /* more is buffered than one step takes */
	int fd;
	unsigned events;
	struct loop_io *io;
	struct loop_timer *timer;
	LIBSSH2_SESSION *session;
	void *state_block; /* its own struct, mapped */
	size_t state_size;
	struct block *blocks; /* what it allocated since */
	LIBSSH2_CHANNEL *channel; /* in READY the closed channel of the job before, to read keepalives through */
	struct host_pins *pins;
	struct ssh_tap *tap; /* until the key exchange is over */
	struct err tap_err;
	unsigned offered_types; /* HOST_KEY_* bits that we asked the node for */
	struct mono state_since, used;
	struct lane *next_waiting;
};

/* A known_hosts file, read again when it changed. */
struct pin_file {
	UT_hash_handle hh;
	char *path;
	struct stat stat;
	struct known_hosts *hosts;
};

struct ssh {
	struct transport base;
	struct loop *loop;
	struct transport_limits limits;
	struct lane *lanes; /* by node name */
	struct pin_file *pin_files;
	size_t slots, silent;
	struct lane *waiting, **waiting_tail; /* for a slot */
	char user[64];
	bool is_ending;
};

/* The lists of SAFETY.md C6: short, and only what libssh2 1.10 and OpenSSH both have. */
static const struct ssh_offer offer = {
	.kex = "curve25519-sha256,curve25519-sha256@libssh.org",
	.cipher = "aes256-ctr,aes128-ctr",
	.mac = "hmac-sha2-256,hmac-sha2-512",
};
#define USABLE_TYPES (HOST_KEY_ED25519 | HOST_KEY_ECDSA_256 | HOST_KEY_ECDSA_384 | HOST_KEY_ECDSA_521)

static void lane_run(struct lane *n);

/* --- what libssh2 calls --- */

/* What a session has allocated, in a ring: libssh2 1.10 loses the keys of a key exchange that is broken off, so what is
 * left when a session ends is freed here. */
struct block {
	struct block *next, *prev;
	_Alignas(max_align_t) char data[];
};

static struct block *
block_of(void *p)
{
	return (struct block *)((char *)p - offsetof(struct block, data));
}

static void
link_block(struct lane *n, struct block *b)
{
	b->next = n->blocks;
	b->prev = NULL;
	if (b->next)
		b->next->prev = b;
	n->blocks = b;
}

static void
unlink_block(struct lane *n, struct block *b)
{
	if (b->prev)
		b->prev->next = b->next;
	else
		n->blocks = b->next;
	if (b->next)
		b->next->prev = b->prev;
}

static void *
on_alloc(size_t size, void **abstract)
{
	struct lane *n = *abstract;
	if (!n->state_block) { /* the first one is the session's own struct, 55 KiB of buffers in libssh2 1.10 */
		n->state_size = size;
		n->state_block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (n->state_block == MAP_FAILED)
			abort();
		return n->state_block;
	}
	struct block *b = xmalloc(sizeof *b + size);
	link_block(n, b);
	return b->data;
}

static void
on_free(void *p, void **abstract)
{
	struct lane *n = *abstract;
	if (!p || p == n->state_block) /* that one goes with free_blocks */
		return;
	struct block *b = block_of(p);
	unlink_block(n, b);
	free(b);
}

/* Gives pages of the session's buffers back that hold nothing but zeros: they read as zeros again when they are needed.
 * Only the beginnings of those buffers are used by polls, which saves half of a session's memory. */
static void
trim_session(const struct lane *n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t at = 0; at + page <= n->state_size; at += page) {
		char *p = (char *)n->state_block + at;
		if (p[0] == 0 && memcmp(p, p + 1, page - 1) == 0)
			madvise(p, page, MADV_DONTNEED);
	}
}

static void *
on_realloc(void *p, size_t size, void **abstract)
{
	if (!p)
		return on_alloc(size, abstract);
	struct block *b = block_of(p);
	unlink_block(*abstract, b);
	b = xrealloc(b, sizeof *b + size);
	link_block(*abstract, b);
	return b->data;
}

static void
free_blocks(struct lane *n)
{
	while (n->blocks) {
		struct block *b = n->blocks;
		n->blocks = b->next;
		free(b);
	}
	if (n->state_block)
		munmap(n->state_block, n->state_size);
	n->state_block = NULL;
}

static ssize_t
on_recv(libssh2_socket_t fd, void *buffer, size_t length, int flags, void **abstract)
{
	struct lane *n = *abstract;
	if (n->is_cut)
		return -EPIPE;
	ssize_t got = recv(fd, buffer, length, flags);
	if (got == -1)
		return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (got > 0 && n->tap && n->tap->phase != SSH_TAP_DONE && ssh_tap_feed(n->tap, buffer, (size_t)got, &n->tap_err) == -1) {
		n->is_cut = true;
		return -EPROTO;
	}
	return got;
}

static ssize_t
on_send(libssh2_socket_t fd, const void *buffer, size_t length, int flags, void **abstract)
{
	const struct lane *n = *abstract;
	if (n->is_cut)
		return -EPIPE;
	ssize_t sent = send(fd, buffer, length, flags | MSG_NOSIGNAL);
	if (sent == -1)
		return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return sent;
}

/* --- slots --- */

static void
wake(struct lane *n)
{
	loop_timer_set(n->timer, 0, 0);
}

static void
release_slot(struct lane *n)
{
	struct ssh *s = n->ssh;
	if (n->slot == SLOT_SILENT)
		s->silent--;
	if (n->slot == SLOT_HELD)
		s->slots--;
	n->slot = SLOT_NONE;
	if (s->slots < s->limits.handshakes_max && s->waiting)
		wake(s->waiting);
}

static void
leave_queue(struct lane *n)
{
	struct ssh *s = n->ssh;
	struct lane **p = &s->waiting;
	while (*p && *p != n)
		p = &(*p)->next_waiting;
	if (!*p)
		return;
	*p = n->next_waiting;
	if (s->waiting_tail == &n->next_waiting)
		s->waiting_tail = p;
	n->next_waiting = NULL;
	if (s->slots < s->limits.handshakes_max && s->waiting)
		wake(s->waiting);
}

static void
enter(struct lane *n, enum lane_state state)
{
	n->state = state;
	n->state_since = loop_now(n->ssh->loop);
}

/* --- ending sessions --- */

static void
set_events(struct lane *n, unsigned events)
{
	if (n->io && n->events != events)
		loop_io_set(n->io, events);
	n->events = events;
}

/* Shuts the socket, then frees: libssh2 then meets errors at once instead of waiting for the node. */
static void
drop_session(struct lane *n)
{
	n->is_cut = true;
	if (n->fd != -1)
		shutdown(n->fd, SHUT_RDWR);
	loop_io_del(n->io);
	n->io = NULL;
	n->events = 0;
	for (int i = 0; n->session && i < 16; i++)
		if (libssh2_session_free(n->session) != LIBSSH2_ERROR_EAGAIN)
			break;
	free_blocks(n);
	n->session = NULL;
	n->channel = NULL;
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
	n->is_cut = false;
	host_pins_free(n->pins);
	n->pins = NULL;
	if (n->tap)
		ssh_tap_done(n->tap);
	free(n->tap);
	n->tap = NULL;
	leave_queue(n);
	release_slot(n);
	enter(n, LANE_IDLE);
}

static void
finish_job(struct lane *n, const struct reply *reply, const struct err *err)
{
	struct job *job = n->job;
	struct batch *batch = n->batch;
	n->job = NULL;
	n->batch = NULL;
	job_answer(job, reply, err);
	batch_free(batch);
}

/* The job under way fails and the session with it. */
static enum ssh_step
fail(struct lane *n, const struct err *why)
{
	struct err err = *why;
	char where[160];
	bool is_connecting = n->state <= LANE_AUTH;
	endpoint_name(n->ep, where, sizeof where);
	err_wrap(&err, "ssh %s", where);
	drop_session(n);
	if (is_connecting)
		backoff_failed(&n->backoff, &err, loop_now(n->ssh->loop), arc4random());
	if (n->job)
		finish_job(n, NULL, &err);
	return STEP_ON;
}

static enum ssh_step __attribute__((format(printf, 3, 4)))
fail_with(struct lane *n, enum err_code code, const char *format, ...)
{
	struct err err = { .code = code };
	va_list args;
	va_start(args, format);
	vsnprintf(err.text, sizeof err.text, format, args);
	va_end(args);
	return fail(n, &err);
}

static void
last_text(const struct lane *n, char *out, size_t size)
{
	char *text = NULL;
	int len = 0;
	libssh2_session_last_error(n->session, &text, &len, 0);
	text_sanitise_to((struct slice){ text ? text : "", text ? (size_t)len : 0 }, out, size);
}

static bool
is_lost(int rc)
{
	return rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_SOCKET_SEND ||
		rc == LIBSSH2_ERROR_SOCKET_TIMEOUT || rc == LIBSSH2_ERROR_BAD_SOCKET || rc == LIBSSH2_ERROR_SOCKET_NONE;
}

/* --- connecting --- */

static int
errno_to_err(int e, struct err *err)
{
	switch (e) {
	case ECONNREFUSED:
		return err_set(err, ERR_CONN_REFUSED, "connection refused: nothing listens on this port");
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EACCES:
	case EPERM:
		return err_set(err, ERR_NO_ROUTE, "connect: %s", strerror(e));
	case ETIMEDOUT:
		return err_set(err, ERR_TIMEOUT, "no answer to the connection attempt (connect)");
	default:
		return err_set(err, ERR_CONN_LOST, "connect: %s", strerror(e));
	}
}

static void
tune_socket(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 15 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 5 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS },
	};
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof options[i].value);
}

static int
open_socket(struct lane *n, struct err *err)
{
	char port[8];
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *info = NULL;
	if (n->ep->resolved[0] == '\0')
		return err_set(err, ERR_NO_ROUTE, "the name did not resolve to an address");
	snprintf(port, sizeof port, "%u", n->ep->port);
	if (getaddrinfo(n->ep->resolved, port, &hints, &info) != 0)
		return err_set(err, ERR_NO_ROUTE, "%s is no literal address", n->ep->resolved);
	int rc = 0;
	n->fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->fd == -1) {
		rc = err_set(err, ERR_FAILED, "socket: %s", strerror(errno));
	} else {
		tune_socket(n->fd);
		if (connect(n->fd, info->ai_addr, info->ai_addrlen) == -1 && errno != EINPROGRESS)
			rc = errno_to_err(errno, err);
	}
	freeaddrinfo(info);
	return rc;
}

static struct known_hosts *
load_pins(struct ssh *s, const char *path, struct err *err)
{
	struct stat st;
	struct pin_file *f;
	HASH_FIND_STR(s->pin_files, path, f);
	if (stat(path, &st) == -1) {
		err_set(err, ERR_HOST_KEY, "known_hosts file %s: %s", path, strerror(errno));
		return NULL;
	}
	if (f && f->hosts && f->stat.st_mtim.tv_sec == st.st_mtim.tv_sec && f->stat.st_mtim.tv_nsec == st.st_mtim.tv_nsec &&
		f->stat.st_size == st.st_size && f->stat.st_ino == st.st_ino)
		return f->hosts;
	if (!f) {
		f = xcalloc(1, sizeof *f);
		f->path = xstrdup(path);
		HASH_ADD_KEYPTR(hh, s->pin_files, f->path, strlen(f->path), f);
	}
	known_hosts_free(f->hosts);
	f->stat = st;
	f->hosts = known_hosts_load(path, err);
	if (!f->hosts)
		err->code = ERR_HOST_KEY;
	return f->hosts;
}

/* Looks up by the name as written, then by its address. */
static int
find_pins(struct lane *n, struct err *err)
{
	if (!n->ep->known_hosts)
		return err_set(err, ERR_HOST_KEY, "no known_hosts file is configured, so no host key can be checked");
	struct known_hosts *hosts = load_pins(n->ssh, n->ep->known_hosts, err);
	if (!hosts)
		return -1;
	n->pins = known_hosts_find(hosts, n->ep->address, n->ep->port);
	if (host_pins_types(n->pins) == 0 && strcmp(n->ep->address, n->ep->resolved) != 0) {
		host_pins_free(n->pins);
		n->pins = known_hosts_find(hosts, n->ep->resolved, n->ep->port);
	}
	unsigned types = host_pins_types(n->pins);
	if (types != 0 && (types & USABLE_TYPES) == 0)
		return err_set(err, ERR_KEX, "only an RSA host key is pinned, which libssh2 %s cannot check with SHA-2", LIBSSH2_VERSION);
	n->offered_types = types ? types & USABLE_TYPES : USABLE_TYPES;
	return 0;
}

static void
list_host_keys(unsigned types, char *out, size_t size)
{
	static const enum host_key_type order[] = { HOST_KEY_ED25519, HOST_KEY_ECDSA_256, HOST_KEY_ECDSA_384, HOST_KEY_ECDSA_521 };
	out[0] = '\0';
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		size_t len = strlen(out);
		if (types & order[i])
			snprintf(out + len, size - len, "%s%s", len ? "," : "", host_key_type_name(order[i]));
	}
}

static int
set_methods(LIBSSH2_SESSION *session, unsigned types, struct err *err)
{
	char host_keys[128];
	list_host_keys(types, host_keys, sizeof host_keys);
	const struct {
		int method;
		const char *list;
	} rows[] = {
		{ LIBSSH2_METHOD_KEX, offer.kex },
		{ LIBSSH2_METHOD_HOSTKEY, host_keys },
		{ LIBSSH2_METHOD_CRYPT_CS, offer.cipher },
		{ LIBSSH2_METHOD_CRYPT_SC, offer.cipher },
		{ LIBSSH2_METHOD_MAC_CS, offer.mac },
		{ LIBSSH2_METHOD_MAC_SC, offer.mac },
		{ LIBSSH2_METHOD_COMP_CS, "none" },
		{ LIBSSH2_METHOD_COMP_SC, "none" },
	};
	/* an unknown name leaves libssh2's old defaults in place, with arcfour and SHA-1: never go on then */
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (libssh2_session_method_pref(session, rows[i].method, rows[i].list) != 0)
			return err_set(err, ERR_FAILED, "libssh2 %s does not know %s", libssh2_version(0), rows[i].list);
	return 0;
}

static int
make_session(struct lane *n, struct err *err)
{
	n->session = libssh2_session_init_ex(on_alloc, on_free, on_realloc, n);
	if (!n->session)
		return err_set(err, ERR_FAILED, "libssh2 could not make a session");
	libssh2_session_set_blocking(n->session, 0);
	libssh2_session_callback_set(n->session, LIBSSH2_CALLBACK_RECV, (void *)on_recv);
	libssh2_session_callback_set(n->session, LIBSSH2_CALLBACK_SEND, (void *)on_send);
	libssh2_keepalive_config(n->session, 1, 2);
	n->tap = xmalloc(sizeof *n->tap);
	ssh_tap_init(n->tap);
	err_clear(&n->tap_err);
	return set_methods(n->session, n->offered_types, err);
}

static void
on_io(void *arg, unsigned events)
{
	(void)events;
	lane_run(arg);
}

static enum ssh_step
step_idle(struct lane *n)
{
	struct err err;
	if (n->next_ep) {
		drop_session(n);
		endpoint_free(n->ep);
		n->ep = n->next_ep;
		n->next_ep = NULL;
		n->is_outdated = false;
		backoff_succeeded(&n->backoff);
	}
	if (!backoff_may_try(&n->backoff, loop_now(n->ssh->loop), &err)) {
		finish_job(n, NULL, &err);
		return STEP_ON;
	}
	enter(n, LANE_WAITING);
	*n->ssh->waiting_tail = n;
	n->ssh->waiting_tail = &n->next_waiting;
	return STEP_ON;
}

static enum ssh_step
step_waiting(struct lane *n)
{
	struct err err = ERR_INIT;
	struct ssh *s = n->ssh;
	if (s->slots >= s->limits.handshakes_max || s->waiting != n)
		return STEP_WAIT;
	s->slots++;
	leave_queue(n);
	n->slot = SLOT_HELD;
	enter(n, LANE_CONNECTING);
	n->is_fresh = true;
	if (find_pins(n, &err) == -1 || key_file_check(n->ep->key, &err) == -1 || open_socket(n, &err) == -1)
		return fail(n, &err);
	n->io = loop_io_add(s->loop, n->fd, LOOP_WRITE, on_io, n);
	n->events = LOOP_WRITE;
	return STEP_WAIT;
}

static enum ssh_step
step_connecting(struct lane *n)
{
	int e = 0;
	socklen_t len = sizeof e;
	struct err err = ERR_INIT;
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof peer;
	if (getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &e, &len) == -1)
		e = errno;
	if (e != 0) {
		errno_to_err(e, &err);
		return fail(n, &err);
	}
	if (getpeername(n->fd, (struct sockaddr *)&peer, &peer_len) == -1)
		return STEP_WAIT; /* a timer fired; not connected yet */
	if (make_session(n, &err) == -1)
		return fail(n, &err);
	enter(n, LANE_HANDSHAKE);
	return STEP_ON;
}

/* --- handshake --- */

static enum ssh_step
wait_for_socket(struct lane *n)
{
	int directions = libssh2_session_block_directions(n->session);
	unsigned events = 0;
	if (directions & LIBSSH2_SESSION_BLOCK_INBOUND)
		events |= LOOP_READ;
	if (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		events |= LOOP_WRITE;
	set_events(n, events ? events : LOOP_READ);
	return STEP_WAIT;
}

static enum ssh_step
fail_handshake(struct lane *n, int rc)
{
	struct err err = n->tap_err;
	char text[120], host_keys[128];
	if (err.code != ERR_OK)
		return fail(n, &err);
	last_text(n, text, sizeof text);
	if (n->tap->phase == SSH_TAP_PREAMBLE) {
		ssh_tap_explain_no_banner(n->tap, &err);
		return fail(n, &err);
	}
	if (rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_METHOD_NONE) {
		struct ssh_offer ours = offer;
		list_host_keys(n->offered_types, host_keys, sizeof host_keys);
		ours.host_key = host_keys;
		ssh_tap_explain_kex(n->tap, &ours, &err);
		return fail(n, &err);
	}
	if (rc == LIBSSH2_ERROR_HOSTKEY_SIGN || rc == LIBSSH2_ERROR_HOSTKEY_INIT)
		return fail_with(n, ERR_HOST_KEY, "the node could not prove that it holds its host key (%s)", text);
	if (is_lost(rc))
		return fail_with(n, ERR_CONN_LOST, "the node closed the connection during the key exchange (%s)", text);
	return fail_with(n, ERR_KEX, "key exchange with %s failed: %s (libssh2 error %d)", n->tap->banner, text, rc);
}

/* Compares the presented key with the pins. Nothing of ours has been sent to the node yet. */
static int
check_host_key(struct lane *n, struct err *err)
{
	size_t len = 0, line;
	int unused;
	char print[HOST_KEY_FINGERPRINT_MAX];
	const char *blob = libssh2_session_hostkey(n->session, &len, &unused);
	struct slice key = { blob, blob ? len : 0 };
	if (!blob)
		return err_set(err, ERR_HOST_KEY, "the node showed no host key");
	const char *type = host_key_type_name((enum host_key_type)host_key_blob_type(key));
	type = type ? type : "unknown type of";
	host_key_fingerprint(key, print);
	switch (host_pins_check(n->pins, key, &line)) {
	case HOST_KEY_MATCH:
		return 0;
	case HOST_KEY_MISMATCH:
		return err_set(err, ERR_HOST_KEY, "the host key has changed: it shows %s key %s, line %zu of %s pins another", type, print,
			line, n->ep->known_hosts);
	case HOST_KEY_REVOKED:
		return err_set(err, ERR_HOST_KEY, "the host key is revoked: %s key %s, line %zu of %s", type, print, line,
			n->ep->known_hosts);
	case HOST_KEY_NOT_FOUND:
		break;
	}
	return err_set(err, ERR_HOST_KEY, "the host key is not pinned: it shows %s key %s; %s has no line for it", type, print,
		n->ep->known_hosts);
}

static enum ssh_step
step_handshake(struct lane *n)
{
	struct err err = ERR_INIT;
	int rc = libssh2_session_handshake(n->session, n->fd);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return wait_for_socket(n);
	if (rc != 0)
		return fail_handshake(n, rc);
	if (check_host_key(n, &err) == -1)
		return fail(n, &err);
	ssh_tap_done(n->tap);
	free(n->tap);
	n->tap = NULL;
	host_pins_free(n->pins);
	n->pins = NULL;
	enter(n, LANE_AUTH);
	return STEP_ON;
}

static const char *
user_of(const struct lane *n)
{
	return n->ep->user ? n->ep->user : n->ssh->user;
}

static enum ssh_step
step_auth(struct lane *n)
{
	const char *user = user_of(n);
	int rc = libssh2_userauth_publickey_fromfile_ex(n->session, user, (unsigned)strlen(user), NULL, n->ep->key, NULL);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return wait_for_socket(n);
	if (rc == 0) {
		release_slot(n);
		backoff_succeeded(&n->backoff);
		n->used = loop_now(n->ssh->loop);
		enter(n, LANE_READY);
		return STEP_ON;
	}
	char text[120];
	last_text(n, text, sizeof text);
	if (rc == LIBSSH2_ERROR_FILE || rc == LIBSSH2_ERROR_KEYFILE_AUTH_FAILED || rc == LIBSSH2_ERROR_METHOD_NONE)
		return fail_with(n, ERR_CREDENTIAL, "the key file %s cannot be used: %s", n->ep->key, text);
	/* a broken connection is PUBLICKEY_UNVERIFIED too, "Waiting for ... response", and no verdict on our key */
	bool is_broken = is_lost(rc) || (rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED && strstr(text, "Waiting for"));
	if (is_broken)
		return fail_with(n, ERR_CONN_LOST, "the connection broke during authentication (%s)", text);
	if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED || rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED)
		return fail_with(n, ERR_CREDENTIAL, "the node refused the key %s for user %s", n->ep->key, user);
	return fail_with(n, ERR_CREDENTIAL, "authentication of user %s failed: %s (libssh2 error %d)", user, text, rc);
}

/* --- commands --- */

/* A kept session may have died since its last use; nothing was run yet, so the same job may try a new one, once. */
static enum ssh_step
retry_or_fail(struct lane *n, int rc, const char *what)
{
	char text[120];
	last_text(n, text, sizeof text);
	if (is_lost(rc)) {
		if (n->is_fresh)
			return fail_with(n, ERR_CONN_LOST, "the node closed the connection (%s: %s)", what, text);
		batch_free(n->batch);
		n->batch = NULL;
		drop_session(n);
		return STEP_ON;
	}
	if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE)
		return fail_with(n, ERR_THROTTLED, "the node refuses another channel (MaxSessions?): %s", text);
	return fail_with(n, ERR_PROTOCOL, "%s: %s (libssh2 error %d)", what, text, rc);
}

static enum ssh_step
free_old_channel(struct lane *n, bool *is_free)
{
	*is_free = true;
	if (!n->channel)
		return STEP_ON;
	int rc = libssh2_channel_free(n->channel);
	if (rc == LIBSSH2_ERROR_EAGAIN) {
		*is_free = false;
		return wait_for_socket(n);
	}
	n->channel = NULL;
	return STEP_ON;
}

/* Reads what the node sends to an idle session: keepalives, or its farewell. */
static enum ssh_step
listen_idle(struct lane *n)
{
	char c;
	ssize_t got = recv(n->fd, &c, 1, MSG_PEEK);
	if (got == 0 || (got == -1 && errno != EAGAIN && errno != EINTR)) {
		drop_session(n);
		return STEP_WAIT;
	}
	if (got > 0 && !n->channel) {
		set_events(n, 0); /* read when the first channel is opened */
		return STEP_WAIT;
	}
	if (got > 0) {
		ssize_t rc = libssh2_channel_read_ex(n->channel, 0, &c, 1);
		if (rc < 0 && rc != LIBSSH2_ERROR_EAGAIN && is_lost((int)rc)) {
			drop_session(n);
			return STEP_WAIT;
		}
	}
	set_events(n, LOOP_READ);
	return STEP_WAIT;
}

static enum ssh_step
step_ready(struct lane *n)
{
	struct err err = ERR_INIT;
	struct mono now = loop_now(n->ssh->loop);
	char nonce[JOB_NONCE_SIZE];
	bool is_free;
	int seconds;
	if (!n->job && mono_ms_since(now, n->used) >= KEEPALIVE_MS) {
		n->used = now;
		if (libssh2_keepalive_send(n->session, &seconds) != 0) {
			drop_session(n);
			return STEP_WAIT;
		}
	}
	if (!n->job)
		return listen_idle(n);
	if (n->next_ep) {
		drop_session(n);
		return STEP_ON;
	}
	enum ssh_step step = free_old_channel(n, &is_free);
	if (!is_free)
		return step;
	job_nonce(nonce);
	n->batch = batch_new(&n->job->request, &n->ssh->limits, nonce, mono_ms_since(n->job->deadline, now), &err);
	if (!n->batch) {
		finish_job(n, NULL, &err);
		return STEP_ON;
	}
	enter(n, LANE_OPENING);
	return STEP_ON;
}

static enum ssh_step
step_opening(struct lane *n)
{
	n->channel = libssh2_channel_open_session(n->session);
	if (n->channel) {
		enter(n, LANE_STARTING);
		return STEP_ON;
	}
	int rc = libssh2_session_last_errno(n->session);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return wait_for_socket(n);
	return retry_or_fail(n, rc, "opening a channel");
}

static enum ssh_step
step_starting(struct lane *n)
{
	const char *line = batch_login_line(n->batch);
	int rc = libssh2_channel_process_startup(n->channel, "exec", 4, line, (unsigned)strlen(line));
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return wait_for_socket(n);
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
		return fail_with(n, ERR_DENIED, "the node does not allow commands on this account");
	if (rc != 0)
		return fail_with(n, is_lost(rc) ? ERR_CONN_LOST : ERR_PROTOCOL, "the connection was lost while starting the command");
	enter(n, LANE_READING);
	return STEP_ON;
}

static void
answer_from_batch(struct lane *n, const struct batch_end *end)
{
	struct reply reply;
	struct err err = ERR_INIT;
	char where[160];
	n->used = loop_now(n->ssh->loop);
	if (batch_finish(n->batch, end, &reply, &err) == 0) {
		finish_job(n, &reply, NULL);
		return;
	}
	endpoint_name(n->ep, where, sizeof where);
	err_wrap(&err, "ssh %s", where);
	finish_job(n, NULL, &err);
}

/* One read of one stream: bytes, 0 for nothing now, -1 for a lost connection. */
static int
read_stream(struct lane *n, int id)
{
	char chunk[READ_CHUNK];
	ssize_t got = libssh2_channel_read_ex(n->channel, id, chunk, sizeof chunk);
	if (got > 0) {
		if (id == 0)
			batch_feed_out(n->batch, chunk, (size_t)got);
		else
			batch_feed_err(n->batch, chunk, (size_t)got);
		return (int)got;
	}
	return got == 0 || got == LIBSSH2_ERROR_EAGAIN ? 0 : -1;
}

static enum ssh_step
step_reading(struct lane *n)
{
	for (int i = 0; i < READS_PER_STEP; i++) {
		/* both streams: a full window on one of them would stall the other */
		int out = read_stream(n, 0);
		int err = out == -1 ? -1 : read_stream(n, SSH_EXTENDED_DATA_STDERR);
		if (batch_is_over(n->batch)) {
			enter(n, LANE_CLOSING);
			answer_from_batch(n, NULL);
			return STEP_ON;
		}
		if (out == -1 || err == -1) {
			struct batch_end lost = { BATCH_END_LOST, -1, NULL };
			struct reply unused;
			struct err why = ERR_INIT;
			batch_finish(n->batch, &lost, &unused, &why);
			return fail(n, &why);
		}
		/* reading one stream may have taken packets of the other from the socket, which then says nothing more */
		if (out == 0 && err == 0 && !libssh2_poll_channel_read(n->channel, 0)) {
			if (libssh2_channel_eof(n->channel) == 0)
				return wait_for_socket(n);
			enter(n, LANE_ENDING);
			return STEP_ON;
		}
	}
	n->wants_turn = true;
	return STEP_WAIT;
}

/* The streams ended without our last trailer: why is known when the channel is closed. */
static enum ssh_step
step_ending(struct lane *n)
{
	int rc = libssh2_channel_wait_closed(n->channel);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return wait_for_socket(n);
	char *name = NULL;
	size_t len = 0;
	libssh2_channel_get_exit_signal(n->channel, &name, &len, NULL, NULL, NULL, NULL);
	char signal_name[24];
	text_sanitise_to((struct slice){ name ? name : "", name ? len : 0 }, signal_name, sizeof signal_name);
	struct batch_end end = { BATCH_END_EXIT, libssh2_channel_get_exit_status(n->channel), NULL };
	if (name)
		end = (struct batch_end){ BATCH_END_SIGNAL, -1, signal_name };
	else if (rc != 0)
		end.kind = BATCH_END_LOST;
	if (name)
		libssh2_free(n->session, name);
	enter(n, LANE_CLOSING);
	answer_from_batch(n, &end);
	return STEP_ON;
}

static enum ssh_step
step_closing(struct lane *n)
{
	int rc = libssh2_channel_close(n->channel);
	if (rc == LIBSSH2_ERROR_EAGAIN) {
		if (mono_ms_since(loop_now(n->ssh->loop), n->state_since) < CLOSE_MS)
			return wait_for_socket(n);
		drop_session(n);
		return STEP_ON;
	}
	if (is_lost(rc)) {
		drop_session(n);
		return STEP_ON;
	}
	if (n->is_fresh)
		trim_session(n);
	n->is_fresh = false;
	enter(n, LANE_READY);
	return STEP_ON;
}

/* --- the lane --- */

static enum ssh_step
step(struct lane *n)
{
	switch (n->state) {
	case LANE_IDLE:
		return n->job ? step_idle(n) : STEP_WAIT;
	case LANE_WAITING:
		return step_waiting(n);
	case LANE_CONNECTING:
		return step_connecting(n);
	case LANE_HANDSHAKE:
		return step_handshake(n);
	case LANE_AUTH:
		return step_auth(n);
	case LANE_READY:
		return step_ready(n);
	case LANE_OPENING:
		return step_opening(n);
	case LANE_STARTING:
		return step_starting(n);
	case LANE_READING:
		return step_reading(n);
	case LANE_ENDING:
		return step_ending(n);
	case LANE_CLOSING:
		return step_closing(n);
	}
	return STEP_WAIT;
}

/* Jobs whose deadline has passed: the one under way takes its session with it. */
static void
expire(struct lane *n, struct mono now)
{
	struct job *late;
	struct err err = ERR_INIT;
	char where[160];
	if (n->job && !mono_before(now, n->job->deadline)) {
		if (n->state == LANE_HANDSHAKE && n->tap->phase == SSH_TAP_PREAMBLE && n->tap->total > 0) {
			ssh_tap_explain_no_banner(n->tap, &err);
			fail(n, &err);
		} else if (n->state == LANE_HANDSHAKE && n->tap->phase == SSH_TAP_PREAMBLE) {
			fail_with(n, ERR_TIMEOUT, "no answer within the deadline (key exchange): connected, but no SSH banner came");
		} else if (n->state == LANE_WAITING || n->state == LANE_IDLE || n->state == LANE_CLOSING) {
			err_set(&err, ERR_TIMEOUT, "ssh %s: no answer within the deadline (%s)", n->ep->address, phases[n->state]);
			leave_queue(n);
			if (n->state == LANE_WAITING)
				enter(n, LANE_IDLE);
			finish_job(n, NULL, &err);
		} else {
			fail_with(n, ERR_TIMEOUT, "no answer within the deadline (%s)", phases[n->state]);
		}
	}
	while ((late = job_queue_take_late(&n->jobs, now)) != NULL) {
		endpoint_name(n->ep, where, sizeof where);
		err_set(&err, ERR_TIMEOUT, "ssh %s: no answer within the deadline (waited for the request before it%s)", where,
			n->state == LANE_CLOSING ? " to close its channel" : "");
		job_answer(late, NULL, &err);
	}
}

static void
min_time(struct mono *first, struct mono t)
{
	if (mono_is_set(t) && (!mono_is_set(*first) || mono_before(t, *first)))
		*first = t;
}

/* Holds a slot though the node has not said a byte; there is a limit to how many such may wait without one. */
static bool
is_silent(const struct lane *n)
{
	bool is_early = n->state == LANE_CONNECTING || (n->state == LANE_HANDSHAKE && n->tap->total == 0);
	return n->slot == SLOT_HELD && is_early && n->ssh->silent < SILENT_MAX;
}

static void
check_patience(struct lane *n, struct mono now)
{
	if (!is_silent(n) || mono_ms_since(now, n->state_since) < PATIENCE_MS)
		return;
	release_slot(n);
	n->slot = SLOT_SILENT;
	n->ssh->silent++;
}

/* Sets the timer to the next thing that only time brings. */
static void
arm(struct lane *n, struct mono now)
{
	struct mono next = job_queue_deadline(&n->jobs);
	if (n->wants_turn)
		next = now;
	if (n->job)
		min_time(&next, n->job->deadline);
	if (is_silent(n))
		min_time(&next, mono_add_ms(n->state_since, PATIENCE_MS));
	if (n->state == LANE_CLOSING)
		min_time(&next, mono_add_ms(n->state_since, CLOSE_MS));
	if (n->state == LANE_READY && !n->job)
		min_time(&next, mono_add_ms(n->used, KEEPALIVE_MS));
	n->wants_turn = false;
	if (mono_is_set(next))
		loop_timer_set(n->timer, mono_ms_since(mono_add_ms(next, 1), now), 0);
	else
		loop_timer_stop(n->timer);
}

static void
lane_free(struct lane *n)
{
	HASH_DEL(n->ssh->lanes, n);
	drop_session(n);
	loop_timer_del(n->timer);
	endpoint_free(n->ep);
	endpoint_free(n->next_ep);
	free(n);
}

static void
lane_run(struct lane *n)
{
	struct mono now = loop_now(n->ssh->loop);
	enum ssh_step next = STEP_ON;
	check_patience(n, now);
	expire(n, now);
	while (next == STEP_ON) {
		bool may_start = n->state == LANE_IDLE || n->state == LANE_READY;
		if (!n->job && may_start)
			n->job = job_queue_take(&n->jobs);
		if (!n->job && n->is_forgotten && may_start) {
			lane_free(n);
			return;
		}
		next = step(n);
	}
	arm(n, now);
}

static void
on_timer(void *arg)
{
	lane_run(arg);
}

/* --- the transport --- */

static struct lane *
lane_of(struct ssh *s, const struct node *node)
{
	struct lane *n;
	struct endpoint *ep = endpoint_new(node);
	HASH_FIND_STR(s->lanes, ep->node, n);
	if (!n) {
		n = xcalloc(1, sizeof *n);
		n->ssh = s;
		n->ep = ep;
		n->fd = -1;
		n->timer = loop_timer_add(s->loop, 0, 0, on_timer, n);
		snprintf(n->name, sizeof n->name, "%s", ep->node);
		HASH_ADD_STR(s->lanes, name, n);
		return n;
	}
	n->is_forgotten = false;
	endpoint_free(n->next_ep);
	n->next_ep = NULL;
	if (endpoint_equal(n->ep, ep) && !n->is_outdated)
		endpoint_free(ep);
	else
		n->next_ep = ep;
	return n;
}

static void
ssh_submit(struct transport *t, const struct node *node, const struct request *request, struct mono deadline, transport_done_fn *done,
	void *arg)
{
	struct ssh *s = (struct ssh *)t;
	struct lane *n = lane_of(s, node);
	job_queue_add(&n->jobs, job_new(request, deadline, done, arg));
	wake(n);
}

static void
ssh_forget(struct transport *t, const struct node *node)
{
	struct ssh *s = (struct ssh *)t;
	struct lane *n;
	HASH_FIND_STR(s->lanes, node->name, n);
	if (!n)
		return;
	n->is_forgotten = n->is_outdated = true;
	wake(n);
}

static void
ssh_free(struct transport *t)
{
	struct ssh *s = (struct ssh *)t;
	struct lane *n, *next_lane;
	struct pin_file *f, *next_file;
	struct job *job;
	const struct err err = { ERR_CONN_LOST, "the transport was closed" };
	s->is_ending = true;
	HASH_ITER(hh, s->lanes, n, next_lane)
	{
		drop_session(n);
		if (n->job)
			finish_job(n, NULL, &err);
		while ((job = job_queue_take(&n->jobs)) != NULL)
			job_answer(job, NULL, &err);
		lane_free(n);
	}
	HASH_ITER(hh, s->pin_files, f, next_file)
	{
		HASH_DEL(s->pin_files, f);
		known_hosts_free(f->hosts);
		free(f->path);
		free(f);
	}
	free(s);
	libssh2_exit();
}

static const struct transport_ops ssh_ops = {
	.name = "ssh",
	.submit = ssh_submit,
	.forget = ssh_forget,
	.free = ssh_free,
};

/* Our lists must all be known to the library that is really loaded. */
static int
check_library(struct err *err)
{
	LIBSSH2_SESSION *session = libssh2_session_init();
	if (!session)
		return err_set(err, ERR_FAILED, "libssh2 could not make a session");
	int rc = set_methods(session, USABLE_TYPES, err);
	libssh2_session_free(session);
	return rc;
}

struct transport *
transport_ssh_new(struct loop *l, const struct transport_limits *limits, struct err *err)
{
	if (libssh2_init(0) != 0) {
		err_set(err, ERR_FAILED, "libssh2 could not be started");
		return NULL;
	}
	if (check_library(err) == -1) {
		libssh2_exit();
		return NULL;
	}
	struct ssh *s = xcalloc(1, sizeof *s);
	s->base.ops = &ssh_ops;
	s->loop = l;
	s->limits = *limits;
	s->waiting_tail = &s->waiting;
	const struct passwd *pw = getpwuid(getuid());
	snprintf(s->user, sizeof s->user, "%s", pw ? pw->pw_name : "root");
	return &s->base;
}
