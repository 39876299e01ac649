/* SPDX-License-Identifier: Apache-2.0
 *
 * What the transports are made of, without a network: the local and the replay transport and the choice between them,
 * the back-off, the listener to a server's first bytes, the reading of the system ssh's prose and the look at key files.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "backend/backoff.h"
#include "backend/job.h"
#include "backend/key_file.h"
#include "backend/openssh_error.h"
#include "backend/ssh_tap.h"
#include "sshd.h"
#include "suite.h"

static struct lab *lab;
static size_t fds_before;
static const struct transport_limits limits = { .reply_max = 100000, .stderr_max = 4000, .handshakes_max = 4 };

static void
setup(void)
{
	fds_before = lab_count_fds();
	lab_begin(lab);
}

static void
teardown(void)
{
	lab_end(lab);
	ck_assert_uint_eq(lab_count_fds(), fds_before);
}

/* --- local --- */

static const struct {
	const char *command;
	int64_t deadline_ms;
	enum err_code want;
	const char *out;
	int status;
} local_rows[] = {
	{ "echo out; exit 3", 8000, ERR_OK, "out\n", 3 },
	{ "echo half; kill -9 $$", 8000, ERR_OK, "", 137 },
	{ "yes", 8000, ERR_TOO_LARGE, "", 0 },
	{ "(sleep 20 &); echo done", 8000, ERR_OK, "done\n", 0 },
	{ "sleep 20", 2000, ERR_OK, "", 124 }, /* stopped after half of the time; the other command still runs */
	{ "trap '' TERM; sleep 3; sleep 3", 300, ERR_TIMEOUT, "", 0 },
	{ "echo too late", 0, ERR_TIMEOUT, "", 0 }, /* late before it starts: not run */
};

START_TEST(test_local_runs_here)
{
	struct err err = ERR_INIT;
	struct transport *t = transport_new(lab_loop(lab), &limits, lab_path(lab, ""), &err);
	struct lab_node n;
	struct call c;
	ck_assert_msg(t != NULL, "%s", err.text);
	lab_node_init(lab, &n, "here", 22);
	n.conf.ssh.via = SSH_VIA_LOCAL;
	call_run(lab, t, &n.node, local_rows[_i].command, local_rows[_i].deadline_ms, &c);
	ck_assert_msg(c.code == local_rows[_i].want, "%s: %s", err_code_name(c.code), c.text);
	if (c.code == ERR_OK) {
		ck_assert_str_eq(c.out, local_rows[_i].out);
		ck_assert_int_eq(c.status, local_rows[_i].status);
		ck_assert_str_eq(c.out2, "second\n");
	}
	t->ops->free(t);
}
END_TEST

START_TEST(test_local_free_answers_all)
{
	struct err err = ERR_INIT;
	struct transport *t = transport_new(lab_loop(lab), &limits, lab_path(lab, ""), &err);
	struct lab_node n;
	struct call c[2];
	ck_assert_msg(t != NULL, "%s", err.text);
	lab_node_init(lab, &n, "here", 22);
	n.conf.ssh.via = SSH_VIA_LOCAL;
	call_start(lab, t, &n.node, "sleep 20", 5000, &c[0]);
	call_start(lab, t, &n.node, "true", 5000, &c[1]);
	loop_turn(lab_loop(lab), true);
	t->ops->free(t);
	ck_assert(c[0].code == ERR_CONN_LOST && c[1].code == ERR_CONN_LOST);
}
END_TEST

/* --- replay --- */

static const struct {
	const char *argv[5];
	const char *name;
} names[] = {
	{ { "birdc", "show", "protocols", "all" }, "birdc-show-protocols-all" },
	{ { "/usr/sbin/birdc", "-s", "/run/bird/bird.ctl", "show status" }, "birdc-s-run-bird-bird.ctl-show-status" },
	{ { "vtysh", "-c", "show bgp ipv4 unicast summary json" }, "vtysh-c-show-bgp-ipv4-unicast-summary-json" },
	{ { "x", "../../etc/passwd" }, "x-..-..-etc-passwd" },
	{ { "x", "*" }, "x" },
};

START_TEST(test_replay_names_files)
{
	struct buf b = BUF_INIT(200);
	transport_replay_name(names[_i].argv, &b);
	ck_assert_str_eq(buf_text(&b), names[_i].name);
	buf_done(&b);
}
END_TEST

