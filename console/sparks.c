/* SPDX-License-Identifier: Apache-2.0
 *
 * Sparklines at start. The backend samples PoPs every two seconds and nodes at every poll; the console draws steps of
 * SPARK_STEP_MS. Each step takes the sample nearest to its time, counted back from now; a null stays a gap.
 */
#include "console/sparks.h"

#include <math.h>

#define POP_STEP_MS 2000

static void
fill(const struct json *samples, int64_t step_ms, struct spark *out)
{
	size_t n = json_length(samples);
	if (out->n > 0 || n == 0 || step_ms <= 0)
		return;
	size_t steps = (n - 1) * (size_t)step_ms / SPARK_STEP_MS + 1;
	if (steps > SPARK_SAMPLES)
		steps = SPARK_SAMPLES;
	for (size_t i = 0; i < steps; i++) {
		size_t back = (steps - 1 - i) * SPARK_STEP_MS / (size_t)step_ms;
		double value = json_double(json_at(samples, n - 1 - back), NAN);
		out->samples[i] = value >= 0 ? value : NAN;
	}
	out->n = steps;
}

void
sparks_read(const struct json *snapshot, const struct fleet *f, struct spark *pops, struct spark *nodes)
{
	const struct json *sparks = json_get(snapshot, "sparks");
	for (size_t i = 0; i < f->n_pops; i++)
		fill(json_get(json_get(sparks, "pops"), f->pops[i].name), POP_STEP_MS, &pops[i]);
	for (size_t i = 0; i < f->n_nodes; i++)
		fill(json_get(json_get(sparks, "nodes"), f->nodes[i].name), f->nodes[i].poll_ms, &nodes[i]);
}
