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

inline constexpr std::size_t kMaxCertificateTasks = 128;
inline constexpr std::size_t kMaxCertificateChains = 32;
inline constexpr std::size_t kMaxCertificateHops = 512;
inline constexpr std::size_t kMaxCertificateCalls = 1024;
inline constexpr std::size_t kMaxCertificateInterrupts = 64;

// About 40 KiB: static.
struct CertificateStorage {
  std::array<sched::TaskClaim, kMaxCertificateTasks> tasks{};
  std::array<sched::ChainClaim, kMaxCertificateChains> chains{};
  std::array<std::uint16_t, kMaxCertificateHops> hops{};
  std::array<sched::ServerCall, kMaxCertificateCalls> calls{};
  std::array<sched::InterruptSource, kMaxCertificateInterrupts> interrupts{};
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
};

[[nodiscard]] std::string_view describe(CertificateError error) noexcept;

// After it returns, look at the message's error() too: a malformed message reads as empty.
[[nodiscard]] ResultOf<sched::Certificate, CertificateError> read_certificate(
    schema::IslandCertificate::Reader message, CertificateStorage& storage) noexcept;

// The overheads of a machine that runs `cpus` CPUs: those it states, and with more than one CPU the
// simulation quantum as further timer lateness. Values over 1 s are cut to it. Admission computes the same.
[[nodiscard]] sched::Overheads overheads_of(schema::MachineParams::Reader machine,
                                            std::uint16_t cpus) noexcept;

}  // namespace capos::kernel
