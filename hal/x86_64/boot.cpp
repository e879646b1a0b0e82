// SPDX-License-Identifier: Apache-2.0
// From boot.S to kernel_main(): one step after the other, each refusing loudly what it cannot work with.
#include <algorithm>

#include "boot/text.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal::x86 {
namespace {

constinit RangeSet free_ram, all_ram;
constinit AcpiInfo acpi;
constinit BootInfo boot;
constexpr std::uint64_t kLowMemory = 1 << 20, kFourGiB = std::uint64_t{4} << 30;
constexpr std::uint64_t kPhysmapLimit = std::uint64_t{64} << 40;

extern "C" std::uint64_t hal_clac_sites[], hal_clac_sites_end[], hal_xsave_sites[], hal_xsave_sites_end[];

// XSAVE (48 0f ae /4) becomes XSAVEOPT (/6), which leaves out what has not changed since XRSTOR.
void patch_vector_saves() noexcept {
  if ((cpuid(0xd, 1).eax & 1) == 0) return;
  for (const std::uint64_t* site = hal_xsave_sites; site != hal_xsave_sites_end; ++site) {
    reinterpret_cast<std::uint8_t*>(*site)[3] |= 2 << 3;
  }
}

// CLAC over the long NOPs of entry.S.
void patch_entries() noexcept {
  if (!has(MachineFeature::smap)) return;
  for (const std::uint64_t* site = hal_clac_sites; site != hal_clac_sites_end; ++site) {
    auto* const code = reinterpret_cast<std::uint8_t*>(*site);
    code[0] = 0x0f;
    code[1] = 0x01;
    code[2] = 0xca;
  }
}

void report_acpi() noexcept {
  for (unsigned i = 0; i <= static_cast<unsigned>(AcpiNote::no_madt); ++i) {
    if (!acpi.has(static_cast<AcpiNote>(i))) continue;
    TextBuffer<80> text;
    text << "ACPI: " << name_of(static_cast<AcpiNote>(i));
    say(text.view());
  }
}

void reserve(RangeSet& ram, std::uint64_t base, std::uint64_t size) noexcept {
  const std::uint64_t low = base & ~std::uint64_t{kPageSize - 1};
  if (!ram.remove(low, base + size - low)) say("memory map too long: some RAM is left unused");
}

RangeSet choose_ram(const LoaderInfo& loader) noexcept {
  RangeSet ram = loader.ram;
  ram.shrink_to(kPageSize);
  reserve(ram, kPhysmapLimit, ~kPhysmapLimit);
  free_ram = ram;
  reserve(free_ram, 0, kLowMemory);
  reserve(free_ram, image_physical(hal_image_start),
          static_cast<std::uint64_t>(hal_image_end - hal_image_start));
  if (loader.module.size != 0) {
    if (!ram.contains(loader.module.base.value(), loader.module.size))
      refuse("the boot module is not in RAM", kExitPanic);
    const std::uint64_t end = loader.module.base.value() + loader.module.size + kPageSize - 1;
    const std::uint64_t base = loader.module.base.value();
    reserve(free_ram, base, (end & ~std::uint64_t{kPageSize - 1}) - base);
  }
  if (!ram.contains(CAPOS_TRAMPOLINE, kPageSize)) say("no RAM at 32 KiB: other CPUs cannot be started");
  return ram;
}

void report_machine(const Frequencies& clock, const TableCensus& tables) noexcept {
  TextBuffer<400> text;
  text.decimal(boot.cpus) << " cpu, RAM ";
  text.decimal(free_ram.total() >> 20) << " MiB, TSC ";
  text.decimal(clock.tsc_hz) << " Hz, timer ";
  text.decimal(clock.timer_hz) << " Hz (by " << clock.source << "), pages: ";
  text.decimal(tables.writable) << " writable, ";
  text.decimal(tables.executable) << " executable, ";
  text.decimal(tables.read_only) << " read-only; uses";
  for (unsigned i = 0; i <= static_cast<unsigned>(MachineFeature::hypervisor); ++i)
    if (has(static_cast<MachineFeature>(i))) text << " " << name_of(static_cast<MachineFeature>(i));
  say(text.view());
}

// On the boot CPU's own stack and the final tables.
[[noreturn]] void continue_boot() noexcept {
  map_local_apic();
  start_this_cpu(0);
  mask_legacy_interrupts();
  start_device_access(all_ram, acpi);
  start_io_apics(acpi);
  set_reset_register(acpi.reset, acpi.reset_value);
  const Frequencies clock = calibrate(acpi, boot.command_line);
  set_frequencies(clock.tsc_hz, clock.timer_hz, hal_entry_tsc);
  boot.tsc_hz = clock.tsc_hz;
  boot.calibration_start_tsc = clock.start_tsc;
  boot.calibration_end_tsc = clock.end_tsc;
  start_pci(acpi);
  boot.host_channel = find_host_channel();
  if (boot.host_channel.size != 0) {
    const std::uint64_t base = boot.host_channel.base.value();
    map_kernel(CAPOS_PHYSMAP_BASE + base, base, boot.host_channel.size, {.write = true});
    keep_device_memory(boot.host_channel);
  }
  report_machine(clock, verify_kernel_tables());
  boot.ram = free_ram.ranges();
  kernel_main(boot);
}

void take_loader(std::uint32_t protocol, std::uint32_t info) noexcept {
  const LoaderInfo& loader = read_loader(protocol, info);
  if (loader.cut_short) say("the loader gave more memory ranges or command line than there is room for");
  EarlyMemory memory;
  acpi = parse_acpi(memory, loader.rsdp);
  report_acpi();
  boot.cpus = find_cpus(acpi);
  boot.module = loader.module;
  boot.command_line = loader.command_line();
  boot.entry_tsc = hal_entry_tsc;
  boot.features = features();
  const RangeSet ram = choose_ram(loader);
  all_ram = ram;
  if (!ram.contains(CAPOS_TRAMPOLINE, kPageSize)) boot.cpus = 1;
  build_kernel_tables(ram, boot.cpus);
}

}  // namespace

PhysicalAddress boot_frame() noexcept {
  const std::uint64_t frame = free_ram.take(kPageSize, kPageSize, kFourGiB);
  if (frame == 0) refuse("not enough RAM below 4 GiB for page tables", kExitPanic);
  __builtin_memset(physmap(frame), 0, kPageSize);
  return PhysicalAddress{frame};
}

extern "C" [[noreturn]] void hal_boot(std::uint32_t protocol, std::uint32_t info) noexcept {
  console_start();
  check_features();  // first: the gates depend on it
  start_early_descriptors();
  patch_entries();
  patch_vector_saves();
  take_loader(protocol, info);
  constexpr std::uint32_t kEfer = 0xc0000080;
  write_msr(kEfer, read_msr(kEfer) | 0x800);  // NX bits are in the tables to come
  write_cr3(kernel_root());
  hal_continue_on(CAPOS_PER_CPU_BASE + CAPOS_STACK_TOP - 8, continue_boot);
}

}  // namespace capos::hal::x86
