/* SPDX-License-Identifier: Apache-2.0
 *
 * read DRIVER PROBE [TAG] < reply: what a driver makes of any capture. The report goes to standard output as JSON (exit
 * 0), a refusal to standard error as a sentence (exit 1). The capture stands for what the command printed, on either
 * stream, since captures often hold both; its exit status is unknown. TAG is what the driver itself would have attached
 * to the command, such as the name of a session. Input is bounded; nothing else is opened.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"
#include "core/text.h"
#include "plugins/drivers.h"

#define INPUT_MAX (1u << 20)

static int
usage(FILE *to, int status)
{
	fputs("usage: read DRIVER PROBE [TAG] < reply\n"
	      "       read --list\n"
	      "Prints the report of a captured reply as JSON, or why it is refused.\n", to);
	return status;
}

static int
list(void)
{
	const struct driver *d;
	for (size_t i = 0; (d = driver_at(i)) != NULL; i++)
		for (const struct probe *p = d->probes; p->name; p++)
			printf("%s %s\n", d->name, p->name);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Reads standard input to its end; -1 when it is larger than the limit or cannot be read. */
static int
read_input(struct buf *in, struct err *err)
{
	char block[16384];
	size_t n;
	while ((n = fread(block, 1, sizeof block, stdin)) > 0)
		if (buf_add(in, block, n) == -1)
			return err_set(err, ERR_TOO_LARGE, "the reply is larger than %u bytes", INPUT_MAX);
	return ferror(stdin) ? err_set(err, ERR_FAILED, "the reply cannot be read") : 0;
}

static int
print_report(const struct probe *probe, const struct reply *reply, struct err *err)
{
	struct report *report = report_new();
	struct buf out = BUF_INIT(64u << 20);
	struct json_writer w = JSON_WRITER(&out);
	int rc = probe->read(reply, report, err);
	if (rc == 0) {
		w.pretty = true;
		report_write_json(report, &w);
		puts(buf_text(&out));
		if (fflush(stdout) != 0)
			rc = err_set(err, ERR_FAILED, "the report cannot be written");
	}
	buf_done(&out);
	report_free(report);
	return rc;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, EXIT_SUCCESS);
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	if (argc < 3 || argc > 4)
		return usage(stderr, 2);
	const struct driver *driver = driver_find(argv[1]);
	const struct probe *probe = driver ? driver_find_probe(driver, argv[2]) : NULL;
	if (!probe) {
		fprintf(stderr, "read: there is no %s '%s', see read --list\n", driver ? "probe" : "driver",
			driver ? argv[2] : argv[1]);
		return 2;
	}
	struct buf in = BUF_INIT(INPUT_MAX);
	struct err err = ERR_INIT;
	int rc = read_input(&in, &err);
	struct reply_part part = {
		.tag = argc == 4 ? argv[3] : "", .out = buf_slice(&in), .err = { "", 0 }, .status = -1,
	};
	struct reply reply = { .n_parts = 1, .parts = &part };
	if (driver->needs_url)
		reply.http_status = 200;
	if (rc == 0)
		rc = print_report(probe, &reply, &err);
	if (rc == -1) {
		char text[ERR_TEXT_MAX];
		text_sanitise_to(slice_of(err.text), text, sizeof text);
		fprintf(stderr, "%s\n", text);
	}
	buf_done(&in);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
