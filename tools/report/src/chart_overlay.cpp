// SPDX-License-Identifier: Apache-2.0
#include "chart_overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "format.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

constexpr double kWidth = 960, kHeight = 380, kLeft = 58, kRight = 18, kTop = 16, kBottom = 40;
constexpr double kNone = 0.5;  // where a bin without samples lies on the logarithmic axis
constexpr unsigned kBins = Histogram::kDecades * Histogram::kPerDecade;

std::string who(const ComparedRun& run) { return run.system + " " + run.options; }

// The place of `name` among those before it in the list, each counted once.
template <typename Name>
unsigned order(const Comparison& comparison, const std::string& wanted, Name name) {
  std::vector<std::string> seen;
  for (const auto& run : comparison.runs) {
    if (std::ranges::find(seen, name(run)) == seen.end()) seen.push_back(name(run));
  }
  return static_cast<unsigned>(std::ranges::find(seen, wanted) - seen.begin());
}

std::string style_of(const Comparison& comparison, const ComparedRun& run) {
  const auto load = [](const ComparedRun& each) { return each.load; };
  return fmt::format("curve over-{} dash-{}", order(comparison, who(run), who) % kOverlayColours,
                     order(comparison, run.load, load) % kOverlayDashes);
}

struct Axes {
  Scale x, y;
};

Axes make_axes(const Comparison& comparison) {
  std::uint64_t least = ~std::uint64_t{0}, most = 1, highest = 1;
  for (const auto& run : comparison.runs) {
    if (run.distribution.samples() == 0) continue;
    const Summary summary = run.distribution.summary();
    least = std::min(least, summary.min);
    most = std::max(most, summary.max);
    const auto bins = run.distribution.histogram().bins;
    highest = std::max(highest, *std::ranges::max_element(bins));
  }
  const double lowest = static_cast<double>(Histogram::kLowest), top = Histogram::edge(~0U);
  const double from = std::clamp(static_cast<double>(least) * 0.7, lowest, top / 10);
  const double to = std::clamp(static_cast<double>(most) * 1.5, from * 2, top);
  return {Scale(from, to, kLeft, kWidth - kRight, true),
          Scale(kNone, 2 * static_cast<double>(highest), kHeight - kBottom, kTop, true)};
}

void draw_grid(Svg& svg, const Axes& axes, const std::string& unit) {
  for (double count = 1; count <= axes.y.to(); count *= 10) {
    svg.line(kLeft, axes.y(count), kWidth - kRight, axes.y(count), "grid");
    svg.text(kLeft - 8, axes.y(count) + 4, group_digits(static_cast<std::uint64_t>(count)), "tick", Anchor::end);
  }
  for (double decade = Histogram::kLowest; decade < axes.x.to(); decade *= 10) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = decade * factor;
      if (value < axes.x.from() || value > axes.x.to()) continue;
      svg.line(axes.x(value), kTop, axes.x(value), kHeight - kBottom, "grid");
      svg.text(axes.x(value), kHeight - kBottom + 17, group_digits(static_cast<std::uint64_t>(value)), "tick", Anchor::middle);
    }
  }
  svg.text(kWidth - kRight, kHeight - 5, unit + " after the scheduled instant (log)", "axis", Anchor::end);
  svg.text(kLeft, kHeight - 5, "samples (log)", "axis");
  svg.line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "base");
}

void draw_outline(Svg& svg, const Axes& axes, const ComparedRun& run, const std::string& style) {
  const Histogram histogram = run.distribution.histogram();
  std::string path;
  double height = kNone;
  for (unsigned i = 0; i < kBins; ++i) {
    const double next = std::max(static_cast<double>(histogram.bins[i]), kNone);
    if (next == height) continue;
    const double x = axes.x(Histogram::edge(i));
    path += fmt::format("{}{:.1f} {:.1f}L{:.1f} {:.1f}", path.empty() ? "M" : "L", x, axes.y(height), x, axes.y(next));
    height = next;
  }
  if (!path.empty()) svg.path(path, style);
  const Summary summary = run.distribution.summary();
  svg.circle(axes.x(static_cast<double>(summary.max)), axes.y(1), 3.5, style + " end",
             fmt::format("{}, load {}: maximum {} {}", who(run), run.load, group_digits(summary.max), run.unit));
}

}  // namespace

std::string draw_overlay(const Comparison& comparison) {
  Svg svg(kWidth, kHeight, comparison.title);
  const Axes axes = make_axes(comparison);
  draw_grid(svg, axes, comparison.runs.empty() ? "" : comparison.runs.front().unit);
  for (const auto& run : comparison.runs) {
    if (run.distribution.samples() != 0) draw_outline(svg, axes, run, style_of(comparison, run));
  }
  return std::move(svg).finish();
}

std::string overlay_key(const Comparison& comparison) {
  std::string html = "<div class=\"key\">";
  for (const auto& run : comparison.runs) {
    Svg sample(28, 8, "");
    sample.line(0, 4, 28, 4, style_of(comparison, run));
    html += fmt::format("<span>{} {}, load {}</span>\n", std::move(sample).finish(), escape_html(who(run)), escape_html(run.load));
  }
  return html + "</div>\n";
}

const char* overlay_style() {
  return R"css(
.over-0 { stroke: var(--wakeup); } .over-1 { stroke: var(--bad); } .over-2 { stroke: var(--deadline); } .over-3 { stroke: var(--soft); }
.dash-1 { stroke-dasharray: 6 3; } .dash-2 { stroke-dasharray: 2 2; } .dash-3 { stroke-dasharray: 9 3 2 3; } .dash-4 { stroke-dasharray: 12 5; }
circle.end { stroke-dasharray: none; } .key svg { width: 28px; height: 8px; vertical-align: middle; }
)css";
}

}  // namespace capos::report
