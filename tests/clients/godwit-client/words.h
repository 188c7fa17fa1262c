// What a client program of tests/clients/README.md hears and tells: its options, its standard input, JSON lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// name=value, as given on the command line.
class Words {
 public:
  Words(int count, char** arguments) : words_(arguments, arguments + count) {}
  // Ends the program where it is missing and there is no fallback.
  std::string text(std::string_view name) const;
  std::string text(std::string_view name, std::string_view fallback) const;
  int64_t number(std::string_view name) const { return std::stoll(text(name)); }

 private:
  std::vector<std::string> words_;
};

// Ends the program with 1.
[[noreturn]] void die(const std::string& what, const std::string& why);

// Whether standard input was closed; waits at most `ms` for that.
bool told_to_stop(int ms);

std::vector<std::string> split(const std::string& text, char at);

// {"event":NAME,…}, a line, from any thread, once it is destroyed.
class Event {
 public:
  explicit Event(std::string_view name) { text_ = R"({"event":")" + std::string(name) + '"'; }
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Event& with(std::string_view name, int64_t value);
  // Nothing that JSON would have to escape comes in the journey but for a complaint's words, which are cleaned.
  Event& with(std::string_view name, const std::string& value);
  Event& with(std::string_view name, const std::vector<int32_t>& values);

 private:
  std::string text_;
};
