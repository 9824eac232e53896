/* stamp-exec RECORDS PROGRAM…: time zero, then the supervisor in the same process (PID 1 of the namespace). */
#include "record.h"

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    record(open_records(argv[1]), 'Z', 0);
    execvp(argv[2], argv + 2);
    return 127;
}
