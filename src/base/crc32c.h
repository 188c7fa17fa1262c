// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of record batches and of godwit's own files.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace godwit {

// The checksum of `bytes`. Uses the processor's instruction where there is one.
uint32_t crc32c(BytesView bytes);

// Continues a checksum: crc32c_extend(crc32c(a), b) == crc32c(a followed by b).
uint32_t crc32c_extend(uint32_t crc, BytesView bytes);

// The table-driven way, for machines without the instruction and for tests against it.
uint32_t crc32c_extend_portable(uint32_t crc, BytesView bytes);

}  // namespace godwit
