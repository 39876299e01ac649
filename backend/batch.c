/* SPDX-License-Identifier: Apache-2.0
 *
 * One exec for a whole request. A driver gives argvs; this file quotes them (the only place that does), wraps them into
 * one POSIX script and splits what comes back. Exit status 0 proves nothing (a killed remote shell, a forced command and
 * a lost connection all look like it), so the script prints, after each command, a trailer on standard output with our
 * nonce, the number of bytes that the command wrote and its exit status, a marker on standard error, and a last trailer.
 * Only a stream whose trailers are all there, in order and true becomes a reply.
 *
 * On the node each command's output runs through one dd, which counts the bytes, cuts an endless output and writes on at
 * once; `timeout` ends a hung tool after half of the request's time, and the same tool is not tried again in that request,
 * so that a frozen BGP daemon does not cost the facts about the DNS server beside it. What a tool left running in its
 * process group is killed when the tool ends: it can neither hold the stream open nor write into the next part. A command
 * needs three processes instead of one (about 2 ms). Where tools are older the script does with less: no
 * fullblock (OpenBSD): the ceiling is our own; no byte count (busybox dd): the count of blocks is checked instead.
 *
 * A command that was killed or stopped has status 128+n or 124 and no output at all in the reply, whatever it had printed.
 *
 * The script is one line without newline, so that csh can pass it on; the nonce stands in it in two halves, so that a
 * listing of processes does not contain it. LC_ALL=C, sbin folders appended to PATH (a login over SSH without them says
 * "command not found"). Tried with dash, bash and busybox as /bin/sh and bash, dash, tcsh and fish as login shells.
 */
#include "backend/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define BLOCK        16384 /* bytes of one dd block: the grain of the ceiling on the node */
#define TRAILER_MAX  96    /* bytes of one trailer line with nonce and three numbers */
#define STATUS_STOPPED 124 /* what timeout(1) says of a command that it stopped */
#define PREAMBLE_MAX 8192  /* what a login shell may print before us */
#define TIMEOUT_MAX_MS 3600000

struct batch {
	const struct request *request;
	struct transport_limits limits;
	char nonce[BATCH_NONCE_LEN + 1];
	int64_t timeout_ms; /* of one command */
	struct buf script, login;
	struct buf out, err;
	size_t out_scanned, err_scanned; /* bytes known not to begin the final marker */
	bool out_ended, err_ended;
	struct reply_part parts[REQUEST_COMMANDS_MAX];
};

/* The words of the script that do not depend on the request, with a=,b= (nonce), T (seconds), U (with a fraction, which
 * only GNU timeout takes) and C (blocks) before it. v is the status of a command that timeout stopped, z the tools stopped. */
static const char script_head[] =
	"n=$a$b;LC_ALL=C;PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin;export LC_ALL PATH;"
	"exec 3>&1 4>&2 2>/dev/null </dev/null;"
	"t=;v=124;z=;d=\"dd bs=16384\";f=\"$d count=$C iflag=fullblock\";"
	/* GNU timeout makes a process group; others get one from setsid */
	"if timeout --kill-after=1 9 $f of=/dev/null;then t=\"timeout --kill-after=1 $U\";d=$f;else "
	"if $f of=/dev/null;then d=$f;fi;"
	"if setsid timeout -k 1 9 true;then t=\"setsid timeout -k 1 $T\";v=143;"
	"elif timeout -k 1 9 true;then t=\"timeout -k 1 $T\";v=143;fi;fi;"
	"r(){ k=$1;shift;s=-;l=-;g=-;q=;"
	"case \" $z \" in *\" $1 \"*)s=124;l=0;g=0+0;;*)"
	"x=$({ { $t \"$@\" 2>&4 3>&- 4>&- 5>&- & p=$!;wait $p;s=$?;kill -9 -$p;echo s$s >&5; }|$d >&3 2>&5; } 5>&1);"
	"for w in $x;do case $w in s[0-9]*)s=${w#s};;byte|bytes)l=$q;;[0-9]*+[0-9]*)g=$w;;esac;q=$w;done;;esac;"
	"if test $s = $v;then s=124;fi;if test $s = 124;then z=\"$z $1\";fi;"
	"echo $n $k >&4;echo $n $k $l $g $s >&3; };"
	"echo $n begin >&4;echo $n begin >&3;";
static const char script_tail[] = "echo $n end >&4;echo $n end >&3";

