// SPDX-License-Identifier: Apache-2.0
// ./capos trace MANIFEST -o FILE: boots a manifest, and writes what happened as a timeline for Perfetto.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "../support/files.hpp"
#include "capos/report/channel.hpp"
#include "capos/report/perfetto.hpp"
#include "trial.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

TrialRequest request_of(const TraceOptions& options) {
  TrialRequest request;
  request.file = options.file;
  request.title = std::filesystem::path(options.file).stem().string();
  request.out_name = "trace";
  request.adjustment.load = options.load;
  request.adjustment.cpus = options.cpus;
  request.accelerator = options.accelerator;
  request.duration_ns = static_cast<std::uint64_t>(std::llround(options.seconds * 1e9));
  request.quiet = options.json;
  request.trace_switches = !options.jobs_only;
  return request;
}

std::ptrdiff_t of_kind(const report::Recording& recording, report::Kind kind) {
  return std::ranges::count(recording.events, kind, &report::Event::kind);
}

}  // namespace

Outcome<int> trace(const Paths& paths, const TraceOptions& options) {
  const auto trial = prepare_trial(paths, request_of(options));
  if (!trial) return std::unexpected(trial.error());
  const auto session = boot(paths, trial->session_inputs());
  if (!session) return std::unexpected(session.error());
  tell_end(*session);
  const auto result = judge_run(*trial, *session);
  if (!result) return std::unexpected(result.error());
  const auto recording = report::read_recording(session->spec.channel);
  if (!recording) return problem(recording.error().text, "read " + session->spec.console.string());
  const std::string bytes =
      report::render_perfetto(*recording, result->inputs, result->media ? std::span<const report::XrunItem>(result->media->xruns) : std::span<const report::XrunItem>());
  const auto file = options.output.empty() ? session->directory / "trace.pftrace" : std::filesystem::path(options.output);
  if (auto written = write_text(file, bytes); !written) return std::unexpected(written.error());
  if (options.json) {
    const nlohmann::ordered_json json{{"file", file.string()},
                                      {"bytes", bytes.size()},
                                      {"events", recording->events.size()},
                                      {"switches", of_kind(*recording, report::Kind::dispatch)},
                                      {"interrupts", of_kind(*recording, report::Kind::interrupt)},
                                      {"lent", of_kind(*recording, report::Kind::lend)},
                                      {"dropped_events", result->dropped_events},
                                      {"verdict", result->passed ? "pass" : "fail"}};
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("{}: {} events, {} bytes; open it in Perfetto (ui.perfetto.dev)\n", file.string(), recording->events.size(),
               bytes.size());
    if (result->dropped_events != 0) fmt::print("{} events were dropped: the timeline has gaps\n", result->dropped_events);
  }
  if (!options.json && !result->passed) fmt::print("FAIL: {}\n", result->reasons.front());
  return session->end.fine() && result->passed ? kExitFine : kExitFailed;
}

}  // namespace capos::cli
