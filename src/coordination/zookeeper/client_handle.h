// One handle of the C client, used on one thread: requests go in, answers and watch events come out of step().
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "coordination/zookeeper/session_thread.h"

// NOLINTNEXTLINE(bugprone-reserved-identifier): the C client's own type
struct _zhandle;

namespace godwit::coordination::zookeeper {

class ClientHandle {
 public:
  enum class State { connecting, connected, expired };

  // `numeric_servers`: addresses and ports, no names. Null when the C client refuses them.
  static std::unique_ptr<ClientHandle> open(const std::string& numeric_servers, const SessionOptions& options,
                                            const SessionThread::Notify& notify);
  // Every batch that was not answered is answered (NodeError::closing, or lost). `ending`: the session ends at the server
  // (waits for up to 5 s where the server hangs); else the server is left to find out.
  void close(bool ending);
  ~ClientHandle();
  ClientHandle(const ClientHandle&) = delete;
  ClientHandle& operator=(const ClientHandle&) = delete;

  void submit(std::shared_ptr<Batch> batch);
  // Connects, sends and pings as is due; gives the socket to wait for (-1: none), with poll's events, and how long.
  struct Interest {
    int socket = -1;
    short events = 0;
    Duration wait{};
  };
  Interest prepare();
  // Reads and writes what poll() said is possible, and calls back for what was answered.
  void process(short events);
  State state() const;
  // The socket of the last prepare(); -1: none.
  int socket() const { return socket_; }
  int64_t session_id() const;
  Duration timeout() const;
  // While not connected: the servers have other addresses now.
  void use_servers(const std::string& numeric_servers);

 private:
  struct Flight;
  struct Slot;
  ClientHandle(const SessionOptions& options, const SessionThread::Notify& notify);
  int send(Slot& slot, const Request& request);
  void finish(Slot& slot);
  void authenticate_if_due();
  static void on_watch(_zhandle* handle, int type, int state, const char* path, void* context);

  const SessionOptions& options_;
  const SessionThread::Notify& notify_;
  _zhandle* handle_ = nullptr;
  int socket_ = -1;
  bool authenticated_ = false;
  std::list<Flight> flights_;
};

}  // namespace godwit::coordination::zookeeper
