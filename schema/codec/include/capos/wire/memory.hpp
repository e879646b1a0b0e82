// SPDX-License-Identifier: Apache-2.0
// Loads and stores of message memory.
//
// Invariant: a load happens exactly once, where it is written: a message may lie in memory that a hostile
// peer is writing to, so nothing that was checked may be fetched again (hence volatile).
#pragma once

#include <capos/wire/types.hpp>

namespace capos::wire {

template <typename T>
struct AliasOf {
  using Type [[gnu::may_alias]] = T;
};

// Address must be aligned for T.
template <typename T>
[[nodiscard]] inline T load(const void* address) noexcept {
  return *static_cast<const volatile typename AliasOf<T>::Type*>(address);
}

template <typename T>
inline void store(void* address, T value) noexcept {
  *static_cast<typename AliasOf<T>::Type*>(address) = value;
}

[[nodiscard]] inline bool load_bit(const std::byte* base, std::uint64_t bit) noexcept {
  return ((load<std::uint8_t>(base + bit / 8) >> (bit % 8)) & 1u) != 0;
}

inline void store_bit(std::byte* base, std::uint64_t bit, bool value) noexcept {
  const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
  const auto old = load<std::uint8_t>(base + bit / 8);
  store<std::uint8_t>(base + bit / 8, static_cast<std::uint8_t>(value ? old | mask : old & ~mask));
}

inline void copy_bytes(void* to, const void* from, std::uint64_t bytes) noexcept {
  if (bytes != 0) __builtin_memcpy(to, from, bytes);
}
// copy_bytes for what is usually short: texts and small data. Up to 16 bytes it makes no call.
inline void copy_short(void* to, const void* from, std::uint64_t bytes) noexcept {
  auto* const out = static_cast<char*>(to);
  const auto* const in = static_cast<const char*>(from);
  if (bytes > 16) {
    __builtin_memcpy(out, in, bytes);
  } else if (bytes >= 8) {  // two words that may overlap
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    __builtin_memcpy(&first, in, 8);
    __builtin_memcpy(&last, in + bytes - 8, 8);
    __builtin_memcpy(out, &first, 8);
    __builtin_memcpy(out + bytes - 8, &last, 8);
  } else if (bytes >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    __builtin_memcpy(&first, in, 4);
    __builtin_memcpy(&last, in + bytes - 4, 4);
    __builtin_memcpy(out, &first, 4);
    __builtin_memcpy(out + bytes - 4, &last, 4);
  } else {
    for (std::uint64_t i = 0; i < bytes; ++i) out[i] = in[i];
  }
}
inline void zero_words(Word* at, std::uint64_t words) noexcept {
  if (words != 0) __builtin_memset(at, 0, words * kWordBytes);
}

}  // namespace capos::wire
