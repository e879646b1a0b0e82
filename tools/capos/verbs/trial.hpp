// SPDX-License-Identifier: Apache-2.0
// A manifest made ready to boot: compiled, checked, adjusted, and admitted for the machine it will run on.
#pragma once

#include <string>
#include <vector>

#include "../machine/accelerator.hpp"
#include "../machine/inputs.hpp"
#include "../machine/session.hpp"
#include "../manifest/adjust.hpp"
#include "../manifest/admission.hpp"
#include "../manifest/check.hpp"
#include "capos/report/result.hpp"

namespace capos::cli {

struct TrialRequest {
  std::string file;  // as given
  std::string title;
  std::string out_name;  // directory under out/
  Adjustment adjustment;
  std::string load_name;  // what the report calls the load; "": as in the adjustment
  std::string accelerator = "auto";
  std::uint64_t duration_ns = 0;
  std::chrono::seconds wall{0};
  bool force = false;  // boots although admission or its rules say no
  bool verbose = false;
  bool quiet = false;  // says nothing on the way
  bool trace_switches = false;  // as in SessionInputs
  bool visible_memory = false;  // likewise
};

// Views in the verdicts point into the messages: neither moves once made.
struct Trial {
  TrialRequest request;
  AcceleratorChoice accelerator;
  Message manifest;
  Message machine;
  bool breaks_rules = false;  // only when forced; then there are no verdicts
  std::vector<IslandVerdict> verdicts;

  [[nodiscard]] schema::SystemManifest::Reader manifest_root() const {
    return manifest.root<schema::SystemManifest>();
  }
  [[nodiscard]] schema::MachineParams::Reader machine_root() const {
    return machine.root<schema::MachineParams>();
  }
  [[nodiscard]] SessionInputs session_inputs() const;
};

// Says on stderr which accelerator is taken and why, and what was admitted. Errors: a wrong file; a refusal,
// with exit status 2.
[[nodiscard]] Outcome<Trial> prepare_trial(const Paths& paths, TrialRequest request);

// Reads what a run left behind and judges it.
[[nodiscard]] Outcome<report::Result> judge_run(const Trial& trial, const Session& session);

// Writes result.json, report.html and, with a media graph, audio.wav beside the run's other files.
[[nodiscard]] Outcome<void> write_report(const report::Result& result,
                                         const std::filesystem::path& directory);

// What went wrong with the machine itself, with the panic or the console's end, on stderr. Nothing if it is
// fine.
void tell_end(const Session& session);

}  // namespace capos::cli
