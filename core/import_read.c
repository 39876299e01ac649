/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of inventories: Ansible's JSON, OpenSSH's client configuration, Prometheus' file_sd,
 * NetBox' exports and plain lists. Each is a pure function over bytes that adds hosts and labels;
 * none opens another file, looks a name up or runs a program, so an `Include` or a dynamic
 * inventory is the business of the tool that knows it (`ssh -G`, `ansible-inventory --list`). What
 * is not understood is said in a remark rather than passed over.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/import_host.h"
#include "core/json.h"
#include "core/text.h"
#include "core/yaml.h"

/* --- values --- */

static const char *
keep(struct import *in, struct slice s)
{
	return s.len > 0 ? arena_strndup(in->arena, s.data, s.len) : NULL;
}

static int
parse_port(struct slice s)
{
	int64_t port;
	return text_parse_int(s, 1, 65535, &port) == 0 ? (int)port : 0;
}

/* Splits "host", "host:22", "[v6]:22" and "v6"; port is 0 when there is none. */
static struct slice
split_port(struct slice s, int *port)
{
	*port = 0;
	if (s.len > 0 && s.data[0] == '[') {
		const char *close = memchr(s.data, ']', s.len);
		if (!close)
			return s;
		size_t rest = s.len - (size_t)(close - s.data) - 1;
		if (rest > 1 && close[1] == ':')
			*port = parse_port((struct slice){ close + 2, rest - 1 });
		return (struct slice){ s.data + 1, (size_t)(close - s.data) - 1 };
	}
	const char *colon = memchr(s.data, ':', s.len);
	if (!colon || memchr(colon + 1, ':', s.len - (size_t)(colon + 1 - s.data)))
		return s; /* none, or an IPv6 address */
	*port = parse_port((struct slice){ colon + 1, s.len - (size_t)(colon + 1 - s.data) });
	return (struct slice){ s.data, (size_t)(colon - s.data) };
}

static bool
equal_nocase(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.data, word, s.len) == 0;
}

/* A scalar of JSON as text; an empty slice for what is none. */
static struct slice
scalar_text(struct import *in, const struct json *v)
{
	if (json_kind(v) == JSON_INT)
		return slice_of(arena_printf(in->arena, "%lld", (long long)json_int(v, 0)));
	return json_slice(v);
}

/* --- ansible --- */

static void
read_ansible_var(
	struct import *in, struct import_host *h, const char *key, const struct json *value)
{
	struct slice text = scalar_text(in, value);
	if (strcmp(key, "ansible_host") == 0 || strcmp(key, "ansible_ssh_host") == 0)
		h->address = keep(in, text);
	else if (strcmp(key, "ansible_port") == 0 || strcmp(key, "ansible_ssh_port") == 0)
		h->port = parse_port(text);
	else if (strcmp(key, "ansible_user") == 0 || strcmp(key, "ansible_ssh_user") == 0)
		h->user = keep(in, text);
	else if (strstr(key, "ssh_common_args") && slice_contains(text, "Proxy"))
		h->needs_openssh = true;
	else
		import_label(in, h, key, text);
}

static void
read_ansible_group(struct import *in, const char *group, const struct json *value)
{
	const struct json *hosts = json_get(value, "hosts");
	for (size_t i = 0; i < json_length(hosts); i++) {
		struct import_host *h = import_add_host(in, json_slice(json_at(hosts, i)));
		if (h && strcmp(group, "all") != 0 && strcmp(group, "ungrouped") != 0)
			import_group(in, h, slice_of(group));
	}
}

static void
read_ansible_vars(struct import *in, const struct json *all)
{
	struct json_iter hosts = json_iter_start(all);
	const char *name, *key;
	const struct json *vars, *value;
	while (json_iter_next(&hosts, &name, &vars)) {
		struct import_host *h = import_add_host(in, slice_of(name));
		if (!h || json_kind(vars) != JSON_OBJECT)
			continue;
		struct json_iter it = json_iter_start(vars);
		while (json_iter_next(&it, &key, &value))
			read_ansible_var(in, h, key, value);
	}
}

