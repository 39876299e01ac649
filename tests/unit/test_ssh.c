/* SPDX-License-Identifier: Apache-2.0
 *
 * The SSH transport against a real sshd, and against what else may answer on its port. Each test starts from a fresh
 * transport and must leave no descriptor behind. Without an sshd that may be run here the suite says so and is skipped.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
	lab = lab_new();
	ssh = transport_ssh_new(lab_loop(lab), &limits, &err);
	ck_assert_msg(ssh != NULL, "%s", err.text);
}

static void
teardown(void)
{
	if (ssh)
		ssh->ops->free(ssh);
	ssh = NULL;
	lab_free(lab);
	ck_assert_uint_eq(lab_count_fds(), fds_before);
}

static struct lab_node fra;

static void
free_node(struct lab_node *n)
{
	free((char *)(uintptr_t)n->conf.ssh.observe_key);
	free((char *)(uintptr_t)n->conf.ssh.known_hosts);
	memset(n, 0, sizeof *n);
}

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
	free_node(&fra);
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
	free_node(&fra);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ssh");
	TCase *t = tcase_create("ssh");
	struct lab *probe = lab_new();
	const char *why_not = lab_why_not(probe);
	lab_free(probe);
	if (why_not) {
		printf("SKIP: %s\n", why_not);
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_ssh_polls_on_kept_session);
	suite_add_tcase(s, t);
	return suite_run(s);
}
