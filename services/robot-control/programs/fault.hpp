// SPDX-License-Identifier: Apache-2.0
// The fault a program was told to have, so that a demo can show what the system does about it.
#pragma once

#include <cstdint>

#include "capos/base/time.hpp"
#include "capos/schema/robot.hpp"

namespace capos::robot {

class FaultPlan {
 public:
  // `at`: after the first release.
  FaultPlan(schema::FaultKind kind, Duration at) noexcept : kind_(kind), at_(at) {}

  // Called at each release; does not return from the job in which the fault is due.
  void strike_if_due(Time release) noexcept {
    if (!started_) first_ = release;
    started_ = true;
    if (kind_ == schema::FaultKind::none || release - first_ < at_) return;
    if (kind_ == schema::FaultKind::crash) write_to_address_zero();
    compute_for_ever();
  }

 private:
  // The address is hidden from the compiler, which would put a trap in place of the write.
  static void write_to_address_zero() noexcept {
    volatile std::uintptr_t zero = 0;
    *reinterpret_cast<volatile std::uint32_t*>(zero) = 1;
  }
  static void compute_for_ever() noexcept {
    for (std::uint64_t round = 0;; ++round) asm volatile("" : : "r"(round));
  }

  schema::FaultKind kind_;
  Duration at_;
  bool started_ = false;
  Time first_{};
};

}  // namespace capos::robot
