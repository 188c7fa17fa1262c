// The bodies of codec/codec.h. Include it only in the .cpp that owns a struct, and instantiate there:
//
//   GODWIT_CODEC(godwit::kafka::MetadataRequest);
//   GODWIT_STORED_CODEC(godwit::kafka::OffsetCommitValue);     what is stored carries its version
//
// outside of every namespace, or in one that encloses godwit::codec.
#pragma once

#include "codec/decoder.h"
#include "codec/encoder.h"
#include "codec/printer.h"

namespace godwit::codec {

// Frames and records have 32-bit lengths; 128 KiB stay for the header in front.
constexpr size_t kEncodedMax = 0x7fffffff - (size_t{128} << 10);

Error no_such_version(const Format& format, int16_t version);
Error too_large(const Format& format);
Error too_short_for_a_version(const Format& format);
Error left_over(const Format& format, int16_t version, size_t size);

template <class T>
Result<T> decode(Input& in, int16_t version) {
  if (!T::kFormat.versions.contains(version)) return fail(no_such_version(T::kFormat, version));
  Result<T> value{};
  Decoder decoder(in, version, T::kFormat.flexible(version));
  if (!decoder.read_struct(*value)) return fail(decoder.error(T::kFormat.name));
  decoder.finish();
  return value;
}

// The first walk: finds every fault, and the size of the value without what stands before it.
template <class T>
[[gnu::noinline]] Result<CountingSink> count(const T& value, int16_t version) {
  if (!T::kFormat.versions.contains(version)) return fail(no_such_version(T::kFormat, version));
  CountingSink counted;
  Encoder<CountingSink> counter(counted, version, T::kFormat.flexible(version));
  if (!counter.put_struct(value)) return fail(counter.error(T::kFormat.name));
  if (counted.total() > kEncodedMax) return fail(too_large(T::kFormat));
  return counted;
}

// The second walk, behind what the sink has already taken.
template <class T>
[[gnu::noinline]] Chain write(WritingSink& sink, const T& value, int16_t version) {
  Encoder<WritingSink> writer(sink, version, T::kFormat.flexible(version));
  GW_CHECK(writer.put_struct(value), "what could be counted can be written");
  return sink.take();
}

template <class T>
Result<size_t> encoded_size(const T& value, int16_t version) {
  const auto counted = count(value, version);
  if (!counted) return fail(counted.error());
  return counted->total();
}

template <class T>
Result<Chain> encode(const T& value, int16_t version) {
  const auto counted = count(value, version);
  if (!counted) return fail(counted.error());
  WritingSink sink(*counted, 0);
  return write(sink, value, version);
}

template <class T>
Result<Chain> encode_framed(const T& value, int16_t version, BytesView header) {
  const auto counted = count(value, version);
  if (!counted) return fail(counted.error());
  WritingSink sink(*counted, sizeof(int32_t) + header.size());
  sink.number(static_cast<int32_t>(header.size() + counted->total()));
  sink.bytes(header);
  return write(sink, value, version);
}

template <class T>
Result<Bytes> encode_versioned(const T& value, int16_t version) {
  const auto counted = count(value, version);
  if (!counted) return fail(counted.error());
  WritingSink sink(*counted, sizeof version);
  sink.number(version);
  return write(sink, value, version).flatten();
}

template <class T>
Result<T> decode_versioned(const SharedBytes& bytes) {
  if (bytes.size() < sizeof(int16_t)) return fail(too_short_for_a_version(T::kFormat));
  const auto version = load_big<int16_t>(bytes.data());
  Input in(bytes.slice(sizeof version, bytes.size() - sizeof version));
  Result<T> value = decode<T>(in, version);
  if (value && in.remaining() > 0) return fail(left_over(T::kFormat, version, in.remaining()));
  return value;
}

template <class T>
std::string print(const T& value, size_t size_max) {
  Printer printer(size_max);
  printer.text(T::kFormat.name);
  printer.put_struct(value);
  return printer.take();
}

}  // namespace godwit::codec

// Instantiates what a message needs, for one struct.
#define GODWIT_CODEC(T)                                                                            \
  template ::godwit::Result<T> godwit::codec::decode<T>(::godwit::codec::Input&, int16_t);         \
  template ::godwit::Result<size_t> godwit::codec::encoded_size<T>(const T&, int16_t);             \
  template ::godwit::Result<::godwit::Chain> godwit::codec::encode<T>(const T&, int16_t);          \
  template ::godwit::Result<::godwit::Chain> godwit::codec::encode_framed<T>(const T&, int16_t,    \
                                                                             ::godwit::BytesView); \
  template std::string godwit::codec::print<T>(const T&, size_t)

// The same, and what carries its version with it.
#define GODWIT_STORED_CODEC(T)                                                                      \
  GODWIT_CODEC(T);                                                                                  \
  template ::godwit::Result<::godwit::Bytes> godwit::codec::encode_versioned<T>(const T&, int16_t); \
  template ::godwit::Result<T> godwit::codec::decode_versioned<T>(const ::godwit::SharedBytes&)
