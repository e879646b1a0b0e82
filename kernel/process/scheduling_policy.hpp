// SPDX-License-Identifier: Apache-2.0
// SchedulingPolicy: the one way to change what share of best effort a process has.
#pragma once

#include "objects/object.hpp"

namespace capos::kernel {

[[nodiscard]] Object& scheduling_policy_service() noexcept;

}  // namespace capos::kernel
