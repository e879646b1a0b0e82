// SPDX-License-Identifier: Apache-2.0
// An IslandCertificate message as the plain certificate that sched's checker takes.
//
// Everything of the message is hostile until checked here: counts, enumerants, and numbers that do not fit.
// The result's names and spans point into the message and the storage; both must outlive it, and the message
// must not change meanwhile (copy it out of user memory first). Cost: O(size), in portions; no allocation.
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
// Of a task, chain, interrupt source or island.
inline constexpr std::size_t kMaxClaimName = 64;  // bytes

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
  name_too_long,
};

[[nodiscard]] std::string_view describe(CertificateError error) noexcept;

// Reads one certificate, in portions of at most kPortion entries of its lists.
class CertificateReading {
 public:
  static constexpr std::uint32_t kPortion = 6;
  // The next portion, behind what the storage holds: true if that was the last one. Tasks are named by their index in this
  // certificate. The message, and where it lies, stay the same until then; nothing else is put into the storage. Look at the message's
  // error() each time: a malformed message reads as empty.
  [[nodiscard]] ResultOf<bool, CertificateError> step(schema::IslandCertificate::Reader message, CertificateStorage& storage) noexcept;
  // As far as it has been read.
  [[nodiscard]] const sched::Certificate& certificate() const noexcept { return certificate_; }

 private:
  enum class Part : std::uint8_t { frame, tasks, chains, calls, interrupts, whole };
  [[nodiscard]] ResultOf<void, CertificateError> begin(schema::IslandCertificate::Reader message, CertificateStorage& storage) noexcept;
  [[nodiscard]] ResultOf<void, CertificateError> read_hops(schema::IslandCertificate::Reader message, CertificateStorage& storage) noexcept;
  // The next entries of a part of `count`.
  template <typename Read>
  [[nodiscard]] ResultOf<void, CertificateError> read_some(std::size_t count, Read&& read) noexcept;

  Part part_ = Part::frame;
  std::uint32_t next_ = 0, hop_ = 0;
  sched::Certificate certificate_;
  std::span<sched::TaskClaim> tasks_;
  std::span<sched::ChainClaim> chains_;
  std::span<std::uint16_t> hops_;  // of the chain that is being read
  std::span<sched::ServerCall> calls_;
  std::span<sched::InterruptSource> interrupts_;
};

// All at once.
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
