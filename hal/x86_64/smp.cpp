// SPDX-License-Identifier: Apache-2.0
// Finding CPUs, starting them (INIT, SIPI, SIPI: Intel SDM vol. 3, 9.4.4), comparing their clocks, stopping
// them.
#include <algorithm>
#include <array>
#include <atomic>

#include "boot/text.hpp"
#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace x86 {

extern "C" {
extern const char hal_trampoline[];
constinit std::uint64_t hal_ap_root = 0, hal_ap_stack = 0;
[[noreturn]] void hal_ap_start() noexcept;
}

namespace {

std::array<std::uint32_t, std::size_t{2} * kMaxCpus> apic_ids;  // found; of them cpu_count at most are used
unsigned found = 1, cpu_count = 1;
constinit std::atomic<unsigned> starting = 0;  // the CPU that start_cpu() waits for
constinit std::atomic<bool> answered = false;
constinit std::atomic<std::uint32_t> running = 1;  // bits of CPUs that execute
constinit std::atomic<std::uint64_t> ping = 0, pong = 0;
constexpr unsigned kRounds = 8;

// The other side of compare_clocks(): answers each ping with its TSC.
void answer_clock() noexcept {
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    while (ping.load(std::memory_order_acquire) < round) cpu_relax();
    pong.store(rdtsc(), std::memory_order_release);
  }
}

// The least that the other CPU's TSC is certain to differ by, in ticks; 0 when no round shows a difference.
std::uint64_t compare_clocks() noexcept {
  std::uint64_t least = ~std::uint64_t{0};
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    pong.store(0, std::memory_order_relaxed);
    const std::uint64_t before = rdtsc();
    ping.store(round, std::memory_order_release);
    std::uint64_t theirs = 0;
    while ((theirs = pong.load(std::memory_order_acquire)) == 0) cpu_relax();
    const std::uint64_t after = rdtsc();
    const std::uint64_t off = theirs < before ? before - theirs : theirs > after ? theirs - after : 0;
    least = std::min(least, off);
  }
  ping.store(0, std::memory_order_relaxed);
  return least;
}

bool wait_for_answer(std::uint64_t ns) noexcept {
  const Time end = now() + Duration::ns(static_cast<std::int64_t>(ns));
  while (!answered.load(std::memory_order_acquire))
    if (now() > end)
      return false;
    else
      cpu_relax();
  return true;
}

void report_clock(CpuId cpu, std::uint64_t ticks) noexcept {
  if (ticks == 0) return;
  TextBuffer<120> text;
  text << "cpu ";
  text.decimal(cpu.value()) << ": its TSC differs by at least ";
  text.decimal(ticks) << " ticks; times of different CPUs do not compare";
  say(text.view());
}

// Where a CPU starts in real mode. What lies there is somebody's, a loader may have put the boot pack there: it is kept, and put
// back once the CPU has left the place.
class Trampoline {
 public:
  Trampoline() noexcept {
    __builtin_memcpy(kept_, physmap(CAPOS_TRAMPOLINE), CAPOS_TRAMPOLINE_BYTES);
    __builtin_memcpy(physmap(CAPOS_TRAMPOLINE), hal_trampoline, CAPOS_TRAMPOLINE_BYTES);
  }
  ~Trampoline() { __builtin_memcpy(physmap(CAPOS_TRAMPOLINE), kept_, CAPOS_TRAMPOLINE_BYTES); }
  Trampoline(const Trampoline&) = delete;
  Trampoline& operator=(const Trampoline&) = delete;

 private:
  std::byte kept_[CAPOS_TRAMPOLINE_BYTES];
};

}  // namespace

namespace {
// Leaf 1 has room for 8 bits; leaf 0Bh has all 32 where it exists.
std::uint32_t initial_apic_id() noexcept {
  if (has(MachineFeature::x2apic) && cpuid(0).eax >= 0xb) {
    const CpuidResult topology = cpuid(0xb);
    if (topology.ebx != 0) return topology.edx;
  }
  return cpuid(1).ebx >> 24;
}
}  // namespace

