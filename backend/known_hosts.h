/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_KNOWN_HOSTS_H
#define BACKEND_KNOWN_HOSTS_H

#include <stdint.h>

#include "core/buf.h"

/* Pinned host keys in OpenSSH's known_hosts format, matched as OpenSSH matches. Pure but for known_hosts_load. */
struct known_hosts;

#define KNOWN_HOSTS_MAX (8u << 20) /* bytes of one file */

enum host_key_type {
	HOST_KEY_ED25519 = 1u << 0,
	HOST_KEY_ECDSA_256 = 1u << 1,
	HOST_KEY_ECDSA_384 = 1u << 2,
	HOST_KEY_ECDSA_521 = 1u << 3,
	HOST_KEY_RSA = 1u << 4,
};

/* Reads a file's content (copied). Lines that cannot be read are skipped and counted. */
struct known_hosts *known_hosts_parse(struct slice text);
struct known_hosts *known_hosts_load(const char *path, struct err *err);
void known_hosts_free(struct known_hosts *kh);
size_t known_hosts_skipped(const struct known_hosts *kh);

enum host_key_verdict {
	HOST_KEY_MATCH,
	HOST_KEY_MISMATCH,  /* another key of this type is pinned */
	HOST_KEY_REVOKED,   /* this very key stands on a @revoked line for the host */
	HOST_KEY_NOT_FOUND, /* no key of this type is pinned */
};

/* What is pinned for one host. */
struct host_pins;
/* Looks a host up (name or literal address, and port). Never NULL. */
struct host_pins *known_hosts_find(const struct known_hosts *kh, const char *host, uint16_t port);
void host_pins_free(struct host_pins *p);
/* Types (HOST_KEY_* bits) pinned and not revoked; 0 = the host is not known. */
unsigned host_pins_types(const struct host_pins *p);
/* Judges a presented key (its blob as on the wire). *line: the line that decided, 0 if none; may be NULL. */
enum host_key_verdict host_pins_check(const struct host_pins *p, struct slice key, size_t *line);

/* "ssh-ed25519" of one bit; NULL if unknown. */
const char *host_key_type_name(enum host_key_type type);
/* Type of a key blob, 0 if unknown. */
unsigned host_key_blob_type(struct slice key);
/* "SHA256:..." as ssh-keygen -l prints it. */
#define HOST_KEY_FINGERPRINT_MAX 56
void host_key_fingerprint(struct slice key, char out[HOST_KEY_FINGERPRINT_MAX]);

#endif
