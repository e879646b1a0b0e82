// SPDX-License-Identifier: Apache-2.0
#include <span>

#include "capos/runtime/mapping.hpp"
#include "kinds.hpp"

namespace capos::load {
namespace {

constexpr std::size_t kMost = 8u << 20, kLeast = 64u << 10, kPage = 4096;
constexpr std::uint64_t kPlaceEnd = 0x0000'2000'0000'0000;  // far from what the kernel chooses
constexpr std::size_t kLineWords = 64 / sizeof(std::uint64_t);

// As much as there is up to kMost, below kPlaceEnd. Page by page, for the kernel zeroes what it maps and
// nobody shall wait behind a long call; and downwards, where the kernel finds the place at once.
std::span<volatile std::uint64_t> working_set(const runtime::Runtime& runtime) noexcept {
  auto memory = runtime.need<schema::VirtualMemory>("self.memory");
  std::size_t size = 0;
  for (; size < kMost; size += kPage) {
    const std::uint64_t place = kPlaceEnd - size - kPage;
    if (!memory->map(place, kPage, static_cast<std::uint32_t>(runtime::Access::read_write)).has_value())
      break;
  }
  if (size < kLeast) runtime::panic("no memory to thrash: give the service at least 192 KiB more");
  return {reinterpret_cast<volatile std::uint64_t*>(kPlaceEnd - size), size / sizeof(std::uint64_t)};
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
