/* SPDX-License-Identifier: Apache-2.0
 *
 * The question from outside, against a responder that means harm and against real Knot and NSD where they are installed.
 * What is not the answer to our question must neither be taken nor end the wait; silence, refusal and an answer are three
 * things; every byte of an answer may be missing or wrong.
 */
#include "backend/dnsprobe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "suite.h"

#define NAME "example.com"
#define SLOW 10000 /* ms, never to be reached */

struct packet {
	uint8_t data[2048];
	size_t len;
};

struct responder;
typedef void reply_fn(struct responder *r, const struct packet *query);

struct responder {
	struct loop *loop;
	int fd;
	struct loop_io *io;
	uint16_t port;
	reply_fn *reply;
	size_t asked;
	size_t cut;      /* the good answer ends here; SIZE_MAX: whole */
	size_t flip;     /* this byte of it is changed; SIZE_MAX: none */
	uint16_t rcode;
	const char *nsid;
	struct packet last_query;
	struct sockaddr_in client;
};

struct result {
	size_t calls;
	struct dnsprobe_answer a;
};

static struct loop *loop;
static struct dnsprobe *probe;
static struct responder server;

/* ---- packets ---- */

static void
put(struct packet *p, const void *data, size_t len)
{
	ck_assert_uint_le(p->len + len, sizeof p->data);
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

static void
put16(struct packet *p, unsigned v)
{
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
	put(p, b, 2);
}

static void
put32(struct packet *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p, v & 0xffff);
}

/* Length of header and question. */
static size_t
question_end(const struct packet *q)
{
	size_t at = 12;
	while (at < q->len && q->data[at] != 0)
		at += 1u + q->data[at];
	return at + 5;
}

/* Header and question of a query, as an answer with `answers` and `additional` records to follow. */
static struct packet
answer_begin(const struct packet *q, unsigned rcode, unsigned answers, unsigned additional)
{
	struct packet p = { .len = 0 };
	put(&p, q->data, question_end(q));
	p.data[2] = 0x84; /* QR AA */
	p.data[3] = (uint8_t)(rcode & 15);
	p.data[6] = p.data[8] = p.data[9] = p.data[10] = 0;
	p.data[7] = (uint8_t)answers;
	p.data[11] = (uint8_t)additional;
	return p;
}

static void
put_soa(struct packet *p, uint32_t serial)
{
	static const uint8_t rdata_names[] = "\2ns\xc0\x0c\4host\xc0\x0c";
	put16(p, 0xc00c);
	put16(p, 6);
	put16(p, 1);
	put32(p, 3600);
	put16(p, sizeof rdata_names - 1 + 20);
	put(p, rdata_names, sizeof rdata_names - 1);
	put32(p, serial);
	for (int i = 0; i < 4; i++)
		put32(p, 3600);
}

static void
put_opt(struct packet *p, unsigned extended_rcode, const void *nsid, size_t nsid_len)
{
	static const uint8_t root = 0;
	put(p, &root, 1);
	put16(p, 41);
	put16(p, 1232);
	put32(p, (uint32_t)extended_rcode << 24);
	put16(p, nsid ? (unsigned)nsid_len + 4 : 0);
	if (!nsid)
		return;
	put16(p, 3);
	put16(p, (unsigned)nsid_len);
	put(p, nsid, nsid_len);
}

static void
reply_send(struct responder *r, const struct packet *p)
{
	sendto(r->fd, p->data, p->len, 0, (struct sockaddr *)&r->client, sizeof r->client);
}

static struct packet
good_answer(const struct responder *r, const struct packet *q)
{
	bool is_good = r->rcode == 0;
	struct packet p = answer_begin(q, r->rcode, is_good, 1);
	if (is_good)
		put_soa(&p, 2026112301);
	put_opt(&p, r->rcode >> 4, r->nsid, r->nsid ? strlen(r->nsid) : 0);
	return p;
}

