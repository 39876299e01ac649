/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_NOTARY_H
#define BACKEND_NOTARY_H

#include "backend/ledger.h"
#include "core/loop.h"

/*
 * Tells the system's log how far the ledger has come, so that a ledger that was cut or written anew is found out
 * (`catchment audit verify --heads`).
 */
struct notary;

#define NOTARY_PATH "/dev/log"
/* Borrows the ledger. `path`: a datagram socket that takes syslog messages; NULL: NOTARY_PATH. */
struct notary *notary_new(struct loop *l, const struct ledger *ledger, const char *path);
/* Tells the last head. NULL is allowed. */
void notary_free(struct notary *w);
/* What the timer does every few seconds: tells the head when it has moved and it is time. */
void notary_look(struct notary *w, struct mono now);

struct notary_figures {
	uint64_t told, lost; /* lost: nobody took it; it is tried again */
};
struct notary_figures notary_figures(const struct notary *w);

#endif
