/* SPDX-License-Identifier: Apache-2.0
 *
 * The script that changes a node. The shell that a login gets does the least: it takes the lock, compares the operation
 * number with the one on disk, notes what it is about to do, does it, and says in one line what stands on disk now. Before
 * the first step a second shell is set loose (own session, no descriptors) that sleeps confirm_s and then takes the same
 * steps back, unless the number on disk is no longer its own or was marked as kept: so a backend that died, a cut line or a
 * killed shell leaves no node withdrawn that nobody watches. An undo that fails is tried again for a quarter of an hour.
 *
 * Rules of the text. POSIX sh with what coreutils and busybox share; tried with dash, bash and busybox. One line without
 * newline, for it passes through batch.c and a login shell that may be csh. Words of a plan stand in double quotes, with
 * the four characters escaped that mean something there; whole functions stand in single quotes, since the second shell
 * gets them as text. Nothing else of a plan becomes shell. A quote costs 16 bytes on its way, a double quote one.
 *
 * On the node, in the state folder: BASE.op `NUMBER APPLIED STATE`, replaced by rename; BASE.lock, a symbolic link made in
 * one step whose target is the holder's process, broken when that process is gone; BASE.why, the last undo's complaint.
 * Two ends of a failed apply are told apart: `undone` when the steps so far were taken back, `failed` when that failed too.
 *
 * A process costs a busy node a millisecond or two, and a PoP's nodes are changed in the time of the slowest: what the
 * shell can do by itself it does, and a tool is started only for what needs one.
 *
 * Does not judge: exit status 0 of a daemon's tool is needed and proves nothing, the caller reads the wire. Called by
 * actor_work.c.
 */
#include "backend/act_script.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "backend/batch.h"
#include "core/text.h"

#define VERSION       "1"
#define FIRST_WORD    "catchment-act"
#define ANSWER_MAX    4096
#define BATCH_MARGIN  2500 /* what batch.c adds around the script, with room */
#define SCRIPT_MAX    (1u << 16)
#define TEXT_FILE_MAX 1024 /* of a STEP_FILE */

/*
 * Functions of both shells. D folder, B base name, N this order's number, W seconds; M A Z what is on disk; K locked; T what
 * there is to say; X the result.
 *   r     runs a tool for at most 10 s; its last words are said when it fails
 *   bare  a text without its digits, in z
 *   like  is the file a plain one that differs from the text in nothing but digits? What else is in there is not ours
 *   put   replaces a file with owner and mode as they are
 *   lock  waits for $1 tenths of a second
 */
