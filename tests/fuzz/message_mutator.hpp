// SPDX-License-Identifier: Apache-2.0
// Damage to Cap'n Proto messages that gets past the first pointer: random bytes seldom do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "capos/wire/types.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace capos::fuzz {

using Words = std::vector<wire::Word>;

// In a heap block of exactly its size; a tail shorter than a word is dropped.
inline Words words_of(const std::uint8_t* data, std::size_t size) {
  Words words(size / sizeof(wire::Word));
  if (!words.empty()) std::memcpy(words.data(), data, words.size() * sizeof(wire::Word));
  return words;
}

// One to six words from `first` on are changed: a bit, a copy of another word, a number or a pointer's offset and size
// moved a little, an element size. Every third time libFuzzer's own changes are made instead.
inline std::size_t mutate_message(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed, std::size_t first) {
  std::minstd_rand random(seed);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
  Words words = words_of(data, size);
  if (below(3) == 0 || words.size() <= first + 1) return LLVMFuzzerMutate(data, size, most);
  for (std::size_t i = 1 + below(6); i > 0; --i) {
    wire::Word& word = words[first + below(words.size() - first)];
    switch (below(6)) {
      case 0: word ^= wire::Word{1} << below(64); break;
      case 1: word = words[first + below(words.size() - first)]; break;
      case 2: word += wire::Word{1} << below(64); break;
      case 3: word -= wire::Word{1} << below(64); break;
      case 4: word = (word & ~(wire::Word{7} << 32)) | wire::Word{below(8)} << 32; break;
      default: word = below(2) == 0 ? 0 : ~wire::Word{0} >> below(64);
    }
  }
  const std::size_t bytes = std::min(words.size() * sizeof(wire::Word), most);
  std::memcpy(data, words.data(), bytes);
  return bytes;
}

}  // namespace capos::fuzz
