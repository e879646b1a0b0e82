// SPDX-License-Identifier: Apache-2.0
// Which interfaces inherit from which: what the kernel knows of all schemas, as one question.
#pragma once

#include <cstdint>

namespace capos::kernel {

// Is `ancestor` an ancestor of `derived`? False for equal ids, and for interfaces whose schema the kernel lacks.
// Bound: one comparison for each interface that inherits. Off the fast path: equality is asked first.
[[nodiscard]] bool inherits(std::uint64_t derived, std::uint64_t ancestor) noexcept;

}  // namespace capos::kernel
