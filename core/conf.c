/* SPDX-License-Identifier: Apache-2.0
 *
 * From fleet.yaml to a fleet. Three steps: the file is opened with distrust (no symbolic link, not
 * world-writable, not larger than 4 MiB), schema.c reads it by the tables of conf_tables.c, and
 * then this file checks what no single value can show: names that must exist and may stand once
 * only, drivers that must be known, prefixes that two services claim, nodes that nothing could
 * poll. Only a file without any mistake becomes a fleet; there is no half of one, because half a
 * fleet is how whole services were withdrawn (SAFETY.md A5, A10).
 *
 * Settings flow down, from `defaults` to the PoP to the node; the nearest wins. What is allowed but
 * most likely not meant becomes a note. Nothing here opens another file or looks a name up;
 * conf_resolve does that off the loop.
 *
 * Called by catchmentd at start and on reload, by `catchment check`, and by the importers' tests.
 */
#include "core/conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/conf_tables.h"
#include "core/driver.h"
#include "core/geo.h"
#include "core/json.h"
#include "core/text.h"

/* One reading: the file as written and the fleet that grows out of it. */
struct reading {
	struct schema_walk walk;
	const struct conf_names *names;
	struct raw_file file;
	struct fleet *fleet;
};

/* A name and where it was given. */
struct named {
	const char *name;
	const char *what; /* what it names; for endpoints, the node */
	const struct yaml *at;
	const void *owner; /* the mapping it stands in */
};

struct named_list {
	struct named *items;
	size_t n;
};

static const char *
keep(struct reading *r, const char *text)
{
	return text ? arena_strdup(r->fleet->arena, text) : NULL;
}

/* --- names --- */

static int
compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	if (order != 0 || !x->at || !y->at)
		return order;
	return x->at->line != y->at->line ? x->at->line - y->at->line
	                                  : x->at->column - y->at->column;
}

static int
compare_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct named *)item)->name);
}

static bool
list_has(const struct named_list *list, const char *name)
{
	return list->n > 0 &&
	       bsearch(name, list->items, list->n, sizeof *list->items, compare_name);
}

static void
list_add(struct named_list *list, const struct schema_mark *mark, const char *what,
	const void *owner)
{
	list->items[list->n++] =
		(struct named){ mark->name, what, mark->at ? mark->at->key : NULL, owner };
}

/* PoPs, or all that is asked: nodes, vantages and witnesses share one space of names. */
static struct named_list
list_pops(struct reading *r)
{
	struct named_list list = {
		arena_alloc(r->walk.arena, (r->file.pops.n + 1) * sizeof *list.items), 0
	};
	SCHEMA_EACH (struct raw_pop, p, &r->file.pops)
		list_add(&list, &p->mark, "PoP", r);
	qsort(list.items, list.n, sizeof *list.items, compare_named);
	return list;
}

static size_t
count_nodes(const struct raw_file *file)
{
	size_t n = 0;
	SCHEMA_EACH (struct raw_pop, p, &file->pops)
		n += p->nodes.n;
	return n;
}

static struct named_list
list_nodes(struct reading *r)
{
	size_t n = count_nodes(&r->file) + r->file.vantages.n + r->file.witnesses.n;
	struct named_list list = { arena_alloc(r->walk.arena, (n + 1) * sizeof *list.items), 0 };
	SCHEMA_EACH (struct raw_pop, p, &r->file.pops)
		SCHEMA_EACH (struct raw_node, node, &p->nodes)
			list_add(&list, &node->mark, "node", p);
	SCHEMA_EACH (struct raw_vantage, v, &r->file.vantages)
		list_add(&list, &v->mark, "vantage", r->file.vantages.items);
	SCHEMA_EACH (struct raw_witness, w, &r->file.witnesses)
		list_add(&list, &w->mark, "witness", r->file.witnesses.items);
	qsort(list.items, list.n, sizeof *list.items, compare_named);
	return list;
}

static void
check_node_names(struct reading *r, const struct named_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct named *one = &list->items[i];
		if (strcmp(one->name, "local") == 0 && strcmp(one->what, "vantage") == 0)
			schema_mistake(&r->walk, one->at,
				"the vantage \"local\" is the backend itself and always there; "
				"choose another name");
		if (i == 0 || strcmp(one->name, list->items[i - 1].name) != 0)
			continue;
		const struct named *other = &list->items[i - 1];
		if (one->owner == other->owner) /* a duplicate key, told already */
			continue;
		schema_mistake(&r->walk, one->at,
			"the name \"%.32s\" is taken by the %s in line %d; nodes, vantages and "
			"witnesses of a fleet have names of their own",
			one->name, other->what, other->at ? other->at->line : 0);
	}
}

static void
check_references(struct reading *r, const struct schema_list *names, const struct named_list *known,
	const char *what)
{
	SCHEMA_EACH (struct schema_text, one, names) {
		if (list_has(known, one->text))
			continue;
		const char **words = xmalloc((known->n + 1) * sizeof *words);
		for (size_t i = 0; i < known->n; i++)
			words[i] = known->items[i].name;
		const char *near = schema_nearest(one->text, words, known->n);
		schema_mistake(&r->walk, one->at, "no %s is named \"%s\"%s%s%s", what, one->text,
			near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
		free(words);
	}
}

/* --- drivers --- */

static const struct conf_driver *
find_driver(const struct conf_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->drivers[i].name, name) == 0)
			return &names->drivers[i];
	return NULL;
}

