/* SPDX-License-Identifier: Apache-2.0
 *
 * A real sshd for tests, started by the test on a free port of 127.0.0.1 with host keys, configuration and log of its
 * own, and fake servers for what an sshd does not do. No sleeps: readiness is a line in sshd's log, everything else is
 * waited for by turning the test's loop. Everything started here ends with lab_free.
 */
#include "sshd.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SSHD_PATH   "/usr/sbin/sshd"
#define WAIT_MAX_MS 15000

struct sshd {
	struct sshd *next;
	struct lab *lab;
	pid_t pid;
	uint16_t port;
	int log_fd;
	struct loop_io *io;
	struct buf log;
};

struct fake_client {
	struct fake_client *next;
	int fd;
	struct loop_io *io;
	struct fake *fake;
	size_t sent;
	bool has_read;
};

struct fake {
	struct fake *next;
	struct lab *lab;
	int fd;
	uint16_t port;
	struct loop_io *io;
	const char *first, *second;
	size_t first_len;
	bool stay;
	struct fake_client *clients;
};

struct lab {
	char folder[64];
	struct loop *loop;
	struct sshd *sshds;
	struct fake *fakes;
	const char *why_not;
	char user[64];
};

/* Not Check's assertions: this file also serves measurements. */
static void
promise(bool is_kept, const char *text)
{
	if (is_kept)
		return;
	fprintf(stderr, "%s\n", text);
	abort();
}

static void
run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
run(const char *format, ...)
{
	char command[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

static const char *
find_obstacle(void)
{
	if (access(SSHD_PATH, X_OK) == -1)
		return SSHD_PATH " is not installed";
	/* run by root, sshd insists on this folder */
	if (getuid() == 0 && mkdir("/run/sshd", 0755) == -1 && errno != EEXIST)
		return "/run/sshd cannot be made";
	const struct passwd *pw = getpwuid(getuid());
	if (!pw || strstr(pw->pw_shell, "nologin") || strstr(pw->pw_shell, "/false"))
		return "this account has no login shell";
	return NULL;
}

struct lab *
lab_new(void)
{
	struct lab *lab = xcalloc(1, sizeof *lab);
	snprintf(lab->folder, sizeof lab->folder, "/tmp/catchment-ssh-XXXXXX");
	if (!mkdtemp(lab->folder))
		abort();
	lab->why_not = find_obstacle();
	const struct passwd *pw = getpwuid(getuid());
	snprintf(lab->user, sizeof lab->user, "%s", pw ? pw->pw_name : "root");
	run("cd %s && for k in ed25519 ed25519b user other; do ssh-keygen -q -t ed25519 -N '' -C '' -f $k; done &&"
	    " ssh-keygen -q -t ecdsa -N '' -C '' -f ecdsa && ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f rsa &&"
	    " ssh-keygen -q -t ed25519 -N secret -C '' -f encrypted",
		lab->folder);
	return lab;
}

void
lab_begin(struct lab *lab)
{
	struct err err;
	lab->loop = loop_new(&err);
	run("cd %s && cat user.pub rsa.pub ecdsa.pub > authorized && : > known_hosts", lab->folder);
}

static void
sshd_stop(struct sshd *d)
{
	sshd_signal(d, SIGSTOP); /* so that no descendant loses its parent before it is found */
	sshd_signal(d, SIGKILL);
	waitpid(d->pid, NULL, 0);
	loop_io_del(d->io);
	close(d->log_fd);
	buf_done(&d->log);
	free(d);
}

static void
fake_stop(struct fake *f)
{
	while (f->clients) {
		struct fake_client *c = f->clients;
		f->clients = c->next;
		loop_io_del(c->io);
		close(c->fd);
		free(c);
	}
	loop_io_del(f->io);
	close(f->fd);
	free(f);
}

void
lab_end(struct lab *lab)
{
	while (lab->sshds) {
		struct sshd *d = lab->sshds;
		lab->sshds = d->next;
		sshd_stop(d);
	}
	while (lab->fakes) {
		struct fake *f = lab->fakes;
		lab->fakes = f->next;
		fake_stop(f);
	}
	loop_turn(lab->loop, false);
	loop_free(lab->loop);
	lab->loop = NULL;
}

void
lab_free(struct lab *lab)
{
	run("rm -rf %s", lab->folder);
	free(lab);
}

struct loop *
lab_loop(const struct lab *lab)
{
	return lab->loop;
}

const char *
lab_why_not(const struct lab *lab)
{
	return lab->why_not;
}

const char *
lab_path(const struct lab *lab, const char *name)
{
	static char paths[4][128];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof paths[turn], "%s/%s", lab->folder, name);
	return paths[turn];
}

void
lab_write(const struct lab *lab, const char *name, const char *text)
{
	FILE *f = fopen(lab_path(lab, name), "w");
	if (!f || fputs(text, f) == EOF || fclose(f) != 0)
		abort();
}

static int
listen_on_free_port(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) == -1 || listen(fd, 16) == -1 ||
		getsockname(fd, (struct sockaddr *)&a, &len) == -1)
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

