/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator's command line: seeds in numbers over processes, one seed as a text, and the proof that it can fail.
 *
 *   sim --seeds 1-10000 [--jobs 2]   lives these stories; every 50th twice, whose traces must be the same
 *   sim --seed 17 [--trace]          lives one; with --trace tells it
 *   sim --flaws                      breaks the world in each known way; an oracle must notice within 6,000 seeds
 *   --flaw NAME                      with --seed or --seeds: in a world broken in that way
 *
 * A seed that fails is printed as `seed N: …`; `--seed N --trace` tells it again. libsodium's random names are replaced
 * by the seed's: its hook takes no argument, hence the one variable of this program.
 */
#include "tests/sim/world.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLAW_SEEDS  6000
#define TWICE_EVERY 50

static struct chance names;

static const char *
names_implementation(void)
{
	return "seed";
}

static uint32_t
names_random(void)
{
	return (uint32_t)chance_next(&names);
}

static void
names_buf(void *const out, const size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)out)[i] = (unsigned char)chance_next(&names);
}

static struct randombytes_implementation names_source = { .implementation_name = names_implementation, .random = names_random,
	.buf = names_buf };

struct totals {
	size_t seeds, failed, steps, sent, done, undone, crashes, refused, approved, by_lease, released, holes;
};

/* Lives one story; adds up; returns its hash. */
static uint64_t
live(uint64_t seed, enum flaw flaw, bool is_traced, struct totals *t, char text[512])
{
	names = (struct chance){ seed ^ UINT64_C(0x5eed) };
	struct world *w = world_new(seed, flaw, is_traced);
	wraps_set(w);
	int rc = world_run(w);
	uint64_t hash = w->hash;
	t->seeds++;
	t->failed += rc == -1;
	t->steps += w->n_steps;
	t->sent += w->n_sent;
	t->done += w->n_done;
	t->undone += w->n_undone;
	t->crashes += w->n_crashes;
	t->refused += w->n_refused;
	t->approved += w->n_approved;
	t->by_lease += w->n_by_lease;
	t->released += w->n_released;
	t->holes += w->n_holes;
	snprintf(text, 512, "%s", w->broken);
	world_free(w);
	return hash;
}

static void
live_range(uint64_t first, uint64_t last, uint64_t stride, enum flaw flaw, struct totals *t)
{
	struct totals again = { 0 };
	char text[512], other[512];
	for (uint64_t seed = first; seed <= last; seed += stride) {
		uint64_t hash = live(seed, flaw, false, t, text);
		if (text[0])
			printf("seed %llu: %s\n", (unsigned long long)seed, text);
		if (seed % TWICE_EVERY == 0 && live(seed, flaw, false, &again, other) != hash) {
			printf("seed %llu: two runs differ\n", (unsigned long long)seed);
			t->failed++;
		}
		fflush(stdout);
	}
}

static int
live_in_jobs(uint64_t first, uint64_t last, size_t jobs, enum flaw flaw)
{
	struct totals all = { 0 };
	int ends[2];
	if (pipe(ends) == -1)
		return 1;
	for (size_t j = 0; j < jobs; j++) {
		pid_t child = fork();
		if (child == -1)
			return 1;
		if (child == 0) {
			struct totals t = { 0 };
			live_range(first + j, last, jobs, flaw, &t);
			exit(write(ends[1], &t, sizeof t) == sizeof t ? 0 : 1);
		}
	}
	close(ends[1]);
	struct totals t;
	while (read(ends[0], &t, sizeof t) == sizeof t) {
		all.seeds += t.seeds;
		all.failed += t.failed;
		all.steps += t.steps;
		all.sent += t.sent;
		all.done += t.done;
		all.undone += t.undone;
		all.crashes += t.crashes;
		all.refused += t.refused;
		all.approved += t.approved;
		all.by_lease += t.by_lease;
		all.released += t.released;
		all.holes += t.holes;
	}
	int status, bad = 0;
	while (wait(&status) != -1)
		bad += status != 0;
	printf("%zu seeds: %zu steps, %zu orders, %zu operations done, %zu undone, %zu requests refused, %zu crashes\n", all.seeds, all.steps,
		all.sent, all.done, all.undone, all.refused, all.crashes);
	printf("%zu approved by another person, %zu brought back by a lease, %zu holds released beside others, %zu blackholes drained\n",
		all.approved, all.by_lease, all.released, all.holes);
	bool is_whole = all.seeds == last - first + 1 && bad == 0;
	/* a world in which nothing happens proves nothing */
	bool is_lively = flaw != FLAW_NONE || last - first < 1000 || (all.done > all.seeds / 4 && all.undone > all.seeds / 8 &&
		all.crashes > all.seeds / 8 && all.approved > all.seeds / 50 && all.by_lease > all.seeds / 50 && all.released > all.seeds / 100 &&
		all.holes > all.seeds / 100);
	/* all the stories together are one case: they ask the same questions */
	size_t failed = all.failed + !is_whole + !is_lively;
	printf("%d passed, %zu failed, 0 skipped\n", failed == 0, failed);
	return failed > 0;
}

