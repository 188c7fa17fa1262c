#include "cli/values.h"
#include "config/setting.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace godwit::cli {
namespace {

using std::chrono::milliseconds;

auto bad(std::string_view text, const std::string& expected) {
  return fail(ErrorKind::invalid, "'" + std::string(text) + "' is not " + expected);
}

template <class T>
bool read_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// Takes digits off the front.
bool take_digits(std::string_view& text, int64_t& value) {
  const size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
  if (count == 0 || !read_number(text.substr(0, count), value)) return false;
  text.remove_prefix(count);
  return true;
}

// Takes exactly `count` digits off the front.
bool take_field(std::string_view& text, size_t count, int& value) {
  if (text.size() < count || !read_number(text.substr(0, count), value) || value < 0) return false;
  text.remove_prefix(count);
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

struct Unit {
  std::string_view name;
  int64_t ms;
};
constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
// A century, in milliseconds: what is more is a mistake, and would overflow nanoseconds.
constexpr int64_t kDurationMax = int64_t{100} * 366 * 86'400'000;

// "1h30m": numbers with units, in `text` of lower case.
bool sum_units(std::string_view text, int64_t& ms) {
  ms = 0;
  if (text.empty()) return false;
  while (!text.empty()) {
    int64_t count = 0;
    if (!take_digits(text, count)) return false;
    const size_t length = std::min(text.find_first_of("0123456789"), text.size());
    const auto unit = std::ranges::find(kUnits, text.substr(0, length), &Unit::name);
    if (unit == std::end(kUnits) || count > (kDurationMax - ms) / unit->ms) return false;
    ms += count * unit->ms;
    text.remove_prefix(length);
  }
  return true;
}

// Minutes east of UTC: "", "Z", "+01:00".
bool read_zone(std::string_view text, int& minutes) {
  minutes = 0;
  if (text.empty() || text == "Z") return true;
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return false;
  text.remove_prefix(1);
  int hour = 0;
  int minute = 0;
  if (!take_field(text, 2, hour)) return false;
  (void)take(text, ':');
  if (!text.empty() && !take_field(text, 2, minute)) return false;
  if (!text.empty() || hour > 14 || minute > 59) return false;
  minutes = (east ? 1 : -1) * (hour * 60 + minute);
  return true;
}

}  // namespace

Result<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  if (!read_number(text, value)) return bad(text, "a whole number");
  return value;
}

