// What is asked of ZooKeeper and what it answers, without the C client's types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace godwit::coordination::zookeeper {

// What the server says of a node. Its zxids are the store's order of changes.
struct NodeStat {
  int64_t created_zxid = 0;
  int64_t changed_zxid = 0;   // of its value
  int64_t children_zxid = 0;  // of its list of children
  int64_t owner = 0;          // the session that an ephemeral node vanishes with; 0: stays
  int32_t version = 0;        // counts changes of the value, from 0 again after a recreation
};

enum class NodeError {
  none,
  no_node,
  exists,
  bad_version,
  permission,
  not_sent,       // the connection was gone before
  lost,           // the connection went after it was sent: whether it happened is unknown
  session_ended,  // expired at the server
  closing,        // the session is being closed by us
  quota,          // the server enforces a quota, and this would exceed it
  throttled,      // the server has too much to do, and did not look at it
  other,          // the server refused for another reason
};

// A part of an atomic change.
struct Operation {
  enum class Kind { create, create_leased, set, remove, check };
  Kind kind;
  std::string path;
  Bytes value;                    // create, create_leased, set
  int32_t version = kAnyVersion;  // set, remove, check
  static constexpr int32_t kAnyVersion = -1;
};

struct Request {
  enum class Kind {
    // An agreement of the servers that changes nothing; what is read behind it is as new as all that was answered to anybody
    // before it was sent. It costs what a write costs.
    barrier,
    // What is read behind it is as new as what the leader knows, and it costs no write. Not where the server leads: the others may
    // have answered for what it is still about to apply (ZOOKEEPER-1675); nor where the others have left the leader.
    sync,
    exists,    // stat
    get,       // value and stat
    children,  // names and stat
    create,    // an empty node that stays
    change,  // all operations or none; stat: of the last `set` among them. One at most in a batch, or a barrier
  };
  Kind kind;
  std::string path;
  bool watch = false;  // exists, children: tell once when that has changed
  std::vector<Operation> operations;
};

struct Reply {
  NodeError error = NodeError::not_sent;
  NodeStat stat;
  Bytes value;
  std::vector<std::string> children;
};

}  // namespace godwit::coordination::zookeeper
