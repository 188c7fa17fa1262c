// How a record is printed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "godwit/record.h"

namespace godwit::cli {

// %t topic, %p partition, %o offset, %T timestamp in ms, %k key, %v value (both empty where they are null), %h headers as
// name=value with commas between, %% a percent sign; escapes as unescape() takes them.
class RecordFormat {
 public:
  // Error: invalid, naming what is not known.
  static Result<RecordFormat> parse(std::string_view text);
  std::string print(const client::Record& record) const;

 private:
  explicit RecordFormat(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// {"topic":…,"partition":…,"offset":…,"timestamp":…,"key":…,"value":…,"headers":[{"name":…,"value":…}]}
std::string json_from(const client::Record& record);

}  // namespace godwit::cli
