// SPDX-License-Identifier: Apache-2.0
// Memory that somebody else changes while the kernel reads it: just before each load from a watched range, the input may
// say what the load finds. So a word that is loaded twice is two words, and a run repeats to the digit, which a second
// thread could not offer.
//
// Every load counts, not only those that mean to: the compiler calls __sanitizer_cov_load* before each one in the kernel's
// code (-fsanitize-coverage=trace-loads), and block copies go through __wrap___asan_memcpy (hostile_peer.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace capos::fuzz {

class HostilePeer {
 public:
  // What is left of `changes` when a watched load comes says what it finds: nothing new most of the time.
  explicit HostilePeer(std::span<const std::uint8_t> changes);
  ~HostilePeer();
  HostilePeer(const HostilePeer&) = delete;
  HostilePeer& operator=(const HostilePeer&) = delete;

  // Instead of what was watched before.
  void watch(std::vector<std::span<std::byte>> ranges) { ranges_ = std::move(ranges); }
  void before_load(const void* from, std::size_t size) noexcept;

 private:
  [[nodiscard]] std::uint8_t take() noexcept;
  void change(std::byte* word) noexcept;

  std::span<const std::uint8_t> changes_;
  std::vector<std::span<std::byte>> ranges_;
};

}  // namespace capos::fuzz
