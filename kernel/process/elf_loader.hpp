// SPDX-License-Identifier: Apache-2.0
// Static ELF64 programs for x86-64 into a process (System V ABI, chapter 4 and 5; TIS ELF 1.2).
//
// The image is untrusted: every offset, size and address is checked before it is used, with sums that cannot overflow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capos/base/result.hpp"
#include "capos/schema/kernel.hpp"

namespace capos::kernel {

class Process;

inline constexpr unsigned kMaxSegments = 16;

// Maps every PT_LOAD segment; returns the entry address. Errors: bad_elf (malformed, wrong machine, dynamic, writable and
// executable, overlapping, outside [abi::kProgramBase, abi::kDynamicBase), entry not in an executable segment),
// quota_exceeded, out_of_memory. On error the process is as good as new only for being ended.
[[nodiscard]] ResultOf<std::uint64_t, schema::KernelError> load_elf(Process& process,
                                                                    std::span<const std::byte> image) noexcept;

}  // namespace capos::kernel