static void
refuse_driver(struct reading *r, const struct yaml *at, const char *name, unsigned role)
{
	const char *words[CONF_DRIVERS_MAX];
	size_t n = 0;
	struct buf allowed = BUF_INIT(400);
	for (size_t i = 0; i < r->names->n; i++)
		if (r->names->drivers[i].roles & role) {
			words[n++] = r->names->drivers[i].name;
			buf_printf(&allowed, "%s, ", r->names->drivers[i].name);
		}
	const char *near = schema_nearest(name, words, n);
	schema_mistake(&r->walk, at, "no %s driver is named \"%s\"; allowed: %snone%s%s%s",
		role == DRIVER_BGP ? "BGP" : "DNS", name, buf_text(&allowed),
		near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	buf_done(&allowed);
}

/* The driver of a daemon; NULL when there is none, or none that is known (told). */
static const struct conf_driver *
check_daemon(struct reading *r, const struct raw_daemon *d, unsigned role, bool needs_url)
{
	if (!d->driver || strcmp(d->driver, "none") == 0)
		return NULL;
	const struct yaml *at = schema_at(d, "driver");
	const struct conf_driver *driver = find_driver(r->names, d->driver);
	if (!driver || !(driver->roles & role)) {
		refuse_driver(r, at, d->driver, role);
		return NULL;
	}
	if (driver->needs_url && !d->url && needs_url)
		schema_mistake(&r->walk, at,
			"the driver %s asks over HTTP and lacks `url`: {driver: %s, url: "
			"\"http://HOST:PORT\"}",
			driver->name, driver->name);
	if (!driver->needs_url && !driver->takes_url && d->url)
		schema_mistake(&r->walk, schema_at(d, "url"),
			"the driver %s runs commands on the node; `url` means "
			"nothing to it",
			driver->name);
	if (driver->needs_url && d->socket)
		schema_mistake(&r->walk, schema_at(d, "socket"),
			"the driver %s asks over HTTP; `socket` means nothing "
			"to it",
			driver->name);
	return driver;
}

/* --- nodes --- */

static bool
is_literal(const char *text)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Host of a checked URL, without brackets. */
static void
url_host(const char *url, char out[256])
{
	const char *p = strstr(url, "://") + 3;
	size_t len = *p == '[' ? strcspn(++p, "]") : strcspn(p, ":/");
	slice_copy((struct slice){ p, len }, out, 256);
}

/* Puts the node's address where a URL says {address}. */
static const char *
expand_url(struct reading *r, const char *url, const char *address)
{
	const char *hole = url ? strstr(url, "{address}") : NULL;
	if (!hole)
		return keep(r, url);
	const char *open = strchr(address, ':') ? "[" : "", *close = *open ? "]" : "";
	return arena_printf(r->fleet->arena, "%.*s%s%s%s%s", (int)(hole - url), url, open, address,
		close, hole + strlen("{address}"));
}

/* Names are looked up once, at load, and for `address` only: any other name in a URL would never
 * be. */
static void
check_url_host(struct reading *r, const char *url, const char *address, const struct yaml *at)
{
	char host[256];
	if (!url)
		return;
	url_host(url, host);
	if (strcmp(host, "{address}") == 0) {
		if (!address)
			schema_mistake(&r->walk, at,
				"{address} stands for the node's `address`, which is not given");
		return;
	}
	if (!is_literal(host) && address && strcasecmp(host, address) != 0)
		schema_mistake(&r->walk, at,
			"the name \"%s\" would not be looked up, only the node's `address` is; "
		        "write "
			"an IP address or {address}",
			host);
	if (!is_literal(host) && !address)
		schema_mistake(&r->walk, at,
			"the name \"%s\" would not be looked up; give it as the node's `address` "
		        "too, "
			"or write an IP address",
			host);
}

/* A driver was named, but it is none. */
static bool
is_unread(const struct raw_daemon *d, const struct conf_driver *driver)
{
	return !driver && schema_given(&conf_dns_table, d, "driver") &&
	       (!d->driver || strcmp(d->driver, "none") != 0);
}

/* How a node will be polled, or a mistake. */
static bool
given(const struct raw_drain *d, const char *key)
{
	return schema_given(&conf_drain_table, d, key);
}

/* A file of its own, with a value for each state that it shall bring about. */
static void
check_drain_file(struct reading *r, const struct raw_drain *d)
{
	const struct yaml *at = schema_at(d, "file");
	if (d->file && d->file[0] != '/')
		schema_mistake(&r->walk, at, "`file` is \"%s\"; it is read on the node and must be an absolute path",
			d->file);
	if (!given(d, "constant") || !given(d, "withdraw"))
		schema_mistake(&r->walk, at,
			"a drain by `file` also needs `constant` and `withdraw`, the value for no routes");
	if (given(d, "disable"))
		schema_mistake(&r->walk, schema_at(d, "disable"),
			"a drain acts either upon a `file` or upon protocols to `disable`");
	if (d->constant && (strpbrk(d->constant, ".:-") || isdigit((unsigned char)d->constant[0])))
		schema_mistake(&r->walk, schema_at(d, "constant"),
			"`constant` is \"%s\"; allowed: letters, digits and _, not beginning with a digit", d->constant);
	bool has_away = given(d, "prefer_away");
	if (given(d, "withdraw") && (d->withdraw == d->announce ||
		(has_away && (d->prefer_away == d->announce || d->prefer_away == d->withdraw))))
		schema_mistake(&r->walk, schema_at(d, "withdraw"),
			"`announce` (%lld), `prefer_away` and `withdraw` (%lld) must differ from each other",
			(long long)d->announce, (long long)d->withdraw);
}

/* Each daemon has its own way: keys of another one would be silently without effect. */
static void
check_drain(struct reading *r, const struct raw_drain *d, const char *daemon)
{
	static const struct {
		const char *key, *daemon;
	} keys[] = {
		{ "disable", "bird" }, { "file", "bird" }, { "constant", "bird" }, { "announce", "bird" },
		{ "prefer_away", "bird" }, { "withdraw", "bird" }, { "networks", "frr" }, { "route_map", "frr" },
	};
	if (!d->mark.at)
		return;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (!given(d, keys[i].key))
			continue;
		if (strcmp(keys[i].daemon, daemon ? daemon : "") != 0)
			schema_mistake(&r->walk, schema_at(d, keys[i].key), "`%s` is for nodes with `bgp: %s`", keys[i].key,
				keys[i].daemon);
		else if (i > 1 && strcmp(daemon, "bird") == 0 && !given(d, "file"))
			schema_mistake(&r->walk, schema_at(d, keys[i].key), "`%s` needs `file`", keys[i].key);
	}
	if (given(d, "file"))
		check_drain_file(r, d);
}

