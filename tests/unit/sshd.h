/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SSHD_H
#define TESTS_UNIT_SSHD_H

#include "backend/transport.h"

/*
 * A real sshd on 127.0.0.1 for tests, with keys and configuration of its own, run by whoever runs the test; and fake
 * servers that say something else. Everything is driven by the test's own loop.
 */
struct lab; /* a temporary folder with keys, a loop, and what was started */

struct lab *lab_new(void);
void lab_free(struct lab *lab);
/* One test: a new loop and fresh files; and the end of all that was started in it. */
void lab_begin(struct lab *lab);
void lab_end(struct lab *lab);
struct loop *lab_loop(const struct lab *lab);
/* Why no sshd can be run here, or NULL. */
const char *lab_why_not(const struct lab *lab);
/* Path of a file in the folder: "user", "other", "rsa", "encrypted" (keys), "known_hosts". Static buffer a call in turn of four. */
const char *lab_path(const struct lab *lab, const char *name);
void lab_write(const struct lab *lab, const char *name, const char *text);

struct sshd;
/* Starts sshd with the host keys named (files "ed25519", "ecdsa", "rsa", "ed25519b", separated by spaces) and more lines
 * of configuration; waits until it listens. */
struct sshd *sshd_start(struct lab *lab, const char *host_keys, const char *more);
uint16_t sshd_port(const struct sshd *d);
pid_t sshd_pid(const struct sshd *d);
/* How often `text` stands in its log so far. */
size_t sshd_log_count(struct sshd *d, const char *text);
void sshd_print_log(struct sshd *d);
/* Sends a signal to it and to all its descendants. */
void sshd_signal(struct sshd *d, int signum);
/* Ends all its sessions and leaves the listener. */
void sshd_kill_sessions(struct sshd *d);
/* "[127.0.0.1]:PORT TYPE KEY\n" of a host key file; into a buffer. */
void sshd_pin(const struct lab *lab, uint16_t port, const char *host_key, const char *marker, struct buf *out);

/* A server that sends `first` on connect and `second` when it has read something; never closes if `stay`. */
struct fake;
struct fake *fake_start(struct lab *lab, const char *first, size_t first_len, const char *second, bool stay);
uint16_t fake_port(const struct fake *f);

/* One request and its answer. */
struct call {
	struct lab *lab;
	bool is_done;
	enum err_code code;
	char text[ERR_TEXT_MAX];
	size_t n_parts;
	char out[4096], err[4096]; /* of the first part */
	char out2[256];            /* of the second */
	int status;
	double ms;
};
struct lab_node {
	struct node node;
	struct node_conf conf;
	char key[128], known_hosts[128];
};
/* A node at 127.0.0.1:port that uses the lab's "user" key and "known_hosts". */
void lab_node_init(const struct lab *lab, struct lab_node *n, const char *name, uint16_t port);
/* Another file of the lab as its key. */
void lab_node_set_key(const struct lab *lab, struct lab_node *n, const char *name);
/* Submits `sh -c COMMAND` (and `echo second`) and turns the loop until it is answered. */
void call_run(struct lab *lab, struct transport *t, const struct node *node, const char *command, int64_t deadline_ms, struct call *c);
void call_start(struct lab *lab, struct transport *t, const struct node *node, const char *command, int64_t deadline_ms,
	struct call *c);
void call_wait(struct call *c);
/* Turns the loop until is_true(arg), at most 10 s. */
bool lab_wait(struct lab *lab, bool (*is_true)(void *arg), void *arg);
/* Open descriptors of this process. */
size_t lab_count_fds(void);

#endif
