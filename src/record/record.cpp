#include "record/record.h"

#include <algorithm>

#include "base/check.h"
#include "record/record_walk.h"

namespace godwit {

std::vector<RecordHeader> Record::headers() const {
  std::vector<RecordHeader> list;
  list.reserve(std::min<size_t>(static_cast<size_t>(header_count), headers_raw.size() / 2));
  RecordCursor cursor(headers_raw);
  for (int32_t i = 0; i < header_count; ++i) {
    RecordHeader header;
    const auto fault = walk_header(cursor, header.key, header.value);
    GW_CHECK(fault.empty(), "a record's headers were checked when it was read");
    list.push_back(header);
  }
  return list;
}

}  // namespace godwit
