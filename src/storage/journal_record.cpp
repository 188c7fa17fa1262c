#include "storage/journal_record.h"

#include "base/check.h"
#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::storage::DataRecord);
GODWIT_STORED_CODEC(godwit::storage::FileIdsRecord);

namespace godwit::storage {
namespace {

template <class T>
Bytes encode(const T& record) {
  auto bytes = codec::encode_versioned(record, T::kFormat.versions.last);
  GW_CHECK(bytes.has_value(), "a record of ours can be encoded");
  return std::move(*bytes);
}

}  // namespace

Bytes encode_record(const DataRecord& record) {
  return encode(record);
}
Bytes encode_record(const FileIdsRecord& record) {
  return encode(record);
}
Result<DataRecord> decode_data(const Bytes& meta) {
  return codec::decode_versioned<DataRecord>(SharedBytes::copy(meta));
}
Result<FileIdsRecord> decode_file_ids(const Bytes& meta) {
  return codec::decode_versioned<FileIdsRecord>(SharedBytes::copy(meta));
}

}  // namespace godwit::storage
