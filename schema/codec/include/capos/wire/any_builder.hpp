// SPDX-License-Identifier: Apache-2.0
// Untyped builders: a pointer, a struct, a list in a message under construction.
//
// Invariants: objects are allocated upwards in the order of the calls, as libcapnp allocates them, so the
// same calls give the same bytes. A builder that holds an address may write there; a null builder writes
// nothing. What a builder reads back from its own words it checks like a foreign message, for the words may
// be shared. Cost: init and set of a pointer are linear in the object's size, and in what they replace.
#pragma once

#include <capos/wire/any_reader.hpp>

namespace capos::wire {

template <typename T>
class ListBuilder;

// How deep objects may nest that a builder clears, enlarges or hands to a reader: at most 180 bytes of stack a
// level to clear, where a peer could have nested them.
inline constexpr std::uint32_t kBuilderDepth = 32;

// The words of a message under construction. `read` bounds what has been allocated so far.
struct BuildContext {
  Word* begin = nullptr;
  std::uint64_t capacity = 0;
  ReadContext read{};

  // Words as they are, or nullptr; after the first failure there is no more space for anyone.
  [[nodiscard]] Word* reserve(std::uint64_t words) noexcept {
    if (words > capacity - read.size) [[unlikely]] {
      fail();
      return nullptr;
    }
    Word* const at = begin + read.size;
    read.size += words;
    return at;
  }
  // Zeroed words, or nullptr.
  [[nodiscard]] Word* allocate(std::uint64_t words) noexcept {
    Word* const at = reserve(words);
    if (at != nullptr) zero_words(at, words);
    return at;
  }
  void fail() noexcept {
    read.report(Error::out_of_space);
    capacity = read.size;
  }
};

class AnyPointerBuilder;

class AnyStructBuilder {
 public:
  constexpr AnyStructBuilder() noexcept = default;
  AnyStructBuilder(BuildContext* context, Word* data, StructSize size) noexcept
      : context_(context), data_(data), size_(size) {}

  template <typename Schema>
  [[nodiscard]] typename Schema::Builder as() const noexcept {
    return typename Schema::Builder(*this);
  }
  // `index` in units of T; the generator knows that the struct is long enough.
  template <std::integral T>
  void set(std::uint32_t index, T value, std::make_unsigned_t<T> default_bits = 0) const noexcept {
    using Bits = std::make_unsigned_t<T>;
    if (data_ == nullptr) return;
    store<Bits>(bytes() + index * sizeof(T), static_cast<Bits>(static_cast<Bits>(value) ^ default_bits));
  }
  void set_bit(std::uint32_t index, bool value, bool default_value = false) const noexcept {
    if (data_ != nullptr) store_bit(bytes(), index, value != default_value);
  }
  void set_words(const Word* words, unsigned count) const noexcept {
    if (data_ != nullptr) copy_bytes(data_, words, std::uint64_t{count} * kWordBytes);
  }
  [[nodiscard]] inline AnyPointerBuilder pointer(std::uint16_t index) const noexcept;
  [[nodiscard]] AnyStructReader as_reader() const noexcept {
    if (data_ == nullptr) return {};
    return {&context_->read, data_,        data_ + size_.data_words, size_.data_words * kWordBits,
            size_.pointers,  kBuilderDepth};
  }

 private:
  [[nodiscard]] std::byte* bytes() const noexcept {
    return static_cast<std::byte*>(static_cast<void*>(data_));
  }

  BuildContext* context_ = nullptr;
  Word* data_ = nullptr;
  StructSize size_{};
};

class AnyListBuilder {
 public:
  constexpr AnyListBuilder() noexcept = default;
  AnyListBuilder(BuildContext* context, Word* base, ElementSize kind, std::uint32_t count, std::uint32_t bits,
                 std::uint16_t pointers) noexcept
      : context_(context),
        base_(base),
        count_(count),
        step_bits_(bits + pointers * kWordBits),
        data_bits_(bits),
        pointer_count_(pointers),
        kind_(kind) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }

