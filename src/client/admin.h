// Creates and deletes topics.
#pragma once

#include <chrono>
#include <string>

#include "client/handle.h"

namespace godwit::client {

// As Client::create_topic and delete_topic. `handle` is only used to send. Any thread.
Result<void> create_topic(const Handle& handle, const std::string& topic, const TopicOptions& options,
                          std::chrono::milliseconds timeout);
Result<void> delete_topic(const Handle& handle, const std::string& topic, std::chrono::milliseconds timeout);

}  // namespace godwit::client
