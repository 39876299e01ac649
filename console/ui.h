/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_UI_H
#define CONSOLE_UI_H

#include "console/canvas.h"
#include "console/keymap.h"
#include "core/clock.h"
#include "core/fleet.h"
#include "core/operation.h"
#include "core/wire.h"

/*
 * What is shown: everything a view may look at while it draws, all of it const. Made anew for each
 * frame by the app, the snapshot or a test; a view keeps no pointer into it.
 */

#define SPARK_SAMPLES 60 /* kept per PoP and per node */
#define SPARK_STEP_MS 5000

/* Query rates over time, oldest first; NAN where nothing was known. */
struct spark {
	size_t n;
	double samples[SPARK_SAMPLES];
};

enum link_state {
	LINK_STARTING, /* never heard of the backend yet */
	LINK_LIVE,
	LINK_AWAY,
};

struct link {
	enum link_state state;
	struct mono heard; /* last byte from the backend; zero: never */
	struct mono retry; /* when it is tried again; zero: now */
	char where[128];   /* "unix:/run/catchment/api.sock" */
	char problem[256]; /* why it is away; sanitised */
};

struct ui {
	const struct fleet *fleet; /* never NULL; empty until the first snapshot */
	const struct spark *pop_sparks, *node_sparks; /* by index; NULL: none kept */
	const struct event *events;                   /* newest last */
	size_t n_events;
	struct mono now;
	struct wall wall;
	struct wall past; /* all that is shown was so then, as far as history knows; zero: it is so now */
	bool is_past_hourly; /* it stands for an hour, not a minute */
	struct link link;
	enum charset charset;
	const struct keymap *keys;
	const char *theme;
	bool is_read_only;
	const struct operation *ops; /* newest last; NULL: none */
	size_t n_ops;
	char why_not[200]; /* why this account may not act, as the backend said; "" = it may, or was not asked */
	bool has_lapsed;   /* its rights to act lapsed, and why_not says so */
	bool is_approver;  /* it may approve what others confirmed, whatever else it may not */
};

/* An age as the screen shows it: "" while it is no older than 1.5 polls, else in steps ("5s",
 * "10s", "20s", "2m") so that a quiet screen writes next to nothing; "never" for a negative one. */
void ui_age(double age_s, double poll_s, char *out, size_t size);
/* True when the verdict may no longer be so: it rests on facts older than 3 polls, or the backend is away. A verdict
 * about their absence itself (unreachable, silent, unknown) stays current while the backend lives. */
bool ui_pop_is_outdated(const struct ui *ui, const struct pop *p);
bool ui_node_is_outdated(const struct ui *ui, const struct node *n);
enum role ui_pop_role(const struct ui *ui, const struct pop *p);
double ui_pop_poll_s(const struct fleet *f, const struct pop *p);
/* "61%" of capacity; "-" when either is unknown. */
void ui_load(double qps, double capacity, char *out, size_t size);
/* Load as a share, NAN if unknown. */
double ui_load_share(double qps, double capacity);

/* What holds a PoP, in a few words: "alice: OS upgrade CHG-1042, 3h12 left"; with the number of further holds. */
void ui_hold_text(const struct ui *ui, const struct pop *p, char *out, size_t size);
/* By their ids; NULL when there is none (any more). */
const struct operation *ui_find_op(const struct ui *ui, const char *id);
const struct hold *ui_find_hold(const struct ui *ui, const char *id);

/* Counts for the header. */
struct ui_totals {
	size_t by_verdict[VERDICT_COUNT]; /* PoPs whose verdict is current */
	size_t known, outdated;           /* PoPs */
	double qps;                       /* of fresh PoPs; NAN when none has a rate */
};
struct ui_totals ui_count(const struct ui *ui);

#endif
