/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_SIGHT_H
#define BACKEND_SIGHT_H

#include "core/fleet.h"

/*
 * Who is meant when others speak of a node: the identity in an answer (NSID), the name or description of a witness's
 * session. Pure.
 */

/* True if a text names this node: its own identity, its name (also "fra1.example.net", "fra1_v4"), or the name of its PoP
 * where the PoP has one node. */
bool sight_names_node(const char *text, const struct fleet *f, const struct node *n);
/* Does the witness have a session with this node at all? Only then does it say something by having no route. */
bool sight_witness_peers(const struct fleet *f, const struct node *witness, const struct node *n);
/* Does the witness have a usable path from this node for a prefix? Looks at its facts as they are, fresh or not. */
bool sight_witness_has(const struct fleet *f, const struct node *witness, const struct node *n, const struct prefix *prefix);
/* Is it this node's path that the witness uses, though it has others? */
bool sight_witness_prefers(const struct fleet *f, const struct node *witness, const struct node *n, const struct prefix *prefix);

#endif
