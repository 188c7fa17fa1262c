// The place of a fault inside a struct, written from the inside out: "topics[3].partitions[0].index".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace godwit::codec {

void prepend_name(std::string& path, std::string_view name);
void prepend_index(std::string& path, size_t index);

// "ProduceRequest v9 topics[3].name: length 900 but 12 bytes remain"
std::string describe_fault(std::string_view struct_name, int16_t version, std::string_view path,
                           std::string_view reason);

}  // namespace godwit::codec
