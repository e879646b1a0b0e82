// SPDX-License-Identifier: Apache-2.0
// I/O APICs: lines to vectors and CPUs. Registers after Intel 82093AA (290566-001), 3.2; the message format after
// Intel SDM vol. 3, 11.11.
//
// Invariant: `low` of a line is what its redirection entry's low word holds. Only fixed delivery to one physical APIC
// id. Bounds: two register accesses for a mask or unmask, under the controllers' lock: the register window is one
// pair for all lines, and lines may belong to different CPUs.
#include <atomic>

#include "capos/hal/devices.hpp"
#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace {

using namespace x86;

constexpr std::uint32_t kMasked = 1u << 16, kLevel = 1u << 15, kActiveLow = 1u << 13;
constexpr unsigned kMaxLines = 96;  // the numbers above are messages
constexpr std::uint8_t kIsaLines = 16;

struct Line {
  volatile std::uint32_t* select = nullptr;  // nullptr: no controller
  std::uint32_t index = 0;                   // register of the low word
  std::uint32_t low = kMasked;
  Trigger firmware = Trigger::edge_high;
};

constinit Line lines[kMaxLines];
constinit unsigned line_count = 0;
constinit LegacyLine legacy[kIsaLines];
constinit std::atomic_flag window = ATOMIC_FLAG_INIT;

class WindowLock {
 public:
  WindowLock() noexcept {
    while (window.test_and_set(std::memory_order_acquire)) cpu_relax();
  }
  ~WindowLock() { window.clear(std::memory_order_release); }
  WindowLock(const WindowLock&) = delete;
  WindowLock& operator=(const WindowLock&) = delete;
};

// The window of a controller: register number, and 16 bytes on, its value.
void write_register(volatile std::uint32_t* select, std::uint32_t index, std::uint32_t value) noexcept {
  select[0] = index;
  select[4] = value;
}
std::uint32_t read_register(volatile std::uint32_t* select, std::uint32_t index) noexcept {
  select[0] = index;
  return select[4];
}

constexpr std::uint32_t mode_of(Trigger trigger) noexcept {
  const bool low = trigger == Trigger::edge_low || trigger == Trigger::level_low;
  return (is_level(trigger) ? kLevel : 0) | (low ? kActiveLow : 0);
}

// MADT flags: polarity in bits 0-1, trigger in bits 2-3; 0 is the bus's own way (ACPI 6.5, 5.2.12.5).
constexpr Trigger trigger_of(std::uint16_t flags) noexcept {
  const bool low = (flags & 3) == 3, level = (flags >> 2 & 3) == 3;
  if (level) return low ? Trigger::level_low : Trigger::level_high;
  return low ? Trigger::edge_low : Trigger::edge_high;
}

// Under the lock as a whole: a line that has moved may be masked by the CPU that it came from, too.
void set_masked(Line& line, bool masked) noexcept {
  const WindowLock lock;
  line.low = (line.low & ~kMasked) | (masked ? kMasked : 0);
  write_register(line.select, line.index, line.low);
}

void start_controller(const IoApic& controller) noexcept {
  auto* const select = static_cast<volatile std::uint32_t*>(map_device(controller.address, 0x20));
  if (select == nullptr) return say("an I/O APIC could not be mapped; its lines stay as they were");
  keep_device_memory({PhysicalAddress{controller.address & ~(kPageSize - 1)}, kPageSize});
  const unsigned count = (read_register(select, 1) >> 16 & 0xff) + 1;
  for (unsigned i = 0; i < count; ++i) {
    write_register(select, 0x10 + 2 * i, kMasked);
    const unsigned number = controller.first_line + i;
    if (number >= kMaxLines) continue;
    lines[number] = {.select = select,
                     .index = 0x10 + 2 * i,
                     .low = kMasked,
                     .firmware = number < kIsaLines ? Trigger::edge_high : Trigger::level_low};
    if (number >= line_count) line_count = number + 1;
  }
}

}  // namespace

unsigned interrupt_lines() noexcept { return line_count; }
bool line_exists(std::uint8_t line) noexcept { return line < line_count && lines[line].select != nullptr; }
LegacyLine legacy_line(std::uint8_t source) noexcept { return legacy[source % kIsaLines]; }
Trigger default_trigger(std::uint8_t line) noexcept { return lines[line].firmware; }

bool route_line(std::uint8_t line, CpuId cpu, Trigger trigger) noexcept {
  const std::uint32_t apic = apic_id_of(cpu.value());
  if (apic > 0xff) return false;
  Line& entry = lines[line];
  const WindowLock lock;
  entry.low = kMasked | mode_of(trigger) | (CAPOS_VECTOR_DEVICE + line);
  write_register(entry.select, entry.index, kMasked);
  write_register(entry.select, entry.index + 1, apic << 24);
  write_register(entry.select, entry.index, entry.low);
  return true;
}

// The upper word is the destination alone, and the vector stays: so one write, and the end of an interrupt that is on its way still finds
// its line (82093AA, 3.2.4).
bool redirect_line(std::uint8_t line, CpuId cpu) noexcept {
  const std::uint32_t apic = apic_id_of(cpu.value());
  if (apic > 0xff) return false;
  const Line& entry = lines[line];
  const WindowLock lock;
  write_register(entry.select, entry.index + 1, apic << 24);
  return true;
}

void mask_line(std::uint8_t line) noexcept { set_masked(lines[line], true); }
void unmask_line(std::uint8_t line) noexcept { set_masked(lines[line], false); }

InterruptMessage message_for(std::uint8_t number, CpuId cpu) noexcept {
  const std::uint32_t apic = apic_id_of(cpu.value());
  if (apic > 0xff) return {};
  return {0xfee0'0000 | apic << 12, std::uint32_t{CAPOS_VECTOR_DEVICE} + number};
}

namespace x86 {

void start_io_apics(const AcpiInfo& acpi) noexcept {
  for (const IoApic& controller : acpi.io_apics.span()) start_controller(controller);
  for (std::uint8_t source = 0; source < kIsaLines; ++source) legacy[source] = {source, Trigger::edge_high};
  for (const LineOverride& found : acpi.overrides.span()) {
    if (found.source >= kIsaLines || found.line >= line_count) continue;
    const Trigger trigger = trigger_of(found.flags);
    legacy[found.source] = {static_cast<std::uint8_t>(found.line), trigger};
    lines[found.line].firmware = trigger;
  }
}

}  // namespace x86

// A level line is masked before the end of its interrupt, or it would come again at once.
extern "C" [[noreturn]] void hal_on_device(std::uint8_t number) noexcept {
  if (number < kMaxLines && (lines[number].low & kLevel) != 0) mask_line(number);
  end_of_interrupt();
  on_device_interrupt(number);
}

}  // namespace capos::hal
