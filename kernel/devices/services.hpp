// SPDX-License-Identifier: Apache-2.0
// The device side's services, each one object for the whole machine.
#pragma once

#include "objects/object.hpp"

namespace capos::kernel {

[[nodiscard]] Object& device_manager_service() noexcept;  // init's alone
[[nodiscard]] Object& entropy_service() noexcept;
[[nodiscard]] Object& system_info_service() noexcept;
[[nodiscard]] Object& shared_buffers_service() noexcept;

// At boot: RAM in bytes, what the clock counts, MachineFeature bits; for SystemInfo.describe.
void set_system_info(std::uint64_t ram_bytes, std::uint64_t tsc_hz, std::uint64_t features) noexcept;

}  // namespace capos::kernel
