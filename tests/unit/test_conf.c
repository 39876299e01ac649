/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.yaml: tests/conf/NAME.yaml beside NAME.expect, which holds what `catchment check` says of
 * it, or "good" and the notes. UPDATE=1 writes the expectations anew. Then what a good file
 * becomes, the file on disk, look-ups and the guard.
 */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/conf.h"
#include "core/driver.h"
#include "tests/unit/suite.h"

static const struct conf_names names = {
	.n = 7,
	.drivers = {
		{ "agent", DRIVER_AGENT, true },
		{ "bind", DRIVER_DNS, false, true },
		{ "bird", DRIVER_BGP, false },
		{ "dnsdist", DRIVER_DNS, true },
		{ "frr", DRIVER_BGP, false },
		{ "knot", DRIVER_DNS, false },
		{ "nsd", DRIVER_DNS, false },
	},
};

static struct fleet *
read_text(const char *text, struct conf_report *report, struct err *err)
{
	return conf_read(slice_of(text), "fleet.yaml", "/etc/catchment", &names, report, err);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n > m && strcmp(text + n - m, end) == 0;
}

static void
read_whole(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;
	ck_assert_msg(buf_read_file(out, path, &err) == 0, "%s", err.text);
}

static void
check_expectation(const char *path, const struct buf *got)
{
	if (getenv("UPDATE")) {
		FILE *f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		fwrite(got->data, 1, got->len, f);
		fclose(f);
		return;
	}
	struct buf want = BUF_INIT(1 << 20);
	read_whole(path, &want);
	bool is_same = strcmp(buf_text(&want), buf_text(got)) == 0;
	if (!is_same) /* longer than a message of Check may be */
		fprintf(stderr, "%s wants:\n%s\nbut there is:\n%s\n", path, buf_text(&want),
			buf_text(got));
	ck_assert_msg(is_same, "%s differs", path);
	buf_done(&want);
}

static void
check_case(const char *folder, const char *file)
{
	char path[4500], expect[4500];
	struct buf text = BUF_INIT(CONF_FILE_MAX), got = BUF_INIT(1 << 20);
	struct conf_report report = CONF_REPORT_INIT;
	struct err err = ERR_INIT;
	snprintf(path, sizeof path, "%s/%s", folder, file);
	snprintf(expect, sizeof expect, "%s/%.*s.expect", folder, (int)(strlen(file) - 5), file);
	read_whole(path, &text);
	struct fleet *f =
		conf_read(buf_slice(&text), file, "/etc/catchment", &names, &report, &err);
	ck_assert_msg(
		(f != NULL) == (report.n_mistakes == 0), "%s: mistakes and outcome disagree", file);
	if (f)
		buf_add_text(&got, "good\n");
	conf_report_write(&report, &got);
	check_expectation(expect, &got);
	fleet_free(f);
	conf_report_done(&report);
	buf_done(&got);
	buf_done(&text);
}

START_TEST(test_every_mistaken_file_gets_its_messages)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", source_path("tests/conf"));
	DIR *d = opendir(folder);
	ck_assert_ptr_nonnull(d);
	struct dirent *entry;
	size_t n = 0;
	while ((entry = readdir(d)))
		if (ends_with(entry->d_name, ".yaml")) {
			check_case(folder, entry->d_name);
			n++;
		}
	closedir(d);
	ck_assert_uint_ge(n, 15);
}
END_TEST

START_TEST(test_five_mistakes_give_five_messages)
{
	struct conf_report report = CONF_REPORT_INIT;
	struct err err = ERR_INIT;
	ck_assert_ptr_null(read_text(
		"fleet: x\n"
		"services: {ns: {prefixes: [192.0.2.1/24]}}\n" /* 1 host bits */
		"pops:\n"
		"  Fra:\n" /* 2 name */
		"    nodes:\n"
		"      a: {address: 10.0.0.1, bgp: brid}\n"                      /* 3 driver */
		"      b: {adress: 10.0.0.1, agent: \"http://10.0.0.2:9101\"}\n" /* 4 key */
		"defaults: {poll: 2}\n",                                         /* 5 duration */
		&report, &err));
	ck_assert_uint_eq(report.n_mistakes, 5);
	static const int lines[] = { 2, 4, 6, 7, 8 };
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(report.findings[i].line, lines[i]);
	ck_assert_int_eq(err.code, ERR_USAGE);
	ck_assert_str_eq(err.text, "fleet.yaml has 5 mistakes");
	conf_report_done(&report);
}
END_TEST

