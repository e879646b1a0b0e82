// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "capos/report/render.hpp"
#include "charts.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

constexpr double kWidth = 960, kLeft = 58, kRight = 18, kPanel = 130, kGap = 30, kStrip = 18, kTop = 24,
                 kLabelRoom = 76;

struct Quantity {
  const char *name, *unit, *style;
  std::function<double(const PlantPoint&)> of;
  double least_span;  // so that noise does not fill the picture
};

// The curve as at most two points for each column of pixels: the extremes, so that no peak is lost.
std::string envelope(const PendulumResult& pendulum, const Quantity& quantity, const Scale& x,
                     const Scale& y) {
  struct Column {
    double low, high;
    bool low_first;
  };
  std::string path;
  const auto emit = [&](double px, double value) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", px, y(value));
  };
  Column column{};
  long at = -1;
  const auto flush = [&] {
    if (at < 0) return;
    const double px = static_cast<double>(at) / 2;
    emit(px, column.low_first ? column.low : column.high);
    if (column.high > column.low) emit(px, column.low_first ? column.high : column.low);
  };
  for (const PlantPoint& point : pendulum.points) {
    const double value = quantity.of(point);
    const long pixel = std::lround(x(static_cast<double>(point.time_ns)) * 2);
    if (pixel != at) {
      flush();
      at = pixel;
      column = {value, value, true};
    } else if (value > column.high) {
      column.high = value;
      column.low_first = true;
    } else if (value < column.low) {
      column.low = value;
      column.low_first = false;
    }
  }
  flush();
  return path;
}

Scale value_scale(const PendulumResult& pendulum, const Quantity& quantity, double top) {
  double low = -quantity.least_span, high = quantity.least_span;
  for (const PlantPoint& point : pendulum.points) {
    low = std::min(low, quantity.of(point));
    high = std::max(high, quantity.of(point));
  }
  const double margin = 0.08 * (high - low);
  return {low - margin, high + margin, top + kPanel, top};
}

void draw_panel(Svg& svg, const PendulumResult& pendulum, const Quantity& quantity, const Scale& x,
                double top) {
  const Scale y = value_scale(pendulum, quantity, top);
  for (const double tick : round_ticks(y.from(), y.to(), 4)) {
    svg.line(kLeft, y(tick), kWidth - kRight, y(tick), std::abs(tick) < 1e-12 ? "base" : "grid");
    svg.text(kLeft - 8, y(tick) + 4, fmt::format("{:g}", std::abs(tick) < 1e-12 ? 0.0 : tick), "tick",
             Anchor::end);
  }
  svg.text(kLeft, top - 8, fmt::format("{} ({})", quantity.name, quantity.unit), "panel");
  svg.path(envelope(pendulum, quantity, x, y), quantity.style);
}

void draw_pushes(Svg& svg, const PendulumResult& pendulum, const Scale& x, double bottom) {
  double label_end = 0;
  for (const PushInput& push : pendulum.input.pushes) {
    const double from = static_cast<double>(push.at_ns);
    if (from > x.to()) continue;
    const double width = x(from + static_cast<double>(push.duration_ns)) - x(from);
    svg.rect(x(from), kTop, std::max(width, 2.0), bottom - kTop, "push",
             fmt::format("push of {:g} N for {}", push.force, format_ns(push.duration_ns)));
    const double label = x(from) + std::max(width, 2.0) + 4;
    if (label < label_end) continue;
    svg.text(label, kTop + 10, fmt::format("push {:+g} N", push.force), "label push-label");
    label_end = label + kLabelRoom;
  }
}

void draw_times(Svg& svg, const Scale& x, double bottom) {
  for (const double tick : round_ticks(x.from() / 1e9, x.to() / 1e9, 10)) {
    svg.line(x(tick * 1e9), kTop, x(tick * 1e9), bottom, "grid");
    svg.text(x(tick * 1e9), bottom + 17, fmt::format("{:g} s", tick), "tick", Anchor::middle);
  }
}

std::string state_class(DriveState state) {
  const std::string_view name = describe(state);
  return fmt::format("drive-{}", name);
}

// One bar for each stretch of a state; its name where there is room.
void draw_drive(Svg& svg, const PendulumResult& pendulum, const Scale& x, double top) {
  svg.text(kLeft, top - 8, "actuator", "panel");
  const auto bar = [&](std::uint64_t from, std::uint64_t to, DriveState state) {
    const double x1 = x(static_cast<double>(from)), x2 = x(static_cast<double>(to));
    svg.rect(x1, top, std::max(x2 - x1, 1.5), kStrip, state_class(state),
             fmt::format("{} from {} to {}", describe(state), format_ns(from), format_ns(to)));
    if (x2 - x1 > 60) svg.text((x1 + x2) / 2, top + 13, describe(state), "drive-name", Anchor::middle);
  };
  std::uint64_t since = pendulum.points.front().time_ns;
  DriveState state = DriveState::idle;
  for (const DriveChange& change : pendulum.drive_changes) {
    if (change.time_ns > since) bar(since, change.time_ns, change.from);
    since = change.time_ns;
    state = change.to;
  }
  bar(since, pendulum.points.back().time_ns, state);
}

}  // namespace

std::string draw_pendulum(const PendulumResult& pendulum) {
  if (pendulum.points.empty()) return {};
  const Quantity quantities[] = {
      {"pole angle", "rad", "curve angle", [](const PlantPoint& p) { return p.angle; }, 0.02},
      {"cart position", "m", "curve position", [](const PlantPoint& p) { return p.position; }, 0.02},
      {"force", "N", "curve force", [](const PlantPoint& p) { return p.effort; }, 1.0}};
  const double strip_top = kTop + 3 * (kPanel + kGap) + 4, bottom = strip_top + kStrip;
  Svg svg(
      kWidth, bottom + 28,
      fmt::format(
          "Pole angle, cart position, force and actuator state over time; the largest angle is {:.4f} rad",
          pendulum.max_abs_angle));
  const Scale x(0, static_cast<double>(pendulum.points.back().time_ns), kLeft, kWidth - kRight);
  draw_times(svg, x, bottom);
  draw_pushes(svg, pendulum, x, bottom);
  double top = kTop;
  for (const Quantity& quantity : quantities) {
    draw_panel(svg, pendulum, quantity, x, top);
    top += kPanel + kGap;
  }
  draw_drive(svg, pendulum, x, strip_top);
  return std::move(svg).finish();
}

}  // namespace capos::report
