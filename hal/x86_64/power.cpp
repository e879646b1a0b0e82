// SPDX-License-Identifier: Apache-2.0
// Ending: QEMU's debug exit, else ACPI's reset register, else the keyboard controller's reset line, else a
// halt.
#include "boot/text.hpp"
#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace {
AcpiRegister reset_register;
std::uint8_t reset_value;
constexpr std::uint8_t kMemorySpace = 0, kPortSpace = 1;
volatile std::uint8_t* reset_memory;
}  // namespace

void power_off(std::uint8_t code) noexcept {
  asm volatile("cli");
  x86::out32(CAPOS_DEBUG_EXIT_PORT, code);
  if (reset_register.bits != 0 && reset_register.space == kPortSpace)
    x86::out8(static_cast<std::uint16_t>(reset_register.address), reset_value);
  if (reset_memory != nullptr) *reset_memory = reset_value;
  for (unsigned i = 0; (x86::in8(0x64) & 2) != 0 && i < 100'000; ++i) cpu_relax();
  x86::out8(0x64, 0xfe);
  x86::halt_for_ever();
}

namespace x86 {
void set_reset_register(const AcpiRegister& reset, std::uint8_t value) noexcept {
  reset_register = reset;
  reset_value = value;
  if (reset.bits != 0 && reset.space == kMemorySpace)
    reset_memory = static_cast<volatile std::uint8_t*>(map_device(reset.address, 1));
}

void refuse(std::string_view why, std::uint8_t code) noexcept {
  TextBuffer<160> text;
  text << "\ncapos: refused: " << why << "\n";
  console_write(text.view());
  power_off(code);
}
}  // namespace x86
}  // namespace capos::hal
