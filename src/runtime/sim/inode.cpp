#include "runtime/sim/inode.h"

#include <algorithm>

namespace godwit::runtime::sim {
namespace {

uint64_t pages_of(uint64_t size) {
  return (size + Content::page_size - 1) / Content::page_size;
}

}  // namespace

Fate Fate::draw(SeededRandom& random) {
  // Whole outcomes are as likely as torn ones: with independent sectors a large write would never be all
  // there or all gone.
  switch (random.below(6)) {
    case 0:
    case 1:
      return kept();
    case 2:
    case 3:
      return lost();
    default:
      return draw_torn(random);
  }
}

Fate Fate::draw_torn(SeededRandom& random) {
  constexpr Mode modes[] = {Mode::prefix, Mode::suffix, Mode::scattered};
  const Mode mode = modes[random.below(3)];
  return {mode, random.next()};
}

Fate Fate::draw_prefix(SeededRandom& random) {
  switch (random.below(4)) {
    case 0:
      return kept();
    case 1:
      return lost();
    default:
      return {Mode::prefix, random.next()};
  }
}

bool Fate::keeps_sector(uint64_t index, uint64_t count) const {
  switch (mode_) {
    case Mode::kept:
      return true;
    case Mode::lost:
      return false;
    case Mode::prefix:
      // At least one and at most count - 1 sectors, where there are two.
      return count > 1 ? index < 1 + draw_ % (count - 1) : (draw_ & 1) != 0;
    case Mode::suffix:
      return count > 1 ? index >= 1 + draw_ % (count - 1) : (draw_ & 1) != 0;
    case Mode::scattered:
      return (mix(draw_ ^ index) & 1) != 0;
  }
  return false;
}

void Inode::write(uint64_t sequence, uint64_t position, BytesView bytes) {
  pages_ += pages_missing(position, bytes.size());
  current_.write(position, bytes);
  const uint64_t end = position + bytes.size();
  current_.grow(end);
  const uint64_t first = position / sector_size * sector_size;
  const uint64_t last = (end + sector_size - 1) / sector_size * sector_size;
  FileChange change{sequence, FileChange::Kind::write, first, Bytes(last - first), end};
  current_.read(first, change.data);
  changes_.push_back(std::move(change));
}

void Inode::truncate(uint64_t sequence, uint64_t size) {
  current_.resize(size);
  changes_.push_back({sequence, FileChange::Kind::truncate, 0, {}, size});
  reserved_pages_ = std::min(reserved_pages_, pages_of(size));
  recount();
}

void Inode::allocate(uint64_t sequence, uint64_t size) {
  current_.grow(size);
  changes_.push_back({sequence, FileChange::Kind::grow, 0, {}, size});
  reserved_pages_ = std::max(reserved_pages_, pages_of(size));
  recount();
}

void Inode::apply(Content& content, const FileChange& change, Fate fate, SeededRandom* garbage) {
  switch (change.kind) {
    case FileChange::Kind::truncate:
      if (fate.keeps_whole()) content.resize(change.size);
      return;
    case FileChange::Kind::grow:
      if (fate.keeps_whole()) content.grow(change.size);
      return;
    case FileChange::Kind::write:
      break;
  }
  const BytesView data(change.data);
  const uint64_t count = data.size() / sector_size;
  for (uint64_t i = 0; i < count; ++i) {
    if (!fate.keeps_sector(i, count)) {
      if (garbage == nullptr || garbage->below(4) != 0) continue;
      Bytes anything(sector_size);
      for (auto& byte : anything) byte = static_cast<std::byte>(garbage->next());
      content.write(change.position + i * sector_size, anything);
      continue;
    }
    content.write(change.position + i * sector_size, data.subspan(i * sector_size, sector_size));
  }
  // The size goes to disk apart from the bytes: it may be there without them, or they without it.
  if (fate.keeps_whole()) content.grow(change.size);
}

void Inode::sync(uint64_t sequence) {
  size_t done = 0;
  while (done < changes_.size() && changes_[done].sequence <= sequence) {
    apply(durable_, changes_[done], Fate::kept());
    ++done;
  }
  changes_.erase(changes_.begin(), changes_.begin() + static_cast<ptrdiff_t>(done));
}

void Inode::sync_failed(uint64_t sequence, SeededRandom& random) {
  size_t done = 0;
  while (done < changes_.size() && changes_[done].sequence <= sequence) {
    apply(durable_, changes_[done], Fate::draw(random));
    ++done;
  }
  durable_.trim();
  changes_.erase(changes_.begin(), changes_.begin() + static_cast<ptrdiff_t>(done));
  diverged_ = true;
  if (random.coin()) return;
  current_ = durable_;
  for (const auto& change : changes_) apply(current_, change, Fate::kept());
  recount();
}

void Inode::power_cut(SeededRandom& random, uint64_t torn, Fate last, bool garbage) {
  for (const auto& change : changes_) {
    const Fate drawn = Fate::draw(random);
    apply(durable_, change, torn != 0 && change.sequence == torn ? last : drawn, garbage ? &random : nullptr);
  }
  durable_.trim();
  changes_.clear();
  current_ = durable_;
  diverged_ = false;
  reserved_pages_ = std::min(reserved_pages_, pages_of(current_.size()));
  recount();
}

bool Inode::flip_bit(uint64_t position, unsigned bit) {
  if (position >= current_.size()) return false;
  for (Content* content : {&current_, &durable_}) {
    if (position >= content->size()) continue;
    std::byte one[1];
    content->read(position, one);
    one[0] ^= std::byte{1} << (bit % 8);
    content->write(position, one);
  }
  return true;
}

void Inode::recount() {
  pages_ = reserved_pages_ + current_.pages_from(reserved_pages_);
}

uint64_t Inode::pages_missing(uint64_t position, uint64_t size) const {
  uint64_t missing = 0;
  for (uint64_t page = position / Content::page_size; page < pages_of(position + size); ++page) {
    missing += page >= reserved_pages_ && !current_.has_page(page) ? 1 : 0;
  }
  return missing;
}

uint64_t Inode::pages_missing_to_allocate(uint64_t size) const {
  const uint64_t wanted = pages_of(size);
  if (wanted <= reserved_pages_) return 0;
  return wanted + current_.pages_from(wanted) - pages_;
}

}  // namespace godwit::runtime::sim
