/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_MEMORY_DISK_H
#define TESTS_UNIT_MEMORY_DISK_H

#include "backend/ledger.h"

/*
 * A disk in memory for the ledger, that may fail: call number `fail_at` (from 1; 0: none) returns an error, and an append
 * that fails leaves `kept` bytes of what it was given (or all, when they are fewer), as a machine may that loses power.
 * The bytes outlive the ledger: open them again for "after the restart".
 */
struct memory_disk {
	struct buf bytes;
	size_t calls, fail_at, kept;
	size_t told; /* bytes that were read by parts */
	bool stays_broken; /* every call after the failing one fails too */
};
#define MEMORY_DISK_INIT { .bytes = BUF_INIT(1u << 30) }

static inline bool
memory_disk_fails(struct memory_disk *d)
{
	d->calls++;
	return d->fail_at != 0 && (d->calls == d->fail_at || (d->stays_broken && d->calls > d->fail_at));
}

static inline int
memory_disk_append(void *arg, struct slice bytes, struct err *err)
{
	struct memory_disk *d = arg;
	if (!memory_disk_fails(d))
		return buf_add(&d->bytes, bytes.data, bytes.len);
	(void)buf_add(&d->bytes, bytes.data, d->kept < bytes.len ? d->kept : bytes.len);
	return err_set(err, ERR_FAILED, "the disk says: input/output error");
}

static inline int
memory_disk_read(void *arg, struct buf *out, struct err *err)
{
	struct memory_disk *d = arg;
	if (memory_disk_fails(d))
		return err_set(err, ERR_FAILED, "the disk cannot be read");
	return buf_add(out, buf_text(&d->bytes), d->bytes.len);
}

static inline int
memory_disk_read_part(void *arg, size_t offset, size_t size, struct buf *out, struct err *err)
{
	struct memory_disk *d = arg;
	if (memory_disk_fails(d))
		return err_set(err, ERR_FAILED, "the disk cannot be read");
	size_t rest = offset < d->bytes.len ? d->bytes.len - offset : 0;
	size = size < rest ? size : rest;
	d->told += size;
	return size ? buf_add(out, d->bytes.data + offset, size) : 0;
}

static inline int
memory_disk_cut(void *arg, size_t size, struct err *err)
{
	struct memory_disk *d = arg;
	if (memory_disk_fails(d))
		return err_set(err, ERR_FAILED, "the disk cannot be cut");
	d->bytes.len = size;
	return 0;
}

static inline int
memory_disk_check(void *arg, struct err *err)
{
	struct memory_disk *d = arg;
	return memory_disk_fails(d) ? err_set(err, ERR_FAILED, "the file was moved") : 0;
}

static inline void
memory_disk_close(void *arg)
{
	(void)arg;
}

static inline struct ledger_disk
memory_disk(struct memory_disk *d)
{
	return (struct ledger_disk){
		.append = memory_disk_append,
		.read = memory_disk_read,
		.cut = memory_disk_cut,
		.check = memory_disk_check,
		.close = memory_disk_close,
		.arg = d,
		.read_part = memory_disk_read_part,
	};
}

#endif
