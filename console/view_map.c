/* SPDX-License-Identifier: Apache-2.0
 *
 * The map (key 1): the world in dim dots, a mark for each PoP as large as its share of the queries,
 * a letter beside it when its verdict is anything but ok, names where they do not collide
 * (console/map_layout.c decides). Beside it the PoPs, worst first, with their rate over the last
 * minutes (console/worst_first.c keeps its rows still); below it why the one under the cursor is
 * what it is.
 *
 * Colour only repeats what letters and glyphs say. A stale PoP is hollow and dim and has its age
 * beside its name: its last verdict is not shown as if it were today's. The land is drawn again
 * only when the view on it changes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/chart.h"
#include "console/map_layout.h"
#include "console/raster.h"
#include "console/view.h"
#include "console/shift.h"
#include "console/worst_first.h"
#include "core/text.h"

#define ZOOM_STEP   1.5
#define MARK_WIDTH  2 /* letter, glyph */
#define SIDE_NARROW 25
#define SIDE_WIDE   38
#define COLS_WIDE   120
#define COLS_SIDE   56 /* below: no side list */
#define FOOT_ROWS   2
#define REGIONS_MAX 64
#define NAME_MAX_W  14
#define UNSEEN_MS   2500 /* not drawn for so long: nobody knows by heart where its rows are */

struct map {
	struct geo_view view;
	bool has_view;
	struct raster land;
	bool has_land;
	struct map_layout layout;
	struct map_pop *pops; /* as the layout was made from */
	size_t n_pops, cap_pops;
	struct worst_first list; /* PoPs beside it */
	struct mono updated;
	char (*labels)[48];
	size_t cap_labels;
	size_t cursor, top;
	char cursor_id[FLEET_NAME_MAX];
	bool faults_only;
	size_t n_order;
	char region[FLEET_NAME_MAX]; /* fitted; "" = world or by hand */
	int cols, rows;              /* of the whole view */
	int map_cols, map_rows, side_cols;
};

static void *
open(const struct ui *ui, const struct view_target *about)
{
	struct map *m = xcalloc(1, sizeof *m);
	(void)ui;
	if (about->kind == TARGET_POP)
		snprintf(m->cursor_id, sizeof m->cursor_id, "%.32s", about->name);
	return m;
}

static void
close(void *view)
{
	struct map *m = view;
	if (m->has_land)
		raster_done(&m->land);
	map_layout_done(&m->layout);
	worst_first_done(&m->list);
	free(m->pops);
	free(m->labels);
	free(m);
}

/* True if it is another size than before. */
static bool
set_sizes(struct map *m, int cols, int rows)
{
	bool is_resized = cols != m->cols || rows != m->rows;
	m->cols = cols;
	m->rows = rows;
	m->side_cols = cols < COLS_SIDE ? 0 : cols < COLS_WIDE ? SIDE_NARROW : SIDE_WIDE;
	m->map_cols = cols - m->side_cols;
	m->map_rows = rows > FOOT_ROWS + 4 ? rows - FOOT_ROWS : rows;
	return is_resized;
}

static struct geo_view
make_view(const struct map *m, const struct geo_view *old)
{
	int width = 2 * m->map_cols, height = 4 * m->map_rows;
	if (!m->has_view)
		return geo_view_make((struct geo_point){ 0, GEO_LON_HOME }, 1, width, height);
	return geo_view_make((struct geo_point){ old->lat, old->lon }, old->zoom, width, height);
}

static void
draw_land(struct map *m, const struct geo_view *view)
{
	if (m->has_land && geo_view_equal(&m->view, view))
		return;
	if (m->has_land)
		raster_done(&m->land);
	raster_init(&m->land, m->map_cols, m->map_rows);
	raster_draw_land(&m->land, view);
	m->has_land = true;
}

/* Stale ones rank with what is not known, below a proven fault and above all that is fine. */
static int
severity(const struct ui *ui, const struct pop *p)
{
	bool stale = ui_pop_is_outdated(ui, p);
	return stale && p->verdict > VERDICT_UNREACHABLE ? VERDICT_UNREACHABLE : (int)p->verdict;
}

