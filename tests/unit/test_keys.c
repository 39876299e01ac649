/* SPDX-License-Identifier: Apache-2.0
 *
 * From bytes to keys: every terminal's notation, broken sequences, pastes, mouse reports; and the
 * names of keys.
 */
#include <locale.h>
#include <string.h>

#include "console/keymap.h"
#include "core/text.h"
#include "suite.h"

#define ESC "\033"

/* Feeds all and writes what came out as names, blank-separated. */
static void
decode(const char *bytes, size_t len, char *out, size_t size)
{
	struct key_decoder d = { 0 };
	struct key keys[2];
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i <= len; i++) {
		size_t n = i < len ? keys_feed(&d, (unsigned char)bytes[i], keys)
		                   : keys_flush(&d, keys);
		for (size_t k = 0; k < n; k++) {
			char name[KEYS_NAME_MAX];
			keys_format(&keys[k], name);
			int added;
			if (keys[k].code == KEYS_MOUSE)
				added = snprintf(out + used, size - used, "%smouse%d,%d,%d,%d",
					used ? " " : "", (int)keys[k].mouse, keys[k].button,
					keys[k].x, keys[k].y);
			else
				added = snprintf(out + used, size - used, "%s%s%s", used ? " " : "",
					keys[k].is_pasted ? "paste:" : "", name);
			used += (size_t)added;
		}
	}
}

static const struct {
	const char *bytes, *keys;
} cases[] = {
	{ "jG/", "j G /" },
	{ "\r\t \x7f\b", "enter tab space backspace backspace" },
	{ "\x06\x02\x0c", "^f ^b ^l" },
	{ "é東🙂", "é 東 🙂" },
	{ ESC "[A" ESC "[B" ESC "OC" ESC "OD", "up down right left" },
	{ ESC "[H" ESC "[F" ESC "[1~" ESC "[4~" ESC "[7~" ESC "[8~" ESC "OH",
		"home end home end home end home" },
	{ ESC "[5~" ESC "[6~" ESC "[2~" ESC "[3~", "pgup pgdn insert delete" },
	{ ESC "OP" ESC "[11~" ESC "[[A" ESC "[21~" ESC "[24~", "F1 F1 F1 F10 F12" },
	{ ESC "[Z", "backtab" },
	{ ESC "[1;5A", "^up" },
	{ ESC "x", "M-x" },
	{ ESC, "esc" },
	{ ESC ESC, "esc esc" },
	{ ESC ESC "[A", "esc up" },
	/* mouse: press, release, drag, wheel; past column 223 */
	{ ESC "[<0;11;6M" ESC "[<0;11;6m", "mouse0,0,10,5 mouse1,0,10,5" },
	{ ESC "[<64;1;1M" ESC "[<65;300;90M" ESC "[<32;2;3M",
		"mouse3,0,0,0 mouse4,1,299,89 mouse2,0,1,2" },
	/* what is not known is dropped whole */
	{ ESC "[999;999;999xq", "q" },
	{ ESC "[<0;0;0Mq", "q" },
	{ ESC "[?1;2cj", "j" },
	{ "\xff\xfej", "j" },
	{ "\xc3(j", "( j" },
	/* pastes never act */
	{ ESC "[200~q\rD" ESC "[201~j", "paste:q paste:enter paste:D j" },
	{ ESC "[200~" ESC "[Aq" ESC "[201~j", "paste:q j" },
	{ ESC "[200~" ESC ESC "[201~j", "j" },
};

START_TEST(test_keys_decode)
{
	char out[512];
	decode(cases[_i].bytes, strlen(cases[_i].bytes), out, sizeof out);
	ck_assert_str_eq(out, cases[_i].keys);
}
END_TEST

/* A sequence without an end takes no more than its limit, and what follows is understood again. */
START_TEST(test_keys_bound_a_sequence)
{
	char bytes[400], out[512];
	memset(bytes, '1', sizeof bytes);
	memcpy(bytes, ESC "[", 2);
	memcpy(bytes + 390, "mjjjjjjjjj", 10);
	decode(bytes, sizeof bytes, out, sizeof out);
	ck_assert_str_eq(out, "j j j j j j j j j");
}
END_TEST

/* Any two thousand bytes: no crash, and nothing but keys come out. */
START_TEST(test_keys_take_anything)
{
	struct key_decoder d = { 0 };
	struct key keys[2];
	uint32_t x = 1;
	for (int i = 0; i < 200000; i++) {
		x = x * 1103515245u + 12345u;
		unsigned char byte = x >> 24 & 1
		                             ? (unsigned char)"\033[<;~OM0123456789"[x >> 16 & 15]
		                             : (unsigned char)(x >> 16);
		size_t n = keys_feed(&d, byte, keys);
		ck_assert_uint_le(n, 2);
		for (size_t k = 0; k < n; k++)
			ck_assert(keys[k].code <= KEYS_MOUSE && keys[k].x >= 0 && keys[k].y >= 0);
	}
}
END_TEST

