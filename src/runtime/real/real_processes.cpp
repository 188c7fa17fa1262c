#include "runtime/real/real_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "runtime/real/event_loop.h"
#include "runtime/real/machine.h"
#include "runtime/sync.h"

namespace godwit::runtime {
namespace real {
namespace {

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// When the process started; empty when it does not run (any more).
std::optional<uint64_t> start_ticks(pid_t number) {
  const std::string text = read_whole("/proc/" + std::to_string(number) + "/stat");
  // "12 (a name) S 1 …": the name may hold anything, so the count begins behind its last bracket.
  const auto bracket = text.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(bracket + 1));
  std::string word;
  for (int field = 3; field <= 22 && rest >> word; ++field) {
    if (field == 3 && (word == "Z" || word == "X")) return std::nullopt;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::vector<std::string> arguments_of(const std::string& number) {
  const std::string text = read_whole("/proc/" + number + "/cmdline");
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\0', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

bool holds(const std::vector<std::string>& arguments, const std::vector<std::string>& words) {
  return !std::ranges::search(arguments, words).empty();
}

class PosixProcess final : public Process, public Watched {
 public:
  PosixProcess(EventLoop& loop, ProcessIdentity identity, Descriptor descriptor, bool child)
      : loop_(loop), identity_(std::move(identity)), descriptor_(std::move(descriptor)), child_(child) {
    GW_CHECK(loop_.watch(descriptor_.get(), *this) == 0, "a process's descriptor can be watched");
    look();
  }
  ~PosixProcess() override { loop_.unwatch(descriptor_.get(), *this); }

  const ProcessIdentity& identity() const override { return identity_; }
  bool running() const override { return !ended_; }
  Task<void> ended() override {
    while (!ended_) co_await changed_.wait();
  }
  void terminate() override { send(SIGTERM); }
  void kill() override { send(SIGKILL); }
  void on_events(uint32_t) override { look(); }

 private:
  void send(int number) {
    if (!ended_) ::syscall(SYS_pidfd_send_signal, descriptor_.get(), number, nullptr, 0);
  }
  // The descriptor becomes readable when the process ends; it is looked at once besides, for an end before the watch.
  void look() {
    if (ended_ || !ended_now()) return;
    ended_ = true;
    // A child's number is free only after it was asked for its status.
    if (child_) ::waitpid(static_cast<pid_t>(identity_.number), nullptr, WNOHANG);
    changed_.notify_all();
  }
  bool ended_now() const {
    if (::syscall(SYS_pidfd_send_signal, descriptor_.get(), 0, nullptr, 0) != 0) return true;
    return start_ticks(static_cast<pid_t>(identity_.number)) != identity_.started;
  }

  EventLoop& loop_;
  const ProcessIdentity identity_;
  Descriptor descriptor_;
  const bool child_;
  bool ended_ = false;
  Condition changed_;
};

Result<std::unique_ptr<Process>> hold(pid_t number, std::optional<uint64_t> expected, bool child) {
  Descriptor descriptor(static_cast<int>(::syscall(SYS_pidfd_open, number, 0)));
  if (!descriptor) {
    if (errno == ENOSYS)
      return fail(ErrorKind::unsupported, "this kernel has no process descriptors (Linux 5.3 has)");
    return fail(errno == EMFILE ? ErrorKind::limit : ErrorKind::not_found,
                "there is no process " + std::to_string(number));
  }
  // Read while the descriptor is held: the number cannot have passed to another meanwhile without its showing.
  const auto started = start_ticks(number);
  if (!child && (!started || (expected && *started != *expected)))
    return fail(ErrorKind::not_found, "process " + std::to_string(number) + " does not run any more");
  ProcessIdentity identity{number, started.value_or(0), read_boot_id()};
  return std::make_unique<PosixProcess>(EventLoop::here(), std::move(identity), std::move(descriptor), child);
}

std::vector<std::string> environment_for(const ProcessOptions& options) {
  std::vector<std::string> all;
  for (char** at = environ; *at != nullptr; ++at) {
    if (options.environment_dropped.empty() ||
        !std::string_view(*at).starts_with(options.environment_dropped))
      all.emplace_back(*at);
  }
  all.insert(all.end(), options.environment.begin(), options.environment.end());
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

// Frees what posix_spawn was told.
struct Plan {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  explicit Plan(const std::string& output) {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0640);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&files, 3);
    ::posix_spawnattr_init(&attributes);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::sigemptyset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~Plan() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
};

int spawn(pid_t& number, const ProcessOptions& options, char* const* arguments, char* const* environment) {
  const Plan plan(options.output_path);
  return ::posix_spawnp(&number, arguments[0], &plan.files, &plan.attributes, arguments, environment);
}

// What a forked child does until it is the program, with calls that are safe there. posix_spawn has no word for the signal
// at the parent's end. Returns where the program cannot be run: errno says why.
void become(const char* output, pid_t parent, char* const* arguments, char* const* environment) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &usual, nullptr);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
  // It may have ended before it could be told of.
  if (::getppid() != parent) ::_exit(127);
  const int in = ::open("/dev/null", O_RDONLY);
  const int out = ::open(output, O_WRONLY | O_CREAT | O_APPEND, 0640);
  if (in < 0 || out < 0 || ::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) return;
  ::execvpe(arguments[0], arguments, environment);
}

int spawn_that_ends_with_us(pid_t& number, const ProcessOptions& options, char* const* arguments,
                            char* const* environment) {
  // Closed by the program's begin, or told why there is none.
  int why[2];
  if (::pipe2(why, O_CLOEXEC) != 0) return errno;
  const pid_t parent = ::getpid();
  number = ::fork();
  if (number == 0) {
    // Nothing of ours stays open in it; the pipe and the rest go with exec.
    ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    become(options.output_path.c_str(), parent, arguments, environment);
    const int error = errno;
    (void)!::write(why[1], &error, sizeof error);
    ::_exit(127);
  }
  const int fork_error = number < 0 ? errno : 0;
  ::close(why[1]);
  int error = fork_error;
  if (number > 0) {
    ssize_t told = 0;
    do {
      told = ::read(why[0], &error, sizeof error);
    } while (told < 0 && errno == EINTR);
    if (told == sizeof error) {
      ::waitpid(number, nullptr, 0);
    } else {
      error = 0;
    }
  }
  ::close(why[0]);
  return error;
}

class PosixProcesses final : public Processes {
 public:
  Result<std::unique_ptr<Process>> start(ProcessOptions options) override {
    GW_CHECK(!options.arguments.empty(), "a process has a program");
    std::vector<std::string> environment = environment_for(options);
    const std::string program = options.arguments.front();
    pid_t number = 0;
    const auto how = options.ends_with_us ? spawn_that_ends_with_us : spawn;
    const int error = how(number, options, pointers(options.arguments).data(), pointers(environment).data());
    if (error != 0) {
      const ErrorKind kind = error == ENOENT                      ? ErrorKind::not_found
                             : error == EACCES                    ? ErrorKind::permission
                             : error == EAGAIN || error == ENOMEM ? ErrorKind::limit
                                                                  : ErrorKind::io;
      return fail(kind, program + " cannot be started: " + std::generic_category().message(error));
    }
    return hold(number, std::nullopt, true);
  }
  Result<std::unique_ptr<Process>> adopt(const ProcessIdentity& identity) override {
    if (identity.number <= 0 || identity.boot != read_boot_id())
      return fail(ErrorKind::not_found, "the machine was started anew since");
    return hold(static_cast<pid_t>(identity.number), identity.started, false);
  }
  Result<std::unique_ptr<Process>> find(const std::vector<std::string>& words) override {
    GW_CHECK(!words.empty(), "a process is looked for by something");
    DIR* const folder = ::opendir("/proc");
    if (folder == nullptr) return fail(ErrorKind::io, "/proc cannot be read");
    std::optional<pid_t> found;
    while (const dirent* entry = ::readdir(folder)) {
      pid_t number = 0;
      const std::string_view name(entry->d_name);
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      if (error != std::errc{} || end != name.data() + name.size()) continue;
      if (!holds(arguments_of(std::string(name)), words)) continue;
      found = number;
      break;
    }
    ::closedir(folder);
    if (!found) return fail(ErrorKind::not_found, "no process has such arguments");
    return hold(*found, std::nullopt, false);
  }
};

}  // namespace
}  // namespace real

std::unique_ptr<Processes> make_real_processes() {
  return std::make_unique<real::PosixProcesses>();
}

ProcessIdentity own_identity() {
  const pid_t number = ::getpid();
  return {number, real::start_ticks(number).value_or(0), real::read_boot_id()};
}

std::string own_program() {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : std::string();
}

std::string absolute_path(const std::string& path) {
  if (path.starts_with('/')) return path;
  char folder[4096];
  return ::getcwd(folder, sizeof folder) != nullptr ? std::string(folder) + "/" + path : path;
}

}  // namespace godwit::runtime