static void
make_label(const struct ui *ui, const struct pop *p, char out[48])
{
	char age[24] = "";
	struct shift shift = shift_of(ui, (size_t)(p - ui->fleet->pops));
	shift_format(&shift, age, sizeof age);
	if (pop_is_stale(ui->fleet, p, ui->now) && ui->past.ns == 0)
		ui_age(pop_age_s(p, ui->now), 0, age, sizeof age);
	snprintf(out, 48, "%s%s%s", p->name, age[0] ? " " : "", age);
}

static void
lay_out(struct map *m, const struct ui *ui)
{
	const struct fleet *f = ui->fleet;
	struct map_options options = { .mark_width = MARK_WIDTH, .label_gap = 1, .full_size = NAN };
	m->pops = xgrow(m->pops, &m->cap_pops, f->n_pops + 1, sizeof *m->pops);
	m->labels = xgrow(m->labels, &m->cap_labels, f->n_pops + 1, sizeof *m->labels);
	for (size_t i = 0; i < f->n_pops; i++) {
		const struct pop *p = &f->pops[i];
		make_label(ui, p, m->labels[i]);
		int width = text_width(m->labels[i]);
		m->pops[i] = (struct map_pop){
			.name = p->name,
			.at = { p->lat, p->lon },
			.weight = p->qps,
			.severity = severity(ui, p),
			.label_width = width > NAME_MAX_W ? NAME_MAX_W : width,
		};
	}
	m->n_pops = f->n_pops;
	map_layout_done(&m->layout);
	map_layout_make(&m->layout, m->pops, m->n_pops, &m->view, &options);
}

static int
list_rows(const struct map *m)
{
	return m->map_rows > 1 ? m->map_rows - 1 : 1;
}

static void
order_pops(struct map *m, const struct ui *ui, bool is_resized)
{
	if (is_resized || mono_ms_since(ui->now, m->updated) > UNSEEN_MS)
		worst_first_sort(&m->list, m->pops, m->n_pops);
	else
		worst_first_update(&m->list, m->pops, m->n_pops);
	m->updated = ui->now;
	m->n_order = m->faults_only ? worst_first_count_before(&m->list, VERDICT_OK) : m->n_pops;
	for (size_t i = 0; i < m->n_order; i++)
		if (m->cursor_id[0] && strcmp(ui->fleet->pops[m->list.order[i]].name, m->cursor_id) == 0)
			m->cursor = i;
	if (m->cursor >= m->n_order)
		m->cursor = m->n_order ? m->n_order - 1 : 0;
	size_t page = (size_t)list_rows(m);
	if (m->cursor < m->top)
		m->top = m->cursor;
	if (m->cursor >= m->top + page)
		m->top = m->cursor - page + 1;
	if (m->top + page > m->n_order)
		m->top = m->n_order > page ? m->n_order - page : 0;
}

static void
set_cursor(struct map *m, const struct ui *ui, size_t index)
{
	if (m->n_order == 0)
		return;
	m->cursor = index < m->n_order ? index : m->n_order - 1;
	/* at the top it stays there, where the worst arrive */
	snprintf(m->cursor_id, sizeof m->cursor_id, "%s",
		m->cursor ? ui->fleet->pops[m->list.order[m->cursor]].name : "");
}

static void
update(void *view, const struct ui *ui, int cols, int rows)
{
	struct map *m = view;
	bool is_resized = set_sizes(m, cols, rows);
	struct geo_view fresh = make_view(m, &m->view);
	draw_land(m, &fresh);
	m->view = fresh;
	m->has_view = true;
	lay_out(m, ui);
	order_pops(m, ui, is_resized);
}

static enum raster_charset
raster_charset(enum charset c)
{
	return c == CHARSET_UNICODE   ? RASTER_BRAILLE
	       : c == CHARSET_CONSOLE ? RASTER_HALF
	                              : RASTER_ASCII;
}

