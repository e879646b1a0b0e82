// SPDX-License-Identifier: Apache-2.0
#include "svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace capos::report {
namespace {

std::string with_tip(std::string_view tip) {
  return tip.empty() ? "/>" : fmt::format("><title>{}</title>", escape_html(tip));
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string capitalised(std::string sentence) {
  if (!sentence.empty() && sentence[0] >= 'a' && sentence[0] <= 'z')
    sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
  return sentence;
}

Scale::Scale(double from, double to, double low, double high, bool logarithmic)
    : from_(from), to_(to > from ? to : from + 1), low_(low), high_(high), logarithmic_(logarithmic) {}

double Scale::operator()(double value) const {
  const double x = std::clamp(value, from_, to_);
  const double part =
      logarithmic_ ? std::log(x / from_) / std::log(to_ / from_) : (x - from_) / (to_ - from_);
  return low_ + part * (high_ - low_);
}

std::vector<double> round_ticks(double from, double to, unsigned count) {
  std::vector<double> ticks;
  if (!(to > from) || count == 0) return ticks;
  const double rough = (to - from) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double ratio = rough / power;
  const double step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  const auto first = static_cast<long>(std::ceil(from / step - 1e-9));
  const auto last = static_cast<long>(std::floor(to / step + 1e-9));
  for (long i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

Svg::Svg(double width, double height, std::string_view label) {
  out_ = fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{}\">\n", width, height,
                     escape_html(label));
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view style) {
  out_ += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", style,
                      x1, y1, x2, y2);
}

void Svg::rect(double x, double y, double width, double height, std::string_view style,
               std::string_view tip) {
  out_ += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"{}{}\n",
                      style, x, y, std::max(width, 0.0), std::max(height, 0.0), with_tip(tip),
                      tip.empty() ? "" : "</rect>");
}

void Svg::text(double x, double y, std::string_view words, std::string_view style, Anchor anchor) {
  static constexpr const char* kAnchors[] = {"start", "middle", "end"};
  out_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", style, x,
                      y, kAnchors[static_cast<unsigned>(anchor)], escape_html(words));
}

void Svg::path(const std::string& data, std::string_view style) {
  out_ += fmt::format("<path class=\"{}\" d=\"{}\"/>\n", style, data);
}

void Svg::circle(double x, double y, double radius, std::string_view style, std::string_view tip) {
  out_ += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"{}{}\n", style, x, y,
                      radius, with_tip(tip), tip.empty() ? "" : "</circle>");
}

std::string Svg::finish() && { return std::move(out_) + "</svg>\n"; }

}  // namespace capos::report