static const char prelude[] =
	"D=$1;B=$2;N=$3;W=$4;umask 077;LC_ALL=C;PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin;export LC_ALL PATH;exec 2>/dev/null;"
	"D=${D:-${CATCHMENT_STATE:-}};if [ -z \"${D%%[!/]*}\" ];then if [ \"$(id -u)\" = 0 ];then D=/var/lib/catchment;"
	"else D=${HOME:-}/.local/state/catchment;fi;fi;"
	"F=$D/$B.op;L=$D/$B.lock;M=0;A=0;Z=none;K=;T=;X=failed;t=;"
	"say(){ T=\"$T$1 \";};"
	"r(){ if [ -z \"$t\" ];then t=\" \";if timeout --foreground --version >/dev/null;then t=\"timeout --foreground 10\";"
	"elif timeout 9 true;then t=\"timeout 10\";fi;fi;"
	"O=$({ $t \"$@\" 2>&1 </dev/null;echo \" rc=$?\";}|tail -c 300);S=${O##* rc=};S=${S%%[!0-9]*};"
	"if [ \"$S\" = 0 ];then return 0;fi;"
	"say \"$1 ended with status $S: $(printf %s \"${O% rc=*}\"|tr \"\\n\\r\\t\" \"   \")\";return 1;};"
	"same(){ ls -ldn \"$1\" \"$2\"|{ read -r a y b d y;read -r e y f g y;[ -n \"$d\" ]&&[ \"$a $b $d\" = \"$e $f $g\" ];};};"
	"bare(){ y=$1;z=;while :;do case $y in *[0-9]*)z=$z${y%%[0-9]*};y=${y#*[0-9]};;*)z=$z$y;return 0;;esac;done;};"
	"like(){ if [ -f \"$1\" ]&&[ ! -h \"$1\" ]&&y=$(head -c 4097 \"$1\"&&echo .)&&[ ${#y} -le 4097 ];then "
	"bare \"$(printf %s \"${y%.}\")\";v=$z;bare \"$(printf %b \"$2\")\";if [ \"$v\" = \"$z\" ];then return 0;fi;fi;"
	"say \"$1 is no plain file that holds what fleet.yaml says of it and nothing else\";return 1;};"
	"put(){ if ! like \"$1\" \"$2\";then return 1;fi;c=$1.catchment;if [ -e \"$c\" ]||[ -h \"$c\" ];then rm -f \"$c\";fi;"
	"if cp -p \"$1\" \"$c\"&&printf %b \"$2\" >\"$c\"&&same \"$1\" \"$c\"&&mv -f \"$c\" \"$1\";"
	"then return 0;fi;rm -f \"$c\";say \"$1 could not be replaced with its owner and mode as they are\";return 1;};"
	"load(){ if [ ! -e \"$F\" ];then return 0;fi;M=;A=;Z=;x=;read -r M A Z x <\"$F\";"
	"if [ -n \"$M\" ]&&[ -n \"$A\" ]&&[ ${#M} -le 19 ]&&[ ${#A} -le 19 ]&&[ -z \"$x\" ];then case $M$A in *[!0-9]*);;"
	"*)case $Z in none|pending|kept|undone|failed)return 0;;esac;;esac;fi;"
	"M=0;A=0;Z=failed;say \"$F is damaged: look what is announced, then remove it\";return 1;};"
	"store(){ M=$1;A=$2;Z=$3;if printf \"%s %s %s\\n\" \"$M\" \"$A\" \"$Z\" >\"$F.new\";then sync \"$F.new\";"
	"if mv -f \"$F.new\" \"$F\";then return 0;fi;fi;say \"$F could not be written\";return 1;};"
	"lock(){ i=0;until ln -s $$ \"$L\";do if [ ! -d \"$D\" ];then say \"the folder $D is gone\";return 1;fi;h=$(readlink \"$L\");"
	"if [ -n \"$h\" ]&&{ ! kill -0 \"$h\"||[ -n \"$(find \"$L\" -prune -mmin +5)\" ];}&&mkdir \"$L.break\";"
	"then if [ \"$(readlink \"$L\")\" = \"$h\" ];then rm -f \"$L\";fi;rmdir \"$L.break\";"
	"else find \"$L.break\" -prune -mmin +1 -exec rmdir \"{}\" \";\";fi;i=$((i+1));"
	"if [ $i -gt $1 ];then say \"another order is being carried out on this node ($L, process $h)\";return 1;fi;"
	"sleep 0.1||sleep 1;done;K=1;};"
	"unlock(){ if [ -n \"$K\" ]&&[ \"$(readlink \"$L\")\" = $$ ];then rm -f \"$L\";fi;K=;};"
	"end(){ unlock;printf \"" FIRST_WORD " " VERSION " %s %s %s %s\\n\" $X $M $A $Z;"
	"if [ -n \"$T\" ];then printf \"%s\\n\" \"$T\"|cut -b 1-600;fi;exit 0;};";

/* The second shell: waits, and unless the order was kept or overtaken takes it back; a failed try is repeated. */
static const char watcher[] =
	"trap \"\" HUP;sleep \"$W\";j=0;s=1;while [ $j -lt 10 ];do T=;if lock 600;then "
	"if load&&[ \"$A\" = \"$N\" ]&&{ [ $Z = pending ]||{ [ $j -gt 0 ]&&[ $Z = failed ];};};then "
	"if undo 999;then store $M $A undone;unlock;exit 0;fi;store $M $A failed;printf \"%s\\n\" \"$T\" >\"$D/$B.why\";unlock;"
	"else unlock;exit 0;fi;fi;j=$((j+1));sleep $s;s=$((s*2));done;";

