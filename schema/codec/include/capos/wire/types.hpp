// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the wire codec: words, sizes, errors, limits, and the tags of list elements.
//
// Encoding: Cap'n Proto, one segment, little-endian (capnproto.org/encoding.html).
// Bounds: no function of the codec allocates memory, throws, or recurses deeper than Limits::depth.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace capos::wire {

static_assert(std::endian::native == std::endian::little, "the codec reads words as they lie in memory");

using Word = std::uint64_t;
inline constexpr unsigned kWordBits = 64;
inline constexpr unsigned kWordBytes = 8;

// A register message: at most this many words of data (architecture, decision 2).
inline constexpr unsigned kRegisterWords = 8;

struct StructSize {
  std::uint16_t data_words = 0;
  std::uint16_t pointers = 0;
  [[nodiscard]] constexpr std::uint32_t words() const noexcept {
    return std::uint32_t{data_words} + pointers;
  }
  constexpr bool operator==(const StructSize&) const noexcept = default;
};

// What went wrong first in a message. `none` is success.
enum class Error : std::uint8_t {
  none,
  out_of_bounds,   // a pointer leads outside the message, or a list overruns its words
  wrong_kind,      // a pointer of another kind than the schema says
  depth,           // nested more deeply than Limits::depth
  traversal,       // more words followed than Limits::traversal_words
  far_pointer,     // messages of several segments are refused
  not_terminated,  // a text without its NUL
  element_size,    // a list whose elements cannot be read as the schema says
  out_of_space,    // a builder has run out of words, or an object is larger than the format allows
  bad_frame,       // not one segment in stream framing, or cut short
};

[[nodiscard]] constexpr std::string_view name_of(Error error) noexcept {
  switch (error) {
    case Error::none:
      return "none";
    case Error::out_of_bounds:
      return "out of bounds";
    case Error::wrong_kind:
      return "wrong kind of pointer";
    case Error::depth:
      return "too deeply nested";
    case Error::traversal:
      return "traversal limit reached";
    case Error::far_pointer:
      return "far pointer";
    case Error::not_terminated:
      return "text not terminated";
    case Error::element_size:
      return "incompatible list element";
    case Error::out_of_space:
      return "out of space";
    case Error::bad_frame:
      return "bad frame";
  }
  return "unknown";
}

// What a reader of foreign bytes is willing to spend. The defaults are those of libcapnp. A deep copy or a
// recursive reader uses stack in proportion to `depth`: at most 360 bytes a level (measured with GCC 12).
struct Limits {
  std::uint64_t traversal_words = 8u * 1024 * 1024;
  std::uint32_t depth = 64;
};

enum class ElementSize : std::uint8_t {
  empty,
  bit,
  byte,
  two_bytes,
  four_bytes,
  eight_bytes,
  pointer,
  composite
};

[[nodiscard]] constexpr std::uint32_t data_bits(ElementSize size) noexcept {
  constexpr std::uint8_t kBits[8] = {0, 1, 8, 16, 32, 64, 0, 0};
  return kBits[static_cast<unsigned>(size)];
}
[[nodiscard]] constexpr std::uint16_t pointer_count(ElementSize size) noexcept {
  return size == ElementSize::pointer ? 1 : 0;
}

// Lists hold at most this many elements, and structs and lists of structs at most this many words.
inline constexpr std::uint32_t kMaxElements = (1u << 29) - 1;

// Tags that name an element type in List<T> and ListBuilder<T>.
struct Void {};
struct Text {};
struct Data {};
struct AnyPointer {};
struct Capability {};

// Floating point where there is an FPU; its bits, to be passed on, where there is none (the kernel).
#ifdef __SSE2__
using Float32 = float;
using Float64 = double;
#else
struct Float32 {
  std::uint32_t bits;
};
struct Float64 {
  std::uint64_t bits;
};
#endif

[[nodiscard]] constexpr Float32 float32_from_bits(std::uint32_t bits) noexcept {
  return std::bit_cast<Float32>(bits);
}
[[nodiscard]] constexpr Float64 float64_from_bits(std::uint64_t bits) noexcept {
  return std::bit_cast<Float64>(bits);
}
[[nodiscard]] constexpr std::uint32_t bits_of(Float32 value) noexcept {
  return std::bit_cast<std::uint32_t>(value);
}
[[nodiscard]] constexpr std::uint64_t bits_of(Float64 value) noexcept {
  return std::bit_cast<std::uint64_t>(value);
}

}  // namespace capos::wire
