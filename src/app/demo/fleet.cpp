#include "app/demo/fleet.h"

#include <algorithm>

#include "runtime/file.h"

namespace godwit::app::demo {
namespace {

using runtime::Task;

// How long a program stays dead, for everybody to see.
constexpr Duration kStaysDead = std::chrono::seconds(1);
// Ends that come sooner after the start are counted; so many are hopeless.
constexpr Duration kQuick = std::chrono::seconds(5);
constexpr int kQuickEndsMax = 3;
constexpr size_t kOutputMax = size_t{64} << 20;
constexpr size_t kLastLines = 5;

}  // namespace

Result<size_t> Fleet::add(ProgramOptions options) {
  auto program = std::make_unique<Program>();
  program->options = std::move(options);
  if (auto started = start(*program); !started) return fail(started.error());
  programs_.push_back(std::move(program));
  stopping_.push_back(false);
  const size_t index = programs_.size() - 1;
  runtime_.shard(0).spawn(watch(index));
  return index;
}

Result<void> Fleet::start(Program& program) {
  auto process = processes_.start({.arguments = program.options.arguments,
                                   .output_path = program.options.output_path,
                                   .environment_dropped = "GODWIT_",
                                   .ends_with_us = true});
  if (!process) return fail(process.error());
  program.process = std::move(*process);
  program.started = runtime_.shard(0).now();
  program.killed = false;
  return {};
}

Task<void> Fleet::watch(size_t index) {
  Program& program = *programs_[index];
  for (;;) {
    co_await program.process->ended();
    program.ended = runtime_.shard(0).now();
    if (stopping_[index]) co_return;
    const bool quick = !program.killed && program.ended - program.started < kQuick;
    program.quick_ends = quick ? program.quick_ends + 1 : 0;
    if (callbacks_.ended) callbacks_.ended(index, program);
    if (program.quick_ends >= kQuickEndsMax) {
      callbacks_.hopeless(program.options.name + " ends as soon as it begins:\n" +
                          co_await last_words(index));
      co_return;
    }
    co_await runtime::sleep_for(kStaysDead);
    if (stopping_[index]) co_return;
    if (auto started = start(program); !started) {
      callbacks_.hopeless(started.error().message);
      co_return;
    }
    if (callbacks_.started) callbacks_.started(index, program);
  }
}

void Fleet::kill(size_t index) {
  Program& program = *programs_[index];
  if (!program.running()) return;
  program.killed = true;
  program.process->kill();
}

Task<void> Fleet::stop(std::vector<size_t> indexes, Duration patience) {
  for (const size_t index : indexes) {
    stopping_[index] = true;
    if (programs_[index]->running()) programs_[index]->process->terminate();
  }
  const MonotonicTime deadline = runtime_.shard(0).now() + patience;
  const auto any = [&] {
    return std::ranges::any_of(indexes, [&](size_t index) { return programs_[index]->running(); });
  };
  while (any() && runtime_.shard(0).now() < deadline)
    co_await runtime::sleep_for(std::chrono::milliseconds(10));
  for (const size_t index : indexes) {
    if (!programs_[index]->running()) continue;
    programs_[index]->process->kill();
    co_await programs_[index]->process->ended();
  }
}

Task<std::string> Fleet::last_words(size_t index) {
  const auto text =
      co_await runtime::read_file(runtime_.files(), programs_[index]->options.output_path, kOutputMax);
  if (!text) co_return "(" + text.error().message + ")";
  std::string_view rest = as_text(*text);
  while (rest.ends_with('\n')) rest.remove_suffix(1);
  size_t from = rest.size();
  for (size_t lines = 0; lines < kLastLines && from != std::string_view::npos && from > 0; ++lines)
    from = rest.rfind('\n', from - 1);
  co_return std::string(from == std::string_view::npos || from == 0 ? rest : rest.substr(from + 1));
}

}  // namespace godwit::app::demo
