// SPDX-License-Identifier: Apache-2.0
// The services of threads: making them, and what one may do to itself. Each acts on whoever calls, so that one object
// serves all processes.
#pragma once

#include "objects/object.hpp"

namespace capos::kernel {

// "self.threads" of every process: ThreadFactory.
[[nodiscard]] Object& thread_factory_service() noexcept;
// "self.thread" of every process: ThreadControl.
[[nodiscard]] Object& thread_control_service() noexcept;

}  // namespace capos::kernel
