/* SPDX-License-Identifier: Apache-2.0
 *
 * The question from outside, with ldns for building and reading packets (the only file that includes it). One connected
 * UDP socket a question: the kernel then picks the source port, drops what comes from elsewhere and tells us of ICMP
 * "port unreachable". The id is random; an answer counts only if id and question are ours, anything else is ignored and
 * the wait goes on, because anybody may send us packets. The datagram is read into a fixed array.
 *
 * An ordinary SOA with NSID is asked, not id.server in CHAOS: BIND limits those to 3 a second a client network, which
 * would look like an outage (LAB.md 6).
 */
#include "backend/dnsprobe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ldns/ldns.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/text.h"

#define PACKET_MAX  4096
#define UDP_SIZE    1232 /* of the answers we ask for: fits any path without fragments */
#define NSID_OPTION 3

struct ask {
	struct dnsprobe *probe;
	struct ask *next, **self;
	dnsprobe_done_fn *done;
	void *arg;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	int64_t timeout_ms;
	size_t n_sent;        /* 1 or 2; each with an id of its own, so that a late answer is not timed from the second */
	uint16_t ids[2];
	struct mono sent[2];
	bool has_failed;      /* could not be sent: the timer tells */
	ldns_pkt *query;
	uint8_t *wire;
	size_t wire_len;
	struct dnsprobe_answer answer;
};

struct dnsprobe {
	struct loop *loop;
	size_t limit, under_way;
	struct ask *asks;
};

struct dnsprobe *
dnsprobe_new(struct loop *l, size_t limit)
{
	struct dnsprobe *d = xcalloc(1, sizeof *d);
	d->loop = l;
	d->limit = limit;
	return d;
}

static void
drop(struct ask *a)
{
	*a->self = a->next;
	if (a->next)
		a->next->self = a->self;
	a->probe->under_way--;
	loop_io_del(a->io);
	loop_timer_del(a->timer);
	if (a->fd != -1)
		close(a->fd);
	ldns_pkt_free(a->query);
	LDNS_FREE(a->wire);
	free(a);
}

void
dnsprobe_forget(struct dnsprobe *d)
{
	while (d->asks)
		drop(d->asks);
}

void
dnsprobe_free(struct dnsprobe *d)
{
	if (!d)
		return;
	dnsprobe_forget(d);
	free(d);
}

static void
finish(struct ask *a)
{
	dnsprobe_done_fn *done = a->done;
	void *arg = a->arg;
	struct dnsprobe_answer answer = a->answer;
	drop(a);
	done(arg, &answer);
}

static void
fail(struct ask *a, enum err_code code, const char *text)
{
	a->answer.is_answered = false;
	a->answer.error = code;
	snprintf(a->answer.text, sizeof a->answer.text, "%s", text);
}

static void
fail_errno(struct ask *a, int number)
{
	switch (number) {
	case ECONNREFUSED:
		fail(a, ERR_CONN_REFUSED, "port unreachable: nothing listens there");
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
		fail(a, ERR_NO_ROUTE, "host or network unreachable");
		break;
	default:
		fail(a, ERR_FAILED, strerror(number));
		break;
	}
}

/* -- building -- */

static ldns_pkt *
build_query(const struct dnsprobe_question *q)
{
	ldns_rdf *name = ldns_dname_new_frm_str(q->name);
	ldns_rr_type type = ldns_get_rr_type_by_name(q->type);
	if (!name || type == 0) {
		ldns_rdf_deep_free(name);
		return NULL;
	}
	ldns_pkt *p = ldns_pkt_query_new(name, type, LDNS_RR_CLASS_IN, 0);
	if (!p)
		return NULL;
	static const uint8_t nsid[4] = { 0, NSID_OPTION, 0, 0 };
	ldns_pkt_set_edns_udp_size(p, UDP_SIZE);
	ldns_pkt_set_edns_do(p, true);
	ldns_pkt_set_edns_data(p, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_NONE, sizeof nsid, nsid));
	return p;
}

