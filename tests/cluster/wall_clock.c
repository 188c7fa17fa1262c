// Shifts what a program takes for the time of day by WALL_CLOCK_OFFSET_S seconds, and leaves every other clock alone:
// preloaded (LD_PRELOAD) into a broker. Debian's libfaketime does not get along with jemalloc, which asks for the time
// before libfaketime has begun; this asks the kernel, and for no memory.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
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

// Waits until a time of day are the kernel's, whose clock nobody shifted: gRPC's threads, which begin with the shifted one,
// would never wait, or for an hour too long.
int pthread_cond_timedwait(pthread_cond_t* restrict condition, pthread_mutex_t* restrict mutex,
                           const struct timespec* restrict until) {
  const time_t longest_uptime = 1000000000;
  if (until->tv_sec < longest_uptime) return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, until);
  const struct timespec true_time = {until->tv_sec - offset(), until->tv_nsec};
  return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &true_time);
}

#if defined(__x86_64__)
// The C library's own would have to be looked up, which takes memory.
static long call(long number, const long* with) {
  register long fourth __asm__("r10") = with[3];
  register long fifth __asm__("r8") = with[4];
  register long sixth __asm__("r9") = with[5];
  long result = number;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(with[0]), "S"(with[1]), "d"(with[2]), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  if (result >= 0 || result < -4095) return result;
  errno = (int)-result;
  return -1;
}

long syscall(long number, ...) {
  long with[6];
  va_list given;
  va_start(given, number);
  for (int i = 0; i < 6; ++i) with[i] = va_arg(given, long);
  va_end(given);
  struct timespec true_time;
  if (number == SYS_futex && (with[1] & FUTEX_CLOCK_REALTIME) != 0 && with[3] != 0) {
    true_time = *(const struct timespec*)with[3];
    true_time.tv_sec -= offset();
    with[3] = (long)&true_time;
  }
  return call(number, with);
}
#endif  // elsewhere these threads only spin
