// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <span>

#include "capos/runtime/mapping.hpp"
#include "kinds.hpp"

namespace capos::load {
namespace {

constexpr std::size_t kMost = 8u << 20, kLeast = 64u << 10;
constexpr std::size_t kLineWords = 64 / sizeof(std::uint64_t);

// As much as there is, by halves.
std::span<volatile std::uint64_t> working_set(const runtime::Runtime& runtime) noexcept {
  for (std::size_t size = kMost; size >= kLeast; size /= 2) {
    const auto memory = runtime::allocate(runtime, size);
    if (memory.has_value()) return {reinterpret_cast<volatile std::uint64_t*>(memory->data()), size / 8};
  }
  runtime::panic("no memory to thrash: give the service at least 192 KiB more");
}

void write_lines(std::span<volatile std::uint64_t> words, std::size_t from, std::size_t lines) noexcept {
  for (std::size_t i = 0; i < lines; ++i) {
    words[(from + i * kLineWords) % words.size()] = i;
  }
}

std::uint64_t read_at_random(std::span<volatile std::uint64_t> words, Random& random,
                             std::size_t count) noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += words[random.below(words.size())];
  return sum;
}

}  // namespace

void thrash_memory(const runtime::Runtime& runtime, Random random) noexcept {
  const auto words = working_set(runtime);
  for (;;) {
    write_lines(words, random.below(words.size()), 1 + random.below(4'096));
    const std::uint64_t sum = read_at_random(words, random, 1 + random.below(2'048));
    words[sum % words.size()] = sum;
  }
}

}  // namespace capos::load
