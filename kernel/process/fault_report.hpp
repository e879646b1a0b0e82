// SPDX-License-Identifier: Apache-2.0
// What the console is told of the fault that ended a process: its head and the registers, a line at a time, by the reaper.
#pragma once

#include <cstdint>

#include "core/console.hpp"
#include "process/thread.hpp"

namespace capos::kernel {

class Line;

class FaultReport {
 public:
  // The thread's registers stay as they are until the process has been reaped. The first fault is reported. Own CPU.
  void begin(Thread& thread, const FaultRecord& fault) noexcept;
  // Writes a bounded part: one line to the console's stream, or a step of that. True: there is nothing left.
  [[nodiscard]] bool step() noexcept;

 private:
  void head(Line& line) const noexcept;

  Thread* thread_ = nullptr;  // null: there is nothing to report
  FaultRecord fault_;
  bool unsupervised_ = false;  // its supervisor has gone
  bool headed_ = false;
  unsigned next_ = 0;          // register
  ConsolePlace end_ = 0;
};

}  // namespace capos::kernel
