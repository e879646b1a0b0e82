// SPDX-License-Identifier: Apache-2.0
// machine.hpp of the contract on the simulated machine.
#include <cstdio>
#include <cstdlib>

#include "simulation.hpp"

// The host program's own code (GNU ld).
extern "C" const char __executable_start[];
extern "C" const char etext[];

namespace capos::hal {

using host::Return;
using host::simulation;

namespace {

constexpr std::uint64_t kTscAtZero = 5'000;

// Beyond this a run's text is of no use any more.
constexpr std::size_t kMostConsole = 1u << 20;
constexpr Duration kRelaxTime = Duration::ns(100);

[[noreturn]] void broken(const char* what, std::uint64_t value) noexcept {
  std::fprintf(stderr, "simulated machine: %s (%#llx)\n", what, static_cast<unsigned long long>(value));
  std::abort();
}

}  // namespace

CpuId this_cpu() noexcept { return simulation().current; }
void* cpu_local() noexcept { return simulation().here().local; }
void set_cpu_local(void* pointer) noexcept { simulation().here().local = pointer; }

Time now() noexcept {
  const Time seen = simulation().now;
  simulation().now += simulation().clock_step;
  return seen;
}
std::uint64_t read_tsc() noexcept { return tsc_of(now()); }
std::uint64_t tsc_of(Time time) noexcept { return kTscAtZero + time.ns(); }
bool set_tsc_hz(std::uint64_t hz) noexcept { return hz >= 999'000'000 && hz <= 1'001'000'000; }

void arm_timer(Time when) noexcept { simulation().here().timer = when; }
void disarm_timer() noexcept { simulation().here().timer = Time::never(); }

// No clock moves here while another CPU runs: none needs to rest.
unsigned rest_every_second_cpu() noexcept { return simulation().cpus; }

// It runs up to its first leave; then the starting CPU goes on.
bool start_cpu(CpuId id) noexcept {
  auto& machine = simulation();
  if (id.value() >= machine.cpus || machine.cpu[id.value()].place != host::Place::waiting) return false;
  machine.enter(id, [id] { on_cpu_started(id); });
  if (machine.off) machine.leave(Return::left);
  return true;
}

void send_mailbox_interrupt(CpuId id) noexcept {
  auto& machine = simulation();
  if (id.value() >= machine.cpus || machine.cpu[id.value()].place == host::Place::waiting) {
    machine.note("a mailbox interrupt to a CPU that does not run");
    return;
  }
  machine.cpu[id.value()].mail = true;
}

// Between a driver's calls no other CPU runs anyway; after power_off() none does.
void stop_other_cpus() noexcept {}

void* to_kernel(PhysicalAddress address) noexcept {
  const auto& memory = simulation().memory;
  const std::uint64_t offset = address.value() - host::kMemoryBase;
  if (address.value() < host::kMemoryBase || offset >= memory.size) broken("no memory at this address", address.value());
  return memory.bytes + offset;
}

PhysicalAddress to_physical(const void* kernel_address) noexcept {
  const auto& memory = simulation().memory;
  const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(kernel_address) - memory.bytes);
  if (offset >= memory.size) broken("not memory of the machine", offset);
  return PhysicalAddress(host::kMemoryBase + offset);
}

// A host stack holds frames of others; none is followed.
bool is_kernel_stack(std::uint64_t) noexcept { return false; }

bool is_kernel_code(std::uint64_t address) noexcept {
  return address >= reinterpret_cast<std::uint64_t>(__executable_start) && address < reinterpret_cast<std::uint64_t>(etext);
}

void console_write(std::string_view text) noexcept {
  std::string& console = simulation().console;
  if (console.size() + text.size() <= kMostConsole) console += text;
}

void power_off(std::uint8_t code) noexcept {
  auto& machine = simulation();
  machine.off = true;
  machine.exit_code = code;
  machine.leave(Return::left);
}

void cpu_relax() noexcept {
  auto& machine = simulation();
  machine.pass_to(machine.now + kRelaxTime);
  if (machine.at_each_relax) machine.at_each_relax();
}

void interrupt_window() noexcept {
  auto& machine = simulation();
  if (machine.at_interrupt_window) machine.at_interrupt_window(machine.current);
  if (machine.here().mail || host::timer_due(machine, machine.current) || !machine.here().devices.empty()) machine.leave(Return::interrupted);
}

// The stack of a simulated CPU is the host's, and large.
void go_on_in(void (*function)() noexcept) noexcept {
  function();
  __builtin_unreachable();
}

void idle() noexcept {
  auto& machine = simulation();
  machine.here().place = host::Place::idle;
  machine.leave(Return::left);
}

}  // namespace capos::hal