static void
reply_good(struct responder *r, const struct packet *q)
{
	struct packet p = good_answer(r, q);
	if (r->cut < p.len)
		p.len = r->cut;
	if (r->flip < p.len)
		p.data[r->flip] ^= 0xff;
	reply_send(r, &p);
}

static void
put_signature(struct packet *p, unsigned covered, uint32_t until)
{
	static const uint8_t signer_and_bytes[] = "\0" "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
	put16(p, 0xc00c);
	put16(p, 46);
	put16(p, 1);
	put32(p, 3600);
	put16(p, 18 + sizeof signer_and_bytes);
	put16(p, covered);
	put16(p, 13 << 8 | 2); /* ECDSA P-256, two labels */
	put32(p, 3600);
	put32(p, until);
	put32(p, 1700000000);
	put16(p, 12345);
	put(p, signer_and_bytes, sizeof signer_and_bytes);
}

#define SIGNED_UNTIL UINT32_C(4102444800) /* 2100: more than 31 bits */

/* Two of the SOA, of which the later counts, and one of something else. */
static void
reply_signed(struct responder *r, const struct packet *q)
{
	struct packet p = answer_begin(q, 0, 4, 1);
	put_soa(&p, 2026112301);
	put_signature(&p, 6, SIGNED_UNTIL - 86400);
	put_signature(&p, 6, SIGNED_UNTIL);
	put_signature(&p, 2, SIGNED_UNTIL + 5);
	put_opt(&p, 0, r->nsid, strlen(r->nsid));
	if (r->cut < p.len)
		p.len = r->cut;
	if (r->flip < p.len)
		p.data[r->flip] ^= 0xff;
	reply_send(r, &p);
}

/* ---- wrong answers; each is followed by the good one ---- */

static void
reply_wrong_id(struct responder *r, const struct packet *q)
{
	struct packet p = good_answer(r, q);
	p.data[0] ^= 1;
	reply_send(r, &p);
}

static void
reply_wrong_name(struct responder *r, const struct packet *q)
{
	struct packet p = good_answer(r, q);
	p.data[13] = 'X';
	reply_send(r, &p);
}

static void
reply_wrong_type(struct responder *r, const struct packet *q)
{
	struct packet p = good_answer(r, q);
	p.data[question_end(q) - 3] = 1;
	reply_send(r, &p);
}

static void
reply_wrong_class(struct responder *r, const struct packet *q)
{
	struct packet p = good_answer(r, q);
	p.data[question_end(q) - 1] = 3;
	reply_send(r, &p);
}

static void
reply_echo(struct responder *r, const struct packet *q)
{
	reply_send(r, q);
}

static void
reply_empty(struct responder *r, const struct packet *q)
{
	const struct packet p = { .len = 0 };
	(void)q;
	reply_send(r, &p);
}

static void
reply_garbage(struct responder *r, const struct packet *q)
{
	struct packet p = { .len = 512 };
	memset(p.data, 0xa5, p.len);
	memcpy(p.data, q->data, 2);
	reply_send(r, &p);
}

static void
reply_no_question(struct responder *r, const struct packet *q)
{
	struct packet p = { .len = 12 };
	memcpy(p.data, q->data, 2);
	p.data[2] = 0x84;
	reply_send(r, &p);
}

/* A name that points at itself, and two that point at each other. */
static void
reply_loop(struct responder *r, const struct packet *q)
{
	struct packet p = answer_begin(q, 0, 2, 0);
	put16(&p, 0xc000 | (unsigned)p.len);
	put16(&p, 6);
	put16(&p, 1);
	put32(&p, 1);
	put16(&p, 4);
	put16(&p, 0xc000 | (unsigned)(p.len + 2));
	put16(&p, 0xc000 | (unsigned)(p.len - 2));
	reply_send(r, &p);
}

static void
reply_counts_lie(struct responder *r, const struct packet *q)
{
	struct packet p = answer_begin(q, 0, 255, 255);
	p.data[6] = p.data[8] = p.data[10] = 0xff;
	put_soa(&p, 1);
	reply_send(r, &p);
}

