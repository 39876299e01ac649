/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the dashboard. The tables (console/actions.def, core/commands.def) say what each does
 * by default; a user's file may bind others. Help and the footer ask here, so they show what is
 * really bound.
 */
#include "console/keymap.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS_FILE_MAX 65536

#define NOW   ACTION_LOOK
#define LATER ACTION_LATER

static const struct action_row rows[ACTION_COUNT] = {
	[ACTION_NONE] = { "", "", "", ACTION_OTHER },
#define KEY(code, name, keys, group, help) [ACTION_##code] = { name, keys, help, ACTION_##group },
#include "console/actions.def"
#undef KEY
#define CMD(code, name, key, place, role, since, least, most, usage, help)                         \
	[ACTION_##code] = { name, key, help, since },
#include "core/commands.def"
};

#undef NOW
#undef LATER

const struct action_row *
action_get(enum action a)
{
	return &rows[a];
}

enum action_group
action_group(enum action a)
{
	bool is_command = rows[a].group == ACTION_LOOK && command_find(rows[a].name) != COMMAND_NONE;
	return is_command && rows[a].keys[0] >= 'A' && rows[a].keys[0] <= 'Z' ? ACTION_ACT : rows[a].group;
}

enum action
action_find(const char *name)
{
	for (int i = 1; i < ACTION_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return (enum action)i;
	return ACTION_NONE;
}

static void
unbind(struct keymap *m, const struct key *k)
{
	for (int a = 1; a < ACTION_COUNT; a++) {
		int kept = 0;
		for (int i = 0; i < m->n[a]; i++)
			if (!keys_equal(&m->keys[a][i], k))
				m->keys[a][kept++] = m->keys[a][i];
		m->n[a] = kept;
	}
}

int
keymap_bind(struct keymap *m, const char *name, struct slice keys, struct err *err)
{
	struct slice word;
	struct key fresh[KEYMAP_KEYS_MAX];
	int n = 0;
	enum action a = action_find(name);
	if (a == ACTION_NONE)
		return err_set(err, ERR_USAGE, "\"%.40s\" is nothing that a key can do", name);
	while (slice_next_word(&keys, &word)) {
		if (n == KEYMAP_KEYS_MAX)
			return err_set(
				err, ERR_USAGE, "%s: at most %d keys", name, KEYMAP_KEYS_MAX);
		if (keys_parse(word, &fresh[n]) == -1)
			return err_set(err, ERR_USAGE, "%s: \"%.*s\" names no key", name,
				(int)(word.len > 20 ? 20 : word.len), word.data);
		n++;
	}
	for (int i = 0; i < n; i++)
		unbind(m, &fresh[i]);
	memcpy(m->keys[a], fresh, sizeof fresh);
	m->n[a] = n;
	return 0;
}

void
keymap_init(struct keymap *m)
{
	*m = (struct keymap){ 0 };
	for (int a = 1; a < ACTION_COUNT; a++)
		keymap_bind(m, rows[a].name, slice_of(rows[a].keys), NULL);
}

static int
read_line(struct keymap *m, struct slice line, struct err *err)
{
	const char *colon = memchr(line.data, ':', line.len);
	char name[64];
	if (!colon)
		return err_set(err, ERR_USAGE, "\"action: keys\" is wanted");
	slice_copy(slice_trim((struct slice){ line.data, (size_t)(colon - line.data) }), name,
		sizeof name);
	return keymap_bind(m, name,
		(struct slice){ colon + 1, (size_t)(line.data + line.len - colon - 1) }, err);
}

int
keymap_read(struct keymap *m, struct slice text, struct err *err)
{
	struct slice line;
	int mistakes = 0;
	for (int number = 1; slice_next_line(&text, &line); number++) {
		struct err own = ERR_INIT;
		line = slice_trim(line);
		if (line.len == 0 || line.data[0] == '#' || read_line(m, line, &own) == 0)
			continue;
		if (mistakes++ == 0)
			err_set(err, own.code, "line %d: %s", number, own.text);
	}
	return mistakes;
}

int
keymap_load(struct keymap *m, struct err *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool has_config = config && config[0] == '/';
	struct buf text = BUF_INIT(KEYS_FILE_MAX);
	char path[PATH_MAX];
	int mistakes = 0;
	if (!has_config && !(home && home[0] == '/'))
		return 0;
	snprintf(path, sizeof path, "%s%s/catchment/keys", has_config ? config : home,
		has_config ? "" : "/.config");
	if (access(path, R_OK) == 0) {
		mistakes = buf_read_file(&text, path, err) == -1
		                   ? 1
		                   : keymap_read(m, buf_slice(&text), err);
		if (mistakes > 0)
			err_wrap(err, "%s", path);
	}
	buf_done(&text);
	return mistakes;
}

enum action
keymap_find(const struct keymap *m, const struct key *k)
{
	for (int a = 1; a < ACTION_COUNT; a++)
		for (int i = 0; i < m->n[a]; i++)
			if (keys_equal(&m->keys[a][i], k))
				return (enum action)a;
	return ACTION_NONE;
}

void
keymap_format(const struct keymap *m, enum action a, char out[KEYS_NAME_MAX])
{
	out[0] = '\0';
	if (m->n[a] > 0)
		keys_format(&m->keys[a][0], out);
}

void
keymap_format_all(const struct keymap *m, enum action a, char *out, size_t size)
{
	size_t used = 0;
	out[0] = '\0';
	for (int i = 0; i < m->n[a] && used < size; i++) {
		char name[KEYS_NAME_MAX];
		keys_format(&m->keys[a][i], name);
		int n = snprintf(out + used, size - used, "%s%s", i ? " " : "", name);
		used += n < 0 ? 0 : (size_t)n;
	}
}
