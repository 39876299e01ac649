/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_OP_PAGE_H
#define CONSOLE_OP_PAGE_H

#include "console/pager.h"
#include "core/operation.h"

/*
 * An operation as a page (the view `op`, `catchment op show`) and as lines that follow it (--wait). Texts in it were
 * cleaned by offer_read_operation.
 */
enum op_page_for { OP_PAGE_DASHBOARD, OP_PAGE_SHELL }; /* whose keys or commands it names */
void op_page_write(struct pager *p, const struct operation *op, enum op_page_for whom, struct wall now);

/* A state as one word for people and its role: a drain that is done is "drained", never just done. */
const char *op_page_state(const struct operation *op);
enum role op_page_role(const struct operation *op);
/* What a person must look at first: 0 stuck, then unknown, unconfirmed, waiting, under way, planned; 6 over. */
#define OP_PAGE_OVER 6
int op_page_urgency(const struct operation *op);
/* "fra", "fra ams", "fra ams +3" */
void op_page_targets(const struct operation *op, char *out, size_t size);

/* "Undo the drain of fra?", and what stays as it is of the other PoPs; `about` stands in brackets after the PoP, or "". */
void op_page_undo_question(const struct operation *op, const char *about, char *out, size_t size);

/* One line a change from `was` (NULL: nothing known yet) to `is`: states, steps, evidence. */
void op_page_write_changes(const struct operation *was, const struct operation *is, struct wall now, struct buf *out);
/* What came of it, in full sentences with the shift times; for the end of --wait. */
void op_page_write_end(const struct operation *op, struct buf *out);
/* What a person may do now: "A takes it as drained, X undoes it"; empty when there is nothing. */
void op_page_write_choices(const struct operation *op, enum op_page_for whom, struct buf *out);

#endif