static void
reply_other_socket(struct responder *r, const struct packet *q)
{
	struct packet p = good_answer(r, q);
	p.data[question_end(q) + 20]++;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	sendto(fd, p.data, p.len, 0, (struct sockaddr *)&r->client, sizeof r->client);
	close(fd);
}

static const struct {
	const char *name;
	reply_fn *reply;
} wrongs[] = {
	{ "wrong id", reply_wrong_id }, { "wrong name", reply_wrong_name }, { "wrong type", reply_wrong_type },
	{ "wrong class", reply_wrong_class }, { "echo of the query", reply_echo }, { "empty datagram", reply_empty },
	{ "garbage", reply_garbage }, { "no question", reply_no_question }, { "compression loop", reply_loop },
	{ "counts that lie", reply_counts_lie }, { "from another port", reply_other_socket },
};

/* ---- the responder ---- */

static void
responder_event(void *arg, unsigned events)
{
	struct responder *r = arg;
	struct packet q;
	socklen_t len = sizeof r->client;
	(void)events;
	ssize_t n = recvfrom(r->fd, q.data, sizeof q.data, 0, (struct sockaddr *)&r->client, &len);
	if (n < 12)
		return;
	q.len = (size_t)n;
	r->asked++;
	r->last_query = q;
	if (r->reply)
		r->reply(r, &q);
}

static void
set_up(void)
{
	struct err err = ERR_INIT;
	loop = loop_new(&err);
	probe = dnsprobe_new(loop, 16);
	server = (struct responder){ .loop = loop, .cut = SIZE_MAX, .flip = SIZE_MAX, .nsid = "fra1", .reply = reply_good };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server.fd, (struct sockaddr *)&in, sizeof in), 0);
	getsockname(server.fd, (struct sockaddr *)&in, &len);
	server.port = ntohs(in.sin_port);
	server.io = loop_io_add(loop, server.fd, LOOP_READ, responder_event, &server);
}

static void
tear_down(void)
{
	dnsprobe_free(probe);
	loop_io_del(server.io);
	if (server.fd != -1)
		close(server.fd);
	loop_free(loop);
}

static void
on_done(void *arg, const struct dnsprobe_answer *answer)
{
	struct result *r = arg;
	r->calls++;
	r->a = *answer;
}

static struct result
ask_at(const char *address, uint16_t port, const char *name, const char *type, int64_t timeout_ms)
{
	const struct dnsprobe_question q = { .address = address, .port = port, .name = name, .type = type };
	struct result r = { .calls = 0 };
	dnsprobe_ask(probe, &q, timeout_ms, on_done, &r);
	ck_assert_uint_eq(r.calls, 0); /* never from inside */
	while (r.calls == 0) {
		bool is_armed = loop_turn(loop, true);
		ck_assert(is_armed || r.calls > 0);
	}
	ck_assert_uint_eq(r.calls, 1);
	return r;
}

static struct result
ask(int64_t timeout_ms)
{
	return ask_at("127.0.0.1", server.port, NAME, "SOA", timeout_ms);
}

/* ---- tests ---- */

START_TEST(test_answer_is_read)
{
	struct result r = ask(SLOW);
	ck_assert(r.a.is_answered);
	ck_assert_str_eq(r.a.rcode, "NOERROR");
	ck_assert_str_eq(r.a.identity, "fra1");
	ck_assert_int_eq(r.a.serial, 2026112301);
	ck_assert_int_ge(r.a.rtt_us, 0);
	ck_assert_int_lt(r.a.rtt_us, 5000000);
	ck_assert_str_eq(r.a.text, "");
}
END_TEST

START_TEST(test_end_of_signatures_is_read)
{
	struct result r = ask(SLOW);
	ck_assert_int_eq(r.a.signed_until, -1);
	server.reply = reply_signed;
	r = ask(SLOW);
	ck_assert_int_eq(r.a.serial, 2026112301);
	ck_assert_int_eq(r.a.signed_until, SIGNED_UNTIL);
}
END_TEST

