/* Counts the calls that change files below one folder, and at the Nth kills the process or fails.
 *
 * Preloaded into the drill's own processes (Linux). It does nothing until `drill_arm`; a program that
 * the process starts has its own, unarmed copy. Calls are counted over all threads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING, KILL, HALF, NO_SPACE, IO_ERROR, INTERRUPTED, SHORT };
enum { MOST_FILES = 4096 };

static char under[PATH_MAX];
static size_t under_length;
static int armed, how, at, calls;
static int record = -1;
static unsigned char is_ours[MOST_FILES];
static long off_s;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* What happens at the Nth file-changing call below `folder`; `out` gets a line for each call. */
void drill_arm(const char *folder, int nth, int what, const char *out) {
    real_write = real("write");
    snprintf(under, sizeof under, "%s/", folder);
    under_length = strlen(under);
    at = nth, how = what, calls = 0;
    int (*real_open)(const char *, int, ...) = real("open");
    record = real_open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    armed = 1;
}

/* The clock on the wall is so many seconds off, for this process. */
void drill_set_clock(long seconds) { off_s = seconds; }

static int absolute(int folder, const char *path, char *full) {
    char base[PATH_MAX] = "", link[64];
    if (path[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
    }
    return snprintf(full, PATH_MAX, base[0] ? "%s/%s" : "%s%s", base, path) < PATH_MAX;
}

static int is_below(int folder, const char *path, char *full) {
    return armed && path && absolute(folder, path, full) && !strncmp(full, under, under_length);
}

static int is_open(int file) { return armed && file >= 0 && file < MOST_FILES && is_ours[file]; }

static const char *name_of(int file, char *full) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, full, PATH_MAX - 1);
    full[length < 0 ? 0 : length] = 0;
    return full;
}

static void end(void) { kill(getpid(), SIGKILL); pause(); }

/* Whether the call goes on as it is (0), half-way (1), or fails with errno set (-1). `size`: bytes to
 * write, or 0 for other calls, of which there is no half. */
static int meet(const char *what, const char *path, const char *other, size_t size) {
    pthread_mutex_lock(&mutex);
    int number = ++calls;
    char line[2 * PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", what, path + under_length,
                          other ? other + under_length : "");
    if (length > 0 && real_write(record, line, length) < 0) end();
    pthread_mutex_unlock(&mutex);
    /* A full disk stays full; the other faults happen once. */
    if (how == NO_SPACE && number >= at) {
        int grows = size || !strcmp(what, "create") || !strcmp(what, "mkdir");
        return grows ? (errno = ENOSPC, -1) : 0;
    }
    if (number != at) return 0;
    switch (how) {
    case KILL: end(); return 0;
    case HALF: return 1;
    case IO_ERROR: errno = EIO; return -1;
    case INTERRUPTED: return size ? (errno = EINTR, -1) : 0;
    case SHORT: return size > 1 ? 1 : 0;
    }
    return 0;
}

static void mark(int file, int ours) {
    if (file >= 0 && file < MOST_FILES) is_ours[file] = ours;
}

static int changes(int flags) { return flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC); }

static int open_at(int folder, const char *path, int flags, mode_t mode, const char *name) {
    int (*next)(int, const char *, int, ...) = real(name);
    char full[PATH_MAX];
    int ours = changes(flags) && is_below(folder, path, full);
    int fate = 0;
    if (ours && (flags & (O_CREAT | O_TRUNC))) {
        struct stat found;
        /* An open that neither makes nor empties a file changes nothing. */
        int is_there = !stat(full, &found);
        if (!is_there || ((flags & O_TRUNC) && found.st_size))
            fate = meet(is_there ? "truncate" : "create", full, NULL, 0);
    }
    if (fate < 0) return -1;
    int file = next(folder, path, flags, mode);
    mark(file, ours);
    if (fate) end();
    return file;
}

#define MODE(flags, mode)                                                                          \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode = va_arg(more, mode_t);                                                               \
        va_end(more);                                                                              \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode, "openat");
}
int open64(const char *path, int flags, ...) {
    MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode, "openat64");
}
int openat(int folder, const char *path, int flags, ...) {
    MODE(flags, mode) return open_at(folder, path, flags, mode, "openat");
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags, mode) return open_at(folder, path, flags, mode, "openat64");
}
int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, "openat");
}

static FILE *open_stream(const char *path, const char *mode, const char *name) {
    FILE *(*next)(const char *, const char *) = real(name);
    char full[PATH_MAX];
    int ours = strpbrk(mode, "wa+") && is_below(AT_FDCWD, path, full);
    int fate = ours && strchr(mode, 'w') ? meet("create", full, NULL, 0) : 0;
    if (fate < 0) return NULL;
    FILE *stream = next(path, mode);
    if (stream) mark(fileno(stream), ours);
    if (fate) end();
    return stream;
}
FILE *fopen(const char *path, const char *mode) { return open_stream(path, mode, "fopen"); }
FILE *fopen64(const char *path, const char *mode) { return open_stream(path, mode, "fopen64"); }

