// Gives a batch another codec: for topics whose compression.type is not "producer".
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "record/compression.h"
#include "record/record_reader.h"

namespace godwit {

// Whether the topic's codec differs from the batch's. Control batches stay as they are, as do batches of the
// same codec whatever their level.
bool needs_recompression(const BatchHeader& header, CompressionType wanted);

// A copy of `batch` under `compression`: same offsets, timestamps, producer and records to the byte, new
// length, attributes and CRC. The records are not walked. Errors: as RecordReader::open (the batch cannot be
// decompressed) and as compress().
Result<Bytes> recompress(const BatchView& batch, const Compression& compression,
                         const RecordReaderOptions& options = {});

}  // namespace godwit
