// SPDX-License-Identifier: Apache-2.0
// ./capos admit FILE: does the manifest's work fit? Exit status 0 yes, 2 no, 1 the file is wrong.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "../manifest/admission.hpp"
#include "../manifest/busy_window.hpp"
#include "../manifest/check.hpp"
#include "../manifest/files.hpp"
#include "../manifest/margins.hpp"
#include "../manifest/pack.hpp"
#include "../manifest/stamp.hpp"
#include "../support/files.hpp"
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

Outcome<BusyWindow> find_window(const std::string& wanted, const std::vector<IslandVerdict>& verdicts) {
  std::string known;
  for (const auto& verdict : verdicts) {
    const auto& model = verdict.admission->model();
    for (std::size_t i = model.self().tasks.first; i < model.self().tasks.end(); ++i) {
      const auto full = fmt::format("{}.{}", model.view.name, model.view.tasks[i].name);
      if (wanted == full || wanted == model.view.tasks[i].name) return busy_window_of(model, i);
      known += (known.empty() ? "" : ", ") + full;
    }
  }
  return problem(fmt::format("no island has a task '{}'", wanted), "known: " + known);
}

// The picture's file.
Outcome<std::string> draw(const Paths& paths, const AdmitOptions& options, const BusyWindow& window) {
  std::filesystem::path file = options.svg;
  if (options.svg.empty()) {
    if (auto made = make_directory(paths.out("admit")); !made) return std::unexpected(made.error());
    file = paths.out("admit") / (window.task + ".svg");
  }
  if (auto written = write_text(file, render_svg(window)); !written) return std::unexpected(written.error());
  return file.string();
}

// What was asked for beside the verdict, as text or below "explain", "sensitivity" and "wcet".
Outcome<void> add_views(const Paths& paths, const AdmitOptions& options, std::vector<IslandVerdict>& verdicts, Json& json,
                        std::string& text) {
  if (options.sensitivity) {
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      if (!verdicts[i].admitted()) continue;
      if (options.json) json["islands"][i]["sensitivity"] = margins_json(verdicts[i]);
      if (!options.json) text += render_margins(verdicts[i]) + "\n";
    }
  }
  if (!options.explain.empty()) {
    const auto window = find_window(options.explain, verdicts);
    if (!window) return std::unexpected(window.error());
    const auto file = draw(paths, options, *window);
    if (!file) return std::unexpected(file.error());
    json["explain"] = to_json(*window);
    json["explain"]["svg"] = *file;
    text += render_text(*window) + "picture: " + *file + "\n\n";
  }
  if (options.wcet.empty()) return {};
  const auto result = read_text(options.wcet);
  if (!result) return std::unexpected(result.error());
  const auto proposal = propose_budgets(verdicts, *result, options.margin);
  if (!proposal) return std::unexpected(proposal.error());
  json["wcet"] = proposal_json(*proposal, options.margin);
  text += render_proposal(*proposal, options.margin) + "\n";
  return {};
}

Outcome<int> print_verdicts(const Paths& paths, const AdmitOptions& options, std::vector<IslandVerdict> verdicts) {
  const bool admitted = std::ranges::all_of(verdicts, &IslandVerdict::admitted);
  if (options.json) {
    Json json{
        {"file", options.file}, {"verdict", admitted ? "admitted" : "refused"}, {"machine", options.machine}};
    json["analysed_only"] = options.analyse_only;
    json["islands"] = Json::array();
    for (const auto& verdict : verdicts) json["islands"].push_back(island_json(verdict));
    std::string ignored;
    if (auto added = add_views(paths, options, verdicts, json, ignored); !added) return std::unexpected(added.error());
    print(json);
  } else {
    Json ignored;
    std::string views;
    if (auto added = add_views(paths, options, verdicts, ignored, views); !added) return std::unexpected(added.error());
    for (const auto& verdict : verdicts) fmt::print("{}\n", render_island(verdict));
    fmt::print("{}", views);
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
  if (auto findings = check_files(paths, *file); !findings.empty()) return report_wrong(options, CompileFailure(findings));
  const auto manifest = file->message.root<schema::SystemManifest>();
  if (options.show) {
    const auto text = show_elaborated(paths, manifest, file->constant);
    if (!text) return std::unexpected(text.error());
    fmt::print("{}", *text);
    return kExitFine;
  }
  const auto machine = compile_machine(paths, options.machine);
  if (!machine) return std::unexpected(show(machine.error()));
  const auto params = machine->message.root<schema::MachineParams>();
  if (auto current = check_stamp(paths, params, options.machine); !current) return std::unexpected(current.error());
  const Message fitted =
      machine_for(machine->message.root<schema::MachineParams>(), manifest.kernel_params().cpus());
  return print_verdicts(paths, options, admit_islands(manifest, fitted.root<schema::MachineParams>(), runs));
}

}  // namespace capos::cli
