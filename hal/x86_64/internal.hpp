// SPDX-License-Identifier: Apache-2.0
// What the files of hal/x86_64 tell each other. Nothing here is for the kernel.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "acpi/acpi.hpp"
#include "boot/loader_info.hpp"
#include "boot/memory_map.hpp"
#include "capos/hal/address_space.hpp"
#include "capos/hal/machine.hpp"
#include "capos/hal/thread.hpp"
#include "capos/hal/upcalls.hpp"
#include "per_cpu.hpp"

namespace capos::hal::x86 {

// console.cpp
void console_start() noexcept;
void say(std::string_view text) noexcept;  // "hal: " text, newline

// power.cpp
void set_reset_register(const AcpiRegister& reset, std::uint8_t value) noexcept;
[[noreturn]] void refuse(std::string_view why, std::uint8_t code) noexcept;

// features.cpp: refuses a CPU that lacks something; features() are MachineFeature bits.
void check_features() noexcept;
[[nodiscard]] std::uint64_t features() noexcept;
[[nodiscard]] bool has(MachineFeature feature) noexcept;
void enable_features() noexcept;  // control registers, EFER, XCR0, SYSCALL MSRs of this CPU

// boot_protocol.cpp
[[nodiscard]] const LoaderInfo& read_loader(std::uint32_t protocol, std::uint32_t info) noexcept;

// early_memory.cpp: the physical 4 GiB that the first tables map, with bounds.
class EarlyMemory final : public PhysicalReader {
 public:
  [[nodiscard]] bool read(std::uint64_t address, std::span<std::uint8_t> into) noexcept override;
};
// A frame for the HAL's own use, zeroed; refuses to go on when there is none.
[[nodiscard]] PhysicalAddress boot_frame() noexcept;

// kernel_tables.cpp
struct KernelMapping {
  bool write = false, execute = false, uncached = false;
};
void map_kernel(std::uint64_t address, std::uint64_t physical, std::uint64_t size,
                KernelMapping how) noexcept;
[[nodiscard]] std::uint64_t kernel_root() noexcept;
// Builds the final tables and makes them live.
void build_kernel_tables(const RangeSet& ram, unsigned cpus) noexcept;
// Device registers, uncached; null when the window is used up.
[[nodiscard]] volatile void* map_device(std::uint64_t physical, std::uint64_t size) noexcept;
// Walks the live kernel half; stops the machine if a page breaks W^X or is reachable from user mode.
struct TableCensus {
  std::uint64_t writable = 0, executable = 0, read_only = 0;  // leaf mappings
};
[[nodiscard]] TableCensus verify_kernel_tables() noexcept;

// descriptors.cpp
void start_early_descriptors() noexcept;
void load_descriptors(PerCpu& block) noexcept;

// apic.cpp
void map_local_apic() noexcept;    // once
void start_local_apic() noexcept;  // this CPU's
void end_of_interrupt() noexcept;
[[nodiscard]] std::uint32_t apic_id() noexcept;
void send_ipi(std::uint32_t apic, std::uint32_t command) noexcept;
void set_timer_vector(std::uint8_t vector) noexcept;
void set_timer_count(std::uint32_t count) noexcept;                 // 0 stops it
inline void set_memory_timer_count(std::uint32_t count) noexcept {  // without x2APIC
  *reinterpret_cast<volatile std::uint32_t*>(CAPOS_LAPIC_BASE + 0x380) = count;
}
[[nodiscard]] std::uint32_t timer_count() noexcept;  // what is left
inline constexpr std::uint32_t kIpiInit = 0x4500, kIpiStartup = 0x4600, kIpiNmi = 0x4400;
void mask_legacy_interrupts() noexcept;  // the 8259s

// io_apic.cpp: finds the controllers, masks all their lines.
void start_io_apics(const AcpiInfo& acpi) noexcept;

// device_access.cpp: what may not be handed out as device memory: RAM as the loader names it, and the kernel's own.
void start_device_access(const RangeSet& all_ram, const AcpiInfo& acpi) noexcept;
void keep_device_memory(MemoryRange range) noexcept;

// clock.cpp and calibration.cpp
void set_frequencies(std::uint64_t tsc_hz, std::uint64_t timer_hz, std::uint64_t clock_start) noexcept;
struct Frequencies {
  std::uint64_t tsc_hz = 0, timer_hz = 0;
  std::string_view source;
  std::uint64_t start_tsc = 0, end_tsc = 0;  // when it was measured
};
[[nodiscard]] Frequencies calibrate(const AcpiInfo& acpi, std::string_view command_line) noexcept;
void spin_ns(std::uint64_t ns) noexcept;

// fault.cpp: an NMI means "halt" once this is set.
extern std::atomic<bool> stopping;

// smp.cpp
[[nodiscard]] unsigned find_cpus(const AcpiInfo& acpi) noexcept;
[[nodiscard]] std::uint32_t apic_id_of(unsigned cpu) noexcept;
void start_this_cpu(unsigned cpu) noexcept;

// thread.cpp

// pci.cpp
void start_pci(const AcpiInfo& acpi) noexcept;
[[nodiscard]] MemoryRange find_host_channel() noexcept;

// The image's parts; physical = address - CAPOS_KERNEL_BASE.
extern "C" {
extern const char hal_image_start[], hal_text_end[], hal_rodata_end[], hal_image_end[];
extern std::uint64_t hal_entry_tsc;
extern std::uint64_t hal_early_root[512];
[[noreturn]] void hal_continue_on(std::uint64_t stack_top, void (*function)()) noexcept;
}
[[nodiscard]] inline std::uint64_t image_physical(const void* symbol) noexcept {
  return reinterpret_cast<std::uint64_t>(symbol) - CAPOS_KERNEL_BASE;
}
[[nodiscard]] inline std::uint8_t* physmap(std::uint64_t physical) noexcept {
  return reinterpret_cast<std::uint8_t*>(CAPOS_PHYSMAP_BASE + physical);
}

}  // namespace capos::hal::x86
