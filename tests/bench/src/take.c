/* take DIRECTORY SIZE: what comes on standard input goes to DIRECTORY/log, which is renamed to @N when it has SIZE
 * bytes: the price of the kernel for a log. It looks at no line. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char buffer[65536];

int main(int argc, char **argv) {
    if (argc != 3 || chdir(argv[1]) != 0) return 64;
    long size = atol(argv[2]), written = 0, files = 0;
    int log = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    for (ssize_t count; (count = read(0, buffer, sizeof buffer)) > 0;) {
        if (written + count > size) {
            char name[32];
            snprintf(name, sizeof name, "@%08ld", ++files);
            close(log);
            if (rename("log", name) != 0) return 1;
            log = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
            written = 0;
        }
        for (ssize_t at = 0; at < count;) {
            ssize_t part = write(log, buffer + at, (size_t)(count - at));
            if (part <= 0) return 1;
            at += part;
        }
        written += count;
    }
    return 0;
}