static void
write_config(const struct lab *lab, const char *name, uint16_t port, const char *host_keys, const char *more)
{
	struct buf b = BUF_INIT(16384);
	struct slice rest = { host_keys, strlen(host_keys) }, word;
	buf_printf(&b, "%s\nListenAddress 127.0.0.1\nPort %u\nPidFile none\nUsePAM no\nStrictModes no\nLogLevel DEBUG1\n", more, port);
	/* the account's own .bashrc would be run for every command, and may take its time */
	buf_printf(&b, "SetEnv HOME=%s\n", lab->folder);
	buf_printf(&b, "AuthorizedKeysFile %s/authorized\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n", lab->folder);
	while (slice_next_word(&rest, &word))
		buf_printf(&b, "HostKey %s/%.*s\n", lab->folder, (int)word.len, word.data);
	lab_write(lab, name, buf_text(&b));
	buf_done(&b);
}

static void
read_log(void *arg, unsigned events)
{
	struct sshd *d = arg;
	char chunk[8192];
	ssize_t n;
	(void)events;
	while ((n = read(d->log_fd, chunk, sizeof chunk)) > 0)
		buf_add(&d->log, chunk, (size_t)n);
	if (n == 0)
		loop_io_set(d->io, 0);
}

static bool
is_listening(void *arg)
{
	return strstr(buf_text(&((struct sshd *)arg)->log), "Server listening on") != NULL;
}

