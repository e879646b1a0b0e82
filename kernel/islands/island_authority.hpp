// SPDX-License-Identifier: Apache-2.0
// IslandAuthority and IslandReader: admission of certificates, and a look at what stands.
#pragma once

#include "objects/object.hpp"

namespace capos::kernel {

[[nodiscard]] Object& island_authority_service() noexcept;
[[nodiscard]] Object& island_reader_service() noexcept;

}  // namespace capos::kernel
