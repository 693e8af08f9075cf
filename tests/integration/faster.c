/* What libfaketime leaves out: waits of threads for a lock, by which Python's queues and conditions have timeouts. Its clocks
   run FAKETIME's "x" times as fast; so long a wait is to be so many times as short. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_A_S 1000000000L

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    static int (*kernels)(sem_t *, clockid_t, const struct timespec *);
    struct timespec faked, end;
    double rate = atof(strrchr(getenv("FAKETIME"), 'x') + 1), left_s;
    long ns;

    if (!kernels)
        kernels = dlsym(RTLD_NEXT, "sem_clockwait");
    clock_gettime(clock, &faked);
    left_s = ((until->tv_sec - faked.tv_sec) + (until->tv_nsec - faked.tv_nsec) / 1e9) / rate;
    syscall(SYS_clock_gettime, clock, &end);
    ns = end.tv_nsec + (left_s > 0 ? (long)(left_s * NS_A_S) : 0);
    end.tv_sec += ns / NS_A_S;
    end.tv_nsec = ns % NS_A_S;
    return kernels(semaphore, clock, &end);
}
