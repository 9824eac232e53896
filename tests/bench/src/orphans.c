/* orphans RECORDS K [once]: K orphans by double fork, as fast as one core makes them; then sleeps for ever,
 * or ends at once. */
#include "record.h"
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static pid_t fork_at_last(void) {
    pid_t pid;
    while ((pid = fork()) < 0) sched_yield(); /* no pid is free: somebody does not reap */
    return pid;
}

static void stop(int signal) {
    (void)signal;
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    int records = open_records(argv[1]);
    struct sigaction on_stop = {.sa_handler = stop};
    sigaction(SIGTERM, &on_stop, 0);
    record(records, 'B', 0);
    for (long left = atol(argv[2]); left > 0; left--) {
        pid_t child = fork_at_last();
        if (child == 0) {
            if (fork_at_last() == 0) _exit(0);
            _exit(0);
        }
        while (waitpid(child, 0, 0) < 0) continue;
    }
    record(records, 'M', 0);
    if (argc > 3) return 0;
    for (;;) pause();
}
