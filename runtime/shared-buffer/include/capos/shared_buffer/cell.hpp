// SPDX-License-Identifier: Apache-2.0
// A value in shared memory with one writer and any number of readers, who always get a whole, recent value.
//
// The latch form of a sequence lock (two copies, the sequence's parity says which one is at rest; see the
// Linux kernel's seqcount_latch): a writer that was preempted half-way does not hold a reader up, which
// matters when both run on one CPU. Writing is wait-free. Reading retries only when the writer has published
// twice during one copy, and gives up after kMaxAttempts, so a hostile writer cannot hold it either. The
// bytes are not trusted: a reader checks the value as any input.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace capos {

template <typename T>
class alignas(64) SharedCell {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0,
                "a cell is copied as whole words");
  static constexpr std::size_t kWords = sizeof(T) / sizeof(std::uint64_t);
  using Words = std::array<std::uint64_t, kWords>;
  using Copy = std::array<std::atomic<std::uint64_t>, kWords>;

 public:
  static constexpr int kMaxAttempts = 8;

  // Publishes `value`. One thread at a time. Cost: two copies.
  void write(const T& value) noexcept {
    const Words words = std::bit_cast<Words>(value);
    const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
    store(copies_[0], words, sequence + 1);
    store(copies_[1], words, sequence + 2);
  }

  // The newest value, or nothing if the writer outran kMaxAttempts copies. Before the first write: all zeros.
  [[nodiscard]] std::optional<T> read() const noexcept {
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      const std::uint64_t before = sequence_.load(std::memory_order_acquire);
      const Copy& copy = copies_[before & 1];
      Words words;
      // acquire: none of these loads may move behind the check of the sequence
      for (std::size_t i = 0; i < kWords; ++i) words[i] = copy[i].load(std::memory_order_acquire);
      if (sequence_.load(std::memory_order_relaxed) == before) return std::bit_cast<T>(words);
    }
    return std::nullopt;
  }

  // Publications so far, counting from creation in zeroed memory.
  [[nodiscard]] std::uint64_t publications() const noexcept {
    return sequence_.load(std::memory_order_relaxed) / 2;
  }

 private:
  // Sends readers to the other copy, then fills this one. The release stores keep the words behind the
  // sequence.
  void store(Copy& copy, const Words& words, std::uint64_t sequence) noexcept {
    sequence_.store(sequence, std::memory_order_release);
    for (std::size_t i = 0; i < kWords; ++i) copy[i].store(words[i], std::memory_order_release);
  }

  std::atomic<std::uint64_t> sequence_{0};
  std::array<Copy, 2> copies_{};
};

}  // namespace capos
