// SPDX-License-Identifier: Apache-2.0
// The simulated machine's parts: what the contract's functions and the driver both work on.
#pragma once

#include <array>
#include <csetjmp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "capos/hal/address_space.hpp"
#include "capos/hal/devices.hpp"
#include "capos/host/machine.hpp"

namespace capos::host {

// Why the kernel came back to the driver.
enum class Return : int { left = 1, interrupted = 2 };

// One stay in the kernel.
struct Entry {
  std::jmp_buf back;
  Entry* outer = nullptr;  // of the CPU that starts this one
  CpuId outer_cpu{};
};

struct SimulatedCpu {
  Place place = Place::waiting;
  void* local = nullptr;
  Time timer = Time::never();
  bool mail = false;
  std::deque<std::uint8_t> devices;  // interrupts of theirs that are pending
  bool in_kernel = false;
  hal::UserState* live = nullptr;
  std::uint64_t root = 0;                          // of the live space; 0: the kernel's own
  std::map<std::uint64_t, hal::Mapping> remembered;  // translations, by page
  std::uint64_t vectors = 0;
};

// Physical memory: RAM, then the module, then the channel, in one mapping.
struct Memory {
  std::byte* bytes = nullptr;
  std::uint64_t size = 0;
  hal::MemoryRange ram, module, channel;
};
// One line of the interrupt controller.
inline constexpr unsigned kLines = 24;
struct Line {
  CpuId cpu{};
  bool level = false;
  bool masked = true;
};

// A PCI function: its configuration space, and which bits of it can be written (pci.cpp).
inline constexpr unsigned kPciFunctions = 3;
struct PciState {
  hal::PciAddress address;
  std::array<std::uint32_t, 64> words{}, writable{};
};
[[nodiscard]] std::array<PciState, kPciFunctions> make_pci_functions();
inline constexpr std::uint32_t kMessageBase = 0xfee0'0000;  // a message to CPU n is written at n above this

inline constexpr std::uint64_t kMemoryBase = 1u << 20;  // as on a PC: nothing of the kernel's lies below

struct Simulation {
  explicit Simulation(const MachineOptions& options);
  ~Simulation();

  std::array<SimulatedCpu, kMaxCpus> cpu;
  unsigned cpus;
  CpuId current{};
  Entry* entry = nullptr;
  Memory memory;
  std::array<Line, kLines> lines{};
  std::array<std::uint8_t, 0x10000> ports{};
  std::map<std::uint64_t, std::array<std::byte, hal::kPageSize>> registers;  // device memory that a program has touched
  std::array<PciState, kPciFunctions> pci = make_pci_functions();
  std::uint32_t out_of_reach = 0;  // bit c: of devices, CPU c
  hal::EntropyKind entropy_kind;
  std::deque<std::uint64_t> entropy;
  Time now = Time::from_ns(1'000);
  Duration clock_step;
  std::function<void()> at_each_relax;
  std::function<void(CpuId, bool)> at_interrupt_let_in;
  std::function<void(CpuId)> at_interrupt_window;
  std::function<void()> at_redirection;
  std::function<void(Time)> at_passing;
  bool off = false;
  std::uint8_t exit_code = 0;
  std::string console;
  std::string violation;

  [[nodiscard]] SimulatedCpu& here() noexcept { return cpu[current.value()]; }
  void note(std::string what);
  void pass_to(Time to);
  // Ends this stay in the kernel.
  [[noreturn]] void leave(Return how) noexcept;
  // Runs `upcall` on `id` until the kernel leaves, and what it takes in interrupt_window() likewise.
  template <typename Upcall>
  void enter(CpuId id, Upcall&& upcall);
};

// The one that is.
[[nodiscard]] Simulation& simulation() noexcept;
[[nodiscard]] Simulation* simulation_if_any() noexcept;

// The kernel's variables as they were before it first ran (state.cpp).
void make_kernel_state_new() noexcept;

// In the page tables at `root`; false if there is none (address_space.cpp).
[[nodiscard]] bool walk(std::uint64_t root, std::uint64_t page, hal::Mapping& found) noexcept;

// No device can interrupt this CPU.
[[nodiscard]] inline bool is_out_of_reach(CpuId cpu) noexcept { return (simulation().out_of_reach >> cpu.value() & 1) != 0; }

// Pending interrupts of a CPU: mail before the timer, devices' last.
[[nodiscard]] inline bool timer_due(const Simulation& simulation, CpuId cpu) noexcept {
  return simulation.cpu[cpu.value()].timer <= simulation.now;
}

template <typename Upcall>
void Simulation::enter(CpuId id, Upcall&& upcall) {
  Entry stay;
  stay.outer = entry;
  stay.outer_cpu = current;
  entry = &stay;
  current = id;
  here().in_kernel = true;
  // Nothing that changes after setjmp() is a local variable of this frame.
  switch (static_cast<Return>(setjmp(stay.back))) {
    case Return::left: break;
    case Return::interrupted:
      if (!here().mail && !host::timer_due(*this, current)) {
        const std::uint8_t number = here().devices.front();
        here().devices.pop_front();
        hal::on_device_interrupt(number);
      }
      if (at_interrupt_let_in) at_interrupt_let_in(current, here().mail);
      if (here().mail) {
        here().mail = false;
        hal::on_mailbox();
      }
      here().timer = Time::never();
      hal::on_timer();
    default: upcall();
  }
  here().in_kernel = false;
  current = entry->outer_cpu;
  entry = entry->outer;
}

}  // namespace capos::host
