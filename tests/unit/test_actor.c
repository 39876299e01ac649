/* SPDX-License-Identifier: Apache-2.0
 *
 * The real actor, as a child of this program, on nodes behind a real sshd: BIRD is played by a script that shows recorded
 * pages by what its drain.conf was when it was told to configure. Commit-confirm, operation numbers and undo are the node's
 * own (act_script.c), running in shells of this machine; the nodes keep their numbers in a folder of the test.
 *
 * This program started with --actor is catchmentd's child as catchmentd starts it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/actor_read.h"
#include "backend/actor_work.h"
#include "backend/planner.h"
#include "chaos.h"
#include "plugins/drivers.h"
#include "sshd.h"
#include "suite.h"

#define OP      "00a1b2c3d4e5f607"
#define NOBODY  65534
#define NODES   2

static const char *const names[NODES] = { "fra1", "fra2" };

static struct lab *lab;
static struct sshd *sshds[NODES];
static struct actors *actors;
static struct actor_port port;
static struct buf plan;
static struct chaos way; /* to fra1, when it is open */
static bool has_path;
static char config[128];

struct node_seen {
	char node[FLEET_NAME_MAX];
	enum err_code code;
	bool is_unknown;
	struct act_answer answer;
};
struct seen {
	enum actor_event_kind kind;
	char pop[FLEET_NAME_MAX], text[300];
	uint64_t number;
	bool is_ok;
	size_t n;
	struct node_seen nodes[64];
};
static struct seen seen[32];
static size_t n_seen;

static void
on_event(void *arg, const char *op, const struct actor_event *e)
{
	(void)arg;
	ck_assert_str_eq(op, OP);
	ck_assert_uint_lt(n_seen, 32);
	struct seen *s = &seen[n_seen++];
	memset(s, 0, sizeof *s);
	s->kind = e->kind;
	snprintf(s->pop, sizeof s->pop, "%s", e->pop);
	snprintf(s->text, sizeof s->text, "%s", e->text);
	s->number = e->number;
	s->is_ok = e->is_ok;
	s->n = e->n_nodes < 64 ? e->n_nodes : 64;
	for (size_t i = 0; i < s->n; i++) {
		snprintf(s->nodes[i].node, sizeof s->nodes[i].node, "%s", e->nodes[i].node);
		s->nodes[i].code = e->nodes[i].code;
		s->nodes[i].is_unknown = e->nodes[i].is_unknown;
		s->nodes[i].answer = e->nodes[i].answer;
	}
}

/* --- the nodes --- */

static const char fake_birdc[] =
	"#!/bin/sh\n"
	"[ \"$1\" = -r ] && shift\n"
	"echo \"$*\" >>\"$FAKE/asked\"\n"
	"value=$(sed -n 's/.*= *\\([0-9]*\\).*/\\1/p' \"$FAKE/running\")\n"
	"state=announced; [ \"$value\" = 1 ] && state=prefer-away; [ \"$value\" = 3 ] && state=filtered\n"
	"case \"$*\" in\n"
	"'configure check') if [ -e \"$FAKE/broken\" ]; then echo \"$FAKE/bird.conf:3:1 syntax error\" >&2; exit 1; fi;"
	" echo 'Configuration OK';;\n"
	"'configure confirm') echo 'Reconfiguration confirmed';;\n"
	"configure*) cp \"$FAKE/drain.conf\" \"$FAKE/running\"; echo Reconfigured;"
	" while [ -e \"$FAKE/hang\" ]; do sleep 0.1; done;;\n"
	"show*) cat \"$FIXTURES/plan-$state--$(echo \"$*\" | tr ' ' -).txt\";;\n"
	"esac\n";

static const char *
path_of(const char *node, const char *file)
{
	char name[64];
	snprintf(name, sizeof name, "%s/%s", node, file);
	return lab_path(lab, name);
}

