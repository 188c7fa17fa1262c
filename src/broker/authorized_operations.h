// What a client may do, as bit fields that Metadata, DescribeCluster and DescribeGroups give on request. Bit n is the
// operation with that number in Kafka's AclOperation. While there are no access rules, everybody may do everything that
// the kind of resource knows.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace godwit::broker {

enum class Operation : int8_t {
  read = 3,
  write = 4,
  create = 5,
  remove = 6,
  alter = 7,
  describe = 8,
  cluster_action = 9,
  describe_configs = 10,
  alter_configs = 11,
  idempotent_write = 12,
};

constexpr int32_t operations(std::initializer_list<Operation> allowed) {
  int32_t bits = 0;
  for (const Operation operation : allowed) bits |= 1 << static_cast<int>(operation);
  return bits;
}

constexpr int32_t kTopicOperations =
    operations({Operation::read, Operation::write, Operation::create, Operation::remove, Operation::alter,
                Operation::describe, Operation::describe_configs, Operation::alter_configs});
constexpr int32_t kClusterOperations =
    operations({Operation::create, Operation::alter, Operation::describe, Operation::cluster_action,
                Operation::describe_configs, Operation::alter_configs, Operation::idempotent_write});
constexpr int32_t kGroupOperations = operations({Operation::read, Operation::remove, Operation::describe});

}  // namespace godwit::broker
