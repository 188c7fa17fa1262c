#include "cli/record_format.h"

#include "cli/report.h"
#include "cli/values.h"

namespace godwit::cli {
namespace {

std::string headers_text(const client::Record& record) {
  std::string all;
  for (const auto& header : record.headers) {
    all += (all.empty() ? "" : ",") + header.name + "=" + header.value.value_or("");
  }
  return all;
}

void set(Json& json, std::string_view name, const std::optional<std::string>& value) {
  if (value) {
    json.set(name, *value);
  } else {
    json.set_null(name);
  }
}

}  // namespace

Result<RecordFormat> RecordFormat::parse(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    const char code = i + 1 < text.size() ? text[++i] : '\0';
    if (std::string_view("tpoTkvh%").find(code) == std::string_view::npos || code == '\0') {
      return fail(ErrorKind::invalid, "--format: after % one of t, p, o, T, k, v, h and % stands");
    }
  }
  auto plain = unescape(text);
  if (!plain) return fail(ErrorKind::invalid, "--format: " + plain.error().message);
  return RecordFormat(std::move(*plain));
}

std::string RecordFormat::print(const client::Record& record) const {
  std::string out;
  for (size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] != '%' || i + 1 == text_.size()) {
      out += text_[i];
      continue;
    }
    switch (text_[++i]) {
      case 't':
        out += record.topic;
        break;
      case 'p':
        out += std::to_string(record.partition);
        break;
      case 'o':
        out += std::to_string(record.offset);
        break;
      case 'T':
        out += std::to_string(record.timestamp_ms);
        break;
      case 'k':
        out += record.key.value_or("");
        break;
      case 'v':
        out += record.value.value_or("");
        break;
      case 'h':
        out += headers_text(record);
        break;
      default:
        out += text_[i];
    }
  }
  return out;
}

std::string json_from(const client::Record& record) {
  Json json;
  json.set("topic", record.topic).set("partition", record.partition).set("offset", record.offset);
  json.set("timestamp", record.timestamp_ms);
  set(json, "key", record.key);
  set(json, "value", record.value);
  std::vector<std::string> headers;
  for (const auto& header : record.headers) {
    Json one;
    one.set("name", header.name);
    set(one, "value", header.value);
    headers.push_back(one.text());
  }
  return json.raw("headers", json_array(headers)).text();
}

}  // namespace godwit::cli
