#include "storage/journal_room.h"

#include <algorithm>

#include "base/check.h"
#include "storage/journal/round.h"

namespace godwit::storage {
namespace {

// Each shard has one round under way and one that follows; and an idle journal writes marks.
constexpr uint64_t kBlocksEachShard = 3;
// Of a file, so that there is something to divide.
constexpr uint64_t kFileBytesEachShard = 128 << 10;
// A start is quick where the first file is small.
constexpr uint64_t kFirstFileBytes = 4 << 20;

}  // namespace

JournalPlan plan_journal(uint64_t file_bytes, size_t files, size_t shards) {
  using journal::kBlock;
  GW_CHECK(files >= 2 && shards >= 1, "a journal has two files, a store a shard");
  JournalPlan plan;
  const uint64_t smallest = kFileBytesEachShard * shards * (files == 2 ? 2 : 1);
  plan.file_bytes = journal::round_up(std::max(file_bytes, smallest));
  plan.round_bytes_max = std::clamp<uint64_t>(plan.file_bytes / 8, 64 << 10, 4 << 20);
  // With two files each must do for what the other cannot hold.
  plan.first_file_bytes = files == 2 ? plan.file_bytes : std::min(plan.file_bytes, kFirstFileBytes);
  plan.capacity = plan.first_file_bytes + (files - 1) * plan.file_bytes;
  // There is always so much when nothing is needed but what the current file has.
  const uint64_t others = plan.capacity - plan.file_bytes;
  plan.publish_floor = std::min(plan.file_bytes, others / 2);
  const uint64_t lost =
      journal::round_up(plan.round_bytes_max + journal::kHeaderBytes) + shards * kBlocksEachShard * kBlock;
  GW_CHECK(lost <= plan.publish_floor / 4 * 3, "rounds are smaller than the reserve");
  const uint64_t rest = plan.publish_floor - lost;
  plan.carried_bytes_max = rest / 2 / shards;
  plan.structure_floor = lost + plan.carried_bytes_max * shards;
  plan.internal_floor = plan.structure_floor + rest / 4;
  // Room for one remainder with what stands around it, or nothing would ever be carried.
  GW_CHECK(plan.carried_bytes_max >= 2 * kBlock, "each shard can carry a remainder");
  GW_CHECK(plan.structure_floor < plan.internal_floor && plan.internal_floor < plan.publish_floor,
           "what is needed more is refused later");
  const uint64_t batch_room = others - plan.publish_floor - plan.carried_bytes_max * shards;
  plan.batch_bytes_max = (batch_room - 512) / 5 * 4;
  GW_CHECK(JournalRoom::charge(plan.batch_bytes_max) <= batch_room,
           "the largest batch is admitted some time");
  return plan;
}

bool JournalRoom::fits(For use, uint64_t admitted) const {
  const auto usage = journal_.usage();
  if (usage.full) return false;
  uint64_t floor = use == For::records            ? plan_.publish_floor
                   : use == For::internal_records ? plan_.internal_floor
                                                  : plan_.structure_floor;
  // While there is no space on the disk for all files, what there is is divided alike.
  if (usage.usable < plan_.capacity) {
    floor = static_cast<uint64_t>(static_cast<double>(floor) * static_cast<double>(usage.usable) /
                                  static_cast<double>(plan_.capacity));
  }
  return usage.free >= floor + held_ + admitted;
}

bool JournalRoom::take(For use, uint64_t charged) {
  const uint64_t admitted = admitted_.fetch_add(charged) + charged;
  if (fits(use, admitted)) return true;
  admitted_ -= charged;
  return false;
}

bool JournalRoom::has(For use, uint64_t charged) const {
  return fits(use, admitted_ + charged);
}

}  // namespace godwit::storage