static void
draw_sea_and_land(const struct map *m, const struct ui *ui, struct canvas *c)
{
	enum raster_charset charset = raster_charset(ui->charset);
	for (int y = 0; y < c->rows; y++) {
		for (int x = 0; x < c->cols; x++) {
			uint32_t glyph = raster_get_glyph(&m->land, x, y, charset);
			if (glyph != ' ')
				canvas_put(c, x, y, ROLE_LAND, glyph);
		}
	}
}

/* The mark under the cursor, with its label as one piece where they stand side by side. */
static void
ground_mark(const struct map_mark *mark, struct canvas *c)
{
	int x0 = mark->x, x1 = mark->x + MARK_WIDTH;
	if (mark->side == MAP_SIDE_RIGHT)
		x1 = mark->label_x + mark->label_width;
	else if (mark->side == MAP_SIDE_LEFT)
		x0 = mark->label_x;
	else if (mark->side != MAP_SIDE_NONE)
		canvas_ground(c,
			(struct rect){ mark->label_x, mark->label_y, mark->label_width, 1 },
			ROLE_SELECTED);
	canvas_ground(c, (struct rect){ x0, mark->y, x1 - x0, 1 }, ROLE_SELECTED);
}

static void
draw_mark(const struct map *m, const struct ui *ui, const struct map_mark *mark, struct canvas *c)
{
	const struct pop *p = &ui->fleet->pops[mark->lead];
	bool stale = ui_pop_is_outdated(ui, p);
	enum role role = stale ? ROLE_STALE : role_of_verdict(p->verdict);
	char letter = stale ? '~' : p->verdict == VERDICT_OK ? ' ' : verdict_letter(p->verdict);
	uint32_t glyph = stale ? 0x25cb : map_size_glyph(mark->size);
	bool is_chosen = m->n_order > 0 &&
	                 m->layout.mark_of[m->list.order[m->cursor]] == (size_t)(mark - m->layout.marks);
	canvas_put(c, mark->x, mark->y, role, (uint32_t)letter);
	canvas_put(c, mark->x + 1, mark->y, role, glyph);
	if (mark->side != MAP_SIDE_NONE) {
		char text[64];
		if (mark->count > 1)
			snprintf(text, sizeof text, "%s+%zu", m->labels[mark->lead],
				mark->count - 1);
		else
			snprintf(text, sizeof text, "%s", m->labels[mark->lead]);
		canvas_text(c, mark->label_x, mark->label_y, mark->label_width,
			stale                      ? ROLE_STALE
			: p->verdict == VERDICT_OK ? ROLE_TEXT
						   : role,
			text);
	}
	if (is_chosen)
		ground_mark(mark, c);
}

static enum role
shift_role(const struct shift *s)
{
	return s->kind == SHIFT_LEAVES ? ROLE_DRAINING : s->kind == SHIFT_RETURNS ? ROLE_OK : ROLE_STRONG;
}

/* One line of the side list: letter, name, age or rate, sparkline. */
static void
draw_side_row(const struct map *m, const struct ui *ui, size_t index, struct canvas *c, int y)
{
	size_t i = m->list.order[index];
	const struct pop *p = &ui->fleet->pops[i];
	bool stale = ui_pop_is_outdated(ui, p);
	bool is_wide = c->cols > SIDE_NARROW;
	enum role role = stale ? ROLE_STALE : role_of_verdict(p->verdict);
	int name_cols = is_wide ? 10 : 7;
	char text[32];

	if (index == m->cursor)
		canvas_ground(c, (struct rect){ 0, y, c->cols, 1 }, ROLE_SELECTED);
	if (p->verdict != VERDICT_OK || stale)
		canvas_put(c, 1, y, role, (uint32_t)(stale ? '~' : verdict_letter(p->verdict)));
	canvas_text(c, 3, y, name_cols,
		stale                      ? ROLE_STALE
		: p->verdict == VERDICT_OK ? ROLE_TEXT
					   : role,
		p->name);
	int x = 3 + name_cols + 1;
	if (pop_is_stale(ui->fleet, p, ui->now)) {
		ui_age(pop_age_s(p, ui->now), 0, text, sizeof text);
		canvas_printf(c, x, y, ROLE_STALE,
			strcmp(text, "never") == 0 ? (ui->past.ns ? "not kept" : "never seen") : stale ? "stale %s" : "since %s", text);
		return;
	}
	text_number(p->qps, text, sizeof text);
	canvas_text_right(c, x, y, 5, ROLE_TEXT, text);
	x += 6;
	struct shift shift = shift_of(ui, i);
	shift_format(&shift, text, sizeof text);
	if (text[0])
		canvas_text(c, x, y, c->cols - x - 1, shift_role(&shift), text);
	else if (ui->pop_sparks)
		chart_spark(c, x, y, c->cols - x - 1, ROLE_RATE, ui->pop_sparks[i].samples,
			ui->pop_sparks[i].n);
}

