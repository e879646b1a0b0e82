// SPDX-License-Identifier: Apache-2.0
// What all readers of one message share: its bounds, what they may still spend, and the first error.
//
// Invariant: a target that locate() returns lies, with all its words, inside the message.
#pragma once

#include <capos/wire/memory.hpp>
#include <capos/wire/pointer.hpp>

namespace capos::wire {

struct ReadContext {
  const Word* begin = nullptr;
  std::uint64_t size = 0;  // words
  std::uint64_t traversal_left = 0;
  Error error = Error::none;  // the first
  std::uint16_t seen = 0;     // all, one bit each

  void report(Error what) noexcept {
    if (error == Error::none) error = what;
    seen = static_cast<std::uint16_t>(seen | (1u << static_cast<unsigned>(what)));
  }

  // Charges `words` of traversal. Lists without size are charged by element, so that none is endless.
  [[nodiscard]] bool spend(std::uint64_t words) noexcept {
    if (words > traversal_left) [[unlikely]] {
      report(Error::traversal);
      return false;
    }
    traversal_left -= words;
    return true;
  }

  // Where the pointer that lies at `where` leads, if `words` words are there; else nullptr.
  [[nodiscard]] const Word* locate(const Word* where, std::int32_t offset, std::uint64_t words) noexcept {
    const std::ptrdiff_t index = (where - begin) + 1 + offset;
    // As libcapnp: a target outside is taken for the end, where only objects without size can be.
    const std::uint64_t start =
        index < 0 || static_cast<std::uint64_t>(index) > size ? size : static_cast<std::uint64_t>(index);
    if (words > size - start) [[unlikely]] {
      report(Error::out_of_bounds);
      return nullptr;
    }
    return spend(words) ? begin + start : nullptr;
  }
};

// As locate() for a message, and without checks for the defaults compiled into the schema (no context).
[[nodiscard]] inline const Word* locate(ReadContext* context, const Word* where, std::int32_t offset,
                                        std::uint64_t words) noexcept {
  return context == nullptr ? where + 1 + offset : context->locate(where, offset, words);
}
inline void report(ReadContext* context, Error what) noexcept {
  if (context != nullptr) context->report(what);
}
[[nodiscard]] inline bool spend(ReadContext* context, std::uint64_t words) noexcept {
  return context == nullptr || context->spend(words);
}

}  // namespace capos::wire
