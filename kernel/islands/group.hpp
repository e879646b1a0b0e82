// SPDX-License-Identifier: Apache-2.0
// Islands that share CPUs, directly or through others, put together as the one certificate that the checker judges.
//
// What stands comes from the certificates that the kernel keeps, so a new one can leave nothing out and state nothing
// differently: for the others it only brings claims (responses, blocking) to be verified. Their chains are claimed at the
// bounds they asked for. CPU 0 only; in steps, between which nothing of this may change (desk.hpp sees to it). Bounds: a step reads
// at most CertificateReading::kPortion entries, or goes once over one island's claims or over the islands that stand. No allocation.
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

  enum class Step : std::uint8_t {
    unfinished,
    refused,    // they cannot be put together; why() is a line of text
    malformed,  // it is no message
    whole,
  };

  // The certificate in `own` (certificate_in) and those of all who share CPUs. `itself`: the standing island whose it is, which
  // is left out. Claims, and names in them, are good until the next call.
  void begin(std::span<const wire::Word> own, const Island* itself, Others others) noexcept;
  [[nodiscard]] Step step() noexcept;
  // Whole: all of them as one.
  [[nodiscard]] const sched::Certificate& claims() const noexcept { return all_; }
  [[nodiscard]] std::string_view why() const noexcept { return why_.view(); }
  // The certificate alone, as it was put into the group: its tasks are the group's first.
  [[nodiscard]] const sched::Certificate& own() const noexcept { return own_; }
  [[nodiscard]] bool slack() const noexcept { return slack_; }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }  // of the manifest
  // A change of one of the others is under way.
  [[nodiscard]] bool is_changing() const noexcept;

 private:
  enum class Stage : std::uint8_t { own, others, claims };
  Step refuse(std::string_view reason, std::string_view of = {}) noexcept;
  Step read_own(schema::IslandCertificate::Reader message) noexcept;
  Step read_other() noexcept;
  Step gather() noexcept;
  Step claim(schema::IslandCertificate::Reader own) noexcept;
  Step next_other(schema::IslandCertificate::Reader own) noexcept;
  Step join(schema::IslandCertificate::Reader own) noexcept;
  void rebase(std::size_t part, std::size_t tasks, std::size_t hops, std::size_t calls) noexcept;
  void block_by_longest_call() noexcept;

  CertificateStorage storage_;
  std::span<const wire::Word> words_;
  const Island* itself_ = nullptr;
  Others mode_ = Others::as_claimed;
  Stage stage_ = Stage::own;
  CertificateReading reading_;
  std::size_t part_ = 0;                        // which of the others is read
  decltype(CertificateStorage::used) before_{};  // it
  std::uint32_t index_ = 0;
  std::array<sched::IslandPart, kMaxGroup> parts_{};
  std::array<const Island*, kMaxGroup> others_{};
  std::size_t others_count_ = 0;
  std::uint32_t cpus_ = 0;
  bool slack_ = false;
  sched::Certificate own_, all_;
  Line why_;
};

// What certificates are checked against; set at boot.
void set_machine_overheads(const sched::Overheads& overheads) noexcept;
[[nodiscard]] sched::MachineFacts machine_facts() noexcept;
// One line: which inequality of which task does not hold.
[[nodiscard]] Line explain(const sched::Certificate& claims, const sched::Refusal& refusal) noexcept;

}  // namespace capos::kernel
