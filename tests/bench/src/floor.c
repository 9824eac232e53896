/* The bare loop: floor N GRACE_MS PROGRAM ARG…, with {} in an argument replaced by the number of the child.
 * vfork + exec of N children, then wait; what dies is started again. On TERM: TERM to all, KILL after the
 * grace, and the end once nothing is left. No configuration, no logging, no state: the price of the kernel. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;
static long grace_ms;

static void on_alarm(int signal) {
    (void)signal;
    kill(-1, SIGKILL);
}

static void on_term(int signal) {
    (void)signal;
    stopping = 1;
    struct itimerval grace = {{0, 0}, {grace_ms / 1000, grace_ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &grace, 0);
    kill(-1, SIGTERM);
}

static pid_t start(char **command, int number) {
    char *argv[16], text[16];
    int i;
    snprintf(text, sizeof text, "%d", number);
    for (i = 0; command[i] && i < 15; i++) argv[i] = strcmp(command[i], "{}") ? command[i] : text;
    argv[i] = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv) {
    if (argc < 4) return 64;
    int n = atoi(argv[1]);
    grace_ms = atol(argv[2]);
    pid_t *pids = calloc((size_t)n, sizeof *pids);
    struct sigaction term = {.sa_handler = on_term}, alarm = {.sa_handler = on_alarm};
    sigaction(SIGTERM, &term, 0);
    sigaction(SIGALRM, &alarm, 0);
    for (int i = 0; i < n; i++) pids[i] = start(argv + 3, i);
    for (;;) {
        pid_t pid = waitpid(-1, 0, 0);
        if (pid < 0 && errno == ECHILD) return 0;
        if (pid < 0 || stopping) continue;
        for (int i = 0; i < n; i++)
            if (pids[i] == pid) {
                pids[i] = start(argv + 3, i);
                break;
            }
    }
}
