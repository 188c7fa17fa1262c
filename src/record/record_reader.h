// Reads the records of a batch, checking every length and count on the way.
//
//   auto reader = RecordReader::open(batch, {.decompressed_bytes_max = 16 << 20});
//   if (!reader) …
//   Record record;
//   while (true) {
//     auto more = reader->next(record);
//     if (!more) return fail(more.error());
//     if (!*more) break;
//     use(record);                                   // valid until the reader dies; `batch` must live as
//     long
//   }
//
// What a hostile batch can make it do is bounded: decompression stops at decompressed_bytes_max, and nothing
// is allocated by a count or a length that the bytes do not back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "record/record.h"

namespace godwit {

struct RecordReaderOptions {
  // Decompressed records of one batch, in bytes. 100 MiB is what one request may carry uncompressed.
  size_t decompressed_bytes_max = 104'857'600;
};

class RecordReader {
 public:
  // Decompresses where needed. Does not check the CRC. Errors: corrupt (does not decompress), limit (a
  // decompression bomb), unsupported (codec number 5, 6 or 7).
  static Result<RecordReader> open(const BatchView& batch, const RecordReaderOptions& options = {});

  // Reads the next record into `record`: true, or false once record_count of them were read and no byte is
  // left. corrupt: a length or count contradicts the bytes, a varint does not end, offsets do not rise or
  // pass the batch's last one, bytes are left over. The message names the record's index. After an error call
  // it no more.
  Result<bool> next(Record& record);

  // The records, decompressed.
  BytesView records() const { return owned_ ? BytesView(decompressed_) : borrowed_; }

 private:
  RecordReader(const BatchHeader& header, BytesView borrowed) : header_(header), borrowed_(borrowed) {}
  RecordReader(const BatchHeader& header, Bytes decompressed)
      : header_(header), decompressed_(std::move(decompressed)), owned_(true) {}

  BatchHeader header_;
  BytesView borrowed_;
  Bytes decompressed_;
  bool owned_ = false;
  size_t position_ = 0;
  int32_t index_ = 0;
  int32_t last_delta_ = -1;
};

// Reads every record of the batch and calls `visit(const Record&)`, which returns whether to go on. Gives
// back the number of records visited; errors as RecordReader.
template <class Visit>
Result<int32_t> for_each_record(const BatchView& batch, const RecordReaderOptions& options, Visit&& visit) {
  auto reader = RecordReader::open(batch, options);
  if (!reader) return fail(std::move(reader).error());
  Record record;
  for (int32_t count = 0;; ++count) {
    auto more = reader->next(record);
    if (!more) return fail(std::move(more).error());
    if (!*more) return count;
    if (!visit(static_cast<const Record&>(record))) return count + 1;
  }
}

}  // namespace godwit
