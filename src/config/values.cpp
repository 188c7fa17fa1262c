#include "config/values.h"

#include <algorithm>
#include <set>

#include "base/check.h"

namespace godwit::config {

const Value& Values::of(std::string_view name) const {
  const auto found = values_.find(name);
  GW_CHECK(found != values_.end(), "only settings of the catalogue are asked for");
  return found->second;
}

bool Values::boolean(std::string_view name) const {
  const auto value = to_boolean(text(name));
  GW_CHECK(value.has_value() || !is_set(name), "the setting is a boolean");
  return value.value_or(false);
}

int64_t Values::integer(std::string_view name) const {
  auto value = to_integer(text(name));
  if (!value) value = to_milliseconds(text(name));
  GW_CHECK(value.has_value() || !is_set(name), "the setting is a number");
  return value.value_or(0);
}

uint64_t Values::bytes(std::string_view name) const {
  const auto value = to_bytes(text(name));
  GW_CHECK(value.has_value() || !is_set(name), "the setting is a number of bytes");
  return static_cast<uint64_t>(std::max<int64_t>(0, value.value_or(0)));
}

Duration Values::duration(std::string_view name) const {
  // Beyond 100 years it is for ever; nanoseconds have no room for more.
  constexpr int64_t kForeverMs = int64_t{100} * 365 * 24 * 3600 * 1000;
  return std::chrono::milliseconds(std::clamp(integer(name), -kForeverMs, kForeverMs));
}

std::vector<std::string> Values::list(std::string_view name) const {
  return to_list(text(name));
}

Resolution resolve(const Catalogue& catalogue, Given given) {
  Resolution resolution;
  resolution.problems = std::move(given.problems);
  for (const Setting& setting : catalogue.all()) {
    resolution.values.set(setting.name, {std::string(setting.fallback), Source::fallback, ""});
  }
  std::set<std::string> in_file;
  for (Assignment& assignment : given.assignments) {
    const auto refuse = [&](std::string text) {
      resolution.problems.push_back({assignment.where, std::move(text)});
    };
    const Setting* const setting = catalogue.find(assignment.name);
    if (setting == nullptr) {
      refuse("unknown setting " + assignment.name + suggestion(catalogue, assignment.name));
      continue;
    }
    if (assignment.source == Source::file && !in_file.insert(assignment.name).second) {
      refuse(assignment.name + ": is given twice");
      continue;
    }
#ifndef GODWIT_SEEDED_BUG_CONFIG  // a value believed unseen, for a build that shows that the fuzzer finds it
    if (auto fault = check(*setting, assignment.value)) {
      // A secret does not come back in a message.
      refuse(setting->secret ? assignment.name + ": the value is refused" : *std::move(fault));
      continue;
    }
#endif
    if (assignment.source < resolution.values.of(assignment.name).source) continue;
    resolution.values.set(assignment.name,
                          {std::move(assignment.value), assignment.source, assignment.where});
  }
  return resolution;
}

std::vector<Change> compare(const Catalogue& catalogue, const Values& before, const Values& after) {
  std::vector<Change> changes;
  for (const Setting& setting : catalogue.all()) {
    const Value& old = before.of(setting.name);
    const Value& now = after.of(setting.name);
    if (old.text != now.text) changes.push_back({std::string(setting.name), old, now, setting.restart});
  }
  return changes;
}

}  // namespace godwit::config