// The boot CPU first, then the others in table order.
unsigned find_cpus(const AcpiInfo& acpi) noexcept {
  const std::uint32_t own = initial_apic_id();
  apic_ids[0] = own;
  for (const std::uint32_t id : acpi.apic_ids.span()) {
    if (id == own || found == apic_ids.size()) continue;
    if (id > 0xfe && !has(MachineFeature::x2apic)) continue;
    apic_ids[found++] = id;
  }
  return cpu_count = std::min<unsigned>(found, kMaxCpus);
}

std::uint32_t apic_id_of(unsigned cpu) noexcept { return apic_ids[cpu]; }

void start_this_cpu(unsigned cpu) noexcept {
  PerCpu& block = block_of(CpuId{static_cast<std::uint16_t>(cpu)});
  const auto window = reinterpret_cast<std::uint64_t>(&block);
  block.number = cpu;
  block.apic_id = apic_ids[cpu];
  block.stack_top = window + CAPOS_STACK_TOP - 8;  // as after a call: the return address slot holds 0
  block.root = kernel_root();
  load_descriptors(block);
  enable_features();
  start_local_apic();
}

void hal_ap_start() noexcept {
  const unsigned cpu = starting.load(std::memory_order_acquire);
  start_this_cpu(cpu);
  running.fetch_or(1u << cpu, std::memory_order_relaxed);
  answered.store(true, std::memory_order_release);
  answer_clock();
  on_cpu_started(CpuId{static_cast<std::uint16_t>(cpu)});
}

}  // namespace x86

unsigned rest_every_second_cpu() noexcept {
  using namespace x86;
  cpu_count = std::min<unsigned>((found + 1) / 2, kMaxCpus);
  for (unsigned i = 0; i < cpu_count; ++i) apic_ids[i] = apic_ids[2 * i];
  return cpu_count;
}

bool start_cpu(CpuId cpu) noexcept {
  using namespace x86;
  constexpr std::uint64_t kAfterInit = 10'000, kFirst = 1'000'000, kSecond = 100'000'000;
  if (cpu.value() >= cpu_count || (running.load(std::memory_order_relaxed) >> cpu.value() & 1) != 0)
    return false;
  const Trampoline trampoline;
  hal_ap_root = kernel_root();
  hal_ap_stack = reinterpret_cast<std::uint64_t>(&block_of(cpu)) + CAPOS_STACK_TOP;
  answered.store(false, std::memory_order_relaxed);
  starting.store(cpu.value(), std::memory_order_release);
  const std::uint32_t apic = apic_ids[cpu.value()];
  send_ipi(apic, kIpiInit);
  spin_ns(kAfterInit);  // 10 ms on processors older than those with XSAVE; these need next to nothing
  send_ipi(apic, kIpiStartup | CAPOS_TRAMPOLINE >> 12);
  if (!wait_for_answer(kFirst)) {
    send_ipi(apic, kIpiStartup | CAPOS_TRAMPOLINE >> 12);
    if (!wait_for_answer(kSecond)) {
      send_ipi(apic, kIpiInit);  // should it come to life yet, not there
      return false;
    }
  }
  report_clock(cpu, compare_clocks());
  return true;
}

void stop_other_cpus() noexcept {
  using namespace x86;
  stopping.store(true, std::memory_order_release);
  // Not by the "all others" shorthand: a CPU that still waits for its start must not see an NMI (QEMU resets
  // then).
  const std::uint32_t targets = running.load(std::memory_order_relaxed) & ~(1u << this_cpu().value());
  for (unsigned cpu = 0; cpu < cpu_count; ++cpu)
    if ((targets >> cpu & 1) != 0) send_ipi(apic_ids[cpu], kIpiNmi);
}

CpuId this_cpu() noexcept {
  std::uint32_t number;
  asm("movl %%gs:%c1, %0" : "=r"(number) : "i"(CAPOS_CPU_NUMBER));
  return CpuId{static_cast<std::uint16_t>(number)};
}

void* cpu_local() noexcept {
  void* local;
  asm volatile("movq %%gs:%c1, %0" : "=r"(local) : "i"(CAPOS_CPU_LOCAL));
  return local;
}

void set_cpu_local(void* pointer) noexcept { x86::this_block().local = pointer; }

}  // namespace capos::hal
