/* SPDX-License-Identifier: Apache-2.0
 *
 * The SSH transport against a real sshd, and against what else may answer on its port. Each test starts from a fresh
 * transport and must leave no descriptor behind. Without an sshd that may be run here the suite says so and is skipped.
 */
#include <netinet/in.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos.h"
#include "sshd.h"
#include "suite.h"

static struct lab *lab;
static struct transport *ssh;
static size_t fds_before;
static const struct transport_limits limits = { .reply_max = 100000, .stderr_max = 4000, .handshakes_max = 4 };

static void
setup(void)
{
	struct err err = ERR_INIT;
	fds_before = lab_count_fds();
	lab_begin(lab);
	ssh = transport_ssh_new(lab_loop(lab), &limits, &err);
	ck_assert_msg(ssh != NULL, "%s", err.text);
}

static void
teardown(void)
{
	if (ssh)
		ssh->ops->free(ssh);
	ssh = NULL;
	lab_end(lab);
	ck_assert_uint_eq(lab_count_fds(), fds_before);
}

static struct lab_node fra;

/* A node for an sshd whose named host key is pinned. */
static void
pin(const struct sshd *d, const char *host_key, const char *more_marker, const char *more_key)
{
	struct buf b = BUF_INIT(8192);
	if (more_marker)
		sshd_pin(lab, sshd_port(d), more_key, more_marker, &b);
	if (host_key)
		sshd_pin(lab, sshd_port(d), host_key, "", &b);
	lab_write(lab, "known_hosts", buf_text(&b));
	buf_done(&b);
	lab_node_init(lab, &fra, "fra1", sshd_port(d));
}

#define ASSERT_CALL(c, want, says)                                                                                         \
	ck_assert_msg((c).code == (want) && strstr((c).text, (says)) != NULL, "%s: %s (%s)", err_code_name((c).code), (c).text, (c).out)

START_TEST(test_ssh_polls_on_kept_session)
{
	struct sshd *d = sshd_start(lab, "rsa ecdsa ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL); /* the type that libssh2 would not ask for first */
	for (int i = 0; i < 5; i++) {
		call_run(lab, ssh, &fra.node, "echo out; echo bad >&2; exit 3", 5000, &c);
		ASSERT_CALL(c, ERR_OK, "");
		ck_assert_uint_eq(c.n_parts, 2);
		ck_assert_str_eq(c.out, "out\n");
		ck_assert_str_eq(c.err, "bad\n");
		ck_assert_int_eq(c.status, 3);
		ck_assert_str_eq(c.out2, "second\n");
	}
	ck_assert_uint_eq(sshd_log_count(d, "Accepted publickey"), 1);
}
END_TEST


/* Runs one request that must fail with a connection that never logged in. */
static void
expect(struct transport *t, int64_t deadline_ms, enum err_code want, const char *says)
{
	struct call c;
	call_run(lab, t, &fra.node, "echo x", deadline_ms, &c);
	ASSERT_CALL(c, want, says);
	ck_assert_msg(c.ms < (double)deadline_ms + 3000, "took %.0f ms", c.ms);
}

START_TEST(test_ssh_refused_key)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL);
	lab_node_set_key(lab, &fra, "other");
	call_run(lab, ssh, &fra.node, "echo x", 8000, &c);
	ASSERT_CALL(c, ERR_CREDENTIAL, "refused the key");
	/* in back-off: answered at once, with the last error and the time of the next try */
	call_run(lab, ssh, &fra.node, "echo x", 8000, &c);
	ck_assert(c.code == ERR_CREDENTIAL);
	lab_node_set_key(lab, &fra, "user");
	/* another configuration is another try */
	call_run(lab, ssh, &fra.node, "echo x", 8000, &c);
	ASSERT_CALL(c, ERR_OK, "");
}
END_TEST

static const struct {
	const char *file, *says;
} bad_keys[] = {
	{ "missing", "No such file" },
	{ "known_hosts", "not a private key" },
	{ "encrypted", "passphrase" },
};

