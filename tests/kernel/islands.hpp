// SPDX-License-Identifier: Apache-2.0
// Certificates made by hand, honest ones and forged, and the islands they admit.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "capos/sched/miss_policy.hpp"
#include "world.hpp"

namespace capos::ktest {

// Of manifest.capnp.
inline constexpr std::uint16_t kRunLate = 0, kSkip = 1, kHold = 2, kStopTask = 3, kStopIsland = 4;
using sched::Repeated;

struct Task {
  std::string name = "task";
  std::uint32_t period_us = 1'000;
  std::uint64_t budget_ns = 100'000;
  std::uint64_t deadline_ns = 0;  // 0: the period
  std::uint64_t response_ns = 0;  // 0: the deadline
  std::uint64_t blocking_ns = 0;
  std::uint8_t priority = 100;
  std::uint16_t on_miss = kRunLate, on_overrun = kHold;
  sched::Repetition repeated{};
  std::uint16_t fallback = 0xffff;
};

struct TaskCall {
  std::uint16_t task = 0, server = 0;
  std::uint64_t wcet_ns = 0;
};

// What is claimed for the tasks of an island that stands.
struct OtherClaim {
  std::string name{};
  std::vector<std::uint64_t> responses_ns{}, blocking_ns{};  // the latter 0 where it is left out
};

struct Claim {
  std::vector<Task> tasks{};
  std::vector<TaskCall> calls{};
  std::uint16_t cpu = 0;
  bool slack = true;
  std::string name = "tried";
  std::vector<OtherClaim> others{};
  std::uint64_t chain_bound_ns = 0, chain_latency_ns = 0;  // of a chain over all tasks; 0: none
};

using Certificate = schema::IslandCertificate::Builder;
// Changes a certificate that is honest otherwise.
using Forge = std::function<void(Certificate)>;

struct Admitted {
  std::string refusal{};  // empty: admitted
  std::string occupant{}; // who is in the way of the lease, if that is why
  Error error{};
  abi::CapId island{};
  std::vector<abi::CapId> contexts{};
};

void set_repeated(schema::TaskClaim::Builder task, const sched::Repetition& rule);
void write(Certificate certificate, const Claim& claim);
// While a CPU waits in the kernel for others, these take their mail.
class OthersTakeMail {
 public:
  explicit OthersTakeMail(World& world);
  ~OthersTakeMail() { world_.machine().at_each_relax({}); }
  OthersTakeMail(const OthersTakeMail&) = delete;
  OthersTakeMail& operator=(const OthersTakeMail&) = delete;

 private:
  World& world_;
};

// Presents a certificate on init's behalf.
Admitted admit(World& world, const Claim& claim, const Forge& forge = {});
struct Changed {
  std::string refusal{};  // empty: accepted
  Error error{};
  std::uint64_t within_ns = 0;
};
// Presents a certificate to an island, on init's behalf.
Changed change(World& world, abi::CapId island, const Claim& claim, const Forge& forge = {});
// Expects that it is admitted. Exception: logic_error.
Admitted admit_honest(World& world, const Claim& claim);

}  // namespace capos::ktest
