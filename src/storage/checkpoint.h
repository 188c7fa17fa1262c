// Everything that is known of a data directory at one moment, as one range of bytes: what the journal says
// afterwards is applied to it (rule 11). docs/formats/checkpoint.md.
#pragma once

#include <string>
#include <vector>

#include "storage/journal.h"
#include "storage/log_state.h"

namespace godwit::storage {

// A file that left its log for good (the record is durable) and may still be there.
struct RemovedFile {
  TopicId topic;
  PartitionIndex partition;
  FileId file;
  friend auto operator<=>(const RemovedFile&, const RemovedFile&) = default;
  static void fields(auto& f) {
    f("topic", &RemovedFile::topic);
    f("partition", &RemovedFile::partition);
    f("file", &RemovedFile::file);
  }
};

struct Checkpoint {
  // What the journals held up to these rounds is in here, or in segment files.
  Sequence journal;
  Sequence relaxed;
  // No file id at or above it was given when this was made.
  FileId next_file_id{1};
  std::vector<RemovedFile> to_remove;
  std::vector<LogState> logs;
};

// The parts of the encoding, one behind the other. `logs` are encoded already (encode_log_state), each on its
// own shard; head.logs is not looked at.
Result<std::vector<Bytes>> encode_checkpoint_parts(const Checkpoint& head, std::vector<Bytes>& logs);
// Errors: corrupt; unsupported where it was written by a newer version.
Result<Checkpoint> decode_checkpoint(const SharedBytes& bytes);

}  // namespace godwit::storage
