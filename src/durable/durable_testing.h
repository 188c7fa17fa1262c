// What durable's tests share.
#pragma once

#include <gtest/gtest.h>

#include "runtime/sim/node.h"
#include "runtime/sim/sweep_testing.h"

namespace godwit::durable {

using runtime::Runtime;
using runtime::Task;
using runtime::sim::CrashKind;
using runtime::sim::CrashPoint;
using runtime::sim::CrashScenario;
using runtime::sim::CrashSweepOptions;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;

// The kind, also of a result that is well ("none").
template <class T>
std::string kind_of(const Result<T>& result) {
  return result ? "none" : std::string(to_string(result.error().kind));
}

}  // namespace godwit::durable
