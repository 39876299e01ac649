/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_TOKEN_H
#define CORE_TOKEN_H

#include <stdbool.h>

/*
 * Bearer tokens: "cmt_", 43 characters of 256 random bits, 6 of a checksum. The prefix lets a leaked one be found by a
 * scanner, the checksum tells it from look-alikes. The backend keeps only the SHA-256; so many random bits need no slow
 * hash.
 */

#define TOKEN_PREFIX    "cmt_"
#define TOKEN_SIZE      64
#define TOKEN_HASH_SIZE 72 /* "sha256:", 64 hexadecimal digits, terminator */

/* Makes a new one, and what fleet.yaml holds of it. */
void token_make(char out[TOKEN_SIZE], char hash[TOKEN_HASH_SIZE]);
/* What fleet.yaml would hold of a token. */
void token_hash(const char *token, char hash[TOKEN_HASH_SIZE]);
/* True when form and checksum are right: such a text is one of our tokens, and belongs in no log. */
bool token_is_ours(const char *text);

#endif
