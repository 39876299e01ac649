/* SPDX-License-Identifier: Apache-2.0
 *
 * What one SSH poll costs the backend: CPU of this process on a kept session, against a new `ssh` per poll, the system's
 * ssh through a ControlMaster, and clush through ControlMasters, each asking the same sshd on 127.0.0.1 the same three
 * commands; and the memory that a kept session takes. CPU is user + system time of our process (getrusage) or of the
 * children we waited for; what sshd and the commands themselves cost is the same for all and not counted. Prints one row
 * a way with its ratio to ours. Usage: bench_ssh [POLLS] [SESSIONS]. Never run as a test.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../unit/sshd.h"

#define COMMAND "echo BIRD 2.0.12 ready."

struct cost {
	const char *name;
	double cpu_ms, wall_ms; /* a poll */
};

static double
cpu_s(int who)
{
	struct rusage u;
	getrusage(who, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
must(const struct call *c)
{
	if (c->code == ERR_OK)
		return;
	fprintf(stderr, "bench_ssh: %s\n", c->text);
	exit(1);
}

/* Polls through a transport; CPU of this process, and for one that spawns also of its children. */
static struct cost
measure_transport(struct lab *lab, struct transport *t, const struct node *node, const char *name, int polls, bool spawns)
{
	struct call c;
	call_run(lab, t, node, COMMAND, 10000, &c);
	must(&c);
	double cpu = cpu_s(RUSAGE_SELF) + (spawns ? cpu_s(RUSAGE_CHILDREN) : 0);
	struct mono start = clock_mono();
	for (int i = 0; i < polls; i++) {
		call_run(lab, t, node, COMMAND, 10000, &c);
		must(&c);
	}
	cpu = cpu_s(RUSAGE_SELF) + (spawns ? cpu_s(RUSAGE_CHILDREN) : 0) - cpu;
	return (struct cost){ name, cpu / polls * 1e3, mono_s_since(clock_mono(), start) / polls * 1e3 };
}

/* Runs a shell line; CPU of the children. The line must cost nothing itself beside what is measured. */
static struct cost
measure_line(const char *line, const char *name, int polls)
{
	double cpu = cpu_s(RUSAGE_CHILDREN);
	struct mono start = clock_mono();
	for (int i = 0; i < polls; i++) {
		if (system(line) != 0) {
			fprintf(stderr, "bench_ssh: failed: %s\n", line);
			exit(1);
		}
	}
	cpu = cpu_s(RUSAGE_CHILDREN) - cpu;
	return (struct cost){ name, cpu / polls * 1e3, mono_s_since(clock_mono(), start) / polls * 1e3 };
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
measure_memory(struct lab *lab, struct transport *t, uint16_t port, int sessions)
{
	struct many m = { xcalloc((size_t)sessions, sizeof *m.nodes), xcalloc((size_t)sessions, sizeof *m.calls), sessions };
	for (int i = 0; i < sessions; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%d", i);
		lab_node_init(lab, &m.nodes[i], name, port);
		memset(&m.calls[i], 1, sizeof m.calls[i]); /* so that the pages are there before we look */
	}
	size_t before = resident_bytes();
	struct mallinfo2 heap = mallinfo2();
	double cpu = cpu_s(RUSAGE_SELF);
	poll_all(lab, t, &m);
	double connect_ms = (cpu_s(RUSAGE_SELF) - cpu) / sessions * 1e3;
	printf("%d kept sessions: %.1f KiB resident each, %.1f KiB of heap each; connecting cost %.2f ms CPU each\n", sessions,
		(double)(resident_bytes() - before) / sessions / 1024, (double)(mallinfo2().uordblks - heap.uordblks) / sessions / 1024,
		connect_ms);
	cpu = cpu_s(RUSAGE_SELF);
	for (int i = 0; i < 5; i++)
		poll_all(lab, t, &m);
	printf("polling all of them: %.3f ms CPU a poll\n", (cpu_s(RUSAGE_SELF) - cpu) / sessions / 5 * 1e3);
	free(m.nodes);
	free(m.calls);
}

static void
print_costs(const struct cost *costs, size_t n)
{
	printf("%-44s %10s %10s %10s\n", "one poll", "CPU ms", "wall ms", "x ours");
	for (size_t i = 0; i < n; i++)
		printf("%-44s %10.3f %10.2f %10.1f\n", costs[i].name, costs[i].cpu_ms, costs[i].wall_ms,
			costs[i].cpu_ms / costs[0].cpu_ms);
}

int
main(int argc, char **argv)
{
	int polls = argc > 1 ? atoi(argv[1]) : 200, sessions = argc > 2 ? atoi(argv[2]) : 50;
	struct transport_limits limits = TRANSPORT_LIMITS_DEFAULT;
	struct err err = ERR_INIT;
	struct lab *lab = lab_new();
	struct lab_node node;
	struct buf pins = BUF_INIT(4096);
	struct cost costs[5];
	size_t n = 0;
	char line[2048], options[1024];
	if (lab_why_not(lab)) {
		printf("SKIP: %s\n", lab_why_not(lab));
		return 77;
	}
	lab_begin(lab);
	struct sshd *d = sshd_start(lab, "ed25519", "LogLevel INFO\nMaxStartups 1000\n");
	sshd_pin(lab, sshd_port(d), "ed25519", "", &pins);
	lab_write(lab, "known_hosts", buf_text(&pins));
	lab_node_init(lab, &node, "fra1", sshd_port(d));
	struct transport *ssh = transport_ssh_new(lab_loop(lab), &limits, &err);
	struct transport *system_ssh = transport_openssh_new(lab_loop(lab), &limits, lab_path(lab, "control"), &err);
	if (!ssh || !system_ssh) {
		fprintf(stderr, "bench_ssh: %s\n", err.text);
		return 1;
	}
	snprintf(options, sizeof options,
		"-F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=%s -o IdentitiesOnly=yes -i %s -p %u",
		node.known_hosts, node.key, sshd_port(d));
	costs[n++] = measure_transport(lab, ssh, &node.node, "kept libssh2 session (ours)", polls, false);
	costs[n++] = measure_transport(lab, system_ssh, &node.node, "system ssh, ControlMaster (ours, fall-back)", polls / 4, true);
	snprintf(line, sizeof line, "exec ssh %s 127.0.0.1 'echo one; echo two; echo three' >/dev/null", options);
	costs[n++] = measure_line(line, "a new ssh", polls / 10);
	if (system("command -v clush >/dev/null") == 0) {
		snprintf(line, sizeof line,
			"exec clush -q -o '%s -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=%s' -w 127.0.0.1"
			" 'echo one; echo two; echo three' >/dev/null 2>&1",
			options, lab_path(lab, "clush"));
		measure_line(line, "", 1);
		costs[n++] = measure_line(line, "clush with ControlMaster, one node a call", polls / 10);
		snprintf(line, sizeof line, "ssh -O exit -S %s 127.0.0.1 2>/dev/null", lab_path(lab, "clush"));
		if (system(line) != 0)
			fprintf(stderr, "bench_ssh: clush left no master to end\n");
	}
	print_costs(costs, n);
	measure_memory(lab, ssh, sshd_port(d), sessions);
	ssh->ops->free(ssh);
	system_ssh->ops->free(system_ssh);
	buf_done(&pins);
	lab_end(lab);
	lab_free(lab);
	return 0;
}
