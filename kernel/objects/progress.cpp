// SPDX-License-Identifier: Apache-2.0
#include "objects/progress.hpp"

#include "process/process.hpp"

namespace capos::kernel {

void CallProgress::drop(Process& process) noexcept {
  if (place != 0) process.memory().settle(place);
  begun = has_parameters = false;
  done = place = 0;
  object = {};
}

}  // namespace capos::kernel
