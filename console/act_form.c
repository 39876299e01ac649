/* SPDX-License-Identifier: Apache-2.0
 *
 * The form before a plan. Fields that are typed are lines of console/prompt.c; fields that are chosen go round with left,
 * right and space. Tab and the arrows move between them, Enter asks for the plan, Esc leaves. What is entered is judged
 * when the plan is asked for, with the same limits as the command line has, so that the hint stands beside the field and
 * no round trip is needed for it.
 */
#include "console/act_form.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define LEASE_USUAL "4h" /* SAFETY model B6 */
#define LEASE_MAX_S (7 * 86400)
#define WORK_IS_OVER "the work is over" /* the reason of an undrain that was given none */

static const char *const labels[ACT_FIELD_COUNT] = { "reason", "ticket", "lease", "at its end", "mode", "kind", "hold" };

static void
add(struct act_form *f, enum act_field field, const char *text)
{
	f->fields[f->n_fields++] = field;
	if (act_form_is_typed(field))
		prompt_open(&f->text[field], ' ', text, NULL);
}

void
act_form_drain(struct act_form *f, enum op_mode mode, bool is_hold)
{
	*f = (struct act_form){ .needs_reason = true };
	if (is_hold)
		add(f, ACT_FIELD_KIND, "");
	add(f, ACT_FIELD_REASON, "");
	add(f, ACT_FIELD_TICKET, "");
	add(f, ACT_FIELD_LEASE, LEASE_USUAL);
	add(f, ACT_FIELD_END, "");
	add(f, ACT_FIELD_MODE, "");
	if (!is_hold)
		add(f, ACT_FIELD_KIND, "");
	f->choice[ACT_FIELD_MODE] = (size_t)mode;
}

void
act_form_undrain(struct act_form *f, const struct hold *holds, size_t n)
{
	*f = (struct act_form){ .needs_reason = false };
	add(f, ACT_FIELD_REASON, "");
	add(f, ACT_FIELD_TICKET, "");
	f->n_holds = n < ACT_FORM_HOLDS ? n : ACT_FORM_HOLDS;
	memcpy(f->holds, holds, f->n_holds * sizeof *holds);
	if (f->n_holds > 1)
		add(f, ACT_FIELD_HOLD, "");
}

void
act_form_extend(struct act_form *f)
{
	*f = (struct act_form){ .needs_reason = false };
	add(f, ACT_FIELD_LEASE, LEASE_USUAL);
}

bool
act_form_is_typed(enum act_field f)
{
	return f == ACT_FIELD_REASON || f == ACT_FIELD_TICKET || f == ACT_FIELD_LEASE;
}

const char *
act_form_label(enum act_field f)
{
	return labels[f];
}

static size_t
n_choices(const struct act_form *f, enum act_field field)
{
	switch (field) {
	case ACT_FIELD_KIND:
		return HOLD_KIND_COUNT;
	case ACT_FIELD_HOLD:
		return f->n_holds + 1;
	default:
		return 2;
	}
}

void
act_form_value(const struct act_form *f, enum act_field field, char *out, size_t size)
{
	size_t i = f->choice[field];
	switch (field) {
	case ACT_FIELD_END:
		snprintf(out, size, "%s", i ? "undrain by itself if the gates pass" : "warn, and stay drained");
		return;
	case ACT_FIELD_MODE:
		snprintf(out, size, "%s",
			i == OP_PREFER_AWAY ? "prefer-away, then withdraw when the rate has fallen" : "withdraw");
		return;
	case ACT_FIELD_KIND:
		snprintf(out, size, "%s", hold_kind_name((enum hold_kind)i));
		return;
	case ACT_FIELD_HOLD:
		if (i == 0)
			snprintf(out, size, "my own");
		else
			snprintf(out, size, "%s %s: %s", f->holds[i - 1].id, f->holds[i - 1].owner, f->holds[i - 1].reason);
		return;
	default:
		snprintf(out, size, "%s", f->text[field].text);
		return;
	}
}

static void
move(struct act_form *f, int by)
{
	f->at = (f->at + f->n_fields + (size_t)(by + (int)f->n_fields)) % f->n_fields;
}

static void
choose(struct act_form *f, int by)
{
	enum act_field field = f->fields[f->at];
	size_t n = n_choices(f, field);
	f->choice[field] = (f->choice[field] + n + (size_t)(by + (int)n)) % n;
}

