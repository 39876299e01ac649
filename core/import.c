/* SPDX-License-Identifier: Apache-2.0
 *
 * Importing: nobody types a fleet twice. The readers (import_read.c) turn an inventory into a list
 * of hosts with labels; here each gets a name that fleet.yaml allows, a PoP (from a label such as
 * `site`, else from a group, else from an IATA code in its name) and its line. An inventory knows
 * neither the anycast prefixes nor which key may only look: those are marked FILL_IN, which
 * `catchment check` refuses, so that nobody starts with a guess. Guesses are said to be guesses.
 *
 * The result is a start for a person to edit, not a synchronisation: fleet.yaml is the truth
 * afterwards.
 */
#include "core/import.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/driver.h"
#include "core/geo.h"
#include "core/import_host.h"
#include "core/schema.h"
#include "core/text.h"

#define REMARKS_MAX  100
#define REMARK_BYTES 300
#define LABELS_USED  5 /* of a DNS name, for the name of a node */

static const struct {
	const char *kind;
	import_read_fn *read;
} kinds[] = {
	{ "ansible", import_read_ansible },
	{ "ssh-config", import_read_ssh_config },
	{ "prometheus", import_read_prometheus },
	{ "netbox", import_read_netbox },
	{ "hosts", import_read_hosts },
};

const char *
import_kind(size_t i)
{
	return i < sizeof kinds / sizeof kinds[0] ? kinds[i].kind : NULL;
}

/* --- what readers tell --- */