static void
check_node(struct reading *r, struct raw_node *node)
{
	const struct raw_settings *s = &node->settings;
	const struct raw_ssh *ssh = &s->link.ssh;
	bool is_remote = ssh->via != SSH_VIA_LOCAL && ssh->via != SSH_VIA_REPLAY;
	const struct conf_driver *bgp =
		check_daemon(r, &s->bgp, DRIVER_BGP, ssh->via != SSH_VIA_REPLAY);
	const struct conf_driver *dns =
		check_daemon(r, &s->dns, DRIVER_DNS, ssh->via != SSH_VIA_REPLAY);
	/* a mistaken way has been told already */
	bool has_unknown = is_unread(&s->bgp, bgp) || is_unread(&s->dns, dns);
	bool has_agent = schema_given(&conf_node_table, node, "agent");
	const struct yaml *at = node->mark.at->key;
	char host[256];

	if (node->agent && !node->address) { /* its host is what is looked up */
		url_host(node->agent, host);
		node->address = arena_strdup(r->walk.arena, host);
	} else {
		check_url_host(r, node->agent, node->address, schema_at(node, "agent"));
	}
	check_url_host(r, s->bgp.url, node->address, schema_at(&s->bgp, "url"));
	check_url_host(r, s->dns.url, node->address, schema_at(&s->dns, "url"));
	if (!has_agent && !bgp && !dns && !has_unknown)
		schema_mistake(&r->walk, at,
			"nothing says how to poll the node %.32s; give `bgp`, `dns` or `agent`",
			node->mark.name);
	bool has_commands = (bgp && !bgp->needs_url && !s->bgp.url) || (dns && !dns->needs_url && !s->dns.url);
	if (has_commands && is_remote && !node->address &&
		!schema_given(&conf_node_table, node, "address"))
		schema_mistake(&r->walk, at,
			"the node %.32s lacks `address`: its daemons are asked over SSH",
			node->mark.name);
	check_drain(r, &node->drain, s->bgp.driver);
	if (ssh->via == SSH_VIA_REPLAY && !ssh->replay)
		schema_mistake(&r->walk, schema_at(ssh, "via"),
			"`via: replay` needs `replay`, the folder of recorded "
			"replies");
}

static void
fill_ssh(struct reading *r, struct ssh_conf *out, const struct raw_ssh *in)
{
	out->user = keep(r, in->user);
	out->port = (uint16_t)in->port;
	out->observe_key = keep(r, in->observe_key);
	out->act_key = keep(r, in->act_key);
	out->known_hosts = keep(r, in->known_hosts);
	out->via = (enum ssh_via)in->via;
	out->replay = keep(r, in->replay);
}

static void
fill_daemon(struct reading *r, struct driver_conf *out, const struct raw_daemon *in,
	const char *address)
{
	if (!in->driver || strcmp(in->driver, "none") == 0)
		return;
	out->driver = keep(r, in->driver);
	out->url = expand_url(r, in->url, address ? address : "");
	out->socket = keep(r, in->socket);
}

static struct node *
add_node(struct reading *r, const struct schema_mark *mark, enum node_role role, size_t pop)
{
	struct node *n = &r->fleet->nodes[r->fleet->n_nodes++];
	snprintf(n->name, sizeof n->name, "%.32s", mark->name);
	n->role = role;
	n->pop = pop;
	n->capacity_qps = NAN;
	return n;
}

static struct node_conf *
make_conf(struct reading *r, const char *address, const struct raw_link *link,
	const struct schema_mark *mark)
{
	struct node_conf *c = arena_alloc(r->fleet->arena, sizeof *c);
	c->address = keep(r, address);
	if (address && is_literal(address))
		snprintf(c->resolved, sizeof c->resolved, "%s", address);
	fill_ssh(r, &c->ssh, &link->ssh);
	c->poll_ms = link->poll_ms;
	c->dns_port = 53;
	c->line = mark->at->key->line;
	return c;
}

static void
set_conf(struct node *n, const struct node_conf *c)
{
	n->conf = c;
	n->poll_ms = c->poll_ms;
	/* a node with an agent states all three planes in one report */
	const char *bgp = c->bgp.driver ? c->bgp.driver : c->agent_url ? "agent" : "";
	const char *dns = c->dns.driver             ? c->dns.driver
	                  : c->agent_url            ? "agent"
	                  : n->role == NODE_VANTAGE ? "dig"
	                                            : "";
	snprintf(n->bgp_driver, sizeof n->bgp_driver, "%s", bgp);
	snprintf(n->dns_driver, sizeof n->dns_driver, "%s", dns);
}

static const struct drain_conf *
make_drain(struct reading *r, const struct raw_drain *raw)
{
	struct arena *arena = r->fleet->arena;
	if (!raw->mark.at)
		return NULL;
	struct drain_conf *d = arena_alloc(arena, sizeof *d);
	const char **disable = arena_alloc(arena, (raw->disable.n + 1) * sizeof *disable);
	struct prefix *networks = arena_alloc(arena, (raw->networks.n + 1) * sizeof *networks);
	SCHEMA_EACH (struct schema_text, t, &raw->disable)
		disable[d->n_disable++] = keep(r, t->text);
	SCHEMA_EACH (struct schema_prefix, p, &raw->networks)
		networks[d->n_networks++] = p->prefix;
	d->disable = disable;
	d->networks = networks;
	d->file = keep(r, raw->file);
	d->constant = keep(r, raw->constant);
	d->route_map = keep(r, raw->route_map);
	d->announce = raw->announce;
	d->withdraw = raw->withdraw;
	d->prefer_away = schema_given(&conf_drain_table, raw, "prefer_away") ? raw->prefer_away : -1;
	return d;
}

static void
build_node(struct reading *r, const struct raw_node *raw, size_t pop)
{
	const struct raw_settings *s = &raw->settings;
	struct node *n = add_node(r, &raw->mark, NODE_MEMBER, pop);
	struct node_conf *c = make_conf(r, raw->address, &s->link, &raw->mark);
	fill_daemon(r, &c->bgp, &s->bgp, raw->address);
	fill_daemon(r, &c->dns, &s->dns, raw->address);
	c->agent_url = expand_url(r, raw->agent, raw->address ? raw->address : "");
	c->dns_port = (uint16_t)s->dns.port;
	if (s->dns.address)
		snprintf(c->dns_address, sizeof c->dns_address, "%s", s->dns.address);
	c->act_token = keep(r, s->act_token);
	c->drain = make_drain(r, &raw->drain);
	c->ask_own = schema_given(&conf_settings_table, s, "ask_own")
	                     ? s->ask_own == 1
	                     : c->dns.driver || s->dns.address;
	if (schema_given(&conf_settings_table, s, "capacity_qps"))
		n->capacity_qps = s->capacity_qps;
	set_conf(n, c);
}

