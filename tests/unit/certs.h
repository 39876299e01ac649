/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CERTS_H
#define TESTS_UNIT_CERTS_H

#include <stdint.h>

/*
 * Certificates made on the spot, so that no key and no date stands in the tree: P-256, written as PEM into a folder
 * as NAME.pem and NAME.key.
 */
enum cert_use { CERT_CA, CERT_SERVER, CERT_CLIENT, CERT_NO_USE };
struct cert_wish {
	const char *name;         /* of the files, and its common name */
	const char *issuer;       /* name of one made before; NULL: signs itself */
	enum cert_use use;
	int64_t from_s, to_s;     /* validity, in seconds from now */
	const char *dns;          /* subject alternative name, or NULL */
	const char *ip;           /* another, or NULL */
};
void certs_make(const char *folder, const struct cert_wish *wish);
/* FILE.crl: what `issuer` has revoked (one certificate, or NULL: none), valid between these seconds from now. */
void certs_revoke(const char *folder, const char *file, const char *issuer, const char *revoked, int64_t from_s, int64_t to_s);
/* SHA-256 of the certificate's DER, 64 hexadecimal digits. */
void certs_fingerprint(const char *folder, const char *name, char out[65]);

#endif
