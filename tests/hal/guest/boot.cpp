// SPDX-License-Identifier: Apache-2.0
// What the kernel is told at boot, and the faults of the kernel itself.
#include "harness.hpp"

namespace guest {

void test_boot(const BootInfo& boot) noexcept {
  std::uint64_t end = 0, total = 0;
  bool good = !boot.ram.empty(), apart = true;
  for (const MemoryRange& range : boot.ram) {
    good &= (range.base.value() % kPageSize) == 0 && (range.size % kPageSize) == 0 && range.size > 0;
    good &= range.base.value() >= end;
    end = range.base.value() + range.size;
    total += range.size;
    const std::uint64_t image = to_physical(reinterpret_cast<const void*>(&test_boot)).value();
    apart &= image < range.base.value() || image >= end;
    apart &= boot.module.size == 0 || boot.module.base.value() + boot.module.size <= range.base.value() ||
             boot.module.base.value() >= end;
    // Both ends can be used.
    for (const std::uint64_t at : {range.base.value(), end - 8}) {
      auto* const word = static_cast<volatile std::uint64_t*>(to_kernel(PhysicalAddress{at}));
      *word = at;
      good &= *word == at && to_physical(const_cast<std::uint64_t*>(word)).value() == at;
    }
  }
  check("boot: RAM ranges are pages, sorted, apart, usable", good);
  check("boot: image and module are not in them", apart);
  check("boot: there are CPUs", boot.cpus >= 1 && boot.cpus <= kMaxCpus && this_cpu().value() == 0);
  check("boot: times are in order", boot.entry_tsc <= boot.calibration_start_tsc &&
                                        boot.calibration_start_tsc <= boot.calibration_end_tsc &&
                                        boot.calibration_end_tsc < read_tsc());
  report("ram", total >> 20, "MiB");
  report("cpus", boot.cpus, "");
  report("tsc", boot.tsc_hz, "Hz");
  report("boot_to_kernel_main",
         read_tsc() - boot.entry_tsc - (boot.calibration_end_tsc - boot.calibration_start_tsc),
         "TSC ticks without calibration");
  if (boot.module.size != 0) {
    const auto* const text = static_cast<const char*>(to_kernel(boot.module.base));
    check("boot: the module is there", std::string_view(text, 5) == "CAPOS");
  }
  if (boot.host_channel.size != 0) {
    auto* const words = static_cast<volatile std::uint64_t*>(to_kernel(boot.host_channel.base));
    words[0] = 0x4c454e4e414843;  // "CHANNEL"; the host looks for it
    report("host_channel", boot.host_channel.size >> 20, "MiB");
    check("boot: the host channel holds what is written", words[0] == 0x4c454e4e414843);
  }
}

namespace {
std::uint8_t expected_vector = 0;
constinit std::uint64_t scratch_page = 0;

int recurse(int depth) noexcept {
  volatile char block[512];
  block[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : recurse(depth - 1) + block[0];
}
}  // namespace

void provoke_kernel_fault(std::string_view name) noexcept {
  constexpr std::uint8_t kNmi = 2, kInvalid = 6, kDoubleFault = 8, kProtection = 13, kPageFault = 14;
  Process process(PROGRAM(spin));
  process.enter();
  const auto text = reinterpret_cast<std::uint64_t>(&provoke_kernel_fault);
  const auto poke = [](std::uint64_t address) { *reinterpret_cast<volatile std::uint8_t*>(address) = 0x90; };
  const auto call = [](std::uint64_t address) { reinterpret_cast<void (*)()>(address)(); };
  const auto alias =
      reinterpret_cast<std::uint64_t>(to_kernel(to_physical(reinterpret_cast<const void*>(text))));
  expected_vector = kPageFault;
  if (name == "write-text") poke(text);
  if (name == "write-text-alias") poke(alias);
  if (name == "run-data") call(reinterpret_cast<std::uint64_t>(&scratch_page));
  if (name == "run-ram") call(reinterpret_cast<std::uint64_t>(process.page(kCode)));
  if (name == "null") poke(0);
  if (name == "read-user") (void)*reinterpret_cast<volatile std::uint8_t*>(kData.value());
  if (name == "run-user") call(kCode.value());
  expected_vector = kInvalid;
  if (name == "undefined") asm volatile("ud2");
  expected_vector = kProtection;
  if (name == "wild-address") poke(0x0000'8000'0000'0000);
  expected_vector = kNmi;
  if (name == "nmi") asm volatile("int $2");
  expected_vector = kDoubleFault;
  if (name == "stack-overflow") {
    asm volatile("mov %0, %%rsp" ::"r"(0xffff'ffff'c000'4100) : "memory");
    recurse(1000);
  }
}

void judge_kernel_fault(const FaultInfo& fault, std::string_view registers) noexcept {
  console_write(registers);
  check("kernel fault is reported with its vector", fault.vector == expected_vector);
  check("and with registers", registers.find("rip ffffffff802") != registers.npos || fault.error_code & 16);
  power_off(failures() == 0 ? kExitPanic : 1);
}

}  // namespace guest
