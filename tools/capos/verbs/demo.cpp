// SPDX-License-Identifier: Apache-2.0
// ./capos demo: the pendulum. Exit status 0 when everything that was promised was kept, 1 when not.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "../support/files.hpp"
#include "capos/report/render.hpp"
#include "trial.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

constexpr double kNsPerSecond = 1e9;

TrialRequest request_of(const Paths& paths, const DemoOptions& options) {
  TrialRequest request;
  request.file = (paths.configs() / "demo.capnp").string();
  request.title = "demo";
  request.out_name = "demo";
  request.duration_ns = static_cast<std::uint64_t>(std::llround(options.seconds * kNsPerSecond));
  request.adjustment = {options.load, options.cpus, options.fault, request.duration_ns / 5 * 2};
  request.accelerator = options.accelerator;
  request.wall = std::chrono::seconds(options.timeout);
  request.verbose = options.verbose;
  request.quiet = options.json == "-";
  request.visible_memory = true;
  return request;
}

Outcome<void> write_json(const report::Result& result, const std::string& file) {
  if (file.empty()) return {};
  if (file != "-") return write_text(file, report::render_json(result));
  fmt::print("{}", report::render_json(result));
  return {};
}

}  // namespace

Outcome<int> demo(const Paths& paths, const DemoOptions& options) {
  const auto trial = prepare_trial(paths, request_of(paths, options));
  if (!trial) return std::unexpected(trial.error());
  const auto session = boot(paths, trial->session_inputs());
  if (!session) return std::unexpected(session.error());
  tell_end(*session);
  const auto result = judge_run(*trial, *session);
  if (!result) return std::unexpected(result.error());
  if (auto done = write_report(*result, session->directory); !done) return std::unexpected(done.error());
  if (auto done = write_json(*result, options.json); !done) return std::unexpected(done.error());
  if (options.json != "-") {
    fmt::print("report: {}\n\n", (session->directory / "report.html").string());
    fmt::print("{}", report::render_table(*result, {.colour = isatty(STDOUT_FILENO) != 0}));
  }
  return result->passed ? kExitFine : kExitFailed;
}

}  // namespace capos::cli
