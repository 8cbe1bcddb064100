/* Runs a program N times and prints, for each run, wall time from before exec to its end in nanoseconds, CPU time in microseconds and
 * peak resident memory in KiB. It is small itself, because Linux counts the memory of the process that execs into the peak of the new one.
 *
 *     measure N PROGRAM [ARGUMENT ...]        environment and working directory are passed on; standard input and output are /dev/null */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int left = atoi(argv[1]); left > 0; left--) {
        struct rusage usage;
        int status;
        long long start = now();
        pid_t child = vfork();
        if (child == 0) {
            dup2(null, 0);
            dup2(null, 1);
            execv(argv[2], argv + 2);
            _exit(127);
        }
        if (child < 0 || wait4(child, &status, 0, &usage) != child) return 1;
        long long end = now();
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "%s ended with status %d\n", argv[2], status);
            return 1;
        }
        long long cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
        printf("%lld %lld %ld\n", end - start, cpu, usage.ru_maxrss);
    }
    return 0;
}
