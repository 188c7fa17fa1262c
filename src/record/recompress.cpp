#include "record/recompress.h"

#include <limits>

#include "record/batch_edit.h"

namespace godwit {

bool needs_recompression(const BatchHeader& header, CompressionType wanted) {
  return !header.attributes.control() && header.attributes.compression() != wanted;
}

Result<Bytes> recompress(const BatchView& batch, const Compression& compression,
                         const RecordReaderOptions& options) {
  auto reader = RecordReader::open(batch, options);
  if (!reader) return fail(std::move(reader).error());
  auto records = compress(compression, reader->records());
  if (!records) return fail(std::move(records).error());
  if (records->size() > std::numeric_limits<int32_t>::max() - kBatchHeaderSize)
    return fail(ErrorKind::limit, "a batch holds less than 2 GiB of records");

  BatchHeader header = batch.header();
  header.attributes = header.attributes.with_compression(compression.type);
  header.length = static_cast<int32_t>(kBatchHeaderSize - kLogOverhead + records->size());
  Bytes out;
  out.reserve(kBatchHeaderSize + records->size());
  out.resize(kBatchHeaderSize);
  out.insert(out.end(), records->begin(), records->end());
  write_header(header, out);
  refresh_crc(out);
  return out;
}

}  // namespace godwit
