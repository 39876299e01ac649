/* SPDX-License-Identifier: Apache-2.0
 *
 * Bearer tokens (core/token.h). `catchment token` makes them and shows them once, the backend judges their form before it
 * compares hashes, and whoever writes a log asks whether a text is one. The random bits come from core/digest.c; here is
 * only their spelling, in the URL-safe alphabet of RFC 4648, so that a token survives every shell, header and YAML file.
 */
#include "core/token.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/digest.h"

#define PREFIX_LEN (sizeof TOKEN_PREFIX - 1)
#define BODY_LEN   43 /* 256 bits, six a character */
#define CHECK_LEN  6  /* 36 bits */
#define TOKEN_LEN  (PREFIX_LEN + BODY_LEN + CHECK_LEN)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static unsigned
value_of(char digit)
{
	return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Spells hexadecimal digits, three in two characters; what is missing at the end counts as zeros. */
static void
spell(const char *hex, char *out, size_t len)
{
	size_t digits = strlen(hex);
	for (size_t i = 0; i < len; i++) {
		unsigned bits = 0;
		for (size_t k = 0; k < 3; k++) {
			size_t at = i / 2 * 3 + k;
			bits = bits << 4 | (at < digits ? value_of(hex[at]) : 0);
		}
		out[i] = alphabet[i % 2 == 0 ? bits >> 6 : bits & 63];
	}
	out[len] = '\0';
}

static void
checksum(const char *text, char out[CHECK_LEN + 1])
{
	char hex[DIGEST_HEX_SIZE];
	digest_hex((struct slice){ text, PREFIX_LEN + BODY_LEN }, hex);
	spell(hex, out, CHECK_LEN);
}

void
token_hash(const char *token, char hash[TOKEN_HASH_SIZE])
{
	char hex[DIGEST_HEX_SIZE];
	digest_hex(slice_of(token), hex);
	snprintf(hash, TOKEN_HASH_SIZE, "sha256:%s", hex);
}

void
token_make(char out[TOKEN_SIZE], char hash[TOKEN_HASH_SIZE])
{
	char bits[65], body[BODY_LEN + 1], check[CHECK_LEN + 1];
	digest_random_hex(bits, 64);
	spell(bits, body, BODY_LEN);
	snprintf(out, TOKEN_SIZE, "%s%s", TOKEN_PREFIX, body);
	checksum(out, check);
	memcpy(out + PREFIX_LEN + BODY_LEN, check, sizeof check);
	token_hash(out, hash);
	explicit_bzero(bits, sizeof bits);
	explicit_bzero(body, sizeof body);
}

bool
token_is_ours(const char *text)
{
	char check[CHECK_LEN + 1];
	if (strlen(text) != TOKEN_LEN || strncmp(text, TOKEN_PREFIX, PREFIX_LEN) != 0 ||
		strspn(text + PREFIX_LEN, alphabet) != BODY_LEN + CHECK_LEN)
		return false;
	checksum(text, check);
	return strcmp(text + PREFIX_LEN + BODY_LEN, check) == 0;
}
