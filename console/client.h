/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_CLIENT_H
#define CONSOLE_CLIENT_H

#include "console/ui.h"
#include "core/http.h"
#include "core/loop.h"

/*
 * The console's copy of the fleet: fetched whole, then kept up to date by the stream. It reconnects
 * for ever, and knows within three seconds when the backend no longer answers.
 */
struct client;
struct place;

struct client_conf {
	const struct place *place; /* where the backend is */
	bool wants_to_act;         /* not read-only: a sitting is begun, whose rights lapse */
	/* Something that is shown changed: facts, events, the link. */
	void (*changed)(void *arg);
	/* What came of a request the operator made: one sentence. */
	void (*told)(void *arg, const char *sentence);
	void (*answered)(void *arg, unsigned number, int status, struct slice body, const char *why); /* see client_send */
	void *arg;
};

struct client *client_new(struct loop *l, const struct client_conf *conf, struct err *err);
void client_free(struct client *c);

/* Fills what the client knows into ui: fleet, sparks, events, link. Valid until the next turn of
 * the loop. */
void client_fill(const struct client *c, struct ui *ui);
/* Asks the backend for a change, or looks at a plan; the body is copied. What comes back is given to conf.answered with
 * the same number: an HTTP status and body, or status 0 and why nothing came. One at a time: a newer one takes the place
 * of an older one, whose answer is then nobody's. */
void client_send(struct client *c, unsigned number, const char *method, const char *path, struct slice body);
/* Somebody pressed a key: the rights to act go on. */
void client_key(struct client *c);
/* Asks the backend to poll everything now. */
void client_refresh(struct client *c);
/* Fetches the snapshot again. */
void client_refetch(struct client *c);

#endif