/* The vantage that always is: the backend itself, which asks from where it runs, without a driver.
 */
static void
build_local_vantage(struct reading *r)
{
	static const struct schema_mark mark = { .name = "local" };
	struct node *n = add_node(r, &mark, NODE_VANTAGE, FLEET_NO_POP);
	struct node_conf *c = arena_alloc(r->fleet->arena, sizeof *c);
	c->address = keep(r, "127.0.0.1");
	snprintf(c->resolved, sizeof c->resolved, "127.0.0.1");
	c->poll_ms = r->file.defaults.settings.link.poll_ms;
	set_conf(n, c);
	n->dns_driver[0] = '\0';
}

static void
build_outsiders(struct reading *r)
{
	build_local_vantage(r);
	SCHEMA_EACH (struct raw_vantage, v, &r->file.vantages)
		set_conf(add_node(r, &v->mark, NODE_VANTAGE, FLEET_NO_POP),
			make_conf(r, v->address, &v->link, &v->mark));
	SCHEMA_EACH (struct raw_witness, w, &r->file.witnesses) {
		struct node_conf *c = make_conf(r, w->address, &w->link, &w->mark);
		fill_daemon(r, &c->bgp, &w->bgp, w->address);
		set_conf(add_node(r, &w->mark, NODE_WITNESS, FLEET_NO_POP), c);
	}
}

/* --- PoPs --- */

static void
build_pop(struct reading *r, const struct raw_pop *raw)
{
	size_t index = r->fleet->n_pops++;
	struct pop *p = &r->fleet->pops[index];
	const struct geo_place *place = geo_find_place(raw->place ? raw->place : raw->mark.name);
	bool has_at = schema_given(&conf_pop_table, raw, "at");
	snprintf(p->name, sizeof p->name, "%.32s", raw->mark.name);
	snprintf(p->title, sizeof p->title, "%s",
		raw->city ? raw->city
		: place   ? place->city
			  : p->name);
	snprintf(p->region, sizeof p->region, "%s",
		raw->region ? raw->region
		: place     ? place->region
			    : "");
	p->lat = has_at ? raw->at[0] : place ? place->lat : NAN;
	p->lon = has_at ? raw->at[1] : place ? place->lon : NAN;
	if (!has_at && !place)
		schema_note(&r->walk, raw->mark.at->key,
			"no place has the code \"%.32s\", so this PoP is not on the map; "
			"give `at: [latitude, longitude]` or `place: CODE`",
			raw->place ? raw->place : raw->mark.name);
	SCHEMA_EACH (struct raw_node, node, &raw->nodes)
		build_node(r, node, index);
}

static void
check_pop(struct reading *r, struct raw_pop *pop)
{
	if (pop->place && !geo_find_place(pop->place))
		schema_mistake(&r->walk, schema_at(pop, "place"),
			"no place has the IATA code \"%s\"; give `at: [latitude, "
			"longitude]` instead",
			pop->place);
	if (schema_given(&conf_pop_table, pop, "nodes") && pop->nodes.n == 0)
		schema_mistake(&r->walk, pop->mark.at->key,
			"the PoP %.32s has no nodes; one at least is needed", pop->mark.name);
	SCHEMA_EACH (struct raw_node, node, &pop->nodes)
		check_node(r, node);
}

/* --- services --- */

struct claimed {
	const struct schema_prefix *prefix;
	const struct raw_service *service;
};

/* A prefix of two services would be withdrawn for one and counted for the other. */
static void
check_overlap(struct reading *r)
{
	size_t n = 0;
	SCHEMA_EACH (struct raw_service, s, &r->file.services)
		n += s->prefixes.n;
	if (n > CONF_PREFIXES_MAX) {
		schema_mistake(&r->walk, schema_at(&r->file, "services"),
			"%zu prefixes; at most %d are allowed", n, CONF_PREFIXES_MAX);
		return;
	}
	struct claimed *all = arena_alloc(r->walk.arena, (n + 1) * sizeof *all);
	n = 0;
	SCHEMA_EACH (struct raw_service, s, &r->file.services)
		SCHEMA_EACH (struct schema_prefix, p, &s->prefixes) {
			for (size_t i = 0; i < n; i++) {
				const struct prefix *other = &all[i].prefix->prefix;
				bool is_same = prefix_equal(other, &p->prefix);
				bool is_other = all[i].service != s;
				if (!is_same &&
					!(is_other && (prefix_covers(other, &p->prefix) ||
							      prefix_covers(&p->prefix, other))))
					continue;
				char text[PREFIX_TEXT_MAX];
				prefix_format(other, text);
				schema_mistake(&r->walk, p->at,
					"it %s %s of service %.32s in line %d; a prefix belongs to "
					"one service, once",
					is_same ? "is the same as" : "overlaps", text,
					all[i].service->mark.name, all[i].prefix->at->line);
				break;
			}
			all[n++] = (struct claimed){ p, s };
		}
}

static bool
is_covered(const struct raw_service *s, const char *address)
{
	struct prefix host = { .family = strchr(address, ':') ? 6 : 4 };
	host.len = host.family == 6 ? 128 : 32;
	inet_pton(host.family == 6 ? AF_INET6 : AF_INET, address, host.addr);
	SCHEMA_EACH (struct schema_prefix, p, &s->prefixes)
		if (prefix_covers(&p->prefix, &host))
			return true;
	return false;
}

static void
check_service(struct reading *r, const struct raw_service *s)
{
	SCHEMA_EACH (struct schema_text, address, &s->probe.dns)
		if (s->prefixes.n > 0 && !is_covered(s, address->text))
			schema_note(&r->walk, address->at,
				"%s is in none of the prefixes of service %.32s; its answers say "
				"nothing about the announcement",
				address->text, s->mark.name);
	const struct yaml *at = yaml_get(s->policy.mark.at, "min_pops");
	if (at && (size_t)s->policy.min_pops > r->file.pops.n)
		schema_note(&r->walk, at,
			"`min_pops` is %d, but the fleet has %zu PoPs: every drain will be refused",
			(int)s->policy.min_pops, r->file.pops.n);
}