/* Whatever byte is another one: an end is read or none, and nothing breaks. */
START_TEST(test_harmed_signatures)
{
	server.reply = reply_signed;
	for (server.flip = 12; server.flip < 400; server.flip += 3) {
		struct result r = ask(20);
		ck_assert_int_ge(r.a.signed_until, -1);
		ck_assert_int_le(r.a.signed_until, UINT32_MAX);
	}
}
END_TEST

/* RD clear, one question, EDNS with DO and an empty NSID: nothing a server would log or refuse. */
START_TEST(test_query_is_as_small_as_promised)
{
	ask(SLOW);
	const struct packet *q = &server.last_query;
	static const uint8_t opt[] = { 0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 4, 0, 3, 0, 0 };
	ck_assert_uint_eq(q->data[2], 0);
	ck_assert_uint_eq(q->data[3], 0);
	ck_assert_uint_eq(q->len, question_end(q) + sizeof opt);
	ck_assert_mem_eq(q->data + question_end(q), opt, sizeof opt);
}
END_TEST

START_TEST(test_ids_and_ports_are_not_repeated)
{
	uint16_t ids[24], ports[24];
	size_t same_id = 0, same_port = 0;
	for (size_t i = 0; i < 24; i++) {
		ask(SLOW);
		ids[i] = (uint16_t)(server.last_query.data[0] << 8 | server.last_query.data[1]);
		ports[i] = server.client.sin_port;
		for (size_t j = 0; j < i; j++) {
			same_id += ids[i] == ids[j];
			same_port += ports[i] == ports[j];
		}
	}
	ck_assert_uint_le(same_id, 2);
	ck_assert_uint_le(same_port, 4);
}
END_TEST

static void
reply_wrong_then_good(struct responder *r, const struct packet *q)
{
	wrongs[r->rcode >> 8].reply(r, q);
	struct responder good = *r;
	good.rcode = 0;
	reply_good(&good, q);
}

START_TEST(test_wrong_answer_is_ignored_and_the_right_one_taken)
{
	server.reply = reply_wrong_then_good;
	server.rcode = (uint16_t)(_i << 8);
	struct result r = ask(SLOW);
	ck_assert_msg(r.a.is_answered, "%s: %s", wrongs[_i].name, r.a.text);
	ck_assert_msg(r.a.serial == 2026112301, "%s: serial %lld", wrongs[_i].name, (long long)r.a.serial);
	ck_assert_str_eq(r.a.identity, "fra1");
}
END_TEST

START_TEST(test_wrong_answer_alone_is_silence)
{
	server.reply = wrongs[_i].reply;
	struct result r = ask(60);
	ck_assert_msg(!r.a.is_answered && r.a.error == ERR_TIMEOUT, "%s: %s", wrongs[_i].name, r.a.text);
	ck_assert_uint_eq(server.asked, 2);
}
END_TEST

START_TEST(test_every_truncation_and_change_is_survived)
{
	struct result whole = ask(SLOW);
	ck_assert(whole.a.is_answered);
	struct packet p = good_answer(&server, &server.last_query);
	/* Each variant is followed by the good answer, so that the loop need not wait for a deadline. */
	for (size_t i = 0; i < 2 * p.len; i++) {
		server.cut = i < p.len ? i : SIZE_MAX;
		server.flip = i < p.len ? SIZE_MAX : i - p.len;
		server.reply = reply_good;
		struct result r = { .calls = 0 };
		const struct dnsprobe_question q = { .address = "127.0.0.1", .port = server.port, .name = NAME, .type = "SOA" };
		size_t asked = server.asked;
		dnsprobe_ask(probe, &q, SLOW, on_done, &r);
		while (server.asked == asked)
			ck_assert(loop_turn(loop, true));
		server.cut = server.flip = SIZE_MAX;
		reply_good(&server, &server.last_query);
		while (r.calls == 0)
			ck_assert(loop_turn(loop, true));
		ck_assert(r.a.is_answered);
		if (i < p.len)
			ck_assert_msg(r.a.serial == 2026112301 || r.a.serial == -1, "cut at %zu gave serial %lld", i,
				(long long)r.a.serial);
		for (const char *c = r.a.identity; *c; c++)
			ck_assert((unsigned char)*c >= ' ' && *c != 0x7f);
	}
}
END_TEST

