// SPDX-License-Identifier: Apache-2.0
// The boot pack in init's address space.
#pragma once

#include "capos/runtime/runtime.hpp"
#include "capos/schema/bootpack.hpp"

namespace capos::init {

// The message's words; the program ends if there is no readable pack.
[[nodiscard]] std::span<const wire::Word> map_boot_pack(const runtime::Runtime& runtime) noexcept;

inline constexpr wire::Limits kPackLimits{.traversal_words = 1u << 28, .depth = 64};

// Bytes of a Units.Size, 0 if unset.
[[nodiscard]] std::uint64_t bytes_of(schema::Size::Reader size) noexcept;

}  // namespace capos::init
