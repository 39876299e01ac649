/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the backend is, from what stands on the command line: every form that is taken, every form that is not, and token
 * files that others can read.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console/place.h"
#include "core/token.h"
#include "suite.h"

static const struct {
	const char *backend;
	const char *base, *address, *socket_path; /* NULL base: refused, and says */
	const char *says;
} rows[] = {
	{ "unix:/run/x.sock", "http://localhost", "", "/run/x.sock", "" },
	{ "https://127.0.0.1:8443", "https://127.0.0.1:8443", "127.0.0.1", "", "" },
	{ "https://127.0.0.1", "https://127.0.0.1:8443", "127.0.0.1", "", "" },
	{ "https://127.0.0.1/", "https://127.0.0.1:8443", "127.0.0.1", "", "" },
	{ "https://127.0.0.1:443/", "https://127.0.0.1:443", "127.0.0.1", "", "" },
	{ "https://[::1]", "https://[::1]:8443", "::1", "", "" },
	{ "https://[::1]:1", "https://[::1]:1", "::1", "", "" },
	{ "https://localhost:9", "https://localhost:9", NULL, "", "" },
	{ "http://127.0.0.1:8443", NULL, NULL, NULL, "https://HOST:PORT" },
	{ "127.0.0.1:8443", NULL, NULL, NULL, "https://HOST:PORT" },
	{ "https://", NULL, NULL, NULL, "--backend" },
	{ "https://user:pass@127.0.0.1", NULL, NULL, NULL, "credentials" },
	{ "https://127.0.0.1:8443/v1", NULL, NULL, NULL, "without a path" },
	{ "https://127.0.0.1?token=x", NULL, NULL, NULL, "without a path" },
	{ "https://127.0.0.1:99999", NULL, NULL, NULL, "--backend" },
	{ "https://no.such.name.invalid", NULL, NULL, NULL, "no backend at" },
	{ "unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL,
		NULL, NULL, "at most" },
};

START_TEST(test_place_takes_what_it_can_reach)
{
	struct place p;
	struct err err = ERR_INIT;
	char url[64];
	int rc = place_open(&p, &(struct place_wish){ .backend = rows[_i].backend }, &err);
	ck_assert_msg((rc == 0) == (rows[_i].base != NULL), "%s: %s", rows[_i].backend, err.text);
	if (rc == -1) {
		ck_assert_msg(strstr(err.text, rows[_i].says) != NULL, "%s: %s", rows[_i].backend, err.text);
		return;
	}
	ck_assert_str_eq(p.base, rows[_i].base);
	ck_assert_str_eq(p.socket_path, rows[_i].socket_path);
	if (rows[_i].address)
		ck_assert_str_eq(p.address, rows[_i].address);
	ck_assert_int_eq(place_url(&p, "/v1/pops", url, sizeof url, &err), 0);
	ck_assert_int_eq(place_url(&p, "/v1/pops/0123456789012345678901234567890123456789012345678901234567890", url, sizeof url, &err),
		-1);
	struct http_request r = { .method = NULL };
	place_fill(&p, &r);
	ck_assert_int_eq(r.unix_path != NULL, rows[_i].socket_path[0] != '\0');
	ck_assert_int_eq(r.address != NULL, rows[_i].socket_path[0] == '\0');
	place_done(&p);
}
END_TEST

enum content { WHOLE, WITH_NEWLINE, SHORT, EMPTY, OTHER };
static const struct {
	enum content content;
	mode_t mode;
	const char *says; /* NULL: taken */
} files[] = {
	{ WHOLE, 0600, NULL }, { WITH_NEWLINE, 0400, NULL }, { WHOLE, 0640, "mode 0640" }, { WHOLE, 0604, "mode 0604" },
	{ SHORT, 0600, "no whole token" }, { EMPTY, 0600, "no whole token" }, { OTHER, 0600, "no whole token" },
};

START_TEST(test_place_reads_tokens_that_are_ours_alone)
{
	struct place p;
	struct err err = ERR_INIT;
	char token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE], path[] = "/tmp/catchment-place-XXXXXX", text[128] = "";
	token_make(token, hash);
	int fd = mkstemp(path);
	if (files[_i].content == OTHER)
		snprintf(text, sizeof text, "hunter2\n");
	else if (files[_i].content == SHORT)
		snprintf(text, sizeof text, "%.40s", token);
	else if (files[_i].content != EMPTY)
		snprintf(text, sizeof text, "%s%s", token, files[_i].content == WITH_NEWLINE ? "\n" : "");
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, files[_i].mode), 0);
	const struct place_wish wish = { .backend = "https://127.0.0.1", .token_file = path };
	int rc = place_open(&p, &wish, &err);
	ck_assert_msg((rc == 0) == (files[_i].says == NULL), "%s", err.text);
	ck_assert_ptr_null(strstr(err.text, token));
	if (rc == 0) {
		ck_assert_ptr_nonnull(strstr(p.header, token));
		ck_assert_ptr_eq(p.options.secret_header, p.header);
		ck_assert_ptr_null(strstr(p.where, token));
		place_done(&p);
		ck_assert_str_eq(p.header, "");
	} else {
		ck_assert_ptr_nonnull(strstr(err.text, files[_i].says));
	}
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(test_place_says_that_it_only_looks)
{
	struct place p;
	struct err err = ERR_INIT;
	static const char *const own[] = { "A: b" };
	for (int is_read_only = 0; is_read_only < 2; is_read_only++) {
		struct http_request r = { .url = "x" }, with_own = { .url = "x", .headers = own, .n_headers = 1 };
		ck_assert_int_eq(place_open(&p, &(struct place_wish){ .backend = "unix:/tmp/x", .is_read_only = is_read_only }, &err), 0);
		place_fill(&p, &r);
		place_fill(&p, &with_own);
		ck_assert_uint_eq(r.n_headers, (size_t)is_read_only);
		if (is_read_only)
			ck_assert_str_eq(r.headers[0], "Catchment-Sitting: read-only");
		ck_assert_str_eq(with_own.headers[0], "A: b");
		place_done(&p);
	}
}
END_TEST

START_TEST(test_place_wants_certificate_and_key_together)
{
	struct place p;
	struct err err = ERR_INIT;
	ck_assert_int_eq(place_open(&p, &(struct place_wish){ .backend = "https://127.0.0.1", .cert = "x" }, &err), -1);
	ck_assert_int_eq(place_open(&p, &(struct place_wish){ .backend = "https://127.0.0.1", .key = "x" }, &err), -1);
	ck_assert_int_eq(place_open(&p, &(struct place_wish){ .backend = "https://127.0.0.1", .cert = "x", .key = "y" }, &err), 0);
	ck_assert_int_eq(place_open(&p, &(struct place_wish){ .backend = "https://127.0.0.1", .token_file = "/nowhere" }, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "/nowhere"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("place");
	TCase *tests = tcase_create("place");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_place_takes_what_it_can_reach, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(tests, test_place_reads_tokens_that_are_ours_alone, 0, sizeof files / sizeof *files);
	tcase_add_test(tests, test_place_says_that_it_only_looks);
	tcase_add_test(tests, test_place_wants_certificate_and_key_together);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
