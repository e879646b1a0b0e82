// SPDX-License-Identifier: Apache-2.0
// A trace ring in ordinary memory, written as the kernel writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "capos/abi/trace.hpp"
#include "capos/telemetry/ring_reader.hpp"

namespace capos::telemetry {

class TestRing {
 public:
  explicit TestRing(std::uint64_t capacity)
      : words_((abi::kTraceEventsOffset + capacity * abi::kTraceEventBytes) / 8) {
    header().magic = abi::kTraceRingMagic;
    header().version = 1;
    header().capacity = capacity;
  }
  [[nodiscard]] abi::TraceRingHeader& header() {
    return *reinterpret_cast<abi::TraceRingHeader*>(words_.data());
  }
  [[nodiscard]] std::span<std::byte> memory() { return std::as_writable_bytes(std::span(words_)); }

  void emit(const EventWords& event) {
    auto* const at =
        words_.data() + abi::kTraceEventsOffset / 8 + (header().head & (header().capacity - 1)) * 8;
    for (std::size_t i = 0; i < event.size(); ++i) __atomic_store_n(at + i, event[i], __ATOMIC_RELAXED);
    __atomic_store_n(&header().head, header().head + 1, __ATOMIC_RELEASE);
  }
  // An event whose words all tell its number.
  static EventWords numbered(std::uint64_t n) {
    EventWords event;
    event.fill(n);
    return event;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace capos::telemetry
