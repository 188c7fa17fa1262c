#include "normal.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"

namespace godwit::compare {
namespace {

using Names = std::set<std::string_view>;

// What an element of a list is called by, the first that it has.
constexpr std::string_view kKeys[] = {
    "name",    "topic",     "topic_name",      "group_id",  "resource_name", "api_key",
    "key",     "log_dir",   "partition_index", "partition", "partition_id",  "index",
    "node_id", "broker_id", "member_id",       "topic_id"};
const Names kBrokers = {"node_id",       "leader_id", "controller_id",    "broker_id",
                        "replica_nodes", "isr_nodes", "offline_replicas", "replicas"};
const Names kHosts = {"host", "client_host", "log_dir"};
const Names kMessages = {"error_message", "batch_index_error_message", "documentation"};
const Names kClock = {"log_append_time_ms", "timestamp", "last_timestamp"};
// Lists whose order is part of the answer.
const Names kOrdered = {"synonyms"};
// The script's own timestamps lie before.
constexpr int64_t kScriptTimeEnd = 1'750'000'000'000;

// The defaults that are dynamic, and those that nobody set.
const Names kDefaultSources = {"3", "5"};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
      out += "\\x" + to_hex(as_bytes(std::string_view(&c, 1)));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string Normal::word_for(const std::string& real, const std::string& otherwise) const {
  const auto at = words_.find(real);
  return at == words_.end() ? otherwise : at->second;
}

std::string Normal::scalar(std::string_view field, const Node& node) const {
  const std::string& text = node.text;
  switch (node.kind) {
    case Node::Kind::null:
      return "null";
    case Node::Kind::uuid:
      return text.empty() ? "no id" : "<" + word_for(text, "an id") + ">";
    case Node::Kind::bytes:
      return quoted(as_text(node.bytes));
    case Node::Kind::text:
      if (kMessages.contains(field)) return text.empty() ? "\"\"" : "<a message>";
      if (kHosts.contains(field)) return text.empty() ? "\"\"" : "<host>";
      if (field == "cluster_id") return text.empty() ? "\"\"" : "<cluster>";
      if ((field == "member_id" || field == "leader") && !text.empty())
        return "<" + word_for(text, "a member") + ">";
      return quoted(word_for(text, text));
    default:
      break;
  }
  if (kBrokers.contains(field) && text == broker_) return "<broker>";
  if (field == "port") return text == "0" || text == "-1" ? text : "<port>";
  if (field == "session_id") return text == "0" ? text : "<a session>";
  if (field == "producer_id") return text == "-1" ? text : "<" + word_for(text, "a producer") + ">";
  if (field == "total_bytes" || field == "usable_bytes") return text == "-1" ? text : "<bytes>";
  if (field == "finalized_features_epoch") return text == "-1" ? text : "<epoch>";
  if (kClock.contains(field) && std::stoll(text) > kScriptTimeEnd) return "<now>";
  return text;
}

std::string Normal::key_of(const Node& element) const {
  if (element.kind != Node::Kind::fields) return {};
  for (const auto key : kKeys) {
    const Node* at = element.find(key);
    if (at == nullptr || at->kind == Node::Kind::null) continue;
    if ((at->kind == Node::Kind::text || at->kind == Node::Kind::uuid) && at->text.empty() &&
        key != "group_id")
      continue;
    std::string text = scalar(key, *at);
    std::erase(text, '"');
    return text;
  }
  return {};
}

void Normal::put_list(Lines& out, const std::string& path, std::string_view field, const Node& node) const {
  if (node.children.empty()) {
    out.push_back(path + " = []");
    return;
  }
  struct Element {
    std::string key;
    Lines lines;
  };
  std::vector<Element> elements;
  for (const auto& [_, child] : node.children) {
    const Node* const source = child.find("config_source");
    if (no_defaults_ && source != nullptr && kDefaultSources.contains(source->text)) continue;
    Element element{key_of(child), {}};
    put(element.lines, "", field, child);
    elements.push_back(std::move(element));
  }
  if (!kOrdered.contains(field)) {
    std::ranges::stable_sort(elements, [](const Element& a, const Element& b) {
      return std::tie(a.key, a.lines) < std::tie(b.key, b.lines);
    });
  }
  std::map<std::string, int> seen;
  for (size_t i = 0; i < elements.size(); ++i) {
    std::string key =
        elements[i].key.empty() || kOrdered.contains(field) ? std::to_string(i) : elements[i].key;
    if (const int before = seen[key]++; before > 0) key += "#" + std::to_string(before + 1);
    for (const auto& line : elements[i].lines) out.push_back(path + "[" + key + "]" + line);
  }
}

void Normal::put(Lines& out, const std::string& path, std::string_view field, const Node& node) const {
  if (field == "throttle_time_ms") return;
  if (node.kind == Node::Kind::fields) {
    for (const auto& [name, child] : node.children) put(out, path + "." + name, name, child);
  } else if (node.kind == Node::Kind::list) {
    put_list(out, path, field, node);
  } else if (field == "records" && node.kind == Node::Kind::bytes) {
    for (auto& line : record_lines(path, node.bytes)) out.push_back(std::move(line));
  } else {
    out.push_back(path + " = " + scalar(field, node));
  }
}

Lines Normal::lines(const Node& message) const {
  Lines out;
  put(out, "", "", message);
  for (auto& line : out) {
    if (line.starts_with(".")) line.erase(0, 1);
  }
  std::ranges::sort(out);
  return out;
}

const Node* Node::find(std::string_view name) const {
  const auto at =
      std::ranges::find(children, name, [](const auto& child) { return std::string_view(child.first); });
  return at == children.end() ? nullptr : &at->second;
}

}  // namespace godwit::compare
