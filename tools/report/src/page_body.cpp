// SPDX-License-Identifier: Apache-2.0
// The body of the page: drawings, events, what was judged, and the machine.
#include <fmt/format.h>

#include "capos/report/render.hpp"
#include "charts.hpp"
#include "format.hpp"
#include "names.hpp"
#include "page.hpp"
#include "sentences.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

std::string key_item(const char* style, const char* name, const Summary& summary) {
  if (summary.samples == 0) return fmt::format("<span><i class=\"{}\"></i>{}: none</span>", style, name);
  return fmt::format(
      "<span><i class=\"{}\"></i>{}: median <b>{}</b>, p99 <b>{}</b>, p99.9 <b>{}</b>, max <b>{}</b></span>",
      style, name, format_ns(summary.p50), format_ns(summary.p99), format_ns(summary.p999),
      format_ns(summary.max));
}

std::string outside(const TaskResult& task) {
  const std::uint64_t count = task.response_histogram.below + task.response_histogram.above +
                              task.wakeup_histogram.below + task.wakeup_histogram.above;
  if (count == 0) return {};
  return fmt::format(
      "<p class=\"lead\">{} values lie outside the picture: below 100 ns or above 100 ms.</p>\n",
      group_digits(count));
}

std::string latency_card(const IslandResult& island, const TaskResult& task) {
  const std::string name = full_name(island.name, task.input.name);
  return fmt::format(
      "<div class=\"card\"><div class=\"head\"><h3>{} <span style=\"font-weight:400\">{}, CPU {}</span></h3>"
      "<div class=\"key\">{}{}</div></div>{}</div>\n{}",
      escape_html(name), format_rate(task.input.period_numerator, task.input.period_denominator),
      task.input.cpu, key_item("wakeup", "wake-up", task.wakeup),
      key_item("response", "response", task.response), draw_latencies(task, name), outside(task));
}

std::string miss_rows(const Result& result) {
  constexpr std::size_t kMost = 12;
  std::string rows;
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) {
      for (std::size_t i = 0; i < task.miss_details.size() && i < kMost; ++i) {
        const Miss& miss = task.miss_details[i];
        rows += fmt::format(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td class=\"left\">{}</td>"
            "<td class=\"left\">{}</td></tr>\n",
            escape_html(full_name(island.name, task.input.name)), miss.index,
            format_since(miss.deadline_ns, result.start_ns),
            miss.finished ? format_ns(miss.late_by_ns) : "never finished", describe(miss.cause),
            escape_html(miss.by_whom));
      }
    }
  }
  return rows;
}

std::string entry(const std::string& name, const std::string& value) {
  if (value.empty()) return {};
  return fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(name), escape_html(value));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string boot_entry(const Boot& boot) {
  const auto ticks = boot.work_ticks();
  return ticks ? group_digits(*ticks) +
                     " TSC ticks from kernel entry to init's first instruction, waits for calibration and other CPUs apart"
               : std::string();
}

const char* severity_name(Severity severity) {
  static constexpr const char* kNames[] = {"information", "notice", "bad"};
  return kNames[static_cast<unsigned>(severity) % 3];
}

}  // namespace

std::string latency_section(const Result& result) {
  std::string html =
      "<section><h2>Latencies</h2>\n<p class=\"lead\">Every job counts: from its scheduled release to its "
      "first instruction (wake-up) and to its finish (response). Both axes are logarithmic, so that a "
      "single late job shows.</p>\n";
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) html += latency_card(island, task);
  }
  const std::string misses = miss_rows(result);
  if (!misses.empty()) {
    html +=
        "<div class=\"card scroll\"><table><caption>Missed deadlines, the first 12 of each "
        "task</caption><thead><tr>"
        "<th scope=\"col\">task</th><th scope=\"col\">job</th><th scope=\"col\">deadline</th><th "
        "scope=\"col\">late "
        "by</th><th scope=\"col\" class=\"left\">cause</th><th scope=\"col\" class=\"left\">by "
        "whom</th></tr></thead>"
        "<tbody>\n" +
        misses + "</tbody></table></div>\n";
  }
  return html + "</section>\n";
}

std::string pendulum_section(const Result& result) {
  if (!result.pendulum || result.pendulum->points.empty()) return {};
  return fmt::format(
      "<section><h2>The pendulum</h2>\n<p class=\"lead\">{}.</p>\n<div class=\"card\">{}</div></section>\n",
      escape_html(capitalised(pendulum_sentence(*result.pendulum))), draw_pendulum(*result.pendulum));
}

std::string media_section(const Result& result) {
  if (!result.media) return {};
  std::string path;
  for (const std::string& node : result.media->path) path += (path.empty() ? "" : " \u2192 ") + node;
  return fmt::format(
      "<section><h2>The sound</h2>\n<p class=\"lead\">{}. What was played is audio.wav beside this page.</p>\n"
      "<div class=\"card\"><div class=\"head\"><h3>{}</h3></div>{}</div></section>\n",
      escape_html(capitalised(media_sentence(*result.media))), escape_html(path), draw_media(*result.media));
}