START_TEST(test_rcodes)
{
	static const struct {
		uint16_t rcode;
		const char *name;
	} codes[] = { { 2, "SERVFAIL" }, { 3, "NXDOMAIN" }, { 5, "REFUSED" }, { 9, "NOTAUTH" }, { 3000, "RCODE3000" } };
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		server.rcode = codes[i].rcode;
		struct result r = ask(SLOW);
		ck_assert(r.a.is_answered);
		ck_assert_str_eq(r.a.rcode, codes[i].name);
		ck_assert_int_eq(r.a.serial, -1);
	}
}
END_TEST

/* What NSD's rate limit sends: empty, truncated, no NSID. It answers; it is no outage. */
static void
reply_truncated(struct responder *r, const struct packet *q)
{
	struct packet p = answer_begin(q, 0, 0, 0);
	p.data[2] |= 2;
	reply_send(r, &p);
}

START_TEST(test_rate_limited_answer_is_no_outage)
{
	server.reply = reply_truncated;
	struct result r = ask(SLOW);
	ck_assert(r.a.is_answered);
	ck_assert_str_eq(r.a.identity, "");
	ck_assert_int_eq(r.a.serial, -1);
}
END_TEST

START_TEST(test_hostile_identity_is_made_harmless)
{
	server.nsid = "\033]0;owned\a\xff\xe2\x80\xae";
	struct result r = ask(SLOW);
	ck_assert(r.a.is_answered);
	ck_assert_ptr_null(strchr(r.a.identity, '\033'));
	ck_assert_ptr_nonnull(strstr(r.a.identity, "owned"));
	static char long_one[600];
	memset(long_one, 'x', sizeof long_one - 1);
	server.nsid = long_one;
	r = ask(SLOW);
	ck_assert_uint_lt(strlen(r.a.identity), sizeof r.a.identity);
}
END_TEST

START_TEST(test_silence_is_a_timeout_after_two_questions)
{
	server.reply = NULL;
	struct mono start = clock_mono();
	struct result r = ask(80);
	int64_t ms = mono_ms_since(clock_mono(), start);
	ck_assert_int_eq(r.a.error, ERR_TIMEOUT);
	ck_assert_uint_eq(server.asked, 2);
	ck_assert_int_ge(ms, 79);
	ck_assert_int_lt(ms, 5000);
	ck_assert_int_eq(r.a.rtt_us, -1);
}
END_TEST

static void
reply_second(struct responder *r, const struct packet *q)
{
	if (r->asked == 2)
		reply_good(r, q);
}

/* The first answer comes after the second question: the time counts from the first. */
static void
reply_late(struct responder *r, const struct packet *q)
{
	static struct packet first;
	if (r->asked == 1)
		first = *q;
	else
		reply_good(r, &first);
}

START_TEST(test_second_question_rescues_a_lost_packet)
{
	server.reply = reply_second;
	struct result r = ask(400);
	ck_assert(r.a.is_answered);
	ck_assert_int_lt(r.a.rtt_us, 190000);
	server.asked = 0;
	server.reply = reply_late;
	r = ask(400);
	ck_assert(r.a.is_answered);
	ck_assert_int_ge(r.a.rtt_us, 190000);
}
END_TEST

START_TEST(test_closed_port_is_told_at_once)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	bind(fd, (struct sockaddr *)&in, sizeof in);
	getsockname(fd, (struct sockaddr *)&in, &len);
	close(fd);
	struct mono start = clock_mono();
	struct result r = ask_at("127.0.0.1", ntohs(in.sin_port), NAME, "SOA", SLOW);
	ck_assert_int_eq(r.a.error, ERR_CONN_REFUSED);
	ck_assert_int_lt(mono_ms_since(clock_mono(), start), SLOW / 2);
}
END_TEST

