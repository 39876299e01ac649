/* SPDX-License-Identifier: Apache-2.0
 *
 * The real disk below the ledger: one file, DIR/ledger.jsonl, that only grows. It is opened once and never by another
 * name again; what is appended counts only after fsync said 0, and a new file only after its folder was synced too.
 *
 * The file must be ours alone: a plain file of our own uid, one name, mode 0600, no symbolic link on the last step, and
 * locked, so that a second backend on a copied state folder is seen here as well. Before every append the ledger asks
 * `check`: the descriptor and the name must still mean the same file, and it must be as long as what we wrote. A log that
 * was rotated, deleted, cut or written to by somebody else is noticed before the next record, not at the next start.
 *
 * Nothing is retried after a failed write or sync: Linux may have dropped the pages and say 0 the next time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/ledger.h"

#define NAME "ledger.jsonl"

struct disk {
	int fd, dir;
	char *path; /* for sentences */
	off_t size; /* what we know to stand there */
};

static int
say(const struct disk *d, const char *what, struct err *err)
{
	return err_set(err, ERR_FAILED, "%s cannot be %s: %s", d->path, what, strerror(errno));
}

static int
disk_append(void *arg, struct slice bytes, struct err *err)
{
	struct disk *d = arg;
	while (bytes.len > 0) {
		ssize_t n = write(d->fd, bytes.data, bytes.len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return say(d, "written to", err);
		bytes = (struct slice){ bytes.data + n, bytes.len - (size_t)n };
		d->size += n;
	}
	return fsync(d->fd) == -1 ? say(d, "synced", err) : 0;
}

static int
disk_read_part(void *arg, size_t offset, size_t size, struct buf *out, struct err *err)
{
	struct disk *d = arg;
	char chunk[65536];
	while (size > 0) {
		ssize_t n = pread(d->fd, chunk, size < sizeof chunk ? size : sizeof chunk, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return say(d, "read", err);
		if (n == 0)
			break;
		if (buf_add(out, chunk, (size_t)n) == -1)
			return err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", d->path, out->max);
		offset += (size_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int
disk_read(void *arg, struct buf *out, struct err *err)
{
	return disk_read_part(arg, 0, SIZE_MAX, out, err);
}

static int
disk_cut(void *arg, size_t size, struct err *err)
{
	struct disk *d = arg;
	if (ftruncate(d->fd, (off_t)size) == -1 || fsync(d->fd) == -1)
		return say(d, "cut", err);
	d->size = (off_t)size;
	return 0;
}

static int
disk_check(void *arg, struct err *err)
{
	const struct disk *d = arg;
	struct stat open_file, named;
	if (fstat(d->fd, &open_file) == -1)
		return say(d, "looked at", err);
	if (fstatat(d->dir, NAME, &named, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return err_set(err, ERR_FAILED, "%s was moved or deleted while it was in use", d->path);
		return say(d, "looked at", err);
	}
	if (named.st_dev != open_file.st_dev || named.st_ino != open_file.st_ino)
		return err_set(err, ERR_FAILED, "%s was replaced by another file while it was in use", d->path);
	if (open_file.st_size != d->size) {
		return err_set(err, ERR_FAILED, "%s has %lld bytes and we wrote %lld: somebody else %s it", d->path,
			(long long)open_file.st_size, (long long)d->size, open_file.st_size < d->size ? "cut" : "wrote to");
	}
	return 0;
}

static void
disk_close(void *arg)
{
	struct disk *d = arg;
	if (d->fd != -1)
		(void)close(d->fd);
	if (d->dir != -1)
		(void)close(d->dir);
	free(d->path);
	free(d);
}

/* Whose it is, and that nobody else can write or read it. */
static int
check_owner(const struct disk *d, const struct stat *st, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_FAILED, "%s is no plain file", d->path);
	if (st->st_uid != geteuid())
		return err_set(err, ERR_FAILED, "%s belongs to uid %u, not to us (uid %u)", d->path, (unsigned)st->st_uid,
			(unsigned)geteuid());
	if ((st->st_mode & 0177) != 0)
		return err_set(err, ERR_FAILED, "%s has mode %04o, allowed is 0600", d->path, (unsigned)st->st_mode & 07777);
	if (st->st_nlink != 1)
		return err_set(err, ERR_FAILED, "%s has %lu names, allowed is one", d->path, (unsigned long)st->st_nlink);
	return 0;
}

/* Opens the file, or makes it; a new name in a folder is on disk only when the folder is. */
static int
open_file(struct disk *d, struct err *err)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	d->fd = openat(d->dir, NAME, flags);
	if (d->fd == -1 && errno == ENOENT) {
		d->fd = openat(d->dir, NAME, flags | O_CREAT | O_EXCL, 0600);
		if (d->fd != -1 && (fchmod(d->fd, 0600) == -1 || fsync(d->fd) == -1 || fsync(d->dir) == -1))
			return say(d, "made", err);
	}
	if (d->fd == -1 && errno == ELOOP)
		return err_set(err, ERR_FAILED, "%s is a symbolic link, which is not followed", d->path);
	return d->fd == -1 ? say(d, "opened", err) : 0;
}

static int
open_all(struct disk *d, const char *dir, struct err *err)
{
	struct stat st;
	d->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir == -1)
		return err_set(err, ERR_FAILED, "the state folder %s cannot be opened: %s", dir, strerror(errno));
	if (open_file(d, err) == -1)
		return -1;
	if (fstat(d->fd, &st) == -1)
		return say(d, "looked at", err);
	if (check_owner(d, &st, err) == -1)
		return -1;
	if (flock(d->fd, LOCK_EX | LOCK_NB) == -1)
		return err_set(err, ERR_CONFLICT, "%s is in use by another catchmentd", d->path);
	d->size = st.st_size;
	return 0;
}

int
ledger_disk_open(const char *dir, struct ledger_disk *out, struct err *err)
{
	struct buf path = BUF_INIT(8192);
	struct disk *d = xcalloc(1, sizeof *d);
	d->fd = -1;
	d->dir = -1;
	(void)buf_printf(&path, "%s/%s", dir, NAME);
	d->path = buf_take(&path);
	if (open_all(d, dir, err) == -1) {
		disk_close(d);
		return -1;
	}
	*out = (struct ledger_disk){
		.append = disk_append,
		.read = disk_read,
		.cut = disk_cut,
		.check = disk_check,
		.close = disk_close,
		.arg = d,
		.read_part = disk_read_part,
	};
	return 0;
}
