// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "capos/report/render.hpp"
#include "format.hpp"
#include "names.hpp"
#include "sentences.hpp"

namespace capos::report {
namespace {

using Row = std::vector<std::string>;

struct Colours {
  const char *bold = "", *dim = "", *good = "", *bad = "", *off = "";
};
Colours colours_of(TableStyle style) {
  if (!style.colour) return {};
  return {"\x1b[1m", "\x1b[2m", "\x1b[1;32m", "\x1b[1;31m", "\x1b[0m"};
}

// Columns as wide as their widest cell, two spaces apart; the first is left-aligned, the others
// right-aligned.
std::string align(const std::vector<Row>& rows, const Colours& colours, std::size_t headings) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line = "  ";
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      line += i == 0 ? fmt::format("{:<{}}", rows[r][i], widths[i])
                     : fmt::format("  {:>{}}", rows[r][i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += r < headings ? colours.dim + line + colours.off + "\n" : line + "\n";
  }
  return text;
}

Row task_row(const IslandResult& island, const TaskResult& task) {
  const auto time = [&](const Summary& summary, std::uint64_t value) {
    return summary.samples == 0 ? std::string("-") : format_ns(value);
  };
  return {full_name(island.name, task.input.name),
          format_ns(task.input.period_ns()),
          format_ns(task.input.deadline_ns),
          format_ns(task.input.budget_ns),
          format_ns(task.input.response_bound_ns),
          time(task.response, task.response.p50),
          time(task.response, task.response.p99),
          time(task.response, task.response.max),
          time(task.wakeup, task.wakeup.p50),
          time(task.wakeup, task.wakeup.max),
          group_digits(task.jobs),
          group_digits(task.misses),
          group_digits(task.overruns)};
}

std::string task_table(const Result& result, const Colours& colours) {
  std::vector<Row> rows{{"", "", "", "", "admitted", "response", "", "", "wake-up", "", "", "", ""},
                        {"task", "period", "deadline", "budget", "bound", "median", "p99", "max", "median",
                         "max", "jobs", "misses", "overruns"}};
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) rows.push_back(task_row(island, task));
  }
  return align(rows, colours, 2);
}

std::string title_line(const Result& result, const Colours& colours) {
  std::string text = fmt::format("{}capOS {}{}", colours.bold, result.inputs.title, colours.off);
  for (const std::string& part : heading_parts(result)) text += " | " + part;
  return text + "\n";
}

std::string notable(const Result& result) {
  constexpr std::size_t kMost = 12;
  std::string text;
  std::size_t shown = 0, more = 0;
  for (const TimelineItem& item : result.timeline) {
    if (item.severity == Severity::information) continue;
    if (shown++ < kMost) {
      text += fmt::format("  {:>10}  {}: {}\n", format_since(item.time_ns, result.start_ns), item.who,
                          timeline_text(item, result.start_ns));
    } else {
      ++more;
    }
  }
  if (more != 0) text += fmt::format("  and {} more, see the report\n", more);
  return text.empty() ? text : "What happened (time after the islands' start):\n" + text + "\n";
}

}  // namespace

std::string render_table(const Result& result, TableStyle style) {
  const Colours colours = colours_of(style);
  std::string text = title_line(result, colours) + "\n" + task_table(result, colours) + "\n";
  for (const IsolatedCpu& cpu : result.isolated_cpus) text += "  " + interrupt_sentence(cpu) + "\n";
  for (const IslandResult& island : result.islands) {
    for (const ChainResult& chain : island.chains) text += "  " + chain_sentence(island.name, chain) + "\n";
  }
  if (result.pendulum) text += "  " + pendulum_sentence(*result.pendulum) + "\n";
  if (result.media) text += "  " + media_sentence(*result.media) + "\n";
  if (result.fault) text += "  " + fault_sentence(*result.fault) + "\n";
  text += "\n" + notable(result);
  for (std::size_t i = 1; i < result.reasons.size(); ++i) text += "  also: " + result.reasons[i] + "\n";
  return text + (result.passed ? colours.good : colours.bad) + verdict_line(result) + colours.off + "\n";
}

}  // namespace capos::report