START_TEST(test_ssh_unusable_key_file)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	pin(d, "ed25519", NULL, NULL);
	lab_node_set_key(lab, &fra, bad_keys[_i].file);
	expect(ssh, 8000, ERR_CREDENTIAL, bad_keys[_i].says);
	ck_assert_uint_eq(sshd_log_count(d, "Connection from"), 0);
}
END_TEST

START_TEST(test_ssh_changed_host_key_sees_no_credential)
{
	struct sshd *d = sshd_start(lab, "ed25519b", "");
	pin(d, "ed25519", NULL, NULL);
	expect(ssh, 8000, ERR_HOST_KEY, "has changed");
	ck_assert_uint_eq(sshd_log_count(d, "userauth-request"), 0);
	ck_assert_uint_ge(sshd_log_count(d, "kex:"), 1);
}
END_TEST

START_TEST(test_ssh_revoked_host_key)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	pin(d, "ed25519", "@revoked ", "ed25519");
	expect(ssh, 8000, ERR_HOST_KEY, "revoked");
	ck_assert_uint_eq(sshd_log_count(d, "userauth-request"), 0);
}
END_TEST

START_TEST(test_ssh_unpinned_host_shows_fingerprint)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	pin(d, NULL, NULL, NULL);
	expect(ssh, 8000, ERR_HOST_KEY, "not pinned: it shows ssh-ed25519 key SHA256:");
	ck_assert_uint_eq(sshd_log_count(d, "userauth-request"), 0);
}
END_TEST

/* An sshd that libssh2 1.10 has no algorithm in common with. */
static const struct {
	const char *host_key, *more, *says;
} too_new[] = {
	{ "ed25519", "Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com\n", "no common cipher: the node offers aes256-gcm" },
	{ "ed25519", "MACs hmac-sha2-256-etm@openssh.com\n", "no common MAC: the node offers hmac-sha2-256-etm" },
	{ "ed25519", "KexAlgorithms sntrup761x25519-sha512@openssh.com\n", "no common key exchange: the node offers sntrup761" },
	{ "rsa", "", "only an RSA host key is pinned" },
};

START_TEST(test_ssh_says_what_the_node_offers)
{
	struct sshd *d = sshd_start(lab, too_new[_i].host_key, too_new[_i].more);
	pin(d, too_new[_i].host_key, NULL, NULL);
	expect(ssh, 8000, ERR_KEX, too_new[_i].says);
}
END_TEST

START_TEST(test_ssh_falls_back_and_remembers)
{
	struct sshd *d = sshd_start(lab, too_new[_i].host_key, too_new[_i].more);
	struct err err = ERR_INIT;
	struct transport *any = transport_new(lab_loop(lab), &limits, lab_path(lab, ""), &err);
	struct call c;
	ck_assert_msg(any != NULL, "%s", err.text);
	pin(d, too_new[_i].host_key, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		call_run(lab, any, &fra.node, "echo out; echo bad >&2; exit 3", 8000, &c);
		ASSERT_CALL(c, ERR_OK, "");
		ck_assert_str_eq(c.out, "out\n");
		ck_assert_str_eq(c.err, "bad\n");
		ck_assert_int_eq(c.status, 3);
		ck_assert_str_eq(c.out2, "second\n");
	}
	/* one failed try with libssh2 (none when it was clear beforehand), one login by the system's ssh */
	ck_assert_uint_le(sshd_log_count(d, "Connection from"), 2);
	ck_assert_uint_eq(sshd_log_count(d, "Accepted publickey"), 1);
	any->ops->free(any);
}
END_TEST

START_TEST(test_ssh_rsa_user_key_falls_back)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct err err = ERR_INIT;
	struct transport *any = transport_new(lab_loop(lab), &limits, lab_path(lab, ""), &err);
	struct call c;
	ck_assert_msg(any != NULL, "%s", err.text);
	pin(d, "ed25519", NULL, NULL);
	lab_node_set_key(lab, &fra, "rsa");
	call_run(lab, any, &fra.node, "echo out", 8000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	any->ops->free(any);
}
END_TEST

