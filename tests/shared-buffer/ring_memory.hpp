// SPDX-License-Identifier: Apache-2.0
// Cache-line aligned memory for rings under test, with a guard zone behind it that must stay untouched.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "capos/shared_buffer/consumer.hpp"
#include "capos/shared_buffer/producer.hpp"

namespace capos::test {

struct Sample {
  std::uint64_t number;
  double value;
  std::uint32_t check;
};

inline Sample make_sample(std::uint64_t number) {
  return {number, static_cast<double>(number) * 0.5, static_cast<std::uint32_t>(number * 2654435761u)};
}

template <typename T, std::uint32_t kCapacity>
class RingMemory {
 public:
  explicit RingMemory(std::uint64_t first_index = 0, RingWaits waits = RingWaits::across_cpus) {
    guard_.fill(kGuardByte);
    created_ = create_ring<T>(bytes(), kCapacity, waits, first_index).has_value();
  }
  [[nodiscard]] bool created() const { return created_; }
  [[nodiscard]] std::span<std::byte> bytes() { return bytes_; }
  [[nodiscard]] RingHeader& header() { return *reinterpret_cast<RingHeader*>(bytes_.data()); }
  [[nodiscard]] RingSlot<T>& slot(std::uint64_t index) {
    return reinterpret_cast<RingSlot<T>*>(bytes_.data() + sizeof(RingHeader))[index % kCapacity];
  }
  [[nodiscard]] bool guard_intact() const {
    return std::ranges::all_of(guard_, [](std::byte b) { return b == kGuardByte; });
  }
  [[nodiscard]] RingProducer<T> producer() { return *RingProducer<T>::attach(bytes()); }
  [[nodiscard]] RingConsumer<T> consumer() { return *RingConsumer<T>::attach(bytes()); }

 private:
  static constexpr std::byte kGuardByte{0xa5};
  alignas(kCacheLine) std::array<std::byte, ring_bytes<T>(kCapacity)> bytes_{};
  std::array<std::byte, 4096> guard_;
  bool created_ = false;
};

}  // namespace capos::test
