#include "storage/tail.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace godwit::storage {

Tail::Tail(std::shared_ptr<Arena> arena, Position position)
    : arena_(std::move(arena)), end_(position), written_(position) {
  GW_CHECK(position.value() % kBlockMin == 0, "a tail starts on a block boundary, as its file was written");
}

bool Tail::reserve(size_t bytes, size_t block_max) {
  GW_CHECK(!closed_, "nothing is appended behind a cut or a seal");
  const size_t pieces_before = pieces_.size();
  const size_t next_before = next_block_;
  const Position wanted = end_ + bytes;
  while (capacity_end() < wanted) {
    const size_t missing = wanted - capacity_end();
    size_t size = std::min(kBlockMax, std::max(std::min(next_block_, block_max), missing));
    auto block = arena_->allocate(size);
    // A chunk that is cut small already may have one where no whole chunk is left.
    while (!block && size > kBlockMin) {
      size = std::max(kBlockMin, size / 4);
      block = arena_->allocate(size);
    }
    if (!block) {
      pieces_.resize(pieces_before);
      next_block_ = next_before;
      return false;
    }
    next_block_ = std::min(kBlockMax, std::max(next_block_, block->size()) * 4);
    pieces_.push_back({capacity_end(), std::move(*block)});
  }
  return true;
}

void Tail::append(BytesView bytes) {
  GW_CHECK(capacity_end() >= end_ + bytes.size(), "room is reserved before bytes are appended");
  // Room may span pieces; the first with room holds end_.
  auto piece = std::ranges::find_if(pieces_, [this](const Piece& p) { return p.end() > end_; });
  while (!bytes.empty()) {
    const size_t offset = end_ - piece->position;
    const size_t count = std::min(bytes.size(), piece->block.size() - offset);
    std::memcpy(piece->block.data() + offset, bytes.data(), count);
    end_ += count;
    bytes = bytes.subspan(count);
    ++piece;
  }
}

Position Tail::first() const {
  return pieces_.empty() ? end_ : pieces_.front().position;
}
Position Tail::written() const {
  return written_;
}
Position Tail::end() const {
  return end_;
}

size_t Tail::memory() const {
  size_t bytes = 0;
  for (const auto& piece : pieces_) bytes += piece.block.size();
  return bytes;
}

template <class Visit>
void Tail::for_each_range(Position from, Position to, Visit visit) const {
  if (from == to) return;
  GW_CHECK(first() <= from && from < to && to <= end_, "a range of the tail lies within it");
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), from,
                                [](Position position, const Piece& p) { return position < p.position; });
  --piece;
  while (from < to) {
    const size_t offset = from - piece->position;
    const size_t count = std::min<size_t>(to - from, piece->block.size() - offset);
    visit(piece->block, offset, count);
    from += count;
    ++piece;
  }
}

Chain Tail::pin(Position from, Position to) const {
  Chain chain;
  for_each_range(from, to, [&](const Block& block, size_t offset, size_t count) {
    chain.append(block.pin(offset, count));
  });
  return chain;
}

std::vector<BytesView> Tail::view(Position from, Position to) const {
  std::vector<BytesView> views;
  for_each_range(from, to, [&](const Block& block, size_t offset, size_t count) {
    views.emplace_back(block.data() + offset, count);
  });
  return views;
}

void Tail::copy(Position from, MutableBytes out) const {
  for_each_range(from, from + out.size(), [&](const Block& block, size_t offset, size_t count) {
    std::memcpy(out.data(), block.data() + offset, count);
    out = out.subspan(count);
  });
}

void Tail::set_written(Position position) {
  GW_CHECK(position >= written_, "what a file has it keeps");
  GW_CHECK(position <= end_, "only what was appended can be written");
  GW_CHECK(position.value() % kBlockMin == 0 || closed_, "an open file is written in whole blocks");
  written_ = position;
}

size_t Tail::drop_written(size_t bytes) {
  size_t dropped = 0;
  // The last block of a closed file ends behind the file's end.
  const bool all = closed_ && written_ == end_;
  auto keep = pieces_.begin();
  while (keep != pieces_.end() && dropped < bytes && (all || keep->end() <= written_)) {
    dropped += keep->block.size();
    ++keep;
  }
  pieces_.erase(pieces_.begin(), keep);
  return dropped;
}

void Tail::cut(Position position) {
  GW_CHECK(position >= first() && position <= end_, "a tail is cut within itself");
  GW_CHECK(position >= written_, "what a file has is cut off by sealing it, not here");
  closed_ = true;
  end_ = position;
  const auto gone = std::ranges::find_if(pieces_, [&](const Piece& p) { return p.position >= position; });
  pieces_.erase(gone, pieces_.end());
}

bool Tail::take_blocks(Position from, Position to, std::vector<Piece>& out) {
  while (from < to) {
    // The largest blocks that it fills, and one of the smallest kind for the rest: no block stays half empty.
    size_t size = kBlockMin;
    while (size < kBlockMax && size * 4 <= static_cast<size_t>(to - from)) size *= 4;
    auto block = arena_->allocate(size);
    if (!block) return false;
    const Position next = from + block->size();
    out.push_back({from, std::move(*block)});
    from = next;
  }
  return true;
}

bool Tail::grow(size_t bytes) {
  GW_CHECK(!closed_, "nothing is appended behind a cut or a seal");
  const Position wanted = end_ + bytes;
  const size_t pieces_before = pieces_.size();
  if (capacity_end() < wanted && !take_blocks(capacity_end(), wanted, pieces_)) {
    pieces_.resize(pieces_before);
    return false;
  }
  end_ = wanted;
  return true;
}

void Tail::fill(Position position, BytesView bytes) {
  for_each_range(position, position + bytes.size(), [&](const Block& block, size_t offset, size_t count) {
    std::memcpy(const_cast<std::byte*>(block.data()) + offset, bytes.data(), count);
    bytes = bytes.subspan(count);
  });
}

bool Tail::shrink() {
  const Position from(written_.value() / kBlockMin * kBlockMin);
  std::vector<Piece> small;
  if (!take_blocks(from, end_, small)) return false;
  for (Piece& piece : small) {
    copy(piece.position,
         MutableBytes(piece.block.data(), std::min<size_t>(piece.block.size(), end_ - piece.position)));
  }
  pieces_ = std::move(small);
  pieces_.shrink_to_fit();
  next_block_ = kBlockMin;
  return true;
}

std::vector<BytesView> Tail::view_padded(Position from) const {
  GW_CHECK(closed_, "only a sealed file is padded");
  std::vector<BytesView> views = view(from, end_);
  const size_t padding = (kBlockMin - end_.value() % kBlockMin) % kBlockMin;
  if (padding > 0) views.back() = {views.back().data(), views.back().size() + padding};
  return views;
}

Position Tail::pad() {
  closed_ = true;
  const Position padded((end_.value() + kBlockMin - 1) / kBlockMin * kBlockMin);
  if (padded != end_) {
    Piece& last = *std::ranges::find_if(pieces_, [this](const Piece& p) { return p.end() > end_; });
    std::memset(last.block.data() + (end_ - last.position), 0, padded - end_);
  }
  return padded;
}

}  // namespace godwit::storage
