// SPDX-License-Identifier: Apache-2.0
// A change of an island under way: accepted, and made by each of its CPUs at that CPU's own idle instant.
//
// Life: made on CPU 0 with everything it needs, proposed to its CPUs by mail, made by each (settling.hpp), given back on
// CPU 0 after the last. It keeps its island, and with that the contexts. Those of islands that stand and share a CPU exclude one
// another; one of a retired island may wait beside them, and has nothing to do. Bounds: make() O(tasks * log r) on the CPU, with interrupts off.
#pragma once

#include <array>

#include "islands/scheduling_context.hpp"
#include "memory/frame_allocator.hpp"

namespace capos::kernel {

class Cpu;
class Island;

struct TaskChange {
  SchedulingContext* context = nullptr;
  sched::ContextParameters parameters{};
  sched::MissRules rules{};
};

class ModeChange {
 public:
  // Room for so many changed tasks, in frames charged to the island's payer. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<ModeChange*, schema::KernelError> create(Island& island, unsigned tasks) noexcept;
  void add(const TaskChange& change) noexcept;
  // Not proposed: it goes.
  void discard() noexcept;
  // To all CPUs that have changed tasks. From now on it gives itself back.
  void propose() noexcept;
  // All that wait, at an idle instant of that CPU.
  static void make_all(Cpu& cpu, Time now) noexcept;

 private:
  void make(Cpu& cpu, Time now) noexcept;
  ModeChange(Island& island, FrameBlock block) noexcept : island_(island), block_(block) {}
  static void propose_here(void* subject) noexcept;
  static void made_everywhere(void* subject) noexcept;
  [[nodiscard]] TaskChange* tasks() noexcept { return reinterpret_cast<TaskChange*>(this + 1); }

  Island& island_;
  const FrameBlock block_;
  unsigned count_ = 0;
  std::uint32_t cpus_ = 0;
  std::atomic<std::uint32_t> to_come_{0};  // bit c: CPU c has not made it
  std::array<Mail, kMaxCpus> proposals_;
  std::array<ModeChange*, kMaxCpus> next_{};  // that waits on that CPU
  Mail made_mail_;  // to CPU 0
};

}  // namespace capos::kernel
