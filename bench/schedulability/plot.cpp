// SPDX-License-Identifier: Apache-2.0
#include "plot.hpp"

#include <fmt/format.h>

namespace capos::bench {
namespace {

constexpr double kWidth = 900, kHeight = 480, kLeft = 60, kRight = 250, kTop = 64, kBottom = 48;

struct Axes {
  double first, last;
  [[nodiscard]] double x(double value) const {
    return kLeft + (kWidth - kLeft - kRight) * (value - first) / (last - first);
  }
  [[nodiscard]] double y(double share) const { return kHeight - kBottom - (kHeight - kTop - kBottom) * share; }
};

std::string grid(const Axes& axes) {
  std::string svg;
  for (int percent = 0; percent <= 100; percent += 20) {
    const double y = axes.y(percent / 100.0);
    svg += fmt::format("<line x1=\"{0:.0f}\" x2=\"{1:.0f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#eaeef2\"/>\n"
                       "<text x=\"{3:.0f}\" y=\"{4:.1f}\" text-anchor=\"end\" fill=\"#57606a\">{5} %</text>\n",
                       kLeft, kWidth - kRight, y, kLeft - 6, y + 4, percent);
  }
  for (double value = axes.first; value <= axes.last + 1e-9; value += 0.1) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.0f}\" text-anchor=\"middle\" fill=\"#57606a\">{:.0f} %</text>\n",
                       axes.x(value), kHeight - kBottom + 18, value * 100);
  }
  return svg + fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"middle\">utilisation</text>\n",
                           (kLeft + kWidth - kRight) / 2, kHeight - 10);
}

}  // namespace

std::string plot(const std::string& title, const std::string& subtitle, const std::vector<double>& x,
                 const std::vector<Curve>& curves) {
  const Axes axes{x.front(), x.back()};
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
      "<text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"600\">{2}</text>\n"
      "<text x=\"16\" y=\"43\" fill=\"#57606a\">{3}</text>\n",
      kWidth, kHeight, title, subtitle);
  svg += grid(axes);
  double key = kTop + 10;
  for (const Curve& curve : curves) {
    std::string points;
    for (std::size_t i = 0; i < x.size(); ++i) points += fmt::format("{:.1f},{:.1f} ", axes.x(x[i]), axes.y(curve.y[i]));
    const char* const dash = curve.dashed ? " stroke-dasharray=\"6 4\"" : "";
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>\n", points, curve.colour,
                       dash);
    svg += fmt::format("<line x1=\"{0:.0f}\" x2=\"{1:.0f}\" y1=\"{2:.0f}\" y2=\"{2:.0f}\" stroke=\"{3}\" "
                       "stroke-width=\"2\"{4}/>\n<text x=\"{5:.0f}\" y=\"{6:.0f}\">{7}</text>\n",
                       kWidth - kRight + 20, kWidth - kRight + 48, key, curve.colour, dash, kWidth - kRight + 54, key + 4,
                       curve.name);
    key += 22;
  }
  return svg + "</svg>\n";
}

}  // namespace capos::bench
