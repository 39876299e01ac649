/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw JSON (y): exactly what the API says of the thing under the cursor, encoded by the same
 * code (core/wire.c).
 */
#include "console/pager.h"
#include "core/text.h"

#define JSON_TEXT_MAX (4u << 20)

/* The encoded object, or nothing when the fleet no longer has it. */
static void
encode(const struct ui *ui, const struct view_target *about, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);
	size_t i;
	w.pretty = true;
	if (about->kind == TARGET_POP && (i = fleet_find_pop(ui->fleet, about->name)) != SIZE_MAX)
		wire_write_pop(&w, ui->fleet, &ui->fleet->pops[i], ui->now);
	else if ((i = view_find_prefix(ui->fleet, about)) != SIZE_MAX)
		wire_write_prefix(&w, ui->fleet, i, ui->now);
	else if (about->kind == TARGET_SERVICE && (i = fleet_find_service(ui->fleet, about->name)) != SIZE_MAX)
		wire_write_service(&w, ui->fleet, &ui->fleet->services[i], ui->now);
	else if ((about->kind == TARGET_NODE || about->kind == TARGET_SESSION) &&
		 (i = fleet_find_node(ui->fleet, about->name)) != SIZE_MAX)
		wire_write_node(&w, ui->fleet, &ui->fleet->nodes[i], ui->now);
	else if (about->kind == TARGET_OP && ui_find_op(ui, about->name))
		operation_write_json(ui_find_op(ui, about->name), false, &w);
	else if (about->kind == TARGET_HOLD && ui_find_hold(ui, about->name))
		wire_write_hold(&w, ui_find_hold(ui, about->name));
}

static void
write(struct pager *p, const struct ui *ui, const struct view_target *about, int cols)
{
	struct buf text = BUF_INIT(JSON_TEXT_MAX);
	struct buf clean = BUF_INIT(8192);
	struct slice rest, line;
	(void)cols;
	encode(ui, about, &text);
	rest = buf_slice(&text);
	if (rest.len == 0)
		pager_text(p, ROLE_MUTED, "There is no such thing in the fleet now.");
	while (slice_next_line(&rest, &line)) {
		buf_clear(&clean);
		text_sanitise(line, &clean);
		pager_text(p, ROLE_TEXT, buf_text(&clean));
		pager_newline(p);
	}
	buf_done(&clean);
	buf_done(&text);
}

const struct view_ops view_raw = {
	.name = "raw",
	.title = "JSON, as the API gives it",
	.kind = VIEW_TEXT,
	.write = write,
};
