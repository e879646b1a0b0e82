// SPDX-License-Identifier: Apache-2.0
// The top of the page: verdict, key figures, and the table of promises.
#include <fmt/format.h>

#include <algorithm>

#include "capos/report/render.hpp"
#include "charts.hpp"
#include "format.hpp"
#include "judge.hpp"
#include "names.hpp"
#include "page.hpp"
#include "sentences.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

constexpr const char* kTick =
    "<svg class=\"mark-sign sign\" viewBox=\"0 0 52 52\" aria-hidden=\"true\"><circle cx=\"26\" cy=\"26\" "
    "r=\"24\" "
    "fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\"/><path d=\"M15 27l8 8 15-17\" fill=\"none\" "
    "stroke=\"currentColor\" stroke-width=\"4\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>";
constexpr const char* kCross =
    "<svg class=\"mark-sign sign\" viewBox=\"0 0 52 52\" aria-hidden=\"true\"><circle cx=\"26\" cy=\"26\" "
    "r=\"24\" "
    "fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\"/><path d=\"M17 17l18 18M35 17L17 35\" "
    "fill=\"none\" "
    "stroke=\"currentColor\" stroke-width=\"4\" stroke-linecap=\"round\"/></svg>";

std::string fact(const std::string& name, const std::string& value, const std::string& note,
                 bool bad = false) {
  return fmt::format("<div class=\"fact{}\"><dt>{}</dt><dd>{}<small>{}</small></dd></div>\n",
                     bad ? " bad" : "", escape_html(name), escape_html(value), escape_html(note));
}

struct Totals {
  std::uint64_t jobs = 0, misses = 0, overruns = 0;
  const TaskResult* tightest = nullptr;  // the slowest response relative to its bound
};

double used(const TaskResult& task) {
  const std::uint64_t bound = std::max<std::uint64_t>(task.input.response_bound_ns, 1);
  return static_cast<double>(task.response.max) / static_cast<double>(bound);
}

Totals totals_of(const Result& result) {
  Totals totals;
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) {
      totals.jobs += task.jobs;
      totals.misses += task.misses;
      totals.overruns += task.overruns;
      if (totals.tightest == nullptr || used(task) > used(*totals.tightest)) totals.tightest = &task;
    }
  }
  return totals;
}

std::string count_cell(std::uint64_t count) {
  return fmt::format("<td{}>{}</td>", count != 0 ? " class=\"bad\"" : "", group_digits(count));
}

std::string task_row(const IslandResult& island, const TaskResult& task) {
  const std::string name = full_name(island.name, task.input.name);
  const bool over = task.response.max > task.input.response_bound_ns;
  std::string row = fmt::format("<tr><th scope=\"row\">{}</th>", escape_html(name));
  for (const std::uint64_t time : {task.input.period_ns(), task.input.deadline_ns, task.input.budget_ns,
                                   task.input.response_bound_ns, task.response.p50, task.response.p99}) {
    row += fmt::format("<td>{}</td>", format_ns(time));
  }
  row += fmt::format("<td{}>{}</td><td class=\"left\">{} {}</td>", over ? " class=\"bad\"" : "",
                     format_ns(task.response.max), draw_headroom(task, name), format_percent(used(task), 1));
  row += fmt::format("<td>{}</td><td>{}</td>", format_ns(task.wakeup.p50), format_ns(task.wakeup.max));
  return row + fmt::format("<td>{}</td>{}{}</tr>\n", group_digits(task.jobs), count_cell(task.misses),
                           count_cell(task.overruns));
}

constexpr const char* kTaskHead = R"html(<thead><tr><th rowspan="2" scope="col">task</th>
<th class="group" colspan="4" scope="colgroup">promised</th>
<th class="group" colspan="4" scope="colgroup">response observed</th>
<th class="group" colspan="2" scope="colgroup">wake-up</th>
<th class="group" colspan="3" scope="colgroup">count</th></tr>
<tr><th scope="col">period</th><th scope="col">deadline</th><th scope="col">budget</th><th scope="col">bound</th>
<th scope="col">median</th><th scope="col">p99</th><th scope="col">max</th><th scope="col" class="left">of the bound</th>
<th scope="col">median</th><th scope="col">max</th>
<th scope="col">jobs</th><th scope="col">misses</th><th scope="col">overruns</th></tr></thead>
)html";

