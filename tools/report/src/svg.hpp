// SPDX-License-Identifier: Apache-2.0
// Inline SVG by parts: a drawing whose colours come from the page's style classes, and the scales that place
// it.
//
// Coordinates are written with one decimal: equal inputs give equal bytes, and a page stays small.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capos::report {

[[nodiscard]] std::string escape_html(std::string_view text);

// The same sentence with a capital first letter.
[[nodiscard]] std::string capitalised(std::string sentence);

// Maps [from, to] onto [low, high] pixels; a logarithmic one needs from > 0.
class Scale {
 public:
  Scale(double from, double to, double low, double high, bool logarithmic = false);
  [[nodiscard]] double operator()(double value) const;
  [[nodiscard]] double from() const noexcept { return from_; }
  [[nodiscard]] double to() const noexcept { return to_; }

 private:
  double from_, to_, low_, high_;
  bool logarithmic_;
};

// About `count` round values (1, 2 or 5 times a power of ten apart) within [from, to].
[[nodiscard]] std::vector<double> round_ticks(double from, double to, unsigned count);

enum class Anchor : std::uint8_t { start, middle, end };

class Svg {
 public:
  // `label` is what a screen reader says.
  Svg(double width, double height, std::string_view label);
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  // `tip` shows on hover; none if empty.
  void rect(double x, double y, double width, double height, std::string_view style,
            std::string_view tip = {});
  void text(double x, double y, std::string_view words, std::string_view style,
            Anchor anchor = Anchor::start);
  void path(const std::string& data, std::string_view style);
  void circle(double x, double y, double radius, std::string_view style, std::string_view tip = {});
  [[nodiscard]] std::string finish() &&;

 private:
  std::string out_;
};

}  // namespace capos::report
