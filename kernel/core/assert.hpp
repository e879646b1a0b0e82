// SPDX-License-Identifier: Apache-2.0
// A broken kernel invariant stops the machine with a panic that names it.
#pragma once

#include <string_view>

namespace capos::kernel {

[[noreturn]] void panic(std::string_view what) noexcept;

// Always checked: cheap, and cheaper than going on.
inline void require(bool holds, const char* what) noexcept {
  if (!holds) [[unlikely]] panic(what);
}

}  // namespace capos::kernel