START_TEST(test_bad_questions_are_answered_from_the_loop)
{
	struct result r = ask_at("127.0.0.1", server.port, NAME, "NOSUCHTYPE", SLOW);
	ck_assert_int_eq(r.a.error, ERR_USAGE);
	r = ask_at("127.0.0.1", server.port, "a..b", "SOA", SLOW);
	ck_assert_int_eq(r.a.error, ERR_USAGE);
	r = ask_at("not-an-address", 53, NAME, "SOA", SLOW);
	ck_assert(!r.a.is_answered);
	ck_assert_int_ne(r.a.error, ERR_OK);
	ck_assert_uint_eq(server.asked, 0);
}
END_TEST

START_TEST(test_questions_under_way_are_bounded)
{
	const struct dnsprobe_question q = { .address = "127.0.0.1", .port = server.port, .name = NAME, .type = "SOA" };
	struct result r[20];
	memset(r, 0, sizeof r);
	server.reply = NULL;
	for (size_t i = 0; i < 20; i++)
		dnsprobe_ask(probe, &q, 60, on_done, &r[i]);
	for (size_t i = 0; i < 20; i++)
		while (r[i].calls == 0)
			ck_assert(loop_turn(loop, true));
	for (size_t i = 0; i < 20; i++)
		ck_assert_int_eq(r[i].a.error, i < 16 ? ERR_TIMEOUT : ERR_BUSY);
}
END_TEST

START_TEST(test_forget_drops_without_a_word)
{
	const struct dnsprobe_question q = { .address = "127.0.0.1", .port = server.port, .name = NAME, .type = "SOA" };
	struct result r = { .calls = 0 };
	dnsprobe_ask(probe, &q, SLOW, on_done, &r);
	dnsprobe_forget(probe);
	for (int i = 0; i < 10; i++)
		loop_turn(loop, false);
	ck_assert_uint_eq(r.calls, 0);
}
END_TEST

/* ---- real servers ---- */

struct real {
	const char *name, *path;
	const char *conf; /* DIR and PORT are replaced */
	const char *argv[5];
};

static const struct real reals[] = {
	{ "Knot", "/usr/sbin/knotd",
	  "server:\n    rundir: \"DIR\"\n    listen: 127.0.0.1@PORT\n    nsid: \"real-1\"\ndatabase:\n    storage: \"DIR\"\n"
	  "zone:\n  - domain: example.com\n    storage: \"DIR\"\n    file: \"zone\"\n",
	  { "/usr/sbin/knotd", "-c", "CONF", NULL } },
	{ "NSD", "/usr/sbin/nsd",
	  "server:\n  ip-address: 127.0.0.1@PORT\n  zonesdir: \"DIR\"\n  username: \"\"\n  database: \"\"\n"
	  "  pidfile: \"DIR/pid\"\n  zonelistfile: \"DIR/list\"\n  xfrdfile: \"DIR/xfrd\"\n  xfrdir: \"DIR\"\n"
	  "  nsid: \"ascii_real-1\"\n  server-count: 1\nremote-control:\n  control-enable: no\n"
	  "zone:\n  name: example.com\n  zonefile: \"zone\"\n",
	  { "/usr/sbin/nsd", "-d", "-c", "CONF", NULL } },
};

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* `text` with DIR and PORT replaced. */
static void
fill_in(const char *text, const char *dir, uint16_t port, struct buf *out)
{
	while (*text) {
		if (strncmp(text, "DIR", 3) == 0) {
			buf_add_text(out, dir);
			text += 3;
		} else if (strncmp(text, "PORT", 4) == 0) {
			buf_printf(out, "%u", port);
			text += 4;
		} else {
			buf_add_char(out, *text++);
		}
	}
}