void
import_remark(struct import *in, const char *format, ...)
{
	char text[REMARK_BYTES];
	va_list args;
	if (++in->n_remarks > REMARKS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_add_text(&in->remarks, "# ");
	text_sanitise(slice_of(text), &in->remarks);
	buf_add_char(&in->remarks, '\n');
}

struct import_host *
import_add_host(struct import *in, struct slice origin)
{
	struct import_host *h = NULL;
	if (origin.len == 0 || origin.len > 253)
		return NULL;
	HASH_FIND(by_origin, in->table, origin.data, origin.len, h);
	if (h)
		return h;
	if (in->n == IMPORT_HOSTS_MAX) {
		import_remark(in, "left out: %.*s and all after it; %d nodes are allowed",
			(int)origin.len, origin.data, IMPORT_HOSTS_MAX);
		return NULL;
	}
	h = arena_alloc(in->arena, sizeof *h);
	h->origin = arena_strndup(in->arena, origin.data, origin.len);
	HASH_ADD_KEYPTR(by_origin, in->table, h->origin, origin.len, h);
	in->n++;
	return h;
}

/* Three letters that are an airport's code and something else far more often. */
static bool
is_common_word(const char *word)
{
	static const char *const words[] = { "all", "and", "any", "api", "app", "bgp", "box", "com",
		"dev", "dns", "env", "est", "ext", "for", "gov", "int", "lab", "lan", "log", "mgt",
		"net", "new", "nsd", "old", "oob", "ops", "org", "pdn", "pop", "prd", "pro", "pub",
		"raw", "rtr", "sec", "srv", "ssh", "stg", "svc", "sys", "the", "tld", "tst", "ubu",
		"usr", "vip", "vms", "vpn", "wan", "web", "www", "xfr", "yum", NULL };
	for (size_t i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* The run of letters that begins at or after `from`; empty at the end. */
static struct slice
next_letters(struct slice text, size_t from)
{
	while (from < text.len && !isalpha((unsigned char)text.data[from]))
		from++;
	size_t n = 0;
	while (from + n < text.len && isalpha((unsigned char)text.data[from + n]))
		n++;
	return (struct slice){ text.data + from, n };
}

static bool
is_code(struct slice word, char code[4])
{
	if (word.len != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		code[i] = (char)tolower((unsigned char)word.data[i]);
	code[3] = '\0';
	if (!is_common_word(code) && geo_find_place(code))
		return true;
	code[0] = '\0';
	return false;
}

bool
import_find_code(struct slice text, char code[4])
{
	struct slice word;
	code[0] = '\0';
	for (size_t at = 0; (word = next_letters(text, at)).len > 0;
		at = (size_t)(word.data - text.data) + word.len)
		if (is_code(word, code))
			return true;
	return false;
}

/* The code in a host's name: the first or the last word of a label ("fra1-ns2", "dns-fra-01"); in
 * the middle it would more often be an English word. */
static bool
find_code_in_host(struct slice name, char code[4])
{
	code[0] = '\0';
	while (name.len > 0) {
		const char *dot = memchr(name.data, '.', name.len);
		struct slice label = { name.data, dot ? (size_t)(dot - name.data) : name.len };
		struct slice first = next_letters(label, 0), last = first, word;
		for (size_t at = 0; (word = next_letters(label, at)).len > 0;
			at = (size_t)(word.data - label.data) + word.len)
			last = word;
		if (is_code(first, code) || is_code(last, code))
			return true;
		name.data += label.len + (dot != NULL);
		name.len -= label.len + (dot != NULL);
	}
	return false;
}

/* A driver that a word in the text names, of a role. */
static const char *
find_driver(const struct conf_names *names, struct slice text, unsigned role)
{
	struct slice word;
	for (size_t at = 0; (word = next_letters(text, at)).len > 0;
		at = (size_t)(word.data - text.data) + word.len)
		for (size_t d = 0; d < names->n; d++)
			if ((names->drivers[d].roles & role) &&
				strlen(names->drivers[d].name) == word.len &&
				strncasecmp(names->drivers[d].name, word.data, word.len) == 0)
				return names->drivers[d].name;
	return NULL;
}

static const char *
keep(struct import *in, struct slice value)
{
	return value.len > 0 && value.len <= 253 ? arena_strndup(in->arena, value.data, value.len)
	                                         : NULL;
}

/* Keys are compared without case, blanks, dashes and underscores. */
static bool
is_key(const char *key, const char *plain)
{
	for (; *key; key++) {
		if (*key == ' ' || *key == '-' || *key == '_')
			continue;
		if (tolower((unsigned char)*key) != *plain)
			return false;
		plain++;
	}
	return *plain == '\0';
}

static bool
is_one_of(const char *key, const char *const *plain)
{
	for (; *plain; plain++)
		if (is_key(key, *plain))
			return true;
	return false;
}

void
import_group(struct import *in, struct import_host *h, struct slice group)
{
	char code[4];
	const char *bgp = find_driver(in->names, group, DRIVER_BGP),
		   *dns = find_driver(in->names, group, DRIVER_DNS);
	if (bgp && !h->bgp)
		h->bgp = bgp;
	if (dns && !h->dns)
		h->dns = dns;
	if (!h->group && import_find_code(group, code))
		h->group = keep(in, group);
}

void
import_label(struct import *in, struct import_host *h, const char *key, struct slice value)
{
	static const char *const sites[] = { "pop", "site", "datacenter", "datacentre", "dc",
		"location", "facility", "popname", NULL };
	static const char *const regions[] = { "region", "continent", NULL };
	static const char *const groups[] = { "role", "devicerole", "platform", "job", "tags",
		"groups", "bgp", "dns", "bgpdaemon", "dnsdaemon", NULL };
	value = slice_trim(value);
	if (value.len == 0)
		return;
	if (is_one_of(key, sites) && !h->site)
		h->site = keep(in, value);
	else if (is_one_of(key, regions) && !h->region)
		h->region = keep(in, value);
	else if (is_one_of(key, groups))
		import_group(in, h, value);
}

/* --- names --- */

/* Makes [a-z0-9-]{1,32} of a text; an empty result stays empty. */
static void
make_name(struct slice text, char out[FLEET_NAME_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < text.len && n < FLEET_NAME_MAX - 1; i++) {
		char c = (char)tolower((unsigned char)text.data[i]);
		bool is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (is_good)
			out[n++] = c;
		else if (n > 0 && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n > 0 && out[n - 1] == '-')
		n--;
	out[n] = '\0';
}

/* The first `labels` of a DNS name; all of an address. */
static struct slice
first_labels(const char *origin, size_t labels)
{
	struct slice whole = slice_of(origin);
	if (origin[strspn(origin, "0123456789.")] == '\0')
		return whole;
	for (size_t i = 0; i < whole.len; i++)
		if (origin[i] == '.' && --labels == 0)
			return (struct slice){ origin, i };
	return whole;
}

struct taken {
	char name[FLEET_NAME_MAX];
	size_t count; /* hosts that would like this name */
	UT_hash_handle hh;
};

static struct taken *
want_name(struct import *in, struct taken **all, const char *name)
{
	struct taken *t = NULL;
	HASH_FIND_STR(*all, name, t);
	if (!t) {
		t = arena_alloc(in->arena, sizeof *t);
		snprintf(t->name, sizeof t->name, "%s", name);
		HASH_ADD_STR(*all, name, t);
	}
	t->count++;
	return t;
}

static bool
is_taken(struct taken *all, const char *name)
{
	struct taken *t = NULL;
	HASH_FIND_STR(all, name, t);
	return t != NULL;
}

/* Hosts whose first labels are theirs alone are called by them. */
static void
name_round(struct import *in, struct taken **taken, size_t labels)
{
	struct taken *wanted = NULL;
	char name[FLEET_NAME_MAX];
	for (struct import_host *h = in->table; h; h = h->by_origin.next)
		if (!h->name[0]) {
			make_name(first_labels(h->origin, labels), name);
			want_name(in, &wanted, name);
		}
	for (struct import_host *h = in->table; h; h = h->by_origin.next) {
		if (h->name[0])
			continue;
		make_name(first_labels(h->origin, labels), name);
		struct taken *t = NULL;
		HASH_FIND_STR(wanted, name, t);
		if (!name[0] || t->count > 1 || is_taken(*taken, name))
			continue;
		snprintf(h->name, sizeof h->name, "%s", name);
		want_name(in, taken, name);
	}
	HASH_CLEAR(hh, wanted);
}

/* What is left: long names that differ beyond 32 characters, or in letters that names may not have.
 */
static void
name_rest(struct import *in, struct taken **taken)
{
	size_t number = 1;
	for (struct import_host *h = in->table; h; h = h->by_origin.next, number++) {
		if (h->name[0])
			continue;
		char stem[FLEET_NAME_MAX];
		make_name(slice_of(h->origin), stem);
		size_t n = number;
		do {
			snprintf(h->name, sizeof h->name, "%.24s-%zu", stem[0] ? stem : "host",
				n++ % 1000000);
		} while (is_taken(*taken, h->name));
		want_name(in, taken, h->name);
	}
}

static void
name_hosts(struct import *in)
{
	struct taken *taken = NULL;
	want_name(in, &taken, "local"); /* the backend's own vantage */
	for (size_t labels = 1; labels <= LABELS_USED; labels++)
		name_round(in, &taken, labels);
	name_rest(in, &taken);
	HASH_CLEAR(hh, taken);
}

/* --- PoPs --- */

struct import_pop {
	char name[FLEET_NAME_MAX];
	char code[4];       /* IATA code when the name is none, else "" */
	const char *reason; /* "" if sure, else a remark */
	const char *region; /* or NULL */
	size_t n;
	UT_hash_handle hh;
};

#define UNSORTED "unsorted"

/* The code of the city whose name makes that name ("new-york"). */
static const char *
find_city(const char *name)
{
	char city[FLEET_NAME_MAX];
	for (size_t i = 0; *name && i < geo_count_places(); i++) {
		make_name(slice_of(geo_get_place(i)->city), city);
		if (strcmp(city, name) == 0)
			return geo_get_place(i)->code;
	}
	return NULL;
}

/* Without the domain, which is the same for all: "ns1.fra" of "ns1.fra.example.com". */
static struct slice
without_domain(const char *origin)
{
	struct slice s = slice_of(origin);
	size_t dots = 0;
	for (size_t i = s.len; i-- > 0;)
		if (origin[i] == '.' && ++dots == 2)
			return (struct slice){ origin, i };
	return first_labels(origin, 1);
}

/* Where a host stands: name, code and how it is known. */
static void
place_host(const struct import_host *h, struct import_pop *out)
{
	char code[4] = "";
	const char *site = h->site ? h->site : h->group;
	memset(out, 0, sizeof *out);
	out->reason = "";
	out->region = h->region;
	if (site) {
		make_name(slice_of(site), out->name);
		if (geo_find_place(out->name))
			return;
		if (import_find_code(slice_of(site), out->code)) {
			out->reason = "the code is guessed from the name";
			if (!h->site) /* a group is named for more than the place */
				snprintf(out->name, sizeof out->name, "%s", out->code);
			return;
		}
		const char *city = find_city(out->name);
		if (city) {
			for (size_t i = 0; i < 3; i++)
				out->code[i] = (char)tolower((unsigned char)city[i]);
			out->reason = "the code is guessed from the city";
		}
		if (out->name[0])
			return;
	}
	if (find_code_in_host(without_domain(h->origin), code)) {
		snprintf(out->name, sizeof out->name, "%s", code);
		out->reason = "guessed from the names of its nodes";
		return;
	}
	snprintf(out->name, sizeof out->name, "%s", UNSORTED);
	out->reason = "where these stand is not known: move them to their PoPs";
}

/* Groups the hosts; the result is in the order of first mention. */
static struct import_pop *
sort_hosts(struct import *in, struct import_pop ***order, size_t *n)
{
	struct import_pop *all = NULL;
	*order = arena_alloc(in->arena, (in->n + 1) * sizeof **order);
	*n = 0;
	for (struct import_host *h = in->table; h; h = h->by_origin.next) {
		struct import_pop fresh, *p = NULL;
		place_host(h, &fresh);
		HASH_FIND_STR(all, fresh.name, p);
		if (!p) {
			p = arena_alloc(in->arena, sizeof *p);
			*p = fresh;
			p->n = *n;
			HASH_ADD_STR(all, name, p);
			(*order)[(*n)++] = p;
		}
		h->pop = p->n;
	}
	return all;
}

/* --- writing --- */

static void
write_comment(struct buf *out, const char *text)
{
	char clean[200];
	text_sanitise_to(slice_of(text), clean, sizeof clean);
	buf_printf(out, "# %s", clean);
}

/* The user, or the key, that all hosts share; NULL when they differ or none is said. */
static const char *
shared_user(const struct import *in)
{
	const char *user = in->table ? in->table->user : NULL;
	for (const struct import_host *h = in->table; user && h; h = h->by_origin.next)
		if (!h->user || strcmp(h->user, user) != 0)
			return NULL;
	return user;
}

/* The driver that all hosts share. */
static const char *
shared_driver(const struct import *in, bool is_bgp)
{
	const char *first = in->table ? is_bgp ? in->table->bgp : in->table->dns : NULL;
	for (const struct import_host *h = in->table; first && h; h = h->by_origin.next) {
		const char *driver = is_bgp ? h->bgp : h->dns;
		if (!driver || strcmp(driver, first) != 0)
			return NULL;
	}
	return first;
}

static bool
all_have_driver(const struct import *in, bool is_bgp)
{
	for (const struct import_host *h = in->table; h; h = h->by_origin.next)
		if (!(is_bgp ? h->bgp : h->dns))
			return false;
	return true;
}

static bool
driver_needs_url(const struct import *in, const char *name)
{
	for (size_t i = 0; i < in->names->n; i++)
		if (strcmp(in->names->drivers[i].name, name) == 0)
			return in->names->drivers[i].needs_url;
	return false;
}

static void
write_driver(const struct import *in, const char *key, const char *driver, struct buf *out)
{
	if (driver_needs_url(in, driver))
		buf_printf(out, "%s: {driver: %s, url: \"http://{address}:8053\"}", key, driver);
	else
		buf_printf(out, "%s: %s", key, driver);
}

static void
write_default_driver(const struct import *in, bool is_bgp, struct buf *out)
{
	const char *shared = shared_driver(in, is_bgp), *key = is_bgp ? "bgp" : "dns";
	if (!shared && all_have_driver(in, is_bgp))
		return;
	buf_add_text(out, "  ");
	if (shared) {
		write_driver(in, key, shared, out);
		buf_add_char(out, '\n');
		return;
	}
	buf_printf(out, "%s: FILL_IN  # the %s daemon: ", key, is_bgp ? "BGP" : "DNS");
	for (size_t i = 0; i < in->names->n; i++)
		if (in->names->drivers[i].roles & (is_bgp ? DRIVER_BGP : DRIVER_DNS))
			buf_printf(out, "%s, ", in->names->drivers[i].name);
	buf_add_text(out, "none\n");
}

static void
write_defaults(const struct import *in, const char *user, struct buf *out)
{
	buf_add_text(out, "defaults:                  # each may stand on a PoP or a node as well; "
	                  "the nearest wins\n"
			  "  poll: 2s\n");
	write_default_driver(in, true, out);
	write_default_driver(in, false, out);
	buf_add_text(out, "  ssh:\n    user: ");
	yaml_write_scalar(out, user ? user : "catchment");
	buf_add_text(
		out, user ? "\n"
			  : "        # an account that may look at the daemons and nothing else\n");
	buf_add_text(out,
		"    # observe_key: keys/observe  # a private key that may only look\n"
		"    # known_hosts: known_hosts   # pinned host keys: ssh-keyscan, then compare\n");
}

static void
write_ssh(const struct import_host *h, const char *user, struct buf *out)
{
	const char *between = "";
	bool has_user = h->user && !user;
	if (!has_user && (h->port == 0 || h->port == 22) && !h->needs_openssh)
		return;
	buf_add_text(out, ", ssh: {");
	if (has_user) {
		buf_add_text(out, "user: ");
		yaml_write_scalar(out, h->user);
		between = ", ";
	}
	if (h->port != 0 && h->port != 22) {
		buf_printf(out, "%sport: %d", between, h->port);
		between = ", ";
	}
	if (h->needs_openssh)
		buf_printf(out, "%svia: openssh", between);
	buf_add_char(out, '}');
}

static void
write_node(const struct import *in, const struct import_host *h, const char *user, struct buf *out)
{
	const char *bgp = shared_driver(in, true), *dns = shared_driver(in, false);
	buf_printf(out, "      %s: {address: ", h->name);
	yaml_write_scalar(out, h->address ? h->address : h->origin);
	if (h->bgp && !bgp) {
		buf_add_text(out, ", ");
		write_driver(in, "bgp", h->bgp, out);
	}
	if (h->dns && !dns) {
		buf_add_text(out, ", ");
		write_driver(in, "dns", h->dns, out);
	}
	write_ssh(h, user, out);
	buf_add_char(out, '}');
	if (strcmp(h->origin, h->name) != 0) {
		buf_add_text(out, "  ");
		write_comment(out, h->origin);
	}
	buf_add_char(out, '\n');
}

static void
write_pop(const struct import *in, const struct import_pop *p, const char *user, struct buf *out)
{
	char region[FLEET_NAME_MAX] = "";
	buf_printf(out, "  %s:", p->name);
	if (*p->reason)
		buf_printf(out, "  # %s", p->reason);
	buf_add_char(out, '\n');
	if (p->code[0] && !geo_find_place(p->name))
		buf_printf(out, "    place: %s\n", p->code);
	else if (!geo_find_place(p->name))
		buf_add_text(out, "    # at: [latitude, longitude]  # or place: an IATA code\n");
	if (p->region)
		make_name(slice_of(p->region), region);
	if (region[0])
		buf_printf(out, "    region: %s\n", region);
	buf_add_text(out, "    nodes:\n");
	for (const struct import_host *h = in->table; h; h = h->by_origin.next)
		if (h->pop == p->n)
			write_node(in, h, user, out);
}

/* What fleet.yaml would refuse goes into a remark instead. */
static void
drop_bad_hosts(struct import *in)
{
	struct import_host *next;
	for (struct import_host *h = in->table; h; h = next) {
		next = h->by_origin.next;
		const char *address = h->address ? h->address : h->origin;
		if (h->user && (strlen(h->user) > 64 || !text_is_clean(slice_of(h->user)))) {
			import_remark(in, "the user of %s cannot be used: %s", h->origin, h->user);
			h->user = NULL;
		}
		if (schema_is_host(address))
			continue;
		import_remark(in, "left out: %s, whose address \"%s\" is no IP address or DNS name",
			h->origin, address);
		HASH_DELETE(by_origin, in->table, h);
		in->n--;
	}
}

static void
write_all(struct import *in, const char *kind, const char *source, struct buf *out)
{
	struct import_pop **order;
	size_t n;
	const char *user = shared_user(in);
	char line[400];
	name_hosts(in);
	struct import_pop *pops = sort_hosts(in, &order, &n);
	snprintf(line, sizeof line, "A first fleet.yaml, written by `catchment import %s %s` (%s).",
		kind, source, CATCHMENT_VERSION);
	write_comment(out, line);
	buf_add_text(out, "\n# Replace every FILL_IN, look at what is guessed, then: catchment "
	                  "check fleet.yaml\n"
			  "fleet: FILL_IN             # what the fleet is called\n"
			  "environment: production    # shown on every screen\n"
			  "services:\n"
			  "  ns:                      # the service; name it as you like\n"
			  "    prefixes: [FILL_IN]    # its anycast prefixes, such as "
	                  "192.0.2.0/24, 2001:db8:53::/48\n"
			  "    # probe: {dns: 192.0.2.53, name: example.com, type: SOA}\n"
			  "    # policy: {min_pops: 2, spare: 1}\n");
	write_defaults(in, user, out);
	buf_add_text(out, "pops:\n");
	for (size_t i = 0; i < n; i++)
		write_pop(in, order[i], user, out);
	HASH_CLEAR(hh, pops);
	buf_add(out, in->remarks.data, in->remarks.len);
	if (in->n_remarks > REMARKS_MAX)
		buf_printf(out, "# and %zu more remarks\n", in->n_remarks - REMARKS_MAX);
}

int
import_write(const char *kind, struct slice text, const char *source,
	const struct conf_names *names, struct buf *out, struct err *err)
{
	struct import in = { .arena = arena_new(),
		.names = names,
		.remarks = BUF_INIT(REMARKS_MAX * (REMARK_BYTES * 6)) };
	import_read_fn *reader = NULL;
	int rc = -1;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			reader = kinds[i].read;
	if (!reader) {
		err_set(err, ERR_USAGE, "nothing reads inventories of the kind \"%.40s\"", kind);
		goto out;
	}
	if (reader(&in, text, err) == -1)
		goto out;
	drop_bad_hosts(&in);
	if (in.n == 0) {
		err_set(err, ERR_USAGE, "the inventory has no host that could be a node");
		goto out;
	}
	write_all(&in, kind, source, out);
	rc = 0;
out:
	HASH_CLEAR(by_origin, in.table);
	buf_done(&in.remarks);
	arena_free(in.arena);
	return rc;
}
