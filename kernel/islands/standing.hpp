// SPDX-License-Identifier: Apache-2.0
// Which islands stand: admitted, and not gone; in the order in which they were admitted.
//
// CPU 0 only: whoever ends an island elsewhere sends mail. At most kMaxStanding. Bounds: each O(1), leave() O(CPUs * islands).
#pragma once

#include <cstdint>

namespace capos::kernel {

class Island;

struct StandingTag;
inline constexpr std::size_t kMaxStanding = 64;

[[nodiscard]] Island* first_standing() noexcept;
[[nodiscard]] Island* next_standing(const Island& island) noexcept;
[[nodiscard]] std::size_t standing_count() noexcept;
// Another number whenever one has come or gone.
[[nodiscard]] std::uint64_t standing_generation() noexcept;
// Serial numbers are never given twice; the first is 1.
[[nodiscard]] std::uint64_t stand(Island& island) noexcept;
// Gives back the CPUs that nobody else who stands leases.
void leave_standing(Island& island) noexcept;

}  // namespace capos::kernel