struct sshd *
sshd_start(struct lab *lab, const char *host_keys, const char *more)
{
	struct sshd *d = xcalloc(1, sizeof *d);
	char name[32], config[128];
	int pipes[2];
	close(listen_on_free_port(&d->port));
	snprintf(name, sizeof name, "sshd_config.%u", d->port);
	write_config(lab, name, d->port, host_keys, more);
	snprintf(config, sizeof config, "%s", lab_path(lab, name));
	if (pipe2(pipes, O_CLOEXEC) == -1)
		abort();
	d->pid = fork();
	if (d->pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(pipes[1], 2);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a crashed test leaves no listener */
		execl(SSHD_PATH, SSHD_PATH, "-D", "-e", "-f", config, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	d->log_fd = pipes[0];
	d->lab = lab;
	d->log = (struct buf)BUF_INIT(8u << 20);
	d->io = loop_io_add(lab->loop, d->log_fd, LOOP_READ, read_log, d);
	d->next = lab->sshds;
	lab->sshds = d;
	if (!lab_wait(lab, is_listening, d)) {
		sshd_print_log(d);
		abort();
	}
	return d;
}

uint16_t
sshd_port(const struct sshd *d)
{
	return d->port;
}

pid_t
sshd_pid(const struct sshd *d)
{
	return d->pid;
}

size_t
sshd_log_count(struct sshd *d, const char *text)
{
	size_t n = 0;
	read_log(d, LOOP_READ);
	for (const char *p = buf_text(&d->log); (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

void
sshd_print_log(struct sshd *d)
{
	read_log(d, LOOP_READ);
	fputs(buf_text(&d->log), stderr);
}

static pid_t
parent_of(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	int parent = 0;
	const char *p = strrchr(text, ')');
	if (!p || sscanf(p, ") %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool
descends(pid_t pid, pid_t ancestor)
{
	for (int i = 0; pid > 1 && i < 16; i++) {
		if (pid == ancestor)
			return true;
		pid = parent_of(pid);
	}
	return false;
}

static size_t
find_descendants(const struct sshd *d, pid_t *pids, size_t max)
{
	size_t n = 0;
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	while (dir && (e = readdir(dir)) != NULL && n < max) {
		pid_t pid = (pid_t)atoi(e->d_name);
		if (pid > 1 && pid != d->pid && descends(pid, d->pid))
			pids[n++] = pid;
	}
	if (dir)
		closedir(dir);
	return n;
}

void
sshd_kill_sessions(struct sshd *d)
{
	pid_t pids[256];
	size_t n = find_descendants(d, pids, 256);
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
}

void
sshd_signal(struct sshd *d, int signum)
{
	kill(d->pid, signum); /* first, so that it starts no more */
	pid_t pids[256];
	size_t n = find_descendants(d, pids, 256);
	for (size_t i = 0; i < n; i++)
		kill(pids[i], signum);
}

void
sshd_pin(const struct lab *lab, uint16_t port, const char *host_key, const char *marker, struct buf *out)
{
	char name[64];
	snprintf(name, sizeof name, "%s.pub", host_key);
	struct buf text = BUF_INIT(8192);
	if (buf_read_file(&text, lab_path(lab, name), NULL) == -1)
		abort();
	struct slice rest = buf_slice(&text), type, key;
	slice_next_word(&rest, &type);
	slice_next_word(&rest, &key);
	buf_printf(out, "%s[127.0.0.1]:%u %.*s %.*s\n", marker, port, (int)type.len, type.data, (int)key.len, key.data);
	buf_done(&text);
}

static void
fake_client_io(void *arg, unsigned events)
{
	struct fake_client *c = arg;
	struct fake *f = c->fake;
	char chunk[65536];
	if (events & LOOP_WRITE && c->sent < f->first_len) {
		ssize_t n = send(c->fd, f->first + c->sent, f->first_len - c->sent, MSG_NOSIGNAL);
		if (n > 0)
			c->sent += (size_t)n;
		else if (errno != EAGAIN)
			c->sent = f->first_len;
	}
	if (events & LOOP_READ) {
		ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
		if (n == 0 || (n == -1 && errno != EAGAIN)) {
			loop_io_set(c->io, 0);
			return;
		}
		if (n > 0 && !c->has_read && f->second) {
			c->has_read = true;
			if (send(c->fd, f->second, strlen(f->second), MSG_NOSIGNAL) == -1)
				loop_io_set(c->io, 0);
		}
	}
	if (c->sent == f->first_len && !f->stay && (!f->second || c->has_read))
		shutdown(c->fd, SHUT_RDWR);
	loop_io_set(c->io, LOOP_READ | (c->sent < f->first_len ? LOOP_WRITE : 0));
}

static void
fake_accept(void *arg, unsigned events)
{
	struct fake *f = arg;
	(void)events;
	int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	struct fake_client *c = xcalloc(1, sizeof *c);
	c->fd = fd;
	c->fake = f;
	c->next = f->clients;
	f->clients = c;
	c->io = loop_io_add(f->lab->loop, fd, LOOP_READ | LOOP_WRITE, fake_client_io, c);
}

struct fake *
fake_start(struct lab *lab, const char *first, size_t first_len, const char *second, bool stay)
{
	struct fake *f = xcalloc(1, sizeof *f);
	f->lab = lab;
	f->first = first;
	f->first_len = first_len;
	f->second = second;
	f->stay = stay;
	f->fd = listen_on_free_port(&f->port);
	f->io = loop_io_add(lab->loop, f->fd, LOOP_READ, fake_accept, f);
	f->next = lab->fakes;
	lab->fakes = f;
	return f;
}

uint16_t
fake_port(const struct fake *f)
{
	return f->port;
}

void
lab_node_init(const struct lab *lab, struct lab_node *n, const char *name, uint16_t port)
{
	memset(n, 0, sizeof *n);
	snprintf(n->node.name, sizeof n->node.name, "%s", name);
	n->node.conf = &n->conf;
	n->conf.address = "127.0.0.1";
	snprintf(n->conf.resolved, sizeof n->conf.resolved, "127.0.0.1");
	n->conf.ssh.user = lab->user;
	n->conf.ssh.port = port;
	snprintf(n->known_hosts, sizeof n->known_hosts, "%s", lab_path(lab, "known_hosts"));
	n->conf.ssh.known_hosts = n->known_hosts;
	lab_node_set_key(lab, n, "user");
}

void
lab_node_set_key(const struct lab *lab, struct lab_node *n, const char *name)
{
	snprintf(n->key, sizeof n->key, "%s", lab_path(lab, name));
	n->conf.ssh.observe_key = n->key;
}

static void
copy_out(struct slice s, char *out, size_t size)
{
	slice_copy(s, out, size);
}

static void
on_done(void *arg, const struct reply *reply, const struct err *err)
{
	struct call *c = arg;
	promise(!c->is_done, "answered twice");
	promise((reply == NULL) == (err->code != ERR_OK), "a reply and an error, or neither");
	c->is_done = true;
	c->code = err->code;
	snprintf(c->text, sizeof c->text, "%s", err->text);
	if (!reply)
		return;
	c->n_parts = reply->n_parts;
	copy_out(reply->parts[0].out, c->out, sizeof c->out);
	copy_out(reply->parts[0].err, c->err, sizeof c->err);
	c->status = reply->parts[0].status;
	if (reply->n_parts > 1)
		copy_out(reply->parts[1].out, c->out2, sizeof c->out2);
}

void
call_start(struct lab *lab, struct transport *t, const struct node *node, const char *command, int64_t deadline_ms, struct call *c)
{
	struct request r;
	memset(c, 0, sizeof *c);
	c->lab = lab;
	request_init(&r);
	request_add_command(&r, "one", "sh", "-c", command, NULL);
	request_add_command(&r, "two", "echo", "second", NULL);
	t->ops->submit(t, node, &r, mono_add_ms(clock_mono(), deadline_ms), on_done, c);
	request_done(&r);
	promise(!c->is_done, "answered from inside submit");
}

static bool
is_call_done(void *arg)
{
	return ((struct call *)arg)->is_done;
}

void
call_wait(struct call *c)
{
	struct mono start = clock_mono();
	promise(lab_wait(c->lab, is_call_done, c), "no answer at all");
	c->ms = mono_s_since(clock_mono(), start) * 1e3;
}

void
call_run(struct lab *lab, struct transport *t, const struct node *node, const char *command, int64_t deadline_ms, struct call *c)
{
	call_start(lab, t, node, command, deadline_ms, c);
	call_wait(c);
}

static void
on_tick(void *arg)
{
	(void)arg;
}

bool
lab_wait(struct lab *lab, bool (*is_true)(void *arg), void *arg)
{
	struct mono end = mono_add_ms(clock_mono(), WAIT_MAX_MS);
	struct loop_timer *t = loop_timer_add(lab->loop, 50, 50, on_tick, NULL); /* so that a turn ends */
	bool ok;
	while (!(ok = is_true(arg)) && mono_before(clock_mono(), end))
		loop_turn(lab->loop, true);
	loop_timer_del(t);
	return ok;
}

size_t
lab_count_fds(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}