static void
put(const char *node, const char *file, const char *text)
{
	FILE *f = fopen(path_of(node, file), "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	if (getuid() == 0)
		ck_assert_int_eq(chown(path_of(node, file), NOBODY, NOBODY), 0);
}

static void
take(const char *node, const char *file, char *out, size_t size)
{
	int fd = open(path_of(node, file), O_RDONLY);
	ssize_t n = fd == -1 ? 0 : read(fd, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
}

/* What BIRD was last configured with: "0", "1", "3". */
static bool
runs(const char *node, const char *value)
{
	char text[128];
	take(node, "running", text, sizeof text);
	const char *at = strchr(text, '=');
	return at && strncmp(at + 2, value, strlen(value)) == 0;
}

static void
make_node(const char *node)
{
	mkdir(path_of(node, "."), 0755);
	mkdir(lab_path(lab, node), 0755);
	if (getuid() == 0)
		ck_assert_int_eq(chown(lab_path(lab, node), NOBODY, NOBODY), 0);
	put(node, "drain.conf", "define DRAIN = 0;\n");
	put(node, "running", "define DRAIN = 0;\n");
	put(node, "asked", "");
	unlink(path_of(node, "broken"));
	unlink(path_of(node, "hang"));
}

/* Commands run as an account whose home the test may fill: as root, where the numbers would stand in /var/lib, as nobody. */
static struct sshd *
start_sshd(const char *node)
{
	char more[1024], folder[128];
	snprintf(folder, sizeof folder, "%s", lab_path(lab, node));
	const char *drop = getuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "";
	snprintf(more, sizeof more, "SetEnv HOME=%s FAKE=%s FIXTURES=%s PATH=%s:/usr/bin:/bin\nMaxSessions 20\nMaxStartups 100\n"
		"ForceCommand exec %ssh -c \"$SSH_ORIGINAL_COMMAND\"\n", folder, folder, lab_path(lab, "pages"),
		lab_path(lab, "bin"), drop);
	return sshd_start(lab, "ed25519", more);
}

static void
write_fleet(const uint16_t *ports, const char *act_key, const char *more)
{
	struct buf b = BUF_INIT(65536), pins = BUF_INIT(8192);
	buf_printf(&b, "fleet: test\nenvironment: unit\nservices:\n  ns: {prefixes: [192.0.2.0/24, \"2001:db8:53::/48\"]}\n"
		"defaults: {ssh: {observe_key: other, act_key: %s, known_hosts: known_hosts}}\npops:\n  fra:\n    nodes:\n", act_key);
	for (int i = 0; i < NODES; i++) {
		buf_printf(&b, "      %s: {address: 127.0.0.1, bgp: bird, ssh: {port: %u}, drain: {file: %s, constant: DRAIN, announce: 0,"
			" prefer_away: 1, withdraw: 3}}\n", names[i], ports[i], path_of(names[i], "drain.conf"));
		sshd_pin(lab, ports[i], "ed25519", "", &pins);
	}
	buf_add_text(&b, more);
	lab_write(lab, "fleet.yaml", buf_text(&b));
	lab_write(lab, "known_hosts", buf_text(&pins));
	buf_done(&b);
	buf_done(&pins);
	snprintf(config, sizeof config, "%s", lab_path(lab, "fleet.yaml"));
}

/* --- the plan --- */

struct reader {
	size_t waiting;
	struct err err;
};

static void
on_read(void *arg, const struct err *err)
{
	struct reader *r = arg;
	r->waiting--;
	if (err->code != ERR_OK)
		r->err = *err;
}

static bool
has_read(void *arg)
{
	return ((struct reader *)arg)->waiting == 0;
}

static struct fleet *
load(void)
{
	struct conf_names known;
	struct err err = ERR_INIT;
	driver_list_names(&known);
	struct fleet *f = conf_load(config, &known, NULL, &err);
	ck_assert_msg(f != NULL, "%s", err.text);
	return f;
}

/* As the backend's planner would: reads every node of the PoP and asks the drivers. The key that may look is another, so
 * nobody could plan with it here; the test uses the act key to look. */
static struct fleet *
read_fleet(struct transport *t)
{
	struct fleet *f = load();
	struct reader r = { .waiting = f->pops[0].n_nodes };
	for (size_t i = 0; i < f->pops[0].n_nodes; i++) {
		struct node *n = &f->nodes[f->pops[0].nodes[i]];
		((struct node_conf *)(uintptr_t)n->conf)->ssh.observe_key = n->conf->ssh.act_key;
		actor_read(lab_loop(lab), t, driver_find, n, mono_add_ms(clock_mono(), 10000), on_read, &r);
	}
	ck_assert(lab_wait(lab, has_read, &r));
	ck_assert_msg(r.err.code == ERR_OK, "%s", r.err.text);
	return f;
}

static void
make_plan(enum op_verb verb, enum op_mode mode)
{
	struct err err = ERR_INIT;
	const struct transport_limits limits = TRANSPORT_LIMITS_DEFAULT;
	struct transport *t = transport_new(lab_loop(lab), &limits, lab_path(lab, "state"), &err);
	ck_assert_msg(t != NULL, "%s", err.text);
	struct fleet *f = read_fleet(t);
	struct gate_scope scope = { .who = "alice", .may_act = true };
	struct plan_request request = { .verb = verb, .mode = mode, .n_targets = 1, .reason = "a test", .kind = HOLD_MAINTENANCE };
	snprintf(request.targets[0], sizeof request.targets[0], "fra");
	const struct planner_input in = { .fleet = f, .request = &request, .find = driver_find, .scope = &scope, .id = OP,
		.by = "alice", .actor = TRI_UNKNOWN, .is_planning = true, .now = clock_mono(), .wall = clock_wall() };
	struct plan *p = planner_make(&in, &err);
	ck_assert_msg(p != NULL, "%s", err.text);
	ck_assert_uint_gt(p->n_steps, 0);
	buf_clear(&plan);
	plan_write(p, &plan);
	plan_free(p);
	fleet_free(f);
	t->ops->free(t);
}

/* --- orders --- */

struct wish {
	size_t n;
};

static bool
has_seen(void *arg)
{
	return n_seen >= ((struct wish *)arg)->n;
}

static const struct seen *
await(size_t n)
{
	struct wish w = { n };
	ck_assert_msg(lab_wait(lab, has_seen, &w), "only %zu events", n_seen);
	return &seen[n - 1];
}

static void
start(void)
{
	struct err err = ERR_INIT;
	ck_assert_msg(port.start(port.arg, OP, buf_slice(&plan), &err) == 0, "%s", err.text);
}

static void
start_well(void)
{
	start();
	const struct seen *s = await(n_seen + 1);
	ck_assert_int_eq(s->kind, ACTOR_CHECKED);
	ck_assert_msg(s->is_ok, "%s", s->text);
}

static const struct seen *
order(enum act_order o, size_t phase, uint64_t number, unsigned confirm_s)
{
	port.order(port.arg, OP, o, "fra", phase, number, confirm_s);
	return await(n_seen + 1);
}

static bool
runs_value(void *arg)
{
	const char *const *want = arg;
	return runs(want[0], want[1]);
}

static void
await_running(const char *node, const char *value)
{
	const char *want[] = { node, value };
	ck_assert_msg(lab_wait(lab, runs_value, want), "%s does not come to run with %s", node, value);
}

static pid_t
actor_pid(void)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		char link[64], exe[512];
		snprintf(link, sizeof link, "/proc/%s/cmdline", word);
		FILE *c = fopen(link, "r");
		size_t n = c ? fread(exe, 1, sizeof exe - 1, c) : 0;
		if (c)
			fclose(c);
		exe[n] = '\0';
		if (n > 0 && memmem(exe, n, "--actor", 7))
			return atoi(word);
	}
	return 0;
}

