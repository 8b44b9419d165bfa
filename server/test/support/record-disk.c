/*
 * Preloaded into a process, this writes down what it does to the files below a folder, so that a test can lay out what a
 * power cut would have left of them. RECORD_ROOT names the folder, RECORD_LOG the file that it is written to: records of
 *
 *     char kind; uint64 offset; uint32 path length; uint32 data length; path; data
 *
 * W a write · T a truncation · C a file that was made · M a folder that was made · U a file or folder that was removed
 * R a renaming (data: the new path) · B the begin of a sync · E its end. A sync covers what was written down before its
 * begin. Calls that fail leave no record.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *root;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("RECORD_LOG");
  root = getenv("RECORD_ROOT");
  if (path == NULL || root == NULL) return;
  log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_watched(const char *path) {
  return log_fd >= 0 && path != NULL && root != NULL && strncmp(path, root, strlen(root)) == 0;
}

static const char *path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  return path;
}

static void put(char kind, uint64_t offset, const char *path, const struct iovec *data, int count) {
  uint32_t path_length = (uint32_t)strlen(path), data_length = 0;
  for (int i = 0; i < count; i++) data_length += (uint32_t)data[i].iov_len;
  size_t length = 17 + path_length + data_length;
  char *record = malloc(length), *at = record;
  *at++ = kind;
  memcpy(at, &offset, 8), at += 8;
  memcpy(at, &path_length, 4), at += 4;
  memcpy(at, &data_length, 4), at += 4;
  memcpy(at, path, path_length), at += path_length;
  for (int i = 0; i < count; i++) memcpy(at, data[i].iov_base, data[i].iov_len), at += data[i].iov_len;
  /* One call a record, under O_APPEND: a process that is killed leaves whole records. */
  syscall(SYS_write, log_fd, record, length);
  free(record);
}

static void put_path(char kind, const char *path) { put(kind, 0, path, NULL, 0); }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* What is written down stands in the order in which it happened. */
#define LOCKED(work) (pthread_mutex_lock(&lock), (work), pthread_mutex_unlock(&lock))

static void wrote(int fd, uint64_t offset, const struct iovec *data, int count, ssize_t written) {
  char path[PATH_MAX];
  if (written <= 0 || !is_watched(path_of(fd, path))) return;
  struct iovec kept[IOV_MAX];
  int n = 0;
  for (size_t left = (size_t)written; n < count && left > 0; n++) {
    kept[n] = data[n];
    if (kept[n].iov_len > left) kept[n].iov_len = left;
    left -= kept[n].iov_len;
  }
  put('W', offset, path, kept, n);
}

static uint64_t position(int fd) { return (uint64_t)lseek(fd, 0, SEEK_CUR); }

ssize_t write(int fd, const void *data, size_t length) {
  struct iovec all = {(void *)data, length};
  ssize_t written;
  LOCKED((written = REAL(write)(fd, data, length), wrote(fd, position(fd) - (uint64_t)written, &all, 1, written)));
  return written;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  struct iovec all = {(void *)data, length};
  ssize_t written;
  LOCKED((written = REAL(pwrite)(fd, data, length, offset), wrote(fd, (uint64_t)offset, &all, 1, written)));
  return written;
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return pwrite(fd, data, length, offset); }
ssize_t writev(int fd, const struct iovec *data, int count) {
  ssize_t written;
  LOCKED((written = REAL(writev)(fd, data, count), wrote(fd, position(fd) - (uint64_t)written, data, count, written)));
  return written;
}
ssize_t pwritev(int fd, const struct iovec *data, int count, off_t offset) {
  ssize_t written;
  LOCKED((written = REAL(pwritev)(fd, data, count, offset), wrote(fd, (uint64_t)offset, data, count, written)));
  return written;
}
ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t offset) {
  return pwritev(fd, data, count, offset);
}

static int truncated(int fd, off_t length, int result) {
  char path[PATH_MAX];
  if (result == 0 && is_watched(path_of(fd, path))) put('T', (uint64_t)length, path, NULL, 0);
  return result;
}
int ftruncate(int fd, off_t length) {
  int result;
  LOCKED(result = truncated(fd, length, REAL(ftruncate)(fd, length)));
  return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int synced(int fd, int (*sync)(int)) {
  char path[PATH_MAX];
  int watched = is_watched(path_of(fd, path));
  if (watched) LOCKED(put_path('B', path));
  int result = sync(fd);
  int error = errno;
  if (watched && result == 0) LOCKED(put_path('E', path));
  errno = error;
  return result;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

static int opened(const char *path, int flags, mode_t mode) {
  int is_new = (flags & O_CREAT) != 0 && is_watched(path) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (fd >= 0 && is_new) put_path('C', path);
  if (fd >= 0 && (flags & O_TRUNC) != 0 && is_watched(path)) put('T', 0, path, NULL, 0);
  return fd;
}
int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  int fd;
  LOCKED(fd = opened(path, flags, mode));
  return fd;
}
int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  return open(path, flags, mode);
}

static int done(int result, char kind, const char *path) {
  if (result == 0 && is_watched(path)) put_path(kind, path);
  return result;
}
int mkdir(const char *path, mode_t mode) {
  int result;
  LOCKED(result = done(REAL(mkdir)(path, mode), 'M', path));
  return result;
}
int unlink(const char *path) {
  int result;
  LOCKED(result = done(REAL(unlink)(path), 'U', path));
  return result;
}
int rmdir(const char *path) {
  int result;
  LOCKED(result = done(REAL(rmdir)(path), 'U', path));
  return result;
}
int rename(const char *from, const char *to) {
  int result;
  struct iovec target = {(void *)to, strlen(to)};
  pthread_mutex_lock(&lock);
  result = REAL(rename)(from, to);
  if (result == 0 && is_watched(from)) put('R', 0, from, &target, 1);
  pthread_mutex_unlock(&lock);
  return result;
}
