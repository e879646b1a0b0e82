// SPDX-License-Identifier: Apache-2.0
// A simulated machine that the kernel boots on, and whose driver decides all that happens: which CPU goes on, what its
// program does, when an interrupt is taken, how far time moves.
//
// The kernel's upcalls do not return; here each runs on the driver's stack, and the call that started it comes back when
// the kernel goes to user mode, goes idle or switches the machine off. CPUs take turns: at any time at most one is in
// the kernel, but for a CPU that starts another one at boot. Nothing happens but by these calls, so a run repeats.
//
// Invariants: one Machine at a time; it makes the kernel's variables new (README.md). One host thread.
// What the contract forbids and the kernel does all the same is noted in violation().
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>

#include "capos/hal/devices.hpp"
#include "capos/hal/thread.hpp"
#include "capos/hal/upcalls.hpp"

namespace capos::host {

struct MachineOptions {
  unsigned cpus = 1;                        // 1 to kMaxCpus
  std::uint64_t ram_bytes = 32u << 20;      // a multiple of the page size
  std::uint64_t channel_bytes = 0;          // of the memory shared with the host; 0: none
  std::span<const std::uint64_t> module{};  // the boot pack; copied
  hal::EntropyKind entropy = hal::EntropyKind::none;
  Duration clock_step{};                    // the clock moves on by this at each of the kernel's looks
};

// Where a CPU is.
enum class Place : std::uint8_t {
  waiting,  // not started yet
  user,     // in user mode: its live thread goes on
  idle,     // waits for an interrupt
  off,      // the machine is switched off
};

class Machine {
 public:
  explicit Machine(const MachineOptions& options);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // --- What happens. Each runs the kernel on `cpu` until it leaves, and returns where the CPU is then.
  // Exceptions: std::logic_error if it cannot happen (no live thread, nothing pending, machine off).
  Place boot();
  // The live thread's system call; its registers stand in live(cpu).
  Place system_call(CpuId cpu);
  Place user_fault(CpuId cpu, const hal::FaultInfo& fault);
  // The timer, which must be due.
  Place fire(CpuId cpu);
  // The mailbox interrupt, which must be pending.
  Place deliver_mail(CpuId cpu);
  // An interrupt of any number (devices.hpp of the contract), as from a message.
  Place device_interrupt(CpuId cpu, std::uint8_t number);
  // A device raises `line`: false if it is masked. The CPU that it is routed to must run. A level line is masked then.
  bool raise_line(std::uint8_t line);
  // The same of one that was raised before the line was sent elsewhere: it arrives at `at`, masked line or not.
  Place raise_line_late(std::uint8_t line, CpuId at);
  // A device raises `line`, and its CPU takes that where it next lets interrupts in, in the kernel or by run_to(), behind mail and the timer.
  // False if it is masked. A level line is masked from now on.
  bool pend_line(std::uint8_t line);
  [[nodiscard]] bool device_pending(CpuId cpu) const noexcept;
  // A PCI function (pci.cpp) sends its message: false if that is off.
  bool send_message(hal::PciAddress function);
  // From now on no device can interrupt that CPU: as one whose number is too large for its controllers.
  void put_out_of_reach(CpuId cpu) noexcept;
  // Where `line` is sent.
  [[nodiscard]] CpuId target_of_line(std::uint8_t line) const noexcept;
  Place spurious_interrupt(CpuId cpu);
  Place kernel_fault(CpuId cpu, const hal::FaultInfo& fault);

  // Runs at each turn of a loop in which the kernel waits for another CPU: plays that one. Empty: nothing, and the loop
  // never ends, for nobody else runs.
  void at_each_relax(std::function<void()> what);

  // Before an interrupt that the kernel lets in while it works (interrupt_window), but a device's: on which CPU, and whether it is the
  // mailbox's, else the timer's. Empty: nothing.
  void at_each_interrupt_let_in(std::function<void(CpuId cpu, bool mail)> what);

  // Wherever the kernel would let an interrupt in (interrupt_window), before it is seen whether there is one, on which CPU: may play
  // the others. Empty: nothing.
  void at_each_interrupt_window(std::function<void(CpuId cpu)> what);

  // When a line has been sent to another CPU (redirect_line), the kernel in the middle of that: may play the others. Empty: nothing.
  void at_each_redirection(std::function<void()> what);

  // Before time goes on, to when.
  void at_each_passing(std::function<void(Time to)> what);

  // --- Time. Never back.
  void advance(Time to);
  // The same, and every interrupt is taken as soon as it is due. Stops when the machine goes off.
  void run_to(Time to);
  [[nodiscard]] Time now() const noexcept;
  // The earliest armed timer; Time::never() if none.
  [[nodiscard]] Time next_timer() const noexcept;

  // --- What there is to see.
  [[nodiscard]] unsigned cpus() const noexcept;
  [[nodiscard]] Place place(CpuId cpu) const noexcept;
  [[nodiscard]] bool timer_due(CpuId cpu) const noexcept;
  [[nodiscard]] Time timer(CpuId cpu) const noexcept;
  [[nodiscard]] bool mail_pending(CpuId cpu) const noexcept;
  // The state that this CPU's program runs with; nullptr if none is live.
  [[nodiscard]] hal::UserState* live(CpuId cpu) const noexcept;
  [[nodiscard]] bool is_off() const noexcept;
  [[nodiscard]] std::uint8_t exit_code() const noexcept;
  [[nodiscard]] const std::string& console() const noexcept;
  // The first thing the kernel did that the contract forbids; empty if none.
  [[nodiscard]] const std::string& violation() const noexcept;

  // --- The program's memory, as the CPU sees it: through the live page tables and remembered translations, which stay
  // until they are invalidated or another space is loaded. False: the access faults. `address`: a multiple of 8.
  [[nodiscard]] bool load(CpuId cpu, hal::UserAddress address, std::uint64_t& value);
  [[nodiscard]] bool store(CpuId cpu, hal::UserAddress address, std::uint64_t value);
  // A remembered translation of a live space that its page tables do not hold any more; text, or empty.
  [[nodiscard]] std::string stale_translation() const;
  // What the processor's source of entropy has to give, first to last; a look at an empty one finds nothing.
  [[nodiscard]] std::deque<std::uint64_t>& entropy() noexcept;
  // The program's vector registers, as one word.
  [[nodiscard]] std::uint64_t& vectors(CpuId cpu) noexcept;
};

}  // namespace capos::host
