// SPDX-License-Identifier: Apache-2.0
// `./capos admit --sensitivity` and `--wcet`: how far an island is from being refused, and budgets proposed from what a
// run measured.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "admission.hpp"

namespace capos::cli {

// A table of one admitted island's margins. The verdict's model is left as it was.
[[nodiscard]] std::string render_margins(IslandVerdict& verdict);
[[nodiscard]] nlohmann::ordered_json margins_json(IslandVerdict& verdict);

struct ProposedBudget {
  std::string task;                // "island.task"
  std::uint64_t jobs = 0;          // that were measured
  std::uint64_t measured_ns = 0;   // the most that one consumed
  std::uint64_t proposed_ns = 0;   // with the margin, whole microseconds upwards, at least kMinBudget and any call
  std::uint64_t budget_ns = 0;     // of the manifest
  bool overran = false;            // a job was cut off at its budget: the measure is no maximum of anything
};

struct Proposal {
  std::vector<ProposedBudget> budgets;
  bool admitted = false;  // the islands, with all of the proposed budgets
  std::string refusal;    // the first, if not
};

// From a run's result.json. Every task of the verdicts must be in it with at least one job, under the names that the
// manifest has; errors otherwise. The verdicts' models are left as they were. `margin_percent` is added to what was
// measured.
[[nodiscard]] Outcome<Proposal> propose_budgets(std::vector<IslandVerdict>& verdicts, const std::string& result_json,
                                                unsigned margin_percent);
[[nodiscard]] std::string render_proposal(const Proposal& proposal, unsigned margin_percent);
[[nodiscard]] nlohmann::ordered_json proposal_json(const Proposal& proposal, unsigned margin_percent);

}  // namespace capos::cli
