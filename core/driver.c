/* SPDX-License-Identifier: Apache-2.0
 *
 * Building requests: the few helpers that every driver's `ask` uses. Arguments are copied into the request's arena, so a
 * driver may pass anything; a shell never sees them unquoted (the transport quotes once).
 */
#include "core/driver.h"

#include <stdarg.h>
#include <string.h>

void
request_init(struct request *r)
{
	r->kind = REQUEST_NONE;
	r->arena = arena_new();
	r->n_commands = 0;
	r->path = NULL;
}

void
request_done(struct request *r)
{
	arena_free(r->arena);
	r->arena = NULL;
	r->n_commands = 0;
}

int
request_add_argv(struct request *r, const char *tag, const char *const *argv, size_t n)
{
	if (r->n_commands == REQUEST_COMMANDS_MAX || n == 0 || n > REQUEST_ARGV_MAX)
		return -1;
	struct request_command *c = &r->commands[r->n_commands++];
	c->tag = arena_strdup(r->arena, tag);
	for (size_t i = 0; i < n; i++)
		c->argv[i] = arena_strdup(r->arena, argv[i]);
	c->argv[n] = NULL;
	r->kind = REQUEST_EXEC;
	return 0;
}

int
request_add_command(struct request *r, const char *tag, ...)
{
	const char *argv[REQUEST_ARGV_MAX + 1];
	size_t n = 0;
	va_list args;
	va_start(args, tag);
	const char *arg = va_arg(args, const char *);
	while (arg && n <= REQUEST_ARGV_MAX) {
		argv[n++] = arg;
		arg = va_arg(args, const char *);
	}
	va_end(args);
	return request_add_argv(r, tag, argv, n);
}

void
request_set_path(struct request *r, const char *path)
{
	r->path = arena_strdup(r->arena, path);
	r->kind = REQUEST_HTTP;
}

void
steps_init(struct steps *s)
{
	memset(s, 0, sizeof *s);
	s->arena = arena_new();
}

void
steps_done(struct steps *s)
{
	arena_free(s->arena);
	memset(s, 0, sizeof *s);
}

struct step *
steps_add(struct steps *s)
{
	return s->n < STEPS_MAX ? &s->list[s->n++] : NULL;
}

void
step_add_command(struct steps *s, struct step_action *a, ...)
{
	const char *argv[REQUEST_ARGV_MAX];
	size_t n = 0;
	va_list args;
	va_start(args, a);
	const char *arg;
	while ((arg = va_arg(args, const char *)) && n < REQUEST_ARGV_MAX)
		argv[n++] = arena_strdup(s->arena, arg);
	va_end(args);
	struct step_argv *grown = arena_alloc(s->arena, (a->n_commands + 1) * sizeof *grown);
	if (a->n_commands)
		memcpy(grown, a->commands, a->n_commands * sizeof *grown);
	const char **copy = arena_alloc(s->arena, n * sizeof *copy + 1);
	memcpy(copy, argv, n * sizeof *copy);
	grown[a->n_commands] = (struct step_argv){ n, copy };
	a->commands = grown;
	a->n_commands++;
}