int
import_read_ansible(struct import *in, struct slice text, struct err *err)
{
	struct json_doc *doc = json_parse(text, err);
	if (!doc)
		return err_wrap(err, "this is not what `ansible-inventory --list` prints");
	const struct json *root = json_root(doc),
			  *vars = json_get(json_get(root, "_meta"), "hostvars");
	if (json_kind(root) != JSON_OBJECT || json_kind(vars) != JSON_OBJECT) {
		json_doc_free(doc);
		return err_set(err, ERR_USAGE,
			"this has no _meta.hostvars, which `ansible-inventory --list` prints");
	}
	struct json_iter it = json_iter_start(root);
	const char *group;
	const struct json *value;
	while (json_iter_next(&it, &group, &value))
		if (strcmp(group, "_meta") != 0)
			read_ansible_group(in, group, value);
	read_ansible_vars(in, vars);
	json_doc_free(doc);
	return 0;
}

/* --- ssh-config --- */

#define SSH_SECTIONS_MAX 20000

/* One "Host a b !c" and what it says; the first value that any section says counts (ssh_config(5)).
 */
struct ssh_section {
	struct slice patterns;
	struct slice hostname, user, port, jump;
	bool is_match; /* a Match block: its conditions are not evaluated */
};

struct ssh_file {
	struct ssh_section *sections;
	size_t n, cap;
};

static bool
matches(struct slice pattern, struct slice name)
{
	while (pattern.len > 0) {
		if (*pattern.data == '*') {
			struct slice rest = { pattern.data + 1, pattern.len - 1 };
			for (size_t i = 0; i <= name.len; i++)
				if (matches(rest, (struct slice){ name.data + i, name.len - i }))
					return true;
			return false;
		}
		if (name.len == 0 || (*pattern.data != '?' && *pattern.data != *name.data))
			return false;
		pattern.data++;
		pattern.len--;
		name.data++;
		name.len--;
	}
	return name.len == 0;
}

/* True if one pattern matches and none with a "!" does. Patterns of more than three stars are
 * passed over, because the cost of matching grows with each. */
static bool
section_matches(const struct ssh_section *s, struct slice name)
{
	struct slice rest = s->patterns, word;
	bool is_matched = false;
	while (slice_next_word(&rest, &word)) {
		bool is_negated = word.data[0] == '!';
		if (is_negated) {
			word.data++;
			word.len--;
		}
		size_t stars = 0;
		for (size_t i = 0; i < word.len; i++)
			stars += word.data[i] == '*';
		if (stars > 3 || word.len > 253 || !matches(word, name))
			continue;
		if (is_negated)
			return false;
		is_matched = true;
	}
	return is_matched;
}

/* "Keyword value" or "Keyword=value", value possibly in quotes. */
static struct slice
ssh_keyword(struct slice line, struct slice *value)
{
	size_t n = 0;
	while (n < line.len && !isspace((unsigned char)line.data[n]) && line.data[n] != '=')
		n++;
	struct slice rest = { line.data + n, line.len - n };
	rest = slice_trim(rest);
	if (rest.len > 0 && rest.data[0] == '=')
		rest = slice_trim((struct slice){ rest.data + 1, rest.len - 1 });
	if (rest.len >= 2 && rest.data[0] == '"' && rest.data[rest.len - 1] == '"')
		rest = (struct slice){ rest.data + 1, rest.len - 2 };
	*value = rest;
	return (struct slice){ line.data, n };
}

static struct ssh_section *
open_section(struct ssh_file *f, struct slice patterns, bool is_match)
{
	f->sections = xgrow(f->sections, &f->cap, f->n + 1, sizeof *f->sections);
	struct ssh_section *s = &f->sections[f->n++];
	*s = (struct ssh_section){ .patterns = patterns, .is_match = is_match };
	return s;
}

static void
set_once(struct slice *field, struct slice value)
{
	if (field->len == 0)
		*field = value;
}

