// SPDX-License-Identifier: Apache-2.0
// Opening objects for editing that an older peer may have made too small: they move to larger ones.
//
// The algorithm, and so the resulting bytes, are those of libcapnp (getWritableStructPointer and
// getWritableStructListPointer in its layout.c++). Included by build.hpp.
#pragma once

#include <capos/wire/any_builder.hpp>

namespace capos::wire::detail {

[[nodiscard]] inline Word* writable(const std::byte* at) noexcept {
  return static_cast<Word*>(const_cast<void*>(static_cast<const void*>(at)));
}

// Moves a pointer: what `from` led to, `to` leads to afterwards. The target is inside the message or it is
// dropped.
inline void move_pointer(BuildContext& context, Word* to, const Word* from) noexcept {
  const Pointer pointer(load<Word>(from));
  if (pointer.is_null()) return;
  if (pointer.kind() == PointerKind::other) {
    store<Word>(to, encode_capability(pointer.upper()));
    return;
  }
  if (pointer.kind() == PointerKind::structure && pointer.struct_size().words() == 0) {
    store<Word>(to, kEmptyStruct);
    return;
  }
  const std::ptrdiff_t target = (from - context.begin) + 1 + pointer.offset();
  if (target < 0 || static_cast<std::uint64_t>(target) > context.read.size) {
    context.read.report(Error::out_of_bounds);
    return;
  }
  store<Word>(to, encode(pointer.kind(), target - (to - context.begin) - 1, pointer.upper()));
}

[[nodiscard]] constexpr StructSize larger(StructSize a, StructSize b) noexcept {
  return {a.data_words > b.data_words ? a.data_words : b.data_words,
          a.pointers > b.pointers ? a.pointers : b.pointers};
}

[[nodiscard]] inline AnyStructBuilder enlarge_struct(BuildContext& context, Word* where, Word* old,
                                                     StructSize old_size, StructSize size) noexcept {
  const StructSize now = larger(old_size, size);
  if (now == old_size) return {&context, old, now};
  Word* const at = place_struct(context, where, now);
  if (at == nullptr) return {};
  copy_bytes(at, old, std::uint64_t{old_size.data_words} * kWordBytes);
  for (std::uint16_t i = 0; i < old_size.pointers; ++i) {
    move_pointer(context, at + now.data_words + i, old + old_size.data_words + i);
  }
  zero_words(old, old_size.words());
  return {&context, at, now};
}

[[nodiscard]] inline AnyListBuilder enlarge_composite(BuildContext& context, Word* where,
                                                      const AnyListReader& list, StructSize size) noexcept {
  const StructSize old_size{static_cast<std::uint16_t>(list.data_bits() / kWordBits), list.pointer_count()};
  const StructSize now = larger(old_size, size);
  Word* const old = writable(list.base());
  if (now == old_size) {
    return {&context, old, ElementSize::composite, list.size(), now.data_words * kWordBits, now.pointers};
  }
  Word* const tag = place_composite(context, where, list.size(), now);
  if (tag == nullptr) return {};
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    Word* const to = tag + 1 + std::uint64_t{i} * now.words();
    const Word* const from = old + std::uint64_t{i} * old_size.words();
    copy_bytes(to, from, std::uint64_t{old_size.data_words} * kWordBytes);
    for (std::uint16_t p = 0; p < old_size.pointers; ++p) {
      move_pointer(context, to + now.data_words + p, from + old_size.data_words + p);
    }
  }
  zero_words(old - 1, std::uint64_t{list.size()} * old_size.words() + 1);
  return {&context, tag + 1, ElementSize::composite, list.size(), now.data_words * kWordBits, now.pointers};
}

// A list of scalars or pointers becomes a list of structs whose first field they are.
[[nodiscard]] inline AnyListBuilder upgrade_flat(BuildContext& context, Word* where,
                                                 const AnyListReader& list, StructSize size) noexcept {
  const bool pointers = list.kind() == ElementSize::pointer;
  const bool empty = list.kind() == ElementSize::empty;
  const StructSize least{static_cast<std::uint16_t>(pointers || empty ? 0 : 1),
                         static_cast<std::uint16_t>(pointers ? 1 : 0)};
  const StructSize now = larger(size, least);
  Word* const old = writable(list.base());
  Word* const tag = place_composite(context, where, list.size(), now);
  if (tag == nullptr) return {};
  for (std::uint32_t i = 0; i < list.size() && !empty; ++i) {
    Word* const to = tag + 1 + std::uint64_t{i} * now.words();
    if (pointers) {
      move_pointer(context, to + now.data_words, old + i);
    } else {
      copy_bytes(to, list.base() + std::uint64_t{i} * list.step_bits() / 8, list.step_bits() / 8);
    }
  }
  zero_words(old, list_words(list.size(), list.step_bits()));
  return {&context, tag + 1, ElementSize::composite, list.size(), now.data_words * kWordBits, now.pointers};
}

// Makes a null pointer lead to a copy of the default, if there is one. False if it is still null.
inline bool materialise(BuildContext& context, Word* where, const Word* fallback) noexcept {
  if (load<Word>(where) != 0) return true;
  if (fallback == nullptr) return false;
  copy_pointer(context, where, AnyPointerReader(nullptr, fallback, kBuilderDepth));
  return load<Word>(where) != 0;
}

}  // namespace capos::wire::detail
