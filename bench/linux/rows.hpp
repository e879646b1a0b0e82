// SPDX-License-Identifier: Apache-2.0
// The rows, by subject. A row's name is its key in tools/capos/linux/round_trips.cpp.
#pragma once

#include <functional>

#include "sampler.hpp"

namespace linux_bench {

// One that cannot be measured ends the program, with what failed on stderr.
[[noreturn]] void give_up(const char* what);
// SCHED_FIFO, 1 to 99; of the caller, or of process `pid`.
void take_priority(int priority, int pid = 0);

// A child that runs `part` for ever, until this object's end, with the caller's priority plus `above`. If it ends by itself, so does
// this program. One at a time.
class Peer {
 public:
  explicit Peer(const std::function<void()>& part, int above = 0);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer();

 private:
  int pid_;
};

inline constexpr int kPriority = 50;

// Entering the kernel; a word there and back between two processes of one priority; waking a more urgent one.
void process_rows(Sampler& sampler);
// io_uring: NOPs, and messages between the rings of two processes.
void ring_rows(Sampler& sampler);

}  // namespace linux_bench