static void
build_policy(struct policy *out, const struct raw_policy *in)
{
	*out = (struct policy){
		.min_pops = (int)in->min_pops,
		.min_pops_per_region = (int)in->min_pops_per_region,
		.max_drained = (int)in->max_drained,
		.spare = (int)in->spare,
		.max_load_pct = (int)in->max_load,
		.quorum_pct = (int)in->quorum,
		.drill_days = in->drill_days > 0 ? (int)in->drill_days : -1,
		.approval = (enum approval)in->approval,
	};
}

static void
build_service(struct reading *r, const struct raw_service *raw)
{
	struct fleet *f = r->fleet;
	struct service *s = &f->services[f->n_services];
	snprintf(s->name, sizeof s->name, "%.32s", raw->mark.name);
	build_policy(&s->policy, &raw->policy);
	s->probes = arena_alloc(f->arena, (raw->probe.dns.n + 1) * sizeof *s->probes);
	SCHEMA_EACH (struct schema_text, address, &raw->probe.dns) {
		struct service_probe *p = &s->probes[s->n_probes++];
		snprintf(p->address, sizeof p->address, "%s", address->text);
		p->port = (uint16_t)raw->probe.port;
		p->name = keep(r, raw->probe.name);
		p->type = conf_type_words[raw->probe.type];
	}
	SCHEMA_EACH (struct schema_prefix, p, &raw->prefixes)
		f->prefixes[f->n_prefixes++] = (struct service_prefix){ p->prefix, f->n_services };
	f->n_services++;
}

/* --- access and secrets --- */

static void
check_access(struct reading *r, const struct raw_access *a, const struct named_list *pops)
{
	const struct yaml *at = a->mark.at;
	if (at->kind != YAML_MAPPING)
		return;
	bool has_uid = schema_given(&conf_access_table, a, "uid");
	if (!a->user == !a->token)
		schema_mistake(
			&r->walk, at, "an access entry names a `user` or a `token`, one of them");
	if (a->user && !has_uid && !a->cert)
		schema_mistake(&r->walk, schema_at(a, "user"),
			"the user \"%s\" lacks `uid` or `cert`, by which the backend knows who "
			"calls",
			a->user);
	if (a->token && !schema_given(&conf_access_table, a, "hash"))
		schema_mistake(&r->walk, schema_at(a, "token"),
			"the token \"%s\" lacks `hash`: sha256: and 64 hexadecimal "
			"digits",
			a->token);
	if (a->token && has_uid)
		schema_mistake(&r->walk, schema_at(a, "uid"), "a token has no `uid`");
	if (a->token && a->cert)
		schema_mistake(&r->walk, schema_at(a, "cert"), "a token has no `cert`");
	if (a->user && a->hash)
		schema_mistake(&r->walk, schema_at(a, "hash"),
			"a user has no `hash`; persons are known by their uid or certificate");
	if (a->token && a->role == CONF_APPROVER)
		schema_mistake(&r->walk, schema_at(a, "role"),
			"a token cannot approve; a second person is what is asked for");
	check_references(r, &a->pops, pops, "PoP");
}

static bool
is_same_text(const char *a, const char *b)
{
	return a && b && strcasecmp(a, b) == 0;
}

/* By one uid, certificate or token the backend must know one name: who approves is told from who asked by it. */
static void
check_identities(struct reading *r)
{
	SCHEMA_EACH (struct raw_access, a, &r->file.access)
		SCHEMA_EACH (struct raw_access, b, &r->file.access) {
			if (b == a)
				break;
			bool has_uid = schema_given(&conf_access_table, a, "uid") &&
				schema_given(&conf_access_table, b, "uid");
			bool other_user = a->user && b->user && strcmp(a->user, b->user) != 0;
			bool other_token = a->token && b->token && strcmp(a->token, b->token) != 0;
			if (other_user && has_uid && a->uid == b->uid)
				schema_mistake(&r->walk, schema_at(a, "uid"),
					"the uid %lld is %s already, in line %d", (long long)a->uid, b->user,
					b->mark.at->line);
			if (other_user && is_same_text(a->cert, b->cert))
				schema_mistake(&r->walk, schema_at(a, "cert"),
					"this certificate is that of %s already, in line %d", b->user,
					b->mark.at->line);
			if (other_token && is_same_text(a->hash, b->hash))
				schema_mistake(&r->walk, schema_at(a, "hash"),
					"this token is %s already, in line %d", b->token, b->mark.at->line);
		}
}

#define TOKENS_A_NAME 3

static bool
is_same_person(const struct raw_access *a, const struct raw_access *b)
{
	return a->person && b->person && strcmp(a->person, b->person) == 0;
}

/* Is this row the first that holds its token? One token may have several rows, a role each. */
static bool
is_first_hash(const struct reading *r, const struct raw_access *a)
{
	SCHEMA_EACH (struct raw_access, b, &r->file.access) {
		if (b == a)
			return true;
		if (is_same_text(a->hash, b->hash))
			return false;
	}
	return true;
}

static void
check_tls(struct reading *r)
{
	const struct raw_tls *tls = &r->file.tls;
	if (tls->client_crl && !tls->client_ca)
		schema_mistake(&r->walk, schema_at(tls, "client_crl"), "tls has `client_crl` without `client_ca`, whose list it would be");
}

/* One name stands for one person, and for so many tokens that one of them can be replaced. */
static void
check_names(struct reading *r)
{
	SCHEMA_EACH (struct raw_access, a, &r->file.access) {
		const char *name = a->user ? a->user : a->token;
		size_t tokens = a->token && a->hash ? 1 : 0;
		bool is_new = true, is_told = false;
		SCHEMA_EACH (struct raw_access, b, &r->file.access) {
			const char *other = b->user ? b->user : b->token;
			if (b == a)
				break;
			if (!name || !other || strcmp(name, other) != 0 || !a->user != !b->user)
				continue;
			is_new &= !is_same_text(a->hash, b->hash);
			tokens += tokens > 0 && b->hash && is_first_hash(r, b);
			if (is_told || (!a->person && !b->person) || is_same_person(a, b))
				continue;
			is_told = true;
			schema_mistake(&r->walk, a->person ? schema_at(a, "person") : schema_at(a, a->user ? "user" : "token"),
				"%s has another `person` in line %d: one name stands for one person", name, b->mark.at->line);
		}
		if (is_new && tokens > TOKENS_A_NAME)
			schema_mistake(&r->walk, schema_at(a, "hash"),
				"the name %s has %d tokens already, which is the limit: take out one that is not used any more", name,
				TOKENS_A_NAME);
	}
}

