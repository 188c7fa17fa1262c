#include "storage/checkpoint.h"

#include "base/endian.h"
#include "codec/define.h"

namespace godwit::storage {
namespace {

struct CheckpointHead {
  static constexpr codec::Format kFormat{.name = "Checkpoint", .versions = {0, 0}};
  Sequence journal;
  Sequence relaxed;
  FileId next_file_id{1};
  std::vector<RemovedFile> to_remove;
  uint32_t logs = 0;
  static void fields(auto& f) {
    f("journal", &CheckpointHead::journal);
    f("relaxed", &CheckpointHead::relaxed);
    f("next_file_id", &CheckpointHead::next_file_id);
    f("to_remove", &CheckpointHead::to_remove);
    f("logs", &CheckpointHead::logs);
  }
};

// Each part stands behind its size, so that one part's limits do not grow with the number of logs.
Bytes size_of(const Bytes& part) {
  Bytes size(4);
  store_little(size.data(), static_cast<uint32_t>(part.size()));
  return size;
}

Result<SharedBytes> take_part(const SharedBytes& in, size_t& at) {
  if (in.size() - at < 4) return fail(ErrorKind::corrupt, "Checkpoint: it ends before a part's size");
  const size_t size = load_little<uint32_t>(in.data() + at);
  at += 4;
  if (in.size() - at < size) return fail(ErrorKind::corrupt, "Checkpoint: it ends inside a part");
  at += size;
  return in.slice(at - size, size);
}

}  // namespace
}  // namespace godwit::storage

GODWIT_STORED_CODEC(godwit::storage::CheckpointHead);

namespace godwit::storage {

Result<std::vector<Bytes>> encode_checkpoint_parts(const Checkpoint& head, std::vector<Bytes>& logs) {
  auto encoded = codec::encode_versioned(CheckpointHead{.journal = head.journal,
                                                        .relaxed = head.relaxed,
                                                        .next_file_id = head.next_file_id,
                                                        .to_remove = head.to_remove,
                                                        .logs = static_cast<uint32_t>(logs.size())},
                                         0);
  if (!encoded) return fail(std::move(encoded).error());
  std::vector<Bytes> parts;
  parts.reserve(2 + 2 * logs.size());
  parts.push_back(size_of(*encoded));
  parts.push_back(std::move(*encoded));
  for (Bytes& log : logs) {
    parts.push_back(size_of(log));
    parts.push_back(std::move(log));
  }
  return parts;
}

Result<Checkpoint> decode_checkpoint(const SharedBytes& bytes) {
  size_t at = 0;
  const auto head_part = take_part(bytes, at);
  if (!head_part) return fail(head_part.error());
  auto head = codec::decode_versioned<CheckpointHead>(*head_part);
  if (!head) return fail(std::move(head).error());
  Checkpoint checkpoint{head->journal, head->relaxed, head->next_file_id, std::move(head->to_remove), {}};
  for (uint32_t i = 0; i < head->logs; ++i) {
    const auto part = take_part(bytes, at);
    if (!part) return fail(part.error());
    auto log = decode_log_state(*part);
    if (!log) return fail(std::move(log).error());
    checkpoint.logs.push_back(std::move(*log));
  }
  if (at != bytes.size()) return fail(ErrorKind::corrupt, "Checkpoint: bytes are left over");
  return checkpoint;
}

}  // namespace godwit::storage
