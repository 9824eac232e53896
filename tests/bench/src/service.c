/* The service that every supervisor runs: service RECORDS ID [ready-FD | ignore-term]
 * Says when it runs, says when it is asked to stop, and otherwise sleeps for ever. */
#include "record.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int records;
static uint32_t id;

static void stop(int signal) {
    (void)signal;
    record(records, 'T', id);
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    records = open_records(argv[1]);
    id = (uint32_t)atoi(argv[2]);
    const char *mode = argc > 3 ? argv[3] : "";
    struct sigaction on_stop = {.sa_handler = strcmp(mode, "ignore-term") ? stop : SIG_IGN};
    sigaction(SIGTERM, &on_stop, 0);
    record(records, 'S', id);
    if (!strncmp(mode, "ready-", 6)) {
        int fd = atoi(mode + 6);
        if (write(fd, "\n", 1) != 1) return 97;
        close(fd);
    }
    for (;;) pause();
}