static struct fleet *
load_example(void)
{
	struct conf_report report = CONF_REPORT_INIT;
	struct err err = ERR_INIT;
	char path[4096];
	snprintf(path, sizeof path, "%s", source_path("tests/conf/example.yaml"));
	struct fleet *f = conf_load(path, &names, &report, &err);
	struct buf said = BUF_INIT(1 << 16);
	conf_report_write(&report, &said);
	ck_assert_msg(f != NULL, "%s\n%s", err.text, buf_text(&said));
	buf_done(&said);
	conf_report_done(&report);
	return f;
}

START_TEST(test_example_becomes_a_fleet)
{
	struct fleet *f = load_example();
	ck_assert_str_eq(f->name, "example-dns");
	ck_assert_str_eq(f->environment, "lab");
	ck_assert_uint_eq(f->n_pops, 2);
	ck_assert_uint_eq(f->n_nodes, 6); /* with the vantage "local" */
	ck_assert_uint_eq(f->n_prefixes, 2);
	ck_assert_int_eq(f->prefixes[0].prefix.family, 4);
	ck_assert_int_eq(f->prefixes[1].prefix.family, 6);
	const struct policy *policy = &f->services[0].policy;
	ck_assert_int_eq(policy->min_pops_per_region, 1);
	ck_assert_int_eq(policy->max_load_pct, 80);
	ck_assert_int_eq(policy->quorum_pct, 90); /* a default */
	ck_assert_int_eq(policy->drill_days, -1);
	ck_assert_int_eq(policy->approval, APPROVAL_AMBER);
	ck_assert_int_eq(f->limits.drain_gap_s, 300);
	ck_assert_int_eq(f->limits.drains_per_hour, 12);
	ck_assert_int_eq(f->limits.act_idle_s, 900);
	ck_assert_int_eq(f->limits.act_life_s, 28800);
	ck_assert(!f->limits.no_scripts);
	ck_assert_uint_eq(f->services[0].n_probes, 1);
	ck_assert_str_eq(f->services[0].probes[0].type, "SOA");
	const struct pop *fra = &f->pops[fleet_find_pop(f, "fra")],
			 *lab = &f->pops[fleet_find_pop(f, "lab")];
	ck_assert_str_eq(fra->title, "Frankfurt");
	ck_assert_str_eq(fra->region, "eu");
	ck_assert(fabs(fra->lat - 50.03) < 0.1 && fabs(fra->lon - 8.55) < 0.1);
	ck_assert(fabs(lab->lat - 50.1) < 1e-9 && fabs(lab->lon - 8.7) < 1e-9);
	ck_assert_uint_eq(fra->n_nodes, 2);
	fleet_free(f);
}
END_TEST

START_TEST(test_settings_flow_down_and_the_nearest_wins)
{
	struct fleet *f = load_example();
	const struct node *fra1 = &f->nodes[fleet_find_node(f, "fra1")],
			  *fra2 = &f->nodes[fleet_find_node(f, "fra2")];
	ck_assert_str_eq(fra1->conf->ssh.user, "catchment");
	ck_assert_int_eq(fra1->conf->ssh.port, 22);
	ck_assert_int_eq(fra1->conf->ssh.via, SSH_VIA_AUTO);
	ck_assert(ends_with(fra1->conf->ssh.observe_key, "/tests/conf/keys/observe"));
	ck_assert_int_eq(fra1->conf->ssh.observe_key[0], '/');
	ck_assert_str_eq(fra1->bgp_driver, "bird");
	ck_assert_str_eq(fra1->conf->dns.driver, "knot");
	ck_assert_str_eq(fra1->conf->resolved, "10.0.0.11");
	ck_assert(fra1->capacity_qps == 200000 && isnan(fra2->capacity_qps));
	ck_assert_str_eq(fra2->conf->ssh.user, "root");
	ck_assert_int_eq(fra2->conf->ssh.port, 2222);
	ck_assert_int_eq(fra2->conf->ssh.via, SSH_VIA_OPENSSH);
	ck_assert_str_eq(fra2->conf->ssh.known_hosts, fra1->conf->ssh.known_hosts);
	ck_assert_str_eq(fra2->conf->dns.url, "http://10.0.0.12:8053");
	ck_assert_int_eq((int)fra2->poll_ms, 2000);
	const struct node *lab1 = &f->nodes[fleet_find_node(f, "lab1")];
	ck_assert_str_eq(lab1->conf->agent_url, "http://127.0.0.1:9101");
	ck_assert_str_eq(lab1->conf->resolved, "127.0.0.1");
	ck_assert(!lab1->conf->ask_own && fra1->conf->ask_own);
	const struct node *home = &f->nodes[fleet_find_node(f, "home")],
			  *rr1 = &f->nodes[fleet_find_node(f, "rr1")];
	ck_assert_int_eq(home->role, NODE_VANTAGE);
	ck_assert_str_eq(home->conf->ssh.user, "probe");
	ck_assert_str_eq(home->conf->ssh.known_hosts, fra1->conf->ssh.known_hosts);
	ck_assert_int_eq(rr1->role, NODE_WITNESS);
	ck_assert_str_eq(rr1->bgp_driver, "bird");
	ck_assert_uint_eq(rr1->pop, FLEET_NO_POP);
	fleet_free(f);
}
END_TEST

