/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ACTING_H
#define BACKEND_ACTING_H

#include "backend/engine.h"
#include "backend/outside.h"
#include "backend/state.h"
#include "backend/store.h"
#include "core/loop.h"

/*
 * The acting half as main opens it: ledger on disk, actors as child processes, engine, and the shell that gives the engine
 * its clock, its fleet and its turns. A ledger that is damaged or cannot be written leaves viewing whole and refuses acts.
 */
struct acting;

struct acting_conf {
	struct loop *loop;
	struct state *state;
	struct store *store;     /* for the rates of last week; or NULL */
	struct poller *poller;
	struct outside *outside;
	const char *config;      /* path of the fleet file */
	const char *state_dir;
	void (*told)(void *arg, const char *op); /* an operation changed */
	void *arg;
};
/* NULL with the reason when not even a read-only ledger can be had; the backend then only shows. */
struct acting *acting_new(const struct acting_conf *conf, struct err *err);
void acting_free(struct acting *a);
/* After the fleet file was replaced. */
void acting_reload(struct acting *a);
/* Lines for /metrics. */
void acting_metrics(const struct acting *a, struct buf *out);
struct engine *acting_engine(const struct acting *a);
struct ledger *acting_ledger(const struct acting *a);

#endif
