/* SPDX-License-Identifier: Apache-2.0
 *
 * Others' words for a node. A fleet names its sessions and identities after its nodes more often than not ("fra1",
 * "fra1_v4", "fra1.dns.example.net"), and that is all there is to go by: routers know addresses, not our names. What does
 * not match names nobody, and then says nothing.
 */
#include "backend/sight.h"

#include <string.h>

static bool
starts_with_name(const char *text, const char *name)
{
	size_t len = strlen(name);
	return strncmp(text, name, len) == 0 && (text[len] == '\0' || text[len] == '.' || text[len] == '_');
}

bool
sight_names_node(const char *text, const struct fleet *f, const struct node *n)
{
	if (!text || !text[0])
		return false;
	if (n->facts->identity && strcmp(text, n->facts->identity) == 0)
		return true;
	if (starts_with_name(text, n->name))
		return true;
	if (n->pop == FLEET_NO_POP || f->pops[n->pop].n_nodes != 1)
		return false;
	return starts_with_name(text, f->pops[n->pop].name);
}

static const struct session_fact *
find_session(const struct node *n, const char *name)
{
	for (size_t i = 0; i < n->facts->n_sessions; i++)
		if (strcmp(n->facts->sessions[i].name, name) == 0)
			return &n->facts->sessions[i];
	return NULL;
}

bool
sight_witness_peers(const struct fleet *f, const struct node *witness, const struct node *n)
{
	for (size_t i = 0; i < witness->facts->n_sessions; i++) {
		const struct session_fact *s = &witness->facts->sessions[i];
		if (sight_names_node(s->name, f, n) || sight_names_node(s->description, f, n))
			return true;
	}
	return false;
}

bool
sight_witness_has(const struct fleet *f, const struct node *witness, const struct node *n, const struct prefix *prefix)
{
	for (size_t j = 0; j < witness->facts->n_rib; j++) {
		const struct rib_fact *r = &witness->facts->rib[j];
		struct slice rest = slice_of(r->peers ? r->peers : ""), word;
		if (!prefix_equal(&r->prefix, prefix))
			continue;
		while (slice_next_word(&rest, &word)) {
			char peer[64];
			slice_copy(word, peer, sizeof peer);
			const struct session_fact *s = find_session(witness, peer);
			if (sight_names_node(peer, f, n) || (s && sight_names_node(s->description, f, n)))
				return true;
		}
	}
	return false;
}

bool
sight_witness_prefers(const struct fleet *f, const struct node *witness, const struct node *n, const struct prefix *prefix)
{
	for (size_t j = 0; j < witness->facts->n_rib; j++) {
		const struct rib_fact *r = &witness->facts->rib[j];
		if (!r->best || r->paths < 2 || !prefix_equal(&r->prefix, prefix))
			continue;
		const struct session_fact *s = find_session(witness, r->best);
		if (sight_names_node(r->best, f, n) || (s && sight_names_node(s->description, f, n)))
			return true;
	}
	return false;
}
