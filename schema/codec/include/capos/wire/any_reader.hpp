// SPDX-License-Identifier: Apache-2.0
// Untyped readers: a pointer, a struct, a list. What generated readers are thin skins over.
//
// Invariants: a reader that holds an address holds checked bounds for it; a null reader reads as all
// defaults. Readers point into the message and its ReadContext: they must not outlive the MessageReader or
// MessageBuilder. Cost: O(1) each, but O(n) stated where a text or list is walked. Errors go to the message,
// never the caller.
#pragma once

#include <capos/wire/read_context.hpp>
#include <concepts>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace capos::wire {

class AnyPointerReader;
template <typename T>
class List;

// A struct of any type: its data section and its pointers.
class AnyStructReader {
 public:
  constexpr AnyStructReader() noexcept = default;
  AnyStructReader(ReadContext* context, const void* data, const Word* pointers, std::uint32_t bits,
                  std::uint16_t count, std::uint32_t depth) noexcept
      : context_(context),
        data_(static_cast<const std::byte*>(data)),
        pointers_(pointers),
        data_bits_(bits),
        depth_(depth),
        pointer_count_(count) {}

  template <typename Schema>
  [[nodiscard]] typename Schema::Reader as() const noexcept {
    return typename Schema::Reader(*this);
  }

  // The field at `index` in units of its own size, as stored xor the default's bits; 0 where the sender's
  // struct was shorter.
  template <std::integral T>
  [[nodiscard]] T get(std::uint32_t index, std::make_unsigned_t<T> default_bits = 0) const noexcept {
    using Bits = std::make_unsigned_t<T>;
    if ((index + 1) * (8 * sizeof(T)) > data_bits_) return static_cast<T>(default_bits);
    return static_cast<T>(static_cast<Bits>(load<Bits>(data_ + index * sizeof(T)) ^ default_bits));
  }
  [[nodiscard]] bool get_bit(std::uint32_t index, bool default_value = false) const noexcept {
    return index < data_bits_ ? load_bit(data_, index) != default_value : default_value;
  }
  template <typename E>
  [[nodiscard]] E get_enum(std::uint32_t index, std::uint16_t default_bits = 0) const noexcept {
    return static_cast<E>(get<std::uint16_t>(index, default_bits));
  }
  [[nodiscard]] inline AnyPointerReader pointer(std::uint16_t index) const noexcept;

  // Copies the first `count` words of the data section; words the sender did not have are zero.
  void get_words(Word* words, unsigned count) const noexcept {
    const std::uint32_t have = data_bits_ / kWordBits;
    for (unsigned i = 0; i < count; ++i) words[i] = i < have ? load<Word>(data_ + i * kWordBytes) : 0;
    // Elements of upgraded primitive lists have less than a word.
    if (have == 0 && count > 0) copy_bytes(words, data_, data_bits_ / 8);
  }

  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::uint32_t data_bits() const noexcept { return data_bits_; }
  [[nodiscard]] std::uint16_t pointer_count() const noexcept { return pointer_count_; }

 private:
  ReadContext* context_ = nullptr;
  const std::byte* data_ = nullptr;
  const Word* pointers_ = nullptr;
  std::uint32_t data_bits_ = 0;
  std::uint32_t depth_ = 0;
  std::uint16_t pointer_count_ = 0;
};

