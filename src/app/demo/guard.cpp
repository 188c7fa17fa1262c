#include "app/demo/guard.h"

#include <charconv>

#include "app/console_sink.h"
#include "app/demo/etcd_members.h"
#include "app/demo/scratch.h"
#include "app/server.h"
#include "runtime/real/real_processes.h"
#include "runtime/real/real_runtime.h"
#include "runtime/shard.h"

namespace godwit::app::demo {
namespace {

using runtime::Task;

// "guard NUMBER STARTED BOOT REMOVE FOLDER…"; a folder that is not to be removed is "-".
constexpr size_t kHead = 4;
constexpr std::string_view kNone = "-";

std::vector<std::string> words_of_broker(const std::string& data_dir) {
  return {"--data.dir", data_dir};
}

template <class T>
bool read_number(const std::string& text, T& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

// A broker that is just dying may still start a member: so until there is neither.
Task<void> end_those_of(runtime::Processes& processes, std::vector<std::string> data_dirs) {
  for (bool any = true; any;) {
    any = false;
    for (const std::string& data_dir : data_dirs) {
      for (const auto& words : {words_of_broker(data_dir), words_of_member(data_dir)}) {
        auto found = processes.find(words);
        if (!found) continue;
        any = true;
        (*found)->kill();
        co_await (*found)->ended();
      }
    }
  }
}

Task<int> watch(runtime::Runtime& runtime, GuardOptions options) {
  const auto processes = runtime::make_real_processes();
  if (auto demo = processes->adopt(options.demo)) co_await (*demo)->ended();
  co_await end_those_of(*processes, options.data_dirs);
  if (!options.remove.empty()) co_await remove_tree(runtime.files(), options.remove);
  co_return kExitOk;
}

}  // namespace

Result<std::unique_ptr<runtime::Process>> start_guard(runtime::Processes& processes,
                                                      const GuardOptions& options) {
  std::vector<std::string> arguments{runtime::own_program(),
                                     "demo",
                                     "guard",
                                     std::to_string(options.demo.number),
                                     std::to_string(options.demo.started),
                                     options.demo.boot,
                                     options.remove.empty() ? std::string(kNone) : options.remove};
  arguments.insert(arguments.end(), options.data_dirs.begin(), options.data_dirs.end());
  return processes.start({.arguments = std::move(arguments), .output_path = "/dev/null"});
}

int run_guard(std::span<const std::string> arguments) {
  GuardOptions options;
  if (arguments.size() <= kHead || !read_number(arguments[0], options.demo.number) ||
      !read_number(arguments[1], options.demo.started)) {
    return kExitUsage;
  }
  options.demo.boot = arguments[2];
  if (arguments[3] != kNone) options.remove = arguments[3];
  options.data_dirs.assign(arguments.begin() + kHead, arguments.end());
  ConsoleSink diagnostics(Format::text, Severity::error);
  const auto runtime = runtime::make_real_runtime({.shards = 1}, diagnostics);
  return runtime->run(watch(*runtime, std::move(options)));
}

}  // namespace godwit::app::demo
