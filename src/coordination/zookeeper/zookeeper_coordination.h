// Coordination over a ZooKeeper ensemble that the user runs. How keys become nodes: docs/formats/coordination.md.
//
//   auto store = open_zookeeper(shard, {.servers = "zk1:2181,zk2:2181,zk3:2181", .root = "/prod"}, diagnostics);
//
// Works with servers from 3.5 on. Making it never fails because no server is there: calls give `unavailable` until one is,
// and connections are made again by themselves. The password is never in a diagnostic.
//
// What differs from other engines, within the contract:
// - a call ends after Options::call_timeout; list, which asks several times, may take that long for each round;
// - ZooKeeper's own reads are not linearizable: what get and list read, and what a conflict is told by, stands behind a write
//   that changes nothing, and costs what a write costs;
// - a lease is renewed by what the leader says (`sync`) every third of its timeout, never by the server alone that the client is
//   connected to. A leader that was deposed without knowing may say it for some milliseconds more (where the cut lets only the
//   others notice, for syncLimit ticks);
// - unavailable from commit may also mean that others created keys in the same group too often meanwhile; from list, that
//   they changed it.
#pragma once

#include <memory>
#include <string>

#include "base/diagnostic.h"
#include "coordination/coordination.h"
#include "runtime/shard.h"

namespace godwit::coordination {

struct ZookeeperOptions {
  // As the C client wants them: "10.0.0.1:2181,fd00::3:2181", or names. These are looked up beside the sessions, at their
  // begin and, while a server is being looked for, every 5 s: a nameserver that is dead costs no server that is known.
  std::string servers;
  std::string root;  // the node under which everything stands, such as "/prod/godwit"
  // For the scheme digest; with a user, all nodes are made for that user alone (everybody else gets `permission`).
  std::string user{};
  std::string password{};
  Duration call_timeout = std::chrono::milliseconds(500);
  // Of the session that holds no lease: after two thirds of it without an answer another server is tried.
  Duration session_timeout = std::chrono::seconds(4);
};

// Belongs to `shard`, the calling one, which must outlive it and its leases and watches, as `diagnostics` must. close()
// waits for its threads without holding up the shard; destroying it without close() may hold the shard up for milliseconds.
// A name that is being looked up is waited for by neither.
std::unique_ptr<Coordination> open_zookeeper(runtime::Shard& shard, ZookeeperOptions options,
                                             DiagnosticSink& diagnostics);

}  // namespace godwit::coordination
