// SPDX-License-Identifier: Apache-2.0
// A CPU's trace ring: fixed-size events, newest over oldest, written by that CPU alone.
//
// Layout: abi/trace.hpp. Bounds: emit is wait-free, about 20 instructions, never slower for a slow reader.
#pragma once

#include <cstdint>

#include "capos/abi/trace.hpp"
#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"
#include "capos/schema/telemetry.hpp"
#include "memory/memory_object.hpp"

namespace capos::kernel {

class TraceRing {
 public:
  // events: a power of two.
  [[nodiscard]] bool create(CpuId cpu, std::uint64_t events) noexcept;

  void emit(Time time, schema::EventKind kind, std::uint32_t source, std::uint64_t a = 0, std::uint64_t b = 0,
            std::uint64_t c = 0, std::uint64_t d = 0, std::uint64_t e = 0, std::uint64_t f = 0) noexcept {
    Writer(*this, time, source).add(kind, a, b, c, d, e, f);
  }
  // Events of one time and source, one behind the other: each is complete for readers when it has been added. On the CPU of the
  // ring, which emits nothing else meanwhile. About 15 instructions each.
  class Writer {
   public:
    Writer(TraceRing& ring, Time time, std::uint32_t source) noexcept
        : header_(ring.header_), events_(ring.events_), mask_(ring.mask_), head_(ring.header_->head), time_(time.ns()),
          origin_(std::uint64_t{ring.cpu_} << 16 | std::uint64_t{source} << 32) {}
    void add(schema::EventKind kind, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0,
             std::uint64_t e = 0, std::uint64_t f = 0) noexcept {
      std::uint64_t* const words = events_ + (head_ & mask_) * 8;
      words[0] = time_;
      words[1] = static_cast<std::uint64_t>(kind) | origin_;
      words[2] = a;
      words[3] = b;
      words[4] = c;
      words[5] = d;
      words[6] = e;
      words[7] = f;
      __atomic_store_n(&header_->head, ++head_, __ATOMIC_RELEASE);
    }

   private:
    abi::TraceRingHeader* const header_;
    std::uint64_t* const events_;
    const std::uint64_t mask_;
    std::uint64_t head_;
    const std::uint64_t time_, origin_;
  };
  void count_interrupt(schema::InterruptCause cause) noexcept {
    ++header_->interrupts[static_cast<unsigned>(cause)];
  }
  void count_switch() noexcept { ++header_->context_switches; }
  void note_idle(Duration total) noexcept { header_->idle_ns = static_cast<std::uint64_t>(total.ns()); }

  // For others to read while this CPU counts on.
  [[nodiscard]] std::uint64_t interrupts(schema::InterruptCause cause) const noexcept {
    return __atomic_load_n(&header_->interrupts[static_cast<unsigned>(cause)], __ATOMIC_RELAXED);
  }
  [[nodiscard]] std::uint64_t switches() const noexcept {
    return __atomic_load_n(&header_->context_switches, __ATOMIC_RELAXED);
  }
  [[nodiscard]] std::uint64_t idle_ns() const noexcept { return __atomic_load_n(&header_->idle_ns, __ATOMIC_RELAXED); }

  // The newest event but `age`, for a panic; nullptr if there is none.
  [[nodiscard]] const std::uint64_t* recent(std::uint64_t age) const noexcept;
  // Read-only memory for readers.
  [[nodiscard]] Ref<MemoryObject> memory() const noexcept { return memory_; }

 private:
  abi::TraceRingHeader* header_ = nullptr;
  std::uint64_t* events_ = nullptr;
  std::uint64_t mask_ = 0;
  std::uint16_t cpu_ = 0;
  Ref<MemoryObject> memory_;
};

}  // namespace capos::kernel
