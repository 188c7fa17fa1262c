// compare_answers HOST:PORT [family…]: asks the script and prints the answers.
// compare_answers --apis: prints the key and the name of each API, by which cases are called.
//
//   # <case>
//   v<first>-<last>
//   <path> = <value>
//
// Versions in a row with the same answer stand together.
#include <cstdio>
#include <cstdlib>
#include <span>

#include "script.h"

namespace godwit::compare {
namespace {

void print(const Script::Case& asked) {
  std::printf("# %s\n", asked.name.c_str());
  for (auto at = asked.answers.begin(); at != asked.answers.end();) {
    auto last = at;
    for (auto next = std::next(at);
         next != asked.answers.end() && next->first == last->first + 1 && next->second == at->second; ++next)
      last = next;
    std::printf("v%d-%d\n", at->first, last->first);
    for (const auto& line : at->second) std::printf("%s\n", line.c_str());
    at = std::next(last);
  }
}

int run(std::span<char*> arguments) {
  const std::string address = arguments.size() > 1 ? arguments[1] : "";
  if (address == "--apis") {
    for (const auto& api : kafka::all_apis())
      std::printf("%d %s\n", static_cast<int>(api.key), std::string(api.name).c_str());
    return 0;
  }
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    std::fprintf(stderr, "usage: compare_answers HOST:PORT [family…] | --apis\n");
    return 2;
  }
  Script script({address.substr(0, colon), static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1))});
  script.meet();
  for (const auto& family : families()) {
    bool wanted = arguments.size() <= 2;
    for (const char* name : arguments.subspan(std::min<size_t>(2, arguments.size())))
      wanted = wanted || family.name == name;
    if (!wanted) continue;
    std::fprintf(stderr, "asking about %s\n", std::string(family.name).c_str());
    family.run(script);
  }
  for (const auto& asked : script.cases()) print(asked);
  return 0;
}

}  // namespace
}  // namespace godwit::compare

int main(int count, char** arguments) {
  return godwit::compare::run({arguments, static_cast<size_t>(count)});
}
