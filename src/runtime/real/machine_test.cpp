#include "runtime/real/machine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace godwit::runtime::real {
namespace {

// A made-up tree of /proc and /sys.
class Tree {
 public:
  Tree() : root_((std::filesystem::temp_directory_path() / "godwit-machine-XXXXXX").string()) {
    if (::mkdtemp(root_.data()) == nullptr) ADD_FAILURE() << "a test may make a directory";
  }
  ~Tree() { std::filesystem::remove_all(root_); }
  Tree& file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
    return *this;
  }
  Machine read() const { return read_machine(root_); }

 private:
  std::string root_;
};

TEST(Machine, without_control_groups_it_is_the_whole_machine) {
  const Machine whole = Tree().read();
  EXPECT_GE(whole.cores, 1u);
  EXPECT_GT(whole.memory, uint64_t{1} << 26);
}

TEST(Machine, limits_of_a_version_2_group_and_of_those_above_it_bind) {
  Tree tree;
  tree.file("/proc/self/cgroup", "0::/a/b\n")
      .file("/sys/fs/cgroup/a/b/memory.max", "max\n")
      .file("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n")
      .file("/sys/fs/cgroup/a/memory.max", "50000000\n")
      .file("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_EQ(tree.read().memory, 50'000'000u);
  EXPECT_EQ(tree.read().cores, 1u);
}

TEST(Machine, a_container_sees_its_own_limits_at_the_root_of_the_mount) {
  Tree tree;
  tree.file("/proc/self/cgroup", "0::/\n").file("/sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(tree.read().memory, 1'048'576u);
}

TEST(Machine, limits_of_version_1_groups_bind_and_minus_one_means_none) {
  Tree tree;
  tree.file("/proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/x\n1:name=systemd:/x\n")
      .file("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "70000000\n")
      .file("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(tree.read().memory, 70'000'000u);
  EXPECT_EQ(tree.read().cores, 1u);
}

TEST(Machine, nonsense_in_the_tree_is_no_limit) {
  Tree tree;
  tree.file("/proc/self/cgroup", "nonsense\n0::/a\n:\n")
      .file("/sys/fs/cgroup/a/memory.max", "lots\n")
      .file("/sys/fs/cgroup/a/cpu.max", "0 0\n");
  EXPECT_EQ(tree.read().memory, Tree().read().memory);
  EXPECT_EQ(tree.read().cores, Tree().read().cores);
}

}  // namespace
}  // namespace godwit::runtime::real
