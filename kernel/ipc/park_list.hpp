// SPDX-License-Identifier: Apache-2.0
// Threads parked on one memory object, under its lock.
#pragma once

#include <cstdint>

#include "capos/base/list.hpp"
#include "core/spin_lock.hpp"

namespace capos::kernel {

class Thread;
struct ParkTag;

inline constexpr std::uint32_t kMaxSharedParked = 128;

struct ParkList {
  List<Thread, ParkTag> threads;  // one reference each
  std::uint32_t size = 0;
};

}  // namespace capos::kernel
