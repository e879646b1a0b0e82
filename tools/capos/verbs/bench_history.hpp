// SPDX-License-Identifier: Apache-2.0
// What benches found, run by run: out/bench/history/history.jsonl, a JSON object a line, never changed once written.
//   {"time": "2026-11-26T23:00:00Z", "commit": "35f10d3", "changed": false, "suites": {"ipc": [BENCH LINE...], ...}}
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "../support/paths.hpp"
#include "../support/problem.hpp"

namespace capos::cli {

[[nodiscard]] std::filesystem::path history_file(const Paths& paths);

// An entry of now and of the source tree's commit, with the JSON arrays that benches write, by suite.
[[nodiscard]] nlohmann::ordered_json history_entry(const Paths& paths, const nlohmann::ordered_json& suites);
// Adds a line. Errors: the file cannot be written.
[[nodiscard]] Outcome<void> append_history(const Paths& paths, const nlohmann::ordered_json& entry);

// What `name` means: a file (a history: its last line; one entry; or the array that `./capos bench ipc --json FILE` wrote),
// a position in the history (1: the oldest), "last", or "last~N". Errors: there is no such, it is not of this form.
[[nodiscard]] Outcome<nlohmann::ordered_json> find_entry(const Paths& paths, const std::string& name);

// A figure of two entries. The names are "suite.row".
struct Moved {
  std::string name, unit;
  std::optional<double> median_before, median_after, max_before, max_after;  // none: not measured there
  [[nodiscard]] double median_change() const { return median_after.value_or(0) - median_before.value_or(0); }
  [[nodiscard]] double max_change() const { return max_after.value_or(0) - max_before.value_or(0); }
  [[nodiscard]] bool in_both() const { return median_before && median_after; }
  [[nodiscard]] bool moved() const { return !in_both() || median_change() != 0 || max_change() != 0; }
};
// Every figure of either, in the order of the first, then those that only the second has.
[[nodiscard]] std::vector<Moved> compare_entries(const nlohmann::ordered_json& before, const nlohmann::ordered_json& after);

}  // namespace capos::cli
