/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_PAGE_H
#define CORE_PAGE_H

#include "core/report.h"

/*
 * A page that was read once, whole and strictly, with the places of its numbers. The next page of the same node mostly
 * differs in those alone; then it need not be parsed: where the old page was well formed and the new one has the same
 * bytes but for numbers of the same form and range, a parser would build the same report with the new numbers.
 */
struct page;

#define PAGE_NUMBERS_MAX 1024
#define PAGE_BYTES_MAX   65536 /* larger pages are parsed each time rather than remembered */

/* Remembers a page and the places noted while `r` was read from it. NULL when nothing is to be gained: no places, too
 * many of them, or a page too large. */
struct page *page_new(struct slice text, const char *type, const struct report *r, struct report_places *places);
void page_free(struct page *p); /* NULL allowed */

/* True if the page is the remembered one but for its numbers, which are then in values[0..page_places()). `type` is its
 * Content-Type. Says false of every page that it does not wholly understand: that one is to be parsed. */
bool page_again(const struct page *p, struct slice text, const char *type, union report_number values[PAGE_NUMBERS_MAX]);
const struct report_place *page_places(const struct page *p, size_t *n);

#endif
