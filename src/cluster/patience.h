// Waiting for something that must come back: the coordination store, a controller. Says so at once and then every 10 s, and
// when it is over.
#pragma once

#include <optional>
#include <string>

#include "base/diagnostic.h"
#include "base/result.h"
#include "cluster/bell.h"

namespace godwit::cluster {

class Patience {
 public:
  // Events are named `name`.waiting and `name`.back; `what` is whom it waits for: "the coordination store".
  Patience(std::string name, std::string what, Bell& bell, DiagnosticSink& diagnostics)
      : name_(std::move(name)), what_(std::move(what)), bell_(bell), diagnostics_(diagnostics) {}

  // Waits before the next attempt, 20 ms at first and up to 1 s. False when everything is being closed.
  runtime::Task<bool> pause(Error why);
  // It answered.
  void over();

 private:
  std::string name_;
  std::string what_;
  Bell& bell_;
  DiagnosticSink& diagnostics_;
  Duration next_{};
  bool waiting_ = false;
  bool told_this_time_ = false;
  MonotonicTime since_{};
  std::optional<MonotonicTime> told_;
};

}  // namespace godwit::cluster
