/* SPDX-License-Identifier: Apache-2.0
 *
 * What kept SSH sessions take beside the polls that they carry: memory that stays resident, and the CPU of connecting.
 * All of them go to one sshd on 127.0.0.1, which is another process and not counted. Prints one line: "session", their
 * number, bytes resident a session, bytes of heap a session, microseconds of CPU to connect one. What a poll costs is
 * measured by tests/bench/run on a whole catchmentd. Usage: bench_session SESSIONS, called by tests/bench/run.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../unit/sshd.h"

#define COMMAND      "echo BIRD 2.0.12 ready."
#define SESSIONS_MAX 500
#define WARM_UP      4

static double
cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void
must(const struct call *c)
{
	if (c->code == ERR_OK)
		return;
	fprintf(stderr, "bench_session: %s\n", c->text);
	exit(1);
}

static size_t
resident_bytes(void)
{
	unsigned long pages = 0, unused = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%lu %lu", &unused, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

struct many {
	struct lab_node *nodes;
	struct call *calls;
	int n;
};

static bool
are_done(void *arg)
{
	const struct many *m = arg;
	for (int i = 0; i < m->n; i++)
		if (!m->calls[i].is_done)
			return false;
	return true;
}

static void
poll_all(struct lab *lab, struct transport *t, struct many *m)
{
	for (int i = 0; i < m->n; i++)
		call_start(lab, t, &m->nodes[i].node, COMMAND, 60000, &m->calls[i]);
	while (!are_done(m))
		loop_turn(lab_loop(lab), true);
	for (int i = 0; i < m->n; i++)
		must(&m->calls[i]);
}

static void
measure(struct lab *lab, struct transport *t, uint16_t port, int sessions)
{
	struct many m = { xcalloc((size_t)sessions, sizeof *m.nodes), xcalloc((size_t)sessions, sizeof *m.calls), sessions };
	for (int i = 0; i < sessions; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%d", i);
		lab_node_init(lab, &m.nodes[i], name, port);
		memset(&m.calls[i], 1, sizeof m.calls[i]); /* so that the pages are there before we look */
	}
	/* what the library takes once is no session's */
	struct many first = { m.nodes, m.calls, sessions > WARM_UP ? WARM_UP : 0 };
	poll_all(lab, t, &first);
	m = (struct many){ m.nodes + first.n, m.calls + first.n, sessions - first.n };
	size_t before = resident_bytes();
	struct mallinfo2 heap = mallinfo2();
	double cpu = cpu_us();
	poll_all(lab, t, &m);
	printf("session %d %.0f %.0f %.0f\n", m.n, ((double)resident_bytes() - (double)before) / m.n,
		((double)mallinfo2().uordblks - (double)heap.uordblks) / m.n, (cpu_us() - cpu) / m.n);
	free(first.nodes);
	free(first.calls);
}

int
main(int argc, char **argv)
{
	int sessions = argc == 2 ? atoi(argv[1]) : 0;
	struct transport_limits limits = TRANSPORT_LIMITS_DEFAULT;
	struct err err = ERR_INIT;
	struct lab *lab = lab_new();
	struct buf pins = BUF_INIT(4096);
	if (sessions < 1 || sessions > SESSIONS_MAX) {
		fprintf(stderr, "usage: bench_session SESSIONS, 1 to %d\n", SESSIONS_MAX);
		return 2;
	}
	if (lab_why_not(lab)) {
		fprintf(stderr, "bench_session: %s\n", lab_why_not(lab));
		return 1;
	}
	lab_begin(lab);
	struct sshd *d = sshd_start(lab, "ed25519", "LogLevel INFO\nMaxStartups 1000\n");
	sshd_pin(lab, sshd_port(d), "ed25519", "", &pins);
	lab_write(lab, "known_hosts", buf_text(&pins));
	struct transport *ssh = transport_ssh_new(lab_loop(lab), &limits, &err);
	if (!ssh) {
		fprintf(stderr, "bench_session: %s\n", err.text);
		return 1;
	}
	measure(lab, ssh, sshd_port(d), sessions);
	ssh->ops->free(ssh);
	buf_done(&pins);
	lab_end(lab);
	lab_free(lab);
	return 0;
}
