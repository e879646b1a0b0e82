// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "capos/report/render.hpp"
#include "charts.hpp"
#include "format.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

constexpr double kWidth = 960, kHeight = 250, kLeft = 58, kRight = 18, kTop = 40, kBottom = 36;

struct Axes {
  Scale x, y;
};

double decade_below(double x) { return std::pow(10.0, std::floor(std::log10(std::max(x, 1.0)) + 1e-9)); }
double decade_above(double x) { return std::pow(10.0, std::ceil(std::log10(std::max(x, 1.0)) - 1e-9)); }

std::uint64_t highest_bin(const TaskResult& task) {
  const auto& a = task.response_histogram.bins;
  const auto& b = task.wakeup_histogram.bins;
  return std::max(
      {std::uint64_t{1}, *std::max_element(a.begin(), a.end()), *std::max_element(b.begin(), b.end())});
}

Axes make_axes(const TaskResult& task) {
  const double lowest = static_cast<double>(Histogram::kLowest), highest = Histogram::edge(~0u);
  const double least = static_cast<double>(task.wakeup.samples != 0 ? task.wakeup.min : Histogram::kLowest);
  const double most = static_cast<double>(
      std::max({task.response.max, task.wakeup.max, task.input.response_bound_ns, task.input.deadline_ns}));
  const double from = std::clamp(decade_below(least), lowest, highest / 10);
  // A line that falls on the edge of the picture needs room for its label.
  const double to = std::clamp(decade_above(most * 1.6), from * 10, highest);
  return {Scale(from, to, kLeft, kWidth - kRight, true),
          Scale(0.5, 2 * static_cast<double>(highest_bin(task)), kHeight - kBottom, kTop, true)};
}

void draw_grid(Svg& svg, const Axes& axes) {
  for (double count = 1; count <= axes.y.to(); count *= 10) {
    svg.line(kLeft, axes.y(count), kWidth - kRight, axes.y(count), "grid");
    svg.text(kLeft - 8, axes.y(count) + 4, group_digits(static_cast<std::uint64_t>(count)), "tick",
             Anchor::end);
  }
  for (double time = axes.x.from(); time <= axes.x.to() * 1.001; time *= 10) {
    svg.line(axes.x(time), kTop, axes.x(time), kHeight - kBottom, "grid");
    svg.text(axes.x(time), kHeight - kBottom + 17, format_ns(static_cast<std::uint64_t>(time + 0.5)), "tick",
             Anchor::middle);
  }
  svg.text(kWidth - kRight, kHeight - 3, "time after the scheduled release (log)", "axis", Anchor::end);
  svg.text(kLeft, kHeight - 3, "jobs (log)", "axis");
  svg.line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "base");
}

void draw_bins(Svg& svg, const Axes& axes, const Histogram& histogram, std::string_view style,
               const char* what) {
  const double floor = kHeight - kBottom;
  for (unsigned i = 0; i < histogram.bins.size(); ++i) {
    if (histogram.bins[i] == 0) continue;
    const double x1 = axes.x(Histogram::edge(i)), x2 = axes.x(Histogram::edge(i + 1));
    const double y = axes.y(static_cast<double>(histogram.bins[i]));
    svg.rect(
        x1 + 0.5, y, x2 - x1 - 1, floor - y, style,
        fmt::format("{} {} to {}: {} jobs", what, format_ns(static_cast<std::uint64_t>(Histogram::edge(i))),
                    format_ns(static_cast<std::uint64_t>(Histogram::edge(i + 1))),
                    group_digits(histogram.bins[i])));
  }
}

void draw_limit(Svg& svg, const Axes& axes, std::uint64_t time, const std::string& words,
                std::string_view style, double label_y) {
  const double x = axes.x(static_cast<double>(time));
  svg.line(x, label_y - 10, x, kHeight - kBottom, style);
  const bool on_left = x > kWidth * 0.6;
  svg.text(on_left ? x - 6 : x + 6, label_y, words, fmt::format("label {}", style),
           on_left ? Anchor::end : Anchor::start);
}

}  // namespace

std::string draw_latencies(const TaskResult& task, const std::string& name) {
  Svg svg(
      kWidth, kHeight,
      fmt::format("Latencies of {}: wake-up at most {}, response at most {}, admitted bound {}, deadline {}",
                  name, format_ns(task.wakeup.max), format_ns(task.response.max),
                  format_ns(task.input.response_bound_ns), format_ns(task.input.deadline_ns)));
  const Axes axes = make_axes(task);
  draw_grid(svg, axes);
  draw_bins(svg, axes, task.wakeup_histogram, "wakeup", "wake-up");
  draw_bins(svg, axes, task.response_histogram, "response", "response");
  draw_limit(svg, axes, task.input.deadline_ns, "deadline " + format_ns(task.input.deadline_ns), "deadline",
             14);
  draw_limit(svg, axes, task.input.response_bound_ns,
             "admitted bound " + format_ns(task.input.response_bound_ns), "bound", 31);
  return std::move(svg).finish();
}

std::string draw_headroom(const TaskResult& task, const std::string& name) {
  constexpr double kBarWidth = 64, kBarHeight = 16;
  const double deadline = static_cast<double>(std::max<std::uint64_t>(task.input.deadline_ns, 1));
  const Scale x(0, deadline, 0, kBarWidth);
  const double bound = x(static_cast<double>(task.input.response_bound_ns));
  Svg svg(kBarWidth, kBarHeight,
          fmt::format("{}: slowest response {} of a bound of {} and a deadline of {}", name,
                      format_ns(task.response.max), format_ns(task.input.response_bound_ns),
                      format_ns(task.input.deadline_ns)));
  svg.rect(0, 4, kBarWidth, 8, "track");
  svg.rect(0, 4, bound, 8, "promised");
  svg.rect(0, 4, x(static_cast<double>(task.response.max)), 8,
           task.response.max <= task.input.response_bound_ns ? "response" : "bad");
  svg.line(bound, 0, bound, kBarHeight, "bound");
  return std::move(svg).finish();
}

}  // namespace capos::report
