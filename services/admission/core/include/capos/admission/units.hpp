// SPDX-License-Identifier: Apache-2.0
// Quantities of units.capnp as integers: nanoseconds, exact periods, bytes. Overflow is an error, not a wrap.
#pragma once

#include <cstdint>

#include "capos/base/result.hpp"
#include "capos/base/time.hpp"
#include "capos/schema/units.hpp"

namespace capos::admission {

enum class UnitError : std::uint8_t {
  unset = 1,
  zero,      // a period of nothing, or at a rate of nothing
  overflow,  // beyond 2^63 - 1 ns or bytes, or a period whose fraction does not fit 32 bits
};

// Nanoseconds, 0 to 2^63 - 1. Errors: unset, overflow.
[[nodiscard]] ResultOf<std::uint64_t, UnitError> time_ns(schema::Time::Reader time) noexcept;
// The same, with `otherwise` for a time that is not set. Errors: overflow.
[[nodiscard]] ResultOf<std::uint64_t, UnitError> time_ns_or(schema::Time::Reader time,
                                                            std::uint64_t otherwise) noexcept;
// An exact fraction of a second in lowest terms. Errors: unset, zero, overflow.
[[nodiscard]] ResultOf<Period, UnitError> period_of(schema::Period::Reader period) noexcept;
// Bytes, 0 to 2^63 - 1. Errors: unset, overflow.
[[nodiscard]] ResultOf<std::uint64_t, UnitError> size_bytes(schema::Size::Reader size) noexcept;

}  // namespace capos::admission
