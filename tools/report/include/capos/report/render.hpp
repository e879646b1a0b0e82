// SPDX-License-Identifier: Apache-2.0
// A result as text for the terminal, as JSON for machines, and as one HTML page for people.
//
// Deterministic: equal results give equal bytes. In JSON, what depends on the host is under the one key
// "host".
#pragma once

#include <string>
#include <vector>

#include "capos/report/analyse.hpp"
#include "capos/report/result.hpp"

namespace capos::report {

struct TableStyle {
  bool colour = false;  // ANSI colours
};

// The table, the pendulum's line, notable events, and last the verdict line. Ends with a newline.
[[nodiscard]] std::string render_table(const Result& result, TableStyle style = {});
// "PASS: ..." or "FAIL: ..." on one line, without a newline.
[[nodiscard]] std::string verdict_line(const Result& result);
// result.json: two-space indentation, ends with a newline.
[[nodiscard]] std::string render_json(const Result& result);
// report.html: self-contained (inline style and SVG, nothing fetched), light and dark.
[[nodiscard]] std::string render_html(const Result& result);

// The array of the bench verbs. Ends with a newline.
[[nodiscard]] std::string render_bench_json(const std::vector<BenchLine>& lines);

// "120 us", "1.24 ms", "3 565 ns": at most four digits, for people.
[[nodiscard]] std::string format_ns(std::uint64_t ns);

}  // namespace capos::report
