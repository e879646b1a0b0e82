// SPDX-License-Identifier: Apache-2.0
#include "admission.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <array>

#include "../support/files.hpp"
#include "../support/process.hpp"
#include "../support/temporary.hpp"
#include "pack.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string refusal_of(const admission::IslandAdmission& admission) {
  std::array<char, 2048> buffer{};
  admission::TextWriter out(buffer);
  admission.write_refusal(out);
  return std::string(out.view());
}

std::string cpus_of(const IslandVerdict& verdict) {
  std::string text;
  for (const auto cpu : verdict.cpus) text += fmt::format("{}{}", text.empty() ? "" : ", ", cpu);
  return text;
}

// Who shares CPUs with it, directly or through others, and was analysed with it.
std::vector<std::string> others_of(const IslandVerdict& verdict) {
  const auto& model = verdict.admission->model();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < model.view.islands.size(); ++i) {
    if (i != model.own) names.emplace_back(model.parts[i].name);
  }
  return names;
}

std::string beside(const IslandVerdict& verdict) {
  std::string text;
  for (const auto& name : others_of(verdict)) text += (text.empty() ? ", together with " : ", ") + name;
  return text;
}

std::string signed_us(std::int64_t ns) {
  return ns < 0 ? "-" + exact_us(static_cast<std::uint64_t>(-ns)) : exact_us(static_cast<std::uint64_t>(ns));
}

std::string task_row(const admission::TaskResult& task) {
  return fmt::format("  {:<20} {:>3} {:>5} {:>13} {:>12} {:>12} {:>13} {:>13} {:>6.1f}%\n", task.name,
                     task.cpu, task.priority, exact_us(task.period_ns), exact_us(task.budget_ns),
                     exact_us(task.deadline_ns), task.bounded ? exact_us(task.response_ns) : "none",
                     task.bounded ? signed_us(task.slack_ns) : "none", task.utilisation_ppm / 1e4);
}

Json task_json(const admission::TaskResult& task) {
  Json json{
      {"name", task.name},
      {"cpu", task.cpu},
      {"priority", task.priority},
      {"period_ns", task.period_ns},
      {"period_exact", {{"numerator", task.period.numerator}, {"denominator", task.period.denominator}}},
      {"budget_ns", task.budget_ns},
      {"deadline_ns", task.deadline_ns},
      {"utilisation_ppm", task.utilisation_ppm},
      {"fits", task.fits}};
  json["response_bound_ns"] = task.bounded ? Json(task.response_ns) : Json(nullptr);
  json["slack_ns"] = task.bounded ? Json(task.slack_ns) : Json(nullptr);
  return json;
}

}  // namespace

std::string exact_us(std::uint64_t ns) {
  std::array<char, 40> buffer{};
  admission::TextWriter out(buffer);
  admission::write_us_unit(out, ns);
  return std::string(out.view());
}

std::vector<IslandVerdict> admit_islands(schema::SystemManifest::Reader manifest,
                                         schema::MachineParams::Reader machine, std::uint32_t runs) {
  const auto overheads = admission::overheads_of(machine, manifest.kernel_params().cpus());
  std::vector<IslandVerdict> verdicts;
  const auto count = manifest.init_config().islands().size();
  for (std::uint32_t i = 0; i < count; ++i) {
    IslandVerdict verdict{std::make_unique<admission::IslandAdmission>(), {}, ""};
    for (const auto cpu : manifest.init_config().islands()[i].cpus()) verdict.cpus.push_back(cpu);
    if (!verdict.admission->run(manifest, static_cast<std::uint16_t>(i), overheads, runs)) {
      verdict.refusal = refusal_of(*verdict.admission);
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

std::string render_island(const IslandVerdict& verdict) {
  const auto& report = verdict.admission->report();
  const bool edf = verdict.admission->model().view.policy == sched::Policy::edf;
  std::string text = fmt::format("island {} on CPU {}{}{}: {}\n", report.island, cpus_of(verdict), edf ? ", EDF" : "",
                                 beside(verdict), verdict.admitted() ? "admitted" : "REFUSED");
  text += fmt::format("  {:<20} {:>3} {:>5} {:>13} {:>12} {:>12} {:>13} {:>13} {:>7}\n", "task", "cpu",
                      "prio", "period", "budget", "deadline", "response at most", "slack", "use");
  for (const auto& task : report.all_tasks()) text += task_row(task);
  for (const auto& chain : report.all_chains()) {
    text += fmt::format("  chain {}: at most {}, bound {}{}\n", chain.name, exact_us(chain.latency_ns),
                        exact_us(chain.bound_ns), chain.fits ? "" : "  DOES NOT FIT");
  }
  if (!verdict.admitted()) text += verdict.refusal + "\n";
  return text;
}

Json island_json(const IslandVerdict& verdict) {
  const auto& report = verdict.admission->report();
  Json json{{"name", report.island}, {"admitted", verdict.admitted()}, {"refusal", verdict.refusal}};
  json["policy"] = verdict.admission->model().view.policy == sched::Policy::edf ? "edf" : "fixedPriority";
  json["cpus"] = verdict.cpus;
  json["together_with"] = others_of(verdict);
  json["tasks"] = Json::array();
  for (const auto& task : report.all_tasks()) json["tasks"].push_back(task_json(task));
  json["chains"] = Json::array();
  for (const auto& chain : report.all_chains()) {
    json["chains"].push_back({{"name", chain.name},
                              {"bound_ns", chain.bound_ns},
                              {"latency_ns", chain.latency_ns},
                              {"fits", chain.fits}});
  }
  return json;
}

Outcome<std::string> show_elaborated(const Paths& paths, schema::SystemManifest::Reader manifest,
                                     const std::string& name) {
  const auto scratch_model = std::make_unique<admission::IslandModel>();
  const Message full = build_message([&](wire::MessageBuilder& message) {
    (void)admission::build_elaborated(manifest, *scratch_model, message);
  });
  const auto scratch = TemporaryDirectory::make();
  if (!scratch) return std::unexpected(scratch.error());
  SpawnOptions options;
  options.stdin_file = scratch->path() / "manifest";
  if (auto written = write_pack(full, options.stdin_file); !written) return std::unexpected(written.error());
  const auto run = capture({"capnp", "convert", "binary:text", "-I" + paths.schema().string(),
                            (paths.schema() / "capos" / "manifest.capnp").string(), "SystemManifest"},
                           std::chrono::seconds(30), options);
  if (!run) return std::unexpected(run.error());
  if (!run->state.exited(0))
    return problem("capnp convert failed: " + run->err, "check `capnp --version`: 0.9 or later");
  std::string body = run->out;
  while (body.ends_with('\n')) body.pop_back();
  return fmt::format("using M = import \"/capos/manifest.capnp\";\n\nconst {} :M.SystemManifest = {};\n",
                     name, body);
}

}  // namespace capos::cli
