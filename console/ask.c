/* SPDX-License-Identifier: Apache-2.0
 *
 * One question on a plain terminal. The terminal's own line editing stays on, so that a person can correct the line; what
 * it cannot do is told apart here:
 *
 * - typed ahead: the input queue is flushed after the question was written and drained;
 * - pasted, on a terminal that marks pastes (bracketed paste, asked for while the question stands): the marks arrive as
 *   bytes in the line, which then equals nothing;
 * - pasted, on one that does not: a whole line that is there within 200 ms of the question was not typed after reading it.
 *
 * Called by main for commands that act; tests use a pseudo terminal.
 */
#include "console/ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TOO_SOON_MS 200
#define LOOK_MS     100 /* between two looks at the clock */

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";

bool
ask_is_possible(int in, int out)
{
	return isatty(in) && isatty(out);
}

static void
put(int out, const char *text)
{
	size_t n = strlen(text);
	while (n > 0) {
		ssize_t k = write(out, text, n);
		if (k <= 0 && errno != EINTR)
			return;
		text += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
}

/* Reads until a newline; 1 a line, 0 nobody in time or the end. */
static int
read_line(const struct ask_at *at, struct mono deadline, char *line, size_t size)
{
	size_t n = 0;
	for (;;) {
		struct pollfd p = { .fd = at->in, .events = POLLIN };
		char c;
		if (!mono_before(at->now(at->arg), deadline))
			return 0;
		if (poll(&p, 1, LOOK_MS) <= 0)
			continue;
		ssize_t k = read(at->in, &c, 1);
		if (k == -1 && errno == EINTR)
			continue;
		if (k <= 0)
			return 0;
		if (c == '\n' || c == '\r')
			break;
		if (n + 1 < size)
			line[n] = c;
		n++;
	}
	line[n < size ? n : size - 1] = '\0';
	return n < size;
}

int
ask_person(const struct ask_at *at, const char *question, char *line, size_t size, struct err *err)
{
	line[0] = '\0';
	put(at->out, paste_on);
	put(at->out, question);
	tcdrain(at->out);
	tcflush(at->in, TCIFLUSH);
	struct mono start = at->now(at->arg);
	int rc = read_line(at, mono_add_ms(start, ASK_SECONDS * 1000), line, size);
	bool is_too_soon = rc == 1 && mono_ms_since(at->now(at->arg), start) < TOO_SOON_MS;
	put(at->out, paste_off);
	if (rc == 1 && !is_too_soon)
		return 0;
	put(at->out, "\n");
	line[0] = '\0';
	if (is_too_soon)
		return err_set(err, ERR_CONFIRM, "the answer came with the question, so nobody read it; nothing was changed");
	return err_set(err, ERR_CONFIRM, "nobody answered within %d s; nothing was changed", ASK_SECONDS);
}