static pid_t
start_real(const struct real *s, const char *dir, uint16_t port)
{
	char conf_path[200];
	struct buf conf = BUF_INIT(8192);
	fill_in(s->conf, dir, port, &conf);
	write_file(dir, "conf", buf_text(&conf));
	buf_done(&conf);
	write_file(dir, "zone", "example.com. 60 IN SOA ns host 2026112302 60 60 60 60\nexample.com. 60 IN NS ns.example.com.\n"
				"ns.example.com. 60 IN A 192.0.2.53\n");
	snprintf(conf_path, sizeof conf_path, "%s/conf", dir);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* leaves nothing running when a test fails */
	const char *argv[5];
	memcpy(argv, s->argv, sizeof argv);
	for (size_t i = 0; argv[i]; i++)
		if (strcmp(argv[i], "CONF") == 0)
			argv[i] = conf_path;
	int fd = open("/dev/null", O_RDWR);
	dup2(fd, 1);
	dup2(fd, 2);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
remove_folder(const char *dir)
{
	char command[200];
	snprintf(command, sizeof command, "rm -rf -- '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(test_real_server_answers)
{
	const struct real *s = &reals[_i];
	if (access(s->path, X_OK) != 0) {
		printf("SKIP test_real_server_answers: %s is not installed\n", s->path);
		return;
	}
	char dir[] = "/tmp/test-dnsprobe-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(dir));
	/* a port that was free a moment ago, for UDP and TCP alike */
	uint16_t port = server.port;
	loop_io_del(server.io);
	close(server.fd);
	server.io = NULL;
	server.fd = -1;
	pid_t pid = start_real(s, dir, port);
	struct result r = { .calls = 0 };
	/* until it listens the kernel refuses at once; each question waits for as long as it has to */
	struct mono start = clock_mono();
	do {
		r = ask_at("127.0.0.1", port, NAME, "SOA", 200);
	} while ((!r.a.is_answered || r.a.serial == -1) && mono_s_since(clock_mono(), start) < 20);
	struct result refused = ask_at("127.0.0.1", port, "example.net", "SOA", 5000);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	remove_folder(dir);
	ck_assert_msg(r.a.is_answered, "%s: %s", s->name, r.a.text);
	ck_assert_str_eq(r.a.rcode, "NOERROR");
	ck_assert_str_eq(r.a.identity, "real-1");
	ck_assert_int_eq(r.a.serial, 2026112302);
	ck_assert_str_eq(refused.a.rcode, "REFUSED");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dnsprobe");
	TCase *c = tcase_create("question");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, test_answer_is_read);
	tcase_add_test(c, test_query_is_as_small_as_promised);
	tcase_add_test(c, test_end_of_signatures_is_read);
	tcase_add_test(c, test_harmed_signatures);
	tcase_add_test(c, test_ids_and_ports_are_not_repeated);
	tcase_add_loop_test(c, test_wrong_answer_is_ignored_and_the_right_one_taken, 0, sizeof wrongs / sizeof wrongs[0]);
	tcase_add_loop_test(c, test_wrong_answer_alone_is_silence, 0, sizeof wrongs / sizeof wrongs[0]);
	tcase_add_test(c, test_every_truncation_and_change_is_survived);
	tcase_add_test(c, test_rcodes);
	tcase_add_test(c, test_rate_limited_answer_is_no_outage);
	tcase_add_test(c, test_hostile_identity_is_made_harmless);
	tcase_add_test(c, test_silence_is_a_timeout_after_two_questions);
	tcase_add_test(c, test_second_question_rescues_a_lost_packet);
	tcase_add_test(c, test_closed_port_is_told_at_once);
	tcase_add_test(c, test_bad_questions_are_answered_from_the_loop);
	tcase_add_test(c, test_questions_under_way_are_bounded);
	tcase_add_test(c, test_forget_drops_without_a_word);
	tcase_add_loop_test(c, test_real_server_answers, 0, sizeof reals / sizeof reals[0]);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
