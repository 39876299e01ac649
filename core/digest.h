/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/*
 * Hashes and random names, over libsodium: what binds a plan to its prompt and one record of the ledger to the next.
 */

#define DIGEST_HEX_SIZE 65 /* SHA-256 (FIPS 180-4) as lower-case hexadecimal digits, with terminator */

void digest_hex(struct slice bytes, char out[DIGEST_HEX_SIZE]);
/* Same over several slices in order, as if joined. */
void digest_hex_of(const struct slice *parts, size_t n, char out[DIGEST_HEX_SIZE]);
/* True for exactly 64 lower-case hexadecimal digits. */
bool digest_is_hex(const char *text);
/* Equal, compared in constant time; texts of other lengths are unequal. */
bool digest_equal(const char *a, const char *b);

/* `digits` random hexadecimal digits and a terminator; `out` has room for digits + 1. */
void digest_random_hex(char *out, size_t digits);
/* Any of 2^32 numbers, all alike. */
uint32_t digest_random(void);

#endif
