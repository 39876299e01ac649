/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include "core/fleet.h"
#include "core/json.h"

/*
 * What the two halves say to each other over the HTTP API, version 1 (PRODUCT.md sections 6 and 7). One encoder serves
 * the API, the stream and `-o json`; keys written in PRODUCT.md come first and never change, further keys may be added.
 * Ages are seconds at the moment of encoding; the reader turns them back into instants with its own clock.
 */

#define WIRE_VERSION 1

/* One thing that happened; shown in the timeline. */
struct event {
	uint64_t id;      /* rises by one */
	struct wall at;
	char kind[24];    /* "verdict", "session", "wire", "restart", "config", "probe", "backend" */
	enum verdict severity;
	char pop[FLEET_NAME_MAX];  /* "" = fleet-wide */
	char node[FLEET_NAME_MAX]; /* "" */
	char text[240];   /* one sentence, sanitised */
};

/* Objects and arrays of `get pops|nodes|sessions|prefixes|services` and describe. `now` is the encoder's clock. */
void wire_write_pop(struct json_writer *w, const struct fleet *f, const struct pop *p, struct mono now);
void wire_write_node(struct json_writer *w, const struct fleet *f, const struct node *n, struct mono now);
/* Without the facts that describe needs, as in wire_write_nodes. */
void wire_write_node_brief(struct json_writer *w, const struct fleet *f, const struct node *n, struct mono now);
void wire_write_node_sessions(struct json_writer *w, const struct fleet *f, const struct node *n, struct mono now);
void wire_write_prefix(struct json_writer *w, const struct fleet *f, size_t prefix, struct mono now);
void wire_write_service(struct json_writer *w, const struct fleet *f, const struct service *s, struct mono now);
void wire_write_event(struct json_writer *w, const struct event *e);
/* A hold, as in a PoP's `holds` and `get holds`; and back: bounded, sanitised. */
void wire_write_hold(struct json_writer *w, const struct hold *h);
int wire_read_hold(const struct json *object, struct hold *h, struct err *err);
void wire_write_pops(struct json_writer *w, const struct fleet *f, struct mono now);
void wire_write_nodes(struct json_writer *w, const struct fleet *f, struct mono now);
void wire_write_sessions(struct json_writer *w, const struct fleet *f, struct mono now);
void wire_write_prefixes(struct json_writer *w, const struct fleet *f, struct mono now);
void wire_write_services(struct json_writer *w, const struct fleet *f, struct mono now);

/* The whole snapshot: {version, fleet, environment, revision, services[], prefixes[], pops[], nodes[]}. */
void wire_write_fleet(struct json_writer *w, const struct fleet *f, struct mono now);
/* One change, the unit of the stream: {revision, node{}, pop{}|null}. */
void wire_write_change(struct json_writer *w, const struct fleet *f, size_t node, struct mono now);
/* What was polled with nothing new to say: {revision, seen: {"fra1": age_s, …}}. */
void wire_write_seen(struct json_writer *w, const struct fleet *f, const size_t *nodes, size_t n, struct mono now);

/* Builds a fleet from a snapshot; `now` is the reader's clock. NULL with the reason when it is malformed or of another
 * version. The caller frees it. */
struct fleet *wire_read_fleet(const struct json *snapshot, struct mono now, struct err *err);
/* Applies a change or a seen message to a fleet: replaces the node's and its PoP's facts whole. 0; -1 when the message
 * is malformed or names what the fleet does not have (then fetch a new snapshot). *node is the index touched, or
 * SIZE_MAX for a seen message. */
int wire_apply(struct fleet *f, const struct json *message, struct mono now, size_t *node, struct err *err);
int wire_read_event(const struct json *object, struct event *e, struct err *err);

#endif
