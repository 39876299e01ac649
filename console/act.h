/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_ACT_H
#define CONSOLE_ACT_H

#include "console/act_form.h"
#include "console/pager.h"
#include "console/ui.h"

/*
 * Acting from the dashboard: form, plan, prompt, confirmation. A state machine without clock, terminal or network: it is
 * given keys, frames and answers, and says what is to be sent. While it is open it has the keyboard to itself.
 *
 * Its promise: nothing is confirmed unless a person typed the PoP's name, key by key, after the plan was on the screen,
 * and then pressed Y after that was on the screen.
 */

enum act_word { ACT_DRAIN, ACT_PREFER_AWAY, ACT_HOLD, ACT_UNDRAIN, ACT_EXTEND, ACT_CANCEL, ACT_ACCEPT, ACT_APPROVE };

/* What it is about, by name: rows may move and indices change while it is open. */
struct act_about {
	size_t n_pops;
	char pops[OP_TARGETS_MAX][FLEET_NAME_MAX];
	char op[OP_ID_SIZE]; /* "" none */
};

enum act_stage {
	ACT_CLOSED,
	ACT_FORM,  /* why, how long */
	ACT_ASKED, /* the plan is on its way */
	ACT_SHOWN, /* plan or question on the screen; what is wanted is not typed yet */
	ACT_ARMED, /* typed; Y confirms */
	ACT_SENT,  /* the confirmation is on its way */
	ACT_OVER,  /* a plan that cannot be confirmed stays to be read */
};

#define ACT_QUIET_MS   500   /* keys that come sooner after the prompt was drawn were typed ahead */
#define ACT_ARM_MS     300   /* and sooner after the name was complete: the person has not seen that it is */
#define ACT_REPEAT_MS  60    /* the same key so soon is a key held down */
#define ACT_LEAN_MS    700   /* from a key to its first repeat, and more */
#define ACT_LIFE_MS    60000 /* of a prompt */
#define ACT_ANSWER_MS  20000 /* until a plan must have come */
#define ACT_AGAIN_MS   1000  /* between two attempts to confirm, with the same key */
#define ACT_GIVE_UP_MS 30000
#define ACT_LOOK_MS    1000  /* between two looks at whether the actor is ready */
#define ACT_COLS_MIN   56    /* smaller than that it does not fit */
#define ACT_ROWS_MIN   10

struct act {
	enum act_stage stage;
	enum act_word word;
	struct act_about about;
	struct wish wish;
	struct act_form form;
	struct offer *offer;      /* owned; NULL without a plan */
	struct pager *page;       /* plan or question, drawn once for a width */
	int page_cols;
	char question[400];       /* what is asked where there is no plan */
	char wanted[OP_TARGETS_MAX * FLEET_NAME_MAX]; /* what must be typed; "": only Y */
	char typed[OP_TARGETS_MAX * FLEET_NAME_MAX];
	size_t n_typed;
	char key[33];             /* idempotency key of the confirmation */
	struct mono drawn;        /* when the stage was first on the screen; zero: not yet */
	struct mono opened;       /* when the prompt was first on the screen */
	struct mono expires;      /* of the plan, by our clock */
	struct mono sent;         /* the last request */
	struct mono began;        /* the first attempt of what is being waited for */
	struct mono last_key;
	uint32_t last_code;
	uint32_t opening; /* the key that opened it, while it may still be held down; 0 */
	char hint[200];           /* what a key did not do, and why */
	bool is_hint_bad;
	/* to be taken by the owner */
	unsigned number;          /* of the newest request; answers to others are ignored */
	bool has_request, is_waiting, is_looking; /* looking: whether the actor is ready meanwhile */
	char method[8], path[96];
	struct buf body;
	char notice[400];         /* what came of it; "" */
	char done_op[OP_ID_SIZE]; /* an operation to show now; "" */
	bool is_lasting; /* the sentence stays until a key is pressed, or half a minute */
};

void act_init(struct act *a);
void act_done(struct act *a);
bool act_is_open(const struct act *a);
/* Opens it; -1 with a sentence when there is nothing to do it to, or it may not be done. */
int act_open(struct act *a, const struct ui *ui, enum act_word word, const struct act_about *about, struct err *err);
/* Which key opened it: one that is leaned on is not typed into the form. */
void act_opened_by(struct act *a, const struct ui *ui, const struct key *k);
void act_key(struct act *a, const struct ui *ui, const struct key *k);
/* Before each frame of a screen of that size (of the view's part): time passes, the fleet moves on. */
void act_tick(struct act *a, const struct ui *ui, int cols, int rows);
/* What came back: `status` of HTTP with its body, or 0 when nothing did, and then why. */
void act_answer(struct act *a, const struct ui *ui, unsigned number, int status, struct slice body, const char *why);
/* Closes it without doing anything, and says why. */
void act_close(struct act *a, const char *why);

/* True, once, when something is to be sent: method, path, body and number then say what. */
bool act_take_request(struct act *a);

void act_draw(const struct act *a, const struct ui *ui, struct canvas *c, int *cursor_x, int *cursor_y);
/* A sentence for the last line of the screen. */
const char *act_foot(const struct act *a);
/* "drain fra", for the line above the prompt. */
void act_title(const struct act *a, char *out, size_t size);

/* The word behind a key of the dashboard; false when the key does not act here. */
bool act_word_of(enum action action, enum act_word *out);
/* May acting be tried at all? -1 with a sentence. */
int act_check(const struct ui *ui, enum act_word word, struct err *err);

#endif