static const char *const *
keep_names(struct reading *r, const struct schema_list *names)
{
	const char **kept = arena_alloc(r->fleet->arena, (names->n + 1) * sizeof *kept);
	size_t n = 0;
	SCHEMA_EACH (struct schema_text, one, names)
		kept[n++] = keep(r, one->text);
	return kept;
}

/* Hexadecimal digits as everything else here writes them. */
static const char *
keep_lower(struct reading *r, const char *text)
{
	char *kept = text ? arena_strdup(r->fleet->arena, text) : NULL;
	for (char *p = kept; p && *p; p++) {
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p - 'A' + 'a');
	}
	return kept;
}

static void
build_rules(struct reading *r)
{
	struct conf_rules *rules = arena_alloc(r->fleet->arena, sizeof *rules);
	struct conf_access *access =
		arena_alloc(r->fleet->arena, (r->file.access.n + 1) * sizeof *access);
	struct conf_secret *secrets =
		arena_alloc(r->fleet->arena, (r->file.secrets.n + 1) * sizeof *secrets);
	SCHEMA_EACH (struct raw_access, a, &r->file.access)
		access[rules->n_access++] = (struct conf_access){
			.user = keep(r, a->user),
			.uid = schema_given(&conf_access_table, a, "uid") ? a->uid : -1,
			.cert = keep_lower(r, a->cert),
			.token = keep(r, a->token),
			.hash = keep_lower(r, a->hash),
			.person = keep(r, a->person),
			.role = (enum conf_role)a->role,
			.n_pops = a->pops.n,
			.pops = keep_names(r, &a->pops),
			.expires = a->expires,
		};
	SCHEMA_EACH (struct raw_secret, s, &r->file.secrets)
		secrets[rules->n_secrets++] = (struct conf_secret){
			.name = keep(r, s->mark.name),
			.kind = conf_secret_words[s->kind],
			.n_nodes = s->nodes.n,
			.nodes = keep_names(r, &s->nodes),
			.max_age_s = s->max_age_ms > 0 ? s->max_age_ms / 1000 : -1,
		};
	rules->tls = (struct conf_tls){
		.cert = keep(r, r->file.tls.cert),
		.key = keep(r, r->file.tls.key),
		.client_ca = keep(r, r->file.tls.client_ca),
		.client_crl = keep(r, r->file.tls.client_crl),
	};
	rules->access = access;
	rules->secrets = secrets;
	r->fleet->rules = rules;
}

/* --- the whole --- */

static void
inherit_all(struct reading *r)
{
	struct raw_settings *defaults = &r->file.defaults.settings;
	SCHEMA_EACH (struct raw_pop, p, &r->file.pops) {
		schema_inherit(&conf_settings_table, &p->settings, defaults);
		SCHEMA_EACH (struct raw_node, n, &p->nodes)
			schema_inherit(&conf_settings_table, &n->settings, &p->settings);
	}
	SCHEMA_EACH (struct raw_vantage, v, &r->file.vantages)
		schema_inherit(&conf_link_table, &v->link, &defaults->link);
	SCHEMA_EACH (struct raw_witness, w, &r->file.witnesses)
		schema_inherit(&conf_link_table, &w->link, &defaults->link);
}

static void
check_witness(struct reading *r, const struct raw_witness *w)
{
	bool is_replay = w->link.ssh.via == SSH_VIA_REPLAY;
	check_daemon(r, &w->bgp, DRIVER_BGP, !is_replay);
	if (schema_given(&conf_bgp_table, &w->bgp, "driver") && w->bgp.driver &&
		strcmp(w->bgp.driver, "none") == 0)
		schema_mistake(&r->walk, schema_at(&w->bgp, "driver"),
			"a witness is there for its BGP daemon; name it");
	check_url_host(r, w->bgp.url, w->address, schema_at(&w->bgp, "url"));
}

/* Hosts that libssh2 would be used for and that lack something it needs: told once, at the first of
 * them. */
struct lack {
	size_t n;
	const struct yaml *first;
};

static void
count_lack(struct lack *lack, const char *value, const struct yaml *at)
{
	if (value)
		return;
	if (lack->n++ == 0)
		lack->first = at;
}

static void
count_lacks(
	const struct raw_link *link, const struct yaml *at, struct lack *pins, struct lack *keys)
{
	if (link->ssh.via != SSH_VIA_AUTO && link->ssh.via != SSH_VIA_LIBSSH2)
		return;
	count_lack(pins, link->ssh.known_hosts, at);
	count_lack(keys, link->ssh.observe_key, at);
}

static bool
runs_commands(const struct reading *r, const struct raw_daemon *d)
{
	const struct conf_driver *driver = d->driver ? find_driver(r->names, d->driver) : NULL;
	return driver && !driver->needs_url && !d->url;
}

static void
note_ssh(struct reading *r)
{
	struct lack pins = { .n = 0 }, keys = { .n = 0 };
	SCHEMA_EACH (struct raw_pop, p, &r->file.pops)
		SCHEMA_EACH (struct raw_node, n, &p->nodes)
			if (runs_commands(r, &n->settings.bgp) ||
				runs_commands(r, &n->settings.dns))
				count_lacks(&n->settings.link, n->mark.at->key, &pins, &keys);
	SCHEMA_EACH (struct raw_vantage, v, &r->file.vantages)
		count_lacks(&v->link, v->mark.at->key, &pins, &keys);
	SCHEMA_EACH (struct raw_witness, w, &r->file.witnesses)
		if (runs_commands(r, &w->bgp))
			count_lacks(&w->link, w->mark.at->key, &pins, &keys);
	if (pins.n > 0)
		schema_note(&r->walk, pins.first,
			"%zu of the hosts asked over SSH have no `known_hosts`, so their host keys "
			"cannot be checked and they stay unreachable; give it under `defaults: "
		        "{ssh: ...}`",
			pins.n);
	if (keys.n > 0)
		schema_note(&r->walk, keys.first,
			"%zu of the hosts asked over SSH have no `observe_key` to log in with and "
		        "stay "
			"unreachable; give it under `defaults: {ssh: ...}`",
			keys.n);
}