START_TEST(test_ssh_killed_command_is_no_reply)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL);
	call_run(lab, ssh, &fra.node, "echo half; kill -9 $$", 8000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	ck_assert_int_eq(c.status, 137);
	ck_assert_str_eq(c.out, "");
	ck_assert_str_eq(c.out2, "second\n");
}
END_TEST

/* What the account's own forced command does instead of our script. */
static const struct {
	const char *command;
	enum err_code want;
	const char *says;
} forced[] = {
	{ "echo half; kill -9 $$", ERR_KILLED, "signal KILL" },
	{ "echo half; kill -9 $PPID", ERR_CONN_LOST, "" },
	{ "true", ERR_BAD_REPLY, "forced command" },
	{ "echo no login here; exit 1", ERR_BAD_REPLY, "no login here" },
	{ "sleep 20", ERR_TIMEOUT, "(command)" },
	{ "yes", ERR_TOO_LARGE, "100000" },
	{ "yes >&2", ERR_TIMEOUT, "(command)" },
};

START_TEST(test_ssh_forced_command)
{
	char more[256];
	snprintf(more, sizeof more, "LogLevel VERBOSE\nForceCommand %s\n", forced[_i].command); /* debug lines would be quoted */
	struct sshd *d = sshd_start(lab, "ed25519", more);
	pin(d, "ed25519", NULL, NULL);
	expect(ssh, forced[_i].want == ERR_TIMEOUT ? 1500 : 8000, forced[_i].want, forced[_i].says);
}
END_TEST

START_TEST(test_ssh_bounds_floods_and_goes_on)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL);
	call_run(lab, ssh, &fra.node, "yes", 5000, &c);
	ASSERT_CALL(c, ERR_TOO_LARGE, "100000");
	call_run(lab, ssh, &fra.node, "head -c 50000000 /dev/zero >&2; echo done", 8000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	ck_assert_str_eq(c.out, "done\n");
	call_run(lab, ssh, &fra.node, "(sleep 20 &); echo done", 5000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	call_run(lab, ssh, &fra.node, "setsid sleep 3 & echo done", 1000, &c); /* escapes its group and holds the pipe */
	ck_assert_msg(c.code == ERR_OK || c.code == ERR_TIMEOUT, "%s", c.text);
	call_run(lab, ssh, &fra.node, "echo fine", 5000, &c);
	ASSERT_CALL(c, ERR_OK, "");
}
END_TEST

static bool
is_answered_or_late(struct call *c, const char *command, struct mono end)
{
	call_run(lab, ssh, &fra.node, command, 4000, c);
	return c->code == ERR_OK || !mono_before(clock_mono(), end);
}

/* Frozen before the first connection and while a session is kept. */
START_TEST(test_ssh_frozen_node_recovers)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL);
	if (_i == 1) {
		call_run(lab, ssh, &fra.node, "echo x", 8000, &c);
		ASSERT_CALL(c, ERR_OK, "");
	}
	sshd_signal(d, SIGSTOP);
	expect(ssh, 600, ERR_TIMEOUT, _i == 0 ? "(key exchange)" : "(command)");
	sshd_signal(d, SIGCONT);
	struct mono end = mono_add_ms(clock_mono(), 20000);
	while (!is_answered_or_late(&c, "echo back", end))
		;
	ASSERT_CALL(c, ERR_OK, "");
}
END_TEST

