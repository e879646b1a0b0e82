// SPDX-License-Identifier: Apache-2.0
#include "trial.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "../manifest/files.hpp"
#include "../manifest/pack.hpp"
#include "../manifest/stamp.hpp"
#include "../support/files.hpp"
#include "capos/media/wav_writer.hpp"
#include "capos/report/analyse.hpp"
#include "capos/report/channel.hpp"
#include "capos/report/render.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

void say(const Trial& trial, const std::string& text) {
  if (!trial.request.quiet) fmt::print(stderr, "capos: {}\n", text);
}

// What flags made of a valid manifest may break a rule; its places are in no file, so the first is told as it
// is.
Outcome<void> recheck(const Trial& trial, CompiledFile& file) {
  file.message =
      Message(std::vector<wire::Word>(trial.manifest.words().begin(), trial.manifest.words().end()));
  const auto findings = check_manifest(file);
  if (findings.empty()) return {};
  return problem(fmt::format("with these flags {} breaks a rule: [{}] {}", file.shown, findings[0].rule,
                             findings[0].message),
                 findings[0].hint.empty() ? "give other flags" : findings[0].hint);
}

Outcome<void> compile_and_adjust(const Paths& paths, Trial& trial) {
  auto file = compile_manifest(paths, trial.request.file);
  if (!file) return std::unexpected(show(file.error()));
  if (auto findings = check_manifest(*file); !findings.empty()) {
    if (!trial.request.force) return std::unexpected(show(CompileFailure(findings)));
    fmt::print(stderr, "{}", format(findings));
    trial.breaks_rules = true;
  }
  if (auto findings = check_files(paths, *file); !findings.empty()) return std::unexpected(show(CompileFailure(findings)));
  trial.manifest = adjust(file->message.root<schema::SystemManifest>(), trial.request.adjustment);
  return trial.request.force ? Outcome<void>{} : recheck(trial, *file);
}

Outcome<void> load_machine(const Paths& paths, Trial& trial) {
  const char* const name = is_deterministic(trial.accelerator.accelerator) ? "deterministic" : "kvm";
  const auto machine = compile_machine(paths, name);
  if (!machine) return std::unexpected(show(machine.error()));
  const auto params = machine->message.root<schema::MachineParams>();
  if (auto current = check_stamp(paths, params, name); !current) return std::unexpected(current.error());
  trial.machine = machine_for(machine->message.root<schema::MachineParams>(),
                              trial.manifest_root().kernel_params().cpus());
  return {};
}

std::string bounds_of(const IslandVerdict& verdict) {
  std::string text;
  for (const auto& task : verdict.admission->report().all_tasks()) {
    text += fmt::format("{}{} within {}", text.empty() ? "" : ", ", task.name, exact_us(task.response_ns));
  }
  for (const auto& chain : verdict.admission->report().all_chains()) {
    text += fmt::format(", {} within {}", chain.name, exact_us(chain.latency_ns));
  }
  return text;
}

Outcome<void> admit_all(Trial& trial) {
  if (trial.breaks_rules) return {};
  trial.verdicts = admit_islands(trial.manifest_root(), trial.machine_root());
  for (const auto& verdict : trial.verdicts) {
    if (verdict.admitted()) {
      say(trial,
          fmt::format("island {} is admitted: {}", verdict.admission->report().island, bounds_of(verdict)));
    } else if (trial.request.force) {
      say(trial, fmt::format("REFUSED, and booted all the same (--force): {}", verdict.refusal));
    } else {
      return std::unexpected(Problem{"refused: " + verdict.refusal,
                                     fmt::format("./capos admit {} shows all of it", trial.request.file),
                                     kExitRefused});
    }
  }
  return {};
}

}  // namespace

SessionInputs Trial::session_inputs() const {
  SessionInputs inputs;
  inputs.name = request.out_name;
  inputs.manifest = manifest_root();
  inputs.machine = machine_root();
  inputs.manifest_directory = fs::absolute(request.file).parent_path();
  inputs.accelerator = accelerator;
  inputs.duration_ns = request.duration_ns;
  inputs.trace_switches = request.trace_switches;
  inputs.visible_memory = request.visible_memory;
  inputs.wall = request.wall;
  inputs.verbose = request.verbose;
  inputs.progress = !request.quiet;
  return inputs;
}

Outcome<Trial> prepare_trial(const Paths& paths, TrialRequest request) {
  Trial trial;
  trial.request = std::move(request);
  if (auto done = compile_and_adjust(paths, trial); !done) return std::unexpected(done.error());
  trial.accelerator = choose_accelerator(paths, trial.request.accelerator);
  say(trial, trial.accelerator.reason);
  if (auto done = load_machine(paths, trial); !done) return std::unexpected(done.error());
  if (auto done = admit_all(trial); !done) return std::unexpected(done.error());
  return trial;
}

Outcome<report::Result> judge_run(const Trial& trial, const Session& session) {
  const auto recording = report::read_recording(session.spec.channel);
  if (!recording) {
    return problem("the run left no recording: " + recording.error().text,
                   fmt::format("read {}; the machine's end: {}", session.spec.console.string(),
                               session.end.note.empty() ? "orderly" : session.end.note));
  }
  const std::string name =
      fs::path(trial.request.file).filename().string();  // no part of it depends on the host
  ReportSubject subject{trial.request.title, name, trial.request.adjustment, trial.request.duration_ns};
  if (!trial.request.load_name.empty()) subject.adjustment.load = trial.request.load_name;
  const auto inputs = report_inputs(subject, trial.manifest_root(), trial.machine_root(), trial.verdicts,
                                    trial.accelerator, session);
  return report::analyse(*recording, inputs);
}

Outcome<void> write_report(const report::Result& result, const fs::path& directory) {
  if (auto done = write_text(directory / "result.json", report::render_json(result)); !done) return done;
  if (result.media) {
    const auto wav = media::float_wav(result.media->samples);
    if (auto done = write_bytes(directory / "audio.wav", wav); !done) return done;
  }
  return write_text(directory / "report.html", report::render_html(result));
}

void tell_end(const Session& session) {
  if (session.end.fine()) return;
  fmt::print(stderr, "capos: {}; the console's end:\n", session.end.note);
  fmt::print(stderr, "{}\n", console_end(session.spec.console));
}

}  // namespace capos::cli