/* The line editor closes on Backspace in an empty line, which here only means an empty field. */
static void
type(struct act_form *f, const struct key *k)
{
	struct prompt *p = &f->text[f->fields[f->at]];
	prompt_key(p, k, NULL, NULL);
	p->is_open = true;
}

static enum act_form_result
choice_key(struct act_form *f, const struct key *k)
{
	if (k->code == KEYS_LEFT || k->code == KEYS_RIGHT || k->code == KEYS_SPACE)
		choose(f, k->code == KEYS_LEFT ? -1 : 1);
	return ACT_FORM_STAYS;
}

enum act_form_result
act_form_key(struct act_form *f, const struct key *k)
{
	bool is_typed = act_form_is_typed(f->fields[f->at]);
	f->hint[0] = '\0';
	if (k->is_pasted) {
		if (is_typed && k->code != KEYS_ENTER && k->code != KEYS_TAB)
			type(f, k);
		return ACT_FORM_STAYS;
	}
	switch (k->code) {
	case KEYS_ESC:
		return ACT_FORM_LEAVES;
	case KEYS_ENTER:
		return ACT_FORM_PLANS;
	case KEYS_TAB:
	case KEYS_DOWN:
		move(f, 1);
		return ACT_FORM_STAYS;
	case KEYS_BACKTAB:
	case KEYS_UP:
		move(f, -1);
		return ACT_FORM_STAYS;
	default:
		if (!is_typed)
			return choice_key(f, k);
		type(f, k);
		return ACT_FORM_STAYS;
	}
}

static bool
has_field(const struct act_form *f, enum act_field field)
{
	for (size_t i = 0; i < f->n_fields; i++)
		if (f->fields[i] == field)
			return true;
	return false;
}

static int
complain(struct act_form *f, enum act_field field, const char *what)
{
	for (size_t i = 0; i < f->n_fields; i++)
		if (f->fields[i] == field)
			f->at = i;
	snprintf(f->hint, sizeof f->hint, "%s", what);
	return -1;
}

static int
read_lease(struct act_form *f, int64_t *out)
{
	struct slice text = slice_trim(slice_of(f->text[ACT_FIELD_LEASE].text));
	char copy[PROMPT_TEXT_MAX];
	slice_copy(text, copy, sizeof copy);
	*out = 0;
	if (text.len == 0)
		return 0;
	if (duration_parse(copy, out) == -1 || *out < 60 || *out > LEASE_MAX_S)
		return complain(f, ACT_FIELD_LEASE, "A lease is a duration from 1m to 7d, such as 4h.");
	return 0;
}

int
act_form_read(struct act_form *f, struct wish *w)
{
	struct slice reason = slice_trim(slice_of(f->text[ACT_FIELD_REASON].text));
	struct slice ticket = slice_trim(slice_of(f->text[ACT_FIELD_TICKET].text));
	f->hint[0] = '\0';
	if (f->needs_reason && reason.len == 0)
		return complain(f, ACT_FIELD_REASON, "A reason is needed: it is shown on every console.");
	if (reason.len >= sizeof w->reason)
		return complain(f, ACT_FIELD_REASON, "The reason is longer than 200 bytes.");
	if (ticket.len >= sizeof w->ticket)
		return complain(f, ACT_FIELD_TICKET, "The ticket is longer than 64 bytes.");
	if (has_field(f, ACT_FIELD_LEASE) && read_lease(f, &w->lease_s) == -1)
		return -1;
	slice_copy(reason.len > 0 ? reason : slice_of(WORK_IS_OVER), w->reason, sizeof w->reason);
	slice_copy(ticket, w->ticket, sizeof w->ticket);
	w->is_auto_undrain = has_field(f, ACT_FIELD_END) && f->choice[ACT_FIELD_END] == 1;
	if (w->is_auto_undrain && w->lease_s == 0)
		return complain(f, ACT_FIELD_LEASE, "To undrain by itself it needs a lease.");
	w->mode = (enum op_mode)f->choice[ACT_FIELD_MODE];
	w->kind = (enum hold_kind)f->choice[ACT_FIELD_KIND];
	if (has_field(f, ACT_FIELD_HOLD) && f->choice[ACT_FIELD_HOLD] > 0)
		snprintf(w->hold, sizeof w->hold, "%s", f->holds[f->choice[ACT_FIELD_HOLD] - 1].id);
	return 0;
}
