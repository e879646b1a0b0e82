// SPDX-License-Identifier: Apache-2.0
// Text built in place, of at most Capacity bytes; what does not fit is cut. No allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace capos::runtime {

template <std::size_t Capacity>
class Text {
 public:
  Text& add(std::string_view text) noexcept {
    for (const char c : text) {
      if (length_ < Capacity) buffer_[length_++] = c;
    }
    return *this;
  }
  Text& add(std::uint64_t value) noexcept {
    std::array<char, 20> reversed;
    std::size_t count = 0;
    do {
      reversed[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (count > 0) add(std::string_view(&reversed[--count], 1));
    return *this;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {buffer_.data(), length_}; }
  void clear() noexcept { length_ = 0; }

 private:
  std::array<char, Capacity> buffer_;
  std::size_t length_ = 0;
};

}  // namespace capos::runtime
