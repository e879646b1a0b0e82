// SPDX-License-Identifier: Apache-2.0
// Following a pointer: the checks that stand between a word from outside and a reader.
//
// Each function loads the pointer word (and a list's tag) once, checks kind, depth, bounds and traversal, and
// reports the first failure to the message. The order of checks is libcapnp's, so that both refuse alike.
// Included by any_reader.hpp. Cost: O(1).
#pragma once

#include <capos/wire/any_reader.hpp>

namespace capos::wire {

namespace detail {

// False, with the error reported, unless the pointer is of the kind wanted and depth remains.
[[nodiscard]] inline bool admissible(ReadContext* context, Pointer pointer, PointerKind wanted,
                                     std::uint32_t depth) noexcept {
  if (depth == 0) [[unlikely]] {
    report(context, Error::depth);
    return false;
  }
  if (pointer.kind() != wanted) [[unlikely]] {
    report(context, pointer.kind() == PointerKind::far ? Error::far_pointer : Error::wrong_kind);
    return false;
  }
  return true;
}

[[nodiscard]] inline bool follow_struct(ReadContext* context, const Word* where, Pointer pointer,
                                        std::uint32_t depth, AnyStructReader& out) noexcept {
  if (!admissible(context, pointer, PointerKind::structure, depth)) return false;
  const StructSize size = pointer.struct_size();
  const Word* const at = locate(context, where, pointer.offset(), size.words());
  if (at == nullptr) return false;
  out = {context, at, at + size.data_words, size.data_words * kWordBits, size.pointers, depth - 1};
  return true;
}

// A list of structs: a tag with the count and the element's size stands before the elements.
[[nodiscard]] inline bool follow_composite(ReadContext* context, const Word* where, Pointer pointer,
                                           std::uint32_t depth, AnyListReader& out) noexcept {
  const std::uint64_t words = pointer.element_count();
  const Word* const at = locate(context, where, pointer.offset(), words + 1);
  if (at == nullptr) return false;
  const Pointer tag(load<Word>(at));
  if (tag.kind() != PointerKind::structure) {
    report(context, Error::wrong_kind);
    return false;
  }
  const StructSize size = tag.struct_size();
  const std::uint32_t count = tag.tag_count();
  if (std::uint64_t{count} * size.words() > words) {
    report(context, Error::out_of_bounds);
    return false;
  }
  if (size.words() == 0 && !spend(context, count)) return false;
  out = {context,       at + 1,   ElementSize::composite, count, size.data_words * kWordBits,
         size.pointers, depth - 1};
  return true;
}

[[nodiscard]] inline bool follow_flat(ReadContext* context, const Word* where, Pointer pointer,
                                      std::uint32_t depth, AnyListReader& out) noexcept {
  const ElementSize kind = pointer.element_size();
  const std::uint32_t count = pointer.element_count();
  const std::uint32_t bits = data_bits(kind);
  const std::uint16_t pointers = pointer_count(kind);
  const Word* const at =
      locate(context, where, pointer.offset(), list_words(count, bits + pointers * kWordBits));
  if (at == nullptr) return false;
  if (kind == ElementSize::empty && !spend(context, count)) return false;
  out = {context, at, kind, count, bits, pointers, depth - 1};
  return true;
}

[[nodiscard]] inline bool follow_list(ReadContext* context, const Word* where, Pointer pointer,
                                      std::uint32_t depth, AnyListReader& out) noexcept {
  if (!admissible(context, pointer, PointerKind::list, depth)) return false;
  return pointer.element_size() == ElementSize::composite
             ? follow_composite(context, where, pointer, depth, out)
             : follow_flat(context, where, pointer, depth, out);
}

// Whether elements as found can be read as elements as expected (the evolution rules: any list but one of
// bits may have become a list of structs, and back).
[[nodiscard]] inline bool compatible(const AnyListReader& found, ElementSize expected) noexcept {
  if (found.kind() != ElementSize::composite) {
    if (found.kind() == ElementSize::bit && expected != ElementSize::bit) return false;
    return data_bits(expected) <= found.data_bits() && pointer_count(expected) <= found.pointer_count();
  }
  switch (expected) {
    case ElementSize::empty:
    case ElementSize::composite:
      return true;
    case ElementSize::bit:
      return false;
    case ElementSize::pointer:
      return found.pointer_count() > 0;
    default:
      return found.data_bits() > 0;
  }
}

// The bytes of a byte list (Text, Data), or nullptr.
[[nodiscard]] inline const char* follow_bytes(ReadContext* context, const Word* where, Pointer pointer,
                                              std::uint32_t& bytes) noexcept {
  if (pointer.kind() != PointerKind::list) {
    report(context, pointer.kind() == PointerKind::far ? Error::far_pointer : Error::wrong_kind);
    return nullptr;
  }
  if (pointer.element_size() != ElementSize::byte) {
    report(context, Error::element_size);
    return nullptr;
  }
  bytes = pointer.element_count();
  const Word* const at = locate(context, where, pointer.offset(), list_words(bytes, 8));
  return static_cast<const char*>(static_cast<const void*>(at));
}

}  // namespace detail

inline AnyStructReader AnyPointerReader::get_struct(const Word* fallback) const noexcept {
  AnyStructReader out;
  const Pointer pointer(where_ == nullptr ? 0 : load<Word>(where_));
  if (!pointer.is_null() && detail::follow_struct(context_, where_, pointer, depth_, out)) return out;
  if (fallback != nullptr) {
    // A default is trusted, but is charged a level, as libcapnp does.
    const std::uint32_t depth = where_ == nullptr ? Limits{}.depth : depth_;
    (void)detail::follow_struct(nullptr, fallback, Pointer(*fallback), depth, out);
  }
  return out;
}

inline AnyListReader AnyPointerReader::get_list(ElementSize expected, const Word* fallback) const noexcept {
  AnyListReader out;
  const Pointer pointer(where_ == nullptr ? 0 : load<Word>(where_));
  if (!pointer.is_null() && detail::follow_list(context_, where_, pointer, depth_, out)) {
    if (detail::compatible(out, expected)) return out;
    report(context_, Error::element_size);
    out = {};
  }
  if (fallback != nullptr) {
    const std::uint32_t depth = where_ == nullptr ? Limits{}.depth : depth_;
    (void)detail::follow_list(nullptr, fallback, Pointer(*fallback), depth, out);
  }
  return out;
}

inline AnyListReader AnyPointerReader::get_any_list() const noexcept {
  AnyListReader out;
  const Pointer pointer(where_ == nullptr ? 0 : load<Word>(where_));
  if (pointer.is_null() || !detail::follow_list(context_, where_, pointer, depth_, out)) return {};
  return out;
}

inline std::string_view AnyPointerReader::get_text(std::string_view fallback) const noexcept {
  const Pointer pointer(where_ == nullptr ? 0 : load<Word>(where_));
  if (pointer.is_null()) return fallback;
  std::uint32_t bytes = 0;
  const char* const text = detail::follow_bytes(context_, where_, pointer, bytes);
  if (text == nullptr) return fallback;
  if (bytes == 0 || load<char>(text + bytes - 1) != '\0') {
    report(context_, Error::not_terminated);
    return fallback;
  }
  return {text, bytes - 1};
}

inline std::span<const std::byte> AnyPointerReader::get_data(
    std::span<const std::byte> fallback) const noexcept {
  const Pointer pointer(where_ == nullptr ? 0 : load<Word>(where_));
  if (pointer.is_null()) return fallback;
  std::uint32_t bytes = 0;
  const char* const data = detail::follow_bytes(context_, where_, pointer, bytes);
  if (data == nullptr) return fallback;
  return {static_cast<const std::byte*>(static_cast<const void*>(data)), bytes};
}

inline std::optional<std::uint32_t> AnyPointerReader::get_capability() const noexcept {
  const Pointer pointer(where_ == nullptr ? 0 : load<Word>(where_));
  if (pointer.is_null()) return std::nullopt;
  if (!pointer.is_capability()) {
    report(context_, pointer.kind() == PointerKind::far ? Error::far_pointer : Error::wrong_kind);
    return std::nullopt;
  }
  return pointer.upper();
}

}  // namespace capos::wire
