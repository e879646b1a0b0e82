// SPDX-License-Identifier: Apache-2.0
// Text put together in a fixed buffer; what does not fit is cut.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace capos::hal {

template <std::size_t N>
class TextBuffer {
 public:
  TextBuffer& operator<<(std::string_view text) noexcept {
    for (const char c : text) put(c);
    return *this;
  }
  TextBuffer& hex(std::uint64_t value, unsigned digits = 16) noexcept {
    while (digits-- > 0) put("0123456789abcdef"[value >> (4 * digits) & 15]);
    return *this;
  }
  TextBuffer& decimal(std::uint64_t value) noexcept {
    std::array<char, 20> digits{};
    std::size_t n = 0;
    do digits[n++] = static_cast<char>('0' + value % 10);
    while ((value /= 10) != 0);
    while (n > 0) put(digits[--n]);
    return *this;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  void put(char c) noexcept {
    if (size_ < N) bytes_[size_++] = c;
  }
  std::array<char, N> bytes_;
  std::size_t size_ = 0;
};

}  // namespace capos::hal
