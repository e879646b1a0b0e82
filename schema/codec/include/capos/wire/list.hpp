// SPDX-License-Identifier: Apache-2.0
// Typed lists: List<T> reads, ListBuilder<T> writes. T is a scalar, enum, generated struct, or a tag of
// types.hpp.
//
// An index out of range reads as the element type's default and writes nothing. Cost: O(1) per element.
#pragma once

#include <capos/wire/element.hpp>

namespace capos::wire {

template <typename T>
class List {
 public:
  using Value = typename Element<T>::Value;

  class Iterator {
   public:
    using value_type = Value;
    using difference_type = std::ptrdiff_t;
    Iterator() noexcept = default;
    Iterator(const List* list, std::uint32_t index) noexcept : list_(list), index_(index) {}
    Value operator*() const noexcept { return (*list_)[index_]; }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    Iterator operator++(int) noexcept { return {list_, index_++}; }
    bool operator==(const Iterator&) const noexcept = default;

   private:
    const List* list_ = nullptr;
    std::uint32_t index_ = 0;
  };

  constexpr List() noexcept = default;
  explicit List(const AnyListReader& list) noexcept : list_(list) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return list_.size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] Value operator[](std::uint32_t index) const noexcept {
    return index < size() ? Element<T>::read(list_, index) : Value{};
  }
  [[nodiscard]] Iterator begin() const noexcept { return {this, 0}; }
  [[nodiscard]] Iterator end() const noexcept { return {this, size()}; }
  [[nodiscard]] const AnyListReader& any() const noexcept { return list_; }

 private:
  AnyListReader list_;
};

template <typename T>
class ListBuilder {
  using Of = Element<T>;

 public:
  constexpr ListBuilder() noexcept = default;
  explicit ListBuilder(const AnyListBuilder& list) noexcept : list_(list) {}

  // A fresh list of `size` elements, all default, in place of what the pointer led to.
  [[nodiscard]] static ListBuilder init(const AnyPointerBuilder& pointer, std::uint32_t size) noexcept {
    if constexpr (Of::kSize == ElementSize::composite) {
      return ListBuilder(pointer.init_struct_list(size, Of::kStruct));
    } else {
      return ListBuilder(pointer.init_list(Of::kSize, size));
    }
  }
  // The list that is there, enlarged to this schema if an older peer made it; else the default; else empty.
  [[nodiscard]] static ListBuilder open(const AnyPointerBuilder& pointer,
                                        const Word* fallback = nullptr) noexcept {
    if constexpr (Of::kSize == ElementSize::composite) {
      return ListBuilder(pointer.get_struct_list(Of::kStruct, fallback));
    } else {
      return ListBuilder(pointer.get_list(Of::kSize, fallback));
    }
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return list_.size(); }

  // Elements that are edited in place: structs, lists, AnyPointer.
  [[nodiscard]] auto operator[](std::uint32_t index) const noexcept requires requires { typename Of::Editor; }
  { return index < size() ? Of::edit(list_, index) : typename Of::Editor{}; }
  // Elements that are set whole: scalars, enums, text, data, capabilities, lists.
  template <typename V>
  requires requires(const AnyListBuilder& list, V value) { Of::write(list, 0, value); }
  void set(std::uint32_t index, V value) const noexcept {
    if (index < size()) Of::write(list_, index, value);
  }
  // An element that is itself a list.
  [[nodiscard]] auto init(std::uint32_t index, std::uint32_t count) const noexcept
      requires(Of::kSize == ElementSize::pointer && requires { typename Of::Editor; } &&
               !std::is_same_v<T, AnyPointer>) {
    return index < size() ? Of::Editor::init(list_.pointer(index), count) : typename Of::Editor{};
  }
  [[nodiscard]] List<T> as_reader() const noexcept { return List<T>(list_.as_reader()); }

 private:
  AnyListBuilder list_;
};

template <typename T>
List<T> AnyPointerReader::as_list() const noexcept {
  return List<T>(get_list(Element<T>::kSize));
}
template <typename T>
ListBuilder<T> AnyPointerBuilder::init_list_of(std::uint32_t size) const noexcept {
  return ListBuilder<T>::init(*this, size);
}

}  // namespace capos::wire