static bool
is_done(void *arg)
{
	return ((struct call *)arg)->is_done;
}

static void
on_page(void *arg, const struct reply *reply, const struct err *err)
{
	struct call *c = arg;
	c->is_done = true;
	c->code = err->code;
	if (!reply)
		return;
	c->status = reply->http_status;
	slice_copy(reply->parts[0].out, c->out, sizeof c->out);
}

static void
ask_page(struct transport *t, const struct node *node, const char *path, struct call *c)
{
	struct request r;
	request_init(&r);
	r.kind = REQUEST_HTTP;
	request_set_path(&r, path);
	memset(c, 0, sizeof *c);
	t->ops->submit(t, node, &r, mono_add_ms(clock_mono(), 5000), on_page, c);
	request_done(&r);
	ck_assert(!c->is_done);
	ck_assert(lab_wait(lab, is_done, c));
}

START_TEST(test_replay_answers_from_files)
{
	struct err err = ERR_INIT;
	struct transport *t = transport_new(lab_loop(lab), &limits, lab_path(lab, ""), &err);
	struct lab_node n;
	struct call c, again;
	char folder[128];
	ck_assert_msg(t != NULL, "%s", err.text);
	snprintf(folder, sizeof folder, "%s", lab_path(lab, ""));
	lab_node_init(lab, &n, "fra1", 22);
	n.conf.ssh.via = SSH_VIA_REPLAY;
	n.conf.ssh.replay = folder;
	lab_write(lab, "sh-c-x.txt", "recorded\n");
	lab_write(lab, "sh-c-x.stderr", "said\n");
	lab_write(lab, "sh-c-x.status", "4\n");
	lab_write(lab, "echo-second.txt", "second\n");
	lab_write(lab, "json-v1-server.json", "{}");
	call_start(lab, t, &n.node, "x", 5000, &c);
	call_start(lab, t, &n.node, "y", 5000, &again);
	call_wait(&again);
	ck_assert(c.is_done && c.code == ERR_OK);
	ck_assert_str_eq(c.out, "recorded\n");
	ck_assert_str_eq(c.err, "said\n");
	ck_assert_int_eq(c.status, 4);
	ck_assert_str_eq(c.out2, "second\n");
	ck_assert_int_eq(again.status, 127);
	ck_assert_msg(strstr(again.err, "command not found (no file sh-c-y.txt)") != NULL, "%s", again.err);
	ask_page(t, &n.node, "/json/v1/server", &c);
	ck_assert(c.code == ERR_OK && c.status == 200);
	ck_assert_str_eq(c.out, "{}");
	ask_page(t, &n.node, "/json/v1/nosuch", &c);
	ck_assert(c.code == ERR_OK && c.status == 404);
	call_run(lab, t, &n.node, "x", 0, &c);
	ck_assert(c.code == ERR_TIMEOUT);
	char *big = xmalloc(limits.reply_max + 2);
	memset(big, 'x', limits.reply_max + 1);
	big[limits.reply_max + 1] = '\0';
	lab_write(lab, "sh-c-x.txt", big);
	free(big);
	call_run(lab, t, &n.node, "x", 5000, &c);
	ck_assert(c.code == ERR_TOO_LARGE);
	t->ops->free(t);
}
END_TEST

/* --- the queue --- */

static void
on_nothing(void *arg, const struct reply *reply, const struct err *err)
{
	(void)reply;
	(void)err;
	++*(int *)arg;
}

START_TEST(test_job_queue_gives_up_the_late)
{
	static const int64_t deadlines[] = { 50, 10, 30, 20 };
	struct job_queue q = { NULL, NULL };
	struct request r;
	int answered = 0;
	request_init(&r);
	request_add_command(&r, "t", "true", NULL);
	for (size_t i = 0; i < 4; i++)
		job_queue_add(&q, job_new(&r, (struct mono){ deadlines[i] }, on_nothing, &answered));
	request_done(&r);
	ck_assert_int_eq(job_queue_deadline(&q).ns, 10);
	struct job *j;
	size_t late = 0;
	while ((j = job_queue_take_late(&q, (struct mono){ 30 })) != NULL) {
		ck_assert_int_eq(j->deadline.ns, deadlines[++late == 1 ? 1 : late == 2 ? 2 : 3]);
		ck_assert_str_eq(j->request.commands[0].argv[0], "true");
		job_answer(j, NULL, NULL);
	}
	ck_assert_uint_eq(late, 3);
	j = job_queue_take(&q);
	ck_assert_int_eq(j->deadline.ns, 50);
	ck_assert(q.head == NULL && q.tail == NULL && job_queue_take(&q) == NULL);
	ck_assert(!mono_is_set(job_queue_deadline(&q)));
	job_answer(j, NULL, NULL);
	ck_assert_int_eq(answered, 4);
}
END_TEST