START_TEST(test_ssh_reconnects_when_sshd_was_restarted)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL);
	call_run(lab, ssh, &fra.node, "echo x", 8000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	sshd_kill_sessions(d);
	call_run(lab, ssh, &fra.node, "echo back", 8000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	ck_assert_uint_eq(sshd_log_count(d, "Accepted publickey"), 2);
}
END_TEST

static char million[1 << 20];

static const struct {
	const char *first;
	size_t first_len;
	const char *second;
	bool stay;
	enum err_code want;
	const char *says;
} strangers[] = {
	{ "", 0, "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", true, ERR_PROTOCOL, "not SSH: it answered \"HTTP/1.1 400 Bad Request\"" },
	{ "220 mail.example ESMTP\r\n", 24, NULL, true, ERR_PROTOCOL, "220 mail.example ESMTP" },
	{ "hello\r\n", 7, NULL, true, ERR_PROTOCOL, "not SSH: it answered \"hello\"" },
	{ "", 0, NULL, true, ERR_TIMEOUT, "no SSH banner came" },
	{ "", 0, "", false, ERR_THROTTLED, "before the SSH banner" },
	{ million, sizeof million, NULL, true, ERR_PROTOCOL, "banner is longer" },
	{ "Exceeded MaxStartups\r\n", 22, NULL, false, ERR_THROTTLED, "not logged in yet" },
	{ "Not allowed at this time\r\n", 26, NULL, false, ERR_THROTTLED, "PerSourcePenalties" },
	{ "SSH-2.0-x\r\n", 11, NULL, false, ERR_CONN_LOST, "during the key exchange" },
	{ "SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 27, NULL, true, ERR_CODE_COUNT, "" },
	{ "\033]0;title\a\r\n", 12, NULL, false, ERR_PROTOCOL, "\\u{1b}]0;title\\u{7}" },
};

START_TEST(test_ssh_stranger_on_the_port)
{
	memset(million, 'x', sizeof million);
	struct fake *f = fake_start(lab, strangers[_i].first, strangers[_i].first_len, strangers[_i].second, strangers[_i].stay);
	struct call c;
	lab_write(lab, "known_hosts", "");
	lab_node_init(lab, &fra, "fra1", fake_port(f));
	call_run(lab, ssh, &fra.node, "echo x", 500, &c);
	ck_assert(c.code != ERR_OK);
	if (strangers[_i].want != ERR_CODE_COUNT)
		ASSERT_CALL(c, strangers[_i].want, strangers[_i].says);
}
END_TEST

START_TEST(test_ssh_connection_refused)
{
	struct call c;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0); /* bound and not listening: the port stays free */
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	lab_write(lab, "known_hosts", "");
	lab_node_init(lab, &fra, "fra1", ntohs(a.sin_port));
	for (int i = 0; i < 4; i++) {
		call_run(lab, ssh, &fra.node, "echo x", 500, &c);
		ASSERT_CALL(c, ERR_CONN_REFUSED, "refused");
	}
	ck_assert_msg(strstr(c.text, "next try in") != NULL, "%s", c.text);
	fra.conf.resolved[0] = '\0';
	call_run(lab, ssh, &fra.node, "echo x", 500, &c);
	ASSERT_CALL(c, ERR_NO_ROUTE, "did not resolve");
	/* TCP has no way to the broadcast address, and the kernel says so without sending */
	lab_node_init(lab, &fra, "fra2", 22);
	snprintf(fra.conf.resolved, sizeof fra.conf.resolved, "255.255.255.255");
	call_run(lab, ssh, &fra.node, "echo x", 500, &c);
	ASSERT_CALL(c, ERR_NO_ROUTE, "unreachable");
	close(fd);
}
END_TEST

static bool
has_idle_banner(void *arg)
{
	char c;
	return recv(*(int *)arg, &c, 1, MSG_DONTWAIT) == 1;
}

START_TEST(test_ssh_max_startups)
{
	struct sshd *d = sshd_start(lab, "ed25519", "MaxStartups 1:100:1\n");
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(sshd_port(d)) };
	int idle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(idle, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert(lab_wait(lab, has_idle_banner, &idle));
	pin(d, "ed25519", NULL, NULL);
	expect(ssh, 2000, ERR_THROTTLED, "");
	close(idle);
}
END_TEST

START_TEST(test_ssh_empty_authorized_keys)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL);
	lab_write(lab, "authorized", "");
	for (int i = 0; i < 20; i++) {
		call_run(lab, ssh, &fra.node, "echo x", 2000, &c);
		ck_assert_msg(c.code == ERR_CREDENTIAL, "%s", c.text);
	}
	ck_assert_uint_le(sshd_log_count(d, "Connection from"), 3);
}
END_TEST