static void
draw_side(const struct map *m, const struct ui *ui, struct canvas *c)
{
	int name_cols = c->cols > SIDE_NARROW ? 10 : 7;
	canvas_text(c, 3, 0, c->cols - 3, ROLE_MUTED, "POP");
	canvas_text_right(c, 4 + name_cols, 0, 5, ROLE_MUTED, "Q/S");
	for (int y = 1; y < c->rows && m->top + (size_t)y - 1 < m->n_order; y++)
		draw_side_row(m, ui, m->top + (size_t)y - 1, c, y);
	if (m->n_order == 0 && m->n_pops > 0)
		canvas_text(c, 1, 1, c->cols - 2, ROLE_MUTED, "no faults: z shows all");
}

/* Two lines about the PoP under the cursor. */
static void
draw_foot(const struct map *m, const struct ui *ui, struct canvas *c)
{
	canvas_rule(c, 0, 0, c->cols, ROLE_FAINT);
	if (m->n_order == 0)
		return;
	const struct pop *p = &ui->fleet->pops[m->list.order[m->cursor]];
	bool stale = ui_pop_is_outdated(ui, p);
	int x = 1;
	x += canvas_text(c, x, 1, c->cols - x, ROLE_STRONG, p->name) + 1;
	if (strcmp(p->title, p->name) != 0)
		x += canvas_text(c, x, 1, c->cols - x, ROLE_TEXT, p->title) + 1;
	if (stale)
		x += canvas_text(c, x, 1, c->cols - x, ROLE_STALE, "stale, was ");
	x += canvas_text(c, x, 1, c->cols - x, stale ? ROLE_STALE : role_of_verdict(p->verdict),
		verdict_name(p->verdict));
	if (p->n_holds > 0 && p->verdict >= VERDICT_DRAINING) {
		char text[300];
		ui_hold_text(ui, p, text, sizeof text);
		x += canvas_text(c, x, 1, c->cols - x, ROLE_MUTED, " by ");
		canvas_text(c, x, 1, c->cols - x - 1, ROLE_TEXT, text);
	} else if (p->verdict != VERDICT_OK && p->reasons.n > 0) {
		x += canvas_text(c, x, 1, c->cols - x, ROLE_MUTED, ": ");
		canvas_text(c, x, 1, c->cols - x - 1, ROLE_TEXT, p->reasons.text[0]);
	} else if (!stale && ui->past.ns != 0) {
		canvas_text(c, x, 1, c->cols - x - 1, ROLE_MUTED,
			!mono_is_set(p->seen)        ? ": history has nothing of it"
			: p->verdict != VERDICT_OK ? ": history keeps no reason"
						   : "");
	} else if (!stale) {
		char load[16];
		ui_load(p->qps, p->capacity_qps, load, sizeof load);
		canvas_printf(c, x, 1, ROLE_MUTED, ": %zu of %zu sessions, load %s", p->sessions_up,
			p->sessions_total, load);
	}
}

static void
draw_outside(const struct map *m, struct canvas *c)
{
	if (m->layout.n_hidden > 0 && c->rows > 1)
		canvas_printf(
			c, 1, c->rows - 1, ROLE_MUTED, "%zu not on this map", m->layout.n_hidden);
}

