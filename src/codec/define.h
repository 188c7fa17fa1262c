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

Error no_such_version(const Format& format, int16_t version);

template <class T>
Result<T> decode(Input& in, int16_t version) {
  if (!T::kFormat.versions.contains(version)) return fail(no_such_version(T::kFormat, version));
  Result<T> value{};
  Decoder decoder(in, version, T::kFormat.flexible(version));
  if (!decoder.read_struct(*value)) return fail(decoder.error(T::kFormat.name));
  decoder.finish();
  return value;
}

template <class T>
Result<CountingSink> count(const T& value, int16_t version, BytesView prefix) {
  if (!T::kFormat.versions.contains(version)) return fail(no_such_version(T::kFormat, version));
  CountingSink counted;
  counted.bytes(prefix);
  Encoder<CountingSink> counter(counted, version, T::kFormat.flexible(version));
  if (!counter.put_struct(value)) return fail(counter.error(T::kFormat.name));
  // Frames and records have 32-bit lengths; 64 bytes stay for what is put in front.
  if (counted.total() > 0x7fffffff - 64) {
    return fail(ErrorKind::invalid, std::string(T::kFormat.name) + " takes more than 2 GiB");
  }
  return counted;
}

template <class T>
Chain write(const T& value, int16_t version, BytesView prefix, const CountingSink& counted) {
  WritingSink sink(counted);
  sink.bytes(prefix);
  Encoder<WritingSink> writer(sink, version, T::kFormat.flexible(version));
  GW_CHECK(writer.put_struct(value), "what could be counted can be written");
  return sink.take();
}

template <class T>
Result<size_t> encoded_size(const T& value, int16_t version) {
  return count(value, version, {}).map([](const CountingSink& counted) { return counted.total(); });
}

template <class T>
Result<Chain> encode(const T& value, int16_t version) {
  const auto counted = count(value, version, {});
  if (!counted) return fail(counted.error());
  return write(value, version, {}, *counted);
}

template <class T>
Result<Chain> encode_framed(const T& value, int16_t version, BytesView header) {
  Bytes prefix(sizeof(int32_t));
  prefix.insert(prefix.end(), header.begin(), header.end());
  const auto counted = count(value, version, prefix);
  if (!counted) return fail(counted.error());
  store_big(prefix.data(), static_cast<int32_t>(counted->total() - sizeof(int32_t)));
  return write(value, version, prefix, *counted);
}

template <class T>
Result<Bytes> encode_versioned(const T& value, int16_t version) {
  std::byte prefix[sizeof version];
  store_big(prefix, version);
  const auto counted = count(value, version, prefix);
  if (!counted) return fail(counted.error());
  return write(value, version, prefix, *counted).flatten();
}

template <class T>
Result<T> decode_versioned(const SharedBytes& bytes) {
  int16_t version = 0;
  if (bytes.size() < sizeof version) {
    return fail(ErrorKind::corrupt, std::string(T::kFormat.name) + ": too short for a version");
  }
  version = load_big<int16_t>(bytes.data());
  Input in(bytes.slice(sizeof version, bytes.size() - sizeof version));
  Result<T> value = decode<T>(in, version);
  if (value && in.remaining() > 0) {
    return fail(ErrorKind::corrupt, std::string(T::kFormat.name) + " v" + std::to_string(version) + ": " +
                                        std::to_string(in.remaining()) + " bytes are left over");
  }
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