/* Quotes for a login shell that may be sh, csh or fish: the three disagree about backslash and ! inside quotes. */
static void
quote_for_login(const char *text, struct buf *out)
{
	buf_add_char(out, '\'');
	for (const char *p = text; *p; p++) {
		if (*p == '\'' || *p == '\\' || *p == '!') {
			buf_add_text(out, "'\\");
			buf_add_char(out, *p);
			buf_add_char(out, '\'');
		} else {
			buf_add_char(out, *p);
		}
	}
	buf_add_char(out, '\'');
}

static int
build(struct batch *b, struct err *err)
{
	struct buf *s = &b->script;
	buf_printf(s, "a=%.*s;b=%s;T=%d;U=%d.%d;C=%zu;", BATCH_NONCE_LEN / 2, b->nonce, b->nonce + BATCH_NONCE_LEN / 2,
		(int)(b->timeout_ms + 999) / 1000, (int)(b->timeout_ms / 1000), (int)(b->timeout_ms % 1000 / 100),
		b->limits.reply_max / BLOCK + 1);
	buf_add_text(s, script_head);
	for (size_t i = 0; i < b->request->n_commands; i++) {
		buf_printf(s, "r %zu", i);
		for (const char *const *arg = b->request->commands[i].argv; *arg; arg++) {
			buf_add_char(s, ' ');
			text_shell_quote(*arg, s);
		}
		buf_add_char(s, ';');
	}
	buf_add_text(s, script_tail);
	buf_add_text(&b->login, "exec /bin/sh -c ");
	quote_for_login(buf_text(s), &b->login);
	if (s->truncated || b->login.truncated)
		return err_set(err, ERR_TOO_LARGE, "the %zu commands are longer than %d bytes together", b->request->n_commands,
			BATCH_SCRIPT_MAX);
	return 0;
}

static bool
is_nonce(const char *text)
{
	return strlen(text) == BATCH_NONCE_LEN && strspn(text, "0123456789abcdef") == BATCH_NONCE_LEN;
}

struct batch *
batch_new(const struct request *request, const struct transport_limits *limits, const char *nonce, int64_t timeout_ms,
	struct err *err)
{
	if (request->kind != REQUEST_EXEC || request->n_commands == 0 || !is_nonce(nonce)) {
		err_set(err, ERR_USAGE, "nothing to run: the request has no commands");
		return NULL;
	}
	for (size_t i = 0; i < request->n_commands; i++) {
		if (!request->commands[i].argv[0]) {
			err_set(err, ERR_USAGE, "command %zu has no name", i);
			return NULL;
		}
	}
	struct batch *b = xcalloc(1, sizeof *b);
	b->request = request;
	b->limits = *limits;
	memcpy(b->nonce, nonce, BATCH_NONCE_LEN);
	b->timeout_ms = timeout_ms / 2;
	b->timeout_ms = b->timeout_ms < 100 ? 100 : b->timeout_ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : b->timeout_ms;
	size_t trailers = (request->n_commands + 2) * TRAILER_MAX;
	b->script = (struct buf)BUF_INIT(BATCH_SCRIPT_MAX);
	b->login = (struct buf)BUF_INIT(BATCH_SCRIPT_MAX);
	b->out = (struct buf)BUF_INIT(limits->reply_max + trailers + PREAMBLE_MAX);
	b->err = (struct buf)BUF_INIT(limits->stderr_max + trailers + PREAMBLE_MAX);
	if (build(b, err) == -1) {
		batch_free(b);
		return NULL;
	}
	return b;
}

void
batch_free(struct batch *b)
{
	if (!b)
		return;
	buf_done(&b->script);
	buf_done(&b->login);
	buf_done(&b->out);
	buf_done(&b->err);
	free(b);
}

const char *
batch_script(const struct batch *b)
{
	return buf_text(&b->script);
}

const char *
batch_login_line(const struct batch *b)
{
	return buf_text(&b->login);
}

/* Looks for the final marker in what came since the last look; a marker may arrive in pieces. */
static bool
scan_end(const struct batch *b, const struct buf *stream, size_t *scanned)
{
	char marker[BATCH_NONCE_LEN + 8];
	size_t len = (size_t)snprintf(marker, sizeof marker, "%s end\n", b->nonce);
	if (memmem(buf_text(stream) + *scanned, stream->len - *scanned, marker, len))
		return true;
	if (stream->len >= len)
		*scanned = stream->len - len + 1;
	return false;
}

void
batch_feed_out(struct batch *b, const char *data, size_t len)
{
	buf_add(&b->out, data, len);
	if (!b->out_ended)
		b->out_ended = scan_end(b, &b->out, &b->out_scanned);
}

void
batch_feed_err(struct batch *b, const char *data, size_t len)
{
	buf_add(&b->err, data, len);
	if (!b->err_ended)
		b->err_ended = scan_end(b, &b->err, &b->err_scanned);
}

