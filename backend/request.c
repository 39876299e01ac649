/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a request is judged here as raw bytes, before libmicrohttpd sees it. That library (0.9.75) takes a bare
 * line feed for a line end, folds lines, lets Content-Length and Transfer-Encoding stand together, turns %00 into the
 * end of the path, and keeps a connection that sends one byte a second for ever. None of that can be seen or stopped
 * from its callbacks, so the API peeks at the socket, asks request_judge, and hands the connection over only when the
 * whole head has arrived and is beyond doubt. Each connection carries one request, so nothing comes after it.
 *
 * Who may ask what is not decided here (api.c, routes.c), with three exceptions that belong to the bytes: the Host must
 * be ours (a browser page that rebinds a name to us sends its own; over TLS api.c compares it with the certificate), an
 * Origin means that a browser asks, and a token in a target would end up in histories and logs: refused.
 */
#include "backend/request.h"

#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "core/token.h"

struct head {
	enum request_door door;
	bool has_host, has_length, has_token;
	bool is_http_11;
	struct slice host, token;
};

static bool
is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_name(struct slice s, const char *name)
{
	return s.len == strlen(name) && strncasecmp(s.data, name, s.len) == 0;
}

static int
judge_method(struct slice method, struct err *err)
{
	if (method.len == 0 || method.len > 16)
		return err_set(err, ERR_USAGE, "a method has 1 to 16 letters, this one has %zu", method.len);
	for (size_t i = 0; i < method.len; i++) {
		if (method.data[i] < 'A' || method.data[i] > 'Z')
			return err_set(err, ERR_USAGE, "a method has capital letters only");
	}
	return 0;
}

static int
judge_target(struct slice target, struct err *err)
{
	if (target.len == 0)
		return err_set(err, ERR_USAGE, "the request line has no target");
	if (target.len > REQUEST_TARGET_MAX) {
		return err_set(err, ERR_TOO_LARGE, "a target has at most %d bytes, this one has %zu", REQUEST_TARGET_MAX,
			target.len);
	}
	for (size_t i = 0; i < target.len; i++) {
		if (target.data[i] < 0x21 || target.data[i] > 0x7e)
			return err_set(err, ERR_USAGE, "a target has visible ASCII only: escape the rest as %%XX");
	}
	if (slice_contains(target, TOKEN_PREFIX))
		return err_set(err, ERR_USAGE, "a token stands in the header Authorization, never in a URL; revoke this one");
	return 0;
}

