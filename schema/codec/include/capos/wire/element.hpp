// SPDX-License-Identifier: Apache-2.0
// How each element type of a list is stored, read and written: Element<T> for scalars, enums, text, data,
// structs, lists, pointers and capabilities.
#pragma once

#include <capos/wire/any_builder.hpp>
#include <capos/wire/any_reader.hpp>

namespace capos::wire {

template <typename T>
class ListBuilder;

// Structs that the generator made.
template <typename T>
struct Element {
  using Value = typename T::Reader;
  using Editor = typename T::Builder;
  static constexpr ElementSize kSize = ElementSize::composite;
  static constexpr StructSize kStruct = T::kSize;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return Value(list.structure(index));
  }
  static Editor edit(const AnyListBuilder& list, std::uint32_t index) noexcept {
    return Editor(list.structure(index));
  }
};

template <std::integral T>
struct Element<T> {
  using Value = T;
  static constexpr ElementSize kSize = sizeof(T) == 1   ? ElementSize::byte
                                       : sizeof(T) == 2 ? ElementSize::two_bytes
                                       : sizeof(T) == 4 ? ElementSize::four_bytes
                                                        : ElementSize::eight_bytes;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept { return list.get<T>(index); }
  static void write(const AnyListBuilder& list, std::uint32_t index, T value) noexcept {
    list.set(index, value);
  }
};

template <>
struct Element<bool> {
  using Value = bool;
  static constexpr ElementSize kSize = ElementSize::bit;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept { return list.get_bit(index); }
  static void write(const AnyListBuilder& list, std::uint32_t index, bool value) noexcept {
    list.set_bit(index, value);
  }
};

template <typename T>
requires std::is_enum_v<T>
struct Element<T> {
  using Value = T;
  static constexpr ElementSize kSize = ElementSize::two_bytes;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return static_cast<T>(list.get<std::uint16_t>(index));
  }
  static void write(const AnyListBuilder& list, std::uint32_t index, T value) noexcept {
    list.set(index, static_cast<std::uint16_t>(value));
  }
};

template <>
struct Element<Float32> {
  using Value = Float32;
  static constexpr ElementSize kSize = ElementSize::four_bytes;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return float32_from_bits(list.get<std::uint32_t>(index));
  }
  static void write(const AnyListBuilder& list, std::uint32_t index, Float32 value) noexcept {
    list.set(index, bits_of(value));
  }
};

template <>
struct Element<Float64> {
  using Value = Float64;
  static constexpr ElementSize kSize = ElementSize::eight_bytes;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return float64_from_bits(list.get<std::uint64_t>(index));
  }
  static void write(const AnyListBuilder& list, std::uint32_t index, Float64 value) noexcept {
    list.set(index, bits_of(value));
  }
};

template <>
struct Element<Void> {
  using Value = Void;
  static constexpr ElementSize kSize = ElementSize::empty;
  static Value read(const AnyListReader&, std::uint32_t) noexcept { return {}; }
  static void write(const AnyListBuilder&, std::uint32_t, Void) noexcept {}
};

template <>
struct Element<Text> {
  using Value = std::string_view;
  static constexpr ElementSize kSize = ElementSize::pointer;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return list.pointer(index).get_text();
  }
  static void write(const AnyListBuilder& list, std::uint32_t index, Value value) noexcept {
    list.pointer(index).set_text(value);
  }
};

template <>
struct Element<Data> {
  using Value = std::span<const std::byte>;
  static constexpr ElementSize kSize = ElementSize::pointer;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return list.pointer(index).get_data();
  }
  static void write(const AnyListBuilder& list, std::uint32_t index, Value value) noexcept {
    list.pointer(index).set_data(value);
  }
};

template <>
struct Element<Capability> {
  using Value = std::optional<std::uint32_t>;
  static constexpr ElementSize kSize = ElementSize::pointer;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return list.pointer(index).get_capability();
  }
  static void write(const AnyListBuilder& list, std::uint32_t index, std::uint32_t value) noexcept {
    list.pointer(index).set_capability(value);
  }
};

template <>
struct Element<AnyPointer> {
  using Value = AnyPointerReader;
  using Editor = AnyPointerBuilder;
  static constexpr ElementSize kSize = ElementSize::pointer;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept { return list.pointer(index); }
  static Editor edit(const AnyListBuilder& list, std::uint32_t index) noexcept { return list.pointer(index); }
  static void write(const AnyListBuilder& list, std::uint32_t index, Value value) noexcept {
    list.pointer(index).set(value);
  }
};

template <typename T>
struct Element<List<T>> {
  using Value = List<T>;
  using Editor = ListBuilder<T>;
  static constexpr ElementSize kSize = ElementSize::pointer;
  static Value read(const AnyListReader& list, std::uint32_t index) noexcept {
    return Value(list.pointer(index).get_list(Element<T>::kSize));
  }
  static Editor edit(const AnyListBuilder& list, std::uint32_t index) noexcept {
    return ListBuilder<T>::open(list.pointer(index));
  }
  static void write(const AnyListBuilder& list, std::uint32_t index, const Value& value) noexcept {
    list.pointer(index).set_list(value.any());
  }
};

}  // namespace capos::wire
