// Shifts what a program takes for the time of day by WALL_CLOCK_OFFSET_S seconds, and leaves every other clock alone:
// preloaded (LD_PRELOAD) into a broker. Debian's libfaketime does not get along with jemalloc, which asks for the time
// before libfaketime has begun; this asks the kernel, and for no memory.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
  const char* text = getenv("WALL_CLOCK_OFFSET_S");
  return text ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec* into) {
  const long result = syscall(SYS_clock_gettime, clock, into);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) into->tv_sec += offset();
  return (int)result;
}

int gettimeofday(struct timeval* restrict into, void* restrict zone) {
  const long result = syscall(SYS_gettimeofday, into, zone);
  if (result == 0) into->tv_sec += offset();
  return (int)result;
}

time_t time(time_t* into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}

// A wait until a time of day is the kernel's, whose clock nobody shifted: without this, gRPC's threads would never wait.
int pthread_cond_timedwait(pthread_cond_t* restrict condition, pthread_mutex_t* restrict mutex,
                           const struct timespec* restrict until) {
  const time_t longest_uptime = 1000000000;
  if (until->tv_sec < longest_uptime) return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, until);
  const struct timespec true_time = {until->tv_sec - offset(), until->tv_nsec};
  return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &true_time);
}
