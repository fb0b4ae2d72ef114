/* Writes down what a process does to the files below a folder, in the order in which it does it.
 *
 * To be loaded by LD_PRELOAD. $RECORD_ROOT: the folder. $RECORD_LOG: where to, one entry after the other:
 *     what (1 byte)  length of the path (4)  path  offset (8)  length of the data (4)  data
 *     W written  T cut to `offset`  S synced, a file or a folder  C made  U removed
 * Numbers are as the machine keeps them. tests/crash/disk.py reads it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

static int log_fd(void) {
  static int fd = -2;
  if (fd == -2) {
    const char *path = getenv("RECORD_LOG");
    fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  }
  return fd;
}

static int below(const char *path) {
  const char *root = getenv("RECORD_ROOT");
  return root && strncmp(path, root, strlen(root)) == 0;
}

static void note(char what, const char *path, uint64_t offset, const void *data, uint32_t size) {
  uint32_t length = (uint32_t)strlen(path);
  struct iovec parts[] = {{&what, 1},   {&length, sizeof length}, {(void *)path, length}, {&offset, sizeof offset},
                          {&size, sizeof size}, {(void *)data, size}};
  if (log_fd() >= 0 && below(path) && syscall(SYS_writev, log_fd(), parts, 6) < 0) abort();
}

static const char *path_of(int fd, char *buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
  buffer[length < 0 ? 0 : length] = 0;
  return buffer;
}

static void note_fd(char what, int fd, uint64_t offset, const void *data, uint32_t size) {
  char buffer[PATH_MAX];
  note(what, path_of(fd, buffer), offset, data, size);
}

static int open_noted(int (*act)(int, const char *, int, mode_t), int at, const char *path, int flags, mode_t mode) {
  int fresh = (flags & O_CREAT) && faccessat(at, path, F_OK, 0) != 0;
  int fd = act(at, path, flags, mode);
  if (fd >= 0 && fresh) note_fd('C', fd, 0, "", 0);
  if (fd >= 0 && (flags & O_TRUNC)) note_fd('T', fd, 0, "", 0);
  return fd;
}

static int act_openat(int at, const char *path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, at, path, flags, mode);
}

#define MODE mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { MODE return open_noted(act_openat, AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_noted(act_openat, AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return open_noted(act_openat, at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return open_noted(act_openat, at, path, flags, mode); }

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  ssize_t done = real(fd, data, size, offset);
  if (done > 0) note_fd('W', fd, (uint64_t)offset, data, (uint32_t)done);
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  ssize_t done = real(fd, data, size);
  off_t end = done > 0 ? lseek(fd, 0, SEEK_CUR) : -1;
  if (end >= 0) note_fd('W', fd, (uint64_t)(end - done), data, (uint32_t)done);
  return done;
}

int ftruncate64(int fd, off64_t size) {
  REAL(int, "ftruncate64", int, off64_t);
  int done = real(fd, size);
  if (done == 0) note_fd('T', fd, (uint64_t)size, "", 0);
  return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
  REAL(int, "fsync", int);
  int done = real(fd);
  if (done == 0) note_fd('S', fd, 0, "", 0);
  return done;
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  int done = real(fd);
  if (done == 0) note_fd('S', fd, 0, "", 0);
  return done;
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  int done = real(path);
  if (done == 0) note('U', path, 0, "", 0);
  return done;
}
