// SPDX-License-Identifier: Apache-2.0
// The machine as the kernel sees it: CPUs, clock, one-shot timer, cross-CPU interrupts, console, power.
//
// The kernel runs with interrupts off, one stack per CPU, never nested. Whatever happens enters it through one of
// the upcalls of upcalls.hpp; each ends in resume_user() or idle(), which do not return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"

namespace capos::hal {

using PhysicalAddress = Strong<struct PhysicalAddressTag, std::uint64_t>;
using UserAddress = Strong<struct UserAddressTag, std::uint64_t>;
inline constexpr std::size_t kPageSize = 4096;

struct MemoryRange {
  PhysicalAddress base;
  std::uint64_t size = 0;
};

// What the kernel is told at boot. Spans stay valid for ever. RAM ranges are page-aligned, do not overlap, and
// leave out the kernel image, the module, firmware tables and everything the HAL keeps for itself.
struct BootInfo {
  std::span<const MemoryRange> ram;
  MemoryRange module;                  // the boot pack as loaded; size 0 if none
  std::string_view command_line;
  unsigned cpus = 1;                   // usable: found, started on demand, at most kMaxCpus
  std::uint64_t tsc_hz = 0;            // calibrated
  std::uint64_t calibration_start_tsc = 0, calibration_end_tsc = 0, entry_tsc = 0;
  MemoryRange host_channel;            // shared memory device (ivshmem BAR 2); size 0 if none
  std::uint64_t features = 0;          // MachineFeature bits in use
};

// Bits of BootInfo::features: what the CPU has and the kernel uses.
enum class MachineFeature : std::uint8_t {
  nx, smep, smap, umip, xsave, avx, x2apic, tsc_deadline, invariant_tsc, pcid, page_1g, fsgsbase, rdtscp, hypervisor,
};
[[nodiscard]] std::string_view name_of(MachineFeature feature) noexcept;

// --- This CPU. Cost of each: a few instructions.
[[nodiscard]] CpuId this_cpu() noexcept;
// The kernel's own per-CPU pointer; null until set.
[[nodiscard]] void* cpu_local() noexcept;
void set_cpu_local(void* pointer) noexcept;

// --- Clock: nanoseconds since this boot's clock started; the same on all CPUs; never goes back.
[[nodiscard]] Time now() noexcept;
[[nodiscard]] std::uint64_t read_tsc() noexcept;
[[nodiscard]] std::uint64_t tsc_of(Time time) noexcept;
// Declares the frequency known (Hz); taken if it is within 1 in 1000 of the calibration. Call before the clock is used.
[[nodiscard]] bool set_tsc_hz(std::uint64_t hz) noexcept;

// --- One-shot timer of this CPU. Fires on_timer() at or after `when`, once; a new call replaces the old.
void arm_timer(Time when) noexcept;
void disarm_timer() noexcept;

// --- Other CPUs.
// Starts a waiting application processor: it enters on_cpu_started() on its own stack. False if it did not answer.
[[nodiscard]] bool start_cpu(CpuId cpu) noexcept;
// From now on every second CPU rests for ever, and those between have the numbers; before any is started. How many there are. Where the
// machine simulates its CPUs one at a time, a CPU's turn is then followed by one of a CPU that does nothing.
[[nodiscard]] unsigned rest_every_second_cpu() noexcept;
// Raises on_mailbox() on `cpu`.
void send_mailbox_interrupt(CpuId cpu) noexcept;
// Halts all other CPUs for ever, whatever they do (by NMI). For a panic.
void stop_other_cpus() noexcept;
// cpu_relax(), in a loop that waits for one of them: capos/hal/relax.hpp of the keeper.

// --- Memory. Kernel address of RAM (or of the module); valid for every BootInfo range.
[[nodiscard]] void* to_kernel(PhysicalAddress address) noexcept;
[[nodiscard]] PhysicalAddress to_physical(const void* kernel_address) noexcept;

// Whether two words at `address` lie in a CPU's kernel stack: safe to read for a stack trace.
[[nodiscard]] bool is_kernel_stack(std::uint64_t address) noexcept;
// Whether `address` lies in the kernel's code.
[[nodiscard]] bool is_kernel_code(std::uint64_t address) noexcept;

// --- Console (text, for people). Bytes as they are; bounded cost per byte.
void console_write(std::string_view text) noexcept;

// --- Power. QEMU ends with its isa-debug-exit status (code << 1) | 1; elsewhere the machine resets or halts.
[[noreturn]] void power_off(std::uint8_t code) noexcept;
inline constexpr std::uint8_t kExitPanic = 0x7f;       // launcher sees 255
inline constexpr std::uint8_t kExitRefusedCpu = 0x7e;  // launcher sees 253
inline constexpr std::uint8_t kExitRefusedPack = 0x7d;  // launcher sees 251; all of them: abi/exit_code.hpp

// Takes a pending interrupt, if there is one; that starts its upcall on a fresh stack and this call never returns.
// For work that would otherwise be idle time, between steps that leave everything consistent.
void interrupt_window() noexcept;
// Goes on in `function`, with the kernel stack as empty as at an upcall: for a way through the kernel that would lead to where
// it came from.
[[noreturn]] void go_on_in(void (*function)() noexcept) noexcept;
// Waits for an interrupt with interrupts on; the next upcall starts on a fresh stack. Never returns.
[[noreturn]] void idle() noexcept;

}  // namespace capos::hal
