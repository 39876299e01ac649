/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target of all drivers: the first byte chooses the probe, the second the exit status and the tag, the rest is what
 * the command printed; a byte 0x1e in it parts standard output from standard error. Whatever a node sends must be read or
 * refused with a sentence, and no string of the report may carry a control character.
 *
 * Built with clang and -Dfuzz=true only; tests/fuzz/corpus writes the recorded replies as first inputs.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/text.h"
#include "plugins/drivers.h"

#define PARTING_BYTE 0x1e

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const tags[] = {
	"", "all", "static", "static anycast4", "transit1_v4 4", "peer-1 46", "10.1.23.1/4", "192.0.2.0/24 198.51.100.0/24",
	"198.51.100.0/24 192.0.2.0/24", "clock", "127.9.0.2/4 127.9.0.2/4", "192.0.2.0/24", "fd00:1:23::1/6", "status",
};
static const int statuses[] = { -1, 0, 1, 127 };

static const struct probe *
choose_probe(uint8_t wanted, bool *is_http)
{
	const struct driver *d;
	size_t n = 0;
	for (size_t i = 0; (d = driver_at(i)) != NULL; i++)
		for (const struct probe *p = d->probes; p->name; p++)
			if (n++ == wanted) {
				*is_http = d->needs_url;
				return p;
			}
	return NULL;
}

/* In JSON a control character would stand as an escape: in clean text only quotes, slashes and backslashes do. */
static bool
has_control_escape(struct slice json)
{
	for (size_t i = 0; i + 1 < json.len; i++)
		if (json.data[i] == '\\' && !strchr("\"\\/", json.data[++i]))
			return true;
	return false;
}

static void
check_report(const struct report *r)
{
	struct buf out = BUF_INIT(64u << 20);
	struct json_writer w = JSON_WRITER(&out);
	report_write_json(r, &w);
	if (!text_is_clean(buf_slice(&out)) || has_control_escape(buf_slice(&out)))
		abort();
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_http = false;
	const struct probe *probe = size >= 2 ? choose_probe(data[0], &is_http) : NULL;
	if (!probe)
		return 0;
	const char *text = (const char *)data + 2;
	size_t len = size - 2;
	const char *parting = memchr(text, PARTING_BYTE, len);
	struct reply_part part = {
		.tag = tags[data[1] / 4 % (sizeof tags / sizeof tags[0])],
		.out = { text, parting ? (size_t)(parting - text) : len },
		.err = { parting ? parting + 1 : text, parting ? (size_t)(text + len - parting - 1) : 0 },
		.status = statuses[data[1] % 4],
	};
	struct reply reply = { .n_parts = 1, .parts = &part };
	if (is_http) {
		reply.http_status = 200;
		reply.content_type = "application/json";
		part.status = -1;
	}
	struct report *r = report_new();
	struct err err = ERR_INIT;
	if (probe->read(&reply, r, &err) == 0)
		check_report(r);
	else if (err.code == ERR_OK || !text_is_clean(slice_of(err.text)))
		abort();
	report_free(r);
	return 0;
}
