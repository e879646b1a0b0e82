// SPDX-License-Identifier: Apache-2.0
#include "capos/admission/text.hpp"

#include <array>

namespace capos::admission {
namespace {

constexpr std::size_t kMaxDigits = 20;

// Decimal digits of `number` into the end of `out`.
std::string_view decimal(std::uint64_t number, std::array<char, kMaxDigits>& out) noexcept {
  std::size_t at = out.size();
  do {
    out[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return {out.data() + at, out.size() - at};
}

void write_grouped(TextWriter& out, std::uint64_t number) noexcept {
  std::array<char, kMaxDigits> storage;
  const std::string_view digits = decimal(number, storage);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) out << ' ';
    out << digits[i];
  }
}

// "." and the thousandths of a unit without trailing zeros; nothing if there are none.
void write_thousandths(TextWriter& out, std::uint64_t thousandths) noexcept {
  if (thousandths == 0) return;
  out << '.';
  for (std::uint64_t scale = 100; thousandths != 0; scale /= 10) {
    out << static_cast<char>('0' + thousandths / scale);
    thousandths %= scale;
  }
}

}  // namespace

TextWriter& TextWriter::operator<<(std::string_view text) noexcept {
  for (const char character : text) {
    if (size_ == buffer_.size()) {
      truncated_ = true;
      break;
    }
    buffer_[size_++] = character;
  }
  return *this;
}

TextWriter& TextWriter::operator<<(std::uint64_t number) noexcept {
  std::array<char, kMaxDigits> storage;
  return *this << decimal(number, storage);
}

TextWriter& TextWriter::hex(std::uint64_t number) noexcept {
  *this << "0x";
  for (int shift = 60; shift >= 0; shift -= 4) *this << "0123456789abcdef"[number >> shift & 15u];
  return *this;
}

void write_us(TextWriter& out, std::uint64_t ns) noexcept {
  write_grouped(out, ns / 1000);
  write_thousandths(out, ns % 1000);
}

void write_us_unit(TextWriter& out, std::uint64_t ns) noexcept {
  write_us(out, ns);
  out << " us";
}

void write_time(TextWriter& out, std::uint64_t ns) noexcept {
  struct Unit {
    std::uint64_t ns;
    std::string_view name;
  };
  constexpr Unit kUnits[] = {{1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}, {1, " ns"}};
  for (const Unit& unit : kUnits) {
    if (unit.ns != 1 && (ns < unit.ns || ns % unit.ns != 0)) continue;
    write_grouped(out, ns / unit.ns);
    out << unit.name;
    return;
  }
}

}  // namespace capos::admission