static void
draw(const void *view, const struct ui *ui, struct canvas *c)
{
	const struct map *m = view;
	struct canvas world = canvas_window(c, (struct rect){ 0, 0, m->map_cols, m->map_rows });
	struct canvas side =
		canvas_window(c, (struct rect){ m->map_cols, 0, m->side_cols, m->map_rows });
	struct canvas foot =
		canvas_window(c, (struct rect){ 0, m->map_rows, c->cols, c->rows - m->map_rows });

	draw_sea_and_land(m, ui, &world);
	for (size_t i = 0; i < m->layout.n_marks; i++)
		draw_mark(m, ui, &m->layout.marks[i], &world);
	draw_outside(m, &world);
	if (side.cols > 0)
		draw_side(m, ui, &side);
	if (foot.rows > 0)
		draw_foot(m, ui, &foot);
}

/* The next region by name after the one fitted; false past the last. */
static bool
next_region(const struct map *m, const struct fleet *f, char out[FLEET_NAME_MAX])
{
	bool found = false;
	for (size_t i = 0; i < f->n_pops; i++) {
		const char *region = f->pops[i].region;
		if (!region[0] || strcmp(region, m->region) <= 0)
			continue;
		if (!found || strcmp(region, out) < 0)
			snprintf(out, FLEET_NAME_MAX, "%s", region);
		found = true;
	}
	return found;
}

static void
fit_region(struct map *m, const struct fleet *f)
{
	char region[FLEET_NAME_MAX] = "";
	struct geo_point *points = xcalloc(f->n_pops + 1, sizeof *points);
	size_t n = 0;
	if (next_region(m, f, region)) {
		for (size_t i = 0; i < f->n_pops; i++)
			if (strcmp(f->pops[i].region, region) == 0 && !isnan(f->pops[i].lat) &&
				!isnan(f->pops[i].lon))
				points[n++] = (struct geo_point){ f->pops[i].lat, f->pops[i].lon };
	}
	snprintf(m->region, sizeof m->region, "%s", region);
	m->view = geo_view_fit(points, n, 2 * m->map_cols, 4 * m->map_rows);
	/* the land drawn belongs to the old view */
	if (m->has_land) {
		raster_done(&m->land);
		m->has_land = false;
	}
	free(points);
}

static void
change_view(struct map *m, struct geo_view v)
{
	if (geo_view_equal(&m->view, &v))
		return;
	m->view = v;
	m->region[0] = '\0';
	if (m->has_land) {
		raster_done(&m->land);
		m->has_land = false;
	}
}

static void
zoom(struct map *m, double factor, double x, double y)
{
	change_view(m, geo_view_zoom(&m->view, factor, x, y));
}

/* Where zooming goes: to the PoP under the cursor if it is in sight, else to the middle. */
static void
zoom_focus(const struct map *m, const struct ui *ui, double *x, double *y)
{
	if (m->n_order > 0) {
		const struct pop *p = &ui->fleet->pops[m->list.order[m->cursor]];
		if (geo_project(&m->view, (struct geo_point){ p->lat, p->lon }, x, y))
			return;
	}
	*x = m->view.width / 2.0;
	*y = m->view.height / 2.0;
}

static void
pan(struct map *m, double dx, double dy)
{
	change_view(m, geo_view_pan(&m->view, dx * m->view.width / 8, dy * m->view.height / 8));
}

/* Where the list jumps anyhow, names come into order again. */
static void
sort_anew(struct map *m)
{
	worst_first_sort(&m->list, m->pops, m->n_pops);
}

