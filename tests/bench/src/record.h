/* One record per fact, appended with a single write to a file shared by all programs of a run. */
#ifndef RECORD_H
#define RECORD_H
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

/* Kinds: Z time zero, S a service is running, T it was asked to stop, B orphans begin, M all orphans made. */
struct record {
    uint32_t kind, id, pid, zero;
    uint64_t ns; /* CLOCK_MONOTONIC */
};

static inline void record(int fd, char kind, uint32_t id) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct record r = {(uint32_t)kind, id, (uint32_t)getpid(), 0,
                       (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
    if (write(fd, &r, sizeof r) != (ssize_t)sizeof r) _exit(99);
}

static inline int open_records(const char *path) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) _exit(98);
    return fd;
}
#endif