std::string fault_section(const Result& result) {
  if (!result.fault) return {};
  return fmt::format("<section><h2>The injected fault</h2>\n<p class=\"lead\">{}.</p></section>\n",
                     escape_html(capitalised(fault_sentence(*result.fault))));
}

std::string timeline_section(const Result& result) {
  if (result.timeline.empty()) return {};
  std::string html =
      "<section><h2>What happened and why</h2>\n<p class=\"lead\">Times count from the islands' start.</p>\n"
      "<div class=\"card\">" +
      draw_timeline(result) +
      "</div>\n<div class=\"card scroll\"><table><thead>"
      "<tr><th scope=\"col\">time</th><th scope=\"col\" class=\"left\">who</th><th scope=\"col\" "
      "class=\"left\">what</th></tr></thead><tbody>\n";
  for (const TimelineItem& item : result.timeline) {
    html += fmt::format(
        "<tr><td>{}</td><td class=\"left\"><span class=\"dot {}\"></span>{}</td><td class=\"left wrap\">{}"
        "</td></tr>\n",
        format_since(item.time_ns, result.start_ns), severity_name(item.severity), escape_html(item.who),
        escape_html(timeline_text(item, result.start_ns)));
  }
  html += "</tbody></table></div>\n";
  if (result.timeline_left_out != 0) {
    html += fmt::format("<p class=\"lead\">{} lesser events are not listed.</p>\n", result.timeline_left_out);
  }
  return html + "</section>\n";
}

std::string interrupts_section(const Result& result) {
  if (result.isolated_cpus.empty()) return {};
  std::string html =
      "<section><h2>Interrupts on the island's processors</h2>\n<p class=\"lead\">There is no tick: a timer "
      "is armed for the next release or the end of a budget, and for nothing else.</p>\n";
  for (const IsolatedCpu& cpu : result.isolated_cpus) {
    html += fmt::format("<div class=\"card\"><h3>{}</h3>{}</div>\n", escape_html(interrupt_sentence(cpu)),
                        draw_interrupts(cpu));
  }
  return html + "</section>\n";
}

std::string judged_section(const Result& result) {
  std::string html = "<section><h2>What was judged</h2>\n<div class=\"card\"><ul class=\"checks\">\n";
  for (const std::string& reason : result.reasons)
    html += "<li class=\"broken\">" + escape_html(reason) + "</li>\n";
  for (const std::string& held : result.statements)
    html += "<li class=\"held\">" + escape_html(held) + "</li>\n";
  return html + "</ul></div></section>\n";
}

std::string machine_section(const Result& result) {
  const MachineInfo& machine = result.inputs.machine;
  std::string html = "<section><h2>The machine</h2>\n<div class=\"card\"><dl class=\"machine\">\n";
  html += entry("Machine", machine.description);
  html +=
      entry("Accelerator",
            machine.accel_reason.empty() ? machine.accel : machine.accel + " (" + machine.accel_reason + ")");
  html += entry("Processors", std::to_string(machine.cpus));
  if (machine.memory_bytes != 0) html += entry("Memory", format_bytes(machine.memory_bytes));
  html += entry("Simulation quantum", machine.quantum_ns == 0 ? "none" : format_ns(machine.quantum_ns));
  html += entry(
      "Clock", result.header.tsc_hz == 0 ? "" : group_digits(result.header.tsc_hz) + " TSC ticks per second");
  html += entry("Kernel", machine.kernel_version);
  html += entry("Processor features in use", joined(result.features));
  html += entry("Mitigations", joined(result.mitigations));
  html += entry("Boot", boot_entry(result.boot));
  html += entry("Host", machine.host);
  html += entry("QEMU", machine.qemu_version);
  html += "</dl></div>\n";
  if (!machine.command_line.empty()) {
    html += "<div class=\"card\"><h3>Command line</h3><pre>" + escape_html(machine.command_line) +
            "</pre></div>\n";
  }
  return html + "</section>\n";
}

std::string render_html(const Result& result) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>capOS " +
      escape_html(result.inputs.title) + ": " + (result.passed ? "pass" : "FAIL") + "</title>\n<style>" +
      page_style() + "</style></head>\n<body><main>\n";
  html += verdict_section(result) + facts_section(result) + tasks_section(result) + fault_section(result);
  html += pendulum_section(result) + media_section(result) + latency_section(result) + timeline_section(result);
  html += interrupts_section(result) + judged_section(result) + machine_section(result);
  return html +
         "<footer>Made from the kernel's own stamps, one record for each job. result.json beside this page "
         "has "
         "every figure.</footer>\n</main></body></html>\n";
}

}  // namespace capos::report
