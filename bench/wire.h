// The few Kafka requests that a probe sends itself, without a client library between it and the broker: what it measures is
// the broker's answer, not a library's patience. Blocking, one request at a time on a connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bench::wire {

inline double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class Writer {
 public:
  template <class T>
  void number(T value) {
    for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
      bytes_.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
  }
  void text(const std::string& value) {
    number(static_cast<int16_t>(value.size()));
    bytes_ += value;
  }
  void block(const std::string& value) {
    number(static_cast<int32_t>(value.size()));
    bytes_ += value;
  }
  // Of flexible versions: lengths are one more than they say, as variable-length numbers.
  void length(size_t value) {
    size_t rest = value + 1;
    for (; rest >= 0x80; rest >>= 7U) bytes_.push_back(static_cast<char>(rest | 0x80U));
    bytes_.push_back(static_cast<char>(rest));
  }
  void compact_text(const std::string& value) {
    length(value.size());
    bytes_ += value;
  }
  void no_tags() { bytes_.push_back(0); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}
  template <class T>
  T number() {
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(T) && at_ < bytes_.size(); ++i)
      value = value << 8 | static_cast<uint8_t>(bytes_[at_++]);
    return static_cast<T>(value);
  }
  // Null reads as empty.
  std::string text() {
    const auto size = number<int16_t>();
    if (size <= 0 || at_ + static_cast<size_t>(size) > bytes_.size()) return "";
    at_ += static_cast<size_t>(size);
    return bytes_.substr(at_ - static_cast<size_t>(size), static_cast<size_t>(size));
  }
  // As Writer writes them. Null reads as empty.
  size_t length() {
    size_t value = 0;
    for (unsigned shift = 0; at_ < bytes_.size() && shift < 35; shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_[at_++]);
      value |= static_cast<size_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) break;
    }
    return value == 0 ? 0 : value - 1;
  }
  std::string compact_text() {
    const size_t size = std::min(length(), bytes_.size() - at_);
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  // There are none in what is asked here.
  void skip_tags() { number<int8_t>(); }
  void skip_numbers32() {
    const auto count = number<int32_t>();
    if (count > 0) at_ += static_cast<size_t>(count) * 4;
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

inline uint32_t crc32c(const std::string& bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? 0x82f63b78u ^ (c >> 1) : c >> 1;
      made[i] = c;
    }
    return made;
  }();
  uint32_t crc = ~0u;
  for (const char b : bytes) crc = table[(crc ^ static_cast<uint8_t>(b)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

// A batch of one record without a key; `value` is at most 50 bytes long, so that each length of the record is one byte.
inline std::string batch_of(const std::string& value) {
  std::string record{0, 0, 0, 1};  // attributes, timestamp delta, offset delta, no key
  record.push_back(static_cast<char>(value.size() * 2));
  record += value;
  record.push_back(0);  // no headers
  record.insert(0, 1, static_cast<char>(record.size() * 2));
  Writer checked;
  checked.number<int16_t>(0);
  checked.number<int32_t>(0);
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
  checked.number<int64_t>(time);
  checked.number<int64_t>(time);
  checked.number<int64_t>(-1);
  checked.number<int16_t>(-1);
  checked.number<int32_t>(-1);
  checked.number<int32_t>(1);
  Writer whole;
  whole.number<int64_t>(0);
  whole.number<int32_t>(static_cast<int32_t>(4 + 1 + 4 + checked.bytes().size() + record.size()));
  whole.number<int32_t>(-1);
  whole.number<int8_t>(2);
  whole.number<uint32_t>(crc32c(checked.bytes() + record));
  return whole.bytes() + checked.bytes() + record;
}

struct Address {
  std::string host;
  int port = 0;
};

inline std::vector<Address> addresses_of(const std::string& list) {
  std::vector<Address> found;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    const std::string one = list.substr(at, end - at);
    const size_t colon = one.rfind(':');
    found.push_back({one.substr(0, colon), std::stoi(one.substr(colon + 1))});
    at = end + 1;
  }
  return found;
}

struct Leaders {
  std::map<int32_t, Address> brokers;
  std::map<int32_t, int32_t> by_partition;
};
// What a group has committed in one topic.
struct Committed {
  int16_t error = 0;
  std::map<int32_t, int64_t> offsets;
};
struct Written {
  int16_t error = 0;
  int64_t offset = -1;
};

class Connection {
 public:
  explicit Connection(Address to) : to_(std::move(to)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }

  // False where nobody listens. `timeout_ms` bounds each step of every later call.
  bool open(int timeout_ms) {
    if (fd_ >= 0) return true;
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    const timeval limit{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(to_.port));
    ::inet_pton(AF_INET, to_.host.c_str(), &address.sin_addr);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
    close();
    return false;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // acks=all. Nothing where the connection ended; it is closed then.
  std::optional<std::map<int32_t, Written>> produce(const std::string& topic,
                                                    const std::map<int32_t, std::string>& batches) {
    Writer body;
    body.number<int16_t>(-1);
    body.number<int16_t>(-1);
    body.number<int32_t>(10000);
    body.number<int32_t>(1);
    body.text(topic);
    body.number<int32_t>(static_cast<int32_t>(batches.size()));
    for (const auto& [partition, batch] : batches) {
      body.number(partition);
      body.block(batch);
    }
    auto answer = ask(0, 3, body.bytes());
    if (!answer) return std::nullopt;
    std::map<int32_t, Written> written;
    answer->number<int32_t>();
    answer->text();
    const auto count = answer->number<int32_t>();
    for (int32_t i = 0; i < count; ++i) {
      const auto partition = answer->number<int32_t>();
      Written one;
      one.error = answer->number<int16_t>();
      one.offset = answer->number<int64_t>();
      answer->number<int64_t>();
      written[partition] = one;
    }
    return written;
  }

  std::optional<Leaders> leaders(const std::string& topic) {
    Writer body;
    body.number<int32_t>(1);
    body.text(topic);
    body.number<int8_t>(0);
    auto answer = ask(3, 7, body.bytes());
    if (!answer) return std::nullopt;
    Leaders found;
    answer->number<int32_t>();
    for (auto left = answer->number<int32_t>(); left > 0; --left) {
      const auto id = answer->number<int32_t>();
      Address at;
      at.host = answer->text();
      at.port = answer->number<int32_t>();
      answer->text();
      found.brokers[id] = at;
    }
    answer->text();
    answer->number<int32_t>();
    for (auto topics = answer->number<int32_t>(); topics > 0; --topics) {
      answer->number<int16_t>();
      answer->text();
      answer->number<int8_t>();
      for (auto left = answer->number<int32_t>(); left > 0; --left) {
        answer->number<int16_t>();
        const auto partition = answer->number<int32_t>();
        found.by_partition[partition] = answer->number<int32_t>();
        answer->number<int32_t>();
        for (int list = 0; list < 3; ++list) answer->skip_numbers32();
      }
    }
    return found;
  }

  // Nothing where the group has none that is known, or the connection ended.
  std::optional<Address> manager_of(const std::string& group) {
    Writer body;
    body.text(group);
    auto answer = ask(10, 0, body.bytes());
    if (!answer || answer->number<int16_t>() != 0) return std::nullopt;
    answer->number<int32_t>();
    Address at;
    at.host = answer->text();
    at.port = answer->number<int32_t>();
    return at;
  }

  // From outside any membership. The first error; -1 where the connection ended.
  int commit(const std::string& group, const std::string& topic, const std::map<int32_t, int64_t>& offsets) {
    Writer body;
    body.text(group);
    body.number<int32_t>(-1);
    body.text("");
    body.number<int64_t>(-1);
    body.number<int32_t>(1);
    body.text(topic);
    body.number<int32_t>(static_cast<int32_t>(offsets.size()));
    for (const auto& [partition, offset] : offsets) {
      body.number(partition);
      body.number(offset);
      body.text("");
    }
    auto answer = ask(8, 2, body.bytes());
    if (!answer) return -1;
    for (auto topics = answer->number<int32_t>(); topics > 0; --topics) {
      answer->text();
      for (auto left = answer->number<int32_t>(); left > 0; --left) {
        answer->number<int32_t>();
        if (const int error = answer->number<int16_t>(); error != 0) return error;
      }
    }
    return 0;
  }

  // Of many groups at once. Nothing where the connection ended.
  std::optional<std::map<std::string, Committed>> committed(const std::vector<std::string>& groups,
                                                            const std::string& topic, int32_t partitions) {
    Writer body;
    body.length(groups.size());
    for (const std::string& group : groups) {
      body.compact_text(group);
      body.length(1);
      body.compact_text(topic);
      body.length(static_cast<size_t>(partitions));
      for (int32_t p = 0; p < partitions; ++p) body.number(p);
      body.no_tags();
      body.no_tags();
    }
    body.number<int8_t>(0);  // require_stable
    body.no_tags();
    auto answer = ask(9, 8, body.bytes(), true);
    if (!answer) return std::nullopt;
    std::map<std::string, Committed> found;
    answer->number<int32_t>();
    for (size_t left = answer->length(); left > 0; --left) {
      Committed& one = found[answer->compact_text()];
      for (size_t topics = answer->length(); topics > 0; --topics) {
        answer->compact_text();
        for (size_t parts = answer->length(); parts > 0; --parts) {
          const auto partition = answer->number<int32_t>();
          one.offsets[partition] = answer->number<int64_t>();
          answer->number<int32_t>();
          answer->compact_text();
          if (const auto error = answer->number<int16_t>(); error != 0) one.error = error;
          answer->skip_tags();
        }
        answer->skip_tags();
      }
      if (const auto error = answer->number<int16_t>(); error != 0) one.error = error;
      answer->skip_tags();
    }
    return found;
  }

 private:
  std::optional<Reader> ask(int16_t api, int16_t version, const std::string& body, bool flexible = false) {
    Writer request;
    request.number(api);
    request.number(version);
    request.number<int32_t>(++correlation_);
    request.text("bench-probe");
    if (flexible) request.no_tags();
    Writer framed;
    framed.block(request.bytes() + body);
    std::string size(4, 0);
    if (!send_all(framed.bytes()) || !receive_all(size)) return fail();
    std::string answer(Reader(size).number<uint32_t>(), 0);
    if (!receive_all(answer)) return fail();
    Reader reader(std::move(answer));
    reader.number<int32_t>();
    if (flexible) reader.skip_tags();
    return reader;
  }
  std::optional<Reader> fail() {
    close();
    return std::nullopt;
  }
  bool send_all(const std::string& bytes) {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += static_cast<size_t>(sent);
    }
    return true;
  }
  bool receive_all(std::string& bytes) {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t got = ::recv(fd_, bytes.data() + at, bytes.size() - at, 0);
      if (got <= 0) return false;
      at += static_cast<size_t>(got);
    }
    return true;
  }

  const Address to_;
  int fd_ = -1;
  int32_t correlation_ = 0;
};

}  // namespace bench::wire