static void
read_ssh_line(struct import *in, struct ssh_file *f, struct slice line, int number)
{
	struct slice value, word = ssh_keyword(line, &value);
	if (equal_nocase(word, "Host")) {
		open_section(f, value, false);
		return;
	}
	if (equal_nocase(word, "Match")) {
		open_section(f, value, true);
		import_remark(
			in, "not understood, line %d: Match; what it says is left out", number);
		return;
	}
	if (equal_nocase(word, "Include")) {
		import_remark(in, "not understood, line %d: Include %.*s; import that file too",
			number, (int)value.len, value.data);
		return;
	}
	struct ssh_section *s =
		f->n > 0 ? &f->sections[f->n - 1] : open_section(f, slice_of("*"), false);
	if (s->is_match)
		return;
	if (equal_nocase(word, "HostName"))
		set_once(&s->hostname, value);
	else if (equal_nocase(word, "User"))
		set_once(&s->user, value);
	else if (equal_nocase(word, "Port"))
		set_once(&s->port, value);
	else if (equal_nocase(word, "ProxyJump") || equal_nocase(word, "ProxyCommand"))
		set_once(&s->jump, value);
	else if (equal_nocase(word, "IdentityFile"))
		import_remark(in,
			"line %d: IdentityFile %.*s is a person's key; make one that may only look "
		        "(observe_key)",
			number, (int)value.len, value.data);
}

/* Puts the name where HostName says %h. */
static const char *
expand_hostname(struct import *in, struct slice hostname, struct slice name)
{
	for (size_t i = 0; i + 1 < hostname.len; i++)
		if (hostname.data[i] == '%' && hostname.data[i + 1] == 'h')
			return arena_printf(in->arena, "%.*s%.*s%.*s", (int)i, hostname.data,
				(int)name.len, name.data, (int)(hostname.len - i - 2),
				hostname.data + i + 2);
	return keep(in, hostname);
}

static void
resolve_ssh_host(struct import *in, const struct ssh_file *f, struct slice name)
{
	struct import_host *h = import_add_host(in, name);
	struct ssh_section all = { .is_match = false };
	if (!h)
		return;
	for (size_t i = 0; i < f->n; i++) {
		const struct ssh_section *s = &f->sections[i];
		if (s->is_match || !section_matches(s, name))
			continue;
		set_once(&all.hostname, s->hostname);
		set_once(&all.user, s->user);
		set_once(&all.port, s->port);
		set_once(&all.jump, s->jump);
	}
	if (all.hostname.len > 0 && all.hostname.len <= 253)
		h->address = expand_hostname(in, all.hostname, name);
	if (all.user.len > 0)
		h->user = keep(in, all.user);
	h->port = parse_port(all.port);
	h->needs_openssh = all.jump.len > 0 && !equal_nocase(all.jump, "none");
}

/* Names without a wildcard are hosts; the others only say things about them. */
static bool
is_plain_pattern(struct slice word)
{
	return !memchr(word.data, '*', word.len) && !memchr(word.data, '?', word.len) &&
	       word.data[0] != '!';
}

int
import_read_ssh_config(struct import *in, struct slice text, struct err *err)
{
	struct ssh_file f = { .n = 0 };
	struct slice line;
	int number = 0, rc = -1;
	if (!text_is_utf8(text))
		return err_set(err, ERR_USAGE, "this is not text in UTF-8, which an ssh_config is");
	while (slice_next_line(&text, &line)) {
		number++;
		line = slice_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		if (f.n == SSH_SECTIONS_MAX) {
			err_set(err, ERR_USAGE, "more than the %d Host blocks that are read",
				SSH_SECTIONS_MAX);
			goto out;
		}
		read_ssh_line(in, &f, line, number);
	}
	for (size_t i = 0; i < f.n; i++) {
		struct slice rest = f.sections[i].patterns, word;
		while (!f.sections[i].is_match && slice_next_word(&rest, &word))
			if (is_plain_pattern(word))
				resolve_ssh_host(in, &f, word);
	}
	rc = 0;
out:
	free(f.sections);
	return rc;
}

