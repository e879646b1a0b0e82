// SPDX-License-Identifier: Apache-2.0
// What a certificate by hand has to say of the machine: its overheads, as the boot pack states them.
#pragma once

#include <cstdint>
#include <optional>

#include "capos/runtime/runtime.hpp"
#include "capos/schema/certificate.hpp"

namespace ipc_bench {

struct Overheads {
  std::uint64_t release = 0, context_switch = 0, blocking = 0, jitter = 0;
  void write(capos::schema::Overheads::Builder out) const noexcept;
};

// Nothing without a boot pack that is well-formed. Makes calls: not while a message is being built.
[[nodiscard]] std::optional<Overheads> read_overheads(capos::runtime::Runtime& runtime) noexcept;

}  // namespace ipc_bench