static bool
is_actor_gone(void *arg)
{
	(void)arg;
	return actor_pid() == 0;
}

/* The shells that nodes set loose to undo by themselves outlive a test; those of this one end with it. */
static void
end_undoers(void)
{
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	while (dir && (e = readdir(dir)) != NULL) {
		char name[300], text[32768];
		snprintf(name, sizeof name, "/proc/%s/cmdline", e->d_name);
		int fd = atoi(e->d_name) > 1 ? open(name, O_RDONLY | O_CLOEXEC) : -1;
		ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof text);
		if (fd != -1)
			close(fd);
		const char *ours = lab_path(lab, "fra");
		if (n > 0 && memmem(text, (size_t)n, "catchment-undo", 15) && memmem(text, (size_t)n, ours, strlen(ours)))
			kill(atoi(e->d_name), SIGKILL);
	}
	if (dir)
		closedir(dir);
}

static void
end_actor(void)
{
	port.end(port.arg, OP);
	ck_assert(lab_wait(lab, is_actor_gone, NULL));
}

static void
set_up(void)
{
	struct err err = ERR_INIT;
	uint16_t ports[NODES];
	(void)err;
	lab_begin(lab);
	mkdir(lab_path(lab, "bin"), 0755);
	mkdir(lab_path(lab, "state"), 0700);
	lab_write(lab, "bin/birdc", fake_birdc);
	chmod(lab_path(lab, "bin/birdc"), 0755);
	for (int i = 0; i < NODES; i++) {
		make_node(names[i]);
		sshds[i] = start_sshd(names[i]);
		ports[i] = sshd_port(sshds[i]);
	}
	write_fleet(ports, "user", "");
	plan = (struct buf)BUF_INIT(PLAN_BYTES_MAX);
	n_seen = 0;
	actors = actors_new(lab_loop(lab), config, lab_path(lab, "state"), on_event, NULL, &port);
}