/* Two nodes at one endpoint are most often a line that was copied and not edited. */
static void
note_same_endpoints(struct reading *r)
{
	struct named_list list = {
		arena_alloc(r->walk.arena, (count_nodes(&r->file) + 1) * sizeof *list.items), 0
	};
	SCHEMA_EACH (struct raw_pop, p, &r->file.pops)
		SCHEMA_EACH (struct raw_node, n, &p->nodes) {
			const struct raw_ssh *ssh = &n->settings.link.ssh;
			bool is_remote = ssh->via != SSH_VIA_LOCAL && ssh->via != SSH_VIA_REPLAY;
			const char *key = n->agent ? n->agent
			                  : n->address && is_remote
			                          ? arena_printf(r->walk.arena, "%s port %d",
							    n->address, (int)ssh->port)
			                          : NULL;
			if (key)
				list.items[list.n++] =
					(struct named){ key, n->mark.name, n->mark.at->key, NULL };
		}
	qsort(list.items, list.n, sizeof *list.items, compare_named);
	for (size_t i = 1; i < list.n; i++)
		if (strcmp(list.items[i].name, list.items[i - 1].name) == 0)
			schema_note(&r->walk, list.items[i].at, "%s and %s are the same host: %s",
				list.items[i - 1].what, list.items[i].what, list.items[i].name);
}

static void
check_all(struct reading *r)
{
	struct named_list pops = list_pops(r), nodes = list_nodes(r);
	if (nodes.n > CONF_NODES_MAX)
		schema_mistake(&r->walk, schema_at(&r->file, "pops"),
			"%zu nodes; at most %d are allowed", nodes.n, CONF_NODES_MAX);
	check_node_names(r, &nodes);
	if (schema_given(&conf_file_table, &r->file, "pops") && r->file.pops.n == 0)
		schema_mistake(&r->walk, schema_at(&r->file, "pops"),
			"the fleet has no PoPs; one at least is needed");
	if (schema_given(&conf_file_table, &r->file, "services") && r->file.services.n == 0)
		schema_mistake(&r->walk, schema_at(&r->file, "services"),
			"the fleet has no services; one at least is needed");
	SCHEMA_EACH (struct raw_pop, p, &r->file.pops)
		check_pop(r, p);
	SCHEMA_EACH (struct raw_witness, w, &r->file.witnesses)
		check_witness(r, w);
	check_overlap(r);
	SCHEMA_EACH (struct raw_service, s, &r->file.services)
		check_service(r, s);
	SCHEMA_EACH (struct raw_secret, s, &r->file.secrets)
		check_references(r, &s->nodes, &nodes, "node");
	SCHEMA_EACH (struct raw_access, a, &r->file.access)
		check_access(r, a, &pops);
	check_identities(r);
	check_names(r);
	check_tls(r);
	if (r->walk.report->n_mistakes > 0)
		return; /* first things first */
	note_ssh(r);
	note_same_endpoints(r);
}

static void
build_all(struct reading *r)
{
	struct fleet *f = r->fleet;
	size_t n_prefixes = 0,
	       n_nodes = 1 + count_nodes(&r->file) + r->file.vantages.n + r->file.witnesses.n;
	SCHEMA_EACH (struct raw_service, s, &r->file.services)
		n_prefixes += s->prefixes.n;
	snprintf(f->name, sizeof f->name, "%s", r->file.fleet);
	snprintf(f->environment, sizeof f->environment, "%s",
		r->file.environment ? r->file.environment : "");
	f->limits = (struct limits){
		.drain_gap_s = r->file.limits.drain_gap_ms / 1000,
		.drains_per_hour = r->file.limits.drains_per_hour,
		.act_idle_s = r->file.limits.act_idle_ms / 1000,
		.act_life_s = r->file.limits.act_life_ms / 1000,
		.no_scripts = !r->file.limits.scripts,
	};
	f->services = arena_alloc(f->arena, (r->file.services.n + 1) * sizeof *f->services);
	f->prefixes = arena_alloc(f->arena, (n_prefixes + 1) * sizeof *f->prefixes);
	f->pops = arena_alloc(f->arena, (r->file.pops.n + 1) * sizeof *f->pops);
	f->nodes = arena_alloc(f->arena, (n_nodes + 1) * sizeof *f->nodes);
	SCHEMA_EACH (struct raw_service, s, &r->file.services)
		build_service(r, s);
	SCHEMA_EACH (struct raw_pop, p, &r->file.pops)
		build_pop(r, p);
	build_outsiders(r);
	build_rules(r);
	fleet_link(f);
}

static void
tell_fault(void *arg, int line, int column, const char *text)
{
	conf_report_add(arg, FINDING_MISTAKE, line, column, "%s", text);
}

struct fleet *
conf_read(struct slice text, const char *path, const char *folder, const struct conf_names *names,
	struct conf_report *mistakes, struct err *err)
{
	struct conf_report own = CONF_REPORT_INIT, *report = mistakes ? mistakes : &own;
	struct reading r = {
		.walk = { .arena = arena_new(), .report = report, .folder = folder },
		.names = names,
		.fleet = fleet_new(),
	};
	conf_report_begin(report, path, text);
	const struct yaml *root = yaml_parse(text, r.walk.arena, tell_fault, report);
	if (root && (root->kind != YAML_SCALAR || root->len > 0)) {
		schema_read(&r.walk, &conf_file_table, root, &r.file);
		inherit_all(&r);
		schema_fill(&r.walk, &conf_file_table, &r.file);
		if (root->kind == YAML_MAPPING)
			check_all(&r);
	} else if (report->n_mistakes == 0) {
		schema_mistake(&r.walk, (const struct yaml *)NULL,
			"the file is empty; a fleet needs `fleet`, `services` "
			"and `pops`");
	}
	if (report->n_mistakes == 0) {
		build_all(&r);
	} else {
		err_set(err, ERR_USAGE, "%s has %zu mistake%s", path, report->n_mistakes,
			report->n_mistakes == 1 ? "" : "s");
		fleet_free(r.fleet);
		r.fleet = NULL;
	}
	conf_report_end(report);
	arena_free(r.walk.arena);
	conf_report_done(&own);
	return r.fleet;
}

