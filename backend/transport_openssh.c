/* SPDX-License-Identifier: Apache-2.0
 *
 * The second way to a node: the system's ssh, one child a request, through a ControlMaster that ssh keeps by itself. It
 * brings what libssh2 1.10 lacks (AES-GCM, chacha20, -etm, RSA with SHA-2, certificates, agents, jump hosts) for about
 * 10 ms of CPU a request. Chosen by `ssh: {via: openssh}`, when the operator's own ssh configuration applies (Host
 * blocks, ProxyJump), and by transport.c as the fall-back for a node whose key exchange failed, when it does not. In both
 * cases our pins, keys and refusals win, because they are given on the command line: never a question, never a new host
 * key, no forwarding.
 *
 * Masters live in control sockets under `dir`, named by a hash of the node's address, user, port and key, so that a
 * socket can only be met again by the same node; they end with the transport, and by themselves soon after our death.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/children.h"
#include "backend/known_hosts.h"
#include "backend/openssh_error.h"

#define SSH_PATH   "ssh"
#define PERSIST_S  120
#define DIR_MAX    64 /* sun_path (108) minus our 17 and the 17 that ssh appends while it binds */
#define EXIT_MS    3000

/* FNV-1a; a name, not a secret. */
static uint64_t
hash_text(uint64_t h, const char *text)
{
	for (const char *p = text ? text : "-"; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static const char *
control_path(const char *dir, const struct endpoint *ep, struct arena *a)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ ep->port;
	h = hash_text(h, ep->address);
	h = hash_text(h, ep->resolved);
	h = hash_text(h, ep->user);
	h = hash_text(h, ep->key);
	h = hash_text(h, ep->known_hosts);
	h = hash_text(h, ep->via == SSH_VIA_OPENSSH ? "own configuration" : "none");
	return arena_printf(a, "%s/%016llx", dir, (unsigned long long)h);
}

struct words {
	const char **argv;
	size_t n;
	struct arena *arena;
};

static void
add(struct words *w, const char *word)
{
	if (w->n < CHILDREN_ARGV_MAX)
		w->argv[w->n++] = word;
	w->argv[w->n] = NULL;
}

static void __attribute__((format(printf, 2, 3)))
add_option(struct words *w, const char *format, ...)
{
	struct buf b = BUF_INIT(4096);
	va_list args;
	va_start(args, format);
	buf_vprintf(&b, format, args);
	va_end(args);
	add(w, "-o");
	add(w, arena_strdup(w->arena, buf_text(&b)));
	buf_done(&b);
}

/* A path as ssh wants it: quoted against blanks, and with its % doubled. */
static void
add_path_option(struct words *w, const char *name, const char *path)
{
	struct buf b = BUF_INIT(4096);
	for (const char *p = path; *p; p++) {
		buf_add_text(&b, *p == '%' ? "%" : *p == '"' || *p == '\\' ? "\\" : "");
		buf_add_char(&b, *p);
	}
	add_option(w, "%s=\"%s\"", name, buf_text(&b));
	buf_done(&b);
}

/* The name to give to ssh: the one under which the key is pinned. */
static const char *
host_name(const struct endpoint *ep)
{
	if (ep->via == SSH_VIA_OPENSSH || !ep->known_hosts || ep->resolved[0] == '\0')
		return ep->address;
	struct known_hosts *kh = known_hosts_load(ep->known_hosts, NULL);
	if (!kh)
		return ep->address;
	struct host_pins *p = known_hosts_find(kh, ep->address, ep->port);
	const char *name = host_pins_types(p) != 0 ? ep->address : ep->resolved;
	host_pins_free(p);
	known_hosts_free(kh);
	return name;
}

static void
add_destination(struct words *w, const char *dir, const struct endpoint *ep)
{
	if (ep->via != SSH_VIA_OPENSSH) {
		add(w, "-F");
		add(w, "none");
	}
	add_path_option(w, "ControlPath", control_path(dir, ep, w->arena));
	if (ep->port != 22 || ep->via != SSH_VIA_OPENSSH) { /* else the operator's configuration may name another */
		add(w, "-p");
		add(w, arena_printf(w->arena, "%u", ep->port));
	}
	if (ep->user) {
		add(w, "-l");
		add(w, arena_strdup(w->arena, ep->user));
	}
}

static void
add_policy(struct words *w, const struct endpoint *ep, int64_t left_ms)
{
	static const char *const fixed[] = {
		"BatchMode=yes",
		"StrictHostKeyChecking=yes",
		"UpdateHostKeys=no",
		"CheckHostIP=no",
		"ControlMaster=auto",
		"ClearAllForwardings=yes",
		"ForwardAgent=no",
		"ForwardX11=no",
		"PermitLocalCommand=no",
		"RemoteCommand=none",
		"RequestTTY=no",
		"LogLevel=ERROR",
		"ServerAliveInterval=15",
		"ServerAliveCountMax=2",
	};
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		add_option(w, "%s", fixed[i]);
	add_option(w, "ControlPersist=%d", PERSIST_S);
	add_option(w, "ConnectTimeout=%d", (int)(left_ms < 1000 ? 1 : left_ms > 60000 ? 60 : (left_ms + 999) / 1000));
	if (ep->known_hosts) {
		add_path_option(w, "UserKnownHostsFile", ep->known_hosts);
		add_option(w, "GlobalKnownHostsFile=none");
	}
	if (ep->key) {
		add_path_option(w, "IdentityFile", ep->key);
		add_option(w, "IdentitiesOnly=yes");
		add_option(w, "PreferredAuthentications=publickey");
	}
}

static int
command(const char *dir, const struct endpoint *ep, const struct batch *b, int64_t left_ms, struct arena *a, const char **argv,
	struct err *err)
{
	struct words w = { argv, 0, a };
	if (ep->resolved[0] == '\0' && ep->via != SSH_VIA_OPENSSH)
		return err_set(err, ERR_NO_ROUTE, "the name did not resolve to an address");
	if (ep->key && access(ep->key, R_OK) == -1)
		return err_set(err, ERR_CREDENTIAL, "the key file %s cannot be read: %s", ep->key, strerror(errno));
	add(&w, SSH_PATH);
	add_destination(&w, dir, ep);
	add_policy(&w, ep, left_ms);
	add(&w, "--");
	add(&w, arena_strdup(a, host_name(ep)));
	add(&w, arena_strdup(a, batch_login_line(b)));
	return 0;
}

static int
explain(const struct endpoint *ep, const struct batch *b, const struct batch_end *end, struct err *err)
{
	(void)ep;
	if (end->kind == BATCH_END_EXIT && end->status == 255)
		return openssh_explain(batch_stderr(b), err);
	return 0;
}

/* Waits for a child a limited time without the loop, since this is called when all ends. */
static void
wait_or_kill(pid_t pid)
{
	for (int waited_ms = 0; waited_ms < EXIT_MS; waited_ms += 5) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		poll(NULL, 0, 5);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Asks the node's master to exit. */
static void
drop(const char *dir, const struct endpoint *ep)
{
	struct arena *a = arena_new();
	const char *argv[CHILDREN_ARGV_MAX + 1];
	struct words w = { argv, 0, a };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	const char *path = control_path(dir, ep, a);
	if (access(path, F_OK) == 0) {
		add(&w, SSH_PATH);
		add_destination(&w, dir, ep);
		add(&w, "-O");
		add(&w, "exit");
		add(&w, "--");
		add(&w, ep->address);
		posix_spawn_file_actions_init(&actions);
		for (int fd = 0; fd < 3; fd++)
			posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
		if (posix_spawnp(&pid, SSH_PATH, &actions, NULL, (char **)(uintptr_t)argv, environ) == 0)
			wait_or_kill(pid);
		posix_spawn_file_actions_destroy(&actions);
		unlink(path); /* of a master that was killed while it started */
	}
	arena_free(a);
}

static const struct child_kind kind = { .name = "ssh (system)", .command = command, .explain = explain, .drop = drop };

struct transport *
transport_openssh_new(struct loop *l, const struct transport_limits *limits, const char *dir, struct err *err)
{
	struct stat st;
	if (strlen(dir) > DIR_MAX) {
		err_set(err, ERR_USAGE, "%s: the folder of control sockets has %zu bytes, %d at most", dir, strlen(dir), DIR_MAX);
		return NULL;
	}
	if (mkdir(dir, 0700) == -1 && errno != EEXIST) {
		err_set(err, ERR_FAILED, "%s: %s", dir, strerror(errno));
		return NULL;
	}
	if (lstat(dir, &st) == -1 || !S_ISDIR(st.st_mode) || st.st_uid != getuid() || (st.st_mode & 077) != 0) {
		err_set(err, ERR_USAGE, "%s: must be a folder of our own with mode 0700", dir);
		return NULL;
	}
	return children_new(l, limits, &kind, dir);
}
