// SPDX-License-Identifier: Apache-2.0
// ./capos admit FILE: does the manifest's work fit? Exit status 0 yes, 2 no, 1 the file is wrong.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "../manifest/admission.hpp"
#include "../manifest/check.hpp"
#include "../manifest/pack.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

void print(const Json& json) { fmt::print("{}\n", json.dump(2)); }

// The file is wrong, or could not be read: on stdout as JSON if asked, else on stderr.
Outcome<int> report_wrong(const AdmitOptions& options, const CompileFailure& failure) {
  if (!options.json) return std::unexpected(show(failure));
  Json json{{"file", options.file}, {"verdict", "wrong"}};
  if (const auto* const findings = std::get_if<std::vector<Finding>>(&failure)) {
    json["errors"] = to_json(*findings);
  } else {
    const auto& given = std::get<Problem>(failure);
    json["errors"] =
        Json::array({{{"place", options.file}, {"message", given.cause}, {"hint", given.remedy}}});
  }
  print(json);
  return kExitFailed;
}

int print_verdicts(const AdmitOptions& options, const std::vector<IslandVerdict>& verdicts) {
  const bool admitted = std::ranges::all_of(verdicts, &IslandVerdict::admitted);
  if (options.json) {
    Json json{
        {"file", options.file}, {"verdict", admitted ? "admitted" : "refused"}, {"machine", options.machine}};
    json["analysed_only"] = options.analyse_only;
    json["islands"] = Json::array();
    for (const auto& verdict : verdicts) json["islands"].push_back(island_json(verdict));
    print(json);
  } else {
    for (const auto& verdict : verdicts) fmt::print("{}\n", render_island(verdict));
    const auto* const nothing = verdicts.empty() ? " (it has no islands)" : "";
    const auto* const fits = options.analyse_only ? "would be admitted by a kernel that runs it" : "admitted";
    fmt::print("{}: {}{}\n", options.file, admitted ? fits : "REFUSED", nothing);
  }
  return admitted ? kExitFine : kExitRefused;
}

}  // namespace

Outcome<int> admit(const Paths& paths, const AdmitOptions& options) {
  const auto file = compile_manifest(paths, options.file);
  if (!file) return report_wrong(options, file.error());
  const std::uint32_t runs = options.analyse_only ? sched::kRunsAll : sched::kKernelRuns;
  if (auto findings = check_manifest(*file, runs); !findings.empty())
    return report_wrong(options, CompileFailure(findings));
  const auto manifest = file->message.root<schema::SystemManifest>();
  if (options.show) {
    const auto text = show_elaborated(paths, manifest, file->constant);
    if (!text) return std::unexpected(text.error());
    fmt::print("{}", *text);
    return kExitFine;
  }
  const auto machine = compile_machine(paths, options.machine);
  if (!machine) return std::unexpected(show(machine.error()));
  const Message fitted =
      machine_for(machine->message.root<schema::MachineParams>(), manifest.kernel_params().cpus());
  return print_verdicts(options, admit_islands(manifest, fitted.root<schema::MachineParams>(), runs));
}

}  // namespace capos::cli
