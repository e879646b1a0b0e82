// SPDX-License-Identifier: Apache-2.0
// Placing objects: allocation behind a pointer, and clearing what a pointer led to.
//
// Replaced objects are zeroed, not reused, as in libcapnp: the message shows no trace of them.
// Included by any_builder.hpp.
#pragma once

#include <capos/wire/any_builder.hpp>

namespace capos::wire::detail {

inline void zero_target(BuildContext& context, const Word* where, Pointer pointer,
                        std::uint32_t depth) noexcept;

inline void zero_pointers(BuildContext& context, const Word* pointers, std::uint32_t count,
                          std::uint32_t depth) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    const Pointer pointer(load<Word>(pointers + i));
    if (!pointer.is_null()) zero_target(context, pointers + i, pointer, depth);
  }
}

inline void zero_list(BuildContext& context, const AnyListReader& list, std::uint32_t depth) noexcept {
  auto* const base = static_cast<Word*>(const_cast<void*>(static_cast<const void*>(list.base())));
  const std::uint32_t step = list.step_bits() / kWordBits;
  const std::uint32_t data = list.data_bits() / kWordBits;
  if (list.pointer_count() > 0) {
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      zero_pointers(context, base + std::uint64_t{i} * step + data, list.pointer_count(), depth);
    }
  }
  const std::uint64_t words = list_words(list.size(), list.step_bits());
  const bool tagged = list.kind() == ElementSize::composite;
  zero_words(tagged ? base - 1 : base, tagged ? words + 1 : words);
}

// Zeroes the object and, recursively, all that it points to; not the pointer itself.
inline void zero_target(BuildContext& context, const Word* where, Pointer pointer,
                        std::uint32_t depth) noexcept {
  context.read.traversal_left = ~std::uint64_t{0};
  if (pointer.kind() == PointerKind::structure) {
    AnyStructReader found;
    if (!follow_struct(&context.read, where, pointer, depth, found)) return;
    auto* const at = static_cast<Word*>(const_cast<void*>(static_cast<const void*>(found.data())));
    const StructSize size = pointer.struct_size();
    zero_pointers(context, at + size.data_words, size.pointers, depth - 1);
    zero_words(at, size.words());
  } else if (pointer.kind() == PointerKind::list) {
    AnyListReader found;
    if (follow_list(&context.read, where, pointer, depth, found)) zero_list(context, found, depth - 1);
  }
}

inline void clear_pointer(BuildContext& context, Word* where) noexcept {
  const Pointer pointer(load<Word>(where));
  if (pointer.is_null()) [[likely]]
    return;
  zero_target(context, where, pointer, kBuilderDepth);
  store<Word>(where, 0);
}

// Allocates `words` and points `where` at them; the pointer stays null when there is no space.
[[nodiscard]] inline Word* place(BuildContext& context, Word* where, std::uint64_t words, PointerKind kind,
                                 std::uint32_t upper) noexcept {
  Word* const at = context.allocate(words);
  if (at == nullptr) return nullptr;
  store<Word>(where, encode(kind, at - where - 1, upper));
  return at;
}

[[nodiscard]] inline Word* place_struct(BuildContext& context, Word* where, StructSize size) noexcept {
  if (size.words() == 0) {
    store<Word>(where, kEmptyStruct);
    return where;
  }
  return place(context, where, size.words(), PointerKind::structure, upper_of(size));
}

[[nodiscard]] inline Word* place_flat(BuildContext& context, Word* where, ElementSize element,
                                      std::uint64_t count) noexcept {
  if (count > kMaxElements) {
    context.fail();
    return nullptr;
  }
  const std::uint64_t words = list_words(count, data_bits(element) + pointer_count(element) * kWordBits);
  return place(context, where, words, PointerKind::list,
               upper_of(element, static_cast<std::uint32_t>(count)));
}

// A byte list of `bytes` bytes for `content` and, for a text, its NUL.
inline void place_bytes(BuildContext& context, Word* where, const void* content, std::uint64_t size,
                        std::uint64_t bytes) noexcept {
  if (bytes > kMaxElements) {
    context.fail();
    return;
  }
  const std::uint64_t words = list_words(bytes, 8);
  Word* const at = context.reserve(words);
  if (at == nullptr) return;
  if (words != 0) at[words - 1] = 0;  // the NUL and the padding
  copy_short(at, content, size);
  store<Word>(where, encode(PointerKind::list, at - where - 1,
                            upper_of(ElementSize::byte, static_cast<std::uint32_t>(bytes))));
}

// Returns the tag's place; the elements follow it.
[[nodiscard]] inline Word* place_composite(BuildContext& context, Word* where, std::uint64_t count,
                                           StructSize size) noexcept {
  const std::uint64_t words = count * size.words();
  if (count > kMaxElements || words > kMaxElements) {
    context.fail();
    return nullptr;
  }
  Word* const tag = place(context, where, words + 1, PointerKind::list,
                          upper_of(ElementSize::composite, static_cast<std::uint32_t>(words)));
  if (tag != nullptr) store<Word>(tag, encode_tag(static_cast<std::uint32_t>(count), size));
  return tag;
}

}  // namespace capos::wire::detail

#include <capos/wire/copy.hpp>
#include <capos/wire/enlarge.hpp>
#include <capos/wire/set.hpp>
