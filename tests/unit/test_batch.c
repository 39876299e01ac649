/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch script through real shells: what each command printed comes back as its own part, and nothing that was cut,
 * killed or mixed ever becomes a reply. Every case runs with each shell found here (dash or whatever sh is, bash, busybox)
 * and with each set of tools a node may have (GNU, busybox, hardly any), the last by a PATH of our own.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/batch.h"
#include "suite.h"

#define NONCE "0123456789abcdef0123456789abcdef"
static const struct transport_limits limits = { .reply_max = 200000, .stderr_max = 4096, .handshakes_max = 1 };

struct shell {
	const char *name;
	const char *argv[3]; /* before -c */
};
static const struct shell shells[] = {
	{ "sh", { "/bin/sh", NULL } },
	{ "bash", { "/bin/bash", NULL } },
	{ "busybox", { "/bin/busybox", "sh", NULL } },
};

/* Folders of links that stand for nodes with fewer tools; "" is this machine as it is. */
static char tool_folders[3][64];
static const char *const tool_names[] = { "as here", "busybox tools", "no timeout" };

static void
link_tool(const char *folder, const char *name, const char *target)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	ck_assert_int_eq(symlink(target, path), 0);
}

static void
make_tool_folders(void)
{
	static const char *const few[] = { "sleep", "sh", "cat", "yes", "printf", "true", "head" };
	for (int i = 1; i < 3; i++) {
		snprintf(tool_folders[i], sizeof tool_folders[i], "/tmp/catchment-batch-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(tool_folders[i]));
		for (size_t k = 0; k < sizeof few / sizeof few[0]; k++) {
			char target[64];
			snprintf(target, sizeof target, "/bin/%s", few[k]);
			link_tool(tool_folders[i], few[k], target);
		}
	}
	link_tool(tool_folders[1], "dd", "/bin/busybox");
	link_tool(tool_folders[1], "timeout", "/bin/busybox");
	link_tool(tool_folders[1], "setsid", "/bin/busybox");
	link_tool(tool_folders[2], "dd", "/bin/dd");
}

static void
drop_tool_folders(void)
{
	for (int i = 1; i < 3; i++) {
		char command[128];
		snprintf(command, sizeof command, "rm -rf %s", tool_folders[i]);
		if (system(command) != 0)
			fprintf(stderr, "could not remove %s\n", tool_folders[i]);
	}
}

static bool
can_run(size_t shell, size_t tools)
{
	if (access(shells[shell].argv[0], X_OK) == -1)
		return false;
	return tools != 1 || access("/bin/busybox", X_OK) == 0;
}

/* Feeds both streams until the batch says it is over or both are closed. Returns false on the test's own deadline. */
static bool
pump(struct batch *b, int out, int err)
{
	struct pollfd fds[2] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
	struct mono end = mono_add_ms(clock_mono(), 15000);
	while ((fds[0].fd != -1 || fds[1].fd != -1) && !batch_is_over(b)) {
		int64_t left = mono_ms_since(end, clock_mono());
		if (left <= 0 || poll(fds, 2, (int)left) <= 0)
			return false;
		for (int i = 0; i < 2; i++) {
			char chunk[7000];
			if (fds[i].fd == -1 || fds[i].revents == 0)
				continue;
			ssize_t n = read(fds[i].fd, chunk, sizeof chunk);
			if (n <= 0)
				fds[i].fd = -1;
			else if (i == 0)
				batch_feed_out(b, chunk, (size_t)n);
			else
				batch_feed_err(b, chunk, (size_t)n);
		}
	}
	return true;
}

static pid_t
start(const char *const *argv, const char *path, int *out, int *err)
{
	int o[2], e[2];
	ck_assert_int_eq(pipe2(o, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(e, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		dup2(o[1], 1);
		dup2(e[1], 2);
		if (path[0])
			setenv("PATH", path, 1);
		execv(argv[0], (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(o[1]);
	close(e[1]);
	*out = o[0];
	*err = e[0];
	return pid;
}

/* Runs argv (a shell with the script) and judges. */
static int
run_argv(struct batch *b, const char *const *argv, const char *path, struct reply *reply, struct err *err)
{
	int out, errfd, status;
	pid_t pid = start(argv, path, &out, &errfd);
	bool in_time = pump(b, out, errfd);
	close(out);
	close(errfd);
	if (batch_is_over(b) || !in_time)
		kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	ck_assert_msg(in_time, "the script did not end");
	struct batch_end end = { BATCH_END_EXIT, WIFEXITED(status) ? WEXITSTATUS(status) : -1, NULL };
	if (WIFSIGNALED(status))
		end = (struct batch_end){ BATCH_END_SIGNAL, -1, "KILL" };
	return batch_finish(b, &end, reply, err);
}

static int
run(struct batch *b, size_t shell, size_t tools, struct reply *reply, struct err *err)
{
	const char *argv[6];
	size_t n = 0;
	for (const char *const *p = shells[shell].argv; *p; p++)
		argv[n++] = *p;
	argv[n++] = "-c";
	argv[n++] = batch_script(b);
	argv[n] = NULL;
	return run_argv(b, argv, tool_folders[tools], reply, err);
}

static struct batch *
make(const struct request *r, int64_t timeout_ms)
{
	struct err err = ERR_INIT;
	struct batch *b = batch_new(r, &limits, NONCE, timeout_ms, &err);
	ck_assert_msg(b != NULL, "%s", err.text);
	return b;
}

/* One command through every shell and tool set; `want` is what must come of it. */
struct one {
	const char *argv[4];
	enum err_code want; /* ERR_OK: a reply with the rest of the row */
	int status;
	const char *out, *err;
	size_t out_len; /* 0: strlen(out) */
	const char *says; /* part of the error */
};

static const struct one ones[] = {
	{ { "sh", "-c", "echo one; echo two >&2; exit 3" }, ERR_OK, 3, "one\n", "two\n" },
	{ { "true" }, ERR_OK, 0, "", "" },
	{ { "printf", "no newline" }, ERR_OK, 0, "no newline", "" },
	{ { "printf", "a\\000b\\n\\000" }, ERR_OK, 0, "a\0b\n\0", "", 5 },
	{ { "printf", "%s", "it's \\ $HOME `id` \"x\" !! * \n;&|<>()" }, ERR_OK, 0, "it's \\ $HOME `id` \"x\" !! * \n;&|<>()", "" },
	{ { "sh", "-c", "(sleep 20 &); echo done" }, ERR_OK, 0, "done\n", "" },
	{ { "sh", "-c", "sleep 20 & echo done" }, ERR_OK, 0, "done\n", "" },
	{ { "catchment-no-such-command" }, ERR_OK, 127, "", NULL },
	{ { "sh", "-c", "cat; echo $?" }, ERR_OK, 0, "0\n", "" }, /* standard input is empty */
	{ { "sh", "-c", "echo half; kill -9 $$" }, ERR_OK, 137, "", "" },
	{ { "yes" }, ERR_TOO_LARGE, .says = "200000" },
	{ { "sh", "-c", "yes | head -c 199999" }, ERR_OK, 0, NULL, "", 199999 },
	{ { "sh", "-c", "yes 1234567 | head -c 40000 >&2; echo x" }, ERR_OK, 0, "x\n", NULL },
};

static bool
needs_group(const struct one *o)
{
	return o->argv[2] && strstr(o->argv[2], "sleep 20") != NULL;
}

static void
check_one(const struct one *o, size_t shell, size_t tools)
{
	struct request r;
	request_init(&r);
	request_add_command(&r, "tag", o->argv[0], o->argv[1], o->argv[1] ? o->argv[2] : NULL, NULL);
	request_add_command(&r, "", "printf", "after", NULL);
	struct batch *b = make(&r, 9000);
	struct reply reply;
	struct err err = ERR_INIT;
	int rc = run(b, shell, tools, &reply, &err);
	const char *what = o->argv[2] ? o->argv[2] : o->argv[0];
	if (o->want != ERR_OK) {
		ck_assert_msg(rc == -1 && err.code == o->want, "%s, %s, %s: %s", shells[shell].name, tool_names[tools], what, err.text);
		ck_assert_msg(strstr(err.text, o->says) != NULL, "%s", err.text);
	} else {
		ck_assert_msg(rc == 0, "%s, %s, %s: %s", shells[shell].name, tool_names[tools], what, err.text);
		ck_assert_uint_eq(reply.n_parts, 2);
		const struct reply_part *p = &reply.parts[0];
		size_t len = o->out_len ? o->out_len : strlen(o->out);
		ck_assert_str_eq(p->tag, "tag");
		ck_assert_msg(p->status == o->status, "%s, %s, %s: status %d", shells[shell].name, tool_names[tools], what, p->status);
		ck_assert_uint_eq(p->out.len, len);
		if (o->out)
			ck_assert_mem_eq(p->out.data, o->out, len);
		if (o->err)
			ck_assert(slice_equal(p->err, o->err));
		else
			ck_assert(p->err.len > 0 && p->err.len <= limits.stderr_max);
		ck_assert(slice_equal(reply.parts[1].out, "after"));
		ck_assert_int_eq(reply.parts[1].status, 0);
	}
	batch_free(b);
	request_done(&r);
}

START_TEST(test_batch_parts_survive_shells_and_tools)
{
	for (size_t shell = 0; shell < sizeof shells / sizeof shells[0]; shell++)
		for (size_t tools = 0; tools < 3; tools++) {
			/* without a tool that makes a process group what was left behind cannot be found and killed */
			if (can_run(shell, tools) && !(tools == 2 && needs_group(&ones[_i])))
				check_one(&ones[_i], shell, tools);
		}
}
END_TEST

/* A killed or stopped command has no output; with no other command there is no reply. */
START_TEST(test_batch_fails_when_all_were_killed)
{
	for (size_t shell = 0; shell < sizeof shells / sizeof shells[0]; shell++) {
		for (size_t tools = 0; tools < 3; tools++) {
			static const char *const commands[] = { "echo half; kill -9 $$", "kill -9 $PPID" };
			if (!can_run(shell, tools))
				continue;
			for (size_t i = 0; i < 2; i++) {
				struct request r;
				request_init(&r);
				request_add_command(&r, "", "sh", "-c", commands[i], NULL);
				struct batch *b = make(&r, 9000);
				struct reply reply;
				struct err err = ERR_INIT;
				ck_assert_int_eq(run(b, shell, tools, &reply, &err), -1);
				ck_assert_msg(err.code == ERR_KILLED, "%s", err.text);
				batch_free(b);
				request_done(&r);
			}
		}
	}
}
END_TEST

/* A frozen daemon costs its own tool's commands, once, and not those of others. */
START_TEST(test_batch_goes_on_after_hung_tool)
{
	for (size_t tools = 0; tools < 2; tools++) {
		if (!can_run(0, tools))
			continue;
		struct request r;
		request_init(&r);
		request_add_command(&r, "", "sleep", "20", NULL);
		request_add_command(&r, "", "sleep", "21", NULL);
		request_add_command(&r, "", "printf", "fine", NULL);
		struct batch *b = make(&r, 600);
		struct reply reply;
		struct err err = ERR_INIT;
		struct mono start = clock_mono();
		ck_assert_msg(run(b, 0, tools, &reply, &err) == 0, "%s", err.text);
		ck_assert_int_lt(mono_ms_since(clock_mono(), start), 10000);
		ck_assert_int_eq(reply.parts[0].status, 124);
		ck_assert_int_eq(reply.parts[1].status, 124);
		ck_assert(slice_equal(reply.parts[2].out, "fine"));
		batch_free(b);
		request_done(&r);
	}
}
END_TEST

START_TEST(test_batch_stops_hung_command)
{
	for (size_t tools = 0; tools < 2; tools++) {
		if (!can_run(0, tools))
			continue;
		struct request r;
		request_init(&r);
		request_add_command(&r, "", "sleep", "20", NULL);
		struct batch *b = make(&r, 300);
		struct reply reply;
		struct err err = ERR_INIT;
		ck_assert_int_eq(run(b, 0, tools, &reply, &err), -1);
		ck_assert_msg(err.code == ERR_TIMEOUT, "%s", err.text);
		ck_assert_msg(strstr(err.text, "sleep") != NULL, "%s", err.text);
		batch_free(b);
		request_done(&r);
	}
}
END_TEST

/* What a login shell makes of the line; sh -c 'exec ...' is what sshd runs. */
START_TEST(test_batch_survives_login_shells)
{
	static const char *const logins[] = { "/bin/sh", "/bin/bash", "/bin/tcsh", "/usr/bin/fish", "/bin/busybox" };
	static const char nasty[] = "it's \\' $HOME `id` \"x\" !! !$ * %s\\n '\\\\' ~ {a,b} [a] ^ #";
	size_t tried = 0;
	for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
		if (access(logins[i], X_OK) == -1)
			continue;
		struct request r;
		request_init(&r);
		request_add_command(&r, "", "printf", "%s", nasty, NULL);
		struct batch *b = make(&r, 9000);
		ck_assert_ptr_null(strchr(batch_login_line(b), '\n'));
		const char *argv[] = { logins[i], "-c", batch_login_line(b), NULL };
		const char *box[] = { logins[i], "sh", "-c", batch_login_line(b), NULL };
		struct reply reply;
		struct err err = ERR_INIT;
		int rc = run_argv(b, strstr(logins[i], "busybox") ? box : argv, "", &reply, &err);
		ck_assert_msg(rc == 0, "%s: %s", logins[i], err.text);
		ck_assert_msg(slice_equal(reply.parts[0].out, nasty), "%s: %.*s", logins[i], (int)reply.parts[0].out.len,
			reply.parts[0].out.data);
		batch_free(b);
		request_done(&r);
		tried++;
	}
	ck_assert_uint_ge(tried, 2);
}
END_TEST

START_TEST(test_batch_finds_sbin)
{
	struct request r;
	request_init(&r);
	request_add_command(&r, "", "sh", "-c", "echo $PATH $LC_ALL", NULL);
	struct batch *b = make(&r, 9000);
	struct reply reply;
	struct err err = ERR_INIT;
	ck_assert_msg(run(b, 0, 0, &reply, &err) == 0, "%s", err.text);
	ck_assert(slice_contains(reply.parts[0].out, ":/usr/sbin:/sbin C\n"));
	batch_free(b);
	request_done(&r);
}
END_TEST

/* A listing of processes on the node must not contain the nonce, or it could pass for a trailer. */
START_TEST(test_batch_hides_nonce)
{
	struct request r;
	request_init(&r);
	request_add_command(&r, "", "true", NULL);
	struct batch *b = make(&r, 1000);
	ck_assert_ptr_null(strstr(batch_script(b), NONCE));
	ck_assert_ptr_null(strstr(batch_login_line(b), NONCE));
	batch_free(b);
	request_done(&r);
}
END_TEST

#define GOOD_OUT \
	"motd\n" NONCE " begin\nfirst\n" NONCE " 0 6 0+1 0\nsecond" NONCE " 1 6 0+1 1\n" NONCE " end\n"
#define GOOD_ERR NONCE " begin\n" NONCE " 0\nbad\n" NONCE " 1\n" NONCE " end\n"

static int
judge(const char *out, size_t out_len, const char *errors, size_t err_len, const struct batch_end *end, struct err *err,
	bool by_byte)
{
	struct request r;
	request_init(&r);
	request_add_command(&r, "a", "first", NULL);
	request_add_command(&r, "b", "second", NULL);
	struct batch *b = make(&r, 1000);
	size_t step = by_byte ? 1 : out_len;
	for (size_t i = 0; i < out_len; i += step)
		batch_feed_out(b, out + i, step);
	if (err_len > 0)
		batch_feed_err(b, errors, err_len);
	struct reply reply;
	int rc = batch_finish(b, end, &reply, err);
	if (rc == 0) {
		ck_assert(slice_equal(reply.parts[0].out, "first\n"));
		ck_assert(slice_equal(reply.parts[1].out, "second"));
		ck_assert_int_eq(reply.parts[1].status, 1);
		ck_assert(slice_equal(reply.parts[1].err, "bad\n"));
		ck_assert(slice_equal(reply.parts[0].err, ""));
	}
	batch_free(b);
	request_done(&r);
	return rc;
}

START_TEST(test_batch_truncated_anywhere_is_no_reply)
{
	static const struct batch_end exit_0 = { BATCH_END_EXIT, 0, NULL };
	size_t len = strlen(GOOD_OUT);
	struct err err = ERR_INIT;
	ck_assert_int_eq(judge(GOOD_OUT, len, GOOD_ERR, strlen(GOOD_ERR), &exit_0, &err, false), 0);
	ck_assert_int_eq(judge(GOOD_OUT, len, GOOD_ERR, strlen(GOOD_ERR), &exit_0, &err, true), 0);
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(judge(GOOD_OUT, cut, GOOD_ERR, strlen(GOOD_ERR), &exit_0, &err, false), -1);
	/* one byte lost in the middle of a command's output */
	for (size_t at = strlen("motd\n" NONCE " begin\n"); at < len; at++) {
		char text[sizeof GOOD_OUT];
		memcpy(text, GOOD_OUT, at);
		memcpy(text + at, &GOOD_OUT[at + 1], len - at);
		ck_assert_int_eq(judge(text, len - 1, GOOD_ERR, strlen(GOOD_ERR), &exit_0, &err, false), -1);
	}
}
END_TEST

struct ending {
	const char *out, *err;
	struct batch_end end;
	enum err_code want;
	const char *says;
};
static const struct ending endings[] = {
	{ "", "", { BATCH_END_EXIT, 0, NULL }, ERR_BAD_REPLY, "forced command" },
	{ "This account is currently not available.\n", "", { BATCH_END_EXIT, 1, NULL }, ERR_BAD_REPLY, "currently not available" },
	{ "", "bash: line 1: /bin/sh: \033[31mPermission denied\n", { BATCH_END_EXIT, 126, NULL }, ERR_BAD_REPLY, "\\u{1b}[31m" },
	{ NONCE " begin\nfirst\n", "", { BATCH_END_EXIT, 0, NULL }, ERR_KILLED, "last trailer" },
	{ NONCE " begin\nfirst\n", "", { BATCH_END_SIGNAL, -1, "KILL" }, ERR_KILLED, "signal KILL" },
	{ NONCE " begin\nfirst\n", "", { BATCH_END_LOST, -1, NULL }, ERR_CONN_LOST, "connection" },
	{ NONCE " begin\nfirst\n" NONCE " 0 7 0+1 0\n" NONCE " 1 0 0+0 0\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL },
		ERR_BAD_REPLY, "wrote 7 bytes, 6 arrived" },
	{ NONCE " begin\nfirst\n" NONCE " 0 - 1+0 0\n" NONCE " 1 - 0+0 0\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL },
		ERR_BAD_REPLY, "1+0 blocks" },
	{ NONCE " begin\nfirst\n" NONCE " 0 - - 0\n" NONCE " 1 - - 0\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL }, ERR_BAD_REPLY,
		"dd" },
	{ NONCE " begin\n" NONCE " 0 0 0+0 137\n" NONCE " 1 0 0+0 124\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL }, ERR_KILLED,
		"signal 9" },
	{ NONCE " begin\n" NONCE " 0 0 0+0 124\n" NONCE " 1 0 0+0 137\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL }, ERR_TIMEOUT,
		"first did not end within 0.5 s" },
	{ NONCE " begin\n" NONCE " 1 0 0+0 0\n" NONCE " 0 0 0+0 0\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL }, ERR_BAD_REPLY,
		"" },
	{ NONCE " begin\n" NONCE " 0 0 0+0 -\n" NONCE " 1 0 0+0 0\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL }, ERR_KILLED,
		"shell" },
	{ NONCE " begin\n" NONCE " 0 0 0+0 0\n" NONCE " 1 0 0+0 256\n" NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL },
		ERR_BAD_REPLY, "trailer cannot be read" },
	{ NONCE " end\n", "", { BATCH_END_EXIT, 0, NULL }, ERR_BAD_REPLY, "without having begun" },
};

START_TEST(test_batch_says_how_it_ended)
{
	const struct ending *e = &endings[_i];
	struct err err = ERR_INIT;
	ck_assert_int_eq(judge(e->out, strlen(e->out), e->err, strlen(e->err), &e->end, &err, false), -1);
	ck_assert_msg(err.code == e->want && strstr(err.text, e->says), "%s: %s", err_code_name(err.code), err.text);
}
END_TEST

START_TEST(test_batch_refuses_what_does_not_fit)
{
	struct request r;
	request_init(&r);
	struct err err = ERR_INIT;
	ck_assert_ptr_null(batch_new(&r, &limits, NONCE, 1000, &err));
	char *big = xmalloc(BATCH_SCRIPT_MAX);
	memset(big, 'x', BATCH_SCRIPT_MAX - 1);
	big[BATCH_SCRIPT_MAX - 1] = '\0';
	request_add_command(&r, "", "echo", big, NULL);
	ck_assert_ptr_null(batch_new(&r, &limits, NONCE, 1000, &err));
	ck_assert_int_eq(err.code, ERR_TOO_LARGE);
	ck_assert_ptr_null(batch_new(&r, &limits, "short", 1000, &err));
	free(big);
	request_done(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = tcase_create("batch");
	tcase_add_unchecked_fixture(t, make_tool_folders, drop_tool_folders);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_batch_parts_survive_shells_and_tools, 0, sizeof ones / sizeof ones[0]);
	tcase_add_test(t, test_batch_fails_when_all_were_killed);
	tcase_add_test(t, test_batch_goes_on_after_hung_tool);
	tcase_add_test(t, test_batch_stops_hung_command);
	tcase_add_test(t, test_batch_survives_login_shells);
	tcase_add_test(t, test_batch_finds_sbin);
	tcase_add_test(t, test_batch_hides_nonce);
	tcase_add_test(t, test_batch_truncated_anywhere_is_no_reply);
	tcase_add_loop_test(t, test_batch_says_how_it_ended, 0, sizeof endings / sizeof endings[0]);
	tcase_add_test(t, test_batch_refuses_what_does_not_fit);
	suite_add_tcase(s, t);
	return suite_run(s);
}
