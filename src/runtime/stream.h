// Bytes to and from a peer, and where peers come from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "runtime/task.h"

namespace godwit::runtime {

// A host (name or address) and a port.
struct Endpoint {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// "host:port", with brackets around an IPv6 address.
std::string to_string(const Endpoint& endpoint);

// Parses "host:port", "[v6]:port", ":port" (all addresses: host is then empty). Error: invalid, saying what
// is wrong.
Result<Endpoint> parse_endpoint(std::string_view text);

// A connection. Belongs to one shard. At most one read and one write are under way at a time.
// close() may be called at any time; what is under way then ends with ErrorKind::closed. A stream is closed
// by its destructor, which must not run while an operation is under way.
class Stream {
 public:
  virtual ~Stream() = default;

  // Waits for at least one byte and gives how many were read into `into` (not empty); 0 when the peer has
  // ended its side. Errors: closed (by us, or reset by the peer), io.
  virtual Task<Result<size_t>> read_some(MutableBytes into) = 0;

  // Sends all parts in order; they must stay unchanged until it returns. Waits while the peer does not read.
  // After an error the connection is of no more use.
  virtual Task<Result<void>> write_all(std::span<const BytesView> parts) = 0;

  // Tells the peer that no more will be sent; reading goes on.
  virtual void shutdown_write() = 0;
  virtual void close() = 0;

  // Numeric addresses.
  virtual const Endpoint& local() const = 0;
  virtual const Endpoint& peer() const = 0;

  // To give it to another shard: detach() where it belongs, while nothing is under way, then attach() on the new shard; what the
  // peer sends meanwhile is kept. In between it may only be destroyed, on any shard. Errors of attach(): closed, limit, io; it is
  // to be destroyed then.
  virtual void detach() = 0;
  virtual Result<void> attach() = 0;
};

// Reads exactly into.size() bytes. Error closed when the peer ends before.
Task<Result<void>> read_exactly(Stream& stream, MutableBytes into);

// Accepts connections on one shard.
class Listener {
 public:
  virtual ~Listener() = default;
  // The next connection. Errors: closed; limit when the process has no descriptor left (the caller waits a
  // little and tries again), io.
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  virtual void close() = 0;
  // What was bound; with port 0 asked, the port that was found free.
  virtual const Endpoint& local() const = 0;
};

struct ListenOptions {
  int backlog = 1024;
  // Several shards listen on the same port and the kernel spreads connections among them (SO_REUSEPORT).
  bool shared = false;
};

// May be used on every shard; what it makes belongs to the shard on which it was made.
class Network {
 public:
  virtual ~Network() = default;
  // Errors: conflict when the port is in use (the message names it), permission, invalid (no such local
  // address).
  virtual Task<Result<std::unique_ptr<Listener>>> listen(Endpoint at, ListenOptions options) = 0;
  // Resolves and connects. Errors: refused, timed_out (after `timeout`), not_found (unknown host), io.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, Duration timeout) = 0;
};

}  // namespace godwit::runtime