// A list of any element type. Element i starts at bit i * step; its pointers follow its data.
class AnyListReader {
 public:
  constexpr AnyListReader() noexcept = default;
  AnyListReader(ReadContext* context, const void* base, ElementSize kind, std::uint32_t count,
                std::uint32_t bits, std::uint16_t pointers, std::uint32_t depth) noexcept
      : context_(context),
        base_(static_cast<const std::byte*>(base)),
        count_(count),
        step_bits_(bits + pointers * kWordBits),
        data_bits_(bits),
        depth_(depth),
        pointer_count_(pointers),
        kind_(kind) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }
  [[nodiscard]] ElementSize kind() const noexcept { return kind_; }
  [[nodiscard]] std::uint32_t step_bits() const noexcept { return step_bits_; }
  [[nodiscard]] std::uint32_t data_bits() const noexcept { return data_bits_; }
  [[nodiscard]] std::uint16_t pointer_count() const noexcept { return pointer_count_; }
  [[nodiscard]] const std::byte* base() const noexcept { return base_; }

  // The element accessors want index < size().
  template <std::integral T>
  [[nodiscard]] T get(std::uint32_t index) const noexcept {
    using Bits = std::make_unsigned_t<T>;
    return static_cast<T>(load<Bits>(element(index)));
  }
  // Lists of bits do not evolve: their step is one, also where the sender made a list of larger elements.
  [[nodiscard]] bool get_bit(std::uint32_t index) const noexcept { return load_bit(base_, index); }
  [[nodiscard]] AnyStructReader structure(std::uint32_t index) const noexcept {
    if (depth_ == 0) {
      report(context_, Error::depth);
      return {};
    }
    const std::byte* const at = element(index);
    return {context_, at, pointers_of(at), data_bits_, pointer_count_, depth_ - 1};
  }
  [[nodiscard]] inline AnyPointerReader pointer(std::uint32_t index) const noexcept;

 private:
  [[nodiscard]] const std::byte* element(std::uint32_t index) const noexcept {
    return base_ + std::uint64_t{index} * step_bits_ / 8;
  }
  [[nodiscard]] const Word* pointers_of(const std::byte* at) const noexcept {
    return static_cast<const Word*>(static_cast<const void*>(at + data_bits_ / 8));
  }

  ReadContext* context_ = nullptr;
  const std::byte* base_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t step_bits_ = 0;
  std::uint32_t data_bits_ = 0;
  std::uint32_t depth_ = 0;
  std::uint16_t pointer_count_ = 0;
  ElementSize kind_ = ElementSize::empty;
};

// A pointer field whose target is yet to be read; also the reader of an AnyPointer field.
class AnyPointerReader {
 public:
  constexpr AnyPointerReader() noexcept = default;
  AnyPointerReader(ReadContext* context, const Word* where, std::uint32_t depth) noexcept
      : context_(context), where_(where), depth_(depth) {}

  [[nodiscard]] bool is_null() const noexcept { return where_ == nullptr || load<Word>(where_) == 0; }

  template <typename Schema>
  [[nodiscard]] typename Schema::Reader as() const noexcept {
    return typename Schema::Reader(get_struct());
  }
  template <typename T>
  [[nodiscard]] List<T> as_list() const noexcept;

  // `fallback`: the schema's default, a pointer word followed by its trusted target; null: nothing.
  [[nodiscard]] inline AnyStructReader get_struct(const Word* fallback = nullptr) const noexcept;
  [[nodiscard]] inline AnyListReader get_list(ElementSize expected,
                                              const Word* fallback = nullptr) const noexcept;
  // A list as it is on the wire, whatever its elements.
  [[nodiscard]] inline AnyListReader get_any_list() const noexcept;
  [[nodiscard]] inline std::string_view get_text(std::string_view fallback = {}) const noexcept;
  [[nodiscard]] inline std::span<const std::byte> get_data(
      std::span<const std::byte> fallback = {}) const noexcept;
  // Index into the message's capability list.
  [[nodiscard]] inline std::optional<std::uint32_t> get_capability() const noexcept;

  // The pointer `count` words further on in the same pointer section.
  [[nodiscard]] AnyPointerReader advanced(std::uint32_t count) const noexcept {
    return {context_, where_ + count, depth_};
  }
  [[nodiscard]] ReadContext* context() const noexcept { return context_; }
  [[nodiscard]] const Word* where() const noexcept { return where_; }
  [[nodiscard]] std::uint32_t depth() const noexcept { return depth_; }

 private:
  ReadContext* context_ = nullptr;
  const Word* where_ = nullptr;
  std::uint32_t depth_ = 0;  // levels that may still follow
};

inline AnyPointerReader AnyStructReader::pointer(std::uint16_t index) const noexcept {
  if (index >= pointer_count_) return {};
  return {context_, pointers_ + index, depth_};
}

inline AnyPointerReader AnyListReader::pointer(std::uint32_t index) const noexcept {
  return {context_, pointers_of(element(index)), depth_};
}

}  // namespace capos::wire

#include <capos/wire/follow.hpp>
