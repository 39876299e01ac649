/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain shows what was changed in it, and cannot show that its end was cut off, or that all of it was written anew by
 * somebody who may write the file (SAFETY model C5). So the newest record's number and hash are told to the system's log: at
 * the start, after 256 records or a minute while there are new ones, and at the end. Where that log goes to another
 * machine, as such logs do, `catchment audit verify --heads FILE` finds both.
 *
 * The message is sent by hand and not by syslog(3), which waits when nobody reads: nothing may wait on the loop. It is not
 * signed: whoever may write to the system's log can put a false head there and raise a false alarm, and cannot take a
 * true one back from the machine it went to.
 */
#include "backend/notary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOK_MS     5000
#define TELL_MS     60000
#define TELL_AFTER  256 /* records */
#define PRIORITY    85  /* authpriv, notice */

struct notary {
	const struct ledger *ledger;
	struct loop_timer *timer;
	struct sockaddr_un address;
	int fd;
	uint64_t seq;        /* that was told last */
	struct mono told_at; /* unset: never */
	struct notary_figures figures;
};

static int
send_head(struct notary *w, const struct chain_head *head)
{
	char text[256], at[CLOCK_TEXT_MAX];
	wall_format(head->at, at);
	int len = snprintf(text, sizeof text, "<%d>catchmentd[%ld]: audit head %" PRIu64 ":%s at %s", PRIORITY, (long)getpid(),
		head->seq, head->hash, at);
	return sendto(w->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&w->address,
		       sizeof w->address) == len ?
		0 :
		-1;
}

static void
tell(struct notary *w, const struct chain_head *head, struct mono now)
{
	if (send_head(w, head) == -1) {
		w->figures.lost++;
		return;
	}
	w->figures.told++;
	w->seq = head->seq;
	w->told_at = now;
}

void
notary_look(struct notary *w, struct mono now)
{
	struct chain_head head;
	ledger_head(w->ledger, &head);
	if (head.seq == w->seq)
		return;
	if (!mono_is_set(w->told_at) || head.seq - w->seq >= TELL_AFTER || mono_ms_since(now, w->told_at) >= TELL_MS)
		tell(w, &head, now);
}

static void
on_timer(void *arg)
{
	notary_look(arg, clock_mono());
}

struct notary *
notary_new(struct loop *l, const struct ledger *ledger, const char *path)
{
	struct notary *w = xcalloc(1, sizeof *w);
	w->ledger = ledger;
	w->address.sun_family = AF_UNIX;
	snprintf(w->address.sun_path, sizeof w->address.sun_path, "%s", path ? path : NOTARY_PATH);
	w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	w->timer = loop_timer_add(l, 0, LOOK_MS, on_timer, w);
	return w;
}

void
notary_free(struct notary *w)
{
	struct chain_head head;
	if (!w)
		return;
	ledger_head(w->ledger, &head);
	if (head.seq != w->seq)
		tell(w, &head, clock_mono());
	loop_timer_del(w->timer);
	if (w->fd != -1)
		(void)close(w->fd);
	free(w);
}

struct notary_figures
notary_figures(const struct notary *w)
{
	return w->figures;
}
