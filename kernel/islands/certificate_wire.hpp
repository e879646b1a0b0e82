// SPDX-License-Identifier: Apache-2.0
// An IslandCertificate message as the plain certificate that sched's checker takes.
//
// Everything of the message is hostile until checked here: counts, enumerants, and numbers that do not fit.
// The result's names and spans point into the message and the storage; both must outlive it, and the message
// must not change meanwhile (copy it out of user memory first). Cost: O(size); no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "capos/base/result.hpp"
#include "capos/sched/certificate.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/schema/certificate.hpp"

namespace capos::kernel {

// Of one island.
inline constexpr std::size_t kMaxCertificateTasks = 128;
// Of all islands that are looked at together.
inline constexpr std::size_t kMaxGroupTasks = sched::kMaxClaimedTasks;
inline constexpr std::size_t kMaxGroupChains = 64;
inline constexpr std::size_t kMaxGroupHops = 1024;
inline constexpr std::size_t kMaxGroupCalls = 1536;
inline constexpr std::size_t kMaxGroupInterrupts = 128;

// Certificates are read into it one behind another, until it is cleared. About 100 KiB: static.
struct CertificateStorage {
  std::array<sched::TaskClaim, kMaxGroupTasks> tasks{};
  std::array<sched::ChainClaim, kMaxGroupChains> chains{};
  std::array<std::uint16_t, kMaxGroupHops> hops{};
  std::array<sched::ServerCall, kMaxGroupCalls> calls{};
  std::array<sched::InterruptSource, kMaxGroupInterrupts> interrupts{};
  struct {
    std::size_t tasks = 0, chains = 0, hops = 0, calls = 0, interrupts = 0;
  } used;
  void clear() noexcept { used = {}; }
};

enum class CertificateError : std::uint8_t {
  too_many_tasks = 1,
  too_many_chains,
  too_many_hops,
  too_many_calls,
  cpu_out_of_range,
  time_out_of_range,  // over 2^62 ns
  period_malformed,   // numerator or denominator is 0
  unknown_consequence,
  too_many_interrupts,
  unknown_policy,
  foreign_task,  // a call, a hop or a fallback of a task that the certificate does not have
};

[[nodiscard]] std::string_view describe(CertificateError error) noexcept;

// Behind what the storage holds. Tasks are named by their index in this certificate. After it returns, look at the message's
// error() too: a malformed message reads as empty.
[[nodiscard]] ResultOf<sched::Certificate, CertificateError> read_certificate(
    schema::IslandCertificate::Reader message, CertificateStorage& storage) noexcept;

// The certificate with the busy windows that the message claims for those CPUs, the lowest first.
[[nodiscard]] ResultOf<sched::Certificate, CertificateError> read_busy_windows(schema::IslandCertificate::Reader message,
                                                                               std::uint32_t cpus,
                                                                               sched::Certificate certificate) noexcept;

// The overheads of a machine that runs `cpus` CPUs: those it states, and with more than one CPU the
// simulation quantum as further timer lateness. Values over 1 s are cut to it. Admission computes the same.
[[nodiscard]] sched::Overheads overheads_of(schema::MachineParams::Reader machine,
                                            std::uint16_t cpus) noexcept;

}  // namespace capos::kernel
