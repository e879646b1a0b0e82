// SPDX-License-Identifier: Apache-2.0
// From the compiler's announcements (accesses.cpp) to whoever steps through a kernel entry (steps.cpp).
#pragma once

#include "capos/host/steps.hpp"

namespace capos::host {

// About to be made. Comes back when it is to be made.
void before_access(const Access& access) noexcept;

}  // namespace capos::host
