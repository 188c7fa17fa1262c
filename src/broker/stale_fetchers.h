// Brokers of this cluster that fetch under another incarnation than the image's. Each restart looks like that for a moment: the
// follower knows of its own start sooner than this leader. Somebody is to hear of it where it lasts.
//
// Belongs to one shard.
#pragma once

#include <map>

#include "base/time.h"
#include "model/broker_id.h"

namespace godwit::broker {

class StaleFetchers {
 public:
  // One was refused. True once for each spell, when it has lasted for `patience`; a spell is over when nothing was refused
  // for as long.
  bool lasts(BrokerId id, MonotonicTime now, Duration patience) {
    auto [at, fresh] = spells_.try_emplace(id, Spell{now, now});
    Spell& spell = at->second;
    if (now - spell.last > patience) spell = {now, now};
    spell.last = now;
    if (spell.told || now - spell.since < patience) return false;
    spell.told = true;
    return true;
  }

 private:
  struct Spell {
    MonotonicTime since;
    MonotonicTime last;
    bool told = false;
  };
  std::map<BrokerId, Spell> spells_;  // of brokers that the image names: no more than those
};

}  // namespace godwit::broker
