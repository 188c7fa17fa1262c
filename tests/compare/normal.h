// Writes an answer as lines "path = value" in which two brokers may be compared: ids, hosts, ports and the time of
// day are replaced by words, error messages by whether there is one, and the order of sets does not show.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tree.h"

namespace godwit::compare {

using Lines = std::vector<std::string>;

class Normal {
 public:
  // From now on a text, id or producer id that is exactly `real` is written as `word`.
  void call(const std::string& real, const std::string& word) {
    if (!real.empty()) words_[real] = word;
  }
  // The node id of the broker that is asked.
  void set_broker(int32_t id) { broker_ = std::to_string(id); }

  // Whether elements of "configs" whose source is "default" are left out.
  void leave_out_defaults(bool yes) { no_defaults_ = yes; }

  // Sorted.
  Lines lines(const Node& message) const;

 private:
  void put(Lines& out, const std::string& path, std::string_view field, const Node& node) const;
  void put_list(Lines& out, const std::string& path, std::string_view field, const Node& node) const;
  std::string key_of(const Node& element) const;
  std::string scalar(std::string_view field, const Node& node) const;
  std::string word_for(const std::string& real, const std::string& otherwise) const;

  std::map<std::string, std::string> words_;
  std::string broker_ = "1";
  bool no_defaults_ = false;
};

// The records of a Fetch answer, batch by batch.
Lines record_lines(const std::string& path, const Bytes& records);

}  // namespace godwit::compare
