// SPDX-License-Identifier: Apache-2.0
// Memory objects in the program's address space.
#pragma once

#include <cstddef>
#include <span>

#include "capos/runtime/runtime.hpp"

namespace capos::runtime {

enum class Access : std::uint32_t { read = 1, read_write = 3 };

// Maps the whole object where there is room; it stays mapped for ever. Errors: those of VirtualMemory.mapObject.
// One message call; not for realtime work.
[[nodiscard]] Result<std::span<std::byte>> map_object(const Runtime& runtime, Capability<schema::MemoryObject> object,
                                                      Access access) noexcept;
// The buffer granted as `name`, mapped; the program ends if that fails.
[[nodiscard]] std::span<std::byte> need_buffer(const Runtime& runtime, std::string_view name, Access access) noexcept;
// Fresh zeroed memory. size: a multiple of 4096.
[[nodiscard]] Result<std::span<std::byte>> allocate(const Runtime& runtime, std::size_t size) noexcept;

// The service's configuration: a ServiceConfig message, in memory granted as "config" that nobody writes any more.
// Empty if there is none.
[[nodiscard]] std::span<const wire::Word> read_config(const Runtime& runtime) noexcept;

}  // namespace capos::runtime
