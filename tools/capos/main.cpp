// SPDX-License-Identifier: Apache-2.0
// The capos command line: parses, runs one verb, reports its problem as one line of cause and one of remedy.
#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <string>

#include "command.hpp"
#include "support/files.hpp"
#include "support/interrupt.hpp"

namespace capos::cli {
namespace {

int report(const Problem& problem) {
  if (!problem.shown) fmt::print(stderr, "capos: error: {}\n  remedy: {}\n", problem.cause, problem.remedy);
  return problem.exit_code;
}

// A wrong command line: CLI11's own text for help and version, ours for mistakes.
int report(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const auto verbs = app.get_subcommands();
  const std::string verb = verbs.empty() ? "" : " " + verbs.front()->get_name();
  return report(Problem{error.what(), "./capos" + verb + " --help lists what there is"});
}

int run(int count, char** words) {
  CLI::App app("capOS: a realtime-island microkernel", "./capos");
  app.set_version_flag("--version", std::string("capos " CAPOS_VERSION));
  app.require_subcommand(1);
  Action action;
  add_probe(app, action);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return report(app, error);
  }
  const auto paths = find_paths();
  if (!paths) return report(paths.error());
  const auto status = action(*paths);
  return status ? *status : report(status.error());
}

}  // namespace
}  // namespace capos::cli

int main(int count, char** words) {
  capos::cli::catch_interrupts();
  try {
    return capos::cli::run(count, words);
  } catch (const std::exception& error) {  // out of memory, and the like
    fmt::print(stderr, "capos: error: {}\n  remedy: report this with the command line that led to it\n",
               error.what());
    return capos::cli::kExitFailed;
  }
}
