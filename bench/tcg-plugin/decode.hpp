// SPDX-License-Identifier: Apache-2.0
// What an x86-64 instruction is, as far as the counters care; by its bytes.
//
// Sources: Intel SDM vol. 2 (encodings), vol. 3 chapter 9.3 (serialising instructions), 4.10.4 (invalidation).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace counters {

enum class Kind : std::uint8_t {
  plain,
  load_cr3,       // an address-space switch; serialising, and drops translations
  serialising,    // the processor drains before it goes on
  invalidation,   // INVLPG, INVPCID: serialising, drops translations
  interrupts_on,  // STI; HLT, which the kernel executes with interrupts on
  mark_row,
  mark_start,
  mark_stop,
  mark_islands_started,
  mark_first_job,
};

// Any bytes are accepted; what is cut short is plain. O(1).
[[nodiscard]] Kind classify(std::span<const std::uint8_t> code) noexcept;
// IRETQ or SYSRETQ, as the kernel returns with. Likewise.
[[nodiscard]] bool returns_to_user(std::span<const std::uint8_t> code) noexcept;

}  // namespace counters
