// A server of the coordination engine that a broker runs beside itself (managed etcd), as one of the brokers sees it: for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/broker_id.h"

namespace godwit::coordination {

struct EngineMember {
  enum class State {
    leader,
    follower,
    leaderless,   // it answers, and there is no majority
    faulty,       // it answers, and says what is wrong
    unreachable,  // it does not answer
  };
  BrokerId broker;
  std::string name;  // "broker-1"
  std::string peer;  // where the other members reach it, as a URL; it holds no secret
  State state = State::unreachable;
  std::string fault;  // in its own words, or why it is not reached; may be empty
  // -1 where it does not say: entries of Raft's log that the most advanced member has and it has not; bytes of its database.
  int64_t lag = -1;
  int64_t database_bytes = -1;
  friend bool operator==(const EngineMember&, const EngineMember&) = default;
};

constexpr std::string_view to_string(EngineMember::State state) {
  switch (state) {
    case EngineMember::State::leader:
      return "leader";
    case EngineMember::State::follower:
      return "follower";
    case EngineMember::State::leaderless:
      return "leaderless";
    case EngineMember::State::faulty:
      return "faulty";
    case EngineMember::State::unreachable:
      break;
  }
  return "unreachable";
}

}  // namespace godwit::coordination
