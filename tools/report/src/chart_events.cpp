// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "capos/report/render.hpp"
#include "charts.hpp"
#include "format.hpp"
#include "sentences.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

constexpr double kWidth = 960, kLeft = 150, kRight = 24, kRow = 26, kTop = 10;

std::map<std::string, unsigned> rows_of(const Result& result) {
  std::map<std::string, unsigned> rows;
  for (const TimelineItem& item : result.timeline) {
    if (item.time_ns >= result.start_ns) rows.try_emplace(item.who, static_cast<unsigned>(rows.size()));
  }
  return rows;
}

const char* style_of(Severity severity) {
  switch (severity) {
    case Severity::bad:
      return "mark-bad";
    case Severity::notice:
      return "mark-notice";
    default:
      return "mark";
  }
}

}  // namespace

std::string draw_timeline(const Result& result) {
  const auto rows = rows_of(result);
  if (rows.empty() || result.end_ns <= result.start_ns) return {};
  const double bottom = kTop + kRow * static_cast<double>(rows.size());
  Svg svg(kWidth, bottom + 26, "When notable events happened; they are listed below");
  const Scale x(0, static_cast<double>(result.end_ns - result.start_ns), kLeft, kWidth - kRight);
  for (const double tick : round_ticks(0, x.to() / 1e9, 10)) {
    svg.line(x(tick * 1e9), kTop, x(tick * 1e9), bottom, "grid");
    svg.text(x(tick * 1e9), bottom + 17, fmt::format("{:g} s", tick), "tick", Anchor::middle);
  }
  const auto row_y = [&](unsigned row) { return kTop + kRow * (row + 0.5); };
  for (const auto& [who, row] : rows) {
    svg.line(kLeft, row_y(row), kWidth - kRight, row_y(row), "grid");
    svg.text(kLeft - 12, row_y(row) + 4, who, "tick", Anchor::end);
  }
  for (const TimelineItem& item : result.timeline) {
    if (item.time_ns < result.start_ns) continue;
    const double y = row_y(rows.at(item.who)), at = x(static_cast<double>(item.time_ns - result.start_ns));
    const double until = x(static_cast<double>(item.until_ns - result.start_ns));
    if (until - at > 2) svg.rect(at, y - 3, until - at, 6, fmt::format("{} span", style_of(item.severity)));
    svg.circle(at, y, 5, style_of(item.severity),
               format_since(item.time_ns, result.start_ns) + ": " + timeline_text(item, result.start_ns));
  }
  return std::move(svg).finish();
}

std::string draw_interrupts(const IsolatedCpu& cpu) {
  constexpr double kLabel = 170, kValue = 130, kBar = 22;
  const std::uint64_t most =
      std::max<std::uint64_t>(1, *std::max_element(cpu.interrupts.begin(), cpu.interrupts.end()));
  const auto causes = static_cast<double>(
      std::count_if(cpu.interrupts.begin(), cpu.interrupts.end(), [](std::uint64_t n) { return n != 0; }));
  if (causes == 0) return {};
  Svg svg(kWidth, causes * kBar + 4, fmt::format("Interrupts on CPU {} by cause", cpu.cpu));
  const Scale x(0, static_cast<double>(most), kLabel, kWidth - kValue);
  double y = 2;
  for (unsigned i = 0; i < cpu.interrupts.size(); ++i) {
    const std::uint64_t count = cpu.interrupts[i];
    if (count == 0) continue;
    const double end = std::max(x(static_cast<double>(count)), kLabel + 2);
    svg.text(kLabel - 10, y + 14, describe(static_cast<schema::InterruptCause>(i)), "tick", Anchor::end);
    svg.rect(kLabel, y + 4, end - kLabel, kBar - 9, "response");
    svg.text(end + 8, y + 14, group_digits(count), "label");
    y += kBar;
  }
  return std::move(svg).finish();
}

}  // namespace capos::report
