// SPDX-License-Identifier: Apache-2.0
// From the analyser's numbers to the report, and from a refusal to its text.
#pragma once

#include "capos/admission/model.hpp"
#include "capos/admission/report.hpp"
#include "capos/admission/text.hpp"
#include "capos/sched/analysis.hpp"

namespace capos::admission {

void reset(IslandReport& report) noexcept;
// Tasks, chains, and the refusal if there is one. The model is as analyse() left it, before and after.
void fill_report(IslandModel& model, const sched::Analysis& analysis, IslandReport& report) noexcept;
// Makes the report a refusal of kind `internal`; `reason` has static storage.
void refuse_internal(IslandReport& report, std::string_view reason) noexcept;
void write_refusal_text(const IslandReport& report, TextWriter& out) noexcept;

}  // namespace capos::admission