/* --- the file --- */

static int
check_stat(const struct stat *st, const char *path, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_USAGE, "%s is not a regular file", path);
	if (st->st_mode & S_IWOTH)
		return err_set(err, ERR_USAGE,
			"%s may be written by everybody (mode %04o); take that away: chmod o-w %s",
			path, (unsigned)(st->st_mode & 07777), path);
	if (st->st_size > (off_t)CONF_FILE_MAX)
		return err_set(err, ERR_USAGE, "%s has %lld bytes; at most %u are read", path,
			(long long)st->st_size, CONF_FILE_MAX);
	return 0;
}

static int
open_file(const char *path, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 && errno == ELOOP)
		return err_set(err, ERR_USAGE, "%s is a symbolic link; name the file itself", path);
	if (fd == -1)
		return err_set(err, ERR_USAGE, "%s cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) == -1)
		err_set(err, ERR_USAGE, "%s cannot be examined: %s", path, strerror(errno));
	else if (check_stat(&st, path, err) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
read_file(const char *path, struct buf *out, struct err *err)
{
	int fd = open_file(path, err), rc = -1;
	char block[65536];
	ssize_t n;
	if (fd == -1)
		return -1;
	while ((n = read(fd, block, sizeof block)) > 0)
		if (buf_add(out, block, (size_t)n) == -1) {
			err_set(err, ERR_USAGE, "%s grew beyond %u bytes while it was read", path,
				CONF_FILE_MAX);
			goto out;
		}
	if (n == -1) {
		err_set(err, ERR_USAGE, "%s cannot be read: %s", path, strerror(errno));
		goto out;
	}
	rc = 0;
out:
	close(fd);
	return rc;
}

/* The absolute folder of a path, for the paths inside the file. */
static int
folder_of(const char *path, char out[PATH_MAX], struct err *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash == path ? 1 : slash ? (size_t)(slash - path) : 1;
	slice_copy((struct slice){ slash ? path : ".", len }, folder, sizeof folder);
	if (!realpath(folder, out))
		return err_set(err, ERR_USAGE, "the folder of %s cannot be found: %s", path,
			strerror(errno));
	return 0;
}

struct fleet *
conf_load(const char *path, const struct conf_names *names, struct conf_report *mistakes,
	struct err *err)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX);
	char folder[PATH_MAX];
	struct fleet *f = NULL;
	if (mistakes)
		conf_report_begin(mistakes, path, (struct slice){ "", 0 });
	if (read_file(path, &text, err) == -1 || folder_of(path, folder, err) == -1)
		goto out;
	f = conf_read(buf_slice(&text), path, folder, names, mistakes, err);
out:
	buf_done(&text);
	return f;
}

const char *
conf_role_name(enum conf_role role)
{
	static const char *const names[] = { "observer", "operator", "approver", "admin" };
	return names[role];
}

/* --- the guard of a reload --- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* How many names of `old` are missing in `new`. Both are sorted here. */
static size_t
count_lost(const char **old, size_t n_old, const char **new, size_t n_new)
{
	size_t lost = 0, j = 0;
	qsort(old, n_old, sizeof *old, compare_names);
	qsort(new, n_new, sizeof *new, compare_names);
	for (size_t i = 0; i < n_old; i++) {
		while (j < n_new && strcmp(new[j], old[i]) < 0)
			j++;
		lost += j == n_new || strcmp(new[j], old[i]) != 0;
	}
	return lost;
}

static const char **
names_of_nodes(const struct fleet *f, size_t *n)
{
	const char **names = xmalloc((f->n_nodes + 1) * sizeof *names);
	*n = 0;
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].role == NODE_MEMBER)
			names[(*n)++] = f->nodes[i].name;
	return names;
}

static const char **
names_of_pops(const struct fleet *f, size_t *n)
{
	const char **names = xmalloc((f->n_pops + 1) * sizeof *names);
	for (*n = 0; *n < f->n_pops; (*n)++)
		names[*n] = f->pops[*n].name;
	return names;
}

static int
guard_names(const char **old, size_t n_old, const char **new, size_t n_new, const char *what,
	struct err *err)
{
	size_t lost = count_lost(old, n_old, new, n_new);
	free(old);
	free(new);
	if (n_new == 0)
		return err_set(
			err, ERR_REFUSED, "the new file has no %s; the running one is kept", what);
	if (lost * 2 >= n_old && lost > 0)
		return err_set(err, ERR_REFUSED,
			"the new file lacks %zu of the %zu %s; a reload may lose fewer than half: "
			"the running one is kept; restart catchmentd if it is meant",
			lost, n_old, what);
	return 0;
}

static int
guard_prefixes(const struct fleet *old, const struct fleet *new, struct err *err)
{
	size_t lost = 0;
	for (size_t i = 0; i < old->n_prefixes; i++) {
		size_t j = 0;
		while (j < new->n_prefixes &&
			!prefix_equal(&old->prefixes[i].prefix, &new->prefixes[j].prefix))
			j++;
		lost += j == new->n_prefixes;
	}
	if (new->n_prefixes == 0)
		return err_set(
			err, ERR_REFUSED, "the new file has no prefixes; the running one is kept");
	if (lost * 2 >= old->n_prefixes && lost > 0)
		return err_set(err, ERR_REFUSED,
			"the new file lacks %zu of the %zu prefixes; a reload may lose fewer than "
			"half: the running one is kept; restart catchmentd if it is meant",
			lost, old->n_prefixes);
	return 0;
}

int
conf_guard(const struct fleet *old, const struct fleet *new, struct err *err)
{
	size_t n_old, n_new;
	const char **a = names_of_nodes(old, &n_old), **b = names_of_nodes(new, &n_new);
	if (guard_names(a, n_old, b, n_new, "nodes", err) == -1)
		return -1;
	a = names_of_pops(old, &n_old);
	b = names_of_pops(new, &n_new);
	if (guard_names(a, n_old, b, n_new, "PoPs", err) == -1)
		return -1;
	return guard_prefixes(old, new, err);
}
