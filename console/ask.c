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

#include "core/clock.h"

#define TOO_SOON_MS 200

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
read_line(int in, struct mono deadline, char *line, size_t size)
{
	size_t n = 0;
	for (;;) {
		struct pollfd p = { .fd = in, .events = POLLIN };
		int64_t left = mono_ms_since(deadline, clock_mono());
		char c;
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return 0;
		ssize_t k = read(in, &c, 1);
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
ask_person(int in, int out, const char *question, int seconds, char *line, size_t size, struct err *err)
{
	struct mono start, deadline;
	line[0] = '\0';
	put(out, paste_on);
	put(out, question);
	tcdrain(out);
	tcflush(in, TCIFLUSH);
	start = clock_mono();
	deadline = mono_add_ms(start, (int64_t)seconds * 1000);
	int rc = read_line(in, deadline, line, size);
	bool is_too_soon = rc == 1 && mono_ms_since(clock_mono(), start) < TOO_SOON_MS;
	put(out, paste_off);
	if (rc == 1 && !is_too_soon)
		return 0;
	put(out, "\n");
	line[0] = '\0';
	if (is_too_soon)
		return err_set(err, ERR_CONFIRM, "the answer came with the question, so nobody read it; nothing was changed");
	return err_set(err, ERR_CONFIRM, "nobody answered within %d s; nothing was changed", seconds);
}
