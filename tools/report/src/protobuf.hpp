// SPDX-License-Identifier: Apache-2.0
// Protocol Buffers' wire format, as much as is written here: varints, fixed 64-bit words, strings, and messages in
// messages. Source: "Encoding" of the Protocol Buffers documentation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace capos::report {

class ProtobufMessage {
 public:
  ProtobufMessage& varint(std::uint32_t field, std::uint64_t value) {
    key(field, 0);
    put(value);
    return *this;
  }
  ProtobufMessage& fixed64(std::uint32_t field, std::uint64_t value) {
    key(field, 1);
    for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(value >> 8 * i & 0xff);
    return *this;
  }
  ProtobufMessage& text(std::uint32_t field, std::string_view value) {
    key(field, 2);
    put(value.size());
    bytes_ += value;
    return *this;
  }
  ProtobufMessage& message(std::uint32_t field, const ProtobufMessage& value) { return text(field, value.bytes_); }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void key(std::uint32_t field, std::uint32_t wire_type) { put(std::uint64_t{field} << 3 | wire_type); }
  void put(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

}  // namespace capos::report
