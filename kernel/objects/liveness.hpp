// SPDX-License-Identifier: Apache-2.0
// Until when something holds: one word that a session's, a lease's or a window's owner moves, and that every capability
// granted under it is checked against.
//
// Invariants: once ended it stays ended; it holds only while its parent does; parents form a chain of at most
// kMaxDepth. Counted: capability entries, processes, sessions, leases and windows keep it. Any CPU (atomic words).
// What goes on under one hears of its end by leases_changed() (ipc/lease_use.hpp).
// Bounds: holds() O(kMaxDepth), and one reading of the clock where there is a limit in time; end() O(1).
#pragma once

#include "capos/base/result.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class Liveness {
 public:
  static constexpr unsigned kMaxDepth = 8;
  static constexpr std::uint64_t kForEver = ~std::uint64_t{0};

  // Charged to `payer`, which it keeps. `session`: a number of its own, or 0 for the parent's. Errors: too_deep,
  // quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<Liveness>, schema::KernelError> create(Ledger& payer, Liveness* parent,
                                                                           std::uint64_t until_ns,
                                                                           std::uint64_t session = 0) noexcept;

  [[nodiscard]] bool holds() const noexcept;
  // When it ends, with its parents, as things are, in ns; kForEver: never; 0: it has been ended. O(kMaxDepth).
  [[nodiscard]] std::uint64_t ends_at() const noexcept;
  // Another end, in ns of the machine's clock. False if it has ended already.
  [[nodiscard]] bool renew(std::uint64_t until_ns) noexcept;
  // For good: whatever was granted under it is dead at once.
  void end() noexcept { until_ns_.store(0, std::memory_order_release); }

  [[nodiscard]] std::uint64_t until_ns() const noexcept { return until_ns_.load(std::memory_order_acquire); }
  // The number of the session that it belongs to; 0: none.
  [[nodiscard]] std::uint64_t session() const noexcept { return session_; }
  // Does it end whenever `other` does? True for itself. O(kMaxDepth).
  [[nodiscard]] bool is_within(const Liveness& other) const noexcept;

  void acquire() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;
  Liveness(Ledger& payer, Liveness* parent, std::uint64_t until_ns, std::uint64_t session) noexcept;
  ~Liveness() = default;

  std::atomic<std::uint32_t> references_{1};
  const std::uint32_t depth_;
  std::atomic<std::uint64_t> until_ns_;
  const std::uint64_t session_;
  Ledger& payer_;  // one reference
  Ref<Liveness> parent_;
};

}  // namespace capos::kernel