/* Each flaw must be noticed; the smallest seed that does is told. */
static int
show_flaws(void)
{
	size_t passed = 0, failed = 0;
	for (int f = FLAW_NONE + 1; f < FLAW_COUNT; f++) {
		char text[512] = "";
		struct totals t = { 0 };
		uint64_t seed = 0;
		while (!text[0] && seed < FLAW_SEEDS)
			(void)live(++seed, (enum flaw)f, false, &t, text);
		passed += text[0] != '\0';
		failed += text[0] == '\0';
		printf("%s %s: %s (%llu seeds)\n", text[0] ? "ok  " : "FAIL", flaw_name((enum flaw)f), text[0] ? text : "nobody noticed",
			(unsigned long long)seed);
	}
	printf("%zu passed, %zu failed, 0 skipped\n", passed, failed);
	return failed > 0;
}

static int
usage(void)
{
	fprintf(stderr, "usage: sim --seed N [--trace] | --seeds A-B [--jobs N] | --flaws   [--flaw NAME]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	uint64_t first = 0, last = 0;
	size_t jobs = 1;
	bool is_traced = false, shows_flaws = false;
	enum flaw flaw = FLAW_NONE;
	randombytes_set_implementation(&names_source);
	for (int i = 1; i < argc; i++) {
		char *end = argv[i + 1 < argc ? i + 1 : i];
		if (strcmp(argv[i], "--trace") == 0) {
			is_traced = true;
		} else if (strcmp(argv[i], "--flaws") == 0) {
			shows_flaws = true;
		} else if (i + 1 == argc) {
			return usage();
		} else if (strcmp(argv[i], "--seed") == 0) {
			first = last = strtoull(argv[++i], &end, 10);
		} else if (strcmp(argv[i], "--seeds") == 0) {
			first = strtoull(argv[++i], &end, 10);
			last = *end == '-' ? strtoull(end + 1, &end, 10) : 0;
		} else if (strcmp(argv[i], "--jobs") == 0) {
			jobs = (size_t)strtoull(argv[++i], &end, 10);
		} else if (strcmp(argv[i], "--flaw") == 0) {
			i++;
			for (int f = 0; f < FLAW_COUNT; f++)
				if (strcmp(argv[i], flaw_name((enum flaw)f)) == 0)
					flaw = (enum flaw)f;
			if (flaw == FLAW_NONE)
				return usage();
		} else {
			return usage();
		}
	}
	if (shows_flaws)
		return show_flaws();
	if (first == 0 || last < first || jobs < 1 || jobs > 64)
		return usage();
	if (first != last)
		return live_in_jobs(first, last, jobs, flaw);
	struct totals t = { 0 };
	char text[512];
	uint64_t hash = live(first, flaw, is_traced, &t, text);
	printf("seed %llu: %s, %zu steps, trace %016llx\n", (unsigned long long)first, text[0] ? text : "every promise is kept", t.steps,
		(unsigned long long)hash);
	return text[0] != '\0';
}
