/* SPDX-License-Identifier: Apache-2.0
 *
 * The words for what a web server does to us. Two clients stand behind http.h, curl and the plain one, and a node must
 * not change its story when its URL gains an s: both ask here for code and sentence. Pure; quotes nothing unsanitised.
 */
#include "core/http_judge.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "core/text.h"

void
http_judge_where(const struct http_url *url, char out[HTTP_WHERE_MAX])
{
	snprintf(out, HTTP_WHERE_MAX, strchr(url->host, ':') ? "[%s]:%u" : "%s:%u", url->host, url->port);
}

int
http_judge_status(const char *where, int status, struct err *err)
{
	if (status == 401 || status == 403)
		return err_set(err, ERR_CREDENTIAL, "%s refuses us: status %d", where, status);
	if (status == 404)
		return err_set(err, ERR_NOT_FOUND, "%s does not have that page: status 404", where);
	if (status >= 300 && status < 400)
		return err_set(err, ERR_PROTOCOL, "%s redirects: status %d, which is never followed", where, status);
	if (status == 429 || status == 503)
		return err_set(err, ERR_THROTTLED, "%s has no time for us: status %d", where, status);
	return err_set(err, ERR_BAD_REPLY, "%s answers with status %d, 200 was expected", where, status);
}

static bool
type_matches(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);
	return type && strncasecmp(type, wanted, n) == 0 && strchr("; \t", type[n]) != NULL;
}

int
http_judge_type(const char *where, const char *type, const char *wanted, struct err *err)
{
	if (!wanted || type_matches(type, wanted))
		return 0;
	char clean[80];
	text_sanitise_to(slice_of(type ? type : "no type"), clean, sizeof clean);
	return err_set(err, ERR_PROTOCOL, "%s sends %s, %s was expected", where, clean, wanted);
}

int
http_judge_connect(const char *where, int cause, const char *words, struct err *err)
{
	switch (cause) {
	case ECONNREFUSED:
		return err_set(err, ERR_CONN_REFUSED, "%s refuses the connection", where);
	case ENOENT:
		return err_set(err, ERR_CONN_REFUSED, "%s does not exist", where);
	case EACCES:
	case EPERM:
		return err_set(err, ERR_DENIED, "%s may not be opened by this account", where);
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EADDRNOTAVAIL:
		return err_set(err, ERR_NO_ROUTE, "%s cannot be reached: %s", where, strerror(cause));
	case ETIMEDOUT:
		return err_set(err, ERR_TIMEOUT, "%s does not answer the connection attempt", where);
	default:
		return err_set(err, ERR_CONN_LOST, "no connection to %s: %s", where, cause ? strerror(cause) : words);
	}
}

int
http_judge_lost(const char *where, size_t got, struct err *err)
{
	if (got > 0)
		return err_set(err, ERR_CONN_LOST, "%s ended the connection in the middle of the answer, after %zu bytes", where,
			got);
	return err_set(err, ERR_CONN_LOST, "%s ended the connection without a whole answer", where);
}

int
http_judge_large(const char *where, size_t max, struct err *err)
{
	return err_set(err, ERR_TOO_LARGE, "the answer of %s is larger than %zu bytes", where, max);
}

int
http_judge_late(const char *where, bool is_connected, const size_t *got, int64_t allowed_ms, struct err *err)
{
	double allowed_s = (double)allowed_ms / 1000;
	if (got)
		return err_set(err, ERR_TIMEOUT, "%s did not finish its answer within %.1f s, %zu bytes came", where, allowed_s,
			*got);
	if (is_connected)
		return err_set(err, ERR_TIMEOUT, "%s took the connection and did not answer within %.1f s", where, allowed_s);
	return err_set(err, ERR_TIMEOUT, "no connection to %s within %.1f s", where, allowed_s);
}
