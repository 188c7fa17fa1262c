#include "storage/index_cache.h"

namespace godwit::storage {

IndexCache::Entry::~Entry() {
  if (cache_ != nullptr) cache_->leave(*this);
}

void IndexCache::leave(Entry& entry) {
  entry.unlink();
  bytes_ -= entry.bytes_;
  entry.bytes_ = 0;
  entry.cache_ = nullptr;
}

void IndexCache::use(Entry& entry, size_t bytes) {
  leave(entry);
  if (bytes == 0) return;
  entry.cache_ = this;
  entry.bytes_ = bytes;
  bytes_ += bytes;
  entries_.push_back(entry);
  while (bytes_ > bytes_max_) {
    auto& oldest = static_cast<Entry&>(*entries_.front());
    if (&oldest == &entry) break;
    leave(oldest);
    oldest.give_up();
  }
}

}  // namespace godwit::storage
