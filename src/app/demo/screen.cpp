#include "app/demo/screen.h"

#include <fmt/format.h>

namespace godwit::app::demo {
namespace {

std::string stamped(Duration elapsed, const std::string& text) {
  return fmt::format("{:7.1f} s  {}", std::chrono::duration<double>(elapsed).count(), text);
}

}  // namespace

bool Screen::line(Duration elapsed, const std::string& text) {
  const std::string whole = stamped(elapsed, text);
  shown_ = live_;
  const bool written = console_.write(live_ ? "\r\x1b[K" + whole : whole + "\n");
  return console_.flush() && written;
}

void Screen::event(Duration elapsed, const std::string& text) {
  say(stamped(elapsed, "* " + text));
}

void Screen::say(const std::string& text) {
  clear();
  console_.write(text + "\n");
  console_.flush();
}

void Screen::complain(const std::string& text) {
  clear();
  console_.write_error("godwit: " + text + "\n");
}

void Screen::clear() {
  if (!shown_) return;
  console_.write("\r\x1b[K");
  console_.flush();
  shown_ = false;
}

}  // namespace godwit::app::demo
