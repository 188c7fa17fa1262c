#include "runtime/real/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

namespace godwit::runtime::real {
namespace {

// The words of a file's first line; empty when it cannot be read.
std::vector<std::string> first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::istringstream words(line);
  std::vector<std::string> out;
  for (std::string word; words >> word;) out.push_back(word);
  return out;
}

// Empty for "max", for -1 and for what is no number.
std::optional<uint64_t> to_number(const std::string& word) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

struct Limits {
  uint64_t memory = UINT64_MAX;  // bytes
  size_t cores = SIZE_MAX;

  void limit_memory(const std::vector<std::string>& words) {
    if (words.empty()) return;
    if (const auto value = to_number(words[0])) memory = std::min(memory, *value);
  }
  // `quota` microseconds of processor time in every `period`: rounded up, a half core still needs one thread.
  void limit_cores(const std::string& quota, const std::string& period) {
    const auto q = to_number(quota);
    const auto p = to_number(period);
    if (!q || !p || *q == 0 || *p == 0) return;
    cores = std::min<size_t>(cores, (*q + *p - 1) / *p);
  }
};

void read_v2(const std::string& folder, Limits& limits) {
  limits.limit_memory(first_line(folder + "/memory.max"));
  const auto cpu = first_line(folder + "/cpu.max");  // "max 100000" or "150000 100000"
  if (cpu.size() == 2) limits.limit_cores(cpu[0], cpu[1]);
}

// Applies `read` to the group's folder and all above it: a limit of a parent binds too.
template <class F>
void walk_up(const std::string& mount, std::string group, F read) {
  for (;;) {
    read(mount + group);
    const auto slash = group.rfind('/');
    if (slash == std::string::npos || group.empty()) return;
    group.resize(slash);
  }
}

// Lines of /proc/self/cgroup are "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1).
Limits read_limits(const std::string& root) {
  Limits limits;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    const std::string mount = root + "/sys/fs/cgroup";
    if (controllers == ",,") {
      walk_up(mount, group, [&limits](const std::string& folder) { read_v2(folder, limits); });
    }
    if (controllers.find(",memory,") != std::string::npos) {
      walk_up(mount + "/memory", group, [&limits](const std::string& folder) {
        limits.limit_memory(first_line(folder + "/memory.limit_in_bytes"));
      });
    }
    if (controllers.find(",cpu,") != std::string::npos) {
      walk_up(mount + "/cpu", group, [&limits](const std::string& folder) {
        const auto quota = first_line(folder + "/cpu.cfs_quota_us");  // -1: none
        const auto period = first_line(folder + "/cpu.cfs_period_us");
        if (!quota.empty() && !period.empty()) limits.limit_cores(quota[0], period[0]);
      });
    }
  }
  return limits;
}

size_t allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails on machines with more than 1024 processors; then the number that is online.
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<size_t>(CPU_COUNT(&set));
  return static_cast<size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

Machine read_machine(const std::string& root) {
  const Limits limits = read_limits(root);
  Machine machine;
  machine.cores = std::max<size_t>(1, std::min(allowed_cores(), limits.cores));
  const auto pages = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const auto page_size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  machine.memory = std::min(pages * page_size, limits.memory);
  return machine;
}

std::string read_boot_id(const std::string& root) {
  const auto words = first_line(root + "/proc/sys/kernel/random/boot_id");
  return words.empty() ? std::string() : words.front();
}

size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return limit.rlim_cur;
}

}  // namespace godwit::runtime::real
