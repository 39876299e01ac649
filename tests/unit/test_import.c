/* SPDX-License-Identifier: Apache-2.0
 *
 * Importing inventories: tests/import/KIND--CASE.in beside KIND--CASE.expect, which is the
 * fleet.yaml written or the reason why not. UPDATE=1 writes the expectations anew. Each fleet.yaml
 * is refused as it stands and good once FILL_IN is filled in.
 */
#include <dirent.h>

#include "core/command.h"
#include "core/driver.h"
#include "core/import.h"
#include "tests/unit/suite.h"

static const struct conf_names names = {
	.n = 6,
	.drivers = {
		{ "agent", DRIVER_AGENT, true },
		{ "bind", DRIVER_DNS, true },
		{ "bird", DRIVER_BGP, false },
		{ "frr", DRIVER_BGP, false },
		{ "knot", DRIVER_DNS, false },
		{ "nsd", DRIVER_DNS, false },
	},
};

static void
replace(struct buf *text, const char *what, const char *by)
{
	struct buf out = BUF_INIT(CONF_FILE_MAX);
	const char *from = buf_text(text), *at;
	while ((at = strstr(from, what))) {
		buf_add(&out, from, (size_t)(at - from));
		buf_add_text(&out, by);
		from = at + strlen(what);
	}
	buf_add_text(&out, from);
	buf_done(text);
	*text = out;
}

static void
check_loads(const char *file, const struct buf *yaml)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX), said = BUF_INIT(1 << 20);
	struct conf_report report = CONF_REPORT_INIT;
	buf_add(&text, yaml->data, yaml->len);
	ck_assert_msg(conf_read(buf_slice(&text), file, "/", &names, &report, NULL) == NULL,
		"%s is good before it is filled in", file);
	replace(&text, "prefixes: [FILL_IN]", "prefixes: [192.0.2.0/24]");
	replace(&text, "bgp: FILL_IN", "bgp: bird");
	replace(&text, "dns: FILL_IN", "dns: knot");
	replace(&text, "fleet: FILL_IN", "fleet: imported");
	struct fleet *f = conf_read(buf_slice(&text), file, "/", &names, &report, NULL);
	conf_report_write(&report, &said);
	if (!f)
		fprintf(stderr, "%s:\n%s", file, buf_text(&said));
	ck_assert_msg(f != NULL, "%s cannot be loaded once it is filled in", file);
	fleet_free(f);
	conf_report_done(&report);
	buf_done(&text);
	buf_done(&said);
}

static void
check_expectation(const char *path, const struct buf *got)
{
	struct buf want = BUF_INIT(CONF_FILE_MAX);
	struct err err = ERR_INIT;
	if (getenv("UPDATE")) {
		FILE *f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		fwrite(got->data, 1, got->len, f);
		fclose(f);
		return;
	}
	ck_assert_msg(buf_read_file(&want, path, &err) == 0, "%s", err.text);
	bool is_same = strcmp(buf_text(&want), buf_text(got)) == 0;
	if (!is_same)
		fprintf(stderr, "%s wants:\n%s\nbut there is:\n%s\n", path, buf_text(&want),
			buf_text(got));
	ck_assert_msg(is_same, "%s differs", path);
	buf_done(&want);
}

static void
check_case(const char *folder, const char *file)
{
	char path[4500], kind[64];
	struct buf text = BUF_INIT(IMPORT_FILE_MAX), out = BUF_INIT(CONF_FILE_MAX);
	struct err err = ERR_INIT;
	snprintf(path, sizeof path, "%s/%s", folder, file);
	snprintf(kind, sizeof kind, "%.*s", (int)(strstr(file, "--") - file), file);
	ck_assert_msg(buf_read_file(&text, path, &err) == 0, "%s", err.text);
	if (import_write(kind, buf_slice(&text), file, &names, &out, &err) == 0)
		check_loads(file, &out);
	else
		buf_printf(&out, "refused: %s\n", err.text);
	snprintf(path, sizeof path, "%s/%.*s.expect", folder, (int)(strlen(file) - 3), file);
	replace(&out, "(" CATCHMENT_VERSION ")", "(VERSION)");
	check_expectation(path, &out);
	buf_done(&text);
	buf_done(&out);
}

START_TEST(test_every_inventory_becomes_a_fleet_file)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", source_path("tests/import"));
	DIR *d = opendir(folder);
	ck_assert_ptr_nonnull(d);
	struct dirent *entry;
	size_t n = 0;
	while ((entry = readdir(d))) {
		size_t len = strlen(entry->d_name);
		if (len > 3 && strcmp(entry->d_name + len - 3, ".in") == 0) {
			check_case(folder, entry->d_name);
			n++;
		}
	}
	closedir(d);
	ck_assert_uint_ge(n, 14);
}
END_TEST

START_TEST(test_kinds_are_those_of_the_command_table)
{
	char word[40];
	size_t i = 0;
	for (; command_choice(command_get(COMMAND_IMPORT)->usage, i, word, sizeof word); i++) {
		bool is_found = false;
		for (size_t k = 0; import_kind(k); k++)
			is_found |= strcmp(import_kind(k), word) == 0;
		ck_assert_msg(is_found, "%s", word);
	}
	ck_assert_ptr_nonnull(import_kind(i - 1));
	ck_assert_ptr_null(import_kind(i));
}
END_TEST

/* Every inventory cut at every byte is read or refused, never more. */
START_TEST(test_cut_inventories_do_no_harm)
{
	static const char *const files[] = { "ansible--groups", "ssh-config--usual",
		"prometheus--json", "prometheus--yaml", "netbox--api", "netbox--csv",
		"hosts--lines" };
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char path[200], kind[64];
		struct buf text = BUF_INIT(IMPORT_FILE_MAX);
		snprintf(path, sizeof path, "tests/import/%s.in", files[i]);
		snprintf(kind, sizeof kind, "%.*s", (int)(strstr(files[i], "--") - files[i]),
			files[i]);
		ck_assert_int_eq(buf_read_file(&text, source_path(path), NULL), 0);
		for (size_t len = 0; len < text.len; len += 3) {
			struct buf out = BUF_INIT(CONF_FILE_MAX);
			char *cut = xstrndup(text.data,
				len); /* its own block, so that reading past it is seen */
			struct err err = ERR_INIT;
			int rc = import_write(
				kind, (struct slice){ cut, len }, "x", &names, &out, &err);
			ck_assert((rc == 0) == (out.len > 0) && (rc == 0) == (err.code == ERR_OK));
			free(cut);
			buf_done(&out);
		}
		buf_done(&text);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("import");
	TCase *t = tcase_create("import");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_every_inventory_becomes_a_fleet_file);
	tcase_add_test(t, test_kinds_are_those_of_the_command_table);
	tcase_add_test(t, test_cut_inventories_do_no_harm);
	suite_add_tcase(s, t);
	return suite_run(s);
}