bool
batch_is_over(const struct batch *b)
{
	if (!b->out_ended)
		return b->out.truncated;
	/* a flood on standard error drowns its markers; the reply does not hang on them */
	return b->err_ended || b->err.truncated;
}

/* Cuts off everything up to and with the marker line; `before` is what stood before it. */
static bool
take_until(struct slice *rest, const char *marker, struct slice *before)
{
	size_t len = strlen(marker);
	const char *at = rest->len > 0 ? memmem(rest->data, rest->len, marker, len) : NULL;
	if (!at)
		return false;
	*before = (struct slice){ rest->data, (size_t)(at - rest->data) };
	rest->len -= before->len + len;
	rest->data = at + len;
	return true;
}

static const char *
command_name(const struct batch *b, size_t i)
{
	return b->request->commands[i].argv[0];
}

/* "F+P": full blocks and partial ones, as dd reports them. */
static int
parse_blocks(struct slice word, int64_t *full, int64_t *partial)
{
	const char *plus = memchr(word.data, '+', word.len);
	if (!plus)
		return -1;
	struct slice left = { word.data, (size_t)(plus - word.data) };
	struct slice right = { plus + 1, word.len - left.len - 1 };
	if (text_parse_int(left, 0, INT32_MAX, full) == -1 || text_parse_int(right, 0, INT32_MAX, partial) == -1)
		return -1;
	return 0;
}

/* Compares the bytes we have with what the node counted: in blocks, and in bytes where its dd tells them. */
static int
check_length(const struct batch *b, size_t i, size_t got, struct slice bytes, struct slice blocks, struct err *err)
{
	int64_t want, full, partial;
	if (parse_blocks(blocks, &full, &partial) == -1)
		return err_set(err, ERR_BAD_REPLY, "%s: the node could not count the output (is dd installed?)", command_name(b, i));
	if (text_parse_int(bytes, 0, INT64_MAX, &want) == -1) {
		if ((int64_t)got >= full * BLOCK + partial && (int64_t)got <= (full + partial) * BLOCK)
			return 0;
		return err_set(err, ERR_BAD_REPLY, "%s: the node wrote %lld+%lld blocks, %zu bytes arrived", command_name(b, i),
			(long long)full, (long long)partial, got);
	}
	if ((uint64_t)want != got)
		return err_set(err, ERR_BAD_REPLY, "%s: the node wrote %lld bytes, %zu arrived", command_name(b, i), (long long)want,
			got);
	return 0;
}

/* Whether a command ended by itself; if not, err says what ended it. */
static int
check_status(const struct batch *b, size_t i, struct err *err)
{
	int status = b->parts[i].status;
	if (status == STATUS_STOPPED)
		return err_set(err, ERR_TIMEOUT, "%s did not end within %.1f s on the node and was stopped there", command_name(b, i),
			(double)b->timeout_ms / 1000);
	if (status > 128 && status <= 128 + 64) {
		const char *name = sigabbrev_np(status - 128);
		return err_set(err, ERR_KILLED, "%s was ended by signal %d (%s) on the node", command_name(b, i), status - 128,
			name ? name : "unknown");
	}
	return 0;
}

/* Commands that did not end by themselves lose their output; if there is no other command, the reply has failed. */
static int
void_stopped_parts(struct batch *b, struct err *err)
{
	struct err first = ERR_INIT;
	size_t stopped = 0;
	for (size_t i = 0; i < b->request->n_commands; i++) {
		struct err why;
		if (check_status(b, i, &why) == 0)
			continue;
		if (stopped++ == 0)
			first = why;
		b->parts[i].out = (struct slice){ "", 0 };
	}
	if (stopped < b->request->n_commands)
		return 0;
	return err_set(err, first.code, "%s", first.text);
}

/* "NONCE 0 137 0+1 0\n": command, bytes, blocks, exit status. */
static int
read_part(struct batch *b, size_t i, struct slice *out, struct err *err)
{
	char marker[BATCH_NONCE_LEN + 24];
	snprintf(marker, sizeof marker, "%s %zu ", b->nonce, i);
	struct slice line, bytes, blocks, status;
	struct reply_part *part = &b->parts[i];
	if (!take_until(out, marker, &part->out) || !slice_next_line(out, &line))
		return err_set(err, ERR_BAD_REPLY, "%s: no trailer", command_name(b, i));
	int64_t n;
	if (!slice_next_word(&line, &bytes) || !slice_next_word(&line, &blocks) || !slice_next_word(&line, &status))
		return err_set(err, ERR_BAD_REPLY, "%s: its trailer is too short", command_name(b, i));
	if (slice_equal(status, "-"))
		return err_set(err, ERR_KILLED, "%s: the shell around it was killed on the node", command_name(b, i));
	if (text_parse_int(status, 0, 255, &n) == -1)
		return err_set(err, ERR_BAD_REPLY, "%s: its trailer cannot be read", command_name(b, i));
	if (part->out.len > b->limits.reply_max)
		return err_set(err, ERR_TOO_LARGE, "%s wrote more than %zu bytes", command_name(b, i), b->limits.reply_max);
	if (check_length(b, i, part->out.len, bytes, blocks, err) == -1)
		return -1;
	part->tag = b->request->commands[i].tag ? b->request->commands[i].tag : "";
	part->status = (int)n;
	return 0;
}

