/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop over libuv (the only file that includes it). What the seam adds: closes are asynchronous in libuv, so a
 * deleted source is marked dead at once (its callback fires no more) and its memory is freed by libuv's close callback
 * after the turn; every callback is timed, because one slow callback delays every node's poll.
 */
#include "core/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"

#define SLOW_MS 20.0

struct loop {
	uv_loop_t uv;
	double slowest_ms;
	size_t slow_count;
	struct mono now;
	bool is_stopped;
};

struct loop_timer {
	uv_timer_t uv;
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	bool is_dead;
};

struct loop_io {
	uv_poll_t uv;
	struct loop *loop;
	loop_io_fn *fn;
	void *arg;
	unsigned events; /* what is watched for */
	bool is_dead;
};

struct loop_signal {
	uv_signal_t uv;
	struct loop *loop;
	loop_signal_fn *fn;
	void *arg;
	bool is_dead;
};

struct loop_child {
	uv_process_t uv;
	struct loop *loop;
	loop_child_fn *fn;
	void *arg;
	bool is_dead, has_exited;
};

struct work {
	uv_work_t uv;
	loop_fn *work, *done;
	void *arg;
};

struct loop *
loop_new(struct err *err)
{
	struct loop *l = xcalloc(1, sizeof *l);
	int rc = uv_loop_init(&l->uv);
	if (rc != 0) {
		err_set(err, ERR_FAILED, "event loop: %s", uv_strerror(rc));
		free(l);
		return NULL;
	}
	l->now = clock_mono();
	return l;
}

static void
free_handle(uv_handle_t *h)
{
	free(h); /* each wrapper begins with its handle */
}

static void
close_left_over(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, free_handle);
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	uv_walk(&l->uv, close_left_over, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	uv_loop_close(&l->uv);
	free(l);
}

void
loop_run(struct loop *l)
{
	l->is_stopped = false;
	while (!l->is_stopped && loop_turn(l, true))
		;
}

bool
loop_turn(struct loop *l, bool wait)
{
	l->now = clock_mono();
	return uv_run(&l->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
}

void
loop_stop(struct loop *l)
{
	l->is_stopped = true;
	uv_stop(&l->uv);
}

struct mono
loop_now(const struct loop *l)
{
	return l->now;
}

double
loop_slowest_ms(const struct loop *l)
{
	return l->slowest_ms;
}

size_t
loop_slow_count(const struct loop *l)
{
	return l->slow_count;
}

static void
enter(struct loop *l)
{
	l->now = clock_mono();
}

static void
leave(struct loop *l)
{
	double ms = mono_s_since(clock_mono(), l->now) * 1e3;
	if (ms > l->slowest_ms)
		l->slowest_ms = ms;
	if (ms > SLOW_MS)
		l->slow_count++;
}

static void
on_timer(uv_timer_t *uv)
{
	struct loop_timer *t = uv->data;
	struct loop *l = t->loop;
	if (t->is_dead)
		return;
	enter(l);
	t->fn(t->arg);
	leave(l);
	/* libuv would go on to wait for descriptors, with what a caller of loop_turn waits for already done. */
	uv_stop(&l->uv);
}

struct loop_timer *
loop_timer_add(struct loop *l, int64_t delay_ms, int64_t repeat_ms, loop_fn *fn, void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof *t);
	t->loop = l;
	t->fn = fn;
	t->arg = arg;
	uv_timer_init(&l->uv, &t->uv);
	t->uv.data = t;
	loop_timer_set(t, delay_ms, repeat_ms);
	return t;
}

void
loop_timer_set(struct loop_timer *t, int64_t delay_ms, int64_t repeat_ms)
{
	/* libuv counts from its own cached time, which may be old after a long callback */
	uv_update_time(&t->loop->uv);
	uv_timer_start(&t->uv, on_timer, delay_ms < 0 ? 0 : (uint64_t)delay_ms, (uint64_t)repeat_ms);
}

void
loop_timer_stop(struct loop_timer *t)
{
	uv_timer_stop(&t->uv);
}

void
loop_timer_del(struct loop_timer *t)
{
	if (!t || t->is_dead)
		return;
	t->is_dead = true;
	uv_close((uv_handle_t *)&t->uv, free_handle);
}

static void
on_io(uv_poll_t *uv, int status, int events)
{
	struct loop_io *io = uv->data;
	struct loop *l = io->loop;
	if (io->is_dead)
		return;
	unsigned e = 0;
	if (events & (UV_READABLE | UV_DISCONNECT) || status < 0)
		e |= LOOP_READ;
	if (events & UV_WRITABLE || status < 0)
		e |= LOOP_WRITE;
	/* libuv stops watching when it reports an error, and an error may stand before bytes that are still to be read */
	if (status < 0)
		loop_io_set(io, io->events);
	enter(l);
	io->fn(io->arg, e);
	leave(l);
}

struct loop_io *
loop_io_add(struct loop *l, int fd, unsigned events, loop_io_fn *fn, void *arg)
{
	struct loop_io *io = xcalloc(1, sizeof *io);
	io->loop = l;
	io->fn = fn;
	io->arg = arg;
	if (uv_poll_init(&l->uv, &io->uv, fd) != 0)
		abort(); /* a regular file or a bad descriptor: our own mistake */
	io->uv.data = io;
	loop_io_set(io, events);
	return io;
}

void
loop_io_set(struct loop_io *io, unsigned events)
{
	io->events = events;
	int e = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);
	if (e)
		uv_poll_start(&io->uv, e, on_io);
	else
		uv_poll_stop(&io->uv);
}

