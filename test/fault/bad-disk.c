/*
 * A disk that fails on demand, between a process and its C library: loaded by LD_PRELOAD, told by files of the
 * folder that BAD_DISK names. Only the store's files (berth.db, berth.db-wal) are concerned. See bad-disk.ts.
 *
 *   fault    "write 28": every write fails with that error number; "sync 5": every fsync does;
 *            "write 0", "sync 0", "synced 0": held before the write, before the fsync, behind a good one, as long
 *            as the file says so; "held" is there from then on.
 *   journal  when it is there, every write, truncation and good fsync is appended to it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE, DATABASE, WAL };

struct record {
  int64_t kind; /* 'w'rite, 't'runcate, 's'ync */
  int64_t file; /* DATABASE or WAL */
  int64_t offset;
  int64_t length;
};

static int open_in_folder(const char *name, int flags) {
  char path[512];
  const char *folder = getenv("BAD_DISK");
  if (!folder) return -1;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return open(path, flags | O_CLOEXEC, 0600);
}

static int file_of(int fd) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return NONE;
  path[length] = 0;
  const char *name = strrchr(path, '/');
  if (!name) return NONE;
  if (!strcmp(name, "/berth.db")) return DATABASE;
  return !strcmp(name, "/berth.db-wal") ? WAL : NONE;
}

/* The error number for a step, 0 to hold it, -1 when nothing is the matter. */
static int fault_of(const char *step) {
  char text[64] = "", kind[16] = "";
  int number = -1, fd = open_in_folder("fault", O_RDONLY);
  if (fd < 0) return -1;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0 || sscanf(text, "%15s %d", kind, &number) != 2) return -1;
  return strcmp(kind, step) ? -1 : number;
}

/* Whether the step fails; errno says how. */
static int fails(const char *step) {
  int number = fault_of(step);
  if (number == 0) {
    close(open_in_folder("held", O_CREAT | O_WRONLY));
    while (fault_of(step) == 0) usleep(2000);
    return 0;
  }
  if (number < 0) return 0;
  errno = number;
  return 1;
}

static void note(int kind, int file, int64_t offset, int64_t length, const void *bytes) {
  int error = errno, fd = open_in_folder("journal", O_WRONLY | O_APPEND);
  if (fd >= 0) {
    struct record head = {kind, file, offset, length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)bytes, bytes ? (size_t)length : 0}};
    if (writev(fd, parts, 2) < 0) abort();
    close(fd);
  }
  errno = error;
}

static ssize_t write_at(const char *name, int fd, const void *bytes, size_t count, off_t offset) {
  ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, name);
  int file = file_of(fd);
  if (file != NONE && fails("write")) return -1;
  ssize_t written = real(fd, bytes, count, offset);
  if (file != NONE && written > 0) note('w', file, offset, written, bytes);
  return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return write_at("pwrite", fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset) {
  return write_at("pwrite64", fd, bytes, count, offset);
}

static int sync_file(const char *name, int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, name);
  int file = file_of(fd);
  if (file != NONE && fails("sync")) return -1;
  int result = real(fd);
  if (file == NONE || result != 0) return result;
  note('s', file, 0, 0, NULL);
  return fails("synced") ? -1 : 0;
}

int fsync(int fd) { return sync_file("fsync", fd); }

int fdatasync(int fd) { return sync_file("fdatasync", fd); }

static int truncate_to(const char *name, int fd, off_t length) {
  int (*real)(int, off_t) = dlsym(RTLD_NEXT, name);
  int file = file_of(fd), result = real(fd, length);
  if (file != NONE && result == 0) note('t', file, length, 0, NULL);
  return result;
}

int ftruncate(int fd, off_t length) { return truncate_to("ftruncate", fd, length); }

int ftruncate64(int fd, off_t length) { return truncate_to("ftruncate64", fd, length); }