static int
open_socket(const struct dnsprobe_question *q)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(q->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(q->port) };
	const struct sockaddr *address = NULL;
	socklen_t len = 0;
	if (inet_pton(AF_INET, q->address, &v4.sin_addr) == 1) {
		address = (const struct sockaddr *)&v4;
		len = sizeof v4;
	} else if (inet_pton(AF_INET6, q->address, &v6.sin6_addr) == 1) {
		address = (const struct sockaddr *)&v6;
		len = sizeof v6;
	} else {
		errno = EINVAL;
		return -1;
	}
	int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, address, len) == -1) {
		int number = errno;
		close(fd);
		errno = number;
		return -1;
	}
	return fd;
}

/* -- reading -- */

/* Which of the packets sent this one answers; -1: none. */
static int
which_sent(const struct ask *a, ldns_pkt *p)
{
	for (size_t i = 0; i < a->n_sent; i++)
		if (ldns_pkt_id(p) == a->ids[i])
			return (int)i;
	return -1;
}

static bool
is_ours(const struct ask *a, ldns_pkt *p)
{
	ldns_rr_list *asked = ldns_pkt_question(a->query), *got = ldns_pkt_question(p);
	if (!ldns_pkt_qr(p) || which_sent(a, p) == -1 || ldns_rr_list_rr_count(got) != 1)
		return false;
	ldns_rr *x = ldns_rr_list_rr(asked, 0), *y = ldns_rr_list_rr(got, 0);
	return ldns_rr_get_type(x) == ldns_rr_get_type(y) && ldns_rr_get_class(x) == ldns_rr_get_class(y) &&
		ldns_dname_compare(ldns_rr_owner(x), ldns_rr_owner(y)) == 0;
}

static void
read_identity(ldns_pkt *p, struct dnsprobe_answer *out)
{
	ldns_rdf *options = ldns_pkt_edns_data(p);
	if (!options)
		return;
	const uint8_t *data = ldns_rdf_data(options);
	size_t len = ldns_rdf_size(options), at = 0;
	while (len - at >= 4) {
		size_t code = (size_t)(data[at] << 8 | data[at + 1]), size = (size_t)(data[at + 2] << 8 | data[at + 3]);
		at += 4;
		if (size > len - at)
			return;
		if (code == NSID_OPTION)
			text_sanitise_to((struct slice){ (const char *)data + at, size }, out->identity, sizeof out->identity);
		at += size;
	}
}

static void
read_serial(ldns_pkt *p, struct dnsprobe_answer *out)
{
	ldns_rr_list *answers = ldns_pkt_answer(p);
	for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
		ldns_rr *rr = ldns_rr_list_rr(answers, i);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA && ldns_rr_rd_count(rr) == 7)
			out->serial = ldns_rdf2native_int32(ldns_rr_rdf(rr, 2));
	}
}

/* The signatures of the SOA; whether they are right is a validator's question, when they end is ours. */
static void
read_signatures(ldns_pkt *p, struct dnsprobe_answer *out)
{
	ldns_rr_list *answers = ldns_pkt_answer(p);
	for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
		ldns_rr *rr = ldns_rr_list_rr(answers, i);
		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG || ldns_rr_rd_count(rr) != 9 ||
			ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) != LDNS_RR_TYPE_SOA)
			continue;
		const ldns_rdf *end = ldns_rr_rrsig_expiration(rr);
		int64_t until = ldns_rdf_size(end) == 4 ? (int64_t)ldns_read_uint32(ldns_rdf_data(end)) : -1;
		if (until > out->signed_until)
			out->signed_until = until;
	}
}

static void
read_rcode(ldns_pkt *p, struct dnsprobe_answer *out)
{
	unsigned code = (unsigned)ldns_pkt_get_rcode(p) | (unsigned)ldns_pkt_edns_extended_rcode(p) << 4;
	ldns_lookup_table *row = ldns_lookup_by_id(ldns_rcodes, (int)code);
	if (row)
		snprintf(out->rcode, sizeof out->rcode, "%s", row->name);
	else
		snprintf(out->rcode, sizeof out->rcode, "RCODE%u", code);
}

