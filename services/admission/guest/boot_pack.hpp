// SPDX-License-Identifier: Apache-2.0
// The boot pack in the service's address space.
#pragma once

#include <span>

#include "capos/runtime/runtime.hpp"
#include "capos/wire/types.hpp"

namespace capos::admission {

// The BootPack message's words, from the BootPackage granted as "boot"; empty if there is none that can be
// read. The memory is read-only to this program and nobody writes it.
[[nodiscard]] std::span<const wire::Word> map_boot_pack(const runtime::Runtime& runtime) noexcept;

}  // namespace capos::admission
