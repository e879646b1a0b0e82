// SPDX-License-Identifier: Apache-2.0
// What every verb is given, and how verbs are added to the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "support/paths.hpp"
#include "support/problem.hpp"

namespace capos::cli {

// Runs a verb; the value is the exit status.
using Action = std::function<Outcome<int>(const Paths&)>;

// Each adds its verb to `app` and, when the verb is the one given, stores what to do in `action`.
void add_admit(CLI::App& app, Action& action);
void add_probe(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_gdb(CLI::App& app, Action& action);
void add_test(CLI::App& app, Action& action);

}  // namespace capos::cli
