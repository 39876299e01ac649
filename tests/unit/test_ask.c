/* SPDX-License-Identifier: Apache-2.0
 *
 * The question of plain commands on a pseudo terminal: what was typed after it was read is the answer; what was there
 * before, what is pasted and what never comes is not. A thread plays the person; the clock stands still but for what the
 * person lets pass.
 */
#include <pthread.h>
#include <pty.h>
#include <string.h>
#include <unistd.h>

#include "console/ask.h"
#include "tests/unit/suite.h"

struct scene {
	const char *ahead; /* typed before the question */
	const char *types; /* typed after it, when it has stood there for so long */
	int64_t after_ms;
	bool hangs_up;
	int rc;
	const char *line, *says;
};

static const struct scene scenes[] = {
	{ NULL, "fra\n", 400, false, 0, "fra", NULL },
	{ NULL, "frx\177a\n", 400, false, 0, "fra", NULL },
	{ NULL, "\n", 400, false, 0, "", NULL },
	{ "fra\n", "no\n", 400, false, 0, "no", NULL },
	{ "fra", "\n", 400, false, 0, "", NULL },
	{ NULL, "fra\n", 50, false, -1, "", "nobody read it" },
	{ NULL, "\033[200~fra\033[201~\n", 400, false, 0, "\033[200~fra\033[201~", NULL },
	{ "fra\n", "", 60000, false, -1, "", "nobody answered within 60 s" },
	{ NULL, "fra", 60000, false, -1, "", "nobody answered within 60 s" },
	{ NULL, "", 400, true, -1, "", "nobody answered" },
};

/* The person and the clock: time stands still but for what the person lets pass. */
struct person {
	int fd, ready[2]; /* ready: a byte when the question stands there and the input is empty */
	_Atomic int64_t ms;
	_Atomic bool is_asked;
	const struct scene *scene;
};

static struct mono
on_now(void *arg)
{
	struct person *p = arg;
	if (!p->is_asked)
		ck_assert_int_eq(write(p->ready[1], "x", 1), 1);
	p->is_asked = true;
	return mono_add_ms((struct mono){ 1 }, p->ms);
}

static void *
play(void *arg)
{
	struct person *p = arg;
	char c;
	if (read(p->ready[0], &c, 1) != 1)
		return NULL;
	p->ms = p->scene->after_ms;
	if (write(p->fd, p->scene->types, strlen(p->scene->types)) == -1)
		return NULL;
	if (p->scene->hangs_up)
		close(p->fd);
	return NULL;
}

START_TEST(test_ask_takes_what_a_person_typed)
{
	const struct scene *scene = &scenes[_i];
	struct err err = ERR_INIT;
	char line[100];
	int master, slave;
	pthread_t thread;
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	ck_assert(ask_is_possible(slave, slave));
	if (scene->ahead)
		ck_assert_int_eq(write(master, scene->ahead, strlen(scene->ahead)), (ssize_t)strlen(scene->ahead));
	struct person person = { .fd = master, .scene = scene };
	const struct ask_at at = { .in = slave, .out = slave, .now = on_now, .arg = &person };
	ck_assert_int_eq(pipe(person.ready), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, play, &person), 0);
	int rc = ask_person(&at, "Really? ", line, sizeof line, &err);
	pthread_join(thread, NULL);
	ck_assert_msg(rc == scene->rc, "%d: %s", rc, err.text);
	ck_assert_str_eq(line, scene->line);
	if (scene->says) {
		ck_assert_int_eq(err.code, ERR_CONFIRM);
		ck_assert_msg(strstr(err.text, scene->says) != NULL, "%s", err.text);
	}
	if (!scene->hangs_up)
		close(master);
	close(slave);
	close(person.ready[0]);
	close(person.ready[1]);
}
END_TEST

/* Without a terminal at both ends nobody is asked. */
START_TEST(test_ask_needs_a_terminal)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert(!ask_is_possible(fds[0], fds[1]));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ask");
	TCase *tc = tcase_create("ask");
	tcase_add_loop_test(tc, test_ask_takes_what_a_person_typed, 0, sizeof scenes / sizeof *scenes);
	tcase_add_test(tc, test_ask_needs_a_terminal);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
