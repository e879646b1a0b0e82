// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "capos/media/block.hpp"
#include "charts.hpp"
#include "sentences.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

constexpr double kWidth = 960, kLeft = 58, kRight = 18, kPanel = 74, kGap = 26, kTop = 24;
constexpr std::size_t kColumns = static_cast<std::size_t>(kWidth - kLeft - kRight);

struct Extremes {
  float low = 0.0f, high = 0.0f;
};

// Of one channel, one for each column of pixels.
std::vector<Extremes> extremes_of(const MediaResult& media, std::uint32_t channel) {
  std::vector<Extremes> columns(kColumns);
  const std::size_t frames = media.samples.size() / media::kChannels;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const float sample = media.samples[frame * media::kChannels + channel];
    if (!std::isfinite(sample)) continue;
    Extremes& column = columns[frame * kColumns / frames];
    column.low = std::min(column.low, sample);
    column.high = std::max(column.high, sample);
  }
  return columns;
}

void draw_channel(Svg& svg, const MediaResult& media, std::uint32_t channel, double top) {
  const Scale y(-1, 1, top + kPanel, top);
  svg.text(kLeft, top - 8, channel == 0 ? "left" : "right", "panel");
  for (const double tick : {-1.0, 0.0, 1.0}) {
    svg.line(kLeft, y(tick), kWidth - kRight, y(tick), tick == 0 ? "base" : "grid");
    svg.text(kLeft - 8, y(tick) + 4, fmt::format("{:g}", tick), "tick", Anchor::end);
  }
  std::string path;
  double x = kLeft;
  for (const Extremes& column : extremes_of(media, channel)) {
    path += fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}", x, y(column.high), x, y(column.low) + 0.5);
    x += 1;
  }
  svg.path(path, channel == 0 ? "curve angle" : "curve position");
}

// A mark for each column in which there was an xrun; its tip tells the first.
void draw_xruns(Svg& svg, const MediaResult& media, const Scale& x, double bottom) {
  double last = -1;
  for (const XrunItem& xrun : media.xruns) {
    const double at = std::floor(x(static_cast<double>(xrun.cycle)));
    if (at <= last) continue;
    last = at;
    svg.rect(at, kTop, 1.5, bottom - kTop, "bad", xrun_text(xrun));
  }
}

}  // namespace

std::string draw_media(const MediaResult& media) {
  if (media.samples.empty()) return {};
  const double bottom = kTop + 2 * kPanel + kGap;
  const double blocks = static_cast<double>(media.blocks + media.missing);
  const double seconds = blocks * media::kFrames / media::kRate;
  Svg svg(kWidth, bottom + 28, fmt::format("The sound that was played, {:.1f} s, with {} xruns", seconds, media.xruns.size()));
  const Scale x(0, blocks, kLeft, kWidth - kRight);
  for (const double tick : round_ticks(0, seconds, 10)) {
    const double at = x(tick * media::kRate / media::kFrames);
    svg.line(at, kTop, at, bottom, "grid");
    svg.text(at, bottom + 17, fmt::format("{:g} s", tick), "tick", Anchor::middle);
  }
  draw_channel(svg, media, 0, kTop);
  draw_channel(svg, media, 1, kTop + kPanel + kGap);
  draw_xruns(svg, media, x, bottom);
  return std::move(svg).finish();
}

}  // namespace capos::report
