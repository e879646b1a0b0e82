// SPDX-License-Identifier: Apache-2.0
// Lines for the console, built in place: text, decimal and hexadecimal numbers. What does not fit is cut.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "capos/hal/machine.hpp"

namespace capos::kernel {

class Line {
 public:
  Line& text(std::string_view text) noexcept {
    for (const char c : text) put(c);
    return *this;
  }
  Line& decimal(std::uint64_t value) noexcept { return number(value, 10, 1); }
  Line& hex(std::uint64_t value, unsigned digits = 1) noexcept {
    text("0x");
    return number(value, 16, digits);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {buffer_.data(), length_}; }
  // Writes the line and its end to the console.
  void print() noexcept {
    put('\n');
    hal::console_write(view());
  }

 private:
  void put(char c) noexcept {
    if (length_ < buffer_.size()) buffer_[length_++] = c;
  }
  Line& number(std::uint64_t value, unsigned base, unsigned digits) noexcept {
    std::array<char, 20> reversed;
    unsigned count = 0;
    do {
      reversed[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count < digits && count < reversed.size()) reversed[count++] = '0';
    while (count > 0) put(reversed[--count]);
    return *this;
  }
  std::array<char, 200> buffer_;
  std::size_t length_ = 0;
};

}  // namespace capos::kernel
