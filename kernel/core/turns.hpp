// SPDX-License-Identifier: Apache-2.0
// Turns, on a machine whose CPUs are simulated one at a time by one host thread (QEMU with instruction counting):
// parameters().quantum > 0. Nothing here is called elsewhere.
//
// How QEMU 7.2 takes turns: a CPU goes on until it halts, pauses, or the next deadline of any timer of the whole machine. After
// a deadline the CPU that is next is entered with no instructions left: it loses its turn, and timers are looked at only then.
// Therefore every second CPU rests (hal::rest_every_second_cpu()): it is the resting one that loses the turn, and a CPU that
// waits for a timer has the machine at the very instant.
//
// What is left: a CPU that a deadline has put off waits for the turns of the others. Realtime jobs halt soon. Best effort would go on
// until some deadline: so while another CPU is busy, its turn is ended after a quantum. Who gets busy asks the others for that, by an
// interrupt to each that does best effort without an end to its turn; it arrives first thing in that CPU's turn. A CPU to which mail goes
// is busy from then on, since it sees the mail in its own turn only, and the sender's would not end for that.
//
// One gap remains: a device's timer that expires within the first instructions of a CPU that has come out of its rest ends that turn before it
// has asked anybody. (The PIT, left at 18 Hz by firmware, and QEMU's own 100 ms do; with the PIT at 32 kHz it is seen twice a second.) Therefore
// best effort that has not been asked ends its turn by itself, some time after the first timer of those that rest has been due.
//
// All of it: O(CPUs), interrupts off.
#pragma once

#include "capos/sched/cpu_scheduler.hpp"
#include "core/cpu.hpp"

namespace capos::kernel {

[[nodiscard]] inline bool in_turns() noexcept { return parameters().quantum != Duration{}; }

// A CPU that rests has something to do from now on; nothing if it does not rest. From any CPU.
void make_busy(Cpu& cpu) noexcept;
// This CPU is about to halt; its timer is armed. It stays busy if that comes at once.
void rest(Cpu& cpu) noexcept;

// When the turn of what has been chosen ends: a quantum from now at most, if it is best effort and another CPU is busy. Time::never()
// if nothing has to end it.
[[nodiscard]] Time turn_end(const Cpu& cpu, sched::DispatchKind kind, Time now) noexcept;
// Of best effort while no other CPU is busy: when it ends its turn without having been asked.
[[nodiscard]] Time open_turn_end(const Cpu& cpu, Time now) noexcept;
// What has been chosen is best effort, and no quantum is armed to end its turn: others may ask. False: one has got busy
// meanwhile, and turn_end() has to be asked again.
[[nodiscard]] bool turn_stays_open(Cpu& cpu) noexcept;

// First thing in an interrupt; on the timer only if cpu.quantum_end has passed. The CPU rested, or its turn is over, or another one
// asks for it.
void enter_turn(Cpu& cpu) noexcept;

}  // namespace capos::kernel
