/* SPDX-License-Identifier: Apache-2.0
 *
 * The known_hosts matcher against files that the real ssh-keygen made: keys of every type, hashed names (ssh-keygen -H),
 * ports, wildcards, negation, revocation, and lines that must not disturb the others.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "backend/known_hosts.h"
#include "suite.h"

enum { ED25519, ED25519_OTHER, ECDSA_256, ECDSA_521, RSA, KEYS };
static const struct {
	const char *type, *bits;
} kinds[KEYS] = { { "ed25519", "256" }, { "ed25519", "256" }, { "ecdsa", "256" }, { "ecdsa", "521" }, { "rsa", "2048" } };

static char folder[64];
static char lines[KEYS][1200]; /* "ssh-ed25519 AAAA..." */
static struct slice blobs[KEYS];
static char fingerprints[KEYS][80];

/* Runs a program and returns what it printed, or NULL. */
static char *
run(const char *command)
{
	struct buf b = BUF_INIT(1 << 20);
	FILE *f = popen(command, "r");
	char chunk[4096];
	size_t n;
	while (f && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(&b, chunk, n);
	if (!f || pclose(f) != 0) {
		buf_done(&b);
		return NULL;
	}
	return buf_take(&b);
}

static void
make_key(size_t i)
{
	char command[400];
	snprintf(command, sizeof command,
		"ssh-keygen -q -t %s -b %s -N '' -C '' -f %s/k%zu && cut -d' ' -f1,2 %s/k%zu.pub | tr -d '\\n'", kinds[i].type,
		kinds[i].bits, folder, i, folder, i);
	char *text = run(command);
	ck_assert_ptr_nonnull(text);
	snprintf(lines[i], sizeof lines[i], "%s", text);
	free(text);
	snprintf(command, sizeof command, "cut -d' ' -f2 %s/k%zu.pub | base64 -d", folder, i);
	struct buf b = BUF_INIT(4096);
	FILE *f = popen(command, "r");
	char chunk[4096];
	size_t n = fread(chunk, 1, sizeof chunk, f);
	buf_add(&b, chunk, n);
	ck_assert_int_eq(pclose(f), 0);
	blobs[i] = (struct slice){ buf_take(&b), n };
	snprintf(command, sizeof command, "ssh-keygen -lf %s/k%zu.pub | cut -d' ' -f2 | tr -d '\\n'", folder, i);
	text = run(command);
	snprintf(fingerprints[i], sizeof fingerprints[i], "%s", text);
	free(text);
}

static void
setup(void)
{
	snprintf(folder, sizeof folder, "/tmp/catchment-pins-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (size_t i = 0; i < KEYS; i++)
		make_key(i);
}

static void
teardown(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
	for (size_t i = 0; i < KEYS; i++)
		free((char *)(uintptr_t)blobs[i].data);
}

/* Makes a file: {0}..{4} stand for the keys. */
static struct buf
expand(const char *text)
{
	struct buf b = BUF_INIT(1 << 20);
	for (const char *p = text; *p; p++) {
		if (*p == '{' && p[1] >= '0' && p[1] < '0' + KEYS && p[2] == '}') {
			buf_add_text(&b, lines[p[1] - '0']);
			p += 2;
		} else {
			buf_add_char(&b, *p);
		}
	}
	return b;
}

struct look {
	const char *file, *host;
	uint16_t port;
	int key;
	enum host_key_verdict want;
	unsigned types;
	size_t line;
};

#define ED  HOST_KEY_ED25519
#define EC2 HOST_KEY_ECDSA_256
static const struct look looks[] = {
	{ "fra1 {0}\n", "fra1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra1 {0} a comment here\n", "FRA1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "FRA1 {0}", "fra1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra1 {0}\r\n", "fra1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra1 {0}\n", "fra1", 22, ED25519_OTHER, HOST_KEY_MISMATCH, ED, 1 },
	{ "fra1 {0}\n", "fra1", 22, ECDSA_256, HOST_KEY_NOT_FOUND, ED, 0 },
	{ "fra1 {0}\n", "fra2", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "fra1 {0}\n", "fra", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "fra1,10.0.0.1 {0}\nfra1 {2}\n", "10.0.0.1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra1 {0}\nfra1 {2}\nfra1 {3}\nfra1 {4}\n", "fra1", 22, ECDSA_521, HOST_KEY_MATCH,
		ED | EC2 | HOST_KEY_ECDSA_521 | HOST_KEY_RSA, 3 },
	{ "fra1 {0}\nfra1 {1}\n", "fra1", 22, ED25519_OTHER, HOST_KEY_MATCH, ED, 2 }, /* both keys while one is replaced */
	{ "xy {0}\n", "xy", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "2001:db8::1 {0}\n", "2001:db8::1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	/* ports */
	{ "[fra1]:2222 {0}\n", "fra1", 2222, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "[fra1]:2222 {0}\n", "fra1", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "[fra1]:2222 {0}\n", "fra1", 2223, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "[2001:db8::1]:2222 {0}\n", "2001:db8::1", 2222, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra1 {0}\n", "fra1", 2222, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra1 {0}\n[fra1]:2222 {1}\n", "fra1", 2222, ED25519, HOST_KEY_MISMATCH, ED, 2 },
	/* patterns */
	{ "*.example.net {0}\n", "fra1.example.net", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "*.example.net {0}\n", "example.net", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "fra? {0}\n", "fra1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra? {0}\n", "fra12", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "f*a*1 {0}\n", "frankfurta-b-a1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "* {0}\n", "anything", 2222, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra*,!fra2 {0}\n", "fra1", 22, ED25519, HOST_KEY_MATCH, ED, 1 },
	{ "fra*,!fra2 {0}\n", "fra2", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "!fra2,fra* {0}\n", "fra2", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "!fra2 {0}\n", "fra1", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 }, /* a negation alone matches nobody */
	/* markers */
	{ "@revoked fra1 {0}\nfra1 {0}\n", "fra1", 22, ED25519, HOST_KEY_REVOKED, ED, 1 },
	{ "fra1 {0}\n@revoked * {0}\n", "fra1", 22, ED25519, HOST_KEY_REVOKED, ED, 2 },
	{ "@revoked fra1 {1}\nfra1 {0}\n", "fra1", 22, ED25519, HOST_KEY_MATCH, ED, 2 },
	{ "@revoked fra1 {0}\n[fra1]:2222 {0}\n", "fra1", 2222, ED25519, HOST_KEY_REVOKED, ED, 1 },
	{ "@revoked fra1 {0}\n", "fra1", 22, ED25519_OTHER, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "@cert-authority * {0}\n", "fra1", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "@revoked {0}\n", "@revoked", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	{ "@new-marker fra1 {0}\n", "fra1", 22, ED25519, HOST_KEY_NOT_FOUND, 0, 0 },
	/* lines that must not disturb those after them */
	{ "garbage\nfra1 ssh-ed448 AAAAC3Nz\nfra1 ssh-ed25519 !!!!\nfra1 ssh-ed25519\n# fra1 {1}\n\n \t\nfra1 {0}\n", "fra1", 22,
		ED25519, HOST_KEY_MATCH, ED, 8 },
	{ "fra1 sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t\nfra1 {2}\n", "fra1", 22, ECDSA_256,
		HOST_KEY_MATCH, EC2, 2 },
};

START_TEST(test_known_hosts_looks_up)
{
	const struct look *l = &looks[_i];
	struct buf text = expand(l->file);
	struct known_hosts *kh = known_hosts_parse(buf_slice(&text));
	buf_done(&text);
	struct host_pins *p = known_hosts_find(kh, l->host, l->port);
	known_hosts_free(kh); /* pins are a copy */
	size_t line;
	ck_assert_int_eq(host_pins_check(p, blobs[l->key], &line), l->want);
	ck_assert_uint_eq(host_pins_types(p), l->types);
	ck_assert_uint_eq(line, l->line);
	host_pins_free(p);
}
END_TEST

/* What ssh-keygen -H makes of names, addresses and ports. */
START_TEST(test_known_hosts_hashed)
{
	static const struct {
		const char *host;
		uint16_t port;
		int key;
	} hosts[] = { { "fra1", 22, 0 }, { "10.0.0.1", 22, 1 }, { "ams1", 2222, 2 }, { "2001:db8::1", 22, 3 } };
	char path[128], command[256];
	struct buf text = expand("fra1 {0}\n10.0.0.1 {1}\n[ams1]:2222 {2}\n2001:db8::1 {3}\n");
	snprintf(path, sizeof path, "%s/hashed", folder);
	FILE *f = fopen(path, "w");
	fputs(buf_text(&text), f);
	fclose(f);
	buf_done(&text);
	snprintf(command, sizeof command, "ssh-keygen -q -H -f %s >/dev/null 2>&1", path);
	ck_assert_int_eq(system(command), 0);
	struct err err = ERR_INIT;
	struct known_hosts *kh = known_hosts_load(path, &err);
	ck_assert_msg(kh != NULL, "%s", err.text);
	ck_assert_uint_eq(known_hosts_skipped(kh), 0);
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		struct host_pins *p = known_hosts_find(kh, hosts[i].host, hosts[i].port);
		for (int k = 0; k < 4; k++) {
			enum host_key_verdict v = host_pins_check(p, blobs[k], NULL);
			ck_assert_msg((v == HOST_KEY_MATCH) == (k == hosts[i].key), "%s %d: %d", hosts[i].host, k, (int)v);
		}
		host_pins_free(p);
	}
	struct host_pins *p = known_hosts_find(kh, "nyc1", 22);
	ck_assert_uint_eq(host_pins_types(p), 0);
	host_pins_free(p);
	known_hosts_free(kh);
}
END_TEST

START_TEST(test_known_hosts_counts_what_it_skips)
{
	struct buf text = expand("garbage\n# comment\n@cert-authority * {0}\nfra1 ssh-dss AAAA\nfra1 {0}x\n@odd fra1 {0}\nfra1 {0}\n");
	struct known_hosts *kh = known_hosts_parse(buf_slice(&text));
	ck_assert_uint_eq(known_hosts_skipped(kh), 4);
	known_hosts_free(kh);
	buf_done(&text);
}
END_TEST

START_TEST(test_known_hosts_prints_fingerprints)
{
	for (size_t i = 0; i < KEYS; i++) {
		char text[HOST_KEY_FINGERPRINT_MAX];
		host_key_fingerprint(blobs[i], text);
		ck_assert_str_eq(text, fingerprints[i]);
	}
}
END_TEST

START_TEST(test_known_hosts_names_types)
{
	for (size_t i = 0; i < KEYS; i++) {
		const char *name = host_key_type_name((enum host_key_type)host_key_blob_type(blobs[i]));
		ck_assert_msg(name && strncmp(lines[i], name, strlen(name)) == 0, "%s", lines[i]);
	}
	ck_assert_uint_eq(host_key_blob_type((struct slice){ "\0\0\0\xff"
							      "x",
				      5 }),
		0);
	ck_assert_uint_eq(host_key_blob_type((struct slice){ "\0", 1 }), 0);
}
END_TEST

/* Any prefix and any damaged byte: no crash, and the damaged key never matches. */
START_TEST(test_known_hosts_survives_damage)
{
	struct buf text = expand("@revoked x {1}\n|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {2}\nfra1 {0}\n");
	size_t len = text.len;
	for (size_t i = 0; i < len; i++) {
		struct known_hosts *kh = known_hosts_parse((struct slice){ buf_text(&text), i });
		struct host_pins *p = known_hosts_find(kh, "fra1", 22);
		if (i < len - 1)
			ck_assert_int_ne(host_pins_check(p, blobs[ED25519], NULL), HOST_KEY_MATCH);
		host_pins_free(p);
		known_hosts_free(kh);
		char *copy = xstrndup(buf_text(&text), len);
		copy[i] = (char)(copy[i] ^ 0x15);
		kh = known_hosts_parse((struct slice){ copy, len });
		p = known_hosts_find(kh, "fra1", 22);
		host_pins_check(p, blobs[ED25519], NULL);
		host_pins_free(p);
		known_hosts_free(kh);
		free(copy);
	}
	buf_done(&text);
}
END_TEST

START_TEST(test_known_hosts_says_why_unreadable)
{
	struct err err = ERR_INIT;
	ck_assert_ptr_null(known_hosts_load("/nonexistent/known_hosts", &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/known_hosts"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("known_hosts");
	TCase *t = tcase_create("known_hosts");
	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_known_hosts_looks_up, 0, sizeof looks / sizeof looks[0]);
	tcase_add_test(t, test_known_hosts_hashed);
	tcase_add_test(t, test_known_hosts_counts_what_it_skips);
	tcase_add_test(t, test_known_hosts_prints_fingerprints);
	tcase_add_test(t, test_known_hosts_names_types);
	tcase_add_test(t, test_known_hosts_survives_damage);
	tcase_add_test(t, test_known_hosts_says_why_unreadable);
	suite_add_tcase(s, t);
	return suite_run(s);
}
