// A blocking connection to a broker, for a program that asks one thing after the other.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace godwit::compare {

struct Address {
  std::string host;
  uint16_t port = 0;
};

struct Reply {
  enum class Kind { frame, closed, silence };
  Kind kind = Kind::silence;
  // Without its length; empty unless kind is frame.
  SharedBytes frame = {};
};

class Connection {
 public:
  // Ends the program with a message where nobody listens.
  explicit Connection(const Address& address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False where the other side has closed.
  bool send(BytesView bytes);
  // Says that nothing more will be sent.
  void finish_sending();
  // The next frame; silence after `wait_ms` milliseconds without a byte.
  Reply receive(int wait_ms = 4'000);

 private:
  Reply::Kind read(MutableBytes into, int wait_ms);

  int socket_ = -1;
};

}  // namespace godwit::compare