/* --- back-off --- */

static int64_t
wait_after(enum err_code code, unsigned times, uint32_t random)
{
	struct backoff b = { 0 };
	struct err why = { code, "it said no" };
	const struct mono now = { CLOCK_NS_PER_S };
	for (unsigned i = 0; i < times; i++)
		backoff_failed(&b, &why, now, random);
	return mono_ms_since(b.next, now);
}

START_TEST(test_backoff_grows_with_jitter)
{
	ck_assert_int_eq(wait_after(ERR_TIMEOUT, 1, 0), 0);
	ck_assert_int_eq(wait_after(ERR_TIMEOUT, 1, UINT32_MAX), 1999);
	ck_assert_int_eq(wait_after(ERR_TIMEOUT, 2, UINT32_MAX), 3999);
	ck_assert_int_eq(wait_after(ERR_TIMEOUT, 3, UINT32_MAX / 2), 3999);
	ck_assert_int_eq(wait_after(ERR_TIMEOUT, 1000, UINT32_MAX), BACKOFF_CAP_MS - 1);
	ck_assert_int_ge(wait_after(ERR_THROTTLED, 1, 0), BACKOFF_THROTTLE_MS);
	ck_assert_int_eq(wait_after(ERR_CREDENTIAL, BACKOFF_REFUSALS - 1, 0), 0);
	ck_assert_int_ge(wait_after(ERR_CREDENTIAL, BACKOFF_REFUSALS, 0), BACKOFF_SLOW_MS);
}
END_TEST

START_TEST(test_backoff_says_when)
{
	struct backoff b = { 0 };
	struct err why = { ERR_CONN_REFUSED, "connection refused" }, err = ERR_INIT;
	const struct mono now = { CLOCK_NS_PER_S };
	ck_assert(backoff_may_try(&b, now, &err));
	backoff_failed(&b, &why, now, UINT32_MAX);
	ck_assert(!backoff_may_try(&b, now, &err));
	ck_assert_int_eq(err.code, ERR_CONN_REFUSED);
	ck_assert_str_eq(err.text, "connection refused; next try in 2 s");
	ck_assert(backoff_may_try(&b, mono_add_ms(now, 2000), &err));
	backoff_succeeded(&b);
	ck_assert(backoff_may_try(&b, now, &err));
}
END_TEST

/* --- the first bytes of a server --- */

