#include "runtime/sim/content.h"

#include <algorithm>

namespace godwit::runtime::sim {

void Content::read(uint64_t position, MutableBytes into) const {
  while (!into.empty()) {
    const uint64_t page = position / page_size;
    const uint64_t offset = position % page_size;
    const size_t count = std::min<uint64_t>(into.size(), page_size - offset);
    if (has_page(page)) {
      std::memcpy(into.data(), pages_[page]->bytes + offset, count);
    } else {
      std::memset(into.data(), 0, count);
    }
    position += count;
    into = into.subspan(count);
  }
}

Content::Page& Content::writable(uint64_t page) {
  if (page >= pages_.size()) pages_.resize(page + 1);
  auto& slot = pages_[page];
  if (slot == nullptr) {
    slot = std::make_shared<Page>();
  } else if (slot.use_count() > 1) {
    slot = std::make_shared<Page>(*slot);
  }
  return *slot;
}

void Content::write(uint64_t position, BytesView bytes) {
  while (!bytes.empty()) {
    const uint64_t offset = position % page_size;
    const size_t count = std::min<uint64_t>(bytes.size(), page_size - offset);
    std::memcpy(writable(position / page_size).bytes + offset, bytes.data(), count);
    position += count;
    bytes = bytes.subspan(count);
  }
}

void Content::resize(uint64_t size) {
  size_ = size;
  const uint64_t whole = (size + page_size - 1) / page_size;
  if (pages_.size() > whole) pages_.resize(whole);
  const uint64_t rest = size % page_size;
  if (rest != 0 && has_page(whole - 1)) {
    std::memset(writable(whole - 1).bytes + rest, 0, page_size - rest);
  }
}

uint64_t Content::pages_from(uint64_t from) const {
  uint64_t count = 0;
  for (uint64_t page = from; page < pages_.size(); ++page) count += pages_[page] != nullptr ? 1 : 0;
  return count;
}

}  // namespace godwit::runtime::sim