START_TEST(test_access_and_secrets_are_kept)
{
	struct fleet *f = load_example();
	const struct conf_rules *rules = f->rules;
	ck_assert_uint_eq(rules->n_access, 2);
	ck_assert_str_eq(rules->access[0].user, "alice");
	ck_assert_int_eq((int)rules->access[0].uid, 1000);
	ck_assert_int_eq(rules->access[0].role, CONF_OPERATOR);
	ck_assert_str_eq(rules->access[0].pops[0], "fra");
	ck_assert_ptr_null(rules->access[1].user);
	ck_assert_int_eq((int)rules->access[1].uid, -1);
	char expires[CLOCK_TEXT_MAX];
	wall_format(rules->access[1].expires, expires);
	ck_assert_str_eq(expires, "2027-01-01T00:00:00Z");
	ck_assert_uint_eq(rules->n_secrets, 1);
	ck_assert_str_eq(rules->secrets[0].kind, "dns-cookie");
	ck_assert_int_eq((int)rules->secrets[0].max_age_s, 26 * 3600);
	ck_assert_uint_eq(rules->secrets[0].n_nodes, 2);
	fleet_free(f);
}
END_TEST

START_TEST(test_a_daemon_of_another_kind_inherits_nothing)
{
	struct conf_report report = CONF_REPORT_INIT;
	struct fleet *f = read_text(
		"fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\n"
		"defaults: {bgp: bird, dns: {driver: bind, url: \"http://{address}:8053\", port: "
	        "5353}}\n"
		"pops: {fra: {nodes: {a: {address: 10.0.0.1}, b: {address: \"2001:db8::1\"},\n"
		"  c: {address: 10.0.0.3, dns: knot}, d: {address: 10.0.0.4, dns: none},\n"
		"  e: {address: 10.0.0.5, dns: {address: 10.0.0.55}}}}}\n",
		&report, NULL);
	ck_assert_ptr_nonnull(f);
	const struct node *n = f->nodes;
	ck_assert_str_eq(n[0].conf->dns.url, "http://10.0.0.1:8053");
	ck_assert_str_eq(n[1].conf->dns.url, "http://[2001:db8::1]:8053");
	ck_assert_int_eq(n[0].conf->dns_port, 5353);
	ck_assert_str_eq(n[2].conf->dns.driver, "knot");
	ck_assert_ptr_null(n[2].conf->dns.url);
	ck_assert_int_eq(n[2].conf->dns_port, 53);
	ck_assert_ptr_null(n[3].conf->dns.driver);
	ck_assert(!n[3].conf->ask_own);
	ck_assert_str_eq(n[4].conf->dns.driver, "bind");
	ck_assert_str_eq(n[4].conf->dns_address, "10.0.0.55");
	fleet_free(f);
	conf_report_done(&report);
}
END_TEST

