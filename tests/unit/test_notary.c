/* SPDX-License-Identifier: Apache-2.0
 *
 * What the system's log is told of the ledger: by a socket that stands for /dev/log, on a clock of the test's own.
 */
#include "backend/notary.h"
#include "memory_disk.h"
#include "suite.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct mono start = { INT64_C(1000000000000) };
static const struct wall noon = { INT64_C(1795520103000000000) };

struct bench {
	char path[64];
	int fd; /* the log's end; -1: there is none */
	struct loop *loop;
	struct memory_disk disk;
	struct ledger *ledger;
	struct notary *notary;
};

static void
open_log(struct bench *b)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", b->path);
	b->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(b->fd, (struct sockaddr *)&address, sizeof address), 0);
}

static void
bench_open(struct bench *b)
{
	struct err err = ERR_INIT;
	struct reasons notes = { 0 };
	*b = (struct bench){ .fd = -1, .disk = MEMORY_DISK_INIT };
	snprintf(b->path, sizeof b->path, "/tmp/catchment-log-%ld", (long)getpid());
	const struct ledger_disk disk = memory_disk(&b->disk);
	b->loop = loop_new(&err);
	b->ledger = ledger_open(&disk, noon, &notes, &err);
	b->notary = notary_new(b->loop, b->ledger, b->path);
}

static void
bench_close(struct bench *b)
{
	ledger_close(b->ledger);
	loop_turn(b->loop, false);
	loop_free(b->loop);
	buf_done(&b->disk.bytes);
	if (b->fd != -1)
		close(b->fd);
	unlink(b->path);
}

static void
put(struct bench *b, int n)
{
	struct err err = ERR_INIT;
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(ledger_note(b->ledger, "test", "something", NULL, noon, &err), 0);
}

/* The head that came, or 0 for none; it is that of the ledger as it was then. */
static uint64_t
heard(struct bench *b)
{
	char text[512], wanted[256];
	struct chain_head head;
	ssize_t n = recv(b->fd, text, sizeof text - 1, MSG_DONTWAIT);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	ledger_head(b->ledger, &head);
	snprintf(wanted, sizeof wanted, "<85>catchmentd[%ld]: audit head %llu:%s at 2026-11-24T11:35:03Z", (long)getpid(),
		(unsigned long long)head.seq, head.hash);
	ck_assert_str_eq(text, wanted);
	return head.seq;
}

START_TEST(test_notary_is_told_when_it_is_time)
{
	struct bench b;
	bench_open(&b);
	open_log(&b);
	notary_look(b.notary, start); /* an empty ledger has no head */
	ck_assert_uint_eq(heard(&b), 0);
	put(&b, 1);
	notary_look(b.notary, start); /* the first at once */
	ck_assert_uint_eq(heard(&b), 1);
	put(&b, 1);
	notary_look(b.notary, mono_add_ms(start, 59999));
	ck_assert_uint_eq(heard(&b), 0);
	notary_look(b.notary, mono_add_ms(start, 60000)); /* a minute */
	ck_assert_uint_eq(heard(&b), 2);
	notary_look(b.notary, mono_add_ms(start, 600000)); /* nothing new is nothing said */
	ck_assert_uint_eq(heard(&b), 0);
	put(&b, 255);
	notary_look(b.notary, mono_add_ms(start, 60001));
	ck_assert_uint_eq(heard(&b), 0);
	put(&b, 1);
	notary_look(b.notary, mono_add_ms(start, 60002)); /* 256 records */
	ck_assert_uint_eq(heard(&b), 258);
	put(&b, 1);
	notary_free(b.notary); /* the last, at the end */
	ck_assert_uint_eq(heard(&b), 259);
	ck_assert_uint_eq(heard(&b), 0);
	bench_close(&b);
}
END_TEST

/* Nobody there, or one that does not read: nothing waits, it is counted, and told as soon as it can be. */
START_TEST(test_notary_waits_for_nobody)
{
	struct bench b;
	bench_open(&b);
	put(&b, 1);
	notary_look(b.notary, start);
	notary_look(b.notary, mono_add_ms(start, 5000));
	ck_assert_uint_eq(notary_figures(b.notary).lost, 2);
	open_log(&b);
	notary_look(b.notary, mono_add_ms(start, 10000));
	ck_assert_uint_eq(heard(&b), 1);
	/* a full queue */
	for (int i = 0; i < 2000 && notary_figures(b.notary).lost == 2; i++) {
		put(&b, 1);
		notary_look(b.notary, mono_add_ms(start, 60000 * (i + 2)));
	}
	ck_assert_uint_eq(notary_figures(b.notary).lost, 3);
	notary_free(b.notary);
	bench_close(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("notary");
	TCase *tests = tcase_create("notary");
	tcase_add_test(tests, test_notary_is_told_when_it_is_time);
	tcase_add_test(tests, test_notary_waits_for_nobody);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