/* --- prometheus --- */

/* "http://host:9100/metrics" and "host:9100" alike; the port is that of an exporter and says
 * nothing of SSH. */
static struct import_host *
add_target(struct import *in, struct slice target)
{
	int port;
	for (size_t i = 0; i + 2 < target.len; i++)
		if (memcmp(target.data + i, "://", 3) == 0) {
			target = (struct slice){ target.data + i + 3, target.len - i - 3 };
			break;
		}
	const char *slash = memchr(target.data, '/', target.len);
	if (slash)
		target.len = (size_t)(slash - target.data);
	return import_add_host(in, split_port(target, &port));
}

/* The first fault says why; more would not help, since the file is another tool's. */
static void
tell_fault(void *arg, int line, int column, const char *text)
{
	struct err *err = arg;
	if (err->code == ERR_OK)
		err_set(err, ERR_USAGE, "line %d, column %d: %s", line, column, text);
}

static void
read_target_group(struct import *in, const struct yaml *group)
{
	const struct yaml *targets = yaml_get(group, "targets"),
			  *labels = yaml_get(group, "labels");
	for (const struct yaml *t = targets ? targets->first : NULL; t; t = t->next) {
		struct import_host *h = add_target(in, slice_of(yaml_text(t, "")));
		if (!h)
			continue;
		for (const struct yaml *l = labels ? labels->first : NULL; l; l = l->next)
			if (l->key)
				import_label(in, h, l->key->text, slice_of(yaml_text(l, "")));
	}
}

/* JSON is YAML too, so one reader serves both of file_sd's forms. */
int
import_read_prometheus(struct import *in, struct slice text, struct err *err)
{
	struct err fault = ERR_INIT;
	const struct yaml *root = yaml_parse(text, in->arena, tell_fault, &fault);
	if (fault.code != ERR_OK) {
		if (err)
			*err = fault;
		return err_wrap(err, "this is no file_sd list");
	}
	if (!root || root->kind != YAML_LIST)
		return err_set(err, ERR_USAGE,
			"this is no file_sd list: [{targets: [...], labels: {...}}] is wanted");
	for (const struct yaml *group = root->first; group; group = group->next)
		read_target_group(in, group);
	return 0;
}

/* --- netbox --- */

static struct slice
without_length(struct slice address)
{
	const char *slash = memchr(address.data, '/', address.len);
	if (address.len > 0 && slash)
		address.len = (size_t)(slash - address.data);
	return address;
}

/* {"name": …, "slug": …}, {"value": …}, {"address": …} or the plain text. */
static struct slice
netbox_text(const struct json *v, const char *first, const char *second)
{
	if (json_kind(v) != JSON_OBJECT)
		return json_slice(v);
	struct slice s = json_slice(json_get(v, first));
	return s.len > 0 ? s : json_slice(json_get(v, second));
}

static bool
is_active(struct slice status)
{
	return status.len == 0 || equal_nocase(status, "active");
}

static void
read_netbox_device(struct import *in, const struct json *device)
{
	struct slice name = json_slice(json_get(device, "name"));
	struct slice status = netbox_text(json_get(device, "status"), "value", "label");
	if (name.len == 0)
		name = json_slice(json_get(device, "display"));
	if (!is_active(status)) {
		import_remark(in, "left out: %.*s, whose status is %.*s", (int)name.len, name.data,
			(int)status.len, status.data);
		return;
	}
	struct import_host *h = import_add_host(in, name);
	if (!h)
		return;
	static const char *const addresses[] = { "primary_ip", "primary_ip4", "primary_ip6", NULL };
	for (size_t i = 0; addresses[i] && !h->address; i++)
		h->address = keep(in, without_length(netbox_text(json_get(device, addresses[i]),
					      "address", "display")));
	import_label(in, h, "site", netbox_text(json_get(device, "site"), "slug", "name"));
	import_label(in, h, "region", netbox_text(json_get(device, "region"), "slug", "name"));
	import_label(in, h, "role", netbox_text(json_get(device, "role"), "slug", "name"));
	import_label(in, h, "role", netbox_text(json_get(device, "device_role"), "slug", "name"));
	import_label(in, h, "platform", netbox_text(json_get(device, "platform"), "slug", "name"));
	struct json_iter it = json_iter_start(json_get(device, "custom_fields"));
	const char *key;
	const struct json *value;
	while (json_kind(json_get(device, "custom_fields")) == JSON_OBJECT &&
		json_iter_next(&it, &key, &value))
		import_label(in, h, key, json_slice(value));
}

