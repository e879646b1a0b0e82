// SPDX-License-Identifier: Apache-2.0
// Overheads that were measured belong to the kernel that they were measured on: its stamp stands beside them in the
// machine's file, and another kernel is not admitted against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "../support/paths.hpp"
#include "capos/schema/bootpack.hpp"

namespace capos::cli {

// A number for a kernel's code: FNV-1a (64 bits) over the executable segments of an ELF64 image, so that where and with
// which debugging information it was built makes no difference. Never 0. Nothing if the image is no such ELF.
[[nodiscard]] std::optional<std::uint64_t> stamp_of(std::span<const std::byte> image);

// Overheads without a stamp (version 0) are stated, and always taken. Those with one must be of this build's kernel.
// Errors: they are of another, or there is no kernel to compare with. `name` is the machine's.
[[nodiscard]] Outcome<void> check_stamp(const Paths& paths, schema::MachineParams::Reader machine, const std::string& name);

}  // namespace capos::cli
