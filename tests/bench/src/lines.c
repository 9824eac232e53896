/* lines COUNT SIZE REPORT: COUNT numbered lines of 100 bytes to standard output, in writes of SIZE bytes. Then
 * its CPU time in microseconds to REPORT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LINE = 100, BATCH = 8192 }; /* so many lines, that any SIZE that divides a power of two fits */

static char buffer[LINE * BATCH];

static void number(char *line, long n) {
    for (int at = 9; at >= 0; at--, n /= 10) line[at] = (char)('0' + n % 10);
}

int main(int argc, char **argv) {
    if (argc < 4) return 64;
    long count = atol(argv[1]), size = atol(argv[2]);
    if (count <= 0 || size <= 0) return 64;
    for (int at = 0; at < BATCH; at++) {
        char *line = buffer + at * LINE;
        memset(line, 'a' + at % 26, LINE - 1);
        line[10] = ' ';
        line[LINE - 1] = '\n';
    }
    for (long done = 0; done < count; done += BATCH) {
        long batch = count - done < BATCH ? count - done : BATCH;
        for (long at = 0; at < batch; at++) number(buffer + at * LINE, done + at);
        for (long at = 0; at < batch * LINE;) {
            long part = batch * LINE - at < size ? batch * LINE - at : size;
            ssize_t written = write(1, buffer + at, (size_t)part);
            if (written <= 0) return 1;
            at += written;
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    FILE *report = fopen(argv[3], "w");
    if (!report) return 1;
    fprintf(report, "%ld\n", (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec
            + usage.ru_stime.tv_usec);
    return fclose(report) != 0;
}
