/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_SSH_TAP_H
#define BACKEND_SSH_TAP_H

#include "core/buf.h"

/* Listens in on the first bytes a server sends, to say in words what libssh2 only gives a number for. Pure. */
#define SSH_TAP_LINE_MAX     512   /* bytes of one line before the key exchange */
#define SSH_TAP_PREAMBLE_MAX 8192  /* bytes before the line that begins with SSH- */
#define SSH_TAP_PACKET_MAX   16384 /* bytes of the server's list of algorithms */

enum ssh_tap_phase {
	SSH_TAP_PREAMBLE, /* no SSH- line yet */
	SSH_TAP_KEXINIT,  /* banner seen; gathering the list of algorithms */
	SSH_TAP_DONE,
};

struct ssh_tap {
	enum ssh_tap_phase phase;
	size_t total;        /* bytes before the end of the banner line */
	struct buf line;     /* the line that is being read */
	char first[120];     /* first line that is not empty, sanitised */
	char banner[120];    /* "SSH-2.0-OpenSSH_9.2p1 ...", sanitised */
	struct buf packet;   /* KEXINIT */
};

void ssh_tap_init(struct ssh_tap *t);
void ssh_tap_done(struct ssh_tap *t);
/* 0, or -1 as soon as it is sure that this is not an SSH server: another protocol, or too much before the banner. */
int ssh_tap_feed(struct ssh_tap *t, const char *data, size_t len, struct err *err);
/* The connection ended, or no more came, before a banner. */
int ssh_tap_explain_no_banner(const struct ssh_tap *t, struct err *err);

/* What we offer, in the order of KEXINIT: key exchange, host key, cipher, MAC; names separated by commas. */
struct ssh_offer {
	const char *kex, *host_key, *cipher, *mac;
};
/* Says which of our lists has nothing in common with the server's, and what the server offers. */
void ssh_tap_explain_kex(const struct ssh_tap *t, const struct ssh_offer *ours, struct err *err);

#endif
