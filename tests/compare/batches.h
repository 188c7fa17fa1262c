// Record batches to be sent, good ones and each kind of bad one.
#pragma once

#include <functional>

#include "record/batch_builder.h"
#include "script.h"

namespace godwit::compare {

// `count` records "k0"="v0", "k1"="v1", … at kT0, kT0 + 1, …
Bytes batch_of(int count, BatchSpec spec = {});
// A batch of these records.
Bytes batch_with(const std::vector<NewRecord>& records, BatchSpec spec = {});
// `batch` with its header changed and its checksum made right again.
Bytes changed(Bytes batch, const std::function<void(BatchHeader&)>& change);
// `batch` with the byte at `position` changed; the checksum is made right again if `checksum`.
Bytes with_byte(Bytes batch, size_t position, uint8_t value, bool checksum = false);
Bytes joined(Bytes a, const Bytes& b);
// Appends to the topic; ends the program where that fails.
void append(Script& s, const std::string& topic, Bytes records, int32_t partition = 0);
// Producer of idempotent batches: id and epoch from the broker, called by that word in the answers.
BatchSpec from_producer(Script& s, const std::string& word, int32_t sequence = 0);
// A message set of the formats before batches, with one message "k"="v".
Bytes old_message(int8_t magic);

}  // namespace godwit::compare
