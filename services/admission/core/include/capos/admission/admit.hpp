// SPDX-License-Identifier: Apache-2.0
// Admission of one island beside those that share CPUs with it, from manifest to certificate: the same code in `./capos admit` and
// in the guest.
//
//   Diagnostics found;
//   if (!validate(manifest, found)) ...                       // the file is wrong
//   IslandAdmission admission;                                // large: static, or on a host's heap
//   if (!admission.run(manifest, index, overheads)) admission.write_refusal(out);
//   else admission.build_certificate(message);
#pragma once

#include <array>
#include <cstdint>

#include "capos/admission/model.hpp"
#include "capos/admission/report.hpp"
#include "capos/admission/text.hpp"
#include "capos/schema/certificate.hpp"
#include "capos/schema/manifest.hpp"
#include "capos/wire/message.hpp"

namespace capos::admission {

class IslandAdmission {
 public:
  // Elaborates and analyses island `island` of a manifest that validate() accepts, with all that share CPUs with it. True if
  // all of them fit; then the checker has accepted the very numbers that build_certificate writes. Cost: see sched's analyser.
  // `runs`: the KernelFeatures that validate() allowed.
  bool run(schema::SystemManifest::Reader manifest, std::uint16_t island, const Overheads& overheads,
           std::uint32_t runs = sched::kKernelRuns) noexcept;
  // The same for one that is to come to islands that stand, or take the place of that of its name.
  bool run_beside(schema::SystemManifest::Reader manifest, std::uint16_t island, const Overheads& overheads,
                  std::span<const schema::IslandCertificate::Reader> standing) noexcept;

  [[nodiscard]] const IslandModel& model() const noexcept { return model_; }
  // For searches that change it and put it back as it was.
  [[nodiscard]] IslandModel& model() noexcept { return model_; }
  [[nodiscard]] const IslandReport& report() const noexcept { return report_; }

  // The refusal as one line of text, without a newline: "balance.control: response 1 240 us exceeds ...".
  void write_refusal(TextWriter& out) const noexcept;
  // The certificate as the message's root, for a kernel on which the islands before it in the model stand, and no others
  // that share CPUs with it. Only after run() returned true. False: out of space.
  [[nodiscard]] bool build_certificate(wire::MessageBuilder& message) const noexcept;

 private:
  bool judge(std::uint32_t runs) noexcept;

  IslandModel model_;
  IslandReport report_;
  sched::Certificate certificate_;
  std::array<sched::TaskClaim, kMaxTasks> task_claims_{};
  std::array<sched::ChainClaim, kMaxChains> chain_claims_{};
};

// The same manifest with every default filled in (deadlines, priorities, CPUs, times and sizes), as the
// message's root: what `./capos admit --show` prints. The manifest must be valid; `scratch` is working
// memory. Room for twice the manifest's words is enough. False: out of space.
[[nodiscard]] bool build_elaborated(schema::SystemManifest::Reader manifest, IslandModel& scratch,
                                    wire::MessageBuilder& message) noexcept;

}  // namespace capos::admission
