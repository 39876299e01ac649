/* SPDX-License-Identifier: Apache-2.0
 *
 * Which host keys are pinned for a node. Written by hand because libssh2's reader (1.10) stops at the first line it does
 * not know, takes a @revoked line for a host of that name, and knows neither wildcards nor negation; and because the
 * types must be known before the handshake: libssh2 asks for ECDSA first, so a node pinned by its ed25519 key would look
 * like a stranger.
 *
 * A line is `[@marker] patterns type key [comment]`. Patterns are names separated by commas with * and ?, a leading !
 * excludes the line; or one hashed name `|1|salt|hmac-sha1`. A port other than 22 is written [host]:port; when no such
 * line exists, lines of the bare host count, as for ssh (and its @revoked lines always). @cert-authority lines and unknown key types are passed over;
 * nothing is ever added to the file. Called by transport_ssh.c; foreign library: libcrypto, for HMAC-SHA1 and SHA-256.
 */
#include "backend/known_hosts.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

#define LINE_MAX_LEN 16384
#define NAME_MAX_LEN 300 /* [host]:port */
#define KEY_MAX_LEN  4096

struct entry {
	struct slice patterns;
	unsigned type;
	bool is_revoked;
	size_t line;
	unsigned char *key;
	size_t key_len;
};

struct known_hosts {
	struct arena *arena;
	size_t n, cap;
	struct entry *entries;
	size_t skipped;
};

struct host_pins {
	struct arena *arena;
	size_t n, cap;
	struct entry *pins;
};

static const struct type_row {
	unsigned type;
	const char *name;
} type_rows[] = {
	{ HOST_KEY_ED25519, "ssh-ed25519" },
	{ HOST_KEY_ECDSA_256, "ecdsa-sha2-nistp256" },
	{ HOST_KEY_ECDSA_384, "ecdsa-sha2-nistp384" },
	{ HOST_KEY_ECDSA_521, "ecdsa-sha2-nistp521" },
	{ HOST_KEY_RSA, "ssh-rsa" },
};
#define TYPE_ROWS (sizeof type_rows / sizeof type_rows[0])

const char *
host_key_type_name(enum host_key_type type)
{
	for (size_t i = 0; i < TYPE_ROWS; i++)
		if (type_rows[i].type == (unsigned)type)
			return type_rows[i].name;
	return NULL;
}

static unsigned
type_of_name(struct slice name)
{
	for (size_t i = 0; i < TYPE_ROWS; i++)
		if (slice_equal(name, type_rows[i].name))
			return type_rows[i].type;
	return 0;
}

unsigned
host_key_blob_type(struct slice key)
{
	/* a blob begins with its type's name: a 32-bit length, most significant byte first, and the bytes */
	if (key.len < 4 || key.data[0] != 0 || key.data[1] != 0)
		return 0;
	size_t len = (size_t)(unsigned char)key.data[2] << 8 | (unsigned char)key.data[3];
	if (len > key.len - 4)
		return 0;
	return type_of_name((struct slice){ key.data + 4, len });
}

void
host_key_fingerprint(struct slice key, char out[HOST_KEY_FINGERPRINT_MAX])
{
	unsigned char hash[SHA256_DIGEST_LENGTH], text[48];
	SHA256((const unsigned char *)key.data, key.len, hash);
	int len = EVP_EncodeBlock(text, hash, sizeof hash);
	while (len > 0 && text[len - 1] == '=')
		len--;
	snprintf(out, HOST_KEY_FINGERPRINT_MAX, "SHA256:%.*s", len, (const char *)text);
}

