/* SPDX-License-Identifier: Apache-2.0
 *
 * The first bytes of an SSH connection are in clear: perhaps some lines, the banner, then the server's list of algorithms
 * (KEXINIT, RFC 4253 7.1). libssh2 reports all that can go wrong there as two or three numbers; an operator needs to know
 * whether port 22 speaks HTTP, whether sshd refuses connections for now, or which cipher is missing. transport_ssh.c
 * passes every received byte through here until the list is complete; everything is bounded and nothing is trusted.
 */
#include "backend/ssh_tap.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

void
ssh_tap_init(struct ssh_tap *t)
{
	*t = (struct ssh_tap){ .line = BUF_INIT(SSH_TAP_LINE_MAX), .packet = BUF_INIT(SSH_TAP_PACKET_MAX) };
}

void
ssh_tap_done(struct ssh_tap *t)
{
	buf_done(&t->line);
	buf_done(&t->packet);
}

static void
end_line(struct ssh_tap *t)
{
	struct slice line = slice_trim(buf_slice(&t->line));
	if (slice_starts(line, "SSH-")) {
		text_sanitise_to(line, t->banner, sizeof t->banner);
		t->phase = SSH_TAP_KEXINIT;
	} else if (t->first[0] == '\0') {
		text_sanitise_to(line, t->first, sizeof t->first);
	}
	buf_clear(&t->line);
}

/* Protocols that answer a stranger's line at once; waiting longer would bring nothing. */
static bool
is_other_protocol(const char *line)
{
	return strncmp(line, "HTTP/", 5) == 0 || strncmp(line, "220 ", 4) == 0 || strncmp(line, "+OK", 3) == 0 ||
		strncmp(line, "* OK", 4) == 0;
}

static int
feed_preamble(struct ssh_tap *t, char c, struct err *err)
{
	t->total++;
	if (t->total > SSH_TAP_PREAMBLE_MAX)
		return err_set(err, ERR_PROTOCOL, "no SSH banner within %d bytes", SSH_TAP_PREAMBLE_MAX);
	if (c == '\n') {
		end_line(t);
		if (t->phase == SSH_TAP_PREAMBLE && is_other_protocol(t->first))
			return err_set(err, ERR_PROTOCOL, "not SSH: it answered \"%s\"", t->first);
		return 0;
	}
	if (buf_add_char(&t->line, c) == -1)
		return err_set(err, ERR_PROTOCOL, "the SSH banner is longer than %d bytes", SSH_TAP_LINE_MAX);
	return 0;
}

static uint32_t
get_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void
feed_packet(struct ssh_tap *t, const char *data, size_t len)
{
	buf_add(&t->packet, data, len);
	if (t->packet.truncated || (t->packet.len >= 4 && t->packet.len >= 4 + (size_t)get_u32(t->packet.data)))
		t->phase = SSH_TAP_DONE;
}

int
ssh_tap_feed(struct ssh_tap *t, const char *data, size_t len, struct err *err)
{
	size_t i = 0;
	for (; i < len && t->phase == SSH_TAP_PREAMBLE; i++)
		if (feed_preamble(t, data[i], err) == -1)
			return -1;
	if (t->phase == SSH_TAP_KEXINIT && i < len)
		feed_packet(t, data + i, len - i);
	return 0;
}

int
ssh_tap_explain_no_banner(const struct ssh_tap *t, struct err *err)
{
	char said[120];
	snprintf(said, sizeof said, "%s", t->first);
	if (said[0] == '\0')
		text_sanitise_to(slice_trim(buf_slice(&t->line)), said, sizeof said);
	if (strncmp(said, "Exceeded MaxStartups", 20) == 0)
		return err_set(err, ERR_THROTTLED, "sshd has too many connections that are not logged in yet (it says \"%s\")", said);
	if (strncmp(said, "Not allowed at this time", 24) == 0)
		return err_set(err, ERR_THROTTLED,
			"sshd refuses this address for a while (PerSourcePenalties of OpenSSH 9.8 and later; it says \"%s\")", said);
	if (said[0])
		return err_set(err, ERR_PROTOCOL, "not SSH: it answered \"%s\"", said);
	return err_set(err, ERR_THROTTLED,
		"the connection was closed before the SSH banner: sshd has too many connections, or refuses this address");
}

/* The n-th name-list of KEXINIT, after the length (4), padding length (1), message number 20 and cookie (16). */
static int
get_list(const struct ssh_tap *t, int n, struct slice *list)
{
	size_t at = 4 + 1 + 1 + 16;
	if (t->packet.len < at || t->packet.data[5] != 20)
		return -1;
	for (int i = 0;; i++) {
		if (t->packet.len - at < 4)
			return -1;
		size_t len = get_u32(t->packet.data + at);
		at += 4;
		if (len > t->packet.len - at)
			return -1;
		if (i == n) {
			*list = (struct slice){ t->packet.data + at, len };
			return 0;
		}
		at += len;
	}
}

static bool
next_name(struct slice *rest, struct slice *name)
{
	if (rest->len == 0)
		return false;
	const char *comma = memchr(rest->data, ',', rest->len);
	*name = (struct slice){ rest->data, comma ? (size_t)(comma - rest->data) : rest->len };
	size_t used = name->len + (comma ? 1 : 0);
	rest->data += used;
	rest->len -= used;
	return true;
}

static bool
has_common(const char *ours, struct slice theirs)
{
	struct slice name, rest = { ours, strlen(ours) };
	while (next_name(&rest, &name)) {
		struct slice other, others = theirs;
		while (next_name(&others, &other))
			if (name.len == other.len && memcmp(name.data, other.data, name.len) == 0)
				return true;
	}
	return false;
}

void
ssh_tap_explain_kex(const struct ssh_tap *t, const struct ssh_offer *ours, struct err *err)
{
	const struct {
		int list;
		const char *what, *ours;
	} rows[] = {
		{ 0, "key exchange", ours->kex },
		{ 1, "host key type", ours->host_key },
		{ 2, "cipher", ours->cipher },
		{ 3, "cipher", ours->cipher },
		{ 4, "MAC", ours->mac },
		{ 5, "MAC", ours->mac },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice list;
		char offered[200];
		if (get_list(t, rows[i].list, &list) == -1)
			break;
		if (has_common(rows[i].ours, list))
			continue;
		text_sanitise_to(list, offered, sizeof offered);
		err_set(err, ERR_KEX, "no common %s: the node offers %s; we offer %s", rows[i].what, offered, rows[i].ours);
		return;
	}
	err_set(err, ERR_KEX, "the key exchange failed with %s", t->banner[0] ? t->banner : "the node");
}
