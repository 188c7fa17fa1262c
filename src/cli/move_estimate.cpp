#include "cli/move_estimate.h"

#include <array>

#include <fmt/format.h>

namespace godwit::cli {
namespace {

// Over which time the speed is taken: long enough for a throttle's steps, short enough to follow a change of it.
constexpr Duration kWindow = std::chrono::seconds(10);
constexpr Duration kLeast = std::chrono::milliseconds(100);

}  // namespace

void MoveEstimate::look(MonotonicTime now, const MoveTally& tally) {
  tally_ = tally;
  looks_.push_back({now, tally.bytes_left()});
  while (looks_.size() > 2 && now - looks_[1].at >= kWindow) looks_.pop_front();
}

std::optional<double> MoveEstimate::bytes_per_second() const {
  if (looks_.empty()) return std::nullopt;
  const Duration time = looks_.back().at - looks_.front().at;
  const int64_t copied = looks_.front().left - looks_.back().left;
  if (time < kLeast || copied <= 0) return std::nullopt;
  return static_cast<double>(copied) / std::chrono::duration<double>(time).count();
}

std::optional<Duration> MoveEstimate::time_left() const {
  const auto speed = bytes_per_second();
  if (!speed) return std::nullopt;
  const double seconds = static_cast<double>(tally_.bytes_left()) / *speed;
  constexpr double kLong = 100.0 * 365 * 24 * 3600;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, kLong)));
}

std::string MoveEstimate::text() const {
  std::string text = fmt::format("{} partition{}", tally_.moving, tally_.moving == 1 ? " moves" : "s move");
  if (tally_.planned > 0) text += fmt::format(", {} wait{}", tally_.planned, tally_.planned == 1 ? "s" : "");
  text += fmt::format(": {} of {} copied", print_bytes(tally_.bytes_copied), print_bytes(tally_.bytes_total));
  if (const auto speed = bytes_per_second())
    text += fmt::format(", {}/s", print_bytes(static_cast<int64_t>(*speed)));
  if (const auto left = time_left()) text += fmt::format(", about {} left", print_rough(*left));
  return text;
}

std::string print_bytes(int64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string print_rough(Duration time) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time + std::chrono::milliseconds(500)).count();
  if (seconds < 60) return fmt::format("{}s", seconds);
  const int64_t minutes = (seconds + 30) / 60;
  if (minutes < 60)
    return seconds < 600 ? fmt::format("{}m{}s", seconds / 60, seconds % 60) : fmt::format("{}m", minutes);
  const int64_t hours = minutes / 60;
  if (hours < 48) return fmt::format("{}h{}m", hours, minutes % 60);
  return fmt::format("{}d{}h", hours / 24, hours % 24);
}

}  // namespace godwit::cli
