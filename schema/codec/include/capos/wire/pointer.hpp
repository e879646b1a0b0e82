// SPDX-License-Identifier: Apache-2.0
// The 64-bit pointer word: taken apart and put together. Pure functions of one word.
#pragma once

#include <capos/wire/types.hpp>

namespace capos::wire {

enum class PointerKind : std::uint8_t { structure, list, far, other };

// One pointer word, as it was loaded.
class Pointer {
 public:
  explicit constexpr Pointer(Word word) noexcept : word_(word) {}

  [[nodiscard]] constexpr bool is_null() const noexcept { return word_ == 0; }
  [[nodiscard]] constexpr PointerKind kind() const noexcept { return static_cast<PointerKind>(word_ & 3u); }
  // Words from the end of the pointer to its target.
  [[nodiscard]] constexpr std::int32_t offset() const noexcept {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(word_)) >> 2;
  }
  [[nodiscard]] constexpr std::uint32_t upper() const noexcept {
    return static_cast<std::uint32_t>(word_ >> 32);
  }

  [[nodiscard]] constexpr StructSize struct_size() const noexcept {
    return {static_cast<std::uint16_t>(word_ >> 32), static_cast<std::uint16_t>(word_ >> 48)};
  }
  [[nodiscard]] constexpr ElementSize element_size() const noexcept {
    return static_cast<ElementSize>(upper() & 7u);
  }
  // Elements of a list; words of a composite list without its tag.
  [[nodiscard]] constexpr std::uint32_t element_count() const noexcept { return upper() >> 3; }
  // A composite list's tag holds its element count where a pointer has its offset, unsigned; as in libcapnp,
  // the topmost bit does not count.
  [[nodiscard]] constexpr std::uint32_t tag_count() const noexcept {
    return (static_cast<std::uint32_t>(word_) >> 2) & kMaxElements;
  }
  [[nodiscard]] constexpr bool is_capability() const noexcept {
    return static_cast<std::uint32_t>(word_) == 3u;
  }

 private:
  Word word_;
};

[[nodiscard]] constexpr Word encode(PointerKind kind, std::int64_t offset, std::uint32_t upper) noexcept {
  const auto low = (static_cast<std::uint32_t>(offset) << 2) | static_cast<std::uint32_t>(kind);
  return (Word{upper} << 32) | low;
}
[[nodiscard]] constexpr std::uint32_t upper_of(StructSize size) noexcept {
  return (std::uint32_t{size.pointers} << 16) | size.data_words;
}
[[nodiscard]] constexpr std::uint32_t upper_of(ElementSize size, std::uint32_t count) noexcept {
  return (count << 3) | static_cast<std::uint32_t>(size);
}
// A struct of size zero has no place; it points at itself so as not to be null.
inline constexpr Word kEmptyStruct = encode(PointerKind::structure, -1, 0);

[[nodiscard]] constexpr Word encode_tag(std::uint32_t count, StructSize size) noexcept {
  return (Word{upper_of(size)} << 32) | (count << 2);
}
[[nodiscard]] constexpr Word encode_capability(std::uint32_t index) noexcept {
  return (Word{index} << 32) | 3u;
}

// Words that `count` elements of `bits` each take. No overflow: count < 2^29, bits < 2^23.
[[nodiscard]] constexpr std::uint64_t list_words(std::uint64_t count, std::uint64_t bits) noexcept {
  return (count * bits + (kWordBits - 1)) / kWordBits;
}

}  // namespace capos::wire
