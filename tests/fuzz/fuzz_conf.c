/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target of all that reads what people and other tools wrote: the first byte chooses
 * fleet.yaml or an importer, the rest is the text. fleet.yaml either becomes a fleet or has at
 * least one mistake; nothing said about it carries a control character. What an importer writes is
 * itself read as fleet.yaml.
 *
 * Built with clang and -Dfuzz=true only; tests/fuzz/corpus_conf writes tests/conf and tests/import
 * as first inputs.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/conf.h"
#include "core/driver.h"
#include "core/import.h"
#include "core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct conf_names names = {
	.n = 4,
	.drivers = {
		{ "bind", DRIVER_DNS, true },
		{ "bird", DRIVER_BGP, false },
		{ "frr", DRIVER_BGP, false },
		{ "knot", DRIVER_DNS, false },
	},
};

/* Lines of clean text. */
static void
check_clean(struct slice text)
{
	struct slice line;
	while (slice_next_line(&text, &line))
		if (!text_is_clean(line))
			abort();
}

static void
read_fleet(struct slice text)
{
	struct conf_report report = CONF_REPORT_INIT;
	struct err err = ERR_INIT;
	struct buf said = BUF_INIT(16u << 20);
	struct fleet *f = conf_read(text, "fleet.yaml", "/etc/catchment", &names, &report, &err);
	if ((f != NULL) != (report.n_mistakes == 0) || (f != NULL) != (err.code == ERR_OK))
		abort();
	if (f && (f->n_pops == 0 || f->n_prefixes == 0 || conf_guard(f, f, NULL) == -1))
		abort();
	conf_report_write(&report, &said);
	check_clean(buf_slice(&said));
	buf_done(&said);
	fleet_free(f);
	conf_report_done(&report);
}

static void
import(const char *kind, struct slice text)
{
	struct buf out = BUF_INIT(64u << 20);
	struct err err = ERR_INIT;
	if (import_write(kind, text, "inventory", &names, &out, &err) == 0) {
		check_clean(buf_slice(&out));
		read_fleet(buf_slice(&out));
	}
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > CONF_FILE_MAX)
		return -1;
	struct slice text = { (const char *)data + 1, size - 1 };
	size_t kinds = 0;
	while (import_kind(kinds))
		kinds++;
	size_t chosen = data[0] % (kinds + 1);
	if (chosen == kinds)
		read_fleet(text);
	else
		import(import_kind(chosen), text);
	return 0;
}
