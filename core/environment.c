/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment is somebody else's: a proxy would get the API's traffic, a key log the keys, a preloaded library
 * everything. One list for backend and console.
 */
#include "core/environment.h"

#include <stddef.h>
#include <stdlib.h>

void
environment_clean(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy",
		"NO_PROXY", "no_proxy", "SSLKEYLOGFILE", "CURL_HOME", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_PRELOAD",
		"LD_LIBRARY_PATH", "SSH_AUTH_SOCK", "SSH_ASKPASS" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unsetenv(names[i]);
}