/* True if the datagram was the answer we wait for. */
static bool
take_datagram(struct ask *a, const uint8_t *data, size_t len)
{
	ldns_pkt *p = NULL;
	if (ldns_wire2pkt(&p, data, len) != LDNS_STATUS_OK)
		return false;
	bool is_answer = is_ours(a, p);
	if (is_answer) {
		a->answer.is_answered = true;
		a->answer.error = ERR_OK;
		a->answer.text[0] = '\0';
		a->answer.rtt_us = (clock_mono().ns - a->sent[which_sent(a, p)].ns) / 1000;
		read_rcode(p, &a->answer);
		read_identity(p, &a->answer);
		read_serial(p, &a->answer);
		read_signatures(p, &a->answer);
	}
	ldns_pkt_free(p);
	return is_answer;
}

static void
on_readable(void *arg, unsigned events)
{
	struct ask *a = arg;
	uint8_t data[PACKET_MAX];
	(void)events;
	/* a flood is looked at a few datagrams a turn; the deadline runs meanwhile */
	for (int i = 0; i < 8; i++) {
		ssize_t n = recv(a->fd, data, sizeof data, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1) {
			fail_errno(a, errno);
			finish(a);
			return;
		}
		if (take_datagram(a, data, (size_t)n)) {
			finish(a);
			return;
		}
	}
}

static void
transmit(struct ask *a)
{
	size_t i = a->n_sent++;
	a->ids[i] = (uint16_t)randombytes_uniform(65536);
	a->wire[0] = (uint8_t)(a->ids[i] >> 8);
	a->wire[1] = (uint8_t)a->ids[i];
	a->sent[i] = clock_mono();
	/* a refusal by ICMP of the first packet may show here already; it is read as an answer then */
	if (send(a->fd, a->wire, a->wire_len, MSG_NOSIGNAL) == -1 && errno != EAGAIN && errno != EINTR) {
		fail_errno(a, errno);
		loop_timer_set(a->timer, 0, 0);
		a->has_failed = true;
	}
}

static void
on_timer(void *arg)
{
	struct ask *a = arg;
	if (a->answer.error == ERR_TIMEOUT && !a->has_failed && a->n_sent == 1) {
		loop_timer_set(a->timer, a->timeout_ms - a->timeout_ms / 2, 0);
		transmit(a);
		return;
	}
	finish(a);
}

static void
start(struct ask *a, const struct dnsprobe_question *q)
{
	if (a->probe->under_way > a->probe->limit) {
		fail(a, ERR_BUSY, "too many questions under way");
		return;
	}
	a->query = build_query(q);
	if (!a->query || ldns_pkt2wire(&a->wire, a->query, &a->wire_len) != LDNS_STATUS_OK) {
		fail(a, ERR_USAGE, "the question is no DNS name and type");
		return;
	}
	a->fd = open_socket(q);
	if (a->fd == -1) {
		fail_errno(a, errno);
		return;
	}
	snprintf(a->answer.text, sizeof a->answer.text, "no answer within %d ms", (int)a->timeout_ms);
	a->answer.error = ERR_TIMEOUT;
	a->io = loop_io_add(a->probe->loop, a->fd, LOOP_READ, on_readable, a);
	loop_timer_set(a->timer, a->timeout_ms / 2, 0);
	transmit(a);
}

void
dnsprobe_ask(struct dnsprobe *d, const struct dnsprobe_question *q, int64_t timeout_ms, dnsprobe_done_fn *done, void *arg)
{
	struct ask *a = xcalloc(1, sizeof *a);
	a->probe = d;
	a->fd = -1;
	a->done = done;
	a->arg = arg;
	a->timeout_ms = timeout_ms;
	a->answer.rtt_us = a->answer.serial = a->answer.signed_until = -1;
	a->self = &d->asks;
	a->next = d->asks;
	if (a->next)
		a->next->self = &a->next;
	d->asks = a;
	d->under_way++;
	a->timer = loop_timer_add(d->loop, 0, 0, on_timer, a); /* fires at once if start() fails: answers from the loop */
	start(a, q);
}
