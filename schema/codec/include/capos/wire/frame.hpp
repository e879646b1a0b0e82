// SPDX-License-Identifier: Apache-2.0
// The stream framing of a message of one segment: one header word before it.
#pragma once

#include <capos/base/result.hpp>
#include <capos/wire/memory.hpp>
#include <span>

namespace capos::wire {

// The word that goes before a message of `words` words: segment count - 1, and the segment's size.
[[nodiscard]] constexpr Word frame_header(std::uint32_t words) noexcept { return Word{words} << 32; }

// The message inside a framed one; words that follow it are ignored. Error: bad_frame.
[[nodiscard]] inline ResultOf<std::span<const Word>, Error> read_frame(
    std::span<const Word> framed) noexcept {
  if (framed.empty()) return fail(Error::bad_frame);
  const Word header = load<Word>(framed.data());
  const std::uint64_t words = header >> 32;
  if (static_cast<std::uint32_t>(header) != 0 || words > framed.size() - 1) return fail(Error::bad_frame);
  return framed.subspan(1, words);
}

// Writes header and message into `out` and returns what was written. Error: out_of_space.
[[nodiscard]] inline ResultOf<std::span<const Word>, Error> write_frame(std::span<const Word> message,
                                                                        std::span<Word> out) noexcept {
  if (message.size() >= out.size() || message.size() > 0xffff'ffffu) return fail(Error::out_of_space);
  out[0] = frame_header(static_cast<std::uint32_t>(message.size()));
  copy_bytes(out.data() + 1, message.data(), message.size() * kWordBytes);
  return out.first(message.size() + 1);
}

}  // namespace capos::wire
