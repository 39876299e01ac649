/* SPDX-License-Identifier: Apache-2.0
 *
 * The system's ssh ends with status 255 for everything that goes wrong before a command runs and explains itself in
 * prose only. This table turns the prose of OpenSSH 7 to 9 into our codes; the most telling line is quoted. Rows are in
 * order of weight, not of appearance: a changed host key also prints "verification failed". The texts were compared with
 * fixtures/ssh and with the ssh of Debian 12. Called by transport_openssh.c; pure.
 */
#include "backend/openssh_error.h"

#include "core/text.h"

static const struct row {
	const char *needle;
	enum err_code code;
	const char *meaning; /* NULL: the line says it best */
} rows[] = {
	{ "REVOKED HOST KEY", ERR_HOST_KEY, "the host key is revoked" },
	{ "is marked as revoked", ERR_HOST_KEY, "the host key is revoked" },
	{ "REMOTE HOST IDENTIFICATION HAS CHANGED", ERR_HOST_KEY, "the host key has changed" },
	{ "host key is known for", ERR_HOST_KEY, "the host key is not pinned" },
	{ "Host key verification failed", ERR_HOST_KEY, "the host key could not be verified" },
	{ "Unable to negotiate", ERR_KEX, NULL },
	{ "no matching", ERR_KEX, NULL },
	{ "Not allowed at this time", ERR_THROTTLED, "sshd refuses this address for a while (PerSourcePenalties)" },
	{ "Exceeded MaxStartups", ERR_THROTTLED, "sshd has too many connections that are not logged in yet" },
	{ "Too many authentication failures", ERR_CREDENTIAL, NULL },
	{ "Permission denied", ERR_CREDENTIAL, "the node refused the credential" },
	{ "UNPROTECTED PRIVATE KEY FILE", ERR_CREDENTIAL, "ssh ignores the key file: others may read it" },
	{ "Could not resolve hostname", ERR_NO_ROUTE, NULL },
	{ "Connection refused", ERR_CONN_REFUSED, "connection refused: nothing listens on this port" },
	{ "No route to host", ERR_NO_ROUTE, NULL },
	{ "Network is unreachable", ERR_NO_ROUTE, NULL },
	{ "timed out", ERR_TIMEOUT, NULL },
	{ "banner line contains invalid characters", ERR_PROTOCOL, "not SSH" },
	{ "client sent invalid protocol identifier", ERR_PROTOCOL, "not SSH" },
	{ "banner line too long", ERR_PROTOCOL, "the SSH banner is too long" },
	{ "No banner received", ERR_PROTOCOL, "no SSH banner came" },
	{ "remote software version", ERR_PROTOCOL, NULL },
	{ "kex_exchange_identification", ERR_THROTTLED,
		"the connection was closed before the SSH banner: sshd has too many connections, or refuses this address" },
	{ "ssh_exchange_identification", ERR_THROTTLED,
		"the connection was closed before the SSH banner: sshd has too many connections, or refuses this address" },
	{ "Session open refused by peer", ERR_THROTTLED, "the node refuses another channel (MaxSessions?)" },
	{ "Connection closed by", ERR_CONN_LOST, NULL },
	{ "Connection reset by", ERR_CONN_LOST, NULL },
	{ "closed by remote host", ERR_CONN_LOST, NULL },
	{ "Broken pipe", ERR_CONN_LOST, NULL },
};

static bool
find_line(struct slice text, const char *needle, struct slice *line)
{
	while (slice_next_line(&text, line))
		if (slice_contains(*line, needle))
			return true;
	return false;
}

int
openssh_explain(struct slice text, struct err *err)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice line, print;
		char said[200], more[120] = "";
		if (!find_line(text, rows[i].needle, &line))
			continue;
		text_sanitise_to(slice_trim(line), said, sizeof said);
		if (rows[i].code == ERR_HOST_KEY && find_line(text, "SHA256:", &print))
			text_sanitise_to(slice_trim(print), more, sizeof more);
		if (!rows[i].meaning)
			return err_set(err, rows[i].code, "%s", said);
		return err_set(err, rows[i].code, "%s (ssh: %s)", rows[i].meaning, more[0] ? more : said);
	}
	return 0;
}
