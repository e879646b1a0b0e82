// SPDX-License-Identifier: Apache-2.0
// Deep copies from a reader into a message under construction, in preorder as libcapnp does.
//
// The source is checked as it is read, under its own message's limits: recursion is bounded by their depth.
// Whole structs are copied as the sender made them, so fields newer than this schema survive.
// Included by build.hpp.
#pragma once

#include <capos/wire/any_builder.hpp>

namespace capos::wire::detail {

inline void copy_pointer(BuildContext& context, Word* where, const AnyPointerReader& source) noexcept;

inline void copy_struct(BuildContext& context, Word* where, const AnyStructReader& source) noexcept {
  const std::uint32_t bytes = (source.data_bits() + 7) / 8;
  const StructSize size{static_cast<std::uint16_t>((bytes + kWordBytes - 1) / kWordBytes),
                        source.pointer_count()};
  Word* const at = place_struct(context, where, size);
  if (at == nullptr || size.words() == 0) return;
  copy_bytes(at, source.data(), bytes);
  for (std::uint16_t i = 0; i < size.pointers; ++i) {
    copy_pointer(context, at + size.data_words + i, source.pointer(i));
  }
}

inline void copy_composite(BuildContext& context, Word* where, const AnyListReader& source) noexcept {
  const StructSize size{static_cast<std::uint16_t>(source.data_bits() / kWordBits), source.pointer_count()};
  Word* const tag = place_composite(context, where, source.size(), size);
  if (tag == nullptr) return;
  Word* element = tag + 1;
  const std::byte* from = source.base();
  for (std::uint32_t i = 0; i < source.size() && size.words() != 0; ++i) {
    copy_bytes(element, from, std::uint64_t{size.data_words} * kWordBytes);
    for (std::uint16_t p = 0; p < size.pointers; ++p) {
      copy_pointer(context, element + size.data_words + p, source.pointer(i).advanced(p));
    }
    element += size.words();
    from += std::uint64_t{size.words()} * kWordBytes;
  }
}

inline void copy_list(BuildContext& context, Word* where, const AnyListReader& source) noexcept {
  if (source.kind() == ElementSize::composite) {
    copy_composite(context, where, source);
    return;
  }
  Word* const at = place_flat(context, where, source.kind(), source.size());
  if (at == nullptr) return;
  if (source.kind() == ElementSize::pointer) {
    for (std::uint32_t i = 0; i < source.size(); ++i) copy_pointer(context, at + i, source.pointer(i));
    return;
  }
  const std::uint64_t bits = std::uint64_t{source.size()} * source.step_bits();
  copy_bytes(at, source.base(), bits / 8);
  if (bits % 8 != 0) {  // the rest of the last byte is padding, which stays zero
    const auto last = load<std::uint8_t>(source.base() + bits / 8);
    auto* const bytes = static_cast<std::byte*>(static_cast<void*>(at));
    store<std::uint8_t>(bytes + bits / 8, static_cast<std::uint8_t>(last & ((1u << (bits % 8)) - 1)));
  }
}

// `where` holds a null pointer.
inline void copy_pointer(BuildContext& context, Word* where, const AnyPointerReader& source) noexcept {
  if (source.where() == nullptr) return;
  const Pointer pointer(load<Word>(source.where()));
  if (pointer.is_null()) return;
  switch (pointer.kind()) {
    case PointerKind::structure: {
      AnyStructReader found;
      if (follow_struct(source.context(), source.where(), pointer, source.depth(), found)) {
        copy_struct(context, where, found);
      }
      return;
    }
    case PointerKind::list: {
      AnyListReader found;
      if (follow_list(source.context(), source.where(), pointer, source.depth(), found)) {
        copy_list(context, where, found);
      }
      return;
    }
    case PointerKind::far:
      report(source.context(), Error::far_pointer);
      return;
    case PointerKind::other:
      if (pointer.is_capability()) {
        store<Word>(where, encode_capability(pointer.upper()));
      } else {
        report(source.context(), Error::wrong_kind);
      }
      return;
  }
}

}  // namespace capos::wire::detail