/* The path harms what the node says, at many places of a session: the answer is whole or there is none, in time, and it is
 * never taken for a refused credential. */
static const struct {
	enum chaos_fault fault;
	size_t step; /* bytes between two places; 0: one place */
	size_t at;
	int64_t deadline_ms;
} paths[] = {
	{ CHAOS_CUT, 311, 0, 3000 },
	{ CHAOS_CORRUPT, 311, 3, 3000 },
	{ CHAOS_STALL, 901, 0, 500 },
	{ CHAOS_LARGE, 0, 600, 500 },
	{ CHAOS_DRIBBLE, 0, 20, 1000 },
};

/* libssh2 1.10 does not free the node's host key (490 bytes) when the key exchange fails after it was read. */
static void
look_for_leaks(bool on)
{
#ifdef __SANITIZE_ADDRESS__
	if (on)
		__lsan_enable();
	else
		__lsan_disable();
#else
	(void)on;
#endif
}

START_TEST(test_ssh_over_a_bad_path)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct chaos path;
	struct buf b = BUF_INIT(8192);
	struct call c;
	size_t bad = 0;
	chaos_open(&path, lab_loop(lab), sshd_port(d));
	sshd_pin(lab, path.port, "ed25519", "", &b);
	lab_write(lab, "known_hosts", buf_text(&b));
	buf_done(&b);
	lab_node_init(lab, &fra, "fra1", path.port);
	call_run(lab, ssh, &fra.node, "echo out", 5000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	size_t whole = path.passed;
	for (size_t at = paths[_i].at; at < whole; at += paths[_i].step) {
		char name[16];
		snprintf(name, sizeof name, "n%zu", at); /* a node of its own: the last one backs off */
		lab_node_init(lab, &fra, name, path.port);
		chaos_set(&path, paths[_i].fault, at);
		if (paths[_i].fault == CHAOS_CORRUPT)
			look_for_leaks(false);
		call_run(lab, ssh, &fra.node, "echo out", paths[_i].deadline_ms, &c);
		if (paths[_i].fault == CHAOS_CORRUPT)
			look_for_leaks(true);
		ck_assert_msg(c.ms < (double)paths[_i].deadline_ms + 1500, "at %zu it took %.0f ms", at, c.ms);
		ck_assert_msg(c.code != ERR_CREDENTIAL, "at %zu: %s", at, c.text);
		if (c.code == ERR_OK) {
			ck_assert_str_eq(c.out, "out\n");
			ck_assert_str_eq(c.out2, "second\n");
		} else {
			ck_assert_msg(c.text[0] != '\0', "at %zu: no sentence", at);
			bad++;
		}
		if (paths[_i].step == 0)
			break;
	}
	ck_assert_uint_ge(bad, paths[_i].step ? 3 : 1);
	chaos_close(&path);
}
END_TEST

/* One request of a node is under way at a time, in order; those that come too late say so. */
START_TEST(test_ssh_queues_in_order)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c[3], late;
	pin(d, "ed25519", NULL, NULL);
	call_start(lab, ssh, &fra.node, "sleep 0.3; echo 0", 5000, &c[0]);
	call_start(lab, ssh, &fra.node, "echo 1", 5000, &c[1]);
	call_start(lab, ssh, &fra.node, "echo late", 50, &late);
	call_start(lab, ssh, &fra.node, "echo 2", 5000, &c[2]);
	call_wait(&late);
	ASSERT_CALL(late, ERR_TIMEOUT, "before it");
	ck_assert(!c[0].is_done && !c[1].is_done);
	call_wait(&c[2]);
	ck_assert(c[0].is_done && c[1].is_done);
	ck_assert_str_eq(c[0].out, "0\n");
	ck_assert_str_eq(c[1].out, "1\n");
	ck_assert_str_eq(c[2].out, "2\n");
}
END_TEST