START_TEST(test_drain_override_is_read)
{
	struct fleet *f = read_text("fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\n"
				    "defaults: {act_token: keys/act_token}\n"
				    "pops: {fra: {nodes: {a: {address: 10.0.0.1, bgp: bird, drain: "
	                            "{file: /etc/bird/drain.conf, constant: DRAIN, withdraw: 3}},\n"
				    " b: {address: 10.0.0.2, bgp: bird, drain: {disable: [any_cast4, any-cast6]}},\n"
				    " c: {address: 10.0.0.3, bgp: frr, drain: {networks: [192.0.2.0/24], route_map: X}},\n"
				    " d: {address: 10.0.0.4, bgp: frr}}}}\n",
		NULL, NULL);
	ck_assert_ptr_nonnull(f);
	const struct drain_conf *a = f->nodes[0].conf->drain, *b = f->nodes[1].conf->drain, *c = f->nodes[2].conf->drain;
	ck_assert_str_eq(a->file, "/etc/bird/drain.conf");
	ck_assert_str_eq(a->constant, "DRAIN");
	ck_assert_int_eq((int)a->announce, 0);
	ck_assert_int_eq((int)a->prefer_away, -1);
	ck_assert_int_eq((int)a->withdraw, 3);
	ck_assert_uint_eq(b->n_disable, 2);
	ck_assert_str_eq(b->disable[1], "any-cast6");
	ck_assert_uint_eq(c->n_networks, 1);
	ck_assert_str_eq(c->route_map, "X");
	ck_assert_ptr_null(f->nodes[3].conf->drain);
	ck_assert_str_eq(f->nodes[3].conf->act_token + strlen(f->nodes[3].conf->act_token) - 15, "/keys/act_token");
	ck_assert_int_eq(f->nodes[3].conf->act_token[0], '/');
	fleet_free(f);
}
END_TEST

/* --- the file on disk --- */

static const char small_file[] = "fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\n"
				 "pops: {fra: {nodes: {a: {address: 10.0.0.1, bgp: bird}}}}\n";

static void
make_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void
check_refused(const char *path, const char *part)
{
	struct err err = ERR_INIT;
	struct conf_report report = CONF_REPORT_INIT;
	ck_assert_ptr_null(conf_load(path, &names, &report, &err));
	ck_assert_int_eq(err.code, ERR_USAGE);
	ck_assert_msg(strstr(err.text, part) != NULL, "\"%s\" lacks \"%s\"", err.text, part);
	conf_report_done(&report);
}

START_TEST(test_a_file_not_to_be_trusted_is_refused)
{
	char folder[] = "/tmp/test_conf.XXXXXX", good[64], other[64];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(good, sizeof good, "%s/good.yaml", folder);
	snprintf(other, sizeof other, "%s/other.yaml", folder);
	make_file(good, small_file, 0644);
	struct fleet *f = conf_load(good, &names, NULL, NULL);
	ck_assert_ptr_nonnull(f);
	fleet_free(f);

	ck_assert_int_eq(symlink(good, other), 0);
	check_refused(other, "symbolic link");
	unlink(other);
	make_file(other, small_file, 0646);
	check_refused(other, "written by everybody");
	unlink(other);
	ck_assert_int_eq(mkfifo(other, 0600), 0);
	check_refused(other, "not a regular file");
	unlink(other);
	check_refused(other, "No such file");
	check_refused(folder, "not a regular file");
	make_file(other, "", 0644);
	ck_assert_int_eq(truncate(other, CONF_FILE_MAX + 1), 0);
	check_refused(other, "at most 4194304");
	make_file(other, "", 0644);
	check_refused(other, "1 mistake");
	unlink(other);
	unlink(good);
	rmdir(folder);
}
END_TEST

START_TEST(test_bytes_that_are_not_text_are_refused)
{
	static const struct {
		const char *text;
		size_t len;
		const char *part;
	} cases[] = {
		{ "fleet: \xff", 8, "not UTF-8" },
		{ "fleet: a\0b", 10, "NUL" },
		{ "fleet: x # \xe2\x80\xae", 14, "direction" },
		{ "fleet: \x1b[31m", 12, "control" },
		{ "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 43, "deeper" },
		{ "a: &x [1]\nb: *x\n", 16, "anchors" },
		{ "fleet: x\n---\nfleet: y\n", 22, "second document" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct conf_report report = CONF_REPORT_INIT;
		struct slice text = { cases[i].text, cases[i].len };
		ck_assert_ptr_null(conf_read(text, "x", "/", &names, &report, NULL));
		bool is_found = false;
		for (size_t j = 0; j < report.n; j++)
			is_found |= strstr(report.findings[j].text, cases[i].part) != NULL;
		ck_assert_msg(is_found, "case %zu says nothing of \"%s\"", i, cases[i].part);
		conf_report_done(&report);
	}
}
END_TEST

/* --- size --- */

static void
write_large(struct buf *out, size_t n_nodes, const char *driver)
{
	buf_printf(out,
		"fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\ndefaults: {bgp: "
	        "%s}\npops:\n",
		driver);
	for (size_t i = 0; i < n_nodes; i++) {
		if (i % 50 == 0)
			buf_printf(out, "  p%zu:\n    at: [1.5, -2]\n    nodes:\n", i / 50);
		buf_printf(out, "      n%zu: {address: 10.%zu.%zu.1}\n", i, i / 250, i % 250);
	}
}

START_TEST(test_ten_thousand_nodes_load_and_one_more_does_not)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX);
	struct conf_report report = CONF_REPORT_INIT;
	write_large(&text, CONF_NODES_MAX, "bird");
	struct fleet *f = conf_read(buf_slice(&text), "x", "/", &names, &report, NULL);
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(f->n_nodes, CONF_NODES_MAX + 1); /* with the vantage "local" */
	fleet_free(f);
	buf_clear(&text);
	write_large(&text, CONF_NODES_MAX + 1, "bird");
	ck_assert_ptr_null(conf_read(buf_slice(&text), "x", "/", &names, &report, NULL));
	ck_assert_uint_eq(report.n_mistakes, 1);
	buf_done(&text);
	conf_report_done(&report);
}
END_TEST

