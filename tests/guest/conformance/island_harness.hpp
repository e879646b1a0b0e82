// SPDX-License-Identifier: Apache-2.0
// Certificates made by hand, honest ones and others, and the islands that they admit.
#pragma once

#include <array>

#include "harness.hpp"

namespace conformance {

// Of manifest.capnp.
inline constexpr std::uint16_t kRunLate = 0, kSkip = 1, kHold = 2, kStopTask = 3, kStopIsland = 4;
inline constexpr std::uint16_t kDemote = 1, kFallBack = 2;  // RepeatedConsequence

struct Task {
  std::string_view name = "task";
  std::uint64_t period_us = 1'000;
  std::uint64_t budget_ns = 100 * kMicrosecond;
  std::uint64_t deadline_ns = 0;  // 0: the period
  std::uint8_t priority = 100;
  std::uint64_t response_ns = 0;  // 0: the deadline
  std::uint64_t blocking_ns = 0;
  std::uint64_t jitter_ns = 0;
  std::uint16_t on_miss = kRunLate;
  std::uint16_t on_overrun = kHold;
  std::uint16_t cpu = 0xffff;                    // the island's
  std::uint32_t numerator = 0, denominator = 0;  // of the period in seconds; 0: period_us
  std::uint8_t misses = 0, of = 0;               // when they repeat
  std::uint16_t then = 0, recover = 0, fallback = 0xffff;
  std::uint16_t recovers = 0xffff;               // a server, whose recovery this is
};

struct CallOf {
  std::uint16_t task = 0, server = 0;
  std::uint64_t wcet_ns = 0;
};

// What is claimed for the one task of an island that stands.
struct OtherOf {
  std::string_view name;
  std::uint64_t response_ns = 0, blocking_ns = 0;
};

// A claim, changed by the cases that forge.
struct Claim {
  std::span<const Task> tasks;
  std::span<const CallOf> calls{};
  std::uint16_t cpu = 0;
  bool slack = true;
  std::uint32_t format = 1;
  std::uint64_t release_overhead_ns = 0;  // added to the machine's
  std::uint64_t version_change = 0;
  std::uint64_t chain_bound_ns = 0;  // of a chain over all tasks; 0: none
  std::uint64_t chain_latency_ns = 0;
  bool triggered = false;              // that chain's hops
  std::uint16_t policy = 0;
  std::uint64_t busy_ns = 0;           // EDF: the busy window of each CPU
  std::uint16_t second_cpu = 0xffff;   // leased too, after `cpu`
  std::string_view name = "tried";
  std::span<const OtherOf> others{};
};

// Of manifest.capnp's IslandPolicy.
inline constexpr std::uint16_t kEdf = 1;


// CPU 1 without slack if there is one, else CPU 0 with slack.
[[nodiscard]] Claim honest(Guest& guest, std::span<const Task> tasks) noexcept;

inline constexpr std::size_t kMostTasks = 4;

// An admitted island; retired when it goes.
class Island {
 public:
  Island(Guest& guest, const Claim& claim) noexcept;
  ~Island();
  Island(const Island&) = delete;
  Island& operator=(const Island&) = delete;
  [[nodiscard]] bool admitted() const noexcept { return static_cast<bool>(island_); }
  [[nodiscard]] std::string_view refusal() const noexcept { return refusal_.view(); }
  // Who is in the way of its lease, if that is why it is refused.
  [[nodiscard]] std::string_view occupant() const noexcept { return occupant_.view(); }
  // Presents a certificate of other claims: accepted, refused, or an error of the call.
  struct Changed {
    bool accepted = false;
    std::uint64_t within_ns = 0;
    runtime::CallError error{};
    runtime::Text<200> refusal{};
  };
  [[nodiscard]] Changed change(const Claim& claim) noexcept;
  [[nodiscard]] abi::CapId context(std::size_t task) const noexcept { return contexts_[task].cap(); }
  [[nodiscard]] std::uint16_t cpu() const noexcept { return cpu_; }
  [[nodiscard]] OwnedCapability<schema::RealtimeIsland>& island() noexcept { return island_; }
  // Starts the releases in half a millisecond; returns when, 0 if that was refused.
  [[nodiscard]] std::uint64_t activate() noexcept;
  [[nodiscard]] schema::RealtimeIsland::Status::Results::Value status() noexcept;
  // Gives the capability up without retiring.
  void drop() noexcept { island_ = {}; }

 private:
  Guest& guest_;
  std::uint16_t cpu_;
  OwnedCapability<schema::RealtimeIsland> island_;
  std::array<OwnedCapability<schema::SchedulingContext>, kMostTasks> contexts_;
  runtime::Text<200> refusal_;
  runtime::Text<40> occupant_;
};

// The machine's overheads as the kernel holds them against certificates.
struct MachineOverheads {
  std::uint64_t release = 0, context_switch = 0, blocking = 0, jitter = 0;
};
[[nodiscard]] MachineOverheads machine_overheads(Guest& guest) noexcept;

// Whether a text holds another.
[[nodiscard]] bool contains(std::string_view text, std::string_view part) noexcept;

}  // namespace conformance
