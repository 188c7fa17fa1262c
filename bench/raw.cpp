// What the disk gives without a broker: the denominators of `make bench`.
//
//   bench_raw write FILE BLOCK_BYTES TOTAL_BYTES   direct writes, each followed by fdatasync, to a growing file
//   bench_raw append FILE COUNT                    buffered appends of 1 KiB, each followed by fdatasync
//
// Prints one line of JSON.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int write_blocks(const char* path, size_t block, size_t total) {
  const int fd = ::open(path, O_CREAT | O_TRUNC | O_WRONLY | O_DIRECT, 0644);
  if (fd < 0) die("open");
  void* memory = nullptr;
  if (posix_memalign(&memory, 4096, block) != 0) die("memory");
  auto* bytes = static_cast<unsigned char*>(memory);
  for (size_t i = 0; i < block; ++i) bytes[i] = static_cast<unsigned char>(i * 2654435761u >> 13);
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  for (size_t at = 0; at < total; at += block) {
    if (::pwrite(fd, memory, block, static_cast<off_t>(at)) != static_cast<ssize_t>(block)) die("pwrite");
    if (::fdatasync(fd) != 0) die("fdatasync");
  }
  const double took = seconds_since(start);
  std::printf("{\"mb_per_s\": %.1f, \"cpu_s_per_gb\": %.3f}\n", static_cast<double>(total) / 1e6 / took,
              (cpu_seconds() - cpu) / (static_cast<double>(total) / 1e9));
  ::close(fd);
  ::unlink(path);
  return 0;
}

int append_small(const char* path, int count) {
  const int fd = ::open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0644);
  if (fd < 0) die("open");
  char record[1024];
  std::memset(record, 'x', sizeof record);
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const auto start = Clock::now();
    if (::write(fd, record, sizeof record) != sizeof record) die("write");
    if (::fdatasync(fd) != 0) die("fdatasync");
    times.push_back(seconds_since(start) * 1e6);
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double p) {
    return times[static_cast<size_t>(p * static_cast<double>(times.size() - 1))];
  };
  std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", at(0.5), at(0.99));
  ::close(fd);
  ::unlink(path);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "write" && argc == 5) return write_blocks(argv[2], std::stoul(argv[3]), std::stoul(argv[4]));
  if (mode == "append" && argc == 4) return append_small(argv[2], std::stoi(argv[3]));
  std::fprintf(stderr, "usage: bench_raw write FILE BLOCK TOTAL | append FILE COUNT\n");
  return 2;
}
