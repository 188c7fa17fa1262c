#include "storage/journal/resolve.h"

#include <algorithm>
#include <map>

namespace godwit::storage::journal {
namespace {

using Chain = std::map<Sequence, size_t>;

// One index for each sequence. Two rounds never share one; should they, the intact one counts.
Chain index_of(const std::vector<SeenRound>& rounds, Sequence released) {
  Chain chain;
  for (size_t i = 0; i < rounds.size(); ++i) {
    if (rounds[i].sequence <= released) continue;
    const auto [at, inserted] = chain.emplace(rounds[i].sequence, i);
    if (inserted) continue;
    const SeenRound& there = rounds[at->second];
    const bool better = rounds[i].intact != there.intact ? rounds[i].intact : rounds[i].start > there.start;
    if (better) at->second = i;
  }
  return chain;
}

// Walks down the chain from its newest round.
class Walk {
 public:
  Walk(const std::vector<SeenRound>& rounds, Sequence released)
      : rounds_(rounds), released_(released), chain_(index_of(rounds, released)) {}

  void run() {
    if (chain_.empty()) return;
    At at = std::prev(chain_.end());
    while (true) {
      visit(*at);
      const SeenRound& round = rounds_[at->second];
      // Within the process's life everything from `start` on is expected; below it, `follows`.
      At below = previous_within(at, std::max(round.start, released_ + 1));
      Sequence expected = at->first;
      if (below == chain_.end()) {
        miss(std::max(round.start, released_ + 1), expected);
        if (round.follows <= released_) return;
        expected = round.follows + 1;
        below = previous_within(chain_.upper_bound(round.follows), released_ + 1);
        if (below == chain_.end()) {
          miss(released_ + 1, expected);
          return;
        }
      }
      miss(below->first + 1, expected);
      at = below;
    }
  }

  std::vector<size_t> found;  // newest first
  std::vector<Hole> holes;    // newest first

 private:
  using At = Chain::const_iterator;

  // The next lower round that is not below `lowest`, or the end.
  At previous_within(At at, Sequence lowest) const {
    if (at == chain_.begin()) return chain_.end();
    --at;
    return at->first < lowest ? chain_.end() : at;
  }

  void visit(const Chain::value_type& node) {
    if (rounds_[node.second].intact) {
      found.push_back(node.second);
      above_ = node.first;
    } else {
      miss(node.first, node.first + 1);
    }
  }

  // Nothing is there from `from` up to but not including `to`.
  void miss(Sequence from, Sequence to) {
    if (from >= to) return;
    if (!holes.empty() && holes.back().first == to) {
      holes.back().first = from;
    } else {
      holes.push_back({from, to - 1, above_});
    }
  }

  const std::vector<SeenRound>& rounds_;
  Sequence released_;
  Chain chain_;
  Sequence above_;
};

}  // namespace

Resolution resolve(const std::vector<SeenRound>& rounds, Sequence released, uint64_t unreadable_blocks) {
  Resolution out;
  out.synced = released;
  Sequence highest = released;
  for (const SeenRound& round : rounds) {
    out.synced = std::max(out.synced, round.synced);
    highest = std::max(highest, round.sequence);
  }
  out.next = highest + 1 + unreadable_blocks;

  Walk walk(rounds, released);
  walk.run();
  std::reverse(walk.holes.begin(), walk.holes.end());
  // The first missing round above the mark cuts off itself and all behind it.
  std::optional<Sequence> cut;
  for (Hole hole : walk.holes) {
    if (hole.last > out.synced) {
      cut = std::max(hole.first, out.synced + 1);
      if (hole.first > out.synced) break;
      hole.last = out.synced;
      hole.before = Sequence();
      out.damage.push_back(hole);
      break;
    }
    out.damage.push_back(hole);
  }
  out.last = released;
  for (auto at = walk.found.rbegin(); at != walk.found.rend(); ++at) {
    const Sequence sequence = rounds[*at].sequence;
    if (cut && sequence >= *cut) break;
    out.deliver.push_back(*at);
    out.last = sequence;
  }
  return out;
}

}  // namespace godwit::storage::journal
