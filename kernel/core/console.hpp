// SPDX-License-Identifier: Apache-2.0
// Text for people, on its way to the console: a port takes some thirty instructions a byte in the deterministic machine and
// 87 us at 115200 baud, so nobody writes more than a step of it at a time.
//
// What is written goes behind what was written before, whole, and out in that order: by whoever wrote it, in portions of his
// call, or by the reaper for what the kernel itself has to say. A panic and a power-off write out all there is first.
// Any CPU, under a lock that is held for a copy or for a step: not for admitted jobs.
#pragma once

#include <cstdint>
#include <string_view>

namespace capos::kernel {

inline constexpr std::size_t kConsoleRoom = 4096;  // bytes
inline constexpr std::size_t kConsoleStep = 64;    // bytes: about 2000 instructions

// A place in the stream of all that was ever written.
using ConsolePlace = std::uint64_t;

// True: `text` has been copied, all of it, and `end` is where it ends. False: there is no room for it now.
// Range: at most kConsoleRoom bytes.
[[nodiscard]] bool console_put(std::string_view text, ConsolePlace& end) noexcept;
// Writes a step to the port. True: all up to `end` is out.
[[nodiscard]] bool console_step(ConsolePlace end) noexcept;
// Writes all there is, at once. In a panic the lock may be anybody's: it is not taken.
void console_flush() noexcept;

}  // namespace capos::kernel
