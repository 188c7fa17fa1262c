#include "runtime/real/start_pages.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace godwit::runtime::real {
namespace {

// Resident pages of files, in KiB.
size_t resident_of_files() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stoul(line.substr(8));
  }
  ADD_FAILURE() << "Linux says what is resident";
  return 0;
}

// Of the program's constants, a page and more.
constexpr char kConstant[8192] = "written by the compiler";
// Of what it may write.
int written = 1;

TEST(StartPages, what_was_needed_to_start_is_given_back) {
  const size_t before = resident_of_files();
  EXPECT_GT(release_start_pages(), 0U);
  EXPECT_LT(resident_of_files(), before);
}

TEST(StartPages, code_and_constants_come_back_and_what_was_written_stays) {
  written = 42;
  const std::string on_the_heap = "on the heap";
  release_start_pages();
  EXPECT_EQ(written, 42);
  EXPECT_EQ(on_the_heap, "on the heap");
  EXPECT_STREQ(kConstant, "written by the compiler");
  EXPECT_EQ(std::to_string(3.5).substr(0, 3), "3.5");
}

}  // namespace
}  // namespace godwit::runtime::real
