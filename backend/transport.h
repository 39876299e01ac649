/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_TRANSPORT_H
#define BACKEND_TRANSPORT_H

#include "core/driver.h"
#include "core/loop.h"

/*
 * The only I/O to nodes. A transport takes requests and answers each exactly once, with a reply or an error, never from
 * inside submit. One absolute deadline holds for a whole request: connect, handshake, authentication, command, reading.
 */
struct transport;

struct transport_limits {
	size_t reply_max;      /* bytes of standard output per request, default 1 MiB */
	size_t stderr_max;     /* default 64 KiB */
	size_t handshakes_max; /* SSH handshakes under way at once, default 16 */
};
#define TRANSPORT_LIMITS_DEFAULT { .reply_max = 1u << 20, .stderr_max = 1u << 16, .handshakes_max = 16 }

/* Called once per request, from the loop. `reply` is NULL when `err` has a code; both are valid inside the call only.
 * Submitting again from inside is allowed; freeing the transport is not. */
typedef void transport_done_fn(void *arg, const struct reply *reply, const struct err *err);

struct transport_ops {
	const char *name; /* "ssh" */
	/* Takes a request for a node (copied). `deadline` is absolute. At most one request per node is under way; more are
	 * queued in order. */
	void (*submit)(struct transport *t, const struct node *node, const struct request *request, struct mono deadline,
		transport_done_fn *done, void *arg);
	/* Drops kept sessions to a node (its configuration changed). */
	void (*forget)(struct transport *t, const struct node *node);
	/* Ends everything: requests still under way are answered with ERR_CONN_LOST before it returns. */
	void (*free)(struct transport *t);
};

struct transport {
	const struct transport_ops *ops;
};

struct transport *transport_ssh_new(struct loop *l, const struct transport_limits *limits, struct err *err);
/* The system's ssh with ControlMaster; `dir` (0700) holds control sockets and must be short (sun_path). */
struct transport *transport_openssh_new(struct loop *l, const struct transport_limits *limits, const char *dir, struct err *err);
struct transport *transport_http_new(struct loop *l, const struct transport_limits *limits, struct err *err);
/* Runs commands on this machine, without a shell login. */
struct transport *transport_local_new(struct loop *l, const struct transport_limits *limits, struct err *err);
/* Answers from a folder of recorded replies, conf->ssh.replay: one file a command, named by transport_replay_name. For
 * demonstrations and tests without a network. */
struct transport *transport_replay_new(struct loop *l, const struct transport_limits *limits, struct err *err);
/* The name of a command's file without its ending: "birdc-show-protocols-all". Appends. Beside NAME.txt (standard output),
 * NAME.stderr and NAME.status (decimal) may stand; a page over HTTP has NAME.json or NAME.txt of its path. */
void transport_replay_name(const char *const *argv, struct buf *out);
/* Chooses by node configuration among all of the above; falls back from libssh2 to the system's ssh when the key
 * exchange fails, and remembers it per node. This is what the poller uses. */
struct transport *transport_new(struct loop *l, const struct transport_limits *limits, const char *state_dir, struct err *err);

#endif