START_TEST(test_an_inherited_mistake_is_told_once)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX);
	struct conf_report report = CONF_REPORT_INIT;
	write_large(&text, 3000, "brid");
	ck_assert_ptr_null(conf_read(buf_slice(&text), "x", "/", &names, &report, NULL));
	ck_assert_uint_eq(report.n_mistakes, 1);
	ck_assert_int_eq(report.findings[0].line, 3);
	buf_done(&text);
	conf_report_done(&report);
}
END_TEST

START_TEST(test_more_mistakes_than_are_kept_are_counted)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX), out = BUF_INIT(CONF_FILE_MAX);
	struct conf_report report = CONF_REPORT_INIT;
	buf_add_text(&text, "fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\npops:\n  fra:\n "
	                    "   nodes:\n");
	for (size_t i = 0; i < CONF_FINDINGS_MAX + 5; i++)
		buf_printf(&text, "      n%zu: {}\n", i);
	ck_assert_ptr_null(conf_read(buf_slice(&text), "x", "/", &names, &report, NULL));
	ck_assert_uint_eq(report.n_mistakes, CONF_FINDINGS_MAX + 5);
	conf_report_write(&report, &out);
	ck_assert(strstr(buf_text(&out), "and 5 more") != NULL);
	buf_done(&text);
	buf_done(&out);
	conf_report_done(&report);
}
END_TEST

/* --- look-ups --- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int
fake_lookup(const char *name, char out[46], char *reason, size_t reason_size)
{
	if (strcmp(name, "slow.example") == 0) {
		pthread_mutex_lock(&gate); /* held by the test until it is over */
		pthread_mutex_unlock(&gate);
	}
	if (strcmp(name, "none.example") == 0) {
		snprintf(reason, reason_size, "no such name");
		return -1;
	}
	snprintf(out, 46, "192.0.2.7");
	return 0;
}

START_TEST(test_look_ups_end_at_the_deadline)
{
	struct conf_report notes = CONF_REPORT_INIT;
	struct fleet *f = read_text(
		"fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\ndefaults: {bgp: bird}\n"
		"pops: {fra: {nodes: {a: {address: slow.example}, b: {address: none.example}, c: "
	        "{address: c.example},\n"
		"  d: {address: 10.0.0.4}, e: {agent: \"http://e.example:80\"}}}}\n",
		NULL, NULL);
	ck_assert_ptr_nonnull(f);
	ck_assert_str_eq(f->nodes[2].conf->resolved, "");
	pthread_mutex_lock(&gate);
	size_t missing = conf_resolve_by(f, fake_lookup, 300, &notes);
	pthread_mutex_unlock(&gate);
	ck_assert_uint_eq(missing, 2);
	ck_assert_str_eq(f->nodes[0].conf->resolved, "");
	ck_assert_str_eq(f->nodes[2].conf->resolved, "192.0.2.7");
	ck_assert_str_eq(f->nodes[3].conf->resolved, "10.0.0.4");
	ck_assert_str_eq(f->nodes[4].conf->resolved, "192.0.2.7");
	ck_assert_uint_eq(notes.n_notes, 2);
	ck_assert_str_eq(notes.findings[0].text,
		"the address \"slow.example\" of a was not looked up within 300 ms");
	ck_assert_str_eq(notes.findings[1].text,
		"the address \"none.example\" of b could not be looked up: no such name");
	conf_report_done(&notes);
	fleet_free(f);
}
END_TEST

