// SPDX-License-Identifier: Apache-2.0
// What the CPU has: refused without the required, used where optional. Bits after Intel SDM vol. 2, CPUID.
#include <array>

#include "boot/text.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {

std::string_view name_of(MachineFeature feature) noexcept {
  constexpr std::array<std::string_view, 14> kNames = {
      "nx",           "smep",          "smap", "umip",    "xsave",    "avx",    "x2apic",
      "tsc_deadline", "invariant_tsc", "pcid", "page_1g", "fsgsbase", "rdtscp", "hypervisor"};
  const auto index = static_cast<std::size_t>(feature);
  return index < kNames.size() ? kNames[index] : "?";
}

namespace x86 {
namespace {

enum Register : std::uint8_t { eax, ebx, ecx, edx };
struct Bit {
  std::uint32_t leaf;
  Register reg;
  std::uint8_t bit;
};
struct Required {
  Bit bit;
  std::string_view name;
};
struct Optional {
  Bit bit;
  MachineFeature feature;
};

constexpr Required kRequired[] = {
    {{1, edx, 4}, "the time-stamp counter (tsc)"},
    {{1, edx, 5}, "model-specific registers (msr)"},
    {{1, edx, 6}, "physical address extension (pae)"},
    {{1, edx, 9}, "a local APIC (apic)"},
    {{1, edx, 24}, "FXSAVE (fxsr)"},
    {{1, edx, 26}, "SSE2 (sse2)"},
    {{1, ecx, 26}, "XSAVE (xsave)"},
    {{0x80000001, edx, 11}, "SYSCALL (syscall)"},
    {{0x80000001, edx, 20}, "execute-disable pages (nx)"},
};

constexpr Optional kOptional[] = {
    {{0x80000001, edx, 20}, MachineFeature::nx},
    {{7, ebx, 7}, MachineFeature::smep},
    {{7, ebx, 20}, MachineFeature::smap},
    {{7, ecx, 2}, MachineFeature::umip},
    {{1, ecx, 26}, MachineFeature::xsave},
    {{1, ecx, 28}, MachineFeature::avx},
    {{1, ecx, 21}, MachineFeature::x2apic},
    {{1, ecx, 24}, MachineFeature::tsc_deadline},
    {{0x80000007, edx, 8}, MachineFeature::invariant_tsc},
    {{0x80000001, edx, 26}, MachineFeature::page_1g},
    {{0x80000001, edx, 27}, MachineFeature::rdtscp},
    {{1, ecx, 31}, MachineFeature::hypervisor},
};

std::uint64_t found;

bool is_set(const Bit& bit) noexcept {
  if (cpuid(bit.leaf & 0x80000000).eax < bit.leaf) return false;
  const CpuidResult r = cpuid(bit.leaf);
  const std::uint32_t values[] = {r.eax, r.ebx, r.ecx, r.edx};
  return (values[bit.reg] >> bit.bit & 1) != 0;
}

constexpr std::uint64_t mask_of(MachineFeature feature) noexcept {
  return std::uint64_t{1} << static_cast<unsigned>(feature);
}

// x87, SSE and AVX where present; the thread's page must hold their image.
void enable_vector_state() noexcept {
  const std::uint32_t mask = has(MachineFeature::avx) ? 7 : 3;
  asm volatile("xsetbv" ::"c"(0), "a"(mask), "d"(0));
  if (cpuid(0xd).ebx > kPageSize) refuse("the vector state is larger than a page", kExitRefusedCpu);
}

void enable_system_call() noexcept;

}  // namespace

std::uint64_t features() noexcept { return found; }
bool has(MachineFeature feature) noexcept { return (found & mask_of(feature)) != 0; }

void check_features() noexcept {
  for (const Required& required : kRequired) {
    if (is_set(required.bit)) continue;
    TextBuffer<120> text;
    text << "this CPU lacks " << required.name;
    refuse(text.view(), kExitRefusedCpu);
  }
  for (const Optional& optional : kOptional)
    if (is_set(optional.bit)) found |= mask_of(optional.feature);
}

namespace {
extern "C" void hal_syscall();

void enable_system_call() noexcept {
  constexpr std::uint32_t kStar = 0xc0000081, kLstar = 0xc0000082, kCstar = 0xc0000083, kFmask = 0xc0000084;
  // Trap, interrupt, direction, I/O privilege, nested task, resume, alignment check and identification flags.
  constexpr std::uint64_t kCleared = 0x0025'7700;
  write_msr(kStar, std::uint64_t{CAPOS_STAR_USER} << 48 | std::uint64_t{CAPOS_KERNEL_CODE} << 32);
  write_msr(kLstar, reinterpret_cast<std::uint64_t>(&hal_syscall));
  write_msr(kCstar, 0);
  write_msr(kFmask, kCleared);
}
}  // namespace

void enable_features() noexcept {
  constexpr std::uint32_t kEfer = 0xc0000080, kFsBase = 0xc0000100, kTscAux = 0xc0000103;
  constexpr std::uint64_t kNxe = 1u << 11, kSce = 1u;
  constexpr std::uint64_t kPae = 1u << 5, kPge = 1u << 7, kOsfxsr = 1u << 9, kOsxmmexcpt = 1u << 10,
                          kUmip = 1u << 11, kOsxsave = 1u << 18, kSmep = 1u << 20, kSmap = 1u << 21;
  write_msr(kEfer, read_msr(kEfer) | kNxe | kSce);
  write_cr0(0x80010033);  // paging, write protection also in the kernel, native FPU errors; EM and TS clear
  std::uint64_t cr4 = kPae | kPge | kOsfxsr | kOsxmmexcpt | kOsxsave;
  if (has(MachineFeature::smep)) cr4 |= kSmep;
  if (has(MachineFeature::smap)) cr4 |= kSmap;
  if (has(MachineFeature::umip)) cr4 |= kUmip;
  write_cr4(cr4);
  enable_vector_state();
  enable_system_call();
  write_msr(kFsBase, 0);
  if (has(MachineFeature::rdtscp)) write_msr(kTscAux, this_cpu().value());
  asm volatile("mov %0, %%dr7" ::"r"(0x400ul));  // no breakpoint of the loader survives
}

}  // namespace x86
}  // namespace capos::hal
