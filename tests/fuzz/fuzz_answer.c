/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the answer of a web server: head, then body in chunks. Portions must not change what is read, nothing may
 * be read twice or beyond the end, and a body never exceeds its ceiling.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/http_plain.h"

#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	ssize_t head;
	int end;
	size_t body;
};

static struct result
read_answer(struct slice bytes, size_t step)
{
	struct result r = { 0 };
	struct http_head head;
	struct http_chunks chunks = { 0 };
	struct buf body = BUF_INIT(BODY_MAX);
	size_t seen = 0;
	for (size_t n = step < bytes.len ? step : bytes.len; r.head == 0; n = n + step < bytes.len ? n + step : bytes.len) {
		r.head = http_head_read((struct slice){ bytes.data, n }, &seen, &head, NULL);
		if (n == bytes.len)
			break;
	}
	for (size_t at = r.head > 0 ? (size_t)r.head : bytes.len; at < bytes.len && r.end == 0; at += step) {
		struct slice in = { bytes.data + at, step < bytes.len - at ? step : bytes.len - at };
		r.end = http_chunks_read(&chunks, &in, &body, NULL);
	}
	r.body = body.len;
	if (body.len > BODY_MAX)
		abort();
	buf_done(&body);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size >= HTTP_HEAD_MAX)
		return 0;
	struct slice bytes = { (const char *)data, size };
	struct result whole = read_answer(bytes, size), pieces = read_answer(bytes, 3);
	if (whole.head != pieces.head || whole.end != pieces.end || (whole.end != -1 && whole.body != pieces.body))
		abort();
	return 0;
}
