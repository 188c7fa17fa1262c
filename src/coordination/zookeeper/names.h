// The addresses of the servers that an operator named. A resolver may take as long as its nameserver is dead: names are looked
// up on a thread of their own, and whoever needs a server goes on with the addresses that were known before.
//
//   auto names = std::make_shared<Names>("zk1:2181,zk2:2181");
//   names->look_up();                              // returns at once
//   if (auto found = names->addresses(); …)        // soon "10.0.0.1:2181,10.0.0.2:2181"
//
// May be used from any thread, by all sessions with the same servers. Destroying it does not wait for a look-up that is
// under way: that thread ends with the resolver's answer, and touches nothing of ours but what it holds itself.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.h"

namespace godwit::coordination::zookeeper {

// All addresses of one server, with its port, ordered: "zk1:2181" to "10.0.0.1:2181,fd00::3:2181". Empty: it is not known.
std::string resolve_server(const std::string& server);

class Names {
 public:
  // Called on the thread of a look-up, for one server at a time; may block.
  using Resolve = std::function<std::string(const std::string& server)>;
  // How long after the begin of a look-up the next may begin.
  static constexpr Duration kLookUpAgain = std::chrono::seconds(5);

  // "zk1:2181,10.0.0.2:2181". Where all are addresses already, no look-up is ever made.
  explicit Names(const std::string& servers, Resolve resolve = resolve_server, Duration again = kLookUpAgain);
  ~Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  // Begins a look-up of all names, unless one is under way or began less than `again` ago (500 ms while no server is known).
  // Does not wait.
  void look_up();
  // Separated by commas; of a name that the last look-up did not find, what was found before. Empty: the first look-up is not
  // over, or found none.
  std::string addresses() const;
  // Whether a look-up is under way.
  bool looking_up() const;

 private:
  struct State;
  static void run(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace godwit::coordination::zookeeper