#define MANY 12
static bool
are_all_done(void *arg)
{
	const struct call *c = arg;
	for (int i = 0; i < MANY; i++)
		if (!c[i].is_done)
			return false;
	return true;
}

/* More nodes than handshake slots, half of them silent for ever: the others must not wait for those. */
START_TEST(test_ssh_silent_nodes_do_not_hold_up_others)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct fake *f = fake_start(lab, "", 0, NULL, true);
	struct lab_node nodes[MANY];
	static struct call calls[MANY];
	struct buf b = BUF_INIT(8192);
	sshd_pin(lab, sshd_port(d), "ed25519", "", &b);
	lab_write(lab, "known_hosts", buf_text(&b));
	buf_done(&b);
	for (int i = 0; i < MANY; i++) {
		char name[8];
		snprintf(name, sizeof name, "n%d", i);
		lab_node_init(lab, &nodes[i], name, i < MANY / 2 ? fake_port(f) : sshd_port(d));
		call_start(lab, ssh, &nodes[i].node, "echo x", i < MANY / 2 ? 1000 : 5000, &calls[i]);
	}
	ck_assert(lab_wait(lab, are_all_done, calls));
	for (int i = 0; i < MANY; i++) {
		ASSERT_CALL(calls[i], i < MANY / 2 ? ERR_TIMEOUT : ERR_OK, "");
	}
}
END_TEST

START_TEST(test_ssh_forgets_a_node)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	struct call c;
	pin(d, "ed25519", NULL, NULL);
	for (int i = 0; i < 2; i++) {
		call_run(lab, ssh, &fra.node, "echo x", 8000, &c);
		ASSERT_CALL(c, ERR_OK, "");
		ssh->ops->forget(ssh, &fra.node);
	}
	call_run(lab, ssh, &fra.node, "echo x", 8000, &c);
	ASSERT_CALL(c, ERR_OK, "");
	ck_assert_uint_eq(sshd_log_count(d, "Accepted publickey"), 3);
}
END_TEST

/* Freeing answers what is under way, in every phase. */
START_TEST(test_ssh_free_answers_all)
{
	struct sshd *d = sshd_start(lab, "ed25519", "");
	static const char *const reached[] = { "", "Connection from", "kex: client->server", "Accepted publickey", "Starting session" };
	struct call c, queued;
	pin(d, "ed25519", NULL, NULL);
	call_start(lab, ssh, &fra.node, "sleep 20", 5000, &c);
	call_start(lab, ssh, &fra.node, "echo x", 5000, &queued);
	while (reached[_i][0] && sshd_log_count(d, reached[_i]) == 0)
		loop_turn(lab_loop(lab), true);
	ssh->ops->free(ssh);
	ssh = NULL;
	ASSERT_CALL(c, ERR_CONN_LOST, "closed");
	ASSERT_CALL(queued, ERR_CONN_LOST, "closed");
}
END_TEST

/* The system's ssh, chosen by configuration. */
static const struct {
	const char *host_key, *pinned, *user_key, *more;
	enum err_code want;
	const char *says;
} system_ssh[] = {
	{ "ed25519", "ed25519", "user", "", ERR_OK, "" },
	{ "ed25519", "ed25519", "other", "", ERR_CREDENTIAL, "refused the credential" },
	{ "ed25519b", "ed25519", "user", "", ERR_HOST_KEY, "has changed" },
	{ "ed25519", NULL, "user", "", ERR_HOST_KEY, "not pinned" },
	{ "ed25519", "ed25519", "missing", "", ERR_CREDENTIAL, "cannot be read" },
	{ "ed25519", "ed25519", "user", "ForceCommand kill -9 $$\n", ERR_BAD_REPLY, "" },
	{ "ed25519", "ed25519", "user", "ForceCommand sleep 20\n", ERR_TIMEOUT, "no answer" },
	{ "ed25519", "ed25519", "user", "ForceCommand yes\n", ERR_TOO_LARGE, "100000" },
	{ "ed25519", "ed25519", "user", "Ciphers aes256-gcm@openssh.com\nMACs hmac-sha2-256-etm@openssh.com\n", ERR_OK, "" },
};