/* Sets the second shell loose. */
static const char arm[] =
	"arm(){ if ! command -v setsid >/dev/null;then say \"setsid is missing, so the node could not undo by itself\";return 1;fi;"
	"setsid sh -c \"$p$u$q\" catchment-undo \"$D\" \"$B\" $N $W </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &"
	"w=$!;if kill -0 $w;then return 0;fi;say \"no process could be started that undoes\";return 1;};";

static const char begin_changing[] =
	"if [ ! -d \"$D\" ];then mkdir -p \"$D\";fi;if [ ! -d \"$D\" ]||[ ! -w \"$D\" ];then say \"the folder $D cannot be written\";end;fi;"
	"if ! lock 20;then load;end;fi;if ! load;then end;fi;";

static const char refuse_older[] =
	"if [ $N -le $M ];then X=superseded;say \"number $N is older than $M\";end;fi;";

const char *
act_order_name(enum act_order o)
{
	static const char *const names[ACT_ORDER_COUNT] = { "check", "apply", "keep", "undo", "inspect" };
	return o < ACT_ORDER_COUNT ? names[o] : "unknown";
}

/* ---- words ---- */

/* One word in double quotes. */
static void
add_word(const char *word, struct buf *out)
{
	buf_add_char(out, '"');
	for (const char *p = word; *p; p++) {
		if (strchr("\"$`\\", *p))
			buf_add_char(out, '\\');
		buf_add_char(out, *p);
	}
	buf_add_char(out, '"');
}

/* Text for printf %b in double quotes: what is not plain becomes \0ooo, and its backslash is doubled by the quotes. */
static void
add_file_text(const char *text, struct buf *out)
{
	buf_add_char(out, '"');
	for (const char *p = text; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr(" =;._-", *p))
			buf_add_char(out, *p);
		else
			buf_printf(out, "\\\\0%03o", (unsigned char)*p);
	}
	buf_add_char(out, '"');
}

