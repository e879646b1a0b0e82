// SPDX-License-Identifier: Apache-2.0
// Systems measured beside each other: one table, one JSON array, one page with all distributions in one plot.
//
// Deterministic: equal comparisons give equal bytes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "capos/report/distribution.hpp"

namespace capos::report {

struct ComparedRun {
  std::string system, options, load, unit;
  Distribution distribution;
  std::string operation{};  // what was measured; "": a wake-up
};

// A table of text beside that of the runs.
struct ComparedTable {
  struct Column {
    std::string title;
    bool left = false;  // aligned so
  };
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // as many cells as there are columns
};

struct Comparison {
  std::string title;
  std::vector<ComparedRun> runs;  // in the table's order
  std::vector<ComparedRun> operations{};  // in the JSON's array after the runs, and nowhere else
  std::vector<ComparedTable> tables{};    // after the runs, for people
  std::vector<std::pair<std::string, std::string>> facts;  // name, text: machine, versions, loads
  std::vector<std::string> statements;                     // what the figures mean, and what they cannot show
  std::vector<std::pair<std::string, std::string>> commands;  // of each run: its name, the exact command
};

// A row for each run: min, median, p99, p99.9, max, samples, overflow. Ends with a newline.
[[nodiscard]] std::string render_comparison_table(const Comparison& comparison);
// Its title, its columns' titles, its rows, each on a line.
[[nodiscard]] std::string render_table_text(const ComparedTable& table);
// Array of {system, options, load, unit, min, p50, p99, p999, max, samples, overflow}, those of `operations` with
// "operation". Ends with a newline.
[[nodiscard]] std::string render_comparison_json(const Comparison& comparison);
// Self-contained page (inline style and SVG, nothing fetched).
[[nodiscard]] std::string render_comparison_html(const Comparison& comparison);

}  // namespace capos::report
