// SPDX-License-Identifier: Apache-2.0
// Register messages: fields taken from and put into the words of a data section, and whole values moved
// between registers and messages. Generated Value structs are made of these. Cost: a shift and a mask per
// field.
#pragma once

#include <capos/wire/any_builder.hpp>
#include <capos/wire/any_reader.hpp>

namespace capos::wire {

// A data section of N words held in registers.
template <unsigned N>
struct Words {
  Word word[N == 0 ? 1 : N] = {};
};

// The first N of `count` words; what is missing is zero, and so reads as the default.
template <unsigned N>
[[nodiscard]] constexpr Words<N> take_words(const Word* words, unsigned count) noexcept {
  Words<N> out;
  for (unsigned i = 0; i < N && i < count; ++i) out.word[i] = words[i];
  return out;
}

// `index` in units of T, as in AnyStructReader::get.
template <std::integral T>
[[nodiscard]] constexpr T word_field(const Word* words, unsigned index,
                                     std::make_unsigned_t<T> mask = 0) noexcept {
  constexpr unsigned kPerWord = kWordBytes / sizeof(T);
  const Word raw = words[index / kPerWord] >> (index % kPerWord * 8 * sizeof(T));
  return static_cast<T>(
      static_cast<std::make_unsigned_t<T>>(static_cast<std::make_unsigned_t<T>>(raw) ^ mask));
}
// The field's bits must be zero before.
template <std::integral T>
constexpr void set_word_field(Word* words, unsigned index, T value,
                              std::make_unsigned_t<T> mask = 0) noexcept {
  constexpr unsigned kPerWord = kWordBytes / sizeof(T);
  const auto raw = static_cast<std::make_unsigned_t<T>>(static_cast<std::make_unsigned_t<T>>(value) ^ mask);
  words[index / kPerWord] |= Word{raw} << (index % kPerWord * 8 * sizeof(T));
}
[[nodiscard]] constexpr bool word_bit(const Word* words, unsigned index, bool mask = false) noexcept {
  return (((words[index / kWordBits] >> (index % kWordBits)) & 1u) != 0) != mask;
}
constexpr void set_word_bit(Word* words, unsigned index, bool value, bool mask = false) noexcept {
  words[index / kWordBits] |= Word{value != mask} << (index % kWordBits);
}

// A message's struct as a value, and a value as a message's struct.
template <typename Schema>
[[nodiscard]] typename Schema::Value value_of(const typename Schema::Reader& reader) noexcept {
  Words<Schema::Value::kWords> words;
  reader.wire_struct().get_words(words.word, Schema::Value::kWords);
  return Schema::Value::from_words(words.word, Schema::Value::kWords);
}
template <typename Schema>
void set_value(const typename Schema::Builder& builder, const typename Schema::Value& value) noexcept {
  Words<Schema::Value::kWords> words;
  value.to_words(words.word);
  builder.wire_struct().set_words(words.word, Schema::Value::kWords);
}

}  // namespace capos::wire