static void
tear_down(void)
{
	char command[256];
	if (actor_pid() != 0)
		end_actor();
	if (has_path)
		chaos_close(&way);
	has_path = false;
	actors_free(actors);
	buf_done(&plan);
	end_undoers();
	lab_end(lab);
	snprintf(command, sizeof command, "rm -rf %s %s", lab_path(lab, names[0]), lab_path(lab, names[1]));
	ck_assert_int_eq(system(command), 0);
}

/* --- check --- */

START_TEST(test_actor_checks_without_changing)
{
	char asked[4096];
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	ck_assert_uint_eq(seen[0].n, NODES);
	for (int i = 0; i < NODES; i++) {
		take(names[i], "asked", asked, sizeof asked);
		ck_assert(runs(names[i], "0"));
		ck_assert_ptr_null(strstr(asked, "configure timeout"));
	}
	end_actor();
}
END_TEST

static const struct {
	const char *key, *authorized, *says;
	enum err_code code;
} bad_keys[] = {
	{ "other", NULL, "refused the key", ERR_CREDENTIAL },
	{ "missing", NULL, "missing", ERR_CREDENTIAL },
	{ "user", "", "refused the key", ERR_CREDENTIAL },
};

START_TEST(test_actor_says_why_a_key_does_not_serve)
{
	uint16_t ports[NODES];
	make_plan(OP_DRAIN, OP_WITHDRAW);
	for (int i = 0; i < NODES; i++)
		ports[i] = sshd_port(sshds[i]);
	write_fleet(ports, bad_keys[_i].key, "");
	if (bad_keys[_i].authorized)
		lab_write(lab, "authorized", bad_keys[_i].authorized);
	start();
	const struct seen *s = await(1);
	ck_assert_int_eq(s->kind, ACTOR_CHECKED);
	ck_assert(!s->is_ok);
	ck_assert_uint_eq(s->n, NODES);
	ck_assert_int_eq(s->nodes[0].code, bad_keys[_i].code);
	ck_assert(!s->nodes[0].is_unknown);
	ck_assert_msg(strstr(s->text, bad_keys[_i].says) != NULL, "%s", s->text);
	/* and an order does nothing, and says that it did nothing */
	s = order(ACT_APPLY, 0, 1, 45);
	ck_assert(!s->is_ok && !s->nodes[0].is_unknown && !s->nodes[1].is_unknown);
	ck_assert(runs("fra1", "0") && runs("fra2", "0"));
}
END_TEST