START_TEST(test_ssh_by_the_system)
{
	struct sshd *d = sshd_start(lab, system_ssh[_i].host_key, system_ssh[_i].more);
	struct err err = ERR_INIT;
	struct transport *t = transport_openssh_new(lab_loop(lab), &limits, lab_path(lab, "control"), &err);
	struct call c;
	ck_assert_msg(t != NULL, "%s", err.text);
	pin(d, system_ssh[_i].pinned, NULL, NULL);
	fra.conf.ssh.via = SSH_VIA_OPENSSH;
	lab_node_set_key(lab, &fra, system_ssh[_i].user_key);
	call_run(lab, t, &fra.node, "echo out; exit 4", system_ssh[_i].want == ERR_TIMEOUT ? 1500 : 8000, &c);
	ASSERT_CALL(c, system_ssh[_i].want, system_ssh[_i].says);
	if (system_ssh[_i].want == ERR_OK) {
		call_run(lab, t, &fra.node, "echo out; exit 4", 8000, &c);
		ASSERT_CALL(c, ERR_OK, "");
		ck_assert_int_eq(c.status, 4);
		ck_assert_uint_eq(sshd_log_count(d, "Accepted publickey"), 1);
	}
	if (system_ssh[_i].want == ERR_HOST_KEY)
		ck_assert_uint_eq(sshd_log_count(d, "userauth-request"), 0);
	t->ops->free(t);
	/* the masters have ended and taken their sockets with them */
	ck_assert_int_eq(rmdir(lab_path(lab, "control")), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ssh");
	TCase *t = tcase_create("ssh");
	lab = lab_new();
	if (lab_why_not(lab)) {
		printf("SKIP: %s\n", lab_why_not(lab));
		lab_free(lab);
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	lab_begin(lab); /* libuv opens a pipe of its own with the first loop */
	lab_end(lab);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
#define LOOP_TEST(test, rows) tcase_add_loop_test(t, test, 0, (int)(sizeof(rows) / sizeof((rows)[0])))
	tcase_add_test(t, test_ssh_polls_on_kept_session);
	tcase_add_test(t, test_ssh_refused_key);
	LOOP_TEST(test_ssh_unusable_key_file, bad_keys);
	tcase_add_test(t, test_ssh_changed_host_key_sees_no_credential);
	tcase_add_test(t, test_ssh_revoked_host_key);
	tcase_add_test(t, test_ssh_unpinned_host_shows_fingerprint);
	LOOP_TEST(test_ssh_says_what_the_node_offers, too_new);
	LOOP_TEST(test_ssh_falls_back_and_remembers, too_new);
	tcase_add_test(t, test_ssh_rsa_user_key_falls_back);
	tcase_add_test(t, test_ssh_killed_command_is_no_reply);
	LOOP_TEST(test_ssh_forced_command, forced);
	tcase_add_test(t, test_ssh_bounds_floods_and_goes_on);
	tcase_add_loop_test(t, test_ssh_frozen_node_recovers, 0, 2);
	tcase_add_test(t, test_ssh_reconnects_when_sshd_was_restarted);
	LOOP_TEST(test_ssh_stranger_on_the_port, strangers);
	tcase_add_test(t, test_ssh_connection_refused);
	tcase_add_test(t, test_ssh_max_startups);
	tcase_add_test(t, test_ssh_empty_authorized_keys);
	tcase_add_test(t, test_ssh_queues_in_order);
	tcase_add_test(t, test_ssh_silent_nodes_do_not_hold_up_others);
	tcase_add_test(t, test_ssh_forgets_a_node);
	tcase_add_loop_test(t, test_ssh_free_answers_all, 0, 5);
	LOOP_TEST(test_ssh_by_the_system, system_ssh);
	suite_add_tcase(s, t);
	t = tcase_create("path");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	LOOP_TEST(test_ssh_over_a_bad_path, paths);
	suite_add_tcase(s, t);
	int rc = suite_run(s);
	lab_free(lab);
	return rc;
}
