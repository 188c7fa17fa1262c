// How brokers agree, once in a cluster's life, to form their etcd; and how one that lost its disk is told from one that is
// new. Pure: what was heard comes in, the next step goes out.
//
// Each member draws a nonce when it finds its folder empty, and answers at its peers' port, while no etcd is there, with
// the nonce and its stage:
//
//   fresh    nothing was ever started here
//   decided  the nonces of all members are known and stored: they are the cluster's token
//
// A fresh member that hears all others fresh (or one decided, with this very nonce) decides. A decided one starts its etcd
// as a new cluster's member when all others are decided with the same nonces. Since etcd starts nowhere before all have
// decided, a fresh member that meets a running etcd has lost its disk: it must never be started as new, for the cluster
// counts on what it had promised. It joins instead, under another id.
//
//   worked example: 1 and 2 are decided {a, b, c}, 3 dies before it decides, its disk is replaced, its nonce is now d.
//   Nobody starts: 3 is told apart from the c that was counted on, and says what the operator must do.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "base/uuid.h"
#include "model/broker_id.h"

namespace godwit::coordination::etcd {

using Nonces = std::map<BrokerId, Uuid>;

// What a member says of itself.
struct MemberState {
  BrokerId broker;
  std::string members;  // the address that it was given, as text: all must have the same
  std::string cluster;  // godwit's name of the cluster
  Uuid nonce;
  Nonces decided;  // of all members; empty: fresh
  friend bool operator==(const MemberState&, const MemberState&) = default;
};

// What was heard at a member's address.
struct Silence {};
struct Mute {};  // accepted and ended without a word: a door that is closing, or an etcd that wants TLS
struct SomethingElse {};  // an etcd, most likely: it speaks HTTP and is no door of ours
using Heard = std::variant<Silence, Mute, SomethingElse, MemberState>;

struct Wait {
  std::string why;  // names those who are missing
};
struct Decide {
  Nonces nonces;  // store them, then answer with them
};
struct Form {};  // start as a member of a new cluster
struct Join {};  // this disk was lost: leave under the old id, enter under another
struct Stuck {
  std::string why;  // what contradicts what, and what an operator can do
};
using Step = std::variant<Wait, Decide, Form, Join, Stuck>;

// `others` has an entry for each other member.
Step next_step(const MemberState& own, const std::map<BrokerId, Heard>& others);

// The token of a cluster that these form: another one for other nonces.
std::string token_of(const Nonces& nonces);

// A few lines of text, as the door sends them. Errors of reading: invalid.
std::string to_text(const MemberState& state);
Result<MemberState> parse_state(std::string_view text);

}  // namespace godwit::coordination::etcd