int close(int file) {
    int (*next)(int) = real("close");
    if (armed && file == record) return 0;
    mark(file, 0);
    return next(file);
}

/* Half of the bytes, and then the end; a short write goes on and says how few they were. */
#define WRITING(size, half, whole)                                                                 \
    char full[PATH_MAX];                                                                           \
    if (is_open(file) && (size)) {                                                                 \
        int fate = meet("write", name_of(file, full), NULL, size);                                 \
        if (fate < 0) return -1;                                                                   \
        if (fate) {                                                                                \
            ssize_t wrote = half;                                                                  \
            if (how == HALF) end();                                                                \
            return wrote;                                                                          \
        }                                                                                          \
    }                                                                                              \
    return whole;

ssize_t write(int file, const void *bytes, size_t size) {
    ssize_t (*next)(int, const void *, size_t) = real("write");
    WRITING(size, next(file, bytes, size / 2), next(file, bytes, size))
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
    ssize_t (*next)(int, const void *, size_t, off64_t) = real("pwrite64");
    WRITING(size, next(file, bytes, size / 2, offset), next(file, bytes, size, offset))
}
ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    return pwrite64(file, bytes, size, offset);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    ssize_t (*next)(int, const struct iovec *, int) = real("writev");
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    struct iovec first = {parts->iov_base, (parts->iov_len + 1) / 2};
    WRITING(size, next(file, &first, 1), next(file, parts, count))
}
ssize_t sendfile64(int file, int from, off64_t *offset, size_t size) {
    ssize_t (*next)(int, int, off64_t *, size_t) = real("sendfile64");
    WRITING(size, next(file, from, offset, size / 2), next(file, from, offset, size))
}
ssize_t sendfile(int file, int from, off_t *offset, size_t size) {
    return sendfile64(file, from, offset, size);
}
ssize_t copy_file_range(int from, off64_t *a, int file, off64_t *b, size_t size, unsigned flags) {
    ssize_t (*next)(int, off64_t *, int, off64_t *, size_t, unsigned) = real("copy_file_range");
    WRITING(size, next(from, a, file, b, size / 2, flags), next(from, a, file, b, size, flags))
}

/* Of these there is no half: "half" is after it, before the next. */
#define CHANGING(is_counted, what, path, other, whole)                                             \
    if (is_counted) {                                                                              \
        int fate = meet(what, path, other, 0);                                                     \
        if (fate < 0) return -1;                                                                   \
        int done = whole;                                                                          \
        if (fate && how == HALF) end();                                                            \
        return done;                                                                               \
    }                                                                                              \
    return whole;

#define ON_FILE(name, what)                                                                        \
    int name(int file) {                                                                           \
        int (*next)(int) = real(#name);                                                            \
        char name_[PATH_MAX], full[PATH_MAX];                                                      \
        CHANGING(armed && is_below(AT_FDCWD, name_of(file, name_), full), what, full, NULL,        \
                 next(file))                                                                       \
    }
ON_FILE(fsync, "fsync")
ON_FILE(fdatasync, "fsync")

int ftruncate64(int file, off64_t size) {
    int (*next)(int, off64_t) = real("ftruncate64");
    char full[PATH_MAX];
    CHANGING(is_open(file), "truncate", name_of(file, full), NULL, next(file, size))
}
int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

#define ON_PATH(what, call)                                                                        \
    char full[PATH_MAX];                                                                           \
    CHANGING(is_below(folder, path, full), what, full, NULL, call)

int mkdirat(int folder, const char *path, mode_t mode) {
    int (*next)(int, const char *, mode_t) = real("mkdirat");
    ON_PATH("mkdir", next(folder, path, mode))
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int unlinkat(int folder, const char *path, int flags) {
    int (*next)(int, const char *, int) = real("unlinkat");
    ON_PATH("remove", next(folder, path, flags))
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int remove(const char *path) {
    int folder = AT_FDCWD;
    int (*next)(const char *) = real("remove");
    ON_PATH("remove", next(path))
}
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int truncate64(const char *path, off64_t size) {
    int folder = AT_FDCWD;
    int (*next)(const char *, off64_t) = real("truncate64");
    ON_PATH("truncate", next(path, size))
}
int truncate(const char *path, off_t size) { return truncate64(path, size); }
int symlink(const char *target, const char *path) {
    int folder = AT_FDCWD;
    int (*next)(const char *, const char *) = real("symlink");
    ON_PATH("link", next(target, path))
}

int renameat(int folder, const char *path, int folder2, const char *path2) {
    int (*next)(int, const char *, int, const char *) = real("renameat");
    char full[PATH_MAX], full2[PATH_MAX];
    int counted = is_below(folder2, path2, full2) && absolute(folder, path, full);
    CHANGING(counted, "rename", full, full2, next(folder, path, folder2, path2))
}
int rename(const char *path, const char *path2) {
    return renameat(AT_FDCWD, path, AT_FDCWD, path2);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = real("clock_gettime");
    int failed = next(clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += off_s;
    return failed;
}
time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now) *now = found.tv_sec;
    return found.tv_sec;
}
int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec, now->tv_usec = found.tv_nsec / 1000;
    return 0;
}