static int
read_netbox_json(struct import *in, struct slice text, struct err *err)
{
	struct json_doc *doc = json_parse(text, err);
	if (!doc)
		return err_wrap(err, "this is no export of NetBox");
	const struct json *root = json_root(doc),
			  *list = json_kind(root) == JSON_OBJECT ? json_get(root, "results") : root;
	if (json_kind(list) != JSON_ARRAY) {
		json_doc_free(doc);
		return err_set(
			err, ERR_USAGE, "this has no `results`, which NetBox' list of devices has");
	}
	for (size_t i = 0; i < json_length(list); i++)
		read_netbox_device(in, json_at(list, i));
	const struct json *next = json_get(root, "next");
	if (json_slice(next).len > 0)
		import_remark(in,
			"this was one page of several: ask NetBox with limit=0 for all of them");
	json_doc_free(doc);
	return 0;
}

#define CSV_COLUMNS_MAX 128
#define CSV_FIELD_MAX   1024

/* Cuts the next field off (RFC 4180: quotes doubled inside quotes); *is_last at the end of a
 * record. */
static bool
next_field(struct slice *rest, char out[CSV_FIELD_MAX], bool *is_last)
{
	size_t i = 0, n = 0;
	bool is_quoted = rest->len > 0 && rest->data[0] == '"';
	if (rest->len == 0)
		return false;
	for (i = is_quoted; i < rest->len; i++) {
		char c = rest->data[i];
		if (is_quoted && c == '"' && i + 1 < rest->len && rest->data[i + 1] == '"') {
			i++;
		} else if (is_quoted && c == '"') {
			is_quoted = false;
			continue;
		} else if (!is_quoted && (c == ',' || c == '\n')) {
			break;
		}
		if (n < CSV_FIELD_MAX - 1 && c != '\r')
			out[n++] = c;
	}
	out[n] = '\0';
	*is_last = i >= rest->len || rest->data[i] == '\n';
	size_t used = i < rest->len ? i + 1 : i;
	rest->data += used;
	rest->len -= used;
	return true;
}

enum csv_column { CSV_OTHER, CSV_NAME, CSV_ADDRESS, CSV_STATUS };

static enum csv_column
csv_column(const char *title)
{
	static const struct {
		const char *title;
		enum csv_column column;
	} columns[] = { { "name", CSV_NAME }, { "primary_ip", CSV_ADDRESS },
		{ "primary_ip4", CSV_ADDRESS }, { "primary_ip6", CSV_ADDRESS },
		{ "IP Address", CSV_ADDRESS }, { "IPv4 Address", CSV_ADDRESS },
		{ "IPv6 Address", CSV_ADDRESS }, { "status", CSV_STATUS } };
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
		if (strcasecmp(columns[i].title, title) == 0)
			return columns[i].column;
	return CSV_OTHER;
}

