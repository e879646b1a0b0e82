// SPDX-License-Identifier: Apache-2.0
// Islands that share CPUs, directly or through others, put together as the one certificate that the checker judges.
//
// What stands comes from the certificates that the kernel keeps, so a new one can leave nothing out and state nothing
// differently: for the others it only brings claims (responses, blocking) to be verified. Their chains are claimed at the
// bounds they asked for. CPU 0 only. Cost: O(size of the certificates + standing islands * members). No allocation.
#pragma once

#include <array>

#include "capos/wire/message.hpp"
#include "core/text.hpp"
#include "islands/certificate_wire.hpp"

namespace capos::kernel {

class Island;

inline constexpr std::size_t kMaxGroup = 16;  // islands

class Group {
 public:
  enum class Others : std::uint8_t {
    as_claimed,  // with what the certificate claims for them
    unclaimed,   // good for busy windows only: each task is blocked by the longest call of the group
  };

  // The certificate in `own` and those of all who share CPUs. `itself`: the standing island whose it is, which is left out.
  // nullptr if they cannot be put together; then why() is a line of text. What is returned, and names in it, are good until the
  // next call.
  [[nodiscard]] const sched::Certificate* assemble(std::span<const wire::Word> own, const Island* itself,
                                                   Others others) noexcept;
  [[nodiscard]] std::string_view why() const noexcept { return why_.view(); }
  // The certificate alone, as it was put into the group: its tasks are the group's first.
  [[nodiscard]] const sched::Certificate& own() const noexcept { return own_; }
  [[nodiscard]] bool slack() const noexcept { return slack_; }
  // A change of one of the others is under way.
  [[nodiscard]] bool is_changing() const noexcept;

 private:
  bool refuse(std::string_view reason, std::string_view of = {}) noexcept;
  bool read_own(schema::IslandCertificate::Reader message, const Island* itself) noexcept;
  bool gather(const Island* itself) noexcept;
  bool add(std::size_t part, schema::IslandCertificate::Reader own, Others others) noexcept;
  bool claim(std::span<sched::TaskClaim> tasks, std::string_view island, schema::IslandCertificate::Reader own) noexcept;
  void rebase(std::size_t part, std::size_t tasks, std::size_t hops, std::size_t calls) noexcept;
  void block_by_longest_call() noexcept;

  CertificateStorage storage_;
  std::array<sched::IslandPart, kMaxGroup> parts_{};
  std::array<const Island*, kMaxGroup> others_{};
  std::size_t others_count_ = 0;
  std::uint32_t cpus_ = 0;
  bool slack_ = false;
  sched::Certificate own_, all_;
  Line why_;
};

// Used by one call at a time: CPU 0 only. About 110 KiB.
[[nodiscard]] Group& group_at_hand() noexcept;
// What certificates are checked against; set at boot.
void set_machine_overheads(const sched::Overheads& overheads) noexcept;
[[nodiscard]] ResultOf<void, sched::Refusal> check(const sched::Certificate& claims) noexcept;
// One line: which inequality of which task does not hold.
[[nodiscard]] Line explain(const sched::Certificate& claims, const sched::Refusal& refusal) noexcept;

}  // namespace capos::kernel
