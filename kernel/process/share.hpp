// SPDX-License-Identifier: Apache-2.0
// What a process is given of the time that no context uses (sched/fair_queue.hpp).
#pragma once

#include <atomic>
#include <cstdint>

#include "capos/base/time.hpp"
#include "capos/sched/fair_queue.hpp"

namespace capos::kernel {

struct Share {
  std::uint16_t weight = 100;  // 1 to sched::kMaxWeight
  sched::LatencyClass latency = sched::LatencyClass::normal;

  // How long it runs at a time: by the boot's bestEffortSlice, which is the request of class normal.
  [[nodiscard]] Duration request() const noexcept;
};

// What is declared of a process, and what a ShareControl has put in its place. Any CPU: whoever changes one of the two does not
// look at the other.
class Shares {
 public:
  [[nodiscard]] Share declared() const noexcept { return declared_.load(std::memory_order_acquire); }
  [[nodiscard]] Share in_force() const noexcept {
    const Share put = put_.load(std::memory_order_acquire);
    return put.weight == 0 ? declared() : put;
  }
  void declare(Share share) noexcept { declared_.store(share, std::memory_order_release); }
  // `share` instead, or what is declared again.
  void put(Share share) noexcept { put_.store(share, std::memory_order_release); }
  void withdraw() noexcept { put_.store({.weight = 0}, std::memory_order_release); }

 private:
  std::atomic<Share> declared_{Share{}};
  std::atomic<Share> put_{Share{.weight = 0}};
};

}  // namespace capos::kernel