/* KEXINIT with the lists given, as it is on the wire. */
static void
add_kexinit(struct buf *b, const char *const lists[10])
{
	size_t len = 1 + 1 + 16 + 5;
	for (size_t i = 0; i < 10; i++)
		len += 4 + strlen(lists[i]);
	const char head[] = { (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len, 0, 20 };
	buf_add(b, head, sizeof head);
	buf_add(b, "0123456789abcdef", 16);
	for (size_t i = 0; i < 10; i++) {
		size_t n = strlen(lists[i]);
		const char size[] = { 0, 0, (char)(n >> 8), (char)n };
		buf_add(b, size, sizeof size);
		buf_add_text(b, lists[i]);
	}
	buf_add(b, "\0\0\0\0\0", 5);
}

static const struct ssh_offer ours = { "curve25519-sha256", "ssh-ed25519", "aes256-ctr", "hmac-sha2-256" };
static const struct {
	const char *lists[10];
	const char *says;
} kex_rows[] = {
	{ { "sntrup", "ssh-ed25519", "aes256-ctr", "aes256-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", "" },
		"no common key exchange: the node offers sntrup; we offer curve25519-sha256" },
	{ { "curve25519-sha256", "rsa-sha2-512,rsa-sha2-256", "aes256-ctr", "aes256-ctr", "hmac-sha2-256", "hmac-sha2-256", "none",
		  "none", "", "" },
		"no common host key type: the node offers rsa-sha2-512,rsa-sha2-256" },
	{ { "a,curve25519-sha256", "ssh-ed25519", "aes256-ctr", "aes256-gcm\033", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "",
		  "" },
		"no common cipher: the node offers aes256-gcm\\u{1b}" },
	{ { "curve25519-sha256", "ssh-ed25519", "aes256-ctr", "aes256-ctr", "hmac-sha2-256", "hmac-sha2-256-etm", "none", "none", "", "" },
		"no common MAC" },
	{ { "curve25519-sha256", "ssh-ed25519", "aes256-ctr", "aes256-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", "" },
		"the key exchange failed with SSH-2.0-OpenSSH_9.2p1" },
};

START_TEST(test_tap_names_the_missing_algorithm)
{
	struct buf b = BUF_INIT(4096);
	struct err err = ERR_INIT;
	buf_add_text(&b, "a word of welcome\r\nSSH-2.0-OpenSSH_9.2p1\r\n");
	add_kexinit(&b, kex_rows[_i].lists);
	struct ssh_tap t;
	ssh_tap_init(&t);
	for (size_t i = 0; i < b.len; i++)
		ck_assert_int_eq(ssh_tap_feed(&t, b.data + i, 1, &err), 0);
	ck_assert_int_eq(t.phase, SSH_TAP_DONE);
	ssh_tap_explain_kex(&t, &ours, &err);
	ck_assert_msg(err.code == ERR_KEX && strstr(err.text, kex_rows[_i].says), "%s", err.text);
	ssh_tap_done(&t);
	buf_done(&b);
}
END_TEST

/* Every truncation and every damaged byte of a server's first bytes: no crash, always a sentence. */
START_TEST(test_tap_survives_damage)
{
	struct buf b = BUF_INIT(4096);
	struct err err = ERR_INIT;
	buf_add_text(&b, "SSH-2.0-OpenSSH_9.2p1\r\n");
	add_kexinit(&b, kex_rows[1].lists);
	for (size_t i = 0; i < b.len; i++) {
		for (int damage = 0; damage < 4; damage++) {
			static const char values[] = { '\0', '\x01', '\xff', '\n' };
			char *copy = xmalloc(b.len);
			memcpy(copy, b.data, b.len);
			copy[i] = values[damage];
			struct ssh_tap t;
			ssh_tap_init(&t);
			err_clear(&err);
			if (ssh_tap_feed(&t, copy, damage == 0 ? i : b.len, &err) == 0) {
				ssh_tap_explain_kex(&t, &ours, &err);
				ck_assert(err.text[0]);
				ssh_tap_explain_no_banner(&t, &err);
			}
			ck_assert(err.code != ERR_OK && err.text[0]);
			ssh_tap_done(&t);
			free(copy);
		}
	}
	buf_done(&b);
}
END_TEST

/* --- the prose of the system's ssh --- */

static const struct {
	const char *text;
	enum err_code want;
	const char *says;
} prose[] = {
	{ "ssh: connect to host 10.0.0.1 port 22: Connection refused\n", ERR_CONN_REFUSED, "" },
	{ "ssh: connect to host 10.0.0.1 port 22: No route to host\n", ERR_NO_ROUTE, "No route" },
	{ "ssh: connect to host 10.0.0.1 port 22: Connection timed out\n", ERR_TIMEOUT, "timed out" },
	{ "ssh: Could not resolve hostname fra1: Name or service not known\n", ERR_NO_ROUTE, "fra1" },
	{ "Unable to negotiate with 10.0.0.1 port 22: no matching cipher found. Their offer: arcfour\n", ERR_KEX, "arcfour" },
	{ "No ED25519 host key is known for fra1 and you have requested strict checking.\nHost key verification failed.\n", ERR_HOST_KEY,
		"not pinned" },
	{ "kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.0.0.1 port 22\n", ERR_THROTTLED, "" },
	{ "kex_exchange_identification: banner line contains invalid characters\n", ERR_PROTOCOL, "not SSH" },
	{ "Connection reset by 10.0.0.1 port 22\n", ERR_CONN_LOST, "" },
	{ "root@fra1: Permission denied (publickey).\n", ERR_CREDENTIAL, "" },
	{ "WARNING: UNPROTECTED PRIVATE KEY FILE!\nroot@fra1: Permission denied (publickey).\n", ERR_CREDENTIAL, "" },
	{ "bash: line 1: birdc: command not found\n", ERR_OK, "" },
	{ "", ERR_OK, "" },
};

START_TEST(test_openssh_prose)
{
	struct err err = ERR_INIT;
	int rc = openssh_explain((struct slice){ prose[_i].text, strlen(prose[_i].text) }, &err);
	ck_assert_int_eq(rc, prose[_i].want == ERR_OK ? 0 : -1);
	ck_assert_msg(err.code == prose[_i].want && strstr(err.text, prose[_i].says), "%s", err.text);
}
END_TEST

/* What ssh printed in the lab. */
START_TEST(test_openssh_recorded_prose)
{
	static const struct {
		const char *file;
		enum err_code want;
		const char *says;
	} rows[] = {
		{ "host-key-changed--ssh.stderr", ERR_HOST_KEY, "SHA256:tOhvasVQuACuCi7+pJU4NHPPsDD7UF9YuA3HIu7ZqO4" },
		{ "unknown-user--ssh.stderr", ERR_CREDENTIAL, "Permission denied" },
		{ "nonroot-path--birdc.stderr", ERR_OK, "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf text = BUF_INIT(8192);
		struct err err = ERR_INIT;
		char path[128];
		snprintf(path, sizeof path, "tests/data/ssh/%s", rows[i].file);
		ck_assert_msg(buf_read_file(&text, source_path(path), &err) == 0, "%s", err.text);
		openssh_explain(buf_slice(&text), &err);
		ck_assert_msg(err.code == rows[i].want && strstr(err.text, rows[i].says), "%s", err.text);
		buf_done(&text);
	}
}
END_TEST

/* --- key files --- */

static const struct {
	const char *file;
	enum err_code want;
	const char *says;
} keys[] = {
	{ "user", ERR_OK, "" },
	{ "ecdsa", ERR_OK, "" },
	{ "rsa", ERR_KEX, "RSA" },
	{ "encrypted", ERR_CREDENTIAL, "passphrase" },
	{ "user.pub", ERR_CREDENTIAL, "not a private key" },
	{ "missing", ERR_CREDENTIAL, "No such file" },
	{ "", ERR_CREDENTIAL, "" }, /* a folder */
};

START_TEST(test_key_file_is_looked_at)
{
	struct err err = ERR_INIT;
	int rc = key_file_check(lab_path(lab, keys[_i].file), &err);
	ck_assert_int_eq(rc, keys[_i].want == ERR_OK ? 0 : -1);
	ck_assert_msg(err.code == keys[_i].want && strstr(err.text, keys[_i].says), "%s", err.text);
	ck_assert_int_eq(key_file_check(NULL, &err), -1);
}
END_TEST

START_TEST(test_key_file_survives_damage)
{
	struct buf text = BUF_INIT(8192);
	struct err err = ERR_INIT;
	ck_assert_int_eq(buf_read_file(&text, lab_path(lab, "user"), &err), 0);
	for (size_t i = 0; i < text.len; i++) {
		key_file_judge((struct slice){ text.data, i }, "k", &err);
		char old = text.data[i];
		text.data[i] = '!';
		key_file_judge(buf_slice(&text), "k", &err);
		text.data[i] = old;
	}
	ck_assert_int_eq(key_file_judge(buf_slice(&text), "k", &err), 0);
	buf_done(&text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("transport");
	TCase *t = tcase_create("transport");
	lab = lab_new();
	lab_begin(lab); /* libuv opens a pipe of its own with the first loop */
	lab_end(lab);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
#define LOOP_TEST(test, rows) tcase_add_loop_test(t, test, 0, (int)(sizeof(rows) / sizeof((rows)[0])))
	LOOP_TEST(test_local_runs_here, local_rows);
	tcase_add_test(t, test_local_free_answers_all);
	LOOP_TEST(test_replay_names_files, names);
	tcase_add_test(t, test_replay_answers_from_files);
	tcase_add_test(t, test_job_queue_gives_up_the_late);
	tcase_add_test(t, test_backoff_grows_with_jitter);
	tcase_add_test(t, test_backoff_says_when);
	LOOP_TEST(test_tap_names_the_missing_algorithm, kex_rows);
	tcase_add_test(t, test_tap_survives_damage);
	LOOP_TEST(test_openssh_prose, prose);
	tcase_add_test(t, test_openssh_recorded_prose);
	LOOP_TEST(test_key_file_is_looked_at, keys);
	tcase_add_test(t, test_key_file_survives_damage);
	suite_add_tcase(s, t);
	int rc = suite_run(s);
	lab_free(lab);
	return rc;
}
