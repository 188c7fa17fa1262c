#include "record/record_walk.h"

namespace godwit {
namespace {

// A length and that many bytes, or null for -1.
std::string_view read_nullable(RecordCursor& cursor, std::optional<BytesView>& out) {
  int32_t length = 0;
  if (!cursor.read(length)) return "a length ends too soon or does not fit 32 bits";
  if (length == -1) {
    out.reset();
    return {};
  }
  if (length < 0) return "a length is negative";
#ifndef GODWIT_SEEDED_BUG_RECORD
  if (static_cast<size_t>(length) > cursor.remaining()) return "a length reaches past the end of its record";
#endif
  out = cursor.take(static_cast<size_t>(length));
  return {};
}

}  // namespace

std::string_view walk_header(RecordCursor& cursor, std::string_view& key, std::optional<BytesView>& value) {
  int32_t key_length = 0;
  if (!cursor.read(key_length)) return "a header's key length ends too soon or does not fit 32 bits";
  if (key_length < 0) return "a header's key is null";
  if (static_cast<size_t>(key_length) > cursor.remaining()) return "a header's key reaches past its record";
  key = as_text(cursor.take(static_cast<size_t>(key_length)));
  return read_nullable(cursor, value);
}

std::string_view walk_record(RecordCursor& cursor, RawRecord& record) {
  int32_t length = 0;
  if (!cursor.read(length)) return "its length ends too soon or does not fit 32 bits";
  if (length < 0) return "its length is negative";
  if (static_cast<size_t>(length) > cursor.remaining()) return "it reaches past the end of the batch";

  RecordCursor body(cursor.take(static_cast<size_t>(length)));
  if (!body.skip_byte()) return "it has no attributes";
  if (!body.read(record.timestamp_delta)) return "its timestamp ends too soon or does not fit 64 bits";
  if (!body.read(record.offset_delta)) return "its offset ends too soon or does not fit 32 bits";
  if (const auto fault = read_nullable(body, record.key); !fault.empty()) return fault;
  if (const auto fault = read_nullable(body, record.value); !fault.empty()) return fault;
  if (!body.read(record.header_count)) return "its header count ends too soon or does not fit 32 bits";
  if (record.header_count < 0) return "its header count is negative";
  record.headers_raw = body.rest();
  // A header takes two bytes at least, so a count that lies ends the loop at the record's end.
  std::string_view key;
  std::optional<BytesView> value;
  for (int32_t i = 0; i < record.header_count; ++i) {
    if (const auto fault = walk_header(body, key, value); !fault.empty()) return fault;
  }
  if (body.remaining() != 0) return "its length counts bytes that belong to nothing";
  return {};
}

}  // namespace godwit