std::string headline(const Result& result) {
  if (result.fault) return result.passed ? "The fault was contained" : "The fault was not contained";
  return result.passed ? "Every promise kept" : "A promise was broken";
}

std::string angle_note(const PendulumResult& pendulum) {
  if (pendulum.fell) return "fallen after " + format_ns(pendulum.fell_at_ns.value_or(0));
  return pendulum.settled ? "upright and settled" : "upright";
}

std::string miss_note(const Result& result, const Totals& totals) {
  if (result.fault && result.fault->others_unharmed && totals.misses != 0) return "all by the faulty task";
  return totals.overruns == 0 ? "no budget was spent" : group_digits(totals.overruns) + " budgets were spent";
}

}  // namespace

std::string verdict_section(const Result& result) {
  std::string html = fmt::format("<h1><b>capOS</b> {}</h1>\n", escape_html(result.inputs.title));
  const std::string line = verdict_line(result);
  const std::string rest = line.substr(line.find(':') + 2);
  html += fmt::format("<div class=\"verdict {}\">{}<div><div class=\"word\">{}</div><p>{}</p></div></div>\n",
                      result.passed ? "pass" : "fail", result.passed ? kTick : kCross, headline(result),
                      escape_html(rest));
  html += "<ul class=\"parts\">";
  for (const std::string& part : heading_parts(result)) html += "<li>" + escape_html(part) + "</li>";
  return html + "</ul>\n";
}

std::string facts_section(const Result& result) {
  const Totals totals = totals_of(result);
  std::string html = "<dl class=\"facts\">\n";
  html += fact("Jobs", group_digits(totals.jobs), "each stamped by the kernel", totals.jobs == 0);
  const bool harm = totals.misses != 0 && !(result.fault && result.fault->others_unharmed);
  html += fact("Deadlines missed", group_digits(totals.misses), miss_note(result, totals), harm);
  if (totals.tightest != nullptr) {
    html += fact("Closest to its bound", format_percent(used(*totals.tightest), 1),
                 totals.tightest->input.name, used(*totals.tightest) > 1);
  }
  if (result.pendulum) {
    html += fact("Largest angle, rad", fmt::format("{:.3f}", result.pendulum->max_abs_angle),
                 angle_note(*result.pendulum), result.pendulum->fell && !result.fault);
  }
  if (result.media) {
    const bool by_fault = result.fault && has_node(*result.media, result.fault->input.service);
    html += fact("Xruns", group_digits(result.media->xruns.size()), group_digits(result.media->blocks) + " blocks played",
                 !result.media->xruns.empty() && !by_fault);
  }
  for (const IsolatedCpu& cpu : result.isolated_cpus) {
    const double per_job = cpu.jobs == 0 ? 0 : static_cast<double>(cpu.total) / static_cast<double>(cpu.jobs);
    html += fact(fmt::format("Interrupts per job, CPU {}", cpu.cpu), fmt::format("{:.3f}", per_job),
                 group_digits(cpu.total) + " in all");
  }
  html += fact("Telemetry lost", group_digits(result.dropped_events),
               group_digits(result.events) + " events kept", result.dropped_events != 0);
  return html + "</dl>\n";
}

std::string tasks_section(const Result& result) {
  std::string html =
      "<section><h2>What was promised, and what was observed</h2>\n<p class=\"lead\">The bound is what "
      "admission proved before the island started, from the scheduled release to the finish. The bar "
      "shows the slowest response against the whole deadline; the line in it is the bound.</p>\n";
  html += "<div class=\"card scroll\"><table>";
  html += kTaskHead;
  html += "<tbody>\n";
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) html += task_row(island, task);
  }
  html += "</tbody></table></div>\n";
  for (const IslandResult& island : result.islands) {
    for (const ChainResult& chain : island.chains) {
      html += "<p class=\"lead\">" + escape_html(capitalised(chain_sentence(island.name, chain))) + ".</p>\n";
    }
  }
  return html + "</section>\n";
}

}  // namespace capos::report
