/* SPDX-License-Identifier: Apache-2.0
 *
 * A first look at a private key file. With libssh2 1.10 an RSA key, a key that needs a passphrase and a key that the node
 * does not know all end in the same error after a round trip to the node; the first two can be told from the file. Reads
 * only the clear head of the file, keeps nothing, and wipes what it read. Called by transport_ssh.c before connecting.
 */
#include "backend/key_file.h"

#include <string.h>

static int
value_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Decodes the first bytes of a PEM body; line ends are skipped. */
static size_t
decode_head(struct slice text, char *out, size_t size)
{
	unsigned bits = 0;
	int n_bits = 0;
	size_t n = 0;
	for (size_t i = 0; i < text.len && n < size; i++) {
		int v = value_of(text.data[i]);
		if (v == -1 && (text.data[i] == '\n' || text.data[i] == '\r'))
			continue;
		if (v == -1)
			break;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (char)(bits >> n_bits & 0xff);
		}
	}
	return n;
}

/* OpenSSH's own format: "openssh-key-v1\0", then the cipher's name with its length, ..., the public key's blob. */
static int
judge_openssh(struct slice body, const char *path, struct err *err)
{
	static const char magic[] = "openssh-key-v1";
	char head[256];
	size_t n = decode_head(body, head, sizeof head);
	if (n < sizeof magic + 8 || memcmp(head, magic, sizeof magic) != 0)
		return err_set(err, ERR_CREDENTIAL, "the key file %s is damaged", path);
	const char *cipher = head + sizeof magic + 4;
	if (memcmp(cipher - 4, "\0\0\0\4none", 8) != 0)
		return err_set(err, ERR_CREDENTIAL, "the key file %s is protected by a passphrase; a daemon needs a key without one", path);
	struct slice rest = { head, n };
	if (slice_contains(rest, "ssh-rsa"))
		return err_set(err, ERR_KEX, "the key %s is RSA, which libssh2 1.10 can only use with SHA-1", path);
	if (slice_contains(rest, "sk-ssh-") || slice_contains(rest, "sk-ecdsa-"))
		return err_set(err, ERR_KEX, "the key %s needs a security key, which libssh2 cannot ask", path);
	return 0;
}

int
key_file_judge(struct slice text, const char *path, struct err *err)
{
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	struct slice s = slice_trim(text);
	if (slice_starts(s, begin)) {
		s.data += strlen(begin);
		s.len -= strlen(begin);
		return judge_openssh(slice_trim(s), path, err);
	}
	if (slice_starts(s, "-----BEGIN RSA PRIVATE KEY-----"))
		return err_set(err, ERR_KEX, "the key %s is RSA, which libssh2 1.10 can only use with SHA-1", path);
	if (slice_starts(s, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || slice_contains(s, "Proc-Type: 4,ENCRYPTED"))
		return err_set(err, ERR_CREDENTIAL, "the key file %s is protected by a passphrase; a daemon needs a key without one", path);
	if (!slice_starts(s, "-----BEGIN "))
		return err_set(err, ERR_CREDENTIAL, "the key file %s is not a private key", path);
	return 0;
}

int
key_file_check(const char *path, struct err *err)
{
	if (!path)
		return err_set(err, ERR_CREDENTIAL, "no observe_key is configured for this node");
	struct buf text = BUF_INIT(KEY_FILE_MAX);
	int rc = buf_read_file(&text, path, err);
	if (rc == -1) {
		err_wrap(err, "the key file cannot be read");
		if (err)
			err->code = ERR_CREDENTIAL;
	} else {
		rc = key_file_judge(buf_slice(&text), path, err);
	}
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_done(&text);
	return rc;
}
