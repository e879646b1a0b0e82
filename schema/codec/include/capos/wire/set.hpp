// SPDX-License-Identifier: Apache-2.0
// The members of AnyPointerBuilder. Included by build.hpp.
#pragma once

#include <capos/wire/any_builder.hpp>

namespace capos::wire {

inline void AnyPointerBuilder::clear() const noexcept {
  if (where_ != nullptr) detail::clear_pointer(*context_, where_);
}

inline AnyStructBuilder AnyPointerBuilder::init_struct(StructSize size) const noexcept {
  if (where_ == nullptr) return {};
  detail::clear_pointer(*context_, where_);
  Word* const at = detail::place_struct(*context_, where_, size);
  return at == nullptr ? AnyStructBuilder{} : AnyStructBuilder{context_, at, size};
}

inline AnyListBuilder AnyPointerBuilder::init_list(ElementSize element, std::uint32_t count) const noexcept {
  if (where_ == nullptr) return {};
  detail::clear_pointer(*context_, where_);
  Word* const at = detail::place_flat(*context_, where_, element, count);
  if (at == nullptr) return {};
  return {context_, at, element, count, data_bits(element), pointer_count(element)};
}

inline AnyListBuilder AnyPointerBuilder::init_struct_list(std::uint32_t count,
                                                          StructSize size) const noexcept {
  if (where_ == nullptr) return {};
  detail::clear_pointer(*context_, where_);
  Word* const tag = detail::place_composite(*context_, where_, count, size);
  if (tag == nullptr) return {};
  return {context_, tag + 1, ElementSize::composite, count, size.data_words * kWordBits, size.pointers};
}

inline std::span<char> AnyPointerBuilder::init_text(std::size_t bytes) const noexcept {
  if (where_ == nullptr) return {};
  detail::clear_pointer(*context_, where_);
  Word* const at = bytes >= kMaxElements
                       ? detail::place_flat(*context_, where_, ElementSize::byte, bytes)
                       : detail::place_flat(*context_, where_, ElementSize::byte, bytes + 1);
  if (at == nullptr) return {};
  return {static_cast<char*>(static_cast<void*>(at)), bytes};
}

inline std::span<std::byte> AnyPointerBuilder::init_data(std::size_t bytes) const noexcept {
  if (where_ == nullptr) return {};
  detail::clear_pointer(*context_, where_);
  Word* const at = detail::place_flat(*context_, where_, ElementSize::byte, bytes);
  if (at == nullptr) return {};
  return {static_cast<std::byte*>(static_cast<void*>(at)), bytes};
}

inline AnyStructBuilder AnyPointerBuilder::get_struct(StructSize size, const Word* fallback) const noexcept {
  if (where_ == nullptr) return {};
  if (!detail::materialise(*context_, where_, fallback)) return init_struct(size);
  const Pointer pointer(load<Word>(where_));
  context_->read.traversal_left = ~std::uint64_t{0};
  AnyStructReader found;
  if (!detail::follow_struct(&context_->read, where_, pointer, kBuilderDepth, found))
    return init_struct(size);
  return detail::enlarge_struct(*context_, where_, detail::writable(found.data()), pointer.struct_size(),
                                size);
}

inline AnyListBuilder AnyPointerBuilder::get_list(ElementSize element, const Word* fallback) const noexcept {
  if (where_ == nullptr || !detail::materialise(*context_, where_, fallback)) return {};
  context_->read.traversal_left = ~std::uint64_t{0};
  const AnyListReader found = as_reader().get_list(element);
  if (found.base() == nullptr) return {};
  return {context_,          detail::writable(found.base()), found.kind(), found.size(),
          found.data_bits(), found.pointer_count()};
}

inline AnyListBuilder AnyPointerBuilder::get_struct_list(StructSize size,
                                                         const Word* fallback) const noexcept {
  if (where_ == nullptr || !detail::materialise(*context_, where_, fallback)) return {};
  context_->read.traversal_left = ~std::uint64_t{0};
  const AnyListReader found = as_reader().get_list(ElementSize::composite);
  if (found.base() == nullptr) return {};
  if (found.kind() == ElementSize::composite)
    return detail::enlarge_composite(*context_, where_, found, size);
  return detail::upgrade_flat(*context_, where_, found, size);
}

inline void AnyPointerBuilder::set(const AnyPointerReader& value) const noexcept {
  if (where_ == nullptr) return;
  detail::clear_pointer(*context_, where_);
  detail::copy_pointer(*context_, where_, value);
}

inline void AnyPointerBuilder::set_struct(const AnyStructReader& value) const noexcept {
  if (where_ == nullptr) return;
  detail::clear_pointer(*context_, where_);
  detail::copy_struct(*context_, where_, value);
}

inline void AnyPointerBuilder::set_list(const AnyListReader& value) const noexcept {
  if (where_ == nullptr) return;
  detail::clear_pointer(*context_, where_);
  detail::copy_list(*context_, where_, value);
}

inline void AnyPointerBuilder::set_text(std::string_view value) const noexcept {
  if (where_ == nullptr) return;
  detail::clear_pointer(*context_, where_);
  detail::place_bytes(*context_, where_, value.data(), value.size(), std::uint64_t{value.size()} + 1);
}

inline void AnyPointerBuilder::set_data(std::span<const std::byte> value) const noexcept {
  if (where_ == nullptr) return;
  detail::clear_pointer(*context_, where_);
  detail::place_bytes(*context_, where_, value.data(), value.size(), value.size());
}

inline void AnyPointerBuilder::set_capability(std::uint32_t index) const noexcept {
  if (where_ == nullptr) return;
  detail::clear_pointer(*context_, where_);
  store<Word>(where_, encode_capability(index));
}

}  // namespace capos::wire