void
loop_io_del(struct loop_io *io)
{
	if (!io || io->is_dead)
		return;
	io->is_dead = true;
	uv_poll_stop(&io->uv);
	uv_close((uv_handle_t *)&io->uv, free_handle);
}

static void
on_signal(uv_signal_t *uv, int signum)
{
	struct loop_signal *s = uv->data;
	if (s->is_dead)
		return;
	enter(s->loop);
	s->fn(s->arg, signum);
	leave(s->loop);
}

struct loop_signal *
loop_signal_add(struct loop *l, int signum, loop_signal_fn *fn, void *arg)
{
	struct loop_signal *s = xcalloc(1, sizeof *s);
	s->loop = l;
	s->fn = fn;
	s->arg = arg;
	uv_signal_init(&l->uv, &s->uv);
	s->uv.data = s;
	uv_signal_start(&s->uv, on_signal, signum);
	uv_unref((uv_handle_t *)&s->uv);
	return s;
}

void
loop_signal_del(struct loop_signal *s)
{
	if (!s || s->is_dead)
		return;
	s->is_dead = true;
	uv_close((uv_handle_t *)&s->uv, free_handle);
}

static void
on_exit_child(uv_process_t *uv, int64_t status, int signum)
{
	struct loop_child *c = uv->data;
	c->has_exited = true;
	if (c->is_dead) {
		uv_close((uv_handle_t *)uv, free_handle);
		return;
	}
	struct loop *l = c->loop;
	enter(l);
	c->fn(c->arg, signum ? -1 : (int)status, signum);
	leave(l);
}

static int
make_pipe(int ours_and_theirs[2], bool ours_reads, struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) == -1)
		return err_set(err, ERR_FAILED, "pipe: %s", strerror(errno));
	ours_and_theirs[0] = fds[ours_reads ? 0 : 1];
	ours_and_theirs[1] = fds[ours_reads ? 1 : 0];
	fcntl(ours_and_theirs[0], F_SETFL, fcntl(ours_and_theirs[0], F_GETFL) | O_NONBLOCK);
	return 0;
}

static void
close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] != -1)
			close(pair[i]);
}

static int
spawn(struct loop_child *c, const struct loop_child_spec *spec, const int theirs[3], struct err *err)
{
	uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE } };
	for (int i = 0; i < 3; i++) {
		if (theirs[i] == -1)
			continue;
		stdio[i].flags = UV_INHERIT_FD;
		stdio[i].data.fd = theirs[i];
	}
	uv_process_options_t options = {
		.exit_cb = on_exit_child,
		.file = spec->argv[0],
		.args = (char **)(uintptr_t)spec->argv,
		.env = (char **)(uintptr_t)spec->env,
		.flags = UV_PROCESS_DETACHED, /* a session and process group of its own */
		.stdio_count = 3,
		.stdio = stdio,
	};
	c->uv.data = c;
	int rc = uv_spawn(&c->loop->uv, &c->uv, &options);
	if (rc != 0)
		return err_set(err, ERR_FAILED, "%s: %s", spec->argv[0], uv_strerror(rc));
	return 0;
}

struct loop_child *
loop_child_spawn(struct loop *l, const struct loop_child_spec *spec, int *in, int *out, int *errfd, loop_child_fn *fn, void *arg,
	struct err *err)
{
	int pin[2] = { -1, -1 }, pout[2] = { -1, -1 }, perr[2] = { -1, -1 };
	struct loop_child *c = xcalloc(1, sizeof *c);
	c->loop = l;
	c->fn = fn;
	c->arg = arg;
	if ((spec->want_stdin && make_pipe(pin, false, err) == -1) || make_pipe(pout, true, err) == -1 ||
		make_pipe(perr, true, err) == -1) {
		free(c);
		goto fail;
	}
	if (spawn(c, spec, (const int[]){ pin[1], pout[1], perr[1] }, err) == -1) {
		uv_close((uv_handle_t *)&c->uv, free_handle);
		goto fail;
	}
	if (pin[1] != -1)
		close(pin[1]);
	close(pout[1]);
	close(perr[1]);
	if (in)
		*in = pin[0];
	*out = pout[0];
	*errfd = perr[0];
	return c;
fail:
	close_pair(pin);
	close_pair(pout);
	close_pair(perr);
	return NULL;
}

pid_t
loop_child_pid(const struct loop_child *c)
{
	return c->uv.pid;
}

void
loop_child_kill(struct loop_child *c, int signum)
{
	if (!c->has_exited)
		kill(-c->uv.pid, signum);
}

void
loop_child_del(struct loop_child *c)
{
	if (!c || c->is_dead)
		return;
	c->is_dead = true;
	if (c->has_exited)
		uv_close((uv_handle_t *)&c->uv, free_handle);
	else
		kill(-c->uv.pid, SIGKILL); /* reaped and freed by on_exit_child */
}

void
loop_child_leave(struct loop_child *c)
{
	if (!c || c->is_dead)
		return;
	c->is_dead = true;
	if (c->has_exited)
		uv_close((uv_handle_t *)&c->uv, free_handle);
	else
		uv_unref((uv_handle_t *)&c->uv); /* freed by on_exit_child, or with the loop */
}

static void
on_work(uv_work_t *uv)
{
	struct work *w = uv->data;
	w->work(w->arg);
}

static void
on_work_done(uv_work_t *uv, int status)
{
	struct work *w = uv->data;
	(void)status;
	w->done(w->arg);
	free(w);
}

void
loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *arg)
{
	struct work *w = xcalloc(1, sizeof *w);
	w->work = work;
	w->done = done;
	w->arg = arg;
	w->uv.data = w;
	uv_queue_work(&l->uv, &w->uv, on_work, on_work_done);
}
