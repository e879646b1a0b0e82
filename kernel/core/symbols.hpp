// SPDX-License-Identifier: Apache-2.0
// The kernel's own symbol table, for panics.
#pragma once

#include <cstdint>
#include <string_view>

namespace capos::kernel {

// The function that contains `address`, and how far into it; empty if it is not the kernel's.
[[nodiscard]] std::string_view symbol_for(std::uint64_t address, std::uint64_t& offset) noexcept;

}  // namespace capos::kernel
