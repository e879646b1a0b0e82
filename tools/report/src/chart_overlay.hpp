// SPDX-License-Identifier: Apache-2.0
// Several distributions as outlines in one picture: both axes logarithmic, so that a single late one is seen.
#pragma once

#include <string>

#include "capos/report/comparison.hpp"

namespace capos::report {

// One colour for each system with its options, one line style for each load, in order of appearance; at most
// kOverlayColours and kOverlayDashes of them are distinct.
inline constexpr unsigned kOverlayColours = 4, kOverlayDashes = 5;

[[nodiscard]] std::string draw_overlay(const Comparison& comparison);
// Which line is which, as HTML.
[[nodiscard]] std::string overlay_key(const Comparison& comparison);
// The style of both.
[[nodiscard]] const char* overlay_style();

}  // namespace capos::report