static bool
command(void *view, const struct ui *ui, enum action action)
{
	struct map *m = view;
	size_t page = (size_t)list_rows(m);
	double x, y;
	zoom_focus(m, ui, &x, &y);
	switch (action) {
	case ACTION_DOWN:
		set_cursor(m, ui, m->cursor + 1);
		return true;
	case ACTION_UP:
		set_cursor(m, ui, m->cursor ? m->cursor - 1 : 0);
		return true;
	case ACTION_PAGE_DOWN:
		set_cursor(m, ui, m->cursor + page);
		return true;
	case ACTION_PAGE_UP:
		set_cursor(m, ui, m->cursor > page ? m->cursor - page : 0);
		return true;
	case ACTION_TOP:
		sort_anew(m);
		set_cursor(m, ui, 0);
		return true;
	case ACTION_BOTTOM:
		sort_anew(m);
		set_cursor(m, ui, m->n_order);
		return true;
	case ACTION_LEFT:
	case ACTION_RIGHT:
		pan(m, action == ACTION_LEFT ? -1 : 1, 0);
		return true;
	case ACTION_NORTH:
	case ACTION_SOUTH:
		pan(m, 0, action == ACTION_NORTH ? -1 : 1);
		return true;
	case ACTION_ZOOM_IN:
	case ACTION_ZOOM_OUT:
		zoom(m, action == ACTION_ZOOM_IN ? ZOOM_STEP : 1 / ZOOM_STEP, x, y);
		return true;
	case ACTION_REGION:
		fit_region(m, ui->fleet);
		return true;
	case ACTION_FAULTS:
		m->faults_only = !m->faults_only;
		sort_anew(m);
		return true;
	default:
		return false;
	}
}

static bool
click_side(struct map *m, const struct ui *ui, int y)
{
	if (y < 1 || m->top + (size_t)y - 1 >= m->n_order)
		return false;
	set_cursor(m, ui, m->top + (size_t)y - 1);
	return true;
}

static bool
click(void *view, const struct ui *ui, const struct key *mouse)
{
	struct map *m = view;
	if (mouse->mouse == MOUSE_WHEEL_UP || mouse->mouse == MOUSE_WHEEL_DOWN) {
		bool is_up = mouse->mouse == MOUSE_WHEEL_UP;
		if (mouse->x >= m->map_cols)
			set_cursor(m, ui, is_up ? (m->cursor ? m->cursor - 1 : 0) : m->cursor + 1);
		else
			zoom(m, is_up ? ZOOM_STEP : 1 / ZOOM_STEP, 2.0 * mouse->x + 1,
				4.0 * mouse->y + 2);
		return true;
	}
	if (mouse->mouse != MOUSE_PRESS)
		return false;
	if (mouse->x >= m->map_cols)
		return click_side(m, ui, mouse->y);
	size_t mark = map_layout_find(&m->layout, mouse->x, mouse->y);
	if (mark == MAP_NO_MARK)
		return false;
	for (size_t i = 0; i < m->n_order; i++) {
		if (m->list.order[i] == m->layout.marks[mark].lead) {
			set_cursor(m, ui, i);
			return true;
		}
	}
	return false;
}

static struct view_target
target(const void *view, const struct ui *ui)
{
	const struct map *m = view;
	struct view_target t = { .kind = TARGET_NONE };
	if (m->cursor < m->n_order && m->list.order[m->cursor] < ui->fleet->n_pops) {
		t.kind = TARGET_POP;
		snprintf(t.name, sizeof t.name, "%s", ui->fleet->pops[m->list.order[m->cursor]].name);
	}
	return t;
}

static void
status(const void *view, const struct ui *ui, char *out, size_t size)
{
	const struct map *m = view;
	(void)ui;
	if (m->region[0])
		snprintf(out, size, "%s", m->region);
	else if (m->has_view && m->view.zoom > 1.01)
		snprintf(out, size, "zoom %.1f", m->view.zoom);
	else
		snprintf(out, size, "%s", m->faults_only ? "faults" : "");
}

const struct view_ops view_map = {
	.name = "map",
	.title = "the world, worst PoPs beside it",
	.key = '1',
	.kind = VIEW_OWN,
	.inside = "nodes",
	.target = target,
	.open = open,
	.update = update,
	.draw = draw,
	.command = command,
	.click = click,
	.status = status,
	.close = close,
};
