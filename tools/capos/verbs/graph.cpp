// SPDX-License-Identifier: Apache-2.0
// ./capos graph MANIFEST: draws the admitted system. Exit status 0; 2 if an island is refused (drawn all the same).
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../manifest/admission.hpp"
#include "../manifest/check.hpp"
#include "../manifest/graph.hpp"
#include "../manifest/pack.hpp"
#include "../manifest/stamp.hpp"
#include "../support/files.hpp"
#include "../support/process.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

// Graphviz makes the picture; it is a program of its own.
Outcome<void> draw_svg(const std::filesystem::path& dot, const std::filesystem::path& svg) {
  const auto run = capture({"dot", "-Tsvg", "-o", svg.string(), dot.string()}, std::chrono::minutes(2));
  if (!run) return problem("cannot run Graphviz's dot: " + run.error().cause, "apt-get install graphviz");
  if (!run->state.exited(0)) return problem("dot failed: " + run->err, "look at " + dot.string());
  return {};
}

}  // namespace

Outcome<int> graph(const Paths& paths, const GraphOptions& options) {
  const auto file = compile_manifest(paths, options.file);
  if (!file) return std::unexpected(show(file.error()));
  if (auto findings = check_manifest(*file); !findings.empty()) return std::unexpected(show(CompileFailure(findings)));
  const auto machine = compile_machine(paths, options.machine);
  if (!machine) return std::unexpected(show(machine.error()));
  const auto params = machine->message.root<schema::MachineParams>();
  if (auto current = check_stamp(paths, params, options.machine); !current) return std::unexpected(current.error());
  const auto manifest = file->message.root<schema::SystemManifest>();
  const Message fitted = machine_for(params, manifest.kernel_params().cpus());
  const auto verdicts = admit_islands(manifest, fitted.root<schema::MachineParams>());
  const std::string title = std::filesystem::path(options.file).filename().string();
  const auto directory = options.output.empty() ? paths.out("graph") : std::filesystem::path(options.output);
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  const auto stem = std::filesystem::path(title).stem().string();
  const auto dot = directory / (stem + ".dot"), svg = directory / (stem + ".svg");
  if (auto written = write_text(dot, render_dot(manifest, verdicts, title)); !written) return std::unexpected(written.error());
  if (auto drawn = draw_svg(dot, svg); !drawn) return std::unexpected(drawn.error());
  const bool admitted = std::ranges::all_of(verdicts, &IslandVerdict::admitted);
  if (options.json) {
    const nlohmann::ordered_json json{
        {"dot", dot.string()}, {"svg", svg.string()}, {"verdict", admitted ? "admitted" : "refused"}};
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("{}\n{}\n{}: {}\n", dot.string(), svg.string(), options.file, admitted ? "admitted" : "REFUSED");
  }
  return admitted ? kExitFine : kExitRefused;
}

}  // namespace capos::cli
