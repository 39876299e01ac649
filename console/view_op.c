/* SPDX-License-Identifier: Apache-2.0
 *
 * One operation, followed live: its state, evidence, shift times and steps change as the stream tells them. Opened by Enter
 * in the view of operations, and by itself after a confirmation. About a PoP it shows that PoP's newest operation.
 */
#include <string.h>

#include "console/op_page.h"

static bool
has_pop(const struct operation *op, const char *pop)
{
	for (size_t i = 0; i < op->n_targets; i++)
		if (strcmp(op->targets[i].pop, pop) == 0)
			return true;
	return false;
}

static const struct operation *
find(const struct ui *ui, const struct view_target *about)
{
	const struct hold *hold = about->kind == TARGET_HOLD ? ui_find_hold(ui, about->name) : NULL;
	if (about->kind == TARGET_OP || hold)
		return ui_find_op(ui, hold ? hold->op : about->name);
	for (size_t i = ui->n_ops; about->kind == TARGET_POP && i-- > 0;)
		if (ui->ops[i].state != OP_CHECKED && has_pop(&ui->ops[i], about->name))
			return &ui->ops[i];
	return NULL;
}

static void
write(struct pager *p, const struct ui *ui, const struct view_target *about, int cols)
{
	const struct operation *op = find(ui, about);
	(void)cols;
	if (op)
		op_page_write(p, op, OP_PAGE_DASHBOARD, ui->wall);
	else
		pager_text(p, ROLE_MUTED,
			about->kind == TARGET_OP ? "The backend does not know this operation (any more)." : "No operation is known here.");
}

const struct view_ops view_op = {
	.name = "op",
	.title = "one operation, step by step",
	.kind = VIEW_TEXT,
	.write = write,
};
