/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the backend is. Over HTTPS its certificate is verified for the name in the URL, by the authority given with --ca
 * or by the system's; there is no way to skip that. The token comes from a file that nobody else may read, never from the
 * command line, where every account of the machine could see it in the list of processes, and never from a URL. Plain
 * http:// is refused: it would carry the token in the clear.
 *
 * With --read-only each request says that it only looks. The screen hides its acting keys by itself; this is for what the
 * screen forgot, and it is the backend that then refuses.
 *
 * Used by commands (fetch.c) and by the dashboard (client.c); made by main.
 */
#include "console/place.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/paths.h"
#include "core/token.h"

#define PORT_USUAL 8443
#define ONLY_LOOKS "Catchment-Sitting: read-only"

static int
open_socket(struct place *p, const char *backend, struct err *err)
{
	char usual[PATHS_MAX];
	paths_socket(usual);
	const char *wanted = backend ? backend + 5 : usual;
	if (strlen(wanted) >= sizeof p->socket_path)
		return err_set(err, ERR_USAGE, "the socket's path has %zu bytes, at most %zu are possible: %.100s…", strlen(wanted),
			sizeof p->socket_path - 1, wanted);
	snprintf(p->socket_path, sizeof p->socket_path, "%s", wanted);
	snprintf(p->base, sizeof p->base, "http://localhost");
	snprintf(p->where, sizeof p->where, "unix:%s", wanted);
	return 0;
}

static int
look_up(struct place *p, const char *host, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int said = getaddrinfo(host, NULL, &hints, &found);
	if (said != 0)
		return err_set(err, ERR_BACKEND, "no backend at %s: %s", p->where, gai_strerror(said));
	said = getnameinfo(found->ai_addr, found->ai_addrlen, p->address, sizeof p->address, NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(found);
	return said == 0 ? 0 : err_set(err, ERR_BACKEND, "no backend at %s: %s", p->where, gai_strerror(said));
}

static int
open_https(struct place *p, const char *backend, struct err *err)
{
	struct http_url url;
	if (http_url_split(backend, &url, err) == -1)
		return err_wrap(err, "--backend");
	const char *rest = strpbrk(backend + strlen("https://"), "/?");
	if (rest && strcmp(rest, "/") != 0)
		return err_set(err, ERR_USAGE, "--backend %.200s: https://HOST:PORT is allowed, without a path", backend);
	bool is_v6 = strchr(url.host, ':') != NULL;
	bool has_port = strrchr(backend, ':') > backend + 5 && strrchr(backend, ']') < strrchr(backend, ':');
	snprintf(p->base, sizeof p->base, "https://%s%s%s:%u", is_v6 ? "[" : "", url.host, is_v6 ? "]" : "",
		has_port ? url.port : PORT_USUAL);
	snprintf(p->where, sizeof p->where, "%.190s", p->base);
	return look_up(p, url.host, err);
}

/* One line in a file that is ours alone. */
static int
read_token(struct place *p, const char *path, struct err *err)
{
	char text[TOKEN_SIZE * 2] = "";
	struct stat st;
	ssize_t n = -1;
	int rc = -1, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1) {
		(void)err_set(err, ERR_USAGE, "the token file %s: %s", path, strerror(errno));
		goto out;
	}
	if ((st.st_mode & 077) != 0) {
		(void)err_set(err, ERR_USAGE, "the token file %s has mode %04o, allowed is 0600: others could read it", path,
			(unsigned)st.st_mode & 07777);
		goto out;
	}
	n = read(fd, text, sizeof text - 1);
	text[strcspn(text, " \t\r\n")] = '\0';
	if (n <= 0 || !token_is_ours(text)) {
		(void)err_set(err, ERR_USAGE, "the token file %s holds no whole token (cmt_ and 49 characters)", path);
		goto out;
	}
	snprintf(p->header, sizeof p->header, "Authorization: Bearer %s", text);
	p->options.secret_header = p->header;
	rc = 0;
out:
	explicit_bzero(text, sizeof text);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

int
place_open(struct place *p, const struct place_wish *wish, struct err *err)
{
	*p = (struct place){ .only_looks = wish->is_read_only ? ONLY_LOOKS : NULL, .options = { .lanes = 1, .ca_file = wish->ca, .cert_file = wish->cert, .key_file = wish->key,
				     .only_tls13 = true } };
	const char *backend = wish->backend;
	if (!wish->cert != !wish->key)
		return err_set(err, ERR_USAGE, "--cert and --key belong together");
	if (!backend || strncmp(backend, "unix:", 5) == 0)
		return open_socket(p, backend, err);
	if (strncmp(backend, "https://", 8) != 0)
		return err_set(err, ERR_USAGE, "--backend %.200s: allowed is unix:PATH or https://HOST:PORT", backend);
	if (open_https(p, backend, err) == -1)
		return -1;
	return wish->token_file ? read_token(p, wish->token_file, err) : 0;
}

void
place_done(struct place *p)
{
	explicit_bzero(p->header, sizeof p->header);
}

int
place_url(const struct place *p, const char *path, char *out, size_t size, struct err *err)
{
	int n = snprintf(out, size, "%s%s", p->base, path);
	return n >= 0 && (size_t)n < size ? 0 : err_set(err, ERR_USAGE, "the request has more than %zu bytes", size - 1);
}

void
place_fill(const struct place *p, struct http_request *r)
{
	if (p->only_looks && r->n_headers == 0) {
		r->headers = &p->only_looks;
		r->n_headers = 1;
	}
	if (p->socket_path[0]) {
		r->unix_path = p->socket_path;
		return;
	}
	r->address = p->address;
}