/* --- a fleet file that is not the plan's --- */

static const struct {
	const char *text, *says;
} bad_files[] = {
	{ "fleet: [", "fleet file anew" },
	{ "fleet: else\nservices: {ns: {prefixes: [192.0.2.0/24]}}\npops: {fra: {nodes: {fra1: {address: 127.0.0.1, bgp: bird}}}}\n",
		"the fleet test" },
	{ "fleet: test\nenvironment: unit\nservices: {ns: {prefixes: [192.0.2.0/24]}}\n"
	  "pops: {ams: {nodes: {fra1: {address: 127.0.0.1, bgp: bird}}}}\n", "not in the fleet file" },
	{ NULL, "fleet file anew" },
};

START_TEST(test_actor_refuses_another_fleet)
{
	make_plan(OP_DRAIN, OP_WITHDRAW);
	if (bad_files[_i].text)
		lab_write(lab, "fleet.yaml", bad_files[_i].text);
	else
		unlink(config);
	start();
	const struct seen *s = await(1);
	ck_assert_int_eq(s->kind, ACTOR_CHECKED);
	ck_assert(!s->is_ok);
	ck_assert_msg(strstr(s->text, bad_files[_i].says) != NULL, "%s", s->text);
	s = order(ACT_INSPECT, 0, 2, 0);
	ck_assert_int_eq(s->kind, ACTOR_INSPECTED);
	ck_assert(!s->is_ok);
	ck_assert_uint_eq(s->n, 0);
}
END_TEST

/* --- the whole way --- */

