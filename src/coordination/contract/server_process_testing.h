// A server program that a test runs beside itself: in its own temporary directory, on ports of loopback, gone when the
// test is gone, however that ends.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace godwit::coordination {

// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "godwit-coordination-XXXXXX").string();
    GW_CHECK(::mkdtemp(name.data()) != nullptr, "a test may make a directory");
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// `count` ports in a row on which nobody listens. They lie below the range from which the kernel takes ports of outgoing
// connections, so that none of these comes between the choice and the server's start.
inline uint16_t free_ports(uint16_t count = 1) {
  static std::mt19937 random{std::random_device{}()};
  const auto is_free = [](uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool bound = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(descriptor);
    return bound;
  };
  for (;;) {
    const auto first = static_cast<uint16_t>(20'000 + random() % 12'000);
    uint16_t good = 0;
    while (good < count && is_free(static_cast<uint16_t>(first + good))) ++good;
    if (good == count) return first;
  }
}

// Whether all threads of the process are stopped by a signal; also where it is gone.
inline bool is_stopped(pid_t process) {
  std::error_code ignored;
  const std::string threads = "/proc/" + std::to_string(process) + "/task";
  return std::ranges::all_of(std::filesystem::directory_iterator(threads, ignored), [](const auto& thread) {
    std::ifstream in(thread.path() / "stat");
    const std::string line{std::istreambuf_iterator<char>(in), {}};
    const size_t name_end = line.rfind(") ");  // the state's letter follows
    return name_end == std::string::npos || std::string_view("TtZX").contains(line[name_end + 2]);
  });
}

// SIGSTOP; returns when it has taken effect. A thread that runs goes on until the signal has come to it, and could answer still.
inline void freeze_process(pid_t process) {
  ::kill(process, SIGSTOP);
  for (int looks = 0; !is_stopped(process); ++looks) {
    GW_CHECK(looks < 30'000, "a process stops within seconds of being told to");
    ::poll(nullptr, 0, 1);
  }
}

// A child of this process; killed when the object goes, or when the thread that started it ends.
class ServerProcess {
 public:
  // Runs arguments[0], found by PATH; what it prints is appended to the file `output`.
  ServerProcess(std::vector<std::string> arguments, const std::string& output) : output_(output) {
    std::vector<char*> raw;
    raw.reserve(arguments.size() + 1);
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    const pid_t parent = ::getpid();
    process_ = ::fork();
    GW_CHECK(process_ >= 0, "a test may start a process");
    if (process_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, 1);
    ::dup2(file, 2);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(raw[0], raw.data());
    ::_exit(127);
  }
  ~ServerProcess() { kill(); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // SIGKILL; returns when the process is gone.
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
  }
  // The exit status of a program that ends by itself; -1 when a signal ended it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(process_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // Nothing where it is gone.
  void freeze() {
    if (process_ > 0) freeze_process(process_);
  }
  void thaw() {
    if (process_ > 0) ::kill(process_, SIGCONT);
  }
  pid_t id() const { return process_; }
  // What it printed so far, for a failure's message.
  std::string output() const {
    std::ifstream in(output_);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  pid_t process_ = 0;
  std::string output_;
};

// NAME.pem and NAME.key in the folder: a certificate for 127.0.0.1 that is its own authority.
inline void make_certificate(const std::string& folder, const std::string& name) {
  // clang-format off
  ServerProcess openssl({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                         "-days", "1", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1",
                         "-keyout", folder + "/" + name + ".key", "-out", folder + "/" + name + ".pem"},
                        folder + "/openssl");
  // clang-format on
  EXPECT_EQ(openssl.wait(), 0) << openssl.output();
}

}  // namespace godwit::coordination
