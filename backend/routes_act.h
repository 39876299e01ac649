/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_ROUTES_ACT_H
#define BACKEND_ROUTES_ACT_H

#include "backend/routes.h"

/* Handlers of the routes that plan, act and tell of it (routes.c has the table). */
/* A request that was refused, for the ledger; as many as refusals.h allows. */
void act_note_refusal(const struct api_call *call, const char *what, const struct err *why);

/* May the sitting that the request names act? 0 when it names none. */
int act_check_sitting(const struct api_call *call, struct err *err);

api_handler act_post_sitting, act_post_here;
api_handler act_post_plan, act_get_plan, act_confirm;
api_handler act_get_ops, act_get_op, act_approve, act_cancel, act_accept, act_extend;
api_handler act_get_holds, act_get_hold, act_get_audit, act_get_whoami, act_get_access;

#endif
