/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/clock.h"
#include "core/err.h"

/*
 * The event loop: a thin seam over libuv, so that everything above it can be driven by a fake clock in tests. One
 * thread. Callbacks run from loop_run only, never from inside the call that armed them; a source deleted inside any
 * callback fires no more and its memory is reaped after the turn.
 */
struct loop;
struct loop_timer;
struct loop_io;
struct loop_signal;
struct loop_child;

enum loop_event { LOOP_READ = 1u << 0, LOOP_WRITE = 1u << 1 };

struct loop *loop_new(struct err *err);
/* All sources must have been deleted by their owners; reaps what is left. NULL is allowed. */
void loop_free(struct loop *l);
/* Runs until loop_stop. */
void loop_run(struct loop *l);
/* One turn: handles what is ready; waits for it only if `wait`. Returns false if nothing is armed any more. */
bool loop_turn(struct loop *l, bool wait);
void loop_stop(struct loop *l);
/* Time at the start of this turn. */
struct mono loop_now(const struct loop *l);
/* The slowest callback so far in milliseconds, and how many took over 20 ms. */
double loop_slowest_ms(const struct loop *l);
size_t loop_slow_count(const struct loop *l);

typedef void loop_fn(void *arg);
/* Calls fn once after delay_ms (>= 0), then every repeat_ms (0: never again, but the timer stays and may be set). */
struct loop_timer *loop_timer_add(struct loop *l, int64_t delay_ms, int64_t repeat_ms, loop_fn *fn, void *arg);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_del(struct loop_timer *t); /* NULL allowed */

typedef void loop_io_fn(void *arg, unsigned events);
/* Watches a descriptor that stays the caller's; delete the source before closing it. */
struct loop_io *loop_io_add(struct loop *l, int fd, unsigned events, loop_io_fn *fn, void *arg);
void loop_io_set(struct loop_io *io, unsigned events);
void loop_io_del(struct loop_io *io); /* NULL allowed */

typedef void loop_signal_fn(void *arg, int signum);
struct loop_signal *loop_signal_add(struct loop *l, int signum, loop_signal_fn *fn, void *arg);
void loop_signal_del(struct loop_signal *s);

/* A child process: argv without a shell, empty environment unless env is given, stdin/out/err as pipes that the
 * caller reads and writes through loop_io (non-blocking, close-on-exec); own process group. */
struct loop_child_spec {
	const char *const *argv; /* NULL-terminated; argv[0] is a path or found in PATH */
	const char *const *env;  /* NULL: inherit */
	bool want_stdin;         /* else /dev/null */
};
/* status: exit status 0..255, or -1 when a signal ended it (then signum says which). Called once, after exit. */
typedef void loop_child_fn(void *arg, int status, int signum);
struct loop_child *loop_child_spawn(struct loop *l, const struct loop_child_spec *spec, int *in, int *out, int *errfd,
	loop_child_fn *fn, void *arg, struct err *err);
pid_t loop_child_pid(const struct loop_child *c);
void loop_child_kill(struct loop_child *c, int signum); /* whole process group */
/* Forgets the child: fn will not be called; the process is killed if it still runs. Descriptors stay the caller's. */
void loop_child_del(struct loop_child *c);
/* Forgets the child and lets it live: it ends by itself when its input closes. */
void loop_child_leave(struct loop_child *c);

/* Runs `work` on a pool thread and then `done` on the loop. For things that block: name look-ups, agents, disks. */
void loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *arg);

#endif
