/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 and random hexadecimal names, the only file of core that knows libsodium. The library is started on first use;
 * without a source of random numbers nothing may go on, so that failure ends the process.
 */
#include "core/digest.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

static void
start(void)
{
	if (sodium_init() == -1)
		abort();
}

void
digest_hex_of(const struct slice *parts, size_t n, char out[DIGEST_HEX_SIZE])
{
	unsigned char raw[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;
	start();
	crypto_hash_sha256_init(&s);
	for (size_t i = 0; i < n; i++)
		crypto_hash_sha256_update(&s, (const unsigned char *)parts[i].data, parts[i].len);
	crypto_hash_sha256_final(&s, raw);
	sodium_bin2hex(out, DIGEST_HEX_SIZE, raw, sizeof raw);
}

void
digest_hex(struct slice bytes, char out[DIGEST_HEX_SIZE])
{
	digest_hex_of(&bytes, 1, out);
}

bool
digest_is_hex(const char *text)
{
	return strlen(text) == DIGEST_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

bool
digest_equal(const char *a, const char *b)
{
	size_t len = strlen(a);
	return len == strlen(b) && sodium_memcmp(a, b, len) == 0;
}

void
digest_random_hex(char *out, size_t digits)
{
	static const char hex[] = "0123456789abcdef";
	start();
	for (size_t i = 0; i < digits; i++)
		out[i] = hex[randombytes_uniform(16)];
	out[digits] = '\0';
}

uint32_t
digest_random(void)
{
	start();
	return randombytes_random();
}