START_TEST(test_actor_drains_keeps_and_undoes)
{
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	const struct seen *s = order(ACT_APPLY, 0, 1, 45);
	ck_assert_int_eq(s->kind, ACTOR_APPLIED);
	ck_assert_msg(s->is_ok, "%s", s->text);
	for (int i = 0; i < NODES; i++) {
		ck_assert(runs(names[i], "3"));
		ck_assert_int_eq(s->nodes[i].answer.state, ACT_PENDING);
		ck_assert_uint_eq(s->nodes[i].answer.applied, 1);
		ck_assert_msg(strstr(s->nodes[i].answer.text, "its wire is as planned") != NULL, "%s", s->nodes[i].answer.text);
	}
	s = order(ACT_KEEP, 0, 1, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	ck_assert_int_eq(s->nodes[1].answer.state, ACT_KEPT);
	s = order(ACT_INSPECT, 0, 2, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	ck_assert_int_eq(s->nodes[0].answer.state, ACT_KEPT);
	ck_assert_uint_eq(s->nodes[0].answer.applied, 1);
	ck_assert_uint_eq(s->nodes[0].answer.number, 2);
	s = order(ACT_UNDO, 0, 3, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	ck_assert(runs("fra1", "0") && runs("fra2", "0"));
	end_actor();
}
END_TEST

/* The number was used, or a higher one was seen: nothing is done and the node says which. */
START_TEST(test_actor_number_that_was_overtaken)
{
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	const struct seen *s = order(ACT_INSPECT, 0, 9, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	s = order(ACT_APPLY, 0, 8, 45);
	ck_assert(!s->is_ok);
	ck_assert_uint_eq(s->n, NODES);
	for (int i = 0; i < NODES; i++) {
		ck_assert_int_eq(s->nodes[i].code, ERR_CONFLICT);
		ck_assert(s->nodes[i].answer.is_superseded && !s->nodes[i].is_unknown);
		ck_assert_uint_eq(s->nodes[i].answer.number, 9);
		ck_assert(runs(names[i], "0"));
	}
	ck_assert_msg(strstr(s->text, "newer operation number 9") != NULL, "%s", s->text);
}
END_TEST

/* Between plan and order somebody drained fra2 by hand: no node is touched. */
START_TEST(test_actor_refuses_when_a_node_has_changed)
{
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	put("fra2", "drain.conf", "define DRAIN = 3;\n");
	put("fra2", "running", "define DRAIN = 3;\n");
	const struct seen *s = order(ACT_APPLY, 0, 1, 45);
	ck_assert(!s->is_ok);
	ck_assert_int_eq(s->nodes[0].code, ERR_CONFLICT);
	ck_assert_int_eq(s->nodes[1].code, ERR_CONFLICT);
	ck_assert_msg(strstr(s->nodes[1].answer.text, "has changed since the plan") != NULL, "%s", s->nodes[1].answer.text);
	ck_assert_msg(strstr(s->nodes[0].answer.text, "another node") != NULL, "%s", s->nodes[0].answer.text);
	ck_assert(!s->nodes[0].is_unknown && !s->nodes[1].is_unknown);
	ck_assert(runs("fra1", "0"));
	ck_assert(access(path_of("fra1", ".local/state/catchment/test-fra1.op"), F_OK) == -1);
}
END_TEST

/* Its configuration does not parse any more: the step fails at one node, and the others are undone by an order. */
START_TEST(test_actor_says_which_node_failed)
{
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	put("fra2", "broken", "");
	const struct seen *s = order(ACT_APPLY, 0, 1, 45);
	ck_assert(!s->is_ok);
	ck_assert_int_eq(s->nodes[0].code, ERR_OK);
	ck_assert_int_ne(s->nodes[1].code, ERR_OK);
	ck_assert_msg(strstr(s->text, "fra2") != NULL, "%s", s->text);
	ck_assert(runs("fra1", "3") && runs("fra2", "0"));
	char text[128];
	take("fra2", "drain.conf", text, sizeof text);
	ck_assert_str_eq(text, "define DRAIN = 0;\n");
	unlink(path_of("fra2", "broken"));
	s = order(ACT_UNDO, 0, 2, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	ck_assert(runs("fra1", "0") && runs("fra2", "0"));
}
END_TEST

/* Less attractive, kept; then withdrawn, kept; and undo goes all the way back. */
START_TEST(test_actor_two_phases)
{
	make_plan(OP_DRAIN, OP_PREFER_AWAY);
	start_well();
	static const char *const values[] = { "1", "3" };
	for (size_t phase = 0; phase < 2; phase++) {
		const struct seen *s = order(ACT_APPLY, phase, 1 + phase, 45);
		ck_assert_msg(s->is_ok, "phase %zu: %s", phase, s->text);
		ck_assert(runs("fra1", values[phase]));
		s = order(ACT_KEEP, phase, 1 + phase, 0);
		ck_assert_msg(s->is_ok, "phase %zu: %s", phase, s->text);
	}
	const struct seen *s = order(ACT_UNDO, 1, 3, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	ck_assert(runs("fra1", "0") && runs("fra2", "0"));
}
END_TEST

START_TEST(test_actor_undrains)
{
	for (int i = 0; i < NODES; i++) {
		put(names[i], "drain.conf", "define DRAIN = 3;\n");
		put(names[i], "running", "define DRAIN = 3;\n");
	}
	make_plan(OP_UNDRAIN, OP_WITHDRAW);
	start_well();
	const struct seen *s = order(ACT_APPLY, 0, 4, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	ck_assert(runs("fra1", "0") && runs("fra2", "0"));
}
END_TEST

/* --- what is lost --- */

/* kill -9 after each step: the engine hears LOST once; what was not kept the nodes undo by themselves; the next actor
 * finds the truth. */
enum killed_after { KILLED_CHECKED, KILLED_APPLIED, KILLED_KEPT, KILLED_WHILE_APPLYING, KILLED_STEPS };

START_TEST(test_actor_killed)
{
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	if (_i == KILLED_APPLIED || _i == KILLED_KEPT)
		ck_assert(order(ACT_APPLY, 0, 1, _i == KILLED_APPLIED ? 2 : 45)->is_ok);
	if (_i == KILLED_KEPT)
		ck_assert(order(ACT_KEEP, 0, 1, 0)->is_ok);
	if (_i == KILLED_WHILE_APPLYING) {
		put("fra1", "hang", "");
		put("fra2", "hang", "");
		port.order(port.arg, OP, ACT_APPLY, "fra", 0, 1, 2);
		await_running("fra1", "3");
		await_running("fra2", "3");
		unlink(path_of("fra1", "hang"));
		unlink(path_of("fra2", "hang"));
	}
	kill(actor_pid(), SIGKILL);
	size_t before = n_seen;
	const struct seen *s = await(before + 1);
	ck_assert_int_eq(s->kind, ACTOR_LOST);
	if (_i == KILLED_APPLIED || _i == KILLED_WHILE_APPLYING) {
		await_running("fra1", "0");
		await_running("fra2", "0");
	}
	ck_assert_uint_eq(n_seen, before + 1);
	start_well();
	s = order(ACT_INSPECT, 0, 2, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	static const enum act_state states[KILLED_STEPS] = { [KILLED_CHECKED] = ACT_NONE, [KILLED_APPLIED] = ACT_UNDONE,
		[KILLED_KEPT] = ACT_KEPT, [KILLED_WHILE_APPLYING] = ACT_UNDONE };
	for (int i = 0; i < NODES; i++) {
		if (_i != KILLED_WHILE_APPLYING || s->nodes[i].answer.state != ACT_FAILED)
			ck_assert_int_eq(s->nodes[i].answer.state, states[_i]);
		ck_assert(runs(names[i], _i == KILLED_KEPT ? "3" : "0"));
	}
}
END_TEST

/* The backend goes away: the actor ends within a second, also in the middle of an order. */
START_TEST(test_actor_ends_with_its_input)
{
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	if (_i == 1) {
		put("fra1", "hang", "");
		port.order(port.arg, OP, ACT_APPLY, "fra", 0, 1, 2);
		await_running("fra1", "3");
		unlink(path_of("fra1", "hang"));
	}
	pid_t pid = actor_pid();
	ck_assert_int_ne(pid, 0);
	struct mono from = clock_mono();
	actors_free(actors);
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(mono_ms_since(clock_mono(), from) < 1500, "it took %lld ms", (long long)mono_ms_since(clock_mono(), from));
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	actors = actors_new(lab_loop(lab), config, lab_path(lab, "state"), on_event, NULL, &port);
	if (_i == 1)
		await_running("fra1", "0");
}
END_TEST

/* The reply to an effective apply is cut off on its way: not known, never failed; and inspect finds the truth. */
START_TEST(test_actor_lost_reply_is_not_known)
{
	uint16_t ports[NODES];
	chaos_open(&way, lab_loop(lab), sshd_port(sshds[0]));
	has_path = true;
	for (int i = 0; i < NODES; i++)
		ports[i] = i == 0 ? way.port : sshd_port(sshds[i]);
	write_fleet(ports, "user", "");
	make_plan(OP_DRAIN, OP_WITHDRAW);
	start_well();
	put("fra1", "hang", "");
	port.order(port.arg, OP, ACT_APPLY, "fra", 0, 1, 45);
	await_running("fra1", "3");
	chaos_hang_up(&way);
	unlink(path_of("fra1", "hang"));
	const struct seen *s = await(n_seen + 1);
	ck_assert_int_eq(s->kind, ACTOR_APPLIED);
	ck_assert(!s->is_ok);
	ck_assert(s->nodes[0].is_unknown);
	ck_assert_int_eq(s->nodes[0].code, ERR_CONN_LOST);
	ck_assert(!s->nodes[1].is_unknown);
	ck_assert_int_eq(s->nodes[1].code, ERR_OK);
	s = order(ACT_INSPECT, 0, 2, 0);
	ck_assert_uint_eq(s->nodes[0].answer.number, 2);
	ck_assert_int_ne(s->nodes[0].answer.state, ACT_NONE);
	ck_assert_uint_eq(s->nodes[1].answer.applied, 1);
	s = order(ACT_UNDO, 0, 3, 0);
	ck_assert_msg(s->is_ok, "%s", s->text);
	ck_assert(runs("fra1", "0") && runs("fra2", "0"));
}
END_TEST

/* --- what the process gives up --- */

START_TEST(test_actor_gives_up_its_rights)
{
	char path[64], text[8192];
	make_plan(OP_DRAIN, OP_WITHDRAW);
	/* a descriptor that is not close-on-exec must not arrive */
	int leak = open("/dev/zero", O_RDONLY);
	start_well();
	pid_t pid = actor_pid();
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "NoNewPrivs:\t1"));
	snprintf(path, sizeof path, "/proc/%d/limits", pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "Max core file size        0                    0"));
	/* not dumpable: what /proc shows of it belongs to root, whoever runs it */
	struct stat st;
	snprintf(path, sizeof path, "/proc/%d/environ", pid);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, leak);
	ssize_t len = readlink(path, text, sizeof text - 1);
	text[len > 0 ? len : 0] = '\0';
	ck_assert_str_ne(text, "/dev/zero");
	close(leak);
}
END_TEST

/* --- text --- */

static const struct {
	const char *in, *out;
} redactions[] = {
	{ "neighbor 10.0.0.1 password hunter2", "neighbor 10.0.0.1 password *" },
	{ "password \"a b\";", "password \"* b\";" },
	{ "Authorization: Bearer abc.def", "Authorization: * abc.def" },
	{ "api-key=xyz next", "api-key=* next" },
	{ "the node refused the key /etc/keys/act for user root", "the node refused the key /etc/keys/act for user root" },
	{ "the token file /x: No such file", "the token file /x: No such file" },
	{ "no password", "no password" },
	{ "", "" },
};

START_TEST(test_actor_redacts)
{
	char text[200];
	snprintf(text, sizeof text, "%s", redactions[_i].in);
	actor_redact(text);
	ck_assert_str_eq(text, redactions[_i].out);
}
END_TEST

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "--actor") == 0)
		return actor_main(argv[3], argv[5]);
	Suite *s = suite_create("actor");
	TCase *t = tcase_create("text");
#define LOOP_TEST(test, rows) tcase_add_loop_test(t, test, 0, (int)(sizeof(rows) / sizeof((rows)[0])))
	LOOP_TEST(test_actor_redacts, redactions);
	suite_add_tcase(s, t);
	lab = lab_new();
	if (lab_why_not(lab)) {
		printf("SKIP: %s\n", lab_why_not(lab));
		lab_free(lab);
		return 77;
	}
	chmod(lab_path(lab, "."), 0755); /* the nodes' account must get through, which it need not in our sources */
	char command[8192];
	snprintf(command, sizeof command, "mkdir %s && cp %s/plan-*.txt %s", lab_path(lab, "pages"), source_path("tests/fixtures/bird"),
		lab_path(lab, "pages"));
	if (system(command) != 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	t = tcase_create("actor");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_actor_checks_without_changing);
	LOOP_TEST(test_actor_says_why_a_key_does_not_serve, bad_keys);
	LOOP_TEST(test_actor_refuses_another_fleet, bad_files);
	tcase_add_test(t, test_actor_drains_keeps_and_undoes);
	tcase_add_test(t, test_actor_number_that_was_overtaken);
	tcase_add_test(t, test_actor_refuses_when_a_node_has_changed);
	tcase_add_test(t, test_actor_says_which_node_failed);
	tcase_add_test(t, test_actor_two_phases);
	tcase_add_test(t, test_actor_undrains);
	tcase_add_loop_test(t, test_actor_killed, 0, KILLED_STEPS);
	tcase_add_loop_test(t, test_actor_ends_with_its_input, 0, 2);
	tcase_add_test(t, test_actor_lost_reply_is_not_known);
	tcase_add_test(t, test_actor_gives_up_its_rights);
	suite_add_tcase(s, t);
	int rc = suite_run(s);
	lab_free(lab);
	return rc;
}
