// The table of the settings of a topic: how each is declared, and what becomes of its value. docs/topic-settings.md is
// the same for people; tests/house holds the two together.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "config/setting.h"

namespace godwit::broker {

// What becomes of a value that was given.
enum class Effect {
  honoured,
  in_part,         // some values count; the setting's `doc` says which
  without_effect,  // checked and kept, and nothing goes by it; `doc` says why
  refused,         // every value but the default is refused
};

struct TopicSettingRow {
  // Where the fallback depends on the topic it is empty, and `automatic` says in words what holds (min.insync.replicas).
  config::Setting setting;
  int8_t protocol_type;          // the protocol's number of its type
  std::string_view broker_name;  // of the broker-wide default, in Kafka
  Effect effect;
};

// All, by name. They live as long as the program.
std::span<const TopicSettingRow> topic_setting_rows();

// Null where there is none: by a topic's name for it ("retention.ms"), and by a broker's ("log.retention.ms").
const TopicSettingRow* find_topic_setting(std::string_view name);
const TopicSettingRow* find_broker_default(std::string_view broker_name);

}  // namespace godwit::broker
