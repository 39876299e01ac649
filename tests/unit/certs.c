/* SPDX-License-Identifier: Apache-2.0
 *
 * Test certificates by GnuTLS's own maker: valid, expired, not valid yet, signed by another, signed by themselves, for
 * another use. Each key is new in every run. Called by test_tls.c only.
 */
#include "certs.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "core/buf.h"
#include "core/digest.h"

#define OK(call) ck_assert_int_ge((call), 0)

static void
path_of(const char *folder, const char *name, const char *suffix, char out[256])
{
	snprintf(out, 256, "%s/%s.%s", folder, name, suffix);
}

static void
write_file(const char *path, const gnutls_datum_t *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, bytes->data, bytes->size), (ssize_t)bytes->size);
	ck_assert_int_eq(close(fd), 0);
}

static gnutls_datum_t
read_datum(const char *path, struct buf *into)
{
	struct err err = ERR_INIT;
	ck_assert_msg(buf_read_file(into, path, &err) == 0, "%s", err.text);
	return (gnutls_datum_t){ (unsigned char *)into->data, (unsigned)into->len };
}

static gnutls_x509_crt_t
load_cert(const char *folder, const char *name)
{
	struct buf text = BUF_INIT(1u << 20);
	gnutls_x509_crt_t crt;
	char path[256];
	path_of(folder, name, "pem", path);
	gnutls_datum_t bytes = read_datum(path, &text);
	OK(gnutls_x509_crt_init(&crt));
	OK(gnutls_x509_crt_import(crt, &bytes, GNUTLS_X509_FMT_PEM));
	buf_done(&text);
	return crt;
}

static gnutls_x509_privkey_t
load_key(const char *folder, const char *name)
{
	struct buf text = BUF_INIT(1u << 20);
	gnutls_x509_privkey_t key;
	char path[256];
	path_of(folder, name, "key", path);
	gnutls_datum_t bytes = read_datum(path, &text);
	OK(gnutls_x509_privkey_init(&key));
	OK(gnutls_x509_privkey_import(key, &bytes, GNUTLS_X509_FMT_PEM));
	buf_done(&text);
	return key;
}

static void
set_use(gnutls_x509_crt_t crt, enum cert_use use)
{
	if (use == CERT_CA) {
		OK(gnutls_x509_crt_set_basic_constraints(crt, 1, -1));
		OK(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
		return;
	}
	OK(gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
	OK(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
	if (use == CERT_SERVER)
		OK(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
	if (use == CERT_CLIENT)
		OK(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
}

static void
set_names(gnutls_x509_crt_t crt, const struct cert_wish *wish)
{
	struct in_addr address;
	OK(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, wish->name, (unsigned)strlen(wish->name)));
	if (wish->dns)
		OK(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, wish->dns, (unsigned)strlen(wish->dns),
			GNUTLS_FSAN_APPEND));
	if (wish->ip) {
		ck_assert_int_eq(inet_pton(AF_INET, wish->ip, &address), 1);
		OK(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &address, sizeof address,
			GNUTLS_FSAN_APPEND));
	}
}

void
certs_make(const char *folder, const struct cert_wish *wish)
{
	gnutls_x509_privkey_t key, issuer_key;
	gnutls_x509_crt_t crt, issuer;
	gnutls_datum_t pem;
	unsigned char serial[8];
	char path[256];
	time_t now = time(NULL);
	OK(gnutls_x509_privkey_init(&key));
	OK(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	OK(gnutls_x509_crt_init(&crt));
	OK(gnutls_x509_crt_set_version(crt, 3));
	OK(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial));
	serial[0] &= 0x7f;
	OK(gnutls_x509_crt_set_serial(crt, serial, sizeof serial));
	OK(gnutls_x509_crt_set_activation_time(crt, now + wish->from_s));
	OK(gnutls_x509_crt_set_expiration_time(crt, now + wish->to_s));
	OK(gnutls_x509_crt_set_key(crt, key));
	set_names(crt, wish);
	set_use(crt, wish->use);
	issuer = wish->issuer ? load_cert(folder, wish->issuer) : crt;
	issuer_key = wish->issuer ? load_key(folder, wish->issuer) : key;
	OK(gnutls_x509_crt_sign2(crt, issuer, issuer_key, GNUTLS_DIG_SHA256, 0));
	OK(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
	path_of(folder, wish->name, "pem", path);
	write_file(path, &pem);
	gnutls_free(pem.data);
	OK(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
	path_of(folder, wish->name, "key", path);
	write_file(path, &pem);
	gnutls_free(pem.data);
	if (wish->issuer) {
		gnutls_x509_crt_deinit(issuer);
		gnutls_x509_privkey_deinit(issuer_key);
	}
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

void
certs_revoke(const char *folder, const char *file, const char *issuer, const char *revoked, int64_t from_s, int64_t to_s)
{
	gnutls_x509_crt_t ca = load_cert(folder, issuer);
	gnutls_x509_privkey_t key = load_key(folder, issuer);
	gnutls_x509_crl_t list;
	gnutls_datum_t pem;
	char path[256];
	time_t now = time(NULL);
	unsigned char number[1] = { 1 };
	OK(gnutls_x509_crl_init(&list));
	OK(gnutls_x509_crl_set_version(list, 2));
	OK(gnutls_x509_crl_set_this_update(list, now + from_s));
	OK(gnutls_x509_crl_set_next_update(list, now + to_s));
	OK(gnutls_x509_crl_set_number(list, number, sizeof number));
	if (revoked) {
		gnutls_x509_crt_t crt = load_cert(folder, revoked);
		OK(gnutls_x509_crl_set_crt(list, crt, now + from_s));
		gnutls_x509_crt_deinit(crt);
	}
	OK(gnutls_x509_crl_sign2(list, ca, key, GNUTLS_DIG_SHA256, 0));
	OK(gnutls_x509_crl_export2(list, GNUTLS_X509_FMT_PEM, &pem));
	path_of(folder, file, "crl", path);
	write_file(path, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crl_deinit(list);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crt_deinit(ca);
}

void
certs_fingerprint(const char *folder, const char *name, char out[65])
{
	gnutls_x509_crt_t crt = load_cert(folder, name);
	gnutls_datum_t der;
	OK(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der));
	digest_hex((struct slice){ (const char *)der.data, der.size }, out);
	gnutls_free(der.data);
	gnutls_x509_crt_deinit(crt);
}
