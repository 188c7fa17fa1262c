#include "script.h"

namespace godwit::compare {

void ask_cluster(Script& s);
void ask_topics(Script& s);
void ask_configs(Script& s);
void ask_reassignments(Script& s);
void ask_produce(Script& s);
void ask_compressed(Script& s);
void ask_fetch(Script& s);
void ask_offsets(Script& s);
void ask_group_membership(Script& s);
void ask_group_offsets(Script& s);
void ask_frames(Script& s);

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"cluster", ask_cluster},
      {"topics", ask_topics},
      {"configs", ask_configs},
      {"reassignments", ask_reassignments},
      {"produce", ask_produce},
      {"compressed", ask_compressed},
      {"fetch", ask_fetch},
      {"offsets", ask_offsets},
      {"group_membership", ask_group_membership},
      {"group_offsets", ask_group_offsets},
      {"frames", ask_frames},
  };
  return all;
}

}  // namespace godwit::compare