/* A part of a file name: everything but letters, digits and _ - as %XX, so that two fleets never share a file. */
static void
add_name(const char *text, struct buf *out)
{
	for (const char *p = text; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("_-", *p))
			buf_add_char(out, *p);
		else
			buf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

static int
check_action(const struct step_action *a, struct err *err)
{
	for (size_t i = 0; i < a->n_commands; i++)
		for (size_t j = 0; j < a->commands[i].n; j++)
			if (!text_is_clean(slice_of(a->commands[i].argv[j])))
				return err_set(err, ERR_USAGE, "a word of a step's command holds a control character");
	if (a->path && (a->path[0] != '/' || !text_is_clean(slice_of(a->path))))
		return err_set(err, ERR_USAGE, "the file of a step must be an absolute path without control characters");
	if (a->path && (!a->text || strlen(a->text) > TEXT_FILE_MAX))
		return err_set(err, ERR_USAGE, "the text of a file must have at most %d bytes", TEXT_FILE_MAX);
	return 0;
}

static int
check_job(const struct act_job *job, struct err *err)
{
	if (job->order >= ACT_ORDER_COUNT || (job->order != ACT_CHECK && job->number == 0) || job->number > INT64_MAX)
		return err_set(err, ERR_USAGE, "an order needs a number from 1 to 2^63-1, not %llu", (unsigned long long)job->number);
	if (job->state_dir && (job->state_dir[0] != '/' || !text_is_clean(slice_of(job->state_dir))))
		return err_set(err, ERR_USAGE, "the state folder must be an absolute path without control characters");
	for (size_t i = 0; i < job->n_steps; i++) {
		const struct step *s = job->steps[i];
		if (s->kind == STEP_HTTP)
			return err_set(err, ERR_USAGE, "\"%s\" is for an agent and no shell", s->what);
		if (check_action(&s->apply, err) == -1 || check_action(&s->undo, err) == -1 || check_action(&s->keep, err) == -1)
			return -1;
	}
	return 0;
}

/* ---- steps ---- */

static void
add_command(const struct step_argv *c, struct buf *out)
{
	buf_add_text(out, "r");
	for (size_t i = 0; i < c->n; i++) {
		buf_add_char(out, ' ');
		add_word(c->argv[i], out);
	}
}

/* `put FILE TEXT&&r TOOL WORD…&&r …`; `true` when there is nothing to do. */
static void
add_action(const struct step_action *a, struct buf *out)
{
	size_t n = 0;
	if (a->path) {
		buf_add_text(out, "put ");
		add_word(a->path, out);
		buf_add_char(out, ' ');
		add_file_text(a->text, out);
		n++;
	}
	for (size_t i = 0; i < a->n_commands; i++) {
		buf_add_text(out, n++ ? "&&" : "");
		add_command(&a->commands[i], out);
	}
	if (n == 0)
		buf_add_text(out, "true");
}

/* undo K takes the first K steps back, the last first, and goes on when one cannot be. */
static void
write_undo(const struct act_job *job, struct buf *out)
{
	buf_add_text(out, "undo(){ E=0;");
	for (size_t i = job->n_steps; i-- > 0;) {
		const struct step *s = job->steps[i];
		buf_printf(out, "if [ $1 -ge %zu ];then ", i + 1);
		if (s->has_undo) {
			buf_add_text(out, "{ ");
			add_action(&s->undo, out);
			buf_add_text(out, ";}||E=1;fi;");
		} else {
			buf_printf(out, "say \"step %zu has no way back\";E=1;fi;", i + 1);
		}
	}
	buf_add_text(out, "return $E;};");
}

/* Files must be as they are thought to be before anything is changed. */
static void
write_file_guards(const struct act_job *job, struct buf *out)
{
	for (size_t i = 0; i < job->n_steps; i++) {
		const struct step_action *a = &job->steps[i]->apply;
		if (!a->path)
			continue;
		buf_add_text(out, "if ! like ");
		add_word(a->path, out);
		buf_add_char(out, ' ');
		add_file_text(a->text, out);
		buf_add_text(out, ";then end;fi;");
	}
}

/* ---- orders ---- */

/* By convention of the drivers a command that ends with the word check changes nothing. */
static bool
is_check(const struct step_argv *c)
{
	return c->n > 1 && strcmp(c->argv[c->n - 1], "check") == 0;
}

static void
write_check(const struct act_job *job, struct buf *out)
{
	buf_add_text(out, "d=$D;while [ ! -e \"$d\" ];do d=${d%/*};d=${d:-/};done;if [ ! -d \"$d\" ]||[ ! -w \"$d\" ];then "
		"say \"the folder $D cannot be made or written\";end;fi;if ! load;then end;fi;"
		"for c in ln readlink find cut head tail tr mv cp ls sleep setsid;do if ! command -v $c >/dev/null;then "
		"say \"$c is missing\";end;fi;done;");
	write_file_guards(job, out);
	for (size_t i = 0; i < job->n_steps; i++) {
		const struct step_action *a = &job->steps[i]->apply;
		for (size_t j = 0; j < a->n_commands; j++) {
			buf_add_text(out, "if ! command -v ");
			add_word(a->commands[j].argv[0], out);
			buf_add_text(out, " >/dev/null;then say ");
			add_word(a->commands[j].argv[0], out);
			buf_add_text(out, "\" is not installed\";end;fi;");
			if (!is_check(&a->commands[j]))
				continue;
			buf_add_text(out, "if ! ");
			add_command(&a->commands[j], out);
			buf_add_text(out, ";then end;fi;");
		}
	}
	buf_add_text(out, "X=done;end");
}

static void
write_apply(const struct act_job *job, struct buf *out)
{
	buf_add_text(out, arm);
	buf_add_text(out, begin_changing);
	/* the very same order again: what is there */
	buf_add_text(out, "if [ $N = $M ]&&[ $N = $A ];then case $Z in pending|kept)X=done;esac;"
		"say \"number $N was carried out before\";end;fi;");
	buf_add_text(out, refuse_older);
	write_file_guards(job, out);
	/* armed before the note, noted before the change: killed in between, nothing was changed or it will be undone */
	if (job->confirm_s > 0)
		buf_add_text(out, "if ! arm;then end;fi;");
	buf_add_text(out, "if ! store $N $N pending;then end;fi;if true");
	for (size_t i = 0; i < job->n_steps; i++) {
		buf_printf(out, "&&{ k=%zu;", i + 1);
		add_action(&job->steps[i]->apply, out);
		buf_add_text(out, ";}");
	}
	if (job->confirm_s > 0)
		buf_add_text(out, ";then X=done;");
	else
		buf_add_text(out, ";then if store $N $N kept;then X=done;fi;");
	buf_add_text(out, "elif undo $k;then say \"taken back\";store $N $N undone;"
		"else say \"and could not be taken back\";store $N $N failed;fi;end");
}

static void
write_keep(const struct act_job *job, struct buf *out)
{
	buf_add_text(out, begin_changing);
	buf_add_text(out, "if [ $N != $A ];then if [ $N -lt $M ]||[ $N -lt $A ];then X=superseded;fi;"
		"say \"number $N is not what was applied last ($A)\";end;fi;"
		"if [ $Z = kept ];then X=done;end;fi;"
		"if [ $Z != pending ];then say \"number $N is $Z already\";end;fi;if true");
	for (size_t i = 0; i < job->n_steps; i++) {
		buf_add_text(out, "&&{ ");
		add_action(&job->steps[i]->keep, out);
		buf_add_text(out, ";}");
	}
	buf_add_text(out, ";then if store $M $A kept;then X=done;fi;fi;end");
}

static void
write_take_back(struct buf *out)
{
	buf_add_text(out, begin_changing);
	buf_add_text(out, "if [ $N = $M ]&&[ $Z = undone ];then X=done;say \"number $N was carried out before\";end;fi;");
	buf_add_text(out, refuse_older);
	/* failed until it is done: killed in between, nobody takes it for kept */
	buf_add_text(out, "if ! store $N $A failed;then end;fi;if undo 999;then if store $N $A undone;then X=done;fi;fi;end");
}

static void
write_inspect(struct buf *out)
{
	buf_add_text(out, begin_changing);
	buf_add_text(out, "if [ $N -lt $M ];then X=superseded;say \"number $N is older than $M\";end;fi;"
		"if [ $N -gt $M ];then if ! store $N $A $Z;then end;fi;fi;"
		"if [ $Z = failed ]&&[ -f \"$D/$B.why\" ];then say \"$(head -c 400 \"$D/$B.why\"|tr \"\\n\\r\\t\" \"   \")\";fi;X=done;end");
}

static void
write_variable(const char *name, const char *text, struct buf *out)
{
	buf_printf(out, "%s=", name);
	text_shell_quote(text, out);
	buf_add_char(out, ';');
}

static void
write_script(const struct act_job *job, struct buf *out)
{
	struct buf undo = BUF_INIT(SCRIPT_MAX), base = BUF_INIT(1024);
	bool has_undo = job->order == ACT_APPLY || job->order == ACT_UNDO;
	add_name(job->fleet, &base);
	buf_add_char(&base, '-');
	add_name(job->node, &base);
	write_undo(job, &undo);
	write_variable("p", prelude, out);
	write_variable("u", has_undo ? buf_text(&undo) : "", out);
	write_variable("q", job->order == ACT_APPLY && job->confirm_s > 0 ? watcher : "", out);
	buf_add_text(out, "set -- ");
	add_word(job->state_dir ? job->state_dir : "", out);
	buf_printf(out, " \"%s\" %llu %u;eval \"$p$u\";", buf_text(&base), (unsigned long long)job->number, job->confirm_s);
	out->truncated = out->truncated || undo.truncated || base.truncated;
	buf_done(&undo);
	buf_done(&base);
	switch (job->order) {
	case ACT_CHECK:
		write_check(job, out);
		break;
	case ACT_APPLY:
		write_apply(job, out);
		break;
	case ACT_KEEP:
		write_keep(job, out);
		break;
	case ACT_UNDO:
		write_take_back(out);
		break;
	case ACT_INSPECT:
	case ACT_ORDER_COUNT:
		write_inspect(out);
		break;
	}
}

/* Bytes after batch.c has quoted it for its own shell and then for the login shell. */
static size_t
quoted_length(struct slice text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\'' ? 16 : text.data[i] == '\\' || text.data[i] == '!' ? 4 : 1;
	return n;
}

int
act_script_write(const struct act_job *job, struct buf *out, struct err *err)
{
	struct buf script = BUF_INIT(SCRIPT_MAX);
	int rc = -1;
	if (check_job(job, err) == -1)
		goto out;
	write_script(job, &script);
	if (script.truncated || quoted_length(buf_slice(&script)) > BATCH_SCRIPT_MAX - BATCH_MARGIN ||
		buf_add(out, buf_text(&script), script.len) == -1) {
		err_set(err, ERR_TOO_LARGE, "the %zu steps of %s are longer than the %d bytes of one command", job->n_steps, job->node,
			BATCH_SCRIPT_MAX - BATCH_MARGIN);
		goto out;
	}
	rc = 0;
out:
	buf_done(&script);
	return rc;
}

/* ---- the answer ---- */

static int
read_number(struct slice word, uint64_t *out)
{
	int64_t n;
	/* text_parse_int wants no leading zeros, and the script never writes any */
	if (text_parse_int(word, 0, INT64_MAX, &n) == -1)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

int
act_state_parse(struct slice word, enum act_state *out)
{
	static const char *const names[] = { "none", "pending", "kept", "undone", "failed" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (slice_equal(word, names[i])) {
			*out = (enum act_state)i;
			return 0;
		}
	return -1;
}

int
act_result_parse(struct slice word, struct act_answer *answer)
{
	answer->is_done = slice_equal(word, "done");
	answer->is_superseded = slice_equal(word, "superseded");
	return answer->is_done || answer->is_superseded || slice_equal(word, "failed") ? 0 : -1;
}

int
act_script_read(struct slice out, struct act_answer *answer, struct err *err)
{
	struct slice rest = out, line, word[6], more;
	size_t n = 0;
	memset(answer, 0, sizeof *answer);
	if (out.len > ANSWER_MAX)
		return err_set(err, ERR_BAD_REPLY, "the node answered an order with %zu bytes; at most %d are believed", out.len,
			ANSWER_MAX);
	if (slice_next_line(&rest, &line))
		while (n < 6 && slice_next_word(&line, &word[n]))
			n++;
	if (n != 6 || slice_next_word(&line, &more) || !slice_equal(word[0], FIRST_WORD) || !memchr(out.data, '\n', out.len))
		return err_set(err, ERR_BAD_REPLY, "the node answered an order with something else than its result");
	if (!slice_equal(word[1], VERSION))
		return err_set(err, ERR_UNSUPPORTED, "the node answered an order in another version than " VERSION);
	if (act_result_parse(word[2], answer) == -1 || read_number(word[3], &answer->number) == -1 ||
		read_number(word[4], &answer->applied) == -1 || act_state_parse(word[5], &answer->state) == -1)
		return err_set(err, ERR_BAD_REPLY, "the node's result of an order has a word that does not exist");
	text_sanitise_to(slice_trim(rest), answer->text, sizeof answer->text);
	return 0;
}