/* Standard error has only markers; when a flood drowned them, the rest belongs to the command that was running. */
static void
read_stderr(struct batch *b)
{
	struct slice rest = buf_slice(&b->err), skipped;
	char marker[BATCH_NONCE_LEN + 24];
	snprintf(marker, sizeof marker, "%s begin\n", b->nonce);
	bool is_open = take_until(&rest, marker, &skipped);
	for (size_t i = 0; i < b->request->n_commands; i++) {
		b->parts[i].err = (struct slice){ "", 0 };
		if (!is_open)
			continue;
		snprintf(marker, sizeof marker, "%s %zu\n", b->nonce, i);
		is_open = take_until(&rest, marker, &b->parts[i].err);
		if (!is_open)
			b->parts[i].err = rest;
		if (b->parts[i].err.len > b->limits.stderr_max)
			b->parts[i].err.len = b->limits.stderr_max;
	}
}

/* The last line or so of what the node said, made safe, for a sentence. */
static void
quote_said(const struct batch *b, char *out, size_t size)
{
	struct slice said = slice_trim(buf_slice(&b->err));
	if (said.len == 0)
		said = slice_trim(buf_slice(&b->out));
	struct slice rest = said, line = { "", 0 };
	while (slice_next_line(&rest, &line))
		said = line;
	text_sanitise_to(said, out, size);
}

bool
batch_has_begun(const struct batch *b)
{
	char marker[BATCH_NONCE_LEN + 8];
	int len = snprintf(marker, sizeof marker, "%s begin\n", b->nonce);
	return b->out.len > 0 && memmem(buf_text(&b->out), b->out.len, marker, (size_t)len) != NULL;
}

struct slice
batch_stderr(const struct batch *b)
{
	return buf_slice(&b->err);
}

/* The streams ended without the final trailer: says why as well as can be known. */
static int
judge_end(const struct batch *b, const struct batch_end *end, struct err *err)
{
	char said[120];
	if (end->kind == BATCH_END_LOST)
		return err_set(err, ERR_CONN_LOST, "the connection was lost while the commands ran");
	if (end->kind == BATCH_END_SIGNAL)
		return err_set(err, ERR_KILLED, "the commands were ended by signal %s on the node",
			end->signal_name ? end->signal_name : "unknown");
	if (batch_has_begun(b))
		return err_set(err, ERR_KILLED, "the commands stopped before their last trailer (exit status %d)", end->status);
	quote_said(b, said, sizeof said);
	if (said[0])
		return err_set(err, ERR_BAD_REPLY, "the node did not run our commands (exit status %d): %s", end->status, said);
	return err_set(err, ERR_BAD_REPLY,
		"the node ran something else than our commands and printed nothing (exit status %d): a forced command?", end->status);
}

int
batch_finish(struct batch *b, const struct batch_end *end, struct reply *reply, struct err *err)
{
	if (b->out.truncated)
		return err_set(err, ERR_TOO_LARGE, "the reply is larger than %zu bytes", b->limits.reply_max);
	if (!b->out_ended)
		return judge_end(b, end, err);
	struct slice out = buf_slice(&b->out), skipped;
	char marker[BATCH_NONCE_LEN + 8];
	snprintf(marker, sizeof marker, "%s begin\n", b->nonce);
	if (!take_until(&out, marker, &skipped))
		return err_set(err, ERR_BAD_REPLY, "the reply ends without having begun");
	for (size_t i = 0; i < b->request->n_commands; i++)
		if (read_part(b, i, &out, err) == -1)
			return -1;
	snprintf(marker, sizeof marker, "%s end\n", b->nonce);
	if (!slice_starts(out, marker))
		return err_set(err, ERR_BAD_REPLY, "bytes of no command stand before the last trailer");
	read_stderr(b);
	if (void_stopped_parts(b, err) == -1)
		return -1;
	*reply = (struct reply){ .n_parts = b->request->n_commands, .parts = b->parts };
	return 0;
}