/* One record: the name may stand in any column, so values wait until all are read. */
static void
read_csv_record(struct import *in, struct slice *rest, char (*titles)[64], size_t n_titles)
{
	char field[CSV_FIELD_MAX];
	const char *values[CSV_COLUMNS_MAX] = { NULL };
	bool is_last = false;
	size_t n = 0;
	const char *name = NULL, *address = NULL, *status = "";
	while (!is_last && next_field(rest, field, &is_last)) {
		if (n >= n_titles)
			continue;
		values[n] = arena_strdup(in->arena, field);
		enum csv_column c = csv_column(titles[n]);
		if (c == CSV_NAME)
			name = values[n];
		else if (c == CSV_ADDRESS && !address && field[0])
			address = values[n];
		else if (c == CSV_STATUS)
			status = values[n];
		n++;
	}
	if (!name || !*name)
		return;
	if (!is_active(slice_of(status))) {
		import_remark(in, "left out: %s, whose status is %s", name, status);
		return;
	}
	struct import_host *h = import_add_host(in, slice_of(name));
	if (!h)
		return;
	if (address)
		h->address = keep(in, without_length(slice_of(address)));
	for (size_t i = 0; i < n; i++)
		import_label(in, h, titles[i], slice_of(values[i]));
}

static int
read_netbox_csv(struct import *in, struct slice text, struct err *err)
{
	char titles[CSV_COLUMNS_MAX][64], field[CSV_FIELD_MAX];
	size_t n = 0;
	bool is_last = false, has_name = false;
	if (!text_is_utf8(text))
		return err_set(err, ERR_USAGE, "this is neither JSON nor CSV in UTF-8");
	while (!is_last && n < CSV_COLUMNS_MAX && next_field(&text, field, &is_last)) {
		snprintf(titles[n], sizeof titles[n], "%.63s", field);
		has_name |= csv_column(titles[n]) == CSV_NAME;
		n++;
	}
	if (!has_name)
		return err_set(err, ERR_USAGE,
			"this is neither JSON nor CSV with a column `name`, as NetBox exports "
		        "devices");
	while (text.len > 0)
		read_csv_record(in, &text, titles, n);
	return 0;
}

int
import_read_netbox(struct import *in, struct slice text, struct err *err)
{
	struct slice trimmed = slice_trim(text);
	bool is_json = trimmed.len > 0 && (trimmed.data[0] == '{' || trimmed.data[0] == '[');
	return is_json ? read_netbox_json(in, text, err) : read_netbox_csv(in, text, err);
}

/* --- plain lines --- */

/* [user@]host[:port] [label=value ...] */
static void
read_host_line(struct import *in, struct slice line, int number)
{
	struct slice word, label;
	int port;
	slice_next_word(&line, &word);
	const char *sign = memchr(word.data, '@', word.len);
	struct slice user = { word.data, sign ? (size_t)(sign - word.data) : 0 };
	if (sign)
		word = (struct slice){ sign + 1, word.len - user.len - 1 };
	struct import_host *h = import_add_host(in, split_port(word, &port));
	if (!h) {
		import_remark(in, "not understood, line %d", number);
		return;
	}
	h->port = port;
	if (user.len > 0)
		h->user = keep(in, user);
	while (slice_next_word(&line, &label)) {
		const char *equal = memchr(label.data, '=', label.len);
		char key[64];
		if (!equal) {
			import_remark(in, "not understood, line %d: %.*s; label=value is wanted",
				number, (int)label.len, label.data);
			continue;
		}
		slice_copy((struct slice){ label.data, (size_t)(equal - label.data) }, key,
			sizeof key);
		struct slice value = { equal + 1, label.len - (size_t)(equal - label.data) - 1 };
		if (strcmp(key, "address") == 0)
			h->address = keep(in, value);
		else
			import_label(in, h, key, value);
	}
}

int
import_read_hosts(struct import *in, struct slice text, struct err *err)
{
	struct slice line;
	int number = 0;
	if (!text_is_utf8(text) || memchr(text.data, 0, text.len))
		return err_set(err, ERR_USAGE, "this is not text in UTF-8");
	while (slice_next_line(&text, &line)) {
		number++;
		const char *hash = memchr(line.data, '#', line.len);
		if (hash)
			line.len = (size_t)(hash - line.data);
		line = slice_trim(line);
		if (line.len > 0)
			read_host_line(in, line, number);
	}
	return 0;
}
