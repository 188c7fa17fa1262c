#include "printed.h"

namespace godwit::wire {
namespace {

class Reader {
 public:
  Reader(std::string_view text, Leaves& into) : text_(text), into_(into) {}

  void value(const std::string& path) {
    if (take('{')) {
      fields(path);
    } else if (take('[')) {
      elements(path);
    } else {
      into_[path] = scalar();
    }
  }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void separator() {
    if (take(',')) take(' ');
  }

  void fields(const std::string& path) {
    while (at_ < text_.size() && !take('}')) {
      const size_t equals = text_.find('=', at_);
      if (equals == std::string_view::npos) return;
      const std::string name(text_.substr(at_, equals - at_));
      at_ = equals + 1;
      value(path.empty() ? name : path + "." + name);
      separator();
    }
  }

  void elements(const std::string& path) {
    for (size_t index = 0; at_ < text_.size() && !take(']'); ++index) {
      value(path + "[" + std::to_string(index) + "]");
      separator();
    }
  }

  std::string scalar() {
    const size_t begin = at_;
    if (take('"')) {
      while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
      ++at_;
    } else {
      while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ']') ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  Leaves& into_;
  size_t at_ = 0;
};

}  // namespace

Leaves leaves_of(std::string_view printed) {
  Leaves leaves;
  const size_t begin = printed.find('{');
  if (begin != std::string_view::npos) Reader(printed.substr(begin), leaves).value("");
  return leaves;
}

}  // namespace godwit::wire
