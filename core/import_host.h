/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_IMPORT_HOST_H
#define CORE_IMPORT_HOST_H

#include <uthash.h>

#include "core/import.h"

/* What the readers of inventories fill in and the writer prints. Private to import.c and
 * import_read.c. */
struct import_host {
	const char *origin;  /* its name in the inventory */
	const char *address; /* NULL: the origin */
	const char *user, *key;
	int port;              /* 0: not said */
	const char *site;      /* where it stands, in the inventory's words, or NULL */
	const char *region;    /* or NULL */
	const char *group;     /* a group whose name has a place in it; second to site */
	const char *bgp, *dns; /* drivers that its labels name, or NULL */
	bool needs_openssh;    /* reached by means that only the system's ssh knows */
	char name[FLEET_NAME_MAX];
	size_t pop; /* index of its PoP, set by the writer */
	UT_hash_handle by_origin;
};

struct import {
	struct arena *arena;
	const struct conf_names *names;
	struct import_host *table; /* by origin, in the order of the inventory */
	size_t n;
	struct buf remarks; /* comment lines: what was left out, what was not understood */
	size_t n_remarks;
};

/* The host of that name, made if new; NULL when there are too many or the name is empty. */
struct import_host *import_add_host(struct import *in, struct slice origin);
/* Takes a label, variable or column of a host for what its name says; unknown ones are passed over.
 */
void import_label(struct import *in, struct import_host *h, const char *key, struct slice value);
/* Takes the name of a group or role: it may name a place or a daemon. */
void import_group(struct import *in, struct import_host *h, struct slice group);
/* Adds a comment; remote text in it is sanitised. At most 100 are kept. */
void import_remark(struct import *in, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The IATA code in a text ("fra1-rack2", "POP_FRA"), lower case; false if there is none. */
bool import_find_code(struct slice text, char code[4]);

typedef int import_read_fn(struct import *in, struct slice text, struct err *err);
int import_read_ansible(struct import *in, struct slice text, struct err *err);
int import_read_ssh_config(struct import *in, struct slice text, struct err *err);
int import_read_prometheus(struct import *in, struct slice text, struct err *err);
int import_read_netbox(struct import *in, struct slice text, struct err *err);
int import_read_hosts(struct import *in, struct slice text, struct err *err);

#endif
