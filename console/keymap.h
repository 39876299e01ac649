/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_KEYMAP_H
#define CONSOLE_KEYMAP_H

#include <stdbool.h>

#include "console/keys.h"
#include "core/command.h"
#include "core/err.h"

/*
 * Which key does what on the screen: the rows of console/actions.def and those of the command table
 * that have a key, rebound by the user's key file.
 */

enum action {
	ACTION_NONE,
#define KEY(code, name, keys, group, help) ACTION_##code,
#include "console/actions.def"
#undef KEY
#define CMD(code, name, key, place, role, since, least, most, usage, help) ACTION_##code,
#include "core/commands.def"
	ACTION_COUNT
};

enum action_group { ACTION_MOVE, ACTION_LIST, ACTION_LOOK, ACTION_MAP, ACTION_OTHER, ACTION_ACT, ACTION_LATER };

struct action_row {
	const char *name, *keys, *help;
	enum action_group group;
};
const struct action_row *action_get(enum action a);
/* Where help lists it: what acts has an upper-case key, and is ACTION_LATER while this version has it not. */
enum action_group action_group(enum action a);
enum action action_find(const char *name); /* ACTION_NONE */

#define KEYMAP_KEYS_MAX 4 /* keys of one action */

struct keymap {
	struct key keys[ACTION_COUNT][KEYMAP_KEYS_MAX];
	int n[ACTION_COUNT];
};

/* The keys as the table has them. */
void keymap_init(struct keymap *m);
/* Binds an action to other keys ("x ^x"), taking them away from whoever had them; "" unbinds. */
int keymap_bind(struct keymap *m, const char *name, struct slice keys, struct err *err);
/* Reads "action: keys" lines over what is bound; blank lines and those that start with # are
 * skipped. All lines are read; returns how many were mistakes, the first of them in err. */
int keymap_read(struct keymap *m, struct slice text, struct err *err);
/* Reads $XDG_CONFIG_HOME/catchment/keys if there is one. */
int keymap_load(struct keymap *m, struct err *err);
enum action keymap_find(const struct keymap *m, const struct key *k);
/* The first key of an action as people read it, "" when it has none. */
void keymap_format(const struct keymap *m, enum action a, char out[KEYS_NAME_MAX]);
/* All of them, blank-separated. */
void keymap_format_all(const struct keymap *m, enum action a, char *out, size_t size);

#endif
