// What the operating system refuses: descriptors, permissions, space. Limits are lowered in a forked child.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "runtime/contract/connection.h"
#include "runtime/file.h"
#include "runtime/real/real_world.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// The children here start threads after fork, which the sanitizer takes for a mistake.
extern "C" const char* __tsan_default_options() {
  return "die_after_fork=0";
}
#endif
#endif

namespace godwit::runtime::contract {
namespace {

using Create = OpenOptions::Create;

// Runs the scenario in a child process, in which it may lower limits and change its user. Its failures count here.
void run_in_child(Task<void> (*scenario)(World&)) {
  ::fflush(nullptr);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    {
      RealWorld world;
      world.run(scenario(world));
    }
    ::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child's output says why";
}

Task<Result<void>> fill(FileSystem& files, std::string path, size_t bytes) {
  auto file = co_await files.open(path, {.write = true, .create = Create::if_missing});
  if (!file) co_return fail(file.error());
  const Bytes block(1 << 16);
  const BytesView part = block;
  for (size_t at = 0; at < bytes; at += block.size())
    GW_TRY(co_return, co_await (*file)->write_at(at, {&part, 1}));
  co_return co_await (*file)->sync();
}

TEST(OsLimits, without_descriptors_accept_and_open_say_limit_and_work_again_later) {
  run_in_child([](World& world) -> Task<void> {
    Network& network = world.runtime().network();
    auto listener = co_await network.listen({world.host(), 0}, {});
    GW_REQUIRE_OK(listener);
    auto client = co_await network.connect((*listener)->local(), kPatience);
    GW_REQUIRE_OK(client);
    // The pool's thread is started and the file's path walked before the limit falls.
    EXPECT_EQ((co_await world.runtime().files().exists(world.directory())).value_or(false), true);
    const rlimit none{.rlim_cur = 3, .rlim_max = 4096};
    GW_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    GW_EXPECT_ERROR(co_await (*listener)->accept(), ErrorKind::limit);
    GW_EXPECT_ERROR(co_await network.connect((*listener)->local(), kPatience), ErrorKind::limit);
    GW_EXPECT_ERROR(co_await network.listen({world.host(), 0}, {}), ErrorKind::limit);
    GW_EXPECT_ERROR(co_await world.runtime().files().open(world.directory() + "/a",
                                                          {.write = true, .create = Create::if_missing}),
                    ErrorKind::limit);
    const rlimit enough{.rlim_cur = 1024, .rlim_max = 4096};
    GW_REQUIRE(::setrlimit(RLIMIT_NOFILE, &enough) == 0);
    auto server = co_await (*listener)->accept();
    GW_REQUIRE_OK(server);
    EXPECT_TRUE(co_await write_text(**client, "still here"));
    EXPECT_EQ(co_await read_text(**server, 10), "still here");
  });
}

TEST(OsLimits, a_directory_that_may_not_be_written_is_a_matter_of_permission) {
  run_in_child([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string folder = world.directory();
    GW_REQUIRE(co_await fill(files, folder + "/old", 1));
    GW_REQUIRE(::chmod((folder + "/old").c_str(), 0444) == 0 && ::chmod(folder.c_str(), 0555) == 0);
    // As root everything may be written: be nobody from here on (glibc tells all threads).
    if (::getuid() == 0) GW_REQUIRE(::setgid(65534) == 0 && ::setuid(65534) == 0);
    GW_EXPECT_ERROR(co_await files.open(folder + "/new", {.write = true, .create = Create::if_missing}),
                    ErrorKind::permission);
    GW_EXPECT_ERROR(co_await files.open(folder + "/old", {.write = true}), ErrorKind::permission);
    EXPECT_TRUE(co_await files.open(folder + "/old", {}));
    GW_EXPECT_ERROR(co_await files.make_directory(folder + "/sub"), ErrorKind::permission);
    GW_EXPECT_ERROR(co_await files.remove(folder + "/old"), ErrorKind::permission);
    GW_EXPECT_ERROR(co_await files.lock(folder + "/lock"), ErrorKind::permission);
  });
}

TEST(OsLimits, a_full_disk_is_no_space_and_reading_goes_on) {
  if (::getuid() != 0) GTEST_SKIP() << "mounting a small disk needs root";
  RealWorld world;
  const std::string disk = world.directory() + "/disk";
  ASSERT_EQ(::mkdir(disk.c_str(), 0755), 0);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0)
    GTEST_SKIP() << "this container may not mount";
  world.run([](World& in) -> Task<void> {
    FileSystem& files = in.runtime().files();
    const std::string folder = in.directory() + "/disk";
    GW_REQUIRE(co_await fill(files, folder + "/first", 1 << 19));
    GW_EXPECT_ERROR(co_await fill(files, folder + "/second", 1 << 20), ErrorKind::no_space);
    auto third = co_await files.open(folder + "/third", {.write = true, .create = Create::if_missing});
    GW_REQUIRE_OK(third);
    GW_EXPECT_ERROR(co_await (*third)->allocate(1 << 20), ErrorKind::no_space);
    const auto space = co_await files.space(folder);
    GW_REQUIRE_OK(space);
    EXPECT_EQ(space->total, 1u << 20);
    EXPECT_LT(space->available, 1u << 16);
    EXPECT_TRUE(co_await read_file(files, folder + "/first", 1 << 20));
    EXPECT_TRUE(co_await files.remove(folder + "/second"));
    EXPECT_TRUE(co_await (*third)->allocate(1 << 18));
  }(world));
  EXPECT_EQ(::umount2(disk.c_str(), MNT_DETACH), 0);
}

// Takes the lock in a process of its own and keeps it until it is killed.
[[noreturn]] void hold_lock(const std::string& path, int tell) {
  RecordingSink diagnostics;
  const auto runtime = make_real_runtime({.shards = 1}, diagnostics);
  runtime->run([](Runtime& in, std::string name, int out) -> Task<int> {
    const auto lock = co_await in.files().lock(name);
    const char well = lock ? 'y' : 'n';
    if (::write(out, &well, 1) == 1) co_await sleep_for(std::chrono::hours(1));
    co_return 0;
  }(*runtime, path, tell));
  ::_exit(1);
}

TEST(OsLimits, a_lock_held_by_another_process_names_it_and_falls_with_it) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  std::string path = (std::filesystem::temp_directory_path() / "godwit-lock-XXXXXX").string();
  const int made = ::mkstemp(path.data());
  ASSERT_GE(made, 0);
  ::close(made);
  // Forked before this process has threads.
  const pid_t holder = ::fork();
  ASSERT_GE(holder, 0);
  if (holder == 0) hold_lock(path, ready[1]);
  char well = 'n';
  EXPECT_EQ(::read(ready[0], &well, 1), 1);
  EXPECT_EQ(well, 'y');
  RealWorld world;
  world.run([](World& in, pid_t other, std::string at) -> Task<void> {
    const auto refused = co_await in.runtime().files().lock(at);
    GW_EXPECT_ERROR(refused, ErrorKind::conflict);
    if (!refused) {
      EXPECT_NE(refused.error().message.find("process " + std::to_string(other)), std::string::npos)
          << refused.error().message;
    }
    ::kill(other, SIGKILL);
    EXPECT_EQ(::waitpid(other, nullptr, 0), other);
    EXPECT_TRUE(co_await in.runtime().files().lock(at));
  }(world, holder, path));
  ::unlink(path.c_str());
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace godwit::runtime::contract
