// SPDX-License-Identifier: Apache-2.0
// What the report needs to know of a run, from its manifest, its admission, and how the machine ended.
#pragma once

#include <span>
#include <string>

#include "../manifest/adjust.hpp"
#include "../manifest/admission.hpp"
#include "capos/report/inputs.hpp"
#include "session.hpp"

namespace capos::cli {

struct ReportSubject {
  std::string title;
  std::string manifest_name;  // as given
  Adjustment adjustment;
  std::uint64_t duration_ns = 0;
};

[[nodiscard]] report::RunInputs report_inputs(const ReportSubject& subject,
                                              schema::SystemManifest::Reader manifest,
                                              schema::MachineParams::Reader machine,
                                              std::span<const IslandVerdict> verdicts,
                                              const AcceleratorChoice& accelerator, const Session& session);

}  // namespace capos::cli