/* Strict base64 with padding. Returns the number of bytes, or -1. `out` holds 3/4 of the text. */
static int
decode_base64(struct slice text, unsigned char *out)
{
	size_t pad = 0;
	if (text.len == 0 || text.len % 4 != 0)
		return -1;
	while (pad < 2 && text.data[text.len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < text.len - pad; i++) {
		char c = text.data[i];
		if (!isalnum((unsigned char)c) && c != '+' && c != '/')
			return -1;
	}
	int n = EVP_DecodeBlock(out, (const unsigned char *)text.data, (int)text.len);
	return n == -1 ? -1 : n - (int)pad;
}

static int
parse_key(struct known_hosts *kh, struct entry *e, struct slice name, struct slice base64)
{
	e->type = type_of_name(name);
	if (e->type == 0 || base64.len > KEY_MAX_LEN)
		return -1;
	e->key = arena_alloc(kh->arena, base64.len / 4 * 3 + 3);
	int n = decode_base64(base64, e->key);
	if (n <= 0)
		return -1;
	e->key_len = (size_t)n;
	return host_key_blob_type((struct slice){ (const char *)e->key, e->key_len }) == e->type ? 0 : -1;
}

/* 1 an entry, 0 nothing to say, -1 a line that cannot be read. */
static int
parse_line(struct known_hosts *kh, struct slice line, struct entry *e)
{
	struct slice word, name, key;
	line = slice_trim(line);
	if (line.len == 0 || line.data[0] == '#')
		return 0;
	if (line.len > LINE_MAX_LEN || !slice_next_word(&line, &word))
		return -1;
	if (word.data[0] == '@') {
		if (slice_equal(word, "@cert-authority"))
			return 0;
		if (!slice_equal(word, "@revoked") || !slice_next_word(&line, &word))
			return -1;
		e->is_revoked = true;
	}
	e->patterns = word;
	if (!slice_next_word(&line, &name) || !slice_next_word(&line, &key))
		return -1;
	return parse_key(kh, e, name, key) == -1 ? -1 : 1;
}

struct known_hosts *
known_hosts_parse(struct slice text)
{
	struct known_hosts *kh = xcalloc(1, sizeof *kh);
	kh->arena = arena_new();
	struct slice rest = { arena_strndup(kh->arena, text.data, text.len), text.len };
	struct slice line;
	for (size_t number = 1; slice_next_line(&rest, &line); number++) {
		struct entry e = { .line = number };
		int rc = parse_line(kh, line, &e);
		if (rc == -1)
			kh->skipped++;
		if (rc != 1)
			continue;
		kh->entries = xgrow(kh->entries, &kh->cap, kh->n + 1, sizeof *kh->entries);
		kh->entries[kh->n++] = e;
	}
	return kh;
}

struct known_hosts *
known_hosts_load(const char *path, struct err *err)
{
	struct buf text = BUF_INIT(KNOWN_HOSTS_MAX);
	struct known_hosts *kh = NULL;
	if (buf_read_file(&text, path, err) == 0)
		kh = known_hosts_parse(buf_slice(&text));
	buf_done(&text);
	return kh;
}

void
known_hosts_free(struct known_hosts *kh)
{
	if (!kh)
		return;
	free(kh->entries);
	arena_free(kh->arena);
	free(kh);
}

size_t
known_hosts_skipped(const struct known_hosts *kh)
{
	return kh->skipped;
}

/* * and ? without regard to case; backtracks to the last * only, so it is linear in practice. */
static bool
match_wild(struct slice pattern, const char *name)
{
	size_t p = 0, star = SIZE_MAX;
	const char *mark = NULL;
	while (*name) {
		char c = p < pattern.len ? pattern.data[p] : '\0';
		if (c == '*') {
			star = p++;
			mark = name;
		} else if (c == '?' || (c != '\0' && tolower((unsigned char)c) == tolower((unsigned char)*name))) {
			p++;
			name++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			name = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

/* `|1|base64 salt|base64 HMAC-SHA1(salt, name)` */
static bool
match_hashed(struct slice pattern, const char *name)
{
	unsigned char salt[SHA_DIGEST_LENGTH + 4], want[SHA_DIGEST_LENGTH + 4], got[SHA_DIGEST_LENGTH];
	struct slice left = { pattern.data + 3, pattern.len - 3 };
	const char *bar = memchr(left.data, '|', left.len);
	const size_t text_len = 28; /* of 20 bytes in base64 */
	if (!bar || (size_t)(bar - left.data) != text_len || left.len != 2 * text_len + 1)
		return false;
	if (decode_base64((struct slice){ left.data, text_len }, salt) != SHA_DIGEST_LENGTH ||
		decode_base64((struct slice){ bar + 1, text_len }, want) != SHA_DIGEST_LENGTH)
		return false;
	unsigned len = sizeof got;
	if (!HMAC(EVP_sha1(), salt, SHA_DIGEST_LENGTH, (const unsigned char *)name, strlen(name), got, &len))
		return false;
	return memcmp(got, want, sizeof got) == 0;
}

static bool
match_patterns(struct slice patterns, const char *name)
{
	bool is_match = false;
	if (slice_starts(patterns, "|1|"))
		return match_hashed(patterns, name);
	while (patterns.len > 0) {
		const char *comma = memchr(patterns.data, ',', patterns.len);
		size_t len = comma ? (size_t)(comma - patterns.data) : patterns.len;
		struct slice one = { patterns.data, len };
		bool is_negated = one.len > 0 && one.data[0] == '!';
		if (is_negated) {
			one.data++;
			one.len--;
		}
		if (one.len > 0 && match_wild(one, name)) {
			if (is_negated)
				return false;
			is_match = true;
		}
		len += comma ? 1 : 0;
		patterns.data += len;
		patterns.len -= len;
	}
	return is_match;
}

static void
add_pin(struct host_pins *p, const struct entry *e)
{
	struct entry *pin = &p->pins[p->n++];
	*pin = *e;
	pin->patterns = (struct slice){ NULL, 0 };
	pin->key = arena_alloc(p->arena, e->key_len);
	memcpy(pin->key, e->key, e->key_len);
}

static void
find_name(const struct known_hosts *kh, const char *name, bool only_revoked, struct host_pins *p)
{
	for (size_t i = 0; i < kh->n; i++) {
		const struct entry *e = &kh->entries[i];
		if ((only_revoked && !e->is_revoked) || !match_patterns(e->patterns, name))
			continue;
		p->pins = xgrow(p->pins, &p->cap, p->n + 1, sizeof *p->pins);
		add_pin(p, e);
	}
}

struct host_pins *
known_hosts_find(const struct known_hosts *kh, const char *host, uint16_t port)
{
	struct host_pins *p = xcalloc(1, sizeof *p);
	char name[NAME_MAX_LEN], bare[NAME_MAX_LEN];
	p->arena = arena_new();
	snprintf(bare, sizeof bare, "%s", host);
	for (char *c = bare; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	snprintf(name, sizeof name, "%s", bare);
	if (port != 22)
		snprintf(name, sizeof name, "[%.280s]:%u", bare, port);
	find_name(kh, name, false, p);
	if (port != 22)
		find_name(kh, bare, host_pins_types(p) != 0, p);
	return p;
}

void
host_pins_free(struct host_pins *p)
{
	if (!p)
		return;
	free(p->pins);
	arena_free(p->arena);
	free(p);
}

static bool
is_key(const struct entry *e, struct slice key)
{
	return e->key_len == key.len && memcmp(e->key, key.data, key.len) == 0;
}

/* A revoked key that is also pinned counts as revoked. */
static const struct entry *
find_revoked(const struct host_pins *p, struct slice key)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->pins[i].is_revoked && is_key(&p->pins[i], key))
			return &p->pins[i];
	return NULL;
}

unsigned
host_pins_types(const struct host_pins *p)
{
	unsigned types = 0;
	for (size_t i = 0; i < p->n; i++)
		if (!p->pins[i].is_revoked)
			types |= p->pins[i].type;
	return types;
}

enum host_key_verdict
host_pins_check(const struct host_pins *p, struct slice key, size_t *line)
{
	size_t unused;
	line = line ? line : &unused;
	*line = 0;
	unsigned type = host_key_blob_type(key);
	const struct entry *revoked = find_revoked(p, key);
	if (revoked) {
		*line = revoked->line;
		return HOST_KEY_REVOKED;
	}
	enum host_key_verdict verdict = HOST_KEY_NOT_FOUND;
	for (size_t i = 0; i < p->n; i++) {
		const struct entry *e = &p->pins[i];
		if (e->is_revoked || e->type != type || type == 0)
			continue;
		*line = e->line;
		if (is_key(e, key))
			return HOST_KEY_MATCH;
		verdict = HOST_KEY_MISMATCH;
	}
	return verdict;
}
