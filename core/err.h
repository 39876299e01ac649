/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include <stddef.h>

/*
 * An error: a code for programs and a sentence for people. Functions that can fail return 0 or -1 (or a pointer or
 * NULL) and fill the `struct err *` they were given as last parameter; callers add *where* with err_wrap on the way up.
 * A NULL `struct err *` is allowed everywhere: the sentence is then dropped.
 */
enum err_code {
#define ERR(code, name, http, exit, text) ERR_##code,
#include "core/err.def"
#undef ERR
	ERR_CODE_COUNT
};

#define ERR_TEXT_MAX 512

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX]; /* one sentence, no newline; may quote remote text: sanitise before a terminal */
};

#define ERR_INIT { .code = ERR_OK, .text = "" }

/* Sets code and sentence (printf format, clipped to ERR_TEXT_MAX); always returns -1, so `return err_set(...)`. */
int err_set(struct err *err, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "WHERE: " in front of the sentence and keeps the code; always returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets what the error said. */
void err_clear(struct err *err);

/* The stable name of a code, as in JSON ("not_running"). */
const char *err_code_name(enum err_code code);
/* The code of a name, or ERR_FAILED for an unknown one. */
enum err_code err_code_parse(const char *name);
/* What a code means, in words. */
const char *err_code_text(enum err_code code);
/* HTTP status (200..599) of a code. */
int err_code_http(enum err_code code);
/* Exit status (0..9, PRODUCT.md section 6) of a code. */
int err_code_exit(enum err_code code);

#endif
