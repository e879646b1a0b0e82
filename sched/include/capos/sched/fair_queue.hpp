// SPDX-License-Identifier: Apache-2.0
// Best effort by weight: the earliest eligible virtual deadline first (EEVDF).
//
// I. Stoica, H. Abdel-Wahab, "Earliest Eligible Virtual Deadline First: A Flexible and Accurate Mechanism for
// Proportional Share Resource Allocation", Old Dominion University TR-95-22 (1995). Virtual time V advances by 1 /
// (sum of weights) per ns of service. An entity's request of r ns is eligible when V has reached what it has had, and
// due r / weight later. Among the eligible the earliest deadline runs. The lag of an entity, what it ought to have had
// less what it had, then stays within (-r, max(r, quantum)) while nobody joins or leaves (Theorem 1): tests/sched. A
// shorter request makes its owner due sooner and leaves its share as it is: that is what a latency class says.
//
// Who leaves takes its lag along, and V is set so that the lags of those who stay still sum to zero; who comes back
// brings its debt, but no claim for the time that it did not want. Alone, an entity's lag is zero.
//
// Invariants: V is never behind all entities; weights of the queued sum to weight(). Bounds: everything O(log n) by
// fair_tree.hpp, charge() with one more step per request used up; no allocation, no clock. Time given to contexts is
// simply not charged here. Only the queue's own CPU may call it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "capos/base/time.hpp"
#include "capos/sched/fair_tree.hpp"

namespace capos::sched {

// Virtual time counts 2^-10 ns of an entity of weight 1.
inline constexpr unsigned kVirtualBits = 10;
inline constexpr std::uint32_t kMaxWeight = 1000;
inline constexpr Duration kMinRequest = Duration::us(100);
inline constexpr Duration kMaxRequest = Duration::ms(100);
inline constexpr Duration kMostCharge = Duration::ns((std::int64_t{1} << 40) - 1);  // in one charge()

// How soon an entity wants to run once it may, at equal weight.
enum class LatencyClass : std::uint8_t { interactive = 0, normal = 1, batch = 2 };
// `normal`: the request of that class. What is beyond the range of requests is cut to it.
[[nodiscard]] constexpr Duration request_of(LatencyClass wanted, Duration normal = Duration::ms(4)) noexcept {
  const Duration request = wanted == LatencyClass::interactive ? normal / 4
                           : wanted == LatencyClass::normal    ? normal
                                                               : normal * 5;
  return std::clamp(request, kMinRequest, kMaxRequest);
}

class FairEntity : public FairNode {
 public:
  constexpr FairEntity() noexcept = default;
  // Ranges: those of FairQueue::set_weight() and set_request(); what is beyond is cut to them.
  constexpr FairEntity(std::uint32_t weight, Duration request) noexcept
      : weight_(std::clamp<std::uint32_t>(weight, 1, kMaxWeight)), request_(std::clamp(request, kMinRequest, kMaxRequest)) {}
  [[nodiscard]] std::uint32_t weight() const noexcept { return weight_; }
  [[nodiscard]] Duration request() const noexcept { return request_; }
  [[nodiscard]] Duration total_consumed() const noexcept { return total_; }
  // The rest of the request in progress: how long it runs at most before others are looked at.
  [[nodiscard]] Duration request_left() const noexcept { return request_ - used_; }
  // The kernel's thread; never touched here.
  void* owner = nullptr;

 private:
  friend class FairQueue;
  std::uint32_t weight_ = 100;
  Duration request_ = request_of(LatencyClass::normal);
  Duration used_{};         // of the request
  std::uint64_t rest_ = 0;  // of eligible_, in 1 / weight units
  std::int64_t debt_ = 0;   // weighted lag when it left; <= 0
  Duration total_{};
};

class FairQueue {
 public:
  constexpr FairQueue() noexcept = default;
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return tree_.size(); }
  [[nodiscard]] bool contended() const noexcept { return tree_.size() >= 2; }
  [[nodiscard]] std::uint64_t weight() const noexcept { return weight_; }

  // Ready: joins with its debt. It must not be queued.
  void add(FairEntity& entity) noexcept;
  // Not ready any more, or to be moved to another CPU's queue. It must be queued here.
  void remove(FairEntity& entity) noexcept;
  // Service that a queued entity has had. Range: 0 to kMostCharge.
  void charge(FairEntity& entity, Duration consumed) noexcept;
  // What should run; nullptr if empty. Stays the same until its request is used up, or somebody with an earlier
  // deadline joins or becomes eligible.
  [[nodiscard]] FairEntity* pick() noexcept;
  // Gives up the rest of its request: the next one begins where this would have ended.
  void yield(FairEntity& entity) noexcept;
  // Queued or not. Range: weight 1 to kMaxWeight, request kMinRequest to kMaxRequest; what is beyond is cut to it.
  void set_weight(FairEntity& entity, std::uint32_t weight) noexcept;
  void set_request(FairEntity& entity, Duration request) noexcept;

  // What the entity ought to have had less what it had, in ns of service, rounded towards zero. Queued or not: what it
  // left with.
  [[nodiscard]] Duration lag(const FairEntity& entity) const noexcept;

  // --- stealing ---------------------------------------------------------------------------------------------
  // The eligible entity that is due first, other than what runs: the most overdue of those that wait. nullptr if
  // nobody waits. The caller moves it with remove() and add(). `running` may be nullptr.
  [[nodiscard]] FairEntity* most_overdue(FairEntity* running) noexcept;

  // The first broken invariant as text, nullptr if all hold. O(n).
  [[nodiscard]] const char* check_invariants() const noexcept;

 private:
  [[nodiscard]] std::int64_t weighted_lag(const FairEntity& entity) const noexcept;
  void advance(std::int64_t weighted_units, std::uint64_t by_weight) noexcept;
  void begin_request(FairEntity& entity) noexcept;
  void add_alone(FairEntity& entity) noexcept;
  void settle_if_alone() noexcept;

  FairTree tree_;
  std::uint64_t weight_ = 0;
  Virtual now_ = 0;
  std::uint64_t rest_ = 0;  // of now_, in 1 / weight_ units; < weight_
};

// Whom an idle CPU, `thief`, takes from: the queue with the most weight among those where somebody waits; the first of
// equals. Nothing if nobody waits anywhere. O(queues), of which there are at most kMaxCpus; the caller passes the
// housekeeping CPUs' queues only, so nothing is stolen onto a leased one. Reads of another CPU's queue are the caller's
// to order.
[[nodiscard]] inline std::optional<std::size_t> most_loaded(const auto& queues, std::size_t thief) noexcept {
  std::optional<std::size_t> most;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    if (i == thief || !queues[i].contended()) continue;
    if (!most || queues[i].weight() > queues[*most].weight()) most = i;
  }
  return most;
}

}  // namespace capos::sched
