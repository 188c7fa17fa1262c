#include "words.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

std::string Words::text(std::string_view name) const {
  for (const auto& word : words_) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      return word.substr(name.size() + 1);
    }
  }
  die("missing", std::string(name));
}

std::string Words::text(std::string_view name, std::string_view fallback) const {
  for (const auto& word : words_) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') return text(name);
  }
  return std::string(fallback);
}

void die(const std::string& what, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), why.c_str());
  std::fflush(nullptr);
  std::_Exit(1);
}

bool told_to_stop(int ms) {
  char buffer[256];
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (poll(&input, 1, ms) > 0) {
    if (read(STDIN_FILENO, buffer, sizeof buffer) <= 0) return true;
  }
  return false;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end = text.find(at); end != std::string::npos; end = text.find(at, begin)) {
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

Event::~Event() {
  text_ += "}\n";
  // One call, so that two threads' lines do not mix.
  std::fwrite(text_.data(), 1, text_.size(), stdout);
  std::fflush(stdout);
}

Event& Event::with(std::string_view name, int64_t value) {
  text_ += ",\"" + std::string(name) + "\":" + std::to_string(value);
  return *this;
}

Event& Event::with(std::string_view name, const std::string& value) {
  std::string clean = value;
  for (char& c : clean) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  text_ += ",\"" + std::string(name) + "\":\"" + clean + '"';
  return *this;
}

Event& Event::with(std::string_view name, const std::vector<int32_t>& values) {
  text_ += ",\"" + std::string(name) + "\":[";
  for (size_t i = 0; i < values.size(); ++i) text_ += (i > 0 ? "," : "") + std::to_string(values[i]);
  text_ += "]";
  return *this;
}
