// SPDX-License-Identifier: Apache-2.0
// ./capos run MANIFEST: boots a manifest and shows its console; with islands, also their table and verdict.
#include <fmt/core.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../support/files.hpp"
#include "capos/report/render.hpp"
#include "trial.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

TrialRequest request_of(const RunOptions& options) {
  TrialRequest request;
  request.file = options.file;
  request.title = std::filesystem::path(options.file).stem().string();
  request.out_name = options.out;
  request.load_name = "as the manifest says";
  request.accelerator = options.accelerator;
  request.duration_ns = static_cast<std::uint64_t>(std::llround(options.seconds * 1e9));
  request.wall = std::chrono::seconds(options.timeout);
  request.force = options.force;
  request.verbose = options.verbose;
  request.quiet = options.json;
  request.visible_memory = true;
  return request;
}

// A machine without islands, without a channel to the host, or that did not get as far as to use it, is
// judged by its end alone.
int report_end(const RunOptions& options, const Session& session) {
  if (options.json) {
    const nlohmann::ordered_json json{{"verdict", session.end.fine() ? "pass" : "fail"},
                                      {"guest_code", session.end.guest_code},
                                      {"note", session.end.note}};
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("{}\n", session.end.fine() ? "PASS: the machine ended in order" : "FAIL: " + session.end.note);
  }
  return session.end.fine() ? kExitFine : kExitFailed;
}

}  // namespace

Outcome<int> run(const Paths& paths, const RunOptions& options) {
  const auto trial = prepare_trial(paths, request_of(options));
  if (!trial) return std::unexpected(trial.error());
  const auto session = boot(paths, trial->session_inputs());
  if (!session) return std::unexpected(session.error());
  if (!options.json) fmt::print("{}", read_text(session->spec.console).value_or(""));
  if (trial->verdicts.empty() || session->spec.microvm) return report_end(options, *session);
  const auto result = judge_run(*trial, *session);
  if (!result) return report_end(options, *session);
  if (auto done = write_report(*result, session->directory); !done) return std::unexpected(done.error());
  fmt::print("{}", options.json ? report::render_json(*result)
                                : report::render_table(*result, {.colour = isatty(STDOUT_FILENO) != 0}));
  return result->passed ? kExitFine : kExitFailed;
}

}  // namespace capos::cli
