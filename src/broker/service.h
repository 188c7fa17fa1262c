// What the gateway knows of a broker: an interface alone, so that HTTP links nothing of what stands behind it. app
// implements it over a Broker.
#pragma once

#include <string>

namespace godwit::broker {

// Called on shard 0. Outlives the gateway.
class Service {
 public:
  virtual ~Service() = default;

  struct Readiness {
    bool ready = false;
    std::string text;  // for a person: "ready", or why not and what to do
  };
  // Whether clients are served and may publish, at this moment.
  virtual Readiness readiness() const = 0;
};

}  // namespace godwit::broker
