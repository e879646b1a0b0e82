// SPDX-License-Identifier: Apache-2.0
// The kernel's own services, each one object for the whole machine: what init holds at first.
#pragma once

#include "capos/hal/machine.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

// By KernelService of the manifest, and those that only init holds.
[[nodiscard]] Object& console_service() noexcept;
[[nodiscard]] Object& timer_service() noexcept;
[[nodiscard]] Object& trace_source_service() noexcept;
[[nodiscard]] Object& trace_rings_service() noexcept;
[[nodiscard]] Object& host_channel_service() noexcept;
[[nodiscard]] Object& system_control_service() noexcept;
[[nodiscard]] Object& frame_allocator_service() noexcept;
[[nodiscard]] Object& object_factory_service() noexcept;
[[nodiscard]] Object& boot_package_service() noexcept;

// At boot: what host_channel and boot_package hand out; size 0 if the machine has none.
void set_boot_memory(hal::MemoryRange host_channel, hal::MemoryRange boot_pack) noexcept;
// At boot: MachineFeature bits in use, for Timer.describe.
void set_machine_features(std::uint64_t features) noexcept;

}  // namespace capos::kernel
