// SPDX-License-Identifier: Apache-2.0
#include "capos/admission/admit.hpp"

#include "capos/sched/analysis.hpp"
#include "report_builder.hpp"

namespace capos::admission {
namespace {

// Every CPU a manifest may name: whether the machine has it and another island leases it is validate()'s and
// in the end the kernel's to say.
sched::MachineFacts facts(const sched::IslandModel& model, std::uint32_t runs) noexcept {
  return {model.cpus, model.overheads, runs};
}

}  // namespace

bool IslandAdmission::run(schema::SystemManifest::Reader manifest, std::uint16_t island,
                          const Overheads& overheads, std::uint32_t runs) noexcept {
  reset(report_);
  if (!elaborate(manifest, island, overheads, model_)) {
    refuse_internal(report_, "the island cannot be read");
    return false;
  }
  return judge(runs);
}

bool IslandAdmission::run_beside(schema::SystemManifest::Reader manifest, std::uint16_t island, const Overheads& overheads,
                                 std::span<const schema::IslandCertificate::Reader> standing) noexcept {
  reset(report_);
  if (!elaborate_beside(manifest, island, overheads, standing, model_)) {
    refuse_internal(report_, "the island does not fit the analysis with those that stand");
    return false;
  }
  return judge(sched::kKernelRuns);
}

bool IslandAdmission::judge(std::uint32_t runs) noexcept {
  const sched::Analysis analysis = sched::analyse(model_.view);
  fill_report(model_, analysis, report_);
  if (!analysis.admitted()) return false;
  certificate_ = sched::certify(model_.view, task_claims_, chain_claims_);
  const auto checked = sched::check_certificate(certificate_, facts(model_.view, runs));
  if (!checked) refuse_internal(report_, sched::describe(checked.error().reason));
  return report_.admitted;
}

void IslandAdmission::write_refusal(TextWriter& out) const noexcept { write_refusal_text(report_, out); }

}  // namespace capos::admission
