// SPDX-License-Identifier: Apache-2.0
// Text built in a caller's buffer: what does not fit is cut, and `truncated` says so. No allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace capos::admission {

class TextWriter {
 public:
  explicit TextWriter(std::span<char> buffer) noexcept : buffer_(buffer) {}

  TextWriter& operator<<(std::string_view text) noexcept;
  TextWriter& operator<<(char character) noexcept { return *this << std::string_view(&character, 1); }
  TextWriter& operator<<(std::uint64_t number) noexcept;  // decimal, no grouping
  TextWriter& hex(std::uint64_t number) noexcept;         // 0x followed by 16 digits

  [[nodiscard]] std::string_view view() const noexcept { return {buffer_.data(), size_}; }
  [[nodiscard]] bool truncated() const noexcept { return truncated_; }
  void clear() noexcept {
    size_ = 0;
    truncated_ = false;
  }

 private:
  std::span<char> buffer_;
  std::size_t size_ = 0;
  bool truncated_ = false;
};

// Microseconds with spaces between thousands and up to three decimals, without the unit: "1 240", "0.5".
void write_us(TextWriter& out, std::uint64_t ns) noexcept;
// The same with its unit: "1 240 us".
void write_us_unit(TextWriter& out, std::uint64_t ns) noexcept;
// In the largest unit that keeps it whole, as a person would write it: "2 ms", "96 us", "1 s", "750 ns".
void write_time(TextWriter& out, std::uint64_t ns) noexcept;

}  // namespace capos::admission
