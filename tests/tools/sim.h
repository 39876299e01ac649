/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOOLS_SIM_H
#define TESTS_TOOLS_SIM_H

#include "core/buf.h"
#include "core/clock.h"

/*
 * A simulated anycast fleet: PoPs at real places whose clients wake and sleep with the sun, in a day that lasts minutes.
 * Clients go to the nearest PoP that announces, so traffic moves when one withdraws. Pure: it is told the time, does no
 * I/O, and what it says of a node is the page of docs/agent.md.
 */
struct sim;

struct sim_options {
	size_t pops, nodes_per_pop;
	double day_s;   /* length of a day */
	uint32_t seed;
};
#define SIM_OPTIONS_DEFAULT { .pops = 16, .nodes_per_pop = 1, .day_s = 300, .seed = 1 }
#define SIM_POPS_MAX  4000
#define SIM_NODES_MAX 20000

/* How a node treats those who ask for its page. */
enum sim_manner {
	SIM_ANSWERS,
	SIM_FREEZES, /* takes the connection and the request, never answers */
	SIM_DRIPS,   /* answers one byte at a time */
	SIM_REFUSES, /* nothing listens */
	SIM_BABBLES, /* answers with what is no JSON */
};

struct sim *sim_new(const struct sim_options *o, struct mono now);
void sim_free(struct sim *s);
size_t sim_count(const struct sim *s);
const char *sim_node_name(const struct sim *s, size_t node);
size_t sim_find_node(const struct sim *s, struct slice name); /* SIZE_MAX: none */
enum sim_manner sim_node_manner(const struct sim *s, size_t node);
/* Lets time go on; call about once a second. */
void sim_tick(struct sim *s, struct mono now);
/* Appends the node's page. */
void sim_write_page(const struct sim *s, size_t node, struct mono now, struct wall wall, struct buf *out);

/* Takes an order (the body of POST /v1/act) and appends the answer. -1 when it is none, with a sentence. *is_lost: the
 * incident that the answer never arrives. */
int sim_take_order(struct sim *s, size_t node, struct slice body, struct mono now, struct buf *answer, bool *is_lost,
	struct err *err);

/* Performs one command line ("session-down fra1 transit1_v4"); appends to `reply` what there is to say. -1 with why not.
 * sim_help lists the commands. */
int sim_command(struct sim *s, const char *line, struct mono now, struct buf *reply, struct err *err);
const char *sim_help(void);

/* Appends a fleet.yaml of all nodes; `url` writes the URL of a node, act_token names the token file or is NULL. */
void sim_write_fleet(const struct sim *s, void (*url)(void *arg, size_t node, struct buf *out), void *arg, int64_t poll_ms,
	const char *act_token, struct buf *out);

#endif