Result<Duration> parse_duration(std::string_view text) {
  std::string plain(text);
  std::ranges::transform(plain, plain.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  // ISO 8601: P2DT1H is 2d1h.
  if (plain.starts_with('p')) {
    // Before the T an M is a month, and how long that is nobody knows.
    if (plain.substr(0, plain.find('t')).find_first_of("mhs") != std::string::npos) {
      return bad(text, "a duration such as 90s, 1h30m, 2d or PT1H30M");
    }
    std::erase_if(plain, [](char c) { return c == 'p' || c == 't'; });
  }
  int64_t ms = 0;
  if (!sum_units(plain, ms)) return bad(text, "a duration such as 90s, 1h30m, 2d or PT1H30M");
  return Duration(milliseconds(ms));
}

Result<int64_t> parse_time(std::string_view text) {
  const auto wrong = [&] { return bad(text, "a time such as 2026-11-21T10:00:00Z or 2026-11-21"); };
  std::string_view rest = text;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zone = 0;
  if (!take_field(rest, 4, year) || !take(rest, '-') || !take_field(rest, 2, month) || !take(rest, '-') ||
      !take_field(rest, 2, day)) {
    return wrong();
  }
  int64_t fraction_ms = 0;
  if (take(rest, 'T') || take(rest, ' ')) {
    if (!take_field(rest, 2, hour) || !take(rest, ':') || !take_field(rest, 2, minute)) return wrong();
    if (take(rest, ':') && !take_field(rest, 2, second)) return wrong();
    if (take(rest, '.')) {
      const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
      std::string three(rest.substr(0, std::min<size_t>(digits, 3)));
      three.resize(3, '0');
      if (digits == 0 || !read_number(std::string_view(three), fraction_ms)) return wrong();
      rest.remove_prefix(digits);
    }
    if (!read_zone(rest, zone)) return wrong();
  } else if (!rest.empty()) {
    return wrong();
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return wrong();
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  const auto time =
      days + std::chrono::hours(hour) + std::chrono::minutes(minute - zone) + std::chrono::seconds(second);
  return std::chrono::duration_cast<milliseconds>(time).count() + fraction_ms;
}

std::string print_time(int64_t ms) {
  const std::chrono::sys_time<milliseconds> time{milliseconds(ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<std::pair<std::string, std::string>> parse_setting(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return bad(text, "NAME=VALUE");
  return std::pair{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Result<client::Start> parse_start(std::string_view text) {
  if (text == "beginning") return client::Start::beginning();
  if (text == "end") return client::Start::end();
  int64_t offset = 0;
  if (read_number(text, offset) && offset >= 0) return client::Start::offset(offset);
  const auto time = parse_time(text);
  if (time) return client::Start::timestamp(*time);
  return bad(text, "'beginning', 'end', an offset, or a time such as 2026-11-21T10:00:00Z");
}

Result<std::pair<std::string, std::vector<int32_t>>> parse_topic_partitions(std::string_view text) {
  const auto colon = text.find(':');
  std::pair<std::string, std::vector<int32_t>> wanted(std::string(text.substr(0, colon)), {});
  if (wanted.first.empty()) return bad(text, "TOPIC or TOPIC:0,1,2");
  if (colon == std::string_view::npos) return wanted;
  std::string_view rest = text.substr(colon + 1);
  for (bool more = true; more;) {
    const auto comma = rest.find(',');
    int32_t partition = 0;
    if (!read_number(rest.substr(0, comma), partition) || partition < 0)
      return bad(text, "TOPIC or TOPIC:0,1,2");
    wanted.second.push_back(partition);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  return wanted;
}

Result<std::vector<int32_t>> parse_ids(std::string_view text) {
  std::vector<int32_t> ids;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const auto comma = rest.find(',');
    int32_t id = 0;
    if (!read_number(rest.substr(0, comma), id) || id < 0) return bad(text, "ID,ID,… such as 1,2,3");
    if (std::ranges::find(ids, id) != ids.end()) return bad(text, "a list of brokers, each once");
    ids.push_back(id);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  return ids;
}

Result<int64_t> parse_rate(std::string_view text) {
  if (text == "off") return 0;
  if (text == "default") return -1;
  std::string_view bytes = text;
  if (bytes.ends_with("/s")) bytes.remove_suffix(2);
  const auto rate = config::to_bytes(bytes);
  if (!rate || *rate < 1)
    return bad(text, "a rate: bytes a second such as 50MB/s or 1000000, off, or default");
  return *rate;
}

Result<std::vector<runtime::Endpoint>> parse_brokers(std::string_view text) {
  std::vector<runtime::Endpoint> all;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    std::string one(text.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    if (one.empty()) continue;
    if (one.find(':') == std::string::npos || one.ends_with(']')) one += ":9092";
    auto endpoint = runtime::parse_endpoint(one);
    if (!endpoint) return fail(endpoint.error());
    if (endpoint->port == 0) return bad(one, "HOST:PORT: the port is 0");
    if (endpoint->host.empty()) endpoint->host = "127.0.0.1";
    all.push_back(std::move(*endpoint));
  }
  if (all.empty())
    return fail(ErrorKind::invalid, "no broker is named: give HOST:PORT, or several with commas between");
  return all;
}

Result<std::string> unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char code = i + 1 < text.size() ? text[++i] : '\0';
    constexpr std::string_view kCodes = "ntr0\\";
    constexpr std::string_view kMeant("\n\t\r\0\\", 5);
    if (const auto at = kCodes.find(code); code != '\0' && at != std::string_view::npos) {
      out.push_back(kMeant[at]);
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = code == 'x' ? text.substr(i + 1, 2) : std::string_view();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
      return bad(text, "understood: after a backslash n, t, r, 0, \\ or xHH stands");
    }
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return out;
}

}  // namespace godwit::cli