START_TEST(test_keys_names_go_both_ways)
{
	static const char *const all[] = { "j", "G", "?", "^f", "esc", "enter", "space", "tab",
		"backtab", "up", "pgdn", "F1", "F10", "F12", "M-x", "é", "^l", "backspace", "0",
		"/" };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct key k;
		char name[KEYS_NAME_MAX];
		ck_assert_int_eq(keys_parse(slice_of(all[i]), &k), 0);
		keys_format(&k, name);
		ck_assert_str_eq(name, all[i]);
	}
	struct key k;
	ck_assert_int_eq(keys_parse(slice_of("F13"), &k), -1);
	ck_assert_int_eq(keys_parse(slice_of("nonsense"), &k), -1);
	ck_assert_int_eq(keys_parse(slice_of(""), &k), -1);
}
END_TEST

/* The product's rule: nothing lower-case or punctuated changes anything, and no key does two
 * things. */
START_TEST(test_keymap_holds_its_rules)
{
	struct keymap m;
	keymap_init(&m);
	for (int a = 1; a < ACTION_COUNT; a++) {
		const struct action_row *row = action_get((enum action)a);
		for (int i = 0; i < m.n[a]; i++) {
			const struct key *k = &m.keys[a][i];
			ck_assert_int_eq(keymap_find(&m, k), (enum action)a);
			if (row->group == ACTION_ACT)
				ck_assert_msg((k->code >= 'A' && k->code <= 'Z') || k->code == '!',
					"%s", row->name);
			for (const char *left = "zsqa"; *left; left++)
				ck_assert_msg(!(k->mods & KEYS_CTRL && k->code == (uint32_t)*left),
					"%s", row->name);
		}
		/* what the table asks for was bound */
		struct slice rest = slice_of(row->keys), word;
		int n = 0;
		while (slice_next_word(&rest, &word))
			n++;
		ck_assert_int_eq(m.n[a], n);
	}
}
END_TEST

START_TEST(test_keymap_rebinds)
{
	struct keymap m;
	struct key k;
	struct err err = ERR_INIT;
	char text[64];
	keymap_init(&m);
	ck_assert_int_eq(keymap_bind(&m, "quit", slice_of("x j"), &err), 0);
	ck_assert_int_eq(keys_parse(slice_of("j"), &k), 0);
	ck_assert_int_eq(keymap_find(&m, &k), ACTION_QUIT);
	ck_assert_int_eq(keys_parse(slice_of("q"), &k), 0);
	ck_assert_int_eq(keymap_find(&m, &k), ACTION_NONE);
	keymap_format_all(&m, ACTION_DOWN, text, sizeof text);
	ck_assert_str_eq(text, "down");
	ck_assert_int_eq(keymap_bind(&m, "quit", slice_of("bogus"), &err), -1);
	ck_assert_int_eq(keymap_bind(&m, "no-such-action", slice_of("x"), &err), -1);
}
END_TEST

START_TEST(test_keymap_reads_a_file)
{
	static const char text[] =
		"# mine\n\nquit: x\nno-such: y\ndown: bogus\nnonsense\nhelp: F2 é\n";
	struct keymap m;
	struct err err = ERR_INIT;
	char keys[64];
	keymap_init(&m);
	ck_assert_int_eq(keymap_read(&m, slice_of(text), &err), 3);
	ck_assert_ptr_nonnull(strstr(err.text, "line 4: \"no-such\""));
	keymap_format_all(&m, ACTION_QUIT, keys, sizeof keys);
	ck_assert_str_eq(keys, "x");
	keymap_format_all(&m, ACTION_DOWN, keys, sizeof keys);
	ck_assert_str_eq(keys, "j down");
	keymap_format_all(&m, ACTION_HELP, keys, sizeof keys);
	ck_assert_str_eq(keys, "F2 é");
}
END_TEST

int
main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	Suite *suite = suite_create("keys");
	TCase *tc = tcase_create("keys");
	tcase_add_loop_test(tc, test_keys_decode, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tc, test_keys_bound_a_sequence);
	tcase_add_test(tc, test_keys_take_anything);
	tcase_add_test(tc, test_keys_names_go_both_ways);
	tcase_add_test(tc, test_keymap_holds_its_rules);
	tcase_add_test(tc, test_keymap_rebinds);
	tcase_add_test(tc, test_keymap_reads_a_file);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
