/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one list of codes (err.def) read three times, for the name, the HTTP status and the exit status, so that a
 * script, an API client and a person at a prompt are told the same thing. Pure; called by everyone.
 */
#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
	const char *name;
	int http;
	int exit;
	const char *text;
};

static const struct err_row rows[ERR_CODE_COUNT] = {
#define ERR(code, name, http, exit, text) [ERR_##code] = { name, http, exit, text },
#include "core/err.def"
#undef ERR
};

static const struct err_row *
row_of(enum err_code code)
{
	if ((unsigned)code >= ERR_CODE_COUNT)
		code = ERR_FAILED;
	return &rows[code];
}

int
err_set(struct err *err, enum err_code code, const char *format, ...)
{
	if (!err)
		return -1;
	err->code = code;
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	return -1;
}

int
err_wrap(struct err *err, const char *format, ...)
{
	if (!err)
		return -1;
	char where[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(where, sizeof where, format, args);
	va_end(args);
	char text[2 * ERR_TEXT_MAX + 4];
	snprintf(text, sizeof text, "%s: %s", where, err->text);
	text[ERR_TEXT_MAX - 1] = '\0';
	memcpy(err->text, text, strlen(text) + 1);
	if (err->code == ERR_OK)
		err->code = ERR_FAILED;
	return -1;
}

void
err_clear(struct err *err)
{
	if (!err)
		return;
	err->code = ERR_OK;
	err->text[0] = '\0';
}

const char *
err_code_name(enum err_code code)
{
	return row_of(code)->name;
}

enum err_code
err_code_parse(const char *name)
{
	for (int i = 0; i < ERR_CODE_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return (enum err_code)i;
	return ERR_FAILED;
}

const char *
err_code_text(enum err_code code)
{
	return row_of(code)->text;
}

int
err_code_http(enum err_code code)
{
	return row_of(code)->http;
}

int
err_code_exit(enum err_code code)
{
	return row_of(code)->exit;
}