  // The element accessors want index < size().
  template <std::integral T>
  void set(std::uint32_t index, T value) const noexcept {
    store<std::make_unsigned_t<T>>(element(index), static_cast<std::make_unsigned_t<T>>(value));
  }
  void set_bit(std::uint32_t index, bool value) const noexcept { store_bit(bytes(), index, value); }
  [[nodiscard]] AnyStructBuilder structure(std::uint32_t index) const noexcept {
    return {context_,
            words(element(index)),
            {static_cast<std::uint16_t>(data_bits_ / kWordBits), pointer_count_}};
  }
  [[nodiscard]] inline AnyPointerBuilder pointer(std::uint32_t index) const noexcept;
  [[nodiscard]] AnyListReader as_reader() const noexcept {
    if (base_ == nullptr) return {};
    return {&context_->read, base_, kind_, count_, data_bits_, pointer_count_, kBuilderDepth};
  }

 private:
  [[nodiscard]] std::byte* bytes() const noexcept {
    return static_cast<std::byte*>(static_cast<void*>(base_));
  }
  [[nodiscard]] std::byte* element(std::uint32_t index) const noexcept {
    return bytes() + std::uint64_t{index} * step_bits_ / 8;
  }
  [[nodiscard]] static Word* words(std::byte* at) noexcept {
    return static_cast<Word*>(static_cast<void*>(at));
  }

  BuildContext* context_ = nullptr;
  Word* base_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t step_bits_ = 0;
  std::uint32_t data_bits_ = 0;
  std::uint16_t pointer_count_ = 0;
  ElementSize kind_ = ElementSize::empty;
};

// A pointer field under construction; also the builder of an AnyPointer field.
class AnyPointerBuilder {
 public:
  constexpr AnyPointerBuilder() noexcept = default;
  AnyPointerBuilder(BuildContext* context, Word* where) noexcept : context_(context), where_(where) {}

  template <typename Schema>
  [[nodiscard]] typename Schema::Builder init_as() const noexcept {
    return typename Schema::Builder(init_struct(Schema::kSize));
  }
  template <typename Schema>
  void set_as(const typename Schema::Reader& value) const noexcept {
    set_struct(value.wire_struct());
  }
  template <typename T>
  [[nodiscard]] ListBuilder<T> init_list_of(std::uint32_t size) const noexcept;

  // init_*: a fresh default object in place of what was there.
  [[nodiscard]] inline AnyStructBuilder init_struct(StructSize size) const noexcept;
  [[nodiscard]] inline AnyListBuilder init_list(ElementSize element, std::uint32_t count) const noexcept;
  [[nodiscard]] inline AnyListBuilder init_struct_list(std::uint32_t count, StructSize size) const noexcept;
  [[nodiscard]] inline std::span<char> init_text(std::size_t bytes) const noexcept;
  [[nodiscard]] inline std::span<std::byte> init_data(std::size_t bytes) const noexcept;
  // get_*: the object that is there, enlarged to `size` if need be; else a copy of `fallback`; else a fresh
  // one (a list: an empty one).
  [[nodiscard]] inline AnyStructBuilder get_struct(StructSize size,
                                                   const Word* fallback = nullptr) const noexcept;
  [[nodiscard]] inline AnyListBuilder get_list(ElementSize element,
                                               const Word* fallback = nullptr) const noexcept;
  [[nodiscard]] inline AnyListBuilder get_struct_list(StructSize size,
                                                      const Word* fallback = nullptr) const noexcept;
  // set_*: deep copies. What is malformed in the source becomes null, and its error goes to the source's
  // message.
  inline void set(const AnyPointerReader& value) const noexcept;
  inline void set_struct(const AnyStructReader& value) const noexcept;
  inline void set_list(const AnyListReader& value) const noexcept;
  inline void set_text(std::string_view value) const noexcept;
  inline void set_data(std::span<const std::byte> value) const noexcept;
  inline void set_capability(std::uint32_t index) const noexcept;
  inline void clear() const noexcept;

  [[nodiscard]] bool is_null() const noexcept { return where_ == nullptr || load<Word>(where_) == 0; }
  [[nodiscard]] AnyPointerReader as_reader() const noexcept {
    if (where_ == nullptr) return {};
    return {&context_->read, where_, kBuilderDepth};
  }

 private:
  BuildContext* context_ = nullptr;
  Word* where_ = nullptr;
};

inline AnyPointerBuilder AnyStructBuilder::pointer(std::uint16_t index) const noexcept {
  if (data_ == nullptr || index >= size_.pointers) return {};
  return {context_, data_ + size_.data_words + index};
}

inline AnyPointerBuilder AnyListBuilder::pointer(std::uint32_t index) const noexcept {
  return {context_, words(element(index) + data_bits_ / 8)};
}

}  // namespace capos::wire

#include <capos/wire/build.hpp>
