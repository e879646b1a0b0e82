// SPDX-License-Identifier: Apache-2.0
// How far a call has come that is done in portions (Outcome::unfinished): the kernel is not preemptible, so what takes long
// does a bounded part, lets interrupts in, and is called again. What its parameters name is looked up anew each time, and
// may have changed: a method believes only what stands here.
#pragma once

#include <cstdint>

#include "objects/object.hpp"

namespace capos::kernel {

class Process;

struct CallProgress {
  bool begun = false;
  // The method has a copy of all it needs of its message: that is not copied again, and later portions find it empty.
  bool has_parameters = false;
  std::uint64_t done = 0;   // in units of the method
  std::uint64_t place = 0;  // where a mapping is being made; 0: none is
  Ref<Object> object;       // what is being made

  // The call is over, or will not be made again: what it was making goes. By a thread of `process`, or as it ends; a mapping
  // that is half made stays, as long as it is. O(regions).
  void drop(Process& process) noexcept;
};

}  // namespace capos::kernel
