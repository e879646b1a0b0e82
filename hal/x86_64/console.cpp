// SPDX-License-Identifier: Apache-2.0
// The console: a 16550 at 0x3f8, polled. A byte that the port does not take in time is given up.
#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace {
constexpr std::uint16_t kPort = 0x3f8;
constexpr unsigned kPatience = 20'000;  // polls: a byte at 115200 baud takes 87 us

void put(char c) noexcept {
  for (unsigned i = 0; (x86::in8(kPort + 5) & 0x20) == 0 && i < kPatience; ++i) cpu_relax();
  x86::out8(kPort, static_cast<std::uint8_t>(c));
}
}  // namespace

void console_write(std::string_view text) noexcept {
  for (const char c : text) {
    if (c == '\n') put('\r');
    put(c);
  }
}

namespace x86 {
// 115200 baud, 8 bits, no parity, FIFO on, no interrupts.
void console_start() noexcept {
  constexpr std::uint8_t kSetup[][2] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}, {4, 3}};
  for (const auto& [reg, value] : kSetup) out8(static_cast<std::uint16_t>(kPort + reg), value);
}

void say(std::string_view text) noexcept {
  console_write("hal: ");
  console_write(text);
  console_write("\n");
}
}  // namespace x86
}  // namespace capos::hal