START_TEST(test_localhost_is_looked_up)
{
	struct fleet *f = read_text("fleet: x\nservices: {ns: {prefixes: [192.0.2.0/24]}}\n"
				    "pops: {fra: {nodes: {a: {address: localhost, bgp: bird}}}}\n",
		NULL, NULL);
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(conf_resolve(f, 10000, NULL), 0);
	ck_assert(strcmp(f->nodes[0].conf->resolved, "127.0.0.1") == 0 ||
		  strcmp(f->nodes[0].conf->resolved, "::1") == 0);
	fleet_free(f);
}
END_TEST

/* --- the guard --- */

static struct fleet *
make_fleet(size_t n_nodes, size_t n_pops, size_t n_prefixes)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX);
	buf_add_text(&text, "fleet: x\nservices: {ns: {prefixes: [");
	for (size_t i = 0; i < n_prefixes; i++)
		buf_printf(&text, "%s10.%zu.0.0/16", i ? ", " : "", i);
	buf_add_text(&text, "]}}\npops:\n");
	for (size_t p = 0; p < n_pops; p++) {
		buf_printf(&text, "  p%zu:\n    nodes:\n", p);
		for (size_t i = p; i < n_nodes; i += n_pops)
			buf_printf(&text, "      n%zu: {address: 10.0.0.1, bgp: bird}\n", i);
	}
	struct fleet *f = read_text(buf_text(&text), NULL, NULL);
	buf_done(&text);
	ck_assert_ptr_nonnull(f);
	return f;
}

START_TEST(test_guard_refuses_a_fleet_that_lost_half)
{
	static const struct {
		size_t nodes, pops, prefixes;
		const char *lost; /* NULL: allowed */
	} cases[] = {
		{ 8, 4, 4, NULL },
		{ 12, 6, 6, NULL },
		{ 7, 4, 4, NULL },
		{ 5, 4, 3, NULL },
		{ 6, 3, 4, NULL },
		{ 4, 4, 4, "nodes" },
		{ 7, 2, 4, "PoPs" },
		{ 8, 4, 2, "prefixes" },
	};
	struct fleet *old = make_fleet(8, 4, 4);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = ERR_INIT;
		struct fleet *new = make_fleet(cases[i].nodes, cases[i].pops, cases[i].prefixes);
		int rc = conf_guard(old, new, &err);
		ck_assert_msg((rc == 0) == !cases[i].lost, "case %zu: %s", i, err.text);
		if (cases[i].lost) {
			ck_assert_int_eq(err.code, ERR_REFUSED);
			ck_assert_msg(strstr(err.text, cases[i].lost) != NULL, "%s", err.text);
		}
		fleet_free(new);
	}
	struct fleet *none = fleet_new();
	struct err err = ERR_INIT;
	ck_assert_int_eq(conf_guard(old, none, &err), -1);
	ck_assert_str_eq(err.text, "the new file has no nodes; the running one is kept");
	fleet_free(none);
	fleet_free(old);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_every_mistaken_file_gets_its_messages);
	tcase_add_test(t, test_five_mistakes_give_five_messages);
	tcase_add_test(t, test_example_becomes_a_fleet);
	tcase_add_test(t, test_settings_flow_down_and_the_nearest_wins);
	tcase_add_test(t, test_access_and_secrets_are_kept);
	tcase_add_test(t, test_a_daemon_of_another_kind_inherits_nothing);
	tcase_add_test(t, test_drain_override_is_read);
	tcase_add_test(t, test_a_file_not_to_be_trusted_is_refused);
	tcase_add_test(t, test_bytes_that_are_not_text_are_refused);
	tcase_add_test(t, test_ten_thousand_nodes_load_and_one_more_does_not);
	tcase_add_test(t, test_an_inherited_mistake_is_told_once);
	tcase_add_test(t, test_more_mistakes_than_are_kept_are_counted);
	tcase_add_test(t, test_look_ups_end_at_the_deadline);
	tcase_add_test(t, test_localhost_is_looked_up);
	tcase_add_test(t, test_guard_refuses_a_fleet_that_lost_half);
	suite_add_tcase(s, t);
	return suite_run(s);
}