/* "GET /v1/fleet HTTP/1.1" */
static int
judge_request_line(struct slice line, struct head *head, struct request_line *out, struct err *err)
{
	const char *first = memchr(line.data, ' ', line.len);
	if (!first)
		return err_set(err, ERR_USAGE, "the request line is METHOD TARGET HTTP/1.1");
	struct slice method = { line.data, (size_t)(first - line.data) };
	struct slice rest = { first + 1, line.len - method.len - 1 };
	const char *second = memchr(rest.data, ' ', rest.len);
	if (!second)
		return err_set(err, ERR_USAGE, "the request line is METHOD TARGET HTTP/1.1");
	struct slice target = { rest.data, (size_t)(second - rest.data) };
	struct slice version = { second + 1, rest.len - target.len - 1 };
	head->is_http_11 = slice_equal(version, "HTTP/1.1");
	if (!head->is_http_11 && !slice_equal(version, "HTTP/1.0"))
		return err_set(err, ERR_USAGE, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	if (judge_method(method, err) == -1 || judge_target(target, err) == -1)
		return -1;
	const char *mark = memchr(target.data, '?', target.len);
	out->method = method;
	out->path = (struct slice){ target.data, mark ? (size_t)(mark - target.data) : target.len };
	if (out->path.len == 0)
		return err_set(err, ERR_USAGE, "the target of the request line has no path");
	out->query = (struct slice){ mark ? mark + 1 : "", mark ? target.len - out->path.len - 1 : 0 };
	return 0;
}

static int
judge_host(struct slice value, struct head *head, struct err *err)
{
	if (head->has_host)
		return err_set(err, ERR_USAGE, "the header Host stands twice");
	head->has_host = true;
	head->host = value;
	if (head->door == REQUEST_UNIX && value.len != 0 && !is_name(value, "localhost"))
		return err_set(err, ERR_PERMISSION, "the Host of a request on this socket is localhost");
	return 0;
}

/* "Bearer cmt_…": one scheme, one token, visible characters. */
static int
judge_authorization(struct slice value, struct head *head, struct err *err)
{
	static const char scheme[] = "Bearer ";
	if (head->door == REQUEST_UNIX)
		return err_set(err, ERR_USAGE, "a token belongs on TLS: this socket knows its callers by their uid");
	if (head->has_token)
		return err_set(err, ERR_USAGE, "the header Authorization stands twice");
	head->has_token = true;
	if (value.len < sizeof scheme - 1 || strncasecmp(value.data, scheme, sizeof scheme - 1) != 0)
		return err_set(err, ERR_UNKNOWN_CALLER, "Authorization is Bearer TOKEN here");
	struct slice token = slice_trim((struct slice){ value.data + sizeof scheme - 1, value.len - (sizeof scheme - 1) });
	if (token.len == 0 || token.len > REQUEST_TOKEN_MAX || memchr(token.data, ' ', token.len))
		return err_set(err, ERR_UNKNOWN_CALLER, "Authorization is Bearer TOKEN here");
	head->token = token;
	return 0;
}

static int
judge_length(struct slice value, struct head *head, struct err *err)
{
	if (head->has_length)
		return err_set(err, ERR_USAGE, "the header Content-Length stands twice");
	head->has_length = true;
	int64_t length = 0;
	if (value.len == 0 || value.len > 18 || text_parse_int(value, 0, INT64_MAX, &length) == -1)
		return err_set(err, ERR_USAGE, "Content-Length is a decimal number of bytes");
	if (length > REQUEST_BODY_MAX) {
		return err_set(err, ERR_TOO_LARGE, "a body has at most %d bytes, this one says %lld", REQUEST_BODY_MAX,
			(long long)length);
	}
	return 0;
}

static int
judge_header(struct slice name, struct slice value, struct head *head, struct err *err)
{
	if (is_name(name, "Host"))
		return judge_host(value, head, err);
	if (is_name(name, "Authorization"))
		return judge_authorization(value, head, err);
	if (is_name(name, "Content-Length"))
		return judge_length(value, head, err);
	if (is_name(name, "Transfer-Encoding"))
		return err_set(err, ERR_USAGE, "a body comes with Content-Length, not with Transfer-Encoding");
	if (is_name(name, "Origin"))
		return err_set(err, ERR_PERMISSION, "this API is not for web pages: a request with Origin is refused");
	if (is_name(name, "Upgrade"))
		return err_set(err, ERR_USAGE, "there is nothing to upgrade to");
	return 0;
}

static int
judge_line(struct slice line, struct head *head, struct err *err)
{
	if (line.data[0] == ' ' || line.data[0] == '\t')
		return err_set(err, ERR_USAGE, "a header line may not be folded");
	size_t n = 0;
	while (n < line.len && is_token_char(line.data[n]))
		n++;
	if (n == 0 || n == line.len || line.data[n] != ':')
		return err_set(err, ERR_USAGE, "a header line is NAME: VALUE");
	struct slice value = slice_trim((struct slice){ line.data + n + 1, line.len - n - 1 });
	return judge_header((struct slice){ line.data, n }, value, head, err);
}

/* Cuts the next line that ends with CR LF off the front. 1, 0 when it has not ended yet, -1 when a byte may not be. */
static int
next_line(struct slice *rest, struct slice *line, struct err *err)
{
	for (size_t i = 0; i < rest->len; i++) {
		unsigned char c = (unsigned char)rest->data[i];
		if (c == '\r') {
			if (i + 1 == rest->len)
				return 0;
			if (rest->data[i + 1] != '\n')
				return err_set(err, ERR_USAGE, "a carriage return stands alone in the head");
			*line = (struct slice){ rest->data, i };
			*rest = (struct slice){ rest->data + i + 2, rest->len - i - 2 };
			return 1;
		}
		if (c == '\n')
			return err_set(err, ERR_USAGE, "a line of the head ends with CR LF, not with LF alone");
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return err_set(err, ERR_USAGE, "the head has a control character (0x%02x)", c);
	}
	return 0;
}

static enum request_head
judge_end(const struct head *head, struct err *err)
{
	if (head->is_http_11 && !head->has_host) {
		(void)err_set(err, ERR_USAGE, "an HTTP/1.1 request names a Host");
		return REQUEST_BAD;
	}
	return REQUEST_GOOD;
}

enum request_head
request_judge(struct slice bytes, enum request_door door, struct request_line *out, struct err *err)
{
	struct head head = { .door = door };
	struct request_line request = { 0 };
	struct slice rest = bytes;
	for (size_t lines = 0;; lines++) {
		struct slice line = { NULL, 0 };
		int rc = next_line(&rest, &line, err);
		if (rc == -1)
			return REQUEST_BAD;
		if ((size_t)(rest.data - bytes.data) > REQUEST_HEAD_MAX || (rc == 0 && bytes.len >= REQUEST_HEAD_MAX)) {
			(void)err_set(err, ERR_TOO_LARGE, "a request line with its headers has at most %d bytes",
				REQUEST_HEAD_MAX);
			return REQUEST_BAD;
		}
		if (rc == 0)
			return REQUEST_MORE;
		if (lines > 0 && line.len == 0) {
			*out = request;
			out->host = head.host;
			out->token = head.token;
			return judge_end(&head, err);
		}
		if (lines > REQUEST_LINES_MAX) {
			(void)err_set(err, ERR_TOO_LARGE, "a request has at most %d header lines", REQUEST_LINES_MAX);
			return REQUEST_BAD;
		}
		rc = lines == 0 ? judge_request_line(line, &head, &request, err) : judge_line(line, &head, err);
		if (rc == -1)
			return REQUEST_BAD;
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
request_decode(struct slice in, char *out, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < in.len; i++) {
		int c = (unsigned char)in.data[i];
		if (c == '%') {
			if (in.len - i < 3 || hex_digit(in.data[i + 1]) == -1 || hex_digit(in.data[i + 2]) == -1)
				return -1;
			c = hex_digit(in.data[i + 1]) * 16 + hex_digit(in.data[i + 2]);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= size)
			return -1;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return text_is_utf8((struct slice){ out, n }) ? 0 : -1;
}

static struct slice
segment_of(const char **path)
{
	size_t len = strcspn(*path, "/");
	struct slice s = { *path, len };
	*path += len;
	return s;
}

static bool
is_dots(const char *text)
{
	return strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
}

bool
request_match(const char *pattern, const char *path, struct request_params *params)
{
	params->n = 0;
	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		struct slice want = segment_of(&pattern), have = segment_of(&path);
		if (have.len == 0)
			return false;
		if (want.data[0] != '{') {
			if (want.len != have.len || memcmp(want.data, have.data, want.len) != 0)
				return false;
			continue;
		}
		if (params->n == REQUEST_PARAMS_MAX)
			return false;
		char *value = params->value[params->n++];
		if (request_decode(have, value, REQUEST_PARAM_SIZE) == -1 || is_dots(value))
			return false;
	}
	return *pattern == '\0' && *path == '\0';
}

static const char *
allowed_key(const char *const *allowed, const char *key)
{
	for (size_t i = 0; allowed && allowed[i]; i++) {
		if (strcmp(allowed[i], key) == 0)
			return allowed[i];
	}
	return NULL;
}

static int
read_pair(struct slice pair, const char *const *allowed, struct request_query *q, struct err *err)
{
	const char *mark = memchr(pair.data, '=', pair.len);
	if (!mark)
		return err_set(err, ERR_USAGE, "a query is KEY=VALUE, joined by &");
	struct slice name = { pair.data, (size_t)(mark - pair.data) };
	char key[REQUEST_VALUE_SIZE];
	if (request_decode(name, key, sizeof key) == -1)
		return err_set(err, ERR_USAGE, "a key of the query cannot be read");
	const char *known = allowed_key(allowed, key);
	if (!known) {
		char shown[REQUEST_VALUE_SIZE];
		text_sanitise_to(slice_of(key), shown, sizeof shown);
		return err_set(err, ERR_USAGE, "the query key \"%s\" is not known here", shown);
	}
	if (request_value(q, known) || q->n == REQUEST_QUERY_MAX)
		return err_set(err, ERR_USAGE, "the query key \"%s\" stands twice", known);
	struct slice value = { mark + 1, pair.len - name.len - 1 };
	if (request_decode(value, q->value[q->n], REQUEST_VALUE_SIZE) == -1) {
		return err_set(err, ERR_USAGE, "the value of \"%s\" cannot be read, or has more than %d bytes", known,
			REQUEST_VALUE_SIZE - 1);
	}
	q->key[q->n++] = known;
	return 0;
}

int
request_read_query(struct slice text, const char *const *allowed, struct request_query *q, struct err *err)
{
	*q = (struct request_query){ 0 };
	while (text.len > 0) {
		const char *mark = memchr(text.data, '&', text.len);
		struct slice pair = { text.data, mark ? (size_t)(mark - text.data) : text.len };
		if (read_pair(pair, allowed, q, err) == -1)
			return -1;
		size_t used = pair.len + (mark ? 1 : 0);
		text = (struct slice){ text.data + used, text.len - used };
	}
	return 0;
}

const char *
request_value(const struct request_query *q, const char *key)
{
	for (size_t i = 0; i < q->n; i++) {
		if (strcmp(q->key[i], key) == 0)
			return q->value[i];
	}
	return NULL;
}
